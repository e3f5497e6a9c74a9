"""A warm start and an idle office: `banjie up` on a state folder that is there already, until the first page; then what all its
processes together hold in memory (each shared page counted once) and use of one core while nobody asks for anything."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.embedded import free_port

from .figure import Figure, at_most

COMMAND = Path(sys.executable).with_name("banjie")
IDLE = 60
SETTLE = 15
"""Seconds from the first shift's sign of life, which is busy with what the folder was left with."""


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="banjie-") as folder:
        # as root the database's account must get to its data
        Path(folder).chmod(0o711)
        with up(Path(folder) / "var") as address:
            until(lambda: answers(f"{address}/signin"), 120)
        begun = time.perf_counter()
        with up(Path(folder) / "var") as address:
            until(lambda: answers(f"{address}/signin"), 120)
            yield at_most("warm start to the first page", time.perf_counter() - begun, "s", 20)
            until(lambda: answers(f"{address}/readyz"), 120)
            time.sleep(SETTLE)
            tree, before = processes(os.getpid()), time.perf_counter()
            used = cpu_seconds(tree)
            memory = [megabytes(tree)]
            while time.perf_counter() - before < IDLE:
                time.sleep(5)
                memory.append(megabytes(processes(os.getpid())))
            tree = processes(os.getpid())
            share = 100 * (cpu_seconds(tree) - used) / (time.perf_counter() - before)
            yield at_most(f"memory of all {len(tree)} processes, at most in {IDLE} s idle", max(memory), "MB", 1100)
            yield at_most(f"one core's share over {IDLE} s idle", share, "%", 15)


@contextmanager
def up(var: Path) -> Iterator[str]:
    """Runs one Banjie for the length of the block; its address."""
    port = free_port()
    env = os.environ | {
        "BANJIE_VAR": str(var),
        "BANJIE_PORT": str(port),
        "BANJIE_MODE": "trial",
        "PREFECT_SERVER_API_PORT": str(free_port()),
    }
    for name in ("BANJIE_DATABASE_URL", "BANJIE_OWNER_URL", "BANJIE_HOST"):
        env.pop(name, None)
    with tempfile.TemporaryFile("w+") as said:
        office = subprocess.Popen([COMMAND, "up"], env=env, stdout=said, stderr=said)
        try:
            yield f"http://127.0.0.1:{port}"
        except BaseException:
            said.seek(0)
            print(said.read(), file=sys.stderr)
            raise
        finally:
            office.send_signal(signal.SIGTERM)
            office.wait(30)


def answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), direct.open(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def until(question: Callable[[], bool], limit: float) -> None:
    ends = time.monotonic() + limit
    while not question():
        assert time.monotonic() < ends, "it did not answer in time"
        time.sleep(0.05)


def processes(parent: int) -> list[int]:
    """Every process below `parent`."""
    found, below = [], [parent]
    while below:
        for task in Path(f"/proc/{below.pop()}/task").glob("*/children"):
            with suppress(OSError):
                children = [int(pid) for pid in task.read_text().split()]
                found += children
                below += children
    return found


def cpu_seconds(pids: list[int]) -> float:
    """What they and those they have outlived have used so far."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            ticks += sum(
                int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
            )
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(pids: list[int]) -> float:
    """Their proportional set size: a page that several map is shared out among them."""
    kilobytes = 0
    for pid in pids:
        with suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kilobytes * 1024 / 1e6
