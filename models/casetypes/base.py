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
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel
from sqlmodel import Session, SQLModel
from statemachine import Event, State, StateChart
from statemachine.exceptions import TransitionNotAllowed

from ..clock import WHOLE_CASE
from ..errors import Conflict, Forbidden, Invalid
from ..people import Actor, Desk
from ..publicity import unanswered
from ..rules import Rule, rulebook
from ..settings import settings
from ..worktime import OFFICE_ZONE
from .facts import Cents, Day, Facts, Line, Paragraph, Scope, Wrong, parse

if TYPE_CHECKING:
    from ..case import Case, CaseEvent
    from ..clock import Clock
    from ..fund_charges import Charge


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

    `by` None: the office at whose desk the event happened, or else the street office; with `own`, whoever has that desk.
    A copy for an office that has no desk here is named in words. `names`: the fact of the event that names whom it is
    addressed to, where that is no desk of the case.
    """

    kind: str
    by: Desk | None = None
    to: Desk = Desk.APPLICANT
    copies: tuple[Desk | str, ...] = ()
    own: bool = False
    names: str | None = None


class Stage(State):
    """A stage (环节): where a case waits for somebody.

    `deadline` is the rule by which the desk must have acted; `periods` run one after the other, and each end is an event.
    `also` names desks that may act here besides the one that holds the case. `holds_asker` marks the correction: the
    clock of the stage it was asked from is paused while the case is here. `waits_on` says whom a stage without clock
    waits for. `publicity` marks one whose first period is a 公示, during which owners may object. `since` names the fact of
    the case that holds the day from which the stage's limit counts, where the law does not count it from the stage's
    beginning. `pause` and `extension` are the rules by which the stage's deadline may stand still (中止; the rule's value
    caps it) and be extended (延期; the rule's value is how much at most).
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
        since: str | None = None,
        publicity: bool = False,
        pause: str | None = None,
        extension: str | None = None,
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
        self.since = since
        self.publicity = publicity
        self.pause = pause
        self.extension = extension
        self.needs = needs

    @property
    def desks(self) -> tuple[Desk, ...]:
        return ((self.desk,) if self.desk else ()) + self.also


@dataclass(frozen=True)
class Reopening:
    """What is found wrong after the end opens a linked case of the same type at `stage`.

    `limit`: `new` gives that stage its whole limit again, `continued` what was left of it when the case ended.
    """

    stage: str
    limit: Literal["new", "continued"] = "new"


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

    def arises(
        self, type_id: str, *, why: str, applicant_id: int | None = None, stage: str | None = None, **details: Any
    ) -> "Case":
        """Open the linked case to which this event gives rise, in its transaction; its number stands in the ledger line.

        It begins at its type's first stage, or at `stage`.
        """
        made = self.case.arising(
            self.session,
            type_id,
            why=why,
            by=self.by,
            at=self.at,
            details=details,
            applicant_id=applicant_id,
            stage=stage,
        )
        self.record.setdefault("cases", []).append(made.number)
        return made

    def rule(self, rule_id: str) -> Rule:
        """The version in force on the case's law day, where the case is. Errors: `Conflict` where there is none."""
        return rulebook(self.session).in_force(rule_id, self.case.law_day, self.case.path)

    @property
    def today(self) -> date:
        return self.at.astimezone(OFFICE_ZONE).date()

    def running(self, kind: str) -> "Clock | None":
        """The stage's running clock of that kind (`deadline` or `period`)."""
        return next((c for c in self.of_stage(kind) if not c.paused_at), None)

    def of_stage(self, kind: str) -> "list[Clock]":
        """The stage's clocks of that kind that have not stopped, those that stand still included."""
        return [clock for clock in self.clocks if clock.kind == kind and clock.limits == self.case.stage]


# --- types -----------------------------------------------------------------------------------------------------------


class Standing(Protocol):
    """An event that every type has wherever a stage allows it, and that moves no stage (`models/standing.py`)."""

    id: str
    name: str
    facts: type[Facts]
    paper: Paper | None
    by_head: bool
    """Only the head of the desk may."""
    by_time: bool
    """Time may bring it about too."""

    def desk(self, kind: "type[CaseType]", stage: Stage) -> Desk | None:
        """At whose desk it is done at that stage; None: it is not."""

    def obstacle(self, move: Move) -> str | None:
        """The sentence that a refused person reads."""

    def do(self, move: Move, clocks: Any) -> None:
        """Change the stage's clock, and say in `move.record` what changed."""


STANDING: dict[str, Standing] = {}
"""By id; `models/standing.py` fills it."""


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
    precedence: ClassVar[int] = 9
    """Its place among what a person may open: what is asked for every day comes first."""
    wording: ClassVar[Path | None] = None
    """A folder of wording, for types that live outside the project."""
    case_deadline: ClassVar[str | None] = None
    """A rule for the whole case, beside the stages' own."""

    Details: ClassVar[type[BaseModel]] = Facts
    facts: ClassVar[Mapping[str, type[Facts] | Mapping[str, type[Facts]]]] = {}
    """Event → what is stated with it, or event → {stage it leaves → what is stated there}."""
    may: ClassVar[Mapping[Desk, set[str]]] = {}
    paper: ClassVar[Mapping[str, Paper | Mapping[str, Paper]]] = {}
    """Event → paper, or event → {stage it leads to → paper}; `open` for what opening a case puts in writing."""
    replies: ClassVar[Mapping[str, Paper]] = {}
    """Event → the letter that goes out beside its paper to whom the fact `Paper.names` names; none where it names nobody."""
    outcomes: ClassVar[Mapping[str, str]] = {}
    """Event that ends the case → in which word it ended."""
    enterable_afterwards: ClassVar[set[str]] = set()
    """Events whose day may lie before they are typed (补录)."""
    reopening: ClassVar[Reopening | None] = None
    consequences: ClassVar[set[str]] = set()
    """Events that the system fires because of what happened in another case (`afterwards`), and not because time has passed."""
    remembers: ClassVar[Mapping[str, str]] = {}
    """What its actions put into `Case.details` beside what was stated, as texts: name → what the case page calls it."""
    consults: ClassVar[tuple[str, ...]] = ()
    """Rules that its conditions go by, beside those that limit its stages: amounts, shares, numbers, lists (`Move.rule`)."""
    opened_by: ClassVar[tuple[str, ...]] = ("company",)
    """Kinds of bodies that may ask for it (`Body.kind`); the first is the one a street's clerk enters it for."""

    answers: ClassVar[Desk | None] = None
    """Who answers what owners object to in a publicity; None: whoever has the case then."""

    without_committee: ClassVar[Desk | None] = None
    """At whose desk lies what a committee does, where the estate has none; None: nobody's."""

    @classmethod
    def opening(cls, session: Session, case: "Case") -> None:
        """A case of this type is about to be opened: judge its details by the rules of its law day, and settle what it is not
        asked for. Raises `Invalid`, with the field, or `Conflict` where no such case may be opened there now."""

    @classmethod
    def spending(cls, case: "Case") -> "Charge | None":
        """What the case takes out of the maintenance fund; None for types that do not spend it."""
        return None

    @classmethod
    def afterwards(cls, session: Session, case: "Case", event: "CaseEvent", at: datetime) -> None:
        """What an event of a locked case means for others, within the hand-off that carries it on.

        Lock what else is touched without waiting; raise `links.Later` where somebody holds it.
        """

    # --- what the desk asks ---

    @classmethod
    def stage(cls, name: str) -> Stage:
        return cls.states_map[name]  # type: ignore[return-value]

    @classmethod
    def stages(cls) -> list[Stage]:
        return list(cls.states)

    @classmethod
    def title_of_limit(cls, limits: str) -> str:
        """What a clock limits, in words: a stage, or `WHOLE_CASE`."""
        return "全程" if limits == WHOLE_CASE else cls.stage(limits).title

    @classmethod
    def initial_stage(cls) -> Stage:
        return next(stage for stage in cls.stages() if stage.initial)

    @classmethod
    def event(cls, name: str) -> Event | Standing:
        """The event; raises `Invalid` where the type has none of that name."""
        found = _events(cls).get(name) or STANDING.get(name)
        if found is None:
            raise Invalid(f"“{cls.title}”没有“{name}”这一办理动作。", field="name")
        return found

    @classmethod
    def event_names(cls) -> Collection[str]:
        """The type's own events; those that every type has are in `STANDING`."""
        return _events(cls).keys()

    @classmethod
    def has(cls, name: str) -> bool:
        return name in _events(cls) or name in STANDING

    @classmethod
    def leaving(cls, name: str) -> list[Any]:
        """The transitions of an event, over all stages."""
        return [t for stage in cls.stages() for t in stage.transitions if t.event == name]

    @classmethod
    def events_from(cls, stage: Stage) -> list[str]:
        """Those of the type, which lead on from `stage`."""
        return list(dict.fromkeys(str(t.event) for t in stage.transitions))

    @classmethod
    def standing_at(cls, stage: Stage) -> list[str]:
        """Those that every type has, which stay at `stage`."""
        return [name for name, standing in STANDING.items() if standing.desk(cls, stage)]

    @classmethod
    def who(cls, name: str, stage: Stage) -> list[Desk]:
        """The desks that may fire `name` at `stage`; `Desk.SYSTEM` for what time brings about.

        Of an event that is for heads only (`Standing.by_head`), the desk whose head may.
        """
        if name in STANDING:
            desk = STANDING[name].desk(cls, stage)
            return [desk, Desk.SYSTEM] if desk and STANDING[name].by_time else [desk] if desk else []
        desks = [desk for desk in stage.desks if name in cls.may.get(desk, ())]
        by_itself = name in cls.may.get(Desk.SYSTEM, ()) or name in cls.consequences or cls.clock_of_period(stage, name)
        return desks + ([Desk.SYSTEM] if by_itself else [])

    @classmethod
    def facts_of(cls, name: str, stage: str | None = None) -> type[Facts]:
        """What is stated with an event at `stage`; without one, at whichever stage most is."""
        stated = STANDING[name].facts if name in STANDING else cls.facts.get(name, Facts)
        if not isinstance(stated, Mapping):
            return stated
        return stated.get(stage, Facts) if stage else max(stated.values(), key=lambda facts: len(facts.model_fields))

    @classmethod
    def paper_for(cls, name: str, to_stage: str) -> Paper | None:
        paper = STANDING[name].paper if name in STANDING else cls.paper.get(name)
        return paper.get(to_stage) if isinstance(paper, Mapping) else paper

    @classmethod
    def clock_of_period(cls, stage: Stage, name: str) -> Period | None:
        return next((period for period in stage.periods if period.ends == name), None)

    def objections_unanswered(self, move: Move) -> str | None:
        """For any type: an obstacle until what owners objected to in a publicity has been answered."""
        return unanswered(move.session, move.case)

    def asked_before(self, move: Move) -> str | None:
        """For any type that asks for corrections: they are asked for once, all together (行政许可法 Art. 32)."""
        return "补正只能一次性告知，本件已经要求过补正。" if move.case.details.get("asked_by") else None

    def remember_asker(self, move: Move) -> None:
        """The stage from which corrections are asked for."""
        move.details["asked_by"] = move.case.stage

    def correction_not_overdue(self, move: Move) -> str | None:
        """For any type that asks for corrections: an obstacle to ending it for want of them before their limit has passed."""
        clock = move.running("deadline")
        return f"补正期限至 {clock.due_day} 24时届满，届满前不能终止。" if clock and move.at < clock.due_at else None

    # --- what Case.fire asks ---

    @classmethod
    def after(cls, move: Move) -> Stage:
        """The stage in which `move` leaves the case. Details may have changed, the case has not.

        Raises `Conflict`, or `Invalid` for a `Wrong`, saying which obstacle stands in the way.
        """
        before = cls.stage(move.stage)
        if move.name in STANDING:
            if obstacle := STANDING[move.name].obstacle(move):
                raise _refusal(obstacle)
            return before
        machine = cls._standing_at(move.stage)
        try:
            machine.send(move.name, move=move)
        except TransitionNotAllowed:
            raise _refusal(cls.obstacle(move, before) or cls._out_of_turn(move.name, before)) from None
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
        if move.name in STANDING:
            return STANDING[move.name].obstacle(move)
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
        if move.name in STANDING:
            return True
        machine = cls._standing_at(move.stage)
        return any(event.id == move.name for event in machine.enabled_events(move=move))

    @classmethod
    def _out_of_turn(cls, name: str, stage: Stage) -> str:
        title = cls.event(name).name
        if stage.final:
            return f"本件已{stage.title}，不能再“{title}”。"
        possible = "、".join(f"“{cls.event(event).name}”" for event in cls.events_from(stage) if event != name)
        return f"本件在“{stage.title}”环节，现在不能“{title}”；可以办理的是：{possible}。"

    @classmethod
    def refuse_stranger(cls, name: str, stage: Stage) -> Forbidden:
        title, desks = cls.event(name).name, cls.who(name, stage)
        if name in STANDING and STANDING[name].by_head:
            return Forbidden(f"“{title}”由{desks[0].title}负责人办理，您没有这一权限。")
        if desks == [Desk.SYSTEM] and name in cls.consequences:
            return Forbidden(f"“{title}”由系统随相关案件自动办理，不需要人工操作。")
        if desks == [Desk.SYSTEM]:
            return Forbidden(f"“{title}”到期由系统自动办理，不需要人工操作。")
        return Forbidden(f"“{title}”由{'、'.join(desk.title for desk in desks)}办理，您没有这一权限。")


def _refusal(obstacle: str) -> Conflict | Invalid:
    return Invalid(obstacle, field=obstacle.field) if isinstance(obstacle, Wrong) else Conflict(obstacle)


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


__all__ = [
    "CaseType", "Cents", "Day", "Facts", "Line", "Move", "Need", "Paper", "Paragraph", "Period", "Reopening", "Scope", "Stage", "Wrong",
    "casetype", "casetypes", "parse",
]  # fmt: skip
