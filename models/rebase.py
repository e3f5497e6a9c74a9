"""Re-basing: what running clocks become when days turn out otherwise than assumed, or when a rule changes on purpose.

A calendar edition recounts every running clock on itself; a rule version re-pins the clocks of its rule within its area to
itself. Closed cases, clocks that stand still (they are recounted when they go on) and days that stand in the case stay as
they are, and so does every clock that comes out as it was. A job is worked off in batches, each one transaction that also
moves the job's cursor: killed at any instant it goes on where it stood, and no clock is moved twice.

Nothing here waits for a lock while it holds one: cases that somebody has locked are put back and looked at last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, Protocol

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger
from sqlmodel import Session, SQLModel, col

from .access import must_govern
from .case import Case, CaseEvent, next_line
from .casetypes import casetype
from .clock import Clock, ClockLine, Counting, Escalation, carried, counted_with, times_of
from .db import insert_rows, update_rows
from .editions import CalendarEdition, calendar, newest_edition
from .errors import Conflict, Invalid, NotFound, reason
from .jobs import Job, ask
from .ladder import next_step, warning
from .office import real_now
from .people import Person
from .rule_changes import row as proposed
from .rules import Rule
from .worktime import OFFICE_ZONE, Limit, Pause, WorkCalendar

BATCH = 500
"""Cases that are locked at a time: an officer who wants one of them waits for a tenth of a second."""
LOOK = 2000
"""Cases that a preview reads at a time; it locks none."""
EVENT = "re_base"
FIGURES = {
    "moved": "移动",
    "become_overdue": "变为逾期",
    "stop_overdue": "不再逾期",
    "become_provisional": "变为暂定",
    "become_settled": "不再暂定",
    "repinned": "改按新版本",
}
"""What a job counts of clocks; each comes with up to `EXAMPLES` of them."""
KEPT = {
    "stopped": "已停止计时",
    "paused": "中止计时",
    "moved_since": "之后又变动过",
    "other_unit": "延期的单位不同",
    "uncountable": "算不出",
}
"""Why a clock is left as it is though the job concerns it."""
EXAMPLES = 5


# --- asking ----------------------------------------------------------------------------------------------------------


def ask_preview(session: Session, params: Mapping[str, Any], *, by: Person, at: datetime) -> Job:
    """Ask what `ask_rebase` with the same `params` would do; they may name an edition that is not approved yet, and hold a
    rule version that is only proposed (`{"rule": id, "version": {…}}`). Errors: `Forbidden`, `Invalid`, `NotFound`."""
    must_govern(by)
    plan_of(session, params)
    return ask(session, "preview", dict(params), by=by, at=at)


def ask_rebase(session: Session, params: Mapping[str, Any], *, by: Person, at: datetime) -> Job:
    """`{"edition": name}`, or `{"rule": id, "rule_pk": the new version's}`; `at` is real.

    Errors: `Forbidden`, `Invalid`, `NotFound`; `Conflict` for an edition nobody has approved, or while another is under way.
    """
    must_govern(by)
    plan_of(session, params)
    if "version" in params:
        raise Conflict("规则的新版本还没有批准，只能预览，不能重算。", field="version")
    name = params.get("edition")
    if name and session.scalar(_editions(name)).approved_at is None:
        raise Conflict(f"放假安排 {name} 还没有批准，只能预览，不能重算。", field="edition")
    _refuse_while_another_runs(session)
    return ask(session, "rebase", dict(params), by=by, at=at)


def ask_undo(session: Session, job: Job, *, by: Person, at: datetime) -> Job:
    """Ask to put back what that job moved. Errors: `Forbidden`; `Conflict` where there is nothing to undo, or not yet."""
    must_govern(by)
    session.refresh(job, with_for_update=True)
    if obstacle := why_not_undone(session, job):
        raise Conflict(obstacle)
    _refuse_while_another_runs(session)
    return ask(session, "undo", {"job": job.id}, by=by, at=at)


def why_not_undone(session: Session, job: Job) -> str | None:
    """What stands in the way of undoing that job, in a sentence."""
    if job.kind != "rebase":
        return "只有重算可以撤销。"
    if job.is_open:
        return "重算还没有结束，结束后才能撤销。"
    if undone := undo_of(session, job):
        return f"已经撤销过（任务 {undone.id}），不能再撤销。"
    return None if job.result.get("cases") else "这次重算没有改动任何期限，不用撤销。"


def undo_of(session: Session, job: Job) -> Job | None:
    """The job that undoes that one, or has undone it."""
    undoing = select(Job).where(col(Job.kind) == "undo", col(Job.params)["job"].as_integer() == job.id)
    return session.scalar(undoing.where(col(Job.id) > job.id, col(Job.state) != "failed").limit(1))


def _refuse_while_another_runs(session: Session) -> None:
    other = session.scalar(
        select(Job).where(col(Job.finished_at).is_(None), col(Job.kind).in_(("rebase", "undo"))).limit(1)
    )
    if other:
        raise Conflict(f"另一次重算（任务 {other.id}）还在进行，结束后再来。")


def _editions(name: str) -> Any:
    return select(CalendarEdition).where(col(CalendarEdition.name) == name)


# --- what a clock becomes --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Running(Counting):
    """What of a clock that has not stopped must be known to count it: its row, without the weight of an object of `Clock`."""

    id: int
    case_id: int
    kind: str
    limits: str
    fires: str | None
    rule_pk: int
    rule_id: str
    rule_version: int
    limit: str
    edition: str
    started_at: datetime
    due_day: date
    due_at: datetime
    warn_at: datetime | None
    provisional: bool
    extended_by: int
    paused_at: datetime | None
    stopped_at: datetime | None
    generation: int
    ladder: str | None
    next_step: str | None
    next_at: datetime | None
    parked_at: datetime | None
    parked_why: str | None

    @property
    def is_running(self) -> bool:
        return self.paused_at is None

    def copy(self) -> "Running":
        return Running(*_columns_of(self))

    def count(self, pauses: Sequence[Pause], book: WorkCalendar) -> None:
        self.due_day, self.due_at, self.provisional, self.edition = counted_with(self, pauses, book)

    def pin(self, rule: Rule) -> None:
        self.rule_pk, self.rule_version, self.limit = rule.pk or 0, rule.version, rule.value
        if self.kind == "deadline":
            self.ladder, self.fires = rule.ladder, rule.on_expiry


COLUMNS = tuple(Running.__dataclass_fields__)
_columns_of = attrgetter(*COLUMNS)
RECOUNTED = (
    "id", "edition", "due_day", "due_at", "warn_at", "provisional", "generation", "next_step", "next_at", "parked_at", "parked_why",
)  # fmt: skip
REPINNED = (*RECOUNTED, "rule_pk", "rule_version", "limit", "fires", "ladder")
"""The columns that are written of a clock whose rule has changed, too."""


class Plan(Protocol):
    """What a job makes of a clock."""

    def wanted(self, clock: Running, pauses: Sequence[Pause]) -> Running | str | None:
        """The clock as it should be; None where that is as it is, or the job does not concern it; else why it is kept (`KEPT`)."""


@dataclass
class OnEdition:
    """Every clock is counted on `book`, but for those that were counted on a newer one already."""

    book: WorkCalendar
    newer: frozenset[str]

    def wanted(self, clock: Running, pauses: Sequence[Pause]) -> Running | str | None:
        if clock.paused_at or clock.is_by_fact or clock.edition in self.newer:
            return None
        new = clock.copy()
        new.count(pauses, self.book)
        return new if (new.due_at, new.provisional) != (clock.due_at, clock.provisional) else None


@dataclass
class ToVersion:
    """The clocks of a rule are pinned to `rule`, but for those that a narrower area's version governs."""

    book: WorkCalendar
    rule: Rule
    narrower: frozenset[int]

    def wanted(self, clock: Running, pauses: Sequence[Pause]) -> Running | str | None:
        if clock.rule_id != self.rule.id or clock.rule_pk in (self.rule.pk, *self.narrower):
            return None
        if clock.paused_at or clock.is_by_fact:
            return None
        if clock.extended_by and Limit.parse(clock.limit).unit != self.rule.limit.unit:
            return "other_unit"
        new = clock.copy()
        new.pin(self.rule)
        new.count(pauses, self.book)
        return new


