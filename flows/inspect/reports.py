"""Tell a store's report from events: its rows are of apps, and none of them is a user's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flows.formats.app_store_analytics import APP_STORE_ANALYTICS
from flows.formats.heads import letters, same_columns
from flows.inspect.guesses import EVENT_NAMES, INSTALL_NAMES
from flows.inspect.looking import Column, Look

_APPS = frozenset(
    letters(name)
    for name in (
        "app", "app_name", "app_title", "application", "application_name", "apple_id",
        "app_apple_id", "apple_identifier", "app_apple_identifier", "adam_id", "bundle_id",
        "package", "package_name", "paketname", "sku", "sku_id", "product_id", "product_title",
        "product_type_identifier", "vendor_number", "subscription_name", "subscription_apple_id",
    )
)  # fmt: skip
"""Names under which stores' reports say which app, or product of one, a row is of."""

_NO_USERS = _APPS | frozenset(
    letters(name)
    for name in (
        *(name for key, names in INSTALL_NAMES.items() if key != "store" for name in names),
        *(name for key, names in EVENT_NAMES.items() if key not in ("user_id", "event_id")
          for name in names),
        "account_number", "app_id", "description", "title", "currency", "price", "amount",
        "quantity", "units", "counts", "impressions", "page_views", "crashes", "rating",
        "app_version_code", "device", "language", "carrier", "file", "file_name", "filename",
    )
)  # fmt: skip
"""Names of columns that are nobody's id."""

_LOADERS = re.compile(
    r"_(fivetran|airbyte|sdc|dlt|modified|loaded|synced|extracted|ingested|inserted)", re.IGNORECASE
)
_FILE_NAME = re.compile(r"\.(csv|tsv|txt|json|ndjson|jsonl|parquet|zip|gz|zst)$", re.IGNORECASE)
_APP_ID = re.compile(r"\d+|[a-zA-Z]\w*(\.\w+)+")


def names_of_apps(look: Look) -> list[str]:
    """The columns that say which app of a store, or which product, a row is of."""
    return [name for name in look.names if letters(name) in _APPS]


def is_a_loaders(column: Column) -> bool:
    """Whether a column says when or how a row was loaded, not what happened."""
    return bool(_LOADERS.match(column.name))


def could_be_users(column: Column) -> bool:
    """Whether a column may hold users' ids: not named otherwise, and no names of files."""
    if column.name.startswith("_") or letters(column.name) in _NO_USERS:
        return False
    return not (column.values and all(map(_FILE_NAME.search, column.values)))


def holds_app_ids(column: Column) -> bool:
    """Whether all values are ids by which stores know apps: numbers, or names of packages."""
    return bool(column.values) and all(map(_APP_ID.fullmatch, column.values))


def loaded_analytics(look: Look) -> Mapping[str, str] | None:
    """The mapping of an analytics report of App Store Connect in a loader's columns, or None.

    Its counts are of several kinds, by the type of the download or by the event.
    """
    names = ("app_id", "date", "download_type", "counts", "event", "territory")
    found = same_columns(names, look.names)
    if not {"app_id", "date", "download_type", "counts"} <= found.keys():
        return None
    by_name = {column.name: column.expression for column in look.columns}
    sql = {name: by_name[column] for name, column in found.items()}
    kinds = (
        ("installs", "uninstalls") if "event" in sql else ("downloads", "redownloads", "updates")
    )
    columns = {"store": "'apple'", "store_app_id": sql["app_id"], "install_date": sql["date"]}
    if "territory" in sql:
        columns["country"] = sql["territory"]
    for kind in kinds:
        columns[kind] = (
            APP_STORE_ANALYTICS.columns[kind]
            .replace("Event is null and ", "")
            .replace("lower(Event)", f"lower({sql.get('event')})")
            .replace('"Download Type"', sql["download_type"])
            .replace("Counts", sql["counts"])
        )
    return columns
