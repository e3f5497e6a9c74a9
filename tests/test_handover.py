"""Who takes over from an officer who leaves, from a post that ends, from an escalation that found nobody."""

import time
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlmodel import Session, col

from api.embedded import Urls
from models.access import present
from models.case import Case, CaseEvent, events_of, whole
from models.climb import climb
from models.db import url_for
from models.dossier import told_events
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.handover import count_officers, end_post, handover, officer, officers, take_orphan
from models.lists import CaseQuery, OrphanQuery, page_of, total_of
from models.notices import Orphan
from models.people import SYSTEM, Post, Role
from models.substitutes import end, stand_in

from .door import Door
from .make import Cast, at, at_intake, at_review, person, running

NOON = "2026-10-12 12:00"


@pytest.fixture
def office(session: Session, cast: Cast) -> Cast:
    """Two more clerks in 莲花街道: Sun Li and Tang Bin."""
    more_clerks(session, cast)
    return cast


def more_clerks(session: Session, cast: Cast) -> None:
    street = cast.clerk.posts[0]
    for account, name in (("sun", "孙丽"), ("tang", "唐斌")):
        person(session, account, name, Role.CLERK, street.area_path, body_id=street.body_id)


def with_clerk(session: Session, cast: Cast, count: int, when: str = "2026-10-12 09:00") -> list[Case]:
    """Cases at intake that lie with Zhou Min."""
    cases = [at_intake(session, cast, when) for _ in range(count)]
    for case in cases:
        case.assign(cast.clerk, by=cast.head, at=at(when))
    return cases


# --- handing over ----------------------------------------------------------------------------------------------------


def test_a_colleague_takes_over_and_no_deadline_moves(session: Session, office: Cast) -> None:
    cases = with_clerk(session, office, 3)
    due = [(case.next_due_at, case.warn_at, running(session, case).generation) for case in cases]
    seen = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON), dry_run=True)
    assert [item.why for item in seen.items] == [None] * 3 and seen.left == 3
    assert {case.assignee_id for case in cases} == {office.clerk.id}, "a dry run writes nothing"

    done = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON))
    assert (done.done, done.left, done.next) == (3, 0, None)
    assert [(case.next_due_at, case.warn_at, running(session, case).generation) for case in cases] == due
    line = events_of(session, cases[0])[-1]
    assert (line.name, line.note, line.by_id, line.on_behalf_of) == ("assign", "周敏离岗移交", office.head.id, None)
    assert told_events(session, cases[0], [line])[0].words == ["交由孙丽办理"]
    again = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON))
    assert (again.items, again.left) == ([], 0), "asked again, nothing is left to do"


def test_back_to_the_pool(session: Session, office: Cast) -> None:
    (case,) = with_clerk(session, office, 1)
    assert handover(session, office.clerk, None, by=office.admin, at=at(NOON)).done == 1
    assert case.assignee_id is None


def test_who_may_hand_over(session: Session, office: Cast) -> None:
    with_clerk(session, office, 1)
    for who in ("clerk", "sun", "district_head", "supervisor", "stranger", "auditor", "agent"):
        with pytest.raises(Forbidden):
            handover(session, office.clerk, office.tang, by=getattr(office, who), at=at(NOON), dry_run=True)
    for to in (office.clerk, office.owner):
        to_owner = to is office.owner
        office.owner.is_active = False
        with pytest.raises(Invalid) as refused:
            handover(session, office.clerk, to, by=office.head, at=at(NOON), dry_run=True)
        assert refused.value.field == "to" and ("停用" in refused.value.sentence) == to_owner


def test_who_stands_in_for_the_head_hands_over_in_the_heads_name(session: Session, office: Cast) -> None:
    (case,) = with_clerk(session, office, 1)
    week = date(2026, 10, 12), date(2026, 10, 16)
    stand_in(session, office.head, office.tang, *week, by=office.head, at=at("2026-10-12 08:00"))
    tang = present(session, office.tang, week[0])
    assert handover(session, office.clerk, office.sun, by=tang, at=at(NOON)).done == 1
    assert told_events(session, case, events_of(session, case))[-1].who == "唐斌 代 吴芳"


def test_what_lies_elsewhere_is_counted_and_not_shown(session: Session, office: Cast) -> None:
    """Zhou Min worked at another street before; a case has stayed with her there."""
    mine, other = with_clerk(session, office, 2)
    other.path = "/4403/440305/440305002/440305002001/"
    session.flush()
    found = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON))
    assert [item.number for item in found.items] == [mine.number]
    assert (found.left, found.elsewhere) == (1, 1)


