"""业主委员会成立: owners ask for their first assembly, a preparatory group (筹备组) holds it, a committee is elected."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from statemachine import Event

from ..case import Case
from ..committees import in_office
from ..elections import (
    FAILED,
    Call,
    CountedWithRules,
    Election,
    Group,
    Label,
    Reason,
    life_ends,
    only_one,
    share_of,
    units_of,
    unlisted,
)
from ..errors import Conflict
from ..people import Body, Desk
from ..reading import square_metres
from ..tally import percent
from .base import CaseType, Facts, Line, Move, Need, Paper, Paragraph, Period, Reopening, Stage, Wrong


class Joint(Facts):
    """业主联名: who signed, as units of the roster."""

    signed: list[Label] = Field(title="联名业主的房号（按业主名册）", min_length=1, max_length=5000)
    statement: Paragraph | None = Field(default=None, title="申请说明")


class Notify(Facts):
    developer: Line = Field(title="建设单位")
    condition: Paragraph = Field(title="已具备的成立条件")


class Doubtful(Facts):
    unit: Label = Field(title="房号")
    reason: Line = Field(title="不予认定的理由")


class Accept(Facts):
    void: list[Doubtful] = Field(default_factory=list, title="经核实不予认定的签名", max_length=500)


class Ask(Facts):
    items: list[Line] = Field(title="需要补正的材料或内容", min_length=1, max_length=30)


class Resubmit(Facts):
    signed: list[Label] = Field(default_factory=list, title="补充联名的房号", max_length=5000)
    answer: Paragraph | None = Field(default=None, title="补正说明")


class Drafts(Facts):
    rules: Line = Field(default="业主大会议事规则（草案）", title="议事规则草案")
    covenant: Line = Field(default="管理规约（草案）", title="管理规约草案")


class CommitteeFormation(Election, CaseType):
    """业主委员会成立: the first assembly and its committee (深圳经济特区物业管理条例 Arts. 19–20, 24; Civil Code 277–278)."""

    title = "业主委员会成立"
    prefix = "CL"
    opened_by = ("owners", "company")

    rules = "formation"
    group_title = "筹备组"
    motions = ("rules", "covenant", "election")

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        about: Line = Field(default="成立业主大会、选举业主委员会", title="申请事项")
        contact: Line = Field(title="联系人")

    @classmethod
    def opening(cls, session: Session, case: Case) -> None:
        """Not where there is an elected committee already, on file or known by name only."""
        committee = in_office(session, case.estate_id)
        body = session.get(Body, case.committee_id) if case.committee_id else None
        if (committee and committee.kind == "elected") or (committee is None and body and body.kind == "committee"):
            raise Conflict(f"{case.place}已有业主委员会，任期届满或者人数不足的，应当办理换届。")
        only_one(session, case)

    # --- stages ---

    request = Stage(
        "联名申请",
        desk=Desk.APPLICANT,
        initial=True,
        waits_on="applicant",
        needs=(Need("书面申请"), Need("业主联名表"), Need("房屋权属信息", by="sharing")),
    )
    intake = Stage("街道受理核实", desk=Desk.STREET, also=(Desk.APPLICANT,), deadline="formation.intake")
    correction = Stage(
        "补正", desk=Desk.APPLICANT, also=(Desk.STREET,), deadline="formation.correction", holds_asker=True
    )
    group = Stage("成立筹备组", desk=Desk.STREET, deadline="formation.group", needs=(Need("成员推荐表"),))
    group_publicity = Stage(
        "筹备组成员公示",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        periods=(Period("election.group_publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    objections = Stage("异议处理", desk=Desk.STREET, deadline="election.objections")
    register = Stage(
        "业主名册与投票权核定", desk=Desk.STREET, deadline="election.register", needs=(Need("业主名册", by="sharing"),)
    )
    drafting = Stage(
        "议事规则与管理规约草案",
        desk=Desk.STREET,
        deadline="formation.drafting",
        needs=(Need("议事规则草案"), Need("管理规约草案")),
    )
    candidates = Stage(
        "候选人与资格审查", desk=Desk.STREET, deadline="election.candidates", needs=(Need("候选人报名表"),)
    )
    assembly = Stage(
        "首次业主大会会议",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        periods=(Period("election.notice", "window_opens"), Period("election.window", "voting_ends")),
        needs=(Need("会议公告照片"),),
    )
    counting = Stage("计票与认定", desk=Desk.STREET, deadline="election.counting", needs=(Need("计票结果"),))
    second_round = Stage(
        "第二轮表决",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        periods=(Period("election.second_window", "voting_ends"),),
    )
    unelected = Stage("两轮未选出", desk=Desk.STREET, deadline="election.unelected")
    result_publicity = Stage(
        "选举结果公示",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        periods=(Period("election.result_publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    conclusion = Stage("结果确认", desk=Desk.STREET, deadline="election.conclusion")
    closed = Stage("办结", final=True)

    # --- moves ---

    submit = Event(
        request.to(intake, unless=("not_owners", "units_wrong", "too_few_sign"), on="set_signed"), name="提交联名申请"
    )
    notify = Event(request.to(intake, unless="not_the_company", on="set_notice"), name="告知具备成立条件")
    accept = Event(intake.to(group, unless=("void_wrong", "too_few_verified"), on="set_verified"), name="受理")
    ask = Event(intake.to(correction, unless="asked_before", on="remember_asker"), name="要求补正")
    resubmit = Event(correction.to(intake, unless=("units_wrong", "too_few_sign"), on="set_signed"), name="提交补正")
    lapse = Event(correction.to(closed, unless="correction_not_overdue"), name="逾期未补正，终止")
    refuse = Event(intake.to(closed), name="不予受理")
    withdraw = Event(request.to(closed) | intake.to(closed) | correction.to(closed), name="撤回")
    name_group = Event(group.to(group_publicity, unless="group_wrong", on="set_group"), name="公示筹备组成员")
    publicity_ends = Event(
        group_publicity.to(objections) | result_publicity.to(conclusion),
        name="公示期满",
    )
    found_group = Event(
        objections.to(register, unless="objections_unanswered", on="record_objections"), name="筹备组成立"
    )
    recompose = Event(objections.to(group, unless="objections_unanswered"), name="异议成立，调整成员")
    determine = Event(register.to(drafting, unless="register_not_settled", on="set_register"), name="核定投票权")
    draft = Event(drafting.to(candidates, on="set_drafts"), name="形成草案")
    call = Event(candidates.to(assembly, unless="candidates_wrong", on="set_call"), name="公告会议")
    window_opens = Event(assembly.to.itself(internal=True), name="公告期满，开始表决")
    recall = Event(assembly.to(candidates, unless="voting_has_begun"), name="撤回公告，另行提名")
    voting_ends = Event(
        assembly.to(counting, on="set_window") | second_round.to(counting, on="set_window"), name="表决期满"
    )
    declare = Event(
        counting.to(result_publicity, cond="is_complete", unless=("decisions_wrong", "counts_wrong"), on="set_result")
        | counting.to(
            second_round, cond="is_first_round", unless=("decisions_wrong", "counts_wrong"), on="start_second_round"
        )
        | counting.to(unelected, cond="is_second_round", unless=("decisions_wrong", "counts_wrong"), on="set_result"),
        name="认定表决结果",
    )
    recount = Event(
        conclusion.to(counting, unless=("nobody_elected", "objections_unanswered"), on="set_aside_result"),
        name="异议成立，重新计票",
    )
    annul = Event(
        unelected.to(candidates) | conclusion.to(candidates, unless="objections_unanswered"), name="重新组织选举"
    )
    confirm = Event(
        conclusion.to(
            closed, unless=("nobody_elected", "objections_unanswered"), on=("record_objections", "hand_to_filing")
        ),
        name="确认选举结果",
    )
    fail = Event(
        unelected.to(closed, on="set_failed")
        | objections.to(closed, unless="group_lives", on="set_failed")
        | register.to(closed, unless="group_lives", on="set_failed")
        | drafting.to(closed, unless="group_lives", on="set_failed")
        | candidates.to(closed, unless="group_lives", on="set_failed"),
        name="筹备未成，终止",
    )

    facts = {
        "submit": Joint, "notify": Notify, "accept": Accept, "ask": Ask, "resubmit": Resubmit, "refuse": Reason, "withdraw": Reason,
        "name_group": Group, "recompose": Reason, "draft": Drafts, "call": Call, "recall": Reason,
        "declare": CountedWithRules, "recount": Reason, "annul": Reason, "fail": Reason,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"submit", "notify", "resubmit", "withdraw"},
        Desk.STREET: {
            "accept", "ask", "refuse", "lapse", "name_group", "found_group", "recompose", "determine", "draft", "call", "recall",
            "declare", "recount", "annul", "confirm", "fail",
        },
    }  # fmt: skip

    paper = {
        "accept": Paper("formation_acceptance", copies=(Desk.RESIDENTS,)),
        "ask": Paper("formation_correction"),
        "refuse": Paper("formation_refusal"),
        "lapse": Paper("formation_lapse"),
        "withdraw": Paper("formation_withdrawal"),
        "name_group": Paper("group_notice", copies=(Desk.RESIDENTS,)),
        "call": Paper("assembly_notice", copies=(Desk.RESIDENTS,)),
        "declare": {
            "result_publicity": Paper("result_notice", copies=(Desk.RESIDENTS,)),
            "second_round": Paper("second_round_notice", copies=(Desk.RESIDENTS,)),
            "unelected": Paper("unelected_notice"),
        },
        "annul": Paper("annulment_notice"),
        "confirm": Paper("election_confirmation", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
        "fail": Paper("election_failure", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
    }

    outcomes = {
        "confirm": "选举产生", "fail": FAILED["committee_formation"], "refuse": "不予受理", "lapse": "逾期终止", "withdraw": "撤回",
    }  # fmt: skip

    enterable_afterwards = {"open", "submit", "resubmit", "withdraw"}

    reopening = Reopening("candidates")

    consults = (
        "formation.request_share", "formation.group_size", "formation.seat_street", "formation.seat_party", "formation.seat_owner",
        "formation.seat_police", "formation.seat_residents", "formation.seat_developer", "formation.group_bars",
        "formation.group_life", "committee.sizes", "election.order",
    )  # fmt: skip

    # --- obstacles: the sentence a refused person reads ---

    def not_owners(self, move: Move) -> str | None:
        asks = move.session.get_one(Body, move.case.applicant_id)
        return (
            None if asks.kind == "owners" else "联名申请由业主提出；建设单位或者物业服务企业请办理“告知具备成立条件”。"
        )

    def not_the_company(self, move: Move) -> str | None:
        asks = move.session.get_one(Body, move.case.applicant_id)
        return None if asks.kind == "company" else "业主提出的，请办理“提交联名申请”，写明联名业主的房号。"

    def units_wrong(self, move: Move) -> str | None:
        """A correction may add signatures; of a developer's notice there are none."""
        if move.facts is None or not self._signed(move):
            return None
        return unlisted(units_of(move.session, move.case.estate_id), self._signed(move), "signed")

    def too_few_sign(self, move: Move) -> str | None:
        if self.units_wrong(move) or move.facts is None or not self._signed(move):
            return None
        return self._too_few(move, self._signed(move), "signed")

    def void_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        void = [one.unit for one in move.facts.void]
        signed = move.case.details.get("signed", [])
        if strangers := [unit for unit in void if unit not in signed]:
            return Wrong("void", f"没有在联名表上签名：{'、'.join(strangers)}。")
        return None

    def too_few_verified(self, move: Move) -> str | None:
        """Verified by the roster as it is now."""
        signed = move.case.details.get("signed")
        if move.facts is None or not signed:
            return None
        if wrong := unlisted(units_of(move.session, move.case.estate_id), signed, "void"):
            return wrong
        return self._too_few(move, self._valid(move), "void")

    def _too_few(self, move: Move, signed: list[str], field: str) -> Wrong | None:
        """条例 Art. 19: a share of the owners by heads, or of the voting weight; either is enough, and so is exactly that much."""
        share = share_of(units_of(move.session, move.case.estate_id), signed)
        rule = move.rule("formation.request_share")
        if share.heads >= rule.share or share.area >= rule.share:
            return None
        has = f"联名业主占总人数的{percent(share.heads)}、占总投票权（面积）的{percent(share.area)}"
        return Wrong(field, f"{has}，均未达到{rule.value}（{rule.source}{rule.article}）。")

    def group_lives(self, move: Move) -> str | None:
        since = move.case.details.get("group_on")
        if since is None:
            return None
        last = life_ends(move, since, "formation.group_life")
        if move.today > last:
            return None
        return f"筹备组应在 {last} 前召开首次业主大会会议，{last + timedelta(days=1)} 起才能以筹备未成终止。"

    # --- what is remembered ---

    def set_signed(self, move: Move) -> None:
        signed = self._signed(move)
        if signed:
            move.details["signed"] = signed
            self._record_share(move, signed)

    def set_notice(self, move: Move) -> None:
        move.details.update(move.facts.model_dump(mode="json"))

    def set_verified(self, move: Move) -> None:
        if move.case.details.get("signed"):
            move.details["signed"] = self._valid(move)
            self._record_share(move, move.details["signed"])

    def set_drafts(self, move: Move) -> None:
        move.details["drafts"] = [move.facts.rules, move.facts.covenant]

    def _signed(self, move: Move) -> list[str]:
        """All that have signed, with those stated now."""
        return [*move.case.details.get("signed", []), *move.facts.signed]

    def _valid(self, move: Move) -> list[str]:
        void = {one.unit for one in move.facts.void}
        return [unit for unit in move.case.details["signed"] if unit not in void]

    def _record_share(self, move: Move, signed: list[str]) -> None:
        units = units_of(move.session, move.case.estate_id)
        share = share_of(units, signed)
        area: Any = sum(units[label].area_dm2 for label in signed)
        move.record |= {
            "units_signed": len(signed), "area_signed": square_metres(area), "heads_share": percent(share.heads),
            "area_share": percent(share.area),
        }  # fmt: skip
