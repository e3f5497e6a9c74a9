"""业主共同决定: counting the owners' votes by Civil Code Art. 278, in exact numbers.

Owners who hold at least two thirds of the exclusive area **and** are at least two thirds of the owners must take part
(两个三分之二以上). An ordinary matter then needs more than half (过半数) of the area and of the heads that take part, a
special one (raising the fund; rebuilding; changing the use of common parts) at least three quarters of both (四分之三以上).
The base is the decision scope (表决范围): the whole estate or the part of it that decides (`scope.py`).
“以上” includes equality (Art. 1259). Who is one head: `roster.py`. Abstaining is taking part.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from .errors import Invalid
from .reading import Finding, Findings, Opinion, ballot_name, names_of, tells_opinion
from .roster import BallotsReading, RosterReading, belongs_to, masked_name
from .scope import EVERYBODY, in_short, is_everybody, labels_in, labels_of, narrowed
from .worktime import OFFICE_ZONE

ARTICLE = "《中华人民共和国民法典》第二百七十八条"
QUORUM = Fraction(2, 3)
MAJORITY = Fraction(1, 2)
SPECIAL = Fraction(3, 4)

Window = tuple[datetime, datetime]
"""From the first instant at which ballots are received to the first at which no more are."""


OPINION_TOTALS = (
    "agreeing", "disagreeing", "abstaining", "approval", "ordinary_area", "ordinary_heads", "special_area", "special_heads",
    "ordinary_passed", "special_passed", "why_not", "special_why_not", "candidates",
)  # fmt: skip
"""What a tally's JSON says about opinions."""


class UnitShare(NamedTuple):
    """A unit's weight. Units with one `owner_key` are one head, and all `unsold` units together are the developer's."""

    unit: str
    area_dm2: int
    owner_key: str
    unsold: bool


class Vote(NamedTuple):
    """One ballot for one unit. `where` and `row` say where it stands in a file, if it does."""

    unit: str
    opinion: Opinion
    received_at: datetime | None
    where: str = "表决票"
    row: int | None = None
    choices: tuple[Opinion, ...] = ()
    """Of each candidate, where people stand for election."""


class Shares(NamedTuple):
    area: Fraction
    heads: Fraction

    def as_json(self) -> dict[str, str]:
        return {"area": percent(self.area), "heads": percent(self.heads)}


@dataclass(frozen=True)
class Weight:
    """Area in dm² and heads, the two measures of every test."""

    area: int
    heads: int

    def of(self, whole: "Weight") -> Shares:
        """The exact shares of a whole; of nothing, 0."""
        return Shares(Fraction(self.area, whole.area or 1), Fraction(self.heads, whole.heads or 1))