def test_five_hundred_with_some_that_cannot(own_database: Urls) -> None:
    """The target does not work at five of them, four were closed meanwhile, an officer is at work on one: the rest is done."""
    engine = create_engine(url_for(own_database.app))
    with Session(engine) as session, session.begin():
        cast = Cast(session)
        more_clerks(session, cast)
        (first,) = with_clerk(session, cast, 1)
        copies(session, first, 499)
        ids = list(session.scalars(select(col(Case.id)).order_by(col(Case.id))))
        session.execute(update(Case).where(col(Case.id).in_(ids[10:15])).values(desk="district", stage="review"))
    with Session(engine) as officer_at_work, officer_at_work.begin(), Session(engine) as closer:
        officer_at_work.execute(select(Case).where(col(Case.id) == ids[3]).with_for_update())
        with Session(engine, expire_on_commit=False) as session, session.begin():
            cast = Cast(session)
            # read before, and then closed by somebody else: what counts is how it is once the lock is ours
            stale = session.scalars(select(Case).where(col(Case.id).in_(ids[20:24]))).all()
            closed = {"closed_at": at(NOON), "desk": None, "assignee_id": None, "stage": "refused"}
            closer.execute(update(Case).where(col(Case.id).in_(ids[20:24])).values(closed))
            closer.commit()
            began = time.perf_counter()
            found = handover(session, cast.clerk, cast.sun, by=cast.head, at=at(NOON))
            took = time.perf_counter() - began
            assert len(stale) == 4
    why = [item.why for item in found.items if not item.done]
    assert (found.done, len(found.items), found.next) == (490, 496, None)
    assert why == ["他人正在办理本件，请稍后再移交一次。"] + ["本件在划拨审核环节，不在您的岗位，不能领取或转办。"] * 5
    assert took < 20, f"{took:.1f} s"
    with Session(engine) as session, session.begin():
        cast = Cast(session)
        again = handover(session, cast.clerk, cast.sun, by=cast.head, at=at("2026-10-12 13:00"))
        assert (again.done, len(again.items), again.left) == (1, 6, 5), (
            "what was locked is handed over by the second run"
        )
        lines = select(func.count()).where(col(CaseEvent.note) == "周敏离岗移交")
        assert session.scalar(lines) == 491
        some = session.scalars(select(Case).where(col(Case.assignee_id) == cast.sun.id).limit(20)).all()
        assert all(whole(events_of(session, case), case.last_seq, case.last_hash) is None for case in some)
    engine.dispose()


def copies(session: Session, case: Case, count: int) -> None:
    """As many more like it, each with a ledger of its own."""
    columns = {name: getattr(case, name) for name in Case.model_fields if name != "id"}
    for number in range(count):
        made = Case(**columns | {"number": f"{case.number}-{number}", "last_seq": 0, "last_hash": "0" * 64})
        session.add(made)
        session.flush()
        made.remember("note", {}, by=SYSTEM, at=case.last_at)


def test_more_than_one_request_takes_goes_on_where_it_stopped(session: Session, office: Cast) -> None:
    cases = with_clerk(session, office, 5)
    done, after = [], 0
    while True:
        found = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON), after=after, batch=2)
        done += [item.number for item in found.items]
        if found.next is None:
            break
        after = found.next
    assert done == [case.number for case in cases] and found.left == 0


