"""Counting the owners' votes: Civil Code Art. 278, exactly, and what is left to a person before a result is one."""

import json
import time
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.testing import CliRunner, Result

from api.cli_tally import tally as tally_command
from models.errors import Invalid
from models.roster import (
    BallotLine,
    BallotsReading,
    Finding,
    Opinion,
    RosterLine,
    RosterReading,
    read_ballots,
    read_roster,
)
from models.tally import Tally, UnitShare, Vote, Weight, tally

DATA = Path(__file__).parent / "data"
SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENS = datetime(2026, 9, 10, 9, 0, tzinfo=SHANGHAI)
CLOSES = datetime(2026, 9, 19, 0, 0, tzinfo=SHANGHAI)
NOON = datetime(2026, 9, 12, 12, 0, tzinfo=SHANGHAI)


def units(*owners: str, area: int = 100_00) -> list[UnitShare]:
    """Units 101, 102, … of these owners, all of one area."""
    return [UnitShare(f"1栋{number:04}", area, owner, False) for number, owner in enumerate(owners, 101)]


def votes(*opinions: Opinion | None, at: datetime | None = NOON) -> list[Vote]:
    """Ballots for units 101, 102, …; None votes not."""
    return [Vote(f"1栋{number:04}", opinion, at) for number, opinion in enumerate(opinions, 101) if opinion]


def of_abc(agree: int, disagree: int = 0, abstain: int = 0, *, of: int) -> Tally:
    """`of` owners with a unit each, of whom so many voted so."""
    opinions: dict[Opinion, int] = {"agree": agree, "disagree": disagree, "abstain": abstain}
    said = [opinion for opinion, times in opinions.items() for _ in range(times)]
    return tally(units(*(f"owner {number}" for number in range(of))), votes(*said))


def papers(*owners: str, unsold: bool = False) -> RosterReading:
    return RosterReading(
        tuple(
            RosterLine(f"1栋{n:04}", "1栋", owner, owner, None, 100_00, None, unsold, n)
            for n, owner in enumerate(owners, 101)
        )
    )


def cast(*ballots: tuple[str, str, Opinion]) -> BallotsReading:
    return BallotsReading(
        tuple(BallotLine(unit, owner, opinion, NOON, row) for row, (unit, owner, opinion) in enumerate(ballots, 2))
    )


# ── the sample of an estate's papers ──


def sample() -> Tally:
    return tally(
        read_roster((DATA / "lianhua_roster.xlsx").read_bytes()),
        read_ballots((DATA / "lianhua_ballots.xlsx").read_bytes()),
    )


def test_the_sample_is_counted_to_the_unit_and_the_head() -> None:
    answer = sample().as_json()
    expected = json.loads((DATA / "lianhua_expected.json").read_text())
    assert list(answer)[: len(expected)] == list(expected)
    assert {key: answer[key] for key in expected} == expected
    assert list(answer)[-4:] == ["merged", "refused", "undecided", "noted"]
    assert answer["participation"] == {"area": "75.11%", "heads": "73.95%"}
    assert [found["unit"] for found in answer["merged"]] == ["1栋1102", "1栋1901", "4栋0302", "4栋0601"]
    assert (answer["refused"], answer["undecided"]) == ([], [])


def test_the_samples_shares_are_exact() -> None:
    result = sample()
    assert result.participation == (Fraction(2_248_736, 2_993_798), Fraction(213, 288))
    assert result.approval == (Fraction(1_392_112, 2_248_736), Fraction(134, 213))
    result.raise_if_undecided()
    assert result.why_not() == ""
    assert (
        result.why_not(special=True)
        == "同意的专有部分面积（61.90%）未达到四分之三，同意的业主人数（62.91%）未达到四分之三。"
    )


# ── thresholds ──


def test_two_thirds_taking_part_is_enough_and_one_fewer_is_not() -> None:
    assert of_abc(6, of=9).ordinary_passed
    result = of_abc(5, of=9)
    assert not result.ordinary_passed
    assert (
        result.why_not()
        == "参与表决的专有部分面积（55.55%）未达到三分之二，参与表决的业主人数（55.55%）未达到三分之二。"
    )


def test_exactly_half_is_no_majority() -> None:
    assert not of_abc(4, 4, of=8).ordinary_passed
    assert of_abc(5, 3, of=8).ordinary_passed


def test_exactly_three_quarters_carries_a_special_matter() -> None:
    assert of_abc(6, 2, of=8).special_passed
    assert not of_abc(59, 20, of=79).special_passed


def test_abstaining_is_taking_part_and_not_agreeing() -> None:
    result = of_abc(4, 0, 4, of=12)
    assert (result.quorum_area, result.ordinary_heads) == (True, False)
    assert result.abstaining == Weight(400_00, 4)


