"""The pages: who sees what, what a refusal leaves standing, how many queries a page may cost, and that every event has its form."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event
from sqlmodel import Session
from starlette.datastructures import FormData

from api.deps import COOKIE, hashed
from api.pages.forms import facts_of, inputs, local
from api.pages.render import environment
from api.pages.strip import strip
from models.calendars import shipped
from models.case import Case
from models.casetypes import casetypes
from models.casetypes.base import parse
from models.climb import climb
from models.office import real_now
from models.signin import Login
from models.worktime import Limit, explain

from .door import PASSWORD, Door
from .make import DECIDED, Cast, at, at_intake, at_review

HOUR = timedelta(hours=1)
EVENTS = [(kind, name) for kind in casetypes().values() for name in kind.event_names()]
INSIDERS = (
    "agent",
    "committee",
    "owner",
    "clerk",
    "head",
    "reviewer",
    "district_head",
    "payer",
    "supervisor",
    "duty",
    "auditor",
)
"""Everybody who may see a case of 莲花北村."""


class Html(HTMLParser):
    """A page taken apart: `find("input", name="seq")`, `text("#refusal")`."""

    VOID = ("input", "meta", "link", "br", "img", "hr")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element: tuple[str, dict[str, str], list[str]] = (tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, _, words in self._open:
            words.append(data)

    def find(self, tag: str | None = None, **wanted: str) -> list[dict[str, str]]:
        return [attrs for name, attrs, _ in self._matching(tag, wanted)]

    def text(self, id: str) -> str:
        found = self._matching(None, {"id": id})
        return re.sub(r"\s+", " ", "".join(found[0][2])).strip() if found else ""

    def texts(self, tag: str, **wanted: str) -> list[str]:
        return [re.sub(r"\s+", " ", "".join(words)).strip() for _, _, words in self._matching(tag, wanted)]

    def _matching(self, tag: str | None, wanted: dict[str, str]) -> list[tuple[str, dict[str, str], list[str]]]:
        wanted = {name.rstrip("_"): value for name, value in wanted.items()}
        return [
            element
            for element in self.elements
            if tag in (None, element[0]) and all(element[1].get(name) == value for name, value in wanted.items())
        ]


def look(browser: TestClient, path: str, status: int = 200) -> Html:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text[:2000]
    return Html(answer.text)


def come_in(door: Door, account: str) -> TestClient:
    """A browser in which this person has signed in already, without the time that checking a password takes."""

    def sign_in(session: Session, cast: Cast) -> None:
        now, person = real_now(session), getattr(cast, account)
        login = Login(token_hash=hashed(account), person_id=person.id, csrf="known", made_at=now, expires_at=now + HOUR)
        session.merge(login)

    door.writes(sign_in)
    return door.browser(cookies={COOKIE: account}, headers={"X-CSRF-Token": "known"})


def intake(door: Door) -> str:
    return str(door.writes(lambda session, cast: at_intake(session, cast).number))


def press(browser: TestClient, number: str, name: str, **typed: Any) -> Response:
    """Send the form of a move as the page has it, filled in."""
    page = look(browser, f"/cases/{number}")
    assert page.find("form", id=f"form-{name}"), f"no form for {name}"
    seq = page.find("input", name="seq")[0]["value"]
    return browser.post(f"/cases/{number}/events", data={"event": name, "seq": seq} | typed)


@contextmanager
def counting(door: Door) -> Iterator[list[str]]:
    said: list[str] = []

    def hear(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(door.app.state.engine, "before_cursor_execute", hear)
    yield said
    event.remove(door.app.state.engine, "before_cursor_execute", hear)


# --- who comes in ----------------------------------------------------------------------------------------------------


def test_a_page_asked_for_without_signing_in_comes_after_it(door: Door) -> None:
    number, browser = intake(door), door.browser()
    answer = browser.get(f"/cases/{number}")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/signin?next=")
    page = look(browser, answer.headers["location"])
    next_page = page.find("input", name="next")[0]["value"]
    answer = browser.post("/signin", data={"account": "clerk", "password": PASSWORD, "next": next_page})
    assert answer.status_code == 303 and answer.headers["location"] == f"/cases/{number}"
    assert "受理" in look(browser, f"/cases/{number}").text("stage")


def test_a_wrong_password_leaves_the_account_standing(shared_door: Door) -> None:
    answer = shared_door.browser().post("/signin", data={"account": "clerk", "password": "错"})
    page = Html(answer.text)
    assert answer.status_code == 401 and "不正确" in page.text("refusal")
    assert page.find("input", id="account")[0]["value"] == "clerk"
    assert page.find("input", id="password")[0].get("value", "") == ""


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/\nx", ""]
)
def test_signing_in_leads_nowhere_but_to_our_own_pages(elsewhere: str) -> None:
    assert local(elsewhere) == "/"
    assert local("/cases?card=red") == "/cases?card=red"


def test_signing_out_ends_it_and_needs_our_own_page(door: Door) -> None:
    browser = door.signed_in("clerk")
    token = browser.headers.pop("X-CSRF-Token")
    assert browser.post("/signout").status_code == 403
    assert browser.post("/signout", data={"csrf": token}).headers["location"] == "/signin"
    assert browser.get("/").status_code == 303


def test_a_stranger_from_another_street_meets_nothing(door: Door) -> None:
    number, stranger = intake(door), come_in(door, "stranger")
    for path in ("/", "/cases", "/cases?state=open&q=电梯"):
        assert number not in stranger.get(path).text and "3栋电梯" not in stranger.get(path).text
    assert "没有编号为" in look(stranger, f"/cases/{number}", 404).text("refusal")
    for doing, typed in (("events", {"event": "accept"}), ("assign", {"to": "me"}), ("notes", {"note": "看看"})):
        assert stranger.post(f"/cases/{number}/{doing}", data=typed).status_code == 404
    assert stranger.get(f"/?done=1&case={number}").status_code == 404
    assert door.case(number).last_seq == 3


def test_everyone_gets_their_pages_and_a_way_in_only_where_it_leads(door: Door) -> None:
    number = intake(door)
    for account in (*INSIDERS, "admin"):
        browser = come_in(door, account)
        ways = look(browser, "/").texts("a")
        assert ("监管看板" in ways) == (account in ("head", "district_head", "supervisor", "duty", "auditor", "admin"))
        keeps = ("agent", "committee", "clerk", "reviewer", "district_head", "payer")
        assert ("小区" in ways) == (account in keeps)
        assert {"案件", "规则", "日历"} <= set(ways)
        look(browser, "/cases")
        opens = ("agent", "committee", "owner", "clerk", "head")
        look(browser, "/cases/new", 200 if account in opens else 403)
        page = look(browser, f"/cases/{number}", 404 if account == "admin" else 200)
        offered = {
            attrs["id"].removeprefix("form-") for attrs in page.find("form") if attrs.get("id", "").startswith("form-")
        }
        expected = {"agent": {"withdraw"}, "clerk": {"accept", "ask", "refuse"}, "head": {"accept", "ask", "refuse"}}
        assert offered & {"accept", "ask", "refuse", "withdraw", "approve"} == expected.get(account, set())


# --- what a page costs, and how it is made ---------------------------------------------------------------------------


def test_no_page_asks_more_of_the_database_the_more_it_shows(door: Door) -> None:
    def cost(path: str) -> int:
        browser.get(path)
        with counting(door) as said:
            assert browser.get(path).status_code == 200
        return len(said)

    number, browser = intake(door), come_in(door, "clerk")
    paths = ("/", "/cases", f"/cases/{number}")
    before = [cost(path) for path in paths]
    door.writes(lambda session, cast: [at_intake(session, cast) for _ in range(12)])
    door.writes(lambda session, cast: [at_review(session, cast) for _ in range(3)])
    for _ in range(5):
        browser.post(f"/cases/{number}/notes", data={"note": "再看一遍"})
    assert [cost(path) for path in paths] == before
    assert all(count <= most for count, most in zip(before, (22, 16, 32), strict=True)), before


@pytest.mark.parametrize("path", ["/signin", "/", "/cases", "/cases/new", "case"])
def test_a_page_is_chinese_bears_a_strict_policy_and_can_be_used_by_keyboard(door: Door, path: str) -> None:
    number = intake(door)
    browser = door.browser() if path == "/signin" else come_in(door, "clerk")
    answer = browser.get(f"/cases/{number}" if path == "case" else path)
    page = Html(answer.text)
    assert page.find("html")[0]["lang"] == "zh-CN"
    assert not any("style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs, _ in page.elements)
    assert all(attrs.get("src", "").startswith("/assets/") for attrs in page.find("script"))
    assert not re.search(r"(src|href|action)=\"(https?:)?//", answer.text)
    assert page.elements[[tag for tag, *_ in page.elements].index("body") + 1][1]["href"] == "#content"
    assert page.find("main", id="content")
    handling = json.loads(page.find("meta", name="htmx-config")[0]["content"])["responseHandling"]
    assert next(rule for rule in handling if re.search(rule["code"], "422")) == {"code": "...", "swap": True}
    named = {attrs["for"] for attrs in page.find("label") if "for" in attrs}
    for tag, attrs, _ in page.elements:
        if tag in ("input", "select", "textarea") and attrs.get("type") not in ("hidden", "checkbox", "radio"):
            assert attrs["id"] in named, attrs
    ids = [attrs["id"] for attrs in page.find() if "id" in attrs]
    assert len(ids) == len(set(ids))


# --- forms from schemas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), EVENTS, ids=lambda value: value if isinstance(value, str) else value.type_id)
def test_every_event_of_every_type_has_a_form_with_an_input_for_each_fact(kind: Any, name: str) -> None:
    model = kind.facts_of(name)
    fields = inputs(model.model_json_schema())
    template = '{% import "macros.html" as ui with context %}{{ ui.inputs(fields, "x") }}'
    page = Html(environment().from_string(template).render(fields=fields, csrf_token="", office=None))
    assert [field.name for field in fields] == list(model.model_fields)
    # rows have no input of their own, but those of each row
    drawn_one_by_one = [part for field in fields for row in (field.rows or [[field]]) for part in row]
    for field in drawn_one_by_one:
        drawn = page.find(name=field.name)
        assert drawn and drawn[0]["id"] == f"x-{field.name.replace('.', '-')}"
        assert re.search("[一-龥]", field.label), "what it is called is Chinese"
        assert all(re.search("[一-龥]", title) for _, title in field.options), "and so is each choice"


def test_what_is_typed_becomes_the_facts_the_type_asks_for() -> None:
    kind = casetypes()["fund_request"]
    facts = {name: kind.facts_of(name) for name in kind.facts}
    typed = FormData([("items", "合同缺第3页\r\n\r\n  发票不清晰 "), ("note", "不是事实")])
    assert facts_of(facts["ask"].model_json_schema(), typed) == {"items": ["合同缺第3页", "发票不清晰"]}
    typed = FormData([("excluded", "wrongdoer"), ("excluded", "utility_lines"), ("site_check", " ")])
    stated = facts_of(facts["plan"].model_json_schema(), typed)
    assert stated == {"warranty_expired": False, "excluded": ["wrongdoer", "utility_lines"]}
    typed = FormData([("reason", "停工"), ("owed", "1,234.50")])
    stated = facts_of(facts["cancel"].model_json_schema(), typed)
    assert parse(facts["cancel"], stated, at("2026-10-12 09:00")).model_dump() == {"reason": "停工", "owed": 123_450}


def test_a_correction_starts_from_what_the_case_holds_and_a_new_fact_from_nothing() -> None:
    kind = casetypes()["fund_request"]
    facts = {name: kind.facts_of(name) for name in kind.facts}
    held = {"payee": "深圳安捷电梯工程有限公司", "finish_by": "2027-03-31", "budget": 20_000_000, "scope": "全体业主"}
    assert {field.name: field.value for field in inputs(facts["resubmit"].model_json_schema(), known=held)} == {
        "answer": "", "works": "", "payee": held["payee"], "finish_by": "2027-03-31", "scope": "全体业主",
    }  # fmt: skip
    assert inputs(facts["publish"].model_json_schema(), known=held)[0].value == "200000.00"
    rework = {field.name: field.value for field in inputs(facts["rework"].model_json_schema(), known=held)}
    assert rework["finish_by"] == "", "the new day is not the old one"


# --- a new case ------------------------------------------------------------------------------------------------------


def test_an_agent_opens_a_case_and_is_told_where_it_stands(door: Door) -> None:
    agent = come_in(door, "agent")
    page = look(agent, "/cases/new")
    estate = page.find("option", selected="")[0]["value"]
    typed = {"type": "fund_request", "estate": estate, "works": "5栋屋面防水", "budget": "386400.5", "scope": "5栋业主"}
    answer = agent.post("/cases", data=typed)
    assert answer.status_code == 303
    page = look(agent, answer.headers["location"])
    assert "5栋屋面防水" in page.text("done") and "需求与查勘" in page.text("stage")
    case = door.case(page.text("case-number"))
    assert case.details["budget"] == 38_640_050


def test_a_refused_opening_keeps_what_was_typed_beside_the_sentence(shared_door: Door) -> None:
    agent = come_in(shared_door, "agent")
    estate = look(agent, "/cases/new").find("option", selected="")[0]["value"]
    typed = {"type": "fund_request", "estate": estate, "works": '5栋"屋面"<b>防水</b>', "budget": "12.345", "scope": ""}
    answer = agent.post("/cases", data=typed)
    page = Html(answer.text)
    assert answer.status_code == 422 and "<b>防水" not in answer.text
    assert "最多两位小数" in page.text("open-budget-wrong")
    assert page.find("input", id="open-works")[0]["value"] == typed["works"]
    wrong = page.find("input", id="open-budget")[0]
    assert (wrong["value"], wrong["aria-invalid"], wrong["aria-describedby"]) == ("12.345", "true", "open-budget-wrong")
    answer = agent.post("/cases", data=typed | {"estate": ""})
    assert "请选择小区" in Html(answer.text).text("open-estate-wrong")
    answer = agent.post("/cases", data=typed | {"budget": "12", "estate": "999999"})
    assert "不在您的办理范围" in Html(answer.text).text("open-estate-wrong")


def test_a_clerk_enters_paper_of_friday_at_the_counter(door: Door) -> None:
    clerk = come_in(door, "clerk")
    page = look(clerk, "/cases/new")
    assert "窗口代录" in page.texts("h1")
    estate = page.find("option", selected="")[0]["value"]
    typed = {
        "type": "fund_request",
        "estate": estate,
        "works": "泵房改造",
        "budget": "9000",
        "backdate_at": "2026-10-09T16:00",
    }
    answer = clerk.post("/cases", data=typed)
    assert answer.status_code == 422 and "写明原因" in Html(answer.text).text("open-backdate_reason-wrong")
    assert Html(answer.text).find("input", id="open-backdate_at")[0]["value"] == "2026-10-09T16:00"
    typed |= {"backdate_reason": "窗口周五收件，周一录入", "backdate_proof": "收件登记 128号"}
    answer = clerk.post("/cases", data=typed)
    page = look(clerk, answer.headers["location"])
    history = page.text("event-1")
    assert "窗口代录，代莲心物业服务有限公司" in history and "补录" in history and "收件登记 128号" in history
    assert door.case(page.text("case-number")).opened_at == at("2026-10-09 16:00")


# --- a case ----------------------------------------------------------------------------------------------------------


def test_the_case_page_says_what_is_due_and_why_each_day_counts(door: Door) -> None:
    number = str(door.writes(lambda session, cast: at_intake(session, cast, "2026-09-30 15:00").number))
    door.goes_to("2026-10-09 09:00")
    page = look(come_in(door, "clerk"), f"/cases/{number}")
    words = page.text("content")
    assert "10月13日 周二" in words and "还剩3个工作日" in words, "the due day, and how far away it is"
    assert "街道受理时限 5个工作日" in words and "本单位自定" in words and "未核实" in words
    days = page.texts("td")
    assert "9/30 起始日不计" in days and "10/1 国庆节放假" in days and "10/10 第3日 调休上班" in days
    assert "10/13 第5日 末日" in days and "10/11 周末" in days and "10/9 第2日 今天" in days


def test_a_limit_into_a_year_not_yet_published_is_called_provisional(door: Door) -> None:
    number = str(door.writes(lambda session, cast: at_intake(session, cast, "2026-12-24 15:00").number))
    door.goes_to("2026-12-25 09:00")
    assert "暂定" in look(come_in(door, "clerk"), f"/cases/{number}").text("content")


def test_a_missed_deadline_is_red_everywhere_and_gone_once_it_is_dealt_with(door: Door) -> None:
    number, clerk = intake(door), come_in(door, "clerk")
    door.goes_to("2026-10-20 08:00")
    door.writes(lambda session, cast: climb(session, at("2026-10-20 08:00")))
    for path in ("/", "/cases", "/cases?card=red", f"/cases/{number}"):
        assert "红牌" in look(clerk, path).text("content") and "逾期1个工作日" in look(clerk, path).text("content")
    assert press(clerk, number, "accept").status_code == 303
    page = look(clerk, f"/cases/{number}")
    assert "红牌" not in page.text("stage") and "逾期办理" in page.text("content"), "the card is gone, the record stays"
    assert number not in clerk.get("/cases?card=red").text


def test_a_move_is_made_with_its_form_and_told(door: Door) -> None:
    number, clerk = intake(door), come_in(door, "clerk")
    answer = press(clerk, number, "ask", items="合同缺第3页\n发票不清晰", note="已电话告知")
    assert answer.status_code == 303 and answer.headers["location"] == f"/cases/{number}?done=4"
    page = look(clerk, answer.headers["location"])
    assert "要求补正，已记入经过" in page.text("done") and "“补正”环节" in page.text("done")
    assert "合同缺第3页、发票不清晰" in page.text("event-4") and "备注：已电话告知" in page.text("event-4")
    assert "中止计时" in page.text("content")
    again = look(come_in(door, "agent"), f"/cases/{number}?done=4")
    assert again.text("done") == "", "what another did is not one's own"


def test_a_refused_move_keeps_the_form_open_and_what_was_typed(door: Door) -> None:
    number = door.writes(lambda session, cast: cast.opens("2026-10-12 08:30").number)
    agent = come_in(door, "agent")
    answer = press(agent, number, "plan", warranty_expired="true", excluded="wrongdoer", site_check="渗水", note="请审")
    page = Html(answer.text)
    assert answer.status_code == 422 and answer.headers["hx-push-url"] == "false"
    assert "第二十五条" in page.text("plan-excluded-wrong")
    assert page.find("input", name="excluded", value="wrongdoer")[0]["checked"] == ""
    assert page.find("input", id="plan-warranty_expired")[0]["checked"] == ""
    assert page.texts("textarea", id="plan-site_check") == ["渗水"] and page.texts("textarea", id="plan-note") == [
        "请审"
    ]
    assert door.case(number).last_seq == 1, "nothing was written"


def test_an_obstacle_stands_in_words_beside_the_move(door: Door) -> None:
    def asked_twice(session: Session, cast: Cast) -> Case:
        case = at_intake(session, cast)
        cast.fires(case, "clerk", "ask", "2026-10-12 10:00", items=["合同"])
        cast.fires(case, "agent", "resubmit", "2026-10-12 11:00", answer="已补")
        return case

    number = door.writes(asked_twice).number
    door.goes_to("2026-10-12 14:00")
    page = look(come_in(door, "clerk"), f"/cases/{number}")
    assert page.find("button", id="move-ask")[0]["aria-disabled"] == "true" and not page.find("form", id="form-ask")
    assert "补正只能一次性告知" in page.text("why-not-ask")


def test_of_two_who_press_at_once_the_second_is_told_and_keeps_the_words(door: Door) -> None:
    number, clerk, head = intake(door), come_in(door, "clerk"), come_in(door, "head")
    seen = look(head, f"/cases/{number}").find("input", name="seq")[0]["value"]
    assert press(clerk, number, "accept").status_code == 303
    answer = head.post(f"/cases/{number}/events", data={"event": "refuse", "seq": seen, "reason": "资料不全，理由很长"})
    page = Html(answer.text)
    assert answer.status_code == 409 and "已被他人办理" in page.text("refusal")
    assert "资料不全，理由很长" in page.text("content"), "what was typed can be taken along"
    assert door.case(number).stage == "review"


def test_of_two_who_take_a_case_the_second_is_told(door: Door) -> None:
    number, clerk, head = intake(door), come_in(door, "clerk"), come_in(door, "head")
    seen = look(head, "/").find("input", name="seq")[0]["value"]
    answer = clerk.post(f"/cases/{number}/assign", data={"to": "me", "seq": seen, "back": "/"})
    assert answer.headers["location"] == f"/?done=4&case={number}"
    assert "交由周敏办理" in look(clerk, answer.headers["location"]).text("done")
    answer = head.post(f"/cases/{number}/assign", data={"to": "me", "seq": seen, "back": "/"})
    assert answer.status_code == 409 and "已被他人办理" in Html(answer.text).text("refusal")
    page = look(clerk, f"/cases/{number}")
    handed = {attrs["value"] for attrs in page.find("option")}
    assert "pool" in handed, "it can be put back"
    assert clerk.post(f"/cases/{number}/assign", data={"to": "pool"}).status_code == 303
    assert door.case(number).assignee_id is None


def test_a_move_that_is_not_theirs_is_refused_in_words(door: Door) -> None:
    number = intake(door)
    answer = come_in(door, "agent").post(f"/cases/{number}/events", data={"event": "accept"})
    assert answer.status_code == 403 and "您没有这一权限" in Html(answer.text).text("refusal")
    answer = come_in(door, "clerk").post(f"/cases/{number}/events", data={"event": "fly"})
    assert answer.status_code == 422 and "没有“fly”" in Html(answer.text).text("refusal")


def test_a_withdrawal_on_paper_is_entered_at_the_counter_with_its_day(door: Door) -> None:
    number, clerk = intake(door), come_in(door, "clerk")
    door.goes_to("2026-10-13 10:00")
    typed = {"event": "withdraw", "for_applicant": "true", "reason": "业主另行筹资", "backdate_at": "2026-10-12T15:00"}
    answer = clerk.post(f"/cases/{number}/events", data=typed | {"backdate_reason": ""})
    page = Html(answer.text)
    assert "补录须写明原因" in page.text("withdraw-for-applicant-backdate_reason-wrong")
    assert page.texts("textarea", id="withdraw-for-applicant-reason") == ["业主另行筹资"]
    answer = clerk.post(
        f"/cases/{number}/events", data=typed | {"backdate_reason": "昨日收件", "backdate_proof": "收件登记 131号"}
    )
    page = look(clerk, answer.headers["location"])
    assert "本件已结案：撤回" in page.text("done") and "撤回" in page.text("stage")
    assert "代莲心物业服务有限公司" in page.text("event-4")


def test_a_decision_is_chosen_by_its_name_and_only_from_the_estates_own(door: Door) -> None:
    def scene(session: Session, cast: Cast) -> tuple[str, str]:
        return cast.opens("2026-10-12 08:30").number, str(cast.decided().id)

    number, decision = door.writes(scene)
    agent = come_in(door, "agent")
    assert "使用维修资金大修3栋电梯（已通过）" in look(agent, f"/cases/{number}").text("enter_decided-decision")
    answer = press(agent, number, "enter_decided", decision=decision, warranty_expired="true", **DECIDED)
    assert answer.status_code == 303
    assert "已通过" in look(agent, f"/cases/{number}").text("content")


def test_a_note_is_written_and_an_endless_one_refused_with_its_words(door: Door) -> None:
    number, agent, owner = intake(door), come_in(door, "agent"), come_in(door, "owner")
    assert agent.post(f"/cases/{number}/notes", data={"note": "请尽快办"}).status_code == 303
    assert "请尽快办" in look(owner, f"/cases/{number}").text("event-4")
    assert not look(owner, f"/cases/{number}").find("form", id="form-note"), "an owner reads"
    assert owner.post(f"/cases/{number}/notes", data={"note": "快"}).status_code == 403
    answer = agent.post(f"/cases/{number}/notes", data={"note": "长" * 4001})
    page = Html(answer.text)
    assert answer.status_code == 422 and "最多4000字" in page.text("new-note-wrong")
    assert page.text("new-note") == "长" * 4001
    assert agent.post(f"/cases/{number}/notes", data={"note": "a" * 10_600_000}).status_code == 413


def test_a_broken_record_is_said(door: Door) -> None:
    number = intake(door)
    clerk = come_in(door, "clerk")
    assert "记录完整" in look(clerk, f"/cases/{number}").text("chain")

    def lose(session: Session, cast: Cast) -> None:
        case = session.get_one(Case, door.case(number).id)
        case.last_hash = "0" * 64

    door.writes(lose)
    assert "记录不完整" in look(clerk, f"/cases/{number}").text("chain")


# --- lists -----------------------------------------------------------------------------------------------------------


def test_the_address_is_the_list_and_each_condition_can_be_taken_off(door: Door) -> None:
    door.writes(
        lambda session, cast: [at_intake(session, cast), at_review(session, cast), cast.opens("2026-10-12 09:00")]
    )
    reviewer = come_in(door, "supervisor")
    page = look(reviewer, "/cases?stage=review&state=open&q=电梯&card=")
    assert page.text("total") == "1"
    assert page.find("select", name="stage") and page.find("option", value="review")[0]["selected"] == ""
    chips = {
        attrs["href"]: text
        for attrs, text in zip(page.find("a", class_="chip"), page.texts("a", class_="chip"), strict=True)
    }
    assert len(chips) == 3 and any("划拨审核" in text for text in chips.values())
    without = next(href for href, text in chips.items() if "划拨审核" in text)
    assert "stage" not in without and look(reviewer, without).text("total") == "3"


def test_pages_of_a_list_hold_every_case_once(door: Door) -> None:
    door.writes(lambda session, cast: [at_intake(session, cast) for _ in range(7)])
    clerk = come_in(door, "clerk")
    found: list[str] = []
    path: str | None = "/cases?limit=3&state=open"
    while path:
        page = look(clerk, path)
        assert page.text("total") == "7"
        found += [attrs["href"] for attrs in page.find("a", class_="stretched-link")]
        more = page.find("a", id="next-page")
        path = more[0]["href"] if more else None
    assert len(found) == len(set(found)) == 7


def test_who_has_no_desk_sees_what_presses_where_they_watch(door: Door) -> None:
    number = intake(door)
    page = look(come_in(door, "auditor"), "/")
    assert "有1件在办" in page.text("content") and number in page.text("watched")
    assert "有1件待办" not in look(come_in(door, "clerk"), "/").text("content"), "nobody has taken it yet"


def test_a_query_that_makes_no_sense_is_a_sentence(shared_door: Door) -> None:
    clerk = come_in(shared_door, "clerk")
    for query in ("card=purple", "limit=0", "after=x", "area=1", "nonsense=1", "due=7wd"):
        assert look(clerk, f"/cases?{query}", 422).text("refusal")


# --- the strip -------------------------------------------------------------------------------------------------------


def test_a_strip_is_whole_weeks_and_numbers_each_day_that_counts() -> None:
    days = explain(at("2026-09-30 09:00"), Limit.parse("5wd"), shipped())
    weeks = strip(days)
    assert all(len(week) == 7 for week in weeks) and len(weeks) == 3
    cells = [cell for week in weeks for cell in week if cell]
    assert [cell.number for cell in cells if cell.number] == [1, 2, 3, 4, 5]
    assert cells[0].kind == "start" and cells[-1].kind == "last" and str(cells[-1].day) == "2026-10-13"
    assert strip(days[:1]) == [], "a day agreed upon has nothing to count"


def test_the_cap_on_a_pause_is_no_vote_and_no_second_deadline(door: Door) -> None:
    number = door.writes(
        lambda session, cast: (
            (
                case := at_review(session, cast),
                cast.fires(case, "reviewer", "pause", "2026-10-13 09:00", reason="委托复核", evidence="委托书18号"),
            )[0].number
        )
    )
    door.goes_to("2026-10-14 09:00")
    page = door.as_("reviewer").get(f"/cases/{number}").text
    assert 'id="vote"' not in page
    assert page.index("中止计时 <small>") < page.index("划拨审核中止的最长时间")
    assert "中止计时" in door.as_("reviewer").get("/").text
