"""Calendars as the database keeps them: an edition is all that was published when it was made, and never changes.

A clock pins the edition it was counted on, so that its explanation can be given word for word years later; new counting
uses the newest approved one. An edition is written when it is proposed, so that what it would move can be counted, and
holds once a second person has approved it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import Select, func, select
from sqlmodel import Field, Session, SQLModel, col

from . import calendars
from .db import instant, primary_key, reference
from .errors import NotFound
from .worktime import WorkCalendar


class CalendarEdition(SQLModel, table=True):
    """`approved_at` is set once; nothing else of an edition ever changes (the database sees to it)."""

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
    """What the State Council's notice says, or the weekday."""
    name: str = ""
    closed: str | None = None
    """Why this city's offices stay shut on that day all the same (台风停工)."""


@dataclass
class Almanac:
    """All that an edition holds: by the notice's year, each day it names (worked? and its holiday); and the city's closed days."""

    years: dict[int, dict[date, tuple[bool, str]]] = field(default_factory=dict)
    closed: dict[date, str] = field(default_factory=dict)

    @property
    def last_year(self) -> int:
        return max(self.years)

    def with_years(self, years: dict[int, dict[date, tuple[bool, str]]]) -> Self:
        """The notices of `years` in the place of what was known of them; the city's closed days stay."""
        return type(self)(self.years | years, dict(self.closed))

    def calendar(self, name: str) -> WorkCalendar:
        published = {
            year: ([day for day, (works, _) in days.items() if not works], [day for day in days if days[day][0]])
            for year, days in self.years.items()
        }
        names = {day: title for year in sorted(self.years) for day, (_, title) in self.years[year].items()}
        return WorkCalendar(name, published, closed=self.closed, names=names | self.closed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """As `CalendarDay` holds it. A day both off and closed is off; closing it would say nothing more."""
        for year, days in sorted(self.years.items()):
            closed = {day: why for day, why in self.closed.items() if day.year == year}
            for day in sorted(days.keys() | closed.keys()):
                works, name = days.get(day, (True, ""))
                yield {
                    "year": year,
                    "day": day,
                    "works": works,
                    "name": name,
                    "closed": closed.get(day) if works else None,
                }


_read: dict[tuple[str, str], WorkCalendar] = {}


def calendar(session: Session, edition: str | None = None) -> WorkCalendar:
    """The edition of that name, or the newest approved one. Errors: `NotFound`."""
    if edition is None:
        edition = session.scalar(newest_edition())
    # a name is never given twice, not even after a rollback: it bears the number of its proposal
    key = (str(session.get_bind().engine.url), edition or "")
    if key not in _read:
        _read[key] = almanac(session, edition).calendar(edition or "")
    return _read[key]


def newest_edition() -> Select[tuple[str]]:
    """By id: an edition made on an older basis than the newest is never approved."""
    approved = (
        select(func.max(CalendarEdition.id)).where(col(CalendarEdition.approved_at).is_not(None)).scalar_subquery()
    )
    return select(col(CalendarEdition.name)).where(col(CalendarEdition.id) == approved)


def almanac(session: Session, name: str | None) -> Almanac:
    """What the edition of that name holds. Errors: `NotFound`."""
    edition = session.scalar(select(CalendarEdition).where(col(CalendarEdition.name) == name))
    if edition is None:
        raise NotFound(
            "数据库里没有放假安排，请先运行 banjie seed。" if name is None else f"没有名为“{name}”的放假安排。"
        )
    found = Almanac()
    for row in session.scalars(select(CalendarDay).where(col(CalendarDay.edition_id) == edition.id)):
        days = found.years.setdefault(row.year, {})
        if row.closed is not None:
            found.closed[row.day] = row.closed
        if row.closed is None or row.day.weekday() >= 5:
            days[row.day] = (row.works, row.name)
    return found


def keep(
    session: Session, name: str, source: str, kept: Almanac, *, at: datetime, proposal_id: int | None = None
) -> CalendarEdition:
    """Write an edition, not approved yet."""
    edition = CalendarEdition(name=name, source=source, made_at=at, proposal_id=proposal_id)
    session.add(edition)
    session.flush()
    rows = [{"edition_id": edition.id} | row for row in kept.rows()]
    session.execute(CalendarDay.__table__.insert(), rows)  # type: ignore[attr-defined]
    return edition


def approve(session: Session, edition: CalendarEdition, at: datetime) -> None:
    """From now on it is the newest: whatever is counted is counted on it."""
    edition.approved_at = at
    session.flush()


# --- what a release ships --------------------------------------------------------------------------------------------


def shipped_almanac() -> Almanac:
    published, names = calendars.shipped_days()
    return Almanac(
        {
            year: {
                day: (works, names.get(day, ""))
                for works, days in zip((False, True), kinds, strict=True)
                for day in days
            }
            for year, kinds in published.items()
        }
    )


def sync_calendar(session: Session, at: datetime) -> bool:
    """Add the years shipped with this release that the newest approved edition has not got. Returns whether there were any.

    They are put on top of that edition, and nothing of it is taken back: a notice that two persons entered before the
    release knew it stands, and so do the city's closed days.
    """
    shipped, newest = shipped_almanac(), session.scalar(newest_edition())
    known = almanac(session, newest) if newest else Almanac()
    missing = {year: days for year, days in shipped.years.items() if year not in known.years}
    # a release older than the database knows fewer years, and has nothing to add
    if not missing:
        return False
    name = calendars.shipped().edition
    source = "国务院办公厅历年放假安排（随版本发布）"
    if newest and not newest.startswith("shipped-"):
        name, source = (
            f"{name}+{newest}",
            f"{source}，补入{newest}版没有的{'、'.join(str(y) for y in sorted(missing))}年",
        )
    approve(session, keep(session, name, source, known.with_years(missing), at=at), at)
    return True


# --- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A day that two editions see differently; `before` and `after` say what it is, in Chinese."""

    day: date
    works: bool
    before: str
    after: str


@dataclass(frozen=True)
class Diff:
    """What one edition changes of another: years newly published, and by year the days that are no longer, or now, worked."""

    published: tuple[int, ...]
    changes: tuple[Change, ...]

    def years(self) -> list[int]:
        return sorted({*self.published, *(change.day.year for change in self.changes)})

    def of(self, year: int, *, works: bool) -> list[Change]:
        return [change for change in self.changes if change.day.year == year and change.works == works]

    @property
    def is_empty(self) -> bool:
        return not self.published and not self.changes


def compare(old: WorkCalendar, new: WorkCalendar) -> Diff:
    """Every day that works in one and not in the other; of years that `old` only assumed, those that turned out otherwise."""
    published = tuple(range(old.last_published_year + 1, new.last_published_year + 1))
    differing = sorted(set(old.working_days()) ^ set(new.working_days()))
    days = [date.fromordinal(ordinal) for ordinal in differing]
    return Diff(published, tuple(Change(day, new.is_working(day), old.why(day), new.why(day)) for day in days))
