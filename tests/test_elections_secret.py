"""Where people are elected: only totals are ever told, and what was counted is counted anew by two persons.

The estate has six units of 100 ㎡. In the vote of 10–18 September 2026 four agree and one does not.
"""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies
from sqlmodel import Session, select

from models.case import events_of
from models.decisions import Ballot, Decision
from models.errors import Conflict, Forbidden, Invalid
from models.reading import tells_opinion
from models.roster import BallotLine, BallotsReading, RosterLine, RosterReading, opinion_of
from models.tally import tally

from .door import Door
from .make import Cast, at, shift
from .papers import ballots, roster, upload, workbook
from .test_decisions import NOW, OWNERS, at_the_vote, hold, said
from .test_estates import LINES, estate_of

IN_TIME, LATE = "2026-09-11 10:00", "2026-09-19 08:00"
LATER = NOW + timedelta(hours=1)


def lines(*opinions: str) -> list[tuple[str, str, str, str]]:
    """One ballot each of the units from 101 on, in its owner's name."""
    return [
        (f"1栋{number:04}", owner, opinion, IN_TIME)
        for number, owner, opinion in zip(range(101, 107), OWNERS, opinions, strict=False)
    ]


def elect(session: Session, cast: Cast, *came: Any, when: str = "2026-10-12 09:00") -> Decision:
    decision = Decision.open(
        session,
        cast.estate,
        title="选举业主委员会",
        kind="election",
        by=cast.agent,
        at=at("2026-09-01 09:00"),
        window_from=date(2026, 9, 10),
        window_to=date(2026, 9, 18),
    )
    decision.take(session, ballots(*came), filename="选票.xlsx", by=cast.agent, at=at(when))
    return decision


FOUR_OF_FIVE = lines("同意", "同意", "同意", "同意", "反对")


# --- nobody can tell ---


def test_what_is_kept_of_an_election_holds_no_opinion(session: Session, cast: Cast) -> None:
    hold(session, cast)
    doubled, illegible = ("1栋0101", "苏伟", "不同意", IN_TIME), ("1栋0106", "顾娟", "同?意", IN_TIME)
    decision = elect(session, cast, *FOUR_OF_FIVE, doubled, illegible)
    assert [doubt.unit for doubt in decision.doubts] == ["1栋0106", "1栋0101"]
    assert decision.doubts[0].sentences == ["1栋0106的表决票（第9行）的意见看不懂，未计；请对照原票认定。"]
    # by number, after a look at the paper
    decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.clerk, at=NOW)
    decision.rule(session, "1栋0106", 9, "已核对原票", by=cast.clerk, at=NOW, opinion="agree")
    assert decision.passed and decision.tally["agreeing"] == {"area": 500_00, "heads": 5}
    kept = [decision.tally[kind] for kind in ("merged", "refused", "undecided", "noted")] + [decision.rulings]
    assert not tells_opinion(str(kept)) and "agree" not in str(kept)
    assert {ballot.opinion for ballot in session.scalars(select(Ballot))} == {None}
    # it is for the count alone that the ruling's opinion is kept
    assert decision.read_as == {"9": "agree"}


def test_one_ballots_weight_is_not_seen_by_ruling_on_it(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE, ("1栋0101", "苏伟", "不同意", IN_TIME))
    assert decision.tally["participating"] == {"area": 400_00, "heads": 4}
    assert decision.tally["agreeing"] is None and decision.tally["approval"] is None and not decision.passed
    decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.clerk, at=NOW)
    assert decision.tally["agreeing"] == {"area": 400_00, "heads": 4}
    # nor by ruling otherwise once the totals are out
    with pytest.raises(Conflict, match="选举结果已经计出，不能再改变单张票的认定"):
        decision.rule(session, "1栋0101", 8, "再想想", by=cast.clerk, at=NOW)


