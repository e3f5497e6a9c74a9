"""The morning's brief (晨报): at 08:30 of a working day, what lies with an officer, and how a supervisor's area stands.

Every number is a list of `lists.py`, counted at the instant that its address fixes, so that it equals what it opens. Nobody
gets a brief in which there is nothing.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from .access import DESK_OF_ROLE, OVERSEES, present
from .bulletin import Bulletin, Figure, Group, Line, Table
from .case import Case
from .dashboard import METRICS, Count, Figures, figures
from .dashboard import Group as Part
from .db import is_lost
from .editions import calendar
from .lists import CaseQuery, ClockQuery, ListQuery, page_of, total_of
from .messages import Morning, compose_brief
from .people import Desk, Person, Post, Role
from .wording import last_day, left, short_day
from .worktime import OFFICE_ZONE, WorkCalendar, at_office_open

BRIEFED = OVERSEES - {Role.AUDITOR, Role.ADMIN}
"""Whose brief has the figures of their area; who audits or administers looks at them when there is reason to."""
WORKS = {role for role, desk in DESK_OF_ROLE.items() if desk.is_office}
MOST = 10
"""Cases, or streets, shown under each heading; of the rest a brief says how many."""
PEOPLE = 20
"""Briefs composed in one transaction."""
SHOWN = ("open", "due_today", "due_3wd", "yellow", "red", "paused", "stale", "in_meeting", "orphans")
BY_STREET = ("open", "due_today", "yellow", "red", "stale")
TONES = {"red": "red", "yellow": "yellow", "orphans": "red", "parked": "red"}
LONGEST_PAGE = 200
log = structlog.get_logger()


# --- whose turn it is ------------------------------------------------------------------------------------------------


def compose_briefs(session: Session, at: datetime, real: datetime) -> int | None:
    """Compose the briefs of the next few persons for the office's local date. Returns how many; None: there is nothing to do.

    Nothing before 08:30, nor on a day that is none of work by the newest calendar edition; a late start still tells today's, a day
    that was missed is not told afterwards. What the row of the date has done is not done again, whatever clocks do; of two at once
    the second waits and goes on behind the first.
    """
    day = at.astimezone(OFFICE_ZONE).date()
    if at < at_office_open(day) or not calendar(session).is_working(day):
        return None
    session.execute(insert(Morning).values(day=day, begun_at=at).on_conflict_do_nothing())
    morning = session.scalars(select(Morning).where(col(Morning.day) == day).with_for_update()).one()
    if morning.finished_at:
        return None
    people = session.scalars(_readers(day, morning.cursor or 0)).all()
    if not people:
        morning.finished_at = at
        return None
    told = sum(_compose(session, person, at, real) for person in people)
    morning.cursor = people[-1].id
    return told


def _readers(day: date, after: int) -> Any:
    held = Post.held_on(day)
    posted = select(col(Post.person_id)).where(held, col(Post.role).in_(WORKS | BRIEFED))
    mine = select(Person).where(col(Person.id).in_(posted), col(Person.is_active), col(Person.id) > after)
    return mine.order_by(col(Person.id)).limit(PEOPLE)


def _compose(session: Session, person: Person, at: datetime, real: datetime) -> bool:
    """Whether this person has a new brief. One that cannot be made is said in the log, and holds up nobody else's."""
    try:
        with session.begin_nested():
            says = brief(session, present(session, person, at.astimezone(OFFICE_ZONE).date()), at)
            return says is not None and compose_brief(session, person, says, real) is not None
    except Exception as error:
        if is_lost(error):
            raise
        log.exception("brief not made", person=person.id)
        return False


# --- what it says ----------------------------------------------------------------------------------------------------


def brief(session: Session, person: Person, at: datetime) -> Bulletin | None:
    """What `person`, who holds the posts of the day, should know at `at`; None: nothing."""
    book = calendar(session)
    own = _Desk(session, person, at, book)
    groups = own.groups() if person.has_role(*WORKS) else []
    pressing = own.pressing
    shown: list[Figure] = []
    table = None
    if person.has_role(*BRIEFED):
        area = _Area(session, person, at, book)
        shown, table = area.figures(), area.table()
        groups += area.groups()
        pressing += area.pressing
    # of an area without open cases, only what was: that is no news of the morning
    if not groups and not pressing:
        return None
    return Bulletin(
        kind="brief",
        title=f"{at.astimezone(OFFICE_ZONE):%-m月%-d日}晨报",
        name=person.name,
        post=person.title,
        at=at.astimezone(OFFICE_ZONE),
        summary="，".join(pressing[:4]) or "没有逾期和今天到期的件",
        figures=tuple(shown),
        table=table,
        groups=tuple(groups),
    )


@dataclass
class _Desk:
    """What lies with one officer."""

    session: Session
    person: Person
    at: datetime
    book: WorkCalendar
    pressing: list[str] = field(default_factory=list)

    def groups(self) -> list[Group]:
        mine = CaseQuery(state="open", mine=True, sort="due", at=self.at)
        today = self.at.astimezone(OFFICE_ZONE).date()
        # since the brief before this one
        since = at_office_open(self.book.previous_working(today))
        due_today = self._count(of(mine, due="today"))
        found = [
            self._group("已逾期", of(mine, card="red"), "{}件已逾期"),
            self._group("今天到期", of(mine, due="today"), "{}件今天到期"),
            # those due today are the first of this list, and stand above
            self._group("3个工作日内到期", of(mine, due="3wd"), "{}件3个工作日内到期", above=due_today),
            self._group("待领取", CaseQuery(state="open", pool=True, sort="due", at=self.at), "{}件待领取"),
            self._group("新到我处", of(mine, since=since), "{}件新到"),
            self._group("中止计时", of(mine, paused=True)),
        ]
        return [group for group in found if group]

    def _count(self, query: CaseQuery) -> int:
        return total_of(self.session, self.person, query, self.at)

    def _group(self, title: str, query: CaseQuery, words: str = "", above: int = 0) -> Group | None:
        count = self._count(query)
        if count <= above:
            return None
        if words:
            self.pressing.append(words.format(count))
        title += f"（含今天到期{above}件）" if above else ""
        return case_group(self.session, self.person, title, query, count, self.at, self.book, above)


