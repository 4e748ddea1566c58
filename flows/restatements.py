"""Tell what a publication changes of the numbers published before it, and why."""

from __future__ import annotations

from datetime import datetime

import duckdb

from flows.marts import GRAIN, SETTLED
from flows.sql import has_columns

CELLS_KEPT = 50
"""Cells of one app, mart and measure that are named one by one, the largest changes first."""

PUBLICATIONS_KEPT = 30
"""How many publications' restatements the published file holds."""

COLUMNS = {
    "publication_id": "The publication that changed the number.",
    "compared_with": "The publication that had published it before.",
    "restated_at": "When the run that changed it began, in UTC.",
    "app_id": "The app.",
    "mart": "The mart that holds the number.",
    "measure": "The column of the mart.",
    "cell": "JSON: the row of the mart, by its grain. NULL: many rows, summed up in this one.",
    "cells": "How many numbers changed: 1, or as many as are summed up.",
    "old_value": "What had been published; summed up over the cells.",
    "new_value": "What is published now; NULL where it cannot be told any more.",
    "cause": "definition, mapping, retraction, identity, late_events, watermark, maturing, charts "
    "or store_reports.",
    "explanation": "The cause in words and numbers.",
}
"""The columns of the table ``restatements`` and what each says."""

_EMPTY = """
create table restatements (
    publication_id varchar not null,
    compared_with varchar not null,
    restated_at timestamp not null,
    app_id varchar not null,
    mart varchar not null,
    measure varchar not null,
    cell varchar,
    cells bigint not null,
    old_value double,
    new_value double,
    cause varchar not null,
    explanation varchar not null,
)
"""


def write_restatements(
    con: duckdb.DuckDBPyConnection, publication_id: str, built_at: datetime, definition: str
) -> None:
    """Create the table ``restatements`` beside the new marts of ``con``'s main schema.

    Expects the ``warehouse`` attached, and the file published before as ``previous`` if there is
    one. One row per restated number, the small ones of many summed up; those of earlier
    publications are carried over. ``built_at`` is naive UTC.
    """
    con.execute(_EMPTY)
    _describe(con)
    if not has_columns(
        con, "previous", "publication", ("publication_id", "definition_hash", "timezone")
    ):
        return
    _find_causes(con, definition)
    con.execute(
        "create or replace temp table moved (app_id varchar, mart varchar, measure varchar, "
        "cell varchar, old_value double, new_value double)"
    )
    for mart, measures in SETTLED.items():
        if has_columns(con, "previous", mart, (*GRAIN[mart], "app_id", *measures)):
            _find_moved(con, mart, measures)
    _sum_up(con, publication_id, built_at)
    if has_columns(con, "previous", "restatements", tuple(COLUMNS)):
        con.execute(
            """
            insert into restatements by name
            from previous.restatements
            qualify dense_rank() over (order by publication_id desc) < $kept
            """,
            {"kept": PUBLICATIONS_KEPT},
        )


def _describe(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "comment on table restatements is 'One row per number that had been published and has "
        "changed since, with the cause; where many have changed, the smaller changes are summed "
        "up in one row.'"
    )
    for column, comment in COLUMNS.items():
        con.execute(f"comment on column restatements.{column} is '{comment}'")


def _find_moved(con: duckdb.DuckDBPyConnection, mart: str, measures: tuple[str, ...]) -> None:
    """Add to the temporary table moved what was known, and is not what it was."""
    key = GRAIN[mart]
    cell = ", ".join(f"'{column}', previous.{column}" for column in key)
    same = " and ".join(f"previous.{column} = present.{column}" for column in key)
    values = ", ".join(
        f"{{'measure': '{m}', 'old': previous.{m}::double, 'new': present.{m}::double}}"
        for m in measures
    )
    differs = " or ".join(
        f"(previous.{m} is not null and previous.{m} is distinct from present.{m})"
        for m in measures
    )
    con.execute(
        f"""
        insert into moved
        with candidates as (
            select
                previous.app_id, json_object({cell})::varchar as cell, unnest([{values}]) as value
            from previous.{mart} as previous
            left join {mart} as present on {same}
            where {differs}
        )
        select app_id, '{mart}', value.measure, cell, value.old, value.new
        from candidates
        where value.old is not null and value.old is distinct from value.new
        """
    )


