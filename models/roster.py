"""Owners' rosters and ballots as an office really gets them, read into plain lines.

What is certain is put right in silence or noted; what was pasted twice is merged and listed; what needs a person's decision
is listed with a sentence and not guessed. Areas are dm², hundredths of a square metre.

Who is one owner (一人, one head) follows the interpretation on unit ownership (建筑物区分所有权解释, 2020-12-29) Art. 9: a
unit is one head; one buyer's several units are one; the developer's unsold or undelivered units together are one. Joint
owners hold one unit together and so are one head; they are another buyer than either of them alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, combinations

from .errors import Invalid
from .reading import (
    Finding,
    Findings,
    Opinion,
    area_in,
    building_of,
    estate_named_in,
    ids_in,
    is_company,
    is_partly_hidden,
    is_same_estate,
    may_be_one,
    names_of,
    opinion_in,
    owners_in,
    square_metres,
    time_in,
    total_in,
    unit_area_in,
    unit_label,
)
from .spreadsheet import LIMIT, TITLE, Field, Line, Tables, find_tables, read_sheets


@dataclass(frozen=True)
class RosterLine:
    unit: str
    """`1栋0101`, as `unit_label` writes it."""
    building: str
    owner: str
    """As written, without stray spaces; joint owners joined by `、`."""
    owner_key: str
    """The same for all units of one head: the first of these units in the roster. It says nothing of who that is."""
    id_number: str | None = field(repr=False)
    area_dm2: int
    phone: str | None = field(repr=False)
    unsold: bool
    """The developer's: not sold yet, or not handed over (未售, 未交付)."""
    source_row: int


@dataclass(frozen=True)
class RosterReading:
    """A unit whose area or owner is undecided is in `undecided` and not in `lines`."""

    lines: tuple[RosterLine, ...]
    merged: tuple[Finding, ...] = ()
    refused: tuple[Finding, ...] = ()
    undecided: tuple[Finding, ...] = ()
    noted: tuple[Finding, ...] = ()
    estate_name: str | None = None
    """What the title calls the estate, where it does."""

    @property
    def total_area_dm2(self) -> int:
        return sum(line.area_dm2 for line in self.lines)

    @property
    def heads(self) -> int:
        return len({line.owner_key for line in self.lines})

    @property
    def unsold_units(self) -> int:
        return sum(line.unsold for line in self.lines)

    @property
    def duplicate_lines(self) -> int:
        return len(self.merged)


@dataclass(frozen=True)
class BallotLine:
    unit: str
    owner: str
    opinion: Opinion
    received_at: datetime | None
    source_row: int
    choices: tuple[Opinion, ...] = ()
    """Where people stand for election: of each candidate, in their order; `opinion` is then of all (`opinion_of`)."""


@dataclass(frozen=True)
class BallotsReading:
    lines: tuple[BallotLine, ...]
    merged: tuple[Finding, ...] = ()
    refused: tuple[Finding, ...] = ()
    undecided: tuple[Finding, ...] = ()
    noted: tuple[Finding, ...] = ()
    estate_name: str | None = None
    candidates: tuple[str, ...] = ()
    """Who stands, where the list has a column for each."""
    illegible: Mapping[int, tuple[Opinion | None, ...]] = field(default_factory=dict)
    """By line: the choices of ballots that are undecided because some (None) cannot be read."""


def opinion_of(choices: Sequence[Opinion]) -> Opinion:
    """Of a ballot as a whole: for somebody, else against somebody, else abstaining."""
    return "agree" if "agree" in choices else "disagree" if "disagree" in choices else "abstain"


def read_roster(data: bytes, *, filename: str = "", limit: int = LIMIT) -> RosterReading:
    """Read an .xlsx roster (业主名册): the header is found by its words, in all visible sheets that have one.

    Lines of a unit that agree are one; an owner is told by the identity number, and by the name where there is none. A
    stated total (小计, 合计) is compared with the sum. Raises `Invalid` or `TooLarge` with `field="roster"` where the
    file as a whole is no use: not a workbook, no header, no units, a negative area.
    """
    tables = find_tables(
        read_sheets(data, field="roster", filename=filename, limit=limit), _ROSTER_COLUMNS, _ROSTER_NEEDED, field="roster"
    )  # fmt: skip
    reader = _RosterReader()
    for line in tables.lines:
        reader.read(line)
    lines, found = reader.lines(), reader.found
    if not lines and not found.undecided:
        raise Invalid("业主名册的表头之下没有任何单元，请确认名册已经填好。", field="roster")
    _note_unread(tables, found, "roster")
    return RosterReading(
        tuple(lines),
        merged=tuple(found.merged),
        refused=tuple(found.refused),
        undecided=tuple(found.undecided),
        noted=tuple(found.noted),
        estate_name=estate_named_in(tables.titles),
    )


