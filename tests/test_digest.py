"""Digests and the morning's brief: one message per person and interval, once per date, and every number is a list."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import create_engine, func, select, update
from sqlmodel import Session, col

from api.embedded import Urls
from flows.digest import digest
from flows.hand_off import carry_on
from models.access import present
from models.brief import brief, compose_briefs
from models.bulletin import Bulletin, Figure, Group
from models.case import Case, CaseEvent
from models.climb import climb
from models.db import engine as engine_of
from models.db import url_for
from models.errors import NotFound
from models.lists import CaseQuery, ClockQuery, OrphanQuery, total_of
from models.messages import MOST, Message, Morning, compose_digests, message_of, slot_of
from models.notices import Notice
from models.office import set_office_clock
from models.people import Person, Role
from models.settings import settings
from models.worktime import OFFICE_ZONE
from pdf.brief import draw

from .door import Door
from .make import Cast, at, at_intake, at_review, person
from .test_dashboard import busy_office
from .test_pages import Html, come_in, look
from .test_pdf import pages_of, squeezed

NOON = at("2026-10-20 12:00")
NOW = at("2026-10-20 10:00")
READERS = ("clerk", "head", "reviewer", "district_head", "supervisor", "duty")
QUERIES: dict[str, Any] = {"/cases": CaseQuery, "/clocks": ClockQuery, "/orphans": OrphanQuery}


def notices(session: Session, case: Case, who: Person, count: int, *, urgent: int = 0) -> None:
    """`count` notices about `case`, the last `urgent` of them urgent, each of another event of its ledger."""
    for number in range(count):
        line = case.note(f"{number}", by=who, at=case.last_at)
        notice(session, line, who, f"第{number}条", urgent=number >= count - urgent)
    session.flush()


def notice(session: Session, line: CaseEvent, who: Person, words: str, *, urgent: bool = False) -> None:
    of = {"case_id": line.case_id, "event_id": line.id, "person_id": who.id}
    session.add(Notice.model_validate(of | {"text": words, "urgent": urgent, "made_at": line.at}))


def all_of(session: Session, kind: str, who: Person | None = None) -> list[Message]:
    asked = select(Message).where(col(Message.kind) == kind).order_by(col(Message.id))
    if who:
        asked = asked.where(col(Message.person_id) == who.id)
    return list(session.scalars(asked, execution_options={"populate_existing": True}))


def tell(session: Session, when: str = "2026-10-20 12:00") -> int:
    """Compose what is due at `when`, by the office and by the world."""
    told, after = 0, 0
    while done := compose_digests(session, at(when), at(when), after):
        told, after = told + done.told, done.last
    return told


def brief_everybody(session: Session, when: str) -> int:
    told = 0
    while (done := compose_briefs(session, at(when), NOON)) is not None:
        told += done
    return told


# --- digests ---------------------------------------------------------------------------------------------------------


def test_what_happened_since_is_told_once_in_one_message(session: Session, cast: Cast) -> None:
    notices(session, at_intake(session, cast), cast.clerk, 3, urgent=1)
    assert tell(session, "2026-10-20 12:00") == 1
    (one,) = all_of(session, "digest")
    assert one.slot == "2026-10-20T12:00" and one.subject == "【办结】3条新通知，其中1条紧急"
    assert [line.text for group in one.bulletin.groups for line in group.lines] == ["第2条", "第1条", "第0条"]
    assert set(session.scalars(select(col(Notice.message_id)))) == {one.id}
    assert tell(session, "2026-10-20 12:15") == 0


def test_a_second_run_in_the_interval_is_harmless_and_news_waits_for_the_next(session: Session, cast: Cast) -> None:
    case = at_intake(session, cast)
    notices(session, case, cast.clerk, 1)
    assert [tell(session, f"2026-10-20 12:0{minute}") for minute in range(5)] == [1, 0, 0, 0, 0]
    notices(session, case, cast.clerk, 2)
    assert tell(session, "2026-10-20 12:14") == 0
    assert tell(session, "2026-10-20 12:15") == 1
    assert [message.subject for message in all_of(session, "digest")] == ["【办结】1条新通知", "【办结】2条新通知"]


def test_what_was_read_already_is_not_told(session: Session, cast: Cast) -> None:
    notices(session, at_intake(session, cast), cast.clerk, 2)
    session.execute(update(Notice).values(read_at=NOON))
    assert tell(session) == 0 and all_of(session, "digest") == []


def test_after_an_outage_of_a_week_there_is_one_digest_each_that_lists_the_most_urgent(
    session: Session, cast: Cast
) -> None:
    case = at_intake(session, cast)
    for who in (cast.clerk, cast.head):
        notices(session, case, who, 100, urgent=40)
    assert tell(session) == 2
    for message in all_of(session, "digest"):
        urgent, others = message.bulletin.groups
        assert (urgent.title, urgent.count, len(urgent.lines), urgent.rest) == ("紧急", 40, MOST, 10)
        assert (others.count, len(others.lines), others.rest) == (60, 0, 60)
        assert message.subject == "【办结】100条新通知，其中40条紧急"
        assert "另有10条" in message.body and "另有60条" in message.body and len(message.body) < 4000


def test_a_hundred_persons_take_few_statements(session: Session, cast: Cast, statements: list[str]) -> None:
    case = at_intake(session, cast)
    line = case.note("来了", by=cast.clerk, at=case.last_at)
    crowd = [person(session, f"c{n}", f"众{n}", Role.CLERK, case.path) for n in range(100)]
    for one in crowd:
        notice(session, line, one, "来了")
    session.flush()
    session.expire_all()
    statements.clear()
    done = compose_digests(session, NOON, NOON)
    assert done and done.told == 100 and len(statements) < 12, statements


def test_the_interval_is_the_worlds_however_fast_the_office_runs(session: Session, cast: Cast) -> None:
    """A demonstration lives through days in a minute: its people still get one message a quarter of an hour."""
    case = at_intake(session, cast)
    real = at("2026-10-20 12:01")
    for day in range(20, 27):
        notices(session, case, cast.clerk, 5)
        compose_digests(session, at(f"2026-10-{day} 12:00"), real + timedelta(minutes=day - 20))
    assert len(all_of(session, "digest")) == 1


def test_slots_are_quarters_of_an_hour_in_the_offices_zone() -> None:
    assert slot_of(at("2026-10-20 00:14:59")) == "2026-10-20T00:00"
    assert slot_of(at("2026-10-20 23:45")) == "2026-10-20T23:45"
    assert slot_of(at("2026-10-20 12:30").astimezone()) == "2026-10-20T12:30"


def test_nobody_reads_anothers_message(session: Session, cast: Cast) -> None:
    notices(session, at_intake(session, cast), cast.clerk, 1)
    tell(session)
    (one,) = all_of(session, "digest")
    assert one.id and message_of(session, cast.clerk, one.id) is one
    with pytest.raises(NotFound, match="不是发给您的"):
        message_of(session, cast.head, one.id)


# --- the morning's brief ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "is_told"),
    [
        ("2026-09-20 08:30", True),  # a Sunday that is worked for National Day
        ("2026-10-01 08:30", False),
        ("2026-10-10 08:30", True),  # a Saturday that is worked
        ("2026-10-11 08:30", False),
        ("2026-10-12 08:29", False),
        ("2026-10-12 08:30", True),
        ("2026-10-12 11:00", True),  # a late start
        ("2026-10-12 23:59", True),
    ],
)
def test_the_brief_comes_on_working_days_from_half_past_eight(
    session: Session, cast: Cast, when: str, is_told: bool
) -> None:
    cast.opens("2026-09-18 09:00")
    assert (brief_everybody(session, when) > 0) is is_told
    assert {message.slot for message in all_of(session, "brief")} == ({when[:10]} if is_told else set())


def test_a_day_that_was_missed_is_not_told_afterwards(session: Session, cast: Cast) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    brief_everybody(session, "2026-10-15 08:30")
    assert {message.slot for message in all_of(session, "brief")} == {"2026-10-15"}


def test_once_per_local_date_though_run_twenty_times_and_though_the_clock_jumps_back(
    session: Session, cast: Cast
) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    first = brief_everybody(session, "2026-10-13 08:30")
    moments = ["08:31", "09:00", "08:30", "00:10", "07:59", "08:30", "12:00", "23:59"]
    assert sum(brief_everybody(session, f"2026-10-13 {moment}") for moment in moments * 3) == 0
    assert first > 0 and brief_everybody(session, "2026-10-14 08:30") > 0
    # back by a day, and forward again
    assert brief_everybody(session, "2026-10-13 09:00") == brief_everybody(session, "2026-10-14 09:00") == 0


def test_a_brief_that_was_broken_off_goes_on_where_it_stopped(session: Session, cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr("models.brief.PEOPLE", 2)
    at_intake(session, cast, "2026-10-12 09:00")
    compose_briefs(session, at("2026-10-13 08:30"), NOON)
    half = session.get_one(Morning, date(2026, 10, 13))
    assert half.cursor and not half.finished_at
    brief_everybody(session, "2026-10-13 08:45")
    told = [message.person_id for message in all_of(session, "brief")]
    assert sorted(told) == sorted({getattr(cast, who).id for who in READERS} - {cast.reviewer.id})
    assert half.finished_at


def test_nobody_gets_an_empty_brief(session: Session, cast: Cast) -> None:
    ended = at_intake(session, cast, "2026-10-12 09:00")
    cast.fires(ended, "clerk", "refuse", "2026-10-12 10:00", reason="x")
    assert brief_everybody(session, "2026-10-13 08:30") == 0
    assert all_of(session, "brief") == []


def test_one_brief_that_cannot_be_made_holds_up_nobody_elses(
    session: Session, cast: Cast, monkeypatch: Any, capsys: Any
) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    whole = brief
    poison = cast.head.id
    monkeypatch.setattr(
        "models.brief.brief", lambda session, who, at: 1 / 0 if who.id == poison else whole(session, who, at)
    )
    assert brief_everybody(session, "2026-10-13 08:30") == 4
    assert cast.clerk.id in {message.person_id for message in all_of(session, "brief")}


@pytest.fixture
def busy(session: Session, cast: Cast) -> None:
    at_review(session, cast, "2026-10-19 15:00")
    busy_office(session, cast)


def read_by(session: Session, who: Person, when: Any = NOW) -> Bulletin | None:
    return brief(session, present(session, who, when.astimezone(OFFICE_ZONE).date()), when)


@pytest.mark.usefixtures("busy")
def test_what_lies_with_an_officer_by_hand(session: Session, cast: Cast) -> None:
    mine = [
        case for case in session.scalars(select(Case).where(col(Case.stage) == "intake")) if "440304008" in case.path
    ]
    for case in sorted(mine, key=lambda case: case.id or 0)[:3]:
        case.assign(cast.clerk, by=cast.clerk, at=at("2026-10-20 09:00"))
    says = read_by(session, cast.clerk)
    assert says is not None
    groups = {group.title: group.count for group in says.groups}
    # red since midnight, one due today, one tomorrow; two wait to be claimed
    assert groups == {"已逾期": 1, "今天到期": 1, "3个工作日内到期（含今天到期1件）": 2, "待领取": 2}
    soon = next(group for group in says.groups if "3个" in group.title)
    assert [line.when for line in soon.lines] == ["还剩1个工作日 10月21日 周三"] and soon.rest == 0
    assert says.summary == "1件已逾期，1件今天到期，2件3个工作日内到期，2件待领取"
    assert says.figures == () and says.table is None


def test_what_came_since_yesterdays_brief_is_new(session: Session, cast: Cast) -> None:
    old, new = at_review(session, cast, "2026-10-16 09:00"), at_review(session, cast, "2026-10-19 08:30")
    for case in (old, new):
        case.assign(cast.reviewer, by=cast.reviewer, at=at("2026-10-19 09:00"))
    says = read_by(session, cast.reviewer)
    assert says is not None
    (fresh,) = [group for group in says.groups if group.title == "新到我处"]
    assert [line.href for line in fresh.lines] == [f"/cases/{new.number}"]


@pytest.mark.usefixtures("busy")
def test_every_number_of_every_brief_is_the_length_of_the_list_it_opens(session: Session, cast: Cast) -> None:
    later = at("2026-11-20 10:00")
    seen = 0
    for account in READERS:
        who = present(session, getattr(cast, account), NOW.date())
        says = read_by(session, who)
        assert says is not None, account
        cells = [cell for _, cells in says.table.rows for cell in cells] if says.table else []
        listed: list[Figure | Group] = [*says.figures, *says.groups, *cells]
        for counted in listed:
            address = urlsplit(counted.href or "")
            query = QUERIES[address.path].model_validate(dict(parse_qsl(address.query)))
            assert total_of(session, who, query, later) == counted.count, (account, counted.title)
            seen += 1
        for group in says.groups:
            assert group.rest + len(group.lines) <= group.count
    assert seen > 60


@pytest.mark.usefixtures("busy")
def test_a_supervisor_reads_the_areas_figures_orphans_and_parked_clocks(session: Session, cast: Cast) -> None:
    says = read_by(session, cast.supervisor)
    assert says is not None and says.table is not None
    counts = {figure.title: figure.value for figure in says.figures}
    assert (
        counts | {"红牌": "2", "黄牌": "2", "今日到期": "1", "无人接收": "1", "计时搁置": "0", "环节按期率": "63.6%"}
        == counts
    )
    assert [name for name, _ in says.table.rows] == ["莲花街道", "梅林街道"]
    assert says.summary == "辖区红牌2件，辖区今日到期1件，无人接收1条"
    (red,) = says.groups
    assert red.title == "辖区红牌件" and len(red.lines) == 2 and "街道办事处" in red.lines[0].about


@pytest.mark.usefixtures("busy")
def test_a_message_holds_nothing_that_an_applicant_wrote(session: Session, cast: Cast) -> None:
    brief_everybody(session, "2026-10-20 10:00")
    while carry_on(session, NOW):
        pass
    tell(session)
    for message in all_of(session, "brief") + all_of(session, "digest"):
        assert "电梯大修" not in message.body and "屋面防水" not in str(message.facts)


@pytest.mark.usefixtures("busy")
def test_the_paper_says_what_the_message_says(session: Session, cast: Cast) -> None:
    for account in READERS:
        says = read_by(session, getattr(cast, account))
        assert says is not None
        drawn = draw(says)
        assert drawn.pages <= 2 and draw(says).sha256 == drawn.sha256
        paper = squeezed("".join(pages_of(drawn.pdf)))
        for words in (says.title, says.summary, says.name, *(group.title for group in says.groups)):
            assert squeezed(words) in paper
        for figure in says.figures:
            assert figure.title + figure.value in paper
        for group in says.groups:
            for line in group.lines:
                assert squeezed(line.about) in paper and squeezed(line.when) in paper


def test_two_pages_hold_the_fullest_brief_and_what_has_no_glyph_is_seen(session: Session, cast: Cast) -> None:
    for _ in range(14):
        at_intake(session, cast, "2026-10-12 09:00")
    says = read_by(session, cast.head)
    assert says is not None
    group = says.groups[0]
    strange = group.lines[0].model_copy(update={"text": "莲花🙂北村𬭎苑"})
    full = group.model_copy(update={"lines": (strange, *group.lines[1:])})
    drawn = draw(says.model_copy(update={"groups": (full,) * 9}))
    paper = squeezed("".join(pages_of(drawn.pdf)))
    assert drawn.pages == 2 and "莲花〓北村𬭎苑" in paper and "〓为字库所缺的字" in paper


# --- a week in which nobody watched ----------------------------------------------------------------------------------


@pytest.fixture
def office(own_database: Urls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database of the test's own, on which flows run in this process."""
    monkeypatch.setenv("BANJIE_DATABASE_URL", own_database.app)
    settings.cache_clear()
    engine_of.cache_clear()
    engine = create_engine(url_for(own_database.app))
    yield engine
    engine_of(None).dispose()
    engine.dispose()
    engine_of.cache_clear()
    settings.cache_clear()


