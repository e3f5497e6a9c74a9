"""任期: which committees' terms near their end, and the re-elections and reminders that follow from it (`flows/term_watch.py`)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlmodel import Session, col

from .case import SYSTEM, Case, CaseEvent
from .committees import Committee
from .editions import calendar
from .errors import Conflict
from .people import Body
from .rules import rulebook
from .territory import Estate
from .worktime import OFFICE_ZONE

REELECTION = "committee_reelection"
OPENS = "term.open"
REMINDS = ("term.second", "term.last")


@dataclass(frozen=True)
class Watched:
    """What a batch did, and the last committee (by id) it looked at."""

    opened: int
    reminded: int
    last: int


def watch_terms(session: Session, at: datetime, after: int = 0, batch: int = 100) -> Watched | None:
    """Of up to `batch` elected committees in office whose term nears its end, by id from `after` on: open the re-election, or
    remind of one that has not been reported yet. None: no committee is left.

    Each term gives rise to one re-election, however often this runs, and of two runs at once one passes over what the other
    holds. A re-election that failed is not opened again by itself: whoever wants another asks for it.
    """
    today = at.astimezone(OFFICE_ZONE).date()
    horizon = today + timedelta(days=_longest(session, today))
    due = (
        select(Committee, Estate)
        .join(Estate, col(Estate.id) == col(Committee.estate_id))
        .where(
            col(Committee.ended_at).is_(None),
            col(Committee.kind) == "elected",
            col(Committee.to_day) <= horizon,
            col(Committee.id) > after,
        )
        .order_by(col(Committee.id))
        .limit(batch)
    )
    found = session.execute(due).tuples().all()
    if not found:
        return None
    near = {
        committee.id: (committee, estate)
        for committee, estate in found
        if _is_near(session, estate, committee, OPENS, today)
    }
    unopened = select(col(Committee.id)).where(col(Committee.id).in_(near), ~_has_reelection())
    opened = sum(
        _open(session, *near[number], at, today) for number in session.scalars(unopened.order_by(col(Committee.id)))
    )
    reminded = sum(_remind(session, rule_id, near, at, today) for rule_id in REMINDS)
    return Watched(opened, reminded, found[-1][0].id or 0)


def _open(session: Session, committee: Committee, estate: Estate, at: datetime, today: date) -> int:
    applicant = session.get_one(Body, committee.body_id)
    why = f"{_of_term(committee, today)}，系统自动登记换届。"
    try:
        with session.begin_nested():
            Case.open(
                session, REELECTION, estate=estate, applicant=applicant, details={"cause": "term"}, by=SYSTEM, at=at, note=why
            )  # fmt: skip
    except Conflict:
        # somebody has opened it meanwhile
        return 0
    return 1


def _remind(
    session: Session, rule_id: str, near: dict[int | None, tuple[Committee, Estate]], at: datetime, today: date
) -> int:
    """A line in the ledger of each re-election that nobody has reported yet, once per rule; the hand-off tells whose turn it is."""
    late = {
        estate.id: committee
        for committee, estate in near.values()
        if _is_near(session, estate, committee, rule_id, today)
    }
    told = select(col(CaseEvent.case_id)).where(
        col(CaseEvent.name) == "term_reminder", CaseEvent.facts["rule"].as_string() == rule_id
    )
    waiting = (
        select(Case)
        .where(
            col(Case.type) == REELECTION,
            col(Case.stage) == "report",
            col(Case.closed_at).is_(None),
            col(Case.estate_id).in_(late),
            col(Case.id).not_in(told),
        )
        .order_by(col(Case.id))
        .with_for_update(skip_locked=True)
    )
    cases = session.scalars(waiting, execution_options={"populate_existing": True}).all()
    # what another run has told between the look and the lock is seen by a statement begun after it
    meanwhile = set(session.scalars(told.where(col(CaseEvent.case_id).in_([case.id for case in cases]))))
    cases = [
        case
        for case in cases
        if case.id not in meanwhile and _was_open_before(session, case, late[case.estate_id], rule_id)
    ]
    for case in cases:
        committee = late[case.estate_id]
        facts = {"rule": rule_id, "term_to": f"{committee.to_day}"}
        why = f"{_of_term(committee, today)}，尚未提交书面报告。"
        case.remember("term_reminder", facts, by=SYSTEM, at=max(at, case.last_at), note=why)
    return len(cases)


def _has_reelection() -> ColumnElement[bool]:
    """Whether the committee's successor is being elected, or was tried to be since it took office."""
    tried = (col(Case.opened_at) >= col(Committee.from_day)) & col(Case.outcome).is_distinct_from("撤回")
    return exists().where(
        col(Case.type) == REELECTION,
        col(Case.estate_id) == col(Committee.estate_id),
        or_(col(Case.closed_at).is_(None), tried),
    )


def _is_near(session: Session, estate: Estate, committee: Committee, rule_id: str, today: date) -> bool:
    return today >= _mark(session, committee, rule_id, today, estate.path)


def _was_open_before(session: Session, case: Case, committee: Committee, rule_id: str) -> bool:
    """Whether it was open before the mark was reached: who has just been told of a re-election is not reminded of it."""
    return case.law_day < _mark(session, committee, rule_id, case.law_day, case.path)


def _mark(session: Session, committee: Committee, rule_id: str, law_day: date, path: str) -> date:
    """The day that lies as long before the last day of the term as the rule says."""
    assert committee.to_day is not None
    limit = rulebook(session).in_force(rule_id, law_day, path).limit
    if limit.unit == "wd":
        return calendar(session).add_working(committee.to_day, -limit.value)
    if limit.unit == "mo":
        years, month = divmod(committee.to_day.year * 12 + committee.to_day.month - 1 - limit.value, 12)
        return date(years, month + 1, min(committee.to_day.day, monthrange(years, month + 1)[1]))
    return committee.to_day - timedelta(days=limit.value)


def _longest(session: Session, today: date) -> int:
    """How many days before the end of a term at most any place has its re-election opened."""
    versions = rulebook(session).versions().get(OPENS, [])
    days = {"d": 1, "mo": 31, "wd": 3}
    return max(
        (rule.limit.value * days.get(rule.limit.unit, 1) for rule in versions if rule.holds_on(today)), default=0
    )


def _of_term(committee: Committee, today: date) -> str:
    assert committee.to_day is not None
    left = (committee.to_day - today).days
    return f"业主委员会任期至{committee.to_day}届满，" + (f"距届满{left}日" if left >= 0 else f"已届满{-left}日")
