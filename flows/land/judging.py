"""Evaluate a source's mapping over an extract's rows, and say which of them cannot be landed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import Part
from flows.formats.mapping import Mapped, column_references, is_bare_column
from flows.formats.reading import MALFORMED, Opened, line_of, part_of
from flows.land.times import ZONES, utc_in_sql
from flows.settings import Settings
from flows.sources import MAPPED_COLUMNS, EventSource
from flows.sql import name_in_sql, text_in_sql

SAMPLE_ROWS = 20_000
"""Rows looked at for the types of an extract's columns."""

LONGEST_REJECT = 2000

_TEXT_COLUMNS = (
    "user_id",
    "event_name",
    "event_id",
    "platform",
    "country",
    "app_version",
    "channel",
)

_NUMBER_TYPES = ("bigint", "double")

_RAW = "raw of "
"""Marks a column's text beside its typed form."""

_CONTENT = (
    "concat_ws(chr(31), {scope}, user_id, event_time, event_name, platform, country, "
    "app_version, channel, properties)"
)
"""What tells events without a vendor's id apart; the scope is null or the extract's id."""


def name_extracts(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> None:
    """Let SQL of ``extract_of`` know which extract each of the parts is of."""
    con.execute("set variable extract_ids = ?", [[part.extract_id for part in parts]])


def extract_of(line_number: str) -> str:
    """SQL for the id of the extract that a row is of; see ``name_extracts``."""
    return f"getvariable('extract_ids')[{part_of(line_number)} + 1]"


def judge_rows(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    source: EventSource,
    mapped: Mapped,
    settings: Settings,
    now: datetime,
) -> None:
    """Evaluate the mapping, and say of each row why it cannot be landed, if it cannot.

    A mapping that is a bare column takes its text as it stands: 00001 and 1.10 are names, not
    numbers. Inside an expression of the sources file a column has the type that nearly all of its
    values have. Writes the temporary table judged: one row per row of the extracts.
    """
    typed = _columns_with_types(con, opened, mapped)
    readable = "".join(
        f", {typed.get(column, name_in_sql(column))} as {name_in_sql(column)}, "
        f"{name_in_sql(column)} as {name_in_sql(_RAW + column)}"
        for column in sorted(mapped.needed)
    )
    con.execute(
        f"create or replace temp view readable as select line_number{readable} from {opened.rows}"
    )
    con.execute(ZONES)
    taken = {c: _taken(mapped.expressions.get(c, "null"), opened) for c in MAPPED_COLUMNS}
    kinds = _kinds(con, taken, source.name)
    texts = {c: f"nullif(trim(try(cast({taken[c]} as varchar))), '')" for c in _TEXT_COLUMNS}
    anonymous = f"nullif(trim(try(cast({taken['anonymous_id']} as varchar))), '')"
    knows_anonymous = "anonymous_id" in mapped.expressions
    if knows_anonymous:
        texts["user_id"] = f"coalesce({texts['user_id']}, {anonymous})"
    told = [name_in_sql(_RAW + name) for name in sorted(mapped.references("event_time"))]
    told_columns = "".join(f", {name}" for name in told)
    time_told = f"nullif(trim(concat_ws(' ', {', '.join(told) or 'null'})), '')"
    properties = _json(taken["properties"]) if "properties" in mapped.expressions else "null::json"
    scope = "null" if source.extracts_overlap else extract_of("line_number")
    try:
        con.execute(
            f"""
            create or replace temp table judged as
            with

            canonical as (
                select
                    line_number,
                    {", ".join(f"{text} as {column}" for column, text in texts.items())},
                    {anonymous if knows_anonymous else "null::varchar"} as anonymous_id,
                    {utc_in_sql(kinds["event_time"], taken["event_time"], source.name)}
                        as event_time,
                    {properties} as properties
                    {told_columns},
                from readable
            )

            select
                line_number, user_id, anonymous_id, event_time, event_name, platform, country,
                app_version, channel, properties,
                cast(md5(event_id) as uuid) as event_id,
                case when event_id is null then {_CONTENT.format(scope=scope)} end as content,
                case
                    when user_id is null then 'no user id'
                    -- within a case, so that the text is made of the few times that need it
                    when event_time is null then coalesce(
                        'event time not understood: ' || {time_told}, 'no event time'
                    )
                    when event_time > $latest then 'event time in the future: ' || event_time
                    when event_time < timestamp '1990-01-01'
                        then 'event time before 1990: ' || event_time
                    when event_name is null then 'no event name'
                end as reason,
            from canonical
            """,
            {"latest": now + timedelta(hours=settings.future_tolerance_hours)},
        )
    except duckdb.Error as error:
        raise ExtractError(f"{source.name}: cannot be read: {_first_line(error)}") from error


def keep_rejects(
    con: duckdb.DuckDBPyConnection,
    source: EventSource,
    mapped: Mapped,
    members: Collection[str | None],
    now: datetime,
) -> dict[str, int]:
    """Keep the rows that cannot be landed; how many they are, by extract.

    ``members`` names each part that is a member of an archive. User ids are blanked.
    """
    # a table of its own, so that DuckDB sees how few they are, and joins accordingly
    con.execute(
        f"""
        create or replace temp table rejected as
        select line_number, reason from judged where reason is not null
        union all
        select line_number, null from {MALFORMED}
        """
    )
    if not con.execute("select 1 from rejected limit 1").fetchone():
        return {}
    blanked = mapped.references("user_id") | mapped.references("anonymous_id")
    row_as_json = ", ".join(
        f"{text_in_sql(column)}, {_shown(column, blanked)}" for column in sorted(mapped.needed)
    )
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            {extract_of("line_number")} as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left(line, {LONGEST_REJECT}) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            -- written out for the few rows that need it, not for all
            select line_number, reason, json_object({row_as_json})::varchar as line
            from rejected inner join readable using (line_number)
            where reason is not null
            union all
            -- whose user it is cannot be told: letters and digits are blanked, the shape stays
            select line_number, reason, regexp_replace(line, '[\\p{{L}}\\p{{N}}]', 'x', 'g')
            from {MALFORMED}
        )
        """,
        {"source": source.name, "members": list(members), "now": now},
    )
    return dict(
        con.execute(
            f"select {extract_of('line_number')}, count(*) from rejected group by all"
        ).fetchall()
    )


def _columns_with_types(
    con: duckdb.DuckDBPyConnection, opened: Opened, mapped: Mapped
) -> dict[str, str]:
    """Of text, the columns that expressions see as numbers: nearly all of their values are."""
    if opened.is_typed or not mapped.has_types:
        return {}
    within = frozenset().union(
        *(column_references(e) for e in mapped.expressions.values() if not is_bare_column(e))
    )
    columns = sorted(within)
    if not columns:
        return {}
    counts = ", ".join(
        f"count({name_in_sql(c)})"
        + "".join(
            f", count(*) filter (cast(try_cast({name_in_sql(c)} as {t}) as varchar) "
            f"= {name_in_sql(c)})"
            for t in _NUMBER_TYPES
        )
        for c in columns
    )
    # spread over all rows: what comes first in a file is not what it holds
    row = con.execute(
        f"""
        select {counts} from {opened.rows}
        where {line_of("line_number")} % (
            select 1 + count(*) // {SAMPLE_ROWS} from {opened.rows}
        ) = 0 or {line_of("line_number")} <= 1000
        """
    ).fetchone()
    assert row is not None  # an aggregate has one row
    types: dict[str, str] = {}
    step = 1 + len(_NUMBER_TYPES)
    for position, column in enumerate(columns):
        present, *survivors = row[position * step : (position + 1) * step]
        for number_type, survived in zip(_NUMBER_TYPES, survivors, strict=True):
            if present and survived >= 0.9 * present:
                types[column] = f"try_cast({name_in_sql(column)} as {number_type})"
                break
    return types


def _kinds(con: duckdb.DuckDBPyConnection, taken: dict[str, str], source: str) -> dict[str, str]:
    """The SQL type of each mapped expression. Raises ExtractError naming the one that is wrong."""
    listed = ", ".join(f"try({expression}) as {column}" for column, expression in taken.items())
    try:
        described = con.execute(f"describe select {listed} from readable").fetchall()
    except duckdb.Error as error:
        if len(taken) > 1:  # which one is it?
            for column, expression in taken.items():
                _kinds(con, {column: expression}, source)
        raise ExtractError(
            f"{source}: columns.{next(iter(taken))}: {_first_line(error)}"
        ) from error
    return {row[0]: row[1] for row in described}


def _taken(expression: str, opened: Opened) -> str:
    if not opened.is_typed and is_bare_column(expression):
        (column,) = column_references(expression)
        return name_in_sql(_RAW + column)
    return expression


def _json(expression: str) -> str:
    text = f"try(cast({expression} as varchar))"
    return f"case when json_valid({text}) then {text}::json else to_json({text}) end"


def _shown(column: str, blanked: Collection[str]) -> str:
    """A column as a reject shows it: not at all if the user id is made of it."""
    if column in blanked:
        return f"if({name_in_sql(_RAW + column)} is null, null, '(user)')"
    return f"cast({name_in_sql(_RAW + column)} as varchar)"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