def test_a_week_without_watch_ends_in_one_digest_each_and_one_brief(office: Any) -> None:
    with Session(office) as session, session.begin():
        cast = Cast(session)
        for _ in range(12):
            at_intake(session, cast, "2026-10-12 09:00")
        back = at("2026-10-26 11:00")
        set_office_clock(session, back)
        while climb(session, back):
            pass
        while carry_on(session, back):
            pass
    said = [digest.fn() for _ in range(20)]
    assert said[0].startswith("5 briefs") and said[1:] == ["0 briefs, 0 digests, 0 mails sent, 0 not"] * 19
    with Session(office) as session:
        counted = session.execute(
            select(col(Message.kind), func.count()).group_by(col(Message.person_id), col(Message.kind))
        )
        assert {count for _, count in counted} == {1}
        assert session.scalar(select(func.count()).where(col(Notice.message_id).is_(None))) == 0
        assert all(message.mail_to is None and message.retry_at is None for message in all_of(session, "digest"))
        # the office's clock jumps back and on again
        for when in ("2026-10-26 08:00", "2026-10-26 09:00", "2026-10-25 12:00", "2026-10-26 23:00"):
            with Session(office) as own, own.begin():
                set_office_clock(own, at(when))
            digest.fn()
        assert (
            session.scalar(select(func.count(func.distinct(col(Message.slot)))).where(col(Message.kind) == "brief"))
            == 1
        )


