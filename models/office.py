"""The office's clock: one row from which web and flows read "now", so that a demonstration can run fast.

Nothing inside the domain asks for the time: doors and flows read it here once and hand it in as `at`.
Sign-in expiry and the like stay on real time.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, Session, SQLModel, col

from .db import instant


class OfficeClock(SQLModel, table=True):
    """`office = anchor_office + rate × (real − anchor_real)`. Exactly one row, id 1; a new office runs at rate 1."""

    __tablename__ = "office_clock"
    id: int = Field(default=1, primary_key=True)
    anchor_real: datetime = instant()
    anchor_office: datetime = instant()
    rate: int = 1

    def read(self, real: datetime) -> datetime:
        return self.anchor_office + (real - self.anchor_real) * self.rate

    def real(self, office: datetime) -> datetime:
        """The real instant at which this clock will show `office`."""
        return self.anchor_real + (office - self.anchor_office) / self.rate


def office_clock(session: Session) -> OfficeClock:
    clock = session.get(OfficeClock, 1)
    if clock is None:
        real = real_now(session)
        return OfficeClock(anchor_real=real, anchor_office=real, rate=1)
    return clock


def real_now(session: Session) -> datetime:
    """The database server's own time, so that web and workers on several machines agree."""
    real: datetime = session.scalar(select(func.clock_timestamp()))  # type: ignore[assignment]
    return real.astimezone(UTC)


def office_now(session: Session) -> datetime:
    """The office's "now"."""
    return office_clock(session).read(real_now(session))


def set_office_clock(session: Session, at: datetime, rate: int = 1) -> OfficeClock:
    """Let the office be at `at` now, running `rate` times as fast as the world. For trials and demonstrations."""
    real = real_now(session)
    clock = session.get(OfficeClock, 1) or OfficeClock(anchor_real=real, anchor_office=at)
    clock.anchor_real, clock.anchor_office, clock.rate = real, at, rate
    session.add(clock)
    session.flush()
    return clock


class Heartbeat(SQLModel, table=True):
    """The sign of life of what must run for nothing to be late in silence. Instants are real."""

    name: str = Field(primary_key=True)
    at: datetime = instant()
    until: datetime = instant()
    """When this one goes off duty."""
    who: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Machine and process."""
    since: datetime | None = instant(nullable=True)
    """When this one came on duty."""


def sign_of_life(session: Session, name: str, who: str, left: timedelta) -> None:
    """`who` is on duty as `name`, and will be for as long as is `left`."""
    now = real_now(session)
    signs = {"at": now, "until": now + left, "who": who, "since": now}
    statement = insert(Heartbeat).values(name=name, **signs)
    since = case((col(Heartbeat.who) == who, col(Heartbeat.since)), else_=now)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=signs | {"since": since}))


ALIVE = timedelta(seconds=90)
"""A shift ends and the next one starts within this."""


def shift_is_on(session: Session) -> bool:
    """Whether somebody watches the clocks."""
    beat = session.get(Heartbeat, "shift", populate_existing=True)
    return beat is not None and real_now(session) - beat.at < ALIVE
