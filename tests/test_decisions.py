"""Rosters and common decisions in the database: what is read, ruled, counted, frozen, and who stands in whose way."""

import json
from datetime import date, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlmodel import Session, col

from api.embedded import Urls
from models.access import may_keep_roster, see_decision, see_estate
from models.case import Case, events_of, verify
from models.climb import climb
from models.db import url_for
from models.decisions import Ballot, Decision, Roster, decision_for, held
from models.documents import Blob
from models.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from models.settings import settings
from models.territory import Unit

from .make import DECIDED, Cast, at
from .papers import BALLOTS, DATA, ROSTER, ballots, roster

NOW = at("2026-10-12 09:00")
EXPECTED = json.loads((DATA / "lianhua_expected.json").read_text())
OWNERS = ("苏伟", "袁玉佳", "唐欣子", "薛俊琪", "尹梓晨", "顾娟")


def units(session: Session, cast: Cast) -> int:
    return session.scalar(select(func.count()).select_from(Unit).where(col(Unit.estate_id) == cast.estate.id)) or 0


def hold(session: Session, cast: Cast, *lines: tuple[Any, ...], when: str = "2026-10-12 09:00", **more: Any) -> Roster:
    """Six units of 100 ㎡, each with one owner, unless `lines` say otherwise."""
    papers = lines or tuple((f"1栋{number:04}", owner, "", 100) for number, owner in enumerate(OWNERS, 101))
    return Roster.read(session, cast.estate, roster(*papers), filename="名册.xlsx", by=cast.agent, at=at(when), **more)


def vote(session: Session, cast: Cast, *lines: tuple[Any, ...], **window: date) -> Decision:
    decision = Decision.open(session, cast.estate, title="大修3栋电梯", by=cast.agent, at=NOW, **window)  # type: ignore[arg-type]
    decision.take(session, ballots(*lines), filename="表决票.xlsx", by=cast.agent, at=NOW)
    return decision


def said(decision: Decision, kind: str) -> list[str]:
    return [finding["sentence"] for finding in decision.tally[kind]]


# --- the roster ---


def test_the_sample_is_kept_and_counted_as_on_paper(session: Session, cast: Cast) -> None:
    kept = Roster.read(session, cast.estate, ROSTER, filename="lianhua_roster.xlsx", by=cast.agent, at=NOW)
    assert {
        key: getattr(kept, key) for key in ("units", "heads", "total_area_dm2", "unsold_units", "duplicate_lines")
    } == {key: EXPECTED[key] for key in ("units", "heads", "total_area_dm2", "unsold_units", "duplicate_lines")}
    assert units(session, cast) == 312
    decision = Decision.open(session, cast.estate, title="大修3栋电梯", by=cast.agent, at=NOW)
    decision.take(session, BALLOTS, filename="lianhua_ballots.xlsx", by=cast.agent, at=NOW)
    assert {key: decision.tally[key] for key in EXPECTED} == EXPECTED
    assert decision.passed and decision.why_not() == ""
    assert decision.tally["approval"] == {"area": "61.90%", "heads": "62.91%"}
    assert session.scalar(select(func.count()).select_from(Ballot)) == 231


def test_a_roster_of_another_estate_changes_nothing(session: Session, cast: Cast) -> None:
    kept = hold(session, cast)
    elsewhere = [("9栋0101", "甲", "", 100), ("9栋0102", "乙", "", 100)]
    with pytest.raises(Invalid, match="标题写的是“香蜜新居”") as refusal:
        Roster.read(
            session, cast.estate, roster(*elsewhere, title="香蜜新居业主名册"), filename="", by=cast.agent, at=NOW
        )
    assert refusal.value.field == "roster"
    with pytest.raises(Invalid, match="2 个单元有 2 个不是本小区的"):
        hold(session, cast, *elsewhere)
    assert Roster.of(session, kept.estate_id) is kept and units(session, cast) == 6
    # unless somebody says that it is meant
    assert hold(session, cast, *elsewhere, renumbered=True).units == 2


def test_the_next_roster_takes_the_place_of_the_last(session: Session, cast: Cast) -> None:
    hold(session, cast)
    hold(session, cast, ("1栋0101", "苏伟", "", 100), ("1栋0102", "袁玉佳", "", 90))
    assert units(session, cast) == 2
    assert session.scalar(select(func.count()).select_from(Roster)) == 2, "the one before is history, not gone"


