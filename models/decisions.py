"""业主共同决定 as the office keeps them: an estate's roster, the ballots that came in, what they add up to.

Papers are read by `roster.py` and counted by `tally.py`; here is what stays of them. A result is frozen with its
decision: a roster that is replaced later does not change what was decided under it.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Index, delete, select
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, instant, jsonb, primary_key, reference, write
from .documents import keep
from .errors import Conflict, Invalid
from .reading import Finding
from .roster import BallotsReading, RosterLine, RosterReading, belongs_to, masked_name, read_ballots, read_roster
from .settings import settings
from .tally import Window, tally
from .territory import Estate, Unit
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .case import Case
    from .people import Person

KINDS: tuple[Literal["merged", "refused", "undecided", "noted"], ...] = ("merged", "refused", "undecided", "noted")


class Roster(SQLModel, table=True):
    """业主名册: one upload of an estate's roster; its units are in `unit` until the next upload."""

    id: int | None = primary_key()
    estate_id: int = reference("estate.id", index=True)
    by_id: int | None = reference("person.id", nullable=True)
    at: datetime = instant()
    filename: str
    sha256: str = Field(foreign_key="blob.sha256")
    units: int
    heads: int
    total_area_dm2: int
    unsold_units: int
    duplicate_lines: int
    findings: Any = jsonb()
    """`merged`, `refused`, `undecided`, `noted`, each a list of findings."""

    @classmethod
    def read(
        cls, session: Session, estate: Estate, data: bytes, *, filename: str, by: "Person | None", at: datetime
    ) -> "Roster":
        """Read an .xlsx and let it be the estate's roster from now on.

        Raises `Invalid` or `TooLarge` with `field="roster"`; then the old roster stays.
        """
        reading = read_roster(data, filename=filename, limit=settings().upload_limit)
        session.execute(select(Estate.id).where(col(Estate.id) == estate.id).with_for_update())
        known = session.scalars(select(Unit.label).where(col(Unit.estate_id) == estate.id))
        belongs_to(reading, estate.name, known)
        session.execute(delete(Unit).where(col(Unit.estate_id) == estate.id))
        insert_rows(
            session,
            Unit,
            [
                {
                    "estate_id": estate.id, "label": line.unit, "area_dm2": line.area_dm2, "owner": line.owner,
                    "owner_key": line.owner_key, "unsold": line.unsold, "id_number": line.id_number, "phone": line.phone,
                }
                for line in reading.lines
            ],
        )  # fmt: skip
        roster = cls(
            estate_id=estate.id,  # type: ignore[arg-type]
            by_id=by.id if by else None,
            at=at,
            filename=filename[:200],
            sha256=keep(session, data),
            units=len(reading.lines),
            heads=reading.heads,
            total_area_dm2=reading.total_area_dm2,
            unsold_units=reading.unsold_units,
            duplicate_lines=reading.duplicate_lines,
            findings={kind: [asdict(finding) for finding in getattr(reading, kind)] for kind in KINDS},
        )
        session.add(roster)
        session.flush()
        return roster

    @classmethod
    def of(cls, session: Session, estate_id: int) -> "Roster | None":
        """The roster in use."""
        return session.scalar(select(cls).where(col(cls.estate_id) == estate_id).order_by(col(cls.id).desc()).limit(1))

    def reading(self, session: Session) -> RosterReading:
        """As if it had just been read, less what counting has no use for (identity numbers, phones)."""
        units = session.scalars(select(Unit).where(col(Unit.estate_id) == self.estate_id).order_by(col(Unit.id)))
        lines = tuple(RosterLine(u.label, "", u.owner, u.owner_key, None, u.area_dm2, None, u.unsold, 0) for u in units)
        return RosterReading(lines, **{kind: _findings(self.findings[kind]) for kind in KINDS})


