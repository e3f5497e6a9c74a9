"""Signing in, by whom and from where, and what a cookie or a token opens."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlmodel import Session

from api import auth
from models.settings import settings
from models.signin import ApiToken, Login

from .door import PASSWORD, Door
from .make import Cast, at_intake

WRONG = "账号或密码不正确，或者账号已停用。"


def intake(door: Door) -> str:
    return str(door.writes(lambda session, cast: at_intake(session, cast).number))


def signs_in(client: TestClient, account: str, password: str = PASSWORD, **headers: str) -> Any:
    return client.post("/api/session", json={"account": account, "password": password}, headers=headers)


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
        assert answer.status_code == 401 and answer.json()["detail"] == WRONG
    refused = client.post("/api/session", json={"account": "auditor", "password": PASSWORD})
    assert refused.status_code == 429 and "五分钟" in refused.json()["detail"]
    assert client.post("/api/session", json={"account": "nobody", "password": "x"}).status_code == 401


def test_who_has_left_or_whose_post_has_ended_gets_nothing(door: Door) -> None:
    number = intake(door)
    client = door.as_("clerk")

    def ends(session: Any, cast: Cast) -> None:
        cast.clerk.posts[0].to_day = date(2026, 10, 1)
        cast.head.is_active = False

    door.as_("head")
    door.writes(ends)
    assert client.get(f"/api/cases/{number}").status_code == 404
    assert door.as_("head").get(f"/api/cases/{number}").status_code == 401


def test_a_post_is_looked_at_on_the_office_day(door: Door) -> None:
    number = intake(door)

    def begins(session: Session, cast: Cast) -> None:
        cast.head.posts[0].from_day = date(2026, 10, 13)

    door.writes(begins)
    assert door.as_("head").get(f"/api/cases/{number}").status_code == 404
    door.goes_to("2026-10-13 09:00")
    assert door.as_("head").get(f"/api/cases/{number}").status_code == 200


def test_many_guesses_at_once_are_counted_before_they_are_looked_at(door: Door) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: signs_in(door.browser(), "auditor", "guess").status_code, range(24)))
    assert sorted(answers) == [401] * 8 + [429] * 16


def test_the_right_password_ends_the_count(door: Door) -> None:
    for _ in range(3):
        assert signs_in(door.browser(), "auditor", "typo").status_code == 401
        assert signs_in(door.browser(), "auditor", "typo again").status_code == 401
        assert signs_in(door.browser(), "auditor").status_code == 201


def test_one_address_cannot_try_a_password_on_every_account(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "PER_ADDRESS", type(auth.PER_ADDRESS)(3, 5))
    for account in ("a", "b", "c"):
        assert signs_in(door.browser(), account, "123456").status_code == 401
    assert signs_in(door.browser(), "d", "123456").status_code == 429


def test_whether_there_is_an_account_shows_in_neither_words_nor_work(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    verify = auth.HASHER.verify

    def watched(word: str, kept: str) -> bool:
        looked.append(kept)
        return verify(word, kept)

    monkeypatch.setattr(auth.HASHER, "verify", watched)
    door.writes(lambda session, cast: setattr(cast.head, "is_active", False))
    answers = [
        signs_in(door.browser(), "nobody", PASSWORD), signs_in(door.browser(), "a\0b", "x"),
        signs_in(door.browser(), "clerk", "x"), signs_in(door.browser(), "head", PASSWORD),
    ]  # fmt: skip
    assert {(answer.status_code, answer.json()["detail"], answer.json()["field"]) for answer in answers} == {
        (401, WRONG, "password")
    }
    assert len(looked) == 4 and all(kept.startswith("$argon2") for kept in looked)


def test_signing_in_again_ends_the_session_before(door: Door) -> None:
    client = door.browser()
    signs_in(client, "clerk")
    first = client.cookies["banjie"]
    signs_in(client, "reviewer")
    assert client.get("/api/session").json()["account"] == "reviewer"
    assert door.browser(headers={"Cookie": f"banjie={first}"}).get("/api/session").status_code == 401


def test_a_session_runs_out_in_the_world_whatever_the_office_clock_says(door: Door) -> None:
    client = door.signed_in("clerk")
    door.goes_to("2029-01-02 09:00")
    assert client.get("/api/session").status_code == 200
    door.writes(
        lambda session, cast: session.execute(update(Login).values(expires_at=Login.expires_at - timedelta(hours=12)))
    )
    assert client.get("/api/session").status_code == 401
    assert client.get("/cases").headers["location"] == "/signin?next=/cases"
    door.signed_in("head")
    assert door.writes(lambda session, cast: len(session.scalars(select(Login)).all())) == 1, (
        "what has run out is swept"
    )


def test_only_hashes_of_secrets_are_kept(door: Door) -> None:
    client = door.signed_in("clerk")
    door.as_("clerk")
    kept = door.writes(
        lambda session, cast: [row.token_hash for table in (Login, ApiToken) for row in session.scalars(select(table))]
    )
    assert client.cookies["banjie"] not in kept and door.tokens["clerk"] not in kept
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in kept)


def test_a_revoked_token_opens_nothing(door: Door) -> None:
    client = door.as_("clerk")
    assert client.get("/api/session").json()["csrf"] is None
    door.writes(lambda session, cast: session.execute(update(ApiToken).values(revoked_at=ApiToken.made_at)))
    answer = client.get("/api/session")
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_does_not_fall_back_to_the_cookie(door: Door) -> None:
    client = door.signed_in("clerk")
    assert client.get("/api/session", headers={"Authorization": "Bearer stolen"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_signs_nobody_in(door: Door, headers: dict[str, str]) -> None:
    client = door.browser()
    for path in ("/api/session", "/signin"):
        sent = {"json": {"account": "clerk", "password": PASSWORD}}
        if path == "/signin":
            sent = {"data": sent["json"]}
        assert client.post(path, headers=headers, **sent).status_code == 403  # type: ignore[arg-type]
    assert "banjie" not in client.cookies
    own = {"Origin": "http://testserver"}
    assert signs_in(client, "clerk", **own).status_code == 201


def test_a_form_of_ours_carries_its_token_as_a_field(door: Door) -> None:
    number = intake(door)
    client = door.signed_in("clerk")
    csrf = client.headers.pop("X-CSRF-Token")
    pdf = {"file": ("收件.pdf", b"%PDF-1.7")}
    assert client.post(f"/api/cases/{number}/attachments", files=pdf).status_code == 403
    assert client.post(f"/api/cases/{number}/attachments", files=pdf, data={"csrf": csrf}).status_code == 201


def test_two_banjies_on_one_machine_do_not_sign_each_other_out(door: Door) -> None:
    client = TestClient(door.app, base_url="http://localhost:8300")
    assert signs_in(client, "clerk").status_code == 201
    assert list(client.cookies) == ["banjie_8300"] and client.get("/api/session").status_code == 200
    client.close()


def test_in_production_the_cookie_travels_on_https_only(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "mode", "production")
    answer = signs_in(door.browser(), "clerk")
    assert "Secure" in answer.headers["set-cookie"] and "Path=/" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_who_must_sign_in_first_comes_back_to_where_they_were_going(door: Door) -> None:
    answer = door.browser().get("/cases?q=莲花&card=red")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=/cases%3Fq%3D%25E8%258E%25B2%25E8%258A%25B1%26card%3Dred"


def test_a_page_that_refuses_still_knows_who_is_signed_in(door: Door) -> None:
    page = door.signed_in("clerk").get("/cases/WX2026-999999")
    assert page.status_code == 404 and "周敏" in page.text and "没有编号为“WX2026-999999”的案件" in page.text
