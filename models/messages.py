"""One message per recipient and interval: what has come since the last one (digest), and the morning's brief.

A message is composed in one transaction with what it tells, and frozen: text, mail, PDF and page are made from the same
`Bulletin`. Whether it also goes out as mail is settled when it is composed (an address, the person's switch, a server); a
message whose mail has not gone out yet is taken over by the next of its kind, so that after an outage of the mail server too
nobody gets more than one at a time.

Slots. A digest's is a quarter of an hour of *real* time, however fast the office's clock runs: what is spared is a person's
attention, and that runs in the world. A brief's is a date of the *office*, because a day's work is what it is about.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Index, case, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col

from .access import as_of
from .bulletin import Bulletin, Group, Line
from .case import Case
from .db import instant, jsonb, primary_key, reference, update_rows
from .errors import Invalid, NotFound
from .notices import Notice
from .people import Person
from .settings import settings
from .worktime import OFFICE_ZONE

INTERVAL = timedelta(minutes=15)
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
LONGEST_ADDRESS = 254
MOST = 30
"""Notices a digest lists, the most urgent first; of the rest it says how many."""


class Message(SQLModel, table=True):
    """`kind`: `brief` (once per local date) or `digest` (once per interval); `slot` names the date or the interval.

    Always readable in the application; sent as mail where the person has an address and a server is configured. Sent at
    least once, with a `Message-ID` made from the row, so that a second copy is recognised.
    """

    id: int | None = primary_key()
    person_id: int = reference("person.id")
    kind: str
    slot: str
    subject: str
    body: str
    """The message as plain text."""
    facts: Any = jsonb()
    """The `Bulletin` it was made from."""
    made_at: datetime = instant()
    mail_to: str | None = None
    """The address its mail goes to; None: no mail."""
    sent_at: datetime | None = instant(nullable=True)
    tries: int = 0
    retry_at: datetime | None = instant(nullable=True)
    """When it is (next) to be sent, in real time; None: not, or no more."""
    why: str | None = None
    """Why the last try failed, in a sentence."""
    successor_id: int | None = reference("message.id", nullable=True)
    """The next of its kind, which took its place before its mail went out."""

    __table_args__ = (
        Index("uq_message_person_id_kind_slot", "person_id", "kind", "slot", unique=True),
        Index("ix_message_unsent", "retry_at", postgresql_where=text("retry_at is not null")),
        Index("ix_message_of_person", "person_id", "id", postgresql_where=text("successor_id is null")),
        Index(
            "ix_message_failed",
            "id",
            postgresql_where=text(
                "mail_to is not null and sent_at is null and retry_at is null and successor_id is null"
            ),
        ),
    )

    @property
    def bulletin(self) -> Bulletin:
        return Bulletin.model_validate(self.facts)

    @property
    def has_failed(self) -> bool:
        """Its mail was given up."""
        return self.mail_to is not None and not (self.sent_at or self.retry_at or self.successor_id)


FAILED = (
    col(Message.mail_to).is_not(None)
    & col(Message.sent_at).is_(None)
    & col(Message.retry_at).is_(None)
    & col(Message.successor_id).is_(None)
)
"""`Message.has_failed`, of a row."""


class Morning(SQLModel, table=True):
    """The morning of one local date: how far its briefs have come. There is one row per date, whatever a clock does."""

    day: date = Field(primary_key=True)
    cursor: int | None = reference("person.id", nullable=True)
    """The last person (by id) who is done with."""
    begun_at: datetime = instant()
    finished_at: datetime | None = instant(nullable=True)


# --- composing -------------------------------------------------------------------------------------------------------

UNTOLD = col(Notice.message_id).is_(None) & col(Notice.read_at).is_(None)


def slot_of(real: datetime) -> str:
    """The quarter of an hour in which `real` lies: `2026-10-12T09:15`."""
    local = real.astimezone(OFFICE_ZONE)
    minutes = int(INTERVAL.total_seconds()) // 60
    return f"{local:%Y-%m-%dT%H}:{local.minute // minutes * minutes:02d}"


class Told(NamedTuple):
    """How many digests a batch has made, and the last person (by id) it looked at."""

    told: int
    last: int


def compose_digests(session: Session, at: datetime, real: datetime, after: int = 0, batch: int = 100) -> Told | None:
    """Tell up to `batch` persons, by id from `after` on, what they have neither read nor been told. One digest each.

    `at` is the office's now, `real` the world's: the interval is the world's. None: nobody is left. Who has a digest of this
    interval already waits for the next one.
    """
    slot = slot_of(real)
    has_one = select(Message.id).where(  # type: ignore[call-overload]
        col(Message.person_id) == col(Notice.person_id), col(Message.kind) == "digest", col(Message.slot) == slot
    )
    waiting = (
        select(col(Notice.person_id))
        .join(Person, col(Person.id) == col(Notice.person_id))
        .where(UNTOLD, col(Notice.person_id) > after, col(Person.is_active), ~has_one.exists())
    )
    people = list(session.scalars(waiting.distinct().order_by(col(Notice.person_id)).limit(batch)))
    if not people:
        return None
    made = _tell(session, people, slot, at, real)
    _take_over(session, made)
    _fill(session, made, at)
    return Told(len(made), people[-1])


def _tell(session: Session, people: Sequence[int], slot: str, at: datetime, real: datetime) -> list[int]:
    """A digest for each of `people` who has something to be told, and the notices marked with it, in one statement.

    Notices that are being marked as read right now are not waited for.
    """
    held = (
        select(col(Notice.id), col(Notice.person_id))
        .where(UNTOLD, col(Notice.person_id).in_(people))
        .with_for_update(skip_locked=True, of=Notice)
        .cte("held")
    )
    wanted = _blank("digest", slot, at, real).where(col(Person.id).in_(select(held.c.person_id)))
    made = _insert_blank(wanted).cte("made")
    told = (
        update(Notice)
        .where(col(Notice.id) == held.c.id, held.c.person_id == made.c.person_id)
        .values(message_id=made.c.id)
        .cte("told")
    )
    return list(session.scalars(select(made.c.id).add_cte(told)))


def _blank(kind: str, slot: str, at: datetime, real: datetime) -> Any:
    """`select` of persons as messages of that kind and slot, with nothing in them yet."""
    goes = col(Person.mail) & (col(Person.email) != "") if settings().smtp_url else literal(False)
    return select(
        col(Person.id), literal(kind), literal(slot), literal(""), literal(""), cast({}, JSONB),
        literal(at, DateTime(timezone=True)), case((goes, col(Person.email))),
        case((goes, literal(real, DateTime(timezone=True)))), literal(0),
    )  # fmt: skip


def _insert_blank(wanted: Any) -> Any:
    columns = ("person_id", "kind", "slot", "subject", "body", "facts", "made_at", "mail_to", "retry_at", "tries")
    statement = insert(Message).from_select(columns, wanted).on_conflict_do_nothing()
    return statement.returning(col(Message.id), col(Message.person_id))


def _take_over(session: Session, made: Sequence[int]) -> None:
    """What of the same kind waits for its mail to go out gives its notices to the new messages, and its place."""
    new, old = aliased(Message), Message
    same = col(old.person_id) == col(new.person_id), col(old.kind) == col(new.kind), col(old.id) < col(new.id)
    waits = col(old.retry_at).is_not(None), col(old.successor_id).is_(None)
    moved = update(old).where(col(new.id).in_(made), *same, *waits)
    taken = session.scalars(moved.values(successor_id=col(new.id), retry_at=None).returning(col(old.id))).all()
    if not taken:
        return
    held = (
        select(col(Notice.id), col(Message.successor_id))
        .join(Message, col(Message.id) == col(Notice.message_id))
        .where(col(Message.id).in_(taken), col(Notice.read_at).is_(None))
        .with_for_update(skip_locked=True, of=Notice)
        .cte("held")
    )
    session.execute(update(Notice).where(col(Notice.id) == held.c.id).values(message_id=held.c.successor_id))


def _fill(session: Session, made: Sequence[int], at: datetime) -> None:
    """Write what the new digests say: how many notices, and the most urgent ones."""
    message = col(Notice.message_id)
    urgent_first = col(Notice.urgent).desc(), col(Notice.id).desc()
    ranked = (
        select(
            col(Notice.message_id), col(Notice.text), col(Notice.urgent), col(Notice.made_at), col(Case.number),
            func.row_number().over(partition_by=message, order_by=urgent_first).label("place"),
            func.count().over(partition_by=message).label("count"),
            func.count().filter(col(Notice.urgent)).over(partition_by=message).label("urgent_count"),
        )
        .join(Case, col(Case.id) == col(Notice.case_id), isouter=True)
        .where(col(Notice.message_id).in_(made))
        .subquery()
    )  # fmt: skip
    rows = session.execute(select(ranked).where(ranked.c.place <= MOST).order_by(ranked.c.message_id, ranked.c.place))
    told: dict[int, list[Any]] = {}
    for row in rows:
        told.setdefault(row.message_id, []).append(row)
    people = dict(
        session.execute(
            select(Message.id, Person)  # type: ignore[call-overload]
            .join(Person, col(Person.id) == col(Message.person_id))
            .where(col(Message.id).in_(told))
        )
        .tuples()
        .all()
    )
    address, day = settings().address, at.astimezone(OFFICE_ZONE).date()
    written = []
    for message_id, lines in told.items():
        says = digest_of(as_of(people[message_id], day), lines, at)
        written.append({"id": message_id, **as_written(says, address)})
    update_rows(session, Message, written)


def digest_of(person: Person, rows: Sequence[Any], at: datetime) -> Bulletin:
    """The digest of notices, the most urgent first: of each `text`, `urgent`, `made_at`, `number`; of all `count` and `urgent_count`."""
    count, urgent = rows[0].count, rows[0].urgent_count
    lines = [
        Line(
            text=row.text,
            when=f"{row.made_at.astimezone(OFFICE_ZONE):%-m月%-d日 %H:%M}",
            tone="red" if row.urgent else "",
            href=f"/cases/{row.number}" if row.number else None,
        )
        for row in rows
    ]
    shown = [line for line in lines if line.tone], [line for line in lines if not line.tone]
    groups = [
        Group(title=title, count=total, lines=tuple(part), rest=total - len(part), measure="条", href="/messages")
        for title, part, total in (("紧急", shown[0], urgent), ("通知", shown[1], count - urgent))
        if total
    ]
    return Bulletin(
        kind="digest",
        title=f"{at.astimezone(OFFICE_ZONE):%-m月%-d日 %H:%M} 通知",
        name=person.name,
        post=person.title,
        at=at,
        summary=f"{count}条新通知" + (f"，其中{urgent}条紧急" if urgent else ""),
        groups=tuple(groups),
    )


def as_written(says: Bulletin, address: str) -> dict[str, Any]:
    """The columns of a message that say it."""
    return {"subject": says.subject, "body": says.as_text(address), "facts": says.model_dump(mode="json")}


def compose_brief(session: Session, person: Person, says: Bulletin, real: datetime) -> int | None:
    """Put a brief before its reader, once per local date. Returns the message's id; None: there is one already."""
    wanted = _blank("brief", says.day.isoformat(), says.at, real).where(col(Person.id) == person.id)
    made = session.execute(_insert_blank(wanted)).scalar()
    if made is None:
        return None
    update_rows(session, Message, [{"id": made, **as_written(says, settings().address)}])
    _take_over(session, [made])
    return int(made)


