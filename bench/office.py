"""An office to measure in: a PostgreSQL of our own with schema, facts and the tests' cast."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.embedded import Urls, temporary
from api.setup import migrate, sync_facts
from models.db import engine, transaction
from models.people import Person
from tests.make import Cast, cast_of

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
