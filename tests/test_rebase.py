"""Days turn out otherwise than assumed: running clocks are counted anew, once each, and put back if that was wrong."""

import os
import threading
import time
from datetime import date, timedelta
from multiprocessing import get_context
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col
from structlog.testing import capture_logs

from api.embedded import Urls
from flows import rebase as flow
from models.case import Case, events_of, verify, whole
from models.climb import climb
from models.clock import Clock, ClockLine, ClockPause, Escalation, pauses_of
from models.db import engine, transaction
from models.editions import Almanac, almanac, approve, calendar, keep, newest_edition
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.jobs import Job, ask, is_left_lying
from models.office import office_now, real_now, set_office_clock
from models.rebase import advance, ask_preview, ask_rebase, ask_undo
from models.rules import Rule
from models.settings import settings
from models.territory import Area
from models.worktime import OFFICE_ZONE, Limit, Pause, WorkCalendar

from .door import Door
from .make import Cast, at, at_intake, at_review, copies, running
from .test_worktime import oracle

OUT = date(2026, 10, 15)
"""A Thursday on which, as it turns out, the offices stay shut."""
PROCESSES = get_context("forkserver")
# a process then starts in a tenth of a second, and need not import the flows anew
PROCESSES.set_forkserver_preload(["tests.test_rebase"])


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


def test_the_result_is_that_of_counting_every_clock_day_by_day(session: Session, cast: Cast) -> None:
    """Cases from all over three weeks, some extended, some paused, some of them still: against a walk through the days."""
    draw = Random(278)
    for _ in range(30):
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
    clocks = session.scalars(select(Clock).where(col(Clock.stopped_at).is_(None), col(Clock.kind) == "deadline")).all()
    wanted = {
        clock.id: clock.due_day if clock.paused_at else walked(clock, pauses_of(session, clock.id or 0), book)
        for clock in clocks
    }
    stopped = [row for row in everything(session) if row["stopped_at"]]
    job = rebased(session, cast, edition)

    assert {clock.id: clock.due_day for clock in clocks} == wanted
    assert [row for row in everything(session) if row["stopped_at"]] == stopped
    assert 10 <= job.result["moved"] < len(clocks)
    for case in session.scalars(select(Case)):
        running_now = [clock for clock in clocks if clock.case_id == case.id and clock.is_running]
        assert case.next_due_at == min((clock.due_at for clock in running_now), default=None)
        assert whole(events_of(session, case), case.last_seq, case.last_hash) is None


def walked(clock: Clock, pauses: list[Pause], book: WorkCalendar) -> date:
    there = [Pause(*(end.astimezone(OFFICE_ZONE) for end in (p.paused_at, p.resumed_at) if end)) for p in pauses]
    days = Limit.parse(clock.limit).value + clock.extended_by
    return oracle(clock.started_at.astimezone(OFFICE_ZONE).date(), days, there, book.is_working, book.is_working)


def test_next_years_notice_settles_what_was_provisional_and_touches_nothing_else(session: Session, cast: Cast) -> None:
    """Of a limit into January only a guess was known; a period that ends in those days is a guess, too."""
    settled = at_intake(session, cast, "2026-12-14 09:00")  # due 2026-12-21
    guessed = at_intake(session, cast, "2026-12-28 09:00")  # due 2027-01-05, 暂定
    moved_not = at_intake(session, cast, "2026-12-22 09:00")  # due 2026-12-29, 暂定
    shown = cast.opens("2026-12-21 09:00")
    cast.fires(shown, "agent", "plan", "2026-12-21 09:00", warranty_expired=True)
    cast.fires(shown, "agent", "publish", "2026-12-21 09:00", budget="386400.50", places=["大堂"])
    still = at_review(session, cast, "2026-12-28 09:00")
    cast.fires(still, "reviewer", "pause", "2026-12-28 10:00", reason="鉴定", evidence="1号")
    before = {row["id"]: row for row in everything(session)}
    provisional = guesses(before)
    job = rebased(session, cast, notice_of_2027(session), "2026-12-29 09:00")

    after = {row["id"]: row for row in everything(session)}
    assert {number for number in after if after[number] != before[number]} == provisional
    assert len(provisional) == 4 and not guesses(after)
    assert running(session, guessed).due_day == date(2027, 1, 4) and running(session, guessed).generation == 2
    assert running(session, moved_not).due_day == date(2026, 12, 29) and running(session, moved_not).generation == 1
    assert running(session, shown, "period").due_day == date(2026, 12, 28)
    assert [event.name for event in events_of(session, settled)][-1] == "submit"
    assert job.result["moved"] == 1 and job.result["become_settled"] == len(provisional)


