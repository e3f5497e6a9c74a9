"""What two persons agree on: the calendar of 2027, a typhoon's day, a rule that changes; and all that is refused on the way."""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col

from models.calendar_changes import BrokenCalendar
from models.calendars import shipped_days
from models.editions import CalendarEdition, calendar, newest_edition, sync_calendar
from models.errors import Conflict, Forbidden, Invalid
from models.jobs import Job
from models.proposals import Proposal, decide, diff_of, propose, withdraw
from models.rebase import advance
from models.rules import LadderSeal, Rule, rulebook, sync_ladders, sync_rulebook
from models.worktime import Limit, due, statutory_holidays

from .door import Door
from .make import Cast, area, at, at_intake, running

NOTICE_2026 = (Path(__file__).parent.parent / "models" / "data" / "notices" / "2026.txt").read_text(encoding="utf-8")
NOTICE_2027 = """国务院办公厅关于2027年部分节假日安排的通知
各省、自治区、直辖市人民政府，国务院各部委、各直属机构：
经国务院批准，现将2027年元旦、春节、清明节、劳动节、端午节、中秋节和国庆节放假调休日期的具体安排通知如下。
一、元旦：1月1日（周五）至3日（周日）放假，共3天。
二、春节：2月5日（周五）至11日（周四）放假调休，共7天。1月31日（周日）上班。
三、清明节：4月3日（周六）至5日（周一）放假，共3天。
四、劳动节：5月1日（周六）至5日（周三）放假调休，共5天。5月8日（周六）上班。
五、端午节：6月9日（周三）放假，共1天。
六、中秋节：9月15日（周三）放假，共1天。
七、国庆节：10月1日（周五）至7日（周四）放假调休，共7天。9月26日（周日）、10月9日（周六）上班。
节假日期间，各地区、各部门要妥善安排好值班和安全、保卫、疫情防控等工作，遇有重大突发事件，要按规定及时报告并妥善处置，确保人民群众祥和平安度过节日假期。
国务院办公厅
2026年11月3日
"""
"""Imagined: nobody knows yet what it will say."""
BY_LAW_2028 = "\n".join(["day,works,name", *(f"{day},0,{name}" for day, name in statutory_holidays(2028).items())])
NOVEMBER = "2026-11-05 10:00"


def notice(session: Session, cast: Cast, given: str = NOTICE_2027, when: str = NOVEMBER) -> Proposal:
    return propose(session, "calendar", {"notice": given}, "国务院办公厅11月3日公布", by=cast.admin, at=at(when))


def typhoon(session: Session, cast: Cast, *days: str, when: str = "2026-09-22 18:00") -> Proposal:
    content = {"closed": list(days), "why": "台风“海鸥”，市三防指挥部通告停工"}
    return propose(session, "calendar", content, "全市停工", by=cast.supervisor, at=at(when))


def approved(
    session: Session, cast: Cast, proposal: Proposal, when: str, *, rebase: bool = False, by: str = ""
) -> Proposal:
    other = by or ("supervisor" if proposal.made_by_id == cast.admin.id else "admin")
    decided = decide(
        session, proposal.id, to_approve=True, words="", rebase=rebase, by=getattr(cast, other), at=at(when)  # type: ignore[arg-type]
    )  # fmt: skip
    for number in (proposal.preview_id, proposal.rebase_id):
        job = session.get(Job, number) if number else None
        while job and job.is_open and advance(session, job, at(when)):
            pass
    return decided


def rule(session: Session, cast: Cast, when: str = "2026-10-12 10:00", **wanted: Any) -> Proposal:
    content = {
        "id": "fund.review", "value": "3wd", "source": "深府规〔2025〕7号", "article": "第三十条", "confidence": "verified",
        "effective_from": "2026-11-01", **wanted,
    }  # fmt: skip
    return propose(session, "rule", content, "新规定条文已核对", by=cast.admin, at=at(when))


def newest(session: Session) -> str:
    return session.scalar(newest_edition()) or ""


# --- the notice of 2027, in November 2026 ----------------------------------------------------------------------------


