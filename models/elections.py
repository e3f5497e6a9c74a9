"""选举业主委员会: what the first election (成立) and a re-election (换届) have in common.

A group prepares it under the street office (筹备组, 换届小组), its members are published, it settles who votes, puts up
candidates, gives fifteen days' notice (物业管理条例 Art. 14), and lets the owners vote: once, and again for what is missing.
What is passed and who is elected follows from counted decisions of the estate (Civil Code 278). How many sit where, and what
bars whom, is a rule; `Election.rules` says under which name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from sqlalchemy import select
from sqlmodel import Session, col

from .casetypes.base import Move
from .casetypes.facts import Day, Facts, Line, Paragraph, Wrong
from .committees import in_office
from .decisions import MATTERS, Decision, held
from .editions import calendar
from .errors import Conflict
from .estate_roster import Roster
from .links import Link
from .people import Body, Desk
from .publicity import objections
from .reading import area_in, is_company, names_of, square_metres, unit_label
from .scope import in_short
from .tally import Shares, UnitShare, tally
from .territory import Estate, Unit
from .worktime import OFFICE_ZONE, due

if TYPE_CHECKING:
    from .case import Case

SEATS: dict[str, Any] = {
    "street": "街道办事处", "party": "社区党委或者辖区基层党组织", "owner": "业主代表", "police": "辖区公安派出所",
    "residents": "社区居民委员会", "developer": "建设单位",
}  # fmt: skip
"""条例 Art. 20."""
Seat = Literal["street", "party", "owner", "police", "residents", "developer"]
MOTIONS = {"rules": "业主大会议事规则", "covenant": "管理规约", "election": "选举业主委员会"}
RECOMMENDED: dict[str, Any] = {
    "party": "社区党组织推荐", "residents": "居民委员会推荐", "owners": "业主联名推荐", "self": "自荐",
}  # fmt: skip
FAILED = {"committee_formation": "筹备失败", "committee_reelection": "换届失败"}
"""By type, the outcome of a case in which preparations were made and no committee came about."""
LONGEST_LIST = 20


def _dm2(value: Any) -> Any:
    return area_in(value) if isinstance(value, str) else value


SquareMetres = Annotated[
    int,
    BeforeValidator(_dm2),
    Field(ge=0, le=10**12),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,10}(\.\d{1,2})?$", "maxLength": 13}),
]
"""dm², written as square metres: `"1234.50"`."""
Label = Annotated[Line, AfterValidator(lambda text: unit_label(text) or text)]
"""A unit as the roster calls it: `1幢101室` is `1栋0101`."""
Places = Annotated[list[Line], Field(default_factory=list, title="公示地点", max_length=LONGEST_LIST)]


# --- what is stated ---


class GroupMember(Facts):
    name: Line = Field(title="姓名")
    seat: Seat = Field(title="席位", json_schema_extra={"x-titles": SEATS})
    unit: Label | None = Field(default=None, title="房号（业主代表填写）")


class Group(Facts):
    members: list[GroupMember] = Field(
        title="成员名单（组长由街道办事处成员担任）", min_length=1, max_length=LONGEST_LIST
    )
    places: Places


class Reason(Facts):
    reason: Paragraph = Field(title="理由")


class Candidate(Facts):
    name: Line = Field(title="姓名")
    unit: Label = Field(title="房号")
    recommended_by: Literal["party", "residents", "owners", "self"] = Field(
        title="推荐方式", json_schema_extra={"x-titles": RECOMMENDED}
    )
    qualified: bool = Field(default=False, title="资格审查通过")


class Call(Facts):
    """What is put before the owners with the notice of the assembly."""

    seats: int = Field(ge=1, le=99, title="委员人数")
    alternates: int = Field(default=0, ge=0, le=99, title="候补委员人数")
    candidates: list[Candidate] = Field(title="候选人", min_length=1, max_length=60)
    party_opinion: Paragraph = Field(title="党组织对候选人的意见")
    form: Literal["meeting", "written", "electronic"] = Field(
        title="会议形式",
        json_schema_extra={"x-titles": {"meeting": "集体讨论", "written": "书面征求意见", "electronic": "电子投票"}},
    )
    places: Places


class Count(Facts):
    name: Line = Field(title="候选人")
    heads: int = Field(ge=0, le=10**6, title="同意人数")
    area: SquareMetres = Field(title="同意面积（㎡）")


class Counted(Facts):
    """What the owners decided in one round; what passed in the first is left out in the second."""

    election_decision: int | None = Field(
        default=None, title="选举的表决编号", json_schema_extra={"format": "decision"}
    )
    counts: list[Count] = Field(default_factory=list, title="各候选人得票（表决按候选人计票的不必填写）", max_length=60)


class CountedWithRules(Counted):
    """Of a first assembly, which also adopts the rules it will live by."""

    rules_decision: int | None = Field(
        default=None, title="议事规则的表决编号", json_schema_extra={"format": "decision"}
    )
    covenant_decision: int | None = Field(
        default=None, title="管理规约的表决编号", json_schema_extra={"format": "decision"}
    )


# --- the roster ---


def units_of(session: Session, estate_id: int | None) -> dict[str, Unit]:
    """The estate's units by label."""
    found = session.scalars(select(Unit).where(col(Unit.estate_id) == estate_id).order_by(col(Unit.id)))
    return {unit.label: unit for unit in found}


