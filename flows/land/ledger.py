"""The ledger: which extracts are in the warehouse, in which state, and how they change state."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import duckdb

from flows.errors import AfterhypeError
from flows.extract.found import Extract, found_file
from flows.lake import events as raw_events
from flows.land import identities
from flows.land.snapshots import mark_unchanged
from flows.mapping_text import hash_of, mapping_text
from flows.sources import ChartFeed


@dataclass(frozen=True, kw_only=True)
class Landed:
    """What landing one extract came to; times are naive UTC.

    ``rows_unlike`` of its duplicates differ in user, name or time from the event that is kept, or
    hold something else where neither has an id.
    ``rows_nameless`` of the rejected ones say that they are nobody's, by a word that is no id.
    ``rows_zoneless`` have times of which neither they nor their source say the zone.
    """

    rows_seen: int
    rows_landed: int
    rows_rejected: int
    rows_duplicate: int
    rows_unlike: int = 0
    rows_nameless: int = 0
    rows_zoneless: int = 0
    min_event_time: datetime | None = None
    max_event_time: datetime | None = None
    reaches: datetime | None = None
    """The moment up to which the extract holds events, whatever a few fast clocks say."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a listing told of a file whose content the ledger knows; see extract.found.Found."""

    bytes: int
    modified_at: datetime
    etag: str | None


def identify_fetch(path: Path, feed: ChartFeed) -> Extract:
    """Identify an archived payload by its content and its place in the archive.

    The same bytes fetched an hour later are another fetch: the chart stood still.
    """
    found = found_file(path)
    return Extract(
        source=feed.name,
        kind=feed.kind,
        format=feed.feed,
        uri=found.uri,
        location=found.uri,
        checksum=hashlib.sha256(f"{path}\0".encode() + path.read_bytes()).hexdigest(),
        bytes=found.bytes,
        modified_at=found.modified_at,
        mapping=mapping_text(feed),
    )


def recorded(con: duckdb.DuckDBPyConnection, extract_ids: Collection[str]) -> set[str]:
    """Those whose content was landed, quarantined or discarded before; a failed one may retry."""
    rows = con.execute(
        "select extract_id from raw.extracts "
        "where status <> 'failed' and extract_id in (select unnest(?::varchar[]))",
        [list(extract_ids)],
    ).fetchall()
    return {extract_id for (extract_id,) in rows}


def record(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    outcomes: Mapping[str, Landed],
    landed_at: datetime,
) -> None:
    """Write the ledger rows of landed extracts, over those of earlier failed tries.

    ``outcomes`` has what each came to, by extract id.
    """
    rows = [
        _row(extract, outcomes[extract.extract_id], "landed", landed_at, None)
        for extract in extracts
    ]
    _write(con, rows)
    texts = sorted({extract.mapping for extract in extracts if extract.mapping})
    con.execute(
        "insert or ignore into raw.mappings "
        "select unnest(?::varchar[]) as mapping_hash, unnest(?::varchar[]) as mapping",
        [[hash_of(text) for text in texts], texts],
    )


def record_failure(
    con: duckdb.DuckDBPyConnection, extract: Extract, error: str, landed_at: datetime
) -> None:
    """Write the ledger row of an extract that cannot be read; it is tried again next time."""
    nothing = Landed(rows_seen=0, rows_landed=0, rows_rejected=0, rows_duplicate=0)
    _write(con, [_row(extract, nothing, "failed", landed_at, error)])


