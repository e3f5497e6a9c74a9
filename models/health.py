"""Clock health (时钟健康): whether somebody watches the clocks, what lies unfired and how long, what was set aside and why.

`pulse` is what machines ask (`/readyz`, `/metrics`); `LISTS` is what people look at: every number of the page is a list of
this file, so that it equals what it opens. Ages and lateness are in real seconds, however fast the office clock runs.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlmodel import Session, col

from .access import must_retry, watches
from .case import Case, CaseEvent, title_of
from .climb import next_instant
from .clock import Clock, Escalation
from .errors import Invalid, NotFound, Refused
from .jobs import KINDS, Job
from .lateness import bucket_of, late_by
from .lists import WANTED_TITLES, Paged
from .messages import FAILED, Message
from .notices import Orphan, Trouble
from .office import ALIVE, Heartbeat, OfficeClock, office_clock, real_now
from .people import Person
from .worktime import OFFICE_ZONE

INTERVAL = timedelta(seconds=60)
"""A shift is started this often."""
TOO_OLD = 2 * INTERVAL
"""A step that has been due for longer, and has not fired, is a sign that nobody fires them."""
SOON = timedelta(hours=1)
BUCKETS = (0.25, 1.0, 5.0, 60.0, 3600.0, 86400.0)
"""Upper bounds, in seconds, of the bars that people see; a last bar has none."""
BUCKET_TITLES = ("0.25秒内", "1秒内", "5秒内", "1分钟内", "1小时内", "1天内", "更晚")


# --- what machines ask -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pulse:
    """Who is on duty, and for how many real seconds the oldest step or end of a period has been due and not fired."""

    now: datetime
    """Real."""
    office: OfficeClock
    beat: Heartbeat | None
    oldest: datetime | None
    """The office's instant of the oldest that is due; parked ones are not."""

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life; infinite where there has been none."""
        return max((self.now - self.beat.at).total_seconds(), 0.0) if self.beat else math.inf

    @property
    def is_watched(self) -> bool:
        return self.silence < ALIVE.total_seconds()

    @property
    def unfired_for(self) -> float:
        return age(self.oldest, self.now, self.office)

    @property
    def reasons(self) -> dict[str, str]:
        """What is not as it should be: key → a sentence; empty when all is well."""
        found = {}
        if not self.is_watched:
            for_how_long = f"已有{words_for(self.silence)}没有值守信号" if self.beat else "从未有过值守信号"
            found["shift"] = f"值守程序没有运行：{for_how_long}，提醒和催办暂时发不出去。"
        if self.unfired_for > TOO_OLD.total_seconds():
            found["oldest_unfired"] = f"最早应触发的计时已过{words_for(self.unfired_for)}仍未触发。"
        return found


def pulse(session: Session) -> Pulse:
    """Two index probes."""
    now, office = real_now(session), office_clock(session)
    due = next_instant(session)
    oldest = due if due and due <= office.read(now) else None
    return Pulse(now, office, session.get(Heartbeat, "shift", populate_existing=True), oldest)


def age(since: datetime | None, now: datetime, office: OfficeClock) -> float:
    """Real seconds from an instant of the office's until `now`; 0 where there is none."""
    return max((now - office.real(since)).total_seconds(), 0.0) if since else 0.0


def gauges(session: Session, read: Pulse) -> dict[str, float]:
    """What lies in the office, whosever it is: counts from small indexes, in one statement."""
    unhandled = col(CaseEvent.handled_at).is_(None)
    first = select(col(CaseEvent.recorded_at)).where(unhandled, col(CaseEvent.id).not_in(select(col(Trouble.event_id))))
    counted = {
        "parked_clocks": col(Clock.parked_at).is_not(None),
        "unhandled_events": unhandled,
        "troubled_events": col(Trouble.event_id).is_not(None),
        "orphans": col(Orphan.taken_by_id).is_(None),
        "open_jobs": col(Job.finished_at).is_(None),
        "unsent_messages": col(Message.retry_at).is_not(None),
        "failed_messages": FAILED,
    }
    counts = [select(func.count()).where(which).scalar_subquery() for which in counted.values()]
    oldest = first.order_by(col(CaseEvent.id)).limit(1).scalar_subquery()
    red = func.count().filter(col(Case.next_due_at) <= read.office.read(read.now))
    statement = select(func.count(), red, oldest, *counts).where(col(Case.closed_at).is_(None))
    cases, overdue, since, *found = session.execute(statement).one()
    return {
        "open_cases": cases,
        "overdue_cases": overdue,
        **dict(zip(counted, found, strict=True)),
        "shift_is_on": int(read.is_watched),
        "heartbeat_age_seconds": read.silence,
        "oldest_unfired_seconds": read.unfired_for,
        "oldest_unhandled_seconds": age(since, read.now, read.office),
    }


