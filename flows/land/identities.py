"""Count users who turn out to be one as one, in the past as well."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from flows.land.judging import extract_of
from flows.land.links import ALIAS, FIRST, IDENTIFY, MERGE

_LONGEST_CHAIN = 20
"""Rounds of following aliases of aliases; each doubles the length that is followed."""


def land_links(
    con: duckdb.DuckDBPyConnection, app_id: str, merges: str, extract_ids: Collection[str]
) -> None:
    """Store which users the rows of some extracts say are one.

    One row per extract and pair of users, with the first (``merges`` first) or last time at which
    the two were seen in a row of the table judged, and one per link that rows tell by themselves,
    with the first time. Needs the tables judged, told_links and users of a landing.
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
    con.execute(
        f"""
        insert into raw.identity_links by name
        select
            $app_id as app_id,
            alias.user_key as anonymous_key,
            known.user_key,
            if(told_links.rule = '{FIRST}', 'first', 'last') as merges,
            told_links.event_time,
            told_links.extract_id,
            nullif(told_links.rule, '{FIRST}') as rule,
        from told_links
        inner join users as known on told_links.of_id = known.user_id
        inner join users as alias on told_links.alias_id = alias.user_id
        """,
        {"app_id": app_id},
    )
    resolve(con, extract_ids)


def resolve(con: duckdb.DuckDBPyConnection, extract_ids: Collection[str] | None = None) -> None:
    """Bring raw.user_aliases up to date with the links of landed extracts of merged sources.

    Only users whom the links of ``extract_ids`` lead to are looked at, over however many links;
    None: all. Those of a source that was renamed or taken out of the sources file hold on, as its
    events do.

    ``first``: an anonymous user is the known one that they were first seen as. Aliases of aliases
    are followed; users that are each other's aliases stay apart. ``last``: all users that are
    linked are one, the one seen last; for what a row's own rule adds see land.links. What was built
    of events that change hands is noted as disturbed, so that the next build counts both users'
    days again. The result depends on the links, not on the order in which they came.
    """
    if con.execute("select 1 from raw.identity_links limit 1").fetchone() is None and (
        con.execute("select 1 from raw.user_aliases limit 1").fetchone() is None
    ):
        return
    _select_links(con, extract_ids)
    _alias_to_first(con)
    _follow_chains(con)
    _unite(con)
    _keep_changes(con, everyone=extract_ids is None)


def _select_links(con: duckdb.DuckDBPyConnection, extract_ids: Collection[str] | None) -> None:
    """Write the temporary tables touched, of users, and links, of all that counts for them."""
    con.execute(
        """
        create or replace temp view visible_links as
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
        """
    )
    con.execute("create or replace temp table touched (app_id varchar, user_key uuid)")
    if extract_ids is None:
        con.execute("create or replace temp table links as from visible_links")
        return
    con.execute(
        """
        create or replace temp table frontier as
        select distinct app_id, unnest([anonymous_key, user_key]) as user_key
        from raw.identity_links
        where extract_id in (select unnest($extract_ids::varchar[]))
        """,
        {"extract_ids": list(extract_ids)},
    )
    while con.execute("select 1 from frontier limit 1").fetchone():
        con.execute("insert into touched from frontier")
        con.execute(
            """
            create or replace temp table frontier as
            select app_id, user_key
            from (
                select links.app_id, links.user_key
                from visible_links as links
                semi join frontier
                    on links.app_id = frontier.app_id
                    and links.anonymous_key = frontier.user_key
                union
                select links.app_id, links.anonymous_key
                from visible_links as links
                semi join frontier using (app_id, user_key)
            )
            anti join touched using (app_id, user_key)
            """
        )
    con.execute(
        """
        create or replace temp table links as
        from visible_links semi join touched using (app_id, user_key)
        """
    )


