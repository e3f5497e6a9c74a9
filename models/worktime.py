"""Working-day arithmetic: days in, days out. No database, no clock, no network.

Counting follows Civil Code 200-204 and, for working days, 行政许可法 82: the start day does not count, hours run from
the stated moment, a month ends on its matching day or else on its last, the last day ends at 24:00, and a last day that
is no working day moves to the first working day after it (203; read here to cover ordinary weekends too). A working day
is a Monday to Friday that is not off, or a weekend day on which the State Council has people work (调休).

Everything about days is kept as ordinals in two lists, so that adding and subtracting working days is a look-up.
Days and instants outside the calendar, instants without a zone, and limits that make no sense raise ValueError with a
sentence for the clerk.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

OFFICE_ZONE = ZoneInfo("Asia/Shanghai")
OFFICE_HOURS = (
    (timedelta(hours=8, minutes=30), timedelta(hours=12)),
    (timedelta(hours=14), timedelta(hours=18)),
)
"""Opening and closing on working days, from midnight: an operator's entry (未核实), not law."""
OFFICE_DAY = sum((closes - opens for opens, closes in OFFICE_HOURS), timedelta())

Unit = Literal["wd", "d", "mo", "h", "wh"]
End = Literal["roll", "none"]

_CHINESE_UNITS = {"wd": "个工作日", "d": "日", "mo": "个月", "h": "小时", "wh": "个工作小时"}
_WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

_FESTIVALS = """
    2005 0209 0405 0611 0918  2006 0129 0405 0531 1006  2007 0218 0405 0619 0925  2008 0207 0404 0608 0914
    2009 0126 0404 0528 1003  2010 0214 0405 0616 0922  2011 0203 0405 0606 0912  2012 0123 0404 0623 0930
    2013 0210 0404 0612 0919  2014 0131 0405 0602 0908  2015 0219 0405 0620 0927  2016 0208 0404 0609 0915
    2017 0128 0404 0530 1004  2018 0216 0405 0618 0924  2019 0205 0405 0607 0913  2020 0125 0404 0625 1001
    2021 0212 0404 0614 0921  2022 0201 0405 0603 0910  2023 0122 0405 0622 0929  2024 0210 0404 0610 0917
    2025 0129 0404 0531 1006  2026 0217 0405 0619 0925  2027 0206 0405 0609 0915  2028 0126 0404 0528 1003
    2029 0213 0404 0616 0922  2030 0203 0405 0605 0912  2031 0123 0405 0624 1001  2032 0211 0404 0612 0919
    2033 0131 0404 0601 0908  2034 0219 0405 0620 0927  2035 0208 0405 0610 0916  2036 0128 0404 0530 1004
    2037 0215 0404 0618 0924  2038 0204 0405 0607 0913  2039 0124 0405 0527 1002  2040 0212 0404 0614 0920
    2041 0201 0404 0603 0910  2042 0122 0404 0622 0928  2043 0210 0405 0611 0917  2044 0130 0404 0531 1005
    2045 0217 0404 0619 0925  2046 0206 0404 0608 0915  2047 0126 0405 0529 1004  2048 0214 0404 0615 0922
    2049 0202 0404 0604 0911  2050 0123 0404 0623 0930  2051 0211 0405 0613 0919  2052 0201 0404 0601 0907
    2053 0219 0404 0620 0926  2054 0208 0404 0610 0916  2055 0128 0405 0530 1005  2056 0215 0404 0617 0924
    2057 0204 0404 0606 0913  2058 0124 0404 0625 1002  2059 0212 0405 0614 0921  2060 0202 0404 0603 0909
"""
"""Year, then 春节 (first day), 清明, 端午 and 中秋 as MMDD. The tests hold it against another table."""

LAST_YEAR = 2060
"""No calendar reaches beyond it."""


def statutory_holidays(year: int) -> dict[date, str]:
    """The thirteen days off that the law itself fixes for `year` (2005-2060), each with its name.

    全国年节及纪念日放假办法, as in force since 2025. What a notice adds (调休, a working day off for a holiday that
    falls on a weekend) is not among them, because nobody can know it before it is published.
    """
    table = _FESTIVALS.split()
    row = table.index(str(year))
    spring, tombs, boats, autumn = (date(year, int(day[:2]), int(day[2:])) for day in table[row + 1 : row + 5])
    days = {date(year, 1, 1): "元旦"}
    days |= {spring + timedelta(days=offset): "春节" for offset in range(-1, 3)}
    days |= {
        tombs: "清明节",
        date(year, 5, 1): "劳动节",
        date(year, 5, 2): "劳动节",
        boats: "端午节",
        autumn: "中秋节",
    }
    return days | {date(year, 10, day): "国庆节" for day in (1, 2, 3)}


