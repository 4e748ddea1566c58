"""Write the sources file into the raw contract, so that dbt models read it as tables."""

from __future__ import annotations

import json

import duckdb

from flows.land import identities
from flows.sources import FileSource, Sources

_REPLACE = {
    "raw.apps": """
        select
            app->>'app_id', app->>'name', app->>'description', (app->'simulated')::boolean,
            nullif(array_to_string((app->'activity_events')::varchar[], ', '), ''),
            nullif(array_to_string((app->'cohort_events')::varchar[], ', '), '')
        from (select unnest(from_json($apps, '["json"]')) as app)
    """,
    "raw.app_store_ids": """
        select app->>'app_id', store, app->'store_ids'->>store
        from (
            select app, unnest(json_keys(app, '$.store_ids')) as store
            from (select unnest(from_json($apps, '["json"]')) as app)
        )
    """,
    "raw.event_sources": """
        select
            source->>'name', source->>'app_id', (source->>'complete_through')::date,
            source->>'identity', (source->>'ended')::date
        from (select unnest(from_json($events, '["json"]')) as source)
    """,
    "raw.launch_notes": """
        select note->>'app_id', (note->>'date')::date, note->>'kind', note->>'title'
        from (select unnest(from_json($launch_notes, '["json"]')) as note)
    """,
    "raw.reject_shares": """
        select
            source->>'name',
            (source->'rejects'->>'warning')::double, (source->'rejects'->>'critical')::double
        from (select unnest(from_json($files, '["json"]')) as source)
    """,
}


def write_configuration(con: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    """Replace the tables of apps, sources and launch notes by what ``sources`` says now."""
    document = sources.model_dump(mode="json", include={"apps", "events", "launch_notes"})
    document["files"] = [
        source.model_dump(mode="json", include={"name", "rejects"})
        for source in sources.all
        if isinstance(source, FileSource)
    ]
    before = _identities(con)
    con.begin()
    try:
        for table, query in _REPLACE.items():
            (name,) = (name for name in document if f"${name}" in query)
            con.execute(f"delete from {table}")
            con.execute(f"insert into {table} {query}", {name: json.dumps(document[name])})
        if _identities(con) != before:
            identities.resolve(con)
        con.commit()
    except duckdb.Error:
        con.rollback()
        raise


def _identities(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    query = "select source, identity from raw.event_sources where identity = 'merged' order by all"
    return con.execute(query).fetchall()
