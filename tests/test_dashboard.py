"""Every number of the dashboard is the length of the list it opens, for everybody, and nobody counts over the fence."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import create_engine, event, text
from sqlmodel import Session

from api.embedded import Urls
from models.case import Case, events_of
from models.dashboard import METRICS, Figures, figures
from models.db import url_for
from models.lists import CaseQuery, ClockQuery, OrphanQuery, page_of, total_of
from models.notices import Orphan
from models.people import Person, Role
from models.territory import Estate

from .door import Door
from .make import DECIDED, Cast, area, at, at_intake, at_review, body, person

NOW = at("2026-10-20 10:00")
"""A Tuesday. Intakes of Monday the 12th have been late since midnight; those of the 13th are due today, those of the 14th tomorrow."""
READERS = (
    "agent",
    "committee",
    "owner",
    "clerk",
    "head",
    "reviewer",
    "payer",
    "supervisor",
    "auditor",
    "admin",
    "stranger",
)
QUERIES: dict[str, Any] = {"/api/cases": CaseQuery, "/api/clocks": ClockQuery, "/api/orphans": OrphanQuery}


@pytest.fixture
def office(session: Session, cast: Cast) -> None:
    busy_office(session, cast)


def busy_office(session: Session, cast: Cast) -> None:
    """Three streets in two districts, with cases in every situation a figure knows."""
    red = at_intake(session, cast, "2026-10-12 09:00")
    at_intake(session, cast, "2026-10-13 09:00")  # due today, yellow
    at_intake(session, cast, "2026-10-14 09:00")  # due tomorrow, yellow
    at_intake(session, cast, "2026-10-15 09:00")  # due on the 22nd, the third working day
    at_intake(session, cast, "2026-10-19 09:00")  # due on the 26th, the fifth
    paused = at_review(session, cast, "2026-10-15 09:00")
    cast.fires(paused, "reviewer", "ask", "2026-10-16 09:00", items=["x"])
    hidden = at_review(session, cast, "2026-10-12 09:00")
    cast.fires(hidden, "reviewer", "ask", "2026-10-20 09:00", items=["x"])  # late already when it was asked for
    late = at_intake(session, cast, "2026-10-12 09:00")
    cast.fires(late, "clerk", "refuse", "2026-10-20 09:00", reason="x")
    in_time = at_intake(session, cast, "2026-10-12 09:00")
    cast.fires(in_time, "clerk", "refuse", "2026-10-13 09:00", reason="x")
    works = at_review(session, cast, "2026-10-13 09:00")
    cast.fires(works, "reviewer", "approve", "2026-10-14 09:00", amount="1000")
    cast.fires(works, "payer", "paid", "2026-10-15 09:00", paid_on="2026-10-15")
    cast.opens("2026-09-20 09:59")  # stale since today
    cast.opens("2026-09-20 10:01")  # not yet
    hung = cast.opens("2026-10-12 09:00")
    cast.fires(hung, "agent", "plan", "2026-10-12 09:00", warranty_expired=True)
    cast.fires(hung, "agent", "publish", "2026-10-12 09:00")
    told = events_of(session, red)[-1]
    session.add(Orphan(case_id=red.id, event_id=told.id, step="urge", wanted="unit_head", at=NOW))  # type: ignore[arg-type]
    elsewhere(session, cast, "440304007025", "梅林翠苑", "2026-10-12 09:00")  # same district
    elsewhere(session, cast, "440305002003", "南山某苑", "2026-10-12 09:00")  # the stranger's street
    session.flush()


def elsewhere(session: Session, cast: Cast, community: str, name: str, when: str) -> Case:
    """Another company's request that lies at intake in another street."""
    where, company = area(session, community), body(session, "company", f"{name}物业公司")
    agent = person(session, name, f"{name}经办人", Role.AGENT, where.path, body_id=company.id)
    estate = Estate(name=name, area_id=where.id, path=where.path, company_id=company.id)  # type: ignore[arg-type]
    session.add(estate)
    session.flush()
    decision = cast.decided()
    decision.estate_id = estate.id  # type: ignore[assignment]
    details = {"works": "屋面防水", "budget": 100_000}
    case = Case.open(session, "fund_request", estate=estate, applicant=company, details=details, by=agent, at=at(when))
    case.fire("enter_decided", by=agent, at=at(when), facts={"decision": decision.id} | DECIDED)
    case.fire("submit", by=agent, at=at(when), facts={"payee": "深圳安恒", "finish_by": "2027-03-31"})
    return case


