"""Calendars that come as files: iCal feeds of Chinese holidays, and CSV. Read like a notice: nothing is guessed.

A file gives whole years: of each year that it names, its days take the place of what was known of that year. Feeds carry
much besides (节气, 情人节); only what says 休 or 班 counts, and the days off that the law itself fixes must be among it.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from icalendar import Calendar, Event

from .calendars import NoticeReading, spoken
from .worktime import LAST_YEAR, statutory_holidays

LARGEST = 2 * 1024 * 1024
LONGEST = 31
"""Days of one event."""
_OFF = re.compile(r"放假|假期|休假|休息|补休|公休|[(（]休[)）]|[·\s]休$|^休")
_NAME = re.compile(r"(.*?)(?:[\s·(（]|假期|放假|休假|补休|补班|调休|上班|休息|班|休|第\d|$)")
_NUMBERED = re.compile(r"第\s*(\d{1,2})\s*天\s*[/／]\s*共\s*(\d{1,2})\s*天")
_APPLE = {"WORK-HOLIDAY": False, "ALTERNATE-WORKDAY": True}
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")


def read_ical(text: str) -> list[NoticeReading]:
    """The years of an iCal file, in order; of a file that cannot be read one reading, which says why."""
    try:
        calendars = Calendar.from_ical(text.strip().removeprefix("\ufeff"), multiple=True)
        events = [event for one in calendars for event in one.events]
    except (ValueError, IndexError, KeyError):
        events = []
    if not events:
        return [
            _unread("这不是完整的 iCal 文件，读不出任何日程；文件应以 BEGIN:VCALENDAR 开头、以 END:VCALENDAR 结尾。")
        ]
    years = _Years()
    others: dict[str, None] = {}
    for event in events:
        title = str(event.get("SUMMARY", "")).strip()
        works = _works(event, title)
        if works is None and "调休" in title:
            years.problem(f"日程“{title[:40]}”只写了调休，看不出是休还是班。")
        elif works is None:
            others[title[:20]] = None
        elif str(event.get("STATUS", "")).upper() != "CANCELLED":
            years.add_event(event, title, works)
    years.check_numbers()
    if not years.days and not years.problems:
        return [_unread("文件里没有写明休或班的日程，例如“春节（休）”“国庆节 补班”。")]
    if others:
        years.remarks.append(
            f"文件里还有{len(others)}种日程没有写明休或班，未采用：{'、'.join(list(others)[:6])}{' 等' if len(others) > 6 else ''}。"
        )
    return years.readings()


def read_csv(text: str) -> list[NoticeReading]:
    """The years of a CSV with the columns `day`, `works` (0 or 1) and `name`, in order."""
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True)
    try:
        columns = [name.strip().lower() for name in lines.fieldnames or ()]
    except csv.Error:
        columns = []
    if not {"day", "works", "name"} <= set(columns):
        return [_unread("CSV 的第一行应是 day,works,name：日期、是否上班（0 或 1）、节日名称。")]
    lines.fieldnames = columns
    years = _Years()
    try:
        for number, line in enumerate(lines, 2):
            years.add_line(
                number, (line["day"] or "").strip(), (line["works"] or "").strip(), (line["name"] or "").strip()
            )
    except csv.Error:
        years.problem("CSV 的引号不成对，读到一半就断了。")
    if not years.days and not years.problems:
        return [_unread("CSV 里除表头外没有内容。")]
    return years.readings()


def _unread(why: str) -> NoticeReading:
    return NoticeReading(None, problems=(why,))


def _works(event: Event, title: str) -> bool | None:
    """Whether people work on this event's days; None where it does not say."""
    special = str(event.get("X-APPLE-SPECIAL-DAY", "")).upper()
    if special in _APPLE:
        return _APPLE[special]
    if "班" in title:
        return True
    return False if _OFF.search(title) else None


