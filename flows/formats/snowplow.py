"""Snowplow's enriched events: tab-separated, without a header, always the same 131 columns."""

from __future__ import annotations

from flows.formats.vendor_format import EventFormat

_NAMES = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id
    name_tracker v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint
    domain_userid domain_sessionidx network_userid geo_country geo_region geo_city geo_zipcode
    geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed
    page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath
    page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath
    refr_urlquery refr_urlfragment refr_medium refr_source refr_term mkt_medium mkt_source
    mkt_term mkt_content mkt_campaign contexts se_category se_action se_label se_property
    se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city
    tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
    pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family
    br_version br_type br_renderengine br_lang br_features_pdf br_features_flash
    br_features_java br_features_director br_features_quicktime br_features_realplayer
    br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth
    br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone dvce_type
    dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height
    tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base
    base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp
    event_vendor event_name event_format event_version event_fingerprint true_tstamp
"""

COLUMNS = tuple(_NAMES.split())
"""The columns of the canonical event model, in their order."""


def _context(schema: str, field: str) -> str:
    """SQL for a field of the first entity of a schema in the column contexts."""
    # a list cannot be tried: an error in it would be the whole extract's
    return f"""case when json_valid(contexts) then list_filter(
        from_json(json_extract(contexts, '$.data'), '["json"]'),
        lambda entity: starts_with(entity->>'$.schema', 'iglu:{schema}/')
    )[1]->>'$.data.{field}' end"""


SNOWPLOW = EventFormat(
    name="snowplow",
    title="Snowplow enriched TSV",
    types=("csv",),
    columns={
        "user_id": "user_id",
        # trackers of apps have the device's user in a context, those of web pages in a cookie
        "anonymous_id": f"""coalesce(
            domain_userid,
            {_context("com.snowplowanalytics.snowplow/client_session", "userId")},
            network_userid
        )""",
        "event_time": "coalesce(derived_tstamp, collector_tstamp)",
        "event_name": """case event
            when 'struct' then concat_ws(': ', se_category, se_action)
            else coalesce(event_name, event)
        end""",
        "event_id": "event_id",
        "platform": "platform",
        "country": "geo_country",
        "app_version": _context("com.snowplowanalytics.mobile/application", "version"),
        "channel": "mkt_source",
        "properties": "json_extract(unstruct_event, '$.data.data')",
    },
    required=frozenset({"collector_tstamp", "event_id"}),
    marks=frozenset(COLUMNS),
    delimiter="\t",
    quote="",
    header=False,
    names=COLUMNS,
    merges="first",
)
