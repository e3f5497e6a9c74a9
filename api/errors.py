"""Refusals on their way out: problem+json for programs, a page for people. The one place that handles them."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg.errors import DeadlockDetected, NumericValueOutOfRange, SerializationFailure
from sqlalchemy.exc import DBAPIError, OperationalError
from starlette.exceptions import HTTPException

from models.casetypes.base import SENTENCES
from models.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated, Unavailable

log = structlog.get_logger()


def handle(app: FastAPI) -> None:
    app.add_exception_handler(Refused, lambda request, error: answer(request, error))  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _malformed)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(DBAPIError, _database)  # type: ignore[arg-type]
    app.add_exception_handler(UnicodeEncodeError, _unwritable)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _unexpected)


def is_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/")


def answer(request: Request, refused: Refused) -> Response:
    """The refusal as this door says it."""
    if not is_page(request):
        return problem(refused)
    if isinstance(refused, Unauthenticated) and request.method == "GET":
        return RedirectResponse(f"/signin?next={request.url.path}", status_code=303)
    from .pages.render import refusal

    return refusal(request, refused)


def problem(refused: Refused) -> JSONResponse:
    """RFC 9457: `{"type", "title", "status", "detail", "field", "rule"}`; `detail` is the sentence."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.sentence,
        "field": refused.field,
        "rule": refused.rule,
    }
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    return JSONResponse(body, refused.status, headers, media_type="application/problem+json")


def _malformed(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(request, Invalid("请求内容不是有效的 JSON。"))
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(place) or None
    if first["loc"][0] == "path":
        return answer(request, NotFound("没有这一页，请核对地址。"))
    context = first.get("ctx", {})
    wrong = context["error"] if first["type"] == "value_error" else SENTENCES.get(first["type"], first["msg"])
    return answer(request, Invalid(f"{field or '请求内容'}：{str(wrong).format(**context)}。", field=field))


def _http(request: Request, error: HTTPException) -> Response:
    sentences = {404: "没有这一页，请核对地址。", 405: "这一地址不接受这种操作。", 400: "请求内容读不懂，请重试。"}
    refused = NotFound(sentences.get(error.status_code, "请求不能处理。"))
    refused.status = error.status_code
    return answer(request, refused)


def _database(request: Request, error: DBAPIError) -> Response:
    if isinstance(error.orig, DeadlockDetected | SerializationFailure):
        return answer(request, Conflict("其他人正在同时办理，请稍后重试。"))
    if isinstance(error.orig, NumericValueOutOfRange):
        return answer(request, Invalid("数字超出可以处理的范围，请核对。"))
    if "NUL" in str(error.orig) or "\\u0000" in str(error.orig):
        return answer(request, Invalid("内容中有不可见的空字符，请删除后重试。"))
    if isinstance(error, OperationalError):
        log.error("database unavailable", error=str(error.orig))
        return answer(request, Unavailable("数据库暂时连不上，请稍后重试；所填内容没有保存。"))
    raise error


def _unwritable(request: Request, error: UnicodeEncodeError) -> Response:
    return answer(request, Invalid("内容中有无法保存的字符，请删除后重试。"))


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected", path=request.url.path, error=repr(error))
    failed = Refused("系统出错，所填内容没有保存；请稍后重试，仍不行请联系系统管理员。")
    failed.status, failed.title = 500, "系统出错"
    return problem(failed) if not is_page(request) else answer(request, failed)
