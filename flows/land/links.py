"""Collect what rows say of whose ids are one user's, beside the pair of their own two."""

from __future__ import annotations

import duckdb

from flows.formats.mapping import Mapped
from flows.formats.no_ids import identifier_in_sql
from flows.land.judging import extract_of
from flows.sources import EventSource

FIRST = "first"
"""The id is the user's as whom it was first seen or linked; later ones do not count."""

IDENTIFY = "identify"
"""The two become one user, unless the id has been part of such an event, or of ALIAS, before."""

ALIAS = "alias"
"""As IDENTIFY, but the id that it belongs to may still become another user's."""

MERGE = "merge"
"""The two become one user, whatever they were before."""


def collect_links(con: duckdb.DuckDBPyConnection, source: EventSource, mapped: Mapped) -> None:
    """Write the temporary table told_links: one row per link that a good row of judged tells.

    A link with a word that is no id is none.
    """
    con.execute(
        """
        create or replace temp table told_links (
            alias_id varchar, of_id varchar, rule varchar, event_time timestamp, extract_id varchar
        )
        """
    )
    # most extracts have none of the few events that link
    if mapped.link is None or (
        con.execute("select 1 from judged where link is not null limit 1").fetchone() is None
    ):
        return
    alias_id, of_id = (
        identifier_in_sql(
            name, (*source.no_ids.also, *mapped.no_links), source.no_ids.allow, mapped.id_prefix
        )
        for name in ("alias_id", "of_id")
    )
    con.execute(
        f"""
        insert into told_links
        select alias_id, of_id, rule, min(event_time), extract_id
        from (
            select {alias_id} as alias_id, {of_id} as of_id, rule, event_time, extract_id
            from (
                select
                    nullif(trim(unnest(link.ids)), '') as alias_id,
                    nullif(trim(link.of_id), '') as of_id,
                    link.rule as rule,
                    event_time,
                    {extract_of("line_number")} as extract_id,
                from judged
                where link is not null and reason is null
            )
        )
        where alias_id <> of_id
        group by all
        """
    )
