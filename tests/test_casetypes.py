"""What holds for every case type, whoever writes it."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from models.casetypes import CaseType, casetypes
from models.casetypes.base import Stage
from models.casetypes.describe import as_markdown, describe, papers_of
from models.ladder import ladder
from models.people import Desk
from models.rules import shipped_ladders, shipped_rules
from pdf.letter import draw, papers, sample, write

TYPES = list(casetypes().values())
EVENTS = [(kind, name) for kind in TYPES for name in kind.event_names()]
STAGES = [(kind, stage) for kind in TYPES for stage in kind.stages()]
PAPERS = sorted(papers())


def say(value: Any) -> str:
    if isinstance(value, type) and issubclass(value, CaseType):
        return value.type_id
    return value.id if isinstance(value, Stage) else str(value)


def test_the_folder_is_the_registry() -> None:
    assert list(casetypes()) == sorted(casetypes()) and "base" not in casetypes()
    assert all(
        kind.type_id == type_id and kind.title and len(kind.prefix) == 2 for type_id, kind in casetypes().items()
    )
    assert len({kind.prefix for kind in TYPES}) == len(TYPES)


@pytest.mark.parametrize(("kind", "name"), EVENTS, ids=say)
def test_every_event_has_somebody_who_may_fire_it_wherever_it_may_happen(kind: type[CaseType], name: str) -> None:
    for stage in kind.stages():
        if name in kind.events_from(stage):
            assert kind.who(name, stage), f"nobody may {name} at {stage.id}"


@pytest.mark.parametrize("kind", TYPES, ids=say)
def test_nobody_is_given_an_event_that_does_not_exist(kind: type[CaseType]) -> None:
    known = set(kind.event_names())
    assert {name for names in kind.may.values() for name in names} <= known
    assert set(kind.facts) <= known and set(kind.paper) <= known | {"open"}
    assert set(kind.replies) <= known and set(kind.outcomes) <= known
    assert kind.enterable_afterwards <= known | {"open"}


@pytest.mark.parametrize(("kind", "name"), EVENTS, ids=say)
def test_no_event_takes_the_name_of_something_every_type_has(kind: type[CaseType], name: str) -> None:
    assert not hasattr(CaseType, name), f"the event hides CaseType.{name}"


@pytest.mark.parametrize(("kind", "stage"), STAGES, ids=say)
def test_every_stage_ends_or_has_a_clock_or_waits_on_somebody_named(kind: type[CaseType], stage: Stage) -> None:
    assert stage.final or stage.deadline or stage.periods or stage.waits_on
    assert stage.final or stage.desk, "somebody's desk"
    if stage.desk and stage.desk.is_office:
        assert stage.deadline, "what lies with an office never lies unwatched"


@pytest.mark.parametrize(("kind", "stage"), STAGES, ids=say)
def test_every_stage_can_be_reached_and_left(kind: type[CaseType], stage: Stage) -> None:
    reached, ahead = set(), [kind.initial_stage()]
    while ahead:
        here = ahead.pop()
        if here.id not in reached:
            reached.add(here.id)
            ahead += [transition.target for transition in here.transitions]
    assert stage.id in reached
    assert stage.final or any(transition.target is not stage for transition in stage.transitions)


@pytest.mark.parametrize(("kind", "stage"), STAGES, ids=say)
def test_every_limit_is_a_rule_with_a_source_and_a_ladder(kind: type[CaseType], stage: Stage) -> None:
    rules = {entry["id"]: entry for entry in shipped_rules()}
    for rule_id in [stage.deadline] if stage.deadline else [period.rule for period in stage.periods]:
        assert rules[rule_id]["source"] and rules[rule_id]["confidence"] in ("verified", "secondary", "unverified")
        if stage.deadline:
            assert ladder(rules[rule_id]["ladder"])


@pytest.mark.parametrize("kind", TYPES, ids=say)
def test_every_way_to_end_is_put_in_writing(kind: type[CaseType]) -> None:
    for stage in kind.stages():
        for transition in stage.transitions:
            if transition.target.final:
                name = str(transition.event)
                assert kind.paper_for(name, transition.target.id), f"{name} ends a case without a word"
                assert kind.outcomes.get(name)


@pytest.mark.parametrize(("kind", "name"), EVENTS, ids=say)
def test_every_paper_has_wording_and_an_office_to_sign_it(kind: type[CaseType], name: str) -> None:
    for paper in papers_of(kind, name):
        assert paper.kind in PAPERS
        assert paper.by is None or paper.by != Desk.SYSTEM


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_renders(paper: str) -> None:
    drawn = draw(write(paper, sample(paper)))
    assert drawn.pdf.startswith(b"%PDF") and drawn.pages >= 1


@pytest.mark.parametrize(("kind", "name"), EVENTS, ids=say)
def test_every_fact_is_asked_for_in_chinese(kind: type[CaseType], name: str) -> None:
    for field in kind.facts_of(name).model_fields.values():
        assert field.title and not field.title.isascii()


def test_ladders_tell_somebody_at_each_step() -> None:
    for steps in shipped_ladders().values():
        assert all(step.tells and step.tells_outside for step in steps)
        assert len({step.name for step in steps}) == len(steps)


def test_versions_of_a_rule_do_not_overlap_and_an_unverified_one_is_never_called_otherwise() -> None:
    """The fund rules of 2020 ended on 2025-12-31; what is carried over says so."""
    by_id: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in shipped_rules():
        by_id.setdefault((entry["id"], entry["area_path"]), []).append(entry)
    for versions in by_id.values():
        versions.sort(key=lambda entry: entry["version"])
        for old, new in pairwise(versions):
            assert old["effective_to"] is not None and old["effective_to"] < new["effective_from"]
    review = {entry["version"]: entry for entry in by_id["fund.review", "/"]}
    assert review[1]["effective_to"] == date(2025, 12, 31) and review[2]["confidence"] == "unverified"


def test_the_drawings_in_the_docs_are_those_of_the_code() -> None:
    drawn = Path(__file__).parent.parent / "docs" / "casetypes.md"
    assert drawn.read_text(encoding="utf-8") == as_markdown(), "run `banjie casetypes --markdown > docs/casetypes.md`"


def test_what_machines_are_told_holds_together() -> None:
    """The contract of `banjie casetypes --json`."""
    for kind in describe():
        stages = {stage["name"]: stage for stage in kind["stages"]}
        assert sum(stage["initial"] for stage in stages.values()) == 1
        for event in kind["events"]:
            assert set(event["from"]) <= set(stages) and set(event["to"]) <= set(stages) and event["who"]
            assert event["facts"]["type"] == "object"
    fund = next(kind for kind in describe() if kind["type"] == "fund_request")
    events = {event["name"]: event for event in fund["events"]}
    assert events["window_opens"] == events["window_opens"] | {
        "from": ["decision"],
        "to": ["decision"],
        "who": ["system"],
    }
    assert {stage["name"]: stage["limit"] for stage in fund["stages"]}["works"] == {
        "rule": "fund.works", "value": "fact:finish_by", "kind": "deadline",
    }  # fmt: skip
