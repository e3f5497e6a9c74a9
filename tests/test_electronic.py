"""电子投票, from the slip to the count: one vote of six units of 莲花北村, from 13 to 20 October 2026."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select
from typer.testing import CliRunner

from api.auth import FAILURES
from api.cli import app
from api.embedded import Urls
from models.case import events_of, verify
from models.climb import climb
from models.db import engine as engine_of
from models.db import url_for
from models.decisions import Decision
from models.electronic import TRIES, ElectronicBallot, ElectronicVote, Slip, VoteLink, broken_votes
from models.errors import Conflict, Invalid, NotFound
from models.reading import ELECTRONIC
from models.settings import settings

from .door import Door
from .make import Cast, at
from .papers import ballots, upload
from .test_decisions import at_the_vote, hold, said

FIRST, LAST = date(2026, 10, 13), date(2026, 10, 20)
COUNTED = at("2026-10-21 09:00")


class Scene:
    """The vote, and each unit's slip by its room (`101`)."""

    def __init__(self, session: Session, cast: Cast, **decision: Any) -> None:
        self.session, self.cast = session, cast
        hold(session, cast)
        self.decision = Decision.open(
            session, cast.estate, title="大修3栋电梯", by=cast.agent, at=at("2026-10-12 09:00"),
            **{"window_from": FIRST, "window_to": LAST} | decision,
        )  # fmt: skip
        self.slips: dict[int, Slip] = {}
        self.keep(self.decision.open_electronic(session, by=cast.agent, at=at("2026-10-12 09:30")))

    def keep(self, slips: list[Slip]) -> None:
        self.slips |= {int(slip.unit[-4:]): slip for slip in slips}

    def link(self, room: int) -> VoteLink:
        return VoteLink.of(self.session, self.slips[room].token)

    def votes(self, room: int, opinion: str, when: str | datetime = "2026-10-14 20:00") -> ElectronicBallot:
        slip, moment = self.slips[room], at(when) if isinstance(when, str) else when
        assert self.link(room).admits(self.session, slip.token, slip.code)
        return self.link(room).cast(self.session, opinion, moment)

    def counts(self, when: datetime = COUNTED) -> dict[str, Any]:
        self.decision.recount(self.session, by=self.cast.agent, at=when)
        tally: dict[str, Any] = self.decision.tally
        return tally


@pytest.fixture
def scene(session: Session, cast: Cast) -> Scene:
    return Scene(session, cast)


# --- the window ---


def test_the_first_instant_of_the_first_day_and_the_last_second_of_the_last_count(scene: Scene) -> None:
    with pytest.raises(Conflict, match="自2026年10月13日 00:00起可以投票"):
        scene.votes(101, "agree", "2026-10-12 23:59:59")
    scene.votes(101, "agree", "2026-10-13 00:00")
    scene.votes(102, "agree", "2026-10-20 23:59:59")
    late = scene.votes(103, "agree", "2026-10-21 00:00")
    assert late.is_late(scene.decision) and not scene.decision.tally
    counted = scene.counts()
    assert counted["participating"] == {"area": 200_00, "heads": 2}
    assert said(scene.decision, "refused") == ["1栋0103的电子票第3号2026-10-21 00:00收到，晚于表决截止，留存不计。"]
    assert [finding["kind"] for finding in counted["refused"]] == ["late"]


def test_a_voter_who_changes_their_mind_thrice_has_said_what_they_said_last(scene: Scene) -> None:
    for day, opinion in ((14, "agree"), (15, "disagree"), (16, "abstain"), (17, "agree")):
        scene.votes(101, opinion, f"2026-10-{day} 08:00")
    scene.votes(101, "disagree", "2026-10-21 08:00")
    counted = scene.counts()
    assert counted["agreeing"] == {"area": 100_00, "heads": 1}
    assert (counted["disagreeing"]["heads"], counted["merged"], counted["undecided"]) == (0, [], [])
    assert [finding["kind"] for finding in counted["refused"]] == ["late"]


