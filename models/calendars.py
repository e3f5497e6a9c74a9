"""Where calendars come from: the years shipped with a release, and State Council notices as they are published."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

from .worktime import WorkCalendar


@cache
def shipped() -> WorkCalendar:
    """The years published when this release was made (from 2004), without a database.

    From the package `chinesecalendar`, which transcribes the State Council's notices. It names some plain weekends
    beside a holiday as off (2023-12-30), which changes no working day, and lacks one day, which is put back here.
    """
    published, names = shipped_days()
    return WorkCalendar(f"shipped-{max(published)}", published, names=names)


@cache
def shipped_days() -> tuple[dict[int, tuple[set[date], set[date]]], dict[date, str]]:
    """By the notice's year, its days off and its make-up working days; and each day's holiday."""
    from chinese_calendar.constants import Holiday, holidays, workdays  # type: ignore[import-untyped,unused-ignore]

    chinese = {holiday.value: holiday.chinese for holiday in Holiday}
    published: dict[int, tuple[set[date], set[date]]] = {}
    names: dict[date, str] = {}
    # 国办发明电〔2005〕35号: “12月31日（星期六）上班”
    missing = {date(2005, 12, 31): Holiday.new_years_day.value}
    for days, kind in ((holidays, 0), (workdays | missing, 1)):
        for day, holiday in days.items():
            # what a notice says of December belongs to the New Year of the year it is about
            year = day.year + (day.month == 12)
            published.setdefault(year, (set(), set()))[kind].add(day)
            names[day] = chinese[holiday] + ("节" if chinese[holiday] in ("清明", "端午", "中秋") else "")
    return published, names


@dataclass(frozen=True)
class NoticeReading:
    """What a notice says: days named as off, make-up working days, and what does not add up.

    `problems` are sentences; a reading that has any must not be used. `remarks` are what the person who approves should
    look at though the notice is consistent in itself. `names` holds each named day's holiday.
    """

    year: int | None
    off: tuple[date, ...] = ()
    work: tuple[date, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    names: dict[date, str] = field(default_factory=dict)


_TITLE = re.compile(r"关于(\d{4})年部分节假日(?:休息)?安排的通知")
_OPENING = re.compile(r"现将(\d{4})年([^。:\d]+?)(?:放假|休息|调休)")
_HEADING = re.compile(r"([一二三四五六七八九十]{1,2})、([\u4e00-\u9fff“”、]{2,20}):")
_CLOSING = re.compile(r"节假日期间|国务院办公厅(?=\d{4}年)")
_DAY = r"(?:(?:\d{4}年)?\d{1,2}月)?\d{1,2}日(?:\([^()]*\))?"
_SPAN = rf"{_DAY}(?:(?:至|到|[-—–~]+){_DAY})?"
_CLAUSE = re.compile(
    rf"({_SPAN}(?:[、,和及]{_SPAN})*)(?:(?:均)?(放假调休|放假|补休|调休)|(?:照常|正常)?上班)(?:,?共?(\d{{1,2}})天)?"
)
_WORDS_OF_WEIGHT = re.compile(r"\d|放假|上班|补休|(?<!不)调休|公休")
_NUMERALS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十")
_STATUTORY = {"元旦": 1, "春节": 4, "清明": 1, "劳动": 2, "端午": 1, "中秋": 1, "国庆": 3}
"""Days by law since 2025 (全国年节及纪念日放假办法), by name without 节."""


def read_notice(text: str) -> NoticeReading:
    """Read a 国务院办公厅关于××××年部分节假日安排的通知 as published since 2014, pasted with whatever surrounds it.

    Nothing is guessed: each sentence of the numbered paragraphs that speaks of days must be understood whole, and
    weekdays, counts and the list of holidays in the opening must agree with them; what does not is a problem.
    """
    # NFKC makes full-width digits, commas, colons and brackets plain; lines break anywhere in a pasted text
    plain = re.sub(r"[\s\u200b-\u200d\ufeff]", "", unicodedata.normalize("NFKC", text))
    title, opening = _TITLE.search(plain), _OPENING.search(plain)
    if not title and not opening:
        return NoticeReading(
            None,
            problems=("没有找到标题“国务院办公厅关于××××年部分节假日安排的通知”，读不出是哪一年的安排。",),
        )
    reader = _Reader(int((title or opening)[1]))  # type: ignore[index]
    if title and opening and title[1] != opening[1]:
        reader.problems.append(f"标题写的是{title[1]}年，开头一段写的是{opening[1]}年。")
    headings = list(_HEADING.finditer(plain, opening.end() if opening else title.end()))  # type: ignore[union-attr]
    for number, heading in enumerate(headings):
        if number >= len(_NUMERALS) or heading[1] != _NUMERALS[number]:
            reader.problems.append(f"段落编号不连续：第{number + 1}段编号是“{heading[1]}”。")
            break
    ends = [heading.start() for heading in headings[1:]] + [len(plain)]
    for heading, end in zip(headings, ends, strict=False):
        body = plain[heading.end() : end]
        closing = _CLOSING.search(body)
        reader.read_paragraph(heading[2], body[: closing.start()] if closing else body)
        if closing and closing[0] == "节假日期间" and "。" not in body[closing.end() :]:
            reader.problems.append("文末一段没有写完，文本可能被截断。")
    reader.compare_holidays([name for heading in headings for name in _names(heading[2])], opening and opening[2])
    if "节假日期间" not in plain:
        reader.remarks.append("没有找到文末“节假日期间……”一段，请核对文本是否完整。")
    return reader.result()


class _Reader:
    """Collects what the paragraphs of one notice say."""

    def __init__(self, year: int) -> None:
        self.year = year
        self.off: dict[date, str] = {}
        self.work: dict[date, str] = {}
        self.problems: list[str] = []
        self.remarks: list[str] = []

    def read_paragraph(self, heading: str, body: str) -> None:
        *sentences, rest = body.replace(".", "。").split("。")
        if rest:
            self.problems.append(f"“{heading}”一段没有写完（“{rest[-20:]}”），文本可能被截断。")
        off: list[date] = []
        work: list[date] = []
        swaps = False
        for sentence in sentences:
            if sentence.startswith("鼓励"):  # advice to employers: 2024-02-09 was no day off
                continue
            for days, verb, stated in _CLAUSE.findall(sentence):
                named = list(self._dates(heading, days))
                if stated and int(stated) != len(named):
                    self.problems.append(f"“{heading}”写明共{stated}天，所列日期却是{len(named)}天。")
                (off if verb else work).extend(named)
                swaps |= "调休" in verb
            left = _CLAUSE.sub("", sentence)
            if _WORDS_OF_WEIGHT.search(left):
                self.problems.append(f"“{heading}”一段中的“{sentence}”看不懂。")
        if not off and not rest:
            self.problems.append(f"“{heading}”一段没有写明放假日期。")
        self._note(heading, off, work)
        self._weigh(heading, set(off), set(work), swaps)

    def _dates(self, heading: str, text: str) -> Iterator[date]:
        """The days of `9月20日(周日)、10月10日(周六)` or `1月1日(周四)至3日(周六)`; what is wrong becomes a problem."""
        earlier: date | None = None
        for span in re.finditer(_SPAN, text):
            ends = []
            for year, month, day, brackets in re.findall(
                r"(?:(?:(\d{4})年)?(\d{1,2})月)?(\d{1,2})日(?:\(([^()]*)\))?", span[0]
            ):
                if not month and not earlier:
                    self.problems.append(f"“{heading}”一段中的“{day}日”没有写月份。")
                    return
                if month:
                    of = (int(year or self.year), int(month))
                else:
                    of = (earlier.year, earlier.month)  # type: ignore[union-attr]
                try:
                    earlier = date(*of, int(day))
                except ValueError:
                    self.problems.append(f"“{heading}”一段中的{of[0]}年{of[1]}月{day}日不存在。")
                    return
                self._check(heading, earlier, brackets)
                ends.append(earlier)
            length = (ends[-1] - ends[0]).days + 1
            if not 1 <= length <= 31:
                self.problems.append(f"“{heading}”一段中的“{span[0]}”起止日期颠倒或相隔过长。")
                return
            yield from (ends[0] + timedelta(days=offset) for offset in range(length))

    def _check(self, heading: str, day: date, brackets: str) -> None:
        if not (day.year == self.year or (day.year == self.year - 1 and day.month == 12)):
            self.problems.append(f"“{heading}”一段中的{spoken(day)}不在{self.year}年内，也不在上年12月。")
        for stated in re.findall(r"(?:周|星期)([一二三四五六日天])", brackets):
            if "一二三四五六日".index(stated.replace("天", "日")) != day.weekday():
                self.problems.append(
                    f"“{heading}”一段写{day.month}月{day.day}日是周{stated}，实为{spoken(day)[-3:-1]}。"
                )

    def _note(self, heading: str, off: list[date], work: list[date]) -> None:
        for days, named in ((off, self.off), (work, self.work)):
            for day in days:
                if day in named:
                    self.problems.append(f"{spoken(day)}在“{named[day]}”和“{heading}”中重复出现。")
                named[day] = heading
        for day in work:
            if day.weekday() < 5:
                self.problems.append(f"“{heading}”一段写{spoken(day)}上班，但这一天本不是周末。")

    def _weigh(self, heading: str, off: set[date], work: set[date], swaps: bool) -> None:
        """Working days given must be worked off, beyond those that the law gives."""
        if self.year < 2025 or not all(name in _STATUTORY for name in _names(heading)):
            given = None
        else:
            given = sum(_STATUTORY[name] for name in _names(heading))
        taken = sum(day.weekday() < 5 for day in off)
        if swaps and not work and taken > 1 and (given is None or taken > given):
            self.problems.append(f"“{heading}”写明调休，占用{taken}个工作日，却没有写哪天上班，文本可能有缺漏。")
        elif given is not None and off and taken - len(work) != given:
            self.remarks.append(
                f"“{heading}”占用{taken}个工作日、安排{len(work)}天上班，与法定放假{given}天不相抵，请与原文核对。"
            )

    def compare_holidays(self, written: list[str], announced: str | None) -> None:
        """Each holiday that the opening announces (or, where there is none, the law knows) has its paragraph."""
        if announced is None:
            self.remarks.append("没有找到“现将××××年……放假调休日期的具体安排通知如下”一段，已按法定节日逐一核对。")
        expected = _names(announced) if announced else list(_STATUTORY)
        for name in expected:
            if name not in written:
                self.problems.append(f"缺少“{_full(name)}”的安排，文本可能有缺漏或被截断。")
        for name in dict.fromkeys(written):
            if name not in expected:
                self.problems.append(f"有“{_full(name)}”的安排，开头一段却没有提到。")
            if written.count(name) > 1:
                self.problems.append(f"“{_full(name)}”的安排出现了{written.count(name)}次。")

    def result(self) -> NoticeReading:
        for day in sorted(self.off.keys() & self.work.keys()):
            self.problems.append(f"{spoken(day)}既写放假（{self.off[day]}）又写上班（{self.work[day]}）。")
        return NoticeReading(
            self.year,
            tuple(sorted(self.off)),
            tuple(sorted(self.work)),
            tuple(self.problems),
            tuple(self.remarks),
            dict(sorted((self.work | self.off).items())),
        )


def _names(heading: str) -> list[str]:
    """`国庆节、中秋节` -> `国庆`, `中秋`; older notices write “五一”."""
    known = {"五一": "劳动", "十一": "国庆", "春": "春节"}
    names = [name.strip("“”").removesuffix("节") for name in re.split("[、和及]", heading) if name]
    return [known.get(name, name) for name in names]


def _full(name: str) -> str:
    return name if name in ("元旦", "春节") else f"{name}节"


def spoken(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日（周{'一二三四五六日'[day.weekday()]}）"
