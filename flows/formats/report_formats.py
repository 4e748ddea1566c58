"""Every format of the stores' reports by name: installs and reviews."""

from __future__ import annotations

from flows.formats.app_store_analytics import APP_STORE_ANALYTICS
from flows.formats.app_store_sales import APP_STORE_SALES
from flows.formats.google_play_installs import GOOGLE_PLAY_INSTALLS
from flows.formats.itunes_reviews import ITUNES_REVIEWS
from flows.formats.vendor_format import VendorFormat

INSTALL_FORMATS: dict[str, VendorFormat] = {
    form.name: form for form in (APP_STORE_SALES, APP_STORE_ANALYTICS, GOOGLE_PLAY_INSTALLS)
}
REVIEW_FORMATS: dict[str, VendorFormat] = {form.name: form for form in (ITUNES_REVIEWS,)}
