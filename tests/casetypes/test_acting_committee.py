"""居代业, told as it happens in 莲花北村. Due days were worked out by hand on the calendars of 2025 and 2026."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import applicants, opens_for, visible_to
from models.case import Case, events_of, verify
from models.casetypes import casetype
from models.committees import Committee, follow, in_office, take_office
from models.db import insert_rows
from models.documents import Document
from models.errors import Conflict, Forbidden, Invalid
from models.links import Link
from models.people import Body, Role
from models.publicity import Publicity
from models.rules import rulebook
from models.territory import Unit
from models.what_if import what_if
from pdf.letter import write

from ..make import Cast, at, at_intake, body, person, running, shift

GROUNDS: dict[str, Any] = {
    "matter": "3栋外墙饰面砖空鼓，有脱落危险", "kind": "public_safety", "matter_evidence": "深建质鉴字〔2025〕118号鉴定报告",
    "failure_document": "莲花街办关于换届未成的情况说明（福莲街〔2025〕18号）", "failed_on": "2025-06-30",
}  # fmt: skip
DESIGNATED: dict[str, Any] = {"scope": ["decisions", "fund"], "opinions": "公示期间没有收到不同意见。"}
HANDED: dict[str, Any] = {
    "receiver": "福田区莲花街道办事处", "accounts": ["业主共有资金账册3册"], "seals": ["无"], "files": ["业主名册1份"],
    "settled": "账实相符。",
}  # fmt: skip
DECIDED_2025 = {
    "plan_publicity_from": "2025-08-04", "plan_publicity_to": "2025-08-10",
    "notice_from": "2025-08-11", "notice_to": "2025-08-25",
    "window_from": "2025-08-26", "window_to": "2025-09-04",
    "result_publicity_from": "2025-09-05", "result_publicity_to": "2025-09-11",
}  # fmt: skip


def opens(session: Session, cast: Cast, when: str, who: str = "clerk", **details: Any) -> Case:
    """The street opens it of its own accord, or the residents' committee asks for it."""
    post = getattr(cast, who).posts[0]
    return Case.open(
        session, "acting_committee", estate=cast.estate, applicant=session.get_one(Body, post.body_id),
        details=GROUNDS | details, by=getattr(cast, who), at=at(when),
    )  # fmt: skip


def designated(session: Session, cast: Cast, opened: str, on: str, **facts: Any) -> Case:
    """In office since `on`; at least eight days lie between the two, so that the publicity has run."""
    case = opens(session, cast, opened)
    cast.fires(case, "clerk", "establish", opened, places=["小区公告栏"])
    shift(session, on)
    cast.fires(case, "head", "designate", on, **(DESIGNATED | facts))
    shift(session, on)
    return case


def roster(session: Session, cast: Cast, units: int) -> list[str]:
    """So many households, named as a roster is normalised; returns their labels."""
    labels = [f"{1 + n // 100}栋{1 + n % 100 // 4:02d}{1 + n % 4:02d}" for n in range(units)]
    rows = [
        {"estate_id": cast.estate.id, "label": label, "area_dm2": 8000, "owner": f"业主{n}", "owner_key": f"k{n}",
         "unsold": False, "id_number": None, "phone": None}
        for n, label in enumerate(labels)
    ]  # fmt: skip
    insert_rows(session, Unit, rows)
    return labels


def new_committee(session: Session, cast: Cast, when: str, to_day: str | None = None) -> Committee:
    """What the case of an election does when it ends: the elected committee takes office, and open cases learn of it."""
    elected = session.scalar(select(Body).where(col(Body.name) == "莲花北村第二届业主委员会"))
    if elected is None:
        elected = body(session, "committee", "莲花北村第二届业主委员会")
        person(session, "chair", "高岚", Role.COMMITTEE, cast.estate.path, body_id=elected.id)
    until = date.fromisoformat(to_day) if to_day else None
    made = take_office(
        session, cast.estate, elected, kind="elected", case=None, from_day=at(when).date(), to_day=until, seats=7, at=at(when)
    )  # fmt: skip
    follow(session, cast.estate.id, at(when))  # type: ignore[arg-type]
    return made


