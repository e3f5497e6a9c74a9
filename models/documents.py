"""Paper as issued, and the files people hand in. Bytes are kept once, by their sha256."""

import hashlib
from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, Session, SQLModel, select

from .db import instant, jsonb, primary_key, reference


class Blob(SQLModel, table=True):
    sha256: str = Field(primary_key=True)
    size: int
    body: bytes = Field(sa_type=LargeBinary)


def keep(session: Session, body: bytes) -> str:
    """Store `body` once; returns its sha256 in hex."""
    digest = hashlib.sha256(body).hexdigest()
    session.execute(insert(Blob).values(sha256=digest, size=len(body), body=body).on_conflict_do_nothing())
    return digest


def body_of(session: Session, sha256: str) -> bytes:
    return session.exec(select(Blob.body).where(Blob.sha256 == sha256)).one()


class Document(SQLModel, table=True):
    """One paper, as it left the office: its number, the facts it was made from, its bytes, the fonts it was set in."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    event_id: int = reference("case_event.id")
    kind: str
    title: str
    number: str = Field(unique=True)
    issuer_id: int = reference("body.id")
    issued_on: date
    facts: Any = jsonb()
    sha256: str = Field(foreign_key="blob.sha256")
    fonts: Any = jsonb()
    pages: int = 1
    made_at: datetime = instant()

    __table_args__ = (Index("uq_document_event_id_kind", "event_id", "kind", unique=True),)


class Numbering(SQLModel, table=True):
    """The last number a body has given out in a year (发文字号)."""

    body_id: int = reference("body.id", primary_key=True)
    year: int = Field(primary_key=True)
    last: int


def next_number(session: Session, body_id: int, code: str, year: int) -> str:
    """`福田莲花街办函〔2026〕12号`: no 第, no leading zero, hexagonal brackets (GB/T 9704). Gapless: rolled back with its paper."""
    statement = insert(Numbering).values(body_id=body_id, year=year, last=1)
    statement = statement.on_conflict_do_update(
        index_elements=[Numbering.body_id, Numbering.year],  # type: ignore[list-item]
        set_={"last": Numbering.__table__.c.last + 1},  # type: ignore[attr-defined]
    )
    last = session.execute(statement.returning(Numbering.last)).scalar_one()  # type: ignore[call-overload]
    return f"{code}函〔{year}〕{last}号"


class Attachment(SQLModel, table=True):
    """A material handed in with a case; `need` is the material's title where the stage asks for it."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    by_id: int | None = reference("person.id", nullable=True)
    stage: str
    need: str | None = None
    filename: str
    media_type: str
    size: int
    sha256: str = Field(foreign_key="blob.sha256")
    at: datetime = instant()
