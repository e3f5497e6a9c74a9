"""`banjie allocate`: a sum shared among units by area, without a database.

Wrong input is one sentence on standard error and exit status 2.
"""

import csv
import json
import re
import sys
from io import StringIO
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .cli_due import read_text

if TYPE_CHECKING:
    from models.fund import Share, UnitArea

_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,2})?")
_AREA = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")


def allocate(
    units: Annotated[
        str, typer.Argument(metavar="UNITS.csv", help="含 unit,area 两列的 CSV，面积单位平方米（- 为标准输入）。")
    ],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="金额，单位元，如 20000 或 386400.50。")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON，金额单位为分。")] = False,
) -> None:
    """把一笔维修资金按专有部分面积分摊到各单元，精确到分，合计不差一分。"""
    from models.errors import Refused
    from models.fund import allocate as share

    try:
        fen = _fen(amount)
        lines = _units(read_text(units))
        shares = share(lines, fen)
    except (Refused, ValueError) as wrong:
        _refuse(str(wrong))
    if as_json:
        print(json.dumps({"total_fen": fen, "lines": [share._asdict() for share in shares]}, ensure_ascii=False))
    else:
        _show(lines, shares, fen)


def _fen(amount: str) -> int:
    if amount.startswith("-") and _AMOUNT.fullmatch(amount[1:]):
        raise ValueError(f"金额不能是负数：“{amount}”。")
    if not _AMOUNT.fullmatch(amount):
        raise ValueError(f"金额“{amount[:40]}”看不懂：只写数字，单位元，最多两位小数，不加逗号，如 386400.50。")
    return _hundredths(amount)


def _units(text: str) -> "list[UnitArea]":
    """All lines or none: a sum shared among some of the units is shared wrongly."""
    from models.fund import UnitArea

    rows = csv.reader(StringIO(text, newline=""), strict=True)
    lines: list[UnitArea] = []
    seen: dict[str, int] = {}
    try:
        header = [name.strip().casefold() for name in next(rows, [])]
        if header.count("unit") != 1 or header.count("area") != 1:
            raise ValueError("应为列名，须有 unit 和 area 各一列。")
        at_unit, at_area = header.index("unit"), header.index("area")
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise ValueError(f"有{len(row)}格，列名有{len(header)}格；数字里不要用逗号。")
            unit, area = row[at_unit].strip(), row[at_area].strip()
            if not unit:
                raise ValueError("没有写单元。")
            if unit in seen:
                raise ValueError(f"{unit}在第{seen[unit]}行已经有了，会重复分摊；请只留一行。")
            if area.startswith("-"):
                raise ValueError(f"{unit}的面积是负数：“{area[:20]}”。")
            if not _AREA.fullmatch(area):
                raise ValueError(f"{unit}的面积“{area[:20]}”看不懂：只写数字，单位平方米，最多两位小数，如 88.56。")
            seen[unit] = rows.line_num
            lines.append(UnitArea(unit, _hundredths(area)))
    except ValueError as error:
        raise ValueError(f"CSV 第{max(rows.line_num, 1)}行：{error}") from None
    except csv.Error:
        raise ValueError(f"CSV 第{max(rows.line_num, 1)}行：不是 CSV 文本。") from None
    return lines


def _hundredths(written: str) -> int:
    whole, _, part = written.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _show(lines: "list[UnitArea]", shares: "list[Share]", fen: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from models.money import yuan
    from models.reading import square_metres

    # what stands in the file must not be read as markup
    console = Console(highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("单元")
    table.add_column("面积（㎡）", justify="right")
    table.add_column("分摊（元）", justify="right")
    for line, share in zip(lines, shares, strict=True):
        table.add_row(line.unit, square_metres(line.area_dm2), yuan(share.fen))
    console.print(table)
    whole = square_metres(sum(line.area_dm2 for line in lines))
    console.print(f"{len(lines)} 个单元，{whole} ㎡，合计 {yuan(fen)} 元（民法典第二百八十三条，按专有部分面积分摊）。")


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(2)
