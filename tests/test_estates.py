"""Rosters, votes and materials through the door: the same facts to programs and to people, and to nobody else."""

import json
import re
from typing import Any

import pytest
from sqlmodel import Session

from models.climb import climb

from .door import Door
from .make import DECIDED, Cast, at
from .papers import BALLOTS, DATA, ROSTER, ballots, roster, upload

EXPECTED = json.loads((DATA / "lianhua_expected.json").read_text())
LINES = [
    (f"1栋{n:04}", owner, "", 100)
    for n, owner in enumerate(("苏伟", "袁玉佳", "唐欣子", "薛俊琪", "尹梓晨", "顾娟"), 101)
]
PRIVATE = re.compile(r"\d{15}|1\d{10}")
"""What an identity number or a telephone number would look like."""


def estate_of(door: Door) -> int:
    return int(door.writes(lambda session, cast: cast.estate.id))


def voted(door: Door, *lines: Any) -> int:
    """The id of a decision whose ballots are in."""
    agent, estate = door.as_("agent"), estate_of(door)
    assert upload(agent, f"/api/estates/{estate}/roster", roster(*LINES)).status_code == 201
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯"}).json()["id"]
    answer = upload(agent, f"/api/decisions/{decision}/ballots", ballots(*lines))
    assert answer.status_code == 201, answer.text
    return int(decision)


# --- through JSON ---


