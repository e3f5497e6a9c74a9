"""Who may see which case, and who may do what to it. The only place that answers either."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import CTE, ColumnElement, and_, false, func, literal, or_, select, true
from sqlalchemy.orm import lazyload
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from .case import Case
from .casetypes.base import STANDING, CaseType, Move, Stage
from .decisions import Decision
from .errors import Conflict, Forbidden, Invalid, NotFound
from .people import LEVEL_OF_DESK, Actor, Body, Desk, Hand, Person, Post, Role, Substitution, System
from .territory import LEVELS, Area, Estate, codes_of, path_at, within

DESK_OF_ROLE = {
    Role.AGENT: Desk.APPLICANT,
    Role.COMMITTEE: Desk.COMMITTEE,
    Role.RESIDENTS: Desk.RESIDENTS,
    Role.CLERK: Desk.STREET,
    Role.HEAD: Desk.STREET,
    Role.REVIEWER: Desk.DISTRICT,
    Role.DISTRICT_HEAD: Desk.DISTRICT,
    Role.PAYER: Desk.CITY,
}
KIND_OF_DESK = {
    Desk.RESIDENTS: "residents_committee", Desk.STREET: "street_office", Desk.DISTRICT: "district_housing",
    Desk.CITY: "fund_centre",
}  # fmt: skip
"""What kind of body a desk belongs to that is found by its area."""
ACTS_AS_COMMITTEE = {Role.COMMITTEE, Role.RESIDENTS}
"""A residents' committee designated to act (居代业) holds the committee's role."""
KEEPS_FUND = {Role.REVIEWER, Role.DISTRICT_HEAD, Role.PAYER}
HEAD_OF_DESK = {Desk.STREET: Role.HEAD, Desk.DISTRICT: Role.DISTRICT_HEAD, Desk.CITY: Role.SUPERVISOR}
SEES_ITS_AREA = {
    Role.RESIDENTS, Role.CLERK, Role.HEAD, Role.REVIEWER, Role.DISTRICT_HEAD, Role.PAYER, Role.SUPERVISOR, Role.DUTY, Role.AUDITOR,
}  # fmt: skip
OVERSEES = {Role.SUPERVISOR, Role.HEAD, Role.DISTRICT_HEAD, Role.AUDITOR, Role.ADMIN, Role.DUTY}
INVITED = "invited_bodies"
"""What a case's details call the ids of bodies that are no party to it, and are to read it."""
LONGEST_CHAIN = 20
"""Links of a chain of substitutes that are followed: no office has as many, and no circle turns for ever."""


def as_of(person: Person, day: date) -> Person:
    """The person with the posts held on `day`: one that has ended, or not begun, opens no door."""
    set_committed_value(person, "posts", [post for post in person.posts if post.is_held_on(day)])
    return person


def present(session: Session, person: Person, day: date) -> Person:
    """`as_of`, and with the posts of those whom they stand in for on `day`, also through others (A→B→C): `Person.hands`.

    In one query. Whose account is closed is stood in for as long as their posts last. A substitute acts on cases only:
    rosters, rules and calendars are kept by one's own posts.
    """
    held = and_(col(Post.person_id) == col(Person.id), Post.held_on(day))
    chain = _stood_in_for(col(Substitution.substitute_id) == person.id, day)
    nearest = select(chain.c.id, func.min(chain.c.step).label("step")).group_by(chain.c.id).subquery()
    rows = session.execute(
        select(Person, Post)
        .join(nearest, nearest.c.id == col(Person.id))
        .outerjoin(Post, held)
        .where(col(Person.id) != person.id)
        .order_by(nearest.c.step, col(Person.id), col(Post.id))
        .options(lazyload(Person.posts))  # type: ignore[arg-type]
    ).all()
    people = {one.id: one for one, _ in rows}
    covers = [Hand(one, [post for other, post in rows if other is one and post]) for one in people.values()]
    return as_of(person, day).covering(covers)


