"""A table of timers and a loop that sleeps until the next one.

With a batch of 1 each step is a transaction of its own; with more, whole sets are claimed and written by three statements.
"""

import threading
import time

import psycopg

from .rival_timers import Step, obey

CLAIM = """
    select step from timer where not fired and at <= clock_timestamp() order by at limit %s for update skip locked"""
FIRE = (
    "insert into escalation (step, at) select step, at from timer where step = any(%s)",
    "insert into event (step, name, at, facts) select step, 'red_card', at, '{}' from timer where step = any(%s)",
    "update timer set fired = true where step = any(%s)",
)
NEXT = "select extract(epoch from min(at) - clock_timestamp()) from timer where not fired"
LONGEST = 0.05
"""Seconds between two looks: a timer planned meanwhile waits no longer."""


def watch(url: str, batch: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            with connection.transaction():
                claimed = [step for (step,) in connection.execute(CLAIM, [batch])]
                for statement in FIRE if claimed else ():
                    connection.execute(statement, [claimed])
            if not claimed:
                (left,) = connection.execute(NEXT).fetchone() or (None,)
                time.sleep(min(max(float(left), 0), LONGEST) if left is not None else LONGEST)


def main(url: str, batch: str) -> None:
    threading.Thread(target=watch, args=[url, int(batch)], daemon=True).start()
    with psycopg.connect(url, autocommit=True) as connection:

        def plan(steps: list[Step]) -> None:
            with connection.cursor().copy("copy timer (step, at) from stdin") as copy:
                for one in steps:
                    copy.write_row(
                        (
                            one.step,
                            time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.at)) + f"{one.at % 1:.6f}"[1:] + "+00",
                        )
                    )

        obey(plan)