def titles(session: Session, case: Case) -> list[str]:
    papers = select(Document).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return [paper.title for paper in session.scalars(papers)]


def paper(session: Session, case: Case, kind: str) -> Document:
    return session.scalars(select(Document).where(col(Document.case_id) == case.id, col(Document.kind) == kind)).one()


# --- lives -----------------------------------------------------------------------------------------------------------


def test_a_failed_re_election_leads_to_acting_and_one_household_more_than_a_fifth_ends_it(
    session: Session, cast: Cast
) -> None:
    labels = roster(session, cast, 100)
    # Monday, 1 September 2025: three working days to judge it, to Thursday
    case = opens(session, cast, "2025-09-01 09:00")
    assert case.number.startswith("DX2025-") and case.desk == "street"
    assert running(session, case).due_day == date(2025, 9, 4)
    cast.fires(case, "clerk", "establish", "2025-09-02 10:00", places=["小区公告栏", "3栋大堂"])
    assert "warning" not in case.details, "in 2025 the rules of 2023 are in force"

    # seven whole days of publicity, the 3rd to the 9th
    assert running(session, case, "period").due_day == date(2025, 9, 9)
    said = case.object(
        "请先公布鉴定报告。", by=cast.residents, at=at("2025-09-05 10:00"), name="王阿姨", unit="2栋0501"
    )
    with pytest.raises(Conflict, match="2025-09-09 24时届满"):
        cast.fires(case, "clerk", "publicity_ends", "2025-09-08 09:00")
    shift(session, "2025-09-10 00:00")
    assert case.stage == "designation" and running(session, case).due_day == date(2025, 9, 17)
    hung = session.scalars(select(Publicity).where(col(Publicity.case_id) == case.id)).one()
    assert (hung.from_day, hung.to_day, hung.places) == (date(2025, 9, 3), date(2025, 9, 9), ["小区公告栏", "3栋大堂"])
    with pytest.raises(Conflict, match="异议还有1条没有答复"):
        cast.fires(case, "head", "designate", "2025-09-12 14:00", **DESIGNATED)
    cast.fires(
        case, "clerk", "answer_objection", "2025-09-12 14:30", objection=said.id, answer="鉴定报告已公布。", upheld=True
    )

    # on the 12th it is designated; no day is stated, so the operator's six months count: to 12 March 2026
    cast.fires(case, "head", "designate", "2025-09-12 15:00", **DESIGNATED)
    assert case.stage == "acting" and running(session, case, "period").due_day == date(2026, 3, 12)
    committee = in_office(session, cast.estate.id)
    assert committee and (committee.kind, committee.to_day) == ("acting", date(2026, 3, 12))
    shift(session, "2025-09-12 15:01")
    letter = paper(session, case, "designation_notice").facts
    assert (
        letter["copies"] == ["福田区住房和建设局", "区民政部门"] and letter["addressee"] == "莲花街道北社区居民委员会"
    )
    assert letter["event"]["term_confidence"] == "unverified"

    # objections come in over weeks: exactly a fifth does not end it, and who is on both lists counts once
    cast.fires(case, "clerk", "oppose", "2025-10-13 09:00", units=labels[:12], evidence="第一次联名书")
    cast.fires(case, "clerk", "oppose", "2025-10-20 09:00", units=[*labels[8:20], labels[8]], evidence="第二次联名书")
    assert case.stage == "acting" and case.details["opposed_share"] == "20户，总户数100户"
    # one takes it back, and two more join: 21 of 100
    cast.fires(case, "clerk", "strike", "2025-10-21 09:00", units=[labels[0]], evidence="撤回申请")
    cast.fires(case, "clerk", "oppose", "2025-10-22 09:00", units=[labels[20]], evidence="第三次联名书")
    assert case.stage == "acting" and len(case.details["opposed"]) == 20
    # as the residents wrote it: the roster's label is found all the same
    cast.fires(case, "clerk", "oppose", "2025-10-23 09:00", units=["1幢101室"], evidence="第四次联名书")
    assert case.stage == "liquidation" and case.details["cause"] == "objections"
    assert in_office(session, cast.estate.id) is None and cast.estate.committee_id is None

    # fifteen working days to hand over, to 13 November
    assert running(session, case).due_day == date(2025, 11, 13)
    cast.fires(case, "residents", "hand_over", "2025-11-03 09:00", **HANDED)
    cast.fires(case, "clerk", "send_back", "2025-11-04 09:00", reason="缺少银行对账单")
    cast.fires(case, "residents", "hand_over", "2025-11-06 09:00", **HANDED)
    with pytest.raises(Invalid, match="不能晚于今天"):
        cast.fires(case, "clerk", "received", "2025-11-07 09:00", received_on="2025-11-08", signed_by="莲花街道办事处")
    cast.fires(case, "clerk", "received", "2025-11-07 09:00", received_on="2025-11-07", signed_by="莲花街道办事处")
    shift(session, "2025-11-07 09:00")
    assert case.outcome == "代行终止，移交完毕" and verify(events_of(session, case)) is None
    assert titles(session, case) == [
        "拟指定代行公示通知", "异议答复书", "指定代行业主委员会职责通知书", "终止代行通知书", "移交清单", "移交清单", "移交完毕确认书",
    ]  # fmt: skip


