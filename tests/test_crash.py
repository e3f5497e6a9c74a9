"""Drills: processes killed by kill -9, a PostgreSQL that goes down, officers at work in the very cases that fall due.

Whatever is done to it, every step fires once, with its line, its notices and its paper; what was answered with "done" stays done;
and nobody waits for nobody. The server is the tests' own, and crash-safe as in service.
"""

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from random import Random
from signal import SIGQUIT
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col

from api.embedded import Embedded, Urls
from api.setup import migrate, sync_facts
from flows.hand_off import hand_off
from flows.shift import shift
from models.case import Case, CaseEvent, whole
from models.climb import climb, next_instant
from models.clock import Clock, Escalation
from models.db import engine, transaction
from models.documents import Document, Numbering
from models.errors import Refused
from models.notices import Notice, Trouble
from models.office import Heartbeat, office_now, set_office_clock
from models.settings import settings

from .make import Cast, at, at_review, cast_of, copies

DUE = "2026-10-20 08:30"
"""When letters fall due, and the first of the red cards."""
STATED: dict[str, dict[str, Any]] = {"approve": {"amount": "50000"}, "bounced": {"reason": "收款账号有误"}}
PROCESSES = get_context("forkserver")
# processes start in a tenth of a second; importing the flows anew would take each of them three
PROCESSES.set_forkserver_preload(["tests.test_crash"])


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    """A PostgreSQL that may be killed, crash-safe as in service."""
    with tempfile.TemporaryDirectory(prefix="banjie-") as folder:
        Path(folder).chmod(0o711)  # as root the server's account must get to its data
        with Embedded(Path(folder) / "var") as pg:
            urls = pg.database("scene")
            migrate(urls.owner)
            with transaction(urls.app) as session:
                sync_facts(session)
                cast_of(session)
            engine(urls.app).dispose()
            yield pg


@pytest.fixture
def urls(server: Embedded, request: pytest.FixtureRequest) -> Iterator[Urls]:
    name = f"drill_{abs(hash(request.node.nodeid)) % 10**12}"
    urls = server.database(name, "scene")
    yield urls
    engine(urls.app).dispose()
    server.drop(name)


# --- who works, and who kills them ------------------------------------------------------------------------------------


def be_on_duty(url: str) -> None:
    _in_office(url)
    shift.fn(600)


def climb_without_asking(url: str) -> None:
    """A watch that knows of no lock, over and over."""
    _in_office(url)
    while True:
        with transaction() as session:
            idle = not climb(session, office_now(session), batch=20)
        hand_off()
        if idle:
            time.sleep(0.02)


def _in_office(url: str) -> None:
    os.environ["BANJIE_DATABASE_URL"] = url
    settings.cache_clear()


class Crew:
    """So many processes that do the same; whoever is gone is started again, as Prefect would."""

    def __init__(self, work: Callable[[str], None], url: str, size: int = 2) -> None:
        self.work, self.url = work, url
        self.hands = [self.hire() for _ in range(size)]

    def hire(self) -> Any:
        hand = PROCESSES.Process(target=self.work, args=[self.url], daemon=True)
        hand.start()
        return hand

    def keep(self) -> None:
        """Those who found another on duty have left."""
        for hand in [hand for hand in self.hands if not hand.is_alive()]:
            self.hands.remove(hand)
            self.hands.append(self.hire())

    def kill(self, pid: int | None) -> None:
        for hand in self.hands:
            if hand.pid == pid:
                hand.kill()
                hand.join()

    def go(self) -> None:
        for hand in self.hands:
            hand.kill()
            hand.join()
            hand.close()


@contextmanager
def crew(work: Callable[[str], None], urls: Urls, size: int = 2) -> Iterator[Crew]:
    hired = Crew(work, urls.app, size)
    try:
        yield hired
    finally:
        hired.go()


class Officer(threading.Thread):
    """Presses buttons in whichever case comes to hand, and remembers what was answered with "done"."""

    def __init__(self, urls: Urls, ids: Sequence[int], number: int) -> None:
        super().__init__()
        self.urls, self.ids, self.draw = urls, ids, Random(number)
        self.done: Counter[tuple[int, str]] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.draw.uniform(0, 0.5)):
            case_id = self.draw.choice(self.ids)
            try:
                with transaction(self.urls.app) as session:
                    name = self.press(session, session.get_one(Case, case_id))
            except (Refused, OperationalError):
                continue  # somebody else was quicker, or the database is away: they would try again
            self.done[case_id, name] += 1

    def press(self, session: Session, case: Case) -> str:
        cast, now = Cast(session), max(office_now(session), case.last_at)
        what = self.draw.choice(("note", "note", "note", "assign", "move"))
        if what == "note":
            return case.note("电话催问", by=cast.supervisor, at=now).name
        here = {"review": cast.reviewer, "first_payment": cast.payer}[case.stage]
        if what == "assign":
            return case.assign(here, by=here, at=now).name
        name = {"review": "approve", "first_payment": "bounced"}[case.stage]
        return case.fire(name, by=here, at=now, facts=STATED[name]).name


