"""`Idempotency-Key`: what was asked twice happens once, and is answered twice in the same words.

The key is stored in the transaction of the write itself: either both are there or neither. Two at once with one key queue on
a lock of that key. Refusals are not stored: nothing happened, so asking again is asking anew. Keys are kept for a week.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from sqlalchemy import delete, select, text, tuple_
from sqlmodel import Session, col
from starlette.datastructures import UploadFile

from models.errors import Invalid
from models.office import real_now
from models.people import Person
from models.signin import IdempotencyKey

from .deps import Db, Me

Answer = Callable[[], Any]
KEPT = timedelta(days=7)


async def _asked(request: Request) -> str:
    """A hash of what is asked for. A form is hashed part by part: each sending has its own boundary, and its body has been read."""
    asked = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    if "form" not in request.headers.get("content-type", ""):
        asked.update(await request.body())
        return asked.hexdigest()
    for name, value in (await request.form()).multi_items():
        said = f"{value.filename} {value.size}" if isinstance(value, UploadFile) else value
        asked.update(f"{name}={len(said)}:{said}\n".encode())
        if isinstance(value, UploadFile):
            asked.update(await value.read())
            await value.seek(0)
    return asked.hexdigest()


class Once:
    """Dependency of writes: `return once(lambda: …, 201)`."""

    def __init__(
        self,
        request: Request,
        session: Db,
        me: Me,
        asked: Annotated[str, Depends(_asked)],
        key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)] = None,
    ) -> None:
        self.session: Session = session
        self.me: Person = me
        self.key = key
        self.asked = asked

    def __call__(self, write: Answer, status: int = 200) -> JSONResponse:
        """Do it, or answer what was answered before. Errors: `Invalid` where the key came with something else."""
        if self.key is None:
            return JSONResponse(jsonable_encoder(write()), status)
        number = int.from_bytes(hashlib.sha256(f"{self.me.id} {self.key}".encode()).digest()[:8], signed=True)
        # one at a time per key; the lock ends with the transaction
        self.session.execute(text("select pg_advisory_xact_lock(:number)"), {"number": number})
        known = self.session.scalar(
            select(IdempotencyKey).where(
                col(IdempotencyKey.person_id) == self.me.id, col(IdempotencyKey.key) == self.key
            )
        )
        if known is None:
            answer = jsonable_encoder(write())
            now = real_now(self.session)
            self.session.add(
                IdempotencyKey(
                    person_id=self.me.id,  # type: ignore[arg-type]
                    key=self.key,
                    body_hash=self.asked,
                    status=status,
                    answer=answer,
                    made_at=now,
                )
            )
            _forget(self.session, now - KEPT)
            return JSONResponse(answer, status)
        if known.body_hash != self.asked:
            raise Invalid("同一个 Idempotency-Key 已用于另一项内容，请换一个。", field="Idempotency-Key")
        return JSONResponse(known.answer, known.status, {"Idempotent-Replay": "true"})


def _forget(session: Session, before: datetime) -> None:
    """A few of the old ones each time; those that another request is forgetting are left to it."""
    which = (col(IdempotencyKey.person_id), col(IdempotencyKey.key))
    old = select(*which).where(col(IdempotencyKey.made_at) < before).limit(100).with_for_update(skip_locked=True)
    session.execute(delete(IdempotencyKey).where(tuple_(*which).in_(old)))


OnlyOnce = Annotated[Once, Depends()]
