"""业主委员会换届, told as it happens in 莲花北村. Due days were worked out by hand on the calendar of 2026."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case, events_of, verify
from models.committees import in_office, members
from models.decisions import Decision
from models.documents import Document
from models.elections import failed
from models.errors import Conflict, Forbidden, Invalid
from models.links import arising
from models.notices import Trouble
from models.people import Body
from models.terms import watch_terms

from ..make import Cast, at, running, shift
from ..papers import workbook
from .elections import RENEWAL, STANDING, UNITS, WON, applies, call, counts, roster, seated, standing, vote

HANDED = [
    {"kind": "账目", "what": "共有资金账册5本", "received_by": "王夏"}, {"kind": "档案", "what": "会议记录32卷", "received_by": "王夏"},
    {"kind": "印章", "what": "印章2枚", "received_by": "李冬"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_paper_can_be_written(session: Session) -> Iterator[None]:
    yield
    shift(session, "2031-01-06 09:00")
    assert session.scalars(select(Trouble)).all() == []


def only_case(session: Session) -> Case:
    return session.scalars(select(Case).where(col(Case.type) == "committee_reelection")).one()


def papers(session: Session, case: Case) -> list[str]:
    found = select(col(Document.title)).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return list(session.scalars(found))


def at_report(session: Session, cast: Cast, to: str = "2026-06-30") -> Case:
    roster(session, cast.estate)
    seated(session, cast, to=to)
    return applies(session, cast, "2026-01-05 09:00", "committee_reelection", "committee", cast.estate.committee_id)


def at_candidates(session: Session, cast: Cast, to: str = "2026-06-30") -> Case:
    case = at_report(session, cast, to)
    cast.fires(case, "committee", "submit", "2026-01-12 09:00", plan="三月换届")
    cast.fires(case, "clerk", "name_group", "2026-01-26 09:00", members=RENEWAL)
    shift(session, "2026-02-03 00:00")
    cast.fires(case, "clerk", "found_group", "2026-02-04 09:00")
    cast.fires(case, "clerk", "determine", "2026-02-06 09:00")
    return case


def at_counting(session: Session, cast: Cast) -> Case:
    case = at_candidates(session, cast)
    cast.fires(case, "clerk", "call", "2026-02-09 09:00", **call())
    shift(session, "2026-02-25 00:00", "2026-03-07 00:00")
    return case


def test_a_re_election_over_spring_festival_from_the_warning_to_the_hand_over(session: Session, cast: Cast) -> None:
    roster(session, cast.estate)
    before = seated(session, cast, to="2026-06-30", names=("魏霜", *STANDING[:4]))
    # New Year's Day 2026 is 180 days before the term ends
    assert watch_terms(session, at("2025-12-31 07:15")) is None
    done = watch_terms(session, at("2026-01-01 07:15"))
    assert done and (done.opened, done.reminded) == (1, 0)
    case = only_case(session)
    assert case.number.startswith("HJ2026-") and case.applicant_id == before.body_id and case.details["cause"] == "term"
    first = events_of(session, case)[0]
    assert first.by_id is None and first.note == "业主委员会任期至2026-06-30届满，距届满180日，系统自动登记换届。"
    # thirty days: 31 January is a Saturday
    assert case.stage == "report" and running(session, case).due_day == date(2026, 2, 2)
    assert watch_terms(session, at("2026-01-02 07:15")) and only_case(session) is case, "once"

    cast.fires(case, "committee", "submit", "2026-01-12 09:00", plan="三月召开业主大会会议")
    assert case.stage == "group" and running(session, case).due_day == date(2026, 2, 11)
    cast.fires(case, "clerk", "name_group", "2026-01-26 09:00", members=RENEWAL, places=["小区公告栏"])
    shift(session, "2026-02-03 00:00")
    assert case.stage == "objections" and running(session, case).due_day == date(2026, 2, 10)
    cast.fires(case, "clerk", "found_group", "2026-02-04 09:00")
    # fifteen days end on 19 February, in Spring Festival: the 24th
    assert running(session, case).due_day == date(2026, 2, 24)
    cast.fires(case, "clerk", "determine", "2026-02-06 09:00")
    assert running(session, case).due_day == date(2026, 2, 24)

    # notice from the 10th to the 24th, whatever the holiday; votes from the 25th to 6 March
    cast.fires(case, "clerk", "call", "2026-02-09 09:00", **call())
    assert running(session, case, "period").due_day == date(2026, 2, 24)
    shift(session, "2026-02-25 00:00")
    assert running(session, case, "period").due_day == date(2026, 3, 6)
    shift(session, "2026-03-07 00:00")
    assert case.stage == "counting" and running(session, case).due_day == date(2026, 3, 13)
    election = vote(session, cast.estate, ("2026-02-25", "2026-03-06"))
    cast.fires(case, "clerk", "declare", "2026-03-09 09:00", election_decision=election, counts=counts(WON))
    shift(session, "2026-03-17 00:00")
    assert case.stage == "conclusion" and running(session, case).due_day == date(2026, 3, 24)
    cast.fires(case, "clerk", "confirm", "2026-03-18 09:00")
    # ten days from the end of the term
    assert case.stage == "handover" and running(session, case).due_day == date(2026, 7, 10)

    # the committee files within thirty days of 9 March; it has its code already
    (filing,) = arising(session, case.id or 0, "elected")
    assert filing.applicant_id == before.body_id and running(session, filing).due_day == date(2026, 4, 8)
    posts: dict[str, Any] = {"chair": "王夏", "deputies": [], "term_from": "2026-07-01", "term_to": "2031-06-30"}
    cast.fires(filing, "committee", "submit", "2026-03-25 09:00", **posts)
    cast.fires(filing, "reviewer", "file", "2026-03-27 09:00")
    shift(session, "2026-03-27 09:05")
    after = in_office(session, cast.estate.id)
    assert filing.outcome == "已备案" and after and after.id != before.id and after.to_day == date(2031, 6, 30)
    assert before.ended_why == "succeeded" and [one.name for one in members(session, after)][:2] == ["张秋", "王夏"]
    assert watch_terms(session, at("2026-03-28 07:15")) is None

    with pytest.raises(Invalid, match="移交清单缺少：印章"):
        cast.fires(
            case,
            "committee",
            "handed_over",
            "2026-07-06 09:00",
            items=HANDED[:2],
            signed_on="2026-07-03",
            handed_by="魏霜",
        )
    with pytest.raises(Invalid, match="2026-07-07 不能晚于今天"):
        cast.fires(
            case, "committee", "handed_over", "2026-07-06 09:00", items=HANDED, signed_on="2026-07-07", handed_by="魏霜"
        )
    cast.fires(
        case, "committee", "handed_over", "2026-07-06 09:00", items=HANDED, signed_on="2026-07-03", handed_by="魏霜"
    )
    shift(session, "2026-07-06 09:05")
    assert case.outcome == "换届完成" and verify(events_of(session, case)) is None and not failed(case)
    assert papers(session, case) == ["成员名单公告", "业主大会会议公告", "选举结果公告", "选举结果确认书", "移交确认书"]


def test_votes_that_the_decision_counted_need_not_be_typed(session: Session, cast: Cast) -> None:
    """Of sixty owners 45 vote, with a column for each candidate: the case takes their votes from the decision."""
    case = at_candidates(session, cast)
    cast.fires(case, "clerk", "call", "2026-02-09 09:00", **call())
    shift(session, "2026-02-25 00:00", "2026-03-07 00:00")
    decision = Decision.open(
        session, cast.estate, title="换届选举", kind="election", by=cast.clerk, at=at("2026-02-25 09:00"),
        window_from=date(2026, 2, 25), window_to=date(2026, 3, 6), candidates=STANDING,
    )  # fmt: skip
    came = [
        (unit, "", *("同意" if place < WON[name] else "反对" for name in STANDING), "2026-02-28 10:00")
        for place, unit in enumerate(UNITS[:45])
    ]
    papers = workbook([("房号", "业主姓名", *STANDING, "收票时间"), *came])
    decision.take(session, papers, filename="选票.xlsx", by=cast.clerk, at=at("2026-03-09 08:00"))

    def declares(**votes: Any) -> None:
        cast.fires(case, "clerk", "declare", "2026-03-09 09:00", election_decision=decision.id, **votes)

    with pytest.raises(Invalid, match="张秋的得票填写为45人、4500.00㎡，表决计票为44人、4400.00㎡") as refusal:
        declares(counts=counts(WON | {"张秋": 45}))
    assert refusal.value.field == "counts"
    with pytest.raises(Invalid, match="表决票上没有候选人：赵磊"):
        declares(counts=counts({"赵磊": 45}))
    declares()
    assert case.stage == "result_publicity"
    assert [one["name"] for one in case.details["elected"]] == list(STANDING[:6]), "曹雪 has not more than half"
    assert case.details["elected"][0]["heads"] == 44


def test_what_is_handed_over_late_counts_from_the_confirmation(session: Session, cast: Cast) -> None:
    """The term ended on 28 February; confirmed on 18 March, ten days end on Saturday the 28th, and so on the Monday."""
    case = at_candidates(session, cast, to="2026-02-28")
    cast.fires(case, "clerk", "call", "2026-02-09 09:00", **call())
    shift(session, "2026-02-25 00:00", "2026-03-07 00:00")
    election = vote(session, cast.estate, ("2026-02-25", "2026-03-06"))
    cast.fires(case, "clerk", "declare", "2026-03-09 09:00", election_decision=election, counts=counts(WON))
    shift(session, "2026-03-17 00:00")
    cast.fires(case, "clerk", "confirm", "2026-03-18 09:00")
    assert running(session, case).due_day == date(2026, 3, 30)


def test_a_re_election_that_came_to_nothing_is_put_in_writing(session: Session, cast: Cast) -> None:
    case = at_counting(session, cast)
    few: dict[str, Any] = {"taking_part": 30, "agreeing": 30}
    first = vote(session, cast.estate, ("2026-02-25", "2026-03-06"), **few)
    votes = counts(dict.fromkeys(STANDING, 30))
    cast.fires(case, "clerk", "declare", "2026-03-09 09:00", election_decision=first, counts=votes)
    shift(session, "2026-03-17 00:00")
    again = vote(session, cast.estate, ("2026-03-10", "2026-03-16"), **few)
    cast.fires(case, "clerk", "declare", "2026-03-17 09:00", election_decision=again, counts=votes)
    assert case.stage == "unelected"
    cast.fires(case, "clerk", "fail", "2026-03-20 09:00", reason="两轮参与人数均不足")
    shift(session, "2026-03-20 09:05")
    assert case.outcome == "换届失败" and failed(case) and papers(session, case)[-1] == "未选举产生业主委员会告知书"
    # the watch does not begin again what has failed; the street may
    done = watch_terms(session, at("2026-03-21 07:15"))
    assert done and done.opened == 0
    street = session.scalars(
        select(Body).where(col(Body.kind) == "street_office", col(Body.name).contains("莲花"))
    ).one()
    other = applies(session, cast, "2026-04-01 09:00", "committee_reelection", "clerk", street.id)
    cast.fires(other, "clerk", "take_over", "2026-04-01 09:10")
    assert other.stage == "group"


def test_two_rounds_may_be_followed_by_another_election(session: Session, cast: Cast) -> None:
    case = at_counting(session, cast)
    first = vote(session, cast.estate, ("2026-02-25", "2026-03-06"))
    short = {name: 30 for name in STANDING[:3]} | {name: 10 for name in STANDING[3:]}
    cast.fires(case, "clerk", "declare", "2026-03-09 09:00", election_decision=first, counts=counts(short))
    shift(session, "2026-03-17 00:00")
    again = vote(session, cast.estate, ("2026-03-10", "2026-03-16"))
    left = {name: 10 for name in STANDING[3:]}
    cast.fires(case, "clerk", "declare", "2026-03-17 09:00", election_decision=again, counts=counts(left))
    assert case.stage == "unelected"
    cast.fires(case, "clerk", "annul", "2026-03-18 09:00", reason="重新提名")
    cast.fires(case, "clerk", "call", "2026-03-19 09:00", **call(candidates=standing(*STANDING[:5])))
    assert case.details["elected"] == [] and case.details["round"] == 1


def test_before_the_term_is_over_it_is_not_said_to_have_failed(session: Session, cast: Cast) -> None:
    case = at_candidates(session, cast)
    with pytest.raises(Conflict, match="2026-07-01 起才能以换届未成终止"):
        cast.fires(case, "clerk", "fail", "2026-06-30 09:00", reason="无人报名")
    cast.fires(case, "clerk", "fail", "2026-07-01 09:00", reason="无人报名")
    assert failed(case)


def test_a_committee_that_does_not_report_is_taken_out_of_its_hands(session: Session, cast: Cast) -> None:
    case = at_report(session, cast)
    # thirty days from 5 January: 4 February
    with pytest.raises(Conflict, match="2026-02-04 24时届满"):
        cast.fires(case, "clerk", "take_over", "2026-02-04 09:00")
    shift(session, "2026-02-05 08:30")
    cast.fires(case, "clerk", "take_over", "2026-02-05 09:00")
    shift(session, "2026-02-05 09:05")
    assert case.stage == "group" and "组织换届通知书" in papers(session, case)


def test_one_re_election_at_a_time(session: Session, cast: Cast) -> None:
    case = at_report(session, cast)
    with pytest.raises(Conflict, match=f"已有正在办理的业主委员会换届（{case.number}）"):
        applies(session, cast, "2026-01-06 09:00", "committee_reelection", "committee", cast.estate.committee_id)
    with pytest.raises(Conflict, match="任期将满的，应当换届，不能撤回"):
        cast.fires(case, "committee", "withdraw", "2026-01-06 09:00", reason="再议")


def test_another_cause_may_be_withdrawn(session: Session, cast: Cast) -> None:
    committee_id = cast.estate.committee_id
    case = applies(session, cast, "2026-01-05 09:00", "committee_reelection", "committee", committee_id, cause="other")
    cast.fires(case, "committee", "withdraw", "2026-01-06 09:00", reason="事由消除")
    shift(session, "2026-01-06 09:05")
    assert case.outcome == "撤回" and papers(session, case) == ["撤回确认书"]


@pytest.mark.parametrize(
    ("members_of", "sentence"),
    [
        (
            [one for one in RENEWAL if one["seat"] != "party"],
            "应为6至13人（本单位自定深圳条文的人数待核），填写的是5人",
        ),
        (
            [*[one for one in RENEWAL if one["seat"] != "party"], {"name": "李强", "seat": "police"}],
            "“社区党委或者辖区基层党组织”应为1至3名",
        ),
        ([*RENEWAL, {"name": "吴昊", "seat": "developer"}], "“建设单位”应为0名"),
    ],
)
def test_the_party_sends_members_and_the_developer_does_not(
    session: Session, cast: Cast, members_of: list[dict[str, Any]], sentence: str
) -> None:
    case = at_report(session, cast)
    cast.fires(case, "committee", "submit", "2026-01-12 09:00", plan="三月换届")
    with pytest.raises(Invalid, match=sentence):
        cast.fires(case, "clerk", "name_group", "2026-01-26 09:00", members=members_of)


def test_who_prepares_it_does_not_stand(session: Session, cast: Cast) -> None:
    case = at_candidates(session, cast)
    himself = {"name": "赵磊", "unit": "1栋0101", "recommended_by": "self", "qualified": True}
    with pytest.raises(Invalid, match="赵磊是换届小组的业主代表.*本单位自定"):
        cast.fires(case, "clerk", "call", "2026-02-09 09:00", **call(candidates=[*standing(), himself]))


def test_the_committee_does_not_count_its_own_votes(session: Session, cast: Cast) -> None:
    case = at_counting(session, cast)
    for who in ("committee", "owner", "agent", "residents", "reviewer", "stranger"):
        with pytest.raises(Forbidden):
            cast.fires(case, who, "declare", "2026-03-09 09:00")