def test_the_plain_text_of_a_brief_can_be_read_on_any_screen(session: Session, cast: Cast) -> None:
    at_intake(session, cast, "2026-10-12 09:00")
    says = read_by(session, cast.head)
    assert says is not None
    text = says.as_text("https://banjie.example.gov.cn")
    assert text.startswith("吴芳：\n\n10月20日晨报。")
    assert re.search(r"■ 待领取　1件\n 1\. 莲花北村维修资金使用（逾期1个工作日 10月19日 周一）\n", text)
    assert "https://banjie.example.gov.cn/cases/" in text and text.endswith("https://banjie.example.gov.cn/me\n")


# --- at the door -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(shared_door: Door) -> Door:
    """A morning with briefs, a digest of yesterday and news of today."""

    def live(session: Session, cast: Cast) -> None:
        busy_office(session, cast)
        case = session.scalars(select(Case).where(col(Case.stage) == "intake").order_by(col(Case.id))).first()
        assert case is not None
        notices(session, case, cast.clerk, 3, urgent=1)
        compose_digests(session, at("2026-10-19 15:00"), at("2026-10-19 15:00"))
        notices(session, case, cast.clerk, 2)
        while compose_briefs(session, at("2026-10-20 08:30"), NOON) is not None:
            pass

    shared_door.writes(live)
    shared_door.goes_to("2026-10-20 10:00")
    return shared_door


