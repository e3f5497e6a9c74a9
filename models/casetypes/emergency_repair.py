"""应急维修: a hazard is reported, made safe, repaired at once, and paid from the maintenance fund afterwards.

What was chosen where the law leaves it open:

- Anybody may report; whoever does, the case lies with the estate's property company, which must act (条例: 立即采取措施). The
  reporter's name stays in `details["reported_by"]`, and they are answered in writing (回复函) once it is found to be an
  emergency, or none. The law day is the day of the report.
- Owners do not vote beforehand (深府规〔2020〕8号 Art. 25 lists no such material; Civil Code 281).
- Exactly 100,000.00 is in both of Art. 25's tracks (十万元以下 and 十万元以上 include it, Civil Code 1259): the rule
  `emergency.exactly_track_three` says which, shipped as the stricter T3.
- Where there is no committee, the residents' committee gives the opinions a committee gives: `emergency.without_committee`.
- What is done in the company's stead (代修, 165号令 Art. 24) the street organises, whoever ordered it, and charges afterwards,
  whatever the amount: no first payment.
- Where a residents' committee acted (居代业) and no longer does, nobody agrees to a plan, for that alone commits the owners'
  money in a committee's name; what is agreed to already is carried out and paid. Nobody is left in danger meanwhile: the hazard
  is made safe, found to be one and planned for as ever, and the street has the plan carried out (代修).
- That an emergency was abused is found while the result is public or an objection is reviewed. Afterwards, since nothing leaves
  a final stage, the district's head re-opens the case at that review, where it is found.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from statemachine import Event

from ..committees import vacancy
from ..db import write
from ..errors import Invalid
from ..money import yuan
from ..notices import tell
from ..people import Body, Desk, Person
from ..publicity import objections
from ..rules import CONFIDENCE_TITLES, UNNAMED, rulebook
from ..territory import Estate
from ..worktime import OFFICE_ZONE
from .base import CaseType, Cents, Day, Facts, Line, Move, Need, Paper, Paragraph, Period, Reopening, Stage, Wrong
from .payments import Approve, Ask, Cancel, Excluded, Paid, Payments, Reason, Returned, Rework

if TYPE_CHECKING:
    from datetime import datetime

    from ..case import Case, CaseEvent

Situation = Annotated[
    str,
    Field(
        pattern=r"^E\d$",
        title="险情情形",
        json_schema_extra={"format": "rule", "x-rule": "emergency.situations"},
    ),
]


class Secured(Facts):
    measures: Paragraph = Field(title="处置记录", description="警示、隔离、停用等措施")


class Order(Facts):
    demand: Paragraph = Field(title="责令事项")
    order_by: Day = Field(title="责令完成日")


class Opinion(Facts):
    opinion: Paragraph = Field(title="书面意见")


class NotAnEmergency(Reason):
    budget: Cents | None = Field(default=None, gt=0, title="估算金额（元）", description="转日常使用时的预算")


class Plan(Facts):
    """应急维修方案: items, budget, charging scope and allocation standard (Art. 25), and who does it by when."""

    items: list[Line] = Field(title="维修项目", min_length=1, max_length=30)
    budget: Cents = Field(gt=0, title="预算金额（元）")
    scope: Line = Field(title="列支范围")
    allocation: Line = Field(title="分摊标准", description="如按专有部分建筑面积分摊")
    payee: Line = Field(title="收款单位（施工单位）")
    finish_by: Day = Field(title="竣工日")
    cost_reviewer: Line | None = Field(
        default=None, title="预算审核的造价咨询机构", description="先拨首期款的，须审核预算"
    )
    rectification: Line | None = Field(
        default=None, title="整改通知书文号", description="有关部门已发整改通知书的，不再由街道审核"
    )
    warranty_expired: bool = Field(title="保修期已满")
    excluded: Excluded


class Submit(Facts):
    entry: Line = Field(title="维修资金管理系统登记编号", description="录入方案并核对预分摊")
    payee: Line | None = Field(default=None, title="收款单位（施工单位）")
    finish_by: Day | None = Field(default=None, title="竣工日")


class Resubmit(Facts):
    answer: Paragraph | None = Field(default=None, title="补正说明")
    payee: Line | None = Field(default=None, title="收款单位（施工单位）")
    finish_by: Day | None = Field(default=None, title="竣工日")


class Repaired(Facts):
    accepted_by: Line = Field(title="验收人")


class Settlement(Facts):
    settlement: Cents = Field(gt=0, title="结算金额（元）", description="含已拨付的首期款")
    reviewer: Line | None = Field(default=None, title="结算审核的造价咨询机构")
    payee: Line | None = Field(default=None, title="收款单位")


class Publish(Facts):
    places: list[Line] = Field(title="公示地点", min_length=1, max_length=10)


class Answer(Facts):
    answer: Paragraph = Field(title="复核意见")


class Finding(Reason):
    amount: Cents = Field(default=0, title="应退回金额（元）")


COMMITS = ("nobody_commits", "residents_may_not_sign")
"""What stands in the way of agreeing to a plan in a committee's name."""


