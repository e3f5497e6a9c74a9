"""`banjie demo`: an office of its own on a fast clock, where most people do their work and some let it lie.

It begins afresh each time, on the next working morning, beside a Banjie that may be running: own folder, own database,
own ports.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from models.settings import settings

from .embedded import Urls
from .up import Account, Supervisor, answer, run

PORTS_UP = 100


def demo(rate: int, seconds: float = 0) -> None:
    """Runs in the foreground, `rate` times as fast as the world; ends by itself after `seconds`, if any."""
    run(Demo(rate), seconds or math.inf)


class Demo(Supervisor):
    prepare = (sys.executable, "-m", "api.demo")

    def __init__(self, rate: int) -> None:
        config = settings()
        own = {
            "var": config.var / "demo",
            "port": config.port + PORTS_UP,
            "database_url": None,
            "owner_url": None,
            "mode": "trial",
        }
        super().__init__(config.model_copy(update=own))
        self.prefect_port = self.config.port + 1
        self.rate = rate

    def start(self) -> None:
        super().start()
        command = [sys.executable, "-m", "api.officers", str(self.rate)]
        self._run("officers", "演示人员", command, self.env, output=sys.stdout.fileno())

    def _start_database(self) -> Urls:
        super()._start_database()
        assert self.embedded is not None
        self.embedded.drop("banjie")
        return self.embedded.database("banjie")


def _migrate_and_seed(owner_url: str, mode: str) -> Sequence[Account]:
    from datetime import date

    from models.calendars import shipped
    from models.db import transaction
    from models.office import set_office_clock
    from models.worktime import at_office_open

    from .setup import migrate, seed

    migrate(owner_url)
    with transaction(owner_url) as session:
        # it runs fast only once there is somebody to watch it
        set_office_clock(session, at_office_open(shipped().next_working(date.today())))
    return seed(owner_url, mode)


if __name__ == "__main__":
    answer(_migrate_and_seed)
