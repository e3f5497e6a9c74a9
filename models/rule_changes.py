"""What somebody proposes for a rule: a further version of it, judged as a lawyer would before two persons agree on it.

A version is chosen by the law day of a case (`Rule.rank`), so one that later versions would outrank on its own days, or
that would leave days without any, says something else than it seems to, and is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select
from sqlmodel import Session, col

from .casetypes import casetypes
from .casetypes.facts import Day, Facts, Line, Paragraph
from .clock import WHOLE_CASE
from .errors import Conflict, Invalid
from .rules import VALUES, Rule, Rulebook, Step, rulebook, shipped_ladders
from .territory import Area

EVERYWHERE = "/"


class RuleWanted(Facts):
    """A further version of the rule `id`; whatever is left out stays as in the version it follows."""

    id: str = Field(title="规则", max_length=100)
    area: str | None = Field(None, title="适用区域", max_length=20, description="a district's code; none: everywhere")
    value: str = Field(title="时限", max_length=2000)
    source: Line = Field(title="依据")
    article: str = Field("", title="条款", max_length=200)
    confidence: Literal["verified", "secondary", "unverified"] = Field(title="把握程度")
    remark: Paragraph | None = Field(None, title="说明")
    effective_from: Day = Field(title="起始日")
    effective_to: Day | None = Field(None, title="截止日")
    ladder: str | None = Field(None, title="催办阶梯", max_length=50)


@dataclass(frozen=True)
class RulePlan:
    """The version that would hold; `follows` is the one that new cases would have got otherwise."""

    rule: Rule
    follows: Rule
    area: str
    """Where, in words."""
    basis: int
    """The newest row of this rule when it was proposed."""
    remarks: tuple[str, ...]

    @property
    def title(self) -> str:
        until = f"至{_spoken(self.rule.effective_to)}" if self.rule.effective_to else "起"
        limit = "" if self.rule.fact else f"{self.rule.chinese}，"
        return (
            f"{self.rule.title}第{self.rule.version}版：{limit}{self.area}，{_spoken(self.rule.effective_from)}{until}"
        )


def plan(session: Session, wanted: RuleWanted, at: datetime) -> RulePlan:
    """Errors: `Invalid` naming the field, `Conflict` where the version would not say what it seems to."""
    book = rulebook(session)
    versions = book.versions().get(wanted.id)
    if not versions:
        raise Invalid(f"规则库里没有“{wanted.id}”这条规则。", field="id")
    area = _area(session, wanted.area)
    path = area.path if area else EVERYWHERE
    follows = _followed(versions, path, wanted.effective_from)
    carried = {name: getattr(follows, name) for name in ("id", "title", "on_expiry", "deemed_from", "once")}
    rule = Rule(
        **carried, area_path=path, version=max(rule.version for rule in versions) + 1, value=wanted.value.strip(),
        source=wanted.source, article=wanted.article, confidence=wanted.confidence, remark=wanted.remark or "",
        ladder=wanted.ladder if "ladder" in wanted.model_fields_set else follows.ladder,
        effective_from=wanted.effective_from, effective_to=wanted.effective_to,
    )  # fmt: skip
    _judge_value(rule, follows)
    _judge_ladder(rule, follows)
    _judge_use(book, rule)
    _judge_days(versions, rule)
    if rule.is_verified and not rule.article:
        raise Invalid("“已核实”须写明出自哪一条。", field="article")
    if follows.area_path == path and all(getattr(rule, name) == getattr(follows, name) for name in _TOLD):
        raise Conflict(f"与现行的第{follows.version}版完全相同，没有要改的。")
    basis = max(rule.pk or 0 for rule in versions)
    return RulePlan(rule, follows, area.name if area else "全市", basis, tuple(_remarks(rule, follows, at)))


_TOLD = ("value", "source", "article", "confidence", "remark", "ladder", "effective_from", "effective_to")


def _area(session: Session, code: str | None) -> Area | None:
    if not code:
        return None
    area = session.scalar(select(Area).where(col(Area.code) == code))
    if area is None or area.level != "district":
        raise Invalid(f"没有区划代码为“{code}”的区；不填为全市适用。", field="area")
    return area


def _followed(versions: list[Rule], path: str, day: date) -> Rule:
    """What a case of that day and place has got so far; else the version nearest to it."""
    applying = [rule for rule in versions if rule.applies(day, path)]
    return max(applying or versions, key=lambda rule: rule.rank)


def _judge_value(rule: Rule, follows: Rule) -> None:
    try:
        kind = rule.kind
    except ValueError as error:
        raise Invalid(str(error), field="value") from None
    if kind != follows.kind:
        raise Invalid(f"“{rule.title}”的值是{VALUES[follows.kind]}，不能改成另一种。", field="value")
    if rule.fact != follows.fact:
        raise Invalid(f"“{rule.title}”取自案件中的“{follows.fact}”，不能改取别的日期。", field="value")
    if kind == "count" and not rule.count:
        raise Invalid("范围的下限大于上限。", field="value")


def _judge_ladder(rule: Rule, follows: Rule) -> None:
    """A ladder counted in working days says nothing within hours, nor the other way round."""
    if rule.ladder is None:
        if follows.ladder:
            raise Invalid(f"“{rule.title}”逾期后须有催办阶梯，请选择。", field="ladder")
        return
    steps = shipped_ladders().get(rule.ladder)
    if steps is None:
        raise Invalid(f"没有名为“{rule.ladder}”的催办阶梯；现有：{'、'.join(shipped_ladders())}。", field="ladder")
    if rule.kind != "limit" or (
        rule.ladder == follows.ladder and rule.limit.is_by_the_hour == follows.limit.is_by_the_hour
    ):
        return
    if rule.limit.is_by_the_hour != climbs_by_the_hour(steps):
        unit = "按小时" if rule.limit.is_by_the_hour else "按日"
        raise Invalid(
            f"时限{rule.limit.chinese}{unit}计，催办阶梯“{rule.ladder}”却不是，逾期后催不动：请选{unit}计的阶梯。",
            field="ladder",
        )


def climbs_by_the_hour(steps: tuple[Step, ...]) -> bool:
    return any(step.when.endswith("h") for step in steps)


def _judge_use(book: Rulebook, rule: Rule) -> None:
    """Periods run whole days; what extends a limit has the limit's unit."""
    for kind in casetypes().values():
        for stage in kind.stages():
            if rule.kind != "limit":
                continue
            if rule.limit.is_by_the_hour and rule.id in (*(period.rule for period in stage.periods), stage.pause):
                raise Invalid(f"“{kind.title}”的“{stage.title}”用它作期间，期间按整日计，不能用小时。", field="value")
            pair = {stage.deadline, stage.extension} - {None}
            if len(pair) < 2 or rule.id not in pair:
                continue
            (other,) = pair - {rule.id}
            unit = book.in_force(other or "", rule.effective_from, rule.area_path).limit.unit
            if unit != rule.limit.unit:
                raise Invalid(
                    f"“{kind.title}”的“{stage.title}”以它和“{other}”一起计算延期，两者单位须一致。", field="value"
                )


