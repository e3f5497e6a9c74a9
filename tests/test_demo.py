"""`banjie demo`, as a newcomer sees it: within a minute people work, cards turn, and who was late gets a letter."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from api.demo import PORTS_UP

from .test_up import two_free_ports, wait_until

pytestmark = pytest.mark.prefect
DEMO = [sys.executable, "-c", "from api.cli import app; app()", "demo"]


@contextmanager
def demonstration(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The running demonstration, and the file with what it says."""
    with tempfile.TemporaryDirectory(prefix="banjie-demo-") as folder:
        Path(folder).chmod(0o711)  # as root the database's account must get to its data
        said = Path(folder) / "said"
        env = os.environ | {"BANJIE_VAR": f"{folder}/var", "BANJIE_PORT": str(two_free_ports() - PORTS_UP)}
        with said.open("w") as output:
            process = subprocess.Popen([*DEMO, *words], env=env, cwd=Path(__file__).parent.parent, stdout=output)
        try:
            yield process, said
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_cases_move_cards_turn_and_a_letter_is_issued_with_nobody_touching_anything() -> None:
    with demonstration() as (process, said):
        for sight in (r"网页地址", r"\d\d:\d\d  \S+　登记立案　WX", r"系统　红牌", r"系统　签发　《催办通知书》\S+号"):
            wait_until(partial(lambda seen: re.search(seen, said.read_text()), sight), 120)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0 and time.monotonic() - begun < 10
        assert said.read_text().endswith("已全部停止。\n")
        assert "意外退出" not in said.read_text()


@pytest.mark.long
def test_it_runs_for_weeks_and_ends_by_itself() -> None:
    with demonstration("--rate", "20000", "--seconds", "150") as (process, said):
        assert process.wait(240) == 0
        days = re.findall(r"\d{4}-\d\d-\d\d 周.", said.read_text())
        assert len(days) > 12 and "周六" not in "".join(days)
        assert "→ 办结" in said.read_text()
        assert "意外退出" not in said.read_text()