def test_a_term_that_expires_within_the_spring_festival_ends_on_its_day(session: Session, cast: Cast) -> None:
    """Spring Festival 2026 is off from 15 to 23 February. The term's last day does not roll; what follows it does."""
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-02-18")
    shift(session, "2026-02-18 23:59")
    assert case.stage == "acting"
    shift(session, "2026-02-19 00:00")
    assert case.stage == "liquidation" and case.details["ended"] == "代行期限届满"
    committee = session.scalars(select(Committee).where(col(Committee.case_id) == case.id)).one()
    assert committee.ended_at == at("2026-02-19 00:00") and committee.ended_why == "term"
    # fifteen working days from the 19th: 24–28 February (the 28th is a make-up Saturday), 2–6 and 9–13 March
    assert running(session, case).due_day == date(2026, 3, 13)
    assert "终止代行通知书" in titles(session, case)
    assert cast.estate.committee_id is None and case.committee_id is None


def test_an_election_elsewhere_ends_the_acting_by_itself(session: Session, cast: Cast) -> None:
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-05-12")
    with pytest.raises(Forbidden, match="由系统随相关案件自动办理"):
        cast.fires(case, "clerk", "elected", "2026-01-10 09:00")
    committee = new_committee(session, cast, "2026-01-12 10:00", "2031-01-11")
    assert case.stage == "acting", "what it means is carried on by the hand-off"
    shift(session, "2026-01-12 10:01")
    assert case.stage == "liquidation" and case.details["cause"] == "elected"
    assert in_office(session, cast.estate.id) == committee, "the one that was elected stays in office"
    event = next(event for event in events_of(session, case) if event.name == "elected")
    assert event.by_id is None and event.at == at("2026-01-12 10:01")
    assert paper(session, case, "termination_notice").facts["event"]["article"] == 1


