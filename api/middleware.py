"""What every request passes: its size, its headers, its measure. Plain ASGI, so that streams stream."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import anyio
import structlog
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client import Histogram as Timing
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import Session
from starlette.datastructures import Headers as Read
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import TooLarge
from models.health import gauges, pulse
from models.lateness import BOUNDS, Histogram, histograms
from models.settings import settings

from .errors import answer, shown_path

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
"""No inline script or style, nothing from anywhere else."""

PATIENCE = 10
"""Seconds for which a body that is too large is let run into the sand."""

REGISTRY = CollectorRegistry()
REQUESTS = Counter("banjie_requests", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Timing("banjie_request_seconds", "Time to the first byte", ["method", "route"], registry=REGISTRY)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
log = structlog.get_logger()


def observe(session: Session) -> bytes:
    """Everything for Prometheus, as text: what this process has answered, and what the database knows."""
    read = pulse(session)
    office = CollectorRegistry()
    office.register(Office(gauges(session, read), histograms(session)))
    return generate_latest(REGISTRY) + generate_latest(office)


@dataclass(frozen=True, eq=False)
class Office(Collector):
    """The office as one scrape finds it; read from the database, so that every process tells the same."""

    state: Mapping[str, float]
    lateness: Mapping[str, Histogram]

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "banjie_state", "What lies in the office, and whether somebody watches the clocks", labels=["what"]
        )
        for what, value in self.state.items():
            state.add_metric([what], value)
        yield state
        late = HistogramMetricFamily(
            "banjie_lateness_seconds", "Real seconds from when a step, or the end of a period, was due until it happened",
            labels=["what"],
        )  # fmt: skip
        bounds = [*map(str, BOUNDS), "+Inf"]
        for what, histogram in self.lateness.items():
            late.add_metric([what], list(zip(bounds, histogram.cumulated, strict=True)), histogram.seconds)
        yield late


class BodyLimit:
    """Refuses a body over `limit` bytes, by what it says of itself, or else once so much has come."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        stated = Read(scope=scope).get("content-length", "0")
        if stated.isdigit() and int(stated) > self.limit:
            await self._refuse(scope, receive, send)
            return
        came, is_more = 0, True

        async def counted() -> Message:
            nonlocal came, is_more
            message = await receive()
            came, is_more = came + len(message.get("body", b"")), message.get("more_body", False)
            if came > self.limit:
                raise _TooMuch
            return message

        async def unless_too_much(message: Message) -> None:
            # who reads the body makes an answer of its own of what was raised above
            if came <= self.limit:
                await send(message)

        try:
            await self.app(scope, counted, unless_too_much)
        except _TooMuch:
            pass
        if came > self.limit:
            await self._refuse(scope, receive, send, is_more)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, is_more: bool = True) -> None:
        megabytes = self.limit // (1024 * 1024)
        refused = TooLarge(f"提交的内容超过 {megabytes} MB 的上限，请压缩或分开提交。", field="body")
        response = answer(Request(scope), refused)
        response.headers["Connection"] = "close"

        async def unended(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await response(scope, receive, unended)
        # the answer is out; a browser reads it once it has sent its body, and shows none where the line is cut before
        with anyio.move_on_after(PATIENCE):
            while is_more:
                is_more = (await receive()).get("more_body", False)
        await send({"type": "http.response.body", "body": b""})


class _TooMuch(Exception):
    pass


class Headers:
    """Security headers on everything; nothing a person has seen is kept by caches, our own files are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers(scope):
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, headed)

    def _headers(self, scope: Scope) -> Iterable[tuple[str, str]]:
        yield "Content-Security-Policy", POLICY
        yield "X-Content-Type-Options", "nosniff"
        yield "X-Frame-Options", "DENY"
        if scope["path"].startswith("/v/"):
            # the address of a vote opens it: no page is told it, ours neither
            yield "Referrer-Policy", "strict-origin"
            yield "X-Robots-Tag", "noindex, nofollow"
        else:
            yield "Referrer-Policy", "same-origin"
        yield "Cross-Origin-Opener-Policy", "same-origin"
        yield "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        if settings().mode == "production":
            yield "Strict-Transport-Security", "max-age=31536000"
        if not scope["path"].startswith("/assets/"):
            yield "Cache-Control", "no-store"
        elif b"v=" in scope["query_string"]:
            yield "Cache-Control", "public, max-age=31536000, immutable"
        else:
            yield "Cache-Control", "public, max-age=86400"


class Measured:
    """Counts and times requests by route, and leaves one line per request in the log: who, which address, how it went."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        try:
            await self.app(scope, receive, timed)
        except Exception:
            # answered outside of us, by the handler of what nobody expected
            self._count(scope, 500, time.perf_counter() - begun)
            raise

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # names that anybody could make up would each be a row of figures
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", None) or ("/assets" if self._is_asset(scope) else "other")
        REQUESTS.labels(method, route, status).inc()
        SECONDS.labels(method, route).observe(seconds)
        if self._is_asset(scope) or scope["path"] == "/healthz":
            return
        me = scope.get("state", {}).get("me")
        log.info(
            "request", method=scope["method"], path=shown_path(scope["path"]), status=status, ms=round(seconds * 1000, 1),
            person=me.id if me else None,
        )  # fmt: skip

    def _is_asset(self, scope: Scope) -> bool:
        return bool(scope["path"].startswith("/assets/"))