def test_before_the_vote_has_closed_there_are_no_totals(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-01 09:00")
    decision = elect(session, cast, *FOUR_OF_FIVE, when="2026-09-12 09:00")
    assert decision.tally["participating"]["heads"] == 5 and decision.tally["disagreeing"] is None
    assert not decision.passed and "表决期尚未结束" in decision.why_not()
    # there is no result yet that a second person would guard
    decision.take(session, ballots(*FOUR_OF_FIVE), filename="选票.xlsx", by=cast.agent, at=at("2026-09-18 23:59"))
    assert decision.recount_asked is None and decision.is_interim
    decision.recount(session, by=cast.agent, at=at("2026-09-19 00:00"))
    assert decision.passed and decision.tally["agreeing"]["heads"] == 4


def test_a_ruling_is_thought_over_while_no_totals_are_out(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-01 09:00")
    decision = elect(session, cast, *FOUR_OF_FIVE, ("1栋0101", "苏伟", "不同意", IN_TIME), when="2026-09-12 09:00")
    decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.clerk, at=at("2026-09-12 10:00"))
    decision.rule(session, "1栋0101", None, "两张都不是本人签名", by=cast.clerk, at=at("2026-09-12 11:00"))
    assert decision.tally["participating"]["heads"] == 4 and decision.tally["agreeing"] is None


def test_an_owner_of_two_minds_is_counted_and_not_named(session: Session, cast: Cast) -> None:
    two = [("1栋0101", "苏伟", "440387193801010001", 100), ("1栋0102", "苏伟", "440387193801010001", 100)]
    hold(session, cast, *two, ("1栋0103", "唐欣子", "", 100))
    came = [
        (unit, "", opinion, IN_TIME)
        for unit, opinion in (("1栋0101", "同意"), ("1栋0102", "反对"), ("1栋0103", "同意"))
    ]
    decision = elect(session, cast, *came)
    (finding,) = (one for one in decision.tally["noted"] if one["kind"] == "split_owner")
    assert finding["unit"] is None and finding["sentence"].startswith("有 1 位业主的几张票意见不一")


def test_a_reason_does_not_tell_it_either(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE, ("1栋0101", "苏伟", "不同意", IN_TIME))
    with pytest.raises(Invalid, match="理由中请不要写出同意、反对等意见") as refusal:
        decision.rule(session, "1栋0101", 3, "业主投的是同意", by=cast.clerk, at=NOW)
    assert refusal.value.field == "reason" and decision.rulings == {}


HOW, READ = ("同意", "反对", "同意", "弃权", "同意"), "disagree"
OTHERWISE, READ_OTHERWISE = ("反对", "同意", "同意", "反对", "弃权"), "agree"
"""The same totals: three for, two against, one abstaining."""


def told(door: Door, opinions: tuple[str, ...], read_as: str) -> dict[str, str]:
    """Whatever can be seen of an election in which these units voted like this: by address, what stands there."""
    agent, clerk, estate = door.as_("agent"), door.as_("clerk"), estate_of(door)
    upload(agent, f"/api/estates/{estate}/roster", roster(*LINES))
    opened = agent.post(
        f"/api/estates/{estate}/decisions",
        json={"title": "选举业主委员会", "kind": "election", "window_from": "2026-09-10", "window_to": "2026-09-18"},
    )
    number = opened.json()["id"]
    address = f"/api/decisions/{number}"
    # one twice and alike, one twice and unlike, one that cannot be read, one too late, one void
    other = "同意" if opinions[1] == "反对" else "反对"
    came = [
        *lines(*opinions), lines(*opinions)[2][:3] + ("2026-09-12 10:00",), ("1栋0102", "袁玉佳", other, IN_TIME),
        ("1栋0106", "顾娟", "同?意" if read_as == "agree" else "反?对", IN_TIME), lines(*opinions)[0][:3] + (LATE,),
        ("1栋0101", "苏伟", "废票", IN_TIME),
    ]  # fmt: skip
    seen: dict[str, str] = {}

    def look(moment: str) -> None:
        for who in ("agent", "clerk", "committee", "owner", "reviewer", "supervisor"):
            reader, browser = door.as_(who), door.signed_in(who)
            for where in (
                address,
                f"{address}/ballots",
                f"/api/estates/{estate}/decisions",
                "/api/cases",
                "/api/messages",
            ):
                seen[f"{moment} {who} {where}"] = reader.get(where).text
            for where in (f"/decisions/{number}", f"/estates/{estate}", "/", "/messages"):
                seen[f"{moment} {who} {where}"] = browser.get(where).text

    seen["taken"] = upload(agent, f"{address}/ballots", ballots(*came)).text
    look("in doubt")
    for asked in (
        {"unit": "1栋0102", "row": 4, "reason": "以先到的为准"},
        {"unit": "1栋0106", "row": 10, "reason": "已核对原票", "opinion": read_as},
    ):
        answer = clerk.post(f"{address}/rulings", json=asked)
        assert answer.status_code == 200, answer.text
        seen[f"ruled {asked['unit']}"] = answer.text
    look("ruled")
    seen["asked"] = clerk.post(f"{address}/count", json={"reason": "核对一遍"}).text
    look("asked")
    seen["counted"] = agent.post(f"{address}/count").text
    look("counted")
    assert agent.get(address).json()["passed"] is not None
    return seen


FOR_ONE_ALONE = re.compile(r'[0-9a-f]{16,}|"(\w+_)?at":"[^"]*"|\d\d:\d\d(:[\d.]+)?|"[\w-]{30,}"')
"""Digests, times of day and tokens: they differ whatever was voted."""
CHOICES = re.compile(r"看不懂，对照原票认定为(同意|不同意|弃权)")
"""What a ruling may say of an illegible paper, all three of them."""
UNIT = re.compile(r"1栋010\d")


def test_nobody_can_tell_from_anything_shown_how_a_unit_voted(door: Door, postgres: Any, template: str) -> None:
    elsewhere = Door(postgres.database("voted_otherwise", template).app)
    one, other = told(door, HOW, READ), told(elsewhere, OTHERWISE, READ_OTHERWISE)
    elsewhere.close()
    postgres.drop("voted_otherwise")
    assert one.keys() == other.keys()
    for where, text in one.items():
        assert FOR_ONE_ALONE.sub("", text) == FOR_ONE_ALONE.sub("", other[where]), where
        for line in re.split(r"[\n{}]", CHOICES.sub("", text)):
            assert not (UNIT.search(line) and tells_opinion(line)), (where, line)


def test_a_ledger_names_both_and_tells_totals_only(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-10 09:00")
    case = at_the_vote(session, cast)
    shift(session, "2026-10-05 00:00", "2026-10-15 00:00")
    decision = Decision.open(
        session, cast.estate, title="选举", kind="election", by=cast.agent, at=at("2026-10-15 09:00"), case=case,
        window_from=date(2026, 10, 5), window_to=date(2026, 10, 14),
    )  # fmt: skip
    came = [(unit, owner, opinion, "2026-10-06 10:00") for unit, owner, opinion, _ in FOUR_OF_FIVE]
    doubled = (*came[0][:2], "反对", "2026-10-06 10:00")
    decision.take(session, ballots(*came, doubled), filename="", by=cast.agent, at=at("2026-10-15 10:00"))
    decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.clerk, at=at("2026-10-15 11:00"))
    decision.recount(session, by=cast.clerk, at=at("2026-10-15 12:00"), reason="有业主要求核对")
    decision.recount(session, by=cast.agent, at=at("2026-10-15 13:00"))
    notes = [event.note or "" for event in events_of(session, case) if event.name == "note"]
    assert len(notes) == 4 and not any(tells_opinion(note) for note in notes)
    assert notes[2] == "申请按现行名册重新计票，待第二人确认：有业主要求核对。"
    assert notes[3] == "按现行名册重新计票（周敏申请，李娜确认；理由：有业主要求核对）。计票结果：通过。"


def test_the_file_of_ballots_is_given_out_by_no_door(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    upload(agent, f"/api/estates/{estate}/roster", roster(*LINES))
    opened = agent.post("/api/cases", json={
        "type": "fund_request", "estate": estate, "details": {"works": "3栋电梯大修", "budget": "200000.00"},
    })  # fmt: skip
    assert opened.status_code == 201, opened.text
    shelf = f"/api/cases/{opened.json()['number']}/attachments"
    first, second = ballots(*FOUR_OF_FIVE), ballots(*FOUR_OF_FIVE[:4])
    kept = upload(agent, shelf, first, "计票.xlsx").json()["href"]
    assert agent.get(kept).status_code == 200
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "选举", "kind": "election"}).json()["id"]
    for papers in (first, second):
        upload(agent, f"/api/decisions/{decision}/ballots", papers, data={"reason": "漏了一张"})
    # what was handed in before it was known for what it is, what is counted, and what is asked for
    for papers in (first, second):
        refused = upload(agent, shelf, papers, "计票结果.xlsx")
        assert refused.status_code == 422 and "选举的表决票，为保密不能作为材料" in refused.text
    assert agent.get(kept).status_code == 403
    open_one = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修"}).json()["id"]
    refused = upload(agent, f"/api/decisions/{open_one}/ballots", first)
    assert refused.status_code == 409 and refused.json()["field"] == "ballots", "nor shown as another matter's"
    door.as_("clerk").post(f"/api/decisions/{decision}/count")
    assert agent.get(kept).status_code == 403, "ballots that are counted no more tell as much"


