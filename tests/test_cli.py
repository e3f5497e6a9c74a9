"""`banjie`, as people type it and others script against it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col
from typer.testing import CliRunner, Result

from api.cli import app
from api.embedded import Urls, running
from models.case import Case, CaseEvent, events_of, verify
from models.casetypes.describe import as_markdown
from models.clock import Clock
from models.db import engine as engine_of
from models.office import set_office_clock
from models.people import Person
from models.settings import settings
from models.signin import ApiToken
from models.territory import Unit

from .make import DECIDED, Cast, at, at_review

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def refused(*words: str) -> str:
    """The one sentence on standard error."""
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    return sentence


@pytest.fixture
def urls(own_database: Urls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Urls]:
    """The command line talks to this database."""
    monkeypatch.setenv("BANJIE_DATABASE_URL", own_database.app)
    settings.cache_clear()
    yield own_database
    engine_of(own_database.app).dispose()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def session(urls: Urls) -> Iterator[Session]:
    with Session(engine_of(urls.app), expire_on_commit=False) as session:
        yield session


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bogus"], "没有命令 bogus"),
        (["verify", "x"], "多出了 x"),
        (["--bogus"], "没有选项 --bogus"),
        (["demo", "--rate", "fast"], "--rate 的值不对"),
        (["demo", "--rate"], "选项 --rate 后面要写值"),
        (["token"], "缺少 ACCOUNT"),
        (["calendar"], "缺少子命令"),
        (["import", "cases", "/nowhere.csv"], "没有文件“/nowhere.csv”"),
        (["import", "roster", "莲花北村", "/"], "它是文件夹"),
    ],
)
def test_a_wrong_call_is_answered_by_one_sentence(words: list[str], sentence: str) -> None:
    assert sentence in refused(*words)


def test_a_wrong_setting_and_a_database_out_of_reach_are_too(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("BANJIE_PORT", "eighty")
        settings.cache_clear()
        assert "BANJIE_PORT 的值“eighty”不对" in refused("token", "clerk")
        monkeypatch.delenv("BANJIE_PORT")
        monkeypatch.setenv("BANJIE_DATABASE_URL", "postgresql://nobody:x@127.0.0.1:9/none")
        settings.cache_clear()
        assert "连不上数据库" in refused("token", "clerk")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_help_is_in_chinese_and_names_every_command() -> None:
    said = run().stdout
    assert run("--help").stdout == said
    for command in ("up", "web", "migrate", "seed", "demo", "due", "tally", "rules", "calendar", "casetypes", "papers",
                    "import", "token", "verify"):  # fmt: skip
        assert f"  {command} " in said
    assert "原要素" not in said and "办结" in said


def test_commands_without_a_database_load_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'fastapi', 'prefect', 'reportlab', 'pydantic', 'rich'}"
    code = f"import sys, api.cli; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"


def test_case_types_are_told_in_the_agreed_shape() -> None:
    (fund,) = [kind for kind in json.loads(run("casetypes", "--json").stdout) if kind["type"] == "fund_request"]
    assert fund["title"] == "维修资金使用"
    stages = {stage["name"]: stage for stage in fund["stages"]}
    assert stages["review"]["limit"] == {"rule": "fund.review", "value": "5wd", "kind": "deadline"}
    assert stages["works"]["limit"]["value"] == "fact:finish_by"
    assert stages["plan_publicity"]["limit"]["kind"] == "period"
    assert stages["need"] | {"needs": [], "limits": []} == {
        "name": "need", "title": "需求与查勘", "desk": "applicant", "initial": True, "final": False, "limit": None,
        "limits": [], "waits_on": "applicant", "pause": None, "extension": None, "needs": [],
    }  # fmt: skip
    events = {event["name"]: event for event in fund["events"]}
    assert events["accept"]["from"] == ["intake"] and events["accept"]["to"] == ["review"]
    assert events["accept"]["who"] == ["street"] and events["accept"]["paper"] == "acceptance_notice"
    assert events["publicity_ends"]["who"] == ["system"]
    assert events["window_opens"]["to"] == ["decision"], "an event that stays names its own stage"
    assert events["ask"]["facts"]["required"] == ["items"]


def test_case_types_are_told_as_the_page_of_the_docs() -> None:
    assert run("casetypes", "--markdown").stdout == as_markdown()


def test_rules_are_listed_with_their_source_and_how_sure_we_are() -> None:
    entries = {(rule["id"], rule["version"]): rule for rule in json.loads(run("rules", "--json").stdout)}
    assert entries["fund.review", 1]["confidence"] == "verified"
    assert entries["fund.review", 2]["effective_from"] == "2026-01-01"
    assert "未核实" in run("rules").stdout


def test_papers_are_written_with_an_index(tmp_path: Path) -> None:
    assert run("papers", str(tmp_path)).exit_code == 0
    index = json.loads((tmp_path / "index.json").read_text())
    assert {paper["kind"] for paper in index} >= {
        "acceptance_notice",
        "correction_notice",
        "transfer_notice",
        "urge_notice",
    }
    assert all((tmp_path / f"{paper['kind']}.pdf").read_bytes().startswith(b"%PDF") for paper in index)


def test_a_token_stands_alone_on_standard_output(session: Session) -> None:
    result = run("token", "clerk")
    assert result.exit_code == 0 and result.stderr == ""
    (token,) = result.stdout.splitlines()
    kept = session.scalars(select(ApiToken).where(col(ApiToken.token_hash) == sha256(token.encode()).hexdigest())).one()
    assert session.get_one(Person, kept.person_id).account == "clerk"
    assert "没有账号“nobody”" in refused("token", "nobody")


def test_a_roster_is_imported_by_the_estates_name(session: Session) -> None:
    said = run("import", "roster", "莲花北村", str(DATA / "lianhua_roster.xlsx"))
    assert said.exit_code == 0 and "312 个单元，288 位业主" in said.stdout
    assert session.scalar(select(func.count()).select_from(Unit)) == 312
    assert "没有名称或编号为“桃花源”的小区" in refused("import", "roster", "桃花源", str(DATA / "lianhua_roster.xlsx"))
    assert "没有编号为 9 的业主共同决定" in refused("import", "ballots", "9", str(DATA / "lianhua_ballots.xlsx"))


OLD = """\
case,event,type,estate,at,by,note,works,budget,decision,plan_publicity_from,plan_publicity_to,notice_from,notice_to,\
window_from,window_to,result_publicity_from,result_publicity_to,payee,finish_by,items,warranty_expired
旧-1,open,fund_request,莲花北村,2026-10-12 09:00,agent,,3栋电梯大修,200000.00,,,,,,,,,,,,,
旧-1,enter_decided,,,2026-10-12 09:10,agent,,,,{decision},{days},,,,
旧-1,submit,,,2026-10-12,agent,,,,,,,,,,,,,安捷电梯,2027-03-31,,
旧-1,ask,,,2026-10-13 10:00,clerk,电话已通知,,,,,,,,,,,,,,合同缺页；预算不明,
旧-2,open,fund_request,莲花北村,2026-09-07,agent,,屋面防水,386400.50,,,,,,,,,,,,,
旧-2,plan,,,2026-09-07,agent,,,,,,,,,,,,,,,,是
旧-2,publish,,,2026-09-11,agent,,,,,,,,,,,,,,,,
旧-2,revise,,,2026-09-14,agent,,,,,,,,,,,,,,,,
"""


def _old(session: Session) -> str:
    cast = Cast(session)
    decision = cast.decided().id
    set_office_clock(session, at("2026-10-20 10:00"))
    session.commit()
    days = ",".join(DECIDED[name] for name in OLD.splitlines()[0].split(",") if name in DECIDED)
    return OLD.format(decision=decision, days=days).replace("2026-10-12,agent", "2026-10-12 09:20,agent")


def test_old_cases_come_in_with_their_days_and_their_clocks_run_from_these(session: Session, tmp_path: Path) -> None:
    text = _old(session).replace("旧-2,revise,,,2026-09-14,agent,,,,,,,,,,,,,,,,\n", "")
    (tmp_path / "old.csv").write_text(text, encoding="gb18030")
    result = run("import", "cases", str(tmp_path / "old.csv"))
    assert result.exit_code == 0, result.stderr
    numbers = dict(line.split("\t") for line in result.stdout.splitlines())
    assert list(numbers) == ["旧-1", "旧-2"]
    first, second = (
        session.scalars(select(Case).where(col(Case.number) == number)).one() for number in numbers.values()
    )
    assert first.stage == "correction" and first.is_paused and first.opened_at == at("2026-10-12 09:00")
    events = events_of(session, first)
    assert verify(events) is None
    assert [event.name for event in events] == ["open", "enter_decided", "submit", "ask"]
    assert events[-1].at == at("2026-10-13 10:00") and events[-1].recorded_at >= at("2026-10-20 10:00")
    assert events[-1].facts["items"] == ["合同缺页", "预算不明"]
    assert events[-1].note == "由旧系统导入（原编号 旧-1）；电话已通知"
    correction = session.scalars(
        select(Clock).where(col(Clock.case_id) == first.id, col(Clock.limits) == "correction")
    ).one()
    assert correction.due_at == at("2026-10-28 00:00")
    assert second.stage == "plan_publicity" and second.details["budget"] == 38_640_050
    unhandled = session.scalar(select(func.count()).where(col(CaseEvent.handled_at).is_(None)))
    assert unhandled == 0, "the old system has written its papers"


def test_periods_that_have_run_meanwhile_end_by_themselves(session: Session, tmp_path: Path) -> None:
    text = _old(session).replace("旧-2,revise,,,2026-09-14,", "旧-2,withdraw,,,2026-10-19,")
    header, *lines = text.splitlines()
    lines = [f"{line}," for line in lines if line.startswith("旧-2")]
    lines[-1] = lines[-1][:-1] + ",先比选施工单位"
    (tmp_path / "old.csv").write_text("\n".join([f"{header},reason", *lines]))
    result = run("import", "cases", str(tmp_path / "old.csv"))
    assert result.exit_code == 0, result.stderr
    case = session.scalars(select(Case)).one()
    names = [(event.name, event.at) for event in events_of(session, case) if event.by_id is None]
    assert names == [
        ("publicity_ends", at("2026-09-19 00:00")),
        ("window_opens", at("2026-10-05 00:00")),
        ("window_ends", at("2026-10-15 00:00")),
    ]
    assert case.outcome == "撤回"


def test_one_bad_line_and_no_old_case_comes_in(session: Session, tmp_path: Path) -> None:
    text = _old(session)
    text = text.replace("旧-1,submit,,,2026-10-12 09:20", "旧-1,submit,,,2026-10-11 09:20")
    text += (
        "旧-3,plan,,,2026-10-12,agent" + "," * 16 + "\n旧-4,open,fund_request,桃花源,2026-10-12,agent" + "," * 16 + "\n"
    )
    text += (
        "旧-5,open,fund_request,莲花北村,2099-01-01,agent"
        + "," * 16
        + "\n旧-6,open,fund_request,莲花北村,昨天,agent,\n"
    )
    text += "旧-7,open,fund_request,莲花北村,2026-10-12,nobody,,x,1\n"
    (tmp_path / "old.csv").write_text(text)
    result = run("import", "cases", str(tmp_path / "old.csv"))
    assert result.exit_code == 2 and result.stdout == ""
    said = result.stderr.splitlines()
    assert [line.partition("：")[0] for line in said[:-1]] == [
        "第4行", "第9行", "第10行", "第11行", "第12行", "第13行", "第14行",
    ]  # fmt: skip
    for line, sentence in zip(
        said,
        [
            "早于本件上一行",
            "理由：此项必填",
            "第一行应为 open",
            "小区“桃花源”没有登记",
            "还没有到",
            "看不懂",
            "没有账号“nobody”",
            "一件也没有导入",
        ],
        strict=True,
    ):
        assert sentence in line
    assert session.scalar(select(func.count()).select_from(Case)) == 0
    (tmp_path / "old.csv").write_text("event,at\n")
    assert "缺少：case" in refused("import", "cases", str(tmp_path / "old.csv"))


def _tampered(urls: Urls, statement: str) -> None:
    """As somebody with the owner's rights could do it."""
    with psycopg.connect(urls.owner) as owner:
        owner.execute("alter table case_event disable trigger user")
        owner.execute(statement)
        owner.execute("alter table case_event enable trigger user")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("update case_event set facts = '{\"amount\": 1}' where seq = 2 and case_id = {id}", "第2条记录的内容被改动过"),
        (
            "update case_event set at = at - interval '3 days' where seq = 3 and case_id = {id}",
            "第3条记录的经过被改动过",
        ),
        ("delete from case_event where seq = 4 and case_id = {id}", "末尾的记录缺失"),
    ],
)
def test_a_ledger_that_somebody_tampered_with_is_named(
    session: Session, urls: Urls, statement: str, sentence: str
) -> None:
    case, other = (at_review(session, Cast(session)) for _ in range(2))
    session.commit()
    with psycopg.connect(urls.owner) as owner:
        owner.execute("alter table clock_line drop constraint fk_clock_line_event_id")
    whole = run("verify")
    assert whole.exit_code == 0 and whole.stdout == "案件 2 件，记录 8 条，全部完好。\n"
    _tampered(urls, statement.replace("{id}", str(case.id)))
    broken = run("verify")
    assert broken.exit_code == 1
    assert f"{case.number}：{sentence}" in broken.stdout and other.number not in broken.stdout
    assert broken.stdout.splitlines()[-1].endswith("1 件断裂。")
    answer = json.loads(run("verify", "--json").stdout)
    assert [line["number"] for line in answer["broken"]] == [case.number] and answer["cases"] == 2


def test_without_a_running_system_the_embedded_database_is_made_ready_for_the_moment() -> None:
    with tempfile.TemporaryDirectory(prefix="banjie-cli-") as folder:
        Path(folder).chmod(0o711)  # as root the database's account must get to its data
        var = Path(folder) / "var"
        env = {name: value for name, value in os.environ.items() if name != "BANJIE_DATABASE_URL"}
        env["BANJIE_VAR"] = str(var)

        def banjie(*words: str) -> Any:
            command = [sys.executable, "-c", "from api.cli import app; app()", *words]
            return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

        token = banjie("token", "clerk")
        assert token.returncode == 0 and len(token.stdout.split()) == 1, token.stderr
        seeded = banjie("seed")
        assert [line.split("\t")[0] for line in seeded.stdout.splitlines()][:2] == ["agent", "committee"]
        assert running(var) is None
