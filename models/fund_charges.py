"""列支: what a case takes out of the fund, and how it falls on the units. For every type that spends the fund.

The charging scope (列支范围) is the whole estate or buildings and units of its roster; within it the sum is shared by area
(Civil Code Art. 283). What falls on units not sold yet is the developer's (165号令 Art. 21) and goes on its account.
Payments of one case are told apart by `fund.increments`, so that together they are the allocation of their sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session, col

from .errors import Conflict, Invalid
from .estate_roster import Roster
from .fund import allocate, increments
from .fund_accounts import (
    DEVELOPER,
    NAMED,
    Entry,
    FundAccount,
    FundEntry,
    FundPosting,
    Kind,
    balances,
    hold,
    is_kept,
    post,
)
from .money import yuan
from .roster import masked_name
from .scope import labels_in
from .territory import Unit

NO_ROSTER = "本小区还没有业主名册，不能按面积分摊。"


class ScopeUnit(NamedTuple):
    """A unit of the roster, as far as it matters for sharing costs."""

    unit: str
    area_dm2: int
    unsold: bool
    owner: str


@dataclass(frozen=True)
class Charge:
    """What a case takes out of the fund: `fen` in all, of which `paid` has gone out already, by the postings of `case_id`."""

    estate_id: int
    case_id: int
    scope: str
    fen: int
    paid: int
    basis: str
    """What `fen` is: `预算`, `结算`."""


@dataclass(frozen=True)
class UnitLine:
    """How a charge falls on one unit. What it still has to bear is `fen - paid`."""

    unit: str
    owner: str
    area_dm2: int
    unsold: bool
    fen: int
    paid: int
    balance: int | None
    """None where balances are not kept, and for unsold units, which the developer answers for."""

    @property
    def masked_owner(self) -> str:
        return masked_name(self.owner)

    @property
    def short(self) -> int:
        """What is missing on its account for what it still has to bear."""
        return 0 if self.balance is None else max(self.fen - self.paid - self.balance, 0)


@dataclass(frozen=True)
class Allocation:
    """预分摊: how a charge falls on the units of its scope; `why_not` says why it cannot be told, and then there are no lines."""

    charge: Charge
    is_kept: bool
    """已建账: balances are kept here."""
    lines: Sequence[UnitLine] = ()
    developer_balance: int | None = None
    why_not: str | None = None
    roster_doubts: int = 0
    """What the roster leaves to decide: units of which that is true are not in it."""

    @property
    def developer(self) -> int:
        """What falls on the developer for the units not sold yet."""
        return sum(line.fen for line in self.lines if line.unsold)

    @property
    def unsold(self) -> int:
        return sum(line.unsold for line in self.lines)

    @property
    def short(self) -> list[UnitLine]:
        return [line for line in self.lines if line.short]

    @property
    def developer_short(self) -> int:
        owed = sum(line.fen - line.paid for line in self.lines if line.unsold)
        return 0 if self.developer_balance is None else max(owed - self.developer_balance, 0)

    @property
    def in_words(self) -> str:
        """For the ledger and for papers: one or two sentences."""
        if self.why_not:
            return f"未作分摊：{self.why_not}"
        said = f"{self.charge.basis} {yuan(self.charge.fen)} 元按专有部分面积分摊至 {len(self.lines)} 个单元"
        if self.unsold:
            said += f"，其中 {self.unsold} 个未售、未交付单元的 {yuan(self.developer)} 元由建设单位承担"
        if not self.is_kept:
            return f"{said}。未建账：本系统未记载分户余额，未核对余额是否足够。"
        if not self.short and not self.developer_short:
            return f"{said}。各单元余额足够。"
        missing = sum(line.short for line in self.short)
        lacking = [f"{len(self.short)} 个单元余额不足，共差 {yuan(missing)} 元"] if self.short else []
        lacking += [f"建设单位尚须交存 {yuan(self.developer_short)} 元"] if self.developer_short else []
        return f"{said}。{'；'.join(lacking)}。"


def allocation(session: Session, charge: Charge) -> Allocation:
    """How `charge` falls on the units, by what has been posted for it already or else by the roster in use."""
    roster = Roster.of(session, charge.estate_id)
    if roster is None:
        return Allocation(charge, is_kept=False, why_not=NO_ROSTER)
    kept, doubts = is_kept(session, charge.estate_id), len(roster.undecided)
    try:
        units = _units_of(session, charge)
    except Conflict as refused:
        return Allocation(charge, kept, why_not=refused.sentence, roster_doubts=doubts)
    whole, paid = (_shares(units, fen) for fen in (charge.fen, charge.paid))
    had = balances(session, charge.estate_id) if kept else {}
    lines = [
        UnitLine(
            one.unit, one.owner, one.area_dm2, one.unsold, whole[one.unit], paid[one.unit],
            had.get(("unit", one.unit), 0) if kept and not one.unsold else None,
        )
        for one in units
    ]  # fmt: skip
    return Allocation(charge, kept, lines, had.get(("developer", ""), 0) if kept else None, roster_doubts=doubts)


def scope_unclear(session: Session, estate_id: int | None, scope: str) -> str | None:
    """The sentence that says what in `scope` the roster does not know, or that there is no roster; None where it is clear."""
    try:
        units_in(scope, _roster_units(session, estate_id))
    except Conflict as refused:
        return refused.sentence
    return None


def shortfall(session: Session, charge: Charge, after: int) -> str | None:
    """Why the accounts cannot bear that what is paid goes up to `after` fen; None where they can, or are not kept here.

    Where they are kept, a scope that the roster does not know is a reason too: nothing leaves the fund without an account.
    """
    if not is_kept(session, charge.estate_id):
        return None
    try:
        entries = _entries(_units_of(session, charge), charge.paid, after)
    except Conflict as refused:
        return f"{refused.sentence}本小区已建账，须先写明列支范围才能划拨。"
    return _missing(session, charge.estate_id, entries)


def charge_to(
    session: Session, charge: Charge, after: int, *, day: date, at: datetime, by_id: int | None
) -> tuple[FundPosting | None, str]:
    """Post what takes the paid part of `charge` to `after` fen: a payment where that is more, else a refund.

    Returns the posting, and a sentence for the ledger. None was posted where there is no roster, or where it does not know
    the scope and balances are not kept here. Raises `Conflict` where an account would have less than nothing. Takes the
    estate's lock, after the case's.
    """
    hold(session, charge.estate_id)
    kind: Kind = "payment" if after > charge.paid else "refund"
    kept = is_kept(session, charge.estate_id)
    try:
        units = _units_of(session, charge)
    except Conflict as refused:
        if kept:
            raise
        return None, f"未分摊入户：{refused.sentence}"
    entries = _entries(units, charge.paid, after)
    if kept and kind == "payment" and (wrong := _missing(session, charge.estate_id, entries)):
        raise Conflict(wrong)
    posting = post(
        session, charge.estate_id, kind, entries, day=day, at=at, by_id=by_id, case_id=charge.case_id
    )  # fmt: skip
    how = f"按专有部分面积分摊至 {len(units)} 个单元，记入第{posting.id}号凭证"
    return posting, f"{how}。" if kept else f"{how}。未建账：分户余额不在本系统记载。"


def _missing(session: Session, estate_id: int, entries: Sequence[Entry]) -> str | None:
    """The sentence that names the accounts that `entries` would leave with less than nothing."""
    had = balances(session, estate_id)
    taken: dict[tuple[str, str], int] = {}
    for entry in entries:
        taken[entry.owner] = taken.get(entry.owner, 0) + entry.fen
    missing = {
        owner[1] or DEVELOPER: -left
        for owner, fen in taken.items()
        if fen < 0 and (left := had.get(owner, 0) + fen) < 0
    }
    if not missing:
        return None
    named = "、".join(f"{unit}差 {yuan(fen)} 元" for unit, fen in list(missing.items())[:NAMED])
    more = f"等 {len(missing)} 户" if len(missing) > NAMED else ""
    return f"分户余额不足，补足之前不能划拨：{named}{more}，共差 {yuan(sum(missing.values()))} 元。"


def units_in(scope: str, units: Sequence[ScopeUnit]) -> list[ScopeUnit]:
    """The units that a charging scope names, in the roster's order.

    Raises `Conflict` naming the first words that the roster does not know.
    """
    if not units:
        raise Conflict(NO_ROSTER)
    try:
        wanted = labels_in(scope, [one.unit for one in units], called="列支范围", so="不能按面积分摊")
    except Invalid as unclear:
        raise Conflict(unclear.sentence) from None
    return [one for one in units if one.unit in wanted]


def _roster_units(session: Session, estate_id: int | None) -> list[ScopeUnit]:
    found = select(col(Unit.label), col(Unit.area_dm2), col(Unit.unsold), col(Unit.owner))
    rows = session.execute(found.where(col(Unit.estate_id) == estate_id).order_by(col(Unit.id)))
    return [ScopeUnit(*row) for row in rows]


def _units_of(session: Session, charge: Charge) -> list[ScopeUnit]:
    """Among whom `charge` is shared. A posting fixes it: whoever paid the first part pays the rest, by the same areas."""
    first = select(func.min(col(FundPosting.id))).where(
        col(FundPosting.case_id) == charge.case_id, col(FundPosting.kind).in_(("payment", "refund"))
    )
    posted = session.execute(
        select(col(FundEntry.unit), col(FundEntry.area_dm2), col(FundAccount.holder))
        .join(FundAccount, col(FundAccount.id) == col(FundEntry.account_id))
        .where(col(FundEntry.posting_id) == first.scalar_subquery(), col(FundEntry.unit).is_not(None))
        .order_by(col(FundEntry.id))
    ).all()
    roster = _roster_units(session, charge.estate_id)
    if not posted:
        return units_in(charge.scope, roster)
    owners = {one.unit: one.owner for one in roster}
    return [ScopeUnit(unit, area, holder == "developer", owners.get(unit, "")) for unit, area, holder in posted]


def _shares(units: Sequence[ScopeUnit], fen: int) -> dict[str, int]:
    return {share.unit: share.fen for share in allocate(((one.unit, one.area_dm2) for one in units), fen)}


def _entries(units: Sequence[ScopeUnit], before: int, after: int) -> list[Entry]:
    changes = increments(((one.unit, one.area_dm2) for one in units), before, after)
    return [
        Entry("developer" if one.unsold else "unit", one.unit, -change.fen, one.area_dm2)
        for one, change in zip(units, changes, strict=True)
    ]
