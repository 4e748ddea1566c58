"""Land chart captures: a snapshot per chart and fetch, failed fetches too, and their entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows.errors import ExtractError
from flows.extract.apple_charts import Fetch
from flows.extract.found import Extract
from flows.extract.unpack import Part, Stream, local_only, unpacked
from flows.formats.apple_rss import APPLE_RSS
from flows.formats.chart_documents import begin_entries, read_document
from flows.formats.custom_charts import read_custom
from flows.formats.itunes_rss import ITUNES_RSS
from flows.formats.reading import line_of, part_of
from flows.land import claims, ledger
from flows.land.ledger import Landed
from flows.land.snapshots import mark_unchanged
from flows.settings import Settings
from flows.sources import ChartFeed, ChartFiles

_DOCUMENTS = {"apple_rss": APPLE_RSS, "itunes_rss": ITUNES_RSS}


@dataclass(frozen=True, kw_only=True)
class FetchLanding:
    """What landing one fetch came to: an extract, or the reason why there is none."""

    extract_id: str | None = None
    landed: Landed | None = None
    error: str | None = None


def land_chart_file(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: ChartFiles,
    settings: Settings,
    now: datetime,
    stream: Stream = local_only,
) -> Landed:
    """Land the captures of one file in one transaction. ``now`` is naive UTC.

    Members of an archive that cannot be read are rejects; so is a file by itself, as a ledger row
    that says ``failed``, and ExtractError is raised.
    """
    encoding = source.reader.encoding if source.reader else None
    with (
        ledger.one_transaction(con, extract, now),
        unpacked([extract], settings.home / "tmp", encoding, stream) as parts,
    ):
        begin_entries(con)
        if source.format == "custom":
            bad = read_custom(con, parts, source)
        else:
            bad = _read_documents(con, parts, source.format)
        claims.check(con, extract.uri, source)
        return _insert(con, extract, bad, [part.member for part in parts], now)


def _read_documents(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], format: str
) -> list[tuple[int, str, str]]:
    """Read what can be read of an archive's captures, and say why the others cannot."""
    bad: list[tuple[int, str, str]] = []
    for part in parts:
        try:
            read_document(con, part, _DOCUMENTS[format])
        except ExtractError as error:
            if len(bad) == len(parts) - 1:
                raise
            bad.append((part.first_line, str(error), ""))
    return bad


def land_chart_fetch(
    con: duckdb.DuckDBPyConnection,
    fetch: Fetch,
    feed: ChartFeed,
    now: datetime,
) -> FetchLanding:
    """Land what one request of a live feed gave, in one transaction.

    A payload that cannot be read, or is of another feed than was asked for, is a failed snapshot:
    "not fetched" and "not in the chart" are different facts.
    """
    if fetch.path is None:
        _record_failed_snapshot(con, fetch, feed, fetch.error or "no answer", now)
        return FetchLanding(error=fetch.error)
    extract = ledger.identify_fetch(fetch.path, source=feed.name, format=feed.feed)
    if ledger.is_recorded(con, extract.extract_id):
        return FetchLanding()
    try:
        with ledger.one_transaction(con, extract, now):
            begin_entries(con)
            payload = Part(number=0, location=str(extract.path), name=extract.uri)
            read_document(con, payload, APPLE_RSS, fetch.fetched_at)
            _refuse_other_feed(con, fetch)
            outcome = _insert(con, extract, [], [None], now)
    except ExtractError as error:
        _record_failed_snapshot(con, fetch, feed, str(error), now)
        return FetchLanding(error=str(error))
    return FetchLanding(extract_id=extract.extract_id, landed=outcome)


def _refuse_other_feed(con: duckdb.DuckDBPyConnection, fetch: Fetch) -> None:
    row = con.execute("select storefront, chart from chart_snapshot").fetchone()
    if row != (fetch.storefront, fetch.chart):
        said = "/".join(map(str, row or ()))
        raise ExtractError(
            f"{fetch.path}: asked for {fetch.storefront}/{fetch.chart}, the payload says {said}"
        )


