"""Lists: the words in SQL are the words of the row, pages hold every row once, totals are exact, and nobody sees over the fence."""

from datetime import date, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case, events_of
from models.db import insert_rows
from models.editions import calendar
from models.errors import Invalid
from models.lists import CaseQuery, ClockQuery, ListQuery, OrphanQuery, page_of, total_of
from models.notices import Orphan
from models.people import Desk, Person
from models.worktime import OFFICE_ZONE

from .make import Cast, at, at_intake, at_review

NOW = at("2026-09-24 10:00")
"""A Thursday; the Mid-Autumn holiday follows, 2026-09-25 to 27. Working days then: 28, 29 and 30 September."""
TICK = timedelta(microseconds=1)


def write(session: Session, cast: Cast, rows: list[dict[str, Any]]) -> list[Case]:
    """Cases as bare rows, for what lists read of them."""
    base = Case(
        number="", type="fund_request", stage="intake", desk=Desk.STREET, estate_id=cast.estate.id, place="莲花北村",
        path=cast.estate.path, applicant_id=cast.company.id, details={"works": "电梯大修"}, law_day=NOW.date(),  # type: ignore[arg-type]
        opened_at=NOW, stage_since=NOW, last_at=NOW,
    ).model_dump(exclude={"id"})  # fmt: skip
    ids = insert_rows(session, Case, [base | {"number": f"T{n:06d}"} | row for n, row in enumerate(rows)])
    found = {case.id: case for case in session.scalars(select(Case).where(col(Case.id).in_(ids)))}
    return [found[made] for made in ids]


def listed(session: Session, person: Person, query: ListQuery, when: datetime = NOW) -> list[Any]:
    """All pages, one after the other."""
    rows: list[Any] = []
    while True:
        page, after = page_of(session, person, query, when)  # type: ignore[call-overload]
        rows += page
        if after is None:
            return rows
        query = query.model_copy(update={"after": after})


def every_situation() -> list[dict[str, Any]]:
    """Each combination of being due, warned of, paused, left alone and closed, on both sides of every boundary."""
    around = [NOW - TICK, NOW, NOW + TICK]
    dues = [None, *around, at("2026-09-25 00:00"), at("2026-09-25 00:00") + TICK, at("2026-09-29 00:00")]
    dues += [at("2026-09-30 00:00"), at("2026-09-30 00:00") + TICK, at("2026-10-09 00:00"), at("2026-10-10 00:00")]
    since = [NOW - timedelta(days=30) - TICK, NOW - timedelta(days=30), NOW - timedelta(days=30) + TICK]
    closed = [
        {"next_due_at": None, "warn_at": None, "closed_at": NOW, "desk": None, "stage_since": began, "is_paused": False}
        for began in since
    ]
    return closed + [
        {"next_due_at": due, "warn_at": warn, "stage_since": began, "is_paused": paused, "desk": desk}
        for due, warn, began, paused, desk in product(
            dues, [None, *around], since, [True, False], ["street", "applicant"]
        )
        if warn is None or (due is not None and warn < due)
    ]


def last_of(day: datetime) -> date:
    return (day - TICK).astimezone(OFFICE_ZONE).date()


def test_what_a_list_filters_by_is_what_the_case_says_of_itself(session: Session, cast: Cast) -> None:
    cases = write(session, cast, every_situation())
    words = {
        "red": (CaseQuery(card="red"), lambda case: case.card(NOW) == "red"),
        "yellow": (CaseQuery(card="yellow"), lambda case: case.card(NOW) == "yellow"),
        "no card": (CaseQuery(card="none"), lambda case: case.card(NOW) is None),
        "stale": (CaseQuery(stale=True), lambda case: case.is_stale(NOW)),
        "not stale": (CaseQuery(stale=False), lambda case: not case.is_stale(NOW)),
        "open": (CaseQuery(state="open"), lambda case: case.is_open),
        "closed": (CaseQuery(state="closed"), lambda case: not case.is_open),
        "paused": (CaseQuery(paused=True), lambda case: case.is_paused),
        "waiting": (CaseQuery(waiting=True), lambda case: case.desk == "applicant"),
        "not waiting": (CaseQuery(waiting=False), lambda case: case.desk != "applicant"),
    }
    for name, (query, is_so) in words.items():
        wanted = {case.id for case in cases if is_so(case)}
        assert wanted, name
        assert {case.id for case in listed(session, cast.clerk, query)} == wanted, name
        assert total_of(session, cast.clerk, query, NOW) == len(wanted), name


