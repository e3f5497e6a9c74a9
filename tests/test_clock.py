"""A clock that stands still, is extended, answers for a silent office, or runs on in another case; each change with its line."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.agenda import AgendaItem
from models.case import Case, events_of, verify
from models.climb import climb
from models.clock import Clock, ClockLine, ClockPause, Escalation
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid
from models.links import arising
from models.notices import Notice
from models.people import SYSTEM, Person
from models.worktime import OFFICE_ZONE

from .make import Cast, at, at_intake, at_review, shift

pytestmark = pytest.mark.usefixtures("more_types")


def names(session: Session, case: Case) -> list[str]:
    return [event.name for event in events_of(session, case)]


def deadline(session: Session, case: Case) -> Clock:
    """The clock of the case's stage."""
    stage = select(Clock).where(
        col(Clock.case_id) == case.id, col(Clock.limits) == case.stage, col(Clock.kind) == "deadline"
    )
    return session.scalars(stage.where(col(Clock.stopped_at).is_(None))).one()


def lines(session: Session, clock: Clock) -> list[tuple[str, int]]:
    written = select(ClockLine).where(col(ClockLine.clock_id) == clock.id).order_by(col(ClockLine.id))
    return [(line.what, line.generation) for line in session.scalars(written)]


def licence(session: Session, cast: Cast, when: str) -> Case:
    """A licence under review since `when`."""
    case = cast.opens(when, "licence")
    cast.fires(case, "clerk", "accept", when)
    return case


def papers(session: Session, case: Case) -> list[str]:
    return list(
        session.scalars(select(col(Document.kind)).where(col(Document.case_id) == case.id).order_by(col(Document.id)))
    )


CLIMBED = ("remind", "red_card", "press", "urge")
PAUSED = {"reason": "委托鉴定", "evidence": "委托书〔2026〕1号"}


# --- 中止 ---


