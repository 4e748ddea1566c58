"""Google Analytics 4 and Firebase, by way of their BigQuery export: NDJSON or Parquet."""

from __future__ import annotations

import re

from flows.formats.vendor_format import EventFormat

_PARAMETERS = (
    '[{"key": "VARCHAR", "value": {"string_value": "VARCHAR", "int_value": "VARCHAR", '
    '"float_value": "VARCHAR", "double_value": "VARCHAR"}}]'
)

GA4 = EventFormat(
    name="ga4",
    title="GA4 / Firebase BigQuery export",
    types=("ndjson", "parquet"),
    columns={
        "user_id": "user_id",
        "anonymous_id": "user_pseudo_id",
        "event_time": "make_timestamp(event_timestamp::bigint)",
        "event_name": "event_name",
        "platform": "platform",
        "country": "geo->>'$.country'",
        "app_version": "app_info->>'$.version'",
        "channel": "traffic_source->>'$.source'",
        # [{key, value: {one of four types}}] as one object; numbers stay numbers
        "properties": f"""case
            -- a list cannot be tried: an error in it would be the whole extract's
            when json_valid(event_params) and json_type(event_params) = 'ARRAY'
                then '{{' || array_to_string(
                    list_transform(
                        from_json(event_params, '{_PARAMETERS}'),
                        lambda parameter: to_json(parameter.key) || ':' || coalesce(
                            to_json(parameter.value.string_value)::varchar,
                            parameter.value.int_value,
                            parameter.value.double_value,
                            parameter.value.float_value,
                            'null'
                        )
                    ),
                    ','
                ) || '}}'
        end""",
    },
    required=frozenset({"event_timestamp", "event_name", "user_pseudo_id"}),
    marks=frozenset({"event_timestamp", "event_name", "user_pseudo_id", "event_params"}),
    merges="first",
    # together they number a user's events; an intraday table may not have them yet, so that they
    # cannot be part of what an event is known by
    content_order="""case
        when batch_page_id is not null and batch_ordering_id is not null
            and batch_event_index is not null
            then concat_ws('.', batch_page_id, batch_ordering_id, batch_event_index)
    end""",
    replaces_same_path=True,
    tables=re.compile(
        r"(?:.*?(?P<dataset>analytics_\d+))?"
        r".*events_(?:(?P<stage>intraday|fresh)_)?(?P<day>\d{4}-?\d{2}-?\d{2})(?!\d)"
    ),
    stages=("intraday", "fresh", ""),
)
