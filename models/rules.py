"""Rules are data, with dates: each limit is a version of a rule, with its source and how sure we are of it.

`rulebook/*.toml` ships the rules; `sync_rulebook` copies versions the database has not seen into `rule`. A district's
override is one more row with an area, and so is what two persons of the office agreed on. A case fixes its law day when it is opened, and every clock of it, whenever
started, takes the version in force on that day (design: an old case ends under the old rules).
"""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Index, func, select
from sqlmodel import Field, Session, SQLModel, col

from .db import primary_key, reference
from .errors import Conflict
from .money import yuan
from .settings import settings
from .territory import within
from .worktime import Limit

SHIPPED = Path(__file__).parent / "rulebook"
LADDERS = "ladders.toml"
CONFIDENCE_TITLES = {"verified": "已核实", "secondary": "二手来源", "unverified": "未核实"}


AMOUNT = re.compile(r"(\d{1,12})\.(\d{2})元")
SHARE = re.compile(r"(\d{1,3})%")
COUNT = re.compile(r"(\d{1,6})\.\.(\d{1,6})")
LIST = "list:"
UNNAMED = "待核实"
"""What an entry of a list reads that is known to exist, but not by what name."""
VALUES = {
    "limit": "时限，如 5wd", "fact": "案件中的日期", "amount": "金额，如 20000.00元", "share": "比例，如 50%", "count": "数目的范围，如 7..10",
    "list": "清单，如 list:甲；乙",
}  # fmt: skip
"""What a rule's value can be, and how it is written."""


class Rule(SQLModel, table=True):
    """One version of one rule. `value` is a limit (`5wd`), or `fact:NAME`, where the day stands in the case; or else what a
    stage's conditions go by: an amount (`20000.00元`), a share (`50%`), a range of numbers (`7..10`, both included), or a list
    (`list:甲；乙`)."""

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
    """What two persons of this office agreed on; None: shipped."""
    shipped_version: int | None = None
    """The version's number in the release's book, where this office had given that number already."""
    effective_from: date
    effective_to: date | None = None

    __table_args__ = (Index("uq_rule_id_version_area_path", "id", "version", "area_path", unique=True),)

    @property
    def kind(self) -> str:
        """One of `VALUES`; raises ValueError with a sentence where the value is none of them."""
        for kind, written in (("amount", AMOUNT), ("share", SHARE), ("count", COUNT)):
            if written.fullmatch(self.value):
                return kind
        if self.value.startswith(LIST):
            return "list"
        return "fact" if self.fact else "limit" if Limit.parse(self.value) else ""

    @property
    def limit(self) -> Limit:
        return Limit.parse(self.value)

    @property
    def amount(self) -> int:
        """In fen."""
        yuan, fen = self._written(AMOUNT)
        return int(yuan) * 100 + int(fen)

    @property
    def share(self) -> Fraction:
        return Fraction(int(self._written(SHARE)[0]), 100)

    @property
    def count(self) -> range:
        least, most = self._written(COUNT)
        return range(int(least), int(most) + 1)

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(entry for part in self.value.removeprefix(LIST).split("；") if (entry := part.strip()))

    @property
    def named(self) -> dict[str, str]:
        """Of a list whose entries begin with a code (`E1 …`): what each is called, less those that nobody has named yet."""
        coded = {code: words for code, _, words in (entry.partition(" ") for entry in self.entries)}
        return {code: words for code, words in coded.items() if words != UNNAMED}

    @property
    def chinese(self) -> str:
        """The value in words."""
        kind = self.kind
        if kind == "amount":
            return f"{yuan(self.amount)}元"
        if kind == "count":
            least, most = self.count[0], self.count[-1]
            return f"{least}" if least == most else f"{least}至{most}"
        if kind == "list":
            return "；".join(self.entries)
        return self.title if kind == "fact" else self.value if kind == "share" else self.limit.chinese

    def _written(self, how: re.Pattern[str]) -> tuple[str, ...]:
        match = how.fullmatch(self.value)
        if match is None:
            raise ValueError(f"规则“{self.id}”的值“{self.value}”不是这里要用的：应为{'；'.join(VALUES.values())}之一。")
        return match.groups()

    @property
    def fact(self) -> str | None:
        """The name of the fact that holds the day, for rules such as `fact:finish_by`."""
        return self.value.removeprefix("fact:") if self.value.startswith("fact:") else None

    @property
    def is_verified(self) -> bool:
        return self.confidence == "verified"

    @property
    def rank(self) -> tuple[int, date, bool, int]:
        """Of the versions that apply the greatest decides: the narrowest area, the newest effective day; of one day what
        this office agreed on before what a release ships, and the later version."""
        return len(self.area_path), self.effective_from, self.proposal_id is not None, self.version

    def holds_on(self, day: date) -> bool:
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def applies(self, law_day: date, path: str) -> bool:
        return self.holds_on(law_day) and within(path, self.area_path)


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
        """The version for a case of that law day and place (`Rule.rank`)."""
        found = [rule for rule in self._versions.get(rule_id, ()) if rule.applies(law_day, path)]
        if not found:
            raise Conflict(
                f"规则库中没有 {law_day:%Y-%m-%d} 有效的规则“{rule_id}”，请联系系统管理员补录。", rule=rule_id
            )
        return max(found, key=lambda rule: rule.rank)

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


