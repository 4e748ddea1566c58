"""Segment's archive in S3: gzipped NDJSON of track, screen, page, identify, group and alias."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

ALIAS_CALL = """case
    when "type" = 'alias' then {
        'ids': ["previousId"], 'of_id': coalesce("userId", "anonymousId"), 'rule': 'first'
    }
end"""

SEGMENT = EventFormat(
    name="segment",
    title="Segment S3 archive",
    types=("ndjson", "json"),
    columns={
        "user_id": '"userId"',
        # an alias call may have no other id of a device than the one that it replaces
        "anonymous_id": """coalesce("anonymousId", if("type" = 'alias', "previousId", null))""",
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
    # alias says which earlier id a user had
    link=ALIAS_CALL,
)
