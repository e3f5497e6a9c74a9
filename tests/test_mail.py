"""Mail, against a real SMTP server on this machine: at least once, with one Message-ID, and nothing else waits for it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from sqlalchemy import create_engine, select, text, update
from sqlmodel import Session, col

from api.embedded import Urls
from flows import mail as sender
from flows.digest import digest
from models.db import engine as engine_of
from models.db import url_for
from models.messages import TRIES, Message, claim, compose_digests, put_off
from models.notices import Notice
from models.office import real_now, set_office_clock
from models.people import Person
from models.settings import Settings, settings
from pdf.brief import draw

from .make import Cast, at, at_intake
from .test_digest import notices
from .test_pdf import pages_of, squeezed

CLERK = "zhoumin@example.gov.cn"
OK = "250 OK"


class Server:
    """A mail server that keeps what it gets. `answers` are given to DATA, one after the other, then 250."""

    def __init__(self, encrypted: ssl.SSLContext | None = None, *, from_the_first_byte: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.seen: list[str] = []
        self.answers: list[str] = []
        self.refused: dict[str, str] = {}
        self.connections = 0
        self.on_data: Callable[[], None] = lambda: None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.controller = Controller(
            self, hostname="127.0.0.1", port=self.port, auth_required=False, auth_require_tls=False,
            authenticator=self._let_in, tls_context=None if from_the_first_byte else encrypted, require_starttls=bool(encrypted) and not from_the_first_byte,
            ssl_context=encrypted if from_the_first_byte else None,
        )  # fmt: skip
        self.controller.start()

    def close(self) -> None:
        self.controller.stop()

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.seen.append(str(mail["Message-ID"]))
        self.on_data()
        answer = self.answers.pop(0) if self.answers else OK
        if answer == OK:
            self.mails.append(mail)
        return answer

    def _let_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"banjie@office", b"p/w:1"), handled=False)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def office(own_database: Urls, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database of the test's own, whose flows run in this process and mail through `server`; clerk and head have an address."""
    monkeypatch.setenv("BANJIE_DATABASE_URL", own_database.app)
    monkeypatch.setenv("BANJIE_MAIL_FROM", "办结 <banjie@example.gov.cn>")
    monkeypatch.setenv("BANJIE_PUBLIC_URL", "https://banjie.example.gov.cn/")
    mails_through(monkeypatch, f"smtp://127.0.0.1:{server.port}")
    engine_of.cache_clear()
    engine_of(None)  # made by one thread, and not by each that asks first
    engine = create_engine(url_for(own_database.app))
    with Session(engine) as session, session.begin():
        cast = Cast(session)
        cast.clerk.email, cast.head.email = CLERK, "wufang@example.gov.cn"
        set_office_clock(session, at("2026-10-11 12:00"))  # a Sunday: no briefs
    yield engine
    engine_of(None).dispose()
    engine.dispose()
    engine_of.cache_clear()
    settings.cache_clear()


