"""Calendars as the database keeps them: an edition is all that was published when it was made, and never changes.

A clock pins the edition it was counted on, so that its explanation can be given word for word years later; new counting
uses the newest approved one.
"""

from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, Session, SQLModel, col

from . import calendars
from .db import instant, primary_key, reference
from .errors import NotFound
from .worktime import WorkCalendar


class CalendarEdition(SQLModel, table=True):
    __tablename__ = "calendar_edition"
    id: int | None = primary_key()
    name: str = Field(unique=True)
    source: str
    made_at: datetime = instant()
    approved_at: datetime | None = instant(nullable=True)
    proposal_id: int | None = reference("proposal.id", nullable=True)


class CalendarDay(SQLModel, table=True):
    """A day that is not what its weekday says: off, or worked (调休), by the notice for `year`."""

    __tablename__ = "calendar_day"
    edition_id: int = reference("calendar_edition.id", primary_key=True)
    year: int = Field(primary_key=True)
    day: date = Field(primary_key=True)
    works: bool
    name: str = ""
    closed: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """A day on which this city's offices stay shut (台风停工), beside the State Council's notices."""


_read: dict[tuple[str, str], WorkCalendar] = {}


def calendar(session: Session, edition: str | None = None) -> WorkCalendar:
    """The edition of that name, or the newest approved one. Errors: `NotFound`."""
    if edition is None:
        edition = session.scalar(newest_edition())
    key = (str(session.get_bind().engine.url), edition or "")
    if key not in _read:
        _read[key] = _load(session, edition)
    return _read[key]


def newest_edition() -> Select[tuple[str]]:
    approved = (
        select(func.max(CalendarEdition.id)).where(col(CalendarEdition.approved_at).is_not(None)).scalar_subquery()
    )
    return select(col(CalendarEdition.name)).where(col(CalendarEdition.id) == approved)


def _load(session: Session, name: str | None) -> WorkCalendar:
    edition = session.scalar(select(CalendarEdition).where(col(CalendarEdition.name) == name))
    if edition is None:
        raise NotFound(
            "数据库里没有放假安排，请先运行 banjie seed。" if name is None else f"没有名为“{name}”的放假安排。"
        )
    published: dict[int, tuple[set[date], set[date]]] = {}
    names: dict[date, str] = {}
    for row in session.scalars(
        select(CalendarDay).where(col(CalendarDay.edition_id) == edition.id).order_by(col(CalendarDay.year))
    ):
        published.setdefault(row.year, (set(), set()))[row.works].add(row.day)
        names[row.day] = row.name
    return WorkCalendar(edition.name, published, names=names)


def sync_calendar(session: Session, at: datetime) -> bool:
    """Store the years shipped with this release as an approved edition, where they are not yet. Returns whether they were new."""
    edition = calendars.shipped()
    values = {
        "name": edition.edition,
        "source": "国务院办公厅历年放假安排（随版本发布）",
        "made_at": at,
        "approved_at": at,
    }
    made = session.execute(
        insert(CalendarEdition)
        .values(values)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(CalendarEdition.id)  # type: ignore[call-overload]
    ).scalar()
    if made is None:
        return False
    published, names = calendars.shipped_days()
    rows = [
        {"edition_id": made, "year": year, "day": day, "works": works, "name": names.get(day, "")}
        for year, kinds in published.items()
        for works, days in zip((False, True), kinds, strict=True)
        for day in sorted(days)
    ]
    session.execute(CalendarDay.__table__.insert(), rows)  # type: ignore[attr-defined]
    return True
