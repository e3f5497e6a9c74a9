"""Which case gave rise to which."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, select
from sqlmodel import Session, SQLModel, col

from .db import instant, primary_key, reference

if TYPE_CHECKING:
    from .case import Case


class Later(Exception):
    """Somebody holds the other case, or is opening it at this moment: come again.

    Waiting for one case while holding another could end in a deadlock.
    """


class Link(SQLModel, table=True):
    """`from_id` gave rise to `to_id`; closing one never loses the other."""

    id: int | None = primary_key()
    from_id: int = reference("case.id", index=True)
    to_id: int = reference("case.id", index=True)
    why: str
    """One of `TITLES`."""
    at: datetime = instant()

    __table_args__ = (Index("uq_link_from_id_to_id_why", "from_id", "to_id", "why", unique=True),)


TITLES = {
    "reopened": "重新办理",
    "not_an_emergency": "不属应急，转日常使用",
    "emergency": "会议决定应急维修",
    "action": "会议交办事项",
    "referred": "上报上级会议",
    "merged": "并入会议",
    "formation_failed": "筹备未成，提请代行",
    "reelection_failed": "换届未成，提请代行",
    "elected": "选举产生，办理备案",
    "term": "任期届满换届",
    "too_few": "委员人数不足，提前换届",
    "finding": "服务评价扣分事项",
}
"""Why one case gave rise to another, as screens say it."""


def arising(session: Session, case_id: int, why: str | None = None) -> "list[Case]":
    """The cases to which a case gave rise, the newest first."""
    from .case import Case

    linked = select(Case).join(Link, col(Link.to_id) == col(Case.id)).where(col(Link.from_id) == case_id)
    if why:
        linked = linked.where(col(Link.why) == why)
    return list(session.scalars(linked.order_by(col(Link.id).desc())))
