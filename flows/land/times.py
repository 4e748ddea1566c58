"""Turn a mapped time, however its zone is spelled, into naive UTC in SQL."""

from __future__ import annotations

from flows.errors import ExtractError
from flows.formats.utc_expressions import gives_utc
from flows.sql import text_in_sql

ZONES = (
    "set variable zones = (select list(name) from pg_timezone_names() where contains(name, '/'))"
)
"""To be executed before SQL of ``utc_in_sql``: the names of zones that mean one zone only."""

_SPELLED = (
    r"^\s*(\d[\d/.-]*[T ]+\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?)"
    r"\s*(UTC|GMT|Z|z)?\s*"
    r"(?:([+-])(?:(\d{2})(\d{2})|(\d{1,2})(?::(\d{2})(?::00)?)?))?"
    r"\s*\[?([A-Za-z_]+/[A-Za-z0-9_/+-]+)?\]?\s*$"
)


def utc_in_sql(kind: str, expression: str, source: str, zone: str | None = None) -> str:
    """SQL that gives naive UTC from an expression of SQL type ``kind``, or null.

    A time, or a date, that says no zone is of ``zone``, an IANA name, else of UTC: where clocks go
    back a time that comes twice is the later one, and one that they leave out is an hour later.
    Offsets reach from -14:00 to +14:00, as +H, +HH, +HHMM or +HH:MM; +518:00 is none. Zones by name
    are those of the IANA database; abbreviations such as IST, which mean several zones, give null.
    Raises ExtractError naming the source where the type is not a time.
    """
    tried = f"try({expression})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{tried} at time zone 'UTC'"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return _from_local(f"cast({tried} as timestamp)", zone)
    if kind == "VARCHAR":
        # a sign after the date is an offset's; without one the plain cast does, which is six times
        # as fast; the other spellings are looked at only where it gives null
        plain = without_zone(tried) if zone else _without_offset(tried)
        return f"""
            coalesce(
                case when {plain} then {_from_local(f"try_cast({tried} as timestamp)", zone)} end,
                {_spelled(tried, zone)}
            )
        """
    raise ExtractError(
        f"{source}: columns.event_time: gives {kind}, not a time. Seconds since 1970: "
        "to_timestamp(x); milliseconds: epoch_ms(x); other text: strptime(x, '%d.%m.%Y %H:%M')."
    )


def zoneless_in_sql(kind: str, expression: str) -> str:
    """SQL that says whether the time of an expression says no zone, as far as one sees at once."""
    if kind == "VARCHAR":
        return f"coalesce({without_zone(f'try({expression})')}, false)"
    is_naive = kind.startswith("TIMESTAMP") or kind == "DATE"
    return "true" if is_naive and "TIME ZONE" not in kind and not gives_utc(expression) else "false"


def without_zone(text: str) -> str:
    """SQL that is true of the text of a time that ends in a digit and has no offset."""
    return f"{_without_offset(text)} and right(rtrim({text}), 1) between '0' and '9'"


def _without_offset(text: str) -> str:
    end = f"substr({text}, 11)"
    return f"not contains({end}, '+') and not contains({end}, '-')"


def _from_local(time: str, zone: str | None) -> str:
    """SQL for naive UTC from that for a naive time of a zone."""
    if zone is None or zone == "UTC":
        return time
    return f"timezone({text_in_sql(zone)}, {time}) at time zone 'UTC'"


def _spelled(text: str, zone: str | None) -> str:
    """DuckDB's own cast takes +27:00 for an offset, and a name in one row for that of others."""
    groups = "['at', 'utc', 'sign', 'hh', 'mm', 'hours', 'minutes', 'zone']"
    told = f"regexp_extract({text}, {text_in_sql(_SPELLED)}, {groups})"
    local = "try_cast(replace(told_time.at, ',', '.') as timestamp)"
    # groups that are not there are ''
    hours = "coalesce(try_cast(told_time.hh as int), try_cast(told_time.hours as int))"
    minutes = "coalesce(try_cast(told_time.mm as int), try_cast(told_time.minutes as int), 0)"
    date = f"try_cast(if(length(trim({text})) <= 10, {text}, null) as timestamp)"
    offset = f"(60 * {hours} + {minutes})"
    return f"""
        list_transform([{told}], lambda told_time:
            case
                when told_time.at = '' or {text} is null then
                    -- a date alone, which has no zone
                    {_from_local(date, zone)}
                when told_time.sign <> '' then
                    if(
                        {minutes} < 60 and {offset} <= 14 * 60,
                        {local} - to_minutes(if(told_time.sign = '-', -1, 1) * {offset}),
                        null
                    )
                when told_time.utc <> '' and told_time.zone = '' then {local}
                when told_time.zone = '' then {_from_local(local, zone)}
                when list_contains(getvariable('zones'), told_time.zone)
                    then timezone(told_time.zone, {local}) at time zone 'UTC'
            end
        )[1]
    """
