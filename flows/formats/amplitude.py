"""Amplitude's export: zipped, gzipped NDJSON, one object per event, times in UTC without a zone."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

AMPLITUDE = EventFormat(
    name="amplitude",
    title="Amplitude export",
    types=("ndjson",),
    columns={
        "user_id": "user_id",
        "anonymous_id": "device_id",
        "event_time": "event_time",
        "event_name": "event_type",
        "event_id": """coalesce("$insert_id", device_id || ':' || event_id)""",
        "platform": "platform",
        "country": "country",
        "app_version": "version_name",
        "channel": "user_properties->>'$.utm_source'",
        "properties": "event_properties",
    },
    required=frozenset({"event_type", "event_time"}),
    marks=frozenset({"event_type", "event_time", "device_id", "amplitude_id"}),
    merges="first",
)
