"""The shipped years against two other tables, and notices read as they are published, whole and broken."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from chinese_calendar import is_workday  # type: ignore[import-untyped,unused-ignore]

from models.calendars import NoticeReading, read_notice, shipped
from models.worktime import WorkCalendar

NOTICES = Path(__file__).parent.parent / "models" / "data" / "notices"

# From github.com/NateScarlet/holiday-cn @d4e53bf (MIT): days off, make-up working days, working days in the year.
# A range is written first-last, MMDD; a day of the December before with its year.
TABLE = {
    2022: (
        "0101-0103 0131-0206 0403-0405 0430-0504 0603-0605 0910-0912 1001-1007",
        "0129 0130 0402 0424 0507 1008 1009",
        249,
    ),
    2023: (
        "20221231-0102 0121-0127 0405 0429-0503 0622-0624 0929-1006",
        "0128 0129 0423 0506 0625 1007 1008",
        249,
    ),
    2024: (
        "0101 0210-0217 0404-0406 0501-0505 0610 0915-0917 1001-1007",
        "0204 0218 0407 0428 0511 0914 0929 1012",
        251,
    ),
    2025: ("0101 0128-0204 0404-0406 0501-0505 0531-0602 1001-1008", "0126 0208 0427 0928 1011", 248),
    2026: (
        "0101-0103 0215-0223 0404-0406 0501-0505 0619-0621 0925-0927 1001-1007",
        "0104 0214 0228 0509 0920 1010",
        248,
    ),
}


def days_of(year: int, written: str) -> list[date]:
    days = []
    for item in written.split():
        first, _, last = (part.rjust(8, " ") for part in item.partition("-"))
        a, b = (
            date(int(end[:4].strip() or year), int(end[4:6]), int(end[6:]))
            for end in (first, last.strip() and last or first)
        )
        days += [a + timedelta(days=offset) for offset in range((b - a).days + 1)]
    return days


def each_day(first: int, last: int) -> Iterator[date]:
    day = date(first, 1, 1)
    while day.year <= last:
        yield day
        day += timedelta(days=1)


def notice(year: int) -> str:
    return (NOTICES / f"{year}.txt").read_text(encoding="utf-8")


def problems(text: str) -> str:
    return "\n".join(read_notice(text).problems)


# --- the shipped years


@pytest.mark.parametrize("year", TABLE)
def test_the_shipped_years_equal_the_state_councils_list(year: int) -> None:
    table = WorkCalendar("table", {y: (days_of(y, off), days_of(y, work)) for y, (off, work, _) in TABLE.items()})
    differ = [day for day in each_day(year, year) if shipped().is_working(day) != table.is_working(day)]
    assert not differ
    assert sum(shipped().is_working(day) for day in each_day(year, year)) == TABLE[year][2]


def test_every_shipped_year_agrees_with_the_package_holidays() -> None:
    other = holidays.country_holidays("CN", years=range(2004, 2027))
    differ = [day for day in each_day(2004, 2026) if shipped().is_working(day) != other.is_working_day(day)]
    assert not differ


def test_the_one_day_that_the_package_lacks_is_put_back() -> None:
    differ = [day for day in each_day(2004, 2026) if shipped().is_working(day) != is_workday(day)]
    assert differ == [date(2005, 12, 31)]


def test_the_shipped_calendar_names_itself_and_its_holidays() -> None:
    assert shipped().edition == "shipped-2026"
    assert (shipped().first_published_year, shipped().last_published_year) == (2004, 2026)
    assert shipped().why(date(2026, 10, 1)) == "周四，国庆节放假"
    assert shipped().why(date(2026, 6, 19)) == "周五，端午节放假"
    assert shipped().why(date(2022, 12, 31)) == "周六，元旦放假"
    assert shipped().why(date(2026, 9, 20)) == "周日，调休上班"
    assert shipped().is_provisional(date(2026, 12, 26))
    assert not shipped().is_provisional(date(2026, 12, 25))


# --- whole notices


@pytest.mark.parametrize("year", TABLE)
def test_a_notice_as_published_reads_as_the_list(year: int) -> None:
    off, work, _ = TABLE[year]
    reading = read_notice(notice(year))
    assert reading.year == year
    assert list(reading.off) == days_of(year, off)
    assert list(reading.work) == days_of(year, work)
    assert reading.problems == ()
    assert reading.remarks == ()


def test_a_reading_makes_a_calendar() -> None:
    readings = [read_notice(notice(year)) for year in TABLE]
    calendar = WorkCalendar("read", {reading.year: (reading.off, reading.work) for reading in readings if reading.year})
    differ = [day for day in each_day(2022, 2026) if calendar.is_working(day) != shipped().is_working(day)]
    assert not differ
    assert readings[-1].names[date(2026, 9, 20)] == "国庆节"


def test_a_pasted_notice_may_be_broken_into_lines_spaced_and_half_width() -> None:
    text = notice(2026)
    plain = read_notice(text)
    half = text.translate(str.maketrans("：，（）", ":,()")).translate(
        str.maketrans("0123456789", "０１２３４５６７８９")
    )
    assert read_notice(half) == plain
    narrow = "\r\n".join(text.replace("\n", "")[i : i + 17] for i in range(0, len(text), 17))
    assert read_notice(narrow) == plain
    web = "首页 > 政策 > 2025-11-04\n" + text.replace("日（", "日 （") + "[ 责编：某某 ] 2025年11月5日放假安排解读"
    assert read_notice("\ufeff" + web) == plain


def test_advice_to_employers_is_no_day_off() -> None:
    assert date(2024, 2, 9) not in read_notice(notice(2024)).off


def test_days_of_the_december_before_belong_to_the_year_that_is_written() -> None:
    reading = read_notice(notice(2023))
    assert reading.off[:3] == (date(2022, 12, 31), date(2023, 1, 1), date(2023, 1, 2))


def test_a_day_off_in_lieu_is_read() -> None:
    text = notice(2022).replace(
        "4月3日至5日放假调休，共3天。4月2日（星期六）上班。", "4月5日放假，4月6日（星期三）补休。"
    )
    reading = read_notice(text)
    assert date(2022, 4, 6) in reading.off
    assert not reading.problems


# --- broken notices


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("1月1日（周四）", "1月1日（周五）", "“元旦”一段写1月1日是周五，实为周四。"),
        ("10月10日（周六）上班", "10月10日（星期天）上班", "“国庆节”一段写10月10日是周天，实为周六。"),
        ("放假调休，共9天", "放假调休，共8天", "“春节”写明共8天，所列日期却是9天。"),
        ("2月28日（周六）上班", "2月22日（周日）上班", "2026年2月22日（周日）既写放假（春节）又写上班（春节）。"),
        ("5月9日（周六）上班", "5月8日（周五）上班", "“劳动节”一段写2026年5月8日（周五）上班，但这一天本不是周末。"),
        ("2月14日（周六）", "2月30日（周六）", "“春节”一段中的2026年2月30日不存在。"),
        ("至7日（周三）", "至9月7日（周一）", "“国庆节”一段中的“10月1日(周四)至9月7日(周一)”起止日期颠倒或相隔过长。"),
        ("1月4日（周日）上班", "4日（周日）上午照常办公", "“元旦”一段中的“4日(周日)上午照常办公”看不懂。"),
        ("1月4日（周日）上班。", "", "“元旦”写明调休，占用2个工作日，却没有写哪天上班，文本可能有缺漏。"),
        ("9月25日（周五）至27日（周日）放假，共3天。", "另行通知。", "“中秋节”一段没有写明放假日期。"),
        ("元旦：1月1日", "元旦：2025年1月1日", "“元旦”一段中的2025年1月1日（周三）不在2026年内，也不在上年12月。"),
        ("五、端午节", "六、端午节", "段落编号不连续：第5段编号是“六”。"),
        ("现将2026年", "现将2025年", "标题写的是2026年，开头一段写的是2025年。"),
        ("中秋节：9月25日", "端午节：9月25日", "缺少“中秋节”的安排，文本可能有缺漏或被截断。"),
        ("端午节、中秋节和", "中秋节和", "有“端午节”的安排，开头一段却没有提到。"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_said_in_a_sentence(old: str, new: str, sentence: str) -> None:
    assert old in notice(2026)
    assert sentence in problems(notice(2026).replace(old, new, 1))


def test_a_holiday_announced_but_without_its_paragraph_is_missed() -> None:
    text = "\n".join(line for line in notice(2026).split("\n") if "清明节：" not in line)
    assert "缺少“清明节”的安排" in problems(text)
    # even when the opening, too, has been lost, since the law knows seven holidays
    assert "缺少“清明节”的安排" in problems("\n".join(line for line in text.split("\n") if "经国务院" not in line))


@pytest.mark.parametrize("year", TABLE)
def test_a_notice_cut_short_anywhere_has_problems_unless_all_its_days_are_there(year: int) -> None:
    text, whole = notice(year), read_notice(notice(year))
    for end in range(len(text)):
        reading = read_notice(text[:end])
        assert reading.problems or (reading.off, reading.work) == (whole.off, whole.work), text[:end][-30:]


def test_a_notice_without_its_end_or_out_of_balance_with_the_law_is_remarked_upon() -> None:
    text = notice(2026)
    assert "请核对文本是否完整" in read_notice(text[: text.index("　　鼓励")]).remarks[0]
    unbalanced = read_notice(text.replace("2月14日（周六）、2月28日（周六）上班", "2月28日（周六）上班"))
    assert unbalanced.problems == ()
    assert unbalanced.remarks == ("“春节”占用6个工作日、安排1天上班，与法定放假4天不相抵，请与原文核对。",)


def test_what_is_no_yearly_notice_is_not_read() -> None:
    for text in ("", "  \n", "关于做好2026年春节值班工作的通知", "国务院办公厅关于延长2020年春节假期的通知"):
        assert read_notice(text) == NoticeReading(
            None,
            problems=("没有找到标题“国务院办公厅关于××××年部分节假日安排的通知”，读不出是哪一年的安排。",),
        )
