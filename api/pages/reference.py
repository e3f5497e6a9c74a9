"""What anybody may look up: rules with their sources, the working calendar, clocks, and escalations nobody could take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import may_govern, watches_over
from models.casetypes import casetypes
from models.editions import calendar
from models.lists import ClockQuery, ListQuery, OrphanQuery, page_of, total_of
from models.people import Person
from models.proposals import may_read, proposals
from models.reference import editions, rule_library, unlike_shipped, year_of
from models.territory import Area
from models.worktime import LAST_YEAR, OFFICE_ZONE, DayLine, Due, Limit, WorkCalendar, due, explain

from ..cases import names
from ..deps import Db, Me
from .render import Here, page
from .render import query as written
from .strip import Cell, strip

router = APIRouter()

UNITS = {"wd": "个工作日", "d": "日", "mo": "个月", "wh": "个工作小时", "h": "小时"}
LONGEST = 400
"""Days; the explanation of a longer limit would be nobody's reading."""
CLOCK_VIEWS = {
    "全部": {},
    "逾期未办": {"overdue": "1", "sort": "due"},
    "计时中": {"running": "1", "sort": "due"},
    "按期办结": {"outcome": "on_time"},
    "逾期办结": {"outcome": "late"},
    "搁置": {"parked": "1"},
}
CLOCK_STATES = {
    "overdue": "逾期未办", "running": "计时中", "paused": "中止计时", "on_time": "按期办结", "late": "逾期办结",
    "ran": "期满", "dropped": "未到期即离开",
}  # fmt: skip
WORDS = {
    "kind": {"deadline": "期限", "period": "期间"},
    "outcome": {"on_time": "按期办结", "late": "逾期办结", "ran": "期满", "dropped": "未到期即离开"},
    "running": {"1": "计时中", "0": "不在计时"},
    "overdue": {"1": "逾期未办", "0": "未逾期"},
    "ended": {"1": "已停", "0": "未停"},
    "rated": {"1": "计入按期率", "0": "不计入按期率"},
    "parked": {"1": "搁置", "0": "未搁置"},
    "taken": {"1": "已有人接收", "0": "尚无人接收"},
    "sort": {"due": "按到期先后", "new": "按先后"},
}


@router.get("/rules")
def show_rules(request: Request, session: Db, me: Me, here: Here) -> HTMLResponse:
    """Each rule as it stands today, its versions side by side, where it is used; changes that wait for a second person."""
    versions = rule_library(session, here.today)
    rules = [list(found) for _, found in groupby(versions, key=lambda version: version.rule.id)]
    return page(
        request,
        "reference_rules.html",
        me,
        rules=rules,
        may_govern=may_govern(me),
        may_read=may_read(me),
        pending=proposals(session, kind="rule", state="open") if may_read(me) else [],
    )


@router.get("/calendar")
def show_calendar(
    request: Request,
    session: Db,
    me: Me,
    here: Here,
    year: Annotated[int | None, Query(ge=1, le=LAST_YEAR)] = None,
    start: str = "",
    time: str = "",
    value: str = "",
    unit: str = "wd",
    end: str = "roll",
) -> HTMLResponse:
    """A year of the newest calendar. With `start`, `value` and `unit` also the day a limit would end, and why."""
    book = calendar(session)
    typed = {"start": start or here.today.isoformat(), "time": time, "value": value, "unit": unit, "end": end}
    wrong, reckoned = None, None
    if start or value:
        try:
            reckoned = reckon(book, typed)
        except ValueError as error:
            wrong = str(error)
    return page(
        request,
        "reference_calendar.html",
        me,
        status=422 if wrong else 200,
        year=year_of(book, year or (reckoned.due.due_day.year if reckoned else here.today.year)),
        last_year=LAST_YEAR,
        units=UNITS,
        typed=typed,
        wrong=wrong,
        reckoned=reckoned,
        editions=editions(session),
        unlike=unlike_shipped(book),
        may_govern=may_govern(me),
        may_read=may_read(me),
        pending=proposals(session, kind="calendar", state="open") if may_read(me) else [],
    )


