"""What a route asks for: a session that is one transaction, the office's now, the person who asks."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import Depends, Request
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import present
from models.errors import Forbidden, Unauthenticated
from models.office import office_now, real_now
from models.people import Person
from models.signin import ApiToken, Login
from models.worktime import OFFICE_ZONE

COOKIE = "banjie"
SAFE = ("GET", "HEAD", "OPTIONS")
AT_ONCE = 24
"""Requests that may hold a connection of the pool (30) and a thread (40) at the same time; the others wait their turn."""
_turns: RunVar[CapacityLimiter] = RunVar("turns")


async def turn() -> AsyncIterator[None]:
    """Wait here, and not within: who holds a connection and waits for a thread is waited for by who holds the threads."""
    try:
        limiter = _turns.get()
    except LookupError:
        limiter = CapacityLimiter(AT_ONCE)
        _turns.set(limiter)
    async with limiter:
        yield


def session(request: Request, turn: Annotated[None, Depends(turn, scope="function")]) -> Iterator[Session]:
    """One transaction per request: committed when the route has answered, before the answer is sent."""
    with Session(request.app.state.engine, expire_on_commit=False) as session, session.begin():
        try:
            yield session
        except Exception:
            # the rollback would empty what was read, and a page that says why not still shows who is signed in
            session.expunge_all()
            raise


# scope="function": otherwise the answer is sent first, and a commit that fails has been called a success
Db = Annotated[Session, Depends(session, scope="function")]


def now(session: Db) -> datetime:
    return office_now(session)


Now = Annotated[datetime, Depends(now)]


async def csrf_sent(request: Request) -> AsyncIterator[str]:
    """The token that a page sends back with what it asks: in a header, or as a field of its form."""
    sent = request.headers.get("x-csrf-token") if request.method not in SAFE else ""
    if sent is None and "form" in request.headers.get("content-type", ""):
        sent = str((await request.form()).get("csrf", ""))
    try:
        yield sent or ""
    finally:
        # FastAPI closes the files of a form only where it has read the form itself
        await request.close()


def me(request: Request, session: Db, at: Now, csrf: Annotated[str, Depends(csrf_sent)]) -> Person:
    """Who asks, by bearer token or by the session cookie, with the posts held today by them and by those they stand in for.

    Raises `Unauthenticated`, `Forbidden`.
    """
    bearer = request.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        person = _by_token(session, bearer[7:].strip())
    else:
        person = _by_cookie(request, session, csrf)
    if person is None or not person.is_active:
        raise Unauthenticated("请先登录。")
    request.state.me = present(session, person, at.astimezone(OFFICE_ZONE).date())
    return person


Me = Annotated[Person, Depends(me)]


def refuse_foreign(request: Request, sentence: str = "请求来自其他网站，请从本系统的登录页面登录。") -> None:
    """Raise `Forbidden` for a form that another website made: what a browser says where there is no token yet."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # browsers tell the site only to https and to this machine; the origin of a form they tell everywhere
    if site not in (None, "same-origin", "none") or (
        site is None and origin and urlsplit(origin).netloc != request.headers.get("host")
    ):
        raise Forbidden(sentence)


def hashed(secret: str) -> str:
    """What is stored of a secret that was drawn at random."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _by_token(session: Session, token: str) -> Person | None:
    owned = select(Person).join(ApiToken, col(ApiToken.person_id) == col(Person.id))
    return session.scalar(owned.where(col(ApiToken.token_hash) == hashed(token), col(ApiToken.revoked_at).is_(None)))


def cookie_name(request: Request) -> str:
    """Browsers keep cookies by host, whatever the port: of two Banjies on one machine each would sign the other's people out."""
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}_{port}" if port.isdecimal() else COOKIE


def login_of(request: Request, session: Session) -> Login | None:
    """The session of this browser, unless it has run out."""
    secret = request.cookies.get(cookie_name(request))
    login = session.get(Login, hashed(secret)) if secret else None
    return login if login and real_now(session) < login.expires_at else None


def _by_cookie(request: Request, session: Session, csrf: str) -> Person | None:
    login = login_of(request, session)
    if login is None:
        return None
    request.state.csrf = login.csrf
    # a browser sends the cookie whoever made the page; only our own pages know the token
    if request.method not in SAFE and not secrets.compare_digest(csrf.encode(), login.csrf.encode()):
        raise Forbidden("页面已过期或请求来自其他网站，请刷新后重试。", field="csrf")
    return session.get(Person, login.person_id)
