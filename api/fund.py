"""The maintenance fund: an estate's accounts and journal, and how a case's costs fall on the units.

Money is fen, areas dm² (hundredths of a square metre). Owners are masked. A refusal's `field` is `balances` for what is wrong
with the file.
"""

import csv
from collections.abc import Callable
from datetime import date
from io import StringIO
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import may_keep_fund, must_keep_fund, must_see_balances, see, see_estate, sees_balances
from models.case import Case
from models.errors import NotFound
from models.fund_accounts import (
    DEVELOPER,
    KINDS,
    FundPosting,
    Imported,
    accounts_of,
    fund_of,
    import_balances,
    import_deposits,
    postings_of,
)
from models.fund_charges import Allocation, UnitLine, allocation
from models.money import yuan
from models.people import Person
from models.reading import square_metres
from models.territory import Estate
from models.worktime import OFFICE_ZONE

from .cases import instant
from .deps import Db, Me, Now
from .estates import After, Key, Limit, Paper, Search, bounded
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["fund"])
Day = Annotated[date | None, Form(description="the day of which the file speaks; today, where none is given")]


@router.get("/estates/{estate_id}/fund")
def read_fund(estate_id: Key, session: Db, me: Me) -> dict[str, Any]:
    """Whether balances are kept here (`kept`, 已建账), since when, and what there is in all."""
    estate = see_estate(session, me, estate_id)
    fund = fund_of(session, estate.id)
    return {
        "estate": estate.id,
        "kept": fund.is_kept,
        "balances_of": fund.since,
        "units": fund.units,
        "units_fen": fund.total,
        "developer_fen": fund.developer,
        "total_fen": fund.total + fund.developer,
        "may_keep_fund": may_keep_fund(me, estate),
    }


@router.get("/estates/{estate_id}/fund/accounts")
def list_accounts(
    estate_id: Key, session: Db, me: Me, q: Search = "", after: After = 0, limit: Limit = 50
) -> dict[str, Any]:
    """What each unit has, in the order in which accounts were opened; `balance_fen` null where balances are not kept here."""
    estate = see_estate(session, me, estate_id)
    must_see_balances(me, estate)
    kept = fund_of(session, estate.id).is_kept
    found, following = accounts_of(session, estate.id, q=q.strip(), after=after, limit=limit)
    return {
        "items": [
            {"id": account.id, "holder": account.holder, "unit": account.unit or None, "balance_fen": fen if kept else None}
            for account, fen in found
        ],
        "next": following,
    }  # fmt: skip


