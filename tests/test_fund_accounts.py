"""The fund's accounts: what comes in from a file, what cases take out, and that the journal always balances."""

import csv
import json
import time
from datetime import date
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col

from flows.hand_off import carry_on
from models.case import Case, events_of, verify
from models.documents import Document
from models.errors import Conflict, Invalid, Refused
from models.estate_roster import Roster
from models.fund import allocate
from models.fund_accounts import (
    DEVELOPER,
    Entry,
    FundEntry,
    FundPosting,
    balances,
    fund_of,
    import_balances,
    import_deposits,
    is_kept,
    post,
    unbalanced,
)
from models.fund_charges import Allocation, Charge, ScopeUnit, allocation, charge_to, scope_unclear, shortfall, units_in
from models.territory import Unit

from .door import Door
from .make import DECIDED, Cast, at, at_review, shift
from .papers import ROSTER, roster, upload, workbook

SIX = [(f"{building}栋0{floor}01", "苏伟", "", 100) for building in (1, 2) for floor in (1, 2, 3)]
UNSOLD = ("3栋0101", "未售", "", 100)
"""With `SIX`, seven units of 100 ㎡ each, the last one the developer's."""


def has_roster(session: Session, cast: Cast, *lines: Any) -> None:
    Roster.read(session, cast.estate, roster(*(lines or (*SIX, UNSOLD))), filename="名册.xlsx", by=cast.agent, at=at("2026-09-01 09:00"))  # fmt: skip


def sums(*lines: tuple[Any, Any]) -> bytes:
    return workbook([("莲花北村维修资金分户余额",), ("房号", "余额（元）"), *lines])


def opens_accounts(session: Session, cast: Cast, fen: int = 5_000_000, day: date = date(2026, 9, 30)) -> None:
    """Each of the six has so much at the end of `day`; the developer has nothing."""
    lines = [(unit, fen / 100) for unit, *_ in SIX]
    import_balances(
        session, cast.estate, sums(*lines), filename="余额.xlsx", by=cast.payer, at=at(f"{day} 18:00"), day=day
    )  # fmt: skip


def deposits(session: Session, cast: Cast, when: str, *lines: tuple[str, Any], file: bytes = b"") -> None:
    import_deposits(
        session, cast.estate, file or sums(*lines), filename="交存.xlsx", by=cast.payer, at=at(when), day=at(when).date()
    )  # fmt: skip


def has(session: Session, cast: Cast) -> dict[str, int]:
    """Fen by unit, `建设单位` and `bank`."""
    return {
        unit or (DEVELOPER if holder == "developer" else holder): fen
        for (holder, unit), fen in balances(session, cast.estate.id).items()
    }


def shown(session: Session, case: Case) -> Allocation:
    charge = case.kind.spending(case)
    assert charge is not None
    return allocation(session, charge)


def found(session: Session, case: Case) -> str:
    """What the newest event found out."""
    return str(events_of(session, case)[-1].facts["found"])


# --- a life ---