def test_nothing_is_counted_before_the_close_and_no_paper_taken(scene: Scene) -> None:
    scene.votes(101, "agree")
    agent, evening = scene.cast.agent, at("2026-10-20 23:59:59")
    for early in (
        lambda: scene.counts(evening),
        lambda: scene.decision.take(scene.session, ballots(("1栋0102", "", "同意")), filename="", by=agent, at=evening),
    ):
        with (
            pytest.raises(Conflict, match="到 2026-10-20 24时截止，截止前可以改票") as refusal,
            scene.session.begin_nested(),
        ):
            early()
        assert refusal.value.field == "ballots"
    scene.session.refresh(scene.decision)
    assert scene.decision.tally is None and scene.decision.sha256 is None


def test_a_ballot_that_waited_while_the_others_were_counted_came_after_the_count(scene: Scene) -> None:
    scene.votes(101, "agree")
    scene.counts(at("2026-10-21 00:00:01"))
    # sent in the last second, and it stood behind the count
    ballot = scene.votes(102, "agree", "2026-10-20 23:59:59")
    assert ballot.received_at == at("2026-10-21 00:00:01") and ballot.is_late(scene.decision)


@pytest.mark.parametrize(
    ("window", "when", "sentence"),
    [
        ({"window_from": None, "window_to": None}, "2026-10-12 09:30", "没有定下表决首日和末日"),
        ({}, "2026-10-21 00:00", "已于 2026-10-20 24时届满"),
    ],
)
def test_a_vote_without_days_or_over_already_is_not_opened(
    session: Session, cast: Cast, window: dict[str, Any], when: str, sentence: str
) -> None:
    hold(session, cast)
    days = {"window_from": FIRST, "window_to": LAST} | window
    decision = Decision.open(session, cast.estate, title="大修", by=cast.agent, at=at("2026-10-12 09:00"), **days)
    with pytest.raises(Conflict, match=sentence):
        decision.open_electronic(session, by=cast.agent, at=at(when))


def test_it_is_opened_once_with_a_roster_and_before_anything_was_counted(session: Session, cast: Cast) -> None:
    noon = at("2026-10-12 12:00")

    def decision() -> Decision:
        return Decision.open(
            session, cast.estate, title="大修", by=cast.agent, at=noon, window_from=FIRST, window_to=LAST
        )

    with pytest.raises(Conflict, match="先导入名册再开通电子投票"):
        decision().open_electronic(session, by=cast.agent, at=noon)
    hold(session, cast)
    with pytest.raises(Conflict, match="还没有开通"):
        decision().reissue(session, "1栋0101", by=cast.agent, at=noon)
    one = decision()
    one.take(session, ballots(("1栋0101", "", "同意", "2026-10-13 10:00")), filename="", by=cast.agent, at=noon)
    with pytest.raises(Conflict, match="已经计过票"):
        one.open_electronic(session, by=cast.agent, at=noon)
    other = decision()
    assert [slip.number for slip in other.open_electronic(session, by=cast.agent, at=noon)] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(Conflict, match="已经开通"):
        other.open_electronic(session, by=cast.agent, at=noon)


# --- with paper ---


def test_paper_and_electronic_ballots_are_counted_together_and_a_contradiction_is_ruled(scene: Scene) -> None:
    for room in (101, 102, 103):
        scene.votes(room, "agree")
    scene.votes(104, "disagree")
    papers = ballots(
        ("1栋0103", "唐欣子", "同意", "2026-10-15 10:00"),
        ("1栋0104", "薛俊琪", "同意", "2026-10-15 10:00"),
        ("1栋0105", "尹梓晨", "同意", "2026-10-15 10:00"),
    )
    scene.decision.take(scene.session, papers, filename="表决票.xlsx", by=scene.cast.agent, at=COUNTED)
    assert said(scene.decision, "merged") == ["1栋0103的表决票（第3行、电子票第3号）意见相同，只计一次。"]
    (doubt,) = scene.decision.doubts
    assert doubt.sentences == ["1栋0104的表决票（第4行、电子票第4号）意见互相矛盾，都不计；请认定以哪一张为准。"]
    assert doubt.rows == [4, ELECTRONIC + 4]
    scene.decision.rule(
        scene.session, "1栋0104", ELECTRONIC + 4, "业主到场确认以手机投的为准", by=scene.cast.clerk, at=COUNTED
    )
    assert scene.decision.passed and scene.decision.tally["disagreeing"]["heads"] == 1
    assert said(scene.decision, "refused") == ["1栋0104第4行的票不计，已认定：业主到场确认以手机投的为准"]
    # and it stays ruled when counted again
    assert scene.counts(COUNTED + timedelta(hours=1))["disagreeing"]["heads"] == 1


