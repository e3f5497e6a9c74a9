"""业主委员会备案: a committee that was elected is filed and takes office, its changes are, and alternates follow (候补递补)."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col
from statemachine import Event

from ..case import Case, CaseEvent
from ..committees import POSTS, Committee, Member, follow, in_office, members, take_office
from ..db import write
from ..decisions import held
from ..elections import Label, Places, Reason, open_case, result_of, wrong_kind
from ..people import Body, Desk
from ..scope import in_short
from ..territory import Estate
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Period, Reopening, Stage, Wrong

CHANGES: dict[str, Any] = {
    "post": "主任、副主任变动", "rules": "修改业主大会议事规则", "covenant": "修改管理规约", "other": "其他备案事项变动",
}  # fmt: skip
SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _credit_code(code: str) -> str:
    """统一社会信用代码 (GB 32100): eighteen signs, the last of which checks the others."""
    code = code.upper()
    if not re.fullmatch(f"[{SIGNS}]{{18}}", code):
        raise ValueError("统一社会信用代码为18位数字和大写字母，不含 I、O、S、V、Z")
    weighed = sum(SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(code[:17]))
    if SIGNS[-weighed % 31] != code[17]:
        raise ValueError("统一社会信用代码的校验位不对，请核对")
    return code


class Elected(Facts):
    name: Line = Field(title="姓名")
    unit: Label = Field(title="房号")
    post: Literal["member", "alternate"] = Field(
        title="职务", json_schema_extra={"x-titles": {"member": "委员", "alternate": "候补委员"}}
    )


class EnterElected(Facts):
    """An election that was held before this office kept such cases."""

    elected_on: Day = Field(title="选举产生之日")
    decision: int = Field(title="选举的表决编号", json_schema_extra={"format": "decision"})
    elected: list[Elected] = Field(title="当选名单（按得票顺序）", min_length=1, max_length=60)
    has_code: bool = Field(default=False, title="业主大会已有统一社会信用代码")


class Change(Facts):
    changed_on: Day = Field(title="变更之日")
    changes: list[Literal["post", "rules", "covenant", "other"]] = Field(
        title="变更事项", min_length=1, max_length=4, json_schema_extra={"x-titles": CHANGES}
    )
    statement: Paragraph = Field(title="变更内容")
    chair: Line | None = Field(default=None, title="变更后的主任")
    deputies: list[Line] = Field(default_factory=list, title="变更后的副主任", max_length=5)


class Vacate(Facts):
    member: Line = Field(title="职务终止的委员")
    ended_on: Day = Field(title="职务终止之日")
    reason: Line = Field(title="终止原因", description="如辞去职务、不再是本小区业主")


class Coopt(Facts):
    alternate: Line = Field(title="递补的候补委员")
    places: Places


class Decline(Facts):
    alternate: Line = Field(title="放弃递补的候补委员")
    reason: Line = Field(title="放弃原因")


class SubmitElected(Facts):
    """The posts that the committee's first meeting gave, and how long its term is (议事规则)."""

    chair: Line = Field(title="主任")
    deputies: list[Line] = Field(default_factory=list, title="副主任", max_length=5)
    term_from: Day = Field(title="任期首日")
    term_to: Day = Field(title="任期末日")


class Ask(Facts):
    items: list[Line] = Field(title="需要补正的材料或内容", min_length=1, max_length=30)


class Resubmit(Facts):
    answer: Paragraph | None = Field(default=None, title="补正说明")


class Coded(Facts):
    code: Annotated[Line, AfterValidator(_credit_code)] = Field(title="统一社会信用代码")


