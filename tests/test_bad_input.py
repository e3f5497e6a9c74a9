"""What makes no sense, or comes in no form we know, changes nothing and is answered with a sentence."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from starlette.types import Message

from api import middleware
from api.app import create_app

from .door import Door
from .make import at_review


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
    app = create_app("postgresql://nobody:x@127.0.0.1:9/none")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/api/cases", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 503 and "数据库暂时连不上" in answer.json()["detail"]
        told = client.get("/readyz").json()
        assert told.pop("reasons") == {"database": "数据库没有应答。"} and set(told.values()) == {False}
        assert client.get("/readyz").status_code == 503
        page = client.get("/signin")
        assert page.status_code == 503 and "数据库暂时连不上" in page.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"note": "x"}', "text/plain"),
        (b"note=x", "application/x-www-form-urlencoded"),
        (b"\xff\xd8\xff", "image/jpeg"),
    ],
)
def test_what_is_not_said_to_be_json_is_not_read_as_json(shared_door: Door, content: bytes, kind: str) -> None:
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    answer = shared_door.as_("clerk").post(
        f"/api/cases/{number}/notes", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == 415 and "application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("notes", {"note": "备\0注"}, "note"),
        ("notes", {"note": " "}, "note"),
        ("notes", {"note": 7}, "note"),
        ("events", {"name": "ask\0"}, "name"),
        ("events", {"name": "ask", "facts": {"items": ["合\0同"]}}, "items.0"),
        ("events", {"name": "ask", "facts": {"items": []}}, "items"),
        ("events", {"name": "ask", "facts": {"items": "合同"}}, "items"),
        ("events", {"name": "ask", "facts": []}, "facts"),
        ("events", {"name": "ask", "seq": "last"}, "seq"),
        ("events", {"name": "ask", "seq": 1.5}, "seq"),
        ("events", {"name": "approve", "facts": {"amount": "1.234"}}, "amount"),
        ("events", {"name": "approve", "facts": {"amount": "壹佰元"}}, "amount"),
        ("events", {"name": "approve", "facts": {"amount": None}}, "amount"),
        ("events", {"name": "refuse"}, "reason"),
        ("events", {"name": "refuse", "facts": {"reason": "长" * 2001}}, "reason"),
        ("events", {"name": "approve", "at": "yesterday"}, "at"),
        ("events", {"name": "approve", "at": 1e18}, "at"),
        ("events", {"name": "approve", "at": "0001-01-01T00:00:00+14:00", "reason": "x", "proof": "y"}, "at"),
        ("events", {"name": "approve", "reason": "晚到"}, "at"),
        ("events", {"name": "withdraw", "reason": "晚\0到"}, "reason"),
        ("assign", {}, "to"),
        ("assign", {"to": "no\0body"}, "to"),
        ("assign", {"to": "nobody"}, "to"),
    ],
)
def test_the_field_that_is_wrong_is_named(shared_door: Door, path: str, body: Any, field: str) -> None:
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    answer = shared_door.as_("reviewer").post(f"/api/cases/{number}/{path}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    sentence = answer.json()["detail"]
    assert sentence.endswith("。") and "nput" not in sentence, "no word of the framework's own"
    assert shared_door.case(number).last_seq == 4


def test_half_a_character_is_no_character(shared_door: Door) -> None:
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    for path, body in (
        ("notes", b'{"note": "a\\ud800b"}'),
        ("events", b'{"name": "ask", "facts": {"items": ["\\udfff"]}}'),
    ):
        answer = shared_door.as_("reviewer").post(
            f"/api/cases/{number}/{path}", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422 and "无法保存的字符" in answer.json()["detail"]


def test_brackets_without_end_exhaust_nobody(shared_door: Door) -> None:
    body = b'{"type": "fund_request", "estate": 1, "details": ' + b"[" * 200_000
    answer = shared_door.as_("agent").post("/api/cases", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422) and answer.json()["detail"].endswith("。")


def test_a_works_contract_that_ends_in_2099_is_a_slip_of_the_pen(shared_door: Door) -> None:
    def applied(session: Any, cast: Any) -> str:
        from .make import DECIDED

        case = cast.opens("2026-10-12 09:00")
        cast.fires(case, "agent", "enter_decided", "2026-10-12 09:00", decision=cast.decided().id, **DECIDED)
        return str(case.number)

    facts = {"payee": "深圳安捷电梯工程有限公司", "finish_by": "2099-12-31"}
    answer = shared_door.as_("agent").post(
        f"/api/cases/{shared_door.writes(applied)}/events", json={"name": "submit", "facts": facts}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "finish_by") and "核对年份" in answer.json()["detail"]


def test_a_body_said_to_be_too_large_is_answered_before_it_is_read(
    shared_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "PATIENCE", 0.05)
    happened: list[str] = []

    async def receive() -> Message:
        happened.append("read")
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        happened.append(f"{message['type']} {message.get('status', '')}".strip())

    scope = {
        "type": "http", "method": "POST", "path": "/api/cases", "raw_path": b"/api/cases", "query_string": b"",
        "headers": [(b"content-length", b"20000000"), (b"host", b"testserver")], "scheme": "http", "root_path": "",
        "http_version": "1.1", "server": ("testserver", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(shared_door.app(scope, receive, send))
    assert happened == ["http.response.start 413", "http.response.body", "read", "http.response.body"]


def test_a_crowd_waits_its_turn_and_everybody_is_answered(shared_door: Door) -> None:
    """More requests at once than there are connections: none may hold a connection while it waits for a thread."""
    number = shared_door.writes(lambda session, cast: at_review(session, cast).number)
    shared_door.as_("clerk")
    headers = {"Authorization": f"Bearer {shared_door.tokens['clerk']}"}

    async def crowd() -> list[int]:
        transport = httpx2.ASGITransport(app=shared_door.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver", timeout=25) as client:
            answers = await asyncio.gather(
                *(client.get(f"/api/cases/{number}/chain", headers=headers) for _ in range(80))
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(crowd()) == [200] * 80
