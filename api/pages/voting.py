"""What a voter sees on a telephone: the question, three answers, a code, a receipt. No account, no cookie, no script.

A form from elsewhere could do nothing here: the browser brings nothing along, and both secrets stand in the request itself.
"""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session

from models.decisions import MATTERS, Decision
from models.electronic import ElectronicBallot, ElectronicVote, VoteLink, must_have_begun
from models.errors import Invalid, Refused, TooMany
from models.territory import Estate

from ..auth import FAILURES, PER_ACCOUNT, PER_ADDRESS
from ..deps import Db, refuse_foreign
from .estates import OPINIONS
from .forms import Attempt, Typed, attempt, text
from .render import Here, Office, page

router = APIRouter(prefix="/v")
LOCKED = "验证码输错次数过多，这个链接已经锁定。请联系发放投票单的单位补发。"


@router.get("/receipt")
def find_receipt(request: Request, receipt: str = "") -> Response:
    """A receipt as it was written down or pasted. No link's token is this short."""
    plain = "".join(receipt.split())
    return (
        RedirectResponse(f"/v/receipt/{quote(plain, safe='')}", 303) if plain else page(request, "vote/find.html", None)
    )


@router.get("/{token}")
def read_ballot(token: str, request: Request, session: Db, here: Here) -> HTMLResponse:
    return _ballot_page(request, session, here, VoteLink.of(session, token))


@router.post("/{token}")
def cast(token: str, request: Request, session: Db, here: Here, typed: Typed) -> Response:
    """Fields: `opinion` (`agree`, `disagree`, `abstain`), `code`."""
    refuse_foreign(request, "请求来自其他网站，请从投票单上的链接打开本页。")
    link = VoteLink.of(session, token)
    # outside the attempt, which undoes what it refuses: a wrong code stays counted
    refused = _turned_away(request, session, link, token, text(typed, "code").strip())
    with attempt(session, typed) as tried:
        must_have_begun(session.get_one(Decision, link.decision_id), here.now)
        if refused:
            raise refused
        ballot = link.cast(session, text(typed, "opinion"), here.now)
        return RedirectResponse(f"/v/receipt/{ballot.hash}", status_code=303)
    return _ballot_page(request, session, here, link, tried)


@router.get("/receipt/{receipt}")
def read_receipt(receipt: str, request: Request, session: Db, here: Here) -> HTMLResponse:
    """That a ballot is recorded, and nothing of what it says; nor whether the unit has voted again, which a buyer would like to know."""
    ballot = ElectronicBallot.of_receipt(session, receipt)
    decision = session.get_one(Decision, ballot.decision_id)
    return page(
        request,
        "vote/receipt.html",
        None,
        ballot=ballot,
        decision=decision,
        estate=session.get_one(Estate, decision.estate_id),
        is_late=ballot.is_late(decision),
        is_open=decision.window is not None and here.now < decision.window[1],
    )


def _turned_away(request: Request, session: Session, link: VoteLink, token: str, code: str) -> Refused | None:
    """Why this code does not admit, slowed down as sign-ins are; None where it does."""
    address, account = f"vote {request.client.host if request.client else ''}", f"vote {link.id}"
    if link.is_locked:
        return Invalid(LOCKED, field="code")
    if not code:
        return Invalid("请填写投票单上的六位验证码。", field="code")
    if not (FAILURES.test(PER_ADDRESS, address) and FAILURES.hit(PER_ACCOUNT, account)):
        return TooMany("验证码连续输错，请五分钟后再试。", field="code")
    if link.admits(session, token, code):
        FAILURES.clear(PER_ACCOUNT, account)
        return None
    FAILURES.hit(PER_ADDRESS, address)
    return Invalid(LOCKED if link.is_locked else "验证码不正确，请对照投票单重填。", field="code")


def _ballot_page(
    request: Request, session: Session, here: Office, link: VoteLink, tried: Attempt | None = None
) -> HTMLResponse:
    decision = session.get_one(Decision, link.decision_id)
    refused = tried.refused if tried else None
    return page(
        request,
        "vote/ballot.html",
        None,
        status=refused.status if refused else 200,
        link=link,
        decision=decision,
        estate=session.get_one(Estate, decision.estate_id),
        vote=session.get_one(ElectronicVote, link.decision_id),
        matter=MATTERS[decision.kind],
        has_begun=decision.window is None or here.now >= decision.window[0],
        has_closed=decision.window is not None and here.now >= decision.window[1],
        last=link.last_cast(session),
        locked=LOCKED,
        opinions=OPINIONS,
        tried=tried,
    )
