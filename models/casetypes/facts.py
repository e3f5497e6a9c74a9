"""What is stated with an event: field types with their sentences, and the parser that answers them.

Ids, codes, integers and short texts only: facts are hashed, and JSONB gives floats back changed.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from ..errors import Invalid


class Facts(BaseModel):
    """What a person states with an event. Ids, codes, integers and short texts only: facts are hashed and never floats."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _fen(value: Any) -> Any:
    if isinstance(value, bool | float):
        # pydantic turns only ValueError into an answer
        raise ValueError('金额请填整数“分”，或写成 "1234.50" 这样的“元”，最多两位小数')  # noqa: TRY004
    if isinstance(value, str):
        text = value.strip().replace(",", "").replace("，", "").removesuffix("元").removeprefix("¥")
        if not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", text):
            raise ValueError("金额须为数字，单位元，最多两位小数，例如 12345.60")
        yuan, _, cents = text.partition(".")
        return int(yuan) * 100 + int(cents.ljust(2, "0"))
    return value


def _visible(text: str) -> str:
    if "\0" in text:
        raise ValueError("内容中有不可见的空字符，请删除后重试")
    return text


def _within_ten_years(day: date, info: ValidationInfo) -> date:
    at: datetime | None = (info.context or {}).get("at")
    if day.year < 2000 or (at and day.year > at.year + 10):
        raise ValueError(f"日期 {day:%Y-%m-%d} 不合常理，请核对年份")
    return day


Cents = Annotated[
    int,
    BeforeValidator(_fen),
    Field(ge=0, le=10**14),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d{1,12}(\.\d{1,2})?$"}],
            "description": "整数为分；字符串为元，最多两位小数",
            "format": "cents",
        }
    ),
]
Day = Annotated[date, AfterValidator(_within_ten_years)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_visible)]
Scope = Annotated[
    str,
    Field(min_length=1, max_length=2000),
    AfterValidator(_visible),
    WithJsonSchema(
        {
            "type": "string", "minLength": 1, "maxLength": 2000,
            "description": "全体业主；或者名册上的楼栋、单元、房号，用顿号隔开，例如：3栋、5栋1单元、7栋0101",
        }
    ),
]  # fmt: skip
"""Whom a charge to the maintenance fund falls on, as `scope.py` reads it."""
Paragraph = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_visible)]

SENTENCES = {
    "missing": "此项必填",
    "extra_forbidden": "没有这一项",
    "string_too_short": "此项不能为空",
    "string_too_long": "内容过长，最多{max_length}个字",
    "greater_than": "必须大于{gt}",
    "greater_than_equal": "不能小于{ge}",
    "less_than_equal": "不能大于{le}",
    "date_from_datetime_parsing": "日期须写成 2026-09-30",
    "date_parsing": "日期须写成 2026-09-30",
    "int_parsing": "须为整数",
    "int_type": "须为整数",
    "string_type": "须为文字",
    "bool_parsing": "须为是或否",
    "too_short": "至少填写{min_length}项",
    "list_type": "须为列表",
    "literal_error": "只能是：{expected}",
    "enum": "只能是：{expected}",
    "model_type": "须为一组字段",
    "model_attributes_type": "须为一组字段",
    "dict_type": "须为一组字段",
    "string_unicode": "内容中有无法保存的字符",
    "int_from_float": "须为整数",
    "int_parsing_size": "数字过大",
    "datetime_type": "时间须写成 2026-09-30T09:00:00+08:00",
    "datetime_parsing": "时间须写成 2026-09-30T09:00:00+08:00",
    "datetime_from_date_parsing": "时间须写成 2026-09-30T09:00:00+08:00",
    "timezone_aware": "时间须带时区，例如 2026-09-30T09:00:00+08:00",
    "date_type": "日期须写成 2026-09-30",
    "bool_type": "须为是或否",
    "less_than": "必须小于{lt}",
    "too_long": "最多填写{max_length}项",
    "string_pattern_mismatch": "格式不对",
}


def parse(model: type[BaseModel], values: Mapping[str, Any] | None, at: datetime) -> BaseModel:
    """`values` as `model`; raises `Invalid` naming the first field that is wrong, in words a clerk understands.

    `at` is the day against which far-off dates are judged.
    """
    try:
        return model.model_validate(dict(values or {}), context={"at": at})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or None
        wrong = (
            first["ctx"]["error"] if first["type"] == "value_error" else SENTENCES.get(first["type"], "内容不符合要求")
        )
        label = _label(model, first["loc"]) or name or "填写内容"
        raise Invalid(f"{label}：{str(wrong).format(**first.get('ctx', {}))}。", field=name) from None


def _label(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """What was wrong, in words: `出席情况第3行的姓名`."""
    described = model.model_fields.get(str(loc[0])) if loc else None
    if described is None:
        return ""
    label = described.title or ""
    if len(loc) < 3 or not isinstance(loc[1], int):
        return label
    inner = next((one for one in get_args(described.annotation) if isinstance(one, type)), None)
    within = inner.model_fields.get(str(loc[2])) if inner and issubclass(inner, BaseModel) else None
    return f"{label}第{loc[1] + 1}行" + (f"的{within.title}" if within and within.title else "")


class Wrong(str):
    """An obstacle that is one wrong input rather than the wrong moment: answered as `Invalid`, with its field."""

    field: str

    def __new__(cls, field: str, sentence: str) -> Self:
        wrong = super().__new__(cls, sentence)
        wrong.field = field
        return wrong