def read_ballots(
    data: bytes, *, filename: str = "", limit: int = LIMIT, candidates: Sequence[str] = ()
) -> BallotsReading:
    """Read an .xlsx list of ballots (表决票). Times without a zone are the office's.

    With `candidates`, it has a column for each, headed by the name; an empty cell, and one set aside (废), is an abstention.

    A line pasted twice is merged here; ballots of one unit that differ are left to `decisions.tally`, which knows the
    voting window. Raises `Invalid` or `TooLarge` with `field="ballots"`.
    """
    standing: dict[str, tuple[re.Pattern[str], ...]] = {
        name: _patterns(f"^{re.escape(''.join(name.split()))}$") for name in candidates
    }
    needed = {"unit": _BALLOT_NEEDED["unit"]} | {name: name for name in candidates} if candidates else _BALLOT_NEEDED
    tables = find_tables(
        read_sheets(data, field="ballots", filename=filename, limit=limit), standing | _BALLOT_COLUMNS, needed, field="ballots"
    )  # fmt: skip
    found = Findings()
    illegible: dict[int, tuple[Opinion | None, ...]] = {}
    lines: dict[object, tuple[BallotLine, Line]] = {}
    for line in tables.lines:
        ballot = _ballot(line, found, candidates, illegible)
        if ballot is None:
            continue
        what = (ballot.unit, names_of(ballot.owner), ballot.opinion, ballot.received_at, ballot.choices)
        _, first = lines.setdefault(what, (ballot, line))
        if first is not line:
            sentence = f"{ballot.unit}的表决票在{line.where}重复了{first.where}，只计一次。"
            found.merged.append(Finding("pasted_twice", sentence, (first.row, line.row), ballot.unit, "ballots"))
    if not lines and not (found.undecided or found.refused):
        raise Invalid("表决票文件的表头之下一张票也没有，请确认文件已经填好。", field="ballots")
    _note_unread(tables, found, "ballots")
    return BallotsReading(
        tuple(ballot for ballot, _ in lines.values()),
        merged=tuple(found.merged),
        refused=tuple(found.refused),
        undecided=tuple(found.undecided),
        noted=tuple(found.noted),
        estate_name=estate_named_in(tables.titles),
        candidates=tuple(candidates),
        illegible=illegible,
    )


def belongs_to(reading: RosterReading | BallotsReading, estate_name: str | None, known_units: Iterable[str]) -> None:
    """Raise `Invalid` when these papers are another estate's: their title names another, or most units are unknown.

    `known_units` are labels as `unit_label` writes them; none given, only the name is compared.
    """
    source: Field = "roster" if isinstance(reading, RosterReading) else "ballots"
    if estate_name and reading.estate_name and not is_same_estate(estate_name, reading.estate_name):
        raise Invalid(
            f"{TITLE[source]}的标题写的是“{reading.estate_name}”，不是“{estate_name}”，请核对是否选错了文件。",
            field=source,
        )
    known = set(known_units)
    units = {line.unit for line in reading.lines}
    unknown = sorted(units - known)
    if known and 2 * len(unknown) > len(units):
        raise Invalid(
            f"{TITLE[source]}里的 {len(units)} 个单元有 {len(unknown)} 个不是本小区的（如“{unknown[0]}”），"
            "请核对是否选错了文件。",
            field=source,
        )


def masked_name(owner: str) -> str:
    """For screens and notices: `苏伟、武建博` → `苏*、武**`. A company's name is public and stays."""
    return "、".join(name if is_company(name) else name[:1] + "*" * (len(name) - 1) for name in owner.split("、"))


def masked_id(number: str | None) -> str:
    """For screens: `440387078659414899` → `440*************99`; a short one is hidden altogether."""
    return "、".join(
        part[:3] + "*" * (len(part) - 5) + part[-2:] if len(part) > 8 else "*" * len(part)
        for part in (number or "").split("、")
    )


def _patterns(*words: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, words))