@dataclass(frozen=True)
class Tally:
    """What was counted, and what became of every line that was not.

    A head takes part with its first ballot, and is in `agreeing` (`disagreeing`, `abstaining`) when all its ballots are.
    """

    scope: str
    units: int
    """In the scope, as is the rest."""
    total: Weight
    unsold_units: int
    duplicate_lines: int
    participating: Weight
    agreeing: Weight
    disagreeing: Weight
    abstaining: Weight
    merged: tuple[Finding, ...]
    refused: tuple[Finding, ...]
    undecided: tuple[Finding, ...]
    noted: tuple[Finding, ...]
    candidates: tuple[tuple[str, Weight], ...] = ()
    """Who stands for election, in their order, and who agrees to them; counted as a vote on each of its own."""

    @property
    def participation(self) -> Shares:
        """Taking part, of the whole decision scope."""
        return self.participating.of(self.total)

    @property
    def approval(self) -> Shares:
        """Agreeing, of those who take part."""
        return self.agreeing.of(self.participating)

    @property
    def quorum_area(self) -> bool:
        return self.participation.area >= QUORUM

    @property
    def quorum_heads(self) -> bool:
        return self.participation.heads >= QUORUM

    @property
    def ordinary_area(self) -> bool:
        return self.approval.area > MAJORITY

    @property
    def ordinary_heads(self) -> bool:
        return self.approval.heads > MAJORITY

    @property
    def special_area(self) -> bool:
        return self.approval.area >= SPECIAL

    @property
    def special_heads(self) -> bool:
        return self.approval.heads >= SPECIAL

    @property
    def has_quorum(self) -> bool:
        return self.quorum_area and self.quorum_heads

    @property
    def ordinary_passed(self) -> bool:
        """Of an election with candidates: that somebody is elected."""
        if self.candidates:
            return self.has_quorum and any(
                min(weight.of(self.participating)) > MAJORITY for _, weight in self.candidates
            )
        return self.has_quorum and self.ordinary_area and self.ordinary_heads

    @property
    def special_passed(self) -> bool:
        return self.has_quorum and self.special_area and self.special_heads

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.merged + self.refused + self.undecided + self.noted

    def raise_if_undecided(self) -> None:
        """A result is no result while something is left to a person: `Invalid`, naming the first line and unit."""
        if self.undecided:
            first = self.undecided[0]
            raise Invalid(
                f"还有 {len(self.undecided)} 处需要人工认定，认定前不能作为计票结果：{first.sentence}",
                field=first.source,
                rule=ARTICLE,
            )

    def why_not(self, *, special: bool = False) -> str:
        """The tests that failed, in one sentence; `""` when the matter is passed."""
        approval = (self.special_area, self.special_heads) if special else (self.ordinary_area, self.ordinary_heads)
        enough = "达到四分之三" if special else "过半数"
        failed = [
            f"{what}（{percent(share)}）未{threshold}"
            for what, share, passed, threshold in (
                ("参与表决的专有部分面积", self.participation.area, self.quorum_area, "达到三分之二"),
                ("参与表决的业主人数", self.participation.heads, self.quorum_heads, "达到三分之二"),
                ("同意的专有部分面积", self.approval.area, approval[0], enough),
                ("同意的业主人数", self.approval.heads, approval[1], enough),
            )
            if not passed
        ]
        if self.candidates:
            failed = failed[: 2 - self.quorum_area - self.quorum_heads]
            if not failed and not self.ordinary_passed:
                failed = ["没有候选人得到参与表决的专有部分面积和业主人数的过半数同意"]
        return "，".join(failed) + ("。" if failed else "")

    def as_json(self) -> dict[str, Any]:
        """Areas in dm², shares as percent cut to two digits. The findings are lists of `{"kind", "sentence", "rows", "unit",
        "source"}`; `candidates` of `{"name", "heads", "area_dm2"}`, who agree to each."""
        return {
            "units": self.units,
            "total_area_dm2": self.total.area,
            "heads": self.total.heads,
            "unsold_units": self.unsold_units,
            "duplicate_lines": self.duplicate_lines,
            "participating": asdict(self.participating),
            "agreeing": asdict(self.agreeing),
            "quorum_area": self.quorum_area,
            "quorum_heads": self.quorum_heads,
            "ordinary_area": self.ordinary_area,
            "ordinary_heads": self.ordinary_heads,
            "special_area": self.special_area,
            "special_heads": self.special_heads,
            "ordinary_passed": self.ordinary_passed,
            "special_passed": self.special_passed,
            "scope": self.scope,
            "disagreeing": asdict(self.disagreeing),
            "abstaining": asdict(self.abstaining),
            "participation": self.participation.as_json(),
            "approval": self.approval.as_json(),
            "why_not": self.why_not(),
            "special_why_not": self.why_not(special=True),
            "candidates": [
                {"name": name, "heads": weight.heads, "area_dm2": weight.area} for name, weight in self.candidates
            ],
            "merged": [asdict(finding) for finding in self.merged],
            "refused": [asdict(finding) for finding in self.refused],
            "undecided": [asdict(finding) for finding in self.undecided],
            "noted": [asdict(finding) for finding in self.noted],
        }

    def as_secret_json(self, *, interim: bool = False) -> dict[str, Any]:
        """The same of an election, where only totals are ever told: no finding says how a unit voted.

        While something is undecided, and `interim` (before the vote has closed), there are no totals of opinions either,
        and no tests of them (null): the difference that one ruling or one ballot makes to them would tell what is in it.
        """
        secret = self.as_json() | {
            "merged": [asdict(_silent(finding, "只计一次。")) for finding in self.merged],
            "refused": [asdict(_silent(finding, "不计。")) for finding in self.refused],
            "undecided": [asdict(_silent(finding, "未计；请对照原票认定。")) for finding in self.undecided],
            "noted": [asdict(finding) for finding in _silent_notes(self.noted)],
        }
        return secret | dict.fromkeys(OPINION_TOTALS) if self.undecided or interim else secret


