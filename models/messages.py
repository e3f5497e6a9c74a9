"""One message per recipient and interval: the morning's brief, and what has come since the last one."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from .db import instant, primary_key, reference


class Message(SQLModel, table=True):
    """`kind`: `brief` (once per local date) or `digest` (once per interval); `slot` names the date or the interval.

    Always readable in the application; sent as mail where the person has an address and a server is configured. Sent at
    least once, with a `Message-ID` made from the row, so that a second copy is recognised.
    """

    id: int | None = primary_key()
    person_id: int = reference("person.id")
    kind: str
    slot: str
    subject: str
    body: str
    made_at: datetime = instant()
    mail_to: str | None = None
    sent_at: datetime | None = instant(nullable=True)
    tries: int = 0
    retry_at: datetime | None = instant(nullable=True)
    """When it is (next) to be sent, in real time; None: not, or no more."""
    why: str | None = None

    __table_args__ = (
        Index("uq_message_person_id_kind_slot", "person_id", "kind", "slot", unique=True),
        Index("ix_message_unsent", "retry_at", postgresql_where=text("retry_at is not null")),
    )
