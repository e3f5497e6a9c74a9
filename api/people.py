"""People through JSON: who stands in for whom, and who takes over from an officer who leaves."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session

from models.errors import Invalid
from models.handover import HandOver, Officer, count_officers, end_post, handover, officer, officers, take_orphan
from models.people import Person, Role
from models.substitutes import Told, count_substitutions, end, stand_in, substitutions
from models.worktime import LAST_YEAR, OFFICE_ZONE

from .cases import instant
from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["people"])
Key = Annotated[int, Path(ge=1, lt=2**63)]
Account = Annotated[str, Path(max_length=100)]
After = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class StandIn(Asked):
    """`absent` left out: the person who asks. Both days are included."""

    substitute: str = Field(max_length=100, description="account, or the id of who has none")
    absent: str | None = Field(default=None, max_length=100, description="account, or the id of who has none")
    from_day: date = Field(alias="from")
    to_day: date = Field(alias="to")


class Leaving(Asked):
    to: str | None = Field(default=None, max_length=100, description="account or id; null: back to the desks' pools")
    dry_run: bool = False
    after: int = Field(default=0, ge=0, lt=2**63, description="`next` of the answer before")


class LastDay(Asked):
    last_day: date


@router.get("/substitutions")
def list_substitutions(
    session: Db, me: Me, now: Now, over: bool = False, after: After = 0, limit: Limit = 50, total: bool = False
) -> dict[str, Any]:
    """One's own and those of the people one looks after, that last today or later; `over`: those that have ended."""
    today = now.astimezone(OFFICE_ZONE).date()
    found = substitutions(session, me, today, after=after, limit=limit + 1, over=over)
    items = [substitution_json(told, today) for told in found[:limit]]
    counted = {"total": count_substitutions(session, me, today, over=over)} if total else {}
    return {"items": items, "next": items[-1]["id"] if len(found) > limit else None} | counted


@router.post("/substitutions", status_code=201)
def create_substitution(session: Db, me: Me, now: Now, asked: StandIn, once: OnlyOnce) -> Response:
    """Let a colleague of the same office stand in, for oneself, or for somebody one looks after. 409 where it would be a circle."""

    def write() -> dict[str, Any]:
        absent = person_of(session, asked.absent, "absent") or me
        substitute = person_of(session, asked.substitute, "substitute")
        assert substitute is not None
        made = stand_in(session, absent, substitute, *between(asked.from_day, asked.to_day), by=me, at=now)
        return substitution_json(Told(made, absent, substitute), now.astimezone(OFFICE_ZONE).date())

    return once(write, 201)


@router.post("/substitutions/{substitution_id}/end")
def end_substitution(substitution_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce) -> Response:
    """End it at once, before its last day."""

    def write() -> dict[str, Any]:
        ended = end(session, substitution_id, by=me, at=now)
        told = Told(ended, session.get_one(Person, ended.absent_id), session.get_one(Person, ended.substitute_id))
        return substitution_json(told, now.astimezone(OFFICE_ZONE).date())

    return once(write)


@router.get("/people")
def list_people(
    session: Db,
    me: Me,
    now: Now,
    q: Annotated[str, Query(max_length=100, description="part of a name or an account")] = "",
    after: After = 0,
    limit: Limit = 50,
    total: bool = False,
) -> dict[str, Any]:
    """The officers one looks after, as head of their unit or as administrator, with what is open, yellow and red with each."""
    q = q.replace("\0", "").strip()
    found, following = officers(session, me, now, q=q, after=after, limit=limit)
    counted = {"total": count_officers(session, me, now, q)} if total else {}
    return {"items": [officer_json(one, now) for one in found], "next": following} | counted


@router.get("/people/{account}")
def read_person(account: Account, session: Db, me: Me, now: Now) -> dict[str, Any]:
    """One of them, or oneself."""
    return officer_json(officer(session, me, account, now), now)


@router.post("/people/{account}/handover")
def hand_over(account: Account, session: Db, me: Me, now: Now, asked: Leaving, once: OnlyOnce) -> Response:
    """离岗移交: give the officer's open cases to a colleague, or back to the pools; what cannot be handed over says why.

    At most five hundred at a time: go on with `after` until `next` is null. Asked again, what is done stays done.
    """

    def write() -> dict[str, Any]:
        leaving = officer(session, me, account, now)
        to = person_of(session, asked.to, "to")
        found = handover(session, leaving.person, to, by=me, at=now, dry_run=asked.dry_run, after=asked.after)
        return handover_json(found, leaving, to, now) | {"dry_run": asked.dry_run}

    return once(write)


