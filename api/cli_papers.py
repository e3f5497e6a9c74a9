"""`banjie papers DIR`: a specimen of every paper, to look at, to print, to compare after a change."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.settings import settings
from pdf import brief
from pdf.letter import draw, papers, sample, write


def papers_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="文书样张写入的文件夹")],
) -> None:
    """每种文书一份样张（<kind>.pdf），并写出 index.json。"""
    wording = settings().casetypes
    kinds = papers(wording)
    directory.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        (directory / f"{kind}.pdf").write_bytes(draw(write(kind, sample(kind, wording), wording)).pdf)
    (directory / "brief.pdf").write_bytes(brief.draw(brief.SPECIMEN).pdf)
    index = [{"kind": paper.kind, "title": paper.title, "format": paper.format} for paper in kinds.values()]
    index.append({"kind": "brief", "title": brief.SPECIMEN.title, "format": "report"})
    (directory / "index.json").write_text(json.dumps(index, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"{len(index)} 种文书已写入 {directory}")
