"""The case and its ledger. One verb changes a case: `case.fire(name, by=…, at=…, facts=…)`."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Index, Sequence, String, Update, bindparam, func, or_, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import object_session
from sqlmodel import Field, Session, SQLModel, col

from . import ledger
from .casetypes import STANDING, CaseType, Stage, casetype
from .casetypes.base import Facts, Move, parse
from .clock import WHOLE_CASE, Books, Clock, Clocks, card, running_clocks, times_of
from .db import instant, jsonb, primary_key, reference, show, write
from .documents import Attachment
from .editions import calendar, newest_edition
from .errors import Conflict, Forbidden, Invalid
from .ladder import step_named
from .links import Link
from .materials import take_in
from .people import SYSTEM, Actor, Body, Desk, Person
from .publicity import Objection, Publicity
from .rules import Rule, rulebook_stamp
from .territory import LEVELS, Area, Estate, codes_of
from .worktime import OFFICE_ZONE

Kind = type[CaseType]
NUMBERS = Sequence("case_number", metadata=SQLModel.metadata)
BACKDATE_LIMIT = 10
"""Working days (operator's entry): paper older than this is no longer entered with its day."""
NOTE_LIMIT = 4000


@dataclass(frozen=True)
class Backdate:
    """补录: the thing happened at `at`, before it was typed; `reason` says why late, `proof` what shows the day."""

    at: datetime
    reason: str
    proof: str


IDENTITY = ("case_id", "seq", "name", "from_stage", "to_stage", "by_id", "on_behalf_of", "at", "recorded_at")
"""What of an event its hash covers beside its facts."""


class CaseEvent(SQLModel, table=True):
    """One line of a case's ledger: history, evidence and outbox. `by_id` null: the system; append-only but for `handled_at`."""

    __tablename__ = "case_event"
    id: int | None = primary_key()
    case_id: int = reference("case.id")
    seq: int
    name: str
    from_stage: str | None = None
    to_stage: str
    by_id: int | None = reference("person.id", nullable=True)
    on_behalf_of: str | None = None
    """`person:ID` or `body:ID`."""
    at: datetime = instant()
    recorded_at: datetime = instant()
    facts: Any = jsonb(nullable=True)
    note: str | None = None
    salt: str | None = None
    facts_hash: str
    prev_hash: str
    hash: str
    handled_at: datetime | None = instant(nullable=True)

    __table_args__ = (
        Index("uq_case_event_case_id_seq", "case_id", "seq", unique=True),
        Index("ix_case_event_unhandled", "id", postgresql_where=text("handled_at is null")),
        Index("ix_case_event_by_id", "by_id", "id", postgresql_where=text("by_id is not null")),
    )

    @property
    def identity(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in IDENTITY)

    @property
    def stands_in_for(self) -> int | None:
        """For whom a substitute did it (「B 代 A」)."""
        whose, _, number = (self.on_behalf_of or "").partition(":")
        return int(number) if whose == "person" else None

    @property
    def is_backdated(self) -> bool:
        return bool(self.facts and "backdated" in self.facts)


class Case(SQLModel, table=True):
    """A case. The row is the truth; whatever is here was written by an event of its ledger."""

    id: int | None = primary_key()
    number: str = Field(unique=True)
    type: str
    stage: str
    desk: Desk | None = Field(default=None, sa_type=String)
    """Null once the case is closed."""
    estate_id: int | None = reference("estate.id", nullable=True)
    """Null where the case is an area's rather than an estate's."""
    place: str = Field(sa_column_kwargs={"server_default": ""})
    """The name of the estate, or of the area, when it was opened."""
    path: str
    serves: str | None = None
    """The path of the area whose late cases come before this one (an escalation case) while its agenda is open; one per type
    and area."""
    applicant_id: int = reference("body.id")
    committee_id: int | None = reference("body.id", nullable=True)
    details: Any = jsonb()
    law_day: date
    opened_at: datetime = instant()
    stage_since: datetime = instant()
    closed_at: datetime | None = instant(nullable=True)
    outcome: str | None = None
    assignee_id: int | None = reference("person.id", nullable=True)
    next_due_at: datetime | None = instant(nullable=True)
    warn_at: datetime | None = instant(nullable=True)
    period_ends_at: datetime | None = instant(nullable=True)
    """The earliest end of its running periods."""
    is_paused: bool = False
    last_seq: int = 0
    last_hash: str = ledger.GENESIS
    last_at: datetime = instant()

    __table_args__ = (
        # every count of the dashboard, from the index alone
        Index(
            "ix_case_open", "path", "type", "stage", "next_due_at", "warn_at", "desk", "is_paused", "stage_since",
            "period_ends_at", "id", postgresql_where=text("closed_at is null"), postgresql_ops={"path": "text_pattern_ops"},
        ),
        Index(
            "uq_case_serves", "type", "serves", unique=True,
            postgresql_where=text("closed_at is null and serves is not null"),
        ),
        Index("ix_case_path", "path", "id", postgresql_ops={"path": "text_pattern_ops"}),
        Index("ix_case_applicant_id", "applicant_id", "id"),
        Index("ix_case_committee_id", "committee_id", "id"),
        Index("ix_case_estate_id", "estate_id", "id"),
        Index("ix_case_assignee_id", "assignee_id", postgresql_where=text("closed_at is null")),
    )  # fmt: skip

    # --- what it is ---

    @property
    def kind(self) -> Kind:
        return casetype(self.type)

    @property
    def current(self) -> Stage:
        return self.kind.stage(self.stage)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def card(self, at: datetime) -> str | None:
        """`red` once the next deadline is missed, `yellow` from its reminder on, else None."""
        return card(self.next_due_at, self.warn_at, at)

    def is_stale(self, at: datetime) -> bool:
        """久未办理: no clock runs and nothing has happened for thirty days."""
        if not self.is_open or self.next_due_at or self.period_ends_at:
            return False
        return at - self.stage_since >= STALE_AFTER

    def seat(self, desk: Desk) -> Desk:
        """The desk at which this case lies where its type names `desk`: an area's case lies at the area's own level, and what is
        a committee's, where there is none, with whom the type names."""
        if self.estate_id is None and desk.is_office:
            return Desk.of_level(LEVELS[len(codes_of(self.path)) - 1])
        if desk == Desk.COMMITTEE and self.committee_id is None:
            return self.kind.without_committee or desk
        return desk

    @property
    def desks(self) -> set[Desk]:
        """Where somebody may act on it at its stage."""
        return {self.seat(desk) for desk in self.current.desks}

    def title_of_limit(self, clock: Clock) -> str:
        """What a clock of this case limits, in words; of a cap on a pause that it is one."""
        title = self.kind.title_of_limit(clock.limits)
        return f"{title}中止的最长时间" if clock.fires == "resume" else title

    # --- verbs ---

    @classmethod
    def open(
        cls,
        session: Session,
        type_id: str,
        *,
        estate: Estate,
        applicant: Body,
        details: Mapping[str, Any],
        by: Actor,
        at: datetime,
        on_behalf_of: str | None = None,
        note: str | None = None,
        backdate: Backdate | None = None,
        recorded_at: datetime | None = None,
    ) -> "Case":
        """Open a case at its type's first stage. Errors: `Invalid` for details that are wrong, with the field; `Conflict`
        where such a case may not be opened there now.
        """
        kind = casetype(type_id)
        recorded_at = recorded_at or at
        if backdate:
            at = backdate.at
        wanted = parse(kind.Details, details, at).model_dump(mode="json")
        case = cls(
            **_seat(session, kind, kind.initial_stage(), at),
            estate_id=estate.id,
            place=estate.name,
            path=estate.path,
            applicant_id=applicant.id,  # type: ignore[arg-type]
            committee_id=estate.committee_id,
            details=wanted,
            law_day=at.astimezone(OFFICE_ZONE).date(),
        )
        if backdate:
            case._check_backdate(session, "open", backdate, recorded_at)
        clocks = case._begin(session)
        case._start_clocks(kind.initial_stage(), clocks)
        facts = _with_backdate(case.details, backdate)
        case._record(session, "open", None, by, on_behalf_of, at, recorded_at, facts, note, clocks)
        return case

    @classmethod
    def open_for_area(
        cls, session: Session, type_id: str, *, area: Area, applicant: Body, by: Actor, at: datetime
    ) -> "Case | None":
        """Open the case before which `area`'s late cases come. None where another one is open, or is being opened right now."""
        kind = casetype(type_id)
        case = cls(
            **_seat(session, kind, kind.initial_stage(), at),
            place=area.name,
            path=area.path,
            serves=area.path,
            applicant_id=applicant.id,  # type: ignore[arg-type]
            details=parse(kind.Details, {}, at).model_dump(mode="json"),
            law_day=at.astimezone(OFFICE_ZONE).date(),
        )
        try:
            with session.begin_nested():
                clocks = case._begin(session)
        except IntegrityError:
            return None
        case._start_clocks(kind.initial_stage(), clocks)
        case._record(session, "open", None, by, None, at, at, case.details, None, clocks)
        return case

    def arising(
        self,
        session: Session,
        type_id: str,
        *,
        why: str,
        by: Actor,
        at: datetime,
        details: Mapping[str, Any],
        applicant_id: int | None = None,
        stage: str | None = None,
    ) -> "Case":
        """A case of another matter in the same place to which this one gives rise, linked to it; `why` is one of `links.TITLES`.

        It is asked for by whom this one was asked for, unless `applicant_id` says otherwise, and begins at its type's first
        stage, unless `stage` does. Errors: `Invalid` for details that are wrong, with the field.
        """
        kind = casetype(type_id)
        first = kind.stage(stage) if stage else kind.initial_stage()
        case = type(self)(
            **_seat(session, kind, first, at),
            **{name: getattr(self, name) for name in ("estate_id", "place", "path", "committee_id")},
            applicant_id=applicant_id or self.applicant_id,
            details=parse(kind.Details, details, at).model_dump(mode="json"),
            law_day=at.astimezone(OFFICE_ZONE).date(),
        )
        clocks = case._begin(session)
        case._start_clocks(first, clocks)
        session.add(Link(from_id=self.id, to_id=case.id, why=why, at=at))  # type: ignore[arg-type]
        case._record(session, "open", None, by, None, at, at, case.details | {"arises_from": self.number}, None, clocks)
        return case

    def reopened(self, session: Session, *, by: Actor, at: datetime, facts: Mapping[str, Any]) -> "Case":
        """The linked case that takes this one up again, at the stage and with the limit that the type names (`Reopening`)."""
        again = self.kind.reopening
        assert again is not None
        stage = self.kind.stage(again.stage)
        case = type(self)(
            **_seat(session, self.kind, stage, at),
            **{name: getattr(self, name) for name in ("estate_id", "place", "path", "applicant_id", "committee_id")},
            details=self.details,
            law_day=self.law_day,
        )
        clocks = case._begin(session)
        ended = self._last_clock_of(session, stage) if again.limit == "continued" else None
        if ended:
            clocks.go_on(ended)
        else:
            case._start_clocks(stage, clocks)
        session.add(Link(from_id=self.id, to_id=case.id, why="reopened", at=at))  # type: ignore[arg-type]
        case._record(session, "open", None, by, None, at, at, {"reopens": self.number, **facts}, None, clocks)
        return case

    def fire(
        self,
        name: str,
        *,
        by: Actor,
        at: datetime,
        facts: Mapping[str, Any] | None = None,
        note: str | None = None,
        seq: int | None = None,
        on_behalf_of: str | None = None,
        backdate: Backdate | None = None,
        recorded_at: datetime | None = None,
    ) -> CaseEvent:
        """Let an event happen to this case, wholly or not at all: stage, desk, clocks and one ledger line.

        `at` is the office's now (what time brings about happens at its own instant, and is `recorded_at` now); `seq` is
        the last line the person had seen (stale: `Conflict`); `backdate` enters what happened earlier. Errors: `Forbidden` (not theirs), `Conflict` (an illegal move or an obstacle, which is named),
        `Invalid` (facts, with the field). Takes the case's lock, then its clocks'.
        """
        session, books = self._lock()
        kind, stage = self.kind, self.current
        self._refuse_stale(session, seq)
        kind.event(name)
        recorded_at = recorded_at or at
        if backdate:
            self._check_backdate(session, name, backdate, at)
            at = backdate.at
        clocks = Clocks(session, self, at, books, running_clocks(session, self.id))  # type: ignore[arg-type]
        self._refuse_before_its_time(name, stage, by, clocks, at)
        on_behalf_of = self._for_whom(name, stage, by, on_behalf_of)
        stated: Facts = parse(kind.facts_of(name, stage.id), facts, recorded_at)  # type: ignore[assignment]
        move = Move(self, session, name, by, at, self.stage, dict(self.details), stated, clocks.all)
        to = kind.after(move)
        if name in STANDING:
            STANDING[name].do(move, clocks)
        session.add_all(move.rows)
        show(self, details=move.details)
        if to is not stage:
            self._leave(stage, to, clocks)
            self._enter(to, clocks, name)
        elif name not in STANDING:
            self._next_period(name, stage, clocks)
        stated_and_noted = _with_backdate(stated.model_dump(mode="json", exclude_none=True) | move.record, backdate)
        return self._record(session, name, stage.id, by, on_behalf_of, at, recorded_at, stated_and_noted, note, clocks)

    def assign(
        self,
        to: Person | None,
        *,
        by: Actor,
        at: datetime,
        seq: int | None = None,
        note: str | None = None,
        on_behalf_of: str | None = None,
    ) -> CaseEvent:
        """Give the case to an officer of the desk that holds it (领取、转办), or put it back into the desk's pool. Moves no clock.

        `seq` as in `fire`: of two who take the same case, the second is told.
        """
        from .access import assigns_for, holder, refuse_assignment

        session, _ = self._lock()
        self._refuse_stale(session, seq)
        refuse_assignment(by, self, to, at.astimezone(OFFICE_ZONE).date())
        on_behalf_of = on_behalf_of or assigns_for(by, self)
        facts = {"to": holder(by, self, to)}
        show(self, assignee_id=facts["to"])
        return self._record(session, "assign", self.stage, by, on_behalf_of, at, at, facts, note)

    def note(self, words: str, *, by: Actor, at: datetime) -> CaseEvent:
        """Add a remark to the ledger; moves nothing."""
        if not words.strip():
            raise Invalid("备注不能为空。", field="note")
        from .access import notes_for

        session, _ = self._lock()
        return self._record(session, "note", self.stage, by, notes_for(by, self), at, at, {}, words.strip())

    def object(self, words: str, *, by: Actor, at: datetime, name: str, unit: str = "") -> Objection:
        """异议: somebody objects to what a publicity that is running shows; moves nothing.

        An owner for themselves; officers of the street and the residents' committee enter what comes to their counter, with
        `name` and `unit`. The ledger names the objection, not the person. Errors: `Conflict` where no publicity runs,
        `Forbidden`, `Invalid`.
        """
        from .access import must_object

        session, _ = self._lock()
        must_object(by, self)
        running = running_clocks(session, self.id)  # type: ignore[arg-type]
        shown = next((clock for clock in running if clock.kind == "period" and clock.limits == self.stage), None)
        if not self.current.publicity or shown is None or shown.is_late(at):
            raise Conflict("本件现在没有公示，异议须在公示期内提出；公示期以外有意见的，可以向承办单位书面反映。")
        if not words.strip():
            raise Invalid("请写明异议内容。", field="words")
        if not name.strip():
            raise Invalid("请写明异议人姓名。", field="name")
        for field, given, most in (("words", words, 2000), ("name", name, 60), ("unit", unit, 60)):
            if len(given) > most:
                raise Invalid(f"内容过长（{len(given)}字），最多{most}字。", field=field)
        made = Objection(
            case_id=self.id, stage=self.stage, by_id=by.id, name=name.strip(), unit=unit.strip(), words=words.strip(), at=at  # type: ignore[arg-type]
        )  # fmt: skip
        session.add(made)
        session.flush()
        self._record(session, "object", self.stage, by, None, at, at, {"objection": made.id})
        return made

    def retry(self, clock: Clock, *, by: Actor, at: datetime) -> CaseEvent:
        """Let a clock of this case that was parked be tried again. Errors: `Conflict` where it is not parked any more."""
        session, _ = self._lock()
        session.refresh(clock)
        if clock.parked_at is None:
            raise Conflict("这个计时没有搁置，或已有人重试。")
        why = f"搁置原因：{clock.parked_why}"
        write(session, clock, parked_at=None, parked_why=None)
        return self._record(session, "retry", self.stage, by, None, at, at, {"clock": clock.id}, why)

    def attach(
        self, data: bytes, *, filename: str, need: str | None, by: Actor, at: datetime, on_behalf_of: str | None = None
    ) -> Attachment:
        """Take in a material that somebody at this stage hands in; moves nothing. The ledger line names its sha256.

        The same file for the same need is kept once, and said once.
        """
        from .access import acts_for, may_attach

        session, _ = self._lock()
        if not self.is_open:
            raise Conflict("本件已办结，不能再提交材料。")
        if not may_attach(by, self, on_behalf_of=on_behalf_of):
            raise Forbidden(f"本件在“{self.current.title}”环节，不在您的岗位，不能提交材料。")
        on_behalf_of = on_behalf_of or acts_for(by, self, self.desks)
        attachment, is_new = take_in(session, self, data, filename=filename, need=need, by_id=by.id, at=at)
        if is_new:
            facts = {"attachment": attachment.id, "need": need, "sha256": attachment.sha256, "size": attachment.size}
            self._record(session, "attach", self.stage, by, on_behalf_of, at, at, facts)
        return attachment

    def erase(self, event: CaseEvent, *, by: Actor, at: datetime, reason: str) -> CaseEvent:
        """Blank what an event says, as the law may demand (个人信息保护法 Art. 47); its hash and place stay."""
        session, _ = self._lock()
        session.execute(
            CaseEvent.__table__.update()  # type: ignore[attr-defined]
            .where(col(CaseEvent.id) == event.id, col(CaseEvent.case_id) == self.id)
            .values(facts=None, note=None, salt=None)
        )
        session.expire(event)
        facts = {"erased_seq": event.seq, "reason": reason}
        return self._record(session, "erase", self.stage, by, None, at, at, facts)

    def remember(
        self, name: str, facts: dict[str, Any], *, by: Actor, at: datetime, note: str | None = None
    ) -> CaseEvent:
        """A line about what was done to this case from outside; moves nothing."""
        session, _ = self._lock()
        return self._record(session, name, self.stage, by, None, at, at, facts, note)

    def move(self, session: Session, by: Actor, at: datetime, clocks: list[Clock]) -> Move:
        """A question rather than a deed: what `access.moves` asks with."""
        return Move(self, session, "", by, at, self.stage, dict(self.details), None, clocks)

    # --- how it is done ---

    def _lock(self) -> tuple[Session, Books]:
        """Lock and re-read the case, and see which rules and calendar are in use, in one statement."""
        session = object_session(self)
        if session is None:
            raise RuntimeError("the case is not in a session")
        _, rules, edition = session.execute(LOCK, {"id": self.id}, execution_options={"populate_existing": True}).one()
        return session, Books(rules, edition)  # type: ignore[return-value]

    def _refuse_stale(self, session: Session, seq: int | None) -> None:
        """Refuse who has not seen what somebody did since. A reminder, or a case given back, is no reason to lose one's typing."""
        if seq is None or seq == self.last_seq:
            return
        moved = or_(col(CaseEvent.by_id).is_not(None), col(CaseEvent.from_stage) != col(CaseEvent.to_stage))
        since = select(CaseEvent.id).where(col(CaseEvent.case_id) == self.id, col(CaseEvent.seq) > seq, moved)  # type: ignore[call-overload]
        if seq > self.last_seq or session.scalar(since.limit(1)):
            raise Conflict("您打开本件之后，它已被他人办理，请刷新后再办。", field="seq")

    def _refuse_before_its_time(self, name: str, stage: Stage, by: Actor, clocks: Clocks, at: datetime) -> None:
        """What time brings about does not happen before its clock has run, whoever asks for it."""
        if by is not SYSTEM and not self.kind.clock_of_period(stage, name):
            return
        if name in self.kind.consequences:
            return
        clock = next((c for c in clocks.all if c.fires == name and c.limits == stage.id and c.is_running), None)
        if clock is None:
            raise Conflict(f"“{self.kind.event(name).name}”尚未开始计时或者已经办过。")
        if at < clock.due_at:
            day = clock.due_at.astimezone(OFFICE_ZONE)
            raise Conflict(
                f"“{self.kind.event(name).name}”须待 {clock.due_day} 24时届满，{day:%Y-%m-%d} 0时起才可以。",
                rule=clock.rule_id,
            )

    def _for_whom(self, name: str, stage: Stage, by: Actor, on_behalf_of: str | None) -> str | None:
        """Refuse who may not; whoever stands in for somebody may act for them (「B 代 A」)."""
        from .access import fires_for, may

        if name not in self.kind.events_from(stage) and name not in self.kind.standing_at(stage):
            raise Conflict(self.kind._out_of_turn(name, stage))
        if not may(by, name, self, self.kind, stage, on_behalf_of=on_behalf_of):
            raise self.kind.refuse_stranger(name, stage)
        return on_behalf_of or fires_for(by, name, self, self.kind, stage)

    def _check_backdate(self, session: Session, name: str, backdate: Backdate, now: datetime) -> None:
        if name not in self.kind.enterable_afterwards:
            raise Invalid("这一办理动作不能补录，只能按当前时间办理。", field="at")
        if not backdate.reason.strip():
            raise Invalid("补录须写明原因。", field="reason")
        if not backdate.proof.strip():
            raise Invalid("补录须写明能证明日期的凭据（例如收件登记号）。", field="proof")
        if backdate.at > now:
            raise Invalid("补录的时间不能晚于现在。", field="at")
        if backdate.at < self.last_at:
            raise Invalid("补录的时间不能早于本件上一条记录的时间。", field="at")
        gone = calendar(session).working_between(
            backdate.at.astimezone(OFFICE_ZONE).date(), now.astimezone(OFFICE_ZONE).date()
        )
        if gone > BACKDATE_LIMIT:
            raise Invalid(f"补录不能早于{BACKDATE_LIMIT}个工作日之前。", field="at")

    def _leave(self, stage: Stage, to: Stage, clocks: Clocks) -> None:
        """Stop what limited the stage that is left; a correction pauses the asking stage's clock, and its end lets it run."""
        for clock in list(clocks.all):
            if clock.stopped_at or (clock.limits == WHOLE_CASE and not to.final):
                continue
            if clock.kind == "period":
                clocks.stop(clock, "ran" if clock.is_late(clocks.at) else "dropped")
            elif clock.paused_at and to.id == clock.limits:
                clocks.resume(clock)
            elif clock.paused_at and stage.holds_asker and clock.limits != stage.id:
                clocks.stop(clock, "dropped")
            elif to.holds_asker and clock.limits == stage.id:
                if not clock.paused_at:
                    clocks.pause(clock, to.title)
            else:
                clocks.stop(clock)

    def _enter(self, to: Stage, clocks: Clocks, name: str) -> None:
        since = self._deemed_since(clocks, name)
        desk = self.seat(to.desk) if to.desk and not to.final else None
        if desk != self.desk:
            show(self, assignee_id=None)
        show(self, stage=to.id, desk=desk, stage_since=clocks.at)
        if to.final:
            show(self, closed_at=clocks.at, outcome=self.kind.outcomes.get(name, to.title))
        self._start_clocks(to, clocks, since)

    def _deemed_since(self, clocks: Clocks, name: str) -> datetime | None:
        """From when what an office's silence amounts to holds, where its rule says: since the day of receipt."""
        silent = next((clock for clock in clocks.all if clock.kind == "deadline" and clock.fires == name), None)
        if silent is None:
            return None
        rule = clocks.session.get_one(Rule, silent.rule_pk)
        return silent.started_at if rule.deemed_from == "start" else None

    def _begin(self, session: Session) -> Clocks:
        """Write the new row, and start what limits the whole case."""
        self.kind.opening(session, self)
        self.desk = self.desk and self.seat(self.desk)
        session.add(self)
        session.flush()
        clocks = Clocks(session, self, self.opened_at, Books(), [])
        if self.kind.case_deadline:
            clocks.start(self.kind.case_deadline, kind="deadline", limits=WHOLE_CASE, start=self.opened_at)
        return clocks

    def _last_clock_of(self, session: Session, stage: Stage) -> Clock | None:
        ended = select(Clock).where(
            col(Clock.case_id) == self.id, col(Clock.limits) == stage.id, col(Clock.kind) == "deadline"
        )
        return session.scalar(ended.order_by(col(Clock.id).desc()).limit(1))

    def _start_clocks(self, stage: Stage, clocks: Clocks, since: datetime | None = None) -> None:
        if any(clock.limits == stage.id and clock.is_running for clock in clocks.all):
            return  # the clock that was paused runs again
        if stage.deadline:
            since = since or self._counted_from(stage)
            clocks.start(stage.deadline, kind="deadline", limits=stage.id, start=since or clocks.at)
        elif stage.periods:
            first = stage.periods[0]
            clock = clocks.start(first.rule, kind="period", limits=stage.id, fires=first.ends, start=clocks.at)
            if stage.publicity:
                clocks.session.add(Publicity.of(clock, stage.id, self.details))

    def _counted_from(self, stage: Stage) -> datetime | None:
        """The day from which the stage's limit counts, where the case names one (`Stage.since`); itself it is not counted."""
        day = self.details.get(stage.since) if stage.since else None
        return datetime.combine(date.fromisoformat(day), time(), OFFICE_ZONE) if day else None

    def _next_period(self, name: str, stage: Stage, clocks: Clocks) -> None:
        """A period of this stage has run: stop it, and start the one after it where the last day ended."""
        ended = next((clock for clock in clocks.all if clock.fires == name and clock.is_running), None)
        if ended is None:
            return
        clocks.stop(ended, "ran")
        names = [period.ends for period in stage.periods]
        for period in stage.periods[names.index(name) + 1 : names.index(name) + 2]:
            # the new period's first day is the day after the last day of the one before it
            start = ended.due_at - timedelta(seconds=1)
            clocks.start(period.rule, kind="period", limits=stage.id, fires=period.ends, start=start)

    def _record(
        self,
        session: Session,
        name: str,
        from_stage: str | None,
        by: Actor,
        on_behalf_of: str | None,
        at: datetime,
        recorded_at: datetime,
        facts: dict[str, Any],
        note: str | None = None,
        clocks: Clocks | None = None,
    ) -> CaseEvent:
        """Append the line, sign the clocks' lines with it, and write the case as it now is."""
        if note and len(note) > NOTE_LIMIT:
            raise Invalid(f"备注过长（{len(note)}字），最多{NOTE_LIMIT}字。", field="note")
        row = next_line(self, name, from_stage, self.stage, by.id, on_behalf_of, at, recorded_at, facts, note)
        show(self, last_seq=row["seq"], last_hash=row["hash"], last_at=max(at, self.last_at))
        if clocks:
            show(self, **times_of(clocks.all))
        lines = clocks.lines if clocks else []
        values = {f"event_{column}": value for column, value in row.items()}
        values |= {f"line_{name}": [line[name] for line in lines] for name in LINE}
        values |= {name: getattr(self, name) for name in CHANGES}
        made = session.connection().execute(RECORD, values | {"of": self.id}).scalar_one()
        return CaseEvent(id=made, **row)


CHANGES = (
    "stage", "desk", "details", "stage_since", "closed_at", "outcome", "assignee_id", "next_due_at", "warn_at",
    "period_ends_at", "is_paused", "serves", "last_seq", "last_hash", "last_at",
)  # fmt: skip
"""The columns that an event may change, written together."""
LINE = ("clock_id", "what", "at", "old_due", "new_due", "generation")
STALE_AFTER = timedelta(days=30)
LEDGER_TITLES = {
    "open": "登记立案",
    "assign": "领取、转办",
    "note": "备注",
    "erase": "依法删除记录内容",
    "attach": "提交材料",
    "retry": "重试搁置的计时",
    "object": "收到异议",
    "agenda": "列入议程",
    "agenda_result": "会议处理结果",
    "committee": "业主委员会职责变更",
    "term_reminder": "任期将满提醒",
    "linked": "关联案件进展",
    "re_base": "期限重算",
}
"""What else than a type's own events and a ladder's steps stands in ledgers."""
LOCK = (
    select(Case, rulebook_stamp(), newest_edition().scalar_subquery())
    .where(col(Case.id) == bindparam("id"))
    .with_for_update(of=Case)
)


def _recording() -> Update:
    """All that an event leaves behind, in one statement: its line, its clocks' lines, the case as it now is."""
    tables = SQLModel.metadata.tables
    cases, events, lines = tables["case"], tables["case_event"], tables["clock_line"]
    stated: dict[str, Any] = {
        column.name: bindparam(f"event_{column.name}") for column in events.c if column.name != "id"
    }
    event = events.insert().values(stated).returning(events.c.id).cte("event")
    arrays = [bindparam(f"line_{name}", type_=ARRAY(lines.c[name].type)) for name in LINE]
    line = func.unnest(*arrays).table_valued(*LINE).render_derived("line")
    signed = select(event.c.id, *line.c).join_from(event, line, true())
    return (
        cases.update()
        .where(cases.c.id == bindparam("of"))
        .values({name: bindparam(name) for name in CHANGES})
        .add_cte(event, lines.insert().from_select(["event_id", *LINE], signed).cte("signed"))
        .returning(select(event.c.id).scalar_subquery())
    )


RECORD = _recording()


def title_of(kind: Kind, name: str) -> str:
    """What a ledger line's event is called on screens."""
    if kind.has(name):
        return kind.event(name).name
    step = step_named(name)
    return step.title if step else LEDGER_TITLES.get(name, name)


def next_line(
    case: Case,
    name: str,
    from_stage: str | None,
    to_stage: str,
    by_id: int | None,
    on_behalf_of: str | None,
    at: datetime,
    recorded_at: datetime,
    facts: dict[str, Any],
    note: str | None = None,
) -> dict[str, Any]:
    """The next line of a locked case's ledger, hashed onto the one before it, as a row of `CaseEvent`. Writes nothing."""
    salt = secrets.token_hex(16)
    seq = case.last_seq + 1
    identity = (case.id, seq, name, from_stage, to_stage, by_id, on_behalf_of, at, recorded_at)
    facts_hash = ledger.facts_hash(salt, facts, note)
    return dict(zip(IDENTITY, identity, strict=True)) | {
        "facts": facts,
        "note": note,
        "salt": salt,
        "facts_hash": facts_hash,
        "prev_hash": case.last_hash,
        "hash": ledger.event_hash(case.last_hash, identity, facts_hash),
        "handled_at": None,
    }


def verify(events: list[CaseEvent]) -> str | None:
    """Check one case's ledger, in order of seq. None when whole; else a sentence naming the first line that is wrong."""
    previous = ledger.GENESIS
    for number, event in enumerate(events, start=1):
        if event.seq != number:
            return f"第{number}条记录缺失。"
        if event.prev_hash != previous:
            return f"第{number}条记录与上一条不相连。"
        if event.salt is not None and ledger.facts_hash(event.salt, event.facts, event.note) != event.facts_hash:
            return f"第{number}条记录的内容被改动过。"
        if ledger.event_hash(event.prev_hash, event.identity, event.facts_hash) != event.hash:
            return f"第{number}条记录的经过被改动过。"
        previous = event.hash
    return None


def whole(events: list[CaseEvent], last_seq: int, last_hash: str) -> str | None:
    """`verify`, and whether the ledger ends where its case says it does; every case has at least its first line."""
    wrong = verify(events)
    if wrong is None and (len(events), events[-1].hash if events else "") != (last_seq, last_hash):
        return f"末尾的记录缺失：案件共有{last_seq}条记录，只找到{len(events)}条。"
    return wrong


def events_of(session: Session, case: Case) -> list[CaseEvent]:
    return list(
        session.scalars(select(CaseEvent).where(col(CaseEvent.case_id) == case.id).order_by(col(CaseEvent.seq)))
    )


def _seat(session: Session, kind: Kind, stage: Stage, at: datetime) -> dict[str, Any]:
    """Where a new case stands."""
    return {
        "number": f"{kind.prefix}{at.astimezone(OFFICE_ZONE):%Y}-{session.execute(NUMBERS.next_value()).scalar_one():06d}",
        "type": kind.type_id,
        "stage": stage.id,
        "desk": stage.desk,
        "opened_at": at,
        "stage_since": at,
        "last_at": at,
    }


def _with_backdate(facts: dict[str, Any], backdate: Backdate | None) -> dict[str, Any]:
    return facts | {"backdated": {"reason": backdate.reason, "proof": backdate.proof}} if backdate else facts


__all__ = ["SYSTEM", "Backdate", "Case", "CaseEvent", "Facts", "events_of", "next_line", "verify"]
