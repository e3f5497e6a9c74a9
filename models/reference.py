"""What anybody may look up: the rule library with its versions and sources, and a year of the working calendar."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from .casetypes import casetypes
from .editions import CalendarEdition
from .errors import NotFound
from .rules import Rule, rulebook
from .territory import Area
from .worktime import LAST_YEAR, WorkCalendar


@dataclass(frozen=True)
class RuleVersion:
    """One version of a rule: whether new cases take it today, where it holds, and which stages it limits."""

    rule: Rule
    in_force: bool
    area: Area | None
    """The area it was made for; None: everywhere."""
    limits: Sequence[tuple[str, str]]
    """(case type, stage) titles."""


def rule_library(session: Session, today: date) -> list[RuleVersion]:
    """Every version of every rule, the newest first; rules in the order of the procedures that use them."""
    areas = {area.path: area for area in session.scalars(select(Area).where(col(Area.path).in_(_places(session))))}
    limits = _limits()
    versions_of = rulebook(session).versions()
    return [
        RuleVersion(rule, rule is _chosen(versions, rule, today), areas.get(rule.area_path), limits.get(rule_id, ()))
        for rule_id in sorted(versions_of, key=lambda rule_id: [*limits, rule_id].index(rule_id))
        for versions in [versions_of[rule_id]]
        for rule in sorted(versions, key=lambda rule: (rule.area_path, rule.effective_from, rule.version), reverse=True)
    ]


def _places(session: Session) -> set[str]:
    return {rule.area_path for versions in rulebook(session).versions().values() for rule in versions} - {"/"}


def _chosen(versions: list[Rule], rule: Rule, today: date) -> Rule | None:
    """The version that holds today where `rule` was made for."""
    holding = [v for v in versions if v.area_path == rule.area_path and v.applies(today, rule.area_path)]
    return max(holding, key=lambda version: (version.effective_from, version.version), default=None)


def _limits() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for kind in casetypes().values():
        for stage in kind.stages():
            for rule_id in (stage.deadline, *(period.rule for period in stage.periods)):
                if rule_id:
                    found[rule_id].append((kind.title, stage.title))
        if kind.case_deadline:
            found[kind.case_deadline].append((kind.title, "全程"))
    return found


@dataclass(frozen=True)
class Day:
    """A day of the calendar. `kind`: `work`, `weekend`, `off` (放假) or `made_up` (调休上班)."""

    day: date
    kind: str
    name: str
    """The holiday it belongs to, if any."""
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
    weekend = day.weekday() >= 5
    if book.is_working(day):
        return "made_up" if weekend else "work"
    # a holiday that falls on a weekend is named by the notice too
    return "weekend" if weekend and day not in book.names else "off"


def editions(session: Session) -> list[CalendarEdition]:
    """The calendars there are, the newest first."""
    return list(session.scalars(select(CalendarEdition).order_by(col(CalendarEdition.id).desc())))
