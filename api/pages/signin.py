"""Signing in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.settings import settings

from ..auth import sign_in, sign_out
from ..deps import Db, Me
from .forms import Attempt, Typed, attempt, local, text
from .render import page

router = APIRouter()


@router.get("/signin")
def show(request: Request, next: str = "/") -> HTMLResponse:
    return _page(request, next)


@router.post("/signin")
def enter(request: Request, session: Db, typed: Typed) -> Response:
    """Fields: `account`, `password`, and `next`, a place of our own to go on to."""
    answer = RedirectResponse(local(text(typed, "next")), status_code=303)
    with attempt(session, typed) as tried:
        sign_in(session, request, answer, text(typed, "account")[:100], text(typed, "password")[:200])
        return answer
    return _page(request, text(typed, "next"), tried)


@router.post("/signout")
def leave(request: Request, session: Db, me: Me) -> RedirectResponse:
    answer = RedirectResponse("/signin", status_code=303)
    sign_out(session, request, answer)
    return answer


def _page(request: Request, next: str, tried: Attempt | None = None) -> HTMLResponse:
    refused = tried.refused if tried else None
    account = text(tried.typed, "account") if tried else ""
    status = refused.status if refused else 200
    return page(
        request,
        "signin.html",
        None,
        status=status,
        next=local(next),
        account=account,
        refused=refused,
        is_trial=settings().mode == "trial",
    )
