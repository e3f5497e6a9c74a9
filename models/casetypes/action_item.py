"""交办事项: what a joint meeting gave somebody to do, from the day it was given to the day it is struck off the list (销号)."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col
from statemachine import Event

from ..agenda import lock
from ..case import Case, CaseEvent
from ..documents import Attachment
from ..links import Link
from ..people import SYSTEM, Desk
from .base import CaseType, Day, Facts, Line, Move, Need, Paper, Paragraph, Stage, Wrong

PROOF = "办结证明"


class Feedback(Facts):
    result: Paragraph = Field(title="办理结果")
    proof: Line | None = Field(default=None, title="纸质证明的名称、文号", description="已经上传“办结证明”的，可以不填")


class CloseOut(Facts):
    opinion: Paragraph | None = Field(default=None, title="核验意见")


class SendBack(Facts):
    reason: Paragraph = Field(title="退回理由")
    due: Day = Field(title="重新办结的期限")


class Revoke(Facts):
    reason: Paragraph = Field(title="撤销理由")
    basis: Line = Field(title="依据", description="如上级意见、会议记录的文号")


class Emergency(Facts):
    situation: Line = Field(title="险情情形", json_schema_extra={"format": "rule", "x-rule": "emergency.situations"})
    works: Line = Field(title="险情部位和内容")
    account: Paragraph | None = Field(default=None, title="发现时间和经过")


class ActionItem(CaseType):
    """交办事项: done by whoever a meeting made responsible, and closed by the office that convened it, never without proof.

    Who cannot meet the day asks that office for more time before it has passed; its head decides.
    """

    title = "交办事项"
    prefix = "JB"

    class Details(BaseModel):
        model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

        task: Paragraph = Field(title="交办事项")
        due: Day = Field(title="办结期限")
        meeting: Line = Field(title="交办会议")

    # --- stages ---

    doing = Stage(
        "承办",
        desk=Desk.APPLICANT,
        also=(Desk.STREET,),
        initial=True,
        deadline="action.due",
        extension="action.extension",
        needs=(Need(PROOF),),
    )
    acceptance = Stage("核验", desk=Desk.STREET, deadline="action.acceptance")
    closed = Stage("销号", final=True)
    revoked = Stage("撤销交办", final=True)

    # --- moves ---

    feedback = Event(doing.to(acceptance, unless="no_proof", on="remember_answer"), name="反馈办理结果")
    emergency = Event(doing.to.itself(internal=True, unless="lies_in_no_estate", on="start_repair"), name="转应急维修")
    close_out = Event(acceptance.to(closed, unless="own_work"), name="销号")
    send_back = Event(acceptance.to(doing, unless="due_is_not_ahead", on="set_due"), name="退回重办")
    revoke = Event(doing.to(revoked) | acceptance.to(revoked), name="撤销交办")

    facts = {
        "feedback": Feedback, "emergency": Emergency, "close_out": CloseOut, "send_back": SendBack, "revoke": Revoke,
    }  # fmt: skip

    may = {
        Desk.APPLICANT: {"feedback", "emergency"},
        Desk.STREET: {"close_out", "send_back", "revoke"},
    }

    paper = {
        "open": Paper("assignment_slip", by=Desk.STREET),
        "close_out": Paper("close_out_notice"),
        "send_back": Paper("send_back_notice"),
        "revoke": Paper("assignment_revocation"),
    }

    outcomes = {"close_out": "销号", "revoke": "撤销交办"}

    enterable_afterwards = {"feedback"}

    opened_by = ()
    """By nobody: a meeting gives rise to it."""

    @classmethod
    def afterwards(cls, session: Session, case: Case, event: CaseEvent, at: datetime) -> None:
        """The meeting that waits for it learns that it has ended, or may take longer."""
        if event.name == "grant_extension":
            news = f"期限延至 {(event.facts or {}).get('due_day', '')}"
        elif event.name in cls.outcomes:
            news = cls.outcomes[event.name]
        else:
            return
        given = select(col(Link.from_id)).where(col(Link.to_id) == case.id, col(Link.why) == "action")
        for meeting in lock(session, session.scalars(given).all()):
            if meeting.is_open:
                facts = {"case": case.number, "outcome": news}
                meeting.remember("linked", facts, by=SYSTEM, at=max(at, meeting.last_at))

    # --- obstacles ---

    def no_proof(self, move: Move) -> str | None:
        if move.facts is None or move.facts.proof or _proofs(move):
            return None
        return Wrong("proof", f"没有证明不能反馈办结：请先上传“{PROOF}”，或者写明纸质证明的名称、文号。")

    def lies_in_no_estate(self, move: Move) -> str | None:
        return "本件不属于某个小区，不能转应急维修。" if move.case.estate_id is None else None

    def own_work(self, move: Move) -> str | None:
        answered = move.case.details.get("answered_by")
        return "反馈办理结果的人不能自己核验销号，请由他人核验。" if answered == move.by.id else None

    def due_is_not_ahead(self, move: Move) -> str | None:
        day = move.facts and move.facts.due
        return Wrong("due", f"重新办结的期限 {day} 须晚于今天。") if day and day <= move.today else None

    # --- what is remembered ---

    def remember_answer(self, move: Move) -> None:
        move.details |= {"result": move.facts.result, "answered_by": move.by.id}
        move.record["proofs"] = [*([move.facts.proof] if move.facts.proof else []), *_proofs(move)]

    def set_due(self, move: Move) -> None:
        move.details |= {"due": move.facts.due.isoformat(), "sent_back": move.details.get("sent_back", 0) + 1}

    def start_repair(self, move: Move) -> None:
        """The repair goes its own, faster way; this item is closed with its papers as proof."""
        move.arises("emergency_repair", why="emergency", **move.facts.model_dump(mode="json", exclude_none=True))


def _proofs(move: Move) -> list[str]:
    """Names of the files handed in as proof since the item last came to whoever does it."""
    files = select(col(Attachment.filename)).where(
        col(Attachment.case_id) == move.case.id, col(Attachment.need) == PROOF, col(Attachment.at) >= move.case.stage_since
    )  # fmt: skip
    return list(move.session.scalars(files.order_by(col(Attachment.id))))
