"""The dossier: everything a case page and `GET /api/cases/{number}` show, read in a bounded number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, get_args

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from .access import acts_for, desks_of, may_note, may_object, moves, people_at, readable_by
from .agenda import AgendaItem
from .case import Case, CaseEvent, Kind, events_of, title_of, whole
from .casetypes import STANDING
from .casetypes.base import Facts
from .clock import Clock, ClockLine, ClockPause, explanation
from .decisions import Decision, decision_for
from .documents import Attachment, Document
from .links import TITLES as LINK_TITLES
from .links import Link
from .materials import handed_in
from .money import yuan
from .people import Body, Desk, Person, Role
from .publicity import Objection, Publicity, objections, publicities
from .reading import square_metres
from .roster import masked_name
from .rules import Rule
from .worktime import OFFICE_ZONE, DayLine


class Step(NamedTuple):
    """A stage as the case's way shows it; `state` is `done`, `current`, `ahead` or `skipped`."""

    name: str
    title: str
    desk: str | None
    state: str


@dataclass(frozen=True)
class ToldClock:
    """A clock with everything that explains it."""

    clock: Clock
    title: str
    rule: Rule
    card: str | None
    days: list[DayLine]
    pauses: list[ClockPause]
    lines: list[ClockLine]


@dataclass(frozen=True)
class ToldEvent:
    """A line of the ledger in words."""

    event: CaseEvent
    seq: int
    name: str
    title: str
    at: datetime
    recorded_at: datetime
    by: Person | None
    who: str
    from_title: str | None
    to_title: str
    words: list[str]
    note: str | None
    is_backdated: bool

    @property
    def moved(self) -> bool:
        return self.event.from_stage != self.event.to_stage


@dataclass(frozen=True)
class ToldNeed:
    title: str
    by: str
    handed_in: bool


@dataclass(frozen=True)
class Offer:
    """An event that is this person's to fire; `obstacle` says what still stands in its way. `facts` is JSON Schema."""

    name: str
    title: str
    obstacle: str | None
    facts: dict[str, Any]
    backdatable: bool


@dataclass(frozen=True)
class ToldPublicity:
    """`state`: `running`, `ran` or `dropped` (the matter was taken back before it had run)."""

    publicity: Publicity
    title: str
    state: str


@dataclass(frozen=True)
class ToldLink:
    """Another case that has to do with this one, and how: `why` in words, `result` what was decided about it."""

    case: Case
    why: str
    is_source: bool
    """Whether it is the one that gave rise to this."""
    is_seen: bool
    """Whether the person may open it."""
    result: str | None = None


@dataclass(frozen=True)
class Dossier:
    """`chain` is None where the ledger is whole, else the sentence that names the first line that is wrong."""

    case: Case
    kind: Kind
    applicant: Body
    assignee: Person | None
    card: str | None
    stages: list[Step]
    clocks: list[ToldClock]
    events: list[ToldEvent]
    documents: Sequence[Document]
    attachments: Sequence[Attachment]
    needs: list[ToldNeed]
    publicities: Sequence[ToldPublicity]
    objections: Sequence[Objection]
    may_object: bool
    """Whether this person may raise one now."""
    links: list[ToldLink]
    decision: Decision | None
    moves: list[Offer]
    counter_moves: list[Offer]
    """What a street clerk may enter at the counter for the applicant (窗口代录)."""
    acts_for: str | None
    """The name of the one they stand in for, where what they do at this stage is done for somebody else."""
    may_claim: bool
    may_note: bool
    assignees: list[Person]
    """Colleagues at the desk that holds the case, for whoever works there."""
    chain: str | None


