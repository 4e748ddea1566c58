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
        # an insert_id is a device's own, and so is the running number, which begins again with a
        # new installation
        "event_id": """case
            when "$insert_id" is not null then concat_ws(chr(31), 'insert', device_id, "$insert_id")
            when device_id is not null and event_id is not null
                then concat_ws(chr(31), 'number', device_id, event_id, client_event_time)
        end""",
        "platform": "platform",
        "country": "country",
        "app_version": "version_name",
        "channel": "user_properties->>'$.utm_source'",
        "properties": "event_properties",
    },
    required=frozenset({"event_type", "event_time"}),
    marks=frozenset({"event_type", "event_time", "device_id", "amplitude_id"}),
    merges="first",
    former_event_id="""coalesce("$insert_id", device_id || ':' || event_id)""",
)
