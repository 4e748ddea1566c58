"""Land event extracts: type them, key their users, tell duplicates apart, keep what is bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from flows.extract.found import Extract
from flows.extract.unpack import Part, Stream, local_only, unpacked
from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.mapping import Mapped, mapping_in_sql
from flows.formats.reading import open_parts
from flows.formats.sniffing import reader_of
from flows.lake import events as raw_events
from flows.land import (
    clocks,
    content_ids,
    coverage,
    drift,
    identities,
    ledger,
    links,
    provisional,
)
from flows.land.judging import Rejected, extract_of, judge_rows, keep_rejects, name_extracts
from flows.land.keys import check_key, load_user_key
from flows.land.ledger import Landed
from flows.land.renaming import keyed_as
from flows.settings import Settings
from flows.sources import EventSource, Reader


def land_events(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: EventSource,
    settings: Settings,
    now: datetime,
    stream: Stream = local_only,
    *,
    again: bool = False,
) -> dict[str, Landed]:
    """Land event extracts of one source in one transaction: all of them or nothing.

    Rows go to raw.app_events, those that another landed extract has delivered already to
    raw.app_event_duplicates, bad ones to raw.rejects with a reason. ``now`` is naive UTC. Where
    they land ``again``, this takes the place of what they had landed. Raises ExtractError when a
    file cannot be read at all; the ledger knows nothing of it then, or what it knew.
    """
    key = load_user_key(settings)
    encoding = source.text_encoding
    scratch = settings.home / "tmp"
    with unpacked(extracts, scratch, encoding, stream) as parts:
        mapped = mapping_in_sql(source)
        name_extracts(con, parts)
        # before the transaction: DuckDB reads what a transaction has written itself on one core
        opened = open_parts(
            con,
            parts,
            _reader(source, parts),
            mapped.needed,
            drift.required_columns(con, source, mapped),
            as_text=not mapped.has_types,
        )
        judge_rows(con, opened, source, mapped, settings, now)
        clocks.count_user_days(con)
        clocks.reject_before_history(con, source.earliest_event)
        links.collect_links(con, source, mapped)
        _identify(con, source, mapped, key)
        if mapped.former_event_id:
            _recognise_former_ids(con, source, extracts)
        content_ids.recognise_former_ones(con, source)
        counted = _keep_first_rows(con)
        reaches = clocks.reach(con, now)
        drift.profile(con, opened, parts, mapped)
        with ledger.changes(con):
            if again:
                ledger.take_out(con, [extract.extract_id for extract in extracts])
            check_key(con, key)
            rejected = keep_rejects(con, source, mapped, [part.member for part in parts], now)
            outcomes = _insert(con, extracts, source, counted, rejected, reaches, now)
            ledger.record(con, extracts, outcomes, now)
            coverage.record_hours(con)
            drift.record(con, [part.extract_id for part in parts], mapped, source.name, now)
            if mapped.merges:
                landed = [extract.extract_id for extract in extracts]
                identities.land_links(con, source.app_id, mapped.merges, landed)
            if again:  # what they had linked before is gone
                identities.resolve(con)
            if source.replaces_same_path:
                for extract in extracts:
                    ledger.supersede(con, extract)
            provisional.give_way(con, source)
    return outcomes


def _reader(source: EventSource, parts: Sequence[Part]) -> Reader:
    """The one of the sources file, or how the vendor's files are read, as the first one shows."""
    if source.reader is not None:
        return source.reader
    return reader_of(EVENT_FORMATS[source.format], parts[0])


def _identify(
    con: duckdb.DuckDBPyConnection, source: EventSource, mapped: Mapped, key: str
) -> None:
    """Key the users, into the temporary table users, and name the events that have no id.

    See content_ids for the latter.
    """
    # a variable, not SQL text: the secret must not show in an error, a log or a profile
    con.execute("set variable user_key = ?", [key])
    former = """
        union
        select distinct former_user_id from judged
        where reason is null and former_user_id <> user_id
    """
    try:
        # a user is hashed once, however many events are theirs
        con.execute(
            f"""
            create or replace temp table users as
            select
                user_id,
                cast(
                    sha256(concat_ws(chr(31), getvariable('user_key'), $keyed_as, user_id))[:32]
                    as uuid
                ) as user_key,
            from (
                select distinct user_id from judged where reason is null
                union
                select distinct anonymous_id from judged
                where reason is null and anonymous_id is not null
                union
                select distinct unnest([alias_id, of_id]) from told_links
                {former if mapped.former_event_id else ""}
            )
            """,
            {"keyed_as": keyed_as(con, source.app_id)},
        )
    finally:
        con.execute("reset variable user_key")
    content_ids.name_events(con)


