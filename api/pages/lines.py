"""Cases as lines of a list: what somebody who looks for the next thing to do must see of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case
from models.clock import Clock
from models.people import Desk, Person
from models.territory import Estate

from ..cases import names
from .render import last_day


@dataclass(frozen=True)
class Line:
    case: Case
    estate: str
    assignee: str | None
    at: datetime
    period_end: date | None
    """The last day of a period that runs (公示、通知、表决), where no deadline does."""

    @property
    def title(self) -> str:
        return heading(self.case)

    @property
    def card(self) -> str | None:
        return self.case.card(self.at)

    def is_due_on(self, day: date) -> bool:
        return self.case.next_due_at is not None and last_day(self.case.next_due_at) == day

    @property
    def is_stale(self) -> bool:
        return self.case.is_stale(self.at)

    @property
    def where(self) -> str:
        """At which stage, or how it ended."""
        return self.case.current.title if self.case.is_open else self.case.outcome or self.case.current.title

    @property
    def holder(self) -> str:
        """Who has it: a person, or the desk at which it waits for one."""
        if self.case.desk is None:
            return "已结案"
        if self.assignee:
            return self.assignee
        desk = Desk(self.case.desk)
        return f"{desk.title}{'，待领取' if desk.is_office else ''}"


def lines(session: Session, cases: Sequence[Case], at: datetime) -> list[Line]:
    """In three queries, however many there are."""
    estates = names(session, Estate, {case.estate_id for case in cases})
    people = names(session, Person, {case.assignee_id for case in cases if case.assignee_id})
    waiting = [case.id for case in cases if case.is_open and case.current.periods]
    running = select(Clock).where(
        col(Clock.case_id).in_(waiting), col(Clock.stopped_at).is_(None), col(Clock.kind) == "period"
    )
    ends = {clock.case_id: clock.due_day for clock in session.scalars(running)} if waiting else {}
    return [
        Line(case, estates[case.estate_id], people.get(case.assignee_id or 0), at, ends.get(case.id or 0))
        for case in cases
    ]


def heading(case: Case) -> str:
    """What a case is about, in its applicant's words: the first thing its type asks for."""
    return str(case.details.get(next(iter(case.kind.Details.model_fields), ""), "")) or case.kind.title