def unlisted(units: Mapping[str, Unit], labels: Iterable[str], field: str) -> Wrong | None:
    """What is wrong with stated units, by name: not in the roster, or stated twice."""
    labels = list(labels)
    if not units:
        return Wrong(field, "本小区还没有业主名册，不能核对，请先导入名册。")
    if unknown := [label for label in dict.fromkeys(labels) if label not in units]:
        return Wrong(field, f"业主名册中没有：{'、'.join(unknown)}。")
    if doubles := [label for label, times in Counter(labels).items() if times > 1]:
        return Wrong(field, f"重复填写：{'、'.join(doubles)}。")
    return None


def share_of(units: Mapping[str, Unit], labels: Iterable[str]) -> Shares:
    """What owners of these units are of all, by heads and by area, exactly; a head is counted as in a vote (`tally`)."""
    shares = [UnitShare(unit.label, unit.area_dm2, unit.owner_key, unit.unsold) for unit in units.values()]
    return tally(shares, [(label, "agree", None) for label in labels]).participation


def is_owner(unit: Unit, name: str) -> bool:
    """Whether `name` may speak for the unit: one of its owners, or somebody sent by the company that owns it."""
    return not unit.unsold and (is_company(unit.owner) or not names_of(name).isdisjoint(names_of(unit.owner)))


# --- what others ask ---


def failed(case: "Case") -> bool:
    """Whether it shows that no committee came about though preparations were made: what an acting committee needs (居代业办法)."""
    return not case.is_open and case.outcome == FAILED.get(case.type, "")


def open_case(session: Session, type_id: str, estate_id: int | None) -> "Case | None":
    """The estate's open case of that type."""
    from .case import Case

    running = select(Case).where(
        col(Case.type) == type_id, col(Case.estate_id) == estate_id, col(Case.closed_at).is_(None)
    )
    return session.scalar(running.order_by(col(Case.id)).limit(1))


def only_one(session: Session, case: "Case") -> None:
    """One of its type at a time per estate: raises `Conflict` where another is open.

    Locks the estate, so that of two who open at once the second sees the first.
    """
    session.execute(select(col(Estate.id)).where(col(Estate.id) == case.estate_id).with_for_update(key_share=True))
    if other := open_case(session, case.type, case.estate_id):
        raise Conflict(f"{case.place}已有正在办理的{case.kind.title}（{other.number}），不能重复登记。")


def wrong_kind(decision: Decision, *, elects: bool) -> str | None:
    """What is wrong with resting on it, by its kind: people are elected in an election, and nothing else is put to one."""
    said = f"编号 {decision.id} 的业主共同决定是按“{MATTERS[decision.kind]}”建立的，"
    if elects and not decision.is_secret:
        return (
            f"{said}逐票意见是公开的；请在小区页面“新建表决”，事项类别选“{MATTERS['election']}”，"
            "再导入表决票，填写新的编号。"
        )
    if not elects and decision.is_secret:
        return f"{said}不能用于其他事项；请在小区页面另行“新建表决”，事项类别选“{MATTERS['ordinary']}”。"
    return None


