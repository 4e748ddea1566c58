"""Segment's archive in S3: gzipped NDJSON of track, screen, page, identify, group and alias."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

SEGMENT = EventFormat(
    name="segment",
    title="Segment S3 archive",
    types=("ndjson", "json"),
    columns={
        "user_id": '"userId"',
        # alias says which earlier id a user had
        "anonymous_id": """if("type" = 'alias', "previousId", "anonymousId")""",
        "event_time": '"timestamp"',
        "event_name": """case
            when "type" = 'track' then event
            when "type" in ('screen', 'page') then concat_ws(': ', "type", name)
            else "type"
        end""",
        "event_id": '"messageId"',
        "platform": "coalesce(context->>'$.device.type', context->>'$.os.name')",
        "country": "context->>'$.location.country'",
        "app_version": "context->>'$.app.version'",
        "channel": "context->>'$.campaign.source'",
        "properties": "coalesce(properties, traits)",
    },
    required=frozenset({"type", "messageId", "timestamp"}),
    marks=frozenset({"type", "messageId", "timestamp", "receivedAt"}),
    merges="first",
)
