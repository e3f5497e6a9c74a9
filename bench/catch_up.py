"""After an outage: a hundred thousand overdue steps, caught up by `climb`, batch by batch, each batch one committed transaction.

Two outages: the red cards that were missed, by one process, then the letters that urge, by two at once. Each row and line there must
be is counted, and a sample of the ledgers verified. Memory is the growth of the process from its first tenth to the last step.
"""

from collections.abc import Iterator
from random import Random

import psycopg
from sqlalchemy import func, select
from sqlmodel import Session, col

from api.embedded import Urls
from models import ledger
from models.case import Case, CaseEvent
from models.climb import BATCH
from models.clock import Escalation
from models.db import engine, transaction
from tests.make import Cast, at, at_review

from .figure import Figure, at_least, at_most
from .office import on_duty, resident, stamping_office, until
from .rebase import multiply

CASES = 100_000
OUTAGES = (("red_card", "2026-10-20 00:30", 1), ("urge", "2026-10-21 09:00", 2))
"""What was missed, when it is noticed, and how many processes catch up."""
CLIMB = """
from datetime import datetime
from models.climb import climb
from models.db import transaction
import time
moment = datetime.fromisoformat({moment!r})
while True:
    with transaction() as session:
        idle = not climb(session, moment)
    if idle:
        time.sleep(0.02)
"""
STAMPS = """
    select extract(epoch from min(stamp))::float, extract(epoch from max(stamp))::float, count(*) from (
        select pg_xact_commit_timestamp(xmin) stamp from escalation where step = %s) one"""
SAMPLE = 200


def measure() -> Iterator[Figure]:
    with stamping_office() as (urls, _):
        with transaction(urls.app) as session:
            multiply(session, at_review(session, Cast(session), "2026-10-12 09:00"), CASES - 1)
        with psycopg.connect(urls.owner, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        alone = 0.0
        for step, moment, processes in OUTAGES:
            rate, grown = _caught_up(urls, step, CLIMB.format(moment=at(moment).isoformat()), processes)
            what = f"caught up: {CASES:,} × {step}, {'one process' if processes == 1 else f'{processes} processes'}"
            yield at_least(what, rate, "steps/s", alone or 3000)
            yield at_most(f"{what}, memory grown", grown, "MiB", 16)
            alone = rate
        with transaction(urls.app) as session:
            _verify(session)


def _caught_up(urls: Urls, step: str, code: str, processes: int) -> tuple[float, float]:
    """Steps a second, and by how many MiB a process grew."""
    with Session(engine(urls.app)) as session, on_duty(urls, code, processes) as pids:
        until(lambda: _fired(session, step) > CASES / 10, limit=200)
        before = [resident(pid) for pid in pids]
        until(lambda: _fired(session, step) >= CASES, limit=200)
        grown = max(resident(pid) - size for pid, size in zip(pids, before, strict=True))
    with psycopg.connect(urls.owner) as connection:
        first, last, fired = connection.execute(STAMPS, [step]).fetchone() or (0, 0, 0)
    assert fired == CASES, f"{fired} steps “{step}” fired instead of {CASES}"
    return (fired - BATCH) / (last - first), grown


def _fired(session: Session, step: str) -> int:
    fired = session.scalar(select(func.count(col(Escalation.id))).where(col(Escalation.step) == step)) or 0
    session.rollback()
    return fired


def _verify(session: Session) -> None:
    """One line for each step, each hashed onto the one before it, the last one the case's own."""
    ids = session.scalars(select(col(Case.id))).all()
    for case in session.scalars(select(Case).where(col(Case.id).in_(Random(278).sample(ids, SAMPLE)))):
        mine = select(CaseEvent).where(col(CaseEvent.case_id) == case.id, col(CaseEvent.by_id).is_(None))
        lines = session.scalars(mine.order_by(col(CaseEvent.seq))).all()
        assert [line.name for line in lines] == [step for step, *_ in OUTAGES], case.number
        for line in lines:
            assert ledger.event_hash(line.prev_hash, line.identity, line.facts_hash) == line.hash, case.number
        assert lines[1].prev_hash == lines[0].hash and lines[1].hash == case.last_hash, case.number