class Decision(SQLModel, table=True):
    """One matter put to an estate's owners. `case_id` is set where a case of ours runs the vote.

    `window_from` and `window_to` are the first and last day of the vote; none, and the times of ballots are not looked at.
    """

    id: int | None = primary_key()
    estate_id: int = reference("estate.id", index=True)
    case_id: int | None = reference("case.id", nullable=True, index=True)
    title: str
    window_from: date | None = None
    window_to: date | None = None
    by_id: int | None = reference("person.id", nullable=True)
    made_at: datetime = instant()
    roster_id: int | None = reference("roster.id", nullable=True)
    filename: str | None = None
    sha256: str | None = Field(default=None, foreign_key="blob.sha256")
    rulings: Any = jsonb()
    """What a person decided about a unit's ballots: unit → `{"row", "reason", "by", "at"}`; row null: none counts."""
    tally: Any = jsonb(nullable=True)
    counted_at: datetime | None = instant(nullable=True)

    @classmethod
    def open(
        cls,
        session: Session,
        estate: Estate,
        *,
        title: str,
        by: "Person | None",
        at: datetime,
        window_from: date | None = None,
        window_to: date | None = None,
        case: "Case | None" = None,
    ) -> "Decision":
        if not title.strip():
            raise Invalid("请写明表决事项。", field="title")
        if (window_from is None) != (window_to is None):
            raise Invalid("表决期的首日和末日须同时填写。", field="window_to" if window_from else "window_from")
        if window_from and window_to and window_to < window_from:
            raise Invalid(f"表决末日（{window_to}）早于首日（{window_from}），请核对。", field="window_to")
        decision = cls(
            estate_id=estate.id,  # type: ignore[arg-type]
            case_id=case.id if case else None,
            title=title.strip()[:200],
            window_from=window_from,
            window_to=window_to,
            by_id=by.id if by else None,
            made_at=at,
        )
        session.add(decision)
        session.flush()
        return decision

    @property
    def window(self) -> Window | None:
        if self.window_from is None or self.window_to is None:
            return None
        return _midnight(self.window_from), _midnight(self.window_to + timedelta(days=1))

    @property
    def undecided(self) -> list[dict[str, Any]]:
        """What a person must still decide before the result is one."""
        return self.tally["undecided"] if self.tally else []

    @property
    def ordinary_passed(self) -> bool:
        """Passed as an ordinary matter (Civil Code 278), with nothing left to decide."""
        return bool(self.tally and not self.undecided and self.tally["ordinary_passed"])

    def why_not(self) -> str:
        """Why it is not passed, in a sentence; `""` when it is."""
        if self.tally is None:
            return "尚未导入表决票。"
        if self.undecided:
            return f"还有{len(self.undecided)}处需要人工认定：{self.undecided[0]['sentence']}"
        return self.tally["why_not"]

    def take(self, session: Session, data: bytes, *, filename: str, by: "Person | None", at: datetime) -> None:
        """Take in the ballots (.xlsx), in place of those taken before, and count them.

        Raises `Conflict` without a roster or once a case rests on the result; `Invalid` with `field="ballots"`.
        """
        self._refuse_when_used(session)
        ballots = read_ballots(data, filename=filename, limit=settings().upload_limit)
        write(session, self, filename=filename[:200], sha256=keep(session, data), rulings={})
        self._count(session, ballots, at)

    def rule(
        self, session: Session, unit: str, row: int | None, reason: str, *, by: "Person | None", at: datetime
    ) -> None:
        """认定: of this unit's ballots, the one in `row` of the file counts, or none; then count again."""
        self._refuse_when_used(session)
        if not reason.strip():
            raise Invalid("认定须写明理由。", field="reason")
        if self.sha256 is None:
            raise Conflict("尚未导入表决票，没有需要认定的内容。")
        ballots = self._ballots(session)
        open_rows = {r for finding in self.undecided if finding["unit"] == unit for r in finding["rows"]}
        if not any(finding["unit"] == unit for finding in self.undecided):
            raise Invalid(f"“{unit}”没有需要人工认定的表决票。", field="unit")
        if row is not None and row not in {line.source_row for line in ballots.lines if line.unit == unit}:
            raise Invalid(
                f"“{unit}”在第{row}行没有可以计入的票；可选：{'、'.join(map(str, sorted(open_rows)))}。", field="row"
            )
        ruling = {"row": row, "reason": reason.strip()[:400], "by": by.id if by else None, "at": at.isoformat()}
        write(session, self, rulings=self.rulings | {unit: ruling})
        self._count(session, ballots, at)

    def _ballots(self, session: Session) -> BallotsReading:
        from .documents import body_of

        assert self.sha256 is not None
        return read_ballots(body_of(session, self.sha256), filename=self.filename or "", limit=settings().upload_limit)

    def _refuse_when_used(self, session: Session) -> None:
        from .case import Case

        number = session.scalar(
            select(Case.number)
            .where(Case.details["decision"].as_integer() == self.id, col(Case.estate_id) == self.estate_id)
            .limit(1)
        )
        if number:
            raise Conflict(f"案件 {number} 已经依据本决定办理，计票结果不能再改。", field="ballots")

    def _count(self, session: Session, ballots: BallotsReading, at: datetime) -> None:
        roster = Roster.of(session, self.estate_id)
        if roster is None:
            raise Conflict("本小区还没有业主名册，请先导入名册再导入表决票。", field="roster")
        counted = tally(roster.reading(session), self._as_ruled(ballots), window=self.window)
        session.execute(delete(Ballot).where(col(Ballot.decision_id) == self.id))
        insert_rows(
            session,
            Ballot,
            [
                {"decision_id": self.id, "unit": line.unit, "owner": line.owner, "opinion": line.opinion,
                 "received_at": line.received_at, "row": line.source_row}
                for line in ballots.lines
            ],
        )  # fmt: skip
        frozen = counted.as_json() | {"why_not": counted.why_not(), "duplicate_lines": roster.duplicate_lines}
        write(session, self, tally=frozen, counted_at=at, roster_id=roster.id)

    def _as_ruled(self, ballots: BallotsReading) -> BallotsReading:
        """The ballots with what a person decided about some of them: that one counts whoever signed it, and no other does."""
        lines, refused, noted = [], list(ballots.refused), list(ballots.noted)
        opening = self.window[0] if self.window else None
        for line in ballots.lines:
            ruling = self.rulings.get(line.unit)
            if ruling is None:
                lines.append(line)
            elif ruling["row"] == line.source_row:
                lines.append(replace(line, owner="", received_at=line.received_at or opening))
                noted.append(
                    _ruled(
                        "ruled_in",
                        f"{line.unit}以第{line.source_row}行的票为准：{ruling['reason']}",
                        line.unit,
                        line.source_row,
                    )
                )
            else:
                refused.append(
                    _ruled(
                        "ruled_out",
                        f"{line.unit}第{line.source_row}行的票不计：{ruling['reason']}",
                        line.unit,
                        line.source_row,
                    )
                )
        undecided = tuple(finding for finding in ballots.undecided if finding.unit not in self.rulings)
        return replace(ballots, lines=tuple(lines), refused=tuple(refused), noted=tuple(noted), undecided=undecided)


class Ballot(SQLModel, table=True):
    """A ballot as it was handed in; whether it counted stands in its decision's tally."""

    id: int | None = primary_key()
    decision_id: int = reference("decision.id")
    unit: str
    owner: str
    opinion: str
    received_at: datetime | None = instant(nullable=True)
    row: int

    __table_args__ = (Index("ix_ballot_decision_id_unit", "decision_id", "unit"),)

    @property
    def masked_owner(self) -> str:
        return masked_name(self.owner)


def decision_for(session: Session, case: "Case") -> Decision | None:
    """The decision a case rests on: attached to it, or else voted on in it."""
    attached = case.details.get("decision")
    if attached:
        return session.get(Decision, attached)
    return session.scalar(
        select(Decision).where(col(Decision.case_id) == case.id).order_by(col(Decision.id).desc()).limit(1)
    )


def _findings(rows: Iterable[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**row, "rows": tuple(row["rows"])}) for row in rows)


def _ruled(kind: str, sentence: str, unit: str, row: int) -> Finding:
    return Finding(kind, sentence, (row,), unit, "ballots")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OFFICE_ZONE)
