"""After an outage, beside what cannot be acted on, in any zone: what is due fires, once, at its instant, and nobody is buried in paper."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise

import psycopg
import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlmodel import Session, col

from api.embedded import Urls
from flows.hand_off import carry_on
from models.case import Case, events_of, verify
from models.climb import BATCH, climb
from models.clock import Clock
from models.db import transaction, url_for
from models.documents import Document
from models.editions import calendar
from models.ladder import PROMPT, next_step
from models.worktime import OFFICE_ZONE, Limit, at_office_open, due

from .door import Door
from .make import Cast, at, at_review, copies, running, shift

# --- what cannot be acted on holds nothing up ---


def test_one_that_is_due_fires_at_once_beside_thousands_that_cannot(session: Session, cast: Cast) -> None:
    old = copies(session, at_review(session, cast, "2026-09-28 09:00"), [None] * 2000)
    set_aside = (
        update(Clock).where(col(Clock.case_id).in_(old[40:])).values(parked_at=at("2026-10-10 09:00"), parked_why="…")
    )
    session.execute(set_aside)
    session.execute(update(Clock).where(col(Clock.case_id).in_(old)).values(next_step="no such step"))
    due = at_review(session, cast, "2026-10-12 09:00")
    assert climb(session, at("2026-10-16 08:30")) == 42
    assert events_of(session, due)[-1].name == "remind"
    parked = select(func.count(col(Clock.id))).where(col(Clock.parked_at).is_not(None))
    assert session.scalar(parked) == 2000 and climb(session, at("2026-10-16 08:30")) == 0


def test_what_others_have_locked_does_not_hide_what_is_due_after_it(own_database: Urls) -> None:
    with transaction(own_database.app) as session:
        old = at_review(session, Cast(session), "2026-10-12 09:00")
        busy = [old.id, *copies(session, old, [None] * BATCH)]
        due = at_review(session, Cast(session), "2026-10-13 09:00").id
    with transaction(own_database.app) as elsewhere:
        elsewhere.execute(select(col(Case.id)).where(col(Case.id).in_(busy)).with_for_update())
        with transaction(own_database.app) as session:
            assert climb(session, at("2026-10-19 08:30")) == 1
            while carry_on(session, at("2026-10-19 08:30")):
                pass
            last = events_of(session, session.get_one(Case, due))[-1]
            assert last.name == "remind" and last.handled_at


# --- a week without a watch ---


def test_after_a_week_nobody_is_buried_in_paper(session: Session, cast: Cast) -> None:
    """Seventy cases in every state of lateness, found on a Wednesday afternoon, and the fortnight that follows."""
    first = at_review(session, cast, "2026-09-28 09:00")
    begun = [at(f"2026-10-{day:02d} {hour:02d}:30") for day in range(8, 29) for hour in (0, 9, 23)]
    cases = copies(session, first, [None] * len(begun))
    book = calendar(session)
    for case_id, start in zip(cases, begun, strict=True):
        counted = due(start, Limit(5, "wd"), book)
        changes = {"started_at": start, "due_day": counted.due_day, "due_at": counted.due_at}
        clock = session.scalars(select(Clock).where(col(Clock.case_id) == case_id)).one()
        step = next_step(clock, counted, book)
        assert step is not None
        session.execute(
            update(Clock).where(col(Clock.id) == clock.id).values(**changes, next_step=step.name, next_at=step.at)
        )
    session.expire_all()
    for look in (at("2026-10-28 15:00") + n * timedelta(hours=1, minutes=40) for n in range(220)):
        shift(session, look)

    serving = session.scalars(select(Case).where(col(Case.serves).is_not(None), col(Case.closed_at).is_(None)))
    assert set(Counter(meeting.serves for meeting in serving).values()) == {1}
    for case_id in cases:
        steps = {
            event.name: event.recorded_at.astimezone(OFFICE_ZONE)
            for event in events_of(session, session.get_one(Case, case_id))
        }
        red, urged, circulated = (steps[name] for name in ("red_card", "urge", "circulate"))
        # a red card seen soon after midnight is of the day that was due
        days = [(red - PROMPT - timedelta.resolution).date(), urged.date(), circulated.date()]
        assert all(book.working_between(before, after) >= 1 for before, after in pairwise(days)), (
            f"{red} {urged} {circulated}"
        )
        assert all(at_office_open(one.date()) <= one and book.is_working(one.date()) for one in (urged, circulated))
    issued = Counter((paper.case_id, paper.issued_on) for paper in session.scalars(select(Document)))
    assert set(issued.values()) == {1}


# --- zones ---


@pytest.fixture
def lives_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Move this process to another zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("of_server", "of_session", "of_process"),
    [
        ("Asia/Shanghai", "UTC", "America/Los_Angeles"),
        ("Pacific/Kiritimati", "America/Lima", "Asia/Kolkata"),
        ("America/Lima", None, "Pacific/Apia"),
    ],
)
def test_server_session_and_process_in_three_zones_see_the_same_instants(
    own_database: Urls, lives_in: Callable[[str], None], of_server: str, of_session: str | None, of_process: str
) -> None:
    with psycopg.connect(own_database.owner, autocommit=True) as connection:
        connection.execute(f"alter database {connection.info.dbname} set timezone to '{of_server}'")
    lives_in(of_process)
    options = {"options": f"-c timezone={of_session}"} if of_session else {}
    engine = create_engine(url_for(own_database.app), connect_args=options)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        assert session.scalar(text("show timezone")) == (of_session or of_server)
        cast = Cast(session)
        today, tomorrow = (at_review(session, cast, when) for when in ("2026-10-12 23:59:59", "2026-10-13 00:00:01"))
        old_year, new_year = (cast.opens(when).number for when in ("2026-12-31 23:59:59", "2027-01-01 00:00:01"))
        assert (old_year[2:6], new_year[2:6]) == ("2026", "2027")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        found = [session.get_one(Case, case.id) for case in (today, tomorrow)]
        assert [case.law_day for case in found] == [date(2026, 10, 12), date(2026, 10, 13)]
        clocks = [running(session, case) for case in found]
        assert [clock.due_day for clock in clocks] == [date(2026, 10, 19), date(2026, 10, 20)]
        assert [clock.due_at for clock in clocks] == [at("2026-10-20 00:00"), at("2026-10-21 00:00")]
        assert [clock.next_at for clock in clocks] == [at("2026-10-16 08:30"), at("2026-10-19 08:30")]
        for look in ("2026-10-19 23:59:59", "2026-10-20 00:00:00", "2026-10-20 08:30"):
            shift(session, at(look))
        told = [(event.name, event.at) for event in events_of(session, found[0])[-3:]]
        assert told == [
            ("remind", at("2026-10-19 23:59:59")),
            ("red_card", at("2026-10-20 00:00")),
            ("urge", at("2026-10-20 08:30")),
        ]
        paper = session.scalars(select(Document).where(col(Document.kind) == "urge_notice")).one()
        assert (paper.case_id, paper.issued_on) == (found[0].id, date(2026, 10, 20))
    with Session(engine) as session:
        assert all(verify(events_of(session, session.get_one(Case, case.id))) is None for case in found)
    engine.dispose()


# --- the last day ends at 24:00 ---


def test_half_a_minute_before_midnight_is_on_time_and_midnight_is_late_wherever_one_looks(door: Door) -> None:
    prompt, late = door.writes(lambda session, cast: [at_review(session, cast, "2026-10-12 09:00") for _ in range(2)])
    numbers = {prompt.number, late.number}

    def looks() -> tuple[set[str], int, set[bool]]:
        """Which are red in the list, how many on the dashboard, and whether the page says so."""
        reviewer = door.signed_in("reviewer")
        listed = {case["number"] for case in reviewer.get("/api/cases?card=red").json()["items"]}
        figures = reviewer.get("/api/dashboard").json()["figures"]
        counted = next(one for one in figures if one["metric"] == "red" and one["group"] is None)
        pages = {"红牌" in reviewer.get(f"/cases/{number}").text for number in numbers}
        return listed, counted["count"], pages

    door.goes_to("2026-10-19 23:59:30")
    assert looks() == (set(), 0, {False})
    answer = door.as_("reviewer").post(
        f"/api/cases/{prompt.number}/events", json={"name": "approve", "facts": {"amount": "1"}}
    )
    assert answer.status_code == 201, answer.text
    door.goes_to("2026-10-20 00:00:00")
    assert looks()[:2] == ({late.number}, 1)
    answer = door.as_("reviewer").post(
        f"/api/cases/{late.number}/events", json={"name": "approve", "facts": {"amount": "1"}}
    )
    assert answer.status_code == 201, answer.text
    outcomes = {}
    for number in numbers:
        clocks = door.as_("reviewer").get(f"/api/cases/{number}/clocks").json()["items"]
        outcomes[number] = next(one["outcome"] for one in clocks if one["limits"] == "review")
    assert outcomes == {prompt.number: "on_time", late.number: "late"}
