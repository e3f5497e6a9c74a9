"""A first committee in the making, and one that was asked for too early."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import object_session
from sqlmodel import Session, col

from models.case import Case
from models.people import Desk
from models.territory import Unit

from . import Act, Story


def owned(case: Case) -> list[Unit]:
    """The units that have been sold, in the order of the roster."""
    session = object_session(case)
    assert isinstance(session, Session)
    units = select(Unit).where(col(Unit.estate_id) == case.estate_id, col(Unit.unsold).is_(False))
    return list(session.scalars(units.order_by(col(Unit.id))))


def owner_of(unit: Unit) -> str:
    return unit.owner.split("、")[0]


def group_of(case: Case, **others: str) -> Mapping[str, Any]:
    """Three owners, and by seat who else."""
    owners = [{"name": owner_of(unit), "seat": "owner", "unit": unit.label} for unit in owned(case)[:3]]
    seats = [{"name": name, "seat": seat} for seat, name in others.items()]
    return {"members": [*seats, *owners], "places": ["小区公告栏"]}


def signed(day: date, case: Case) -> Mapping[str, Any]:
    return {"signed": [unit.label for unit in owned(case)[::3]], "statement": "业主推选代表提出"}


def group(day: date, case: Case) -> Mapping[str, Any]:
    return group_of(case, street="袁林", party="乔志远", police="马俊", residents="柳青", developer="汤磊")


STORIES = [
    Story(
        "committee_formation", "丽城小筑", 200, "owners", {"contact": "史强"},
        (Act(200, Desk.APPLICANT, "submit", signed), Act(196, Desk.STREET, "refuse", {"reason": "联名表上的签名多数无法核实，请重新征集。"})),
    ),
    Story(
        "committee_formation", "丽城小筑", 55, "owners", {"contact": "史强"},
        (
            Act(55, Desk.APPLICANT, "submit", signed),
            Act(50, Desk.STREET, "accept"),
            Act(44, Desk.STREET, "name_group", group),
            Act(27, Desk.STREET, "found_group"),
            Act(18, Desk.STREET, "determine"),
            Act(8, Desk.STREET, "draft"),
        ),
    ),
]  # fmt: skip