def _stood_in_for(first: ColumnElement[bool], day: date) -> CTE:
    """Ids of those whom a person stands in for, with how many steps away; there are no circles."""
    in_effect = Substitution.in_effect(day)
    chain = (
        select(col(Substitution.absent_id).label("id"), literal(1).label("step"))
        .where(first, in_effect)
        .cte("stood_in_for", recursive=True)
    )
    further = select(col(Substitution.absent_id), chain.c.step + 1).join(
        chain, col(Substitution.substitute_id) == chain.c.id
    )
    return chain.union(further.where(in_effect, chain.c.step < LONGEST_CHAIN))


def visible_to(person: Person) -> Any:
    """`select(Case)` narrowed to what this person may see: officers and residents' committees their area, agents and committees
    what they asked for, whoever is or acts as the committee and owners their estate; and what those may see whom they stand in for."""
    return select(Case).where(_sees(person))


def _sees(person: Person) -> ColumnElement[bool]:
    return _reach(person, Case.path, Case.applicant_id, Case.committee_id, Case.estate_id)


def open_to(person: Person) -> Any:
    """`visible_to`, and what their own body was asked for or given to do outside its area: an item of a meeting above it.

    Lists and figures keep to `visible_to`, which one index answers.
    """
    return select(Case).where(or_(_sees(person), col(Case.applicant_id).in_(_bodies(person))))


def readable_by(person: Person) -> Any:
    """`open_to`, and what their own body is invited to: the meeting, and no other case of its estate.

    Of cases that are named, by number or id: no index answers who is invited (`Case.details["invited_bodies"]`).
    """
    invited = [col(Case.details)[INVITED].contains([body]) for body in sorted(_bodies(person))]
    return select(Case).where(or_(open_to(person).whereclause, *invited))


def _bodies(person: Person) -> set[int]:
    return {post.body_id for post in _posts(person) if post.body_id}


def estates_visible_to(person: Person) -> Any:
    """`select(Estate)`, narrowed in the same way."""
    return select(Estate).where(_reach(person, Estate.path, Estate.company_id, Estate.committee_id, Estate.id))


def estates_to_ask_for(person: Person) -> Any:
    """`estates_visible_to`, and those in the area of a department to which this person belongs, which may ask for something there."""
    own = [post.body_id for post in person.posts if post.body_id]
    departments = select(col(Body.id)).join(Area, col(Area.id) == col(Body.area_id))
    there = col(Body.id).in_(own), col(Body.kind) == "department", col(Estate.path).like(col(Area.path).concat("%"))
    return select(Estate).where(or_(estates_visible_to(person).whereclause, departments.where(*there).exists()))


def _reach(person: Person, path: Any, company: Any, committee: Any, estate: Any) -> ColumnElement[bool]:
    """What the posts by which a person acts reach, in a table that has those columns."""
    clauses: dict[Any, ColumnElement[bool]] = {}
    for post in _posts(person):
        if post.role in SEES_ITS_AREA:
            clauses[post.area_path] = col(path).like(f"{post.area_path}%")
        elif post.role == Role.OWNER:
            clauses["estate", post.estate_id] = col(estate) == post.estate_id
        elif post.role in (Role.AGENT, Role.COMMITTEE) and post.body_id:
            clauses["company", post.body_id] = col(company) == post.body_id
        if post.role in ACTS_AS_COMMITTEE and post.body_id:
            clauses["committee", post.body_id] = col(committee) == post.body_id
    return or_(*clauses.values()) if clauses else false()


def _posts(person: Person) -> list[Post]:
    return [post for hand in person.hands for post in hand.posts]


def see(session: Any, person: Person, number: str) -> Case:
    """The case of that number; `NotFound` where there is none or the person may not know of it."""
    case: Case | None = session.scalar(readable_by(person).where(Case.number == number))
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


