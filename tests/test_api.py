"""The JSON door: one request walked through by program, what is refused, and how."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .door import PASSWORD, Door
from .make import DECIDED, Cast, at_intake, at_review

SUBMIT = {"payee": "深圳安恒建筑防水有限公司", "finish_by": "2027-03-31"}


def opened(door: Door) -> str:
    answer = door.as_("agent").post(
        "/api/cases",
        json={"type": "fund_request", "estate": "莲花北村", "details": {"works": "5栋屋面防水", "budget": "386400.50"}},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


def fires(door: Door, who: str, number: str, name: str, **facts: Any) -> dict[str, Any]:
    answer = door.as_(who).post(f"/api/cases/{number}/events", json={"name": name, "facts": facts})
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()["case"]
    return case


def intake(door: Door) -> str:
    return str(door.writes(lambda session, cast: at_intake(session, cast).number))


def test_a_request_goes_from_the_agent_to_the_bank_by_program(door: Door) -> None:
    number = opened(door)
    decision = door.writes(lambda session, cast: cast.decided().id)
    case = fires(door, "agent", number, "enter_decided", decision=decision, **DECIDED)
    assert case["stage"] == "application" and case["details"]["budget"] == 38_640_050
    assert [move["name"] for move in case["moves"]] == ["submit", "withdraw"]
    case = fires(door, "agent", number, "submit", **SUBMIT)
    assert case["stage"] == "intake" and case["clocks"][0]["due_day"] == "2026-10-19"

    desk = door.as_("clerk").get("/api/desk").json()
    assert [line["number"] for line in desk["pool"]] == [number]
    claimed = door.as_("clerk").post(f"/api/cases/{number}/assign", json={"to": "clerk"})
    assert claimed.json()["assignee"] == "周敏"
    assert [line["number"] for line in door.as_("clerk").get("/api/desk").json()["mine"]] == [number]

    door.goes_to("2026-10-13 10:00")
    case = fires(door, "clerk", number, "ask", items=["合同缺第3页"])
    assert case["paused"] and case["stage"] == "correction"
    door.goes_to("2026-10-15 10:00")
    fires(door, "agent", number, "resubmit", answer="已补")
    case = fires(door, "clerk", number, "accept")
    assert case["stage"] == "review"
    fires(door, "reviewer", number, "approve", amount="193200.25")
    case = fires(door, "payer", number, "paid", paid_on="2026-10-15")
    assert case["stage"] == "works" and case["details"]["paid"] == 19_320_025
    assert case["chain"]["whole"] and [event["name"] for event in case["events"]][-1] == "paid"

    clock = door.as_("agent").get(f"/api/cases/{number}/clocks").json()["items"]
    asked = next(one for one in clock if one["limits"] == "intake")
    assert (
        asked["outcome"] == "on_time"
        and asked["rule"]["confidence"] == "unverified"
        and asked["rule"]["source"] == "本单位自定"
    )
    assert [day["counts"] for day in asked["days"]].count(True) == 5
    assert asked["pauses"][0]["reason"] == "补正"


def test_a_stranger_learns_nothing_of_a_case(door: Door) -> None:
    number = intake(door)
    stranger = door.as_("stranger")
    missing = stranger.get("/api/cases/WX2026-999999")
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/events", None),
        ("GET", "/clocks", None),
        ("GET", "/documents", None),
        ("GET", "/documents/1.pdf", None),
        ("POST", "/events", {"name": "accept"}),
        ("POST", "/assign", {"to": "stranger"}),
        ("POST", "/notes", {"note": "看一眼"}),
    ):
        answer = stranger.request(method, f"/api/cases/{number}{path}", json=body)
        assert answer.status_code == 404, path
        expected = missing.json()["detail"].replace("WX2026-999999", number)
        assert answer.json()["detail"] == expected, "as if there were none"
    assert stranger.get("/api/cases?total=1").json() == {"items": [], "next": None, "total": 0}
    assert stranger.get("/api/desk").json()["pool"] == []


def test_who_sees_a_case_but_may_not_act_gets_403_and_an_illegal_move_409(door: Door) -> None:
    number = intake(door)
    refused = door.as_("supervisor").post(f"/api/cases/{number}/events", json={"name": "accept"})
    assert refused.status_code == 403 and refused.json()["detail"] == "“受理”由街道办事处办理，您没有这一权限。"
    refused = door.as_("reviewer").post(f"/api/cases/{number}/events", json={"name": "approve"})
    assert refused.status_code == 409 and "现在不能“同意划拨”" in refused.json()["detail"]
    assert refused.headers["content-type"] == "application/problem+json"
    unknown = door.as_("clerk").post(f"/api/cases/{number}/events", json={"name": "teleport"})
    assert unknown.status_code == 422 and unknown.json()["field"] == "name"


def test_two_officers_press_at_once_and_one_is_told_so(door: Door) -> None:
    number = intake(door)
    seq = door.case(number).last_seq

    def press(who: str) -> tuple[int, str]:
        answer = door.as_(who).post(f"/api/cases/{number}/events", json={"name": "accept", "seq": seq})
        return answer.status_code, answer.json().get("detail", "")

    door.as_("clerk"), door.as_("head")
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(press, ("clerk", "head")))
    assert [status for status, _ in answers] == [201, 409]
    assert "已被他人办理" in answers[1][1]
    assert door.case(number).stage == "review" and door.case(number).last_seq == seq + 1


def test_one_key_happens_once_and_is_answered_the_same(door: Door) -> None:
    number = intake(door)
    body = {"name": "ask", "facts": {"items": ["合同缺页"]}}
    key = {"Idempotency-Key": "7d0c"}
    first = door.as_("clerk").post(f"/api/cases/{number}/events", json=body, headers=key)
    again = door.as_("clerk").post(f"/api/cases/{number}/events", json=body, headers=key)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"
    other = door.as_("clerk").post(f"/api/cases/{number}/events", json={"name": "accept"}, headers=key)
    assert other.status_code == 422 and other.json()["field"] == "Idempotency-Key"
    assert door.case(number).stage == "correction"


def test_one_key_at_the_same_moment_happens_once(door: Door) -> None:
    body = {"type": "fund_request", "estate": "莲花北村", "details": {"works": "水泵", "budget": 100}}
    client = door.as_("agent")

    def press(_: int) -> Any:
        return client.post("/api/cases", json=body, headers={"Idempotency-Key": "one"}).json()["number"]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(press, range(8)))) == 1
    assert client.get("/api/cases?total=1").json()["total"] == 1


def test_a_refusal_is_not_kept_under_its_key(door: Door) -> None:
    number = intake(door)
    key = {"Idempotency-Key": "later"}
    wrong = door.as_("clerk").post(f"/api/cases/{number}/events", json={"name": "ask"}, headers=key)
    assert wrong.status_code == 422
    right = door.as_("clerk").post(f"/api/cases/{number}/events", json={"name": "accept"}, headers=key)
    assert right.status_code == 201


def test_a_clerk_enters_a_request_at_the_counter(door: Door) -> None:
    asked = {"type": "fund_request", "estate": "莲花北村", "details": {"works": "道闸", "budget": "61000"}}
    answer = door.as_("clerk").post("/api/cases", json=asked)
    assert answer.status_code == 201
    event = answer.json()["events"][0]
    assert event["who"] == "周敏（窗口代录，代莲心物业服务有限公司）" and event["on_behalf_of"].startswith("body:")
    assert [move["name"] for move in answer.json()["counter_moves"]] == ["plan", "enter_decided", "withdraw"]
    for who in ("owner", "committee", "reviewer", "supervisor"):
        assert door.as_(who).post("/api/cases", json=asked).status_code == 403
    refused = door.as_("stranger").post("/api/cases", json=asked)
    assert refused.status_code == 422 and refused.json()["field"] == "estate"


def test_paper_that_came_on_friday_is_entered_with_its_day(door: Door) -> None:
    door.goes_to("2026-10-19 09:00")
    number = door.writes(lambda session, cast: _applied(cast))
    late = {
        "name": "submit",
        "facts": SUBMIT,
        "at": "2026-10-16T16:30:00+08:00",
        "reason": "窗口停机",
        "proof": "登记第88号",
    }
    answer = door.as_("agent").post(f"/api/cases/{number}/events", json=late)
    assert answer.status_code == 201
    assert answer.json()["event"]["backdated"] and answer.json()["event"]["at"] == "2026-10-16T16:30:00+08:00"
    assert answer.json()["case"]["clocks"][0]["due_day"] == "2026-10-23"


def _applied(cast: Cast) -> str:
    case = cast.opens("2026-10-14 09:00")
    cast.fires(case, "agent", "enter_decided", "2026-10-14 09:10", decision=cast.decided().id, **DECIDED)
    return case.number


# --- signing in ------------------------------------------------------------------------------------------------------


def test_a_browser_signs_in_is_known_and_signs_out(door: Door) -> None:
    client = door.browser()
    assert client.get("/api/session").status_code == 401
    answer = client.post("/api/session", json={"account": "Clerk ", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert client.get("/api/session").json()["name"] == "周敏"
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    assert client.delete("/api/session").status_code == 204
    client.cookies.set("banjie", cookie.split("banjie=")[1].split(";")[0])
    assert client.get("/api/session").status_code == 401, "the old cookie opens nothing"


def test_a_cookie_alone_writes_nothing(door: Door) -> None:
    number = intake(door)
    client = door.signed_in("clerk")
    del client.headers["X-CSRF-Token"]
    assert client.post(f"/api/cases/{number}/events", json={"name": "accept"}).status_code == 403
    forged = {"X-CSRF-Token": "x" * 32}
    assert client.post(f"/api/cases/{number}/events", json={"name": "accept"}, headers=forged).status_code == 403
    assert door.case(number).stage == "intake"


def test_guessing_a_password_is_slowed_down(door: Door) -> None:
    client = door.browser()
    for _ in range(8):
        answer = client.post("/api/session", json={"account": "auditor", "password": "guess"})
        assert answer.status_code == 401 and answer.json()["detail"] == "账号或密码不正确，或者账号已停用。"
    refused = client.post("/api/session", json={"account": "auditor", "password": PASSWORD})
    assert refused.status_code == 429 and "五分钟" in refused.json()["detail"]
    assert client.post("/api/session", json={"account": "nobody", "password": "x"}).status_code == 401


def test_who_has_left_or_whose_post_has_ended_gets_nothing(door: Door) -> None:
    number = intake(door)
    client = door.as_("clerk")

    def ends(session: Any, cast: Cast) -> None:
        from datetime import date

        cast.clerk.posts[0].to_day = date(2026, 10, 1)
        cast.head.is_active = False

    door.as_("head")
    door.writes(ends)
    assert client.get(f"/api/cases/{number}").status_code == 404
    assert door.as_("head").get(f"/api/cases/{number}").status_code == 401


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "field", "sentence"),
    [
        ({"works": "防水", "budget": "100.005"}, "budget", "最多两位小数"),
        ({"works": "防水", "budget": 100.5}, "budget", "整数"),
        ({"works": "防水", "budget": -1}, "budget", "必须大于0"),
        ({"works": "防水", "budget": 10**20}, "budget", "不能大于"),
        ({"works": "", "budget": 1}, "works", "不能为空"),
        ({"works": "防\u0000水", "budget": 1}, "works", "字符"),
        ({"works": "水" * 201, "budget": 1}, "works", "过长"),
        ({"budget": 1}, "works", "必填"),
        ({"works": "防水", "budget": 1, "color": "red"}, "color", "没有这一项"),
    ],
)
def test_details_that_are_wrong_are_named(shared_door: Door, details: Any, field: str, sentence: str) -> None:
    asked = {"type": "fund_request", "estate": "莲花北村", "details": details}
    answer = shared_door.as_("agent").post("/api/cases", json=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert sentence in answer.json()["detail"]
    assert shared_door.as_("agent").get("/api/cases?total=1").json()["total"] == 0


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"type": "fund_request", "estate": "没有的小区"}, 422, "estate"),
        ({"type": "fund_request", "estate": 10**30}, 422, "estate"),
        ({"type": "fund_request", "estate": "莲花\u0000北村"}, 422, None),
        ({"type": "time_travel", "estate": "莲花北村"}, 422, "type"),
        ({"estate": "莲花北村"}, 422, "type"),
        (
            {"type": "fund_request", "estate": "莲花北村", "at": "2099-01-01T00:00:00", "reason": "x", "proof": "y"},
            422,
            "at",
        ),
        (
            {"type": "fund_request", "estate": "莲花北村", "at": "9999-12-31T23:59:59", "reason": "x", "proof": "y"},
            422,
            "at",
        ),
        ({"type": "fund_request", "estate": "莲花北村", "oops": 1}, 422, "oops"),
        ([1, 2], 422, None),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    shared_door: Door, asked: Any, status: int, field: str | None
) -> None:
    if isinstance(asked, dict) and "details" not in asked:
        asked = asked | {"details": {"works": "防水", "budget": 100}}
    answer = shared_door.as_("agent").post("/api/cases", json=asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith("。") and (field is None or answer.json()["field"] == field)


def test_a_body_that_is_no_json_and_one_that_never_ends(shared_door: Door) -> None:
    agent = shared_door.as_("agent")
    answer = agent.post("/api/cases", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and answer.json()["detail"] == "请求内容不是有效的 JSON。"
    note = json.dumps({"note": "长" * 7_000_000}, ensure_ascii=False).encode()
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    answer = shared_door.as_("clerk").post(f"/api/cases/{number}/notes", content=note)
    assert answer.status_code == 413 and "10 MB" in answer.json()["detail"]

    def drip() -> Any:
        for _ in range(300):
            yield b" " * 65536

    answer = shared_door.as_("clerk").post(f"/api/cases/{number}/notes", content=drip())
    assert answer.status_code == 413
    answer = shared_door.as_("clerk").post(f"/api/cases/{number}/notes", json={"note": "长" * 5000})
    assert answer.status_code == 422 and answer.json()["field"] == "note" and "4000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/cases/WX2026-1/documents/99999999999999999999.pdf", 404),
        ("/api/cases/%00", 422),
        ("/api/nowhere", 404),
        ("/api/cases?limit=0", 422),
        ("/api/cases?after=%00", 422),
        ("/api/cases?colour=red", 422),
        ("/api/cases?at=2026-13-01", 422),
        ("/api/calendar?year=99999", 422),
    ],
)
def test_addresses_nobody_gave_out_are_answered_calmly(shared_door: Door, path: str, status: int) -> None:
    answer = shared_door.as_("clerk").get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith("。")


def test_a_database_that_is_gone_is_one_sentence(door: Door) -> None:
    from fastapi.testclient import TestClient

    from api.app import create_app

    app = create_app("postgresql://nobody:x@127.0.0.1:9/none")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/api/cases", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 503 and "数据库暂时连不上" in answer.json()["detail"]


# --- what operators look at ------------------------------------------------------------------------------------------


def test_operators_are_told_how_it_is(shared_door: Door) -> None:
    browser = shared_door.browser()
    assert browser.get("/healthz").json() == {"status": "ok"}
    ready = browser.get("/readyz")
    assert ready.status_code == 503 and ready.json() == {"database": True, "schema": True, "shift": False}
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
