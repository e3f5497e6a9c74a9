"""业主委员会换届: before a committee's term ends, or when too few are left, its successor is elected and takes over."""

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from statemachine import Event

from ..case import Case
from ..elections import FAILED, Call, Counted, Election, Group, Reason, only_one, term_of
from ..people import Body, Desk
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Period, Reopening, Stage, Wrong

CAUSES: dict[str, Any] = {"term": "任期将满", "too_few": "委员人数不足", "other": "其他依法应当换届的情形"}


class Report(Facts):
    plan: Paragraph = Field(title="换届方案")
    period: Line | None = Field(default=None, title="拟召开业主大会会议的时间")


class HandedItem(Facts):
    kind: Line = Field(title="类别", description="账目、档案、印章")
    what: Line = Field(title="移交内容")
    received_by: Line = Field(title="接收人")


class HandedOver(Facts):
    items: list[HandedItem] = Field(title="移交清单", min_length=1, max_length=100)
    signed_on: Day = Field(title="签字之日")
    handed_by: Line = Field(title="移交人")


class CommitteeReelection(Election, CaseType):
    """业主委员会换届. Shenzhen's own time limits are not confirmed: national guidance (建房〔2009〕274号) and operator's entries."""

    title = "业主委员会换届"
    prefix = "HJ"
    opened_by = ("committee", "street_office")

    rules = "reelection"
    group_title = "换届小组"
    motions = ("election",)

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        about: Line = Field(default="选举新一届业主委员会", title="事项")
        cause: Literal["term", "too_few", "other"] = Field(
            default="term", title="换届原因", json_schema_extra={"x-titles": CAUSES}
        )

    @classmethod
    def opening(cls, session: Session, case: Case) -> None:
        only_one(session, case)

    # --- stages ---

    report = Stage(
        "书面报告",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        initial=True,
        deadline="reelection.report",
        needs=(Need("换届方案"),),
    )
    group = Stage("组建换届小组", desk=Desk.STREET, deadline="reelection.group", needs=(Need("党组织推荐意见"),))
    group_publicity = Stage(
        "换届小组成员公示",
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
    candidates = Stage(
        "候选人与资格审查", desk=Desk.STREET, deadline="election.candidates", needs=(Need("候选人报名表"),)
    )
    assembly = Stage(
        "业主大会会议",
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
    handover = Stage(
        "移交", desk=Desk.APPLICANT, also=(Desk.STREET,), deadline="reelection.handover", since="hand_over_from",
        needs=(Need("签字的移交清单"),),
    )  # fmt: skip
    closed = Stage("办结", final=True)

    # --- moves ---

    submit = Event(report.to(group, on="set_plan"), name="提交书面报告")
    take_over = Event(report.to(group, unless="report_not_overdue"), name="逾期未报告，街道组织")
    name_group = Event(group.to(group_publicity, unless="group_wrong", on="set_group"), name="公示换届小组成员")
    publicity_ends = Event(
        group_publicity.to(objections) | result_publicity.to(conclusion),
        name="公示期满",
    )
    found_group = Event(
        objections.to(register, unless="objections_unanswered", on="record_objections"), name="换届小组成立"
    )
    recompose = Event(objections.to(group, unless="objections_unanswered"), name="异议成立，调整成员")
    determine = Event(register.to(candidates, unless="register_not_settled", on="set_register"), name="核定投票权")
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
            handover,
            unless=("nobody_elected", "objections_unanswered"),
            on=("record_objections", "hand_to_filing", "set_hand_over"),
        ),
        name="确认选举结果",
    )
    handed_over = Event(handover.to(closed, unless="list_wrong"), name="移交完毕")
    fail = Event(
        unelected.to(closed, on="set_failed")
        | group.to(closed, unless="term_runs", on="set_failed")
        | objections.to(closed, unless="term_runs", on="set_failed")
        | register.to(closed, unless="term_runs", on="set_failed")
        | candidates.to(closed, unless="term_runs", on="set_failed"),
        name="换届未成，终止",
    )
    withdraw = Event(report.to(closed, unless="must_be_renewed"), name="撤回")

    facts = {
        "submit": Report, "name_group": Group, "recompose": Reason, "call": Call, "recall": Reason,
        "declare": Counted, "recount": Reason, "annul": Reason, "handed_over": HandedOver, "fail": Reason,
        "withdraw": Reason,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"submit", "handed_over", "withdraw"},
        Desk.STREET: {
            "take_over", "name_group", "found_group", "recompose", "determine", "call", "recall", "declare", "recount", "annul",
            "confirm", "handed_over", "fail",
        },
    }  # fmt: skip

    paper = {
        "take_over": Paper("reelection_order", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
        "name_group": Paper("group_notice", copies=(Desk.RESIDENTS,)),
        "call": Paper("assembly_notice", copies=(Desk.RESIDENTS,)),
        "declare": {
            "result_publicity": Paper("result_notice", copies=(Desk.RESIDENTS,)),
            "second_round": Paper("second_round_notice", copies=(Desk.RESIDENTS,)),
            "unelected": Paper("unelected_notice"),
        },
        "annul": Paper("annulment_notice"),
        "confirm": Paper("election_confirmation", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
        "handed_over": Paper("handover_confirmation", copies=(Desk.RESIDENTS,)),
        "fail": Paper("election_failure", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
        "withdraw": Paper("reelection_withdrawal"),
    }

    outcomes = {"handed_over": "换届完成", "fail": FAILED["committee_reelection"], "withdraw": "撤回"}

    enterable_afterwards = {"open", "submit", "handed_over"}

    reopening = Reopening("candidates")

    consults = (
        "reelection.group_size", "reelection.seat_street", "reelection.seat_party", "reelection.seat_owner", "reelection.seat_police",
        "reelection.seat_residents", "reelection.seat_developer", "reelection.group_bars", "reelection.handover_list",
        "committee.sizes", "election.order", "term.open", "term.second", "term.last",
    )  # fmt: skip

    # --- obstacles: the sentence a refused person reads ---

    def report_not_overdue(self, move: Move) -> str | None:
        """Where the street itself has opened the case, nobody is waited for."""
        clock = move.running("deadline")
        if clock is None or move.at >= clock.due_at or self._is_the_streets(move):
            return None
        return f"书面报告期限至 {clock.due_day} 24时届满，届满前由申请人报告。"

    def must_be_renewed(self, move: Move) -> str | None:
        if move.case.details["cause"] == "other":
            return None
        return f"{CAUSES[move.case.details['cause']]}的，应当换届，不能撤回。"

    def term_runs(self, move: Move) -> str | None:
        """A committee in office is not said to have no successor before its term is over."""
        last = term_of(move)
        if last is None or move.today > last:
            return None
        return f"本届任期至 {last} 届满，{last + timedelta(days=1)} 起才能以换届未成终止。"

    def list_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        if move.facts.signed_on > move.today:
            return Wrong("signed_on", f"签字之日 {move.facts.signed_on} 不能晚于今天。")
        rule = move.rule("reelection.handover_list")
        listed = {item.kind for item in move.facts.items}
        missing = [entry for entry in rule.entries if entry not in listed]
        return (
            Wrong("items", f"移交清单缺少：{'、'.join(missing)}（{rule.source}{rule.article}）。") if missing else None
        )

    def _is_the_streets(self, move: Move) -> bool:
        return move.session.get_one(Body, move.case.applicant_id).kind == "street_office"

    # --- what is remembered ---

    def set_plan(self, move: Move) -> None:
        move.details["plan"] = move.facts.plan

    def set_hand_over(self, move: Move) -> None:
        """Within so many days of the end of the term; of one that is over, from the confirmation of the successor on."""
        last = term_of(move)
        move.details["hand_over_from"] = max(last or move.today, move.today).isoformat()
