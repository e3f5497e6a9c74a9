"""The cast, and short ways to say what a scene needs.

莲花街道 in 福田区 is where things happen: clerk Zhou Min and head Wu Fang at the street office, reviewer He Jun and head Lin Hai at
the district, payer Gao Yan at the city's fund centre, supervisor Shen Yi for the district; agent Li Na of the property company, Chen
Bo of the owners' committee, Fang Ping of the residents' committee, owner Zhao Lei, who speaks for owners that join in asking. Stranger Qian Wei is a clerk of 西丽街道 in 南山区 and must never get in.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from flows.hand_off import carry_on
from models.case import Case, CaseEvent, events_of, next_line
from models.climb import climb
from models.clock import Clock
from models.db import insert_rows, update_rows
from models.decisions import Decision
from models.ledger import GENESIS
from models.people import Body, Person, Post, Role
from models.proposals import decide, propose
from models.territory import Area, Estate
from models.worktime import OFFICE_ZONE

HIRED = date(2020, 1, 1)


def at(text: str) -> datetime:
    """`2026-10-12 09:00`, in Shenzhen."""
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE_ZONE)


def area(session: Session, code: str) -> Area:
    return session.scalars(select(Area).where(col(Area.code) == code)).one()


def body(session: Session, kind: str, name: str, code: str | None = None, area_id: int | None = None) -> Body:
    made = Body(kind=kind, name=name, code=code, area_id=area_id)
    session.add(made)
    session.flush()
    return made


def person(session: Session, account: str, name: str, role: Role, path: str, **post: Any) -> Person:
    made = Person(name=name, account=account)
    session.add(made)
    session.flush()
    session.add(Post(person_id=made.id, role=role, area_path=path, from_day=HIRED, **post))  # type: ignore[arg-type]
    session.flush()
    return made


def cast_of(session: Session) -> None:
    """Write the cast."""
    city, futian, lianhua, north = (area(session, code) for code in ("4403", "440304", "440304008", "440304008003"))
    nanshan_street = area(session, "440305002")
    street = body(session, "street_office", "福田区莲花街道办事处", "福莲街办", lianhua.id)
    district = body(session, "district_housing", "福田区住房和建设局", "福住建", futian.id)
    centre = body(session, "fund_centre", "深圳市物业专项维修资金管理中心", "深维资", city.id)
    elsewhere = body(session, "street_office", "南山区街道办事处", "南街办", nanshan_street.id)
    company = body(session, "company", "莲心物业服务有限公司")
    committee = body(session, "committee", "莲花北村业主委员会")
    residents = body(session, "residents_committee", "莲花街道北社区居民委员会", "莲北居", north.id)
    owners = body(session, "owners", "莲花北村业主联名", None, north.id)
    estate = Estate(
        name="莲花北村", area_id=north.id, path=north.path,  # type: ignore[arg-type]
        company_id=company.id, committee_id=committee.id, owners_id=owners.id,
    )  # fmt: skip
    session.add(estate)
    session.flush()
    person(session, "agent", "李娜", Role.AGENT, north.path, body_id=company.id)
    person(session, "committee", "陈博", Role.COMMITTEE, north.path, body_id=committee.id)
    person(session, "residents", "方萍", Role.RESIDENTS, north.path, body_id=residents.id)
    person(session, "owner", "赵磊", Role.OWNER, north.path, estate_id=estate.id, body_id=owners.id)
    person(session, "clerk", "周敏", Role.CLERK, lianhua.path, body_id=street.id)
    person(session, "head", "吴芳", Role.HEAD, lianhua.path, body_id=street.id)
    person(session, "reviewer", "何军", Role.REVIEWER, futian.path, body_id=district.id)
    person(session, "district_head", "林海", Role.DISTRICT_HEAD, futian.path, body_id=district.id)
    person(session, "payer", "高燕", Role.PAYER, city.path, body_id=centre.id)
    person(session, "supervisor", "沈毅", Role.SUPERVISOR, futian.path)
    person(session, "duty", "郑勇", Role.DUTY, city.path)
    person(session, "auditor", "孙静", Role.AUDITOR, city.path)
    person(session, "admin", "马超", Role.ADMIN, city.path)
    person(session, "stranger", "钱伟", Role.CLERK, nanshan_street.path, body_id=elsewhere.id)


class Cast:
    """The cast by account (`cast.clerk`), and the scene's estate and bodies."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __getattr__(self, account: str) -> Person:
        found = self.session.scalar(select(Person).where(col(Person.account) == account))
        if found is None:
            raise AttributeError(account)
        return found

    @property
    def estate(self) -> Estate:
        return self.session.scalars(select(Estate).where(col(Estate.name) == "莲花北村")).one()

    @property
    def company(self) -> Body:
        return self.session.scalars(select(Body).where(col(Body.kind) == "company")).one()

    def opens(self, when: str, type_id: str = "fund_request", **details: Any) -> Case:
        """Agent Li Na opens a case."""
        wanted = {"works": "3栋电梯大修", "budget": 20_000_000} | details
        return Case.open(
            self.session,
            type_id,
            estate=self.estate,
            applicant=self.company,
            details=wanted,
            by=self.agent,
            at=at(when),
        )

    def fires(self, case: Case, who: str, name: str, when: str, note: str | None = None, **facts: Any) -> CaseEvent:
        return case.fire(name, by=getattr(self, who), at=at(when), facts=facts, note=note)

    def decided(self, passed: bool = True, kind: str = "ordinary") -> Decision:
        """A decision of the owners that is counted already."""
        decision = Decision(
            estate_id=self.estate.id, title="使用维修资金大修3栋电梯", kind=kind, made_at=at("2026-08-01 09:00"),  # type: ignore[arg-type]
            counted_at=at("2026-09-19 09:00"),
            tally={"undecided": [], "ordinary_passed": passed, "why_not": "" if passed else "同意的业主人数（40.00%）未过半数。"},
        )  # fmt: skip
        self.session.add(decision)
        self.session.flush()
        return decision


