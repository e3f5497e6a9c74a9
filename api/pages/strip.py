"""A limit as a page of the calendar: weeks from Monday to Sunday, each day with its number in the count or why it has none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.worktime import DayLine

LONGEST = 100
"""Days; what runs longer is told in words only."""


@dataclass(frozen=True)
class Cell:
    day: date
    kind: str
    """`start`, `counts`, `skips` or `last`."""
    number: int | None
    """Which day of the limit it is."""
    words: str
    """Why it counts, where that needs saying, or why not."""


def strip(days: Sequence[DayLine], *, by_the_hour: bool = False) -> list[list[Cell | None]]:
    """The weeks that hold `days`; empty for a limit of one line (a day agreed upon) or a very long one."""
    if not 1 < len(days) <= LONGEST:
        return []
    cells: dict[date, Cell] = {}
    counted = 0
    for line in days:
        counted += line.counts
        kind = "counts" if line.counts else "skips"
        if line.date in (days[0].date, days[-1].date):
            kind = "last" if line.date == days[-1].date else "start"
        number = counted if line.counts and not by_the_hour else None
        cells[line.date] = Cell(line.date, kind, number, _short(line))
    first, end = days[0].date, days[-1].date
    monday = first - timedelta(days=first.weekday())
    return [
        [cells.get(monday + timedelta(days=7 * week + weekday)) for weekday in range(7)]
        for week in range((end - monday).days // 7 + 1)
    ]


def _short(line: DayLine) -> str:
    """What a cell need say: not the weekday, which its column names, nor that an ordinary day counts."""
    _, _, words = line.why.partition("，")
    words = words.removeprefix("工作日").removeprefix("，")
    if line.counts:
        words = words.removesuffix("自然日照计").removesuffix("，")
    return "" if line.counts and words == "周末" else words
