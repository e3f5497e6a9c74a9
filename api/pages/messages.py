"""消息: today's brief, what one has not read, what one was told before; and 我的设置, where mail goes."""

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.brief import BRIEFED, WORKS
from models.desk import mark_read
from models.errors import Invalid
from models.messages import brief_of, mail_to, messages_of, unread_of
from models.people import Person
from models.wording import day_of
from models.worktime import at_office_open

from ..deps import Db, Me
from ..messages import BIGGEST, mail_of
from .forms import Attempt, Typed, attempt, text
from .render import Here, Office, page

router = APIRouter()
PAGE = 20


@router.get("/messages")
def read_messages(
    request: Request, session: Db, me: Me, here: Here, after: Annotated[int | None, Query(ge=1, lt=BIGGEST)] = None
) -> HTMLResponse:
    brief = None if after else brief_of(session, me, here.today)
    unread, count = ([], 0) if after else unread_of(session, me, here.now)
    found = messages_of(session, me, after, PAGE + 1)
    return page(
        request,
        "messages/messages.html",
        me,
        brief=brief,
        no_brief=None if brief or after else _no_brief(me, here),
        days=[(day, list(told)) for day, told in groupby(unread, key=lambda one: day_of(one.notice.made_at))],
        unread=count,
        shown=len(unread),
        until=max((one.notice.id or 0 for one in unread), default=0),
        older=[message for message in found[:PAGE] if brief is None or message.id != brief.id],
        after=after,
        more=f"/messages?after={found[PAGE - 1].id}" if len(found) > PAGE else None,
        mail=mail_of(me),
    )


@router.post("/messages/read")
def read_notices(session: Db, me: Me, here: Here, typed: Typed) -> RedirectResponse:
    """Field: `until`, the last notice that was on the page; what has come since stays unread."""
    until = text(typed, "until")
    if not (until.isascii() and until.isdecimal() and int(until) < BIGGEST):
        raise Invalid("不知道读到了哪一条，请刷新后再试。", field="until")
    mark_read(session, me, here.now, int(until))
    return RedirectResponse("/messages", status_code=303)


@router.get("/me")
def show_settings(request: Request, me: Me, here: Here, done: bool = False) -> HTMLResponse:
    return _settings(request, me, done=done)


@router.post("/me")
def set_mail(request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Fields: `email`, `mail`."""
    with attempt(session, typed) as tried:
        mail_to(me, text(typed, "email"), on="mail" in typed)
        return RedirectResponse("/me?done=1", status_code=303)
    return _settings(request, me, tried)


def _settings(request: Request, me: Person, tried: Attempt | None = None, done: bool = False) -> HTMLResponse:
    refused = tried.refused if tried else None
    return page(
        request,
        "messages/me.html",
        me,
        status=refused.status if refused else 200,
        mail=mail_of(me),
        email=text(tried.typed, "email") if tried else me.email or "",
        is_on="mail" in tried.typed if tried else me.mail,
        wrong=tried.wrong("email") if tried else None,
        done=done,
    )


def _no_brief(me: Person, here: Office) -> str | None:
    """Why there is no brief on the page; None for whom none is written."""
    if not me.has_role(*WORKS, *BRIEFED):
        return None
    if not here.calendar.is_working(here.today):
        return "今天不是工作日，没有晨报。"
    if here.now < at_office_open(here.today):
        return "今天的晨报 8:30 送到。"
    return "今天没有晨报：早上没有需要告诉您的件，或者晨报还没有编好。"
