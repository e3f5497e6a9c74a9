"""The digest: every quarter of an hour everybody is told, once, what has come; in the morning what the day holds; then mail goes out.

One run handles everything that is due. Its three parts do not need each other: where one fails, the others are done all the same.
"""

from collections.abc import Callable

import structlog
from prefect import flow

from flows.mail import send_all
from models.brief import compose_briefs
from models.db import transaction
from models.logs import write_log_as_json
from models.messages import compose_digests
from models.office import office_now, real_now

log = structlog.get_logger()


@flow(name="digest", persist_result=False)
def digest() -> str:
    """Compose what is due and send what waits. Returns in a sentence what was done. Safe to run at any time, and twice at once."""
    write_log_as_json()
    failed: list[Exception] = []

    def part(work: Callable[[], str]) -> str:
        try:
            return work()
        except Exception as error:
            log.exception("a part of the digest failed", part=work.__name__)
            failed.append(error)
            return f"{work.__name__} failed"

    said = ", ".join(part(work) for work in (briefs, digests, mail))
    if failed:
        raise failed[0]
    return said


def briefs() -> str:
    """The morning's, for everybody who has none of this date yet."""
    told = 0
    while True:
        with transaction() as session:
            done = compose_briefs(session, office_now(session), real_now(session))
        if done is None:
            return f"{told} briefs"
        told += done


def digests() -> str:
    """One for each person who has something to be told, a hundred of them in one transaction."""
    told, after = 0, 0
    while True:
        with transaction() as session:
            done = compose_digests(session, office_now(session), real_now(session), after)
        if done is None:
            return f"{told} digests"
        after, told = done.last, told + done.told


def mail() -> str:
    sent, failed = send_all()
    return f"{sent} mails sent, {failed} not"
