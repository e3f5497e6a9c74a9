"""维修资金使用: an estate asks to spend its maintenance fund, from the site check to the settled account."""

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field
from statemachine import Event

from ..decisions import Roster, decision_for, held
from ..electronic import ElectronicVote
from ..fund_charges import scope_unclear
from ..money import yuan
from ..people import Desk
from ..scope import EVERYBODY
from .base import (
    CaseType,
    Cents,
    Day,
    Facts,
    Line,
    Move,
    Need,
    Paper,
    Paragraph,
    Period,
    Reopening,
    Scope,
    Stage,
    Wrong,
)
from .payments import RESTATED, Approve, Ask, Cancel, Excluded, Paid, Payments, Reason, Returned, Rework


class Plan(Facts):
    warranty_expired: bool = Field(title="保修期已满")
    excluded: Excluded
    site_check: Paragraph | None = Field(default=None, title="现场查勘情况")


class Publish(Facts):
    budget: Cents | None = Field(default=None, title="预算金额（元）")
    notice: Paragraph | None = Field(default=None, title="公示内容")
    scope: Scope | None = Field(default=None, title="列支范围")
    places: list[Line] = Field(default_factory=list, title="公示地点", max_length=10)


class CostReview(Facts):
    reviewer: Line = Field(title="造价咨询机构")


class Decided(Facts):
    """A decision the owners have already taken, with the days on which each step of it ran (all included)."""

    decision: int = Field(title="业主共同决定编号", json_schema_extra={"format": "decision"})
    plan_publicity_from: Day = Field(title="方案公示首日")
    plan_publicity_to: Day = Field(title="方案公示末日")
    notice_from: Day = Field(title="会议通知首日")
    notice_to: Day = Field(title="会议通知末日")
    window_from: Day = Field(title="表决首日")
    window_to: Day = Field(title="表决末日")
    result_publicity_from: Day = Field(title="结果公示首日")
    result_publicity_to: Day = Field(title="结果公示末日")
    warranty_expired: bool = Field(default=True, title="保修期已满")
    excluded: Excluded


class Submit(Facts):
    payee: Line = Field(title="收款单位（施工单位）")
    finish_by: Day = Field(title="合同约定竣工日")
    statement: Paragraph | None = Field(default=None, title="申请说明")
    scope: Scope | None = Field(default=None, title="列支范围")


class Resubmit(Facts):
    answer: Paragraph | None = Field(default=None, title="补正说明")
    works: Line | None = Field(default=None, title="工程内容")
    payee: Line | None = Field(default=None, title="收款单位（施工单位）")
    finish_by: Day | None = Field(default=None, title="合同约定竣工日")
    scope: Scope | None = Field(default=None, title="列支范围")


class Settled(Facts):
    """What the works came to in the reviewed settlement: stated at acceptance, and again if a refusal corrected it."""

    settlement: Cents | None = Field(default=None, title="结算金额（元）")


class Apply(Settled):
    scope: Scope | None = Field(default=None, title="列支范围")