def test_one_request_from_the_owners_accounts_and_back(session: Session, cast: Cast) -> None:
    # 莲花北村: seven units of 100 ㎡, six of them with 28,571.43 yuan or more, one still the developer's
    has_roster(session, cast)
    opens_accounts(session, cast, 2_857_142)

    # Monday, 12 October 2026: 200,000.00 for everybody; by area each unit bears 28,571.43 or 28,571.42.
    # 20,000,000 fen ÷ 7 = 2,857,142 and 6 left over, which go to the first six
    case = cast.opens("2026-10-12 09:00", works="屋面防水翻修")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    cast.fires(case, "agent", "submit", "2026-10-12 10:00", payee="深圳安恒建筑防水有限公司", finish_by="2027-03-31")
    said = found(session, case)
    assert (
        "预算 200,000.00 元按专有部分面积分摊至 7 个单元，其中 1 个未售、未交付单元的 28,571.42 元由建设单位承担"
        in said
    )
    assert "6 个单元余额不足，共差 0.06 元；建设单位尚须交存 28,571.42 元" in said

    # the shortfall does not keep it from being looked at, but nothing is approved that the accounts cannot bear
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    with pytest.raises(Conflict, match=r"分户余额不足.*建设单位差 14,285\.71 元，共差 14,285\.71 元"):
        cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    deposits(session, cast, "2026-10-14 10:00", (DEVELOPER, "28,571.42"), *((unit, 0.01) for unit, *_ in SIX))
    assert shown(session, case).in_words.endswith("各单元余额足够。")
    cast.fires(case, "reviewer", "approve", "2026-10-14 11:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-15")

    # 10,000,000 ÷ 7 = 1,428,571 and 3 left over
    assert [2_857_143 - has(session, cast)[unit] for unit, *_ in SIX] == [1_428_572] * 3 + [1_428_571] * 3
    assert has(session, cast)[DEVELOPER] == 2_857_142 - 1_428_571
    assert has(session, cast)["bank"] == -10_000_000
    assert "按专有部分面积分摊至 7 个单元" in found(session, case)

    # the settlement is 180,000.05; both payments together are its allocation, to the cent
    cast.fires(case, "agent", "finished", "2026-11-20 09:00")
    cast.fires(case, "committee", "passed", "2026-11-27 09:00", settlement="180000.05")
    cast.fires(case, "agent", "apply", "2026-12-01 09:00")
    cast.fires(case, "reviewer", "approve", "2026-12-02 09:00")
    cast.fires(case, "payer", "paid", "2026-12-04 09:00", paid_on="2026-12-04")
    whole = {share.unit: share.fen for share in allocate([(unit, 10_000) for unit, *_ in (*SIX, UNSOLD)], 18_000_005)}
    assert {unit: 2_857_143 - has(session, cast)[unit] for unit, *_ in SIX} == {u: whole[u] for u, *_ in SIX}
    assert 2_857_142 - has(session, cast)[DEVELOPER] == whole["3栋0101"]
    assert [(line.fen, line.paid) for line in shown(session, case).lines] == [(fen, fen) for fen in whole.values()]

    # what is published of it stands in the paper and in the ledger
    cast.fires(case, "agent", "published", "2026-12-10 09:00")
    assert events_of(session, case)[-1].facts["allocated"] == {
        "units": 7, "fen": 18_000_005, "unsold": 1, "developer": whole["3栋0101"],
    }  # fmt: skip
    shift(session, "2026-12-10 09:01")
    paper = session.scalars(select(Document).where(col(Document.kind) == "conclusion_notice")).one()
    assert paper.facts["event"]["allocated"]["units"] == 7
    assert unbalanced(session) == [] and verify(events_of(session, case)) is None


