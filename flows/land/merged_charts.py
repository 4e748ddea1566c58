"""Reject several charts that a mapping takes for one, and name what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from flows.extract.unpack import Part
from flows.formats.lines import LINE_NUMBER
from flows.formats.mapping import mapping_in_sql
from flows.formats.reading import MALFORMED, Opened, line_of, open_parts
from flows.land.judging import extract_of
from flows.sources import ChartFiles
from flows.sql import name_in_sql

_CHART = "store, storefront, chart, genre, snapshot_at"

_OF_AN_APP = ("rank", "store_app_id", "app_name", "publisher", "url")
"""What an entry says of its app: it is another one in each row of a chart as well."""


def reject_merged_charts(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], source: ChartFiles, opened: Opened
) -> None:
    """Move the entries of charts that are several ones from chart_entries to MALFORMED.

    A chart of one extract is several if most of its ranks, and more than one, are given to more
    than one app: whatever of it landed would be a mixture. A rank given twice here and there is
    that one row's fault. The reason names the columns that tell the charts apart, for which the
    file is read once more.
    """
    con.execute(
        f"""
        create or replace temp table merged_charts as
        select extract_id, {_CHART}, max(last_line) as last_line
        from (
            select
                {extract_of("line_number")} as extract_id,
                {_CHART},
                rank,
                min(store_app_id) <> max(store_app_id) as is_given_twice,
                max(line_number) as last_line,
            from chart_entries
            where
                rank is not null
                and store_app_id is not null
                and ({" and ".join(f"{column} is not null" for column in _CHART.split(", "))})
            group by all
        )
        group by all
        having
            count(*) filter (is_given_twice) > 1
            and 2 * count(*) filter (is_given_twice) > count(*)
        """
    )
    found = con.execute("select distinct extract_id from merged_charts").fetchall()
    for (extract_id,) in found:
        some = [part for part in parts if part.extract_id == extract_id]
        columns = {part.number: opened.columns[parts.index(part)] for part in some}
        _reject(con, extract_id, _in_words(_telling_apart(con, some, source, columns)))


def _in_words(columns: Sequence[str]) -> str:
    if not columns:
        return (
            "several charts taken for one, and no column of the file tells them apart: look for "
            "what does (the file's name is filename)"
        )
    return (
        f"several charts taken for one, which {', '.join(columns)} would tell apart: map that as "
        "storefront, chart, genre or snapshot_at"
    )


def _reject(con: duckdb.DuckDBPyConnection, extract_id: str, reason: str) -> None:
    con.execute(
        f"""
        insert into {MALFORMED}
        select
            line_number,
            $reason,
            to_json(struct_update(chart_entries, line_number := {line_of("line_number")}))::varchar,
        from chart_entries
        where {_is_merged()}
        """,
        {"reason": reason, "extract_id": extract_id},
    )
    con.execute(f"delete from chart_entries where {_is_merged()}", {"extract_id": extract_id})


def _is_merged() -> str:
    return f"""
        {extract_of("line_number")} = $extract_id
        and row({_CHART}) in (
            select row({_CHART}) from merged_charts where extract_id = $extract_id
        )
    """


def _telling_apart(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    source: ChartFiles,
    columns: Mapping[int, Sequence[str]],
) -> list[str]:
    """The columns of an extract by which each rank of its merged charts is given once.

    Each time the one is taken with which fewest ranks are given twice. It has no more values than
    a rank is given: a title or a price is not a chart's. Empty where some remain.
    """
    mapped = mapping_in_sql(source)
    of_apps = frozenset().union(*(mapped.references(column) for column in _OF_AN_APP))
    left_out = {name.lower() for name in (*of_apps, "document", LINE_NUMBER)}
    named = {name.lower(): name for names in columns.values() for name in names}
    candidates = [name for lower, name in named.items() if lower not in left_out]
    if not candidates:
        return []
    _load_candidates(con, parts, source, candidates)
    most = _numbers(
        con,
        "select max(entries) "
        "from (select count(*) as entries from merged_entries group by merged_chart, rank)",
    )[0]
    values = _numbers(
        con,
        f"select {', '.join(f'max(n{n})' for n in range(len(candidates)))} from (select "
        + ", ".join(f"count(distinct c{n}) as n{n}" for n in range(len(candidates)))
        + " from merged_entries group by merged_chart)",
    )
    left = [n for n, count in enumerate(values) if 1 < count <= most]
    taken: list[int] = []
    total, known = _numbers(
        con, "select count(*), count(distinct (merged_chart, rank)) from merged_entries"
    )
    while left and known < total:
        with_each = _numbers(con, f"select {', '.join(_known(taken, n) for n in left)} "
                                  "from merged_entries")  # fmt: skip
        best = max(range(len(left)), key=lambda position: with_each[position])
        if with_each[best] <= known:
            break
        known = with_each[best]
        taken.append(left.pop(best))
    return [candidates[n] for n in taken] if known == total else []


def _known(taken: Sequence[int], another: int) -> str:
    """SQL that counts the ranks that are told apart by some columns and another one."""
    return f"count(distinct (merged_chart, rank, {', '.join(f'c{n}' for n in (*taken, another))}))"


def _load_candidates(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    source: ChartFiles,
    candidates: Sequence[str],
) -> None:
    """The merged entries with the values of some columns: merged_chart, rank, c0, c1, …"""
    assert source.reader is not None  # format: custom has one, sources.py sees to it
    con.execute(f"create or replace temp table kept_malformed as from {MALFORMED}")
    rows = open_parts(con, parts, source.reader, candidates, ()).rows
    listed = ", ".join(
        f"coalesce(rows.{name_in_sql(name)}::varchar, '') as c{n}"
        for n, name in enumerate(candidates)
    )
    con.execute(
        f"""
        create or replace temp table merged_entries as
        select distinct merged.last_line as merged_chart, entries.rank, entries.store_app_id,
            {listed},
        from chart_entries as entries
        inner join merged_charts as merged
            on
                {extract_of("entries.line_number")} = merged.extract_id
                and row(entries.store, entries.storefront, entries.chart, entries.genre,
                    entries.snapshot_at)
                = row(merged.store, merged.storefront, merged.chart, merged.genre,
                    merged.snapshot_at)
        inner join {rows} as rows on entries.line_number = rows.{LINE_NUMBER}
        """
    )
    con.execute(f"create or replace temp table {MALFORMED} as from kept_malformed")


def _numbers(con: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = con.execute(query).fetchone()
    assert row is not None  # an aggregate has one row
    return tuple(int(number or 0) for number in row)
