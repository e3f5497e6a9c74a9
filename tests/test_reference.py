"""What anybody may look up: rules with their sources, a year of the calendar, clocks, orphans, and a limit counted out."""

from datetime import date
from typing import Any

import pytest
from sqlmodel import Session

from models.calendars import shipped
from models.case import events_of
from models.errors import NotFound
from models.notices import Orphan
from models.reference import rule_library, year_of
from models.rules import Rule
from models.worktime import LAST_YEAR

from .door import Door
from .make import Cast, area, at, at_intake, at_review, running

NOON = "2026-10-20 12:00"


def scenes(session: Session, cast: Cast) -> None:
    """One intake overdue and escalated to nobody, one review under way, one clock that could not be fired."""
    late, review, parked = (
        at_intake(session, cast), at_review(session, cast, "2026-10-16 09:00"), at_intake(session, cast, "2026-10-16 09:00"),
    )  # fmt: skip
    event = events_of(session, late)[-1]
    session.add(Orphan(case_id=late.id, event_id=event.id, step="urge", wanted="unit_head", at=at(NOON)))  # type: ignore[arg-type]
    clock = running(session, parked)
    clock.parked_at, clock.parked_why = at(NOON), "找不到规则"
    cast.fires(review, "reviewer", "ask", "2026-10-19 09:00", items=["x"])


@pytest.fixture(scope="module")
def looked_up(shared_door: Door) -> Door:
    shared_door.writes(scenes)
    shared_door.goes_to(NOON)
    return shared_door


# --- rules -----------------------------------------------------------------------------------------------------------


def test_the_library_says_which_version_new_cases_take(session: Session, cast: Cast) -> None:
    def in_force(day: str) -> list[int]:
        library = rule_library(session, date.fromisoformat(day))
        return [version.rule.version for version in library if version.rule.id == "fund.review" and version.in_force]

    assert in_force("2025-12-31") == [1] and in_force("2026-01-01") == [2] and in_force("2019-12-31") == []


def test_a_districts_own_version_is_in_force_there_beside_the_citys(session: Session, cast: Cast) -> None:
    futian = area(session, "440304")
    session.add(
        Rule(id="fund.intake", version=2, area_path=futian.path, title="街道受理时限", value="3wd", source="福田区规定",
             confidence="secondary", effective_from=date(2026, 6, 1), ladder="default")
    )  # fmt: skip
    session.flush()
    library = [v for v in rule_library(session, date(2026, 10, 1)) if v.rule.id == "fund.intake"]
    assert [(v.rule.value, v.area and v.area.name, v.in_force) for v in library] == [
        ("3wd", "福田区", True),
        ("5wd", None, True),
    ]
    assert library[0].limits == [("维修资金使用", "受理")]


def test_rules_are_listed_with_source_and_confidence(looked_up: Door) -> None:
    answer = looked_up.as_("owner").get("/api/rules?total=1").json()
    assert answer["total"] == len(answer["items"]) and answer["next"] is None
    review = next(rule for rule in answer["items"] if rule["id"] == "fund.review" and rule["version"] == 2)
    assert review["in_force"] and review["value"] == "5wd" and review["confidence"] == "unverified"
    assert (
        "深府规〔2025〕7号" in review["source"] and review["effective_from"] == "2026-01-01" and review["area"] is None
    )
    page = looked_up.signed_in("owner").get("/rules").text
    assert "未核实" in page and "并排比较2个版本" in page and "物业管理条例，第十四条" in page


# --- the calendar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("year", "days"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_the_working_days_that_were_published(year: int, days: int) -> None:
    read = year_of(shipped(), year)
    assert read.working_days == days and not read.provisional
    assert len(read.days) == (366 if year == 2024 else 365)
    assert [len(read.month(month)[0]) for month in range(1, 13)] == [7] * 12


