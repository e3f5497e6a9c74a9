"""Days turn out otherwise than assumed: running clocks are counted anew, once each, and put back if that was wrong."""

import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from api.embedded import Urls
from models.case import Case, events_of, verify
from models.climb import climb
from models.clock import Clock, ClockLine, Escalation, counted_with, pauses_of
from models.db import engine, transaction
from models.editions import Almanac, almanac, approve, calendar, keep, newest_edition
from models.errors import Conflict, Forbidden
from models.jobs import Job, ask
from models.office import real_now, set_office_clock
from models.rebase import advance, ask_preview, ask_rebase, ask_undo

from .door import Door
from .make import Cast, at, at_intake, at_review, running

OUT = date(2026, 10, 15)
"""A Thursday on which, as it turns out, the offices stay shut."""
WORK_OFF = "from flows.rebase import rebase; print(rebase.fn(), flush=True)"


def shut(session: Session, *days: date, when: str = "2026-10-14 18:00") -> str:
    """An approved edition with days on which the offices stay shut."""
    known = almanac(session, session.scalar(newest_edition()))
    name = f"closed-{days[0]}-{len(days)}"
    edition = keep(
        session, name, "台风停工", Almanac(known.years, known.closed | dict.fromkeys(days, "台风停工")), at=at(when)
    )
    approve(session, edition, at(when))
    return name


def work_off(session: Session, job: Job, when: str = "2026-10-14 18:00", batch: int | None = None) -> Job:
    while job.is_open:
        advance(session, job, at(when), batch)
    # it writes past the session's objects
    session.expire_all()
    return job


def rebased(session: Session, cast: Cast, edition: str, when: str = "2026-10-14 18:00") -> Job:
    return work_off(session, ask_rebase(session, {"edition": edition}, by=cast.admin, at=at(when)), when)


def everything(session: Session) -> list[dict[str, Any]]:
    """Every clock, in a fixed order, as it is in the database."""
    session.expire_all()
    return [clock.model_dump() for clock in session.scalars(select(Clock).order_by(col(Clock.id)))]


def test_a_closed_day_moves_what_runs_over_it_and_nothing_else(session: Session, cast: Cast) -> None:
    over = at_intake(session, cast, "2026-10-12 09:00")  # due Monday 2026-10-19
    before = at_intake(session, cast, "2026-09-28 09:00")  # due 2026-10-13: over already
    after = at_intake(session, cast, "2026-10-15 09:00")  # the start day does not count anyway
    job = rebased(session, cast, shut(session, OUT))

    assert running(session, over).due_day == date(2026, 10, 20) and over.next_due_at == at("2026-10-21 00:00")
    assert running(session, before).generation == 1
    assert running(session, after).generation == 1
    line = events_of(session, over)[-1]
    assert line.name == "re_base" and line.by_id is None
    assert line.facts["clocks"][0]["due_day"] == ["2026-10-19", "2026-10-20"]
    moved = session.scalars(select(ClockLine).where(col(ClockLine.what) == "re-based")).all()
    assert [(one.old_due, one.new_due, one.generation) for one in moved] == [
        (at("2026-10-20 00:00"), at("2026-10-21 00:00"), 2)
    ]
    assert (job.state, job.result["moved"], job.result["cases"]) == ("done", 1, 1)
    assert all(verify(events_of(session, case)) is None for case in (over, before, after))


