"""Signing in and out. Sessions live in the database; the cookie holds a secret of which only the hash is stored."""

import secrets
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlmodel import Session, col

from models.errors import TooMany, Unauthenticated
from models.office import real_now
from models.people import Person
from models.settings import settings
from models.signin import Login

from .deps import COOKIE, Db, Me, hashed

router = APIRouter(prefix="/api/session", tags=["session"])
HASHER = PasswordHash.recommended()
NOBODY = HASHER.hash(secrets.token_hex())
"""Checked where there is no such account, so that the answer takes as long."""
FAILURES = MovingWindowRateLimiter(MemoryStorage())
PER_ACCOUNT = RateLimitItemPerMinute(8, 5)
PER_ADDRESS = RateLimitItemPerMinute(60, 5)


class Credentials(BaseModel):
    account: str = Field(max_length=100)
    password: str = Field(max_length=200)


@router.post("", status_code=201)
def create_session(credentials: Credentials, request: Request, response: Response, session: Db) -> dict[str, Any]:
    """Sign in. Answers who one is and the CSRF token that writes with the cookie must send as `X-CSRF-Token`."""
    person, login = sign_in(session, request, response, credentials.account, credentials.password)
    return whoami(person) | {"csrf": login.csrf}


@router.get("")
def read_session(me: Me, request: Request) -> dict[str, Any]:
    """Who one is, and what one may do where."""
    return whoami(me) | {"csrf": getattr(request.state, "csrf", None)}


@router.delete("", status_code=204)
def delete_session(me: Me, request: Request, response: Response, session: Db) -> None:
    """Sign out."""
    sign_out(session, request, response)


def sign_in(
    session: Session, request: Request, response: Response, account: str, password: str
) -> tuple[Person, Login]:
    """Check the password and set the cookie; an earlier session of this browser ends. Raises `Unauthenticated`, `TooMany`."""
    account = account.strip().lower()
    address = request.client.host if request.client else ""
    for limit, key in ((PER_ACCOUNT, account), (PER_ADDRESS, address)):
        if not FAILURES.test(limit, key):
            raise TooMany("登录失败次数过多，请五分钟后再试。", field="account")
    person = session.scalar(select(Person).where(col(Person.account) == account)) if "\0" not in account else None
    is_right = HASHER.verify(password, (person and person.password_hash) or NOBODY)
    if not (is_right and person and person.password_hash and person.is_active):
        FAILURES.hit(PER_ACCOUNT, account)
        FAILURES.hit(PER_ADDRESS, address)
        raise Unauthenticated("账号或口令不正确。", field="password")
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
        COOKIE, secret, max_age=int(hours.total_seconds()), httponly=True, samesite="lax", secure=in_production
    )
    return person, login


def sign_out(session: Session, request: Request, response: Response) -> None:
    secret = request.cookies.get(COOKIE)
    if secret:
        session.execute(delete(Login).where(col(Login.token_hash) == hashed(secret)))
    response.delete_cookie(COOKIE)


def csrf_of(session: Session, request: Request) -> str:
    """The CSRF token of this browser's session, or nothing."""
    secret = request.cookies.get(COOKIE)
    login = session.get(Login, hashed(secret)) if secret else None
    return login.csrf if login else ""


def whoami(person: Person) -> dict[str, Any]:
    posts = [{"role": post.role, "area": post.area_path, "body": post.body_id} for post in person.posts]
    return {"account": person.account, "name": person.name, "title": person.title, "posts": posts}
