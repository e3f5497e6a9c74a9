"""A motion is put to a scope: who is asked, who is counted, and what such a decision may be used for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import func, select
from sqlmodel import Session, col

from models.decisions import Ballot, Decision, Roster
from models.errors import Invalid
from models.reading import Opinion
from models.scope import labels_in
from models.tally import UnitShare, Vote, tally

from .door import Door
from .make import DECIDED, Cast, at, shift
from .papers import ballots, roster

NOW = at("2026-10-12 09:00")
OF_3 = [("3栋0101", "苏伟", "", 100), ("3栋0102", "袁玉佳", "", 100), ("3栋0103", "唐欣子", "", 100)]
OF_5 = [
    ("5栋0101", "薛俊琪", "", 100),
    ("5栋0102", "尹梓晨", "", 100),
    ("5栋0103", "顾娟", "", 100),
    ("5栋0104", "唐欣子", "", 90),
]
ALL_3 = [(unit, "", "同意") for unit, *_ in OF_3]


def hold(session: Session, cast: Cast, *lines: tuple[Any, ...]) -> Roster:
    papers = roster(*(lines or (*OF_3, *OF_5[:3])))
    return Roster.read(session, cast.estate, papers, filename="名册.xlsx", by=cast.agent, at=NOW)


def vote(session: Session, cast: Cast, scope: str, *lines: tuple[Any, ...]) -> Decision:
    decision = Decision.open(session, cast.estate, title="大修3栋电梯", scope=scope, by=cast.agent, at=NOW)
    decision.take(session, ballots(*lines), filename="表决票.xlsx", by=cast.agent, at=NOW)
    return decision


def test_building_3_decides_on_its_lift_though_the_estate_did_not_take_part(session: Session, cast: Cast) -> None:
    hold(session, cast)
    whole, part = vote(session, cast, "全体业主", *ALL_3), vote(session, cast, "3栋", *ALL_3)
    assert not whole.passed and part.passed
    assert (part.tally["scope"], part.tally["units"], part.tally["heads"]) == ("3栋", 3, 3)


def test_ballots_of_building_5_are_kept_and_not_counted(session: Session, cast: Cast) -> None:
    hold(session, cast)
    others = [(unit, "", opinion) for unit, *_ in OF_5[:3] for opinion in ("同意", "不同意")]
    decision = vote(session, cast, "3栋", *ALL_3, *others, ("5栋0101", "", "看不懂"))
    assert decision.passed and decision.tally["participating"] == {"area": 300_00, "heads": 3}
    refused = decision.tally["refused"]
    assert {found["kind"] for found in refused} == {"out_of_scope"} and len(refused) == 7
    assert refused[0]["sentence"] == "5栋0101的表决票第6行不在本次表决范围（3栋）内，留存不计。"
    kept = select(func.count()).select_from(Ballot).where(col(Ballot.decision_id) == decision.id)
    assert session.scalar(kept) == 9, "the unreadable one is in the file and among the findings"


def test_a_doubt_in_building_5_does_not_hold_building_3_up(session: Session, cast: Cast) -> None:
    # one name twice in 5, one area missing in 5: nothing that matters to 3
    hold(session, cast, *OF_3, *OF_5[:2], ("5栋0103", "薛俊琪", "", 100), ("5栋0104", "顾娟", "", ""))
    assert vote(session, cast, "3栋", *ALL_3).passed
    assert len(vote(session, cast, "全体业主", *ALL_3).roster_doubts) == 2
    assert len(vote(session, cast, "5栋", ("5栋0101", "", "同意"), *ALL_3).roster_doubts) == 2


def test_an_owner_inside_and_outside_is_one_head_with_the_units_inside(session: Session, cast: Cast) -> None:
    hold(session, cast, *(line[:2] + (f"44030119900101{n:04}", 100) for n, line in enumerate(OF_3)),
         ("5栋0101", "苏伟", "440301199001010000", 100))  # fmt: skip
    decision = vote(session, cast, "3栋", *ALL_3)
    assert (decision.tally["total_area_dm2"], decision.tally["heads"], decision.tally["undecided"]) == (300_00, 3, [])


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [(" ", "请写明表决范围"), ("、", "请写明表决范围"), ("9栋", "“9栋”在业主名册上找不到（名册上有3栋、5栋）")],
)
def test_a_motion_without_a_scope_is_refused(session: Session, cast: Cast, scope: str, sentence: str) -> None:
    hold(session, cast)
    with pytest.raises(Invalid, match=sentence) as refusal:
        Decision.open(session, cast.estate, title="大修", scope=scope, by=cast.agent, at=NOW)
    assert refusal.value.field == "scope"
    assert session.scalar(select(func.count()).select_from(Decision)) == 0


def test_a_use_is_decided_by_those_who_pay_or_by_the_whole_estate(session: Session, cast: Cast) -> None:
    hold(session, cast)
    case = cast.opens("2026-10-12 09:00", scope="3栋")
    five = vote(session, cast, "5栋", *((unit, "", "同意") for unit, *_ in OF_5[:3]))
    with pytest.raises(Invalid, match="由“5栋”的业主表决，本件列支范围是“3栋”") as refusal:
        cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=five.id, **DECIDED)
    assert refusal.value.field == "decision"
    in_other_words = vote(session, cast, "3栋0101、3栋102、3栋103", *ALL_3)
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=in_other_words.id, **DECIDED)
    assembly = vote(session, cast, "全体业主", *ALL_3, *((unit, "", "同意") for unit, *_ in OF_5[:3]))
    assert assembly.cannot_charge(session, "5栋") is None
    assert vote(session, cast, "3栋", *ALL_3).cannot_charge(session, "全体业主")


def test_the_vote_of_a_case_is_put_to_those_its_plan_charges(session: Session, cast: Cast) -> None:
    hold(session, cast)
    case = cast.opens("2026-09-11 08:30", scope="东侧各楼")
    cast.fires(case, "agent", "plan", "2026-09-11 08:40", warranty_expired=True)
    with pytest.raises(Invalid, match="“东侧各楼”.*将对本方案表决") as refusal:
        cast.fires(case, "agent", "publish", "2026-09-11 09:00")
    assert refusal.value.field == "scope"
    cast.fires(case, "agent", "publish", "2026-09-11 09:00", scope="3栋")
    shift(session, "2026-09-19 00:00", "2026-10-05 00:00", "2026-10-15 00:00")
    decision = Decision.of_case(session, case, by=cast.agent, at=at("2026-10-15 09:00"))
    came = [(unit, "", "同意", "2026-10-06 10:00") for unit, *_ in OF_3]
    decision.take(session, ballots(*came), filename="表决票.xlsx", by=cast.agent, at=at("2026-10-15 09:00"))
    assert (decision.scope, decision.tally["units"]) == ("3栋", 3)
    cast.fires(case, "agent", "passed", "2026-10-15 10:00")
    assert case.stage == "result_publicity"


def test_all_buildings_together_are_the_whole_estate(session: Session, cast: Cast) -> None:
    hold(session, cast)
    assert not vote(session, cast, "3栋", *ALL_3).is_of_everybody(session)
    assert vote(session, cast, "3栋、5栋", *ALL_3).is_of_everybody(session), "in other words, the estate"


def test_the_door_takes_a_scope_and_a_refused_form_keeps_what_was_typed(door: Door) -> None:
    estate = door.writes(lambda session, cast: (hold(session, cast), cast.estate.id)[1])
    agent, browser = door.as_("agent"), door.signed_in("agent")
    made = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯", "scope": "3栋"})
    assert (made.status_code, made.json()["scope"]) == (201, "3栋")
    assert "表决范围：3栋" in browser.get(f"/decisions/{made.json()['id']}").text
    refused = browser.post(f"/estates/{estate}/decisions", data={"title": "大修9栋电梯", "scope": "9栋"})
    assert refused.status_code == 422 and "“9栋”在业主名册上找不到" in refused.text
    assert 'value="9栋"' in refused.text and 'value="大修9栋电梯"' in refused.text
    assert agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修", "scope": ""}).status_code == 422


SHARES = some.lists(
    some.tuples(some.integers(1, 9), some.sampled_from("abcd"), some.booleans()), min_size=2, max_size=16
)
OPINIONS: tuple[Opinion, ...] = ("agree", "disagree", "abstain")


@given(SHARES, some.lists(some.tuples(some.integers(0, 15), some.sampled_from(OPINIONS)), max_size=24))
def test_a_count_in_a_scope_is_that_of_a_roster_with_only_its_units(
    drawn: list[tuple[int, str, bool]], said: list[tuple[int, Opinion]]
) -> None:
    shares = [
        UnitShare(f"{'35'[n % 2]}栋01{n:02}", area, owner, unsold) for n, (area, owner, unsold) in enumerate(drawn)
    ]
    inside = labels_in("3栋", [share.unit for share in shares])
    votes = [Vote(shares[n % len(shares)].unit, opinion, None) for n, opinion in said]
    part = tally(shares, votes, scope="3栋")
    alone = tally([share for share in shares if share.unit in inside], [vote for vote in votes if vote.unit in inside])
    refused = [found.unit for found in part.refused]
    assert refused == [vote.unit for vote in votes if vote.unit not in inside]
    ignored = {"scope": "", "refused": []}
    assert part.as_json() | ignored == alone.as_json() | ignored
