"""An office to measure in: a PostgreSQL of our own with schema, facts and the tests' cast, and cases by the thousand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session

from api.embedded import Urls, temporary
from api.setup import migrate, sync_facts
from models.case import Case, CaseEvent, chained, events_of
from models.clock import Clock
from models.db import engine, insert_rows, transaction
from models.ledger import GENESIS
from models.people import Person
from tests.make import Cast, cast_of, running

NOT_DURABLE = "PostgreSQL with fsync off"


@contextmanager
def office() -> Iterator[Urls]:
    """Not crash-safe: what is measured is our work, not this machine's disk."""
    with temporary() as server:
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


def copies(session: Session, original: Case, dues: Sequence[datetime | None]) -> list[int]:
    """One case like `original` for each of `dues`, with a ledger of its own, hashed anew, and its running deadline.

    Where an instant is given, that deadline has been reminded of and turns red then. Returns the new cases' ids.
    """
    clock, lines = running(session, original), events_of(session, original)
    same = {name: getattr(original, name) for name in Case.model_fields if name != "id"} | {
        "last_seq": 0,
        "last_hash": GENESIS,
    }
    rows = [
        same | {"number": f"{original.number}-{number}", "next_due_at": due or clock.due_at}
        for number, due in enumerate(dues)
    ]
    ids = insert_rows(session, Case, rows)
    events: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for case_id in ids:
        case = Case(**same | {"id": case_id})
        for line in lines:
            event = chained(
                case, line.name, line.from_stage, line.to_stage, line.by_id, line.on_behalf_of, line.at, line.recorded_at,
                line.facts, line.note,
            )  # fmt: skip
            case.last_seq, case.last_hash = event.seq, event.hash
            events.append(event.model_dump(exclude={"id"}) | {"handled_at": line.recorded_at})
        ends.append({"of": case_id, "seq": case.last_seq, "hash": case.last_hash})
    insert_rows(session, CaseEvent, events)
    table = Case.__table__  # type: ignore[attr-defined]
    last: dict[str, Any] = {"last_seq": bindparam("seq"), "last_hash": bindparam("hash")}
    session.connection().execute(table.update().where(table.c.id == bindparam("of")).values(last), ends)
    limits = [
        clock.model_dump(exclude={"id"})
        | {"case_id": case_id}
        | ({"due_at": due, "next_at": due, "next_step": "red_card"} if due else {})
        for case_id, due in zip(ids, dues, strict=True)
    ]
    insert_rows(session, Clock, limits)
    return ids
