"""Work that the web asked of the flows: how far it is, what came of it, and putting a re-base back."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath

from models.jobs import Job, see_job
from models.office import real_now
from models.rebase import ask_undo

from .cases import instant
from .deps import Db, Me

router = APIRouter(prefix="/api/jobs", tags=["reference"])
Number = Annotated[int, InPath(ge=1, lt=2**63)]


@router.get("/{number}")
def show_job(number: Number, session: Db, me: Me) -> dict[str, Any]:
    """A preview, a re-base or its undoing; for who asked for it, and whoever oversees the office."""
    return told(see_job(session, me, number))


@router.post("/{number}/undo", status_code=202)
def undo_job(number: Number, session: Db, me: Me) -> dict[str, Any]:
    """Ask to put back what a re-base moved, where nothing has moved it since. Answers at once with the job that does it."""
    return told(ask_undo(session, see_job(session, me, number), by=me, at=real_now(session)))


def told(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "params": job.params,
        **progress(job),
        "asked_at": instant(job.asked_at),
        "finished_at": instant(job.finished_at),
    }


def progress(job: Job) -> dict[str, Any]:
    """How far it is, and what came of it."""
    return {"state": job.state, "done": job.done, "total": job.total, "result": job.result, "why": job.why}
