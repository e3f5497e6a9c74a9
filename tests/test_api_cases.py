"""Cases through JSON: one request walked to its end by program, who is refused, and what happens once only."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import event, select, update
from sqlmodel import Session, col

from models.access import see
from models.desk import MOST
from models.dossier import dossier
from models.signin import IdempotencyKey

from .door import Door
from .make import DECIDED, Cast, at, at_intake, at_review, shift

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


def test_a_request_goes_from_the_agent_to_the_closed_file_by_program(door: Door) -> None:
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
    fires(door, "clerk", number, "accept")
    fires(door, "reviewer", number, "approve", amount="193200.25")
    case = fires(door, "payer", number, "paid", paid_on="2026-10-15")
    assert case["stage"] == "works" and case["details"]["paid"] == 19_320_025

    door.goes_to("2027-03-22 10:00")
    fires(door, "agent", number, "finished")
    fires(door, "committee", number, "passed", settlement="380000.00")
    fires(door, "agent", number, "apply")
    fires(door, "reviewer", number, "approve")
    fires(door, "payer", number, "paid", paid_on="2027-03-22")
    case = fires(door, "agent", number, "published")
    assert (case["stage"], case["desk"], case["outcome"]) == ("closed", None, "办结")
    assert case["details"]["paid"] == case["details"]["settlement"] == 38_000_000
    assert case["moves"] == [] and case["due_at"] is None and case["closed_at"].endswith("+08:00")
    chain = door.as_("auditor").get(f"/api/cases/{number}/chain").json()
    assert chain["whole"] and (chain["seq"], chain["hash"]) == (case["seq"], case["events"][-1]["hash"])


def test_a_deadline_explains_itself_by_program(door: Door) -> None:
    number = intake(door)
    door.goes_to("2026-10-13 10:00")
    fires(door, "clerk", number, "ask", items=["合同缺第3页"])
    door.goes_to("2026-10-15 10:00")
    fires(door, "agent", number, "resubmit", answer="已补")
    clocks = door.as_("agent").get(f"/api/cases/{number}/clocks").json()["items"]
    asked = next(one for one in clocks if one["limits"] == "intake")
    assert asked["due_day"] == "2026-10-21" and asked["due_at"] == "2026-10-22T00:00:00+08:00"
    assert (asked["rule"]["source"], asked["rule"]["confidence"]) == ("本单位自定", "unverified")
    assert [day["date"] for day in asked["days"] if day["counts"]] == [
        "2026-10-13", "2026-10-16", "2026-10-19", "2026-10-20", "2026-10-21",
    ]  # fmt: skip
    assert all(day["why"] for day in asked["days"])
    assert asked["pauses"][0]["reason"] == "补正"
    assert [line["what"] for line in asked["lines"]] == ["started", "paused", "resumed"]


def test_papers_are_listed_and_handed_out(door: Door) -> None:
    number = intake(door)
    fires(door, "clerk", number, "accept")
    door.writes(lambda session, cast: shift(session, "2026-10-12 09:30"))
    (paper,) = door.as_("agent").get(f"/api/cases/{number}/documents").json()["items"]
    assert paper["title"] == "受理通知书" and paper["number"].startswith("福莲街办函〔2026〕")
    answer = door.as_("agent").get(paper["href"])
    assert answer.content.startswith(b"%PDF-") and answer.headers["content-type"] == "application/pdf"
    other = opened(door)
    assert door.as_("agent").get(f"/api/cases/{other}/documents/{paper['id']}.pdf").status_code == 404


def test_a_stranger_learns_nothing_of_a_case(door: Door) -> None:
    number = intake(door)
    stranger = door.as_("stranger")
    missing = stranger.get("/api/cases/WX2026-999999")
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/events", None),
        ("GET", "/clocks", None),
        ("GET", "/chain", None),
        ("GET", "/documents", None),
        ("GET", "/attachments", None),
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


def test_two_clerks_claim_at_once_and_one_has_it(door: Door) -> None:
    number = intake(door)

    def claim(who: str) -> tuple[int, str]:
        answer = door.as_(who).post(f"/api/cases/{number}/assign", json={"to": who})
        return answer.status_code, answer.json().get("detail", "")

    door.as_("clerk"), door.as_("head")
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(claim, ("clerk", "head")))
    assert [status for status, _ in answers] == [200, 409]
    assert "领取；如需接办，请刷新后转办。" in answers[1][1]
    seen = door.as_("head").get(f"/api/cases/{number}").json()["seq"]
    taken_over = door.as_("head").post(f"/api/cases/{number}/assign", json={"to": "head", "seq": seen})
    assert taken_over.json()["assignee"] == "吴芳", "whoever has seen that a colleague has it may take it over"
    elsewhere = door.as_("head").post(f"/api/cases/{number}/assign", json={"to": "reviewer"})
    assert elsewhere.status_code == 422 and "何军" not in elsewhere.text
    back = door.as_("clerk").post(f"/api/cases/{number}/assign", json={"to": None})
    assert back.json()["assignee"] is None


def test_owners_and_auditors_read_the_ledger_and_do_not_write_in_it(door: Door) -> None:
    number = intake(door)
    for who, status in (("owner", 403), ("auditor", 403), ("committee", 201), ("supervisor", 201), ("reviewer", 201)):
        answer = door.as_(who).post(f"/api/cases/{number}/notes", json={"note": "已电话核实"})
        assert answer.status_code == status, who
    assert door.as_("owner").get(f"/api/cases/{number}/events").json()["total"] == 6


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


def test_a_file_sent_twice_with_one_key_is_one_file_and_another_file_is_refused(door: Door) -> None:
    number = intake(door)
    agent, key = door.as_("agent"), {"Idempotency-Key": "photo"}
    first = agent.post(f"/api/cases/{number}/attachments", files={"file": ("合同.pdf", b"%PDF-1.7 one")}, headers=key)
    again = agent.post(f"/api/cases/{number}/attachments", files={"file": ("合同.pdf", b"%PDF-1.7 one")}, headers=key)
    assert first.status_code == 201 and first.json() == again.json(), "though each sending has its own boundary"
    other = agent.post(f"/api/cases/{number}/attachments", files={"file": ("合同.pdf", b"%PDF-1.7 two")}, headers=key)
    assert other.status_code == 422 and other.json()["field"] == "Idempotency-Key"


def test_keys_are_forgotten_after_a_week(door: Door) -> None:
    number = intake(door)
    for key in ("old", "new"):
        note = door.as_("clerk").post(
            f"/api/cases/{number}/notes", json={"note": "x"}, headers={"Idempotency-Key": key}
        )
        assert note.status_code == 201
        door.writes(
            lambda session, cast: session.execute(update(IdempotencyKey).values(made_at=at("2020-01-01 00:00")))
        )
    door.as_("clerk").post(f"/api/cases/{number}/notes", json={"note": "x"}, headers={"Idempotency-Key": "newest"})
    assert door.writes(lambda session, cast: session.scalars(select(col(IdempotencyKey.key))).all()) == ["newest"]


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


def test_nobody_acts_in_the_name_of_anybody_else(door: Door) -> None:
    number = intake(door)
    company = door.case(number).applicant_id
    asked = {"name": "withdraw", "facts": {"reason": "业主改变主意"}}
    for who, behalf, status in (
        ("clerk", "person:1", 422),
        ("clerk", f"body:{company + 1}", 422),
        ("reviewer", f"body:{company}", 403),
        ("agent", f"body:{company}", 403),
    ):
        answer = door.as_(who).post(f"/api/cases/{number}/events", json=asked | {"on_behalf_of": behalf})
        assert answer.status_code == status, (who, answer.text)
    assert door.case(number).stage == "intake"
    answer = door.as_("clerk").post(f"/api/cases/{number}/events", json=asked | {"on_behalf_of": f"body:{company}"})
    assert answer.status_code == 201 and answer.json()["event"]["who"].startswith("周敏（窗口代录，代")


# --- what a case page and a desk cost --------------------------------------------------------------------------------


def test_a_case_is_told_in_twenty_two_queries_however_long_its_story(session: Session, cast: Cast) -> None:
    case = at_review(session, cast)
    for day in range(10, 30):
        case.note("等待", by=cast.clerk, at=at(f"2026-11-{day} 09:00"))
    reviewer = cast.reviewer
    asked: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: asked.append(args[2]))
    told = dossier(session, reviewer, see(session, reviewer, case.number), at("2026-11-30 09:00"))
    assert len(told.events) == 24 and {offer.name for offer in told.moves} == {"approve", "ask", "refuse"}
    assert len(asked) <= 22, asked


def test_a_desk_counts_all_of_what_it_lists_the_first_of(door: Door) -> None:
    def many(session: Session, cast: Cast) -> None:
        for number in range(MOST + 3):
            cast.opens("2026-10-12 09:00", works=f"{number}栋防水")

    door.writes(many)
    desk = door.as_("agent").get("/api/desk").json()
    assert len(desk["mine"]) == MOST and desk["totals"] == {"mine": MOST + 3, "pool": 0, "sent": 0}


def test_what_one_sent_on_is_on_the_desk_until_it_is_closed(door: Door) -> None:
    number = intake(door)
    fires(door, "clerk", number, "accept")
    assert [line["number"] for line in door.as_("clerk").get("/api/desk").json()["sent"]] == [number]
    assert door.as_("supervisor").get("/api/desk").json()["totals"] == {"mine": 0, "pool": 0, "sent": 0}
    fires(door, "reviewer", number, "refuse", reason="不在列支范围")
    assert door.as_("clerk").get("/api/desk").json()["sent"] == []


def test_notices_are_read_once(door: Door) -> None:
    number = intake(door)
    fires(door, "clerk", number, "ask", items=["合同缺页"])
    door.writes(lambda session, cast: shift(session, "2026-10-12 09:30"))
    door.goes_to("2026-10-12 10:00")
    desk = door.as_("agent").get("/api/desk").json()
    assert desk["unread"] == len(desk["notices"]) > 0
    assert door.as_("agent").post("/api/desk/notices/read").json() == {"read": desk["unread"]}
    desk = door.as_("agent").get("/api/desk").json()
    assert desk["unread"] == 0 and all(notice["read_at"] for notice in desk["notices"])
