"""`banjie up` on small stand-ins for web and flow: everything starts, whatever dies comes back, and nothing is left behind."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import scheduler, up
from api.embedded import running
from api.up import Part
from models.settings import Settings

pytestmark = pytest.mark.prefect


class Office:
    """One Banjie in a folder of its own, run as a child as `make run` would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.port = two_free_ports()
        self.process: subprocess.Popen[str] | None = None
        self.output = folder / "output"
        self.command, self.cwd = [sys.executable, "drive.py"], folder
        for name, text in _PROJECT.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    def start(self) -> float:
        """Seconds until it says it is ready."""
        begun = time.monotonic()
        self.process = self.run()
        wait_until(lambda: "办结已就绪" in self.said() or self.process.poll() is not None, 120)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.said()
        return time.monotonic() - begun

    def run(self, **env: str) -> subprocess.Popen[str]:
        with self.output.open("w") as output:
            return subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env={**os.environ, **VACUUM, "BANJIE_PORT": str(self.port), "BANJIE_VAR": str(self.var), **env},
                stdout=output,
                stderr=output,
                text=True,
                preexec_fn=as_in_a_terminal,  # noqa: PLW1509 - nothing but three system calls
            )

    def end(self, request: signal.Signals) -> float:
        """Seconds until it has ended."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(request)
        self.process.wait(30)
        return time.monotonic() - begun

    def said(self) -> str:
        return self.output.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def pids(self, *words: str) -> list[int]:
        """Living processes of this office whose command line has all `words`."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line = (path / "cmdline").read_text().replace("\0", " ")
                whole = line + (path / "environ").read_text()
            except OSError:
                continue
            # a zombie has no command line; the environment of PostgreSQL does not name us, its data folder does
            if line and str(self.folder) in whole and all(word in line for word in words):
                found.append(int(path.name))
        return found

    def shifts(self) -> int:
        """How often the stand-in for the shift has begun."""
        marks = self.var / "shifts"
        return len(marks.read_text().split()) if marks.exists() else 0

    @property
    def api(self) -> scheduler.Api:
        return scheduler.Api(scheduler.environment({}, self.var, self.port + 1))


VACUUM = {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "10"}


@contextmanager
def started(command: list[str] | None = None, cwd: Path | None = None) -> Iterator[Office]:
    with tempfile.TemporaryDirectory(prefix="banjie-up-") as folder:
        Path(folder).chmod(0o711)  # as root the database's account must get to its data
        office = Office(Path(folder))
        if command and cwd:
            office.command, office.cwd = command, cwd
        try:
            office.start()
            yield office
        finally:
            if office.process is not None and office.process.poll() is None:
                office.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with started() as office:
        yield office


def test_a_first_start_ends_with_one_address_and_the_accounts(office: Office) -> None:
    assert office.answers()
    assert re.findall(r"网页地址:(\S+)", office.said()) == [f"http://127.0.0.1:{office.port}"]
    assert re.search(r"clerk +街道经办 +secret", office.said())
    wait_until(lambda: office.shifts() == 1, 30)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("网页", ("toyweb",)),
        ("后台任务", ("prefect worker",)),
        ("Prefect 服务", ("prefect.server",)),
        ("数据库", ("postgres", "-D")),
    ],
)
def test_what_dies_comes_back_and_the_operator_is_told(office: Office, title: str, words: tuple[str, ...]) -> None:
    if title == "数据库":
        _remember(office)
    (victim,) = office.pids(*words)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: f"{title}已重新启动" in office.said(), 60)
    assert f"{title}意外退出" in office.said()
    wait_until(lambda: len(office.pids(*words)) == 1, 10)
    wait_until(office.api.is_up, 60)
    wait_until(office.answers, 20)
    if title == "数据库":
        assert _remembered(office)