def plan_of(session: Session, params: Mapping[str, Any]) -> OnEdition | ToVersion:
    """Errors: `Invalid` for params that say nothing, `NotFound` for an edition or version that is not there."""
    if "edition" in params:
        edition = session.scalar(_editions(params["edition"]))
        if edition is None:
            raise NotFound(f"没有名为“{params['edition']}”的放假安排。", field="edition")
        newer = select(col(CalendarEdition.name)).where(
            col(CalendarEdition.id) > edition.id, col(CalendarEdition.approved_at).is_not(None)
        )
        return OnEdition(calendar(session, edition.name), frozenset(session.scalars(newer)))
    if "rule" not in params:
        raise Invalid("须指明按哪一版放假安排或哪一版规则重算。", field="params")
    versions = session.scalars(select(Rule).where(col(Rule.id) == params["rule"])).all()
    rule = (
        proposed(params["version"])
        if "version" in params
        else next((one for one in versions if one.pk == params.get("rule_pk")), None)
    )
    if rule is None or not versions:
        raise NotFound(f"规则库里没有“{params['rule']}”的这一版本。", field="rule_pk")
    narrower = {one.pk for one in versions if one.pk and len(one.area_path) > len(rule.area_path)}
    return ToVersion(calendar(session, session.scalar(newest_edition())), rule, frozenset(narrower))


