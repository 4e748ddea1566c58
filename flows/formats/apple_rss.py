"""Apple's marketing-tools feed, versions 1 and 2: ``feed.results[]``, rank is the position.

Version 2 is at /api/v2/us/apps/top-free/50/apps.json. Version 1 was at
/api/v1/us/ios-apps/top-free/all/50/explicit.json until 2021; its genre is all, all-apps or one such
as games. Charts of other media than iOS apps are not read.
"""

from __future__ import annotations

from flows.formats.chart_documents import ChartDocument

APPLE_RSS = ChartDocument(
    snapshot="""
        select
            part,
            'apple' as store,
            lower(coalesce(feed->>'$.country', regexp_extract(path, '/api/v[12]/([a-z]{2})/', 1)))
                as storefront,
            coalesce(
                nullif(regexp_extract(path, '/apps/([a-z-]+)/[0-9]+/apps[.]json', 1), ''),
                nullif(first_version.chart, '')
            ) as chart,
            case
                when first_version.genre in ('', 'all', 'all-apps') then 'all'
                else first_version.genre
            end as genre,
            try_cast(
                coalesce(
                    nullif(regexp_extract(path, '/apps/[a-z-]+/([0-9]+)/apps[.]json', 1), ''),
                    nullif(first_version.requested, '')
                ) as integer
            ) as requested_limit,
            coalesce(
                try_strptime(feed->>'$.updated', '%a, %d %b %Y %H:%M:%S %z'),
                try_cast(feed->>'$.updated' as timestamptz)
            ) at time zone 'UTC' as feed_updated_at,
            feed->'$.results' as entries,
            path as feed_url,
        from (
            select
                part,
                document->'$.feed' as feed,
                document->>'$.feed.id' as path,
                regexp_extract(
                    path,
                    '/api/v1/[a-z]{2}/ios-apps/([a-z-]+)/([a-z0-9-]+)/([0-9]+)/',
                    ['chart', 'genre', 'requested']
                ) as first_version,
            from payload
        )
    """,
    entry={
        "store_app_id": "entry->>'$.id'",
        "app_name": "entry->>'$.name'",
        "publisher": "entry->>'$.artistName'",
        "url": "entry->>'$.url'",
    },
)
