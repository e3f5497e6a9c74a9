"""The hand-off: every event of the ledger is carried on, once, to the people and papers it concerns.

The ledger is the outbox: what is unhandled is a query. For each event its paper is issued, its notices are written and the
case goes back to the officer who had it at that desk before; then the event is marked, all in one transaction.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from models.access import KIND_OF_DESK, people_at, people_of
from models.agenda import put_on_agenda
from models.case import Case, CaseEvent, title_of
from models.casetypes import STANDING, casetypes
from models.casetypes.base import Paper
from models.clock import Clock, ClockLine
from models.db import is_lost, transaction
from models.directory import Directory
from models.documents import Document, keep, next_number
from models.editions import calendar
from models.errors import NotFound, reason
from models.ladder import step_named
from models.links import Later
from models.notices import Notice, Trouble
from models.office import office_now
from models.people import LEVEL_OF_DESK, SYSTEM, Body, Desk, Person, Substitution
from models.rules import Rule
from models.settings import settings
from models.standing import ABOVE
from models.territory import Area, path_at
from models.worktime import OFFICE_ZONE
from pdf.letter import draw, write

BATCH = 10
LONGEST = 0.1
"""Events and seconds per transaction: letters take their time, and a deadline must not wait for ten of them."""
MOVES_NOTHING = {"assign", "note", "erase", "attach", "agenda", "re_base", "retry"}
log = structlog.get_logger()


def hand_off() -> int:
    """Carry on one batch of events, in one transaction. Returns how many; 0: nothing is left."""
    with transaction() as session:
        return carry_on(session, office_now(session))


def carry_on(session: Session, at: datetime, batch: int = BATCH) -> int:
    """Carry on the oldest unhandled events. Returns how many were looked at; 0: nothing is left.

    An event that cannot be carried on (wording without a fact, no office registered) is set aside as `Trouble`, tried
    again after a growing while, and holds nothing up.
    """
    waiting = select(Trouble.event_id).where(col(Trouble.retry_at) > at)  # type: ignore[call-overload]
    unhandled = col(CaseEvent.handled_at).is_(None) & col(CaseEvent.id).not_in(waiting)
    # the case before its events, as everybody locks; what others hold comes next time, and does not hide what comes after it
    oldest = (
        select(Case)
        .join(CaseEvent, col(CaseEvent.case_id) == col(Case.id))
        .where(unhandled)
        .order_by(col(CaseEvent.id))
        .limit(batch)
        .with_for_update(of=Case, skip_locked=True)
    )
    cases = {case.id: case for case in session.scalars(oldest, execution_options={"populate_existing": True})}
    events = session.scalars(
        select(CaseEvent).where(unhandled, col(CaseEvent.case_id).in_(cases)).order_by(col(CaseEvent.id)).limit(batch)
    ).all()
    ends = time.monotonic() + LONGEST
    for done, event in enumerate(events, start=1):
        _carry(session, event, cases[event.case_id], at)
        if time.monotonic() > ends:
            return done
    return len(events)


def _carry(session: Session, event: CaseEvent, case: Case, at: datetime) -> None:
    try:
        with session.begin_nested():
            HandOff(session, event, case, at).do()
            session.execute(update(CaseEvent).where(col(CaseEvent.id) == event.id).values(handled_at=at))
            session.execute(Trouble.__table__.delete().where(col(Trouble.event_id) == event.id))  # type: ignore[attr-defined]
    except Later:
        return
    except Exception as error:
        if is_lost(error):
            raise
        why = reason(error)
        log.error("event set aside", event_id=event.id, case=case.number, why=why)
        first = insert(Trouble).values(
            event_id=event.id, why=why, tries=1, since=at, retry_at=at + timedelta(minutes=1)
        )
        again = {"why": why, "tries": Trouble.__table__.c.tries + 1, "retry_at": at + timedelta(hours=1)}  # type: ignore[attr-defined]
        session.execute(first.on_conflict_do_update(index_elements=["event_id"], set_=again))


@dataclass
class HandOff:
    """One event, carried on."""

    session: Session
    event: CaseEvent
    case: Case
    at: datetime
    told: dict[int, str] = field(default_factory=dict)
    """Person id → sentence."""

    def do(self) -> None:
        paper = self._issue(self._paper())
        self._reply()
        self.case.kind.afterwards(self.session, self.case, self.event, self.at)
        if self.step is not None:
            self._tell_of_step(paper)
            self._put_on_agenda()
        elif self.event.name in STANDING:
            self._tell_of_clock(paper)
        elif self.event.name not in MOVES_NOTHING and self.is_last:
            self._give_back()
            self._tell_of_move(paper)
        elif self.event.name == "assign":
            self._tell_of_assignment()
        self._write_notices()

    def _put_on_agenda(self) -> None:
        """A case that is late for long comes before its area's escalation case, unless it has moved on since."""
        type_id = self.step.opens
        if type_id is None or type_id not in casetypes() or self.clock is None or self.clock.stopped_at:
            return
        if put_on_agenda(self.session, self.case, self.event, type_id, self.at) is None:
            nobody = f"{self.subject}：“{self.case.current.title}”环节逾期未办，已无上级可报，请值班岗处置。"
            # whoever is told of the step itself too reads this instead
            self.told |= dict.fromkeys(Directory.of(self.session, [self.case], self.at).duty(self.case), nobody)

    @property
    def day(self) -> date:
        """A paper bears the day on which what it says was decided, also where it is made later."""
        return self.event.recorded_at.astimezone(OFFICE_ZONE).date()

    @property
    def today(self) -> date:
        return self.at.astimezone(OFFICE_ZONE).date()

    @cached_property
    def is_last(self) -> bool:
        """Nobody is told of where a case was before it moved on."""
        return self.event.to_stage == self.case.stage

    @cached_property
    def step(self) -> Any:
        return step_named(self.event.name) if not self.case.kind.has(self.event.name) else None

    @cached_property
    def clock(self) -> Clock | None:
        """The clock this event started, or the one whose step it is."""
        if self.event.facts and "clock" in self.event.facts:
            return self.session.get(Clock, self.event.facts["clock"])
        started = select(Clock).join(ClockLine, col(ClockLine.clock_id) == col(Clock.id))
        return self.session.scalar(
            started.where(col(ClockLine.event_id) == self.event.id, col(ClockLine.what) == "started")
        )

    # --- paper ---

    def _paper(self) -> Paper | None:
        return (
            self._urging() if self.step is not None else self.case.kind.paper_for(self.event.name, self.event.to_stage)
        )

    def _reply(self) -> None:
        """The letter to whom the event names beside, whose people are told of it."""
        paper = self.case.kind.replies.get(self.event.name)
        named = self._named(paper) if paper else []
        reply = self._issue(paper) if named else None
        if reply:
            about = f"{self.subject}：《{reply.title}》（{reply.number}）已经签发，可在案件页下载。"
            bodies = self.session.scalars(select(col(Body.id)).where(col(Body.name).in_(named))).all()
            self._tell(people_of(self.session, bodies, self.today), about)

    def _issue(self, paper: Paper | None) -> Document | None:
        if paper is None or self.event.facts is None:
            return None
        stage = self.case.kind.stage(self.event.from_stage or self.event.to_stage)
        # a type names desks as they are in an estate's case; a step of the ladder names them as they are here
        desk_of = self.case.seat if self.step is None else Desk
        by = paper.by or (stage.desk if stage.desk and (paper.own or stage.desk.is_office) else Desk.STREET)
        issuer = self.body_of(desk_of(by))
        day = self.day
        facts = {
            "number": next_number(self.session, issuer.id, issuer.code or issuer.name, day.year),  # type: ignore[arg-type]
            "issuer": issuer.name,
            "addressee": "、".join(self._named(paper)) or self.body_of(desk_of(paper.to)).name,
            "copies": [
                self.body_of(desk_of(one)).name if isinstance(one, Desk) else one
                for one in paper.copies
                if not isinstance(one, Desk) or self._is_there(desk_of(one))
            ],
            "date": day.isoformat(),
            "case": {
                "number": self.case.number,
                "type": self.case.type,
                "title": self.case.kind.title,
                "estate": self.case.place,
                "applicant": self.session.get_one(Body, self.case.applicant_id).name,
            }
            | {key: value for key, value in self.case.details.items() if isinstance(value, str | int)},
            "stage": {"name": stage.id, "title": stage.title},
            "event": self.event.facts,
            "clock": self._clock_facts(),
        }
        if self.step is not None:
            facts["late"] = self._late_facts()
        wording = settings().casetypes
        letter = write(paper.kind, facts, wording)
        drawn = draw(letter)
        document = Document(
            case_id=self.case.id,  # type: ignore[arg-type]
            event_id=self.event.id,  # type: ignore[arg-type]
            kind=paper.kind,
            title=letter.title,
            number=letter.number,
            issuer_id=issuer.id,  # type: ignore[arg-type]
            issued_on=day,
            facts=facts,
            sha256=keep(self.session, drawn.pdf),
            fonts=list(drawn.fonts),
            pages=drawn.pages,
            made_at=self.at,
        )
        self.session.add(document)
        self.session.flush()
        return document

    def _named(self, paper: Paper) -> list[str]:
        named = self.event.facts.get(paper.names) if paper.names and self.event.facts else None
        return named if isinstance(named, list) else [named] if named else []

    def _urging(self) -> Paper | None:
        """A late office is urged by the office above it, the applicant and the committee by the street."""
        if self.step.paper is None or self.case.desk is None:
            return None
        desk = Desk(self.case.desk)
        return Paper(self.step.paper, by=ABOVE.get(desk) or self.case.seat(Desk.STREET), to=desk)

    def body_of(self, desk: Desk) -> Body:
        """The body that is that desk of this case. Errors: `NotFound` where none is registered."""
        if desk == Desk.COMMITTEE:
            desk = self.case.seat(desk)
        if desk == Desk.APPLICANT:
            return self.session.get_one(Body, self.case.applicant_id)
        if desk == Desk.COMMITTEE:
            body = self.session.get(Body, self.case.committee_id) if self.case.committee_id else None
        else:
            here = col(Area.path) == path_at(self.case.path, LEVEL_OF_DESK.get(desk, "community"))
            held = (
                select(Body)
                .join(Area, col(Area.id) == col(Body.area_id))
                .where(here, col(Body.kind) == KIND_OF_DESK[desk])
            )
            body = self.session.scalars(held.order_by(col(Body.id))).first()
        if body is None:
            raise NotFound(f"{self.case.place}所在地没有登记{desk.title}，文书无法签发，请系统管理员补录。")
        return body

    def _is_there(self, desk: Desk) -> bool:
        """An estate may have no committee, and nobody in its stead, which then gets no copy; offices there must be."""
        return self.case.seat(desk) != Desk.COMMITTEE or self.case.committee_id is not None

    def _clock_facts(self) -> dict[str, Any] | None:
        if self.clock is None:
            return None
        rule = self.session.get_one(Rule, self.clock.rule_pk)
        return {
            "due_day": self.clock.due_day.isoformat(),
            "limit": rule.title if rule.fact else self.clock.limit_title,
            "rule": rule.title,
            "source": rule.source,
            "article": rule.article,
            "confidence": rule.confidence,
            "provisional": self.clock.provisional,
        }

    def _late_facts(self) -> dict[str, Any]:
        assert self.clock is not None
        desk = Desk(self.case.desk)  # type: ignore[arg-type]
        assignee = self.session.get(Person, self.case.assignee_id) if self.case.assignee_id else None
        return {
            "stage": self.case.current.title,
            "desk": self.body_of(desk).name,
            "officer": assignee.name if assignee else "",
            "started_on": self.clock.started_at.astimezone(OFFICE_ZONE).date().isoformat(),
            "due_day": self.clock.due_day.isoformat(),
            "days_over": calendar(self.session).working_between(self.clock.due_day, self.day),
            "step": self.step.title,
        }

    # --- people ---

    def _give_back(self) -> None:
        """A case that returns to a desk returns to the officer who had it there."""
        case = self.case
        if case.desk is None or case.assignee_id is not None or not Desk(case.desk).is_office:
            return
        stages = [stage.id for stage in case.kind.stages() if stage.desk == case.desk]
        before = select(CaseEvent).where(
            col(CaseEvent.case_id) == case.id, col(CaseEvent.from_stage).in_(stages), col(CaseEvent.by_id).is_not(None)
        )
        event = self.session.scalar(before.order_by(col(CaseEvent.seq).desc()).limit(1))
        last = event and (event.stands_in_for or event.by_id)
        if last and last in self._people_of(Desk(case.desk)):
            case.assign(self.session.get_one(Person, last), by=SYSTEM, at=max(self.at, case.last_at))

    def _tell_of_move(self, paper: Document | None) -> None:
        case, event = self.case, self.event
        title = title_of(case.kind, event.name)
        until = f"，请于{self.clock.due_day:%Y-%m-%d}前办理" if self.clock and self.clock.kind == "deadline" else ""
        # what nobody did says why it happened
        why = event.note if event.note and event.by_id is None else ""
        arrived = f"{self.subject}：“{title}”，现到“{case.current.title}”环节{until}。{why}"
        if case.is_open:
            people = [case.assignee_id] if case.assignee_id else self._people_of(Desk(case.desk))  # type: ignore[arg-type]
            self._tell(people, arrived)
        written = (
            f"{self.subject}：“{title}”，{'现到“' + case.current.title + '”环节' if case.is_open else '本件已办结'}。"
        )
        written += f"《{paper.title}》（{paper.number}）已经签发，可在案件页下载。" if paper else ""
        if paper or not case.is_open:
            self._tell(self._people_of(Desk.APPLICANT), written)

    def _tell_of_clock(self, paper: Document | None) -> None:
        """Of a stage's clock: its desk, whoever must decide, and the applicant where it is put in writing."""
        case, name = self.case, self.event.name
        sentence = f"{self.subject}：“{case.current.title}”环节{STANDING[name].name}"
        due = (self.event.facts or {}).get("due_day")
        sentence += f"，期限至{due}。" if due and name != "pause" else "。"
        if case.is_open:
            self._tell([case.assignee_id] if case.assignee_id else self._people_of(Desk(case.desk)), sentence)  # type: ignore[arg-type]
        if name == "ask_extension":
            desk = STANDING["grant_extension"].desk(case.kind, case.current)
            directory = Directory.of(self.session, [case], self.at)
            self._tell(directory.heads_from(LEVEL_OF_DESK[desk], case) if desk else [], f"{sentence}请批准或不同意。")
        if paper:
            self._tell(self._people_of(Desk.APPLICANT), f"{sentence}《{paper.title}》（{paper.number}）已经签发。")

    def _tell_of_assignment(self) -> None:
        if self.event.facts and self.event.facts.get("to"):
            self._tell([self.event.facts["to"]], f"{self.subject}：“{self.case.current.title}”环节交由您办理。")

    def _tell_of_step(self, paper: Document | None) -> None:
        if self.event.facts is None or self.clock is None:
            return
        stage = self.case.kind.stage(self.event.to_stage).title
        day = f"{self.clock.due_day:%Y-%m-%d}"
        about = {
            "remind": f"{self.subject}：“{stage}”环节 {day} 到期，请及时办理。",
            "red_card": f"{self.subject}：“{stage}”环节已于 {day} 到期未办理，亮红牌。",
        }.get(self.event.name, f"{self.subject}：“{stage}”环节 {day} 到期，至今未办理，已{self.step.title}。")
        about += f"《{paper.title}》（{paper.number}）已经签发。" if paper else ""
        for people in self.event.facts["told"].values():
            self._tell(people, about)

    @property
    def subject(self) -> str:
        return f"{self.case.number} {self.case.place}{self.case.kind.title}"

    def _people_of(self, desk: Desk) -> list[int]:
        return [person.id for person in people_at(self.session, self.case, desk, self.today)]  # type: ignore[misc]

    def _tell(self, people: Sequence[int | None], sentence: str) -> None:
        for person in people:
            if person is not None and person != self.event.by_id:
                self.told.setdefault(person, sentence)

    def _tell_who_stands_in(self) -> None:
        """Who is away finds it when they are back; today it is told to whoever acts for them."""
        stands_in = Substitution.of_day(self.session, self.today)
        for absent, sentence in list(self.told.items()):
            if absent in stands_in:
                self._tell([Substitution.follow(stands_in, absent)], sentence)

    def _write_notices(self) -> None:
        if not self.told:
            return
        self._tell_who_stands_in()
        urgent = self.step is not None and self.event.name != "remind"
        rows = [
            {
                "case_id": self.case.id, "event_id": self.event.id, "person_id": person, "channel": "in_app",
                "text": sentence, "urgent": urgent, "made_at": self.at,
            }
            for person, sentence in self.told.items()
        ]  # fmt: skip
        self.session.execute(insert(Notice).values(rows).on_conflict_do_nothing())
