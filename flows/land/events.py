"""Land one event extract: type it, key its users, tell duplicates apart, keep what is bad."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from flows.errors import ExtractError
from flows.formats.reading import (
    MALFORMED,
    ROWS,
    SAMPLE_ROWS,
    Opened,
    column_references,
    is_bare_column,
    mapping_in_sql,
    name_in_sql,
    open_extract,
    text_in_sql,
)
from flows.land import ledger
from flows.land.keys import check_key, load_user_key
from flows.land.ledger import Extract, Landed
from flows.settings import Settings
from flows.sources import EVENT_COLUMNS, EventSource, Reader

_TEXT_COLUMNS = (
    "user_id",
    "event_name",
    "event_id",
    "platform",
    "country",
    "app_version",
    "channel",
)

_NUMBER_TYPES = ("bigint", "double")

_RAW = "raw of "
"""Marks a column's text beside its typed form."""

_LONGEST_REJECT = 2000

_OFFSET = r"\d:\d{2}.*[+-](\d{2}):?(\d{2})?$"


def land_events(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: EventSource,
    settings: Settings,
    now: datetime,
) -> Landed:
    """Land one event extract in one transaction: all of it or nothing.

    Rows go to raw.app_events, those that another landed extract has delivered already to
    raw.app_event_duplicates, bad ones to raw.rejects with a reason. ``now`` is naive UTC. Raises
    ExtractError when the file cannot be read at all; the ledger then says ``failed``.
    """
    key = load_user_key(settings)
    with ledger.one_transaction(con, extract, now):
        check_key(con, key)
        mapping, needed = mapping_in_sql(source)
        opened = open_extract(con, extract.path, _reader(source), needed)
        _judge_rows(con, opened, source.name, mapping, settings, now)
        _identify(con, source, key)
        outcome = _insert(con, extract, source, now)
        ledger.record(con, extract, outcome, now)
    return outcome


def _reader(source: EventSource) -> Reader:
    assert source.reader is not None  # format: custom has one, sources.py sees to it
    return source.reader


def _judge_rows(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    source: str,
    mapping: dict[str, str],
    settings: Settings,
    now: datetime,
) -> None:
    """Evaluate the mapping, and say of each row why it cannot be landed, if it cannot.

    A mapping that is a bare column takes its text as it stands: 00001 and 1.10 are names, not
    numbers. Inside an expression a column has the type that nearly all of its values have. Writes
    the temporary table judged: one row per row of the extract.
    """
    columns = [row[0] for row in con.execute(f"describe {ROWS}").fetchall()][1:]
    types = {} if opened.is_typed else _sampled_types(con, columns)
    readable = ", ".join(
        f"{_typed(column, types)} as {name_in_sql(column)}, "
        f"{name_in_sql(column)} as {name_in_sql(_RAW + column)}"
        for column in columns
    )
    con.execute(
        f"create or replace temp view readable as select line_number, {readable} from {ROWS}"
    )
    mapped = {column: _mapped(mapping.get(column, "null"), opened) for column in EVENT_COLUMNS}
    kinds = _kinds(con, mapped, source)
    texts = ", ".join(
        f"nullif(trim(try(cast({mapped[column]} as varchar))), '') as {column}"
        for column in _TEXT_COLUMNS
    )
    told = sorted(column_references(mapping["event_time"]))
    told_in_sql = ", ".join(name_in_sql(_RAW + name) for name in told) or "null"
    raw_columns = ", ".join(name_in_sql(_RAW + column) for column in columns)
    row_as_json = ", ".join(
        f"{text_in_sql(column)}, {_blanked(column, mapping)}" for column in columns
    )
    con.execute(
        f"""
        create or replace temp table judged as
        with

        canonical as (
            select
                line_number,
                {texts},
                {_utc(kinds["event_time"], mapped["event_time"], source)} as event_time,
                nullif(trim(concat_ws(' ', {told_in_sql})), '') as event_time_told,
                {_json(mapped["properties"])} as properties,
                {raw_columns},
            from readable
        ),

        reasoned as (
            select
                *,
                case
                    when user_id is null then 'no user id'
                    when event_time_told is null and event_time is null then 'no event time'
                    when event_time is null then 'event time not understood: ' || event_time_told
                    when event_time > $latest then 'event time in the future: ' || event_time
                    when event_time < timestamp '1990-01-01'
                        then 'event time before 1990: ' || event_time
                    when event_name is null then 'no event name'
                end as reason,
            from canonical
        )

        select
            * exclude ({raw_columns}),
            case when reason is not null then json_object({row_as_json})::varchar end as line,
        from reasoned
        """,
        {"latest": now + timedelta(hours=settings.future_tolerance_hours)},
    )