# --- sending ---------------------------------------------------------------------------------------------------------

LEASE = timedelta(minutes=10)
"""For so long a message that is being sent is left alone by others; whoever took it and died is forgotten then."""
TRIES = 12
"""Then a mail is given up: a little more than three days after the first try."""
LONGEST_WAIT = timedelta(hours=12)


def claim(session: Session, real: datetime) -> Message | None:
    """Take the message that has waited longest, for `LEASE`; None: none is due. No lock outlives the transaction."""
    due = select(col(Message.id)).where(col(Message.retry_at) <= real).order_by(col(Message.retry_at), col(Message.id))
    taken = (
        update(Message)
        .where(col(Message.id) == due.limit(1).with_for_update(skip_locked=True).scalar_subquery())
        .values(retry_at=real + LEASE, tries=Message.__table__.c.tries + 1)  # type: ignore[attr-defined]
    )
    found: Message | None = session.scalar(taken.returning(Message), execution_options={"populate_existing": True})
    return found


def has_gone(session: Session, message: Message, real: datetime, why: str = "") -> None:
    _settle(session, message, sent_at=real, retry_at=None, why=None)


def put_off(session: Session, message: Message, real: datetime, why: str) -> None:
    """Try again after a growing while, or give it up after `TRIES`."""
    if message.tries >= TRIES:
        give_up(session, message, real, f"{why}（已试{message.tries}次，不再发送）")
        return
    wait = min(INTERVAL * 2 ** (message.tries - 1), LONGEST_WAIT)
    _settle(session, message, retry_at=real + wait, why=why)


