"""Changes of the calendar and of rules through JSON: one person proposes, another decides."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlmodel import Session

from models.editions import Change
from models.errors import Invalid
from models.jobs import Job
from models.people import Person
from models.proposals import KINDS, Proposal, decide, diff_of, must_read, proposals, propose, see_proposal, withdraw
from models.reference import names_of

from .cases import Asked, instant
from .deps import Db, Me, Now
from .estates import Key, Limit
from .idempotency import OnlyOnce
from .jobs import progress

router = APIRouter(prefix="/api/proposals", tags=["reference"])


class Proposed(Asked):
    kind: str = Field(max_length=20, description="`calendar` or `rule`")
    content: dict[str, Any] = Field(
        description="calendar: one of `notice` (text), `ical` (text), `csv` (text), `closed` (days, with `why`), `reopened` (days); "
        "rule: `id`, `area` (a district's code), `value`, `source`, `article`, `confidence`, `remark`, `effective_from`, "
        "`effective_to`, `ladder`"
    )
    reason: str


class Decided(Asked):
    approve: bool | None = Field(None, description="by another person than the proposer")
    words: str = Field("", max_length=2000)
    rebase: bool = Field(False, description="of a rule: re-base running clocks too; a calendar always does")
    withdraw: bool = Field(False, description="by the proposer, instead of `approve`")


@router.get("")
def list_proposals(
    session: Db,
    me: Me,
    kind: Annotated[str | None, Query(max_length=20)] = None,
    state: Annotated[str | None, Query(max_length=20)] = None,
    after: Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before")] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """What was proposed, the newest first."""
    must_read(me)
    found = proposals(session, kind=kind, state=state, before=after, limit=limit + 1)
    shown = found[:limit]
    names = names_of(session, [person for one in shown for person in (one.made_by_id, one.decided_by_id)])
    return {
        "items": [_told(one, names) for one in shown],
        "next": shown[-1].id if len(found) > limit else None,
    }


@router.post("", status_code=201)
def create_proposal(session: Db, me: Me, now: Now, asked: Proposed, once: OnlyOnce) -> Response:
    """Propose a calendar or a version of a rule. It is checked, kept, and what it would move is counted in the background."""

    def write() -> dict[str, Any]:
        return whole(session, me, propose(session, asked.kind, asked.content, asked.reason, by=me, at=now))

    return once(write, 201)


@router.get("/{number}")
def read_proposal(session: Db, me: Me, number: Key) -> dict[str, Any]:
    """One proposal: what would change, what re-basing would do, how it was decided."""
    return whole(session, me, see_proposal(session, me, number))


@router.post("/{number}/decision", status_code=201)
def decide_proposal(session: Db, me: Me, now: Now, number: Key, asked: Decided, once: OnlyOnce) -> Response:
    """Approve or refuse what somebody else proposed, or withdraw what one proposed oneself."""

    def write() -> dict[str, Any]:
        if asked.withdraw:
            return whole(session, me, withdraw(session, number, by=me, at=now))
        if asked.approve is None:
            raise Invalid("请写明批准（true）还是不批准（false）。", field="approve")
        decided = decide(
            session, number, to_approve=asked.approve, words=asked.words, rebase=asked.rebase, by=me, at=now
        )
        return whole(session, me, decided)

    return once(write, 201)


def whole(session: Session, me: Person, proposal: Proposal) -> dict[str, Any]:
    names = names_of(session, [proposal.made_by_id, proposal.decided_by_id])
    told = _told(proposal, names) | {"content": proposal.content, "decision": proposal.decision}
    if proposal.kind == "calendar":
        diff = diff_of(session, proposal)
        told["changes"] = {"published": list(diff.published), "days": [_change(change) for change in diff.changes]}
    for name, job_id in (("preview", proposal.preview_id), ("rebase", proposal.rebase_id)):
        job = session.get(Job, job_id) if job_id else None
        told[name] = job and progress(job)
    return told


def _told(proposal: Proposal, names: dict[int | None, str]) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "kind": proposal.kind,
        "kind_title": KINDS[proposal.kind],
        "title": proposal.title,
        "reason": proposal.reason,
        "state": proposal.state,
        "made_by": names.get(proposal.made_by_id),
        "made_at": instant(proposal.made_at),
        "decided_by": names.get(proposal.decided_by_id),
        "decided_at": instant(proposal.decided_at),
    }


def _change(change: Change) -> dict[str, Any]:
    return {"date": change.day.isoformat(), "works": change.works, "before": change.before, "after": change.after}