def test_the_notice_of_2027_is_pasted_approved_by_another_and_counted_on(session: Session, cast: Cast) -> None:
    """Until it is approved nothing has changed; from then on what is counted is counted on it, and what runs is re-based."""
    proposal = notice(session, cast)
    edition = proposal.content["edition"]
    assert edition == f"2027-国办-{proposal.id}" and newest(session) == "shipped-2026"
    diff = diff_of(session, proposal)
    assert diff.published == (2027,) and diff.years() == [2027]
    assert [(change.day, change.after) for change in diff.of(2027, works=True)] == [
        (date(2027, 1, 31), "周日，调休上班"), (date(2027, 5, 8), "周六，调休上班"),
        (date(2027, 9, 26), "周日，调休上班"), (date(2027, 10, 9), "周六，调休上班"),
    ]  # fmt: skip
    assert date(2027, 2, 10) in [change.day for change in diff.of(2027, works=False)]
    preview = session.get(Job, proposal.preview_id)
    assert preview and preview.params["edition"] == edition and preview.state == "waiting"
    before = due(at("2026-12-24 09:00"), Limit.parse("30wd"), calendar(session))
    assert before.provisional

    approved(session, cast, proposal, "2026-11-05 15:00")
    assert newest(session) == edition == calendar(session).edition
    after = due(at("2026-12-24 09:00"), Limit.parse("30wd"), calendar(session))
    assert not after.provisional and after.due_day != before.due_day
    rebase = session.get(Job, proposal.rebase_id)
    assert rebase and rebase.params["edition"] == edition and rebase.asked_by_id == cast.supervisor.id
    assert (proposal.state, proposal.decided_by_id) == ("approved", cast.supervisor.id)
    assert calendar(session, "shipped-2026").is_provisional(date(2027, 1, 4)), (
        "a clock explains itself by its own edition"
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("1月31日（周日）上班", "1月31日（周六）上班", "“春节”一段写1月31日是周六，实为周日。"),
        ("放假调休，共5天", "放假调休，共4天", "“劳动节”写明共4天，所列日期却是5天。"),
        ("六、中秋节：9月15日（周三）放假，共1天。\n七、", "六、", "缺少“中秋节”的安排"),
        ("关于2027年", "关于2026年", "标题写的是2026年，开头一段写的是2027年。"),
    ],
)  # fmt: skip
def test_a_broken_notice_changes_nothing_and_says_why(
    session: Session, cast: Cast, old: str, new: str, sentence: str
) -> None:
    before = session.scalars(select(CalendarEdition.name)).all()  # type: ignore[call-overload]
    with (
        pytest.raises(Invalid, match=sentence.replace("（", ".").replace("）", ".")) as refused,
        session.begin_nested(),
    ):
        notice(session, cast, NOTICE_2027.replace(old, new))
    assert refused.value.field == "notice" and isinstance(refused.value, BrokenCalendar)
    assert session.scalars(select(CalendarEdition.name)).all() == before  # type: ignore[call-overload]
    assert session.scalars(select(Proposal)).all() == [] == session.scalars(select(Job)).all()


def test_a_notice_that_says_nothing_new_is_not_proposed(session: Session, cast: Cast) -> None:
    with pytest.raises(Conflict, match="完全一致"):
        notice(session, cast, NOTICE_2026)


# --- a typhoon closes the offices ------------------------------------------------------------------------------------


def test_a_typhoon_day_does_not_count_and_stays_when_the_next_notice_comes(session: Session, cast: Cast) -> None:
    """2026-09-23: offices are shut. In November the notice of 2027 is put on top; the day stays closed."""
    proposal = typhoon(session, cast, "2026-09-23", "2026-09-24")
    assert proposal.title == "2026年9月23日、24日停止办公：台风“海鸥”，市三防指挥部通告停工"
    approved(session, cast, proposal, "2026-09-22 19:00")
    book = calendar(session)
    assert book.edition == f"2026-停办-{proposal.id}"
    assert book.why(date(2026, 9, 23)) == "周三，停止办公（台风“海鸥”，市三防指挥部通告停工）"
    # 9-25 to 27 is Mid-Autumn, so the third working day after the 21st is the 29th
    assert due(at("2026-09-21 09:00"), Limit.parse("3wd"), book).due_day == date(2026, 9, 29)
    assert due(at("2026-09-21 09:00"), Limit.parse("3wd"), calendar(session, "shipped-2026")).due_day == date(
        2026, 9, 24
    )

    approved(session, cast, notice(session, cast), "2026-11-05 15:00")
    assert not calendar(session).is_working(date(2026, 9, 23)) and calendar(session).is_working(date(2027, 1, 31))


def test_a_make_up_day_can_be_closed_and_opened_again_and_keeps_its_holiday(session: Session, cast: Cast) -> None:
    approved(session, cast, typhoon(session, cast, "2026-09-20", when="2026-09-19 18:00"), "2026-09-19 19:00")
    assert calendar(session).why(date(2026, 9, 20)).startswith("周日，停止办公")
    reopened = propose(
        session, "calendar", {"reopened": ["2026-09-20"]}, "台风转向，照常上班", by=cast.supervisor, at=at("2026-09-19 22:00")
    )  # fmt: skip
    approved(session, cast, reopened, "2026-09-19 22:30")
    assert calendar(session).why(date(2026, 9, 20)) == "周日，调休上班"
    assert calendar(session).names[date(2026, 9, 20)] == "国庆节"


