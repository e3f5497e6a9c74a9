"""Settings from `BANJIE_*` and a `.env`. Secrets have no defaults: `banjie up` makes them once and keeps them in the state folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BANJIE_", env_file=".env", extra="ignore")

    mode: Literal["trial", "production"] = "trial"
    host: str = "127.0.0.1"
    port: int = 8200
    """Port of the web; Prefect's API listens on the next one unless PREFECT_SERVER_API_PORT says otherwise."""
    var: Path = Path("var")
    """The state folder: database, Prefect's database, logs, secrets."""
    database_url: str | None = None
    """The running system's connection (least privilege). None: the embedded PostgreSQL in the state folder."""
    owner_url: str | None = None
    """The connection that may change the schema, for `banjie migrate`. None: the same as `database_url`."""
    fonts: Path | None = None
    """A folder of the operator's own fonts, looked into before the packaged ones."""
    casetypes: tuple[Path, ...] = ()
    """Folders of further case types, each with its own rules and wording beside it (JSON list)."""
    node_modules: Path = Path(__file__).parent.parent / "node_modules"
    session_hours: int = 12
    upload_limit: int = 10 * 1024 * 1024
    """Bytes of one upload or request body."""


@lru_cache
def settings() -> Settings:
    return Settings()
