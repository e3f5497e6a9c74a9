"""Cases through JSON. `POST …/events` is the one way to move a case; everything else reads, opens, claims or remarks."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import applicants, desks_of, estates_to_ask_for, must_note, opens_for, see
from models.case import Backdate, Case, CaseEvent, events_of, whole
from models.casetypes import casetype
from models.casetypes.describe import describe
from models.documents import Document, body_of
from models.dossier import Dossier, Offer, ToldClock, ToldEvent, dossier, told_clocks, told_events
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.lists import CaseQuery, page_of, total_of
from models.people import Person
from models.publicity import Objection, objections
from models.roster import masked_name
from models.territory import Estate
from models.what_if import read_as_of, what_if
from models.worktime import OFFICE_ZONE

from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["cases"])
UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def _id_or_name(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        # pydantic turns only ValueError into an answer
        raise ValueError("请写小区的编号或者全名")  # noqa: TRY004
    return value


class Asked(BaseModel):
    """A body of ours: nothing but what it names, and no characters that PostgreSQL's texts cannot hold."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _writable(cls, values: Any) -> Any:
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, str) and UNWRITABLE.search(value):
                raise Invalid("内容中有不可见的空字符或无法保存的字符，请删除后重试。", field=name)
        return values


class Opening(Asked):
    type: str = Field(max_length=50)
    estate: Annotated[int | str, BeforeValidator(_id_or_name), Field(description="id or exact name")]
    details: dict[str, Any] | None = None
    note: str | None = None
    at: datetime | None = Field(default=None, description="补录: when it happened; needs `reason` and `proof`")
    reason: str | None = None
    proof: str | None = None
    on_behalf_of: str | None = Field(default=None, description="`body:ID`: entered at the counter for the applicant")


class Happening(Asked):
    name: str = Field(max_length=50)
    facts: dict[str, Any] | None = None
    note: str | None = None
    seq: int | None = Field(default=None, description="last line seen; another one since: 409")
    at: datetime | None = Field(default=None, description="补录: when it happened; needs `reason` and `proof`")
    reason: str | None = None
    proof: str | None = None
    on_behalf_of: str | None = Field(default=None, description="`body:ID`: entered at the counter for the applicant")


class Assignment(Asked):
    to: str | None = Field(description="account, one's own to claim; null puts it back into the pool")
    seq: int | None = Field(default=None, description="last line seen; another one since: 409")


class Remark(Asked):
    note: str


class Objecting(Asked):
    words: str
    name: str | None = Field(default=None, description="who objects, where it is entered at the counter")
    unit: str = ""


@router.get("/casetypes", tags=["reference"])
def list_casetypes(me: Me) -> list[dict[str, Any]]:
    """Every procedure: stages, limits, events, the facts they ask for."""
    return describe()


@router.get("/cases")
def list_cases(session: Db, me: Me, now: Now, query: Annotated[CaseQuery, Query()]) -> dict[str, Any]:
    """Cases one may see: `{"items", "next"}`, and the exact `total` when asked with `total=1`."""
    rows, after = page_of(session, me, query, now)
    at = query.at or now
    people = names(session, Person, {case.assignee_id for case in rows if case.assignee_id})
    items = [summary(case, at, people.get(case.assignee_id or 0)) for case in rows]
    return {"items": items, "next": after} | ({"total": total_of(session, me, query, now)} if query.total else {})


@router.post("/cases", status_code=201)
def create_case(session: Db, me: Me, now: Now, asked: Opening, once: OnlyOnce) -> Response:
    """Open a case for an estate: whoever belongs to a body that may ask for it, and a street clerk at the counter for them."""

    def write() -> dict[str, Any]:
        case = open_case(
            session, me, now, asked.type, asked.estate, asked.details or {},
            note=asked.note, backdate=backdate_of(asked.at, asked.reason, asked.proof), applicant=_body_of(asked.on_behalf_of),
        )  # fmt: skip
        return told(session, me, case, now)

    return once(write, 201)


