"""`banjie tally`: a roster and ballots as an office has them, counted by Civil Code Art. 278 without a database.

Files that are no use are one sentence on standard error and exit status 2; what single lines lack is part of the answer.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from models.tally import Tally


def tally(
    roster: Annotated[Path, typer.Argument(metavar="ROSTER.xlsx", help="业主名册。")],
    ballots: Annotated[Path, typer.Argument(metavar="BALLOTS.xlsx", help="表决票。")],
    scope: Annotated[
        str, typer.Option(help="表决范围：全体业主，或者楼栋、单元、房号，如“3栋、5栋1单元”。")
    ] = "全体业主",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON，面积单位为百分之一平方米。")] = False,
) -> None:
    """按民法典第二百七十八条计票，并列出合并、不计和待人工认定的行。"""
    from models.errors import Refused
    from models.roster import read_ballots, read_roster
    from models.tally import tally as count

    try:
        result = count(
            read_roster(_read(roster), filename=roster.name),
            read_ballots(_read(ballots), filename=ballots.name),
            scope=scope,
        )
    except Refused as refusal:
        _refuse(refusal.sentence)
    if as_json:
        print(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        _show(result)


def _show(result: "Tally") -> None:
    from rich.console import Console
    from rich.table import Table

    from models.reading import square_metres
    from models.tally import MAJORITY, QUORUM, SPECIAL, percent

    # what stands in the files must not be read as markup
    console = Console(highlight=False, markup=False, soft_wrap=True)
    unsold = f"，其中未售、未交付 {result.unsold_units} 个单元按 1 人计" if result.unsold_units else ""
    scope = f"表决范围：{result.scope}，{result.units} 个单元，{square_metres(result.total.area)} ㎡，{result.total.heads} 人"
    console.print(scope + unsold + "。")
    table = Table("", "面积（㎡）", "人数", box=None, pad_edge=False)
    for title, weight in (
        ("表决范围", result.total),
        ("参与表决", result.participating),
        ("同意", result.agreeing),
        ("反对", result.disagreeing),
        ("弃权", result.abstaining),
    ):
        table.add_row(title, square_metres(weight.area), str(weight.heads))
    console.print(table)

    tests = Table("民法典第二百七十八条", "要求", "面积", "", "人数", "", box=None, pad_edge=False)
    for title, threshold, shares, area, heads in (
        ("参与表决", f"≥ {QUORUM}", result.participation, result.quorum_area, result.quorum_heads),
        ("同意（一般事项）", f"> {MAJORITY}", result.approval, result.ordinary_area, result.ordinary_heads),
        ("同意（特别事项）", f"≥ {SPECIAL}", result.approval, result.special_area, result.special_heads),
    ):
        tests.add_row(title, threshold, percent(shares.area), _mark(area), percent(shares.heads), _mark(heads))
    console.print(tests)
    for title, passed, why in (
        ("一般事项", result.ordinary_passed, result.why_not()),
        ("特别事项", result.special_passed, result.why_not(special=True)),
    ):
        console.print(f"{title}：{'通过' if passed else f'未通过：{why}'}", style="green" if passed else "red")
    for title, findings, style in (
        ("合并", result.merged, ""),
        ("不计", result.refused, ""),
        ("待人工认定", result.undecided, "yellow"),
        ("提示", result.noted, "dim"),
    ):
        for finding in findings:
            console.print(f"{title}：{finding.sentence}", style=style)
    if result.undecided:
        console.print(f"有 {len(result.undecided)} 处待人工认定，认定前不能作为计票结果。", style="bold yellow")


def _mark(passed: bool) -> str:
    return "✓" if passed else "✗"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        _refuse(f"没有文件“{path}”。")
    except OSError as error:
        _refuse(f"读不了文件“{path}”：{'它是文件夹' if path.is_dir() else error.strerror}。")


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(2)
