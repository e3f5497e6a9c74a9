"""Papers as they are handed in, made where a test needs one: workbooks, good ones and bad ones."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped,unused-ignore]

DATA = Path(__file__).parent / "data"
ROSTER, BALLOTS = (DATA / "lianhua_roster.xlsx").read_bytes(), (DATA / "lianhua_ballots.xlsx").read_bytes()
HEADER = ("序号", "房号", "业主姓名", "证件号码", "专有部分面积", "联系电话", "备注")
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 2000
"""What Excel makes of a workbook with a password: no archive, but an old container around the ciphered one."""


def workbook(*sheets: Sequence[Sequence[Any]], merge: Sequence[str] = (), hide: Sequence[int] = ()) -> bytes:
    """An .xlsx of these rows; `merge` ranges lie on the first sheet."""
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    minute = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for number, rows in enumerate(sheets):
        sheet = book.add_worksheet()
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(row, column, cell, minute if isinstance(cell, datetime) else day)
                elif cell is not None:
                    sheet.write(row, column, cell)
        for place in merge if number == 0 else ():
            top, left = place.split(":")[0][1:], ord(place[0]) - ord("A")
            sheet.merge_range(place, rows[int(top) - 1][left])
        if number in hide:
            sheet.hide()
    book.close()
    return out.getvalue()


def roster(*lines: Sequence[Any], title: str = "业主名册") -> bytes:
    """Lines of (unit, owner, id, area)."""
    return workbook([(title,), HEADER, *((number, *line) for number, line in enumerate(lines, 1))])


def ballots(*lines: Sequence[Any], title: str = "表决票") -> bytes:
    """Lines of (unit, owner, opinion, received). The first stands in row 3."""
    return workbook([(title,), ("房号", "业主姓名", "表决意见", "收票时间"), *lines])


def bomb() -> bytes:
    """A workbook of a few kilobytes that unpacks to 200 MB."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", "<Types/>")
        with parts.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(200):
                sheet.write(b" " * 1024 * 1024)
    return out.getvalue()


def upload(client: Any, address: str, body: bytes, name: str = "表.xlsx", **more: Any) -> Any:
    """Hand a file in, as programs do."""
    return client.post(address, files={"file": (name, body)}, **more)