_Roster = RosterReading | Iterable[UnitShare | tuple[str, int, str, bool]]
_Ballots = BallotsReading | Iterable[Vote | tuple[str, Opinion, datetime | None]]


def tally(
    roster: _Roster,
    ballots: _Ballots,
    *,
    window: Window | None = None,
    scope: str = EVERYBODY,
) -> Tally:
    """Count ballots against a roster: both as read from papers, or as plain values from tables.

    Only the units in `scope` decide: they are the base, and only what is undecided about them is `undecided`. Ballots for
    others of the roster's units are `refused`. An owner of units inside and outside is one head, with those inside.

    A unit counts once. Ballots of one unit that say the same are merged; that contradict each other are `undecided` and
    none counts. Ballots outside the window, for a unit the roster does not have, or set aside as void are `refused`: kept
    and not counted. With a window, a ballot without a time is `undecided`. Read from papers, a ballot in a name that is
    not the unit's owner (of joint owners, one will do) is `undecided`.

    An owner of several units votes with the area of those it voted for, and is one head. Where its ballots differ, the
    law has no rule: the areas count as each ballot says, and the head takes part but is in favour of nothing; a person
    has one will, and a will that is not plainly for the matter must not carry it. This is `noted`.

    Raises `Invalid`: no units, a unit twice in plain values, papers of another estate, a scope the roster does not know.
    """
    found = Findings()
    if isinstance(roster, RosterReading) and isinstance(ballots, BallotsReading):
        belongs_to(ballots, roster.estate_name, labels_of(roster))
    if not is_everybody(scope):
        roster, ballots = _in_scope(scope, roster, ballots, found)
    if isinstance(roster, RosterReading):
        shares = [UnitShare(line.unit, line.area_dm2, line.owner_key, line.unsold) for line in roster.lines]
        _take_over(found, roster)
    else:
        shares = [UnitShare(*share) for share in roster]
    if isinstance(ballots, BallotsReading):
        _take_over(found, ballots)
        votes = [
            Vote(
                line.unit,
                line.opinion,
                line.received_at,
                f"表决票{ballot_name(line.source_row)}",
                line.source_row,
                line.choices,
            )
            for line in ballots.lines
        ]
        if isinstance(roster, RosterReading):
            votes = _of_the_owners(votes, roster, ballots, found)
    else:
        votes = [Vote(*ballot) for ballot in ballots]
    candidates = ballots.candidates if isinstance(ballots, BallotsReading) else ()
    return _count(scope, shares, votes, window, found, duplicate_lines=_duplicate_lines(roster), candidates=candidates)


def _in_scope(
    scope: str, roster: _Roster, ballots: _Ballots, found: Findings
) -> tuple[RosterReading | list[UnitShare], BallotsReading | list[Vote]]:
    """The units in the scope, and the ballots but for those for the roster's other units, which are refused."""
    narrow: RosterReading | list[UnitShare]
    if isinstance(roster, RosterReading):
        known = labels_of(roster)
        inside = labels_in(scope, known)
        narrow = narrowed(roster, inside)
    else:
        shares = [UnitShare(*share) for share in roster]
        known = [share.unit for share in shares]
        inside = labels_in(scope, known)
        narrow = [share for share in shares if share.unit in inside]
    outside = set(known) - inside

    def stays(unit: str | None, where: str, rows: tuple[int, ...]) -> bool:
        if unit not in outside:
            return True
        sentence = f"{unit}的{where}不在本次表决范围（{in_short(scope)}）内，留存不计。"
        found.refused.append(Finding("out_of_scope", sentence, rows, unit, "ballots"))
        return False

    def is_about_it(finding: Finding, rows: tuple[int, ...]) -> bool:
        return stays(finding.unit, f"表决票{ballot_name(*rows)}", rows)

    if not isinstance(ballots, BallotsReading):
        votes = [Vote(*ballot) for ballot in ballots]
        return narrow, [vote for vote in votes if stays(vote.unit, vote.where, () if vote.row is None else (vote.row,))]
    # what is unclear about a ballot that does not count anyway holds nothing up; of two lines pasted, the first is a ballot
    return narrow, replace(
        ballots,
        lines=tuple(line for line in ballots.lines if stays(line.unit, f"表决票{ballot_name(line.source_row)}", (line.source_row,))),
        merged=tuple(one for one in ballots.merged if is_about_it(one, one.rows[1:])),
        undecided=tuple(one for one in ballots.undecided if is_about_it(one, one.rows)),
    )  # fmt: skip