def test_a_run_is_dead_with_its_worker_and_says_so(office: Office) -> None:
    api = office.api
    wait_until(lambda: _states(api)["RUNNING"] > 0, 90)
    dead = office.pids("prefect.engine")
    (worker,) = office.pids("prefect worker")
    crashed = _states(api)["CRASHED"]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not set(dead) & set(office.pids("prefect.engine")), 5)
    wait_until(lambda: _states(api)["CRASHED"] > crashed, 60)


def test_missed_runs_are_deleted_but_the_newest_and_the_shift_starts_anew(office: Office) -> None:
    api = office.api
    wait_until(lambda: office.pids("prefect worker"), 20)
    (worker,) = office.pids("prefect worker")
    os.kill(worker, signal.SIGSTOP)  # or it would start them
    deployments = {row["name"]: row for row in api.ask("POST", "/deployments/filter", {})}
    past = [(datetime.now(UTC) - timedelta(hours=hours)).isoformat() for hours in range(1, 5)]
    for instant in past:
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": instant}}
        for deployment in deployments.values():
            api.ask("POST", f"/deployments/{deployment['id']}/create_flow_run", {"state": state})
    shifts = office.shifts()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "定时运行清除" in office.said(), 60)
    wait_until(lambda: office.shifts() > shifts and (office.var / "digests").exists(), 60)
    time.sleep(3)
    assert len((office.var / "digests").read_text().split()) == 1
    assert office.shifts() == shifts + 1


def test_runs_are_forgotten_a_week_after_they_ended(office: Office) -> None:
    api = office.api
    deployment = api.ask("POST", "/deployments/filter", {"deployments": {"name": {"any_": ["digest"]}}})[0]["id"]
    ended = {"state": {"type": "COMPLETED"}}
    old, young = (api.ask("POST", f"/deployments/{deployment}/create_flow_run", ended)["id"] for _ in range(2))
    with closing(sqlite3.connect(office.var / "prefect" / "prefect.db", timeout=30)) as prefect, prefect:
        for run, days in ((old, 8), (young, 6)):
            gone = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
            prefect.execute("update flow_run set end_time = ? where id = ?", (gone, run))
    kept = {"flow_runs": {"id": {"any_": [old, young]}}}
    wait_until(lambda: [run["id"] for run in api.ask("POST", "/flow_runs/filter", kept)] == [young], 60)


@pytest.mark.long
def test_a_prefect_that_lost_its_database_is_told_everything_again(office: Office) -> None:
    api = office.api
    wait_until(lambda: len(office.pids("prefect.server")) == 1, 20)
    shifts = office.shifts()
    for file in (office.var / "prefect").glob("prefect.db*"):
        file.unlink()
    os.kill(office.pids("prefect.server")[0], signal.SIGKILL)
    wait_until(lambda: api.is_up() and len(api.ask("POST", "/deployments/filter", {})) == 2, 90)
    wait_until(lambda: api.ask("POST", "/automations/filter", {}), 60)
    wait_until(lambda: office.shifts() > shifts, 120)


@pytest.mark.long
def test_shifts_that_come_late_are_cancelled_and_not_started_in_a_heap(office: Office) -> None:
    api = office.api
    wait_until(lambda: office.pids("prefect worker") and office.pids("prefect.engine"), 90)
    (worker,) = office.pids("prefect worker")
    os.kill(worker, signal.SIGSTOP)
    cancelled = _states(api)["CANCELLED"]
    wait_until(lambda: _states(api)["CANCELLED"] - cancelled >= 2, 500)
    shifts = office.shifts()
    os.kill(worker, signal.SIGCONT)
    time.sleep(30)
    assert (
        office.shifts() - shifts <= 3
    )  # one in the worker's hands, the newest of those missed, the next by the schedule


# --- the whole office, with its own flows -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Iterator[Office]:
    """`banjie up` as it is."""
    with started([str(Path(sys.executable).with_name("banjie")), "up"], scheduler.ROOT) as office:
        yield office


