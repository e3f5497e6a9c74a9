"""推演: a case as of another instant, if nobody does anything until then; or, of an instant that is over, as the ledger says it was.

What would happen is not told by a second set of rules: the watch's own code runs, at each instant at which something is due,
in a savepoint that is always undone. So folding, spacing, put-off steps, pauses that run out and the next stage's clock are as
they will be, as far as today's calendar, posts and substitutions say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from .case import Case, CaseEvent, events_of, title_of
from .casetypes import casetypes
from .climb import fire_each
from .clock import Clock, ClockLine, card
from .editions import calendar
from .errors import Invalid
from .ladder import step_named, warning
from .lists import WANTED_TITLES
from .people import Person
from .worktime import LAST_YEAR, OFFICE_ZONE

END_OF_DAY = time(23, 59, 59)
AT_MOST = 200
"""Instants looked at: a few hundredths of a second each."""


@dataclass(frozen=True)
class Then:
    """A clock as it stands then. `state`: `running` or `paused`; `card`: `red`, `yellow` or None."""

    id: int
    title: str
    kind: str
    limit: str
    due_day: date
    due_at: datetime
    provisional: bool
    state: str
    card: str | None


@dataclass(frozen=True)
class Happening:
    """A step, or what else time brings about. `told`: as what → names; `nobody`: for whom nobody was found."""

    at: datetime
    name: str
    title: str
    limits: str
    is_step: bool
    moved_to: str | None = None
    told: dict[str, list[str]] = field(default_factory=dict)
    nobody: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    """Missed reminders that this step tells too."""
    writes_letter: bool = False
    comes_before: str | None = None
    """The type before whose open case it comes."""
    planned_at: datetime | None = None
    """When a step should have fired; later than that by more than an hour is late."""
    why_not: str | None = None
    """Why it could not be fired, and was parked."""


@dataclass(frozen=True)
class WhatIf:
    """`kind`: `forecast` (from now until then nobody acts) or `record` (then is over). `words` say what it cannot know."""

    kind: str
    as_of: datetime
    at: datetime
    stage: str
    stage_title: str
    is_open: bool
    card: str | None
    clocks: list[Then]
    happenings: list[Happening]
    words: list[str]


def read_as_of(text: str) -> datetime:
    """`2026-11-02` (its last second) or `2026-11-02T09:00`, the office's time where no zone is given. Errors: `Invalid`."""
    try:
        if len(text) == 10:
            read = datetime.combine(date.fromisoformat(text), END_OF_DAY, OFFICE_ZONE)
        else:
            # in an address a bare `+` means a blank
            read = datetime.fromisoformat(text.replace(" ", "+") if text.count(":") > 1 else text)
    except ValueError:
        raise Invalid("推演的时间须写成 2026-11-02 或 2026-11-02T09:00 的样子。", field="as_of") from None
    if not 2004 < read.year < LAST_YEAR:
        raise Invalid(f"推演的时间须在2005年至{LAST_YEAR - 1}年之间。", field="as_of")
    return read if read.utcoffset() is not None else read.replace(tzinfo=OFFICE_ZONE)


def what_if(session: Session, case: Case, as_of: datetime, at: datetime) -> WhatIf:
    """`case` as of `as_of`, asked at `at`. Writes nothing. Errors: `Invalid` for an instant before the case was opened."""
    if as_of < case.opened_at:
        opened = case.opened_at.astimezone(OFFICE_ZONE)
        raise Invalid(f"本件于 {opened:%Y-%m-%d %H:%M} 立案，此前没有可推演的。", field="as_of")
    return _forecast(session, case, as_of, at) if as_of > at else _record(session, case, as_of, at)


# --- what is to come -------------------------------------------------------------------------------------------------


