"""A program of its own: a workbook on standard input, its visible sheets as JSON on standard output.

Not imported but run (`spreadsheet.py`), because a small file can ask for any amount of memory: by what it unpacks to, by
one cell in the last corner of a sheet, by one long text that a million cells share. Whatever it asks for, only this
process, which has little, comes to an end. (When memory runs out inside calamine there is no exception to catch.)
"""

import json
import re
import resource
import sys
import zipfile
import zlib
from datetime import date
from io import BytesIO
from typing import Any

import python_calamine

MEMORY = 768 * 1024 * 1024
SECONDS = 20
UNPACKED = 128 * 1024 * 1024
PARTS = 2_000
ROWS = 100_000
CELLS = 1_500_000
CHARACTERS = 8_000_000
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
"""What comes along when a text is pasted from elsewhere. PostgreSQL takes no NUL."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(read(sys.stdin.buffer.read()), sys.stdout, ensure_ascii=True, default=_dated)


def read(data: bytes) -> dict[str, object]:
    """`{"sheets": [{"name", "rows", "filled"}]}`, or `{"refused": "damaged" | "foreign" | "large"}`."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as parts:
            entries = parts.infolist()
            if len(entries) > PARTS or sum(entry.file_size for entry in entries) > UNPACKED:
                return {"refused": "large"}
            if not any(entry.filename.startswith("xl/") for entry in entries):
                return {"refused": "foreign"}
            # unpacks everything, up to the sizes declared: a directory that declares too little fails its checksums
            if parts.testzip():
                return {"refused": "damaged"}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, LookupError):
        return {"refused": "damaged"}
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
        visible = python_calamine.SheetVisibleEnum.Visible
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == visible and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        sheets = [_sheet(book.get_sheet_by_name(name)) for name in names]
    except python_calamine.CalamineError:
        return {"refused": "damaged"}
    if None in sheets or sum(_characters(sheet) for sheet in sheets if sheet) > CHARACTERS:
        return {"refused": "large"}
    return {"sheets": sheets}


def _sheet(sheet: python_calamine.CalamineSheet) -> dict[str, Any] | None:
    height, width = (sheet.total_height, sheet.total_width) if sheet.end else (0, 0)
    if height > ROWS or height * width > CELLS:
        return None
    rows = [
        [INVISIBLE.sub("", cell) if isinstance(cell, str) else cell for cell in row]
        for row in sheet.to_python(skip_empty_area=False)
    ]
    return {"name": sheet.name, "rows": rows, "filled": _fill(rows, sheet.merged_cell_ranges or [])}


def _fill(rows: list[list[Any]], merged: list[Any]) -> list[tuple[int, int]]:
    """Write a merged cell's value into the rows below it, as the eye does; returns the places written to."""
    filled = []
    for (top, left), (bottom, _) in merged:
        for row in range(top + 1, min(bottom + 1, len(rows))):
            if left < len(rows[row]) and rows[row][left] == "" and rows[top][left] != "":
                rows[row][left] = rows[top][left]
                filled.append((row, left))
    return filled


def _characters(sheet: dict[str, Any]) -> int:
    return sum(len(cell) for row in sheet["rows"] for cell in row if isinstance(cell, str))


def _dated(cell: object) -> object:
    return {"at": cell.isoformat()} if isinstance(cell, date) else str(cell)


if __name__ == "__main__":
    main()
