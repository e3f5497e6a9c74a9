"""Deadlines by five ways on one PostgreSQL: Banjie's shift, DBOS, Procrastinate, and two loops of plain SQL.

Each is given the same steps: all due at one instant, as after an outage, and then one after another. For a rival to fire a step is to
write two rows in one transaction; the shift writes four, hashes the case's ledger, finds whom to tell, and tells them meanwhile.
Each has warmed up, and the others are stopped while it works. When a step was committed, the server says.
"""

import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from statistics import median

import psycopg
from sqlmodel import Session

from api.embedded import Urls
from models.case import Case
from models.db import engine
from models.office import office_clock, set_office_clock, shift_is_on
from tests.make import Cast, at, at_review, copies

from .figure import Figure, at_most, compared, percentile
from .office import LATE, on_duty, stamping_office, until
from .rival_timers import TABLES

STEPS = 1_500
A_SECOND = 500
ROUNDS = 2
WARM_UPS = (50, 400)
OURS = "Banjie's shift"
RIVALS = {
    "DBOS": ["bench.rival_dbos"],
    "Procrastinate": ["bench.rival_procrastinate"],
    "SQL, a commit per step": ["bench.rival_sql_timers", "1"],
    "SQL, in sets": ["bench.rival_sql_timers", "500"],
}
THEIRS = """
    select extract(epoch from pg_xact_commit_timestamp(xmin) - at)::float from escalation where id > %s order by id"""


class Contestant(ABC):
    """Fires steps. Sleeps while it is not its turn."""

    notice = planning = 0.0
    """Seconds: told so long before the first step; how long the last planning took."""

    def __init__(self, process: int, database: str) -> None:
        self.process = process
        self.look = psycopg.connect(database, autocommit=True)

    @abstractmethod
    def plan(self, steps: int, first: float, every: float) -> None:
        """Have steps fired from `first` on, a time of the world in seconds, one `every` so many seconds."""

    lateness: str

    def warm_up(self) -> None:
        """Twice, for in the first turn it was still getting up; and see how long planning takes."""
        for steps in WARM_UPS:
            self.fire(steps, 0.005, notice=0)
        self.notice = 1 + 1.5 * self.planning * STEPS / WARM_UPS[-1]

    def fire(self, steps: int, every: float, notice: float | None = None) -> list[float]:
        """By how many seconds each was late."""
        (before,) = self.look.execute("select coalesce(max(id), 0) from escalation").fetchone() or (0,)
        os.kill(self.process, signal.SIGCONT)
        begun = time.time()
        first = begun + (self.notice if notice is None else notice)
        self.plan(steps, first, every)
        self.planning = time.time() - begun
        assert time.time() < first or notice == 0, "it was still planning when the first step was due"
        until(lambda: self._fired(before) >= steps, limit=120)
        os.kill(self.process, signal.SIGSTOP)
        return [row[0] for row in self.look.execute(self.lateness, [before])]

    def _fired(self, before: int) -> int:
        (fired,) = self.look.execute("select count(*) from escalation where id > %s", [before]).fetchone() or (0,)
        return int(fired)


class Shift(Contestant):
    lateness = LATE

    def __init__(self, process: int, urls: Urls, session: Session, original: Case) -> None:
        super().__init__(process, urls.owner)
        self.session, self.original, self.turn = session, original, 0

    def plan(self, steps: int, first: float, every: float) -> None:
        office = office_clock(self.session)
        dues = [office.read(datetime.fromtimestamp(first + n * every, UTC)) for n in range(steps)]
        self.turn += 1
        copies(self.session, self.original, dues, f"turn {self.turn}")
        self.session.commit()


class Rival(Contestant):
    lateness = THEIRS

    def __init__(self, name: str, url: str) -> None:
        module, *more = RIVALS[name]
        command = [sys.executable, "-c", f"import sys, {module}; {module}.main(*sys.argv[1:])", url, *more]
        self.said = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        super().__init__(self.said.pid, url)
        self.planned = 0

    def plan(self, steps: int, first: float, every: float) -> None:
        order = {"number": steps, "first": first, "every": every, "after": self.planned}
        self.planned += steps
        assert self.said.stdin and self.said.stdout
        print(json.dumps(order), file=self.said.stdin, flush=True)
        while (line := self.said.stdout.readline()) != "planned\n":
            assert line, "the rival has gone"


def measure() -> Iterator[Figure]:
    with _contestants() as contestants:
        for one in contestants.values():
            one.warm_up()
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        late: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, one in contestants.items():
                rates[name].append(STEPS / max(one.fire(STEPS, 0)))
                late[name] += one.fire(STEPS, 1 / A_SECOND)
    at_once = f"{STEPS:,} due at one instant"
    for name in RIVALS:
        above = None if name.startswith("SQL") else 1
        yield compared(rates, OURS, name, "steps/s", what=f"{at_once}, {OURS}", above=above)
    for name in RIVALS:
        yield Figure(f"{at_once}, {name}", median(rates[name]), "steps/s")
    in_turn = f"{A_SECOND} steps a second, lateness p99"
    yield at_most(f"{in_turn}, {OURS}", percentile(late[OURS], 99), "s", 0.25)
    for name in RIVALS:
        theirs = percentile(late[name], 99)
        yield Figure(f"{in_turn}, {name}", theirs, "s", theirs / percentile(late[OURS], 99), OURS)


@contextmanager
def _contestants() -> Iterator[dict[str, Contestant]]:
    with stamping_office() as (urls, server), ExitStack() as stack:
        session = stack.enter_context(Session(engine(urls.app), expire_on_commit=False))
        set_office_clock(session, at("2026-10-12 10:00"))
        original = at_review(session, Cast(session), "2026-10-12 09:00")
        session.commit()
        (shift,) = stack.enter_context(on_duty(urls))
        until(lambda: shift_is_on(session))
        contestants: dict[str, Contestant] = {OURS: Shift(shift, urls, session, original)}
        for number, name in enumerate(RIVALS):
            url = server.database(f"rival_{number}").owner
            with psycopg.connect(url) as connection:
                connection.execute(TABLES)
            rival = contestants[name] = Rival(name, url)
            stack.callback(_end, rival.said)
        yield contestants
        for one in contestants.values():
            one.look.close()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
