"""How late what time brings about really was, in real seconds: `fired_at − at` of steps, `recorded_at − at` of what ended by itself.

Fired in the flows' processes, asked for from the web, and right across all their restarts: so it is counted from the rows,
a few seconds after they were written, into one row of running totals each. Nobody waits for that row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, Select, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import Field, Session, SQLModel, col

from .case import CaseEvent
from .casetypes import STANDING, casetypes
from .clock import Escalation
from .office import office_clock

HOUR, DAY = 3600.0, 86400.0
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY)
"""Upper bounds of the buckets, in seconds, included; a last bucket has none. Totals are kept by place: other bounds need a migration."""
NOTHING = [0] * (len(BOUNDS) + 1)
SOURCES: dict[str, Any] = {"step": Escalation, "period": CaseEvent}
"""What is counted, and from which rows."""
BATCH = 50_000
"""Rows counted at once: a tenth of a second in which nobody watches."""


class Lateness(SQLModel, table=True):
    """Running totals of one of `SOURCES`, of all rows up to the id `upto`.

    Ids become visible out of order. So rows are counted up to a `mark` only once every transaction has ended that could have
    been under way when the mark was set: `mark_xid` was to be the next one.
    """

    what: str = Field(primary_key=True)
    counts: list[int] = Field(sa_type=ARRAY(BigInteger))
    """By bucket, not cumulated."""
    seconds: float = 0.0
    upto: int = Field(default=0, sa_type=BigInteger)
    mark: int = Field(default=0, sa_type=BigInteger)
    mark_xid: int = Field(default=0, sa_type=BigInteger)


@dataclass(frozen=True)
class Histogram:
    """`counts` by bucket of `BOUNDS`, not cumulated; `seconds` is the sum of all."""

    counts: Sequence[int]
    seconds: float

    @property
    def cumulated(self) -> list[int]:
        return list(accumulate(self.counts))


def histograms(session: Session) -> dict[str, Histogram]:
    """The totals of ever, as of some seconds ago; as quick with ten million rows as with none."""
    kept = {row.what: Histogram(row.counts, row.seconds) for row in session.scalars(select(Lateness))}
    return {what: kept.get(what, Histogram(NOTHING, 0.0)) for what in SOURCES}


def tally(session: Session) -> None:
    """Count what was written since. Called every few seconds by whoever is on duty; while one counts, the others pass by."""
    # where the rows are, an insert would wait for who counts, on conflict too
    if len(session.scalars(select(col(Lateness.what))).all()) < len(SOURCES):
        zero = {"counts": NOTHING, "seconds": 0.0, "upto": 0, "mark": 0, "mark_xid": 0}
        first = insert(Lateness).values([{"what": what} | zero for what in SOURCES])
        session.execute(first.on_conflict_do_nothing())
    for row in session.scalars(select(Lateness).with_for_update(skip_locked=True)).all():
        _count(session, row)


def _count(session: Session, row: Lateness) -> None:
    last, oldest_running, next_xid = session.execute(SNAPSHOT[row.what]).one()
    # a database that was restored elsewhere numbers its transactions anew: then the mark is only set again
    if row.mark > row.upto and row.mark_xid <= next_xid:
        if oldest_running < row.mark_xid:
            return
        counts = list(row.counts)
        for bucket, count, seconds in session.execute(_settled(session, row)):
            counts[bucket] += count
            row.seconds += seconds
        row.counts, row.upto = counts, row.mark
    if last is not None and last > row.upto:
        row.mark, row.mark_xid = min(last, row.upto + BATCH), next_xid
    session.flush()


def _settled(session: Session, row: Lateness) -> Select[Any]:
    """(bucket, count, seconds) of the rows after `upto` up to `mark`."""
    rate, source = office_clock(session).rate, SOURCES[row.what]
    if row.what == "step":
        late = late_by(col(Escalation.fired_at), col(Escalation.at), rate)
        which = [col(Escalation.outcome) == "fired"]
    else:
        late = late_by(col(CaseEvent.recorded_at), col(CaseEvent.at), rate)
        # periods that end, pauses that run out: what the system fires of what moves a case or its clocks
        names = {name for kind in casetypes().values() for name in kind.event_names()} | STANDING.keys()
        which = [col(CaseEvent.by_id).is_(None), col(CaseEvent.name).in_(names)]
    read = select(late.label("late")).where(source.id > row.upto, source.id <= row.mark, *which).subquery()
    bucket = bucket_of(read.c.late).label("bucket")
    return select(bucket, func.count(), func.sum(read.c.late)).group_by(bucket)


def late_by(fired: Any, at: Any, rate: int) -> ColumnElement[Any]:
    """Real seconds from `at` to `fired`, columns of the office's instants."""
    return func.greatest(cast(func.extract("epoch", fired - at), Float), 0.0) / float(rate)


def bucket_of(late: Any, bounds: Sequence[float] = BOUNDS) -> ColumnElement[int]:
    """The place in `bounds` of a column of seconds. PostgreSQL's buckets include their lower bound, hence the minus."""
    negated: ColumnElement[Any] = literal_column(f"array{[-bound for bound in reversed(bounds)]}::float8[]")
    return len(bounds) - func.width_bucket(-late, negated)


SNAPSHOT = {
    what: text(
        "select max(id), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
        f" pg_snapshot_xmax(pg_current_snapshot())::text::bigint from {source.__tablename__}"
    )
    for what, source in SOURCES.items()
}
"""The last id that can be seen, the oldest transaction that runs, the next one there will be."""