@router.get("/cases/{number}")
def read_case(session: Db, me: Me, now: Now, number: str) -> dict[str, Any]:
    """One case: where it stands, what is due, what one may do, everything that happened."""
    return told(session, me, see(session, me, number), now)


@router.post("/cases/{number}/events", status_code=201)
def create_event(session: Db, me: Me, now: Now, number: str, asked: Happening, once: OnlyOnce) -> Response:
    """Let an event happen. 409: not now, or somebody was quicker; 422: a fact is wrong, named in `field`."""

    def write() -> dict[str, Any]:
        case = see(session, me, number)
        if asked.on_behalf_of not in (None, f"body:{case.applicant_id}"):
            raise Invalid(f"窗口代录只能代本件的申请人（body:{case.applicant_id}）。", field="on_behalf_of")
        event = case.fire(
            asked.name, by=me, at=now, facts=asked.facts, note=asked.note, seq=asked.seq,
            backdate=backdate_of(asked.at, asked.reason, asked.proof), on_behalf_of=asked.on_behalf_of,
        )  # fmt: skip
        return {"event": _event(told_events(session, case, [event])[0]), "case": told(session, me, case, now)}

    return once(write, 201)


@router.get("/cases/{number}/events")
def list_events(session: Db, me: Me, number: str) -> dict[str, Any]:
    """The ledger, from the first line, with its hashes."""
    case = see(session, me, number)
    items = [_event(event) for event in told_events(session, case, events_of(session, case))]
    return {"items": items, "next": None, "total": len(items)}


@router.get("/cases/{number}/chain")
def check_chain(session: Db, me: Me, number: str) -> dict[str, Any]:
    """Whether the ledger is whole: every line hashed anew, and the last one the case's own. `sentence` names what is wrong."""
    case = see(session, me, number)
    return _chain(case, whole(events_of(session, case), case.last_seq, case.last_hash))


@router.get("/cases/{number}/clocks")
def list_clocks(session: Db, me: Me, now: Now, number: str) -> dict[str, Any]:
    """Every clock with the rule it was counted by and each day from its start: counted or skipped, and why."""
    items = [_clock(clock) for clock in told_clocks(session, see(session, me, number), now)]
    return {"items": items, "next": None, "total": len(items)}


@router.get("/cases/{number}/what-if")
def think_ahead(
    session: Db,
    me: Me,
    now: Now,
    number: str,
    as_of: Annotated[str, Query(max_length=40, description="day or instant")],
) -> dict[str, Any]:
    """推演: what will be due and what will have fired by then if nobody acts; of what is over, what the ledger says. Writes nothing."""
    found = what_if(session, see(session, me, number), read_as_of(as_of), now)
    return {
        "number": number,
        "kind": found.kind,
        "as_of": instant(found.as_of),
        "at": instant(found.at),
        "stage": {"name": found.stage, "title": found.stage_title},
        "is_open": found.is_open,
        "card": found.card,
        "clocks": [
            asdict(clock) | {"due_day": clock.due_day.isoformat(), "due_at": instant(clock.due_at)}
            for clock in found.clocks
        ],
        "happenings": [
            asdict(one) | {"at": instant(one.at), "planned_at": instant(one.planned_at)} for one in found.happenings
        ],
        "words": found.words,
    }


@router.get("/cases/{number}/documents")
def list_documents(session: Db, me: Me, number: str) -> dict[str, Any]:
    """Papers issued in the case."""
    case = see(session, me, number)
    found = session.scalars(select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.id)))
    items = [_document(case, document) for document in found]
    return {"items": items, "next": None, "total": len(items)}


@router.get("/cases/{number}/documents/{document_id}.pdf", response_class=Response)
def read_document(session: Db, me: Me, number: str, document_id: int) -> Response:
    """The paper as it left the office."""
    case = see(session, me, number)
    document = session.get(Document, document_id) if document_id < 2**63 else None
    if document is None or document.case_id != case.id:
        raise NotFound("本件没有这份文书。")
    name = f"{case.number}-{document.kind}-{document.id}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "ETag": f'"{document.sha256}"'}
    return Response(body_of(session, document.sha256), media_type="application/pdf", headers=headers)


