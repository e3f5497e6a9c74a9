"""What scenes of elections have in common: a roster of sixty equal units, votes on it, a group, candidates."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from models.case import Case
from models.committees import Committee, Member, take_office
from models.decisions import Decision
from models.documents import keep
from models.estate_roster import KINDS, Roster
from models.people import Body
from models.tally import tally
from models.territory import Estate, Unit

from ..make import Cast, at, shift

UNITS = [
    f"{building}栋{floor:02d}{door:02d}" for building in (1, 2, 3) for floor in range(1, 6) for door in range(1, 5)
]
"""Sixty; whose owner is 业主 and the unit's place among them, from 1, but for those named below."""
NAMES = {
    "1栋0101": "赵磊", "1栋0102": "钱进", "1栋0103": "孙艺", "2栋0101": "张秋", "2栋0102": "王夏", "2栋0103": "李冬", "2栋0104": "刘春",
    "2栋0201": "何晴", "2栋0202": "冯雨", "2栋0203": "曹雪", "2栋0204": "魏霜",
}  # fmt: skip
STANDING = ("张秋", "王夏", "李冬", "刘春", "何晴", "冯雨", "曹雪")
UNIT_OF = {name: unit for unit, name in NAMES.items()}
GROUP = [
    {"name": "周敏", "seat": "street"}, {"name": "文静", "seat": "party"}, {"name": "赵磊", "seat": "owner", "unit": "1栋0101"},
    {"name": "钱进", "seat": "owner", "unit": "1栋0102"}, {"name": "孙艺", "seat": "owner", "unit": "1栋0103"},
    {"name": "李强", "seat": "police"}, {"name": "方萍", "seat": "residents"}, {"name": "吴昊", "seat": "developer"},
]  # fmt: skip
RENEWAL = [member for member in GROUP if member["seat"] not in ("police", "developer")]
"""A group for a re-election: the developer has no seat in it."""


def roster(session: Session, estate: Estate, changed: Mapping[str, Mapping[str, Any]] | None = None) -> Roster:
    """Sixty units of 100 ㎡, each its own owner's; `changed` says of some what is otherwise."""
    for place, label in enumerate(UNITS, start=1):
        plain = {"area_dm2": 10_000, "owner": NAMES.get(label, f"业主{place}"), "owner_key": label, "unsold": False}
        session.add(
            Unit.model_validate({"estate_id": estate.id, "label": label} | plain | dict((changed or {}).get(label, {})))
        )
    session.flush()
    made = Roster(
        estate_id=estate.id or 0, at=at("2025-01-06 09:00"), filename="名册.xlsx", sha256=keep(session, b"roster"), units=60,
        heads=60, total_area_dm2=600_000, unsold_units=0, duplicate_lines=0, findings={kind: [] for kind in KINDS},
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def vote(
    session: Session,
    estate: Estate,
    window: tuple[str, str] | None,
    agreeing: int = 40,
    taking_part: int = 45,
    title: str = "选举",
    kind: str = "election",
) -> int:
    """A counted decision of the estate: of sixty units so many took part, so many agreed. Its number."""
    ballots = [(label, "agree" if n < agreeing else "disagree", None) for n, label in enumerate(UNITS[:taking_part])]
    counted = tally([(label, 10_000, label, False) for label in UNITS], ballots)  # type: ignore[arg-type]
    first, last = (date.fromisoformat(day) for day in window) if window else (None, None)
    decision = Decision(
        estate_id=estate.id or 0, title=title, kind=kind, made_at=at("2025-01-06 09:00"),
        counted_at=at(f"{last + timedelta(days=1) if last else '2025-01-06'} 09:00"),
        window_from=first, window_to=last, tally=counted.as_json(),
    )  # fmt: skip
    session.add(decision)
    session.flush()
    return decision.id or 0


def standing(*names: str, **changed: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "unit": UNIT_OF[name], "recommended_by": "party", "qualified": True} | changed
        for name in names or STANDING
    ]


def counts(votes: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each with as many times 100 ㎡ as heads."""
    return [{"name": name, "heads": heads, "area": f"{heads * 100}.00"} for name, heads in votes.items()]


def call(**changed: Any) -> dict[str, Any]:
    return {
        "seats": 5, "alternates": 2, "candidates": standing(), "party_opinion": "候选人均无不宜任职的情形。", "form": "electronic",
        "places": ["1栋大堂"],
    } | changed  # fmt: skip


WON = {"张秋": 44, "王夏": 43, "李冬": 40, "刘春": 39, "何晴": 35, "冯雨": 30, "曹雪": 22}
"""Of 45 who took part more than half is 23: 曹雪 has too few; 冯雨 is the one alternate."""


def seated(
    session: Session,
    cast: Cast,
    *,
    to: str = "2026-08-31",
    names: Iterable[str] = STANDING[:5],
    alternates: Iterable[str] = (),
) -> Committee:
    """Put a committee in office whose term ends on the day `to`."""
    body = session.get_one(Body, cast.estate.committee_id)
    people = [(name, "member") for name in names] + [(name, "alternate") for name in alternates]
    committee = take_office(
        session, cast.estate, body, kind="elected", case=None, from_day=date(2023, 9, 1), to_day=date.fromisoformat(to),
        seats=sum(post == "member" for _, post in people), at=at("2023-09-01 09:00"),
    )  # fmt: skip
    for rank, (name, post) in enumerate(people, start=1):
        session.add(
            Member(
                committee_id=committee.id or 0, name=name, unit=UNIT_OF[name], rank=rank, from_day=date(2023, 9, 1),
                post="chair" if rank == 1 else post,
            )
        )  # fmt: skip
    session.flush()
    return committee


def without_committee(session: Session, cast: Cast) -> None:
    """As before the first election."""
    cast.estate.committee_id = None
    session.flush()


def applies(
    session: Session, cast: Cast, when: str, type_id: str, who: str, body_id: int | None, **details: Any
) -> Case:
    """Somebody of the body opens a case."""
    return Case.open(
        session, type_id, estate=cast.estate, applicant=session.get_one(Body, body_id), details=details, by=getattr(cast, who),
        at=at(when),
    )  # fmt: skip


__all__ = [
    "GROUP", "NAMES", "RENEWAL", "STANDING", "UNITS", "WON", "applies", "call", "counts", "roster", "seated", "shift", "standing", "vote",
    "without_committee",
]  # fmt: skip
