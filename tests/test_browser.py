"""The whole of it, as people meet it: `banjie up` with a real PostgreSQL, Prefect server, worker and web, driven by Chromium.

One story in order, each part a test. What the pages looked like is left in `var/screenshots`.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine, select
from sqlmodel import Session, col

from api.embedded import free_port, running
from models.case import Case, events_of, verify
from models.clock import Clock
from models.db import url_for
from models.electronic import broken_votes
from models.office import office_now, set_office_clock
from models.worktime import OFFICE_ZONE

pytestmark = [pytest.mark.browser, pytest.mark.prefect]
ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
SHOTS = ROOT / "var" / "screenshots"
CHROMIUM = os.environ.get("BANJIE_CHROMIUM", "/usr/bin/chromium")


@dataclass
class Office:
    """A running Banjie: its address, the password of the trial accounts, its database."""

    base: str
    password: str
    engine: Any

    def now(self) -> datetime:
        with Session(self.engine) as session:
            return office_now(session).astimezone(OFFICE_ZONE)

    def goes_to(self, when: datetime, rate: int = 1) -> None:
        with Session(self.engine) as session, session.begin():
            set_office_clock(session, when, rate)

    def case(self, number: str) -> Case:
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(select(Case).where(col(Case.number) == number)).one()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    var, port = tmp_path_factory.mktemp("office"), free_port()
    env = os.environ | {
        "BANJIE_VAR": str(var), "BANJIE_PORT": str(port), "PREFECT_SERVER_API_PORT": str(free_port()), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    command = [sys.executable, "-c", "from api.cli import app; app()", "up"]
    log = (var / "up.log").open("w+")
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        said = ""
        deadline = time.monotonic() + 240
        while "按 Ctrl-C 停止" not in said:
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.2)
            said = (var / "up.log").read_text()
        password = re.search(r"^clerk .* (\S+)\s*$", said, re.MULTILINE)
        urls = running(var)
        assert password and urls
        engine = create_engine(url_for(urls.app))
        yield Office(f"http://127.0.0.1:{port}", password[1], engine)
        engine.dispose()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """Somebody at a browser of their own. Whatever the console complains of is a failure."""

    def __init__(self, office: Office, browser: Browser, account: str, width: int = 1280) -> None:
        self.office, self.account, self.complaints = office, account, list[str]()
        self.context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.goes("/signin")
        self.page.fill("#account", account)
        self.page.fill("#password", office.password)
        self.page.press("#password", "Enter")
        self.page.wait_for_url(f"{office.base}/")

    def goes(self, path: str) -> Page:
        self.page.goto(self.office.base + path)
        return self.page

    def fires(self, number: str, name: str, **facts: str | bool | list[str]) -> None:
        """Press the move on the case's page, fill in its form, confirm."""
        self.goes(f"/cases/{number}")
        self.page.click(f"#move-{name}")
        for field, value in facts.items():
            control = self.page.locator(f"#form-{name} [name={field}]").first
            if value is True:
                control.check()
            elif isinstance(value, list):
                control.fill("\n".join(value))
            elif control.evaluate("element => element.tagName") == "SELECT":
                control.select_option(str(value))
            else:
                control.fill(str(value))
        self.page.click(f"#submit-{name}")
        self.page.wait_for_selector("#done")

    def shows(self, name: str) -> None:
        """Keep a picture."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.evaluate("document.fonts.ready")
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def leaves(self) -> None:
        self.context.close()
        assert self.complaints == []


@pytest.fixture(scope="module")
def people(office: Office, browser: Browser) -> Iterator[Any]:
    known: dict[str, Person] = {}

    def person(account: str, width: int = 1280) -> Person:
        key = f"{account}{width}"
        known.setdefault(key, Person(office, browser, account, width))
        return known[key]

    yield person
    for one in known.values():
        one.leaves()


story: dict[str, Any] = {}
"""What earlier parts of the story leave for later ones."""


def test_1_the_agent_uploads_roster_and_ballots_as_they_are(people: Any) -> None:
    agent = people("agent")
    page = agent.goes("/estates")
    page.click("text=莲花北村")
    page.set_input_files("#roster-form [name=roster]", DATA / "lianhua_roster.xlsx")
    page.click("#roster-submit")
    page.wait_for_selector("text=名册已导入")
    read = page.inner_text("#roster")
    assert "312" in read and "288" in read and "29,937.98" in read
    agent.shows("1-roster")
    page.fill("#decision-form [name=title]", "使用维修资金翻修5栋屋面防水")
    page.fill("#decision-form [name=window_from]", "2026-09-10")
    page.fill("#decision-form [name=window_to]", "2026-09-18")
    page.set_input_files("#decision-form [name=ballots]", DATA / "lianhua_ballots.xlsx")
    page.click("#decision-submit")
    page.wait_for_url(re.compile("/decisions/"))
    story["decision"] = page.url.split("/decisions/")[1].split("?")[0]
    counted = page.inner_text("#content")
    assert "22,487.36" in counted and "13,921.12" in counted and "213" in counted and "134" in counted
    assert "通过" in counted and "第二百七十八条" in counted
    agent.shows("1-decision")


def test_2_the_agent_opens_a_request_with_the_decision_that_was_taken(office: Office, people: Any) -> None:
    agent = people("agent")
    page = agent.goes("/cases/new")
    page.select_option("#open-estate", label="莲花北村")
    page.fill("#form-open [name=works]", "5栋屋面防水翻修")
    page.fill("#form-open [name=budget]", "386400.555")
    page.click("#submit-open")
    page.wait_for_selector(".field-wrong")
    assert "最多两位小数" in page.inner_text(".field-wrong")
    assert page.input_value("#form-open [name=works]") == "5栋屋面防水翻修", "what was typed stays"
    agent.shows("2-refused")
    agent.complaints.clear()  # the browser reports a refused form as an error
    page.fill("#form-open [name=budget]", "386400.50")
    page.click("#submit-open")
    page.wait_for_selector("#case-number")
    story["number"] = number = page.inner_text("#case-number")

    days = {
        "plan_publicity_from": "2026-08-03", "plan_publicity_to": "2026-08-09", "notice_from": "2026-08-10",
        "notice_to": "2026-08-24", "window_from": "2026-09-10", "window_to": "2026-09-18",
        "result_publicity_from": "2026-09-19", "result_publicity_to": "2026-09-25",
    }  # fmt: skip
    agent.fires(number, "enter_decided", decision=story["decision"], warranty_expired=True, **days)
    finish = (office.now() + timedelta(days=120)).date().isoformat()
    agent.fires(number, "submit", payee="深圳安恒建筑防水有限公司", finish_by=finish)
    assert office.case(number).stage == "intake"
    agent.shows("2-submitted")


def test_3_clerk_and_reviewer_take_it_to_the_bank_and_the_committee_to_its_end(office: Office, people: Any) -> None:
    number = story["number"]
    clerk = people("clerk")
    page = clerk.goes("/")
    assert number in page.inner_text("#content")
    clerk.shows("3-desk")
    clerk.goes(f"/cases/{number}")
    page.click("#claim")
    page.wait_for_selector("#done")
    assert page.locator("#move-approve").count() == 0, "only moves that are legal and theirs are offered"
    clerk.fires(number, "ask", items=["施工合同缺第3页", "预算未列明材料型号"])
    assert office.case(number).is_paused
    people("agent").fires(number, "resubmit", answer="已补齐")
    clerk.fires(number, "accept")
    reviewer = people("reviewer")
    reviewer.fires(number, "approve", amount="193200.25")
    payer = people("payer")
    payer.fires(number, "paid", paid_on=office.now().date().isoformat(), receipt="202611240003")
    agent, committee = people("agent"), people("committee")
    agent.fires(number, "finished")
    committee.fires(number, "passed", settlement="380000")
    agent.fires(number, "apply")
    reviewer.fires(number, "approve")
    payer.fires(number, "paid", paid_on=office.now().date().isoformat())
    agent.fires(number, "published")
    case = office.case(number)
    assert (case.stage, case.outcome, case.details["paid"]) == ("closed", "办结", 38_000_000)
    agent.goes(f"/cases/{number}")
    agent.shows("3-closed")


def test_4_a_case_left_lying_turns_yellow_and_red_and_the_head_is_urged(office: Office, people: Any) -> None:
    agent = people("agent")
    page = agent.goes("/cases/new")
    page.select_option("#open-estate", label="莲花北村")
    page.fill("#form-open [name=works]", "地下车库渗漏治理")
    page.fill("#form-open [name=budget]", "120000")
    page.click("#submit-open")
    page.wait_for_selector("#case-number")
    story["late"] = number = page.inner_text("#case-number")
    agent.fires(
        number, "enter_decided", decision=story["decision"], warranty_expired=True,
        plan_publicity_from="2026-08-03", plan_publicity_to="2026-08-09", notice_from="2026-08-10", notice_to="2026-08-24",
        window_from="2026-09-10", window_to="2026-09-18", result_publicity_from="2026-09-19", result_publicity_to="2026-09-25",
    )  # fmt: skip
    finish = (office.now() + timedelta(days=120)).date().isoformat()
    agent.fires(number, "submit", payee="深圳安恒建筑防水有限公司", finish_by=finish)

    # from here on nobody touches anything: some days pass in half a minute, and Prefect's shift keeps watch
    with Session(office.engine) as session:
        due_at = session.scalars(
            select(Clock.due_at).join(Case, col(Case.id) == col(Clock.case_id))  # type: ignore[call-overload]
            .where(col(Case.number) == number, col(Clock.stopped_at).is_(None))
        ).one()  # fmt: skip
    supervisor, head = people("supervisor"), people("head")
    office.goes_to(due_at - timedelta(days=3), rate=6 * 3600)
    seen: list[str | None] = []
    deadline = time.monotonic() + 90
    while "urge_notice" not in seen and time.monotonic() < deadline:
        with Session(office.engine) as session:
            case = session.scalars(select(Case).where(col(Case.number) == number)).one()
            card = case.card(office_now(session))
            urged = any(event.name == "urge" and event.handled_at for event in events_of(session, case))
        seen += [card] if card not in seen else []
        seen += ["urge_notice"] if urged else []
        time.sleep(0.1)
    assert [word for word in seen if word] == ["yellow", "red", "urge_notice"]
    office.goes_to(office.now())
    page = supervisor.goes(f"/cases/{number}")
    assert "红牌" in page.inner_text("#stage") and "催办通知书" in page.inner_text("#papers")
    supervisor.shows("4-red")
    page = head.goes("/")
    assert "催办" in page.inner_text("#content")
    head.shows("4-head")


def test_5_the_case_page_says_what_is_due_and_why(people: Any) -> None:
    for width in (1280, 390):
        clerk = people("clerk", width)
        page = clerk.goes(f"/cases/{story['late']}")
        why = page.inner_text(".clock")
        assert "5个工作日" in why and "本单位自定" in why and "未核实" in why
        assert page.locator(".strip td.counts, .strip td.last").count() == 5
        assert "记录完整" in page.inner_text("#chain")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), (
            "nothing runs off the side"
        )
        clerk.shows(f"5-case-{width}")
        clerk.goes("/")
        clerk.shows(f"5-desk-{width}")


def test_6_the_papers_are_a4_in_chinese_and_can_be_read_out(office: Office, people: Any) -> None:
    found: dict[str, str] = {}
    for number, account in ((story["number"], "agent"), (story["late"], "head")):
        person = people(account)
        page = person.goes(f"/cases/{number}")
        for link in page.locator("#papers a").all():
            answer = page.request.get(office.base + str(link.get_attribute("href")))
            assert answer.headers["content-type"] == "application/pdf"
            pdf = pypdfium2.PdfDocument(BytesIO(answer.body()))
            width, height = pdf[0].get_size()
            assert (round(width), round(height)) == (595, 842)
            title = link.inner_text().removesuffix("（PDF）")
            found[title] = "".join(one.get_textpage().get_text_range() for one in pdf)
            pdf[0].render(scale=1.5).to_pil().save(SHOTS / f"6-{title}.png")
            pdf.close()
    assert {"受理通知书", "补正告知书", "划拨通知书", "催办通知书"} <= set(found)
    plain = {title: re.sub(r"\s", "", text) for title, text in found.items()}
    assert story["number"] in plain["受理通知书"] and "施工合同缺第3页" in plain["补正告知书"]
    assert "已逾期1个工作日" in plain["催办通知书"]


def test_7_every_number_of_the_dashboard_opens_exactly_the_list_it_counts(people: Any) -> None:
    supervisor = people("supervisor")
    page = supervisor.goes("/dashboard")
    page.wait_for_selector("canvas")
    supervisor.shows("7-dashboard")
    numbers = {
        (int(link.inner_text().replace(",", "")), str(link.get_attribute("href")))
        for link in page.locator("#figures a.number").all()
    }
    assert len(numbers) > 20
    pressed = 0
    for count, href in sorted(numbers)[::3]:  # of all of them `test_dashboard.py` asks the same without a browser
        listed = supervisor.goes(href)
        assert int(listed.inner_text("#total").replace(",", "")) == count, href
        pressed += bool(count)
    assert pressed > 5
    phone = people("supervisor", 390)
    page = phone.goes("/dashboard")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    phone.shows("7-dashboard-390")


def test_8_the_stranger_is_told_there_is_no_such_case(people: Any) -> None:
    stranger = people("stranger")
    page = stranger.goes(f"/cases/{story['late']}")
    assert "或您无权查看" in page.inner_text("#content")
    stranger.complaints.clear()
    page = stranger.goes("/cases")
    assert "莲花北村" not in page.inner_text("#content")


def test_9_an_owner_votes_on_a_telephone_without_any_script(office: Office, people: Any, browser: Browser) -> None:
    agent, today = people("agent"), office.now().date()
    page = agent.goes("/estates")
    page.click("text=莲花北村")
    page.click("#new-decision summary")
    page.fill("#decision-form [name=title]", "更换2栋电梯曳引机并翻修机房屋面")
    page.fill("#decision-form [name=window_from]", f"{today}")
    page.fill("#decision-form [name=window_to]", f"{today + timedelta(days=7)}")
    page.click("#decision-submit")
    page.wait_for_url(re.compile("/decisions/"))
    agent.shows("9-not-opened")
    with page.expect_download() as taken:
        page.click("#electronic-open")
    rows = CalamineWorkbook.from_path(str(taken.value.path())).get_sheet_by_index(0).to_python()
    assert len(rows) == 314
    unit, link, code = str(rows[2][1]), str(rows[2][3]), str(rows[2][4])

    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", java_script_enabled=False)
    phone = context.new_page()
    phone.goto(link, wait_until="networkidle")
    assert unit in phone.inner_text("main")
    assert phone.locator("html").bounding_box()["width"] == 390  # type: ignore[index]
    phone.screenshot(path=SHOTS / "9-ballot-390.png", full_page=True)
    phone.click("text=不同意")
    phone.fill("#code", str(int(code) % 899_999 + 100_000))
    phone.click("#cast")
    assert "验证码不正确" in phone.inner_text("#refusal") and phone.is_checked("[value=disagree]")
    phone.screenshot(path=SHOTS / "9-refused-390.png", full_page=True)
    phone.click("label:has([value=agree])")
    phone.fill("#code", code)
    phone.click("#cast")
    phone.wait_for_url(re.compile("/v/receipt/[0-9a-f]{64}$"))
    told = phone.inner_text("main")
    assert "表决票已收到" in told and "可在截止前修改" in told and "同意" not in told
    phone.screenshot(path=SHOTS / "9-receipt-390.png", full_page=True)
    context.close()

    page.reload()
    assert "截止前可改票" in page.inner_text("#electronic")
    assert page.inner_text("#turnout tbody tr:first-child td") == "1"
    agent.shows("9-turnout")
    phone_of_staff = people("agent", 390)
    phone_of_staff.goes(page.url.removeprefix(office.base))
    phone_of_staff.shows("9-turnout-390")


def test_10_every_ledger_is_whole_in_the_end(office: Office) -> None:
    with Session(office.engine) as session:
        assert broken_votes(session) == []
        for case in session.scalars(select(Case)):
            assert verify(events_of(session, case)) is None
