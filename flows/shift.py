"""The shift: ten minutes of duty in which nothing that is due is left lying. Prefect starts one every minute.

A flow run costs seconds, so one run handles everything that falls due while it is on; it never handles one row, and never
waits for a person. Who is on duty holds an advisory lock, which dies with its process: no lease stands between a deadline
and its firing. A run that finds the lock taken leaves at once, or takes over from one that is about to go.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from prefect import flow
from sqlalchemy.exc import OperationalError

from flows import rebase
from flows.hand_off import hand_off
from flows.watch import next_look, watch
from models.db import lock_of_its_own, transaction
from models.lateness import tally
from models.logs import write_log_as_json
from models.office import Heartbeat, real_now, sign_of_life

LOCK = "8217, 2"
LONGEST = 0.25
"""Seconds between two looks: a clock started meanwhile, or an event to hand on, waits no longer."""
BEAT = 5.0
LOOK = 1.0
"""Seconds between two looks for jobs that nobody works on."""
MANY = 20
PATIENCE = 1.0
"""So many clocks fired in one look mean that more are coming: letters and notices then wait, so many seconds at most."""
TAKEOVER = 75.0
"""Seconds: a run that finds so little left of another's duty waits for its end, so that no minute is left unwatched."""
log = structlog.get_logger()


@flow(name="shift", persist_result=False)
def shift(seconds: float = 600) -> str:
    """Be on duty for so many real seconds. Returns in a sentence what was done."""
    write_log_as_json()
    ends = time.monotonic() + seconds
    fired = handed = 0
    while time.monotonic() < ends:
        try:
            with duty(seconds) as is_ours:
                if not is_ours:
                    return "another shift is on duty"
                beaten = looked = carried = 0.0
                while (now := time.monotonic()) < ends:
                    if now - beaten > BEAT:
                        beat(ends - now)
                        beaten = now
                    if now - looked > LOOK:
                        rebase.start_if_asked()
                        looked = now
                    done = watch()
                    fired += done
                    if done > MANY and now - carried < PATIENCE:
                        continue
                    carried = now
                    told = hand_off()
                    handed += told
                    if not done and not told:
                        sleep()
        except OperationalError as error:
            # the database restarts or fails over, and the lock went with the connection
            log.warning("database lost", error=str(error.orig))
            time.sleep(1)
    return f"{fired} clocks fired, {handed} events handed on"


@contextmanager
def duty(seconds: float) -> Iterator[bool]:
    """Whether the lock is ours; where another's duty is nearly over, once that one has gone."""
    with lock_of_its_own(LOCK) as take:
        until = time.monotonic() + (TAKEOVER + 15 if seconds > TAKEOVER and is_ending() else 0)
        while not (is_ours := take()) and time.monotonic() < until:
            time.sleep(0.2)
        yield is_ours


def is_ending() -> bool:
    with transaction() as session:
        on_duty = session.get(Heartbeat, "shift")
        return on_duty is not None and on_duty.until - real_now(session) < timedelta(seconds=TAKEOVER)


def beat(left: float) -> None:
    """Leave a sign of life, and count how late things were."""
    with transaction() as session:
        sign_of_life(session, "shift", f"{socket.gethostname()}:{os.getpid()}", timedelta(seconds=left))
    try:
        with transaction() as session:
            tally(session)
    except Exception:  # deadlines do not wait for figures
        log.exception("lateness not counted")


def sleep() -> None:
    """Until the next clock is due, `LONGEST` at most."""
    due = next_look()
    left = (due - datetime.now(UTC)).total_seconds() if due else LONGEST
    time.sleep(min(max(left, 0.0), LONGEST))
