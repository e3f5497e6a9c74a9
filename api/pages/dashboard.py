"""监管看板: the figures as a page that looks again by itself; every number opens the list it counts."""

from time import perf_counter

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import SEES_ITS_AREA
from models.dashboard import METRICS, Figures, Group, figures
from models.lists import ClockQuery, total_of
from models.office import shift_is_on
from models.people import Person
from models.territory import Area

from ..deps import Db, Me
from .render import Here, page

router = APIRouter()

FIRST = ("open", "due_today", "due_3wd", "yellow", "red")
THEN = ("due_5wd", "paused", "waiting_applicant", "stale", "in_meeting", "orphans", "closed")
"""What stands above, large, and what below."""


@router.get("/dashboard")
def dashboard(request: Request, session: Db, me: Me, here: Here) -> HTMLResponse:
    began = perf_counter()
    found = figures(session, me, here.now)
    took = perf_counter() - began
    streets = [street for street in found.by("street") if _has_cases(found, street)]
    return page(
        request,
        "dashboard.html",
        me,
        figures=found,
        metrics=METRICS,
        first=FIRST,
        then=THEN,
        scope=_scope(session, me),
        streets=sorted(streets, key=lambda street: _trouble(found, street), reverse=True),
        quiet=len(found.by("street")) - len(streets),
        types=found.by("type"),
        stages=[stage for stage in found.by("stage") if _is_worked(found, stage)],
        watched=shift_is_on(session),
        parked=total_of(session, me, ClockQuery(parked=True), here.now),
        # however large the office is, looking takes a twentieth of the time at most
        every=max(5 if here.rate == 1 else 2, round(20 * took)),
    )


def _has_cases(found: Figures, group: Group) -> bool:
    return bool(found.of("open", group).whole.count or found.of("closed", group).whole.count)


def _is_worked(found: Figures, stage: Group) -> bool:
    return bool(found.of("open", stage).whole.count or found.of("on_time", stage).whole.count)


def _trouble(found: Figures, street: Group) -> tuple[int, ...]:
    """Streets with the most that is late come first."""
    return tuple(found.of(metric, street).whole.count for metric in ("red", "yellow", "open"))


def _scope(session: Session, me: Person) -> str:
    """Whose cases these are, in words."""
    paths = {post.area_path for post in me.posts if post.role in SEES_ITS_AREA}
    names = session.scalars(select(col(Area.name)).where(col(Area.path).in_(paths)).order_by(col(Area.path))).all()
    return "、".join(names) or f"{me.title}可以看到的案件"
