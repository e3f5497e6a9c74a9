"""What a case type is made of, and the registry that finds them.

A type is a python-statemachine chart whose states carry what a lawyer asks of a stage: at whose desk it lies, which rule
limits it, what it waits for. The chart says what *may* happen; `Case.fire` makes it happen.

Two kinds of guard, both methods that take the `Move`: `cond="…"` chooses between branches and answers a bool;
`unless="…"` is an obstacle and answers the sentence that a refused clerk reads, or None. Guards never raise, and must
bear `move.facts is None` (the desk asks which moves to offer before anything is filled in). `on="…"` remembers facts in
`move.details`; it too gets the move. Never name a method `before_*`, `on_*` or `after_*`: the machine would call it.
"""

import importlib
import importlib.util
import pkgutil
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from sqlmodel import Session, SQLModel
from statemachine import Event, State, StateChart
from statemachine.exceptions import TransitionNotAllowed

from ..errors import Conflict, Forbidden, Invalid
from ..people import Actor, Desk
from ..settings import settings
from ..worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from ..case import Case
    from ..clock import Clock


# --- facts -----------------------------------------------------------------------------------------------------------


class Facts(BaseModel):
    """What a person states with an event. Ids, codes, integers and short texts only: facts are hashed and never floats."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _fen(value: Any) -> Any:
    if isinstance(value, bool | float):
        # pydantic turns only ValueError into an answer
        raise ValueError('金额请填整数“分”，或写成 "1234.50" 这样的“元”，最多两位小数')  # noqa: TRY004
    if isinstance(value, str):
        text = value.strip().replace(",", "").replace("，", "").removesuffix("元").removeprefix("¥")
        if not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", text):
            raise ValueError("金额须为数字，单位元，最多两位小数，例如 12345.60")
        yuan, _, cents = text.partition(".")
        return int(yuan) * 100 + int(cents.ljust(2, "0"))
    return value


def _visible(text: str) -> str:
    if "\0" in text:
        raise ValueError("内容中有不可见的空字符，请删除后重试")
    return text


def _within_ten_years(day: date, info: ValidationInfo) -> date:
    at: datetime | None = (info.context or {}).get("at")
    if day.year < 2000 or (at and day.year > at.year + 10):
        raise ValueError(f"日期 {day:%Y-%m-%d} 不合常理，请核对年份")
    return day


Cents = Annotated[
    int,
    BeforeValidator(_fen),
    Field(ge=0, le=10**14),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d{1,12}(\.\d{1,2})?$"}],
            "description": "整数为分；字符串为元，最多两位小数",
            "format": "cents",
        }
    ),
]
Day = Annotated[date, AfterValidator(_within_ten_years)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_visible)]
Paragraph = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_visible)]

SENTENCES = {
    "missing": "此项必填",
    "extra_forbidden": "没有这一项",
    "string_too_short": "此项不能为空",
    "string_too_long": "内容过长，最多{max_length}个字",
    "greater_than": "必须大于{gt}",
    "greater_than_equal": "不能小于{ge}",
    "less_than_equal": "不能大于{le}",
    "date_from_datetime_parsing": "日期须写成 2026-09-30",
    "date_parsing": "日期须写成 2026-09-30",
    "int_parsing": "须为整数",
    "int_type": "须为整数",
    "string_type": "须为文字",
    "bool_parsing": "须为是或否",
    "too_short": "至少填写{min_length}项",
    "list_type": "须为列表",
    "literal_error": "只能是：{expected}",
    "enum": "只能是：{expected}",
    "model_type": "须为一组字段",
    "model_attributes_type": "须为一组字段",
    "dict_type": "须为一组字段",
    "string_unicode": "内容中有无法保存的字符",
    "int_from_float": "须为整数",
    "int_parsing_size": "数字过大",
    "datetime_type": "时间须写成 2026-09-30T09:00:00+08:00",
    "datetime_parsing": "时间须写成 2026-09-30T09:00:00+08:00",
    "datetime_from_date_parsing": "时间须写成 2026-09-30T09:00:00+08:00",
    "timezone_aware": "时间须带时区，例如 2026-09-30T09:00:00+08:00",
    "date_type": "日期须写成 2026-09-30",
    "bool_type": "须为是或否",
    "less_than": "必须小于{lt}",
    "too_long": "最多填写{max_length}项",
    "string_pattern_mismatch": "格式不对",
}


def parse(model: type[BaseModel], values: Mapping[str, Any] | None, at: datetime) -> BaseModel:
    """`values` as `model`; raises `Invalid` naming the first field that is wrong, in words a clerk understands.

    `at` is the day against which far-off dates are judged.
    """
    try:
        return model.model_validate(dict(values or {}), context={"at": at})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or None
        wrong = (
            first["ctx"]["error"] if first["type"] == "value_error" else SENTENCES.get(first["type"], "内容不符合要求")
        )
        described = model.model_fields.get(str(first["loc"][0])) if first["loc"] else None
        label = (described and described.title) or name or "填写内容"
        raise Invalid(f"{label}：{str(wrong).format(**first.get('ctx', {}))}。", field=name) from None


class Wrong(str):
    """An obstacle that is one wrong input rather than the wrong moment: answered as `Invalid`, with its field."""

    field: str

    def __new__(cls, field: str, sentence: str) -> Self:
        wrong = super().__new__(cls, sentence)
        wrong.field = field
        return wrong


# --- stages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """A material the stage needs: handed in by `upload`, or got by `sharing` of data and then never asked for (716号令 Art. 7)."""

    title: str
    by: str = "upload"


@dataclass(frozen=True)
class Period:
    """A time that must have run: `rule` says how long, `ends` names the event that is fired when it has."""

    rule: str
    ends: str


@dataclass(frozen=True)
class Paper:
    """What an event puts in writing: the kind, who issues it, to whom, and who gets a copy.

    `by` None: the office at whose desk the event happened, or else the street office.
    """

    kind: str
    by: Desk | None = None
    to: Desk = Desk.APPLICANT
    copies: tuple[Desk, ...] = ()


class Stage(State):
    """A stage (环节): where a case waits for somebody.

    `deadline` is the rule by which the desk must have acted; `periods` run one after the other, and each end is an event.
    `also` names desks that may act here besides the one that holds the case. `holds_asker` marks the correction: the
    clock of the stage it was asked from is paused while the case is here. `waits_on` says whom a stage without clock
    waits for.
    """

    def __init__(
        self,
        title: str,
        *,
        desk: Desk | None = None,
        deadline: str | None = None,
        periods: tuple[Period, ...] = (),
        also: tuple[Desk, ...] = (),
        holds_asker: bool = False,
        waits_on: str | None = None,
        needs: tuple[Need, ...] = (),
        initial: bool = False,
        final: bool = False,
    ) -> None:
        super().__init__(title, initial=initial, final=final)
        self.title = title
        self.desk = desk
        self.deadline = deadline
        self.periods = periods
        self.also = also
        self.holds_asker = holds_asker
        self.waits_on = waits_on
        self.needs = needs

    @property
    def desks(self) -> tuple[Desk, ...]:
        return ((self.desk,) if self.desk else ()) + self.also


@dataclass
class Move:
    """One event being asked of a case: all that a guard or an action may look at, and the details it may change."""

    case: "Case"
    session: Session
    name: str
    by: Actor
    at: datetime
    stage: str
    details: dict[str, Any]
    facts: Any = None
    clocks: list["Clock"] = field(default_factory=list)
    rows: list[SQLModel] = field(default_factory=list)
    """Rows an action adds; written in the event's transaction."""
    record: dict[str, Any] = field(default_factory=dict)
    """What the ledger line shall say beside what was stated: sums that a paper names, as they were then."""

    @property
    def today(self) -> date:
        return self.at.astimezone(OFFICE_ZONE).date()

    def running(self, kind: str) -> "Clock | None":
        """The stage's running clock of that kind (`deadline` or `period`)."""
        return next(
            (c for c in self.clocks if c.kind == kind and c.limits == self.case.stage and not c.paused_at), None
        )