def dossier(session: Session, person: Person, case: Case, at: datetime) -> Dossier:
    """`case` as `person` may see it at `at`. Load the case through `access.see`."""
    kind = case.kind
    applicant = session.get_one(Body, case.applicant_id)
    events = events_of(session, case)
    clocks = told_clocks(session, case, at)
    attachments = session.scalars(
        select(Attachment).where(col(Attachment.case_id) == case.id).order_by(col(Attachment.id))
    ).all()
    decision = decision_for(session, case)
    met = handed_in(session, case, attachments, decision)
    running = [told.clock for told in clocks if told.clock.stopped_at is None]
    colleagues = _colleagues(session, person, case, at)
    shown = _publicities(session, case, {told.clock.id: told.clock for told in clocks})
    return Dossier(
        case=case,
        kind=kind,
        applicant=applicant,
        assignee=session.get(Person, case.assignee_id) if case.assignee_id else None,
        card=case.card(at),
        stages=_way(case, events),
        clocks=clocks,
        events=told_events(session, case, events),
        documents=session.scalars(
            select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.id))
        ).all(),
        attachments=attachments,
        needs=[ToldNeed(need.title, need.by, need.by == "sharing" or need.title in met) for need in case.current.needs],
        publicities=shown,
        objections=objections(session, case.id) if shown else [],
        may_object=any(one.state == "running" for one in shown) and may_object(person, case),
        links=_links(session, person, case),
        decision=decision,
        moves=_offers(session, person, case, at, running),
        counter_moves=_offers(session, person, case, at, running, on_behalf_of=f"body:{case.applicant_id}")
        if desks_of(person, case, on_behalf_of=f"body:{case.applicant_id}") == {Desk.APPLICANT}
        and Desk.STREET in desks_of(person, case)
        else [],
        acts_for=_acts_for(person, case),
        may_claim=bool(colleagues) and case.assignee_id is None,
        may_note=may_note(person, case),
        assignees=colleagues,
        chain=whole(events, case.last_seq, case.last_hash),
    )


def _publicities(session: Session, case: Case, clocks: Mapping[int | None, Clock]) -> list[ToldPublicity]:
    return [
        ToldPublicity(
            one,
            case.kind.stage(one.stage).title,
            (clock.outcome or "running") if (clock := clocks.get(one.clock_id)) else "ran",
        )
        for one in publicities(session, case.id)
    ]


def _links(session: Session, person: Person, case: Case) -> list[ToldLink]:
    """What gave rise to it, to what it gave rise, on whose agenda it stands, and what stands on its agenda."""
    other = or_(
        and_(col(Link.from_id) == case.id, col(Link.to_id) == col(Case.id)),
        and_(col(Link.to_id) == case.id, col(Link.from_id) == col(Case.id)),
    )
    linked = session.execute(select(Link, Case).join(Case, other).order_by(col(Link.id))).tuples().all()
    on_agenda = or_(
        and_(col(AgendaItem.case_id) == case.id, col(AgendaItem.meeting_id) == col(Case.id)),
        and_(col(AgendaItem.meeting_id) == case.id, col(AgendaItem.case_id) == col(Case.id)),
    )
    items = session.execute(select(AgendaItem, Case).join(Case, on_agenda).order_by(col(AgendaItem.id))).tuples().all()
    ids = {one.id for _, one in (*linked, *items)}
    seen: set[int | None] = set()
    if ids:
        seen |= set(session.scalars(readable_by(person).where(col(Case.id).in_(ids)).with_only_columns(col(Case.id))))
    told = [
        ToldLink(one, LINK_TITLES.get(link.why, link.why), link.to_id == case.id, one.id in seen)
        for link, one in linked
    ]
    return told + [
        ToldLink(one, "列入会议议程" if item.case_id == case.id else "议题", False, one.id in seen, item.result)
        for item, one in items
    ]


def _acts_for(person: Person, case: Case) -> str | None:
    whose = acts_for(person, case, {case.desk})
    return next((hand.person.name for hand in person.hands if whose == f"person:{hand.person.id}"), None)


