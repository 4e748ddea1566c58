"""Land chart captures: a snapshot per chart and fetch, failed fetches too, and their entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from flows.errors import BrokenExtracts
from flows.extract.apple_charts import Fetch
from flows.extract.found import Extract
from flows.extract.unpack import Part, Stream, local_only, unpacked
from flows.formats.apple_rss import APPLE_RSS
from flows.formats.chart_documents import begin_entries, read_documents
from flows.formats.custom_charts import read_custom
from flows.formats.itunes_rss import ITUNES_RSS
from flows.formats.reading import MALFORMED, begin_malformed, line_of, part_of
from flows.land import claims, ledger
from flows.land.judging import LONGEST_REJECT, extract_of, name_extracts
from flows.land.ledger import Landed
from flows.land.merged_charts import reject_merged_charts
from flows.land.snapshots import mark_unchanged
from flows.settings import Settings
from flows.sources import ChartFeed, ChartFiles

_DOCUMENTS = {"apple_rss": APPLE_RSS, "itunes_rss": ITUNES_RSS}


def land_chart_files(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: ChartFiles,
    settings: Settings,
    now: datetime,
    stream: Stream = local_only,
    *,
    again: bool = False,
) -> dict[str, Landed]:
    """Land the captures of some files in one transaction: all of them or nothing.

    Gives what each came to, by extract id. ``now`` is naive UTC. Members of an archive that cannot
    be read are rejects. Where they land ``again``, this takes the place of what they had landed.
    Raises BrokenExtracts where whole files cannot be read, or ExtractError where it is not known
    which; the ledger knows nothing of it then, or what it knew.
    """
    encoding = source.text_encoding
    with (
        ledger.changes(con),
        unpacked(extracts, settings.home / "tmp", encoding, stream) as parts,
    ):
        name_extracts(con, parts)
        begin_entries(con)
        if source.format == "custom":
            opened = read_custom(con, parts, source)
            reject_merged_charts(con, parts, source, opened)
            broken = {}
        else:
            problems = read_documents(con, parts, _DOCUMENTS[source.format])
            broken = _without_a_capture(parts, problems)
            _keep_malformed(con, parts, problems)
        broken |= claims.refused(con, extracts, source)
        if broken:
            raise BrokenExtracts(broken)
        if again:
            ledger.take_out(con, [extract.extract_id for extract in extracts])
        return _insert(con, extracts, parts, now, is_mapped=source.format == "custom")


def _without_a_capture(parts: Sequence[Part], problems: Mapping[int, str]) -> dict[str, str]:
    """The extracts of which no part can be read, and what is wrong with the last one of each."""
    readable = {part.extract_id for part in parts if part.number not in problems}
    return {
        part.extract_id: problems[part.number] for part in parts if part.extract_id not in readable
    }


def _keep_malformed(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], problems: Mapping[int, str]
) -> None:
    """Note the documents that cannot be read as MALFORMED, at their first line."""
    begin_malformed(con)
    con.execute(
        f"insert into {MALFORMED} select unnest($lines::bigint[]), unnest($reasons::varchar[]), ''",
        {
            "lines": [parts[number].first_line for number in problems],
            "reasons": list(problems.values()),
        },
    )


def land_chart_fetches(
    con: duckdb.DuckDBPyConnection, fetched: Sequence[tuple[Extract, Fetch]], now: datetime
) -> dict[str, Landed]:
    """Land what some requests of a live feed gave, in one transaction: all of it or nothing.

    Gives what each came to, by extract id. Raises BrokenExtracts with the payloads that cannot be
    read, or are of another chart than was asked for.
    """
    parts = [
        Part(
            number=number,
            location=extract.location,
            name=extract.uri,
            extract_id=extract.extract_id,
        )
        for number, (extract, _) in enumerate(fetched)
    ]
    with ledger.changes(con):
        name_extracts(con, parts)
        begin_entries(con)
        begin_malformed(con)
        problems = read_documents(con, parts, APPLE_RSS, [fetch.fetched_at for _, fetch in fetched])
        broken = _without_a_capture(parts, problems) | _of_other_charts(con, fetched)
        if broken:
            raise BrokenExtracts(broken)
        return _insert(con, [extract for extract, _ in fetched], parts, now)


def _of_other_charts(
    con: duckdb.DuckDBPyConnection, fetched: Sequence[tuple[Extract, Fetch]]
) -> dict[str, str]:
    """The payloads in chart_entries that are of another chart than was asked for."""
    rows = con.execute(
        f"select distinct {extract_of('line_number')}, storefront, chart from chart_entries"
    ).fetchall()
    told = {extract_id: (storefront, chart) for extract_id, storefront, chart in rows}
    return {
        extract.extract_id: f"{fetch.path}: asked for {fetch.storefront}/{fetch.chart}, "
        f"the payload says {'/'.join(told[extract.extract_id])}"
        for extract, fetch in fetched
        if told.get(extract.extract_id) not in (None, (fetch.storefront, fetch.chart))
    }


def record_failed_snapshots(
    con: duckdb.DuckDBPyConnection,
    feed: ChartFeed,
    failures: Sequence[tuple[Fetch, str]],
    now: datetime,
) -> None:
    """Record fetches that gave no chart, and why, as failed snapshots.

    "Not fetched" and "not in the chart" are different facts.
    """
    con.execute(
        """
        insert or ignore into raw.chart_snapshots by name
        select
            md5(concat_ws('|', source, store, storefront, chart, genre, snapshot_at))
                as snapshot_id,
            *,
        from (
            select
                $source as source, 'apple' as store,
                unnest($storefronts::varchar[]) as storefront,
                unnest($charts::varchar[]) as chart,
                'all' as genre,
                unnest($fetched_at::timestamp[]) as snapshot_at,
                unnest($limits::integer[]) as requested_limit,
                0 as depth, 'failed' as status,
                unnest($errors::varchar[]) as error,
                unnest($urls::varchar[]) as feed_url,
                $now as landed_at,
        )
        """,
        {
            "source": feed.name,
            "storefronts": [fetch.storefront for fetch, _ in failures],
            "charts": [fetch.chart for fetch, _ in failures],
            "fetched_at": [fetch.fetched_at for fetch, _ in failures],
            "limits": [fetch.limit for fetch, _ in failures],
            "errors": [error for _, error in failures],
            "urls": [fetch.url for fetch, _ in failures],
            "now": now,
        },
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    parts: Sequence[Part],
    now: datetime,
    *,
    is_mapped: bool = False,
) -> dict[str, Landed]:
    """Store the temporary table chart_entries as snapshots and ranks, bad entries as rejects.

    MALFORMED are lines that gave no entry. Entries of an unchanged chart are stored as well:
    whether it is unchanged depends on captures that may land later.
    """
    source = extracts[0].source
    _judge(con, source)
    if is_mapped:  # a vendor's document says itself which chart it is, of whatever depth
        _refuse_other_charts(con)
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            {extract_of("line_number")} as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left(line, {LONGEST_REJECT}) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            select
                line_number,
                reason,
                to_json(
                    struct_update(judged_entries, line_number := {line_of("line_number")})
                )::varchar as line,
            from judged_entries
            where reason is not null
            union all
            select line_number, reason, line from {MALFORMED}
        )
        """,
        {"source": source, "members": [part.member for part in parts], "now": now},
    )
    con.execute(
        f"""
        create or replace temp table new_snapshots as
        select * exclude (first_line)
        from (
            select
                snapshot_id, $source as source, store, storefront, chart, genre, snapshot_at,
                any_value(requested_limit) as requested_limit,
                max(rank) as depth,
                any_value(feed_updated_at) as feed_updated_at,
                any_value(feed_url) as feed_url,
                'observed' as status,
                md5(string_agg(rank || ':' || store_app_id, '|' order by rank)) as content_hash,
                {extract_of("line_number")} as extract_id, $now as landed_at,
                min(line_number) as first_line,
            from judged_entries
            where reason is null
            group by all
        )
        -- the same chart at the same moment in another file tells nothing new: the first one counts
        qualify row_number() over (partition by snapshot_id order by first_line) = 1
        order by first_line
        """,
        {"source": source, "now": now},
    )
    con.execute(
        "delete from new_snapshots where snapshot_id in "
        "(select snapshot_id from raw.chart_snapshots where status <> 'failed')"
    )
    con.execute("insert or replace into raw.chart_snapshots by name from new_snapshots")
    con.execute(
        f"""
        insert into raw.chart_ranks by name
        select
            entries.snapshot_id, rank, store_app_id, app_name, publisher, url,
            new_snapshots.extract_id,
        from judged_entries as entries
        inner join new_snapshots
            on
                entries.snapshot_id = new_snapshots.snapshot_id
                and {extract_of("entries.line_number")} = new_snapshots.extract_id
        where reason is null
        order by line_number
        """
    )
    outcomes = _outcomes(con, extracts)
    ledger.record(con, extracts, outcomes, now)
    mark_unchanged(con, list(outcomes))
    return outcomes


