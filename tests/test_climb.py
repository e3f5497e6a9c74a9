"""A missed deadline climbs by itself: remind, red card, letter, each once, each to somebody who is there."""

from datetime import date

import pytest
from sqlalchemy import select, update
from sqlmodel import Session, col

from models.case import Case, CaseEvent, events_of, verify
from models.climb import next_instant
from models.clock import Clock, Escalation
from models.documents import Document, body_of
from models.notices import Notice, Orphan
from models.people import Person, Substitution

from .make import Cast, at, at_intake, at_review, running, shift


def names(session: Session, case: Case) -> list[str]:
    return [event.name for event in events_of(session, case)]


def test_nobody_touches_it_and_the_unit_head_is_urged_in_writing(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)  # due 2026-10-19
    case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-12 10:00"))

    assert next_instant(session) == at("2026-10-16 08:30")
    shift(session, "2026-10-16 08:29")
    assert case.card(at("2026-10-16 08:29")) is None
    shift(session, "2026-10-16 08:30")
    assert case.card(at("2026-10-16 08:30")) == "yellow"
    shift(session, "2026-10-20 00:00")
    assert case.card(at("2026-10-20 00:00")) == "red"
    shift(session, "2026-10-20 08:30")

    assert names(session, case)[-3:] == ["remind", "red_card", "urge"]
    assert running(session, case).next_at == at("2026-10-26 08:30"), "then it comes before a meeting"
    letter = session.scalars(select(Document).where(col(Document.case_id) == case.id)).one()
    assert letter.kind == "urge_notice" and letter.number == "福住建函〔2026〕1号"
    assert letter.facts["late"]["days_over"] == 1 and letter.facts["late"]["officer"] == "周敏"
    assert body_of(session, letter.sha256).startswith(b"%PDF")
    told = {
        (session.get_one(Person, notice.person_id).account, notice.text.split("：")[1][:12])
        for notice in session.scalars(select(Notice).where(col(Notice.case_id) == case.id))
    }
    assert ("clerk", "“受理”环节 2026-") in told
    assert "head" in {who for who, _ in told} and "stranger" not in {who for who, _ in told}
    assert verify(events_of(session, case)) is None


