"""维修资金使用, told as it happens in 莲花北村. Due days were worked out by hand on the calendar of 2026 and 2027."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Backdate, Case, events_of, verify
from models.clock import Clock
from models.decisions import Decision
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid, Refused
from models.publicity import Publicity

from ..make import DECIDED, Cast, at, at_intake, at_review, new_rule, running, shift


def outcomes(session: Session, case: Case) -> list[tuple[str, str | None]]:
    clocks = select(Clock).where(col(Clock.case_id) == case.id).order_by(col(Clock.id))
    return [(clock.limits, clock.outcome) for clock in session.scalars(clocks)]


def test_one_request_from_the_leaking_roof_to_the_published_account(session: Session, cast: Cast) -> None:
    # Monday, 7 September 2026: the agent has looked at the roof
    case = cast.opens("2026-09-07 09:00", works="5栋屋面防水翻修")
    assert case.number.startswith("WX2026-") and case.stage == "need" and case.desk == "applicant"
    cast.fires(case, "agent", "plan", "2026-09-07 10:00", warranty_expired=True, site_check="顶层三户渗漏")
    cast.fires(case, "agent", "review_cost", "2026-09-09 09:00", reviewer="深圳中正造价咨询有限公司")

    # the plan hangs in the lobby from the 12th to the 18th, seven whole days
    cast.fires(case, "agent", "publish", "2026-09-11 09:00", budget="386400.50", places=["5栋大堂", "小区公告栏"])
    assert running(session, case, "period").due_day == date(2026, 9, 18)
    shift(session, "2026-09-18 23:59")
    assert case.stage == "plan_publicity"
    shift(session, "2026-09-19 00:00")
    assert case.stage == "decision"
    hung = session.scalars(select(Publicity).where(col(Publicity.case_id) == case.id)).one()
    assert (hung.from_day, hung.to_day) == (date(2026, 9, 12), date(2026, 9, 18))

    # 15 days of notice (物业管理条例 14): 20 September to 4 October; then ten days to vote, to the 14th
    assert running(session, case, "period").due_day == date(2026, 10, 4)
    shift(session, "2026-10-05 00:00")
    assert case.stage == "decision" and running(session, case, "period").due_day == date(2026, 10, 14)
    with pytest.raises(Conflict, match="2026-10-14 24时届满"):
        cast.fires(case, "agent", "passed", "2026-10-10 09:00")
    shift(session, "2026-10-15 00:00")
    with pytest.raises(Conflict, match="尚未导入表决票"):
        cast.fires(case, "agent", "passed", "2026-10-15 09:00")
    decision = cast.decided()
    decision.case_id = case.id
    session.flush()
    with pytest.raises(Conflict, match="计票结果为通过"):
        cast.fires(case, "committee", "failed", "2026-10-15 09:00")
    cast.fires(case, "committee", "passed", "2026-10-15 09:30")
    assert case.details["decision"] == decision.id
    shift(session, "2026-10-23 00:00")  # result publicity 16th to 22nd
    assert case.stage == "application"

    # Friday, 23 October: the request is handed in; intake has five working days, to the 30th
    cast.fires(case, "agent", "submit", "2026-10-23 15:00", payee="深圳安恒建筑防水有限公司", finish_by="2027-03-31")
    assert case.stage == "intake" and running(session, case).due_day == date(2026, 10, 30)
    case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-26 09:00"))
    # on the 27th the clerk asks, once and for all; the clock stands still until the 29th
    cast.fires(case, "clerk", "ask", "2026-10-27 11:00", items=["施工合同缺第3页", "预算未列明材料型号"])
    assert case.stage == "correction" and case.is_paused and case.next_due_at == at("2026-11-11 00:00")
    cast.fires(case, "agent", "resubmit", "2026-10-29 10:00", answer="已补齐")
    # counted: 26th, 27th; 30th, 2nd, 3rd
    assert case.stage == "intake" and not case.is_paused and running(session, case).due_day == date(2026, 11, 3)
    with pytest.raises(Conflict, match="已经要求过补正"):
        cast.fires(case, "clerk", "ask", "2026-10-30 09:00", items=["再补一次"])
    cast.fires(case, "clerk", "accept", "2026-10-30 10:00")
    assert case.stage == "review" and running(session, case).due_day == date(2026, 11, 6)
    with pytest.raises(Conflict, match="已经要求过补正"):
        cast.fires(case, "reviewer", "ask", "2026-11-02 09:00", items=["再补一次"])

    # the district approves half of it, the bank sends the money back once, the second time it arrives
    cast.fires(case, "reviewer", "approve", "2026-11-04 09:00", amount="193200.25")
    cast.fires(case, "payer", "bounced", "2026-11-06 09:00", reason="户名与开户行登记不符")
    assert case.stage == "review" and "to_pay" not in case.details
    cast.fires(case, "reviewer", "approve", "2026-11-09 09:00", amount="193200.25")
    cast.fires(case, "payer", "paid", "2026-11-11 09:00", paid_on="2026-11-11", receipt="202611110003")
    assert case.stage == "works" and case.details["paid"] == 19_320_025
    assert running(session, case).due_day == date(2027, 3, 31), "the contract's day, which does not roll"
    with pytest.raises(Conflict, match="现在不能“撤回”"):
        cast.fires(case, "agent", "withdraw", "2026-11-12 09:00", reason="不做了")

    # the committee sends the builder back once
    cast.fires(case, "agent", "finished", "2027-03-20 16:00")
    cast.fires(case, "committee", "rework", "2027-03-22 09:00", reason="蓄水试验渗漏", finish_by="2027-04-30")
    cast.fires(case, "agent", "finished", "2027-04-25 16:00")
    cast.fires(case, "committee", "passed", "2027-04-26 09:00", settlement="380000.00")
    assert case.stage == "settlement"

    # the rest: 380000.00 - 193200.25
    cast.fires(case, "agent", "apply", "2027-04-27 09:00")
    with pytest.raises(Invalid, match=r"尾款应为 186,799\.75 元"):
        cast.fires(case, "reviewer", "approve", "2027-04-28 09:00", amount="1.00")
    cast.fires(case, "reviewer", "approve", "2027-04-28 09:00")
    assert case.stage == "final_payment" and case.details["to_pay"] == 18_679_975
    cast.fires(case, "payer", "paid", "2027-04-30 09:00", paid_on="2027-04-30")
    assert case.stage == "publication" and case.details["paid"] == 38_000_000
    cast.fires(case, "agent", "published", "2027-05-10 09:00")
    shift(session, "2027-05-10 09:00")

    assert case.stage == "closed" and case.outcome == "办结" and case.desk is None and case.next_due_at is None
    assert verify(events_of(session, case)) is None
    assert {outcome for _, outcome in outcomes(session, case)} == {"ran", "on_time"}
    papers = session.scalars(select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.event_id)))
    assert [paper.title for paper in papers] == [
        "补正告知书", "受理通知书", "划拨通知书", "退票告知书", "划拨通知书", "拨付回执", "返工通知书", "划拨通知书", "拨付回执", "办结通知书",
    ]  # fmt: skip
    with pytest.raises(Conflict, match="已办结"):
        cast.fires(case, "agent", "published", "2027-05-11 09:00")


def test_a_decision_taken_before_enters_six_stages_in_one_form(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    assert case.stage == "application"
    event = events_of(session, case)[-1]
    assert event.facts["notice_from"] == "2026-08-10" and event.facts["result_publicity_to"] == "2026-09-25"


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"notice_to": "2026-08-23"}, "notice_to", "会议通知须满15日"),
        ({"plan_publicity_to": "2026-08-08"}, "plan_publicity_to", "方案公示须满7日"),
        ({"window_from": "2026-08-24"}, "window_from", "应在上一步于 2026-08-24 结束之后开始"),
        ({"window_to": "2026-09-01"}, "window_to", "早于首日"),
        ({"result_publicity_to": "2026-10-12"}, "result_publicity_to", "2026-10-13 起才能录入"),
        ({"window_from": "2099-01-01"}, "window_from", "不合常理"),
        ({"decision": 999_999}, "decision", "没有编号为 999999"),
        ({"excluded": ["psc_contract"]}, "excluded", "第二十五条"),
        ({"warranty_expired": False}, "warranty_expired", "保修期未满"),
    ],
)
def test_a_step_that_has_not_run_is_refused_by_its_name(
    session: Session, cast: Cast, changed: dict[str, object], field: str, sentence: str
) -> None:
    case = cast.opens("2026-10-12 09:00")
    with pytest.raises(Invalid, match=sentence) as refusal:
        stated: dict[str, Any] = {"decision": cast.decided().id, **DECIDED, **changed}
        cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", **stated)
    assert refusal.value.field == field
    assert case.stage == "need" and case.last_seq == 1


def test_a_failed_decision_opens_nothing(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    with pytest.raises(Invalid, match="未通过"):
        cast.fires(
            case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided(passed=False).id, **DECIDED
        )


def test_what_the_fund_may_not_pay_for_is_stopped_at_the_site_check(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    with pytest.raises(Invalid, match="第二十五条") as refusal:
        cast.fires(case, "agent", "plan", "2026-10-12 09:10", warranty_expired=True, excluded=["utility_lines"])
    assert refusal.value.field == "excluded"
    with pytest.raises(Invalid, match="保修期未满"):
        cast.fires(case, "agent", "plan", "2026-10-12 09:10", warranty_expired=False)


def test_a_correction_that_never_comes_lapses_only_once_it_is_overdue(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    cast.fires(case, "clerk", "ask", "2026-10-13 09:00", items=["合同缺页"])  # ten working days: 2026-10-27
    with pytest.raises(Conflict, match="2026-10-27 24时届满"):
        cast.fires(case, "clerk", "lapse", "2026-10-27 18:00")
    with pytest.raises(Conflict, match="街道办事处要求"):
        cast.fires(case, "reviewer", "lapse", "2026-10-28 09:00")
    cast.fires(case, "clerk", "lapse", "2026-10-28 09:00")
    assert case.outcome == "逾期终止"
    assert outcomes(session, case) == [("intake", "dropped"), ("correction", "late")]


def test_what_the_final_review_asked_for_and_never_got_goes_back_to_settlement(session: Session, cast: Cast) -> None:
    case = at_final_review(session, cast)
    cast.fires(case, "reviewer", "ask", "2026-12-02 09:00", items=["票据不清"])  # ten working days: 2026-12-16
    with pytest.raises(Conflict, match="现在不能“撤回”|没有|撤回"):
        cast.fires(case, "agent", "withdraw", "2026-12-03 09:00", reason="算了")
    cast.fires(case, "reviewer", "lapse", "2026-12-17 09:00")
    assert case.stage == "settlement"
    cast.fires(case, "agent", "apply", "2026-12-18 09:00")
    assert case.stage == "final_review" and running(session, case).due_day == date(2026, 12, 25)


def at_final_review(session: Session, cast: Cast, paid: str = "100000", settlement: str = "180000") -> Case:
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount=paid)
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    cast.fires(case, "agent", "finished", "2026-11-20 09:00")
    cast.fires(case, "committee", "passed", "2026-11-27 09:00", settlement=settlement)
    cast.fires(case, "agent", "apply", "2026-12-01 09:00")
    return case


def test_where_nothing_remains_to_be_paid_the_account_is_published_at_once(session: Session, cast: Cast) -> None:
    case = at_final_review(session, cast, paid="180000", settlement="180000")
    cast.fires(case, "reviewer", "approve", "2026-12-02 09:00")
    assert case.stage == "publication"
    cast.fires(case, "agent", "published", "2026-12-04 09:00")
    assert case.outcome == "办结"


def test_where_there_is_no_committee_the_residents_committee_accepts_the_works(session: Session, cast: Cast) -> None:
    cast.estate.committee_id = None
    session.flush()
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    cast.fires(case, "agent", "finished", "2026-10-30 09:00")
    assert (case.stage, case.desk) == ("acceptance", "residents")
    with pytest.raises(Forbidden):
        cast.fires(case, "committee", "passed", "2026-11-03 09:00", settlement="180000")
    accepted = cast.fires(case, "residents", "passed", "2026-11-03 09:00", settlement="180000")
    assert accepted.facts["without_committee"].startswith("本单位自定，没有业主委员会的小区由谁组织验收")
    assert case.stage == "settlement"


def test_where_another_is_named_to_accept_the_residents_committee_is_told_so(session: Session, cast: Cast) -> None:
    new_rule(
        cast, "2026-09-20 09:00", id="fund.without_committee", value="list:街道办事处", effective_from="2026-09-21"
    )
    cast.estate.committee_id = None
    session.flush()
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    cast.fires(case, "agent", "finished", "2026-10-30 09:00")
    with pytest.raises(Conflict, match="由街道办事处出具（.*），社区居民委员会不能出具"):
        cast.fires(case, "residents", "passed", "2026-11-03 09:00", settlement="180000")


def test_what_was_paid_too_much_comes_back_before_the_case_ends(session: Session, cast: Cast) -> None:
    case = at_final_review(session, cast, paid="180000", settlement="150000.50")
    cast.fires(case, "reviewer", "approve", "2026-12-02 09:00")
    cast.fires(case, "agent", "published", "2026-12-04 09:00")
    assert case.stage == "refund" and case.desk == "district"
    with pytest.raises(Invalid, match=r"应退回 29,999\.50 元"):
        cast.fires(case, "reviewer", "returned", "2026-12-07 09:00", amount="29999", returned_on="2026-12-07")
    cast.fires(case, "reviewer", "returned", "2026-12-07 09:00", amount="29999.50", returned_on="2026-12-07")
    assert case.outcome == "退款办结" and case.details["refunded"] == 2_999_950


def test_works_that_are_given_up_are_settled_and_refunded(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    with pytest.raises(Invalid, match="超过已拨付"):
        cast.fires(case, "agent", "cancel", "2026-11-02 09:00", reason="施工单位停业", owed="100000.01")
    cast.fires(case, "agent", "cancel", "2026-11-02 09:00", reason="施工单位停业", owed="60000")
    assert case.stage == "refund"
    cast.fires(case, "reviewer", "returned", "2026-11-05 09:00", amount="40000", returned_on="2026-11-05")
    assert case.outcome == "退款办结"


def test_a_refused_settlement_can_be_corrected_and_asked_for_again(session: Session, cast: Cast) -> None:
    case = at_final_review(session, cast)
    cast.fires(case, "reviewer", "refuse", "2026-12-02 09:00", reason="结算高估")
    assert case.stage == "settlement"
    cast.fires(case, "agent", "apply", "2026-12-03 09:00", settlement="170000")
    cast.fires(case, "reviewer", "approve", "2026-12-04 09:00", amount="70000")
    assert case.stage == "final_payment"


@pytest.mark.parametrize("amount", ["0", "200000.01"])
def test_a_first_payment_is_something_and_within_the_budget(session: Session, cast: Cast, amount: str) -> None:
    case = at_review(session, cast)
    with pytest.raises(Invalid) as refusal:
        cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount=amount)
    assert refusal.value.field == "amount" and case.stage == "review"


def test_it_can_be_withdrawn_until_a_payment_notice_is_issued(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    cast.fires(case, "agent", "withdraw", "2026-10-13 09:00", reason="先比选施工单位")
    assert case.outcome == "撤回" and case.next_due_at is None
    other = at_review(session, cast)
    cast.fires(other, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    with pytest.raises(Conflict, match="现在不能“撤回”"):
        cast.fires(other, "agent", "withdraw", "2026-10-15 09:00", reason="先比选施工单位")


def test_only_the_desk_that_holds_a_case_may_move_it(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    for who in ("agent", "reviewer", "payer", "owner", "supervisor", "auditor", "admin", "stranger", "committee"):
        with pytest.raises(Forbidden, match="街道办事处办理"):
            cast.fires(case, who, "accept", "2026-10-12 10:00")
    cast.fires(case, "head", "accept", "2026-10-12 10:00")
    for who in ("clerk", "head", "agent", "stranger"):
        with pytest.raises(Forbidden):
            cast.fires(case, who, "approve", "2026-10-13 10:00", amount="1000")


def test_nobody_may_hasten_a_period(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "plan", "2026-10-12 09:00", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-10-12 09:00")
    with pytest.raises(Refused):
        cast.fires(case, "agent", "publicity_ends", "2026-10-30 09:00")
    assert case.stage == "plan_publicity"


def test_a_plan_that_is_changed_while_it_hangs_starts_again(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "plan", "2026-10-12 09:00", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-10-12 09:00")
    cast.fires(case, "agent", "revise", "2026-10-15 09:00", reason="业主对材料有异议")
    cast.fires(case, "agent", "publish", "2026-10-16 09:00")
    assert outcomes(session, case) == [("plan_publicity", "dropped"), ("plan_publicity", None)]
    assert running(session, case, "period").due_day == date(2026, 10, 23)


def test_a_vote_that_fails_ends_the_case_in_writing(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-09-01 09:00")
    cast.fires(case, "agent", "plan", "2026-09-01 09:00", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-09-01 09:00")
    shift(session, "2026-10-10 09:00")  # published to the 8th, noticed to the 24th, voted to 4 October
    session.add(Decision(estate_id=case.estate_id or 0, case_id=case.id, title="防水", made_at=at("2026-09-25 09:00"), tally={
        "undecided": [], "ordinary_passed": False, "why_not": "同意的业主人数（48.10%）未过半数。"}))  # fmt: skip
    session.flush()
    with pytest.raises(Conflict, match="48.10%"):
        cast.fires(case, "agent", "passed", "2026-10-10 10:00")
    cast.fires(case, "agent", "failed", "2026-10-10 10:00")
    shift(session, "2026-10-10 10:01")
    assert case.outcome == "表决未通过"
    assert session.scalars(select(col(Document.title)).where(col(Document.case_id) == case.id)).all() == [
        "表决未通过告知书"
    ]


def test_a_clerk_may_enter_it_at_the_counter_for_the_company(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    stated = {"payee": "深圳安恒", "finish_by": "2027-03-31"}
    with pytest.raises(Forbidden):
        case.fire("submit", by=cast.clerk, at=at("2026-10-12 10:00"), facts=stated)
    event = case.fire(
        "submit", by=cast.clerk, at=at("2026-10-12 10:00"), facts=stated, on_behalf_of=f"body:{cast.company.id}"
    )
    assert event.by_id == cast.clerk.id and event.on_behalf_of == f"body:{cast.company.id}"
    with pytest.raises(Forbidden):
        case.fire(
            "withdraw",
            by=cast.stranger,
            at=at("2026-10-12 11:00"),
            facts={"reason": "x"},
            on_behalf_of=f"body:{cast.company.id}",
        )


def test_paper_handed_in_on_friday_and_typed_on_monday_runs_from_friday(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-14 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-14 09:10", decision=cast.decided().id, **DECIDED)
    stated = {"payee": "深圳安恒", "finish_by": "2027-03-31"}
    friday = Backdate(at("2026-10-16 16:30"), "窗口系统停机", "收件登记第88号")
    event = case.fire("submit", by=cast.agent, at=at("2026-10-19 09:00"), facts=stated, backdate=friday)
    assert event.at == at("2026-10-16 16:30") and event.recorded_at == at("2026-10-19 09:00") and event.is_backdated
    assert running(session, case).due_day == date(2026, 10, 23)
    with pytest.raises(Invalid, match="不能补录"):
        case.fire("accept", by=cast.clerk, at=at("2026-10-20 09:00"), backdate=friday)


@pytest.mark.parametrize(
    ("when", "reason", "proof", "sentence"),
    [
        ("2026-10-19 09:30", "停机", "登记册", "不能晚于现在"),
        ("2026-10-14 09:05", "停机", "登记册", "不能早于本件上一条记录"),
        ("2026-10-16 09:00", "", "登记册", "写明原因"),
        ("2026-10-16 09:00", "停机", " ", "凭据"),
    ],
)
def test_what_is_entered_afterwards_needs_a_reason_and_a_proof(
    session: Session, cast: Cast, when: str, reason: str, proof: str, sentence: str
) -> None:
    case = cast.opens("2026-10-14 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-14 09:10", decision=cast.decided().id, **DECIDED)
    stated = {"payee": "深圳安恒", "finish_by": "2027-03-31"}
    with pytest.raises(Invalid, match=sentence):
        case.fire(
            "submit", by=cast.agent, at=at("2026-10-19 09:00"), facts=stated, backdate=Backdate(at(when), reason, proof)
        )


def test_paper_older_than_ten_working_days_is_not_entered_with_its_day(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    late = Backdate(at("2026-10-12 10:00"), "遗漏", "登记册")
    with pytest.raises(Invalid, match="10个工作日"):
        case.fire(
            "submit",
            by=cast.agent,
            at=at("2026-10-27 09:00"),
            facts={"payee": "x", "finish_by": "2027-01-01"},
            backdate=late,
        )


def test_a_case_of_december_2025_ends_under_the_rules_of_2020(session: Session, cast: Cast) -> None:
    old = cast.opens("2025-12-15 09:00")
    dates = {key: value.replace("2026-", "2025-") for key, value in DECIDED.items()}
    cast.fires(old, "agent", "enter_decided", "2025-12-15 10:00", decision=cast.decided().id, **dates)
    cast.fires(old, "agent", "submit", "2026-01-05 10:00", payee="深圳安恒", finish_by="2026-06-30")
    cast.fires(old, "clerk", "accept", "2026-01-06 10:00")
    assert running(session, old).rule_version == 1
    new = cast.opens("2026-01-05 09:00")
    cast.fires(new, "agent", "enter_decided", "2026-01-05 10:00", decision=cast.decided().id, **dates)
    cast.fires(new, "agent", "submit", "2026-01-05 10:00", payee="深圳安恒", finish_by="2026-06-30")
    cast.fires(new, "clerk", "accept", "2026-01-06 10:00")
    assert running(session, new).rule_version == 2
    # five working days from Wednesday the 7th on: to Tuesday, the 13th
    assert running(session, old).due_day == date(2026, 1, 13)
    cast.fires(old, "reviewer", "approve", "2026-01-12 10:00", amount="100000")
    cast.fires(old, "payer", "paid", "2026-01-15 10:00", paid_on="2026-01-15")
    # Spring Festival lies in between
    cast.fires(old, "agent", "finished", "2026-03-20 10:00")
    cast.fires(old, "committee", "passed", "2026-03-25 10:00", settlement="180000")
    cast.fires(old, "agent", "apply", "2026-03-26 10:00")
    clock = running(session, old)
    # from Friday the 27th on, before 清明: to Thursday, 2 April
    assert (clock.rule_id, clock.rule_version, clock.due_day) == ("fund.final_review", 1, date(2026, 4, 2))
    cast.fires(old, "reviewer", "approve", "2026-04-02 10:00")
    cast.fires(old, "payer", "paid", "2026-04-08 10:00", paid_on="2026-04-08")
    cast.fires(old, "agent", "published", "2026-04-10 10:00")
    assert (old.outcome, old.details["paid"]) == ("办结", 18_000_000)
    limited = select(Clock).where(
        col(Clock.case_id) == old.id, col(Clock.rule_id).in_(("fund.review", "fund.final_review"))
    )
    assert {one.rule_version for one in session.scalars(limited)} == {1}
    assert verify(events_of(session, old)) is None