def give_back(session: Session, message: Message, real: datetime, why: str) -> None:
    """It was never tried, because no server answered: it is due again at once, and no try is counted."""
    _settle(session, message, retry_at=real, tries=message.tries - 1, why=why)


def give_up(session: Session, message: Message, real: datetime, why: str) -> None:
    _settle(session, message, retry_at=None, why=why)


def _settle(session: Session, message: Message, **values: Any) -> None:
    # what was taken over meanwhile is settled by its successor; that it has gone is true all the same
    alone = [] if "sent_at" in values else [col(Message.successor_id).is_(None)]
    session.execute(update(Message).where(col(Message.id) == message.id, *alone).values(values))


# --- reading ---------------------------------------------------------------------------------------------------------


def messages_of(session: Session, person: Person, before: int | None = None, limit: int = 20) -> list[Message]:
    """This person's messages, newest first, from below the id `before`; without those that were taken over."""
    mine = select(Message).where(col(Message.person_id) == person.id, col(Message.successor_id).is_(None))
    older = mine.where(col(Message.id) < before) if before else mine
    return list(session.scalars(older.order_by(col(Message.id).desc()).limit(limit)))


def message_of(session: Session, person: Person, message_id: int) -> Message:
    """Errors: `NotFound` where there is none, or it is somebody else's."""
    found = session.get(Message, message_id)
    if found is None or found.person_id != person.id:
        raise NotFound(f"没有编号为 {message_id} 的消息，或它不是发给您的。")
    return found