def followed(session: Session, who: Person, href: str, now: datetime) -> int:
    address = urlsplit(href)
    return total_of(session, who, QUERIES[address.path].model_validate(dict(parse_qsl(address.query))), now)


def overall(found: Figures) -> dict[str, int]:
    return {metric: found.of(metric).whole.count for metric in METRICS}


@pytest.mark.usefixtures("office")
def test_the_figures_of_one_district_by_hand(session: Session, cast: Cast) -> None:
    found = figures(session, cast.supervisor, NOW)
    assert overall(found) == {
        "open": 12, "due_today": 1, "due_3wd": 3, "due_5wd": 4, "yellow": 2, "red": 2, "paused": 2, "waiting_applicant": 6,
        "in_meeting": 0, "stale": 1, "orphans": 1, "closed": 2, "on_time": 10, "cases_on_time": 5,
    }  # fmt: skip
    # intakes in time: paused, hidden, in_time, works; reviews in time: works; payments in time: works. Late: one intake. Overdue: two
    # intakes and the review that was asked for too late
    on_time = found.of("on_time")
    assert on_time.part and (on_time.part.count, on_time.percent) == (6, "60%")
    # closed in time: one of two; open and late already: red, hidden, and the one in 梅林
    cases = found.of("cases_on_time")
    assert cases.part and (cases.part.count, cases.percent) == (1, "20%")
    streets = {group.title: found.of("red", group).whole.count for group in found.by("street")}
    assert streets["莲花街道"] == streets["梅林街道"] == 1 and sum(streets.values()) == 2 and len(streets) == 10
    stages = {group.title: found.of("open", group).whole.count for group in found.by("stage")}
    assert stages["受理"] == 6 and stages["补正"] == 2 and stages["施工"] == 1 and stages["退款"] == 0


def some(every: Sequence[Any], counts: Callable[[Any], Any]) -> list[Any]:
    """All figures that count something, and each seventh of those that count nothing: there are thousands."""
    return [figure for number, figure in enumerate(every) if counts(figure) or number % 7 == 0]


@pytest.mark.usefixtures("office")
def test_every_figure_is_the_total_of_the_list_it_opens(session: Session, cast: Cast) -> None:
    later = at("2026-11-20 10:00")  # whenever the list is opened, `at` in its address holds it to the figure's instant
    for who in READERS:
        reader = getattr(cast, who)
        for figure in some(figures(session, reader, NOW).all(), lambda figure: figure.whole.count):
            for count in filter(None, (figure.whole, figure.part)):
                assert followed(session, reader, count.href, later) == count.count, (who, figure.metric, figure.group)


@pytest.mark.usefixtures("office")
def test_groups_add_up_to_the_whole(session: Session, cast: Cast) -> None:
    found = figures(session, cast.auditor, NOW)
    assert found.of("open").whole.count == 13
    for metric in METRICS:
        for by in ("street", "type", "stage"):
            parts = [found.of(metric, group) for group in found.by(by)]
            assert sum(part.whole.count for part in parts) == found.of(metric).whole.count, (metric, by)
            assert sum(part.part.count for part in parts if part.part) == getattr(found.of(metric).part, "count", 0)


