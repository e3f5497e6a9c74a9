"""Forms that nobody writes: a JSON Schema as inputs, what was typed as facts, and a refusal brought back to its input.

No event and no case type has a form of its own: what a type asks for is in its schema, and the schema is what the API
shows too. Beside JSON Schema's own words, some of ours: `format: cents`; `x-titles`, what each choice is called; `format: rule`
with `x-rule`, the list among whose named entries one chooses by its code.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.datastructures import FormData

from models.case import Backdate
from models.errors import Invalid, Refused
from models.people import Person

from ..cases import backdate_of

LONG = 300
"""A text that may be longer than this gets an area to write in."""

NOTHING_TO_CHOOSE = {
    "decision": "本小区还没有计过票的业主共同决定：请先在小区页面导入名册和表决票。",
    "objection": "没有等待答复的异议。",
    "rule": "规则库里没有可以选用的项目。",
}
"""What stands where there is nothing to choose from, by format."""

Options = Mapping[str, Sequence[tuple[str, str]]]
"""What can be chosen where the choice is the office's data: format (`decision`), or the rule's id → (value, title)."""


@dataclass(frozen=True)
class Input:
    """One input as a template draws it."""

    name: str
    label: str
    kind: str
    """`text`, `paragraph`, `lines` (one entry a line), `money`, `number`, `date`, `check`, `checks`, `radios`, `select`, `rows`
    (one small form a row)."""
    required: bool
    value: Any = ""
    """A text; a bool for `check`; a list of texts for `checks`."""
    options: Sequence[tuple[str, str]] = ()
    hint: str = ""
    max_length: int | None = None
    rows: Sequence[Sequence["Input"]] = ()
    """The inputs of each row, the empty ones at the end included; named `NAME.3.COLUMN`."""

    @property
    def is_wide(self) -> bool:
        return self.kind not in ("date", "money", "number")


FREE_ROWS = 3
"""Empty rows that stand ready; a script adds more."""


def inputs(
    schema: Mapping[str, Any],
    typed: FormData | None = None,
    known: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> list[Input]:
    """The inputs of a schema's properties, in their order.

    They hold what was `typed`; on the first showing, what is `known` of the case where a correction of it is optional.
    """
    required = set(schema.get("required", ()))
    found = []
    for name, declared in schema.get("properties", {}).items():
        prop = _settled(declared, schema)
        kind, wanted = _kind(prop), name in required
        if kind == "rows":
            found.append(_rows(name, prop, schema, wanted, typed, options))
            continue
        if typed is not None:
            value = _typed(typed, name, kind)
        else:
            given = prop.get("default") if wanted or (known or {}).get(name) is None else (known or {})[name]
            value = _shown(given, kind)
        choices = (options or {}).get(_chosen_from(prop), ()) if kind == "select" else _choices(prop)
        hint = "每行一项" if kind == "lines" else "" if kind == "money" else str(prop.get("description", ""))
        if kind == "select" and not choices:
            hint = NOTHING_TO_CHOOSE[prop["format"]]
        label = str(prop.get("title", name)).removesuffix("（元）")
        found.append(Input(name, label, kind, wanted, value, choices, hint, prop.get("maxLength")))
    return found


def rules_of(schema: Mapping[str, Any]) -> list[str]:
    """The lists of the rulebook among whose entries a schema lets one choose."""
    return [str(prop["x-rule"]) for prop in schema.get("properties", {}).values() if "x-rule" in prop]


def facts_of(schema: Mapping[str, Any], typed: FormData) -> dict[str, Any]:
    """What was typed, as the schema wants it: nothing for an input left empty, yuan as text, one list entry a line."""
    facts: dict[str, Any] = {}
    for name, declared in schema.get("properties", {}).items():
        prop = _settled(declared, schema)
        kind = _kind(prop)
        if kind == "rows":
            facts[name] = _rows_typed(name, _settled(prop["items"], schema), schema, typed)
        elif kind == "check":
            facts[name] = name in typed
        elif kind in ("checks", "lines"):
            facts[name] = _typed(typed, name, "checks") if kind == "checks" else _lines(text(typed, name))
        elif value := text(typed, name).strip():
            facts[name] = value
    return facts


def backdate(typed: FormData) -> Backdate | None:
    """补录 as typed into `backdate_at`, `backdate_reason` and `backdate_proof`; none where all are empty."""
    when, reason, proof = (text(typed, f"backdate_{part}").strip() for part in ("at", "reason", "proof"))
    try:
        at = datetime.fromisoformat(when) if when else None
    except ValueError:
        raise Invalid("实际发生时间须写成 2026-09-30 16:20。", field="at") from None
    return backdate_of(at, reason, proof)


async def _form(request: Request) -> FormData:
    return await request.form()


Typed = Annotated[FormData, Depends(_form)]


def text(typed: FormData, name: str) -> str:
    """What was typed into an input; empty where there is none of that name, or a file."""
    value = typed.get(name)
    return value if isinstance(value, str) else ""


def local(address: str, otherwise: str = "/") -> str:
    """`address` if it is a place of our own, so that nobody is led elsewhere."""
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if ours else otherwise


@dataclass
class Attempt:
    """How a form that was posted fared: `refused` is None where all went well."""

    refused: Refused | None = None
    typed: FormData = field(default_factory=FormData)

    def wrong(self, name: str) -> str | None:
        """The sentence that belongs beside the input of that name."""
        return self.refused.sentence if self.refused and self.field == name else None

    @property
    def field(self) -> str | None:
        """The input that is wrong. A 补录 is refused by `at`, `reason` and `proof`; facts may be called `reason` too."""
        named = self.refused and self.refused.field
        if not named:
            return None
        ours = f"backdate_{named}"
        backdated = named in ("reason", "proof") and text(self.typed, "backdate_at")
        if named == "at" or (backdated and not text(self.typed, ours).strip()):
            return ours
        # `items.2` is the third line of `items`
        return named.partition(".")[0]


@contextmanager
def attempt(session: Session, typed: FormData) -> Iterator[Attempt]:
    """Try what a form asks for. A refusal undoes it, whole, and is kept, so that the form can be shown again."""
    tried = Attempt(typed=typed)
    try:
        with session.begin_nested():
            yield tried
    except Refused as refused:
        tried.refused = refused
        # what was written past the unit of work is undone in the database only; a person keeps the posts of today
        for row in session:
            if not isinstance(row, Person):
                session.expire(row)


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(
    name: str,
    prop: Mapping[str, Any],
    schema: Mapping[str, Any],
    wanted: bool,
    typed: FormData | None,
    options: Options | None,
) -> Input:
    item = {**_settled(prop["items"], schema), "$defs": schema.get("$defs", {})}
    given = list(_numbers(name, typed)) if typed is not None else []
    numbers = [*given, *range(max(given, default=-1) + 1, max(given, default=-1) + 1 + FREE_ROWS)]
    rows = [
        [replace(column, name=f"{name}.{number}.{column.name}") for column in _row(item, name, number, typed, options)]
        for number in numbers
    ]
    label, hint = str(prop.get("title", name)), str(prop.get("description", ""))
    return Input(name, label, "rows", wanted, hint=hint, rows=rows)


def _row(
    item: Mapping[str, Any], name: str, number: int, typed: FormData | None, options: Options | None
) -> list[Input]:
    columns = inputs(item, _of_row(typed, name, number) if typed is not None else None, None, options)
    return [replace(column, kind="select" if column.kind == "radios" else column.kind) for column in columns]


def _rows_typed(name: str, item: Mapping[str, Any], schema: Mapping[str, Any], typed: FormData) -> list[dict[str, Any]]:
    """The rows into which something was written; a box that is ticked alone says nothing."""
    item = {**item, "$defs": schema.get("$defs", {})}
    rows = [facts_of(item, _of_row(typed, name, number)) for number in _numbers(name, typed)]
    return [row for row in rows if any(value for value in row.values() if not isinstance(value, bool))]


def _numbers(name: str, typed: FormData) -> list[int]:
    named = (re.fullmatch(re.escape(name) + r"\.([0-9]{1,4})\..+", key) for key in typed)
    return sorted({int(match[1]) for match in named if match})


def _of_row(typed: FormData, name: str, number: int) -> FormData:
    before = f"{name}.{number}."
    return FormData([(key.removeprefix(before), value) for key, value in typed.multi_items() if key.startswith(before)])


# --- reading a schema ------------------------------------------------------------------------------------------------


def _settled(prop: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A property without `$ref` and without the `null` of what is optional."""
    if "$ref" in prop:
        prop = {**schema["$defs"][prop["$ref"].rpartition("/")[2]], **{k: v for k, v in prop.items() if k != "$ref"}}
    branches = [branch for branch in prop.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        return {**_settled(branches[0], schema), **{k: v for k, v in prop.items() if k != "anyOf"}}
    return dict(prop)


def _kind(prop: Mapping[str, Any]) -> str:
    kind, form = prop.get("type"), prop.get("format")
    if form == "cents":
        return "money"
    if form in NOTHING_TO_CHOOSE:
        return "select"
    if kind == "array":
        items = prop["items"]
        return "checks" if "enum" in items else "rows" if "$ref" in items or "properties" in items else "lines"
    if "enum" in prop:
        return "radios"
    if kind == "boolean":
        return "check"
    if kind == "integer":
        return "number"
    if form == "date":
        return "date"
    return "paragraph" if prop.get("maxLength", LONG + 1) > LONG else "text"


def _chosen_from(prop: Mapping[str, Any]) -> str:
    return str(prop.get("x-rule") or prop.get("format", ""))


def _choices(prop: Mapping[str, Any]) -> list[tuple[str, str]]:
    titles = prop.get("x-titles", {})
    return [
        (str(value), titles.get(value, str(value))) for value in prop.get("enum", prop.get("items", {}).get("enum", ()))
    ]


def _shown(value: Any, kind: str) -> Any:
    if kind == "check":
        return bool(value)
    if kind == "checks":
        return [str(item) for item in value or ()]
    if kind == "lines":
        return "\n".join(value or ())
    if kind == "money" and isinstance(value, int):
        # the zero of an optional sum is a default, not something to delete before typing
        return f"{value // 100}.{value % 100:02d}" if value else ""
    return "" if value is None else str(value)


def _typed(typed: FormData, name: str, kind: str) -> Any:
    if kind == "check":
        return name in typed
    if kind == "checks":
        return [value for value in typed.getlist(name) if isinstance(value, str)]
    return text(typed, name)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def day_typed(typed: FormData, name: str, label: str) -> date | None:
    written = text(typed, name).strip()
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise Invalid(f"{label}须写成 2026-09-30。", field=name) from None
