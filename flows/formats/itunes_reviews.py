"""The App Store's customer reviews feed: ``feed.entry[]``, or one entry as an object."""

from __future__ import annotations

from flows.formats.vendor_format import VendorFormat

ITUNES_REVIEWS = VendorFormat(
    name="itunes_reviews",
    title="App Store customer reviews feed",
    types=("json",),
    records="$.feed.entry",
    columns={
        "store": "'apple'",
        # the feed names the app only in each review's own address
        "store_app_id": """coalesce(
            nullif(regexp_extract(link::varchar, 'review[?]id=([0-9]+)', 1), ''),
            nullif(regexp_extract(document::varchar, '/id=([0-9]+)/', 1), '')
        )""",
        "storefront": """coalesce(
            nullif(regexp_extract(author->>'$.uri.label', 'apple[.]com/([a-z]{2})/reviews', 1), ''),
            nullif(regexp_extract(link::varchar, 'itunes[.]apple[.]com/([a-z]{2})/', 1), '')
        )""",
        "review_id": "id->>'$.label'",
        "rating": """"im:rating"->>'$.label'""",
        "app_version": """"im:version"->>'$.label'""",
        "title": "title->>'$.label'",
        "body": "content->>'$.label'",
        "author": "coalesce(author->>'$.uri.label', author->>'$.name.label')",
        "reviewed_at": "updated->>'$.label'",
    },
    required=frozenset({"id"}),
    marks=frozenset({"id", "im:rating", "author"}),
)
