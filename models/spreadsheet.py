"""Bytes of an .xlsx workbook → lines under named columns, or a sentence that says what is wrong with the file."""

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

from .errors import Invalid, TooLarge

Field = Literal["roster", "ballots", "balances"]
Cell = str | float | bool | datetime
"""`""` where a cell is empty; a day is its midnight; a formula is its last result."""

TITLE: dict[Field, str] = {"roster": "业主名册", "ballots": "表决票", "balances": "维修资金余额"}
LIMIT = 10 * 1024 * 1024
_READER = Path(__file__).with_name("spreadsheet_reader.py")
_PATIENCE = 60
_HEADER_WITHIN = 60
_WIDTH = 200
_TITLES = 40
_SAVE_AS = "请用 Excel 或 WPS 打开后另存为 .xlsx 再上传。"


@dataclass(frozen=True)
class Sheet:
    """`rows[0]` is the sheet's row 1. `filled` are the places (from zero) that stand in the shadow of a merged cell
    above and were given its value."""

    name: str
    rows: list[list[Cell]]
    filled: frozenset[tuple[int, int]]


def read_sheets(data: bytes, *, field: Field, filename: str = "", limit: int = LIMIT) -> list[Sheet]:
    """The visible sheets in their order.

    `limit` is in bytes of the file; what it unpacks to, its cells, memory and time are bounded too.
    Raises `TooLarge` and `Invalid`, both with `field`.
    """
    title = f"{TITLE[field]}文件“{filename[:80]}”" if filename else f"{TITLE[field]}文件"

    def invalid(sentence: str) -> NoReturn:
        raise Invalid(title + sentence, field=field)

    def too_large(sentence: str) -> NoReturn:
        raise TooLarge(title + sentence, field=field)

    if not data:
        invalid("是空的（0 字节），请重新导出后再上传。")
    if len(data) > limit:
        too_large(f"超过 {limit / 1024 / 1024:g} MB 的上限；请删去图片和无关的工作表后再上传。")
    if not data.startswith(b"PK"):
        invalid(_not_a_workbook(data))
    answer = _run_reader(data)
    match answer.get("refused"):
        case "damaged":
            invalid("不完整或已损坏（可能没有下载完），请重新导出后再上传。")
        case "foreign":
            invalid(f"不是 Excel 工作簿（.xlsx），而是压缩包或其他格式的文件。{_SAVE_AS}")
        case "large":
            too_large("展开后过大，不像名册、表决票或余额表；请只保留所需的工作表和列，另存后再上传。")
    return [
        Sheet(sheet["name"], sheet["rows"], frozenset((row, column) for row, column in sheet["filled"]))
        for sheet in answer["sheets"]
    ]


def _not_a_workbook(data: bytes) -> str:
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return "设了打开密码，读不了；请在 Excel 或 WPS 中取消密码，另存后再上传。"
        return f"是旧版 Excel（.xls）或其他旧版 Office 文件。{_SAVE_AS}"
    if b"%PDF-" in data[:1024]:
        return "是 PDF，不是 Excel 工作簿；请上传 .xlsx 原表，不要上传打印件或扫描件。"
    if b"\0" not in data[:4096]:
        return f"是文本（如 CSV），不是 Excel 工作簿（.xlsx）。{_SAVE_AS}"
    return f"不是 Excel 工作簿（.xlsx）。{_SAVE_AS}"