def test_while_it_acts_it_holds_the_committees_role_and_a_payment_granted_then_goes_on_to_the_successor(
    session: Session, cast: Cast
) -> None:
    # the request of the estate is under way before anybody acts
    request = at_intake(session, cast, "2025-09-15 09:00", DECIDED_2025)
    other = cast.opens("2025-09-15 09:30", works="2栋天台防水")
    cast.fires(request, "clerk", "accept", "2025-09-15 10:00")
    cast.fires(request, "reviewer", "approve", "2025-09-17 09:00", amount="100000")
    cast.fires(request, "payer", "paid", "2025-09-19 09:00", paid_on="2025-09-19")
    cast.fires(request, "agent", "finished", "2025-10-20 09:00")
    assert request.stage == "acceptance"
    with pytest.raises(Forbidden):
        cast.fires(request, "residents", "passed", "2025-10-21 09:00", settlement="150000")

    case = designated(session, cast, "2025-10-20 09:00", "2025-10-29 09:00", until="2026-01-31")
    assert request.committee_id == other.committee_id == cast.estate.committee_id
    assert events_of(session, request)[-1].facts == {"committee": "莲花街道北社区居民委员会"}
    with pytest.raises(Forbidden):
        cast.fires(request, "committee", "passed", "2025-10-30 09:00", settlement="150000")
    cast.fires(request, "residents", "passed", "2025-10-30 09:00", settlement="150000")
    cast.fires(request, "agent", "apply", "2026-01-26 09:00")
    cast.fires(request, "reviewer", "approve", "2026-01-28 09:00")
    assert request.stage == "final_payment"

    # the term ends at the end of January while the last payment is open
    shift(session, "2026-02-01 00:00")
    assert case.stage == "liquidation" and request.committee_id is None
    granted = [
        {
            "number": request.number,
            "matter": "3栋电梯大修",
            "stage": "尾款拨付",
            "paid": 10_000_000,
            "to_pay": 5_000_000,
        }
    ]
    assert paper(session, case, "termination_notice").facts["event"]["payments"] == granted
    cast.fires(request, "payer", "paid", "2026-02-03 09:00", paid_on="2026-02-03")
    assert request.stage == "publication", "what was granted is paid"
    cast.fires(case, "residents", "hand_over", "2026-02-04 09:00", **HANDED)
    shift(session, "2026-02-04 09:00")
    listed = paper(session, case, "handover_list").facts["event"]["payments"]
    assert [(one["number"], one["paid"], one["to_pay"]) for one in listed] == [(request.number, 15_000_000, 0)]

    # whoever is elected finds the open cases at their desk
    new_committee(session, cast, "2026-02-05 09:00")
    shift(session, "2026-02-05 09:00")
    assert request.committee_id == other.committee_id == cast.chair.posts[0].body_id
    assert request in session.scalars(visible_to(cast.chair)).all()


def test_after_the_end_nothing_new_is_committed_until_somebody_is_in_office(session: Session, cast: Cast) -> None:
    planned = cast.opens("2025-09-15 09:00", works="2栋天台防水")
    cast.fires(planned, "agent", "plan", "2025-09-15 09:10", warranty_expired=True)
    applied = cast.opens("2025-09-15 09:00", works="1栋水泵更换")
    cast.fires(applied, "agent", "enter_decided", "2025-09-15 09:10", decision=cast.decided().id, **DECIDED_2025)
    in_review = at_intake(session, cast, "2025-09-15 09:00", DECIDED_2025)
    cast.fires(in_review, "clerk", "accept", "2025-09-15 10:00")
    granted = at_intake(session, cast, "2025-09-15 09:00", DECIDED_2025)
    cast.fires(granted, "clerk", "accept", "2025-09-15 10:00")
    cast.fires(granted, "reviewer", "approve", "2025-09-16 09:00", amount="100000")

    case = designated(session, cast, "2025-10-20 09:00", "2025-10-29 09:00", until="2026-01-31")
    cast.fires(
        case, "clerk", "terminate", "2025-11-03 09:00", cause="other", reason="社区撤并，居民委员会不再存续", evidence="区政府公告"
    )  # fmt: skip
    shift(session, "2025-11-03 09:00")
    refused: list[tuple[Case, str, str, dict[str, Any]]] = [
        (planned, "agent", "publish", {}),
        (cast.opens("2025-11-03 10:00"), "agent", "enter_decided", {"decision": cast.decided().id, **DECIDED_2025}),
        (applied, "agent", "submit", {"payee": "深圳安捷电梯工程有限公司", "finish_by": "2026-12-31"}),
        (in_review, "reviewer", "approve", {"amount": "100000"}),
    ]
    for one, who, name, facts in refused:
        with pytest.raises(Conflict, match="已于 2025-11-03 终止.*不得新增维修资金的使用"):
            cast.fires(one, who, name, "2025-11-04 09:00", **facts)
    cast.fires(granted, "payer", "paid", "2025-11-04 09:00", paid_on="2025-11-04")
    assert granted.stage == "works", "what was granted before is paid"

    new_committee(session, cast, "2025-11-10 09:00")
    cast.fires(in_review, "reviewer", "approve", "2025-11-10 10:00", amount="100000")
    assert in_review.stage == "first_payment"


