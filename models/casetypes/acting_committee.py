"""居代业: a residents' committee acts for an estate's committee, from the finding that it must to the hand-over."""

from datetime import date, datetime
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select
from sqlmodel import Session, col
from statemachine import Event

from ..case import Case, CaseEvent
from ..committees import follow, in_office, leave_office, open_payments, residents_committee_of, take_office
from ..editions import calendar
from ..links import Link
from ..people import SYSTEM, Desk
from ..reading import unit_label
from ..rules import Rule, rulebook
from ..territory import Estate, Unit
from ..worktime import period_end
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Period, Stage, Wrong

FAILURES = {
    "committee_formation": ("筹备失败", "formation_failed"),
    "committee_reelection": ("换届失败", "reelection_failed"),
}
"""Type of a case that may have failed → the word in which it did, and why this case arises from it."""
MATTERS: dict[str, Any] = {"public_safety": "可能影响公共安全", "management_order": "可能影响物业管理秩序"}
Matter = Literal["public_safety", "management_order"]
SCOPE: dict[str, Any] = {
    "decisions": "组织业主共同决定事项",
    "account": "代管业主共有资金基本账户",
    "service": "选聘、续聘、解聘物业服务企业",
    "fund": "筹集、管理、使用物业专项维修资金",
}
"""What may be entrusted: 深建规〔2023〕1号."""
Duty = Literal["decisions", "account", "service", "fund"]
CAUSES: dict[str, Any] = {
    "elected": "业主委员会依法选举产生",
    "term": "代行期限届满",
    "objections": "代行期间联名反对的户数超过总户数的法定比例",
    "estate_lost": "因拆除等原因物业管理区域灭失",
    "other": "其他应当终止的情形",
}
"""深建规〔2023〕1号 Art. 21. The first three come about by themselves; the street finds the others, and an election elsewhere."""


class Grounds(Facts):
    matter: Line | None = Field(default=None, title="紧急或者重大事项")
    kind: Matter | None = Field(default=None, title="事项性质", json_schema_extra={"x-titles": MATTERS})
    matter_evidence: Line | None = Field(default=None, title="事项的证据", description="如鉴定报告、巡查记录文号")
    failed_case: Line | None = Field(default=None, title="未成的筹备或者换届案件编号")
    failure_document: Line | None = Field(
        default=None, title="筹备或者换届未成的文书", description="未在本系统办理的，填写文书名称和文号"
    )
    failed_on: Day | None = Field(default=None, title="筹备或者换届未成之日", description="与文书一并填写")


class Establish(Grounds):
    places: list[Line] = Field(default_factory=list, title="公示地点", max_length=10)


class Reason(Facts):
    reason: Paragraph = Field(title="理由")


class Designate(Facts):
    scope: list[Duty] = Field(title="代行范围", min_length=1, max_length=4, json_schema_extra={"x-titles": SCOPE})
    until: Day | None = Field(default=None, title="代行期限末日", description="不填的，按规则库中的代行期限计算")
    opinions: Paragraph = Field(title="意见采纳情况")


class Units(Facts):
    units: list[Line] = Field(title="房号", min_length=1, max_length=500)
    evidence: Line = Field(title="凭据", description="如联名书、登记表编号")


class Terminate(Facts):
    cause: Literal["elected", "estate_lost", "other"] = Field(title="终止情形", json_schema_extra={"x-titles": CAUSES})
    reason: Paragraph = Field(title="事实和理由")
    evidence: Line = Field(title="凭据", description="如备案回执、公告文号")


class HandOver(Facts):
    receiver: Line = Field(title="接收单位")
    accounts: list[Line] = Field(title="账户和账目", min_length=1, max_length=50, description="没有的，填“无”")
    seals: list[Line] = Field(title="印章", min_length=1, max_length=50)
    files: list[Line] = Field(title="档案资料", min_length=1, max_length=100)
    settled: Paragraph = Field(title="清算情况")


