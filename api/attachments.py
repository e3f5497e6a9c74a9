"""Materials handed in with a case: taken in by their content, given out as downloads only."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Path, Response, UploadFile
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlmodel import Session, col

from models.access import see
from models.case import Case, CaseEvent
from models.decisions import is_secret_file
from models.documents import Attachment, body_of
from models.errors import Forbidden, NotFound
from models.people import Person
from models.worktime import OFFICE_ZONE

from .deps import Db, Me, Now
from .estates import bounded
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api/cases/{number}/attachments", tags=["attachments"])


@router.get("")
def list_attachments(number: str, session: Db, me: Me) -> dict[str, Any]:
    """All materials of a case, in the order in which they came; at most two hundred."""
    case = see(session, me, number)
    found = select(Attachment, col(Person.name)).join(Person, col(Person.id) == col(Attachment.by_id), isouter=True)
    rows = session.execute(found.where(col(Attachment.case_id) == case.id).order_by(col(Attachment.id))).tuples()
    absent = _stood_in_for(session, case)
    items = [attachment_json(number, row, f"{by} 代 {absent[row.id]}" if row.id in absent else by) for row, by in rows]
    return {"items": items, "next": None}


@router.post("", status_code=201)
def upload_attachment(
    number: str,
    session: Db,
    me: Me,
    now: Now,
    once: OnlyOnce,
    file: Annotated[UploadFile, File(description="PDF, JPG, PNG, DOCX or XLSX, told by its content")],
    need: Annotated[str, Form(max_length=100, description="title of the material that is asked for")] = "",
    on_behalf_of: Annotated[
        str | None, Form(max_length=40, description="`body:ID` of the applicant (窗口代录)")
    ] = None,
) -> JSONResponse:
    """Hand in a material, as whoever may act at the case's stage. The same file for the same need is kept once."""
    case = see(session, me, number)

    def write() -> dict[str, Any]:
        kept = case.attach(
            bounded(file), filename=file.filename or "", need=need.strip() or None, by=me, at=now, on_behalf_of=on_behalf_of or None
        )  # fmt: skip
        absent = _stood_in_for(session, case).get(kept.id)
        return attachment_json(number, kept, f"{me.name} 代 {absent}" if absent else me.name)

    return once(write, 201)


@router.get("/{attachment_id}", response_class=Response)
def download_attachment(
    number: str, attachment_id: Annotated[int, Path(ge=1, lt=2**63)], session: Db, me: Me
) -> Response:
    """The file as it was handed in. Always a download: what outsiders upload is never shown as a page of ours."""
    case = see(session, me, number)
    held = session.get(Attachment, attachment_id)
    if held is None or held.case_id != case.id:
        raise NotFound("本件没有这份材料。")
    if is_secret_file(session, held.sha256):
        raise Forbidden("这份材料是选举的表决票，为保密不提供下载。")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(held.filename)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    return Response(body_of(session, held.sha256), media_type=held.media_type, headers=headers)


def _stood_in_for(session: Session, case: Case) -> dict[int | None, str]:
    """By attachment, the name of whom a substitute handed it in for."""
    found = (
        select(CaseEvent.facts["attachment"].as_integer(), col(Person.name))
        .join(Person, col(CaseEvent.on_behalf_of) == func.concat("person:", col(Person.id)))
        .where(col(CaseEvent.case_id) == case.id, col(CaseEvent.name) == "attach")
    )
    return dict(session.execute(found).tuples().all())


def attachment_json(number: str, held: Attachment, by: str | None) -> dict[str, Any]:
    return {
        "id": held.id,
        "need": held.need,
        "stage": held.stage,
        "filename": held.filename,
        "media_type": held.media_type,
        "size": held.size,
        "sha256": held.sha256,
        "at": held.at.astimezone(OFFICE_ZONE).isoformat(),
        "by": by,
        "href": f"/api/cases/{number}/attachments/{held.id}",
    }
