"""Hand over to Spark what a build is made of, and clear away what the last one made."""

from __future__ import annotations

import duckdb

from flows.errors import ConfigurationError
from flows.lake.handover import (
    OUTLOOK,
    Lake,
    export_control,
    ready_for_readers,
    write_tables,
)
from flows.settings import Settings
from flows.spark.target import HandedOver


def hand_over(con: duckdb.DuckDBPyConnection, settings: Settings, version: str) -> HandedOver:
    """See that a listing of the lake shows the committed events, and copy all else beside them.

    ``version`` names the copy. The caller holds the writer lock. Raises ConfigurationError where
    the events do not lie in a lake.
    """
    lake = ready_for_readers(con)
    if lake is None:
        raise ConfigurationError(
            f"AFTERHYPE_BUILD_ON={settings.build_on}: Spark reads events from a lake, and these "
            f"lie in the warehouse. Put into {settings.sources}: land: {{to: lake, path: PATH}}, "
            "a folder or bucket that Spark's machines reach under the same name; the next run "
            "moves what has landed."
        )
    return HandedOver(
        lake=lake, control=export_control(con, lake, version), prefix=settings.schema_prefix
    )


def export_outlook(con: duckdb.DuckDBPyConnection, control: str) -> None:
    """Give Spark what was fitted since the hand-over; ``control`` is the folder of the copies."""
    write_tables(con, control, OUTLOOK)


def forget_built(lake: Lake) -> None:
    """Remove the tables of earlier builds before everything is made anew.

    A build that was killed leaves files that no catalog knows, into which Spark writes no table.
    """
    store = lake.store()
    store.remove(store.files("build"))