def test_an_owner_who_sold_the_flat_meanwhile_waits_for_a_person(scene: Scene) -> None:
    for room in range(101, 106):
        scene.votes(room, "agree")
    lines = [
        (f"1栋{n:04}", o, "", 100) for n, o in enumerate(("苏伟", "袁玉佳", "唐欣子", "薛俊琪", "高天", "顾娟"), 101)
    ]
    hold(scene.session, scene.cast, *lines, ("1栋0107", "新业主", "", 100), when="2026-10-18 09:00")
    scene.keep(scene.decision.reissue(scene.session, "1栋0107", by=scene.cast.agent, at=at("2026-10-18 10:00")))
    assert scene.slips[107].number == 7, "a unit that the roster has got since"
    scene.votes(107, "agree", "2026-10-19 10:00")
    scene.counts()
    assert [(doubt.unit, doubt.rows) for doubt in scene.decision.doubts] == [("1栋0105", [ELECTRONIC + 5])]
    scene.decision.rule(scene.session, "1栋0105", None, "已过户", by=scene.cast.agent, at=COUNTED)
    assert scene.decision.tally["participating"] == {"area": 500_00, "heads": 5}


# --- links ---


def test_the_database_knows_neither_link_nor_code(scene: Scene) -> None:
    scene.votes(101, "agree")
    slip = scene.slips[101]
    assert len(slip.token) == 22 and re.fullmatch(r"[1-9]\d{5}", slip.code)
    for table in ("vote_link", "electronic_vote", "electronic_ballot", "case_event"):
        rows = scene.session.execute(text(f"select to_jsonb(t)::text from {table} t")).scalars().all()
        assert not any(slip.token in row or f'"{slip.code}"' in row for row in rows)


def test_a_link_issued_anew_kills_the_former_and_keeps_number_and_ballot(scene: Scene) -> None:
    scene.votes(101, "agree")
    former = scene.slips[101]
    scene.keep(scene.decision.reissue(scene.session, "1栋0101", by=scene.cast.clerk, at=at("2026-10-15 09:00")))
    with pytest.raises(NotFound, match="无效或已经作废"):
        VoteLink.of(scene.session, former.token)
    assert scene.slips[101].number == former.number == 1 and scene.slips[101].code != former.token
    assert scene.link(101).last_cast(scene.session)
    with pytest.raises(Invalid) as refusal:
        scene.decision.reissue(scene.session, "9栋0101", by=scene.cast.clerk, at=at("2026-10-15 09:00"))
    assert refusal.value.field == "unit"
    scene.votes(101, "disagree", "2026-10-16 09:00")
    assert scene.counts()["disagreeing"]["heads"] == 1 and scene.decision.undecided == []
    with pytest.raises(Conflict, match="不再补发"):
        scene.decision.reissue(scene.session, None, by=scene.cast.clerk, at=COUNTED)


def test_all_links_can_be_issued_anew(scene: Scene) -> None:
    former = dict(scene.slips)
    scene.keep(scene.decision.reissue(scene.session, None, by=scene.cast.agent, at=at("2026-10-12 10:00")))
    assert len(scene.slips) == 6
    for room, slip in former.items():
        assert scene.slips[room].number == slip.number
        with pytest.raises(NotFound):
            VoteLink.of(scene.session, slip.token)