# --- types -----------------------------------------------------------------------------------------------------------


@dataclass
class _Seat:
    """What a machine stands on."""

    stage: str


_of_this_thread = threading.local()


class CaseType(StateChart[_Seat]):
    """A procedure. Subclasses in this folder register themselves by being there; `type_id` is their file's name."""

    # the library's defaults swallow illegal events and errors raised in guards
    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True

    type_id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    prefix: ClassVar[str] = ""
    """Two letters before the case number."""
    wording: ClassVar[Path | None] = None
    """A folder of wording, for types that live outside the project."""
    case_deadline: ClassVar[str | None] = None
    """A rule for the whole case, beside the stages' own."""

    Details: ClassVar[type[BaseModel]] = Facts
    facts: ClassVar[Mapping[str, type[Facts] | Mapping[str, type[Facts]]]] = {}
    """Event → what is stated with it, or event → {stage it leaves → what is stated there}."""
    may: ClassVar[Mapping[Desk, set[str]]] = {}
    paper: ClassVar[Mapping[str, Paper | Mapping[str, Paper]]] = {}
    """Event → paper, or event → {stage it leads to → paper}."""
    outcomes: ClassVar[Mapping[str, str]] = {}
    """Event that ends the case → in which word it ended."""
    enterable_afterwards: ClassVar[set[str]] = set()
    """Events whose day may lie before they are typed (补录)."""

    # --- what the desk asks ---

    @classmethod
    def stage(cls, name: str) -> Stage:
        return cls.states_map[name]  # type: ignore[return-value]

    @classmethod
    def stages(cls) -> list[Stage]:
        return list(cls.states)

    @classmethod
    def initial_stage(cls) -> Stage:
        return next(stage for stage in cls.stages() if stage.initial)

    @classmethod
    def event(cls, name: str) -> Event:
        """The event; raises `Invalid` where the type has none of that name."""
        found = _events(cls).get(name)
        if found is None:
            raise Invalid(f"“{cls.title}”没有“{name}”这一办理动作。", field="name")
        return found

    @classmethod
    def event_names(cls) -> Collection[str]:
        return _events(cls).keys()

    @classmethod
    def leaving(cls, name: str) -> list[Any]:
        """The transitions of an event, over all stages."""
        return [t for stage in cls.stages() for t in stage.transitions if t.event == name]

    @classmethod
    def events_from(cls, stage: Stage) -> list[str]:
        return list(dict.fromkeys(str(t.event) for t in stage.transitions))

    @classmethod
    def who(cls, name: str, stage: Stage) -> list[Desk]:
        """The desks that may fire `name` at `stage`; `Desk.SYSTEM` for the end of a period."""
        desks = [desk for desk in stage.desks if name in cls.may.get(desk, ())]
        return desks + ([Desk.SYSTEM] if any(period.ends == name for period in stage.periods) else [])

    @classmethod
    def facts_of(cls, name: str, stage: str | None = None) -> type[Facts]:
        """What is stated with an event at `stage`; without one, at whichever stage most is."""
        stated = cls.facts.get(name, Facts)
        if not isinstance(stated, Mapping):
            return stated
        return stated.get(stage, Facts) if stage else max(stated.values(), key=lambda facts: len(facts.model_fields))

    @classmethod
    def paper_for(cls, name: str, to_stage: str) -> Paper | None:
        paper = cls.paper.get(name)
        return paper.get(to_stage) if isinstance(paper, Mapping) else paper

    @classmethod
    def clock_of_period(cls, stage: Stage, name: str) -> Period | None:
        return next((period for period in stage.periods if period.ends == name), None)

    # --- what Case.fire asks ---

    @classmethod
    def after(cls, move: Move) -> Stage:
        """The stage in which `move` leaves the case. Details may have changed, the case has not.

        Raises `Conflict`, or `Invalid` for a `Wrong`, saying which obstacle stands in the way.
        """
        before = cls.stage(move.stage)
        machine = cls._standing_at(move.stage)
        try:
            machine.send(move.name, move=move)
        except TransitionNotAllowed:
            obstacle = cls.obstacle(move, before)
            if isinstance(obstacle, Wrong):
                raise Invalid(obstacle, field=obstacle.field) from None
            raise Conflict(obstacle or cls._out_of_turn(move.name, before)) from None
        to = cls.stage(machine.model.stage)
        if to.final:
            # a machine that has come to its end does not start again
            del _of_this_thread.__dict__[cls.type_id]
        return to

    @classmethod
    def _standing_at(cls, stage: str) -> Self:
        """This thread's machine of the type, set on `stage`: building one costs as much as six moves."""
        machines = _of_this_thread.__dict__
        if cls.type_id not in machines:
            machines[cls.type_id] = cls(_Seat(stage), state_field="stage")
        machines[cls.type_id].model.stage = stage
        return machines[cls.type_id]

    @classmethod
    def obstacle(cls, move: Move, stage: Stage) -> str | None:
        """The sentence of the first guard that keeps `move` from happening at `stage`, or None."""
        machine = cls._standing_at(stage.id)
        sentences = [
            getattr(machine, spec.func)(move)
            for transition in stage.transitions
            if transition.event == move.name
            for spec in transition.cond
            if spec.expected_value is False
        ]
        return next((sentence for sentence in sentences if sentence), None)

    @classmethod
    def offers(cls, move: Move) -> bool:
        machine = cls._standing_at(move.stage)
        return any(event.id == move.name for event in machine.enabled_events(move=move))

    @classmethod
    def _out_of_turn(cls, name: str, stage: Stage) -> str:
        title = cls.event(name).name
        if stage.final:
            return f"本件已{stage.title}，不能再“{title}”。"
        possible = "、".join(f"“{cls.event(event).name}”" for event in cls.events_from(stage))
        return f"本件在“{stage.title}”环节，现在不能“{title}”；可以办理的是：{possible}。"

    @classmethod
    def refuse_stranger(cls, name: str, stage: Stage) -> Forbidden:
        title, desks = cls.event(name).name, cls.who(name, stage)
        if desks == [Desk.SYSTEM]:
            return Forbidden(f"“{title}”到期由系统自动办理，不需要人工操作。")
        return Forbidden(f"“{title}”由{'、'.join(desk.title for desk in desks)}办理，您没有这一权限。")


@cache
def _events(kind: type[CaseType]) -> dict[str, Event]:
    return {event.id: event for event in kind._events}


# --- registry --------------------------------------------------------------------------------------------------------


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"banjie_casetypes_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def casetypes() -> dict[str, type[CaseType]]:
    """Every case type by its id, in the order of file names; the project's own first."""
    here = Path(__file__).parent
    names = sorted(m.name for m in pkgutil.iter_modules([str(here)]) if m.name != "base")
    modules = [(name, importlib.import_module(f"{__package__}.{name}")) for name in names]
    modules += [(path.stem, _load(path)) for folder in settings().casetypes for path in sorted(folder.glob("*.py"))]
    found: dict[str, type[CaseType]] = {}
    for name, module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, CaseType) and value.__module__ == module.__name__:
                value.type_id = name
                found[name] = value
    return found


def casetype(type_id: str) -> type[CaseType]:
    """Raises `Invalid` where no such type is installed."""
    found = casetypes().get(type_id)
    if found is None:
        raise Invalid(
            f"没有“{type_id}”这种事项；现有：{'、'.join(f'{k}（{v.title}）' for k, v in casetypes().items())}。",
            field="type",
        )
    return found
