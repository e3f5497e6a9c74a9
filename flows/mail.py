"""Mail: what waits is sent, one message at a time, over one connection, with no transaction open while a server thinks.

A message is claimed for ten minutes (`messages.claim`), sent, and only then marked: who dies in between sends it again, with
the same `Message-ID`, never not at all. Nothing here waits for anything of a case, so a slow or dead mail server delays mail only.
"""

import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sqlmodel import Session

from models.db import transaction
from models.messages import Message, claim, give_back, give_up, has_gone, put_off
from models.office import real_now
from models.people import Person
from models.settings import settings
from models.wording import instant
from models.worktime import OFFICE_ZONE
from pdf import brief

TIMEOUT = 20.0
"""Seconds that a server may take to answer one command."""
LONGEST = 240.0
"""Seconds one run goes on sending; the rest is sent by the next."""
FAILURES = 5
"""In a row, whoever they were for: then it is the server, and the next run tries again."""
TOO_LARGE = 552
log = structlog.get_logger()


def send_all() -> tuple[int, int]:
    """Send what is due, until nothing is, the server fails or time is up. Returns how many went out, and how many did not."""
    sent = failed = in_a_row = 0
    ends = time.monotonic() + LONGEST
    if not settings().smtp_url:
        return 0, 0
    with Postman() as postman:
        while time.monotonic() < ends and in_a_row < FAILURES:
            with transaction() as session:
                message = claim(session, real_now(session))
                person = session.get(Person, message.person_id) if message else None
            if message is None or person is None:
                break
            settle, why = postman.deliver(message, person)
            with transaction() as session:
                settle(session, message, real_now(session), why)
            if settle is give_back:
                break
            sent, failed, in_a_row = (sent + 1, failed, 0) if settle is has_gone else (sent, failed + 1, in_a_row + 1)
    return sent, failed


class Outcome(NamedTuple):
    """What is to be written of a message that was to be sent, and why."""

    settle: Callable[[Session, Message, datetime, str], None]
    why: str = ""


@dataclass
class Postman:
    """One connection to the mail server, opened with the first message and again after an error."""

    _server: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def deliver(self, message: Message, person: Person) -> Outcome:
        """Send one message. Raises nothing for what a server or an address does."""
        try:
            mail = written(message, person)
        except Exception as error:
            # whatever it is, sending it again will not mend it
            log.exception("mail not written", message=message.id)
            return Outcome(give_up, f"邮件无法成文：{_why(error)}")
        try:
            self._server = self._server or connect()
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail server unreachable", error=type(error).__name__)
            return Outcome(give_back, f"邮件服务器连不上：{_why(error)}")
        try:
            self._server.send_message(mail)
            return Outcome(has_gone)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return self._refused(message, code, _said(said))
        except smtplib.SMTPResponseException as error:
            of_sender = isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != TOO_LARGE
            return self._refused(message, error.smtp_code, _said(error.smtp_error), of_sender)
        except (OSError, smtplib.SMTPException) as error:
            self._leave()
            log.warning("mail interrupted", message=message.id, error=type(error).__name__)
            return Outcome(put_off, f"发送中断：{_why(error)}")

    def _refused(self, message: Message, code: int, said: str, of_sender: bool = False) -> Outcome:
        """5xx about the message or its recipient is for good; about us as a sender an operator may mend it in time."""
        self._leave()
        log.warning("mail refused", message=message.id, code=code)
        if 500 <= code < 600 and not of_sender:
            return Outcome(give_up, f"邮件服务器拒收：{code} {said}")
        return Outcome(put_off, f"邮件服务器暂不收：{code} {said}")

    def _leave(self) -> None:
        if self._server is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._server.quit()
            self._server.close()
            self._server = None


def connect() -> smtplib.SMTP:
    """Connected and signed in as `BANJIE_SMTP_URL` says. Errors: `OSError`, `smtplib.SMTPException`."""
    secret = settings().smtp_url
    assert secret is not None
    server = urlsplit(secret.get_secret_value())
    # else it asks the name service who it is itself
    our_name = _domain()
    if server.scheme == "smtps":
        context = ssl.create_default_context()
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.hostname or "", server.port or 465, local_hostname=our_name, timeout=TIMEOUT, context=context
        )
    else:
        smtp = smtplib.SMTP(server.hostname or "", server.port or 25, local_hostname=our_name, timeout=TIMEOUT)
    try:
        if parse_qs(server.query).get("starttls") == ["1"]:
            smtp.starttls(context=ssl.create_default_context())
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
    except BaseException:
        smtp.close()
        raise
    return smtp


# --- what is sent ----------------------------------------------------------------------------------------------------


def written(message: Message, person: Person) -> EmailMessage:
    """The mail of a message: plain text, HTML beside it, a brief as PDF too. The same message always says the same.

    Errors: `ValueError` and the like for an address that is none.
    """
    says, address = message.bulletin, settings().address
    name, ours = parseaddr(settings().mail_from or "")
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id(message)
    mail["Date"] = format_datetime(message.made_at.astimezone(OFFICE_ZONE))
    mail["From"] = Address(name or "办结", addr_spec=ours)
    mail["To"] = Address(person.name, addr_spec=message.mail_to)
    mail["Subject"] = message.subject
    # no out-of-office reply to this one
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{address}/me>"
    mail.set_content(message.body)
    mail.add_alternative(_template().render(says=says, address=address), subtype="html")
    if message.kind == "brief":
        paper = brief.draw(says)
        mail.add_attachment(paper.pdf, maintype="application", subtype="pdf", filename=f"{says.day}晨报.pdf")
    return mail


def message_id(message: Message) -> str:
    """Made from the row and nothing else: a second copy of the same message says that it is one."""
    return f"<{message.kind}.{message.id}.{int(message.made_at.timestamp() * 1_000_000)}@{_domain()}>"


def _domain() -> str:
    return parseaddr(settings().mail_from or "")[1].rpartition("@")[2] or "localhost"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["instant"] = instant
    return environment.get_template("mail.html.jinja")


def _why(error: Exception) -> str:
    """What a server or the system said, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_said(error.smtp_error)}"
    return _said(str(error)) or type(error).__name__


def _said(words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:300]
