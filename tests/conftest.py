"""The database of the tests: a real PostgreSQL, built by the migrations, put back by a savepoint after each test."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import create_engine, event
from sqlmodel import Session

from api.embedded import Embedded, Urls, temporary
from api.setup import migrate, sync_facts
from models.casetypes import casetypes
from models.db import url_for
from models.rules import shipped_ladders, sync_rulebook
from models.settings import settings

from .door import Door
from .make import Cast, cast_of

TYPES = Path(__file__).parent / "types"

hypothesis.settings.register_profile("short", max_examples=300, deadline=None)
hypothesis.settings.register_profile("long", max_examples=10_000, deadline=None)


def is_long(config: pytest.Config) -> bool:
    return bool(config.option.markexpr.startswith("long"))


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("long" if is_long(config) else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long form of a property is the same test over more examples."""
    for item in items:
        if is_long(config) and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("long")


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Sockets reach this machine only: a test that wants the internet fails here."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise PermissionError(f"tests may not connect to {address[0]}")
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Embedded]:
    with temporary() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: Embedded) -> str:
    """A database with schema, territory, rules, calendars and the cast; others are copied from it."""
    urls = postgres.database("template")
    migrate(urls.owner)
    engine = create_engine(url_for(urls.app))
    with Session(engine) as session, session.begin():
        sync_facts(session)
        cast_of(session)
    engine.dispose()
    return "template"


@pytest.fixture(scope="session")
def urls(postgres: Embedded, template: str) -> Urls:
    """The database that tests share; whoever commits to it asks for `own_database` instead."""
    return postgres.database("shared", template)


@pytest.fixture(scope="session")
def engine(urls: Urls) -> Iterator[Any]:
    engine = create_engine(url_for(urls.app), connect_args={"options": "-c timezone=UTC"})
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Any) -> Iterator[Session]:
    """What a test writes is gone afterwards, `commit` included."""
    with engine.connect() as connection:
        whole = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        whole.rollback()


@pytest.fixture
def cast(session: Session) -> Cast:
    return Cast(session)


@pytest.fixture
def more_types(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the tests' own types (`tests/types`) on the search path, their rules in the session's database."""
    monkeypatch.setenv("BANJIE_CASETYPES", json.dumps([str(TYPES)]))
    caches = (settings, casetypes, shipped_ladders)
    for cached in caches:
        cached.cache_clear()
    sync_rulebook(session, TYPES)
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def own_database(postgres: Embedded, template: str, request: pytest.FixtureRequest) -> Iterator[Urls]:
    """A database of the test's own, for what needs commits, several connections or other processes."""
    name = f"own_{abs(hash(request.node.nodeid)) % 10**12}"
    yield postgres.database(name, template)
    postgres.drop(name)


@pytest.fixture
def engine_of_its_own(own_database: Urls) -> Iterator[Any]:
    engine = create_engine(url_for(own_database.app))
    yield engine
    engine.dispose()


@pytest.fixture
def statements(engine: Any) -> Iterator[list[str]]:
    """What is sent to the database, to be counted."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def door(own_database: Urls) -> Iterator[Door]:
    """The web on a database of the test's own."""
    door = Door(own_database.app)
    yield door
    door.close()


@pytest.fixture(scope="module")
def shared_door(postgres: Embedded, template: str, request: pytest.FixtureRequest) -> Iterator[Door]:
    """The web on a database of the module's own, for tests that only ask, or are refused."""
    name = f"door_{abs(hash(request.node.nodeid)) % 10**12}"
    door = Door(postgres.database(name, template).app)
    yield door
    door.close()
    postgres.drop(name)
