"""Read chart captures that are JSON documents into the temporary table chart_entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import PART_BITS, Part
from flows.formats.reading import TEXTS, first_line_of, load_texts, names_of

_ENTRIES = """
    create or replace temp table chart_entries (
        store varchar, storefront varchar, chart varchar, genre varchar, snapshot_at timestamp,
        requested_limit integer, feed_updated_at timestamp, feed_url varchar, rank integer,
        line_number bigint, store_app_id varchar, app_name varchar, publisher varchar, url varchar
    )
"""


@dataclass(frozen=True, kw_only=True)
class ChartDocument:
    """A format as SQL over the table ``payload(part, document)``.

    ``snapshot`` gives one row per document with its ``part``, the chart's own fields and its
    ``entries``, a JSON list; ``entry`` maps canonical columns to expressions over one ``entry``.
    """

    snapshot: str
    entry: Mapping[str, str]


def begin_entries(con: duckdb.DuckDBPyConnection) -> None:
    """Empty chart_entries, into which every chart format reads.

    One row per entry; ``line_number`` is its place in the file, see formats.reading.
    """
    con.execute(_ENTRIES)


def read_documents(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    layout: ChartDocument,
    fetched_at: Sequence[datetime] = (),
) -> dict[int, str]:
    """Add the captures that can be read to chart_entries; why the others cannot, by part number.

    A message names the part that is not JSON, not of this format, or holds no entries (an empty
    feed does not mean that every app fell off the chart). ``fetched_at`` are the times at which the
    parts were fetched, naive UTC; without them each feed's own stamp counts. Raises ExtractError
    where it is not known which of the parts cannot be read.
    """
    try:
        problems = load_texts(con, parts)
        problems |= _load_payloads(con, parts)
    except duckdb.Error as error:
        raise ExtractError(f"{names_of(parts)}: cannot be read: {first_line_of(error)}") from error
    try:
        problems |= _load_snapshots(con, parts, layout, fetched_at)
        _insert_entries(con, layout)
    except duckdb.Error as error:
        raise ExtractError(
            f"{names_of(parts)}: not a chart in this format: {first_line_of(error)}"
        ) from error
    return problems


def _load_payloads(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[int, str]:
    """The texts that are JSON as the temporary table payload; what the others begin with."""
    # asked first: a failed cast would abort the transaction, and other captures may be good
    bad = con.execute(
        f"select part, left(text, 40) from {TEXTS} where not json_valid(text)"
    ).fetchall()
    con.execute(
        f"""
        create or replace temp table payload as
        select part, text::json as document
        from {TEXTS}
        where part not in (select unnest($bad::bigint[]))
        """,
        {"bad": [number for number, _ in bad]},
    )
    con.execute(f"drop table {TEXTS}")
    return {
        number: f"{parts[number].name}: not a JSON document: it begins {start!r}"
        for number, start in bad
    }


def _load_snapshots(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    layout: ChartDocument,
    fetched_at: Sequence[datetime],
) -> dict[int, str]:
    """The payloads of this format as the temporary table chart_documents; what others lack."""
    con.execute(
        f"""
        create or replace temp table chart_documents as
        select
            * exclude (entries),
            coalesce(($fetched_at::timestamp[])[part + 1], feed_updated_at) as snapshot_at,
            if(json_type(entries) = 'ARRAY', from_json(entries, '["json"]'), []) as entries,
        from ({layout.snapshot})
        """,
        {"fetched_at": list(fetched_at)},
    )
    con.execute("drop table payload")
    lacking = con.execute(
        """
        select
            part,
            case
                when coalesce(storefront, '') = ''
                    then 'not a chart in this format: it names no storefront'
                when coalesce(chart, '') = ''
                    then 'not a chart in this format: it names no chart name'
                when snapshot_at is null
                    then 'not a chart in this format: it names no time stamp'
                when len(entries) = 0 then 'the feed is empty; that tells nothing about ranks'
            end as problem,
        from chart_documents
        where problem is not null
        """
    ).fetchall()
    con.execute(
        "delete from chart_documents where part in (select unnest(?::bigint[]))",
        [[number for number, _ in lacking]],
    )
    return {number: f"{parts[number].name}: {problem}" for number, problem in lacking}


def _insert_entries(con: duckdb.DuckDBPyConnection, layout: ChartDocument) -> None:
    mapped = ", ".join(f"{expression} as {column}" for column, expression in layout.entry.items())
    con.execute(
        f"""
        insert into chart_entries by name
        select
            * exclude (part, rank, entry),
            rank,
            (part << {PART_BITS}) + rank as line_number,
            {mapped},
        from (
            select
                * exclude (entries),
                unnest(entries) as entry,
                generate_subscripts(entries, 1) as rank,
            from chart_documents
        )
        """
    )
    con.execute("drop table chart_documents")