@router.post("/cases/{number}/assign")
def assign_case(session: Db, me: Me, now: Now, number: str, asked: Assignment, once: OnlyOnce) -> Response:
    """Claim it (领取), hand it to a colleague (转办), or put it back into the desk's pool."""

    def write() -> dict[str, Any]:
        case = see(session, me, number)
        to = officer(session, asked.to)
        if to is me and asked.seq is None:
            refuse_taken(session, case, me)
        case.assign(to, by=me, at=now, seq=asked.seq)
        return told(session, me, case, now)

    return once(write)


@router.post("/cases/{number}/notes", status_code=201)
def create_note(session: Db, me: Me, now: Now, number: str, asked: Remark, once: OnlyOnce) -> Response:
    """Add a remark to the ledger."""

    def write() -> dict[str, Any]:
        case = see(session, me, number)
        must_note(me, case)
        return _event(told_events(session, case, [case.note(asked.note, by=me, at=now)])[0])

    return once(write, 201)


@router.get("/cases/{number}/objections")
def list_objections(session: Db, me: Me, number: str) -> dict[str, Any]:
    """What owners objected to in the case's publicities, and what they were answered."""
    items = [_objection(one) for one in objections(session, see(session, me, number).id)]
    return {"items": items, "next": None, "total": len(items)}


@router.post("/cases/{number}/objections", status_code=201)
def create_objection(session: Db, me: Me, now: Now, number: str, asked: Objecting, once: OnlyOnce) -> Response:
    """Object to the publicity that runs. It is answered by the event `answer_objection`."""

    def write() -> dict[str, Any]:
        case = see(session, me, number)
        return _objection(case.object(asked.words, by=me, at=now, name=asked.name or me.name, unit=asked.unit))

    return once(write, 201)


# --- what pages do too -----------------------------------------------------------------------------------------------


def open_case(
    session: Session,
    me: Person,
    now: datetime,
    type_id: str,
    estate: int | str,
    details: Mapping[str, Any],
    *,
    note: str | None = None,
    backdate: Backdate | None = None,
    applicant: int | None = None,
) -> Case:
    """Open a case for one of the bodies that may ask for it there: one's own, or at the counter `applicant` or the first of them.

    Errors: `Invalid` (estate, on_behalf_of, details), `Forbidden`.
    """
    place = _estate(session, me, estate)
    kind = casetype(type_id)
    bodies = applicants(session, kind, [place])[place.id or 0]
    if not bodies:
        raise Invalid(f"{place.name}没有登记可以提出“{kind.title}”的单位，不能立案。", field="estate")
    if applicant is not None:
        bodies = [body for body in bodies if body.id == applicant]
        if not bodies:
            raise Invalid(f"编号为 {applicant} 的单位不能在{place.name}提出“{kind.title}”。", field="on_behalf_of")
    found = opens_for(me, bodies, place)
    if found is None:
        named = "、".join(body.name for body in bodies)
        raise Forbidden(f"{place.name}的{kind.title}由{named}提出，或由所在街道窗口代录，您没有这一权限。")
    body, at_counter = found
    return Case.open(
        session, type_id, estate=place, applicant=body, details=details, by=me, at=now, recorded_at=now,
        note=note, backdate=backdate, on_behalf_of=f"body:{body.id}" if at_counter else None,
    )  # fmt: skip


def _body_of(on_behalf_of: str | None) -> int | None:
    if on_behalf_of is None:
        return None
    whose, _, number = on_behalf_of.partition(":")
    if whose != "body" or not re.fullmatch(r"[0-9]{1,18}", number):
        raise Invalid("代哪个单位提出，须写成 body:编号。", field="on_behalf_of")
    return int(number)


