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
    r"\s*(UTC|GMT|Z|z)?\s*"
    r"(?:([+-])(?:(\d{2})(\d{2})|(\d{1,2})(?::(\d{2})(?::00)?)?))?"
    r"\s*\[?([A-Za-z_]+/[A-Za-z0-9_/+-]+)?\]?\s*$"
)


def utc_in_sql(kind: str, expression: str, source: str, zone: str | None = None) -> str:
    """SQL that gives naive UTC from an expression of SQL type ``kind``, or null.

    What says no zone is a local time of ``zone``, by default UTC. Where clocks are put back, a
    local time that comes twice is the later one; where they are put forward, one that does not
    exist is later by as much as they are. Offsets reach from -14:00 to +14:00, as +H, +HH, +HHMM or
    +HH:MM; +518:00 is none. Zones by name are
    those of the IANA database; abbreviations such as IST, which mean several zones, give null.
    Raises ExtractError naming the source where the type is not a time.
    """
    tried = f"try({expression})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{tried} at time zone 'UTC'"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return _of_zone(f"cast({tried} as timestamp)", zone)
    if kind == "VARCHAR":
        # a sign after the date is an offset's; without one the plain cast does, which is six times
        # as fast; the other spellings are looked at only where it gives null
        plain = f"{says_no_offset(tried)} and " + (
            # Z and UTC at the end are a zone
            f"{_ends_in_digit(tried)}" if _is_another(zone) else "true"
        )
        return f"""
            coalesce(
                case
                    when {plain} then {_of_zone(f"try_cast({tried} as timestamp)", zone)}
                end,
                {_spelled(tried, zone)}
            )
        """
    raise ExtractError(
        f"{source}: columns.event_time: gives {kind}, not a time. Seconds since 1970: "
        "to_timestamp(x); milliseconds: epoch_ms(x); other text: strptime(x, '%d.%m.%Y %H:%M')."
    )


def says_no_offset(text: str) -> str:
    """SQL that says whether a time as text has no offset by its sign; Z or UTC it may have."""
    end = f"substr({text}, 11)"
    return f"not contains({end}, '+') and not contains({end}, '-')"


def _ends_in_digit(text: str) -> str:
    return f"right(rtrim({text}), 1) between '0' and '9'"


def is_local_in_sql(kind: str, expression: str) -> str:
    """SQL that says whether a time says no zone; ``kind`` is the expression's SQL type."""
    if kind == "VARCHAR":
        tried = f"try({expression})"
        # a zone's name may end in a digit; with a slash it is none of the usual spellings
        named = f"regexp_matches({tried}, '[A-Za-z]{{2}}')"
        return f"{says_no_offset(tried)} and {_ends_in_digit(tried)} and not {named}"
    return "true" if kind == "DATE" or _is_naive(kind) else "false"


def _is_naive(kind: str) -> bool:
    return kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE"


def _is_another(zone: str | None) -> bool:
    return zone not in (None, "UTC")


def _of_zone(local: str, zone: str | None) -> str:
    """SQL for a local time of a zone as naive UTC; of UTC it is the time itself."""
    if zone is None or not _is_another(zone):
        return local
    return f"(timezone({text_in_sql(zone)}, {local}) at time zone 'UTC')"


def _spelled(text: str, zone: str | None) -> str:
    """DuckDB's own cast takes +27:00 for an offset, and a name in one row for that of others."""
    groups = "['at', 'utc', 'sign', 'hh', 'mm', 'hours', 'minutes', 'zone']"
    told = f"regexp_extract({text}, {text_in_sql(_SPELLED)}, {groups})"
    local = "try_cast(replace(told_time.at, ',', '.') as timestamp)"
    # groups that are not there are ''
    hours = "coalesce(try_cast(told_time.hh as int), try_cast(told_time.hours as int))"
    minutes = "coalesce(try_cast(told_time.mm as int), try_cast(told_time.minutes as int), 0)"
    offset = f"(60 * {hours} + {minutes})"
    alone = f"try_cast(if(length(trim({text})) <= 10, {text}, null) as timestamp)"
    return f"""
        list_transform([{told}], lambda told_time:
            case
                when told_time.at = '' or {text} is null then
                    -- a date alone, which has no zone
                    {_of_zone(alone, zone)}
                when told_time.sign <> '' then
                    if(
                        {minutes} < 60 and {offset} <= 14 * 60,
                        {local} - to_minutes(if(told_time.sign = '-', -1, 1) * {offset}),
                        null
                    )
                when told_time.zone = ''
                    then if(told_time.utc = '', {_of_zone(local, zone)}, {local})
                when list_contains(getvariable('zones'), told_time.zone)
                    then timezone(told_time.zone, {local}) at time zone 'UTC'
            end
        )[1]
    """
