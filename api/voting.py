"""Electronic votes for those who keep the roster: links are given out once, and until the close only the turnout is told.

Links and codes are nowhere stored, so these answers cannot be asked for again, not with an `Idempotency-Key` either: what was lost
is issued anew.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import xlsxwriter  # type: ignore[import-untyped,unused-ignore]
from fastapi import APIRouter, Request, Response

from models.access import see_decision
from models.decisions import Decision
from models.electronic import Slip
from models.errors import NotFound
from models.settings import settings

from .deps import Db, Me, Now
from .estates import Key, kept_by, turnout

router = APIRouter(prefix="/api", tags=["estates"])
COLUMNS = (("编号", 6), ("房号", 14), ("业主", 16), ("链接", 60), ("验证码", 10))
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.post("/decisions/{decision_id}/links", status_code=201)
def open_vote(decision_id: Key, request: Request, session: Db, me: Me, now: Now) -> dict[str, Any]:
    """Open the electronic vote: a link and a code for each unit, answered this once. 409 a second time, and where it cannot be."""
    decision = kept_by(session, me, decision_id)
    return _slips(request, decision.open_electronic(session, by=me, at=now))


@router.post("/decisions/{decision_id}/links/renew", status_code=201)
def renew_all(decision_id: Key, request: Request, session: Db, me: Me, now: Now) -> dict[str, Any]:
    """New links and codes for all units, where the first were lost; the former open nothing any more."""
    decision = kept_by(session, me, decision_id)
    return _slips(request, decision.reissue(session, None, by=me, at=now))


@router.post("/decisions/{decision_id}/links/{unit:path}/renew", status_code=201)
def renew(decision_id: Key, unit: str, request: Request, session: Db, me: Me, now: Now) -> dict[str, Any]:
    """A new link and code for one unit, as the roster writes it (`1栋0101`)."""
    decision = kept_by(session, me, decision_id)
    return _slips(request, decision.reissue(session, unit, by=me, at=now))


@router.get("/decisions/{decision_id}/turnout")
def read_turnout(decision_id: Key, session: Db, me: Me) -> dict[str, Any]:
    """How many units, how much area and how many heads have voted electronically within the window."""
    found = turnout(session, see_decision(session, me, decision_id))
    if found is None:
        raise NotFound("本次表决没有开通电子投票。")
    return found


def workbook(request: Request, decision: Decision, slips: Sequence[Slip]) -> Response:
    """The slips to print or to send on, as a download (.xlsx)."""
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("电子投票")
    head = book.add_format({"bold": True, "bottom": 1})
    sheet.write_string(0, 0, f"{decision.title}（{decision.window_from}至{decision.window_to}）")
    for column, (title, width) in enumerate(COLUMNS):
        sheet.set_column(column, column, width)
        sheet.write_string(1, column, title, head)
    for row, slip in enumerate(slips, 2):
        sheet.write_number(row, 0, slip.number)
        for column, cell in enumerate((slip.unit, slip.masked_owner, link(request, slip), slip.code), 1):
            sheet.write_string(row, column, cell)
    book.close()
    headers = {"Content-Disposition": f'attachment; filename="vote-{decision.id}-links.xlsx"'}
    return Response(out.getvalue(), media_type=XLSX, headers=headers)


def link(request: Request, slip: Slip) -> str:
    """The address a voter opens: under `BANJIE_PUBLIC_URL`, or where whoever asks reaches us."""
    return f"{(settings().public_url or str(request.base_url)).rstrip('/')}/v/{slip.token}"


def _slips(request: Request, slips: Sequence[Slip]) -> dict[str, Any]:
    return {
        "items": [
            {
                "unit": slip.unit, "owner": slip.masked_owner, "number": slip.number,
                "link": link(request, slip), "code": slip.code,
            }
            for slip in slips
        ]
    }  # fmt: skip
