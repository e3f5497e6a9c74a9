"""Who is an estate's committee: the one its owners elected (业主委员会), or the residents' committee that acts for it (居代业).

One is in office at a time. What it is in open cases follows it: whoever takes office acts at the committee's desk of every
open case of the estate from then on, and each of those cases says so in its ledger.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, select, text
from sqlmodel import Session, SQLModel, col

from .case import Case
from .db import instant, primary_key, reference, write
from .links import Later
from .people import SYSTEM, Body
from .territory import Area, Estate, path_at
from .worktime import OFFICE_ZONE


class Committee(SQLModel, table=True):
    """A committee's time in office: `elected`, or `acting`."""

    id: int | None = primary_key()
    estate_id: int = reference("estate.id")
    body_id: int = reference("body.id", index=True)
    kind: str
    case_id: int | None = reference("case.id", nullable=True, index=True)
    """The case that put it in office."""
    seats: int = 0
    """How many members it was elected with, alternates not counted (条例 Art. 41 measures by it)."""
    from_day: date
    to_day: date | None = None
    """The last day of its term; None: unknown."""
    ended_at: datetime | None = instant(nullable=True)
    ended_why: str | None = None

    __table_args__ = (
        Index("uq_committee_in_office", "estate_id", unique=True, postgresql_where=text("ended_at is null")),
        Index("ix_committee_estate_id", "estate_id"),
        Index("ix_committee_to_day", "to_day", postgresql_where=text("ended_at is null")),
    )


class Member(SQLModel, table=True):
    """Somebody elected: a member (委员), or an alternate (候补委员) who follows in the order of votes."""

    __tablename__ = "committee_member"
    id: int | None = primary_key()
    committee_id: int = reference("committee.id", index=True)
    name: str
    unit: str
    post: str
    """`chair`, `deputy`, `member` or `alternate`."""
    rank: int
    """Place in the order of votes, from 1."""
    from_day: date
    to_day: date | None = None
    """The day on which the post ended."""
    why: str | None = None


POSTS = {"chair": "主任", "deputy": "副主任", "member": "委员", "alternate": "候补委员"}


def in_office(session: Session, estate_id: int | None) -> Committee | None:
    if estate_id is None:
        return None
    return session.scalar(
        select(Committee).where(col(Committee.estate_id) == estate_id, col(Committee.ended_at).is_(None))
    )


def members(session: Session, committee: Committee) -> list[Member]:
    """Who sits on it now, alternates last, each in the order of votes."""
    seated = select(Member).where(col(Member.committee_id) == committee.id, col(Member.to_day).is_(None))
    found = session.scalars(seated.order_by(col(Member.rank), col(Member.id)))
    return sorted(found, key=lambda member: member.post == "alternate")


def take_office(
    session: Session,
    estate: Estate,
    body: Body,
    *,
    kind: str,
    case: Case | None,
    from_day: date,
    to_day: date | None,
    seats: int = 0,
    at: datetime,
) -> Committee:
    """Put a committee in office, in place of the one there was. Open cases are told by `follow`, in the hand-off."""
    before = in_office(session, estate.id)
    if before:
        write(session, before, ended_at=at, ended_why="succeeded")
    made = Committee(
        estate_id=estate.id,  # type: ignore[arg-type]
        body_id=body.id,  # type: ignore[arg-type]
        kind=kind,
        case_id=case.id if case else None,
        seats=seats,
        from_day=from_day,
        to_day=to_day,
    )
    session.add(made)
    write(session, estate, committee_id=body.id)
    session.flush()
    return made


def leave_office(session: Session, committee: Committee, *, why: str, at: datetime) -> None:
    """End its time in office with nobody to follow: the estate has no committee until one takes office."""
    write(session, committee, ended_at=at, ended_why=why)
    write(session, session.get_one(Estate, committee.estate_id), committee_id=None)


def vacancy(session: Session, estate_id: int | None) -> str | None:
    """Why no new commitment of the fund may start: a committee that acted (居代业, 深建规〔2023〕1号 Art. 21) has ended, and none
    has followed yet.

    None where nothing stands in the way. What was committed before goes on, to whoever follows.
    """
    if estate_id is None or session.get_one(Estate, estate_id).committee_id is not None:
        return None
    last = select(Committee).where(col(Committee.estate_id) == estate_id).order_by(col(Committee.id).desc()).limit(1)
    committee = session.scalar(last)
    if committee is None or committee.kind != "acting" or committee.ended_at is None:
        return None
    ended = committee.ended_at.astimezone(OFFICE_ZONE)
    return (
        f"居委会代行业主委员会职责已于 {ended:%Y-%m-%d} 终止（深建规〔2023〕1号第二十一条），新的业主委员会产生或者重新指定代行之前，"
        "不得新增维修资金的使用；已经同意的款项照常拨付，由接任者承接。"
    )


def open_payments(session: Session, estate_id: int | None) -> list[dict[str, Any]]:
    """The estate's open cases in which money of the fund was granted: what a committee that leaves hands on.

    Each with `number`, `matter`, `stage`, and in fen what was paid and what is granted and not yet paid (`paid`, `to_pay`).
    """
    held = select(Case).where(col(Case.estate_id) == estate_id, col(Case.closed_at).is_(None)).order_by(col(Case.id))
    return [
        {
            "number": case.number,
            "matter": str(case.details.get("works") or case.kind.title),
            "stage": case.current.title,
            "paid": case.details.get("paid", 0),
            "to_pay": case.details.get("to_pay", 0),
        }
        for case in session.scalars(held)
        if case.details.get("paid") or case.details.get("to_pay")
    ]


def residents_committee_of(session: Session, path: str) -> Body | None:
    """The residents' committee (社区居委会) of the community in which `path` lies."""
    there = col(Area.path) == path_at(path, "community")
    held = select(Body).join(Area, col(Area.id) == col(Body.area_id))
    return session.scalar(held.where(there, col(Body.kind) == "residents_committee").order_by(col(Body.id)).limit(1))


def follow(session: Session, estate_id: int, at: datetime) -> None:
    """Let the estate's open cases know its committee. Raises `Later` where somebody holds one of them."""
    estate = session.get_one(Estate, estate_id, populate_existing=True)
    stale = (
        select(Case)
        .where(
            col(Case.estate_id) == estate_id,
            col(Case.closed_at).is_(None),
            col(Case.committee_id).is_distinct_from(estate.committee_id),
        )
        .order_by(col(Case.id))
    )
    held = list(session.scalars(stale.with_for_update(skip_locked=True), execution_options={"populate_existing": True}))
    if len(held) < len(session.scalars(stale.with_only_columns(col(Case.id))).all()):
        raise Later
    body = session.get(Body, estate.committee_id) if estate.committee_id else None
    for case in held:
        write(session, case, committee_id=estate.committee_id)
        if case.current.desk:
            # what lay with whoever signs in a committee's stead lies with the committee now, or the other way round
            write(session, case, desk=case.seat(case.current.desk))
        facts = {"committee": body.name if body else ""}
        case.remember("committee", facts, by=SYSTEM, at=max(at, case.last_at))
