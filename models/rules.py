"""Rules are data, with dates: each limit is a version of a rule, with its source and how sure we are of it.

`rulebook/*.toml` ships the rules; `sync_rulebook` copies versions the database has not seen into `rule`. A district's
override is one more row with an area. A case fixes its law day when it is opened, and every clock of it, whenever
started, takes the version in force on that day (design: an old case ends under the old rules).
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Index, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, Session, SQLModel, col

from .db import primary_key, reference
from .errors import Conflict
from .territory import within
from .worktime import Limit

SHIPPED = Path(__file__).parent / "rulebook"
CONFIDENCE_TITLES = {"verified": "已核实", "secondary": "二手来源", "unverified": "未核实"}


class Rule(SQLModel, table=True):
    """One version of one limit. `value` is a limit (`5wd`) or `fact:NAME`, where the day stands in the case."""

    pk: int | None = primary_key()
    id: str
    version: int
    area_path: str = "/"
    """`/` for everybody; a district's path for its override."""
    title: str
    value: str
    source: str
    article: str = ""
    confidence: str
    remark: str = ""
    ladder: str | None = None
    on_expiry: str | None = None
    """The event that silence amounts to: fired by the system when the limit passes (行政许可法 Art. 32)."""
    deemed_from: str | None = None
    """From when what silence amounts to holds: `start` (the day of receipt), else the end of the limit."""
    once: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """Of a pause or an extension: possible once per clock."""
    proposal_id: int | None = reference("proposal.id", nullable=True)
    effective_from: date
    effective_to: date | None = None

    __table_args__ = (Index("uq_rule_id_version_area_path", "id", "version", "area_path", unique=True),)

    @property
    def limit(self) -> Limit:
        return Limit.parse(self.value)

    @property
    def fact(self) -> str | None:
        """The name of the fact that holds the day, for rules such as `fact:finish_by`."""
        return self.value.removeprefix("fact:") if self.value.startswith("fact:") else None

    @property
    def is_verified(self) -> bool:
        return self.confidence == "verified"

    def applies(self, law_day: date, path: str) -> bool:
        return (
            self.effective_from <= law_day
            and (self.effective_to is None or law_day <= self.effective_to)
            and within(path, self.area_path)
        )


class LadderSeal(SQLModel, table=True):
    """A ladder as it was when first shipped: clocks name it, so it must not change under them."""

    __tablename__ = "ladder_seal"
    name: str = Field(primary_key=True)
    digest: str


class Rulebook:
    """Every rule row at one moment; small enough to hold in memory, replaced when a version is added."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._versions: dict[str, list[Rule]] = {}
        for rule in rules:
            self._versions.setdefault(rule.id, []).append(rule)

    def in_force(self, rule_id: str, law_day: date, path: str) -> Rule:
        """The version for a case of that law day and place: the narrowest area first, then the newest version."""
        found = [rule for rule in self._versions.get(rule_id, ()) if rule.applies(law_day, path)]
        if not found:
            raise Conflict(
                f"规则库中没有 {law_day:%Y-%m-%d} 有效的规则“{rule_id}”，请联系系统管理员补录。", rule=rule_id
            )
        return max(found, key=lambda rule: (len(rule.area_path), rule.effective_from, rule.version))

    def versions(self) -> Mapping[str, list[Rule]]:
        return self._versions


_books: dict[tuple[str, int], Rulebook] = {}


def rulebook_stamp() -> Any:
    """A scalar subquery that changes whenever a rule version is added; read it with the case, then call `rulebook`."""
    return select(func.max(Rule.pk)).scalar_subquery()


def rulebook(session: Session, stamp: int | None = None) -> Rulebook:
    """The rulebook as of `stamp`. Rows are never changed, only added, so a stamp names one content per database."""
    if stamp is None:
        stamp = session.scalar(select(func.max(Rule.pk))) or 0
    key = (str(session.get_bind().engine.url), stamp)
    if key not in _books:
        rules = session.scalars(select(Rule).order_by(col(Rule.pk))).all()
        for rule in rules:
            session.expunge(rule)
        _books.clear()
        _books[key] = Rulebook(rules)
    return _books[key]


def shipped_rules(folder: Path = SHIPPED) -> list[dict[str, Any]]:
    return [
        {"area_path": "/", "article": "", "remark": "", "ladder": None, "effective_to": None} | entry
        for file in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("rule", [])
    ]


def sync_rulebook(session: Session, folder: Path = SHIPPED) -> int:
    """Add the shipped versions that the database has not got; a version once shipped is never changed. Returns how many."""
    entries = shipped_rules(folder)
    if not entries:
        return 0
    added = session.execute(insert(Rule).values(entries).on_conflict_do_nothing().returning(col(Rule.pk))).all()
    return len(added)


@dataclass(frozen=True)
class Step:
    """One rung of a ladder; `when` is `due` or `±Nwd HH:MM` counted from the due day."""

    name: str
    title: str
    when: str
    tells: tuple[str, ...]
    """Whom, when an office is late."""
    tells_outside: tuple[str, ...]
    """Whom, when the applicant or the committee is late."""
    paper: str | None = None
    opens: str | None = None
    min_limit: str | None = None


@lru_cache
def shipped_ladders() -> dict[str, tuple[Step, ...]]:
    ladders = tomllib.loads((SHIPPED / "ladders.toml").read_text(encoding="utf-8"))
    return {
        name: tuple(
            Step(**step | {"tells": tuple(step["tells"]), "tells_outside": tuple(step["tells_outside"])})
            for step in ladder["step"]
        )
        for name, ladder in ladders.items()
    }
