"""Who is told: the person a step of a ladder is meant for, or the next one who is there to be told."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import or_, select
from sqlmodel import Session, col

from .access import DESK_OF_ROLE, HEAD_OF_DESK, LEVEL_OF_DESK
from .case import Case, CaseEvent
from .people import Desk, Person, Post, Role, Substitution
from .rules import Step
from .territory import LEVELS, codes_of, path_at
from .worktime import OFFICE_ZONE

K = TypeVar("K", bound=Hashable)
HEADS = {LEVEL_OF_DESK[desk]: role for desk, role in HEAD_OF_DESK.items()}


@dataclass
class Directory:
    """The posts that matter to some cases on one day, read in a few queries.

    A target is found by a chain, assignee → substitute → head of the unit → head of the parent area → duty desk, and what
    nobody can take is named rather than dropped.
    """

    day: date
    heads: dict[tuple[Role, str], list[int]]
    parties: dict[int, list[int]]
    """By body: who acts for it."""
    residents: dict[str, list[int]]
    """By path of a community: who works at its residents' committee."""
    there: set[int]
    """Whose account is open and who holds a post: who has left, and still has cases, is not told of them."""
    stands_in: dict[int, int]
    street_officers: dict[int, int] = field(default_factory=dict)
    """Who last acted for the street, by case."""

    @classmethod
    def of(cls, session: Session, cases: Collection[Case], at: datetime) -> "Directory":
        day = at.astimezone(OFFICE_ZONE).date()
        paths = {path_at(case.path, level) for case in cases for level in LEVELS}
        bodies = {body for case in cases for body in (case.applicant_id, case.committee_id) if body}
        held = or_(
            col(Post.area_path).in_(paths) & col(Post.role).in_([*HEAD_OF_DESK.values(), Role.DUTY]),
            col(Post.body_id).in_(bodies),
            col(Post.area_path).in_(paths) & (col(Post.role) == Role.RESIDENTS),
        )
        posts = [
            post for post in session.scalars(select(Post).where(held).order_by(col(Post.id))) if post.is_held_on(day)
        ]
        outside = [case.id for case in cases if case.desk and not Desk(case.desk).is_office]
        directory = cls(
            day=day,
            heads=_by([((Role(post.role), post.area_path), post.person_id) for post in posts]),
            parties=_by([(post.body_id, post.person_id) for post in posts if post.body_id]),
            residents=_by([(post.area_path, post.person_id) for post in posts if post.role == Role.RESIDENTS]),
            there=set(),
            stands_in=Substitution.of_day(session, day),
            street_officers=_street_officers(session, outside) if outside else {},
        )
        wanted = {post.person_id for post in posts} | {case.assignee_id for case in cases if case.assignee_id}
        wanted |= set(directory.street_officers.values()) | set(directory.stands_in.values())
        directory.there = _there(session, wanted, day)
        return directory

    def targets(self, case: Case, step: Step) -> tuple[dict[str, list[int]], list[str]]:
        """Ids of those whom `step` tells, by what they are told as; and which targets nobody could be found for."""
        desk = Desk(case.desk) if case.desk else Desk.STREET
        wanted = step.tells if desk.is_office else step.tells_outside
        told = {target: self.find(target, case, desk) for target in wanted}
        return {target: people for target, people in told.items() if people}, [
            t for t, people in told.items() if not people
        ]

    def find(self, target: str, case: Case, desk: Desk) -> list[int]:
        if target == "assignee":
            return self.present(case.assignee_id) or self.heads_from(LEVEL_OF_DESK[desk], case)
        if target == "unit_head":
            return self.heads_from(LEVEL_OF_DESK[desk], case)
        if target == "parent_head":
            return self.heads_from(_parent(LEVEL_OF_DESK[desk]), case)
        if target == "street_head":
            return self.heads_from("street", case)
        if target == "street_officer":
            return self.present(self.street_officers.get(case.id or 0)) or self.heads_from("street", case)
        if target == "party":
            return self._all_present(self._party(case, desk)) or self.heads_from("street", case)
        raise ValueError(f"no such target: {target}")

    def _party(self, case: Case, desk: Desk) -> Sequence[int]:
        if desk == Desk.RESIDENTS:
            return self.residents.get(path_at(case.path, "community"), ())
        body = case.committee_id if desk == Desk.COMMITTEE else case.applicant_id
        return self.parties.get(body or 0, ())

    def heads_from(self, level: str, case: Case) -> list[int]:
        """The heads at that level; where there is none, those above; at last the duty desk."""
        for above in reversed(LEVELS[: LEVELS.index(level) + 1]):
            people = self._all_present(self.heads.get((HEADS[above], path_at(case.path, above)), ()))
            if people:
                return people
        return self.duty(case)

    def duty(self, case: Case) -> list[int]:
        """The duty desk, the nearest first."""
        for depth in range(len(codes_of(case.path)), 0, -1):
            people = self._all_present(self.heads.get((Role.DUTY, path_at(case.path, LEVELS[depth - 1])), ()))
            if people:
                return people
        return []

    def present(self, person_id: int | None) -> list[int]:
        """The person, or who stands in for them today, or who stands in for that one, whoever of them is there."""
        there = person_id and Substitution.follow(self.stands_in, person_id)
        return [there] if there in self.there else []

    def _all_present(self, people: Iterable[int]) -> list[int]:
        return list(dict.fromkeys(there for person in people for there in self.present(person)))


def _parent(level: str) -> str:
    return LEVELS[max(LEVELS.index(level) - 1, 0)]


def _by(pairs: Iterable[tuple[K, int]]) -> dict[K, list[int]]:
    grouped: dict[K, list[int]] = defaultdict(list)
    for key, value in pairs:
        grouped[key].append(value)
    return dict(grouped)


def _there(session: Session, people: Collection[int], day: date) -> set[int]:
    holds = select(Post.id).where(col(Post.person_id) == col(Person.id), Post.held_on(day))  # type: ignore[call-overload]
    found = select(col(Person.id)).where(col(Person.id).in_(people), col(Person.is_active), holds.exists())
    return set(session.scalars(found))


def _street_officers(session: Session, cases: Collection[int | None]) -> dict[int, int]:
    """By case, the street officer who acted in it last, or for whom it was done."""
    street = [role for role, desk in DESK_OF_ROLE.items() if desk == Desk.STREET]
    statement = (
        select(CaseEvent)
        .join(Post, col(Post.person_id) == col(CaseEvent.by_id))
        .where(col(CaseEvent.case_id).in_(cases), col(Post.role).in_(street))
        .distinct(col(CaseEvent.case_id))
        .order_by(col(CaseEvent.case_id), col(CaseEvent.seq).desc())
    )
    return {event.case_id: event.stands_in_for or event.by_id or 0 for event in session.scalars(statement)}
