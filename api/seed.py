"""A trial Shenzhen: offices, companies, committees and people who could be real, in real streets and communities.

All estates, companies and persons are made up. Written only in trial mode, and once: what is there already stays as it
is. The sample cases are lived through by `samples.py`.
"""

import json
import secrets
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pwdlib import PasswordHash
from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session, col

from models.committees import Member, take_office
from models.people import Body, Person, Post, Role, Substitution
from models.territory import Area, Estate
from models.worktime import OFFICE_ZONE

from . import samples


class Account(NamedTuple):
    account: str
    who: str
    password: str


class Officer(NamedTuple):
    name: str
    role: Role
    account: str | None = None


class Office(NamedTuple):
    """A body, the area it answers for, its 机关代字, and who works there."""

    area: str
    kind: str
    name: str
    code: str | None
    people: tuple[Officer, ...]


class Place(NamedTuple):
    """An estate, the community it lies in, who runs it, who sits on its committee, how many units each building has."""

    name: str
    community: str
    company: str
    committee: tuple[Officer, ...] = ()
    buildings: tuple[int, ...] = ()
    owner: Officer | None = None
    """Who speaks for owners that ask together (业主联名)."""
    term: int | None = 900
    """In how many days the term of its committee ends; None: it was never filed."""


OFFICES = (
    Office("4403", "fund_centre", "深圳市物业专项维修资金管理中心", "深维资", (
        Officer("高燕", Role.PAYER, "payer"), Officer("冯涛", Role.PAYER),
    )),
    Office("440304", "district_housing", "深圳市福田区住房和建设局", "深福住建", (
        Officer("何军", Role.REVIEWER, "reviewer"), Officer("邓洁", Role.REVIEWER),
        Officer("林海", Role.DISTRICT_HEAD, "district_head"),
    )),
    Office("440305", "district_housing", "深圳市南山区住房和建设局", "深南住建", (
        Officer("罗斌", Role.REVIEWER), Officer("叶青", Role.DISTRICT_HEAD),
    )),
    Office("440304008", "street_office", "福田区莲花街道办事处", "福莲街办", (
        Officer("周敏", Role.CLERK, "clerk"), Officer("刘倩", Role.CLERK), Officer("黄志强", Role.CLERK),
        Officer("吴芳", Role.HEAD, "head"),
    )),
    Office("440304006", "street_office", "福田区香蜜湖街道办事处", "福香街办", (
        Officer("曾丽", Role.CLERK), Officer("彭刚", Role.HEAD),
    )),
    Office("440304007", "street_office", "福田区梅林街道办事处", "福梅街办", (
        Officer("蒋欣", Role.CLERK), Officer("许建", Role.CLERK), Officer("谢文", Role.HEAD),
    )),
    Office("440304009", "street_office", "福田区华富街道办事处", "福华街办", (
        Officer("韩梅", Role.CLERK), Officer("曹阳", Role.HEAD),
    )),
    Office("440305007", "street_office", "南山区粤海街道办事处", "南粤街办", (
        Officer("唐亮", Role.CLERK), Officer("董雪", Role.HEAD),
    )),
    Office("440305009", "street_office", "南山区西丽街道办事处", "南西街办", (
        Officer("钱伟", Role.CLERK, "stranger"), Officer("袁林", Role.HEAD),
    )),
    Office("440306", "district_housing", "深圳市宝安区住房和建设局", "深宝住建", (
        Officer("郝明", Role.REVIEWER), Officer("顾青", Role.DISTRICT_HEAD),
    )),
    Office("440306017", "street_office", "宝安区新安街道办事处", "宝新街办", (
        Officer("温华", Role.CLERK), Officer("庄伟", Role.HEAD),
    )),
    Office("440306", "department", "宝安区消防救援大队", None, (Officer("罗刚", Role.AGENT, "department"),)),
    Office("440304", "department", "福田区市场监督管理局莲花所", None, (Officer("谭静", Role.AGENT),)),
    Office("4403", "company", "莲心物业服务有限公司", None, (
        Officer("李娜", Role.AGENT, "agent"), Officer("何丹", Role.AGENT),
    )),
    Office("4403", "company", "景和物业服务有限公司", None, (Officer("潘峰", Role.AGENT),)),
    Office("4403", "company", "南粤家园物业服务有限公司", None, (Officer("戴宁", Role.AGENT),)),
)  # fmt: skip
OVERSEERS = (
    Officer("沈毅", Role.SUPERVISOR, "supervisor"),
    Officer("郑勇", Role.DUTY, "duty"),
    Officer("孙静", Role.AUDITOR, "auditor"),
    Officer("马超", Role.ADMIN, "admin"),
)
"""They look at the whole city and belong to no desk."""
CHEN = Officer("陈博", Role.COMMITTEE, "committee")
PLACES = (
    # its roster is empty: whoever tries Banjie uploads one
    Place(
        "莲花北村",
        "440304008003",
        "莲心物业服务有限公司",
        (CHEN, Officer("苏红", Role.COMMITTEE)),
        owner=Officer("赵磊", Role.OWNER, "owner"),
    ),
    Place(
        "景田雅居",
        "440304008014",
        "莲心物业服务有限公司",
        (CHEN, Officer("丁力", Role.COMMITTEE)),
        (36, 36),
        owner=Officer("童欣", Role.OWNER),
    ),
    Place(
        "彩田名苑",
        "440304008013",
        "莲心物业服务有限公司",
        (Officer("魏兰", Role.COMMITTEE),),
        (48, 24),
        owner=Officer("龚平", Role.OWNER),
    ),
    Place(
        "紫荆花园",
        "440304008006",
        "景和物业服务有限公司",
        (Officer("薛峰", Role.COMMITTEE),),
        (40, 40),
        owner=Officer("万玲", Role.OWNER),
    ),
    Place(
        "香蜜新居",
        "440304006015",
        "景和物业服务有限公司",
        (Officer("贾静", Role.COMMITTEE),),
        (64,),
        owner=Officer("段辉", Role.OWNER),
        term=None,
    ),
    Place(
        "梅林翠苑",
        "440304007025",
        "景和物业服务有限公司",
        (Officer("邹平", Role.COMMITTEE),),
        (32, 32),
        owner=Officer("雷蕾", Role.OWNER),
        term=70,
    ),
    Place(
        "莲塘居",
        "440304009009",
        "莲心物业服务有限公司",
        (Officer("熊辉", Role.COMMITTEE),),
        (56,),
        owner=Officer("侯军", Role.OWNER),
        term=120,
    ),
    Place(
        "后海雅苑",
        "440305007011",
        "南粤家园物业服务有限公司",
        (Officer("秦岚", Role.COMMITTEE),),
        (60,),
        owner=Officer("龙梅", Role.OWNER),
        term=100,
    ),
    Place(
        "新安雅园",
        "440306017005",
        "景和物业服务有限公司",
        (Officer("申强", Role.COMMITTEE),),
        (40,),
        owner=Officer("余芳", Role.OWNER),
    ),
    Place("丽城小筑", "440305009014", "南粤家园物业服务有限公司", (), (48,), owner=Officer("史强", Role.OWNER)),
)
SEATED = ("卢玉珍", "江国栋", "尹秀兰", "常建华", "庞丽娟", "樊志强")
"""Who else sits on each committee, in the order of votes; the last two are alternates."""
RESIDENTS = {
    "440304008003": Officer("方萍", Role.RESIDENTS, "residents"),
    "440304008014": Officer("乔红", Role.RESIDENTS), "440304008013": Officer("文静", Role.RESIDENTS),
    "440304008006": Officer("易建", Role.RESIDENTS), "440304006015": Officer("武琳", Role.RESIDENTS),
    "440304007025": Officer("戚明", Role.RESIDENTS), "440304009009": Officer("莫敏", Role.RESIDENTS),
    "440305007011": Officer("贺强", Role.RESIDENTS), "440305009014": Officer("柳青", Role.RESIDENTS),
    "440306017005": Officer("凌霞", Role.RESIDENTS),
}  # fmt: skip
"""By community: who works at its residents' committee."""
DUTIES = {
    Role.AGENT: "经办人", Role.COMMITTEE: "委员", Role.OWNER: "业主", Role.CLERK: "经办人", Role.HEAD: "负责人",
    Role.RESIDENTS: "工作人员", Role.REVIEWER: "审核人", Role.DISTRICT_HEAD: "负责人", Role.PAYER: "经办人",
}  # fmt: skip
"""What each is called behind the name of the body they belong to."""
ON_LEAVE = ("黄志强", "刘倩")
"""Who is away these days, and who stands in."""
ACCOUNTS = (
    "agent", "committee", "owner", "residents", "clerk", "head", "reviewer", "district_head", "payer", "supervisor", "duty",
    "auditor", "admin", "stranger", "department",
)  # fmt: skip


