"""Land one event extract: type it, key its users, tell duplicates apart, keep what is bad."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb

from flows.errors import ExtractError
from flows.formats.reading import (
    MALFORMED,
    SAMPLE_ROWS,
    Opened,
    column_references,
    is_bare_column,
    mapping_in_sql,
    open_extract,
)
from flows.land import ledger
from flows.land.keys import check_key, load_user_key
from flows.land.ledger import Extract, Landed
from flows.settings import Settings
from flows.sources import EVENT_COLUMNS, EventSource, Reader
from flows.sql import name_in_sql, text_in_sql

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

_CONTENT = (
    "concat_ws(chr(31), $scope::varchar, user_id, event_time, event_name, platform, country, "
    "app_version, channel, properties)"
)
"""What tells events without a vendor's id apart; $scope is null or the extract's id."""

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
        _judge_rows(con, opened, extract, source, mapping, settings, now)
        rejected = _reject(con, opened, extract, source, mapping, now)
        _identify(con, source, key)
        outcome = _insert(con, extract, source, rejected, now)
        ledger.record(con, extract, outcome, now)
    return outcome


def _reader(source: EventSource) -> Reader:
    assert source.reader is not None  # format: custom has one, sources.py sees to it
    return source.reader


def _judge_rows(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    extract: Extract,
    source: EventSource,
    mapping: dict[str, str],
    settings: Settings,
    now: datetime,
) -> None:
    """Evaluate the mapping, and say of each row why it cannot be landed, if it cannot.

    A mapping that is a bare column takes its text as it stands: 00001 and 1.10 are names, not
    numbers. Inside an expression a column has the type that nearly all of its values have. Writes
    the temporary table judged: one row per row of the extract.
    """
    columns = [row[0] for row in con.execute(f"describe from {opened.rows}").fetchall()][1:]
    types = {} if opened.is_typed else _sampled_types(con, opened.rows, columns)
    readable = ", ".join(
        f"{_typed(column, types)} as {name_in_sql(column)}, "
        f"{name_in_sql(column)} as {name_in_sql(_RAW + column)}"
        for column in columns
    )
    con.execute(
        f"create or replace temp view readable as select line_number, {readable} from {opened.rows}"
    )
    mapped = {column: _mapped(mapping.get(column, "null"), opened) for column in EVENT_COLUMNS}
    kinds = _kinds(con, mapped, source.name)
    texts = ", ".join(
        f"nullif(trim(try(cast({mapped[column]} as varchar))), '') as {column}"
        for column in _TEXT_COLUMNS
    )
    told = sorted(column_references(mapping["event_time"]))
    told_columns = "".join(f", {name_in_sql(_RAW + name)}" for name in told)
    told_in_sql = ", ".join(name_in_sql(_RAW + name) for name in told) or "null"
    time_told = f"nullif(trim(concat_ws(' ', {told_in_sql})), '')"
    properties = _json(mapped["properties"]) if "properties" in mapping else "null::json"
    try:
        con.execute(
            f"""
            create or replace temp table judged as
            with

            canonical as (
                select
                    line_number,
                    {texts},
                    {_utc(kinds["event_time"], mapped["event_time"], source.name)} as event_time,
                    {properties} as properties
                    {told_columns},
                from readable
            )

            select
                line_number, user_id, event_time, event_name, platform, country, app_version,
                channel, properties,
                cast(md5(event_id) as uuid) as event_id,
                case when event_id is null then {_CONTENT} end as content,
                case
                    when user_id is null then 'no user id'
                    -- within a case, so that the text is made of the few times that need it
                    when event_time is null then coalesce(
                        'event time not understood: ' || {time_told}, 'no event time'
                    )
                    when event_time > $latest then 'event time in the future: ' || event_time
                    when event_time < timestamp '1990-01-01'
                        then 'event time before 1990: ' || event_time
                    when event_name is null then 'no event name'
                end as reason,
            from canonical
            """,
            {
                "latest": now + timedelta(hours=settings.future_tolerance_hours),
                "scope": None if source.extracts_overlap else extract.extract_id,
            },
        )
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise ExtractError(f"{extract.path}: cannot be read: {reason}") from error


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


def _sampled_types(con: duckdb.DuckDBPyConnection, rows: str, columns: list[str]) -> dict[str, str]:
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
    row = con.execute(f"select {counts} from (from {rows} limit {SAMPLE_ROWS})").fetchone()
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
        # an offset is within the last six characters; without one, the cast that knows no zones is
        # six times as fast, and names of zones, which would leak into other rows' times, give null
        end = f"right({tried}, 6)"
        # DuckDB takes offsets such as +27:00 for good and would put the event on another day
        hours, minutes = (
            f"coalesce(try_cast(regexp_extract({tried}, {text_in_sql(_OFFSET)}, {n}) as int), 0)"
            for n in (1, 2)
        )
        return f"""
            case
                when not contains({end}, '+') and not contains({end}, '-')
                    then try_cast({tried} as timestamp)
                when
                    {hours} <= 14 and {minutes} < 60
                    and not regexp_matches({tried}, '[A-Za-z]{{2}}')
                    then try_cast({tried} as timestamptz) at time zone 'UTC'
            end
        """
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


def _reject(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    extract: Extract,
    source: EventSource,
    mapping: dict[str, str],
    now: datetime,
) -> int:
    """Keep the rows that cannot be landed, and say how many they are."""
    columns = [row[0] for row in con.execute(f"describe from {opened.rows}").fetchall()][1:]
    row_as_json = ", ".join(
        f"{text_in_sql(column)}, {_blanked(column, mapping)}" for column in columns
    )
    # a table of its own, so that DuckDB sees how few they are, and joins accordingly
    if not _count(
        con,
        f"""
        create or replace temp table rejected as
        select line_number, reason from judged where reason is not null
        union all
        select line_number, null from {MALFORMED}
        """,
        {},
    ):
        return 0
    return _count(
        con,
        f"""
        insert into raw.rejects by name
        select
            $extract_id as extract_id, $source as source, line_number, reason,
            left(line, {_LONGEST_REJECT}) as line, $now as rejected_at,
        from (
            -- written out for the few rows that need it, not for all
            select line_number, reason, json_object({row_as_json})::varchar as line
            from rejected inner join readable using (line_number)
            where reason is not null
            union all
            -- whose user it is cannot be told: letters and digits are blanked, the shape stays
            select line_number, reason, regexp_replace(line, '[\\p{{L}}\\p{{N}}]', 'x', 'g')
            from {MALFORMED}
        )
        """,
        {"extract_id": extract.extract_id, "source": source.name, "now": now},
    )


def _identify(con: duckdb.DuckDBPyConnection, source: EventSource, key: str) -> None:
    """Key the users, into the temporary table users, and name the events that have no id.

    An event without a vendor's id is its content plus how often that content occurred before it in
    this extract: two identical rows of one file are two events, and the same ones when an
    overlapping export delivers them again. Where the source's extracts never overlap, identical
    rows of two of them are two events as well.
    """
    # a variable, not SQL text: the secret must not show in an error, a log or a profile
    con.execute("set variable user_key = ?", [key])
    try:
        # a user is hashed once, however many events are theirs
        con.execute(
            """
            create or replace temp table users as
            select
                user_id,
                cast(
                    sha256(concat_ws(chr(31), getvariable('user_key'), $app_id, user_id))[:32]
                    as uuid
                ) as user_key,
            from (select distinct user_id from judged where reason is null)
            """,
            {"app_id": source.app_id},
        )
    finally:
        con.execute("reset variable user_key")
    lacks_ids = "reason is null and event_id is null"
    # the window costs a sort, so only where it is needed
    if con.execute(f"select 1 from judged where {lacks_ids} limit 1").fetchone():
        con.execute(
            f"""
            update judged set event_id = cast(md5(named.content || chr(31) || occurrence) as uuid)
            from (
                select
                    line_number,
                    content,
                    row_number() over (partition by content order by line_number) as occurrence,
                from judged
                where {lacks_ids}
            ) as named
            where judged.line_number = named.line_number
            """
        )


def _insert(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: EventSource,
    rejected: int,
    now: datetime,
) -> Landed:
    """Insert the events, each once, and say what the extract came to."""
    row = con.execute(
        """
        -- of all that the extract tells, whoever delivered it first: no matter the order
        select count(*), count(distinct event_id), min(event_time), max(event_time)
        from judged
        where reason is null
        """
    ).fetchone()
    assert row is not None  # an aggregate has one row
    good, events, earliest, latest = row
    if events < good:  # only then is there a first one to be looked for
        con.execute(
            """
            delete from judged
            where line_number in (
                select line_number
                from judged
                where reason is null
                qualify row_number() over (partition by event_id order by line_number) > 1
            )
            """
        )
    repeated = _count(
        con,
        f"""
        create or replace temp table repeats as
        select judged.event_id
        from judged
        inner join ({_known(con)}) as known on judged.event_id = known.event_id
        where judged.reason is null
        """,
        {"app_id": source.app_id},
    )
    given = {"app_id": source.app_id, "extract_id": extract.extract_id, "now": now}
    insert = """
        insert into {table} by name
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
            $extract_id as extract_id,
            $now as landed_at,
        from judged
        inner join users on judged.user_id = users.user_id
        {only}
        where judged.reason is null
    """
    only = "{} join repeats on judged.event_id = repeats.event_id" if repeated else ""
    landed = _count(con, insert.format(table="raw.app_events", only=only.format("anti")), given)
    if repeated:
        table = "raw.app_event_duplicates"
        con.execute(insert.format(table=table, only=only.format("semi")), given)
    return Landed(
        rows_seen=good + rejected,
        rows_landed=landed,
        rows_rejected=rejected,
        rows_duplicate=good - landed,
        min_event_time=earliest,
        max_event_time=latest,
    )


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
