"""The people of the demonstration: they open cases, claim, accept, ask, approve, pay; some let cases lie.

They sign in nowhere: they act through the verbs of `Case`, as pages and API do. When somebody acts on a case was
decided by lot when it came to that stage, so nothing has to be remembered. Run as `python -m api.officers RATE`; prints a
line for whatever happens, theirs or not.
"""

import sys
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from random import Random

from rich.console import Console
from rich.text import Text
from sqlalchemy import func, select
from sqlmodel import Session, col

from models.access import moves
from models.case import Case, CaseEvent, title_of
from models.clock import running_clocks
from models.db import transaction
from models.decisions import Decision, Roster
from models.documents import Document
from models.editions import calendar
from models.errors import Refused
from models.office import office_clock, office_now, set_office_clock, shift_is_on
from models.people import Body, Desk, Person
from models.territory import Estate
from models.worktime import OFFICE_ZONE

from .samples import decided, facts_of, people_at, vote

TICK = 0.2
LIKELY = {
    "plan": 2, "enter_decided": 8, "review_cost": 2, "publish": 5, "passed": 9, "failed": 1, "submit": 9, "accept": 8,
    "ask": 2, "resubmit": 9, "refuse": 1, "approve": 9, "paid": 9, "bounced": 1, "finished": 9, "cancel": 1,
    "rework": 1, "apply": 9, "published": 9, "returned": 9,
}  # fmt: skip
"""How often an event is chosen among those that are possible; one that is not here never is."""
PATIENCE = ((0.72, 0, 2), (0.14, 4, 5), (0.14, 7, 9))
"""Share, and for how many working days an officer lets a case lie: hardly, until it is yellow, until it was urged."""
WORKS = (
    "1栋电梯大修", "屋面防水翻修", "外墙渗漏维修", "消防水泵更换", "地下车库照明改造", "给水立管更换", "监控系统更新", "排水管网改造", "配电柜更换", "单元门禁更换",
)  # fmt: skip
CARDS = {"remind": "yellow", "red_card": "red", "urge": "bold red"}

console = Console(highlight=False, soft_wrap=True)


def main(rate: int) -> None:
    console.print("  后台任务正在签发样例案件的文书，随后演示开始……")
    _await_the_shift()
    people = People()
    with transaction() as session:
        set_office_clock(session, office_now(session), rate)
        people.begin(session)
    while True:
        with transaction() as session:
            people.tick(session)
        time.sleep(TICK)


