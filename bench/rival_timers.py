"""What the rivals of the clock share: two rows per step, and how they are asked for steps.

Each rival is a process of its own, `main(url)` of its module, that is at work from its start. It reads orders from standard
input, one JSON object a line (`first`: the instant of the first step in seconds since 1970, `every`: seconds between two, `number`:
how many, `after`: the last step's number so far), makes sure that each step will be fired at its instant, and says `planned`. To
fire a step is to write one row into `escalation` and one into `event` in one transaction.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

TABLES = """
    create table timer (step bigint primary key, at timestamptz not null, fired boolean not null default false);
    create index timer_next on timer (at) where not fired;
    create table escalation (id bigint generated always as identity primary key, step bigint not null unique,
        at timestamptz not null, fired_at timestamptz not null default clock_timestamp());
    create table event (id bigint generated always as identity primary key, step bigint not null, name text not null,
        at timestamptz not null, facts jsonb not null);
"""
ESCALATION = "insert into escalation (step, at) values (%(step)s, to_timestamp(%(at)s))"
EVENT = "insert into event (step, name, at, facts) values (%(step)s, 'red_card', to_timestamp(%(at)s), '{}')"


class Step(NamedTuple):
    step: int
    at: float


def orders() -> Iterator[list[Step]]:
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        yield [Step(order["after"] + n + 1, order["first"] + n * order["every"]) for n in range(order["number"])]


def obey(plan: Callable[[list[Step]], Any]) -> None:
    for steps in orders():
        plan(steps)
        print("planned", flush=True)