@dataclass(frozen=True, slots=True)
class Limit:
    """How long: `5wd` working days, `30d` calendar days, `3mo` months, `2h` hours, `4wh` office hours."""

    value: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.unit not in _CHINESE_UNITS or self.value < 1:
            raise ValueError(f"时限“{self}”无效：应为正整数加单位 wd、d、mo、h 或 wh，如 5wd。")

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> "Limit":
        match = re.fullmatch(r"([0-9]{1,6})(wd|d|mo|h|wh)", text)
        if not match:
            raise ValueError(
                f"时限“{text}”看不懂：应写作 5wd（工作日）、30d（日）、3mo（月）、2h（小时）或 4wh（工作小时）。"
            )
        return cls(int(match[1]), match[2])  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.value}{self.unit}"

    @property
    def chinese(self) -> str:
        return f"{self.value}{_CHINESE_UNITS[self.unit]}"

    @property
    def is_by_the_hour(self) -> bool:
        """Whether it runs from a moment rather than from the end of a day."""
        return self.unit in ("h", "wh")


@dataclass(frozen=True, slots=True)
class Pause:
    """中止. The days after the pause day up to and including the day of resumption are not counted."""

    paused_at: datetime
    resumed_at: datetime | None


class Due(NamedTuple):
    """`due_at` is the first instant that is late: midnight after `due_day`, or the exact instant for hours."""

    due_day: date
    due_at: datetime
    provisional: bool
    edition: str


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day of an explanation: whether it counts, and why, in Chinese."""

    date: date
    counts: bool
    why: str


class WorkCalendar:
    """Which days are worked, by the State Council's notices.

    `published` maps each notice's year to its days off and its make-up working days; a notice may name days of the
    December before, and where two notices disagree the later one holds. `closed` are further days on which the
    office does not work, `names` the holidays' names (of a closed day: why) for explanations. The years after the last
    notice, up to `LAST_YEAR`, assume weekends and `statutory_holidays`: whatever depends on them is provisional.
    """

    def __init__(
        self,
        edition: str,
        published: Mapping[int, tuple[Iterable[date], Iterable[date]]],
        closed: Iterable[date] = (),
        names: Mapping[date, str] | None = None,
    ) -> None:
        years = sorted(published)
        if not years or years != list(range(years[0], years[-1] + 1)):
            raise ValueError("放假安排的年份必须连续，不能缺年。")
        self.edition = edition
        self.first_published_year, self.last_published_year = years[0], years[-1]
        self.names = dict(names or {})
        self.closed = frozenset(closed)
        self._off: set[date] = set()
        self._made_up: set[date] = set()
        for year in years:
            off, work = (set(days) for days in published[year])
            if off & work:
                raise ValueError(f"{year}年的安排中{min(off & work)}既放假又上班。")
            self._off = self._off - work | off
            self._made_up = self._made_up - off | work
        for year in range(years[-1] + 1, LAST_YEAR + 1):
            holidays = statutory_holidays(year)
            self._off |= holidays.keys()
            self.names |= {day: name for day, name in holidays.items() if day not in self.names}
        # a notice for the year after may still move the days after Christmas (2022-12-31 stood in that for 2023)
        self._settled = date(self.last_published_year, 12, 25).toordinal()
        self._first = date(years[0], 1, 1).toordinal()
        self._working: list[int] = []
        self._through = [0]
        for ordinal in range(self._first, date(LAST_YEAR, 12, 31).toordinal() + 1):
            if self._is_worked(date.fromordinal(ordinal)):
                self._working.append(ordinal)
            self._through.append(len(self._working))

    def _is_worked(self, day: date) -> bool:
        if day in self.closed or day in self._off:
            return False
        return day.weekday() < 5 or day in self._made_up

    def is_working(self, day: date) -> bool:
        ordinal = day.toordinal()
        return self.count(ordinal) > self.count(ordinal - 1)

    def working_days(self) -> Sequence[int]:
        """Every working day there is, in order, as ordinals."""
        return self._working

    def add_working(self, day: date, n: int) -> date:
        """The n-th working day after `day`, or before it for a negative n; `day` itself for 0."""
        if n == 0:
            return day
        ordinal = day.toordinal()
        reached = self.count(ordinal) + n if n > 0 else self.count(ordinal - 1) + n + 1
        return date.fromordinal(self.nth(reached))

    def working_between(self, a: date, b: date) -> int:
        """How many working days lie in (a, b]; negative where b is before a."""
        return self.count(b.toordinal()) - self.count(a.toordinal())

    def next_working(self, day: date) -> date:
        return self.add_working(day, 1)

    def previous_working(self, day: date) -> date:
        return self.add_working(day, -1)

    def is_provisional(self, day: date) -> bool:
        """Whether a notice not yet published could still change what `day` is."""
        return day.toordinal() > self._settled

    def why(self, day: date) -> str:
        """`周四，国庆节放假`, `周日，调休上班`, `周三，工作日`."""
        weekday = _WEEKDAYS[day.weekday()]
        if day in self.closed:
            return f"{weekday}，停止办公" + (f"（{self.names[day]}）" if self.names.get(day) else "")
        if day in self._off and (name := self.names.get(day)):
            return f"{weekday}，{name}放假"
        if day in self._off and day.weekday() < 5:
            return f"{weekday}，放假"
        if day.weekday() < 5:
            return f"{weekday}，工作日"
        return f"{weekday}，调休上班" if self._is_worked(day) else f"{weekday}，周末"

    def count(self, ordinal: int) -> int:
        """How many working days the calendar has up to and including a day, given as its ordinal."""
        index = ordinal - self._first + 1
        if index < 0:  # a negative index would quietly read the list's other end
            raise ValueError(f"日历始于{self.first_published_year}年，不能计算更早的日期。")
        try:
            return self._through[index]
        except IndexError:
            raise ValueError(f"日历止于{LAST_YEAR}年，不能计算更晚的日期。") from None

    def nth(self, number: int) -> int:
        """The ordinal of the calendar's n-th working day, from 1."""
        if number < 1:
            raise ValueError(f"日历始于{self.first_published_year}年，不能计算更早的日期。")
        try:
            return self._working[number - 1]
        except IndexError:
            raise ValueError(f"日历止于{LAST_YEAR}年，不能计算更晚的日期。") from None


