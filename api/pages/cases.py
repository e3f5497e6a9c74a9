"""The list of cases, a new case, and the case page with every move one may make. One route takes every event of every type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import applicants, estates_to_ask_for, must_note, opens_for, see
from models.case import Case, CaseEvent, Kind
from models.casetypes import casetype, casetypes
from models.decisions import Decision
from models.dossier import Dossier, Offer, dossier, said, told_events
from models.errors import Forbidden, Invalid
from models.lists import CaseQuery, page_of, total_of
from models.people import Body, Desk, Person, Role
from models.rule_changes import EVERYWHERE
from models.rules import rulebook
from models.scope import EVERYBODY
from models.territory import Area, Estate
from models.what_if import WhatIf, read_as_of, what_if
from models.wording import day, last_day, short_day
from models.worktime import OFFICE_ZONE, Limit

from ..cases import open_case
from ..deps import Db, Me
from ..fund import allocation_seen, as_csv
from .forms import Attempt, Input, Options, Typed, attempt, backdate, facts_of, inputs, local, rules_of, text
from .lines import heading, lines
from .render import Here, page
from .render import query as written
from .strip import strip

router = APIRouter()

# --- the list --------------------------------------------------------------------------------------------------------

CARDS = [("red", "红牌"), ("yellow", "黄牌"), ("none", "无牌")]
DUES = [("today", "今天到期"), ("3wd", "3个工作日内到期"), ("5wd", "5个工作日内到期")]
STATES = [("open", "在办"), ("closed", "已结案")]
SORTS = [("new", "新件在前"), ("due", "急件在前")]
FLAGS = {
    "paused": ("中止计时", "未中止计时"),
    "waiting": ("在申请人处", "不在申请人处"),
    "stale": ("久未办理", "非久未办理"),
    "in_meeting": ("已提交联席会议", "未提交联席会议"),
    "missed": ("曾经逾期", "未曾逾期"),
    "rated": ("计入按期率", "不计入按期率"),
    "mine": ("由我办理", "不由我办理"),
    "pool": ("待我岗位领取", "不待我岗位领取"),
}


@router.get("/cases")
def list_cases(request: Request, session: Db, me: Me, here: Here, asked: Annotated[CaseQuery, Query()]) -> HTMLResponse:
    """What the address asks for: filters, and a page of them. The total is exact."""
    found, after = page_of(session, me, asked, here.now)
    given = {name: _spelt(value) for name, value in asked.model_dump(exclude_defaults=True, exclude={"total"}).items()}
    filters = {name: value for name, value in given.items() if name not in ("after", "limit")}
    selects = [
        *(
            [("type", "事项", [(kind.type_id, kind.title) for kind in casetypes().values()])]
            if len(casetypes()) > 1
            else []
        ),
        ("stage", "环节", _stages(asked.type)),
        ("area", "辖区", _areas(session, me)),
        ("card", "牌", CARDS),
        ("due", "到期", DUES),
        ("state", "状态", STATES),
        ("sort", "排列", SORTS),
    ]
    selects = [chosen for chosen in selects if len(chosen[2]) > 1]
    titles = {name: (label, dict(options)) for name, label, options in selects}
    return page(
        request,
        "cases.html",
        me,
        query=asked,
        found=lines(session, found, asked.at or here.now),
        total=total_of(session, me, asked, here.now),
        selects=selects,
        asked=filters,
        shown_names={"q", *titles},
        chips=[
            (_chip(session, name, value, titles), "/cases" + written({k: v for k, v in filters.items() if k != name}))
            for name, value in filters.items()
            if name != "sort"
        ],
        more="/cases" + written(given | {"after": after}) if after else None,
        first="/cases" + written(filters) if asked.after else None,
        opens=ways_to_open(session, me),
    )


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _stages(type_id: str | None) -> list[tuple[str, str]]:
    """Id and title; an id that several types have is called what each of them calls it."""
    titles: dict[str, dict[str, None]] = {}
    for kind in casetypes().values():
        for stage in kind.stages() if type_id in (None, kind.type_id) else ():
            titles.setdefault(stage.id, {})[stage.title] = None
    return [(name, "／".join(called)) for name, called in titles.items()]


def _areas(session: Session, me: Person) -> list[tuple[str, str]]:
    """The areas directly below those one is posted to: what divides what one sees."""
    paths = {post.area_path for post in me.posts}
    parents = select(col(Area.id)).where(col(Area.path).in_(paths))
    below = select(Area).where(col(Area.parent_id).in_(parents)).order_by(col(Area.code))
    return [(area.code, area.name) for area in session.scalars(below)]


def _chip(session: Session, name: str, value: str, titles: Mapping[str, tuple[str, dict[str, str]]]) -> str:
    """A filter in words."""
    if name in FLAGS:
        return FLAGS[name][value == "false"]
    if name in titles and value in titles[name][1]:
        return f"{titles[name][0]}：{titles[name][1][value]}"
    if name == "q":
        return f"含“{value}”"
    if name == "desk":
        return f"在{Desk(value).title}"
    if name == "assignee":
        return f"由{session.scalar(select(col(Person.name)).where(Person.has_handle(value))) or value}办理"
    if name == "at":
        return f"截至{value[:16].replace('T', ' ')}"
    if name == "since":
        return f"{value[:16].replace('T', ' ')}以后到达"
    if name == "area":
        return f"辖区：{session.scalar(select(col(Area.name)).where(col(Area.code) == value)) or value}"
    if name == "estate":
        return f"小区：{session.scalar(select(col(Estate.name)).where(col(Estate.id) == int(value))) or value}"
    if name == "type":
        return f"事项：{casetypes()[value].title if value in casetypes() else value}"
    return f"{name}：{value}"


# --- a new case ------------------------------------------------------------------------------------------------------


def ways_to_open(session: Session, me: Person) -> list[tuple[str, str]]:
    """Where this person may open a case, and what that is called for them."""
    if me.has_role(Role.CLERK, Role.HEAD):
        return [("/cases/new", "窗口代录")]
    return [("/cases/new", "新建申请")] if _may_ask_for(session, me) else []


def _may_ask_for(session: Session, me: Person) -> list[Kind]:
    """What the bodies to which this person belongs may ask for, at the counter everything; what is asked for every day first."""
    kinds = sorted((kind for kind in casetypes().values() if kind.opened_by), key=lambda kind: kind.precedence)
    if me.has_role(Role.CLERK, Role.HEAD):
        return kinds
    bodies = {post.body_id for post in me.posts if post.body_id}
    if not bodies:
        return []
    own = set(session.scalars(select(col(Body.kind)).where(col(Body.id).in_(bodies))))
    # a residents' committee may act as an owners' committee
    own |= {"committee"} if "residents_committee" in own else set()
    return [kind for kind in kinds if not own.isdisjoint(kind.opened_by)]


@router.get("/cases/new")
def new_case(
    request: Request, session: Db, me: Me, here: Here, type: str | None = None, estate: int | None = None
) -> HTMLResponse:
    """The form of `type` (the first one installed), for the estates one may open a case for."""
    return _new_page(request, session, me, here, type or "", str(estate or ""))


@router.post("/cases")
def create_case(request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Fields: `type`, `estate` (its id), the type's details, `note`, `backdate_*`."""
    type_id, estate = text(typed, "type"), text(typed, "estate")
    with attempt(session, typed) as tried:
        if not (estate.isdecimal() and len(estate) < 19):
            raise Invalid("请选择小区。", field="estate")
        case = open_case(
            session,
            me,
            here.now,
            type_id,
            int(estate),
            facts_of(casetype(type_id).Details.model_json_schema(), typed),
            note=text(typed, "note").strip() or None,
            backdate=backdate(typed),
        )
        return RedirectResponse(f"/cases/{case.number}?done=1", status_code=303)
    return _new_page(request, session, me, here, type_id, estate, tried)


