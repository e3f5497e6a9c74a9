"""Who acts: bodies, persons, and the posts that persons hold in them for a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import ColumnElement, Index, String, and_, or_, select
from sqlmodel import Field, Relationship, Session, SQLModel, col

from .db import instant, primary_key, reference


class Desk(StrEnum):
    """Where a case can lie. `SYSTEM` is no desk: it is what time brings about."""

    APPLICANT = "applicant"
    COMMITTEE = "committee"
    RESIDENTS = "residents"
    STREET = "street"
    DISTRICT = "district"
    CITY = "city"
    SYSTEM = "system"

    @property
    def title(self) -> str:  # type: ignore[override]
        return DESK_TITLES[self]

    @property
    def is_office(self) -> bool:
        return self in (Desk.STREET, Desk.DISTRICT, Desk.CITY)

    @classmethod
    def of_level(cls, level: str) -> "Desk":
        """The office of that level of area (`city`, `district`, `street`)."""
        return next(desk for desk, own in LEVEL_OF_DESK.items() if own == level)


LEVEL_OF_DESK = {Desk.STREET: "street", Desk.DISTRICT: "district", Desk.CITY: "city"}
DESK_TITLES = {
    Desk.APPLICANT: "申请人",
    Desk.COMMITTEE: "业主委员会",
    Desk.RESIDENTS: "社区居民委员会",
    Desk.STREET: "街道办事处",
    Desk.DISTRICT: "区住房和建设部门",
    Desk.CITY: "市维修资金管理机构",
    Desk.SYSTEM: "系统",
}


class Role(StrEnum):
    AGENT = "agent"
    COMMITTEE = "committee"
    OWNER = "owner"
    RESIDENTS = "residents"
    CLERK = "clerk"
    HEAD = "head"
    REVIEWER = "reviewer"
    DISTRICT_HEAD = "district_head"
    PAYER = "payer"
    SUPERVISOR = "supervisor"
    DUTY = "duty"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def title(self) -> str:  # type: ignore[override]
        return ROLE_TITLES[self]


ROLE_TITLES = {
    Role.AGENT: "单位经办人",
    Role.COMMITTEE: "业委会委员",
    Role.OWNER: "业主",
    Role.RESIDENTS: "居委会工作人员",
    Role.CLERK: "街道经办人",
    Role.HEAD: "街道负责人",
    Role.REVIEWER: "区审核人",
    Role.DISTRICT_HEAD: "区负责人",
    Role.PAYER: "资金中心经办人",
    Role.SUPERVISOR: "监管人员",
    Role.DUTY: "值班岗",
    Role.AUDITOR: "审计人员",
    Role.ADMIN: "系统管理员",
}


class Body(SQLModel, table=True):
    """A company, committee or department. `code` is its 机关代字, used in the numbers of the papers it issues."""

    id: int | None = primary_key()
    kind: str
    """`company`, `committee`, `residents_committee`, `owners` (业主联名), `department`, `street_office`, `district_housing`,
    `fund_centre`."""
    name: str = Field(unique=True)
    code: str | None = None
    area_id: int | None = reference("area.id", nullable=True, index=True)

    @classmethod
    def named(cls, session: Session, text: str) -> "Body | None":
        """The body of that id, or of exactly that name."""
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return session.get(cls, int(text))
        return session.scalar(select(cls).where(col(cls.name) == text))


class Post(SQLModel, table=True):
    """A role held by a person at a body, over an area, from a day to a day (both included)."""

    id: int | None = primary_key()
    person_id: int = reference("person.id", index=True)
    role: Role = Field(sa_type=String)
    body_id: int | None = reference("body.id", nullable=True, index=True)
    area_path: str
    estate_id: int | None = reference("estate.id", nullable=True, index=True)
    """For owners: the estate in which they own."""
    from_day: date
    to_day: date | None = None

    __table_args__ = (Index("ix_post_area_path_role", "area_path", "role"),)

    def is_held_on(self, day: date) -> bool:
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)

    @classmethod
    def held_on(cls, day: date) -> ColumnElement[bool]:
        """`is_held_on`, of a row."""
        return and_(col(cls.from_day) <= day, or_(col(cls.to_day).is_(None), col(cls.to_day) >= day))


class Person(SQLModel, table=True):
    id: int | None = primary_key()
    name: str
    account: str | None = Field(default=None, unique=True)
    password_hash: str | None = None
    email: str | None = None
    mail: bool = Field(default=True, sa_column_kwargs={"server_default": "true"})
    """Whether messages go to `email` too; in the application they always are."""
    is_active: bool = True
    posts: list[Post] = Relationship(sa_relationship_kwargs={"lazy": "selectin", "order_by": "Post.id"})

    @property
    def handle(self) -> str:
        """What addresses and forms call this person: the account, or the number of who never signs in."""
        return self.account or str(self.id)

    @classmethod
    def has_handle(cls, handle: str) -> ColumnElement[bool]:
        plain = handle.replace("\0", "")
        named = col(cls.account) == plain
        if not (plain.isascii() and plain.isdecimal() and len(plain) < 19):
            return named
        return or_(named, and_(col(cls.account).is_(None), col(cls.id) == int(plain)))

    @property
    def hands(self) -> tuple["Hand", ...]:
        """By whose posts this person acts: by their own, and by those of whom they stand in for today, the nearest first.

        The latter are there only after `access.present` has read them.
        """
        return (Hand(self, self.posts), *self.__dict__.get("_covers", ()))

    def covering(self, hands: Iterable["Hand"]) -> Self:
        """The same person, who acts by the posts of these too."""
        self.__dict__["_covers"] = tuple(hands)
        return self

    def has_role(self, *roles: Role) -> bool:
        """Whether one of the person's own posts has such a role."""
        return any(post.role in roles for post in self.posts)

    @property
    def title(self) -> str:
        return "、".join(dict.fromkeys(Role(post.role).title for post in self.posts)) or "无岗位"


