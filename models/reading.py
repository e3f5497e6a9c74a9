"""How the words in a roster's or a ballot list's cells are read: units, owners, numbers, areas, opinions, times."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from .spreadsheet import Cell, Field, text
from .worktime import OFFICE_ZONE

Opinion = Literal["agree", "disagree", "abstain"]


PLATFORM, ELECTRONIC = 10_000_000, 20_000_000
"""Ballots of one vote are told apart by a number: those on paper by their line of the file, those of another platform by their
line of its file above `PLATFORM`, those cast here above `ELECTRONIC`."""


def ballot_name(*numbers: int) -> str:
    """`第7、8行`; `第7行、平台结果第7行、电子票第3号`."""
    kinds = ((ELECTRONIC, "电子票第{}号"), (PLATFORM, "平台结果第{}行"), (0, "第{}行"))
    said: dict[str, list[str]] = {}
    for number in numbers:
        start, words = next((start, words) for start, words in kinds if number >= start)
        said.setdefault(words, []).append(str(number - start))
    return "、".join(words.format("、".join(of_it)) for words, of_it in said.items())


@dataclass(frozen=True)
class Finding:
    """What happened to a line, in a sentence for a clerk. Names in it are masked; identity numbers never stand in it."""

    kind: str
    sentence: str
    rows: tuple[int, ...] = ()
    """As Excel numbers them, in `source`; of ballots their numbers."""
    unit: str | None = None
    source: Field = "roster"
    units: tuple[str, ...] = ()
    """All that it is about, where these are several: whose owners are or are not one, whose areas do not add up."""


@dataclass
class Findings:
    """`merged`: said twice, counted once. `refused`: not counted, and no more to be said. `undecided`: not counted, or
    counted for the time being, until a person decides. `noted`: counted, but worth a look."""

    merged: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    undecided: list[Finding] = field(default_factory=list)
    noted: list[Finding] = field(default_factory=list)


_UNIT = re.compile(
    r"(?:0*(\d{1,3}|[A-Z])(?:栋|幢|座|号楼|#楼?|-))?(?:0*(\d{1,2}|[A-Z])(?:单元|-))?(\d{2,5}[A-Z]?)(?:室|房|号房?)?"
)
_LONGEST_LABEL = 40
_BUILDING = re.compile(r".*?(?:栋|幢|座|号楼)")
_TOTAL = re.compile(r".{0,12}?(?:小计|合计|总计|共计).{0,12}")


def unit_label(unit: str, building: str = "", section: str = "") -> str:
    """`１栋０１０１`, `1幢101室`, `01-0101` → `1栋0101`; `2栋1单元0302` keeps its section.

    `building` and `section` (单元) are columns of their own, where a sheet has them. Any other way of writing a unit
    (`商铺12号`) keeps its own letters. `""` where nothing names a unit.
    """
    unit = text(unit)
    if total_in([unit]) or not re.search(r"\d", unit):
        return ""
    if building and not re.search(r"栋|幢|座|号楼", unit):
        in_section = re.sub(r"(单元)?$", "单元", text(section), count=1) if section else ""
        unit = re.sub(r"(栋|幢|座|号楼|楼|#)?$", "栋", text(building), count=1) + in_section + unit
    plain = re.sub(r"[‐-―−]", "-", re.sub(r"\s", "", unit)).upper()
    written = _UNIT.fullmatch(plain)
    if not written:
        return plain if len(plain) <= _LONGEST_LABEL else ""
    number, part, room = written.groups()
    if len(re.sub(r"\D", "", room)) == 3:  # 101 is the first floor's 01, as 0101 is
        room = "0" + room
    return (f"{number}栋" if number else "") + (f"{part}单元" if part else "") + room


def building_of(unit: str) -> str:
    building = _BUILDING.match(unit)
    return building[0] if building else ""


def total_in(texts: Iterable[str]) -> str | None:
    """The label of a line of sums (`1栋小计`, `合 计`), where it is one."""
    plain = (re.sub(r"\s", "", word) for word in texts)
    return next((word for word in plain if _TOTAL.fullmatch(word)), None)


_BETWEEN_OWNERS = re.compile(r"[、，,;；/／|&＆+\n]+")
_COMPANY = re.compile(r"公司$|\(有限合伙\)$")


def owners_in(cell: Cell) -> str:
    """The owners with their own characters (rare ones too), without stray spaces, joined by `、`."""
    parts = _BETWEEN_OWNERS.split(cell if isinstance(cell, str) else text(cell))
    # 苏　伟 is 苏伟; between Latin words the space belongs
    return "、".join(filter(None, (re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", part) for part in parts)))


def names_of(owner: str) -> frozenset[str]:
    """The owners a cell names, as they are compared: without spaces and dots, full-width letters plain."""
    plain = (re.sub(r"[\s·•.]", "", name).casefold() for name in _BETWEEN_OWNERS.split(text(owner)))
    return frozenset(filter(None, plain))


def is_company(owner: str) -> bool:
    return bool(_COMPANY.search(text(owner)))


_MASK = re.compile(r"[*?#●○×■]|X{2,}")


def ids_in(cell: Cell) -> frozenset[str]:
    """Identity numbers as they are compared: plain capitals without spaces and hyphens; `无`, `/` are none.

    A number cell keeps 15 digits and fills up with zeros that nobody typed: these are hidden digits.
    """
    if isinstance(cell, float) and 1e15 <= cell < 1e30:
        digits = str(int(cell))
        return frozenset({digits[:15] + "*" * (len(digits) - 15)})
    parts = _BETWEEN_OWNERS.split(text(cell))
    plain = (re.sub(r"^[\u4e00-\u9fff]+:?|[\s\-'\"]", "", part).upper() for part in parts)
    return frozenset(part for part in plain if len(part) >= 4 and "E+" not in part)


def is_partly_hidden(number: str) -> bool:
    """`4403138938322128XX`, `4403**********1234`: tells an owner only together with the name."""
    return bool(_MASK.search(number))


def may_be_one(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a number of the one, perhaps partly hidden, could be a number of the other."""
    return any(_fits(one, other) or _fits(other, one) for one in some for other in others)