# --- each candidate ---

NAMED = ("张秋", "王夏", "李冬")


def elect_each(
    session: Session, cast: Cast, *came: Any, window: tuple[date, date] = (date(2026, 9, 10), date(2026, 9, 18))
) -> Decision:
    decision = Decision.open(
        session, cast.estate, title="选举", kind="election", by=cast.agent, at=at("2026-09-01 09:00"), window_from=window[0],
        window_to=window[1], candidates=NAMED,
    )  # fmt: skip
    header = ("房号", "业主姓名", *NAMED, "收票时间")
    decision.take(session, workbook([("选票",), header, *came]), filename="选票.xlsx", by=cast.agent, at=NOW)
    return decision


def totals(decision: Decision) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["heads"], one["area_dm2"]) for one in decision.tally["candidates"]}


def test_a_ballot_speaks_of_each_candidate(session: Session, cast: Cast) -> None:
    two = [("1栋0101", "苏伟", "440387193801010001", 100), ("1栋0102", "苏伟", "440387193801010001", 50)]
    hold(session, cast, *two, *((f"1栋{n:04}", o, "", 100) for n, o in enumerate(OWNERS[2:], 103)))
    decision = elect_each(
        session, cast,
        # one head, of one mind about 张秋 only
        ("1栋0101", "苏伟", "同意", "√", "反对", IN_TIME), ("1栋0102", "苏伟", "同意", "反对", "反对", IN_TIME),
        ("1栋0103", "唐欣子", "同意", "同意", "", IN_TIME), ("1栋0104", "薛俊琪", "同意", "", "", IN_TIME),
        # twice and alike, twice and unlike about one of three, too late
        ("1栋0105", "尹梓晨", "反对", "同意", "弃权", IN_TIME), ("1栋0105", "尹梓晨", "反对", "同意", "", "2026-09-12 10:00"),
        ("1栋0106", "顾娟", "同意", "同意", "同意", IN_TIME), ("1栋0106", "顾娟", "同意", "同意", "反对", IN_TIME),
        ("1栋0104", "薛俊琪", "反对", "反对", "反对", LATE),
    )  # fmt: skip
    assert decision.tally["participating"] == {"area": 450_00, "heads": 4}
    assert decision.tally["candidates"] is None and [doubt.unit for doubt in decision.doubts] == ["1栋0106"]
    decision.rule(session, "1栋0106", 9, "以先到的为准", by=cast.clerk, at=NOW)
    assert decision.tally["participating"] == {"area": 550_00, "heads": 5}
    assert totals(decision) == {"张秋": (4, 450_00), "王夏": (3, 400_00), "李冬": (1, 100_00)}
    assert decision.passed, "with its quorum, and somebody elected"
    kept = [decision.tally[kind] for kind in ("merged", "refused", "undecided", "noted")]
    assert not tells_opinion(str(kept))