@pytest.mark.parametrize(
    "tampering",
    [
        "update electronic_ballot set opinion = 'disagree'",
        "delete from electronic_ballot",
        "truncate electronic_ballot",
        "update electronic_vote set last_seq = 0, last_hash = ''",
        "update electronic_vote set asked_by = 'x'",
        "delete from electronic_vote",
        "update vote_link set wrong = -1",
        "update vote_link set token_hash = 'mine' where number = 1",
        "update vote_link set unit = '1栋0102', revoked_at = now() where number = 1",
        "delete from vote_link",
    ],
)
def test_the_running_system_cannot_rewrite_a_vote(scene: Scene, tampering: str) -> None:
    scene.votes(101, "agree")
    with pytest.raises(DBAPIError), scene.session.begin_nested():
        scene.session.execute(text(tampering))


def test_a_link_casts_so_many_ballots_and_no_more(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.electronic.CHANGES", 3)
    for _ in range(3):
        scene.votes(101, "agree")
    with pytest.raises(Conflict, match="已经提交过 3 次"):
        scene.votes(101, "agree")
    scene.votes(102, "agree")


# --- receipts and the chain ---


def test_equal_ballots_have_unlike_receipts_and_each_is_found_again(scene: Scene) -> None:
    receipts = {scene.votes(room, "agree").hash for room in (101, 102)} | {scene.votes(101, "agree").hash}
    assert len(receipts) == 3
    for receipt in receipts:
        found = ElectronicBallot.of_receipt(scene.session, f" {receipt.upper()} ")
        assert found.hash == receipt and found.is_whole
    with pytest.raises(NotFound, match="没有这个回执"):
        ElectronicBallot.of_receipt(scene.session, "0" * 64)


def test_the_command_line_names_a_ballot_that_was_changed(
    own_database: Urls, tampered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANJIE_DATABASE_URL", own_database.app)
    settings.cache_clear()
    _, _, session = tampered("update electronic_ballot set opinion = 'abstain' where seq = 1")
    session.close()
    answer = CliRunner().invoke(app, ["verify"])
    told = json.loads(CliRunner().invoke(app, ["verify", "--json"]).stdout)
    engine_of(own_database.app).dispose()
    monkeypatch.undo()
    settings.cache_clear()
    assert answer.exit_code == 1 and "电子投票：1栋0101的电子票第1号（第1张）被改动" in answer.stdout
    assert len(told["votes"]) == 1 and told["broken"] == []


@pytest.fixture
def tampered(own_database: Urls) -> Iterator[Any]:
    """Run a statement past the triggers, as the database's owner can; then say what verification finds, and the scene."""
    engine, owner = create_engine(url_for(own_database.app)), create_engine(url_for(own_database.owner))

    def tamper(statement: str) -> tuple[list[tuple[str, str]], Scene, Session]:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            scene = Scene(session, Cast(session))
            for room in (101, 102, 103):
                scene.votes(room, "agree")
        with owner.begin() as connection:
            for table in ("electronic_ballot", "electronic_vote"):
                connection.execute(text(f"alter table {table} disable trigger user"))
            connection.execute(text(statement))
        later = Session(engine, expire_on_commit=False)
        scene.session = later
        scene.decision = later.get_one(Decision, scene.decision.id)
        scene.cast = Cast(later)
        return broken_votes(later), scene, later

    yield tamper
    engine.dispose()
    owner.dispose()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("update electronic_ballot set opinion = 'disagree' where seq = 2", "1栋0102的电子票第2号（第2张）被改动"),
        (
            "update electronic_ballot set received_at = received_at - interval '1 s' where seq = 1",
            "1栋0101的电子票第1号",
        ),
        ("update electronic_ballot set unit = '1栋0106' where seq = 3", "1栋0106的电子票第3号（第3张）被改动"),
        ("delete from electronic_ballot where seq = 2", "第2张电子票缺失"),
        ("delete from electronic_ballot where seq = 3", "第3张电子票缺失"),
        ("update electronic_vote set last_seq = 2", "第3张电子票不是收到的最后一张"),
    ],
)
def test_a_ballot_changed_past_the_guards_is_named_and_nothing_is_counted(
    tampered: Any, statement: str, sentence: str
) -> None:
    found, scene, session = tampered(statement)
    with session:
        ((title, wrong),) = found
        assert title == f"大修3栋电梯（业主共同决定第{scene.decision.id}号）" and sentence in wrong
        with pytest.raises(Conflict, match="不能计票，请系统管理员核查"):
            scene.counts()


