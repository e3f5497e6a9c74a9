"""分户账: what each unit has in an estate's maintenance fund, as a journal of double entries that nothing can change.

Every posting balances to zero over its accounts: the units', the developer's, and the bank's special account (专户), which
stands for the money itself and so bears the other sign. Balances are sums and stored nowhere. An estate is kept here
(已建账) from its first import of balances on; until then postings are written all the same, and balances are not spoken of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, Index, String, case, func, select
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, instant, primary_key, reference
from .documents import keep
from .errors import Conflict, Invalid
from .estate_roster import Roster
from .fund_sheet import SheetLine, read_sheet
from .money import yuan
from .settings import settings
from .territory import Estate, Unit
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .people import Person

Kind = Literal["balances", "deposit", "payment", "refund"]
KINDS: dict[str, str] = {"balances": "余额导入", "deposit": "存入", "payment": "支付", "refund": "退回"}
Holder = Literal["unit", "developer", "bank"]
DEVELOPER = "建设单位"
BANK = "专户"
NAMED = 5
"""Lines or units that a sentence names before it only counts the others."""


class FundAccount(SQLModel, table=True):
    """One account of an estate's fund. A unit is known by its label, which outlives the roster it was read from."""

    __tablename__ = "fund_account"
    id: int | None = primary_key()
    estate_id: int = reference("estate.id")
    holder: Holder = Field(sa_type=String)
    unit: str = ""
    """The label of a unit's account; the developer and the bank have one account each."""

    __table_args__ = (Index("uq_fund_account_estate_id_holder_unit", "estate_id", "holder", "unit", unique=True),)


class FundPosting(SQLModel, table=True):
    """What happened to the fund, once and whole; its entries balance to zero."""

    __tablename__ = "fund_posting"
    id: int | None = primary_key()
    estate_id: int = reference("estate.id", index=True)
    kind: Kind = Field(sa_type=String)
    case_id: int | None = reference("case.id", nullable=True, index=True)
    day: date
    """The day on which the money moved."""
    at: datetime = instant()
    by_id: int | None = reference("person.id", nullable=True)
    filename: str | None = None
    sha256: str | None = Field(default=None, foreign_key="blob.sha256")


class FundEntry(SQLModel, table=True):
    """A line of a posting. What an account has is the sum of its entries; the bank's is the negative of all others."""

    __tablename__ = "fund_entry"
    id: int | None = primary_key()
    posting_id: int = reference("fund_posting.id", index=True)
    account_id: int = reference("fund_account.id", index=True)
    fen: int = Field(sa_type=BigInteger)
    unit: str | None = None
    """For which unit; the developer's entries say for which of the unsold ones."""
    area_dm2: int | None = None
    """By which area it was allocated."""


@dataclass(frozen=True)
class Entry:
    """An entry to be written, on the account of `holder` (and of `unit`, where that is a unit)."""

    holder: Holder
    unit: str
    fen: int
    area_dm2: int | None = None

    @property
    def owner(self) -> tuple[str, str]:
        """Whose account: holder and unit."""
        return self.holder, self.unit if self.holder == "unit" else ""


def post(
    session: Session,
    estate_id: int,
    kind: Kind,
    entries: Sequence[Entry],
    *,
    day: date,
    at: datetime,
    by_id: int | None,
    case_id: int | None = None,
    filename: str | None = None,
    sha256: str | None = None,
) -> FundPosting:
    """Write a posting; the bank's entry, which balances it, is added. Hold the estate's fund (`hold`) first."""
    accounts = _accounts(session, estate_id, entries)
    posting = FundPosting(
        estate_id=estate_id, kind=kind, case_id=case_id, day=day, at=at, by_id=by_id, filename=filename, sha256=sha256
    )
    session.add(posting)
    session.flush()
    bank = Entry("bank", "", -sum(entry.fen for entry in entries))
    insert_rows(
        session,
        FundEntry,
        [
            {"posting_id": posting.id, "account_id": accounts[entry.owner], "fen": entry.fen,
             "unit": entry.unit or None, "area_dm2": entry.area_dm2}
            for entry in (*entries, bank)
        ],
    )  # fmt: skip
    return posting


def hold(session: Session, estate_id: int) -> None:
    """Nobody else reads in a roster or posts to this estate's fund before this transaction ends. After the case's lock."""
    session.execute(select(col(Estate.id)).where(col(Estate.id) == estate_id).with_for_update(key_share=True))


