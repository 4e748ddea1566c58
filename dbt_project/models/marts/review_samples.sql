{#- Chinese and Japanese say in half the letters what the others say. -#}
{%- set shortest = 40 -%}
{%- set substantive = 100 -%}
{%- set longest = 400 -%}
{%- set recency_days = 28 -%}
{%- set samples = 3 -%}
with

reviews as (
    select * from {{ ref('int_reviews') }}
    where review_text is not null
),

mentions as (
    select * from {{ ref('int_review_mentions') }}
),

keywords as (
    select * from {{ ref('int_review_keywords') }}
),

last_days as (
    select
        app_id,
        max(reviewed_on) as last_day
    from reviews
    group by app_id
),

mentioning as (
    select
        reviews.*,
        mentions.theme,
        mentions.language,
        case when mentions.language in ('zh', 'ja') then 2 else 1 end as density,
        {{ without_contacts('reviews.review_text') }} as shown_text,
        {{ dbt.datediff('reviews.reviewed_on', 'last_days.last_day', 'day') }} as age_days
    from reviews
    inner join mentions
        on
            reviews.app_id = mentions.app_id
            and reviews.store = mentions.store
            and reviews.review_id = mentions.review_id
    inner join last_days on reviews.app_id = last_days.app_id
),

quoted as (
    select
        *,
        length(shown_text) * density as weight,
        case density
            when 2 then {{ cut_at_word_end('shown_text', longest // 2) }}
            else {{ cut_at_word_end('shown_text', longest) }}
        end as quote
    from mentioning
),

-- What is blanked or cut off must not take with it what the quote is there to show.
telling as (
    select distinct
        quoted.app_id,
        quoted.store,
        quoted.review_id,
        quoted.theme
    from quoted
    inner join keywords
        on
            quoted.app_id = keywords.app_id
            and quoted.store = keywords.store
            and quoted.review_id = keywords.review_id
            and quoted.theme = keywords.theme
    where
        case
            when keywords.language in ('zh', 'ja')
                then {{ occurs_in(plain_letters('keywords.keyword'), plain_letters('quoted.quote')) }}
            else {{ occurs_in(latin_keyword('keywords.keyword'), latin_words('quoted.quote')) }}
        end
),

-- The same words twice are one opinion, or one advertisement.
different as (
    select
        quoted.*,
        row_number() over (
            partition by quoted.app_id, quoted.theme, quoted.quote
            order by quoted.reviewed_at desc, quoted.store asc, quoted.review_id asc
        ) as repetition
    from quoted
    inner join telling
        on
            quoted.app_id = telling.app_id
            and quoted.store = telling.store
            and quoted.review_id = telling.review_id
            and quoted.theme = telling.theme
    where quoted.weight >= {{ shortest }}
),

-- Of the newest four weeks before those of older ones, whole before cut ones, those with something
-- to say before one-liners.
best_first as (
    select
        *,
        row_number() over (
            partition by app_id, theme
            order by
                floor(age_days / {{ recency_days }}) asc,
                case when weight <= {{ longest }} then 0 else 1 end asc,
                case when weight >= {{ substantive }} then 0 else 1 end asc,
                reviewed_at desc,
                store asc,
                review_id asc
        ) as sample_n
    from different
    where repetition = 1
),

final as (
    select
        app_id,
        theme,
        cast(sample_n as {{ dbt.type_int() }}) as sample_n,
        reviewed_on,
        rating,
        storefront,
        app_version,
        language,
        quote
    from best_first
    where sample_n <= {{ samples }}
)

select * from final
