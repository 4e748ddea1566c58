with

reviews as (
    select * from {{ ref('int_reviews') }}
),

themes as (
    select * from {{ ref('review_themes') }}
),

searched as (
    select
        app_id,
        store,
        review_id,
        {{ latin_words('review_text') }} as words,
        {{ plain_letters('review_text') }} as letters
    from reviews
    where review_text is not null
),

-- Chinese and Japanese are written without spaces: their keywords are found anywhere in a text.
keywords as (
    select
        theme,
        language,
        keyword,
        case when language not in ('zh', 'ja') then {{ latin_keyword('keyword') }} end as words,
        case when language in ('zh', 'ja') then {{ plain_letters('keyword') }} end as letters
    from themes
),

final as (
    select
        searched.app_id,
        searched.store,
        searched.review_id,
        keywords.theme,
        keywords.language,
        keywords.keyword
    from searched
    inner join keywords on {{ occurs_in('keywords.words', 'searched.words') }}
    where keywords.words is not null
    union all
    select
        searched.app_id,
        searched.store,
        searched.review_id,
        keywords.theme,
        keywords.language,
        keywords.keyword
    from searched
    inner join keywords on {{ occurs_in('keywords.letters', 'searched.letters') }}
    where keywords.letters is not null
)

select * from final
