"""Sample cases: some weeks of a trial office, lived through in order; fund requests here, the other types in `stories`.

Each act happens at its own instant through the verbs of `Case`, and what time brings about in between (reminders, red
cards, periods that end) is fired by the same code as in a running system. Nothing is written behind the ledger's back.
Everything is made up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from io import BytesIO
from itertools import pairwise
from random import Random
from typing import Any

import xlsxwriter
from sqlalchemy import select, update
from sqlmodel import Session, col

from models.access import works_at
from models.case import Backdate, Case, CaseEvent
from models.casetypes import STANDING
from models.climb import climb, next_instant
from models.clock import Clock
from models.decisions import Decision, Roster
from models.editions import calendar
from models.fund_accounts import import_balances
from models.people import Body, Desk, Person, Role
from models.reading import square_metres
from models.territory import Estate, Unit
from models.worktime import OFFICE_ZONE, WorkCalendar

from .stories import Telling, stories

DECIDED = "enter_decided submit"
PAID_OUT = "approve paid finished passed apply approve paid published"


@dataclass(frozen=True)
class Sample:
    """A case as it stands: what happened to it so far, and how many working days ago the last of it.

    `life` names the events after the opening; `accept+8`: eight working days after the one before. `holder` is the
    officer with whom it lies now. `finish` is the contract's date in days from today, where it matters.
    """

    estate: str
    works: str
    yuan: int
    life: str
    ago: int
    holder: str | None = None
    finish: int | None = None
    counter: bool = False
    """Entered by the clerk at the counter (窗口代录), the paper having come the working day before (补录)."""
    remark: str | None = None


SAMPLES = (
    # with the applicant
    Sample("莲花北村", "12栋屋面防水翻修", 386_400, "", 2),
    Sample("莲花北村", "地下车库照明改造", 92_000, "plan", 3),
    Sample("莲花北村", "7栋电梯主机更换", 418_000, "plan review_cost", 4),
    Sample("莲花北村", "小区围墙修缮", 64_500, "plan", 28),
    Sample("莲花北村", "消防喷淋系统维修", 153_000, "plan publish", 2),
    Sample("莲花北村", "旧会所外墙排险", 48_000, "plan withdraw", 9),
    Sample("梅林翠苑", "生活水泵更换", 76_800, "plan review_cost publish", 12),
    Sample("彩田名苑", "中庭雨水管网改造", 231_000, "plan publish vote", 1),
    Sample("紫荆花园", "2栋外墙渗漏维修", 187_000, "plan publish vote passed", 2),
    Sample("莲塘居", "楼道照明节能改造", 58_000, "enter_decided", 25),
    Sample("梅林翠苑", "健身广场地面翻修", 132_000, "plan publish vote_fails failed", 6),
    # with the street
    Sample("景田雅居", "2栋电梯大修", 286_400, DECIDED, 5, "周敏"),
    Sample("景田雅居", "1栋外墙渗漏维修", 198_500, DECIDED, 4, "周敏"),
    Sample("景田雅居", "生活水泵房设备更换", 112_000, DECIDED, 2),
    Sample("景田雅居", "监控系统更新", 88_600, DECIDED, 1, counter=True),
    Sample("景田雅居", "单元门禁更换", 46_200, DECIDED, 6, "黄志强"),
    Sample("景田雅居", "消防水泵大修", 134_900, f"{DECIDED} ask", 3, remark="已电话告知物业公司，合同第3页缺盖章。"),
    Sample("彩田名苑", "2栋天台隔热层翻修", 158_000, DECIDED, 11, "黄志强"),
    Sample("彩田名苑", "配电房改造", 264_000, f"{DECIDED} ask resubmit", 1, "周敏"),
    Sample("彩田名苑", "1栋消防管网更换", 97_300, DECIDED, 3, "刘倩"),
    Sample("香蜜新居", "屋面避雷设施维修", 36_800, DECIDED, 3, "曾丽"),
    Sample("香蜜新居", "电梯轿厢与层门更换", 173_000, DECIDED, 5),
    Sample("后海雅苑", "地下室渗漏治理", 221_000, DECIDED, 6, "唐亮"),
    Sample("丽城小筑", "化粪池清淤改造", 52_000, DECIDED, 2, "钱伟"),
    Sample("丽城小筑", "排水立管更换", 143_000, DECIDED, 4, "钱伟"),
    # with the district
    Sample("彩田名苑", "排水管网改造", 305_000, f"{DECIDED} accept", 5, "何军"),
    Sample("彩田名苑", "2栋电梯更换", 452_000, f"{DECIDED} accept", 4, "何军"),
    Sample("景田雅居", "2栋外墙饰面砖排险", 276_000, f"{DECIDED} accept", 2),
    Sample("莲塘居", "智能道闸更换", 61_000, f"{DECIDED} accept", 6, "邓洁"),
    Sample("紫荆花园", "1栋屋面防水", 149_000, f"{DECIDED} accept ask", 4),
    Sample("莲塘居", "配电柜更换", 83_500, f"{DECIDED} accept approve bounced", 2, "何军"),
    Sample("后海雅苑", "消防泵控制柜更换", 69_000, f"{DECIDED} accept+8", 3, "罗斌"),
    # with the district, their clocks stopped or lengthened
    Sample("彩田名苑", "地下车库顶板防水", 341_000, f"{DECIDED} accept pause", 4, "何军"),
    Sample("莲塘居", "空中花园防水修缮", 188_000, f"{DECIDED} accept pause resume", 1, "邓洁"),
    Sample("紫荆花园", "地下车库结构裂缝维修", 402_000, f"{DECIDED} accept ask_extension", 1, "何军"),
    Sample("景田雅居", "幕墙玻璃更换", 366_000, f"{DECIDED} accept ask_extension grant_extension", 2, "邓洁"),
    # with the fund centre
    Sample("紫荆花园", "电梯曳引机更换", 238_000, f"{DECIDED} accept approve", 5, "高燕"),
    Sample("紫荆花园", "小区道路修复", 119_000, f"{DECIDED} accept approve", 3, "高燕"),
    Sample("后海雅苑", "二次供水管道更换", 164_000, f"{DECIDED} accept approve", 1),
    # works, acceptance, settlement
    Sample("紫荆花园", "给水立管更换", 207_000, f"{DECIDED} accept approve paid", 15, finish=1),
    Sample("紫荆花园", "消防报警主机更换", 96_000, f"{DECIDED} accept approve paid", 18, finish=0),
    Sample("香蜜新居", "外墙排水管更换", 71_000, f"{DECIDED} accept approve paid", 20, finish=-1),
    Sample("景田雅居", "地下车库防水", 322_000, f"{DECIDED} accept approve paid finished", 4),
    Sample("香蜜新居", "中庭排水改造", 118_000, f"{DECIDED} accept approve paid finished", 26),
    Sample("香蜜新居", "电梯控制系统更新", 255_000, f"{DECIDED} accept approve paid finished passed", 2),
    Sample("彩田名苑", "发电机组维修", 84_000, f"{DECIDED} accept approve paid finished passed apply", 4, "邓洁"),
    Sample("紫荆花园", "2栋天面排水沟改造", 67_000, f"{DECIDED} accept approve paid finished passed apply", 1),
    Sample("莲塘居", "屋面隔热层翻修", 142_000, f"{DECIDED} accept approve paid finished passed apply approve", 2, "冯涛"),
    Sample("梅林翠苑", "1栋电梯大修", 194_000, f"{DECIDED} accept approve paid finished passed apply approve paid", 6),
    Sample("香蜜新居", "会所屋面翻修", 210_000, f"{DECIDED} accept approve paid cancel", 7, "何军"),
    # closed
    Sample("梅林翠苑", "2栋外墙翻新", 268_000, f"{DECIDED} accept {PAID_OUT}", 3),
    Sample("莲塘居", "消防栓系统维修", 77_000, f"{DECIDED} accept+7 {PAID_OUT}", 12),
    Sample("后海雅苑", "1栋电梯更换", 436_000, f"{DECIDED} accept {PAID_OUT}", 5),
    Sample("梅林翠苑", "停车场地坪翻新", 125_000, f"{DECIDED} accept approve paid cancel returned", 8),
    Sample("梅林翠苑", "公共卫生间改造", 54_000, f"{DECIDED} refuse", 14),
    Sample("莲塘居", "连廊雨棚更换", 43_000, f"{DECIDED} ask lapse+12", 7),
    Sample("彩田名苑", "游泳池设备更换", 98_000, f"{DECIDED} accept refuse", 10),
    Sample("香蜜新居", "地库排烟风机更换", 105_000, f"{DECIDED} accept withdraw", 9),
)  # fmt: skip

PACE: Mapping[str, tuple[int, int]] = {
    "plan": (0, 1), "review_cost": (1, 3), "publish": (1, 4), "enter_decided": (0, 0), "submit": (0, 2),
    "accept": (1, 4), "ask": (1, 3), "resubmit": (2, 6), "approve": (1, 4), "paid": (1, 4), "bounced": (1, 2),
    "finished": (7, 16), "passed": (1, 3), "apply": (1, 3),
    "published": (2, 7), "refuse": (2, 4), "withdraw": (1, 3), "cancel": (4, 8), "returned": (2, 6), "failed": (0, 1),
    "vote": (0, 1), "vote_fails": (0, 1), "pause": (1, 2), "resume": (3, 6), "ask_extension": (2, 3), "grant_extension": (0, 1),
}  # fmt: skip
"""Working days from the event before, from and to."""
VOTE_AFTER = 34
"""Calendar days from the publicity of a plan to the day after the vote: 7, 15 of notice from the day after next, 10."""
RESULT_PUBLICITY = 8
"""Calendar days from a passed vote to the day after its publicity."""
KEPT_HERE = {"景田雅居", "紫荆花园"}
"""Whose fund's balances are kept here (已建账); of the others the bank alone knows them."""
OFFICE_DESKS = {Desk.STREET, Desk.DISTRICT, Desk.CITY}
HEADS = (Role.HEAD, Role.DISTRICT_HEAD)