@dataclass
class _Years:
    """Gathers days by the year whose notice they belong to."""

    days: dict[date, tuple[bool, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    numbered: dict[tuple[int, bool, str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    """By year, kind, holiday and its 共N天: which of them were there."""

    def problem(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)

    def add(self, day: date, works: bool, name: str) -> None:
        if not 2004 <= day.year < LAST_YEAR:
            self.problem(f"{day} 不在2004年至{LAST_YEAR - 1}年之间。")
        elif self.days.get(day, (works,))[0] != works:
            self.problem(f"{spoken(day)}既写休又写班。")
        elif works and day.weekday() < 5:
            self.problem(f"{spoken(day)}写的是补班，但这一天本不是周末。")
        else:
            self.days[day] = (works, name)

    def add_event(self, event: Event, title: str, works: bool) -> None:
        try:
            first, end = event.start, event.end
        except ValueError:  # the library's broken and missing properties are ValueErrors
            self.problem(f"日程“{title[:40]}”没有写对日期。")
            return
        if isinstance(first, datetime) or isinstance(end, datetime):
            self.problem(f"日程“{title[:40]}”写了钟点，放假和补班应是全天日程。")
            return
        if event.get("RRULE") or event.get("RDATE"):
            self.problem(f"日程“{title[:40]}”是重复日程，放假安排每年另行公布，不能重复。")
            return
        length = max(1, (end - first).days)
        if length > LONGEST:
            self.problem(f"日程“{title[:40]}”长达{length}天。")
            return
        name = _NAME.match(title)[1].strip() or "放假"  # type: ignore[index]
        for offset in range(length):
            self.add(first + timedelta(days=offset), works, name)
        if number := _NUMBERED.search(title):
            self.numbered[_year(first), works, name, int(number[2])].append(int(number[1]))

    def check_numbers(self) -> None:
        for (_, works, name, stated), there in self.numbered.items():
            # a feed may number each run of its own
            if sorted(there) != sorted([*range(1, stated + 1)] * there.count(1)):
                self.problem(
                    f"“{name}”写明{'补班' if works else '放假'}共{stated}天，文件里却是{len(there)}天，文件可能有缺漏。"
                )

    def add_line(self, number: int, day: str, works: str, name: str) -> None:
        if not (day or works or name):
            return
        written = _DAY.fullmatch(day)
        try:
            found = date(*(int(part) for part in written.groups())) if written else None
        except ValueError:
            found = None
        if found is None:
            self.problem(f"第{number}行的日期“{day[:20]}”看不懂，应写作 2026-10-01。")
        elif works not in ("0", "1"):
            self.problem(f"第{number}行的 works 是“{works[:20]}”，应写 0（放假）或 1（上班）。")
        elif found in self.days:
            self.problem(f"第{number}行的{spoken(found)}前面已经有了。")
        else:
            self.add(found, works == "1", name[:50])

    def readings(self) -> list[NoticeReading]:
        years = sorted({_year(day) for day in self.days})
        readings = [self._of(year) for year in years] or [NoticeReading(None)]
        # what is wrong with the file is said once
        readings[0] = NoticeReading(
            readings[0].year, readings[0].off, readings[0].work,
            (*self.problems, *readings[0].problems), (*self.remarks, *readings[0].remarks), readings[0].names,
        )  # fmt: skip
        return readings

    def _of(self, year: int) -> NoticeReading:
        own = {day: kind for day, kind in sorted(self.days.items()) if _year(day) == year}
        off = tuple(day for day, (works, _) in own.items() if not works)
        work = tuple(day for day, (works, _) in own.items() if works)
        problems, remarks = [], []
        if year >= 2025:
            by_law = statutory_holidays(year)
            problems = list(_missing(by_law, off, work))
            given = sum(day.weekday() < 5 for day in off) - len(work)
            if not problems and given != len(by_law):
                remarks.append(
                    f"{year}年占用的工作日减去补班，净放假{given}天，与法定的{len(by_law)}天不相抵，请与国务院办公厅通知核对。"
                )
        return NoticeReading(
            year, off, work, tuple(problems), tuple(remarks), {day: name for day, (_, name) in own.items()}
        )


def _missing(by_law: dict[date, str], off: Iterable[date], work: Iterable[date]) -> Iterator[str]:
    """A weekday on which everybody has the day off by law must be off; a weekend day at least not worked."""
    for day, name in sorted(by_law.items()):
        if day in work or (day not in off and day.weekday() < 5):
            yield f"{spoken(day)}是法定节日（{name}），文件里却没有放假，可能有缺漏。"


def _year(day: date) -> int:
    """What a calendar says of December belongs to the New Year of the year after."""
    return day.year + (day.month == 12)