def _soon(office: Office, seconds: float) -> tuple[int, str]:
    """Let a step of some clock fall due in so many seconds. Returns the clock and the step."""
    with psycopg.connect(_urls(office).app) as app:
        row = app.execute(
            "update clock set next_at = now() + %s where id ="
            " (select id from clock where kind = 'deadline' and next_at > now() + interval '1 hour' order by id desc limit 1)"
            " returning id, next_step",
            [timedelta(seconds=seconds)],
        ).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def _fired(office: Office, clock: int, step: str) -> list[timedelta]:
    """How late that step has fired; once, one would hope."""
    with psycopg.connect(_urls(office).app) as app:
        fired = app.execute("select fired_at - at from escalation where clock_id = %s and step = %s", [clock, step])
        return [late for (late,) in fired.fetchall()]


def _watched(office: Office) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{office.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _urls(office: Office) -> Any:
    urls = running(office.var)
    assert urls is not None
    return urls


@pytest.mark.long
@pytest.mark.parametrize("victim", ["prefect worker", "prefect.engine"])
def test_kill_9_delays_a_step_by_a_minute_and_a_start_at_most(real: Office, victim: str) -> None:
    wait_until(lambda: _watched(real) and real.pids("prefect.engine"), 120)
    clock, step = _soon(real, 4)
    for process in real.pids(victim):
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: _fired(real, clock, step), 100)
    (late,) = _fired(real, clock, step)
    assert late < timedelta(seconds=60 + 20), late


@pytest.mark.long
def test_wiping_prefect_loses_no_deadline(real: Office) -> None:
    wait_until(lambda: _watched(real), 120)
    clock, step = _soon(real, 25)
    real.end(signal.SIGTERM)
    for file in (real.var / "prefect").glob("prefect.db*"):
        file.unlink()
    time.sleep(20)
    real.start()
    wait_until(lambda: _fired(real, clock, step), 60)
    assert len(_fired(real, clock, step)) == 1
    wait_until(lambda: _watched(real), 30)


def test_a_second_one_on_the_same_folder_or_port_is_refused_in_a_sentence(office: Office, tmp_path: Path) -> None:
    output = office.output.read_text()
    second = office.run()
    assert second.wait(30) == 1
    assert office.said() == f"✗ 另一个办结正在使用 {office.var},请先停止它,或用 BANJIE_VAR 另指一处。\n"
    office.output.write_text(output)
    other = Office(tmp_path)
    busy = other.run(BANJIE_PORT=str(office.port))
    assert busy.wait(30) == 1
    assert f"✗ 端口 {office.port} 不能使用" in other.said()
    assert "Traceback" not in other.said()
    assert other.pids() == []


def test_a_state_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.var.touch()
    assert office.run().wait(30) == 1
    assert office.said().startswith(f"✗ 无法写入状态目录 {office.var}")
    assert "Traceback" not in office.said()


def test_kill_9_leaves_nothing_behind_and_the_next_start_is_clean_and_quick(office: Office) -> None:
    wait_until(lambda: office.pids("prefect.engine"), 90)
    office.end(signal.SIGKILL)
    wait_until(lambda: not office.pids(), 10)
    assert office.start() < 20
    assert _remembered(office)
    assert office.answers()


