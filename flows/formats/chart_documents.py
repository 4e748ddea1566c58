"""Read chart captures that are JSON documents into the temporary table chart_entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import Part
from flows.formats.reading import first_line_of, text_of

_ENTRIES = """
    create or replace temp table chart_entries (
        store varchar, storefront varchar, chart varchar, genre varchar, snapshot_at timestamp,
        requested_limit integer, feed_updated_at timestamp, feed_url varchar, rank integer,
        line_number bigint, store_app_id varchar, app_name varchar, publisher varchar, url varchar
    )
"""


@dataclass(frozen=True, kw_only=True)
class ChartDocument:
    """A format as SQL over the table ``payload(document)``.

    ``snapshot`` gives one row with the chart's own fields and its ``entries``, a JSON list;
    ``entry`` maps canonical columns to expressions over one ``entry``.
    """

    snapshot: str
    entry: Mapping[str, str]


def begin_entries(con: duckdb.DuckDBPyConnection) -> None:
    """Empty chart_entries, into which every chart format reads.

    One row per entry; ``line_number`` is its place in the file, see formats.reading.
    """
    con.execute(_ENTRIES)


def read_document(
    con: duckdb.DuckDBPyConnection, part: Part, layout: ChartDocument, snapshot_at: object = None
) -> None:
    """Add a capture to chart_entries. ``snapshot_at`` is when it was fetched, naive UTC.

    Without it the feed's own stamp counts. Raises ExtractError naming the file when it is not
    JSON, not of this format, or holds no entries (an empty feed does not mean that every app fell
    off the chart).
    """
    _load_payload(con, part)
    try:
        con.execute(f"create or replace temp table chart_snapshot as {layout.snapshot}")
    except duckdb.Error as error:
        raise ExtractError(
            f"{part.name}: not a chart in this format: {first_line_of(error)}"
        ) from error
    row = con.execute(
        "select storefront, chart, coalesce($1, feed_updated_at), "
        "if(json_type(entries) = 'ARRAY', json_array_length(entries), 0) from chart_snapshot",
        [snapshot_at],
    ).fetchone()
    storefront, chart, at, depth = row or (None, None, None, None)
    for value, what in ((storefront, "storefront"), (chart, "chart name"), (at, "time stamp")):
        if not value:
            raise ExtractError(f"{part.name}: not a chart in this format: it names no {what}")
    if not depth:
        raise ExtractError(f"{part.name}: the feed is empty; that tells nothing about ranks")
    mapped = ", ".join(f"{expression} as {column}" for column, expression in layout.entry.items())
    con.execute(
        f"""
        insert into chart_entries by name
        select
            chart_snapshot.* exclude (entries),
            coalesce($at, feed_updated_at) as snapshot_at,
            position as rank,
            position + {part.first_line} - 1 as line_number,
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


def _load_payload(con: duckdb.DuckDBPyConnection, part: Part) -> None:
    """One JSON document as the temporary table payload. Raises ExtractError."""
    text = text_of(con, part)
    # asked first: a failed cast would abort the transaction, and other captures may be good
    row = con.execute("select json_valid($1)", [text]).fetchone()
    if not row or not row[0]:
        raise ExtractError(f"{part.name}: not a JSON document: it begins {text[:40]!r}")
    con.execute("create or replace temp table payload as select $1::json as document", [text])
