"""What cases that spend the maintenance fund (维修资金) have in common: what it may not pay for, what is stated about a payment,
and the sums that are remembered in `case.details`: `budget`, `settlement`, `paid`, `to_pay`, `refunded`, all in fen.
"""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..committees import vacancy
from ..decisions import decision_for
from ..fund_accounts import is_kept
from ..fund_charges import Charge, allocation, charge_to, scope_unclear, shortfall
from ..money import yuan
from ..people import Desk
from ..scope import EVERYBODY
from .base import Cents, Day, Facts, Line, Move, Paragraph, Wrong

if TYPE_CHECKING:
    from ..case import Case

EXCLUSIONS: dict[str, Any] = {
    "developer_liability": "应由建设单位或者施工单位承担的保修责任",
    "utility_lines": "应由供水、供电、供气、通信等专营单位承担的管线和设施",
    "wrongdoer": "人为损坏应由当事人承担的",
    "psc_contract": "物业服务合同约定应由物业服务企业承担的",
}
"""What the fund may not pay for: 住宅专项维修资金管理办法 (165号令) Art. 25."""
Exclusion = Literal["developer_liability", "utility_lines", "wrongdoer", "psc_contract"]
Excluded = Annotated[
    list[Exclusion],
    Field(
        default_factory=list,
        title="属于不得列支的情形",
        description="都不属于的，不用勾选",
        max_length=4,
        json_schema_extra={"x-titles": EXCLUSIONS},
    ),
]


class Ask(Facts):
    items: list[Line] = Field(title="需要补正的材料或内容", min_length=1, max_length=30)


class Reason(Facts):
    reason: Paragraph = Field(title="理由")


class Approve(Facts):
    amount: Cents | None = Field(default=None, title="本次划拨金额（元）")


class Paid(Facts):
    paid_on: Day = Field(title="拨付日期")
    receipt: Line | None = Field(default=None, title="银行回单号")


class Cancel(Reason):
    owed: Cents = Field(default=0, title="已完工程应付金额（元）")


class Rework(Reason):
    finish_by: Day = Field(title="返工后竣工日")


class Returned(Facts):
    amount: Cents = Field(title="退回金额（元）")
    returned_on: Day = Field(title="退回日期")


RESTATED = ("scope_is_decided", "scope_unknown")
"""What stands in the way of a charging scope that is written anew after the owners' decision."""


