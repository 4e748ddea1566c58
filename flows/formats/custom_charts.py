"""Chart captures of any shape, by a mapping in SQL from the sources file."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import Part
from flows.formats.lines import LINE_NUMBER
from flows.formats.mapping import (
    column_references,
    each_part_by_itself,
    fails_in_sql,
    mapping_in_sql,
)
from flows.formats.numbers import whole_number_in_sql
from flows.formats.reading import MALFORMED, Opened, first_line_of, open_parts
from flows.land.times import ZONES, utc_in_sql
from flows.sources import CHART_COLUMNS, ChartFiles
from flows.sql import name_in_sql, text_in_sql

_TYPES = {
    "store": "lower({})",
    "storefront": "lower({})",
}


def read_custom(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], source: ChartFiles
) -> Opened:
    """Add captures to chart_entries by the source's reader and columns; what was opened for it.

    One file may hold many charts. With ``reader: {type: json}`` the keys of each record are
    columns, and ``document`` is the whole document. Lines that could not be taken apart are in
    MALFORMED. Raises ExtractError naming file and column.
    """
    assert source.reader is not None  # format: custom has one, sources.py sees to it
    mapping = mapping_in_sql(source)
    opened = open_parts(con, parts, source.reader, mapping.needed, mapping.required)
    rows = opened.rows
    typed = {c: _TYPES.get(c, "{}").format(_tried(mapping.expressions, c)) for c in CHART_COLUMNS}
    whole = whole_number_in_sql(typed["rank"], source.numbers.marks)
    typed["rank"] = f"try_cast({whole} as integer)"
    con.execute(ZONES)
    for moment in ("snapshot_at", "feed_updated_at"):
        typed[moment] = utc_in_sql("VARCHAR", typed[moment], source.name, source.time_zone)
    mapped = ", ".join(f"{typed[column]} as {column}" for column in CHART_COLUMNS)
    query = (
        f"insert into chart_entries by name select {LINE_NUMBER} as line_number, {mapped} "
        f"from {rows} as records"
    )
    try:
        with each_part_by_itself(con):
            con.execute(query)
            for column, expression in mapping.fallible().items():
                _reject_failures(con, rows, column, expression)
    except duckdb.Error as error:
        raise ExtractError(f"{source.name}: columns: {first_line_of(error)}") from error
    return opened


def _reject_failures(
    con: duckdb.DuckDBPyConnection, rows: str, column: str, expression: str
) -> None:
    """Move the entries on which an expression fails to MALFORMED: null is not what it gave."""
    names = ", ".join(
        f"{text_in_sql(name)}, {name_in_sql(name)}"
        for name in sorted(column_references(expression))
    )
    con.execute(
        f"""
        create or replace temp table failures as
        select {LINE_NUMBER} as line_number, json_object({names})::varchar as line
        from {rows} as records
        where {fails_in_sql(expression)}
        """
    )
    con.execute(
        "delete from failures where line_number not in (select line_number from chart_entries)"
    )
    con.execute("delete from chart_entries where line_number in (select line_number from failures)")
    words = text_in_sql(f"{column.replace('_', ' ')} not understood")
    con.execute(f"insert into {MALFORMED} select line_number, {words}, line from failures")


def _tried(mapping: dict[str, str], column: str) -> str:
    told = f"nullif(trim(try(cast({mapping.get(column, 'null')} as varchar))), '')"
    return f"coalesce({told}, 'all')" if column == "genre" else told
