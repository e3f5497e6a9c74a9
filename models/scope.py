"""范围: which units of an estate words like `全体业主` or `3栋、5栋1单元、7栋0101` name.

A charge to the maintenance fund falls on a scope (列支范围), and a motion is put to one (表决范围): the base of its count
(Civil Code 278) is the owners in it.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import replace

from .errors import Invalid
from .reading import Finding, building_of, unit_label
from .roster import RosterReading

EVERYBODY = "全体业主"
VOTING = "表决范围"
_EVERYBODY = {EVERYBODY, "全体", "全小区", "全体业主共有", "本小区全体业主", "小区全体业主"}
_BETWEEN = re.compile(r"[、,;\s]+|(?<=[栋幢座楼室元0-9])[和及]")
_WHOSE = re.compile(r"的?((全体|全部|所有)?业主|全体|全部|所有)$")
_BUILDING = re.compile(r"0*(\d{1,3}|[A-Z])(?:栋|幢|座|号楼|#楼?)(?:0*(\d{1,2}|[A-Z])单元)?")
_ABOUT_ONE_HEAD = {"two_developers", "same_id", "same_owner", "same_owners", "joint_and_alone", "namesakes"}


def words_in(scope: str) -> list[str]:
    """`3栋、5栋1单元` → `["3栋", "5栋1单元"]`; of everybody `["全体业主"]`; none where nothing is said."""
    plain = unicodedata.normalize("NFKC", scope).strip()
    if re.sub(r"\s", "", plain) in _EVERYBODY:
        return [EVERYBODY]
    return [word for word in _BETWEEN.split(plain) if word]


def is_everybody(scope: str) -> bool:
    return words_in(scope) == [EVERYBODY]


def labels_in(scope: str, labels: Collection[str], *, called: str = VOTING, so: str = "") -> set[str]:
    """Which of an estate's units, by their labels, `scope` names.

    Raises `Invalid` with `field="scope"` for a scope that says nothing, and naming the first words that fit no unit. `called`
    is the scope's name in the sentence, `so` what follows from it.
    """
    words, end = words_in(scope), f"，{so}。" if so else "。"
    if not words:
        raise Invalid(f"没有写明{called}{end}", field="scope")
    if words == [EVERYBODY]:
        return set(labels)
    wanted: set[str] = set()
    for word in words:
        named = _named_by(_WHOSE.sub("", word) or word, labels)
        if not named:
            buildings = buildings_of(labels)
            has = f"（名册上有{'、'.join(buildings[:10])}{'等' if len(buildings) > 10 else ''}）" if buildings else ""
            raise Invalid(f"{called}“{word[:20]}”在业主名册上找不到{has}{end}", field="scope")
        wanted |= named
    return wanted


def buildings_of(labels: Iterable[str]) -> list[str]:
    """`["1栋", "2栋"]`, in the roster's order."""
    return list(dict.fromkeys(filter(None, map(building_of, labels))))


def in_short(scope: str) -> str:
    """For a sentence: a long list is cut."""
    plain = "、".join(words_in(scope))
    return plain if len(plain) <= 40 else f"{plain[:39]}…"


def labels_of(roster: RosterReading) -> list[str]:
    """All units a roster knows of, those too of which something is undecided."""
    pending = (finding.unit for finding in roster.undecided if finding.unit)
    return list(dict.fromkeys((*(line.unit for line in roster.lines), *pending)))


def narrowed(roster: RosterReading, wanted: Collection[str]) -> RosterReading:
    """The roster as if it had only the units in `wanted`: with them, and with what was found about them.

    What concerns no unit in particular (a line without a room) stays: nobody knows that it does not concern these.
    """
    inside = set(wanted)
    heads = {line.unit: line.owner_key for line in roster.lines}

    def about(finding: Finding) -> bool:
        if not finding.units:
            # read before findings named all their units: it may concern any
            return finding.unit is None or finding.unit in inside or finding.kind in _ABOUT_ONE_HEAD
        if finding.kind not in _ABOUT_ONE_HEAD:
            return not inside.isdisjoint(finding.units)
        # whether units have one owner or two can only matter to the count where two of them are counted
        keys = {heads[unit] for unit in finding.units if unit in heads}
        return sum(unit in inside for unit, key in heads.items() if key in keys) > 1

    return replace(
        roster,
        lines=tuple(line for line in roster.lines if line.unit in inside),
        merged=tuple(filter(about, roster.merged)),
        refused=tuple(filter(about, roster.refused)),
        undecided=tuple(filter(about, roster.undecided)),
        noted=tuple(filter(about, roster.noted)),
    )


def _named_by(words: str, labels: Iterable[str]) -> set[str]:
    written = _BUILDING.fullmatch(words.upper())
    if written:
        number, section = written.groups()
        start = f"{number}栋" + (f"{section}单元" if section else "")
        return {label for label in labels if label.startswith(start)}
    unit = unit_label(words)
    return {label for label in labels if label == unit or building_of(label) == words}