UNIT_COLUMNS = {
    "building": _patterns("^(楼栋|栋|幢|座|楼)(号|座)?$"),
    "section": _patterns("^单元号?$"),
    "unit": _patterns("房号|房间号|室号|房屋(编号|坐落|号)", "单元|门牌|坐落|户号|^房屋$|专有部分(编号|名称)?$"),
    "owner": _patterns("业主|产权人|权利人|所有权人|买受人", "姓名|户主|投票人|表决人"),
}
_ROSTER_COLUMNS = {
    "phone": _patterns("电话|手机|联系方式"),
    "id": _patterns("(证件|身份证|信用代码)(?!.*(类型|种类|名称))"),
    # 解释 Art. 8: as registered; the area within the walls (套内) only where nothing else is given
    "area": _patterns("专有部分.*面积", "建筑面积", "(产权|登记).*面积", "^(?!.*(套内|使用|分摊|公摊)).*面积", "套内.*面积"),
    "remark": _patterns("备注|说明|状态|销售"),
    **UNIT_COLUMNS,
}  # fmt: skip
_BALLOT_COLUMNS = {
    "phone": _patterns("电话|手机|联系方式"),
    "received": _patterns("(收|投|交|表决).*(时间|日期)", "时间|日期"),
    "remark": _patterns("备注|说明|面积|权数|票.*编号|方式"),
    "opinion": _patterns("意见|是否同意|选项", "^(表决|投票)(结果|情况)?$"),
    **UNIT_COLUMNS,
}
_ROSTER_NEEDED = {"unit": "房号", "owner": "业主姓名", "area": "专有部分面积"}
_BALLOT_NEEDED = {"unit": "房号", "opinion": "表决意见"}
_UNSOLD = re.compile(r"未出?售|未卖|待售|未交(付|房|楼)")
_UNDELIVERED = re.compile(r"未交(付|房|楼)")
_NOBODY = {"未售", "未出售", "待售", "未交付", "空置", "开发商", "建设单位", "无", "-"}
_MANY = 20


@dataclass
class _Entry:
    """One line of the roster as read, before lines are compared with each other."""

    line: Line
    unit: str
    owner: str
    names: frozenset[str]
    ids: frozenset[str]
    area: int | None
    problem: str | None
    unsold: bool
    undelivered: bool

    @property
    def phone(self) -> str | None:
        return re.sub(r"\s", "", self.line.text("phone")) or None

    @property
    def sole_id(self) -> str | None:
        """The number that tells this owner from all others: one person's, and legible to the end."""
        if len(self.names) != 1 or len(self.ids) != 1:
            return None
        (number,) = self.ids
        return None if is_partly_hidden(number) else number

    def agrees_with(self, other: "_Entry") -> bool:
        return (
            (self.names, self.area, self.unsold) == (other.names, other.area, other.unsold)
            and (self.ids == other.ids or not self.ids or not other.ids)
        )  # fmt: skip


@dataclass(frozen=True)
class _Total:
    """A stated total: the entries it may be the sum of, from one of `starts` to before `end`."""

    line: Line
    label: str
    dm2: int
    starts: tuple[int, ...]
    end: int