def test_the_result_is_that_of_counting_every_clock_anew(session: Session, cast: Cast) -> None:
    """Against the plain way: each running clock by itself, with its pauses and extensions."""
    draw = Random(278)
    for _ in range(25):
        start = at("2026-09-26 09:00") + timedelta(days=draw.randrange(18), minutes=draw.randrange(480))
        case = at_review(session, cast, f"{start:%Y-%m-%d %H:%M}")
        if draw.random() < 0.4:
            cast.fires(
                case, "reviewer", "ask_extension", f"{start:%Y-%m-%d} 18:30", by=draw.randint(1, 5), reason="复杂"
            )
            cast.fires(case, "district_head", "grant_extension", f"{start:%Y-%m-%d} 19:00")
        if draw.random() < 0.4:
            paused = start + timedelta(days=1)
            cast.fires(case, "reviewer", "pause", f"{paused:%Y-%m-%d} 20:00", reason="鉴定", evidence="1号")
            if draw.random() < 0.7:
                resumed = paused + timedelta(days=draw.randrange(4))
                cast.fires(case, "reviewer", "resume", f"{resumed:%Y-%m-%d} 21:00")
    edition = shut(session, date(2026, 9, 30), OUT, date(2026, 10, 16))
    book = calendar(session, edition)
    wanted = {
        clock.id: counted_with(clock, pauses_of(session, clock.id), book).due_at  # type: ignore[arg-type]
        for clock in session.scalars(
            select(Clock).where(col(Clock.stopped_at).is_(None), col(Clock.paused_at).is_(None))
        )
    }
    stood = {row["id"]: row["due_at"] for row in everything(session) if row["stopped_at"] or row["paused_at"]}
    rebased(session, cast, edition)
    now = {row["id"]: row["due_at"] for row in everything(session)}
    assert {number: now[number] for number in wanted} == wanted and {number: now[number] for number in stood} == stood
    for case in session.scalars(select(Case)):
        due = [
            clock.due_at
            for clock in session.scalars(
                select(Clock).where(
                    col(Clock.case_id) == case.id,
                    col(Clock.stopped_at).is_(None),
                    col(Clock.paused_at).is_(None),
                    col(Clock.kind) == "deadline",
                )
            )
        ]
        assert case.next_due_at == min(due, default=None) and verify(events_of(session, case)) is None


def test_a_preview_says_what_would_happen_and_changes_nothing(session: Session, cast: Cast) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    edition = shut(session, OUT)
    before = everything(session)
    job = work_off(session, ask_preview(session, {"edition": edition}, by=cast.admin, at=at("2026-10-14 18:00")))
    assert job.result["moved"] == 1 and job.result["examples"]["moved"][0]["new_day"] == "2026-10-20"
    assert everything(session) == before


def test_closed_cases_stay_as_they_were(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "refuse", "2026-10-14 10:00", reason="不在列支范围")
    before = everything(session), case.model_dump(), len(events_of(session, case))
    rebased(session, cast, shut(session, date(2026, 10, 13), OUT))
    session.refresh(case)
    assert (everything(session), case.model_dump(), len(events_of(session, case))) == before