class FundRequest(Payments, CaseType):
    """维修资金使用: an estate asks to spend its maintenance fund (Civil Code 278, 281; 165号令 Arts. 22–25)."""

    title = "维修资金使用"
    prefix = "WX"
    precedence = 1
    without_committee = Desk.RESIDENTS
    signers = "fund.without_committee"
    consults = ("fund.without_committee",)

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        works: Line = Field(title="工程内容")
        budget: Cents = Field(gt=0, title="预算金额（元）")
        scope: Scope = Field(default=EVERYBODY, title="列支范围")

    # --- stages: domain of the national procedure (165号令) and Shenzhen's delegation to the districts ---

    need = Stage(
        "需求与查勘",
        desk=Desk.APPLICANT,
        initial=True,
        waits_on="applicant",
        needs=(Need("现场照片"), Need("保修期证明"), Need("房屋权属信息", by="sharing")),
    )
    planning = Stage(
        "方案与预算", desk=Desk.APPLICANT, waits_on="applicant", needs=(Need("使用方案"), Need("工程预算"))
    )
    cost_review = Stage("造价审核", desk=Desk.APPLICANT, waits_on="applicant", needs=(Need("预算审核报告"),))
    plan_publicity = Stage(
        "方案公示",
        desk=Desk.APPLICANT,
        periods=(Period("fund.plan_publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    decision = Stage(
        "业主表决",
        desk=Desk.APPLICANT,
        also=(Desk.COMMITTEE,),
        waits_on="applicant",
        periods=(Period("fund.assembly_notice", "window_opens"), Period("fund.voting_window", "window_ends")),
        needs=(Need("业主名册"), Need("表决票")),
    )
    result_publicity = Stage(
        "结果公示",
        desk=Desk.APPLICANT,
        periods=(Period("fund.result_publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    application = Stage(
        "申请划拨",
        desk=Desk.APPLICANT,
        waits_on="applicant",
        needs=(
            Need("施工合同"),
            Need("申请表"),
            Need("业主共同决定结果", by="sharing"),
            Need("业主名册", by="sharing"),
        ),
    )
    intake = Stage("受理", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="fund.intake")
    correction = Stage(
        "补正", desk=Desk.APPLICANT, also=(Desk.STREET, Desk.DISTRICT), deadline="fund.correction", holds_asker=True
    )
    review = Stage(
        "划拨审核",
        desk=Desk.DISTRICT,
        also=(Desk.APPLICANT,),
        deadline="fund.review",
        pause="fund.review_pause",
        extension="fund.review_extension",
    )
    first_payment = Stage("首期款拨付", desk=Desk.CITY, deadline="fund.first_payment")
    works = Stage("施工", desk=Desk.APPLICANT, deadline="fund.works", needs=(Need("施工记录"),))
    acceptance = Stage(
        "竣工验收", desk=Desk.COMMITTEE, waits_on="committee", needs=(Need("竣工验收文件"), Need("结算审核报告"))
    )
    settlement = Stage(
        "申请尾款", desk=Desk.APPLICANT, waits_on="applicant", needs=(Need("结算审核报告"), Need("合法票据"))
    )
    final_review = Stage(
        "尾款审核",
        desk=Desk.DISTRICT,
        deadline="fund.final_review",
        pause="fund.review_pause",
        extension="fund.review_extension",
    )
    final_payment = Stage("尾款拨付", desk=Desk.CITY, deadline="fund.final_payment")
    publication = Stage(
        "结果公布与归档", desk=Desk.APPLICANT, deadline="fund.publication", needs=(Need("使用及分摊公布材料"),)
    )
    refund = Stage("退款", desk=Desk.DISTRICT, deadline="fund.refund")
    closed = Stage("办结", final=True)

    # --- moves ---

    plan = Event(need.to(planning, unless="excluded_item"), name="确认需求")
    enter_decided = Event(
        need.to(
            application,
            unless=("nobody_commits", "excluded_item", "decision_not_usable", "step_has_not_run"),
            on="attach_decision",
        ),
        name="录入已有决定",
    )
    review_cost = Event(planning.to(cost_review), name="送造价审核")
    publish = Event(
        planning.to(plan_publicity, unless=("nobody_commits", "scope_unknown", "voters_unknown"), on="set_budget")
        | cost_review.to(plan_publicity, unless=("nobody_commits", "scope_unknown", "voters_unknown"), on="set_budget"),
        name="公示方案",
    )
    revise = Event(plan_publicity.to(planning), name="修改方案")
    publicity_ends = Event(
        plan_publicity.to(decision) | result_publicity.to(application),
        name="公示期满",
    )
    window_opens = Event(decision.to.itself(internal=True), name="通知期满，开始表决")
    window_ends = Event(decision.to.itself(internal=True), name="表决期满")
    passed = Event(
        decision.to(result_publicity, unless=("window_has_not_ended", "tally_says_failed"), on="use_own_decision")
        | acceptance.to(
            settlement,
            unless=("residents_may_not_sign", "settlement_missing", "settlement_above_budget"),
            on=("set_settlement", "note_signer"),
        ),
        name="通过",
    )
    failed = Event(decision.to(closed, unless=("window_has_not_ended", "tally_says_passed")), name="未通过")
    submit = Event(
        application.to(
            intake,
            unless=(
                "nobody_commits",
                "objections_unanswered",
                "finish_day_is_past",
                "scope_is_decided",
                "scope_unknown",
            ),
            on=("set_contract", "check_allocation"),
        ),
        name="提交申请",
    )
    accept = Event(intake.to(review), name="受理")
    ask = Event(
        intake.to(correction, unless="asked_before", on="remember_asker")
        | review.to(correction, unless="asked_before", on="remember_asker")
        | final_review.to(correction, unless="asked_before", on="remember_asker"),
        name="要求补正",
    )
    resubmit = Event(
        correction.to(intake, cond="asked_by_intake", unless=RESTATED, on=("set_contract", "check_allocation"))
        | correction.to(review, cond="asked_by_review", unless=RESTATED, on=("set_contract", "check_allocation"))
        | correction.to(final_review, cond="asked_by_final_review", unless=RESTATED, on="set_contract"),
        name="提交补正",
    )
    lapse = Event(
        correction.to(
            settlement, cond="asked_by_final_review", unless=("not_the_asking_desk", "correction_not_overdue")
        )
        | correction.to(closed, cond="asked_before_payment", unless=("not_the_asking_desk", "correction_not_overdue")),
        name="逾期未补正，终止",
    )
    refuse = Event(intake.to(closed) | review.to(closed) | final_review.to(settlement), name="不予通过")
    approve = Event(
        review.to(
            first_payment, unless=("nobody_commits", "first_amount_wrong", "balances_short"), on="set_first_payment"
        )
        | final_review.to(
            final_payment,
            cond="something_remains",
            unless=("final_amount_wrong", "balances_short"),
            on="set_final_payment",
        )
        | final_review.to(publication, cond="nothing_remains", unless="final_amount_wrong"),
        name="同意划拨",
    )
    paid = Event(
        first_payment.to(works, unless=("paid_in_future", "balances_short"), on="book_payment")
        | final_payment.to(publication, unless=("paid_in_future", "balances_short"), on="book_payment"),
        name="已拨付",
    )
    bounced = Event(
        first_payment.to(review, on="unset_payment") | final_payment.to(final_review, on="unset_payment"), name="退票"
    )
    finished = Event(works.to(acceptance), name="完工")
    cancel = Event(works.to(refund, unless="owed_above_paid", on="settle_cancelled"), name="取消工程")
    rework = Event(
        acceptance.to(
            works, unless=("residents_may_not_sign", "finish_day_is_past"), on=("set_contract", "note_signer")
        ),
        name="返工",
    )
    apply = Event(
        settlement.to(final_review, unless=("settlement_above_budget", *RESTATED), on="set_settlement"),
        name="申请尾款",
    )
    published = Event(
        publication.to(refund, cond="paid_too_much") | publication.to(closed, cond="paid_exactly", on="sum_up"),
        name="已公布归档",
    )
    returned = Event(refund.to(closed, unless="returns_another_amount", on=("book_refund", "sum_up")), name="已退回")
    withdraw = Event(
        need.to(closed)
        | planning.to(closed)
        | cost_review.to(closed)
        | plan_publicity.to(closed)
        | decision.to(closed)
        | result_publicity.to(closed)
        | application.to(closed)
        | intake.to(closed)
        | review.to(closed)
        | correction.to(closed, cond="asked_before_payment"),
        name="撤回",
    )

    facts = {
        "plan": Plan, "enter_decided": Decided, "review_cost": CostReview, "publish": Publish, "revise": Reason,
        "passed": {"acceptance": Settled}, "apply": Apply, "submit": Submit, "ask": Ask, "resubmit": Resubmit, "lapse": Facts, "refuse": Reason,
        "approve": Approve, "paid": Paid, "bounced": Reason, "cancel": Cancel, "rework": Rework, "returned": Returned,
        "withdraw": Reason,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {
            "plan", "enter_decided", "review_cost", "publish", "revise", "passed", "failed", "submit", "resubmit",
            "finished", "cancel", "apply", "published", "withdraw",
        },
        Desk.COMMITTEE: {"passed", "failed", "rework"},
        Desk.STREET: {"accept", "ask", "refuse", "lapse"},
        Desk.DISTRICT: {"approve", "ask", "refuse", "lapse", "returned"},
        Desk.CITY: {"paid", "bounced"},
    }  # fmt: skip

    paper = {
        "accept": Paper("acceptance_notice"),
        "ask": Paper("correction_notice"),
        "refuse": Paper("refusal_notice"),
        "approve": {
            "first_payment": Paper("transfer_notice", to=Desk.CITY, copies=(Desk.APPLICANT,)),
            "final_payment": Paper("transfer_notice", to=Desk.CITY, copies=(Desk.APPLICANT,)),
            "publication": Paper("settlement_notice"),
        },
        "paid": Paper("payment_receipt", copies=(Desk.DISTRICT,)),
        "bounced": Paper("bounced_notice", copies=(Desk.DISTRICT,)),
        "failed": Paper("decision_failed_notice"),
        "withdraw": Paper("withdrawal_notice"),
        "lapse": Paper("lapse_notice"),
        "rework": Paper("rework_notice", by=Desk.COMMITTEE),
        "cancel": Paper("cancel_notice", by=Desk.DISTRICT),
        "published": {"closed": Paper("conclusion_notice", by=Desk.DISTRICT)},
        "returned": Paper("refund_notice"),
    }

    outcomes = {
        "failed": "表决未通过", "refuse": "不予通过", "lapse": "逾期终止", "withdraw": "撤回", "published": "办结", "returned": "退款办结",
    }  # fmt: skip

    enterable_afterwards = {"open", "submit", "resubmit", "paid", "finished", "returned", "withdraw"}

    reopening = Reopening("review")

    # --- obstacles: the sentence a refused person reads ---

    def decision_not_usable(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        decision = held(move.session, move.facts.decision)
        if decision is None or decision.estate_id != move.case.estate_id:
            return Wrong("decision", f"本小区没有编号为 {move.facts.decision} 的业主共同决定，请先导入名册和表决票。")
        if not decision.passed:
            return Wrong("decision", f"编号 {decision.id} 的业主共同决定未通过（民法典第二百七十八条），不能据此申请。")
        wrong = decision.cannot_charge(move.session, move.case.details["scope"])
        return wrong and Wrong("decision", wrong)

    def voters_unknown(self, move: Move) -> str | None:
        """The owners in the plan's charging scope are to vote on it, so a roster must know who they are."""
        if move.facts is None or Roster.of(move.session, move.case.estate_id) is None:
            return None
        scope = move.facts.scope or move.case.details["scope"]
        wrong = scope_unclear(move.session, move.case.estate_id, scope)
        return wrong and Wrong("scope", f"{wrong}列支范围内的业主将对本方案表决，请先写明。")

    def step_has_not_run(self, move: Move) -> str | None:
        """Each period whole, in its order, and over: notice 15 days (物业管理条例 Art. 14), publicity as the rules of the law day say."""
        facts = move.facts
        if facts is None:
            return None
        steps = {
            "plan_publicity": ("方案公示", "fund.plan_publicity"),
            "notice": ("会议通知", "fund.assembly_notice"),
            "window": ("表决", None),
            "result_publicity": ("结果公示", "fund.result_publicity"),
        }
        ended: date | None = None
        for step, (title, rule_id) in steps.items():
            first, last = getattr(facts, f"{step}_from"), getattr(facts, f"{step}_to")
            if last < first:
                return Wrong(f"{step}_to", f"{title}的末日（{last}）早于首日（{first}），请核对。")
            if ended and first <= ended:
                return Wrong(f"{step}_from", f"{title}应在上一步于 {ended} 结束之后开始，填写的首日是 {first}。")
            if rule_id:
                rule = move.rule(rule_id)
                days = (last - first).days + 1
                if days < rule.limit.value:
                    needed = f"{title}须满{rule.limit.value}日（{rule.source}{rule.article}）"
                    return Wrong(f"{step}_to", f"{needed}，填写的只有{days}日，尚未届满。")
            if last >= move.today:
                again = last + timedelta(days=1)
                return Wrong(f"{step}_to", f"{title}到 {last} 24时才届满，{again} 起才能录入。")
            ended = last
        return None

    def window_has_not_ended(self, move: Move) -> str | None:
        period = move.running("period")
        if period:
            what = "会议通知期" if period.fires == "window_opens" else "表决期"
            return f"{what}至 {period.due_day} 24时届满，表决期满之前不能认定结果。"
        return None

    def tally_says_failed(self, move: Move) -> str | None:
        decision = decision_for(move.session, move.case, hold=move.facts is not None)
        if decision is None or decision.tally is None:
            return "尚未导入表决票，不能认定通过。"
        return None if decision.passed else f"计票结果为未通过：{decision.why_not()}"

    def tally_says_passed(self, move: Move) -> str | None:
        decision = decision_for(move.session, move.case, hold=move.facts is not None)
        if decision and decision.undecided:
            return decision.why_not()
        if decision and decision.tally is None and ElectronicVote.of(move.session, decision):
            return "电子投票已经截止，还没有计票，请先计票。"
        return "计票结果为通过，不能认定未通过。" if decision and decision.passed else None

    def first_amount_wrong(self, move: Move) -> str | None:
        amount = move.facts and move.facts.amount
        budget, paid = move.case.details["budget"], move.case.details.get("paid", 0)
        if move.facts is None:
            return None
        if not amount:
            return Wrong("amount", "请填写首期款金额。")
        before = f"加上已拨付的 {yuan(paid)} 元" if paid else ""
        above = amount + paid > budget
        return Wrong("amount", f"首期款 {yuan(amount)} 元{before}超过预算 {yuan(budget)} 元。") if above else None

    def settlement_missing(self, move: Move) -> str | None:
        missing = move.facts is not None and move.facts.settlement is None
        return Wrong("settlement", "请填写结算金额。") if missing else None

    def settlement_above_budget(self, move: Move) -> str | None:
        settlement, budget = move.facts and move.facts.settlement, move.case.details["budget"]
        if settlement and settlement > budget:
            over = f"结算金额 {yuan(settlement)} 元超过业主决定的预算 {yuan(budget)} 元"
            return Wrong("settlement", f"{over}，超出部分须另行决定。")
        return None

    # --- which branch ---

    def asked_by_intake(self, move: Move) -> bool:
        return move.case.details.get("asked_by") == "intake"

    def asked_by_review(self, move: Move) -> bool:
        return move.case.details.get("asked_by") == "review"

    # --- what is remembered ---

    def attach_decision(self, move: Move) -> None:
        move.details["decision"] = move.facts.decision

    def use_own_decision(self, move: Move) -> None:
        decision = decision_for(move.session, move.case)
        move.details["decision"] = decision and decision.id

    def set_budget(self, move: Move) -> None:
        if move.facts.budget:
            move.details["budget"] = move.facts.budget
        move.details |= {"places": move.facts.places, "notice": move.facts.notice}
        if move.facts.scope:
            move.details["scope"] = move.facts.scope

    def set_contract(self, move: Move) -> None:
        stated = move.facts.model_dump(mode="json", include={"works", "payee", "finish_by", "scope"}, exclude_none=True)
        move.details.update(stated)
