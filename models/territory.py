"""Where things are: areas from the city down to the community, estates in them, exclusive units in those.

An area's `path` is materialised (`/4403/440304/440304012/…/`), so that "within" is a prefix. It follows whom an area
*answers to*, which for Shenzhen's functional areas is not what the statistical code says (`data/territory/README.md`).
"""

import csv
from pathlib import Path

from sqlalchemy import Index, select
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, primary_key, reference

SHIPPED = Path(__file__).parent / "data" / "territory"
LEVELS = ("city", "district", "street", "community")


class Area(SQLModel, table=True):
    id: int | None = primary_key()
    code: str = Field(unique=True)
    name: str
    level: str
    """`city`, `district`, `street` or `community`."""
    parent_id: int | None = reference("area.id", nullable=True, index=True)
    path: str

    __table_args__ = (Index("ix_area_path", "path", postgresql_ops={"path": "text_pattern_ops"}, unique=True),)

    @property
    def codes(self) -> list[str]:
        return codes_of(self.path)


def codes_of(path: str) -> list[str]:
    """`/4403/440304/` → `["4403", "440304"]`, from the city down."""
    return [code for code in path.split("/") if code]


def within(path: str, area_path: str) -> bool:
    return path.startswith(area_path)


def path_at(path: str, level: str) -> str:
    """The path of the street, district or city that holds `path`."""
    return "/" + "/".join(codes_of(path)[: LEVELS.index(level) + 1]) + "/"


def sync_territory(session: Session) -> int:
    """Add the shipped areas that the database has not got; returns how many."""
    rows: dict[str, dict[str, str]] = {}
    for name in ("shenzhen.csv", "answers_to.csv"):
        with (SHIPPED / name).open(encoding="utf-8") as file:
            rows |= {row["code"]: row for row in csv.DictReader(file)}
    known = {area.code: area for area in session.scalars(select(Area))}
    before = len(known)
    for level in LEVELS:
        new = [row for row in rows.values() if row["level"] == level and row["code"] not in known]
        insert_rows(
            session,
            Area,
            [
                {"code": row["code"], "name": row["name"], "level": level,
                 "parent_id": known[row["parent"]].id if row["parent"] else None,
                 "path": (known[row["parent"]].path if row["parent"] else "/") + row["code"] + "/"}
                for row in new
            ],
        )  # fmt: skip
        for area in session.scalars(select(Area).where(col(Area.level) == level)):
            known[area.code] = area
    return len(known) - before


class Estate(SQLModel, table=True):
    """住宅区: lies in a community; run by a property company, and once elected by an owners' committee; `committee_id` is
    also whoever acts as one."""

    id: int | None = primary_key()
    name: str
    area_id: int = reference("area.id", index=True)
    path: str
    company_id: int | None = reference("body.id", nullable=True, index=True)
    committee_id: int | None = reference("body.id", nullable=True, index=True)
    owners_id: int | None = reference("body.id", nullable=True, index=True)
    """The owners who ask for something together (业主联名)."""

    __table_args__ = (Index("ix_estate_path", "path", postgresql_ops={"path": "text_pattern_ops"}),)


class Unit(SQLModel, table=True):
    """专有部分: one exclusive unit. `owner_key` says which units have the same owner (one head); it is no identity number."""

    id: int | None = primary_key()
    estate_id: int = reference("estate.id")
    label: str
    """As the roster normalises it: `1栋0101`."""
    area_dm2: int
    owner: str
    owner_key: str
    unsold: bool = False
    id_number: str | None = None
    phone: str | None = None

    __table_args__ = (Index("uq_unit_estate_id_label", "estate_id", "label", unique=True), {"comment": "业主名册"})
