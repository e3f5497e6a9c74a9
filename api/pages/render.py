"""HTML from templates: one environment, one `page`, and how days, instants, money and areas are written in Chinese."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.access import (
    KEEPS_FUND,
    looks_after_people,
    may_attach,
    may_govern,
    may_keep_roster,
    may_oversee,
    may_read_evaluations,
)
from models.editions import calendar
from models.errors import Refused
from models.materials import needs_at
from models.office import office_clock
from models.people import Desk, Person, Role
from models.reading import ballot_name
from models.roster import masked_name
from models.rules import CONFIDENCE_TITLES
from models.settings import settings
from models.wording import day, instant, last_day, left, short_day, short_instant
from models.worktime import OFFICE_ZONE, WorkCalendar
from pdf.amount import yuan

from ..deps import Db, Now

API = Path(__file__).parent.parent


@dataclass(frozen=True)
class Office:
    """The office as a page shows it: its now, how fast its clock runs, the calendar in use."""

    now: datetime
    rate: int
    calendar: WorkCalendar

    @property
    def today(self) -> date:
        return self.now.astimezone(OFFICE_ZONE).date()

    def left(self, due_at: datetime, *, in_days: bool = False) -> str:
        """How far away a due instant is, in words; a period's end `in_days`."""
        return left(due_at, self.now, self.calendar, in_days=in_days)


def office(request: Request, session: Db, now: Now) -> Office:
    """Dependency of every page; `page` reads what it leaves in `request.state.office`."""
    read = Office(now, office_clock(session).rate, calendar(session))
    request.state.office = read
    return read


Here = Annotated[Office, Depends(office)]


@dataclass(frozen=True)
class Way:
    """An entry of the navigation."""

    href: str
    title: str
    key: str


def ways(me: Person) -> list[Way]:
    """What this person may use, in the order of use."""
    found = [Way("/", "我的办件", "1"), Way("/cases", "案件", "2")]
    if me.has_role(Role.AGENT, Role.COMMITTEE, Role.CLERK, *KEEPS_FUND):
        found.append(Way("/estates", "小区", "3"))
    if may_oversee(me):
        found.append(Way("/dashboard", "监管看板", "4"))
    if may_read_evaluations(me):
        found.append(Way("/evaluations", "服务评价", "9"))
    if looks_after_people(me):
        found.append(Way("/people", "人员", "8"))
    found += [Way("/rules", "规则", "5"), Way("/calendar", "日历", "6")]
    return [*found, Way("/proposals", "变更", "7")] if may_govern(me) else found


def page(request: Request, name: str, me: Person | None, *, status: int = 200, **context: object) -> HTMLResponse:
    """`templates/<name>` for this person. `status` is 4xx where a refused form is shown again, with what was typed."""
    body = (
        environment()
        .get_template(name)
        .render(
            request=request,
            here=request.url.path,
            me=me,
            ways=ways(me) if me else [],
            office=getattr(request.state, "office", None),
            csrf_token=getattr(request.state, "csrf", ""),
            **context,
        )
    )
    # what stays on the screen after a refusal is a form, not a place to come back to
    headers = {"HX-Push-Url": "false"} if status >= 400 else {}
    return HTMLResponse(body, status_code=status, headers=headers)


def refusal(request: Request, refused: Refused, me: Person | None = None) -> HTMLResponse:
    """A page that says why not, where there is no form to say it in."""
    # whoever votes has no account and nowhere else to go
    name = "vote/refused.html" if request.url.path.startswith("/v/") else "refused.html"
    return page(request, name, me, status=refused.status, refused=refused)


@cache
def environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(API / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": day, "short_day": short_day, "instant": instant, "short_instant": short_instant, "last_day": last_day,
        "yuan": yuan, "area": area, "size": size, "query": query, "masked": masked_name, "ballot_name": ballot_name,
    }  # fmt: skip
    environment.globals |= {
        "asset": asset, "Desk": Desk, "confidence": CONFIDENCE_TITLES,
        "may_attach": may_attach, "may_keep_roster": may_keep_roster, "may_oversee": may_oversee, "needs_at": needs_at, "upload_limit": settings().upload_limit,
    }  # fmt: skip
    return environment


@cache
def asset(name: str) -> str:
    """The address of one of our own static files, changing with its content so that it may be kept for long."""
    digest = hashlib.sha256((API / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"


# --- how things are written ------------------------------------------------------------------------------------------


def area(dm2: int) -> str:
    """`8856` dm² → `88.56㎡`."""
    return f"{dm2 // 100:,}.{dm2 % 100:02d}㎡"


def size(count: int) -> str:
    """`1536` bytes → `2 KB`, `3_400_000` → `3.2 MB`."""
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1024 * 1024 else f"{max(1, round(count / 1024))} KB"


def query(values: Mapping[str, object]) -> str:
    """`?a=1&b=2` of what is not empty, or nothing at all."""
    text = urlencode({key: value for key, value in values.items() if value not in (None, "", False)})
    return f"?{text}" if text else "?"
