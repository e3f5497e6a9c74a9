"""The shift in processes of its own, on a database of its own: prompt, alone on duty, and unharmed by kill -9."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlmodel import Session, col

from api.embedded import Urls
from models.case import Case, CaseEvent, events_of, verify
from models.clock import Clock, Escalation
from models.documents import Document
from models.office import Heartbeat, office_now, set_office_clock, shift_is_on

from .make import Cast, at, at_intake

pytestmark = pytest.mark.alone

SHIFT = "from flows.shift import shift; print(shift.fn({seconds}), flush=True)"


@contextmanager
def on_duty(urls: Urls, seconds: float) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"BANJIE_DATABASE_URL": urls.app, "PREFECT_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-c", SHIFT.format(seconds=seconds)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def until(engine: Any, question: Any, limit: float = 60) -> None:
    """Wait for `question(session)` to be true."""
    deadline = time.monotonic() + limit
    while True:
        with Session(engine) as session:
            if question(session):
                return
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def nothing_is_unhandled(session: Session) -> bool:
    return session.scalar(select(func.count()).where(col(CaseEvent.handled_at).is_(None))) == 0


def somebody_is_urged(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).where(col(Document.kind) == "urge_notice")))


def test_a_case_lies_too_long_and_climbs_to_the_letter_with_nobody_touching_it(
    own_database: Urls, engine_of_its_own: Any
) -> None:
    """A week in eight seconds: the office clock runs fast, the rules are those of every day."""
    with Session(engine_of_its_own) as session, session.begin():
        case = at_intake(session, Cast(session))  # due Monday 2026-10-19
        case_id = case.id
        set_office_clock(session, at("2026-10-15 17:00"))
    with on_duty(own_database, 40):
        until(engine_of_its_own, shift_is_on)
        with Session(engine_of_its_own) as session, session.begin():
            set_office_clock(session, at("2026-10-15 17:00"), rate=18 * 3600)
        until(engine_of_its_own, somebody_is_urged)
    with Session(engine_of_its_own) as session:
        case = session.get_one(Case, case_id)
        assert case.card(office_now(session)) == "red"
        assert [event.name for event in events_of(session, case)][-3:] == ["remind", "red_card", "urge"]
        assert verify(events_of(session, case)) is None


def test_a_deadline_fires_within_half_a_second_of_its_instant(own_database: Urls, engine_of_its_own: Any) -> None:
    with on_duty(own_database, 60):
        until(engine_of_its_own, shift_is_on)
        with Session(engine_of_its_own) as session, session.begin():
            for _ in range(40):
                at_intake(session, Cast(session))
            set_office_clock(session, at("2026-10-16 08:29:58"))
        until(engine_of_its_own, lambda s: s.scalar(select(func.count(col(Escalation.id)))) == 40)
    with Session(engine_of_its_own) as session:
        late = [row.fired_at - row.at for row in session.scalars(select(Escalation))]
    assert max(late) < timedelta(seconds=0.5), max(late)


def test_the_second_shift_leaves_at_once_and_a_dead_one_holds_nothing(
    own_database: Urls, engine_of_its_own: Any
) -> None:
    with on_duty(own_database, 300) as first:
        until(engine_of_its_own, lambda s: s.get(Heartbeat, "shift"))
        with on_duty(own_database, 300) as second:
            assert second.wait(60) == 0
            assert second.stdout is not None and "another shift is on duty" in second.stdout.read()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        with Session(engine_of_its_own) as session, session.begin():
            session.execute(text("delete from heartbeat"))
        with on_duty(own_database, 300):
            until(engine_of_its_own, lambda s: s.get(Heartbeat, "shift"), limit=30)


def test_kill_nine_in_the_middle_of_it_fires_every_step_once(own_database: Urls, engine_of_its_own: Any) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        cast = Cast(session)
        for _ in range(150):
            at_intake(session, cast)
        set_office_clock(session, at("2026-10-20 00:00:01"), rate=1)
    for _ in range(3):
        with on_duty(own_database, 120) as shift:
            before = _count(engine_of_its_own)
            until(engine_of_its_own, lambda s, before=before: _handled(s) > before)
            os.kill(shift.pid, signal.SIGKILL)
    with on_duty(own_database, 120):
        until(engine_of_its_own, nothing_is_unhandled)
    with Session(engine_of_its_own) as session:
        of_case = col(CaseEvent.case_id)
        red = select(of_case, func.count()).where(col(CaseEvent.name) == "red_card").group_by(of_case)
        assert [count for _, count in session.execute(red)] == [1] * 150
        twice = select(col(Document.event_id)).group_by(col(Document.event_id)).having(func.count() > 1)
        assert session.execute(twice).all() == []
        for case in session.scalars(select(Case)):
            assert verify(events_of(session, case)) is None


def _handled(session: Session) -> int:
    return session.scalar(select(func.count()).where(col(CaseEvent.handled_at).is_not(None))) or 0


def _count(engine: Any) -> int:
    with Session(engine) as session:
        return _handled(session)


def test_officers_and_the_shift_work_on_the_same_cases_without_deadlock(
    own_database: Urls, engine_of_its_own: Any
) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        cast = Cast(session)
        cases = [at_intake(session, cast).id for _ in range(40)]
        # each of their clocks falls due again and again while officers press
        set_office_clock(session, at("2026-10-16 08:30"), rate=1)
    with on_duty(own_database, 60):
        until(engine_of_its_own, shift_is_on)
        for case_id in cases:
            with Session(engine_of_its_own) as session, session.begin():
                session.execute(
                    update(Clock).where(col(Clock.case_id) == case_id).values(next_at=at("2026-10-16 08:30"))
                )
            with Session(engine_of_its_own) as session, session.begin():
                case = session.get_one(Case, case_id)
                now = max(office_now(session), case.last_at)
                case.fire("accept", by=Cast(session).clerk, at=now)
        until(engine_of_its_own, nothing_is_unhandled)
    with Session(engine_of_its_own) as session:
        assert session.scalars(select(Clock).where(col(Clock.parked_at).is_not(None))).all() == []
