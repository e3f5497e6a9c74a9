"""The verb that changes a case, and what it refuses."""

import pytest
from sqlmodel import Session

from models.case import events_of, verify
from models.climb import climb
from models.errors import Conflict

from .make import DECIDED, Cast, at, at_intake, running


def test_a_decided_request_reaches_the_street_and_the_district_approves(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    decision = cast.decided()
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=decision.id, **DECIDED)
    cast.fires(case, "agent", "submit", "2026-10-12 09:20", payee="深圳安捷电梯", finish_by="2027-03-31")
    assert case.stage == "intake" and str(running(session, case).due_day) == "2026-10-19"
    cast.fires(case, "clerk", "ask", "2026-10-13 10:00", items=["施工合同缺签章页"])
    assert case.stage == "correction" and case.is_paused
    cast.fires(case, "agent", "resubmit", "2026-10-15 10:00", answer="已补")
    assert case.stage == "intake" and str(running(session, case).due_day) == "2026-10-21"
    cast.fires(case, "clerk", "accept", "2026-10-16 10:00")
    assert case.stage == "review" and str(running(session, case).due_day) == "2026-10-23"
    cast.fires(case, "reviewer", "approve", "2026-10-20 10:00", amount="100000.00")
    cast.fires(case, "payer", "paid", "2026-10-22 10:00", paid_on="2026-10-22")
    assert case.stage == "works" and case.details["paid"] == 10_000_000
    assert str(running(session, case).due_day) == "2027-03-31"
    assert verify(events_of(session, case)) is None


def test_who_has_not_seen_what_a_colleague_did_is_told_so(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    seen = case.last_seq
    case.note("已电话联系", by=cast.head, at=at("2026-10-12 10:00"))
    with pytest.raises(Conflict, match="已被他人办理") as refusal:
        case.fire("accept", by=cast.clerk, at=at("2026-10-12 10:01"), seq=seen)
    assert refusal.value.field == "seq"
    with pytest.raises(Conflict):
        case.fire("accept", by=cast.clerk, at=at("2026-10-12 10:01"), seq=case.last_seq + 1)


def test_a_reminder_that_comes_while_somebody_types_costs_nothing(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    seen = case.last_seq
    climb(session, at("2026-10-16 08:30"))
    assert case.last_seq == seen + 1
    case.fire("accept", by=cast.clerk, at=at("2026-10-16 08:31"), seq=seen)
    assert case.stage == "review"