@contextmanager
def officers(urls: Urls, ids: Sequence[int], how_many: int = 4) -> Iterator[list[Officer]]:
    at_work = [Officer(urls, ids, number) for number in range(how_many)]
    for one in at_work:
        one.start()
    try:
        yield at_work
    finally:
        for one in at_work:
            one.over.set()
        for one in at_work:
            one.join()


# --- the scene, and what must be true after it ------------------------------------------------------------------------


def falling_due(urls: Urls, steps: int, over: float) -> list[int]:
    """Cases under review: the letters of every tenth are due in a second, all at once; the red cards of the others one after
    another from then on, for `over` seconds."""
    letters = steps // 10
    with transaction(urls.app) as session:
        original = at_review(session, Cast(session), "2026-10-12 09:00")  # due 2026-10-19
        dues = [at("2026-10-20 00:00")] * (letters - 1)
        dues += [at(DUE) + timedelta(seconds=over * n / steps) for n in range(steps - letters)]
        ids = [original.id, *copies(session, original, dues)]
    while _climbed(urls, at("2026-10-20 00:00")):
        pass
    with transaction(urls.app) as session:
        set_office_clock(session, at(DUE) - timedelta(seconds=1))
    return ids  # type: ignore[return-value]


def _climbed(urls: Urls, when: datetime) -> int:
    with transaction(urls.app) as session:
        return climb(session, when)


def until(question: Callable[[Session], Any], urls: Urls, hands: Crew, limit: float = 60) -> None:
    """Wait for `question` to be true, with the crew kept whole."""
    ends = time.monotonic() + limit
    while True:
        hands.keep()
        with transaction(urls.app) as session:
            if question(session):
                return
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def all_is_done(session: Session) -> bool:
    ahead = next_instant(session)
    # what is due during the scene is due; what comes the day after is not waited for
    return _unhandled(session) == 0 and (ahead is None or ahead > at(DUE) + timedelta(hours=2))


def _unhandled(session: Session) -> int:
    return session.scalar(select(func.count(col(CaseEvent.id))).where(col(CaseEvent.handled_at).is_(None))) or 0


def progress(session: Session) -> int:
    """Grows with every step and with every event handed on."""
    fired = session.scalar(select(func.count(col(Escalation.id)))) or 0
    return fired + (session.scalar(select(func.count(col(CaseEvent.handled_at)))) or 0)


def must_be_whole(urls: Urls, ids: Sequence[int]) -> None:
    """Every ledger, every step, every paper, every notice: there, and once."""
    with Session(engine(urls.app)) as session:
        events = ledgers(session)
        steps_fired_once(session, events, ids)
        papers_issued_once(session, events)
        told = {(notice.event_id, notice.person_id) for notice in session.scalars(select(Notice))}
        for event in filter(_is_step, events):
            assert {(event.id, person) for people in event.facts["told"].values() for person in people} <= told
        assert not session.scalars(select(Trouble)).all()


def ledgers(session: Session) -> Sequence[CaseEvent]:
    """Every line there is; each case's chain whole to its end."""
    events = session.scalars(select(CaseEvent).order_by(col(CaseEvent.case_id), col(CaseEvent.seq))).all()
    cases = {case.id: case for case in session.scalars(select(Case))}
    for case_id, own in groupby(events, key=lambda event: event.case_id):
        case = cases[case_id]
        assert whole(list(own), case.last_seq, case.last_hash) is None, case.number
    return events


def steps_fired_once(session: Session, events: Sequence[CaseEvent], ids: Sequence[int]) -> None:
    """One line and one row each; and no case that nobody moved in time is without."""
    said = Counter(
        (event.facts["clock"], event.facts["generation"], step)
        for event in filter(_is_step, events)
        for step in (*event.facts["folded"], event.name)
    )
    fired = Counter((row.clock_id, row.generation, row.step) for row in session.scalars(select(Escalation)))
    assert set(said.values()) == {1} and said == fired
    clocks = session.scalars(
        select(Clock).where(col(Clock.started_at) == at("2026-10-12 09:00"), col(Clock.limits) == "review")
    ).all()
    assert {clock.case_id for clock in clocks} == set(ids)
    for clock in clocks:
        assert clock.parked_at is None, clock.parked_why
        assert clock.stopped_at or (clock.id, 1, "red_card") in fired, "a red card is missing"
        assert clock.stopped_at or clock.due_at >= at(DUE) or (clock.id, 1, "urge") in fired, "a letter is missing"
        assert not clock.stopped_at or (clock.outcome == "late") == (clock.due_at <= clock.stopped_at)


