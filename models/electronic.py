"""电子投票: ballots that owners cast here, one link per unit, counted together with those on paper.

What it is by 电子签名法 Art. 13 (four tests of a reliable electronic signature) and 14 (such a one is as good as ink):

- *Signing data belong to the signer alone, and only the signer controls them when signing* (一, 二): only as far as the slip
  reaches nobody else. A link (128 random bits) and a code (验证码) are drawn per unit, given out once and stored as hashes; ten wrong
  codes lock the link. Whoever holds both is taken for the unit's owner: no identity document, no certificate of a 电子认证服务机构
  stands behind it, and the office that printed the slips has seen them. Accounts have no unit, so signing in cannot take the code's place.
- *A later change of the signature, or of what was signed, can be found* (三, 四): met. Ballots are rows that the database lets nobody
  change or take away, each hashed onto the one before; the voter keeps the hash as a receipt, `banjie verify` recomputes all of it.

It is therefore no 可靠的电子签名 by itself; the rules of the estate or a platform certified for it must make it one. Secrecy towards
whoever reads the database is not promised; towards everybody at the doors it is: nothing is counted before the vote has closed.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from sqlalchemy import Index, func, select, text
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, instant, primary_key, reference, write
from .errors import Conflict, Invalid, NotFound
from .estate_roster import Roster
from .ledger import GENESIS, event_hash, facts_hash
from .people import Body
from .reading import ELECTRONIC, Finding, Opinion, ballot_name
from .roster import BallotLine, BallotsReading, masked_name
from .scope import labels_in
from .tally import Shares, UnitShare, Vote, Weight, tally
from .territory import Estate, Unit
from .wording import instant as said
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .decisions import Decision
    from .people import Person

TRIES = 10
"""Wrong codes, in all, that lock a link until it is issued anew."""
CHANGES = 100
"""Ballots that one link may cast: nobody changes their mind so often."""
NOT_FOUND = "这个链接无效或已经作废。请核对投票单，或联系发放投票单的单位补发。"


class Slip(NamedTuple):
    """What one unit's voter gets: `token` and `code` are known to nobody but whoever this is handed to."""

    unit: str
    owner: str
    number: int
    token: str
    code: str

    @property
    def masked_owner(self) -> str:
        return masked_name(self.owner)


@dataclass(frozen=True)
class Turnout:
    """How many have voted electronically within the window, by the measures of Civil Code 278; never what."""

    units: int
    voted_units: int
    total: Weight
    voted: Weight
    locked: tuple[str, ...]
    """Units whose link is locked by wrong codes."""

    @property
    def share(self) -> Shares:
        return self.voted.of(self.total)

    def as_json(self) -> dict[str, Any]:
        """Areas in dm², shares as percent cut to two digits."""
        return {
            "units": self.units, "voted_units": self.voted_units,
            "total_area_dm2": self.total.area, "voted_area_dm2": self.voted.area,
            "heads": self.total.heads, "voted_heads": self.voted.heads,
            "share": self.share.as_json(), "locked": list(self.locked),
        }  # fmt: skip


