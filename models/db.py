"""The database: PostgreSQL through SQLAlchemy's sync sessions, one transaction per request or batch."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Identity,
    Insert,
    Integer,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    create_engine,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Field, Session, SQLModel

from .settings import settings

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def primary_key() -> Any:
    return Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))


def reference(target: str, *, nullable: bool = False, primary_key: bool = False, index: bool = False) -> Any:
    """A foreign key; SQLModel's own column for an `int` would be half as wide as the key it points at."""
    default: Any = None if nullable else ...
    return Field(
        default=default, foreign_key=target, sa_type=BigInteger, nullable=nullable, primary_key=primary_key, index=index
    )


def instant(nullable: bool = False, index: bool = False) -> Any:
    """A `timestamptz` column; SQLModel's own datetime would be without zone."""
    default: Any = None if nullable else ...
    return Field(default=default, sa_type=DateTime(timezone=True), nullable=nullable, index=index)


def jsonb(nullable: bool = False) -> Any:
    if nullable:
        # None is SQL's null, not JSON's
        return Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    return Field(default_factory=dict, sa_type=JSONB, nullable=False)


def url_for(plain: str) -> str:
    """`postgresql://…` as operators write it, with the driver SQLAlchemy needs."""
    for prefix in ("postgresql://", "postgres://"):
        if plain.startswith(prefix):
            return "postgresql+psycopg://" + plain.removeprefix(prefix)
    return plain


@lru_cache
def engine(url: str | None = None) -> Engine:
    """One pool per process and database. Errors: `RuntimeError` where no database is configured."""
    url = url or settings().database_url
    if not url:
        raise RuntimeError("BANJIE_DATABASE_URL is not set; `banjie up` sets it for what it starts")
    return create_engine(
        url_for(url),
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        # what people wrote stays out of the log
        hide_parameters=True,
        connect_args={"options": "-c timezone=UTC"},
    )


@contextmanager
def transaction(url: str | None = None) -> Iterator[Session]:
    """A session that commits when the block ends well and rolls back otherwise. Objects stay readable afterwards."""
    with Session(engine(url), expire_on_commit=False) as session, session.begin():
        yield session


def is_lost(error: Exception) -> bool:
    """Whether the connection broke: that says nothing about the row at hand, which must not be set aside for it."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


@contextmanager
def lock_of_its_own(lock: str) -> Iterator[Callable[[], bool]]:
    """Ask again and again for an advisory lock (`8217, 2`) that lasts as long as the block, and no longer than the process.

    It has a connection to itself: only closing gives the lock back, the pool would keep both.
    """
    asked = text(f"select pg_try_advisory_lock({lock})")
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            yield lambda: bool(connection.scalar(asked))
        finally:
            connection.invalidate()


def write(session: Session, row: SQLModel, **values: Any) -> None:
    """UPDATE one row by its key in one statement, and let the object show it.

    The unit of work would do the same, at several times the cost; the verb that changes a case is measured in these.
    """
    statement = _update(type(row).__table__, tuple(values))  # type: ignore[attr-defined]
    key = {f"of_{column.key}": getattr(row, column.key) for column in statement.table.primary_key}
    session.connection().execute(statement, key | values)
    show(row, **values)


def show(row: SQLModel, **values: Any) -> None:
    """Let the object show `values` that a statement of ours writes, unseen by the unit of work."""
    for name, value in values.items():
        set_committed_value(row, name, value)


def insert_rows(session: Session, model: type[SQLModel], rows: list[dict[str, Any]]) -> list[int]:
    """INSERT `rows`, which have the same columns, in one statement; returns their ids in the same order."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    if not rows:
        return []
    if len(rows) == 1:
        return [session.connection().execute(_insert_one(table), rows[0]).scalar_one()]
    statement = _insert_many(table, tuple(rows[0]))
    return sorted(session.connection().execute(statement, {"given_rows": _given(rows)}).scalars())


def update_rows(session: Session, model: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    """UPDATE the rows whose `id` each of `rows` names, all with the same columns, in one statement."""
    if not rows:
        return
    statement = _update_many(model.__table__, tuple(rows[0]))  # type: ignore[attr-defined]
    session.connection().execute(statement, {"given_rows": _given(rows)})


def _given(rows: list[dict[str, Any]]) -> str:
    return _SPELL([row | {"nth_row": n} for n, row in enumerate(rows)])


def _iso(value: Any) -> str:
    if not isinstance(value, date):
        raise TypeError(f"no row of ours holds {type(value).__name__}")
    return value.isoformat()


_SPELL = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_iso).encode
# Built once each: building and hashing a statement costs more than sending it.


@cache
def _update(table: Table, columns: tuple[str, ...]) -> Update:
    of = [column == bindparam(f"of_{column.key}") for column in table.primary_key]
    return table.update().where(*of).values({name: bindparam(name) for name in columns})


@cache
def _insert_one(table: Table) -> Insert:
    return table.insert().returning(table.c.id)


@cache
def _insert_many(table: Table, columns: tuple[str, ...]) -> Insert:
    """Identities rise in the order of the rows."""
    given = _recordset(table, columns)
    rows = select(*(given.c[name] for name in columns)).order_by(given.c.nth_row)
    return table.insert().from_select(columns, rows).returning(table.c.id)


@cache
def _update_many(table: Table, columns: tuple[str, ...]) -> Update:
    given = _recordset(table, columns)
    return table.update().where(table.c.id == given.c.id).values({n: given.c[n] for n in columns if n != "id"})


def _recordset(table: Table, columns: tuple[str, ...]) -> Any:
    """The rows as one JSON array, so that a statement is the same for two and for a thousand, and spelt in C."""
    given = func.json_to_recordset(cast(bindparam("given_rows", type_=Text()), JSON()))
    named = [column(name, table.c[name].type) for name in columns]
    return given.table_valued(*named, column("nth_row", Integer())).render_derived("given", with_types=True)