def _take_over(found: Findings, reading: RosterReading | BallotsReading) -> None:
    found.merged += reading.merged
    found.refused += reading.refused
    found.undecided += reading.undecided
    found.noted += reading.noted


def _duplicate_lines(roster: object) -> int:
    return roster.duplicate_lines if isinstance(roster, RosterReading) else 0


def _of_the_owners(
    votes: Sequence[Vote], roster: RosterReading, ballots: BallotsReading, found: Findings
) -> list[Vote]:
    """The votes cast in an owner's name; ballots most of which are others' belong to another estate."""
    pending = {finding.unit for finding in roster.undecided if finding.unit}
    owners = {line.unit: line for line in roster.lines}
    kept, strangers = [], []
    for vote, ballot in zip(votes, ballots.lines, strict=True):
        line = owners.get(vote.unit)
        if line is None and vote.unit in pending:
            sentence = f"{vote.unit}在名册中尚待认定，{vote.where}的票暂不计。"
            found.undecided.append(_finding("unit_undecided", sentence, vote))
        elif line and ballot.owner and not line.unsold and names_of(ballot.owner).isdisjoint(names_of(line.owner)):
            sentence = (
                f"{vote.unit}的{vote.where}署名{masked_name(ballot.owner)}，名册中的业主是{masked_name(line.owner)}，"
                "暂不计；请核实是否受业主委托。"
            )
            strangers.append(_finding("other_owner", sentence, vote))
        else:
            kept.append(vote)
    if 2 * len(strangers) > len(votes):
        raise Invalid(
            f"{len(votes)} 张表决票有 {len(strangers)} 张的业主与名册不符（如“{strangers[0].unit}”），"
            "请核对两份文件是否同一小区。",
            field="ballots",
        )
    found.undecided += strangers
    return kept


def _count(
    scope: str,
    shares: Sequence[UnitShare],
    votes: Sequence[Vote],
    window: Window | None,
    found: Findings,
    *,
    duplicate_lines: int,
    candidates: Sequence[str],
) -> Tally:
    if not shares:
        raise Invalid("名册中没有可以计票的单元。", field="roster")
    unit, times = Counter(share.unit for share in shares).most_common(1)[0]
    if times > 1:
        raise Invalid(f"名册中 {unit} 出现了 {times} 次，不能计票。", field="roster")
    area = {share.unit: share.area_dm2 for share in shares}
    head = _heads(shares)
    cast = _cast(votes, area.keys(), window, found)
    opinions = {unit: vote.opinion for unit, vote in cast.items()}
    voices = _voices(opinions, head)
    _note_split_heads(cast, head, found)

    def weight(opinion: Opinion) -> Weight:
        return _weight(opinion, opinions, voices, area)

    def agreeing_to(place: int) -> Weight:
        """A ballot that speaks of all candidates as a whole speaks of each."""
        said = {unit: vote.choices[place] if vote.choices else vote.opinion for unit, vote in cast.items()}
        return _weight("agree", said, _voices(said, head), area)

    return Tally(
        scope=scope,
        units=len(shares),
        total=Weight(sum(area.values()), len(set(head.values()))),
        unsold_units=sum(share.unsold for share in shares),
        duplicate_lines=duplicate_lines,
        participating=Weight(sum(area[unit] for unit in opinions), len(voices)),
        agreeing=weight("agree"),
        disagreeing=weight("disagree"),
        abstaining=weight("abstain"),
        merged=tuple(found.merged),
        refused=tuple(found.refused),
        undecided=tuple(found.undecided),
        noted=tuple(found.noted),
        candidates=tuple((name, agreeing_to(place)) for place, name in enumerate(candidates)),
    )


def _voices(said: Mapping[str, Opinion], head: Mapping[str, str]) -> dict[str, set[Opinion]]:
    """Of each head that takes part, what its units say."""
    voices: dict[str, set[Opinion]] = defaultdict(set)
    for unit, opinion in said.items():
        voices[head[unit]].add(opinion)
    return voices


def _weight(
    opinion: Opinion, said: Mapping[str, Opinion], voices: Mapping[str, set[Opinion]], area: Mapping[str, int]
) -> Weight:
    return Weight(
        sum(area[unit] for unit, its in said.items() if its == opinion),
        sum(voice == {opinion} for voice in voices.values()),
    )


