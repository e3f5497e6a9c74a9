"""Clock health: how late things were, whether somebody watches, and what was set aside. Every number is a list's total."""

import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, select, text, update
from sqlmodel import Session, col

from api.embedded import Urls
from models.case import Case, events_of, verify
from models.climb import climb
from models.clock import Clock, Escalation
from models.health import HealthQuery, Line, lateness, listed, pulse, total_of
from models.lateness import BOUNDS, histograms, tally
from models.messages import Message
from models.office import Heartbeat, real_now, set_office_clock, sign_of_life
from models.people import Post

from .door import Door
from .make import Cast, at, at_intake, running
from .test_shift import on_duty, until

DUE = "2026-10-19"
"""The last day of a request handed in on 12 October: reminded on the 16th at 08:30, late from the 20th at 00:00."""


def fires(session: Session, when: str, late: float = 0.0) -> None:
    """The watch looks at `when`, or so many seconds later."""
    while climb(session, at(when) + timedelta(seconds=late)):
        pass


def counted(engine: Engine, what: str = "step") -> dict[float, int]:
    """Upper bound → how many, after a tally or two; empty buckets left out."""
    for _ in range(2):
        with Session(engine) as session, session.begin():
            tally(session)
    with Session(engine) as session:
        counts = histograms(session)[what].counts
    return {bound: count for bound, count in zip((*BOUNDS, float("inf")), counts, strict=True) if count}


# --- how late --------------------------------------------------------------------------------------------------------


def test_every_step_is_counted_once_by_how_late_it_fired(engine_of_its_own: Engine) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        for _ in range(3):
            at_intake(session, Cast(session))
        fires(session, "2026-10-16 08:30", 0.05)  # exactly a bucket's bound, which is included
    assert counted(engine_of_its_own) == {0.05: 3}
    assert counted(engine_of_its_own) == {0.05: 3}
    with Session(engine_of_its_own) as session, session.begin():
        fires(session, "2026-10-20 00:00", 7)
        at_intake(session, Cast(session), "2026-10-20 09:00")
    with Session(engine_of_its_own) as session, session.begin():
        fires(session, "2026-10-29 08:30", 120)  # nobody watched for a week
    counts = counted(engine_of_its_own)
    assert counts[0.05] == 3 and counts[10.0] == 3
    with Session(engine_of_its_own) as session:
        fired = session.scalars(select(Escalation).where(col(Escalation.outcome) == "fired")).all()
        assert sum(counts.values()) == len(fired)
        total = sum((row.fired_at - row.at).total_seconds() for row in fired)
        assert histograms(session)["step"].seconds == pytest.approx(total)


def test_what_is_committed_out_of_order_is_counted_once(engine_of_its_own: Engine) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        first, second = (at_intake(session, Cast(session)).id for _ in range(2))
    with Session(engine_of_its_own) as slow, Session(engine_of_its_own) as quick:
        slow.get(Case, first, with_for_update=True)  # the other one passes by
        quick.get(Case, second, with_for_update=True)
        fires(slow, "2026-10-16 08:30")
        fires(quick, "2026-10-16 08:30")
        quick.commit()  # with the higher id
        assert counted(engine_of_its_own) == {}
        slow.commit()
    assert counted(engine_of_its_own) == {0.05: 2}


def test_while_one_counts_the_others_pass_by(engine_of_its_own: Engine) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        at_intake(session, Cast(session))
        fires(session, "2026-10-16 08:30")
        tally(session)
    with Session(engine_of_its_own) as one, Session(engine_of_its_own) as other:
        tally(one)
        tally(one)
        tally(other)
        other.commit()
        one.commit()
    assert counted(engine_of_its_own) == {0.05: 1}


def test_a_database_restored_elsewhere_is_counted_on(engine_of_its_own: Engine) -> None:
    assert counted(engine_of_its_own) == {}
    with Session(engine_of_its_own) as session, session.begin():
        at_intake(session, Cast(session))
        fires(session, "2026-10-16 08:30")
        session.execute(text("update lateness set mark = 1, mark_xid = 9000000000000"))
    assert counted(engine_of_its_own) == {} or counted(engine_of_its_own) == {0.05: 1}
    assert counted(engine_of_its_own) == {0.05: 1}


def test_the_end_of_a_period_is_counted_too(engine_of_its_own: Engine) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        cast = Cast(session)
        case = cast.opens("2026-10-12 09:00")
        cast.fires(case, "agent", "plan", "2026-10-12 10:00", warranty_expired=True)
        cast.fires(case, "agent", "publish", "2026-10-12 11:00", places=["1栋大堂"])
        fires(session, "2026-10-20 00:00", 0.2)
    assert counted(engine_of_its_own, "period") == {0.25: 1}


