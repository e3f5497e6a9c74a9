"""The trial office: written once, covering what an office meets, and true to its own rules."""

import stat
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pwdlib import PasswordHash
from sqlalchemy import create_engine, func, select, text
from sqlmodel import Session, col

from api.embedded import Embedded
from api.seed import ACCOUNTS, PLACES, trial
from api.setup import migrate, seed, sync_facts
from flows.hand_off import carry_on
from models.access import readable_by, visible_to
from models.audit import audit
from models.case import Case, CaseEvent
from models.casetypes import casetypes
from models.clock import Clock
from models.committees import Committee, members
from models.db import engine as engine_of
from models.db import url_for
from models.decisions import Decision, Roster
from models.documents import Document
from models.editions import calendar
from models.notices import Notice, Trouble
from models.people import Body, Person, Role, Substitution
from models.settings import settings
from models.tables import METADATA
from models.terms import watch_terms
from models.territory import Estate
from models.worktime import OFFICE_HOURS, OFFICE_ZONE

from .make import at

NOW = at("2026-11-24 10:30")


@pytest.fixture(scope="module")
def facts(postgres: Embedded) -> Iterator[Any]:
    """A database with what every office starts from, and nobody in it."""
    engine = create_engine(url_for(postgres.database("facts").app))
    migrate(postgres.urls("facts").owner)
    with Session(engine) as session, session.begin():
        sync_facts(session)
    yield engine
    engine.dispose()
    postgres.drop("facts")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def office(postgres: Embedded, facts: Any, var: Path) -> Iterator[Any]:
    """A trial office on the morning of `NOW`."""
    facts.dispose()
    engine = create_engine(url_for(postgres.database("office", "facts").app))
    with Session(engine) as session, session.begin():
        trial(session, NOW, var)
    yield engine
    engine.dispose()
    postgres.drop("office")


@pytest.fixture
def session(office: Any) -> Iterator[Session]:
    with office.connect() as connection:
        whole = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        whole.rollback()


def test_a_second_seeding_is_quick_and_changes_nothing(session: Session, var: Path) -> None:
    before = _rows(session)
    begun = time.process_time()
    sync_facts(session)
    accounts = trial(session, NOW + timedelta(days=3), var)
    assert time.process_time() - begun < 1
    assert _rows(session) == before
    assert tuple(account.account for account in accounts) == ACCOUNTS