def test_a_refund_goes_back_to_the_accounts_it_came_from(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast)
    case = at_review(session, cast)
    before = has(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    cast.fires(case, "agent", "cancel", "2026-11-02 09:00", reason="施工单位停业", owed="0.05")
    cast.fires(case, "reviewer", "returned", "2026-11-05 09:00", amount="99999.95", returned_on="2026-11-05")
    # of the five fen that are owed the first five units bear one each
    assert [before[unit] - has(session, cast)[unit] for unit, *_ in SIX] == [1, 1, 1, 1, 1, 0]
    kinds = session.scalars(select(col(FundPosting.kind)).order_by(col(FundPosting.id))).all()
    assert kinds == ["balances", "payment", "refund"] and unbalanced(session) == []
    assert case.details["paid"] == 5 and case.outcome == "退款办结"


def test_what_bounced_was_never_taken(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast)
    case, before = at_review(session, cast), has(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "bounced", "2026-10-16 09:00", reason="户名不符")
    assert has(session, cast) == before


def test_two_cases_do_not_spend_the_same_money(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast, 2_000_000)  # 120,000 yuan in all
    one, two = (at_review(session, cast) for _ in range(2))
    for case in (one, two):
        cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(one, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    with pytest.raises(Conflict, match="余额不足.*等 6 户"):
        cast.fires(two, "payer", "paid", "2026-10-16 09:05", paid_on="2026-10-16")
    assert two.stage == "first_payment" and unbalanced(session) == []


def test_an_estate_without_accounts_pays_all_the_same_and_says_so(session: Session, cast: Cast) -> None:
    """Many offices start so: the bank keeps the balances."""
    has_roster(session, cast, *SIX)
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    assert found(session, case).endswith("未建账：分户余额不在本系统记载。")
    assert not is_kept(session, cast.estate.id) and not shown(session, case).is_kept
    assert shown(session, case).lines[0].balance is None and shown(session, case).short == []
    # 20,000.00 is what the bank says is left after that payment; the final one takes the rest of the allocation and no more
    opens_accounts(session, cast, 2_000_000, date(2026, 10, 31))
    assert all(has(session, cast)[unit] == 2_000_000 for unit, *_ in SIX)
    cast.fires(case, "agent", "finished", "2026-11-20 09:00")
    cast.fires(case, "committee", "passed", "2026-11-27 09:00", settlement="160000")
    cast.fires(case, "agent", "apply", "2026-12-01 09:00")
    cast.fires(case, "reviewer", "approve", "2026-12-02 09:00")
    cast.fires(case, "payer", "paid", "2026-12-04 09:00", paid_on="2026-12-04")
    assert all(has(session, cast)[unit] == 1_000_000 for unit, *_ in SIX)


def test_an_estate_without_roster_pays_without_allocation(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    assert found(session, case) == "未分摊入户：本小区还没有业主名册，不能按面积分摊。"
    assert session.scalar(select(func.count()).select_from(FundPosting)) == 0


def test_a_roster_that_changes_between_the_payments_changes_nothing_about_the_shares(
    session: Session, cast: Cast
) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast)
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="60000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    has_roster(session, cast, ("1栋0101", "苏伟", "", 900), *SIX[1:])
    cast.fires(case, "agent", "finished", "2026-11-20 09:00")
    cast.fires(case, "committee", "passed", "2026-11-27 09:00", settlement="120000")
    cast.fires(case, "agent", "apply", "2026-12-01 09:00")
    cast.fires(case, "reviewer", "approve", "2026-12-02 09:00")
    cast.fires(case, "payer", "paid", "2026-12-04 09:00", paid_on="2026-12-04")
    assert {has(session, cast)[unit] for unit, *_ in SIX} == {5_000_000 - 2_000_000}


def test_a_case_taken_up_again_goes_on_where_its_payments_stood(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast)
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="60000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    cast.fires(case, "agent", "cancel", "2026-11-02 09:00", reason="停业", owed="0.05")
    cast.fires(case, "reviewer", "returned", "2026-11-05 09:00", amount="59999.95", returned_on="2026-11-05")
    again = case.reopened(
        session, by=cast.district_head, at=at("2026-11-10 09:00"), facts={"reason": "续建", "evidence": "合同"}
    )
    with pytest.raises(Invalid, match=r"加上已拨付的 0\.05 元超过预算"):
        cast.fires(again, "reviewer", "approve", "2026-11-11 09:00", amount="200000")
    cast.fires(again, "reviewer", "approve", "2026-11-11 09:00", amount="60000")
    cast.fires(again, "payer", "paid", "2026-11-12 09:00", paid_on="2026-11-12")
    whole = allocate([(unit, 10_000) for unit, *_ in SIX], 6_000_005)
    assert [5_000_000 - has(session, cast)[share.unit] for share in whole] == [share.fen for share in whole]


# --- the charging scope ---

SCOPE = [
    ScopeUnit(unit, 100_00, False, "苏伟")
    for unit in ("1栋0101", "1栋0102", "2栋1单元0101", "2栋11单元0101", "11栋0101", "A栋0101", "商铺12号")
]  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("全体业主", [0, 1, 2, 3, 4, 5, 6]),
        ("1栋", [0, 1]),
        ("１幢", [0, 1]),
        ("01号楼全体业主", [0, 1]),
        ("2栋1单元", [2]),
        ("2栋1单元的全体业主", [2]),
        ("2栋11单元、1栋0102", [1, 3]),
        ("1栋和11栋", [0, 1, 4]),
        ("11栋101，1栋0101\n1栋", [0, 1, 4]),
        ("A座", [5]),
        ("商铺12号", [6]),
    ],
)
def test_a_scope_is_read_as_it_is_written(scope: str, expected: list[int]) -> None:
    assert units_in(scope, SCOPE) == [SCOPE[nth] for nth in expected]


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [("9栋", "“9栋”在业主名册上找不到（名册上有1栋、2栋、11栋、A栋）"), ("二期业主", "“二期业主”"), ("1栋、1栋0909", "“1栋0909”"), ("、", "没有写明")],
)  # fmt: skip
def test_what_the_roster_does_not_know_is_named(scope: str, sentence: str) -> None:
    with pytest.raises(Conflict, match=sentence):
        units_in(scope, SCOPE)