def test_the_papers_as_the_office_has_them_are_read_and_counted(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    read = upload(agent, f"/api/estates/{estate}/roster", ROSTER, "lianhua_roster.xlsx")
    assert read.status_code == 201
    for key in ("units", "total_area_dm2", "heads", "unsold_units", "duplicate_lines"):
        assert read.json()[key] == EXPECTED[key]
    assert [found["rows"] for found in read.json()["merged"]] == [[45, 46], [77, 78], [306, 307], [318, 319]]
    assert (read.json()["refused"], read.json()["undecided"], len(read.json()["noted"])) == ([], [], 1)
    window = {"window_from": "2026-09-10", "window_to": "2026-09-18"}
    opened = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯", **window})
    assert opened.status_code == 201 and opened.json()["passed"] is None
    address = f"/api/decisions/{opened.json()['id']}"
    counted = upload(agent, f"{address}/ballots", BALLOTS, "lianhua_ballots.xlsx")
    assert counted.status_code == 201
    assert {key: counted.json()[key] for key in EXPECTED} == EXPECTED
    assert counted.json()["participation"] == {"area": "75.11%", "heads": "73.95%"}
    assert counted.json()["passed"] is True and counted.json()["why_not"] == ""
    assert agent.get(address).json() == counted.json()
    listed = agent.get(f"/api/estates/{estate}/decisions").json()
    assert [(one["title"], one["passed"]) for one in listed["items"]] == [("大修3栋电梯", True)]


def test_no_answer_and_no_page_shows_a_number_or_a_whole_name(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    upload(agent, f"/api/estates/{estate}/roster", ROSTER)
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯"}).json()["id"]
    upload(agent, f"/api/decisions/{decision}/ballots", BALLOTS)
    for account in ("owner", "agent", "auditor"):
        person, browser = door.as_(account), door.signed_in(account)
        shown = [
            person.get(address)
            for address in (
                "/api/estates", f"/api/estates/{estate}", f"/api/estates/{estate}/units?limit=200", f"/api/decisions/{decision}",
                f"/api/estates/{estate}/roster", f"/api/decisions/{decision}/ballots?limit=200",
            )
        ]  # fmt: skip
        shown += [browser.get(f"/estates/{estate}"), browser.get(f"/decisions/{decision}")]
        for answer in shown:
            assert answer.status_code == 200
            said = re.sub(r'"sha256":"[0-9a-f]+"|title="[0-9a-f]{64}"|[0-9a-f]{16}…', "", answer.text)
            assert not PRIVATE.search(said), answer.url
            assert "武建博" not in said and "袁玉佳" not in said
    units = agent.get(f"/api/estates/{estate}/units?limit=2").json()
    assert [unit["owner"] for unit in units["items"]] == ["苏*、武**", "袁**"]
    following = agent.get(f"/api/estates/{estate}/units?limit=2&after={units['next']}").json()
    assert following["items"][0]["unit"] == "1栋0103"


def test_all_units_and_all_ballots_are_in_the_pages_of_the_list(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    upload(agent, f"/api/estates/{estate}/roster", ROSTER)
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯"}).json()["id"]
    upload(agent, f"/api/decisions/{decision}/ballots", BALLOTS)
    for address, many in ((f"/api/estates/{estate}/units", 312), (f"/api/decisions/{decision}/ballots", 231)):
        seen: list[int] = []
        after: int | None = 0
        while after is not None:
            page = agent.get(f"{address}?limit=100&after={after}").json()
            seen += [row["id"] if "id" in row else row["row"] for row in page["items"]]
            after = page["next"]
        assert len(seen) == len(set(seen)) == many


def test_a_ruling_through_json_counts_again(door: Door) -> None:
    lines = [(unit, "", "同意") for unit, *_ in LINES[:4]]
    decision = voted(door, *lines, ("1栋0105", "", "同意"), ("1栋0105", "", "不同意"))
    clerk, address = door.as_("clerk"), f"/api/decisions/{decision}"
    before = clerk.get(address).json()
    (doubt,) = before["doubts"]
    assert (doubt["unit"], doubt["rows"], [one["opinion"] for one in doubt["ballots"]]) == (
        "1栋0105", [7, 8], ["agree", "disagree"],
    )  # fmt: skip
    assert before["passed"] is False and before["why_not"].startswith("还有1处需要人工认定")
    for wrong, field in (
        ({"unit": "1栋0105", "row": 3, "reason": "先到"}, "row"),
        ({"unit": "1栋0105", "row": 7, "reason": ""}, "reason"),
        ({"unit": "1栋0101", "row": 3, "reason": "先到"}, "unit"),
        ({"unit": "1栋0105", "row": 7}, "reason"),
        ({"unit": "1栋0105", "row": 7, "reason": "先到", "opinion": "maybe"}, "opinion"),
    ):
        answer = clerk.post(f"{address}/rulings", json=wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    ruled = clerk.post(f"{address}/rulings", json={"unit": "1栋0105", "row": 7, "reason": "业主到场确认第一张"})
    assert ruled.status_code == 200 and ruled.json()["passed"] is True
    assert ruled.json()["rulings"][0] | {"at": ""} == {
        "unit": "1栋0105", "row": 7, "opinion": None, "rows": [7, 8], "reason": "业主到场确认第一张", "by": "周敏", "at": "",
    }  # fmt: skip


def test_a_doubtful_roster_is_settled_and_the_votes_counted_again(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    twice = [
        ("1栋0101", "苏伟", "", 100),
        ("1栋0102", "苏伟", "", 100),
        ("1栋0103", "程红", "", 100),
        ("1栋0104", "顾娟", "", ""),
    ]
    read = upload(agent, f"/api/estates/{estate}/roster", roster(*twice)).json()
    kinds = {found["kind"]: found["rows"] for found in read["undecided"]}
    assert set(kinds) == {"incomplete", "same_owner"}
    address = f"/api/estates/{estate}/roster/rulings"
    refused = agent.post(address, json={"kind": "incomplete", "rows": kinds["incomplete"], "reason": "不用算"})
    assert (refused.status_code, refused.json()["field"]) == (409, "roster")
    settled = agent.post(address, json={"kind": "same_owner", "rows": kinds["same_owner"], "reason": "同一人"})
    assert settled.status_code == 200 and settled.json()["settled"][0]["by"] == "李娜"
    upload(agent, f"/api/estates/{estate}/roster", roster(*twice[:3], ("1栋0104", "顾娟", "", 90)))
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修"}).json()["id"]
    lines = [(unit, "", "同意") for unit, *_ in twice]
    counted = upload(agent, f"/api/decisions/{decision}/ballots", ballots(*lines)).json()
    assert not counted["passed"] and not counted["roster_is_newer"]
    agent.post(address, json={"kind": "same_owner", "rows": kinds["same_owner"], "reason": "同一人"})
    assert agent.get(f"/api/decisions/{decision}").json()["roster_is_newer"]
    again = agent.post(f"/api/decisions/{decision}/count")
    assert again.status_code == 200 and again.json()["passed"] and not again.json()["roster_is_newer"]


def test_a_stranger_finds_no_estate_and_no_decision(door: Door) -> None:
    decision, estate = voted(door, *((unit, "", "同意") for unit, *_ in LINES)), estate_of(door)
    stranger, browser = door.as_("stranger"), door.signed_in("stranger")
    assert stranger.get("/api/estates?total=1").json() == {"items": [], "next": None, "total": 0}
    for address in (f"/api/estates/{estate}", f"/api/estates/{estate}/units", f"/api/decisions/{decision}"):
        assert stranger.get(address).status_code == 404
    for address in (f"/estates/{estate}", f"/decisions/{decision}"):
        assert browser.get(address).status_code == 404
    assert upload(stranger, f"/api/estates/{estate}/roster", ROSTER).status_code == 404
    assert upload(stranger, f"/api/decisions/{decision}/ballots", BALLOTS).status_code == 404


@pytest.mark.parametrize("account", ["owner", "supervisor", "auditor", "head"])
def test_who_only_reads_may_not_write(door: Door, account: str) -> None:
    decision, estate = voted(door, *((unit, "", "同意") for unit, *_ in LINES)), estate_of(door)
    reader, browser = door.as_(account), door.signed_in(account)
    for answer in (
        upload(reader, f"/api/estates/{estate}/roster", ROSTER),
        upload(reader, f"/api/decisions/{decision}/ballots", BALLOTS),
        reader.post(f"/api/estates/{estate}/decisions", json={"title": "大修"}),
        reader.post(f"/api/decisions/{decision}/count"),
        browser.post(f"/decisions/{decision}/ballots", files={"ballots": ("a.xlsx", BALLOTS)}),
    ):
        assert answer.status_code == 403 and "没有这一权限" in answer.text
    assert "导入" not in browser.get(f"/decisions/{decision}").text.split("<main")[1].split("本次表决")[0]


def test_estates_are_found_by_name_and_company(door: Door) -> None:
    agent = door.as_("agent")
    (one,) = agent.get("/api/estates?q=莲花&total=1").json()["items"]
    assert (one["name"], one["place"], one["may_keep_roster"]) == ("莲花北村", "福田区莲花街道莲花北社区", True)
    assert agent.get("/api/estates?q=莲心物业").json()["items"] == [one]
    assert agent.get("/api/estates?q=%25").json()["items"] == []
    assert agent.get("/api/estates?q=%00").status_code == 422
    assert agent.get(f"/api/estates/{2**63}").status_code == 404


def test_a_roster_sent_twice_with_one_key_is_read_once(door: Door) -> None:
    agent, estate = door.as_("agent"), estate_of(door)
    address, key = f"/api/estates/{estate}/roster", {"Idempotency-Key": "8f1"}
    papers = roster(*LINES)
    one = upload(agent, address, papers, headers=key)
    two = upload(agent, address, papers, headers=key)
    assert (one.status_code, two.status_code) == (201, 201) and one.json() == two.json()
    other = upload(agent, address, roster(*LINES[:3]), headers=key)
    assert other.status_code == 422 and agent.get(f"/api/estates/{estate}").json()["roster"]["units"] == 6


# --- the vote of a case ---


def at_the_vote(door: Door) -> str:
    def happen(session: Session, cast: Cast) -> str:
        case = cast.opens("2026-09-11 08:30")
        cast.fires(case, "agent", "plan", "2026-09-11 08:40", warranty_expired=True)
        cast.fires(case, "agent", "publish", "2026-09-11 09:00")
        while climb(session, at("2026-09-19 00:00")):
            pass
        return case.number

    return str(door.writes(happen))


def opens_the_window(session: Session, cast: Cast) -> None:
    while climb(session, at("2026-10-05 00:00")):
        pass


def test_a_case_takes_the_ballots_of_its_own_vote_within_its_window(door: Door) -> None:
    number = at_the_vote(door)
    agent, browser, address = door.as_("agent"), door.signed_in("agent"), f"/api/cases/{number}/ballots"
    upload(agent, f"/api/estates/{estate_of(door)}/roster", roster(*LINES))
    door.goes_to("2026-09-25 09:00")
    papers = ballots(*((unit, "", "同意", "2026-10-06 10:00") for unit, *_ in LINES))
    early = upload(agent, address, papers)
    assert early.status_code == 409 and "表决自 2026-10-05 起" in early.json()["detail"]
    assert "开始之后在这里导入表决票" in browser.get(f"/cases/{number}").text
    door.writes(opens_the_window)
    door.goes_to("2026-10-08 09:00")
    assert 'id="vote-submit"' in browser.get(f"/cases/{number}").text
    counted = upload(agent, address, papers)
    assert counted.status_code == 201 and counted.json()["case"] == number
    assert (counted.json()["window_from"], counted.json()["window_to"]) == ("2026-10-05", "2026-10-14")
    shown = browser.get(f"/cases/{number}")
    assert shown.text.count("100.00%") == 4 and "计票结果：通过。" in shown.text
    again = browser.post(f"/cases/{number}/ballots", files={"ballots": ("表决票.xlsx", papers)})
    assert (again.status_code, again.headers["location"]) == (303, f"/decisions/{counted.json()['id']}?done=ballots")
    assert upload(door.as_("owner"), address, papers).status_code == 403
    assert upload(door.as_("stranger"), address, papers).status_code == 404
    events = agent.get(f"/api/cases/{number}/events").json()
    assert "表决票" in json.dumps(events, ensure_ascii=False)


# --- materials ---

JPG = b"\xff\xd8\xff\xe0" + b"roof" * 200


def test_materials_come_in_by_their_content_and_go_out_as_downloads(door: Door) -> None:
    number = str(door.writes(lambda session, cast: cast.opens("2026-10-12 08:30").number))
    agent, address = door.as_("agent"), f"/api/cases/{number}/attachments"
    held = upload(agent, address, JPG, "屋面\u202e.jpg", data={"need": "现场照片"})
    assert held.status_code == 201
    assert (held.json()["filename"], held.json()["media_type"], held.json()["need"]) == (
        "屋面.jpg",
        "image/jpeg",
        "现场照片",
    )
    assert upload(agent, address, JPG, "又一次.jpg", data={"need": "现场照片"}).json()["id"] == held.json()["id"]
    given = door.as_("auditor").get(held.json()["href"])
    assert given.content == JPG
    assert given.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%B1%8B%E9%9D%A2.jpg"
    assert (
        given.headers["x-content-type-options"] == "nosniff" and "sandbox" in given.headers["content-security-policy"]
    )
    assert [one["by"] for one in agent.get(address).json()["items"]] == ["李娜"]
    assert door.as_("stranger").get(held.json()["href"]).status_code == 404
    assert door.as_("stranger").get(address).status_code == 404
    other = str(door.writes(lambda session, cast: cast.opens("2026-10-12 08:40").number))
    assert agent.get(f"/api/cases/{other}/attachments/{held.json()['id']}").status_code == 404, (
        "not by way of another case"
    )
    dossier = agent.get(f"/api/cases/{number}").json()
    assert "屋面.jpg" in json.dumps(dossier, ensure_ascii=False) and held.json()["sha256"] in json.dumps(
        agent.get(f"/api/cases/{number}/events").json()
    )
    assert upload(door.as_("reviewer"), address, JPG).status_code == 403


def test_a_material_handed_in_on_the_case_page(door: Door) -> None:
    number = str(door.writes(lambda session, cast: cast.opens("2026-10-12 08:30").number))
    agent = door.signed_in("agent")
    assert 'id="hand-in"' in agent.get(f"/cases/{number}").text
    held = agent.post(f"/cases/{number}/attachments", files={"file": ("a.jpg", JPG)}, data={"need": "现场照片"})
    assert held.status_code == 303
    shown = agent.get(held.headers["location"]).text
    assert "a.jpg" in shown and "提交材料" in shown
    refused = agent.post(
        f"/cases/{number}/attachments", files={"file": ("a.jpg", b"<html>")}, data={"need": "现场照片"}
    )
    assert refused.status_code == 422 and "按文件内容识别" in refused.text and f"/cases/{number}" in refused.text
    nothing = agent.post(f"/cases/{number}/attachments", data={"need": "现场照片"})
    assert nothing.status_code == 422 and "请选择文件" in nothing.text
    clerk = door.signed_in("clerk")
    assert "窗口代申请人提交" in clerk.get(f"/cases/{number}").text
    company = int(door.writes(lambda session, cast: cast.company.id))
    counter = clerk.post(
        f"/cases/{number}/attachments", files={"file": ("b.jpg", JPG)}, data={"on_behalf_of": f"body:{company}"}
    )
    assert counter.status_code == 303
    assert 'id="hand-in"' not in door.signed_in("owner").get(f"/cases/{number}").text


# --- pages ---


def test_a_roster_a_vote_and_a_ruling_on_the_pages(door: Door) -> None:
    agent, estate = door.signed_in("agent"), estate_of(door)
    assert (
        "莲花北村" in agent.get("/estates?q=莲花").text
        and "没有名称含“月球”的小区" in agent.get("/estates?q=月球").text
    )
    assert "导入业主名册之后，才能对表决票计票" in agent.get(f"/estates/{estate}").text
    read = agent.post(f"/estates/{estate}/roster", files={"roster": ("名册.xlsx", roster(*LINES, LINES[0]))})
    assert (read.status_code, read.headers["location"]) == (303, f"/estates/{estate}?done=roster#roster")
    shown = agent.get(read.headers["location"]).text
    assert "名册已导入" in shown and "<b>1</b> 处重复已合并" in shown and "3、9" in shown
    lines = [*((unit, "", "同意") for unit, *_ in LINES[:4]), ("1栋0105", "", "同意"), ("1栋0105", "", "不同意")]
    form = {"title": "大修3栋电梯", "window_from": "2026-09-10", "window_to": "2026-09-09"}
    wrong = agent.post(f"/estates/{estate}/decisions", data=form)
    assert wrong.status_code == 422 and "早于首日" in wrong.text and 'value="大修3栋电梯"' in wrong.text
    made = agent.post(
        f"/estates/{estate}/decisions",
        data={"title": "大修3栋电梯"},
        files={"ballots": ("表决票.xlsx", ballots(*lines))},
    )
    assert made.status_code == 303 and made.headers["location"].endswith("?done=ballots")
    shown = agent.get(made.headers["location"]).text
    assert "待认定 1 处" in shown and "第7行" in shown and "下面是暂时的结果" in shown
    address = made.headers["location"].partition("?")[0]
    ruling = {"of": "1栋0105", "unit": "1栋0105", "choice": "7", "reason": ""}
    refused = agent.post(f"{address}/rulings", data=ruling)
    assert refused.status_code == 422 and "认定须写明理由" in refused.text
    assert (
        "请选择以哪一张票为准" in agent.post(f"{address}/rulings", data=ruling | {"choice": "x", "reason": "有"}).text
    )
    ruled = agent.post(f"{address}/rulings", data=ruling | {"reason": "业主到场确认"})
    assert ruled.status_code == 303
    shown = agent.get(ruled.headers["location"]).text
    assert "四项都达到一般事项的要求" in shown and "业主到场确认" in shown and "改变认定" in shown


def test_a_decision_and_its_ballots_come_together_or_not_at_all(door: Door) -> None:
    agent, estate = door.signed_in("agent"), estate_of(door)
    agent.post(f"/estates/{estate}/roster", files={"roster": ("名册.xlsx", roster(*LINES))})
    refused = agent.post(
        f"/estates/{estate}/decisions", data={"title": "大修"}, files={"ballots": ("a.xlsx", b"PK nonsense")}
    )
    assert refused.status_code == 422 and "不完整或已损坏" in refused.text
    assert door.as_("agent").get(f"/api/estates/{estate}/decisions").json()["items"] == []


def test_a_count_that_a_case_rests_on_is_shown_and_not_offered_for_change(door: Door) -> None:
    decision = voted(door, *((unit, "", "同意") for unit, *_ in LINES))

    def rest(session: Session, cast: Cast) -> str:
        case = cast.opens("2026-10-12 09:00")
        cast.fires(case, "agent", "enter_decided", "2026-10-12 09:10", decision=decision, **DECIDED)
        return case.number

    number = str(door.writes(rest))
    agent = door.signed_in("agent")
    shown = agent.get(f"/decisions/{decision}").text
    assert number in shown and "计票结果不能再改" in shown and 'id="ballots-form"' not in shown
    refused = agent.post(
        f"/decisions/{decision}/ballots", files={"ballots": ("a.xlsx", ballots(("1栋0101", "", "不同意")))}
    )
    assert refused.status_code == 409 and number in refused.text
    answer = upload(door.as_("agent"), f"/api/decisions/{decision}/ballots", ballots(("1栋0101", "", "不同意")))
    assert (answer.status_code, answer.json()["field"]) == (409, "ballots")
    assert door.as_("agent").get(f"/api/decisions/{decision}").json()["frozen_by"] == number


def test_without_the_token_of_our_own_page_nothing_is_taken(door: Door) -> None:
    agent, estate = door.signed_in("agent"), estate_of(door)
    token = agent.headers.pop("X-CSRF-Token")
    papers = {"roster": ("名册.xlsx", roster(*LINES))}
    assert agent.post(f"/estates/{estate}/roster", files=papers).status_code == 403
    assert agent.post(f"/estates/{estate}/roster", files=papers, data={"csrf": token}).status_code == 303
