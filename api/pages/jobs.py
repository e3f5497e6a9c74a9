"""The page of a job: how far it is, what came of it, and a button that puts a re-base back."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from models.access import may_govern
from models.jobs import KINDS, STATES, see_job
from models.office import real_now
from models.rebase import FIGURES, KEPT, ask_undo, undo_of, why_not_undone

from ..deps import Db, Me
from ..jobs import Number
from .render import page

router = APIRouter()


@router.get("/jobs/{number}")
def show_job(number: Number, request: Request, session: Db, me: Me) -> HTMLResponse:
    job = see_job(session, me, number)
    undone = undo_of(session, job) if job.kind == "rebase" else None
    return page(
        request,
        "job.html",
        me,
        job=job,
        kind=KINDS.get(job.kind, job.kind),
        state=STATES[job.state],
        undone=undone,
        may_undo=may_govern(me) and why_not_undone(session, job) is None,
        figure_titles=FIGURES,
        kept_titles=KEPT,
    )


@router.post("/jobs/{number}/undo")
def undo_job(number: Number, session: Db, me: Me) -> RedirectResponse:
    """Fields: none but `csrf`."""
    undoing = ask_undo(session, see_job(session, me, number), by=me, at=real_now(session))
    return RedirectResponse(f"/jobs/{undoing.id}", 303)