class Hand(NamedTuple):
    """Somebody by whose posts a person acts: themselves, or whom they stand in for."""

    person: Person
    posts: Sequence[Post]


class Substitution(SQLModel, table=True):
    """`substitute_id` stands in for `absent_id` from a day to a day (both included), unless it was ended before.

    Written by `substitutes.stand_in`, which keeps circles out.
    """

    id: int | None = primary_key()
    absent_id: int = reference("person.id", index=True)
    substitute_id: int = reference("person.id", index=True)
    from_day: date
    to_day: date
    made_at: datetime | None = instant(nullable=True)
    made_by_id: int | None = reference("person.id", nullable=True)
    ended_at: datetime | None = instant(nullable=True)
    """From this instant on it gives no right, whatever its days say."""
    ended_by_id: int | None = reference("person.id", nullable=True)

    @classmethod
    def of_day(cls, session: Session, day: date) -> dict[int, int]:
        """Who stands in for whom on that day: absent → substitute."""
        rows = select(col(cls.absent_id), col(cls.substitute_id)).where(cls.in_effect(day))
        return dict(session.execute(rows).tuples().all())

    @staticmethod
    def follow(stands_in: Mapping[int, int], person_id: int) -> int | None:
        """The person, or who stands in for them, or who stands in for that one; None should it be a circle."""
        seen: set[int] = set()
        while person_id in stands_in:
            if person_id in seen:
                return None
            seen.add(person_id)
            person_id = stands_in[person_id]
        return person_id

    @classmethod
    def in_effect(cls, from_day: date, to_day: date | None = None) -> ColumnElement[bool]:
        """Those that give a right on that day, or on any of those days."""
        covers = and_(col(cls.from_day) <= (to_day or from_day), col(cls.to_day) >= from_day)
        return and_(covers, col(cls.ended_at).is_(None))


class System:
    """What time brings about acts as nobody: `by_id` is null in the ledger."""

    id = None
    name = "系统"
    account = "system"


SYSTEM = System()
Actor = Person | System