def _fits(masked: str, number: str) -> bool:
    shown = _MASK.sub(lambda found: "\0" * len(found[0]), masked)
    return len(shown) == len(number) and all(left in ("\0", right) for left, right in zip(shown, number, strict=True))


_AREA = re.compile(r"([+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?)(?:m2|平方米|平方|平米)?", re.IGNORECASE)
_LARGEST_UNIT_DM2 = 1_000_000 * 100


def area_in(cell: Cell) -> int:
    """dm² of `105.23`, `88.56㎡`, `1,234.5 平方米`; negative ones too. `ValueError` says what is wrong with it."""
    if isinstance(cell, float):
        value = Decimal(repr(round(cell, 6)))  # 105.22999999999999 is 105.23, as the cell shows it
    else:
        written = _AREA.fullmatch(re.sub(r"\s", "", text(cell)))
        if not written:
            raise ValueError(f"面积“{text(cell)[:20]}”看不懂" if text(cell) else "没有填面积")
        value = Decimal(written[1].replace(",", ""))
    if abs(value) >= 10**12:
        raise ValueError(f"面积“{text(cell)[:20]}”看不懂")
    if value != value.quantize(Decimal("0.01")):
        raise ValueError(f"面积 {value.normalize():f} 超过两位小数，应按登记面积填写")
    return int(value * 100)


def unit_area_in(cell: Cell) -> int:
    """The same for one unit, which has an area, and not that of a town."""
    dm2 = area_in(cell)
    if dm2 == 0:
        raise ValueError("面积为 0")
    if dm2 > _LARGEST_UNIT_DM2:
        raise ValueError(f"面积 {square_metres(dm2)} ㎡大得不像一个单元")
    return dm2


def square_metres(dm2: int) -> str:
    """`10523` → `105.23`."""
    return f"{dm2 // 100}.{dm2 % 100:02d}"


_OPINIONS: dict[str, Opinion] = {
    **dict.fromkeys(("同意", "赞成", "赞同", "支持", "是", "√", "✓", "✔", "Y", "YES"), "agree"),
    **dict.fromkeys(("不同意", "反对", "不赞成", "不赞同", "不支持", "否", "×", "✗", "✘", "X", "N", "NO"), "disagree"),
    **dict.fromkeys(("弃权", "放弃", "中立"), "abstain"),
}  # fmt: skip


def opinion_in(written: str) -> Opinion | Literal["void"] | None:
    """`void`: the office itself has set the paper aside (废票). None: cannot be read."""
    plain = re.sub(r"[\s。.!]", "", written).upper().removesuffix("票")
    return "void" if plain in ("废", "无效", "作废") else _OPINIONS.get(plain)


_TELLING = re.compile("同意|赞[成同]|支持|反对|弃权|放弃|中立|[√✓✔×✗✘]")


def tells_opinion(words: str) -> bool:
    """Whether a sentence speaks of what somebody voted."""
    return bool(_TELLING.search(words))


_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]*(上午|下午)?\s*(\d{1,2})[:时点](\d{1,2})?(?:[:分](\d{1,2}))?[分秒]?)?"
)


def time_in(cell: Cell) -> datetime | None:
    """An instant in the office's zone; a day alone is its midnight. None where there is none to read."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=OFFICE_ZONE)
    if isinstance(cell, float) and 20_000 < cell < 80_000:  # a time whose cell lost its format
        return datetime(1899, 12, 30, tzinfo=OFFICE_ZONE) + timedelta(seconds=round(cell * 86400))
    written = _TIME.fullmatch(text(cell))
    if not written:
        return None
    half = written[4]
    year, month, day, hour, minute, second = (int(written[group] or 0) for group in (1, 2, 3, 5, 6, 7))
    if half == "下午" and hour < 12:
        hour += 12
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=OFFICE_ZONE)
    except ValueError:
        return None


_NAMED = re.compile(r"(?:小区|项目|住宅区|楼盘|物业管理区域)(?:名称)?[:：]\s*([^\s:：,，;；]{2,30})")
# only what looks like an estate's name: taking other words for one would turn away the right paper
_TITLED = re.compile(
    r"(?:关于)?([^:：]{1,30}?(?:[苑园城府里村居阁轩湾庄馆厦场筑邸期庭台郡岸寓院]|小区|住宅区))"
    r"(?:全体)?(?:业主|表决|投票|选票|计票)"
)
_KIND_OF_ESTATE = re.compile(r"(?:住宅区|住宅小区|小区|物业管理区域)+$")


def estate_named_in(titles: Sequence[str]) -> str | None:
    """`莲花苑小区业主名册` → `莲花苑`; `住宅区业主名册（样表）` names none."""
    found = [named[1] for pattern in (_NAMED, _TITLED) for title in titles if (named := pattern.search(title))]
    names = (_bare_name(name) for name in found)
    return next((name for name in names if len(name) >= 2 and name not in ("本", "全市")), None)


def is_same_estate(one: str, other: str) -> bool:
    """`莲花苑` and `深圳市福田区莲花苑小区` are the same."""
    one, other = _bare_name(one), _bare_name(other)
    return one in other or other in one


def _bare_name(name: str) -> str:
    return _KIND_OF_ESTATE.sub("", re.sub(r"[\s“”《》\"()]", "", text(name)))