def test_the_page_shows_the_brief_what_is_unread_by_day_and_what_was_before(told: Door) -> None:
    page = look(come_in(told, "clerk"), "/messages")
    assert "10月20日晨报" in page.text("brief-title") and "件待领取" in page.text("brief")
    assert page.text("unread-title") == "未读通知 5条" and len(page.find("li", class_="notice is-unread")) == 4
    assert "3条新通知，其中1条紧急" in page.text("older") and "10月20日晨报" not in page.text("older")
    assert "没有配置邮件服务器" in page.text("content")
    desk = look(come_in(told, "clerk"), "/")
    assert desk.text("to-messages") == "未读消息 5"


def test_every_number_of_the_page_opens_a_page_that_shows_as_many(told: Door) -> None:
    browser = come_in(told, "head")
    shown = browser.get("/messages").text
    numbers = re.findall(r'<a class="number[^"]*" href="([^"]+)">([\d,]+)</a>', shown)
    numbers += re.findall(r'<a class="count" href="(/cases[^"]+)">([\d,]+)件</a>', shown)
    assert len(numbers) > 10
    for href, number in numbers:
        listed = re.search(r'<b id="total">([\d,]+)</b>', browser.get(unescape(href)).text)
        assert listed and listed[1] == number, href


def test_programs_read_the_same(told: Door) -> None:
    answer = told.as_("clerk").get("/api/messages").json()
    assert [item["kind"] for item in answer["items"]] == ["brief", "digest"] and answer["next"] is None
    assert answer["mail"] == {"server": False, "email": None, "mail": True} and answer["unread"] >= 2
    first = told.as_("clerk").get("/api/messages?limit=1").json()
    second = told.as_("clerk").get(f"/api/messages?limit=1&after={first['next']}").json()
    assert [*first["items"], *second["items"]] == answer["items"]
    paper = told.as_("clerk").get(answer["items"][0]["pdf"])
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF")