def test_two_voters_at_the_same_instant_are_both_recorded(own_database: Urls) -> None:
    engine, moment = create_engine(url_for(own_database.app)), at("2026-10-14 20:00")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        slips = Scene(session, Cast(session)).slips

    def votes(slip: Slip) -> str:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            link = VoteLink.of(session, slip.token)
            assert link.admits(session, slip.token, slip.code)
            return link.cast(session, "agree", moment).hash

    # and the first of them from two telephones at once
    with ThreadPoolExecutor(7) as pool:
        receipts = list(pool.map(votes, [*slips.values(), slips[101]]))
    with Session(engine) as session:
        vote = session.scalars(select(ElectronicVote)).one()
        assert len(set(receipts)) == 7 and vote.last_seq == 7
        assert [ballot.seq for ballot in vote.ballots(session)] == [1, 2, 3, 4, 5, 6, 7]
        assert broken_votes(session) == []
    engine.dispose()


# --- an election ---


def test_of_an_election_nobody_is_shown_who_voted_how(door: Door) -> None:
    door.goes_to("2026-10-12 09:00")

    def opens(session: Session, cast: Cast) -> tuple[int | None, dict[int, Slip]]:
        scene = Scene(session, cast, kind="election")
        return scene.decision.id, scene.slips

    number, slips = door.writes(opens)
    door.goes_to("2026-10-14 20:00")
    voter = door.browser()
    answers = [
        casts(voter, slips[room], opinion) for room, opinion in ((101, "agree"), (101, "disagree"), (102, "abstain"))
    ]
    receipts = [voter.get(answer.headers["location"]).text for answer in answers]
    door.goes_to("2026-10-21 09:00")
    agent, page = door.as_("agent"), door.signed_in("agent")
    papers = ballots(("1栋0101", "苏伟", "同意", "2026-10-15 10:00"))
    counted = upload(agent, f"/api/decisions/{number}/ballots", papers)
    assert counted.status_code == 201 and [d["rows"] for d in counted.json()["doubts"]] == [[3, ELECTRONIC + 1]]
    listed = agent.get(f"/api/decisions/{number}/ballots").json()["items"]
    assert [(one["row"], one["set_aside"], one["opinion"]) for one in listed] == [
        (3, None, None), (ELECTRONIC + 1, None, None), (ELECTRONIC + 2, None, None), (ELECTRONIC + 1, "superseded", None),
    ]  # fmt: skip
    seen = [*receipts, counted.text, agent.get(f"/api/decisions/{number}").text, json.dumps(listed)]
    assert not any(re.search(r'"(agree|disagree|abstain)"', one) for one in seen)
    assert not any(re.search("同意|弃权", one) for one in receipts)
    shown = page.get(f"/decisions/{number}").text
    assert "电子票第1号" in shown and not re.search(r"：<b>(同意|不同意|弃权)", shown)
    assert "同意" not in voter.get(f"/v/{slips[101].token}").text.partition("<form")[0]


# --- the doors ---


def casts(voter: Any, slip: Slip | dict[str, Any], opinion: str, code: str | None = None, **more: Any) -> Any:
    token, right = (
        (slip.token, slip.code) if isinstance(slip, Slip) else (slip["link"].rpartition("/")[2], slip["code"])
    )
    return voter.post(f"/v/{token}", data={"opinion": opinion, "code": right if code is None else code}, **more)


def opened(door: Door) -> tuple[int, dict[str, dict[str, Any]]]:
    """A vote opened through JSON: its id, and each unit's slip."""
    agent = door.as_("agent")
    door.writes(lambda session, cast: hold(session, cast))
    estate = door.writes(lambda session, cast: cast.estate.id)
    asked = {"title": "大修3栋电梯", "window_from": "2026-10-13", "window_to": "2026-10-20"}
    number = agent.post(f"/api/estates/{estate}/decisions", json=asked).json()["id"]
    answer = agent.post(f"/api/decisions/{number}/links")
    assert answer.status_code == 201, answer.text
    return number, {slip["unit"]: slip for slip in answer.json()["items"]}