@dataclass
class Back:
    """What an earlier job moved is put back, where nothing has moved it since. `was` holds, by clock, what that job did."""

    was: Mapping[int, "Moved"]
    rules: Mapping[int, Rule]

    def wanted(self, clock: Running, pauses: Sequence[Pause]) -> Running | str | None:
        moved = self.was.get(clock.id)
        if moved is None:
            return None
        if clock.paused_at:
            return "paused"
        if moved.is_other_now(clock):
            return "moved_since"
        new = clock.copy()
        new.due_day, new.due_at, new.provisional, new.edition = (
            moved.due_day, moved.due_at, moved.old("provisional", clock.provisional), moved.old("edition", clock.edition),
        )  # fmt: skip
        if "rule" in moved.facts:
            new.pin(self.rules[moved.old("rule", 0)])
        return new


@dataclass(frozen=True)
class Moved:
    """What a job did to a clock: its part of the event's facts, and the clock's line."""

    case_id: int
    facts: dict[str, Any]
    """`clock`, and where they changed `due_day`, `provisional`, `edition`, `rule`, each `[old, new]`."""
    due_at: datetime
    """Before."""
    generation: int
    """After."""

    def old(self, name: str, now: Any) -> Any:
        return self.facts[name][0] if name in self.facts else now

    @property
    def due_day(self) -> date:
        return date.fromisoformat(self.facts["due_day"][0])

    def is_other_now(self, clock: Running) -> bool:
        now = {"edition": clock.edition, "rule": clock.rule_pk, "provisional": clock.provisional}
        return clock.generation != self.generation or any(
            self.facts[name][1] != value for name, value in now.items() if name in self.facts
        )


# --- working on a job ------------------------------------------------------------------------------------------------


def advance(session: Session, job: Job, at: datetime, batch: int | None = None) -> bool:
    """Do the next batch of a job whose row is locked; `at` is the office's now. Returns whether anything was done.

    False while all that is left is locked by others: try again a moment later. When nothing is left the job is finished.
    """
    job.beat_at = real_now(session)
    work = Work(session, job, at)
    if job.state == "waiting":
        work.begin()
    size = batch or (LOOK if job.kind == "preview" else BATCH)
    did = work.go_on(size) or work.look_again(size)
    if not did and not job.put_back:
        job.state, job.finished_at, job.total = "done", real_now(session), job.done
        did = True
    session.flush()
    return did


