"""Materials handed in with a case: which files are taken, under which name, and for which need.

A file is told by its bytes, never by its name. Office documents are recognised by the names of their parts, which stand
uncompressed in the archive: nothing is unpacked.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from .casetypes.base import CaseType
from .decisions import Decision, is_secret_file
from .documents import Attachment, keep
from .errors import Conflict, Invalid, TooLarge
from .estate_roster import Roster
from .settings import settings
from .spreadsheet import TITLE

if TYPE_CHECKING:
    from .case import Case

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUFFIXES = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    WORD: (".docx",),
    EXCEL: (".xlsx",),
}
TAKEN = "PDF、JPG、PNG、DOCX、XLSX"
MOST = 200
"""Files of one case."""
LONGEST_NAME = 100


def take_in(
    session: Session, case: "Case", data: bytes, *, filename: str, need: str | None, by_id: int | None, at: datetime
) -> tuple[Attachment, bool]:
    """Keep a file of a locked case; the same file for the same need is kept once. Returns it, and whether it is new."""
    media_type = media_type_of(data)
    refuse_unasked(case.kind, need)
    digest = keep(session, data)
    if is_secret_file(session, digest):
        raise Invalid("这是选举的表决票，为保密不能作为材料提交；它已在表决页面留存，计票结果可另附。", field="file")
    held = session.scalars(select(Attachment).where(col(Attachment.case_id) == case.id)).all()
    same = next((attachment for attachment in held if (attachment.sha256, attachment.need) == (digest, need)), None)
    if same:
        return same, False
    if len(held) >= MOST:
        raise Conflict(f"本件的材料已有 {MOST} 份，不能再增加。", field="file")
    attachment = Attachment(
        case_id=case.id,  # type: ignore[arg-type]
        by_id=by_id,
        stage=case.stage,
        need=need,
        filename=cleaned(filename, media_type),
        media_type=media_type,
        size=len(data),
        sha256=digest,
        at=at,
    )
    session.add(attachment)
    session.flush()
    return attachment, True


def media_type_of(data: bytes) -> str:
    """The type of a file that is taken in. Raises `Invalid` or `TooLarge` with `field="file"`."""
    if not data:
        raise Invalid("文件是空的（0 字节），请重新选择。", field="file")
    limit = settings().upload_limit
    if len(data) > limit:
        raise TooLarge(f"文件超过 {limit / 1024 / 1024:g} MB 的上限，请压缩或拆分后再上传。", field="file")
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in data:
        if b"vbaProject.bin" in data:
            raise Invalid("文件带有宏，不能收取；请另存为不含宏的文件或 PDF 再上传。", field="file")
        if b"word/document.xml" in data:
            return WORD
        if b"xl/workbook.xml" in data:
            return EXCEL
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise Invalid("旧版 Office 文件或设了密码的文件不能收取；请取消密码，另存为新格式或 PDF 再上传。", field="file")
    raise Invalid(f"这不是可以收取的文件类型；可以上传的有 {TAKEN}（按文件内容识别，改扩展名无效）。", field="file")


def cleaned(filename: str, media_type: str) -> str:
    """A name without folders, control characters and marks of direction, with the suffix that its type has."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    # Cc, Cf: what is not seen, a right-to-left mark among them, makes `gpj.exe` look like `exe.jpg`
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") and c not in '<>:"|?*')
    name = name.strip(" .") or "材料"
    suffixes = SUFFIXES[media_type]
    suffix = PurePosixPath(name).suffix
    if suffix.lower() not in suffixes:
        suffix = suffixes[0]
    return name.removesuffix(suffix)[:LONGEST_NAME] + suffix


def needs_of(kind: type[CaseType]) -> list[str]:
    """Titles of the materials that a type asks to be handed in, over all its stages."""
    return list(dict.fromkeys(need.title for stage in kind.stages() for need in stage.needs if need.by == "upload"))


def handed_in(
    session: Session, case: "Case", attachments: Iterable[Attachment], decision: Decision | None
) -> set[str | None]:
    """Titles of the needs that are met: by a file, or by the roster and the ballots, which have a door of their own."""
    met = {attachment.need for attachment in attachments}
    if case.estate_id and Roster.of(session, case.estate_id):
        met.add(TITLE["roster"])
    if decision and decision.sha256:
        met.add(TITLE["ballots"])
    return met


class Needs(NamedTuple):
    now: list[str]
    other: list[str]


def needs_at(case: "Case") -> Needs:
    """What may be handed in as what: titles that the case's stage asks for, and those that other stages ask for."""
    titles = [title for title in needs_of(case.kind) if title not in TITLE.values()]
    here = {need.title for need in case.current.needs}
    return Needs([title for title in titles if title in here], [title for title in titles if title not in here])


def refuse_unasked(kind: type[CaseType], need: str | None) -> None:
    """Raise `Invalid` for a need that the type has not, that is got by sharing of data, or that has a door of its own."""
    if need is None:
        return
    if need in TITLE.values():
        raise Invalid(f"{need}不作为附件提交：请在小区页面导入名册，在表决中导入表决票。", field="need")
    if need in needs_of(kind):
        return
    shared = {n.title for stage in kind.stages() for n in stage.needs if n.by == "sharing"}
    if need in shared:
        raise Invalid(f"{need}通过数据共享取得，不需要提交。", field="need")
    raise Invalid(f"本事项没有“{need[:40]}”这项材料；可以是：{'、'.join(needs_of(kind))}，或者不填。", field="need")