def told_clocks(session: Session, case: Case, at: datetime) -> list[ToldClock]:
    """The case's clocks, those that run or stand still first, then the newest; the cap on a pause after what it caps."""
    rows = session.execute(
        select(Clock, Rule).join(Rule, col(Rule.pk) == col(Clock.rule_pk)).where(col(Clock.case_id) == case.id)
    ).all()
    ids = [clock.id for clock, _ in rows]
    pauses = _by_clock(session, ClockPause, ids)
    lines = _by_clock(session, ClockLine, ids)
    told = [
        ToldClock(
            clock=clock,
            title=case.title_of_limit(clock),
            rule=rule,
            card=clock.card(at),
            days=explanation(session, clock, at, pauses.get(clock.id, [])),
            pauses=pauses.get(clock.id, []),
            lines=lines.get(clock.id, []),
        )
        for clock, rule in rows
    ]
    return sorted(
        told, key=lambda told: (told.clock.stopped_at is not None, told.clock.fires == "resume", -(told.clock.id or 0))
    )


def told_events(session: Session, case: Case, events: Sequence[CaseEvent]) -> list[ToldEvent]:
    """The ledger in words: who, what, and what was stated."""
    ids = {event.by_id for event in events if event.by_id}
    for event in events:
        facts = event.facts or {}
        ids |= {event.stands_in_for} if event.stands_in_for else set()
        ids |= {facts["to"]} if facts.get("to") and event.name == "assign" else set()
        ids |= {one for people in facts.get("told", {}).values() for one in people}
    people = {one.id: one for one in session.scalars(select(Person).where(col(Person.id).in_(ids)))}
    applicant = session.get_one(Body, case.applicant_id)
    return [_told(case, event, people, applicant) for event in events]  # type: ignore[arg-type]


def _told(case: Case, event: CaseEvent, people: dict[int, Person], applicant: Body) -> ToldEvent:
    by = people.get(event.by_id) if event.by_id else None
    who = by.name if by else "系统"
    if by and event.name == "object" and by.has_role(Role.OWNER):
        who = masked_name(by.name)
    if event.on_behalf_of == f"body:{applicant.id}":
        who += f"（窗口代录，代{applicant.name}）"
    elif absent := people.get(event.stands_in_for or 0):
        who += f" 代 {absent.name}"
    stage = case.kind.stage
    return ToldEvent(
        event=event,
        seq=event.seq,
        name=event.name,
        title=title_of(case.kind, event.name),
        at=event.at,
        recorded_at=event.recorded_at,
        by=by,
        who=who,
        from_title=stage(event.from_stage).title if event.from_stage else None,
        to_title=stage(event.to_stage).title,
        words=_words(case.kind, event, people),
        note=event.note,
        is_backdated=event.is_backdated,
    )


CHANGED = {
    "old_due_day": "原期限", "due_day": "期限", "cap_day": "最长中止至", "limit": "共", "added": "延长", "step": "暂缓的步骤", "case": "新案件",
}  # fmt: skip
"""What an event about a clock changed, as its line says it."""
REMEMBERED = {"agenda", "agenda_result", "linked", "committee"}
"""Lines about what was done to a case from outside, and what they say:"""
OUTSIDE = {"meeting": "会议", "case": "案件", "result": "处理结果", "outcome": "结果", "committee": "业主委员会"}


def _words(kind: Kind, event: CaseEvent, people: dict[int, Person]) -> list[str]:
    """What an event states, one sentence a line."""
    facts = event.facts
    if facts is None:
        return ["内容已依法删除，记录的先后和散列值保留。"]
    words: list[str] = []
    if event.name == "assign":
        words.append(f"交由{people[facts['to']].name}办理" if facts.get("to") else "退回岗位，待领取")
    elif event.name == "attach":
        words.append(f"{facts.get('need') or '其他材料'}，散列值 {facts['sha256'][:8]}")
    elif event.name == "erase":
        words.append(f"第{facts['erased_seq']}条记录的内容：{facts['reason']}")
    elif event.name in REMEMBERED:
        words += [f"{title}：{facts[name]}" for name, title in OUTSIDE.items() if facts.get(name)]
    elif "told" in facts:
        names = [people[one].name for told in facts["told"].values() for one in told if one in people]
        words.append(f"期限 {facts['due_day']}；告知{'、'.join(dict.fromkeys(names)) or '无人'}")
        words += ["补发：应发之时系统未值守"] if facts["late"] else []
        words += ["没有找到可以告知的人，已列入无人接办"] if facts["orphaned"] else []
    else:
        model = kind.Details if event.name == "open" else kind.facts_of(event.name, event.from_stage)
        words += [
            f"{(field.title or name).removesuffix('（元）')}：{said(facts[name], field.title or '', field)}"
            for name, field in model.model_fields.items()
            if name in facts and facts[name] not in ([], "", None)
        ]
    words += [f"{title} {facts[name]}" for name, title in CHANGED.items() if event.name in STANDING and name in facts]
    if "found" in facts:
        words.append(facts["found"])
    if "reopens" in facts:
        words.append(f"重新办理 {facts['reopens']}：{facts['reason']}（{facts['evidence']}）")
    if "backdated" in facts:
        words.append(f"补录：{facts['backdated']['reason']}；凭据：{facts['backdated']['proof']}")
    return words