def fail(session: Session, job: Job, error: Exception) -> None:
    """Set a job aside that cannot go on. What it has done stays, and can be undone."""
    job.why = reason(error)
    job.state, job.finished_at = "failed", real_now(session)
    session.flush()


Change = tuple[Running, Running]
"""A clock as it was, and as it becomes."""
Kept = tuple[int, str]
"""The case of a clock that is left as it is, and why (`KEPT`)."""


@dataclass
class Work:
    """One batch of a job."""

    session: Session
    job: Job
    at: datetime
    _said: dict[int, Row[Any]] = field(default_factory=dict)
    """By case, the event that is to be undone."""

    def begin(self) -> None:
        job = self.job
        job.state = "running"
        job.result = {"cases": 0} | dict.fromkeys(FIGURES, 0) | {"kept": {}, "examples": {}}
        if job.kind == "undo":
            job.total, job.cursor = self._undone.result["cases"], self._undone.result["first_event"] - 1
        else:
            counted = self._concerned(func.count(col(Clock.case_id).distinct()))
            job.total = self.session.scalar(counted)

    def go_on(self, size: int) -> bool:
        """The next rows after the cursor: cases, or events that are to be undone. Returns whether there were any."""
        job = self.job
        rows = self._next_events(size) if job.kind == "undo" else self._next_cases(size)
        if not rows:
            return False
        job.cursor, job.done = rows[-1], job.done + len(rows)
        if job.kind == "undo":
            self._move(rows)
            return True
        # looked at first without a lock: most cases are not concerned
        _, changes, kept = self._changes(rows)
        if job.kind == "preview":
            self._count(changes, kept)
        else:
            self._move(sorted({new.case_id for _, new in changes} | {case for case, _ in kept}))
        return True

    def look_again(self, size: int) -> bool:
        """At rows that were put back. Returns whether any of their cases could be had."""
        waiting, others = self.job.put_back[:size], self.job.put_back[size:]
        self.job.put_back = others
        self._move(waiting)
        return len(self.job.put_back) < len(waiting) + len(others)

    # --- which cases ---

    @cached_property
    def _undone(self) -> Job:
        return self.session.get_one(Job, self.job.params["job"])

    @cached_property
    def _plan(self) -> OnEdition | ToVersion:
        return plan_of(self.session, self.job.params)

    def _concerned(self, *what: Any) -> Any:
        statement = select(*what).select_from(Clock).where(col(Clock.stopped_at).is_(None))
        if isinstance(self._plan, OnEdition):
            return statement
        rule = self._plan.rule
        # a case of another law day stays under the law of that day
        governed = [col(Case.path).like(f"{rule.area_path}%"), col(Case.law_day) >= rule.effective_from]
        if rule.effective_to:
            governed.append(col(Case.law_day) <= rule.effective_to)
        return statement.join(Case, col(Case.id) == col(Clock.case_id)).where(col(Clock.rule_id) == rule.id, *governed)

    def _next_cases(self, size: int) -> list[int]:
        of_case = col(Clock.case_id)
        after = self._concerned(of_case).where(of_case > self.job.cursor).distinct().order_by(of_case).limit(size)
        return list(self.session.scalars(after))

    def _next_events(self, size: int) -> list[int]:
        """What the job that is to be undone has written."""
        of_event, mine = col(CaseEvent.id), col(CaseEvent.facts)["job"].as_integer() == self._undone.id
        written = select(of_event).where(of_event > self.job.cursor, of_event <= self._undone.result["last_event"])
        after = written.where(col(CaseEvent.name) == EVENT, mine).order_by(of_event).limit(size)
        return list(self.session.scalars(after))

    def _of_case(self, rows: Sequence[int]) -> dict[int, int]:
        """Those rows by their case."""
        if self.job.kind != "undo":
            return {row: row for row in rows}
        events = self.session.connection().execute(EVENTS, {"events": rows}).all()
        self._said = {event.case_id: event for event in events}
        return {event.case_id: event.id for event in events}

    # --- what they become ---

    def _read(self, cases: Sequence[int]) -> list[Running]:
        """The clocks of those cases that have not stopped."""
        return [Running(*row) for row in self.session.connection().execute(CLOCKS, {"cases": cases})]

    def _changes(self, cases: Sequence[int]) -> tuple[list[Running], list[Change], list[Kept]]:
        """The clocks of those cases, what changes of them, and what is kept."""
        clocks = self._read(cases)
        changes: list[Change] = []
        kept: list[Kept] = []
        plan: Plan
        if self.job.kind == "undo":
            plan = self._back(cases)
            gone = plan.was.keys() - {clock.id for clock in clocks}
            kept += [(plan.was[clock].case_id, "stopped") for clock in gone]
        else:
            plan = self._plan
        pauses = self._pauses([clock.id for clock in clocks])
        for clock in clocks:
            try:
                new = plan.wanted(clock, pauses.get(clock.id, ()))
            except ValueError:  # beyond the calendar's last year
                new = "uncountable"
            if isinstance(new, str):
                kept.append((clock.case_id, new))
            elif new:
                changes.append((clock, new))
        return clocks, changes, kept

    def _pauses(self, clocks: Sequence[int]) -> dict[int, list[Pause]]:
        found: dict[int, list[Pause]] = {}
        for clock, paused_at, resumed_at in self.session.connection().execute(PAUSES, {"clocks": clocks}):
            found.setdefault(clock, []).append(Pause(paused_at, resumed_at))
        return found

    def _back(self, cases: Sequence[int]) -> Back:
        said = {one["clock"]: (case, one) for case in cases for one in self._said[case].facts["clocks"]}
        events = [self._said[case].id for case in cases]
        lines = self.session.connection().execute(LINES, {"clocks": list(said), "events": events})
        rules = {facts["rule"][0] for _, facts in said.values() if "rule" in facts}
        return Back(
            {line.clock_id: Moved(*said[line.clock_id], line.old_due, line.generation) for line in lines},
            {rule.pk: rule for rule in self.session.scalars(select(Rule).where(col(Rule.pk).in_(rules)))},  # type: ignore[misc]
        )

    # --- moving them ---

    def _move(self, rows: Sequence[int]) -> None:
        """Claim their cases and change what is to be changed of their clocks; those that somebody has locked are put back."""
        if not rows:
            return
        of_case = self._of_case(rows)
        claimed = self.session.connection().execute(CLAIM, {"cases": list(of_case)})
        cases = {case.id: case for case in claimed}
        if busy := [row for case, row in of_case.items() if case not in cases]:
            self.job.put_back = [*self.job.put_back, *busy]
        # looked at anew now that they are ours
        clocks, changes, kept = self._changes(list(cases))
        self._count(changes, kept)
        if changes:
            kept_fired = self._replan(changes)
            events = self._append(cases, changes)
            self._write(clocks, changes, events, kept_fired)

    def _replan(self, changes: Sequence[Change]) -> list[dict[str, Any]]:
        """Of clocks that moved: steps fired and still in the past stay fired (returned as rows), the others are pending again."""
        moved = [(old, new) for old, new in changes if _plans_anew(old, new)]
        fired: dict[int, dict[str, Any]] = {}
        for step in self.session.connection().execute(FIRED, {"clocks": [new.id for _, new in moved]}):
            fired.setdefault(step.clock_id, {})[step.step] = step
        books: dict[str, WorkCalendar] = {}
        rows: list[dict[str, Any]] = []
        for _, new in moved:
            book = books.get(new.edition) or books.setdefault(new.edition, calendar(self.session, new.edition))
            counted, steps = new.counted, fired.get(new.id, {})
            new.generation += 1
            new.parked_at = new.parked_why = None
            planned = next_step(new, counted, book, self.at, steps)
            new.next_step, new.next_at = (planned.name, planned.at) if planned else (None, None)
            # the first step of all, where it comes before the due instant, is the reminder
            first = None if steps else planned
            new.warn_at = first.at if first and first.at < new.due_at else warning(new, counted, book)
            rows += carried(new, counted, book, self.at, steps)
        return rows

    def _append(self, cases: Mapping[int, Row[Any]], changes: Sequence[Change]) -> dict[int, dict[str, Any]]:
        """One line in the ledger of each case, by case; there is nothing in it to hand on."""
        said: dict[int, list[dict[str, Any]]] = {}
        for old, new in changes:
            said.setdefault(new.case_id, []).append(_told(old, new))
        cause = {"job": self.job.id} | ({"undoes": self._undone.id} if self.job.kind == "undo" else {})
        lines = {}
        for number, clocks in said.items():
            case = cases[number]
            lines[number] = next_line(
                case, EVENT, case.stage, case.stage, None, None, max(self.at, case.last_at), self.at,  # type: ignore[arg-type]
                cause | {"clocks": clocks},
            ) | {"handled_at": self.at}  # fmt: skip
        for line, made in zip(lines.values(), insert_rows(self.session, CaseEvent, list(lines.values())), strict=True):
            line["id"] = made
        return lines

    def _write(
        self,
        clocks: Sequence[Running],
        changes: Sequence[Change],
        events: Mapping[int, dict[str, Any]],
        kept_fired: list[dict[str, Any]],
    ) -> None:
        result = self.job.result
        numbers = [event["id"] for event in events.values()]
        self.job.result = result | {
            "cases": result["cases"] + len(events),
            "first_event": result.get("first_event", min(numbers)),
            "last_event": max(numbers),
        }
        insert_rows(
            self.session,
            ClockLine,
            [
                {
                    "clock_id": new.id, "event_id": events[new.case_id]["id"], "what": "re-based",
                    "at": events[new.case_id]["at"], "old_due": old.due_at, "new_due": new.due_at, "generation": new.generation,
                }
                for old, new in changes
            ],
        )  # fmt: skip
        insert_rows(self.session, Escalation, kept_fired)
        columns = REPINNED if any(new.rule_pk != old.rule_pk for old, new in changes) else RECOUNTED
        values = attrgetter(*columns)
        update_rows(self.session, Clock, [dict(zip(columns, values(new), strict=True)) for _, new in changes])
        self._write_caps(changes)
        now = {new.id: new for _, new in changes}
        of_case: dict[int, list[Any]] = {case: [] for case in events}
        for clock in clocks:
            if clock.case_id in of_case:
                of_case[clock.case_id].append(now.get(clock.id, clock))
        update_rows(
            self.session,
            Case,
            [
                {"id": case, "last_seq": event["seq"], "last_hash": event["hash"], "last_at": event["at"]} | times_of(of_case[case])
                for case, event in events.items()
            ],
        )  # fmt: skip

    def _write_caps(self, changes: Sequence[Change]) -> None:
        """A pause says itself when its cap is reached."""
        for old, new in changes:
            if new.fires == "resume" and new.due_at != old.due_at:
                self.session.connection().execute(
                    CAPPED, {"case": new.case_id, "old_cap": old.due_at, "new_cap": new.due_at}
                )

    # --- telling what was done ---

    def _count(self, changes: Sequence[Change], kept: Sequence[Kept]) -> None:
        result = self.job.result
        figures = {name: result[name] for name in FIGURES}
        examples = {name: list(found) for name, found in result["examples"].items()}
        reasons = dict(result["kept"])
        for _, why in kept:
            reasons[why] = reasons.get(why, 0) + 1
        shown: list[tuple[str, Change]] = []
        for old, new in changes:
            for name in _figures_of(old, new, self.at):
                figures[name] += 1
                if figures[name] <= EXAMPLES:
                    shown.append((name, (old, new)))
        for (name, _), example in zip(shown, self._examples([change for _, change in shown]), strict=True):
            examples.setdefault(name, []).append(example)
        self.job.result = result | figures | {"kept": reasons, "examples": examples}

    def _examples(self, changes: Sequence[Change]) -> list[dict[str, Any]]:
        if not changes:
            return []
        ids = {new.case_id for _, new in changes}
        rows = self.session.execute(select(Case.id, Case.number, Case.type).where(col(Case.id).in_(ids)))  # type: ignore[call-overload]
        cases = {row.id: row for row in rows}
        return [
            {
                "case": cases[new.case_id].number,
                "limits": casetype(cases[new.case_id].type).title_of_limit(new.limits),
                "old_day": old.due_day.isoformat(),
                "new_day": new.due_day.isoformat(),
                "old_at": old.due_at.astimezone(OFFICE_ZONE).isoformat(),
                "new_at": new.due_at.astimezone(OFFICE_ZONE).isoformat(),
            }
            for old, new in changes
        ]


