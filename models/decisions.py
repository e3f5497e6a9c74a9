"""业主共同决定 as the office keeps them: the ballots that came in, what a person ruled about them, what they add up to.

Papers are read by `roster.py` and counted by `tally.py`; here is what stays of them. A result is frozen with its
decision: a roster that is replaced later does not change what was decided under it, until somebody counts again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import Index, delete, func, or_, select
from sqlmodel import Field, Session, SQLModel, col

from .clock import Clock, running_clocks
from .db import insert_rows, instant, jsonb, primary_key, reference, write
from .documents import body_of, keep
from .electronic import ElectronicVote, Slip, beside, chain_of, must_have_closed, set_aside
from .errors import Conflict, Forbidden, Invalid
from .estate_roster import Roster
from .people import Person
from .reading import Finding, Opinion, ballot_name, tells_opinion
from .roster import BallotLine, BallotsReading, masked_name, opinion_of, read_ballots
from .scope import EVERYBODY, in_short, is_everybody, labels_in, words_in
from .settings import settings
from .spreadsheet import text
from .tally import Window, tally
from .territory import Estate
from .worktime import OFFICE_ZONE

if TYPE_CHECKING:
    from .case import Case

MotionKind = Literal["ordinary", "special", "election"]
MATTERS: dict[str, str] = {"ordinary": "一般事项", "special": "特别事项", "election": "选举"}
"""Civil Code 278: the use of the fund, the election of a committee and most others are ordinary; raising the fund, rebuilding
and another use of common parts are special (第六项至第八项). Electing a committee and replacing its members (选举业主委员会或者
更换业主委员会成员) are one item, an election; of it nobody is shown who voted how."""
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
    candidates: Any = jsonb(nullable=True)
    """Of an election, the names for which the ballots have a column each, in their order; none: they speak of all as a whole."""
    rulings: Any = jsonb()
    """What a person decided about a unit's ballots: unit (or `第7行`) → `{"unit", "row", "opinion", "rows", "reason", "by", "at"}`;
    row null: none counts. Of an election `opinion` is null: it stands in `read_as`."""
    read_as: Any = jsonb(nullable=True)
    """Of an election, by ballot number, the opinion that a ruling read off a paper. It is for the count, and no door gives it out."""
    recounts: Any = jsonb(nullable=True)
    """Of an election, what one person asked for and another must confirm, the newest last: `{"what": "count" or "ballots",
    "filename", "sha256", "before" (of the ballots then counted), "reason", "by", "at"}`, and once it is `confirmed` or `withdrawn` also `"ended", "ended_by", "ended_at"`."""
    tally: Any = jsonb(nullable=True)
    counted_at: datetime | None = instant(nullable=True)

    @classmethod
    def open(
        cls,
        session: Session,
        estate: Estate,
        *,
        title: str,
        by: Person | None,
        at: datetime,
        kind: MotionKind = "ordinary",
        scope: str = EVERYBODY,
        window_from: date | None = None,
        window_to: date | None = None,
        case: "Case | None" = None,
        candidates: Sequence[str] = (),
    ) -> "Decision":
        """Put a matter to the owners in `scope`. Where the estate has a roster, it must know them; else they are looked for
        when the ballots are counted. `candidates`: who stands for election, where ballots say of each what they think. Raises
        `Invalid`.
        """
        names = list(filter(None, (" ".join(text(name).split()) for name in candidates)))
        if names and kind != "election":
            raise Invalid("只有选举才有候选人；事项类别请选“选举”。", field="candidates")
        if doubles := [name for name, times in Counter(names).items() if times > 1]:
            raise Invalid(f"候选人重复填写：{'、'.join(doubles)}。", field="candidates")
        if len(names) > 60 or any(len(name) > 24 for name in names):
            raise Invalid("候选人最多60名，姓名不超过24字。", field="candidates")
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
            candidates=names or None,
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
    def of_case(cls, session: Session, case: "Case", *, by: Person | None, at: datetime) -> "Decision":
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
    def is_secret(self) -> bool:
        """Where people are elected, only totals are told, and what was counted is counted anew by two persons.

        What is kept holds no opinion beside a unit (the tally's findings, the ballots, the rulings), so no door has to leave it
        out; the file of ballots itself is given out by none.
        """
        return self.kind == "election"

    @property
    def is_interim(self) -> bool:
        """An election that was counted before the vote closed: no totals yet."""
        return bool(self.is_secret and self.window and self.counted_at and self.counted_at < self.window[1])

    @property
    def recount_asked(self) -> dict[str, Any] | None:
        """What waits for a second person, of `recounts`. Whatever was counted since has made it void."""
        last = self.recounts[-1] if self.recounts else None
        if last is None or "ended" in last or self.counted_at is None:
            return None
        return last if datetime.fromisoformat(last["at"]) >= self.counted_at else None

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
        if self.is_interim:
            return "选举的表决期尚未结束，期满后重新计票才有结果。"
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

    def take(
        self, session: Session, data: bytes, *, filename: str, by: Person | None, at: datetime, reason: str = ""
    ) -> None:
        """Take in the ballots (.xlsx), in place of those taken before, and count them.

        Of an election that has been counted, this only asks for it: another person confirms (`recount`). Raises `Conflict` without a roster or once a case rests on the result; `Invalid` or `TooLarge` with
        `field="ballots"`. Then the ballots taken before stay.
        """
        self._roster(session)
        ballots = self._read(data, filename)
        self._hold(session)
        if self.is_secret and self.tally is not None and not self.is_interim:
            # what is no use is refused to whoever hands it in, not to whoever confirms
            self._check(session, ballots)
            files = {"filename": filename[:200], "sha256": keep(session, data), "before": self.sha256}
            self._ask(session, "ballots", reason, by, at, **files)
            return
        digest = keep(session, data)
        if not self.is_secret and is_secret_file(session, digest):
            raise Conflict("这是选举的表决票，不能再作为其他事项的表决票导入。", field="ballots")
        write(session, self, filename=filename[:200], sha256=digest, rulings={}, read_as=None)
        self._count(session, self._ballots(session, ballots), at)
        self._tell_case(
            session,
            f"导入表决票（{len(ballots.lines)}张，文件 sha256：{digest}）。{chain_of(session, self)}{self._in_short()}",
            by,
            at,
        )

    def rule(
        self,
        session: Session,
        unit: str | None,
        row: int | None,
        reason: str,
        *,
        by: Person | None,
        at: datetime,
        opinion: Opinion | None = None,
    ) -> None:
        """认定: of this unit's ballots, the one in `row` of the file counts, or none; then count again.

        `opinion` says what could not be read in that row. Without `unit`, the line in `row`, which names none, is set aside.
        A later ruling on the same unit takes the place of the earlier one; of an election, only while its result is not out.
        """
        self._hold(session)
        if not reason.strip():
            raise Invalid("认定须写明理由。", field="reason")
        self._keep_secret(reason)
        if self.tally is None:
            raise Conflict("尚未导入表决票，没有需要认定的内容。")
        key = _key(unit, () if row is None else (row,))
        rows, unread = self._open_rows(key, unit)
        if self.is_secret and not self.undecided and not self.is_interim:
            # the totals are out: what they change by would tell what is in the ballot
            raise Conflict("选举结果已经计出，不能再改变单张票的认定；确有错误的，更换表决票后重新认定，须两人办理。")
        if unit is None:
            row = None
        if row is not None and row not in rows:
            raise Invalid(f"“{unit}”在{ballot_name(row)}没有可以认定的票；可选：{ballot_name(*rows)}。", field="row")
        if row in unread and opinion is None:
            raise Invalid(f"{ballot_name(row)}的意见看不懂，请写明对照原票后认定的意见。", field="opinion")
        if row not in unread and opinion is not None:
            raise Invalid("只有意见看不懂的票才须另行认定意见。", field="opinion")
        if self.is_secret:
            read_as = {number: said for number, said in (self.read_as or {}).items() if int(number) not in rows}
            write(session, self, read_as=read_as | ({str(row): opinion} if opinion else {}))
            opinion = None
        ruling = {
            "unit": unit, "row": row, "opinion": opinion, "rows": rows, "unread": sorted(unread), "reason": reason.strip()[:400],
            "by": by.id if by else None, "at": at.isoformat(),
        }  # fmt: skip
        write(session, self, rulings=self.rulings | {key: ruling})
        self._count(session, self._ballots(session), at)
        said = f"{ballot_name(row)}的票有效" if row else "不计票"
        self._tell_case(session, f"认定{key}{said}：{ruling['reason']}。{self._in_short()}", by, at)

    def recount(self, session: Session, *, by: Person | None, at: datetime, reason: str = "") -> None:
        """Count the ballots taken before, and those cast electronically, by the roster now in use; what was ruled stays ruled.

        Of an election that was counted before the first person asks, with a `reason`, and nothing changes; another confirms what
        was asked for (this, or other ballots), and then it is counted. Raises `Forbidden` where both are one. Before the vote has
        closed there is no result to guard, and one person is enough.
        """
        self._hold(session)
        if self.sha256 is None and ElectronicVote.of(session, self) is None:
            raise Conflict("尚未导入表决票，没有可以重新计票的内容。")
        asked = self.recount_asked
        if self.is_secret and asked is None and self.tally is not None and not self.is_interim:
            self._ask(session, "count", reason, by, at)
            return
        what = "计票" if self.tally is None else "按现行名册重新计票"
        if asked is not None:
            first = session.get_one(Person, asked["by"])
            if by is None or by.id == first.id:
                raise Forbidden(f"选举重新计票须两人办理：{first.name}已经申请，须由另一人确认。")
            self._end(session, "confirmed", by, at)
            if asked["what"] == "ballots":
                what = f"更换表决票（文件 sha256：{asked['sha256']}）并计票"
                write(session, self, filename=asked["filename"], sha256=asked["sha256"], rulings={}, read_as=None)
            what = f"{what}（{first.name}申请，{by.name}确认；理由：{asked['reason']}）"
        self._count(session, self._ballots(session), at)
        self._tell_case(session, f"{what}。{chain_of(session, self)}{self._in_short()}", by, at)

    def withdraw_recount(self, session: Session, *, by: Person, at: datetime) -> None:
        """Nothing comes of what was asked for: whoever asked takes it back, or somebody else declines to confirm it."""
        self._hold(session)
        asked = self.recount_asked
        if asked is None:
            raise Conflict("没有等待确认的重新计票申请，可能已经确认、撤回，或者已因另行计票失效。")
        self._end(session, "withdrawn", by, at)
        self._tell_case(session, f"撤回重新计票的申请：{asked['reason']}。", by, at)

    def open_electronic(self, session: Session, *, by: Person | None, at: datetime) -> list[Slip]:
        """Let the owners vote electronically too: a slip for every unit, known to nobody afterwards.

        Raises `Conflict`: without both days of the vote or a roster, after the last day, once ballots were counted, a second time,
        and where candidates are voted on one by one.
        """
        self._hold(session)
        if self.candidates:
            raise Conflict("逐名候选人表决的选举请用表决票，不能开通电子投票。")
        _, slips = ElectronicVote.open(session, self, by=by, at=at)
        self._tell_case(session, f"开通电子投票：{len(slips)}个单元各发一个链接和验证码。", by, at)
        return slips

    def reissue(self, session: Session, unit: str | None, *, by: Person | None, at: datetime) -> list[Slip]:
        """The link of `unit` anew, or of all; the former ones open nothing any more, and what was cast by them stays cast.

        Raises `Invalid` (`unit`) for a unit that does not vote, `Conflict` after the close or where nobody votes electronically.
        """
        self._hold(session)
        vote = ElectronicVote.of(session, self)
        if vote is None:
            raise Conflict("本次表决还没有开通电子投票。")
        slips = vote.reissue(session, self, unit, by=by, at=at)
        self._tell_case(session, f"补发{unit or f'全部{len(slips)}个单元'}的电子投票链接，原链接作废。", by, at)
        return slips

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

    def _ask(
        self, session: Session, what: str, reason: str, by: Person | None, at: datetime, **ballots: str | None
    ) -> None:
        """Note that `by` asks for it. Raises `Conflict` where something is asked for already."""
        if by is None:
            raise Conflict("选举的表决票已经计过，更换或者重新计票须两人在页面上办理。", field="ballots")
        if asked := self.recount_asked:
            first = session.get_one(Person, asked["by"])
            raise Conflict(f"{first.name}的重新计票申请正在等待第二人确认，请先确认或者撤回。", field="ballots")
        if not reason.strip():
            raise Invalid("选举重新计票须写明理由，由第二人确认。", field="reason")
        self._keep_secret(reason)
        asking = {"what": what, "reason": reason.strip()[:400], "by": by.id, "at": at.isoformat()} | ballots
        write(session, self, recounts=[*(self.recounts or []), asking])
        wanted = "更换表决票" if what == "ballots" else "按现行名册重新计票"
        self._tell_case(session, f"申请{wanted}，待第二人确认：{asking['reason']}。", by, at)

    def _end(self, session: Session, how: str, by: Person, at: datetime) -> None:
        *before, asked = self.recounts
        ended = asked | {"ended": how, "ended_by": by.id, "ended_at": at.isoformat()}
        write(session, self, recounts=[*before, ended])

    def _keep_secret(self, reason: str) -> None:
        if self.is_secret and tells_opinion(reason):
            raise Invalid("选举须为投票人保密，理由中请不要写出同意、反对等意见。", field="reason")

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

    def _ballots(self, session: Session, paper: BallotsReading | None = None) -> BallotsReading:
        """All ballots: those on paper, unless they are given as the file holds them, and those cast electronically."""
        if paper is None and self.sha256:
            paper = self._read(body_of(session, self.sha256), self.filename or "")
        return beside(session, self, paper or BallotsReading(()))

    def _read(self, data: bytes, filename: str) -> BallotsReading:
        limit = settings().upload_limit
        return read_ballots(data, filename=filename, limit=limit, candidates=self.candidates or ())

    def _open_rows(self, key: str, unit: str | None) -> tuple[list[int], set[int]]:
        """The rows that may be ruled on, and those of them whose opinion could not be read."""
        doubt = next((doubt for doubt in self.doubts if _key(doubt.unit, doubt.rows) == key), None)
        if doubt:
            return sorted(doubt.rows), doubt.unread
        if key in self.rulings:
            return self.rulings[key]["rows"], set(self.rulings[key]["unread"])
        raise Invalid(f"“{key}”没有需要人工认定的表决票。", field="unit" if unit else "row")

    def _count(self, session: Session, ballots: BallotsReading, at: datetime) -> None:
        must_have_closed(session, self, at)
        roster = self._roster(session)
        estate = session.get_one(Estate, self.estate_id)
        counted = tally(
            roster.reading(session, estate.name), self._as_ruled(ballots), window=self.window, scope=self.scope
        )
        interim = self.window is not None and at < self.window[1]
        session.execute(delete(Ballot).where(col(Ballot.decision_id) == self.id))
        insert_rows(
            session,
            Ballot,
            [
                {"decision_id": self.id, "unit": line.unit, "owner": line.owner, "opinion": self._shown(line.opinion),
                 "received_at": line.received_at, "row": line.source_row, "set_aside": None}
                for line in ballots.lines
            ] + [
                {"decision_id": self.id, "unit": one.unit, "owner": "", "opinion": self._shown(one.opinion),
                 "received_at": one.received_at, "row": one.row, "set_aside": why}
                for one, why in set_aside(session, self)
            ],
        )  # fmt: skip
        told = counted.as_secret_json(interim=interim) if self.is_secret else counted.as_json()
        write(session, self, tally=told, counted_at=at, roster_id=roster.id)

    def _check(self, session: Session, ballots: BallotsReading) -> None:
        """Raise what counting these ballots would raise."""
        estate = session.get_one(Estate, self.estate_id)
        tally(self._roster(session).reading(session, estate.name), ballots, window=self.window, scope=self.scope)

    def _shown(self, opinion: str | None) -> str | None:
        """What lists of ballots say of an opinion: of an election nothing."""
        return None if self.is_secret else opinion

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
                opinion = ruling["opinion"] or (self.read_as or {})[str(ruling["row"])]
                partly = ballots.illegible.get(ruling["row"], ())
                choices = tuple(choice or opinion for choice in partly)
                opinion = opinion_of(choices) if choices else opinion
                lines.append(BallotLine(finding.unit, "", opinion, opening, ruling["row"], choices))
                noted.append(_ruled("ruled_in", ruling, finding.unit, ruling["row"]))
            else:
                refused.append(_ruled("ruled_out", ruling, finding.unit, finding.rows[0]))
        return replace(
            ballots, lines=tuple(lines), refused=tuple(refused), noted=tuple(noted), undecided=tuple(undecided)
        )

    def _tell_case(self, session: Session, words: str, by: Person | None, at: datetime) -> None:
        """A vote that a case runs is evidence there: its ledger says what was counted, and from which file."""
        from .case import SYSTEM, Case

        if self.case_id:
            session.get_one(Case, self.case_id).note(words, by=by or SYSTEM, at=at)

    def _in_short(self) -> str:
        if self.passed:
            return "计票结果：通过。"
        return self.why_not() if self.undecided or self.is_interim else f"计票结果：未通过，{self.why_not()}"


class Ballot(SQLModel, table=True):
    """A ballot as it was handed in; whether it counted stands in its decision's tally. Of an election without its opinion."""

    id: int | None = primary_key()
    decision_id: int = reference("decision.id")
    unit: str
    owner: str
    opinion: str | None = None
    """Null of an election."""
    received_at: datetime | None = instant(nullable=True)
    row: int
    set_aside: str | None = None
    """Why a ballot cast electronically does not count: `superseded` by a later one of the unit, `late`."""

    __table_args__ = (Index("ix_ballot_decision_id_unit", "decision_id", "unit"),)

    @property
    def masked_owner(self) -> str:
        return masked_name(self.owner)


def is_secret_file(session: Session, sha256: str) -> bool:
    """Whether these are ballots of an election, counted now, before, or not yet: they are given out by no door."""
    handed_in = or_(
        col(Decision.sha256) == sha256,
        *(col(Decision.recounts).contains([{name: sha256}]) for name in ("sha256", "before")),
    )
    return (
        session.scalar(select(col(Decision.id)).where(col(Decision.kind) == "election", handed_in).limit(1)) is not None
    )


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


__all__ = ["MATTERS", "Ballot", "Decision", "Doubt", "MotionKind", "Roster", "decision_for", "held", "is_secret_file"]
