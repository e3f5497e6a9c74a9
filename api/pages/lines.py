"""Cases as lines of a list: what somebody who looks for the next thing to do must see of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from models.case import Case
from models.people import Desk, Person
from models.wording import last_day

from ..cases import names


@dataclass(frozen=True)
class Line:
    case: Case
    assignee: str | None
    at: datetime

    @property
    def period_end(self) -> date | None:
        """The last day of a period that runs (公示、通知、表决)."""
        return last_day(self.case.period_ends_at) if self.case.period_ends_at else None

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
    """In one query, however many there are."""
    people = names(session, Person, {case.assignee_id for case in cases if case.assignee_id})
    return [Line(case, people.get(case.assignee_id or 0), at) for case in cases]


def heading(case: Case) -> str:
    """What a case is about, in its applicant's words: the first thing its type asks for that is no choice from a list."""
    fields = case.kind.Details.model_fields.items()
    worded = next((name for name, field in fields if not field.json_schema_extra), "")
    return str(case.details.get(worded) or "") or case.kind.title