def words_for(seconds: float) -> str:
    """A span of real time in words: `0.12秒`, `3分钟`, `5小时`, `12天`."""
    if seconds < 0.01:
        return "0.01秒"
    if seconds < 60:
        return f"{seconds:.2f}秒" if seconds < 10 else f"{seconds:.0f}秒"
    if seconds < 3600:
        return f"{seconds // 60:.0f}分钟"
    return f"{seconds // 3600:.0f}小时" if seconds < 2 * 86400 else f"{seconds // 86400:.0f}天"


# --- what people look at ---------------------------------------------------------------------------------------------


class HealthQuery(Paged):
    """The parameters of a list. `at` fixes the office's now; `days` and `bucket` are for `fired`."""

    days: int = Field(default=1, ge=1, le=7, description="of `fired`: so many, today included")
    bucket: int | None = Field(default=None, ge=0, le=len(BUCKETS), description="of `fired`: how late")


class Line(NamedTuple):
    """A row of a list, in words. `at` is the office's, but for jobs and messages."""

    id: int
    at: datetime
    title: str
    words: str
    case: Case | None = None
    why: str | None = None


@dataclass(frozen=True)
class Asked:
    session: Session
    person: Person
    query: HealthQuery
    at: datetime
    rate: int

    @property
    def since(self) -> datetime:
        """Midnight of the first of the days."""
        first = self.at.astimezone(OFFICE_ZONE).date() - timedelta(days=self.query.days - 1)
        return datetime.combine(first, time.min, OFFICE_ZONE)

    def clocks(self, *which: ColumnElement[bool]) -> Select[Any]:
        return select(Clock, Case).join(Case, col(Case.id) == col(Clock.case_id)).where(watches(self.person), *which)


@dataclass(frozen=True)
class Listed:
    """A list: its rows, in the order of `key` (an instant, an id), and how each is told."""

    title: str
    words: str
    rows: Callable[[Asked], Select[Any]]
    key: tuple[Any, Any]
    line: Callable[..., Line]
    newest_first: bool = False


def _unfired(asked: Asked) -> Select[Any]:
    return asked.clocks(col(Clock.next_at) <= asked.at, IS_NOT_PARKED)


def _soon(asked: Asked) -> Select[Any]:
    return asked.clocks(col(Clock.next_at) > asked.at, col(Clock.next_at) <= asked.at + SOON, IS_NOT_PARKED)


def _parked(asked: Asked) -> Select[Any]:
    return asked.clocks(col(Clock.parked_at).is_not(None))


def _orphans(asked: Asked) -> Select[Any]:
    of_case = select(Orphan, Case).join(Case, col(Case.id) == col(Orphan.case_id))
    return of_case.where(watches(asked.person), col(Orphan.taken_by_id).is_(None))


def _troubles(asked: Asked) -> Select[Any]:
    of_event = select(Trouble, CaseEvent, Case).join(CaseEvent, col(CaseEvent.id) == col(Trouble.event_id))
    return of_event.join(Case, col(Case.id) == col(CaseEvent.case_id)).where(watches(asked.person))


def _jobs(asked: Asked) -> Select[Any]:
    return select(Job).where(col(Job.finished_at).is_(None))


def _messages(asked: Asked) -> Select[Any]:
    of_person = select(Message, Person).join(Person, col(Person.id) == col(Message.person_id))
    return of_person.where(col(Message.retry_at).is_not(None))