def _row(
    extract: Extract, outcome: Landed, status: str, landed_at: datetime, error: str | None
) -> dict[str, object]:
    return {
        "extract_id": extract.extract_id,
        "source": extract.source,
        "kind": extract.kind,
        "format": extract.format,
        "uri": extract.uri,
        "checksum": extract.checksum,
        "bytes": extract.bytes,
        "modified_at": extract.modified_at,
        "etag": extract.etag,
        "rows_seen": outcome.rows_seen,
        "rows_landed": outcome.rows_landed,
        "rows_rejected": outcome.rows_rejected,
        "rows_duplicate": outcome.rows_duplicate,
        "rows_unlike": outcome.rows_unlike,
        "rows_nameless": outcome.rows_nameless,
        "rows_zoneless": outcome.rows_zoneless,
        "min_event_time": outcome.min_event_time,
        "max_event_time": outcome.max_event_time,
        "reaches": outcome.reaches,
        "status": status,
        "landed_at": landed_at,
        "error": error,
        "mapping_hash": hash_of(extract.mapping) if extract.mapping else None,
    }


def _write(con: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, object]]) -> None:
    columns = _unnested(rows[0])
    con.execute(f"insert or replace into raw.extracts by name select {columns}", _by_column(rows))


def _unnested(columns: Iterable[str]) -> str:
    """SQL that makes rows of the values which ``_by_column`` gives."""
    return ", ".join(f"unnest(${column}) as {column}" for column in columns)


