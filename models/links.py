"""Which case gave rise to which."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, select
from sqlmodel import Session, SQLModel, col

from .db import instant, primary_key, reference

if TYPE_CHECKING:
    from .case import Case


class Link(SQLModel, table=True):
    """`from_id` gave rise to `to_id`; closing one never loses the other."""

    id: int | None = primary_key()
    from_id: int = reference("case.id", index=True)
    to_id: int = reference("case.id", index=True)
    why: str
    """`reopened`, …"""
    at: datetime = instant()

    __table_args__ = (Index("uq_link_from_id_to_id_why", "from_id", "to_id", "why", unique=True),)


def arising(session: Session, case_id: int, why: str | None = None) -> "list[Case]":
    """The cases to which a case gave rise, the newest first."""
    from .case import Case

    linked = select(Case).join(Link, col(Link.to_id) == col(Case.id)).where(col(Link.from_id) == case_id)
    if why:
        linked = linked.where(col(Link.why) == why)
    return list(session.scalars(linked.order_by(col(Link.id).desc())))
