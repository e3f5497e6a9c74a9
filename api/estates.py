"""Estates, their rosters, and the owners' common decisions: what is read from the papers, ruled, and counted.

Names are masked everywhere (`苏*`); identity numbers and telephone numbers are answered nowhere. Areas are dm² (hundredths of a
square metre). A refusal's `field` is `roster` or `ballots` for what is wrong with that paper, else the input's name.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Path, Query, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col
from starlette import datastructures

from models import estates as told
from models.access import may_keep_roster, must_keep_roster, see, see_decision, see_estate
from models.case import Case
from models.decisions import Ballot, Decision, Doubt, MotionKind, Roster
from models.electronic import ElectronicVote
from models.errors import NotFound
from models.people import Person
from models.reading import ELECTRONIC
from models.roster import masked_name
from models.scope import EVERYBODY
from models.settings import settings
from models.territory import Estate
from models.worktime import OFFICE_ZONE

from .cases import instant
from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["estates"])
Key = Annotated[int, Path(ge=1, lt=2**63)]
After = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Search = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]
Paper = Annotated[UploadFile, File(description=".xlsx")]


class NewDecision(BaseModel):
    """A matter put to the owners; the days of the vote, both included, or neither where times are not looked at."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(max_length=200)
    kind: MotionKind = "ordinary"
    scope: str = Field(
        default=EVERYBODY, max_length=2000, pattern=r"^[^\x00]*$", description="全体业主，或者楼栋、单元、房号"
    )
    window_from: date | None = None
    window_to: date | None = None
    candidates: list[str] = Field(default_factory=list, max_length=60)
    """Of an election: names for which the file of ballots has a column each; none, and ballots speak of all as a whole."""


class Ruling(BaseModel):
    """Of the ballots of `unit`, the one in `row` counts, or none (`row` null). `opinion` for a row whose opinion could not be
    read. Without `unit`: the line in `row` names none, and is set aside."""

    model_config = ConfigDict(extra="forbid")

    unit: str | None = Field(default=None, max_length=40)
    row: int | None = Field(default=None, ge=1, lt=2 * ELECTRONIC)
    opinion: Literal["agree", "disagree", "abstain"] | None = None
    """Of an election it is answered nowhere."""
    reason: str = Field(max_length=400)


class Recount(BaseModel):
    """Why, where people are elected; whoever confirms need not say it again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=400)


class Settling(BaseModel):
    """What the roster left open, by its `kind` and `rows`, stands as it was read."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=40)
    rows: list[int] = Field(max_length=1000)
    reason: str = Field(max_length=400)


# --- estates and rosters ---


@router.get("/estates")
def list_estates(
    session: Db, me: Me, q: Search = "", after: After = 0, limit: Limit = 50, total: bool = False
) -> dict[str, Any]:
    """The estates one may see, by id; `q` is part of a name or of the company's."""
    found, following = told.estates(session, me, q=q.strip(), after=after, limit=limit)
    items = [_estate(row, me) for row in found]
    return {"items": items, "next": following} | (
        {"total": told.count_estates(session, me, q.strip())} if total else {}
    )


@router.get("/estates/{estate_id}")
def read_estate(estate_id: Key, session: Db, me: Me) -> dict[str, Any]:
    """One estate with the roster in use and what it leaves to decide."""
    row = told.estate_seen(session, me, estate_id)
    return _estate(row, me) | {"roster": row.roster and roster_json(session, row.roster)}


@router.post("/estates/{estate_id}/roster", status_code=201)
def upload_roster(
    estate_id: Key,
    session: Db,
    me: Me,
    now: Now,
    once: OnlyOnce,
    file: Paper,
    renumbered: Annotated[bool, Form()] = False,
) -> JSONResponse:
    """Take in a roster (业主名册) in place of the one in use: what was read, merged, noted, refused, and left to decide.

    `renumbered=true` where most units are meant to be others than before. A file that is no use changes nothing.
    """
    estate = see_estate(session, me, estate_id)
    must_keep_roster(me, estate)

    def write() -> dict[str, Any]:
        data = bounded(file)
        kept = Roster.read(
            session, estate, data, filename=file.filename or "", by=me, at=now, renumbered=renumbered
        )  # fmt: skip
        return roster_json(session, kept)

    return once(write, 201)


