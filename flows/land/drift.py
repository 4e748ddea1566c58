"""Notice when an export's columns are not what they were: record it, and land all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import duckdb

from flows.extract.unpack import Part
from flows.formats.lines import LINE_NUMBER
from flows.formats.mapping import Mapped
from flows.formats.reading import Opened, line_of, part_of
from flows.sources import EventSource
from flows.sql import name_in_sql, text_in_sql

_SAMPLE_ROWS = 5_000
"""Rows looked at, spread over the whole of an extract."""

_LOOKS = {
    "starts_with({}, '{{')": "object",
    "starts_with({}, '[')": "list",
    "{} in ('true', 'false')": "boolean",
    "try_cast({} as bigint) is not null": "integer",
    "try_cast({} as double) is not null": "number",
    "try_cast({} as timestamp) is not null": "time",
}
"""What a text looks like, by the first that holds: the cheap ones come first."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One way in which an extract's columns are not what they were."""

    extract_id: str
    source: str
    column_name: str
    change: str
    was: str | None
    is_now: str | None

    def __str__(self) -> str:
        types = f" ({self.was or 'nothing'} before, {self.is_now or 'nothing'} now)"
        return f"{self.source}: {self.change} {self.column_name}" + (
            types if self.was or self.is_now else ""
        )


def sum_up(drifts: Sequence[Drift]) -> list[str]:
    """Drift in words, once per source, change and column, whatever the number of extracts."""
    alike: dict[tuple[str, str, str], list[Drift]] = {}
    for drift in drifts:
        alike.setdefault((drift.source, drift.change, drift.column_name), []).append(drift)
    return [
        f"{group[0]}, in {len(group)} extracts" if len(group) > 1 else str(group[0])
        for group in alike.values()
    ]


def list_drift(con: duckdb.DuckDBPyConnection, extract_ids: Sequence[str]) -> list[Drift]:
    """What drifted in these extracts, in the order of sources and columns."""
    names = [field.name for field in fields(Drift)]
    rows = con.execute(
        f"select distinct {', '.join(names)} from raw.schema_drift "
        "where extract_id in (select unnest(?::varchar[])) order by source, change, column_name",
        [list(extract_ids)],
    ).fetchall()
    return [Drift(**dict(zip(names, row, strict=True))) for row in rows]


def required_columns(
    con: duckdb.DuckDBPyConnection, source: EventSource, mapped: Mapped
) -> frozenset[str]:
    """The columns without which an extract is refused.

    Beside those without which an event is none: each that no extract of this source ever had, for
    then the mapping is wrong, not the export.
    """
    if not mapped.has_types:
        return mapped.required
    known = {
        name.lower()
        for (name,) in con.execute(
            """
            select distinct column_name
            from raw.extract_columns
            semi join (from raw.extracts where source = ?) using (extract_id)
            """,
            [source.name],
        ).fetchall()
    }
    return mapped.required | {column for column in mapped.needed if column.lower() not in known}


def profile(
    con: duckdb.DuckDBPyConnection, opened: Opened, parts: Sequence[Part], mapped: Mapped
) -> None:
    """Look at what the parts' columns are, for ``record``.

    Writes the temporary tables extract_names, one row per part and column, and extract_types, one
    row per part, half and mapped column, with the type that its texts look like. Types come
    from a sample of the text; those of one file may differ from its first half to its second.
    """
    con.execute("create or replace temp table extract_names (part integer, column_name varchar)")
    listed = [
        (part.number, name)
        for part, names in zip(parts, opened.columns, strict=True)
        for name in names
    ]
    con.execute(
        "insert into extract_names select unnest($1::integer[]), unnest($2::varchar[])",
        [[number for number, _ in listed], [name for _, name in listed]],
    )
    con.execute(
        "create or replace temp table extract_types "
        "(part integer, half integer, column_name varchar, column_type varchar)"
    )
    if opened.is_typed:
        _typed_columns(con, opened, mapped)
    elif mapped.needed:
        _text_columns(con, opened, mapped)


def record(
    con: duckdb.DuckDBPyConnection,
    ids: list[str],
    mapped: Mapped,
    source: str,
    now: datetime,
) -> None:
    """Write the columns of the landed extracts, and how they differ from those of the one before.

    ``ids`` are the extracts by part, of which ``profile`` has looked at the columns. A column is
    missing only if the mapping needs it.
    """
    con.execute(
        """
        insert into raw.extract_columns
        select
            ($ids::varchar[])[names.part + 1] as extract_id,
            names.column_name,
            -- the type of the whole: none where its halves or members do not agree
            case count(distinct types.column_type)
                when 1 then any_value(types.column_type)
                when 0 then null
                else 'text'
            end,
        from extract_names as names
        left join extract_types as types
            on
                names.part = types.part
                and lower(names.column_name) = lower(types.column_name)
        group by all
        """,
        {"ids": ids},
    )
    con.execute(
        """
        insert into raw.schema_drift
        select
            ($ids::varchar[])[part + 1], $source, column_name, 'type changes within the file',
            max(column_type) filter (half = 0), max(column_type) filter (half = 1), $now,
        from extract_types
        where column_name not in (
            select column_name from raw.schema_drift
            where source = $source and change = 'type changes within the file'
        )
        group by part, column_name
        having count(distinct column_type) > 1
        """,
        {"ids": ids, "source": source, "now": now},
    )
    _compare(con, ids, mapped, source, now)