class CommitteeFiling(CaseType):
    """业主委员会备案: with the district, copied to street and residents' committee (条例 Arts. 24, 41; 物业管理条例 Art. 16)."""

    title = "业主委员会备案"
    prefix = "BA"
    opened_by = ("committee",)
    remembers = {"vacated": "职务终止的委员", "coopted": "递补的委员"}

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        about: Line = Field(title="备案事项")
        elected_on: Day | None = Field(default=None, title="选举产生之日（本系统办理的选举自动填写）")

    # --- stages ---

    matter = Stage("备案事项登记", desk=Desk.APPLICANT, initial=True, waits_on="applicant")
    submission = Stage(
        "提交备案",
        desk=Desk.APPLICANT,
        deadline="filing.first",
        since="elected_on",
        needs=(
            Need("选举会议记录"),
            Need("业主大会议事规则"),
            Need("管理规约"),
            Need("委员和候补委员名单"),
            Need("业主共同决定结果", by="sharing"),
        ),
    )
    change_submission = Stage(
        "提交变更备案", desk=Desk.APPLICANT, deadline="filing.change", since="changed_on", needs=(Need("变更的决定"),)
    )
    coopting = Stage("递补", desk=Desk.APPLICANT, deadline="filing.coopt")
    coopt_publicity = Stage(
        "递补公示",
        desk=Desk.APPLICANT,
        periods=(Period("filing.coopt_publicity", "publicity_ends"),),
        publicity=True,
        needs=(Need("公示照片"),),
    )
    coopt_submission = Stage(
        "提交递补备案",
        desk=Desk.APPLICANT,
        deadline="filing.coopted",
        since="published_to",
        needs=(Need("公示证明"), Need("得票顺序", by="sharing")),
    )
    review = Stage("备案审核", desk=Desk.DISTRICT, deadline="filing.review")
    correction = Stage(
        "补正", desk=Desk.APPLICANT, also=(Desk.DISTRICT,), deadline="filing.correction", holds_asker=True
    )
    code = Stage("统一社会信用代码", desk=Desk.DISTRICT, deadline="filing.credit_code")
    too_few = Stage("人数不足", desk=Desk.STREET, deadline="filing.too_few")
    closed = Stage("办结", final=True)

    # --- moves ---

    enter_elected = Event(
        matter.to(submission, unless=("election_day_wrong", "decision_not_usable", "number_wrong"), on="set_elected"),
        name="录入已有选举结果",
    )
    change = Event(
        matter.to(change_submission, unless=("no_committee", "change_day_wrong", "new_posts_wrong"), on="set_change"),
        name="登记变更",
    )
    vacate = Event(
        matter.to(coopting, cond="alternate_left", unless=("no_committee", "not_a_member", "end_wrong"), on="end_post")
        | matter.to(too_few, cond="below_half", unless=("no_committee", "not_a_member", "end_wrong"), on="end_post")
        | matter.to(
            change_submission, cond="enough_left", unless=("no_committee", "not_a_member", "end_wrong"), on="end_post"
        ),
        name="登记委员职务终止",
    )
    coopt = Event(coopting.to(coopt_publicity, unless="not_the_next", on="set_coopted"), name="公示递补委员")
    decline = Event(
        coopting.to.itself(internal=True, cond="another_left", unless="not_the_next", on="end_alternate")
        | coopting.to(too_few, cond="below_half_without", unless="not_the_next", on="end_alternate")
        | coopting.to(change_submission, cond="enough_without", unless="not_the_next", on="end_alternate"),
        name="候补委员放弃递补",
    )
    retract = Event(
        coopt_publicity.to(coopting, on="unset_coopted") | coopt_submission.to(coopting, on="unset_coopted"),
        name="撤回公示",
    )
    publicity_ends = Event(coopt_publicity.to(coopt_submission, on="set_published"), name="公示期满")
    submit = Event(
        submission.to(review, unless="posts_wrong", on="set_posts")
        | change_submission.to(review)
        | coopt_submission.to(review, unless="objections_unanswered"),
        name="提交备案",
    )
    ask = Event(review.to(correction, unless="asked_before", on="remember_asker"), name="要求补正")
    resubmit = Event(correction.to(review), name="提交补正")
    lapse = Event(correction.to(closed, unless="correction_not_overdue"), name="逾期未补正，终止")
    refuse = Event(review.to(closed), name="不予备案")
    file = Event(
        review.to(code, cond="needs_code", on="install")
        | review.to(closed, cond="needs_none", unless="alternate_is_gone", on="install"),
        name="备案",
    )
    coded = Event(code.to(closed, on="set_code"), name="赋码发证")
    start_reelection = Event(too_few.to(closed, on="open_reelection"), name="启动换届")
    withdraw = Event(matter.to(closed) | change_submission.to(closed, unless="post_has_ended"), name="撤回")

    facts = {
        "enter_elected": EnterElected, "change": Change, "vacate": Vacate, "coopt": Coopt, "decline": Decline, "retract": Reason,
        "submit": {"submission": SubmitElected}, "ask": Ask, "resubmit": Resubmit, "refuse": Reason, "coded": Coded,
        "withdraw": Reason,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {
            "enter_elected", "change", "vacate", "coopt", "decline", "retract", "submit", "resubmit", "withdraw",
        },
        Desk.STREET: {"start_reelection"},
        Desk.DISTRICT: {"ask", "refuse", "lapse", "file", "coded"},
    }  # fmt: skip

    paper = {
        "vacate": {"too_few": Paper("too_few_report", by=Desk.APPLICANT, to=Desk.STREET)},
        "decline": {"too_few": Paper("too_few_report", by=Desk.APPLICANT, to=Desk.STREET)},
        "coopt": Paper("coopt_notice", by=Desk.APPLICANT, to=Desk.RESIDENTS, copies=(Desk.STREET,)),
        "ask": Paper("filing_correction"),
        "refuse": Paper("filing_refusal", copies=(Desk.STREET,)),
        "lapse": Paper("filing_lapse", copies=(Desk.STREET,)),
        "file": Paper("filing_receipt", copies=(Desk.STREET, Desk.RESIDENTS)),
        "coded": Paper("code_notice", copies=(Desk.STREET,)),
        "start_reelection": Paper("too_few_notice", copies=(Desk.DISTRICT, Desk.RESIDENTS)),
        "withdraw": Paper("filing_withdrawal", by=Desk.DISTRICT),
    }

    outcomes = {
        "file": "已备案", "coded": "已备案", "refuse": "不予备案", "lapse": "逾期终止", "start_reelection": "人数不足，转换届", "withdraw": "撤回",
    }  # fmt: skip

    enterable_afterwards = {"open", "submit", "resubmit", "withdraw"}

    reopening = Reopening("review")

    consults = ("committee.sizes", "filing.few_share")

    @classmethod
    def afterwards(cls, session: Session, case: Case, event: CaseEvent, at: datetime) -> None:
        """Open cases learn of the committee that took office."""
        if event.name == "file" and case.estate_id is not None:
            follow(session, case.estate_id, at)

    # --- obstacles: the sentence a refused person reads ---

    def no_committee(self, move: Move) -> str | None:
        if _committee(move):
            return None
        return "本小区没有已备案的业主委员会；选举在先的，请先“录入已有选举结果”并备案。"

    def election_day_wrong(self, move: Move) -> str | None:
        day = move.facts and move.facts.elected_on
        return Wrong("elected_on", f"选举产生之日 {day} 不能晚于今天。") if day and day > move.today else None

    def decision_not_usable(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        decision = held(move.session, move.facts.decision)
        if decision is None or decision.estate_id != move.case.estate_id:
            return Wrong("decision", f"本小区没有编号为 {move.facts.decision} 的业主共同决定，请先导入名册和表决票。")
        if wrong := wrong_kind(decision, elects=True):
            return Wrong("decision", wrong)
        if not decision.passed:
            return Wrong("decision", f"编号 {decision.id} 的业主共同决定未通过：{decision.why_not()}")
        if not decision.is_of_everybody(move.session):
            asked = in_short(decision.scope)
            return Wrong(
                "decision", f"编号 {decision.id} 的业主共同决定由“{asked}”的业主表决，选举须由全体业主共同决定。"
            )
        return None

    def number_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        names = [one.name for one in move.facts.elected]
        if len(set(names)) < len(names):
            doubles = "、".join(dict.fromkeys(name for name in names if names.count(name) > 1))
            return Wrong("elected", f"重复填写：{doubles}。")
        seats, sizes = sum(one.post == "member" for one in move.facts.elected), move.rule("committee.sizes")
        if str(seats) not in sizes.entries:
            return Wrong(
                "elected",
                f"委员人数应为{'、'.join(sizes.entries)}之一（{sizes.source}{sizes.article}），填写的是{seats}人。",
            )
        return None

    def change_day_wrong(self, move: Move) -> str | None:
        day = move.facts and move.facts.changed_on
        return Wrong("changed_on", f"变更之日 {day} 不能晚于今天。") if day and day > move.today else None

    def new_posts_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        if "post" in move.facts.changes and not move.facts.chair:
            return Wrong("chair", "主任、副主任变动的，请填写变更后的主任。")
        seated = [member.name for member in _seated(move) if member.post != "alternate"]
        return _not_among(seated, move.facts.chair, move.facts.deputies)

    def not_a_member(self, move: Move) -> str | None:
        if move.facts is None or _member(move, move.facts.member):
            return None
        return Wrong("member", f"{move.facts.member}不是本届业主委员会的在任委员。")

    def end_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        member = _member(move, move.facts.member)
        day = move.facts.ended_on
        if day > move.today or (member and day < member.from_day):
            return Wrong("ended_on", f"职务终止之日 {day} 应在任职之后、不晚于今天。")
        return None

    def not_the_next(self, move: Move) -> str | None:
        """条例 Art. 41: alternates follow in the order of votes."""
        if move.facts is None:
            return None
        after = next(iter(_alternates(move)), None)
        if after is None or after.name != move.facts.alternate:
            who = f"应由{after.name}（得票顺序第{after.rank}）递补" if after else "已没有候补委员"
            return Wrong("alternate", f"候补委员按得票顺序递补，{who}（深圳经济特区物业管理条例第四十一条）。")
        return None

    def posts_wrong(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        if move.facts.term_to <= move.facts.term_from:
            return Wrong(
                "term_to", f"任期末日（{move.facts.term_to}）应晚于任期首日（{move.facts.term_from}），请核对。"
            )
        elected = [one["name"] for one in _elected(move) if one["post"] == "member"]
        return _not_among(elected, move.facts.chair, move.facts.deputies)

    def alternate_is_gone(self, move: Move) -> str | None:
        name = move.case.details.get("coopted")
        if name is None or any(member.name == name for member in _alternates(move)):
            return None
        return f"{name}已不是候补委员，不能递补备案。"

    def post_has_ended(self, move: Move) -> str | None:
        return "委员职务已经终止，应当办理变更备案，不能撤回。" if move.case.details.get("vacated") else None

    # --- which branch ---

    def alternate_left(self, move: Move) -> bool:
        return move.facts is None or bool(_alternates(move))

    def below_half(self, move: Move) -> bool:
        """条例 Art. 41: no alternate is left, and those who remain are fewer than half of the number elected."""
        return move.facts is not None and not _alternates(move) and _is_below_half(move, leaving=1)

    def enough_left(self, move: Move) -> bool:
        return move.facts is not None and not _alternates(move) and not _is_below_half(move, leaving=1)

    def another_left(self, move: Move) -> bool:
        return move.facts is None or len(_alternates(move)) > 1

    def below_half_without(self, move: Move) -> bool:
        return not self.another_left(move) and _is_below_half(move)

    def enough_without(self, move: Move) -> bool:
        return not self.another_left(move) and not _is_below_half(move)

    def needs_code(self, move: Move) -> bool:
        """The first committee of an assembly, which gets its code once."""
        election = result_of(move.session, move.case)
        if election is not None:
            return election.type == "committee_formation"
        return "elected" in move.case.details and not move.case.details["has_code"]

    def needs_none(self, move: Move) -> bool:
        return not self.needs_code(move)

    # --- what is remembered ---

    def set_elected(self, move: Move) -> None:
        stated = move.facts.model_dump(mode="json")
        ranked = [one | {"rank": rank} for rank, one in enumerate(stated["elected"], start=1)]
        move.details.update(stated | {"elected": ranked})

    def set_change(self, move: Move) -> None:
        move.details.update(move.facts.model_dump(mode="json", exclude_none=True))

    def end_post(self, move: Move) -> None:
        member = _member(move, move.facts.member)
        assert member is not None
        write(move.session, member, to_day=move.facts.ended_on, why=move.facts.reason)
        move.details.update({"vacated": member.name, "changed_on": move.facts.ended_on.isoformat()})
        self._record_numbers(move)

    def end_alternate(self, move: Move) -> None:
        write(move.session, _alternates(move)[0], to_day=move.today, why=move.facts.reason)
        self._record_numbers(move)

    def _record_numbers(self, move: Move) -> None:
        committee = _committee(move)
        assert committee is not None
        left = sum(member.post != "alternate" for member in _seated(move))
        move.record |= {"seats": committee.seats, "left": left}
        move.details |= {"seats": committee.seats, "left": left}

    def set_coopted(self, move: Move) -> None:
        move.details |= {"coopted": move.facts.alternate, "places": move.facts.places}
        move.record["rank"] = _alternates(move)[0].rank

    def unset_coopted(self, move: Move) -> None:
        move.details.pop("coopted")

    def set_published(self, move: Move) -> None:
        clock = move.running("period")
        assert clock is not None
        move.details["published_to"] = clock.due_day.isoformat()

    def set_posts(self, move: Move) -> None:
        move.details.update(move.facts.model_dump(mode="json"))

    def set_code(self, move: Move) -> None:
        move.details["code"] = move.facts.code

    def install(self, move: Move) -> None:
        """What is filed takes effect: a committee takes office, an alternate becomes a member, posts change hands."""
        if _elected(move):
            self._take_office(move)
        elif name := move.details.get("coopted"):
            alternate = next(member for member in _alternates(move) if member.name == name)
            write(move.session, alternate, post="member", from_day=move.today)
        elif chair := move.details.get("chair"):
            deputies = move.details["deputies"]
            for member in _seated(move):
                if member.post != "alternate":
                    write(move.session, member, post=_post(member.name, chair, deputies))
        move.record["members"] = [
            {"name": member.name, "post": POSTS[member.post]} for member in _seated(move)
        ]  # fmt: skip

    def _take_office(self, move: Move) -> None:
        estate = move.session.get_one(Estate, move.case.estate_id)
        details, elected = move.details, _elected(move)
        term_from = datetime.fromisoformat(details["term_from"]).date()
        committee = take_office(
            move.session,
            estate,
            _body_of(move.session, estate),
            kind="elected",
            case=move.case,
            from_day=term_from,
            to_day=datetime.fromisoformat(details["term_to"]).date(),
            seats=sum(one["post"] == "member" for one in elected),
            at=move.at,
        )
        move.session.add_all(
            Member(
                committee_id=committee.id,  # type: ignore[arg-type]
                name=one["name"],
                unit=one["unit"],
                post=_post(one["name"], details["chair"], details["deputies"])
                if one["post"] == "member"
                else "alternate",
                rank=one["rank"],
                from_day=term_from,
            )
            for one in elected
        )
        move.session.flush()

    def open_reelection(self, move: Move) -> None:
        """Unless one is open already."""
        running = open_case(move.session, "committee_reelection", move.case.estate_id)
        if running:
            move.record["cases"] = [running.number]
            return
        committee = _committee(move)
        asks = committee.body_id if committee else move.case.applicant_id
        move.arises("committee_reelection", why="too_few", applicant_id=asks, cause="too_few")


def _committee(move: Move) -> Committee | None:
    committee = in_office(move.session, move.case.estate_id)
    return committee if committee and committee.kind == "elected" else None


def _seated(move: Move) -> list[Member]:
    committee = _committee(move)
    return members(move.session, committee) if committee else []


def _member(move: Move, name: str) -> Member | None:
    return next((one for one in _seated(move) if one.name == name and one.post != "alternate"), None)


def _alternates(move: Move) -> list[Member]:
    """In the order of votes, without those whom another filing is about to seat."""
    elsewhere = select(Case.details["coopted"].as_string()).where(
        col(Case.type) == move.case.type,
        col(Case.estate_id) == move.case.estate_id,
        col(Case.closed_at).is_(None),
        col(Case.id) != move.case.id,
        Case.details["coopted"].is_not(None),
    )
    taken = set(move.session.scalars(elsewhere))
    return [member for member in _seated(move) if member.post == "alternate" and member.name not in taken]


def _is_below_half(move: Move, leaving: int = 0) -> bool:
    committee = _committee(move)
    if committee is None:
        return False
    left = sum(member.post != "alternate" for member in _seated(move)) - leaving
    return left < committee.seats * move.rule("filing.few_share").share


def _elected(move: Move) -> list[dict[str, Any]]:
    """Who was elected, in the order of votes; none where the filing is about something else."""
    election = result_of(move.session, move.case)
    found: list[dict[str, Any]] = (election or move.case).details.get("elected", [])
    return found


def _not_among(names: list[str], chair: str | None, deputies: list[str]) -> Wrong | None:
    for field, stated in (("chair", [chair] if chair else []), ("deputies", deputies)):
        if strangers := [name for name in stated if name not in names]:
            return Wrong(field, f"不是本届委员，不能担任主任或者副主任：{'、'.join(strangers)}。")
    return Wrong("deputies", f"{chair}不能同时担任主任和副主任。") if chair in deputies else None


def _post(name: str, chair: str, deputies: list[str]) -> str:
    return "chair" if name == chair else "deputy" if name in deputies else "member"


def _body_of(session: Session, estate: Estate) -> Body:
    """The estate's committee as a body; founded where it has none. Who acts for it meanwhile (居代业) is another."""
    body = session.get(Body, estate.committee_id) if estate.committee_id else None
    if body and body.kind == "committee":
        return body
    name = f"{estate.name}业主委员会"
    before = select(Body).where(col(Body.name) == name, col(Body.kind) == "committee")
    body = session.scalar(before) or Body(kind="committee", name=name, area_id=estate.area_id)
    session.add(body)
    session.flush()
    return body