def _new_page(
    request: Request, session: Session, me: Person, here: Here, type_id: str, estate: str, tried: Attempt | None = None
) -> HTMLResponse:
    kinds = _may_ask_for(session, me)
    if not kinds:
        raise Forbidden("案件由申请单位的经办人提出，或由街道窗口代录，您没有这一权限。")
    seen = session.scalars(estates_to_ask_for(me).order_by(col(Estate.name))).all()
    # unless the address says which: the first that they may open somewhere
    kind = casetype(type_id) if type_id else next((one for one in kinds if _places(session, me, one, seen)), kinds[0])
    places = _places(session, me, kind, seen)
    refused = tried.refused if tried else None
    schema = kind.Details.model_json_schema()
    return page(
        request,
        "new_case.html",
        me,
        status=refused.status if refused else 200,
        kind=kind,
        kinds=kinds,
        estates=places,
        estate=estate or (places[0][0] if len(places) == 1 else ""),
        at_counter=me.has_role(Role.CLERK, Role.HEAD),
        fields=inputs(
            schema,
            tried.typed if tried else None,
            None,
            _listed(session, schema, here.now.astimezone(OFFICE_ZONE).date()),
        ),
        tried=tried,
    )


def _places(session: Session, me: Person, kind: Kind, seen: Sequence[Estate]) -> list[tuple[str, str, str]]:
    """Of the estates, those for which this person may open such a case: id, name, and who would ask."""
    bodies = applicants(session, kind, seen)
    return [
        (str(place.id), place.name, found[0].name)
        for place in seen
        if (found := opens_for(me, bodies[place.id or 0], place))
    ]