@pytest.mark.parametrize(
    ("now", "due", "last_day"),
    [
        # today counts where it is a working day; the holiday of 25 to 27 September does not
        ("2026-09-24 10:00", "today", "2026-09-24"),
        ("2026-09-24 10:00", "3wd", "2026-09-29"),
        ("2026-09-24 10:00", "5wd", "2026-10-08"),
        # on Sunday the 27th: what ends that day is due today; the third working day is Wednesday
        ("2026-09-27 23:59", "today", "2026-09-27"),
        ("2026-09-27 23:59", "3wd", "2026-09-30"),
        # a Sunday on which people work
        ("2026-09-20 08:00", "3wd", "2026-09-22"),
    ],
)  # fmt: skip
def test_due_within_working_days_counts_on_the_calendar_and_leaves_out_what_is_late(
    session: Session, cast: Cast, now: str, due: Any, last_day: str
) -> None:
    cases = write(session, cast, every_situation())
    here, until = at(now), date.fromisoformat(last_day)
    wanted = {c.id for c in cases if c.next_due_at and c.next_due_at > here and last_of(c.next_due_at) <= until}
    assert {case.id for case in listed(session, cast.clerk, CaseQuery(due=due, at=here))} == wanted
    by_hand = [here.date() + timedelta(days=n) for n in range(20)]
    worked = [day for day in by_hand if calendar(session).is_working(day)]
    assert until == (here.date() if due == "today" else worked[int(due[0]) - 1])


@pytest.mark.parametrize("sort", ["new", "due"])
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_pages_hold_every_case_once_in_order(session: Session, cast: Cast, sort: Any, limit: int) -> None:
    cases = write(session, cast, every_situation()[:100] + [{}] * 20)
    found = listed(session, cast.clerk, CaseQuery(sort=sort, limit=limit))
    assert {case.id for case in found} == {case.id for case in cases} and len(found) == len(cases)
    if sort == "new":
        assert [case.id for case in found] == sorted((case.id or 0 for case in cases), reverse=True)
        return
    order = [(case.next_due_at is None, case.next_due_at, case.id) for case in found]
    assert all(a[0] < b[0] or a[1:] < b[1:] or (a[0] and a[2] < b[2]) for a, b in pairwise(order))


def test_a_page_goes_on_where_it_stopped_though_cases_came_in_between(session: Session, cast: Cast) -> None:
    old = write(session, cast, [{"number": f"A{n}"} for n in range(6)])
    first, after = page_of(session, cast.clerk, CaseQuery(limit=4), NOW)
    write(session, cast, [{"number": "B"}])
    second, end = page_of(session, cast.clerk, CaseQuery(limit=4, after=after), NOW)
    assert [case.id for case in [*first, *second]] == [case.id for case in reversed(old)] and end is None


@pytest.mark.parametrize("after", ["x", "bm9wZQ", "W10", "WyIyMDI2LTA5LTI0IiwgNV0", "WzFd", "WzFlOTldLCA", "5", "МГ"])
def test_a_cursor_this_list_has_not_given_out_is_refused(session: Session, cast: Cast, after: str) -> None:
    with pytest.raises(Invalid, match="翻页标记") as refusal:
        page_of(session, cast.clerk, CaseQuery(sort="due", after=after), NOW)
    assert refusal.value.field == "after"


