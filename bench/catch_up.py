"""After an outage: ten thousand overdue steps, caught up by `climb` alone, batch by batch, each batch one committed transaction.

Two outages in turn: the red cards that were missed (their reminders folded in), then the letters that urge. The ledgers
of a sample are verified.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from random import Random

from sqlalchemy import func, select
from sqlmodel import Session, col

from models.case import Case, events_of, verify
from models.climb import climb
from models.clock import Escalation
from models.db import engine, transaction
from tests.make import Cast, at, at_review, copies

from .figure import Figure, at_least
from .office import office

CASES = 10_000
OUTAGES = {"red_card": "2026-10-20 00:30", "urge": "2026-10-21 09:00"}
SAMPLE = 200


def measure() -> Iterator[Figure]:
    with office() as urls:
        with transaction(urls.app) as session:
            ids = copies(session, at_review(session, Cast(session), "2026-10-12 09:00"), [None] * CASES)
        for step, when in OUTAGES.items():
            begun = time.perf_counter()
            slowest = _catch_up(urls.app, at(when))
            took = time.perf_counter() - begun
            with transaction(urls.app) as session:
                fired = session.scalar(select(func.count()).where(col(Escalation.step) == step)) or 0
            assert fired == CASES + 1, f"{fired} steps “{step}” fired instead of {CASES + 1}"
            yield at_least(
                f"caught up: {fired:,} × {step}, a batch ≤ {slowest:.2f} s",
                fired / took,
                "steps/s",
                1000,
            )
        with Session(engine(urls.app)) as session:
            for case_id in Random(278).sample(ids, SAMPLE):
                case = session.get_one(Case, case_id)
                events = events_of(session, case)
                assert verify(events) is None and case.last_hash == events[-1].hash, case.number


def _catch_up(url: str, moment: datetime) -> float:
    """Returns how long the slowest batch took, in seconds."""
    slowest = 0.0
    handled = 1
    while handled:
        begun = time.perf_counter()
        with transaction(url) as session:
            handled = climb(session, moment)
        slowest = max(slowest, time.perf_counter() - begun)
    return slowest
