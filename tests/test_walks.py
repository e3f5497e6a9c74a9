"""Random walks through every case type: whatever people do, in whatever order, no case ends up where nobody can go on.

A walk opens a case and lets somebody do something, again and again, with facts made up from the schema of each event; days pass in
between, and what time brings about happens. What is refused must have changed nothing; what happened must leave the case whole.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from flows.hand_off import carry_on
from models.access import desks_of, moves
from models.case import Case, CaseEvent, events_of, whole
from models.casetypes import casetypes
from models.casetypes.base import CaseType
from models.climb import climb, next_instant
from models.clock import Clock, ClockLine, Escalation, running_clocks
from models.db import insert_rows, write
from models.errors import Refused
from models.fund_accounts import FundEntry, FundPosting, unbalanced
from models.links import Link
from models.notices import Trouble
from models.people import SYSTEM, Actor, Body, Person
from models.publicity import Objection, Publicity
from models.territory import Estate, Unit
from models.worktime import OFFICE_ZONE

from .make import DECIDED, Cast, at, body

PEOPLE = ("agent", "committee", "owner", "residents", "clerk", "head", "reviewer", "district_head", "payer")
BEGINS = "2026-09-28 09:00"
LABELS = [f"{building}栋{floor:02d}0{door}" for building in (1, 2) for floor in range(1, 11) for door in (1, 2)]
NAMES = ("赵磊", "钱芳", "孙伟", "李静", "周明", "吴霞", "郑刚", "王平", "冯洋", "陈洁", "褚艳", "卫涛")


@dataclass
class Walk:
    """One case on its way; `steps` counts what happened, `refusals` what did not."""

    session: Session
    cast: Cast
    random: Random
    kind: type[CaseType]
    now: datetime = field(default_factory=lambda: at(BEGINS))
    case: Case | None = None
    steps: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    def begin(self) -> bool:
        estate = self.cast.estate
        if self.kind.type_id == "committee_formation":
            write(self.session, estate, committee_id=None)
        wanted = self.random.choice(self.kind.opened_by or ("company",))
        bodies = self.session.scalars(select(Body).where(col(Body.kind) == wanted).order_by(col(Body.id))).all()
        applicant = next(
            (one for one in bodies if one.id in (estate.company_id, estate.committee_id, estate.owners_id)), bodies[0]
        )
        for _ in range(30):
            details = self._made_up(self.kind.Details.model_json_schema())
            try:
                with self.session.begin_nested():
                    self.case = Case.open(
                        self.session, self.kind.type_id, estate=estate, applicant=applicant, details=details, by=self.cast.clerk, at=self.now
                    )  # fmt: skip
                return True
            except Refused as refused:
                self.refusals[refused.sentence[:30]] += 1
        return False

    def go(self) -> None:
        """Let some time pass, and somebody do something."""
        assert self.case is not None
        if self.random.random() < 0.5:
            self.now += timedelta(hours=self.random.choice((1, 3, 30, 100, 400)))
            self._let_time_pass()
        name, by = self.random.choice(self._ideas())
        self._try(name, by)

    def _ideas(self) -> list[tuple[str, Actor]]:
        """What is offered to anybody, and now and then what is not."""
        assert self.case is not None
        if self.random.random() < 0.1:
            return [(self.random.choice(sorted(self.kind.event_names())), self._anybody())]
        return self.offered() or [(self.random.choice(sorted(self.kind.event_names())), self._anybody())]

    def offered(self) -> list[tuple[str, Actor]]:
        """What is offered to whoever works at a desk of the stage, in the words of the page."""
        assert self.case is not None
        clocks = running_clocks(self.session, self.case.id)  # type: ignore[arg-type]
        desks = {self.case.seat(desk) for desk in self.case.current.desks}
        return [
            (name, person)
            for person in self.people
            if not desks.isdisjoint(desks_of(person, self.case))
            for name, _ in moves(person, self.case.move(self.session, person, self.now, clocks), self.kind)
        ]

    @cached_property
    def people(self) -> list[Person]:
        return [getattr(self.cast, account) for account in PEOPLE]

    def _anybody(self) -> Actor:
        anybody: list[Actor] = [*self.people, SYSTEM]
        return self.random.choice(anybody)

    def _try(self, name: str, by: Actor) -> None:
        assert self.case is not None
        case = self.case
        facts = self._made_up(self.kind.facts_of(name, case.stage).model_json_schema())
        before = self._state()
        try:
            with self.session.begin_nested():
                try:
                    case.fire(name, by=by, at=max(self.now, case.last_at), facts=facts)
                except Refused:
                    # here, before the savepoint puts everything back
                    assert self._state() == before, f"{name} was refused, and changed something"
                    raise
            self.steps += 1
        except Refused as refused:
            self.refusals[f"{name}: {refused.sentence[:40]}"] += 1
            self.session.refresh(case)

    def _let_time_pass(self) -> None:
        while (due := next_instant(self.session)) and due <= self.now:
            climb(self.session, due)
        while carry_on(self.session, self.now):
            pass
        assert self.case is not None
        self.session.refresh(self.case)

    def _state(self) -> tuple[Any, ...]:
        """The case and its clocks as the database has them, and how many rows there are of what an event may add."""
        assert self.case is not None
        rows = (
            select(Case.__table__).where(col(Case.id) == self.case.id),  # type: ignore[attr-defined]
            select(Clock.__table__).where(col(Clock.case_id) == self.case.id).order_by(col(Clock.id)),  # type: ignore[attr-defined]
        )
        mine = [tuple(row) for wanted in rows for row in self.session.execute(wanted)]
        counts = select(*(select(func.count()).select_from(table).scalar_subquery() for table in ADDED))
        return mine, tuple(self.session.execute(counts).one())

    # --- facts, as somebody might write them ---

    def _made_up(self, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> dict[str, Any]:
        root = root or schema
        wanted = set(schema.get("required", ()))
        facts = {}
        for name, prop in schema.get("properties", {}).items():
            if name in wanted or self.random.random() < 0.6:
                facts[name] = self._value(name, prop, root)
        return facts

    def _value(self, name: str, prop: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
        if "$ref" in prop:
            prop = {**root["$defs"][prop["$ref"].rpartition("/")[2]], **prop}
        branches = [branch for branch in prop.get("anyOf", ()) if branch.get("type") != "null"]
        if branches:
            prop = {**prop, **branches[0]}
        choose = self.random.choice
        if name in KNOWN and (prop.get("type") == "array") == (name in LISTS) and "enum" not in prop:
            return KNOWN[name](self)
        if "enum" in prop:
            return choose(prop["enum"])
        if "const" in prop:
            return prop["const"]
        if prop.get("type") == "object" or "properties" in prop:
            return self._made_up(prop, root)
        if prop.get("type") == "array":
            if "enum" in prop["items"]:
                return self.random.sample(prop["items"]["enum"], self.random.randint(0, 2))
            many = max(prop.get("minItems", 0), self.random.choice((1, 1, 2, 5, 8)))
            return [self._value(name, prop["items"], root) for _ in range(many)]
        if prop.get("type") == "boolean":
            return self.random.random() < 0.7
        if prop.get("type") == "integer":
            return self.random.choice((1, 2, 3, 5, 7, 4_000_000, 9_000_000, 15_000_000))
        if prop.get("format") == "date":
            return self._day(choose((-400, -3, 0, 0, 1, 5, 20, 20, 60, 200)))
        return choose(("已核对。", "按规定办理", "3", *LABELS[:3], *NAMES[:3]))

    def _day(self, away: int) -> str:
        day: date = self.now.astimezone(OFFICE_ZONE).date() + timedelta(days=away)
        return day.isoformat()

    def names(self) -> list[str]:
        return self.random.sample(NAMES, self.random.choice((3, 7, 9)))


def _decision(walk: Walk) -> int:
    return walk.cast.decided(passed=walk.random.random() < 0.8).id or 0


KNOWN: dict[str, Any] = {
    "situation": lambda walk: walk.random.choice(("E1", "E2", "E3", "E4", "E5")),
    "decision": _decision,
    "rules_decision": _decision,
    "covenant_decision": _decision,
    "election_decision": lambda walk: walk.cast.decided(kind="election").id or 0,
    "units": lambda walk: walk.random.sample(LABELS, walk.random.randint(1, 6)),
    "signed": lambda walk: walk.random.sample(LABELS, walk.random.choice((3, 12, 20))),
    "scope": lambda walk: walk.random.choice(("全体业主", "1栋", "9栋")),
    "organ": lambda walk: "福田区住房和建设局",
    "excluded": lambda walk: [] if walk.random.random() < 0.9 else ["psc_contract"],
    "amount": lambda walk: walk.random.choice((1_000_000, 4_000_000, walk.case.details.get("to_pay", 0) if walk.case else 0)),
    **{name: (lambda walk, day=day: day) for name, day in DECIDED.items()},
}  # fmt: skip
"""Facts that made-up words never hit."""
LISTS = {"units", "signed", "excluded"}
ADDED = (Case, CaseEvent, Clock, ClockLine, Escalation, FundPosting, FundEntry, Link, Publicity, Objection)


# --- what must hold ---


def hold_whole(walk: Walk) -> None:
    """The case has a way out, a whole ledger, and the clocks that its stage asks for (one deadline at most; exactly one where the stage
    has one that is not paused)."""
    session, case = walk.session, walk.case
    assert case is not None
    lines = events_of(session, case)
    assert whole(lines, case.last_seq, case.last_hash) is None
    assert case.details.get("paid", 0) >= 0 and not unbalanced(session)
    trouble = session.scalars(select(Trouble)).first()
    assert trouble is None, trouble and trouble.why
    if not case.is_open:
        assert case.outcome and case.desk is None and not running_clocks(session, case.id)  # type: ignore[arg-type]
        return
    clocks = [clock for clock in running_clocks(session, case.id) if clock.limits == case.stage]  # type: ignore[arg-type]
    deadlines = [clock for clock in clocks if clock.kind == "deadline"]
    running = [clock for clock in deadlines if not clock.paused_at]
    assert len(running) <= 1, case.stage
    if case.current.deadline:
        assert len(deadlines) == 1, f"{case.stage} has a limit and no clock"
    if not any(clock.kind == "period" and clock.is_running for clock in clocks):
        leading_on = [name for name, _ in walk.offered() if name in walk.kind.event_names()]
        assert leading_on, f"nobody can go on from {case.stage}, with {case.details}"


def walked(session: Session, cast: Cast, steps: int, seed: int) -> Counter[str]:
    """Walks over all types in turn, until so many steps were taken; how many by type."""
    _furnish(session, cast)
    random, taken, nothing = Random(seed), Counter[str](), 0
    while sum(taken.values()) < steps:
        for kind in casetypes().values():
            with session.begin_nested() as undone:
                walk = Walk(session, cast, random, kind)
                if walk.begin():
                    for _ in range(40):
                        assert walk.case is not None
                        if not walk.case.is_open:
                            break
                        before = walk.case.last_seq
                        walk.go()
                        if walk.case.last_seq != before:
                            hold_whole(walk)
                taken[kind.type_id] += walk.steps
                nothing = 0 if walk.steps else nothing + 1
                assert nothing < 3 * len(casetypes()), walk.refusals.most_common(5)
                undone.rollback()
                session.expire_all()
    return taken


def _furnish(session: Session, cast: Cast) -> None:
    """A roster of forty units, twelve owners."""
    estate: Estate = cast.estate
    rows = [
        {"estate_id": estate.id, "label": label, "area_dm2": 8_000 + 100 * number, "owner": NAMES[number % 12],
         "owner_key": NAMES[number % 12], "unsold": False}
        for number, label in enumerate(LABELS)
    ]  # fmt: skip
    insert_rows(session, Unit, rows)
    body(session, "department", "福田区消防救援大队", None, estate.area_id)


def test_five_hundred_random_steps_leave_nobody_stranded(session: Session, cast: Cast) -> None:
    taken = walked(session, cast, steps=500, seed=20260928)
    assert set(taken) == set(casetypes()) and all(taken.values()), taken


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2, 5, 6, 7])
def test_thousands_of_random_steps_leave_nobody_stranded(session: Session, cast: Cast, seed: int) -> None:
    taken = walked(session, cast, steps=1_000, seed=seed)
    assert all(count > 10 for count in taken.values()), taken


def test_a_refusal_that_changes_something_is_caught(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    lawful = Case.fire

    def careless(case: Case, name: str, **how: Any) -> CaseEvent:
        try:
            return lawful(case, name, **how)
        except Refused:
            write(session, case, place="别处")
            raise

    monkeypatch.setattr(Case, "fire", careless)
    with pytest.raises(AssertionError, match="was refused, and changed something"):
        walked(session, cast, steps=500, seed=20260928)
