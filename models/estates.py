"""Estates as a person sees them: where each lies, who runs it, which roster is in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from .access import estates_visible_to, see_estate
from .decisions import Decision, Roster
from .people import Body, Person
from .territory import Area, Estate, Unit, codes_of


@dataclass(frozen=True)
class ToldEstate:
    estate: Estate
    place: str
    """`福田区莲花街道彩田社区`."""
    company: Body | None
    committee: Body | None
    roster: Roster | None


def estates(
    session: Session, person: Person, *, q: str = "", after: int = 0, limit: int = 50
) -> tuple[list[ToldEstate], int | None]:
    """A page of the estates the person may see, by id after `after`, whose name or company has `q`; and what to ask next."""
    found = _matching(person, q).where(col(Estate.id) > after).order_by(col(Estate.id)).limit(limit + 1)
    rows = session.scalars(found).all()
    return told(session, rows[:limit]), rows[limit - 1].id if len(rows) > limit else None


def count_estates(session: Session, person: Person, q: str = "") -> int:
    return session.scalar(select(func.count()).select_from(_matching(person, q).subquery())) or 0


def estate_seen(session: Session, person: Person, estate_id: int) -> ToldEstate:
    """Raises `NotFound` where there is none or the person may not know of it."""
    return told(session, [see_estate(session, person, estate_id)])[0]


def told(session: Session, rows: Sequence[Estate]) -> list[ToldEstate]:
    """In three queries, however many there are."""
    codes = {code for estate in rows for code in codes_of(estate.path)}
    areas = dict(
        session.execute(select(col(Area.code), col(Area.name)).where(col(Area.code).in_(codes))).tuples().all()
    )
    ids = {body for estate in rows for body in (estate.company_id, estate.committee_id) if body}
    bodies = {body.id: body for body in session.scalars(select(Body).where(col(Body.id).in_(ids)))}
    newest = select(func.max(col(Roster.id))).where(col(Roster.estate_id).in_([estate.id for estate in rows]))
    in_use = select(Roster).where(col(Roster.id).in_(newest.group_by(col(Roster.estate_id))))
    rosters = {roster.estate_id: roster for roster in session.scalars(in_use)}
    return [
        ToldEstate(
            estate,
            # the city goes without saying
            "".join(areas.get(code, "") for code in codes_of(estate.path)[1:]),
            bodies.get(estate.company_id),
            bodies.get(estate.committee_id),
            rosters.get(estate.id or 0),
        )
        for estate in rows
    ]


def units(
    session: Session, estate: Estate, *, q: str = "", after: int = 0, limit: int = 50
) -> tuple[list[Unit], int | None]:
    """A page of an estate's units in the roster's order, whose label has `q`; and what to ask next."""
    found = select(Unit).where(col(Unit.estate_id) == estate.id, col(Unit.id) > after)
    if q:
        found = found.where(col(Unit.label).contains(q, autoescape=True))
    rows = session.scalars(found.order_by(col(Unit.id)).limit(limit + 1)).all()
    return list(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None


def decisions_of(
    session: Session, estate: Estate, *, before: int | None = None, limit: int = 50
) -> tuple[list[Decision], int | None]:
    """A page of an estate's common decisions, the newest first; and what to ask next."""
    found = select(Decision).where(col(Decision.estate_id) == estate.id)
    if before:
        found = found.where(col(Decision.id) < before)
    rows = session.scalars(found.order_by(col(Decision.id).desc()).limit(limit + 1)).all()
    return list(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None


def _matching(person: Person, q: str) -> Any:
    found = estates_visible_to(person)
    if not q:
        return found
    companies = select(col(Body.id)).where(col(Body.name).contains(q, autoescape=True))
    return found.where(col(Estate.name).contains(q, autoescape=True) | col(Estate.company_id).in_(companies))
