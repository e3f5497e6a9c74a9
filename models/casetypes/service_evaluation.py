"""物业服务评价: a finding about a company's service, from its collection to the scoring ledger; corrections; the year's grade."""

from datetime import date
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from statemachine import Event

from ..evaluation import UNSET, Grades, Item, Score, grades, items, lines_of, signed, spoken, stands_at, tenths
from ..people import Body, Desk
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Period, Stage, Wrong

KINDS: dict[str, Any] = {"finding": "计分事项", "correction": "更正已入档的计分", "annual": "年度汇总"}
SUBJECTS: dict[str, Any] = {"company": "物业服务企业", "manager": "物业管理项目负责人"}
POINTS = r"^\d{1,3}(\.\d)?$"
NEEDED = {
    "finding": {},
    "correction": {"line": "更正须填写计分编号"},
    "annual": {"year": "年度汇总须填写年度"},
}  # fmt: skip


class Asked(Facts):
    matter: Line = Field(title="事由")
    kind: Literal["finding", "correction", "annual"] = Field(
        default="finding", title="类别", json_schema_extra={"x-titles": KINDS}
    )
    item: Line | None = Field(default=None, title="计分项目编码", description="见规则库“计分项目清单”")
    manager: Line | None = Field(default=None, title="物业管理项目负责人")
    happened_on: Day | None = Field(default=None, title="发生日期")
    statement: Paragraph | None = Field(default=None, title="情况说明")
    line: int | None = Field(default=None, ge=1, title="计分编号", description="更正时填写")
    year: int | None = Field(default=None, ge=2022, le=2100, title="年度", description="年度汇总时填写")
    of: Literal["company", "manager"] | None = Field(
        default=None,
        title="汇总对象",
        description="年度汇总时选择；不选的，汇总企业的得分",
        json_schema_extra={"x-titles": SUBJECTS},
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, sentence in NEEDED[self.kind].items():
            if getattr(self, name) is None:
                raise ValueError(sentence)
        if self.kind == "annual" and self.of == "manager" and not self.manager:
            raise ValueError("汇总项目负责人的得分，须填写其姓名")
        return self


class Report(Facts):
    item: Line | None = Field(default=None, title="计分项目编码")
    manager: Line | None = Field(default=None, title="物业管理项目负责人")
    happened_on: Day | None = Field(default=None, title="发生日期")
    evidence: list[Line] = Field(title="证据", min_length=1, max_length=30)


class Verify(Facts):
    findings: Paragraph = Field(title="核实情况")
    points: str | None = Field(
        default=None, pattern=POINTS, max_length=5, title="分值", description="清单已定分值的，不用填写"
    )
    basis: Line | None = Field(default=None, title="分值依据", description="清单未定分值的，写明依据的文件和条款")


class Reason(Facts):
    reason: Paragraph = Field(title="理由")


class Object(Reason):
    evidence: list[Line] = Field(default_factory=list, title="证据", max_length=30)


class Reply(Facts):
    agrees: bool = Field(title="记录与采集的材料一致")
    reply: Paragraph = Field(title="核对答复")


class Amend(Reason):
    points: str = Field(pattern=POINTS, max_length=5, title="更正后的分值")
    basis: Line = Field(title="分值依据")


class SumUp(Facts):
    answer: Paragraph | None = Field(default=None, title="对异议的答复", description="公示期间有异议的，写明如何处理")


class ServiceEvaluation(CaseType):
    """物业服务评价: findings about a company and its project managers, scored, objected to, put right, and graded by the year."""

    title = "物业服务评价"
    prefix = "PJ"

    Details = Asked

    # --- stages: the company is the party, and so the applicant of the case, whoever found it ---

    collection = Stage(
        "信息采集", desk=Desk.STREET, deadline="evaluation.collection", initial=True, needs=(Need("证据材料"),)
    )
    verification = Stage("核实", desk=Desk.DISTRICT, deadline="evaluation.verification")
    objection = Stage(
        "告知当事人与异议", desk=Desk.APPLICANT, periods=(Period("evaluation.objection", "objection_ends"),)
    )
    checking = Stage("异议核对", desk=Desk.STREET, deadline="evaluation.checking")
    review = Stage(
        "异议处理", desk=Desk.DISTRICT, deadline="evaluation.review", extension="evaluation.review_extension"
    )
    registration = Stage("计分入档", desk=Desk.DISTRICT, deadline="evaluation.registration")
    repair = Stage("更正处理", desk=Desk.DISTRICT, deadline="evaluation.repair")
    annual_publicity = Stage(
        "年度得分公示",
        desk=Desk.APPLICANT,
        periods=(Period("evaluation.annual_publicity", "publicity_ends"),),
        publicity=True,
    )
    grading = Stage("等级发布", desk=Desk.DISTRICT, deadline="evaluation.grading")
    closed = Stage("办结", final=True)

    # --- moves ---

    report = Event(
        collection.to(
            verification, cond="is_finding", unless=("not_a_company", "finding_incomplete"), on="remember_finding"
        )
        | collection.to(verification, cond="is_annual", unless="not_a_company")
        | collection.to(repair, cond="is_correction", unless=("not_a_company", "no_such_line")),
        name="报送",
    )
    drop = Event(collection.to(closed), name="不予报送")
    send_back = Event(verification.to(collection), name="退回补充")
    verify = Event(
        verification.to(objection, cond="is_finding", unless="points_wrong", on="set_points"),
        name="核实成立，告知当事人",
    )
    reject = Event(verification.to(closed, cond="is_finding"), name="查无实据，不予计分")
    dispute = Event(
        objection.to(checking) | annual_publicity.to(verification),
        name="提出异议",
    )
    agree = Event(objection.to(registration), name="无异议")
    objection_ends = Event(objection.to(registration), name="异议期满")
    reply = Event(checking.to(review), name="核对答复")
    uphold = Event(review.to(registration) | repair.to(closed), name="维持")
    amend = Event(
        review.to(registration, on="change_points") | repair.to(closed, unless="changes_nothing", on="correct"),
        name="更正",
    )
    revoke = Event(review.to(closed) | repair.to(closed, unless="already_revoked", on="take_back"), name="撤销")
    register = Event(registration.to(closed, on="enter"), name="计分入档")
    sum_up = Event(
        verification.to(annual_publicity, cond="is_annual", unless="year_is_not_over", on="add_up")
        | grading.to(annual_publicity, on="add_up"),
        name="年度汇总",
    )
    publicity_ends = Event(annual_publicity.to(grading), name="公示期满")
    publish_grade = Event(
        grading.to(closed, unless=("sum_has_changed", "grades_unset"), on="give_grade"), name="发布等级"
    )
    publish_score = Event(
        grading.to(closed, unless=("sum_has_changed", "grades_are_set"), on="give_no_grade"), name="只发布得分"
    )

    facts = {
        "report": Report, "drop": Reason, "send_back": Reason, "verify": Verify, "reject": Reason, "dispute": Object,
        "reply": Reply, "uphold": Reason, "amend": Amend, "revoke": Reason, "sum_up": SumUp,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"dispute", "agree"},
        Desk.STREET: {"report", "drop", "reply"},
        Desk.DISTRICT: {
            "send_back", "verify", "reject", "uphold", "amend", "revoke", "register", "sum_up", "publish_grade", "publish_score",
        },
    }  # fmt: skip

    paper = {
        "drop": Paper("finding_dropped_notice"),
        "verify": Paper("finding_notice", copies=(Desk.STREET,)),
        "reject": Paper("finding_rejected_notice", copies=(Desk.STREET,)),
        "reply": Paper("objection_reply"),
        "uphold": Paper("objection_decision", copies=(Desk.STREET,)),
        "amend": Paper("objection_decision", copies=(Desk.STREET,)),
        "revoke": Paper("objection_decision", copies=(Desk.STREET,)),
        "register": Paper("score_notice", copies=(Desk.STREET,)),
        "sum_up": Paper("annual_score_notice", copies=(Desk.STREET,)),
        "publish_grade": Paper("annual_grade_notice", copies=(Desk.STREET,)),
        "publish_score": Paper("annual_grade_notice", copies=(Desk.STREET,)),
    }

    outcomes = {
        "drop": "不予报送", "reject": "不予计分", "uphold": "维持", "amend": "更正", "revoke": "撤销", "register": "计分入档",
        "publish_grade": "等级已发布", "publish_score": "得分已发布，等级未定",
    }  # fmt: skip

    consults = ("evaluation.items", "evaluation.grades")

    remembers = {"item_title": "计分项目", "score": "计分", "total": "年度得分", "grade": "等级"}

    # --- obstacles: the sentence a refused person reads ---

    def not_a_company(self, move: Move) -> str | None:
        body = move.session.get_one(Body, move.case.applicant_id)
        return (
            None if body.kind == "company" else "被评价的是物业服务企业，本件须以其为当事人立案，请不予报送后重新立案。"
        )

    def finding_incomplete(self, move: Move) -> str | None:
        # the obstacles of every branch are asked, also of those that this case does not take
        if move.facts is None or not self.is_finding(move):
            return None
        found = _found(move)
        for name, sentence in {
            "item": "请填写计分项目编码", "manager": "请填写物业管理项目负责人", "happened_on": "请填写发生日期",
        }.items():  # fmt: skip
            if not found.get(name):
                return Wrong(name, f"{sentence}。")
        day = date.fromisoformat(found["happened_on"])
        if day > move.today:
            return Wrong("happened_on", f"发生日期 {day} 不能晚于今天。")
        known = items(move.rule("evaluation.items"))
        if found["item"] not in known:
            listed = "；".join(f"{item.code} {item.title}" for item in known.values())
            return Wrong("item", f"计分项目清单中没有“{found['item'][:40]}”；现有：{listed}。")
        return None

    def points_wrong(self, move: Move) -> str | None:
        """What the list sets is what counts; where it sets nothing, the finding states its points and on what basis."""
        if move.facts is None:
            return None
        item, points = _item(move), move.facts.points
        if item is None:
            return f"计分项目清单中已没有“{move.case.details['item']}”，请退回补充。"
        if item.points is None:
            if points is None or tenths(points) == 0:
                return Wrong("points", f"清单中“{item.title}”的分值未定，请填写分值，并写明依据。")
            return None if move.facts.basis else Wrong("basis", "清单未定分值的，须写明分值依据的文件和条款。")
        if points is not None and tenths(points) != item.points:
            return Wrong("points", f"清单规定“{item.title}”{signed(item.sign * item.points)}，填写的是 {points} 分。")
        return None

    def no_such_line(self, move: Move) -> str | None:
        if not self.is_correction(move) or _line(move):
            return None
        return f"本企业没有编号为 {move.case.details['line']} 的计分，请核对。"

    def changes_nothing(self, move: Move) -> str | None:
        if move.facts is None:
            return None
        line = _line(move)
        same = line is not None and stands_at(move.session, line) == _sign(line) * tenths(move.facts.points)
        return (
            Wrong("points", f"该项现在就是 {move.facts.points} 分，没有要更正的；不更正的，请“维持”。")
            if same
            else None
        )

    def already_revoked(self, move: Move) -> str | None:
        line = _line(move)
        return "该项计分已经是零，没有可撤销的。" if line and stands_at(move.session, line) == 0 else None

    def year_is_not_over(self, move: Move) -> str | None:
        year = move.case.details["year"]
        return f"{year}年度还没有结束，{year + 1}-01-01 起才能汇总。" if move.today.year <= year else None

    def sum_has_changed(self, move: Move) -> str | None:
        if _sum(move) == (move.case.details["tenths"], move.case.details["lines"]):
            return None
        return "公示之后该年度又有计分或者更正，请重新汇总并公示。"

    def grades_unset(self, move: Move) -> str | None:
        rule = move.rule("evaluation.grades")
        if grades(rule).are_set:
            return None
        return (
            f"“{rule.title}”的起评分和分数线未定（{rule.article}），不能定等级；由两人按规则变更设定，或者只发布得分。"
        )

    def grades_are_set(self, move: Move) -> str | None:
        return "起评分和分数线已定，请发布等级。" if grades(move.rule("evaluation.grades")).are_set else None

    # --- which branch ---

    def is_finding(self, move: Move) -> bool:
        return bool(move.case.details["kind"] == "finding")

    def is_correction(self, move: Move) -> bool:
        return bool(move.case.details["kind"] == "correction")

    def is_annual(self, move: Move) -> bool:
        return bool(move.case.details["kind"] == "annual")

    # --- what is remembered ---

    def remember_finding(self, move: Move) -> None:
        move.details.update(_found(move))
        item = items(move.rule("evaluation.items"))[move.details["item"]]
        move.details["item_title"] = item.title

    def set_points(self, move: Move) -> None:
        item = _item(move)
        assert item is not None
        _score(move, item.sign * (item.points if item.points is not None else tenths(move.facts.points)))
        rule = move.rule("evaluation.items")
        move.record["basis_of_points"] = move.facts.basis or f"{rule.title}第{rule.version}版"

    def change_points(self, move: Move) -> None:
        _score(move, (1 if move.case.details["tenths"] >= 0 else -1) * tenths(move.facts.points))

    def drop_points(self, move: Move) -> None:
        move.details["score"] = move.record["score"] = "撤销，不计分"

    def enter(self, move: Move) -> None:
        held = move.case.details
        move.rows.append(
            Score(
                company_id=move.case.applicant_id, manager=held["manager"], estate_id=move.case.estate_id,  # type: ignore[arg-type]
                year=date.fromisoformat(held["happened_on"]).year, item=held["item"], title=held["item_title"],
                points=held["tenths"], case_id=move.case.id, at=move.at,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def correct(self, move: Move) -> None:
        line = _line(move)
        assert line is not None
        _put_right(move, line, _sign(line) * tenths(move.facts.points))

    def take_back(self, move: Move) -> None:
        line = _line(move)
        assert line is not None
        _put_right(move, line, 0)

    def add_up(self, move: Move) -> None:
        points, lines = _sum(move)
        table = _grades(move)
        total = spoken(points + table.base) if table.base is not None else f"各项合计{spoken(points)}，起评分{UNSET}"
        move.details |= {"tenths": points, "lines": lines, "total": total, "places": ["物业管理信息平台"]}
        move.record |= {"total": total, "lines": lines, "entries": _entries(move)}

    def give_grade(self, move: Move) -> None:
        table, rule = _grades(move), move.rule("evaluation.grades")
        grade = table.of(move.case.details["tenths"] + (table.base or 0))
        move.details |= {"published": True, "grade": grade}
        move.record |= {"grade": grade, "source": rule.source, "confidence": rule.confidence}

    def give_no_grade(self, move: Move) -> None:
        rule = move.rule("evaluation.grades")
        move.details |= {"published": True, "grade": UNSET}
        move.record |= {"grade": UNSET, "why": rule.article}


def _found(move: Move) -> dict[str, Any]:
    """What the case holds of the finding, and over it what is stated now."""
    names = {"item", "manager", "happened_on"}
    held = {name: move.case.details.get(name) for name in names}
    return held | move.facts.model_dump(mode="json", include=names, exclude_none=True)


def _item(move: Move) -> Item | None:
    return items(move.rule("evaluation.items")).get(move.case.details["item"])


def _line(move: Move) -> Score | None:
    """The line that is to be put right: one of this company, and not itself a correction."""
    line = move.session.get(Score, move.case.details["line"])
    return line if line and line.company_id == move.case.applicant_id and line.corrects_id is None else None


def _sign(line: Score) -> int:
    return 1 if line.points >= 0 else -1


def _score(move: Move, points: int) -> None:
    move.details |= {"tenths": points, "score": signed(points)}
    move.record["score"] = signed(points)


def _put_right(move: Move, line: Score, points: int) -> None:
    """A further line by which the first one is worth `points`."""
    before = stands_at(move.session, line)
    move.rows.append(
        Score(
            **line.model_dump(exclude={"id", "points", "case_id", "corrects_id", "at"}),
            points=points - before, case_id=move.case.id, corrects_id=line.id, at=move.at,  # type: ignore[arg-type]
        )
    )  # fmt: skip
    move.details |= {"item_title": line.title, "score": signed(points) if points else "撤销，不计分"}
    move.record |= {"score": move.details["score"], "before": signed(before), "line": line.id}


def _grades(move: Move) -> Grades:
    return grades(move.rule("evaluation.grades"))


def _lines(move: Move) -> Any:
    held = move.case.details
    manager = held["manager"] if held["of"] == "manager" else None
    return lines_of(move.session, move.case.applicant_id, held["year"], manager)


def _sum(move: Move) -> tuple[int, int]:
    """What the year's lines come to, and how many they are."""
    lines = _lines(move)
    return sum(line.points for line in lines), len(lines)


def _entries(move: Move) -> list[str]:
    """The lines as the paper lists them."""
    return [
        f"{line.item} {line.title}（{line.manager}，计分编号{line.id}）{'，更正' if line.corrects_id else ''}：{signed(line.points)}"
        for line in _lines(move)
    ]