def live(session: Session, at: datetime, buildings: Mapping[str, Sequence[int]]) -> None:
    """Live through all `SAMPLES` up to `at`, the office's now. `buildings`: by estate, how many units each has."""
    book = calendar(session)
    today = at.astimezone(OFFICE_ZONE).date()
    for name, sizes in buildings.items():
        if sizes:
            estate = _estate(session, name)
            agent = people_at(session, Desk.APPLICANT, estate)[0]
            papers = _roster(name, sizes)
            Roster.read(session, estate, papers, filename=f"{name}业主名册.xlsx", by=agent, at=at - timedelta(days=150))
        if name in KEPT_HERE:
            _open_accounts(session, estate, at - timedelta(days=149))
    lives = [Life(session, sample, book, today) for sample in SAMPLES]
    tellings = [Telling(session, story, book, today) for story in stories()]
    told: list[Life | Telling] = [*lives, *tellings]
    acts = [(when, number, step) for number, one in enumerate(told) for step, when in one.plan]
    for when, number, step in sorted(acts, key=lambda act: act[:2]):
        _let_time_pass(session, when)
        told[number].act(step, when)  # type: ignore[arg-type]
    _let_time_pass(session, at)
    for life in lives:
        life.settle(at)
    _decisions_to_try(session, at)
    _forget_what_is_over(session, at)


