"""What may happen at a stage in every type: its clock's 中止, 恢复, 延期, 暂缓催办; answers to objections; and a case that ended taken
up again.

None of them moves a stage. Which rule allows a pause or an extension, and how long, the stage names
(`Stage.pause`, `Stage.extension`); for licences they are 行政许可法 Arts. 42 and 45.
"""

from pydantic import Field
from sqlalchemy import select
from sqlmodel import col

from .casetypes.base import STANDING, CaseType, Move, Paper, Stage
from .casetypes.facts import Day, Facts, Line, Paragraph, Wrong
from .clock import Clock, ClockExtension, ClockLine, ClockPause, Clocks
from .db import write
from .editions import calendar
from .ladder import ladder
from .people import Desk
from .publicity import Objection, objections
from .rules import Rule
from .worktime import OFFICE_ZONE, Limit, at_office_open

ABOVE = {Desk.STREET: Desk.DISTRICT, Desk.DISTRICT: Desk.CITY, Desk.CITY: Desk.CITY}
"""The office that urges that desk, and whose head may hold the letter back; applicants and committees are urged by the street."""
LONGEST_PUT_OFF = 5
"""Working days by which a step may wait (operator's entry)."""


class PauseFacts(Facts):
    reason: Line = Field(title="中止原因", description="如听证、招标、检验、检测、鉴定、专家评审")
    evidence: Line = Field(title="依据", description="如委托书文号")


class ResumeFacts(Facts):
    result: Line | None = Field(default=None, title="中止事由的结果")


class ExtensionFacts(Facts):
    by: int = Field(ge=1, le=366, title="延长多少", description="按延期规则的单位，如工作日")
    reason: Line = Field(title="延期理由")


class DenialFacts(Facts):
    reason: Line = Field(title="不同意的理由")


class PutOffFacts(Facts):
    until: Day = Field(title="暂缓至")
    reason: Line = Field(title="暂缓理由")


class ReopeningFacts(Facts):
    reason: Line = Field(title="重新办理的原因")
    evidence: Line = Field(title="依据", description="如复查意见、法院裁判文号")


class ClockEvent:
    """One of them. Subclasses say at whose desk, what stands in the way, and what it does."""

    id: str
    name: str
    facts: type[Facts] = Facts
    paper: Paper | None = None
    by_head: bool = False
    by_time: bool = False

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        raise NotImplementedError

    def obstacle(self, move: Move) -> str | None:
        raise NotImplementedError

    def do(self, move: Move, clocks: Clocks) -> None:
        raise NotImplementedError


class Pause(ClockEvent):
    """中止: time for a hearing, a test or an appraisal is not counted (行政许可法 Art. 45)."""

    id = "pause"
    name = "中止计时"
    facts = PauseFacts
    paper = Paper("pause_notice")

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        return stage.desk if stage.pause else None

    def obstacle(self, move: Move) -> str | None:
        clock = _deadline(move)
        if clock is None:
            return "本环节没有在计的期限，不能中止。"
        if clock.paused_at:
            return "本环节已经中止计时。"
        if clock.is_late(move.at):
            return f"期限已于 {clock.due_day} 24时届满，届满之后不能中止。"
        rule = move.rule(_stage(move).pause or "")
        if rule.once and _was_paused_by(move, clock, rule):
            return f"本环节只能中止一次（{rule.source}{rule.article}），已经中止过。"
        return None

    def do(self, move: Move, clocks: Clocks) -> None:
        clock = _clock(move)
        clocks.pause(clock, move.facts.reason, evidence=move.facts.evidence, rule_id=_stage(move).pause)
        cap = clocks.all[-1]
        move.record |= {"due_day": clock.due_day.isoformat(), "cap_day": cap.due_day.isoformat()}


class Resume(ClockEvent):
    """恢复: by the desk, or by itself when the rule's cap has run."""

    id = "resume"
    name = "恢复计时"
    facts = ResumeFacts
    paper = Paper("resume_notice")
    by_time = True

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        return stage.desk if stage.pause else None

    def obstacle(self, move: Move) -> str | None:
        clock = _deadline(move)
        return None if clock and clock.paused_at else "本环节没有中止计时。"

    def do(self, move: Move, clocks: Clocks) -> None:
        clock = _clock(move)
        old = clock.due_day
        clocks.resume(clock)
        for cap in [one for one in move.of_stage("period") if one.fires == self.id]:
            clocks.stop(cap, "ran" if cap.is_late(move.at) else "dropped")
        move.record |= {"old_due_day": old.isoformat(), "due_day": clock.due_day.isoformat()}


