{#- Of the climbs and of the falls of a day, as many are kept. Entries and exits are kept all. -#}
{%- set kept = 10 -%}
with

ranks_daily as (
    select * from {{ ref('fct_app_ranks_daily') }}
),

moves as (
    select
        store,
        storefront,
        chart,
        genre,
        rank_date,
        store_app_id,
        app_id,
        app_name,
        movement,
        previous_rank_date,
        previous_rank,
        rank,
        rank_change,
        cast(previous_rank as double) / rank as rank_ratio
    from ranks_daily
    where movement in ('entered', 'left', 'up', 'down')
),

-- By the ratio of the ranks, as from 10 to 5 is as far as from 100 to 50. Of equal ones the one nearer
-- to the top comes first; no two apps share a rank in a day's last snapshot.
ordered as (
    select
        *,
        row_number() over (
            partition by store, storefront, chart, genre, rank_date, movement
            order by
                case when movement = 'up' then 0 - rank_ratio else rank_ratio end asc,
                coalesce(rank, previous_rank) asc,
                store_app_id asc
        ) as place
    from moves
),

final as (
    select
        store,
        storefront,
        chart,
        genre,
        rank_date,
        store_app_id,
        app_id,
        app_name,
        movement,
        cast(place as {{ dbt.type_int() }}) as place,
        previous_rank_date,
        previous_rank,
        rank,
        rank_change,
        rank_ratio
    from ordered
    where movement in ('entered', 'left') or place <= {{ kept }}
)

select * from final
