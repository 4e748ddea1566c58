"""Read a chart capture that is one JSON document into the temporary table chart_entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from flows.errors import ExtractError

ENTRIES = """
    create or replace temp table chart_entries (
        store varchar, storefront varchar, chart varchar, genre varchar, snapshot_at timestamp,
        requested_limit integer, feed_updated_at timestamp, rank integer, line_number bigint,
        store_app_id varchar, app_name varchar, publisher varchar, url varchar
    )
"""
"""What every chart format reads into: one row per entry, ``line_number`` its place in the file."""


@dataclass(frozen=True, kw_only=True)
class ChartDocument:
    """A format as SQL over the table ``payload(document)``.

    ``snapshot`` gives one row with the chart's own fields and its ``entries``, a JSON list;
    ``entry`` maps canonical columns to expressions over one ``entry``.
    """

    snapshot: str
    entry: Mapping[str, str]


def read_document(
    con: duckdb.DuckDBPyConnection, path: Path, layout: ChartDocument, snapshot_at: object = None
) -> None:
    """Read a capture into chart_entries. ``snapshot_at`` is when it was fetched, naive UTC.

    Without it the feed's own stamp counts. Raises ExtractError naming the file when it is not
    JSON, not of this format, or holds no entries (an empty feed does not mean that every app fell
    off the chart).
    """
    load_payload(con, path)
    con.execute(f"create or replace temp table chart_snapshot as {layout.snapshot}")
    row = con.execute(
        "select storefront, chart, coalesce($1, feed_updated_at), json_array_length(entries) "
        "from chart_snapshot",
        [snapshot_at],
    ).fetchone()
    storefront, chart, at, depth = row or (None, None, None, None)
    for value, what in ((storefront, "storefront"), (chart, "chart name"), (at, "time stamp")):
        if not value:
            raise ExtractError(f"{path}: not a chart in this format: it names no {what}")
    if not depth:
        raise ExtractError(f"{path}: the feed is empty; that tells nothing about ranks")
    mapped = ", ".join(f"{expression} as {column}" for column, expression in layout.entry.items())
    con.execute(ENTRIES)
    con.execute(
        f"""
        insert into chart_entries by name
        select
            chart_snapshot.* exclude (entries),
            coalesce($at, feed_updated_at) as snapshot_at,
            position as rank,
            position as line_number,
            {mapped},
        from
            chart_snapshot,
            (
                select
                    unnest(from_json(entries, '["json"]')) as entry,
                    generate_subscripts(from_json(entries, '["json"]'), 1) as position,
                from chart_snapshot
            )
        """,
        {"at": snapshot_at},
    )


def load_payload(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read one JSON document into the temporary table payload. Raises ExtractError."""
    if path.stat().st_size == 0:
        raise ExtractError(f"{path}: the file is empty")
    try:
        con.execute(
            "create or replace temp table payload as "
            "select content::json as document from read_text(?)",
            [str(path)],
        )
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise ExtractError(f"{path}: not a JSON document: {reason}") from error