@pytest.mark.parametrize(
    ("content", "field", "sentence"),
    [
        (
            {"csv": BY_LAW_2028},
            "csv",
            "2028年还没有到公布安排的时候，请核对年份。缺少2027年的安排",
        ),
        ({"closed": ["2026-09-23"]}, "why", "请写明停止办公的原因"),
        ({"closed": ["2026-10-01"], "why": "台风"}, "closed", "2026年10月1日（周四）本来就不上班（周四，国庆节放假）"),
        ({"closed": ["2062-09-23"], "why": "台风"}, "closed", "离今天超过一年，请核对年份"),
        ({"reopened": ["2026-09-23"]}, "reopened", "2026年9月23日（周三）没有登记过停止办公"),
        ({"closed": ["23日"], "why": "台风"}, "closed.0", "日期须写成"),
        ({}, None, "须填写其中一项"),
        ({"notice": "x", "csv": "y"}, None, "只填一项"),
        ({"typhoon": 1}, "typhoon", "没有这一项"),
    ],
)
def test_what_makes_no_sense_is_refused(
    session: Session, cast: Cast, content: dict[str, Any], field: str | None, sentence: str
) -> None:
    with pytest.raises(Invalid) as refused:
        propose(session, "calendar", content, "停工", by=cast.supervisor, at=at("2026-09-22 18:00"))
    assert sentence in refused.value.sentence and refused.value.field == field


# --- two persons -----------------------------------------------------------------------------------------------------


def test_nobody_approves_what_they_proposed_themselves(session: Session, cast: Cast) -> None:
    proposal = notice(session, cast)
    with pytest.raises(Forbidden, match="须由另一人批准"):
        approved(session, cast, proposal, NOVEMBER, by="admin")
    # nor past our own code
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("update proposal set state = 'approved', decided_by_id = made_by_id"))


@pytest.mark.parametrize("who", ["clerk", "head", "owner", "auditor", "stranger"])
def test_only_who_governs_proposes_or_approves(session: Session, cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden):
        propose(session, "calendar", {"notice": NOTICE_2027}, "新年", by=getattr(cast, who), at=at(NOVEMBER))
    proposal = notice(session, cast)
    with pytest.raises(Forbidden):
        approved(session, cast, proposal, NOVEMBER, by=who)


def test_a_refusal_needs_words_and_is_final(session: Session, cast: Cast) -> None:
    proposal = notice(session, cast)
    no = {"to_approve": False, "rebase": False, "by": cast.supervisor, "at": at(NOVEMBER)}
    with pytest.raises(Invalid, match="写明理由"):
        decide(session, proposal.id, words=" ", **no)  # type: ignore[arg-type]
    decide(session, proposal.id, words="正式通知尚未公布", **no)  # type: ignore[arg-type]
    assert (proposal.state, proposal.decision) == ("refused", "正式通知尚未公布")
    with pytest.raises(Conflict, match="未批准（沈毅），不能再决定"):
        approved(session, cast, proposal, NOVEMBER)
    assert newest(session) == "shipped-2026"


def test_the_proposer_may_withdraw_and_nobody_else(session: Session, cast: Cast) -> None:
    proposal = notice(session, cast)
    with pytest.raises(Forbidden, match="只有提出人可以撤回"):
        withdraw(session, proposal.id, by=cast.supervisor, at=at(NOVEMBER))  # type: ignore[arg-type]
    withdraw(session, proposal.id, by=cast.admin, at=at(NOVEMBER))  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="已撤回"):
        approved(session, cast, proposal, NOVEMBER)


def test_an_edition_made_on_an_older_basis_is_refused(session: Session, cast: Cast) -> None:
    """Approving it would lose what somebody else's edition has brought meanwhile; whichever was proposed first."""
    first, second = (
        notice(session, cast, when="2026-11-05 09:00"),
        typhoon(session, cast, "2026-11-06", when="2026-11-05 10:00"),
    )
    approved(session, cast, second, "2026-11-05 11:00")
    with pytest.raises(Conflict, match="请重新提出"), session.begin_nested():
        approved(session, cast, first, "2026-11-05 12:00")
    session.refresh(first)
    assert first.state == "open"
    again = notice(session, cast, when="2026-11-05 13:00")
    approved(session, cast, again, "2026-11-05 14:00")
    assert not calendar(session).is_working(date(2026, 11, 6)) and calendar(session).last_published_year == 2027


@pytest.mark.parametrize(
    "tampering",
    [
        "update calendar_edition set approved_at = null",
        "update calendar_edition set name = 'x' where approved_at is null",
        "update calendar_edition set source = 'x', approved_at = now() where approved_at is null",
        "update calendar_edition set approved_at = now() where approved_at is not null",
        "delete from calendar_edition",
        "insert into calendar_day select edition_id, 2026, '2026-11-11', false from calendar_day limit 1",
        "update proposal set content = '{}'",
        "update proposal set made_by_id = made_by_id + 1",
        "delete from proposal",
    ],
)
def test_the_database_keeps_what_was_proposed_and_approved(session: Session, cast: Cast, tampering: str) -> None:
    notice(session, cast)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(tampering))


