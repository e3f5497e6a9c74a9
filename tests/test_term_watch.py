"""The term watch: each term that nears its end gives rise to one re-election, and to reminders while nobody reports it."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlmodel import Session, col

from api.embedded import Urls
from flows.term_watch import term_watch
from models.case import Case, events_of, verify
from models.committees import Committee, take_office
from models.db import engine as engine_of
from models.db import url_for
from models.notices import Notice
from models.office import set_office_clock
from models.people import Body
from models.rules import Rule
from models.settings import settings
from models.terms import watch_terms
from models.territory import Estate

from .make import Cast, at, body, shift


def committees(session: Session, *ends: str | None, kind: str = "elected") -> list[Committee]:
    """One estate beside 莲花北村 for each of `ends`, with a committee in office whose term ends on that day."""
    north = Cast(session).estate
    made = []
    for number, end in enumerate(ends):
        estate = Estate(name=f"{number}号小区{kind}", area_id=north.area_id, path=north.path)
        session.add(estate)
        session.flush()
        its = body(session, "committee", f"{estate.name}业主委员会", None, north.area_id)
        last = date.fromisoformat(end) if end else None
        made.append(
            take_office(
                session, estate, its, kind=kind, case=None, from_day=date(2023, 7, 1), to_day=last, seats=5, at=at("2023-07-01 09:00")
            )
        )  # fmt: skip
    return made


def opened(session: Session) -> list[Case]:
    asked = select(Case).where(col(Case.type) == "committee_reelection").order_by(col(Case.id))
    return list(session.scalars(asked, execution_options={"populate_existing": True}))


def watch(session: Session, when: str, batch: int = 100) -> tuple[int, int]:
    total, after = (0, 0), 0
    while done := watch_terms(session, at(when), after, batch):
        total, after = (total[0] + done.opened, total[1] + done.reminded), done.last
    return total


def test_all_terms_that_near_their_end_are_found_and_no_others(session: Session, cast: Cast) -> None:
    made = committees(session, "2026-06-30", "2026-07-01", "2026-08-31", None, "2026-01-31", "2025-11-30")
    committees(session, "2026-02-01", kind="acting")
    gone = committees(session, "2026-03-01", kind="elected ")[0]
    gone.kind, gone.ended_at = "elected", at("2025-12-01 09:00")
    session.flush()
    # 180 days before 30 June; the other two are past both later marks as well, of which nobody need be reminded now
    assert watch(session, "2026-01-01 07:15", batch=1) == (3, 0)
    assert [case.estate_id for case in opened(session)] == [made[0].estate_id, made[4].estate_id, made[5].estate_id]
    notes = [events_of(session, case)[0].note for case in opened(session)]
    assert notes[1] == "业主委员会任期至2026-01-31届满，距届满30日，系统自动登记换届。"
    assert notes[2] == "业主委员会任期至2025-11-30届满，已届满32日，系统自动登记换届。"


def test_it_opens_nothing_twice_and_nothing_that_somebody_has_opened(session: Session, cast: Cast) -> None:
    first, second = committees(session, "2026-06-30", "2026-06-30")
    estate = session.get_one(Estate, first.estate_id)
    its = session.get_one(Body, first.body_id)
    Case.open(
        session, "committee_reelection", estate=estate, applicant=its, details={"cause": "other"}, by=cast.clerk, at=at("2025-12-01 09:00")
    )  # fmt: skip
    assert [watch(session, f"2026-01-0{day} 07:15") for day in (1, 2, 3)] == [(1, 0), (0, 0), (0, 0)]
    assert [case.estate_id for case in opened(session)] == [first.estate_id, second.estate_id]


def test_who_has_not_reported_is_reminded_at_each_mark_once(session: Session, cast: Cast) -> None:
    """150 and 90 days before 30 June 2026 are 31 January and 1 April."""
    estate = cast.estate
    its = session.get_one(Body, estate.committee_id)
    take_office(
        session, estate, its, kind="elected", case=None, from_day=date(2023, 7, 1), to_day=date(2026, 6, 30), seats=5,
        at=at("2023-07-01 09:00"),
    )  # fmt: skip
    assert watch(session, "2026-01-02 07:15") == (1, 0)
    assert [watch(session, f"{day} 07:15") for day in ("2026-01-30", "2026-01-31", "2026-02-01")] == [
        (0, 0),
        (0, 1),
        (0, 0),
    ]
    (case,) = opened(session)
    line = events_of(session, case)[-1]
    assert line.name == "term_reminder" and line.by_id is None
    assert line.note == "业主委员会任期至2026-06-30届满，距届满150日，尚未提交书面报告。"
    shift(session, "2026-01-31 08:30")
    told = session.scalars(
        select(Notice).where(col(Notice.person_id) == cast.committee.id, col(Notice.event_id) == line.id)
    )
    assert told.one().text.endswith(
        "“任期将满提醒”，现到“书面报告”环节。业主委员会任期至2026-06-30届满，距届满150日，尚未提交书面报告。"
    )
    first = select(Notice).where(
        col(Notice.person_id) == cast.committee.id, col(Notice.event_id) == events_of(session, case)[0].id
    )
    assert "距届满179日，系统自动登记换届。" in session.scalars(first).one().text
    assert [watch(session, f"{day} 07:15") for day in ("2026-04-01", "2026-04-02")] == [(0, 1), (0, 0)]
    assert verify(events_of(session, case)) is None


def test_who_has_reported_is_left_alone(session: Session, cast: Cast) -> None:
    estate = cast.estate
    its = session.get_one(Body, estate.committee_id)
    take_office(
        session, estate, its, kind="elected", case=None, from_day=date(2023, 7, 1), to_day=date(2026, 6, 30), seats=5,
        at=at("2023-07-01 09:00"),
    )  # fmt: skip
    watch(session, "2026-01-02 07:15")
    (case,) = opened(session)
    cast.fires(case, "committee", "submit", "2026-01-12 09:00", plan="三月换届")
    assert watch(session, "2026-04-01 07:15") == (0, 0)


@pytest.mark.parametrize(
    ("value", "day_before", "day"),
    [
        ("200d", "2025-12-11", "2025-12-12"),
        ("4mo", "2026-02-27", "2026-02-28"),
        # ten working days before Tuesday, 30 June 2026, with 端午 on the 19th: the 15th
        ("10wd", "2026-06-14", "2026-06-15"),
    ],
)
def test_a_place_may_have_its_re_elections_opened_at_another_time(
    session: Session, cast: Cast, value: str, day_before: str, day: str
) -> None:
    committees(session, "2026-06-30")
    shipped = session.scalars(select(Rule).where(col(Rule.id) == "term.open")).one()
    own = shipped.model_dump(exclude={"pk"}) | {"version": 2, "area_path": "/4403/440304/", "value": value}
    session.add(Rule.model_validate(own))
    session.flush()
    assert watch(session, f"{day_before} 07:15") == (0, 0)
    assert watch(session, f"{day} 07:15") == (1, 0)


@pytest.fixture
def office(own_database: Urls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An office of its own on New Year's Day 2026, with sixty committees in office, the flow's database."""
    monkeypatch.setenv("BANJIE_DATABASE_URL", own_database.app)
    settings.cache_clear()
    engine_of.cache_clear()
    engine_of(None)  # made by one thread, and not by each that asks first
    engine = create_engine(url_for(own_database.app))
    with Session(engine) as session, session.begin():
        committees(session, *["2026-06-30"] * 50, *["2027-06-30"] * 10)
        set_office_clock(session, at("2026-01-01 07:15"))
    yield engine
    engine_of(None).dispose()
    engine.dispose()
    engine_of.cache_clear()
    settings.cache_clear()


def test_the_flow_looks_at_every_estate_and_says_what_it_did(office: Any) -> None:
    assert term_watch.fn() == "50 re-elections opened, 0 reminders"
    assert term_watch.fn() == "0 re-elections opened, 0 reminders"


def test_two_runs_at_once_open_each_re_election_once(office: Any) -> None:
    said: list[str] = []
    runs = [threading.Thread(target=lambda: said.append(term_watch.fn())) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    with Session(office) as session:
        cases = opened(session)
        assert len(cases) == len({case.estate_id for case in cases}) == 50
    assert sum(int(one.split()[0]) for one in said) == 50
