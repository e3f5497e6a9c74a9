"""A file of units and sums (分户余额表), as a bank or a fund centre gives it out: an .xlsx workbook, or text (CSV)."""

import csv
import re
from decimal import Decimal
from io import StringIO
from typing import NamedTuple

from .errors import Invalid, TooLarge
from .plain_text import text_of
from .reading import total_in
from .roster import UNIT_COLUMNS, unit_of
from .spreadsheet import LIMIT, Cell, Sheet, find_tables, read_sheets, text

_COLUMNS = {
    "fen": (
        re.compile(r"^(账户|分户|当前|合计|可用)?(余额|金额)"),
        re.compile(r"余额|金额|^(balance|amount)$", re.IGNORECASE),
    ),
    **UNIT_COLUMNS,
    "unit": (*UNIT_COLUMNS["unit"], re.compile(r"^unit$", re.IGNORECASE)),
}
_NEEDED = {"unit": "房号", "fen": "余额"}
_DEVELOPER = re.compile(r"(建设|开发)(建设)?单位|开发商")
_SUM = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+)(\.\d{1,2})?")
_ROWS = 100_000


class SheetLine(NamedTuple):
    row: int
    unit: str
    """As rosters write it; `建设单位` for the developer's line."""
    fen: int


def read_sheet(data: bytes, *, filename: str = "", limit: int = LIMIT) -> tuple[list[SheetLine], list[tuple[int, str]]]:
    """The lines, and those refused: their row and why. Lines of sums (合计) are passed over.

    Raises `Invalid` or `TooLarge` with `field="balances"` where the file as a whole is no use.
    """
    if data and not data.startswith(b"PK") and b"\0" not in data[:4096]:
        sheets = [_text_sheet(data, limit)]
    else:
        sheets = read_sheets(data, field="balances", filename=filename, limit=limit)
    lines: list[SheetLine] = []
    refused: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    for line in find_tables(sheets, _COLUMNS, _NEEDED, field="balances").lines:
        if total_in(line.texts):
            continue
        unit = "建设单位" if _DEVELOPER.fullmatch(line.text("unit")) else unit_of(line)
        try:
            fen = fen_in("" if "fen" in line.filled else line.cell("fen"))
            if not unit:
                raise ValueError(f"房号“{line.text('unit')[:20]}”看不出是哪个单元")
            if unit in first:
                raise ValueError(f"{unit}重复了第{first[unit]}行")
        except ValueError as wrong:
            if line.text("unit") or line.text("fen"):  # 制表人 and the like stand in other columns
                refused.append((line.row, str(wrong)))
            continue
        first[unit] = line.row
        lines.append(SheetLine(line.row, unit, fen))
    if not lines and not refused:
        raise Invalid("维修资金余额文件里没有任何单元。", field="balances")
    return lines, refused


def fen_in(cell: Cell) -> int:
    """Fen of `1234.50`, `1,234.5`; `ValueError` says what is wrong with it."""
    if isinstance(cell, float):
        value = Decimal(repr(round(cell, 6)))  # 0.30000000000000004 is 0.3, as the cell shows it
        if value != value.quantize(Decimal("0.01")):
            raise ValueError(f"金额 {value.normalize():f} 超过两位小数")
        if value < 0:
            raise ValueError(f"金额 {value.normalize():f} 是负数")
        if value >= 10**12:
            raise ValueError(f"金额 {value.normalize():f} 大得不像一户的余额")
        return int(value * 100)
    written = re.sub(r"[\s¥￥元]", "", text(cell))
    if written.startswith("-"):
        raise ValueError(f"金额 {written[:20]} 是负数")
    found = _SUM.fullmatch(written)
    if not found or len(written) > 18:
        raise ValueError(f"金额“{written[:20]}”看不懂" if written else "没有填金额")
    return int(found[1].replace(",", "")) * 100 + int((found[2] or ".").removeprefix(".").ljust(2, "0"))


def _text_sheet(data: bytes, limit: int) -> Sheet:
    if len(data) > limit:
        raise TooLarge(f"维修资金余额文件超过 {limit / 1024 / 1024:g} MB 的上限。", field="balances")
    written = text_of(data)
    if written is None:
        raise Invalid("维修资金余额文件不是 Excel 工作簿（.xlsx），也不是文本（CSV）。", field="balances")
    try:
        rows: list[list[Cell]] = [list(row) for row in csv.reader(StringIO(written, newline=""), strict=True)]
    except csv.Error:
        raise Invalid("维修资金余额文件不是 CSV 文本。", field="balances") from None
    if len(rows) > _ROWS:
        raise TooLarge("维修资金余额文件行数过多。", field="balances")
    width = max(map(len, rows), default=0)
    return Sheet("", [row + [""] * (width - len(row)) for row in rows], frozenset())