def applicants(session: Session, kind: type[CaseType], places: Sequence[Estate]) -> dict[int, list[Body]]:
    """By estate: the bodies that may ask for such a case there, in the order of `CaseType.opened_by`. In one query."""
    own = {body for place in places for body in (place.company_id, place.committee_id, place.owners_id) if body}
    codes = {code for place in places for code in codes_of(place.path)}
    there = and_(
        col(Body.kind).in_(set(kind.opened_by) - {"company", "committee", "owners"}), col(Area.code).in_(codes)
    )
    rows = select(Body, col(Area.path)).outerjoin(Area, col(Area.id) == col(Body.area_id))
    found = session.execute(rows.where(or_(col(Body.id).in_(own), there)).order_by(col(Body.id))).tuples().all()
    return {
        place.id or 0: [
            body for wanted in kind.opened_by for body, path in found if _may_ask(wanted, body, path, place)
        ]
        for place in places
    }


def _may_ask(wanted: str, body: Body, path: str | None, place: Estate) -> bool:
    if wanted == "company":
        return body.id == place.company_id
    if wanted == "committee":
        # a residents' committee that acts as one, too
        return body.id == place.committee_id
    if wanted == "owners":
        return body.id == place.owners_id
    return body.kind == wanted and path is not None and within(place.path, path)


def opens_for(person: Person, bodies: Sequence[Body], estate: Estate) -> tuple[Body, bool] | None:
    """For which of `bodies` this person would open a case, and whether at the counter (窗口代录) for somebody else's.

    Their own body before others'; a street's clerk enters it for any of them. None: they may not.
    """
    own = {post.body_id for post in person.posts if post.body_id}
    for body in bodies:
        if body.id in own:
            return body, False
    at_counter = any(
        post.role in (Role.CLERK, Role.HEAD) and within(estate.path, post.area_path) for post in person.posts
    )
    return (bodies[0], True) if bodies and at_counter else None


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


def may_keep_fund(person: Person, estate: Estate) -> bool:
    """Balances and deposits of the maintenance fund: who manages it, the district's housing department and the fund centre."""
    return any(post.role in KEEPS_FUND and within(estate.path, post.area_path) for post in person.posts)


def must_keep_fund(person: Person, estate: Estate) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_keep_fund(person, estate):
        raise Forbidden("维修资金分户余额由区住房和建设局或市维修资金管理中心导入，您没有这一权限。")


def sees_balances(person: Person, estate: Estate) -> bool:
    """What single units have: the offices whose area it is, and whoever keeps the roster. Owners see what is published."""
    return may_keep_roster(person, estate) or any(
        post.role in SEES_ITS_AREA and within(estate.path, post.area_path) for post in person.posts
    )


def must_see_balances(person: Person, estate: Estate) -> None:
    """Raises `Forbidden` unless they may."""
    if not sees_balances(person, estate):
        raise Forbidden("各单元的分户余额只对本小区的物业服务企业、业主委员会和主管部门开放，您没有这一权限。")


def works_at(post: Post, desk: Desk, case: Case) -> bool:
    """Whoever belongs to the body that applied is the applicant, an office that asked for something included."""
    if desk == Desk.APPLICANT:
        return post.body_id is not None and post.body_id == case.applicant_id
    if desk == Desk.COMMITTEE:
        return post.role in ACTS_AS_COMMITTEE and post.body_id is not None and post.body_id == case.committee_id
    return DESK_OF_ROLE.get(Role(post.role)) == desk and within(case.path, post.area_path)


def desks_of(by: Actor, case: Case, *, on_behalf_of: str | None = None) -> set[Desk]:
    """The desks of this case at which `by` may act, for whomever they stand in.

    A street clerk may also act for the applicant at the counter (窗口代录), by a post of their own.
    """
    if isinstance(by, System):
        return {Desk.SYSTEM}
    if on_behalf_of is None:
        return {desk for hand in by.hands for desk in _desks(hand.posts, case)}
    # whoever says to act for anybody else, or from elsewhere than the counter, acts at no desk
    at_counter = on_behalf_of == f"body:{case.applicant_id}" and Desk.STREET in _desks(by.posts, case)
    return {Desk.APPLICANT} if at_counter else set()