def test_a_paper_is_its_readers_only(told: Door) -> None:
    pdf = told.as_("clerk").get("/api/messages").json()["items"][0]["pdf"]
    assert told.as_("head").get(pdf).status_code == 404
    assert told.browser().get(pdf).status_code == 401
    assert told.as_("clerk").get(f"/api/messages/{2**63}.pdf").status_code == 404


def test_who_has_no_brief_is_told_why(told: Door) -> None:
    assert "没有需要告诉您的件" in look(come_in(told, "payer"), "/messages").text("no-brief")
    assert look(come_in(told, "agent"), "/messages").text("no-brief") == ""
    told.goes_to("2026-10-21 08:00")
    assert "8:30 送到" in look(come_in(told, "payer"), "/messages").text("no-brief")
    told.goes_to("2026-10-25 12:00")
    assert "不是工作日" in look(come_in(told, "payer"), "/messages").text("no-brief")
    told.goes_to("2026-10-20 10:00")


def test_what_comes_while_one_reads_stays_unread(told: Door) -> None:
    browser = come_in(told, "clerk")
    until = look(browser, "/messages").find("input", name="until")[0]["value"]
    told.writes(lambda session, cast: notices(session, session.scalars(select(Case)).first(), cast.clerk, 1))
    assert browser.post("/messages/read", data={"until": until}).headers["location"] == "/messages"
    assert told.as_("clerk").get("/api/messages").json()["unread"] == 1
    assert browser.post("/messages/read", data={"until": "x"}).status_code == 422
    assert told.as_("clerk").post("/api/messages/read", json={}).json() == {"read": 1}


