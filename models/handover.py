"""Who takes over: one officer's cases when they leave (离岗移交), a post that ends, an escalation that found nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog
from sqlalchemy import Select, and_, exists, false, func, or_, select, update
from sqlmodel import Session, col

from .access import DESK_OF_ROLE, SEES_ITS_AREA, manages_for, refuse_assignment, units_of, visible_to, watches_over
from .case import Case, title_of
from .db import is_lost
from .errors import Conflict, Forbidden, Invalid, NotFound, Refused, reason
from .lists import CaseQuery, OrphanRow, cases_are
from .notices import Notice, Orphan
from .people import Person, Post, Role, Substitution
from .substitutes import ONE_AT_A_TIME, Told
from .territory import within
from .worktime import OFFICE_ZONE

BATCH = 500
"""Cases of one hand-over: one request is one transaction, and while it lasts nobody else may touch them."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Item:
    """What became of one case: handed over, or `why` not."""

    number: str
    stage: str
    stage_title: str
    why: str | None

    @property
    def done(self) -> bool:
        return self.why is None


@dataclass(frozen=True)
class HandOver:
    """`left`: open cases that are still with the officer, on all pages, those refused among them; `elsewhere`: those of them
    that lie where `by` may not look. `next`: where to go on, None where all of them were looked at."""

    items: list[Item]
    left: int
    elsewhere: int
    next: int | None
    unread: int
    """Notices that the officer has not read; they stay where they are."""

    @property
    def done(self) -> int:
        return sum(item.done for item in self.items)


def handover(
    session: Session,
    from_: Person,
    to: Person | None,
    *,
    by: Person,
    at: datetime,
    dry_run: bool = False,
    after: int = 0,
    batch: int = BATCH,
) -> HandOver:
    """Give the open cases of `from_` to `to`, or back to their desks where None; at most `batch`, from case id `after` on.

    The head of the officer's unit may, and the administrator. Each case is one line of its ledger, in a savepoint of its own:
    what cannot be handed over (nobody works at its desk, somebody is at work on it right now, it was closed meanwhile) says
    why and holds nothing up. No deadline moves. Asked again, only what is still there is handed over. `dry_run` says what
    would happen, and writes nothing. Errors: `Forbidden`, `Invalid` (`to`).
    """
    head = manages_for(by, from_.posts)
    if head is None:
        raise Forbidden(f"{from_.name}的在办案件由所在单位负责人或系统管理员移交，您没有这一权限。")
    if to is not None and (to.id == from_.id or not to.is_active):
        raise Invalid("不能移交给本人。" if to.id == from_.id else f"{to.name}的账号已停用，不能接办。", field="to")
    mine = within_reach(by).where(*_with(from_), col(Case.id) > after).order_by(col(Case.id))
    found = session.scalars(mine.limit(batch + 1)).all()
    cases = found[:batch]
    day = at.astimezone(OFFICE_ZONE).date()
    if dry_run:
        items = [_told(case, _obstacle(case, to, by, day)) for case in cases]
    else:
        whose = None if head.id == by.id else f"person:{head.id}"
        items = _hand_over(session, cases, from_, to, by=by, at=at, on_behalf_of=whose)
    left = session.scalar(select(func.count()).select_from(Case).where(*_with(from_))) or 0
    reachable = session.scalar(within_reach(by).where(*_with(from_)).with_only_columns(func.count())) or 0
    unread = select(func.count()).where(col(Notice.person_id) == from_.id, col(Notice.read_at).is_(None))
    return HandOver(
        items, left, left - reachable, cases[-1].id if len(found) > batch else None, session.scalar(unread) or 0
    )


def within_reach(by: Person) -> Any:
    """`select(Case)`: what they may see, and for the administrator whatever lies in the area they administer."""
    administers = [col(Case.path).like(f"{post.area_path}%") for post in by.posts if post.role == Role.ADMIN]
    return select(Case).where(or_(visible_to(by).whereclause, *administers))


def _with(officer: Person) -> tuple[Any, Any]:
    return col(Case.assignee_id) == officer.id, col(Case.closed_at).is_(None)


def _hand_over(
    session: Session,
    cases: Sequence[Case],
    from_: Person,
    to: Person | None,
    *,
    by: Person,
    at: datetime,
    on_behalf_of: str | None,
) -> list[Item]:
    wanted = select(Case).where(col(Case.id).in_([case.id for case in cases])).order_by(col(Case.id))
    # re-read once they are ours: what was with the officer may have moved on in between
    free = session.scalars(wanted.with_for_update(skip_locked=True), execution_options={"populate_existing": True})
    ours = {case.id for case in free}
    note = f"{from_.name}离岗移交"
    items = []
    for case in cases:
        why = "他人正在办理本件，请稍后再移交一次。"
        if case.id in ours:
            why = _assign(session, case, from_, to, by=by, at=at, note=note, on_behalf_of=on_behalf_of) or ""
        items.append(_told(case, why or None))
    return items


