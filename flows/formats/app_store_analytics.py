"""App Store Connect's analytics reports of downloads, of installations and of sessions, as TSV."""

from __future__ import annotations

from flows.formats.vendor_format import VendorFormat


def _downloads(*kinds: str) -> str:
    """Rows of a report of downloads; one of installations names the kind of download as well."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    return f"""case when Event is null and lower("Download Type") in ({words}) then Counts end"""


def _events(kind: str) -> str:
    return f"case when lower(Event) = '{kind}' then Counts end"


APP_STORE_ANALYTICS = VendorFormat(
    name="app_store_analytics",
    title="App Store Connect analytics report",
    types=("csv",),
    delimiter="\t",
    quote="",
    columns={
        "store": "'apple'",
        "store_app_id": '"App Apple Identifier"',
        "install_date": '"Date"',
        "country": "Territory",
        "reported_on": '"Processing Date"',
        "downloads": _downloads("first-time download"),
        "redownloads": _downloads("redownload"),
        "updates": _downloads("auto-update", "manual update", "restore"),
        "installs": _events("install"),
        "uninstalls": _events("delete"),
        "sessions": "Sessions",
    },
    required=frozenset({"App Apple Identifier", "Date"}),
    marks=frozenset({"App Apple Identifier", "Date", "Territory", "Device"}),
)
