"""One piece of work, and the parts of it that every rival shares: which move, until when, and the hashed line."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from models import ledger
from models.clock import Clock
from models.ladder import next_step
from models.people import Person
from models.rules import Rule
from models.worktime import WorkCalendar, due


class Work(NamedTuple):
    number: str
    event: str
    by: Person
    at: datetime
    facts: dict[str, Any]


class Move(NamedTuple):
    source: str
    target: str
    desk: str


MOVES = {
    "approve": Move("review", "first_payment", "city"),
    "bounced": Move("first_payment", "review", "district"),
}


def details_after(event: str, details: dict[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    if event == "approve":
        return details | {"to_pay": facts["amount"]}
    return {key: value for key, value in details.items() if key != "to_pay"}


@dataclass(frozen=True)
class Books:
    """The rules and the calendar, read once: rivals need not see that they are still in use."""

    rules: Mapping[str, Rule]
    """By the stage each limits."""
    calendar: WorkCalendar

    def started(self, case_id: int, stage: str, at: datetime) -> dict[str, Any]:
        """The columns of the clock that limits `stage` from `at`."""
        rule = self.rules[stage]
        counted = due(at, rule.limit, self.calendar)
        columns: dict[str, Any] = {
            "case_id": case_id, "kind": "deadline", "limits": stage, "rule_pk": rule.pk, "rule_id": rule.id,
            "rule_version": rule.version, "limit": rule.value, "edition": counted.edition, "started_at": at,
            "due_day": counted.due_day, "due_at": counted.due_at, "provisional": counted.provisional,
            "generation": 1, "ladder": rule.ladder,
        }  # fmt: skip
        step = next_step(Clock(**columns), counted, self.calendar)
        assert step is not None
        return columns | {"warn_at": step.at, "next_step": step.name, "next_at": step.at}


def line(work: Work, case_id: int, last_seq: int, last_hash: str) -> dict[str, Any]:
    """The columns of the next line of a case's ledger."""
    move, salt, seq, by_id = MOVES[work.event], secrets.token_hex(16), last_seq + 1, work.by.id
    facts_hash = ledger.facts_hash(salt, work.facts, None)
    identity = (case_id, seq, work.event, move.source, move.target, by_id, None, work.at, work.at)
    return {
        "case_id": case_id, "seq": seq, "name": work.event, "from_stage": move.source, "to_stage": move.target,
        "by_id": by_id, "at": work.at, "recorded_at": work.at, "facts": work.facts, "salt": salt, "facts_hash": facts_hash,
        "prev_hash": last_hash, "hash": ledger.event_hash(last_hash, identity, facts_hash),
    }  # fmt: skip