def mails_through(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BANJIE_SMTP_URL", url)
    settings.cache_clear()


def happens(office: Any, count: int = 1, *accounts: str, urgent: int = 0) -> None:
    with Session(office) as session, session.begin():
        cast = Cast(session)
        case = at_intake(session, cast, "2026-10-09 09:00")
        for account in accounts or ("clerk",):
            notices(session, case, getattr(cast, account), count, urgent=urgent)


def rows(office: Any) -> list[Message]:
    with Session(office, expire_on_commit=False) as session:
        return list(session.scalars(select(Message).order_by(col(Message.id))))


def time_passes(office: Any) -> None:
    """What is to be tried again later may be tried again now."""
    with Session(office) as session, session.begin():
        session.execute(update(Message).where(col(Message.retry_at).is_not(None)).values(retry_at=real_now(session)))


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_a_digest_goes_out_as_text_and_html_over_one_connection(office: Any, server: Server) -> None:
    happens(office, 3, "clerk", "head", urgent=1)
    assert digest.fn() == "0 briefs, 2 digests, 2 mails sent, 0 not"
    assert server.connections == 1
    mail = next(mail for mail in server.mails if mail["To"] == f"周敏 <{CLERK}>")
    assert mail["From"] == "办结 <banjie@example.gov.cn>"
    assert mail["Subject"] == "【办结】3条新通知，其中1条紧急" and mail["Auto-Submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain and html
    words = plain.get_content()
    assert words.startswith("周敏：") and "■ 紧急　1条\n 1. 第2条（10月9日 09:00）" in words.replace("\r\n", "\n")
    assert 'href="https://banjie.example.gov.cn/cases/WX' in html.get_content() and "第0条" in html.get_content()
    assert [part.get_content_type() for part in mail.iter_attachments()] == []
    first, second = rows(office)
    assert first.sent_at and second.sent_at and first.retry_at is None and first.tries == 1
    assert set(server.seen) == {sender.message_id(first), sender.message_id(second)}


def test_a_brief_brings_its_paper(office: Any, server: Server) -> None:
    with Session(office) as session, session.begin():
        at_intake(session, Cast(session), "2026-10-12 09:00")
        set_office_clock(session, at("2026-10-20 08:30"))
    assert digest.fn() == "5 briefs, 0 digests, 2 mails sent, 0 not"
    mail = next(mail for mail in server.mails if CLERK in mail["To"])
    assert mail["Subject"] == "【办结】10月20日晨报：1件待领取"
    (paper,) = mail.iter_attachments()
    assert paper.get_filename() == "2026-10-20晨报.pdf" and paper.get_content_type() == "application/pdf"
    message = next(row for row in rows(office) if row.mail_to == CLERK)
    assert paper.get_content() == draw(message.bulletin).pdf
    assert "1件待领取。" in squeezed("".join(pages_of(paper.get_content())))


def test_whoever_wants_no_mail_or_has_no_address_reads_in_the_application(office: Any, server: Server) -> None:
    with Session(office) as session, session.begin():
        Cast(session).head.mail = False
    happens(office, 1, "clerk", "head", "reviewer")
    assert digest.fn() == "0 briefs, 3 digests, 1 mails sent, 0 not"
    assert [row.mail_to for row in rows(office)].count(None) == 2


def test_without_a_server_nothing_is_queued_and_nothing_comes_later(
    office: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["BANJIE_SMTP_URL"]
    monkeypatch.delenv("BANJIE_SMTP_URL")
    settings.cache_clear()
    happens(office)
    assert digest.fn() == "0 briefs, 1 digests, 0 mails sent, 0 not"
    mails_through(monkeypatch, url)
    assert digest.fn() == "0 briefs, 0 digests, 0 mails sent, 0 not" and server.seen == []


def test_an_address_cannot_smuggle_a_header_and_is_given_up(office: Any, server: Server) -> None:
    with Session(office) as session, session.begin():
        Cast(session).clerk.email = "a@example.cn\r\nBcc: everybody@example.cn"
    happens(office, 1, "clerk", "head")
    assert digest.fn() == "0 briefs, 2 digests, 1 mails sent, 1 not"
    bad = next(row for row in rows(office) if row.sent_at is None)
    assert bad.has_failed and bad.why and bad.why.startswith("邮件无法成文：") and len(server.mails) == 1


def test_the_password_in_the_url_signs_in(office: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    happens(office)
    mails_through(monkeypatch, f"smtp://banjie%40office:wrong@127.0.0.1:{server.port}")
    assert digest.fn().endswith("0 mails sent, 0 not")
    (message,) = rows(office)
    assert message.why and "535" in message.why and message.tries == 0
    mails_through(monkeypatch, f"smtp://banjie%40office:p%2Fw%3A1@127.0.0.1:{server.port}")
    assert digest.fn().endswith("1 mails sent, 0 not")


# --- servers that will not -------------------------------------------------------------------------------------------


def test_down_and_up_again_sends_one_mail_for_all_that_was_waiting(
    office: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails_through(monkeypatch, "smtp://127.0.0.1:1")
    happens(office, 2)
    assert digest.fn() == "0 briefs, 1 digests, 0 mails sent, 0 not"
    (message,) = rows(office)
    assert message.why and message.why.startswith("邮件服务器连不上") and (message.tries, message.sent_at) == (0, None)
    for quarter in range(1, 4):  # an hour of news, and the server still down
        happens(office)
        with Session(office) as session, session.begin():
            real = real_now(session) + timedelta(minutes=15 * quarter)
            compose_digests(session, real, real)
    time_passes(office)
    mails_through(monkeypatch, f"smtp://127.0.0.1:{server.port}")
    assert digest.fn().endswith("1 mails sent, 0 not")
    (mail,) = server.mails
    assert mail["Subject"] == "【办结】5条新通知"
    *before, last = rows(office)
    assert all(row.successor_id and row.retry_at is None and not row.has_failed for row in before) and last.sent_at
    with Session(office) as session:
        assert set(session.scalars(select(col(Notice.message_id)))) == {last.id}


def test_not_now_is_tried_again_later_and_later_and_then_it_goes(office: Any, server: Server) -> None:
    happens(office)
    server.answers = ["451 greylisted", "452 too busy"]
    assert digest.fn().endswith("0 mails sent, 1 not")
    assert digest.fn().endswith("0 mails sent, 0 not"), "it is not due yet"
    (message,) = rows(office)
    assert message.why == "邮件服务器暂不收：451 greylisted" and message.tries == 1
    first = _wait(office, message)
    time_passes(office)
    digest.fn()
    second = _wait(office, rows(office)[0])
    assert timedelta(minutes=14) < first <= timedelta(minutes=15) < second <= timedelta(minutes=30)
    time_passes(office)
    assert digest.fn().endswith("1 mails sent, 0 not")
    (message,) = rows(office)
    assert message.sent_at and message.why is None and message.tries == 3 and len(set(server.seen)) == 1


def _wait(office: Any, message: Message) -> timedelta:
    assert message.retry_at
    with Session(office) as session:
        return message.retry_at - real_now(session)


def test_never_is_never_and_says_why(office: Any, server: Server) -> None:
    server.refused[CLERK] = "550 no such user"
    happens(office, 1, "clerk", "head")
    assert digest.fn().endswith("1 mails sent, 1 not")
    time_passes(office)
    assert digest.fn().endswith("0 mails sent, 0 not")
    (failed,) = [row for row in rows(office) if not row.sent_at]
    assert failed.has_failed and failed.why == "邮件服务器拒收：550 no such user" and failed.tries == 1


def test_tries_come_to_an_end(office: Any, server: Server) -> None:
    happens(office)
    server.answers = ["451 no"] * 99
    digest.fn()
    waits = []
    for _ in range(TRIES - 1):
        with Session(office) as session, session.begin():
            message = claim(session, real_now(session) + timedelta(days=9))
            assert message
            now = real_now(session)
            put_off(session, message, now, "451 no")
            session.refresh(message)
            waits.append(message.retry_at - now if message.retry_at else None)
    given = [wait for wait in waits if wait]
    assert given == sorted(given) and given[-1] == timedelta(hours=12) and waits[-1] is None
    assert rows(office)[0].has_failed and "不再发送" in (rows(office)[0].why or "")


def test_a_server_that_does_not_answer_is_waited_for_briefly(
    office: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "TIMEOUT", 0.3)
    gate = threading.Event()

    def think() -> None:
        gate.wait(5)

    server.on_data = think
    happens(office)
    began = time.monotonic()
    assert digest.fn().endswith("0 mails sent, 1 not") and time.monotonic() - began < 3
    gate.set()
    assert (rows(office)[0].why or "").startswith("发送中断")


def test_while_a_server_thinks_no_transaction_is_open(office: Any, server: Server) -> None:
    """So nobody who works on a case ever waits for mail."""
    found: list[int] = []

    def look() -> None:
        with Session(office) as session:
            others = "datname = current_database() and xact_start is not null and pid <> pg_backend_pid()"
            found.append(session.scalar(text(f"select count(*) from pg_stat_activity where {others}")) or 0)

    server.on_data = look
    happens(office, 1, "clerk", "head")
    digest.fn()
    assert found == [0, 0]


def test_a_server_that_hangs_up_on_everybody_ends_the_run(office: Any, server: Server) -> None:
    with Session(office) as session, session.begin():
        for number, person in enumerate(session.scalars(select(Person))):
            person.email = f"p{number}@example.cn"
    happens(office, 1, "clerk", "head", "reviewer", "payer", "supervisor", "duty", "auditor", "agent")
    server.answers = ["421 going away"] * 99
    assert digest.fn().endswith(f"0 mails sent, {sender.FAILURES} not")


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def test_kill_nine_between_sending_and_marking_sends_a_second_copy_with_the_same_id(
    office: Any, server: Server
) -> None:
    happens(office)
    command = [sys.executable, "-c", "from flows.digest import digest; digest.fn()"]
    process = subprocess.Popen(command, env=os.environ | {"PREFECT_LOGGING_LEVEL": "ERROR"})
    # the server has the mail; who sent it dies before it hears so
    server.on_data = lambda: os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    (message,) = rows(office)
    assert message.sent_at is None and message.retry_at and len(server.mails) == 1
    server.on_data = lambda: None
    assert digest.fn().endswith("0 mails sent, 0 not"), "it is claimed for ten minutes"
    time_passes(office)
    assert digest.fn().endswith("1 mails sent, 0 not")
    assert server.seen == [sender.message_id(message)] * 2 and rows(office)[0].sent_at


def test_two_senders_at_once_send_everything_once(office: Any, server: Server) -> None:
    with Session(office) as session, session.begin():
        for number, person in enumerate(session.scalars(select(Person))):
            person.email = f"p{number}@example.cn"
    happens(office, 1, "clerk", "head", "reviewer", "payer", "supervisor", "duty", "auditor", "agent")
    server.on_data = lambda: time.sleep(0.05)
    threads = [threading.Thread(target=digest.fn) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.mails) == len(set(server.seen)) == 8


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "mail_from", "sentence"),
    [
        ("mail.example.cn:25", "a@example.cn", "BANJIE_SMTP_URL 应写作"),
        ("http://mail.example.cn", "a@example.cn", "BANJIE_SMTP_URL 应写作"),
        ("smtp://mail.example.cn", None, "BANJIE_MAIL_FROM"),
    ],
)
def test_a_wrong_address_of_the_server_is_said_at_the_start(url: str, mail_from: str | None, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(smtp_url=url, mail_from=mail_from)  # type: ignore[arg-type]


def test_the_password_of_the_server_is_in_no_print() -> None:
    assert "geheim" not in repr(Settings(smtp_url="smtp://a:geheim@mail.example.cn", mail_from="a@example.cn"))  # type: ignore[arg-type]


def test_starttls_that_is_asked_for_is_never_left_out(
    office: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails_through(monkeypatch, f"smtp://127.0.0.1:{server.port}?starttls=1")
    happens(office)
    assert digest.fn().endswith("0 mails sent, 0 not")
    assert "STARTTLS" in (rows(office)[0].why or "") and server.seen == []


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that certifies itself, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "mail.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + plain)
    return path


@pytest.mark.parametrize("address", ["smtp://127.0.0.1:{}?starttls=1", "smtps://127.0.0.1:{}"])
def test_mail_goes_out_encrypted_and_only_to_a_server_whose_certificate_is_trusted(
    office: Any, certified: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified)
    server = Server(context, from_the_first_byte=address.startswith("smtps"))
    try:
        mails_through(monkeypatch, address.format(server.port))
        happens(office)
        assert digest.fn().endswith("0 mails sent, 0 not")
        assert "CERTIFICATE_VERIFY_FAILED" in (rows(office)[0].why or "") and server.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certified))
        assert digest.fn().endswith("1 mails sent, 0 not")
        assert [mail["To"] for mail in server.mails] == [f"周敏 <{CLERK}>"]
    finally:
        server.close()