def test_after_the_end_nobody_agrees_to_an_emergency_plan_and_the_street_has_it_carried_out(
    session: Session, cast: Cast
) -> None:
    plan: dict[str, Any] = {
        "items": ["凿除空鼓饰面砖"], "budget": "48600", "scope": "3栋全体业主", "allocation": "按专有部分建筑面积分摊",
        "payee": "深圳恒固建筑工程有限公司", "finish_by": "2025-12-10", "warranty_expired": True,
    }  # fmt: skip

    def planned(day: str, who: str) -> Case:
        repair = Case.open(
            session, "emergency_repair", estate=cast.estate, applicant=cast.company, by=cast.agent, at=at(f"{day} 09:00"),
            details={"situation": "E4", "works": "3栋外墙饰面砖空鼓"},
        )  # fmt: skip
        cast.fires(repair, "agent", "secure", f"{day} 09:30", measures="拉警戒线")
        cast.fires(repair, who, "confirm", f"{day} 10:00", opinion="属实")
        cast.fires(repair, "agent", "plan", f"{day} 11:00", **plan)
        return repair

    case = designated(session, cast, "2025-10-20 09:00", "2025-10-29 09:00", until="2026-01-31")
    agreed = planned("2025-10-30", "residents")
    with pytest.raises(Conflict, match="现在不能“组织代修”；可以办理的是：“同意方案”"):
        cast.fires(agreed, "clerk", "replace", "2025-10-30 11:30", **plan)
    cast.fires(agreed, "residents", "agree", "2025-10-30 12:00", opinion="同意")
    cast.fires(
        case, "clerk", "terminate", "2025-11-03 09:00", cause="other", reason="社区撤并，居民委员会不再存续", evidence="区政府公告"
    )  # fmt: skip
    shift(session, "2025-11-03 09:00")

    # what was agreed to while it acted is carried out and paid
    cast.fires(agreed, "agent", "finished", "2025-11-04 09:00")
    cast.fires(agreed, "residents", "passed", "2025-11-04 10:00", opinion="合格")
    cast.fires(agreed, "agent", "apply", "2025-11-05 09:00", settlement="47000", reviewer="深圳中正造价")
    cast.fires(agreed, "reviewer", "write_off", "2025-11-06 09:00")
    cast.fires(agreed, "payer", "paid", "2025-11-07 09:00", paid_on="2025-11-07")
    assert agreed.details["paid"] == 4_700_000

    # a new hazard is made safe, found to be one and planned for; only the owners' money waits
    repair = planned("2025-11-04", "residents")
    with pytest.raises(Conflict, match="已于 2025-11-03 终止（深建规〔2023〕1号第二十一条）.*由街道办事处组织代修"):
        cast.fires(repair, "residents", "agree", "2025-11-04 12:00", opinion="同意")
    with pytest.raises(Invalid, match="竣工日 2025-11-01 不能早于今天"):
        cast.fires(repair, "clerk", "replace", "2025-11-04 14:00", **plan | {"finish_by": "2025-11-01"})
    cast.fires(repair, "clerk", "replace", "2025-11-04 14:00", **plan)
    assert repair.stage == "substitute" and repair.desk == "street"
    shift(session, "2025-11-04 14:00")
    assert "代行职责已经终止" in "".join(
        write("substitute_notice", paper(session, repair, "substitute_notice").facts).paragraphs
    )
    cast.fires(repair, "clerk", "repaired", "2025-11-20 09:00", accepted_by="莲花街道办事处")
    cast.fires(repair, "clerk", "charge", "2025-11-21 09:00", settlement="48000", reviewer="深圳中正造价")
    cast.fires(repair, "reviewer", "write_off", "2025-11-24 09:00")
    cast.fires(repair, "payer", "paid", "2025-11-25 09:00", paid_on="2025-11-25")
    assert repair.details["paid"] == 4_800_000

    # whoever is in office then agrees again
    waiting = planned("2025-11-04", "residents")
    new_committee(session, cast, "2025-11-10 09:00")
    shift(session, "2025-11-10 09:00")
    cast.fires(waiting, "chair", "agree", "2025-11-10 10:00", opinion="同意")
    assert waiting.stage == "works"


