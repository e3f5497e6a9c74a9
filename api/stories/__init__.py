"""Sample cases of every type but the fund request (`samples.py`): short stories, told in days before today.

One file per type, found by listing the folder. Everything is made up.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from models.access import applicants, people_at
from models.case import Case
from models.casetypes import casetype
from models.links import arising
from models.people import Desk, Person
from models.publicity import objections
from models.territory import Estate
from models.worktime import OFFICE_ZONE, WorkCalendar

Stated = Mapping[str, Any] | Callable[[date, Case], Mapping[str, Any]]
"""What is stated with an event, or how to tell from its day and the case."""


@dataclass(frozen=True)
class Act:
    """`event`, so many days before today (moved back to a working day), by whoever works at `desk`.

    `linked`: it happens to a case to which the story's gave rise, named by why (`links.TITLES`) and which of them, from 0.
    """

    ago: int
    desk: Desk
    event: str
    facts: Stated = field(default_factory=dict)
    linked: tuple[str, int] | None = None


@dataclass(frozen=True)
class Story:
    """A case opened `ago` days before today by the first body of `asked_by`'s kind (`CaseType.opened_by`), and what happened since.

    `working`: its days are working days.
    """

    type_id: str
    estate: str
    ago: int
    asked_by: str
    details: Stated
    acts: tuple[Act, ...] = ()
    working: bool = False


def stories() -> list[Story]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return [story for name in names for story in importlib.import_module(f"{__name__}.{name}").STORIES]


class Telling:
    """One story as it is lived."""

    def __init__(self, session: Session, story: Story, book: WorkCalendar, today: date) -> None:
        self.session = session
        self.story = story
        self.case: Case | None = None
        self.plan = list(self._instants(book, today))

    def _instants(self, book: WorkCalendar, today: date) -> Iterator[tuple[int, datetime]]:
        """Number of the act (0: the opening) and its instant: each later than the one before, in office hours."""
        last: datetime | None = None
        for number, ago in enumerate((self.story.ago, *(act.ago for act in self.story.acts))):
            day = book.add_working(today, -ago) if self.story.working else today - timedelta(days=ago)
            day = day if book.is_working(day) else book.previous_working(day)
            at = datetime.combine(day, time(9, 10), OFFICE_ZONE)
            last = max(at, last + timedelta(minutes=35)) if last else at
            yield number, last

    def act(self, number: int, at: datetime) -> None:
        if not number:
            self._open(at)
            return
        act, case = self.story.acts[number - 1], self.case
        assert case is not None
        if act.linked:
            why, which = act.linked
            case = arising(self.session, case.id or 0, why)[::-1][which]
        day = at.astimezone(OFFICE_ZONE).date()
        by = people_at(self.session, case, case.seat(act.desk), day)[0]
        facts, at = dict(_stated(act.facts, day, case)), max(at, case.last_at)
        if act.event == "object":
            case.object(by=by, at=at, **facts)
            return
        if act.event == "answer_objection":
            facts["objection"] = objections(self.session, case.id, unanswered=True)[0].id
        case.fire(act.event, by=by, at=at, facts=facts)

    def _open(self, at: datetime) -> None:
        estate = self.session.scalars(select(Estate).where(col(Estate.name) == self.story.estate)).one()
        kind = casetype(self.story.type_id)
        bodies = applicants(self.session, kind, [estate])[estate.id or 0]
        applicant = next(body for body in bodies if body.kind == self.story.asked_by)
        day = at.astimezone(OFFICE_ZONE).date()
        details = _stated(self.story.details, day, None)
        self.case = Case.open(
            self.session, self.story.type_id, estate=estate, applicant=applicant, details=details,
            by=self._applicant(applicant.id, day), at=at,
        )  # fmt: skip

    def _applicant(self, body_id: int | None, day: date) -> Person:
        people = self.session.scalars(select(Person).order_by(col(Person.id)))
        return next(
            one for one in people if any(post.body_id == body_id and post.is_held_on(day) for post in one.posts)
        )


def _stated(stated: Stated, day: date, case: Case | None) -> Mapping[str, Any]:
    return stated(day, case) if callable(stated) else stated  # type: ignore[arg-type]
