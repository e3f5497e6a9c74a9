"""Who may see which case, and who may do what to it. The only place that answers either."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from .case import Case
from .casetypes.base import CaseType, Move, Stage
from .decisions import Decision
from .errors import Forbidden, NotFound
from .people import Actor, Desk, Person, Post, Role, System
from .territory import LEVELS, Estate, path_at, within

DESK_OF_ROLE = {
    Role.AGENT: Desk.APPLICANT,
    Role.COMMITTEE: Desk.COMMITTEE,
    Role.CLERK: Desk.STREET,
    Role.HEAD: Desk.STREET,
    Role.REVIEWER: Desk.DISTRICT,
    Role.DISTRICT_HEAD: Desk.DISTRICT,
    Role.PAYER: Desk.CITY,
}
KIND_OF_DESK = {Desk.STREET: "street_office", Desk.DISTRICT: "district_housing", Desk.CITY: "fund_centre"}
"""What kind of body an office's desk belongs to."""
LEVEL_OF_DESK = {Desk.STREET: "street", Desk.DISTRICT: "district", Desk.CITY: "city"}
HEAD_OF_DESK = {Desk.STREET: Role.HEAD, Desk.DISTRICT: Role.DISTRICT_HEAD, Desk.CITY: Role.SUPERVISOR}
SEES_ITS_AREA = {
    Role.CLERK, Role.HEAD, Role.REVIEWER, Role.DISTRICT_HEAD, Role.PAYER, Role.SUPERVISOR, Role.DUTY, Role.AUDITOR,
}  # fmt: skip


def as_of(person: Person, day: date) -> Person:
    """The person with the posts held on `day`: one that has ended, or not begun, opens no door."""
    set_committed_value(person, "posts", [post for post in person.posts if post.is_held_on(day)])
    return person


def visible_to(person: Person) -> Any:
    """`select(Case)` narrowed to what this person may see: officers their area, agents what their company asked for,
    committee members and owners their estate."""
    return select(Case).where(_sees(person))


def _sees(person: Person) -> ColumnElement[bool]:
    clauses: list[ColumnElement[bool]] = []
    for post in person.posts:
        if post.role in SEES_ITS_AREA:
            clauses.append(col(Case.path).like(f"{post.area_path}%"))
        elif post.role == Role.AGENT:
            clauses.append(col(Case.applicant_id) == post.body_id)
        elif post.role == Role.COMMITTEE:
            clauses.append(col(Case.committee_id) == post.body_id)
        elif post.role == Role.OWNER:
            clauses.append(col(Case.estate_id) == post.estate_id)
    return or_(*clauses) if clauses else false()


def estates_visible_to(person: Person) -> Any:
    """`select(Estate)`, narrowed in the same way."""
    clauses: list[ColumnElement[bool]] = []
    for post in person.posts:
        if post.role in SEES_ITS_AREA:
            clauses.append(col(Estate.path).like(f"{post.area_path}%"))
        elif post.role == Role.AGENT:
            clauses.append(col(Estate.company_id) == post.body_id)
        elif post.role == Role.COMMITTEE:
            clauses.append(col(Estate.committee_id) == post.body_id)
        elif post.role == Role.OWNER:
            clauses.append(col(Estate.id) == post.estate_id)
    return select(Estate).where(or_(*clauses) if clauses else false())


def see(session: Any, person: Person, number: str) -> Case:
    """The case of that number; `NotFound` where there is none or the person may not know of it."""
    case: Case | None = session.scalar(visible_to(person).where(Case.number == number))
    if case is None:
        raise NotFound(f"没有编号为“{number[:40]}”的案件，或您无权查看。")
    return case


def see_estate(session: Any, person: Person, estate_id: int) -> Estate:
    estate: Estate | None = session.scalar(estates_visible_to(person).where(col(Estate.id) == estate_id))
    if estate is None:
        raise NotFound(f"没有编号为 {estate_id} 的小区，或您无权查看。")
    return estate


def see_decision(session: Any, person: Person, decision_id: int) -> Decision:
    """A decision is seen by whoever sees its estate."""
    seen = estates_visible_to(person).with_only_columns(col(Estate.id))
    found = select(Decision).where(col(Decision.id) == decision_id, col(Decision.estate_id).in_(seen))
    decision: Decision | None = session.scalar(found)
    if decision is None:
        raise NotFound(f"没有编号为 {decision_id} 的业主共同决定，或您无权查看。")
    return decision


def may_keep_roster(person: Person, estate: Estate) -> bool:
    """Rosters, ballots and rulings on them: the estate's company and committee, and at the counter (窗口代办) the street's clerks."""
    return any(
        (post.role == Role.AGENT and post.body_id is not None and post.body_id == estate.company_id)
        or (post.role == Role.COMMITTEE and post.body_id is not None and post.body_id == estate.committee_id)
        or (post.role == Role.CLERK and within(estate.path, post.area_path))
        for post in person.posts
    )