def test_a_list_shows_what_one_may_see_and_nothing_else(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    event = events_of(session, case)[-1]
    session.add(Orphan(case_id=case.id, event_id=event.id, step="urge", wanted="unit_head", at=NOW))  # type: ignore[arg-type]
    queries = (CaseQuery(area="440304"), ClockQuery(kind="deadline", running=True), OrphanQuery(stage="review"))
    for who in ("clerk", "reviewer", "payer", "supervisor", "auditor", "agent", "committee", "owner"):
        assert [total_of(session, getattr(cast, who), query, NOW) for query in queries] == [1, 1, 1], who
    for who in ("stranger", "admin"):
        assert [total_of(session, getattr(cast, who), query, NOW) for query in queries] == [0, 0, 0], who
    assert [row.case.id for row in listed(session, cast.clerk, OrphanQuery())] == [case.id]
    assert total_of(session, cast.clerk, OrphanQuery(taken=True), NOW) == 0


def test_filters_narrow(session: Session, cast: Cast) -> None:
    review, intake = at_review(session, cast), at_intake(session, cast)
    intake.assign(cast.clerk, by=cast.clerk, at=at("2026-10-12 10:00"))
    late = at("2026-10-20 00:00")

    def numbers(**query: Any) -> list[str]:
        return [case.number for case in listed(session, cast.clerk, CaseQuery(**query), late)]

    assert numbers(stage="review") == [review.number] and numbers(desk="street") == [intake.number]
    assert numbers(type="fund_request", area="440304008") == [intake.number, review.number]
    assert numbers(type="other") == numbers(area="440305") == numbers(estate=10**9) == []
    assert numbers(mine=True) == [intake.number] and numbers(mine=False) == [review.number]
    assert numbers(card="red") == [intake.number, review.number] and numbers(card="red", at=NOW) == []
    with pytest.raises(Invalid, match="没有代码为“999”的区域") as refusal:
        numbers(area="999")
    assert refusal.value.field == "area"


@pytest.mark.parametrize("text", ["T000000", "t0000", "莲花北", "莲心物业", "安捷", "电梯"])
def test_a_search_finds_number_estate_company_and_details(session: Session, cast: Cast, text: str) -> None:
    wanted = write(session, cast, [{"details": {"works": "3栋电梯大修", "payee": "深圳安捷电梯"}}])[0]
    assert [case.id for case in listed(session, cast.clerk, CaseQuery(q=f" {text} "))] == [wanted.id]


@pytest.mark.parametrize("text", ["%", "_", "\\", "works", "没有", "'; drop table x; --"])
def test_a_search_takes_its_words_as_they_are(session: Session, cast: Cast, text: str) -> None:
    write(session, cast, [{}])
    assert listed(session, cast.clerk, CaseQuery(q=text)) == []


def test_what_was_missed_stays_missed(session: Session, cast: Cast) -> None:
    late, paused, good = (at_review(session, cast) for _ in range(3))
    cast.fires(late, "reviewer", "approve", "2026-10-20 09:00", amount="1000")  # due on the 19th
    cast.fires(paused, "reviewer", "ask", "2026-10-20 10:00", items=["x"])  # asked for when it was late already
    cast.fires(good, "reviewer", "approve", "2026-10-19 23:59", amount="1000")
    now = at("2026-10-20 12:00")

    def ids(**query: Any) -> set[int | None]:
        return {case.id for case in listed(session, cast.supervisor, CaseQuery(**query), now)}

    assert ids(missed=True) == {late.id, paused.id} == ids(rated=True) and ids(missed=False) == {good.id}
    overdue = listed(session, cast.supervisor, ClockQuery(overdue=True), now)
    assert [(row.case.id, row.clock.limits) for row in overdue] == [(paused.id, "review")]
    rated = listed(session, cast.supervisor, ClockQuery(rated=True), now)
    ended = {(row.case.id, row.clock.limits, row.clock.outcome) for row in rated if row.clock.limits == "review"}
    assert ended == {(late.id, "review", "late"), (paused.id, "review", None), (good.id, "review", "on_time")}
    assert total_of(session, cast.supervisor, ClockQuery(rated=True, outcome="on_time"), now) == 4  # and three intakes


def test_a_pause_in_time_keeps_a_clock_from_being_overdue(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "ask", "2026-10-19 10:00", items=["x"])
    for when, overdue in (("2026-10-25 00:00", set()), ("2026-11-03 00:00", {"correction"})):
        found = listed(session, cast.supervisor, ClockQuery(overdue=True), at(when))
        assert {row.clock.limits for row in found} == overdue


def test_parameters_as_forms_and_people_write_them() -> None:
    query = CaseQuery.model_validate(
        {"q": "", "type": "", "at": "2026-09-24T10:00:00 08:00", "mine": "1", "total": "1"}
    )
    assert query.q is None and query.type is None and query.at == NOW and query.mine and query.total


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", "2026-09-24T10:00:00"), ("at", "1999-01-01T00:00:00Z"), ("at", "2060-12-31T00:00:00Z"), ("at", "soon"),
        ("limit", "0"), ("limit", "201"), ("q", "a\0b"), ("q", "长" * 101), ("card", "blue"), ("due", "7wd"),
        ("desk", "nobody"), ("estate", str(2**63)), ("stale", "perhaps"), ("no_such_filter", "1"), ("after", "x" * 201),
    ],
)  # fmt: skip
def test_what_a_list_does_not_understand_it_refuses(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        CaseQuery.model_validate({name: value})
    with pytest.raises(ValidationError):
        OrphanQuery.model_validate({"mine": "1"})
