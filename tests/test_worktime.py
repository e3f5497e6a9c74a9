"""Deadlines to the day: dated scenes, tables worked out by hand, and a naive oracle that walks day by day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chinese_calendar import is_workday  # type: ignore[import-untyped,unused-ignore]
from holidays.calendars.chinese import _ChineseLunisolar
from hypothesis import given
from hypothesis import strategies as st

from models.calendars import shipped
from models.clock import Clock, counted_with
from models.worktime import (
    LAST_YEAR,
    OFFICE_ZONE,
    DayLine,
    End,
    Limit,
    Pause,
    Unit,
    WorkCalendar,
    at_office_open,
    due,
    explain,
    period_end,
    statutory_holidays,
    working_days_between,
    working_time_between,
)

CALENDAR = shipped()
DAY, TEN = timedelta(days=1), timedelta(minutes=10)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE_ZONE)


def pause(paused: str, resumed: str) -> Pause:
    return Pause(at(paused), at(resumed))


def due_day(start: str, limit: str, *pauses: Pause, end: End = "roll", calendar: WorkCalendar = CALENDAR) -> str:
    return due(at(start), Limit.parse(limit), calendar, end=end, pauses=pauses).due_day.isoformat()


def due_at(start: str, limit: str, *pauses: Pause) -> str:
    return due(at(start), Limit.parse(limit), CALENDAR, pauses=pauses).due_at.isoformat()


def lines(start: str, limit: str, *pauses: Pause, end: End = "roll") -> dict[str, str]:
    told = explain(at(start), Limit.parse(limit), CALENDAR, end=end, pauses=pauses)
    return {f"{line.date:%m-%d}": ("✓" if line.counts else "") + line.why for line in told}


# --- by table


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2023-06-05", "5wd", "2023-06-12"),
        ("2023-06-21", "5wd", "2023-06-29"),  # Sunday 6-25 counts
        ("2023-09-28", "5wd", "2023-10-11"),
        ("2023-09-28", "10wd", "2023-10-18"),
        ("2023-09-28", "20wd", "2023-11-01"),
        ("2024-02-08", "5wd", "2024-02-21"),  # New Year's Eve and Sunday 2-18 count
        ("2024-09-30", "5wd", "2024-10-12"),  # a Saturday
        ("2025-01-27", "5wd", "2025-02-10"),
        ("2025-09-30", "5wd", "2025-10-14"),
        ("2026-02-13", "5wd", "2026-02-27"),
        ("2026-09-30", "5wd", "2026-10-13"),
        ("2026-02-12", "1wd", "2026-02-13"),  # Spring Festival and both its make-up Saturdays, by hand
        ("2026-02-12", "2wd", "2026-02-14"),
        ("2026-02-12", "3wd", "2026-02-24"),
        ("2026-02-12", "7wd", "2026-02-28"),
        ("2026-02-12", "8wd", "2026-03-02"),
        ("2023-09-05", "30d", "2023-10-07"),
        ("2023-08-31", "30d", "2023-10-07"),
        ("2024-01-16", "30d", "2024-02-18"),
        ("2025-09-03", "30d", "2025-10-09"),
        ("2026-01-20", "30d", "2026-02-24"),
        ("2023-12-02", "30d", "2024-01-02"),
    ],
)
def test_due_days_equal_the_table(start: str, limit: str, expected: str) -> None:
    assert due_day(start, limit) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-10-12T23:40", "2026-10-13"),  # at night
        ("2026-10-11T10:00", "2026-10-12"),  # on a Sunday
        ("2026-10-03T10:00", "2026-10-08"),  # in a holiday
        ("2026-09-20T10:00", "2026-09-21"),  # on a Sunday that is worked
        ("2026-09-19T10:00", "2026-09-20"),  # the day before it
        ("2026-10-09T10:00", "2026-10-10"),  # before a Saturday that is worked
    ],
)
def test_a_start_outside_hours_or_on_a_holiday_counts_from_the_next_working_day(start: str, expected: str) -> None:
    assert due_day(start, "1wd") == expected


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2025-01-31", "1mo", "2025-02-28"),  # no matching day: the month's last
        ("2024-01-31", "1mo", "2024-02-29"),
        ("2025-08-31", "1mo", "2025-09-30"),
        ("2025-02-28", "1mo", "2025-03-28"),
        ("2025-09-01", "1mo", "2025-10-09"),  # 10-01 rolls over the holiday
        ("2025-12-15", "3mo", "2026-03-16"),  # over the turn of a year, and a Sunday
        ("2025-11-30", "1mo", "2025-12-30"),
        ("2024-03-31", "12mo", "2025-03-31"),
    ],
)
def test_a_month_ends_on_its_matching_day(start: str, limit: str, expected: str) -> None:
    assert due_day(start, limit) == expected


def test_without_roll_over_the_last_day_stays_where_it_falls() -> None:
    assert due_day("2025-09-03", "30d", end="none") == "2025-10-03"
    assert due_day("2025-09-01", "1mo", end="none") == "2025-10-01"


def test_the_last_day_ends_at_midnight() -> None:
    limit = due(at("2026-09-30T16:20"), Limit.parse("5wd"), CALENDAR).due_at
    assert limit.isoformat() == "2026-10-14T00:00:00+08:00"
    assert at("2026-10-13T23:59:30") < limit
    assert not at("2026-10-14T00:00:00") < limit


# --- zones


def test_the_day_is_the_offices_day_whatever_zone_the_instant_comes_in() -> None:
    before, after = at("2026-10-12T23:59:59"), at("2026-10-13T00:00:01")
    for zone in (UTC, ZoneInfo("America/Los_Angeles"), OFFICE_ZONE):
        assert due(before.astimezone(zone), Limit.parse("1wd"), CALENDAR).due_day == date(2026, 10, 13)
        assert due(after.astimezone(zone), Limit.parse("1wd"), CALENDAR).due_day == date(2026, 10, 14)
    assert due(before.astimezone(UTC), Limit.parse("2h"), CALENDAR).due_at.tzinfo is OFFICE_ZONE


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 10, 12, 9)
    for limit in map(Limit.parse, ("5wd", "30d", "3mo", "2h", "4wh")):
        with pytest.raises(ValueError, match="没有时区"):
            due(naive, limit, CALENDAR)
        with pytest.raises(ValueError, match="没有时区"):
            due(at("2026-10-12T09:00"), limit, CALENDAR, pauses=[Pause(naive, naive)])
    with pytest.raises(ValueError, match="没有时区"):
        working_time_between(naive, naive, CALENDAR)


# --- hours


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2026-09-30T16:20", "2h", "2026-09-30T18:20:00+08:00"),
        ("2026-10-03T23:30", "2h", "2026-10-04T01:30:00+08:00"),  # round the clock, holidays too
        ("2026-09-30T16:20", "4wh", "2026-10-08T10:50:00+08:00"),
        ("2026-09-28T10:00", "4wh", "2026-09-28T16:00:00+08:00"),  # over lunch
        ("2026-09-28T14:00", "4wh", "2026-09-28T18:00:00+08:00"),  # ends at closing, not at the next opening
        ("2026-09-28T12:30", "4wh", "2026-09-28T18:00:00+08:00"),
        ("2026-09-28T20:00", "1wh", "2026-09-29T09:30:00+08:00"),
        ("2026-09-20T08:00", "1wh", "2026-09-20T09:30:00+08:00"),  # a Sunday that is worked
        ("2026-09-19T08:00", "8wh", "2026-09-21T09:00:00+08:00"),
    ],
)
def test_hours_run_from_the_moment(start: str, limit: str, expected: str) -> None:
    assert due_at(start, limit) == expected


def test_a_limit_in_hours_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    assert due_day("2026-10-12T22:00", "2h") == "2026-10-12"
    assert due_day("2026-10-12T22:01", "2h") == "2026-10-13"


def test_office_time_and_working_days_between_two_instants() -> None:
    friday, thursday = at("2026-09-30T17:00"), at("2026-10-08T09:00")
    assert working_time_between(friday, thursday, CALENDAR) == timedelta(hours=1.5)
    assert working_time_between(thursday, friday, CALENDAR) == -timedelta(hours=1.5)
    assert working_days_between(friday, thursday, CALENDAR) == 1
    assert working_days_between(thursday, friday, CALENDAR) == -1
    assert at_office_open(date(2026, 10, 8)).isoformat() == "2026-10-08T08:30:00+08:00"


# --- pauses


def test_a_pause_on_the_last_day_makes_the_day_of_resumption_the_last_day() -> None:
    assert due_day("2026-10-12", "5wd") == "2026-10-19"
    assert due_day("2026-10-12", "5wd", pause("2026-10-19T10:00", "2026-10-21T09:00")) == "2026-10-21"
    # resumed on a Saturday: the next countable day
    assert due_day("2026-10-12", "5wd", pause("2026-10-19T10:00", "2026-10-24T09:00")) == "2026-10-26"


def test_a_pause_skips_the_working_days_after_it_through_the_day_of_resumption() -> None:
    assert due_day("2026-10-12", "5wd", pause("2026-10-13T10:00", "2026-10-15T09:00")) == "2026-10-21"
    assert due_day("2026-10-12", "5wd", pause("2026-10-12T10:00", "2026-10-14T09:00")) == "2026-10-21"


def test_a_pause_inside_one_holiday_moves_nothing() -> None:
    for limit in ("5wd", "20wd"):
        plain = due_day("2026-09-30", limit)
        assert due_day("2026-09-30", limit, pause("2026-10-02T10:00", "2026-10-06T10:00")) == plain
    assert due_day("2026-09-30", "4d", pause("2026-10-04T10:00", "2026-10-06T10:00")) == "2026-10-08"


@pytest.mark.parametrize("limit", ["5wd", "30d", "3mo"])
def test_a_pause_that_ends_the_day_it_began_moves_nothing(limit: str) -> None:
    day = date(2026, 4, 1)
    while day <= date(2026, 7, 10):
        same_day = pause(f"{day}T09:00", f"{day}T17:00")
        assert due_day("2026-04-01", limit, same_day) == due_day("2026-04-01", limit)
        day += DAY


@pytest.mark.parametrize("limit", ["5wd", "30d", "3mo", "2h", "4wh"])
def test_a_pause_begun_after_the_due_instant_moves_nothing(limit: str) -> None:
    plain = due(at("2026-04-01T09:00"), Limit.parse(limit), CALENDAR)
    for begun in (plain.due_at, plain.due_at + DAY):
        late = Pause(begun, begun + 5 * DAY)
        assert due(at("2026-04-01T09:00"), Limit.parse(limit), CALENDAR, pauses=[late]) == plain
    early = Pause(plain.due_at - timedelta.resolution, plain.due_at + 5 * DAY)
    assert due(at("2026-04-01T09:00"), Limit.parse(limit), CALENDAR, pauses=[early]).due_at > plain.due_at


def test_calendar_days_move_the_unrolled_end_which_then_rolls() -> None:
    # the raw end, Saturday 10-03, moves by two to Monday 10-05, which rolls to 10-09; from 10-09 it would be 10-11
    assert due_day("2025-09-03", "30d", pause("2025-09-10T09:00", "2025-09-12T09:00")) == "2025-10-09"
    assert due_day("2025-09-03", "30d", pause("2025-09-10T09:00", "2025-09-17T09:00")) == "2025-10-10"
    assert due_day("2025-09-03", "30d", pause("2025-09-10T09:00", "2025-09-12T09:00"), end="none") == "2025-10-05"


def test_months_move_by_the_calendar_days_of_the_pause_then_roll() -> None:
    assert due_day("2026-01-31", "1mo") == "2026-02-28"
    assert due_day("2026-01-31", "1mo", pause("2026-02-10T09:00", "2026-02-13T09:00")) == "2026-03-03"


def test_a_pause_between_the_raw_end_and_the_day_it_rolled_to_ends_the_limit_when_it_is_resumed() -> None:
    # 30 days end on Saturday 10-17 and roll to Monday; paused on Sunday, resumed on Wednesday
    assert due_day("2026-09-17", "30d") == "2026-10-19"
    assert due_day("2026-09-17", "30d", pause("2026-10-18T10:00", "2026-10-21T10:00")) == "2026-10-21"


def test_hours_skip_the_time_that_passed() -> None:
    assert (
        due_at("2026-10-12T09:00", "2h", pause("2026-10-12T10:00", "2026-10-12T10:30")) == "2026-10-12T11:30:00+08:00"
    )
    # office hours: paused over lunch costs nothing, paused over an afternoon costs the afternoon
    lunch = pause("2026-10-12T12:00", "2026-10-12T14:00")
    assert due_at("2026-10-12T10:00", "4wh", lunch) == "2026-10-12T16:00:00+08:00"
    afternoon = pause("2026-10-12T13:00", "2026-10-12T19:00")
    assert due_at("2026-10-12T10:00", "4wh", afternoon) == "2026-10-13T10:30:00+08:00"


def test_several_pauses_in_any_order_overlapping_or_not() -> None:
    first, second = (
        pause("2026-10-13T10:00", "2026-10-15T09:00"),
        pause("2026-10-14T10:00", "2026-10-16T09:00"),
    )
    together = pause("2026-10-13T10:00", "2026-10-16T09:00")
    assert due_day("2026-10-12", "5wd", second, first) == due_day("2026-10-12", "5wd", together) == "2026-10-22"
    apart = pause("2026-10-20T10:00", "2026-10-22T09:00")
    assert due_day("2026-10-12", "5wd", first, apart) == "2026-10-23"
    # paused again on the last day that a pause had made
    again = pause("2026-10-21T14:00", "2026-10-23T09:00")
    assert due_day("2026-10-12", "5wd", pause("2026-10-19T10:00", "2026-10-21T09:00"), again) == "2026-10-23"


def test_a_pause_from_before_the_start_counts_from_the_start() -> None:
    assert due_day("2026-10-12", "5wd", pause("2026-10-08T10:00", "2026-10-14T09:00")) == "2026-10-21"
    assert due_day("2026-10-12", "5wd", pause("2026-10-08T10:00", "2026-10-11T09:00")) == "2026-10-19"


def test_an_open_or_a_backward_pause_is_refused() -> None:
    for limit in map(Limit.parse, ("5wd", "2h")):
        with pytest.raises(ValueError, match="仍在中止"):
            due(at("2026-10-12T09:00"), limit, CALENDAR, pauses=[Pause(at("2026-10-12T09:30"), None)])
        with pytest.raises(ValueError, match="早于"):
            due(
                at("2026-10-12T09:00"),
                limit,
                CALENDAR,
                pauses=[pause("2026-10-12T09:30", "2026-10-12T09:20")],
            )


# --- periods


def test_a_period_counts_whole_days_and_never_rolls() -> None:
    publicity = period_end(at("2026-09-18T15:00"), Limit.parse("15d"), CALENDAR)
    assert publicity.due_day == date(2026, 10, 3)
    assert publicity.due_at == at("2026-10-04")
    assert period_end(at("2025-09-01"), Limit.parse("1mo"), CALENDAR).due_day == date(2025, 10, 1)
    assert period_end(at("2026-09-30"), Limit.parse("5wd"), CALENDAR).due_day == date(2026, 10, 13)


# --- what is not published yet


def test_a_deadline_into_an_unpublished_year_is_provisional() -> None:
    def provisional(start: str, limit: str) -> bool:
        return due(at(start), Limit.parse(limit), CALENDAR).provisional

    assert provisional("2026-12-24", "5wd")
    assert not provisional("2026-12-18", "5wd")  # ends on 12-25
    assert provisional("2026-12-18", "6wd")
    assert provisional("2026-12-20", "30d")
    assert "（暂定：2027年度放假安排未公布）" in lines("2026-12-24", "5wd")["12-28"]
    assert "暂定" not in lines("2026-12-24", "5wd")["12-25"]


def test_unpublished_years_assume_weekends_and_the_holidays_that_the_law_fixes() -> None:
    assert due_day("2026-12-31", "1wd") == "2027-01-04"
    assert due_day("2027-02-04", "1wd") == "2027-02-09"  # eve 2-05 to the third day, 2-08
    assert due_day("2027-09-30", "1wd") == "2027-10-04"
    assert CALENDAR.why(date(2027, 2, 5)) == "周五，春节放假"


def test_publishing_a_notice_settles_its_year() -> None:
    published = {
        2026: ([date(2026, 1, 1)], []),
        2027: ([date(2026, 12, 31), date(2027, 1, 1)], [date(2027, 1, 3)]),
    }
    calendar = WorkCalendar("2027", published)
    counted = due(at("2026-12-24"), Limit.parse("5wd"), calendar)
    assert (counted.due_day, counted.provisional, counted.edition) == (date(2027, 1, 3), False, "2027")


def test_the_table_of_festivals_equals_an_independent_one() -> None:
    lunar = _ChineseLunisolar()
    for year in range(2005, LAST_YEAR + 1):
        days = statutory_holidays(year)
        new_year = lunar.lunar_new_year_date(year)[0]
        assert new_year
        assert [day for day, name in days.items() if name == "春节"] == [new_year + n * DAY for n in range(-1, 3)]
        assert lunar.qingming_date(year)[0] in days
        assert lunar.dragon_boat_date(year)[0] in days
        assert lunar.mid_autumn_date(year)[0] in days


def test_days_beyond_the_calendar_are_refused_with_a_sentence() -> None:
    for start, limit in (
        ("1999-05-05", "5wd"),
        ("1999-05-05", "30d"),
        ("1999-05-05T09:00", "2h"),
        ("1999-05-05T09:00", "2wh"),
    ):
        with pytest.raises(ValueError, match="始于2004年"):
            due(at(start), Limit.parse(limit), CALENDAR, end="none")
    for limit in ("99999wd", "99999d", "999999mo", "999999h", "99999wh"):
        with pytest.raises(ValueError, match="止于2060年"):
            due(at("2026-10-12T09:00"), Limit.parse(limit), CALENDAR, end="none")
    with pytest.raises(ValueError, match="始于2004年"):
        CALENDAR.is_working(date(2003, 6, 2))
    with pytest.raises(ValueError, match="始于2004年"):
        CALENDAR.previous_working(date(2004, 1, 2))


# --- calendars and limits


def test_moving_by_working_days() -> None:
    assert CALENDAR.next_working(date(2026, 9, 30)) == date(2026, 10, 8)
    assert CALENDAR.previous_working(date(2026, 10, 8)) == date(2026, 9, 30)
    assert CALENDAR.previous_working(date(2026, 10, 4)) == date(2026, 9, 30)
    assert CALENDAR.add_working(date(2026, 10, 4), 0) == date(2026, 10, 4)
    assert CALENDAR.add_working(date(2026, 10, 13), -5) == date(2026, 9, 30)
    assert CALENDAR.working_between(date(2026, 9, 30), date(2026, 10, 13)) == 5
    assert CALENDAR.working_between(date(2026, 10, 13), date(2026, 9, 30)) == -5


def test_a_day_on_which_the_office_is_closed_does_not_count() -> None:
    typhoon = date(2026, 9, 24)
    calendar = WorkCalendar("local", {2026: ([], [])}, closed=[typhoon])
    assert due_day("2026-09-23", "1wd", calendar=calendar) == "2026-09-25"
    assert calendar.why(typhoon) == "周四，停止办公"


def test_a_later_notice_overrides_an_earlier_one() -> None:
    day = date(2025, 12, 31)
    assert WorkCalendar("x", {2025: ([day], []), 2026: ([], [day])}).is_working(day)
    assert not WorkCalendar("x", {2025: ([], [day]), 2026: ([day], [])}).is_working(day)


def test_a_calendar_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="连续"):
        WorkCalendar("gap", {2024: ([], []), 2026: ([], [])})
    with pytest.raises(ValueError, match="既放假又上班"):
        WorkCalendar("both", {2026: ([date(2026, 2, 16)], [date(2026, 2, 16)])})


def test_limits_are_written_as_they_are_read() -> None:
    for text, chinese in (
        ("5wd", "5个工作日"), ("30d", "30日"), ("3mo", "3个月"), ("2h", "2小时"), ("4wh", "4个工作小时"),
    ):  # fmt: skip
        assert str(Limit.parse(text)) == text
        assert Limit.parse(text).chinese == chinese
    for nonsense in ("", "5", "wd", "0wd", "-1wd", "5 wd", "5WD", "1.5h", "٥wd", "5weeks", "5wd\n"):
        with pytest.raises(ValueError, match="时限"):
            Limit.parse(nonsense)


# --- explanations


def test_a_deadline_explains_each_of_its_days() -> None:
    assert lines("2026-09-30", "5wd") == {
        "09-30": "周三，起始日不计",
        "10-01": "周四，国庆节放假",
        "10-02": "周五，国庆节放假",
        "10-03": "周六，国庆节放假",
        "10-04": "周日，国庆节放假",
        "10-05": "周一，国庆节放假",
        "10-06": "周二，国庆节放假",
        "10-07": "周三，国庆节放假",
        "10-08": "✓周四，工作日",
        "10-09": "✓周五，工作日",
        "10-10": "✓周六，调休上班",
        "10-11": "周日，周末",
        "10-12": "✓周一，工作日",
        "10-13": "✓周二，工作日，末日",
    }


def test_a_last_day_that_moves_says_why() -> None:
    told = lines("2026-09-08", "25d")
    assert told["10-02"] == "✓周五，国庆节放假，自然日照计"
    assert told["10-03"] == "周六，国庆节放假，末日遇节假日顺延"
    assert told["10-04"] == "周日，国庆节放假，顺延"
    assert told["10-08"] == "✓周四，工作日，顺延后的末日"
    assert lines("2026-09-08", "25d", end="none")["10-03"] == "✓周六，国庆节放假，末日"
    assert lines("2026-10-12", "5d")["10-17"] == "周六，周末，末日遇休息日顺延"


def test_a_pause_shows_in_the_explanation() -> None:
    told = lines("2026-10-12", "5wd", pause("2026-10-19T10:00", "2026-10-21T09:00"))
    assert told["10-19"] == "周一，工作日，末日当天暂停，恢复之日为末日"
    assert told["10-20"] == "周二，暂停"
    assert told["10-21"] == "✓周三，工作日，顺延后的末日"


def test_hours_say_how_much_of_each_day_counted() -> None:
    told = lines("2026-09-30T16:20", "4wh")
    assert told["09-30"] == "✓周三，工作日，计1小时40分"
    assert told["10-01"] == "周四，国庆节放假，不计时"
    assert told["10-08"] == "✓周四，工作日，计2小时20分"
    paused = lines("2026-10-12T09:00", "2h", pause("2026-10-12T10:00", "2026-10-12T10:30"))
    assert paused == {"10-12": "✓周一，工作日，计2小时，暂停期间不计"}


def test_a_period_explains_its_holidays_as_counting() -> None:
    told = explain(at("2026-09-28"), Limit.parse("7d"), CALENDAR, period=True)
    assert sum(line.counts for line in told) == 7
    assert told[-1] == DayLine(date(2026, 10, 5), True, "周一，国庆节放假，末日")


# --- against a naive oracle

days = st.dates(date(2006, 1, 1), date(2024, 12, 31))
clock = st.integers(0, 143).map(lambda tens: timedelta(minutes=10 * tens))


@st.composite
def cases(draw: st.DrawFn, longest: int, spread: int) -> tuple[datetime, int, list[Pause]]:
    """A start, how much, and up to four pauses around it that may touch, overlap, or lie before or after."""
    start = datetime.combine(draw(days), datetime.min.time(), OFFICE_ZONE) + draw(clock)
    pauses = []
    for _ in range(draw(st.integers(0, 4))):
        paused = start + draw(st.integers(-2, spread)) * DAY + draw(clock)
        resumed = paused + draw(st.integers(0, spread // 2)) * DAY + draw(clock)
        pauses.append(Pause(paused, resumed))
    return start, draw(st.integers(1, longest)), pauses


def oracle(
    start: date,
    count: int,
    pauses: list[Pause],
    countable: Callable[[date], bool],
    last_may_be: Callable[[date], bool],
) -> date:
    """Walk day by day. A pause that stands on the last day, or between it and the day it rolled to, ends on its resumption."""
    spans = [(p.paused_at.date(), p.resumed_at.date()) for p in pauses if p.resumed_at and p.resumed_at.date() >= start]

    def rolled(day: date) -> date:
        while not last_may_be(day):
            day += DAY
        return day

    raw = start
    while count:
        raw += DAY
        if countable(raw) and not any(paused < raw <= resumed for paused, resumed in spans):
            count -= 1
    last, settled = rolled(raw), False
    while not settled:
        resumptions = [resumed for paused, resumed in spans if raw <= paused <= last]
        later = rolled(max([*resumptions, raw]))
        settled, last = later <= last, max(later, last)
    return last


def always(day: date) -> bool:
    return True


def matching_day(start: date, months: int) -> date:
    month = start.month - 1 + months
    for day in range(start.day, 0, -1):
        try:
            return date(start.year + month // 12, month % 12 + 1, day)
        except ValueError:
            continue
    raise AssertionError


@given(days, st.integers(1, 60))
def test_adding_and_subtracting_working_days_agree_with_a_walk(start: date, n: int) -> None:
    day, left = start, n
    while left:
        day += DAY
        left -= is_workday(day)
    assert CALENDAR.add_working(start, n) == day
    assert CALENDAR.working_between(start, day) == n
    assert CALENDAR.add_working(day + DAY, -1) == day
    assert CALENDAR.is_working(start) == is_workday(start)


@given(cases(longest=25, spread=40))
def test_working_days_with_pauses_agree_with_a_walk(case: tuple[datetime, int, list[Pause]]) -> None:
    start, n, pauses = case
    expected = oracle(start.date(), n, pauses, CALENDAR.is_working, CALENDAR.is_working)
    assert due(start, Limit(n, "wd"), CALENDAR, pauses=pauses).due_day == expected


@given(cases(longest=60, spread=70), st.booleans())
def test_calendar_days_with_pauses_agree_with_a_walk(case: tuple[datetime, int, list[Pause]], rolls: bool) -> None:
    start, n, pauses = case
    expected = oracle(start.date(), n, pauses, always, CALENDAR.is_working if rolls else always)
    assert due(start, Limit(n, "d"), CALENDAR, end="roll" if rolls else "none", pauses=pauses).due_day == expected


@given(cases(longest=6, spread=150), st.booleans())
def test_months_with_pauses_agree_with_a_walk(case: tuple[datetime, int, list[Pause]], rolls: bool) -> None:
    start, n, pauses = case
    length = (matching_day(start.date(), n) - start.date()).days
    expected = oracle(start.date(), length, pauses, always, CALENDAR.is_working if rolls else always)
    assert due(start, Limit(n, "mo"), CALENDAR, end="roll" if rolls else "none", pauses=pauses).due_day == expected


def walked(start: datetime, hours: int, pauses: list[Pause], counts: Callable[[datetime], bool]) -> datetime:
    """Walk in steps of ten minutes, on which every time in these examples lies."""
    now, left = start, hours * 6
    while left:
        paused = any(pause.resumed_at and pause.paused_at <= now < pause.resumed_at for pause in pauses)
        left -= counts(now) and not paused
        now += TEN
    return now


def is_office_time(instant: datetime, works: Callable[[date], bool] = CALENDAR.is_working) -> bool:
    minutes = instant.hour * 60 + instant.minute
    return (510 <= minutes < 720 or 840 <= minutes < 1080) and works(instant.date())


@given(cases(longest=60, spread=4))
def test_hours_with_pauses_agree_with_a_walk(case: tuple[datetime, int, list[Pause]]) -> None:
    start, n, pauses = case
    expected = walked(start, n, pauses, lambda _: True)
    assert due(start, Limit(n, "h"), CALENDAR, pauses=pauses).due_at == expected


@given(cases(longest=20, spread=5))
def test_office_hours_with_pauses_agree_with_a_walk(case: tuple[datetime, int, list[Pause]]) -> None:
    start, n, pauses = case
    expected = walked(start, n, pauses, is_office_time)
    assert due(start, Limit(n, "wh"), CALENDAR, pauses=pauses).due_at == expected
    assert working_time_between(start, walked(start, n, [], is_office_time), CALENDAR) == timedelta(hours=n)


@given(
    cases(longest=25, spread=30),
    st.sampled_from(["wd", "d", "mo", "h", "wh"]),
    st.sampled_from(["roll", "none"]),
)
def test_every_deadline_explains_itself(case: tuple[datetime, int, list[Pause]], unit: str, end: End) -> None:
    start, n, pauses = case
    limit = Limit(n % 4 + 1 if unit == "mo" else n, unit)  # type: ignore[arg-type]
    counted = due(start, limit, CALENDAR, end=end, pauses=pauses)
    told = explain(start, limit, CALENDAR, end=end, pauses=pauses)
    assert [line.date for line in told] == [start.date() + i * DAY for i in range(len(told))]
    assert told[-1].date == counted.due_day
    assert told[-1].counts
    assert all(line.why for line in told)
    if unit in ("wd", "d"):
        assert sum(line.counts for line in told) == n


@given(cases(longest=1, spread=0), st.integers(-12, 12), clock, st.sampled_from([UTC, ZoneInfo("America/Lima")]))
def test_days_and_office_time_between_two_instants_agree_with_a_walk(
    case: tuple[datetime, int, list[Pause]], days_on: int, time_on: timedelta, zone: tzinfo
) -> None:
    a = case[0]
    b = a + days_on * DAY + time_on
    first, last = min(a, b), max(a, b)
    days = sum(CALENDAR.is_working(first.date() + n * DAY) for n in range(1, (last.date() - first.date()).days + 1))
    tens = sum(is_office_time(first + n * TEN) for n in range((last - first) // TEN))
    sign = 1 if a <= b else -1
    assert working_days_between(a.astimezone(zone), b.astimezone(zone), CALENDAR) == sign * days
    assert working_time_between(a.astimezone(zone), b.astimezone(zone), CALENDAR) == sign * tens * TEN


# --- on any edition

EDITIONS = 12


@cache
def edition(seed: int) -> tuple[WorkCalendar, Callable[[date], bool]]:
    """A calendar whose days off, make-up days and closed days are drawn anew, and the same as plain sets."""
    draw, published, closed = Random(seed), {}, set()
    everyday = [date(2006, 1, 1) + n * DAY for n in range((date(2026, 12, 31) - date(2006, 1, 1)).days + 1)]
    odd = {day for day in everyday if draw.random() < 0.15}
    for year in range(2006, 2027):
        mine = sorted(day for day in odd if day.year == year)
        published[year] = ([day for day in mine if day.weekday() < 5], [day for day in mine if day.weekday() >= 5])
        closed |= {date(year, 1, 1) + draw.randrange(365) * DAY for _ in range(3)}
    calendar = WorkCalendar(f"drawn-{seed}", published, closed=closed)
    return calendar, lambda day: (day.weekday() < 5) != (day in odd) and day not in closed


editions = st.integers(1, EDITIONS).map(edition)


@given(cases(longest=25, spread=40), editions, st.sampled_from(["wd", "d"]), st.booleans())
def test_counting_on_any_edition_agrees_with_a_walk(
    case: tuple[datetime, int, list[Pause]],
    on: tuple[WorkCalendar, Callable[[date], bool]],
    unit: Unit,
    rolls: bool,
) -> None:
    start, n, pauses = case
    calendar, works = on
    countable = works if unit == "wd" else always
    expected = oracle(start.date(), n, pauses, countable, works if rolls or unit == "wd" else always)
    counted = due(start, Limit(n, unit), calendar, end="roll" if rolls else "none", pauses=pauses)
    assert (counted.due_day, counted.edition) == (expected, calendar.edition)


@given(cases(longest=20, spread=5), editions)
def test_office_hours_on_any_edition_agree_with_a_walk(
    case: tuple[datetime, int, list[Pause]], on: tuple[WorkCalendar, Callable[[date], bool]]
) -> None:
    start, n, pauses = case
    calendar, works = on
    expected = walked(start, n, pauses, lambda instant: is_office_time(instant, works))
    assert due(start, Limit(n, "wh"), calendar, pauses=pauses).due_at == expected


# --- clocks: extended, and counted again on another edition


def stands(start: datetime, n: int, unit: str, **more: Any) -> Clock:
    """A deadline as its row has it."""
    return Clock(kind="deadline", limit=f"{n}{unit}", started_at=start, due_day=start.date(), **more)


@given(cases(longest=25, spread=30), st.integers(1, 15), st.sampled_from(["wd", "d"]))
def test_an_extended_limit_agrees_with_a_walk_that_goes_on(
    case: tuple[datetime, int, list[Pause]], more: int, unit: Unit
) -> None:
    start, n, pauses = case
    countable = CALENDAR.is_working if unit == "wd" else always
    extended = counted_with(stands(start, n, unit, extended_by=more), pauses, CALENDAR)
    assert extended.due_day == oracle(start.date(), n + more, pauses, countable, CALENDAR.is_working)
    calm = counted_with(stands(start, n, "wd"), [], CALENDAR).due_day
    on_top = counted_with(stands(start, n, "wd", extended_by=more), [], CALENDAR).due_day
    assert on_top == CALENDAR.add_working(calm, more)


@given(cases(longest=25, spread=30), editions, editions, st.sampled_from(["wd", "d", "h", "wh"]), st.integers(0, 5))
def test_counting_again_on_another_edition_and_back_equals_counting_anew(
    case: tuple[datetime, int, list[Pause]],
    old: tuple[WorkCalendar, Callable[[date], bool]],
    new: tuple[WorkCalendar, Callable[[date], bool]],
    unit: Unit,
    more: int,
) -> None:
    start, n, pauses = case
    clock = stands(start, n, unit, extended_by=more)
    plain = {book.edition: counted_with(clock, pauses, book) for book in (old[0], new[0])}
    for book, _ in (new, old):
        counted = counted_with(clock, pauses, book)
        clock.due_day, clock.due_at, clock.edition = counted.due_day, counted.due_at, counted.edition
        assert counted == plain[book.edition] == due(start, Limit(n + more, unit), book, pauses=pauses)
