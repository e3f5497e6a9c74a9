"""分摊: a sum of the maintenance fund shared among units by area, to the cent. Pure.

By share of exclusive area where nothing else was agreed (Civil Code Art. 283). Money is whole fen, area whole dm².
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .errors import Invalid


class UnitArea(NamedTuple):
    unit: str
    area_dm2: int


class Share(NamedTuple):
    unit: str
    fen: int


def allocate(units: Iterable[tuple[str, int]], amount: int) -> list[Share]:
    """What of `amount` (fen) falls to each of `units` (label, dm²), in their order; the sum is exact.

    Largest remainder: everybody gets the whole fen of the exact share, and what is left over goes, one fen each, to those
    who were cut most; a tie goes to the earlier line. Raises `Invalid` for a negative amount or area, for no units, for a
    unit named twice, and where nobody has an area.
    """
    lines = [UnitArea(*line) for line in units]
    if amount < 0:
        raise Invalid("分摊金额不能是负数。", field="amount")
    if not lines:
        raise Invalid("没有可以分摊的单元。", field="units")
    for unit, area in lines:
        if area < 0:
            raise Invalid(f"{unit}的面积是负数，不能分摊。", field="units")
    if len({line.unit for line in lines}) < len(lines):
        (unit, times), *_ = Counter(line.unit for line in lines).most_common(1)
        raise Invalid(f"{unit}出现了{times}次，会重复分摊；请只留一行。", field="units")
    whole = sum(line.area_dm2 for line in lines)
    if whole == 0:
        raise Invalid("各单元的面积合计为 0，不能按面积分摊。", field="units")
    shares, cut = zip(*(divmod(amount * line.area_dm2, whole) for line in lines), strict=True)
    left = amount - sum(shares)
    # sorting is stable: of those cut alike, the earlier line comes first
    lucky = set(sorted(range(len(lines)), key=lambda nth: -cut[nth])[:left])
    return [Share(line.unit, shares[nth] + (nth in lucky)) for nth, line in enumerate(lines)]


def increments(units: Iterable[tuple[str, int]], before: int, after: int) -> list[Share]:
    """What each unit's share changes by when the sum that is shared goes from `before` to `after`: what a further payment
    takes, or a refund gives back (negative).

    Payments told apart in this way add up to the allocation of their sum, to the cent, which two allocations would not. Where
    a unit's share of the greater sum is a fen smaller (largest remainder allows it), that fen comes back.
    """
    lines = list(units)
    return [
        Share(now.unit, now.fen - then.fen)
        for then, now in zip(allocate(lines, before), allocate(lines, after), strict=True)
    ]
