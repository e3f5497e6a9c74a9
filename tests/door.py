"""Knocking at the door: the application on a database of its own, and the cast with a token each."""

import secrets
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from sqlalchemy import create_engine, select, update
from sqlmodel import Session, col

from api.app import create_app
from api.auth import FAILURES
from api.deps import hashed
from models.case import Case
from models.db import url_for
from models.office import real_now, set_office_clock
from models.people import Person
from models.signin import ApiToken

from .make import Cast, at

PASSWORD = "correct horse battery"
HASH = PasswordHash.recommended().hash(PASSWORD)


class Door:
    """`door.as_("clerk").get(…)`. The office clock stands at `when` (and walks on at the world's pace)."""

    def __init__(self, url: str, when: str = "2026-10-12 09:00") -> None:
        self.app = create_app(url)
        FAILURES.storage.reset()  # who guessed in another scene is not slowed down in this one
        self.engine = create_engine(url_for(url))
        self.clients: list[TestClient] = []
        self.tokens: dict[str, str] = {}
        self.goes_to(when)
        FAILURES.storage.reset()  # kept per process: another test's wrong passwords are not this one's
        with Session(self.engine) as session, session.begin():
            session.execute(update(Person).where(col(Person.account).is_not(None)).values(password_hash=HASH))

    def goes_to(self, when: str) -> None:
        """The office's now is `when`."""
        with Session(self.engine) as session, session.begin():
            set_office_clock(session, at(when))

    def as_(self, account: str) -> TestClient:
        """A program that holds this person's token."""
        if account not in self.tokens:
            token = secrets.token_urlsafe(16)
            with Session(self.engine) as session, session.begin():
                person_id = getattr(Cast(session), account).id
                session.add(ApiToken(token_hash=hashed(token), person_id=person_id, made_at=real_now(session)))
            self.tokens[account] = token
        return self.browser(headers={"Authorization": f"Bearer {self.tokens[account]}"})

    def browser(self, **options: Any) -> TestClient:
        """A browser that nobody has signed in with."""
        client = TestClient(self.app, base_url="http://testserver", follow_redirects=False, **options)
        self.clients.append(client)
        return client

    def signed_in(self, account: str) -> TestClient:
        """A browser in which this person has signed in; it sends the CSRF token as our pages do."""
        client = self.browser()
        answer = client.post("/api/session", json={"account": account, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    def writes(self, how: Any, when: datetime | None = None) -> Any:
        """Run `how(session, cast)` in a transaction; for what a scene needs to be there."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            return how(session, Cast(session))

    def case(self, number: str) -> Case:
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(select(Case).where(col(Case.number) == number)).one()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.engine.dispose()
        self.app.state.engine.dispose()