def test_a_vote_lived_through_at_the_doors(door: Door) -> None:
    number, slips = opened(door)
    agent, page, voter = door.as_("agent"), door.signed_in("agent"), door.browser()
    assert slips["1栋0101"]["link"].startswith("http://testserver/v/") and slips["1栋0101"]["owner"] == "苏*"
    again = agent.post(f"/api/decisions/{number}/links")
    assert again.status_code == 409 and "已经开通" in again.json()["detail"]
    path = slips["1栋0101"]["link"].removeprefix("http://testserver")
    early = voter.get(path)
    assert early.status_code == 200 and "表决还没有开始" in early.text and "<form" not in early.text
    refused = casts(voter, slips["1栋0101"], "agree")
    assert refused.status_code == 409 and "<b>2026年10月13日</b>起" in refused.text

    door.goes_to("2026-10-14 20:00")
    asked = voter.get(path)
    assert "莲心物业服务有限公司请莲花北村业主表决" in asked.text and "1栋0101（苏*）" in asked.text
    assert asked.text.count('name="opinion"') == 3 and "<script" not in asked.text
    assert (asked.headers["cache-control"], asked.headers["referrer-policy"]) == ("no-store", "strict-origin")
    assert "noindex" in asked.headers["x-robots-tag"] and 'content="noindex' in asked.text
    foreign = casts(voter, slips["1栋0101"], "agree", headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403 and "投票单上的链接" in foreign.text
    nothing = casts(voter, slips["1栋0101"], "")
    assert nothing.status_code == 422 and "请选择同意" in nothing.text
    done = casts(voter, slips["1栋0101"], "agree")
    assert done.status_code == 303 and re.fullmatch(r"/v/receipt/[0-9a-f]{64}", done.headers["location"])
    receipt = voter.get(done.headers["location"])
    assert "表决票已收到" in receipt.text and "可在截止前修改" in receipt.text and "1栋0101" in receipt.text
    written = done.headers["location"].rpartition("/")[2]
    assert written in receipt.text and "同意" not in receipt.text
    assert 'name="receipt"' in voter.get("/v/receipt").text
    found = voter.get("/v/receipt", params={"receipt": f" {written[:30]} {written[30:]} "})
    assert (found.status_code, found.headers["location"]) == (303, done.headers["location"])
    assert (
        voter.get("/v/receipt", params={"receipt": "../../signin"}).headers["location"].startswith("/v/receipt/..%2F")
    )
    casts(voter, slips["1栋0102"], "disagree")
    assert "本户已在" in voter.get(path).text and "不同意" not in voter.get(path).text.partition("<form")[0]

    # until the close there is nothing but how many
    shown = page.get(f"/decisions/{number}").text
    assert "截止前可改票" in shown and 'id="count-now"' not in shown and 'id="ballots-form"' not in shown
    turnout = door.as_("owner").get(f"/api/decisions/{number}/turnout").json()
    assert (turnout["units"], turnout["voted_units"], turnout["voted_area_dm2"], turnout["voted_heads"]) == (
        6,
        2,
        20000,
        2,
    )
    assert turnout["share"] == {"area": "33.33%", "heads": "33.33%"}
    told = agent.get(f"/api/decisions/{number}").json()
    assert "agreeing" not in told and told["electronic"] == turnout and told["passed"] is None
    assert agent.get(f"/api/decisions/{number}/ballots").json()["items"] == []
    assert agent.post(f"/api/decisions/{number}/count").status_code == 409

    door.goes_to("2026-10-21 09:00")
    closed = voter.get(path).text
    assert "表决已于2026年10月20日 24时截止" in closed and "仍要提交（不计票）" in closed
    late = casts(voter, slips["1栋0103"], "agree")
    assert "已收到，但已截止，不计票" in voter.get(late.headers["location"]).text
    assert 'id="count-now"' in page.get(f"/decisions/{number}").text
    counted = page.post(f"/decisions/{number}/count")
    assert counted.headers["location"] == f"/decisions/{number}?done=tallied"
    shown = page.get(counted.headers["location"]).text
    assert "已计票" in shown and "电子票第3号" in shown and "晚于表决截止" in shown
    answer = agent.get(f"/api/decisions/{number}").json()
    assert answer["agreeing"] == answer["disagreeing"] == {"area": 100_00, "heads": 1}
    items = agent.get(f"/api/decisions/{number}/ballots").json()["items"]
    assert [(one["unit"], one["opinion"], one["set_aside"]) for one in items] == [
        ("1栋0101", "agree", None), ("1栋0102", "disagree", None), ("1栋0103", "agree", "late"),
    ]  # fmt: skip
    assert voter.get("/v/receipt/" + "0" * 64).status_code == 404


def test_ten_wrong_codes_lock_a_link_until_it_is_issued_anew(door: Door) -> None:
    number, slips = opened(door)
    door.goes_to("2026-10-14 20:00")
    slip, voter, agent = slips["1栋0101"], door.browser(), door.as_("agent")
    wrong = str(int(slip["code"]) % 899_999 + 100_000)
    for tried in range(TRIES):
        if tried == 8:  # as sign-ins are, within five minutes
            slowed = casts(voter, slip, "agree", wrong)
            assert slowed.status_code == 429 and "五分钟" in slowed.text
            FAILURES.storage.reset()
        refused = casts(voter, slip, "agree", wrong)
        assert refused.status_code == 422
        assert ("链接已经锁定" if tried == TRIES - 1 else "验证码不正确") in refused.text
        if tried < TRIES - 1:
            assert 'value="agree" required checked' in refused.text, "what was chosen stays"
    FAILURES.storage.reset()
    assert casts(voter, slip, "agree").status_code == 422, "the right code comes too late"
    assert "<form" not in voter.get(f"/v/{slip['link'].rpartition('/')[2]}").text
    assert agent.get(f"/api/decisions/{number}/turnout").json()["locked"] == ["1栋0101"]
    assert casts(voter, slips["1栋0102"], "agree").status_code == 303, "nobody else is locked out"
    (anew,) = agent.post(f"/api/decisions/{number}/links/1栋0101/renew").json()["items"]
    gone = casts(voter, slip, "agree")
    unknown = casts(voter, slip | {"link": "/v/nonsense"}, "agree")
    assert (
        gone.status_code == unknown.status_code == 404 and gone.text == unknown.text and "无效或已经作废" in gone.text
    )
    assert casts(voter, anew, "agree", " ".join(anew["code"])).status_code == 303
    assert agent.get(f"/api/decisions/{number}/turnout").json()["locked"] == []


def test_the_slips_come_once_as_a_workbook(door: Door) -> None:
    door.writes(lambda session, cast: hold(session, cast))
    estate = door.writes(lambda session, cast: cast.estate.id)
    page = door.signed_in("agent")
    form = {"title": "=大修", "window_from": "2026-10-13", "window_to": "2026-10-20"}
    address = page.post(f"/estates/{estate}/decisions", data=form).headers["location"].partition("?")[0]
    assert 'id="electronic-open"' in page.get(address).text
    taken = page.post(f"{address}/links")
    assert taken.status_code == 200 and "attachment" in taken.headers["content-disposition"]
    rows = CalamineWorkbook.from_filelike(BytesIO(taken.content)).get_sheet_by_index(0).to_python()
    assert rows[1] == ["编号", "房号", "业主", "链接", "验证码"] and len(rows) == 8
    voter = door.browser()
    door.goes_to("2026-10-14 20:00")
    slip = Slip("", "", 1, str(rows[2][3]).rpartition("/")[2], str(rows[2][4]))
    assert casts(voter, slip, "agree").status_code == 303
    again = page.post(f"{address}/links")
    assert again.status_code == 409 and "已经开通" in again.text
    unknown = page.post(f"{address}/links/renew", data={"unit": "9-101"})
    assert unknown.status_code == 422 and "名册中没有“9栋0101”" in unknown.text and 'value="9-101"' in unknown.text
    anew = page.post(f"{address}/links/renew", data={"unit": "1-101"})
    assert len(CalamineWorkbook.from_filelike(BytesIO(anew.content)).get_sheet_by_index(0).to_python()) == 3
    assert casts(voter, slip, "agree").status_code == 404
    every = page.post(f"{address}/links/renew", data={"all": "true"})
    assert len(CalamineWorkbook.from_filelike(BytesIO(every.content)).get_sheet_by_index(0).to_python()) == 8


@pytest.mark.parametrize(("account", "status"), [("owner", 403), ("head", 403), ("stranger", 404)])
def test_links_are_given_to_those_who_keep_the_roster(door: Door, account: str, status: int) -> None:
    number, _ = opened(door)
    client = door.as_(account)
    for path in ("links", "links/renew", "links/1栋0101/renew"):
        assert client.post(f"/api/decisions/{number}/{path}").status_code == status
    assert client.get(f"/api/decisions/{number}/turnout").status_code == (404 if status == 404 else 200)


def test_no_log_holds_what_opens_a_vote(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    _, slips = opened(door)
    token = slips["1栋0101"]["link"].rpartition("/")[2]
    voter = door.browser()
    for path in (f"/v/{token}", f"/v/{token}/", f"/v/{token}/more"):
        voter.get(path)
    written = capsys.readouterr()
    assert token not in written.out + written.err and "/v/…" in written.out + written.err


# --- a case that runs the vote ---


def test_the_vote_of_a_case_is_held_electronically_and_stands_in_its_ledger(session: Session, cast: Cast) -> None:
    hold(session, cast, when="2026-09-10 09:00")
    case = at_the_vote(session, cast)
    while climb(session, at("2026-10-05 00:00")):
        pass
    decision = Decision.of_case(session, case, by=cast.agent, at=at("2026-10-05 09:00"))
    slips = decision.open_electronic(session, by=cast.agent, at=at("2026-10-05 09:00"))
    for slip in slips[:5]:
        VoteLink.of(session, slip.token).cast(session, "agree", at("2026-10-14 23:59"))
    while climb(session, at("2026-10-15 00:00")):
        pass
    with pytest.raises(Conflict, match="电子投票已经截止，还没有计票"):
        cast.fires(case, "agent", "failed", "2026-10-15 09:00")
    decision.recount(session, by=cast.agent, at=at("2026-10-15 09:10"))
    cast.fires(case, "committee", "passed", "2026-10-15 10:00")
    notes = [event.note or "" for event in events_of(session, case) if event.name == "note"]
    vote = ElectronicVote.of(session, decision)
    assert vote and notes == [
        "开通电子投票：6个单元各发一个链接和验证码。",
        f"计票。收到电子票5张次，末张散列值：{vote.last_hash}。计票结果：通过。",
    ]
    assert verify(events_of(session, case)) is None
    assert VoteLink.of(session, slips[5].token).cast(session, "agree", at("2026-10-15 11:00")).is_late(decision)


def test_a_case_opens_it_from_its_card(door: Door) -> None:
    def begins(session: Session, cast: Cast) -> str:
        hold(session, cast, when="2026-09-10 09:00")
        case = at_the_vote(session, cast)
        while climb(session, at("2026-10-05 00:00")):
            pass
        return case.number

    number = door.writes(begins)
    door.goes_to("2026-10-06 09:00")
    page = door.signed_in("agent")
    assert 'id="vote-electronic"' in page.get(f"/cases/{number}").text
    on = page.post(f"/cases/{number}/electronic")
    assert on.status_code == 303 and on.headers["location"].endswith("#electronic")
    address = on.headers["location"].partition("#")[0]
    assert 'id="electronic-open"' in page.get(address).text
    assert page.post(f"{address}/links").status_code == 200
    assert door.signed_in("owner").post(f"/cases/{number}/electronic").status_code == 403
