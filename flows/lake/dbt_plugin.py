"""Let dbt read a lake: the plugin of the target ``duckdb_lake``."""

from __future__ import annotations

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from flows.lake.location import open_lake


class Plugin(BasePlugin):  # type: ignore[misc]
    """Gives dbt's connection what the warehouse's view of the raw events needs."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        open_lake(conn)
