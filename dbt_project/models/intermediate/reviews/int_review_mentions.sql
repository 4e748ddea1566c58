with

found as (
    select * from {{ ref('int_review_keywords') }}
),

by_language as (
    select
        app_id,
        store,
        review_id,
        language,
        count(*) as keywords
    from found
    group by app_id, store, review_id, language
),

-- English words are used in every language, so that among equals the other language goes first.
most_first as (
    select
        app_id,
        store,
        review_id,
        language,
        row_number() over (
            partition by app_id, store, review_id
            order by
                keywords desc,
                case when language = 'en' then 1 else 0 end asc,
                language asc
        ) as precedence
    from by_language
),

themes as (
    select distinct
        app_id,
        store,
        review_id,
        theme
    from found
),

final as (
    select
        themes.app_id,
        themes.store,
        themes.review_id,
        themes.theme,
        most_first.language
    from themes
    inner join most_first
        on
            themes.app_id = most_first.app_id
            and themes.store = most_first.store
            and themes.review_id = most_first.review_id
            and most_first.precedence = 1
)

select * from final
