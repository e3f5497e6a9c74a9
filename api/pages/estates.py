"""Estates, their rosters and the owners' decisions: papers are handed in here, and what they leave open is ruled on."""

import re
from typing import Annotated, Any, cast
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import func, select
from sqlmodel import Session, col
from starlette.datastructures import FormData, UploadFile

from models import estates as told
from models.access import (
    may_keep_fund,
    may_keep_roster,
    must_keep_fund,
    must_keep_roster,
    see,
    see_decision,
    see_estate,
    sees_balances,
)
from models.case import Case
from models.decisions import MATTERS, Ballot, Decision, MotionKind, Roster
from models.electronic import ElectronicVote
from models.errors import Invalid
from models.estate_roster import PROVISIONAL
from models.fund_accounts import KINDS, accounts_of, fund_of, import_balances, import_deposits, postings_of
from models.people import Person
from models.reading import unit_label
from models.scope import EVERYBODY, buildings_of
from models.tally import ARTICLE
from models.territory import Estate

from ..deps import Db, Me
from ..estates import Key, Search, bounded, kept_by, recount_json, rows_of
from ..voting import workbook
from .forms import Attempt, Typed, attempt, day_typed, text
from .render import Here, page

router = APIRouter()
OPINIONS = {"agree": "同意", "disagree": "不同意", "abstain": "弃权"}
PAGE = 50
SHOWN = 200
"""Accounts on an estate's page; programs get the others page by page."""
DONE = {
    "roster": "名册已导入，从现在起以它为准。",
    "balances": "余额已导入，与原有余额的差额已记账。",
    "deposits": "存入已记账。",
    "settled": "认定已记下。",
    "opened": "表决已建立。",
    "ballots": "表决票已导入并计票。",
    "ruled": "认定已记下，已重新计票。",
    "counted": "已按现行名册重新计票。",
    "asked": "申请已记下，现在的结果不变；请第二人打开本页确认。",
    "confirmed": "已由第二人确认，重新计票。",
    "withdrawn": "申请已撤回，结果不变。",
    "tallied": "已计票。",
}
"""What was just done, by the word that the address of the page to come back to holds."""


@router.get("/estates")
def list_estates(
    request: Request, session: Db, me: Me, q: Search = "", after: Annotated[int, Query(ge=0, lt=2**63)] = 0
) -> HTMLResponse:
    q = q.strip()
    found, following = told.estates(session, me, q=q, after=after, limit=PAGE)
    return page(
        request,
        "estates/list.html",
        me,
        q=q,
        found=found,
        total=told.count_estates(session, me, q),
        more=f"/estates?q={quote(q)}&after={following}" if following else None,
        first=f"/estates?q={quote(q)}" if after else None,
    )