def _assign(session: Session, case: Case, from_: Person, to: Person | None, **said: Any) -> str | None:
    if case.assignee_id != from_.id:
        return "本件刚刚由他人转办或转到了别的环节。"
    try:
        with session.begin_nested():
            case.assign(to, **said)
    except Refused as refused:
        return refused.sentence
    except Exception as error:
        if is_lost(error):
            raise
        log.error("case not handed over", case=case.number, why=reason(error))
        return "系统出错，本件没有移交，请联系系统管理员。"
    return None


def _obstacle(case: Case, to: Person | None, by: Person, day: date) -> str | None:
    try:
        refuse_assignment(by, case, to, day)
    except Refused as refused:
        return refused.sentence
    return None


def _told(case: Case, why: str | None) -> Item:
    return Item(case.number, case.stage, case.current.title, why)


def takers(session: Session, from_: Person, day: date) -> list[Person]:
    """Who works today at a desk where `from_` works or worked."""
    desks = {(DESK_OF_ROLE.get(Role(post.role)), post.area_path) for post in from_.posts}
    places = [
        and_(col(Post.area_path) == area, col(Post.role).in_([role for role, at in DESK_OF_ROLE.items() if at == desk]))
        for desk, area in desks
        if desk is not None and desk.is_office
    ]
    held = Post.held_on(day)
    there = exists().where(col(Post.person_id) == col(Person.id), held, or_(false(), *places))
    found = select(Person).where(there, col(Person.is_active), col(Person.id) != from_.id)
    return list(session.scalars(found.order_by(col(Person.id))))


# --- a unit's people -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Officer:
    """An officer as the head of their unit sees them: what is with them, and who stands in."""

    person: Person
    posts: list[Post]
    """All of them, also those that have ended."""
    open: int
    yellow: int
    red: int
    substitutions: list[Told]
    """That are in effect on the day: theirs first, then those in which they stand in for somebody."""

    def holds_a_post_on(self, day: date) -> bool:
        return any(post.is_held_on(day) for post in self.posts)


def officers(
    session: Session, by: Person, at: datetime, *, q: str = "", after: int = 0, limit: int = 50
) -> tuple[list[Officer], int | None]:
    """The people that `by` looks after, by id: who holds a post today, or has left and still has open cases.

    `q` is part of a name or an account. Returns a page of them and, where there are more, the `after` of the next.
    """
    found = session.scalars(_looked_after(by, at, q).where(col(Person.id) > after).limit(limit + 1)).all()
    page = found[:limit]
    return told_officers(session, page, at), page[-1].id if len(found) > limit else None


def count_officers(session: Session, by: Person, at: datetime, q: str = "") -> int:
    """How many there are on all pages."""
    listed = _looked_after(by, at, q).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(listed)) or 0


def _looked_after(by: Person, at: datetime, q: str) -> Select[Any]:
    day = at.astimezone(OFFICE_ZONE).date()
    held = Post.held_on(day)
    has_cases = exists().where(col(Case.assignee_id) == col(Person.id), col(Case.closed_at).is_(None))
    theirs = exists().where(col(Post.person_id) == col(Person.id), units_of(by), col(Post.role).in_(SEES_ITS_AREA))
    # said of the person, not of the post: within another EXISTS it would be asked of everybody
    people = select(Person).where(theirs.where(held) | (theirs & has_cases)).order_by(col(Person.id))
    if not q:
        return people
    return people.where(
        or_(col(Person.name).icontains(q, autoescape=True), col(Person.account).icontains(q, autoescape=True))
    )


def officer(session: Session, by: Person, handle: str, at: datetime) -> Officer:
    """One of them, or oneself, by `Person.handle`. Errors: `NotFound`."""
    person = session.scalar(select(Person).where(Person.has_handle(handle)))
    if person is None or (person.id != by.id and manages_for(by, person.posts) is None):
        raise NotFound(f"没有账号“{handle[:40]}”，或不在您管理的单位。")
    return told_officers(session, [person], at)[0]


def told_officers(session: Session, people: Sequence[Person], at: datetime) -> list[Officer]:
    """In three queries, however many there are."""
    ids = [person.id for person in people]
    cards = [func.count().filter(*cases_are(CaseQuery(card=card), at)) for card in ("yellow", "red")]
    counted = (
        select(col(Case.assignee_id), func.count(), *cards)
        .where(col(Case.assignee_id).in_(ids), col(Case.closed_at).is_(None))
        .group_by(col(Case.assignee_id))
    )
    counts = {person: (open_, yellow, red) for person, open_, yellow, red in session.execute(counted)}
    posts: dict[int, list[Post]] = {}
    for post in session.scalars(select(Post).where(col(Post.person_id).in_(ids)).order_by(col(Post.id))):
        posts.setdefault(post.person_id, []).append(post)
    standing = _standing_on(session, ids, at.astimezone(OFFICE_ZONE).date())
    told = []
    for person in people:
        open_, yellow, red = counts.get(person.id, (0, 0, 0))
        own = [one for one in standing if one.absent.id == person.id]
        others = [one for one in standing if one.substitute.id == person.id]
        told.append(Officer(person, posts.get(person.id or 0, []), open_, yellow, red, [*own, *others]))
    return told