def _find_causes(con: duckdb.DuckDBPyConnection, definition: str) -> None:
    """Write the temporary table causes: one row per app with what has happened since.

    Extracts are compared by what the earlier publication was made of (ops.publication_extracts).
    """
    con.execute(
        """
        create or replace temp table causes as
        with

        then_seen as (
            select extract_id, mapping_hash, landed_at, app_id
            from warehouse.ops.publication_extracts
            where publication_id = (select publication_id from previous.publication)
        ),

        sources as (select source, app_id from warehouse.raw.event_sources),

        extracts as (
            select extracts.*, sources.app_id
            from warehouse.raw.extracts as extracts
            inner join sources using (source)
        ),

        retracted as (
            select app_id, count(*) as extracts, sum(rows_landed) as events
            from extracts
            where status <> 'landed' and extract_id in (select extract_id from then_seen)
            group by app_id
        ),

        -- of an extract from before mappings were noted it is known only that it landed again
        relanded as (
            select
                now_seen.kind,
                then_seen.mapping_hash is null as is_unknown,
                then_seen.app_id as was_of,
                sources.app_id as is_of,
            from then_seen
            inner join warehouse.raw.extracts as now_seen using (extract_id)
            left join sources on now_seen.source = sources.source
            where
                now_seen.status = 'landed'
                and now_seen.landed_at <> then_seen.landed_at
                and now_seen.mapping_hash is distinct from then_seen.mapping_hash
        ),

        -- events may have moved from an app to another one
        remapped as (
            select app_id, count(*) as extracts, bool_and(is_unknown) as is_unknown
            from (
                select is_unknown, unnest(list_distinct([was_of, is_of])) as app_id
                from relanded
                where kind = 'events'
            )
            where app_id is not null
            group by app_id
        ),

        remapped_others as (
            select
                count(*) filter (kind = 'ranks') as ranks,
                count(*) filter (kind = 'installs') as installs,
            from relanded
        ),

        forgotten as (
            select count(*) as extracts from then_seen
            where extract_id not in (select extract_id from warehouse.raw.extracts)
        ),

        merged as (
            select app_id, sum(users) as users
            from warehouse.ops.alias_changes
            group by app_id
        ),

        late as (
            select
                days.app_id, count(distinct days.extract_id) as extracts,
                sum(days.events) as events, min(days.activity_date) as first_date,
                max(days.activity_date) as last_date,
            from warehouse.intermediate.int_extract_days as days
            inner join previous.dim_apps as apps
                on days.app_id = apps.app_id and days.activity_date <= apps.watermark
            where days.extract_id not in (select extract_id from then_seen)
            group by days.app_id
        )

        select
            apps.app_id,
            publication.definition_hash <> $definition as is_defined_anew,
            remapped.extracts is not null as is_remapped,
            remapped_others.ranks as remapped_ranks,
            remapped_others.installs as remapped_installs,
            retracted.extracts is not null or forgotten.extracts > 0 as is_retracted,
            merged.users is not null as is_merged,
            late.extracts is not null as is_late,
            apps.watermark < previous_apps.watermark as is_falling_back,
            concat_ws(
                '; ',
                case when publication.definition_hash <> $definition
                    then 'the definitions have changed (time zone, settings or models)' end,
                case when remapped.extracts is not null then format(
                    if(
                        remapped.is_unknown,
                        '{:,} extract(s) landed again; with which mapping before is not known',
                        '{:,} extract(s) landed again with another mapping'
                    ),
                    remapped.extracts
                ) end,
                case when retracted.extracts is not null then format(
                    '{:,} extract(s) with {:,} events taken back',
                    retracted.extracts, retracted.events
                ) end,
                case when forgotten.extracts > 0
                    then format('{:,} extract(s) forgotten', forgotten.extracts) end,
                case when merged.users is not null then format(
                    '{:,} anonymous user(s) turned out to be others', merged.users
                ) end,
                case when late.extracts is not null then format(
                    '{:,} extract(s) brought {:,} events of days already published, {} to {}',
                    late.extracts, late.events, late.first_date, late.last_date
                ) end,
                case when apps.watermark < previous_apps.watermark then format(
                    'the watermark fell back from {} to {}', previous_apps.watermark, apps.watermark
                ) end
            ) as explanation,
            previous_apps.watermark as previous_watermark,
            apps.watermark,
        from dim_apps as apps
        cross join previous.publication as publication
        cross join forgotten
        cross join remapped_others
        left join previous.dim_apps as previous_apps on apps.app_id = previous_apps.app_id
        left join remapped on apps.app_id = remapped.app_id
        left join retracted on apps.app_id = retracted.app_id
        left join merged on apps.app_id = merged.app_id
        left join late on apps.app_id = late.app_id
        """,
        {"definition": definition},
    )


def _sum_up(con: duckdb.DuckDBPyConnection, publication_id: str, built_at: datetime) -> None:
    """Write the restatements: the largest changes one by one, all others in one row."""
    con.execute(
        """
        insert into restatements by name
        with

        told as (
            select
                moved.*,
                case
                    when moved.mart = 'fct_app_ranks_daily'
                        then if(causes.remapped_ranks > 0, 'mapping', 'charts')
                    when moved.mart = 'fct_installs_daily'
                        then if(causes.remapped_installs > 0, 'mapping', 'store_reports')
                    when causes.is_defined_anew then 'definition'
                    when causes.is_remapped then 'mapping'
                    when causes.is_retracted then 'retraction'
                    when causes.is_merged then 'identity'
                    when causes.is_late then 'late_events'
                    when causes.is_falling_back or moved.new_value is null then 'watermark'
                    else 'maturing'
                end as cause,
                causes.explanation,
                case moved.mart
                    when 'fct_app_ranks_daily' then causes.remapped_ranks
                    when 'fct_installs_daily' then causes.remapped_installs
                end as remapped_files,
                causes.previous_watermark,
                causes.watermark,
                row_number() over (
                    partition by moved.app_id, moved.mart, moved.measure
                    order by abs(coalesce(new_value, 0) - old_value) desc, cell
                ) <= $kept as is_named,
            from moved
            left join causes on moved.app_id = causes.app_id
        )

        select
            $publication_id as publication_id,
            (select publication_id from previous.publication) as compared_with,
            $built_at::timestamp as restated_at,
            app_id,
            mart,
            measure,
            if(is_named, cell, null) as cell,
            count(*) as cells,
            sum(old_value) as old_value,
            sum(new_value) as new_value,
            coalesce(cause, 'definition') as cause,
            case
                when cause = 'mapping' and remapped_files > 0 then format(
                    '{:,} extract(s) landed again with another mapping', remapped_files
                )
                when cause = 'charts' then 'chart captures landed late or were taken back'
                when cause = 'store_reports' then 'a store corrected or completed its reports'
                when cause = 'maturing' then format(
                    'more cohorts are complete: the watermark moved from {} to {}',
                    previous_watermark, watermark
                )
                when cause is null then 'the app is no longer among the apps'
                else coalesce(nullif(explanation, ''), 'the watermark moved')
            end as explanation,
        from told
        group by all
        """,
        {"publication_id": publication_id, "built_at": built_at, "kept": CELLS_KEPT},
    )