class EmergencyRepair(Payments, CaseType):
    """应急维修: a hazard in the common parts is repaired before anybody votes (Civil Code 281; 深府规〔2020〕8号 Art. 25)."""

    title = "应急维修"
    prefix = "YJ"
    precedence = 2
    opened_by = ("company", "committee", "residents_committee", "owners")
    without_committee = Desk.RESIDENTS
    signers = "emergency.without_committee"
    consults = (
        "emergency.situations",
        "emergency.orders",
        "emergency.without_committee",
        "emergency.track_two",
        "emergency.track_three",
        "emergency.exactly_track_three",
        "emergency.first_share",
    )

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        situation: Situation
        works: Line = Field(title="险情部位和内容")
        account: Paragraph | None = Field(default=None, title="发现时间和经过")

    # --- stages: the report is the opening; E1 to E10 of the procedure follow ---

    safe = Stage(
        "临时处置",
        desk=Desk.APPLICANT,
        also=(Desk.STREET, Desk.DISTRICT),
        deadline="emergency.make_safe",
        needs=(Need("险情照片"), Need("处置记录")),
        initial=True,
    )
    ordered = Stage(
        "责令处置",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        deadline="emergency.order",
        needs=(Need("送达回证"),),
    )
    substitute = Stage("代修", desk=Desk.STREET, deadline="emergency.works", needs=(Need("施工合同"), Need("验收记录")))
    charging = Stage(
        "代修费用列支申请",
        desk=Desk.STREET,
        deadline="emergency.charging",
        needs=(Need("结算审核报告"), Need("合法票据"), Need("责令和代修文书", by="sharing")),
    )
    verify = Stage(
        "核实认定",
        desk=Desk.COMMITTEE,
        also=(Desk.STREET, Desk.APPLICANT),
        deadline="emergency.verify",
        needs=(Need("现场记录"),),
    )
    street_check = Stage("街道核实", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="emergency.street_check")
    planning = Stage(
        "应急方案",
        desk=Desk.APPLICANT,
        also=(Desk.STREET, Desk.DISTRICT),
        deadline="emergency.plan",
        needs=(Need("应急维修方案"), Need("预算审核报告"), Need("整改通知书"), Need("房屋权属信息", by="sharing")),
    )
    opinion = Stage(
        "方案意见",
        desk=Desk.COMMITTEE,
        also=(Desk.APPLICANT, Desk.STREET),
        deadline="emergency.opinion",
        needs=(Need("业主委员会书面意见"),),
    )
    street_opinion = Stage(
        "街道审核意见", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="emergency.street_opinion"
    )
    application = Stage(
        "申请首期款",
        desk=Desk.APPLICANT,
        waits_on="applicant",
        needs=(Need("施工合同"), Need("申请表"), Need("预分摊核对结果", by="sharing")),
    )
    correction = Stage(
        "补正",
        desk=Desk.APPLICANT,
        also=(Desk.STREET, Desk.DISTRICT),
        deadline="emergency.correction",
        holds_asker=True,
    )
    first_review = Stage(
        "首期款审核",
        desk=Desk.DISTRICT,
        also=(Desk.APPLICANT,),
        deadline="emergency.first_review",
        pause="emergency.review_pause",
        extension="emergency.review_extension",
    )
    first_payment = Stage("首期款拨付", desk=Desk.CITY, deadline="emergency.payment")
    works = Stage(
        "应急施工",
        desk=Desk.APPLICANT,
        also=(Desk.STREET, Desk.DISTRICT),
        deadline="emergency.works",
        needs=(Need("施工记录"),),
    )
    acceptance = Stage("验收", desk=Desk.COMMITTEE, deadline="emergency.acceptance", needs=(Need("验收记录"),))
    settlement = Stage(
        "结算和申请",
        desk=Desk.APPLICANT,
        waits_on="applicant",
        needs=(Need("结算审核报告"), Need("合法票据"), Need("业主委员会书面意见"), Need("分摊结果", by="sharing")),
    )
    final_review = Stage(
        "核销（尾款）审核",
        desk=Desk.DISTRICT,
        deadline="emergency.final_review",
        pause="emergency.review_pause",
        extension="emergency.review_extension",
    )
    final_payment = Stage("核销（尾款）拨付", desk=Desk.CITY, deadline="emergency.payment")
    publication = Stage(
        "结果公布",
        desk=Desk.APPLICANT,
        also=(Desk.COMMITTEE, Desk.STREET),
        deadline="emergency.publication",
        needs=(Need("使用及分摊公布材料"),),
    )
    publicity = Stage(
        "结果公示",
        desk=Desk.APPLICANT,
        also=(Desk.COMMITTEE, Desk.STREET, Desk.DISTRICT),
        periods=(Period("emergency.publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    objection_review = Stage("异议复核", desk=Desk.DISTRICT, deadline="emergency.objection")
    refund = Stage("退款", desk=Desk.DISTRICT, deadline="emergency.refund")
    closed = Stage("办结", final=True)

    # --- moves ---

    secure = Event(safe.to(verify) | ordered.to(verify, cond="ordered_at_safe"), name="已临时处置")
    order = Event(
        safe.to(ordered, unless=("street_may_not_order", "party_has_time", "order_day_is_past"), on="set_order")
        | planning.to(ordered, unless=("street_may_not_order", "party_has_time", "order_day_is_past"), on="set_order")
        | works.to(ordered, unless=("street_may_not_order", "party_has_time", "order_day_is_past"), on="set_order"),
        name="街道责令",
    )
    direct = Event(
        safe.to(ordered, unless=("party_has_time", "order_day_is_past"), on="set_order")
        | planning.to(ordered, unless=("party_has_time", "order_day_is_past"), on="set_order")
        | works.to(ordered, unless=("party_has_time", "order_day_is_past"), on="set_order"),
        name="区住建部门责令",
    )
    replace = Event(
        ordered.to(
            substitute,
            unless=("order_still_runs", "excluded_item", "budget_not_reviewed", "finish_day_is_past"),
            on="set_substitute",
        )
        | opinion.to(
            substitute,
            cond="nobody_may_agree",
            unless=("excluded_item", "budget_not_reviewed", "finish_day_is_past"),
            on="set_substitute",
        ),
        name="组织代修",
    )  # fmt: skip
    repaired = Event(substitute.to(charging), name="代修完成")
    charge = Event(
        charging.to(final_review, unless=("settlement_above_budget", "settlement_not_reviewed"), on="set_settled"),
        name="申请列支代修费用",
    )
    confirm = Event(
        verify.to(planning, unless="residents_may_not_sign", on=("note_signer", "name_reporter")), name="认定属应急"
    )
    doubt = Event(verify.to(street_check, unless="residents_may_not_sign", on="note_signer"), name="认为不属应急")
    certify = Event(street_check.to(planning, on="name_reporter"), name="街道认定属应急")
    not_emergency = Event(
        verify.to(closed, unless="budget_unknown", on=("send_to_daily_use", "name_reporter"))
        | street_check.to(closed, unless="budget_unknown", on=("send_to_daily_use", "name_reporter"))
        | street_opinion.to(closed, unless="budget_unknown", on=("send_to_daily_use", "name_reporter"))
        | first_review.to(closed, unless="budget_unknown", on=("send_to_daily_use", "name_reporter")),
        name="认定不属应急，转日常使用",
    )
    plan = Event(
        planning.to(opinion, unless=("excluded_item", "budget_not_reviewed", "finish_day_is_past"), on="set_plan")
        | ordered.to(
            opinion,
            cond="ordered_at_planning",
            unless=("excluded_item", "budget_not_reviewed", "finish_day_is_past"),
            on="set_plan",
        ),
        name="提交应急方案",
    )
    agree = Event(
        opinion.to(works, cond="is_written_off", unless=COMMITS, on="note_signer")
        | opinion.to(application, cond="by_instalments_with_notice", unless=COMMITS, on="note_signer")
        | opinion.to(street_opinion, cond="by_instalments_without_notice", unless=COMMITS, on="note_signer"),
        name="同意方案",
    )
    send_back = Event(opinion.to(planning, unless="residents_may_not_sign"), name="退回方案")
    endorse = Event(street_opinion.to(application), name="出具审核意见")
    submit = Event(
        application.to(
            first_review,
            unless=("finish_day_is_past", "plans_finish_day_is_past"),
            on=("set_contract", "check_allocation"),
        ),
        name="申请首期款",
    )
    ask = Event(
        street_opinion.to(correction, unless="asked_before", on="remember_asker")
        | first_review.to(correction, unless="asked_before", on="remember_asker")
        | final_review.to(correction, unless=("asked_before", "street_applied"), on="remember_asker"),
        name="要求补正",
    )
    resubmit = Event(
        correction.to(street_opinion, cond="asked_by_street_opinion", unless="finish_day_is_past", on="set_contract")
        | correction.to(first_review, cond="asked_by_first_review", unless="finish_day_is_past", on="set_contract")
        | correction.to(final_review, cond="asked_by_final_review", on="set_contract"),
        name="提交补正",
    )
    lapse = Event(
        correction.to(
            settlement, cond="asked_by_final_review", unless=("not_the_asking_desk", "correction_not_overdue")
        )
        | correction.to(
            planning, cond="asked_before_payment", unless=("not_the_asking_desk", "correction_not_overdue")
        ),
        name="逾期未补正，退回",
    )
    refuse = Event(
        street_opinion.to(planning)
        | first_review.to(planning)
        | final_review.to(charging, cond="is_substituted")
        | final_review.to(settlement, cond="is_not_substituted"),
        name="不予通过",
    )
    approve = Event(
        first_review.to(first_payment, unless=("first_amount_wrong", "balances_short"), on="set_first_payment")
        | final_review.to(
            final_payment,
            cond=("by_instalments", "something_remains"),
            unless=("final_amount_wrong", "balances_short"),
            on="set_final_payment",
        )
        | final_review.to(publication, cond=("by_instalments", "nothing_remains"), unless="final_amount_wrong"),
        name="同意划拨",
    )
    write_off = Event(
        final_review.to(
            final_payment,
            cond=("is_written_off", "something_remains"),
            unless=("final_amount_wrong", "balances_short"),
            on="set_final_payment",
        )
        | final_review.to(publication, cond=("is_written_off", "nothing_remains"), unless="final_amount_wrong"),
        name="同意核销",
    )
    paid = Event(
        first_payment.to(works, unless=("paid_in_future", "balances_short"), on="book_payment")
        | final_payment.to(publication, unless=("paid_in_future", "balances_short"), on="book_payment"),
        name="已拨付",
    )
    bounced = Event(
        first_payment.to(first_review, on="unset_payment") | final_payment.to(final_review, on="unset_payment"),
        name="退票",
    )
    finished = Event(works.to(acceptance) | ordered.to(acceptance, cond="ordered_at_works"), name="完工")
    cancel = Event(
        works.to(refund, cond="owes_less_than_paid", unless="owed_above_paid", on="settle_cancelled")
        | works.to(publication, cond="owes_what_was_paid", on="settle_cancelled")
        | works.to(closed, cond="was_paid_nothing", unless="owed_above_paid", on="settle_cancelled"),
        name="取消工程",
    )
    passed = Event(acceptance.to(settlement, unless="residents_may_not_sign", on="note_signer"), name="验收通过")
    rework = Event(
        acceptance.to(works, unless=("residents_may_not_sign", "finish_day_is_past"), on="set_contract"), name="返工"
    )
    apply = Event(
        settlement.to(final_review, unless=("settlement_above_budget", "settlement_not_reviewed"), on="set_settled"),
        name="申请核销（尾款）",
    )
    publish = Event(publication.to(publicity, on="set_places"), name="公布结果")
    publicity_ends = Event(
        publicity.to(objection_review, cond="objection_is_open")
        | publicity.to(refund, cond=("no_objection_is_open", "paid_too_much"))
        | publicity.to(closed, cond=("no_objection_is_open", "paid_exactly")),
        name="公示期满",
    )
    dismiss = Event(
        objection_review.to(refund, cond="paid_too_much", on="answer_objections")
        | objection_review.to(closed, cond="paid_exactly", on="answer_objections"),
        name="异议不成立",
    )
    uphold = Event(
        objection_review.to(charging, cond="is_substituted", unless="was_never_paid", on="answer_objections")
        | objection_review.to(settlement, cond="is_not_substituted", unless="was_never_paid", on="answer_objections"),
        name="异议成立，更正",
    )
    find_abuse = Event(
        publicity.to(refund, cond="finding_returns_money", unless="finding_amount_wrong", on="record_finding")
        | publicity.to(closed, cond="finding_returns_nothing", unless="finding_amount_wrong", on="record_finding")
        | objection_review.to(refund, cond="finding_returns_money", unless="finding_amount_wrong", on="record_finding")
        | objection_review.to(
            closed, cond="finding_returns_nothing", unless="finding_amount_wrong", on="record_finding"
        ),
        name="认定滥用应急使用",
    )
    returned = Event(refund.to(closed, unless="returns_another_amount", on="book_refund"), name="已退回")
    withdraw = Event(
        verify.to(closed)
        | street_check.to(closed)
        | planning.to(closed)
        | opinion.to(closed)
        | street_opinion.to(closed)
        | application.to(closed)
        | first_review.to(closed)
        | correction.to(closed, cond="asked_before_payment")
        | settlement.to(closed, unless="something_was_paid"),
        name="撤回",
    )

    facts = {
        "secure": Secured, "order": Order, "direct": Order, "replace": Plan, "repaired": Repaired, "charge": Settlement,
        "confirm": Opinion, "doubt": Opinion, "certify": Opinion, "not_emergency": NotAnEmergency, "plan": Plan,
        "agree": Opinion, "send_back": Reason, "endorse": Opinion, "submit": Submit, "ask": Ask, "resubmit": Resubmit,
        "lapse": Facts, "refuse": Reason, "approve": Approve, "write_off": Approve, "paid": Paid, "bounced": Reason,
        "finished": Facts, "cancel": Cancel, "passed": Opinion, "rework": Rework, "apply": Settlement, "publish": Publish,
        "dismiss": Answer, "uphold": Answer, "find_abuse": Finding, "returned": Returned,
        "withdraw": Reason,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {
            "secure", "plan", "submit", "resubmit", "finished", "cancel", "apply", "publish", "withdraw",
        },
        Desk.COMMITTEE: {"confirm", "doubt", "agree", "send_back", "passed", "rework", "publish"},
        Desk.STREET: {
            "order", "replace", "repaired", "charge", "certify", "not_emergency", "endorse", "ask", "refuse", "lapse", "publish",
        },
        Desk.DISTRICT: {
            "direct", "not_emergency", "ask", "refuse", "lapse", "approve", "write_off", "dismiss", "uphold", "find_abuse",
            "returned",
        },
        Desk.CITY: {"paid", "bounced"},
    }  # fmt: skip

    paper = {
        "open": {"safe": Paper("hazard_receipt", copies=(Desk.COMMITTEE,))},
        "order": Paper("rectification_order", by=Desk.STREET, copies=(Desk.COMMITTEE, Desk.DISTRICT)),
        "direct": Paper("rectification_order", by=Desk.DISTRICT, copies=(Desk.COMMITTEE, Desk.STREET)),
        "replace": Paper("substitute_notice", by=Desk.STREET, copies=(Desk.COMMITTEE, Desk.DISTRICT)),
        "confirm": Paper("class_opinion", by=Desk.COMMITTEE, copies=(Desk.STREET,)),
        "certify": Paper("class_opinion", copies=(Desk.COMMITTEE,)),
        "not_emergency": Paper("not_emergency_notice", copies=(Desk.COMMITTEE,)),
        "agree": Paper("plan_opinion", by=Desk.COMMITTEE, copies=(Desk.STREET,)),
        "endorse": Paper("street_opinion", copies=(Desk.COMMITTEE, Desk.DISTRICT)),
        "ask": Paper("emergency_correction"),
        "lapse": Paper("emergency_lapse"),
        "refuse": {
            "planning": Paper("emergency_refusal"),
            "settlement": Paper("emergency_refusal"),
            "charging": Paper("emergency_refusal", to=Desk.STREET),
        },
        "approve": {
            "first_payment": Paper("emergency_transfer", to=Desk.CITY, copies=(Desk.APPLICANT,)),
            "final_payment": Paper("emergency_transfer", to=Desk.CITY, copies=(Desk.APPLICANT,)),
            "publication": Paper("emergency_settlement", copies=(Desk.COMMITTEE,)),
        },
        "write_off": {
            "final_payment": Paper("write_off_notice", to=Desk.CITY, copies=(Desk.APPLICANT, Desk.STREET)),
            "publication": Paper("emergency_settlement", copies=(Desk.COMMITTEE,)),
        },
        "paid": Paper("emergency_payment", copies=(Desk.DISTRICT,)),
        "bounced": Paper("emergency_bounced", copies=(Desk.DISTRICT,)),
        "cancel": Paper("emergency_cancel", by=Desk.DISTRICT),
        "passed": Paper("acceptance_opinion", by=Desk.COMMITTEE),
        "rework": Paper("emergency_rework", by=Desk.COMMITTEE),
        "publish": Paper("publication_notice", by=Desk.APPLICANT, to=Desk.STREET, copies=(Desk.COMMITTEE, Desk.DISTRICT)),
        "publicity_ends": {
            "closed": Paper("emergency_conclusion", by=Desk.DISTRICT, copies=(Desk.COMMITTEE, Desk.STREET)),
            "refund": Paper("refund_demand", by=Desk.DISTRICT, copies=(Desk.COMMITTEE,)),
        },
        "dismiss": Paper("objection_reply", copies=(Desk.COMMITTEE, Desk.STREET)),
        "uphold": Paper("objection_upheld", copies=(Desk.COMMITTEE, Desk.STREET)),
        "find_abuse": Paper("abuse_finding", by=Desk.DISTRICT, copies=(Desk.COMMITTEE, Desk.STREET)),
        "returned": Paper("emergency_refund", copies=(Desk.COMMITTEE,)),
        "withdraw": Paper("emergency_withdrawal", copies=(Desk.COMMITTEE,)),
    }  # fmt: skip

    replies = dict.fromkeys(("confirm", "certify", "not_emergency"), Paper("report_reply", names="reporter"))

    outcomes = {
        "not_emergency": "不属应急，转日常使用", "cancel": "取消", "publicity_ends": "办结", "dismiss": "办结",
        "find_abuse": "认定滥用", "returned": "退款办结", "withdraw": "撤回",
    }  # fmt: skip

    enterable_afterwards = {
        "open", "secure", "submit", "resubmit", "repaired", "paid", "finished", "passed", "returned", "withdraw",
    }  # fmt: skip

    reopening = Reopening("objection_review")

    @classmethod
    def opening(cls, session: Session, case: "Case") -> None:
        """Raises `Invalid` for a situation that the list of the law day does not have, or has no name for."""
        if "reported_by" in case.details:
            return
        rule = rulebook(session).in_force("emergency.situations", case.law_day, case.path)
        code = case.details["situation"]
        words = rule.named.get(code)
        if words is None:
            why = "尚未核实名称，不能选用" if f"{code} {UNNAMED}" in rule.entries else "不在清单之内"
            known = "、".join(f"{known} {name}" for known, name in rule.named.items())
            raise Invalid(f"险情情形：{code} {why}；现可以选用的是：{known}（{rule.source}）。", field="situation")
        reporter = session.get_one(Body, case.applicant_id)
        case.details = case.details | {"situation_name": words, "reported_by": reporter.name}
        estate = session.get(Estate, case.estate_id) if case.estate_id else None
        if estate and estate.company_id:
            case.applicant_id = estate.company_id

    @classmethod
    def afterwards(cls, session: Session, case: "Case", event: "CaseEvent", at: "datetime") -> None:
        """The committee and the street hear of a hazard at once (条例: 报告业主委员会和街道办事处)."""
        if event.name != "open" or event.to_stage != cls.safe.id:
            return
        from ..access import people_at

        day = at.astimezone(OFFICE_ZONE).date()
        desks = (case.seat(Desk.COMMITTEE), Desk.STREET)
        told = (one.id for desk in desks for one in people_at(session, case, desk, day))
        what = f"{case.number} {case.place}险情报告：{case.details['works']}（{case.details['situation_name']}）。"
        tell(session, event, told, what, at, urgent=True)

    # --- obstacles: the sentence a refused person reads ---

    def party_has_time(self, move: Move) -> str | None:
        clock = move.running("deadline")
        if clock is None or move.at >= clock.due_at:
            return None
        until = f"{clock.due_at.astimezone(OFFICE_ZONE):%Y-%m-%d %H:%M}"
        return f"“{self.stage(move.stage).title}”的期限至 {until} 届满，届满前不能责令。"

    def street_may_not_order(self, move: Move) -> str | None:
        rule = move.rule("emergency.orders")
        if Desk.STREET.title in rule.entries:
            return None
        return f"责令由{'、'.join(rule.entries)}作出（{rule.source}），街道办事处不能作出。"

    def order_day_is_past(self, move: Move) -> str | None:
        day = move.facts and move.facts.order_by
        return Wrong("order_by", f"责令完成日 {day} 不能早于今天。") if day and day < move.today else None

    def order_still_runs(self, move: Move) -> str | None:
        clock = move.running("deadline")
        return f"责令的期限至 {clock.due_day} 24时届满，届满前不能代修。" if clock and move.at < clock.due_at else None

    def budget_unknown(self, move: Move) -> str | None:
        unknown = move.facts is not None and move.facts.budget is None and not move.case.details.get("budget")
        return Wrong("budget", "转日常使用须有估算金额，请填写。") if unknown else None

    def budget_not_reviewed(self, move: Move) -> str | None:
        facts = move.facts
        if facts is None or facts.cost_reviewer or _track(move, facts.budget) != "T3":
            return None
        least = move.rule("emergency.track_three")
        return Wrong(
            "cost_reviewer",
            f"预算 {yuan(facts.budget)} 元达到 {least.chinese}，须由造价咨询机构审核预算（{least.source}{least.article}）。",
        )

    def plans_finish_day_is_past(self, move: Move) -> str | None:
        if move.facts is None or move.facts.finish_by:
            return None
        day = move.case.details["finish_by"]
        past = day < move.today.isoformat()
        return Wrong("finish_by", f"方案的竣工日 {day} 已过，请填写新的竣工日。") if past else None

    def street_applied(self, move: Move) -> str | None:
        return (
            "代修费用由街道办事处申请列支，不作补正；不符合要求的，可以不予通过并说明理由。"
            if self.is_substituted(move)
            else None
        )

    def first_amount_wrong(self, move: Move) -> str | None:
        amount, budget = move.facts and move.facts.amount, move.case.details["budget"]
        if move.facts is None:
            return None
        if not amount:
            return Wrong("amount", "请填写首期款金额。")
        rule = move.rule("emergency.first_share")
        if amount <= budget * rule.share:
            return None
        most = f"首期款不得超过预算 {yuan(budget)} 元的{rule.value}（{rule.source}{rule.article}）"
        return Wrong("amount", f"{most}，填写的是 {yuan(amount)} 元。")

    def settlement_above_budget(self, move: Move) -> str | None:
        settlement, budget = move.facts and move.facts.settlement, move.case.details["budget"]
        if settlement and settlement > budget:
            over = f"结算金额 {yuan(settlement)} 元超过应急维修方案的预算 {yuan(budget)} 元"
            return Wrong("settlement", f"{over}，超出部分不能列支。")
        return None

    def settlement_not_reviewed(self, move: Move) -> str | None:
        if move.facts is None or move.facts.reviewer or move.case.details["track"] == "T1":
            return None
        least = move.rule("emergency.track_two")
        return Wrong(
            "reviewer", f"预算达到 {least.chinese}的，结算须由造价咨询机构审核（{least.source}{least.article}）。"
        )

    def something_was_paid(self, move: Move) -> str | None:
        paid = move.case.details.get("paid", 0)
        return f"已拨付 {yuan(paid)} 元，不能撤回，请结算。" if paid else None

    def was_never_paid(self, move: Move) -> str | None:
        return None if move.case.details.get("paid") else "本件没有拨付过资金，没有可以更正的结算。"

    def finding_amount_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        amount, paid = move.facts.amount, move.case.details.get("paid", 0)
        least = max(paid - move.case.details.get("settlement", paid), 0)
        if least <= amount <= paid:
            return None
        return Wrong("amount", f"应退回金额须在 {yuan(least)} 元（结算后多拨的）至 {yuan(paid)} 元（已拨付的）之间。")

    def nobody_commits(self, move: Move) -> str | None:
        nobody = vacancy(move.session, move.case.estate_id)
        return nobody and f"{nobody}险情需要立即维修的，由街道办事处组织代修（住宅专项维修资金管理办法第二十四条）。"

    # --- which branch ---

    def nobody_may_agree(self, move: Move) -> bool:
        return self.nobody_commits(move) is not None

    def ordered_at_safe(self, move: Move) -> bool:
        return move.case.details.get("ordered_at") == "safe"

    def ordered_at_planning(self, move: Move) -> bool:
        return move.case.details.get("ordered_at") == "planning"

    def ordered_at_works(self, move: Move) -> bool:
        return move.case.details.get("ordered_at") == "works"

    def is_substituted(self, move: Move) -> bool:
        return bool(move.case.details.get("is_substituted"))

    def is_not_substituted(self, move: Move) -> bool:
        return not self.is_substituted(move)

    def by_instalments(self, move: Move) -> bool:
        return move.case.details.get("track") == "T3" and not self.is_substituted(move)

    def is_written_off(self, move: Move) -> bool:
        return not self.by_instalments(move)

    def by_instalments_with_notice(self, move: Move) -> bool:
        return self.by_instalments(move) and bool(move.case.details.get("rectification"))

    def by_instalments_without_notice(self, move: Move) -> bool:
        return self.by_instalments(move) and not move.case.details.get("rectification")

    def asked_by_street_opinion(self, move: Move) -> bool:
        return move.case.details.get("asked_by") == "street_opinion"

    def asked_by_first_review(self, move: Move) -> bool:
        return move.case.details.get("asked_by") == "first_review"

    def owes_less_than_paid(self, move: Move) -> bool:
        return bool(move.case.details.get("paid")) and not self.owes_what_was_paid(move)

    def owes_what_was_paid(self, move: Move) -> bool:
        paid = move.case.details.get("paid", 0)
        return bool(move.facts and paid and move.facts.owed == paid)

    def was_paid_nothing(self, move: Move) -> bool:
        return not move.case.details.get("paid")

    def objection_is_open(self, move: Move) -> bool:
        return bool(objections(move.session, move.case.id, unanswered=True))

    def no_objection_is_open(self, move: Move) -> bool:
        return not self.objection_is_open(move)

    def finding_returns_money(self, move: Move) -> bool:
        return bool(move.facts and move.facts.amount)

    def finding_returns_nothing(self, move: Move) -> bool:
        return not self.finding_returns_money(move)

    # --- what is remembered ---

    def set_order(self, move: Move) -> None:
        """A street has no article to name, only the office's own arrangement (`emergency.orders`)."""
        move.details["order_by"] = move.facts.order_by.isoformat()
        move.details["ordered_at"] = move.case.stage
        law, own = move.rule("emergency.order"), move.rule("emergency.orders")
        by_district = move.name == "direct"
        move.record["basis"] = (
            f"{law.source}{law.article}"
            if by_district
            else f"“{own.title}”的规定（{own.source}，{CONFIDENCE_TITLES[own.confidence]}）"
        )

    def set_plan(self, move: Move) -> None:
        move.details.pop("rectification", None)
        move.details.update(
            move.facts.model_dump(mode="json", exclude={"warranty_expired", "excluded"}, exclude_none=True)
        )
        move.details["track"] = move.record["track"] = _track(move, move.facts.budget)

    def set_substitute(self, move: Move) -> None:
        self.set_plan(move)
        move.details["is_substituted"] = True

    def set_contract(self, move: Move) -> None:
        move.details.update(
            move.facts.model_dump(mode="json", include={"entry", "payee", "finish_by"}, exclude_none=True)
        )

    def name_reporter(self, move: Move) -> None:
        """Whoever reported it learns in writing what was found, unless they found it themselves or have the case in hand."""
        reporter = Body.named(move.session, move.case.details["reported_by"])
        finds = (
            {post.body_id for hand in move.by.hands for post in hand.posts} if isinstance(move.by, Person) else set()
        )
        if reporter and reporter.id not in finds | {move.case.applicant_id}:
            move.record["reporter"] = reporter.name

    def send_to_daily_use(self, move: Move) -> None:
        budget = move.facts.budget or move.case.details["budget"]
        move.arises("fund_request", why="not_an_emergency", works=move.case.details["works"], budget=budget)

    def set_settled(self, move: Move) -> None:
        move.details.update(move.facts.model_dump(mode="json", exclude_none=True))

    def set_places(self, move: Move) -> None:
        move.details["places"] = move.facts.places

    def answer_objections(self, move: Move) -> None:
        for objection in objections(move.session, move.case.id, unanswered=True):
            write(move.session, objection, answer=move.facts.answer, upheld=move.name == "uphold", answered_at=move.at)

    def record_finding(self, move: Move) -> None:
        for objection in objections(move.session, move.case.id, unanswered=True):
            write(move.session, objection, answer=move.facts.reason, answered_at=move.at)
        move.details["finding"] = move.facts.reason
        move.details["settlement"] = move.details.get("paid", 0) - move.facts.amount


def _track(move: Move, budget: int) -> str:
    """By which of Art. 25's tracks so much is spent: T1 below 20,000.00, T2 from there, T3 from 100,000.00."""
    if budget < move.rule("emergency.track_two").amount:
        return "T1"
    least = move.rule("emergency.track_three").amount
    if budget == least:
        return move.rule("emergency.exactly_track_three").entries[0]
    return "T3" if budget > least else "T2"