def test_everybody_says_where_their_mail_goes(told: Door) -> None:
    browser = come_in(told, "reviewer")
    form = look(browser, "/me")
    assert form.find("input", name="email")[0]["value"] == "" and "checked" in form.find("input", name="mail")[0]
    wrong = browser.post("/me", data={"email": "何军@单位", "mail": "true"})
    assert wrong.status_code == 422 and "zhangsan@example.gov.cn" in Html(wrong.text).text("email-wrong")
    for bad in ("a@b\r\nBcc: c@d", "a b@example.cn", "@example.cn", "a@", "x" * 250 + "@example.cn", "<a@example.cn>"):
        assert browser.post("/me", data={"email": bad}).status_code == 422, bad
    assert browser.post("/me", data={"email": " hejun@example.gov.cn "}).headers["location"] == "/me?done=1"
    assert told.as_("reviewer").get("/api/messages").json()["mail"] == {
        "server": False, "email": "hejun@example.gov.cn", "mail": False,
    }  # fmt: skip
    assert "checked" not in look(browser, "/me").find("input", name="mail")[0]
    answer = told.as_("reviewer").put("/api/me/mail", json={"email": "", "mail": True})
    assert answer.json() == {"server": False, "email": None, "mail": True}


def test_what_waits_and_what_was_given_up_is_measured(told: Door) -> None:
    measured = told.browser().get("/metrics").text
    assert 'banjie_state{what="unsent_messages"} 0.0' in measured
    assert 'banjie_state{what="failed_messages"} 0.0' in measured
