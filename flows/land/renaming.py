"""Give all that has landed of an app another name, after the sources file gave it one."""

from __future__ import annotations

import json

import duckdb

from flows.builds import user_day_definition
from flows.errors import AfterhypeError, ConfigurationError
from flows.lake.location import lake_of
from flows.mapping_text import hash_of
from flows.sources import Sources

_OF_AN_APP = (
    "raw.app_events",
    "raw.app_event_duplicates",
    "raw.identity_links",
    "raw.user_aliases",
    "raw.pruned_event_ids",
    "raw.pruned_user_days",
    "raw.pruned_extract_days",
    "ops.disturbed_events",
    "ops.alias_changes",
    "ops.publication_extracts",
)
"""The tables that say of which app a row is, but for those that the sources file writes."""


def rename_app(con: duckdb.DuckDBPyConnection, sources: Sources, old: str, new: str) -> int:
    """Move all that has landed of the app ``old`` to ``new``, and return its events.

    Users keep their keys, and those who come later get theirs as if the app had its first name.
    The next build makes everything anew. One transaction. The caller holds the writer lock.

    Raises ConfigurationError where the sources file still lists ``old`` or does not list ``new``,
    AfterhypeError where nothing of ``old`` or something of ``new`` has landed, or the events lie in
    a lake.
    """
    listed = {app.app_id for app in sources.apps}
    if new not in listed or old in listed:
        raise ConfigurationError(
            f"apps rename: the sources file must list {new!r} and no longer {old!r}: change the "
            "app_id there first, in apps and in its event sources"
        )
    if lake_of(con):
        raise AfterhypeError(
            "apps rename: the events lie in a lake, whose files it does not rewrite. Set land: "
            "{to: duckdb}, `afterhype land` moves them, rename, and set it back."
        )
    events = _events_of(con, old)
    if not events:
        raise AfterhypeError(f"apps rename: nothing has landed of {old!r}{_known(con)}")
    if there := _events_of(con, new):
        raise AfterhypeError(
            f"apps rename: {there:,} events have landed as {new!r} already, whose users were keyed "
            f"by that name: those of {old!r} would count twice. What landed since the sources file "
            "changed is taken out by `afterhype extracts reland ID`; rename, and the next run "
            "lands it again."
        )
    con.begin()
    try:
        for table in _OF_AN_APP:
            con.execute(
                f"update {table} set app_id = $new where app_id = $old", {"old": old, "new": new}
            )
        con.execute(
            """
            insert or replace into raw.app_keys
            select $new, coalesce(
                (select keyed_as from raw.app_keys where app_id = $old), $old
            )
            """,
            {"old": old, "new": new},
        )
        con.execute("delete from raw.app_keys where app_id = ?", [old])
        _rename_in_mappings(con, old, new)
        _rename_in_prunings(con, sources, old, new)
        con.execute("delete from ops.builds")  # no table of counts can be gone on from
        con.execute("delete from ops.built_extracts")
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return events


def keyed_as(con: duckdb.DuckDBPyConnection, app_id: str) -> str:
    """The name by which an app's users are keyed: the one under which its first ones landed."""
    row = con.execute("select keyed_as from raw.app_keys where app_id = ?", [app_id]).fetchone()
    return str(row[0]) if row else app_id


def unlisted_apps(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The apps of which events count that the sources file does not list, by the last build."""
    try:
        rows = con.execute(
            "select app_id from intermediate.int_app_watermarks anti join raw.apps using (app_id) "
            "order by app_id"
        ).fetchall()
    except duckdb.CatalogException:
        return []  # nothing is built yet
    return [app_id for (app_id,) in rows]


def _events_of(con: duckdb.DuckDBPyConnection, app_id: str) -> int:
    row = con.execute(
        """
        select
            (select count(*) from raw.app_events where app_id = $app_id)
            + (select count(*) from raw.pruned_event_ids where app_id = $app_id)
        """,
        {"app_id": app_id},
    ).fetchone()
    assert row is not None  # an aggregate has one row
    return int(row[0])


def _known(con: duckdb.DuckDBPyConnection) -> str:
    rows = con.execute("select distinct app_id from raw.app_events order by app_id").fetchall()
    return f" (events have landed of: {', '.join(app_id for (app_id,) in rows) or 'none'})"


def _rename_in_mappings(con: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Let extracts remember the mapping with the new name: it is the same one."""
    for before, text in con.execute("select mapping_hash, mapping from raw.mappings").fetchall():
        mapping = json.loads(text)
        if mapping.get("app_id") != old:
            continue
        renamed = json.dumps(mapping | {"app_id": new}, sort_keys=True)
        given = {"before": before, "after": hash_of(renamed), "text": renamed}
        con.execute(
            "insert or ignore into raw.mappings by name "
            "select $after as mapping_hash, $text as mapping",
            {"after": given["after"], "text": renamed},
        )
        for table in ("raw.extracts", "ops.publication_extracts"):
            con.execute(
                f"update {table} set mapping_hash = $after where mapping_hash = $before",
                {"after": given["after"], "before": before},
            )


def _rename_in_prunings(
    con: duckdb.DuckDBPyConnection, sources: Sources, old: str, new: str
) -> None:
    """Say of what was kept of pruned events that it holds under the new name, where it does."""
    document = json.loads(sources.model_dump_json())
    for entry in (*document["apps"], *document["events"], *document["launch_notes"]):
        if entry["app_id"] == new:
            entry["app_id"] = old
    before = user_day_definition(Sources.model_validate(document))
    con.execute(
        "update ops.prunings set definition = $now where definition = $before",
        {"now": user_day_definition(sources), "before": before},
    )