def test_lateness_is_real_however_fast_the_office_clock_runs(engine_of_its_own: Engine) -> None:
    with Session(engine_of_its_own) as session, session.begin():
        set_office_clock(session, at("2026-10-16 08:00"), rate=3600)
        at_intake(session, Cast(session))
        fires(session, "2026-10-16 08:30", 1800)
    assert counted(engine_of_its_own) == {0.5: 1}


def test_prometheus_is_told_from_the_web_what_another_process_fired(door: Door) -> None:
    door.writes(lambda session, cast: at_intake(session, cast))
    door.writes(lambda session, cast: fires(session, "2026-10-16 08:30", 0.2))
    counted(door.engine)
    for scraped in range(2):  # a counter of the database does not grow by being read
        families = {f.name: f for f in text_string_to_metric_families(door.browser().get("/metrics").text)}
        late = {
            (sample.name.rpartition("_")[2], sample.labels["what"], sample.labels.get("le")): sample.value
            for sample in families["banjie_lateness_seconds"].samples
        }
        assert late["bucket", "step", "0.1"] == 0 and late["bucket", "step", "0.25"] == 1, scraped
        assert late["bucket", "step", "+Inf"] == late["count", "step", None] == 1
        assert late["sum", "step", None] == pytest.approx(0.2)
        assert late["count", "period", None] == 0
    state = {sample.labels["what"]: sample.value for sample in families["banjie_state"].samples}
    assert state["open_cases"] == 1 and state["shift_is_on"] == 0 and state["heartbeat_age_seconds"] == float("inf")
    assert state["open_jobs"] == state["unsent_messages"] == state["parked_clocks"] == 0
    assert state["unhandled_events"] == 4 and state["oldest_unhandled_seconds"] >= 0


# --- whether somebody watches ----------------------------------------------------------------------------------------


def test_a_step_that_lies_unfired_for_two_minutes_degrades(door: Door) -> None:
    door.writes(lambda session, cast: at_intake(session, cast))
    door.writes(lambda session, cast: sign_of_life(session, "shift", "here:1", timedelta(seconds=600)))
    door.goes_to("2026-10-16 08:31:55")
    assert door.browser().get("/readyz").json() == {
        "database": True, "schema": True, "shift": True, "oldest_unfired": True, "reasons": {},
    }  # fmt: skip
    door.goes_to("2026-10-16 08:32:05")
    ready = door.browser().get("/readyz")
    assert ready.status_code == 503 and ready.json()["oldest_unfired"] is False
    assert ready.json()["reasons"] == {"oldest_unfired": "最早应触发的计时已过2分钟仍未触发。"}
    door.writes(lambda session, cast: fires(session, "2026-10-16 08:32:05"))
    assert door.browser().get("/readyz").status_code == 200


def test_on_a_fast_clock_two_minutes_are_still_two_minutes(door: Door) -> None:
    door.writes(lambda session, cast: at_intake(session, cast))
    door.writes(lambda session, cast: set_office_clock(session, at("2026-10-16 20:30"), rate=3600))
    with Session(door.engine) as session:  # twelve hours of the office's ago
        assert 12 <= pulse(session).unfired_for < 15 and "oldest_unfired" not in pulse(session).reasons


def test_what_is_parked_does_not_degrade(door: Door) -> None:
    door.writes(lambda session, cast: poison(session, cast))
    door.writes(lambda session, cast: sign_of_life(session, "shift", "here:1", timedelta(seconds=600)))
    door.goes_to("2026-10-21 09:00")
    assert door.browser().get("/readyz").status_code == 200
    assert 'banjie_state{what="parked_clocks"} 1.0' in door.browser().get("/metrics").text


def test_a_shift_that_stopped_is_noticed(door: Door, own_database: Urls) -> None:
    door.writes(lambda session, cast: at_intake(session, cast))
    with on_duty(own_database, 300) as shift:
        until(door.engine, lambda session: session.get(Heartbeat, "shift"))
        assert door.browser().get("/readyz").status_code == 200
        os.kill(shift.pid, signal.SIGSTOP)
        door.goes_to("2026-10-16 08:32:05")
        ready = door.browser().get("/readyz").json()
        assert ready["shift"] and not ready["oldest_unfired"]  # it may still be alive, and yet does not fire
        door.writes(lambda session, cast: session.execute(text("update heartbeat set at = at - interval '90 seconds'")))
        assert set(door.browser().get("/readyz").json()["reasons"]) == {"shift", "oldest_unfired"}
        os.kill(shift.pid, signal.SIGCONT)
        until(door.engine, lambda session: not pulse(session).reasons)
    assert door.browser().get("/readyz").status_code == 200


