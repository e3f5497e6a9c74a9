"""Messages through JSON: the morning's briefs and the digests, and where one's mail goes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from models.desk import mark_read
from models.errors import NotFound
from models.messages import Message, mail_to, message_of, messages_of, unread_of
from models.people import Person
from models.settings import settings
from pdf import brief

from .cases import instant
from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["messages"])
BIGGEST = 2**63


class Read(BaseModel):
    until: int | None = Field(default=None, ge=1, lt=BIGGEST, description="id of the last notice one has seen; all")


class Mail(BaseModel):
    email: str = Field(max_length=254, description="where mail goes; empty: nowhere")
    mail: bool = Field(description="whether it goes out")


@router.get("/messages")
def read_messages(
    session: Db,
    me: Me,
    now: Now,
    after: Annotated[int | None, Query(ge=1, lt=BIGGEST, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """`items`, newest first: `kind` is `brief` or `digest`, `content` what it says in parts, `pdf` a brief's paper.

    `unread` counts the notices that were not read; `mail` says where messages go, and whether this office mails at all.
    """
    found = messages_of(session, me, after, limit + 1)
    return {
        "at": instant(now),
        "unread": unread_of(session, me, now, 1)[1],
        "mail": mail_of(me),
        "items": [_message(message) for message in found[:limit]],
        "next": found[limit - 1].id if len(found) > limit else None,
    }


@router.post("/messages/read")
def read_notices(session: Db, me: Me, now: Now, once: OnlyOnce, asked: Read | None = None) -> Response:
    """Notices are read: all of them, or those that one has seen."""
    until = asked.until if asked else None
    return once(lambda: {"read": mark_read(session, me, now, until)})


@router.put("/me/mail")
def set_mail(session: Db, me: Me, once: OnlyOnce, asked: Mail) -> Response:
    """Where one's mail goes, and whether it does."""

    def change() -> dict[str, Any]:
        mail_to(me, asked.email, on=asked.mail)
        return mail_of(me)

    return once(change)


@router.get("/messages/{message_id}.pdf", response_class=Response)
def read_paper(session: Db, me: Me, message_id: Annotated[int, Path(ge=1, lt=BIGGEST)]) -> Response:
    """A brief on paper."""
    message = message_of(session, me, message_id)
    if message.kind != "brief":
        raise NotFound("这条消息没有 PDF，只有晨报有。")
    named = f"inline; filename=\"{message.slot}.pdf\"; filename*=UTF-8''{message.slot}%E6%99%A8%E6%8A%A5.pdf"
    headers = {"Content-Disposition": named}
    return Response(brief.draw(message.bulletin).pdf, media_type="application/pdf", headers=headers)


def mail_of(person: Person) -> dict[str, Any]:
    """`server`: whether this office sends mail at all."""
    return {"server": settings().smtp_url is not None, "email": person.email, "mail": person.mail}


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "slot": message.slot,
        "subject": message.subject,
        "text": message.body,
        "content": message.facts,
        "made_at": instant(message.made_at),
        "mail_to": message.mail_to,
        "sent_at": instant(message.sent_at) if message.sent_at else None,
        "why": message.why,
        "pdf": f"/api/messages/{message.id}.pdf" if message.kind == "brief" else None,
    }