def _await_the_shift() -> None:
    """Papers and notices of the sample cases are made first; on a fast clock they would come days late."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with transaction() as session:
            left = session.scalar(select(func.count()).where(col(CaseEvent.handled_at).is_(None)))
            if not left and shift_is_on(session):
                return
        time.sleep(0.5)


@dataclass
class People:
    """What is known from tick to tick: what was told already, and when somebody next asks for something."""

    random: Random = field(default_factory=Random)
    begun: datetime | None = None
    """When they came. What lay there before counts as having come with them, or all of it would be done at once."""
    told_event: int = 0
    told_paper: int = 0
    told_day: date | None = None
    opens_next: datetime | None = None
    puts_off: dict[int, datetime] = field(default_factory=dict)
    """Case → not before: nothing could be done when it was looked at."""

    def begin(self, session: Session) -> None:
        self.told_event = session.scalar(select(func.max(CaseEvent.id))) or 0
        self.told_paper = session.scalar(select(func.max(Document.id))) or 0
        self.begun = office_now(session)

    def tick(self, session: Session) -> None:
        now = office_now(session).astimezone(OFFICE_ZONE)
        book = calendar(session)
        if not book.is_working(now.date()):
            self._skip_to(session, datetime.combine(book.next_working(now.date()), time_of_day(), OFFICE_ZONE))
        elif time_of_day(8, 30) <= now.time() < time_of_day(18):
            self._tell_of_day(now.date())
            self._open(session, now)
            for case_id in self._ripe(session, now):
                self._act(session, case_id, now)
        self._tell(session)

    def _skip_to(self, session: Session, midnight: datetime) -> None:
        """Days off are skipped; an hour is left at each end for what falls due at midnight."""
        now = office_now(session)
        until = midnight - timedelta(hours=1)
        since = datetime.combine(now.astimezone(OFFICE_ZONE).date(), time_of_day(1), OFFICE_ZONE)
        if since < now < until:
            set_office_clock(session, until, office_clock(session).rate)

    # --- what they do ---

    def _open(self, session: Session, now: datetime) -> None:
        """About two requests in three working days, from estates that have a roster."""
        if self.opens_next and now < self.opens_next:
            return
        self.opens_next = now + timedelta(hours=self.random.randint(12, 60))
        estates = session.scalars(select(Estate).where(col(Estate.id).in_(select(col(Roster.estate_id))))).all()
        estate = self.random.choice(estates)
        agent = people_at(session, Desk.APPLICANT, estate)[0]
        Case.open(
            session,
            "fund_request",
            estate=estate,
            applicant=session.get_one(Body, estate.company_id),
            details={"works": self.random.choice(WORKS), "budget": self.random.randint(300, 4500) * 10_000},
            by=agent,
            at=now,
        )

    def _ripe(self, session: Session, now: datetime) -> list[int]:
        """Cases on which somebody acts now: these officers know what to write into the forms of fund requests only."""
        rows = session.execute(
            select(col(Case.id), col(Case.stage), col(Case.desk), col(Case.stage_since)).where(
                col(Case.closed_at).is_(None), col(Case.type) == "fund_request"
            )
        )
        return [
            case_id
            for case_id, stage, desk, since in rows
            if self.puts_off.get(case_id, now) <= now and self._acts_at(session, case_id, stage, desk, since) <= now
        ]

    def _acts_at(self, session: Session, case_id: int, stage: str, desk: Desk, since: datetime) -> datetime:
        """When somebody acts on a case that came to a stage `since` then."""
        lot = Random(f"{case_id}{stage}{since}")
        since = max(since, self.begun or since)
        patience = PATIENCE if Desk(desk).is_office else PATIENCE[:1]
        _, least, most = lot.choices(patience, [share for share, _, _ in patience])[0]
        days = lot.randint(5, 12) if stage == "works" else lot.randint(least, most)
        day = calendar(session).add_working(since.astimezone(OFFICE_ZONE).date(), days)
        hour = datetime.combine(day, time_of_day(lot.randint(9, 16), lot.randint(0, 59)), OFFICE_ZONE)
        return max(hour, since + timedelta(minutes=lot.randint(20, 90)))

    def _act(self, session: Session, case_id: int, now: datetime) -> None:
        self.puts_off[case_id] = now + timedelta(days=1)
        case = session.get_one(Case, case_id)
        try:
            with session.begin_nested():
                if self._fire(session, case, max(now, case.last_at)):
                    del self.puts_off[case_id]
        except Refused:
            return  # not today

    def _fire(self, session: Session, case: Case, now: datetime) -> bool:
        """Let whoever's turn it is choose one of the moves that are open to them. Whether there was one."""
        estate = session.get_one(Estate, case.estate_id)
        person = self._turn(session, case, estate)
        if person is None:
            return False
        if case.stage == "decision":
            self._count(session, case, person, now)
        offered = moves(person, case.move(session, person, now, running_clocks(session, _id(case))), case.kind)
        has_roster = Roster.of(session, case.estate_id) is not None
        names = [
            name
            for name, obstacle in offered
            if obstacle is None and name in LIKELY and (has_roster or name != "enter_decided")
        ]
        if not names:
            return False
        name = self.random.choices(names, [LIKELY[name] for name in names])[0]
        today = now.astimezone(OFFICE_ZONE).date()
        facts = facts_of(name, case, today, self.random, finish_by=today + timedelta(days=14))
        if name == "enter_decided":
            facts |= decided(session, case, self.random, by=person, at=now)
        if Desk(case.desk or "").is_office and case.assignee_id is None:
            case.assign(person, by=person, at=now)
        case.fire(name, by=person, at=now, facts=facts)
        return True

    def _turn(self, session: Session, case: Case, estate: Estate) -> Person | None:
        if case.assignee_id:
            return session.get_one(Person, case.assignee_id)
        people = people_at(session, Desk(case.desk or ""), estate)
        return self.random.choice(people) if people else None

    def _count(self, session: Session, case: Case, by: Person, now: datetime) -> None:
        """Ballots are brought in once the window has ended."""
        is_over = not any(clock.kind == "period" for clock in running_clocks(session, _id(case)))
        has_vote = session.scalar(select(col(Decision.id)).where(col(Decision.case_id) == case.id).limit(1))
        if is_over and not has_vote and Roster.of(session, case.estate_id):
            vote(session, case, self.random, by=by, at=now, agreeing=self.random.choice((0.8, 0.8, 0.8, 0.4)))

    # --- what is told ---

    def _tell_of_day(self, day: date) -> None:
        if day != self.told_day:
            self.told_day = day
            console.rule(f"{day:%Y-%m-%d} 周{'一二三四五六日'[day.weekday()]}", style="dim")

    def _tell(self, session: Session) -> None:
        """Whatever happened since: theirs, the system's, and the letters that were issued."""
        happened = (
            select(CaseEvent, Case, Person)
            .join(Case, col(Case.id) == col(CaseEvent.case_id))
            .join(Person, col(Person.id) == col(CaseEvent.by_id), isouter=True)
            .where(col(CaseEvent.id) > self.told_event, col(CaseEvent.name) != "assign")
            .order_by(col(CaseEvent.id))
        )
        for event, case, person in session.execute(happened):
            self.told_event = event.id
            to = case.kind.stage(event.to_stage).title
            moved = f" → {to}" if event.to_stage != event.from_stage else f"（{to}）"
            _say(
                event.at,
                person.name if person else "系统",
                title_of(case.kind, event.name),
                f"{case.number} {case.place}“{case.details.get('works') or case.kind.title}”{moved}",
                CARDS.get(event.name, "green" if case.kind.stage(event.to_stage).final else ""),
            )
        papers = select(Document).where(col(Document.id) > self.told_paper).order_by(col(Document.id))
        for paper in session.scalars(papers):
            self.told_paper = paper.id or 0
            if paper.kind == "urge_notice":
                _say(paper.made_at, "系统", "签发", f"《{paper.title}》{paper.number}", "bold red")


def _id(case: Case) -> int:
    assert case.id is not None
    return case.id


def _say(at: datetime, who: str, what: str, about: str, style: str) -> None:
    line = f"{at.astimezone(OFFICE_ZONE):%H:%M}  {who}　{what}　{about}"
    console.print(Text(line, style=style))


if __name__ == "__main__":
    main(int(sys.argv[1]))
