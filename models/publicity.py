"""公示: what was put before the owners, where and for how long, and what they objected."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import SQLModel

from .db import instant, jsonb, primary_key, reference
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .clock import Clock


class Publicity(SQLModel, table=True):
    """A publicity that has run: whole days from `from_day` to `to_day`, both included."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    stage: str
    from_day: date
    to_day: date
    places: Any = jsonb()

    @classmethod
    def of(cls, clock: "Clock", stage: str, places: list[str]) -> "Publicity":
        first = clock.started_at.astimezone(OFFICE_ZONE).date() + timedelta(days=1)
        return cls(case_id=clock.case_id, stage=stage, from_day=first, to_day=clock.due_day, places=places)


class Objection(SQLModel, table=True):
    """异议: raised during a publicity, and answered there."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    stage: str
    by_id: int | None = reference("person.id", nullable=True)
    text: str
    at: datetime = instant()
    answer: str | None = None
    answered_at: datetime | None = instant(nullable=True)