def _let_time_pass(session: Session, until: datetime) -> None:
    while (due := next_instant(session)) and due <= until:
        climb(session, due)


def _forget_what_is_over(session: Session, at: datetime) -> None:
    """What moved on has nobody left to tell: the first shift shall not greet people with last month's reminders."""
    last = select(col(Case.last_seq)).where(col(Case.id) == col(CaseEvent.case_id)).scalar_subquery()
    session.execute(
        update(CaseEvent)
        .where(col(CaseEvent.name).in_(["remind", "red_card"]), col(CaseEvent.seq) < last)
        .values(handled_at=at),
        execution_options={"synchronize_session": False},
    )


@dataclass
class Life:
    """One sample as it is lived: its days, worked out backwards from the last, and what each event states."""

    session: Session
    sample: Sample
    book: WorkCalendar
    today: date
    case: Case | None = None
    plan: list[tuple[str, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.sample.estate}{self.sample.works}")
        self.estate = _estate(self.session, self.sample.estate)
        self.agent = people_at(self.session, Desk.APPLICANT, self.estate)[0]
        names = ["open", *(word.partition("+")[0] for word in self.sample.life.split())]
        self.plan = list(zip(names, _at_office_hours(self._days(names), self.random), strict=True))

    # --- when ---

    def _days(self, names: Sequence[str]) -> list[date]:
        gaps = [word.partition("+")[2] for word in self.sample.life.split()]
        day = self.book.add_working(self.today, -self.sample.ago)
        days = [day]
        for (before, name), gap in zip(reversed(list(pairwise(names))), reversed(gaps), strict=True):
            if before == "publish":
                day = self.book.previous_working(day - timedelta(days=VOTE_AFTER - 1))
            elif before == "passed" and name == "submit":
                day = self.book.previous_working(day - timedelta(days=RESULT_PUBLICITY - 1))
            else:
                day = self.book.add_working(day, -(int(gap) if gap else self.random.randint(*PACE[name])))
            days.append(day)
        return days[::-1]

    def _finish_by(self) -> date:
        """The contract's date: as the sample says, a few days after the works were done, or a good while from now."""
        if self.sample.finish is not None:
            return self.today + timedelta(days=self.sample.finish)
        finished = next((when for name, when in self.plan if name == "finished"), None)
        return finished.date() + timedelta(days=5) if finished else self.today + timedelta(days=75)

    # --- what ---

    def act(self, name: str, at: datetime) -> None:
        if name == "open":
            self._open(at)
            return
        assert self.case is not None
        if name in ("vote", "vote_fails"):
            agreeing = 0.78 if name == "vote" else 0.42
            vote(self.session, self.case, self.random, by=self.agent, at=at, agreeing=agreeing)
            return
        who = self._who(name, at)
        facts = facts_of(name, self.case, at.date(), self.random, finish_by=self._finish_by())
        if name == "enter_decided":
            facts |= decided(self.session, self.case, self.random, by=self.agent, at=at)
        behalf, backdate = None, None
        if self.sample.counter and name == "submit":
            who, behalf = self._officer(Desk.STREET), f"body:{self.case.applicant_id}"
            came = max(datetime.combine(self.book.previous_working(at.date()), at.timetz()), self.case.last_at)
            backdate = Backdate(came, reason="窗口收件当日系统维护，次日补录", proof="收件登记簿第86号")
        self.case.fire(name, by=who, at=at, facts=facts, on_behalf_of=behalf, backdate=backdate)

    def settle(self, at: datetime) -> None:
        """The last thing before now: with whom it lies, and what somebody noted."""
        assert self.case is not None
        soon = min(self.case.last_at + timedelta(minutes=20), at)
        if self.sample.holder:
            holder = self.session.scalars(select(Person).where(col(Person.name) == self.sample.holder)).one()
            if self.case.assignee_id != holder.id:
                self.case.assign(holder, by=holder, at=soon)
        if self.sample.remark:
            self.case.note(self.sample.remark, by=self._officer(Desk.STREET), at=soon)

    def _open(self, at: datetime) -> None:
        company = self.session.get_one(Body, self.estate.company_id)
        details = {"works": self.sample.works, "budget": self.sample.yuan * 100}
        self.case = Case.open(
            self.session, "fund_request", estate=self.estate, applicant=company, details=details, by=self.agent, at=at
        )

    def _who(self, name: str, at: datetime) -> Person:
        """Whose turn it is. An officer claims the case first, as people do."""
        assert self.case is not None
        desk = self.case.kind.who(name, self.case.current)[0]
        if name in STANDING and STANDING[name].by_head:
            return next(one for one in people_at(self.session, desk, self.estate, HEADS) if one.has_role(*HEADS))
        if name == "passed" and self.case.stage == "acceptance":
            desk = Desk.COMMITTEE
        if desk not in OFFICE_DESKS:
            return people_at(self.session, desk, self.estate)[0]
        if self.case.desk != desk:  # ending a correction that never came
            return self._officer(desk)
        if self.case.assignee_id is None:
            officer = self._officer(desk)
            self.case.assign(officer, by=officer, at=max(at - timedelta(minutes=25), self.case.last_at))
        return self.session.get_one(Person, self.case.assignee_id)

    def _officer(self, desk: Desk) -> Person:
        return self.random.choice(people_at(self.session, desk, self.estate))


def decided(session: Session, case: Case, random: Random, *, by: Person, at: datetime) -> dict[str, Any]:
    """A decision passed before the case was opened, with the days of its steps: the facts of `enter_decided`."""
    last = at.astimezone(OFFICE_ZONE).date() - timedelta(days=2)
    days: dict[str, date] = {}
    for step, length in (("result_publicity", 7), ("window", 10), ("notice", 15), ("plan_publicity", 7)):
        days[f"{step}_from"], days[f"{step}_to"] = last - timedelta(days=length - 1), last
        last -= timedelta(days=length)
    window = days["window_from"], days["window_to"]
    decision = _put_to_the_owners(session, case, window, by=by, at=at, case_runs_it=False)
    take_ballots(session, decision, random, by=by, at=at)
    return {"decision": decision.id} | {name: day.isoformat() for name, day in days.items()}


def vote(session: Session, case: Case, random: Random, *, by: Person, at: datetime, agreeing: float = 0.78) -> None:
    """The vote that a case runs: its window has ended, the ballots are brought in and counted."""
    ran = select(Clock).where(col(Clock.case_id) == case.id, col(Clock.fires) == "window_ends")
    window = session.scalars(ran).one()
    first = window.started_at.astimezone(OFFICE_ZONE).date() + timedelta(days=1)
    decision = _put_to_the_owners(session, case, (first, window.due_day), by=by, at=at, case_runs_it=True)
    take_ballots(session, decision, random, by=by, at=at, agreeing=agreeing)


def _put_to_the_owners(
    session: Session, case: Case, window: tuple[date, date], *, by: Person, at: datetime, case_runs_it: bool
) -> Decision:
    return Decision.open(
        session,
        session.get_one(Estate, case.estate_id),
        title=f"使用维修资金：{case.details['works']}",
        by=by,
        at=at,
        window_from=window[0],
        window_to=window[1],
        case=case if case_runs_it else None,
    )


def facts_of(name: str, case: Case, day: date, random: Random, *, finish_by: date) -> dict[str, Any]:
    """What a person states with an event of a fund request, as it might be; `day` is the day of the event."""
    budget, paid = case.details["budget"], case.details.get("paid", 0)
    plausible: dict[str, dict[str, Any]] = {
        "plan": {"warranty_expired": True, "site_check": "已会同业委会和施工单位现场查勘，属共用部位，保修期已满。"},
        "review_cost": {"reviewer": "深圳衡信造价咨询有限公司"},
        "publish": {"places": ["小区公告栏", "各单元大堂"]},
        "revise": {"reason": "业主建议增加防水层做法，方案需要修改。"},
        "submit": {"payee": random.choice(BUILDERS), "finish_by": finish_by.isoformat()},
        "ask": {"items": random.sample(LACKING, 2)},
        "resubmit": {"answer": "已按要求补齐。"},
        "refuse": {"reason": "申请列支的部位属于物业服务合同约定由物业服务企业承担的日常养护范围。"},
        "withdraw": {"reason": "物业公司拟与其他工程合并后重新申请。"},
        "bounced": {"reason": "收款账户户名与开户行登记不一致。"},
        "paid": {"paid_on": day.isoformat(), "receipt": f"{day:%Y%m%d}{random.randint(1, 9999):04d}"},
        "cancel": {"reason": "施工单位停业，经业委会同意取消工程。", "owed": paid // 300 * 100},
        "rework": {"reason": "蓄水试验仍有渗漏。", "finish_by": finish_by.isoformat()},
        "pause": {"reason": "委托造价咨询机构复核工程预算", "evidence": f"福田住建委〔{day.year}〕18号委托书"},
        "resume": {"result": "复核意见认为工程预算合理"},
        "ask_extension": {"by": 5, "reason": "涉及相邻楼栋共用部位，需会同设计单位现场核实列支范围"},
        "returned": {"amount": paid - case.details.get("settlement", 0), "returned_on": day.isoformat()},
    }  # fmt: skip
    if name == "approve" and case.stage == "review":
        return {"amount": budget // 200 * 100}
    if name == "passed" and case.stage == "acceptance":
        return {"settlement": budget * random.randint(88, 99) // 10_000 * 100}
    return plausible.get(name, {})


BUILDERS = (
    "深圳安捷电梯工程有限公司", "深圳恒固建筑防水有限公司", "深圳润通给排水工程有限公司", "深圳明泰机电安装有限公司", "深圳嘉筑建设工程有限公司",
)  # fmt: skip
LACKING = (
    "施工合同缺第3页签章", "工程预算未列明材料规格型号", "公示照片未显示公示日期", "收款单位开户许可证明不清晰", "申请表业委会意见栏未盖章",
)  # fmt: skip


# --- rosters and ballots: real workbooks, read like anybody's ---


def take_ballots(
    session: Session, decision: Decision, random: Random, *, by: Person, at: datetime, taking_part: float = 0.84,
    agreeing: float = 0.78,
) -> None:  # fmt: skip
    """Hand in a workbook of ballots for the decision, by the estate's roster and within its window."""
    units = session.scalars(select(Unit).where(col(Unit.estate_id) == decision.estate_id).order_by(col(Unit.id))).all()
    voting = random.sample(units, round(len(units) * taking_part))
    yes = round(len(voting) * agreeing)
    assert decision.window_from and decision.window_to
    rows: list[list[Any]] = [["房号", "业主姓名", "表决意见", "收票时间"]]
    for number, unit in enumerate(voting):
        days = random.randint(0, (decision.window_to - decision.window_from).days)
        hour, minute = random.randint(9, 20), random.choice((0, 15, 30, 45))
        came = datetime.combine(decision.window_from + timedelta(days=days), time(hour, minute))
        opinion = "同意" if number < yes else random.choice(("不同意", "弃权"))
        rows.append([unit.label, unit.owner, opinion, f"{came:%Y-%m-%d %H:%M}"])
    # pasted twice, as happens
    rows.append(rows[3])
    decision.take(session, _workbook([f"{decision.title} 表决票"], rows), filename="表决票.xlsx", by=by, at=at)


def _decisions_to_try(session: Session, at: datetime) -> None:
    """Three decisions on which no case rests yet: one passed, one failed, one with ballots to rule on."""
    estate = _estate(session, "景田雅居")
    agent = people_at(session, Desk.APPLICANT, estate)[0]
    random = Random("景田雅居")
    last = at.astimezone(OFFICE_ZONE).date() - timedelta(days=9)
    for title, taking_part, agreeing in (
        ("使用维修资金：1栋电梯大修", 0.86, 0.8),
        ("使用维修资金：小区大门改造", 0.55, 0.7),
    ):
        decision = Decision.open(
            session, estate, title=title, by=agent, at=at, window_from=last - timedelta(days=9), window_to=last
        )
        take_ballots(session, decision, random, by=agent, at=at, taking_part=taking_part, agreeing=agreeing)
    decision = Decision.open(session, estate, title="使用维修资金：儿童活动区更新", by=agent, at=at)
    units = session.scalars(select(Unit).where(col(Unit.estate_id) == estate.id).order_by(col(Unit.id)).limit(60)).all()
    rows = [["房号", "业主姓名", "表决意见"], *([unit.label, unit.owner, "同意"] for unit in units)]
    rows.append([units[4].label, units[4].owner, "不同意"])
    rows.append([units[9].label, "张小明", "同意"])
    decision.take(session, _workbook(["表决票"], rows), filename="表决票.xlsx", by=agent, at=at)


def _roster(estate: str, buildings: Sequence[int]) -> bytes:
    random = Random(estate)
    names = _names(random)
    rows: list[list[Any]] = [["楼栋", "房号", "业主姓名", "专有部分面积（㎡）", "备注"]]
    for building, units in enumerate(buildings, start=1):
        sizes = [random.randint(4200, 13_900) for _ in range(4)]
        for number in range(units):
            floor, door = divmod(number, 4)
            owner, remark = next(names), ""
            if random.random() < 0.25:
                owner = f"{owner}、{next(names)}"
            if random.random() < 0.02:
                owner, remark = "深圳汇景置业有限公司", "未售"
            rows.append([f"{building}栋", f"{floor + 1:02d}{door + 1:02d}", owner, square_metres(sizes[door]), remark])
    return _workbook([f"{estate}业主名册", "（样例，姓名均为虚构）"], rows)


def _open_accounts(session: Session, estate: Estate, at: datetime) -> None:
    """建账: balances as the fund centre gives them out, enough for whatever the samples spend."""
    units = session.scalars(select(Unit).where(col(Unit.estate_id) == estate.id).order_by(col(Unit.id)))
    rows: list[list[Any]] = [["房号", "余额（元）"]]
    rows += [[unit.label, f"{unit.area_dm2 * 250 // 100}.{unit.area_dm2 % 100:02d}"] for unit in units]
    payer = people_at(session, Desk.CITY, estate)[0]
    import_balances(
        session, estate, _workbook([f"{estate.name}维修资金分户余额"], [*rows, ["建设单位", "200000.00"]]),
        filename=f"{estate.name}分户余额.xlsx", by=payer, at=at, day=at.astimezone(OFFICE_ZONE).date(),
    )  # fmt: skip


def _names(random: Random) -> Iterator[str]:
    """Names, none twice."""
    all_names = [surname + given for surname in SURNAMES for given in GIVEN]
    yield from random.sample(all_names, len(all_names))


SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦"
GIVEN = (
    "伟", "芳", "静", "敏", "磊", "洋", "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚", "桂英", "志强", "秀兰", "建华", "丽娟",
    "文博", "子轩", "雨桐", "思远", "佳怡", "俊杰", "晓东", "海燕", "国栋", "春梅",
)  # fmt: skip


def _workbook(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    body = BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([*([title] for title in titles), *rows]):
            sheet.write_row(number, 0, row)
    return body.getvalue()


# --- who and when ---


def _estate(session: Session, name: str) -> Estate:
    return session.scalars(select(Estate).where(col(Estate.name) == name)).one()


def people_at(session: Session, desk: Desk, estate: Estate, besides: Sequence[Role] = ()) -> list[Person]:
    """Those who work at that desk of the estate's cases; heads of offices leave the work to others, unless `besides` names them."""
    # a case there that is not one: SQLModel checks no columns of a table
    bodies: dict[str, Any] = {"applicant_id": estate.company_id, "committee_id": estate.committee_id}
    somewhere = Case(path=estate.path, **bodies)
    people = session.scalars(select(Person).order_by(col(Person.id)))
    return [
        person
        for person in people
        if not person.has_role(*set(HEADS) - set(besides))
        and any(works_at(post, desk, somewhere) for post in person.posts)
    ]


def _at_office_hours(days: Sequence[date], random: Random) -> list[datetime]:
    """An instant in office hours for each of the days, one after the other."""
    instants: list[datetime] = []
    for day in days:
        if instants and instants[-1].date() == day:
            instants.append(instants[-1] + timedelta(minutes=random.randint(6, 20)))
            continue
        hour, minute = random.choice((9, 10, 14, 15, 16)), random.randint(0, 59)
        instants.append(datetime.combine(day, time(hour, minute), OFFICE_ZONE))
    return instants
