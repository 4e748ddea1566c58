"""The only reader of the environment: where things lie and how much machine they may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""Holds dbt_project/ and profiles/, in a checkout as in an installed wheel."""


class Settings(BaseSettings):
    """Every setting, read from ``AFTERHYPE_<NAME>`` and overridable by the command line.

    Paths are absolute after loading. Raises pydantic's ``ValidationError`` for a value of the
    wrong type; the command line turns it into exit code 2.
    """

    model_config = SettingsConfigDict(env_prefix="AFTERHYPE_", frozen=True, extra="ignore")

    home: Path = Field(Path(".afterhype"), description="Folder of everything afterhype writes.")
    sources: Path = Field(
        PROJECT_ROOT / "profiles" / "sources.yml", description="The sources file."
    )
    user_key: SecretStr | None = Field(
        None, description="Secret for keying user ids; default: generated into HOME on first use."
    )
    apple_rss_base_url: str = "https://rss.marketingtools.apple.com"
    generations_kept: int = Field(5, ge=1, description="Publications kept for rollback.")
    future_tolerance_hours: int = Field(
        24, ge=0, description="An event later than now plus this is rejected."
    )
    memory_limit: str | None = Field(None, description="DuckDB's memory limit, such as 4GB.")
    threads: int | None = Field(None, ge=1, description="DuckDB's and dbt's threads.")
    parsed_dir: Path | None = Field(
        None,
        description="Where dbt keeps what it has parsed; default: in HOME. One serves many homes.",
    )
    writer_wait_seconds: int = Field(
        3600, ge=0, description="How long a run waits for another run that is writing."
    )
    time_limit_minutes: float = Field(
        360, gt=0, description="How long a run may work, its waiting for others not counted."
    )
    site_url: str | None = Field(
        None, description="Where the site is hosted, for links in Prefect and in alerts."
    )

    @field_validator("home", "sources", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: Any, info: ValidationInfo) -> Any:
        # what prefect.yaml makes of a variable that is not set; the working directory is not meant
        return cls.model_fields[str(info.field_name)].default if value == "" else value

    build_on: Literal["duckdb", "spark_session", "spark_connect", "spark_thrift"] = Field(
        "duckdb", description="The engine that builds the marts; docs/scale.md tells of Spark."
    )
    spark_host: str = Field("localhost", description="Where Spark's Thrift or Connect server is.")
    spark_port: int | None = Field(
        None, description="Its port; default: 10000 for Thrift, 15002 for Connect."
    )
    spark_user: str | None = Field(None, description="The user at a Thrift server.")
    spark_auth: str | None = Field(
        None, description="How a Thrift server is signed in to, such as LDAP; default: it asks not."
    )
    spark_password: SecretStr | None = Field(None, description="The password, with LDAP.")
    spark_master: str = Field(
        "local[*]", description="The master of a session of its own, such as spark://host:7077."
    )
    spark_settings: dict[str, str] = Field(
        {}, description='Spark settings as JSON, such as {"spark.executor.memory": "8g"}.'
    )
    schema_prefix: str = Field(
        "afterhype_",
        pattern=r"^[a-z0-9_]*$",
        description="What the schemas in Spark's metastore begin with, which others may share.",
    )

    def model_post_init(self, _context: object) -> None:
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        object.__setattr__(self, "sources", self.sources.expanduser().absolute())
        if self.parsed_dir:
            object.__setattr__(self, "parsed_dir", self.parsed_dir.expanduser().absolute())

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def key_path(self) -> Path:
        return self.home / "user_key.secret"

    @property
    def archive_dir(self) -> Path:
        return self.home / "archive"

    @property
    def published_dir(self) -> Path:
        return self.home / "published"

    @property
    def marts_path(self) -> Path:
        """The published file that BI tools open."""
        return self.published_dir / "marts.duckdb"

    @property
    def quality_dir(self) -> Path:
        return self.home / "quality"

    @property
    def dbt_dir(self) -> Path:
        return self.home / "dbt"

    @property
    def dbt_parsed_dir(self) -> Path:
        """Where dbt keeps what it has parsed until a file of the project changes."""
        return self.parsed_dir or self.dbt_dir / "parsed"

    @property
    def lock_path(self) -> Path:
        return self.home / "writer.lock"


def prefect_api_url() -> str | None:
    """The Prefect server that runs are to be seen on; None where none is named.

    Prefect itself, which takes seconds to import, is asked only where something may name one.
    """
    if "prefect" not in sys.modules and not any(map(_may_name_a_server, _prefect_places())):
        return None
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def _prefect_places() -> Iterator[str | Path]:
    """Where Prefect looks for its settings: the environment's variables and files."""
    yield from (f"{name}={value}" for name, value in os.environ.items())
    prefect_home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    yield Path(os.environ.get("PREFECT_PROFILES_PATH", prefect_home / "profiles.toml"))
    yield from (Path(name) for name in ("prefect.toml", "pyproject.toml", ".env"))


def _may_name_a_server(place: str | Path) -> bool:
    if isinstance(place, str):
        return place.startswith("PREFECT_API_URL=") and not place.endswith("=")
    if not place.is_file():
        return False
    text = place.read_text(encoding="utf-8", errors="replace")
    return place.name == "prefect.toml" or "PREFECT_API_URL" in text or "[tool.prefect" in text


def load_settings(home: Path | None = None, sources: Path | None = None) -> Settings:
    """The environment's settings, with what the caller names in their stead."""
    given: dict[str, Any] = {"home": home, "sources": sources}
    return Settings(**{key: value for key, value in given.items() if value is not None})
