"""`banjie due` and `banjie calendar read`, as others script against them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from api.cli_due import calendar_read, due

NOTICE = Path(__file__).parent.parent / "models" / "data" / "notices" / "2026.txt"

app = typer.Typer()
app.command("due")(due)
app.command("read")(calendar_read)


def run(*words: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


def refused(*words: str, stdin: str | bytes | None = None) -> str:
    """The one sentence on standard error."""
    result = run(*words, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    return sentence


def test_a_deadline_and_its_days_as_json() -> None:
    answer = json.loads(run("due", "2026-09-30", "5wd", "--json").stdout)
    assert answer | {"days": []} == {
        "due_day": "2026-10-13",
        "due_at": "2026-10-14T00:00:00+08:00",
        "provisional": False,
        "edition": "shipped-2026",
        "days": [],
    }
    assert [day["date"] for day in answer["days"] if day["counts"]] == [
        "2026-10-08", "2026-10-09", "2026-10-10", "2026-10-12", "2026-10-13",
    ]  # fmt: skip
    assert answer["days"][0] == {"date": "2026-09-30", "counts": False, "why": "周三，起始日不计"}
    assert len(answer["days"]) == 14


def test_a_provisional_deadline_says_so() -> None:
    assert json.loads(run("due", "2026-12-24", "5wd", "--json").stdout)["provisional"] is True
    assert "暂定" in run("due", "2026-12-24", "5wd").stdout


def test_a_deadline_for_people() -> None:
    told = run("due", "2026-09-30", "5wd").stdout
    assert "2026-10-13" in told
    assert "国庆节放假" in told
    assert "调休上班" in told


def test_roll_over_is_a_choice() -> None:
    assert json.loads(run("due", "2025-09-03", "30d", "--json").stdout)["due_day"] == "2025-10-09"
    stays = run("due", "2025-09-03", "30d", "--end", "none", "--json")
    assert json.loads(stays.stdout)["due_day"] == "2025-10-03"


def test_hours_need_a_start_with_a_time() -> None:
    assert json.loads(run("due", "2026-09-30T16:20", "4wh", "--json").stdout)["due_at"] == "2026-10-08T10:50:00+08:00"
    assert (
        json.loads(run("due", "2026-09-30T08:20:00Z", "2h", "--json").stdout)["due_at"] == "2026-09-30T18:20:00+08:00"
    )
    assert "2026-09-30T16:20" in refused("due", "2026-09-30", "2h")
    assert "2026-09-30T16:20" in refused("due", "2026-09-30", "4wh")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2026-02-30", "5wd"), "2026-02-30"),
        (("yesterday", "5wd"), "yesterday"),
        (("2026-09-30T25:00", "5wd"), "2026-09-30T25:00"),
        (("20260930", "5wd"), "20260930"),
        (("2026-09-30", "5"), "时限“5”看不懂"),
        (("2026-09-30", "0wd"), "时限“0wd”无效"),
        (("1999-09-30", "5wd"), "始于2004年"),
        (("2026-09-30", "99999wd"), "止于2060年"),
        (("2026-09-30", "5wd", "--end", "back"), "--end"),
        (("2026-09-30",), "banjie due 2026-09-30 5wd"),
        ((), "banjie due 2026-09-30 5wd"),
        (("2026-09-30", "5wd", "--from-csv", "x.csv"), "--from-csv"),
        (("--from-csv", "no-such.csv"), "没有这个文件"),
    ],
)
def test_wrong_input_is_one_sentence(words: tuple[str, ...], says: str) -> None:
    assert says in refused("due", *words)


def test_a_list_of_deadlines() -> None:
    rows = "\ufeffid,limit,start\r\n1,5wd,2026-09-30\r\n\r\n2, 5wd,2026-12-24\r\n3,4wh,2026-09-30T16:20\r\n"
    result = run("due", "--from-csv", "-", stdin=rows.encode())
    assert result.exit_code == 0
    assert result.stdout == (
        "start,limit,due_day,provisional\n"
        "2026-09-30,5wd,2026-10-13,false\n"
        "2026-12-24,5wd,2026-12-31,true\n"
        "2026-09-30T16:20,4wh,2026-10-08,false\n"
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("start,limit\n2026-09-30,5wd\n2026-13-01,5wd\n", "CSV 第3行：起始日“2026-13-01”看不懂"),
        ("start,limit\n2026-09-30,5wd\n2026-09-30\n", "CSV 第3行：缺少"),
        ("start,limit\n2026-09-30,2h\n", "CSV 第2行：时限“2h”按小时计"),
        ("begin,limit\n2026-09-30,5wd\n", "CSV 第1行：应为列名"),
        ("", "CSV 第1行：应为列名"),
    ],
)
def test_a_bad_row_refuses_the_list_and_names_the_line(rows: str, says: str) -> None:
    assert refused("due", "--from-csv", "-", stdin=rows).startswith(says)


def test_a_notice_as_json(tmp_path: Path) -> None:
    result = run("read", str(NOTICE), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (answer["year"], len(answer["off"]), answer["problems"]) == (2026, 33, [])
    assert answer["work"] == [
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
    ]
    old_encoding = tmp_path / "notice.txt"
    old_encoding.write_bytes(NOTICE.read_text(encoding="utf-8").encode("gb18030"))
    assert json.loads(run("read", str(old_encoding), "--json").stdout) == answer


def test_a_notice_with_problems_exits_with_one(tmp_path: Path) -> None:
    broken = tmp_path / "notice.txt"
    broken.write_text(NOTICE.read_text(encoding="utf-8").replace("（周四）", "（周五）", 1), encoding="utf-8")
    result = run("read", str(broken), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == ["“元旦”一段写1月1日是周五，实为周四。"]
    assert "实为周四" in run("read", str(broken)).stdout
    assert "没有这个文件" in refused("read", str(tmp_path / "none.txt"))
