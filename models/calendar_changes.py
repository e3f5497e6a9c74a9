"""What somebody proposes for the calendar, read and checked against itself, and the edition that would come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from sqlmodel import Session

from .calendars import NoticeReading, read_notice, spoken
from .casetypes.facts import Facts, Line
from .editions import Almanac, Diff, almanac, calendar, compare, newest_edition
from .errors import Conflict, Invalid
from .feeds import LARGEST, read_csv, read_ical
from .worktime import OFFICE_ZONE

FAR = timedelta(days=366)
"""How far from today a closed day may lie."""
MOST = 31
"""Closed days of one proposal."""
WAYS = {
    "notice": "国务院办公厅通知",
    "ical": "iCal 日历文件",
    "csv": "CSV 文件",
    "closed": "本市停止办公",
    "reopened": "撤销停止办公",
}
Pasted = Annotated[str, AfterValidator(lambda text: text.replace("\0", ""))]
LABELS = {"notice": "国办", "ical": "导入", "csv": "导入", "closed": "停办", "reopened": "复办"}


class CalendarWanted(Facts):
    """Exactly one of: a State Council notice as pasted, an iCal or CSV file as text, days on which the offices stay shut
    (with `why`), or closed days on which they work after all."""

    notice: Pasted | None = Field(None, title="通知全文", max_length=50_000)
    ical: Pasted | None = Field(None, title="iCal 文件", max_length=LARGEST)
    csv: Pasted | None = Field(None, title="CSV 文件", max_length=LARGEST)
    closed: list[date] | None = Field(None, title="停止办公的日子", max_length=MOST)
    why: Line | None = Field(None, title="停止办公的原因")
    reopened: list[date] | None = Field(None, title="恢复办公的日子", max_length=MOST)

    @property
    def way(self) -> str:
        return next(name for name in WAYS if getattr(self, name))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(bool(getattr(self, name)) for name in WAYS) != 1:
            raise ValueError(
                "通知全文、iCal 文件、CSV 文件、停止办公的日子、恢复办公的日子，须填写其中一项，且只填一项"
            )
        return self


class BrokenCalendar(Invalid):
    """What was given does not add up; `problems` are sentences. Nothing of it is kept."""

    def __init__(self, problems: Sequence[str], field: str) -> None:
        super().__init__("".join(problems), field=field)
        self.problems = tuple(problems)


@dataclass(frozen=True)
class CalendarPlan:
    """An edition that would hold, and what it would change of `basis`, the newest approved one."""

    way: str
    label: str
    """Of which the edition is named: `2027-国办`."""
    title: str
    source: str
    basis: str
    proposed: Almanac
    diff: Diff
    remarks: tuple[str, ...]


def plan(session: Session, wanted: CalendarWanted, at: datetime) -> CalendarPlan:
    """Errors: `BrokenCalendar`, which says all that is wrong; `Conflict` where nothing would change."""
    basis = session.scalar(newest_edition()) or ""
    known, today, way = almanac(session, basis), at.astimezone(OFFICE_ZONE).date(), wanted.way
    if way in ("closed", "reopened"):
        days = sorted(set(getattr(wanted, way)))
        proposed = _closed(known, days, wanted.why, today) if way == "closed" else _reopened(known, days)
        year, remarks = days[0].year, tuple[str, ...]()
        title = f"{_days(days)}停止办公：{wanted.why}" if way == "closed" else f"{_days(days)}恢复办公"
        source = title
    else:
        readings = _read(wanted, way)
        years, remarks = _years(known, readings, way, today.year)
        proposed, year = known.with_years(years), max(years, default=today.year)
        title = f"{'、'.join(str(each) for each in sorted(years))}年放假安排（{WAYS[way]}）"
        source = f"{WAYS[way]}（{'、'.join(str(each) for each in sorted(years))}年）"
    diff = compare(calendar(session, basis), proposed.calendar("proposed"))
    if diff.is_empty:
        raise Conflict(f"所填内容与现行的放假安排（{basis} 版）完全一致，没有要改的。")
    return CalendarPlan(way, f"{year}-{LABELS[way]}", title, source, basis, proposed, diff, remarks)


def _read(wanted: CalendarWanted, way: str) -> list[NoticeReading]:
    given = getattr(wanted, way)
    readings = [read_notice(given)] if way == "notice" else (read_ical if way == "ical" else read_csv)(given)
    if problems := [problem for reading in readings for problem in reading.problems]:
        raise BrokenCalendar(problems, way)
    return readings


def _years(
    known: Almanac, readings: list[NoticeReading], way: str, this: int
) -> tuple[dict[int, dict[date, tuple[bool, str]]], tuple[str, ...]]:
    """What the readings say of this year and later ones. A file's past years are left alone: what was counted stays counted."""
    remarks = [remark for reading in readings for remark in reading.remarks]
    years: dict[int, dict[date, tuple[bool, str]]] = {}
    for reading in readings:
        year = reading.year or 0
        days = {day: (day in reading.work, reading.names.get(day, "")) for day in (*reading.off, *reading.work)}
        if way == "notice" or year >= this:
            years[year] = days
    if past := [reading.year or 0 for reading in readings if reading.year not in years]:
        span = f"{past[0]}年" if len(past) == 1 else f"{past[0]}年至{past[-1]}年"
        remarks.append(f"文件里{span}的安排已经过去，未采用。")
    problems = [f"{year}年还没有到公布安排的时候，请核对年份。" for year in years if year > this + 1]
    problems += [
        f"缺少{year}年的安排，不能跳过一年。"
        for year in range(known.last_year + 1, max(years, default=0))
        if year not in years
    ]
    if problems:
        raise BrokenCalendar(problems, way)
    return years, tuple(remarks)


def _closed(known: Almanac, days: list[date], why: str | None, today: date) -> Almanac:
    if not why:
        raise Invalid("请写明停止办公的原因，例如台风名称和市三防指挥部的通告。", field="why")
    book = known.calendar("known")
    problems = []
    for day in days:
        if abs(day - today) > FAR:
            problems.append(f"{spoken(day)}离今天超过一年，请核对年份。")
        elif not book.is_working(day):
            problems.append(f"{spoken(day)}本来就不上班（{book.why(day)}），不必停止办公。")
    if problems:
        raise BrokenCalendar(problems, "closed")
    return Almanac(known.years, known.closed | dict.fromkeys(days, why))


def _reopened(known: Almanac, days: list[date]) -> Almanac:
    if problems := [f"{spoken(day)}没有登记过停止办公。" for day in days if day not in known.closed]:
        raise BrokenCalendar(problems, "reopened")
    return Almanac(known.years, {day: why for day, why in known.closed.items() if day not in days})


def _days(days: list[date]) -> str:
    """`2026年9月23日、24日`: each with as much of its date as differs from the one before."""
    written, before = "", None
    for day in days:
        year = "" if before and before.year == day.year else f"{day.year}年"
        month = "" if before and not year and before.month == day.month else f"{day.month}月"
        written += f"{'、' if written else ''}{year}{month}{day.day}日"
        before = day
    return written
