"""`Idempotency-Key`: what was asked twice happens once, and is answered twice in the same words.

The key is stored in the transaction of the write itself: either both are there or neither. Two at once with one key queue on
its row. Refusals are not stored: nothing happened, so asking again is asking anew.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from sqlalchemy import select, text
from sqlmodel import Session, col
from starlette.datastructures import UploadFile

from models.errors import Invalid
from models.office import real_now
from models.people import Person
from models.signin import IdempotencyKey

from .deps import Db, Me

Answer = Callable[[], Any]


async def _body(request: Request) -> bytes:
    """What tells one asking from another. A form's body has been read by then, and each sending has its own boundary: its parts."""
    if "form" not in request.headers.get("content-type", ""):
        return await request.body()
    parts = []
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            parts.append((name, value.filename, hashlib.sha256(await value.read()).hexdigest()))
            await value.seek(0)
        else:
            parts.append((name, None, value))
    return json.dumps(parts).encode()


class Once:
    """Dependency of writes: `return once(lambda: …, 201)`."""

    def __init__(
        self,
        request: Request,
        session: Db,
        me: Me,
        body: Annotated[bytes, Depends(_body)],
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> None:
        self.session: Session = session
        self.me: Person = me
        self.key = key
        asked = f"{request.method} {request.url.path}\n".encode() + body
        self.body_hash = hashlib.sha256(asked).hexdigest()

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
            self.session.add(
                IdempotencyKey(
                    person_id=self.me.id,  # type: ignore[arg-type]
                    key=self.key,
                    body_hash=self.body_hash,
                    status=status,
                    answer=answer,
                    made_at=real_now(self.session),
                )
            )
            return JSONResponse(answer, status)
        if known.body_hash != self.body_hash:
            raise Invalid("同一个 Idempotency-Key 已用于另一项内容，请换一个。", field="Idempotency-Key")
        return JSONResponse(known.answer, known.status, {"Idempotent-Replay": "true"})


OnlyOnce = Annotated[Once, Depends()]