def test_one_password_opens_every_trial_account_and_is_kept_closed(session: Session, var: Path) -> None:
    accounts = trial(session, NOW, var)
    (password,) = {account.password for account in accounts}
    (kept,) = set(session.scalars(select(col(Person.password_hash)).where(col(Person.account).is_not(None))))
    assert kept and PasswordHash.recommended().verify(password, kept)
    assert stat.S_IMODE((var / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((var / "secrets" / "trial.json").stat().st_mode) == 0o600


def test_a_lost_state_folder_gets_a_new_password_that_works(session: Session, tmp_path: Path, var: Path) -> None:
    old = trial(session, NOW, var)[0].password
    new = trial(session, NOW, tmp_path)[0].password
    assert new != old
    (kept,) = set(session.scalars(select(col(Person.password_hash)).where(col(Person.account).is_not(None))))
    assert kept and PasswordHash.recommended().verify(new, kept)


def test_production_gets_the_facts_and_nobody(
    postgres: Embedded, facts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts.dispose()
    monkeypatch.setattr(settings(), "var", tmp_path)
    urls = postgres.database("production", "facts")
    assert seed(urls.owner, "production") == []
    engine = engine_of(urls.owner)
    with Session(engine) as session:
        rows = _rows(session)
        assert (rows["person"], rows["body"], rows["estate"], rows["case"]) == (0, 0, 0, 0)
        assert rows["area"] > 800 and rows["rule"] > 10 and rows["calendar_day"] > 100
    assert list(tmp_path.iterdir()) == []
    assert len(seed(urls.owner, "trial")) == len(ACCOUNTS)
    engine.dispose()
    postgres.drop("production")


def test_the_samples_cover_what_an_office_meets(session: Session) -> None:
    cases = session.scalars(select(Case).where(col(Case.type) == "fund_request")).all()
    assert len(cases) >= 36
    is_open = [case for case in cases if case.is_open]
    due = Counter(_working_days_left(session, case) for case in is_open if case.next_due_at)
    assert due[0] >= 3, "due today"
    assert sum(due[days] for days in (0, 1, 2, 3)) >= 10
    assert due[-1] >= 3 and due[-6] >= 1, "overdue by one day, by six"
    assert sum(count for days, count in due.items() if days < 0) <= 6, "most are on time"
    assert Counter(case.card(NOW) for case in is_open)["yellow"] >= 5
    assert sum(case.is_paused for case in is_open) >= 2
    assert {case.stage for case in is_open if case.is_stale(NOW)} >= {"planning", "application", "acceptance"}
    funds = [case for case in cases if case.type == "fund_request"]
    assert {case.outcome for case in funds if not case.is_open} == {
        "办结", "退款办结", "撤回", "不予通过", "逾期终止", "表决未通过",
    }  # fmt: skip
    assert {case.stage for case in funds} == {stage.id for stage in funds[0].kind.stages()}
    assert set(session.scalars(select(col(Case.type)))) == set(casetypes()), "each type at some stage"
    assert {case.path.split("/")[2] for case in cases} == {"440304", "440305"}
    assert len({case.path.split("/")[3] for case in cases}) == 6
    outcomes = Counter(session.scalars(select(col(Clock.outcome)).where(col(Clock.kind) == "deadline")))
    assert outcomes["late"] >= 2 and outcomes["on_time"] > 10 * outcomes["late"]


def test_every_desk_has_something_to_do_and_something_to_claim(session: Session) -> None:
    street = session.scalars(select(Case).where(col(Case.desk) == "street", col(Case.path).contains("440304008"))).all()
    holders = Counter(session.get_one(Person, case.assignee_id).name if case.assignee_id else None for case in street)
    assert holders["周敏"] >= 2 and holders[None] >= 2 and len(holders) >= 4
    for account in ("reviewer", "payer", "stranger"):
        person = session.scalars(select(Person).where(col(Person.account) == account)).one()
        assert session.scalar(select(func.count()).where(col(Case.assignee_id) == person.id)), account
    leave = session.scalars(select(Substitution)).one()
    absent, substitute = session.get_one(Person, leave.absent_id), session.get_one(Person, leave.substitute_id)
    assert leave.from_day <= NOW.date() <= leave.to_day
    assert absent.posts[0].area_path == substitute.posts[0].area_path and absent.has_role(Role.CLERK)
    assert holders[absent.name], "what lies with somebody who is away"


def test_one_was_entered_at_the_counter_and_afterwards(session: Session) -> None:
    events = [event for event in session.scalars(select(CaseEvent)) if event.is_backdated]
    assert [(event.name, event.on_behalf_of.partition(":")[0]) for event in events if event.on_behalf_of] == [
        ("submit", "body")
    ]
    assert events[0].at < events[0].recorded_at
    assert session.scalar(
        select(func.count()).where(col(CaseEvent.name) == "note", col(CaseEvent.note).contains("电话"))
    )


def test_the_samples_were_lived_through_in_order_and_in_office_hours(session: Session) -> None:
    found = audit(session)
    assert found.broken == [] and found.events > 300
    book = calendar(session)
    for event in session.scalars(select(CaseEvent).where(col(CaseEvent.by_id).is_not(None))):
        local = event.recorded_at.astimezone(OFFICE_ZONE)
        passed = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
        assert event.at <= NOW and book.is_working(local.date()), event
        assert OFFICE_HOURS[0][0] <= passed <= OFFICE_HOURS[-1][1], event
    numbers = session.scalars(select(col(Case.number)).order_by(col(Case.opened_at), col(Case.id))).all()
    assert list(numbers) == sorted(numbers, key=lambda number: number[2:]), "whatever the letters of their type"
    assert session.scalar(select(func.count()).where(col(Clock.parked_at).is_not(None))) == 0


def test_the_first_shift_makes_every_paper_and_troubles_nobody_with_what_is_over(session: Session) -> None:
    while carry_on(session, NOW, batch=100):
        pass
    assert session.scalars(select(Trouble.why)).all() == []  # type: ignore[call-overload]
    papers = Counter(session.scalars(select(Document.kind)))  # type: ignore[call-overload]
    assert papers["acceptance_notice"] >= 20 and 1 <= papers["urge_notice"] <= 12
    told = Counter(session.scalars(select(Notice.person_id)))  # type: ignore[call-overload]
    assert max(told.values()) <= 40


def test_the_estate_to_begin_with_has_everything_but_a_roster(session: Session) -> None:
    estate = session.scalars(select(Estate).where(col(Estate.name) == PLACES[0].name)).one()
    agent = session.scalars(select(Person).where(col(Person.account) == "agent")).one()
    assert Roster.of(session, estate.id or 0) is None
    assert estate.path.endswith("/440304008/440304008003/") and estate.company_id == agent.posts[0].body_id
    committee = session.scalars(select(Person).where(col(Person.account) == "committee")).one()
    assert committee.posts[0].body_id == estate.committee_id


def test_the_agent_finds_a_decision_passed_one_failed_and_one_to_rule_on(session: Session) -> None:
    agent = session.scalars(select(Person).where(col(Person.account) == "agent")).one()
    used = set(session.scalars(select(Case.details["decision"].as_integer())))
    free = [
        decision
        for decision in session.scalars(
            select(Decision)
            .join(Estate, col(Estate.id) == col(Decision.estate_id))
            .where(col(Estate.company_id) == agent.posts[0].body_id, col(Decision.case_id).is_(None))
        )
        if decision.id not in used
    ]
    assert Counter((decision.passed, bool(decision.undecided)) for decision in free) == {
        (True, False): 1, (False, False): 1, (False, True): 1,
    }  # fmt: skip


def test_a_department_finds_the_meeting_it_asked_for_and_another_the_one_it_is_invited_to(session: Session) -> None:
    whistled = session.scalars(
        select(Case).where(col(Case.place) == "新安雅园", col(Case.type) == "joint_meeting")
    ).one()
    department = session.scalars(select(Person).where(col(Person.account) == "department")).one()
    assert whistled.applicant_id == department.posts[0].body_id and whistled.stage == "supervision"
    assert whistled.details["invited"] == ["街道办事处", "吹哨企业", "报到部门"]
    given = session.scalars(visible_to(department)).all()
    assert sorted(case.type for case in given) == ["action_item", "joint_meeting"]
    market = session.scalars(select(Person).where(col(Person.name) == "谭静")).one()
    (invited,) = session.scalars(readable_by(market)).all()
    assert (invited.place, invited.stage) == ("彩田名苑", "sitting")


def test_offices_that_issue_paper_have_their_word_for_its_number(session: Session) -> None:
    offices = session.scalars(
        select(Body).where(col(Body.kind).in_(["street_office", "district_housing", "fund_centre"]))
    ).all()
    assert len(offices) == 11 and all(office.code for office in offices)
    assert len({office.code for office in offices}) == 11


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("2026-02-17 12:00", id="Spring Festival"),
        pytest.param("2027-01-04 00:30", id="a year not published yet, before the office opens"),
        *(
            pytest.param(moment, marks=pytest.mark.long)
            for moment in (
                "2026-02-14 10:00",
                "2026-10-04 23:59",
                "2026-10-10 08:29",
                "2028-02-29 18:30",
                "2025-01-02 09:00",
            )
        ),
    ],
)
def test_the_samples_can_be_made_on_any_day(facts: Any, tmp_path: Path, moment: str) -> None:
    now = at(moment)
    with Session(facts) as session:
        trial(session, now, tmp_path)
        assert audit(session).broken == []
        assert session.scalar(select(func.count()).where(col(Clock.parked_at).is_not(None))) == 0
        assert session.scalar(select(func.max(CaseEvent.recorded_at))) <= now  # type: ignore[operator]
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), OFFICE_ZONE)
        assert session.scalar(select(func.count()).where(col(Case.next_due_at) == tomorrow)), "due today"
        session.rollback()


def _rows(session: Session) -> dict[str, int]:
    return {name: session.scalar(text(f'select count(*) from "{name}"')) or 0 for name in METADATA.tables}


def _working_days_left(session: Session, case: Case) -> int:
    assert case.next_due_at is not None
    last = (case.next_due_at - timedelta(seconds=1)).astimezone(OFFICE_ZONE).date()
    return calendar(session).working_between(NOW.date(), last)


def test_the_term_watch_finds_a_committee_whose_re_election_nobody_has_opened(session: Session) -> None:
    done = watch_terms(session, NOW)
    assert done and done.opened == 1
    newest = select(Case).where(col(Case.type) == "committee_reelection").order_by(col(Case.id).desc()).limit(1)
    assert session.scalars(newest).one().place == "莲塘居"
    for committee in session.scalars(select(Committee).where(col(Committee.kind) == "elected")):
        posts = Counter(member.post for member in members(session, committee))
        assert committee.seats == 5 and posts["chair"] == 1 and committee.ended_at is None
