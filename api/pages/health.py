"""时钟健康: the state of the clocks as a page, the list behind each of its numbers, and a parked clock tried again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session, col

from models.access import may_retry, visible_to
from models.case import Case
from models.health import (
    BUCKET_TITLES,
    BUCKETS,
    LISTS,
    HealthQuery,
    Line,
    lateness,
    list_named,
    listed,
    pulse,
    retry,
    total_of,
    words_for,
)  # fmt: skip
from models.people import Person

from ..deps import Db, Me
from ..health import must_oversee
from .forms import Attempt, Typed, attempt
from .render import Here, Office, page

router = APIRouter()
HERE = "/health/clocks"
SHOWN = ("parked", "unfired", "troubles", "orphans", "jobs", "messages", "soon")
"""What the page lists below its numbers, the worst first."""
FIRST = 10
"""Lines of each; the rest is a list away."""
SPANS = {1: "今天", 7: "近7天"}


@router.get(HERE)
def show_health(
    request: Request, session: Db, me: Me, here: Here, days: Annotated[int, Query(ge=1, le=7)] = 1, retried: int | None = None
) -> HTMLResponse:  # fmt: skip
    """`retried` is the clock one has just let be tried again."""
    return _page(request, session, me, here, days, retried=retried)


@router.get(HERE + "/{name}")
def list_health(
    request: Request, session: Db, me: Me, here: Here, name: str, asked: Annotated[HealthQuery, Query()]
) -> HTMLResponse:
    must_oversee(me)
    lines, after = listed(session, me, name, asked, here.now)
    given = asked.model_dump(mode="json", exclude_defaults=True, exclude={"total", "limit", "after"})
    return page(
        request,
        "health_list.html",
        me,
        which=name,
        found=list_named(name),
        narrowed=f"{SPANS.get(asked.days, f'近{asked.days}天')}{_bar_words(asked)}" if name == "fired" else "",
        lines=lines,
        seen=_seen(session, me, lines),
        total=total_of(session, me, name, asked, here.now),
        more=_href(name, given | {"after": after, "limit": asked.limit}) if after else None,
        first=_href(name, given) if asked.after else None,
        may_retry=may_retry,
    )


def _bar_words(asked: HealthQuery) -> str:
    if asked.bucket is None:
        return ""
    return f"，迟于应发时刻{BUCKET_TITLES[asked.bucket]}" if asked.bucket < len(BUCKETS) else "，迟于应发时刻一天以上"


@router.post(HERE + "/parked/{clock_id}/retry")
def retry_clock(request: Request, session: Db, me: Me, here: Here, clock_id: int, typed: Typed) -> Response:
    must_oversee(me)
    with attempt(session, typed) as tried:
        retry(session, me, clock_id, here.now)
        return RedirectResponse(f"{HERE}?retried={clock_id}", status_code=303)
    return _page(request, session, me, here, 1, tried=tried)


def _page(
    request: Request,
    session: Session,
    me: Person,
    here: Office,
    days: int,
    *,
    retried: int | None = None,
    tried: Attempt | None = None,
) -> HTMLResponse:
    must_oversee(me)
    read = pulse(session)
    query = HealthQuery(at=here.now, days=days, limit=FIRST)
    at = here.now.isoformat()
    totals = {name: total_of(session, me, name, query, here.now) for name in SHOWN}
    lines = {name: listed(session, me, name, query, here.now)[0] for name in SHOWN if totals[name]}
    late = lateness(session, me, query, here.now)
    refused = tried.refused if tried else None
    return page(
        request,
        "health.html",
        me,
        status=refused.status if refused else 200,
        read=read,
        lists=LISTS,
        totals=totals,
        lines=lines,
        seen=_seen(session, me, [line for shown in lines.values() for line in shown]),
        hrefs={name: _href(name, {"at": at}) for name in SHOWN},
        late=late,
        bars=[(bar, _href("fired", {"days": days, "bucket": place, "at": at})) for place, bar in enumerate(late.bars)],
        fired=_href("fired", {"days": days, "at": at}),
        days=days,
        spans=SPANS,
        words_for=words_for,
        may_retry=may_retry,
        retried=retried,
        refused=refused,
    )


def _href(name: str, asked: Mapping[str, Any]) -> str:
    return f"{HERE}/{name}?{urlencode(asked)}" if asked else f"{HERE}/{name}"


def _seen(session: Session, me: Person, lines: Sequence[Line]) -> set[int]:
    """The cases of these lines that one may open; the administrator sees that a clock is parked, not what the case holds."""
    ids = {line.case.id for line in lines if line.case}
    return set(session.scalars(visible_to(me).with_only_columns(col(Case.id)).where(col(Case.id).in_(ids))))