@router.get("/estates/{estate_id}/roster")
def read_roster(estate_id: Key, session: Db, me: Me) -> dict[str, Any]:
    estate = see_estate(session, me, estate_id)
    return roster_json(session, _roster_of(session, estate))


@router.post("/estates/{estate_id}/roster/rulings")
def settle_roster(estate_id: Key, asked: Settling, session: Db, me: Me, now: Now, once: OnlyOnce) -> JSONResponse:
    """认定: what the roster counted for the time being stands, for a reason. 409 for what only a better file can mend."""
    estate = see_estate(session, me, estate_id)
    must_keep_roster(me, estate)

    def write() -> dict[str, Any]:
        roster = _roster_of(session, estate)
        roster.settle(session, asked.kind, asked.rows, asked.reason, by=me, at=now)
        return roster_json(session, roster)

    return once(write)


@router.get("/estates/{estate_id}/units")
def list_units(
    estate_id: Key, session: Db, me: Me, q: Search = "", after: After = 0, limit: Limit = 50
) -> dict[str, Any]:
    """The units of the roster in use, in its order; owners masked. Units of one owner have one `head`."""
    estate = see_estate(session, me, estate_id)
    found, following = told.units(session, estate, q=q.strip(), after=after, limit=limit)
    return {
        "items": [
            {
                "id": unit.id, "unit": unit.label, "area_dm2": unit.area_dm2, "owner": masked_name(unit.owner),
                "head": unit.owner_key, "unsold": unit.unsold,
            }
            for unit in found
        ],
        "next": following,
    }  # fmt: skip


# --- decisions and ballots ---


