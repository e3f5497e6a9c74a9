"""What a supervisor looks at: how many cases are open, near due, late, paused or left alone, and how many ended in time.

Every figure is a query of `lists.py` and carries the address of the list that it counts, with `at` fixed: a number and the
list behind it come from the same conditions. Everybody counts what they may see: a supervisor their territory, an agent their
company's cases.

`METRICS` is the dictionary. Of each there is a figure overall and for every street, type and stage:
{"by": "street", "key": "440304008", "title": "莲花街道"} (every street of one's territory, or with a case one may see),
{"by": "type", "key": "fund_request", …}, {"by": "stage", "key": "fund_request/review", …} (a case counts at the stage in which it
stands, a clock at the stage it limits).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import and_, func, literal_column, or_, select
from sqlmodel import Session, col

from .access import SEES_ITS_AREA, visible_to
from .case import Case
from .casetypes import casetypes
from .clock import Clock
from .editions import calendar
from .lists import IS_OPEN, CaseQuery, ClockQuery, ListQuery, OrphanQuery, cases_are, is_rated, orphans_are
from .notices import Orphan
from .people import Person
from .territory import LEVELS, Area
from .worktime import OFFICE_ZONE

LIST_OF = {CaseQuery: "/api/cases", ClockQuery: "/api/clocks", OrphanQuery: "/api/orphans"}


@dataclass(frozen=True)
class Metric:
    """What is counted: `words` says it to whoever reads the figure. A rate has a `part` too, and counts out of `query`."""

    title: str
    words: str
    query: ListQuery
    part: ListQuery | None = None


METRICS = {
    "open": Metric("在办", "尚未办结的案件。", CaseQuery(state="open")),
    "due_today": Metric("今日到期", "期限末日为今日、尚未逾期的在办案件。", CaseQuery(state="open", due="today")),
    "due_3wd": Metric(
        "3个工作日内到期",
        "期限末日不晚于第3个工作日（今日是工作日的，今日为第1个）、尚未逾期的在办案件。",
        CaseQuery(state="open", due="3wd"),
    ),
    "due_5wd": Metric(
        "5个工作日内到期", "同上，不晚于第5个工作日的在办案件。", CaseQuery(state="open", due="5wd")
    ),
    "yellow": Metric(
        "黄牌", "已到提醒时间（一般为末日前1个工作日8:30）、尚未逾期的在办案件。", CaseQuery(state="open", card="yellow")
    ),
    "red": Metric("红牌", "最近的期限已过而未办的在办案件。", CaseQuery(state="open", card="red")),
    "paused": Metric("中止计时", "有期限正中止计时（例如等待补正）的在办案件。", CaseQuery(state="open", paused=True)),
    "waiting_applicant": Metric("待申请人", "现由申请人一方办理的在办案件。", CaseQuery(state="open", waiting=True)),
    "in_meeting": Metric(
        "提交联席会议", "逾期后已按催办阶梯提交联席会议、该期限尚未办结的在办案件。", CaseQuery(state="open", in_meeting=True)
    ),
    "stale": Metric("久未办理", "没有期限或期间在走、停在同一环节满30日的在办案件。", CaseQuery(state="open", stale=True)),
    "orphans": Metric("无人接收", "没有找到任何人可以通知的催办，每次计一条。", OrphanQuery()),
    "closed": Metric("已办结", "已经结束的案件（含撤回、不予通过等）。", CaseQuery(state="closed")),
    "on_time": Metric(
        "环节按期率",
        "按期办结的环节期限 ÷（已办结的环节期限 + 逾期未办的环节期限）。",
        ClockQuery(rated=True),
        part=ClockQuery(rated=True, outcome="on_time"),
    ),
    "cases_on_time": Metric(
        "全程按期率",
        "每个期限都未逾期的办结案件 ÷（已办结的案件 + 已有期限逾期的在办案件）。",
        CaseQuery(rated=True),
        part=CaseQuery(state="closed", missed=False),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Some of the cases: those of one street, type or stage."""

    by: str
    key: str
    title: str

    @property
    def filters(self) -> dict[str, str]:
        if self.by == "street":
            return {"area": self.key}
        kind, _, stage = self.key.partition("/")
        return {"type": kind, "stage": stage} if stage else {"type": kind}


@dataclass(frozen=True)
class Count:
    """A number and the address of the list whose `total` it is."""

    count: int
    href: str

    @property
    def page(self) -> str:
        """The same list as a page."""
        return self.href.removeprefix("/api")


@dataclass(frozen=True)
class Figure:
    """One metric of one group, or of everything; of a rate, `part` out of `whole`."""

    metric: str
    group: Group | None
    whole: Count
    part: Count | None = None

    @property
    def percent(self) -> str | None:
        """`97.5%`, rounded down, so that 100% says all of them; None where there is nothing to have been in time."""
        if self.part is None or not self.whole.count:
            return None
        tenths = self.part.count * 1000 // self.whole.count
        return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%"

    def as_json(self) -> dict[str, Any]:
        group = self.group and {"by": self.group.by, "key": self.group.key, "title": self.group.title}
        of = {"metric": self.metric, "group": group}
        if self.part is None:
            return of | {"count": self.whole.count, "href": self.whole.href}
        return of | {
            name: {"count": counted.count, "href": counted.href}
            for name, counted in (("part", self.part), ("whole", self.whole))
        }


