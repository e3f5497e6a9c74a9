"""The schema is what the migrations make, and what was written stays written."""

from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from api.embedded import Embedded
from api.setup import alembic, migrate
from models.case import events_of, verify
from models.db import url_for
from models.tables import METADATA

from .make import Cast, at, at_review


def test_the_migrations_make_exactly_what_the_models_say(postgres: Embedded) -> None:
    urls = postgres.database("drift")
    migrate(urls.owner)
    engine = create_engine(url_for(urls.owner))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    postgres.drop("drift")


def test_a_second_migration_changes_nothing_and_the_way_back_works(postgres: Embedded) -> None:
    urls = postgres.database("there_and_back")
    migrate(urls.owner)
    migrate(urls.owner)
    engine = create_engine(url_for(urls.owner))
    with engine.begin() as connection:
        command.downgrade(alembic(connection), "base")
        left = connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'"))
        assert left == 1, "only alembic's own table"
    engine.dispose()
    migrate(urls.owner)
    postgres.drop("there_and_back")


@pytest.mark.parametrize(
    "tampering",
    [
        "update case_event set name = 'approve' where seq = 1",
        "update case_event set facts = '{}' where seq = 2",
        "update case_event set handled_at = null where handled_at is not null",
        "delete from case_event",
        "truncate case_event cascade",
        "update clock_line set new_due = now()",
        "update rule set value = '50wd'",
        "delete from calendar_day",
    ],
)
def test_the_running_system_cannot_rewrite_what_happened(session: Session, cast: Cast, tampering: str) -> None:
    case = at_review(session, cast)
    session.execute(text("update case_event set handled_at = :at"), {"at": at("2026-10-12 10:00")})
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(tampering))
    assert verify(events_of(session, case)) is None


def test_the_law_may_have_a_line_blanked_and_the_chain_still_holds(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    line = events_of(session, case)[1]
    case.erase(line, by=cast.admin, at=at("2026-10-13 09:00"), reason="个人信息主体请求删除")
    blanked = events_of(session, case)[1]
    assert blanked.facts is None and blanked.salt is None and blanked.facts_hash
    assert verify(events_of(session, case)) is None
    assert events_of(session, case)[-1].facts == {"erased_seq": 2, "reason": "个人信息主体请求删除"}


@pytest.mark.parametrize("column", ["facts", "note", "name", "at", "by_id", "prev_hash"])
def test_a_changed_line_breaks_the_chain_and_is_named(session: Session, cast: Cast, column: str) -> None:
    """Somebody with the owner's rights has switched the guard off."""
    case = at_review(session, cast)
    events = events_of(session, case)
    forged: dict[str, Any] = {
        "facts": {"amount": 1}, "note": "x", "name": "refuse", "at": at("2026-10-01 09:00"), "by_id": None, "prev_hash": "0" * 64,
    }  # fmt: skip
    for event in events:
        session.expunge(event)
    setattr(events[1], column, forged[column])
    assert "第2条记录" in (verify(events) or "")
    assert "第2条记录缺失" in (verify([events[0], *events[2:]]) or "")
