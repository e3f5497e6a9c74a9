"""`banjie due` and `banjie calendar read`: deadlines and notices without a database.

Wrong input is one sentence on standard error and exit status 2.
"""

import csv
import json
import re
import sys
from datetime import date, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from models.calendars import NoticeReading
    from models.worktime import DayLine, Due, End, Limit

_START = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")


def due(
    start: Annotated[str, typer.Argument(help="起始日，如 2026-09-30；按小时计的写到分，如 2026-09-30T16:20。")] = "",
    limit: Annotated[str, typer.Argument(help="时限：5wd 工作日、30d 日、3mo 月、2h 小时、4wh 工作小时。")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
    end: Annotated[str, typer.Option("--end", help="日、月的末日遇休息日：roll 顺延（默认），none 不顺延。")] = "roll",
    from_csv: Annotated[str, typer.Option("--from-csv", help="读取含 start,limit 两列的 CSV（- 为标准输入）。")] = "",
) -> None:
    """计算截止日，并逐日说明计或不计的理由。"""
    if end not in ("roll", "none"):
        _refuse(f"--end 只能是 roll 或 none，不能是“{end}”。")
    if from_csv:
        if start or limit or as_json:
            _refuse("--from-csv 不能与起始日、时限或 --json 同时使用。")
        _print_due_days(from_csv, end)  # type: ignore[arg-type]
    elif not (start and limit):
        _refuse("请写明起始日和时限，如：banjie due 2026-09-30 5wd。")
    else:
        _print_due_day(start, limit, end, as_json)  # type: ignore[arg-type]


def calendar_read(
    notice: Annotated[str, typer.Argument(help="国务院办公厅放假安排通知的文本文件（- 为标准输入）。")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """读取国务院办公厅关于部分节假日安排的通知；有问题时退出状态为 1。"""
    from models.calendars import read_notice

    reading = read_notice(read_text(notice))
    if as_json:
        _print_json(
            {
                "year": reading.year,
                "off": [day.isoformat() for day in reading.off],
                "work": [day.isoformat() for day in reading.work],
                "problems": list(reading.problems),
                "remarks": list(reading.remarks),
            }
        )
    else:
        _show_notice(reading)
    if reading.problems:
        raise typer.Exit(1)


def _print_due_day(start: str, limit: str, end: "End", as_json: bool) -> None:
    from models.calendars import shipped
    from models.worktime import due as compute
    from models.worktime import explain

    try:
        began, parsed = _parse(start, limit)
        counted = compute(began, parsed, shipped(), end=end)
        days = explain(began, parsed, shipped(), end=end)
    except ValueError as error:
        _refuse(str(error))
    if not as_json:
        _show_due(counted, parsed, days)
        return
    _print_json(
        {
            "due_day": counted.due_day.isoformat(),
            "due_at": counted.due_at.isoformat(),
            "provisional": counted.provisional,
            "edition": counted.edition,
            "days": [{"date": day.date.isoformat(), "counts": day.counts, "why": day.why} for day in days],
        }
    )


def _print_due_days(path: str, end: "End") -> None:
    """All rows or none: half a list of deadlines is worse than no list."""
    from models.calendars import shipped
    from models.worktime import due as compute

    calendar = shipped()
    rows = csv.reader(StringIO(read_text(path), newline=""))
    answers = []
    try:
        header = [name.strip() for name in next(rows, [])]
        if not {"start", "limit"} <= set(header):
            raise ValueError("应为列名，须含 start 和 limit 两列。")
        at_start, at_limit = header.index("start"), header.index("limit")
        for row in rows:
            if not any(row):
                continue
            if len(row) <= max(at_start, at_limit):
                raise ValueError("缺少 start 或 limit。")
            start, limit = row[at_start].strip(), row[at_limit].strip()
            counted = compute(*_parse(start, limit), calendar, end=end)
            answers.append((start, limit, counted.due_day, "true" if counted.provisional else "false"))
    except ValueError as error:
        _refuse(f"CSV 第{max(rows.line_num, 1)}行：{error}")
    except csv.Error:
        _refuse(f"CSV 第{max(rows.line_num, 1)}行：不是 CSV 文本。")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("start", "limit", "due_day", "provisional"))
    out.writerows(answers)


def _parse(start: str, limit: str) -> "tuple[datetime, Limit]":
    """A start and a limit as they were written; a time without a zone is the office's."""
    from models.worktime import OFFICE_ZONE

    parsed = _limit(limit)
    written = _START.fullmatch(start)
    try:
        began = datetime.fromisoformat(start) if written else None
    except ValueError:
        began = None
    if not written or not began:
        raise ValueError(f"起始日“{start}”看不懂：应写作 2026-09-30 或 2026-09-30T16:20。")
    if parsed.is_by_the_hour and not written[1]:
        raise ValueError(f"时限“{limit}”按小时计，起始要写到几点几分，如 {start}T16:20。")
    return began if began.tzinfo else began.replace(tzinfo=OFFICE_ZONE), parsed


@cache
def _limit(text: str) -> "Limit":
    from models.worktime import Limit

    return Limit.parse(text)


def read_text(path: str) -> str:
    """The text of a file, or of standard input (`-`)."""
    from models.plain_text import text_of

    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        _refuse(f"读不了文件“{path}”：{'没有这个文件' if isinstance(error, FileNotFoundError) else error.strerror}。")
    written = text_of(raw)
    if written is None:
        _refuse(f"文件“{path}”不是文本（UTF-8 或 GB 18030）。")
    return written


def _show_due(counted: "Due", limit: "Limit", days: "list[DayLine]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"截止日 [bold]{counted.due_day}[/bold]（{limit.chinese}），"
        f"自 {counted.due_at:%Y-%m-%d %H:%M:%S} 起为逾期。日历版本：{counted.edition}",
        highlight=False,
        soft_wrap=True,
    )
    if counted.provisional:
        console.print("[yellow]暂定：所跨年度的放假安排尚未公布，只按周末和法定节假日推算。[/yellow]")
    table = Table("日期", "计", "理由", box=None, pad_edge=False)
    for day in days:
        table.add_row(day.date.isoformat(), "✓" if day.counts else "", day.why, style="" if day.counts else "dim")
    console.print(table)


def _show_notice(reading: "NoticeReading") -> None:
    from rich.console import Console

    # what stands in the notice must not be read as markup
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if reading.year:
        console.print(f"{reading.year}年放假安排", style="bold")
        for title, days in (("放假", reading.off), ("上班", reading.work)):
            console.print(f"{title}{len(days)}天：{'、'.join(map(date.isoformat, days)) or '无'}")
    for problem in reading.problems:
        console.print(f"问题：{problem}", style="red")
    for remark in reading.remarks:
        console.print(f"提示：{remark}", style="yellow")


def _print_json(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, ensure_ascii=False))


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(2)
