"""物业服务评价: what was scored of a company and its project managers, and the annual grade (深圳市物业服务评价管理办法).

A line once entered never changes: what was wrong is put right by a further line (更正) that says by how much. Points are
integers of a tenth (0.1分). Which items there are, what each is worth, from which score on a grade is given: two lists of the
rulebook, unknown for Shenzhen and so unset (未定) until an operator names them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, and_, func, select
from sqlmodel import Session, SQLModel, col

from .case import Case
from .db import instant, primary_key, reference
from .people import Body
from .rules import Rule
from .territory import Estate

UNSET = "未定"


class Score(SQLModel, table=True):
    """One line of the ledger; `points` is added, so what is deducted is negative."""

    __tablename__ = "evaluation_score"
    id: int | None = primary_key()
    company_id: int = reference("body.id")
    manager: str
    """项目负责人."""
    estate_id: int = reference("estate.id", index=True)
    year: int
    """In which the thing happened."""
    item: str
    """Code of the item, and its title as the list had it."""
    title: str
    points: int
    case_id: int = reference("case.id", index=True)
    corrects_id: int | None = reference("evaluation_score.id", nullable=True, index=True)
    """The line that this one puts right."""
    at: datetime = instant()

    __table_args__ = (Index("ix_evaluation_score_company_id", "company_id", "year", "id"),)


@dataclass(frozen=True)
class Item:
    """计分项目: `sign` is 1 for what adds and -1 for what deducts; `points` None where nobody has set them."""

    code: str
    title: str
    sign: int
    points: int | None


@dataclass(frozen=True)
class Grades:
    """`base` is where a year starts; `steps` are (code, word, from which score on), the best first. None: not set."""

    base: int | None
    steps: tuple[tuple[str, str, int | None], ...]

    @property
    def are_set(self) -> bool:
        """Whether a grade can be given; the last one takes all that is below, whatever it says."""
        return self.base is not None and bool(self.steps) and all(least is not None for *_, least in self.steps[:-1])

    def of(self, score: int) -> str | None:
        """`AA 良好`, or None where the thresholds are not set."""
        if not self.are_set:
            return None
        code, word, _ = next(
            (step for step in self.steps[:-1] if step[2] is not None and score >= step[2]), self.steps[-1]
        )
        return f"{code} {word}"


ITEM = re.compile(r"(\S+)\s+(.+)：(加|扣)(未定|\d{1,3}(?:\.\d)?)")
STEP = re.compile(r"(?:(\S+)\s+)?(\S+)：(未定|以下|\d{1,4}(?:\.\d)?)")
BASE = "起评分"


def items(rule: Rule) -> dict[str, Item]:
    """By code. Entries read `D01 拒不移交：扣3`, `A01 受表彰：加0.5`, or `…：扣未定`; what reads otherwise is left out."""
    found = (ITEM.fullmatch(entry) for entry in rule.entries)
    return {
        match[1]: Item(
            match[1], match[2], 1 if match[3] == "加" else -1, None if match[4] == UNSET else tenths(match[4])
        )
        for match in found
        if match
    }


def grades(rule: Rule) -> Grades:
    """Entries read `起评分：100` and, the best first, `AAA 优秀：90` … `C 较差：以下`; or `…：未定`."""
    read = [match for entry in rule.entries if (match := STEP.fullmatch(entry))]
    steps = [(match[1] or "", match[2], tenths(match[3]) if match[3][0].isdigit() else None) for match in read]
    base = next((least for _, word, least in steps if word == BASE), None)
    return Grades(base, tuple(step for step in steps if step[1] != BASE))


def tenths(written: str) -> int:
    """`2.5` → 25."""
    whole, _, part = written.partition(".")
    return int(whole) * 10 + int(part or 0)


def spoken(points: int) -> str:
    """25 → `2.5`, -30 → `-3`."""
    whole, part = divmod(abs(points), 10)
    return f"{'-' if points < 0 else ''}{whole}{f'.{part}' if part else ''}"


def signed(points: int) -> str:
    """25 → `加2.5分`, -30 → `扣3分`."""
    return f"{'扣' if points < 0 else '加'}{spoken(abs(points))}分"


# --- the ledger ------------------------------------------------------------------------------------------------------


def lines_of(session: Session, company_id: int, year: int, manager: str | None = None) -> Sequence[Score]:
    """A year's lines of a company, or of one of its project managers, in the order in which they were entered."""
    return session.scalars(_entered(company_id, year, manager).order_by(col(Score.id))).all()


def page_of_lines(
    session: Session, companies: Any, *, company_id: int | None, year: int | None, after: int, limit: int
) -> tuple[list[tuple[Score, Body, Estate, Case]], int | None]:
    """A page of the lines of `companies` (ids), by id after `after`, and what to ask next."""
    found = (
        select(Score, Body, Estate, Case)
        .join(Body, col(Body.id) == col(Score.company_id))
        .join(Estate, col(Estate.id) == col(Score.estate_id))
        .join(Case, col(Case.id) == col(Score.case_id))
        .where(_among(companies, company_id, year), col(Score.id) > after)
    )
    rows = session.execute(found.order_by(col(Score.id)).limit(limit + 1)).tuples().all()
    return list(rows[:limit]), rows[limit - 1][0].id if len(rows) > limit else None


def totals(session: Session, companies: Any, *, company_id: int | None, year: int | None) -> tuple[int, int]:
    """How many lines there are, and what they come to."""
    counted = select(func.count(), func.coalesce(func.sum(col(Score.points)), 0))
    lines, points = session.execute(counted.where(_among(companies, company_id, year))).one()
    return int(lines), int(points)


def managers(session: Session, company_id: int, year: int) -> list[tuple[str, int, int]]:
    """By project manager: how many lines, and what they come to."""
    counted = select(col(Score.manager), func.count(), func.sum(col(Score.points)))
    year_of = counted.where(col(Score.company_id) == company_id, col(Score.year) == year)
    rows = session.execute(year_of.group_by(col(Score.manager)).order_by(col(Score.manager))).tuples()
    return [(manager, int(lines), int(points)) for manager, lines, points in rows]


def stands_at(session: Session, line: Score) -> int:
    """What the line is worth with all that was put right since."""
    corrected = select(func.coalesce(func.sum(col(Score.points)), 0)).where(col(Score.corrects_id) == line.id)
    return line.points + int(session.scalar(corrected) or 0)


def annual(session: Session, company_id: int, year: int, manager: str | None = None) -> Case | None:
    """The newest annual summary of them that was published."""
    published = select(Case).where(
        col(Case.type) == "service_evaluation",
        col(Case.applicant_id) == company_id,
        col(Case.closed_at).is_not(None),
        Case.details["kind"].as_string() == "annual",
        Case.details["year"].as_integer() == year,
        Case.details["published"].as_boolean(),
    )
    of = Case.details["of"].as_string()
    who = (
        (of == "manager") & (Case.details["manager"].as_string() == manager)
        if manager
        else of.is_distinct_from("manager")
    )
    return session.scalar(published.where(who).order_by(col(Case.id).desc()).limit(1))


def _entered(company_id: int, year: int, manager: str | None) -> Any:
    entered = select(Score).where(col(Score.company_id) == company_id, col(Score.year) == year)
    return entered.where(col(Score.manager) == manager) if manager else entered


def _among(companies: Any, company_id: int | None, year: int | None) -> ColumnElement[bool]:
    clauses: list[ColumnElement[bool]] = [col(Score.company_id).in_(companies)]
    clauses += [col(Score.company_id) == company_id] if company_id is not None else []
    clauses += [col(Score.year) == year] if year is not None else []
    return and_(*clauses)
