"""The embedded PostgreSQL: closed to strangers, gone with whoever started it, and nothing lost."""

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api import embedded
from api.embedded import Embedded, Urls, running, temporary
from models.errors import Conflict, Unavailable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change users")


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    with temporary() as pg:
        yield pg


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A state folder behind a closed one (pytest's own are 0700), as under `/root`."""
    yield tmp_path / "var"
    for note in tmp_path.glob("*/postgres.json"):
        home = Path(json.loads(note.read_text())["home"])
        if home.is_relative_to(embedded.SHARED_HOME):
            shutil.rmtree(home)


def test_the_app_reads_and_writes_rows_but_may_not_change_the_schema(server: Embedded) -> None:
    with psycopg.connect(server.owner_url) as owner:
        owner.execute("create table note (id int generated always as identity, words text)")
    with psycopg.connect(server.app_url) as app:
        app.execute("insert into note (words) values ('办结')")
        assert app.execute("select words from note").fetchone() == ("办结",)
        for forbidden in ("create table other (id int)", "drop table note", "alter table note add x int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                app.execute(forbidden)


def test_every_connection_needs_its_password(server: Embedded) -> None:
    for user in ("postgres", "banjie_owner", "banjie_app"):
        url = f"postgresql://{user}:wrong@127.0.0.1:{server.port}/banjie"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)


def test_only_this_machine_is_listened_to_and_only_the_owner_reads_the_data(server: Embedded) -> None:
    with psycopg.connect(server.app_url) as app:
        assert app.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert app.execute("show timezone").fetchone() == ("UTC",)
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    secrets = server.var / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "postgres.json").stat().st_mode) == 0o600


def test_a_copied_database_has_the_same_rights_and_rows(server: Embedded) -> None:
    with psycopg.connect(server.database("model").owner) as owner:
        owner.execute("create table kept (id int); insert into kept values (7)")
    copy = server.database("copy", template="model")
    with psycopg.connect(copy.app) as app:
        app.execute("insert into kept values (8)")
        assert app.execute("select count(*) from kept").fetchone() == (2,)
    server.drop("copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(copy.app)


def test_a_restart_keeps_the_data_and_the_passwords(var: Path) -> None:
    with Embedded(var) as pg:
        _remember(pg.urls("banjie"))
        passwords = pg.passwords
    assert not _servers(pg.data)
    with Embedded(var) as pg:
        assert pg.passwords == passwords
        assert _remembered(pg.app_url) == 1


def test_a_server_dies_with_a_killed_parent_and_the_next_start_is_clean(var: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(var)], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert parent.stdout is not None
    url, data = parent.stdout.readline().split()
    with psycopg.connect(url) as app:
        app.execute("insert into note values (1)")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    with Embedded(var) as pg:  # at once: the old server may still be on its way out
        assert _remembered(pg.app_url) == 1
    assert not _servers(Path(data))


def test_a_killed_server_recovers_what_was_committed(var: Path) -> None:
    with Embedded(var) as pg:
        _remember(pg.urls("banjie"))
        port = pg.port
        assert pg.process is not None
        pg.process.send_signal(signal.SIGKILL)
        pg.process.wait()
        pg.launch()
        assert pg.port == port
        assert _remembered(pg.app_url) == 1


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(var: Path) -> None:
    with Embedded(var) as pg:
        pass
    stranger = subprocess.Popen(["sleep", "60"], user=pg.user.pw_uid)
    try:
        note = pg.data / "postmaster.pid"
        note.write_text(f"{stranger.pid}\n{pg.data}\n1\n1\n\n127.0.0.1\n0 0\nready\n")
        os.chown(note, pg.user.pw_uid, pg.user.pw_gid)
        with Embedded(var) as again:
            assert again.process is not None
            assert again.process.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_one_data_folder_has_one_server_and_others_find_it(var: Path) -> None:
    assert running(var) is None
    with Embedded(var) as pg:
        with pytest.raises(Conflict, match="另一个办结"):
            Embedded(var).start()
        assert running(var) == pg.urls("banjie")
    assert running(var) is None


def test_lost_passwords_are_told_in_a_sentence(var: Path) -> None:
    with Embedded(var):
        pass
    secret = var / "secrets" / "postgres.json"
    kept = secret.read_text()
    secret.unlink()
    with pytest.raises(Unavailable, match="口令文件"):
        Embedded(var).start()
    secret.write_text(kept.replace("a", "b"))
    with pytest.raises(Unavailable, match="口令"):
        Embedded(var).start()
    secret.write_text(kept)
    with Embedded(var):
        pass


def test_a_state_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="无法写入状态目录"):
        Embedded(tmp_path / "file" / "var").start()


@as_root
def test_as_root_the_server_is_not_root_and_no_folder_is_opened(var: Path) -> None:
    before = [(folder, folder.stat().st_mode) for folder in (*var.parents, *embedded.binaries().parents)]
    with Embedded(var) as pg:
        assert pg.process is not None
        assert Path(f"/proc/{pg.process.pid}").stat().st_uid == pwd.getpwnam("banjie").pw_uid
        assert pg.home.is_relative_to("/var/lib/banjie")
    assert [(folder, folder.stat().st_mode) for folder, _ in before] == before


@as_root
def test_as_root_programs_behind_a_closed_folder_are_copied(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = embedded.binaries().parent.parent
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), tmp_path / "site" / name)
    closed = tmp_path / "site" / embedded.binaries().relative_to(package.parent)
    monkeypatch.setattr(embedded, "binaries", lambda: closed)
    monkeypatch.setattr(embedded, "version", lambda wheel: "of-a-test")
    copy = embedded.SHARED_HOME / f"{embedded.WHEEL}-of-a-test"
    try:
        with Embedded(var) as pg:
            assert pg.bin.is_relative_to(copy)
            assert _remember(pg.urls("banjie"))
    finally:
        shutil.rmtree(copy, ignore_errors=True)


_PARENT = """
import sys, time
from pathlib import Path
import psycopg
from api.embedded import Embedded
pg = Embedded(Path(sys.argv[1]))
pg.start()
with psycopg.connect(pg.owner_url) as owner:
    owner.execute("create table note (id int)")
print(pg.app_url, pg.data, flush=True)
time.sleep(600)
"""


def _remember(urls: Urls) -> bool:
    with psycopg.connect(urls.owner) as owner:
        owner.execute("create table note (id int); insert into note values (1)")
    return True


def _remembered(url: str) -> int:
    with psycopg.connect(url) as app:
        row = app.execute("select count(*) from note").fetchone()
    assert row is not None
    return int(row[0])


def _servers(data: Path) -> list[int]:
    """Processes that still work in `data`; a zombie does not."""
    time.sleep(0.2)
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if embedded._works_in(int(path.name), data)]