def trial(session: Session, at: datetime, var: Path) -> list[Account]:
    """Write the trial office unless it is there; `at` is the office's now. Returns what a newcomer may sign in with."""
    if session.scalar(select(Person.id).where(col(Person.account) == "clerk")) is None:  # type: ignore[call-overload]
        _people_and_places(session, at.astimezone(OFFICE_ZONE).date())
        samples.live(session, at, {place.name: place.buildings for place in PLACES})
    password = _password(var)
    _let_in(session, password)
    people = {person.account: person for person in session.scalars(select(Person).where(_has_trial_account()))}
    return [Account(name, _who(session, people[name]), password) for name in ACCOUNTS if name in people]


def _people_and_places(session: Session, today: date) -> None:
    staff = _Staff(session, since=date(today.year - 3, 1, 1))
    for office in OFFICES:
        area = staff.area(office.area)
        body = staff.body(office.kind, office.name, office.code, area)
        staff.hire(office.people, area.path, body=body)
    city = staff.area("4403")
    staff.hire(OVERSEERS, city.path)
    for code, officer in RESIDENTS.items():
        community = staff.area(code)
        name = f"{community.name.removesuffix('居委会').removesuffix('社区')}社区居民委员会"
        staff.hire([officer], community.path, body=staff.body("residents_committee", name, None, community))
    for place in PLACES:
        community = staff.area(place.community)
        committee = staff.body("committee", f"{place.name}业主委员会", None, community) if place.committee else None
        owners = staff.body("owners", f"{place.name}业主联名", None, community)
        estate = Estate(
            name=place.name,
            area_id=community.id,  # type: ignore[arg-type]
            path=community.path,
            company_id=staff.bodies[place.company].id,
            committee_id=committee.id if committee else None,
            owners_id=owners.id,
        )
        session.add(estate)
        session.flush()
        staff.hire(place.committee, community.path, body=committee)
        staff.hire([place.owner] if place.owner else [], community.path, body=owners, estate=estate)
        if committee and place.term:
            _seat(session, place, estate, committee, today, today + timedelta(days=place.term))
    absent, substitute = (staff.people[name].id for name in ON_LEAVE)
    session.add(
        Substitution(
            absent_id=absent,  # type: ignore[arg-type]
            substitute_id=substitute,  # type: ignore[arg-type]
            from_day=today - timedelta(days=3),
            to_day=today + timedelta(days=11),
        )
    )
    session.flush()