@router.post("/people/{account}/posts/{post_id}/end")
def end_a_post(
    account: Account, post_id: Key, session: Db, me: Me, now: Now, asked: LastDay, once: OnlyOnce
) -> Response:
    """The post ends with `last_day`. 409, with what is still with the officer, as long as anything is."""

    def write() -> dict[str, Any]:
        officer(session, me, account, now)
        end_post(session, post_id, between(asked.last_day, asked.last_day)[0], by=me, at=now)
        return officer_json(officer(session, me, account, now), now)

    return once(write)


@router.post("/orphans/{orphan_id}/take")
def take(orphan_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce) -> Response:
    """See to an escalation that found nobody, as a head of the case's area or its duty desk. 409 where somebody was quicker."""

    def write() -> dict[str, Any]:
        orphan = take_orphan(session, orphan_id, by=me, at=now)
        return {"id": orphan.id, "taken_by": orphan.taken_by_id}

    return once(write)


# --- what pages do too -----------------------------------------------------------------------------------------------


def person_of(session: Session, handle: str | None, field: str) -> Person | None:
    """The person of that `Person.handle`. Errors: `Invalid` where there is none."""
    if handle is None:
        return None
    found = session.scalar(select(Person).where(Person.has_handle(handle)))
    if found is None:
        raise Invalid(f"没有账号“{handle[:40]}”。", field=field)
    return found


def between(first: date, last: date) -> tuple[date, date]:
    """The days as they are, unless no calendar has them. Errors: `Invalid`."""
    for name, day in (("from_day", first), ("to_day", last)):
        if not 2004 < day.year < LAST_YEAR:
            raise Invalid(f"日期须在2005年至{LAST_YEAR - 1}年之间。", field=name)
    return first, last


def state_of(told: Told, today: date) -> str:
    """`now`, `ahead`, `over` (its days have passed) or `ended` (before they had)."""
    if told.row.ended_at is not None:
        return "ended"
    if today > told.row.to_day:
        return "over"
    return "now" if told.row.from_day <= today else "ahead"


def substitution_json(told: Told, today: date) -> dict[str, Any]:
    return {
        "id": told.row.id,
        "absent": _named(told.absent),
        "substitute": _named(told.substitute),
        "from": told.row.from_day.isoformat(),
        "to": told.row.to_day.isoformat(),
        "state": state_of(told, today),
        "ended_at": instant(told.row.ended_at),
    }


def officer_json(one: Officer, now: datetime) -> dict[str, Any]:
    today = now.astimezone(OFFICE_ZONE).date()
    return _named(one.person) | {
        "posts": [
            {
                "id": post.id,
                "role": post.role,
                "title": Role(post.role).title,
                "area": post.area_path.strip("/").split("/")[-1],
                "from": post.from_day.isoformat(),
                "to": post.to_day and post.to_day.isoformat(),
            }
            for post in one.posts
        ],
        "is_active": one.person.is_active,
        "on_duty": one.holds_a_post_on(today),
        "open": one.open,
        "yellow": one.yellow,
        "red": one.red,
        "substitutions": [substitution_json(told, today) for told in one.substitutions],
    }


def handover_json(found: HandOver, leaving: Officer, to: Person | None, now: datetime) -> dict[str, Any]:
    today = now.astimezone(OFFICE_ZONE).date()
    return {
        "from": _named(leaving.person),
        "to": to and _named(to),
        "items": [
            {"number": item.number, "stage": item.stage, "stage_title": item.stage_title, "done": item.done, "why": item.why}
            for item in found.items
        ],
        "done": found.done,
        "left": found.left,
        "elsewhere": found.elsewhere,
        "next": found.next,
        "unread": found.unread,
        "substitutions": [substitution_json(told, today) for told in leaving.substitutions],
    }  # fmt: skip


def _named(person: Person) -> dict[str, Any]:
    return {"id": person.id, "account": person.account, "name": person.name}
