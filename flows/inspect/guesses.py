"""Guess from names and values what the columns of an unknown export mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

import duckdb

from flows.land.times import ZONES, utc_in_sql
from flows.sql import name_in_sql, text_in_sql

EVENT_NAMES: Mapping[str, Sequence[str]] = {
    "user_id": (
        "user_id", "userid", "user", "uid", "customer_id", "customerid", "customer", "member_id",
        "account_id", "player_id", "distinct_id", "visitor_id", "client_id", "anonymous_id",
        "device_id", "who", "person", "sender", "src", "source_user", "from_user", "author",
    ),
    "event_time": (
        "event_time", "event_timestamp", "eventtime", "timestamp", "occurred_at", "datetime", "ts",
        "time", "event_date", "created_at", "at", "when", "date", "day",
    ),
    "event_name": (
        "event_name", "eventname", "event", "event_type", "action", "activity", "what", "name",
        "type",
    ),
    "event_id": ("event_id", "eventid", "insert_id", "message_id", "uuid", "id"),
    "platform": ("platform", "os", "os_name", "device_os"),
    "country": ("country", "country_code", "geo_country"),
    "app_version": ("app_version", "version"),
    "channel": ("channel", "utm_source", "media_source", "campaign_source", "campaign"),
}  # fmt: skip
"""Names under which exports carry a canonical column, the likeliest first."""

CHART_NAMES: Mapping[str, Sequence[str]] = {
    "rank": ("rank", "position", "ranking"),
    "store_app_id": (
        "store_app_id", "app_id", "appid", "track_id", "trackid", "adam_id", "bundle_id",
        "package_name", "package", "id",
    ),
    "storefront": ("storefront", "country", "country_code", "cc", "region", "market"),
    "store": ("store", "platform"),
    "chart": (
        "chart", "chart_type", "chart_name", "chart_kind", "collection", "collection_type", "list",
        "list_type", "feed", "feed_type", "ranking_type", "rank_type",
    ),
    "snapshot_at": (
        "snapshot_at", "captured_at", "fetched_at", "generated_at", "generatedat", "crawled_at",
        "timestamp", "date", "day", "updated",
    ),
    "app_name": ("app_name", "title", "name"),
    "publisher": ("publisher", "developer", "artist_name", "seller"),
    "url": ("url", "link"),
}  # fmt: skip

INSTALL_NAMES: Mapping[str, Sequence[str]] = {
    "store_app_id": (
        "store_app_id", "app_apple_identifier", "apple_identifier", "apple_id", "adam_id",
        "package_name", "package", "paketname", "bundle_id", "app_id", "app",
    ),
    "install_date": (
        "install_date", "date", "day", "date_day", "report_date", "begin_date", "datum", "tag",
    ),
    "country": (
        "country", "country_code", "country_region", "territory", "storefront", "land",
    ),
    "reported_on": ("reported_on", "processing_date", "report_processing_date"),
    "downloads": ("downloads", "first_time_downloads", "daily_user_installs"),
    "redownloads": ("redownloads",),
    "updates": ("updates", "daily_device_upgrades", "update_events"),
    "installs": (
        "installs", "installations", "daily_device_installs", "install_events", "installationen",
    ),
    "uninstalls": (
        "uninstalls", "deletions", "daily_user_uninstalls", "uninstall_events",
        "deinstallationen",
    ),
    "sessions": ("sessions", "sitzungen"),
}  # fmt: skip
"""The same for a store's report."""

_TIME_FORMATS = (
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%SZ",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %I:%M %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%d-%b-%Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y",
    "%b %d, %Y %I:%M:%S %p",
    "%a, %d %b %Y %H:%M:%S %z",
)

_EPOCHS = (
    (8.0e8, 4.1e9, "to_timestamp({})"),
    (8.0e11, 4.1e12, "epoch_ms({}::bigint)"),
    (8.0e14, 4.1e15, "make_timestamp({}::bigint)"),
    (8.0e17, 4.1e18, "make_timestamp_ns({}::bigint)"),
)