@pytest.mark.parametrize("request_", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_everything_ends_within_ten_seconds(office: Office, request_: signal.Signals) -> None:
    if office.process is None or office.process.poll() is not None:
        office.start()
    wait_until(lambda: office.pids("prefect.engine"), 90)
    assert office.end(request_) < 10
    assert office.pids() == []
    assert office.process is not None
    assert office.process.returncode == 0
    assert office.said().endswith("已全部停止。\n")
    assert "Traceback" not in office.said()


def test_it_can_be_stopped_while_it_is_still_starting(office: Office) -> None:
    for moment in (0.3, 1.0, 2.5):
        office.process = office.run()
        time.sleep(moment)
        assert office.end(signal.SIGTERM) < 10
        assert office.pids() == []
        assert "Traceback" not in office.said()


def test_a_request_to_stop_that_python_swallowed_is_still_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a signal handler raises while Python collects garbage is lost; what it has set is not."""
    monkeypatch.setattr(up, "_heed_no_more", lambda: None)
    monkeypatch.setattr(up, "_asked_to_leave", threading.Event())
    with pytest.raises(up._Leave):
        up._leave(signal.SIGTERM, None)
    with pytest.raises(up._Leave):
        up.Supervisor(Settings(var=tmp_path)).watch()


@pytest.mark.long
def test_kill_9_at_any_moment_leaves_nothing_behind_and_loses_nothing(office: Office) -> None:
    if office.process is None or office.process.poll() is not None:
        office.start()
    urls = running(office.var)
    assert urls is not None
    with psycopg.connect(urls.owner) as owner:
        owner.execute("create table if not exists kill (number int)")
    for number in range(20):
        urls = running(office.var)
        assert urls is not None
        with psycopg.connect(urls.app) as app:
            app.execute("insert into kill values (%s)", [number])
        office.end(signal.SIGKILL)
        wait_until(lambda: not office.pids(), 10)
        office.process = office.run()
        time.sleep(number / 4)  # somewhere in the middle of the start
        office.end(signal.SIGKILL)
        wait_until(lambda: not office.pids(), 10)
        assert office.start() < 20
    urls = running(office.var)
    assert urls is not None
    with psycopg.connect(urls.app) as app:
        assert app.execute("select count(*) from kill").fetchone() == (20,)


def test_a_part_that_keeps_dying_is_started_ever_less_often(tmp_path: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["false"])
        process.wait()
        return process

    part = Part("网页", tmp_path / "web.log", start, start(), begun=0.0)
    told = [sentence for second in range(400) if (sentence := part.tend(float(second)))]
    waits = [int(number) for sentence in told for number in re.findall(r"(\d+) 秒后", sentence)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[7:]) == {60}


def as_in_a_terminal() -> None:
    """Whoever runs the tests in the background has their children ignore Ctrl-C, and `banjie up` respects that."""
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(request, signal.SIG_DFL)


def wait_until(true: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.1)


def _states(api: scheduler.Api) -> dict[str, int]:
    kinds = ("RUNNING", "CRASHED", "CANCELLED")
    return {
        kind: api.ask("POST", "/flow_runs/count", {"flow_runs": {"state": {"type": {"any_": [kind]}}}})
        for kind in kinds
    }


def _remember(office: Office) -> None:
    urls = running(office.var)
    assert urls is not None
    with psycopg.connect(urls.owner) as owner:
        owner.execute("create table if not exists note (id int); insert into note values (1)")


def _remembered(office: Office) -> bool:
    urls = running(office.var)
    assert urls is not None
    with psycopg.connect(urls.app) as app:
        return app.execute("select id from note").fetchone() == (1,)


def two_free_ports() -> int:
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


_PROJECT = {
    "accounts.json": json.dumps([["clerk", "街道经办", "secret"]]),
    "drive.py": """
import sys
from pathlib import Path
from api import scheduler, up
scheduler.ROOT = Path(__file__).parent
up.Supervisor.web = "toyweb:create_app"
up.Supervisor.prepare = ("cat", "accounts.json")
up.up()
""",
    "toyweb.py": """
def create_app():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"].endswith("shutdown"):
                    return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
    return app
""",
    "toyflows.py": """
import asyncio, os
from pathlib import Path
from prefect import flow

@flow
async def shift():
    with Path(os.environ["BANJIE_VAR"], "shifts").open("a") as marks:
        marks.write(f"{os.getpid()}\\n")
    await asyncio.sleep(600)

@flow
async def digest():
    with Path(os.environ["BANJIE_VAR"], "digests").open("a") as marks:
        marks.write("once\\n")
""",
    "prefect.yaml": """
name: banjie
deployments:
  - name: shift
    entrypoint: toyflows:shift
    work_pool: {name: banjie}
    schedules: [{interval: 60, timezone: Asia/Shanghai}]
  - name: digest
    entrypoint: toyflows:digest
    work_pool: {name: banjie}
    schedules: [{cron: "30 8 1 1 *", timezone: Asia/Shanghai}]
""",
}