def result_of(session: Session, filing: "Case") -> "Case | None":
    """The election that a filing is about."""
    from .case import Case

    elected = select(Case).join(Link, col(Link.from_id) == col(Case.id))
    return session.scalar(elected.where(col(Link.to_id) == filing.id, col(Link.why) == "elected"))


class Election:
    """Guards and memories of the stages in common; a case type inherits them beside `CaseType`."""

    answers: ClassVar[Desk | None] = Desk.STREET
    remembers: ClassVar[Mapping[str, str]] = {"elected_on": "选举认定之日", "result": "选举结果"}
    rules: ClassVar[str]
    """The family of rules for the group: `formation` or `reelection`."""
    group_title: ClassVar[str]
    motions: ClassVar[tuple[str, ...]]
    """What the assembly must pass, of `MOTIONS`."""

    # --- the group ---

    def group_wrong(self, move: Move) -> str | None:
        """条例 Art. 20: how many in all, who sits on which seat, and that owners' representatives are owners."""
        if move.facts is None:
            return None
        members: list[GroupMember] = move.facts.members
        size, whole = move.rule(f"{self.rules}.group_size"), len(members)
        if whole not in size.count:
            return Wrong(
                "members", f"{self.group_title}应为{size.chinese}人（{size.source}{size.article}），填写的是{whole}人。"
            )
        taken = Counter[str](member.seat for member in members)
        for seat, title in SEATS.items():
            rule = move.rule(f"{self.rules}.seat_{seat}")
            if taken[seat] not in rule.count:
                wanted = f"{self.group_title}中“{title}”应为{rule.chinese}名（{rule.source}{rule.article}）"
                return Wrong("members", f"{wanted}，填写的是{taken[seat]}名。")
        if doubles := [name for name, times in Counter(member.name for member in members).items() if times > 1]:
            return Wrong("members", f"重复填写：{'、'.join(doubles)}。")
        owners = [(member.name, member.unit) for member in members if member.seat == "owner"]
        return _no_owner(move, "members", owners)

    def set_group(self, move: Move) -> None:
        stated = move.facts.model_dump(mode="json")
        move.details["members"], move.details["places"] = stated["members"], stated["places"]
        move.details.setdefault("group_on", move.today.isoformat())
        move.record["chair"] = next(member.name for member in move.facts.members if member.seat == "street")

    def record_objections(self, move: Move) -> None:
        """How many were raised against what was just published; all of them are answered."""
        published = {"objections": "group_publicity", "conclusion": "result_publicity"}[move.case.stage]
        raised = objections(move.session, move.case.id)
        move.record["objections"] = sum(one.stage == published for one in raised)

    # --- who votes ---

    def register_not_settled(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        roster = Roster.of(move.session, move.case.estate_id)
        if roster is None:
            return "本小区还没有业主名册，请先导入名册，再核定投票权。"
        if roster.undecided:
            return f"业主名册还有{len(roster.undecided)}处需要认定：{roster.undecided[0]['sentence']}"
        return None

    def set_register(self, move: Move) -> None:
        roster = Roster.of(move.session, move.case.estate_id)
        assert roster is not None
        move.details["roster"] = roster.id
        move.record |= {
            "units": roster.units, "heads": roster.heads, "area": square_metres(roster.total_area_dm2)
        }  # fmt: skip

    # --- who stands ---

    def candidates_wrong(self, move: Move) -> str | None:
        call = move.facts
        if call is None:
            return None
        sizes = move.rule("committee.sizes")
        if str(call.seats) not in sizes.entries:
            return Wrong(
                "seats",
                f"业主委员会委员人数应为{'、'.join(sizes.entries)}之一（{sizes.source}{sizes.article}），填写的是{call.seats}人。",
            )
        names = [candidate.name for candidate in call.candidates]
        if doubles := [name for name, times in Counter(names).items() if times > 1]:
            return Wrong("candidates", f"重复填写：{'、'.join(doubles)}。")
        if len(names) < call.seats:
            return Wrong("candidates", f"候选人只有{len(names)}名，少于委员人数{call.seats}人。")
        if wrong := _no_owner(move, "candidates", [(one.name, one.unit) for one in call.candidates]):
            return wrong
        return self._barred(move, names) or next(
            (
                Wrong("candidates", f"{one.name}尚未通过资格审查，不能作为候选人。")
                for one in call.candidates
                if not one.qualified
            ),
            None,
        )

    def _barred(self, move: Move, names: list[str]) -> Wrong | None:
        """Who prepares an election does not stand in it, as far as the rule says."""
        rule = move.rule(f"{self.rules}.group_bars")
        for member in move.case.details.get("members", []):
            title = SEATS[member["seat"]]
            if title in rule.entries and member["name"] in names:
                barred = f"{member['name']}是{self.group_title}的{title}，不得担任本届业主委员会委员"
                return Wrong("candidates", f"{barred}（{rule.source}{rule.article}）。")
        return None

    def set_call(self, move: Move) -> None:
        stated = move.facts.model_dump(mode="json", include={"seats", "alternates", "candidates", "places"})
        move.details.update(stated | {"round": 1, "passed": {}, "decisions": [], "elected": [], "result": None})

    def voting_has_begun(self, move: Move) -> str | None:
        clock = move.running("period")
        begun = clock is None or clock.fires == "voting_ends"
        return "表决已经开始，不能再撤回公告；表决期满后依结果办理。" if begun else None

    # --- what the owners decided ---

    def set_window(self, move: Move) -> None:
        clock = move.running("period")
        assert clock is not None
        first = clock.started_at.astimezone(OFFICE_ZONE).date() + timedelta(days=1)
        move.details["window"] = [first.isoformat(), clock.due_day.isoformat()]

    def decisions_wrong(self, move: Move) -> str | None:
        """Each motion has a counted decision of this estate, voted on in this assembly's window."""
        if move.facts is None:
            return None
        for motion in self._open_motions(move):
            field = f"{motion}_decision"
            number = getattr(move.facts, field, None)
            if number is None:
                return Wrong(field, f"请填写“{MOTIONS[motion]}”的表决编号。")
            decision = held(move.session, number)
            if wrong := self._not_of_this_vote(move, decision, number):
                return Wrong(field, wrong)
            if decision and (wrong := wrong_kind(decision, elects=motion == "election")):
                return Wrong(field, wrong)
        return None

    def _not_of_this_vote(self, move: Move, decision: Decision | None, number: int) -> str | None:
        if decision is None or decision.estate_id != move.case.estate_id:
            return f"本小区没有编号为 {number} 的业主共同决定，请先导入名册和表决票。"
        if decision.tally is None or decision.undecided or decision.is_interim:
            return f"编号 {number} 的业主共同决定：{decision.why_not()}"
        if not decision.is_of_everybody(move.session):
            return f"编号 {number} 的业主共同决定由“{in_short(decision.scope)}”的业主表决，本事项须由全体业主共同决定。"
        first, last = (date.fromisoformat(day) for day in move.case.details["window"])
        if (
            not (decision.window_from and decision.window_to)
            or decision.window_from < first
            or decision.window_to > last
        ):
            held_in = f"{decision.window_from}至{decision.window_to}" if decision.window_from else "没有填写"
            return f"编号 {number} 的表决期（{held_in}）不在本次会议的表决期（{first}至{last}）之内。"
        if number in move.case.details["decisions"]:
            return f"编号 {number} 的业主共同决定已在第一轮使用，第二轮须另行表决。"
        return None

    def counts_wrong(self, move: Move) -> str | None:
        """Every candidate who still stands is counted, once, and nobody by more than took part."""
        if move.facts is None:
            return None
        counted, counts = self._counted(move), self._counts(move)
        for stated in move.facts.counts:
            own = counted.get(stated.name)
            if own and (own.heads, own.area) != (stated.heads, stated.area):
                typed, told = (f"{one.heads}人、{square_metres(one.area)}㎡" for one in (stated, own))
                return Wrong(
                    "counts", f"{stated.name}的得票填写为{typed}，表决计票为{told}；得票以计票为准，不必填写。"
                )
        if strangers := [stated.name for stated in move.facts.counts if counted and stated.name not in counted]:
            return Wrong("counts", f"表决票上没有候选人：{'、'.join(strangers)}。")
        names, standing = [count.name for count in counts], self._standing(move)
        if doubles := [name for name, times in Counter(names).items() if times > 1]:
            return Wrong("counts", f"重复填写：{'、'.join(doubles)}。")
        if strangers := [name for name in names if name not in standing]:
            return Wrong("counts", f"不是本轮候选人：{'、'.join(strangers)}。")
        if missing := [name for name in standing if name not in names]:
            return Wrong("counts", f"缺少得票数：{'、'.join(missing)}。")
        taking_part = self._taking_part(move)
        for count in counts:
            if count.heads > taking_part["heads"] or count.area > taking_part["area"]:
                whole = f"{taking_part['heads']}人、{square_metres(taking_part['area'])}㎡"
                return Wrong("counts", f"{count.name}的得票多于参与表决的业主（{whole}），请核对。")
        return None

    def is_complete(self, move: Move) -> bool:
        """All motions passed, all seats filled."""
        if move.facts is None:
            return True
        motions = {*move.case.details["passed"], *self._passed(move)}
        return motions >= set(self.motions) and len(self._elected(move)) >= move.case.details["seats"]

    def is_first_round(self, move: Move) -> bool:
        return move.facts is not None and not self.is_complete(move) and move.case.details["round"] == 1

    def is_second_round(self, move: Move) -> bool:
        return move.facts is not None and not self.is_complete(move) and move.case.details["round"] == 2

    def set_result(self, move: Move) -> None:
        details, elected = move.details, self._elected(move)
        details["before"] = {name: details[name] for name in ("passed", "decisions", "elected")}
        used = {getattr(move.facts, f"{motion}_decision", None) for motion in self._open_motions(move)} - {None}
        details["passed"] = details["passed"] | self._passed(move)
        details["decisions"] = sorted({*details["decisions"], *used})
        details["decision"] = details["passed"].get("election")
        seats, all_seats = details["seats"], details["seats"] + details["alternates"]
        details["elected"] = [
            one | {"post": "member" if rank <= seats else "alternate", "rank": rank}
            for rank, one in enumerate(elected[:all_seats], start=1)
        ]
        details["elected_on"] = move.today.isoformat()
        details["result"] = _in_words(details["elected"])
        move.record["elected"] = details["elected"]
        move.record["passed"] = [MOTIONS[motion] for motion in self.motions if motion in details["passed"]]

    def set_aside_result(self, move: Move) -> None:
        """As it was before the vote was counted."""
        move.details.update(move.details.pop("before"))
        move.details |= {"decision": None, "result": None}

    def start_second_round(self, move: Move) -> None:
        self.set_result(move)
        move.details["round"] = 2

    def _open_motions(self, move: Move) -> list[str]:
        """What this round is about; of an election that has filled too few seats, the rest."""
        details = move.case.details
        short = len(details["elected"]) < details["seats"]
        return [one for one in self.motions if one not in details["passed"] or (one == "election" and short)]

    def _passed(self, move: Move) -> dict[str, int]:
        """Motion → decision, of those that are passed as ordinary matters (Civil Code 278)."""
        found: dict[str, int] = {}
        for motion in self._open_motions(move):
            number = getattr(move.facts, f"{motion}_decision", None)
            decision = move.session.get(Decision, number) if number else None
            if decision and decision.passed:
                found[motion] = decision.id or 0
        return found

    def _standing(self, move: Move) -> list[str]:
        if "election" not in self._open_motions(move):
            return []
        elected = {one["name"] for one in move.case.details["elected"]}
        return [one["name"] for one in move.case.details["candidates"] if one["name"] not in elected]

    def _taking_part(self, move: Move) -> dict[str, int]:
        number = move.facts.election_decision
        decision = move.session.get(Decision, number) if number else None
        nobody = {"heads": 0, "area": 0}
        return decision.tally["participating"] if decision and decision.tally else nobody

    def _counted(self, move: Move) -> dict[str, Count]:
        """What the decision itself counted for each candidate, where its ballots speak of each."""
        number = move.facts.election_decision
        decision = move.session.get(Decision, number) if number else None
        totals = (decision.tally or {}).get("candidates") if decision else None
        return {one["name"]: Count(name=one["name"], heads=one["heads"], area=one["area_dm2"]) for one in totals or []}

    def _counts(self, move: Move) -> list[Count]:
        """As the decision counted them, else as they are stated."""
        return list(self._counted(move).values()) or move.facts.counts

    def _elected(self, move: Move) -> list[dict[str, Any]]:
        """Who is elected so far, the first round's before the second's, in each in the order of votes: more than half of those
        who took part, by heads and by area, in an election that had its quorum."""
        before: list[dict[str, Any]] = [
            {key: one[key] for key in ("name", "unit", "heads", "area")} for one in move.case.details["elected"]
        ]
        if "election" not in self._passed(move):
            return before
        units = {one["name"]: one["unit"] for one in move.case.details["candidates"]}
        now = sorted(_passing(self._counts(move), self._taking_part(move)), key=_in_order(move))
        return before + [one | {"unit": units.get(one["name"], "")} for one in now]

    # --- and then ---

    def nobody_elected(self, move: Move) -> str | None:
        return None if move.case.details.get("elected") else "本件还没有选举结果，不能确认。"

    def hand_to_filing(self, move: Move) -> None:
        """The committee that was elected asks for its filing; where there is none yet, the owners do."""
        estate = move.session.get_one(Estate, move.case.estate_id)
        body = move.session.get(Body, estate.committee_id) if estate.committee_id else None
        asks = body.id if body and body.kind == "committee" else estate.owners_id or move.case.applicant_id
        move.record["elected"] = move.case.details["elected"]
        move.arises(
            "committee_filing", why="elected", applicant_id=asks, stage="submission",
            about="选举产生业主委员会", elected_on=move.case.details["elected_on"],
        )  # fmt: skip

    def set_failed(self, move: Move) -> None:
        move.details["failed_why"] = move.facts.reason
        move.details["failed_on"] = move.today.isoformat()


def life_ends(move: Move, since: str, rule_id: str) -> date:
    """The last day of a time that began on the day `since` and that `rule_id` limits."""
    begun = datetime.combine(date.fromisoformat(since), time(), OFFICE_ZONE)
    return due(begun, move.rule(rule_id).limit, calendar(move.session)).due_day


def term_of(move: Move) -> date | None:
    """The last day of the term of the committee in office."""
    committee = in_office(move.session, move.case.estate_id)
    return committee.to_day if committee and committee.kind == "elected" else None


def _no_owner(move: Move, field: str, people: list[tuple[str, str | None]]) -> Wrong | None:
    """Who is not the owner of the unit stated, by name."""
    if missing := [name for name, unit in people if not unit]:
        return Wrong(field, f"请填写房号：{'、'.join(missing)}。")
    units = units_of(move.session, move.case.estate_id)
    labels = dict.fromkeys(unit or "" for _, unit in people)
    if wrong := unlisted(units, labels, field):
        return wrong
    strangers = [f"{name}（{unit}）" for name, unit in people if not is_owner(units[unit or ""], name)]
    return Wrong(field, f"不是名册中该房号的业主：{'、'.join(strangers)}。") if strangers else None


def _in_words(elected: list[dict[str, Any]]) -> str:
    posts = {"委员": "member", "候补委员": "alternate"}
    named = {title: "、".join(one["name"] for one in elected if one["post"] == post) for title, post in posts.items()}
    return "；".join(f"{title}：{names}" for title, names in named.items() if names)


def _passing(counts: list[Count], taking_part: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        count.model_dump(mode="json")
        for count in counts
        if 2 * count.heads > taking_part["heads"] and 2 * count.area > taking_part["area"]
    ]


def _in_order(move: Move) -> Any:
    """The order of votes, by the measures that the rule names, the first of them first; of equals, as they are stated."""
    measures = {"同意人数": "heads", "同意面积": "area"}
    named = [measures[entry] for entry in move.rule("election.order").entries if entry in measures]
    return lambda one: [-one[measure] for measure in named]


__all__ = [
    "FAILED", "MOTIONS", "SEATS", "Call", "Candidate", "Count", "Counted", "CountedWithRules", "Day", "Election", "Group", "GroupMember", "Label",
    "Reason", "failed", "life_ends", "open_case", "result_of", "share_of", "term_of", "units_of", "unlisted", "wrong_kind",
]  # fmt: skip