def must_keep_roster(person: Person, estate: Estate) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_keep_roster(person, estate):
        raise Forbidden("名册、表决票由本小区的物业服务企业、业主委员会或所属街道窗口导入和认定，您没有这一权限。")


def works_at(post: Post, desk: Desk, case: Case) -> bool:
    if DESK_OF_ROLE.get(Role(post.role)) != desk:
        return False
    if desk == Desk.APPLICANT:
        return post.body_id == case.applicant_id
    if desk == Desk.COMMITTEE:
        return post.body_id is not None and post.body_id == case.committee_id
    return within(case.path, post.area_path)


def desks_of(by: Actor, case: Case, *, on_behalf_of: str | None = None) -> set[Desk]:
    """The desks of this case at which `by` may act. A street clerk may stand in for the applicant at the counter (窗口代录)."""
    if isinstance(by, System):
        return {Desk.SYSTEM}
    desks = {desk for desk in Desk if any(works_at(post, desk, case) for post in by.posts)}
    if on_behalf_of is None:
        return desks
    # whoever says to act for anybody else, or from elsewhere than the counter, acts at no desk
    return {Desk.APPLICANT} if on_behalf_of == f"body:{case.applicant_id}" and Desk.STREET in desks else set()


def heads(by: Actor, desk: Desk, case: Case) -> bool:
    """Whether `by`, or somebody they stand in for, is head of the office that is that desk of the case.

    For a desk outside the offices it is the street's head.
    """
    return isinstance(by, Person) and any(_heads(hand.posts, desk, case) for hand in by.hands)


def _heads(posts: Iterable[Post], desk: Desk, case: Case) -> bool:
    desk = desk if desk.is_office else Desk.STREET
    area = path_at(case.path, LEVEL_OF_DESK[desk])
    return any(post.role == HEAD_OF_DESK[desk] and post.area_path == area for post in posts)


def people_at(session: Session, case: Case, desk: Desk, day: date) -> list[Person]:
    """Everybody who may act at that desk of the case on `day`."""
    roles = [role for role, at in DESK_OF_ROLE.items() if at == desk]
    bodies = [body for body in (case.applicant_id, case.committee_id) if body]
    near = or_(col(Post.area_path).in_([path_at(case.path, level) for level in LEVELS]), col(Post.body_id).in_(bodies))
    people = select(Person).join(Post, col(Post.person_id) == col(Person.id)).where(near, col(Post.role).in_(roles))
    found = session.scalars(people.where(col(Person.is_active)).distinct().order_by(col(Person.id)))
    return [one for one in found if any(post.is_held_on(day) and works_at(post, desk, case) for post in one.posts)]


def may(
    by: Actor, name: str, case: Case, kind: type[CaseType], stage: Stage, *, on_behalf_of: str | None = None
) -> bool:
    return not desks_of(by, case, on_behalf_of=on_behalf_of).isdisjoint(kind.who(name, stage))


def may_attach(by: Actor, case: Case, *, on_behalf_of: str | None = None) -> bool:
    """Materials are handed in by whoever may act at the case's stage."""
    return case.is_open and not desks_of(by, case, on_behalf_of=on_behalf_of).isdisjoint(case.current.desks)


def may_note(person: Person, case: Case) -> bool:
    """Remarks are added by whoever works at a desk of the case, or watches over those who do; owners and auditors only read."""
    return bool(desks_of(person, case)) or person.has_role(Role.SUPERVISOR, Role.DUTY)


def must_note(person: Person, case: Case) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_note(person, case):
        raise Forbidden("备注由本件的经办各方和监管人员填写，您可以查看，不能填写。")


def moves(
    by: Person, move: Move, kind: type[CaseType], *, on_behalf_of: str | None = None
) -> list[tuple[str, str | None]]:
    """The events that are this person's at the case's stage, each with the obstacle that stands in its way, if any.

    An event whose branches are all closed, with no sentence to say why, is not offered.
    """
    stage = kind.stage(move.case.stage)
    offered = []
    for name in kind.events_from(stage):
        if not may(by, name, move.case, kind, stage, on_behalf_of=on_behalf_of):
            continue
        move.name = name
        obstacle = kind.obstacle(move, stage)
        if obstacle or kind.offers(move):
            offered.append((name, str(obstacle) if obstacle else None))
    return offered


def may_oversee(person: Person) -> bool:
    """Supervisors, heads, auditors and the administrator look at how the office runs."""
    return person.has_role(Role.SUPERVISOR, Role.HEAD, Role.DISTRICT_HEAD, Role.AUDITOR, Role.ADMIN, Role.DUTY)
