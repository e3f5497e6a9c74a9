"""The web: JSON under `/api`, pages for people, and what operators look at (`/healthz`, `/readyz`, `/metrics`)."""

from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.middleware.gzip import GZipMiddleware

from models.db import engine
from models.errors import Unavailable
from models.health import pulse
from models.logs import write_log_as_json
from models.settings import settings

from . import (
    attachments,
    auth,
    cases,
    dashboard,
    desk,
    errors,
    estates,
    evaluations,
    fund,
    jobs,
    messages,
    pages,
    people,
    proposals,
    reference,
    voting,
)
from . import health as clock_health
from .deps import Db, login_of
from .middleware import BodyLimit, Headers, Measured, observe
from .setup import alembic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parent.parent
STATIC = Path(__file__).parent / "static"
LIBRARIES = {
    "tabler": "@tabler/core/dist",
    "htmx": "htmx.org/dist",
    "echarts": "echarts/dist",
    "swagger": "swagger-ui-dist",
    "fonts": "@expo-google-fonts/noto-sans-sc",
}
"""What pages load, by its place under `/assets`, from node_modules."""

health = APIRouter(include_in_schema=False)


def create_app(database_url: str | None = None) -> FastAPI:
    """The application on `database_url`, or on the configured database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> "AsyncIterator[None]":
        yield
        app.state.engine.dispose()

    write_log_as_json()
    app = FastAPI(
        title="办结 Banjie", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json", lifespan=lifespan
    )
    app.state.engine = engine(database_url)
    for part in (
        auth,
        cases,
        desk,
        estates,
        voting,
        evaluations,
        fund,
        attachments,
        messages,
        dashboard,
        reference,
        people,
        proposals,
        jobs,
        clock_health,
    ):
        app.include_router(part.router)
    app.include_router(health)
    app.include_router(pages.router)
    for name, folder in LIBRARIES.items():
        installed = ROOT / settings().node_modules / folder
        if installed.is_dir():
            app.mount(f"/assets/{name}", StaticFiles(directory=installed))
    app.mount("/assets", StaticFiles(directory=STATIC))
    errors.handle(app)
    # the last one added sees a request first
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(BodyLimit, limit=settings().upload_limit + 64 * 1024)
    app.add_middleware(Headers)
    app.add_middleware(Measured)
    return app


@health.get("/healthz")
def is_alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@health.get("/favicon.ico")
def favicon() -> RedirectResponse:
    """What browsers ask for beside papers, which cannot say where it is."""
    return RedirectResponse("/assets/favicon.svg")


@health.get("/readyz")
def is_ready(request: Request) -> JSONResponse:
    """Whether work can be done: the database answers, its schema is this release's, somebody watches the clocks, and what is due is fired.

    `{"database", "schema", "shift", "oldest_unfired"}`, each whether it is as it should be, and `reasons`: of those that are not, a
    sentence. 503 where there is one; a load balancer that shall go on serving pages while nobody watches asks `/healthz`.
    """
    checks = dict.fromkeys(("database", "schema", "shift", "oldest_unfired"), False)
    reasons = {"database": "数据库没有应答。"}
    with suppress(SQLAlchemyError), Session(request.app.state.engine) as session:
        connection = session.connection()
        checks["database"] = True
        reasons = {"schema": "数据库结构不是本版本的，请先升级数据库（banjie migrate）。"}
        if MigrationContext.configure(connection).get_current_revision() == _head():
            reasons = pulse(session).reasons
            checks = {name: name not in reasons for name in checks}
    return JSONResponse(checks | {"reasons": reasons}, Unavailable.status if reasons else 200)


@cache
def _head() -> str | None:
    return ScriptDirectory.from_config(alembic(None)).get_current_head()


@health.get("/metrics")
def measure(session: Db) -> Response:
    """Figures for Prometheus; no personal data."""
    return Response(observe(session), media_type=CONTENT_TYPE_LATEST)


@health.get("/docs")
def docs(request: Request, session: Db) -> HTMLResponse:
    """The API, to read and to try, without the internet."""
    from .pages.render import page

    login = login_of(request, session)
    return page(request, "docs.html", None, csrf=login.csrf if login else "")
