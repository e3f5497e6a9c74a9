"""Who stands in for whom: dated, through others, never in a circle; and every act says for whom it was done."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select
from sqlmodel import Session, col

from api.embedded import Urls
from flows.hand_off import carry_on
from models.access import heads, present
from models.case import events_of
from models.db import url_for
from models.desk import desk_of
from models.directory import Directory
from models.dossier import dossier, told_events
from models.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from models.notices import Notice
from models.people import Desk, Person, Role, Substitution
from models.substitutes import colleagues, end, stand_in, substitutions

from .door import Door
from .make import HIRED, Cast, at, at_intake, at_review, person

MONDAY = date(2026, 10, 12)
NOON = "2026-10-12 12:00"


def days(first: int, last: int) -> tuple[date, date]:
    return date(2026, 10, first), date(2026, 10, last)


def leave(cast: Cast, absent: str, substitute: str, first: int, last: int, when: str = "2026-10-01 09:00") -> Any:
    """`absent` says that `substitute` stands in on those days of October."""
    away = getattr(cast, absent)
    return stand_in(cast.session, away, getattr(cast, substitute), *days(first, last), by=away, at=at(when))


def comes(cast: Cast, account: str, when: str) -> Person:
    """The person as the door lets them in on that day, whatever an earlier day has left of them in memory."""
    cast.session.flush()
    cast.session.expire_all()
    return present(cast.session, getattr(cast, account), at(when).date())


@pytest.fixture
def office(session: Session, cast: Cast) -> Cast:
    """Two more clerks in 莲花街道: Sun Li and Tang Bin."""
    street = cast.clerk.posts[0]
    for account, name in (("sun", "孙丽"), ("tang", "唐斌")):
        person(session, account, name, Role.CLERK, street.area_path, body_id=street.body_id)
    return cast


# --- acting ----------------------------------------------------------------------------------------------------------


def test_a_substitute_acts_for_who_is_absent_and_every_act_says_so(session: Session, office: Cast) -> None:
    leave(office, "clerk", "sun", 12, 16)
    case = at_intake(session, office, "2026-10-12 09:00")
    case.assign(office.clerk, by=office.head, at=at("2026-10-12 09:30"))
    sun = comes(office, "sun", "2026-10-13 09:00")
    assert [one.number for one in desk_of(session, sun, at("2026-10-13 09:00")).mine] == [case.number]
    assert dossier(session, sun, case, at("2026-10-13 09:00")).acts_for == "周敏"

    case.note("已电话核对。", by=sun, at=at("2026-10-13 09:00"))
    case.attach(b"%PDF-1.4\n%%EOF", filename="a.pdf", need=None, by=sun, at=at("2026-10-13 09:05"))
    case.fire("accept", by=sun, at=at("2026-10-13 09:10"))

    lines = events_of(session, case)[-3:]
    assert [(line.name, line.by_id, line.on_behalf_of) for line in lines] == [
        (name, sun.id, f"person:{office.clerk.id}") for name in ("note", "attach", "accept")
    ]
    assert [told.who for told in told_events(session, case, lines)] == ["孙丽 代 周敏"] * 3


def test_whoever_may_by_their_own_post_acts_for_themselves_unless_it_is_the_others_case(
    session: Session, office: Cast
) -> None:
    leave(office, "clerk", "sun", 12, 16)
    free, own = at_intake(session, office), at_intake(session, office)
    sun = comes(office, "sun", NOON)
    free.assign(sun, by=sun, at=at(NOON))
    assert events_of(session, free)[-1].on_behalf_of is None and free.assignee_id == sun.id
    assert own.fire("accept", by=sun, at=at(NOON)).on_behalf_of is None


def test_what_only_the_absent_ones_post_allows_is_done_for_them(session: Session, cast: Cast) -> None:
    """The supervisor of the district stands in for its reviewer: same area, though no desk of their own."""
    stand_in(session, cast.reviewer, cast.supervisor, *days(12, 16), by=cast.reviewer, at=at("2026-10-12 08:00"))
    case = at_review(session, cast)
    supervisor = comes(cast, "supervisor", NOON)
    case.assign(supervisor, by=supervisor, at=at(NOON))
    taken = events_of(session, case)[-1]
    assert (case.assignee_id, taken.on_behalf_of) == (cast.reviewer.id, f"person:{cast.reviewer.id}")
    approved = case.fire("approve", by=supervisor, at=at(NOON), facts={"amount": "60000.00"})
    assert told_events(session, case, [approved])[0].who == "沈毅 代 何军"


def test_who_stands_in_for_the_head_is_head_and_no_other_clerk_is(session: Session, office: Cast) -> None:
    leave(office, "head", "sun", 12, 16)
    case = at_intake(session, office)
    sun = comes(office, "sun", NOON)
    assert heads(sun, Desk.STREET, case)
    assert heads(sun, Desk.APPLICANT, case), "parties are watched over by the street's head"
    assert not heads(sun, Desk.DISTRICT, case)
    assert not heads(comes(office, "tang", NOON), Desk.STREET, case)
    assert not heads(comes(office, "sun", "2026-10-17 00:00"), Desk.STREET, case)


def test_the_right_ends_with_the_day(session: Session, office: Cast) -> None:
    stand_in(session, office.reviewer, office.supervisor, *days(12, 13), by=office.reviewer, at=at("2026-10-12 08:00"))
    case = at_review(session, office)
    before, first = comes(office, "supervisor", "2026-10-11 23:59").hands, "2026-10-12 00:00"
    assert len(before) == 1 and len(comes(office, "supervisor", first).hands) == 2
    assert len(comes(office, "supervisor", "2026-10-13 23:59").hands) == 2
    late = comes(office, "supervisor", "2026-10-14 00:00")
    with pytest.raises(Forbidden):
        case.fire("approve", by=late, at=at("2026-10-14 00:00"), facts={"amount": "60000.00"})
    with pytest.raises(Forbidden):
        case.assign(late, by=late, at=at("2026-10-14 00:00"))
    assert desk_of(session, late, at("2026-10-14 00:00")).mine == []


def test_ended_early_it_gives_no_right_from_that_instant_on(session: Session, office: Cast) -> None:
    made = leave(office, "clerk", "sun", 12, 16)
    end(session, made.id or 0, by=office.clerk, at=at("2026-10-13 10:00"))
    assert len(comes(office, "sun", "2026-10-13 10:00").hands) == 1
    with pytest.raises(Conflict, match="已经结束"):
        end(session, made.id or 0, by=office.clerk, at=at("2026-10-13 11:00"))
    leave(office, "clerk", "tang", 13, 16, when="2026-10-13 10:01")


# --- through others --------------------------------------------------------------------------------------------------


def test_through_a_colleague_who_is_away_too(session: Session, office: Cast) -> None:
    """周敏 → 孙丽 → 唐斌: on the days that both share, Tang Bin acts for Zhou Min, and is who is told."""
    leave(office, "clerk", "sun", 12, 16)
    leave(office, "sun", "tang", 14, 20)
    case = at_intake(session, office)
    case.assign(office.clerk, by=office.head, at=at("2026-10-12 09:30"))
    told = {
        day: Directory.of(session, [case], at(f"2026-10-{day} 09:00")).find("assignee", case, Desk.STREET)
        for day in (12, 14, 16, 17)
    }
    assert told == {12: [office.sun.id], 14: [office.tang.id], 16: [office.tang.id], 17: [office.clerk.id]}

    assert not any(hand.person is office.clerk for hand in comes(office, "tang", "2026-10-13 09:00").hands)
    tang = comes(office, "tang", "2026-10-14 09:00")
    assert [hand.person.name for hand in tang.hands] == ["唐斌", "孙丽", "周敏"]
    assert case.number in [one.number for one in desk_of(session, tang, at("2026-10-14 09:00")).mine]
    accepted = case.fire("accept", by=tang, at=at("2026-10-14 09:00"))
    assert told_events(session, case, [accepted])[0].who == "唐斌 代 周敏"
    assert [hand.person.name for hand in comes(office, "tang", "2026-10-17 09:00").hands] == ["唐斌", "孙丽"]


def test_where_the_substitute_has_left_the_next_one_is_told(session: Session, office: Cast) -> None:
    leave(office, "clerk", "sun", 12, 16)
    case = at_intake(session, office)
    case.assign(office.clerk, by=office.head, at=at("2026-10-12 09:30"))
    office.sun.is_active = False
    session.flush()
    find = Directory.of(session, [case], at("2026-10-13 09:00")).find
    assert find("assignee", case, Desk.STREET) == [office.head.id], "nobody further: the head of the unit"
    session.add(Substitution(absent_id=office.sun.id, substitute_id=office.tang.id, from_day=MONDAY, to_day=MONDAY + timedelta(9)))  # type: ignore[arg-type]  # fmt: skip
    session.flush()
    find = Directory.of(session, [case], at("2026-10-13 09:00")).find
    assert find("assignee", case, Desk.STREET) == [office.tang.id]


def test_who_has_left_their_post_is_not_told_of_the_cases_still_with_them(session: Session, office: Cast) -> None:
    case = at_intake(session, office)
    case.assign(office.clerk, by=office.head, at=at("2026-10-12 09:30"))
    office.clerk.posts[0].to_day = date(2026, 10, 13)
    session.flush()
    at_last = Directory.of(session, [case], at("2026-10-13 23:00")).find("assignee", case, Desk.STREET)
    after = Directory.of(session, [case], at("2026-10-14 00:00")).find("assignee", case, Desk.STREET)
    assert (at_last, after) == ([office.clerk.id], [office.head.id])


# --- entering --------------------------------------------------------------------------------------------------------


def test_no_circle_on_days_that_all_of_it_share(session: Session, office: Cast) -> None:
    leave(office, "clerk", "sun", 12, 16)
    leave(office, "sun", "tang", 14, 20)
    with pytest.raises(Conflict, match="2026-10-12至2026-10-13会形成循环代理（孙丽→周敏→孙丽）") as refused:
        leave(office, "sun", "clerk", 10, 13)
    assert refused.value.field == "substitute"
    with pytest.raises(Conflict, match="2026-10-15至2026-10-16会形成循环代理（唐斌→周敏→孙丽→唐斌）"):
        leave(office, "tang", "clerk", 15, 30)
    leave(office, "tang", "clerk", 17, 30)


def test_a_circle_that_was_ended_is_none(session: Session, office: Cast) -> None:
    made = leave(office, "clerk", "sun", 12, 16)
    end(session, made.id or 0, by=office.clerk, at=at("2026-10-12 09:00"))
    leave(office, "sun", "clerk", 12, 16)


@pytest.mark.parametrize(
    ("absent", "substitute", "first", "last", "field"),
    [
        ("clerk", "clerk", 12, 16, "substitute"),
        ("clerk", "stranger", 12, 16, "substitute"),
        ("clerk", "reviewer", 12, 16, "substitute"),
        ("agent", "committee", 12, 16, "substitute"),
        ("owner", "committee", 12, 16, "substitute"),
        ("auditor", "payer", 12, 16, "substitute"),
        ("clerk", "head", 11, 16, "from_day"),
        ("clerk", "head", 16, 15, "to_day"),
    ],
)
def test_what_makes_no_substitute(
    session: Session, cast: Cast, absent: str, substitute: str, first: int, last: int, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        leave(cast, absent, substitute, first, last, when=NOON)
    assert refused.value.field == field


def test_a_substitute_is_there_on_the_last_day_too(session: Session, office: Cast) -> None:
    office.sun.posts[0].to_day = date(2026, 10, 15)
    with pytest.raises(Invalid, match="2026-10-16这天"):
        leave(office, "clerk", "sun", 12, 16)
    office.tang.is_active = False
    with pytest.raises(Invalid, match="唐斌的账号已停用"):
        leave(office, "clerk", "tang", 12, 16)
    assert [one.account for one in colleagues(session, office.clerk, MONDAY)] == ["head", "sun"]


def test_one_at_a_time(session: Session, office: Cast) -> None:
    leave(office, "clerk", "sun", 12, 16)
    with pytest.raises(Conflict, match="已由孙丽代理"):
        leave(office, "clerk", "tang", 16, 20)


def test_who_may_say_so(session: Session, office: Cast) -> None:
    """Themselves, the head of their office, the administrator; and who stands in for the head."""
    for by, first in (("clerk", 12), ("head", 13), ("admin", 14)):
        stand_in(session, office.clerk, office.tang, *days(first, first), by=getattr(office, by), at=at(NOON))
    for by in ("sun", "district_head", "supervisor", "stranger", "agent"):
        with pytest.raises(Forbidden):
            stand_in(session, office.clerk, office.tang, *days(20, 20), by=getattr(office, by), at=at(NOON))
    leave(office, "head", "sun", 12, 16)
    made = stand_in(session, office.clerk, office.tang, *days(20, 20), by=comes(office, "sun", NOON), at=at(NOON))
    with pytest.raises(Forbidden):
        end(session, made.id or 0, by=comes(office, "tang", NOON), at=at(NOON))
    with pytest.raises(NotFound):
        end(session, made.id or 0, by=office.stranger, at=at(NOON))
    assert end(session, made.id or 0, by=office.head, at=at(NOON)).ended_by_id == office.head.id


def test_lists_show_ones_own_and_ones_units(session: Session, office: Cast) -> None:
    made = leave(office, "clerk", "sun", 12, 16)
    seen = {who: len(substitutions(session, getattr(office, who), MONDAY)) for who in ("clerk", "sun", "head", "admin", "tang", "stranger")}  # fmt: skip
    assert seen == {"clerk": 1, "sun": 1, "head": 1, "admin": 1, "tang": 0, "stranger": 0}
    end(session, made.id or 0, by=office.clerk, at=at(NOON))
    assert (
        not substitutions(session, office.head, MONDAY)
        and len(substitutions(session, office.head, MONDAY, over=True)) == 1
    )


def test_two_at_once_make_no_circle(own_database: Urls) -> None:
    engine = create_engine(url_for(own_database.app))
    with Session(engine) as session, session.begin():
        post = Cast(session).clerk.posts[0]
        person(session, "sun", "孙丽", Role.CLERK, post.area_path, body_id=post.body_id)
    start, ends = threading.Barrier(2), []

    def enters(absent: str, substitute: str) -> None:
        try:
            with Session(engine) as session, session.begin():
                cast = Cast(session)
                away, other = getattr(cast, absent), getattr(cast, substitute)
                start.wait()
                stand_in(session, away, other, *days(12, 16), by=away, at=at(NOON))
            ends.append("entered")
        except Refused as refused:
            ends.append(refused.sentence)

    threads = [threading.Thread(target=enters, args=pair) for pair in (("clerk", "sun"), ("sun", "clerk"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one if one == "entered" else "circle" for one in ends) == ["circle", "entered"], ends
    engine.dispose()


# --- at the door -----------------------------------------------------------------------------------------------------


def test_through_the_door_from_the_first_day_to_the_end(door: Door) -> None:
    """Zhou Min leaves; Sun Li finds her case, accepts it for her, and after the early end can do nothing for her."""

    def stage(session: Session, cast: Cast) -> str:
        away = cast.reviewer
        assert away.posts[0].from_day == HIRED
        case = at_review(session, cast, "2026-10-12 09:00")
        case.assign(away, by=cast.district_head, at=at("2026-10-12 09:00"))
        return case.number

    number = door.writes(stage)
    asked = {"substitute": "supervisor", "from": "2026-10-12", "to": "2026-10-16"}
    supervisor = door.as_("supervisor")
    refused = supervisor.post("/api/substitutions", json=asked | {"absent": "reviewer"})
    assert refused.status_code == 403, refused.text
    made = door.as_("reviewer").post("/api/substitutions", json=asked)
    assert made.status_code == 201, made.text
    assert made.json()["absent"]["name"] == "何军" and made.json()["state"] == "now"

    assert [line["number"] for line in supervisor.get("/api/desk").json()["mine"]] == [number]
    approve = {"name": "approve", "facts": {"amount": "60000.00"}}
    noted = supervisor.post(f"/api/cases/{number}/notes", json={"note": "已看图纸"}).json()
    assert noted["who"] == "沈毅 代 何军" and noted["on_behalf_of"].startswith("person:")
    file = {"file": ("a.pdf", b"%PDF-1.4\n%%EOF")}
    handed_in = supervisor.post(f"/api/cases/{number}/attachments", files=file)
    assert handed_in.status_code == 201 and handed_in.json()["by"] == "沈毅 代 何军"
    assert supervisor.get(f"/api/cases/{number}/attachments").json()["items"][0]["by"] == "沈毅 代 何军"
    ended = door.as_("reviewer").post(f"/api/substitutions/{made.json()['id']}/end")
    assert ended.status_code == 200 and ended.json()["state"] == "ended"
    assert supervisor.get("/api/desk").json()["mine"] == []
    assert supervisor.post(f"/api/cases/{number}/events", json=approve).status_code == 403


def test_standing_in_costs_one_query_at_the_door(door: Door) -> None:
    door.writes(lambda session, cast: leave(cast, "clerk", "head", 12, 16))
    asked: list[str] = []
    event.listen(door.app.state.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    for who in ("head", "duty"):
        client = door.as_(who)
        asked.clear()
        client.get("/api/session")
        assert sum("stood_in_for" in statement for statement in asked) <= 1
    client = door.as_("head")
    asked.clear()
    client.get("/api/substitutions")
    assert sum("stood_in_for" in statement for statement in asked) == 1


def test_the_pages_say_for_whom_one_acts(door: Door) -> None:
    def stage(session: Session, cast: Cast) -> str:
        case = at_intake(session, cast)
        case.assign(cast.clerk, by=cast.head, at=at("2026-10-12 09:00"))
        return case.number

    number = door.writes(stage)
    clerk, head = door.signed_in("clerk"), door.signed_in("head")
    asked = {"substitute": "head", "from_day": "2026-10-12", "to_day": "2026-10-11"}
    refused = clerk.post("/people/clerk/substitutions", data=asked)
    assert refused.status_code == 422 and "结束日不能早于起始日" in refused.text
    assert clerk.post("/people/clerk/substitutions", data=asked | {"to_day": "2026-10-16"}).status_code == 303
    assert "代 周敏" in head.get("/").text and "今天代 周敏" in head.get("/").text
    assert "您代 周敏 办理" in head.get(f"/cases/{number}").text
    assert head.post(f"/cases/{number}/events", data={"event": "accept"}).status_code == 303
    assert "吴芳 代 周敏" in head.get(f"/cases/{number}").text
    made = door.as_("clerk").get("/api/substitutions", params={"total": 1}).json()
    assert made["total"] == 1 and made["items"][0]["substitute"]["account"] == "head"
    assert clerk.post(f"/substitutions/{made['items'][0]['id']}/end", data={"of": "clerk"}).status_code == 303
    assert "今天代" not in head.get("/").text and "已提前结束" in clerk.get("/people/clerk").text


def test_who_stands_in_is_told_and_a_case_that_comes_back_comes_to_whose_it_was(session: Session, office: Cast) -> None:
    leave(office, "clerk", "sun", 12, 16)
    case = at_intake(session, office)
    case.assign(office.clerk, by=office.head, at=at("2026-10-12 09:30"))
    case.fire("ask", by=comes(office, "sun", NOON), at=at(NOON), facts={"items": ["补交合同"]})
    case.fire("resubmit", by=office.agent, at=at("2026-10-12 14:00"))
    while carry_on(session, at("2026-10-12 14:01")):
        pass
    assert case.assignee_id == office.clerk.id, "Sun Li had asked for her"
    told = select(col(Notice.person_id)).where(col(Notice.case_id) == case.id, col(Notice.text).contains("交由您办理"))
    assert set(session.scalars(told)) == {office.clerk.id, office.sun.id}