def guesses(rows: dict[int, dict[str, Any]]) -> set[int]:
    """Clocks that run and are provisional."""
    return {n for n, row in rows.items() if row["provisional"] and not row["paused_at"] and not row["stopped_at"]}


def notice_of_2027(session: Session) -> str:
    """By which Sunday the third of January is worked."""
    known = almanac(session, session.scalar(newest_edition()))
    days = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 2): (False, "元旦"), date(2027, 1, 3): (True, "元旦")}
    edition = keep(session, "notice-2027", "国办", known.with_years({2027: days}), at=at("2026-12-29 08:00"))
    approve(session, edition, at("2026-12-29 08:30"))
    return edition.name


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


def test_steps_whose_new_instant_is_past_stay_fired(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")  # reminded of on Friday the 16th
    while climb(session, at("2026-10-16 08:30")):
        pass
    rebased(session, cast, shut(session, OUT), "2026-10-19 10:00")  # the reminder would be due today at 08:30
    clock = running(session, case)
    assert (clock.next_step, clock.next_at, clock.warn_at) == (
        "red_card",
        at("2026-10-21 00:00"),
        at("2026-10-19 08:30"),
    )
    fired = session.scalars(select(Escalation).order_by(col(Escalation.id))).all()
    assert [(one.generation, one.outcome) for one in fired] == [(1, "fired"), (2, "carried")]
    assert case.card(at("2026-10-19 10:00")) == "yellow"


def test_a_pauses_cap_moves_with_its_days(session: Session, cast: Cast) -> None:
    """The cap is a period; where it is counted in working days, the pause says the new end itself."""
    case = at_review(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "pause", "2026-10-13 10:00", reason="鉴定", evidence="1号")
    cap = running(session, case, "period")
    cap.limit = "3wd"  # due the 16th
    cap.due_day, cap.due_at = date(2026, 10, 16), at("2026-10-17 00:00")
    session.scalars(select(ClockPause)).one().cap_at = cap.due_at
    session.flush()
    rebased(session, cast, shut(session, OUT))
    assert session.scalars(select(ClockPause)).one().cap_at == at("2026-10-20 00:00") == case.period_ends_at


def as_it_is(case: Case) -> dict[str, Any]:
    """All of a case but where its ledger ends."""
    return {name: getattr(case, name) for name in Case.model_fields if not name.startswith("last_")}


def test_a_rebase_is_put_back_and_the_ledger_keeps_both(session: Session, cast: Cast) -> None:
    case, moved_since = at_intake(session, cast, "2026-10-12 09:00"), at_review(session, cast, "2026-10-12 09:00")
    closed, still = at_review(session, cast, "2026-10-12 09:00"), at_review(session, cast, "2026-10-12 09:00")
    before, shown = running(session, case).model_dump(), as_it_is(case)
    job = rebased(session, cast, shut(session, OUT))
    cast.fires(moved_since, "reviewer", "ask_extension", "2026-10-16 09:00", by=2, reason="复杂")
    cast.fires(moved_since, "district_head", "grant_extension", "2026-10-16 10:00")
    extended = running(session, moved_since).due_at
    cast.fires(closed, "reviewer", "refuse", "2026-10-16 10:00", reason="不在列支范围")
    cast.fires(still, "reviewer", "pause", "2026-10-16 10:00", reason="鉴定", evidence="1号")
    # the reminder of the old day is due by now, and comes at once
    undone = work_off(session, ask_undo(session, job, by=cast.admin, at=at("2026-10-16 11:00")), "2026-10-16 11:00")

    assert running(session, case).model_dump() == before | {"generation": 3}
    assert as_it_is(case) == shown
    assert running(session, moved_since).due_at == extended
    assert undone.result["kept"] == {"moved_since": 1, "stopped": 1, "paused": 1} and undone.result["cases"] == 1
    assert [event.name for event in events_of(session, case)].count("re_base") == 2
    assert all(verify(events_of(session, one)) is None for one in (case, moved_since, closed, still))
    with pytest.raises(Conflict, match="已经撤销过"):
        ask_undo(session, job, by=cast.admin, at=at("2026-10-16 12:00"))


# --- a rule, on purpose ----------------------------------------------------------------------------------------------


def version(session: Session, value: str, code: str | None = None) -> Rule:
    """A further version of the street's intake, for a district or for everybody."""
    old = session.scalars(select(Rule).where(col(Rule.id) == "fund.intake")).first()
    assert old is not None
    path = session.scalars(select(Area).where(col(Area.code) == code)).one().path if code else "/"
    number = session.scalars(select(func.max(Rule.version)).where(col(Rule.id) == "fund.intake")).one() + 1
    rule = Rule(
        **old.model_dump(exclude={"pk", "version", "value", "area_path"}), version=number, value=value, area_path=path
    )
    session.add(rule)
    session.flush()
    return rule


def test_a_version_of_a_rule_takes_over_the_clocks_of_its_area_when_asked_to_and_gives_them_back(
    session: Session, cast: Cast
) -> None:
    case, other = at_intake(session, cast, "2026-10-12 09:00"), at_review(session, cast, "2026-10-12 09:00")
    before, others = running(session, case).model_dump(), running(session, other).model_dump()
    rule = version(session, "8wd", "440304")
    params = {"rule": rule.id, "rule_pk": rule.pk}
    preview = work_off(session, ask_preview(session, params, by=cast.admin, at=at("2026-10-13 09:00")))
    assert (preview.result["repinned"], preview.result["moved"], preview.total) == (1, 1, 1)
    assert running(session, case).model_dump() == before
    job = work_off(session, ask_rebase(session, params, by=cast.admin, at=at("2026-10-13 09:00")), "2026-10-13 09:00")

    clock = running(session, case)
    assert (clock.rule_pk, clock.rule_version, clock.limit) == (rule.pk, rule.version, "8wd")
    assert clock.due_day == date(2026, 10, 22) and case.next_due_at == at("2026-10-23 00:00")
    assert running(session, other).model_dump() == others
    work_off(session, ask_undo(session, job, by=cast.admin, at=at("2026-10-13 10:00")), "2026-10-13 10:00")
    assert running(session, case).model_dump() == before | {"generation": 3}


def test_a_districts_version_is_not_overruled_by_one_for_everybody_nor_reaches_beyond_its_area(
    session: Session, cast: Cast
) -> None:
    own = version(session, "8wd", "440304")
    case = at_intake(session, cast, "2026-10-12 09:00")
    assert running(session, case).rule_pk == own.pk
    for rule in (version(session, "3wd"), version(session, "3wd", "440305")):
        asked = ask_rebase(session, {"rule": rule.id, "rule_pk": rule.pk}, by=cast.admin, at=at("2026-10-13 09:00"))
        assert work_off(session, asked, "2026-10-13 09:00").result["cases"] == 0
    assert running(session, case).limit == "8wd"


def test_what_was_extended_in_another_unit_is_left_and_counted(session: Session, cast: Cast) -> None:
    clock = running(session, at_intake(session, cast, "2026-10-12 09:00"))
    clock.extensions, clock.extended_by = 1, 3
    session.flush()
    rule = version(session, "10d")
    asked = ask_rebase(session, {"rule": rule.id, "rule_pk": rule.pk}, by=cast.admin, at=at("2026-10-13 09:00"))
    assert work_off(session, asked, "2026-10-13 09:00").result["kept"] == {"other_unit": 1}


def test_what_cannot_be_counted_is_left_and_counted(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")
    rule = version(session, "999999wd")
    asked = ask_rebase(session, {"rule": rule.id, "rule_pk": rule.pk}, by=cast.admin, at=at("2026-10-13 09:00"))
    assert work_off(session, asked, "2026-10-13 09:00").result["kept"] == {"uncountable": 1}
    assert running(session, case).limit == "5wd"


# --- asking ----------------------------------------------------------------------------------------------------------


def test_what_is_asked_must_be_there_and_hold(session: Session, cast: Cast) -> None:
    when = at("2026-10-14 18:00")
    with pytest.raises(NotFound, match="没有名为“2031”的放假安排"):
        ask_preview(session, {"edition": "2031"}, by=cast.admin, at=when)
    with pytest.raises(NotFound, match="没有"):
        ask_rebase(session, {"rule": "fund.intake", "rule_pk": 10**6}, by=cast.admin, at=when)
    with pytest.raises(Invalid):
        ask_rebase(session, {}, by=cast.admin, at=when)
    keep(session, "draft", "台风停工", almanac(session, session.scalar(newest_edition())), at=when)
    ask_preview(session, {"edition": "draft"}, by=cast.admin, at=when)
    with pytest.raises(Conflict, match="还没有批准"):
        ask_rebase(session, {"edition": "draft"}, by=cast.admin, at=when)
    job = rebased(session, cast, shut(session, date(2026, 12, 1)))
    with pytest.raises(Conflict, match="没有改动任何期限"):
        ask_undo(session, job, by=cast.admin, at=when)


def test_an_older_edition_does_not_take_back_a_newer_one(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")
    first, second = shut(session, OUT), shut(session, date(2026, 10, 16))
    rebased(session, cast, second)
    at_newest = running(session, case).due_at
    assert rebased(session, cast, first).result["cases"] == 0
    assert running(session, case).due_at == at_newest


def test_who_does_not_govern_asks_for_nothing_and_one_rebase_runs_at_a_time(session: Session, cast: Cast) -> None:
    edition = shut(session, OUT)
    with pytest.raises(Forbidden):
        ask_rebase(session, {"edition": edition}, by=cast.clerk, at=at("2026-10-14 18:00"))
    ask_rebase(session, {"edition": edition}, by=cast.admin, at=at("2026-10-14 18:00"))
    with pytest.raises(Conflict, match="还在进行"):
        ask_rebase(session, {"edition": edition}, by=cast.admin, at=at("2026-10-14 18:00"))


# --- while others work, and kill -9 ----------------------------------------------------------------------------------


def many(urls: Urls, times: int) -> int:
    """So many cases under intake, an edition that moves them all, and the job that is to do it."""
    with transaction(urls.app) as session:
        set_office_clock(session, at("2026-10-14 18:00"))
        original = at_intake(session, Cast(session), "2026-10-12 09:00")
        copies(session, original, [None] * (times - 1))
        return ask(session, "rebase", {"edition": shut(session, OUT)}, by=None, at=real_now(session)).id or 0


def run(url: str) -> None:
    os.environ["BANJIE_DATABASE_URL"] = url
    settings.cache_clear()
    flow.rebase.fn()


def start(urls: Urls) -> Any:
    process = PROCESSES.Process(target=run, args=[urls.app], daemon=True)
    process.start()
    return process


def wait_for(urls: Urls, question: Any, limit: float = 60) -> None:
    ends = time.monotonic() + limit
    while True:
        with transaction(urls.app) as session:
            if question(session):
                return
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.parametrize(("times", "kills"), [(2000, 3), pytest.param(20_000, 25, marks=pytest.mark.long)])
def test_killed_in_the_middle_it_goes_on_and_moves_every_clock_once(own_database: Urls, times: int, kills: int) -> None:
    number, draw = many(own_database, times), Random(times)
    for round_ in range(kills):
        process = start(own_database)
        begun = round_ * times // (kills + 1)
        wait_for(own_database, lambda s, begun=begun: (job := s.get_one(Job, number)).done > begun or not job.is_open)
        time.sleep(draw.random() / 10)
        process.kill()
        process.join()
    last = start(own_database)
    last.join(120)
    assert last.exitcode == 0
    with Session(engine(own_database.app)) as session:
        job = session.get_one(Job, number)
        assert (job.state, job.result["moved"], job.done) == ("done", times, times)
        lines = session.scalars(select(ClockLine).where(col(ClockLine.what) == "re-based")).all()
        assert len(lines) == len({line.clock_id for line in lines}) == times
        clocks = session.scalars(select(Clock).where(col(Clock.stopped_at).is_(None)))
        assert {(clock.due_day, clock.generation) for clock in clocks} == {(date(2026, 10, 20), 2)}
        cases = session.scalars(select(Case)).all()
        for case in draw.sample(cases, 200):
            assert whole(events_of(session, case), case.last_seq, case.last_hash) is None


def test_officers_move_the_very_cases_meanwhile_and_nothing_is_lost(own_database: Urls) -> None:
    """Four of them accept from the far end; nobody waits for ever, and every deadline that runs then is one of the new days."""
    number, done, wrong = many(own_database, 600), [0], []
    with transaction(own_database.app) as session:
        cases = list(session.scalars(select(col(Case.id)).order_by(col(Case.id).desc())))
        clerk = Cast(session).clerk

    def accept(lane: int) -> None:
        for case_id in cases[lane::4][:60]:
            try:
                with transaction(own_database.app) as session:
                    case = session.get_one(Case, case_id)
                    case.fire("accept", by=clerk, at=office_now(session))
                done[0] += 1
            except Exception as error:  # noqa: BLE001 - told by the assertion below
                wrong.append(error)

    lanes = [threading.Thread(target=accept, args=[lane]) for lane in range(4)]
    process = start(own_database)
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    process.join(120)
    assert (process.exitcode, done, wrong) == (0, [240], [])
    with Session(engine(own_database.app)) as session:
        job = session.get_one(Job, number)
        assert job.state == "done" and not job.put_back and job.result["moved"] >= 360
        for case in session.scalars(select(Case)):
            names = [event.name for event in events_of(session, case)]
            assert names.count("re_base") <= 1 and ("accept" in names) == (case.id in cases[:240])
            assert whole(events_of(session, case), case.last_seq, case.last_hash) is None
            assert running(session, case).due_day == date(2026, 10, 22 if case.stage == "review" else 20)


def test_a_case_that_is_locked_comes_last_and_is_not_forgotten(own_database: Urls) -> None:
    number = many(own_database, 20)
    with Session(engine(own_database.app)) as officer, transaction(own_database.app) as session:
        held = officer.scalars(select(Case).order_by(col(Case.id)).limit(1).with_for_update()).one()
        job = session.get_one(Job, number)
        while advance(session, job, at("2026-10-14 18:00"), 7):
            pass
        assert job.is_open and job.put_back == [held.id] and job.result["moved"] == 19
        officer.rollback()
        while job.is_open:
            advance(session, job, at("2026-10-14 18:00"), 7)
        assert (job.put_back, job.result["moved"]) == ([], 20)


def test_what_was_begun_on_the_old_calendar_and_not_yet_committed_is_waited_for(own_database: Urls) -> None:
    with transaction(own_database.app) as session:
        set_office_clock(session, at("2026-10-14 18:00"))
    with Session(engine(own_database.app)) as officer:
        case = at_intake(officer, Cast(officer), "2026-10-12 09:00")
        with transaction(own_database.app) as session:
            number = ask(session, "rebase", {"edition": shut(session, OUT)}, by=None, at=real_now(session)).id
        process = start(own_database)
        wait_for(own_database, lambda session: session.get_one(Job, number).beat_at)
        time.sleep(0.5)
        with transaction(own_database.app) as session:
            assert session.get_one(Job, number).state == "waiting" and not is_left_lying(session)
        officer.commit()
        process.join(60)
        assert officer.get_one(Job, number).result["moved"] == 1
        assert running(officer, case).due_day == date(2026, 10, 20)


def test_a_job_that_cannot_be_done_says_why_and_holds_nothing_up(own_database: Urls) -> None:
    many(own_database, 2)
    with transaction(own_database.app) as session:
        broken = ask(session, "rebase", {"edition": "1999"}, by=None, at=real_now(session)).id
        after = ask(session, "preview", {"edition": session.scalar(newest_edition())}, by=None, at=real_now(session)).id
    process = start(own_database)
    process.join(60)
    assert process.exitcode == 0
    with transaction(own_database.app) as session:
        job = session.get_one(Job, broken)
        assert (job.state, job.why) == ("failed", "没有名为“1999”的放假安排。")
        assert session.get_one(Job, after).state == "done" and not is_left_lying(session)


def test_the_shift_asks_for_a_run_where_a_job_lies_and_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prefect that does not answer holds no deadline up; one that is not there is missed once."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(flow, "_is_left_lying", lambda: True)
    flow._say_that_nobody_can.cache_clear()
    with capture_logs() as logged:
        flow.start_if_asked()
        flow.start_if_asked()
    assert [line["event"] for line in logged] == ["a job is open and there is no Prefect server that could run it"]
    asked, answers = [], threading.Event()

    def slow(*args: Any, **options: Any) -> None:
        asked.append((args, options))
        answers.wait(10)
        raise OSError("nobody there")

    monkeypatch.setattr(flow, "run_deployment", slow)
    monkeypatch.setattr(flow, "STARTS", 0.1)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    begun = time.monotonic()
    flow.start_if_asked()
    flow.start_if_asked()
    assert time.monotonic() - begun < 5
    answers.set()
    for thread in threading.enumerate():
        if thread.name == flow.ASKING:
            thread.join()
    assert asked == [(("rebase/rebase",), {"timeout": 0, "as_subflow": False})]


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
    begun = time.monotonic()
    assert browser.post(f"/jobs/{number}/undo").headers["location"] == f"/jobs/{number + 1}"
    assert time.monotonic() - begun < 5
    assert admin.get(f"/api/jobs/{number + 1}").json()["state"] == "waiting"
    assert admin.post(f"/api/jobs/{number}/undo").status_code == 409
