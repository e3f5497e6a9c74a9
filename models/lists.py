"""Lists of cases, clocks and orphans: what a person may see, narrowed by filters, page by page.

These filters are the only place that says in SQL what "due", "yellow", "red", "stale" or "missed" mean; what the dashboard
counts is a query of this file, so a number and the list behind it cannot differ. Where a word is also told of one row
(`Case.card`, `Case.is_stale`), both agree.

Every word is derived from one instant, `at` (the office's now unless the query fixes another), while rows are read as they stand:

red         the next deadline is missed: `next_due_at` <= at
yellow      its reminder is due, itself not missed: `warn_at` <= at < `next_due_at`
due=today   the day that ends at `next_due_at` is today or earlier, and the deadline is not missed
due=3wd     that day is no later than the third working day, today being the first if it is one; not missed. 5wd likewise
paused      a clock of the case stands still (中止)
waiting     the case lies at the applicant's desk
stale       久未办理: open, no clock runs, and in its stage for thirty days
in_meeting  it stands on the agenda of an escalation case, and is not settled there
missed      a deadline of the case ended late, or is over and has not ended
pool        open, and waits at an office's desk where the person works for somebody to take it
rated       counts in the on-time rate: a stage's deadline that ended on time or late or is overdue; a case that is closed or has missed one
overdue     of a clock: not stopped and missed, before it was paused if it is; a pause begun later undoes nothing
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, overload

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlmodel import Session, col

from .access import visible_to
from .agenda import AgendaItem
from .case import STALE_AFTER, Case, title_of
from .clock import WHOLE_CASE, Clock
from .desk import waits_for
from .editions import calendar
from .errors import Invalid
from .notices import Orphan
from .people import Body, Desk, Person
from .rules import Rule
from .territory import Area, Estate
from .worktime import LAST_YEAR, OFFICE_ZONE, WorkCalendar

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""Where a case without due instant stands in a list by due instant."""