def is_kept(session: Session, estate_id: int | None) -> bool:
    """Whether balances are kept here (已建账)."""
    opened = select(col(FundPosting.id)).where(
        col(FundPosting.estate_id) == estate_id, col(FundPosting.kind) == "balances"
    )
    return session.scalar(opened.limit(1)) is not None


def balances_of(session: Session, estate_id: int | None) -> date | None:
    """The day of the newest balances that were imported; None where balances are not kept here."""
    newest = select(func.max(col(FundPosting.day)))
    return session.scalar(newest.where(col(FundPosting.estate_id) == estate_id, col(FundPosting.kind) == "balances"))


def balances(session: Session, estate_id: int | None, until: date | None = None) -> dict[tuple[str, str], int]:
    """Fen by (holder, unit), of every account there is; at the end of the day `until`, where one is given."""
    counted: Any = col(FundEntry.fen)
    if until:
        counted = case((col(FundPosting.day) <= until, counted), else_=0)
    sums = (
        select(col(FundAccount.holder), col(FundAccount.unit), func.coalesce(func.sum(counted), 0))
        .outerjoin(FundEntry, col(FundEntry.account_id) == col(FundAccount.id))
        .where(col(FundAccount.estate_id) == estate_id)
        .group_by(col(FundAccount.id))
    )
    if until:
        sums = sums.outerjoin(FundPosting, col(FundPosting.id) == col(FundEntry.posting_id))
    return {(holder, unit): int(fen) for holder, unit, fen in session.execute(sums)}


# --- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Imported:
    """What an import posted: accounts named in the file, and the units of the roster that it left out."""

    posting: FundPosting
    lines: int
    total: int
    """Fen that the file names."""
    changed: int
    """Fen by which the fund changed."""
    left_out: tuple[str, ...]


def import_balances(
    session: Session, estate: Estate, data: bytes, *, filename: str, by: "Person | None", at: datetime, day: date
) -> Imported:
    """Let the file's balances be those of its units at the end of `day`; the first time opens the accounts (建账).

    What differs is posted, so nothing is overwritten, and what moved after that day still counts. At the opening, units that
    the file leaves out have nothing; later they keep what they have. One refused line refuses the file: `Invalid` with
    `field="balances"`, which names the lines.
    """
    lines, labels = _read(session, estate, data, filename, day, at)
    since = balances_of(session, estate.id)
    opening = since is None
    if since and day < since:
        raise Invalid(f"{since} 的余额已经导入，不能再导入更早一日的余额。", field="day")
    stated: dict[tuple[str, str], int] = {_owner_of(line): line.fen for line in lines}
    left_out = tuple(label for label in labels if ("unit", label) not in stated)
    had = balances(session, estate.id, until=day)
    if opening:
        nothing = [owner for owner in had if owner[0] != "bank"] + [("unit", label) for label in left_out]
        stated = dict.fromkeys(nothing, 0) | stated
    entries = [Entry(holder, unit, fen - had.get((holder, unit), 0)) for (holder, unit), fen in stated.items()]  # type: ignore[arg-type]
    _refuse_overdrawn(balances(session, estate.id), entries)
    return _import(
        session, estate, "balances", entries, lines, left_out, data, filename=filename, by=by, at=at, day=day
    )


def import_deposits(
    session: Session, estate: Estate, data: bytes, *, filename: str, by: "Person | None", at: datetime, day: date
) -> Imported:
    """Add the file's sums to what its units have (存入). Raises `Conflict` before balances were imported; else as `import_balances`.

    The same file on the same day is one deposit, and is refused the second time.
    """
    lines, _ = _read(session, estate, data, filename, day, at)
    since = balances_of(session, estate.id)
    if since is None:
        raise Conflict("本小区还没有建账，请先导入各单元的余额。", field="balances")
    if day < since:
        raise Invalid(f"{since} 的余额已经导入，其中已含 {day} 的存入，不能再加一次。", field="day")
    digest = keep(session, data)
    same = select(col(FundPosting.id)).where(
        col(FundPosting.estate_id) == estate.id, col(FundPosting.kind) == "deposit",
        col(FundPosting.day) == day, col(FundPosting.sha256) == digest,
    )  # fmt: skip
    if session.scalar(same.limit(1)):
        raise Conflict(f"同一份文件已按 {day} 存入过一次，没有再次记账。", field="balances")
    entries = [Entry(*_owner_of(line), line.fen) for line in lines]
    return _import(session, estate, "deposit", entries, lines, (), data, filename=filename, by=by, at=at, day=day)


