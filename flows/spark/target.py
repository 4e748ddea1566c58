"""Tell dbt on which Spark it builds, and of what: the environment that profiles.yml reads."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from flows.errors import ConfigurationError
from flows.lake.handover import Lake
from flows.settings import Settings

_NAIVE_UTC = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # as DuckDB's timestamps: without a zone
    "spark.sql.sources.partitionOverwriteMode": "dynamic",  # only the touched partitions
}
"""What every session is set to, so that it computes what DuckDB computes."""


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """What a build on Spark is given: the lake, and the folder of the small tables' copies."""

    lake: Lake
    control: str
    prefix: str

    @property
    def engine(self) -> str:
        """What builds by arrival must find the same: the tables they add to lie there."""
        return f"spark {self.lake.root} {self.prefix}"


def environment(settings: Settings, handed: HandedOver) -> dict[str, str]:
    """What profiles.yml and the macros read for a build on Spark.

    Raises ConfigurationError where the extra ``spark`` is not installed.
    """
    _require_packages()
    ours = {
        "AFTERHYPE_DBT_TARGET": settings.build_on,
        "AFTERHYPE_SCHEMA_PREFIX": handed.prefix,
        "AFTERHYPE_LAKE": handed.lake.root,
        "AFTERHYPE_CONTROL": handed.control,
        "AFTERHYPE_SPARK_PARAMETERS": json.dumps(_parameters(settings)),
    }
    if settings.build_on == "spark_thrift":
        ours |= {
            "AFTERHYPE_SPARK_HOST": settings.spark_host,
            "AFTERHYPE_SPARK_PORT": str(settings.spark_port or 10000),
            "AFTERHYPE_SPARK_USER": settings.spark_user or "",
            "AFTERHYPE_SPARK_AUTH": settings.spark_auth or "",
            "AFTERHYPE_SPARK_PASSWORD": (
                settings.spark_password.get_secret_value() if settings.spark_password else ""
            ),
        }
    if settings.build_on == "spark_session":
        ours["SPARK_HOME"] = str(_spark_home())  # executors of local-cluster start from there
    return ours


def _parameters(settings: Settings) -> dict[str, str]:
    if settings.build_on == "spark_connect":
        address = f"sc://{settings.spark_host}:{settings.spark_port or 15002}"
        return {"spark.remote": address} | _NAIVE_UTC | settings.spark_settings
    if settings.build_on == "spark_thrift":
        return _NAIVE_UTC | settings.spark_settings
    return _own_session(settings) | _NAIVE_UTC | settings.spark_settings


def _own_session(settings: Settings) -> dict[str, str]:
    """The metastore of a session of its own is kept in the home, for the next build by arrival."""
    folder = settings.home / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "spark.master": settings.spark_master,
        "spark.app.name": "afterhype",
        "spark.log.level": "FATAL",  # what fails comes back to dbt, which tells it
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
        ),
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={folder / 'derby.log'}",
    }


def _require_packages() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("pyspark", "dbt.adapters.spark")):
        raise ConfigurationError(
            "AFTERHYPE_BUILD_ON names Spark, but its packages are not installed. "
            "Run `pip install 'afterhype[spark]'`."
        )


def _spark_home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent
