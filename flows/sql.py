"""Quote what goes into SQL text where the engine takes no parameter."""

from __future__ import annotations


def text_in_sql(value: object) -> str:
    """A text, quoted."""
    return "'" + str(value).replace("'", "''") + "'"


def name_in_sql(value: str) -> str:
    """A name of a column or a table, quoted."""
    return '"' + value.replace('"', '""') + '"'