def due(
    start: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    *,
    end: End = "roll",
    pauses: Sequence[Pause] = (),
) -> Due:
    """The last day of a deadline and the first instant that is late.

    `end` says whether calendar days and months roll over a non-working last day (Civil Code 203). A pause begun after
    the due instant moves nothing; one that is still open raises ValueError, as does a start without a zone.
    """
    began = _office(start)
    if limit.is_by_the_hour:
        return _due_at(_last_instant(began, limit, calendar, pauses)[0], calendar)
    last = _last_day(began, limit, calendar, end, pauses)[0]
    calendar.count(last)
    return Due(date.fromordinal(last), _midnight(last + 1), last > calendar._settled, calendar.edition)


def period_end(start: datetime, limit: Limit, calendar: WorkCalendar) -> Due:
    """When a period has run: whole days from the day after the start, never rolled, to 24:00 of the last."""
    return due(start, limit, calendar, end="none")


def explain(
    start: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    *,
    end: End = "roll",
    pauses: Sequence[Pause] = (),
    period: bool = False,
) -> list[DayLine]:
    """Each day from the start through the due day, whether it counts and why; `period` explains `period_end`.

    Of a limit in days exactly that many lines count, the due day the last of them: where the last day moves, the day
    it has moved to is the last day of the limit (Civil Code 203), and the one it has left is not.
    """
    began = _office(start)
    if limit.is_by_the_hour:
        return _explained_hours(began, limit, calendar, pauses)
    return _explained_days(began, limit, calendar, "none" if period else end, pauses)


def working_time_between(a: datetime, b: datetime, calendar: WorkCalendar) -> timedelta:
    """Office time from `a` to `b`; negative where b is before a."""
    return _office_time(_office(b), calendar) - _office_time(_office(a), calendar)


