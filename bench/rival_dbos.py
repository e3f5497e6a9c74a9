"""DBOS: a durable workflow per deadline, enqueued with a delay.

Queues look ten times a second (once, if not told). As many workflows run at once as DBOS likes, which was quicker than fewer.
"""

import time

from dbos import DBOS, SetEnqueueOptions
from psycopg_pool import ConnectionPool

from .rival_timers import ESCALATION, EVENT, Step, obey


def main(url: str) -> None:
    pool = ConnectionPool(url, min_size=8, max_size=16, open=True)
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})

    @DBOS.step()
    def write(step: int, at: float) -> None:
        with pool.connection() as connection:
            connection.execute(ESCALATION, {"step": step, "at": at})
            connection.execute(EVENT, {"step": step, "at": at})

    @DBOS.workflow()
    def fire(step: int, at: float) -> None:
        write(step, at)

    DBOS.launch()
    queue = DBOS.register_queue("steps", polling_interval_sec=0.1)

    def plan(steps: list[Step]) -> None:
        for one in steps:
            with SetEnqueueOptions(delay_seconds=one.at - time.time()):
                queue.enqueue(fire, one.step, one.at)

    obey(plan)
