"""联席会议 and 交办事项, told as they happen in 莲花北村. Due days were worked out by hand on the calendars of 2025 and 2026."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from api.embedded import Urls
from flows.hand_off import carry_on
from models.access import applicants, may_note, see, visible_to
from models.agenda import AgendaItem
from models.case import Case, CaseEvent, events_of, verify
from models.casetypes.base import Move, casetype
from models.clock import ClockLine
from models.db import transaction
from models.desk import desk_of
from models.documents import Document
from models.dossier import dossier
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.links import arising
from models.meetings import Resolution, attendance
from models.people import Body, Role
from models.rules import rulebook
from pdf.letter import write

from .. import make
from ..door import Door
from ..make import Cast, at, at_intake, running, shift
from ..test_pages import come_in

FUTIAN = ["社区党委", "小区党支部", "业主委员会及业主代表", "物业服务企业", "网格办", "社区民警"]
ROOM = {"hour": "09:30", "room": "街道办事处三楼会议室", "chair": "吴芳"}
CAME = [{"body": name, "status": "present"} for name in FUTIAN]


def body(session: Session, name: str) -> Body:
    return session.scalars(select(Body).where(col(Body.name) == name)).one()


def asked(session: Session, cast: Cast, when: str, topic: str = "地下车库渗漏和停车秩序") -> Case:
    """The committee asks for a meeting."""
    return Case.open(
        session, "joint_meeting", estate=cast.estate, applicant=body(session, "莲花北村业主委员会"),
        details={"topic": topic} if topic else {}, by=cast.committee, at=at(when),
    )  # fmt: skip


def at_supervision(
    session: Session,
    cast: Cast,
    *decisions: dict[str, Any],
    who: str = "clerk",
    case: Case | None = None,
    **minutes: Any,
) -> Case:
    """A meeting asked for on Monday, 12 October 2026, held on the 19th, its minutes issued on the 20th."""
    case = case or asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, who, "accept", "2026-10-13 09:00")
    cast.fires(case, who, "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    cast.fires(case, who, "hold", "2026-10-19 11:00", attendance=CAME)
    cast.fires(
        case, who, "minute", "2026-10-20 09:00", summary="各单位发表了意见", decisions=list(decisions), **minutes
    )
    return case


def given(session: Session, meeting: Case) -> list[Case]:
    """What it gave people to do, in order."""
    return arising(session, meeting.id or 0, "action")[::-1]


def papers(session: Session, case: Case) -> list[str]:
    issued = select(col(Document.title)).where(col(Document.case_id) == case.id).order_by(col(Document.event_id))
    return list(session.scalars(issued))


def paper(session: Session, case: Case, kind: str) -> Document:
    found = select(Document).where(col(Document.case_id) == case.id, col(Document.kind) == kind)
    return session.scalars(found.order_by(col(Document.id).desc())).first()  # type: ignore[return-value]


def told(session: Session, case: Case, name: str) -> list[Any]:
    return [event.facts for event in events_of(session, case) if event.name == name]


def late_meeting(session: Session, cast: Cast) -> tuple[Case, Case]:
    """A request that lies with the street since 12 October 2026, and the meeting that opened for it on the 26th."""
    late = at_intake(session, cast, "2026-10-12 09:00")  # due 2026-10-19
    shift(session, "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-26 08:30")
    return late, session.scalars(select(Case).where(col(Case.type) == "joint_meeting")).one()


# --- a whole life ---


def test_one_meeting_over_national_day_with_three_things_to_do_one_late_and_one_sent_back(
    session: Session, cast: Cast
) -> None:
    """2025: days off from 1 to 8 October, worked off on Sunday, 28 September, and Saturday, 11 October."""
    # Thursday, 25 September 2025: the committee asks. Counted: 26th, Sunday 28th, 29th, 30th, 9 October
    case = asked(session, cast, "2025-09-25 09:00")
    assert case.number.startswith("LX2025-") and (case.stage, case.desk, case.serves) == ("intake", "street", None)
    assert running(session, case).due_day == date(2025, 10, 9)
    # accepted on Monday: the notice is to go out by 13 October (30th; 9th, 10th, Saturday 11th, 13th)
    cast.fires(case, "clerk", "accept", "2025-09-29 10:00")
    assert running(session, case).due_day == date(2025, 10, 13)

    # on Tuesday it is called, three working days ahead: 9th, 10th, Saturday 11th
    with pytest.raises(Invalid, match="最早可以定在 2025-10-11") as refused:
        cast.fires(case, "clerk", "notify", "2025-09-30 09:00", day="2025-10-10", **ROOM)
    assert refused.value.field == "day"
    with pytest.raises(Invalid, match="最迟定在 2025-10-28"):  # 15 working days from 9 October on
        cast.fires(case, "clerk", "notify", "2025-09-30 09:00", day="2025-10-29", **ROOM)
    cast.fires(case, "clerk", "notify", "2025-09-30 09:00", day="2025-10-14", **ROOM)
    assert case.details["invited"] == FUTIAN, "the form of 福田: 五位一体"
    assert running(session, case).due_day == date(2025, 10, 14)
    with pytest.raises(Conflict, match="会议定于 2025-10-14 召开"):
        cast.fires(case, "clerk", "hold", "2025-10-13 16:00", attendance=CAME)

    # three of six came, half of them: it was held. The police wrote, two were not heard of
    sheet = [
        {"body": "社区党委", "person": "王敏书记", "status": "present"},
        {"body": "业主委员会及业主代表", "person": "陈博主任", "status": "present"},
        {"body": "物业服务企业", "person": "李娜", "status": "present"},
        {"body": "社区民警", "status": "leave", "opinion": "同意调整车库出入口的管理"},
        {"body": "地铁集团", "person": "刘工", "status": "observing"},
    ]
    cast.fires(case, "clerk", "hold", "2025-10-14 11:30", attendance=sheet)
    assert {(line.body, line.status) for line in attendance(session, case.id or 0, 1)} >= {
        ("小区党支部", "absent"), ("网格办", "absent"), ("社区民警", "leave"), ("地铁集团", "observing"),
    }  # fmt: skip
    assert running(session, case).due_day == date(2025, 10, 21)

    # minutes on the 16th: three things to do, each a case of whoever is responsible, with its own clock
    decisions = [
        {"task": "检测车库渗漏点并提出维修方案", "responsible": str(cast.company.id), "due": "2025-10-31"},
        {"task": "清理占用的消防通道", "responsible": "莲花街道北社区居民委员会", "due": "2025-10-24"},
        {"task": "向业主公示维修方案", "responsible": "莲花北村业主委员会", "due": "2025-11-14"},
    ]
    cast.fires(case, "clerk", "minute", "2025-10-16 09:00", summary="各方同意先检测后维修", decisions=decisions)
    assert case.stage == "supervision" and running(session, case).due_day == date(2025, 11, 28)  # ten working days more
    company, residents, committee = given(session, case)
    assert [item.applicant_id for item in (company, residents, committee)] == [
        cast.company.id, body(session, "莲花街道北社区居民委员会").id, cast.estate.committee_id,
    ]  # fmt: skip
    assert [running(session, item).due_day.isoformat() for item in (company, residents, committee)] == [
        "2025-10-31", "2025-10-24", "2025-11-14",
    ]  # fmt: skip
    assert all(item.number.startswith("JB2025-") and item.desk == "applicant" for item in given(session, case))
    decided = session.scalars(select(Resolution).where(col(Resolution.case_id) == case.id).order_by(col(Resolution.id)))
    assert [one.item_id for one in decided] == [company.id, residents.id, committee.id]
    shift(session, "2025-10-16 09:01")
    assert (
        papers(session, company) == ["交办单"]
        and paper(session, company, "assignment_slip").facts["addressee"] == "莲心物业服务有限公司"
    )
    minutes = paper(session, case, "meeting_minutes").facts["event"]
    assert minutes["attendance"]["present"][0] == "社区党委（王敏书记）" and minutes["attendance"]["absent"] == [
        "小区党支部",
        "网格办",
    ]
    assert minutes["opinions"] == ["社区民警：同意调整车库出入口的管理"]
    assert [one["responsible"] for one in minutes["decisions"]][2] == "莲花北村业主委员会"

    # the residents' committee is late: red on the 25th, urged by the street on Monday the 27th
    shift(session, "2025-10-23 08:30", "2025-10-25 00:00", "2025-10-27 08:30")
    assert residents.card(at("2025-10-27 09:00")) == "red"
    urged = paper(session, residents, "urge_notice")
    assert (urged.facts["issuer"], urged.facts["addressee"]) == ("福田区莲花街道办事处", "莲花街道北社区居民委员会")
    cast.fires(residents, "residents", "feedback", "2025-10-28 09:00", result="通道已经清理", proof="整改照片6张")
    cast.fires(residents, "clerk", "close_out", "2025-10-28 15:00")

    # the company answers without proof, then with a thin one, which is sent back
    with pytest.raises(Invalid, match="没有证明不能反馈") as refused:
        cast.fires(company, "agent", "feedback", "2025-10-29 09:00", result="已检测")
    assert refused.value.field == "proof"
    cast.fires(company, "agent", "feedback", "2025-10-29 09:10", result="已检测", proof="检测记录1页")
    assert company.stage == "acceptance" and running(session, company).due_day == date(2025, 11, 5)
    with pytest.raises(Invalid, match="须晚于今天"):
        cast.fires(company, "clerk", "send_back", "2025-10-30 09:00", reason="没有方案", due="2025-10-30")
    cast.fires(company, "clerk", "send_back", "2025-10-30 09:00", reason="没有维修方案", due="2025-11-10")
    assert company.stage == "doing" and running(session, company).due_day == date(2025, 11, 10)
    with pytest.raises(Invalid, match="没有证明不能反馈"):
        cast.fires(company, "agent", "feedback", "2025-11-05 09:00", result="已补齐")
    company.attach(b"%PDF-1.4 x", filename="维修方案.pdf", need="办结证明", by=cast.agent, at=at("2025-11-06 09:00"))
    with pytest.raises(Conflict, match=company.number) as open_items:
        cast.fires(case, "clerk", "archive", "2025-11-06 09:30")
    assert committee.number in open_items.value.sentence and residents.number not in open_items.value.sentence
    cast.fires(company, "agent", "feedback", "2025-11-06 10:00", result="方案和费用已列明")
    assert told(session, company, "feedback")[-1]["proofs"] == ["维修方案.pdf"]
    cast.fires(company, "clerk", "close_out", "2025-11-07 09:00", opinion="方案齐全")
    cast.fires(committee, "committee", "feedback", "2025-11-13 09:00", result="已公示7日", proof="公示照片")
    cast.fires(committee, "head", "close_out", "2025-11-14 09:00")
    shift(session, "2025-11-14 09:01")
    assert [line["case"] for line in told(session, case, "linked")] == [
        residents.number,
        company.number,
        committee.number,
    ]

    cast.fires(case, "clerk", "archive", "2025-11-18 09:00")
    shift(session, "2025-11-18 09:01")
    assert (case.stage, case.outcome, case.desk) == ("archived", "办结归档", None)
    assert papers(session, case) == ["会议通知", "会议纪要", "归档告知书"]
    assert papers(session, company) == ["交办单", "督办通知书", "销号通知书"]
    assert papers(session, residents) == ["交办单", "催办通知书", "销号通知书"]
    assert all(verify(events_of(session, one)) is None for one in (case, company, residents, committee))
    assert session.scalars(select(CaseEvent).where(col(CaseEvent.handled_at).is_(None))).all() == []


# --- called by itself ---


def test_a_late_fund_request_opens_a_meeting_whose_result_comes_back_to_it(session: Session, cast: Cast) -> None:
    late, meeting = late_meeting(session, cast)
    assert (meeting.place, meeting.desk, meeting.estate_id, meeting.serves) == (
        "莲花街道",
        "street",
        None,
        meeting.path,
    )
    assert running(session, meeting).due_day == date(2026, 11, 2)
    for name, facts in {
        "refuse": {"reason": "x"},
        "refer": {"reason": "x", "organ": "x"},
        "withdraw": {"reason": "x"},
    }.items():
        with pytest.raises(Conflict, match="因辖区案件逾期而提请"):
            cast.fires(meeting, "clerk", name, "2026-10-27 09:00", **facts)
    cast.fires(meeting, "clerk", "accept", "2026-10-27 09:00")
    assert meeting.details["topic"] == "莲花街道逾期案件的协调"
    cast.fires(meeting, "clerk", "notify", "2026-10-27 10:00", day="2026-10-30", **ROOM)
    assert told(session, meeting, "notify")[0]["agenda"] == [f"{late.number} 莲花北村维修资金使用"]

    # once it was held, what is late comes before another one
    other = at_intake(session, cast, "2026-10-20 09:00")  # due 2026-10-27, so circulated on 3 November
    cast.fires(meeting, "clerk", "hold", "2026-10-30 15:00", attendance=CAME)
    assert meeting.serves is None
    shift(session, "2026-10-30 15:01", "2026-11-02 08:30", "2026-11-03 08:30")
    both = session.scalars(select(Case).where(col(Case.type) == "joint_meeting").order_by(col(Case.id))).all()
    assert [one.serves for one in both] == [None, meeting.path] and both[0] is meeting
    assert session.scalars(select(col(AgendaItem.case_id)).where(col(AgendaItem.meeting_id) == both[1].id)).all() == [
        other.id
    ]

    said: dict[str, Any] = {"summary": "逐件说明了逾期原因", "decisions": []}
    with pytest.raises(Invalid, match=f"{late.number} 还没有处理结果") as refused:
        cast.fires(meeting, "clerk", "minute", "2026-11-03 09:00", **said)
    assert refused.value.field == "results"
    with pytest.raises(Invalid, match="不在本会议的议程上") as refused:
        cast.fires(
            meeting, "clerk", "minute", "2026-11-03 09:00", **said, results=[{"case": other.number, "result": "x"}]
        )
    assert refused.value.field == "results.0.case"
    todo = [{"task": "作出受理决定", "responsible": "福田区莲花街道办事处", "due": "2026-11-06"}]
    result = {"case": late.number, "result": "由街道办事处于11月6日前作出受理决定"}
    cast.fires(meeting, "clerk", "minute", "2026-11-03 09:00", summary="逐件说明", decisions=todo, results=[result])
    shift(session, "2026-11-03 09:01")
    assert told(session, late, "agenda_result") == [{"meeting": meeting.number, "result": result["result"]}]
    item = session.scalars(select(AgendaItem).where(col(AgendaItem.case_id) == late.id)).one()
    assert item.settled_at == at("2026-11-03 09:01") and item.result == result["result"]
    assert verify(events_of(session, late)) is None and late.stage == "intake"

    # the office gave itself something to do: another person than who answers says that it is done
    (own,) = given(session, meeting)
    assert own.place == "莲花街道" and paper(session, own, "assignment_slip").facts["issuer"] == "福田区莲花街道办事处"
    cast.fires(late, "clerk", "accept", "2026-11-04 09:00")
    cast.fires(own, "clerk", "feedback", "2026-11-04 10:00", result="已经受理", proof="受理通知书")
    with pytest.raises(Conflict, match="不能自己核验"):
        cast.fires(own, "clerk", "close_out", "2026-11-04 11:00")
    cast.fires(own, "head", "close_out", "2026-11-04 11:00")
    cast.fires(meeting, "clerk", "archive", "2026-11-05 09:00")
    shift(session, "2026-11-05 09:01")
    assert meeting.outcome == "办结归档" and papers(session, meeting)[-1] == "归档告知书"


def test_a_case_that_ended_before_the_meeting_needs_no_result(session: Session, cast: Cast) -> None:
    late, meeting = late_meeting(session, cast)
    cast.fires(late, "agent", "withdraw", "2026-10-26 10:00", reason="另行申请")
    cast.fires(meeting, "clerk", "accept", "2026-10-27 09:00")
    cast.fires(meeting, "clerk", "notify", "2026-10-27 10:00", day="2026-10-30", **ROOM)
    cast.fires(meeting, "clerk", "hold", "2026-10-30 15:00", attendance=CAME)
    cast.fires(meeting, "clerk", "minute", "2026-11-02 09:00", summary="案件已经撤回")
    shift(session, "2026-11-02 09:01")
    assert told(session, late, "agenda_result") == [{"meeting": meeting.number, "result": "会前已经办结"}]


def test_a_result_waits_while_somebody_holds_the_case_it_is_about(own_database: Urls) -> None:
    with transaction(own_database.app) as session:
        cast = Cast(session)
        late, meeting = late_meeting(session, cast)
        cast.fires(meeting, "clerk", "accept", "2026-10-27 09:00")
        cast.fires(meeting, "clerk", "notify", "2026-10-27 10:00", day="2026-10-30", **ROOM)
        cast.fires(meeting, "clerk", "hold", "2026-10-30 15:00", attendance=CAME)
        shift(session, "2026-10-30 15:01")
        result = {"case": late.number, "result": "限期受理"}
        cast.fires(meeting, "clerk", "minute", "2026-11-02 09:00", summary="…", results=[result])
    unhandled = select(CaseEvent).where(col(CaseEvent.handled_at).is_(None))
    with transaction(own_database.app) as elsewhere:
        elsewhere.execute(select(col(Case.id)).where(col(Case.id) == late.id).with_for_update())
        with transaction(own_database.app) as session:
            carry_on(session, at("2026-11-02 09:01"))
            assert [event.name for event in session.scalars(unhandled)] == ["minute"]
            assert paper(session, meeting, "meeting_minutes") is None, "wholly or not at all"
    with transaction(own_database.app) as session:
        shift(session, "2026-11-02 09:02")
        assert told(session, session.get_one(Case, late.id), "agenda_result")
        assert session.scalars(unhandled).all() == []


# --- up ---


def test_what_the_street_cannot_settle_goes_to_the_district_and_from_there_to_the_city(
    session: Session, cast: Cast
) -> None:
    street = at_supervision(session, cast, unresolved="管网改造的出资责任")
    shift(session, "2026-10-20 09:01")
    up = {"reason": "涉及市政管线", "request": "确定出资责任"}
    cast.fires(street, "clerk", "report_up", "2026-10-21 09:00", **up)
    shift(session, "2026-10-21 09:01")
    letter = paper(session, street, "report_letter")
    assert (letter.facts["issuer"], letter.facts["addressee"]) == ("福田区莲花街道办事处", "福田区住房和建设局")
    (district,) = arising(session, street.id or 0, "referred")
    assert (district.place, district.desk, district.serves) == ("福田区", "district", "/4403/440304/")
    assert street.stage == "reported" and running(session, street).due_day == date(2026, 12, 2)  # thirty working days
    with pytest.raises(Conflict, match=f"{district.number} 尚未答复"):
        cast.fires(street, "clerk", "archive", "2026-10-21 10:00")

    with pytest.raises(Forbidden):
        cast.fires(district, "clerk", "accept", "2026-10-22 09:00")
    cast.fires(district, "reviewer", "accept", "2026-10-22 09:00")
    cast.fires(district, "reviewer", "notify", "2026-10-22 10:00", day="2026-10-27", **ROOM)
    cast.fires(district, "reviewer", "hold", "2026-10-27 11:00", attendance=CAME)
    todo = {"task": "提供管线资料", "responsible": "福田区莲花街道办事处", "due": "2026-11-06"}
    answer = {"case": street.number, "result": "由街道提供资料，出资责任报市级协调"}
    cast.fires(
        district, "reviewer", "minute", "2026-10-28 09:00", summary="意见不一", decisions=[todo], results=[answer]
    )
    shift(session, "2026-10-28 09:01")
    notice = paper(session, district, "meeting_notice")
    assert (notice.facts["issuer"], notice.facts["addressee"]) == ("福田区住房和建设局", "、".join(FUTIAN))
    assert told(session, street, "agenda_result") == [{"meeting": district.number, "result": answer["result"]}]
    cast.fires(street, "clerk", "archive", "2026-10-29 09:00")
    assert street.outcome == "办结归档"

    # a thing to do that lies outside the street's area is the street's all the same, and nobody else's
    (item,) = given(session, district)
    assert (
        see(session, cast.clerk, item.number) is item
        and item in desk_of(session, cast.clerk, at("2026-10-29 09:00")).mine
    )
    with pytest.raises(NotFound):
        see(session, cast.stranger, item.number)

    cast.fires(district, "reviewer", "report_up", "2026-10-30 09:00", **up)
    shift(session, "2026-10-30 09:01")
    (city,) = arising(session, district.id or 0, "referred")
    assert (city.place, city.desk) == ("深圳市", "city")
    assert paper(session, district, "report_letter").facts["addressee"] == "深圳市物业专项维修资金管理中心"
    cast.fires(city, "payer", "accept", "2026-11-02 09:00")
    cast.fires(city, "payer", "notify", "2026-11-02 10:00", day="2026-11-05", **ROOM)
    assert city.details["invited"][0] == "街道办事处", "no district's form"
    came = [{"body": name, "status": "present"} for name in city.details["invited"]]
    cast.fires(city, "payer", "hold", "2026-11-05 11:00", attendance=came)
    answer = {"case": district.number, "result": "由管线权属单位出资"}
    cast.fires(city, "payer", "minute", "2026-11-06 09:00", summary="形成一致意见", results=[answer])
    with pytest.raises(Conflict, match="已无上级可报"):
        cast.fires(city, "payer", "report_up", "2026-11-06 10:00", **up)
    shift(session, "2026-11-06 10:01")
    cast.fires(city, "payer", "archive", "2026-11-09 09:00")
    cast.fires(district, "reviewer", "archive", "2026-11-09 09:00")  # reported upwards, its item may stay open
    shift(session, "2026-11-09 09:01")
    assert (
        item.is_open
        and f"{item.number}，未办结，已随会议上报"
        in paper(session, district, "meeting_archived").facts["event"]["items"]
    )
    assert all(verify(events_of(session, one)) is None for one in (street, district, city))
    assert session.scalars(select(CaseEvent).where(col(CaseEvent.handled_at).is_(None))).all() == []

    # and the district urges it, not the late street itself
    shift(session, "2026-11-10 08:30")
    urged = paper(session, item, "urge_notice")
    assert (urged.facts["issuer"], urged.facts["addressee"]) == ("福田区住房和建设局", "福田区莲花街道办事处")


def test_an_asked_for_meeting_that_is_late_comes_before_its_streets_meeting(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")  # due 2026-10-19
    shift(session, "2026-10-20 00:00", "2026-10-20 08:30", "2026-10-26 08:30")
    item = session.scalars(select(AgendaItem)).one()
    assert item.case_id == case.id and session.get_one(Case, item.meeting_id).place == "莲花街道"


# --- triage ---


def test_what_another_organ_must_do_is_handed_on_within_three_working_days(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    organ = {"organ": "福田区城市管理和综合执法局", "reason": "违法搭建由城管部门查处"}
    cast.fires(case, "clerk", "refer", "2026-10-13 09:00", **organ)
    assert case.stage == "transfer" and running(session, case).due_day == date(2026, 10, 16)
    shift(session, "2026-10-13 09:01")
    slip = paper(session, case, "transfer_slip")
    assert (slip.title, slip.facts["addressee"], slip.facts["copies"]) == (
        "转办单",
        organ["organ"],
        ["莲花北村业主委员会"],
    )
    cast.fires(case, "clerk", "turned_away", "2026-10-14 09:00", reason="材料不齐")
    assert case.stage == "intake" and running(session, case).due_day == date(2026, 10, 21)
    cast.fires(case, "clerk", "refer", "2026-10-15 09:00", **organ)
    with pytest.raises(Invalid, match="不能晚于今天"):
        cast.fires(case, "clerk", "hand_over", "2026-10-16 09:00", received_on="2026-10-17", receipt="福城管收88号")
    cast.fires(case, "clerk", "hand_over", "2026-10-16 09:00", received_on="2026-10-16", receipt="福城管收88号")
    shift(session, "2026-10-16 09:01")
    assert case.outcome == "转送有权机关" and papers(session, case) == ["转办单", "转办单", "转送告知书"]


def test_a_refusal_gives_its_reasons_in_writing(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    with pytest.raises(Invalid, match="理由"):
        cast.fires(case, "clerk", "refuse", "2026-10-13 09:00")
    cast.fires(case, "clerk", "refuse", "2026-10-13 09:00", reason="属于合同纠纷")
    shift(session, "2026-10-13 09:01")
    assert case.outcome == "不予受理" and papers(session, case) == ["不予受理告知书"]
    cast.fires(case, "head", "reopen", "2026-11-02 09:00", reason="复查后应当召集", evidence="复查意见1号")
    (again,) = arising(session, case.id or 0, "reopened")
    cast.fires(again, "clerk", "notify", "2026-11-03 10:00", day="2026-11-06", **ROOM)
    assert again.details["invited"] == FUTIAN


def test_one_that_is_merged_learns_what_the_other_meeting_decided(session: Session, cast: Cast) -> None:
    first, second = asked(session, cast, "2026-10-12 09:00"), asked(session, cast, "2026-10-12 10:00", "停车收费")
    for into in ("LX2026-999999", second.number, at_intake(session, cast).number):
        with pytest.raises(Invalid, match="没有编号为") as refused:
            cast.fires(second, "clerk", "merge", "2026-10-12 11:00", into=into)
        assert refused.value.field == "into"
    cast.fires(second, "clerk", "merge", "2026-10-12 11:00", into=first.number)
    shift(session, "2026-10-12 11:01")
    assert second.outcome == "并入其他会议" and papers(session, second) == ["并案告知书"]
    assert arising(session, second.id or 0, "merged") == [first]
    with pytest.raises(Invalid, match=f"{second.number} 还没有处理结果"):
        at_supervision(session, cast, case=first)
    answer = {"case": second.number, "result": "停车收费提请业主共同决定"}
    cast.fires(first, "clerk", "minute", "2026-10-20 09:00", summary="一并协调", results=[answer])
    shift(session, "2026-10-20 09:01")
    assert told(session, second, "agenda_result") == [{"meeting": first.number, "result": answer["result"]}]
    # one that was merged while the hand-off stood still finds the minutes written: it is told where they are
    last = asked(session, cast, "2026-10-19 09:00")
    host = asked(session, cast, "2026-10-12 09:00")
    cast.fires(host, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(host, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    cast.fires(last, "clerk", "merge", "2026-10-19 10:00", into=host.number)
    cast.fires(host, "clerk", "hold", "2026-10-19 11:00", attendance=CAME)
    cast.fires(host, "clerk", "minute", "2026-10-20 09:00", summary="…")
    shift(session, "2026-10-20 10:00")
    assert told(session, last, "agenda_result") == [
        {"meeting": host.number, "result": f"并入的会议已经召开，见 {host.number} 的纪要"}
    ]
    third = asked(session, cast, "2026-10-21 09:00")
    with pytest.raises(Invalid, match="已到“交办督办”环节，不能再并入"):
        cast.fires(third, "clerk", "merge", "2026-10-21 10:00", into=first.number)


def test_whoever_asked_may_withdraw_until_it_is_called(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-12 10:00")
    with pytest.raises(Forbidden):
        cast.fires(case, "agent", "withdraw", "2026-10-12 11:00", reason="已经和解")
    cast.fires(case, "committee", "withdraw", "2026-10-12 11:00", reason="已经和解")
    shift(session, "2026-10-12 11:01")
    assert case.outcome == "撤回" and papers(session, case) == ["撤回确认书"]


def test_an_enterprise_whistles_and_departments_come(session: Session, cast: Cast) -> None:
    """宝安: 企业吹哨、部门报到. Here a grid operator asks in 福田."""
    futian = make.area(session, "440304")
    operator = make.body(session, "department", "深圳供电局福田供电所", None, futian.id)
    lineman = make.person(session, "lineman", "陆川", Role.AGENT, cast.estate.path, body_id=operator.id)
    asking = applicants(session, casetype("joint_meeting"), [cast.estate])[cast.estate.id or 0]
    assert [one.kind for one in asking] == ["committee", "company", "residents_committee", "department"]
    case = Case.open(
        session, "joint_meeting", estate=cast.estate, applicant=operator, details={"topic": "配电房移位"}, by=lineman,
        at=at("2026-10-12 09:00"),
    )  # fmt: skip
    meeting = at_supervision(
        session, cast, {"task": "提交移位方案", "responsible": operator.name, "due": "2026-10-30"}, case=case
    )
    (item,) = given(session, meeting)
    assert see(session, cast.lineman, item.number) is item
    cast.fires(item, "lineman", "feedback", "2026-10-28 09:00", result="已提交", proof="方案1份")
    assert item.stage == "acceptance"


def test_whoever_is_invited_reads_the_meeting_from_the_notice_on_and_nothing_else_of_the_estate(
    session: Session, cast: Cast
) -> None:
    futian = make.area(session, "440304")
    fire = make.body(session, "department", "福田区消防救援大队", None, futian.id)
    fireman = make.person(session, "fireman", "罗刚", Role.AGENT, futian.path, body_id=fire.id)
    market = make.body(session, "department", "福田区市场监督管理局福保所", None, futian.id)
    inspector = make.person(session, "inspector", "谭静", Role.AGENT, futian.path, body_id=market.id)
    request = at_intake(session, cast, "2026-10-12 09:00")
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    for nobody in (fireman, inspector, cast.agent):
        with pytest.raises(NotFound):
            see(session, nobody, case.number)

    # the estate's company is invited as such, the fire brigade by name
    invited = ["物业服务企业", "业主委员会及业主代表", fire.name, "社区民警"]
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", invited=invited, **ROOM)
    shift(session, "2026-10-13 10:00")
    for reader in (fireman, cast.agent, cast.committee):
        assert see(session, reader, case.number) is case
        assert any(
            "定于 2026-10-19 09:30 在街道办事处三楼会议室召开" in one.text
            for one in desk_of(session, reader, at("2026-10-13 10:00")).notices
        )
    with pytest.raises(NotFound):
        see(session, inspector, case.number)
    with pytest.raises(NotFound):
        see(session, fireman, request.number)
    assert not session.scalars(visible_to(fireman)).all() and not may_note(fireman, case), "they read it"
    with pytest.raises(Forbidden):
        cast.fires(case, "fireman", "hold", "2026-10-19 11:00", attendance=[{"body": fire.name, "status": "present"}])

    # once it is called anew, who is not invited any more does not read on
    cast.fires(case, "clerk", "reconvene", "2026-10-14 09:00", reason="会场另有安排")
    cast.fires(case, "clerk", "notify", "2026-10-14 10:00", day="2026-10-20", invited=invited[:2], **ROOM)
    with pytest.raises(NotFound):
        see(session, fireman, case.number)


def test_a_link_leads_to_the_meeting_for_who_is_invited_to_it_only(session: Session, cast: Cast) -> None:
    futian = make.area(session, "440304")
    fire = make.body(session, "department", "福田区消防救援大队", None, futian.id)
    make.person(session, "fireman", "罗刚", Role.AGENT, futian.path, body_id=fire.id)
    meeting = at_supervision(
        session, cast,
        {"task": "清理消防通道", "responsible": cast.company.name, "due": "2026-10-30"},
        {"task": "复查消防通道", "responsible": fire.name, "due": "2026-11-06"},
    )  # fmt: skip
    for item, who, is_invited in zip(given(session, meeting), ("agent", "fireman"), (True, False), strict=True):
        (link,) = dossier(session, getattr(cast, who), item, at("2026-10-21 09:00")).links
        assert (link.case, link.is_seen) == (meeting, is_invited)


@pytest.mark.parametrize(
    ("path", "first", "count"),
    [
        ("/4403/440304/440304008/", "社区党委", 6),
        ("/4403/440306/440306001/", "街道办事处", 3),
        ("/4403/440307/440307001/", "街道办事处", 4),
        ("/4403/440305/", "街道办事处", 6),
    ],
)
def test_each_district_has_its_own_form_of_meeting(session: Session, path: str, first: str, count: int) -> None:
    entries = rulebook(session).in_force("meeting.attendees", date(2026, 10, 12), path).entries
    assert (entries[0], len(entries)) == (first, count)


# --- a meeting that cannot be held ---


def test_too_few_came_so_it_is_called_again(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    few = CAME[:2]
    with pytest.raises(Invalid, match="通知6个单位，出席2个，不足50%") as refused:
        cast.fires(case, "clerk", "hold", "2026-10-19 11:00", attendance=few)
    assert refused.value.field == "attendance"
    cast.fires(case, "clerk", "reconvene", "2026-10-19 11:10", reason="到会不足半数", attendance=few)
    assert case.stage == "convening" and running(session, case).due_day == date(2026, 10, 26)
    shift(session, "2026-10-19 11:11")
    assert papers(session, case)[-1] == "会议改期通知"
    cast.fires(case, "clerk", "notify", "2026-10-20 09:00", day="2026-10-23", **ROOM)
    cast.fires(case, "clerk", "hold", "2026-10-23 11:00", attendance=CAME)
    assert [len(attendance(session, case.id or 0, sitting)) for sitting in (1, 2)] == [6, 6]
    assert [line.status for line in attendance(session, case.id or 0, 1)] == ["present"] * 2 + ["absent"] * 4


def test_a_meeting_put_off_before_its_day_counts_nobody_as_absent(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    cast.fires(case, "clerk", "reconvene", "2026-10-15 09:00", reason="台风预警")
    assert attendance(session, case.id or 0, 1) == [] and case.stage == "convening"


def test_a_meeting_nobody_writes_up_turns_red(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    shift(session, "2026-10-16 08:30", "2026-10-20 00:00")
    assert case.card(at("2026-10-20 00:00")) == "red"


# --- on screen ---


def test_case_pages_say_who_came_what_was_decided_and_what_came_of_it(door: Door) -> None:
    def life(session: Session, cast: Cast) -> list[str]:
        late, meeting = late_meeting(session, cast)
        cast.fires(meeting, "clerk", "accept", "2026-10-27 09:00")
        cast.fires(meeting, "clerk", "notify", "2026-10-27 10:00", day="2026-10-30", **ROOM)
        came = [{"body": "社区党委", "person": "王敏书记", "status": "present", "opinion": "限期受理"}, *CAME[1:]]
        cast.fires(meeting, "clerk", "hold", "2026-10-30 15:00", attendance=came)
        result = {"case": late.number, "result": "由街道办事处于11月6日前受理"}
        cast.fires(
            meeting, "clerk", "minute", "2026-11-02 09:00", summary="…", decisions=[DECISION | {"due": "2026-11-06"}],
            results=[result],
        )  # fmt: skip
        shift(session, "2026-11-02 09:01")
        return [late.number, meeting.number, given(session, meeting)[0].number]

    late, meeting, item = door.writes(life)
    door.goes_to("2026-11-02 10:00")
    clerk = door.signed_in("clerk")
    assert f"会议：{meeting}" in (page := clerk.get(f"/cases/{late}").text) and "由街道办事处于11月6日前受理" in page
    page = clerk.get(f"/cases/{meeting}").text
    assert "单位 社区党委，姓名、职务 王敏书记，到会情况 出席，书面意见 限期受理" in page
    assert "议定事项 检测渗漏，责任单位 莲花北村业主委员会，办结期限 2026-11-06" in page
    assert item in door.signed_in("committee").get("/").text
    assert clerk.get(f"/cases/{item}").status_code == 200
    form = door.signed_in("agent").get("/cases/new?type=joint_meeting").text
    assert "议题" in form and "交办事项" not in form, "an item is given, never asked for"


def test_a_department_asks_for_a_meeting_in_its_own_area_and_sees_nothing_else_there(door: Door) -> None:
    def life(session: Session, cast: Cast) -> int:
        for code, name, account in (("440304", "福田", "fireman"), ("440305", "南山", "elsewhere")):
            district = make.area(session, code)
            fire = make.body(session, "department", f"{name}区消防救援大队", None, district.id)
            make.person(session, account, "罗刚", Role.AGENT, district.path, body_id=fire.id)
        return cast.estate.id or 0

    estate = door.writes(life)
    door.goes_to("2026-10-12 09:00")
    asked = {"type": "joint_meeting", "estate": estate, "details": {"topic": "架空层违规充电"}}
    assert "莲花北村" in come_in(door, "fireman").get("/cases/new").text
    made = door.as_("fireman").post("/api/cases", json=asked)
    assert made.status_code == 201 and made.json()["applicant"]["name"] == "福田区消防救援大队", made.text
    assert door.as_("fireman").get(f"/api/estates/{estate}").status_code == 404
    assert door.as_("fireman").post("/api/cases", json=asked | {"type": "fund_request"}).status_code in (403, 422)
    assert "莲花北村" not in come_in(door, "elsewhere").get("/cases/new").text
    assert door.as_("elsewhere").post("/api/cases", json=asked).status_code == 422


def test_who_is_invited_opens_its_page_and_its_papers(door: Door) -> None:
    def life(session: Session, cast: Cast) -> tuple[str, str]:
        futian = make.area(session, "440304")
        fire = make.body(session, "department", "福田区消防救援大队", None, futian.id)
        make.person(session, "fireman", "罗刚", Role.AGENT, futian.path, body_id=fire.id)
        request, case = at_intake(session, cast, "2026-10-12 09:00"), asked(session, cast, "2026-10-12 09:00")
        cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
        cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", invited=[fire.name], **ROOM)
        shift(session, "2026-10-13 10:00")
        return case.number, request.number

    meeting, request = door.writes(life)
    door.goes_to("2026-10-13 11:00")
    fireman = come_in(door, "fireman")
    page = fireman.get(f"/cases/{meeting}")
    assert page.status_code == 200 and "街道办事处三楼会议室" in page.text
    assert meeting in fireman.get("/").text, "the notice on the desk names it"
    assert fireman.get(f"/cases/{request}").status_code == 404
    api = door.as_("fireman")
    (paper,) = api.get(f"/api/cases/{meeting}/documents").json()["items"]
    assert api.get(paper["href"]).status_code == 200
    assert api.get(f"/api/cases/{request}").status_code == 404
    note = api.post(f"/api/cases/{meeting}/notes", json={"note": "来看看"})
    assert note.status_code == 403, note.text


# --- wrong input ---


def at_minutes(session: Session, cast: Cast) -> Case:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    cast.fires(case, "clerk", "hold", "2026-10-19 11:00", attendance=CAME)
    return case


DECISION = {"task": "检测渗漏", "responsible": "莲花北村业主委员会", "due": "2026-10-30"}


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"responsible": "不存在的公司"}, "decisions.0.responsible", "没有登记名称或者编号为"),
        ({"responsible": "99999999"}, "decisions.0.responsible", "没有登记名称或者编号为"),
        ({"responsible": None}, "decisions.0.responsible", "须为文字"),
        ({"due": "2026-10-20"}, "decisions.0.due", "须晚于今天"),
        ({"due": "2025-10-30"}, "decisions.0.due", "须晚于今天"),
        ({"due": "下周"}, "decisions.0.due", "日期须写成"),
        ({"task": " "}, "decisions.0.task", "不能为空"),
    ],
)
def test_a_decision_names_who_does_it_until_when(
    session: Session, cast: Cast, changed: dict[str, Any], field: str, sentence: str
) -> None:
    case = at_minutes(session, cast)
    with pytest.raises(Invalid, match=sentence) as refused:
        cast.fires(case, "clerk", "minute", "2026-10-20 09:00", summary="…", decisions=[DECISION | changed])
    assert refused.value.field == field and case.stage == "minutes" and given(session, case) == []


def test_a_decision_without_anybody_responsible_is_refused(session: Session, cast: Cast) -> None:
    case = at_minutes(session, cast)
    nobody = {name: value for name, value in DECISION.items() if name != "responsible"}
    with pytest.raises(Invalid, match="此项必填") as refused:
        cast.fires(case, "clerk", "minute", "2026-10-20 09:00", summary="…", decisions=[nobody])
    assert refused.value.field == "decisions.0.responsible"


@pytest.mark.parametrize(
    ("sheet", "field", "sentence"),
    [
        ([], "attendance", "至少填写1项"),
        ([{"body": "社区党委", "status": "absent"}], "attendance", "没有单位出席"),
        ([{"body": "地铁集团", "status": "observing"}], "attendance", "没有单位出席"),
        ([*CAME, {"body": "地铁集团", "status": "present"}], "attendance.6.body", "请登记为列席"),
        ([{"body": "社区党委", "status": "来了"}], "attendance.0.status", "只能是"),
    ],
)
def test_nobody_makes_a_meeting_out_of_nobody(
    session: Session, cast: Cast, sheet: list[Any], field: str, sentence: str
) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "notify", "2026-10-13 10:00", day="2026-10-19", **ROOM)
    with pytest.raises(Invalid, match=sentence) as refused:
        cast.fires(case, "clerk", "hold", "2026-10-19 11:00", attendance=sheet)
    assert refused.value.field == field and case.stage == "sitting"


def test_one_that_was_asked_for_has_a_topic(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00", topic="")
    with pytest.raises(Invalid, match="没有写明议题"):
        cast.fires(case, "clerk", "accept", "2026-10-13 09:00")
    cast.fires(case, "clerk", "accept", "2026-10-13 09:00", topic="停车秩序")
    assert case.details["topic"] == "停车秩序"


def test_nothing_is_struck_off_but_by_the_office_that_gave_it(session: Session, cast: Cast) -> None:
    meeting = at_supervision(session, cast, DECISION)
    (item,) = given(session, meeting)
    for who in ("agent", "clerk", "reviewer", "stranger", "owner"):
        with pytest.raises(Forbidden):
            cast.fires(item, who, "feedback", "2026-10-21 09:00", result="x", proof="x")
    with pytest.raises(Conflict, match="现在不能“销号”"):
        cast.fires(item, "clerk", "close_out", "2026-10-21 09:00")
    cast.fires(item, "committee", "feedback", "2026-10-21 09:00", result="已检测", proof="报告1份")
    for who in ("committee", "reviewer", "stranger"):
        with pytest.raises(Forbidden):
            cast.fires(item, who, "close_out", "2026-10-21 10:00")
    cast.fires(item, "clerk", "close_out", "2026-10-21 10:00")
    assert item.outcome == "销号"


def test_an_item_that_turns_out_an_emergency_gives_rise_to_its_repair(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = given(session, at_supervision(session, cast, DECISION))
    hazard = {"situation": "E4", "works": "5栋外墙饰面砖空鼓"}
    opened: list[Any] = []
    monkeypatch.setattr(Move, "arises", lambda move, type_id, **details: opened.append((move.case, type_id, details)))
    with pytest.raises(Forbidden):
        cast.fires(item, "agent", "emergency", "2026-10-21 09:00", **hazard)
    cast.fires(item, "committee", "emergency", "2026-10-21 09:00", **hazard)
    assert opened == [(item, "emergency_repair", {"why": "emergency", **hazard})]
    assert item.stage == "doing" and running(session, item).due_day == date(2026, 10, 30), (
        "it is still to be closed with proof"
    )


def test_what_is_no_longer_wanted_is_taken_back_with_reasons(session: Session, cast: Cast) -> None:
    meeting = at_supervision(session, cast, DECISION)
    (item,) = given(session, meeting)
    with pytest.raises(Invalid, match="依据"):
        cast.fires(item, "clerk", "revoke", "2026-10-21 09:00", reason="已统一实施")
    cast.fires(item, "clerk", "revoke", "2026-10-21 09:00", reason="已统一实施", basis="福住建函〔2026〕88号")
    shift(session, "2026-10-21 09:01")
    assert papers(session, item) == ["交办单", "撤销交办通知书"]
    cast.fires(meeting, "clerk", "archive", "2026-10-22 09:00")
    assert meeting.outcome == "办结归档"


def test_a_complex_request_may_take_five_working_days_more_once(session: Session, cast: Cast) -> None:
    case = asked(session, cast, "2026-10-12 09:00")
    cast.fires(case, "clerk", "ask_extension", "2026-10-16 09:00", by=5, reason="涉及多个机关")
    cast.fires(case, "head", "grant_extension", "2026-10-16 10:00")
    assert running(session, case).due_day == date(2026, 10, 26)


def test_an_item_may_take_longer_once_where_the_office_that_gave_it_agrees(session: Session, cast: Cast) -> None:
    # to be done by Friday, 13 November 2026; asked on Thursday for five working days more: 16th to 20th
    meeting = at_supervision(
        session, cast, {"task": "完成排水沟清淤", "responsible": "莲心物业服务有限公司", "due": "2026-11-13"}
    )
    (item,) = given(session, meeting)
    with pytest.raises(Invalid, match="最多延长10个工作日"):
        cast.fires(item, "agent", "ask_extension", "2026-11-12 09:00", by=11, reason="连日降雨，无法施工")
    cast.fires(item, "agent", "ask_extension", "2026-11-12 09:00", by=5, reason="连日降雨，无法施工")
    with pytest.raises(Forbidden, match="负责人"):
        cast.fires(item, "clerk", "grant_extension", "2026-11-12 10:00")
    assert running(session, item).due_day == date(2026, 11, 13), "asking moves nothing"
    granted = cast.fires(item, "head", "grant_extension", "2026-11-12 10:00")
    shift(session, "2026-11-12 10:00")
    clock = running(session, item)
    assert (clock.due_day, clock.due_at) == (date(2026, 11, 20), at("2026-11-21 00:00"))
    assert item.details["due"] == "2026-11-20" and clock.limit_title == "至 2026-11-20（延期1次）"
    line = session.scalars(select(ClockLine).where(col(ClockLine.event_id) == granted.id)).one()
    assert (line.what, line.old_due, line.new_due) == ("extended", at("2026-11-14 00:00"), at("2026-11-21 00:00"))
    letter = paper(session, item, "extension_notice")
    assert letter.facts["addressee"] == "莲心物业服务有限公司"
    assert "办理期限延长5个工作日，由2026年11月13日延至2026年11月20日24时届满" in "".join(
        write("extension_notice", letter.facts).paragraphs
    )
    assert told(session, meeting, "linked") == [{"case": item.number, "outcome": "期限延至 2026-11-20"}]

    # the old day passes without a red card, the new one does not; and more than once it is not extended
    shift(session, "2026-11-14 00:00")
    assert item.card(at("2026-11-14 00:00")) is None
    with pytest.raises(Conflict, match="只能延期一次"):
        cast.fires(item, "agent", "ask_extension", "2026-11-16 09:00", by=5, reason="仍在降雨")
    shift(session, "2026-11-21 00:00")
    assert (
        item.card(at("2026-11-21 00:00")) == "red"
        and [event.name for event in events_of(session, item)][-1] == "red_card"
    )
    assert verify(events_of(session, item)) is None

    # the meeting was to see to it until ten working days after the 13th, the 27th; it takes longer too
    cast.fires(meeting, "clerk", "ask_extension", "2026-11-23 09:00", by=5, reason="交办事项已延期")
    cast.fires(meeting, "head", "grant_extension", "2026-11-23 10:00")
    assert running(session, meeting).due_day == date(2026, 12, 4)


def test_an_item_that_is_late_already_gets_no_more_time(session: Session, cast: Cast) -> None:
    meeting = at_supervision(
        session, cast, {"task": "完成排水沟清淤", "responsible": "莲心物业服务有限公司", "due": "2026-11-13"}
    )
    (item,) = given(session, meeting)
    shift(session, "2026-11-14 00:00")
    with pytest.raises(Conflict, match="期限已于 2026-11-13 24时届满"):
        cast.fires(item, "agent", "ask_extension", "2026-11-16 09:00", by=5, reason="连日降雨")
    # sent back with a day of its own, it may be asked for again, and refused
    cast.fires(item, "agent", "feedback", "2026-11-16 10:00", result="已清淤", proof="验收单")
    cast.fires(item, "clerk", "send_back", "2026-11-17 09:00", reason="仍有积水", due="2026-11-27")
    cast.fires(item, "agent", "ask_extension", "2026-11-26 09:00", by=5, reason="设备未到")
    cast.fires(item, "head", "deny_extension", "2026-11-26 10:00", reason="险情紧急")
    assert running(session, item).due_day == date(2026, 11, 27) and item.details["due"] == "2026-11-27"