@pytest.mark.usefixtures("office")
def test_nobody_counts_over_the_fence(session: Session, cast: Cast) -> None:
    strangers = figures(session, cast.stranger, NOW)
    assert [group.key for group in strangers.by("street")] == ["440305002"] and strangers.of("open").whole.count == 1
    futian = figures(session, cast.supervisor, NOW)
    assert all(group.key.startswith("440304") for group in futian.by("street"))
    street = figures(session, cast.head, NOW)
    assert [group.title for group in street.by("street")] == ["莲花街道"] and street.of("open").whole.count == 11
    agents = figures(session, cast.agent, NOW)
    assert [group.title for group in agents.by("street")] == ["莲花街道"] and agents.of("red").whole.count == 1
    nobody = figures(session, cast.admin, NOW)
    assert set(overall(nobody).values()) == {0} and nobody.of("on_time").percent is None


@pytest.mark.usefixtures("office")
def test_what_has_passed_clears_at_the_next_look(session: Session, cast: Cast) -> None:
    red = page_of(session, cast.clerk, CaseQuery(card="red"), NOW)[0][0]
    cast.fires(red, "clerk", "accept", "2026-10-20 10:01")
    assert figures(session, cast.clerk, at("2026-10-20 10:01")).of("red").whole.count == 0


@pytest.mark.usefixtures("office")
def test_a_day_later_the_same_rows_are_counted_by_other_words(session: Session, cast: Cast) -> None:
    found = figures(session, cast.clerk, at("2026-10-21 00:00"))
    assert found.of("red").whole.count == 2 and found.of("due_today").whole.count == 1
    assert found.of("stale").whole.count == 2


@pytest.mark.usefixtures("office")
def test_counting_takes_seven_statements(session: Session, cast: Cast, statements: list[str]) -> None:
    supervisor = cast.supervisor
    statements.clear()
    figures(session, supervisor, NOW).as_json()
    assert len(statements) == 7


def test_an_empty_office_has_every_metric_too(session: Session, cast: Cast) -> None:
    answer = figures(session, cast.head, NOW).as_json()
    assert answer["at"] == "2026-10-20T10:00:00+08:00"
    whole = [figure for figure in answer["figures"] if figure["group"] is None]
    assert [figure["metric"] for figure in whole] == list(METRICS)
    assert whole[0] == {
        "metric": "open", "group": None, "count": 0,
        "href": "/api/cases?state=open&at=2026-10-20T10%3A00%3A00%2B08%3A00",
    }  # fmt: skip
    assert {figure["group"]["key"] for figure in answer["figures"] if figure["group"]} >= {
        "440304008", "fund_request", "fund_request/review", "fund_request/closed",
    }  # fmt: skip


# --- at the door -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(shared_door: Door) -> Door:
    shared_door.writes(busy_office)
    shared_door.goes_to("2026-10-20 10:00")
    return shared_door


def test_whoever_follows_a_figure_gets_a_list_of_that_length(busy: Door) -> None:
    supervisor = busy.as_("supervisor")
    answer = supervisor.get("/api/dashboard").json()
    assert {figure["metric"] for figure in answer["figures"]} == set(METRICS)
    for figure in some(answer["figures"], lambda figure: figure.get("count") or figure.get("whole", {}).get("count")):
        for count in (figure["part"], figure["whole"]) if "part" in figure else (figure,):
            assert supervisor.get(count["href"] + "&total=1").json()["total"] == count["count"], count


@pytest.mark.parametrize("who", [*READERS, "duty", "district_head"])
def test_every_account_may_read_the_dashboard(busy: Door, who: str) -> None:
    reader = busy.as_(who)
    found = {f["metric"]: f for f in reader.get("/api/dashboard").json()["figures"] if f["group"] is None}
    assert list(found) == list(METRICS)
    for metric in ("open", "red", "due_3wd", "orphans"):
        assert reader.get(found[metric]["href"] + "&total=1").json()["total"] == found[metric]["count"]
    assert reader.get("/dashboard").status_code == 200


def test_nobody_reads_it_without_signing_in(busy: Door) -> None:
    assert busy.browser().get("/api/dashboard").status_code == 401
    page = busy.browser().get("/dashboard")
    assert page.status_code == 303 and page.headers["location"].startswith("/signin")