def _read(
    session: Session, estate: Estate, data: bytes, filename: str, day: date, at: datetime
) -> tuple[list[SheetLine], list[str]]:
    """The file's lines, all of them good, and the roster's labels. Holds the estate's fund."""
    if not 2000 <= day.year or day > at.astimezone(OFFICE_ZONE).date():
        raise Invalid(f"日期 {day} 不合常理：不能晚于今天，请核对。", field="day")
    lines, refused = read_sheet(data, filename=filename, limit=settings().upload_limit)
    hold(session, estate.id)  # type: ignore[arg-type]
    if Roster.of(session, estate.id) is None:
        raise Conflict("本小区还没有业主名册，请先导入名册再导入余额。", field="balances")
    units = select(col(Unit.label)).where(col(Unit.estate_id) == estate.id).order_by(col(Unit.id))
    labels = list(session.scalars(units))
    known = set(labels)
    refused += [
        (line.row, f"名册里没有“{line.unit}”") for line in lines if line.unit != DEVELOPER and line.unit not in known
    ]
    if refused:
        refused.sort()
        named = "；".join(f"第{row}行{why}" for row, why in refused[: NAMED * 4])
        more = f"等{len(refused)}行" if len(refused) > NAMED * 4 else ""
        raise Invalid(f"有{len(refused)}行不能入账，整份文件没有导入：{named}{more}。", field="balances")
    return lines, labels


def _refuse_overdrawn(now: Mapping[tuple[str, str], int], entries: Sequence[Entry]) -> None:
    """Balances of a day since which more has been paid are not those of that day."""
    below = [entry.unit or DEVELOPER for entry in entries if now.get(entry.owner, 0) + entry.fen < 0]
    if below:
        named = "、".join(below[:NAMED]) + (f"等{len(below)}户" if len(below) > NAMED else "")
        raise Invalid(
            f"{named}在该日之后的支付超过文件里的余额，请核对日期和金额，整份文件没有导入。", field="balances"
        )


def _import(
    session: Session, estate: Estate, kind: Kind, entries: Sequence[Entry], lines: Sequence[SheetLine],
    left_out: tuple[str, ...], data: bytes, *, filename: str, by: "Person | None", at: datetime, day: date,
) -> Imported:  # fmt: skip
    posting = post(
        session, estate.id, kind, entries, day=day, at=at, by_id=by.id if by else None,  # type: ignore[arg-type]
        filename=filename[:200], sha256=keep(session, data),
    )  # fmt: skip
    total, changed = sum(line.fen for line in lines), sum(entry.fen for entry in entries)
    return Imported(posting, len(lines), total, changed, left_out)


def _owner_of(line: SheetLine) -> tuple[Holder, str]:
    return ("developer", "") if line.unit == DEVELOPER else ("unit", line.unit)


# --- looking after it ------------------------------------------------------------------------------------------------


def unbalanced(session: Session) -> list[tuple[str, str]]:
    """对账: every estate's name with a sentence for each thing that is wrong with its journal; nothing, and all is well.

    A posting that does not balance, one without entries, an entry on another estate's account, and a unit that has less than
    nothing where balances are kept. In statements that the database answers by itself, however many entries there are.
    """
    found: list[tuple[str, str]] = []
    sums = (
        select(col(Estate.name), col(FundPosting.id), func.sum(col(FundEntry.fen)))
        .select_from(FundPosting)
        .join(Estate, col(Estate.id) == col(FundPosting.estate_id))
        .outerjoin(FundEntry, col(FundEntry.posting_id) == col(FundPosting.id))
        .group_by(col(Estate.name), col(FundPosting.id))
        .having(func.coalesce(func.sum(col(FundEntry.fen)), 1) != 0)
        .order_by(col(FundPosting.id))
    )
    for name, posting, fen in session.execute(sums):
        wrong = "没有分录" if fen is None else f"借贷不平，差 {yuan(int(fen))} 元"
        found.append((name, f"第{posting}号凭证{wrong}。"))
    strays = (
        select(col(Estate.name), col(FundPosting.id))
        .select_from(FundEntry)
        .join(FundPosting, col(FundPosting.id) == col(FundEntry.posting_id))
        .join(FundAccount, col(FundAccount.id) == col(FundEntry.account_id))
        .join(Estate, col(Estate.id) == col(FundPosting.estate_id))
        .where(col(FundAccount.estate_id) != col(FundPosting.estate_id))
        .distinct()
        .order_by(col(FundPosting.id))
    )
    found += [(name, f"第{posting}号凭证记到了别的小区的账户。") for name, posting in session.execute(strays)]
    kept = select(col(FundPosting.estate_id)).where(col(FundPosting.kind) == "balances")
    overdrawn = (
        select(col(Estate.name), col(FundAccount.holder), col(FundAccount.unit), func.sum(col(FundEntry.fen)))
        .select_from(FundAccount)
        .join(FundEntry, col(FundEntry.account_id) == col(FundAccount.id))
        .join(Estate, col(Estate.id) == col(FundAccount.estate_id))
        .where(col(FundAccount.holder) != "bank", col(FundAccount.estate_id).in_(kept))
        .group_by(col(Estate.name), col(FundAccount.id))
        .having(func.sum(col(FundEntry.fen)) < 0)
        .order_by(col(FundAccount.id))
    )
    found += [
        (name, f"{unit or DEVELOPER}的余额是 {yuan(int(fen))} 元。")
        for name, _, unit, fen in session.execute(overdrawn)
    ]
    return found