def _desks(posts: Iterable[Post], case: Case) -> set[Desk]:
    return {desk for desk in Desk for post in posts if works_at(post, desk, case)}


def acts_for(by: Actor, case: Case, desks: Collection[Desk | None]) -> str | None:
    """For whom `by` acts at one of `desks`: `person:ID` of one they stand in for, or None for themselves.

    For themselves where their own posts allow it, unless the case is assigned to one they stand in for whose posts do; else
    for the nearest one whose posts do.
    """
    return _whose(by, case, lambda posts: not _desks(posts, case).isdisjoint(desks))


def notes_for(by: Actor, case: Case) -> str | None:
    """For whom `by` writes a remark, in the same way."""
    return _whose(by, case, lambda posts: _may_note(posts, case))


def _whose(by: Actor, case: Case, allow: Callable[[Sequence[Post]], bool]) -> str | None:
    able = [hand.person.id for hand in by.hands if allow(hand.posts)] if isinstance(by, Person) else []
    whose = case.assignee_id if case.assignee_id in able else next(iter(able), None)
    return None if whose in (None, by.id) else f"person:{whose}"


def refuse_assignment(by: Actor, case: Case, to: Person | None, day: date) -> None:
    """Raises what stands in the way of giving the case to `to`, or back to the pool where None, on `day`.

    Whoever works at the case's desk may, who heads it, and the administrator. `Conflict`, `Forbidden` or `Invalid` (`to`).
    """
    if case.desk is None:
        raise Conflict("本件已办结，不能领取或转办。")
    desk = Desk(case.desk)
    if isinstance(by, Person) and desk not in desks_of(by, case) and not heads(by, desk, case):
        administers = any(post.role == Role.ADMIN and within(case.path, post.area_path) for post in by.posts)
        if not administers:
            raise Forbidden(f"本件在{case.current.title}环节，不在您的岗位，不能领取或转办。")
    if to is None:
        return
    works_here = [post for hand in (to.hands if to is by else to.hands[:1]) for post in hand.posts]
    if not any(post.is_held_on(day) and works_at(post, desk, case) for post in works_here):
        raise Invalid("接办的人不在本件所在岗位。", field="to")
    if not to.is_active:
        raise Invalid(f"{to.name}的账号已停用，不能接办。", field="to")


def assigns_for(by: Actor, case: Case) -> str | None:
    """For whom `by` gives a case to somebody, as `acts_for` says."""
    desk = Desk(case.desk or Desk.STREET)
    return _whose(by, case, lambda posts: desk in _desks(posts, case) or _heads(posts, desk, case))


def holder(by: Actor, case: Case, to: Person | None) -> int | None:
    """Whose the case is then: who takes it by the posts of one they stand in for takes it into that one's hands."""
    if to is None or to is not by or case.desk in _desks(to.posts, case):
        return to.id if to else None
    whose = acts_for(by, case, {case.desk})
    return int(whose.removeprefix("person:")) if whose else to.id


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
    bodies = [body for body in (case.applicant_id, case.committee_id) if body]
    near = or_(col(Post.area_path).in_([path_at(case.path, level) for level in LEVELS]), col(Post.body_id).in_(bodies))
    people = select(Person).join(Post, col(Post.person_id) == col(Person.id)).where(near, col(Person.is_active))
    found = session.scalars(people.distinct().order_by(col(Person.id)))
    return [one for one in found if any(post.is_held_on(day) and works_at(post, desk, case) for post in one.posts)]


