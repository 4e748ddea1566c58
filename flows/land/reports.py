"""Land a store's reports: installs by app, day and country, and reviews with keyed authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from flows.errors import ExtractError
from flows.extract.files import day_of
from flows.extract.found import Extract
from flows.extract.unpack import Part, Stream, local_only, unpacked
from flows.formats.heads import same_columns
from flows.formats.lines import LINE_NUMBER
from flows.formats.mapping import (
    Mapped,
    column_references,
    each_part_by_itself,
    execute_with_try,
    fails_in_sql,
    mapping_in_sql,
)
from flows.formats.numbers import Marks, whole_number_in_sql
from flows.formats.reading import MALFORMED, Opened, first_line_of, line_of, open_parts, part_of
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.sniffing import reader_of
from flows.land import ledger
from flows.land.judging import LONGEST_REJECT, extract_of, name_extracts
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


def land_reports(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: InstallFiles | ReviewFiles,
    settings: Settings,
    now: datetime,
    stream: Stream = local_only,
    *,
    again: bool = False,
) -> dict[str, Landed]:
    """Land reports of one source in one transaction: all of them or nothing.

    Gives what each came to, by extract id. Rows that cannot be landed go to raw.rejects. ``now`` is
    naive UTC. Where they land ``again``, this takes the place of what they had landed. Raises
    ExtractError when a file cannot be read; the ledger knows nothing of it then, or what it knew.
    """
    key = load_user_key(settings)
    encoding = source.text_encoding
    mapped = mapping_in_sql(source)
    with unpacked(extracts, settings.home / "tmp", encoding, stream) as parts:
        name_extracts(con, parts)
        opened = open_parts(
            con, parts, _reader(source, parts), mapped.needed, mapped.required, as_text=True
        )
        _refuse_breakdowns(source, parts, opened)
        _judge(con, opened, source, mapped, now)
        with ledger.changes(con):
            if again:
                ledger.take_out(con, [extract.extract_id for extract in extracts])
            check_key(con, key)
            _keep_rejects(con, source, mapped, parts, now)
            if isinstance(source, InstallFiles):
                _insert_installs(con, source, extracts, parts, now)
                outcomes = _outcomes(con, extracts, "install_date")
            else:
                repeated = _insert_reviews(con, source, key, now)
                outcomes = _outcomes(con, extracts, "reviewed_at", repeated)
            ledger.record(con, extracts, outcomes, now)
    return outcomes


def _refuse_breakdowns(
    source: InstallFiles | ReviewFiles, parts: Sequence[Part], opened: Opened
) -> None:
    """Raise ExtractError for a report by something else than the country."""
    form = (INSTALL_FORMATS | REVIEW_FORMATS).get(source.format)
    for part, columns in zip(parts, opened.columns, strict=True):
        if form and (found := same_columns(form.breakdowns, columns)):
            raise ExtractError(
                f"{part.name}: is a report by {', '.join(sorted(found))}: its rows would pass for "
                "totals. Land the report of all, or by country, and narrow uri to it."
            )


def _reader(source: InstallFiles | ReviewFiles, parts: Sequence[Part]) -> Reader:
    if source.reader is not None:
        return source.reader
    return reader_of((INSTALL_FORMATS | REVIEW_FORMATS)[source.format], parts[0])


def _judge(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
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
    zone = None if isinstance(source, InstallFiles) else source.time_zone
    stars = "null::bigint" if installs else whole_number_in_sql("rating", source.numbers.marks)
    con.execute(ZONES)
    query = f"""
    create or replace temp table report_rows as
    with

    told as (
        select
            {LINE_NUMBER} as line_number,
            {texts},
            {"" if installs else "null::varchar as reported_on,"}
            left(json_object({shown})::varchar, {LONGEST_REJECT}) as line,
        from {opened.rows}
    ),

    typed as (
        select
            * replace (
                {utc_in_sql("VARCHAR", moment, source.name, zone)} as {moment},
                {utc_in_sql("VARCHAR", "reported_on", source.name)} as reported_on
                {_blank_country(opened, mapped) if installs else ""}
            ),
            {moment} as moment_told,
            reported_on as report_told,
            {_counted(source.numbers.marks) if installs else "null::bigint[]"} as counts,
            {stars} as stars,
        from told
    )

    select *, {_install_reason() if installs else _review_reason()} as reason
    from typed
    """
    try:
        execute_with_try(con, query, {"now": now})
    except duckdb.Error as error:
        raise ExtractError(f"{source.name}: cannot be read: {first_line_of(error)}") from error
    _reject_failures(con, opened.rows, mapped)


def _reject_failures(con: duckdb.DuckDBPyConnection, rows: str, mapped: Mapped) -> None:
    """Reject the rows on which an expression of the sources file fails: null is not what it gave.

    A country that fails would be the total of all countries.
    """
    for column, expression in mapped.fallible().items():
        shown = sorted(column_references(expression) - mapped.references("author"))
        told = ", ".join(f"cast({name_in_sql(name)} as varchar)" for name in shown)
        words = text_in_sql(f"{column.replace('_', ' ')} not understood")
        value = f"concat_ws(' ', {told})" if told else "''"
        with each_part_by_itself(con):
            con.execute(
                f"""
                update report_rows
                set reason = concat_ws(': ', {words}, nullif(failures.value, ''))
                from (
                    select {LINE_NUMBER} as line_number, {value} as value
                    from {rows}
                    where {fails_in_sql(expression)}
                ) as failures
                where report_rows.line_number = failures.line_number and reason is null
                """
            )


def _blank_country(opened: Opened, mapped: Mapped) -> str:
    """SQL that tells a blank country from a report's total: where there is a column of countries.

    A blank one is a country more, of which the report does not say which.
    """
    named = mapped.references("country")
    parts = [
        str(number)
        for number, columns in enumerate(opened.columns)
        if same_columns(named, columns).keys() == named and named
    ]
    if not parts:
        return ""
    here = f"{part_of('line_number')} in ({', '.join(parts)})"
    return f", if({here}, coalesce(country, ''), country) as country"


def _counted(marks: Marks) -> str:
    """SQL for the counts as numbers, in the order of INSTALL_COUNTS."""
    return f"[{', '.join(whole_number_in_sql(count, marks) for count in INSTALL_COUNTS)}]"


def _install_reason() -> str:
    told = ", ".join(INSTALL_COUNTS)
    # each count of a row by itself: one that is understood does not make up for one that is not
    misread = ", ".join(
        f"if({count} is not null and counts[{n}] is null, {count}, null)"
        for n, count in enumerate(INSTALL_COUNTS, 1)
    )
    misread = f"nullif(concat_ws('; ', {misread}), '')"
    return f"""
        case
            when store is null then 'no store'
            when store_app_id is null then 'no app id'
            when moment_told is null then 'no single day'
            when install_date is null then 'day not understood: ' || moment_told
            when install_date > $now + interval 1 day then 'day in the future: ' || moment_told
            when install_date < timestamp '2008-01-01' then 'day before there were app stores: '
                || moment_told
            when report_told is not null and reported_on is null
                then 'date of the report not understood: ' || report_told
            when reported_on > $now + interval 1 day
                then 'date of the report in the future: ' || report_told
            when coalesce({told}) is null then 'no count of a known kind'
            when {misread} is not null and regexp_matches({misread}, '[0-9]')
                then 'count is no whole number: ' || {misread}
            when {misread} is not null then 'count not understood: ' || {misread}
        end
    """


def _review_reason() -> str:
    return """
        case
            when review_id is null then 'no review id'
            when rating is null then 'not a review: no rating'
            when stars is null or stars not between 1 and 5
                then 'rating not understood: ' || rating
            when store_app_id is null then 'no app id'
            when moment_told is null then 'no time'
            when reviewed_at is null then 'time not understood: ' || moment_told
            when reviewed_at > $now + interval 1 day then 'time in the future: ' || moment_told
        end
    """


def _keep_rejects(
    con: duckdb.DuckDBPyConnection,
    source: InstallFiles | ReviewFiles,
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
            {extract_of("line_number")} as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left({shown}, {LONGEST_REJECT}) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            select line_number, reason, line from report_rows where reason is not null
            union all
            select line_number, reason, line from {MALFORMED}
        )
        """,
        {"source": source.name, "members": [part.member for part in parts], "now": now},
    )


