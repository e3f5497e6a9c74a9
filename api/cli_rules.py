"""`banjie rules`: every version of every rule, where it holds, and where it is used.

Of the office where a database is at hand (the configured one, or that of the running system): with the districts' versions,
what two persons agreed on, and how many clocks run by each. Else as this release ships them.
"""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.reference import RuleVersion


def rules_command(as_json: bool) -> None:
    told = _of_the_office()
    if told is None:
        told = _shipped()
    if as_json:
        print(json.dumps(told, ensure_ascii=False, default=str))
        return
    for _, found in groupby(told, key=lambda rule: rule["id"]):
        _show(list(found))


def _show(versions: Sequence[dict[str, Any]]) -> None:
    from models.rules import CONFIDENCE_TITLES

    first = versions[0]
    used = "、".join(dict.fromkeys(f"{use['type']}·{use['stage']}" for use in first["used_by"]))
    print(f"{first['id']}  {first['title']}（{used or '没有环节使用'}）")
    for rule in versions:
        days = f"{rule['effective_from']}—{rule['effective_to'] or ''}"
        area = rule["area"]["name"] if rule["area"] else "全市"
        running = "" if rule["running"] is None else f"计时中{rule['running']}个"
        print(
            f"  第{rule['version']}版{'（现行）' if rule['in_force'] else ''}",
            rule["value"],
            area,
            days,
            CONFIDENCE_TITLES[rule["confidence"]],
            f"{rule['source']} {rule['article']}".strip(),
            running,
            sep="\t",
        )


def _of_the_office() -> list[dict[str, Any]] | None:
    """None where no database is at hand, or none that has the rules."""
    from sqlalchemy.exc import DBAPIError

    from models.db import transaction
    from models.office import office_now
    from models.reference import rule_library
    from models.settings import settings
    from models.worktime import OFFICE_ZONE

    from .embedded import running

    config = settings()
    embedded = None if config.database_url else running(config.var)
    url = config.database_url or (embedded and embedded.app)
    if not url:
        return None
    try:
        with transaction(url) as session:
            library = rule_library(session, office_now(session).astimezone(OFFICE_ZONE).date())
    except DBAPIError:
        print("数据库连不上或还没有建好，以下是随版本发布的规则。", file=sys.stderr)
        return None
    return [_told(version) for version in library]


def _told(version: "RuleVersion") -> dict[str, Any]:
    rule = version.rule
    return rule.model_dump(exclude={"pk", "proposal_id", "shipped_version"}) | {
        "area": version.area and {"code": version.area.code, "name": version.area.name},
        "in_force": version.in_force,
        "proposal": rule.proposal_id,
        "used_by": [{"type": kind, "stage": stage} for kind, stage in version.limits],
        "running": version.running,
    }


def _shipped() -> list[dict[str, Any]]:
    from models.rule_changes import uses
    from models.rules import Rule, rule_folders, shipped_rules
    from models.worktime import OFFICE_ZONE

    today, used = datetime.now(OFFICE_ZONE).date(), uses()
    entries = [entry for folder in rule_folders() for entry in shipped_rules(folder)]
    rules = [Rule(**entry) for entry in entries]
    newest = {
        rule.id: max(
            (one for one in rules if one.id == rule.id and one.holds_on(today)), key=lambda one: one.rank, default=None
        )
        for rule in rules
    }
    told = [
        entry
        | {
            "area": None,
            "in_force": rule is newest[rule.id],
            "proposal": None,
            "used_by": [{"type": kind, "stage": stage} for kind, stage in used.get(rule.id, [])],
            "running": None,
        }
        for entry, rule in zip(entries, rules, strict=True)
    ]
    order = list(newest)
    return sorted(told, key=lambda rule: (order.index(rule["id"]), -rule["version"]))
