"""The same work as seven statements of SQL through psycopg, written by hand."""

import threading
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from .work import MOVES, Books, Work, details_after, line

LOCK = 'select * from "case" where number = %s for update'
RUNNING = "select id, due_at, generation from clock where case_id = %s and stopped_at is null order by id"
STOP = "update clock set stopped_at = %s, outcome = %s, next_step = null, next_at = null where id = %s"
MOVE = """
    update "case" set stage = %(stage)s, desk = %(desk)s, details = %(details)s, stage_since = %(at)s, assignee_id = null,
        next_due_at = %(due_at)s, warn_at = %(warn_at)s, last_seq = %(seq)s, last_hash = %(hash)s, last_at = %(at)s
    where id = %(id)s"""
LINES = """
    insert into clock_line (clock_id, event_id, what, at, old_due, new_due, generation)
    values (%s, %s, 'stopped', %s, %s, %s, %s), (%s, %s, 'started', %s, null, %s, 1)"""


class HandWritten:
    def __init__(self, url: str, books: Books) -> None:
        self.url = url
        self.books = books
        self.mine = threading.local()
        self.opened: list[psycopg.Connection[dict[str, Any]]] = []

    def do(self, work: Work) -> None:
        connection = self.connection
        with connection.transaction(), connection.cursor() as cursor:
            self.fire(cursor, work)

    def fire(self, cursor: psycopg.Cursor[dict[str, Any]], work: Work) -> None:
        move, at = MOVES[work.event], work.at
        case = cursor.execute(LOCK, [work.number]).fetchone()
        assert case is not None and case["stage"] == move.source
        clock = cursor.execute(RUNNING, [case["id"]]).fetchone()
        assert clock is not None
        cursor.execute(STOP, [at, "late" if clock["due_at"] <= at else "on_time", clock["id"]])
        started = self.books.started(case["id"], move.target, at)
        started_id = _insert(cursor, "clock", started)
        event = line(work, case["id"], case["last_seq"], case["last_hash"])
        event_id = _insert(cursor, "case_event", event | {"facts": Jsonb(work.facts)})
        stopped = (clock["id"], event_id, at, clock["due_at"], clock["due_at"], clock["generation"])
        cursor.execute(LINES, [*stopped, started_id, event_id, at, started["due_at"]])
        details = Jsonb(details_after(work.event, case["details"], work.facts))
        now = {"stage": move.target, "desk": move.desk, "details": details, "at": at, "id": case["id"]}
        ends = {"due_at": started["due_at"], "warn_at": started["warn_at"], "seq": event["seq"], "hash": event["hash"]}
        cursor.execute(MOVE, now | ends)

    @property
    def connection(self) -> psycopg.Connection[dict[str, Any]]:
        if not hasattr(self.mine, "connection"):
            self.mine.connection = psycopg.connect(
                self.url, autocommit=True, row_factory=dict_row, options="-c timezone=UTC"
            )
            self.opened.append(self.mine.connection)
        return self.mine.connection

    def close(self) -> None:
        for connection in self.opened:
            connection.close()


def _insert(cursor: psycopg.Cursor[dict[str, Any]], table: str, values: dict[str, Any]) -> int:
    columns, places = ", ".join(f'"{name}"' for name in values), ", ".join(f"%({name})s" for name in values)
    made = cursor.execute(f"insert into {table} ({columns}) values ({places}) returning id", values).fetchone()
    assert made is not None
    return int(made["id"])