def _insert_installs(
    con: duckdb.DuckDBPyConnection,
    source: InstallFiles,
    extracts: Sequence[Extract],
    parts: Sequence[Part],
    now: datetime,
) -> None:
    """Sum what a report gives by device, version and the like.

    With it goes all that decides which of two reports of a day is the newer one.
    """
    days = [day_of(part.member or "") or day_of(part.name.split("!")[0]) for part in parts]
    places = {one.extract_id: place for place, one in enumerate(extracts)}
    modified = {one.extract_id: one.modified_at for one in extracts}
    by_file = source.newest_by == "modified"
    con.execute(
        f"""
        insert into raw.store_installs by name
        with

        summed as (
            select
                $source as source, lower(store) as store, store_app_id,
                install_date::date as install_date, upper(country) as country, metric,
                sum(units)::bigint as units, extract_id, $now as landed_at,
                reported_on, version_at, place,
            from (
                select
                    * replace (
                        coalesce(
                            reported_on, ($days::timestamp[])[{part_of("line_number")} + 1]
                        ) as reported_on
                    ),
                    {extract_of("line_number")} as extract_id,
                    ($versions::timestamp[])[{part_of("line_number")} + 1] as version_at,
                    ($places::bigint[])[{part_of("line_number")} + 1] as place,
                    unnest($metrics::varchar[]) as metric,
                    unnest(counts) as units,
                from report_rows
                where reason is null
            )
            where units is not null
            group by all
        )

        select
            * exclude (place),
            $landed + dense_rank() over (order by place) as landing_number,
        from summed
        """,
        {
            "source": source.name,
            "metrics": list(INSTALL_COUNTS),
            "days": days,
            "versions": [modified[part.extract_id] if by_file else now for part in parts],
            "places": [places[part.extract_id] for part in parts],
            "landed": _landed(con),
            "now": now,
        },
    )


