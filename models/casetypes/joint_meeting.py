"""联席会议: offices and bodies sit down about what none of them can settle alone, and see to it that it is done."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col
from statemachine import Event

from ..access import INVITED, people_of
from ..agenda import (
    AgendaItem,
    area_of,
    enlist,
    level_above,
    lock,
    office_of,
    put_on_agenda,
    settle,
    unsettled,
)
from ..case import Case, CaseEvent
from ..db import show
from ..editions import calendar
from ..links import Link, arising
from ..meetings import STATUSES, Attendance, Resolution, attendance
from ..notices import tell
from ..people import SYSTEM, Body, Desk
from ..territory import Estate, within
from ..worktime import OFFICE_ZONE, due
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Reopening, Stage, Wrong

Hour = Annotated[str, Field(pattern=r"^([01]?\d|2[0-3]):[0-5]\d$")]
Status = Literal["present", "leave", "absent", "observing"]


class Accept(Facts):
    topic: Line | None = Field(default=None, title="议题", description="与提请的不同时更正")


class Reason(Facts):
    reason: Paragraph = Field(title="理由")


class Refer(Reason):
    organ: Line = Field(title="有权处理的机关")


class HandOver(Facts):
    received_on: Day = Field(title="对方收到日期")
    receipt: Line = Field(title="对方收文号或者签收人")


class Merge(Facts):
    into: Line = Field(title="并入的联席会议", description="案件编号")


class Notify(Facts):
    day: Day = Field(title="召开日期")
    hour: Hour = Field(title="召开时间", description="如 09:30")
    room: Line = Field(title="召开地点")
    chair: Line = Field(title="主持人")
    invited: list[Line] = Field(default_factory=list, title="参会单位", max_length=50)


class Attended(Facts):
    body: Line = Field(title="单位")
    person: Line | None = Field(default=None, title="姓名、职务")
    status: Status = Field(title="到会情况", json_schema_extra={"x-titles": dict[str, Any](STATUSES)})
    opinion: Paragraph | None = Field(default=None, title="书面意见")


class Hold(Facts):
    attendance: list[Attended] = Field(title="签到", min_length=1, max_length=100)


class Reconvene(Reason):
    attendance: list[Attended] = Field(default_factory=list, title="签到", max_length=100)


class Decided(Facts):
    task: Paragraph = Field(title="议定事项")
    responsible: Line = Field(title="责任单位", description="单位全称或者编号")
    due: Day = Field(title="办结期限")


class Result(Facts):
    case: Line = Field(title="议程案件", description="案件编号")
    result: Paragraph = Field(title="处理结果")


class Minutes(Facts):
    summary: Paragraph = Field(title="会议情况")
    decisions: list[Decided] = Field(default_factory=list, title="议定事项", max_length=50)
    results: list[Result] = Field(default_factory=list, title="议程案件的处理结果", max_length=500)
    unresolved: Paragraph | None = Field(default=None, title="未能议定的问题")


class ReportUp(Reason):
    request: Paragraph = Field(title="请求上级协调的事项")


class JointMeeting(CaseType):
    """联席会议: called at somebody's request, or by itself when cases of an area stay late, and followed up until all is done.

    No statute of Shenzhen's limits its steps: what is borrowed from 深圳经济特区矛盾纠纷多元化解条例 (Arts. 45, 46) says so.
    """

    title = "联席会议"
    prefix = "LX"
    precedence = 3
    opened_by = ("committee", "company", "residents_committee", "department")
    consults = (
        "meeting.attendees",
        "meeting.quorum",
        "meeting.notice_days",
        "meeting.hold_within",
        "meeting.close_out",
    )

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        topic: Line = Field(default_factory=str, title="议题")
        matter: Paragraph | None = Field(default=None, title="事由和已经做过的协调")

    # --- stages ---

    intake = Stage(
        "提请与受理",
        desk=Desk.STREET,
        also=(Desk.APPLICANT,),
        initial=True,
        deadline="meeting.intake",
        extension="meeting.intake_extension",
        needs=(Need("议题单"), Need("佐证材料")),
    )
    transfer = Stage("转送", desk=Desk.STREET, deadline="meeting.transfer")
    convening = Stage("会议通知", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="meeting.notice")
    sitting = Stage("召开", desk=Desk.STREET, deadline="meeting.sitting", needs=(Need("签到表"), Need("书面意见")))
    minutes = Stage("纪要", desk=Desk.STREET, deadline="meeting.minutes")
    supervision = Stage("交办督办", desk=Desk.STREET, deadline="meeting.supervision", extension="action.extension")
    reported = Stage("上报上级", desk=Desk.STREET, deadline="meeting.reported")
    archived = Stage("归档", final=True)
    closed = Stage("终止", final=True)

    # --- moves ---

    accept = Event(intake.to(convening, unless="topic_missing", on="set_topic"), name="受理")
    refer = Event(intake.to(transfer, unless="called_by_itself", on="remember_organ"), name="转送有权机关")
    refuse = Event(intake.to(closed, unless="called_by_itself"), name="不予受理")
    merge = Event(
        intake.to(closed, unless=("called_by_itself", "no_such_meeting"), on="link_meeting"), name="并入其他会议"
    )
    withdraw = Event(
        intake.to(closed, unless="called_by_itself") | convening.to(closed, unless="called_by_itself"), name="撤回"
    )
    hand_over = Event(transfer.to(closed, unless="received_in_future"), name="对方已收")
    turned_away = Event(transfer.to(intake), name="对方退回")
    notify = Event(convening.to(sitting, unless="notice_too_short_or_long", on="call"), name="发出会议通知")
    reconvene = Event(sitting.to(convening, unless="sheet_is_wrong", on="sign_in"), name="改期再开")
    hold = Event(
        sitting.to(minutes, unless=("before_its_day", "sheet_is_wrong", "too_few_came"), on=("sign_in", "end_agenda")),
        name="登记召开",
    )
    minute = Event(
        minutes.to(supervision, unless=("decision_is_wrong", "result_is_wrong", "result_missing"), on="decide"),
        name="印发纪要",
    )
    report_up = Event(supervision.to(reported, unless="nobody_is_above", on="name_office_above"), name="上报上级")
    archive = Event(
        supervision.to(archived, unless="items_are_open", on="name_items")
        | reported.to(archived, unless="no_answer_from_above", on="name_items"),
        name="销号归档",
    )

    facts = {
        "accept": Accept, "refer": Refer, "refuse": Reason, "merge": Merge, "withdraw": Reason, "hand_over": HandOver,
        "turned_away": Reason, "notify": Notify, "reconvene": Reconvene, "hold": Hold, "minute": Minutes, "report_up": ReportUp,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"withdraw"},
        Desk.STREET: {
            "accept", "refer", "refuse", "merge", "hand_over", "turned_away", "notify", "reconvene", "hold", "minute",
            "report_up", "archive",
        },
    }  # fmt: skip

    paper = {
        "refer": Paper("transfer_slip", names="organ", copies=(Desk.APPLICANT,)),
        "refuse": Paper("meeting_refusal"),
        "merge": Paper("meeting_merged_notice"),
        "withdraw": Paper("meeting_withdrawal"),
        "hand_over": Paper("transferred_notice"),
        "notify": Paper("meeting_notice", names="invited"),
        "reconvene": Paper("meeting_postponed", names="invited"),
        "minute": Paper("meeting_minutes", names="invited"),
        "report_up": Paper("report_letter", names="above"),
        "archive": Paper("meeting_archived", names="told"),
    }

    outcomes = {
        "refuse": "不予受理", "merge": "并入其他会议", "withdraw": "撤回", "hand_over": "转送有权机关", "archive": "办结归档",
    }  # fmt: skip

    enterable_afterwards = {"open", "withdraw", "hand_over", "hold", "reconvene"}

    reopening = Reopening("convening")

    @classmethod
    def afterwards(cls, session: Session, case: Case, event: CaseEvent, at: datetime) -> None:
        """What it decided comes back to the cases on its agenda; what it could not decide goes before the area above. Who is
        invited hears of it."""
        facts = event.facts or {}
        if event.name in CALLS:
            told = people_of(session, case.details.get(INVITED, ()), at.astimezone(OFFICE_ZONE).date())
            what = CALLS[event.name].format(**case.details)
            tell(session, event, told, f"{case.number} {case.place}联席会议{what}，可在案件页查看。", at)
        if event.name == "minute":
            results = {one["case"]: one["result"] for one in facts.get("results", ())}
            settle(session, case, session.scalars(unsettled(case)).all(), results, "会前已经办结", at)
        elif event.name == "merge":
            into = select(col(Case.id)).where(col(Case.number) == facts.get("into"))
            for meeting in lock(session, session.scalars(into).all()):
                enlist(session, meeting, case, event, at)
                if meeting.stage in PAST_RESULTS:
                    own = session.scalars(unsettled(meeting).where(col(AgendaItem.case_id) == case.id)).all()
                    settle(session, meeting, own, {}, f"并入的会议已经召开，见 {meeting.number} 的纪要", at)
        elif event.name == "report_up":
            level = level_above(case)
            above = put_on_agenda(session, case, event, cls.type_id, at, level=level)
            if above is not None and above not in arising(session, case.id or 0, "referred"):
                session.add(Link(from_id=case.id, to_id=above.id, why="referred", at=at))  # type: ignore[arg-type]
                case.remember("linked", {"case": above.number}, by=SYSTEM, at=max(at, case.last_at))

    # --- obstacles: the sentence a refused person reads ---

    def topic_missing(self, move: Move) -> str | None:
        if move.facts is None or move.facts.topic or move.case.details["topic"] or move.case.estate_id is None:
            return None
        return Wrong("topic", "提请没有写明议题，请填写后受理。")

    def called_by_itself(self, move: Move) -> str | None:
        if move.case.estate_id is not None:
            return None
        return "本会议因辖区案件逾期而提请，没有申请人，应当召开，不能以这种方式终止。"

    def no_such_meeting(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        found = move.session.scalar(
            select(Case).where(col(Case.number) == move.facts.into, col(Case.type) == move.case.type)
        )
        near = found is not None and (
            found.estate_id == move.case.estate_id or (found.estate_id is None and within(move.case.path, found.path))
        )
        if found is None or not near or found.id == move.case.id:
            return Wrong("into", f"本小区或者所在辖区没有编号为“{move.facts.into}”的联席会议。")
        if found.stage not in TAKES_MORE:
            return Wrong("into", f"{found.number} 已到“{found.current.title}”环节，不能再并入。")
        return None

    def received_in_future(self, move: Move) -> str | None:
        day = move.facts and move.facts.received_on
        return Wrong("received_on", f"对方收到日期 {day} 不能晚于今天。") if day and day > move.today else None

    def notice_too_short_or_long(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        day, book = move.facts.day, calendar(move.session)
        ahead, latest = move.rule("meeting.notice_days"), move.rule("meeting.hold_within")
        first, last = (due(move.at, rule.limit, book).due_day for rule in (ahead, latest))
        if day < first:
            return Wrong(
                "day", f"会议通知应当在召开前{ahead.limit.chinese}发出（{ahead.source}），最早可以定在 {first}。"
            )
        return (
            Wrong("day", f"会议应当在通知后{latest.limit.chinese}内召开（{latest.source}），最迟定在 {last}。")
            if day > last
            else None
        )

    def before_its_day(self, move: Move) -> str | None:
        day = move.case.details["meeting_day"]
        return f"会议定于 {day} 召开，届时才能登记。" if move.today < date.fromisoformat(day) else None

    def sheet_is_wrong(self, move: Move) -> str | None:
        invited = move.case.details["invited"]
        for number, line in enumerate(move.facts.attendance if move.facts else ()):
            if line.body not in invited and line.status != "observing":
                named = f"“{line.body}”不在会议通知的名单里（{'、'.join(invited)}）"
                return Wrong(f"attendance.{number}.body", f"{named}；没有通知的单位请登记为列席。")
        return None

    def too_few_came(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        came = {line.body for line in move.facts.attendance if line.status == "present"}
        invited, rule = move.case.details["invited"], move.rule("meeting.quorum")
        if not came:
            return Wrong("attendance", "没有单位出席，会议不能登记为已经召开，请改期再开。")
        if len(came) < rule.share * len(invited):
            few = f"通知{len(invited)}个单位，出席{len(came)}个，不足{rule.value}（{rule.source}）"
            return Wrong("attendance", f"{few}，请改期再开。")
        return None

    def decision_is_wrong(self, move: Move) -> str | None:
        for number, decision in enumerate(move.facts.decisions if move.facts else ()):
            if Body.named(move.session, decision.responsible) is None:
                unknown = f"没有登记名称或者编号为“{decision.responsible}”的单位，请填写全称或者编号。"
                return Wrong(f"decisions.{number}.responsible", unknown)
            if decision.due <= move.today:
                return Wrong(f"decisions.{number}.due", f"办结期限 {decision.due} 须晚于今天。")
        return None

    def result_is_wrong(self, move: Move) -> str | None:
        on_agenda = {case.number for _, case in _agenda(move)} if move.facts and move.facts.results else set()
        for number, stated in enumerate(move.facts.results if move.facts else ()):
            if stated.case not in on_agenda:
                return Wrong(f"results.{number}.case", f"“{stated.case}”不在本会议的议程上。")
        return None

    def result_missing(self, move: Move) -> str | None:
        """Each case on the agenda is answered, save those that ended by themselves meanwhile."""
        if move.facts is None:
            return None
        stated = {one.case for one in move.facts.results}
        waiting = [case.number for item, case in _agenda(move) if not (case.closed_at and case.closed_at > item.at)]
        missing = "、".join(number for number in waiting if number not in stated)
        return Wrong("results", f"议程案件 {missing} 还没有处理结果。") if missing else None

    def nobody_is_above(self, move: Move) -> str | None:
        return "本会议由市级召集，已无上级可报。" if level_above(move.case) is None else None

    def items_are_open(self, move: Move) -> str | None:
        open_items = [item for item in _items(move) if item.is_open]
        if not open_items:
            return None
        named = "、".join(
            f"{item.number}（{move.session.get_one(Body, item.applicant_id).name}）" for item in open_items
        )
        return f"交办事项 {named} 尚未销号，不能归档；确实不能解决的，可以上报上级。"

    def no_answer_from_above(self, move: Move) -> str | None:
        raised = select(AgendaItem).where(col(AgendaItem.case_id) == move.case.id).order_by(col(AgendaItem.id).desc())
        item = move.session.scalar(raised.limit(1))
        if item and item.settled_at and item.settled_at >= move.case.stage_since:
            return None
        above = move.session.get_one(Case, item.meeting_id).number if item and not item.settled_at else "上级会议"
        return f"已经上报，{above} 尚未答复，不能归档。"

    # --- what is remembered ---

    def set_topic(self, move: Move) -> None:
        asked = move.facts.topic or move.details["topic"]
        move.details["topic"] = asked or f"{move.case.place}逾期案件的协调"

    def remember_organ(self, move: Move) -> None:
        move.details["organ"] = move.facts.organ

    def link_meeting(self, move: Move) -> None:
        into = move.session.scalars(select(Case).where(col(Case.number) == move.facts.into)).one()
        move.rows.append(Link(from_id=move.case.id, to_id=into.id, why="merged", at=move.at))  # type: ignore[arg-type]

    def call(self, move: Move) -> None:
        """Whom the notice goes to: by the template of the district (`meeting.attendees`), unless it is stated."""
        stated = move.facts
        template = move.rule("meeting.attendees").entries
        invited = list(dict.fromkeys(stated.invited or move.details.get("invited") or template))
        where = {"meeting_day": stated.day.isoformat(), "hour": stated.hour, "room": stated.room, "chair": stated.chair}
        move.details |= where | {"invited": invited, "sittings": move.details.get("sittings", 0) + 1}
        move.details[INVITED] = _bodies(move, invited)
        move.record["invited"] = invited
        move.record["agenda"] = [f"{case.number} {case.place}{case.kind.title}" for _, case in _agenda(move)]

    def sign_in(self, move: Move) -> None:
        """Whoever was invited and is not on the sheet was absent; a meeting put off before its day has no sheet."""
        signed = move.facts.attendance
        missing = [body for body in move.details["invited"] if body not in {line.body for line in signed}]
        lines = [*signed, *(Attended(body=body, status="absent") for body in missing)] if signed else []
        move.rows += [
            Attendance(case_id=move.case.id, sitting=move.details["sittings"], at=move.at, **line.model_dump())  # type: ignore[arg-type]
            for line in lines
        ]
        move.record["invited"] = move.details["invited"]

    def end_agenda(self, move: Move) -> None:
        """What is late from now on comes before another meeting."""
        show(move.case, serves=None)

    def decide(self, move: Move) -> None:
        """Each decision is given to whoever is responsible for it, as a case of its own."""
        move.record["decisions"] = list(self._give_out(move))
        move.record["invited"] = move.details["invited"]
        sheet = attendance(move.session, move.case.id or 0, move.details["sittings"])
        move.record["attendance"] = {
            status: [
                line.body + (f"（{line.person}）" if line.person else "") for line in sheet if line.status == status
            ]
            for status in STATUSES
        }
        move.record["opinions"] = [f"{line.body}：{line.opinion}" for line in sheet if line.opinion]
        move.record |= {"held_on": move.details["meeting_day"]}
        last = max((decision.due for decision in move.facts.decisions), default=move.today)
        margin = move.rule("meeting.close_out").limit
        until = due(datetime.combine(last, time(12), OFFICE_ZONE), margin, calendar(move.session)).due_day
        move.details["supervise_until"] = until.isoformat()

    def _give_out(self, move: Move) -> Iterator[dict[str, Any]]:
        for decision in move.facts.decisions:
            body = Body.named(move.session, decision.responsible)
            assert body is not None
            day = decision.due.isoformat()
            item = move.arises(
                "action_item", why="action", applicant_id=body.id, task=decision.task, due=day, meeting=move.case.number
            )
            move.rows.append(
                Resolution(case_id=move.case.id, task=decision.task, body_id=body.id, due=decision.due, item_id=item.id)  # type: ignore[arg-type]
            )
            yield {"task": decision.task, "responsible": body.name, "due": day, "case": item.number}

    def name_office_above(self, move: Move) -> None:
        office = office_of(move.session, area_of(move.session, move.case, level_above(move.case) or ""))
        move.record["above"] = office.name

    def name_items(self, move: Move) -> None:
        move.record["items"] = [f"{item.number}，{item.outcome or '未办结，已随会议上报'}" for item in _items(move)]
        applicant = move.session.get_one(Body, move.case.applicant_id).name
        move.record["told"] = [applicant] if move.case.estate_id else move.details["invited"]


CALLS = {
    "notify": "定于 {meeting_day} {hour} 在{room}召开，请派员参加",
    "reconvene": "改期再开，时间另行通知",
    "minute": "的纪要已经印发",
}
"""What those who are invited are told, and of which events."""
TAKES_MORE = {"intake", "convening", "sitting"}
"""Stages in which a meeting still takes something on its agenda."""
PAST_RESULTS = {"supervision", "reported", "archived"}
"""Stages that lie behind the minutes, which answer the agenda."""


def _bodies(move: Move, invited: list[str]) -> list[int]:
    """Of those whom the notice names, the bodies that are registered: by name, or as what they are to the estate."""
    named = list(move.session.scalars(select(col(Body.id)).where(col(Body.name).in_(invited))))
    estate = move.session.get(Estate, move.case.estate_id) if move.case.estate_id else None
    theirs = {"物业服务企业": estate.company_id, "业主委员会": estate.committee_id} if estate else {}
    as_such = [body for title, body in theirs.items() if any(one.startswith(title) for one in invited)]
    return sorted({body for body in (*named, *as_such) if body})


def _agenda(move: Move) -> list[tuple[AgendaItem, Case]]:
    items = move.session.scalars(unsettled(move.case)).all()
    return [(item, move.session.get_one(Case, item.case_id)) for item in items]


def _items(move: Move) -> list[Case]:
    return arising(move.session, move.case.id or 0, "action")[::-1]