# --- a case ----------------------------------------------------------------------------------------------------------


CLOSES = "结案"


@dataclass(frozen=True)
class MoveForm:
    """A move with the form it opens. `for_applicant`: a street clerk enters it at the counter (窗口代录)."""

    offer: Offer
    leads_to: str
    inputs: Sequence[Input]
    note: Input
    for_applicant: bool

    @property
    def id(self) -> str:
        return f"{self.offer.name}{'-for-applicant' if self.for_applicant else ''}"

    @property
    def consequence(self) -> str:
        """What pressing the button does to the case, where that is one thing."""
        if not self.leads_to or "或" in self.leads_to:
            return ""
        return "，结案" if self.leads_to == CLOSES else f"，转到“{self.leads_to}”"

    @property
    def names(self) -> set[str]:
        """The inputs that can be wrong."""
        named = {field.name for field in self.inputs} | {"note"}
        return named | ({f"backdate_{part}" for part in ("at", "reason", "proof")} if self.offer.backdatable else set())


@router.get("/cases/{number}")
def read_case(
    request: Request, session: Db, me: Me, here: Here, number: str, done: int | None = None, as_of: str = ""
) -> HTMLResponse:
    """`done` is the ledger line one has just written oneself: it is told at the top. `as_of`: 推演 until then."""
    return _case_page(request, session, me, here, see(session, me, number), done=done, as_of=as_of)


@router.get("/cases/{number}/allocation.csv")
def download_allocation(session: Db, me: Me, number: str) -> Response:
    return as_csv(number, *allocation_seen(session, me, see(session, me, number)))


@router.post("/cases/{number}/events")
def fire(request: Request, session: Db, me: Me, here: Here, number: str, typed: Typed) -> Response:
    """Any event of any type. Fields: `event`, `seq`, the event's facts, `note`, `backdate_*`, `for_applicant`."""
    case = see(session, me, number)
    name = text(typed, "event")
    with attempt(session, typed) as tried:
        case.kind.event(name)
        event = case.fire(
            name,
            by=me,
            at=here.now,
            facts=facts_of(_schema(case, name), typed),
            note=text(typed, "note").strip() or None,
            seq=_number(typed, "seq"),
            on_behalf_of=f"body:{case.applicant_id}" if "for_applicant" in typed else None,
            backdate=backdate(typed),
        )
        return RedirectResponse(f"/cases/{number}?done={event.seq}", status_code=303)
    return _case_page(request, session, me, here, case, tried=tried)


@router.post("/cases/{number}/assign")
def assign(request: Request, session: Db, me: Me, here: Here, number: str, typed: Typed) -> Response:
    """领取 (`to=me`), 转办 (`to=ID`), 退回岗位 (`to=pool`); then back to `back`."""
    case = see(session, me, number)
    with attempt(session, typed) as tried:
        event = case.assign(_whom(session, me, typed), by=me, at=here.now, seq=_number(typed, "seq"))
        back = local(text(typed, "back"), f"/cases/{number}")
        return RedirectResponse(f"{back}?done={event.seq}&case={number}", status_code=303)
    return _case_page(request, session, me, here, case, tried=tried)


@router.post("/cases/{number}/notes")
def note(request: Request, session: Db, me: Me, here: Here, number: str, typed: Typed) -> Response:
    case = see(session, me, number)
    with attempt(session, typed) as tried:
        must_note(me, case)
        event = case.note(text(typed, "note"), by=me, at=here.now)
        return RedirectResponse(f"/cases/{number}?done={event.seq}", status_code=303)
    return _case_page(request, session, me, here, case, noted=tried)


@router.post("/cases/{number}/objections")
def object_to(request: Request, session: Db, me: Me, here: Here, number: str, typed: Typed) -> Response:
    """Fields: `words`, `name` (an owner's own where left out), `unit`."""
    case = see(session, me, number)
    with attempt(session, typed) as tried:
        case.object(
            text(typed, "words"), by=me, at=here.now, name=text(typed, "name") or me.name, unit=text(typed, "unit")
        )
        return RedirectResponse(f"/cases/{number}?done={case.last_seq}", status_code=303)
    return _case_page(request, session, me, here, case, objected=tried)