class ElectronicVote(SQLModel, table=True):
    """That a decision is voted on electronically, and where the chain of its ballots ends."""

    __tablename__ = "electronic_vote"
    decision_id: int = reference("decision.id", primary_key=True)
    asked_by: str
    """The body that asks the owners, as voters read it."""
    by_id: int | None = reference("person.id", nullable=True)
    opened_at: datetime = instant()
    last_seq: int = 0
    last_hash: str = GENESIS

    @classmethod
    def of(cls, session: Session, decision: "Decision", *, hold: bool = False) -> "ElectronicVote | None":
        """`hold`: no ballot comes in before this transaction ends."""
        return session.get(cls, decision.id, with_for_update=hold or None, populate_existing=hold)

    @classmethod
    def open(
        cls, session: Session, decision: "Decision", *, by: "Person | None", at: datetime
    ) -> tuple["ElectronicVote", list[Slip]]:
        """`Decision.open_electronic`, which holds the decision. Raises `Conflict`: without both days of the vote or a roster, after the last day, once ballots were counted, a second time."""
        if cls.of(session, decision):
            raise Conflict("本次表决的电子投票已经开通；投票单丢失的，请按房号补发。")
        if decision.window is None:
            raise Conflict("没有定下表决首日和末日的表决不能开通电子投票。", field="window_from")
        if at >= decision.window[1]:
            raise Conflict(f"表决期已于 {decision.window_to} 24时届满，不能再开通电子投票。", field="window_to")
        if decision.tally is not None:
            raise Conflict("本次表决已经计过票，不能再开通电子投票。")
        units = electorate(session, decision)
        if not units:
            raise Conflict("本小区还没有业主名册，请先导入名册再开通电子投票。", field="roster")
        vote = cls(
            decision_id=decision.id,  # type: ignore[arg-type]
            asked_by=_asked_by(session, decision, by),
            by_id=by.id if by else None,
            opened_at=at,
        )
        session.add(vote)
        session.flush()
        return vote, _issue(session, decision, list(enumerate(units, 1)), by, at)

    def reissue(
        self, session: Session, decision: "Decision", unit: str | None, *, by: "Person | None", at: datetime
    ) -> list[Slip]:
        """`Decision.reissue`, which holds the decision. A unit that the roster has got since gets its first link. Raises `Invalid` (`unit`) for one that does not vote, `Conflict` after
        the close.
        """
        if decision.window is None or at >= decision.window[1]:
            raise Conflict(f"表决期已于 {decision.window_to} 24时届满，不再补发链接。")
        voting = {one.label: one for one in electorate(session, decision)}
        if unit is not None and unit not in voting:
            raise Invalid(f"名册中没有“{unit[:40]}”，请按名册的写法填写房号，如 1栋0101。", field="unit")
        former = session.scalars(
            select(VoteLink).where(col(VoteLink.decision_id) == self.decision_id).order_by(col(VoteLink.id)).with_for_update()
        ).all()  # fmt: skip
        numbers = {link.unit: link.number for link in former}
        last = max(numbers.values(), default=0)
        wanted = [voting[unit]] if unit is not None else list(voting.values())
        for one in wanted:
            if one.label not in numbers:
                last = numbers[one.label] = last + 1
        labels = {one.label for one in wanted}
        for link in former:
            # a unit that is no longer in the roster loses its link where all are issued anew
            if link.revoked_at is None and (unit is None or link.unit in labels):
                write(session, link, revoked_at=at)
        return _issue(session, decision, [(numbers[one.label], one) for one in wanted], by, at)

    def turnout(self, session: Session, decision: "Decision") -> Turnout:
        units = electorate(session, decision)
        voting = {unit.label for unit in units}
        counting = _sort_out(self.ballots(session), _close(decision)).counting
        shares = [UnitShare(unit.label, unit.area_dm2, unit.owner_key, unit.unsold) for unit in units]
        # whatever they said, they take part: counted as the result will count it
        taking_part = tally(shares, [Vote(unit, "abstain", None) for unit in counting if unit in voting])
        locked = select(col(VoteLink.unit)).where(
            col(VoteLink.decision_id) == self.decision_id,
            col(VoteLink.revoked_at).is_(None),
            col(VoteLink.wrong) >= TRIES,
        )
        return Turnout(
            units=len(units),
            voted_units=sum(unit in voting for unit in counting),
            total=taking_part.total,
            voted=taking_part.participating,
            locked=tuple(session.scalars(locked.order_by(col(VoteLink.number)))),
        )

    def ballots(self, session: Session) -> Sequence["ElectronicBallot"]:
        """All that were ever cast, in the order in which they came."""
        found = select(ElectronicBallot).where(col(ElectronicBallot.decision_id) == self.decision_id)
        return session.scalars(found.order_by(col(ElectronicBallot.seq))).all()

    def broken(self, ballots: Iterable["ElectronicBallot"]) -> str | None:
        """A sentence about the first of all `ballots` that is not as it was cast; None where all are."""
        seq, last = 0, GENESIS
        for seq, ballot in enumerate(ballots, 1):
            if (ballot.seq, ballot.prev_hash) != (seq, last):
                return f"第{seq}张电子票缺失，或次序被改动"
            if not ballot.is_whole:
                return f"{ballot.unit}的{ballot_name(ballot.row)}（第{seq}张）被改动，与收到时的散列值不符"
            last = ballot.hash
        if (seq, last) != (self.last_seq, self.last_hash):
            return f"第{self.last_seq}张电子票缺失" if seq < self.last_seq else f"第{seq}张电子票不是收到的最后一张"
        return None


