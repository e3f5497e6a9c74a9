"""The watch: deadlines and periods whose instant has come are fired, one set in one transaction."""

from datetime import datetime

from models.climb import climb, next_instant
from models.db import transaction
from models.office import office_clock, office_now


def watch() -> int:
    """Fire one batch of what is due now, oldest first. Returns how many clocks were handled; 0: nothing is left."""
    with transaction() as session:
        return climb(session, office_now(session))


def next_look() -> datetime | None:
    """The real instant at which the next clock is due; None: no clock runs."""
    with transaction() as session:
        due = next_instant(session)
        return office_clock(session).real(due) if due else None
