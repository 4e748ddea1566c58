{%- set grain = ['store', 'storefront', 'chart', 'genre', 'store_app_id'] -%}
with

ranks as (
    select * from {{ ref('int_chart_ranks_daily') }}
),

by_rank as (
    select
        {{ grain | join(',\n        ') }},
        best_rank,
        rank_date,
        min(rank_date) over (partition by {{ grain | join(', ') }}) as first_ranked_date,
        max(rank_date) over (partition by {{ grain | join(', ') }}) as last_ranked_date,
        row_number() over (
            partition by {{ grain | join(', ') }}
            order by best_rank asc, rank_date asc
        ) as precedence
    from ranks
),

final as (
    select
        {{ grain | join(',\n        ') }},
        best_rank as peak_rank,
        rank_date as peak_date,
        first_ranked_date,
        last_ranked_date
    from by_rank
    where precedence = 1
)

select * from final
