"""What two people must agree on before it holds: a calendar edition, a version of a rule. One proposes, another approves."""

from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from .db import instant, jsonb, primary_key, reference


class Proposal(SQLModel, table=True):
    """`kind`: `calendar` or `rule`; `content` is what would hold. `state`: `open`, `approved`, `refused` or `withdrawn`."""

    id: int | None = primary_key()
    kind: str
    title: str
    content: Any = jsonb()
    reason: str
    made_by_id: int = reference("person.id")
    made_at: datetime = instant()
    preview_id: int | None = reference("job.id", nullable=True)
    """The job that counts what re-basing would do."""
    state: str = "open"
    decided_by_id: int | None = reference("person.id", nullable=True)
    decided_at: datetime | None = instant(nullable=True)
    decision: str | None = None
    rebase_id: int | None = reference("job.id", nullable=True)
    """The job that re-based running clocks on purpose."""
