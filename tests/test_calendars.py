"""The shipped years against two other tables, and notices read as they are published, whole and broken."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from chinese_calendar import is_workday  # type: ignore[import-untyped,unused-ignore]

from models.calendars import NoticeReading, read_notice, shipped, shipped_days
from models.feeds import read_csv, read_ical
from models.plain_text import text_of
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


DIFFERENCES: dict[str, dict[date, str]] = {
    "chinesecalendar": {
        date(
            2005, 12, 31
        ): "国办发明电〔2005〕35号：“12月31日（星期六）、2006年1月28日（星期六）……上班”；the package has only the latter days",
    },
    "holidays": {},
}
"""Days on which a package says otherwise than what we ship, and what the notice says."""


@pytest.mark.parametrize("year", range(2004, 2027))
def test_every_published_year_has_the_working_days_of_two_other_tables(year: int) -> None:
    other = holidays.country_holidays("CN", years=year)
    tables = {"chinesecalendar": is_workday, "holidays": other.is_working_day}
    for name, works in tables.items():
        differ = {day for day in each_day(year, year) if shipped().is_working(day) != works(day)}
        assert differ == {day for day in DIFFERENCES[name] if day.year == year}, name


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


# --- files


def runs(days: list[date]) -> Iterator[list[date]]:
    """Days that follow each other and belong to one holiday."""
    names = shipped_days()[1]
    run: list[date] = []
    for day in days:
        if run and (day != run[-1] + timedelta(days=1) or names[day] != names[run[0]]):
            yield run
            run = []
        run.append(day)
    yield run


def event(first: date, last: date, title: str, *more: str) -> list[str]:
    end = last + timedelta(days=1)
    return [
        "BEGIN:VEVENT",
        f"DTSTART;VALUE=DATE:{first:%Y%m%d}",
        f"DTEND;VALUE=DATE:{end:%Y%m%d}",
        title,
        *more,
        "END:VEVENT",
    ]


def feed(year: int, like: str) -> str:
    """The shipped year as calendars publish it: a day an event and numbered, or a run an event and marked 休 and 班."""
    (off, work), names = shipped_days()[0][year], shipped_days()[1]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//", "X-WR-CALNAME:中国大陆节假日"]
    for run in runs(sorted(off)):
        name = names[run[0]]
        if like == "numbered":
            for number, day in enumerate(run, 1):
                lines += event(day, day, f"SUMMARY:{name} 假期 第{number}天/共{len(run)}天", "TRANSP:TRANSPARENT")
        else:
            lines += event(run[0], run[-1], f"SUMMARY;LANGUAGE=zh_CN:{name}（休）", "X-APPLE-SPECIAL-DAY:WORK-HOLIDAY")
    for day in sorted(work):
        lines += event(day, day, f"SUMMARY:{names[day]} 补班" if like == "numbered" else f"SUMMARY:{names[day]}（班）")
    lines += event(date(year, 2, 14), date(year, 2, 14), "SUMMARY:情人节")
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def table(year: int) -> str:
    (off, work), names = shipped_days()[0][year], shipped_days()[1]
    lines = [f"{day},{int(day in work)},{names[day]}" for day in sorted(off | work)]
    return "\n".join(["day,works,name", *lines])


@pytest.mark.parametrize("like", ["numbered", "marked", "csv"])
@pytest.mark.parametrize("year", [2019, 2023, 2025, 2026])
def test_a_year_that_comes_as_a_file_reads_as_it_was_published(year: int, like: str) -> None:
    (reading,) = read_csv(table(year)) if like == "csv" else read_ical(feed(year, like))
    off, work = shipped_days()[0][year]
    assert reading.problems == ()
    assert (reading.year, set(reading.off), set(reading.work)) == (year, off, work)
    assert reading.names[min(work)] == shipped_days()[1][min(work)]
    assert ("情人节" in reading.remarks[0]) if like != "csv" else reading.remarks == ()


def test_a_file_of_several_years_gives_each_of_them() -> None:
    both = feed(2025, "marked").replace("END:VCALENDAR\r\n", "") + feed(2026, "marked").partition("日\r\n")[2]
    assert [reading.year for reading in read_ical(both)] == [2025, 2026]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("国庆节（休）", "国庆节调休", "日程“国庆节调休”只写了调休，看不出是休还是班。"),
        ("20261001\r\nDTEND;VALUE=DATE:20261008", "20261002\r\nDTEND;VALUE=DATE:20261008", "2026年10月1日（周四）是法定节日（国庆节）"),
        ("20261001", "20261301", "没有写对日期。"),
        ("DTSTART;VALUE=DATE:20260920\r\nDTEND;VALUE=DATE:20260921", "DTSTART:20260920T090000\r\nDTEND:20260920T120000", "写了钟点，放假和补班应是全天日程。"),
        ("DTSTART;VALUE=DATE:20260920", "RRULE:FREQ=YEARLY\r\nDTSTART;VALUE=DATE:20260920", "是重复日程"),
        ("20260920\r\nDTEND;VALUE=DATE:20260921", "20260921\r\nDTEND;VALUE=DATE:20260922", "2026年9月21日（周一）写的是补班，但这一天本不是周末。"),
        ("20260920\r\nDTEND;VALUE=DATE:20260921", "20261003\r\nDTEND;VALUE=DATE:20261004", "2026年10月3日（周六）既写休又写班。"),
        ("DTEND;VALUE=DATE:20261008", "DTEND;VALUE=DATE:20271008", "长达"),
        ("END:VCALENDAR", "", "不是完整的 iCal 文件"),
        ("BEGIN:VCALENDAR", "<html>", "不是完整的 iCal 文件"),
    ],
)  # fmt: skip
def test_a_feed_that_does_not_add_up_is_told_in_sentences(old: str, new: str, sentence: str) -> None:
    text = feed(2026, "marked").replace("X-APPLE-SPECIAL-DAY:WORK-HOLIDAY\r\n", "")
    assert old in text
    assert sentence in "".join(read_ical(text.replace(old, new))[0].problems)


def test_a_numbered_feed_with_a_day_lost_is_noticed() -> None:
    text = feed(2026, "numbered")
    lost = text.replace("SUMMARY:春节 假期 第5天/共9天", "SUMMARY:春节")
    assert "“春节”写明放假共9天，文件里却是8天，文件可能有缺漏。" in read_ical(lost)[0].problems


def test_a_feed_of_festivals_alone_says_nothing_of_work() -> None:
    (reading,) = read_ical(
        "\n".join(["BEGIN:VCALENDAR", *event(date(2026, 2, 17), date(2026, 2, 17), "SUMMARY:春节"), "END:VCALENDAR"])
    )
    assert reading.year is None and "没有写明休或班" in reading.problems[0]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("日期,上班\n2026-10-01,0", "第一行应是 day,works,name"),
        ("day,works,name", "除表头外没有内容"),
        ("day,works,name\n10月1日,0,国庆节", "第2行的日期“10月1日”看不懂"),
        ("day,works,name\n2026-10-01,休,国庆节", "第2行的 works 是“休”"),
        ("day,works,name\n2026-10-01,0,国庆节\n2026-10-01,0,国庆节", "第3行的2026年10月1日（周四）前面已经有了。"),
        ("", "第一行应是 day,works,name"),
    ],
)
def test_a_csv_that_cannot_be_read_is_told_by_its_line(lines: str, sentence: str) -> None:
    assert sentence in "".join(read_csv(lines)[0].problems)


def test_a_csv_saved_by_a_spreadsheet_is_read_too() -> None:
    text = "\ufeff" + table(2026).replace("-", "/").replace("/0", "/").replace("\n", "\r\n")
    assert read_csv(text) == read_csv(table(2026)) == read_csv(text_of(table(2026).encode("gb18030")) or "")
    assert text_of(b"\xff\xfe\x00\xd8") is None