def done_words(session: Session, me: Person, case: Case, seq: int | None) -> str | None:
    """What one has just done, as the ledger says it."""
    if seq is None:
        return None
    own = select(CaseEvent).where(
        col(CaseEvent.case_id) == case.id, col(CaseEvent.seq) == seq, col(CaseEvent.by_id) == me.id
    )
    event = session.scalar(own)
    if event is None:
        return None
    what = told_events(session, case, [event])[0]
    words = f"{heading(case)}（{case.number}）：{what.words[0] if event.name == 'assign' else what.title}，已记入经过。"
    if event.seq != case.last_seq or not what.moved:
        return words
    if case.desk is None:
        return f"{words}本件已结案：{case.outcome}。"
    due = f"，{short_day(last_day(case.next_due_at))}截止" if case.next_due_at else ""
    return f"{words}现在“{case.current.title}”环节，由{Desk(case.desk).title}办理{due}。"


def _supposed(session: Session, case: Case, now: datetime, as_of: str) -> tuple[WhatIf | None, str | None]:
    """What would be until `as_of`, or a sentence saying why it cannot be told."""
    if not as_of:
        return None, None
    try:
        return what_if(session, case, read_as_of(as_of), now), None
    except Invalid as refused:
        return None, refused.sentence


def _case_page(
    request: Request,
    session: Session,
    me: Person,
    here: Here,
    case: Case,
    *,
    done: int | None = None,
    tried: Attempt | None = None,
    noted: Attempt | None = None,
    objected: Attempt | None = None,
    as_of: str = "",
) -> HTMLResponse:
    """`tried` is a move that was refused, `noted` a remark, `objected` an objection: shown again in its form, or above all where the form is gone."""
    d = dossier(session, me, case, here.now)
    tried_id = None
    if tried:
        tried_id = text(tried.typed, "event") + ("-for-applicant" if "for_applicant" in tried.typed else "")
    options = _options(session, d)
    moves = [_form(d, offer, options, tried if tried_id == offer.name else None) for offer in d.moves]
    counter = [
        _form(d, offer, options, tried if tried_id == f"{offer.name}-for-applicant" else None, for_applicant=True)
        for offer in d.counter_moves
    ]
    has_form = any(form.id == tried_id and not form.offer.obstacle for form in [*moves, *counter])
    refused = (tried or noted or objected or Attempt()).refused
    supposed, supposed_wrong = _supposed(session, case, here.now, as_of)
    shown, balances_open = allocation_seen(session, me, case) if case.kind.spending(case) else (None, False)
    return page(
        request,
        "case/case.html",
        me,
        allocation=shown,
        balances_open=balances_open,
        as_of=as_of,
        supposed=supposed,
        supposed_wrong=supposed_wrong,
        then=replace(here, now=supposed.as_of) if supposed else None,
        status=refused.status if refused else 200,
        d=d,
        heading=heading(case),
        done=done_words(session, me, case, done),
        moves=moves,
        counter_moves=counter,
        tried=tried,
        tried_id=tried_id,
        loose=tried if tried and not has_form else None,
        kept=_kept(d, tried) if tried and not has_form else [],
        noted=noted,
        objected=objected,
        own=me.has_role(Role.OWNER),
        estate=session.get(Estate, case.estate_id) if case.estate_id and case.current.periods else None,
        about=_about(session, d),
        trail=_trail(d),
        strips={
            told.clock.id: strip(
                told.days, by_the_hour=not told.clock.is_by_fact and Limit.parse(told.clock.limit).is_by_the_hour
            )
            for told in d.clocks
        },
    )


def _form(
    d: Dossier, offer: Offer, options: Options, tried: Attempt | None, *, for_applicant: bool = False
) -> MoveForm:
    typed = tried.typed if tried else None
    note = Input("note", "备注", "paragraph", False, text(typed, "note") if typed else "", max_length=4000)
    return MoveForm(
        offer, _leads_to(d.case, offer.name), inputs(offer.facts, typed, d.case.details, options), note, for_applicant
    )


def _trail(d: Dossier) -> list[tuple[str, str]]:
    """The way, as (title, state); stages that were skipped one after another are one step."""
    trail: list[tuple[str, str]] = []
    for state, group in groupby(d.stages, key=lambda step: step.state):
        steps = list(group)
        if state == "skipped" and len(steps) > 1:
            trail.append((f"略过{len(steps)}个环节", state))
        else:
            trail += [(step.title, state) for step in steps]
    return trail