class VoteLink(SQLModel, table=True):
    """One unit's way to the vote. Of token and code only hashes are stored, the code's with the token in it: who reads the
    database can neither open the link nor find the six digits by trying."""

    __tablename__ = "vote_link"
    id: int | None = primary_key()
    decision_id: int = reference("decision.id")
    unit: str
    owner: str
    """By the roster when it was issued."""
    number: int
    """The unit's, of this decision, from 1; its ballot is `ELECTRONIC + number`. It stays when the link is issued anew."""
    token_hash: str = Field(unique=True)
    code_hash: str
    wrong: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Wrong codes so far."""
    by_id: int | None = reference("person.id", nullable=True)
    issued_at: datetime = instant()
    revoked_at: datetime | None = instant(nullable=True)

    __table_args__ = (
        Index("uq_vote_link_decision_id_unit", "decision_id", "unit", unique=True, postgresql_where=text("revoked_at is null")),
        Index("ix_vote_link_decision_id", "decision_id"),
    )  # fmt: skip

    @classmethod
    def of(cls, session: Session, token: str) -> "VoteLink":
        """Raises `NotFound`, in the same words whether there never was such a link or it has been revoked."""
        link = session.scalar(select(cls).where(col(cls.token_hash) == _hash(token), col(cls.revoked_at).is_(None)))
        if link is None:
            raise NotFound(NOT_FOUND)
        return link

    @property
    def is_locked(self) -> bool:
        return self.wrong >= TRIES

    @property
    def masked_owner(self) -> str:
        return masked_name(self.owner)

    def admits(self, session: Session, token: str, code: str) -> bool:
        """Whether this is the link's code. A wrong one is counted, so the caller must let the transaction commit."""
        session.refresh(self, with_for_update=True)
        if self.revoked_at or self.is_locked:
            return False
        typed = "".join(unicodedata.normalize("NFKC", code).split())
        if secrets.compare_digest(_hash(token, typed), self.code_hash):
            return True
        write(session, self, wrong=self.wrong + 1)
        return False

    def cast(self, session: Session, opinion: str, at: datetime) -> "ElectronicBallot":
        """Cast the unit's ballot, or another in its place. After the close it is kept and does not count.

        Whoever calls this has seen that the link `admits` the voter. Raises `Invalid` (`opinion`), `Conflict` before the first day.
        """
        from .decisions import Decision

        if opinion not in get_args(Opinion):
            raise Invalid("请选择同意、不同意或弃权。", field="opinion")
        session.refresh(self, with_for_update=True)
        if self.revoked_at:
            raise NotFound(NOT_FOUND)
        decision = session.get_one(Decision, self.decision_id)
        must_have_begun(decision, at)
        vote = session.get_one(ElectronicVote, self.decision_id, with_for_update=True, populate_existing=True)
        mine = col(ElectronicBallot.link_id) == self.id
        if (session.scalar(select(func.count()).select_from(ElectronicBallot).where(mine)) or 0) >= CHANGES:
            raise Conflict(f"这个链接已经提交过 {CHANGES} 次，不能再修改；请联系发放投票单的单位补发。")
        # one that waited while the ballots were being counted came after that count, not before it
        session.refresh(decision, ["counted_at"])
        ballot = ElectronicBallot(
            decision_id=self.decision_id,
            link_id=self.id,  # type: ignore[arg-type]
            unit=self.unit,
            number=self.number,
            seq=vote.last_seq + 1,
            opinion=opinion,
            salt=secrets.token_hex(16),
            received_at=max(at, decision.counted_at or at),
            prev_hash=vote.last_hash,
            hash="",
        )
        ballot.hash = ballot.reckoned
        session.add(ballot)
        session.flush()
        write(session, vote, last_seq=ballot.seq, last_hash=ballot.hash)
        return ballot

    def last_cast(self, session: Session) -> "ElectronicBallot | None":
        """The unit's last ballot, by whichever of its links."""
        found = select(ElectronicBallot).where(
            col(ElectronicBallot.decision_id) == self.decision_id, col(ElectronicBallot.unit) == self.unit
        )
        return session.scalar(found.order_by(col(ElectronicBallot.seq).desc()).limit(1))