def _heads(shares: Sequence[UnitShare]) -> dict[str, str]:
    """Each unit's head. What else the developer owns is the same head's, too."""
    developer = {share.owner_key for share in shares if share.unsold}
    one = min(developer, default="")
    return {share.unit: one if share.owner_key in developer else share.owner_key for share in shares}


def _cast(
    votes: Sequence[Vote], units: Iterable[str], window: Window | None, found: Findings
) -> dict[str, Vote]:  # fmt: skip
    """One ballot per unit that has one."""
    known = set(units)
    by_unit: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        if vote.unit not in known:
            sentence = f"{vote.where}的“{vote.unit}”不在名册中，不计。"
            found.refused.append(_finding("unknown_unit", sentence, vote))
        elif window and vote.received_at is None:
            sentence = f"{vote.unit}的{vote.where}没有收票时间，不能认定是否在表决期内，暂不计。"
            found.undecided.append(_finding("no_time", sentence, vote))
        elif window and vote.received_at and not window[0] <= vote.received_at < window[1]:
            late = vote.received_at >= window[1]
            when = f"{vote.received_at.astimezone(OFFICE_ZONE):%Y-%m-%d %H:%M}"
            sentence = f"{vote.unit}的{vote.where}{when}收到，{'晚于表决截止' if late else '早于表决开始'}，留存不计。"
            found.refused.append(_finding("late" if late else "early", sentence, vote))
        else:
            by_unit[vote.unit].append(vote)
    kept: dict[str, Vote] = {}
    for unit, cast in by_unit.items():
        rows = tuple(vote.row for vote in cast if vote.row is not None)
        where = ballot_name(*rows) if rows else f"{len(cast)}张"
        if len({(vote.opinion, vote.choices) for vote in cast}) > 1:
            sentence = f"{unit}的表决票（{where}）意见互相矛盾，都不计；请认定以哪一张为准。"
            found.undecided.append(Finding("contradiction", sentence, rows, unit, "ballots"))
            continue
        if len(cast) > 1:
            sentence = f"{unit}的表决票（{where}）意见相同，只计一次。"
            found.merged.append(Finding("voted_twice", sentence, rows, unit, "ballots"))
        kept[unit] = cast[0]
    return kept


def _note_split_heads(cast: Mapping[str, Vote], head: Mapping[str, str], found: Findings) -> None:
    voted: dict[str, list[str]] = defaultdict(list)
    for unit in cast:
        voted[head[unit]].append(unit)
    for units in voted.values():
        if len({(cast[unit].opinion, cast[unit].choices) for unit in units}) == 1:
            continue
        sentence = f"同一业主的{'、'.join(units)}意见不一：面积按各票计，人数计入参与，不计入同意、反对或弃权。"
        found.noted.append(Finding("split_owner", sentence, unit=units[0], source="ballots"))


def _finding(kind: str, sentence: str, vote: Vote) -> Finding:
    return Finding(kind, sentence, () if vote.row is None else (vote.row,), vote.unit, "ballots")


def _silent(finding: Finding, otherwise: str) -> Finding:
    """The finding without what the ballot says; `otherwise`: what became of it, where the sentence has to go."""
    quotes = finding.kind == "opinion_unread" and "“" in finding.sentence  # what stands in the cell
    if finding.source != "ballots" or not (quotes or tells_opinion(finding.sentence)):
        return finding
    what = "的意见看不懂，" if finding.kind == "opinion_unread" else ""
    return replace(finding, sentence=f"{finding.unit or ''}的表决票（{ballot_name(*finding.rows)}）{what}{otherwise}")


def _silent_notes(noted: Iterable[Finding]) -> list[Finding]:
    """Owners whose ballots differ are only counted: beside the totals, a unit's name would tell too much."""
    kept = [_silent(finding, "请对照原票。") for finding in noted if finding.kind != "split_owner"]
    if split := sum(finding.kind == "split_owner" for finding in noted):
        sentence = f"有 {split} 位业主的几张票意见不一：面积按各票计，人数只计入参与。"
        kept.append(Finding("split_owner", sentence, source="ballots"))
    return kept


def percent(share: Fraction) -> str:
    """Cut, not rounded: 66.66 % is not two thirds."""
    hundredths = share.numerator * 10_000 // share.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
