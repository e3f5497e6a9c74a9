"""业主委员会成立, told as it happens in 莲花北村. Due days were worked out by hand on the calendar of 2025 and 2026."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case, events_of, verify
from models.clock import Clock
from models.committees import take_office
from models.decisions import Decision
from models.documents import Document
from models.elections import failed
from models.errors import Conflict, Forbidden, Invalid
from models.links import arising
from models.notices import Trouble
from models.people import Body
from models.publicity import Publicity
from models.territory import Unit

from ..make import Cast, at, running, shift
from .elections import (
    GROUP,
    STANDING,
    UNITS,
    WON,
    applies,
    call,
    counts,
    roster,
    seated,
    standing,
    vote,
    without_committee,
)

WINDOW = ("2025-10-03", "2025-10-12")


@pytest.fixture(autouse=True)
def every_paper_can_be_written(session: Session) -> Iterator[None]:
    yield
    shift(session, "2031-01-06 09:00")
    assert session.scalars(select(Trouble)).all() == []


@pytest.fixture
def estate(session: Session, cast: Cast) -> Any:
    without_committee(session, cast)
    roster(session, cast.estate)
    return cast.estate


def owners_open(session: Session, cast: Cast, when: str) -> Case:
    return applies(session, cast, when, "committee_formation", "owner", cast.estate.owners_id, contact="赵磊")


def at_intake(session: Session, cast: Cast, when: str = "2025-08-18 09:00", signed: int = 12) -> Case:
    case = owners_open(session, cast, when)
    cast.fires(case, "owner", "submit", when, signed=UNITS[:signed])
    return case


def at_group(session: Session, cast: Cast) -> Case:
    case = at_intake(session, cast)
    cast.fires(case, "clerk", "accept", "2025-08-20 10:00")
    return case


def at_candidates(session: Session, cast: Cast) -> Case:
    case = at_group(session, cast)
    cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=GROUP)
    shift(session, "2025-09-02 00:00")
    cast.fires(case, "clerk", "found_group", "2025-09-03 09:00")
    cast.fires(case, "clerk", "determine", "2025-09-05 09:00")
    cast.fires(case, "clerk", "draft", "2025-09-12 09:00")
    return case


def at_counting(session: Session, cast: Cast) -> Case:
    case = at_candidates(session, cast)
    cast.fires(case, "clerk", "call", "2025-09-17 09:00", **call())
    shift(session, "2025-10-03 00:00", "2025-10-13 00:00")
    return case


def decided(session: Session, cast: Cast, window: tuple[str, str] = WINDOW, **how: Any) -> dict[str, Any]:
    """All three motions, voted alike."""
    return {
        f"{motion}_decision": vote(session, cast.estate, window, title=motion, kind=kind, **how)
        for motion, kind in (("rules", "ordinary"), ("covenant", "ordinary"), ("election", "election"))
    }


def titles(session: Session, case: Case) -> list[str]:
    papers = select(col(Document.title)).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return list(session.scalars(papers))


def test_a_first_committee_from_the_signatures_to_the_filing(session: Session, cast: Cast, estate: Any) -> None:
    # Monday, 18 August 2025: twelve of sixty owners have signed, exactly a fifth
    case = owners_open(session, cast, "2025-08-18 09:00")
    assert case.number.startswith("CL2025-") and (case.stage, case.desk) == ("request", "applicant")
    event = cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=["1幢101室", *UNITS[1:12]])
    assert event.facts["heads_share"] == event.facts["area_share"] == "20.00%"
    assert case.details["signed"] == UNITS[:12], "as the roster calls them"
    assert case.stage == "intake" and running(session, case).due_day == date(2025, 8, 25)

    # the group within sixty days: 19 October is a Sunday
    cast.fires(case, "clerk", "accept", "2025-08-20 10:00")
    assert case.stage == "group" and running(session, case).due_day == date(2025, 10, 20)
    cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=GROUP, places=["1栋大堂", "小区公告栏"])
    assert running(session, case, "period").due_day == date(2025, 9, 1)
    raised = case.object("孙艺未参加推荐会", by=cast.clerk, at=at("2025-08-29 09:00"), name="张秋", unit="2栋0101")
    shift(session, "2025-09-01 23:59")
    assert case.stage == "group_publicity"
    shift(session, "2025-09-02 00:00")
    assert case.stage == "objections" and running(session, case).due_day == date(2025, 9, 9)
    hung = session.scalars(select(Publicity).where(col(Publicity.case_id) == case.id)).one()
    assert (hung.from_day, hung.to_day, hung.places) == (date(2025, 8, 26), date(2025, 9, 1), ["1栋大堂", "小区公告栏"])

    # what an owner objected to is answered by the street before the group is founded
    with pytest.raises(Conflict, match="还有1条没有答复"):
        cast.fires(case, "clerk", "found_group", "2025-09-03 09:00")
    answer: dict[str, Any] = {"objection": raised.id, "answer": "经查推荐程序合规，不予采纳", "upheld": False}
    with pytest.raises(Forbidden):
        cast.fires(case, "owner", "answer_objection", "2025-09-03 09:00", **answer)
    cast.fires(case, "clerk", "answer_objection", "2025-09-03 09:00", **answer)
    event = cast.fires(case, "clerk", "found_group", "2025-09-03 09:00")
    assert event.facts["objections"] == 1
    assert case.stage == "register" and running(session, case).due_day == date(2025, 9, 18)
    event = cast.fires(case, "clerk", "determine", "2025-09-05 09:00")
    assert (event.facts["units"], event.facts["heads"], event.facts["area"]) == (60, 60, "6000.00")
    assert running(session, case).due_day == date(2025, 9, 25)
    cast.fires(case, "clerk", "draft", "2025-09-12 09:00")
    # fifteen days end on Saturday the 27th; the Sunday after it is worked for National Day
    assert case.stage == "candidates" and running(session, case).due_day == date(2025, 9, 28)

    # notice of fifteen days (物业管理条例 14): 18 September to 2 October, holiday or not; ten days to vote, to the 12th
    cast.fires(case, "clerk", "call", "2025-09-17 09:00", **call())
    assert running(session, case, "period").due_day == date(2025, 10, 2)
    shift(session, "2025-10-03 00:00")
    assert case.stage == "assembly" and running(session, case, "period").due_day == date(2025, 10, 12)
    with pytest.raises(Conflict, match="表决已经开始"):
        cast.fires(case, "clerk", "recall", "2025-10-09 09:00", reason="候选人退出")
    shift(session, "2025-10-13 00:00")
    assert case.stage == "counting" and running(session, case).due_day == date(2025, 10, 20)
    assert case.details["window"] == list(WINDOW)

    motions = decided(session, cast)
    cast.fires(case, "clerk", "declare", "2025-10-14 09:00", **motions, counts=counts(WON))
    assert case.stage == "result_publicity" and case.details["elected_on"] == "2025-10-14"
    elected = [(one["name"], one["post"], one["rank"]) for one in case.details["elected"]]
    assert elected == [
        ("张秋", "member", 1), ("王夏", "member", 2), ("李冬", "member", 3), ("刘春", "member", 4), ("何晴", "member", 5),
        ("冯雨", "alternate", 6),
    ]  # fmt: skip
    shift(session, "2025-10-22 00:00")
    assert case.stage == "conclusion" and running(session, case).due_day == date(2025, 10, 29)
    cast.fires(case, "clerk", "confirm", "2025-10-23 09:00")
    shift(session, "2025-10-23 09:05")
    assert case.outcome == "选举产生" and case.desk is None and not failed(case)
    assert verify(events_of(session, case)) is None

    # the owners have thirty days from the election to file (物业管理条例 16): to 13 November
    (filing,) = arising(session, case.id or 0, "elected")
    assert (filing.type, filing.stage, filing.applicant_id) == ("committee_filing", "submission", estate.owners_id)
    assert running(session, filing).due_day == date(2025, 11, 13)
    assert events_of(session, case)[-1].facts["cases"] == [filing.number]
    assert titles(session, case) == [
        "受理通知书", "成员名单公告", "异议答复书", "业主大会会议公告", "选举结果公告", "选举结果确认书",
    ]  # fmt: skip
    assert all(one.resting(session) == case for one in decisions(session, motions))


def decisions(session: Session, motions: dict[str, Any]) -> list[Decision]:
    return [session.get_one(Decision, number) for number in motions.values()]


def test_two_rounds_without_quorum_end_the_preparation_in_writing(session: Session, cast: Cast, estate: Any) -> None:
    # 29 September 2025: five working days over National Day are the 30th, 9, 10, 11 (a worked Saturday) and 13 October
    case = at_intake(session, cast, "2025-09-29 09:00")
    assert running(session, case).due_day == date(2025, 10, 13)
    cast.fires(case, "clerk", "accept", "2025-10-10 09:00")
    cast.fires(case, "clerk", "name_group", "2025-10-20 09:00", members=GROUP)
    shift(session, "2025-10-28 00:00")
    cast.fires(case, "clerk", "found_group", "2025-10-28 09:00")
    cast.fires(case, "clerk", "determine", "2025-10-30 09:00")
    cast.fires(case, "clerk", "draft", "2025-11-05 09:00")
    cast.fires(case, "clerk", "call", "2025-11-10 09:00", **call())
    shift(session, "2025-11-26 00:00", "2025-12-06 00:00")
    assert case.stage == "counting"

    # 39 of 60 is less than two thirds: nothing is passed, nobody is elected, whatever the votes
    first = decided(session, cast, ("2025-11-26", "2025-12-05"), taking_part=39, agreeing=39)
    votes = counts(dict.fromkeys(STANDING, 39))
    cast.fires(case, "clerk", "declare", "2025-12-08 09:00", **first, counts=votes)
    assert case.stage == "second_round" and running(session, case, "period").due_day == date(2025, 12, 15)
    shift(session, "2025-12-16 00:00")
    with pytest.raises(Invalid, match="不在本次会议的表决期"):
        cast.fires(case, "clerk", "declare", "2025-12-16 09:00", **first, counts=votes)
    again = decided(session, cast, ("2025-12-09", "2025-12-15"), taking_part=39, agreeing=39)
    cast.fires(case, "clerk", "declare", "2025-12-16 09:00", **again, counts=votes)
    # ten working days: 17 to 19, 22 to 26, 29 and 30 December
    assert case.stage == "unelected" and running(session, case).due_day == date(2025, 12, 30)
    cast.fires(case, "clerk", "fail", "2025-12-17 09:00", reason="两轮参与人数均未达到三分之二")
    shift(session, "2025-12-17 09:05")
    assert case.outcome == "筹备失败" and failed(case) and case.details["failed_on"] == "2025-12-17"
    assert titles(session, case)[-3:] == ["第二轮表决公告", "表决结果告知书", "未选举产生业主委员会告知书"]
    assert verify(events_of(session, case)) is None


def test_the_second_round_fills_what_the_first_left_open(session: Session, cast: Cast, estate: Any) -> None:
    case = at_counting(session, cast)
    motions = decided(session, cast)
    short = WON | {"刘春": 20, "何晴": 21}
    cast.fires(case, "clerk", "declare", "2025-10-14 09:00", **motions, counts=counts(short))
    assert case.stage == "second_round" and [one["name"] for one in case.details["elected"]] == [
        "张秋",
        "王夏",
        "李冬",
        "冯雨",
    ]
    shift(session, "2025-10-22 00:00")
    window = ("2025-10-15", "2025-10-21")
    election = vote(session, estate, window)
    left = {"刘春": 25, "何晴": 30, "曹雪": 24}
    with pytest.raises(Invalid, match="不是本轮候选人：张秋"):
        cast.fires(
            case,
            "clerk",
            "declare",
            "2025-10-22 09:00",
            election_decision=election,
            counts=counts({**left, "张秋": 40}),
        )
    cast.fires(case, "clerk", "declare", "2025-10-22 09:00", election_decision=election, counts=counts(left))
    assert case.stage == "result_publicity"
    assert [one["name"] for one in case.details["elected"]] == ["张秋", "王夏", "李冬", "冯雨", "何晴", "刘春", "曹雪"]
    assert case.details["passed"] == {
        "rules": motions["rules_decision"], "covenant": motions["covenant_decision"], "election": election,
    }  # fmt: skip


def test_a_motion_that_failed_is_voted_on_again_without_another_election(
    session: Session, cast: Cast, estate: Any
) -> None:
    case = at_counting(session, cast)
    motions = decided(session, cast) | {
        "covenant_decision": vote(session, estate, WINDOW, agreeing=10, kind="ordinary")
    }
    cast.fires(case, "clerk", "declare", "2025-10-14 09:00", **motions, counts=counts(WON))
    assert case.stage == "second_round" and set(case.details["passed"]) == {"rules", "election"}
    shift(session, "2025-10-22 00:00")
    again = vote(session, estate, ("2025-10-15", "2025-10-21"), kind="ordinary")
    cast.fires(case, "clerk", "declare", "2025-10-22 09:00", covenant_decision=again)
    assert case.stage == "result_publicity" and len(case.details["elected"]) == 6


def test_a_recount_sets_the_result_aside_and_declares_it_anew(session: Session, cast: Cast, estate: Any) -> None:
    case = at_counting(session, cast)
    motions = decided(session, cast)
    cast.fires(case, "clerk", "declare", "2025-10-14 09:00", **motions, counts=counts(WON))
    shift(session, "2025-10-22 00:00")
    cast.fires(case, "clerk", "recount", "2025-10-22 09:00", reason="何晴的票数有误")
    assert case.stage == "counting" and case.details["elected"] == []
    cast.fires(case, "clerk", "declare", "2025-10-23 09:00", **motions, counts=counts(WON | {"何晴": 29}))
    assert case.details["elected"][4]["name"] == "冯雨" and case.details["elected"][5]["name"] == "何晴"


@pytest.mark.parametrize(
    ("changed", "signed", "passes"),
    [
        ({}, UNITS[:11], False),
        ({}, UNITS[:12], True),
        # 19.99 % by area: eleven heads of sixty, and of 600 000 dm² one too few
        ({UNITS[0]: {"area_dm2": 19_999}, UNITS[59]: {"area_dm2": 1}}, UNITS[:11], False),
        ({UNITS[0]: {"area_dm2": 20_000}, UNITS[59]: {"area_dm2": 0}}, UNITS[:11], True),
        # ten units of one owner are one head among fifty-one
        ({label: {"owner_key": "one"} for label in UNITS[:10]}, UNITS[:11], False),
        ({label: {"owner_key": "one"} for label in UNITS[:10]}, UNITS[9:20], True),
        # what the developer has not sold is one head: 11 of 49
        ({label: {"unsold": True, "owner_key": label} for label in UNITS[48:]}, UNITS[:9], False),
        ({label: {"unsold": True, "owner_key": label} for label in UNITS[48:]}, UNITS[:10], True),
    ],
)
def test_a_fifth_by_heads_or_by_area_is_enough_and_one_less_is_not(
    session: Session, cast: Cast, changed: Any, signed: list[str], passes: bool
) -> None:
    without_committee(session, cast)
    roster(session, cast.estate, changed)
    case = owners_open(session, cast, "2025-08-18 09:00")
    if passes:
        cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=signed)
        assert case.stage == "intake"
        return
    with pytest.raises(Invalid, match="均未达到20%（深圳经济特区物业管理条例第十九条）") as refusal:
        cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=signed)
    assert refusal.value.field == "signed" and case.stage == "request"


def test_nearly_a_fifth_is_said_as_what_it_is(session: Session, cast: Cast) -> None:
    without_committee(session, cast)
    roster(session, cast.estate, {UNITS[0]: {"area_dm2": 19_999}, UNITS[59]: {"area_dm2": 1}})
    case = owners_open(session, cast, "2025-08-18 09:00")
    with pytest.raises(Invalid, match=r"占总人数的18\.33%、占总投票权（面积）的19\.99%"):
        cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=UNITS[:11])


@pytest.mark.parametrize(
    ("signed", "sentence"),
    [
        ([*UNITS[:12], "9栋0901", "8栋0801"], "业主名册中没有：9栋0901、8栋0801"),
        ([*UNITS[:12], "1栋0101", "1幢102室"], "重复填写：1栋0101、1栋0102"),
        ([], "至少填写1项"),
    ],
)
def test_signatures_are_units_of_the_roster_each_once(
    session: Session, cast: Cast, estate: Any, signed: list[str], sentence: str
) -> None:
    case = owners_open(session, cast, "2025-08-18 09:00")
    with pytest.raises(Invalid, match=sentence):
        cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=signed)


def test_without_a_roster_nothing_can_be_verified(session: Session, cast: Cast) -> None:
    without_committee(session, cast)
    case = owners_open(session, cast, "2025-08-18 09:00")
    with pytest.raises(Invalid, match="还没有业主名册"):
        cast.fires(case, "owner", "submit", "2025-08-18 09:30", signed=UNITS[:12])


def test_the_street_strikes_out_signatures_and_more_may_be_added_once(
    session: Session, cast: Cast, estate: Any
) -> None:
    case = at_intake(session, cast)
    struck = [{"unit": "1栋0101", "reason": "非业主本人签名"}]
    with pytest.raises(Invalid, match="均未达到20%"):
        cast.fires(case, "clerk", "accept", "2025-08-19 09:00", void=struck)
    with pytest.raises(Invalid, match="没有在联名表上签名：3栋0504"):
        cast.fires(case, "clerk", "accept", "2025-08-19 09:00", void=[{"unit": "3栋0504", "reason": "未见签名"}])
    cast.fires(case, "clerk", "ask", "2025-08-19 10:00", items=["补充一名业主的签名"])
    assert case.stage == "correction" and running_days(session, case) == date(2025, 9, 2)
    with pytest.raises(Invalid, match="重复填写：1栋0102"):
        cast.fires(case, "owner", "resubmit", "2025-08-21 09:00", signed=["1栋0102"])
    cast.fires(case, "owner", "resubmit", "2025-08-21 09:00", signed=["3栋0501"], answer="已补充")
    with pytest.raises(Conflict, match="已经要求过补正"):
        cast.fires(case, "clerk", "ask", "2025-08-22 09:00", items=["再补一次"])
    cast.fires(case, "clerk", "accept", "2025-08-22 09:00", void=struck)
    assert case.stage == "group" and "1栋0101" not in case.details["signed"] and len(case.details["signed"]) == 12


def running_days(session: Session, case: Case) -> date:
    asked = select(Clock).where(col(Clock.case_id) == case.id, col(Clock.limits) == case.stage)
    return session.scalars(asked).one().due_day


def test_a_roster_replaced_meanwhile_is_the_one_that_counts(session: Session, cast: Cast, estate: Any) -> None:
    case = at_intake(session, cast)
    gone = session.scalars(select(Unit).where(col(Unit.label) == "1栋0101", col(Unit.estate_id) == estate.id)).one()
    session.delete(gone)
    session.flush()
    with pytest.raises(Invalid, match="业主名册中没有：1栋0101"):
        cast.fires(case, "clerk", "accept", "2025-08-19 09:00")


def test_a_developers_notice_needs_no_signatures(session: Session, cast: Cast, estate: Any) -> None:
    case = applies(session, cast, "2025-08-18 09:00", "committee_formation", "agent", cast.company.id, contact="李娜")
    with pytest.raises(Conflict, match="联名申请由业主提出"):
        cast.fires(case, "agent", "submit", "2025-08-18 09:10", signed=UNITS[:12])
    cast.fires(
        case, "agent", "notify", "2025-08-18 09:10", developer="深圳汇景置业有限公司", condition="首户入住满二年"
    )
    cast.fires(case, "clerk", "ask", "2025-08-19 09:10", items=["首户入住的证明"])
    cast.fires(case, "agent", "resubmit", "2025-08-20 09:10", answer="已补")
    cast.fires(case, "clerk", "accept", "2025-08-20 09:30")
    shift(session, "2025-08-20 10:00")
    assert case.stage == "group" and titles(session, case) == ["补正告知书", "受理通知书"]
    other = owners_open_refused(session, cast)
    assert "已有正在办理的业主委员会成立" in other


def owners_open_refused(session: Session, cast: Cast) -> str:
    with pytest.raises(Conflict) as refusal:
        owners_open(session, cast, "2025-08-25 09:00")
    return refusal.value.sentence


def test_an_owner_does_not_give_a_developers_notice(session: Session, cast: Cast, estate: Any) -> None:
    case = owners_open(session, cast, "2025-08-18 09:00")
    with pytest.raises(Conflict, match="请办理“提交联名申请”"):
        cast.fires(case, "owner", "notify", "2025-08-18 09:10", developer="汇景", condition="入住满二年")


def test_an_estate_that_has_a_committee_re_elects_it(session: Session, cast: Cast) -> None:
    with pytest.raises(Conflict, match="应当办理换届"):
        owners_open(session, cast, "2025-08-18 09:00")
    seated(session, cast)
    with pytest.raises(Conflict, match="应当办理换届"):
        owners_open(session, cast, "2025-08-18 09:00")


def test_where_a_residents_committee_acts_a_first_committee_may_be_formed(session: Session, cast: Cast) -> None:
    residents = session.scalars(select(Body).where(col(Body.kind) == "residents_committee")).one()
    take_office(
        session,
        cast.estate,
        residents,
        kind="acting",
        case=None,
        from_day=date(2025, 1, 1),
        to_day=None,
        at=at("2025-01-01 09:00"),
    )
    assert owners_open(session, cast, "2025-08-18 09:00").stage == "request"


def owner(name: str, unit: str | None) -> dict[str, Any]:
    return {"name": name, "seat": "owner", "unit": unit}


NOBODY_OF_THE_DEVELOPER = [member for member in GROUP if member["seat"] != "developer"]


@pytest.mark.parametrize(
    "members", [GROUP, NOBODY_OF_THE_DEVELOPER, [*GROUP, owner("张秋", "2栋0101"), owner("王夏", "2栋0102")]]
)
def test_seven_without_the_developer_eight_and_ten_are_right(
    session: Session, cast: Cast, estate: Any, members: list[dict[str, Any]]
) -> None:
    case = at_group(session, cast)
    event = cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=members)
    assert case.stage == "group_publicity" and event.facts["chair"] == "周敏" and len(members) in (7, 8, 10)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([one for one in GROUP if one["seat"] not in ("police", "developer")], "应为7至10人（深圳经济特区物业管理条例第二十条），填写的是6人"),
        ([*GROUP, *(owner(name, None) for name in STANDING[:3])], "填写的是11人"),
        ([one for one in GROUP if one["name"] != "孙艺"], "“业主代表”应为3至5名.*第二十条.*填写的是2名"),
        ([*NOBODY_OF_THE_DEVELOPER, *(owner(name, "2栋0101") for name in ("甲", "乙", "丙"))], "“业主代表”应为3至5名"),
        ([*NOBODY_OF_THE_DEVELOPER[1:], owner("张秋", "2栋0101")], "“街道办事处”应为1名"),
        ([one for one in [*GROUP, owner("张秋", "2栋0101")] if one["seat"] != "party"], "“社区党委或者辖区基层党组织”应为1名"),
        ([*NOBODY_OF_THE_DEVELOPER, owner("张秋", None)], "请填写房号：张秋"),
        ([*NOBODY_OF_THE_DEVELOPER, owner("张秋", "9栋0901")], "业主名册中没有：9栋0901"),
        ([*NOBODY_OF_THE_DEVELOPER, owner("外人", "2栋0101")], "不是名册中该房号的业主：外人（2栋0101）"),
        ([*NOBODY_OF_THE_DEVELOPER, owner("赵磊", "1栋0101")], "重复填写：赵磊"),
    ],
)  # fmt: skip
def test_a_group_of_another_size_or_with_other_seats_is_refused(
    session: Session, cast: Cast, estate: Any, members: list[dict[str, Any]], sentence: str
) -> None:
    case = at_group(session, cast)
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=members)
    assert refusal.value.field == "members" and case.stage == "group"


def test_a_founded_objection_sends_the_group_back(session: Session, cast: Cast, estate: Any) -> None:
    case = at_group(session, cast)
    cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=GROUP)
    with pytest.raises(Conflict, match="现在不能"):
        cast.fires(case, "clerk", "found_group", "2025-08-27 09:00")
    shift(session, "2025-09-02 00:00")
    cast.fires(case, "clerk", "recompose", "2025-09-03 09:00", reason="孙艺已转让房屋")
    assert case.stage == "group"


def test_a_register_with_open_doubts_is_not_determined(session: Session, cast: Cast) -> None:
    without_committee(session, cast)
    kept = roster(session, cast.estate)
    case = at_group(session, cast)
    cast.fires(case, "clerk", "name_group", "2025-08-25 09:00", members=GROUP)
    shift(session, "2025-09-02 00:00")
    cast.fires(case, "clerk", "found_group", "2025-09-03 09:00")
    kept.findings = kept.findings | {
        "undecided": [
            {"kind": "same_owner", "sentence": "两处业主同名。", "rows": [3, 4], "unit": None, "source": "roster"}
        ]
    }
    session.flush()
    with pytest.raises(Conflict, match="还有1处需要认定：两处业主同名"):
        cast.fires(case, "clerk", "determine", "2025-09-05 09:00")


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"seats": 6}, "seats", "应为5、7、9、11之一.*填写的是6人"),
        ({"seats": 13}, "seats", "应为5、7、9、11之一"),
        ({"seats": 9}, "candidates", "候选人只有7名，少于委员人数9人"),
        ({"candidates": [*standing(), *standing("张秋")]}, "candidates", "重复填写：张秋"),
        ({"candidates": [*standing(), {"name": "赵磊", "unit": "1栋0101", "recommended_by": "self", "qualified": True}]},
         "candidates", "赵磊是筹备组的业主代表，不得担任本届业主委员会委员（深圳经济特区物业管理条例第二十条）"),
        ({"candidates": standing("张秋", "王夏", "李冬", "刘春", "何晴", unit="2栋0101")}, "candidates", "不是名册中该房号的业主：王夏"),
        ({"candidates": [*standing(), *standing("魏霜", qualified=False)]}, "candidates", "魏霜尚未通过资格审查"),
    ],
)  # fmt: skip
def test_who_may_not_stand_is_refused_by_name(
    session: Session, cast: Cast, estate: Any, changed: dict[str, Any], field: str, sentence: str
) -> None:
    case = at_candidates(session, cast)
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "clerk", "call", "2025-09-17 09:00", **call(**changed))
    assert refusal.value.field == field and case.stage == "candidates"


def test_a_notice_recalled_begins_again_whole(session: Session, cast: Cast, estate: Any) -> None:
    case = at_candidates(session, cast)
    cast.fires(case, "clerk", "call", "2025-09-17 09:00", **call())
    cast.fires(case, "clerk", "recall", "2025-09-22 09:00", reason="一名候选人退出")
    cast.fires(case, "clerk", "call", "2025-09-24 09:00", **call(candidates=standing(*STANDING[:6])))
    assert running(session, case, "period").due_day == date(2025, 10, 9)


def test_each_motion_must_be_counted_in_this_vote(session: Session, cast: Cast, estate: Any) -> None:
    case = at_counting(session, cast)
    motions = decided(session, cast)
    votes = counts(WON)

    def refused(changed: dict[str, Any], counted: Any = votes) -> tuple[str | None, str]:
        with pytest.raises(Invalid) as refusal:
            cast.fires(case, "clerk", "declare", "2025-10-14 09:00", **{**motions, **changed}, counts=counted)
        return refusal.value.field, refusal.value.sentence

    assert refused({"rules_decision": None}) == ("rules_decision", "请填写“业主大会议事规则”的表决编号。")
    assert "没有编号为 999999" in refused({"covenant_decision": 999_999})[1]
    earlier = vote(session, estate, ("2025-09-20", "2025-10-05"))
    assert "不在本次会议的表决期（2025-10-03至2025-10-12）之内" in refused({"election_decision": earlier})[1]
    windowless = vote(session, estate, None)
    assert "表决期（没有填写）" in refused({"election_decision": windowless})[1]
    motion, seen = vote(session, estate, WINDOW, kind="ordinary"), vote(session, estate, WINDOW)
    field, sentence = refused({"election_decision": motion})
    assert field == "election_decision" and "是按“一般事项”建立的" in sentence and "事项类别选“选举”" in sentence
    field, sentence = refused({"rules_decision": seen})
    assert field == "rules_decision" and "是按“选举”建立的，不能用于其他事项" in sentence
    assert refused({}, votes[:6]) == ("counts", "缺少得票数：曹雪。")
    assert refused({}, [*votes, *counts({"张秋": 3})])[1] == "重复填写：张秋。"
    assert refused({}, [*votes, *counts({"赵磊": 3})])[1] == "不是本轮候选人：赵磊。"
    assert "多于参与表决的业主（45人、4500.00㎡）" in refused({}, counts(WON | {"张秋": 46}))[1]
    assert case.stage == "counting"


def test_the_group_is_not_given_up_while_it_lives(session: Session, cast: Cast, estate: Any) -> None:
    """Ninety days from 25 August end on Sunday, 23 November 2025, and so on the Monday."""
    case = at_candidates(session, cast)
    with pytest.raises(Conflict, match="2025-11-25 起才能以筹备未成终止"):
        cast.fires(case, "clerk", "fail", "2025-11-24 09:00", reason="无人报名")
    cast.fires(case, "clerk", "fail", "2025-11-25 09:00", reason="无人报名")
    assert failed(case)


def test_it_can_be_refused_lapse_or_be_withdrawn_each_in_writing(session: Session, cast: Cast, estate: Any) -> None:
    refused = at_intake(session, cast)
    cast.fires(refused, "clerk", "refuse", "2025-08-20 09:00", reason="签名不实")
    lapsed = at_intake(session, cast, "2025-08-21 09:00")
    cast.fires(lapsed, "clerk", "ask", "2025-08-22 09:00", items=["权属证明"])
    with pytest.raises(Conflict, match="2025-09-05 24时届满"):
        cast.fires(lapsed, "clerk", "lapse", "2025-09-05 09:00")
    cast.fires(lapsed, "clerk", "lapse", "2025-09-08 09:00")
    withdrawn = at_intake(session, cast, "2025-09-09 09:00")
    cast.fires(withdrawn, "owner", "withdraw", "2025-09-10 09:00", reason="再议")
    shift(session, "2025-09-10 09:05")
    assert [case.outcome for case in (refused, lapsed, withdrawn)] == ["不予受理", "逾期终止", "撤回"]
    assert [titles(session, case)[-1] for case in (refused, lapsed, withdrawn)] == [
        "不予受理决定书", "逾期未补正终止告知书", "撤回确认书",
    ]  # fmt: skip
    assert not any(failed(case) for case in (refused, lapsed, withdrawn))


def test_only_the_street_leads_and_only_owners_ask(session: Session, cast: Cast, estate: Any) -> None:
    case = at_intake(session, cast)
    for who in ("owner", "agent", "residents", "reviewer", "stranger", "supervisor"):
        with pytest.raises(Forbidden):
            cast.fires(case, who, "accept", "2025-08-19 09:00")
    with pytest.raises(Forbidden):
        cast.fires(case, "agent", "withdraw", "2025-08-19 09:00", reason="x")