def test_one_that_breaks_holds_nothing_up(session: Session, office: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = with_clerk(session, office, 3)
    whole_assign = Case.assign

    def breaks(case: Case, *args: Any, **said: Any) -> CaseEvent:
        if case.id == cases[1].id:
            session.execute(text("select 1/0"))
        return whole_assign(case, *args, **said)

    monkeypatch.setattr(Case, "assign", breaks)
    found = handover(session, office.clerk, office.sun, by=office.head, at=at(NOON))
    assert [item.done for item in found.items] == [True, False, True]
    assert found.items[1].why and "系统出错" in found.items[1].why


# --- a unit's people -------------------------------------------------------------------------------------------------


def test_the_head_sees_who_has_what(session: Session, office: Cast) -> None:
    cases = with_clerk(session, office, 3)
    cases[2].fire("refuse", by=office.clerk, at=at(NOON), facts={"reason": "材料不实"})
    stand_in(session, office.clerk, office.sun, date(2026, 10, 12), date(2026, 10, 16), by=office.clerk, at=at(NOON))
    late = at("2026-12-01 09:00")
    found, _ = officers(session, office.head, at(NOON))
    assert [one.person.account for one in found] == ["clerk", "head", "sun", "tang"]
    assert [(one.open, one.red) for one in found[:2]] == [(2, 0), (0, 0)]
    assert [told.substitute.account for told in found[0].substitutions] == ["sun"]
    assert officer(session, office.head, "clerk", late).red == 2
    red = CaseQuery(assignee="clerk", card="red", state="open")
    assert total_of(session, office.head, red, late) == len(page_of(session, office.head, red, late)[0]) == 2
    assert officers(session, office.clerk, at(NOON)) == ([], None)
    assert count_officers(session, office.admin, at(NOON)) == 12
    assert [one.person.name for one in officers(session, office.admin, at(NOON), q="唐")[0]] == ["唐斌"]
    page, after = officers(session, office.admin, at(NOON), limit=5)
    assert len(page) == 5 and after == page[-1].person.id
    with pytest.raises(NotFound):
        officer(session, office.head, "reviewer", at(NOON))
    assert officer(session, office.reviewer, "reviewer", at(NOON)).open == 0, "oneself may always look"


def test_a_post_does_not_end_while_something_is_with_it(session: Session, office: Cast) -> None:
    (case,) = with_clerk(session, office, 1)
    post = office.clerk.posts[0]
    week = date(2026, 10, 12), date(2026, 10, 16)
    standing = stand_in(session, office.sun, office.clerk, *week, by=office.sun, at=at("2026-10-12 08:00"))
    ends = date(2026, 10, 13)
    with pytest.raises(Conflict, match=f"名下有1件在办（{case.number}）；代理孙丽至2026-10-16"):
        end_post(session, post.id or 0, ends, by=office.head, at=at(NOON))
    handover(session, office.clerk, office.sun, by=office.head, at=at(NOON))
    end(session, standing.id or 0, by=office.head, at=at(NOON))
    with pytest.raises(Invalid, match="不能早于今天"):
        end_post(session, post.id or 0, date(2026, 10, 11), by=office.head, at=at(NOON))
    with pytest.raises(NotFound):
        end_post(session, post.id or 0, ends, by=office.sun, at=at(NOON))
    assert end_post(session, post.id or 0, ends, by=office.head, at=at(NOON)).to_day == ends
    with pytest.raises(Invalid, match="不在本件所在岗位"):
        case.assign(office.clerk, by=office.head, at=at("2026-10-14 09:00"))
    assert [one.person.account for one in officers(session, office.head, at("2026-10-14 09:00"))[0]] == ["head", "sun", "tang"]  # fmt: skip


def test_who_left_with_cases_stays_on_the_list(session: Session, office: Cast) -> None:
    (case,) = with_clerk(session, office, 1)
    office.clerk.posts[0].to_day = date(2026, 10, 12)
    session.flush()
    found = {one.person.account: one for one in officers(session, office.head, at("2026-10-13 09:00"))[0]}
    assert found["clerk"].open == 1 and not found["clerk"].holds_a_post_on(date(2026, 10, 13))
    assert handover(session, office.clerk, office.sun, by=office.head, at=at("2026-10-13 09:00")).done == 1
    assert case.assignee_id == office.sun.id


# --- orphans ---------------------------------------------------------------------------------------------------------


def orphaned(session: Session, cast: Cast) -> Orphan:
    """A review that is late while nobody is posted anywhere above it; later Lin Hai comes back."""
    case = at_review(session, cast, "2026-10-12 09:00")
    for post in session.scalars(select(Post).where(col(Post.role).in_([Role.DISTRICT_HEAD, Role.DUTY]))):
        post.to_day = date(2026, 10, 12)
    session.flush()
    due = running(session, case).due_at
    while climb(session, due):
        pass
    for post in session.scalars(select(Post).where(col(Post.role).in_([Role.DISTRICT_HEAD, Role.DUTY]))):
        post.to_day = None
    session.flush()
    return session.scalars(select(Orphan).where(col(Orphan.case_id) == case.id).limit(1)).one()


def test_an_orphan_is_taken_once_by_who_watches_over_the_case(session: Session, cast: Cast) -> None:
    orphan = orphaned(session, cast)
    now = at("2026-12-01 09:00")
    before = total_of(session, cast.district_head, OrphanQuery(), now)
    for who in ("reviewer", "clerk", "supervisor", "agent"):
        with pytest.raises(Forbidden):
            take_orphan(session, orphan.id or 0, by=getattr(cast, who), at=now)
    with pytest.raises(NotFound):
        take_orphan(session, orphan.id or 0, by=cast.stranger, at=now)
    assert take_orphan(session, orphan.id or 0, by=cast.district_head, at=now).taken_by_id == cast.district_head.id
    assert total_of(session, cast.district_head, OrphanQuery(), now) == before - 1
    assert total_of(session, cast.district_head, OrphanQuery(taken=True), now) == 1
    case = session.get_one(Case, orphan.case_id)
    assert "接收了无人接收的" in (events_of(session, case)[-1].note or "")
    with pytest.raises(Conflict, match="已有人接收"):
        take_orphan(session, orphan.id or 0, by=cast.duty, at=now)


# --- at the door -----------------------------------------------------------------------------------------------------


def test_through_the_door(door: Door) -> None:
    def stage(session: Session, cast: Cast) -> tuple[list[str], int]:
        more_clerks(session, cast)
        return [case.number for case in with_clerk(session, cast, 2)], orphaned(session, cast).id or 0

    numbers, orphan = door.writes(stage)
    head = door.as_("head")
    people = head.get("/api/people", params={"total": 1}).json()
    assert [(one["account"], one["open"]) for one in people["items"]] == [("clerk", 2), ("head", 0), ("sun", 0), ("tang", 0)]  # fmt: skip
    assert people["total"] == 4 and people["next"] is None
    seen = head.post("/api/people/clerk/handover", json={"to": "sun", "dry_run": True}).json()
    assert [(item["number"], item["done"]) for item in seen["items"]] == [(number, True) for number in numbers]
    assert seen["left"] == 2 and seen["dry_run"]
    done = head.post("/api/people/clerk/handover", json={"to": "sun"}, headers={"Idempotency-Key": "once"})
    assert done.status_code == 200 and (done.json()["done"], done.json()["left"]) == (2, 0)
    assert head.post("/api/people/clerk/handover", json={"to": "nobody"}).json()["field"] == "to"
    assert door.as_("sun").post("/api/people/clerk/handover", json={"to": "sun"}).status_code == 404
    assert door.as_("clerk").post("/api/people/clerk/handover", json={"to": "sun"}).status_code == 403
    post = people["items"][0]["posts"][0]["id"]
    ended = head.post(f"/api/people/clerk/posts/{post}/end", json={"last_day": "2026-10-12"})
    assert ended.status_code == 200 and ended.json()["posts"][0]["to"] == "2026-10-12"
    assert door.as_("duty").post(f"/api/orphans/{orphan}/take").json()["taken_by"]
    assert door.as_("duty").post(f"/api/orphans/{orphan}/take").status_code == 409


def test_the_pages_preview_and_then_hand_over(door: Door) -> None:
    def stage(session: Session, cast: Cast) -> tuple[list[str], int]:
        more_clerks(session, cast)
        return [case.number for case in with_clerk(session, cast, 2)], orphaned(session, cast).id or 0

    numbers, orphan = door.writes(stage)
    head = door.signed_in("head")
    listed = head.get("/people").text
    assert "周敏" in listed and "/cases?assignee=clerk&amp;state=open&amp;sort=due" in listed and "何军" not in listed
    preview = head.post("/people/clerk/handover", data={"to": "sun"}).text
    assert "可以移交 <b>2</b> 件给孙丽" in preview and all(number in preview for number in numbers)
    assert {door.case(number).assignee_id for number in numbers} != {None}
    refused = head.post("/people/clerk/handover", data={"to": ""})
    assert refused.status_code == 422 and "请选择由谁接办" in refused.text
    assert (
        "已移交 <b>2</b> 件，退回岗位待领取" in head.post("/people/clerk/handover", data={"to": "-", "sure": "1"}).text
    )
    assert {door.case(number).assignee_id for number in numbers} == {None}
    own = door.signed_in("clerk")
    assert own.get("/people").headers["location"] == "/people/clerk"
    assert own.get("/people/sun").status_code == 404 and "离岗移交" not in own.get("/people/clerk").text
    duty = door.signed_in("duty")
    assert f'id="take-{orphan}"' in duty.get("/orphans").text
    assert duty.post(f"/orphans/{orphan}/take").status_code == 303
    assert f'id="take-{orphan}"' not in duty.get("/orphans").text and "郑勇 已接收" in duty.get("/orphans?taken=1").text