def working_days_between(a: datetime, b: datetime, calendar: WorkCalendar) -> int:
    """Working days after the day of `a` through the day of `b`; negative where b is before a."""
    return calendar.working_between(_office(a).date(), _office(b).date())


def at_office_open(day: date) -> datetime:
    """08:30 of that day."""
    return _midnight(day.toordinal()) + OFFICE_HOURS[0][0]


def _office(at: datetime) -> datetime:
    if at.tzinfo is OFFICE_ZONE:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"时间 {at.isoformat()} 没有时区，不能计算时限。")
    return at.astimezone(OFFICE_ZONE)


@lru_cache(maxsize=4096)
def _midnight(ordinal: int) -> datetime:
    day = date.fromordinal(ordinal)
    return datetime(day.year, day.month, day.day, tzinfo=OFFICE_ZONE)


def _stops(began: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """The pauses in order, none beginning before the limit began or before the one ahead of it ended."""
    spans = []
    for pause in pauses:
        if pause.resumed_at is None:
            raise ValueError("时限仍在中止，恢复后才能计算截止日。")
        spans.append((_office(pause.paused_at), _office(pause.resumed_at)))
    for paused, resumed in sorted(spans):
        if resumed < paused:
            raise ValueError("恢复时间早于中止时间。")
        if resumed > began:
            yield max(paused, began), resumed
            began = resumed


def _days(began: datetime, limit: Limit) -> int:
    """How many days the limit has; for months, the calendar days to the matching day (Civil Code 202)."""
    if limit.unit != "mo":
        return limit.value
    years, month = divmod(began.month - 1 + limit.value, 12)
    year, month = began.year + years, month + 1
    if year > LAST_YEAR:
        raise ValueError(f"日历止于{LAST_YEAR}年，不能计算更晚的日期。")
    following = date(year + month // 12, month % 12 + 1, 1).toordinal()
    matching = min(date(year, month, 1).toordinal() + began.day, following) - 1
    return matching - began.toordinal()


def _last_day(
    began: datetime, limit: Limit, calendar: WorkCalendar, end: End, pauses: Sequence[Pause]
) -> tuple[int, list[tuple[int, int]]]:
    """The due day, and the (pause day, resume day) of the pauses begun before it was over, all as ordinals.

    A limit always stands at an anchor with so many days left: at first at its start day, after a pause at the day of
    resumption, with what had not been used up by the pause day. Where nothing is left, the last day had been reached.
    """
    by_working_day = limit.unit == "wd"

    def reach(anchor: int, left: int) -> int:
        if by_working_day and left:
            return calendar.nth(calendar.count(anchor) + left)
        last = anchor + left
        if by_working_day or end == "roll":
            return calendar.nth(calendar.count(last - 1) + 1)
        return last

    anchor, left = began.toordinal(), _days(began, limit)
    calendar.count(anchor)
    last = reach(anchor, left)
    moved: list[tuple[int, int]] = []
    if not pauses:
        return last, moved
    for paused_at, resumed_at in _stops(began, pauses):
        paused, resumed = paused_at.toordinal(), resumed_at.toordinal()
        if paused > last:
            break
        used = calendar.count(paused) - calendar.count(anchor) if by_working_day else paused - anchor
        anchor, left = resumed, max(0, left - used)
        last = reach(anchor, left)
        moved.append((paused, resumed))
    return last, moved


def _last_instant(
    began: datetime, limit: Limit, calendar: WorkCalendar, pauses: Sequence[Pause]
) -> tuple[datetime, list[tuple[datetime, datetime]]]:
    """The instant by which the hours have run, and the pauses begun before it. Pauses skip the time that passes."""
    left = timedelta(hours=limit.value)

    def reach(anchor: datetime, left: timedelta) -> datetime:
        if limit.unit == "h":
            return anchor + left
        return _office_instant(_office_time(anchor, calendar) + left, calendar)

    calendar.count(began.toordinal())
    last, anchor = reach(began, left), began
    moved = []
    for paused, resumed in _stops(began, pauses):
        if paused >= last:
            break
        left -= paused - anchor if limit.unit == "h" else working_time_between(anchor, paused, calendar)
        anchor, last = resumed, reach(resumed, left)
        moved.append((paused, resumed))
    return last, moved


def _due_at(last: datetime, calendar: WorkCalendar) -> Due:
    # a limit that ends at midnight ends on the day that midnight closes
    day = (last - timedelta.resolution).date()
    calendar.count(day.toordinal())
    return Due(day, last, calendar.is_provisional(day), calendar.edition)


def _office_time(at: datetime, calendar: WorkCalendar) -> timedelta:
    """Office time from the calendar's beginning to `at`."""
    ordinal = at.toordinal()
    before = calendar.count(ordinal - 1)
    passed = before * OFFICE_DAY
    if calendar.count(ordinal) == before:
        return passed
    clock = at - _midnight(ordinal)
    for opens, closes in OFFICE_HOURS:
        if clock > opens:
            passed += min(clock, closes) - opens
    return passed


def _office_instant(passed: timedelta, calendar: WorkCalendar) -> datetime:
    """The earliest instant by which that much office time has passed: a closing time, never the next opening."""
    days, rest = divmod(passed, OFFICE_DAY)
    if not rest:
        days, rest = days - 1, OFFICE_DAY
    midnight = _midnight(calendar.nth(days + 1))
    for opens, closes in OFFICE_HOURS[:-1]:
        if rest <= closes - opens:
            return midnight + opens + rest
        rest -= closes - opens
    return midnight + OFFICE_HOURS[-1][0] + rest


def _explained_days(
    began: datetime, limit: Limit, calendar: WorkCalendar, end: End, pauses: Sequence[Pause]
) -> list[DayLine]:
    last, moved = _last_day(began, limit, calendar, end, pauses)
    calendar.count(last)
    by_working_day, wanted, used = limit.unit == "wd", _days(began, limit), 0
    lines = [DayLine(began.date(), False, f"{_WEEKDAYS[began.weekday()]}，起始日不计")]
    for ordinal in range(began.toordinal() + 1, last + 1):
        day = date.fromordinal(ordinal)
        working, why = calendar.is_working(day), calendar.why(day)
        countable = working or not by_working_day
        if countable and not working:
            why += "，自然日照计"
        if ordinal == last:
            counts, why = True, f"{calendar.why(day)}，{'顺延后的末日' if used == wanted else '末日'}"
        elif countable and any(paused < ordinal <= resumed for paused, resumed in moved):
            counts, why = False, f"{_WEEKDAYS[day.weekday()]}，暂停"
        elif used == wanted:
            counts, why = False, f"{calendar.why(day)}，顺延"
        else:
            used += countable
            counts = countable and used < wanted
            if countable and not counts:
                if any(paused == ordinal for paused, _ in moved):
                    why = f"{calendar.why(day)}，末日当天暂停，恢复之日为末日"
                else:
                    why = f"{calendar.why(day)}，末日遇{'节假日' if day in calendar._off else '休息日'}顺延"
        lines.append(DayLine(day, counts, why + _provisional(day, calendar)))
    return lines


def _explained_hours(began: datetime, limit: Limit, calendar: WorkCalendar, pauses: Sequence[Pause]) -> list[DayLine]:
    last, moved = _last_instant(began, limit, calendar, pauses)
    due_day = _due_at(last, calendar).due_day
    edges = [began, *chain.from_iterable(moved), last]
    running = list(zip(edges[::2], edges[1::2], strict=True))
    lines = []
    for ordinal in range(began.toordinal(), due_day.toordinal() + 1):
        day, midnight = date.fromordinal(ordinal), _midnight(ordinal)
        hours = timedelta()
        for a, b in running:
            a, b = max(a, midnight), min(b, midnight + timedelta(days=1))
            if a < b:
                hours += b - a if limit.unit == "h" else working_time_between(a, b, calendar)
        stopped = any(paused < midnight + timedelta(days=1) and resumed > midnight for paused, resumed in moved)
        why = (
            f"{calendar.why(day)}，{f'计{_spoken(hours)}' if hours else '不计时'}{'，暂停期间不计' if stopped else ''}"
        )
        lines.append(DayLine(day, bool(hours), why + _provisional(day, calendar)))
    return lines


def _provisional(day: date, calendar: WorkCalendar) -> str:
    if not calendar.is_provisional(day):
        return ""
    year = max(day.year, calendar.last_published_year + 1)
    return f"（暂定：{year}年度放假安排未公布）"


def _spoken(span: timedelta) -> str:
    minutes, seconds = divmod(span // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "小时"), (minutes, "分"), (seconds, "秒"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "不足1秒"
