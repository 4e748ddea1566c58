"""What a home has published, for comparing one with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

OF_ONE_RUN = ("publication", "restatements", "scorecard_changes", "gate_history")
"""Tables that say when and by which run they were written."""


def published_rows(home: Path) -> dict[str, list[Any]]:
    """Every row of every published mart, but for when its extracts landed."""
    with duckdb.connect(str(home / "published" / "marts.duckdb"), read_only=True) as con:
        tables = [row[0] for row in con.execute("show tables").fetchall()]
        return {
            table: con.execute(
                f"select columns(c -> not contains(c, 'landed_at')) from {table} order by all"
            ).fetchall()
            for table in tables
            if table not in OF_ONE_RUN
        }
