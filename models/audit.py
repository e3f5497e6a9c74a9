"""Every ledger, from its first line to the one its case says is the last."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from .case import Case, CaseEvent, whole


@dataclass
class Audit:
    """What was looked at, and each broken chain: the case's number and a sentence that names the first wrong line."""

    cases: int = 0
    events: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def audit(session: Session) -> Audit:
    """Verify all ledgers as of one instant, in one statement and at constant memory."""
    found = Audit()
    for number, events, last_seq, last_hash in _ledgers(session):
        found.cases += 1
        found.events += len(events)
        if wrong := whole(events, last_seq, last_hash):
            found.broken.append((number, wrong))
    return found


def _ledgers(session: Session) -> Iterator[tuple[str, list[CaseEvent], int, str]]:
    """Number, lines, and last line according to the case, of every case."""
    statement: Any = (
        select(Case.number, CaseEvent, Case.last_seq, Case.last_hash)  # type: ignore[call-overload]
        .join(CaseEvent, col(CaseEvent.case_id) == col(Case.id), isouter=True)
        .order_by(col(Case.id), col(CaseEvent.seq))
    )
    rows = session.execute(statement, execution_options={"yield_per": 1000})
    for number, lines in groupby(rows, key=itemgetter(0)):
        whole = list(lines)
        yield number, [event for _, event, _, _ in whole if event is not None], whole[0][2], whole[0][3]
