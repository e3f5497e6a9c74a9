"""Next year's holidays are published while 200,000 clocks run into it: previewed, moved, and put back.

Every clock is provisional and every due day moves, which is the worst that a notice can do. The flow's own code works it off in a
process of its own, in as many lanes as it takes, while an officer writes remarks into the very cases; time counts from the first
look to the last commit, memory is the growth of that process after the first tenth.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import func, select, text
from sqlmodel import Session, col

from api.embedded import Urls
from models import ledger
from models.case import Case, CaseEvent
from models.clock import Clock
from models.db import engine, transaction
from models.editions import almanac, approve, keep, newest_edition
from models.jobs import Job, ask
from models.office import office_now, real_now, set_office_clock
from tests.make import Cast, at, at_review, running

from .figure import Figure, at_least, at_most, percentile
from .office import NOT_DURABLE, office

CLOCKS = 200_000
OPENED = ("2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31")
"""Five working days from each end in January; by the notice a day earlier than was assumed."""
EDITION = "2027"
SAMPLE = 200
WORK_OFF = "import sys; from flows.rebase import work_off; work_off(int(sys.argv[1]))"


def measure() -> Iterator[Figure]:
    with office() as urls:
        with transaction(urls.app) as session:
            set_office_clock(session, at("2026-12-31 10:00"))
            for day in OPENED:
                original = at_review(session, Cast(session), f"{day} 09:00")
                assert running(session, original).provisional
                multiply(session, original, CLOCKS // len(OPENED) - 1)
            publish(session)
        with engine(urls.owner).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))
        for kind in ("preview", "rebase", "undo"):
            with transaction(urls.app) as session:
                params = {"edition": EDITION} if kind != "undo" else {"job": _last(session)}
                number = ask(session, kind, params, by=None, at=real_now(session)).id or 0
            run = _work_off(urls, number)
            what = f"{kind} of {CLOCKS:,} clocks, {NOT_DURABLE}"
            yield Figure(what, run.took, "s") if kind != "rebase" else at_most(what, run.took, "s", 30)
            yield at_least(f"{kind}, clocks a second", CLOCKS / run.took, "clocks/s", CLOCKS / 30)
            yield at_most(f"{kind}, memory grown", run.grown, "MiB", 16)
            yield Figure(f"{kind}, a remark of an officer's meanwhile, p99", percentile(run.remarks, 99), "s")
            with transaction(urls.app) as session:
                _verify(session, number, kind)


def multiply(session: Session, original: Case, times: int) -> None:
    """So many more cases like `original`, begun in the seconds after it, each with its running clock; their ledgers begin with
    the next line."""
    cases = [name for name in Case.model_fields if name not in ("id", "number")]
    clocks = [name for name in Clock.model_fields if name not in ("id", "case_id", "started_at")]
    listed, of_clock = ", ".join(f'"{name}"' for name in cases), ", ".join(f'"{name}"' for name in clocks)
    same = ", ".join(f'clock."{name}"' for name in clocks)
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
            f"insert into clock (case_id, started_at, {of_clock})"
            f" select made.id, started_at + (made.id % 30000) * interval '1 second', {same}"
            ' from clock, "case" made where clock.case_id = :id and clock.stopped_at is null and made.number like :like'
            " order by made.id"
        ),
        bound,
    )


def publish(session: Session) -> None:
    """A notice for 2027 by which Sunday the third of January is worked."""
    known = almanac(session, session.scalar(newest_edition()))
    days = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 2): (False, "元旦"), date(2027, 1, 3): (True, "元旦")}
    edition = keep(session, EDITION, "measured", known.with_years({2027: days}), at=office_now(session))
    approve(session, edition, office_now(session))


class Run:
    """How a job was worked off: seconds, MiB, and how long each remark took."""

    def __init__(self) -> None:
        self.took = self.grown = 0.0
        self.remarks: list[float] = []


def _work_off(urls: Urls, number: int) -> Run:
    run, draw, size, begun = Run(), Random(278), 0.0, 0.0
    env = os.environ | {"BANJIE_DATABASE_URL": urls.app, "PREFECT_LOGGING_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, "-c", WORK_OFF, str(number)], env=env, stdout=subprocess.DEVNULL)
    with transaction(urls.app) as session:
        clerk, last = Cast(session).reviewer, session.scalar(select(func.max(col(Case.id)))) or 0
    while True:
        with transaction(urls.app) as session:
            job = session.get_one(Job, number)
            now = real_now(session).timestamp()
        if job.state != "waiting" and not begun:
            begun = now
        if not size and job.done * 10 > CLOCKS:
            size = _resident(process.pid)
        if job.finished_at:
            break
        run.grown = _resident(process.pid) - size
        started = time.perf_counter()
        with transaction(urls.app) as session:
            case = session.get_one(Case, draw.randrange(1, last + 1))
            case.note("电话核实", by=clerk, at=office_now(session))
        run.remarks.append(time.perf_counter() - started)
        time.sleep(0.05)
    process.wait()
    run.took = job.finished_at.timestamp() - begun
    return run


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _last(session: Session) -> int | None:
    return session.scalar(select(func.max(Job.id)).where(col(Job.kind) == "rebase"))


def _verify(session: Session, number: int, kind: str) -> None:
    """Every clock moved once, and the new line of each ledger follows the one before it."""
    job = session.get_one(Job, number)
    assert job.state == "done" and job.result["moved"] == CLOCKS, job.result
    days = [date(2027, 1, 5 if kind == "rebase" else 6) + timedelta(days=n - 1) for n in range(len(OPENED))]
    there = select(func.count(col(Clock.id))).where(col(Clock.due_day).in_(days), col(Clock.stopped_at).is_(None))
    assert session.scalar(there) == CLOCKS
    if kind == "preview":
        return
    drawn = Random(278).sample(range(job.result["first_event"], job.result["last_event"] + 1), SAMPLE)
    for event in session.scalars(select(CaseEvent).where(col(CaseEvent.id).in_(drawn))):
        assert ledger.event_hash(event.prev_hash, event.identity, event.facts_hash) == event.hash
        following = select(CaseEvent.prev_hash).where(  # type: ignore[call-overload]
            col(CaseEvent.case_id) == event.case_id, col(CaseEvent.seq) == event.seq + 1
        )
        case = session.get_one(Case, event.case_id)
        assert (session.scalar(following) or case.last_hash) == event.hash