def test_a_designation_after_february_2026_warns_on_the_case_and_on_paper(session: Session, cast: Cast) -> None:
    """The rules of 2023 ran nominally to 2026-02-28; the case was opened before, and its law day with it."""
    case = opens(session, cast, "2026-02-24 09:00")
    cast.fires(case, "clerk", "establish", "2026-02-25 09:00")
    assert "warning" not in case.details
    shift(session, "2026-03-05 00:00")  # publicity to 4 March
    cast.fires(case, "head", "designate", "2026-03-06 09:00", until="2026-09-05", **DESIGNATED)
    shift(session, "2026-03-06 09:00")
    assert "2026年2月28日届满；是否续期未经核实" in case.details["warning"]
    assert paper(session, case, "designation_notice").facts["event"]["warning"] == case.details["warning"]
    book = rulebook(session)
    old, new = (
        book.in_force("acting.objection_share", date.fromisoformat(d), "/") for d in ("2026-02-28", "2026-03-01")
    )
    assert (old.confidence, new.confidence) == ("secondary", "unverified")


def test_what_the_term_would_bring_about_is_told_without_ending_it(session: Session, cast: Cast) -> None:
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-02-18")
    found = what_if(session, case, at("2026-03-02 09:00"), at("2025-12-01 09:00"))
    assert found.stage == "liquidation" and found.happenings[0].name == "term_ends"
    committee = in_office(session, cast.estate.id)
    assert case.stage == "acting" and committee is not None and cast.estate.committee_id == committee.body_id


def test_a_hand_over_that_does_not_come_is_urged(session: Session, cast: Cast) -> None:
    """Fifteen working days from 31 December 2025: 4 (a make-up Sunday), 5–9, 12–16 and 19–22 January; urged on the 23rd."""
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2025-12-30")
    shift(session, "2025-12-31 00:00")
    assert running(session, case).due_day == date(2026, 1, 22)
    shift(session, "2026-01-21 08:30", "2026-01-23 00:00", "2026-01-23 08:30")
    assert [event.name for event in events_of(session, case)][-3:] == ["remind", "red_card", "urge"]
    urged = paper(session, case, "urge_notice")
    assert urged.facts["addressee"] == "莲花街道北社区居民委员会" and urged.facts["issuer"] == "福田区莲花街道办事处"
    told = events_of(session, case)[-1].facts["told"]
    assert cast.residents.id in [one for people in told.values() for one in people]


# --- conditions ------------------------------------------------------------------------------------------------------


def failed_case(session: Session, cast: Cast, type_id: str, outcome: str | None, when: str = "2025-08-01 09:00") -> str:
    """A case of an election as its row stands once it is closed."""
    row = cast.opens(when).model_dump(exclude={"id"})
    row |= {
        "number": f"X-{type_id}-{outcome}",
        "type": type_id,
        "outcome": outcome,
        "desk": None,
        "closed_at": at(when),
    }
    row |= {} if outcome else {"closed_at": None, "desk": "street"}
    insert_rows(session, Case, [row])
    return str(row["number"])


