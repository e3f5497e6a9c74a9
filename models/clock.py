"""Clocks: stored instants by which a desk must have acted, or until which a time must have run.

`due_at` is computed once, from a pinned rule version and a pinned calendar edition, and is the first instant that is
late. "Overdue", "yellow" and "red" are words derived from instants when read, never stored. Every change of a clock
leaves a `ClockLine`; every change of `due_at` raises its generation. A clock knows only its next step (`next_at`), so
that stopping it leaves nothing behind that could fire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Index, bindparam, select, text
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, instant, jsonb, primary_key, reference, write
from .editions import calendar
from .errors import Conflict
from .ladder import Limited, next_step, rungs_of, warning
from .rules import Rule, rulebook
from .worktime import OFFICE_ZONE, DayLine, Due, Limit, Pause, WorkCalendar, due, explain, period_end

if TYPE_CHECKING:
    from .case import Case

WHOLE_CASE = "case"


class Counted(Limited, Protocol):
    """What must be known of a clock to count it."""

    @property
    def kind(self) -> str: ...
    @property
    def extended_by(self) -> int: ...
    @property
    def due_day(self) -> date: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def provisional(self) -> bool: ...
    @property
    def edition(self) -> str: ...


class Counting:
    """How a clock counts: of a `Clock`, and of its bare row (`rebase.Running`)."""

    __slots__ = ()

    @property
    def is_by_fact(self: Limited) -> bool:
        """The day stands in the case (a contract's date), so there is nothing to count."""
        return self.limit[4:5] == "-"

    @property
    def allowed(self: Counted) -> Limit:
        """The rule's limit and what it was extended by."""
        limit = Limit.parse(self.limit)
        return Limit(limit.value + self.extended_by, limit.unit)

    @property
    def counted(self: Counted) -> Due:
        return Due(due_day=self.due_day, due_at=self.due_at, provisional=self.provisional, edition=self.edition)


class Clock(Counting, SQLModel, table=True):
    """One deadline or period of a case.

    `limits` is the stage it limits, or `case`. `limit` is the rule's value (`5wd`), or the day itself where the day
    stands in the case. `rule_pk` points at the immutable rule version; `ladder` names the ladder by version.
    """

    id: int | None = primary_key()
    case_id: int = reference("case.id")
    kind: str
    """`deadline` or `period`."""
    limits: str
    fires: str | None = None
    """The event a period fires when it has run, or that a deadline's silence amounts to."""
    rule_pk: int = reference("rule.pk", index=True)
    rule_id: str
    rule_version: int
    limit: str
    edition: str
    started_at: datetime = instant()
    due_day: date
    due_at: datetime = instant()
    warn_at: datetime | None = instant(nullable=True)
    provisional: bool = False
    extensions: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often it was extended (延期), and by how much of the limit's unit together; where a day was agreed upon, that day is
    moved instead."""
    extended_by: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    paused_at: datetime | None = instant(nullable=True)
    stopped_at: datetime | None = instant(nullable=True)
    outcome: str | None = None
    """Frozen when it stops: `on_time`, `late`, `ran`, or `dropped` (left before it mattered)."""
    generation: int = 1
    ladder: str | None = None
    next_step: str | None = None
    next_at: datetime | None = instant(nullable=True)
    last_fired_at: datetime | None = instant(nullable=True)
    parked_at: datetime | None = instant(nullable=True)
    parked_why: str | None = None

    __table_args__ = (
        Index("ix_clock_running", "case_id", postgresql_where=text("stopped_at is null")),
        Index("ix_clock_case_id", "case_id"),
        # all that the watch reads
        Index("ix_clock_next", "next_at", postgresql_where=text("next_at is not null and parked_at is null")),
        Index("ix_clock_stopped", "stopped_at", "outcome", "case_id", postgresql_where=text("kind = 'deadline'")),
        Index("ix_clock_parked", "id", postgresql_where=text("parked_at is not null")),
    )

    @property
    def is_running(self) -> bool:
        return self.stopped_at is None and self.paused_at is None

    @property
    def limit_title(self) -> str:
        if self.is_by_fact:
            return f"至 {self.limit}{f'（延期{self.extensions}次）' if self.extensions else ''}"
        title = Limit.parse(self.limit).chinese
        return f"{title}，延期{self.extensions}次，共{self.allowed.chinese}" if self.extensions else title

    def is_late(self, at: datetime) -> bool:
        return self.due_at <= at

    def card(self, at: datetime) -> str | None:
        """`red` once the deadline is missed, `yellow` from its reminder on; a period, or what does not run, has none."""
        return card(self.due_at, self.warn_at, at) if self.kind == "deadline" and self.is_running else None


def card(due_at: datetime | None, warn_at: datetime | None, at: datetime) -> str | None:
    """The card of a deadline that runs: `red`, `yellow` or None."""
    if due_at and due_at <= at:
        return "red"
    return "yellow" if warn_at and warn_at <= at else None


class ClockPause(SQLModel, table=True):
    """中止: the clock stands still from `paused_at` to `resumed_at`."""

    __tablename__ = "clock_pause"
    id: int | None = primary_key()
    clock_id: int = reference("clock.id", index=True)
    rule_id: str | None = None
    """The rule that allows and caps it; None: while the applicant corrects, or the case was closed."""
    reason: str
    evidence: str | None = None
    paused_at: datetime = instant()
    resumed_at: datetime | None = instant(nullable=True)
    cap_at: datetime | None = instant(nullable=True)


class ClockExtension(SQLModel, table=True):
    """延期: asked for before the limit has passed, granted or refused by the head of the unit (行政许可法 Art. 42)."""

    __tablename__ = "clock_extension"
    id: int | None = primary_key()
    clock_id: int = reference("clock.id", index=True)
    by: int
    """How much of the limit's unit."""
    reason: str
    asked_by_id: int = reference("person.id")
    asked_at: datetime = instant()
    decided_by_id: int | None = reference("person.id", nullable=True)
    decided_at: datetime | None = instant(nullable=True)
    granted: bool | None = None


class ClockLine(SQLModel, table=True):
    """What happened to a clock: append-only, with the due instant before and after."""

    __tablename__ = "clock_line"
    id: int | None = primary_key()
    clock_id: int = reference("clock.id", index=True)
    event_id: int = reference("case_event.id")
    what: str
    """`started`, `paused`, `resumed`, `extended`, `re-based`, `put_off`, `stopped`."""
    at: datetime = instant()
    old_due: datetime | None = instant(nullable=True)
    new_due: datetime | None = instant(nullable=True)
    generation: int


class Escalation(SQLModel, table=True):
    """A step of a ladder that has fired; once per clock, generation and step."""

    id: int | None = primary_key()
    clock_id: int = reference("clock.id")
    event_id: int = reference("case_event.id")
    generation: int
    step: str
    at: datetime = instant()
    """The instant at which it should have fired."""
    fired_at: datetime = instant()
    outcome: str = "fired"
    """`fired`, `folded` (a missed reminder, told by the step after it) or `carried` (fired before the due day moved)."""
    told: Any = jsonb()

    __table_args__ = (
        Index("uq_escalation_clock_id_generation_step", "clock_id", "generation", "step", unique=True),
        # how late steps were, today or this week
        Index("ix_escalation_fired", "fired_at", "at", postgresql_where=text("outcome = 'fired'")),
    )


def running_clocks(session: Session, case_id: int) -> list[Clock]:
    """The case's clocks that have not stopped, paused ones included. Call with the case locked: the case before its clocks."""
    return list(session.scalars(RUNNING, {"case": case_id}, execution_options={"populate_existing": True}))


RUNNING = (
    select(Clock)
    .where(col(Clock.case_id) == bindparam("case"), col(Clock.stopped_at).is_(None))
    .order_by(col(Clock.id))
)


def times_of(clocks: Sequence[Clock]) -> dict[str, Any]:
    """What a case shows of its clocks: due instant and warning of its running deadline that is due first, the earliest
    end of its running periods, and whether one stands still."""
    running = [clock for clock in clocks if clock.is_running]
    first = min((c for c in running if c.kind == "deadline"), key=lambda clock: clock.due_at, default=None)
    return {
        "next_due_at": first and first.due_at,
        "warn_at": first and first.warn_at,
        "period_ends_at": min((clock.due_at for clock in running if clock.kind == "period"), default=None),
        "is_paused": any(clock.paused_at and not clock.stopped_at for clock in clocks),
    }


@dataclass(frozen=True)
class Books:
    """Which rules and which calendar are in use; None: look it up."""

    rules: int | None = None
    edition: str | None = None


@dataclass
class Clocks:
    """The clocks of one locked case, changed together within one event; lines are written with the event they belong to."""

    session: Session
    case: "Case"
    at: datetime
    books: Books
    all: list[Clock]
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def calendar(self) -> WorkCalendar:
        """The newest approved edition."""
        return calendar(self.session, self.books.edition)

    def start(self, rule_id: str, *, kind: str, limits: str, fires: str | None = None, start: datetime) -> Clock:
        """Start a clock from `start`, by the version of the rule that was in force on the case's law day.

        Errors: `Conflict` where there is none, or where the day that the rule takes from the case is not there.
        """
        rule = rulebook(self.session, self.books.rules).in_force(rule_id, self.case.law_day, self.case.path)
        counted = self._count(rule, kind, start)
        clock = Clock(
            case_id=self.case.id,  # type: ignore[arg-type]
            kind=kind,
            limits=limits,
            fires=fires or (rule.on_expiry if kind == "deadline" else None),
            rule_pk=rule.pk,  # type: ignore[arg-type]
            rule_id=rule.id,
            rule_version=rule.version,
            limit=self.case.details[rule.fact] if rule.fact else rule.value,
            edition=counted.edition,
            started_at=start,
            due_day=counted.due_day,
            due_at=counted.due_at,
            provisional=counted.provisional,
            ladder=rule.ladder if kind == "deadline" else None,
        )
        return self._begin(clock)

    def go_on(self, ended: Clock) -> Clock:
        """Let what was left of a clock that ended with its case run on in this one: meanwhile it stood still."""
        fresh = {"id", "case_id", "stopped_at", "outcome", "generation", "next_step", "next_at", "last_fired_at"}
        clock = Clock(case_id=self.case.id, **ended.model_dump(exclude=fresh))  # type: ignore[arg-type]
        assert ended.stopped_at is not None
        held = [
            *self.session.scalars(select(ClockPause).where(col(ClockPause.clock_id) == ended.id)),
            ClockPause(clock_id=0, reason="办结至重新办理", paused_at=ended.stopped_at, resumed_at=self.at),
        ]
        counted = counted_with(clock, [Pause(one.paused_at, one.resumed_at) for one in held], self.calendar)
        clock.due_day, clock.due_at, clock.provisional = counted.due_day, counted.due_at, counted.provisional
        clock.edition, clock.paused_at = counted.edition, None
        self._begin(clock)
        rows = [one.model_dump(exclude={"id"}) | {"clock_id": clock.id} for one in held]
        insert_rows(self.session, ClockPause, rows)
        return clock

    def _begin(self, clock: Clock) -> Clock:
        step = next_step(clock, clock.counted, self.calendar)
        clock.next_step, clock.next_at = (step.name, step.at) if step else (None, None)
        clock.warn_at = warning(clock, clock.counted, self.calendar)
        clock.id = insert_rows(self.session, Clock, [clock.model_dump(exclude={"id"})])[0]
        self.all.append(clock)
        self._line(clock, "started", None, clock.due_at)
        return clock

    def _count(self, rule: Rule, kind: str, start: datetime) -> Due:
        if rule.fact:
            stated = self.case.details.get(rule.fact)
            if not stated:
                raise Conflict(f"缺少“{rule.title}”，不能开始计时。", rule=rule.id)
            return due_on(date.fromisoformat(stated), self.calendar)
        return (
            period_end(start, rule.limit, self.calendar) if kind == "period" else due(start, rule.limit, self.calendar)
        )

    def stop(self, clock: Clock, outcome: str | None = None) -> None:
        """Stop a clock and freeze its outcome; nothing of it can fire any more."""
        if outcome is None:
            outcome = "late" if clock.is_late(clock.paused_at or self.at) else "on_time"
        self._change(clock, stopped_at=self.at, outcome=outcome, next_step=None, next_at=None)
        self._line(clock, "stopped", clock.due_at, clock.due_at)

    def pause(self, clock: Clock, reason: str, *, evidence: str | None = None, rule_id: str | None = None) -> None:
        """Let a clock stand still: it has no card, no next step and no part in the case's due instant meanwhile.

        `rule_id` caps it: a period starts whose end fires `resume`.
        """
        cap = None
        if rule_id:
            cap = self.start(rule_id, kind="period", limits=clock.limits, fires="resume", start=self.at).due_at
        row = ClockPause(
            clock_id=clock.id, rule_id=rule_id, reason=reason, evidence=evidence, paused_at=self.at, cap_at=cap  # type: ignore[arg-type]
        )  # fmt: skip
        insert_rows(self.session, ClockPause, [row.model_dump(exclude={"id"})])
        self._change(clock, paused_at=self.at, next_step=None, next_at=None)
        self._line(clock, "paused", clock.due_at, None)

    def resume(self, clock: Clock) -> None:
        """Let it run again: days are counted from the start, skipping those in (pause day, resume day]."""
        self.session.execute(
            ClockPause.__table__.update()  # type: ignore[attr-defined]
            .where(col(ClockPause.clock_id) == clock.id, col(ClockPause.resumed_at).is_(None))
            .values(resumed_at=self.at)
        )
        self._change(clock, paused_at=None)
        self.recount(clock, "resumed")

    def extend(self, clock: Clock, by: Limit) -> None:
        """延期: so much more of the limit's unit, counted from the start with what it had; of a day that was agreed upon,
        counted from that day."""
        if clock.is_by_fact:
            day = due(clock.due_at - timedelta.resolution, by, self.calendar).due_day
            moved: dict[str, Any] = {"limit": day.isoformat(), "due_day": day}
        else:
            moved = {"extended_by": clock.extended_by + by.value}
        self._change(clock, extensions=clock.extensions + 1, **moved)
        self.recount(clock, "extended")

    def put_off(self, clock: Clock, until: datetime) -> None:
        """Let the next step of the ladder wait until then; it is not lost, and the due instant stays."""
        self._change(clock, next_at=until)
        self._line(clock, "put_off", clock.due_at, clock.due_at)

    def recount(self, clock: Clock, what: str) -> None:
        """Count it anew on the newest edition, with its extensions and pauses, and plan its steps again."""
        old = clock.due_at
        counted = counted_with(clock, pauses_of(self.session, clock.id), self.calendar)  # type: ignore[arg-type]
        self._change(
            clock,
            due_day=counted.due_day,
            due_at=counted.due_at,
            provisional=counted.provisional,
            edition=counted.edition,
            generation=clock.generation + (counted.due_at != old),
        )
        self._replan(clock, counted)
        self._line(clock, what, old, counted.due_at)

    def _replan(self, clock: Clock, counted: Due) -> None:
        """After the due day moved: steps already fired and still in the past stay fired, the others are pending again."""
        book = self.calendar
        rows = self.session.scalars(
            select(Escalation).where(col(Escalation.clock_id) == clock.id).order_by(col(Escalation.generation))
        )
        fired = {row.step: row for row in rows}
        earlier = {name: row for name, row in fired.items() if row.generation < clock.generation}
        insert_rows(self.session, Escalation, carried(clock, counted, book, self.at, earlier))
        step = next_step(clock, counted, book, self.at, fired)
        self._change(
            clock, warn_at=warning(clock, counted, book), next_step=step and step.name, next_at=step and step.at
        )

    def _change(self, clock: Clock, **values: Any) -> None:
        if clock.parked_at:  # what is stopped or planned anew is parked no longer
            values |= {"parked_at": None, "parked_why": None}
        write(self.session, clock, **values)

    def _line(self, clock: Clock, what: str, old: datetime | None, new: datetime | None) -> None:
        self.lines.append(
            {
                "clock_id": clock.id,
                "what": what,
                "at": self.at,
                "old_due": old,
                "new_due": new,
                "generation": clock.generation,
            }
        )


def due_on(day: date, book: WorkCalendar) -> Due:
    """A day that was agreed upon: it ends at 24:00 and does not roll."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), OFFICE_ZONE)
    return Due(due_day=day, due_at=midnight, provisional=False, edition=book.edition)


def pauses_of(session: Session, clock_id: int) -> list[Pause]:
    held = select(ClockPause).where(col(ClockPause.clock_id) == clock_id).order_by(col(ClockPause.paused_at))
    rows = session.scalars(held, execution_options={"populate_existing": True})
    return [Pause(row.paused_at, row.resumed_at) for row in rows]


def carried(
    clock: Any, counted: Due, book: WorkCalendar, at: datetime, fired: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Of the steps that had fired before a clock moved, as rows of `Escalation`: those whose new instant is past stay fired."""
    return [
        {
            "clock_id": clock.id, "generation": clock.generation, "step": rung.name, "at": instant,
            "event_id": fired[rung.name].event_id, "fired_at": fired[rung.name].fired_at, "outcome": "carried", "told": {},
        }
        for rung in (rungs_of(clock) if fired else ())
        if rung.name in fired and (instant := rung.instant(counted, book)) <= at
    ]  # fmt: skip


def counted_with(clock: Any, pauses: Sequence[Pause], book: WorkCalendar) -> Due:
    """A clock (or its bare row) counted anew on `book`."""
    if clock.is_by_fact:
        return due_on(clock.due_day, book)
    if clock.kind == "period":
        return period_end(clock.started_at, clock.allowed, book)
    return due(clock.started_at, clock.allowed, book, pauses=pauses)


def explanation(session: Session, clock: Clock, at: datetime, stops: Sequence[ClockPause] = ()) -> list[DayLine]:
    """Each day from the start to the due day, whether it counts and why; `stops` are the clock's pauses.

    A clock that stands still is explained up to `at`.
    """
    if clock.is_by_fact:
        return [DayLine(clock.due_day, True, "案件载明的日期，当日24时届满，不顺延")]
    pauses = [Pause(stop.paused_at, stop.resumed_at or max(at, stop.paused_at)) for stop in stops]
    book = calendar(session, clock.edition)
    return explain(clock.started_at, clock.allowed, book, pauses=pauses, period=clock.kind == "period")