def _fired(asked: Asked) -> Select[Any]:
    of_clock = select(Escalation, Clock, Case).join(Clock, col(Clock.id) == col(Escalation.clock_id))
    within = [col(Escalation.outcome) == "fired", col(Escalation.fired_at) >= asked.since]
    if asked.query.bucket is not None:
        within.append(bucket_of(_late(asked), BUCKETS) == asked.query.bucket)
    return of_clock.join(Case, col(Case.id) == col(Clock.case_id)).where(watches(asked.person), *within)


def _late(asked: Asked) -> ColumnElement[Any]:
    return late_by(col(Escalation.fired_at), col(Escalation.at), asked.rate)


IS_NOT_PARKED = col(Clock.parked_at).is_(None)


def _of_clock(clock: Clock, case: Case) -> Line:
    step = _titled(case, clock.next_step)
    words = f"{_limited(case, clock)}，{clock.due_day:%Y-%m-%d}{'届满' if clock.kind == 'period' else '到期'}"
    return Line(clock.id, clock.parked_at or clock.next_at, step, words, case, clock.parked_why)  # type: ignore[arg-type]


def _of_orphan(orphan: Orphan, case: Case) -> Line:
    wanted = WANTED_TITLES.get(orphan.wanted, orphan.wanted)
    return Line(orphan.id, orphan.at, _titled(case, orphan.step), f"找不到{wanted}", case)  # type: ignore[arg-type]


def _of_trouble(trouble: Trouble, event: CaseEvent, case: Case) -> Line:
    words = f"第{event.seq}条记录，已试{trouble.tries}次"
    return Line(trouble.event_id, trouble.since, _titled(case, event.name), words, case, trouble.why)


def _of_job(job: Job) -> Line:
    done = f"{job.done:,} / {job.total:,}" if job.total is not None else f"{job.done:,}"
    words = "排队等候" if job.state == "waiting" else f"正在办理，已办 {done}"
    return Line(job.id, job.asked_at, KINDS.get(job.kind, job.kind), words, None, job.why)  # type: ignore[arg-type]


def _of_message(message: Message, person: Person) -> Line:
    words = f"致{person.name}，已试{message.tries}次" if message.tries else f"致{person.name}，待发"
    return Line(message.id, message.made_at, message.subject, words, None, message.why)  # type: ignore[arg-type]


def _of_fired(fired: Escalation, clock: Clock, case: Case) -> Line:
    words = f"{_limited(case, clock)}，应于 {fired.at.astimezone(OFFICE_ZONE):%Y-%m-%d %H:%M:%S} 触发"
    return Line(fired.id, fired.fired_at, _titled(case, fired.step), words, case)  # type: ignore[arg-type]


def _titled(case: Case, name: str | None) -> str:
    """A clock may have been parked because its case's type is gone: what cannot be said in words is named."""
    with suppress(Refused):
        return title_of(case.kind, name or "")
    return name or ""


def _limited(case: Case, clock: Clock) -> str:
    with suppress(Refused):
        return f"{case.kind.title}“{case.title_of_limit(clock)}”"
    return f"{case.type}“{clock.limits}”"


LISTS = {
    "unfired": Listed(
        "到时未触发", "已到时刻、尚未触发的提醒、催办和期间届满。", _unfired, (Clock.next_at, Clock.id), _of_clock
    ),
    "soon": Listed("一小时内触发", "未来一小时内（办公时钟）将触发的。", _soon, (Clock.next_at, Clock.id), _of_clock),
    "parked": Listed(
        "搁置", "到了时刻却无法触发，已搁置，须排除原因后重试。", _parked, (Clock.parked_at, Clock.id), _of_clock
    ),
    "orphans": Listed(
        "无人接收", "从经办人到值班岗都找不到人可以通知的催办。", _orphans, (Orphan.at, Orphan.id), _of_orphan
    ),
    "troubles": Listed(
        "未能办下去", "文书或通知未能作出的记录，过一会儿自动再试。", _troubles, (Trouble.since, Trouble.event_id), _of_trouble
    ),
    "jobs": Listed("后台任务", "尚未办完的后台任务。", _jobs, (Job.asked_at, Job.id), _of_job),
    "messages": Listed("未发邮件", "尚未发出的邮件，站内仍可阅读。", _messages, (Message.made_at, Message.id), _of_message),
    "fired": Listed(
        "已触发", "这些天已触发的提醒和催办。", _fired, (Escalation.fired_at, Escalation.id), _of_fired, newest_first=True
    ),
}  # fmt: skip


