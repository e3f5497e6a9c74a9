"""An office to measure in: a PostgreSQL of our own with schema, facts and the tests' cast; and its shift."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from api.embedded import Embedded, Urls, temporary
from api.setup import migrate, sync_facts
from models.db import engine, transaction
from models.people import Person
from tests.make import Cast, cast_of

NOT_DURABLE = "PostgreSQL with fsync off"
SHIFT = "from flows.shift import shift; shift.fn(600)"


@contextmanager
def office() -> Iterator[Urls]:
    """Not crash-safe: what is measured is our work, not this machine's disk."""
    with temporary() as server:
        yield from _furnished(server)


@contextmanager
def stamping_office() -> Iterator[tuple[Urls, Embedded]]:
    """One whose server remembers when each transaction was committed (`LATE`), so that nobody need look again and again."""
    with temporary() as server:
        url = f"postgresql://postgres:{server.passwords['postgres']}@127.0.0.1:{server.port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter system set track_commit_timestamp = on")
        assert server.process is not None
        server.process.send_signal(signal.SIGINT)
        server.process.wait()
        server.launch()
        for urls in _furnished(server):
            yield urls, server


LATE = """
    select extract(epoch from pg_xact_commit_timestamp(escalation.xmin) - (anchor_real + (escalation.at - anchor_office)))::float
    from escalation, office_clock where escalation.id > %s order by escalation.id"""
"""How late steps were there for everybody to read, in seconds; the office clock runs at the world's pace."""


def _furnished(server: Embedded) -> Iterator[Urls]:
    urls = server.database("bench")
    migrate(urls.owner)
    with transaction(urls.app) as session:
        sync_facts(session)
        cast_of(session)
    try:
        yield urls
    finally:
        engine(urls.app).dispose()


def officers(url: str, *accounts: str) -> dict[str, Person]:
    """People of the cast with their posts, free of any session: whom a request has found signed in."""
    with transaction(url) as session:
        found = {account: getattr(Cast(session), account) for account in accounts}
        session.expunge_all()
    return found


@contextmanager
def on_duty(urls: Urls, code: str = SHIFT, times: int = 1) -> Iterator[list[int]]:
    """So many processes that run `code` on this office's database; their ids."""
    env = os.environ | {"BANJIE_DATABASE_URL": urls.app, "PREFECT_LOGGING_LEVEL": "ERROR"}
    at_work = [subprocess.Popen([sys.executable, "-c", code], env=env) for _ in range(times)]
    try:
        yield [one.pid for one in at_work]
    finally:
        for one in at_work:
            one.kill()
            one.wait()


def until(question: Callable[[], bool], limit: float = 60, every: float = 0.1) -> None:
    ends = time.monotonic() + limit
    while not question():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(every)


def resident(pid: int) -> float:
    """MiB that a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
