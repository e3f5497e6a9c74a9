"""One event of a case, one committed transaction: `case.fire` beside hand-written SQL and beside Django with viewflow.fsm.

All three work on the same tables of the same PostgreSQL: lock the case, check its stage, stop the running clock and start the next
one, hash and append the ledger line, write the clocks' lines, move the case. A payment is approved and bounced, over and over. What
only `case.fire` does is not asked of its rivals: it finds the case through what the officer may see, checks the officer's posts,
parses what was stated, and sees which rules and calendar are in force. All ledgers are verified afterwards.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, select
from sqlmodel import Session

from models.access import see
from models.case import Case, events_of, verify
from models.db import transaction, url_for
from models.editions import calendar
from models.people import Person
from models.rules import rulebook
from tests.make import Cast, at, at_review

from .figure import Figure, compared, in_turns
from .office import NOT_DURABLE, office, officers
from .rival_sql import HandWritten
from .rival_viewflow import Viewflow
from .work import MOVES, Books, Work

LANES = 4
CASES = 8
"""In each lane of each contestant."""
OPENED = at("2026-10-12 09:00")
STATED: dict[str, dict[str, Any]] = {"approve": {"amount": 5_000_000}, "bounced": {"reason": "收款账号有误"}}


class Office:
    """Approves and bounces the payments of its own cases, lane by lane, in the way of one contestant."""

    def __init__(self, session: Session, people: dict[str, Person], do: Callable[[Work], None]) -> None:
        cast = Cast(session)
        self.lanes = [[at_review(session, cast).number for _ in range(CASES)] for _ in range(LANES)]
        self.done = [0] * LANES
        self.people = people
        self.do = do

    def __call__(self, lane: int) -> None:
        turn, which = divmod(self.done[lane], CASES)
        event, by = ("bounced", "payer") if turn % 2 else ("approve", "reviewer")
        moment = OPENED + timedelta(milliseconds=self.done[lane])
        self.do(Work(self.lanes[lane][which], event, self.people[by], moment, STATED[event]))
        self.done[lane] += 1


def measure() -> Iterator[Figure]:
    with office() as urls:
        people = officers(urls.app, "reviewer", "payer")
        # nobody's connection is tried before it is used
        at_hand = create_engine(url_for(urls.app), connect_args={"options": "-c timezone=UTC"})

        def fire(work: Work) -> None:
            with Session(at_hand, expire_on_commit=False) as session, session.begin():
                see(session, work.by, work.number).fire(work.event, by=work.by, at=work.at, facts=work.facts)

        with transaction(urls.app) as session:
            books = _books(session)
            by_hand = HandWritten(urls.app, books)
            ways = {"case.fire": fire, "SQL by hand": by_hand.do, "viewflow.fsm": Viewflow(urls.app, books).do}
            offices = {name: Office(session, people, do) for name, do in ways.items()}
        for lanes in (1, LANES):
            rates = in_turns(offices, rounds=30, seconds=0.3, lanes=lanes)
            clients = f"{lanes} client" + "s" * (lanes > 1)
            unit = "events/s"
            yield compared(
                rates, "case.fire", "viewflow.fsm", unit, what=f"case.fire, {clients}, {NOT_DURABLE}", above=1
            )
            yield compared(rates, "case.fire", "SQL by hand", unit, what=f"case.fire, {clients}, {NOT_DURABLE}")
            yield compared(rates, "viewflow.fsm", "SQL by hand", unit, what=f"viewflow.fsm, {clients}, the same work")
        by_hand.close()
        at_hand.dispose()
        with transaction(urls.app) as session:
            _verify(session)


def _books(session: Session) -> Books:
    rules, opened = rulebook(session), OPENED.date()
    return Books(
        {move.target: rules.in_force(f"fund.{move.target}", opened, "/") for move in MOVES.values()}, calendar(session)
    )


def _verify(session: Session) -> None:
    for case in session.scalars(select(Case)):
        wrong = verify(events_of(session, case))
        assert wrong is None and case.last_seq > 20, f"{case.number}: {wrong}"
