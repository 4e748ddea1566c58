"""PostHog's batch export of its events model: JSON lines or Parquet."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

POSTHOG = EventFormat(
    name="posthog",
    title="PostHog batch export",
    types=("ndjson", "parquet"),
    columns={
        "user_id": "person_id",
        "anonymous_id": "distinct_id",
        "event_time": '"timestamp"',
        "event_name": "event",
        "event_id": "uuid",
        "platform": """properties->>'$."$os"'""",
        "country": """properties->>'$."$geoip_country_code"'""",
        "app_version": """properties->>'$."$app_version"'""",
        "channel": "properties->>'$.utm_source'",
        "properties": "properties",
    },
    required=frozenset({"event", "distinct_id", "timestamp"}),
    marks=frozenset({"uuid", "event", "distinct_id", "person_id", "timestamp"}),
    merges="last",
)
