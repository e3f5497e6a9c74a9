"""Who is told what. Rows are made by the hand-off, once per event, recipient and channel; senders then work them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlmodel import Session, SQLModel

from .db import insert_rows, instant, primary_key, reference

if TYPE_CHECKING:
    from .case import CaseEvent


class Notice(SQLModel, table=True):
    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    event_id: int = reference("case_event.id")
    person_id: int = reference("person.id")
    channel: str = "in_app"
    text: str
    """A sentence in Chinese; holds no identity numbers, phones or accounts."""
    urgent: bool = False
    made_at: datetime = instant()
    read_at: datetime | None = instant(nullable=True)
    message_id: int | None = reference("message.id", nullable=True)
    """The digest that told it; None: none yet, or it was read before one could."""

    __table_args__ = (
        Index("ix_notice_untold", "person_id", "id", postgresql_where=sql("message_id is null and read_at is null")),
        Index("ix_notice_message_id", "message_id", "id", postgresql_where=sql("message_id is not null")),
        Index("uq_notice_event_id_person_id_channel", "event_id", "person_id", "channel", unique=True),
        Index("ix_notice_unread", "person_id", "id", postgresql_where=sql("read_at is null")),
    )


def tell(
    session: Session, event: "CaseEvent", people: Iterable[int | None], text: str, at: datetime, *, urgent: bool = False
) -> None:
    """Tell these people of an event that is being handed off, but not who brought it about."""
    rows = [
        {"case_id": event.case_id, "event_id": event.id, "person_id": one, "channel": "in_app", "text": text, "urgent": urgent, "made_at": at}
        for one in sorted({one for one in people if one is not None and one != event.by_id})
    ]  # fmt: skip
    if rows:
        insert_rows(session, Notice, rows)


class Orphan(SQLModel, table=True):
    """An escalation that nobody could take: shown on the dashboard until somebody is posted."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    event_id: int = reference("case_event.id")
    step: str
    wanted: str
    """Which target found nobody."""
    at: datetime = instant()
    taken_by_id: int | None = reference("person.id", nullable=True)

    __table_args__ = (
        Index("uq_orphan_event_id_wanted", "event_id", "wanted", unique=True),
        Index("ix_orphan_open", "id", postgresql_where=sql("taken_by_id is null")),
    )


class Trouble(SQLModel, table=True):
    """An event whose papers or notices could not be made: tried again later, and shown until it works."""

    event_id: int = reference("case_event.id", primary_key=True)
    why: str
    tries: int = 1
    since: datetime = instant()
    retry_at: datetime = instant()