def test_a_pause_takes_its_days_out_and_the_applicant_is_told_in_writing(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")  # five working days: due 2026-10-19
    clock = deadline(session, case)
    cast.fires(case, "reviewer", "pause", "2026-10-19 10:00", **PAUSED)
    assert case.is_paused and case.next_due_at is None and clock.next_at is None
    assert case.card(at("2026-10-20 09:00")) is None
    shift(session, "2026-10-20 09:00")
    assert not {"remind", "red_card"} & set(names(session, case)), "nothing fires of what stands still"

    cast.fires(case, "reviewer", "resume", "2026-10-21 11:00", result="鉴定合格")
    assert clock.due_day == date(2026, 10, 21) and clock.generation == 2 and case.next_due_at == at("2026-10-22 00:00")
    assert lines(session, clock) == [("started", 1), ("paused", 1), ("resumed", 2)]
    shift(session, "2026-10-21 12:00")
    assert papers(session, case)[-2:] == ["pause_notice", "resume_notice"]
    assert verify(events_of(session, case)) is None


def test_a_pause_ends_by_itself_when_its_cap_has_run(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "pause", "2026-10-14 10:00", **PAUSED)  # at most 20 days: to 2026-11-03, 24:00
    held = session.scalars(select(ClockPause)).one()
    assert held.cap_at == at("2026-11-04 00:00") and case.period_ends_at == held.cap_at
    shift(session, "2026-11-03 23:59")
    assert case.is_paused
    shift(session, "2026-11-06 15:00")  # nobody was on duty for two days: it ended at its own instant
    resumed = next(event for event in events_of(session, case) if event.name == "resume")
    assert resumed.by_id is None and resumed.at == at("2026-11-04 00:00")
    # 18 of the 20 working days are left, from 2026-11-04 on, which is like a start day
    assert deadline(session, case).due_day == date(2026, 11, 30) and not case.is_paused and case.period_ends_at is None


def test_a_pause_by_the_rule_is_possible_once_where_the_rule_says_so(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "pause", "2026-10-13 10:00", **PAUSED)
    with pytest.raises(Conflict, match="已经中止"):
        cast.fires(case, "reviewer", "pause", "2026-10-13 11:00", **PAUSED)
    cast.fires(case, "reviewer", "resume", "2026-10-14 10:00")
    with pytest.raises(Conflict, match="只能中止一次"):
        cast.fires(case, "reviewer", "pause", "2026-10-14 11:00", **PAUSED)


def test_a_pause_comes_too_late_after_the_limit_and_needs_a_reason_and_the_right_desk(
    session: Session, cast: Cast
) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    with pytest.raises(Invalid, match="依据"):
        cast.fires(case, "reviewer", "pause", "2026-10-13 10:00", reason="委托鉴定")
    with pytest.raises(Forbidden):
        cast.fires(case, "clerk", "pause", "2026-10-13 10:00", **PAUSED)
    with pytest.raises(Conflict, match="届满之后不能中止"):
        cast.fires(case, "reviewer", "pause", "2026-10-20 00:00", **PAUSED)
    with pytest.raises(Conflict, match="没有中止"):
        cast.fires(case, "reviewer", "resume", "2026-10-13 10:00")
    assert names(session, case)[-1] == "accept"


def test_a_case_that_moves_on_while_paused_leaves_no_clock_behind(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "pause", "2026-10-14 10:00", **PAUSED)
    cast.fires(case, "reviewer", "grant", "2026-10-15 10:00")
    left = session.scalars(select(Clock).where(col(Clock.case_id) == case.id, col(Clock.stopped_at).is_(None))).all()
    assert left == [] and not case.is_paused and case.period_ends_at is None


def test_while_paused_a_correction_keeps_the_clock_still(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    clock = deadline(session, case)
    cast.fires(case, "reviewer", "pause", "2026-10-13 10:00", **PAUSED)
    cast.fires(case, "reviewer", "ask", "2026-10-14 10:00", items=["合同缺页"])
    shift(session, "2026-11-30 09:00")
    assert case.stage == "correction" and clock.paused_at
    cast.fires(case, "agent", "resubmit", "2026-12-01 10:00")
    assert clock.is_running and clock.due_day == date(2026, 12, 7), "four of five working days were left"


# --- 延期 ---


def test_an_extension_is_asked_for_in_time_and_granted_by_the_head(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")  # 20 working days: due 2026-11-09
    clock = deadline(session, case)
    assert clock.due_day == date(2026, 11, 9)
    cast.fires(case, "reviewer", "ask_extension", "2026-11-09 17:00", by=10, reason="情况复杂")
    shift(session, "2026-11-09 17:01")
    told = session.scalars(
        select(col(Person.account))
        .join(Notice, col(Notice.person_id) == col(Person.id))
        .where(col(Notice.text).contains("请批准"))
    ).all()
    assert told == ["district_head"]
    with pytest.raises(Forbidden, match="负责人"):
        cast.fires(case, "reviewer", "grant_extension", "2026-11-09 17:02")
    shift(session, "2026-11-10 00:00")
    assert case.card(at("2026-11-10 00:00")) == "red", "asking moves nothing"
    cast.fires(case, "district_head", "grant_extension", "2026-11-10 09:00")
    assert clock.due_day == date(2026, 11, 23) and clock.limit_title == "20个工作日，延期1次，共30个工作日"
    assert case.card(at("2026-11-10 09:00")) is None and case.next_due_at == at("2026-11-24 00:00")
    assert lines(session, clock)[-1] == ("extended", 2)
    with pytest.raises(Conflict, match="只能延期一次"):
        cast.fires(case, "reviewer", "ask_extension", "2026-11-11 09:00", by=5, reason="仍未办结")


def test_while_paused_an_extension_is_not_granted_but_may_be_refused(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "ask_extension", "2026-10-14 09:00", by=10, reason="情况复杂")
    cast.fires(case, "reviewer", "pause", "2026-10-14 10:00", **PAUSED)
    with pytest.raises(Conflict, match="恢复之后才能批准延期"):
        cast.fires(case, "district_head", "grant_extension", "2026-10-14 11:00")
    cast.fires(case, "district_head", "deny_extension", "2026-10-14 12:00", reason="可以如期办结")
    cast.fires(case, "reviewer", "resume", "2026-10-16 09:00")
    cast.fires(case, "reviewer", "ask_extension", "2026-10-16 10:00", by=10, reason="情况复杂")
    cast.fires(case, "district_head", "grant_extension", "2026-10-16 11:00")
    assert deadline(session, case).limit_title == "20个工作日，延期1次，共30个工作日"


def test_an_extension_that_was_breached_breaches_again_and_is_told_again(session: Session, cast: Cast) -> None:
    """A red card before the extension does not swallow the one after it."""
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "ask_extension", "2026-11-09 17:00", by=1, reason="情况复杂")
    shift(session, "2026-11-06 08:30", "2026-11-10 00:00")
    cast.fires(case, "district_head", "grant_extension", "2026-11-10 09:00")  # due 2026-11-10 now
    shift(session, "2026-11-11 00:00")
    fired = session.scalars(
        select(Escalation).where(col(Escalation.clock_id) == deadline(session, case).id).order_by(col(Escalation.id))
    )
    assert [(row.generation, row.step, row.outcome) for row in fired] == [
        (1, "remind", "fired"), (1, "red_card", "fired"), (2, "remind", "carried"), (2, "red_card", "fired"),
    ]  # fmt: skip


def test_an_extension_asked_for_too_late_or_too_long_or_twice_is_refused(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    with pytest.raises(Invalid, match="最多延长10个工作日") as refused:
        cast.fires(case, "reviewer", "ask_extension", "2026-10-13 09:00", by=11, reason="情况复杂")
    assert refused.value.field == "by"
    cast.fires(case, "reviewer", "ask_extension", "2026-10-13 09:00", by=10, reason="情况复杂")
    with pytest.raises(Conflict, match="等待批准"):
        cast.fires(case, "reviewer", "ask_extension", "2026-10-13 10:00", by=5, reason="情况复杂")
    cast.fires(case, "district_head", "deny_extension", "2026-10-13 11:00", reason="理由不足")
    assert deadline(session, case).due_day == date(2026, 11, 9)
    with pytest.raises(Conflict, match="届满之前"):
        cast.fires(case, "reviewer", "ask_extension", "2026-11-10 00:00", by=5, reason="情况复杂")


def test_nobody_grants_what_they_asked_for_themselves(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "district_head", "ask_extension", "2026-10-13 09:00", by=5, reason="情况复杂")
    with pytest.raises(Conflict, match="不能自己批准"):
        cast.fires(case, "district_head", "grant_extension", "2026-10-13 10:00")


# --- silence ---


@pytest.mark.parametrize(
    ("received", "due", "review_due"),
    [
        # the law: accepted from the day of receipt, so the review has run since then
        ("2026-05-11 09:00", "2026-05-19 00:00", date(2026, 6, 8)),
        # a rule that says nothing of it: accepted when the limit has passed
        ("2026-10-12 09:00", "2026-10-20 00:00", date(2026, 11, 17)),
    ],
)
def test_silence_is_acceptance_and_the_case_moves_by_itself(
    session: Session, cast: Cast, received: str, due: str, review_due: date
) -> None:
    case = cast.opens(received, "licence")
    shift(session, f"{due[:10]} 10:00")
    deemed = next(event for event in events_of(session, case) if event.name == "deem_accepted")
    assert case.stage == "review" and deemed.by_id is None and deemed.at == at(due)
    assert deadline(session, case).due_day == review_due
    silent = session.scalars(select(Clock).where(col(Clock.limits) == "intake")).one()
    assert silent.outcome == "late", "the office missed it"
    assert "red_card" not in names(session, case) and "licence_notice" in papers(session, case)


def test_the_office_is_reminded_before_its_silence_speaks_and_nobody_speaks_for_it_sooner(
    session: Session, cast: Cast
) -> None:
    case = cast.opens("2026-10-12 09:00", "licence")
    shift(session, "2026-10-16 08:30")
    assert names(session, case)[-1] == "remind"
    with pytest.raises(Forbidden):
        cast.fires(case, "clerk", "deem_accepted", "2026-10-17 09:00")
    with pytest.raises(Conflict, match="24时届满"):
        case.fire("deem_accepted", by=SYSTEM, at=at("2026-10-17 09:00"))
    cast.fires(case, "clerk", "accept", "2026-10-19 17:00")
    shift(session, "2026-10-21 09:00")
    assert "deem_accepted" not in names(session, case)


# --- several clocks, hours ---


@pytest.mark.parametrize(("opened", "first"), [("2026-10-12 09:00", "review"), ("2026-08-31 09:00", "case")])
def test_the_earlier_of_stage_and_case_counts_whichever_it_is(
    session: Session, cast: Cast, opened: str, first: str
) -> None:
    case = cast.opens(opened, "licence")
    case.fire("accept", by=cast.clerk, at=at("2026-10-19 17:00")) if first == "review" else cast.fires(
        case, "clerk", "accept", "2026-09-04 09:00"
    )
    if first == "case":
        cast.fires(case, "reviewer", "ask_extension", "2026-09-30 09:00", by=10, reason="情况复杂")
        cast.fires(case, "district_head", "grant_extension", "2026-09-30 10:00")
        cast.fires(case, "reviewer", "pause", "2026-09-30 11:00", **PAUSED)
        shift(session, "2026-10-21 09:00")
    running = {
        clock.limits: clock.due_at
        for clock in session.scalars(
            select(Clock).where(col(Clock.case_id) == case.id, col(Clock.stopped_at).is_(None))
        )
    }
    assert case.next_due_at == running[first] == min(running.values())


def test_a_limit_in_hours_climbs_by_the_hour(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "send_inspectors", "2026-10-13 15:10")
    clock = deadline(session, case)
    assert clock.due_at == at("2026-10-13 17:10")
    shift(session, "2026-10-13 16:10", "2026-10-13 17:10", "2026-10-13 19:10", "2026-10-14 08:29", "2026-10-14 08:30")
    steps = [(event.name, event.at) for event in events_of(session, case) if event.name in CLIMBED]
    assert steps == [
        ("remind", at("2026-10-13 16:10")), ("red_card", at("2026-10-13 17:10")), ("press", at("2026-10-13 19:10")),
        ("urge", at("2026-10-14 08:30")),
    ]  # fmt: skip


# --- 暂缓 ---


def test_the_head_above_puts_the_next_letter_off_once_and_it_still_comes(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")  # due 2026-10-19
    shift(session, "2026-10-20 00:00")
    with pytest.raises(Forbidden):
        cast.fires(case, "head", "put_off", "2026-10-20 08:00", until="2026-10-22", reason="正在现场协调")
    with pytest.raises(Invalid, match="最多暂缓5个工作日"):
        cast.fires(case, "district_head", "put_off", "2026-10-20 08:00", until="2026-10-28", reason="正在现场协调")
    cast.fires(case, "district_head", "put_off", "2026-10-20 08:00", until="2026-10-22", reason="正在现场协调")
    assert case.card(at("2026-10-21 09:00")) == "red"
    shift(session, "2026-10-22 08:29")
    assert names(session, case)[-1] == "put_off"
    shift(session, "2026-10-22 08:30")
    urge = events_of(session, case)[-1]
    assert urge.name == "urge" and urge.facts["late"] is False
    with pytest.raises(Conflict, match="已经暂缓过一次"):
        cast.fires(case, "district_head", "put_off", "2026-10-23 08:00", until="2026-10-26", reason="仍在协调")


# --- the last step ---


def agenda(session: Session) -> list[tuple[str, str]]:
    """(place of the meeting, number of the late case)."""
    rows = []
    for item in session.scalars(select(AgendaItem).order_by(col(AgendaItem.id))):
        rows.append((session.get_one(Case, item.meeting_id).place, session.get_one(Case, item.case_id).number))
    return rows


def test_late_cases_come_before_one_open_meeting_of_their_area(session: Session, cast: Cast) -> None:
    first, second = at_intake(session, cast, "2026-10-12 09:00"), at_intake(session, cast, "2026-10-12 10:00")
    higher = at_review(session, cast, "2026-10-12 11:00")  # with the district, due the same day
    shift(session, "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-26 08:30")
    assert agenda(session) == [
        ("莲花街道", first.number), ("莲花街道", second.number), ("福田区", higher.number),
    ]  # fmt: skip
    street, district = session.scalars(select(Case).where(col(Case.type) == "joint_meeting").order_by(col(Case.id)))
    assert (street.desk, district.desk) == ("street", "district") and street.estate_id is None
    assert [event.facts["case"] for event in events_of(session, street) if event.name == "agenda"] == [
        first.number,
        second.number,
    ]
    with pytest.raises(Forbidden):
        cast.fires(district, "clerk", "accept", "2026-10-27 09:00")
    cast.fires(district, "reviewer", "accept", "2026-10-27 09:00")
    assert district.stage == "convening"


def test_a_meeting_that_was_held_takes_nothing_more_and_the_next_late_case_opens_another(
    session: Session, cast: Cast
) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    shift(session, "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-26 08:30")
    meeting = session.scalars(select(Case).where(col(Case.type) == "joint_meeting")).one()
    cast.fires(meeting, "clerk", "accept", "2026-10-26 09:00")
    where = {"day": "2026-10-29", "hour": "09:30", "room": "三楼会议室", "chair": "吴芳"}
    cast.fires(meeting, "clerk", "notify", "2026-10-26 09:10", **where)
    came = [{"body": name, "status": "present"} for name in meeting.details["invited"]]
    cast.fires(meeting, "clerk", "hold", "2026-10-29 11:00", attendance=came)
    at_intake(session, cast, "2026-10-20 09:00")
    shift(session, "2026-10-29 12:00", "2026-10-30 08:30", "2026-11-03 08:30")
    meetings = session.scalars(select(Case).where(col(Case.type) == "joint_meeting").order_by(col(Case.id))).all()
    assert [bool(one.serves) for one in meetings] == [False, True] and meeting.is_open


def test_a_late_meeting_climbs_to_the_area_above_and_ends_with_the_duty_desk(session: Session, cast: Cast) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    looks = [
        f"2026-{month:02}-{day:02} 08:30"
        for month, days in ((10, range(19, 32)), (11, range(1, 31)), (12, range(1, 26)))
        for day in days
    ]
    shift(session, *looks)
    assert [place for place, _ in agenda(session)] == ["莲花街道", "福田区", "深圳市"]
    told = session.scalars(select(col(Notice.text)).where(col(Notice.person_id) == cast.duty.id)).all()
    assert any("已无上级可报" in text for text in told)


def test_a_case_that_was_done_in_the_meantime_is_on_no_agenda(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")
    for look in ("2026-10-20 00:00", "2026-10-20 08:30", "2026-10-26 08:30"):
        while climb(session, at(look)):
            pass
    cast.fires(case, "clerk", "accept", "2026-10-26 08:31")
    shift(session, "2026-10-26 08:32")
    assert agenda(session) == []


# --- 重新办理 ---


def test_a_case_taken_up_again_goes_on_with_what_was_left(session: Session, cast: Cast) -> None:
    case = licence(session, cast, "2026-10-12 09:00")  # due 2026-11-09
    cast.fires(case, "reviewer", "grant", "2026-11-02 10:00")  # five working days were left
    with pytest.raises(Forbidden):
        cast.fires(case, "reviewer", "reopen", "2027-01-04 09:00", reason="复查发现遗漏", evidence="复查意见1号")
    cast.fires(case, "district_head", "reopen", "2026-12-07 09:00", reason="复查发现遗漏", evidence="复查意见1号")
    again = arising(session, case.id, "reopened")[0]  # type: ignore[arg-type]
    assert (again.type, again.stage, again.estate_id) == ("licence", "review", case.estate_id) and case.closed_at
    assert deadline(session, again).due_day == date(2026, 12, 14)
    assert again.card(at("2026-12-07 09:00")) is None, "not overdue the moment it is taken up"
    with pytest.raises(Conflict, match=again.number):
        cast.fires(case, "district_head", "reopen", "2026-12-08 09:00", reason="再次", evidence="同上")
    shift(session, "2026-12-07 10:00")
    assert papers(session, case)[-1] == "reopening_notice"
    assert verify(events_of(session, again)) is None and verify(events_of(session, case)) is None


def test_a_fund_request_taken_up_again_has_its_whole_limit(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    cast.fires(case, "reviewer", "refuse", "2026-10-23 10:00", reason="不在列支范围")  # four days late
    cast.fires(case, "district_head", "reopen", "2026-12-07 09:00", reason="复议撤销", evidence="复议决定1号")
    again = arising(session, case.id, "reopened")[0]  # type: ignore[arg-type]
    assert deadline(session, again).due_day == date(2026, 12, 14)


# --- no edit moves it ---


def test_nothing_but_pause_extension_and_resumption_moves_a_deadline(session: Session, cast: Cast) -> None:
    case = at_review(session, cast, "2026-10-12 09:00")
    clock = deadline(session, case)
    before = clock.due_at, clock.next_at, clock.generation
    case.note("电话告知申请人", by=cast.reviewer, at=at("2026-10-13 09:00"))
    case.assign(cast.reviewer, by=cast.reviewer, at=at("2026-10-13 10:00"))
    case.assign(None, by=cast.reviewer, at=at("2026-10-13 11:00"))
    case.attach(b"%PDF-1.4 x", filename="a.pdf", need=None, by=cast.agent, at=at("2026-10-13 12:00"))
    session.refresh(clock)
    assert (clock.due_at, clock.next_at, clock.generation) == before


# --- a whole way up ---

WINTER = {
    "plan_publicity_from": "2025-12-01", "plan_publicity_to": "2025-12-07",
    "notice_from": "2025-12-08", "notice_to": "2025-12-22",
    "window_from": "2026-01-05", "window_to": "2026-01-13",
    "result_publicity_from": "2026-01-14", "result_publicity_to": "2026-01-20",
}  # fmt: skip


def test_an_untouched_case_climbs_through_the_spring_festival_to_its_last_step(session: Session, cast: Cast) -> None:
    """2026: days off from Sunday 15 to Monday 23 February, worked off on Saturdays 14 and 28."""
    case = at_intake(session, cast, "2026-02-11 09:00", WINTER)
    clock = deadline(session, case)
    # Thursday, Friday, the worked Saturday; after the festival Tuesday and Wednesday
    assert clock.due_day == date(2026, 2, 25)

    day, last = date(2026, 2, 11), date(2026, 4, 10)
    while day <= last:
        shift(session, *(f"{day} {clock}" for clock in ("00:00", "08:29", "08:30", "23:59")))
        day += timedelta(days=1)

    climbed = [
        (event.name, f"{event.recorded_at.astimezone(OFFICE_ZONE):%m-%d %H:%M}")
        for event in events_of(session, case)
        if "told" in event.facts
    ]
    assert climbed == [
        ("remind", "02-24 08:30"),  # the first day after the festival
        ("red_card", "02-26 00:00"),
        ("urge", "02-26 08:30"),
        ("circulate", "03-03 08:30"),  # Thursday, Friday, the worked Saturday, Monday, Tuesday
    ]
    # its meeting is late too (due 10 March) and climbs, as does the district's (due 24 March); from the city the duty desk is told
    meetings = session.scalars(select(Case).where(col(Case.type) == "joint_meeting").order_by(col(Case.id))).all()
    assert [(one.place, f"{one.opened_at.astimezone(OFFICE_ZONE):%m-%d}") for one in meetings] == [
        ("莲花街道", "03-03"), ("福田区", "03-17"), ("深圳市", "03-31"),
    ]  # fmt: skip
    assert papers(session, case) == ["urge_notice"] and clock.next_at is None
    assert [row.outcome for row in session.scalars(select(Escalation).where(col(Escalation.clock_id) == clock.id))] == [
        "fired"
    ] * 4
    assert verify(events_of(session, case)) is None
