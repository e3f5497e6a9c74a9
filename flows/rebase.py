"""Re-basing, when somebody has asked for it: a run works on every open job until none is left, and leaves.

One run at a time holds an advisory lock, which dies with its process; the next run goes on where a dead one stood.
"""

import os
import threading
import time
from functools import cache

import structlog
from prefect import flow
from prefect.deployments import run_deployment
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models.db import lock_of_its_own, transaction
from models.jobs import Job, is_left_lying, open_jobs
from models.logs import write_log_as_json
from models.office import office_now, real_now
from models.rebase import advance, fail

LOCK = "8217, 4"
HORIZON = text("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
OLDEST = text("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
PATIENCE = 60.0
"""Seconds to wait for transactions that began before a job: one that takes longer is none of an officer's."""
PAUSE = 0.2
log = structlog.get_logger()


@flow(name="rebase", persist_result=False)
def rebase() -> str:
    """Work on all open jobs. Returns in a sentence what was done."""
    write_log_as_json()
    with lock_of_its_own(LOCK) as take:
        if not take():
            return "another run is at work"
        done = 0
        while number := next_job():
            work_off(number)
            done += 1
    return f"{done} jobs done"


def next_job() -> int | None:
    with transaction() as session:
        job = session.scalar(open_jobs().limit(1))
        return job.id if job else None


def work_off(number: int) -> None:
    """Batch by batch, each in a transaction of its own, until the job is finished."""
    wait_for_those_before(number)
    while True:
        try:
            with transaction() as session:
                job = session.get_one(Job, number, with_for_update=True)
                did = not job.is_open or advance(session, job, office_now(session))
                if not job.is_open:
                    break
        except OperationalError:
            # nothing is wrong with the job: the next run goes on
            raise
        except Exception as error:
            log.exception("job failed", job=number)
            with transaction() as session:
                fail(session, session.get_one(Job, number, with_for_update=True), error)
            return
        if not did:
            time.sleep(PAUSE)
    log.info("job finished", job=number, kind=job.kind, **{name: job.result[name] for name in ("cases", "moved")})


def wait_for_those_before(number: int) -> None:
    """What counts on the calendar or rule of before, and is not committed yet, could not be seen and would be passed over."""
    with transaction() as session:
        horizon = session.scalar(HORIZON)
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with transaction() as session:
            if session.scalar(OLDEST) >= horizon:
                return
            session.get_one(Job, number, with_for_update=True).beat_at = real_now(session)
        time.sleep(PAUSE)
    log.warning("a transaction is older than the job and does not end", job=number)


def start_if_asked() -> None:
    """Called by the shift every second: ask Prefect for a run where a job is open and nobody works on it.

    Waits for nothing: deadlines come first. Who comes second finds the lock taken, so asking twice is harmless.
    """
    if any(thread.name == ASKING for thread in threading.enumerate()) or not _is_left_lying():
        return
    if "PREFECT_API_URL" in os.environ:
        threading.Thread(target=_ask_for_a_run, name=ASKING, daemon=True).start()
    else:
        _say_that_nobody_can()


ASKING = "asking for a re-base"
STARTS = 30.0
"""Seconds that a run may take to begin before the next one is asked for."""


@cache
def _say_that_nobody_can() -> None:
    """Once: the log is no place to count in."""
    log.warning("a job is open and there is no Prefect server that could run it")


def _ask_for_a_run() -> None:
    ends = time.monotonic() + STARTS
    try:
        run_deployment("rebase/rebase", timeout=0, as_subflow=False)
        while time.monotonic() < ends and _is_left_lying():
            time.sleep(1)
    except Exception:
        # the next look asks again
        log.exception("Prefect could not be asked for a run")
        time.sleep(STARTS)


def _is_left_lying() -> bool:
    with transaction() as session:
        return is_left_lying(session)
