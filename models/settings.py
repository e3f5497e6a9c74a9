"""Settings from `BANJIE_*` and a `.env`. Secrets have no defaults: `banjie up` makes them once and keeps them in the state folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator
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
    public_url: str | None = None
    """The address under which people reach the web, for links in mail. None: `http://host:port`."""
    smtp_url: SecretStr | None = None
    """`smtp://user:pass@host:25?starttls=1` or `smtps://…`. None: nothing goes out as mail."""
    mail_from: str | None = None
    """Whom mail comes from: `banjie@example.gov.cn` or `办结 <banjie@example.gov.cn>`."""

    @property
    def address(self) -> str:
        """Where the web is, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @model_validator(mode="after")
    def _can_mail(self) -> Self:
        """What is wrong with the mail server's address is said at the start, not at the first mail."""
        if self.smtp_url is None:
            return self
        server = urlsplit(self.smtp_url.get_secret_value())
        if server.scheme not in ("smtp", "smtps") or not server.hostname:
            raise ValueError("BANJIE_SMTP_URL 应写作 smtp://主机:端口（可带 ?starttls=1）或 smtps://主机:端口。")
        if "@" not in (self.mail_from or ""):
            raise ValueError("设了 BANJIE_SMTP_URL，还须用 BANJIE_MAIL_FROM 写明发件地址。")
        return self


@lru_cache
def settings() -> Settings:
    return Settings()