def test_area_and_heads_are_tested_separately() -> None:
    great = [UnitShare("1栋0101", 900_00, "great", False), *units("", "a", "b", "c", "d")[1:]]
    result = tally(great, votes("agree", "disagree", "disagree", "disagree"))
    assert (result.quorum_area, result.quorum_heads) == (True, True)
    assert (result.ordinary_area, result.ordinary_heads) == (True, False)
    assert not result.ordinary_passed
    alone = tally(great, votes("agree"))
    assert (alone.quorum_area, alone.quorum_heads) == (True, False)


def test_nobody_votes() -> None:
    result = tally(units("a"), [])
    assert result.approval == (0, 0)
    assert not result.ordinary_passed


# ── heads ──


def test_an_owner_of_several_units_is_one_head_with_the_area_that_voted() -> None:
    result = tally(units("a", "a", "a", "b"), votes("agree", "agree", None, "disagree"))
    assert result.total == Weight(400_00, 2)
    assert result.participating == Weight(300_00, 2)
    assert result.agreeing == Weight(200_00, 1)


def test_an_owner_whose_units_disagree_takes_part_and_is_in_favour_of_nothing() -> None:
    result = tally(units("a", "a", "b"), votes("agree", "disagree", "agree"))
    assert result.participating == Weight(300_00, 2)
    assert (result.agreeing, result.disagreeing) == (Weight(200_00, 1), Weight(100_00, 0))
    (noted,) = result.noted
    assert noted.sentence == "同一业主的1栋0101、1栋0102意见不一：面积按各票计，人数计入参与，不计入同意、反对或弃权。"


def test_unsold_units_and_what_else_the_developer_owns_are_one_head() -> None:
    scope = [
        UnitShare("1栋0101", 100_00, "developer", True),
        UnitShare("1栋0102", 100_00, "buyer of an undelivered unit", True),
        UnitShare("1栋0103", 100_00, "developer", False),
        UnitShare("1栋0104", 100_00, "a", False),
    ]
    result = tally(scope, votes("disagree", "disagree", "disagree", "agree"))
    assert result.total == Weight(400_00, 2)
    assert result.disagreeing == Weight(300_00, 1)
    assert result.unsold_units == 2


# ── ballots that do not count, or not yet ──


def test_a_ballot_for_an_unknown_unit_is_refused() -> None:
    result = tally(units("a", "b"), [*votes("agree", "agree"), Vote("9栋0101", "agree", NOON, "表决票第7行", 7)])
    (found,) = result.refused
    assert (found.kind, found.rows, found.sentence) == (
        "unknown_unit",
        (7,),
        "表决票第7行的“9栋0101”不在名册中，不计。",
    )
    assert result.participating.heads == 2


def test_contradicting_ballots_of_a_unit_count_for_nothing_until_decided() -> None:
    result = tally(units("a", "b"), [*votes("agree", "agree"), *votes("disagree")])
    assert result.participating == Weight(100_00, 1)
    with pytest.raises(Invalid, match="还有 1 处需要人工认定.*1栋0101.*互相矛盾") as refusal:
        result.raise_if_undecided()
    assert refusal.value.field == "ballots"


def test_the_same_ballot_twice_is_counted_once() -> None:
    result = tally(units("a", "b"), [*votes("agree", "agree"), *votes("agree", at=NOON + timedelta(hours=1))])
    assert result.agreeing == Weight(200_00, 2)
    assert [found.kind for found in result.merged] == ["voted_twice"]


def test_ballots_outside_the_window_are_kept_and_not_counted() -> None:
    ballots = [
        Vote("1栋0101", "agree", OPENS - timedelta(seconds=1)),
        Vote("1栋0102", "agree", OPENS),
        Vote("1栋0103", "agree", CLOSES - timedelta(seconds=1)),
        Vote("1栋0104", "agree", CLOSES),
        Vote("1栋0105", "agree", None),
    ]
    result = tally(units(*"abcde"), ballots, window=(OPENS, CLOSES))
    assert result.agreeing.heads == 2
    assert [(found.kind, found.unit) for found in result.refused] == [
        ("early", "1栋0101"),
        ("late", "1栋0104"),
    ]
    assert result.refused[1].sentence == "1栋0104的表决票2026-09-19 00:00收到，晚于表决截止，留存不计。"
    assert [(found.kind, found.unit) for found in result.undecided] == [("no_time", "1栋0105")]
    assert tally(units(*"abcde"), ballots).agreeing.heads == 5


def test_a_second_thought_after_the_window_does_not_contradict() -> None:
    result = tally(units("a"), [*votes("agree"), *votes("disagree", at=CLOSES)], window=(OPENS, CLOSES))
    assert (result.agreeing.heads, result.undecided) == (1, ())


