"""Changes of the calendar and of rules: proposing them, looking at what they would do, deciding."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlmodel import Session, col
from starlette.datastructures import FormData, UploadFile

from models.access import may_govern, must_govern
from models.editions import calendar
from models.errors import Invalid, NotFound
from models.jobs import Job
from models.people import Person
from models.plain_text import text_of
from models.proposals import (
    KINDS,
    STATES,
    Proposal,
    decide,
    diff_of,
    must_read,
    proposals,
    propose,
    see_proposal,
    withdraw,
)
from models.rebase import FIGURES, KEPT
from models.reference import names_of
from models.rule_changes import row, uses
from models.rules import CONFIDENCE_TITLES, LIST, VALUES, Rule, ladder_titles, rulebook
from models.territory import Area

from ..deps import Db, Me
from ..estates import Key, bounded
from .forms import Attempt, Typed, attempt, day_typed, text
from .render import Here, day, page

router = APIRouter()
PAGE = 50
LONGEST = 31
"""Days of one closing."""
UNITS = {"wd": "个工作日", "d": "日", "mo": "个月", "h": "小时", "wh": "个工作小时"}
DONE = {
    "made": "已提出，等另一位监管人员或系统管理员批准。",
    "approved": "已批准。",
    "refused": "已记下不批准的理由。",
    "withdrawn": "已撤回。",
}
"""What was just done, by the word that the address of the page to come back to holds."""
FILTERS = {"": "全部", "open": "待批准", "approved": "已批准", "refused": "未批准", "withdrawn": "已撤回"}


@router.get("/proposals")
def list_proposals(
    request: Request,
    session: Db,
    me: Me,
    state: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> HTMLResponse:
    must_read(me)
    found = proposals(session, state=state or None, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    return page(
        request,
        "proposals/list.html",
        me,
        found=shown,
        names=names_of(session, [person for one in shown for person in (one.made_by_id, one.decided_by_id)]),
        state=state,
        filters=FILTERS,
        states=STATES,
        kinds=KINDS,
        may_govern=may_govern(me),
        more=f"/proposals?state={state}&before={shown[-1].id}" if len(found) > PAGE else None,
        first=f"/proposals?state={state}" if before else None,
    )


@router.get("/proposals/new/calendar")
def new_calendar(request: Request, session: Db, me: Me, here: Here) -> HTMLResponse:
    must_govern(me)
    return _calendar_form(request, session, me, here)


@router.post("/proposals/new/calendar")
def propose_calendar(request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Of the forms of that page the one that `form` names: `notice`, `file`, `closed` or `reopened`."""
    must_govern(me)
    form = text(typed, "form")
    with attempt(session, typed) as tried:
        wanted = WANTED.get(form, _wrong_form)(typed)
        made = propose(session, "calendar", wanted, text(typed, "reason"), by=me, at=here.now)
        return _to(f"/proposals/{made.id}?done=made")
    return _calendar_form(request, session, me, here, form, tried)


@router.get("/proposals/new/rule/{rule_id}")
def new_rule(rule_id: str, request: Request, session: Db, me: Me, here: Here, area: str = "") -> HTMLResponse:
    must_govern(me)
    return _rule_form(request, session, me, here, rule_id, area)


