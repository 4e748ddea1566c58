"""Every vendor's event format by name."""

from __future__ import annotations

from flows.formats.amplitude import AMPLITUDE
from flows.formats.ga4 import GA4
from flows.formats.mixpanel import MIXPANEL
from flows.formats.posthog import POSTHOG
from flows.formats.rudderstack import RUDDERSTACK
from flows.formats.segment import SEGMENT
from flows.formats.snowplow import SNOWPLOW
from flows.formats.vendor_format import EventFormat

EVENT_FORMATS: dict[str, EventFormat] = {
    form.name: form for form in (AMPLITUDE, MIXPANEL, GA4, POSTHOG, SEGMENT, RUDDERSTACK, SNOWPLOW)
}