def _landed(con: duckdb.DuckDBPyConnection) -> int:
    """The number of the report that landed last."""
    row = con.execute("select coalesce(max(landing_number), 0) from raw.store_installs").fetchone()
    return int(row[0]) if row else 0


def _insert_reviews(
    con: duckdb.DuckDBPyConnection, source: ReviewFiles, key: str, now: datetime
) -> dict[str, int]:
    """Each version of a review once, whoever delivers it first; its author keyed like a user.

    Gives how many rows were repeated, by extract id.
    """
    con.execute(
        """
        create or replace temp table repeated_reviews as
        select line_number
        from report_rows as reviews
        semi join raw.app_reviews as known
            on
                lower(reviews.store) = known.store
                and reviews.review_id = known.review_id
                and reviews.reviewed_at = known.reviewed_at
        where reason is null
        union
        select line_number
        from report_rows
        where reason is null
        qualify row_number() over (
            partition by lower(store), review_id, reviewed_at order by line_number
        ) > 1
        """
    )
    con.execute("set variable user_key = ?", [key])
    try:
        con.execute(
            f"""
            insert into raw.app_reviews by name
            select
                $source as source, lower(store) as store, store_app_id,
                lower(storefront) as storefront, review_id, stars::integer as rating, app_version,
                title, body,
                case when author is not null then cast(
                    sha256(concat_ws(chr(31), getvariable('user_key'), 'review', author))[:32]
                    as uuid
                ) end as author_key,
                reviewed_at, {extract_of("line_number")} as extract_id, $now as landed_at,
            from report_rows
            anti join repeated_reviews using (line_number)
            where reason is null
            """,
            {"source": source.name, "now": now},
        )
    finally:
        con.execute("reset variable user_key")
    return dict(
        con.execute(
            f"select {extract_of('line_number')}, count(*) from repeated_reviews group by all"
        ).fetchall()
    )


def _outcomes(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    moment: str,
    repeated: Mapping[str, int] | None = None,
) -> dict[str, Landed]:
    """What the extracts came to; ``repeated`` of their good rows were there already."""
    counted = con.execute(
        f"""
        with

        told as (
            select {extract_of("line_number")} as extract_id, reason, {moment} as moment
            from report_rows
            union all
            select {extract_of("line_number")}, reason, null from {MALFORMED}
        )

        select
            extract_id,
            count(*) filter (where reason is null),
            count(*) filter (where reason is not null),
            min(moment) filter (where reason is null),
            max(moment) filter (where reason is null),
        from told
        group by extract_id
        """
    ).fetchall()
    counts = {extract_id: told for extract_id, *told in counted}
    outcomes = {}
    for extract in extracts:
        good, bad, earliest, latest = counts.get(extract.extract_id, (0, 0, None, None))
        duplicates = repeated.get(extract.extract_id, 0) if repeated else 0
        outcomes[extract.extract_id] = Landed(
            rows_seen=good + bad,
            rows_landed=good - duplicates,
            rows_rejected=bad,
            rows_duplicate=duplicates,
            min_event_time=earliest,
            max_event_time=latest,
        )
    return outcomes
