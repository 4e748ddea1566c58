"""App Store Connect's summary sales report: tab-separated, one row per app, country and device."""

from __future__ import annotations

from flows.formats.vendor_format import VendorFormat


def _units(product_types: str) -> str:
    kind = 'trim("Product Type Identifier")'
    return f"case when regexp_full_match({kind}, '{product_types}') then Units end"


APP_STORE_SALES = VendorFormat(
    name="app_store_sales",
    title="App Store Connect summary sales report",
    types=("csv",),
    delimiter="\t",
    quote="",
    columns={
        "store": "'apple'",
        "store_app_id": '"Apple Identifier"',
        # a weekly or monthly report tells nothing of a day
        "install_date": """case when "Begin Date" = "End Date"
            then strptime("Begin Date", '%m/%d/%Y')::date
        end""",
        "country": '"Country Code"',
        "downloads": _units("F?1(F|T|E|EP|EU|-B)?"),
        "redownloads": _units("F?3(F|T)?"),
        "updates": _units("F?7(F|T)?"),
        "in_app_purchases": _units("F?I.*"),
    },
    required=frozenset({"Apple Identifier", "Begin Date", "Product Type Identifier", "Units"}),
    marks=frozenset({"Apple Identifier", "Begin Date", "Product Type Identifier", "Units"}),
)
