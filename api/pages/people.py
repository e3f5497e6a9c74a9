"""人员: who has what on their desk, who stands in for whom, and who takes over from an officer who leaves."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlmodel import Session, col

from models.access import SEES_ITS_AREA, looks_after_people, manages_for
from models.errors import Invalid
from models.handover import (
    HandOver,
    count_officers,
    end_post,
    handover,
    officer,
    officers,
    take_orphan,
    takers,
)
from models.people import Body, Person, Post, Role
from models.substitutes import colleagues, end, may_decide, stand_in, substitutions
from models.territory import Area

from ..deps import Db, Me
from ..people import between, person_of, state_of
from .forms import Attempt, Typed, attempt, local, text
from .render import Here, page
from .render import query as written

router = APIRouter()
Account = Annotated[str, Path(max_length=100)]
Key = Annotated[int, Path(ge=1, lt=2**63)]
POOL = "-"
"""What the form sends for: back to the desks' pools."""
STATES = {"now": "代理中", "ahead": "未开始", "over": "已期满", "ended": "已提前结束"}
DONE = {"entered": "代理已设置。", "ended": "代理已结束。", "post": "岗位的最后一天已记下。"}


@router.get("/people")
def list_people(
    request: Request,
    session: Db,
    me: Me,
    here: Here,
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """The officers one looks after; whoever looks after nobody is led to their own page."""
    if not looks_after_people(me):
        return RedirectResponse(f"/people/{me.handle}", status_code=303)
    q = q.replace("\0", "").strip()
    found, following = officers(session, me, here.now, q=q, after=after)
    return page(
        request,
        "people/list.html",
        me,
        found=found,
        total=count_officers(session, me, here.now, q),
        q=q,
        places=_places(session, (post for one in found for post in one.posts)),
        sees_cases=_sees_cases(me),
        more="/people" + written({"q": q, "after": following}) if following else None,
        first="/people" + written({"q": q}) if after else None,
    )


@router.get("/people/{account}")
def read_person(account: Account, request: Request, session: Db, me: Me, here: Here, done: str = "") -> HTMLResponse:
    return _person_page(request, session, me, here, account, done=DONE.get(done))


@router.post("/people/{account}/substitutions")
def enter(account: Account, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Fields: `substitute` (account), `from_day`, `to_day`."""
    one = officer(session, me, account, here.now)
    with attempt(session, typed) as tried:
        substitute = person_of(session, text(typed, "substitute"), "substitute")
        assert substitute is not None
        days = between(_day(typed, "from_day", "起始日"), _day(typed, "to_day", "结束日"))
        stand_in(session, one.person, substitute, *days, by=me, at=here.now)
        return RedirectResponse(f"/people/{account}?done=entered#substitutions", status_code=303)
    return _person_page(request, session, me, here, account, form="substitution", tried=tried)


@router.post("/substitutions/{substitution_id}/end")
def end_early(substitution_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Field: `of` (account whose page it is)."""
    account = text(typed, "of") or me.handle
    with attempt(session, typed) as tried:
        end(session, substitution_id, by=me, at=here.now)
        return RedirectResponse(local(f"/people/{account}", "/people") + "?done=ended#substitutions", status_code=303)
    return _person_page(request, session, me, here, account, form="end", tried=tried)


@router.post("/people/{account}/handover")
def hand_over(account: Account, request: Request, session: Db, me: Me, here: Here, typed: Typed) -> Response:
    """Fields: `to` (account, or `-` for the pools), `after`, `sure` (without it: a preview)."""
    one = officer(session, me, account, here.now)
    after = text(typed, "after")
    with attempt(session, typed) as tried:
        to = _taker(session, text(typed, "to"))
        found = handover(
            session,
            one.person,
            to,
            by=me,
            at=here.now,
            dry_run="sure" not in typed,
            after=int(after) if after.isdecimal() and len(after) < 19 else 0,
        )
        return _person_page(request, session, me, here, account, form="handover", tried=tried, found=found, to=to)
    return _person_page(request, session, me, here, account, form="handover", tried=tried)


@router.post("/people/{account}/posts/{post_id}/end")
def end_a_post(
    account: Account, post_id: Key, request: Request, session: Db, me: Me, here: Here, typed: Typed
) -> Response:
    """Field: `last_day`."""
    officer(session, me, account, here.now)
    with attempt(session, typed) as tried:
        last_day, _ = between(*[_day(typed, "last_day", "最后一天")] * 2)
        end_post(session, post_id, last_day, by=me, at=here.now)
        return RedirectResponse(f"/people/{account}?done=post#posts", status_code=303)
    return _person_page(request, session, me, here, account, form=f"post-{post_id}", tried=tried)


@router.post("/orphans/{orphan_id}/take")
def take(orphan_id: Key, session: Db, me: Me, here: Here) -> RedirectResponse:
    take_orphan(session, orphan_id, by=me, at=here.now)
    return RedirectResponse("/orphans", status_code=303)


def _person_page(
    request: Request,
    session: Session,
    me: Person,
    here: Here,
    account: str,
    *,
    form: str = "",
    tried: Attempt | None = None,
    done: str | None = None,
    found: HandOver | None = None,
    to: Person | None = None,
) -> HTMLResponse:
    """`form` is the one that was sent; `found` what a hand-over did, or in a preview would do."""
    one = officer(session, me, account, here.now)
    refused = tried.refused if tried else None
    manages = manages_for(me, one.posts) is not None
    may_enter = may_decide(me, one.person, here.today)
    return page(
        request,
        "people/person.html",
        me,
        status=refused.status if refused else 200,
        one=one,
        is_me=one.person.id == me.id,
        places=_places(session, one.posts),
        standing=[
            (told, state_of(told, here.today), may_decide(me, told.absent, here.today))
            for over in (False, True)
            for told in substitutions(session, me, here.today, about=one.person, over=over, limit=200)
        ],
        states=STATES,
        colleagues=_options(colleagues(session, one.person, here.today)) if may_enter else [],
        takers=[*_options(takers(session, one.person, here.today)), (POOL, "退回岗位，待领取")] if manages else [],
        may_enter=may_enter,
        manages=manages,
        sees_cases=_sees_cases(me),
        form=form,
        tried=tried,
        done=done,
        found=found,
        sure=bool(tried and found and "sure" in tried.typed),
        to=to,
    )


def _sees_cases(me: Person) -> bool:
    """The administrator counts cases, and opens none."""
    return any(post.role in SEES_ITS_AREA for hand in me.hands for post in hand.posts)


def _options(people: Iterable[Person]) -> list[tuple[str, str]]:
    return [(one.handle, f"{one.name}（{one.title}）") for one in people]


def _taker(session: Session, typed: str) -> Person | None:
    if not typed:
        raise Invalid("请选择由谁接办，或退回岗位待领取。", field="to")
    return None if typed == POOL else person_of(session, typed, "to")


def _day(typed: Any, name: str, label: str) -> date:
    try:
        return date.fromisoformat(text(typed, name).strip())
    except ValueError:
        raise Invalid(f"{label}须写成 2026-09-30。", field=name) from None


def _places(session: Session, posts: Iterable[Post]) -> dict[int, str]:
    """By post, what it is and where: `街道经办人，福田区莲花街道办事处`."""
    posts = list(posts)
    bodies = select(col(Body.id), col(Body.name)).where(col(Body.id).in_({post.body_id for post in posts}))
    names = dict(session.execute(bodies).tuples().all())
    areas = select(col(Area.path), col(Area.name)).where(col(Area.path).in_({post.area_path for post in posts}))
    paths = dict(session.execute(areas).tuples().all())
    return {
        post.id or 0: f"{Role(post.role).title}，{names.get(post.body_id or 0) or paths.get(post.area_path, '')}"
        for post in posts
    }
