"""Reference lists: the rule library, the working calendar, clocks, and escalations that nobody could take."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from models.editions import calendar
from models.lists import ClockQuery, ClockRow, ListQuery, OrphanQuery, OrphanRow, page_of, total_of
from models.reference import Day, RuleVersion, editions, rule_library, year_of
from models.worktime import LAST_YEAR, OFFICE_ZONE

from .cases import instant
from .deps import Db, Me, Now

router = APIRouter(prefix="/api", tags=["reference"])


@router.get("/rules")
def list_rules(session: Db, me: Me, now: Now, total: bool = False) -> dict[str, Any]:
    """Every version of every rule: its value, source, article and confidence, when it holds, whether new cases take it
    today, which stages use it and how many clocks of the city run by it."""
    items = [_rule(version) for version in rule_library(session, now.astimezone(OFFICE_ZONE).date())]
    return {"items": items, "next": None} | ({"total": len(items)} if total else {})


@router.get("/calendar")
def read_calendar(
    session: Db,
    me: Me,
    now: Now,
    edition: Annotated[str | None, Query(max_length=100, description="name of an edition; the newest")] = None,
    year: Annotated[int | None, Query(ge=1, le=LAST_YEAR, description="the office's current year")] = None,
) -> dict[str, Any]:
    """One year of a calendar edition: days off, make-up working days, days on which the city's offices are closed, and from
    when on it is provisional; and which editions there are."""
    book = calendar(session, edition)
    read = year_of(book, year or now.astimezone(OFFICE_ZONE).year)
    return {
        "edition": book.edition,
        "year": read.year,
        "working_days": read.working_days,
        "off": [_day(day) for day in read.of("off")],
        "work": [_day(day) for day in read.of("made_up")],
        "closed": [_day(day) for day in read.of("closed")],
        "published_through": book.last_published_year,
        "provisional": read.provisional,
        "provisional_from": read.provisional_from.isoformat(),
        "editions": [
            {
                "name": made.edition.name,
                "source": made.edition.source,
                "approved_at": instant(made.edition.approved_at),
                "proposal": made.edition.proposal_id,
                "running": made.running,
            }
            for made in editions(session)
        ],
    }


@router.get("/clocks")
def list_clocks(session: Db, me: Me, now: Now, query: Annotated[ClockQuery, Query()]) -> dict[str, Any]:
    """Deadlines and periods of the cases one may see, with the rule each was counted by."""
    rows, after = page_of(session, me, query, now)
    items = [_clock(row, query.at or now) for row in rows]
    return {"items": items, "next": after} | _total(session, me, query, now)


@router.get("/orphans")
def list_orphans(session: Db, me: Me, now: Now, query: Annotated[OrphanQuery, Query()]) -> dict[str, Any]:
    """Steps of a ladder that found nobody to tell, on cases one may see."""
    rows, after = page_of(session, me, query, now)
    return {"items": [_orphan(row) for row in rows], "next": after} | _total(session, me, query, now)


def _total(session: Db, me: Me, query: ListQuery, now: datetime) -> dict[str, int]:
    return {"total": total_of(session, me, query, now)} if query.total else {}


def _rule(version: RuleVersion) -> dict[str, Any]:
    rule = version.rule
    return {
        "id": rule.id,
        "version": rule.version,
        "title": rule.title,
        "value": rule.value,
        "source": rule.source,
        "article": rule.article,
        "confidence": rule.confidence,
        "remark": rule.remark,
        "area": version.area and {"code": version.area.code, "name": version.area.name},
        "ladder": rule.ladder,
        "effective_from": rule.effective_from.isoformat(),
        "effective_to": rule.effective_to and rule.effective_to.isoformat(),
        "in_force": version.in_force,
        "on_expiry": rule.on_expiry,
        "deemed_from": rule.deemed_from,
        "once": rule.once,
        "proposal": rule.proposal_id,
        "used_by": [{"type": kind, "stage": stage} for kind, stage in version.limits],
        "running": version.running,
    }


def _day(day: Day) -> dict[str, str]:
    return {"date": day.day.isoformat(), "name": day.name}


def _clock(row: ClockRow, at: datetime) -> dict[str, Any]:
    clock, rule = row.clock, row.rule
    return {
        "id": clock.id,
        "case": row.case.number,
        "type": row.case.type,
        "kind": clock.kind,
        "limits": clock.limits,
        "title": row.title,
        "rule": {
            "id": rule.id,
            "version": rule.version,
            "title": rule.title,
            "source": rule.source,
            "article": rule.article,
            "confidence": rule.confidence,
        },
        "limit": clock.limit,
        "edition": clock.edition,
        "started_at": instant(clock.started_at),
        "due_day": clock.due_day.isoformat(),
        "due_at": instant(clock.due_at),
        "provisional": clock.provisional,
        "state": row.state(at),
        "paused_at": instant(clock.paused_at),
        "stopped_at": instant(clock.stopped_at),
        "outcome": clock.outcome,
        "parked_at": instant(clock.parked_at),
        "parked_why": clock.parked_why,
    }


def _orphan(row: OrphanRow) -> dict[str, Any]:
    return {
        "id": row.orphan.id,
        "case": row.case.number,
        "type": row.case.type,
        "stage": row.case.stage,
        "step": row.orphan.step,
        "title": row.step,
        "wanted": row.orphan.wanted,
        "wanted_title": row.wanted,
        "at": instant(row.orphan.at),
        "taken_by": row.orphan.taken_by_id,
    }
