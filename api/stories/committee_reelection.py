"""Re-elections with the group before the owners, and at the vote. The next one, of 莲塘居, is for the term watch to find."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from models.case import Case
from models.people import Desk

from . import Act, Story
from .committee_formation import group_of, owned, owner_of


def group(day: date, case: Case) -> Mapping[str, Any]:
    return group_of(case, street="谢文", party="苗红", residents="戚明")


def call(day: date, case: Case) -> Mapping[str, Any]:
    standing = [
        {"name": owner_of(unit), "unit": unit.label, "recommended_by": "party", "qualified": True}
        for unit in owned(case)[10:17]
    ]
    return {
        "seats": 5, "alternates": 2, "candidates": standing, "party_opinion": "候选人均无不宜任职的情形。", "form": "electronic",
        "places": ["小区公告栏"],
    }  # fmt: skip


STORIES = [
    Story(
        "committee_reelection", "后海雅苑", 30, "committee", {"cause": "term"},
        (Act(25, Desk.APPLICANT, "submit", {"plan": "任期届满前两个月召开业主大会会议。"}), Act(3, Desk.STREET, "name_group", group)),
    ),
    Story(
        "committee_reelection", "梅林翠苑", 66, "committee", {"cause": "term"},
        (
            Act(60, Desk.APPLICANT, "submit", {"plan": "由街道指导组建换届小组，采用电子投票。"}),
            Act(53, Desk.STREET, "name_group", group),
            Act(36, Desk.STREET, "found_group"),
            Act(28, Desk.STREET, "determine"),
            Act(20, Desk.STREET, "call", call),
        ),
    ),
]  # fmt: skip