def backdate_of(at: datetime | None, reason: str | None, proof: str | None) -> Backdate | None:
    """What makes an entry a 补录; an instant without a zone is the office's."""
    if at is None and not reason and not proof:
        return None
    if at is None:
        raise Invalid("补录须填写实际发生的时间。", field="at")
    at = at if at.tzinfo else at.replace(tzinfo=OFFICE_ZONE)
    if not 2000 <= at.year < 2100:
        raise Invalid(f"补录的时间 {at:%Y-%m-%d} 不合常理，请核对年份。", field="at")
    return Backdate(at, reason or "", proof or "")


def officer(session: Session, account: str | None) -> Person | None:
    """Errors: `Invalid` where there is no such account."""
    if account is None:
        return None
    found = session.scalar(select(Person).where(col(Person.account) == account, col(Person.is_active)))
    if found is None:
        raise Invalid(f"没有账号“{account[:40]}”。", field="to")
    return found


def refuse_taken(session: Session, case: Case, me: Person) -> None:
    """Of two who claim a case without having seen its last line, the second is told. Locks the case."""
    session.refresh(case, with_for_update=True)
    if case.assignee_id not in (None, me.id):
        name = session.get_one(Person, case.assignee_id).name
        raise Conflict(f"本件已由{name}领取；如需接办，请刷新后转办。", field="to")


def _estate(session: Session, me: Person, wanted: int | str) -> Estate:
    seen = estates_to_ask_for(me)
    known = col(Estate.id) == wanted if isinstance(wanted, int) else col(Estate.name) == wanted.strip()
    found = None if isinstance(wanted, int) and abs(wanted) >= 2**63 else session.scalars(seen.where(known)).all()
    if not found:
        raise Invalid(f"没有小区“{str(wanted)[:40]}”，或不在您的办理范围。", field="estate")
    if len(found) > 1:
        raise Invalid(f"名为“{wanted}”的小区不止一个，请用编号。", field="estate")
    estate: Estate = found[0]
    return estate


# --- how it is told --------------------------------------------------------------------------------------------------


def summary(case: Case, at: datetime, assignee: str | None) -> dict[str, Any]:
    """A case as a line of a list."""
    return {
        "number": case.number,
        "type": case.type,
        "title": case.kind.title,
        "stage": case.stage,
        "stage_title": case.current.title,
        "desk": case.desk,
        "estate": {"id": case.estate_id, "name": case.place},
        "area": case.path.strip("/").split("/")[-1],
        "details": case.details,
        "assignee": assignee,
        "opened_at": instant(case.opened_at),
        "stage_since": instant(case.stage_since),
        "closed_at": instant(case.closed_at),
        "outcome": case.outcome,
        "due_at": instant(case.next_due_at),
        "card": case.card(at),
        "paused": case.is_paused,
        "stale": case.is_stale(at),
        "seq": case.last_seq,
    }


def told(session: Session, me: Person, case: Case, at: datetime) -> dict[str, Any]:
    """A case whole."""
    d: Dossier = dossier(session, me, case, at)
    return summary(case, at, d.assignee.name if d.assignee else None) | {
        "law_day": case.law_day.isoformat(),
        "applicant": {"id": d.applicant.id, "name": d.applicant.name},
        "desks": sorted(desks_of(me, case)),
        "stages": [step._asdict() for step in d.stages],
        "moves": [_offer(offer) for offer in d.moves],
        "counter_moves": [_offer(offer) for offer in d.counter_moves],
        "may_claim": d.may_claim,
        "colleagues": [{"account": one.account, "name": one.name} for one in d.assignees],
        "clocks": [_clock(clock) for clock in d.clocks],
        "events": [_event(event) for event in d.events],
        "documents": [_document(case, document) for document in d.documents],
        "needs": [{"title": need.title, "by": need.by, "handed_in": need.handed_in} for need in d.needs],
        "attachments": [
            {"id": one.id, "need": one.need, "filename": one.filename, "media_type": one.media_type, "size": one.size,
             "sha256": one.sha256, "at": instant(one.at)}
            for one in d.attachments
        ],
        "publicities": [
            {"stage": one.publicity.stage, "from_day": one.publicity.from_day.isoformat(), "to_day": one.publicity.to_day.isoformat(),
             "places": one.publicity.places, "notice": one.publicity.notice, "state": one.state}
            for one in d.publicities
        ],
        "objections": [_objection(one) for one in d.objections],
        "links": [
            {"number": one.case.number, "type": one.case.type, "why": one.why, "is_source": one.is_source, "result": one.result}
            for one in d.links
        ],
        "decision": d.decision and {"id": d.decision.id, "title": d.decision.title, "passed": d.decision.passed},
        "chain": _chain(case, d.chain),
    }  # fmt: skip