@dataclass
class _Area:
    """How the area of one supervisor or head stands."""

    session: Session
    person: Person
    at: datetime
    book: WorkCalendar
    pressing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found: Figures = figures(self.session, self.person, self.at)
        self.parked = ClockQuery(parked=True, at=self.at)

    def figures(self) -> list[Figure]:
        shown = [_figure(metric, self.found.of(metric).whole) for metric in SHOWN]
        parked = total_of(self.session, self.person, self.parked, self.at)
        shown.append(_figure("parked", Count(parked, href_of(self.parked)), "计时搁置"))
        rate = self.found.of("on_time")
        if rate.part and rate.percent:
            note = f"{rate.part.count:,}/{rate.whole.count:,}"
            title, page = METRICS["on_time"].title, rate.whole.page
            shown.append(Figure(title=title, count=rate.whole.count, value=rate.percent, href=page, note=note))
        counts = {metric: self.found.of(metric).whole.count for metric in SHOWN} | {"parked": parked}
        words = {
            "red": "辖区红牌{}件",
            "due_today": "辖区今日到期{}件",
            "orphans": "无人接收{}条",
            "parked": "计时搁置{}个",
        }
        self.pressing = [said.format(counts[metric]) for metric, said in words.items() if counts[metric]]
        if not self.pressing and counts["open"]:
            self.pressing = [f"辖区在办{counts['open']}件，没有逾期"]
        return shown

    def table(self) -> Table | None:
        """Streets with the most that is late come first; those without any of it are only counted."""
        streets = [street for street in self.found.by("street") if self._count("open", street)]
        if len(streets) < 2:
            return None
        pressed = [street for street in streets if any(self._count(metric, street) for metric in BY_STREET[1:])]
        pressed.sort(key=lambda street: [-self._count(metric, street) for metric in ("red", "yellow", "open")])
        rows = [
            (street.title, tuple(_figure(metric, self.found.of(metric, street).whole) for metric in BY_STREET))
            for street in pressed[:MOST]
        ]
        more, quiet = len(pressed) - len(rows), len(streets) - len(pressed)
        said = [f"另有{more}个街道有待办急件"] * bool(more) + [f"{quiet}个街道没有急件"] * bool(quiet)
        columns = tuple(METRICS[metric].title for metric in BY_STREET)
        return Table(title="按街道", columns=columns, rows=tuple(rows), rest="；".join(said))

    def groups(self) -> list[Group]:
        red = CaseQuery(state="open", card="red", sort="due", at=self.at)
        count = total_of(self.session, self.person, red, self.at)
        if not count:
            return []
        return [case_group(self.session, self.person, "辖区红牌件", red, count, self.at, self.book, whose=True)]

    def _count(self, metric: str, street: Part) -> int:
        return self.found.of(metric, street).whole.count


def _figure(metric: str, counted: Count, title: str | None = None) -> Figure:
    return Figure(
        title=title or METRICS[metric].title,
        count=counted.count,
        value=f"{counted.count:,}",
        href=counted.page,
        tone=TONES.get(metric, "") if counted.count else "",
    )


def case_group(
    session: Session,
    person: Person,
    title: str,
    query: CaseQuery,
    count: int,
    at: datetime,
    book: WorkCalendar,
    above: int = 0,
    whose: bool = False,
) -> Group:
    """The first cases of a list of `count`, without the first `above` of them, which are shown already."""
    asked = query.model_copy(update={"limit": min(above + MOST, LONGEST_PAGE)})
    cases = page_of(session, person, asked, at)[0][above:]
    lines = tuple(_line(case, at, book, whose) for case in cases)
    return Group(title=title, count=count, lines=lines, rest=count - above - len(lines), href=href_of(query))


def _line(case: Case, at: datetime, book: WorkCalendar, whose: bool) -> Line:
    """`whose`: say at which desk it lies. By number and place, as notices name cases: what applicants write in them does not leave by mail."""
    if case.next_due_at:
        when = f"{left(case.next_due_at, at, book)} {short_day(last_day(case.next_due_at))}"
    else:
        when = "中止计时" if case.is_paused else "无期限"
    about = [case.number, case.current.title, Desk(case.desk).title if whose and case.desk else ""]
    return Line(
        text=f"{case.place}{case.kind.title}",
        about=" · ".join(filter(None, about)),
        when=when,
        tone=case.card(at) or "",
        href=f"/cases/{case.number}",
    )


def of(query: CaseQuery, **more: object) -> CaseQuery:
    """`query`, narrowed further."""
    return CaseQuery.model_validate(query.model_dump(exclude_unset=True) | more)


PAGES = {CaseQuery: "/cases", ClockQuery: "/clocks"}


def href_of(query: ListQuery) -> str:
    """The page with the list that `query` asks for."""
    asked = query.model_dump(mode="json", exclude_unset=True)
    plain = {key: "01"[value] if isinstance(value, bool) else value for key, value in asked.items()}
    return f"{PAGES[type(query)]}?{urlencode(plain)}"