def _kinds(con: duckdb.DuckDBPyConnection, mapped: dict[str, str], source: str) -> dict[str, str]:
    """The SQL type of each mapped expression. Raises ExtractError naming the one that is wrong."""
    listed = ", ".join(f"try({expression}) as {column}" for column, expression in mapped.items())
    try:
        described = con.execute(f"describe select {listed} from readable").fetchall()
    except duckdb.Error as error:
        if len(mapped) > 1:  # which one is it?
            for column, expression in mapped.items():
                _kinds(con, {column: expression}, source)
        reason = str(error).strip().splitlines()[0]
        raise ExtractError(f"{source}: columns.{next(iter(mapped))}: {reason}") from error
    return {row[0]: row[1] for row in described}


def _mapped(expression: str, opened: Opened) -> str:
    if not opened.is_typed and is_bare_column(expression):
        (column,) = column_references(expression)
        return name_in_sql(_RAW + column)
    return expression


def _typed(column: str, types: dict[str, str]) -> str:
    name = name_in_sql(column)
    return f"try_cast({name} as {types[column]})" if column in types else name


def _sampled_types(con: duckdb.DuckDBPyConnection, columns: list[str]) -> dict[str, str]:
    """The columns of which nearly all values survive a round trip through a number type."""
    counts = ", ".join(
        f"count({name_in_sql(c)})"
        + "".join(
            f", count(*) filter (cast(try_cast({name_in_sql(c)} as {t}) as varchar) "
            f"= {name_in_sql(c)})"
            for t in _NUMBER_TYPES
        )
        for c in columns
    )
    if not counts:
        return {}
    row = con.execute(f"select {counts} from (from {ROWS} limit {SAMPLE_ROWS})").fetchone()
    assert row is not None  # an aggregate has one row
    types: dict[str, str] = {}
    step = 1 + len(_NUMBER_TYPES)
    for position, column in enumerate(columns):
        present, *survivors = row[position * step : (position + 1) * step]
        for number_type, survived in zip(_NUMBER_TYPES, survivors, strict=True):
            if present and survived >= 0.9 * present:
                types[column] = number_type
                break
    return types


def _utc(kind: str, expression: str, source: str) -> str:
    """SQL that gives naive UTC from an expression of SQL type ``kind``, or null."""
    tried = f"try({expression})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{tried} at time zone 'UTC'"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"cast({tried} as timestamp)"
    if kind == "VARCHAR":
        # DuckDB takes offsets such as +27:00 for good and would put the event on another day
        offset_hours = f"try_cast(regexp_extract({tried}, {text_in_sql(_OFFSET)}, 1) as int)"
        offset_minutes = f"try_cast(regexp_extract({tried}, {text_in_sql(_OFFSET)}, 2) as int)"
        return (
            f"case when coalesce({offset_hours}, 0) <= 14 and coalesce({offset_minutes}, 0) < 60 "
            f"then try_cast({tried} as timestamptz) at time zone 'UTC' end"
        )
    raise ExtractError(
        f"{source}: columns.event_time: gives {kind}, not a time. Seconds since 1970: "
        "to_timestamp(x); milliseconds: epoch_ms(x); other text: strptime(x, '%d.%m.%Y %H:%M')."
    )


def _json(expression: str) -> str:
    text = f"try(cast({expression} as varchar))"
    return f"case when json_valid({text}) then {text}::json else to_json({text}) end"


