"""How a missed deadline climbs: when each step of a ladder is due, and what comes after it. Pure.

Steps are counted from the due day; letters go out when the office opens. A step that was missed is told by the one after
it (folded) unless that one is a letter, and letters keep a working day's distance: nobody gets three in a second.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Protocol

from .errors import Conflict
from .rules import Step, shipped_ladders
from .worktime import OFFICE_ZONE, Due, Limit, WorkCalendar, at_office_open

PROMPT = timedelta(hours=1)
"""A red card fired within this of its instant counts as fired on the due day."""


class Limited(Protocol):
    """What a ladder must know of a clock. `fires`: the event that its silence amounts to, if any."""

    @property
    def started_at(self) -> datetime: ...
    @property
    def limit(self) -> str: ...
    @property
    def ladder(self) -> str | None: ...
    @property
    def fires(self) -> str | None: ...


@dataclass(frozen=True)
class Rung:
    """A step as the code climbs it."""

    step: Step

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def title(self) -> str:
        return self.step.title

    @property
    def is_at_due(self) -> bool:
        return self.step.when == "due"

    @property
    def is_reminder(self) -> bool:
        return self.step.when.startswith("-")

    @property
    def is_letter(self) -> bool:
        """After the due day: goes out at 08:30 and keeps its distance."""
        return self.step.when.startswith("+") and "wd" in self.step.when

    def instant(self, due: Due, calendar: WorkCalendar) -> datetime:
        if self.is_at_due:
            return due.due_at
        if self.step.when.endswith("h"):
            return due.due_at + timedelta(hours=int(self.step.when.removesuffix("h")))
        days, clock = _days_and_clock(self.step.when)
        return datetime.combine(calendar.add_working(due.due_day, days), clock, OFFICE_ZONE)

    def is_for(self, clock: Limited, due: Due, calendar: WorkCalendar) -> bool:
        """Whether a clock of that limit and start gets this step at all."""
        if not self.is_reminder:
            return True
        long_enough = (
            self.step.min_limit is None or clock.limit[4:5] == "-" or _reaches(clock.limit, self.step.min_limit)
        )
        return long_enough and self.instant(due, calendar) > clock.started_at


@cache
def _days_and_clock(when: str) -> tuple[int, time]:
    """`-1wd 08:30` → -1, 08:30."""
    days, clock = when.split()
    return int(days.removesuffix("wd")), time.fromisoformat(clock)


def _reaches(limit: str, minimum: str) -> bool:
    given, least = Limit.parse(limit), Limit.parse(minimum)
    if given.is_by_the_hour or least.is_by_the_hour:
        return given.is_by_the_hour and least.is_by_the_hour and given.value >= least.value
    return given.unit == "mo" or given.value >= least.value


def ladder(name: str | None) -> tuple[Rung, ...]:
    """The rungs of a ladder, less those that open a type of case which is not installed."""
    if name is None:
        return ()
    from .casetypes import casetypes

    return tuple(Rung(step) for step in shipped_ladders()[name] if step.opens is None or step.opens in casetypes())


def rungs_of(clock: Limited) -> tuple[Rung, ...]:
    """Of a limit whose silence is an answer only the reminders: at the due instant the case moves by itself."""
    rungs = ladder(clock.ladder)
    return tuple(rung for rung in rungs if rung.is_reminder) if clock.fires else rungs


def step_named(name: str) -> Step | None:
    """The step of that name, whichever ladder has it."""
    return next((step for steps in shipped_ladders().values() for step in steps if step.name == name), None)


@dataclass(frozen=True)
class Planned:
    name: str
    at: datetime


def next_step(
    clock: Limited, due: Due, calendar: WorkCalendar, at: datetime | None = None, fired: Collection[str] = ()
) -> Planned | None:
    """The first step that is still to come; steps that have `fired`, with an instant no later than `at`, stay fired."""
    for rung in rungs_of(clock):
        instant = rung.instant(due, calendar)
        if not (rung.name in fired and at and instant <= at) and rung.is_for(clock, due, calendar):
            return Planned(rung.name, instant)
    return Planned(clock.fires, due.due_at) if clock.fires else None


def warning(clock: Limited, due: Due, calendar: WorkCalendar) -> datetime | None:
    """From when on the card is yellow: its reminder's instant."""
    return next(
        (
            rung.instant(due, calendar)
            for rung in rungs_of(clock)
            if rung.is_reminder and rung.is_for(clock, due, calendar)
        ),
        None,
    )


def firing(
    clock: Limited, step: str, due: Due, calendar: WorkCalendar, at: datetime
) -> tuple[list[Rung], Rung, Planned | None]:
    """What happens when `step` is found due at `at`: the missed steps folded away, the one that fires, and the next.

    A missed step folds into the next while that one is due too and is no letter. Errors: `Conflict` where the ladder has no such
    step any more.
    """
    rungs = rungs_of(clock)
    index = next((i for i, rung in enumerate(rungs) if rung.name == step), None)
    if index is None:
        raise Conflict(f"这个计时的下一步“{step}”不在它的催办阶梯“{clock.ladder or '无'}”里，请核对阶梯后重试。")
    folded = []
    while index + 1 < len(rungs) and not rungs[index + 1].is_letter and rungs[index + 1].instant(due, calendar) <= at:
        folded.append(rungs[index])
        index += 1
    fires = rungs[index]
    if index + 1 == len(rungs):
        return folded, fires, Planned(clock.fires, due.due_at) if clock.fires else None
    after = rungs[index + 1]
    nominal = after.instant(due, calendar)
    if after.is_letter:
        spaced = at_office_open(calendar.next_working(_day_of(fires, due, calendar, at)))
        nominal = max(nominal, spaced)
    return folded, fires, Planned(after.name, nominal)


def _day_of(rung: Rung, due: Due, calendar: WorkCalendar, at: datetime) -> date:
    if rung.is_at_due and at - rung.instant(due, calendar) <= PROMPT:
        return due.due_day
    return at.astimezone(OFFICE_ZONE).date()