def papers_issued_once(session: Session, events: Sequence[CaseEvent]) -> None:
    papers = session.scalars(select(Document)).all()
    issued = Counter((paper.event_id, paper.kind) for paper in papers)
    wanted = {event.id: PAPER[event.name] for event in events if event.name in PAPER}
    assert set(issued.values()) == {1} and {of: kind for of, kind in issued if kind in PAPER.values()} == wanted
    given_out = {row.body_id: row.last for row in session.scalars(select(Numbering))}
    assert Counter(paper.issuer_id for paper in papers) == given_out, "a number was given out twice or lost"


PAPER = {"urge": "urge_notice", "approve": "transfer_notice", "bounced": "bounced_notice"}


def _is_step(event: CaseEvent) -> bool:
    return bool(event.facts) and "scheduled_at" in event.facts


def must_have_kept(urls: Urls, at_work: Sequence[Officer]) -> None:
    """What an officer was told is done is in the ledger."""
    done = sum((officer.done for officer in at_work), Counter[tuple[int, str]]())
    with transaction(urls.app) as session:
        by_people = select(CaseEvent).where(col(CaseEvent.by_id).is_not(None))
        there = Counter((event.case_id, event.name) for event in session.scalars(by_people))
    assert done and done <= there


def must_not_have_locked_up(server: Embedded) -> None:
    assert "deadlock detected" not in (server.var / "log" / "postgres.log").read_text()


# --- the drills -------------------------------------------------------------------------------------------------------


def killed(urls: Urls, hands: Crew, times: int, victim: Callable[[Session], int | None]) -> None:
    """Each time once something more has been done, and then at any moment."""
    draw, seen = Random(times), 0
    for _ in range(times):
        with transaction(urls.app) as session:
            seen = progress(session)
        until(lambda session, seen=seen: progress(session) > seen, urls, hands)  # type: ignore[misc]
        time.sleep(draw.uniform(0, 0.6))
        with transaction(urls.app) as session:
            pid = victim(session)
        hands.kill(pid)


def on_duty(session: Session) -> int:
    return int(session.get_one(Heartbeat, "shift").who.rpartition(":")[2])


@pytest.mark.parametrize(("steps", "kills"), [(160, 5), pytest.param(5000, 50, marks=pytest.mark.long)])
def test_shifts_are_killed_while_officers_work_and_every_step_fires_once(
    server: Embedded, urls: Urls, steps: int, kills: int
) -> None:
    ids = falling_due(urls, steps, over=kills)
    with crew(be_on_duty, urls) as shifts:
        with officers(urls, ids) as at_work:
            killed(urls, shifts, kills, victim=on_duty)
        until(all_is_done, urls, shifts, limit=600)
    must_be_whole(urls, ids)
    must_have_kept(urls, at_work)
    must_not_have_locked_up(server)


@pytest.mark.parametrize(("steps", "kills"), [(100, 3), pytest.param(5000, 30, marks=pytest.mark.long)])
def test_two_that_know_of_no_lock_fire_every_step_once(server: Embedded, urls: Urls, steps: int, kills: int) -> None:
    draw = Random(kills)
    ids = falling_due(urls, steps, over=kills)
    with crew(climb_without_asking, urls) as watches:
        with officers(urls, ids) as at_work:
            killed(urls, watches, kills, victim=lambda session: draw.choice(watches.hands).pid)
        until(all_is_done, urls, watches, limit=600)
    must_be_whole(urls, ids)
    must_have_kept(urls, at_work)
    must_not_have_locked_up(server)


@pytest.mark.parametrize(("steps", "crashes"), [(60, 1), pytest.param(2000, 6, marks=pytest.mark.long)])
def test_postgresql_goes_down_in_the_middle_and_the_same_shift_goes_on(
    server: Embedded, urls: Urls, steps: int, crashes: int
) -> None:
    draw = Random(crashes)
    ids = falling_due(urls, steps, over=4 * crashes)
    with crew(be_on_duty, urls, size=1) as shifts:
        [same] = shifts.hands
        with officers(urls, ids) as at_work:
            for _ in range(crashes):
                with transaction(urls.app) as session:
                    seen = progress(session)
                until(lambda session, seen=seen: progress(session) > seen, urls, shifts)  # type: ignore[misc]
                time.sleep(draw.uniform(0.2, 1))
                crash(server)
        until(all_is_done, urls, shifts, limit=600)
        assert shifts.hands == [same]
    must_be_whole(urls, ids)
    must_have_kept(urls, at_work)
    must_not_have_locked_up(server)


def crash(server: Embedded) -> None:
    """The server ends without finishing anything, and comes back on its old port."""
    assert server.process is not None
    server.process.send_signal(SIGQUIT)
    server.process.wait()
    server.launch()
