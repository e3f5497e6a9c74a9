"""业主共同决定 as the office keeps them: the ballots that came in, what a person ruled about them, what they add up to.

Papers are read by `roster.py` and counted by `tally.py`; here is what stays of them. A result is frozen with its
decision: a roster that is replaced later does not change what was decided under it, until somebody counts again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import Index, delete, func, or_, select
from sqlmodel import Field, Session, SQLModel, col

from .clock import Clock, running_clocks
from .db import insert_rows, instant, jsonb, primary_key, reference, write
from .documents import body_of, keep
from .errors import Conflict, Invalid
from .estate_roster import Roster
from .reading import Finding, Opinion, ballot_name
from .roster import BallotLine, BallotsReading, masked_name, read_ballots
from .scope import EVERYBODY, in_short, is_everybody, labels_in, words_in
from .settings import settings
from .tally import Window, tally
from .territory import Estate
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .case import Case
    from .people import Person

MotionKind = Literal["ordinary", "special", "election"]
MATTERS: dict[str, str] = {"ordinary": "一般事项", "special": "特别事项", "election": "选举"}
"""Civil Code 278: the use of the fund, the election of a committee and most others are ordinary; raising the fund, rebuilding
and another use of common parts are special (第六项至第八项). Of an election nobody is shown who voted how."""
LONGEST_SCOPE = 2000
VOTE_ENDS = "window_ends"
"""What the period of a vote fires when it has run, in every case type that has one."""


@dataclass(frozen=True)
class Doubt:
    """What a person must decide about one unit's ballots, or about one line of which nobody can say whose it is."""

    unit: str | None
    sentences: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """Of the file; one of them may be ruled to count."""
    unread: set[int] = field(default_factory=set)
    """Rows whose opinion could not be read: a ruling says it, after a look at the paper."""