@pytest.mark.long
def test_a_shift_that_was_killed_is_noticed_within_two_intervals(door: Door, own_database: Urls) -> None:
    with on_duty(own_database, 300) as shift:
        until(door.engine, lambda session: session.get(Heartbeat, "shift"))
        os.kill(shift.pid, signal.SIGKILL)
        killed = time.monotonic()
    while door.browser().get("/readyz").status_code == 200:
        assert time.monotonic() - killed < 120
        time.sleep(1)
    assert list(door.browser().get("/readyz").json()["reasons"]) == ["shift"]


def test_who_is_on_duty_and_since_when(engine_of_its_own: Engine) -> None:
    def beats(who: str) -> Heartbeat:
        with Session(engine_of_its_own, expire_on_commit=False) as session, session.begin():
            sign_of_life(session, "shift", who, timedelta(seconds=600))
            session.flush()
            return session.get_one(Heartbeat, "shift")

    first, again, other = beats("here:1"), beats("here:1"), beats("here:2")
    assert first.since == again.since == first.at < again.at
    assert other.since == other.at and other.who == "here:2"


# --- what people see -------------------------------------------------------------------------------------------------


def poison(session: Session, cast: Cast, when: str = "2026-10-20 00:00") -> int:
    """A case whose clock cannot be fired, and was parked at `when`. Returns the clock's id."""
    case = at_intake(session, cast)
    session.execute(update(Clock).where(col(Clock.case_id) == case.id).values(next_step="no such step"))
    fires(session, when)
    clock = running(session, case)
    assert clock.parked_at and clock.id
    return clock.id


def scene(session: Session, cast: Cast) -> None:
    """Of everything something: fired in time and late, due and not fired, due soon, parked, nobody to tell, unsent."""
    for _ in range(2):
        at_intake(session, cast)
    fires(session, "2026-10-16 08:30", 0.1)
    session.execute(update(Post).values(to_day=date(2026, 10, 18)))
    fires(session, "2026-10-20 00:00", 4000)
    session.execute(update(Post).values(to_day=None))
    poison(session, cast, "2026-10-20 02:00")
    at_intake(session, cast, "2026-10-13 09:00")
    at_intake(session, cast, "2026-10-14 09:00")
    noon = at(f"{DUE} 12:00")
    mail: dict[str, Any] = {"kind": "digest", "slot": "1", "subject": "一封", "body": "…", "mail_to": "x@example.com"}
    session.add(Message(person_id=cast.clerk.id or 0, made_at=noon, retry_at=noon, **mail))


@pytest.fixture(scope="module")
def office(postgres: Any, template: str) -> Iterator[Door]:
    door = Door(postgres.database("health", template).app, "2026-10-20 08:00")
    door.writes(scene)
    yield door
    door.close()
    postgres.drop("health")


@pytest.mark.parametrize(("who", "days"), [("head", 7), ("supervisor", 7), ("auditor", 1), ("admin", 7)])
def test_every_number_is_the_total_of_its_list(office: Door, who: str, days: int) -> None:
    api = office.as_(who)
    health = api.get(f"/api/health/clocks?days={days}").json()
    numbers = health["figures"] + health["lateness"]["buckets"]
    for number in numbers:
        listing = api.get(number["href"] + "&total=1&limit=200").json()
        assert listing["total"] == number["count"] == len(listing["items"]), number
    assert {n["metric"]: n["count"] > 0 for n in health["figures"]} == {
        "unfired": True, "soon": True, "parked": True, "orphans": True, "troubles": False, "jobs": False, "messages": True,
    }  # fmt: skip
    assert sum(bar["count"] for bar in health["lateness"]["buckets"]) == health["lateness"]["count"]


def test_the_page_shows_the_same_numbers_and_opens_the_same_lists(office: Door) -> None:
    browser = office.signed_in("supervisor")
    page = browser.get("/health/clocks?days=7").text
    links = re.findall(r'class="number[^"]*"[^>]*href="([^"]+)">([\d,]+)<', page)
    assert len(links) >= 14
    for href, number in links:
        listing = browser.get(href.replace("&amp;", "&"))
        assert listing.status_code == 200
        assert f'<b id="total">{number}</b>' in listing.text, href
    assert "值守程序没有运行" in page and "no such step" not in browser.get("/health/clocks/orphans").text
    assert browser.get("/health/clocks/nothing").status_code == 404


def test_how_late_half_of_them_and_the_worst_were(office: Door) -> None:
    with Session(office.engine) as session:
        found = lateness(session, Cast(session).auditor, HealthQuery(days=7), at("2026-10-20 08:00"))
        assert found.middle == pytest.approx(0.1) and found.longest == pytest.approx(4000)
        assert [bar.count for bar in found.bars] == [2, 0, 0, 0, 0, 2, 0]


