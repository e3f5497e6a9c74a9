"""What must be in the database before anybody can work: the schema, and the facts every office starts from."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlmodel import Session

from models.db import url_for
from models.editions import sync_calendar
from models.office import real_now
from models.rules import sync_rulebook
from models.settings import settings
from models.territory import sync_territory

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def alembic(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate(owner_url: str) -> None:
    """Bring the schema to this release's. One at a time: a second waits for the first."""
    engine = create_engine(url_for(owner_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("select pg_advisory_xact_lock(8217, 1)")
        command.upgrade(alembic(connection), "head")
    engine.dispose()


def sync_facts(session: Session) -> None:
    """Territory, rules and calendars as shipped; what is there already stays as it is."""
    sync_territory(session)
    sync_rulebook(session)
    for folder in settings().casetypes:
        sync_rulebook(session, folder)
    sync_calendar(session, real_now(session))