class Decision(SQLModel, table=True):
    """One matter put to an estate's owners. `case_id` is set where a case of ours runs the vote.

    `window_from` and `window_to` are the first and last day of the vote; none, and the times of ballots are not looked at.
    """

    id: int | None = primary_key()
    estate_id: int = reference("estate.id", index=True)
    case_id: int | None = reference("case.id", nullable=True, index=True)
    title: str
    kind: str = Field(default="ordinary", sa_column_kwargs={"server_default": "ordinary"})
    """A `MotionKind`."""
    scope: str = Field(default=EVERYBODY, sa_column_kwargs={"server_default": EVERYBODY})
    """表决范围, whose owners decide: words as `scope.py` reads them. Fixed once the motion is put."""
    window_from: date | None = None
    window_to: date | None = None
    by_id: int | None = reference("person.id", nullable=True)
    made_at: datetime = instant()
    roster_id: int | None = reference("roster.id", nullable=True)
    filename: str | None = None
    sha256: str | None = Field(default=None, foreign_key="blob.sha256")
    rulings: Any = jsonb()
    """What a person decided about a unit's ballots: unit (or `第7行`) → `{"unit", "row", "opinion", "rows", "reason", "by", "at"}`;
    row null: none counts."""
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
        kind: MotionKind = "ordinary",
        scope: str = EVERYBODY,
        window_from: date | None = None,
        window_to: date | None = None,
        case: "Case | None" = None,
    ) -> "Decision":
        """Put a matter to the owners in `scope`. Where the estate has a roster, it must know them; else they are looked for
        when the ballots are counted. Raises `Invalid`."""
        if not title.strip():
            raise Invalid("请写明表决事项。", field="title")
        if not words_in(scope):
            raise Invalid("请写明表决范围：由哪些业主表决，例如“全体业主”、“3栋”。", field="scope")
        if len(scope) > LONGEST_SCOPE:
            raise Invalid(f"表决范围不能超过{LONGEST_SCOPE}字。", field="scope")
        if roster := Roster.of(session, estate.id):
            labels_in(scope, roster.labels(session))
        if kind not in get_args(MotionKind):
            raise Invalid(f"事项类别应为{'、'.join(MATTERS.values())}之一。", field="kind")
        if (window_from is None) != (window_to is None):
            raise Invalid("表决期的首日和末日须同时填写。", field="window_to" if window_from else "window_from")
        if window_from and window_to:
            if window_to < window_from:
                raise Invalid(f"表决末日（{window_to}）早于首日（{window_from}），请核对。", field="window_to")
            for name, day in (("window_from", window_from), ("window_to", window_to)):
                if not 2000 <= day.year <= at.year + 10:
                    raise Invalid(f"日期 {day} 不合常理，请核对年份。", field=name)
        decision = cls(
            estate_id=estate.id,  # type: ignore[arg-type]
            case_id=case.id if case else None,
            title=title.strip()[:200],
            kind=kind,
            scope=scope.strip(),
            window_from=window_from,
            window_to=window_to,
            by_id=by.id if by else None,
            made_at=at,
        )
        session.add(decision)
        session.flush()
        return decision

    @classmethod
    def of_case(cls, session: Session, case: "Case", *, by: "Person | None", at: datetime) -> "Decision":
        """The vote that this case runs; opened, with the window of the case's clock, when its first ballots come in.

        It is put to the owners on whom the case's costs fall: the use of the fund is decided by those in the charging scope
        (列支范围, 165号令 Art. 22). Raises `Conflict` where the case is not at a vote, or the vote has not begun, `Invalid` where
        the roster does not know that scope.
        """
        session.refresh(case, with_for_update=True)
        vote = _voting_clock(session, case)
        if vote is None:
            raise Conflict(_why_no_vote(session, case))
        own = session.scalar(select(cls).where(col(cls.case_id) == case.id).order_by(col(cls.id).desc()).limit(1))
        if own:
            return own
        scope = scope_of_vote(case)
        if roster := Roster.of(session, case.estate_id):
            so = "不能确定由哪些业主表决：请更正名册，或者撤回本件，按名册写明列支范围后重新申请"
            labels_in(scope, roster.labels(session), called="列支范围", so=so)
        return cls.open(
            session,
            session.get_one(Estate, case.estate_id),
            title=f"{case.kind.title}：{case.details.get('works', case.number)}",
            scope=scope,
            by=by,
            at=at,
            window_from=vote.started_at.astimezone(OFFICE_ZONE).date() + timedelta(days=1),
            window_to=vote.due_day,
            case=case,
        )

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
    def passed(self) -> bool:
        """Passed by the test for its kind of matter (Civil Code 278), with nothing left to decide."""
        test = "special_passed" if self.kind == "special" else "ordinary_passed"
        return bool(self.tally and not self.undecided and self.tally[test])

    @property
    def doubts(self) -> list[Doubt]:
        """What is undecided about the ballots, one entry per unit. What is undecided in the roster is mended there."""
        found: dict[str, Doubt] = {}
        for finding in self.undecided:
            if finding["source"] != "ballots" or finding["kind"] == "unit_undecided":
                continue
            doubt = found.setdefault(_key(finding["unit"], finding["rows"]), Doubt(finding["unit"]))
            doubt.sentences.append(finding["sentence"])
            doubt.rows.extend(row for row in finding["rows"] if row not in doubt.rows)
            if finding["kind"] == "opinion_unread":
                doubt.unread.update(finding["rows"])
        return list(found.values())

    @property
    def roster_doubts(self) -> list[dict[str, Any]]:
        """The rest of what is undecided: it waits for the roster."""
        return [f for f in self.undecided if f["source"] == "roster" or f["kind"] == "unit_undecided"]

    def why_not(self) -> str:
        """Why it is not passed, in a sentence; `""` when it is."""
        if self.tally is None:
            return "尚未导入表决票。"
        if self.undecided:
            return f"还有{len(self.undecided)}处需要人工认定：{self.undecided[0]['sentence']}"
        return self.tally["special_why_not" if self.kind == "special" else "why_not"]

    def is_behind(self, roster: Roster | None) -> bool:
        """Whether the roster has been replaced, or doubts about it settled, since the ballots were counted."""
        if self.counted_at is None or roster is None:
            return False
        settled = [datetime.fromisoformat(finding["at"]) for finding in roster.settled]
        return roster.id != self.roster_id or max(settled, default=self.counted_at) > self.counted_at

    def is_of_everybody(self, session: Session) -> bool:
        """Whether the whole estate was asked, in whatever words."""
        return is_everybody(self.scope) or self._is_put_to(session, EVERYBODY)

    def cannot_charge(self, session: Session, charged: str) -> str | None:
        """Why those who decided cannot decide a use of the fund that is charged to `charged`; None where they can.

        Two ways are lawful. The owners within the charging scope decide (住宅专项维修资金管理办法, 165号令, Art. 22 item 2): then
        the units asked must be the units charged. Or the assembly of the whole estate passes the plan, of which the charging
        scope is a part (Art. 23 item 1, where the fund has been handed over to the assembly; the Shenzhen 条例 has the use
        of the fund among what the assembly decides): then it may be charged to any part. Which of the two a fund is under
        is not recorded here, so either will do, and decisions counted before motions had scopes stand. Nothing lets a part
        of the owners decide what others pay, nor a part with some others join in that is neither.

        The units are compared by the roster in use; without one, or where it does not know the words, the words are.
        """
        if self.is_of_everybody(session) or self._is_put_to(session, charged):
            return None
        return (
            f"编号 {self.id} 的业主共同决定由“{in_short(self.scope)}”的业主表决，本件列支范围是“{in_short(charged)}”，不是同一范围："
            "使用维修资金应由列支范围内的业主（住宅专项维修资金管理办法第二十二条）或者全体业主（第二十三条）共同决定。"
        )

    def resting(self, session: Session) -> "Case | None":
        """The case that rests on the result, or that has run the vote and left it behind: the count cannot change any more."""
        from .case import Case

        own = session.get(Case, self.case_id) if self.case_id else None
        if own is not None and _voting_clock(session, own) is None:
            return own
        named = or_(
            Case.details["decision"].as_integer() == self.id, Case.details["decisions"].contains(func.to_jsonb(self.id))
        )
        attached = select(Case).where(named, col(Case.estate_id) == self.estate_id)
        return session.scalar(attached.order_by(col(Case.id)).limit(1))

    def take(self, session: Session, data: bytes, *, filename: str, by: "Person | None", at: datetime) -> None:
        """Take in the ballots (.xlsx), in place of those taken before, and count them.

        Raises `Conflict` without a roster or once a case rests on the result; `Invalid` or `TooLarge` with
        `field="ballots"`. Then the ballots taken before stay.
        """
        self._roster(session)
        ballots = read_ballots(data, filename=filename, limit=settings().upload_limit)
        self._hold(session)
        digest = keep(session, data)
        write(session, self, filename=filename[:200], sha256=digest, rulings={})
        self._count(session, ballots, at)
        self._tell_case(
            session, f"导入表决票（{len(ballots.lines)}张，文件 sha256：{digest}）。{self._in_short()}", by, at
        )

    def rule(
        self,
        session: Session,
        unit: str | None,
        row: int | None,
        reason: str,
        *,
        by: "Person | None",
        at: datetime,
        opinion: Opinion | None = None,
    ) -> None:
        """认定: of this unit's ballots, the one in `row` of the file counts, or none; then count again.

        `opinion` says what could not be read in that row. Without `unit`, the line in `row`, which names none, is set aside.
        A later ruling on the same unit takes the place of the earlier one.
        """
        self._hold(session)
        if not reason.strip():
            raise Invalid("认定须写明理由。", field="reason")
        if self.sha256 is None:
            raise Conflict("尚未导入表决票，没有需要认定的内容。")
        key = _key(unit, () if row is None else (row,))
        rows, unread = self._open_rows(key, unit)
        if unit is None:
            row = None
        if row is not None and row not in rows:
            raise Invalid(f"“{unit}”在{ballot_name(row)}没有可以认定的票；可选：{ballot_name(*rows)}。", field="row")
        if row in unread and opinion is None:
            raise Invalid(f"{ballot_name(row)}的意见看不懂，请写明对照原票后认定的意见。", field="opinion")
        if row not in unread and opinion is not None:
            raise Invalid("只有意见看不懂的票才须另行认定意见。", field="opinion")
        ruling = {
            "unit": unit, "row": row, "opinion": opinion, "rows": rows, "unread": sorted(unread), "reason": reason.strip()[:400],
            "by": by.id if by else None, "at": at.isoformat(),
        }  # fmt: skip
        write(session, self, rulings=self.rulings | {key: ruling})
        self._count(session, self._ballots(session), at)
        said = f"{ballot_name(row)}的票有效" if row else "不计票"
        self._tell_case(session, f"认定{key}{said}：{ruling['reason']}。{self._in_short()}", by, at)

    def recount(self, session: Session, *, by: "Person | None", at: datetime) -> None:
        """Count the ballots taken before once more, by the roster now in use; what was ruled stays ruled."""
        self._hold(session)
        if self.sha256 is None:
            raise Conflict("尚未导入表决票，没有可以重新计票的内容。")
        self._count(session, self._ballots(session), at)
        self._tell_case(session, f"按现行名册重新计票。{self._in_short()}", by, at)

    # --- how it is done ---

    def _hold(self, session: Session) -> None:
        """Lock the decision, after the case that runs it, and see that its count may still change."""
        from .case import Case

        if self.case_id:
            session.get(Case, self.case_id, with_for_update=True, populate_existing=True)
        session.refresh(self, with_for_update={"key_share": True})
        if case := self.resting(session):
            why = "的表决环节已经结束" if case.id == self.case_id else "已经依据本决定办理"
            raise Conflict(f"案件 {case.number} {why}，计票结果不能再改。", field="ballots")

    def _roster(self, session: Session) -> Roster:
        roster = Roster.of(session, self.estate_id)
        if roster is None:
            raise Conflict("本小区还没有业主名册，请先导入名册再导入表决票。", field="roster")
        return roster

    def _is_put_to(self, session: Session, scope: str) -> bool:
        """Whether the units of `scope` are those that were asked."""
        if set(words_in(scope)) == set(words_in(self.scope)):
            return True
        roster = Roster.of(session, self.estate_id)
        labels = roster.labels(session) if roster else []
        try:
            return bool(labels) and labels_in(self.scope, labels) == labels_in(scope, labels)
        except Invalid:
            return False

    def _ballots(self, session: Session) -> BallotsReading:
        assert self.sha256 is not None
        return read_ballots(body_of(session, self.sha256), filename=self.filename or "", limit=settings().upload_limit)

    def _open_rows(self, key: str, unit: str | None) -> tuple[list[int], set[int]]:
        """The rows that may be ruled on, and those of them whose opinion could not be read."""
        doubt = next((doubt for doubt in self.doubts if _key(doubt.unit, doubt.rows) == key), None)
        if doubt:
            return sorted(doubt.rows), doubt.unread
        if key in self.rulings:
            return self.rulings[key]["rows"], set(self.rulings[key]["unread"])
        raise Invalid(f"“{key}”没有需要人工认定的表决票。", field="unit" if unit else "row")

    def _count(self, session: Session, ballots: BallotsReading, at: datetime) -> None:
        roster = self._roster(session)
        estate = session.get_one(Estate, self.estate_id)
        counted = tally(
            roster.reading(session, estate.name), self._as_ruled(ballots), window=self.window, scope=self.scope
        )
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
        write(session, self, tally=counted.as_json(), counted_at=at, roster_id=roster.id)

    def _as_ruled(self, ballots: BallotsReading) -> BallotsReading:
        """The ballots with what a person decided about some of them: that one counts whoever signed it, and no other does."""
        lines, refused, noted, undecided = [], list(ballots.refused), list(ballots.noted), []
        opening = self.window[0] if self.window else None
        for line in ballots.lines:
            ruling = self.rulings.get(line.unit)
            if ruling is None:
                lines.append(line)
            elif ruling["row"] == line.source_row:
                lines.append(replace(line, owner="", received_at=line.received_at or opening))
                noted.append(_ruled("ruled_in", ruling, line.unit, line.source_row))
            else:
                refused.append(_ruled("ruled_out", ruling, line.unit, line.source_row))
        for finding in ballots.undecided:
            ruling = self.rulings.get(_key(finding.unit, finding.rows))
            if ruling is None:
                undecided.append(finding)
            elif finding.unit and ruling["row"] in finding.rows:
                lines.append(BallotLine(finding.unit, "", ruling["opinion"], opening, ruling["row"]))
                noted.append(_ruled("ruled_in", ruling, finding.unit, ruling["row"]))
            else:
                refused.append(_ruled("ruled_out", ruling, finding.unit, finding.rows[0]))
        return replace(
            ballots, lines=tuple(lines), refused=tuple(refused), noted=tuple(noted), undecided=tuple(undecided)
        )

    def _tell_case(self, session: Session, words: str, by: "Person | None", at: datetime) -> None:
        """A vote that a case runs is evidence there: its ledger says what was counted, and from which file."""
        from .case import SYSTEM, Case

        if self.case_id:
            session.get_one(Case, self.case_id).note(words, by=by or SYSTEM, at=at)

    def _in_short(self) -> str:
        if self.passed:
            return "计票结果：通过。"
        return self.why_not() if self.undecided else f"计票结果：未通过，{self.why_not()}"


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