def people_of(session: Session, bodies: Collection[int | None], day: date) -> list[int]:
    """Ids of all who belong to one of these bodies on `day`."""
    theirs = select(col(Post.person_id)).join(Person, col(Person.id) == col(Post.person_id))
    active = theirs.where(col(Person.is_active), Post.held_on(day), col(Post.body_id).in_(bodies))
    return list(session.scalars(active.distinct().order_by(col(Post.person_id))))


def may(
    by: Actor, name: str, case: Case, kind: type[CaseType], stage: Stage, *, on_behalf_of: str | None = None
) -> bool:
    who = {case.seat(desk) for desk in kind.who(name, stage)}
    if name in STANDING and STANDING[name].by_head:
        return any(heads(by, desk, case) for desk in who)
    return not desks_of(by, case, on_behalf_of=on_behalf_of).isdisjoint(who)


def fires_for(by: Actor, name: str, case: Case, kind: type[CaseType], stage: Stage) -> str | None:
    """For whom `by` lets an event happen that they may, as `acts_for` says."""
    who = {case.seat(desk) for desk in kind.who(name, stage)}
    if name in STANDING and STANDING[name].by_head:
        return _whose(by, case, lambda posts: any(_heads(posts, desk, case) for desk in who))
    return acts_for(by, case, who)


def may_attach(by: Actor, case: Case, *, on_behalf_of: str | None = None) -> bool:
    """Materials are handed in by whoever may act at the case's stage."""
    return case.is_open and not desks_of(by, case, on_behalf_of=on_behalf_of).isdisjoint(case.desks)


def may_note(person: Person, case: Case) -> bool:
    """Remarks are added by whoever works at a desk of the case, or watches over those who do; owners and auditors only read."""
    return any(_may_note(hand.posts, case) for hand in person.hands)


def _may_note(posts: Sequence[Post], case: Case) -> bool:
    return bool(_desks(posts, case)) or any(post.role in (Role.SUPERVISOR, Role.DUTY) for post in posts)


def may_object(by: Actor, case: Case) -> bool:
    """To a publicity: an owner of the estate; at the counter the street and the residents' committee."""
    if isinstance(by, System):
        return False
    owns = any(post.role == Role.OWNER and post.estate_id == case.estate_id for hand in by.hands for post in hand.posts)
    return owns or not {Desk.STREET, Desk.RESIDENTS}.isdisjoint(_desks(by.posts, case))


def must_object(by: Actor, case: Case) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_object(by, case):
        raise Forbidden("异议由本小区业主提出，或由街道、社区居委会代为登记，您没有这一权限。")


def must_note(person: Person, case: Case) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_note(person, case):
        raise Forbidden("备注由本件的经办各方和监管人员填写，您可以查看，不能填写。")


def moves(
    by: Person, move: Move, kind: type[CaseType], *, on_behalf_of: str | None = None
) -> list[tuple[str, str | None]]:
    """The events that are this person's at the case's stage, each with the obstacle that stands in its way, if any.

    An event whose branches are all closed, with no sentence to say why, is not offered; nor is one that concerns the clock
    and is not possible now.
    """
    stage = kind.stage(move.case.stage)
    offered = []
    for name in (*kind.events_from(stage), *kind.standing_at(stage)):
        if not may(by, name, move.case, kind, stage, on_behalf_of=on_behalf_of):
            continue
        move.name = name
        obstacle = kind.obstacle(move, stage)
        if obstacle and name in STANDING:
            continue
        if obstacle or kind.offers(move):
            offered.append((name, str(obstacle) if obstacle else None))
    return offered


def may_oversee(person: Person) -> bool:
    """Supervisors, heads, auditors and the administrator look at how the office runs."""
    return any(post.role in OVERSEES for post in _posts(person))


def may_read_evaluations(person: Person) -> bool:
    """The scoring ledger: who oversees, who reviews for the district, and companies their own."""
    return may_oversee(person) or any(post.role in (Role.AGENT, Role.REVIEWER) for post in _posts(person))