def test_only_the_named_buildings_bear_the_costs(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    opens_accounts(session, cast)
    case = cast.opens("2026-10-12 09:00", scope="2栋、3栋")
    assert [line.unit for line in shown(session, case).lines] == ["2栋0101", "2栋0201", "2栋0301", "3栋0101"]
    assert shown(session, case).developer == 5_000_000


def test_the_words_of_an_old_case_stay_until_accounts_are_kept(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    case = cast.opens("2026-10-12 09:00", scope="东侧各楼")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    stated = {"payee": "深圳安恒", "finish_by": "2027-03-31"}
    cast.fires(case, "agent", "submit", "2026-10-12 10:00", **stated)
    assert found(session, case).startswith("预分摊：未作分摊：列支范围“东侧各楼”在业主名册上找不到")
    cast.fires(case, "clerk", "accept", "2026-10-12 10:05")
    # then the balances come in: nothing leaves the fund without an account, and a correction says what the words mean
    opens_accounts(session, cast)
    with pytest.raises(Conflict, match="须先写明列支范围"):
        cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000")
    cast.fires(case, "reviewer", "ask", "2026-10-14 09:05", items=["列支范围写明到楼栋"])
    with pytest.raises(Invalid, match="“9栋”") as refusal:
        cast.fires(case, "agent", "resubmit", "2026-10-14 10:00", scope="9栋")
    assert refusal.value.field == "scope"
    cast.fires(case, "agent", "resubmit", "2026-10-14 10:00", scope="1栋")
    cast.fires(case, "reviewer", "approve", "2026-10-14 11:00", amount="100000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    assert has(session, cast)["2栋0101"] == 5_000_000 and has(session, cast)["1栋0201"] == 5_000_000 - 3_333_333


def test_what_the_owners_decided_is_not_written_anew(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    case = cast.opens("2026-10-12 09:00", scope="1栋")
    cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=cast.decided().id, **DECIDED)
    with pytest.raises(Invalid, match="已随使用方案由业主共同决定") as refusal:
        cast.fires(case, "agent", "submit", "2026-10-12 10:00", payee="安恒", finish_by="2027-03-31", scope="2栋")
    assert refusal.value.field == "scope"
    assert scope_unclear(session, cast.estate.id, "1栋") is None


def test_a_plan_that_charges_nobody_is_not_published(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    opens_accounts(session, cast)
    case = cast.opens("2026-10-12 09:00", scope="二期")
    cast.fires(case, "agent", "plan", "2026-10-12 09:10", warranty_expired=True)
    with pytest.raises(Invalid, match="“二期”"):
        cast.fires(case, "agent", "publish", "2026-10-12 09:20")
    cast.fires(case, "agent", "publish", "2026-10-12 09:20", scope="2栋")
    assert case.details["scope"] == "2栋"


# --- files ---


def takes(session: Session, cast: Cast, data: bytes, name: str = "余额.xlsx", day: date = date(2026, 9, 30)) -> Any:
    return import_balances(session, cast.estate, data, filename=name, by=cast.payer, at=at("2026-09-30 09:00"), day=day)


def test_balances_come_in_as_banks_give_them_out(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    made = takes(
        session, cast,
        workbook([
            ("分户余额表",), ("序号", "楼栋", "房号", "业主", "首期金额", "账户余额"),
            (1, "1", "101", "苏伟", 1, "1,234.50"), (2, "1栋", "0201", "苏伟", 1, 0.3), ("合计", "", "", "", "", 1234.8),
            (3, "3", "0101", "", 1, 500), ("", "", "建设单位", "", "", "1000元"), ("制表人：王芳", "", "", "", "", ""),
        ]),
    )  # fmt: skip
    assert made.lines == 4 and made.total == 123_450 + 30 + 50_000 + 100_000
    assert made.left_out == ("1栋0301", "2栋0101", "2栋0201", "2栋0301")
    assert has(session, cast) | {"bank": 0} == {
        "1栋0101": 123_450, "1栋0201": 30, "3栋0101": 50_000, DEVELOPER: 100_000, "1栋0301": 0, "2栋0101": 0, "2栋0201": 0,
        "2栋0301": 0, "bank": 0,
    }  # fmt: skip
    fund = fund_of(session, cast.estate.id)
    assert (fund.is_kept, fund.units, fund.total, fund.developer) == (True, 7, 173_480, 100_000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_balances_come_in_as_text_too(session: Session, cast: Cast, encoding: str) -> None:
    has_roster(session, cast)
    takes(session, cast, '房号,余额\r\n1栋0101,"1,234.50"\r\n\r\n1栋0201,7\r\n'.encode(encoding), "余额.csv")
    assert (has(session, cast)["1栋0101"], has(session, cast)["1栋0201"]) == (123_450, 700)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (("9栋0101", 1), "第4行名册里没有“9栋0101”"),
        (("1栋0201", -1), "第4行金额 -1 是负数"),
        (("1栋0201", "-0.50"), "第4行金额 -0.50 是负数"),
        (("1栋0201", 1.005), "第4行金额 1.005 超过两位小数"),
        (("1栋0201", "约一千"), "第4行金额“约一千”看不懂"),
        (("1栋0201", None), "第4行没有填金额"),
        (("1栋0101", 1), "第4行1栋0101重复了第3行"),
        (("甲", 1), "第4行房号“甲”看不出是哪个单元"),
    ],
)
def test_one_line_that_cannot_be_taken_refuses_the_file_and_is_named(
    session: Session, cast: Cast, line: tuple[Any, Any], sentence: str
) -> None:
    has_roster(session, cast)
    with pytest.raises(Invalid) as refusal:
        takes(session, cast, sums(("1栋0101", 5), line))
    assert "有1行不能入账，整份文件没有导入" in refusal.value.sentence and sentence in refusal.value.sentence
    assert refusal.value.field == "balances" and not is_kept(session, cast.estate.id)


def test_every_refused_line_is_named_up_to_twenty(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    with pytest.raises(Invalid, match=r"有30行不能入账.*第22行[^；]*等30行。") as refusal:
        takes(session, cast, sums(*((f"9栋{n:04}", 1) for n in range(30))))
    assert refusal.value.sentence.count("；") == 19


def test_what_is_no_use_is_refused_whole(session: Session, cast: Cast) -> None:
    with pytest.raises(Conflict, match="还没有业主名册"):
        takes(session, cast, sums(("1栋0101", 5)))
    has_roster(session, cast)
    for data, sentence in (
        (b"", "是空的"),
        (b"%PDF-1.7\0", "PDF"),
        (b"\xff\xfe\xfd not text", "不是文本|没有找到表头|不是 Excel"),
        (workbook([("房号", "面积")]), "缺少“余额”"),
        (sums(), "没有任何单元"),
        (b"PK nonsense", "损坏"),
    ):
        with pytest.raises(Refused, match=sentence) as refusal:
            takes(session, cast, data)
        assert refusal.value.field == "balances"
    with pytest.raises(Invalid, match="不能晚于今天"):
        takes(session, cast, sums(("1栋0101", 5)), day=date(2026, 10, 1))


def test_later_balances_are_the_files_and_the_difference_is_posted(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    opens_accounts(session, cast, 100_00)
    made = import_balances(
        session, cast.estate, sums(("1栋0101", 90), ("1栋0201", 115.5)), filename="对账.xlsx", by=cast.payer,
        at=at("2026-10-31 09:00"), day=date(2026, 10, 31),
    )  # fmt: skip
    assert made.changed == 5_50 and len(made.left_out) == 5
    assert (has(session, cast)["1栋0101"], has(session, cast)["1栋0201"], has(session, cast)["2栋0101"]) == (
        9000,
        11550,
        10000,
    )
    assert unbalanced(session) == []


def test_balances_of_an_earlier_day_keep_what_was_paid_since(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    opens_accounts(session, cast)
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="60000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")

    def comes_late(yuan: float) -> None:
        import_balances(
            session, cast.estate, sums(("1栋0101", yuan)), filename="九月.xlsx", by=cast.payer, at=at("2026-10-20 09:00"),
            day=date(2026, 10, 15),
        )  # fmt: skip

    comes_late(49_000)  # on the 15th; on the 16th it paid its 10,000.00
    assert has(session, cast)["1栋0101"] == 3_900_000
    with pytest.raises(Invalid, match="1栋0101在该日之后的支付超过文件里的余额"):
        comes_late(9_999.99)
    with pytest.raises(Invalid, match="2026-10-15 的余额已经导入，其中已含 2026-10-14 的存入"):
        deposits(session, cast, "2026-10-14 09:00", ("1栋0101", 10))
    assert unbalanced(session) == []


def test_accounts_opened_by_an_earlier_days_balances_too(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *SIX)
    case = at_review(session, cast)
    cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="60000")
    cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16")
    opens_accounts(session, cast, 3_000_000)
    assert all(has(session, cast)[unit] == 2_000_000 for unit, *_ in SIX)


def test_a_deposit_is_added_once(session: Session, cast: Cast) -> None:
    has_roster(session, cast)
    with pytest.raises(Conflict, match="还没有建账"):
        deposits(session, cast, "2026-10-08 09:00", ("1栋0101", 10))
    opens_accounts(session, cast, 100_00)
    file = sums(("1栋0101", 10))
    deposits(session, cast, "2026-10-08 09:00", file=file)
    assert has(session, cast)["1栋0101"] == 110_00
    with pytest.raises(Conflict, match="已按 2026-10-08 存入过一次"):
        deposits(session, cast, "2026-10-08 09:30", file=file)
    assert has(session, cast)["1栋0101"] == 110_00


# --- the journal ---

POSTED = [Entry("unit", "1栋0101", 700), Entry("developer", "3栋0101", 300)]


def posts(session: Session, cast: Cast) -> FundPosting:
    return post(
        session, cast.estate.id, "deposit", POSTED, day=date(2026, 10, 12), at=at("2026-10-12 09:00"), by_id=None  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    "tampering",
    [
        "update fund_entry set fen = 1 where fen = 700",
        "delete from fund_entry",
        "truncate fund_entry",
        "update fund_posting set day = now()",
        "delete from fund_posting",
        "update fund_account set unit = '9栋0909' where unit <> ''",
        "delete from fund_account",
        "insert into fund_entry (posting_id, account_id, fen) select posting_id, account_id, 0 from fund_entry",
        "insert into fund_entry (posting_id, account_id, fen) select posting_id, account_id, fen from fund_entry where fen > 0",
    ],
)
def test_the_running_system_cannot_rewrite_the_journal(session: Session, cast: Cast, tampering: str) -> None:
    posts(session, cast)
    before = has(session, cast)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(tampering))
    assert has(session, cast) == before == {"1栋0101": 700, DEVELOPER: 300, "bank": -1000}


def test_a_posting_that_does_not_balance_is_not_written(session: Session, cast: Cast) -> None:
    posting = posts(session, cast)
    session.add(other := FundPosting(estate_id=posting.estate_id, kind="deposit", day=posting.day, at=posting.at))
    session.flush()
    account = session.scalar(select(col(FundEntry.account_id)).limit(1))
    with pytest.raises(DBAPIError, match="balances to zero"), session.begin_nested():
        session.execute(
            text("insert into fund_entry (posting_id, account_id, fen) values (:p, :a, 5), (:p, :a, -4)"),
            {"p": other.id, "a": account},
        )
    assert unbalanced(session) == [("莲花北村", f"第{other.id}号凭证没有分录。")]


def test_the_audit_names_what_somebody_with_the_owners_rights_has_done(
    own_database: Any, engine_of_its_own: Any
) -> None:
    import psycopg

    with Session(engine_of_its_own) as session, session.begin():
        cast = Cast(session)
        has_roster(session, cast)
        opens_accounts(session, cast, 100)
        assert unbalanced(session) == []
    with psycopg.connect(own_database.owner) as owner:
        owner.execute("alter table fund_entry disable trigger user")
        owner.execute("update fund_entry set fen = -200 where unit = '1栋0101'")
    with Session(engine_of_its_own) as session:
        (_, posting), (name, overdrawn) = unbalanced(session)
    assert "借贷不平，差 -3.00 元" in posting and (name, overdrawn) == ("莲花北村", "1栋0101的余额是 -2.00 元。")


steps = st.lists(
    st.tuples(st.sampled_from(["deposit", "pay", "refund", "restate"]), st.integers(0, 2), st.integers(0, 40_000)),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=3, max_size=8), steps)
def test_whatever_is_paid_in_and_out_and_back_the_journal_balances(
    session: Session, cast: Cast, areas: list[int], steps: list[tuple[str, int, int]]
) -> None:
    savepoint = session.begin_nested()
    estate, when = cast.estate, at("2026-10-12 09:00")
    labels = [f"1栋{n:04}" for n in range(101, 101 + len(areas))]
    for label, area in zip(labels, areas, strict=True):
        session.add(Unit(estate_id=estate.id, label=label, area_dm2=area, owner="苏伟", owner_key=label, unsold=label == labels[-1]))  # type: ignore[arg-type]  # fmt: skip
    cases = [cast.opens("2026-10-12 09:00") for _ in range(3)]
    paid = [0, 0, 0]

    def posted(kind: Any, fen: int) -> None:
        entries = [Entry("unit", label, fen + nth) for nth, label in enumerate(labels[:-1])]
        post(session, estate.id, kind, [*entries, Entry("developer", "", fen)], day=when.date(), at=when, by_id=None)  # type: ignore[arg-type]

    posted("balances", 1000)
    had = 1000 * len(areas) + sum(range(len(labels) - 1))
    for what, which, fen in steps:
        charge = Charge(estate.id, cases[which].id, "全体业主", 10**6, paid[which], "预算")  # type: ignore[arg-type]
        if what in ("deposit", "restate"):
            posted("deposit" if what == "deposit" else "balances", fen)
            had += fen * len(areas) + sum(range(len(labels) - 1))
        else:
            after = paid[which] + fen if what == "pay" else max(paid[which] - fen, 0)
            try:
                charge_to(session, charge, after, day=when.date(), at=when, by_id=None)
            except Conflict as refused:
                assert what == "pay" and shortfall(session, charge, after) == refused.sentence
                continue
            had, paid[which] = had - (after - paid[which]), after
        now = balances(session, estate.id)
        assert sum(now.values()) == 0 and now["bank", ""] == -had
        assert all(fen >= 0 for (holder, _), fen in now.items() if holder != "bank")
        assert unbalanced(session) == []
    savepoint.rollback()
    session.expunge_all()


# --- through the door ---


def estate_of(door: Door) -> int:
    return int(door.writes(lambda session, cast: cast.estate.id))


def at_the_review(door: Door) -> str:
    return str(door.writes(lambda session, cast: at_review(session, cast).number))


def test_莲花北村_is_kept_and_a_case_is_allocated_to_its_312_units(door: Door) -> None:
    payer, agent, estate = door.as_("payer"), door.as_("agent"), estate_of(door)
    assert upload(agent, f"/api/estates/{estate}/roster", ROSTER).status_code == 201
    assert payer.get(f"/api/estates/{estate}/fund").json()["kept"] is False
    number = at_the_review(door)
    before = agent.get(f"/api/cases/{number}/allocation").json()
    assert (before["kept"], before["units"], before["unsold"], before["fen"]) == (False, 312, 7, 20_000_000)
    assert before["words"].endswith("未建账：本系统未记载分户余额，未核对余额是否足够。")
    labels: list[str] = []
    after: int | None = 0
    while after is not None:
        listed = agent.get(f"/api/estates/{estate}/units?limit=200&after={after}").json()
        labels += [unit["unit"] for unit in listed["items"]]
        after = listed["next"]
    made = upload(payer, f"/api/estates/{estate}/fund/balances", sums(*((label, 500) for label in labels)))
    assert made.status_code == 201 and (made.json()["lines"], made.json()["file_fen"]) == (312, 15_600_000)
    whole = agent.get(f"/api/cases/{number}/allocation?limit=1000")
    assert whole.status_code == 422, "pages of 200 at most"
    lines: list[dict[str, Any]] = []
    after = 0
    while after is not None:
        told = agent.get(f"/api/cases/{number}/allocation?after={after}").json()
        lines += told["items"]
        after = told["next"]
    assert sum(line["fen"] for line in lines) == 20_000_000 and len(lines) == told["total"] == 312
    assert [line["unit"] for line in lines] == labels
    assert sum(line["fen"] for line in lines if line["unsold"]) == told["developer"]["fen"]
    assert {line["unit"] for line in told["short"]} == {
        line["unit"] for line in lines if not line["unsold"] and line["fen"] > 50_000
    }
    assert "武建博" not in json.dumps(lines, ensure_ascii=False) and lines[0]["owner"] == "苏*、武**"
    accounts = payer.get(f"/api/estates/{estate}/fund/accounts?q=1栋0101").json()["items"]
    assert [(one["unit"], one["balance_fen"]) for one in accounts][:1] == [("1栋0101", 50_000)]
    (posting,) = payer.get(f"/api/estates/{estate}/fund/postings").json()["items"]
    assert (posting["kind"], posting["title"], posting["fen"], posting["case"]) == (
        "balances",
        "余额导入",
        15_600_000,
        None,
    )
    table = agent.get(f"/api/cases/{number}/allocation.csv")
    assert table.text.startswith("\ufeff") and "attachment" in table.headers["content-disposition"]
    rows = list(csv.reader(StringIO(table.text.removeprefix("\ufeff"))))
    assert len(rows) == 313 and rows[1][:4] == ["1栋0101", "苏*、武**", rows[1][2], "业主"] and rows[1][6] == "500.00"


def test_who_may_bring_in_balances_and_who_may_see_them(door: Door) -> None:
    estate = estate_of(door)
    upload(door.as_("agent"), f"/api/estates/{estate}/roster", roster(*SIX))
    papers = sums(("1栋0101", 5))
    for account in ("agent", "committee", "owner", "clerk", "supervisor", "auditor"):
        refused = upload(door.as_(account), f"/api/estates/{estate}/fund/balances", papers)
        assert refused.status_code == 403 and "没有这一权限" in refused.text
    assert upload(door.as_("stranger"), f"/api/estates/{estate}/fund/balances", papers).status_code == 404
    assert upload(door.as_("reviewer"), f"/api/estates/{estate}/fund/balances", papers).status_code == 201
    number = at_the_review(door)
    owner = door.as_("owner")
    assert owner.get(f"/api/estates/{estate}/fund/accounts").status_code == 403
    seen = owner.get(f"/api/cases/{number}/allocation").json()
    assert seen["items"][0]["fen"] and seen["items"][0]["balance_fen"] is None and seen["short"] == []
    assert "5.00" not in owner.get(f"/api/cases/{number}/allocation.csv").text.replace("33333", "")
    assert door.as_("stranger").get(f"/api/cases/{number}/allocation").status_code == 404
    assert door.as_("stranger").get(f"/api/estates/{estate}/fund").status_code == 404


def test_a_file_is_sent_twice_with_one_key_and_taken_once(door: Door) -> None:
    payer, estate = door.as_("payer"), estate_of(door)
    upload(door.as_("agent"), f"/api/estates/{estate}/roster", roster(*SIX))
    key, address = {"Idempotency-Key": "k1"}, f"/api/estates/{estate}/fund/balances"
    papers = sums(("1栋0101", 5))
    one, two = (upload(payer, address, papers, headers=key) for _ in range(2))
    assert one.json() == two.json() and (one.status_code, two.status_code) == (201, 201)
    assert len(payer.get(f"/api/estates/{estate}/fund/postings").json()["items"]) == 1
    wrong = upload(payer, address, sums(("1栋0101", 5), ("9栋0101", 5)))
    assert (wrong.status_code, wrong.json()["field"]) == (422, "balances") and "第4行" in wrong.json()["detail"]
    assert upload(payer, address, sums(("1栋0101", 5)), data={"day": "2027-01-01"}).json()["field"] == "day"
    earlier = upload(payer, address, sums(("1栋0101", 6)), data={"day": "2026-10-01"})
    assert (earlier.status_code, earlier.json()["field"]) == (422, "day")
    dated = upload(payer, address, sums(("1栋0101", 6)), data={"day": "2026-10-12"})
    assert (dated.status_code, dated.json()["day"], dated.json()["fen"]) == (201, "2026-10-12", 100)


def test_the_pages_show_accounts_shares_and_who_is_short(door: Door) -> None:
    estate = estate_of(door)
    upload(door.as_("agent"), f"/api/estates/{estate}/roster", roster(*SIX, UNSOLD))
    payer, agent, owner = (door.signed_in(account) for account in ("payer", "agent", "owner"))
    number = at_the_review(door)
    assert "未建账" in payer.get(f"/estates/{estate}").text and "未建账" in agent.get(f"/cases/{number}").text
    assert 'id="fund-form"' not in agent.get(f"/estates/{estate}").text
    assert agent.post(f"/estates/{estate}/fund", files={"balances": ("a.xlsx", sums())}).status_code == 403
    wrong = payer.post(f"/estates/{estate}/fund", files={"balances": ("a.xlsx", sums(("9栋0101", 5)))})
    assert wrong.status_code == 422 and "第3行名册里没有“9栋0101”" in wrong.text
    made = payer.post(
        f"/estates/{estate}/fund",
        files={"balances": ("a.xlsx", sums(*((unit, 20_000) for unit, *_ in SIX)))},
        data={"day": "2026-10-01"},
    )
    assert (made.status_code, made.headers["location"]) == (303, f"/estates/{estate}?done=balances#fund")
    page = payer.get(made.headers["location"]).text
    assert "120,000.00" in page and "余额导入，增加 120,000.00 元" in page and "1栋0201" in page
    again = payer.post(
        f"/estates/{estate}/fund",
        files={"balances": ("b.xlsx", sums((DEVELOPER, 300)))},
        data={"what": "deposits", "day": ""},
    )
    assert again.status_code == 303 and "存入，增加 300.00 元" in payer.get(f"/estates/{estate}").text
    page = agent.get(f"/cases/{number}").text
    assert "6个单元余额不足" in page and "28,571.43" in page and "尚须交存 28,271.42 元" in page and "8,571.43" in page
    page = owner.get(f"/cases/{number}").text
    assert "28,571.43" in page and "20,000.00" not in page and "苏*" in page and "苏伟" not in page
    assert owner.get(f"/cases/{number}/allocation.csv").status_code == 200
    assert "各单元余额" not in owner.get(f"/estates/{estate}").text


# --- how long it takes ---

MANY = [(f"{n // 200 + 1}栋{n // 10 % 20 + 1:02}{n % 10 + 1:02}", f"业主{n}", f"44030519800101{n:04}", 50 + n % 90) for n in range(5000)]  # fmt: skip


@pytest.mark.long
def test_a_roster_of_five_thousand_lines_is_read_while_one_waits(door: Door) -> None:
    estate, agent, papers = estate_of(door), door.as_("agent"), roster(*MANY)
    began = time.perf_counter()
    read = upload(agent, f"/api/estates/{estate}/roster", papers)
    took = time.perf_counter() - began
    assert read.status_code == 201 and read.json()["units"] == 5000
    print(f"roster of 5,000 lines: {took:.2f} s")
    assert took < 15


@pytest.mark.long
def test_five_thousand_accounts_are_opened_charged_and_shown_in_a_breath(session: Session, cast: Cast) -> None:
    has_roster(session, cast, *MANY)
    case = at_review(session, cast)
    spans = {}

    def timed(what: str, how: Any) -> None:
        began = time.perf_counter()
        how()
        spans[what] = time.perf_counter() - began

    timed("opened", lambda: takes(session, cast, sums(*((unit, 500) for unit, *_ in MANY))))
    timed("shown", lambda: shown(session, case))
    timed("approved", lambda: cast.fires(case, "reviewer", "approve", "2026-10-14 09:00", amount="100000"))
    timed("paid", lambda: cast.fires(case, "payer", "paid", "2026-10-16 09:00", paid_on="2026-10-16"))
    timed("carried", lambda: carry_on(session, at("2026-10-16 09:01")))
    timed("audited", lambda: unbalanced(session))
    print(spans)
    assert spans["opened"] < 15 and spans["shown"] < 5 and spans["paid"] < 5