def said(value: Any, title: str, field: Any = None) -> str:
    """A stated fact as people write it: money in yuan, lists joined, rows with what each cell is called, yes and no in words."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        (row,) = get_args(field.annotation)
        return "；".join(_said_of_row(one, row.model_fields) for one in value)
    titles = (getattr(field, "json_schema_extra", None) or {}).get("x-titles", {}) if field is not None else {}
    if isinstance(value, list):
        return "、".join(str(titles.get(one, one)) for one in value)
    if isinstance(value, int) and "元" in title:
        return f"{yuan(value)} 元"
    if isinstance(value, int) and "面积" in title:
        return square_metres(value)
    return str(titles.get(value, value))


def _said_of_row(row: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    cells = [
        f"{field.title or name} {said(row[name], field.title or '', field)}"
        for name, field in fields.items()
        if row.get(name) not in (None, "", [])
    ]
    return "，".join(cells)


def _way(case: Case, events: Sequence[CaseEvent]) -> list[Step]:
    """All stages in the type's order. What the case went through is done; what lies before the present and was not entered, skipped."""
    entered = {event.to_stage for event in events}
    stages = case.kind.stages()
    here = [stage.id for stage in stages].index(case.stage)
    steps = []
    for number, stage in enumerate(stages):
        if stage.id == case.stage:
            state = "done" if stage.final else "current"
        elif number > here and not case.current.final:
            state = "ahead"
        else:
            state = "done" if stage.id in entered else "skipped"
        if stage.holds_asker and state in ("ahead", "skipped"):
            continue  # a correction is no step of the way, unless it happened
        steps.append(Step(stage.id, stage.title, stage.desk, state))
    return steps


def _by_clock(session: Session, model: Any, ids: Iterable[int | None]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in session.scalars(select(model).where(col(model.clock_id).in_(ids)).order_by(col(model.id))):
        found.setdefault(row.clock_id, []).append(row)
    return found


def _offers(
    session: Session, person: Person, case: Case, at: datetime, running: list[Clock], on_behalf_of: str | None = None
) -> list[Offer]:
    kind = case.kind
    asked = case.move(session, person, at, running)
    return [
        Offer(
            name=name,
            title=kind.event(name).name,
            obstacle=obstacle,
            facts=_schema(kind.facts_of(name, case.stage)),
            backdatable=name in kind.enterable_afterwards,
        )
        for name, obstacle in moves(person, asked, kind, on_behalf_of=on_behalf_of)
    ]


@cache
def _schema(model: type[Facts]) -> dict[str, Any]:
    """Drawn once a process: pydantic takes a millisecond for each. Read it, and leave it as it is."""
    return model.model_json_schema()


def _colleagues(session: Session, person: Person, case: Case, at: datetime) -> list[Person]:
    """Who works at the office's desk that holds the case, if this person is one of them."""
    if case.desk is None or not Desk(case.desk).is_office or Desk(case.desk) not in desks_of(person, case):
        return []
    return people_at(session, case, Desk(case.desk), at.astimezone(OFFICE_ZONE).date())