def test_every_number_on_the_page_opens_a_page_that_shows_as_many(busy: Door) -> None:
    browser = busy.signed_in("supervisor")
    shown = browser.get("/dashboard").text
    numbers = re.findall(r'<a [^>]*id="f-[^"]*"[^>]* href="([^"]+)">([\d,]+)</a>', shown)
    assert len(numbers) > 90
    for href, number in numbers:
        listed = browser.get(unescape(href))
        total = re.search(r'<b id="total">([\d,]+)</b>', listed.text)
        assert total and total[1] == number, href


def test_the_page_says_when_nobody_watches_the_clocks(busy: Door) -> None:
    assert "值守程序没有运行" in busy.signed_in("supervisor").get("/dashboard").text


def test_the_lists_behind_the_figures_refuse_in_words(busy: Door) -> None:
    clerk = busy.as_("clerk")
    for address, field in (
        ("/api/cases?at=2026-10-20", "at"), ("/api/clocks?after=nonsense", "after"), ("/api/orphans?area=1", "area"),
        ("/api/clocks?no_such=1", "no_such"), ("/api/clocks?limit=500", "limit"), ("/api/cases?due=9wd", "due"),
    ):  # fmt: skip
        answer = clerk.get(address)
        assert answer.status_code == 422 and answer.json()["field"] == field, answer.text
        assert re.search("[\u4e00-\u9fff]", answer.json()["detail"]), answer.text


# --- many ------------------------------------------------------------------------------------------------------------

MANY = """
insert into "case" (number, type, stage, desk, estate_id, path, applicant_id, details, law_day, opened_at, stage_since,
                    closed_at, next_due_at, warn_at, is_paused, last_seq, last_hash, last_at)
select 'X' || n, 'fund_request',
       case when is_open then (array['need', 'intake', 'review', 'works'])[1 + n % 4] else 'closed' end,
       case when is_open then (array['applicant', 'street', 'district', 'applicant'])[1 + n % 4] end,
       (select min(id) from estate), place.path, (select min(id) from body where kind = 'company'),
       jsonb_build_object('works', '电梯大修', 'budget', n, 'payee', '深圳安恒建筑防水有限公司', 'finish_by', '2027-03-31'),
       date '2026-10-01', due_at - interval '9 days', due_at - interval '9 days',
       case when not is_open then due_at end, case when is_open and n % 4 > 0 then due_at end,
       case when is_open and n % 4 > 0 then due_at - interval '2 days' end, false, 1, repeat('0', 64), due_at
from generate_series(1, 300000) n
join (select path, row_number() over () as row, count(*) over () as rows from area where level = 'community') place
     on place.row = 1 + n % place.rows,
     lateral (select n % 3 = 0 as is_open, timestamptz '2026-10-20 00:00+08' + (n % 15 - 3) * interval '1 day' as due_at) at
"""


@pytest.mark.long
def test_a_hundred_thousand_open_cases_among_others_are_counted_from_the_index_alone(own_database: Urls) -> None:
    owner = create_engine(url_for(own_database.owner), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(MANY))
        connection.execute(text("vacuum analyze"))
    owner.dispose()
    engine = create_engine(url_for(own_database.app))
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with Session(engine) as session:
        cast = Cast(session)
        for who in (cast.auditor, cast.supervisor, cast.clerk):
            asked.clear()
            found = figures(session, who, NOW)
            plan = explained(session, next(of for of in asked if "closed_at IS NULL GROUP BY" in of[0]))
            assert "Index Only Scan using ix_case_open" in plan and 'Seq Scan on "case"' not in plan, plan
            red = found.of("red")
            assert followed(session, who, red.whole.href, NOW) == red.whole.count > 0
        for query in (CaseQuery(), CaseQuery(state="open", area="440304008", stage="review")):
            asked.clear()
            page_of(session, cast.auditor, query, NOW)
            plan = explained(session, asked[-1])
            assert "Seq Scan on" not in plan, plan
    engine.dispose()


def explained(session: Session, asked: tuple[str, Any]) -> str:
    statement, parameters = asked
    return "\n".join(session.connection().exec_driver_sql(f"explain {statement}", parameters).scalars())