def _record_failed_snapshot(
    con: duckdb.DuckDBPyConnection, fetch: Fetch, feed: ChartFeed, error: str, now: datetime
) -> None:
    con.execute(
        """
        insert or ignore into raw.chart_snapshots by name
        select
            md5(concat_ws('|', $source, 'apple', $storefront, $chart, 'all', $at::timestamp))
                as snapshot_id,
            $source as source, 'apple' as store, $storefront as storefront, $chart as chart,
            'all' as genre, $at as snapshot_at, $requested as requested_limit, 0 as depth,
            'failed' as status, $error as error, $url as feed_url, $now as landed_at
        """,
        {
            "source": feed.name,
            "storefront": fetch.storefront,
            "chart": fetch.chart,
            "at": fetch.fetched_at,
            "requested": fetch.limit,
            "error": error,
            "url": fetch.url,
            "now": now,
        },
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    bad: Sequence[tuple[int, str, str]],
    members: Sequence[str | None],
    now: datetime,
) -> Landed:
    """Store the temporary table chart_entries as snapshots and ranks, bad entries as rejects.

    ``bad`` are lines that gave no entry: number, reason, text. Entries of an unchanged chart are
    stored as well: whether it is unchanged depends on captures that may land later.
    """
    given = {"extract_id": extract.extract_id, "source": extract.source, "now": now}
    con.execute(
        "create or replace temp table bad_lines (line_number bigint, reason varchar, line varchar)"
    )
    if bad:
        con.executemany("insert into bad_lines values (?, ?, ?)", bad)
    con.execute(
        """
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
                    partition by store, storefront, chart, genre, snapshot_at, store_app_id
                    order by rank, line_number
                ) > 1 then 'app twice in one chart'
                when row_number() over (
                    partition by store, storefront, chart, genre, snapshot_at, rank
                    order by line_number
                ) > 1 then 'rank given twice in one chart'
            end as reason,
        from chart_entries
        """,
        {"source": extract.source},
    )
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            $extract_id as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left(line, 2000) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            select line_number, reason, to_json(judged_entries)::varchar as line
            from judged_entries
            where reason is not null
            union all
            from bad_lines
        )
        """,
        given | {"members": list(members)},
    )
    con.execute(
        """
        create or replace temp table new_snapshots as
        select
            snapshot_id, $source as source, store, storefront, chart, genre, snapshot_at,
            any_value(requested_limit) as requested_limit,
            max(rank) as depth,
            any_value(feed_updated_at) as feed_updated_at,
            any_value(feed_url) as feed_url,
            'observed' as status,
            md5(string_agg(rank || ':' || store_app_id, '|' order by rank)) as content_hash,
            $extract_id as extract_id, $now as landed_at,
        from judged_entries
        where reason is null
        group by all
        """,
        given,
    )
    # the same chart at the same moment in another file tells nothing new
    con.execute(
        "delete from new_snapshots where snapshot_id in "
        "(select snapshot_id from raw.chart_snapshots where status <> 'failed')"
    )
    con.execute("insert or replace into raw.chart_snapshots by name from new_snapshots")
    con.execute(
        """
        insert into raw.chart_ranks by name
        select snapshot_id, rank, store_app_id, app_name, publisher, url, $extract_id as extract_id
        from judged_entries
        semi join new_snapshots using (snapshot_id)
        where reason is null
        """,
        {"extract_id": extract.extract_id},
    )
    outcome = _outcome(con)
    ledger.record(con, extract, outcome, now)
    mark_unchanged(con, extract.extract_id)
    return outcome


def _outcome(con: duckdb.DuckDBPyConnection) -> Landed:
    """A row is an entry. Entries of a snapshot that another file has given already are duplicates;
    those of an unchanged chart are landed: that is their snapshot's status, not theirs.
    """
    row = con.execute(
        """
        select
            count(*) + (select count(*) from bad_lines) as rows_seen,
            count(*) filter (where reason is null and new_snapshots.snapshot_id is not null),
            count(*) filter (where reason is not null) + (select count(*) from bad_lines)
                as rows_rejected,
            min(entries.snapshot_at),
            max(entries.snapshot_at),
        from judged_entries as entries
        left join new_snapshots using (snapshot_id)
        """
    ).fetchone()
    assert row is not None  # an aggregate has one row
    seen, landed, rejected, earliest, latest = row
    return Landed(
        rows_seen=seen,
        rows_landed=landed,
        rows_rejected=rejected,
        rows_duplicate=seen - landed - rejected,
        min_event_time=earliest,
        max_event_time=latest,
    )
