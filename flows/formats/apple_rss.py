"""Apple's marketing-tools feed, version 2: ``feed.results[]``, rank is the position."""

from __future__ import annotations

from flows.formats.chart_documents import ChartDocument

APPLE_RSS = ChartDocument(
    snapshot="""
        select
            part,
            'apple' as store,
            lower(coalesce(feed->>'$.country', regexp_extract(path, '/api/v2/([a-z]{2})/', 1)))
                as storefront,
            nullif(regexp_extract(path, '/apps/([a-z-]+)/[0-9]+/apps[.]json', 1), '') as chart,
            'all' as genre,
            try_cast(regexp_extract(path, '/apps/[a-z-]+/([0-9]+)/apps[.]json', 1) as integer)
                as requested_limit,
            try_strptime(feed->>'$.updated', '%a, %d %b %Y %H:%M:%S %z') at time zone 'UTC'
                as feed_updated_at,
            feed->'$.results' as entries,
            path as feed_url,
        from (
            select part, document->'$.feed' as feed, document->>'$.feed.id' as path from payload
        )
    """,
    entry={
        "store_app_id": "entry->>'$.id'",
        "app_name": "entry->>'$.name'",
        "publisher": "entry->>'$.artistName'",
        "url": "entry->>'$.url'",
    },
)
