"""Sign-ins, API tokens and idempotency keys. Only hashes of secrets are stored; expiry is on real time."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from .db import instant, jsonb, primary_key, reference


class Login(SQLModel, table=True):
    """A server-side session: the cookie holds the secret, the row its sha256."""

    token_hash: str = Field(primary_key=True)
    person_id: int = reference("person.id", index=True)
    csrf: str
    made_at: datetime = instant()
    expires_at: datetime = instant(index=True)


class ApiToken(SQLModel, table=True):
    __tablename__ = "api_token"
    id: int | None = primary_key()
    token_hash: str = Field(unique=True)
    person_id: int = reference("person.id", index=True)
    label: str = ""
    made_at: datetime = instant()
    revoked_at: datetime | None = instant(nullable=True)


class IdempotencyKey(SQLModel, table=True):
    """A write that has happened: the same key and body get the first answer again; another body is refused."""

    __tablename__ = "idempotency_key"
    person_id: int = reference("person.id", primary_key=True)
    key: str = Field(primary_key=True, max_length=200)
    body_hash: str
    status: int
    answer: Any = jsonb()
    made_at: datetime = instant(index=True)
