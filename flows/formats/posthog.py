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
        # PostHog's own table keeps one row of these together
        "event_id": """case when uuid is not null then concat_ws(
            chr(31), uuid, distinct_id, event, left("timestamp", 10)
        ) end""",
        "platform": """properties->>'$."$os"'""",
        "country": """properties->>'$."$geoip_country_code"'""",
        "app_version": """properties->>'$."$app_version"'""",
        "channel": "properties->>'$.utm_source'",
        "properties": "properties",
    },
    required=frozenset({"event", "distinct_id", "timestamp"}),
    marks=frozenset({"uuid", "event", "distinct_id", "person_id", "timestamp"}),
    merges="last",
    link="""case
        when event = '$identify' then {
            'ids': [properties->>'$."$anon_distinct_id"'], 'of_id': distinct_id,
            'rule': 'identify'
        }
        when event in ('$create_alias', '$merge_dangerously') then {
            'ids': [properties->>'$.alias'], 'of_id': distinct_id,
            'rule': if(event = '$create_alias', 'alias', 'merge')
        }
    end""",
    # PostHog refuses to merge these as well
    no_links=("distinct_id", "distinctid", "id", "not_authenticated", "email"),
    former_event_id="uuid",
)