class _RosterReader:
    def __init__(self) -> None:
        self.found = Findings()
        self.entries: list[_Entry] = []
        self.totals: list[_Total] = []
        self.sheet = ""
        self.sheet_from = self.section_from = 0

    def read(self, line: Line) -> None:
        if line.sheet != self.sheet:
            self.sheet, self.sheet_from, self.section_from = line.sheet, len(self.entries), len(self.entries)
        unit = unit_of(line)
        if not unit:
            self._read_without_unit(line)
            return
        entry = self._entry(line, unit)
        last = self.entries[-1] if self.entries else None
        if last and last.unit == unit and {"unit", "area"} <= line.filled:
            # one unit and one area merged over several rows: each row names one of its joint owners
            last.owner = "、".join(dict.fromkeys((*last.owner.split("、"), *entry.owner.split("、"))))
            last.names, last.ids = last.names | entry.names, last.ids | entry.ids
            return
        self.entries.append(entry)

    def _entry(self, line: Line, unit: str) -> _Entry:
        area, problem = None, None
        try:
            area = unit_area_in("" if "area" in line.filled else line.cell("area"))
        except ValueError as error:
            problem = str(error)
        if area is not None and area < 0:
            raise Invalid(f"业主名册{line.where}的面积是负数，请更正后再上传。", field="roster")
        owner = owners_in(line.cell("owner"))
        said = line.text("remark") + owner
        unsold = bool(_UNSOLD.search(said))
        names = names_of(owner) - (_NOBODY if unsold else {"无", "-"})
        if not names and not unsold:
            problem = problem or "没有写业主姓名"
        ids = ids_in(line.cell("id"))
        if isinstance(line.cell("id"), float) and any(map(is_partly_hidden, ids)):
            sentence = f"{unit}（{line.where}）的证件号码被 Excel 当成数字存放，15 位之后已丢失。"
            self.found.noted.append(Finding("id_cut", sentence, (line.row,), unit))
        return _Entry(line, unit, owner, names, ids, area, problem, unsold, bool(_UNDELIVERED.search(said)))

    def _read_without_unit(self, line: Line) -> None:
        total, unit = total_in(line.texts), line.text("unit")
        if total:
            self._read_total(line, total)
            return
        if _is_a_date(line):
            sentence = f"{line.where}的房号被 Excel 改成了日期，未计入；请把房号一列设为文本格式后重填。"
        elif re.match(r"\d", line.text("area")):
            what = f"房号“{unit[:20]}”看不出是哪个单元" if unit else "有面积但没有房号"
            sentence = f"{line.where}{what}，未计入；请补上房号，或删去这一行。"
        elif line.text("owner") and line.text("id"):
            sentence = (
                f"{line.where}有业主但没有房号和面积，可能是上一行的共有人，未计入；"
                "请把共有人写在同一格里，用顿号隔开。"
            )
        else:
            return  # 填表人, 日期 and the like
        self.found.undecided.append(Finding("no_unit", sentence, (line.row,)))

    def _read_total(self, line: Line, label: str) -> None:
        """A subtotal is of the lines since the last one; a total of these, of its sheet or of all so far."""
        starts = (self.section_from,) if "小计" in label else (self.section_from, self.sheet_from, 0)
        self.section_from = len(self.entries)
        if line.cell("area") == "":
            return
        try:
            self.totals.append(_Total(line, label, area_in(line.cell("area")), starts, len(self.entries)))
        except ValueError as error:
            sentence = f"{line.where}“{label}”的{error}，未核对。"
            self.found.noted.append(Finding("total_unread", sentence, (line.row,)))

    def lines(self) -> list[RosterLine]:
        entries = self._one_per_unit()
        self._compare_totals(entries)
        owners = self._owners(entries)
        self._compare_numbers(owners)
        self._compare_names(owners)
        keys = self._owner_keys(entries, owners)
        return [
            RosterLine(
                unit=entry.unit,
                building=building_of(entry.unit),
                owner=entry.owner,
                owner_key=keys[entry.unit],
                id_number="、".join(sorted(entry.ids)) or None,
                area_dm2=entry.area or 0,
                phone=entry.phone,
                unsold=entry.unsold,
                source_row=entry.line.row,
            )
            for entry in entries
        ]

    def _one_per_unit(self) -> list[_Entry]:
        by_unit: dict[str, list[_Entry]] = defaultdict(list)
        for entry in self.entries:
            by_unit[entry.unit].append(entry)
        kept = []
        for unit, entries in by_unit.items():
            # of lines that agree, the one that says most
            best = max(entries, key=lambda entry: (bool(entry.ids), bool(entry.phone)))
            rows = tuple(entry.line.row for entry in entries)
            where = "、".join(entry.line.where for entry in entries)
            if not all(best.agrees_with(entry) for entry in entries):
                sentence = (
                    f"{unit}出现了{len(rows)}次（{where}），{_difference(entries)}不同，未计入；请核实后只留一行。"
                )
                self.found.undecided.append(Finding("unit_twice", sentence, rows, unit))
                continue
            for entry in entries[1:]:
                sentence = f"{unit}在{entry.line.where}重复了{entries[0].line.where}，只计一次。"
                self.found.merged.append(Finding("pasted_twice", sentence, (rows[0], entry.line.row), unit))
            if best.problem:
                sentence = f"{unit}（{where}）{best.problem}，未计入；请核实后补正。"
                self.found.undecided.append(Finding("incomplete", sentence, rows, unit))
                continue
            kept.append(best)
        return kept

    def _compare_totals(self, kept: Sequence[_Entry]) -> None:
        counted = {id(entry) for entry in kept}
        of_kept = list(accumulate((e.area or 0 if id(e) in counted else 0 for e in self.entries), initial=0))
        of_all = list(accumulate((e.area or 0 for e in self.entries), initial=0))
        for total in self.totals:
            sums = [of_kept[total.end] - of_kept[start] for start in total.starts]
            # a subtotal is of one part; what is wrong with a total may be anywhere
            of_it = self.entries[total.starts[0] : total.end] if len(total.starts) == 1 else []
            units = tuple(dict.fromkeys(entry.unit for entry in of_it))
            if total.dm2 in sums:
                continue
            said = f"{total.line.where}“{total.label}”写的是 {square_metres(total.dm2)} ㎡，"
            if total.dm2 in (of_all[total.end] - of_all[start] for start in total.starts):
                sentence = f"{said}把重复或未计入的行也加在内了。"
                self.found.noted.append(Finding("total_of_all_lines", sentence, (total.line.row,), units=units))
            else:
                sentence = f"{said}各行相加是 {square_metres(sums[-1])} ㎡；请核对有无漏行或错行。"
                self.found.undecided.append(Finding("total_differs", sentence, (total.line.row,), units=units))

    def _owners(self, entries: Sequence[_Entry]) -> dict[object, list[_Entry]]:
        """Entries by owner: by number where it is whole and one person's, else by names and what there is of numbers.

        A company may stand without its number: there is but one of its name.
        """
        companies = {entry.names: entry.sole_id for entry in entries if entry.sole_id and is_company(entry.owner)}
        owners: dict[object, list[_Entry]] = defaultdict(list)
        for entry in entries:
            number = entry.sole_id or (None if entry.ids else companies.get(entry.names))
            owners[number or (entry.names, entry.ids)].append(entry)
        return owners

    def _owner_keys(self, entries: Sequence[_Entry], owners: dict[object, list[_Entry]]) -> dict[str, str]:
        owner_of = {entry.unit: who for who, units in owners.items() for entry in units}
        sellers = {who: units for who, units in owners.items() if any(e.unsold and not e.undelivered for e in units)}
        named = [units[0] for units in sellers.values() if units[0].names]
        if len(named) > 1:
            names = "、".join(f"“{masked_name(entry.owner)}”" for entry in named)
            self._doubt("two_developers", named, f"未售单元写的是{names}，暂合并按一人计；请核实是否同一建设单位。")
        keys: dict[str, str] = {}
        first: dict[object, str] = {}
        for entry in entries:
            who = owner_of[entry.unit]
            head = "developer" if entry.unsold or who in sellers else who
            keys[entry.unit] = first.setdefault(head, entry.unit)
        return keys

    def _compare_numbers(self, owners: dict[object, list[_Entry]]) -> None:
        """One number with two names is a slip somewhere; with a joint owner's and the same person's alone it is not."""
        holders: dict[str, dict[tuple[object, frozenset[str]], _Entry]] = defaultdict(dict)
        for who, units in owners.items():
            for entry in units:
                for number in entry.ids:
                    if entry.names and not is_partly_hidden(number):
                        holders[number].setdefault((who, entry.names), entry)
        for held in holders.values():
            entries, count = list(held.values()), len({who for who, _ in held})
            if not frozenset.intersection(*(entry.names for entry in entries)):
                self._doubt("same_id", entries, f"证件号码相同而姓名不同，暂按{count}人计；请核实。")
            elif count > 1:
                self._note("joint_and_alone", entries, f"业主有共有也有单独所有，不是同一买受人，按{count}人计。")

    def _compare_names(self, owners: dict[object, list[_Entry]]) -> None:
        by_names: dict[frozenset[str], list[list[_Entry]]] = defaultdict(list)
        for units in owners.values():
            if units[0].names and not all(entry.unsold for entry in units):
                by_names[units[0].names].append(units)
        for names, groups in by_names.items():
            first = [units[0] for units in groups]
            if len(groups) == 1:
                if _may_be_namesakes(groups[0]):
                    self._doubt("same_owner", groups[0], "业主同名，都没有证件号码，暂按1人计；请补上证件号码。")
            elif len(names) > 1:
                self._doubt("same_owners", first, f"共有人相同而证件号码不同或不全，暂按{len(first)}人计；请核实。")
            elif is_company(first[0].owner):
                self._doubt("same_owner", first, f"业主是同名单位而证件号码不同，暂按{len(first)}人计；请核实。")
            elif len(first) > _MANY or any(_may_be_same(*pair) for pair in combinations(first, 2)):
                self._doubt("same_owner", first, f"业主同名，证件号码不全，暂按{len(first)}人计；请补全证件号码。")
            else:
                self._note("namesakes", first, f"业主同名，证件号码不同，按{len(first)}人计。")

    def _doubt(self, kind: str, entries: Sequence[_Entry], said: str) -> None:
        self.found.undecided.append(_about(kind, entries, said))

    def _note(self, kind: str, entries: Sequence[_Entry], said: str) -> None:
        self.found.noted.append(_about(kind, entries, said))


