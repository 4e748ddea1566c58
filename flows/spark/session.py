"""End the Spark session of a dbt command, which would hold a cluster's executors until the next."""

from __future__ import annotations

import sys


def end() -> None:
    """Stop the session of this process, if dbt has started one."""
    if "pyspark" not in sys.modules:
        return
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()