def test_a_doubt_about_who_is_who_is_settled_with_a_reason_and_then_counts(session: Session, cast: Cast) -> None:
    # two units of one name, and no number that would tell
    kept = hold(session, cast, ("1栋0101", "苏伟", "", 100), ("1栋0102", "苏伟", "", 100), ("1栋0103", "程红", "", 100))
    decision = vote(session, cast, *((unit, "", "同意") for unit in ("1栋0101", "1栋0102", "1栋0103")))
    assert not decision.passed and "暂按1人计" in decision.why_not()
    assert decision.doubts == [] and len(decision.roster_doubts) == 1
    with pytest.raises(Invalid, match="没有需要人工认定的表决票"):
        decision.rule(session, "1栋0102", None, "看过了", by=cast.agent, at=NOW)
    (doubt,) = kept.undecided
    with pytest.raises(Invalid, match="理由") as refusal:
        kept.settle(session, doubt["kind"], doubt["rows"], " ", by=cast.agent, at=NOW)
    assert refusal.value.field == "reason"
    later = NOW + timedelta(hours=1)
    kept.settle(session, doubt["kind"], doubt["rows"], "已核对房产证，同一人", by=cast.committee, at=later)
    assert kept.undecided == [] and kept.settled[0]["by"] == cast.committee.id
    with pytest.raises(Invalid, match="可能已经认定过"):
        kept.settle(session, doubt["kind"], doubt["rows"], "再来一次", by=cast.agent, at=later)
    # the decision stays as it was counted until somebody counts again
    assert decision.undecided and decision.is_behind(kept)
    decision.recount(session, by=cast.agent, at=later)
    assert decision.passed and not decision.is_behind(kept)
    assert any("已认定：已核对房产证，同一人" in sentence for sentence in said(decision, "noted"))


def test_a_reason_does_not_make_the_scope_smaller(session: Session, cast: Cast) -> None:
    kept = hold(session, cast, ("1栋0101", "苏伟", "", 100), ("1栋0102", "袁玉佳", "", ""))
    (doubt,) = kept.undecided
    with pytest.raises(Conflict, match="须更正文件后重新导入") as refusal:
        kept.settle(session, doubt["kind"], doubt["rows"], "不用算", by=cast.agent, at=NOW)
    assert refusal.value.field == "roster"


def test_a_roster_out_of_use_is_not_settled(session: Session, cast: Cast) -> None:
    old = hold(session, cast, ("1栋0101", "苏伟", "", 100), ("1栋0102", "苏伟", "", 100))
    hold(session, cast, ("1栋0101", "苏伟", "", 100), ("1栋0102", "苏伟", "", 100))
    with pytest.raises(Conflict, match="重新导入过"):
        old.settle(session, old.undecided[0]["kind"], old.undecided[0]["rows"], "同一人", by=cast.agent, at=NOW)


# --- ballots and rulings ---


def test_one_owner_voting_twice_with_different_opinions_waits_for_a_ruling(session: Session, cast: Cast) -> None:
    hold(session, cast)
    agreeing = [(f"1栋{number:04}", owner, "同意") for number, owner in enumerate(OWNERS[:4], 101)]
    decision = vote(session, cast, *agreeing, ("1栋0105", "尹梓晨", "同意"), ("1栋0105", "尹梓晨", "不同意"))
    (doubt,) = decision.doubts
    assert (doubt.unit, doubt.rows) == ("1栋0105", [7, 8])
    assert decision.why_not().startswith("还有1处需要人工认定：1栋0105的表决票（第7、8行）意见互相矛盾")
    assert decision.tally["participating"] == {"area": 400_00, "heads": 4}
    for row, reason, opinion, field in (
        (7, "", None, "reason"),
        (3, "以先到的为准", None, "row"),
        (7, "以先到的为准", "agree", "opinion"),
    ):
        with pytest.raises(Invalid) as refusal:
            decision.rule(session, "1栋0105", row, reason, by=cast.agent, at=NOW, opinion=opinion)  # type: ignore[arg-type]
        assert refusal.value.field == field
    with pytest.raises(Invalid, match="“1栋0101”没有需要人工认定") as refusal:
        decision.rule(session, "1栋0101", 3, "以先到的为准", by=cast.agent, at=NOW)
    assert refusal.value.field == "unit"
    decision.rule(session, "1栋0105", 8, "业主到场确认，以第二张为准", by=cast.clerk, at=NOW)
    assert decision.undecided == [] and decision.passed
    assert decision.tally["participating"] == {"area": 500_00, "heads": 5}
    assert decision.tally["disagreeing"] == {"area": 100_00, "heads": 1}
    assert said(decision, "refused") == ["1栋0105第7行的票不计，已认定：业主到场确认，以第二张为准"]
    # on second thoughts, none of them
    decision.rule(session, "1栋0105", None, "两张都不是本人签名", by=cast.clerk, at=NOW)
    assert decision.tally["participating"] == {"area": 400_00, "heads": 4}
    assert len(said(decision, "refused")) == 2


