"""Clock health as JSON: the figures, the list behind each, and a parked clock tried again."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from models.access import may_oversee
from models.errors import Forbidden
from models.health import LISTS, HealthQuery, Lateness, Line, Pulse, lateness, listed, pulse, retry, total_of
from models.people import Person
from models.worktime import OFFICE_ZONE

from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["health"])


@router.get("/health/clocks")
def read_health(session: Db, me: Me, now: Now, days: Annotated[int, Query(ge=1, le=7)] = 1) -> dict[str, Any]:
    """`{"at", "reasons", "shift", "oldest_unfired_seconds", "figures", "lateness"}`, for those who oversee an office.

    Asked with `total=1`, the list at a figure's or a bar's `href` answers a `total` that equals `count`.
    """
    must_oversee(me)
    read = pulse(session)
    at = now.astimezone(OFFICE_ZONE).isoformat()
    query = HealthQuery(at=now, days=days)
    return {
        "at": at,
        "reasons": read.reasons,
        "shift": shift_of(read),
        "oldest_unfired_seconds": read.unfired_for,
        "figures": [
            {
                "metric": name,
                "title": LISTS[name].title,
                "count": total_of(session, me, name, query, now),
                "href": f"/api/health/clocks/{name}?{urlencode({'at': at})}",
            }
            for name in LISTS
            if name != "fired"
        ],
        "lateness": _lateness(lateness(session, me, query, now), days, at),
    }


@router.get("/health/clocks/{name}")
def list_health(session: Db, me: Me, now: Now, name: str, query: Annotated[HealthQuery, Query()]) -> dict[str, Any]:
    """One of the lists: `unfired`, `soon`, `parked`, `orphans`, `troubles`, `jobs`, `messages`, `fired`."""
    must_oversee(me)
    lines, after = listed(session, me, name, query, now)
    total = {"total": total_of(session, me, name, query, now)} if query.total else {}
    return {"items": [_line(line) for line in lines], "next": after} | total


@router.post("/clocks/{clock_id}/retry")
def retry_clock(session: Db, me: Me, now: Now, clock_id: int, once: OnlyOnce) -> Response:
    """Try a parked clock again, at once; recorded in its case's ledger. 409 where it is not parked any more."""

    def write() -> dict[str, Any]:
        case = retry(session, me, clock_id, now)
        return {"clock": clock_id, "case": case.number, "seq": case.last_seq}

    return once(write)


def must_oversee(me: Person) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_oversee(me):
        raise Forbidden("时钟健康由负责人、监管、审计和系统管理员查看，您没有这一权限。")


def shift_of(read: Pulse) -> dict[str, Any]:
    """Real instants, unlike all others."""
    beat = read.beat
    return {
        "is_on": read.is_watched,
        "who": beat.who if beat else None,
        "since": beat.since.isoformat() if beat and beat.since else None,
        "until": beat.until.isoformat() if beat else None,
        "beat_at": beat.at.isoformat() if beat else None,
    }


def _lateness(found: Lateness, days: int, at: str) -> dict[str, Any]:
    return {
        "days": days,
        "count": found.count,
        "median": found.middle,
        "p99": found.p99,
        "longest": found.longest,
        "buckets": [
            {
                "title": bar.title,
                "le": bar.le,
                "count": bar.count,
                "href": f"/api/health/clocks/fired?{urlencode({'days': days, 'bucket': place, 'at': at})}",
            }
            for place, bar in enumerate(found.bars)
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "at": line.at.astimezone(OFFICE_ZONE).isoformat(),
        "title": line.title,
        "words": line.words,
        "case": line.case.number if line.case else None,
        "why": line.why,
    }