def _recognise_former_ids(
    con: duckdb.DuckDBPyConnection, source: EventSource, extracts: Sequence[Extract]
) -> None:
    """Give events that landed by another id, when formats told them apart by less, that id.

    It is the same event if user (as then or as today), name and time are the same as well. Only
    days that the rows touch are looked at. Of pruned events nothing but the id is known: it is
    enough. What the extracts themselves have landed before gives way to them, ids and all.
    """
    given = {"app_id": source.app_id, "own": [extract.extract_id for extract in extracts]}
    con.execute(
        """
        set variable first_event = (select min(event_time) from judged where reason is null)
        """
    )
    con.execute(
        """
        set variable last_event = (select max(event_time) from judged where reason is null)
        """
    )
    landed = con.execute(
        """
        select 1
        from raw.app_events
        where
            app_id = $app_id
            and event_time between getvariable('first_event') and getvariable('last_event')
            and not list_contains($own::varchar[], extract_id)
        union all
        select 1 from raw.pruned_event_ids where app_id = $app_id
        limit 1
        """,
        given,
    ).fetchone()
    if landed is None:
        return
    con.execute(
        """
        update judged set event_id = judged.former_event_id
        from (
            select judged.line_number
            from (
                select line_number, former_event_id, event_name, event_time, reason,
                    unnest([user_id, former_user_id]) as user_id,
                from judged
            ) as judged
            inner join users on judged.user_id = users.user_id
            semi join (
                select event_id, user_key, event_name, event_time
                from raw.app_events
                where
                    app_id = $app_id
                    and event_time
                        between getvariable('first_event') and getvariable('last_event')
                    and not list_contains($own::varchar[], extract_id)
            ) as landed
                on judged.former_event_id = landed.event_id
                and users.user_key = landed.user_key
                and judged.event_name = landed.event_name
                and judged.event_time = landed.event_time
            where judged.reason is null
            union
            select line_number
            from judged
            semi join (
                select event_id from raw.pruned_event_ids where app_id = $app_id
            ) as pruned on judged.former_event_id = pruned.event_id
            where reason is null
        ) as known
        where judged.line_number = known.line_number
        """,
        given,
    )


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """The good rows of one extract, how many events they are, and between which times.

    ``zoneless`` are those whose time says no zone, where its source says none either; ``unlike``
    are the rows with the id of an earlier one, but another user, name or time.
    """

    rows: int
    events: int
    zoneless: int = 0
    unlike: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None


def _keep_first_rows(con: duckdb.DuckDBPyConnection) -> dict[str, _Counted]:
    """Keep one row per event and extract of the table judged, the first; the counts before that.

    They are of all that an extract tells, whoever delivered it first: no matter the order. How far
    it reaches is told by events without a user as well.
    """
    counts = con.execute(
        f"""
        select
            {extract_of("line_number")} as extract_id,
            count(*) filter (reason is null),
            count(distinct event_id) filter (reason is null),
            count(*) filter (reason is null and is_zoneless),
            min(if(reason is null, event_time, time_without_user)),
            max(if(reason is null, event_time, time_without_user)),
        from judged
        group by 1
        """
    ).fetchall()
    counted = {
        extract_id: _Counted(
            rows=rows, events=events, zoneless=zoneless, earliest=earliest, latest=latest
        )
        for extract_id, rows, events, zoneless, earliest, latest in counts
    }
    if all(one.events == one.rows for one in counted.values()):
        return counted
    # only then is there a first one to be looked for
    con.execute(
        f"""
        create or replace temp table later_rows as
        select
            line_number,
            {extract_of("line_number")} as extract_id,
            (user_id, event_name, event_time)
                is distinct from first((user_id, event_name, event_time)) over event as is_unlike,
        from judged
        where reason is null
        window event as (
            partition by event_id, {extract_of("line_number")} order by line_number
        )
        qualify row_number() over event > 1
        """
    )
    con.execute("delete from judged where line_number in (select line_number from later_rows)")
    unlike = dict(
        con.execute(
            "select extract_id, count(*) filter (is_unlike) from later_rows group by all"
        ).fetchall()
    )
    return {
        extract_id: replace(one, unlike=unlike.get(extract_id, 0))
        for extract_id, one in counted.items()
    }


