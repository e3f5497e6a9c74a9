"""After an outage, beside what cannot be acted on, in any zone: what is due fires, once, at its instant, and nobody is buried in paper."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from api.embedded import Urls
from flows.hand_off import carry_on
from models.case import Case, events_of
from models.climb import BATCH, climb
from models.clock import Clock
from models.db import transaction

from .make import Cast, at, at_review, copies


def caught_up(session: Session, when: datetime) -> None:
    """The shift looks until nothing is left of that moment."""
    while climb(session, when):
        pass
    while carry_on(session, when):
        pass


# --- what cannot be acted on holds nothing up ---


def test_one_that_is_due_fires_at_once_beside_thousands_that_cannot(session: Session, cast: Cast) -> None:
    old = copies(session, at_review(session, cast, "2026-09-28 09:00"), [None] * 3000)
    set_aside = (
        update(Clock).where(col(Clock.case_id).in_(old[40:])).values(parked_at=at("2026-10-10 09:00"), parked_why="…")
    )
    session.execute(set_aside)
    session.execute(update(Clock).where(col(Clock.case_id).in_(old)).values(next_step="no such step"))
    due = at_review(session, cast, "2026-10-12 09:00")
    assert climb(session, at("2026-10-16 08:30")) == 42
    assert events_of(session, due)[-1].name == "remind"
    parked = select(func.count(col(Clock.id))).where(col(Clock.parked_at).is_not(None))
    assert session.scalar(parked) == 3000 and climb(session, at("2026-10-16 08:30")) == 0


def test_what_others_have_locked_does_not_hide_what_is_due_after_it(own_database: Urls) -> None:
    with transaction(own_database.app) as session:
        old = at_review(session, Cast(session), "2026-10-12 09:00")
        busy = [old.id, *copies(session, old, [None] * BATCH)]
        due = at_review(session, Cast(session), "2026-10-13 09:00").id
    with transaction(own_database.app) as elsewhere:
        elsewhere.execute(select(col(Case.id)).where(col(Case.id).in_(busy)).with_for_update())
        with transaction(own_database.app) as session:
            assert climb(session, at("2026-10-19 08:30")) == 1
            while carry_on(session, at("2026-10-19 08:30")):
                pass
            last = events_of(session, session.get_one(Case, due))[-1]
            assert last.name == "remind" and last.handled_at