@dataclass(frozen=True)
class Figures:
    """All metrics of all groups, at one instant."""

    at: datetime
    groups: list[Group]
    counts: dict[tuple[str, str, str], int]
    """By metric (a rate's part as `on_time/part`), and what it was counted by and which."""

    def of(self, metric: str, group: Group | None = None) -> Figure:
        asked = METRICS[metric]
        part = self._count(f"{metric}/part", asked.part, group) if asked.part else None
        return Figure(metric, group, self._count(metric, asked.query, group), part)

    def by(self, what: str) -> list[Group]:
        return [group for group in self.groups if group.by == what]

    def all(self) -> list[Figure]:
        return [self.of(metric, group) for group in [None, *self.groups] for metric in METRICS]

    def as_json(self) -> dict[str, Any]:
        return {"at": self._at, "figures": [figure.as_json() for figure in self.all()]}

    @property
    def _at(self) -> str:
        return self.at.astimezone(OFFICE_ZONE).isoformat()

    def _count(self, name: str, query: ListQuery, group: Group | None) -> Count:
        filters = query.model_dump(mode="json", exclude_unset=True)
        plain = {key: "01"[value] if isinstance(value, bool) else value for key, value in filters.items()}
        place = plain | (group.filters if group else {}) | {"at": self._at}
        by, key = (group.by, group.key) if group else ("", "")
        return Count(self.counts.get((name, by, key), 0), f"{LIST_OF[type(query)]}?{urlencode(place)}")


def figures(session: Session, person: Person, at: datetime) -> Figures:
    """Count everything `person` may see, as of `at`, in seven statements however many cases there are."""
    counts = _Counts(session, visible_to(person))
    counts.open_cases(at)
    counts.closed_cases(at)
    counts.clocks(at)
    counts.orphans()
    return Figures(at, _groups(session, person, counts), dict(counts.counts))


# --- counting --------------------------------------------------------------------------------------------------------

# written out, not bound: what is grouped by must be the same text as what is selected
STREET = func.split_part(col(Case.path), literal_column("'/'"), literal_column(str(LEVELS.index("street") + 2)))


@dataclass
class _Counts:
    """Counts by street, type and stage, each added to its group and to the whole."""

    session: Session
    seen: Any
    """`select(Case)` of what may be counted."""
    counts: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    stages: dict[tuple[str, str], None] = field(default_factory=dict)
    streets: set[str] = field(default_factory=set)

    def open_cases(self, at: datetime) -> None:
        """One pass over the index of open cases, which holds all that is asked for."""
        book = calendar(self.session)
        asked = {
            name: cases_are(metric.query, at, book)
            for name, metric in METRICS.items()
            if isinstance(metric.query, CaseQuery) and metric.query.state == "open"
        }
        counted = {
            name: func.count().filter(and_(True, *(word for word in words if word is not IS_OPEN)))
            for name, words in asked.items()
        }
        self._add(self.seen.where(IS_OPEN), counted)

    def closed_cases(self, at: datetime) -> None:
        """Those closed, and those that have missed a deadline; what ended in time is the difference."""
        self._add(
            self.seen.where(~IS_OPEN), dict.fromkeys(("closed", "cases_on_time/part", "cases_on_time"), func.count())
        )
        missed = self.seen.where(*cases_are(CaseQuery(missed=True), at))
        self._add(
            missed,
            {"cases_on_time/part": -func.count().filter(~IS_OPEN), "cases_on_time": func.count().filter(IS_OPEN)},
        )

    def clocks(self, at: datetime) -> None:
        rated = self.seen.join(Clock, col(Clock.case_id) == col(Case.id)).where(is_rated(at))
        on_time = func.count().filter(col(Clock.outcome) == "on_time")
        self._add(rated, {"on_time/part": on_time, "on_time": func.count()}, stage=col(Clock.limits))

    def orphans(self) -> None:
        left = self.seen.join(Orphan, col(Orphan.case_id) == col(Case.id)).where(*orphans_are(OrphanQuery()))
        self._add(left, {"orphans": func.count()})

    def _add(self, seen: Any, counted: dict[str, Any], stage: Any = None) -> None:
        columns = (STREET, col(Case.type), col(Case.stage) if stage is None else stage)
        rows = self.session.execute(seen.with_only_columns(*columns, *counted.values()).group_by(*columns))
        for street, kind, stage_id, *numbers in rows:
            self.streets.add(street)
            self.stages[kind, stage_id] = None
            places = (("", ""), ("street", street), ("type", kind), ("stage", f"{kind}/{stage_id}"))
            for name, number in zip(counted, numbers, strict=True):
                for place in places:
                    self.counts[(name, *place)] += number


def _groups(session: Session, person: Person, counts: _Counts) -> list[Group]:
    """Streets by code; types as installed; stages in the order of the procedure. What is no longer installed comes last."""
    within = [col(Area.path).like(f"{post.area_path}%") for post in person.posts if post.role in SEES_ITS_AREA]
    streets = session.execute(
        select(col(Area.code), col(Area.name))
        .where(col(Area.level) == "street", or_(col(Area.code).in_(counts.streets), *within))
        .order_by(col(Area.code))
    )
    kinds = casetypes()
    titles = {kind: {stage.id: stage.title for stage in found.stages()} for kind, found in kinds.items()}
    for kind, stage in counts.stages:
        titles.setdefault(kind, {}).setdefault(stage, stage)
    return [
        *(Group("street", code, name) for code, name in streets),
        *(Group("type", kind, kinds[kind].title if kind in kinds else kind) for kind in titles),
        *(
            Group("stage", f"{kind}/{stage}", title)
            for kind, stages in titles.items()
            for stage, title in stages.items()
        ),
    ]
