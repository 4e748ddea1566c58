"""Turn a mapped time, however its zone is spelled, into naive UTC in SQL."""

from __future__ import annotations

from flows.errors import ExtractError
from flows.sql import text_in_sql

ZONES = (
    "set variable zones = (select list(name) from pg_timezone_names() where contains(name, '/'))"
)
"""To be executed before SQL of ``utc_in_sql``: the names of zones that mean one zone only."""

_SPELLED = (
    r"^\s*(\d[\d/.-]*[T ]+\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?)"
    r"\s*(?:UTC|GMT|Z|z)?\s*"
    r"(?:([+-])(?:(\d{2})(\d{2})|(\d{1,2})(?::(\d{2})(?::00)?)?))?"
    r"\s*\[?([A-Za-z_]+/[A-Za-z0-9_/+-]+)?\]?\s*$"
)


def utc_in_sql(kind: str, expression: str, source: str) -> str:
    """SQL that gives naive UTC from an expression of SQL type ``kind``, or null.

    Text without a zone is taken as UTC. Offsets reach from -14:00 to +14:00, as +H, +HH, +HHMM or
    +HH:MM; +518:00 is none. Zones by name are
    those of the IANA database; abbreviations such as IST, which mean several zones, give null.
    Raises ExtractError naming the source where the type is not a time.
    """
    tried = f"try({expression})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{tried} at time zone 'UTC'"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"cast({tried} as timestamp)"
    if kind == "VARCHAR":
        # a sign after the date is an offset's; without one the plain cast does, which is six times
        # as fast; the other spellings are looked at only where it gives null
        end = f"substr({tried}, 11)"
        return f"""
            coalesce(
                case
                    when not contains({end}, '+') and not contains({end}, '-')
                        then try_cast({tried} as timestamp)
                end,
                {_spelled(tried)}
            )
        """
    raise ExtractError(
        f"{source}: columns.event_time: gives {kind}, not a time. Seconds since 1970: "
        "to_timestamp(x); milliseconds: epoch_ms(x); other text: strptime(x, '%d.%m.%Y %H:%M')."
    )


def _spelled(text: str) -> str:
    """DuckDB's own cast takes +27:00 for an offset, and a name in one row for that of others."""
    groups = "['at', 'sign', 'hh', 'mm', 'hours', 'minutes', 'zone']"
    told = f"regexp_extract({text}, {text_in_sql(_SPELLED)}, {groups})"
    local = "try_cast(replace(told_time.at, ',', '.') as timestamp)"
    # groups that are not there are ''
    hours = "coalesce(try_cast(told_time.hh as int), try_cast(told_time.hours as int))"
    minutes = "coalesce(try_cast(told_time.mm as int), try_cast(told_time.minutes as int), 0)"
    offset = f"(60 * {hours} + {minutes})"
    return f"""
        list_transform([{told}], lambda told_time:
            case
                when told_time.at = '' or {text} is null then
                    -- a date alone, which has no zone
                    try_cast(if(length(trim({text})) <= 10, {text}, null) as timestamp)
                when told_time.sign <> '' then
                    if(
                        {minutes} < 60 and {offset} <= 14 * 60,
                        {local} - to_minutes(if(told_time.sign = '-', -1, 1) * {offset}),
                        null
                    )
                when told_time.zone = '' then {local}
                when list_contains(getvariable('zones'), told_time.zone)
                    then timezone(told_time.zone, {local}) at time zone 'UTC'
            end
        )[1]
    """
