"""A whole city's clocks stand by: a million are open, five thousand of them fall due within ten seconds, one shift is on duty.

Lateness runs from a step's instant until it is committed. The shift also writes the notices of each step meanwhile. Memory is the
growth of the shift's process from its first hundred steps to the last.
"""

from collections.abc import Iterator

import psycopg
from sqlalchemy import func, select, text
from sqlmodel import Session, col

from models.clock import Escalation
from models.db import engine, transaction
from models.office import set_office_clock, shift_is_on
from tests.make import Cast, at, at_review

from .figure import Figure, at_most, percentile
from .office import LATE, on_duty, resident, stamping_office, until
from .rebase import multiply

CLOCKS = 1_000_000
STEPS = 5_000
SECONDS = 10
SPREAD = text("""
    update clock set due_at = now_at + interval '8 s' + due.n * :seconds * interval '1 s' / :steps,
        next_at = now_at + interval '8 s' + due.n * :seconds * interval '1 s' / :steps, next_step = 'red_card'
    from (select id, row_number() over () n from (
              select id from clock where next_step = 'remind' order by hashint8(id) limit :steps) chosen) due,
         (select anchor_office + (clock_timestamp() - anchor_real) now_at from office_clock) office
    where clock.id = due.id""")


def measure() -> Iterator[Figure]:
    with stamping_office() as (urls, _):
        with transaction(urls.app) as session:
            set_office_clock(session, at("2026-10-12 10:00"))
            multiply(session, at_review(session, Cast(session), "2026-10-12 09:00"), CLOCKS)
        with psycopg.connect(urls.owner, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        with Session(engine(urls.app)) as session, on_duty(urls) as (shift,):
            until(lambda: shift_is_on(session))
            _fire(session, 100)
            before, seen = resident(shift), _fired(session)
            _fire(session, STEPS)
            grown = resident(shift) - before
        with psycopg.connect(urls.owner) as connection:
            late = [row[0] for row in connection.execute(LATE, [seen])]
        what = f"{STEPS:,} steps in {SECONDS} s beside {CLOCKS:,} open clocks"
        yield at_most(f"{what}, lateness p99", percentile(late, 99), "s", 0.25)
        yield at_most(f"{what}, lateness at most", max(late), "s", 1)
        yield at_most(f"{what}, memory grown", grown, "MiB", 16)


def _fire(session: Session, steps: int) -> None:
    before = _fired(session)
    session.execute(SPREAD, {"steps": steps, "seconds": SECONDS * steps / STEPS})
    session.commit()
    until(lambda: _fired(session) == before + steps, limit=90)


def _fired(session: Session) -> int:
    fired = session.scalar(select(func.count(col(Escalation.id)))) or 0
    session.rollback()
    return fired
