with

reviews as (
    select * from {{ ref('stg_reviews') }}
),

store_ids as (
    select * from {{ ref('stg_app_store_ids') }}
),

tracked as (
    select
        store_ids.app_id,
        reviews.source,
        reviews.store,
        reviews.review_id,
        reviews.storefront,
        reviews.rating,
        reviews.app_version,
        reviews.reviewed_at,
        {{ reporting_day('reviews.reviewed_at') }} as reviewed_on,
        {{ on_one_line('reviews.title') }} as title,
        {{ on_one_line('reviews.body') }} as body
    from reviews
    inner join store_ids
        on
            reviews.store = store_ids.store
            and reviews.store_app_id = store_ids.store_app_id
),

-- Some stores make the title of the text's first words: said twice, it would be quoted twice.
final as (
    select
        app_id,
        source,
        store,
        review_id,
        storefront,
        rating,
        app_version,
        reviewed_at,
        reviewed_on,
        case
            when body is null then title
            when title is null or left(body, length(title)) = title then body
            when right(title, 1) in ('.', '!', '?', '…', '。', '！', '？') then title || ' ' || body
            else title || ': ' || body
        end as review_text
    from tracked
)

select * from final
