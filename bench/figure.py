"""A measured figure, and taking turns."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from statistics import median, quantiles

Contestant = Callable[[int], object]
"""Does one piece of work in a lane; each thread works in a lane of its own."""


@dataclass(frozen=True)
class Figure:
    what: str
    value: float
    unit: str
    ratio: float | None = None
    """`value` ÷ that of `against`, both measured in this run."""
    against: str = ""
    target: str = ""
    met: bool | None = None
    samples: tuple[float, ...] = ()


def at_least(what: str, value: float, unit: str, target: float) -> Figure:
    return Figure(what, value, unit, target=f"≥ {target:g}", met=value >= target)


def at_most(what: str, value: float, unit: str, target: float) -> Figure:
    return Figure(what, value, unit, target=f"≤ {target:g}", met=value <= target)


def in_turns(
    contestants: Mapping[str, Contestant], *, rounds: int, seconds: float, lanes: int = 1
) -> dict[str, list[float]]:
    """Pieces of work per second of each contestant, round by round, each working `seconds` in `lanes` threads.

    A first round warms up and is not counted. The order is drawn anew each round, so that nobody always follows the same one.
    """
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    draw = Random(278)

    def work(contestant: Contestant, lane: int, ends: float) -> int:
        done = 0
        while time.perf_counter() < ends:
            contestant(lane)
            done += 1
        return done

    # the threads stay, and with them each thread's connection
    with ThreadPoolExecutor(lanes) as pool:
        for number in range(rounds + 1):
            for name in draw.sample(sorted(contestants), len(contestants)):
                begun = time.perf_counter()
                made = sum(pool.map(work, [contestants[name]] * lanes, range(lanes), [begun + seconds] * lanes))
                if number:
                    rates[name].append(made / (time.perf_counter() - begun))
    return rates


def compared(
    rates: Mapping[str, list[float]], name: str, against: str, unit: str, *, what: str = "", above: float | None = None
) -> Figure:
    """`name`'s median rate, and the median of its ratios to `against`, round by round; `above` is the target."""
    ratio = median(mine / theirs for mine, theirs in zip(rates[name], rates[against], strict=True))
    target, met = ("", None) if above is None else (f"ratio > {above:g}", ratio > above)
    return Figure(what or name, median(rates[name]), unit, ratio, against, target, met, tuple(rates[name]))


def percentile(samples: list[float], percent: int) -> float:
    return quantiles(samples, n=100, method="inclusive")[percent - 1]