def listed(
    session: Session, person: Person, name: str, query: HealthQuery, at: datetime
) -> tuple[list[Line], str | None]:
    """One page of a list, and the `after` of the next. Errors: `NotFound` (no such list), `Invalid` (`after`)."""
    found = list_named(name)
    keys = found.key
    statement = found.rows(_asked(session, person, query, at))
    if query.after:
        here, last = tuple_(*keys), tuple_(*_read_place(query.after))
        statement = statement.where(here < last if found.newest_first else here > last)
    ordered = statement.order_by(*(col(key).desc() if found.newest_first else col(key).asc() for key in keys))
    lines = [found.line(*row) for row in session.execute(ordered.limit(query.limit + 1))]
    more = len(lines) > query.limit
    lines = lines[: query.limit]
    return lines, f"{lines[-1].at.isoformat()}~{lines[-1].id}" if more else None


def total_of(session: Session, person: Person, name: str, query: HealthQuery, at: datetime) -> int:
    """How many rows a list has on all its pages: exact."""
    statement = list_named(name).rows(_asked(session, person, query, at))
    return session.scalar(statement.with_only_columns(func.count())) or 0


def list_named(name: str) -> Listed:
    if name not in LISTS:
        raise NotFound(f"没有“{name[:40]}”这一列表。")
    return LISTS[name]


def _asked(session: Session, person: Person, query: HealthQuery, at: datetime) -> Asked:
    return Asked(session, person, query, query.at or at, office_clock(session).rate)


def _read_place(after: str) -> tuple[Any, Any]:
    instant, _, row_id = after.partition("~")
    try:
        at = datetime.fromisoformat(instant)
        if at.utcoffset() is None or not row_id.isdecimal() or len(row_id) > 18:
            raise ValueError(after)
    except ValueError:
        raise Invalid("翻页标记无效，请回到第一页。", field="after") from None
    return at, int(row_id)


# --- the page --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """How many steps were no later than `le` seconds (None: any number), and later than those of the bar before."""

    title: str
    le: float | None
    count: int


@dataclass(frozen=True)
class Lateness:
    """How late the steps of some days were, in real seconds; None where none has fired."""

    bars: list[Bar]
    middle: float | None
    p99: float | None
    longest: float | None

    @property
    def count(self) -> int:
        return sum(bar.count for bar in self.bars)


def lateness(session: Session, person: Person, query: HealthQuery, at: datetime) -> Lateness:
    """Of the list `fired` with the same query: its bars add up to that list's total."""
    asked = _asked(session, person, query, at)
    late = _late(asked)
    bucket = bucket_of(late, BUCKETS).label("bucket")
    statement = _fired(asked)
    rows = session.execute(statement.with_only_columns(bucket, func.count()).group_by(bucket))
    counts: dict[int, int] = {place: count for place, count in rows}
    marks = func.percentile_disc([0.5, 0.99]).within_group(late)
    quantiles, longest = session.execute(statement.with_only_columns(marks, func.max(late))).one()
    middle, p99 = quantiles or (None, None)
    bars = [
        Bar(title, bound, counts.get(place, 0))
        for place, (title, bound) in enumerate(zip(BUCKET_TITLES, (*BUCKETS, None), strict=True))
    ]
    return Lateness(bars, middle, p99, longest)


def retry(session: Session, person: Person, clock_id: int, at: datetime) -> Case:
    """Let a parked clock be tried again (重试). Errors: `NotFound`, `Forbidden`, `Conflict` (not parked any more)."""
    found = select(Clock, Case).join(Case, col(Case.id) == col(Clock.case_id))
    row = session.execute(found.where(col(Clock.id) == clock_id, watches(person))).one_or_none()
    if row is None:
        raise NotFound("没有这个计时，或您无权查看。")
    clock, case = row
    must_retry(person, case)
    case.retry(clock, by=person, at=max(at, case.last_at))
    return case