class Payments:
    """Guards and memories of such a type. Corrections may be asked for from several of its stages (`asked_by`)."""

    signers: ClassVar[str]
    """The rule that names who signs what a committee signs, where there is none; the desk is `CaseType.without_committee`."""

    @classmethod
    def spending(cls, case: "Case") -> Charge | None:
        """What the case takes out of the fund; None as long as neither a budget nor a settlement is known."""
        return _charge(case, case.details) if {"budget", "settlement"} & case.details.keys() else None

    # --- obstacles ---

    def residents_may_not_sign(self, move: Move) -> str | None:
        if move.case.committee_id is not None:
            return None
        rule = move.rule(self.signers)
        if Desk.RESIDENTS.title in rule.entries:
            return None
        return f"本小区没有业主委员会，意见由{'、'.join(rule.entries)}出具（{rule.source}），社区居民委员会不能出具。"

    def nobody_commits(self, move: Move) -> str | None:
        """What begins a commitment waits for a committee; what is already committed does not (`committees.vacancy`)."""
        return vacancy(move.session, move.case.estate_id)

    def excluded_item(self, move: Move) -> str | None:
        facts = move.facts
        if facts is None:
            return None
        if facts.excluded:
            return Wrong(
                "excluded",
                f"不得从维修资金列支：{EXCLUSIONS[facts.excluded[0]]}（住宅专项维修资金管理办法第二十五条）。",
            )
        if not facts.warranty_expired:
            return Wrong(
                "warranty_expired",
                "保修期未满的，由建设单位承担保修责任，不得使用维修资金（住宅专项维修资金管理办法第十八条、第二十五条）。",
            )
        return None

    def finish_day_is_past(self, move: Move) -> str | None:
        day = move.facts and move.facts.finish_by
        return Wrong("finish_by", f"竣工日 {day} 不能早于今天。") if day and day < move.today else None

    def not_the_asking_desk(self, move: Move) -> str | None:
        from ..access import desks_of

        asker = move.case.kind.stage(move.case.details["asked_by"])
        if asker.desk in desks_of(move.by, move.case):
            return None
        return f"补正由{asker.desk and asker.desk.title}要求，只能由其终止。"

    def final_amount_wrong(self, move: Move) -> str | None:
        amount = move.facts and move.facts.amount
        paid = move.case.details.get("paid", 0)
        remains = max(move.case.details.get("settlement", 0) - paid, 0)
        if amount is not None and amount != remains:
            due = f"{'尾款应为' if paid else '应当划拨'} {yuan(remains)} 元（结算金额减去已拨付金额）"
            return Wrong("amount", f"{due}，填写的是 {yuan(amount)} 元。")
        return None

    def paid_in_future(self, move: Move) -> str | None:
        day = move.facts and move.facts.paid_on
        return Wrong("paid_on", f"拨付日期 {day} 不能晚于今天。") if day and day > move.today else None

    def owed_above_paid(self, move: Move) -> str | None:
        owed, paid = move.facts and move.facts.owed, move.case.details.get("paid", 0)
        above = owed and owed > paid
        return Wrong("owed", f"应付金额 {yuan(owed)} 元超过已拨付的 {yuan(paid)} 元。") if above else None

    def returns_another_amount(self, move: Move) -> str | None:
        due = move.case.details.get("paid", 0) - move.case.details.get("settlement", 0)
        amount = move.facts and move.facts.amount
        if amount is not None and amount != due:
            return Wrong("amount", f"应退回 {yuan(due)} 元，填写的是 {yuan(amount)} 元。")
        return None

    def scope_is_decided(self, move: Move) -> str | None:
        """Whom the costs fall on was decided by the owners: it is only written anew where the roster does not know the words,
        and then for those who decided."""
        decided = move.case.details["scope"]
        # a form gives back what it was given, but for the ends of its lines
        if move.facts is None or not move.facts.scope or move.facts.scope.split() == decided.split():
            return None
        if scope_unclear(move.session, move.case.estate_id, decided):
            decision = decision_for(move.session, move.case)
            wrong = decision.cannot_charge(move.session, move.facts.scope) if decision else None
            return wrong and Wrong("scope", wrong)
        return Wrong("scope", f"列支范围“{decided[:40]}”已随使用方案由业主共同决定，不能另行改写。")

    def scope_unknown(self, move: Move) -> str | None:
        """Where balances are kept, the roster must know whom the costs fall on."""
        if move.facts is None or not is_kept(move.session, move.case.estate_id):
            return None
        scope = move.facts.scope or move.case.details["scope"]
        wrong = scope_unclear(move.session, move.case.estate_id, scope)
        return wrong and Wrong("scope", wrong)

    def balances_short(self, move: Move) -> str | None:
        """No account pays more than it has: what an approval or a payment would take is held against the balances."""
        if move.facts is None:
            return None
        details = move.case.details
        amount = details.get("to_pay") or getattr(move.facts, "amount", None)
        after = details["settlement"] if move.case.stage.startswith("final") else details.get("paid", 0) + (amount or 0)
        return shortfall(move.session, _charge(move.case, details), after)

    # --- which branch ---

    def asked_by_final_review(self, move: Move) -> bool:
        return move.case.details.get("asked_by") == "final_review"

    def asked_before_payment(self, move: Move) -> bool:
        return not self.asked_by_final_review(move)

    def something_remains(self, move: Move) -> bool:
        return bool(move.case.details.get("settlement", 0) > move.case.details.get("paid", 0))

    def nothing_remains(self, move: Move) -> bool:
        return not self.something_remains(move)

    def paid_too_much(self, move: Move) -> bool:
        return bool(move.case.details.get("settlement", 0) < move.case.details.get("paid", 0))

    def paid_exactly(self, move: Move) -> bool:
        return not self.paid_too_much(move)

    # --- what is remembered ---

    def set_first_payment(self, move: Move) -> None:
        move.details["to_pay"] = move.facts.amount

    def set_final_payment(self, move: Move) -> None:
        remains = move.case.details.get("settlement", 0) - move.case.details.get("paid", 0)
        move.details["to_pay"] = move.record["amount"] = remains

    def unset_payment(self, move: Move) -> None:
        move.details.pop("to_pay")

    def book_payment(self, move: Move) -> None:
        move.record["amount"] = move.details.pop("to_pay")
        self._post(move, move.details.get("paid", 0) + move.record["amount"], move.facts.paid_on)

    def note_signer(self, move: Move) -> None:
        if move.case.committee_id is None:
            rule = move.rule(self.signers)
            move.record["without_committee"] = f"{rule.source}，{rule.article}"

    def set_settlement(self, move: Move) -> None:
        if move.facts.settlement is not None:
            move.details["settlement"] = move.facts.settlement
        if getattr(move.facts, "scope", None):
            move.details["scope"] = move.facts.scope

    def settle_cancelled(self, move: Move) -> None:
        move.details["settlement"] = move.facts.owed

    def book_refund(self, move: Move) -> None:
        move.details["refunded"] = move.facts.amount
        self._post(move, move.details["paid"] - move.facts.amount, move.facts.returned_on)

    def check_allocation(self, move: Move) -> None:
        """预分摊 (规定 Art. 25): how the budget falls on the accounts, as they are on this day; shortfalls are said, and do not block."""
        found = allocation(move.session, _charge(move.case, move.details))
        move.record["found"] = f"预分摊：{found.in_words}"

    def sum_up(self, move: Move) -> None:
        """What is published of it in the end (Civil Code 281): how many units bore the costs, and what of them the developer."""
        found = allocation(move.session, _charge(move.case, move.details))
        if not found.why_not:
            move.record["allocated"] = {
                "units": len(found.lines), "fen": found.charge.fen, "unsold": found.unsold, "developer": found.developer,
            }  # fmt: skip

    def _post(self, move: Move, after: int, day: date) -> None:
        """Let what is paid be `after`, in the details and on the units' accounts."""
        charge = _charge(move.case, move.details)
        _, move.record["found"] = charge_to(move.session, charge, after, day=day, at=move.at, by_id=move.by.id)
        # a case that is taken up again goes on with the same postings
        move.details |= {"paid": after, "charged_by": charge.case_id}


def _charge(case: "Case", details: dict[str, Any]) -> Charge:
    """The settlement, once it is known, else the budget."""
    settled = "settlement" in details
    return Charge(
        estate_id=case.estate_id,  # type: ignore[arg-type]
        case_id=details.get("charged_by", case.id),  # type: ignore[arg-type]
        scope=details.get("scope", EVERYBODY),
        fen=details["settlement" if settled else "budget"],
        paid=details.get("paid", 0),
        basis="结算" if settled else "预算",
    )