def test_a_ballot_signed_by_another_counts_once_the_power_of_attorney_was_seen(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = vote(
        session, cast, *((f"1栋{n:04}", o, "同意") for n, o in enumerate(OWNERS[:4], 101)), ("1栋0105", "王五", "同意")
    )
    assert "署名王*，名册中的业主是尹**" in decision.doubts[0].sentences[0]
    decision.rule(session, "1栋0105", 7, "已核验授权委托书", by=cast.agent, at=NOW)
    assert decision.tally["agreeing"] == {"area": 500_00, "heads": 5}


def test_an_opinion_nobody_can_read_is_said_by_the_ruling(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = vote(
        session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104)), ("1栋0105", "", "同?意")
    )
    with pytest.raises(Invalid, match="写明对照原票后认定的意见") as refusal:
        decision.rule(session, "1栋0105", 7, "对照原票", by=cast.agent, at=NOW)
    assert refusal.value.field == "opinion"
    decision.rule(session, "1栋0105", 7, "对照原票", by=cast.agent, at=NOW, opinion="disagree")
    assert decision.tally["disagreeing"]["heads"] == 1 and decision.undecided == []
    decision.rule(session, "1栋0105", None, "原票污损", by=cast.agent, at=NOW)
    assert said(decision, "refused") == ["1栋0105第7行的票不计，已认定：原票污损"]


def test_a_line_of_which_nobody_can_say_whose_it_is_is_set_aside(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = vote(session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104)), ("", "王五", "同意"))
    assert [(doubt.unit, doubt.rows) for doubt in decision.doubts] == [(None, [7])]
    with pytest.raises(Invalid) as refusal:
        decision.rule(session, None, 6, "没有写房号", by=cast.agent, at=NOW)
    assert refusal.value.field == "row"
    decision.rule(session, None, 7, "没有写房号", by=cast.agent, at=NOW)
    assert decision.passed and said(decision, "refused") == ["第7行的票不计，已认定：没有写房号"]


def test_ballots_for_units_that_are_not_in_the_roster_do_not_count(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = vote(session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104)), ("7栋0101", "", "同意"))
    assert said(decision, "refused") == ["表决票第7行的“7栋0101”不在名册中，不计。"]
    with pytest.raises(Invalid, match="2 个单元有 2 个不是本小区的") as refusal:
        decision.take(
            session, ballots(("7栋0101", "", "同意"), ("7栋0102", "", "同意")), filename="", by=cast.agent, at=NOW
        )
    assert refusal.value.field == "ballots"
    with pytest.raises(Invalid, match="标题写的是“香蜜新居”"):
        papers = ballots(("1栋0101", "", "同意"), title="香蜜新居业主大会表决票")
        decision.take(session, papers, filename="", by=cast.agent, at=NOW)


def test_ballots_without_a_roster_have_nothing_to_be_counted_by(session: Session, cast: Cast) -> None:
    decision = Decision.open(session, cast.estate, title="大修3栋电梯", by=cast.agent, at=NOW)
    with pytest.raises(Conflict, match="请先导入名册") as refusal:
        decision.take(session, BALLOTS, filename="", by=cast.agent, at=NOW)
    assert refusal.value.field == "roster"
    for ask in (decision.recount,):
        with pytest.raises(Conflict, match="尚未导入表决票"):
            ask(session, by=cast.agent, at=NOW)
    assert decision.why_not() == "尚未导入表决票。"


