"""One more type of case, in a folder of the operator's own, works through API, pages and paper, and nothing else is edited."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from models.casetypes import casetypes
from models.documents import Document, body_of
from models.rules import shipped_ladders, sync_rulebook
from models.settings import settings

from .conftest import TYPES
from .door import Door
from .make import shift


@pytest.fixture
def licensed(door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The web of an office that put `tests/types` on its search path: type, wording, rules."""
    monkeypatch.setenv("BANJIE_CASETYPES", json.dumps([str(TYPES)]))
    caches = (settings, casetypes, shipped_ladders)
    for cached in caches:
        cached.cache_clear()
    door.writes(lambda session, cast: sync_rulebook(session, TYPES))
    yield door
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_a_licence_is_asked_for_on_a_page_and_granted_through_the_api_on_paper(licensed: Door) -> None:
    licensed.goes_to("2026-10-12 09:00")
    agent, clerk, reviewer = (licensed.as_(account) for account in ("agent", "clerk", "reviewer"))
    assert "临时占道" in agent.get("/cases/new?type=licence").text
    asked = agent.post("/api/cases", json={"type": "licence", "estate": "莲花北村", "details": {"works": "占道施工"}})
    assert asked.status_code == 201, asked.text
    number = asked.json()["number"]
    assert number.startswith("XK2026-")
    page = clerk.get(f"/cases/{number}").text
    assert "占道施工" in page and 'id="form-accept"' in page and "受理期限" in page
    assert clerk.post(f"/api/cases/{number}/events", json={"name": "accept"}).status_code == 201
    assert reviewer.post(f"/api/cases/{number}/events", json={"name": "grant"}).json()["case"]["outcome"] == "准予"
    licensed.writes(lambda session, cast: shift(session, "2026-10-12 09:30"))
    papers = agent.get(f"/api/cases/{number}/documents").json()["items"]
    assert {paper["title"] for paper in papers} == {"许可告知书"}
    with Session(licensed.engine) as session:
        granted = session.scalars(select(Document).where(col(Document.kind) == "licence_notice")).all()
        assert granted and all(body_of(session, one.sha256).startswith(b"%PDF-") for one in granted)
    listed = agent.get("/api/casetypes").json()
    assert {"licence", "fund_request"} <= {kind["type"] for kind in listed}
    assert "许可" in agent.get("/cases?type=licence").text


def test_without_the_folder_there_is_no_such_type(door: Door) -> None:
    refused = door.as_("agent").post("/api/cases", json={"type": "licence", "estate": "莲花北村", "details": {}})
    assert refused.status_code == 422 and "没有“licence”这种事项" in refused.json()["detail"]
