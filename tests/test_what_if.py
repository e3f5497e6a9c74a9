"""推演: what would become of a case that nobody touches. It tells what then really happens, and changes nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import Session, col

from models.case import Case, CaseEvent, events_of
from models.climb import climb
from models.clock import Clock, ClockLine, Escalation
from models.errors import Invalid
from models.people import Substitution
from models.what_if import WhatIf, read_as_of, what_if

from .door import Door
from .make import Cast, at, at_intake, running

NOW = at("2026-10-13 10:00")


def watched(session: Session, *looks: str) -> None:
    for look in looks:
        while climb(session, at(look)):
            pass


def steps(found: WhatIf) -> list[tuple[str, str]]:
    return [(happening.name, f"{happening.at.astimezone(NOW.tzinfo):%m-%d %H:%M}") for happening in found.happenings]


def everything(session: Session) -> list[Any]:
    session.flush()
    counts = [session.scalar(select(func.count()).select_from(table)) for table in (CaseEvent, Escalation, ClockLine)]
    plans = select(col(Clock.next_step), col(Clock.next_at), col(Clock.due_at))
    return [
        counts,
        session.execute(plans).all(),
        session.execute(select(col(Case.last_seq), col(Case.last_hash))).all(),
    ]


def test_it_tells_what_then_really_happens(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)  # due 2026-10-19
    case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-12 10:00"))
    before = everything(session)
    found = what_if(session, case, at("2026-10-22 12:00"), NOW)
    assert everything(session) == before and case.last_seq == before[2][0][0]
    assert found.kind == "forecast" and found.card == "red" and found.stage == "intake"
    assert steps(found) == [("remind", "10-16 08:30"), ("red_card", "10-20 00:00"), ("urge", "10-20 08:30")]
    assert found.happenings[0].told == {"经办人": ["周敏"]}
    assert found.happenings[2].told == {"承办单位负责人": ["吴芳"]} and found.happenings[2].writes_letter
    watched(session, "2026-10-16 08:30", "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-22 12:00")
    happened = [(event.name, event.at) for event in events_of(session, case) if "told" in event.facts]
    assert happened == [(happening.name, happening.at) for happening in found.happenings]


def test_what_was_missed_folds_and_letters_keep_their_distance(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    found = what_if(session, case, at("2026-10-30 12:00"), at("2026-10-22 15:00"))  # nobody has watched since the 12th
    assert steps(found)[:2] == [("red_card", "10-22 15:00"), ("urge", "10-23 08:30")]
    assert found.happenings[0].folded == ["黄牌提醒"]
    watched(session, "2026-10-22 15:00", "2026-10-23 08:30", "2026-10-26 08:30", "2026-10-30 12:00")
    happened = [(event.name, event.at) for event in events_of(session, case) if "told" in event.facts]
    assert happened == [(happening.name, happening.at) for happening in found.happenings]


def test_a_day_means_its_last_second_so_that_the_due_day_is_not_late(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    assert what_if(session, case, read_as_of("2026-10-15"), NOW).card is None
    assert what_if(session, case, read_as_of("2026-10-16T08:29"), NOW).happenings == []
    assert what_if(session, case, read_as_of("2026-10-16T08:30"), NOW).card == "yellow"
    assert what_if(session, case, read_as_of("2026-10-19"), NOW).card == "yellow"
    assert what_if(session, case, read_as_of("2026-10-20T00:00"), NOW).card == "red"
    assert read_as_of("2026-10-20T00:00:00 08:00") == at("2026-10-20 00:00")


def test_a_period_ends_and_the_next_one_runs(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "plan", "2026-10-12 10:00", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-10-12 11:00", places=["1栋大堂"])
    found = what_if(session, case, at("2026-10-21 09:00"), NOW)
    assert steps(found) == [("publicity_ends", "10-20 00:00")] and found.stage == "decision"
    assert found.happenings[0].moved_to == found.stage_title and not found.happenings[0].is_step
    assert [(clock.kind, clock.state) for clock in found.clocks] == [("period", "running")]
    assert case.stage == "plan_publicity" and running(session, case, "period").due_at == at("2026-10-20 00:00")


def test_who_stands_in_on_that_day_is_told(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-12 10:00"))
    away = Substitution(
        absent_id=cast.clerk.id, substitute_id=cast.head.id,  # type: ignore[arg-type]
        from_day=at("2026-10-16 00:00").date(), to_day=at("2026-10-16 00:00").date(),
    )  # fmt: skip
    session.add(away)
    session.flush()
    assert what_if(session, case, read_as_of("2026-10-16"), NOW).happenings[0].told == {"经办人": ["吴芳"]}


def test_a_clock_that_will_be_parked_is_named_and_is_not_parked_by_asking(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    session.execute(update(Clock).where(col(Clock.case_id) == case.id).values(next_step="no such step"))
    (stuck,) = what_if(session, case, read_as_of("2026-10-20"), NOW).happenings
    assert stuck.why_not and stuck.at == at("2026-10-16 08:30")
    session.expire_all()
    assert running(session, case).parked_at is None


def test_what_is_over_is_told_from_the_ledger(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    watched(session, "2026-10-16 08:30", "2026-10-20 00:00")
    cast.fires(case, "clerk", "accept", "2026-10-20 10:00")
    cast.fires(case, "reviewer", "ask", "2026-10-21 10:00", items=["预算未列明型号"])
    cast.fires(case, "agent", "resubmit", "2026-10-23 10:00")
    now = at("2026-10-24 10:00")

    def then(when: str) -> WhatIf:
        return what_if(session, case, read_as_of(when), now)

    late = then("2026-10-20T09:00")
    assert (late.kind, late.stage, late.card) == ("record", "intake", "red")
    assert steps(late) == [("remind", "10-16 08:30"), ("red_card", "10-20 00:00")]
    assert then("2026-10-16T09:00").card == "yellow" and then("2026-10-13").card is None
    asked = then("2026-10-22")
    assert asked.stage == "correction" and {clock.state for clock in asked.clocks} == {"running", "paused"}
    review = then("2026-10-20T11:00").clocks[0]
    assert review.due_at < running(session, case).due_at  # as it was before the correction moved it


def test_nothing_is_told_of_before_the_case_or_beyond_the_calendar(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    with pytest.raises(Invalid, match="2026-10-12 09:00 立案"):
        what_if(session, case, case.opened_at - timedelta(seconds=1), NOW)
    for wrong in ("2026-13-40", "soon", "1999-01-01", "2999-01-01"):
        with pytest.raises(Invalid) as refused:
            read_as_of(wrong)
        assert refused.value.field == "as_of"


def test_the_page_and_the_api_tell_the_same(door: Door) -> None:
    number = door.writes(lambda session, cast: at_intake(session, cast).number)
    clerk, browser = door.as_("clerk"), door.signed_in("clerk")
    told = clerk.get(f"/api/cases/{number}/what-if", params={"as_of": "2026-10-20"}).json()
    assert [one["name"] for one in told["happenings"]] == ["remind", "red_card", "urge"]
    assert told["kind"] == "forecast" and told["card"] == "red" and told["as_of"] == "2026-10-20T23:59:59+08:00"
    page = browser.get(f"/cases/{number}", params={"as_of": "2026-10-20"}).text
    assert "只是推演，什么也没有改动" in page and "承办单位负责人 吴芳" in page
    assert "只是推演" not in browser.get(f"/cases/{number}").text
    assert len(clerk.get(f"/api/cases/{number}").json()["events"]) == 3
    for wrong in ("2026-13-40", "2026-10-01"):
        answer = clerk.get(f"/api/cases/{number}/what-if", params={"as_of": wrong})
        assert answer.status_code == 422 and answer.json()["field"] == "as_of"
        assert answer.json()["detail"] in browser.get(f"/cases/{number}", params={"as_of": wrong}).text
    assert door.as_("stranger").get(f"/api/cases/{number}/what-if", params={"as_of": "2026-10-20"}).status_code == 404
