"""联席会议: who came and what they said, what was decided and who carries it out."""

from datetime import date, datetime

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from .db import instant, primary_key, reference

STATUSES = {"present": "出席", "leave": "请假", "absent": "缺席", "observing": "列席"}


class Attendance(SQLModel, table=True):
    """One line of a sitting's sign-in sheet; a meeting that could not be held has a line for each time it was called."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    sitting: int
    """Which time it was called, from 1."""
    body: str
    """As the notice of the meeting names it: not all who are invited are registered."""
    person: str | None = None
    status: str
    """One of `STATUSES`."""
    opinion: str | None = None
    """In writing, also of who did not come."""
    at: datetime = instant()


class Resolution(SQLModel, table=True):
    """What a meeting decided, who carries it out until when, and the case in which they do."""

    id: int | None = primary_key()
    case_id: int = reference("case.id", index=True)
    task: str
    body_id: int = reference("body.id", index=True)
    due: date
    item_id: int = reference("case.id", index=True)


def attendance(session: Session, case_id: int, sitting: int) -> list[Attendance]:
    """The sheet of one sitting, as it was written."""
    lines = select(Attendance).where(col(Attendance.case_id) == case_id, col(Attendance.sitting) == sitting)
    return list(session.scalars(lines.order_by(col(Attendance.id))))
