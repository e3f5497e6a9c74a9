"""A sum shared by area: exact to the cent, in the file's order, and nobody's share further than a cent from what is just."""

import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from api.cli import app
from models.errors import Invalid
from models.fund import Share, allocate, increments

ROOT = Path(__file__).parent.parent

areas = st.lists(st.integers(0, 200_000), min_size=1, max_size=60).filter(any)
amounts = st.integers(0, 10**11)


def units(*areas: int) -> list[tuple[str, int]]:
    return [(f"1栋{n:04}", area) for n, area in enumerate(areas, 101)]


# --- the shares ---


@given(areas, amounts)
def test_the_sum_is_exact_and_nobody_is_a_cent_away_from_the_exact_share(areas: list[int], amount: int) -> None:
    shares = allocate(units(*areas), amount)
    assert sum(share.fen for share in shares) == amount
    assert [share.unit for share in shares] == [unit for unit, _ in units(*areas)]
    for area, share in zip(areas, shares, strict=True):
        assert abs(share.fen - Fraction(amount * area, sum(areas))) < 1
        assert share.fen >= 0 and (area or share.fen == 0)


@given(areas, amounts)
def test_who_has_more_never_pays_less(areas: list[int], amount: int) -> None:
    shares = allocate(units(*areas), amount)
    paying = sorted(zip(areas, (share.fen for share in shares), strict=True))
    assert [fen for _, fen in paying] == sorted(fen for _, fen in paying)


@given(areas, st.lists(amounts, min_size=1, max_size=6))
def test_payments_told_apart_add_up_to_the_allocation_of_their_sum(areas: list[int], steps: list[int]) -> None:
    """Whatever was paid in between, more or less: what each unit has borne in the end is its share of the end."""
    borne = dict.fromkeys((unit for unit, _ in units(*areas)), 0)
    for before, after in zip([0, *steps], steps, strict=False):
        changes = increments(units(*areas), before, after)
        assert sum(change.fen for change in changes) == after - before
        for unit, fen in changes:
            borne[unit] += fen
    assert [Share(*item) for item in borne.items()] == allocate(units(*areas), steps[-1])


def test_what_is_left_over_goes_to_those_cut_most_and_a_tie_to_the_earlier_line() -> None:
    # 1.00 yuan over three alike: 33⅓ each
    assert [share.fen for share in allocate(units(100, 100, 100), 100)] == [34, 33, 33]
    assert [share.fen for share in allocate(units(100, 100, 100), 101)] == [34, 34, 33]
    # 10 fen over 8:1:1 dm² + 2: exact 6⅔, 5/6, 5/6, 1⅔ → 6, 0, 0, 1; three cents left for ⅚, ⅚ and the earlier ⅔
    assert [share.fen for share in allocate(units(8, 1, 1, 2), 10)] == [7, 1, 1, 1]


def test_a_unit_without_area_bears_nothing() -> None:
    assert [share.fen for share in allocate(units(0, 3, 0), 7)] == [0, 7, 0]


@pytest.mark.parametrize(
    ("lines", "amount", "sentence"),
    [
        ([], 1, "没有可以分摊的单元"),
        (units(0, 0), 1, "面积合计为 0"),
        (units(100, -1), 1, "1栋0102的面积是负数"),
        (units(100), -1, "金额不能是负数"),
        ([("1栋0101", 1), ("1栋0102", 1), ("1栋0101", 1)], 1, "1栋0101出现了2次"),
    ],
)
def test_what_cannot_be_shared_is_refused_in_a_sentence(
    lines: list[tuple[str, int]], amount: int, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        allocate(lines, amount)


def test_five_thousand_units_take_less_than_a_tenth_of_a_second() -> None:
    lines = [(f"{n // 200}栋{n % 200:04}", 4_000 + n * 37 % 14_000) for n in range(5000)]
    began = time.process_time()
    shares = allocate(lines, 123_456_789_01)
    assert time.process_time() - began < 0.1
    assert sum(share.fen for share in shares) == 123_456_789_01


# --- the command ---


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["allocate", *words], catch_exceptions=False)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "units.csv"
    path.write_text("unit,area\n1栋0101,88.56\n1栋0102,88.56\n1栋0103,105.2\n", encoding="utf-8")
    return path


def test_the_command_prints_the_keys_others_script_against(csv: Path) -> None:
    # 282.32 ㎡ in all: 31.3686, 31.3686, 37.2629 of a hundred
    result = run(str(csv), "100", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "total_fen": 10_000,
        "lines": [{"unit": "1栋0101", "fen": 3137}, {"unit": "1栋0102", "fen": 3137}, {"unit": "1栋0103", "fen": 3726}],
    }


def test_the_command_shows_a_table_for_people(csv: Path) -> None:
    shown = run(str(csv), "386400.5").stdout
    assert "1栋0103" in shown and "105.20" in shown
    assert "3 个单元，282.32 ㎡，合计 386,400.50 元（民法典第二百八十三条，按专有部分面积分摊）。" in shown


