"""What must be in the database before anybody can work: schema, facts, and for a trial its people and cases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlmodel import Session

from models.db import engine, transaction, url_for
from models.editions import sync_calendar
from models.office import office_now, real_now
from models.rules import rule_folders, sync_ladders, sync_rulebook
from models.settings import settings
from models.territory import sync_territory

from .embedded import Embedded, Urls, running
from .seed import Account, trial

MIGRATIONS = Path(__file__).parent.parent / "migrations"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(8217, 1)"


def alembic(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate(owner_url: str) -> None:
    """Bring the schema to this release's. One at a time: a second waits for the first."""
    engine = create_engine(url_for(owner_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(ONE_AT_A_TIME)
        command.upgrade(alembic(connection), "head")
    engine.dispose()


@contextmanager
def office() -> Iterator[Urls]:
    """The database at hand: the configured one, or that of the running system.

    Else the embedded one, made ready and run for the length of the block.
    """
    config = settings()
    if config.database_url:
        yield Urls(config.owner_url or config.database_url, config.database_url)
    elif urls := running(config.var):
        yield urls
    else:
        with Embedded(config.var) as server:
            urls = Urls(server.owner_url, server.app_url)
            migrate(urls.owner)
            seed(urls.owner, config.mode)
            try:
                yield urls
            finally:
                for url in urls:
                    engine(url).dispose()


def sync_facts(session: Session) -> None:
    """Territory, rules, ladders and calendars as shipped; what is there already stays as it is.

    Errors: `Conflict` where a rule version or a ladder that is in use has been rewritten.
    """
    sync_territory(session)
    for folder in rule_folders():
        sync_rulebook(session, folder)
    sync_ladders(session)
    sync_calendar(session, real_now(session))


def seed(url: str, mode: str) -> list[Account]:
    """The facts, and for a trial its people and cases, in one transaction; what is there already stays as it is.

    Returns the trial accounts with their password; none in production.
    """
    with transaction(url) as session:
        session.connection().exec_driver_sql(ONE_AT_A_TIME)
        sync_facts(session)
        return trial(session, office_now(session), settings().var) if mode == "trial" else []
