"""`GET /api/dashboard`: every figure of what one may see, each with the address of the list it counts."""

from typing import Any

from fastapi import APIRouter

from models.dashboard import figures

from .deps import Db, Me, Now

router = APIRouter(prefix="/api", tags=["dashboard"])


@router.get("/dashboard")
def read_dashboard(session: Db, me: Me, now: Now) -> dict[str, Any]:
    """`{"at", "figures": [{"metric", "group", "count", "href"}, …]}`; a rate has `part` and `whole` of `{"count", "href"}` instead.

    `group` is null (everything one may see) or `{"by": "street" | "type" | "stage", "key", "title"}`. Asked with `total=1`, the
    list at `href` answers a `total` that equals `count`; its `at=` holds due, yellow, red and stale to the figure's instant.
    """
    return figures(session, me, now).as_json()
