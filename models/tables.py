"""Every table, by importing the files that declare them; for migrations and tests."""

from sqlmodel import SQLModel

from . import (
    agenda,
    case,
    clock,
    committees,
    decisions,
    documents,
    editions,
    electronic,
    evaluation,
    fund_accounts,
    jobs,
    lateness,
    links,
    meetings,
    messages,
    notices,
    office,
    people,
    proposals,
    publicity,
    rules,
    signin,
    territory,
)

METADATA = SQLModel.metadata

__all__ = [
    "METADATA", "agenda", "case", "clock", "committees", "decisions", "documents", "editions", "electronic", "evaluation", "fund_accounts", "jobs", "lateness", "links", "meetings", "messages", "notices", "office", "people",
    "proposals", "publicity", "rules", "signin", "territory",
]  # fmt: skip