def test_new_ballots_come_without_the_old_rulings(session: Session, cast: Cast) -> None:
    hold(session, cast)
    lines = [("1栋0101", "", "同意"), ("1栋0101", "", "不同意"), ("1栋0102", "", "同意")]
    decision = vote(session, cast, *lines)
    decision.rule(session, "1栋0101", 3, "先到", by=cast.agent, at=NOW)
    decision.take(session, ballots(*lines, ("1栋0103", "", "同意")), filename="", by=cast.agent, at=NOW)
    assert decision.rulings == {} and len(decision.doubts) == 1


def test_a_decision_is_frozen_whatever_becomes_of_the_roster(session: Session, cast: Cast) -> None:
    kept = hold(session, cast)
    decision = vote(session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104)))
    before = decision.tally
    hold(session, cast, *((f"1栋{n:04}", o, "", 100) for n, o in enumerate((*OWNERS, "甲", "乙", "丙"), 101)))
    assert decision.tally == before and decision.roster_id == kept.id
    assert decision.is_behind(Roster.of(session, kept.estate_id))
    decision.recount(session, by=cast.agent, at=NOW)
    assert decision.tally["units"] == 9 and not decision.passed


@pytest.mark.parametrize(
    ("title", "window", "field"),
    [
        ("  ", {}, "title"),
        ("大修", {"window_from": date(2026, 9, 10)}, "window_to"),
        ("大修", {"window_to": date(2026, 9, 10)}, "window_from"),
        ("大修", {"window_from": date(2026, 9, 10), "window_to": date(2026, 9, 9)}, "window_to"),
        ("大修", {"window_from": date(2099, 9, 10), "window_to": date(2099, 9, 19)}, "window_from"),
    ],
)
def test_a_decision_wants_a_title_and_a_window_that_can_be(
    session: Session, cast: Cast, title: str, window: dict[str, date], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        Decision.open(session, cast.estate, title=title, by=cast.agent, at=NOW, **window)  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_a_file_over_the_limit_is_too_large(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "upload_limit", 1000)
    with pytest.raises(TooLarge) as refusal:
        hold(session, cast)
    assert refusal.value.field == "roster" and units(session, cast) == 0


# --- a case that rests on it ---


def test_what_a_case_rests_on_cannot_be_counted_again(session: Session, cast: Cast) -> None:
    hold(session, cast)
    decision = vote(session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104)))
    case = cast.opens("2026-10-12 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=decision.id, **DECIDED)
    assert decision_for(session, case) is decision
    for change in (
        lambda: decision.take(session, ballots(("1栋0101", "", "不同意")), filename="", by=cast.agent, at=NOW),
        lambda: decision.rule(session, "1栋0101", None, "不算", by=cast.agent, at=NOW),
        lambda: decision.recount(session, by=cast.agent, at=NOW),
    ):
        with pytest.raises(Conflict, match=case.number):
            change()


def at_the_vote(session: Session, cast: Cast) -> Case:
    """A case whose owners have had notice from 20 September to 4 October and vote from the 5th to the 14th."""
    case = cast.opens("2026-09-11 08:30")
    cast.fires(case, "agent", "plan", "2026-09-11 08:40", warranty_expired=True)
    cast.fires(case, "agent", "publish", "2026-09-11 09:00")
    while climb(session, at("2026-09-19 00:00")):
        pass
    assert case.stage == "decision"
    return case


def test_the_vote_of_a_case_takes_ballots_once_its_window_is_open(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-10 09:00")
    fresh = cast.opens("2026-09-11 08:00")
    with pytest.raises(Conflict, match="在“需求与查勘”环节，不在表决"):
        Decision.of_case(session, fresh, by=cast.agent, at=at("2026-09-11 09:00"))
    case = at_the_vote(session, cast)
    with pytest.raises(Conflict, match="会议通知期至 2026-10-04 24时届满，表决自 2026-10-05 起"):
        Decision.of_case(session, case, by=cast.agent, at=at("2026-09-25 09:00"))
    while climb(session, at("2026-10-05 00:00")):
        pass
    decision = Decision.of_case(session, case, by=cast.agent, at=at("2026-10-06 09:00"))
    assert (decision.window_from, decision.window_to) == (date(2026, 10, 5), date(2026, 10, 14))
    assert decision.title == "维修资金使用：3栋电梯大修"
    came = [(f"1栋{number:04}", "", "同意", f"2026-10-{day:02} 10:00") for number, day in zip(range(101, 106), range(4, 9), strict=True)]  # fmt: skip
    decision.take(session, ballots(*came), filename="", by=cast.agent, at=at("2026-10-08 11:00"))
    assert said(decision, "refused") == ["1栋0101的表决票第3行2026-10-04 10:00收到，早于表决开始，留存不计。"]
    assert decision.passed
    with pytest.raises(Conflict, match="表决期至 2026-10-14"):
        cast.fires(case, "agent", "passed", "2026-10-08 12:00")
    while climb(session, at("2026-10-15 00:00")):
        pass
    assert Decision.of_case(session, case, by=cast.agent, at=at("2026-10-15 09:00")) is decision, (
        "one vote, one decision"
    )
    decision.take(session, ballots(*came[:4]), filename="", by=cast.agent, at=at("2026-10-15 09:00"))
    assert not decision.passed
    with pytest.raises(Conflict, match="计票结果为未通过：参与表决的专有部分面积（50.00%）未达到三分之二"):
        cast.fires(case, "agent", "passed", "2026-10-15 09:10")
    decision.take(session, ballots(*came), filename="", by=cast.agent, at=at("2026-10-15 09:20"))
    cast.fires(case, "committee", "passed", "2026-10-15 10:00")
    with pytest.raises(Conflict, match=f"案件 {case.number} 的表决环节已经结束"):
        decision.take(session, ballots(*came[:4]), filename="", by=cast.agent, at=at("2026-10-15 11:00"))
    notes = [event.note or "" for event in events_of(session, case) if event.name == "note"]
    assert len(notes) == 3 and "计票结果：通过。" in notes[0] and decision.sha256 and decision.sha256 in notes[2]
    assert verify(events_of(session, case)) is None


def test_a_vote_is_neither_passed_nor_failed_while_a_line_is_undecided(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-10 09:00")
    case = at_the_vote(session, cast)
    for day in ("2026-10-05 00:00", "2026-10-15 00:00"):
        while climb(session, at(day)):
            pass
    decision = Decision.of_case(session, case, by=cast.agent, at=at("2026-10-15 09:00"))
    came = [(f"1栋{number:04}", "", opinion, "2026-10-06 10:00") for number, opinion in ((101, "同意"), (101, "不同意"), (102, "同意"))]  # fmt: skip
    decision.take(session, ballots(*came), filename="", by=cast.agent, at=at("2026-10-15 09:00"))
    for name in ("passed", "failed"):
        with pytest.raises(Conflict, match="还有1处需要人工认定"):
            cast.fires(case, "agent", name, "2026-10-15 09:30")
    decision.rule(session, "1栋0101", 4, "后一张为准", by=cast.agent, at=at("2026-10-15 10:00"))
    cast.fires(case, "agent", "failed", "2026-10-15 10:10")
    assert case.outcome == "表决未通过"
    with pytest.raises(Conflict, match="表决环节已经结束"):
        decision.rule(session, "1栋0101", 3, "再想想", by=cast.agent, at=at("2026-10-15 11:00"))


def test_ballots_cannot_be_changed_under_a_case_that_is_about_to_rest_on_them(own_database: Urls) -> None:
    engine = create_engine(url_for(own_database.app))
    with Session(engine) as session, session.begin():
        cast = Cast(session)
        hold(session, cast)
        number = vote(session, cast, *((f"1栋{n:04}", "", "同意") for n in (101, 102, 103, 104))).id
        case_id = cast.opens("2026-10-12 09:00").id
    assert number
    refused: list[str] = []

    def change() -> None:
        with Session(engine) as session:
            try:
                decision, cast = session.get_one(Decision, number), Cast(session)
                decision.take(session, ballots(("1栋0101", "", "不同意")), filename="", by=cast.agent, at=NOW)
                session.commit()
            except Conflict as conflict:
                refused.append(conflict.sentence)

    with Session(engine) as session, session.begin():
        cast, case = Cast(session), session.get_one(Case, case_id)
        assert (kept := held(session, number)) and kept.passed
        other = Thread(target=change)
        other.start()
        cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=number, **DECIDED)
        other.join(1)
        assert other.is_alive(), "it waits for the one that came first"
    other.join(20)
    assert len(refused) == 1 and "已经依据本决定办理" in refused[0]
    engine.dispose()


# --- who ---


@pytest.mark.parametrize("account", ["agent", "committee", "clerk"])
def test_company_committee_and_street_keep_the_roster(cast: Cast, account: str) -> None:
    assert may_keep_roster(getattr(cast, account), cast.estate)


@pytest.mark.parametrize(
    "account",
    ["owner", "head", "reviewer", "district_head", "payer", "supervisor", "duty", "auditor", "admin", "stranger"],
)
def test_others_at_most_read(cast: Cast, account: str) -> None:
    assert not may_keep_roster(getattr(cast, account), cast.estate)


def test_a_stranger_does_not_know_of_estate_or_decision(session: Session, cast: Cast) -> None:
    decision = cast.decided()
    assert see_decision(session, cast.owner, decision.id or 0) is decision
    for account in ("stranger", "admin"):
        with pytest.raises(NotFound):
            see_estate(session, getattr(cast, account), decision.estate_id)
        with pytest.raises(NotFound):
            see_decision(session, getattr(cast, account), decision.id or 0)


# --- materials ---

PDF, PNG, JPG = b"%PDF-1.7\n%...", b"\x89PNG\r\n\x1a\n...", b"\xff\xd8\xff\xe0..."


def test_a_material_is_kept_once_and_named_in_the_ledger(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    one = case.attach(JPG, filename="../现场\u202e.JPG", need="现场照片", by=cast.agent, at=at("2026-10-12 09:10"))
    assert (one.filename, one.media_type, one.stage) == ("现场.JPG", "image/jpeg", "need")
    again = case.attach(JPG, filename="另一个名字.jpg", need="现场照片", by=cast.agent, at=at("2026-10-12 09:11"))
    assert again is one
    other = case.attach(JPG, filename="照片.exe", need=None, by=cast.agent, at=at("2026-10-12 09:12"))
    assert other.filename == "照片.exe.jpg" and other.sha256 == one.sha256
    assert session.scalar(select(func.count()).select_from(Blob).where(col(Blob.sha256) == one.sha256)) == 1
    events = events_of(session, case)
    assert [event.name for event in events] == ["open", "attach", "attach"] and verify(events) is None
    assert events[1].facts == {"attachment": one.id, "need": "现场照片", "sha256": one.sha256, "size": len(JPG)}
    assert case.stage_since == at("2026-10-12 09:00"), "handing something in moves nothing"


def test_materials_come_from_whoever_the_stage_waits_for(session: Session, cast: Cast) -> None:
    case = cast.opens("2026-10-12 09:00")
    for account in ("clerk", "committee", "reviewer", "stranger"):
        with pytest.raises(Forbidden, match="需求与查勘"):
            case.attach(PDF, filename="a.pdf", need=None, by=getattr(cast, account), at=NOW)
    # at the counter, for the applicant
    case.attach(PDF, filename="a.pdf", need=None, by=cast.clerk, at=NOW, on_behalf_of=f"body:{case.applicant_id}")
    assert events_of(session, case)[-1].on_behalf_of == f"body:{case.applicant_id}"
    cast.fires(case, "agent", "withdraw", "2026-10-12 10:00", reason="不做了")
    with pytest.raises(Conflict, match="已办结"):
        case.attach(PDF, filename="b.pdf", need=None, by=cast.agent, at=at("2026-10-12 11:00"))


@pytest.mark.parametrize(
    ("need", "sentence"),
    [("房屋权属信息", "通过数据共享取得"), ("业主名册", "在小区页面导入名册"), ("月球证明", "没有“月球证明”这项材料")],
)
def test_what_is_not_asked_for_is_not_taken(cast: Cast, need: str, sentence: str) -> None:
    case = cast.opens("2026-10-12 09:00")
    with pytest.raises(Invalid, match=sentence) as refusal:
        case.attach(PDF, filename="a.pdf", need=need, by=cast.agent, at=NOW)
    assert refusal.value.field == "need" and case.last_seq == 1
