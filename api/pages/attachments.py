"""Materials handed in from the case page: back to it when all is well, the form again when not."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.access import see
from models.materials import needs_at

from ..deps import Db, Me
from .estates import paper
from .forms import Typed, attempt, text
from .render import Here, page

router = APIRouter()


@router.post("/cases/{number}/attachments")
def hand_in(number: str, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Fields: `file`, `need`, `on_behalf_of` (窗口代录)."""
    case = see(session, me, number)
    on_behalf_of = text(typed, "on_behalf_of") or None
    with attempt(session, typed) as tried:
        data, filename = paper(typed, "file")
        need = text(typed, "need").strip() or None
        case.attach(data, filename=filename, need=need, by=me, at=here.now, on_behalf_of=on_behalf_of)
        return RedirectResponse(f"/cases/{number}?done={case.last_seq}", status_code=303)
    assert tried.refused is not None
    return page(
        request,
        "attachments/refused.html",
        me,
        status=tried.refused.status,
        case=case,
        needs=needs_at(case),
        at_counter=on_behalf_of is not None,
        tried=tried,
    )