@pytest.mark.parametrize(
    ("type_id", "outcome", "why"),
    [
        ("committee_formation", "筹备失败", "formation_failed"),
        ("committee_reelection", "换届失败", "reelection_failed"),
    ],
)
def test_a_case_that_failed_proves_it_and_is_linked(
    session: Session, cast: Cast, type_id: str, outcome: str, why: str
) -> None:
    number = failed_case(session, cast, type_id, outcome)
    case = opens(session, cast, "2025-09-01 09:00", failure_document=None, failed_on=None, failed_case=number)
    cast.fires(case, "clerk", "establish", "2025-09-01 10:00")
    assert case.stage == "publicity"
    assert session.scalars(select(Link.why).where(col(Link.to_id) == case.id)).all() == [why]  # type: ignore[call-overload]


def test_a_case_that_arose_from_the_failure_need_not_name_it(session: Session, cast: Cast) -> None:
    number = failed_case(session, cast, "committee_reelection", "换届失败")
    failed = session.scalars(select(Case).where(col(Case.number) == number)).one()
    street = cast.clerk.posts[0].body_id
    case = failed.arising(
        session, "acting_committee", why="reelection_failed", by=cast.clerk, at=at("2025-09-01 09:00"), details={}, applicant_id=street
    )  # fmt: skip
    matter = {name: GROUNDS[name] for name in ("matter", "kind", "matter_evidence")}
    cast.fires(case, "clerk", "establish", "2025-09-01 10:00", **matter)
    assert case.details["failed_case"] == number


@pytest.mark.parametrize(
    ("type_id", "outcome", "sentence"),
    [
        ("committee_formation", "业主委员会成立", "结果是“业主委员会成立”"),
        ("committee_reelection", None, "尚未办结"),
        ("fund_request", "不予通过", "本小区没有编号为"),
    ],
)
def test_a_case_that_did_not_fail_proves_nothing(
    session: Session, cast: Cast, type_id: str, outcome: str | None, sentence: str
) -> None:
    number = failed_case(session, cast, type_id, outcome)
    case = opens(session, cast, "2025-09-01 09:00")
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "clerk", "establish", "2025-09-01 10:00", failed_case=number)
    assert refusal.value.field == "failed_case" and case.stage == "assessment"


@pytest.mark.parametrize(
    ("lacking", "field", "sentence"),
    [
        (["failure_document", "failed_on"], "failed_case", "尚未证明.*深建规〔2023〕1号.*非必要不代行"),
        (["failed_on"], "failed_on", "须一并填写"),
        (["failure_document"], "failure_document", "须一并填写"),
        (["matter"], "matter", "公共安全或者物业管理秩序"),
        (["kind"], "kind", "说明事项性质"),
        (["matter_evidence"], "matter_evidence", "附上证据"),
    ],
)
def test_without_evidence_of_both_conditions_nobody_is_designated(
    session: Session, cast: Cast, lacking: list[str], field: str, sentence: str
) -> None:
    without: dict[str, Any] = dict.fromkeys(lacking)
    case = opens(session, cast, "2025-09-01 09:00", **without)
    with pytest.raises(Invalid, match=sentence) as refusal:
        cast.fires(case, "clerk", "establish", "2025-09-01 10:00")
    assert refusal.value.field == field and case.last_seq == 1
    cast.fires(case, "clerk", "establish", "2025-09-01 11:00", **{name: GROUNDS[name] for name in lacking})
    assert case.stage == "publicity" and case.details[lacking[0]] == GROUNDS[lacking[0]]


def test_a_failure_that_has_not_happened_yet_proves_nothing(session: Session, cast: Cast) -> None:
    case = opens(session, cast, "2025-09-01 09:00", failed_on="2025-09-02")
    with pytest.raises(Invalid, match="不能晚于今天"):
        cast.fires(case, "clerk", "establish", "2025-09-01 10:00")


def test_a_committee_whose_term_runs_needs_nobody_to_act_for_it(session: Session, cast: Cast) -> None:
    new_committee(session, cast, "2025-01-06 09:00", "2026-01-05")
    case = opens(session, cast, "2025-09-01 09:00")
    cast.fires(case, "clerk", "establish", "2025-09-01 10:00")
    shift(session, "2025-09-09 00:00")
    with pytest.raises(Conflict, match="任期至 2026-01-05 才届满，非必要不代行"):
        cast.fires(case, "head", "designate", "2025-09-10 09:00", **DESIGNATED)


