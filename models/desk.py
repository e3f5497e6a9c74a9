"""A person's desk: what is theirs to do, what waits for somebody to take it, what they sent on, what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, or_, select, update
from sqlmodel import Session, col

from .access import DESK_OF_ROLE, visible_to
from .case import Case, CaseEvent
from .notices import Notice
from .people import Desk, Person, Role

MOST = 50
"""Lines of each part; the rest is a list away."""


@dataclass(frozen=True)
class DeskView:
    """`mine`: with this person, or with the party they act for. `pool`: at their office's desk, with nobody. Both by due instant.

    `sent`: open cases that this person moved and that now lie elsewhere, the latest first.
    """

    mine: Sequence[Case]
    pool: Sequence[Case]
    sent: Sequence[Case]
    notices: Sequence[Notice]
    unread: int


def desk_of(session: Session, person: Person, at: datetime) -> DeskView:
    """What lies on the desk of `person`, in five queries."""
    open_cases = visible_to(person).where(col(Case.closed_at).is_(None))
    by_due = (col(Case.next_due_at).asc().nulls_last(), col(Case.id))
    at_office, at_party = _at_my_desks(person)
    mine = open_cases.where(or_(and_(col(Case.assignee_id) == person.id, at_office), at_party))
    pool = open_cases.where(at_office, col(Case.assignee_id).is_(None))
    moved = (
        select(func.max(col(CaseEvent.id)))
        .where(col(CaseEvent.case_id) == col(Case.id), col(CaseEvent.by_id) == person.id)
        .where(col(CaseEvent.from_stage) != col(CaseEvent.to_stage))
        .scalar_subquery()
    )
    sent = open_cases.where(moved.is_not(None), ~or_(at_office, at_party))
    notices = select(Notice).where(col(Notice.person_id) == person.id, col(Notice.made_at) <= at)
    unread = select(func.count()).where(col(Notice.person_id) == person.id, col(Notice.read_at).is_(None))
    return DeskView(
        mine=session.scalars(mine.order_by(*by_due).limit(MOST)).all(),
        pool=session.scalars(pool.order_by(*by_due).limit(MOST)).all(),
        sent=session.scalars(sent.order_by(col(Case.last_at).desc()).limit(MOST // 2)).all(),
        notices=session.scalars(notices.order_by(col(Notice.id).desc()).limit(MOST // 2)).all(),
        unread=session.scalar(unread) or 0,
    )


def mark_read(session: Session, person: Person, at: datetime) -> int:
    """All notices of this person are read. Returns how many were not."""
    mine = update(Notice).where(col(Notice.person_id) == person.id, col(Notice.read_at).is_(None))
    return session.execute(mine.values(read_at=at)).rowcount  # type: ignore[attr-defined]


def _at_my_desks(person: Person) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a case lies at an office's desk where this person works, and whether it lies with a party they act for."""
    office: list[ColumnElement[bool]] = []
    party: list[ColumnElement[bool]] = []
    for post in person.posts:
        desk = DESK_OF_ROLE.get(Role(post.role))
        if desk is None:
            continue
        here = col(Case.desk) == desk
        if desk == Desk.APPLICANT:
            party.append(and_(here, col(Case.applicant_id) == post.body_id))
        elif desk == Desk.COMMITTEE:
            party.append(and_(here, col(Case.committee_id) == post.body_id))
        else:
            office.append(and_(here, col(Case.path).like(f"{post.area_path}%")))
    return or_(false(), *office), or_(false(), *party)
