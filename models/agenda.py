"""A late case comes before the open escalation case of its area; where none is open, one opens by itself.

The step of a ladder names the type (`Step.opens`). The area is the lowest that holds both the estate and the late desk; an
escalation case that is late itself comes before that of the area above, and from the city nothing leads further up.
What is decided about a case comes back to it (`settle`).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Index, select, text
from sqlmodel import Session, SQLModel, col

from .access import KIND_OF_DESK
from .case import Case, CaseEvent
from .db import instant, primary_key, reference, write
from .errors import NotFound
from .links import Later
from .people import LEVEL_OF_DESK, SYSTEM, Body, Desk
from .territory import LEVELS, Area, codes_of, path_at


class AgendaItem(SQLModel, table=True):
    """A late case on the agenda of an escalation case; once, until it is settled there."""

    __tablename__ = "agenda_item"
    id: int | None = primary_key()
    meeting_id: int = reference("case.id", index=True)
    case_id: int = reference("case.id", index=True)
    event_id: int = reference("case_event.id")
    """The step of the ladder that put it there."""
    at: datetime = instant()
    settled_at: datetime | None = instant(nullable=True)
    result: str | None = None

    __table_args__ = (
        Index("uq_agenda_item_open", "meeting_id", "case_id", unique=True, postgresql_where=text("settled_at is null")),
        Index("ix_agenda_item_unsettled", "case_id", postgresql_where=text("settled_at is null")),
    )


def put_on_agenda(
    session: Session, late: Case, event: CaseEvent, type_id: str, at: datetime, *, level: str | None = None
) -> Case | None:
    """Put a late, locked case before the open case of that type of its area, or of the area of `level`. None: nobody is further up.

    Raises `Later`; waiting for the other case while holding this one could end in a deadlock. `NotFound` where no office is
    registered for the area.
    """
    level = level or _level(late, type_id)
    if level is None:
        return None
    area = area_of(session, late, level)
    meeting = _claim(session, type_id, area) or _open(session, type_id, area, at)
    enlist(session, meeting, late, event, at)
    return meeting


def enlist(session: Session, meeting: Case, case: Case, event: CaseEvent, at: datetime) -> None:
    """Write a case on the agenda of a locked meeting, unless it stands there already."""
    there = unsettled(meeting).where(col(AgendaItem.case_id) == case.id)
    if session.scalar(there) is None:
        session.add(AgendaItem(meeting_id=meeting.id, case_id=case.id, event_id=event.id, at=at))  # type: ignore[arg-type]
        session.flush()
        meeting.remember("agenda", {"case": case.number, "step": event.name}, by=SYSTEM, at=max(at, meeting.last_at))


def unsettled(meeting: Case) -> Any:
    """`select(AgendaItem)`: a meeting's agenda, in order."""
    held = select(AgendaItem).where(col(AgendaItem.meeting_id) == meeting.id, col(AgendaItem.settled_at).is_(None))
    return held.order_by(col(AgendaItem.id))


def settle(
    session: Session,
    meeting: Case,
    items: Iterable[AgendaItem],
    results: Mapping[str, str],
    otherwise: str,
    at: datetime,
) -> None:
    """Push back what a meeting decided to the cases on its agenda; `results` by their numbers. Raises `Later`."""
    by_case = {item.case_id: item for item in items}
    for case in lock(session, by_case):
        result = results.get(case.number, otherwise)
        case.remember(
            "agenda_result", {"meeting": meeting.number, "result": result}, by=SYSTEM, at=max(at, case.last_at)
        )
        write(session, by_case[case.id or 0], settled_at=at, result=result)


def lock(session: Session, ids: Collection[int | None]) -> list[Case]:
    """Those cases, locked in the order of their ids without waiting. Raises `Later` where somebody holds one."""
    held = select(Case).where(col(Case.id).in_(ids)).order_by(col(Case.id)).with_for_update(skip_locked=True)
    found = list(session.scalars(held, execution_options={"populate_existing": True}))
    if len(found) < len(ids):
        raise Later
    return found


def level_above(case: Case) -> str | None:
    """The level of the area above the office that convenes it. None: nobody is further up."""
    level = LEVEL_OF_DESK[case.seat(Desk.STREET)]
    return LEVELS[LEVELS.index(level) - 1] if LEVELS.index(level) else None


def _level(late: Case, type_id: str) -> str | None:
    if late.type == type_id:
        above = len(codes_of(late.path)) - 2
        return LEVELS[above] if above >= 0 else None
    desk = Desk(late.desk) if late.desk else Desk.STREET
    return LEVEL_OF_DESK.get(desk, LEVEL_OF_DESK[Desk.STREET])


def _claim(session: Session, type_id: str, area: Area) -> Case | None:
    is_it = (col(Case.type) == type_id, col(Case.serves) == area.path, col(Case.closed_at).is_(None))
    held = select(Case).where(*is_it).with_for_update(skip_locked=True)
    found = session.scalar(held, execution_options={"populate_existing": True})
    if found is None and session.scalar(select(Case.id).where(*is_it)) is not None:  # type: ignore[call-overload]
        raise Later
    return found


def area_of(session: Session, case: Case, level: str) -> Area:
    """The area of that level in which a case lies."""
    return session.scalars(select(Area).where(col(Area.path) == path_at(case.path, level))).one()


def office_of(session: Session, area: Area) -> Body:
    """The office that convenes for an area. Errors: `NotFound` where none is registered."""
    kind = KIND_OF_DESK[Desk.of_level(area.level)]
    office = session.scalars(select(Body).where(col(Body.area_id) == area.id, col(Body.kind) == kind)).first()
    if office is None:
        raise NotFound(f"{area.name}没有登记承办单位，不能提请协调，请系统管理员补录。")
    return office


def _open(session: Session, type_id: str, area: Area, at: datetime) -> Case:
    office = office_of(session, area)
    meeting = Case.open_for_area(session, type_id, area=area, applicant=office, by=SYSTEM, at=at)
    if meeting is None:
        raise Later
    return meeting
