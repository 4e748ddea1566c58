"""The older iTunes feed with genres: ``feed.entry[]``, ``im:`` names, rank is the position."""

from __future__ import annotations

from flows.formats.chart_documents import ChartDocument

ITUNES_RSS = ChartDocument(
    snapshot="""
        select
            part,
            'apple' as store,
            lower(regexp_extract(path, 'itunes[.]apple[.]com/([a-zA-Z]{2})/rss/', 1)) as storefront,
            case kind
                when 'topfreeapplications' then 'top-free'
                when 'toppaidapplications' then 'top-paid'
                when 'topgrossingapplications' then 'top-grossing'
                else nullif(kind, '')
            end as chart,
            coalesce(nullif(regexp_extract(path, '/genre=([0-9]+)', 1), ''), 'all') as genre,
            try_cast(nullif(regexp_extract(path, '/limit=([0-9]+)', 1), '') as integer)
                as requested_limit,
            try_cast(feed->>'$.updated.label' as timestamptz) at time zone 'UTC' as feed_updated_at,
            -- a chart of one app has an object where others have a list
            case json_type(feed, '$.entry')
                when 'OBJECT' then json_array(feed->'$.entry')
                else feed->'$.entry'
            end as entries,
            path as feed_url,
        from (
            select part, feed, path, regexp_extract(path, '/rss/([a-z]+)', 1) as kind
            from (
                select part, document->'$.feed' as feed, document->>'$.feed.id.label' as path
                from payload
            )
        )
    """,
    entry={
        "store_app_id": """entry->'id'->'attributes'->>'im:id'""",
        "app_name": """entry->'im:name'->>'label'""",
        "publisher": """entry->'im:artist'->>'label'""",
        "url": """entry->'id'->>'label'""",
    },
)