def test_a_ballot_in_another_name_is_left_to_a_person() -> None:
    roster = papers("苏伟、武建博", "刘洋", "程红")
    ballots = cast(("1栋0101", "武建博", "agree"), ("1栋0102", "王五", "agree"), ("1栋0103", "", "agree"))
    result = tally(roster, ballots)
    assert result.agreeing.heads == 2
    (found,) = result.undecided
    assert found.sentence == "1栋0102的表决票第3行署名王*，名册中的业主是刘*，暂不计；请核实是否受业主委托。"


def test_a_ballot_for_a_unit_still_undecided_in_the_roster_waits_with_it() -> None:
    pending = Finding("unit_twice", "1栋0103出现了2次。", (4, 5), "1栋0103")
    roster = RosterReading(papers("苏伟", "刘洋").lines, undecided=(pending,))
    result = tally(roster, cast(("1栋0101", "苏伟", "agree"), ("1栋0103", "程红", "agree")))
    assert [found.kind for found in result.undecided] == ["unit_twice", "unit_undecided"]
    assert result.participating.heads == 1


def test_ballots_of_another_estate_are_turned_away() -> None:
    with pytest.raises(Invalid, match="2 个单元有 2 个不是本小区的"):
        tally(papers("苏伟", "刘洋"), cast(("8栋0101", "甲", "agree"), ("8栋0102", "乙", "agree")))
    with pytest.raises(Invalid, match="2 张表决票有 2 张的业主与名册不符"):
        tally(papers("苏伟", "刘洋"), cast(("1栋0101", "甲", "agree"), ("1栋0102", "乙", "agree")))


def test_no_units_or_a_unit_twice_is_no_scope() -> None:
    with pytest.raises(Invalid, match="没有可以计票的单元"):
        tally([], [])
    with pytest.raises(Invalid, match="1栋0101 出现了 2 次"):
        tally([*units("a"), *units("b")], [])


def test_five_thousand_units_are_counted_in_half_a_second() -> None:
    scope = [(f"{n // 100}栋{n % 100:04}", 88_56, f"owner {n * 7 % 4500}", False) for n in range(5000)]
    opinions: tuple[Opinion, ...] = ("agree", "disagree", "abstain")
    ballots = [(unit, opinions[n % 3], NOON) for n, (unit, *_) in enumerate(scope)]
    began = time.process_time()
    result = tally(scope, ballots, window=(OPENS, CLOSES))
    assert time.process_time() - began < 0.5
    assert result.participating == Weight(5000 * 88_56, 4500)


# ── the command ──


app = typer.Typer()
app.command()(tally_command)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


ROSTER, BALLOTS = str(DATA / "lianhua_roster.xlsx"), str(DATA / "lianhua_ballots.xlsx")


def test_the_command_prints_the_keys_others_script_against() -> None:
    answer = json.loads(run(ROSTER, BALLOTS, "--json").stdout)
    expected = json.loads((DATA / "lianhua_expected.json").read_text())
    assert {key: answer[key] for key in expected} == expected
    assert answer["merged"][0] == {
        "kind": "pasted_twice",
        "sentence": "1栋1102在第46行重复了第45行，只计一次。",
        "rows": [45, 46],
        "unit": "1栋1102",
        "source": "roster",
        "units": [],
    }


def test_the_command_shows_a_table_for_people() -> None:
    shown = run(ROSTER, BALLOTS).stdout
    assert "表决范围：全体业主，312 个单元，29937.98 ㎡，288 人，其中未售、未交付 7 个单元按 1 人计。" in shown
    assert "一般事项：通过" in shown
    assert "特别事项：未通过：同意的专有部分面积（61.90%）未达到四分之三" in shown


def test_the_command_counts_one_building_alone() -> None:
    answer = json.loads(run(ROSTER, BALLOTS, "--scope", "3栋", "--json").stdout)
    assert answer["scope"] == "3栋" and 0 < answer["units"] < 312
    assert {found["kind"] for found in answer["refused"]} == {"out_of_scope"}
    wrong = run(ROSTER, BALLOTS, "--scope", "99栋")
    assert wrong.exit_code == 2 and wrong.stderr.startswith("表决范围“99栋”在业主名册上找不到")


@pytest.mark.parametrize(
    ("roster", "sentence"),
    [
        (str(DATA / "none.xlsx"), f"没有文件“{DATA / 'none.xlsx'}”。"),
        (str(DATA), f"读不了文件“{DATA}”：它是文件夹。"),
        (str(DATA / "README.md"), "业主名册文件“README.md”是文本（如 CSV），不是 Excel 工作簿（.xlsx）。请用 Excel 或 WPS 打开后另存为 .xlsx 再上传。"),
    ],
)  # fmt: skip
def test_the_command_turns_a_bad_file_away_with_one_sentence(roster: str, sentence: str) -> None:
    result = run(roster, BALLOTS)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", sentence + "\n")
