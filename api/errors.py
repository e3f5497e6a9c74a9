"""Refusals on their way out: problem+json for programs, a page for people. The one place that handles them."""

from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg.errors import DeadlockDetected, LockNotAvailable, NumericValueOutOfRange, SerializationFailure
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from models.casetypes.facts import SENTENCES
from models.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated, Unavailable

FOR_PROGRAMS = ("/api", "/assets", "/healthz", "/readyz", "/metrics", "/openapi.json")
log = structlog.get_logger()


def handle(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _malformed)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(DBAPIError, _database)  # type: ignore[arg-type]
    app.add_exception_handler(PoolTimeout, _busy)
    app.add_exception_handler(UnicodeEncodeError, _unwritable)
    app.add_exception_handler(Exception, _unexpected)


def _refused(request: Request, refused: Refused) -> Response:
    return answer(request, refused)


def shown_path(path: str) -> str:
    """A path as logs may hold it: what stands behind `/v/` opens a vote."""
    return "/v/…" if path.startswith("/v/") else path


def is_page(request: Request) -> bool:
    return not request.url.path.startswith(FOR_PROGRAMS)


def answer(request: Request, refused: Refused) -> Response:
    """The refusal as this door says it."""
    if not is_page(request):
        return problem(refused)
    if isinstance(refused, Unauthenticated) and request.method == "GET":
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/signin?next={quote(here)}", status_code=303)
    from .pages.render import refusal

    return refusal(request, refused, getattr(request.state, "me", None))


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
    """What is wrong with the shape of a request: where, in words."""
    first = error.errors()[0]
    kind, (part, *place) = first["type"], first["loc"]
    if part == "path":
        return answer(request, NotFound("没有这一页，请核对地址。"))
    if kind == "json_invalid":
        return answer(request, Invalid("请求内容不是有效的 JSON。"))
    if part == "body" and not place and "json" not in request.headers.get("content-type", ""):
        return answer(request, _with_status(415, "请求内容须为 JSON，并在 Content-Type 中写明 application/json。"))
    field = ".".join(str(name) for name in place) or None
    context = first.get("ctx", {})
    wrong = str(context["error"]) if kind == "value_error" else SENTENCES.get(kind, "内容不符合要求").format(**context)
    return answer(request, Invalid(f"{field or '请求内容'}：{wrong}。", field=field))


HTTP = {
    400: ("请求有误", "请求内容读不懂，请重试。"),
    404: ("未找到", "没有这一页，请核对地址。"),
    405: ("不能这样做", "这一地址不接受这种操作。"),
    415: ("格式不对", "不能接受这种格式的内容。"),
}
"""Title and sentence of what the framework refuses."""


def _with_status(status: int, sentence: str | None = None) -> Refused:
    title, usual = HTTP.get(status, ("无法处理", "请求不能处理。"))
    refused = Refused(sentence or usual)
    refused.status, refused.title = status, title
    return refused


def _http(request: Request, error: HTTPException) -> Response:
    response = answer(request, _with_status(error.status_code))
    response.headers.update(error.headers or {})
    return response


def _database(request: Request, error: DBAPIError) -> Response:
    """What the database refused. Messages of its own are not passed on: they quote what was written."""
    if isinstance(error.orig, DeadlockDetected | SerializationFailure | LockNotAvailable):
        return answer(request, Conflict("其他人正在同时办理，请稍后重试。"))
    if isinstance(error, IntegrityError):
        log.error("refused by the database", path=shown_path(request.url.path), error=type(error.orig).__name__)
        return answer(request, Conflict("同时有人提交了同样或有关的内容，请刷新后重试。"))
    if isinstance(error.orig, NumericValueOutOfRange):
        return answer(request, Invalid("数字超出可以处理的范围，请核对。"))
    if isinstance(error, DataError):
        return answer(request, Invalid("内容中有不可见的空字符或无法保存的内容，请删除后重试。"))
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        log.error("database unavailable", error=str(error.orig))
        return answer(request, Unavailable("数据库暂时连不上，请稍后重试；所填内容没有保存。"))
    return _unexpected(request, error)


def _busy(request: Request, error: Exception) -> Response:
    log.error("database busy", error=str(error))
    return answer(request, Unavailable("系统繁忙，请稍后重试；所填内容没有保存。"))


def _unwritable(request: Request, error: Exception) -> Response:
    return answer(request, Invalid("内容中有无法保存的字符，请删除后重试。"))


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected", method=request.method, path=shown_path(request.url.path), exc_info=error)
    failed = _with_status(500, "系统出错，所填内容没有保存；请稍后重试，仍不行请联系系统管理员。")
    failed.title = "系统出错"
    return answer(request, failed)