class ElectronicBallot(SQLModel, table=True):
    """A ballot as it was cast; written once. Of a unit's ballots the last within the window counts.

    `hash` is the receipt: over the hash before and over the opinion with a salt that nobody is given, so that a receipt
    proves *that* a unit has voted and lets nobody find out, or be paid for, *what*.
    """

    __tablename__ = "electronic_ballot"
    id: int | None = primary_key()
    decision_id: int = reference("decision.id")
    link_id: int = reference("vote_link.id", index=True)
    unit: str
    number: int
    seq: int
    """In the decision, from 1."""
    opinion: str
    salt: str
    received_at: datetime = instant()
    prev_hash: str
    hash: str = Field(unique=True)

    __table_args__ = (Index("uq_electronic_ballot_decision_id_seq", "decision_id", "seq", unique=True),)

    @classmethod
    def of_receipt(cls, session: Session, receipt: str) -> "ElectronicBallot":
        """Raises `NotFound`."""
        plain = "".join(receipt.split()).lower()
        found = session.scalar(select(cls).where(col(cls.hash) == plain)) if plain.isalnum() else None
        if found is None:
            raise NotFound("没有这个回执，请核对回执编号是否完整。")
        return found

    @property
    def row(self) -> int:
        return ELECTRONIC + self.number

    @property
    def reckoned(self) -> str:
        """The hash that what stands in the row has."""
        identity = (self.decision_id, self.seq, self.link_id, self.unit, self.number, self.received_at)
        return event_hash(self.prev_hash, identity, facts_hash(self.salt, {"opinion": self.opinion}, None))

    @property
    def is_whole(self) -> bool:
        return self.hash == self.reckoned

    def is_late(self, decision: "Decision") -> bool:
        return self.received_at >= _close(decision)


def electorate(session: Session, decision: "Decision") -> list[Unit]:
    """The units that vote on this decision, in the order of the roster in use. The one place that says which. Raises `Invalid`
    (`scope`) where the roster no longer knows its scope."""
    if Roster.of(session, decision.estate_id) is None:
        return []
    units = session.scalars(select(Unit).where(col(Unit.estate_id) == decision.estate_id).order_by(col(Unit.id))).all()
    asked = labels_in(decision.scope, [unit.label for unit in units])
    return [unit for unit in units if unit.label in asked]


def must_have_begun(decision: "Decision", at: datetime) -> None:
    """Raises `Conflict`, with the day on which it opens."""
    if decision.window and at < decision.window[0]:
        raise Conflict(f"表决还没有开始，自{said(decision.window[0])}起可以投票。")


def must_have_closed(session: Session, decision: "Decision", at: datetime) -> None:
    """Ballots may be changed until the close, and nobody may know before how it stands. Raises `Conflict` (`ballots`)."""
    if at < _close(decision) and ElectronicVote.of(session, decision):
        raise Conflict(
            f"电子投票到 {decision.window_to} 24时截止，截止前可以改票，不能导入表决票或计票。", field="ballots"
        )


def beside(session: Session, decision: "Decision", paper: BallotsReading) -> BallotsReading:
    """The ballots on paper together with those cast here; late ones are refused. No ballot comes in until this transaction ends.

    Raises `Conflict` (`ballots`) where a ballot is not as it was cast.
    """
    vote = ElectronicVote.of(session, decision, hold=True)
    if vote is None:
        return paper
    ballots = vote.ballots(session)
    if wrong := vote.broken(ballots):
        raise Conflict(f"{wrong}，不能计票，请系统管理员核查。", field="ballots")
    owner = dict(
        session.execute(select(col(VoteLink.id), col(VoteLink.owner)).where(col(VoteLink.decision_id) == decision.id))
        .tuples()
        .all()
    )
    found = _sort_out(ballots, _close(decision))
    lines = (
        BallotLine(ballot.unit, owner[ballot.link_id], ballot.opinion, ballot.received_at, ballot.row)  # type: ignore[arg-type]
        for ballot in sorted(found.counting.values(), key=lambda ballot: ballot.number)
    )
    return replace(paper, lines=(*paper.lines, *lines), refused=(*paper.refused, *map(_late, found.late)))


