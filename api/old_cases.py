"""Old cases, still being dealt with, out of another system: lived through again with the days on which things happened.

Limits count from those days, and what fell due meanwhile is told by the next shift. What the old system has put in
writing is not put in writing again: imported events count as handed on.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select, update
from sqlmodel import Session, col

from models.case import Case, CaseEvent
from models.casetypes import casetype
from models.clock import Clock, running_clocks
from models.errors import Invalid, Refused
from models.office import office_now
from models.people import SYSTEM, Actor, Body, Person
from models.territory import Estate
from models.worktime import OFFICE_ZONE

NEEDED = ("case", "event", "at")
KNOWN = {*NEEDED, "by", "type", "estate", "applicant", "note"}
YES_NO = {"是": True, "否": False, "true": True, "false": False}


def import_cases(session: Session, text: str) -> dict[str, str]:
    """Open and carry on each case of a CSV. Returns old number → new number.

    Errors: `Invalid`, with one line per row that is wrong; roll back then, for the other rows have been written.
    """
    rows = csv.DictReader(StringIO(text, newline=""))
    missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise Invalid(f"第1行应为列名，缺少：{'、'.join(missing)}。")
    importing = _Import(session, office_now(session))
    wrong = []
    try:
        for row in rows:
            if sentence := importing.take(row):
                wrong.append(f"第{rows.line_num}行：{sentence}")
    except csv.Error:
        wrong.append(f"第{rows.line_num}行：不是 CSV 文本。")
    if wrong:
        raise Invalid("\n".join([*wrong, f"共 {len(wrong)} 行不对，一件也没有导入。"]))
    importing.count_as_handed_on()
    return {old: case.number for old, case in importing.cases.items()}


@dataclass
class _Import:
    session: Session
    now: datetime
    cases: dict[str, Case] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Cases of which a line was wrong: what follows could only be wrong, too."""

    def take(self, row: Mapping[str | None, Any]) -> str | None:
        """Let one row happen. Returns what is wrong with it, if anything."""
        cells = {name: (value or "").strip() for name, value in row.items() if name and isinstance(value, str | None)}
        old = cells["case"]
        if old in self.broken or not any(cells.values()):
            return None
        try:
            if None in row:
                raise Invalid("格子比列名多，请检查引号和逗号。")
            with self.session.begin_nested():
                self._happen(old, cells)
        except Refused as refusal:
            self.broken.add(old)
            return refusal.sentence
        return None

    def _happen(self, old: str, cells: dict[str, str]) -> None:
        at = self._instant(cells["at"])
        facts = {name: value for name, value in cells.items() if name not in KNOWN and value}
        note = "；".join(filter(None, (f"由旧系统导入（原编号 {old}）", cells.get("note"))))
        if cells["event"] == "open":
            self._open(old, cells, at, facts, note)
            return
        case = self.cases.get(old)
        if case is None:
            raise Invalid(f"案件“{old}”的第一行应为 open。")
        if at < case.last_at:
            raise Invalid(f"时间早于本件上一行（{case.last_at.astimezone(OFFICE_ZONE):%Y-%m-%d %H:%M}）。")
        self._let_periods_end(case, at)
        model = case.kind.facts_of(cells["event"], case.stage)
        stated = typed(facts, model) if model else facts
        by = self._person(cells.get("by", ""), SYSTEM)
        case.fire(cells["event"], by=by, at=at, facts=stated, note=note, recorded_at=self.now)

    def _open(self, old: str, cells: dict[str, str], at: datetime, facts: dict[str, str], note: str) -> None:
        if not old:
            raise Invalid("缺少旧编号（case）。")
        if old in self.cases:
            raise Invalid(f"案件“{old}”已经有一行 open。")
        kind = casetype(cells.get("type", ""))
        estate = self._one(Estate, cells.get("estate", ""), "小区")
        if cells.get("applicant"):
            applicant = self._one(Body, cells["applicant"], "申请单位")
        else:
            applicant = self.session.get(Body, estate.company_id) if estate.company_id else None
        if applicant is None:
            raise Invalid(f"{estate.name}没有登记物业公司，请写明申请单位（applicant）。")
        self.cases[old] = Case.open(
            self.session,
            kind.type_id,
            estate=estate,
            applicant=applicant,
            details=typed(facts, kind.Details),
            by=self._person(cells.get("by", ""), SYSTEM),
            at=at,
            note=note,
            recorded_at=self.now,
        )

    def _let_periods_end(self, case: Case, until: datetime) -> None:
        while period := next((c for c in running_clocks(self.session, case.id or 0) if _has_run(c, until)), None):
            case.fire(period.fires or "", by=SYSTEM, at=max(period.due_at, case.last_at), recorded_at=self.now)

    def _instant(self, written: str) -> datetime:
        """A time, or a day, which is nine o'clock then."""
        try:
            at = datetime.fromisoformat(written if len(written) > 10 else f"{written}T09:00")
        except ValueError:
            raise Invalid(f"时间“{written}”看不懂：应写作 2026-09-30 或 2026-09-30 16:20。") from None
        at = at if at.tzinfo else at.replace(tzinfo=OFFICE_ZONE)
        if at > self.now:
            raise Invalid(f"时间“{written}”还没有到。")
        return at

    def _person(self, account: str, nobody: Actor) -> Actor:
        if not account:
            return nobody
        person = self.session.scalar(select(Person).where(col(Person.account) == account))
        if person is None:
            raise Invalid(f"没有账号“{account}”。")
        return person

    def _one(self, model: type[Any], name: str, what: str) -> Any:
        found = self.session.scalars(select(model).where(col(model.name) == name).limit(2)).all()
        if len(found) != 1:
            raise Invalid(f"{what}“{name}”{'有多个，无法确定是哪一个' if found else '没有登记'}。")
        return found[0]

    def count_as_handed_on(self) -> None:
        ids = [case.id for case in self.cases.values()]
        self.session.execute(
            update(CaseEvent).where(col(CaseEvent.case_id).in_(ids)).values(handled_at=self.now),
            execution_options={"synchronize_session": False},
        )


def _has_run(clock: Clock, until: datetime) -> bool:
    return clock.kind == "period" and clock.due_at <= until


def typed(cells: Mapping[str, str], model: type[BaseModel]) -> dict[str, Any]:
    """Cells as the model wants them: lists split at `；`, yes and no; the rest as written."""
    described = model.model_json_schema()["properties"]
    readers: dict[str, Callable[[str], Any]] = {
        "array": lambda cell: [item.strip() for item in cell.split("；") if item.strip()],
        "boolean": lambda cell: YES_NO.get(cell.lower(), cell),
    }
    return {
        name: readers.get(described.get(name, {}).get("type", ""), lambda cell: cell)(cell)
        for name, cell in cells.items()
    }
