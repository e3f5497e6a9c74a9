"""Who stands in for whom: entered for days to come, followed through others, and never in a circle."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from .access import manages_for, units_of
from .errors import Conflict, Forbidden, Invalid, NotFound
from .people import Person, Post, Role, Substitution
from .worktime import OFFICE_ZONE

ONE_AT_A_TIME = text("select pg_advisory_xact_lock(8217, 3)")


def stand_in(
    session: Session, absent: Person, substitute: Person, from_day: date, to_day: date, *, by: Person, at: datetime
) -> Substitution:
    """Let `substitute` stand in for `absent` on those days, both included.

    The absent one says so, the head of their office, or the administrator. Whoever stands in belongs to the same office: on
    the first and on the last day both hold a post at the same body or, at the offices, over the very same area. An office
    answers for its own acts and lends its powers to no other; parties stand in for each other within their company or
    committee only, an owner's vote is the owner's own, and an auditor is stood in for by an auditor, who else would audit
    their own acts.

    Errors: `Forbidden`; `Invalid` (`from_day`, `to_day`, `substitute`); `Conflict` where it would close a circle, or the
    absent one has somebody on one of these days already. Two at the same time queue, so that neither misses the other's.
    """
    today = at.astimezone(OFFICE_ZONE).date()
    _must_decide(by, absent, today)
    if from_day < today:
        raise Invalid("代理不能倒签，起始日不能早于今天。", field="from_day")
    if to_day < from_day:
        raise Invalid("结束日不能早于起始日。", field="to_day")
    _refuse_unfit(absent, substitute, from_day, to_day)
    session.execute(ONE_AT_A_TIME)
    known = session.scalars(select(Substitution).where(Substitution.in_effect(from_day, to_day))).all()
    _refuse_second(session, absent, [one for one in known if one.absent_id == absent.id])
    _refuse_circle(session, known, absent, substitute, from_day, to_day)
    made = Substitution(
        absent_id=absent.id,  # type: ignore[arg-type]
        substitute_id=substitute.id,  # type: ignore[arg-type]
        from_day=from_day,
        to_day=to_day,
        made_at=at,
        made_by_id=by.id,
    )
    session.add(made)
    session.flush()
    return made


def end(session: Session, substitution_id: int, *, by: Person, at: datetime) -> Substitution:
    """End it now: from this instant on it gives no right. Who may enter it may. Errors: `NotFound`, `Forbidden`, `Conflict`."""
    session.execute(ONE_AT_A_TIME)
    found = session.get(Substitution, substitution_id, populate_existing=True)
    today = at.astimezone(OFFICE_ZONE).date()
    if found is None:
        raise NotFound(f"没有编号为 {substitution_id} 的代理。")
    absent = session.get_one(Person, found.absent_id)
    if not (by.id == found.substitute_id or may_decide(by, absent, today)):
        raise NotFound(f"没有编号为 {substitution_id} 的代理。")
    _must_decide(by, absent, today)
    if found.ended_at is not None or found.to_day < today:
        raise Conflict("这项代理已经结束。")
    found.ended_at, found.ended_by_id = at, by.id
    session.flush()
    return found


def may_decide(by: Person, absent: Person, day: date) -> bool:
    """Whether `by` may say who stands in for `absent`: themselves, the head of their office, the administrator."""
    return by.id == absent.id or manages_for(by, [post for post in absent.posts if post.is_held_on(day)]) is not None


class Told(NamedTuple):
    """A substitution with the names of both."""

    row: Substitution
    absent: Person
    substitute: Person


def substitutions(
    session: Session,
    person: Person,
    day: date,
    *,
    about: Person | None = None,
    after: int = 0,
    limit: int = 50,
    over: bool = False,
) -> list[Told]:
    """Those of `person` and of the people they look after that are not over on `day` (or that are), in the order they were
    entered, from the one after `after` on; of `about` only, where given."""
    absent: Any = aliased(Person)
    substitute: Any = aliased(Person)
    rows = (
        select(Substitution, absent, substitute)
        .join(absent, absent.id == col(Substitution.absent_id))
        .join(substitute, substitute.id == col(Substitution.substitute_id))
        .where(*_seen(person, day, over), col(Substitution.id) > after)
        .order_by(col(Substitution.id))
        .limit(limit)
    )
    if about is not None:
        rows = rows.where(or_(absent.id == about.id, substitute.id == about.id))
    return [Told(*row) for row in session.execute(rows)]


def count_substitutions(session: Session, person: Person, day: date, *, over: bool = False) -> int:
    """How many there are on all pages."""
    return session.scalar(select(func.count()).select_from(Substitution).where(*_seen(person, day, over))) or 0


def _seen(person: Person, day: date, over: bool) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    theirs = select(col(Post.person_id)).where(units_of(person))
    sides = (col(Substitution.absent_id), col(Substitution.substitute_id))
    lasting = and_(col(Substitution.to_day) >= day, col(Substitution.ended_at).is_(None))
    mine = or_(*(side == person.id for side in sides), *(side.in_(theirs) for side in sides))
    return mine, ~lasting if over else lasting


def colleagues(session: Session, absent: Person, day: date) -> list[Person]:
    """Who could stand in for `absent` from `day` on: the others of the same office."""
    places = [post for post in absent.posts if post.is_held_on(day)]
    near = or_(
        col(Post.body_id).in_([post.body_id for post in places if post.body_id]),
        col(Post.area_path).in_([post.area_path for post in places]),
    )
    found = select(Person).join(Post, col(Post.person_id) == col(Person.id)).where(near, col(Person.is_active))
    others = session.scalars(found.where(col(Person.id) != absent.id).distinct().order_by(col(Person.id)))
    return [one for one in others if _share_office(absent, one, day)]


def _must_decide(by: Person, absent: Person, day: date) -> None:
    if not may_decide(by, absent, day):
        raise Forbidden(f"{absent.name}的代理由本人、所在单位负责人或系统管理员设置，您没有这一权限。")


def _refuse_unfit(absent: Person, substitute: Person, from_day: date, to_day: date) -> None:
    if absent.id == substitute.id:
        raise Invalid("不能由本人代理本人。", field="substitute")
    if not substitute.is_active:
        raise Invalid(f"{substitute.name}的账号已停用，不能代理。", field="substitute")
    for day in (from_day, to_day):
        if not _share_office(absent, substitute, day):
            raise Invalid(
                f"{day:%Y-%m-%d}这天{absent.name}和{substitute.name}不在同一单位任职，代理人须是同一单位的同事。",
                field="substitute",
            )


def _share_office(one: Person, other: Person, day: date) -> bool:
    return bool(_offices(one.posts, day) & _offices(other.posts, day))


def _offices(posts: Iterable[Post], day: date) -> set[tuple[str, int | str | None]]:
    """What two people of the same office have in common on that day."""
    return {office for post in posts if post.is_held_on(day) for office in _office(post)}


def _office(post: Post) -> list[tuple[str, int | str | None]]:
    if post.role == Role.OWNER:
        return []
    if post.role in (Role.AUDITOR, Role.ADMIN):
        return [(post.role, post.area_path)]
    body: list[tuple[str, int | str | None]] = [("body", post.body_id)] if post.body_id else []
    return body if post.role in (Role.AGENT, Role.COMMITTEE) else [*body, ("area", post.area_path)]


def _refuse_second(session: Session, absent: Person, known: list[Substitution]) -> None:
    if known:
        one = known[0]
        name = session.get_one(Person, one.substitute_id).name
        raise Conflict(
            f"{absent.name}在{one.from_day:%Y-%m-%d}至{one.to_day:%Y-%m-%d}已由{name}代理，请先结束那一项。",
            field="from_day",
        )


def _refuse_circle(
    session: Session,
    known: Iterable[Substitution],
    absent: Person,
    substitute: Person,
    from_day: date,
    to_day: date,
) -> None:
    """Follow who would stand in, and for them, on days that all of the chain share; nobody may come back to `absent`."""
    after: dict[int, list[Substitution]] = {}
    for one in known:
        after.setdefault(one.absent_id, []).append(one)
    ways = [([absent.id, substitute.id], from_day, to_day)]
    while ways:
        way, first, last = ways.pop()
        for one in after.get(way[-1] or 0, ()):
            start, until = max(first, one.from_day), min(last, one.to_day)
            if start > until:
                continue
            if one.substitute_id == absent.id:
                people = {p.id: p.name for p in session.scalars(select(Person).where(col(Person.id).in_(way)))}
                circle = "→".join(people[i] for i in [*way, absent.id])
                raise Conflict(
                    f"{start:%Y-%m-%d}至{until:%Y-%m-%d}会形成循环代理（{circle}），这几天将无人办理，请换一位代理人或错开日期。",
                    field="substitute",
                )
            ways.append(([*way, one.substitute_id], start, until))