def decision_for(session: Session, case: "Case", *, hold: bool = False) -> Decision | None:
    """The decision a case rests on: attached to it, or else voted on in it. `hold`: as `held` does."""
    attached = case.details.get("decision")
    found = attached or session.scalar(
        select(col(Decision.id)).where(col(Decision.case_id) == case.id).order_by(col(Decision.id).desc()).limit(1)
    )
    return (held(session, found) if hold else session.get(Decision, found)) if found else None


def scope_of_vote(case: "Case") -> str:
    """To whom the vote of a case is put: those on whom its costs fall, or the whole estate."""
    charge = case.kind.spending(case)
    return charge.scope if charge else EVERYBODY


def held(session: Session, decision_id: int) -> Decision | None:
    """A decision whose count cannot change before this transaction ends: for whoever is about to rest on it."""
    return session.get(Decision, decision_id, with_for_update={"read": True}, populate_existing=True)


def _voting_clock(session: Session, case: "Case") -> Clock | None:
    """The clock of the vote at which the case is, running or run out; None before the vote and after its stage."""
    newest = select(Clock).where(col(Clock.case_id) == case.id, col(Clock.fires) == VOTE_ENDS)
    clock = session.scalar(newest.order_by(col(Clock.id).desc()).limit(1))
    return clock if clock and clock.limits == case.stage else None


