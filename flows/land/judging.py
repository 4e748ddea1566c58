"""Evaluate a source's mapping over an extract's rows, and say which of them cannot be landed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from flows.errors import BrokenExtracts, ExtractError
from flows.extract.unpack import Part
from flows.formats.lines import LINE_NUMBER
from flows.formats.mapping import (
    IDENTIFIERS,
    Mapped,
    column_references,
    each_part_by_itself,
    execute_with_try,
    fails_in_sql,
    is_always_tried,
    is_bare_column,
)
from flows.formats.no_ids import identifier_in_sql
from flows.formats.reading import FILE_NAME, MALFORMED, Opened, line_of, part_of
from flows.land.float_ids import whole_numbers
from flows.land.times import ZONES, utc_in_sql, zoneless_in_sql
from flows.settings import Settings
from flows.sources import MAPPED_COLUMNS, EventSource
from flows.sql import name_in_sql, text_in_sql

SAMPLE_ROWS = 20_000
"""Rows looked at for the types of an extract's columns."""

LONGEST_REJECT = 2000

_TEXT_COLUMNS = (
    "event_name",
    "event_id",
    "platform",
    "country",
    "app_version",
    "channel",
)

_NUMBER_TYPES = ("bigint", "double")

_NO_USER = "no user id"

_RAW = "raw of "
"""Marks a column's text beside its typed form."""

_CONTENT = "concat_ws(chr(31), {scope}, coalesce(anonymous_id, user_id), event_time, event_name)"
"""What distinguishes events without a vendor's id; the scope is null or the extract's id.

Nothing that a later export may fill in or correct: of the two ids, the device's is there from the
beginning.
"""

_FORMER_CONTENT = (
    "concat_ws(chr(31), {scope}, user_id, event_time, event_name, platform, country, "
    "app_version, channel, properties)"
)
"""What distinguished them in former warehouses, of whose pruned events only the id is left."""