class Paged(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    at: AwareDatetime | None = Field(
        default=None, description="derive due, yellow, red, stale from this instant, not now"
    )
    after: str | None = Field(default=None, max_length=200, description="`next` of the page before")
    limit: int = Field(default=50, ge=1, le=200)
    total: bool = Field(default=False, description="whether to answer the exact total too")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: Any) -> Any:
        """A form sends its empty inputs too; and no text in PostgreSQL holds a NUL."""
        if not isinstance(values, dict):
            return values
        if any("\0" in value for value in values.values() if isinstance(value, str)):
            raise ValueError("查询条件中有不可见字符")
        return {name: value for name, value in values.items() if value != ""}

    @field_validator("at", "since", mode="before", check_fields=False)
    @classmethod
    def _read_instant(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            # in an address a bare `+` means a blank: `…T09:00:00 08:00`
            read = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", value))
        except ValueError:
            raise ValueError("时间须写成 2026-09-30T09:00:00+08:00 的样子") from None
        if read.utcoffset() is None:
            raise ValueError("时间须带时区，例如 2026-09-30T09:00:00+08:00")
        if not 2004 < read.year < LAST_YEAR:
            raise ValueError(f"时间须在2005年至{LAST_YEAR - 1}年之间")
        return read


class ListQuery(Paged):
    """What lists of cases take. A flag filters when it is given: true for those that are, false for those that are not."""

    type: str | None = Field(default=None, description="case type")
    stage: str | None = Field(default=None, description="stage of the case; for clocks the stage they limit")
    area: str | None = Field(default=None, description="code of the city, district, street or community")


class CaseQuery(ListQuery):
    """The parameters of `GET /api/cases` and of the page `/cases`; what the flags mean is told at the top of the file."""

    q: str | None = Field(
        default=None, max_length=100, description="part of a number, an estate, an applicant or the details"
    )
    desk: Desk | None = None
    estate: int | None = Field(default=None, ge=1, lt=2**63)
    state: Literal["open", "closed"] | None = None
    card: Literal["none", "yellow", "red"] | None = None
    due: Literal["today", "3wd", "5wd"] | None = None
    paused: bool | None = None
    waiting: bool | None = None
    stale: bool | None = None
    in_meeting: bool | None = None
    missed: bool | None = None
    rated: bool | None = None
    mine: bool | None = Field(default=None, description="lies with the person who asks, or with one they stand in for")
    assignee: str | None = Field(
        default=None, max_length=100, description="account (or id, without one) of the officer it lies with"
    )
    pool: bool | None = Field(default=None, description="lies at the asking person's desk, and nobody has taken it")
    since: AwareDatetime | None = Field(default=None, description="came to its stage at this instant or later")
    sort: Literal["new", "due"] = "new"


class ClockQuery(ListQuery):
    """The parameters of `GET /api/clocks`."""

    kind: Literal["deadline", "period"] | None = None
    running: bool | None = Field(default=None, description="neither stopped nor paused")
    overdue: bool | None = None
    ended: bool | None = None
    outcome: Literal["on_time", "late", "ran", "dropped"] | None = None
    rated: bool | None = None
    parked: bool | None = Field(default=None, description="could not be fired, and was set aside")
    sort: Literal["new", "due"] = "new"


class OrphanQuery(ListQuery):
    """The parameters of `GET /api/orphans`: escalations nobody could take, unless `taken` asks for those taken since."""

    taken: bool = False


class ClockRow(NamedTuple):
    clock: Clock
    case: Case
    rule: Rule

    @property
    def title(self) -> str:
        """What it limits: a stage, or the whole case."""
        return self.case.title_of_limit(self.clock)

    def state(self, at: datetime) -> str:
        """`overdue`, `paused` or `running`; how it ended once it has (`Clock.outcome`)."""
        if self.clock.stopped_at:
            return self.clock.outcome or "dropped"
        if self.clock.kind == "deadline" and self.clock.is_late(min(at, self.clock.paused_at or at)):
            return "overdue"
        return "paused" if self.clock.paused_at else "running"


class OrphanRow(NamedTuple):
    orphan: Orphan
    case: Case

    @property
    def step(self) -> str:
        """The step that found nobody, in words."""
        return title_of(self.case.kind, self.orphan.step)

    @property
    def wanted(self) -> str:
        """Whom it looked for, in words."""
        return WANTED_TITLES.get(self.orphan.wanted, self.orphan.wanted)


WANTED_TITLES = {
    "assignee": "经办人", "unit_head": "承办单位负责人", "parent_head": "上级单位负责人",
    "party": "当事人", "street_officer": "街道经办人", "street_head": "街道负责人",
}  # fmt: skip
"""Whom a ladder's steps tell (`rulebook/ladders.toml`)."""


# --- a list ----------------------------------------------------------------------------------------------------------


def matching(session: Session, person: Person, query: ListQuery, at: datetime) -> Select[Any]:
    """The rows that `query` asks for and `person` may see, in no order: `Case`, a `ClockRow`'s or an `OrphanRow`'s parts.

    Errors: `Invalid` for an area that there is not.
    """
    seen: Select[Any] = visible_to(person)
    if query.area:
        seen = seen.where(col(Case.path).like(f"{_path_of(session, query.area)}%"))
    if query.type:
        seen = seen.where(col(Case.type) == query.type)
    at = query.at or at
    if isinstance(query, CaseQuery):
        return seen.where(*cases_are(query, at, calendar(session) if query.due else None, person))
    if isinstance(query, ClockQuery):
        seen = seen.join(Clock, col(Clock.case_id) == col(Case.id)).join(Rule, col(Rule.pk) == col(Clock.rule_pk))
        return seen.where(*clocks_are(query, at)).with_only_columns(Clock, Case, Rule)
    assert isinstance(query, OrphanQuery)
    seen = seen.join(Orphan, col(Orphan.case_id) == col(Case.id)).where(*orphans_are(query))
    return seen.with_only_columns(Orphan, Case)


@overload
def page_of(session: Session, person: Person, query: CaseQuery, at: datetime) -> tuple[list[Case], str | None]: ...
@overload
def page_of(session: Session, person: Person, query: ClockQuery, at: datetime) -> tuple[list[ClockRow], str | None]: ...
@overload
def page_of(
    session: Session, person: Person, query: OrphanQuery, at: datetime
) -> tuple[list[OrphanRow], str | None]: ...
def page_of(session: Session, person: Person, query: ListQuery, at: datetime) -> tuple[list[Any], str | None]:
    """One page of at most `query.limit` rows, newest first or by due instant, and the `after` of the next page, if there is one.

    Errors: `Invalid` for an `after` that this list has not given out.
    """
    keys = _keys(query)
    statement = matching(session, person, query, at)
    if query.after:
        # of keys that all go the same way, PostgreSQL compares rows from the index
        here, last = tuple_(*keys), tuple_(*_read_cursor(query))
        statement = statement.where(here > last if _is_by_due(query) else here < last)
    ordered = statement.order_by(*(key.asc() if _is_by_due(query) else key.desc() for key in keys))
    found = session.execute(ordered.limit(query.limit + 1)).all()
    rows = [_row(query, row) for row in found[: query.limit]]
    return rows, _cursor(query, found[query.limit - 1][0]) if len(found) > query.limit else None


def total_of(session: Session, person: Person, query: ListQuery, at: datetime) -> int:
    """How many rows `query` asks for, on all pages: exact."""
    counted = matching(session, person, query, at).with_only_columns(func.count())
    return session.scalar(counted) or 0


# --- the words -------------------------------------------------------------------------------------------------------


def cases_are(
    query: CaseQuery, at: datetime, book: WorkCalendar | None = None, person: Person | None = None
) -> list[ColumnElement[bool]]:
    """The conditions of `query` on a case, but for area and type. `book` is needed for `due`, `person` for `mine`, `pool`."""
    wanted: list[ColumnElement[bool]] = []
    if query.q:
        wanted.append(_mentions(query.q))
    for column, value in ((Case.stage, query.stage), (Case.desk, query.desk), (Case.estate_id, query.estate)):
        if value is not None:
            wanted.append(col(column) == value)
    if query.state:
        wanted.append(IS_OPEN if query.state == "open" else ~IS_OPEN)
    if query.card:
        wanted.append(_has_card(query.card, at))
    if query.due:
        assert book is not None
        last_day = due_until(query.due, at, book)
        wanted.append(and_(col(Case.next_due_at) > at, col(Case.next_due_at) <= _end_of(last_day)))
    if query.mine is not None:
        assert person is not None
        wanted.append(_if(query.mine, col(Case.assignee_id).in_([hand.person.id for hand in person.hands])))
    if query.pool is not None:
        assert person is not None
        wanted.append(_if(query.pool, waits_for(person)))
    if query.since:
        wanted.append(col(Case.stage_since) >= query.since)
    if query.assignee:
        officer = select(col(Person.id)).where(Person.has_handle(query.assignee))
        wanted.append(col(Case.assignee_id) == officer.scalar_subquery())
    flags = (
        (query.paused, lambda: col(Case.is_paused).is_(True)),
        (query.waiting, lambda: col(Case.desk) == Desk.APPLICANT),
        (query.stale, lambda: _is_stale(at) if query.state == "open" else and_(IS_OPEN, _is_stale(at))),
        (query.in_meeting, _is_in_meeting),
        (query.missed, lambda: _has_missed(at)),
        (query.rated, lambda: or_(~IS_OPEN, _has_missed(at))),
    )
    return wanted + [_if(flag, word()) for flag, word in flags if flag is not None]


def clocks_are(query: ClockQuery, at: datetime) -> list[ColumnElement[bool]]:
    """The conditions of `query` on a clock, but for area and type."""
    wanted: list[ColumnElement[bool]] = []
    for column, value in ((Clock.limits, query.stage), (Clock.kind, query.kind), (Clock.outcome, query.outcome)):
        if value is not None:
            wanted.append(col(column) == value)
    flags = (
        (query.running, and_(col(Clock.stopped_at).is_(None), col(Clock.paused_at).is_(None))),
        (query.overdue, is_overdue(at)),
        (query.ended, col(Clock.stopped_at).is_not(None)),
        (query.rated, is_rated(at)),
        (query.parked, col(Clock.parked_at).is_not(None)),
    )
    return wanted + [_if(flag, word) for flag, word in flags if flag is not None]


def orphans_are(query: OrphanQuery) -> list[ColumnElement[bool]]:
    """The conditions of `query` on an orphan, but for area and type."""
    wanted = [_if(query.taken, col(Orphan.taken_by_id).is_not(None))]
    return wanted + ([col(Case.stage) == query.stage] if query.stage else [])


IS_OPEN = col(Case.closed_at).is_(None)


def due_until(due: str, at: datetime, book: WorkCalendar) -> date:
    """The last day that `due=today`, `3wd` or `5wd` reaches to."""
    today = at.astimezone(OFFICE_ZONE).date()
    return today if due == "today" else book.add_working(today - timedelta(days=1), int(due.removesuffix("wd")))


def is_overdue(at: datetime) -> ColumnElement[bool]:
    # PostgreSQL's least() passes over nulls
    missed = col(Clock.due_at) <= func.least(at, col(Clock.paused_at))
    return and_(col(Clock.kind) == "deadline", col(Clock.stopped_at).is_(None), missed)


def is_rated(at: datetime) -> ColumnElement[bool]:
    ended = and_(col(Clock.kind) == "deadline", col(Clock.outcome).in_(("on_time", "late")))
    return and_(col(Clock.limits) != WHOLE_CASE, or_(ended, is_overdue(at)))


def _has_card(card: str, at: datetime) -> ColumnElement[bool]:
    red = col(Case.next_due_at) <= at
    if card == "red":
        return red
    yellow = and_(col(Case.warn_at) <= at, col(Case.next_due_at) > at)
    return yellow if card == "yellow" else and_(_if(False, red), _if(False, yellow))


def _is_stale(at: datetime) -> ColumnElement[bool]:
    """Of an open case. It is not said again here: the index over open cases has no `closed_at` to read it from."""
    nothing_runs = and_(col(Case.next_due_at).is_(None), col(Case.period_ends_at).is_(None))
    return and_(nothing_runs, col(Case.stage_since) <= at - STALE_AFTER)


def _is_in_meeting() -> ColumnElement[bool]:
    return col(Case.id).in_(select(AgendaItem.case_id).where(col(AgendaItem.settled_at).is_(None)))  # type: ignore[call-overload]


def _has_missed(at: datetime) -> ColumnElement[bool]:
    late = and_(col(Clock.kind) == "deadline", col(Clock.outcome) == "late")
    return col(Case.id).in_(select(Clock.case_id).where(or_(late, is_overdue(at))))  # type: ignore[call-overload]


def _mentions(text: str) -> ColumnElement[bool]:
    def holds(column: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = column.icontains(text, autoescape=True)
        return found

    detail = func.jsonb_each_text(col(Case.details)).table_valued("key", "value")
    return or_(
        holds(col(Case.number)),
        col(Case.estate_id).in_(select(Estate.id).where(holds(col(Estate.name)))),  # type: ignore[call-overload]
        col(Case.applicant_id).in_(select(Body.id).where(holds(col(Body.name)))),  # type: ignore[call-overload]
        select(1).select_from(detail).where(holds(detail.c.value)).exists(),
    )


def _if(flag: bool, word: ColumnElement[bool]) -> ColumnElement[bool]:
    # what is unknown (a case without deadline is neither red nor not red) is not so
    return word if flag else word.is_not(True)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, OFFICE_ZONE)


def _path_of(session: Session, code: str) -> str:
    path = session.scalar(select(col(Area.path)).where(col(Area.code) == code))
    if path is None:
        raise Invalid(f"没有代码为“{code[:20]}”的区域。", field="area")
    return path


# --- pages -----------------------------------------------------------------------------------------------------------


def _is_by_due(query: ListQuery) -> bool:
    return isinstance(query, CaseQuery | ClockQuery) and query.sort == "due"


def _keys(query: ListQuery) -> Sequence[Any]:
    """The columns a list is ordered and continued by."""
    if isinstance(query, CaseQuery):
        return (func.coalesce(col(Case.next_due_at), FAR), col(Case.id)) if query.sort == "due" else (col(Case.id),)
    if isinstance(query, ClockQuery):
        return (col(Clock.due_at), col(Clock.id)) if query.sort == "due" else (col(Clock.id),)
    return (col(Orphan.id),)


def _row(query: ListQuery, row: Any) -> Any:
    if isinstance(query, CaseQuery):
        return row[0]
    return ClockRow(*row) if isinstance(query, ClockQuery) else OrphanRow(*row)


def _cursor(query: ListQuery, last: Any) -> str:
    place: list[Any] = [last.id]
    if _is_by_due(query):
        due_at = (last.next_due_at or FAR) if isinstance(last, Case) else last.due_at
        place = [due_at.isoformat(), last.id]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(query: ListQuery) -> list[Any]:
    text = query.after or ""
    try:
        place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        *due, row_id = place
        due_at = [datetime.fromisoformat(instant) for instant in due]
        if type(row_id) is not int or abs(row_id) >= 2**63 or any(i.utcoffset() is None for i in due_at):
            raise ValueError(text)
        if len(due) != _is_by_due(query):
            raise ValueError(text)
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("翻页标记无效，请回到第一页。", field="after") from None
    return [*due_at, row_id]
