"""Work asked of the flows: the web writes a row and answers at once; a flow picks it up, goes on where a dead one stopped."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, Session, SQLModel

from .db import instant, jsonb, primary_key, reference
from .people import Person


class Job(SQLModel, table=True):
    """`state`: `waiting`, `running`, `done` or `failed`. `cursor` is the last row (by id) that is done with; instants are real."""

    id: int | None = primary_key()
    kind: str
    params: Any = jsonb()
    asked_by_id: int | None = reference("person.id", nullable=True)
    asked_at: datetime = instant()
    state: str = "waiting"
    cursor: int = Field(default=0, sa_type=BigInteger)
    done: int = 0
    total: int | None = None
    result: Any = jsonb()
    why: str | None = None
    """Why it failed, in a sentence."""
    beat_at: datetime | None = instant(nullable=True)
    """The last sign of life of whoever works on it."""
    finished_at: datetime | None = instant(nullable=True)

    __table_args__ = (Index("ix_job_open", "id", postgresql_where=text("finished_at is null")),)


def ask(session: Session, kind: str, params: dict[str, Any], *, by: Person | None, at: datetime) -> Job:
    """Ask for work of that kind; answers at once."""
    job = Job(kind=kind, params=params, asked_by_id=by.id if by else None, asked_at=at, result={})
    session.add(job)
    session.flush()
    return job
