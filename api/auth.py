"""Signing in and out. Sessions live in the database; the cookie holds a secret of which only the hash is stored."""

import secrets
from datetime import timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any

from fastapi import APIRouter, Request, Response
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlmodel import Session, col

from models.access import as_of
from models.errors import TooMany, Unauthenticated
from models.office import real_now
from models.people import Person, Role
from models.settings import settings
from models.signin import Login
from models.worktime import OFFICE_ZONE

from .deps import Db, Me, Now, cookie_name, hashed, login_of, refuse_foreign

router = APIRouter(prefix="/api/session", tags=["session"])
HASHER = PasswordHash.recommended()
AT_ONCE = BoundedSemaphore(4)
"""Passwords looked at together: each takes 64 MB while it lasts."""
FAILURES = MovingWindowRateLimiter(MemoryStorage())
PER_ACCOUNT = RateLimitItemPerMinute(8, 5)
PER_ADDRESS = RateLimitItemPerMinute(60, 5)
"""Counted in each process by itself; an office of many officers has one address."""


class Credentials(BaseModel):
    account: str = Field(max_length=100)
    password: str = Field(max_length=200)


@router.post("", status_code=201)
def create_session(
    credentials: Credentials, request: Request, response: Response, session: Db, now: Now
) -> dict[str, Any]:
    """Sign in. Answers who one is and the CSRF token that writes with the cookie must send as `X-CSRF-Token`."""
    person, login = sign_in(session, request, response, credentials.account, credentials.password)
    return whoami(as_of(person, now.astimezone(OFFICE_ZONE).date()), login)


@router.get("")
def read_session(me: Me, request: Request, session: Db) -> dict[str, Any]:
    """Who one is, and what one may do where."""
    return whoami(me, login_of(request, session) if hasattr(request.state, "csrf") else None)


@router.delete("", status_code=204)
def delete_session(me: Me, request: Request, response: Response, session: Db) -> None:
    """Sign out."""
    sign_out(session, request, response)


def sign_in(
    session: Session, request: Request, response: Response, account: str, password: str
) -> tuple[Person, Login]:
    """Check the password and set the cookie; an earlier session of this browser ends.

    Raises `Unauthenticated` (in the same words and the same time whether or not there is such an account), `TooMany`, and `Forbidden`
    where another website sent the form.
    """
    refuse_foreign(request)
    account = account.strip().lower()
    address = request.client.host if request.client else ""
    # counted before the look, or many at once would all be looked at
    if not (FAILURES.test(PER_ADDRESS, address) and FAILURES.hit(PER_ACCOUNT, account)):
        raise TooMany("登录失败次数过多，请五分钟后再试。", field="account")
    person = session.scalar(select(Person).where(col(Person.account) == account)) if "\0" not in account else None
    with AT_ONCE:
        is_right = HASHER.verify(password, (person and person.password_hash) or _nobody())
    if not (is_right and person and person.password_hash and person.is_active):
        FAILURES.hit(PER_ADDRESS, address)
        raise Unauthenticated("账号或密码不正确，或者账号已停用。", field="password")
    FAILURES.clear(PER_ACCOUNT, account)
    sign_out(session, request, response)
    now, secret = real_now(session), secrets.token_urlsafe(32)
    hours = timedelta(hours=settings().session_hours)
    login = Login(
        token_hash=hashed(secret),
        person_id=person.id,  # type: ignore[arg-type]
        csrf=secrets.token_urlsafe(24),
        made_at=now,
        expires_at=now + hours,
    )
    session.add(login)
    session.execute(delete(Login).where(col(Login.expires_at) < now))
    in_production = settings().mode == "production"
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=int(hours.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=in_production,
    )
    return person, login


def sign_out(session: Session, request: Request, response: Response) -> None:
    secret = request.cookies.get(cookie_name(request))
    if secret:
        session.execute(delete(Login).where(col(Login.token_hash) == hashed(secret)))
    response.delete_cookie(cookie_name(request))


@cache
def _nobody() -> str:
    """What a password is compared with where there is no such account."""
    return HASHER.hash(secrets.token_hex())


def whoami(person: Person, login: Login | None) -> dict[str, Any]:
    """`csrf` and `expires_at` are null for who comes with a token."""
    return {
        "account": person.account,
        "name": person.name,
        "title": person.title,
        "posts": [
            {"role": post.role, "title": Role(post.role).title, "area": post.area_path, "body": post.body_id}
            for post in person.posts
        ],
        "csrf": login and login.csrf,
        "expires_at": login and login.expires_at.astimezone(OFFICE_ZONE).isoformat(timespec="seconds"),
    }
