"""Land a store's reports: installs by app, day and country, and reviews with keyed authors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from flows.errors import ExtractError
from flows.extract.found import Extract
from flows.extract.unpack import Part, Stream, local_only, unpacked
from flows.formats.mapping import Mapped, mapping_in_sql
from flows.formats.reading import MALFORMED, first_line_of, line_of, open_parts, part_of
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.sniffing import reader_of
from flows.land import ledger
from flows.land.keys import check_key, load_user_key
from flows.land.ledger import Landed
from flows.land.times import ZONES, utc_in_sql
from flows.settings import Settings
from flows.sources import (
    INSTALL_COLUMNS,
    INSTALL_COUNTS,
    REVIEW_COLUMNS,
    InstallFiles,
    Reader,
    ReviewFiles,
)
from flows.sql import name_in_sql, text_in_sql

_LONGEST_REJECT = 2000


def land_report(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: InstallFiles | ReviewFiles,
    settings: Settings,
    now: datetime,
    stream: Stream = local_only,
) -> Landed:
    """Land one report in one transaction; rows that cannot be landed go to raw.rejects.

    ``now`` is naive UTC. Raises ExtractError when the file cannot be read; the ledger then says
    ``failed``.
    """
    key = load_user_key(settings)
    encoding = source.reader.encoding if source.reader else None
    mapped = mapping_in_sql(source)
    with (
        ledger.one_transaction(con, extract, now),
        unpacked([extract], settings.home / "tmp", encoding, stream) as parts,
    ):
        check_key(con, key)
        rows = open_parts(
            con, parts, _reader(source, parts), mapped.needed, mapped.required, as_text=True
        ).rows
        _judge(con, rows, source, mapped, now)
        _keep_rejects(con, extract, mapped, parts, now)
        if isinstance(source, InstallFiles):
            outcome = _insert_installs(con, extract, now)
        else:
            outcome = _insert_reviews(con, extract, key, now)
        ledger.record(con, extract, outcome, now)
        return outcome


def _reader(source: InstallFiles | ReviewFiles, parts: Sequence[Part]) -> Reader:
    if source.reader is not None:
        return source.reader
    return reader_of((INSTALL_FORMATS | REVIEW_FORMATS)[source.format], parts[0])


def _judge(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    source: InstallFiles | ReviewFiles,
    mapped: Mapped,
    now: datetime,
) -> None:
    """One row per row of the report, with its canonical columns and why it cannot be landed."""
    installs = isinstance(source, InstallFiles)
    columns = INSTALL_COLUMNS if installs else REVIEW_COLUMNS
    texts = ", ".join(
        f"nullif(trim(try(cast({mapped.expressions.get(column, 'null')} as varchar))), '') "
        f"as {column}"
        for column in columns
    )
    shown = ", ".join(f"{text_in_sql(c)}, {name_in_sql(c)}" for c in sorted(mapped.needed))
    moment = "install_date" if installs else "reviewed_at"
    con.execute(ZONES)
    try:
        con.execute(
            f"""
            create or replace temp table report_rows as
            with

            told as (
                select line_number, {texts}, left(json_object({shown})::varchar, {_LONGEST_REJECT})
                    as line
                from {rows}
            ),

            typed as (
                select
                    * replace ({utc_in_sql("VARCHAR", moment, source.name)} as {moment}),
                    {moment} as moment_told,
                    {_counted() if installs else "null::bigint[]"} as counts,
                from told
            )

            select *, {_install_reason() if installs else _review_reason()} as reason
            from typed
            """,
            {"now": now},
        )
    except duckdb.Error as error:
        raise ExtractError(f"{source.name}: cannot be read: {first_line_of(error)}") from error


def _counted() -> str:
    """SQL for the counts as numbers, in the order of INSTALL_COUNTS."""
    numbers = ", ".join(f"try_cast(try_cast({c} as double) as bigint)" for c in INSTALL_COUNTS)
    return f"[{numbers}]"


def _install_reason() -> str:
    told = ", ".join(INSTALL_COUNTS)
    return f"""
        case
            when store is null then 'no store'
            when store_app_id is null then 'no app id'
            when moment_told is null then 'no single day'
            when install_date is null then 'day not understood: ' || moment_told
            when install_date > $now + interval 1 day then 'day in the future: ' || moment_told
            when install_date < timestamp '2008-01-01' then 'day before there were app stores: '
                || moment_told
            when coalesce({told}) is null then 'no count of a known kind'
            when coalesce({", ".join(f"counts[{n}]" for n, _ in enumerate(INSTALL_COUNTS, 1))})
                is null then 'count not understood: ' || concat_ws(', ', {told})
        end
    """


def _review_reason() -> str:
    return """
        case
            when review_id is null then 'no review id'
            when rating is null then 'not a review: no rating'
            when try_cast(rating as integer) is null or rating::integer not between 1 and 5
                then 'rating not understood: ' || rating
            when store_app_id is null then 'no app id'
            when moment_told is null then 'no time'
            when reviewed_at is null then 'time not understood: ' || moment_told
            when reviewed_at > $now + interval 1 day then 'time in the future: ' || moment_told
        end
    """


def _keep_rejects(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    mapped: Mapped,
    parts: Sequence[Part],
    now: datetime,
) -> None:
    author = sorted(mapped.references("author"))
    # an author's name is nobody's business: of a review only its shape is kept
    shown = "regexp_replace(line, '[\\p{L}]', 'x', 'g')" if author else "line"
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            $extract_id as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left({shown}, {_LONGEST_REJECT}) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            select line_number, reason, line from report_rows where reason is not null
            union all
            select line_number, reason, line from {MALFORMED}
        )
        """,
        {
            "extract_id": extract.extract_id,
            "source": extract.source,
            "members": [part.member for part in parts],
            "now": now,
        },
    )