@router.get("/estates/{estate_id}")
def read_estate(
    estate_id: Key,
    request: Request,
    session: Db,
    me: Me,
    done: str = "",
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> HTMLResponse:
    return _estate_page(request, session, me, estate_id, done=DONE.get(done), before=before)


@router.post("/estates/{estate_id}/roster")
def upload_roster(estate_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    estate = _keeping(session, me, estate_id)
    with attempt(session, typed) as tried:
        data, filename = paper(typed, "roster")
        Roster.read(
            session, estate, data, filename=filename, by=me, at=here.now, renumbered="renumbered" in typed
        )  # fmt: skip
        return _to(f"/estates/{estate_id}?done=roster#roster")
    return _estate_page(request, session, me, estate_id, "roster", tried)


@router.post("/estates/{estate_id}/roster/rulings")
def settle_roster(estate_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    estate = _keeping(session, me, estate_id)
    kind, rows = text(typed, "kind"), [int(row) for row in text(typed, "rows").split(",") if row.isdecimal()]
    with attempt(session, typed) as tried:
        roster = Roster.of(session, estate.id)
        if roster is None:
            raise Invalid("本小区还没有业主名册。")
        roster.settle(session, kind, rows, text(typed, "reason"), by=me, at=here.now)
        return _to(f"/estates/{estate_id}?done=settled#roster")
    form = f"{kind}-{text(typed, 'rows')}"
    return _estate_page(request, session, me, estate_id, form, tried)


@router.post("/estates/{estate_id}/fund")
def upload_balances(estate_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """`what`: `balances`, or `deposits` to add to what units have; `day`, of which the file speaks."""
    estate = see_estate(session, me, estate_id)
    must_keep_fund(me, estate)
    with attempt(session, typed) as tried:
        data, filename = paper(typed, "balances")
        day = day_typed(typed, "day", "日期") or here.today
        take = import_deposits if text(typed, "what") == "deposits" else import_balances
        take(session, estate, data, filename=filename, by=me, at=here.now, day=day)
        return _to(f"/estates/{estate_id}?done={text(typed, 'what') or 'balances'}#fund")
    return _estate_page(request, session, me, estate_id, "fund", tried)


@router.post("/estates/{estate_id}/decisions")
def open_decision(estate_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """A new decision; with its ballots, if they come along: then both, or neither."""
    estate = _keeping(session, me, estate_id)
    with attempt(session, typed) as tried:
        decision = Decision.open(
            session,
            estate,
            title=text(typed, "title"),
            kind=cast(MotionKind, text(typed, "kind") or "ordinary"),
            candidates=[name.strip() for name in re.split(r"[、，,;；\n]", text(typed, "candidates"))],
            scope=text(typed, "scope") if "scope" in typed else EVERYBODY,
            window_from=day_typed(typed, "window_from", "表决首日"),
            window_to=day_typed(typed, "window_to", "表决末日"),
            by=me,
            at=here.now,
        )
        if not _has_file(typed, "ballots"):
            return _to(f"/decisions/{decision.id}?done=opened")
        data, filename = paper(typed, "ballots")
        decision.take(session, data, filename=filename, by=me, at=here.now)
        return _to(f"/decisions/{decision.id}?done=ballots")
    return _estate_page(request, session, me, estate_id, "decision", tried)


@router.get("/decisions/{decision_id}")
def read_decision(decision_id: Key, request: Request, session: Db, me: Me, done: str = "") -> HTMLResponse:
    return _decision_page(request, session, me, see_decision(session, me, decision_id), done=DONE.get(done))


@router.post("/decisions/{decision_id}/ballots")
def upload_ballots(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    decision = kept_by(session, me, decision_id)
    with attempt(session, typed) as tried:
        data, filename = paper(typed, "ballots")
        decision.take(session, data, filename=filename, by=me, at=here.now, reason=text(typed, "reason"))
        return _to(f"/decisions/{decision_id}?done={'asked' if decision.recount_asked else 'ballots'}")
    return _decision_page(request, session, me, decision, "ballots", tried)


@router.post("/decisions/{decision_id}/rulings")
def rule(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """`choice` is `none`, a row, or a row and the opinion that the paper shows (`7:agree`)."""
    decision = kept_by(session, me, decision_id)
    unit = text(typed, "unit") or None
    with attempt(session, typed) as tried:
        row, opinion = _choice(text(typed, "choice"))
        decision.rule(session, unit, row, text(typed, "reason"), by=me, at=here.now, opinion=opinion)
        return _to(f"/decisions/{decision_id}?done=ruled")
    form = f"rule-{text(typed, 'of')}"
    return _decision_page(request, session, me, decision, form, tried)


@router.post("/decisions/{decision_id}/count")
def count_again(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    decision = kept_by(session, me, decision_id)
    with attempt(session, typed) as tried:
        first, second = decision.tally is None, decision.recount_asked is not None
        decision.recount(session, by=me, at=here.now, reason=text(typed, "reason"))
        done = "asked" if decision.recount_asked else "tallied" if first else "confirmed" if second else "counted"
        return _to(f"/decisions/{decision_id}?done={done}")
    return _decision_page(request, session, me, decision, "count", tried)


@router.post("/decisions/{decision_id}/count/withdrawal")
def withdraw_count(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    decision = kept_by(session, me, decision_id)
    with attempt(session, typed) as tried:
        decision.withdraw_recount(session, by=me, at=here.now)
        return _to(f"/decisions/{decision_id}?done=withdrawn")
    return _decision_page(request, session, me, decision, "withdrawal", tried)


@router.post("/decisions/{decision_id}/links")
def open_electronic(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Answers the slips as a download: links and codes are given out this once."""
    decision = kept_by(session, me, decision_id)
    with attempt(session, typed) as tried:
        return workbook(request, decision, decision.open_electronic(session, by=me, at=here.now))
    return _decision_page(request, session, me, decision, "links", tried)


@router.post("/decisions/{decision_id}/links/renew")
def reissue(decision_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Of the `unit`, or with `all` of every unit."""
    decision = kept_by(session, me, decision_id)
    with attempt(session, typed) as tried:
        unit = None if "all" in typed else unit_label(text(typed, "unit")) or text(typed, "unit").strip()
        return workbook(request, decision, decision.reissue(session, unit, by=me, at=here.now))
    return _decision_page(request, session, me, decision, "renew", tried)


@router.get("/cases/{number}/ballots")
def read_vote(number: str, request: Request, session: Db, me: Me) -> HTMLResponse:
    return _vote_page(request, session, me, see(session, me, number))


@router.post("/cases/{number}/electronic")
def decision_of_case(number: str, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """The decision of the vote that this case runs, to open its electronic vote there."""
    case = see(session, me, number)
    must_keep_roster(me, session.get_one(Estate, case.estate_id))
    with attempt(session, typed) as tried:
        return _to(f"/decisions/{Decision.of_case(session, case, by=me, at=here.now).id}#electronic")
    return _vote_page(request, session, me, case, tried)


@router.post("/cases/{number}/ballots")
def upload_ballots_of_case(number: str, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    case = see(session, me, number)
    must_keep_roster(me, session.get_one(Estate, case.estate_id))
    with attempt(session, typed) as tried:
        data, filename = paper(typed, "ballots")
        decision = Decision.of_case(session, case, by=me, at=here.now)
        decision.take(session, data, filename=filename, by=me, at=here.now)
        return _to(f"/decisions/{decision.id}?done=ballots")
    return _vote_page(request, session, me, case, tried)


# --- the pages ---


def _estate_page(
    request: Request,
    session: Session,
    me: Person,
    estate_id: int,
    form: str = "",
    tried: Attempt | None = None,
    *,
    done: str | None = None,
    before: int | None = None,
) -> HTMLResponse:
    row = told.estate_seen(session, me, estate_id)
    decisions, following = told.decisions_of(session, row.estate, before=before, limit=PAGE)
    return page(
        request,
        "estates/estate.html",
        me,
        status=_status(tried),
        row=row,
        roster=row.roster,
        names=_names(session, [row.roster.by_id, *(f["by"] for f in row.roster.settled)] if row.roster else []),
        decisions=decisions,
        more=f"/estates/{estate_id}?before={following}#decisions" if following else None,
        first=f"/estates/{estate_id}#decisions" if before else None,
        provisional=PROVISIONAL,
        fund=fund_of(session, estate_id),
        accounts=accounts_of(session, estate_id, limit=SHOWN)[0] if sees_balances(me, row.estate) else [],
        postings=postings_of(session, estate_id, limit=10)[0],
        kinds=KINDS,
        matters=MATTERS,
        buildings=buildings_of(row.roster.labels(session)) if row.roster else [],
        may_keep_fund=may_keep_fund(me, row.estate),
        may_keep=may_keep_roster(me, row.estate),
        form=form,
        tried=tried,
        done=done,
    )


def _decision_page(
    request: Request,
    session: Session,
    me: Person,
    decision: Decision,
    form: str = "",
    tried: Attempt | None = None,
    *,
    done: str | None = None,
) -> HTMLResponse:
    estate = session.get_one(Estate, decision.estate_id)
    roster = session.get(Roster, decision.roster_id) if decision.roster_id else None
    resting = decision.resting(session)
    vote = ElectronicVote.of(session, decision)
    number = decision.case_id and session.scalar(select(col(Case.number)).where(col(Case.id) == decision.case_id))
    return page(
        request,
        "decisions/decision.html",
        me,
        status=_status(tried),
        decision=decision,
        estate=estate,
        number=number,
        roster=roster,
        has_roster=Roster.of(session, decision.estate_id) is not None,
        is_behind=resting is None and decision.is_behind(Roster.of(session, decision.estate_id)),
        resting=resting,
        may_keep=may_keep_roster(me, estate) and resting is None,
        ballots=rows_of(session, decision),
        handed_in=session.scalar(
            select(func.count())
            .select_from(Ballot)
            .where(col(Ballot.decision_id) == decision.id, col(Ballot.set_aside).is_(None))
        ),
        vote=vote,
        turnout=vote and vote.turnout(session, decision),
        names=_names(session, [decision.by_id, *(ruling["by"] for ruling in decision.rulings.values())]),
        asked=decision.recount_asked and recount_json(session, decision.recount_asked),
        is_mine=bool(decision.recount_asked and decision.recount_asked["by"] == me.id),
        recounts=[recount_json(session, one) for one in decision.recounts or [] if "ended" in one],
        opinions=OPINIONS,
        matters=MATTERS,
        article=ARTICLE,
        form=form,
        tried=tried,
        done=done,
    )


def _vote_page(
    request: Request, session: Session, me: Person, case: Case, tried: Attempt | None = None
) -> HTMLResponse:  # fmt: skip
    estate = session.get_one(Estate, case.estate_id)
    return page(
        request,
        "decisions/vote.html",
        me,
        status=_status(tried),
        case=case,
        estate=estate,
        roster=Roster.of(session, case.estate_id),
        may_keep=may_keep_roster(me, estate),
        tried=tried,
    )


# --- how a form is taken ---


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303)


def _status(tried: Attempt | None) -> int:
    return tried.refused.status if tried and tried.refused else 200


def _keeping(session: Session, me: Person, estate_id: int) -> Estate:
    estate = see_estate(session, me, estate_id)
    must_keep_roster(me, estate)
    return estate


def _has_file(typed: FormData, name: str) -> bool:
    file = typed.get(name)
    return isinstance(file, UploadFile) and bool(file.filename)


def paper(typed: FormData, name: str) -> tuple[bytes, str]:
    """The bytes and the name of the file that was chosen."""
    file = typed.get(name)
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("请选择文件。", field=name)
    return bounded(file), file.filename


def _choice(written: str) -> tuple[int | None, Any]:
    if written == "none":
        return None, None
    row, _, opinion = written.partition(":")
    if not row.isdecimal() or len(row) > 8 or opinion not in ("", *OPINIONS):
        raise Invalid("请选择以哪一张票为准，或者选择都不计。", field="row")
    return int(row), opinion or None


def _names(session: Session, ids: list[int | None]) -> dict[int, str]:
    people = select(col(Person.id), col(Person.name)).where(col(Person.id).in_({one for one in ids if one}))
    return dict(session.execute(people).tuples().all())
