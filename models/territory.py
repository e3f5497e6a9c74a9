"""Where things are: areas from the city down to the community, estates in them, exclusive units in those.

An area's `path` is materialised (`/4403/440304/440304012/…/`), so that "within" is a prefix. It follows whom an area
*answers to*, which for Shenzhen's functional areas is not what the statistical code says (`models/data/README.md`).
"""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from .db import primary_key


class Area(SQLModel, table=True):
    id: int | None = primary_key()
    code: str = Field(unique=True)
    name: str
    level: str
    """`city`, `district`, `street` or `community`."""
    parent_id: int | None = Field(default=None, foreign_key="area.id", index=True)
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
    depth = {"city": 1, "district": 2, "street": 3, "community": 4}[level]
    return "/" + "/".join(codes_of(path)[:depth]) + "/"


class Estate(SQLModel, table=True):
    """住宅区: lies in a community; run by a property company, and once elected by an owners' committee."""

    id: int | None = primary_key()
    name: str
    area_id: int = Field(foreign_key="area.id", index=True)
    path: str
    company_id: int | None = Field(default=None, foreign_key="body.id", index=True)
    committee_id: int | None = Field(default=None, foreign_key="body.id", index=True)

    __table_args__ = (Index("ix_estate_path", "path", postgresql_ops={"path": "text_pattern_ops"}),)


class Unit(SQLModel, table=True):
    """专有部分: one exclusive unit. `owner_key` says which units have the same owner (one head); it is no identity number."""

    id: int | None = primary_key()
    estate_id: int = Field(foreign_key="estate.id")
    label: str
    """As the roster normalises it: `1栋0101`."""
    area_dm2: int
    owner: str
    owner_key: str
    unsold: bool = False
    id_number: str | None = None
    phone: str | None = None

    __table_args__ = (Index("uq_unit_estate_id_label", "estate_id", "label", unique=True), {"comment": "业主名册"})


