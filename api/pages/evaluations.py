"""服务评价: a company's scoring ledger of a year, its sum and its grade."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import exists
from sqlmodel import col

from models.access import companies_evaluated, must_read_evaluations, visible_to
from models.case import Case
from models.errors import NotFound
from models.evaluation import UNSET, Score, annual, grades, managers, page_of_lines, signed, spoken, totals
from models.people import Body
from models.rules import rulebook

from ..deps import Db, Me
from .render import Here, page
from .render import query as written

router = APIRouter()
HERE = "/evaluations"
LINES = 100
"""A page of the ledger."""


@router.get(HERE)
def show_ledger(
    request: Request,
    session: Db,
    me: Me,
    here: Here,
    company: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """Of this year, and of the first company one may see that has lines then, unless the address says which."""
    must_read_evaluations(me)
    seen = companies_evaluated(me)
    of_year = year or here.today.year
    scored = exists().where(col(Score.company_id) == col(Body.id), col(Score.year) == of_year)
    bodies = session.scalars(seen.order_by(col(Body.name))).all()
    wanted = company or session.scalar(
        seen.with_only_columns(col(Body.id)).where(scored).order_by(col(Body.name)).limit(1)
    )
    chosen = next((body for body in bodies if wanted in (None, body.id)), None)
    if company is not None and chosen is None:
        raise NotFound(f"没有编号为 {company} 的物业服务企业，或您无权查看。")
    asked: dict[str, Any] = {"company_id": (chosen.id if chosen else None) or 0, "year": of_year}
    ids = seen.with_only_columns(col(Body.id))
    rows, following = page_of_lines(session, ids, **asked, after=after, limit=LINES)
    count, points = totals(session, ids, **asked)
    numbers = [case.id for *_, case in rows]
    filters = {"company": chosen.id if chosen else None, "year": of_year}
    published = annual(session, **asked)
    opened = [published.id] if published else []
    rule = rulebook(session).in_force("evaluation.grades", here.today, "/")
    return page(
        request,
        "evaluations.html",
        me,
        companies=bodies,
        chosen=chosen,
        year=of_year,
        years=range(here.today.year, 2021, -1),
        rows=rows,
        count=count,
        points=points,
        managers=managers(session, **asked),
        published=published,
        table=grades(rule),
        rule=rule,
        unset=UNSET,
        may_open=set(
            session.scalars(visible_to(me).with_only_columns(col(Case.id)).where(col(Case.id).in_([*numbers, *opened])))
        ),
        signed=signed,
        spoken=spoken,
        more=HERE + written(filters | {"after": following}) if following else None,
        first=HERE + written(filters) if after else None,
    )