DECIDED = {
    "plan_publicity_from": "2026-08-03", "plan_publicity_to": "2026-08-09",
    "notice_from": "2026-08-10", "notice_to": "2026-08-24",
    "window_from": "2026-09-10", "window_to": "2026-09-18",
    "result_publicity_from": "2026-09-19", "result_publicity_to": "2026-09-25",
}  # fmt: skip
"""When each step of `Cast.decided` ran."""


def shift(session: Session, *looks: str | datetime) -> None:
    """The shift looks at each of these instants, until nothing is left of it: what time brings about, then what events mean."""
    for look in looks:
        when = at(look) if isinstance(look, str) else look
        while climb(session, when):
            pass
        while carry_on(session, when):
            pass


def running(session: Session, case: Case, kind: str = "deadline") -> Clock:
    """The case's one running clock of that kind."""
    return session.scalars(
        select(Clock).where(col(Clock.case_id) == case.id, col(Clock.kind) == kind, col(Clock.stopped_at).is_(None))
    ).one()


def at_intake(
    session: Session, cast: Cast, when: str = "2026-10-12 09:00", decided: Mapping[str, str] = DECIDED
) -> Case:
    """A request that the agent submitted at `when`, waiting for the street; `decided`: when the owners' decision ran."""
    case = cast.opens(when)
    cast.fires(case, "agent", "enter_decided", when, decision=cast.decided().id, **decided)
    cast.fires(case, "agent", "submit", when, payee="深圳安捷电梯工程有限公司", finish_by="2027-03-31")
    return case


def at_review(session: Session, cast: Cast, when: str = "2026-10-12 09:00") -> Case:
    case = at_intake(session, cast, when)
    cast.fires(case, "clerk", "accept", when)
    return case


def new_rule(cast: Cast, when: str, **wanted: Any) -> None:
    """Two persons of the office agree on a further version of a rule."""
    content = {"source": "深圳市住房和建设局书面答复", "article": "第一项", "confidence": "secondary"} | wanted
    proposal = propose(cast.session, "rule", content, "已向主管部门核对", by=cast.admin, at=at(when))
    decide(cast.session, proposal.id, to_approve=True, words="", rebase=False, by=cast.supervisor, at=at(when))  # type: ignore[arg-type]


def copies(session: Session, original: Case, dues: Sequence[datetime | None], named: str = "copy") -> list[int]:
    """One case like `original` for each of `dues`, with a ledger of its own, hashed anew, and its running deadline.

    Where an instant is given, that deadline has been reminded of and turns red then. Returns the new cases' ids.
    """
    clock, lines = running(session, original), events_of(session, original)
    same = {name: getattr(original, name) for name in Case.model_fields if name != "id"} | {
        "last_seq": 0,
        "last_hash": GENESIS,
    }
    rows = [
        same | {"number": f"{original.number}-{named}-{number}", "next_due_at": due or clock.due_at}
        for number, due in enumerate(dues)
    ]
    ids = insert_rows(session, Case, rows)
    events: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for case_id in ids:
        case = Case(**same | {"id": case_id})
        for line in lines:
            row = next_line(
                case, line.name, line.from_stage, line.to_stage, line.by_id, line.on_behalf_of, line.at, line.recorded_at,
                line.facts, line.note,
            )  # fmt: skip
            case.last_seq, case.last_hash = row["seq"], row["hash"]
            events.append(row | {"handled_at": line.recorded_at})
        ends.append({"id": case_id, "last_seq": case.last_seq, "last_hash": case.last_hash})
    insert_rows(session, CaseEvent, events)
    update_rows(session, Case, ends)
    limits = [
        clock.model_dump(exclude={"id"})
        | {"case_id": case_id}
        | ({"due_at": due, "due_day": last_day(due), "next_at": due, "next_step": "red_card"} if due else {})
        for case_id, due in zip(ids, dues, strict=True)
    ]
    insert_rows(session, Clock, limits)
    return ids


def last_day(due_at: datetime) -> date:
    """The day of which `due_at` is the end, or within which it lies."""
    return (due_at - timedelta.resolution).astimezone(OFFICE_ZONE).date()