def companies_evaluated(person: Person) -> Any:
    """`select(Body)`: the companies whose scoring ledger this person may read, whole: those that run an estate they see."""
    if not may_read_evaluations(person):
        return select(Body).where(false())
    theirs = estates_visible_to(person).with_only_columns(col(Estate.company_id))
    return select(Body).where(col(Body.id).in_(theirs))


def must_read_evaluations(person: Person) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_read_evaluations(person):
        raise Forbidden("服务评价计分由监管人员、区审核人和被评价的物业服务企业查看，您没有查看的权限。")


def may_govern(person: Person) -> bool:
    """Calendars and rules are changed by supervisors and the administrator, always by two of them."""
    return any(post.role in (Role.SUPERVISOR, Role.ADMIN) for post in _posts(person))


def must_govern(person: Person) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_govern(person):
        raise Forbidden("放假安排和规则的变更由监管人员和系统管理员提出、批准，您没有这一权限。")


def watches(person: Person) -> ColumnElement[bool]:
    """Of cases: those whose clocks this person looks after. The administrator all of them, without seeing what is in them."""
    return true() if _is_admin(person) else _sees(person)


def may_retry(person: Person, case: Case) -> bool:
    """A clock that could not be fired is tried again by the administrator, or by who supervises the case's area."""
    return _is_admin(person) or any(
        post.role in (Role.SUPERVISOR, Role.DUTY) and within(case.path, post.area_path) for post in _posts(person)
    )


def must_retry(person: Person, case: Case) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_retry(person, case):
        raise Forbidden("搁置的计时由系统管理员或本辖区的监管人员、值班岗重试，您没有这一权限。")


def _is_admin(person: Person) -> bool:
    return any(post.role == Role.ADMIN for post in _posts(person))


def watches_over(by: Person, case: Case) -> bool:
    """Whether `by`, or somebody they stand in for, heads an office of the case's area, or has the duty there."""
    duty = any(post.role == Role.DUTY and within(case.path, post.area_path) for post in _posts(by))
    return duty or any(heads(by, desk, case) for desk in HEAD_OF_DESK)


# --- a unit's people -------------------------------------------------------------------------------------------------


def manages_for(by: Person, posts: Iterable[Post]) -> Person | None:
    """By whose posts `by` looks after somebody who holds `posts`: as head of their office, or as administrator of its area.

    `by` themselves, or the head they stand in for; None where neither is so. Who sits at no office's desk (supervisors,
    auditors) is looked after by the administrator.
    """
    posts = list(posts)
    units = {(DESK_OF_ROLE.get(Role(post.role)), post.area_path) for post in posts}
    for hand in by.hands:
        if any((desk, post.area_path) in units for post in hand.posts for desk in _headed(post)):
            return hand.person
    administers = [post.area_path for post in by.posts if post.role == Role.ADMIN]
    return by if any(within(post.area_path, area) for post in posts for area in administers) else None


def units_of(by: Person) -> ColumnElement[bool]:
    """`Post`s of those whom `by` looks after, as `manages_for` says."""
    clauses: list[ColumnElement[bool]] = []
    for post in _posts(by):
        for desk in _headed(post):
            roles = [role for role, at in DESK_OF_ROLE.items() if at == desk]
            clauses.append(and_(col(Post.area_path) == post.area_path, col(Post.role).in_(roles)))
    clauses += [col(Post.area_path).like(f"{post.area_path}%") for post in by.posts if post.role == Role.ADMIN]
    return or_(*clauses) if clauses else false()


def looks_after_people(by: Person) -> bool:
    """Whether `by` is head of an office, stands in for one, or is an administrator."""
    return by.has_role(Role.ADMIN) or any(_headed(post) for post in _posts(by))


def _headed(post: Post) -> list[Desk]:
    level = LEVELS[len(codes_of(post.area_path)) - 1]
    return [desk for desk, role in HEAD_OF_DESK.items() if role == post.role and LEVEL_OF_DESK[desk] == level]
