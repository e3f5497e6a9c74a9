"""A person's desk: what is theirs to do, what waits for somebody to take it, what they sent on, what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, update
from sqlmodel import Session, col

from .access import ACTS_AS_COMMITTEE, DESK_OF_ROLE, open_to
from .case import Case, CaseEvent
from .notices import Notice
from .people import Desk, Person, Role

MOST = 50
"""Lines of each part; the rest is a list away."""
LAST_MOVES = 500
"""How many of one's own moves are looked through for what one sent on."""


@dataclass(frozen=True)
class DeskView:
    """`mine`: with this person, with one they stand in for, or with the party they act for. `pool`: at their office's desk, with nobody. Both by due instant.

    `sent`: open cases that this person moved lately and that now lie elsewhere, the latest first. Of each the first `MOST`;
    `totals` says by the same names how many there are.
    """

    mine: list[Case]
    pool: list[Case]
    sent: list[Case]
    totals: dict[str, int]
    notices: Sequence[Notice]
    unread: int


def desk_of(session: Session, person: Person, at: datetime) -> DeskView:
    """What lies on the desk of `person`, in five queries, or a few more where it is full."""
    open_cases = open_to(person).where(col(Case.closed_at).is_(None))
    by_due = (col(Case.next_due_at).asc().nulls_last(), col(Case.id))
    at_office, at_party = _at_my_desks(person)
    with_me = or_(and_(col(Case.assignee_id).in_([hand.person.id for hand in person.hands]), at_office), at_party)
    with_nobody = waits_for(person)
    moved = col(CaseEvent.by_id) == person.id, col(CaseEvent.from_stage) != col(CaseEvent.to_stage)
    lately = select(col(CaseEvent.case_id)).where(*moved).order_by(col(CaseEvent.id).desc()).limit(LAST_MOVES)
    elsewhere = and_(col(Case.id).in_(lately), ~or_(at_office, at_party))
    told = col(Notice.person_id) == person.id, col(Notice.made_at) <= at
    notices = select(Notice).where(*told)
    unread = select(func.count()).where(*told, col(Notice.read_at).is_(None))
    mine, mine_total = _part(session, open_cases.where(with_me), *by_due)
    pool, pool_total = _part(session, open_cases.where(with_nobody), *by_due)
    sent, sent_total = _part(session, open_cases.where(elsewhere), col(Case.last_at).desc())
    return DeskView(
        mine,
        pool,
        sent,
        totals={"mine": mine_total, "pool": pool_total, "sent": sent_total},
        notices=session.scalars(notices.order_by(col(Notice.id).desc()).limit(MOST // 2)).all(),
        unread=session.scalar(unread) or 0,
    )


def mark_read(session: Session, person: Person, at: datetime, until: int | None = None) -> int:
    """All notices of this person are read, or those up to the id `until`. Returns how many were not."""
    mine = update(Notice).where(col(Notice.person_id) == person.id, col(Notice.read_at).is_(None))
    mine = mine.where(col(Notice.id) <= until) if until is not None else mine
    return session.execute(mine.values(read_at=at)).rowcount  # type: ignore[attr-defined]


def waits_for(person: Person) -> ColumnElement[bool]:
    """Whether a case lies at an office's desk where this person works, and nobody has taken it."""
    return and_(_at_my_desks(person)[0], col(Case.assignee_id).is_(None))


def _part(session: Session, cases: Any, *order: Any) -> tuple[list[Case], int]:
    """The first of them, and how many there are."""
    found = list(session.scalars(cases.order_by(*order).limit(MOST)))
    if len(found) < MOST:
        return found, len(found)
    return found, session.scalar(cases.with_only_columns(func.count())) or 0


def _at_my_desks(person: Person) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a case lies at an office's desk where this person works or stands in for who does, and whether it lies with a
    party they act for."""
    office: dict[Any, ColumnElement[bool]] = {}
    party: dict[Any, ColumnElement[bool]] = {}
    for post in (post for hand in person.hands for post in hand.posts):
        desk = DESK_OF_ROLE.get(Role(post.role))
        here = and_(col(Case.desk) == desk, col(Case.path).like(f"{post.area_path}%"))
        if desk == Desk.RESIDENTS:
            party[desk, post.area_path] = here
        elif desk and desk.is_office:
            office[desk, post.area_path] = here
        if post.body_id:
            party[Desk.APPLICANT, post.body_id] = and_(
                col(Case.desk) == Desk.APPLICANT, col(Case.applicant_id) == post.body_id
            )
        if post.body_id and post.role in ACTS_AS_COMMITTEE:
            party[Desk.COMMITTEE, post.body_id] = and_(
                col(Case.desk) == Desk.COMMITTEE, col(Case.committee_id) == post.body_id
            )
    return or_(false(), *office.values()), or_(false(), *party.values())
