"""`banjie import`: rosters, ballots, and old cases that are still being dealt with."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlmodel import Session

    from models.territory import Estate

app = typer.Typer(help="导入名册、表决票，或旧系统里还在办的案件。")

File = Annotated[Path, typer.Argument(metavar="FILE", help="文件。")]


@app.command()
def roster(estate: Annotated[str, typer.Argument(metavar="ESTATE", help="小区名称或编号。")], file: File) -> None:
    """导入业主名册（.xlsx），替换原有名册。"""
    from models.db import transaction
    from models.decisions import Roster
    from models.office import office_now

    from .setup import office

    data = read(file)
    with office() as urls, transaction(urls.app) as session:
        made = Roster.read(session, _estate(session, estate), data, filename=file.name, by=None, at=office_now(session))
        for kind, title in (("merged", "合并"), ("refused", "不计"), ("undecided", "待人工认定"), ("noted", "提示")):
            for finding in made.findings[kind]:
                print(f"{title}：{finding['sentence']}")
        print(f"{made.units} 个单元，{made.heads} 位业主。")


@app.command()
def ballots(
    decision: Annotated[int, typer.Argument(metavar="DECISION", help="业主共同决定编号。")], file: File
) -> None:
    """导入表决票（.xlsx）并计票，替换先前导入的。"""
    from models.db import transaction
    from models.decisions import Decision
    from models.errors import NotFound
    from models.office import office_now

    from .setup import office

    data = read(file)
    with office() as urls, transaction(urls.app) as session:
        found = session.get(Decision, decision)
        if found is None:
            raise NotFound(f"没有编号为 {decision} 的业主共同决定。")
        found.take(session, data, filename=file.name, by=None, at=office_now(session))
        for finding in found.undecided:
            print(f"待人工认定：{finding['sentence']}")
        print(f"{found.title}：{'通过' if found.passed else f'未通过：{found.why_not()}'}")


@app.command()
def cases(file: File) -> None:
    """导入旧系统里还在办的案件（CSV，一行一个办理动作）；有一行不对就都不导入。

    列：case 旧编号，同一案件的各行相同；event 第一行为 open，以后为办理动作；at 办理日期或时间；by 办理人账号；期限届满由系统自动办理，不必写；
    open 行另有 type、estate（小区名称）、applicant（申请单位名称，不写则为该小区的物业公司）；note 备注。其余各列是该动作要填写的要素，
    列名见 banjie casetypes --json，一格多项用“；”隔开。
    """
    from models.db import transaction
    from models.errors import Refused

    from .old_cases import import_cases
    from .setup import office

    text = _text(read(file), file)
    with office() as urls:
        try:
            with transaction(urls.app) as session:
                numbers = import_cases(session, text)
        except Refused as refusal:
            print(refusal.sentence, file=sys.stderr)
            raise typer.Exit(2) from None
    for old, number in numbers.items():
        print(old, number, sep="\t")


def read(path: Path) -> bytes:
    from models.errors import Invalid

    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Invalid(f"没有文件“{path}”。") from None
    except OSError as error:
        raise Invalid(f"读不了文件“{path}”：{'它是文件夹' if path.is_dir() else error.strerror}。") from None


def _text(raw: bytes, path: Path) -> str:
    from models.errors import Invalid
    from models.plain_text import text_of

    written = text_of(raw)
    if written is None:
        raise Invalid(f"文件“{path}”不是文本（UTF-8 或 GB 18030）。")
    return written


def _estate(session: "Session", wanted: str) -> "Estate":
    from sqlalchemy import select
    from sqlmodel import col

    from models.errors import NotFound
    from models.territory import Estate

    by_id = [col(Estate.id) == int(wanted)] if wanted.isdecimal() else [col(Estate.name) == wanted]
    found = session.scalars(select(Estate).where(*by_id)).all()
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"名为“{wanted}”的小区有 {len(found)} 个，请改用编号：{'、'.join(str(e.id) for e in found)}。")
    raise NotFound(f"没有名称或编号为“{wanted}”的小区。")
