"""What anybody may look up: the rule library with its versions and sources, and a year of the working calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from .calendars import shipped
from .clock import Clock
from .editions import CalendarEdition, Diff, calendar, compare
from .errors import NotFound
from .people import Person
from .proposals import Proposal
from .rule_changes import uses
from .rules import Rule, rulebook
from .territory import Area
from .worktime import LAST_YEAR, WorkCalendar


@dataclass(frozen=True)
class RuleVersion:
    """One version of a rule: whether new cases take it today, where it holds, which stages use it, what runs by it."""

    rule: Rule
    in_force: bool
    area: Area | None
    """The area it was made for; None: everywhere."""
    limits: Sequence[tuple[str, str]]
    """(case type, stage) titles."""
    running: int = 0
    """Clocks of the whole city that were counted by this very version and have not stopped."""


def rule_library(session: Session, today: date) -> list[RuleVersion]:
    """Every version of every rule, the newest first; rules in the order of the procedures that use them."""
    areas = {area.path: area for area in session.scalars(select(Area).where(col(Area.path).in_(_places(session))))}
    limits, running = uses(), _running_by(session, Clock.rule_pk)
    versions_of = rulebook(session).versions()
    order = {rule_id: place for place, rule_id in enumerate(limits)}
    return [
        RuleVersion(
            rule, rule is _chosen(versions, rule, today), areas.get(rule.area_path), limits.get(rule_id, ()),
            running.get(rule.pk, 0),
        )
        for rule_id in sorted(versions_of, key=lambda rule_id: (order.get(rule_id, len(order)), rule_id))
        for versions in [versions_of[rule_id]]
        for rule in sorted(versions, key=lambda rule: (rule.area_path, *rule.rank[1:]), reverse=True)
    ]  # fmt: skip


def _places(session: Session) -> set[str]:
    return {rule.area_path for versions in rulebook(session).versions().values() for rule in versions} - {"/"}


def _chosen(versions: list[Rule], rule: Rule, today: date) -> Rule | None:
    """The version that holds today where `rule` was made for."""
    holding = [version for version in versions if version.area_path == rule.area_path and version.holds_on(today)]
    return max(holding, key=lambda version: version.rank, default=None)


def _running_by(session: Session, column: Any) -> dict[Any, int]:
    counted = select(column, func.count()).where(col(Clock.stopped_at).is_(None)).group_by(column)
    return dict(session.execute(counted).tuples().all())


@dataclass(frozen=True)
class Day:
    """A day of the calendar. `kind`: `work`, `weekend`, `off` (放假), `made_up` (调休上班) or `closed` (本市停止办公)."""

    day: date
    kind: str
    name: str
    """The holiday it belongs to, if any; of a closed day why."""
    provisional: bool


@dataclass(frozen=True)
class Holiday:
    name: str
    first: date
    last: date
    work: tuple[date, ...]


@dataclass(frozen=True)
class Year:
    """A year as an edition of the calendar has it; `provisional` where no notice of the State Council has been published for it."""

    year: int
    book: WorkCalendar
    days: list[Day]

    @property
    def provisional(self) -> bool:
        return self.year > self.book.last_published_year

    @property
    def provisional_from(self) -> date:
        """The first day that a notice not yet published may still change."""
        return date(self.book.last_published_year, 12, 26)

    @property
    def working_days(self) -> int:
        return sum(day.kind in ("work", "made_up") for day in self.days)

    def of(self, kind: str) -> list[Day]:
        return [day for day in self.days if day.kind == kind]

    def holidays(self) -> list[Holiday]:
        """The runs of days off, and the weekend days on which people work for them."""
        runs: list[Holiday] = []
        for day in self.of("off"):
            if runs and runs[-1].name == day.name and runs[-1].last == day.day - timedelta(days=1):
                runs[-1] = replace(runs[-1], last=day.day)
            else:
                worked = tuple(work.day for work in self.of("made_up") if work.name == day.name)
                runs.append(
                    Holiday(day.name, day.day, day.day, worked if day.name not in (r.name for r in runs) else ())
                )
        return runs

    def month(self, number: int) -> list[list[Day | None]]:
        """Weeks from Monday to Sunday."""
        days = [day for day in self.days if day.day.month == number]
        cells: list[Day | None] = [None] * days[0].day.weekday() + days
        cells += [None] * (-len(cells) % 7)
        return [cells[week : week + 7] for week in range(0, len(cells), 7)]


def year_of(book: WorkCalendar, year: int) -> Year:
    """Errors: `NotFound` for a year outside the calendar."""
    if not book.first_published_year <= year < LAST_YEAR:
        raise NotFound(f"日历只有{book.first_published_year}年至{LAST_YEAR - 1}年。")
    first = date(year, 1, 1)
    days = [first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days)]
    return Year(
        year, book, [Day(day, _kind(book, day), book.names.get(day, ""), book.is_provisional(day)) for day in days]
    )


def _kind(book: WorkCalendar, day: date) -> str:
    if day in book.closed:
        return "closed"
    weekend = day.weekday() >= 5
    if book.is_working(day):
        return "made_up" if weekend else "work"
    # a holiday that falls on a weekend is named by the notice too
    return "weekend" if weekend and day not in book.names else "off"


@dataclass(frozen=True)
class EditionEntry:
    """An edition of the calendar that holds or held: what it changed, who proposed and who approved it, what runs by it."""

    edition: CalendarEdition
    diff: Diff | None
    """Of the approved edition before it; None: the first."""
    proposal: Proposal | None
    proposer: str | None
    approver: str | None
    running: int


def editions(session: Session) -> list[EditionEntry]:
    """The approved calendars there are, the newest first."""
    found = session.scalars(
        select(CalendarEdition)
        .where(col(CalendarEdition.approved_at).is_not(None))
        .order_by(col(CalendarEdition.id).desc())
    ).all()
    asked = {edition.proposal_id for edition in found if edition.proposal_id}
    proposals = {one.id: one for one in session.scalars(select(Proposal).where(col(Proposal.id).in_(asked)))}
    names = names_of(session, [id for one in proposals.values() for id in (one.made_by_id, one.decided_by_id)])
    running = _running_by(session, Clock.edition)
    entries = []
    for edition, before in zip(found, [*found[1:], None], strict=True):
        diff = compare(calendar(session, before.name), calendar(session, edition.name)) if before else None
        proposal = proposals.get(edition.proposal_id)
        proposer, approver = (
            (names.get(proposal.made_by_id), names.get(proposal.decided_by_id)) if proposal else (None, None)
        )
        entries.append(EditionEntry(edition, diff, proposal, proposer, approver, running.get(edition.name, 0)))
    return entries


def names_of(session: Session, ids: Sequence[int | None]) -> dict[int | None, str]:
    people = select(col(Person.id), col(Person.name)).where(col(Person.id).in_({one for one in ids if one}))
    return dict(session.execute(people).tuples().all())


def unlike_shipped(book: WorkCalendar) -> Diff:
    """What this office's calendar says otherwise than this release, of the years that both have; closed days aside."""
    theirs = shipped()
    settled = [
        one
        for one in compare(theirs, book).changes
        if not (theirs.is_provisional(one.day) or book.is_provisional(one.day))
    ]
    return Diff((), tuple(one for one in settled if one.day not in book.closed))