def _run_reader(data: bytes) -> dict[str, Any]:
    try:
        # -I: neither the folder we stand in nor PYTHON* variables decide what is imported
        reader = subprocess.run(
            [sys.executable, "-I", str(_READER)],
            input=data,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refused": "large"}
    if reader.returncode == 0:
        answer: dict[str, Any] = json.loads(reader.stdout, object_hook=_dated, parse_constant=str)  # a NaN is a word
        return answer
    # killed by its limits, or out of memory; anything else is a file that calamine stumbled over
    large = reader.returncode < 0 or b"MemoryError" in reader.stderr
    return {"refused": "large" if large else "damaged"}


def _dated(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["at"]) if value.keys() == {"at"} else value


@dataclass(frozen=True)
class Line:
    """One row under a header: its cells by the header's columns, and all its cells as text (`texts`)."""

    where: str
    """`第5行`, or `“2栋”表第5行` where the workbook has several tables."""
    row: int
    """As Excel numbers it."""
    sheet: str
    cells: dict[str, Cell]
    texts: tuple[str, ...]
    filled: frozenset[str]
    """Columns whose value comes from a merged cell above."""

    def cell(self, column: str) -> Cell:
        return self.cells.get(column, "")

    def text(self, column: str) -> str:
        return text(self.cell(column))


@dataclass(frozen=True)
class Tables:
    """All lines of all sheets that have a header, the texts above the headers, and the sheets that have none."""

    titles: tuple[str, ...]
    lines: tuple[Line, ...]
    unread: tuple[str, ...]


def find_tables(
    sheets: Sequence[Sheet],
    columns: Mapping[str, Sequence[re.Pattern[str]]],
    needed: Mapping[str, str],
    *,
    field: Field,
) -> Tables:
    """Find each sheet's header row by its words, whatever stands above it.

    `columns`: name → patterns searched for in a heading, the better ones first; a heading belongs to the first name that
    matches. `needed`: the columns a header must have, and what they are called. Raises `Invalid` where no sheet has one.
    """
    headers = [(sheet, *_header(sheet, columns, needed)) for sheet in sheets]
    if not any(cell != "" for sheet in sheets for row in sheet.rows for cell in row):
        raise Invalid(f"{TITLE[field]}文件里没有任何内容，请确认选对了文件和工作表。", field=field)
    found = [header for header in headers if needed.keys() <= header[2].keys()]
    if not found:
        sheet, row, nearest = max(headers, key=lambda header: len(needed.keys() & header[2].keys()))
        lacking = "、".join(f"“{name}”" for column, name in needed.items() if column not in nearest)
        hint = f"最像表头的是第{row + 1}行，缺少{lacking}。" if needed.keys() & nearest.keys() else ""
        raise Invalid(
            f"{TITLE[field]}里没有找到表头：要有一行写明{'、'.join(f'“{name}”' for name in needed.values())}。{hint}",
            field=field,
        )
    titles: list[str] = []
    lines: list[Line] = []
    for sheet, top, header in found:
        titles += [cell for row in sheet.rows[:top] for cell in map(text, row) if cell]
        headings = {at: sheet.rows[top][at] for name, at in header.items() if name in needed}
        for number in range(top + 1, len(sheet.rows)):
            row_cells = sheet.rows[number]
            if not any(cell != "" for cell in row_cells):
                continue
            if all(row_cells[at] == heading for at, heading in headings.items()):  # repeated on each page
                continue
            lines.append(
                Line(
                    where=f"“{sheet.name}”表第{number + 1}行" if len(found) > 1 else f"第{number + 1}行",
                    row=number + 1,
                    sheet=sheet.name,
                    cells={name: row_cells[at] for name, at in header.items()},
                    texts=tuple(filter(None, map(text, row_cells))),
                    filled=frozenset(name for name, at in header.items() if (number, at) in sheet.filled),
                )
            )
    names = {sheet.name for sheet, *_ in found}
    unread = [sheet.name for sheet in sheets if sheet.rows and sheet.name not in names]
    return Tables(tuple(title[:100] for title in titles[:_TITLES]), tuple(lines), tuple(unread))


def text(cell: Cell) -> str:
    """A cell as one reads it: full-width digits and letters plain, no spaces around, whole numbers without `.0`."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return unicodedata.normalize("NFKC", str(cell)).strip()


def _header(
    sheet: Sheet, columns: Mapping[str, Sequence[re.Pattern[str]]], needed: Mapping[str, str]
) -> tuple[int, dict[str, int]]:
    """The row of the header and the place of each column; where there is none, the row that comes nearest."""
    best: tuple[int, dict[str, int]] = (0, {})
    for number, row in enumerate(sheet.rows[:_HEADER_WITHIN]):
        found = _columns(row, columns)
        whole = needed.keys() <= found.keys()
        if not whole and needed.keys() <= best[1].keys():
            break
        # of a header on two rows, the lower one says more
        if whole or len(needed.keys() & found.keys()) > len(needed.keys() & best[1].keys()):
            best = (number, found)
    return best


def _columns(row: Sequence[Cell], columns: Mapping[str, Sequence[re.Pattern[str]]]) -> dict[str, int]:
    found: dict[str, tuple[int, int]] = {}
    for place, cell in enumerate(row[:_WIDTH]):
        heading = re.sub(r"\s", "", text(cell)) if isinstance(cell, str) else ""
        if not 0 < len(heading) <= 24:
            continue
        for name, patterns in columns.items():
            rank = next((rank for rank, pattern in enumerate(patterns) if pattern.search(heading)), None)
            if rank is not None:
                found[name] = min(found.get(name, (rank, place)), (rank, place))
                break
    return {name: place for name, (_, place) in found.items()}
