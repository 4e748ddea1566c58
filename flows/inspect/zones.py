"""Ask for the zone of an export's times where they say none."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from flows.land.times import ZONES, utc_in_sql, zoneless_in_sql

EXAMPLE = "America/New_York"
"""A zone far from UTC, in which to show the other reading of a time."""


def ask_for_zone(values: Sequence[str], column: str, expression: str) -> str | None:
    """A note with both readings of a time, where the values of a column say no zone; else None.

    ``column`` is the SQL for its text, ``expression`` what reads a time from it.
    """
    told = [value for value in values if value]
    if not told:
        return None
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(ZONES)
        read = expression.replace(column, "told")
        try:
            rows = con.execute(
                "select typeof(read) as kind, told from "
                f"(select {read} as read, told from (select unnest(?::varchar[]) as told)) "
                "where read is not null limit 1",
                [told],
            ).fetchall()
            if not rows:
                return None
            kind, sample = rows[0]
            readings = con.execute(
                f"select {zoneless_in_sql(kind, read)}, {utc_in_sql(kind, read, column)}, "
                f"{utc_in_sql(kind, read, column, EXAMPLE)} from (select ? as told)",
                [sample],
            ).fetchone()
        except duckdb.Error:
            return None  # the proposal says what is wrong with the expression
    assert readings is not None  # one row is asked for
    is_zoneless, in_utc, elsewhere = readings
    if not is_zoneless:
        return None
    return (
        f"Its times say no zone. {sample} is {in_utc:%Y-%m-%d %H:%M} UTC if it is UTC, and "
        f"{elsewhere:%Y-%m-%d %H:%M} UTC if it is of {EXAMPLE}: add time_zone: with the zone of "
        "the export (time_zone: UTC, if that is it). Until then each run warns."
    )
