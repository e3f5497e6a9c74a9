"""The pure parts: due days, a count of votes, a sum shared by area, a letter. Each beside something plain, so that a slower machine is told from slower code."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from io import BytesIO
from itertools import cycle
from random import Random
from statistics import median

from chinese_calendar import is_workday
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from models.calendars import shipped
from models.fund import allocate
from models.tally import UnitShare, Vote, tally
from models.worktime import OFFICE_ZONE, Limit, due, explain
from pdf.letter import draw, sample, write

from .figure import Contestant, Figure, at_least, at_most, compared, in_turns

UNITS = 5_000
"""25 buildings of 20 floors of 10 doors."""
DUES = 100
DAYS = 20
AMOUNT = 123_456_789
"""Fen."""
VOTED = datetime(2026, 9, 12, 9, tzinfo=OFFICE_ZONE)


def measure() -> Iterator[Figure]:
    for contestants, pieces, unit in (
        (due_days(), DUES, "days/s"),
        (counts(), 1, "counts/s"),
        (allocations(), 1, "allocations/s"),
        (letters(), 1, "letters/s"),
    ):
        ours, plain = contestants
        rates = in_turns(contestants, rounds=9, seconds=0.4)
        made = {name: [rate * pieces for rate in rates[name]] for name in rates}
        yield compared(made, ours, plain, unit)
        if unit == "days/s":
            yield at_least(f"{ours}, on one core", median(made[ours]), unit, 200_000)
    yield at_most(f"explain(), {DAYS} working days", _explaining() * 1000, "ms", 1)
    shares = _shares()
    everybody = [Vote(share.unit, "agree", VOTED) for share in shares]
    yield at_most(
        f"tally of {UNITS:,} units and {UNITS:,} ballots", _takes(lambda: tally(shares, everybody)), "ms", 500
    )
    areas = [(share.unit, share.area_dm2) for share in shares]
    yield at_most(f"allocation among {UNITS:,} units", _takes(lambda: allocate(areas, AMOUNT)), "ms", 100)


def _takes(work: Callable[[], object]) -> float:
    """Milliseconds, the median of twenty-one."""
    took = []
    for _ in range(21):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return median(took) * 1000


def _explaining() -> float:
    """Seconds that one explanation takes, the median of a thousand."""
    calendar, limit, took = shipped(), Limit(DAYS, "wd"), []
    for day in range(1000):
        begun = time.perf_counter()
        explain(datetime(2022, 1, 4, 10, tzinfo=OFFICE_ZONE) + timedelta(days=day), limit, calendar)
        took.append(time.perf_counter() - begun)
    return median(took)


def due_days() -> dict[str, Contestant]:
    calendar, limit, draw_day = shipped(), Limit(DAYS, "wd"), Random(82)
    starts = [
        datetime(2022, 1, 4, 10, tzinfo=OFFICE_ZONE) + timedelta(days=draw_day.randrange(1400)) for _ in range(DUES)
    ]

    def plain(start: datetime) -> date:
        day, left = start.date(), DAYS
        while left:
            day += timedelta(days=1)
            left -= is_workday(day)
        return day

    assert all(due(start, limit, calendar).due_day == plain(start) for start in starts)
    return {
        f"due(), {DAYS} working days": lambda lane: [due(start, limit, calendar) for start in starts],
        "chinesecalendar, day by day": lambda lane: [plain(start) for start in starts],
    }


def counts() -> dict[str, Contestant]:
    draw_opinion, shares = Random(278), _shares()
    votes = [
        Vote(share.unit, draw_opinion.choice(("agree", "agree", "disagree", "abstain")), VOTED)
        for share in shares[::5] + shares[1::3]
    ]
    plain = [list(share) for share in shares] + [[vote.unit, vote.opinion] for vote in votes]
    return {
        f"tally of {UNITS:,} units": lambda lane: tally(shares, votes),
        "the same as JSON and back": lambda lane: json.loads(json.dumps(plain)),
    }


def allocations() -> dict[str, Contestant]:
    areas = [(share.unit, share.area_dm2) for share in _shares()]
    whole = sum(area for _, area in areas)

    def rounded(lane: int) -> list[int]:
        return [round(AMOUNT * area / whole) for _, area in areas]

    assert sum(share.fen for share in allocate(areas, AMOUNT)) == AMOUNT
    return {
        f"allocate() among {UNITS:,} units": lambda lane: allocate(areas, AMOUNT),
        "rounded one by one, which does not add up": rounded,
    }


def _shares() -> list[UnitShare]:
    draw_unit = Random(278)
    labels = [
        f"{building}栋{floor:02d}{door:02d}"
        for building in range(1, 26)
        for floor in range(1, 21)
        for door in range(1, 11)
    ]
    return [UnitShare(label, draw_unit.randrange(4_000, 18_000), draw_unit.choice(labels), False) for label in labels]


def letters() -> dict[str, Contestant]:
    days = cycle(date(2026, 9, day) for day in range(1, 31))

    def empty_page(lane: int) -> None:
        canvas = Canvas(BytesIO(), pagesize=A4)
        canvas.showPage()
        canvas.save()

    return {
        "letter of one page, written and drawn": lambda lane: draw(
            write("acceptance_notice", sample("acceptance_notice") | {"date": next(days)})
        ),
        "an empty page": empty_page,
    }