def _insert_installs(con: duckdb.DuckDBPyConnection, extract: Extract, now: datetime) -> Landed:
    """Sum what a report gives by device, version and the like."""
    con.execute(
        """
        insert into raw.store_installs by name
        select
            $source as source, lower(store) as store, store_app_id,
            install_date::date as install_date, upper(country) as country, metric,
            sum(units)::bigint as units, $extract_id as extract_id, $now as landed_at,
        from (
            select *, unnest($metrics::varchar[]) as metric, unnest(counts) as units
            from report_rows
            where reason is null
        )
        where units is not null
        group by all
        """,
        {
            "source": extract.source,
            "extract_id": extract.extract_id,
            "metrics": list(INSTALL_COUNTS),
            "now": now,
        },
    )
    return _outcome(con, "install_date")


def _insert_reviews(
    con: duckdb.DuckDBPyConnection, extract: Extract, key: str, now: datetime
) -> Landed:
    """Each version of a review once, whoever delivers it; its author keyed like a user."""
    con.execute("set variable user_key = ?", [key])
    try:
        row = con.execute(
            """
            insert into raw.app_reviews by name
            select
                $source as source, lower(store) as store, store_app_id,
                lower(storefront) as storefront, review_id, rating::integer as rating, app_version,
                title, body,
                case when author is not null then cast(
                    sha256(concat_ws(chr(31), getvariable('user_key'), 'review', author))[:32]
                    as uuid
                ) end as author_key,
                reviewed_at, $extract_id as extract_id, $now as landed_at,
            from report_rows as reviews
            anti join raw.app_reviews as known
                on
                    lower(reviews.store) = known.store
                    and reviews.review_id = known.review_id
                    and reviews.reviewed_at = known.reviewed_at
            where reason is null
            qualify row_number() over (
                partition by store, review_id, reviewed_at order by line_number
            ) = 1
            """,
            {"source": extract.source, "extract_id": extract.extract_id, "now": now},
        ).fetchone()
    finally:
        con.execute("reset variable user_key")
    return _outcome(con, "reviewed_at", landed=row[0] if row else 0)


def _outcome(con: duckdb.DuckDBPyConnection, moment: str, landed: int | None = None) -> Landed:
    """``landed`` of the good rows, or all of them; the others were there already."""
    row = con.execute(
        f"""
        select
            count(*) filter (where reason is null),
            count(*) filter (where reason is not null) + (select count(*) from {MALFORMED}),
            min({moment}) filter (where reason is null),
            max({moment}) filter (where reason is null),
        from report_rows
        """
    ).fetchone()
    assert row is not None  # an aggregate has one row
    good, bad, earliest, latest = row
    return Landed(
        rows_seen=good + bad,
        rows_landed=good if landed is None else landed,
        rows_rejected=bad,
        rows_duplicate=0 if landed is None else good - landed,
        min_event_time=earliest,
        max_event_time=latest,
    )
