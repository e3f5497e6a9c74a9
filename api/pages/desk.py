"""我的办件: what is this person's to do next, what may be taken, what they wait for, what they were told."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlmodel import col

from models.access import DESK_OF_ROLE, see
from models.case import Case
from models.desk import desk_of, mark_read
from models.lists import CaseQuery, page_of, total_of
from models.people import Role

from ..deps import Db, Me
from .cases import done_words, ways_to_open
from .lines import Line, lines
from .render import Here, Office, page

router = APIRouter()


@router.get("/")
def read_desk(
    request: Request, session: Db, me: Me, here: Here, done: int | None = None, case: str = ""
) -> HTMLResponse:
    """`done` and `case` name the ledger line one has just written from here."""
    lies = desk_of(session, me, here.now)
    mine, pool, sent = (lines(session, cases, here.now) for cases in (lies.mine, lies.pool, lies.sent))
    told = {notice.case_id for notice in lies.notices}
    numbers = dict(session.execute(select(col(Case.id), col(Case.number)).where(col(Case.id).in_(told))).tuples().all())
    watched: list[Line] = []
    desks = {DESK_OF_ROLE.get(Role(post.role)) for post in me.posts} - {None}
    summary = _summary(mine, lies.totals["mine"], here)
    if not desks:
        asked = CaseQuery(state="open", sort="due", limit=10)
        watched = lines(session, page_of(session, me, asked, here.now)[0], here.now)
        open_cases = total_of(session, me, asked, here.now)
        summary = f"有{open_cases}件在办" if open_cases else "眼下没有在办的案件"
    return page(
        request,
        "desk.html",
        me,
        summary=summary,
        watched=watched,
        mine=mine,
        pool=pool,
        sent=sent,
        totals=lies.totals,
        notices=[(notice, numbers.get(notice.case_id)) for notice in lies.notices],
        unread=lies.unread,
        works=bool(desks),
        has_pool=any(desk and desk.is_office for desk in desks),
        opens=ways_to_open(session, me),
        done=done_words(session, me, see(session, me, case), done) if case else None,
    )


@router.post("/notices/read")
def read_all(session: Db, me: Me, here: Here) -> RedirectResponse:
    mark_read(session, me, here.now)
    return RedirectResponse("/#notices", status_code=303)


def _summary(mine: list[Line], total: int, here: Office) -> str:
    """What presses, in one breath."""
    late = sum(line.card == "red" for line in mine)
    today = sum(line.is_due_on(here.today) for line in mine)
    said = [f"{late}件已逾期"] * bool(late) + [f"{today}件今天到期"] * bool(today)
    if said:
        return "，".join(said)
    return f"有{total}件待办，没有逾期" if mine else "眼下没有待办"
