"""What two persons must agree on before it holds: a calendar edition, a version of a rule. One proposes, another approves.

A proposal says what would hold, why, and (by a job, in the background) what re-basing would do. Approving a calendar asks
for its re-base in the same transaction; a version of a rule touches no running clock unless that is asked for on purpose.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, func, select, text
from sqlmodel import Session, SQLModel, col

from . import calendar_changes, rule_changes
from .access import may_govern, may_oversee, must_govern
from .calendar_changes import CalendarWanted
from .casetypes.facts import Facts, Line, parse
from .db import instant, jsonb, primary_key, reference
from .editions import CalendarEdition, Diff, approve, calendar, compare, keep, newest_edition
from .errors import Conflict, Forbidden, Invalid, NotFound
from .office import real_now
from .people import Person
from .rebase import ask_preview, ask_rebase
from .rule_changes import RuleWanted
from .rules import Rule

KINDS = {"calendar": "放假安排", "rule": "规则版本"}
STATES = {"open": "待批准", "approved": "已批准", "refused": "未批准", "withdrawn": "已撤回"}
ONE_AT_A_TIME = "select pg_advisory_xact_lock(8217, 5)"
"""Of two editions made on the same basis only one can be approved."""


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

    __table_args__ = (
        CheckConstraint("decided_by_id <> made_by_id or state = 'withdrawn'", name="two_persons"),
        Index("ix_proposal_open", "id", postgresql_where=text("state = 'open'")),
    )

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Reason(Facts):
    reason: Line
    """Why; shown to whoever approves, and kept with what comes of it."""


def propose_calendar(session: Session, wanted: CalendarWanted, reason: str, *, by: Person, at: datetime) -> Proposal:
    """Read, check and keep an edition that does not hold yet. Errors: `Forbidden`; what `calendar_changes.plan` refuses."""
    must_govern(by)
    planned = calendar_changes.plan(session, wanted, at)
    number = _number(session)
    edition = f"{planned.label}-{number}"
    proposal = _propose(
        session, number, "calendar", planned.title, reason, by, at,
        {"edition": edition, "basis": planned.basis, "remarks": list(planned.remarks)}
        | wanted.model_dump(mode="json", exclude_none=True),
    )  # fmt: skip
    keep(session, edition, planned.source, planned.proposed, at=at, proposal_id=number)
    proposal.preview_id = ask_preview(session, {"edition": edition}, by=by, at=real_now(session)).id
    session.flush()
    return proposal


def propose_rule(session: Session, wanted: RuleWanted, reason: str, *, by: Person, at: datetime) -> Proposal:
    """Judge and keep a version that does not hold yet. Errors: `Forbidden`; what `rule_changes.plan` refuses."""
    must_govern(by)
    planned = rule_changes.plan(session, wanted, at)
    version = planned.rule.model_dump(mode="json", exclude={"pk", "proposal_id", "shipped_version"})
    proposal = _propose(
        session, _number(session), "rule", planned.title, reason, by, at,
        {"version": version, "area": planned.area, "follows": planned.follows.pk, "basis": planned.basis,
         "remarks": list(planned.remarks)},
    )  # fmt: skip
    proposal.preview_id = ask_preview(
        session, {"rule": planned.rule.id, "version": version}, by=by, at=real_now(session)
    ).id
    session.flush()
    return proposal


def propose(session: Session, kind: str, content: Any, reason: str, *, by: Person, at: datetime) -> Proposal:
    """`content` as JSON gives it: a `CalendarWanted` or a `RuleWanted`."""
    must_govern(by)
    if kind == "calendar":
        wanted = parse(CalendarWanted, content, at)
        return propose_calendar(session, wanted, reason, by=by, at=at)  # type: ignore[arg-type]
    if kind == "rule":
        return propose_rule(session, parse(RuleWanted, content, at), reason, by=by, at=at)  # type: ignore[arg-type]
    raise Invalid(f"没有“{kind}”这种变更；只能是：{'、'.join(KINDS)}。", field="kind")


def _number(session: Session) -> int:
    """Drawn beforehand, because what is proposed bears it in its name; never drawn twice, not even after a rollback."""
    number: int = session.scalar(select(func.nextval(func.pg_get_serial_sequence("proposal", "id"))))  # type: ignore[assignment]
    return number


def _propose(
    session: Session, number: int, kind: str, title: str, reason: str, by: Person, at: datetime, content: dict[str, Any]
) -> Proposal:
    parsed = parse(Reason, {"reason": reason}, at)
    proposal = Proposal(
        id=number, kind=kind, title=title, content=content, reason=parsed.reason, made_by_id=by.id, made_at=at  # type: ignore[arg-type, attr-defined]
    )  # fmt: skip
    session.add(proposal)
    session.flush()
    return proposal


# --- deciding --------------------------------------------------------------------------------------------------------


def see_proposal(session: Session, person: Person, number: int, *, lock: bool = False) -> Proposal:
    """Whoever governs or oversees the office may read proposals. Errors: `Forbidden`, `NotFound`."""
    must_read(person)
    statement = select(Proposal).where(col(Proposal.id) == number)
    found = session.scalar(
        statement.with_for_update() if lock else statement, execution_options={"populate_existing": lock}
    )
    if found is None:
        raise NotFound(f"没有编号为 {number} 的变更。")
    return found


def decide(
    session: Session, number: int, *, to_approve: bool, words: str, rebase: bool, by: Person, at: datetime
) -> Proposal:
    """Approve or refuse, by another person than the proposer. Approving a calendar always re-bases what runs; a rule if `rebase`.

    Errors: `Forbidden` for the proposer and whoever may not govern; `Conflict` where it is decided already, or rests on
    what no longer holds.
    """
    proposal = see_proposal(session, by, number, lock=True)
    must_govern(by)
    _must_be_open(session, proposal)
    if proposal.made_by_id == by.id:
        raise Forbidden("变更须由另一人批准，提出人自己不能决定；不想要了可以撤回。")
    words = words.strip()
    if not to_approve and not words:
        raise Invalid("不批准须写明理由，提出人要据此修改。", field="words")
    parse(Words, {"words": words}, at)
    proposal.state = "approved" if to_approve else "refused"
    proposal.decided_by_id, proposal.decided_at, proposal.decision = by.id, at, words
    session.flush()
    if to_approve:
        (_hold_calendar if proposal.kind == "calendar" else _hold_rule)(session, proposal, rebase, by, at)
    return proposal


class Words(Facts):
    words: str = ""


def withdraw(session: Session, number: int, *, by: Person, at: datetime) -> Proposal:
    """By the proposer, while nobody has decided. Errors: `Forbidden`, `Conflict`."""
    proposal = see_proposal(session, by, number, lock=True)
    _must_be_open(session, proposal)
    if proposal.made_by_id != by.id:
        raise Forbidden("只有提出人可以撤回；您可以批准或不批准。")
    proposal.state, proposal.decided_by_id, proposal.decided_at = "withdrawn", by.id, at
    session.flush()
    return proposal


def _must_be_open(session: Session, proposal: Proposal) -> None:
    if proposal.is_open:
        return
    decider = session.get(Person, proposal.decided_by_id)
    raise Conflict(f"这项变更{STATES[proposal.state]}（{decider.name if decider else ''}），不能再决定。")


def _hold_calendar(session: Session, proposal: Proposal, rebase: bool, by: Person, at: datetime) -> None:
    session.connection().exec_driver_sql(ONE_AT_A_TIME)
    newest = session.scalar(newest_edition())
    if newest != proposal.content["basis"]:
        raise Conflict(
            f"它是在 {proposal.content['basis']} 版的基础上提出的，之后已有 {newest} 版生效，批准会丢掉其中的改动：请重新提出。"
        )
    name = proposal.content["edition"]
    approve(session, session.scalars(select(CalendarEdition).where(col(CalendarEdition.name) == name)).one(), at)
    proposal.rebase_id = ask_rebase(session, {"edition": name}, by=by, at=real_now(session)).id
    session.flush()


def _hold_rule(session: Session, proposal: Proposal, rebase: bool, by: Person, at: datetime) -> None:
    session.connection().exec_driver_sql(ONE_AT_A_TIME)
    version = proposal.content["version"]
    newest = session.scalar(select(func.max(Rule.pk)).where(col(Rule.id) == version["id"]))
    if newest != proposal.content["basis"]:
        raise Conflict(f"“{version['title']}”在提出之后又有了新的版本，本版的编号和比较都已过时：请重新提出。")
    rule = rule_changes.row(version)
    rule.proposal_id = proposal.id
    session.add(rule)
    session.flush()
    if rebase:
        params = {"rule": rule.id, "rule_pk": rule.pk}
        proposal.rebase_id = ask_rebase(session, params, by=by, at=real_now(session)).id
        session.flush()


# --- reading ---------------------------------------------------------------------------------------------------------


def may_read(person: Person) -> bool:
    return may_govern(person) or may_oversee(person)


def must_read(person: Person) -> None:
    """Raises `Forbidden` unless they may."""
    if not may_read(person):
        raise Forbidden("放假安排和规则的变更由监管人员和系统管理员提出、批准，您没有查看的权限。")


def proposals(
    session: Session, *, kind: str | None = None, state: str | None = None, before: int | None = None, limit: int = 50
) -> list[Proposal]:
    """The newest first, those before `before`."""
    statement = select(Proposal).order_by(col(Proposal.id).desc()).limit(limit)
    if kind:
        statement = statement.where(col(Proposal.kind) == kind)
    if state:
        statement = statement.where(col(Proposal.state) == state)
    if before:
        statement = statement.where(col(Proposal.id) < before)
    return list(session.scalars(statement))


def diff_of(session: Session, proposal: Proposal) -> Diff:
    """What the proposed edition changes of the one it was made on."""
    return compare(calendar(session, proposal.content["basis"]), calendar(session, proposal.content["edition"]))