def test_a_committee_elected_meanwhile_is_not_displaced(session: Session, cast: Cast) -> None:
    case = opens(session, cast, "2025-09-01 09:00")
    cast.fires(case, "clerk", "establish", "2025-09-01 10:00")
    committee = new_committee(session, cast, "2025-09-05 09:00")
    shift(session, "2025-09-09 00:00")
    with pytest.raises(Conflict, match="已于 2025-09-05 产生，非必要不代行"):
        cast.fires(case, "head", "designate", "2025-09-10 09:00", **DESIGNATED)
    cast.fires(case, "head", "decline", "2025-09-10 10:00", reason="业主委员会已经产生")
    assert in_office(session, cast.estate.id) == committee


def test_nobody_is_designated_twice(session: Session, cast: Cast) -> None:
    designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-05-12")
    again = opens(session, cast, "2025-12-01 09:00")
    with pytest.raises(Conflict, match="已经由居委会代行业主委员会职责至 2026-05-12"):
        cast.fires(again, "clerk", "establish", "2025-12-01 10:00")
    cast.fires(again, "clerk", "decline", "2025-12-01 11:00", reason="已在代行")
    assert again.outcome == "不予代行"


# --- bad input, and who may ------------------------------------------------------------------------------------------


def test_a_term_that_is_over_before_it_begins_is_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid, match="须晚于今天") as refusal:
        designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2025-11-12")
    assert refusal.value.field == "until" and in_office(session, cast.estate.id) is None


def test_households_are_those_of_the_roster(session: Session, cast: Cast) -> None:
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-05-12")
    with pytest.raises(Conflict, match="还没有导入业主名册"):
        cast.fires(case, "clerk", "oppose", "2025-11-13 09:00", units=["1栋0101"], evidence="联名书")
    roster(session, cast, 10)
    with pytest.raises(Invalid, match="业主名册中没有：9栋0101、阳光房") as refusal:
        cast.fires(
            case, "clerk", "oppose", "2025-11-13 09:00", units=["1栋0101", "9栋0101", "阳光房"], evidence="联名书"
        )
    assert refusal.value.field == "units"
    with pytest.raises(Invalid, match="没有登记过反对：1栋0102"):
        cast.fires(case, "clerk", "strike", "2025-11-13 09:00", units=["1栋0102"], evidence="撤回申请")
    # two of ten are exactly a fifth
    cast.fires(case, "clerk", "oppose", "2025-11-13 09:00", units=["1栋0101", "1栋0102"], evidence="联名书")
    assert case.stage == "acting"


def test_who_acts_does_not_count_the_objections_to_itself(session: Session, cast: Cast) -> None:
    case = designated(session, cast, "2025-11-03 09:00", "2025-11-12 09:00", until="2026-05-12")
    labels = roster(session, cast, 10)
    with pytest.raises(Forbidden, match="由街道办事处办理"):
        cast.fires(case, "residents", "oppose", "2025-11-13 09:00", units=labels[:3], evidence="联名书")
    with pytest.raises(Forbidden):
        cast.fires(case, "stranger", "terminate", "2025-11-13 09:00", cause="other", reason="x", evidence="y")


def test_the_residents_committee_asks_and_may_take_it_back(session: Session, cast: Cast) -> None:
    bodies = applicants(session, casetype("acting_committee"), [cast.estate])[cast.estate.id or 0]
    assert [one.kind for one in bodies] == ["street_office", "residents_committee"]
    assert opens_for(cast.agent, bodies, cast.estate) is None and opens_for(cast.stranger, bodies, cast.estate) is None
    case = opens(session, cast, "2025-09-01 09:00", "residents")
    cast.fires(case, "residents", "withdraw", "2025-09-01 10:00", reason="外墙已由物业先行排险")
    shift(session, "2025-09-01 10:00")
    assert case.outcome == "撤回" and titles(session, case) == ["撤回代行申请确认书"]