def _leads_to(case: Case, name: str) -> str:
    """The stages an event may lead to from here; nothing where it leads nowhere else."""
    targets = [t.target for t in case.current.transitions if t.event == name]
    leading = [stage for stage in targets if stage is not case.current]
    titles = dict.fromkeys(CLOSES if stage.final else stage.title for stage in leading)
    return "或".join([*titles, *(["留在本环节"] if leading and len(leading) < len(targets) else [])])


def _schema(case: Case, name: str) -> dict[str, Any]:
    return case.kind.facts_of(name, case.stage).model_json_schema()


def _options(session: Session, d: Dossier) -> Options:
    """What can be chosen from, where a fact is something the office keeps; read only if a form here asks for it."""
    asked = {
        prop.get("format")
        for offer in [*d.moves, *d.counter_moves]
        for prop in offer.facts.get("properties", {}).values()
    }
    found: dict[str, list[tuple[str, str]]] = {}
    if "objection" in asked:
        found["objection"] = [
            (str(one.id), f"{one.unit or '业主'}：{one.words[:30]}") for one in d.objections if one.answered_at is None
        ]
    if "decision" not in asked:
        return found
    counted = (
        select(Decision)
        .where(col(Decision.estate_id) == d.case.estate_id, col(Decision.counted_at).is_not(None))
        .order_by(col(Decision.id).desc())
    )
    found["decision"] = [
        (
            str(one.id),
            f"{one.id}　{one.title}（{one.scope + '，' if one.scope != EVERYBODY else ''}{'已通过' if one.passed else '未通过'}）",
        )
        for one in session.scalars(counted)
    ]
    return found


def _listed(session: Session, schema: Mapping[str, Any], day: date, path: str = EVERYWHERE) -> Options:
    """The named entries of the lists of the rulebook that a schema chooses from, as they are on that day."""
    book = rulebook(session)
    return {
        rule_id: [(code, f"{code}　{words}") for code, words in book.in_force(rule_id, day, path).named.items()]
        for rule_id in rules_of(schema)
    }


def _about(session: Session, d: Dossier) -> list[tuple[str, str]]:
    """What the case holds, under the names its type gives it, in the order in which it asks."""
    models = [d.kind.Details, *(d.kind.facts_of(name) for name in d.kind.facts)]
    named = {name: field for model in reversed(models) for name, field in model.model_fields.items()}
    order = list(dict.fromkeys(name for model in models for name in model.model_fields))
    held = [(name, d.case.details[name]) for name in order if name in d.case.details and name != "decision"]
    listed = _listed(session, d.kind.Details.model_json_schema(), d.case.law_day, d.case.path)
    called = {code: words for choices in listed.values() for code, words in choices}
    details = [
        (
            (named[name].title or name).removesuffix("（元）"),
            said(called.get(value, value) if isinstance(value, str) else value, named[name].title or "", named[name]),
        )
        for name, value in held
        if value not in (None, "", [])
    ]
    remembered = [(title, d.case.details.get(name)) for name, title in d.kind.remembers.items()]
    return [
        ("小区", d.case.place),
        ("申请人", d.applicant.name),
        *details,
        *[(title, str(value)) for title, value in remembered if value],
        ("立案", day(d.case.opened_at)),
        ("法律适用日", day(d.case.law_day)),
    ]


def _kept(d: Dossier, tried: Attempt) -> list[tuple[str, str]]:
    """What was typed into a form that is no longer offered, so that it can be taken along."""
    fields = [field for field in inputs(_schema(d.case, text(tried.typed, "event")), tried.typed)] if tried else []
    shown = [
        (field.label, "、".join(field.value) if isinstance(field.value, list) else str(field.value))
        for field in fields
        if field.kind not in ("check", "rows")
    ]
    return [(label, value) for label, value in [*shown, ("备注", text(tried.typed, "note"))] if value]


def _whom(session: Session, me: Person, typed: Typed) -> Person | None:
    to = text(typed, "to")
    if to == "pool":
        return None
    if to == "me":
        return me
    found = session.get(Person, int(to)) if to.isdecimal() and len(to) < 19 else None
    if found is None:
        raise Invalid("请选择接办的人。", field="to")
    return found


def _number(typed: Typed, name: str) -> int | None:
    value = text(typed, name)
    return int(value) if value.isdecimal() and len(value) < 10 else None