def _forecast(session: Session, case: Case, as_of: datetime, at: datetime) -> WhatIf:
    # a session of its own, in a savepoint: it is closed without a commit, and nothing it has read is left in ours
    with Session(session.connection(), join_transaction_mode="create_savepoint") as thought:
        seen = thought.scalars(select(Case).where(col(Case.id) == case.id).with_for_update()).one()
        before, stuck = seen.last_seq, _let_time_pass(thought, seen, as_of, at)
        thought.refresh(seen)
        events = [event for event in events_of(thought, seen) if event.seq > before]
        happenings = [*_happenings(thought, seen, events), *stuck]
        clocks = [_then(seen, clock, as_of) for clock in _running(thought, seen)]
        return WhatIf(
            kind="forecast",
            as_of=as_of,
            at=at,
            stage=seen.stage,
            stage_title=seen.current.title,
            is_open=seen.is_open,
            card=seen.card(as_of),
            clocks=clocks,
            happenings=sorted(happenings, key=lambda happening: happening.at),
            words=_reservations(clocks, happenings, is_open=seen.is_open),
        )


def _let_time_pass(thought: Session, case: Case, as_of: datetime, at: datetime) -> list[Happening]:
    """Fire whatever falls due, each at its instant, what is overdue already at once. Returns what could not be fired. Errors: `Invalid`, too far."""
    stuck: dict[int, Happening] = {}
    looked = at
    for _ in range(AT_MOST):
        due = [
            clock
            for clock in _running(thought, case)
            if clock.next_at and clock.next_at <= as_of and not clock.parked_at and clock.id not in stuck
        ]
        if not due:
            return list(stuck.values())
        looked = max(min(clock.next_at for clock in due if clock.next_at), looked)
        now = [clock for clock in due if clock.next_at and clock.next_at <= looked]

        def poisoned(clock: Clock, why: str, when: datetime = looked) -> None:
            thought.refresh(clock)
            title = title_of(case.kind, clock.next_step or "")
            limits = case.title_of_limit(clock)
            stuck[clock.id or 0] = Happening(when, clock.next_step or "", title, limits, True, why_not=why)

        fire_each(thought, sorted(now, key=lambda clock: (clock.next_at, clock.id)), looked, poisoned=poisoned)
    raise Invalid(f"到那时会触发的超过{AT_MOST}次，请选近一些的时间。", field="as_of")


def _running(session: Session, case: Case) -> Sequence[Clock]:
    """Those that have not stopped, as the database has them now."""
    running = (
        select(Clock).where(col(Clock.case_id) == case.id, col(Clock.stopped_at).is_(None)).order_by(col(Clock.id))
    )
    return session.scalars(running, execution_options={"populate_existing": True}).all()


def _then(case: Case, clock: Clock, as_of: datetime) -> Then:
    return Then(
        id=clock.id or 0,
        title=case.title_of_limit(clock),
        kind=clock.kind,
        limit=clock.limit_title,
        due_day=clock.due_day,
        due_at=clock.due_at,
        provisional=clock.provisional,
        state="paused" if clock.paused_at else "running",
        card=clock.card(as_of),
    )


def _reservations(clocks: Sequence[Then], happenings: Sequence[Happening], *, is_open: bool) -> list[str]:
    words = ["假定从现在到那时没有人办理本件；值守程序按时运行；人员、代理和放假安排按现在登记的推算。"]
    if any(clock.provisional for clock in clocks):
        words.append("期限落在放假安排尚未公布的日子，到期日是暂定的。")
    if any(clock.state == "paused" for clock in clocks):
        words.append("中止计时的期限，恢复之前不走，也不催办。")
    if any(happening.moved_to for happening in happenings) and is_open:
        words.append("案件转到的环节由谁经办，要到时才定；在此之前告知该岗位的负责人。")
    return words


# --- what is over ----------------------------------------------------------------------------------------------------