def _about(kind: str, entries: Sequence[_Entry], said: str) -> Finding:
    units = "、".join(entry.unit for entry in entries[:5]) + (f"等{len(entries)}个单元" if len(entries) > 5 else "")
    return Finding(
        kind,
        f"{units}：{said}",
        tuple(entry.line.row for entry in entries),
        entries[-1].unit,
        units=tuple(entry.unit for entry in entries),
    )


def _may_be_namesakes(units: Sequence[_Entry]) -> bool:
    """Several units of one person's name without any number, and no telephone that says it is one person."""
    first = units[0]
    if len(units) == 1 or first.ids or len(first.names) > 1 or is_company(first.owner):
        return False
    return not first.phone or any(entry.phone != first.phone for entry in units)


def _may_be_same(one: _Entry, other: _Entry) -> bool:
    return not one.ids or not other.ids or may_be_one(one.ids, other.ids)


def _difference(entries: Sequence[_Entry]) -> str:
    said: dict[str, set[object]] = {
        "面积": {entry.area for entry in entries},
        "业主": {entry.names for entry in entries},
        "证件号码": {entry.ids for entry in entries if entry.ids},
        "是否未售": {entry.unsold for entry in entries},
    }
    return "、".join(what for what, values in said.items() if len(values) > 1)


