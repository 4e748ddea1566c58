"""Count an anonymous user and the known one they turn out to be as one, in the past as well."""

from __future__ import annotations

import duckdb

from flows.land.judging import extract_of

_LONGEST_CHAIN = 20
"""Rounds of following aliases of aliases; each doubles the length that is followed."""


def land_links(con: duckdb.DuckDBPyConnection, app_id: str, merges: str) -> None:
    """Store which anonymous users the rows of the table judged tell to be which known ones.

    One row per extract and pair of users, with the first (``merges`` first) or last time at which
    it was told. Needs the tables judged and users of a landing.
    """
    told_at = "min" if merges == "first" else "max"
    con.execute(
        f"""
        insert into raw.identity_links by name
        select
            $app_id as app_id,
            anonymous.user_key as anonymous_key,
            known.user_key,
            $merges as merges,
            {told_at}(judged.event_time) as event_time,
            {extract_of("judged.line_number")} as extract_id,
        from judged
        inner join users as known on judged.user_id = known.user_id
        inner join users as anonymous on judged.anonymous_id = anonymous.user_id
        where judged.reason is null and judged.user_id <> judged.anonymous_id
        group by all
        """,
        {"app_id": app_id, "merges": merges},
    )
    resolve(con)


def resolve(con: duckdb.DuckDBPyConnection) -> None:
    """Bring raw.user_aliases up to date with the links of landed extracts of merged sources.

    Those of a source that was renamed or taken out of the sources file hold on, as its events do.
    ``first``: an anonymous user is the known one that they were first seen as. ``last``: all known
    users that were seen under one anonymous id are the one seen last. Aliases of aliases are
    followed; users that are each other's aliases stay apart. What was built of events that change
    hands is noted as disturbed, so that the next build counts both users' days anew. The result
    depends on the links, not on the order in which they came.
    """
    if con.execute("select 1 from raw.identity_links limit 1").fetchone() is None and (
        con.execute("select 1 from raw.user_aliases limit 1").fetchone() is None
    ):
        return
    con.execute(
        """
        create or replace temp table new_aliases as
        with

        links as (
            select links.*
            from raw.identity_links as links
            semi join (
                select extracts.extract_id
                from raw.extracts as extracts
                left join raw.event_sources as sources on extracts.source = sources.source
                where
                    extracts.status = 'landed'
                    -- only a merged source stores links: they outlive its line in sources.yml
                    and (sources.source is null or sources.identity = 'merged')
            ) as visible using (extract_id)
        ),

        first_known as (
            select app_id, anonymous_key as alias_key, arg_min(user_key, (event_time, user_key))
                as user_key,
            from links
            where merges = 'first'
            group by all
        ),

        last_known as (
            select app_id, anonymous_key, arg_max(user_key, (event_time, user_key)) as user_key,
                max(event_time) as event_time,
            from links
            where merges = 'last'
            group by all
        ),

        earlier_known as (
            select links.app_id, links.user_key as alias_key,
                arg_max(last_known.user_key, (last_known.event_time, last_known.user_key))
                    as user_key,
            from links
            inner join last_known using (app_id, anonymous_key)
            where links.merges = 'last' and links.user_key <> last_known.user_key
            group by all
        )

        -- what an id itself was seen with goes before what follows from others
        select app_id, alias_key, arg_min(user_key, (precedence, user_key)) as user_key
        from (
            select app_id, alias_key, user_key, 1 as precedence from first_known
            union all
            select app_id, anonymous_key, user_key, 1 from last_known
            union all
            select app_id, alias_key, user_key, 2 from earlier_known
        )
        where alias_key <> user_key
        group by all
        """
    )
    _follow_chains(con)
    con.execute(
        """
        create or replace temp table changed_aliases as
        select
            app_id,
            alias_key,
            coalesce(standing.user_key, alias_key) as was,
            coalesce(new_aliases.user_key, alias_key) as is_now,
        from new_aliases
        full join raw.user_aliases as standing using (app_id, alias_key)
        where standing.user_key is distinct from new_aliases.user_key
        """
    )
    if con.execute("select 1 from changed_aliases limit 1").fetchone() is None:
        return
    con.execute(
        """
        insert into ops.disturbed_events
        select events.extract_id, events.app_id, unnest([changed.was, changed.is_now]),
            events.event_time,
        from raw.app_events as events
        inner join changed_aliases as changed
            on events.app_id = changed.app_id and events.user_key = changed.alias_key
        semi join ops.built_extracts as built on events.extract_id = built.extract_id
        union all
        -- of no extract any more: only whose they are is counted anew
        select '', days.app_id, unnest([changed.was, changed.is_now]),
            coalesce(days.first_event_time, days.cohort_event_time),
        from raw.pruned_user_days as days
        inner join changed_aliases as changed
            on days.app_id = changed.app_id and days.user_key = changed.alias_key
        """
    )
    con.execute(
        "insert into ops.alias_changes select app_id, count(*) from changed_aliases group by app_id"
    )
    con.execute("delete from raw.user_aliases")
    con.execute("insert into raw.user_aliases by name from new_aliases")


def _follow_chains(con: duckdb.DuckDBPyConnection) -> None:
    for _ in range(_LONGEST_CHAIN):
        row = con.execute(
            """
            update new_aliases set user_key = onward.user_key
            from new_aliases as onward
            where
                new_aliases.app_id = onward.app_id
                and new_aliases.user_key = onward.alias_key
                and new_aliases.alias_key <> onward.user_key
            """
        ).fetchone()
        if not row or not row[0]:
            break
    # users that are each other's aliases, and those who lead to them
    con.execute(
        """
        delete from new_aliases
        where (app_id, user_key) in (select app_id, alias_key from new_aliases)
        """
    )