@router.get("/estates/{estate_id}/decisions")
def list_decisions(
    estate_id: Key,
    session: Db,
    me: Me,
    after: Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before")] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """The estate's common decisions, the newest first."""
    estate = see_estate(session, me, estate_id)
    found, following = told.decisions_of(session, estate, before=after, limit=limit)
    return {"items": [_in_short(decision) for decision in found], "next": following}


@router.post("/estates/{estate_id}/decisions", status_code=201)
def open_decision(estate_id: Key, asked: NewDecision, session: Db, me: Me, now: Now, once: OnlyOnce) -> JSONResponse:
    estate = see_estate(session, me, estate_id)
    must_keep_roster(me, estate)
    return once(
        lambda: decision_json(session, me, Decision.open(session, estate, **asked.model_dump(), by=me, at=now)), 201
    )


@router.get("/decisions/{decision_id}")
def read_decision(decision_id: Key, session: Db, me: Me) -> dict[str, Any]:
    """The decision, and its tally once ballots were counted."""
    return decision_json(session, me, see_decision(session, me, decision_id))


@router.post("/decisions/{decision_id}/ballots", status_code=201)
def upload_ballots(
    decision_id: Key,
    session: Db,
    me: Me,
    now: Now,
    once: OnlyOnce,
    file: Paper,
    reason: Annotated[str, Form(max_length=400)] = "",
) -> JSONResponse:
    """Take in the ballots (表决票), in place of those before and what was ruled about them, and count them.

    Of an election that was counted before, another person must confirm: `recount` says who asks and for what `reason`.
    """
    decision = kept_by(session, me, decision_id)

    def write() -> dict[str, Any]:
        decision.take(session, bounded(file), filename=file.filename or "", by=me, at=now, reason=reason)
        return decision_json(session, me, decision)

    return once(write, 201)


@router.get("/decisions/{decision_id}/ballots")
def list_ballots(decision_id: Key, session: Db, me: Me, after: After = 0, limit: Limit = 50) -> dict[str, Any]:
    """The ballots as they were handed in, in the file's order, and those cast electronically by number; owners masked.

    `set_aside`: why one cast electronically does not count (`superseded`, `late`). Of an election `opinion` is null.
    """
    decision = see_decision(session, me, decision_id)
    rows = session.scalars(
        select(Ballot)
        .where(col(Ballot.decision_id) == decision.id, col(Ballot.id) > after)
        .order_by(col(Ballot.id))
        .limit(limit + 1)
    ).all()
    return {
        "items": [ballot_json(row) for row in rows[:limit]],
        "next": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post("/decisions/{decision_id}/rulings")
def rule(decision_id: Key, asked: Ruling, session: Db, me: Me, now: Now, once: OnlyOnce) -> JSONResponse:
    """认定, and count again. What the roster leaves open is settled at the roster."""
    decision = kept_by(session, me, decision_id)

    def write() -> dict[str, Any]:
        decision.rule(session, asked.unit, asked.row, asked.reason, by=me, at=now, opinion=asked.opinion)
        return decision_json(session, me, decision)

    return once(write)


@router.post("/decisions/{decision_id}/count")
def count_again(
    decision_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce, asked: Recount | None = None
) -> JSONResponse:
    """Count the same ballots again by the roster now in use.

    Of an election the first to ask changes nothing: `recount` says who asked, and another person who does the same confirms it,
    or the other ballots that were asked for. 403 for the same person.
    """
    decision = kept_by(session, me, decision_id)

    def write() -> dict[str, Any]:
        decision.recount(session, by=me, at=now, reason=asked.reason if asked else "")
        return decision_json(session, me, decision)

    return once(write)


@router.delete("/decisions/{decision_id}/count")
def withdraw_count(decision_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce) -> JSONResponse:
    """Withdraw, or decline to confirm, what waits for a second person. 409 where nothing does."""
    decision = kept_by(session, me, decision_id)

    def write() -> dict[str, Any]:
        decision.withdraw_recount(session, by=me, at=now)
        return decision_json(session, me, decision)

    return once(write)


@router.post("/cases/{number}/ballots", status_code=201)
def upload_ballots_of_case(
    number: str, session: Db, me: Me, now: Now, once: OnlyOnce, file: Paper
) -> JSONResponse:  # fmt: skip
    """The ballots of the vote that this case runs, counted within the window of the case's clock. 409 before it opens."""
    case = see(session, me, number)
    must_keep_roster(me, session.get_one(Estate, case.estate_id))

    def write() -> dict[str, Any]:
        data = bounded(file)
        decision = Decision.of_case(session, case, by=me, at=now)
        decision.take(session, data, filename=file.filename or "", by=me, at=now)
        return decision_json(session, me, decision)

    return once(write, 201)


# --- what pages share ---


def bounded(file: datastructures.UploadFile) -> bytes:
    """What was uploaded, one byte more than allowed at most: enough for its reader to see that it is too large."""
    return file.file.read(settings().upload_limit + 1)


def kept_by(session: Session, me: Person, decision_id: int) -> Decision:
    """A decision that this person may change. Raises `NotFound`, `Forbidden`."""
    decision = see_decision(session, me, decision_id)
    must_keep_roster(me, session.get_one(Estate, decision.estate_id))
    return decision


# --- as JSON ---


def roster_json(session: Session, roster: Roster) -> dict[str, Any]:
    by = session.get(Person, roster.by_id) if roster.by_id else None
    return {
        "id": roster.id,
        "estate": roster.estate_id,
        "filename": roster.filename,
        "sha256": roster.sha256,
        "at": instant(roster.at),
        "by": by and by.name,
        "units": roster.units,
        "total_area_dm2": roster.total_area_dm2,
        "heads": roster.heads,
        "unsold_units": roster.unsold_units,
        "duplicate_lines": roster.duplicate_lines,
        "merged": roster.findings["merged"],
        "refused": roster.findings["refused"],
        "undecided": roster.undecided,
        "noted": roster.findings["noted"],
        "settled": [finding | {"by": _name(session, finding["by"])} for finding in roster.settled],
    }


def decision_json(session: Session, me: Person, decision: Decision) -> dict[str, Any]:
    """`_in_short`, the whole tally, and what a person must rule on with the ballots to choose from. `electronic` as `turnout`."""
    estate = session.get_one(Estate, decision.estate_id)
    rows, resting = rows_of(session, decision), decision.resting(session)
    return (
        (decision.tally or {})
        | _in_short(decision)
        | {
            "case": decision.case_id
            and session.scalar(select(col(Case.number)).where(col(Case.id) == decision.case_id)),
            "estate_name": estate.name,
            "candidate_names": decision.candidates or [],
            "filename": decision.filename,
            "sha256": decision.sha256,
            "roster": decision.roster_id,
            "roster_is_newer": decision.is_behind(Roster.of(session, decision.estate_id)),
            "doubts": [_doubt(doubt, rows) for doubt in decision.doubts],
            "rulings": [
                {name: ruling[name] for name in ("unit", "row", "opinion", "rows", "reason", "at")}
                | {"by": _name(session, ruling["by"])}
                for ruling in decision.rulings.values()
            ],
            "recount": decision.recount_asked and recount_json(session, decision.recount_asked),
            "recounts": [recount_json(session, one) for one in decision.recounts or []],
            "electronic": turnout(session, decision),
            "frozen_by": resting and resting.number,
            "may_rule": may_keep_roster(me, estate),
        }
    )


def turnout(session: Session, decision: Decision) -> dict[str, Any] | None:
    """How many have voted electronically, and since when they may; null where nobody may."""
    vote = ElectronicVote.of(session, decision)
    if vote is None:
        return None
    return {"opened_at": instant(vote.opened_at)} | vote.turnout(session, decision).as_json()


def rows_of(session: Session, decision: Decision) -> dict[int, Ballot]:
    """The ballots that are or were in doubt, by their row."""
    wanted = {row for doubt in decision.doubts for row in doubt.rows}
    wanted |= {row for ruling in decision.rulings.values() for row in ruling["rows"]}
    found = select(Ballot).where(
        col(Ballot.decision_id) == decision.id, col(Ballot.row).in_(wanted), col(Ballot.set_aside).is_(None)
    )
    return {ballot.row: ballot for ballot in session.scalars(found)} if wanted else {}


def ballot_json(ballot: Ballot) -> dict[str, Any]:
    return {
        "unit": ballot.unit,
        "owner": ballot.masked_owner,
        "opinion": ballot.opinion,
        "received_at": instant(ballot.received_at),
        "row": ballot.row,
        "set_aside": ballot.set_aside,
    }


def recount_json(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    """`what`: `count` (by the roster in use) or `ballots` (other ones). `ended`: `confirmed`, `withdrawn`, or null."""
    return {
        "what": asked["what"],
        "reason": asked["reason"],
        "asked_by": _name(session, asked["by"]),
        "asked_at": datetime.fromisoformat(asked["at"]).astimezone(OFFICE_ZONE),
        "filename": asked.get("filename"),
        "sha256": asked.get("sha256"),
        "ended": asked.get("ended"),
        "ended_by": _name(session, asked.get("ended_by")),
        "ended_at": datetime.fromisoformat(asked["ended_at"]).astimezone(OFFICE_ZONE) if "ended" in asked else None,
    }


def _in_short(decision: Decision) -> dict[str, Any]:
    """`passed`: by the test for its `kind`; null before anything was counted."""
    return {
        "id": decision.id,
        "estate": decision.estate_id,
        "title": decision.title,
        "kind": decision.kind,
        "scope": decision.scope,
        "window_from": decision.window_from,
        "window_to": decision.window_to,
        "made_at": instant(decision.made_at),
        "counted_at": instant(decision.counted_at),
        "passed": decision.passed if decision.tally else None,
        "why_not": decision.why_not(),
    }


def _doubt(doubt: Doubt, rows: dict[int, Ballot]) -> dict[str, Any]:
    return {
        "unit": doubt.unit,
        "sentences": doubt.sentences,
        "rows": doubt.rows,
        "unread": sorted(doubt.unread),
        "ballots": [ballot_json(rows[row]) for row in doubt.rows if row in rows],
    }


def _estate(row: told.ToldEstate, me: Person) -> dict[str, Any]:
    roster = row.roster
    return {
        "id": row.estate.id,
        "name": row.estate.name,
        "place": row.place,
        "company": row.company and row.company.name,
        "committee": row.committee and row.committee.name,
        "roster": roster
        and {
            "at": instant(roster.at), "units": roster.units, "heads": roster.heads,
            "total_area_dm2": roster.total_area_dm2, "undecided": len(roster.undecided),
        },
        "may_keep_roster": may_keep_roster(me, row.estate),
    }  # fmt: skip


def _roster_of(session: Session, estate: Estate) -> Roster:
    roster = Roster.of(session, estate.id)
    if roster is None:
        raise NotFound("本小区还没有业主名册。")
    return roster


def _name(session: Session, person_id: int | None) -> str | None:
    person = session.get(Person, person_id) if person_id else None
    return person.name if person else None