def _judge(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """The entries with the snapshots that they are of, and why they cannot be landed."""
    con.execute(
        f"""
        create or replace temp table judged_entries as
        select
            *,
            md5(concat_ws('|', $source, store, storefront, chart, genre, snapshot_at))
                as snapshot_id,
            case
                when store is null or storefront is null or chart is null then 'no chart named'
                when snapshot_at is null then 'no time stamp'
                when rank is null or rank < 1 then 'no rank'
                when store_app_id is null or store_app_id = '' then 'no app id'
                when row_number() over (
                    partition by
                        {extract_of("line_number")},
                        store, storefront, chart, genre, snapshot_at, store_app_id
                    order by rank, line_number
                ) > 1 then 'app twice in one chart'
                when row_number() over (
                    partition by
                        {extract_of("line_number")},
                        store, storefront, chart, genre, snapshot_at, rank
                    order by line_number
                ) > 1 then 'rank given twice in one chart'
            end as reason,
        from chart_entries
        """,
        {"source": source},
    )


def _refuse_other_charts(con: duckdb.DuckDBPyConnection) -> None:
    """Reject entries of a chart and moment of which another file has given another chart.

    Of two captures of one chart at one moment one would be enough; two that differ are of two
    charts, which the mapping does not tell apart.
    """
    con.execute(
        f"""
        update judged_entries set reason = $reason
        from (
            with

            told as (
                select
                    snapshot_id,
                    {extract_of("line_number")} as extract_id,
                    min(line_number) as first_line,
                    md5(string_agg(rank || ':' || store_app_id, '|' order by rank)) as content_hash,
                from judged_entries
                where reason is null
                group by all
            )

            select told.snapshot_id, told.extract_id
            from told
            left join raw.chart_snapshots as landed
                on told.snapshot_id = landed.snapshot_id and landed.status <> 'failed'
            qualify told.content_hash <> coalesce(
                landed.content_hash,
                first(told.content_hash) over (partition by told.snapshot_id order by first_line)
            )
        ) as other
        where
            judged_entries.reason is null
            and judged_entries.snapshot_id = other.snapshot_id
            and {extract_of("judged_entries.line_number")} = other.extract_id
        """,
        {
            "reason": "another chart than the one that landed under its name and moment: map what "
            "tells them apart (storefront, chart, genre, or the name of the file: filename)"
        },
    )


def _outcomes(con: duckdb.DuckDBPyConnection, extracts: Sequence[Extract]) -> dict[str, Landed]:
    """A row is an entry. Entries of a snapshot that another file has given already are duplicates;
    those of an unchanged chart are landed: that is their snapshot's status, not theirs.
    """
    counted = con.execute(
        f"""
        with

        entries as (
            select {extract_of("line_number")} as extract_id, snapshot_id, reason, snapshot_at
            from judged_entries
            union all
            select {extract_of("line_number")}, null, reason, null from {MALFORMED}
        )

        select
            extract_id,
            count(*),
            count(*) filter (where reason is null and new_snapshots.snapshot_id is not null),
            count(*) filter (where reason is not null),
            min(entries.snapshot_at),
            max(entries.snapshot_at),
        from entries
        left join new_snapshots using (extract_id, snapshot_id)
        group by extract_id
        """
    ).fetchall()
    counts = {extract_id: told for extract_id, *told in counted}
    outcomes = {}
    for extract in extracts:
        seen, landed, rejected, earliest, latest = counts.get(
            extract.extract_id, (0, 0, 0, None, None)
        )
        outcomes[extract.extract_id] = Landed(
            rows_seen=seen,
            rows_landed=landed,
            rows_rejected=rejected,
            rows_duplicate=seen - landed - rejected,
            min_event_time=earliest,
            max_event_time=latest,
        )
    return outcomes