def set_aside(session: Session, decision: "Decision") -> list[tuple["ElectronicBallot", str]]:
    """The ballots cast here that do not count, each with `superseded` or `late`."""
    vote = ElectronicVote.of(session, decision)
    if vote is None:
        return []
    found = _sort_out(vote.ballots(session), _close(decision))
    return [(one, "superseded") for one in found.superseded] + [(one, "late") for one in found.late]


def chain_of(session: Session, decision: "Decision") -> str:
    """For the ledger of the case, a sentence that pins the chain down: rewritten whole, it would have another end."""
    vote = ElectronicVote.of(session, decision)
    return f"收到电子票{vote.last_seq}张次，末张散列值：{vote.last_hash}。" if vote else ""


def broken_votes(session: Session) -> list[tuple[str, str]]:
    """Of every electronic vote whose ballots are not as they were cast, the matter and a sentence that names the first."""
    from .decisions import Decision

    votes = session.execute(
        select(ElectronicVote, col(Decision.title)).join(Decision, col(Decision.id) == col(ElectronicVote.decision_id))
    )
    checked = (
        (f"{title}（业主共同决定第{vote.decision_id}号）", vote.broken(vote.ballots(session))) for vote, title in votes
    )
    return [(title, wrong) for title, wrong in checked if wrong]


@dataclass(frozen=True)
class _Sorted:
    counting: dict[str, ElectronicBallot]
    superseded: list[ElectronicBallot]
    late: list[ElectronicBallot]


def _sort_out(ballots: Iterable[ElectronicBallot], close: datetime) -> _Sorted:
    found = _Sorted({}, [], [])
    for ballot in ballots:
        if ballot.received_at >= close:
            found.late.append(ballot)
            continue
        if former := found.counting.pop(ballot.unit, None):
            found.superseded.append(former)
        found.counting[ballot.unit] = ballot
    return found


def _late(ballot: ElectronicBallot) -> Finding:
    when = f"{ballot.received_at.astimezone(OFFICE_ZONE):%Y-%m-%d %H:%M}"
    sentence = f"{ballot.unit}的{ballot_name(ballot.row)}{when}收到，晚于表决截止，留存不计。"
    return Finding("late", sentence, (ballot.row,), ballot.unit, "ballots")


def _close(decision: "Decision") -> datetime:
    """The first instant at which ballots no longer count. Only decisions with a window are voted on electronically."""
    return decision.window[1] if decision.window else datetime.min.replace(tzinfo=OFFICE_ZONE)


def _issue(
    session: Session,
    decision: "Decision",
    wanted: Collection[tuple[int, Unit]],
    by: "Person | None",
    at: datetime,
) -> list[Slip]:
    # without a leading zero, which a spreadsheet would drop
    slips = [
        Slip(unit.label, unit.owner, number, secrets.token_urlsafe(16), str(100_000 + secrets.randbelow(900_000)))
        for number, unit in wanted
    ]
    insert_rows(
        session,
        VoteLink,
        [
            {"decision_id": decision.id, "unit": slip.unit, "owner": slip.owner, "number": slip.number,
             "token_hash": _hash(slip.token), "code_hash": _hash(slip.token, slip.code), "by_id": by.id if by else None, "issued_at": at}
            for slip in slips
        ],
    )  # fmt: skip
    return slips


def _asked_by(session: Session, decision: "Decision", by: "Person | None") -> str:
    ids = [post.body_id for post in by.posts if post.body_id] if by else []
    body = session.get(Body, ids[0]) if ids else None
    return body.name if body else session.get_one(Estate, decision.estate_id).name


def _hash(*secret: str) -> str:
    return hashlib.sha256(":".join(secret).encode()).hexdigest()
