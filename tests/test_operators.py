"""What operators look at, and what leaves the building: health, figures, logs, headers, the API's documentation."""

import json
from typing import Any

import pytest
from sqlmodel import Session

from models.office import Heartbeat, real_now

from .door import Door
from .make import Cast, at_review


def test_operators_are_told_how_it_is(shared_door: Door) -> None:
    browser = shared_door.browser()
    assert browser.get("/healthz").json() == {"status": "ok"}
    ready = browser.get("/readyz")
    assert ready.status_code == 503 and ready.json() == {
        "database": True, "schema": True, "shift": False, "oldest_unfired": True,
        "reasons": {"shift": "值守程序没有运行：从未有过值守信号，提醒和催办暂时发不出去。"},
    }  # fmt: skip
    metrics = browser.get("/metrics").text
    assert 'banjie_state{what="open_cases"}' in metrics and "莲花" not in metrics


def test_the_api_is_documented_without_the_internet(shared_door: Door) -> None:
    browser = shared_door.browser()
    page = browser.get("/docs")
    assert page.status_code == 200 and "http" not in page.text.replace("http-equiv", "")
    assert browser.get("/assets/swagger/swagger-ui-bundle.js").status_code == 200
    paths = browser.get("/openapi.json").json()["paths"]
    assert {"/api/session", "/api/cases", "/api/cases/{number}/events", "/api/dashboard", "/api/desk"} <= set(paths)


def test_nothing_foreign_may_run_in_a_page(shared_door: Door) -> None:
    headers = shared_door.browser().get("/signin").headers
    assert (
        "default-src 'self'" in headers["content-security-policy"]
        and "unsafe" not in headers["content-security-policy"]
    )
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"


def test_the_office_is_ready_while_somebody_watches_the_clocks(door: Door) -> None:
    def beats(session: Session, cast: Cast) -> None:
        now = real_now(session)
        session.add(Heartbeat(name="shift", at=now, until=now))

    door.writes(beats)
    ready = door.browser().get("/readyz")
    assert ready.status_code == 200 and ready.json()["shift"] is True and ready.json()["reasons"] == {}


def test_figures_have_a_row_per_route_and_none_per_address_somebody_made_up(shared_door: Door) -> None:
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    shared_door.as_("clerk").get(f"/api/cases/{number}")
    shared_door.browser().get("/api/made/up")
    shared_door.browser().request("BREW", "/api/cases")
    shared_door.browser().get("/assets/banjie.css")
    metrics = shared_door.browser().get("/metrics").text
    assert 'banjie_requests_total{method="GET",route="/api/cases/{number}",status="200"}' in metrics
    assert 'banjie_requests_total{method="GET",route="/assets",status="200"}' in metrics
    assert "BREW" not in metrics and "made" not in metrics and number not in metrics


def test_what_nobody_expected_is_counted_logged_and_kept_to_itself(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    @door.app.get("/api/broken")
    def broken() -> Any:
        secret = "110101199003077777"
        raise RuntimeError(f"nobody expected {len(secret)}")

    client = door.as_("clerk")
    client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    answer = client.get("/api/broken")
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "系统出错，所填内容没有保存；请稍后重试，仍不行请联系系统管理员。"
    assert 'route="/api/broken",status="500"' in door.browser().get("/metrics").text
    logged = capsys.readouterr().err
    lines = [json.loads(line) for line in logged.splitlines()]
    assert any("nobody expected 18" in line.get("exception", "") for line in lines)
    assert door.tokens["clerk"] not in logged and "11010119900307" not in logged


def test_a_line_of_the_log_says_who_by_number_and_not_what(
    shared_door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk = shared_door.writes(lambda session, cast: cast.clerk.id)
    client = shared_door.as_("clerk")
    capsys.readouterr()
    client.get("/api/cases?q=张三丰")
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["path"], line["status"], line["person"]) == ("request", "/api/cases", 200, clerk)
    assert "张三丰" not in str(line)


def test_long_answers_travel_compressed(shared_door: Door) -> None:
    answer = shared_door.as_("clerk").get("/api/casetypes", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip" and answer.json()[0]["type"]