def _by_column(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    return {column: [row[column] for row in rows] for column in rows[0]}


def seen_files(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, Seen]:
    """The files that need not be read again as long as a listing tells the same, by uri.

    A failed one is left out: it is tried again.
    """
    rows = con.execute(
        """
        select uri, bytes, modified_at, etag
        from (
            select uri, bytes, modified_at, etag, landed_at as seen_at, source
            from raw.extracts where status <> 'failed'
            union all
            select uri, bytes, modified_at, etag, seen_at, source from ops.seen_files
        )
        where source = ?
        order by seen_at
        """,
        [source],
    ).fetchall()
    return {
        uri: Seen(bytes=size, modified_at=modified_at, etag=etag)
        for uri, size, modified_at, etag in rows
    }


def mark_seen(con: duckdb.DuckDBPyConnection, extracts: Sequence[Extract]) -> None:
    """Remember files whose content is known under another name: no need to read them again."""
    if not extracts:
        return
    rows = [
        {
            "extract_id": extract.extract_id,
            "source": extract.source,
            "uri": extract.uri,
            "bytes": extract.bytes,
            "modified_at": extract.modified_at,
            "etag": extract.etag,
        }
        for extract in extracts
    ]
    columns = _unnested(rows[0])
    con.execute(
        f"insert into ops.seen_files by name select {columns}, now()::timestamp as seen_at",
        _by_column(rows),
    )


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One extract as the ledger knows it; ``landed_at`` is naive UTC."""

    extract_id: str
    source: str
    kind: str
    uri: str
    status: str
    rows_landed: int
    rows_duplicate: int
    rows_rejected: int
    landed_at: datetime
    error: str | None


def unchanged_charts(con: duckdb.DuckDBPyConnection, extract_ids: list[str]) -> int:
    """How many snapshots of these extracts found their chart as it was: no new observation."""
    row = con.execute(
        "select count(*) from raw.chart_snapshots where status = 'unchanged' "
        "and extract_id in (select unnest(?))",
        [extract_ids],
    ).fetchone()
    return row[0] if row else 0


def list_extracts(
    con: duckdb.DuckDBPyConnection, status: str | None = None, source: str | None = None
) -> list[LedgerRow]:
    """The ledger, newest first, narrowed to a status or a source."""
    names = [field.name for field in fields(LedgerRow)]
    rows = con.execute(
        f"""
        select {", ".join(names)} from raw.extracts
        where status = coalesce(?, status) and source = coalesce(?, source)
        order by landed_at desc, uri
        """,
        [status, source],
    ).fetchall()
    return [LedgerRow(**dict(zip(names, row, strict=True))) for row in rows]


def unjudged(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The landed extracts that no raw gate has judged yet, those of a killed run included."""
    rows = con.execute(
        "select extract_id from raw.extracts where status = 'landed' and judged_at is null "
        "order by landed_at, uri"
    ).fetchall()
    return [row[0] for row in rows]


def mark_judged(con: duckdb.DuckDBPyConnection, extract_ids: list[str], at: datetime) -> None:
    """Remember that the raw gate has judged these."""
    con.execute(
        "update raw.extracts set judged_at = ? where extract_id in (select unnest(?))",
        [at, extract_ids],
    )


def quarantine(con: duckdb.DuckDBPyConnection, extract_id: str, reason: str) -> None:
    """Hide a landed extract from staging. Events that others delivered too come from them now.

    Raises AfterhypeError for an extract of which raw events have been pruned: what the marts hold
    of them cannot be told apart any more.
    """
    _refuse_pruned(con, extract_id)
    with _change(con, extract_id, "landed", "quarantined", reason):
        _disturb_events_of(con, [extract_id])
        _promote(con, [extract_id])


def release(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    """Let a quarantined extract in. Events that others have brought in meanwhile stay theirs."""
    with _change(con, extract_id, "quarantined", "landed", None):
        _demote(con, extract_id)


def supersede(con: duckdb.DuckDBPyConnection, newer: Extract) -> None:
    """Discard what an older version of an extract, at the same path, had landed.

    To be called within ``changes`` after the newer one has landed. Events that both hold are the
    newer one's from now on. Raises AfterhypeError where raw events of the older one were pruned.
    """
    older = con.execute(
        """
        select extract_id from raw.extracts
        where
            source = ? and uri = ? and extract_id <> ?
            and status in ('landed', 'quarantined')
        """,
        [newer.source, newer.uri, newer.extract_id],
    ).fetchall()
    for (extract_id,) in older:
        replace_extract(con, extract_id, f"replaced by a newer version, extract {newer.extract_id}")


def replace_extract(con: duckdb.DuckDBPyConnection, extract_id: str, reason: str) -> None:
    """Discard a landed or quarantined extract: what others delivered too is theirs from now on.

    To be called within ``changes``. Raises AfterhypeError where raw events of it were pruned.
    """
    _refuse_pruned(con, extract_id)
    _disturb_events_of(con, [extract_id])
    con.execute(
        "update raw.extracts set status = 'discarded', error = ? where extract_id = ?",
        [reason, extract_id],
    )
    _promote(con, [extract_id])
    identities.resolve(con, [extract_id])
    _delete_rows(con, [extract_id])


def discard(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    """Delete a quarantined extract's rows. Its ledger row and rejects stay: it lands no more."""
    with _change(con, extract_id, "quarantined", "discarded", None):
        _delete_rows(con, [extract_id])


def forget(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    """Remove every trace of an extract, so that the next run lands it with today's mapping.

    Raises AfterhypeError for an unknown extract, and for one of which raw events were pruned.
    """
    _status(con, extract_id)
    _refuse_pruned(con, extract_id)
    with changes(con):
        take_out(con, [extract_id])
        con.execute("delete from ops.seen_files where extract_id = ?", [extract_id])
        identities.resolve(con)


def refuse_without_file(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    """Raise AfterhypeError for an extract of local files that are gone: nothing could land."""
    _status(con, extract_id)
    uris = [
        uri
        for (uri,) in con.execute(
            "select uri from raw.extracts where extract_id = $extract_id "
            "union select uri from ops.seen_files where extract_id = $extract_id order by uri",
            {"extract_id": extract_id},
        ).fetchall()
    ]
    if not any("://" in uri or Path(uri).is_file() for uri in uris):
        raise AfterhypeError(
            f"extract {extract_id}: its file is gone ({', '.join(uris)}), and its rows would be; "
            "nothing was changed. Put it back, or give --drop to let the rows go."
        )


def take_out(con: duckdb.DuckDBPyConnection, extract_ids: Sequence[str]) -> None:
    """Remove extracts and all that they had landed, but for where their files were seen.

    To be called within ``changes``. Events that others delivered too come from them now. Whoever
    calls it has looked whether raw events of them were pruned, and resolves identities afterwards.
    """
    con.execute(
        "update raw.extracts set status = 'quarantined' "
        "where status = 'landed' and extract_id in (select unnest(?::varchar[]))",
        [list(extract_ids)],
    )
    _disturb_events_of(con, extract_ids)
    _promote(con, extract_ids)
    mark_unchanged(con, extract_ids)
    _delete_rows(con, extract_ids)
    for table in (
        "raw.rejects",
        "raw.extract_columns",
        "raw.extract_hours",
        "raw.schema_drift",
        "raw.extracts",
        "ops.built_extracts",
        "ops.former_content_ids",
    ):
        con.execute(
            f"delete from {table} where extract_id in (select unnest(?::varchar[]))",
            [list(extract_ids)],
        )


def pruned(con: duckdb.DuckDBPyConnection, extract_ids: Collection[str]) -> set[str]:
    """Those of some extracts of which raw events were pruned: they cannot be taken back."""
    rows = con.execute(
        "select distinct extract_id from raw.pruned_extract_days "
        "where events > 0 and extract_id in (select unnest(?::varchar[]))",
        [list(extract_ids)],
    ).fetchall()
    return {extract_id for (extract_id,) in rows}


def _delete_rows(con: duckdb.DuckDBPyConnection, extract_ids: Sequence[str]) -> None:
    raw_events.delete(
        con,
        "events.extract_id in (select unnest($extract_ids::varchar[]))",
        within="list_has_any(files.extract_ids, $extract_ids::varchar[])",
        given={"extract_ids": list(extract_ids)},
    )
    for table in (
        "raw.app_event_duplicates",
        "raw.identity_links",
        "raw.chart_snapshots",
        "raw.chart_ranks",
        "raw.store_installs",
        "raw.app_reviews",
    ):
        con.execute(
            f"delete from {table} where extract_id in (select unnest(?::varchar[]))",
            [list(extract_ids)],
        )


def _refuse_pruned(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    row = con.execute(
        "select sum(events), max(activity_date) from raw.pruned_extract_days where extract_id = ?",
        [extract_id],
    ).fetchone()
    if row and row[0]:
        raise AfterhypeError(
            f"extract {extract_id}: {row[0]} of its events, up to {row[1]}, have been pruned and "
            "cannot be taken back: what the marts count of them stays. A greater "
            "raw_retention_days keeps the raw events of later ones for longer."
        )


def _disturb_events_of(con: duckdb.DuckDBPyConnection, extract_ids: Sequence[str]) -> None:
    mine = "select * from raw.app_events where extract_id in (select unnest($mine::varchar[]))"
    _disturb(con, mine, {"mine": list(extract_ids)})


def _disturb(
    con: duckdb.DuckDBPyConnection, events: str, given: Mapping[str, object] | None = None
) -> None:
    """Note those of some events that the marts were built with: their user-days count anew."""
    con.execute(
        f"""
        insert into ops.disturbed_events
        select
            events.extract_id,
            events.app_id,
            coalesce(aliases.user_key, events.user_key),
            events.event_time,
        from ({events}) as events
        left join raw.user_aliases as aliases
            on events.app_id = aliases.app_id and events.user_key = aliases.alias_key
        where events.extract_id in (from ops.built_extracts)
        """,
        given or {},
    )


def _status(con: duckdb.DuckDBPyConnection, extract_id: str) -> str:
    row = con.execute(
        "select status from raw.extracts where extract_id = ?", [extract_id]
    ).fetchone()
    if row is None:
        known = [r[0] for r in con.execute("select extract_id from raw.extracts").fetchall()]
        close = difflib.get_close_matches(extract_id, known, n=3)
        hint = f" Did you mean {', '.join(close)}?" if close else ""
        raise AfterhypeError(f"no extract {extract_id}.{hint} `afterhype extracts` lists them.")
    return str(row[0])


@contextmanager
def changes(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that a block does to the warehouse, or nothing of it."""
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        con.rollback()
        raise


@contextmanager
def _change(
    con: duckdb.DuckDBPyConnection, extract_id: str, before: str, after: str, reason: str | None
) -> Iterator[None]:
    """Move an extract from one status to another, in one transaction with what a block does.

    Raises AfterhypeError for an unknown extract, or one of another status.
    """
    status = _status(con, extract_id)
    if status != before:
        raise AfterhypeError(f"extract {extract_id} is {status}, not {before}: nothing to do")
    with changes(con):
        con.execute(
            "update raw.extracts set status = ?, error = coalesce(?, error) where extract_id = ?",
            [after, reason, extract_id],
        )
        yield
        mark_unchanged(con, [extract_id])
        identities.resolve(con, [extract_id])


def _promote(con: duckdb.DuckDBPyConnection, hidden: Sequence[str]) -> None:
    """Give the events of hidden extracts to the first landed extract that delivered them too."""
    con.execute(
        """
        create or replace temp table moving as
        select twin.app_id, twin.event_id, twin.extract_id
        from raw.app_event_duplicates as twin
        inner join raw.extracts as extracts
            on twin.extract_id = extracts.extract_id and extracts.status = 'landed'
        semi join (
            select app_id, event_id from raw.app_events
            where extract_id in (select unnest($hidden::varchar[]))
        ) as lost
            on twin.app_id = lost.app_id and twin.event_id = lost.event_id
        anti join raw.visible_event_ids as present
            on twin.app_id = present.app_id and twin.event_id = present.event_id
        qualify row_number() over (
            partition by twin.app_id, twin.event_id order by twin.landed_at, twin.extract_id
        ) = 1
        """,
        {"hidden": list(hidden)},
    )
    _move(con, "raw.app_event_duplicates", "raw.app_events")


def _demote(con: duckdb.DuckDBPyConnection, returning: str) -> None:
    """Put aside those events of a returning extract that another landed one has meanwhile."""
    con.execute(
        """
        create or replace temp table moving as
        select events.app_id, events.event_id, events.extract_id
        from raw.app_events as events
        semi join (
            select app_id, event_id from raw.visible_events where extract_id <> $returning
            union all
            from raw.pruned_event_ids
        ) as present
            on events.app_id = present.app_id and events.event_id = present.event_id
        where events.extract_id = $returning
        """,
        {"returning": returning},
    )
    _move(con, "raw.app_events", "raw.app_event_duplicates")
    # and take those that nobody else shows: what hid them has been hidden or discarded meanwhile
    con.execute(
        """
        create or replace temp table moving as
        select twin.app_id, twin.event_id, twin.extract_id
        from raw.app_event_duplicates as twin
        anti join raw.visible_event_ids as present
            on twin.app_id = present.app_id and twin.event_id = present.event_id
        where twin.extract_id = $returning
        """,
        {"returning": returning},
    )
    _move(con, "raw.app_event_duplicates", "raw.app_events")


def _move(con: duckdb.DuckDBPyConnection, source: str, target: str) -> None:
    """Move the events of the temporary table moving, and recount the extracts that they are of."""
    matches = (
        "source.app_id = moving.app_id and source.event_id = moving.event_id "
        "and source.extract_id = moving.extract_id"
    )
    moved = f"select source.* from {source} as source semi join moving on {matches}"
    _disturb(con, moved)
    if target == "raw.app_events":
        raw_events.insert(con, moved)
        con.execute(f"delete from {source} as source using moving where {matches}")
    else:
        con.execute(f"insert into {target} {moved}")
        raw_events.delete(
            con,
            "(events.app_id, events.event_id, events.extract_id) in (from moving)",
            within="exists (from moving where moving.app_id = files.app_id "
            "and list_contains(files.extract_ids, moving.extract_id))",
        )
    sign = 1 if target == "raw.app_events" else -1
    con.execute(
        """
        update raw.extracts set
            rows_landed = rows_landed + $sign * moved.events,
            rows_duplicate = rows_duplicate - $sign * moved.events
        from (select extract_id, count(*) as events from moving group by all) as moved
        where raw.extracts.extract_id = moved.extract_id
        """,
        {"sign": sign},
    )