def _plans_anew(old: Running, new: Running) -> bool:
    # a step of the same due day that has fired must not come again, whatever its instant would be now
    return (old.due_at, old.ladder, old.fires) != (new.due_at, new.ladder, new.fires)


def _told(old: Running, new: Running) -> dict[str, Any]:
    """What the ledger says of a clock: its days, and what else of it changed."""
    told: dict[str, Any] = {"clock": new.id, "due_day": [old.due_day.isoformat(), new.due_day.isoformat()]}
    pairs = {
        "provisional": (old.provisional, new.provisional),
        "edition": (old.edition, new.edition),
        "rule": (old.rule_pk, new.rule_pk),
    }
    return told | {name: list(pair) for name, pair in pairs.items() if pair[0] != pair[1]}


def _figures_of(old: Running, new: Running, at: datetime) -> Iterable[str]:
    if new.due_at != old.due_at:
        yield "moved"
    if new.kind == "deadline" and (old.due_at <= at) != (new.due_at <= at):
        yield "become_overdue" if new.due_at <= at else "stop_overdue"
    if new.provisional != old.provisional:
        yield "become_provisional" if new.provisional else "become_settled"
    if new.rule_pk != old.rule_pk:
        yield "repinned"


_tables = SQLModel.metadata.tables
_clock, _case, _pause, _step = (_tables[name] for name in ("clock", "case", "clock_pause", "escalation"))
_event, _line = _tables["case_event"], _tables["clock_line"]
_of_cases = func.any(bindparam("cases", type_=ARRAY(BigInteger)))
_of_events = func.any(bindparam("events", type_=ARRAY(BigInteger)))
_of_clocks = func.any(bindparam("clocks", type_=ARRAY(BigInteger)))
CLOCKS = (
    select(*(_clock.c[name] for name in COLUMNS))
    .where(_clock.c.case_id == _of_cases, _clock.c.stopped_at.is_(None))
    .order_by(_clock.c.id)
)
CLAIM = (
    select(*(_case.c[name] for name in ("id", "stage", "last_seq", "last_hash", "last_at")))
    .where(_case.c.id == _of_cases)
    .order_by(_case.c.id)
    .with_for_update(skip_locked=True)
)
EVENTS = select(_event.c.id, _event.c.case_id, _event.c.facts).where(_event.c.id == _of_events)
LINES = select(_line.c.clock_id, _line.c.old_due, _line.c.generation).where(
    _line.c.clock_id == _of_clocks, _line.c.event_id == _of_events
)
PAUSES = (
    select(_pause.c.clock_id, _pause.c.paused_at, _pause.c.resumed_at)
    .where(_pause.c.clock_id == _of_clocks, _pause.c.resumed_at.is_not(None))
    .order_by(_pause.c.paused_at)
)
FIRED = (
    select(_step.c.clock_id, _step.c.step, _step.c.event_id, _step.c.fired_at)
    .where(_step.c.clock_id == _of_clocks)
    .order_by(_step.c.generation)
)
CAPPED = (
    _pause.update()
    .where(
        _pause.c.resumed_at.is_(None),
        _pause.c.cap_at == bindparam("old_cap"),
        _pause.c.clock_id.in_(select(_clock.c.id).where(_clock.c.case_id == bindparam("case"))),
    )
    .values(cap_at=bindparam("new_cap"))
)
