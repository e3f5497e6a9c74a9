"""物业服务评价, told as it happens to 莲心物业服务有限公司. Due days were worked out by hand on the calendars of 2025 and 2026."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col

from models.case import Case, events_of, verify
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid
from models.evaluation import Score, annual, grades, items, lines_of, signed, spoken, stands_at, tenths
from models.proposals import decide, propose
from models.rules import Rule, rulebook

from ..make import Cast, at, running, shift

FOUND = {
    "matter": "接到天台漏水险情后未采取防范措施", "item": "D01", "manager": "李建", "happened_on": "2025-09-20",
}  # fmt: skip
SET = "list:起评分：100；AAA 优秀：95；AA 良好：90；A 一般：80；B 合格：60；C 较差：以下"


def opens(session: Session, cast: Cast, when: str, **details: Any) -> Case:
    """The clerk opens it for the company, whom it is about."""
    return Case.open(
        session, "service_evaluation", estate=cast.estate, applicant=cast.company, details=details, by=cast.clerk,
        at=at(when), on_behalf_of=f"body:{cast.company.id}",
    )  # fmt: skip


def entered(session: Session, cast: Cast, when: str, points: str = "3", **details: Any) -> Score:
    """A finding that nobody objected to, entered on the same day."""
    case = opens(session, cast, when, **(FOUND | details))
    cast.fires(case, "clerk", "report", when, evidence=["巡查照片"])
    cast.fires(case, "reviewer", "verify", when, findings="属实", points=points, basis="计分标准第十二项")
    cast.fires(case, "agent", "agree", when)
    cast.fires(case, "reviewer", "register", when)
    session.flush()
    return session.scalars(select(Score).where(col(Score.case_id) == case.id)).one()


def at_grading(session: Session, cast: Cast, opened: str, graded: str, **details: Any) -> Case:
    """The summary of 2025, whose publicity has run by `graded`."""
    case = opens(session, cast, opened, **({"matter": "2025年度汇总", "kind": "annual", "year": 2025} | details))
    cast.fires(case, "clerk", "report", opened, evidence=["年度计分清单"])
    cast.fires(case, "reviewer", "sum_up", opened)
    shift(session, graded)
    return case


def set_by_two(session: Session, cast: Cast, rule_id: str, value: str, when: str, since: str, until: str) -> None:
    """The administrator proposes a version, and the supervisor agrees."""
    content = {
        "id": rule_id, "value": value, "source": "深圳市住房和建设局评价标准文件", "confidence": "secondary",
        "effective_from": since, "effective_to": until,
    }  # fmt: skip
    proposal = propose(session, "rule", content, "标准文件已到", by=cast.admin, at=at(when))
    later = at(when) + timedelta(hours=1)
    decide(session, proposal.id or 0, to_approve=True, words="已核对", rebase=False, by=cast.supervisor, at=later)


def papers(session: Session, case: Case) -> list[tuple[str, str]]:
    issued = select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return [(paper.title, paper.number.partition("函")[0]) for paper in session.scalars(issued)]


# --- lives -----------------------------------------------------------------------------------------------------------


def test_a_finding_is_objected_to_and_corrected_before_it_is_entered(session: Session, cast: Cast) -> None:
    # Monday, 22 September 2025: five working days to collect it, to the 28th, a make-up Sunday
    case = opens(session, cast, "2025-09-22 09:00", **FOUND)
    assert case.number.startswith("PJ2025-") and running(session, case).due_day == date(2025, 9, 28)
    cast.fires(case, "clerk", "report", "2025-09-24 10:00", evidence=["巡查照片6张", "报修记录"])
    # ten working days across the National Day holiday: 25, 26, 28, 29, 30 September, then 9, 10, 11 (make-up), 13, 14 October
    assert case.stage == "verification" and running(session, case).due_day == date(2025, 10, 14)
    cast.fires(case, "reviewer", "send_back", "2025-09-26 09:00", reason="缺少接报时间")
    cast.fires(case, "clerk", "report", "2025-09-26 15:00", evidence=["报修记录", "值班电话录音摘要"])
    cast.fires(
        case, "reviewer", "verify", "2025-09-29 10:00", findings="接报后至次日未设围挡", points="3", basis="计分标准第十二项"
    )  # fmt: skip

    # the company reads it, and has ten whole days: 30 September to 9 October
    assert case.desk == "applicant" and running(session, case, "period").due_day == date(2025, 10, 9)
    assert case.details["score"] == "扣3分"
    cast.fires(case, "agent", "dispute", "2025-10-09 16:00", reason="当晚已派人值守", evidence=["值守记录"])
    assert events_of(session, case)[-1].facts["reason"] == "当晚已派人值守"
    # checked within one working day, decided within two, and three more where it is complicated
    assert case.stage == "checking" and running(session, case).due_day == date(2025, 10, 10)
    cast.fires(case, "clerk", "reply", "2025-10-10 10:00", agrees=True, reply="记录与采集的材料一致")
    assert running(session, case).due_day == date(2025, 10, 13), "the 11th is a make-up Saturday"
    cast.fires(case, "reviewer", "ask_extension", "2025-10-11 09:00", by=3, reason="须调取门禁记录")
    cast.fires(case, "district_head", "grant_extension", "2025-10-11 10:00")
    assert running(session, case).due_day == date(2025, 10, 16)
    cast.fires(
        case, "reviewer", "amend", "2025-10-15 09:00", points="1.5", basis="计分标准第十二项", reason="有值守，情节较轻"
    )  # fmt: skip
    assert case.stage == "registration" and case.details["score"] == "扣1.5分"
    cast.fires(case, "reviewer", "register", "2025-10-16 09:00")
    shift(session, "2025-10-16 09:00")

    line = session.scalars(select(Score).where(col(Score.case_id) == case.id)).one()
    assert (line.points, line.year, line.item, line.manager) == (-15, 2025, "D01", "李建")
    assert line.company_id == cast.company.id and line.title == "接到险情后未采取应急防范措施"
    assert case.outcome == "计分入档" and verify(events_of(session, case)) is None
    assert [title for title, _ in papers(session, case)] == [
        "计分事项告知书", "异议核对答复书", "延长办理期限告知书", "异议处理决定书", "计分入档通知书",
    ]  # fmt: skip


def test_silence_ends_the_objection_period_by_itself(session: Session, cast: Cast) -> None:
    case = opens(session, cast, "2025-09-22 09:00", **FOUND)
    cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["巡查照片"])
    cast.fires(case, "reviewer", "verify", "2025-09-29 10:00", findings="属实", points="3", basis="第十二项")
    shift(session, "2025-10-09 23:59")
    assert case.stage == "objection"
    with pytest.raises(Conflict, match="2025-10-09 24时届满"):
        cast.fires(case, "agent", "objection_ends", "2025-10-09 23:59")
    shift(session, "2025-10-10 00:00")
    # three working days: 11 (make-up Saturday), 13, 14
    assert case.stage == "registration" and running(session, case).due_day == date(2025, 10, 14)


def test_a_line_once_entered_is_put_right_by_a_further_line(session: Session, cast: Cast) -> None:
    line = entered(session, cast, "2025-09-22 09:00")
    case = opens(session, cast, "2025-11-03 09:00", matter="投诉已撤回", kind="correction", line=line.id)
    cast.fires(case, "clerk", "report", "2025-11-03 10:00", evidence=["撤诉书"])
    assert case.stage == "repair" and running(session, case).due_day == date(2025, 11, 6)
    with pytest.raises(Invalid, match="现在就是 3 分"):
        cast.fires(case, "reviewer", "amend", "2025-11-04 09:00", points="3", basis="第十二项", reason="无")
    cast.fires(case, "reviewer", "amend", "2025-11-04 10:00", points="0.5", basis="第十二项", reason="已整改")
    assert case.outcome == "更正" and line.points == -30 and stands_at(session, line) == -5
    again = opens(session, cast, "2025-11-05 09:00", matter="信用修复", kind="correction", line=line.id)
    cast.fires(again, "clerk", "report", "2025-11-05 10:00", evidence=["整改报告"])
    cast.fires(again, "reviewer", "revoke", "2025-11-06 10:00", reason="已修复")
    assert [one.points for one in lines_of(session, cast.company.id or 0, 2025)] == [-30, 25, 5]
    assert stands_at(session, line) == 0
    third = opens(session, cast, "2025-11-07 09:00", matter="再次申请", kind="correction", line=line.id)
    cast.fires(third, "clerk", "report", "2025-11-07 10:00", evidence=["申请"])
    with pytest.raises(Conflict, match="已经是零"):
        cast.fires(third, "reviewer", "revoke", "2025-11-10 10:00", reason="已修复")
    cast.fires(third, "reviewer", "uphold", "2025-11-10 11:00", reason="没有可更正的")
    shift(session, "2025-11-10 11:00")
    assert papers(session, third)[0][0] == papers(session, case)[0][0] == "计分更正处理决定书"
    sql = ("update evaluation_score set points = 0", "delete from evaluation_score")
    for statement in sql:
        with pytest.raises(DBAPIError, match="不能|append|refuse|只"), session.begin_nested():
            session.execute(text(statement))


def test_without_thresholds_the_score_is_published_and_no_grade_is_given(session: Session, cast: Cast) -> None:
    entered(session, cast, "2025-09-22 09:00")
    entered(session, cast, "2025-10-20 09:00", "1.5", item="A99", manager="周宁", happened_on="2025-10-10")
    entered(session, cast, "2026-01-05 09:00", "8", happened_on="2026-01-04")  # of the year after
    with pytest.raises(Conflict, match="2026-01-01 起才能汇总"):
        at_grading(session, cast, "2025-12-31 09:00", "2026-01-08 00:00")

    case = at_grading(session, cast, "2026-01-12 09:00", "2026-01-19 23:59")
    assert case.stage == "annual_publicity" and running(session, case, "period").due_day == date(2026, 1, 19)
    shift(session, "2026-01-20 00:00")
    assert case.stage == "grading" and case.details["total"] == "各项合计-1.5，起评分未定"
    with pytest.raises(Conflict, match="分数线未定.*由两人按规则变更设定"):
        cast.fires(case, "reviewer", "publish_grade", "2026-01-21 09:00")
    cast.fires(case, "reviewer", "publish_score", "2026-01-21 10:00")
    shift(session, "2026-01-21 10:00")
    assert case.outcome == "得分已发布，等级未定" and case.details["grade"] == "未定"
    letter = session.scalars(select(Document).where(col(Document.kind) == "annual_grade_notice")).one()
    assert letter.facts["event"]["grade"] == "未定" and "未见于已核实的文本" in letter.facts["event"]["why"]
    found = annual(session, cast.company.id or 0, 2025)
    assert found is not None and found.id == case.id and annual(session, cast.company.id or 0, 2025, "李建") is None


def test_thresholds_set_by_two_persons_give_the_year_its_grade(session: Session, cast: Cast) -> None:
    entered(session, cast, "2025-09-22 09:00")
    case = at_grading(session, cast, "2026-01-12 09:00", "2026-01-20 00:00")
    set_by_two(session, cast, "evaluation.grades", SET, "2026-01-20 09:00", "2026-01-01", "2026-12-31")
    with pytest.raises(Conflict, match="请发布等级"):
        cast.fires(case, "reviewer", "publish_score", "2026-01-21 09:00")
    cast.fires(case, "reviewer", "sum_up", "2026-01-21 09:00")  # the base score belongs to what is shown to the public
    assert case.details["total"] == "97"
    # meanwhile a complaint of that year is upheld: what was published is no longer the sum
    entered(session, cast, "2026-01-22 09:00", "4", item="D03")
    shift(session, "2026-01-29 00:00")
    with pytest.raises(Conflict, match="又有计分或者更正"):
        cast.fires(case, "reviewer", "publish_grade", "2026-01-29 09:00")
    cast.fires(case, "reviewer", "sum_up", "2026-01-29 10:00")
    # and the company objects to the sum itself, within the publicity
    cast.fires(case, "agent", "dispute", "2026-01-30 09:00", reason="投诉一项重复")
    cast.fires(case, "reviewer", "sum_up", "2026-02-02 09:00", answer="经核对没有重复")
    shift(session, "2026-02-10 00:00")
    cast.fires(case, "reviewer", "publish_grade", "2026-02-10 09:00")
    shift(session, "2026-02-10 09:00")
    assert case.outcome == "等级已发布" and case.details["grade"] == "AA 良好" and case.details["total"] == "93"
    facts = session.scalars(select(Document).where(col(Document.kind) == "annual_grade_notice")).one().facts
    assert facts["event"]["confidence"] == "secondary"


def test_a_project_manager_has_a_year_of_their_own(session: Session, cast: Cast) -> None:
    entered(session, cast, "2025-09-22 09:00")
    entered(session, cast, "2025-09-23 09:00", "10", manager="周宁")
    case = at_grading(session, cast, "2026-01-12 09:00", "2026-01-20 00:00", of="manager", manager="周宁")
    assert case.details["tenths"] == -100 and case.details["lines"] == 1
    cast.fires(case, "reviewer", "publish_score", "2026-01-21 10:00")
    assert annual(session, cast.company.id or 0, 2025) is None
    assert annual(session, cast.company.id or 0, 2025, "周宁") == case


def test_another_case_gives_rise_to_a_finding(session: Session, cast: Cast) -> None:
    request = cast.opens("2025-09-22 09:00")
    move = request.move(session, cast.clerk, at("2025-09-22 10:00"), [])
    case = move.arises("service_evaluation", why="finding", applicant_id=cast.company.id, **FOUND)
    assert case.stage == "collection" and case.desk == "street" and case.details["item"] == "D01"


# --- points ----------------------------------------------------------------------------------------------------------


def test_what_the_list_sets_is_what_counts(session: Session, cast: Cast) -> None:
    listed = "list:D01 接到险情后未采取应急防范措施：扣2.5；D03 投诉经核实属实：扣未定"
    set_by_two(session, cast, "evaluation.items", listed, "2025-09-01 09:00", "2025-09-01", "2026-12-31")
    case = opens(session, cast, "2025-09-22 09:00", **FOUND)
    cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["照片"])
    with pytest.raises(Invalid, match=r"清单规定.*扣2\.5分，填写的是 3 分") as refusal:
        cast.fires(case, "reviewer", "verify", "2025-09-23 09:00", findings="属实", points="3", basis="x")
    assert refusal.value.field == "points"
    cast.fires(case, "reviewer", "verify", "2025-09-23 10:00", findings="属实")
    assert (
        case.details["tenths"] == -25 and events_of(session, case)[-1].facts["basis_of_points"] == "计分项目清单第3版"
    )


def test_what_shenzhen_has_not_made_known_is_shipped_as_unset(session: Session, cast: Cast) -> None:
    """And the measures of 2022 end, nominally, with 2026."""
    book = rulebook(session)
    for day in ("2025-01-01", "2026-12-31", "2027-01-01"):
        rule = book.in_force("evaluation.grades", date.fromisoformat(day), "/")
        assert not grades(rule).are_set and grades(rule).of(1000) is None and not rule.is_verified
        assert [code for code, _, _ in grades(rule).steps] == ["AAA", "AA", "A", "B", "C"]
        found = items(book.in_force("evaluation.items", date.fromisoformat(day), "/"))
        assert found and all(item.points is None for item in found.values())
    versions = [book.in_force("evaluation.grades", date(y, 6, 1), "/").version for y in (2026, 2027)]
    assert versions == [1, 2]


@pytest.mark.parametrize(
    ("score", "grade"),
    [(950, "AAA 优秀"), (949, "AA 良好"), (900, "AA 良好"), (600, "B 合格"), (599, "C 较差"), (-50, "C 较差")],
)
def test_a_threshold_belongs_to_the_better_grade(score: int, grade: str) -> None:
    rule = Rule(
        id="x", version=1, title="", value=SET, source="", confidence="secondary", effective_from=date(2025, 1, 1)
    )
    assert grades(rule).of(score) == grade and grades(rule).base == 1000


def test_points_are_read_and_said_in_tenths() -> None:
    assert [tenths(written) for written in ("3", "2.5", "0.1")] == [30, 25, 1]
    assert [spoken(points) for points in (30, 25, -25, 0)] == ["3", "2.5", "-2.5", "0"]
    assert signed(-15) == "扣1.5分" and signed(20) == "加2分"


# --- bad input, and who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ({"kind": "annual"}, "年度汇总须填写年度"),
        ({"kind": "correction"}, "更正须填写计分编号"),
        ({"kind": "annual", "year": 2025, "of": "manager"}, "须填写其姓名"),
        ({"kind": "annual", "year": 1999}, "不能小于2022"),
        ({"kind": "praise"}, "只能是"),
        ({"matter": ""}, "此项不能为空"),
    ],
)
def test_what_is_asked_for_is_whole(session: Session, cast: Cast, details: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        opens(session, cast, "2025-09-22 09:00", **({"matter": "年度汇总"} | details))


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"item": "X77"}, "item", "清单中没有“X77”；现有：D01"),
        ({"item": None}, "item", "请填写计分项目编码"),
        ({"manager": None}, "manager", "请填写物业管理项目负责人"),
        ({"happened_on": None}, "happened_on", "请填写发生日期"),
        ({"happened_on": "2025-09-23"}, "happened_on", "不能晚于今天"),
    ],
)
def test_a_finding_names_what_who_and_when(
    session: Session, cast: Cast, wrong: dict[str, Any], field: str, sentence: str
) -> None:
    case = opens(session, cast, "2025-09-22 09:00", **(FOUND | wrong))
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["照片"])
    assert refusal.value.field == field and case.stage == "collection"


@pytest.mark.parametrize(
    ("stated", "field", "sentence"),
    [
        ({}, "points", "分值未定"),
        ({"points": "0", "basis": "第十二项"}, "points", "分值未定"),
        ({"points": "3"}, "basis", "须写明分值依据"),
        ({"points": "-3", "basis": "x"}, "points", "格式不对"),
        ({"points": "3.25", "basis": "x"}, "points", "格式不对"),
        ({"points": 3, "basis": "x"}, "points", "须为文字"),
    ],
)
def test_points_that_nobody_has_set_need_a_basis(
    session: Session, cast: Cast, stated: dict[str, Any], field: str, sentence: str
) -> None:
    case = opens(session, cast, "2025-09-22 09:00", **FOUND)
    cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["照片"])
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "reviewer", "verify", "2025-09-23 09:00", findings="属实", **stated)
    assert refusal.value.field == field and case.stage == "verification"


def test_a_line_of_another_company_or_a_correction_is_not_put_right(session: Session, cast: Cast) -> None:
    line = entered(session, cast, "2025-09-22 09:00")
    case = opens(session, cast, "2025-11-03 09:00", matter="更正", kind="correction", line=(line.id or 0) + 99)
    with pytest.raises(Conflict, match="没有编号为"):
        cast.fires(case, "clerk", "report", "2025-11-03 10:00", evidence=["申请"])
    cast.fires(case, "clerk", "drop", "2025-11-03 11:00", reason="编号有误")
    shift(session, "2025-11-03 11:00")
    assert case.outcome == "不予报送" and papers(session, case)[0][0] == "不予报送告知书"


def test_the_company_neither_verifies_nor_enters_its_own_score(session: Session, cast: Cast) -> None:
    case = opens(session, cast, "2025-09-22 09:00", **FOUND)
    with pytest.raises(Forbidden):
        cast.fires(case, "agent", "report", "2025-09-22 10:00", evidence=["照片"])
    cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["照片"])
    with pytest.raises(Forbidden):
        cast.fires(case, "clerk", "verify", "2025-09-22 11:00", findings="属实", points="3", basis="x")
    cast.fires(case, "reviewer", "reject", "2025-09-23 11:00", reason="围挡已于接报当日设置")
    assert case.outcome == "不予计分" and not lines_of(session, cast.company.id or 0, 2025)


def test_an_objection_may_end_a_finding_or_leave_it(session: Session, cast: Cast) -> None:
    for name, outcome, points in (("revoke", "撤销", []), ("uphold", "计分入档", [-30])):
        case = opens(session, cast, "2025-09-22 09:00", **FOUND)
        cast.fires(case, "clerk", "report", "2025-09-22 10:00", evidence=["照片"])
        cast.fires(case, "reviewer", "verify", "2025-09-22 11:00", findings="属实", points="3", basis="x")
        cast.fires(case, "agent", "dispute", "2025-09-23 09:00", reason="不属实")
        cast.fires(case, "clerk", "reply", "2025-09-23 10:00", agrees=False, reply="时间有误")
        cast.fires(case, "reviewer", name, "2025-09-24 09:00", reason="已复核")
        if case.closed_at is None:
            cast.fires(case, "reviewer", "register", "2025-09-24 10:00")
        session.flush()
        assert case.outcome == outcome and [one.points for one in lines_of(session, case.applicant_id, 2025)] == points


def test_who_is_no_company_is_not_evaluated(session: Session, cast: Cast) -> None:
    request = cast.opens("2025-09-22 09:00")
    move = request.move(session, cast.clerk, at("2025-09-22 10:00"), [])
    case = move.arises("service_evaluation", why="finding", applicant_id=cast.estate.committee_id, **FOUND)
    with pytest.raises(Conflict, match="须以其为当事人"):
        cast.fires(case, "clerk", "report", "2025-09-22 11:00", evidence=["照片"])