def rule_folders() -> tuple[Path, ...]:
    """Where rules and ladders lie: this release's, and those beside the operator's own case types."""
    return (SHIPPED, *settings().casetypes)


def shipped_rules(folder: Path = SHIPPED) -> list[dict[str, Any]]:
    return [
        {
            "area_path": "/",
            "article": "",
            "remark": "",
            "ladder": None,
            "effective_to": None,
            "on_expiry": None,
            "deemed_from": None,
            "once": False,
        }
        | entry
        for file in sorted(folder.glob("*.toml"))
        if file.name != LADDERS
        for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("rule", [])
    ]


def sync_rulebook(session: Session, folder: Path = SHIPPED) -> int:
    """Add the shipped versions that the database has not got. Returns how many.

    A version that this office has numbered alike gets the next free number. Errors: `Conflict` where a version has
    another content than when it was first shipped: cases have been counted by it.
    """
    rows = session.scalars(select(Rule)).all()
    known = {
        (row.id, row.shipped_version or row.version, row.area_path): row for row in rows if row.proposal_id is None
    }
    numbers: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        numbers[row.id].add(row.version)
    added = 0
    for entry in shipped_rules(folder):
        key = entry["id"], entry["version"], entry["area_path"]
        if key in known:
            _refuse_changed(known[key], entry)
            continue
        taken = any((row.id, row.version, row.area_path) == key for row in rows)
        moved = {"version": max(numbers[key[0]]) + 1, "shipped_version": entry["version"]} if taken else {}
        known[key] = Rule(**entry | moved)
        numbers[key[0]].add(known[key].version)
        session.add(known[key])
        added += 1
    session.flush()
    return added


def _refuse_changed(row: Rule, entry: dict[str, Any]) -> None:
    for name, shipped in entry.items():
        if name != "version" and getattr(row, name) != shipped:
            raise Conflict(
                f"规则“{row.id}”第{entry['version']}版的 {name} 在数据库中是“{getattr(row, name)}”，随版本发布的却是“{shipped}”。"
                "用过的版本不能改写，请恢复原文，并把新内容写成新的一版。",
                rule=row.id,
            )


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
    """By name; those of this release, and those beside the operator's own case types. Errors: `Conflict`, two of one name."""
    return {
        name: tuple(
            Step(**step | {"tells": tuple(step["tells"]), "tells_outside": tuple(step["tells_outside"])})
            for step in ladder["step"]
        )
        for name, ladder in _ladder_tables().items()
    }


def ladder_titles() -> dict[str, str]:
    return {name: table.get("title", name) for name, table in _ladder_tables().items()}


def _ladder_tables() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    place: dict[str, Path] = {}
    for file in (folder / LADDERS for folder in rule_folders()):
        if not file.is_file():
            continue
        for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if name in found:
                raise Conflict(f"催办阶梯“{name}”在 {place[name]} 和 {file} 中重名，请把后者改名。")
            found[name], place[name] = table, file
    return found


def sync_ladders(session: Session) -> None:
    """Seal the ladders that are new. Errors: `Conflict` where one that running clocks name has changed, or is gone.

    Only what a ladder does is sealed, so that a step's title may be mended; and one that no running clock names may change.
    """
    tables = _ladder_tables()
    seals = {seal.name: seal for seal in session.scalars(select(LadderSeal))}
    users = _users_of_ladders(session)
    for name in sorted(users.keys() - tables.keys()):
        raise Conflict(f"催办阶梯“{name}”不见了，仍在计时的有：{users[name]}。请放回原来的阶梯文件再启动。")
    for name, table in tables.items():
        digest = _digest(table)
        seal = seals.get(name)
        if seal is None:
            session.add(LadderSeal(name=name, digest=digest))
        elif seal.digest != digest and name in users:
            raise Conflict(
                f"催办阶梯“{name}”与启用时不同，仍在计时的有：{users[name]}。请恢复原来的内容；要改动，请另起一个名称，由规则的新版本引用。"
            )
        else:
            seal.digest = digest
    session.flush()


def _digest(table: dict[str, Any]) -> str:
    steps = [{key: value for key, value in step.items() if key != "title"} for step in table["step"]]
    return sha256(json.dumps(steps, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _users_of_ladders(session: Session) -> dict[str, str]:
    """By ladder: the rules whose running clocks name it, each with how many: `fund.intake 3个、fund.review 1个`."""
    from .clock import Clock

    counted = (
        select(col(Clock.ladder), col(Clock.rule_id), func.count())
        .where(col(Clock.stopped_at).is_(None), col(Clock.ladder).is_not(None))
        .group_by(col(Clock.ladder), col(Clock.rule_id))
        .order_by(col(Clock.ladder), col(Clock.rule_id))
    )
    users: dict[str, list[str]] = defaultdict(list)
    for ladder, rule_id, count in session.execute(counted):
        users[ladder or ""].append(f"{rule_id} {count}个")
    return {ladder: "、".join(rules) for ladder, rules in users.items()}
