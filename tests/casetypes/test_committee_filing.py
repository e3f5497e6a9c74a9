"""业主委员会备案, told as it happens in 莲花北村. Due days were worked out by hand on the calendar of 2025 and 2026."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case, events_of, verify
from models.committees import Committee, Member, in_office, members, take_office
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid
from models.links import arising
from models.notices import Trouble
from models.people import Body
from models.publicity import Publicity

from ..make import Cast, at, running, shift
from .elections import STANDING, WON, applies, counts, roster, seated, vote, without_committee
from .test_committee_formation import at_counting, decided

TERM: dict[str, Any] = {"term_from": "2025-12-01", "term_to": "2030-11-30"}
POSTS: dict[str, Any] = {"chair": "王夏", "deputies": ["张秋"]}
CODE = "52440304MJL000001U"


@pytest.fixture(autouse=True)
def every_paper_can_be_written(session: Session) -> Iterator[None]:
    yield
    shift(session, "2031-01-06 09:00")
    assert session.scalars(select(Trouble)).all() == []


def elected(session: Session, cast: Cast) -> Case:
    """The filing of a first committee elected on 14 October 2025 and confirmed on the 23rd."""
    without_committee(session, cast)
    roster(session, cast.estate)
    formation = at_counting(session, cast)
    cast.fires(formation, "clerk", "declare", "2025-10-14 09:00", **decided(session, cast), counts=counts(WON))
    shift(session, "2025-10-22 00:00")
    cast.fires(formation, "clerk", "confirm", "2025-10-23 09:00")
    return arising(session, formation.id or 0, "elected")[0]


def opened(session: Session, cast: Cast, when: str, about: str = "委员变动") -> Case:
    return applies(session, cast, when, "committee_filing", "committee", cast.estate.committee_id, about=about)


def names(session: Session, committee: Committee) -> list[tuple[str, str]]:
    return [(member.name, member.post) for member in members(session, committee)]


def papers(session: Session, case: Case) -> list[tuple[str, str, list[str]]]:
    found = select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return [(paper.title, paper.facts["issuer"], paper.facts["copies"]) for paper in session.scalars(found)]


def test_a_first_committee_is_filed_takes_office_and_gets_its_code(session: Session, cast: Cast) -> None:
    case = elected(session, cast)
    fund = cast.opens("2025-10-24 09:00")
    assert fund.committee_id is None
    assert case.number.startswith("BA2025-") and running(session, case).due_day == date(2025, 11, 13)

    # the owners file on 3 November; the district asks once, and its clock of five working days (to the 10th) stands still
    cast.fires(case, "owner", "submit", "2025-11-03 09:00", **POSTS, **TERM)
    assert (case.stage, case.desk) == ("review", "district") and running(session, case).due_day == date(2025, 11, 10)
    cast.fires(case, "reviewer", "ask", "2025-11-05 09:00", items=["会议记录缺少监票人签名"])
    assert case.stage == "correction" and case.is_paused
    cast.fires(case, "owner", "resubmit", "2025-11-07 09:00", answer="已补签")
    # counted: 4 and 5; 10, 11 and 12 November
    assert running(session, case).due_day == date(2025, 11, 12)
    with pytest.raises(Conflict, match="已经要求过补正"):
        cast.fires(case, "reviewer", "ask", "2025-11-10 09:00", items=["再补"])
    cast.fires(case, "reviewer", "file", "2025-11-10 09:00")

    # filed: the committee is a body, is in office, and has ten working days to wait for its code (Art. 24): to the 24th
    committee = in_office(session, cast.estate.id)
    assert committee and (committee.kind, committee.case_id, committee.seats) == ("elected", case.id, 5)
    assert (committee.from_day, committee.to_day) == (date(2025, 12, 1), date(2030, 11, 30))
    body = session.get_one(Body, committee.body_id)
    assert (body.kind, body.name, cast.estate.committee_id) == ("committee", "莲花北村业主委员会", body.id)
    assert names(session, committee) == [
        ("张秋", "deputy"), ("王夏", "chair"), ("李冬", "member"), ("刘春", "member"), ("何晴", "member"), ("冯雨", "alternate"),
    ]  # fmt: skip
    assert case.stage == "code" and running(session, case).due_day == date(2025, 11, 24)
    shift(session, "2025-11-10 09:05")
    assert fund.committee_id == body.id and events_of(session, fund)[-1].name == "committee"

    with pytest.raises(Invalid, match="校验位不对"):
        cast.fires(case, "reviewer", "coded", "2025-11-18 09:00", code=CODE[:-1] + "6")
    with pytest.raises(Invalid, match="18位"):
        cast.fires(case, "reviewer", "coded", "2025-11-18 09:00", code=CODE[:-1])
    cast.fires(case, "reviewer", "coded", "2025-11-18 09:00", code=CODE.lower())
    shift(session, "2025-11-18 09:05")
    assert case.outcome == "已备案" and case.details["code"] == CODE
    assert verify(events_of(session, case)) is None
    copies = ["福田区莲花街道办事处", "莲花街道北社区居民委员会"]
    assert papers(session, case) == [
        ("补正告知书", "福田区住房和建设局", []), ("业主委员会备案回执", "福田区住房和建设局", copies),
        ("统一社会信用代码告知书", "福田区住房和建设局", copies[:1]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"chair": "曹雪"}, "chair", "不是本届委员，不能担任主任或者副主任：曹雪"),
        ({"chair": "冯雨"}, "chair", "不是本届委员"),
        ({"deputies": ["赵磊"]}, "deputies", "不是本届委员.*赵磊"),
        ({"deputies": ["王夏"]}, "deputies", "王夏不能同时担任"),
        ({"term_to": "2025-12-01"}, "term_to", "应晚于任期首日"),
        ({"term_to": "2099-12-01"}, "term_to", "不合常理"),
    ],
)
def test_posts_go_to_members_and_a_term_has_an_end(
    session: Session, cast: Cast, changed: dict[str, Any], field: str, sentence: str
) -> None:
    case = elected(session, cast)
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "owner", "submit", "2025-11-03 09:00", **{**POSTS, **TERM, **changed})
    assert refusal.value.field == field and case.stage == "submission"


def test_alternates_follow_in_the_order_of_votes_over_spring_festival(session: Session, cast: Cast) -> None:
    committee = seated(session, cast, alternates=STANDING[5:])
    # Friday, 6 February 2026: a member has sold his flat
    case = opened(session, cast, "2026-02-06 09:00", "候补委员递补")
    cast.fires(
        case, "committee", "vacate", "2026-02-06 09:10", member="李冬", ended_on="2026-02-05", reason="不再是本小区业主"
    )
    # ten working days: 9 to 14 (a worked Saturday), 24, 25, 26 and 27 February
    assert case.stage == "coopting" and running(session, case).due_day == date(2026, 2, 27)
    with pytest.raises(Invalid, match="应由冯雨（得票顺序第6）递补（深圳经济特区物业管理条例第四十一条）"):
        cast.fires(case, "committee", "coopt", "2026-02-06 09:20", alternate="曹雪")

    # published from the 7th to the 13th; then filed within fifteen days (Art. 41): the 28th is a worked Saturday
    cast.fires(case, "committee", "coopt", "2026-02-06 09:30", alternate="冯雨", places=["1栋大堂"])
    assert running(session, case, "period").due_day == date(2026, 2, 13)
    shift(session, "2026-02-14 00:00")
    assert case.stage == "coopt_submission" and running(session, case).due_day == date(2026, 2, 28)
    hung = session.scalars(select(Publicity).where(col(Publicity.case_id) == case.id)).one()
    assert (hung.from_day, hung.to_day) == (date(2026, 2, 7), date(2026, 2, 13))
    assert ("冯雨", "alternate") in names(session, committee), "not before it is filed"
    cast.fires(case, "committee", "submit", "2026-02-25 09:00")
    cast.fires(case, "reviewer", "file", "2026-02-26 09:00")
    shift(session, "2026-02-26 09:05")
    assert case.outcome == "已备案"
    assert names(session, committee) == [
        ("张秋", "chair"), ("王夏", "member"), ("刘春", "member"), ("何晴", "member"), ("冯雨", "member"), ("曹雪", "alternate"),
    ]  # fmt: skip
    gone = session.scalars(select(Member).where(col(Member.name) == "李冬")).one()
    assert (gone.to_day, gone.why) == (date(2026, 2, 5), "不再是本小区业主")
    assert [title for title, _, _ in papers(session, case)] == ["候补委员递补公告", "业主委员会备案回执"]


def test_who_declines_is_passed_over_and_a_publicity_may_be_taken_back(session: Session, cast: Cast) -> None:
    committee = seated(session, cast, alternates=STANDING[5:])
    case = opened(session, cast, "2026-03-02 09:00")
    cast.fires(case, "committee", "vacate", "2026-03-02 09:10", member="张秋", ended_on="2026-03-01", reason="辞去职务")
    cast.fires(case, "committee", "coopt", "2026-03-02 09:20", alternate="冯雨")
    cast.fires(case, "committee", "retract", "2026-03-04 09:00", reason="冯雨来函放弃")
    with pytest.raises(Invalid, match="应由冯雨"):
        cast.fires(case, "committee", "decline", "2026-03-04 09:10", alternate="曹雪", reason="放弃")
    cast.fires(case, "committee", "decline", "2026-03-04 09:10", alternate="冯雨", reason="工作调动")
    assert case.stage == "coopting"
    cast.fires(case, "committee", "decline", "2026-03-05 09:10", alternate="曹雪", reason="工作调动")
    # nobody is left to follow, four of five remain: that is filed as a change
    assert case.stage == "change_submission" and running(session, case).due_day == date(2026, 3, 31)
    with pytest.raises(Conflict, match="应当办理变更备案"):
        cast.fires(case, "committee", "withdraw", "2026-03-06 09:00", reason="不报了")
    cast.fires(case, "committee", "submit", "2026-03-06 09:00")
    cast.fires(case, "reviewer", "file", "2026-03-09 09:00")
    assert case.outcome == "已备案" and len(members(session, committee)) == 4


def test_two_seats_fallen_vacant_are_not_filled_with_one_alternate(session: Session, cast: Cast) -> None:
    committee = seated(session, cast, alternates=STANDING[5:])
    one, other = opened(session, cast, "2026-03-02 09:00"), opened(session, cast, "2026-03-02 09:01")
    for case, member in ((one, "张秋"), (other, "王夏")):
        cast.fires(
            case, "committee", "vacate", "2026-03-02 09:10", member=member, ended_on="2026-03-01", reason="辞去职务"
        )
    cast.fires(one, "committee", "coopt", "2026-03-02 09:20", alternate="冯雨")
    with pytest.raises(Invalid, match="应由曹雪（得票顺序第7）递补"):
        cast.fires(other, "committee", "coopt", "2026-03-02 09:30", alternate="冯雨")
    cast.fires(other, "committee", "coopt", "2026-03-02 09:30", alternate="曹雪")
    shift(session, "2026-03-10 00:00")
    for case in (other, one):
        cast.fires(case, "committee", "submit", "2026-03-10 09:00")
    (alternate,) = (one for one in members(session, committee) if one.name == "冯雨")
    alternate.to_day = date(2026, 3, 10)
    session.flush()
    with pytest.raises(Conflict, match="冯雨已不是候补委员"):
        cast.fires(one, "reviewer", "file", "2026-03-11 09:00")
    cast.fires(other, "reviewer", "file", "2026-03-11 09:00")
    assert [name for name, _ in names(session, committee)] == ["李冬", "刘春", "何晴", "曹雪"]


def test_below_half_of_those_elected_the_owners_vote_again(session: Session, cast: Cast) -> None:
    """Of five, three are enough and two are not: fewer than half, with no alternate left (Art. 41)."""
    committee = seated(session, cast)
    for name in ("张秋", "王夏"):
        case = opened(session, cast, "2026-03-02 09:00")
        cast.fires(
            case, "committee", "vacate", "2026-03-02 09:10", member=name, ended_on="2026-03-01", reason="辞去职务"
        )
        assert case.stage == "change_submission"
    case = opened(session, cast, "2026-03-03 09:00")
    cast.fires(case, "committee", "vacate", "2026-03-03 09:10", member="李冬", ended_on="2026-03-02", reason="辞去职务")
    assert (case.stage, case.desk) == ("too_few", "street") and running(session, case).due_day == date(2026, 3, 10)
    assert (case.details["seats"], case.details["left"]) == (5, 2)
    cast.fires(case, "clerk", "start_reelection", "2026-03-04 09:00")
    shift(session, "2026-03-04 09:05")
    assert case.outcome == "人数不足，转换届"
    (election,) = arising(session, case.id or 0, "too_few")
    assert (election.type, election.stage, election.details["cause"]) == ("committee_reelection", "report", "too_few")
    assert election.applicant_id == committee.body_id
    assert [title for title, _, _ in papers(session, case)] == ["委员人数不足报告", "启动换届告知书"]

    # one who goes after that finds the re-election open already
    again = opened(session, cast, "2026-03-05 09:00")
    cast.fires(
        again, "committee", "vacate", "2026-03-05 09:10", member="刘春", ended_on="2026-03-04", reason="辞去职务"
    )
    event = cast.fires(again, "clerk", "start_reelection", "2026-03-06 09:00")
    assert event.facts["cases"] == [election.number] and arising(session, again.id or 0) == []


def test_the_last_alternate_who_declines_may_leave_too_few(session: Session, cast: Cast) -> None:
    committee = seated(session, cast, names=STANDING[:5], alternates=STANDING[5:6])
    for member in members(session, committee)[:2]:
        member.to_day = date(2026, 2, 1)
    session.flush()
    case = opened(session, cast, "2026-03-02 09:00")
    cast.fires(case, "committee", "vacate", "2026-03-02 09:10", member="李冬", ended_on="2026-03-01", reason="辞去职务")
    assert case.stage == "coopting"
    cast.fires(case, "committee", "decline", "2026-03-03 09:00", alternate="冯雨", reason="放弃")
    assert case.stage == "too_few"


def test_changes_of_posts_are_filed_within_thirty_days_of_the_change(session: Session, cast: Cast) -> None:
    committee = seated(session, cast)
    case = opened(session, cast, "2026-01-26 09:00", "主任变动")
    stated: dict[str, Any] = {"changed_on": "2026-01-20", "changes": ["post"], "statement": "改选主任"}
    with pytest.raises(Invalid, match="请填写变更后的主任"):
        cast.fires(case, "committee", "change", "2026-01-26 09:10", **stated)
    with pytest.raises(Invalid, match="不是本届委员.*曹雪"):
        cast.fires(case, "committee", "change", "2026-01-26 09:10", **stated, chair="曹雪")
    with pytest.raises(Invalid, match="2026-01-27 不能晚于今天"):
        cast.fires(
            case, "committee", "change", "2026-01-26 09:10", **{**stated, "changed_on": "2026-01-27"}, chair="王夏"
        )
    cast.fires(case, "committee", "change", "2026-01-26 09:10", **stated, chair="王夏", deputies=["李冬"])
    # 19 February lies in Spring Festival: the 24th
    assert running(session, case).due_day == date(2026, 2, 24)
    cast.fires(case, "committee", "submit", "2026-02-09 09:00")
    cast.fires(case, "reviewer", "file", "2026-02-10 09:00")
    assert names(session, committee)[:3] == [("张秋", "member"), ("王夏", "chair"), ("李冬", "deputy")]


def test_an_election_held_before_this_office_kept_cases_is_entered_and_filed(session: Session, cast: Cast) -> None:
    roster(session, cast.estate)
    case = opened(session, cast, "2026-03-02 09:00", "补办备案")
    people = [
        {"name": name, "unit": unit, "post": post}
        for name, unit, post in zip(STANDING[:6], ["2栋0101"] * 6, ["member"] * 5 + ["alternate"], strict=True)
    ]
    stated: dict[str, Any] = {
        "elected_on": "2026-02-20",
        "decision": vote(session, cast.estate, None),
        "elected": people,
        "has_code": True,
    }

    def refused(**changed: Any) -> str:
        with pytest.raises(Invalid) as refusal:
            cast.fires(case, "committee", "enter_elected", "2026-03-02 09:10", **{**stated, **changed})
        return refusal.value.sentence

    assert "没有编号为 999999" in refused(decision=999_999)
    assert "事项类别选“选举”" in refused(decision=vote(session, cast.estate, None, kind="ordinary"))
    assert "未通过：同意的专有部分面积（44.44%）未过半数" in refused(
        decision=vote(session, cast.estate, None, agreeing=20)
    )
    assert "应为5、7、9、11之一" in refused(elected=people[:4])
    assert "重复填写：张秋" in refused(elected=[*people, people[0]])
    assert "不能晚于今天" in refused(elected_on="2026-03-03")
    cast.fires(case, "committee", "enter_elected", "2026-03-02 09:10", **stated)
    # thirty days from the election, not from the entry: 22 March is a Sunday
    assert case.stage == "submission" and running(session, case).due_day == date(2026, 3, 23)
    cast.fires(
        case, "committee", "submit", "2026-03-03 09:00", chair="张秋", term_from="2026-03-01", term_to="2029-02-28"
    )
    cast.fires(case, "reviewer", "file", "2026-03-04 09:00")
    committee = in_office(session, cast.estate.id)
    assert case.outcome == "已备案" and committee and committee.seats == 5 and len(members(session, committee)) == 6


@pytest.mark.parametrize(
    ("event", "facts", "sentence"),
    [
        ("vacate", {"member": "曹雪", "ended_on": "2026-03-01", "reason": "辞职"}, "曹雪不是本届业主委员会的在任委员"),
        ("vacate", {"member": "冯雨", "ended_on": "2026-03-01", "reason": "辞职"}, "冯雨不是本届业主委员会的在任委员"),
        ("vacate", {"member": "张秋", "ended_on": "2026-03-03", "reason": "辞职"}, "应在任职之后、不晚于今天"),
        ("vacate", {"member": "张秋", "ended_on": "2023-08-31", "reason": "辞职"}, "应在任职之后、不晚于今天"),
    ],
)
def test_only_who_sits_can_leave(
    session: Session, cast: Cast, event: str, facts: dict[str, Any], sentence: str
) -> None:
    seated(session, cast, alternates=STANDING[5:6])
    case = opened(session, cast, "2026-03-02 09:00")
    with pytest.raises(Invalid, match=sentence):
        cast.fires(case, "committee", event, "2026-03-02 09:10", **facts)
    assert case.stage == "matter"


def test_without_a_committee_on_file_nothing_can_change(session: Session, cast: Cast) -> None:
    case = opened(session, cast, "2026-03-02 09:00")
    with pytest.raises(Conflict, match="没有已备案的业主委员会"):
        cast.fires(case, "committee", "vacate", "2026-03-02 09:10", member="张秋", ended_on="2026-03-01", reason="辞职")
    with pytest.raises(Conflict, match="没有已备案的业主委员会"):
        cast.fires(
            case,
            "committee",
            "change",
            "2026-03-02 09:10",
            changed_on="2026-03-01",
            changes=["rules"],
            statement="修改",
        )
    cast.fires(case, "committee", "withdraw", "2026-03-02 09:20", reason="先补备案")
    assert case.outcome == "撤回"


def test_it_can_be_refused_or_lapse_in_writing(session: Session, cast: Cast) -> None:
    committee = seated(session, cast)
    for end in ("refuse", "lapse"):
        case = opened(session, cast, "2026-03-02 09:00")
        cast.fires(
            case,
            "committee",
            "change",
            "2026-03-02 09:10",
            changed_on="2026-03-01",
            changes=["rules"],
            statement="修改",
        )
        cast.fires(case, "committee", "submit", "2026-03-02 09:20")
        if end == "refuse":
            cast.fires(case, "reviewer", "refuse", "2026-03-03 09:00", reason="未经业主共同决定")
        else:
            cast.fires(case, "reviewer", "ask", "2026-03-03 09:00", items=["业主共同决定"])
            with pytest.raises(Conflict, match="2026-03-17 24时届满"):
                cast.fires(case, "reviewer", "lapse", "2026-03-17 09:00")
            cast.fires(case, "reviewer", "lapse", "2026-03-18 09:00")
        shift(session, "2026-03-18 10:00")
        assert case.outcome in ("不予备案", "逾期终止") and len(papers(session, case)) >= 1
    assert in_office(session, cast.estate.id) is committee


def test_only_the_district_files(session: Session, cast: Cast) -> None:
    case = elected(session, cast)
    cast.fires(case, "owner", "submit", "2025-11-03 09:00", **POSTS, **TERM)
    for who in ("clerk", "head", "owner", "committee", "stranger", "payer"):
        with pytest.raises(Forbidden):
            cast.fires(case, who, "file", "2025-11-04 09:00")


def test_who_acted_meanwhile_makes_room_for_the_committee(session: Session, cast: Cast) -> None:
    case = elected(session, cast)
    residents = session.scalars(select(Body).where(col(Body.kind) == "residents_committee")).one()
    acting = take_office(
        session, cast.estate, residents, kind="acting", case=None, from_day=date(2025, 10, 1), to_day=None, at=at("2025-10-01 09:00")
    )  # fmt: skip
    cast.fires(case, "owner", "submit", "2025-11-03 09:00", **POSTS, **TERM)
    cast.fires(case, "reviewer", "file", "2025-11-04 09:00")
    committee = in_office(session, cast.estate.id)
    assert committee and committee.kind == "elected" and committee.body_id != residents.id
    assert (acting.ended_why, cast.estate.committee_id) == ("succeeded", committee.body_id)
