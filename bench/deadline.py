"""How late a deadline fires: a shift on duty in a process of its own, deadlines all over twenty seconds, two officers at work.

The officers approve and bounce payments as fast as they get answers, and the shift draws a letter for each of these events. Lateness
runs from the deadline's instant until its step is there for everybody to read, committed.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from api.embedded import Urls
from models.access import see
from models.case import Case, CaseEvent
from models.clock import Escalation
from models.db import engine, transaction
from models.office import office_now, set_office_clock, shift_is_on
from models.people import Person
from tests.make import Cast, at, at_review, copies

from .figure import Figure, at_most, percentile
from .fire import STATED
from .office import office, officers, on_duty, until

DEADLINES = 400
SECONDS = 20
WRITERS = 2
CASES = 10
"""Of each writer."""


def measure() -> Iterator[Figure]:
    with office() as urls:
        with Session(engine(urls.app), expire_on_commit=False) as session:
            set_office_clock(session, at("2026-10-16 10:00"))
            cast = Cast(session)
            original = at_review(session, cast, "2026-10-12 09:00")
            lanes = [
                [at_review(session, cast, "2026-10-16 09:00").number for _ in range(CASES)] for _ in range(WRITERS)
            ]
            session.commit()
            with on_duty(urls):
                until(lambda: shift_is_on(session) and not _unhandled(session))
                people = officers(urls.app, "reviewer", "payer")
                with writers(urls, lanes, people) as written:
                    late = _lateness(session, original)
        yield at_most(f"{DEADLINES} deadlines, lateness p50", percentile(late, 50), "s", 0.25)
        yield at_most(f"{DEADLINES} deadlines, lateness p99", percentile(late, 99), "s", 0.5)
        yield Figure(f"{DEADLINES} deadlines, lateness at most", max(late), "s")
        yield Figure(f"events written meanwhile by {WRITERS} officers", sum(written) / SECONDS, "events/s")


def _lateness(session: Session, original: Case) -> list[float]:
    """Write the deadlines, then look every hundredth of a second which of their steps have come."""
    begins = office_now(session) + timedelta(seconds=3)
    dues = [begins + timedelta(seconds=SECONDS * number / DEADLINES) for number in range(DEADLINES)]
    copies(session, original, dues)
    session.commit()
    steps = select(Escalation.id, Escalation.at).where(col(Escalation.step) == "red_card").order_by(col(Escalation.id))  # type: ignore[call-overload]
    seen = 0
    late: list[float] = []
    ends = time.monotonic() + 3 * SECONDS
    while len(late) < DEADLINES:
        assert time.monotonic() < ends, f"only {len(late)} of {DEADLINES} deadlines have fired"
        rows = session.execute(steps.where(col(Escalation.id) > seen)).all()
        if rows:
            now = office_now(session)
            late += [(now - due).total_seconds() for _, due in rows]
            seen = rows[-1][0]
        session.rollback()
        time.sleep(0.01)
    return late


def _unhandled(session: Session) -> int:
    return session.scalar(select(func.count(CaseEvent.id)).where(col(CaseEvent.handled_at).is_(None))) or 0  # type: ignore[arg-type]


@contextmanager
def writers(urls: Urls, lanes: list[list[str]], people: dict[str, Person]) -> Iterator[list[int]]:
    """Threads that approve and bounce, each its own cases, for the length of the block; how many events each has written."""
    written = [0] * len(lanes)
    over = threading.Event()

    def work(lane: int) -> None:
        while not over.is_set():
            turn, which = divmod(written[lane], CASES)
            event, by = ("bounced", "payer") if turn % 2 else ("approve", "reviewer")
            with transaction(urls.app) as session:
                case = see(session, people[by], lanes[lane][which])
                case.fire(event, by=people[by], at=office_now(session), facts=STATED[event])
            written[lane] += 1

    threads = [threading.Thread(target=work, args=[lane]) for lane in range(len(lanes))]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        over.set()
        for thread in threads:
            thread.join()
