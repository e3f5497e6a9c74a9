"""`banjie up`: starts every part of one Banjie, watches over them, and ends them all.

Each part is a child in a session of its own, so that a Ctrl-C reaches only us and the parts end in the right order; and
the kernel ends each with us, so that nothing is left behind even by kill -9. This process itself stays small: it loads
neither the web nor Prefect.
"""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import Conflict, Refused, Unavailable
from models.settings import Settings, settings

from . import scheduler
from .embedded import Embedded, Urls, dies_with_us, hold, log_file

Account = tuple[str, str, str]
"""What a newcomer may sign in with: account, who that is, password."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RUNS_AT_ONCE = 4
"""The shift, the one that takes over from it, and two jobs beside them: mail that is slow keeps nothing else waiting."""
PATIENCE = 3.0
"""Seconds each of the three rounds of stopping waits before it insists; all of them together stay under ten."""

console = Console(highlight=False, soft_wrap=True)


def up() -> None:
    """Runs in the foreground until Ctrl-C, SIGTERM or SIGHUP. Exits with 1 and one sentence where it cannot start."""
    run(Supervisor(settings()))


def run(supervisor: Supervisor, seconds: float = math.inf) -> None:
    try:
        supervisor.start()
        supervisor.watch(seconds)
    except Refused as refusal:
        _say(refusal.sentence, "✗", "red")
        raise SystemExit(1) from None
    except _Leave:
        _say("正在停止……")
    finally:
        supervisor.stop()
    _say("已全部停止。")


class _Leave(BaseException):
    """Somebody asked us to stop."""


_asked_to_leave = threading.Event()
"""Set besides the raising: Python swallows what is raised while it collects garbage, and nobody asks twice."""


@dataclass(eq=False)
class Part:
    """A child that must stay alive. `start` returns it running; dead, it is started again after a growing pause."""

    title: str
    log: Path
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None
    pause: float = 1
    begun: float = field(default_factory=time.monotonic)
    due: float | None = None

    def tend(self, now: float) -> str | None:
        """What the operator should be told, if anything; `now` is `time.monotonic()`."""
        if self.process is not None and self.process.poll() is None:
            if now - self.begun > 60:
                self.pause = 1
            return None
        if self.due is None:
            code = self.process.returncode if self.process is not None else None
            return self._put_off(now, f"{self.title}意外退出(代码 {code})")
        if now < self.due:
            return None
        try:
            self.process, self.begun, self.due = self.start(), now, None
        except (OSError, Refused) as error:
            return self._put_off(now, f"{self.title}未能启动({error})")
        return f"{self.title}已重新启动。"

    def _put_off(self, now: float, what: str) -> str:
        self.due = now + self.pause
        sentence = f"{what},{self.pause:.0f} 秒后再启动;日志 {self.log}。"
        self.pause = min(self.pause * 2, 60)
        return sentence


class Supervisor:
    """The parts of one Banjie, in the order they start: database, Prefect's server, web, Prefect's worker."""

    prepare: Sequence[str] = (sys.executable, "-m", "api.up")
    """Command that migrates and seeds and prints the trial accounts as JSON."""
    web = "api.app:create_app"

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.var = config.var.resolve()
        self.prefect_port = int(os.environ.get("PREFECT_SERVER_API_PORT", config.port + 1))
        self.embedded = Embedded(self.var) if config.database_url is None else None
        self.parts: list[Part] = []
        self.server: Part | None = None
        self.database: Part | None = None
        self.prepared: float | None = None
        """When the server began that knows our deployments."""
        self._lock: IO[str] | None = None
        self._preparing: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        begun = time.monotonic()
        for request in SIGNALS:
            if signal.getsignal(request) != signal.SIG_IGN:  # nohup
                signal.signal(request, _leave)
        self._check()
        _say(f"办结启动中,状态目录 {self.var}")
        command, env = scheduler.serve(self._environment(), self.prefect_port)
        self.server = self._run("prefect", "Prefect 服务", command, env)
        urls = self._start_database()
        accounts = self._prepared(urls)
        self.env = {**self._environment(), "BANJIE_DATABASE_URL": urls.app}
        web = self._run("web", "网页", self._web_command(), self.env)
        self._worker(self.server)
        self._await(web, self._web_answers, 60)
        self._announce(accounts, time.monotonic() - begun)

    def watch(self, seconds: float = math.inf) -> None:
        """Keep the parts alive, for so long at most."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for part in self.parts:
                if sentence := part.tend(time.monotonic()):
                    _say(sentence, "!", "yellow")
            self._prepare_again()
            if _asked_to_leave.wait(0.5):
                raise _Leave

    def _prepare_again(self) -> None:
        """A server that came back may have lost its database; without deployments no shift would ever start."""
        if self.server is None or self.server.begun == self.prepared or not self.api.is_up():
            return
        try:
            self.api.prepare(self.var)
        except (OSError, Refused) as error:
            _say(f"定时任务未能登记({error}),稍后再试。", "!", "yellow")
        else:
            self.prepared = self.server.begun

    def stop(self) -> None:
        _heed_no_more()
        if self._preparing is not None:
            _signal_group(self._preparing, signal.SIGKILL)
        # the worker tells the server how its runs ended, and all of them write to the database
        _end([part.process for part in self.parts if part not in (self.server, self.database)])
        _end([self.server.process] if self.server else [])
        if self.embedded is not None:
            self.embedded.stop(PATIENCE / 2)
        if self._lock is not None:
            self._lock.close()

    def _check(self) -> None:
        """What would keep us from starting, said in one sentence."""
        # one whose terminal or `make` was killed needs its ten seconds to stop
        self._lock = hold(self.var / "banjie.lock", patience=10)
        for host, port, name in (
            (self.config.host, self.config.port, "BANJIE_PORT"),
            ("127.0.0.1", self.prefect_port, "PREFECT_SERVER_API_PORT"),
        ):
            _await_free(host, port, name)

    def _start_database(self) -> Urls:
        if self.embedded is None:
            app = self.config.database_url or ""
            return Urls(self.config.owner_url or app, app)
        self.embedded.start()
        log = self.var / "log" / "postgres.log"
        self.database = Part("数据库", log, self.embedded.launch, self.embedded.process)
        self.parts.append(self.database)
        _say(f"数据库:内置 PostgreSQL,数据在 {self.embedded.data}", "✓", "green")
        return Urls(self.embedded.owner_url, self.embedded.app_url)

    def _prepared(self, urls: Urls) -> Sequence[Account]:
        """Migrates and seeds in a process of its own, whose memory is given back."""
        env = {**self._environment(), "BANJIE_OWNER_URL": urls.owner, "BANJIE_DATABASE_URL": urls.app}
        self._preparing = self._child("prepare", self.prepare, env, subprocess.PIPE)
        answer, _ = self._preparing.communicate()
        if self._preparing.returncode:
            sentence = answer.decode().strip() or f"数据库未能就绪,原因见 {self.var / 'log' / 'prepare.log'}。"
            raise Unavailable(sentence)
        self._preparing = None
        _say("数据库结构和基础数据就绪", "✓", "green")
        return [tuple(row) for row in json.loads(answer)]

    def _worker(self, server: Part) -> None:
        api = self.api = scheduler.Api(self.env)
        self._await(server, api.is_up, 120)

        def start() -> subprocess.Popen[bytes]:
            api.prepare(self.var)
            self.prepared = server.begun
            left = api.tidy()
            if left.missed or left.broken:
                _say(f"停机期间错过的定时运行清除 {left.missed} 次,中断的运行标记 {left.broken} 次。")
            return self._child("worker", scheduler.work(RUNS_AT_ONCE), self.env)

        try:
            self.parts.append(Part("后台任务", self.var / "log" / "worker.log", start, start()))
        except OSError as error:
            raise Unavailable(f"Prefect 接口出错({error}),原因见 {server.log}。") from None
        _say(f"定时任务已登记,Prefect 接口 {api.url}", "✓", "green")
        _say("后台任务已启动", "✓", "green")

    def _run(
        self, log: str, title: str, command: Sequence[str], env: Mapping[str, str], output: int | None = None
    ) -> Part:
        part = Part(title, self.var / "log" / f"{log}.log", lambda: self._child(log, command, env, output))
        part.process = part.start()
        self.parts.append(part)
        return part

    def _child(
        self, log: str, command: Sequence[str], env: Mapping[str, str], output: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Its output goes to `output`, a file descriptor; else, as its errors do, to the log."""
        with log_file(self.var, log) as errors:
            return subprocess.Popen(
                command,
                cwd=scheduler.ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=errors if output is None else output,
                stderr=errors,
                start_new_session=True,
                preexec_fn=dies_with_us(signal.SIGKILL),  # noqa: PLW1509 - nothing but two system calls
            )

    def _environment(self) -> dict[str, str]:
        """What every child sees: our settings with absolute paths, and a proxy that keeps off our own addresses."""
        env = {
            name: value for name, value in os.environ.items() if name not in ("BANJIE_OWNER_URL", "BANJIE_DATABASE_URL")
        }
        direct = ",".join(filter(None, ("127.0.0.1,localhost", env.get("no_proxy") or env.get("NO_PROXY"))))
        env |= {"no_proxy": direct, "NO_PROXY": direct, "PYTHONUNBUFFERED": "1"}
        env |= {
            "BANJIE_VAR": str(self.var),
            "BANJIE_PORT": str(self.config.port),
            "BANJIE_HOST": self.config.host,
            "BANJIE_MODE": self.config.mode,
            "BANJIE_NODE_MODULES": str((scheduler.ROOT / self.config.node_modules).resolve()),
        }
        return scheduler.environment(env, self.var, self.prefect_port)

    def _web_command(self) -> list[str]:
        command = [sys.executable, "-m", "uvicorn", "--factory", self.web, "--host", self.config.host]
        command += ["--port", str(self.config.port), "--log-level", "warning", "--no-access-log"]
        return [*command, "--timeout-graceful-shutdown", "1"]

    def _await(self, part: Part, is_up: Callable[[], bool], limit: float) -> None:
        deadline = time.monotonic() + limit
        while not is_up():
            if _asked_to_leave.is_set():
                raise _Leave
            if part.process is None or part.process.poll() is not None:
                raise Unavailable(f"{part.title}启动失败,原因见 {part.log}。")
            if time.monotonic() > deadline:
                raise Unavailable(f"{part.title} {limit:.0f} 秒内未能就绪,原因见 {part.log}。")
            time.sleep(0.1)

    def _web_answers(self) -> bool:
        with suppress(OSError):
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(f"{self.address}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    @property
    def address(self) -> str:
        host = "127.0.0.1" if self.config.host in ("0.0.0.0", "::") else self.config.host
        return f"http://{host}:{self.config.port}"

    def _announce(self, accounts: Sequence[Account], seconds: float) -> None:
        _say(f"办结已就绪,用时 {seconds:.0f} 秒。网页地址:{self.address}", "✓", "bold green")
        if accounts:
            table = Table("账号", "身份", "口令", box=None, pad_edge=False)
            for row in accounts:
                table.add_row(*row)
            console.print(table)
        _say("按 Ctrl-C 停止。")


def _say(sentence: str, mark: str = " ", style: str = "") -> None:
    console.print(Text.assemble((mark, style), " ", sentence))


def _leave(request: int, frame: object) -> None:
    _asked_to_leave.set()
    _heed_no_more()
    raise _Leave


def _heed_no_more() -> None:
    for request in SIGNALS:
        # not SIG_IGN: Python complains of a signal that came just before
        signal.signal(request, lambda request, frame: None)


def _await_free(host: str, port: int, name: str) -> None:
    """After a kill -9 a port may take a moment to come free."""
    deadline = time.monotonic() + 3
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                reason = "已被占用" if error.errno == errno.EADDRINUSE else error.strerror
        if time.monotonic() > deadline:
            raise Conflict(f"端口 {port} 不能使用({reason})。请停止占用它的程序,或换一个端口,如 {name}={port + 100}。")
        time.sleep(0.2)


def _end(children: Sequence[subprocess.Popen[bytes] | None]) -> None:
    """Asks each with everything it started, waits `PATIENCE` seconds for all, then insists."""
    processes = [process for process in children if process is not None]
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], request: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, request)


def answer(prepared: Callable[[str, str], Sequence[Account]]) -> None:
    """The child that `Supervisor.prepare` names: prints accounts as JSON, or a sentence and exits with 1.

    `prepared` is given the owner's URL and the mode.
    """
    from sqlalchemy.exc import OperationalError

    config = settings()
    try:
        accounts = prepared(config.owner_url or config.database_url or "", config.mode)
    except Refused as refusal:
        print(refusal.sentence)
        raise SystemExit(1) from None
    except OperationalError as error:
        print(f"连不上数据库:{str(error.orig).splitlines()[0]}")
        raise SystemExit(1) from None
    print(json.dumps([list(account) for account in accounts]))


def _migrate_and_seed(owner_url: str, mode: str) -> Sequence[Account]:
    from .setup import migrate, seed

    migrate(owner_url)
    return seed(owner_url, mode)


if __name__ == "__main__":
    answer(_migrate_and_seed)