def test_looking_twice_fires_once(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    shift(session, "2026-10-16 08:30", "2026-10-16 08:30", "2026-10-20 00:00", "2026-10-20 09:00", "2026-10-20 09:00")
    assert [name for name in names(session, case) if name in ("remind", "red_card", "urge")] == [
        "remind",
        "red_card",
        "urge",
    ]


def test_after_an_outage_missed_reminders_are_told_once_and_letters_keep_their_distance(
    session: Session, cast: Cast
) -> None:
    case = at_intake(session, cast)  # due 2026-10-19
    shift(session, "2026-10-28 15:00")  # nobody looked for a week: Wednesday afternoon
    assert names(session, case)[-1] == "red_card"
    event = events_of(session, case)[-1]
    assert event.facts["folded"] == ["remind"] and event.facts["late"] is True
    assert running(session, case).next_at == at("2026-10-29 08:30")
    shift(session, "2026-10-29 08:29")
    assert names(session, case)[-1] == "red_card"
    shift(session, "2026-10-29 08:30")
    assert names(session, case)[-1] == "urge"
    outcomes = {row.step: row.outcome for row in session.scalars(select(Escalation))}
    assert outcomes == {"remind": "folded", "red_card": "fired", "urge": "fired"}


def test_a_case_that_moved_on_is_not_urged(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    shift(session, "2026-10-16 08:30")
    cast.fires(case, "clerk", "accept", "2026-10-19 17:00")
    shift(session, "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-23 00:00")
    assert "red_card" not in names(session, case) and "urge" not in names(session, case)


def test_while_the_applicant_corrects_nothing_of_the_street_fires(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    cast.fires(case, "clerk", "ask", "2026-10-15 10:00", items=["合同缺页"])
    shift(session, "2026-10-16 08:30", "2026-10-20 00:00", "2026-10-22 09:00")
    assert names(session, case)[-1] == "ask"
    assert case.card(at("2026-10-22 09:00")) is None


def test_a_substitute_is_told_in_place_of_the_officer_on_leave(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-12 10:00"))
    leave = Substitution(
        absent_id=cast.clerk.id, substitute_id=cast.head.id, from_day=date(2026, 10, 15), to_day=date(2026, 10, 20)  # type: ignore[arg-type]
    )  # fmt: skip
    session.add(leave)
    session.flush()
    shift(session, "2026-10-16 08:30")
    assert events_of(session, case)[-1].facts["told"] == {"assignee": [cast.head.id]}


def test_where_nobody_is_left_the_step_is_an_orphan_and_not_silence(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    for account in ("head", "district_head", "duty"):
        getattr(cast, account).is_active = False
    session.flush()
    shift(session, "2026-10-16 08:30")
    orphan = session.scalars(select(Orphan)).one()
    assert (orphan.case_id, orphan.step, orphan.wanted) == (case.id, "remind", "assignee")


def test_a_late_applicant_is_told_itself_and_the_street_knows(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    cast.fires(case, "clerk", "ask", "2026-10-13 10:00", items=["合同缺页"])  # 10 working days: due 2026-10-27
    shift(session, "2026-10-26 08:30", "2026-10-28 00:00", "2026-10-28 08:30")
    red = next(event for event in events_of(session, case) if event.name == "red_card")
    assert red.facts["told"] == {"party": [cast.agent.id], "street_officer": [cast.clerk.id]}
    urge = session.scalars(select(Document).where(col(Document.kind) == "urge_notice")).one()
    assert urge.facts["addressee"] == "莲心物业服务有限公司" and urge.facts["issuer"] == "福田区莲花街道办事处"


def test_a_period_ends_at_its_own_instant_however_late_it_is_seen(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "plan", "2026-10-12 10:00", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-10-12 11:00", places=["1栋大堂"])  # 7 days: 13th to 19th
    shift(session, "2026-10-19 23:59")
    assert case.stage == "plan_publicity"
    shift(session, "2026-10-21 10:00")
    assert case.stage == "decision"
    ended = next(event for event in events_of(session, case) if event.name == "publicity_ends")
    assert ended.by_id is None and ended.at == at("2026-10-20 00:00") and ended.recorded_at == at("2026-10-21 10:00")
    assert running(session, case, "period").due_day == date(2026, 11, 4)  # noticed on the 20th, 15 whole days after it
    assert verify(events_of(session, case)) is None


def test_a_clock_that_cannot_be_fired_is_parked_and_holds_nothing_up(session: Session, cast: Cast) -> None:
    poisoned, sound = at_intake(session, cast), at_intake(session, cast)
    session.execute(
        update(Clock)
        .where(col(Clock.case_id) == poisoned.id, col(Clock.kind) == "deadline")
        .values(next_step="no such step")
    )
    shift(session, "2026-10-20 00:00")
    clock = running(session, poisoned)
    assert clock.parked_at == at("2026-10-20 00:00")
    assert clock.parked_why == "这个计时的下一步“no such step”不在它的催办阶梯“default”里，请核对阶梯后重试。"
    assert names(session, sound)[-1] == "red_card"


def test_every_paper_of_the_way_is_issued_and_numbered(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "ask", "2026-10-13 10:00", items=["预算未列明型号"])
    cast.fires(case, "agent", "resubmit", "2026-10-14 10:00")
    cast.fires(case, "reviewer", "approve", "2026-10-15 10:00", amount="100000")
    shift(session, "2026-10-15 11:00")
    papers = session.scalars(select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.id))).all()
    assert [paper.title for paper in papers] == ["受理通知书", "补正告知书", "划拨通知书"]
    assert [paper.number for paper in papers] == ["福莲街办函〔2026〕1号", "福住建函〔2026〕1号", "福住建函〔2026〕2号"]
    assert papers[2].facts["addressee"] == "深圳市物业专项维修资金管理中心"
    assert session.scalars(select(CaseEvent).where(col(CaseEvent.handled_at).is_(None))).all() == []


@pytest.mark.parametrize("account", ["stranger", "auditor"])
def test_who_has_no_part_in_a_case_hears_nothing_of_it(session: Session, cast: Cast, account: str) -> None:
    at_review(session, cast)
    shift(session, "2026-10-16 08:30", "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-30 10:00")
    person = getattr(cast, account)
    assert session.scalars(select(Notice).where(col(Notice.person_id) == person.id)).all() == []
