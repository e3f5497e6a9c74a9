"""Procrastinate: a job per deadline, deferred to its instant.

The worker looks twenty times a second (every five seconds, if not told) and runs four jobs at once: of one, four, sixteen
and thirty-two that was the promptest, and nearly the quickest.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job
from psycopg_pool import AsyncConnectionPool

from .rival_timers import ESCALATION, EVENT, orders


def main(url: str) -> None:
    asyncio.run(work(url))


async def work(url: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=4, max_size=20))
    pool = AsyncConnectionPool(url, min_size=4, max_size=16, open=False)

    @app.task(name="fire")
    async def fire(step: int, at: float) -> None:
        async with pool.connection() as connection:
            await connection.execute(ESCALATION, {"step": step, "at": at})
            await connection.execute(EVENT, {"step": step, "at": at})

    async with app.open_async(), pool:
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=4, fetch_job_polling_interval=0.05, install_signal_handlers=False, delete_jobs="successful"
            )
        )
        waiting: Any = orders()
        while (steps := await asyncio.to_thread(next, waiting, None)) is not None:
            jobs: list[Job] = [
                fire.configure(schedule_at=datetime.fromtimestamp(one.at, UTC)).make_new_job(step=one.step, at=one.at)
                for one in steps
            ]
            await app.job_manager.batch_defer_jobs_async(jobs=jobs)
            print("planned", flush=True)
        worker.cancel()
