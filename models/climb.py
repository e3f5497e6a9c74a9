"""What happens by itself once an instant has passed: reminders, red cards and letters fall due, periods end.

A step, its line in the case's ledger and the clock's next step are one transaction, so each happens once or not yet.
Cases are claimed and fired in sets; a clock that cannot be fired is parked, shown, and holds nothing up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlmodel import Session, col

from .case import Case, CaseEvent, next_line
from .clock import Clock, Escalation
from .db import insert_rows, is_lost, show, update_rows
from .directory import Directory
from .editions import calendar
from .errors import reason
from .ladder import PROMPT, Rung, firing
from .notices import Orphan
from .people import SYSTEM

BATCH = 500
log = structlog.get_logger()


def next_instant(session: Session) -> datetime | None:
    """The earliest instant at which any clock has something to do."""
    return session.scalar(select(func.min(Clock.next_at)).where(col(Clock.parked_at).is_(None)))


def climb(session: Session, at: datetime, batch: int = BATCH) -> int:
    """Fire what is due at `at`, oldest first, for at most `batch` cases. Returns how many clocks were handled; 0: nothing is left.

    Cases that somebody else has locked are left for the next time. Call again until it answers 0.
    """
    clocks = _claim(session, at, batch)
    if not clocks:
        return 0
    fire_each(session, clocks, at, poisoned=lambda clock, why: _park(session, clock, why, at))
    return len(clocks)


def fire_each(
    session: Session, clocks: Sequence[Clock], at: datetime, *, poisoned: Callable[[Clock, str], None]
) -> None:
    """Fire clocks of locked cases, which are due. One that cannot be fired is handed to `poisoned` with the reason."""
    try:
        with session.begin_nested():
            _fire(session, clocks, at)
    except Exception as error:
        if is_lost(error):
            raise
        # one of them is poison; each is tried by itself
        for clock in clocks:
            if why := _poison(session, clock, at):
                poisoned(clock, why)


def _claim(session: Session, at: datetime, batch: int) -> list[Clock]:
    due = col(Clock.next_at) <= at
    # the limit is counted after the locks: what others hold does not hide what is due after it
    oldest = (
        select(Case.id)  # type: ignore[call-overload]
        .join(Clock, col(Clock.case_id) == col(Case.id))
        .where(due, col(Clock.parked_at).is_(None))
        .order_by(col(Clock.next_at))
        .limit(batch)
        .with_for_update(of=Case, skip_locked=True)
    )
    claimed = session.scalars(oldest).all()
    # read only once the cases are ours: what was due may have been stopped in between
    statement = select(Clock).where(due, col(Clock.parked_at).is_(None), col(Clock.case_id).in_(claimed))
    return list(
        session.scalars(
            statement.order_by(col(Clock.next_at), col(Clock.id)), execution_options={"populate_existing": True}
        )
    )


def _fire(session: Session, clocks: Sequence[Clock], at: datetime) -> None:
    ids = {clock.case_id for clock in clocks}
    cases = session.scalars(select(Case).where(col(Case.id).in_(ids)), execution_options={"populate_existing": True})
    firings = _Firings(session, at, {case.id: case for case in cases})  # type: ignore[misc]
    moving = []
    for clock in clocks:
        if clock.fires and clock.due_at <= at:
            # a period that ended, a silence that became an answer: it moves the case
            moving.append(clock)
        else:
            firings.add(clock)
    firings.write()
    for clock in moving:
        if clock.is_running:
            case = firings.cases[clock.case_id]
            # it ended at its own instant, whenever we came to see it
            case.fire(clock.fires or "", by=SYSTEM, at=max(clock.due_at, case.last_at), recorded_at=at)


def _poison(session: Session, clock: Clock, at: datetime) -> str | None:
    """Fire one clock; where that fails, why."""
    try:
        with session.begin_nested():
            session.refresh(clock)
            _fire(session, [clock], at)
    except Exception as error:
        if is_lost(error):
            raise
        return reason(error)
    return None


def _park(session: Session, clock: Clock, why: str, at: datetime) -> None:
    log.error("clock parked", clock=clock.id, why=why)
    session.execute(update(Clock).where(col(Clock.id) == clock.id).values(parked_at=at, parked_why=why))


@dataclass
class _Firings:
    """The steps that fire in one batch, gathered as rows and then written in a handful of statements."""

    session: Session
    at: datetime
    cases: dict[int, Case]
    events: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[Clock, Rung, datetime, list[Rung]]] = field(default_factory=list)
    """Beside `events`: whose step, which, planned for when, and which missed ones it tells."""
    clocks: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def directory(self) -> Directory:
        return Directory.of(self.session, list(self.cases.values()), self.at)

    def add(self, clock: Clock) -> None:
        case = self.cases[clock.case_id]
        book = calendar(self.session, clock.edition)
        folded, rung, after = firing(clock, clock.next_step or "", clock.counted, book, self.at)
        planned = rung.instant(clock.counted, book) if folded else clock.next_at
        assert planned is not None
        told, orphaned = self.directory.targets(case, rung.step)
        facts = {
            "clock": clock.id,
            "generation": clock.generation,
            "limits": clock.limits,
            "due_day": clock.due_day.isoformat(),
            "scheduled_at": planned.isoformat(),
            "late": self.at - planned > PROMPT,
            "folded": [one.name for one in folded],
            "told": told,
            "orphaned": orphaned,
        }
        line = next_line(
            case, rung.name, case.stage, case.stage, None, None, max(self.at, case.last_at), self.at, facts
        )
        show(case, last_seq=line["seq"], last_hash=line["hash"], last_at=line["at"])
        ahead = {"next_step": after and after.name, "next_at": after and after.at, "last_fired_at": self.at}
        show(clock, **ahead)
        self.events.append(line)
        self.steps.append((clock, rung, planned, folded))
        self.clocks.append({"id": clock.id} | ahead)

    def write(self) -> None:
        if not self.steps:
            return
        ids = insert_rows(self.session, CaseEvent, self.events)
        insert_rows(
            self.session,
            Escalation,
            [
                row
                for made, line, step in zip(ids, self.events, self.steps, strict=True)
                for row in self._fired(made, line, *step)
            ],
        )
        insert_rows(
            self.session,
            Orphan,
            [
                {"case_id": line["case_id"], "event_id": made, "step": line["name"], "wanted": wanted, "at": self.at, "taken_by_id": None}
                for made, line in zip(ids, self.events, strict=True)
                for wanted in line["facts"]["orphaned"]
            ],
        )  # fmt: skip
        update_rows(self.session, Clock, self.clocks)
        last = {line["case_id"]: line for line in self.events}
        ends = [
            {"id": of, "last_seq": line["seq"], "last_hash": line["hash"], "last_at": line["at"]}
            for of, line in last.items()
        ]
        update_rows(self.session, Case, ends)

    def _fired(
        self, made: int, line: dict[str, Any], clock: Clock, rung: Rung, planned: datetime, folded: list[Rung]
    ) -> list[dict[str, Any]]:
        of = {"clock_id": clock.id, "event_id": made, "generation": clock.generation, "fired_at": self.at}
        missed = [
            of | {"step": one.name, "at": one.instant(clock.counted, calendar(self.session, clock.edition)), "outcome": "folded", "told": {}}
            for one in folded
        ]  # fmt: skip
        return [*missed, of | {"step": rung.name, "at": planned, "outcome": "fired", "told": line["facts"]["told"]}]
