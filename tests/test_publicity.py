"""公示 and what owners object to it, in 莲花北村 in September 2026."""

from datetime import date

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.case import Case, events_of
from models.documents import Document
from models.dossier import dossier
from models.errors import Conflict, Forbidden, Invalid
from models.publicity import Objection, publicities

from .door import Door
from .make import Cast, at, shift


def published(session: Session, cast: Cast) -> Case:
    """The plan hangs in the lobby from the 12th to the 18th."""
    case = cast.opens("2026-09-07 09:00", works="5栋屋面防水翻修")
    cast.fires(case, "agent", "plan", "2026-09-07 10:00", warranty_expired=True)
    cast.fires(
        case,
        "agent",
        "publish",
        "2026-09-11 09:00",
        places=["5栋大堂"],
        notice="拟使用维修资金翻修5栋屋面防水，预算20万元。",
    )
    return case


def test_what_hangs_where_is_known_while_it_hangs(session: Session, cast: Cast) -> None:
    case = published(session, cast)
    (hung,) = publicities(session, case.id)
    assert (hung.from_day, hung.to_day, hung.places) == (date(2026, 9, 12), date(2026, 9, 18), ["5栋大堂"])
    assert hung.notice.startswith("拟使用维修资金")
    told = dossier(session, cast.owner, case, at("2026-09-12 09:00"))
    assert [one.state for one in told.publicities] == ["running"] and told.may_object
    cast.fires(case, "agent", "revise", "2026-09-14 09:00", reason="预算有误")
    told = dossier(session, cast.owner, case, at("2026-09-14 10:00"))
    assert [one.state for one in told.publicities] == ["dropped"] and not told.may_object


def test_an_owner_objects_and_is_answered_in_writing(session: Session, cast: Cast) -> None:
    case = published(session, cast)
    one = case.object("两道卷材才够", by=cast.owner, at=at("2026-09-14 20:10"), name="赵磊", unit="5栋0502")
    line = events_of(session, case)[-1]
    assert (line.name, line.facts) == ("object", {"objection": one.id}), "the ledger names the objection, not the owner"
    told = dossier(session, cast.agent, case, at("2026-09-15 09:00"))
    assert "answer_objection" in {offer.name for offer in told.moves}
    with pytest.raises(Invalid, match="待答复异议"):
        cast.fires(case, "agent", "answer_objection", "2026-09-15 09:00", objection=10**6, answer="好的")
    cast.fires(
        case, "agent", "answer_objection", "2026-09-15 09:00", objection=one.id, answer="改为两道卷材", upheld=True
    )
    shift(session, "2026-09-15 09:10")
    session.refresh(one)
    assert (one.answer, one.upheld, one.answered_at) == ("改为两道卷材", True, at("2026-09-15 09:00"))
    paper = session.scalars(select(Document).where(col(Document.case_id) == case.id)).one()
    assert paper.title == "异议答复书" and paper.facts["addressee"] == "5栋0502业主"
    assert paper.facts["issuer"] == cast.company.name, "who put it up answers for it"
    with pytest.raises(Conflict, match="没有等待答复"):
        cast.fires(case, "agent", "answer_objection", "2026-09-15 10:00", objection=one.id, answer="再答一次")


def test_nothing_is_applied_for_while_an_objection_waits_for_its_answer(session: Session, cast: Cast) -> None:
    case = published(session, cast)
    one = case.object("预算偏高", by=cast.owner, at=at("2026-09-18 23:59"), name="赵磊")
    shift(session, "2026-09-19 00:00", "2026-10-05 00:00", "2026-10-15 00:00")
    decision = cast.decided()
    decision.case_id = case.id
    session.flush()
    cast.fires(case, "committee", "passed", "2026-10-15 09:30")
    shift(session, "2026-10-23 00:00")
    facts = {"payee": "深圳安恒建筑防水有限公司", "finish_by": "2027-03-31"}
    with pytest.raises(Conflict, match="异议还有1条没有答复"):
        cast.fires(case, "agent", "submit", "2026-10-23 15:00", **facts)
    cast.fires(case, "agent", "answer_objection", "2026-10-23 15:10", objection=one.id, answer="预算经造价机构审核。")
    cast.fires(case, "agent", "submit", "2026-10-23 15:20", **facts)


@pytest.mark.parametrize("when", ["2026-09-10 09:00", "2026-09-19 00:00"])
def test_an_objection_before_or_after_the_publicity_is_refused(session: Session, cast: Cast, when: str) -> None:
    if when < "2026-09-11":
        case = cast.opens("2026-09-07 09:00")
    else:
        case = published(session, cast)
    with pytest.raises(Conflict, match="须在公示期内"):
        case.object("不同意", by=cast.owner, at=at(when), name="赵磊")
    assert session.scalar(select(Objection.id)) is None  # type: ignore[call-overload]


def test_who_may_object_and_what_it_takes(session: Session, cast: Cast) -> None:
    case, when = published(session, cast), at("2026-09-14 10:00")
    with pytest.raises(Forbidden, match="由本小区业主提出"):
        case.object("不同意", by=cast.agent, at=when, name="李娜")
    for words, name, field in (("", "赵磊", "words"), ("不同意", " ", "name"), ("长" * 2001, "赵磊", "words")):
        with pytest.raises(Invalid) as refused:
            case.object(words, by=cast.clerk, at=when, name=name)
        assert refused.value.field == field
    assert case.object("不同意", by=cast.residents, at=when, name="王阿姨", unit="1栋0101").by_id == cast.residents.id


def test_on_the_page_and_through_the_api_names_are_masked(door: Door) -> None:
    number = door.writes(lambda session, cast: published(session, cast).number)
    door.goes_to("2026-09-14 10:00")
    owner = door.as_("owner")
    page = owner.get(f"/cases/{number}").text
    assert "公示中" in page and "提出异议" in page
    answer = owner.post(f"/api/cases/{number}/objections", json={"words": "预算偏高", "unit": "5栋0502"})
    assert answer.status_code == 201 and answer.json()["name"] == "赵*"
    assert door.as_("agent").post(f"/api/cases/{number}/objections", json={"words": "x"}).status_code == 403
    page = door.as_("agent").get(f"/cases/{number}").text
    assert "预算偏高" in page and "赵*" in page and "赵磊" not in page and "答复异议" in page
    case = door.as_("agent").get(f"/api/cases/{number}").json()
    assert case["publicities"][0]["state"] == "running" and case["objections"][0]["words"] == "预算偏高"
    listed = door.as_("clerk").get(f"/api/cases/{number}/objections").json()
    assert listed["total"] == 1 and listed["items"][0]["answered_at"] is None