def test_what_is_illegible_about_one_candidate_is_read_off_the_paper(session: Session, cast: Cast) -> None:
    hold(session, cast)
    came = [(f"1栋{n:04}", "", "同意", "反对", "", IN_TIME) for n in range(101, 105)]
    decision = elect_each(session, cast, *came, ("1栋0105", "尹梓晨", "同?意", "√", "", IN_TIME))
    assert decision.doubts[0].sentences == ["1栋0105的表决票（第7行）对张秋的意见看不懂，未计；请对照原票认定。"]
    decision.rule(session, "1栋0105", 7, "已核对原票", by=cast.clerk, at=NOW, opinion="disagree")
    assert totals(decision) == {"张秋": (4, 400_00), "王夏": (1, 100_00), "李冬": (0, 0)}


def test_nobody_elected_is_no_election(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect_each(
        session, cast, *((f"1栋{n:04}", "", "反对", "同意" if n < 103 else "", "", IN_TIME) for n in range(101, 106))
    )
    assert not decision.passed and decision.why_not().startswith("没有候选人得到")


@pytest.mark.parametrize(
    ("kind", "names", "sentence"),
    [
        ("ordinary", NAMED, "只有选举才有候选人"),
        ("election", (*NAMED, " 张秋"), "候选人重复填写：张秋"),
        ("election", ("张" * 25,), "最多60名"),
    ],
)
def test_who_stands_is_named_once(session: Session, cast: Cast, kind: Any, names: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as refusal:
        Decision.open(session, cast.estate, title="选举", kind=kind, by=cast.agent, at=NOW, candidates=names)
    assert refusal.value.field == "candidates"


def test_a_list_without_a_candidates_column_is_refused(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = Decision.open(
        session, cast.estate, title="选举", kind="election", by=cast.agent, at=NOW, candidates=("张秋", "王夏", "冯雨")
    )
    papers = workbook([("房号", *NAMED), ("1栋0101", "同意", "", "")])
    with pytest.raises(Invalid, match="缺少“冯雨”") as refusal:
        decision.take(session, papers, filename="", by=cast.agent, at=NOW)
    assert refusal.value.field == "ballots"


SAYS = strategies.sampled_from(["agree", "disagree", "abstain"])
UNITS_OF_FOUR = [
    RosterLine(f"1栋{n:04}", "", "业主", f"head {n % 4}", None, 50_00 + n, None, n % 7 == 0, n) for n in range(9)
]


@given(strategies.dictionaries(strategies.integers(0, 8), strategies.tuples(SAYS, SAYS)))
def test_each_candidate_is_counted_as_a_vote_of_its_own(said: dict[int, tuple[Any, Any]]) -> None:
    lines = tuple(BallotLine(f"1栋{n:04}", "", opinion_of(pair), None, n + 1, pair) for n, pair in said.items())
    counted = tally(RosterReading(tuple(UNITS_OF_FOUR)), BallotsReading(lines, candidates=("甲", "乙")))
    shares = [(unit.unit, unit.area_dm2, unit.owner_key, unit.unsold) for unit in UNITS_OF_FOUR]
    for place, (_, weight) in enumerate(counted.candidates):
        alone = tally(shares, [(f"1栋{n:04}", pair[place], None) for n, pair in said.items()])
        assert weight == alone.agreeing and counted.participating == alone.participating
        assert weight.heads <= counted.participating.heads and weight.area <= counted.participating.area


# --- two persons ---


def test_a_recount_takes_two(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE)
    before = decision.tally
    hold(session, cast, *((f"1栋{n:04}", o, "", 100) for n, o in enumerate((*OWNERS, "甲", "乙", "丙"), 101)))
    with pytest.raises(Invalid, match="须写明理由") as refusal:
        decision.recount(session, by=cast.agent, at=LATER)
    assert refusal.value.field == "reason"
    decision.recount(session, by=cast.agent, at=LATER, reason="名册补录三户")
    assert decision.tally == before and decision.passed, "nothing changes yet"
    with pytest.raises(Forbidden, match="李娜已经申请，须由另一人确认"):
        decision.recount(session, by=cast.agent, at=LATER)
    decision.recount(session, by=cast.clerk, at=LATER + timedelta(hours=1))
    assert decision.tally["units"] == 9 and not decision.passed and decision.recount_asked is None
    (done,) = decision.recounts
    assert (done["by"], done["ended"], done["ended_by"]) == (cast.agent.id, "confirmed", cast.clerk.id)


def test_ballots_once_counted_are_replaced_by_two(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE)
    counted, digest = decision.tally, decision.sha256
    papers = ballots(*FOUR_OF_FIVE[:4])
    # what is no use is refused to whoever hands it in
    with pytest.raises(Invalid, match="标题写的是“香蜜新居”"):
        elsewhere = ballots(*FOUR_OF_FIVE, title="香蜜新居业主大会表决票")
        decision.take(session, elsewhere, filename="", by=cast.agent, at=LATER, reason="漏票")
    decision.take(session, papers, filename="补.xlsx", by=cast.agent, at=LATER, reason="第五张是别的小区的")
    assert (decision.tally, decision.sha256) == (counted, digest)
    with pytest.raises(Conflict, match="李娜的重新计票申请正在等待第二人确认"):
        decision.take(session, papers, filename="", by=cast.clerk, at=LATER, reason="我也要换")
    decision.recount(session, by=cast.committee, at=LATER)
    assert decision.filename == "补.xlsx" and decision.sha256 != digest
    assert decision.tally["participating"]["heads"] == 4 and said(decision, "undecided") == []
    with pytest.raises(Conflict, match="须两人在页面上办理"):
        decision.take(session, papers, filename="", by=None, at=LATER, reason="从命令行")


def test_what_was_asked_for_can_be_withdrawn(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE)
    with pytest.raises(Conflict, match="没有等待确认的重新计票申请"):
        decision.withdraw_recount(session, by=cast.agent, at=LATER)
    decision.recount(session, by=cast.agent, at=LATER, reason="核对")
    decision.withdraw_recount(session, by=cast.agent, at=LATER)
    assert decision.recount_asked is None and decision.recounts[0]["ended"] == "withdrawn"
    # the next to ask is the first again
    decision.recount(session, by=cast.clerk, at=LATER, reason="还是核对一下")
    assert decision.recount_asked and decision.recount_asked["by"] == cast.clerk.id


def test_what_was_asked_for_lapses_with_the_next_count(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = elect(session, cast, *FOUR_OF_FIVE, ("1栋0101", "苏伟", "不同意", IN_TIME))
    decision.recount(session, by=cast.agent, at=LATER, reason="核对")
    decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.clerk, at=LATER + timedelta(minutes=1))
    assert decision.recount_asked is None, "it was about another count"
    decision.recount(session, by=cast.clerk, at=LATER + timedelta(hours=1), reason="认定之后再核对")
    assert decision.recount_asked and decision.recount_asked["by"] == cast.clerk.id


def test_the_second_person_sees_who_asks_and_why(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    upload(agent, f"/api/estates/{estate}/roster", roster(*LINES))
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "选举", "kind": "election"}).json()["id"]
    address = f"/api/decisions/{decision}"
    upload(agent, f"{address}/ballots", ballots(*FOUR_OF_FIVE))
    assert agent.post(f"{address}/count").json()["field"] == "reason"
    asked = agent.post(f"{address}/count", json={"reason": "名册补录"}).json()["recount"]
    assert (asked["asked_by"], asked["reason"], asked["asked_at"][:10]) == ("李娜", "名册补录", "2026-10-12")
    assert agent.post(f"{address}/count").status_code == 403
    assert door.as_("owner").post(f"{address}/count").status_code == 403
    mine = door.signed_in("agent").get(f"/decisions/{decision}").text
    assert "请第二人确认" in mine and 'id="confirm-count"' not in mine
    clerk = door.signed_in("clerk")
    assert re.search(
        r"李娜于2026年10月12日 09:0\d申请按现行名册重新计票：名册补录", clerk.get(f"/decisions/{decision}").text
    )
    assert clerk.post(f"/decisions/{decision}/count").headers["location"].endswith("?done=confirmed")
    shown = clerk.get(f"/decisions/{decision}").text
    assert "两人办理的重新计票" in shown and re.search("周敏，2026年10月12日 09:0\\d确认", shown)
    # and other ballots, by the page, declined
    files = {"ballots": ("补.xlsx", ballots(*FOUR_OF_FIVE[:3]))}
    assert 'id="ballots-again-reason-wrong"' in clerk.post(f"/decisions/{decision}/ballots", files=files).text
    to = clerk.post(f"/decisions/{decision}/ballots", files=files, data={"reason": "第五张作废"}).headers["location"]
    assert to.endswith("?done=asked")
    assert agent.delete(f"{address}/count").json()["recounts"][-1]["ended"] == "withdrawn"
    assert agent.delete(f"{address}/count").status_code == 409
    assert agent.get(address).json()["participating"]["heads"] == 5