def test_a_year_names_what_is_off_and_what_is_worked() -> None:
    read = year_of(shipped(), 2026)
    spring = next(holiday for holiday in read.holidays() if holiday.name == "春节")
    assert (spring.first, spring.last) == (date(2026, 2, 15), date(2026, 2, 23))
    assert spring.work == (date(2026, 2, 14), date(2026, 2, 28))
    assert [day.day for day in read.of("made_up")] == [
        date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10),
    ]  # fmt: skip
    assert next(day.day for day in read.days if day.provisional) == read.provisional_from == date(2026, 12, 26)


@pytest.mark.parametrize("year", [2003, LAST_YEAR])
def test_a_year_the_calendar_does_not_reach_is_not_there(year: int) -> None:
    with pytest.raises(NotFound):
        year_of(shipped(), year)


def test_the_calendar_answers_a_year(looked_up: Door) -> None:
    owner = looked_up.as_("owner")
    this = owner.get("/api/calendar").json()
    assert (this["year"], this["working_days"], this["provisional"]) == (2026, 248, False)
    assert {"date": "2026-09-20", "name": "国庆节"} in this["work"] and this["provisional_from"] == "2026-12-26"
    assert {"date": "2026-10-01", "name": "国庆节"} in this["off"]
    following = owner.get("/api/calendar", params={"year": 2027, "edition": this["edition"]}).json()
    assert following["provisional"] and following["work"] == []
    assert owner.get("/api/calendar?year=1999").status_code == owner.get("/api/calendar?edition=x").status_code == 404
    assert owner.get("/api/calendar?year=x").status_code == owner.get("/api/calendar?year=9999").status_code == 422


def test_the_calendar_page_marks_off_and_worked_days(looked_up: Door) -> None:
    page = looked_up.signed_in("owner").get("/calendar?year=2026").text
    assert 'title="国庆节调休上班">20<i>班</i>' in page and 'title="国庆节放假">1<i>休</i>' in page
    assert "暂定" in looked_up.signed_in("owner").get("/calendar?year=2027").text


@pytest.mark.parametrize(
    ("asked", "day"),
    [
        ({"start": "2026-09-30", "value": "5", "unit": "wd"}, "2026-10-14T00:00:00+08:00"),
        ({"start": "2026-01-20", "value": "30", "unit": "d"}, "2026-02-25T00:00:00+08:00"),
        ({"start": "2026-01-20", "value": "30", "unit": "d", "end": "none"}, "2026-02-20T00:00:00+08:00"),
        ({"start": "2026-10-12", "time": "16:20", "value": "2", "unit": "h"}, "2026-10-12T18:20:00+08:00"),
        ({"start": "2026-10-12", "value": "20", "unit": "mo"}, "2028-06-13T00:00:00+08:00"),
    ],
)
def test_a_limit_is_counted_out_as_on_the_command_line(looked_up: Door, asked: dict[str, str], day: str) -> None:
    answer = looked_up.signed_in("clerk").get("/calendar", params=asked)
    assert answer.status_code == 200 and f'<time datetime="{day}">' in answer.text


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"start": "2026-09-30", "value": "0", "unit": "wd"}, "正整数"),
        ({"start": "2026-09-30", "value": "5", "unit": "years"}, "看不懂"),
        ({"start": "30.9.2026", "value": "5"}, "起始日须写成"),
        ({"start": "2026-09-30", "value": "5", "unit": "h"}, "几点几分"),
        ({"start": "2026-09-30", "time": "25:00", "value": "5", "unit": "h"}, "起始日须写成"),
        ({"start": "1999-01-01", "value": "5"}, "日历始于"),
        ({"start": "2026-09-30", "value": "999999", "unit": "mo"}, "日历止于"),
        ({"start": "2026-09-30", "value": "999999", "unit": "d"}, "日历止于"),
        ({"start": "9999-12-31", "value": "1"}, "日历止于"),
    ],
)
def test_what_cannot_be_counted_is_said_beside_the_form(looked_up: Door, asked: dict[str, str], sentence: str) -> None:
    answer = looked_up.signed_in("clerk").get("/calendar", params=asked)
    assert answer.status_code == 422 and sentence in answer.text and asked["value"] in answer.text


