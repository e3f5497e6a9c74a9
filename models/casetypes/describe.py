"""Case types told to machines (`banjie casetypes --json`, `GET /api/casetypes`) and to people (`docs/casetypes.md`)."""

from typing import Any

from ..rules import rule_folders, shipped_rules
from .base import STANDING, CaseType, Paper, Stage, casetypes


def describe() -> list[dict[str, Any]]:
    """Every installed type: `{"type", "title", "stages": […], "events": […]}`.

    A stage's `limit` is `{"rule", "value", "kind"}` or null, its first period's where it has several; all of them stand
    in `limits`. `value` is that of the rule's newest version, or `fact:NAME` where the day stands in the case. An event
    that stays names its own stage in `to`; `who` holds desks, and `system` for what time brings; `facts` is JSON Schema.
    """
    return [_type(kind) for kind in casetypes().values()]


def _type(kind: type[CaseType]) -> dict[str, Any]:
    return {
        "type": kind.type_id,
        "title": kind.title,
        "details": kind.Details.model_json_schema(),
        "stages": [_stage(stage) for stage in kind.stages()],
        "events": [_event(kind, name) for name in (*kind.event_names(), *standing_of(kind))],
    }


def _stage(stage: Stage) -> dict[str, Any]:
    limits = limits_of(stage)
    return {
        "name": stage.id,
        "title": stage.title,
        "desk": stage.desk,
        "initial": stage.initial,
        "final": stage.final,
        "limit": limits[0] if limits else None,
        "limits": limits,
        "waits_on": stage.waits_on,
        "pause": stage.pause,
        "extension": stage.extension,
        "needs": [{"title": need.title, "by": need.by} for need in stage.needs],
    }


def limits_of(stage: Stage) -> list[dict[str, str]]:
    shipped = [entry for folder in rule_folders() for entry in shipped_rules(folder)]
    values = {entry["id"]: entry["value"] for entry in sorted(shipped, key=lambda entry: entry["version"])}
    if stage.deadline:
        return [{"rule": stage.deadline, "value": values[stage.deadline], "kind": "deadline"}]
    return [{"rule": period.rule, "value": values[period.rule], "kind": "period"} for period in stage.periods]


def standing_of(kind: type[CaseType]) -> list[str]:
    """The events about clocks and re-opening that some stage of the type allows."""
    return list(dict.fromkeys(name for stage in kind.stages() for name in kind.standing_at(stage)))


def _event(kind: type[CaseType], name: str) -> dict[str, Any]:
    leaving = [
        (stage, transition.target)
        for stage in kind.stages()
        for transition in stage.transitions
        if transition.event == name
    ]
    leaving += [(stage, stage) for stage in kind.stages() if name in kind.standing_at(stage)]
    sources = list(dict.fromkeys(stage.id for stage, _ in leaving))
    return {
        "name": name,
        "title": kind.event(name).name,
        "from": sources,
        "to": list(dict.fromkeys(to.id for _, to in leaving)),
        "who": list(dict.fromkeys(desk for stage in sources for desk in kind.who(name, kind.stage(stage)))),
        "facts": kind.facts_of(name).model_json_schema(),
        "paper": next((paper.kind for paper in papers_of(kind, name)), None),
        "papers": list(dict.fromkeys(paper.kind for paper in papers_of(kind, name))),
    }


def papers_of(kind: type[CaseType], name: str) -> list[Paper]:
    paper = STANDING[name].paper if name in STANDING else kind.paper.get(name)
    written = [paper] if isinstance(paper, Paper) else list(paper.values()) if paper else []
    return written + [kind.replies[name]] if name in kind.replies else written


def as_markdown() -> str:
    """`docs/casetypes.md`: each type as a diagram and two tables. A test compares it with the file."""
    parts = ["# Case types\n", "Drawn from the code by `banjie casetypes --markdown`; do not edit.\n"]
    for kind in casetypes().values():
        parts += [f"## {kind.title} `{kind.type_id}`\n", f"{(kind.__doc__ or '').splitlines()[0]}\n", _diagram(kind)]
        parts += ["| stage | desk | limit | waits on |", "|---|---|---|---|"]
        for stage in kind.stages():
            limits = ", ".join(f"{limit['kind']} {limit['value']} (`{limit['rule']}`)" for limit in limits_of(stage))
            desks = "、".join(desk.title for desk in stage.desks[:1])
            parts.append(f"| {stage.title} `{stage.id}` | {desks} | {limits} | {stage.waits_on or ''} |")
        parts += ["", "| event | from → to | who | paper |", "|---|---|---|---|"]
        for name in kind.event_names():
            event = _event(kind, name)
            who = "、".join(desk.title for desk in event["who"])
            ways = "、".join(event["from"]) + " → " + "、".join(event["to"])
            papers = "、".join(f"`{paper}`" for paper in event["papers"])
            parts.append(f"| {event['title']} `{name}` | {ways} | {who} | {papers} |")
        parts += ["", "About the clock, staying where it is:\n", "| event | at | who | paper |", "|---|---|---|---|"]
        for name in standing_of(kind):
            event = _event(kind, name)
            who = "、".join(desk.title for desk in event["who"]) + ("负责人" if STANDING[name].by_head else "")
            papers = "、".join(f"`{paper}`" for paper in event["papers"])
            parts.append(f"| {event['title']} `{name}` | {'、'.join(event['from'])} | {who} | {papers} |")
        parts.append("")
    return "\n".join(parts)


def _diagram(kind: type[CaseType]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {kind.initial_stage().id}"]
    lines += [f"    {stage.id}: {stage.title}" for stage in kind.stages() if not stage.final]
    arrows: dict[tuple[str, str], list[str]] = {}
    for stage in kind.stages():
        for transition in stage.transitions:
            to = "[*]" if transition.target.final else transition.target.id
            arrows.setdefault((stage.id, to), []).append(kind.event(str(transition.event)).name)
    lines += [f"    {source} --> {to}: {'、'.join(dict.fromkeys(titles))}" for (source, to), titles in arrows.items()]
    return "\n".join([*lines, "```\n"])