def name_extracts(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> None:
    """Let SQL of ``extract_of`` know which extract each of the parts is of."""
    con.execute("set variable extract_ids = ?", [[part.extract_id for part in parts]])


def extract_of(line_number: str) -> str:
    """SQL for the id of the extract that a row is of; see ``name_extracts``."""
    return f"getvariable('extract_ids')[{part_of(line_number)} + 1]"


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """How many rows of an extract cannot be landed.

    ``nameless`` of them say themselves that they are nobody's, by a word that is no id.
    """

    rows: int = 0
    nameless: int = 0


def _future_tolerance(source: EventSource, settings: Settings) -> timedelta:
    """How far after its landing an event may be dated: by its source, else by the settings."""
    if source.future_tolerance_minutes is None:
        return timedelta(hours=settings.future_tolerance_hours)
    return timedelta(minutes=source.future_tolerance_minutes)


def judge_rows(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    source: EventSource,
    mapped: Mapped,
    settings: Settings,
    now: datetime,
) -> None:
    """Evaluate the mapping, and say of each row why it cannot be landed, if it cannot.

    A mapping that is a bare column takes its text as it stands: 00001 and 1.10 are names, not
    numbers. Inside an expression of the sources file a column has the type that nearly all of its
    values have; a value that does not fit it, or on which the expression fails, makes a reject.
    Of the user's ids the first that is one counts. Writes the temporary table judged: one row per
    row of the extracts. Raises BrokenExtracts naming an expression that fails on every row.
    """
    typed = _columns_with_types(con, opened, mapped)
    readable = "".join(
        f", {_as_number(typed, column)} as {name_in_sql(column)}, "
        f"{name_in_sql(column)} as {name_in_sql(_RAW + column)}"
        for column in sorted(mapped.needed)
    )
    con.execute(
        f"create or replace temp view readable as select {LINE_NUMBER}{readable} from {opened.rows}"
    )
    con.execute(ZONES)
    taken = {
        c: _taken(mapped.expressions.get(c, "null"), opened)
        for c in MAPPED_COLUMNS
        if c not in IDENTIFIERS
    }
    kinds = _kinds(con, taken, source.name)
    texts = {c: _text(taken[c]) for c in _TEXT_COLUMNS}
    ids, who = _identifiers(con, opened, source, mapped)
    if "event_id" in mapped.given:  # their text stays: by it they are recognised in other extracts
        what = f"{source.name}: event_id"
        whole_numbers(con, opened, taken["event_id"], kinds["event_id"], texts["event_id"], what)
    told = [name_in_sql(_RAW + name) for name in sorted(mapped.references("event_time"))]
    told_columns = "".join(f", {name}" for name in told)
    time_told = f"nullif(trim(concat_ws(' ', {', '.join(told) or 'null'})), '')"
    properties = _json(taken["properties"]) if "properties" in mapped.expressions else "null::json"
    scope = "null" if source.extracts_overlap else extract_of("line_number")
    former = mapped.former_event_id
    order = mapped.content_order
    has_pruned = con.execute(
        "select 1 from raw.pruned_event_ids where app_id = ? limit 1", [source.app_id]
    ).fetchone()
    former_content = _FORMER_CONTENT.format(scope=scope) if has_pruned else "null::varchar"
    kind, time = kinds["event_time"], taken["event_time"]
    moment = utc_in_sql(kind, time, source.name, source.time_zone)
    # of a vendor's format it is known
    asks_for_zone = source.format == "custom" and source.time_zone is None
    zoneless = zoneless_in_sql(kind, time) if asks_for_zone else "false"
    query = f"""
        create or replace temp table judged as
        with

        canonical as (
            select
                {LINE_NUMBER} as line_number,
                {", ".join(f"{text} as {column}" for column, text in texts.items())},
                {", ".join(f"{sql} as {name}" for name, sql in ids.items())},
                {moment} as event_time,
                {zoneless} as is_zoneless,
                {properties} as properties,
                {_misfit(typed, mapped)} as misfit
                {f", {_text(former)} as former_event_id" if former else ""}
                {f", {_text(mapped.former_user_id or 'null')} as former_user" if former else ""}
                {f", {_text(order)} as content_order" if order else ""}
                {f", try({mapped.link}) as link" if mapped.link else ""}
                {told_columns},
            from readable
        ),

        identified as (
            select
                * exclude ({", ".join(ids)}),
                {who["user_id"]} as user_id,
                {who["anonymous_id"]} as anonymous_id,
                coalesce({", ".join(ids) or "null"}) is not null as has_a_word,
                {f"coalesce(former_user, {', '.join(ids)}) as former_user_id," if former else ""}
            from canonical
        )

        select
            line_number, user_id, anonymous_id, event_time, event_name, platform, country,
            app_version, channel, properties,
            cast(md5(event_id) as uuid) as event_id,
            {"cast(md5(former_event_id) as uuid) as former_event_id," if former else ""}
            {"former_user_id," if former else ""}
            case when event_id is null then {_CONTENT.format(scope=scope)} end as content,
            {"content_order" if order else "null::varchar as content_order"},
            {"link," if mapped.link else ""}
            case when event_id is null then {former_content} end as former_content,
            user_id is null and has_a_word as is_nameless,
            is_zoneless,
            -- how far an export reaches is seen by events that nobody can be told of, too
            case
                when user_id is null and event_time between timestamp '1990-01-01' and $latest
                    then event_time
            end as time_without_user,
            case
                when user_id is null then coalesce(misfit, '{_NO_USER}')
                -- within a case, so that the text is made of the few times that need it
                when event_time is null then coalesce(
                    'event time not understood: ' || {time_told}, 'no event time'
                )
                when event_time > $latest then 'event time in the future: ' || event_time
                when event_time < timestamp '1990-01-01'
                    then 'event time before 1990: ' || event_time
                when misfit is not null then misfit
                when event_name is null then 'no event name'
            end as reason,
        from identified
        """
    given = {"latest": now + _future_tolerance(source, settings)}
    try:
        execute_with_try(con, query, given)
    except duckdb.Error as error:
        raise ExtractError(f"{source.name}: cannot be read: {_first_line(error)}") from error
    _reject_failures(con, source, mapped, taken)


def _text(expression: str) -> str:
    return f"nullif(trim(try(cast({expression} as varchar))), '')"


def _as_number(typed: Mapping[str, str], column: str) -> str:
    """A column as expressions see it: of the number type that it has, if it has one."""
    name = name_in_sql(column)
    return f"try_cast({name} as {typed[column]})" if column in typed else name


def _identifiers(
    con: duckdb.DuckDBPyConnection, opened: Opened, source: EventSource, mapped: Mapped
) -> tuple[dict[str, str], dict[str, str]]:
    """SQL for each alternative of the user's ids by a name, and for the ids out of these names.

    A row's anonymous id is its user where no other alternative is an id.
    """
    texts: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for column in IDENTIFIERS:
        found[column] = []
        for number, expression in enumerate(mapped.identifiers(column)):
            name = f"{column}_{number}"
            taken = _taken(expression, opened)
            (kind,) = _kinds(con, {column: taken}, source.name).values()
            what = f"{source.name}: {column}"
            words = (*source.no_ids.also, *column_references(expression))
            text = whole_numbers(con, opened, taken, kind, _text(taken), what, words)
            texts[name] = text
            found[column].append(
                identifier_in_sql(name, source.no_ids.also, source.no_ids.allow, mapped.id_prefix)
            )
    anonymous = _first_of(found["anonymous_id"])
    return texts, {
        "user_id": _first_of([*found["user_id"], *found["anonymous_id"]]),
        "anonymous_id": anonymous,
    }


def _first_of(ids: Sequence[str]) -> str:
    return f"coalesce({', '.join(ids)})" if ids else "null::varchar"


def _blanked(mapped: Mapped) -> frozenset[str]:
    """The columns that show who a user is."""
    return mapped.references("user_id") | mapped.references("anonymous_id")


def _misfit(typed: Mapping[str, str], mapped: Mapped) -> str:
    """SQL that says of a row which value does not fit the type of its column, or null.

    Not of one that expressions name within try_cast only: there null is what was asked for.
    """
    blanked = _blanked(mapped)
    misfits = []
    for column in sorted(typed):
        raw = name_in_sql(_RAW + column)
        value = "" if column in blanked else f" || ': ' || {raw}"
        words = text_in_sql(f"{column} does not fit as {typed[column]}")
        # nested: what is within is looked at only where there is no number
        misfits.append(
            f"case when {name_in_sql(column)} is null "
            f"then case when trim({raw}) <> '' then {words}{value} end end"
        )
    return f"coalesce({', '.join(misfits)})" if misfits else "null::varchar"


def _reject_failures(
    con: duckdb.DuckDBPyConnection,
    source: EventSource,
    mapped: Mapped,
    taken: Mapping[str, str],
) -> None:
    """Reject the rows on which an expression of the sources file fails: null is not what it gave.

    Only rows where it came to nothing are looked at, so that a mapping without failures costs a
    count. Raises BrokenExtracts where one fails on every row of an extract.
    """
    strict = [
        (column, expression)
        for column in MAPPED_COLUMNS
        if column in mapped.given
        for expression in (
            mapped.identifiers(column) if column in IDENTIFIERS else (taken[column],)
        )
        if not is_bare_column(expression)
    ]
    for column, expression in strict:
        # which of the ids it was that gave nothing, a row does not say
        lacking = "true" if column in IDENTIFIERS else f"{column} is null"
        if not con.execute(f"select 1 from judged where {lacking} limit 1").fetchone():
            continue
        with each_part_by_itself(con):
            con.execute(
                f"""
                create or replace temp table failures as
                select {LINE_NUMBER} as line_number, {_told(mapped, expression)} as told
                from readable
                semi join (select line_number from judged where {lacking}) as lacking
                    on readable.{LINE_NUMBER} = lacking.line_number
                where {fails_in_sql(expression)}
                """
            )
        if not con.execute("select 1 from failures limit 1").fetchone():
            continue
        _refuse_where_all_fail(con, source, mapped, column, expression)
        words = column.replace("_", " ")
        # rows that have a reason already, but for one that says no more, keep it
        con.execute(
            f"""
            update judged
            set reason = {text_in_sql(f"{words} not understood")} || coalesce(': ' || told, '')
            from failures
            where
                judged.line_number = failures.line_number
                and (reason is null or reason in ('{_NO_USER}', 'no {words}'))
            """
        )


def _told(mapped: Mapped, expression: str) -> str:
    """SQL for what the columns of an expression hold, but for those that show who a user is."""
    shown = sorted(column_references(expression) - _blanked(mapped))
    names = ", ".join(f"cast({name_in_sql(_RAW + name)} as varchar)" for name in shown)
    return f"nullif(left(concat_ws(' ', {names}), 200), '')" if names else "null::varchar"


def _refuse_where_all_fail(
    con: duckdb.DuckDBPyConnection,
    source: EventSource,
    mapped: Mapped,
    column: str,
    expression: str,
) -> None:
    """Raise BrokenExtracts naming the expression that fails on every row of some extracts."""
    broken = con.execute(
        f"""
        select {extract_of("line_number")}, count(*), min(line_number), any_value(told)
        from judged left join failures using (line_number)
        group by 1
        having count(*) > 1 and count(*) = count(failures.line_number)
        """
    ).fetchall()
    if not broken:
        return
    reasons = {}
    for extract_id, rows, line, told in broken:
        value = f", such as {told!r}" if told else ""
        reasons[extract_id] = (
            f"{source.name}: columns.{column}: {expression} fails on all {rows:,} rows{value}"
            f"{_why(con, mapped, expression, line)}"
        )
    raise BrokenExtracts(reasons)


def _why(con: duckdb.DuckDBPyConnection, mapped: Mapped, expression: str, line: int) -> str:
    """What DuckDB says of an expression on one row, unless that could show who a user is."""
    if column_references(expression) & _blanked(mapped):
        return ""
    try:
        con.execute(
            f"select ({expression}) from readable where {LINE_NUMBER} = ?", [line]
        ).fetchone()
    except duckdb.Error as error:
        return f": {_first_line(error)}"
    return ""


def keep_rejects(
    con: duckdb.DuckDBPyConnection,
    source: EventSource,
    mapped: Mapped,
    members: Collection[str | None],
    now: datetime,
) -> dict[str, Rejected]:
    """Keep the rows that cannot be landed; how many they are, by extract.

    ``members`` names each part that is a member of an archive. User ids are blanked, but for the
    words that are none.
    """
    # a table of its own, so that DuckDB sees how few they are, and joins accordingly
    con.execute(
        f"""
        create or replace temp table rejected as
        select line_number, reason, is_nameless from judged where reason is not null
        union all
        select line_number, null, false from {MALFORMED}
        """
    )
    if not con.execute("select 1 from rejected limit 1").fetchone():
        return {}
    blanked = _blanked(mapped)
    row_as_json = ", ".join(
        f"{text_in_sql(column)}, {_shown(column, blanked, source)}"
        for column in sorted(mapped.needed)
    )
    con.execute(
        f"""
        insert into raw.rejects by name
        select
            {extract_of("line_number")} as extract_id, $source as source,
            {line_of("line_number")} as line_number, reason,
            left(line, {LONGEST_REJECT}) as line, $now as rejected_at,
            ($members::varchar[])[{part_of("line_number")} + 1] as member,
        from (
            -- written out for the few rows that need it, not for all
            select
                rejected.line_number,
                rejected.reason,
                json_object({row_as_json})::varchar as line,
            from rejected
            inner join readable on rejected.line_number = readable.{LINE_NUMBER}
            where rejected.reason is not null
            union all
            -- whose user it is cannot be told: letters and digits are blanked, the shape stays
            select line_number, reason, regexp_replace(line, '[\\p{{L}}\\p{{N}}]', 'x', 'g')
            from {MALFORMED}
        )
        """,
        {"source": source.name, "members": list(members), "now": now},
    )
    counts = con.execute(
        f"select {extract_of('line_number')}, count(*), count(*) filter (is_nameless) "
        "from rejected group by all"
    ).fetchall()
    return {
        extract_id: Rejected(rows=rows, nameless=nameless) for extract_id, rows, nameless in counts
    }


def _columns_with_types(
    con: duckdb.DuckDBPyConnection, opened: Opened, mapped: Mapped
) -> dict[str, str]:
    """The columns of text that expressions see as numbers, with the type that nearly all fit.

    One that expressions name within try_cast only stays text: they type it themselves. The name of
    a file stays text as well, though it may be nothing but a day.
    """
    if opened.is_typed or not mapped.has_types:
        return {}
    columns = sorted(
        {
            column
            for expression in mapped.evaluated()
            if not is_bare_column(expression)
            for column in column_references(expression)
            if not is_always_tried(expression, column) and column.lower() != FILE_NAME
        }
    )
    if not columns:
        return {}
    counts = ", ".join(
        f"count({name_in_sql(c)})"
        + "".join(
            f", count(*) filter (cast(try_cast({name_in_sql(c)} as {t}) as varchar) "
            f"= trim({name_in_sql(c)}))"
            for t in _NUMBER_TYPES
        )
        for c in columns
    )
    # spread over all rows: what comes first in a file is not what it holds
    row = con.execute(
        f"""
        select {counts} from {opened.rows}
        where {line_of(LINE_NUMBER)} % (
            select 1 + count(*) // {SAMPLE_ROWS} from {opened.rows}
        ) = 0 or {line_of(LINE_NUMBER)} <= 1000
        """
    ).fetchone()
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


def _kinds(con: duckdb.DuckDBPyConnection, taken: dict[str, str], source: str) -> dict[str, str]:
    """The SQL type of each mapped expression. Raises ExtractError naming the one that is wrong."""
    listed = ", ".join(f"try({expression}) as {column}" for column, expression in taken.items())
    try:
        described = con.execute(f"describe select {listed} from readable").fetchall()
    except duckdb.Error as error:
        if len(taken) > 1:  # which one is it?
            for column, expression in taken.items():
                _kinds(con, {column: expression}, source)
        raise ExtractError(
            f"{source}: columns.{next(iter(taken))}: {_first_line(error)}"
        ) from error
    return {row[0]: row[1] for row in described}


def _taken(expression: str, opened: Opened) -> str:
    if not opened.is_typed and is_bare_column(expression):
        (column,) = column_references(expression)
        return name_in_sql(_RAW + column)
    return expression


def _json(expression: str) -> str:
    text = f"try(cast({expression} as varchar))"
    return f"case when json_valid({text}) then {text}::json else to_json({text}) end"


def _shown(column: str, blanked: Collection[str], source: EventSource) -> str:
    """A column as a reject shows it: a user's id not at all, a word that is none as it is."""
    value = f"cast({name_in_sql(_RAW + column)} as varchar)"
    if column not in blanked:
        return value
    identifier = identifier_in_sql(f"trim({value})", source.no_ids.also, source.no_ids.allow)
    return f"if(({identifier}) is null, {value}, '(user)')"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