# --- releases and what an operator entered ---------------------------------------------------------------------------


def ships(monkeypatch: pytest.MonkeyPatch, years: range, extra: tuple[date, ...] = ()) -> None:
    """A release that knows these years; those it invents are off on New Year's Day and on `extra`."""
    from models import calendars
    from models.worktime import WorkCalendar

    published, names = shipped_days()
    invented = {year: ({date(year, 1, 1), *(day for day in extra if day.year == year)}, set[date]()) for year in years}
    published = {year: published.get(year, invented.get(year, (set(), set()))) for year in years}
    monkeypatch.setattr(calendars, "shipped_days", lambda: (published, names))
    monkeypatch.setattr(calendars, "shipped", lambda: WorkCalendar(f"shipped-{max(years)}", published, names=names))


def test_a_release_adds_the_years_that_are_lacking_and_keeps_what_was_entered(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next release knows 2027 and 2028. The office has its own 2027, and a typhoon's day."""
    approved(session, cast, notice(session, cast), "2026-11-05 15:00")
    closing = typhoon(session, cast, "2026-11-06", when="2026-11-05 16:00")
    approved(session, cast, closing, "2026-11-05 17:00")
    ships(monkeypatch, range(2004, 2029), extra=(date(2027, 3, 3), date(2028, 3, 3)))
    assert sync_calendar(session, at("2027-11-10 09:00"))
    book = calendar(session)
    assert book.edition == f"shipped-2028+2026-停办-{closing.id}" and book.last_published_year == 2028
    assert (
        not book.is_working(date(2026, 11, 6))
        and book.is_working(date(2027, 3, 3))
        and not book.is_working(date(2028, 3, 3))
    )
    assert not sync_calendar(session, at("2027-11-10 10:00")), "a second start has nothing to add"


def test_a_release_that_knows_nothing_new_or_is_older_changes_nothing(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(session, cast, notice(session, cast), "2026-11-05 15:00")
    name = newest(session)
    for years in (range(2004, 2028), range(2004, 2026)):
        ships(monkeypatch, years)
        assert not sync_calendar(session, at("2026-12-01 09:00")) and newest(session) == name


def test_a_release_on_an_untouched_calendar_is_named_as_shipped(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ships(monkeypatch, range(2004, 2028))
    assert sync_calendar(session, at("2026-12-01 09:00")) and newest(session) == "shipped-2027"


# --- a rule changes --------------------------------------------------------------------------------------------------


def in_force(session: Session, day: str, path: str = "/", rule_id: str = "fund.review") -> Rule:
    return rulebook(session).in_force(rule_id, date.fromisoformat(day), path)


def test_a_rule_changes_for_new_law_days_and_touches_no_running_clock(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast, "2026-10-12 09:00")
    clock = running(session, case)
    proposal = rule(session, cast, id="fund.intake", value="2wd", effective_from="2026-10-01")
    assert proposal.content["remarks"][0].startswith("起始日2026年10月1日已过")
    assert in_force(session, "2026-10-12", rule_id="fund.intake").value == "5wd", "nothing holds before it is approved"
    approved(session, cast, proposal, "2026-10-12 15:00")
    new = in_force(session, "2026-10-12", rule_id="fund.intake")
    assert (new.value, new.proposal_id, new.is_verified) == ("2wd", proposal.id, True)
    session.refresh(clock)
    assert (clock.limit, clock.rule_version) == ("5wd", new.version - 1) and proposal.rebase_id is None
    later = running(session, at_intake(session, cast, "2026-10-13 09:00"))
    assert (later.limit, later.rule_pk) == ("2wd", new.pk)


def test_running_clocks_are_re_based_where_that_was_asked_for_and_no_others(session: Session, cast: Cast) -> None:
    """In force since 2026-10-01: the case of that day is re-based on purpose, the one of September stays under its law."""
    old, new = at_intake(session, cast, "2026-09-30 09:00"), at_intake(session, cast, "2026-10-12 09:00")
    proposal = rule(session, cast, id="fund.intake", value="7wd", effective_from="2026-10-01")
    preview = session.get(Job, proposal.preview_id)
    assert preview and preview.params["rule"] == "fund.intake"
    approved(session, cast, proposal, "2026-10-12 15:00", rebase=True)
    job, version = session.get(Job, proposal.rebase_id), in_force(session, "2026-10-12", rule_id="fund.intake")
    assert job and job.params == {"rule": "fund.intake", "rule_pk": version.pk}
    assert (preview.result["moved"], job.result["moved"], job.result["cases"]) == (1, 1, 1)
    session.expire_all()
    assert (running(session, new).rule_pk, running(session, new).due_day) == (version.pk, date(2026, 10, 21))
    assert running(session, old).limit == "5wd"


def test_a_case_of_2025_ends_under_the_rules_of_2025(session: Session, cast: Cast) -> None:
    approved(session, cast, rule(session, cast, effective_from="2026-01-01"), "2026-10-12 15:00")
    assert [in_force(session, day).value for day in ("2025-12-31", "2026-01-01", "2026-11-01")] == ["5wd", "3wd", "3wd"]


def test_a_district_has_its_own_version_beside_the_citys(session: Session, cast: Cast) -> None:
    futian, nanshan = area(session, "440304").path, area(session, "440305").path
    proposal = rule(session, cast, area="440304", confidence="secondary", article="")
    assert "福田区" in proposal.title and any("第一个自定版本" in remark for remark in proposal.content["remarks"])
    approved(session, cast, proposal, "2026-10-12 15:00")
    assert (
        in_force(session, "2026-11-02", futian).value == "3wd"
        and in_force(session, "2026-11-02", nanshan).value == "5wd"
    )


def test_a_rule_of_a_while_falls_back_to_the_one_before(session: Session, cast: Cast) -> None:
    approved(session, cast, rule(session, cast, effective_to="2026-12-31"), "2026-10-12 15:00")
    assert [in_force(session, day).value for day in ("2026-10-31", "2026-12-31", "2027-01-01")] == ["5wd", "3wd", "5wd"]


@pytest.mark.parametrize(
    ("wanted", "field", "sentence"),
    [
        ({"id": "fund.nothing"}, "id", "规则库里没有“fund.nothing”这条规则"),
        ({"value": "5工作日"}, "value", "看不懂"),
        ({"value": "0wd"}, "value", "无效"),
        ({"value": "fact:finish_by"}, "value", "不能改成另一种"),
        ({"id": "fund.plan_publicity", "value": "48h", "effective_from": "2027-01-01"}, "value", "期间按整日计"),
        ({"value": "2h"}, "ladder", "请选按小时计的阶梯"),
        ({"ladder": "nothing"}, "ladder", "没有名为“nothing”的催办阶梯"),
        ({"ladder": None}, "ladder", "须有催办阶梯"),
        ({"area": "440399"}, "area", "没有区划代码为“440399”的区"),
        ({"area": "440304008"}, "area", "没有区划代码为“440304008”的区"),
        ({"confidence": "sure"}, "confidence", "只能是"),
        ({"article": ""}, "article", "须写明出自哪一条"),
        ({"source": " "}, "source", "不能为空"),
        ({"effective_to": "2026-10-01"}, "effective_to", "截止日早于起始日"),
        ({"effective_from": "2126-01-01"}, "effective_from", "不合常理"),
        ({"effective_from": "2025-06-01"}, None, "第2版自2026-01-01起适用，本版自那天起不会被采用"),
    ],
)
def test_a_version_that_makes_no_sense_is_refused(
    session: Session, cast: Cast, wanted: dict[str, Any], field: str | None, sentence: str
) -> None:
    with pytest.raises((Invalid, Conflict)) as refused:
        rule(session, cast, **wanted)
    assert sentence in refused.value.sentence and refused.value.field == field


def test_a_version_that_changes_nothing_is_refused(session: Session, cast: Cast) -> None:
    now = in_force(session, "2026-10-12")
    same = {name: getattr(now, name) for name in ("value", "source", "article", "confidence", "remark")}
    with pytest.raises(Conflict, match="完全相同"):
        rule(session, cast, **same, effective_from="2026-01-01")


def test_the_days_of_2025_can_be_corrected_without_touching_2026(session: Session, cast: Cast) -> None:
    proposal = rule(session, cast, value="4wd", effective_from="2020-01-01", effective_to="2025-12-31")
    approved(session, cast, proposal, "2026-10-12 15:00")
    assert [in_force(session, day).value for day in ("2025-12-31", "2026-01-01")] == ["4wd", "5wd"]


def test_of_two_changes_of_one_rule_the_second_is_proposed_again(session: Session, cast: Cast) -> None:
    first, second = rule(session, cast, value="3wd"), rule(session, cast, value="4wd")
    assert first.content["version"]["version"] == second.content["version"]["version"]
    approved(session, cast, second, "2026-10-12 15:00")
    with pytest.raises(Conflict, match="又有了新的版本"), session.begin_nested():
        approved(session, cast, first, "2026-10-12 15:10")


# --- rules and ladders once shipped do not change --------------------------------------------------------------------

RULE = """
[[rule]]
id = "test.limit"
version = {version}
title = "试行时限"
value = "{value}"
source = "本单位自定"
confidence = "unverified"
effective_from = 2026-01-01
ladder = "default"
"""


def test_a_shipped_version_whose_text_changed_is_refused_by_name(session: Session, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(RULE.format(version=1, value="5wd"), encoding="utf-8")
    assert sync_rulebook(session, tmp_path) == 1 and sync_rulebook(session, tmp_path) == 0
    (tmp_path / "x.toml").write_text(RULE.format(version=1, value="7wd"), encoding="utf-8")
    with pytest.raises(Conflict, match="规则“test.limit”第1版的 value 在数据库中是“5wd”，随版本发布的却是“7wd”"):
        sync_rulebook(session, tmp_path)
    (tmp_path / "x.toml").unlink()
    assert sync_rulebook(session, tmp_path) == 0, "a rule that is shipped no more stays"


def test_a_shipped_version_does_not_displace_what_the_office_agreed_on(
    session: Session, cast: Cast, tmp_path: Path
) -> None:
    """Both call it version 2, both from the same day: the office's own decides, the shipped one is kept under another number."""
    (tmp_path / "x.toml").write_text(RULE.format(version=1, value="5wd"), encoding="utf-8")
    sync_rulebook(session, tmp_path)
    own = rule(session, cast, id="test.limit", value="3wd", effective_from="2026-01-01", ladder="default")
    approved(session, cast, own, "2026-10-12 15:00")
    (tmp_path / "y.toml").write_text(RULE.format(version=2, value="4wd"), encoding="utf-8")
    assert sync_rulebook(session, tmp_path) == 1 and sync_rulebook(session, tmp_path) == 0
    assert in_force(session, "2026-10-12", rule_id="test.limit").value == "3wd"
    rows = session.scalars(select(Rule).where(col(Rule.id) == "test.limit").order_by(col(Rule.version)))
    assert [(row.version, row.value, row.shipped_version) for row in rows] == [
        (1, "5wd", None),
        (2, "3wd", None),
        (3, "4wd", 2),
    ]


def ladders(monkeypatch: pytest.MonkeyPatch, tables: dict[str, Any]) -> None:
    monkeypatch.setattr("models.rules._ladder_tables", lambda: tables)


def test_a_ladder_that_clocks_climb_does_not_change_nor_vanish(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.rules import _ladder_tables

    shipped = _ladder_tables()
    at_intake(session, cast)
    sync_ladders(session)
    steps = shipped["default"]["step"]
    ladders(monkeypatch, shipped | {"default": {"step": [steps[0] | {"title": "提醒（改名）"}, *steps[1:]]}})
    sync_ladders(session)
    ladders(monkeypatch, shipped | {"default": {"step": [steps[0] | {"when": "-2wd 08:30"}, *steps[1:]]}})
    with pytest.raises(Conflict, match=r"催办阶梯“default”与启用时不同，仍在计时的有：fund.intake 1个"):
        sync_ladders(session)
    ladders(monkeypatch, {name: table for name, table in shipped.items() if name != "default"})
    with pytest.raises(Conflict, match=r"催办阶梯“default”不见了，仍在计时的有：fund.intake 1个"):
        sync_ladders(session)


def test_a_ladder_that_no_running_clock_names_may_change(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ladders(monkeypatch, {"mine": {"step": [{"name": "a", "when": "due"}]}})
    sync_ladders(session)
    before = session.get(LadderSeal, "mine").digest  # type: ignore[union-attr]
    ladders(monkeypatch, {"mine": {"step": [{"name": "a", "when": "+1h"}]}})
    sync_ladders(session)
    assert session.get(LadderSeal, "mine", populate_existing=True).digest != before  # type: ignore[union-attr]


def test_two_ladders_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.rules import SHIPPED, _ladder_tables

    (tmp_path / "ladders.toml").write_text('[default]\n[[default.step]]\nname = "x"\n', encoding="utf-8")
    monkeypatch.setattr("models.rules.rule_folders", lambda: (SHIPPED, tmp_path))
    with pytest.raises(Conflict, match="催办阶梯“default”在 .* 和 .* 中重名"):
        _ladder_tables()


# --- through the door ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def office(shared_door: Door) -> Door:
    """In November 2026 the administrator has proposed the notice of 2027, and a version of a rule."""
    shared_door.goes_to(NOVEMBER)
    shared_door.writes(
        lambda session, cast: (at_intake(session, cast), notice(session, cast), rule(session, cast, area="440304"))
    )
    return shared_door


@cache
def signed_in(office: Door, who: str) -> TestClient:
    """Once for the module: a password costs a fifth of a second."""
    return office.signed_in(who)


def test_proposals_are_read_by_who_governs_or_oversees(office: Door) -> None:
    for who, status in (("supervisor", 200), ("auditor", 200), ("clerk", 403), ("owner", 403)):
        assert office.as_(who).get("/api/proposals").status_code == status, who
        assert signed_in(office, who).get("/proposals").status_code == status, who
    assert office.browser().get("/api/proposals").status_code == 401
    told = office.as_("auditor").get("/api/proposals?kind=calendar&state=open").json()
    assert [item["title"] for item in told["items"]] == ["2027年放假安排（国务院办公厅通知）"] and told["next"] is None
    page = office.as_("auditor").get("/api/proposals?limit=1").json()
    assert len(page["items"]) == 1 and office.as_("auditor").get(f"/api/proposals?after={page['next']}").json()["items"]
    assert office.as_("admin").get("/api/proposals/999999").status_code == 404


def test_a_proposal_shows_what_changes_and_who_may_decide(office: Door) -> None:
    item = office.as_("admin").get("/api/proposals?kind=calendar").json()["items"][-1]
    told = office.as_("admin").get(f"/api/proposals/{item['id']}").json()
    assert told["changes"]["published"] == [2027] and told["preview"]["state"] == "waiting" and told["rebase"] is None
    assert {"date": "2027-01-31", "works": True, "before": "周日，周末", "after": "周日，调休上班"} in told["changes"][
        "days"
    ]
    address = f"/proposals/{item['id']}"
    assert 'id="withdraw"' in signed_in(office, "admin").get(address).text
    others = signed_in(office, "supervisor").get(address).text
    assert 'id="approve"' in others and "1月31日" in others and 'id="withdraw"' not in others and "排队中" in others
    assert 'id="approve"' not in signed_in(office, "auditor").get(address).text


def test_a_rule_is_shown_against_the_version_it_follows(office: Door) -> None:
    item = office.as_("admin").get("/api/proposals?kind=rule").json()["items"][0]
    page = signed_in(office, "supervisor").get(f"/proposals/{item['id']}").text
    assert "5个工作日" in page and "3个工作日" in page and "福田区" in page and 'name="rebase"' in page
    rules = signed_in(office, "supervisor").get("/rules").text
    assert (
        "待批准" in rules
        and "/proposals/new/rule/fund.review" in rules
        and "并排比较" in rules
        and "计时中 1个" in rules
    )
    assert "待批准" not in signed_in(office, "owner").get("/rules").text
    intake = next(one for one in office.as_("owner").get("/api/rules").json()["items"] if one["id"] == "fund.intake")
    assert intake["running"] == 1 and {"type": "维修资金使用", "stage": "受理"} in intake["used_by"]


def test_what_was_pasted_is_still_in_the_form_when_it_is_refused(office: Door) -> None:
    browser = signed_in(office, "admin")
    broken = NOTICE_2027.replace("1月31日（周日）", "1月31日（周六）")
    answer = browser.post("/proposals/new/calendar", data={"form": "notice", "notice": broken, "reason": "国办发明电"})
    assert answer.status_code == 422 and "什么也没有改动" in answer.text
    assert "1月31日（周六）上班" in answer.text and "实为周日" in answer.text and 'value="国办发明电"' in answer.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"form": "notice", "notice": "", "reason": "x"}, "请粘贴通知全文"),
        ({"form": "notice", "notice": NOTICE_2026, "reason": "x"}, "完全一致"),
        ({"form": "notice", "notice": NOTICE_2027, "reason": ""}, "不能为空"),
        ({"form": "file", "pasted": "", "reason": "x"}, "请选择文件，或粘贴它的内容"),
        ({"form": "file", "pasted": "day,works,name\n10月1日,0,国庆节", "reason": "x"}, "第2行的日期“10月1日”看不懂"),
        ({"form": "file", "pasted": "BEGIN:VCALENDAR\nEND:VCALENDAR", "reason": "x"}, "不是完整的 iCal 文件"),
        ({"form": "closed", "first": "", "why": "台风", "reason": "x"}, "请填写停止办公的首日"),
        ({"form": "closed", "first": "2026-11-06", "last": "2026-11-01", "why": "台风", "reason": "x"}, "末日早于首日"),
        ({"form": "closed", "first": "2026-11-07", "last": "2026-11-07", "why": "台风", "reason": "x"}, "本来就不上班"),
        ({"form": "reopened", "reason": "x"}, "请勾选恢复办公的日子"),
        ({"form": "x"}, "请重新打开本页再提交"),
    ],
)
def test_a_form_that_is_wrong_says_so(office: Door, typed: dict[str, str], words: str) -> None:
    answer = signed_in(office, "admin").post("/proposals/new/calendar", data=typed)
    assert answer.status_code in (409, 422) and words in answer.text


@pytest.mark.parametrize("address", ["/proposals/new/calendar", "/proposals/new/rule/fund.review"])
def test_forms_are_for_who_governs(office: Door, address: str) -> None:
    assert signed_in(office, "supervisor").get(address).status_code == 200
    assert signed_in(office, "clerk").get(address).status_code == 403
    assert signed_in(office, "clerk").post(address, data={}).status_code == 403


def test_a_rule_form_that_is_wrong_keeps_what_was_typed(office: Door) -> None:
    browser = signed_in(office, "admin")
    assert browser.get("/proposals/new/rule/none").status_code == 404
    typed = {
        "value": "3", "unit": "h", "area": "", "source": "深府规〔2025〕7号", "article": "", "confidence": "verified",
        "effective_from": "2026-12-01", "effective_to": "", "ladder": "default", "remark": "", "reason": "试试",
    }  # fmt: skip
    answer = browser.post("/proposals/new/rule/fund.final_review", data=typed)
    assert answer.status_code == 422 and "请选按小时计的阶梯" in answer.text and 'value="试试"' in answer.text
    answer = browser.post("/proposals/new/rule/fund.final_review", data=typed | {"unit": "wd", "article": "第三十条"})
    assert answer.status_code == 303 and "done=made" in answer.headers["location"]
    assert "第3版" in browser.get(answer.headers["location"]).text


def test_a_typhoon_is_proposed_and_approved_in_two_browsers(door: Door) -> None:
    """2026-09-22, in the evening: the administrator enters it, the supervisor approves; the calendar page shows both."""
    door.goes_to("2026-09-22 18:00")
    one, other = door.signed_in("admin"), door.signed_in("supervisor")
    made = one.post(
        "/proposals/new/calendar",
        data={
            "form": "closed",
            "first": "2026-09-23",
            "last": "2026-09-24",
            "why": "台风“海鸥”停工",
            "reason": "市三防通告",
        },
    )
    assert made.status_code == 303
    address = made.headers["location"].partition("?")[0]
    refused = one.post(f"{address}/decision", data={"choice": "approve"})
    assert refused.status_code == 403 and "须由另一人批准" in refused.text
    assert other.post(f"{address}/decision", data={"choice": ""}).status_code == 422
    approved = other.post(f"{address}/decision", data={"choice": "approve", "words": "属实"})
    assert approved.status_code == 303 and approved.headers["location"].endswith("done=approved")
    calendar_page = other.get("/calendar?year=2026").text
    assert 'title="台风“海鸥”停工，停止办公">23<i>停</i>' in calendar_page and "马超提出，沈毅批准" in calendar_page
    assert "马超提出" not in door.signed_in("owner").get("/calendar").text
    answer = door.as_("owner").get("/api/calendar?year=2026").json()
    assert answer["closed"] == [
        {"date": "2026-09-23", "name": "台风“海鸥”停工"}, {"date": "2026-09-24", "name": "台风“海鸥”停工"},
    ]  # fmt: skip
    assert answer["working_days"] == 246 and [made["proposal"] is None for made in answer["editions"]] == [False, True]
    assert other.get("/proposals/new/calendar").text.count('name="reopened"') == 2


def test_the_api_proposes_once_and_decides_once(door: Door) -> None:
    door.goes_to(NOVEMBER)
    admin, supervisor = door.as_("admin"), door.as_("supervisor")
    body = {"kind": "calendar", "content": {"notice": NOTICE_2027}, "reason": "国务院办公厅公布"}
    key = {"Idempotency-Key": "2027"}
    first, again = (admin.post("/api/proposals", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    address = f"/api/proposals/{first.json()['id']}/decision"
    assert admin.post(address, json={"approve": True}).status_code == 403
    assert supervisor.post(address, json={}).json()["field"] == "approve"
    assert supervisor.post(address, json={"approve": False}).json()["field"] == "words"
    approved = supervisor.post(address, json={"approve": True, "words": "已核对原文", "rebase": True}).json()
    assert (approved["state"], approved["decided_by"], approved["rebase"]["state"]) == ("approved", "沈毅", "waiting")
    assert supervisor.post(address, json={"approve": True}).status_code == 409
    assert door.as_("owner").get("/api/calendar").json()["published_through"] == 2027
    withdrawn = admin.post(
        "/api/proposals",
        json={"kind": "calendar", "content": {"closed": ["2026-11-06"], "why": "台风"}, "reason": "停工"},
    ).json()
    assert (
        admin.post(f"/api/proposals/{withdrawn['id']}/decision", json={"withdraw": True}).json()["state"] == "withdrawn"
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "holiday", "content": {}, "reason": "x"}, "kind"),
        ({"kind": "rule", "content": {"id": "fund.review"}, "reason": "x"}, "value"),
        ({"kind": "calendar", "content": {"notice": "随便写的"}, "reason": "x"}, "notice"),
        ({"kind": "calendar", "content": {"closed": ["2026-11-06"], "why": "台风"}, "reason": ""}, "reason"),
        ({"kind": "calendar", "content": {"closed": ["2026-11-06"], "why": "台风"}}, "reason"),
    ],
)
def test_the_api_names_the_field_that_is_wrong(office: Door, body: dict[str, Any], field: str) -> None:
    answer = office.as_("admin").post("/api/proposals", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field
