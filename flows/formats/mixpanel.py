"""Mixpanel's raw export: NDJSON of ``{event, properties}``, times in seconds since 1970."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

# merging users changes distinct_id in later exports of the same event, this one stays
_DISTINCT_ID = """coalesce(
    properties->>'$."$distinct_id_before_identity"', properties->>'$.distinct_id'
)"""
_INSERT_ID = """properties->>'$."$insert_id"'"""
_SECONDS = "(properties->>'$.time')::double"

MIXPANEL = EventFormat(
    name="mixpanel",
    title="Mixpanel raw export",
    types=("ndjson",),
    columns={
        "user_id": """coalesce(
            properties->>'$."$user_id"',
            properties->>'$.distinct_id',
            case when event in ('$identify', '$merge') then coalesce(
                properties->>'$."$identified_id"', properties->>'$."$distinct_ids"[0]'
            ) end
        )""",
        # as distinct_id spells it where the user is not known
        "anonymous_id": """'$device:' || (properties->>'$."$device_id"')""",
        # seconds that count the project's local time, which is UTC's in projects since 2023
        "event_time": f"""timezone(
            {{timezone}}, to_timestamp({_SECONDS}) at time zone 'UTC'
        )""",
        "event_name": "event",
        # an $insert_id tells repeats of one event apart, not events of several users
        "event_id": f"""case when {_INSERT_ID} is not null then concat_ws(
            chr(31), {_INSERT_ID}, {_DISTINCT_ID}, event, properties->>'$.time'
        ) end""",
        "platform": """properties->>'$."$os"'""",
        "country": "properties->>'$.mp_country_code'",
        "app_version": """properties->>'$."$app_version_string"'""",
        "channel": "properties->>'$.utm_source'",
        "properties": "properties",
    },
    required=frozenset({"event", "properties"}),
    marks=frozenset({"event", "properties"}),
    merges="first",
    # the web library spells the anonymous id of $identify differently from the API
    link="""case
        when event = '$identify' then {
            'ids': [coalesce(
                properties->>'$."$anon_id"', properties->>'$."$anon_distinct_id"'
            )],
            'of_id': coalesce(
                properties->>'$."$identified_id"',
                properties->>'$."$user_id"',
                properties->>'$.distinct_id'
            ),
            'rule': 'identify'
        }
        when event = '$create_alias' then {
            'ids': [properties->>'$.alias'], 'of_id': properties->>'$.distinct_id',
            'rule': 'alias'
        }
        when event = '$merge' then {
            'ids': from_json(properties->'$."$distinct_ids"', '["VARCHAR"]'),
            'of_id': properties->>'$."$distinct_ids"[0]',
            'rule': 'merge'
        }
    end""",
    takes_timezone=True,
    id_prefix="$device:",
    former_event_id=_INSERT_ID,
    former_user_id="""properties->>'$."$distinct_id_before_identity"'""",
)
