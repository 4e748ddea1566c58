"""Mixpanel's raw export: NDJSON of ``{event, properties}``, times in seconds since 1970."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

_SECONDS = "(properties->>'$.time')::double"

MIXPANEL = EventFormat(
    name="mixpanel",
    title="Mixpanel raw export",
    types=("ndjson",),
    columns={
        "user_id": """coalesce(
            properties->>'$."$user_id"',
            properties->>'$.distinct_id'
        )""",
        # as distinct_id spells it where the user is not known
        "anonymous_id": """'$device:' || (properties->>'$."$device_id"')""",
        # seconds that count the project's local time, which is UTC's in projects since 2023
        "event_time": f"""timezone(
            {{timezone}}, to_timestamp({_SECONDS}) at time zone 'UTC'
        )""",
        "event_name": "event",
        "event_id": """properties->>'$."$insert_id"'""",
        "platform": """properties->>'$."$os"'""",
        "country": "properties->>'$.mp_country_code'",
        "app_version": """properties->>'$."$app_version_string"'""",
        "channel": "properties->>'$.utm_source'",
        "properties": "properties",
    },
    required=frozenset({"event", "properties"}),
    marks=frozenset({"event", "properties"}),
    merges="first",
    takes_timezone=True,
)
