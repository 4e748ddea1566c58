with

app_reviews as (
    select * from {{ source('raw', 'app_reviews') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

visible as (
    select app_reviews.*
    from app_reviews
    inner join extracts
        on
            app_reviews.extract_id = extracts.extract_id
            and extracts.is_visible
),

-- Users edit their reviews, and the store then gives them a new time: the last version holds.
newest_first as (
    select
        *,
        row_number() over (
            partition by store, store_app_id, review_id
            order by reviewed_at desc, landed_at desc, extract_id asc
        ) as version
    from visible
),

final as (
    select
        source,
        store,
        store_app_id,
        review_id,
        storefront,
        rating,
        app_version,
        {{ composed('title') }} as title,
        {{ composed('body') }} as body,
        reviewed_at
    from newest_first
    where version = 1
)

select * from final