# --- clocks and orphans ----------------------------------------------------------------------------------------------


def test_clocks_are_listed_with_the_rule_they_were_counted_by(looked_up: Door) -> None:
    clerk = looked_up.as_("clerk")
    answer = clerk.get("/api/clocks?overdue=1&total=1").json()
    assert answer["total"] == 1 and answer["next"] is None
    clock = answer["items"][0]
    assert (clock["limits"], clock["title"], clock["limit"], clock["state"]) == ("intake", "受理", "5wd", "overdue")
    assert clock["due_day"] == "2026-10-19" and clock["due_at"] == "2026-10-20T00:00:00+08:00"
    assert clock["rule"]["id"] == "fund.intake" and clock["rule"]["confidence"] == "unverified"
    assert clerk.get(f"/api/cases/{clock['case']}").status_code == 200


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ("stage=review", ["paused"]),
        ("stage=intake", ["overdue", "on_time", "running"]),
        ("running=1&kind=deadline", ["overdue", "running", "running"]),
        ("running=0", ["on_time", "paused"]),
        ("ended=1", ["on_time"]),
        ("rated=1", ["on_time", "overdue"]),
        ("parked=1", ["running"]),
        ("outcome=late", []),
        ("type=other", []),
        ("area=440305", []),
        ("overdue=1&at=2026-10-19T12:00:00%2B08:00", []),
    ],
)
def test_clocks_are_narrowed(looked_up: Door, query: str, states: list[str]) -> None:
    answer = looked_up.as_("supervisor").get(f"/api/clocks?{query}&total=1").json()
    assert sorted(item["state"] for item in answer["items"]) == sorted(states) and answer["total"] == len(states)


def test_clocks_come_page_by_page(looked_up: Door) -> None:
    clerk = looked_up.as_("clerk")
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = clerk.get(f"/api/clocks?limit=1&sort=due&after={after}").json()
        found += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(found) == 5 and [c["due_at"] for c in found] == sorted(c["due_at"] for c in found)
    browser = looked_up.signed_in("clerk")
    shown = browser.get("/clocks?limit=2")
    assert '<b id="total">5</b>' in shown.text and 'id="next-page"' in shown.text
    assert "逾期未办" in browser.get("/clocks?overdue=1").text


def test_what_nobody_could_take_and_what_could_not_be_fired_is_shown(looked_up: Door) -> None:
    orphan = looked_up.as_("clerk").get("/api/orphans?total=1").json()
    assert orphan["total"] == 1
    item = orphan["items"][0]
    assert (item["step"], item["title"], item["wanted_title"]) == ("urge", "催办", "承办单位负责人")
    page = looked_up.signed_in("head").get("/orphans").text
    assert '<b id="total">1</b>' in page and "找不到承办单位负责人" in page and "找不到规则" in page
    assert looked_up.as_("clerk").get("/api/orphans?taken=1&total=1").json()["total"] == 0
    assert "1 个计时</a> 无法触发" in looked_up.signed_in("supervisor").get("/dashboard").text


def test_a_stranger_finds_no_clock_and_no_orphan_of_lianhua(looked_up: Door) -> None:
    stranger = looked_up.as_("stranger")
    for address in ("/api/clocks", "/api/orphans"):
        assert stranger.get(f"{address}?total=1").json() == {"items": [], "next": None, "total": 0}
    assert "没有符合条件的期限" in looked_up.signed_in("stranger").get("/clocks").text
    assert "每一次催办都有人接收" in looked_up.signed_in("stranger").get("/orphans").text


def test_reference_lists_ask_who_reads_them(looked_up: Door) -> None:
    for address in ("rules", "calendar", "clocks", "orphans"):
        assert looked_up.browser().get(f"/api/{address}").status_code == 401
        assert looked_up.browser().get(f"/{address}").status_code == 303
