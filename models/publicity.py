"""公示: what is put before the owners, where and for how long, what they object, and what they are answered."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, select, text
from sqlmodel import Field, Session, SQLModel, col

from .db import instant, jsonb, primary_key, reference
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .case import Case
    from .clock import Clock


class Publicity(SQLModel, table=True):
    """A publicity from its first day to its last, both included. Whether it has run, is running or was broken off its clock says."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    clock_id: int | None = reference("clock.id", nullable=True)
    stage: str
    from_day: date
    to_day: date
    notice: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The text that was put up."""
    places: Any = jsonb()

    @classmethod
    def of(cls, clock: "Clock", stage: str, details: dict[str, Any]) -> "Publicity":
        """That which a period just begun measures; `notice` and `places` as the case's details say."""
        first = clock.started_at.astimezone(OFFICE_ZONE).date() + timedelta(days=1)
        return cls(
            case_id=clock.case_id, clock_id=clock.id, stage=stage, from_day=first, to_day=clock.due_day,
            notice=details.get("notice") or "", places=details.get("places") or [],
        )  # fmt: skip


class Objection(SQLModel, table=True):
    """异议: raised while a publicity ran, by an owner or for one at the counter; answered once."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    stage: str
    by_id: int | None = reference("person.id", nullable=True)
    name: str
    """Who objects; shown masked to whoever is not an officer."""
    unit: str = ""
    words: str
    at: datetime = instant()
    answer: str | None = None
    upheld: bool | None = None
    answered_at: datetime | None = instant(nullable=True)

    __table_args__ = (Index("ix_objection_unanswered", "case_id", postgresql_where=text("answered_at is null")),)


def publicities(session: Session, case_id: int | None) -> list[Publicity]:
    found = select(Publicity).where(col(Publicity.case_id) == case_id).order_by(col(Publicity.id))
    return list(session.scalars(found))


def objections(session: Session, case_id: int | None, *, unanswered: bool = False) -> list[Objection]:
    found = select(Objection).where(col(Objection.case_id) == case_id).order_by(col(Objection.id))
    return list(session.scalars(found.where(col(Objection.answered_at).is_(None)) if unanswered else found))


def unanswered(session: Session, case: "Case") -> str | None:
    """The obstacle that owners' objections are until they have been answered."""
    waiting = objections(session, case.id, unanswered=True)
    return f"公示中收到的异议还有{len(waiting)}条没有答复，答复之后才能办理。" if waiting else None