def _standing_on(session: Session, ids: Sequence[int | None], day: date) -> list[Told]:
    sides = or_(col(Substitution.absent_id).in_(ids), col(Substitution.substitute_id).in_(ids))
    rows = session.scalars(
        select(Substitution).where(Substitution.in_effect(day), sides).order_by(col(Substitution.id))
    ).all()
    involved = {person for row in rows for person in (row.absent_id, row.substitute_id)}
    names = {one.id: one for one in session.scalars(select(Person).where(col(Person.id).in_(involved)))} if rows else {}
    return [Told(row, names[row.absent_id], names[row.substitute_id]) for row in rows]


# --- a post that ends ------------------------------------------------------------------------------------------------


def end_post(session: Session, post_id: int, last_day: date, *, by: Person, at: datetime) -> Post:
    """The post is held until `last_day`, included, and no longer.

    Who leaves takes nothing along: as long as cases are with them at this desk, or somebody counts on their standing in for
    them afterwards, it is refused, and the sentence names them. Errors: `NotFound`; `Invalid` (`last_day`); `Conflict`.
    """
    post = session.get(Post, post_id)
    if post is None or manages_for(by, [post]) is None:
        raise NotFound(f"没有编号为 {post_id} 的岗位，或不在您管理的单位。")
    today = at.astimezone(OFFICE_ZONE).date()
    session.execute(ONE_AT_A_TIME)
    if last_day < max(today, post.from_day):
        raise Invalid("最后一天不能早于今天，也不能早于任职的第一天。", field="last_day")
    if post.to_day is not None and post.to_day < today:
        raise Conflict(f"这个岗位已于{post.to_day:%Y-%m-%d}结束。")
    person = session.get_one(Person, post.person_id, populate_existing=True)
    others = [other for other in person.posts if other.id != post.id and _outlasts(other, last_day)]
    in_use = [*_cases_of(session, post, others), *_counting_on(session, person, last_day, others)]
    if in_use:
        raise Conflict(f"{person.name}的这个岗位还在用，不能结束：{'；'.join(in_use)}。请先移交或结束代理。")
    post.to_day = last_day
    session.flush()
    return post


def _outlasts(post: Post, day: date) -> bool:
    return post.to_day is None or post.to_day > day


def _cases_of(session: Session, post: Post, others: Iterable[Post]) -> list[str]:
    """The open cases with whoever holds `post` that none of their `others` reaches."""
    desk = DESK_OF_ROLE.get(Role(post.role))
    if any(DESK_OF_ROLE.get(Role(other.role)) == desk and within(post.area_path, other.area_path) for other in others):
        return []
    theirs = select(col(Case.number)).where(
        col(Case.assignee_id) == post.person_id,
        col(Case.closed_at).is_(None),
        col(Case.desk) == desk,
        col(Case.path).like(f"{post.area_path}%"),
    )
    numbers = session.scalars(theirs.order_by(col(Case.id))).all()
    named = "、".join(numbers[:5]) + ("等" if len(numbers) > 5 else "")
    return [f"名下有{len(numbers)}件在办（{named}）"] if numbers else []


def _counting_on(session: Session, person: Person, last_day: date, others: Iterable[Post]) -> list[str]:
    """Who has them for a substitute on a day after `last_day`, unless they go on working at the office."""
    if any(True for _ in others):
        return []
    rows = session.execute(
        select(Substitution, Person)
        .join(Person, col(Person.id) == col(Substitution.absent_id))
        .where(
            col(Substitution.substitute_id) == person.id,
            col(Substitution.to_day) > last_day,
            col(Substitution.ended_at).is_(None),
        )
        .order_by(col(Substitution.id))
    )
    return [f"代理{absent.name}至{row.to_day:%Y-%m-%d}" for row, absent in rows]


# --- an escalation that found nobody ---------------------------------------------------------------------------------


def take_orphan(session: Session, orphan_id: int, *, by: Person, at: datetime) -> Orphan:
    """See to an escalation that nobody could be told of: a head of the case's street, district or city, or a duty desk above.

    The case's ledger remembers who took it. Errors: `NotFound`, `Forbidden`; `Conflict` where somebody was quicker.
    """
    seen = visible_to(by).join(Orphan, col(Orphan.case_id) == col(Case.id)).where(col(Orphan.id) == orphan_id)
    row = session.execute(seen.with_only_columns(Orphan, Case)).one_or_none()
    if row is None:
        raise NotFound(f"没有编号为 {orphan_id} 的催办，或您无权查看。")
    found = OrphanRow(*row)
    if not watches_over(by, found.case):
        raise Forbidden("无人接收的催办由本级或上级单位负责人、值班岗接收，您没有这一权限。")
    found.case.note(
        f"接收了无人接收的“{title_of(found.case.kind, found.orphan.step)}”（找不到{found.wanted}）", by=by, at=at
    )
    # the note has the case's lock: of two who take it, the second sees the first
    free = col(Orphan.id) == orphan_id, col(Orphan.taken_by_id).is_(None)
    if not session.execute(update(Orphan).where(*free).values(taken_by_id=by.id)).rowcount:  # type: ignore[attr-defined]
        raise Conflict("这次催办已有人接收。")
    session.refresh(found.orphan)
    return found.orphan
