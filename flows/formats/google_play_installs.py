"""Google Play's monthly installs report, overview or by country: CSV in UTF-16."""

from __future__ import annotations

from flows.formats.vendor_format import VendorFormat

GOOGLE_PLAY_INSTALLS = VendorFormat(
    name="google_play_installs",
    title="Google Play installs report",
    types=("csv",),
    columns={
        "store": "'google'",
        "store_app_id": '"Package Name"',
        "install_date": '"Date"',
        "country": "Country",
        "downloads": '"Daily User Installs"',
        "installs": '"Daily Device Installs"',
        "updates": '"Daily Device Upgrades"',
        "uninstalls": '"Daily User Uninstalls"',
    },
    required=frozenset({"Package Name", "Date", "Daily User Installs"}),
    breakdowns=frozenset(
        {
            "Device",
            "Language",
            "Carrier",
            "App Version Code",
            "Android OS Version",
            "Tablets",
            "Channel",
        }
    ),
    marks=frozenset({"Package Name", "Date", "Daily User Installs"}),
)
