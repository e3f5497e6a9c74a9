"""The desk through JSON."""

from typing import Any

from fastapi import APIRouter, Response

from models.case import Case
from models.desk import desk_of, mark_read
from models.people import Person

from .cases import instant, names, summary
from .deps import Db, Me, Now
from .idempotency import OnlyOnce

router = APIRouter(prefix="/api", tags=["desk"])


@router.get("/desk")
def read_desk(session: Db, me: Me, now: Now) -> dict[str, Any]:
    """`mine`, `pool` (nobody has taken it yet), `sent` (moved by oneself, now elsewhere): the first fifty of each; and notices.

    `totals` says by the same names how many there are in all; a case's `stands_in_for` whose it is, where one acts for them.
    """
    view = desk_of(session, me, now)
    cases = [*view.mine, *view.pool, *view.sent]
    people = names(session, Person, {case.assignee_id for case in cases if case.assignee_id})
    stood_in_for = {hand.person.id: hand.person.name for hand in me.hands[1:]}

    def line(case: Case) -> dict[str, Any]:
        told = summary(case, now, people.get(case.assignee_id or 0))
        return told | {"stands_in_for": stood_in_for.get(case.assignee_id)}

    return {
        "at": instant(now),
        "mine": [line(case) for case in view.mine],
        "pool": [line(case) for case in view.pool],
        "sent": [line(case) for case in view.sent],
        "totals": view.totals,
        "unread": view.unread,
        "notices": [
            {"id": one.id, "text": one.text, "urgent": one.urgent, "made_at": instant(one.made_at), "read_at": instant(one.read_at)}
            for one in view.notices
        ],
    }  # fmt: skip


@router.post("/desk/notices/read")
def read_notices(session: Db, me: Me, now: Now, once: OnlyOnce) -> Response:
    """All notices are read."""
    return once(lambda: {"read": mark_read(session, me, now)})