def _judge_days(versions: list[Rule], rule: Rule) -> None:
    """The version must decide on each of its days, and none may be left without one."""
    if rule.effective_to and rule.effective_to < rule.effective_from:
        raise Invalid("截止日早于起始日。", field="effective_to")
    for other in sorted(
        (one for one in versions if one.area_path == rule.area_path), key=lambda one: one.effective_from
    ):
        if other.effective_from <= rule.effective_from:
            continue
        if rule.effective_to is None or other.effective_from <= rule.effective_to:
            raise Conflict(
                f"第{other.version}版自{other.effective_from}起适用，本版自那天起不会被采用：起始日不能早于{other.effective_from}，"
                "或把截止日写在它的前一天。"
            )
    if rule.effective_to is None or rule.area_path != EVERYWHERE or not list(_stages(rule.id)):
        return
    after = rule.effective_to + timedelta(days=1)
    if not any(other.applies(after, EVERYWHERE) for other in versions):
        used = "、".join(dict.fromkeys(f"“{kind}”的“{stage}”" for kind, stage in _stages(rule.id)))
        raise Conflict(f"{after}起这条规则就没有任何版本了，而{used}还要用它：请不填截止日，或先提出之后的版本。")


def _stages(rule_id: str) -> Iterator[tuple[str, str]]:
    return iter(uses().get(rule_id, ()))


def uses() -> dict[str, list[tuple[str, str]]]:
    """By rule: the (case type, stage) titles that it limits, pauses or extends, or whose conditions go by it, in the order of
    the procedures."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind in casetypes().values():
        for stage in kind.stages():
            for rule_id in (stage.deadline, *(period.rule for period in stage.periods), stage.pause, stage.extension):
                if rule_id:
                    found.setdefault(rule_id, []).append((kind.title, stage.title))
        if kind.case_deadline:
            found.setdefault(kind.case_deadline, []).append((kind.title, kind.title_of_limit(WHOLE_CASE)))
        for rule_id in kind.consults:
            found.setdefault(rule_id, []).append((kind.title, "办理条件"))
    return found


def _remarks(rule: Rule, follows: Rule, at: datetime) -> Iterator[str]:
    if rule.effective_from < at.date():
        yield f"起始日{_spoken(rule.effective_from)}已过：该日之后立案的案件，今后开始的计时按本版；已在计时的不变，除非批准时一并重算。"
    if rule.area_path != EVERYWHERE and follows.area_path == EVERYWHERE:
        yield "这是该区的第一个自定版本；全市版本今后再变，该区仍按自定的。"
    if rule.confidence != "verified":
        yield "未经官方文本核实，凡显示这一时限之处都会注明。"


def row(content: dict[str, Any]) -> Rule:
    """The version as it was proposed, from the JSON in which a proposal keeps it."""
    days = {name: date.fromisoformat(content[name]) for name in ("effective_from", "effective_to") if content[name]}
    return Rule(**content | days)


def _spoken(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
