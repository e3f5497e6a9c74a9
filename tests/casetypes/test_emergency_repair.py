"""应急维修, told as it happens in 莲花北村. Due days were worked out by hand on the calendars of 2025 and 2026."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from api.cases import open_case
from models.access import moves
from models.case import Backdate, Case, events_of, verify
from models.clock import Clock, running_clocks
from models.committees import follow
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid, Refused
from models.links import arising
from models.notices import Notice, Trouble
from models.people import Body, Desk, Person
from models.publicity import Objection, Publicity
from pdf.letter import write

from ..door import Door
from ..make import Cast, at, new_rule, running, shift
from ..test_pages import come_in, look

PLAN: dict[str, Any] = {
    "items": ["更换曳引机", "更换钢丝绳"], "budget": "48600", "scope": "3栋1单元全体业主", "allocation": "按专有部分建筑面积分摊",
    "payee": "深圳安恒电梯工程有限公司", "finish_by": "2026-10-30", "warranty_expired": True,
}  # fmt: skip


def reports(cast: Cast, when: str, who: str = "agent", kind: str = "company", **details: Any) -> Case:
    """A hazard is reported by whoever belongs to a body of that kind."""
    body = cast.session.scalars(select(Body).where(col(Body.kind) == kind)).one()
    stated = {"situation": "E2", "works": "3栋1单元电梯冲顶"} | details
    return Case.open(
        cast.session, "emergency_repair", estate=cast.estate, applicant=body, details=stated,
        by=getattr(cast, who), at=at(when),
    )  # fmt: skip


def at_planning(cast: Cast, day: str = "2026-10-12", **details: Any) -> Case:
    case = reports(cast, f"{day} 09:00", **details)
    cast.fires(case, "agent", "secure", f"{day} 09:30", measures="停梯，拉警戒线")
    cast.fires(case, "committee", "confirm", f"{day} 10:00", opinion="属实")
    return case


def at_works(cast: Cast, day: str = "2026-10-12", **plan: Any) -> Case:
    """A repair below the third track, agreed to."""
    case = at_planning(cast, day)
    cast.fires(case, "agent", "plan", f"{day} 11:00", **PLAN | plan)
    cast.fires(case, "committee", "agree", f"{day} 12:00", opinion="同意")
    return case


def at_first_review(cast: Cast, **plan: Any) -> Case:
    """A repair of the third track whose first payment is asked for on Monday, 12 October 2026."""
    case = at_planning(cast)
    stated = PLAN | {"budget": "168000", "cost_reviewer": "深圳中正造价咨询有限公司"} | plan
    cast.fires(case, "agent", "plan", "2026-10-12 11:00", **stated)
    cast.fires(case, "committee", "agree", "2026-10-12 14:00", opinion="同意")
    if case.stage == "street_opinion":
        cast.fires(case, "clerk", "endorse", "2026-10-12 15:00", opinion="属实")
    cast.fires(case, "agent", "submit", "2026-10-12 16:00", entry="WXZJ-2026-0088")
    return case


def at_publication(cast: Cast, settlement: str = "150000", first: str = "84000") -> Case:
    """One of the third track, paid in full on the 30th of October."""
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount=first)
    cast.fires(case, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-14")
    cast.fires(case, "agent", "finished", "2026-10-26 09:00")
    cast.fires(case, "committee", "passed", "2026-10-26 15:00", opinion="合格")
    cast.fires(case, "agent", "apply", "2026-10-27 09:00", settlement=settlement, reviewer="深圳中正造价咨询有限公司")
    cast.fires(case, "reviewer", "approve", "2026-10-28 09:00")
    if case.stage == "final_payment":
        cast.fires(case, "payer", "paid", "2026-10-30 09:00", paid_on="2026-10-30")
    return case


def at_publicity(cast: Cast, settlement: str = "150000", first: str = "84000") -> Case:
    """Published on Monday, 2 November: the 3rd to the 9th."""
    case = at_publication(cast, settlement, first)
    cast.fires(case, "agent", "publish", "2026-11-02 09:00", places=["小区公告栏"])
    return case


def papers(session: Session, case: Case) -> list[str]:
    found = select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    assert session.scalars(select(Trouble)).all() == []
    return [paper.title for paper in session.scalars(found)]


# --- lives -----------------------------------------------------------------------------------------------------------


def test_a_leak_of_december_2025_is_written_off_in_january_under_the_rules_of_2020(
    session: Session, cast: Cast
) -> None:
    # Monday, 29 December 2025, at night: two hours to make it safe, whatever the hour
    case = reports(cast, "2025-12-29 21:40", situation="E1", works="5栋天台渗漏，电井进水")
    assert case.number.startswith("YJ2025-") and case.stage == "safe" and case.law_day == date(2025, 12, 29)
    assert running(session, case).due_at == at("2025-12-29 23:40") and running(session, case).ladder == "hours"
    cast.fires(case, "agent", "secure", "2025-12-29 23:00", measures="关闭电井电源，覆盖防水布")
    assert case.desk == "committee" and running(session, case).due_day == date(2025, 12, 30)
    cast.fires(case, "committee", "confirm", "2025-12-30 09:00", opinion="天台防水层破裂，属应急")

    # three working days: 31 December; 4 January, a Sunday that is worked; the 5th
    assert running(session, case).due_day == date(2026, 1, 5)
    stated = PLAN | {"items": ["天台防水修补"], "budget": "19999.99", "finish_by": "2026-01-04"}
    cast.fires(case, "agent", "plan", "2025-12-30 15:00", **stated)
    assert case.details["track"] == "T1" and running(session, case).due_day == date(2026, 1, 4)
    cast.fires(case, "committee", "agree", "2025-12-31 09:00", opinion="同意")
    assert case.stage == "works", "no first payment below 100,000.00"
    cast.fires(case, "agent", "finished", "2026-01-04 16:00")
    cast.fires(case, "committee", "passed", "2026-01-04 17:00", opinion="蓄水试验合格")

    # no review of the cost below 20,000.00; five working days: 6th to 9th, 12th
    cast.fires(case, "agent", "apply", "2026-01-05 09:00", settlement="18000.00")
    review = running(session, case)
    assert case.stage == "final_review" and review.due_day == date(2026, 1, 12)
    assert (review.rule_id, review.rule_version) == ("emergency.final_review", 1)
    cast.fires(case, "reviewer", "write_off", "2026-01-07 09:00")
    assert case.details["to_pay"] == 1_800_000 and running(session, case).due_day == date(2026, 1, 12)
    cast.fires(case, "payer", "paid", "2026-01-08 09:00", paid_on="2026-01-08", receipt="202601080012")
    cast.fires(case, "agent", "publish", "2026-01-09 09:00", places=["小区公告栏", "5栋大堂"])

    # seven whole days, the 10th to the 16th
    shift(session, "2026-01-16 23:59")
    assert case.stage == "publicity"
    shift(session, "2026-01-17 00:00")
    assert case.outcome == "办结" and case.desk is None and case.next_due_at is None
    hung = session.scalars(select(Publicity).where(col(Publicity.case_id) == case.id)).one()
    assert (hung.from_day, hung.to_day) == (date(2026, 1, 10), date(2026, 1, 16))
    assert verify(events_of(session, case)) is None
    clocks = session.scalars(select(Clock).where(col(Clock.case_id) == case.id))
    assert {clock.outcome for clock in clocks} == {"on_time", "ran"}
    assert papers(session, case) == [
        "险情报告登记回执", "应急情形认定意见书", "应急维修方案意见书", "应急工程验收意见书", "应急维修资金核销划拨通知书", "应急维修资金拨付回执",
        "应急维修使用结果公示告知书", "应急维修办结通知书",
    ]  # fmt: skip


def test_a_lift_over_the_spring_festival_of_2026_by_values_that_nobody_has_confirmed(
    session: Session, cast: Cast
) -> None:
    # Wednesday, 28 January 2026: the committee reports it, and the company must act
    case = reports(cast, "2026-01-28 08:10", "committee", "committee")
    assert case.applicant_id == cast.company.id and case.details["reported_by"] == "莲花北村业主委员会"
    with pytest.raises(Forbidden):
        cast.fires(case, "committee", "secure", "2026-01-28 08:30", measures="停梯")
    cast.fires(case, "agent", "secure", "2026-01-28 09:00", measures="停梯，困人已解救")
    cast.fires(case, "committee", "confirm", "2026-01-28 16:00", opinion="冲顶属实")
    stated = PLAN | {"budget": "168000", "finish_by": "2026-03-20"}
    with pytest.raises(Invalid, match="须由造价咨询机构审核预算") as refusal:
        cast.fires(case, "agent", "plan", "2026-02-02 10:00", **stated)
    assert refusal.value.field == "cost_reviewer"
    cast.fires(case, "agent", "plan", "2026-02-02 10:00", **stated | {"cost_reviewer": "深圳中正造价咨询有限公司"})
    assert case.details["track"] == "T3"
    cast.fires(case, "committee", "agree", "2026-02-03 09:00", opinion="同意")
    assert case.stage == "street_opinion" and running(session, case).due_day == date(2026, 2, 5)
    cast.fires(case, "clerk", "endorse", "2026-02-05 09:00", opinion="险情属实")

    # five working days from the 10th: 11th, 12th, 13th, Saturday the 14th, and the 24th after the festival
    cast.fires(case, "agent", "submit", "2026-02-10 09:00", entry="WXZJ-2026-0021")
    review = running(session, case)
    assert review.due_day == date(2026, 2, 24) and (review.rule_id, review.rule_version) == (
        "emergency.first_review",
        2,
    )
    cast.fires(case, "reviewer", "ask", "2026-02-12 11:00", items=["预算审核报告缺签章"])
    # the correction: 13th, 14th, 24th, 25th, 26th
    assert case.is_paused and case.next_due_at == at("2026-02-27 00:00")
    cast.fires(case, "agent", "resubmit", "2026-02-25 10:00", answer="已补签章")
    # counted: 11th, 12th; 26th, 27th and Saturday the 28th
    assert running(session, case).due_day == date(2026, 2, 28)
    with pytest.raises(Conflict, match="已经要求过补正"):
        cast.fires(case, "reviewer", "ask", "2026-02-25 11:00", items=["再补"])

    # never more than half of the budget
    with pytest.raises(Invalid, match=r"首期款不得超过预算 168,000\.00 元的50%.*84,000\.01") as refusal:
        cast.fires(case, "reviewer", "approve", "2026-02-26 09:00", amount="84000.01")
    assert refusal.value.field == "amount"
    cast.fires(case, "reviewer", "approve", "2026-02-26 09:00", amount="84000.00")
    assert running(session, case).due_day == date(2026, 3, 2)
    cast.fires(case, "payer", "bounced", "2026-02-27 09:00", reason="户名不符")
    cast.fires(case, "reviewer", "approve", "2026-03-02 09:00", amount="84000.00")
    cast.fires(case, "payer", "paid", "2026-03-03 09:00", paid_on="2026-03-03")
    assert case.stage == "works" and running(session, case).due_day == date(2026, 3, 20)

    cast.fires(case, "agent", "finished", "2026-03-20 16:00")
    assert running(session, case).due_day == date(2026, 3, 23)
    cast.fires(case, "committee", "rework", "2026-03-23 09:00", reason="平层误差", finish_by="2026-03-31")
    cast.fires(case, "agent", "finished", "2026-03-30 16:00")
    cast.fires(case, "committee", "passed", "2026-03-30 17:00", opinion="合格")
    # the settled sum: never above the plan's budget, and reviewed
    for wrong, field in (
        ({"settlement": "168000.01", "reviewer": "x"}, "settlement"),
        ({"settlement": "159000.50"}, "reviewer"),
    ):
        with pytest.raises(Invalid) as refusal:
            cast.fires(case, "agent", "apply", "2026-03-31 09:00", **wrong)
        assert refusal.value.field == field
    reviewed = {"reviewer": "深圳中正造价咨询有限公司"}
    cast.fires(case, "agent", "apply", "2026-03-31 09:00", settlement="159000.50", **reviewed)
    # 1st, 2nd, 3rd; 清明 from the 4th to the 6th; 7th, 8th
    assert running(session, case).due_day == date(2026, 4, 8)
    cast.fires(case, "reviewer", "refuse", "2026-04-02 09:00", reason="拆除费重复计列")
    cast.fires(case, "agent", "apply", "2026-04-03 09:00", settlement="158000", **reviewed)
    with pytest.raises(Conflict, match="不能“同意核销”"):
        cast.fires(case, "reviewer", "write_off", "2026-04-07 09:00")
    with pytest.raises(Invalid, match=r"尾款应为 74,000\.00 元"):
        cast.fires(case, "reviewer", "approve", "2026-04-07 09:00", amount="75000")
    cast.fires(case, "reviewer", "approve", "2026-04-07 09:00")
    cast.fires(case, "payer", "paid", "2026-04-08 09:00", paid_on="2026-04-08")
    assert case.details["paid"] == 15_800_000 == case.details["settlement"]
    cast.fires(case, "committee", "publish", "2026-04-09 09:00", places=["小区公告栏"])
    shift(session, "2026-04-17 00:00")
    assert case.outcome == "办结"
    assert papers(session, case) == [
        "险情报告登记回执", "应急情形认定意见书", "应急维修方案意见书", "街道审核意见书", "补正告知书", "应急维修资金划拨通知书",
        "应急维修资金退票告知书", "应急维修资金划拨通知书", "应急维修资金拨付回执", "应急工程返工通知书", "应急工程验收意见书",
        "结算审核不予通过决定书", "应急维修资金划拨通知书", "应急维修资金拨付回执", "应急维修使用结果公示告知书", "应急维修办结通知书",
    ]  # fmt: skip


def test_a_repair_between_is_settled_by_a_reviewed_account_and_paid_afterwards(session: Session, cast: Cast) -> None:
    case = at_works(cast, budget="48600")
    assert case.details["track"] == "T2" and case.stage == "works"
    cast.fires(case, "agent", "finished", "2026-10-14 16:00")
    cast.fires(case, "committee", "passed", "2026-10-14 17:00", opinion="合格")
    with pytest.raises(Invalid, match="须由造价咨询机构审核") as refusal:
        cast.fires(case, "agent", "apply", "2026-10-15 09:00", settlement="45120.50")
    assert refusal.value.field == "reviewer"
    cast.fires(
        case,
        "agent",
        "apply",
        "2026-10-15 09:00",
        settlement="45120.50",
        reviewer="深圳中正造价",
        payee="莲心物业服务有限公司",
    )
    with pytest.raises(Invalid, match=r"应当划拨 45,120\.50 元"):
        cast.fires(case, "reviewer", "write_off", "2026-10-16 09:00", amount="48600")
    cast.fires(case, "reviewer", "write_off", "2026-10-16 09:00", amount="45120.50")
    assert case.details["payee"] == "莲心物业服务有限公司" and case.details["to_pay"] == 4_512_050
    cast.fires(case, "payer", "paid", "2026-10-19 09:00", paid_on="2026-10-19")
    assert case.stage == "publication" and case.details["paid"] == 4_512_050


def test_what_is_no_emergency_becomes_a_request_for_daily_use(session: Session, cast: Cast) -> None:
    case = reports(cast, "2026-10-12 09:00", situation="E4", works="7栋外墙饰面砖色差")
    cast.fires(case, "agent", "secure", "2026-10-12 10:00", measures="围蔽")
    cast.fires(case, "committee", "doubt", "2026-10-12 15:00", opinion="没有空鼓")
    assert case.stage == "street_check" and case.desk == "street"
    with pytest.raises(Invalid, match="估算金额") as refusal:
        cast.fires(case, "clerk", "not_emergency", "2026-10-13 09:00", reason="不存在脱落危险")
    assert refusal.value.field == "budget"
    event = cast.fires(case, "clerk", "not_emergency", "2026-10-13 09:00", reason="不存在脱落危险", budget="60000")
    assert case.outcome == "不属应急，转日常使用"
    daily = arising(session, case.id or 0, "not_an_emergency")
    assert [one.type for one in daily] == ["fund_request"] and event.facts["cases"] == [daily[0].number]
    assert daily[0].details["works"] == "7栋外墙饰面砖色差" and daily[0].details["budget"] == 6_000_000
    assert daily[0].applicant_id == cast.company.id and daily[0].stage == "need"
    shift(session, "2026-10-13 09:01")
    assert "不属应急使用情形告知书" in papers(session, case)
    paper = session.scalars(select(Document).where(col(Document.kind) == "not_emergency_notice")).one()
    assert paper.facts["event"]["cases"] == [daily[0].number]


def test_the_district_may_still_find_that_it_is_none_and_the_plans_budget_goes_along(
    session: Session, cast: Cast
) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "not_emergency", "2026-10-13 09:00", reason="电梯已停用两年")
    daily = arising(session, case.id or 0, "not_an_emergency")[0]
    assert case.outcome == "不属应急，转日常使用" and daily.details["budget"] == 16_800_000


def test_where_the_company_does_not_act_the_street_orders_and_has_it_done(session: Session, cast: Cast) -> None:
    # Monday, 7 September 2026: an owner reports it, and nobody comes
    case = reports(cast, "2026-09-07 09:00", "owner", "owners", situation="E4", works="7栋外墙饰面砖坠落")
    assert case.applicant_id == cast.company.id and case.details["reported_by"] == "莲花北村业主联名"
    order = {"demand": "立即围蔽，凿除松动饰面砖", "order_by": "2026-09-09"}
    with pytest.raises(Conflict, match="2026-09-07 11:00 届满"):
        cast.fires(case, "clerk", "order", "2026-09-07 10:59", **order)
    shift(session, "2026-09-07 11:00")
    assert case.card(at("2026-09-07 11:00")) == "red"
    with pytest.raises(Invalid, match="不能早于今天"):
        cast.fires(case, "clerk", "order", "2026-09-07 11:05", **order | {"order_by": "2026-09-06"})
    cast.fires(case, "clerk", "order", "2026-09-07 11:05", **order)
    assert case.stage == "ordered" and running(session, case).due_day == date(2026, 9, 9)
    stated = PLAN | {"items": ["凿除饰面砖"], "finish_by": "2026-09-25", "payee": "深圳恒固建筑工程有限公司"}
    with pytest.raises(Conflict, match="2026-09-09 24时届满，届满前不能代修"):
        cast.fires(case, "clerk", "replace", "2026-09-09 18:00", **stated)
    shift(session, "2026-09-10 00:00")
    with pytest.raises(Invalid, match="不得从维修资金列支"):
        cast.fires(case, "clerk", "replace", "2026-09-10 09:00", **stated | {"excluded": ["developer_liability"]})
    cast.fires(case, "clerk", "replace", "2026-09-10 09:00", **stated)
    assert case.stage == "substitute" and case.desk == "street" and running(session, case).due_day == date(2026, 9, 25)
    cast.fires(case, "clerk", "repaired", "2026-09-22 09:00", accepted_by="莲花街道办事处、第三方检测单位")
    # five working days: 23rd, 24th; 中秋 25th to 27th; 28th, 29th, 30th
    assert case.stage == "charging" and running(session, case).due_day == date(2026, 9, 30)
    cast.fires(case, "clerk", "charge", "2026-09-23 09:00", settlement="47000", reviewer="深圳中正造价")
    with pytest.raises(Conflict, match="不作补正"):
        cast.fires(case, "reviewer", "ask", "2026-09-24 09:00", items=["票据"])
    cast.fires(case, "reviewer", "refuse", "2026-09-24 09:00", reason="缺验收记录")
    assert case.stage == "charging" and case.desk == "street"
    cast.fires(case, "clerk", "charge", "2026-09-24 14:00", settlement="46000", reviewer="深圳中正造价")
    cast.fires(case, "reviewer", "write_off", "2026-09-28 09:00")
    cast.fires(case, "payer", "paid", "2026-09-29 09:00", paid_on="2026-09-29")
    cast.fires(case, "clerk", "publish", "2026-09-30 09:00", places=["小区公告栏"])
    shift(session, "2026-10-08 00:00")
    assert case.outcome == "办结" and case.details["paid"] == 4_600_000
    assert papers(session, case) == [
        "险情报告登记回执", "责令限期处置通知书", "代修告知书", "结算审核不予通过决定书", "应急维修资金核销划拨通知书", "应急维修资金拨付回执",
        "应急维修使用结果公示告知书", "应急维修办结通知书",
    ]  # fmt: skip


def test_works_that_stop_after_the_first_payment_are_finished_in_the_companys_stead(
    session: Session, cast: Cast
) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount="84000")
    cast.fires(case, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-14")  # to be finished by the 30th
    cast.fires(case, "reviewer", "direct", "2026-11-02 09:00", demand="复工", order_by="2026-11-06")
    stated = PLAN | {"budget": "168000", "finish_by": "2026-12-11", "payee": "深圳明泰机电安装有限公司"}
    with pytest.raises(Invalid, match="审核预算"):
        cast.fires(case, "clerk", "replace", "2026-11-09 09:00", **stated)
    cast.fires(case, "clerk", "replace", "2026-11-09 09:00", **stated | {"cost_reviewer": "深圳中正造价"})
    cast.fires(case, "clerk", "repaired", "2026-12-08 09:00", accepted_by="第三方检测单位")
    # what the whole came to, less what was paid before
    cast.fires(case, "clerk", "charge", "2026-12-09 09:00", settlement="160000", reviewer="深圳中正造价")
    with pytest.raises(Conflict, match="不能“同意划拨”"):
        cast.fires(case, "reviewer", "approve", "2026-12-10 09:00")
    cast.fires(case, "reviewer", "write_off", "2026-12-10 09:00")
    assert case.details["to_pay"] == 7_600_000 and case.details["payee"] == "深圳明泰机电安装有限公司"


# --- the report ------------------------------------------------------------------------------------------------------


def test_the_committee_and_the_street_hear_of_a_hazard_at_once(session: Session, cast: Cast) -> None:
    case = reports(cast, "2026-10-12 21:00")
    shift(session, "2026-10-12 21:00")
    told = session.scalars(select(Notice).where(col(Notice.case_id) == case.id, col(Notice.urgent)))
    names = {session.get_one(Person, one.person_id).account for one in told}
    assert {"committee", "clerk", "head"} <= names and "stranger" not in names
    receipt = session.scalars(select(Document).where(col(Document.case_id) == case.id)).one()
    assert receipt.facts["copies"] == ["莲花北村业主委员会"] and receipt.facts["clock"]["confidence"] == "unverified"


@pytest.mark.parametrize(
    ("who", "reporter"),
    [
        ("agent", "莲心物业服务有限公司"),
        ("committee", "莲花北村业主委员会"),
        ("residents", "莲花街道北社区居民委员会"),
        ("owner", "莲花北村业主联名"),
    ],
)
def test_anybody_may_report_and_the_company_must_act(session: Session, cast: Cast, who: str, reporter: str) -> None:
    stated = {"situation": "E3", "works": "消防泵不能启动"}
    case = open_case(
        session, getattr(cast, who), at("2026-10-12 09:00"), "emergency_repair", cast.estate.id or 0, stated
    )
    assert case.details["reported_by"] == reporter and case.applicant_id == cast.company.id
    assert events_of(session, case)[0].facts["reported_by"] == reporter


def test_whoever_reported_it_is_answered_in_writing_once_it_is_decided(session: Session, cast: Cast) -> None:
    def at_verify(who: str, kind: str) -> Case:
        case = reports(cast, "2026-10-12 09:00", who, kind)
        cast.fires(case, "agent", "secure", "2026-10-12 09:30", measures="停梯")
        return case

    def replies(case: Case) -> list[str]:
        letters = select(Document).where(col(Document.case_id) == case.id, col(Document.kind) == "report_reply")
        return [
            f"{one.facts['issuer']}致{one.facts['addressee']}：{''.join(write(one.kind, one.facts).paragraphs)}"
            for one in session.scalars(letters.order_by(col(Document.id)))
        ]

    # the committee finds that it is one: the street, whom the report reached, answers the owners, who see the case anyway
    found = at_verify("owner", "owners")
    shift(session, "2026-10-12 09:30")
    assert not replies(found), "nothing is decided yet"
    cast.fires(found, "committee", "confirm", "2026-10-12 10:00", opinion="属实")
    shift(session, "2026-10-12 10:00")
    (letter,) = replies(found)
    assert letter.startswith("福田区莲花街道办事处致莲花北村业主联名：所报告的莲花北村“3栋1单元电梯冲顶”险情")
    assert "属于应急使用维修资金的情形：电梯冲顶等电梯重大故障" in letter
    told = select(Notice.text).where(col(Notice.case_id) == found.id, col(Notice.person_id) == cast.owner.id)  # type: ignore[call-overload]
    assert [text for text in session.scalars(told) if "《险情报告回复函》" in text]

    # the street finds that it is none, and tells where it goes on
    none = at_verify("residents", "residents_committee")
    cast.fires(none, "committee", "doubt", "2026-10-12 10:00", opinion="不属应急")
    cast.fires(none, "clerk", "not_emergency", "2026-10-12 11:00", reason="电梯已停用两年", budget="200000")
    shift(session, "2026-10-12 11:00")
    (letter,) = replies(none)
    daily = arising(session, none.id or 0, "not_an_emergency")[0]
    assert "致莲花街道北社区居民委员会" in letter and "电梯已停用两年" in letter and daily.number in letter

    # the company has the case in hand, and a committee that reported it has found it itself
    for who, kind in (("agent", "company"), ("committee", "committee")):
        case = at_verify(who, kind)
        cast.fires(case, "committee", "confirm", "2026-10-12 10:00", opinion="属实")
        shift(session, "2026-10-12 11:30")
        assert not replies(case) and case.stage == "planning"


def test_where_no_company_manages_the_estate_whoever_reports_it_acts(session: Session, cast: Cast) -> None:
    cast.estate.company_id = None
    session.flush()
    case = reports(cast, "2026-10-12 09:00", "committee", "committee")
    assert case.applicant_id == cast.estate.committee_id
    cast.fires(case, "committee", "secure", "2026-10-12 09:30", measures="停梯")
    assert case.stage == "verify"


def test_another_case_may_give_rise_to_it(session: Session, cast: Cast) -> None:
    """A joint meeting that decides on an emergency repair opens it like this."""
    daily = cast.opens("2026-10-12 09:00")
    office = session.scalars(select(Body).where(col(Body.name) == "福田区莲花街道办事处")).one()
    given: dict[str, Any] = {
        "why": "emergency",
        "by": cast.clerk,
        "at": at("2026-10-13 09:00"),
        "applicant_id": office.id,
    }
    case = daily.arising(session, "emergency_repair", details={"situation": "E1", "works": "天台渗漏"}, **given)
    assert case.applicant_id == cast.company.id and case.details["reported_by"] == office.name
    assert arising(session, daily.id or 0, "emergency") == [case]
    with pytest.raises(Invalid, match="尚未核实名称"):
        daily.arising(session, "emergency_repair", details={"situation": "E9", "works": "天台渗漏"}, **given)


def test_a_stranger_reports_nothing(session: Session, cast: Cast) -> None:
    with pytest.raises(Refused):
        open_case(session, cast.stranger, at("2026-10-12 09:00"), "emergency_repair", cast.estate.id or 0, {"situation": "E1", "works": "x"})  # fmt: skip


def test_the_law_day_is_the_day_of_the_report_also_where_it_is_entered_later(session: Session, cast: Cast) -> None:
    new_year = Backdate(at("2025-12-31 22:00"), "电话报告，节后录入", "值班记录第12号")
    case = Case.open(
        session, "emergency_repair", estate=cast.estate, applicant=cast.company,
        details={"situation": "E1", "works": "天台渗漏"}, by=cast.agent, at=at("2026-01-04 09:00"), backdate=new_year,
    )  # fmt: skip
    assert case.law_day == date(2025, 12, 31)


@pytest.mark.parametrize("code", ["E5", "E6", "E7", "E8", "E9"])
def test_a_situation_that_nobody_has_named_cannot_be_chosen(cast: Cast, code: str) -> None:
    with pytest.raises(Invalid, match=f"{code} 尚未核实名称.*E1 .*E4 ") as refusal:
        reports(cast, "2026-10-12 09:00", situation=code)
    assert refusal.value.field == "situation"


def test_once_two_persons_have_named_it_it_can(session: Session, cast: Cast) -> None:
    value = "list:E1 共用部位严重渗漏；E2 电梯重大故障；E3 消防功能障碍；E4 饰面脱落危险；E5 二次供水设施故障；E6 待核实；E7 待核实；E8 待核实；E9 待核实"
    new_rule(cast, "2026-10-12 09:00", id="emergency.situations", value=value, effective_from="2026-10-12")
    case = reports(cast, "2026-10-12 10:00", situation="E5", works="二次供水泵停转")
    assert case.details["situation"] == "E5" and case.details["situation_name"] == "二次供水设施故障"
    with pytest.raises(Invalid):
        reports(cast, "2026-10-12 10:00", situation="E6")
    with pytest.raises(Invalid):
        reports(cast, "2026-10-11 10:00", situation="E5")


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"situation": "E0"}, "situation"), ({"situation": "电梯"}, "situation"), ({"situation": "E22"}, "situation"), ({"situation": None}, "situation"),
        ({"works": " "}, "works"), ({"works": "冲" * 201}, "works"), ({"account": "x\0y"}, "account"), ({"floor": 3}, "floor"),
    ],
)  # fmt: skip
def test_a_report_that_is_wrong_is_refused_by_its_field(
    session: Session, cast: Cast, details: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        reports(cast, "2026-10-12 09:00", **details)
    assert refusal.value.field == field
    assert session.scalars(select(Case).where(col(Case.type) == "emergency_repair")).all() == []


def test_the_form_offers_the_named_situations_and_the_page_says_which_it_is(door: Door) -> None:
    agent = come_in(door, "agent")
    form = look(agent, "/cases/new?type=emergency_repair")
    assert [one["value"] for one in form.find("option") if one["value"].startswith("E")] == ["E1", "E2", "E3", "E4"]
    typed = {"type": "emergency_repair", "works": "消防泵不能启动"}
    estate = next(one["value"] for one in form.find("option") if one["value"].isdecimal())
    refused = agent.post("/cases", data=typed | {"estate": estate, "situation": "E7"})
    assert refused.status_code == 422 and "E7 尚未核实名称" in refused.text
    opened = agent.post("/cases", data=typed | {"estate": estate, "situation": "E3"})
    assert opened.status_code == 303 and "消防设施设备功能障碍" in agent.get(opened.headers["location"]).text


# --- the tracks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "track"),
    [
        ("0.01", "T1"),
        ("19999.99", "T1"),
        ("20000.00", "T2"),
        ("99999.99", "T2"),
        ("100000.00", "T3"),
        ("100000.01", "T3"),
    ],
)
@pytest.mark.parametrize("day", ["2025-12-15", "2026-10-12"])
def test_exactly_20000_is_of_the_second_track_and_exactly_100000_of_the_third(
    session: Session, cast: Cast, day: str, budget: str, track: str
) -> None:
    case = at_planning(cast, day)
    cast.fires(case, "agent", "plan", f"{day} 11:00", **PLAN | {"budget": budget, "cost_reviewer": "深圳中正造价"})
    assert case.details["track"] == track


def test_an_office_may_choose_that_exactly_100000_is_of_the_second_track(session: Session, cast: Cast) -> None:
    new_rule(cast, "2026-10-10 09:00", id="emergency.exactly_track_three", value="list:T2", effective_from="2026-10-12")
    case = at_works(cast, budget="100000.00")
    assert case.details["track"] == "T2" and case.stage == "works"
    dearer = at_planning(cast)
    with pytest.raises(Invalid, match="审核预算"):
        cast.fires(dearer, "agent", "plan", "2026-10-12 11:00", **PLAN | {"budget": "100000.01"})


def test_a_departments_notice_stands_in_for_the_streets_opinion(session: Session, cast: Cast) -> None:
    case = at_first_review(cast, rectification="深消整〔2026〕第5号")
    assert "endorse" not in [event.name for event in events_of(session, case)] and case.stage == "first_review"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"items": []}, "items"), ({"budget": "0"}, "budget"), ({"budget": "-5"}, "budget"), ({"budget": 100.5}, "budget"), ({"scope": ""}, "scope"),
        ({"allocation": " "}, "allocation"), ({"payee": None}, "payee"), ({"finish_by": "2026-10-11"}, "finish_by"), ({"finish_by": "明天"}, "finish_by"),
        ({"excluded": ["developer_liability"]}, "excluded"), ({"excluded": ["utility_lines"]}, "excluded"), ({"excluded": ["wrongdoer"]}, "excluded"),
        ({"excluded": ["psc_contract"]}, "excluded"), ({"excluded": ["weather"]}, "excluded.0"), ({"warranty_expired": False}, "warranty_expired"),
    ],
)  # fmt: skip
def test_a_plan_holds_four_elements_and_nothing_the_fund_may_not_pay_for(
    cast: Cast, changed: dict[str, Any], field: str
) -> None:
    case = at_planning(cast)
    with pytest.raises(Invalid) as refusal:
        cast.fires(case, "agent", "plan", "2026-10-12 11:00", **PLAN | changed)
    assert refusal.value.field == field and case.stage == "planning"


@pytest.mark.parametrize(
    ("amount", "sentence"), [(None, "请填写"), ("0", "请填写"), ("84000.01", "50%"), ("168000", "50%")]
)
def test_a_first_payment_is_something_and_at_most_half_of_the_budget(
    cast: Cast, amount: str | None, sentence: str
) -> None:
    case = at_first_review(cast)
    with pytest.raises(Invalid, match=sentence):
        cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount=amount)
    assert case.stage == "first_review"


def test_half_of_an_odd_budget_is_counted_to_the_cent(cast: Cast) -> None:
    case = at_first_review(cast, budget="100000.01")
    with pytest.raises(Invalid):
        cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount="50000.01")
    cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount="50000.00")
    assert case.stage == "first_payment"


# --- what goes another way -------------------------------------------------------------------------------------------


def test_what_was_paid_too_much_comes_back_after_the_publicity(session: Session, cast: Cast) -> None:
    case = at_publicity(cast, settlement="80000.50")  # 84,000.00 were paid before the works
    shift(session, "2026-11-10 00:00")
    # the refund begins with the 10th, which is not counted; ten working days from the 11th
    assert case.stage == "refund" and running(session, case).due_day == date(2026, 11, 24)
    with pytest.raises(Invalid, match=r"应退回 3,999\.50 元"):
        cast.fires(case, "reviewer", "returned", "2026-11-11 09:00", amount="4000", returned_on="2026-11-11")
    cast.fires(case, "reviewer", "returned", "2026-11-11 09:00", amount="3999.50", returned_on="2026-11-11")
    shift(session, "2026-11-11 09:01")
    assert case.outcome == "退款办结" and papers(session, case)[-2:] == ["退款通知书", "退款确认书"]


def test_an_objection_is_reviewed_before_the_case_ends(session: Session, cast: Cast) -> None:
    case = at_publicity(cast)
    case.object("拆除费重复计列", by=cast.clerk, at=at("2026-11-04 09:00"), name="王阿姨", unit="3栋0102")
    case.object("分摊范围有误", by=cast.residents, at=at("2026-11-05 09:00"), name="王阿姨", unit="3栋0201")
    assert case.stage == "publicity" and running(session, case, "period").due_day == date(2026, 11, 9)
    shift(session, "2026-11-10 00:00")
    assert case.stage == "objection_review" and case.desk == "district"
    cast.fires(case, "reviewer", "uphold", "2026-11-11 09:00", answer="核减拆除费 6,000 元")
    answers = session.scalars(select(Objection).where(col(Objection.case_id) == case.id)).all()
    assert [one.answer for one in answers] == ["核减拆除费 6,000 元"] * 2
    cast.fires(case, "agent", "apply", "2026-11-12 09:00", settlement="144000", reviewer="深圳中正造价")
    cast.fires(case, "reviewer", "approve", "2026-11-13 09:00")
    assert case.stage == "publication", "nothing remains to be paid"
    cast.fires(case, "agent", "publish", "2026-11-16 09:00", places=["小区公告栏"])
    shift(session, "2026-11-24 00:00")
    assert case.stage == "refund"
    cast.fires(case, "reviewer", "returned", "2026-11-24 09:00", amount="6000", returned_on="2026-11-24")
    assert case.details["refunded"] == 600_000


def test_an_objection_that_does_not_hold_ends_it_in_writing(session: Session, cast: Cast) -> None:
    case = at_publicity(cast)
    case.object("分摊范围有误", by=cast.residents, at=at("2026-11-05 09:00"), name="王阿姨", unit="3栋0201")
    shift(session, "2026-11-10 00:00")
    cast.fires(case, "reviewer", "dismiss", "2026-11-11 09:00", answer="范围与方案一致")
    shift(session, "2026-11-11 09:01")
    assert case.outcome == "办结" and papers(session, case)[-1] == "异议复核答复书"


def test_an_abuse_is_found_while_it_is_public_and_the_money_comes_back(session: Session, cast: Cast) -> None:
    case = at_publicity(cast)
    with pytest.raises(Invalid, match=r"150,000\.00 元（已拨付的）"):
        cast.fires(case, "reviewer", "find_abuse", "2026-11-04 09:00", reason="没有险情", amount="150000.01")
    with pytest.raises(Forbidden):
        cast.fires(case, "clerk", "find_abuse", "2026-11-04 09:00", reason="没有险情", amount="150000")
    cast.fires(case, "reviewer", "find_abuse", "2026-11-04 09:00", reason="没有险情", amount="150000")
    assert case.stage == "refund" and case.details["finding"] == "没有险情"
    cast.fires(case, "reviewer", "returned", "2026-11-05 09:00", amount="150000", returned_on="2026-11-05")
    shift(session, "2026-11-05 09:01")
    assert case.outcome == "退款办结" and "滥用应急使用认定书" in papers(session, case)


def test_a_finding_may_not_forgive_what_is_owed_back_anyway(cast: Cast) -> None:
    case = at_publicity(cast, settlement="80000")
    with pytest.raises(Invalid, match=r"须在 4,000\.00 元"):
        cast.fires(case, "reviewer", "find_abuse", "2026-11-04 09:00", reason="没有险情")


def test_after_the_end_an_abuse_is_found_in_a_linked_case(session: Session, cast: Cast) -> None:
    case = at_publicity(cast)
    shift(session, "2026-11-10 00:00")
    assert case.outcome == "办结"
    with pytest.raises(Conflict):
        cast.fires(case, "reviewer", "find_abuse", "2026-12-01 09:00", reason="没有险情", amount="150000")
    cast.fires(
        case, "district_head", "reopen", "2026-12-01 09:00", reason="审计发现没有险情", evidence="深审报〔2026〕9号"
    )
    again = arising(session, case.id or 0, "reopened")[0]
    assert again.stage == "objection_review" and again.law_day == case.law_day and again.applicant_id == cast.company.id
    cast.fires(again, "reviewer", "find_abuse", "2026-12-02 09:00", reason="审计发现没有险情", amount="20000")
    assert again.stage == "refund"
    shift(session, "2026-12-02 09:01")
    assert papers(session, again) == ["滥用应急使用认定书"]


def test_a_correction_that_never_comes_sends_it_back_but_does_not_end_it(session: Session, cast: Cast) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "ask", "2026-10-13 09:00", items=["缺页"])  # five working days: to the 20th
    with pytest.raises(Conflict, match="2026-10-20 24时届满"):
        cast.fires(case, "reviewer", "lapse", "2026-10-20 18:00")
    with pytest.raises(Conflict, match="区住房和建设部门要求"):
        cast.fires(case, "clerk", "lapse", "2026-10-21 09:00")
    cast.fires(case, "reviewer", "lapse", "2026-10-21 09:00")
    assert case.stage == "planning" and case.is_open and not case.is_paused


def test_a_first_payment_is_asked_for_with_a_day_that_is_still_to_come(cast: Cast) -> None:
    case = at_planning(cast)
    stated = PLAN | {
        "budget": "168000",
        "cost_reviewer": "深圳中正造价",
        "rectification": "深消整〔2026〕第5号",
        "finish_by": "2026-10-20",
    }
    cast.fires(case, "agent", "plan", "2026-10-12 11:00", **stated)
    cast.fires(case, "committee", "agree", "2026-10-12 14:00", opinion="同意")
    for when, stated in (("2026-10-21 09:00", {}), ("2026-10-21 09:00", {"finish_by": "2026-10-20"})):
        with pytest.raises(Invalid) as refusal:
            cast.fires(case, "agent", "submit", when, entry="WXZJ-1", **stated)
        assert refusal.value.field == "finish_by"
    cast.fires(case, "agent", "submit", "2026-10-21 09:00", entry="WXZJ-1", finish_by="2026-11-20")
    assert case.stage == "first_review" and case.details["finish_by"] == "2026-11-20"


def test_a_refused_first_payment_goes_back_to_the_plan_with_its_reason(session: Session, cast: Cast) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "refuse", "2026-10-13 09:00", reason="轿厢装饰与险情无关")
    shift(session, "2026-10-13 09:01")
    assert case.stage == "planning" and papers(session, case)[-1] == "不予划拨首期款决定书"
    cast.fires(case, "agent", "plan", "2026-10-14 09:00", **PLAN | {"budget": "60000"})
    cast.fires(case, "committee", "agree", "2026-10-14 10:00", opinion="同意")
    assert case.stage == "works" and case.details["track"] == "T2"


def test_works_given_up_are_refunded_or_end_where_nothing_was_paid(session: Session, cast: Cast) -> None:
    case = at_works(cast)
    with pytest.raises(Invalid, match="超过已拨付的 0.00 元"):
        cast.fires(case, "agent", "cancel", "2026-10-13 09:00", reason="厂家免费更换", owed="1")
    cast.fires(case, "agent", "cancel", "2026-10-13 09:00", reason="厂家免费更换")
    assert case.outcome == "取消"
    dear = at_first_review(cast)
    cast.fires(dear, "reviewer", "approve", "2026-10-13 09:00", amount="84000")
    cast.fires(dear, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-14")
    cast.fires(dear, "agent", "cancel", "2026-10-15 09:00", reason="厂家免费更换", owed="12000")
    assert dear.stage == "refund"
    cast.fires(dear, "reviewer", "returned", "2026-10-19 09:00", amount="72000", returned_on="2026-10-19")
    shift(session, "2026-10-19 09:01")
    assert "应急工程取消告知书" in papers(session, case) and "应急工程取消告知书" in papers(session, dear)


def test_works_given_up_that_used_all_that_was_paid_are_published(cast: Cast) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount="84000")
    cast.fires(case, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-14")
    cast.fires(case, "agent", "cancel", "2026-10-15 09:00", reason="其余厂家免费", owed="84000")
    assert case.stage == "publication" and case.details["settlement"] == 8_400_000


def test_the_company_may_withdraw_until_money_is_paid_but_not_before_it_is_safe(session: Session, cast: Cast) -> None:
    case = reports(cast, "2026-10-12 09:00")
    with pytest.raises(Conflict, match="不能“撤回”"):
        cast.fires(case, "agent", "withdraw", "2026-10-12 09:10", reason="误报")
    cast.fires(case, "agent", "secure", "2026-10-12 09:30", measures="停梯")
    cast.fires(case, "agent", "withdraw", "2026-10-12 09:40", reason="误报")
    shift(session, "2026-10-12 09:41")
    assert case.outcome == "撤回" and papers(session, case)[-1] == "撤回确认书"
    own = at_works(cast)
    cast.fires(own, "agent", "finished", "2026-10-14 16:00")
    cast.fires(own, "committee", "passed", "2026-10-14 17:00", opinion="合格")
    cast.fires(own, "agent", "withdraw", "2026-10-15 09:00", reason="物业自行承担")
    assert own.outcome == "撤回"
    dear = at_first_review(cast)
    cast.fires(dear, "reviewer", "approve", "2026-10-13 09:00", amount="84000")
    cast.fires(dear, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-14")
    cast.fires(dear, "agent", "finished", "2026-10-26 09:00")
    cast.fires(dear, "committee", "passed", "2026-10-26 15:00", opinion="合格")
    with pytest.raises(Conflict, match=r"已拨付 84,000\.00 元，不能撤回"):
        cast.fires(dear, "agent", "withdraw", "2026-10-27 09:00", reason="算了")


def test_an_order_at_the_plan_is_met_by_the_plan_and_one_at_the_works_by_finishing(
    session: Session, cast: Cast
) -> None:
    case = at_planning(cast)  # three working days: 13th, 14th, 15th of October
    order = {"demand": "提交方案", "order_by": "2026-10-19"}
    with pytest.raises(Conflict, match="2026-10-16 00:00 届满"):
        cast.fires(case, "reviewer", "direct", "2026-10-15 18:00", **order)
    cast.fires(case, "reviewer", "direct", "2026-10-16 09:00", **order)
    with pytest.raises(Conflict, match="现在不能“完工”"):
        cast.fires(case, "agent", "finished", "2026-10-16 10:00")
    cast.fires(case, "agent", "plan", "2026-10-19 09:00", **PLAN)
    cast.fires(case, "committee", "agree", "2026-10-19 10:00", opinion="同意")
    cast.fires(case, "clerk", "order", "2026-11-02 09:00", demand="尽快完工", order_by="2026-11-06")
    cast.fires(case, "agent", "finished", "2026-11-05 09:00")
    assert case.stage == "acceptance"
    shift(session, "2026-11-05 09:01")
    orders = session.scalars(
        select(Document).where(col(Document.kind) == "rectification_order").order_by(col(Document.id))
    )
    assert [(one.facts["issuer"], one.facts["event"]["basis"]) for one in orders] == [
        ("福田区住房和建设局", "住宅专项维修资金管理办法（建设部、财政部令第165号）第二十四条"),
        ("福田区莲花街道办事处", "“可以责令限期处置的机关”的规定（本单位自定，未核实）"),
    ]


def test_an_office_may_leave_orders_to_the_district(cast: Cast) -> None:
    new_rule(
        cast, "2026-10-10 09:00", id="emergency.orders", value="list:区住房和建设部门", effective_from="2026-10-12"
    )
    case = at_planning(cast)
    order = {"demand": "提交方案", "order_by": "2026-10-19"}
    with pytest.raises(Conflict, match="由区住房和建设部门作出"):
        cast.fires(case, "clerk", "order", "2026-10-16 09:00", **order)
    cast.fires(case, "reviewer", "direct", "2026-10-16 09:00", **order)
    assert case.stage == "ordered"


def test_where_there_is_no_committee_the_residents_committee_signs(session: Session, cast: Cast) -> None:
    cast.estate.committee_id = None
    session.flush()
    case = reports(cast, "2026-10-12 09:00")
    cast.fires(case, "agent", "secure", "2026-10-12 09:30", measures="停梯")
    assert case.stage == "verify" and case.desk == "residents"
    with pytest.raises(Forbidden):
        cast.fires(case, "committee", "confirm", "2026-10-12 10:00", opinion="属实")
    cast.fires(case, "residents", "confirm", "2026-10-12 10:00", opinion="属实")
    cast.fires(case, "agent", "plan", "2026-10-12 11:00", **PLAN)
    cast.fires(case, "residents", "agree", "2026-10-12 12:00", opinion="同意")
    shift(session, "2026-10-12 12:01")
    opinions = session.scalars(
        select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.id))
    ).all()
    assert [one.title for one in opinions] == ["险情报告登记回执", "应急情形认定意见书", "应急维修方案意见书"]
    assert {one.facts["issuer"] for one in opinions[1:]} == {"莲花街道北社区居民委员会"}
    assert opinions[0].facts["copies"] == ["莲花街道北社区居民委员会"]
    assert "本单位自定" in opinions[1].facts["event"]["without_committee"]
    assert session.scalars(select(Trouble)).all() == []


def test_a_committee_that_takes_office_signs_what_was_waiting(session: Session, cast: Cast) -> None:
    committee = cast.estate.committee_id
    cast.estate.committee_id = None
    session.flush()
    case = reports(cast, "2026-10-12 09:00")
    cast.fires(case, "agent", "secure", "2026-10-12 09:30", measures="停梯")
    assert case.desk == "residents"
    cast.estate.committee_id = committee
    session.flush()
    follow(session, cast.estate.id or 0, at("2026-10-12 10:00"))
    session.refresh(case)
    assert case.desk == "committee"
    with pytest.raises(Forbidden):
        cast.fires(case, "residents", "confirm", "2026-10-12 11:00", opinion="属实")
    cast.fires(case, "committee", "confirm", "2026-10-12 11:00", opinion="属实")


def test_an_office_may_say_that_somebody_else_signs_without_a_committee(session: Session, cast: Cast) -> None:
    new_rule(
        cast, "2026-10-10 09:00", id="emergency.without_committee", value="list:街道办事处", effective_from="2026-10-12"
    )
    cast.estate.committee_id = None
    session.flush()
    case = reports(cast, "2026-10-12 09:00")
    cast.fires(case, "agent", "secure", "2026-10-12 09:30", measures="停梯")
    with pytest.raises(Conflict, match="意见由街道办事处出具"):
        cast.fires(case, "residents", "confirm", "2026-10-12 10:00", opinion="属实")


def test_only_the_desk_that_holds_it_may_move_it(session: Session, cast: Cast) -> None:
    case = at_planning(cast)
    for who in (
        "owner",
        "residents",
        "payer",
        "supervisor",
        "auditor",
        "admin",
        "stranger",
        "committee",
        "clerk",
        "reviewer",
    ):
        with pytest.raises(Forbidden):
            cast.fires(case, who, "plan", "2026-10-12 11:00", **PLAN)
    asked = case.move(session, cast.agent, at("2026-10-12 11:00"), running_clocks(session, case.id or 0))
    assert [name for name, _ in moves(cast.agent, asked, case.kind)] == ["plan", "withdraw"]


def test_nobody_may_hasten_the_publicity(cast: Cast) -> None:
    case = at_publicity(cast)
    with pytest.raises(Refused):
        cast.fires(case, "agent", "publicity_ends", "2026-11-20 09:00")
    assert case.stage == "publicity" and case.desk == Desk.APPLICANT


def test_a_payment_bears_no_day_that_has_not_come(cast: Cast) -> None:
    case = at_first_review(cast)
    cast.fires(case, "reviewer", "approve", "2026-10-13 09:00", amount="84000")
    with pytest.raises(Invalid, match="不能晚于今天"):
        cast.fires(case, "payer", "paid", "2026-10-14 09:00", paid_on="2026-10-15")


def test_a_missed_hour_is_told_to_the_party_and_the_street(session: Session, cast: Cast) -> None:
    case = reports(cast, "2026-10-12 14:00")
    shift(session, "2026-10-12 14:00", "2026-10-12 15:00", "2026-10-12 16:00", "2026-10-12 18:00", "2026-10-13 08:30")
    steps = [event.name for event in events_of(session, case)]
    assert steps == ["open", "remind", "red_card", "press", "urge"]
    assert papers(session, case) == ["险情报告登记回执", "催办通知书"]