def _blanked(column: str, mapping: dict[str, str]) -> str:
    """A column as a reject shows it: not at all if the user id is made of it."""
    if column in column_references(mapping["user_id"]):
        return f"if({name_in_sql(_RAW + column)} is null, null, '(user)')"
    return f"cast({name_in_sql(_RAW + column)} as varchar)"


def _identify(con: duckdb.DuckDBPyConnection, source: EventSource, key: str) -> None:
    """Key the users and name the events, into the temporary table identified.

    An event without a vendor's id is its content plus how often that content occurred before it in
    this extract: two identical rows of one file are two events, and the same ones when an
    overlapping export delivers them again.
    """
    content = (
        "concat_ws(chr(31), user_id, event_time, event_name, platform, country, app_version, "
        "channel, properties)"
    )
    occurrence = f"row_number() over (partition by event_id, {content} order by line_number)"
    lacks_ids = con.execute(
        "select count(*) > 0 from judged where reason is null and event_id is null"
    ).fetchone()
    event_id = "md5(event_id)"
    if lacks_ids and lacks_ids[0]:  # the window costs a sort, so only where it is needed
        event_id = f"md5(coalesce(event_id, {content} || chr(31) || {occurrence}))"
    # a variable, not SQL text: the secret must not show in an error, a log or a profile
    con.execute("set variable user_key = ?", [key])
    try:
        con.execute(
            f"""
            create or replace temp table identified as
            select
                $app_id as app_id,
                cast({event_id} as uuid) as event_id,
                cast(
                    sha256(concat_ws(chr(31), getvariable('user_key'), $app_id, user_id))[:32]
                    as uuid
                ) as user_key,
                event_name,
                event_time,
                lower(platform) as platform,
                if(length(country) = 2, upper(country), country) as country,
                app_version,
                channel,
                properties,
                line_number,
            from judged
            where reason is null
            """,
            {"app_id": source.app_id},
        )
    finally:
        con.execute("reset variable user_key")


def _insert(
    con: duckdb.DuckDBPyConnection, extract: Extract, source: EventSource, now: datetime
) -> Landed:
    given = {"extract_id": extract.extract_id, "now": now}
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            $extract_id as extract_id, $source as source, line_number, reason,
            left(line, {_LONGEST_REJECT}) as line, $now as rejected_at,
        from (
            select line_number, reason, line from judged where reason is not null
            union all
            -- whose user it is cannot be told: letters and digits are blanked, the shape stays
            select line_number, reason, regexp_replace(line, '[\\p{{L}}\\p{{N}}]', 'x', 'g')
            from {MALFORMED}
        )
        """,
        given | {"source": source.name},
    )
    con.execute(
        """
        create or replace temp table firsts as
        select * exclude (line_number)
        from identified
        qualify row_number() over (partition by event_id order by line_number) = 1
        """
    )
    con.execute(
        """
        create or replace temp table repeats as
        select firsts.event_id
        from firsts
        inner join raw.visible_event_ids as known
            on firsts.event_id = known.event_id and firsts.app_id = known.app_id
        """
    )
    for table, which in (("raw.app_events", "anti"), ("raw.app_event_duplicates", "semi")):
        con.execute(
            f"""
            insert into {table} by name
            select firsts.*, $extract_id as extract_id, $now as landed_at
            from firsts
            {which} join repeats on firsts.event_id = repeats.event_id
            """,
            given,
        )
    row = con.execute(
        f"""
        select
            (select count(*) from judged) + (select count(*) from {MALFORMED}) as rows_seen,
            (select count(*) from judged where reason is not null)
            + (select count(*) from {MALFORMED}) as rows_rejected,
            (select count(*) from identified) as good,
            (select count(*) from raw.app_events where extract_id = $extract_id) as rows_landed,
            -- of all that the extract tells, whoever delivered it first: no matter the order
            (select min(event_time) from identified),
            (select max(event_time) from identified),
        """,
        {"extract_id": extract.extract_id},
    ).fetchone()
    assert row is not None  # no from clause: one row
    seen, rejected, good, landed, earliest, latest = row
    return Landed(
        rows_seen=seen,
        rows_landed=landed,
        rows_rejected=rejected,
        rows_duplicate=good - landed,
        min_event_time=earliest,
        max_event_time=latest,
    )
