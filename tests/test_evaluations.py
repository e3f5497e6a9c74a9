"""The scoring ledger through JSON and as a page: who may read it, what it sums up to, and that nothing is graded that is unset."""

import pytest
from sqlmodel import Session

from models.evaluation import Score

from .door import Door
from .make import Cast, at, body


def scenes(session: Session, cast: Cast) -> int:
    """Three lines of the cast's company in 2026, one of them a correction, one of 2025; and one of a company elsewhere."""
    case = cast.opens("2026-09-01 09:00")
    elsewhere = body(session, "company", "西丽物业服务有限公司")

    def line(
        company_id: int | None, year: int, points: int, manager: str = "李建", corrects: int | None = None
    ) -> Score:
        made = Score(
            company_id=company_id, manager=manager, estate_id=cast.estate.id, year=year, item="D01", title="接到险情后未采取应急防范措施",  # type: ignore[arg-type]
            points=points, case_id=case.id, corrects_id=corrects, at=at("2026-09-02 09:00"),  # type: ignore[arg-type]
        )  # fmt: skip
        session.add(made)
        session.flush()
        return made

    first = line(cast.estate.company_id, 2026, -30)
    line(cast.estate.company_id, 2026, -15, "周宁")
    line(cast.estate.company_id, 2026, 25, corrects=first.id)
    line(cast.estate.company_id, 2025, -80)
    line(elsewhere.id, 2026, -10)
    return elsewhere.id or 0


@pytest.fixture(scope="module")
def ledger(shared_door: Door) -> tuple[Door, int]:
    elsewhere = shared_door.writes(scenes)
    shared_door.goes_to("2026-10-12 09:00")
    return shared_door, elsewhere


def test_the_list_holds_every_line_once_and_its_exact_sum(ledger: tuple[Door, int]) -> None:
    door, _ = ledger
    company = door.writes(lambda session, cast: cast.estate.company_id)
    asked = f"/api/evaluations?company={company}&year=2026&total=1"
    whole = door.as_("supervisor").get(asked).json()
    assert (whole["total"], whole["sum"], whole["grade"]) == (3, "-2", None)
    assert [item["points"] for item in whole["items"]] == ["-3", "-1.5", "2.5"]
    assert whole["items"][2]["corrects"] == whole["items"][0]["id"] and whole["items"][0]["case"].startswith("WX2026-")
    page = door.as_("supervisor").get(f"{asked}&limit=2").json()
    rest = door.as_("supervisor").get(f"{asked}&limit=2&after={page['next']}").json()
    assert page["items"] + rest["items"] == whole["items"] and rest["next"] is None


@pytest.mark.parametrize("who", ["agent", "reviewer", "head", "district_head", "supervisor"])
def test_who_oversees_and_the_company_itself_read_it(ledger: tuple[Door, int], who: str) -> None:
    door, elsewhere = ledger
    items = door.as_(who).get("/api/evaluations").json()["items"]
    assert len(items) == 4 and {item["company"]["name"] for item in items} == {"莲心物业服务有限公司"}
    assert door.as_(who).get(f"/api/evaluations?company={elsewhere}&year=2026").json()["sum"] == "0"
    browser = door.signed_in(who)
    assert "服务评价" in browser.get("/").text
    assert browser.get(f"/evaluations?company={elsewhere}").status_code == 404


@pytest.mark.parametrize("who", ["clerk", "committee", "owner", "stranger", "payer", "residents"])
def test_nobody_else_does(ledger: tuple[Door, int], who: str) -> None:
    door, _ = ledger
    assert door.as_(who).get("/api/evaluations").status_code == 403
    browser = door.signed_in(who)
    assert browser.get("/evaluations").status_code == 403 and 'href="/evaluations"' not in browser.get("/").text


def test_the_page_gives_no_grade_that_nobody_has_set(ledger: tuple[Door, int]) -> None:
    door, _ = ledger
    text = door.signed_in("supervisor").get("/evaluations?year=2026").text
    assert "莲心物业服务有限公司" in text and "更正第" in text and "-2 分" in text
    assert "未定：起评分未定" in text and "未核实" in text
    assert "该年度没有计分" in door.signed_in("agent").get("/evaluations?year=2024").text


@pytest.mark.parametrize(
    "wrong", ["company=x", "year=26", "after=-1", "limit=0", "limit=201", "company=99999999999999999999"]
)
def test_what_is_no_question_is_refused(ledger: tuple[Door, int], wrong: str) -> None:
    assert ledger[0].as_("supervisor").get(f"/api/evaluations?{wrong}").status_code == 422
