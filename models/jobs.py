"""Work asked of the flows: the web writes a row and answers at once; a flow picks it up, goes on where a dead one stopped."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Select, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, Session, SQLModel, col

from .access import may_oversee
from .db import instant, jsonb, primary_key, reference
from .errors import NotFound
from .people import Person

KINDS = {"preview": "预览重算", "rebase": "重算期限", "undo": "撤销重算"}
STATES = {"waiting": "等待开始", "running": "正在进行", "done": "已完成", "failed": "未能完成"}
SILENT = timedelta(seconds=15)
"""Who works on a job gives a sign of life with every batch, several a second; after this long nobody does."""


class Job(SQLModel, table=True):
    """`state`: `waiting`, `running`, `done` or `failed`. `cursor` is the last row (by id) that is done with; instants are real."""

    id: int | None = primary_key()
    kind: str
    params: Any = jsonb()
    asked_by_id: int | None = reference("person.id", nullable=True)
    asked_at: datetime = instant()
    state: str = "waiting"
    cursor: int = Field(default=0, sa_type=BigInteger)
    put_back: list[int] = Field(
        default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default="{}")
    )
    """Rows before the cursor that somebody had locked: they come last."""
    done: int = 0
    total: int | None = None
    result: Any = jsonb()
    why: str | None = None
    """Why it failed, in a sentence."""
    beat_at: datetime | None = instant(nullable=True)
    """The last sign of life of whoever works on it."""
    finished_at: datetime | None = instant(nullable=True)

    __table_args__ = (Index("ix_job_open", "id", postgresql_where=text("finished_at is null")),)

    @property
    def is_open(self) -> bool:
        return self.finished_at is None


def ask(session: Session, kind: str, params: dict[str, Any], *, by: Person | None, at: datetime) -> Job:
    """Ask for work of that kind; answers at once."""
    job = Job(kind=kind, params=params, asked_by_id=by.id if by else None, asked_at=at, result={})
    session.add(job)
    session.flush()
    return job


def see_job(session: Session, person: Person, number: int) -> Job:
    """The job of that number; `NotFound` where there is none, or it is neither theirs nor theirs to oversee."""
    job = session.get(Job, number)
    if job is None or not (job.asked_by_id == person.id or may_oversee(person)):
        raise NotFound(f"没有编号为 {number} 的后台任务，或您无权查看。")
    return job


def open_jobs() -> Select[tuple[Job]]:
    """In the order in which they are worked on."""
    return select(Job).where(col(Job.finished_at).is_(None), col(Job.kind).in_(KINDS)).order_by(col(Job.id))


def is_left_lying(session: Session) -> bool:
    """Whether a job is open and nobody works on any: who works on one goes on to the others."""
    looked = select(func.min(Job.asked_at), func.max(Job.beat_at), func.clock_timestamp())
    of_ours = looked.where(col(Job.finished_at).is_(None), col(Job.kind).in_(KINDS))
    asked_at, beat_at, now = session.execute(of_ours).one()
    return asked_at is not None and (beat_at is None or now - beat_at > SILENT)