def test_pages_of_a_list_leave_nothing_out(office: Door) -> None:
    with Session(office.engine) as session:
        auditor, now = Cast(session).auditor, at("2026-10-20 08:00")
        after, seen = None, []
        while True:
            lines, after = listed(session, auditor, "fired", HealthQuery(days=7, limit=1, after=after), now)
            seen += lines
            if after is None:
                break
        assert len({line.id for line in seen}) == len(seen)
        assert len(seen) == total_of(session, auditor, "fired", HealthQuery(days=7), now) == 4
        assert seen == sorted(seen, key=lambda line: (line.at, line.id), reverse=True)
    answer = office.as_("auditor").get("/api/health/clocks/fired?after=nonsense")
    assert answer.status_code == 422 and answer.json()["field"] == "after"


def test_whoever_does_not_oversee_an_office_is_refused(office: Door) -> None:
    for who in ("clerk", "agent", "owner", "reviewer", "stranger"):
        assert office.as_(who).get("/api/health/clocks").status_code == 403
        assert office.as_(who).get("/api/health/clocks/parked").status_code == 403
        assert office.signed_in(who).get("/health/clocks").status_code == 403


def test_the_administrator_sees_that_a_clock_is_parked_and_not_what_the_case_holds(office: Door) -> None:
    page = office.signed_in("admin").get("/health/clocks").text
    line = office.as_("admin").get("/api/health/clocks/parked").json()["items"][0]
    assert line["case"] in page and f'href="/cases/{line["case"]}"' not in page and "3栋电梯" not in page
    assert office.as_("admin").get(f"/api/cases/{line['case']}").status_code == 404


def test_a_parked_clock_is_tried_again_and_the_ledger_says_by_whom(door: Door) -> None:
    clock = door.writes(poison)
    door.goes_to("2026-10-20 09:00")
    for who in ("clerk", "stranger"):
        assert door.as_(who).post(f"/api/clocks/{clock}/retry").status_code in (403, 404)
    assert door.as_("head").post(f"/api/clocks/{clock}/retry").json()["title"] == "无权办理"
    # the cause is removed, and then it works
    door.writes(lambda s, c: s.execute(update(Clock).where(col(Clock.id) == clock).values(next_step="red_card")))
    answer = door.as_("admin").post(f"/api/clocks/{clock}/retry")
    assert answer.status_code == 200 and answer.json()["clock"] == clock
    assert door.as_("admin").post(f"/api/clocks/{clock}/retry").status_code == 409
    door.writes(lambda session, cast: fires(session, "2026-10-20 09:01"))
    with Session(door.engine) as session:
        case = session.get_one(Case, session.get_one(Clock, clock).case_id)
        events = events_of(session, case)
        assert [event.name for event in events][-2:] == ["retry", "red_card"] and verify(events) is None
        assert events[-2].by_id == Cast(session).admin.id and "搁置原因" in (events[-2].note or "")
    told = door.as_("supervisor").get(f"/api/cases/{case.number}").json()["events"][-2]
    assert told["title"] == "重试搁置的计时"


def test_one_presses_the_button_and_what_cannot_be_fired_comes_back(door: Door) -> None:
    clock = door.writes(poison)
    door.goes_to("2026-10-20 09:00")
    browser = door.signed_in("supervisor")
    assert f'id="retry-{clock}"' in browser.get("/health/clocks").text
    pressed = browser.post(f"/health/clocks/parked/{clock}/retry")
    assert pressed.status_code == 303 and "几秒内再试" in browser.get(pressed.headers["location"]).text
    again = browser.post(f"/health/clocks/parked/{clock}/retry")
    assert again.status_code == 409 and "没有搁置" in again.text
    door.writes(lambda session, cast: fires(session, "2026-10-20 09:01"))
    assert f'id="retry-{clock}"' in browser.get("/health/clocks").text


def test_a_clock_that_is_stopped_is_parked_no_longer(session: Session, cast: Cast) -> None:
    clock = session.get_one(Clock, poison(session, cast))
    case = session.get_one(Case, clock.case_id)
    cast.fires(case, "clerk", "accept", "2026-10-20 10:00")
    session.refresh(clock)
    assert clock.stopped_at and clock.parked_at is None
    now = at("2026-10-20 10:00")
    assert total_of(session, cast.supervisor, "parked", HealthQuery(), now) == 0


def test_a_type_that_is_gone_does_not_take_the_page_with_it(session: Session, cast: Cast) -> None:
    poison(session, cast)
    session.execute(update(Case).values(type="gone"))
    session.expire_all()
    (line,), _ = listed(session, cast.supervisor, "parked", HealthQuery(), at("2026-10-20 10:00"))
    assert isinstance(line, Line) and "gone" in line.words and line.why


def test_a_heartbeat_of_before_has_no_name(session: Session) -> None:
    now = real_now(session)
    session.add(Heartbeat(name="shift", at=now, until=now))
    session.flush()
    assert pulse(session).is_watched and pulse(session).reasons == {}
