"""Next year's holidays are published while 200,000 clocks run into it: previewed, moved, and put back.

Every clock is provisional and every due day moves, which is the worst that a notice can do. Each job is worked off as its flow does
it, batch by batch; memory is the growth of this process over its size after the first tenth.
"""

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

from sqlalchemy import func, select, text
from sqlmodel import Session, col

from models import ledger
from models.case import Case, CaseEvent
from models.clock import Clock
from models.db import engine, transaction
from models.editions import almanac, approve, keep, newest_edition
from models.jobs import Job, ask
from models.office import office_now, real_now, set_office_clock
from models.rebase import advance
from tests.make import Cast, at, at_review, running

from .figure import Figure, at_least, at_most
from .office import NOT_DURABLE, office

CLOCKS = 200_000
EDITION = "2027"
SAMPLE = 200


def measure() -> Iterator[Figure]:
    with office() as urls:
        with transaction(urls.app) as session:
            set_office_clock(session, at("2026-12-28 10:00"))
            original = at_review(session, Cast(session), "2026-12-28 09:00")  # 5wd: 2027-01-05, 暂定
            assert running(session, original).provisional
            multiply(session, original, CLOCKS - 1)
            publish(session)
        with engine(urls.owner).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))
        for kind, target in (("preview", None), ("rebase", 30), ("undo", None)):
            with transaction(urls.app) as session:
                params = {"edition": EDITION} if kind != "undo" else {"job": _last(session)}
                number = ask(session, kind, params, by=None, at=real_now(session)).id
            took, slowest, grown = _work_off(urls.app, number)
            what = f"{kind} of {CLOCKS:,} clocks, {NOT_DURABLE}"
            yield Figure(what, took, "s") if target is None else at_most(what, took, "s", target)
            yield at_least(f"{kind}, a batch ≤ {slowest:.2f} s", CLOCKS / took, "clocks/s", CLOCKS / 30)
            yield at_most(f"{kind}, memory grown", grown, "MiB", 16)
            with transaction(urls.app) as session:
                _verify(session, number, kind)


def multiply(session: Session, original: Case, times: int) -> None:
    """So many more cases like `original`, each with its running clock; their ledgers begin with the next line."""
    cases = [name for name in Case.model_fields if name not in ("id", "number")]
    clocks = [name for name in Clock.model_fields if name not in ("id", "case_id")]
    listed, of_clock = ", ".join(f'"{name}"' for name in cases), ", ".join(f'"{name}"' for name in clocks)
    bound = {"times": times, "id": original.id, "like": f"{original.number}-%"}
    session.execute(
        text(
            f"insert into \"case\" (number, {listed}) select number || '-' || n, {listed}"
            ' from "case", generate_series(1, :times) n where id = :id'
        ),
        bound,
    )
    session.execute(
        text(
            f"insert into clock (case_id, {of_clock}) select made.id, {', '.join(f'clock.{c}' for c in clocks)}"
            ' from clock, "case" made where clock.case_id = :id and clock.stopped_at is null and made.number like :like'
        ),
        bound,
    )


def publish(session: Session) -> None:
    """A notice for 2027 by which Sunday the third of January is worked."""
    known = almanac(session, session.scalar(newest_edition()))
    days = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 2): (False, "元旦"), date(2027, 1, 3): (True, "元旦")}
    edition = keep(session, EDITION, "measured", known.with_years({2027: days}), at=office_now(session))
    approve(session, edition, office_now(session))


def _work_off(url: str, number: int | None) -> tuple[float, float, float]:
    """Seconds in all and of the slowest batch, and by how many MiB the process grew."""
    begun = time.perf_counter()
    slowest, size = 0.0, 0.0
    while True:
        started = time.perf_counter()
        with transaction(url) as session:
            job = session.get_one(Job, number, with_for_update=True)
            advance(session, job, office_now(session))
        slowest = max(slowest, time.perf_counter() - started)
        if not size and job.done * 10 > CLOCKS:
            size = _resident()
        if not job.is_open:
            return time.perf_counter() - begun, slowest, _resident() - size


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _last(session: Session) -> int | None:
    return session.scalar(select(func.max(Job.id)).where(col(Job.kind) == "rebase"))


def _verify(session: Session, number: int | None, kind: str) -> None:
    """Every clock moved once, and the new line of each ledger follows the one before it."""
    job = session.get_one(Job, number)
    assert job.state == "done" and job.result["moved"] == CLOCKS, job.result
    day = date(2027, 1, 4) if kind == "rebase" else date(2027, 1, 5)
    there = select(func.count(col(Clock.id))).where(col(Clock.due_day) == day, col(Clock.stopped_at).is_(None))
    assert session.scalar(there) == CLOCKS
    if kind == "preview":
        return
    first, last = job.result["first_event"], job.result["last_event"]
    for event in session.scalars(
        select(CaseEvent).where(col(CaseEvent.id).in_(Random(278).sample(range(first, last + 1), SAMPLE)))
    ):
        assert ledger.event_hash(event.prev_hash, event.identity, event.facts_hash) == event.hash
        case = session.get_one(Case, event.case_id)
        assert (case.last_seq, case.last_hash) == (event.seq, event.hash)
