"""RudderStack's object-storage destinations: gzipped NDJSON of calls much like Segment's."""

from __future__ import annotations

from flows.formats.segment import ALIAS_CALL, SEGMENT
from flows.formats.vendor_format import EventFormat

RUDDERSTACK = EventFormat(
    name="rudderstack",
    title="RudderStack object storage",
    types=("ndjson", "json"),
    columns={
        **SEGMENT.columns,
        # the server's, in which the device's clock is corrected, else the device's own
        "event_time": """coalesce("timestamp", "originalTimestamp")""",
    },
    required=frozenset({"type", "messageId", "originalTimestamp"}),
    marks=frozenset({"type", "messageId", "originalTimestamp", "receivedAt", "rudderId"}),
    merges="first",
    link=ALIAS_CALL,
)