def _text_columns(con: duckdb.DuckDBPyConnection, opened: Opened, mapped: Mapped) -> None:
    looks = ", ".join(
        f"{_kinds(name_in_sql(column))} as {name_in_sql(column)}"
        for column in sorted(mapped.needed)
    )
    con.execute(
        f"""
        insert into extract_types
        with

        halved as (
            select
                rows.*,
                last_lines._afterhype_part,
                last_lines._afterhype_last,
            from {opened.rows} as rows
            inner join (
                select
                    {part_of(LINE_NUMBER)} as _afterhype_part,
                    max({line_of(LINE_NUMBER)}) as _afterhype_last,
                from {opened.rows}
                group by all
            ) as last_lines on {part_of(LINE_NUMBER)} = last_lines._afterhype_part
            where {line_of(LINE_NUMBER)} % (
                select 1 + count(*) // {_SAMPLE_ROWS} from {opened.rows}
            ) = 0 or last_lines._afterhype_last <= {_SAMPLE_ROWS}
        ),

        looked_at as (
            select
                _afterhype_part,
                if({line_of(LINE_NUMBER)} * 2 > _afterhype_last, 1, 0) as _afterhype_half,
                {looks},
            from halved
            group by all
        ),

        by_column as (
            unpivot looked_at on columns(* exclude (_afterhype_part, _afterhype_half))
            into name _afterhype_column value _afterhype_kinds
        )

        select _afterhype_part, _afterhype_half, _afterhype_column, {_COMMON_KIND} as column_type
        from by_column
        """
    )


def _kinds(column: str) -> str:
    """SQL for the list of what a column's texts look like; null where there are none."""
    looks = " ".join(
        f"when {look.format(column)} then {text_in_sql(kind)}" for look, kind in _LOOKS.items()
    )
    return f"list(distinct case {looks} else 'text' end) filter ({column} is not null)"


_COMMON_KIND = """
    case
        when len(_afterhype_kinds) = 1 then _afterhype_kinds[1]
        when list_has_all(['integer', 'number'], _afterhype_kinds) then 'number'
        else 'text'
    end
"""
"""SQL for what texts of all of these kinds are."""


def _typed_columns(con: duckdb.DuckDBPyConnection, opened: Opened, mapped: Mapped) -> None:
    described = con.execute(f"describe from {opened.rows}").fetchall()
    types = {name: kind.lower() for name, kind, *_ in described if name in mapped.needed}
    con.execute(
        "insert into extract_types "
        "select part, 0, column_name, ($types::json->>column_name) "
        "from (select distinct part from extract_names), (select unnest($names) as column_name)",
        {"types": json.dumps(types), "names": list(types)},
    )


def _compare(
    con: duckdb.DuckDBPyConnection, ids: list[str], mapped: Mapped, source: str, now: datetime
) -> None:
    """What these extracts, in the order in which they landed, have that none had before them.

    A mapped column is missing where the extract before had it. Each novelty is told once: exports
    that leave out what is empty would otherwise drift to and fro.
    """
    con.execute(
        """
        insert into raw.schema_drift
        with

        landed as (
            select unnest($ids::varchar[]) as extract_id, generate_subscripts($ids, 1) as position
        ),

        before as (
            select
                extract_id,
                1 - row_number() over (order by landed_at desc, extract_id) as position,
            from raw.extracts
            semi join raw.extract_columns using (extract_id)
            where source = $source and extract_id not in (select extract_id from landed)
        ),

        known as (
            select
                ordered.position,
                ordered.extract_id,
                lower(columns.column_name) as column_key,
                columns.column_name,
                columns.column_type,
            from (from landed union all from before) as ordered
            inner join raw.extract_columns as columns using (extract_id)
        ),

        appeared as (
            select
                column_key, min(position) as position, arg_min(extract_id, position) as extract_id,
                arg_min(column_name, position) as column_name,
                arg_min(column_type, position) as column_type,
            from known
            group by column_key
        ),

        new_columns as (
            select
                extract_id, column_name, 'new column' as change, null as was,
                column_type as is_now,
            from appeared
            where position > (select min(position) from known) and position >= 1
        ),

        types as (
            select
                column_key, column_type, min(position) as position,
                arg_min(extract_id, position) as extract_id,
                arg_min(column_name, position) as column_name,
            from known
            where column_type is not null
            group by column_key, column_type
        ),

        other_types as (
            select
                extract_id, column_name, 'other type' as change,
                lag(column_type) over (partition by column_key order by position) as was,
                column_type as is_now,
            from types
            qualify was is not null and position >= 1
        ),

        missing_columns as (
            select
                landed.extract_id, was.column_name, 'missing column' as change,
                was.column_type as was, null as is_now,
            from landed
            inner join known as was on landed.position - 1 = was.position
            anti join known as is_now
                on landed.extract_id = is_now.extract_id and was.column_key = is_now.column_key
            where was.column_key in (select lower(unnest($needed::varchar[])))
        ),

        final as (
            from new_columns
            union all
            from other_types
            union all
            from missing_columns
        )

        select extract_id, $source, column_name, change, was, is_now, $now from final
        """,
        {
            "ids": list(dict.fromkeys(ids)),
            "source": source,
            "needed": sorted(mapped.needed),
            "now": now,
        },
    )
