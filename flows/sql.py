"""What SQL text needs where the engine takes no parameter: quoting, and what there is to name."""

from __future__ import annotations

import duckdb


def text_in_sql(value: object) -> str:
    """A text, quoted."""
    return "'" + str(value).replace("'", "''") + "'"


def name_in_sql(value: str) -> str:
    """A name of a column or a table, quoted."""
    return '"' + value.replace('"', '""') + '"'


def has_columns(
    con: duckdb.DuckDBPyConnection, database: str, table: str, columns: tuple[str, ...]
) -> bool:
    """Whether an attached database has a table with these columns; one not attached has none."""
    row = con.execute(
        "select count(*) from duckdb_columns() where database_name = ? "
        "and table_name = ? and column_name in (select unnest(?))",
        [database, table, list(columns)],
    ).fetchone()
    return row is not None and row[0] == len(set(columns))