def instant(value: datetime | None) -> str | None:
    return value.astimezone(OFFICE_ZONE).isoformat() if value else None


def _chain(case: Case, wrong: str | None) -> dict[str, Any]:
    return {"whole": wrong is None, "sentence": wrong, "seq": case.last_seq, "hash": case.last_hash}


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "title": offer.title,
        "obstacle": offer.obstacle,
        "facts": offer.facts,
        "enterable_afterwards": offer.backdatable,
    }


def _clock(told: ToldClock) -> dict[str, Any]:
    clock, rule = told.clock, told.rule
    return {
        "id": clock.id,
        "kind": clock.kind,
        "limits": clock.limits,
        "title": told.title,
        "limit": clock.limit,
        "started_at": instant(clock.started_at),
        "due_day": clock.due_day.isoformat(),
        "due_at": instant(clock.due_at),
        "warn_at": instant(clock.warn_at),
        "provisional": clock.provisional,
        "paused_at": instant(clock.paused_at),
        "stopped_at": instant(clock.stopped_at),
        "outcome": clock.outcome,
        "card": told.card,
        "generation": clock.generation,
        "next_step": clock.next_step,
        "next_at": instant(clock.next_at),
        "edition": clock.edition,
        "rule": {
            "id": rule.id, "version": rule.version, "title": rule.title, "value": rule.value, "source": rule.source,
            "article": rule.article, "confidence": rule.confidence, "remark": rule.remark,
        },
        "days": [{"date": day.date.isoformat(), "counts": day.counts, "why": day.why} for day in told.days],
        "pauses": [
            {"paused_at": instant(stop.paused_at), "resumed_at": instant(stop.resumed_at), "reason": stop.reason}
            for stop in told.pauses
        ],
        "lines": [
            {"what": line.what, "at": instant(line.at), "old_due": instant(line.old_due), "new_due": instant(line.new_due)}
            for line in told.lines
        ],
    }  # fmt: skip


def _event(told: ToldEvent) -> dict[str, Any]:
    event: CaseEvent = told.event
    return {
        "seq": event.seq,
        "name": event.name,
        "title": told.title,
        "from": event.from_stage,
        "to": event.to_stage,
        "by": told.by and {"account": told.by.account, "name": told.by.name},
        "who": told.who,
        "on_behalf_of": event.on_behalf_of,
        "at": instant(event.at),
        "recorded_at": instant(event.recorded_at),
        "backdated": event.is_backdated,
        "facts": event.facts,
        "words": told.words,
        "note": event.note,
        "hash": event.hash,
        "prev_hash": event.prev_hash,
        "handled_at": instant(event.handled_at),
    }


def _objection(one: Objection) -> dict[str, Any]:
    return {
        "id": one.id,
        "stage": one.stage,
        "name": masked_name(one.name),
        "unit": one.unit,
        "words": one.words,
        "at": instant(one.at),
        "answer": one.answer,
        "upheld": one.upheld,
        "answered_at": instant(one.answered_at),
    }


def _document(case: Case, document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "kind": document.kind,
        "title": document.title,
        "number": document.number,
        "issued_on": document.issued_on.isoformat(),
        "pages": document.pages,
        "sha256": document.sha256,
        "fonts": document.fonts,
        "href": f"/api/cases/{case.number}/documents/{document.id}.pdf",
    }


def names(session: Session, model: Any, ids: set[int]) -> dict[int, str]:
    """Names by id, of estates or people."""
    rows = session.execute(select(col(model.id), col(model.name)).where(col(model.id).in_(ids)))
    return {row_id: name for row_id, name in rows}