def _record(session: Session, case: Case, as_of: datetime, at: datetime) -> WhatIf:
    events = [event for event in events_of(session, case) if event.at <= as_of]
    stage = case.kind.stage(events[-1].to_stage)
    clocks = _as_they_were(session, case, as_of)
    brought = [event for event in events if event.by_id is None and event.name not in ("open", "assign")]
    cards = {clock.card for clock in clocks}
    return WhatIf(
        kind="record",
        as_of=as_of,
        at=at,
        stage=stage.id,
        stage_title=stage.title,
        is_open=not stage.final,
        card="red" if "red" in cards else "yellow" if "yellow" in cards else None,
        clocks=clocks,
        happenings=_happenings(session, case, brought),
        words=[
            "那一时刻已经过去：以下按案卷记录还原，不是推演。补录的事项按其发生时间列入。",
            "当时谁在岗、谁代谁、看过什么，不能还原；到期日是当时算得的。",
        ],
    )


def _as_they_were(session: Session, case: Case, as_of: datetime) -> list[Then]:
    """The clocks that ran or stood still then, by the last of their lines until then."""
    rows = session.execute(
        select(Clock, ClockLine)
        .join(ClockLine, col(ClockLine.clock_id) == col(Clock.id))
        .where(col(Clock.case_id) == case.id, col(ClockLine.at) <= as_of)
        .order_by(col(Clock.id), col(ClockLine.id))
    ).all()
    last: dict[int, tuple[Clock, list[ClockLine]]] = {}
    for clock, line in rows:
        last.setdefault(clock.id, (clock, []))[1].append(line)
    return [
        _as_it_was(session, case, clock, lines, as_of) for clock, lines in last.values() if lines[-1].what != "stopped"
    ]


def _as_it_was(session: Session, case: Case, clock: Clock, lines: Sequence[ClockLine], as_of: datetime) -> Then:
    due_at = next(due for line in reversed(lines) for due in (line.new_due, line.old_due) if due)
    is_paused = next((line.what == "paused" for line in reversed(lines) if line.what in ("paused", "resumed")), False)
    day = (due_at - timedelta.resolution).astimezone(OFFICE_ZONE).date()
    counted = clock.counted._replace(due_at=due_at, due_day=day)
    warn_at = warning(clock, counted, calendar(session, clock.edition)) if clock.kind == "deadline" else None
    return Then(
        id=clock.id or 0,
        title=case.title_of_limit(clock),
        kind=clock.kind,
        limit=clock.limit_title,
        due_day=day,
        due_at=due_at,
        provisional=clock.provisional,
        state="paused" if is_paused else "running",
        card=card(due_at, warn_at, as_of) if clock.kind == "deadline" and not is_paused else None,
    )


# --- told ------------------------------------------------------------------------------------------------------------


def _happenings(session: Session, case: Case, events: Sequence[CaseEvent]) -> list[Happening]:
    ids = {one for event in events for people in (event.facts or {}).get("told", {}).values() for one in people}
    names = {one.id: one.name for one in session.scalars(select(Person).where(col(Person.id).in_(ids)))}
    return [_happening(case, event, names) for event in events]


def _happening(case: Case, event: CaseEvent, names: dict[int | None, str]) -> Happening:
    facts = event.facts or {}
    step = None if case.kind.has(event.name) else step_named(event.name)
    moved = event.from_stage != event.to_stage
    limits = facts.get("limits", event.from_stage or event.to_stage)
    return Happening(
        at=event.at,
        name=event.name,
        title=title_of(case.kind, event.name),
        limits=case.kind.title_of_limit(limits),
        is_step=step is not None,
        moved_to=case.kind.stage(event.to_stage).title if moved else None,
        told={
            WANTED_TITLES.get(target, target): [names[one] for one in people if one in names]
            for target, people in facts.get("told", {}).items()
        },
        nobody=[WANTED_TITLES.get(target, target) for target in facts.get("orphaned", [])],
        folded=[title_of(case.kind, name) for name in facts.get("folded", [])],
        writes_letter=bool(step and step.paper),
        comes_before=casetypes()[step.opens].title if step and step.opens in casetypes() else None,
        planned_at=datetime.fromisoformat(facts["scheduled_at"]) if "scheduled_at" in facts else None,
    )