@dataclass(frozen=True)
class Fund:
    """An estate's fund in short."""

    is_kept: bool
    since: date | None
    """The day of the newest balances that were imported."""
    units: int
    total: int
    """Fen of all units together."""
    developer: int


def fund_of(session: Session, estate_id: int | None) -> Fund:
    since = balances_of(session, estate_id)
    sums = (
        select(col(FundAccount.holder), func.count(col(FundAccount.id).distinct()), func.sum(col(FundEntry.fen)))
        .join(FundEntry, col(FundEntry.account_id) == col(FundAccount.id))
        .where(col(FundAccount.estate_id) == estate_id)
        .group_by(col(FundAccount.holder))
    )
    found = {holder: (many, int(fen)) for holder, many, fen in session.execute(sums)} if since else {}
    units, total = found.get("unit", (0, 0))
    return Fund(since is not None, since, units, total, found.get("developer", (0, 0))[1])


def accounts_of(
    session: Session, estate_id: int | None, *, q: str = "", after: int = 0, limit: int = 50
) -> tuple[list[tuple[FundAccount, int]], int | None]:
    """A page of an estate's accounts with their balances (fen), in the order in which they were opened; and what to ask next."""
    found = (
        select(FundAccount, func.coalesce(func.sum(col(FundEntry.fen)), 0))
        .outerjoin(FundEntry, col(FundEntry.account_id) == col(FundAccount.id))
        .where(col(FundAccount.estate_id) == estate_id, col(FundAccount.id) > after, col(FundAccount.holder) != "bank")
        .group_by(col(FundAccount.id))
        .order_by(col(FundAccount.id))
    )
    if q:
        found = found.where(col(FundAccount.unit).contains(q, autoescape=True))
    rows = session.execute(found.limit(limit + 1)).all()
    return [(account, int(fen)) for account, fen in rows[:limit]], rows[limit - 1][0].id if len(rows) > limit else None


def postings_of(
    session: Session, estate_id: int | None, *, before: int | None = None, limit: int = 50
) -> tuple[list[tuple[FundPosting, int]], int | None]:
    """A page of an estate's postings with what each changed (fen), the newest first; and what to ask next."""
    of_bank = (
        select(FundPosting, -func.sum(col(FundEntry.fen)))
        .join(FundEntry, col(FundEntry.posting_id) == col(FundPosting.id))
        .join(FundAccount, col(FundAccount.id) == col(FundEntry.account_id))
        .where(col(FundPosting.estate_id) == estate_id, col(FundAccount.holder) == "bank")
        .group_by(col(FundPosting.id))
    )
    if before:
        of_bank = of_bank.where(col(FundPosting.id) < before)
    rows = session.execute(of_bank.order_by(col(FundPosting.id).desc()).limit(limit + 1)).all()
    return [(posting, int(fen)) for posting, fen in rows[:limit]], rows[limit - 1][0].id if len(rows) > limit else None


def _accounts(session: Session, estate_id: int, entries: Iterable[Entry]) -> Mapping[tuple[str, str], int]:
    """The accounts' ids by (holder, unit), opened where there is none yet."""
    found = select(col(FundAccount.holder), col(FundAccount.unit), col(FundAccount.id))
    known: dict[tuple[str, str], int] = {
        (holder, unit): number
        for holder, unit, number in session.execute(found.where(col(FundAccount.estate_id) == estate_id))
    }
    wanted = dict.fromkeys([*(entry.owner for entry in entries), ("bank", "")])
    new: list[dict[str, Any]] = [
        {"estate_id": estate_id, "holder": holder, "unit": unit}
        for holder, unit in wanted
        if (holder, unit) not in known
    ]
    made = zip(new, insert_rows(session, FundAccount, new), strict=True)
    return known | {(row["holder"], row["unit"]): number for row, number in made}