@router.get("/estates/{estate_id}/fund/postings")
def list_postings(
    estate_id: Key,
    session: Db,
    me: Me,
    after: Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before")] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """The journal, the newest first; `fen` is by how much the fund changed."""
    estate = see_estate(session, me, estate_id)
    found, following = postings_of(session, estate.id, before=after, limit=limit)
    numbers = _numbers(session, {posting.case_id for posting, _ in found if posting.case_id})
    items = [_posting(posting, fen) | {"case": numbers.get(posting.case_id or 0)} for posting, fen in found]
    return {"items": items, "next": following}


@router.post("/estates/{estate_id}/fund/balances", status_code=201)
def upload_balances(
    estate_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce, file: Paper, day: Day = None
) -> JSONResponse:
    """Let the file's balances (房号, 余额; .xlsx or CSV, yuan) be those of its units; the first time opens the accounts (建账).

    One line that cannot be taken refuses the file, and the sentence names it.
    """
    return _import(import_balances, estate_id, session, me, now, once, file, day)


@router.post("/estates/{estate_id}/fund/deposits", status_code=201)
def upload_deposits(
    estate_id: Key, session: Db, me: Me, now: Now, once: OnlyOnce, file: Paper, day: Day = None
) -> JSONResponse:
    """Add the file's sums (房号, 金额) to what its units have; a line of `建设单位` is the developer's. 409 before balances were imported."""
    return _import(import_deposits, estate_id, session, me, now, once, file, day)


@router.get("/cases/{number}/allocation")
def read_allocation(number: str, session: Db, me: Me, after: After = 0, limit: Limit = 200) -> dict[str, Any]:
    """How the case's costs fall on the units of its charging scope: the budget, once it is known the settlement.

    `why_not` says why that cannot be told, and then there are no items. `kept`: balances are kept here; else they are null.
    What falls on units not sold yet is the developer's. 404 for cases that take nothing out of the fund.
    """
    found, open_to_me = allocation_seen(session, me, see(session, me, number))
    charge = found.charge
    return {
        "number": number,
        "scope": charge.scope,
        "basis": charge.basis,
        "fen": charge.fen,
        "paid_fen": charge.paid,
        "kept": found.is_kept,
        "why_not": found.why_not,
        "words": found.in_words,
        "roster_doubts": found.roster_doubts,
        "units": len(found.lines),
        "unsold": found.unsold,
        "developer": {
            "fen": found.developer, "balance_fen": found.developer_balance if open_to_me else None,
            "short_fen": found.developer_short,
        },
        "short": [_line(line, open_to_me) for line in found.short] if open_to_me else [],
        "short_units": len(found.short),
        "short_fen": sum(line.short for line in found.short),
        "items": [_line(line, open_to_me) for line in found.lines[after : after + limit]],
        "next": after + limit if after + limit < len(found.lines) else None,
        "total": len(found.lines),
    }  # fmt: skip


@router.get("/cases/{number}/allocation.csv", response_class=Response)
def download_allocation(number: str, session: Db, me: Me) -> Response:
    """The whole of it as CSV, in yuan and square metres."""
    return as_csv(number, *allocation_seen(session, me, see(session, me, number)))


# --- what pages share ---


def allocation_seen(session: Session, me: Person, case: Case) -> tuple[Allocation, bool]:
    """The allocation, and whether what single units have is open to this person. Raises `NotFound` for a case that takes nothing out of the fund."""
    charge = case.kind.spending(case)
    if charge is None:
        raise NotFound(f"“{case.kind.title}”不使用维修资金，没有分摊。")
    found = allocation(session, charge)
    return found, sees_balances(me, session.get_one(Estate, charge.estate_id))


def as_csv(number: str, found: Allocation, open_to_me: bool) -> Response:
    out = StringIO()
    write = csv.writer(out)
    write.writerow(
        ("房号", "业主", "专有部分面积（㎡）", "承担人", "分摊（元）", "其中已支付（元）", "余额（元）", "不足（元）")
    )
    for line in found.lines:
        write.writerow(
            (
                _plain(line.unit), _plain(line.masked_owner), square_metres(line.area_dm2),
                DEVELOPER if line.unsold else "业主", _yuan(line.fen), _yuan(line.paid),
                "" if line.balance is None or not open_to_me else _yuan(line.balance), _yuan(line.short) if open_to_me else "",
            )
        )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="{number}-allocation.csv"'}
    # Excel takes a file for UTF-8 by its mark
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def imported_json(made: Imported) -> dict[str, Any]:
    return _posting(made.posting, made.changed) | {
        "lines": made.lines, "file_fen": made.total, "left_out": list(made.left_out),
    }  # fmt: skip


def _import(
    how: Callable[..., Imported], estate_id: int, session: Db, me: Me, now: Now, once: OnlyOnce, file: Any, day: date | None
) -> JSONResponse:  # fmt: skip
    estate = see_estate(session, me, estate_id)
    must_keep_fund(me, estate)
    of = day or now.astimezone(OFFICE_ZONE).date()
    return once(
        lambda: imported_json(how(session, estate, bounded(file), filename=file.filename or "", by=me, at=now, day=of)),
        201,
    )


def _posting(posting: FundPosting, fen: int) -> dict[str, Any]:
    return {
        "id": posting.id, "kind": posting.kind, "title": KINDS[posting.kind], "day": posting.day.isoformat(),
        "at": instant(posting.at), "fen": fen, "filename": posting.filename, "sha256": posting.sha256,
    }  # fmt: skip


def _line(line: UnitLine, open_to_me: bool) -> dict[str, Any]:
    return {
        "unit": line.unit, "owner": line.masked_owner, "area_dm2": line.area_dm2, "unsold": line.unsold, "fen": line.fen,
        "paid_fen": line.paid, "balance_fen": line.balance if open_to_me else None, "short_fen": line.short if open_to_me else None,
    }  # fmt: skip


def _yuan(fen: int) -> str:
    return yuan(fen).replace(",", "")


def _plain(words: str) -> str:
    """No spreadsheet takes a name for a formula."""
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t")) else words


def _numbers(session: Session, ids: set[int]) -> dict[int, str]:
    rows = session.execute(select(col(Case.id), col(Case.number)).where(col(Case.id).in_(ids)))
    return dict(rows.tuples().all())