class AskExtension(ClockEvent):
    """延期 is asked for before the limit has passed, and decided by the head of the unit (行政许可法 Art. 42)."""

    id = "ask_extension"
    name = "申请延期"
    facts = ExtensionFacts

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        return stage.desk if stage.extension else None

    def obstacle(self, move: Move) -> str | None:
        clock = _deadline(move)
        if clock is None:
            return "本环节没有可以延长的期限。"
        if clock.paused_at:
            return "本环节正中止计时，恢复之后才能申请延期。"
        if clock.is_late(move.at):
            return f"延期须在期限届满之前申请，期限已于 {clock.due_day} 24时届满。"
        if _pending(move, clock):
            return "已有一项延期申请等待批准。"
        rule = move.rule(_stage(move).extension or "")
        if rule.once and clock.extensions:
            return f"本环节只能延期一次（{rule.source}{rule.article}），已经延期过。"
        if not clock.is_by_fact and rule.limit.unit != clock.allowed.unit:
            return f"规则“{rule.title}”与原期限的计算单位不同，请联系系统管理员更正。"
        if move.facts and move.facts.by > rule.limit.value:
            return Wrong("by", f"最多延长{rule.limit.chinese}（{rule.source}{rule.article}）。")
        return None

    def do(self, move: Move, clocks: Clocks) -> None:
        clock = _clock(move)
        asked = ClockExtension(
            clock_id=clock.id, by=move.facts.by, reason=move.facts.reason, asked_by_id=move.by.id, asked_at=move.at  # type: ignore[arg-type]
        )  # fmt: skip
        move.rows.append(asked)


class GrantExtension(ClockEvent):
    """Where the limit is a day that stands in the case, the case says the new day from then on."""

    id = "grant_extension"
    name = "批准延期"
    paper: Paper | None = Paper("extension_notice")
    by_head = True

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        return _office_of(stage) if stage.extension else None

    def obstacle(self, move: Move) -> str | None:
        clock = _deadline(move)
        if clock and clock.paused_at:
            return "本环节正中止计时，恢复之后才能批准延期。"
        return _not_to_decide(move)

    def do(self, move: Move, clocks: Clocks) -> None:
        clock, asked = _decide(move, granted=True)
        old = clock.due_day
        more = Limit(asked.by, move.rule(_stage(move).extension or "").limit.unit)
        clocks.extend(clock, more)
        move.record |= {
            "by": asked.by, "reason": asked.reason, "asked_by": asked.asked_by_id,
            "old_due_day": old.isoformat(), "due_day": clock.due_day.isoformat(),
        }  # fmt: skip
        if clock.is_by_fact:
            fact = move.rule(clock.rule_id).fact
            assert fact is not None
            move.details[fact], move.record["added"] = clock.limit, more.chinese
        else:
            move.record["limit"] = clock.allowed.chinese


class DenyExtension(GrantExtension):
    id = "deny_extension"
    name = "不同意延期"
    facts = DenialFacts
    paper = None

    def obstacle(self, move: Move) -> str | None:
        return _not_to_decide(move)

    def do(self, move: Move, clocks: Clocks) -> None:
        _, asked = _decide(move, granted=False)
        move.record |= {"by": asked.by, "asked_by": asked.asked_by_id}


class PutOff(ClockEvent):
    """暂缓催办: the head above takes the next letter into their own hands for some days; the card stays red."""

    id = "put_off"
    name = "暂缓催办"
    facts = PutOffFacts
    by_head = True

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        if not stage.deadline:
            return None
        # the letters to an applicant or a committee are the street's own
        return ABOVE[stage.desk] if stage.desk and stage.desk.is_office else Desk.STREET

    def obstacle(self, move: Move) -> str | None:
        clock = _deadline(move)
        letters = {rung.name for rung in ladder(clock.ladder) if rung.is_letter} if clock else set()
        if clock is None or clock.next_step not in letters or not clock.is_late(move.at):
            return "本环节没有待发的催办，无须暂缓。"
        if _was_put_off(move, clock):
            return "这一期限的催办已经暂缓过一次，不能再次暂缓。"
        if move.facts is None:
            return None
        if move.facts.until <= move.today:
            return Wrong("until", "暂缓的日子须晚于今天。")
        last = calendar(move.session).add_working(move.today, LONGEST_PUT_OFF)
        return Wrong("until", f"最多暂缓{LONGEST_PUT_OFF}个工作日，至 {last}。") if move.facts.until > last else None

    def do(self, move: Move, clocks: Clocks) -> None:
        clock = _clock(move)
        assert clock.next_at is not None
        move.record |= {"step": clock.next_step, "planned": clock.next_at.isoformat()}
        book = clocks.calendar
        day = move.facts.until if book.is_working(move.facts.until) else book.next_working(move.facts.until)
        clocks.put_off(clock, at_office_open(day))