@router.post("/proposals/new/rule/{rule_id}")
def propose_rule(rule_id: str, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    must_govern(me)
    with attempt(session, typed) as tried:
        made = propose(session, "rule", _rule_of(rule_id, typed), text(typed, "reason"), by=me, at=here.now)
        return _to(f"/proposals/{made.id}?done=made")
    return _rule_form(request, session, me, here, rule_id, text(typed, "area"), tried)


@router.get("/proposals/{number}")
def read_proposal(number: Key, request: Request, session: Db, me: Me, done: str = "") -> HTMLResponse:
    return _proposal_page(request, session, me, see_proposal(session, me, number), done=DONE.get(done))


@router.post("/proposals/{number}/decision")
def decide_proposal(number: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """`choice` is `approve`, `refuse` or `withdraw`."""
    choice = text(typed, "choice")
    with attempt(session, typed) as tried:
        if choice == "withdraw":
            made = withdraw(session, number, by=me, at=here.now)
        elif choice in ("approve", "refuse"):
            made = decide(
                session, number, to_approve=choice == "approve", words=text(typed, "words"), rebase="rebase" in typed,
                by=me, at=here.now,
            )  # fmt: skip
        else:
            raise Invalid("请选择批准还是不批准。", field="words")
        return _to(f"/proposals/{number}?done={made.state}")
    return _proposal_page(request, session, me, see_proposal(session, me, number), tried)


# --- what was typed --------------------------------------------------------------------------------------------------


def _notice(typed: FormData) -> dict[str, Any]:
    if not text(typed, "notice").strip():
        raise Invalid("请粘贴通知全文。", field="notice")
    return {"notice": text(typed, "notice")}


def _file(typed: FormData) -> dict[str, Any]:
    """A file that was chosen, else what was pasted; iCal by how it begins, everything else is CSV."""
    chosen = typed.get("file")
    given: str | None = text(typed, "pasted")
    if isinstance(chosen, UploadFile) and chosen.filename:
        given = text_of(bounded(chosen))
    if given is None:
        raise Invalid("文件不是文本（UTF-8 或 GB 18030），读不了。", field="file")
    if not given.strip():
        raise Invalid("请选择文件，或粘贴它的内容。", field="file")
    is_ical = given.lstrip("\ufeff \t\r\n").upper().startswith("BEGIN:")
    return {"ical" if is_ical else "csv": given}


def _closed(typed: FormData) -> dict[str, Any]:
    first, last = day_typed(typed, "first", "首日"), day_typed(typed, "last", "末日")
    if first is None:
        raise Invalid("请填写停止办公的首日。", field="first")
    length = ((last or first) - first).days + 1
    if not 1 <= length <= LONGEST:
        raise Invalid("末日早于首日，或者相隔超过一个月。", field="last")
    days = [(first + timedelta(days=offset)).isoformat() for offset in range(length)]
    return {"closed": days, "why": text(typed, "why") or None}


def _reopened(typed: FormData) -> dict[str, Any]:
    days = [day for day in typed.getlist("reopened") if isinstance(day, str)]
    if not days:
        raise Invalid("请勾选恢复办公的日子。", field="reopened")
    return {"reopened": days}


def _wrong_form(typed: FormData) -> dict[str, Any]:
    raise Invalid("请重新打开本页再提交。")


WANTED = {"notice": _notice, "file": _file, "closed": _closed, "reopened": _reopened}


def _rule_of(rule_id: str, typed: FormData) -> dict[str, Any]:
    day = text(typed, "effective_from")
    value = text(typed, "value").strip()
    if "list" in typed:
        value = LIST + "；".join(line.strip() for line in value.splitlines() if line.strip())
    wanted: dict[str, Any] = {
        "id": rule_id,
        "area": text(typed, "area") or None,
        "value": value + text(typed, "unit") if "unit" in typed else value,
        "source": text(typed, "source"),
        "article": text(typed, "article"),
        "confidence": text(typed, "confidence"),
        "remark": text(typed, "remark").strip() or None,
        "effective_from": day,
        "effective_to": text(typed, "effective_to") or None,
    }
    return wanted | ({"ladder": text(typed, "ladder") or None} if "ladder" in typed else {})


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303)


def _status(tried: Attempt | None) -> int:
    return tried.refused.status if tried and tried.refused else 200


# --- the pages -------------------------------------------------------------------------------------------------------


def _calendar_form(
    request: Request, session: Session, me: Person, here: Here, form: str = "", tried: Attempt | None = None
) -> HTMLResponse:
    book = calendar(session)
    return page(
        request,
        "proposals/new_calendar.html",
        me,
        status=_status(tried),
        book=book,
        closed=sorted(day for day in book.closed if day >= here.today - timedelta(days=366)),
        form=form,
        tried=tried,
        pending=proposals(session, kind="calendar", state="open"),
    )


def _rule_form(
    request: Request, session: Session, me: Person, here: Here, rule_id: str, area: str, tried: Attempt | None = None
) -> HTMLResponse:
    versions = rulebook(session).versions().get(rule_id)
    if not versions:
        raise NotFound("规则库里没有这条规则。")
    districts = session.scalars(select(Area).where(col(Area.level) == "district").order_by(col(Area.code))).all()
    path = next((one.path for one in districts if one.code == area), "/")
    applying = [version for version in versions if version.applies(here.today, path)]
    now = max(applying or versions, key=lambda version: version.rank)
    return page(
        request,
        "proposals/new_rule.html",
        me,
        status=_status(tried),
        rule=now,
        limits=uses().get(rule_id, []),
        area=area,
        districts=districts,
        units=UNITS,
        written=VALUES[now.kind],
        confidences=CONFIDENCE_TITLES,
        ladders=list(ladder_titles().items()),
        known=_known(now, here.today),
        tried=tried,
        pending=[
            one for one in proposals(session, kind="rule", state="open") if one.content["version"]["id"] == rule_id
        ],
    )


VALUE_TITLES = {"limit": "时限", "fact": "时限"}


def _known(now: Rule, today: date) -> dict[str, Any]:
    """What the form shows at first: the version that holds, and the first day on which another could."""
    limit = now.limit if now.kind == "limit" else None
    return {
        "value": str(limit.value) if limit else "\n".join(now.entries) if now.kind == "list" else now.value,
        "unit": limit.unit if limit else "",
        "source": now.source,
        "article": now.article,
        "confidence": now.confidence,
        "remark": "",
        "effective_from": max(now.effective_from, today + timedelta(days=1)).isoformat(),
        "effective_to": "",
        "ladder": now.ladder or "",
    }


@dataclass(frozen=True)
class Line:
    """One property of a rule in the version it follows and in the one that is proposed."""

    label: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        return self.before != self.after


def _lines(before: Rule | None, after: Rule, area_before: str, area: str) -> list[Line]:
    def told(rule: Rule | None, place: str) -> Mapping[str, str]:
        if rule is None:
            return {}
        until = f"至{day(rule.effective_to)}" if rule.effective_to else "起"
        return {
            "版本": f"第{rule.version}版",
            VALUE_TITLES.get(rule.kind, "内容"): rule.value if rule.fact else rule.chinese,
            "适用区域": place,
            "立案日": f"{day(rule.effective_from)}{until}",
            "依据": rule.source,
            "条款": rule.article or "未写明",
            "把握程度": CONFIDENCE_TITLES[rule.confidence],
            "催办阶梯": ladder_titles().get(rule.ladder, rule.ladder) if rule.ladder else "无",
            "说明": rule.remark or "无",
        }

    old, new = told(before, area_before), told(after, area)
    return [Line(label, old.get(label, ""), value) for label, value in new.items()]


def _proposal_page(
    request: Request,
    session: Session,
    me: Person,
    proposal: Proposal,
    tried: Attempt | None = None,
    *,
    done: str | None = None,
) -> HTMLResponse:
    seen: dict[str, Any] = {"diff": None, "rule_lines": [], "rule": None}
    if proposal.kind == "calendar":
        seen["diff"] = diff_of(session, proposal)
    else:
        follows, after = session.get(Rule, proposal.content["follows"]), row(proposal.content["version"])
        place = session.scalar(select(col(Area.name)).where(col(Area.path) == (follows.area_path if follows else "")))
        seen |= {"rule": after, "rule_lines": _lines(follows, after, place or "全市", proposal.content["area"])}
    return page(
        request,
        "proposals/proposal.html",
        me,
        status=_status(tried),
        proposal=proposal,
        names=names_of(session, [proposal.made_by_id, proposal.decided_by_id]),
        states=STATES,
        kinds=KINDS,
        figure_titles=FIGURES,
        kept_titles=KEPT,
        preview=session.get(Job, proposal.preview_id, populate_existing=True) if proposal.preview_id else None,
        rebase=session.get(Job, proposal.rebase_id, populate_existing=True) if proposal.rebase_id else None,
        may_decide=proposal.is_open and may_govern(me) and proposal.made_by_id != me.id,
        is_mine=proposal.is_open and proposal.made_by_id == me.id,
        tried=tried,
        done=done,
        **seen,
    )