def matching(names: Mapping[str, Sequence[str]], columns: Iterable[str]) -> dict[str, str]:
    """The column of an export that is likeliest to be each canonical one; each is used once."""
    by_key = {_key(column): column for column in reversed(list(columns))}
    taken: dict[str, str] = {}
    for canonical, candidates in names.items():
        for candidate in candidates:
            column = by_key.get(_key(candidate))
            if column is not None and column not in taken.values():
                taken[canonical] = column
                break
    return taken


def time_expression(values: Sequence[str], column: str) -> str | None:
    """SQL that reads a time from a column (an SQL expression for its text), or None.

    Nearly all of the ``values`` must make sense.
    """
    told = [value.strip() for value in values if value and value.strip()]
    if not told:
        return None
    # blanks around them, which strptime does not take
    text = column if told == [v for v in values if v] else f"trim({column}::varchar)"
    if all(re.fullmatch(r"\d{8}", value) for value in told):
        return _strptime(told, text)
    numbers = [float(v) for v in told if re.fullmatch(r"\d{9,19}(\.\d+)?", v)]
    if len(numbers) >= 0.9 * len(told):
        for low, high, expression in _EPOCHS:
            if sum(low <= number <= high for number in numbers) >= 0.9 * len(numbers):
                return expression.format(column)
        return None
    row = (
        _engine()
        .execute(
            f"select count({utc_in_sql('VARCHAR', 'told', 'sample')}) "
            "from (select unnest(?::varchar[]) as told)",
            [told],
        )
        .fetchone()
    )
    if row and row[0] >= 0.9 * len(told):
        return column
    return _strptime(told, text)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """An engine that reads times, kept: starting one for each column takes longer than all else."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    con.execute(ZONES)
    return con


def _strptime(values: Sequence[str], column: str) -> str | None:
    """The format that reads most values; of those that read as many the narrowest, then the first.

    03/02/2026 is a day of February or of March: an export's days are rather close to each other.
    """
    read = [(form, _times(values, form)) for form in _TIME_FORMATS]
    fitting = [(form, times) for form, times in read if len(times) >= 0.9 * len(values)]
    if not fitting:
        return None
    form, _ = min(fitting, key=lambda one: (-len(one[1]), max(one[1]) - min(one[1])))
    return f"strptime({column}::varchar, {text_in_sql(form)})"


def other_order_of_days(values: Sequence[str], expression: str) -> str | None:
    """What is to be checked where days and months could be the other way round, or None.

    ``expression`` is what ``time_expression`` gave for the ``values``.
    """
    told = [value.strip() for value in values if value and value.strip()]
    for first, second in (("%d/%m/", "%m/%d/"), ("%m/%d/", "%d/%m/")):
        form = next(
            (f for f in _TIME_FORMATS if f.startswith(first) and f"'{f}'" in expression), ""
        )
        swapped = form.replace(first, second)
        if form and len(_times(told, swapped)) >= len(_times(told, form)):
            return (
                f"Times such as {told[0]} are read as {_in_words(form)}, but all of them could be "
                f"{_in_words(swapped)} as well: check columns, and write {swapped} if they are."
            )
    return None


def _in_words(form: str) -> str:
    return "day/month/year" if form.startswith("%d") else "month/day/year"


def _times(values: Sequence[str], form: str) -> list[datetime]:
    return [time for value in values if (time := _time(value, form)) is not None]


def _time(value: str, form: str) -> datetime | None:
    try:
        time = datetime.strptime(value, form).replace(tzinfo=None)
    except ValueError:
        return None
    return time if 1990 <= time.year <= 2100 else None


def in_sql(column: str) -> str:
    """A column's name as a mapping speaks of it."""
    return column if re.fullmatch(r"[A-Za-z_]\w*", column) else name_in_sql(column)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
