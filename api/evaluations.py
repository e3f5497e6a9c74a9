"""The scoring ledger of service evaluation as a list."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import col

from models.access import companies_evaluated, must_read_evaluations
from models.evaluation import annual, page_of_lines, spoken, totals
from models.people import Body

from .cases import instant
from .deps import Db, Me

router = APIRouter(prefix="/api", tags=["evaluations"])


@router.get("/evaluations")
def list_evaluations(
    session: Db,
    me: Me,
    company: Annotated[int | None, Query(ge=1, lt=2**63, description="id of a property company")] = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    after: Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    total: bool = False,
) -> dict[str, Any]:
    """Lines in the order in which they were entered; points are texts, and what was deducted is negative.

    `corrects` is the line that this one puts right. Asked for one company and year, `sum` is what all its lines come to, and
    `grade` what its annual summary published (`未定` where no thresholds were set); null before that.
    """
    must_read_evaluations(me)
    seen = companies_evaluated(me).with_only_columns(col(Body.id))
    rows, following = page_of_lines(session, seen, company_id=company, year=year, after=after, limit=limit)
    items = [
        {
            "id": line.id,
            "company": {"id": body.id, "name": body.name},
            "manager": line.manager,
            "estate": {"id": estate.id, "name": estate.name},
            "year": line.year,
            "item": line.item,
            "title": line.title,
            "points": spoken(line.points),
            "corrects": line.corrects_id,
            "case": case.number,
            "at": instant(line.at),
        }
        for line, body, estate, case in rows
    ]
    answer: dict[str, Any] = {"items": items, "next": following}
    lines, points = totals(session, seen, company_id=company, year=year) if total or (company and year) else (0, 0)
    if total:
        answer["total"] = lines
    if company and year:
        published = annual(session, company, year) if session.scalar(seen.where(col(Body.id) == company)) else None
        answer |= {"sum": spoken(points), "grade": published and published.details["grade"]}
    return answer
