"""Refusals, each born with its HTTP status and a sentence a clerk can act on."""

from __future__ import annotations


class Refused(Exception):
    """Base of everything Banjie refuses.

    `sentence` is Chinese and fit for a clerk's eyes; `field` names the input that is wrong, where there is one;
    `rule` names the rule or article that says so. Raised before anything is written, or the transaction is rolled back.
    """

    status = 400
    title = "无法处理"

    def __init__(self, sentence: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.rule = rule


class Unauthenticated(Refused):
    status = 401
    title = "请先登录"


class Forbidden(Refused):
    status = 403
    title = "无权办理"


class NotFound(Refused):
    status = 404
    title = "未找到"


class Conflict(Refused):
    """An illegal move, or a race that was lost."""

    status = 409
    title = "现在不能这样办"


class TooLarge(Refused):
    status = 413
    title = "内容过大"


class Invalid(Refused):
    """Bad input; `field` says where."""

    status = 422
    title = "填写有误"


class TooMany(Refused):
    status = 429
    title = "操作过于频繁"


class Unavailable(Refused):
    status = 503
    title = "暂时不可用"


def reason(error: Exception) -> str:
    """Why something failed, for those who look after it: the sentence of a refusal, else what the error calls itself."""
    return error.sentence if isinstance(error, Refused) else f"{type(error).__name__}：{error}"[:500]