def _alias_to_first(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        create or replace temp table new_aliases as
        select app_id, anonymous_key as alias_key, arg_min(user_key, (event_time, user_key))
            as user_key,
        from links
        where merges = 'first'
        group by all
        having alias_key <> user_key
        """
    )


def _unite(con: duckdb.DuckDBPyConnection) -> None:
    """Make all users that are linked one, over whatever users they lead to as aliases.

    Of the links that rows tell by themselves those count by which their rule lets two become one.
    """
    if con.execute("select 1 from links where merges = 'last' limit 1").fetchone() is None:
        return
    con.execute(
        f"""
        create or replace temp table united as
        with

        identified as (
            -- since when an id can no more become another user's by identify or alias
            select app_id, user_key, min(event_time) as since
            from (
                select app_id, anonymous_key as user_key, event_time
                from links where rule in ('{IDENTIFY}', '{ALIAS}')
                union all
                select app_id, user_key, event_time from links where rule = '{IDENTIFY}'
            )
            group by all
        ),

        counted as (
            select links.app_id, anonymous_key, links.user_key, event_time, rule
            from links
            left join identified
                on links.app_id = identified.app_id
                and links.anonymous_key = identified.user_key
            where
                merges = 'last'
                and (rule is null or rule = '{MERGE}' or event_time = identified.since)
            -- one at a time: two that come in one moment are not both the first
            qualify
                rule is null
                or rule = '{MERGE}'
                or links.user_key = min(links.user_key) over (
                    partition by links.app_id, anonymous_key, event_time,
                        rule in ('{IDENTIFY}', '{ALIAS}')
                )
        )

        select
            counted.app_id,
            coalesce(one.user_key, counted.anonymous_key) as one_key,
            coalesce(other.user_key, counted.user_key) as other_key,
            max(event_time) filter (rule is null) as seen_at,
            min(event_time) as linked_at,
        from counted
        left join new_aliases as one
            on counted.app_id = one.app_id and counted.anonymous_key = one.alias_key
        left join new_aliases as other
            on counted.app_id = other.app_id and counted.user_key = other.alias_key
        group by all
        """
    )
    _label_components(con)
    con.execute(
        """
        create or replace temp table merged_users as
        with

        kept as (
            -- the one seen last; where links alone unite them that of the first one, so that it
            -- stays the same one as links are added
            select
                members.app_id,
                label,
                arg_max(other_key, (
                    seen_at is not null,
                    coalesce(epoch_us(seen_at), -epoch_us(linked_at)),
                    other_key
                )) as user_key,
            from united
            inner join members
                on united.app_id = members.app_id and united.other_key = members.user_key
            group by all
        )

        select members.app_id, members.user_key as alias_key, kept.user_key
        from members inner join kept using (app_id, label)
        """
    )
    con.execute(
        """
        update new_aliases set user_key = merged_users.user_key
        from merged_users
        where
            new_aliases.app_id = merged_users.app_id
            and new_aliases.user_key = merged_users.alias_key
        """
    )
    con.execute("insert into new_aliases from merged_users where alias_key <> user_key")


def _label_components(con: duckdb.DuckDBPyConnection) -> None:
    """Write the temporary table members: each user of united with the least one they lead to."""
    con.execute(
        """
        create or replace temp table edges as
        select app_id, one_key as user_key, other_key as next_key from united
        union
        select app_id, other_key, one_key from united
        """
    )
    con.execute(
        """
        create or replace temp table members as
        select distinct app_id, user_key, user_key as label from edges
        """
    )
    changed = True
    while changed:
        # by two tables each: joined at once, DuckDB may pair all users of an app
        row = con.execute(
            """
            update members set label = nearest.label
            from (
                select edges.app_id, edges.user_key, min(neighbours.label) as label
                from edges
                inner join members as neighbours
                    on edges.app_id = neighbours.app_id
                    and edges.next_key = neighbours.user_key
                group by all
            ) as nearest
            where
                members.app_id = nearest.app_id
                and members.user_key = nearest.user_key
                and nearest.label < members.label
            """
        ).fetchone()
        changed = bool(row and row[0])
        # the label of a label as well: the length that is followed doubles each round
        con.execute(
            """
            update members set label = labels.label
            from members as labels
            where
                members.app_id = labels.app_id
                and members.label = labels.user_key
                and labels.label < members.label
            """
        )


def _keep_changes(con: duckdb.DuckDBPyConnection, *, everyone: bool) -> None:
    """Write new_aliases over those of the touched users, and note whose days change hands."""
    only = (
        ""
        if everyone
        else (
            "semi join touched on aliases.app_id = touched.app_id "
            "and aliases.alias_key = touched.user_key"
        )
    )
    con.execute(
        f"""
        create or replace temp table changed_aliases as
        select
            app_id,
            alias_key,
            coalesce(standing.user_key, alias_key) as was,
            coalesce(new_aliases.user_key, alias_key) as is_now,
        from new_aliases
        full join (
            select aliases.* from raw.user_aliases as aliases {only}
        ) as standing using (app_id, alias_key)
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
    con.execute(
        "delete from raw.user_aliases where (app_id, alias_key) in "
        "(select app_id, alias_key from changed_aliases)"
    )
    con.execute(
        """
        insert into raw.user_aliases
        select app_id, alias_key, is_now from changed_aliases where is_now <> alias_key
        """
    )


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