def _insert(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: EventSource,
    counted: Mapping[str, _Counted],
    rejected: Mapping[str, Rejected],
    reaches: Mapping[str, datetime],
    now: datetime,
) -> dict[str, Landed]:
    """Insert the events, each once, and say what the extracts came to."""
    repeated = _count(
        con,
        f"""
        create or replace temp table repeats as
        select judged.line_number
        from judged
        inner join ({_known(con)}) as known on judged.event_id = known.event_id
        where judged.reason is null
        {_redelivered_beside(extracts)}
        """,
        {"app_id": source.app_id},
    )
    unlike = _unlike_what_is_kept(con, source) if repeated else {}
    if repeated and not source.replaces_same_path:
        unlike = Counter(unlike) + Counter(content_ids.count_contradictions(con, source))
    given = {"app_id": source.app_id, "now": now}
    typed = f"""
        select
            $app_id as app_id,
            judged.event_id,
            users.user_key,
            judged.event_name,
            judged.event_time,
            lower(judged.platform) as platform,
            if(length(judged.country) = 2, upper(judged.country), judged.country) as country,
            judged.app_version,
            judged.channel,
            judged.properties,
            {extract_of("judged.line_number")} as extract_id,
            $now as landed_at,
        from judged
        inner join users on judged.user_id = users.user_id
        {{only}}
        where judged.reason is null
    """
    only = "{} join repeats on judged.line_number = repeats.line_number" if repeated else ""
    raw_events.insert(con, typed.format(only=only.format("anti")), given)
    aside: dict[str, int] = {}
    if repeated:
        twins = typed.format(only=only.format("semi"))
        con.execute(f"insert into raw.app_event_duplicates by name {twins}", given)
        aside = dict(
            con.execute(
                f"select {extract_of('line_number')}, count(*) from repeats group by all"
            ).fetchall()
        )
    outcomes = {}
    for extract in extracts:
        good = counted.get(extract.extract_id, _Counted(rows=0, events=0))
        landed = good.events - aside.get(extract.extract_id, 0)
        bad = rejected.get(extract.extract_id, Rejected())
        outcomes[extract.extract_id] = Landed(
            rows_seen=good.rows + bad.rows,
            rows_landed=landed,
            rows_rejected=bad.rows,
            rows_nameless=bad.nameless,
            rows_zoneless=good.zoneless,
            rows_duplicate=good.rows - landed,
            rows_unlike=good.unlike + unlike.get(extract.extract_id, 0),
            min_event_time=good.earliest,
            max_event_time=good.latest,
            reaches=reaches.get(extract.extract_id),
        )
    return outcomes


def _unlike_what_is_kept(con: duckdb.DuckDBPyConnection, source: EventSource) -> dict[str, int]:
    """How many of the repeats differ in user, name or time from the event that is kept of them.

    By extract id. Needs the tables judged, users and repeats of a landing. Of an event that was
    pruned nothing is known to differ from.
    """
    return dict(
        con.execute(
            f"""
            with

            told as (
                select judged.line_number, event_id, user_key, event_name, event_time
                from judged
                inner join users on judged.user_id = users.user_id
                where judged.reason is null
            ),

            repeated as (
                from told semi join repeats using (line_number)
            ),

            kept as (
                select event_id, user_key, event_name, event_time
                from raw.app_events
                semi join repeated using (event_id)
                where app_id = $app_id
                union all
                select event_id, user_key, event_name, event_time
                from told anti join repeats using (line_number)
                where event_id in (select event_id from repeated)
            ),

            compared as (
                select
                    repeated.line_number,
                    bool_or(
                        repeated.user_key = kept.user_key
                        and repeated.event_name = kept.event_name
                        and repeated.event_time = kept.event_time
                    ) as is_alike,
                from repeated
                inner join kept on repeated.event_id = kept.event_id
                group by repeated.line_number
            )

            select {extract_of("line_number")}, count(*)
            from compared
            where not is_alike
            group by 1
            """,
            {"app_id": source.app_id},
        ).fetchall()
    )


def _redelivered_beside(extracts: Sequence[Extract]) -> str:
    """SQL for the events that an earlier extract of the same landing delivers as well."""
    if len(extracts) == 1:
        return ""
    return """
        union
        select line_number
        from judged
        where reason is null
        qualify row_number() over (partition by event_id order by line_number) > 1
    """


def _known(con: duckdb.DuckDBPyConnection) -> str:
    """SQL for the app's event ids that raw.visible_event_ids has.

    Without the view's join of all history with the ledger where no extract is hidden.
    """
    hidden = con.execute(
        "select 1 from raw.extracts where status in ('quarantined', 'discarded') limit 1"
    ).fetchone()
    if hidden:
        return "select event_id from raw.visible_event_ids where app_id = $app_id"
    return """
        select event_id from raw.app_events where app_id = $app_id
        union all
        select event_id from raw.pruned_event_ids where app_id = $app_id
    """


def _count(con: duckdb.DuckDBPyConnection, query: str, given: dict[str, Any]) -> int:
    """Execute what writes rows, and say how many they are."""
    row = con.execute(query, given).fetchone()
    return int(row[0]) if row else 0