class Received(Facts):
    received_on: Day = Field(title="移交日期")
    signed_by: Line = Field(title="接收单位签收人")


class ActingCommittee(CaseType):
    """居代业: the street designates a residents' committee to act for the owners' committee (深建规〔2023〕1号; 非必要不代行)."""

    title = "居委会代行业主委员会职责"
    prefix = "DX"
    opened_by = ("street_office", "residents_committee")

    Details = Grounds

    # --- stages ---

    assessment = Stage(
        "情形认定",
        desk=Desk.STREET,
        also=(Desk.APPLICANT,),
        deadline="acting.assessment",
        initial=True,
        needs=(Need("筹备或者换届未成的材料"), Need("紧急或者重大事项的证据")),
    )
    publicity = Stage(
        "公示征求意见",
        desk=Desk.RESIDENTS,
        also=(Desk.STREET, Desk.APPLICANT),
        periods=(Period("acting.publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    designation = Stage("研究指定", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="acting.designation")
    acting = Stage(
        "代行职责",
        desk=Desk.RESIDENTS,
        also=(Desk.STREET,),
        periods=(Period("acting.term", "term_ends"),),
        needs=(Need("联名反对书"),),
    )
    liquidation = Stage(
        "清算移交",
        desk=Desk.RESIDENTS,
        deadline="acting.liquidation",
        needs=(Need("账目和银行对账单"), Need("移交清单签字页")),
    )
    handover = Stage("移交确认", desk=Desk.STREET, deadline="acting.handover")
    closed = Stage("办结", final=True)

    # --- moves ---

    establish = Event(
        assessment.to(
            publicity, unless=("already_acting", "failure_not_shown", "matter_not_shown"), on="remember_grounds"
        ),
        name="认定符合，启动代行",
    )
    decline = Event(assessment.to(closed) | designation.to(closed), name="不予代行")
    withdraw = Event(assessment.to(closed) | publicity.to(closed) | designation.to(closed), name="撤回")
    publicity_ends = Event(publicity.to(designation), name="公示期满")
    designate = Event(
        designation.to(
            acting,
            unless=(
                "objections_unanswered",
                "already_acting",
                "committee_in_office",
                "nobody_to_designate",
                "term_wrong",
            ),
            on="put_in_office",
        ),
        name="指定代行",
    )
    oppose = Event(
        acting.to(liquidation, cond="too_many_oppose", unless="unit_unknown", on=("count_opposed", "end"))
        | acting.to.itself(internal=True, cond="few_oppose", unless="unit_unknown", on="count_opposed"),
        name="登记反对户",
    )
    strike = Event(acting.to.itself(internal=True, unless="unit_not_registered", on="strike_opposed"), name="撤销登记")
    terminate = Event(acting.to(liquidation, on="end"), name="终止代行")
    term_ends = Event(acting.to(liquidation, on="end"), name="代行期限届满")
    elected = Event(acting.to(liquidation, on="end"), name="业主委员会产生，代行终止")
    hand_over = Event(liquidation.to(handover, on="list_payments"), name="提交移交清单")
    send_back = Event(handover.to(liquidation), name="退回补充")
    received = Event(handover.to(closed, unless="received_in_future"), name="确认移交完毕")

    facts = {
        "establish": Establish, "decline": Reason, "withdraw": Reason, "designate": Designate,
        "oppose": Units, "strike": Units, "terminate": Terminate, "hand_over": HandOver, "send_back": Reason,
        "received": Received,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"withdraw"},
        Desk.RESIDENTS: {"hand_over"},
        Desk.STREET: {
            "establish", "decline", "designate", "oppose", "strike", "terminate", "send_back", "received",
        },
    }  # fmt: skip
    consequences = {"elected"}

    _termination = {"liquidation": Paper("termination_notice", by=Desk.STREET, to=Desk.RESIDENTS,
                                         copies=(Desk.DISTRICT, "区民政部门"))}  # fmt: skip
    paper = {
        "establish": Paper("acting_publicity_notice", to=Desk.RESIDENTS),
        "decline": Paper("acting_declined_notice"),
        "withdraw": Paper("acting_withdrawal_notice"),
        "designate": Paper("designation_notice", to=Desk.RESIDENTS, copies=(Desk.DISTRICT, "区民政部门")),
        "oppose": _termination,
        "terminate": _termination,
        "term_ends": _termination,
        "elected": _termination,
        "hand_over": Paper("handover_list", by=Desk.RESIDENTS, to=Desk.STREET),
        "received": Paper("handover_receipt", to=Desk.RESIDENTS, copies=(Desk.DISTRICT, "区民政部门")),
    }

    outcomes = {"decline": "不予代行", "withdraw": "撤回", "received": "代行终止，移交完毕"}

    consults = ("acting.grounds", "acting.default_term", "acting.objection_share")

    remembers = {"opposed_share": "联名反对", "ended": "终止情形"}

    @classmethod
    def afterwards(cls, session: Session, case: Case, event: CaseEvent, at: datetime) -> None:
        """Open cases of the estate learn who acts, or that nobody does; and an election ends the acting (Art. 21 (1))."""
        if event.from_stage != event.to_stage and "acting" in (event.from_stage, event.to_stage):
            follow(session, case.estate_id, at)  # type: ignore[arg-type]
        if event.name != "committee" or case.stage != "acting":
            return
        committee = in_office(session, case.estate_id)
        if committee and committee.case_id != case.id and committee.kind == "elected":
            case.fire("elected", by=SYSTEM, at=max(at, case.last_at))

    # --- obstacles: the sentence a refused person reads ---

    def already_acting(self, move: Move) -> str | None:
        committee = in_office(move.session, move.case.estate_id)
        if committee and committee.kind == "acting":
            until = f"至 {committee.to_day}" if committee.to_day else ""
            return f"本小区已经由居委会代行业主委员会职责{until}，不能重复启动。"
        return None

    def failure_not_shown(self, move: Move) -> str | None:
        """Condition A: a preparation or a re-election that came to nothing."""
        if move.facts is None:
            return None
        grounds = _stated(move)
        number = grounds.get("failed_case")
        if number:
            return _why_not_failed(move, number)
        if grounds.get("failure_document") and grounds.get("failed_on"):
            day = date.fromisoformat(grounds["failed_on"])
            return Wrong("failed_on", f"筹备或者换届未成之日 {day} 不能晚于今天。") if day > move.today else None
        if grounds.get("failure_document") or grounds.get("failed_on"):
            missing = "failed_on" if grounds.get("failure_document") else "failure_document"
            return Wrong(missing, "以文书证明筹备或者换届未成的，文书和未成之日须一并填写。")
        return Wrong(
            "failed_case",
            f"尚未证明首次业主大会筹备或者换届未成：请填写以失败告终的案件编号，或者文书和日期{_basis(move)}。非必要不代行。",
        )

    def matter_not_shown(self, move: Move) -> str | None:
        """Condition B: an urgent or major matter of public safety or management order."""
        if move.facts is None:
            return None
        grounds = _stated(move)
        asked = {"matter": "说明该事项", "kind": "说明事项性质", "matter_evidence": "附上证据"}
        missing = next((name for name in asked if not grounds.get(name)), None)
        if missing is None:
            return None
        return Wrong(
            missing,
            "除筹备或者换届未成以外，还须有可能影响公共安全或者物业管理秩序、需要业主委员会及时处理的紧急或者重大事项，"
            f"请{asked[missing]}{_basis(move)}。非必要不代行。",
        )

    def committee_in_office(self, move: Move) -> str | None:
        committee = in_office(move.session, move.case.estate_id)
        if committee is None or committee.kind != "elected":
            return None
        if committee.to_day and committee.to_day >= move.today:
            return f"本小区业主委员会的任期至 {committee.to_day} 才届满，非必要不代行。"
        since = committee.from_day >= move.case.law_day
        return f"本小区业主委员会已于 {committee.from_day} 产生，非必要不代行。" if since else None

    def nobody_to_designate(self, move: Move) -> str | None:
        found = residents_committee_of(move.session, move.case.path)
        return None if found else "本小区所在社区没有登记居民委员会，请系统管理员补录后再指定。"

    def term_wrong(self, move: Move) -> str | None:
        until = move.facts and move.facts.until
        return Wrong("until", f"代行期限末日 {until} 须晚于今天。") if until and until <= move.today else None

    def unit_unknown(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        known = _households(move)
        if not known:
            return "本小区还没有导入业主名册，总户数无从计算，请先导入。"
        unknown = [unit for unit in move.facts.units if unit_label(unit) not in known]
        return Wrong("units", f"业主名册中没有：{'、'.join(unknown[:10])}，请核对房号。") if unknown else None

    def unit_not_registered(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        held = set(move.case.details.get("opposed", ()))
        unknown = [unit for unit in move.facts.units if unit_label(unit) not in held]
        return Wrong("units", f"没有登记过反对：{'、'.join(unknown[:10])}。") if unknown else None

    def received_in_future(self, move: Move) -> str | None:
        day = move.facts and move.facts.received_on
        return Wrong("received_on", f"移交日期 {day} 不能晚于今天。") if day and day > move.today else None

    # --- which branch ---

    def too_many_oppose(self, move: Move) -> bool:
        """超过 is strictly more (Civil Code 1259); each household counts once."""
        if move.facts is None:
            return False
        opposed, total = _opposed(move)
        return bool(total) and Fraction(len(opposed), total) > move.rule("acting.objection_share").share

    def few_oppose(self, move: Move) -> bool:
        return not self.too_many_oppose(move)

    # --- what is remembered ---

    def remember_grounds(self, move: Move) -> None:
        move.details.update(_stated(move))
        move.details["places"] = move.facts.places
        _warn(move)
        failed = _failed_case(move, move.details.get("failed_case"))
        if failed is not None and not _is_linked(move, failed):
            why = FAILURES[failed.type][1]
            move.rows.append(Link(from_id=failed.id, to_id=move.case.id, why=why, at=move.at))  # type: ignore[arg-type]

    def put_in_office(self, move: Move) -> None:
        until = move.facts.until
        if until is None:
            rule = move.rule("acting.default_term")
            until = period_end(move.at, rule.limit, calendar(move.session)).due_day
            move.record |= {"term_rule": rule.title, "term_source": rule.source, "term_confidence": rule.confidence}
        residents = residents_committee_of(move.session, move.case.path)
        assert residents is not None
        estate = move.session.get_one(Estate, move.case.estate_id)
        take_office(
            move.session,
            estate,
            residents,
            kind="acting",
            case=move.case,
            from_day=move.today,
            to_day=until,
            at=move.at,
        )
        move.details |= {"until": until.isoformat(), "scope": list(move.facts.scope)}
        move.record |= {"until": until.isoformat(), "duties": [SCOPE[duty] for duty in move.facts.scope]}
        _warn(move)

    def count_opposed(self, move: Move) -> None:
        opposed, total = _opposed(move)
        _remember_opposed(move, opposed, total)

    def strike_opposed(self, move: Move) -> None:
        struck = {unit_label(unit) for unit in move.facts.units}
        known = _households(move)
        _remember_opposed(move, [unit for unit in _registered(move, known) if unit not in struck], len(known))

    def end(self, move: Move) -> None:
        """The acting committee leaves office in the same transaction: nothing new can be committed in between."""
        causes = {"oppose": "objections", "term_ends": "term", "elected": "elected"}
        cause = causes.get(move.name) or move.facts.cause
        committee = in_office(move.session, move.case.estate_id)
        if committee and committee.case_id == move.case.id:
            leave_office(move.session, committee, why=cause, at=move.at)
        move.details |= {"cause": cause, "ended": CAUSES[cause], "ended_on": move.today.isoformat()}
        move.record |= {"ended": CAUSES[cause], "article": list(CAUSES).index(cause) + 1}
        self.list_payments(move)

    def list_payments(self, move: Move) -> None:
        move.record["payments"] = open_payments(move.session, move.case.estate_id)


# --- grounds ---


def _stated(move: Move) -> dict[str, Any]:
    """What the case holds of its grounds, and over it what is stated now; the failed case may be the one it arose from."""
    names = set(Grounds.model_fields)
    held = {name: value for name, value in move.case.details.items() if name in names and value}
    stated = held | move.facts.model_dump(mode="json", include=names, exclude_none=True)
    if not stated.get("failed_case") and not stated.get("failure_document"):
        whys = [why for _, why in FAILURES.values()]
        arose = select(col(Case.number)).join(Link, col(Link.from_id) == col(Case.id))
        number = move.session.scalar(arose.where(col(Link.to_id) == move.case.id, col(Link.why).in_(whys)).limit(1))
        return stated | ({"failed_case": number} if number else {})
    return stated


def _failed_case(move: Move, number: str | None) -> Case | None:
    """The case of that number in the same estate, if there is one of a type that may have failed."""
    named = select(Case).where(col(Case.number) == number, col(Case.estate_id) == move.case.estate_id)
    return move.session.scalar(named.where(col(Case.type).in_(FAILURES))) if number else None


def _why_not_failed(move: Move, number: str) -> str | None:
    failed = _failed_case(move, number)
    if failed is None:
        return Wrong("failed_case", f"本小区没有编号为“{number[:40]}”的筹备或者换届案件，请核对。")
    if failed.closed_at is None:
        return Wrong("failed_case", f"{number} 尚未办结，不能证明筹备或者换届未成。")
    if failed.outcome != FAILURES[failed.type][0]:
        return Wrong("failed_case", f"{number} 的结果是“{failed.outcome}”，不能证明筹备或者换届未成。")
    return None


def _is_linked(move: Move, failed: Case) -> bool:
    found = select(col(Link.id)).where(col(Link.from_id) == failed.id, col(Link.to_id) == move.case.id)
    return move.session.scalar(found.limit(1)) is not None


def _basis(move: Move) -> str:
    rule = _grounds_today(move)
    return f"（{rule.source}{rule.article}）"


def _grounds_today(move: Move) -> Rule:
    """The version in force on the day itself: whether the rules still hold is asked when they are used."""
    return rulebook(move.session).in_force("acting.grounds", move.today, move.case.path)


def _warn(move: Move) -> None:
    """Say on the case and on paper that the rules' validity has lapsed and nobody has verified a renewal."""
    rule = _grounds_today(move)
    move.details.pop("warning", None)
    if rule.confidence == "unverified":
        move.details["warning"] = move.record["warning"] = rule.remark


# --- objections ---


def _households(move: Move) -> set[str]:
    """总户数: every exclusive unit of the roster, once."""
    return set(move.session.scalars(select(col(Unit.label)).where(col(Unit.estate_id) == move.case.estate_id)))


def _registered(move: Move, known: set[str]) -> list[str]:
    """Those registered so far that the roster in use still has."""
    return [unit for unit in move.case.details.get("opposed", ()) if unit in known]


def _opposed(move: Move) -> tuple[list[str], int]:
    """Who opposes once this is registered, each household once, and how many households there are."""
    known = _households(move)
    stated = [label for unit in move.facts.units if (label := unit_label(unit)) in known]
    return list(dict.fromkeys([*_registered(move, known), *stated])), len(known)


def _remember_opposed(move: Move, opposed: list[str], total: int) -> None:
    move.details |= {"opposed": opposed, "opposed_share": f"{len(opposed)}户，总户数{total}户"}
    move.record |= {"opposed": len(opposed), "households": total}