class Reopen(ClockEvent):
    """Nothing leaves a final stage: a linked case of the same type takes up what is found wrong afterwards."""

    id = "reopen"
    name = "重新办理"
    facts = ReopeningFacts
    paper = Paper("reopening_notice")
    by_head = True

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        if kind.reopening is None or not stage.final:
            return None
        return _office_of(kind.stage(kind.reopening.stage))

    def obstacle(self, move: Move) -> str | None:
        from .links import arising

        again = next(iter(arising(move.session, move.case.id, "reopened")), None)  # type: ignore[arg-type]
        return f"本件已经重新办理，见 {again.number}。" if again and again.is_open else None

    def do(self, move: Move, clocks: Clocks) -> None:
        again = move.case.reopened(move.session, by=move.by, at=move.at, facts=move.facts.model_dump(mode="json"))
        move.record |= {"case": again.number}


class AnswerFacts(Facts):
    objection: int = Field(title="哪一条异议", json_schema_extra={"format": "objection"})
    answer: Paragraph = Field(title="答复")
    upheld: bool = Field(default=False, title="采纳")


class AnswerObjection(ClockEvent):
    """答复异议: by the desk that holds the case, also after the publicity has ended; the objector gets it in writing."""

    id = "answer_objection"
    name = "答复异议"
    facts = AnswerFacts
    paper = Paper("objection_answer", own=True, names="addressee")

    def desk(self, kind: type[CaseType], stage: Stage) -> Desk | None:
        return (kind.answers or stage.desk) if any(one.publicity for one in kind.stages()) and not stage.final else None

    def obstacle(self, move: Move) -> str | None:
        waiting = objections(move.session, move.case.id, unanswered=True)
        if not waiting:
            return "没有等待答复的异议。"
        if move.facts and move.facts.objection not in {one.id for one in waiting}:
            return Wrong("objection", f"没有编号为 {move.facts.objection} 的待答复异议。")
        return None

    def do(self, move: Move, clocks: Clocks) -> None:
        asked = move.session.get_one(Objection, move.facts.objection)
        write(move.session, asked, answer=move.facts.answer, upheld=move.facts.upheld, answered_at=move.at)
        day = asked.at.astimezone(OFFICE_ZONE).date().isoformat()
        move.record |= {
            "addressee": f"{asked.unit or '提出异议的'}业主",
            "raised_on": day,
            "about": move.case.kind.stage(asked.stage).title,
        }


def _stage(move: Move) -> Stage:
    return move.case.kind.stage(move.stage)


def _office_of(stage: Stage) -> Desk:
    return stage.desk if stage.desk and stage.desk.is_office else Desk.STREET


def _deadline(move: Move) -> Clock | None:
    return next(iter(move.of_stage("deadline")), None)


def _clock(move: Move) -> Clock:
    """`_deadline`, where no obstacle was found."""
    clock = _deadline(move)
    assert clock is not None
    return clock


def _was_paused_by(move: Move, clock: Clock, rule: Rule) -> bool:
    before = select(ClockPause.id).where(col(ClockPause.clock_id) == clock.id, col(ClockPause.rule_id) == rule.id)  # type: ignore[call-overload]
    return move.session.scalar(before.limit(1)) is not None


def _was_put_off(move: Move, clock: Clock) -> bool:
    before = select(ClockLine.id).where(  # type: ignore[call-overload]
        col(ClockLine.clock_id) == clock.id, col(ClockLine.what) == "put_off", col(ClockLine.generation) == clock.generation
    )  # fmt: skip
    return move.session.scalar(before.limit(1)) is not None


def _not_to_decide(move: Move) -> str | None:
    """Why the person may not decide on an extension."""
    clock = _deadline(move)
    asked = _pending(move, clock) if clock else None
    if asked is None:
        return "没有等待批准的延期申请。"
    return "申请延期的人不能自己批准。" if asked.asked_by_id == move.by.id else None


def _pending(move: Move, clock: Clock) -> ClockExtension | None:
    asked = select(ClockExtension).where(
        col(ClockExtension.clock_id) == clock.id, col(ClockExtension.decided_at).is_(None)
    )
    return move.session.scalar(asked)


def _decide(move: Move, granted: bool) -> tuple[Clock, ClockExtension]:
    clock = _clock(move)
    asked = _pending(move, clock)
    assert asked is not None
    write(move.session, asked, decided_by_id=move.by.id, decided_at=move.at, granted=granted)
    return clock, asked


_ALL: tuple[ClockEvent, ...] = (
    Pause(), Resume(), AskExtension(), GrantExtension(), DenyExtension(), PutOff(), Reopen(), AnswerObjection(),
)  # fmt: skip
STANDING.update({event.id: event for event in _ALL})
