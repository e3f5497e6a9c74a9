"""Filings: an alternate who follows, before the owners and filed, and a change that the district looks at."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import object_session
from sqlmodel import Session

from models.case import Case
from models.committees import Member, in_office, members
from models.people import Desk

from . import Act, Story


def seated(case: Case) -> list[Member]:
    session = object_session(case)
    assert isinstance(session, Session)
    committee = in_office(session, case.estate_id)
    return members(session, committee) if committee else []


def leaves(day: date, case: Case) -> Mapping[str, Any]:
    gone = next(member for member in reversed(seated(case)) if member.post == "member")
    return {"member": gone.name, "ended_on": day - timedelta(days=1), "reason": "房屋已转让，不再是本小区业主"}


def follows(day: date, case: Case) -> Mapping[str, Any]:
    after = next(member for member in seated(case) if member.post == "alternate")
    return {"alternate": after.name, "places": ["小区公告栏"]}


def another_chair(day: date, case: Case) -> Mapping[str, Any]:
    chair, deputy = (member.name for member in seated(case)[1:3])
    return {
        "changed_on": day - timedelta(days=3), "changes": ["post"], "statement": "经委员会会议改选主任、副主任。", "chair": chair,
        "deputies": [deputy],
    }  # fmt: skip


STORIES = [
    Story(
        "committee_filing", "景田雅居", 60, "committee", {"about": "候补委员递补"},
        (
            Act(60, Desk.APPLICANT, "vacate", leaves),
            Act(55, Desk.APPLICANT, "coopt", follows),
            Act(35, Desk.APPLICANT, "submit"),
            Act(31, Desk.DISTRICT, "file"),
        ),
    ),
    Story(
        "committee_filing", "紫荆花园", 9, "committee", {"about": "候补委员递补"},
        (Act(9, Desk.APPLICANT, "vacate", leaves), Act(4, Desk.APPLICANT, "coopt", follows)),
    ),
    Story(
        "committee_filing", "彩田名苑", 8, "committee", {"about": "主任、副主任变动"},
        (Act(8, Desk.APPLICANT, "change", another_chair), Act(3, Desk.APPLICANT, "submit")),
    ),
]  # fmt: skip