def unit_of(line: Line) -> str:
    """`""` where the line names none, and where a remark below the table stands in the unit's column."""
    written = "" if _is_a_date(line) else line.text("unit")
    if len(line.texts) == 1 and re.search(r"[:,。年月共]", written):
        return ""
    return unit_label(written, line.text("building"), line.text("section"))


def _is_a_date(line: Line) -> bool:
    """`1-12` typed into a cell that is not text becomes the twelfth of January."""
    return isinstance(line.cell("unit"), datetime)


def _ballot(
    line: Line, found: Findings, candidates: Sequence[str], illegible: dict[int, tuple[Opinion | None, ...]]
) -> BallotLine | None:
    unit, written = unit_of(line), line.text("opinion")
    cells = [line.text(name) for name in candidates]

    def finding(kind: str, sentence: str) -> Finding:
        return Finding(kind, sentence, (line.row,), unit or None, "ballots")

    if not unit:
        if (written or any(cells)) and not total_in(line.texts):
            found.undecided.append(finding("no_unit", f"表决票{line.where}看不出房号，未计；请核实是哪个单元的票。"))
        return None
    opinion = opinion_in(written)
    if opinion == "void":
        found.refused.append(finding("void", f"{unit}的表决票（{line.where}）记为“{written}”，不计。"))
        return None
    choices = tuple(_choice(cell) for cell in cells)
    known = tuple(choice for choice in choices if choice)
    if len(known) < len(choices):
        illegible[line.row] = choices
        unread = "、".join(name for name, choice in zip(candidates, choices, strict=True) if choice is None)
        sentence = f"{unit}的表决票（{line.where}）对{unread}的意见看不懂，未计；请对照原票认定。"
        found.undecided.append(finding("opinion_unread", sentence))
        return None
    if candidates:
        opinion = opinion_of(known)
    if opinion is None:
        what = f"意见“{written[:20]}”看不懂" if written else "没有写意见"
        found.undecided.append(
            finding("opinion_unread", f"{unit}的表决票（{line.where}）{what}，未计；请对照原票认定。")
        )
        return None
    received_at = time_in(line.cell("received"))
    if received_at is None and line.text("received"):
        what = f"收票时间“{line.text('received')[:20]}”看不懂，按没有时间处理"
        found.noted.append(finding("time_unread", f"{unit}的表决票（{line.where}）{what}。"))
    return BallotLine(unit, owners_in(line.cell("owner")), opinion, received_at, line.row, known)


def _choice(cell: str) -> Opinion | None:
    said = opinion_in(cell) if cell else "abstain"
    return "abstain" if said == "void" else said


def _note_unread(tables: Tables, found: Findings, source: Field) -> None:
    for name in tables.unread:
        found.noted.append(
            Finding("sheet_unread", f"{TITLE[source]}的工作表“{name}”里没有找到表头，未读。", source=source)
        )