@pytest.mark.parametrize(
    "raw",
    [
        "\ufeffunit,area\r\n1栋0101,88.56\r\n1栋0102,100\r\n".encode(),
        "unit,area\n1栋0101,88.56\n1栋0102,100".encode("gb18030"),
        "序号,area,unit\n1,88.56,1栋0101\n2,100.00,1栋0102\n".encode(),
        'unit,area\n\n1栋0101,88.56\n , \n"1栋0102"," 100.0 "\n\n'.encode(),
        "Unit , AREA\n1栋0101,088.56\n1栋0102,100\n".encode(),
    ],
    ids=["mark-and-crlf", "gb18030", "other-order", "empty-lines", "loose-header"],
)
def test_a_file_is_read_as_offices_have_it(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "u.csv").write_bytes(raw)
    assert json.loads(run(str(tmp_path / "u.csv"), "0.03", "--json").stdout) == {
        "total_fen": 3,
        "lines": [{"unit": "1栋0101", "fen": 1}, {"unit": "1栋0102", "fen": 2}],
    }


@pytest.mark.parametrize(
    "amount",
    ["1,000", "1.005", "-5", "-0.01", "+5", "1e3", ".5", "5.", "５", " 5", "5 ", "", "NaN", "1_000", "5元", "0x10"],
)
def test_an_amount_is_plain_digits_and_at_most_two_decimals(csv: Path, amount: str) -> None:
    result = run(str(csv), amount)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("金额") and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("amount", ["0", "0.00", "00.10", "999999999999.99"])
def test_any_amount_that_is_one_is_taken(csv: Path, amount: str) -> None:
    answer = json.loads(run(str(csv), amount, "--json").stdout)
    assert sum(line["fen"] for line in answer["lines"]) == answer["total_fen"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "CSV 第1行：应为列名，须有 unit 和 area 各一列。"),
        ("房号,面积\n1栋0101,88.56\n", "CSV 第1行：应为列名，须有 unit 和 area 各一列。"),
        ("unit,area,area\n", "CSV 第1行：应为列名，须有 unit 和 area 各一列。"),
        ("unit,area\n", "没有可以分摊的单元。"),
        ("unit,area\n1栋0101,0\n", "各单元的面积合计为 0，不能按面积分摊。"),
        ("unit,area\n1栋0101,-1\n", "CSV 第2行：1栋0101的面积是负数：“-1”。"),
        ("unit,area\n1栋0101,1.005\n", "CSV 第2行：1栋0101的面积“1.005”看不懂：只写数字，单位平方米，最多两位小数，如 88.56。"),
        ('unit,area\n1栋0101,"1,234.5"\n', "CSV 第2行：1栋0101的面积“1,234.5”看不懂：只写数字，单位平方米，最多两位小数，如 88.56。"),
        ("unit,area\n1栋0101,1,234.5\n", "CSV 第2行：有3格，列名有2格；数字里不要用逗号。"),
        ("unit,area\n1栋0101\n", "CSV 第2行：有1格，列名有2格；数字里不要用逗号。"),
        ("unit,area\n,88.56\n", "CSV 第2行：没有写单元。"),
        ("unit,area\n1栋0101,\n", "CSV 第2行：1栋0101的面积“”看不懂：只写数字，单位平方米，最多两位小数，如 88.56。"),
        ("unit,area\nA,1\nB,1\nA,1\n", "CSV 第4行：A在第2行已经有了，会重复分摊；请只留一行。"),
        ('unit,area\n"A,1\n', "CSV 第2行：不是 CSV 文本。"),
    ],
)  # fmt: skip
def test_a_bad_line_refuses_the_file_and_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "u.csv").write_text(text, encoding="utf-8")
    result = run(str(tmp_path / "u.csv"), "100", "--json")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", sentence + "\n")


def test_a_file_that_is_not_there_or_no_text_is_one_sentence(tmp_path: Path) -> None:
    assert "没有这个文件" in run(str(tmp_path / "none.csv"), "1").stderr
    (tmp_path / "u.csv").write_bytes(b"PK\x03\x04\xff\xff\xff")
    assert "不是文本" in run(str(tmp_path / "u.csv"), "1").stderr


def test_five_thousand_lines_come_back_in_the_files_order(tmp_path: Path) -> None:
    names = [f"{n * 7919 % 5000:05}" for n in range(5000)]
    lines = "".join(f"{name},{50 + int(name) % 90}.{int(name) % 100:02}\n" for name in names)
    (tmp_path / "u.csv").write_text("unit,area\n" + lines)
    answer = json.loads(run(str(tmp_path / "u.csv"), "1234567.89", "--json").stdout)
    assert [line["unit"] for line in answer["lines"]] == names
    assert sum(line["fen"] for line in answer["lines"]) == answer["total_fen"] == 123_456_789


def test_the_command_needs_no_database(csv: Path) -> None:
    code = "import sys; from api.cli import app\ntry: app()\nexcept SystemExit: print('sqlalchemy' in sys.modules)"
    env = {name: value for name, value in os.environ.items() if not name.startswith("BANJIE_")}
    said = subprocess.check_output(
        [sys.executable, "-c", code, "allocate", str(csv), "1", "--json"], cwd=ROOT, env=env, text=True
    )
    assert said.splitlines()[-1] == "False"