def _seat(session: Session, place: Place, estate: Estate, body: Body, today: date, to_day: date) -> None:
    """Put the estate's committee in office: five members, two alternates, three years ago."""
    since = today - timedelta(days=1095)
    names = [*(officer.name for officer in place.committee), *SEATED][:7]
    committee = take_office(
        session, estate, body, kind="elected", case=None, from_day=since, to_day=to_day, seats=5,
        at=datetime.combine(since, time(9), OFFICE_ZONE),
    )  # fmt: skip
    session.add_all(
        Member(
            committee_id=committee.id,  # type: ignore[arg-type]
            name=name,
            unit=f"1栋{rank:02d}01",
            post="chair" if rank == 1 else "member" if rank <= 5 else "alternate",
            rank=rank,
            from_day=since,
        )
        for rank, name in enumerate(names, start=1)
    )
    session.flush()


class _Staff:
    """Who was hired and founded so far; one name is one person, who may hold several posts."""

    def __init__(self, session: Session, since: date) -> None:
        self.session = session
        self.since = since
        self.people: dict[str, Person] = {}
        self.bodies: dict[str, Body] = {}

    @cache  # noqa: B019 - lives for one seeding
    def area(self, code: str) -> Area:
        return self.session.scalars(select(Area).where(col(Area.code) == code)).one()

    def body(self, kind: str, name: str, code: str | None, area: Area) -> Body:
        self.bodies[name] = body = Body(kind=kind, name=name, code=code, area_id=area.id)
        self.session.add(body)
        self.session.flush()
        return body

    def hire(
        self, people: Iterable[Officer], path: str, body: Body | None = None, estate: Estate | None = None
    ) -> None:
        for officer in people:
            person = self.people.get(officer.name)
            if person is None:
                self.people[officer.name] = person = Person(name=officer.name, account=officer.account)
                self.session.add(person)
                self.session.flush()
            person.posts.append(
                Post(
                    person_id=person.id,  # type: ignore[arg-type]
                    role=officer.role,
                    body_id=body.id if body else None,
                    area_path=path,
                    estate_id=estate.id if estate else None,
                    from_day=self.since,
                )
            )
            self.session.flush()


def _password(var: Path) -> str:
    """One password for all trial accounts, made once per state folder and kept in `var/secrets/trial.json` (0600)."""
    path = var / "secrets" / "trial.json"
    if path.exists():
        kept: str = json.loads(path.read_text())["password"]
        return kept
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(10))
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps({"password": made}))
    part.rename(path)
    return made


def _let_in(session: Session, password: str) -> None:
    """Let the password that is printed open every trial account, also where the state folder is a new one.

    Hashing is slow on purpose, so all of them share one hash: good enough for a trial, and for nothing else.
    """
    hasher = PasswordHash.recommended()
    hashes = {person.password_hash for person in session.scalars(select(Person).where(_has_trial_account()))}
    kept = hashes.pop() if len(hashes) == 1 else None
    if kept is not None and hasher.verify(password, kept):
        return
    session.execute(update(Person).where(_has_trial_account()).values(password_hash=hasher.hash(password)))


def _has_trial_account() -> ColumnElement[bool]:
    return col(Person.account).in_(ACCOUNTS)


def _who(session: Session, person: Person) -> str:
    post = person.posts[0]
    if post.estate_id:
        where = session.get_one(Estate, post.estate_id).name
    elif post.body_id:
        where = session.get_one(Body, post.body_id).name
    else:
        return f"{person.name}，{person.title}"
    return f"{person.name}，{where}{DUTIES[post.role]}"