def _why_no_vote(session: Session, case: "Case") -> str:
    if not any(period.ends == VOTE_ENDS for period in case.current.periods):
        return f"本件在“{case.current.title}”环节，不在表决，不能导入表决票。"
    notice = next((c for c in running_clocks(session, case.id) if c.limits == case.stage), None)  # type: ignore[arg-type]
    if notice is None:
        return "表决期尚未开始，现在不能导入表决票。"
    opens = notice.due_day + timedelta(days=1)
    return f"会议通知期至 {notice.due_day} 24时届满，表决自 {opens} 起；表决开始之前不能导入表决票。"


def _key(unit: str | None, rows: Iterable[int]) -> str:
    return unit or ballot_name(next(iter(rows), 0))


def _ruled(kind: str, ruling: dict[str, Any], unit: str | None, row: int) -> Finding:
    what = f"{unit or ''}{ballot_name(row)}的票"
    said = f"{unit}以{ballot_name(row)}的票为准" if kind == "ruled_in" else f"{what}不计"
    return Finding(kind, f"{said}，已认定：{ruling['reason']}", (row,), unit, "ballots")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OFFICE_ZONE)


__all__ = ["MATTERS", "Ballot", "Decision", "Doubt", "MotionKind", "Roster", "decision_for", "held"]