def brief_of(session: Session, person: Person, day: date) -> Message | None:
    asked = select(Message).where(col(Message.person_id) == person.id, col(Message.kind) == "brief")
    return session.scalar(asked.where(col(Message.slot) == day.isoformat()))


class Unread(NamedTuple):
    """A notice that its person has not read, and the number of its case."""

    notice: Notice
    number: str | None


def unread_of(session: Session, person: Person, at: datetime, limit: int = 200) -> tuple[list[Unread], int]:
    """The newest notices that were not read, and how many there are in all."""
    mine = col(Notice.person_id) == person.id, col(Notice.read_at).is_(None), col(Notice.made_at) <= at
    asked = select(Notice, col(Case.number)).join(Case, col(Case.id) == col(Notice.case_id), isouter=True).where(*mine)
    found = [Unread(*row) for row in session.execute(asked.order_by(col(Notice.id).desc()).limit(limit))]
    return found, len(found) if len(found) < limit else session.scalar(select(func.count()).where(*mine)) or 0


def mail_to(person: Person, address: str, *, on: bool) -> None:
    """Let this person's mail go to `address` (empty: nowhere), or keep it in while it is not `on`. Errors: `Invalid`."""
    address = address.strip()
    if address and (len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address)):
        raise Invalid("这不是一个邮箱地址，应写作 zhangsan@example.gov.cn。", field="email")
    person.email, person.mail = address or None, on