def test_steps_that_fired_for_a_day_that_moved_fire_again_for_the_new_one(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")
    for look in ("2026-10-16 08:30", "2026-10-20 00:00"):
        while climb(session, at(look)):
            pass
    job = rebased(session, cast, shut(session, OUT, when="2026-10-20 09:00"), "2026-10-20 09:00")
    assert case.card(at("2026-10-20 09:00")) != "red" and job.result["stop_overdue"] == 1
    while climb(session, at("2026-10-21 00:00")):
        pass
    fired = session.scalars(select(Escalation).order_by(col(Escalation.id)))
    assert [(row.generation, row.step, row.outcome) for row in fired][-1] == (2, "red_card", "fired")


def test_a_rebase_is_put_back_and_the_ledger_keeps_both(session: Session, cast: Cast) -> None:
    case, moved_since = at_intake(session, cast, "2026-10-12 09:00"), at_review(session, cast, "2026-10-12 09:00")
    before = running(session, case).due_at
    job = rebased(session, cast, shut(session, OUT))
    cast.fires(moved_since, "reviewer", "ask_extension", "2026-10-16 09:00", by=2, reason="复杂")
    cast.fires(moved_since, "district_head", "grant_extension", "2026-10-16 10:00")
    extended = running(session, moved_since).due_at
    undone = work_off(session, ask_undo(session, job, by=cast.admin, at=at("2026-10-16 11:00")), "2026-10-16 11:00")
    session.expire_all()
    assert running(session, case).due_at == before and running(session, moved_since).due_at == extended
    assert undone.result["kept"] == {"moved_since": 1}
    assert [event.name for event in events_of(session, case)].count("re_base") == 2
    assert verify(events_of(session, case)) is None
    with pytest.raises(Conflict, match="已经撤销过"):
        ask_undo(session, job, by=cast.admin, at=at("2026-10-16 12:00"))


def test_who_does_not_govern_asks_for_nothing_and_one_rebase_runs_at_a_time(session: Session, cast: Cast) -> None:
    edition = shut(session, OUT)
    with pytest.raises(Forbidden):
        ask_rebase(session, {"edition": edition}, by=cast.clerk, at=at("2026-10-14 18:00"))
    ask_rebase(session, {"edition": edition}, by=cast.admin, at=at("2026-10-14 18:00"))
    with pytest.raises(Conflict, match="还在进行"):
        ask_rebase(session, {"edition": edition}, by=cast.admin, at=at("2026-10-14 18:00"))


def many(urls: Urls, times: int) -> tuple[list[int], int]:
    """So many cases under intake, an edition that moves them all, and the job that is to do it."""
    from bench.rebase import multiply

    with transaction(urls.app) as session:
        set_office_clock(session, at("2026-10-14 18:00"))
        multiply(session, at_intake(session, Cast(session), "2026-10-12 09:00"), times - 1)
        edition = shut(session, OUT)
        job = ask(session, "rebase", {"edition": edition}, by=None, at=real_now(session))
        return list(session.scalars(select(col(Case.id)))), job.id or 0


def start(urls: Urls) -> "subprocess.Popen[bytes]":
    env = os.environ | {"BANJIE_DATABASE_URL": urls.app, "PREFECT_LOGGING_LEVEL": "ERROR"}
    return subprocess.Popen(
        [sys.executable, "-c", WORK_OFF], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize(("times", "kills"), [(1500, 2), pytest.param(20_000, 8, marks=pytest.mark.long)])
def test_killed_in_the_middle_it_goes_on_and_moves_every_clock_once(own_database: Urls, times: int, kills: int) -> None:
    cases, number = many(own_database, times)
    for round_ in range(kills):
        run = start(own_database)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with transaction(own_database.app) as session:
                job = session.get_one(Job, number)
                if not job.is_open or job.done > round_ * times // (kills + 1):
                    break
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    last = start(own_database)
    assert last.wait(120) == 0
    with Session(engine(own_database.app)) as session:
        job = session.get_one(Job, number)
        assert (job.state, job.result["moved"], job.done) == ("done", times, times)
        lines = session.scalars(select(ClockLine).where(col(ClockLine.what) == "re-based")).all()
        assert len(lines) == len({line.clock_id for line in lines}) == times
        assert {clock.due_day for clock in session.scalars(select(Clock).where(col(Clock.stopped_at).is_(None)))} == {
            date(2026, 10, 20)
        }
        for case_id in Random(times).sample(cases, 20):
            case = session.get_one(Case, case_id)
            assert case.last_hash == events_of(session, case)[-1].hash


def test_officers_go_on_meanwhile_and_nothing_is_lost(own_database: Urls) -> None:
    cases, number = many(own_database, 600)
    run = start(own_database)
    for case_id in cases[::30]:
        with transaction(own_database.app) as session:
            cast = Cast(session)
            session.get_one(Case, case_id).note("电话核实", by=cast.clerk, at=at("2026-10-14 18:00"))
    assert run.wait(120) == 0
    with Session(engine(own_database.app)) as session:
        assert session.get_one(Job, number).result["moved"] == 600
        for case_id in cases[::30]:
            names = [event.name for event in events_of(session, session.get_one(Case, case_id))]
            assert {"note", "re_base"} <= set(names)


def test_the_page_and_the_api_show_how_far_it_is_and_offer_to_put_it_back(door: Door) -> None:
    def asked(session: Session, cast: Cast) -> int:
        at_intake(session, cast, "2026-10-12 09:00")
        return ask_rebase(session, {"edition": shut(session, OUT)}, by=cast.admin, at=at("2026-10-14 18:00")).id or 0

    number = door.writes(asked)
    admin, browser = door.as_("admin"), door.signed_in("admin")
    told = admin.get(f"/api/jobs/{number}").json()
    assert (told["state"], told["kind"]) == ("waiting", "rebase")
    assert "hx-get" in browser.get(f"/jobs/{number}").text
    door.writes(lambda session, cast: work_off(session, session.get_one(Job, number)))
    assert admin.get(f"/api/jobs/{number}").json()["result"]["moved"] == 1
    assert "撤销这次重算" in browser.get(f"/jobs/{number}").text
    assert door.as_("stranger").get(f"/api/jobs/{number}").status_code == 404
    assert browser.post(f"/jobs/{number}/undo").headers["location"] == f"/jobs/{number + 1}"
    assert admin.post(f"/api/jobs/{number}/undo").status_code == 409