@dataclass(frozen=True)
class Reckoned:
    """A limit counted out: as `banjie due` tells it."""

    limit: Limit
    due: Due
    days: list[DayLine]
    weeks: list[list[Cell | None]]


def reckon(book: WorkCalendar, typed: Mapping[str, str]) -> Reckoned:
    """Errors: ValueError with a sentence."""
    limit = Limit.parse(f"{typed['value'].strip()}{typed['unit']}")
    if limit.is_by_the_hour and not typed["time"]:
        raise ValueError("按小时计的时限，请填写从几点几分起算。")
    try:
        day = date.fromisoformat(typed["start"])
        began = datetime.combine(day, datetime.strptime(typed["time"] or "00:00", "%H:%M").time(), OFFICE_ZONE)
    except ValueError:
        raise ValueError("起始日须写成 2026-09-30，时间须写成 16:20。") from None
    rolls: Any = "none" if typed["end"] == "none" else "roll"
    counted = due(began, limit, book, end=rolls)
    if (counted.due_day - day).days > LONGEST:
        return Reckoned(limit, counted, [], [])
    days = explain(began, limit, book, end=rolls)
    return Reckoned(limit, counted, days, strip(days, by_the_hour=limit.is_by_the_hour))


@router.get("/clocks")
def list_clocks(
    request: Request, session: Db, me: Me, here: Here, asked: Annotated[ClockQuery, Query()]
) -> HTMLResponse:
    rows, after = page_of(session, me, asked, here.now)
    return page(
        request,
        "reference_clocks.html",
        me,
        rows=rows,
        at=asked.at or here.now,
        states=CLOCK_STATES,
        views=[(title, "/clocks" + written(view), view == _filters(asked)) for title, view in CLOCK_VIEWS.items()],
        **_list(session, me, here, asked, "/clocks", after),
    )


@router.get("/orphans")
def list_orphans(
    request: Request, session: Db, me: Me, here: Here, asked: Annotated[OrphanQuery, Query()]
) -> HTMLResponse:
    """Escalations nobody could take, and the clocks that could not be fired."""
    rows, after = page_of(session, me, asked, here.now)
    parked, _ = page_of(session, me, ClockQuery(parked=True, limit=200), here.now)
    return page(
        request,
        "reference_orphans.html",
        me,
        rows=rows,
        parked=parked,
        states=CLOCK_STATES,
        takers=names(session, Person, {row.orphan.taken_by_id for row in rows if row.orphan.taken_by_id}),
        watches_over=watches_over,
        **_list(session, me, here, asked, "/orphans", after),
    )


# --- a list's frame --------------------------------------------------------------------------------------------------


def _list(session: Session, me: Me, here: Here, asked: ListQuery, path: str, after: str | None) -> dict[str, Any]:
    """What a list says of itself: how many there are, by which filters, and where it goes on."""
    filters = _filters(asked)
    without = {name: path + written({k: v for k, v in filters.items() if k != name}) for name in filters}
    return {
        "total": total_of(session, me, asked, here.now),
        "chips": [(_words(session, name, value), without[name]) for name, value in filters.items()],
        "more": path + written(filters | {"limit": asked.limit, "after": after}) if after else None,
        "first": path + written(filters) if asked.after else None,
    }


def _filters(asked: ListQuery) -> dict[str, str]:
    """The filters as an address writes them."""
    given = asked.model_dump(mode="json", exclude_defaults=True, exclude={"total", "limit", "after"})
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in given.items()}


def _words(session: Session, name: str, value: str) -> str:
    if name in WORDS:
        return WORDS[name][value]
    if name == "at":
        return f"截至{value[:16].replace('T', ' ')}"
    if name == "area":
        return str(session.scalar(select(col(Area.name)).where(col(Area.code) == value)) or value)
    if name == "type":
        return casetypes()[value].title if value in casetypes() else value
    titles = {stage.id: stage.title for kind in casetypes().values() for stage in kind.stages()}
    return titles.get(value, value)
