{%- set grain = ['store', 'storefront', 'chart', 'genre', 'store_app_id'] -%}
{%- set depths = [10, 25, 50, 100] -%}
with

ranks_daily as (
    select * from {{ ref('fct_app_ranks_daily') }}
),

day_counts as (
    select
        {{ grain | join(',\n        ') }},
        max(app_id) as app_id,
        max(app_name) as app_name,
        min(case when best_rank is not null then rank_date end) as first_ranked_date,
        max(case when best_rank is not null then rank_date end) as last_ranked_date,
        sum(case when state = 'ranked' then 1 else 0 end) as days_ranked,
        sum(case when state = 'off_chart' then 1 else 0 end) as days_off_chart,
        sum(case when state = 'not_fetched' then 1 else 0 end) as days_not_fetched,
        {% for depth in depths %}
        sum(case when rank <= {{ depth }} then 1 else 0 end) as days_top_{{ depth }},
        {% endfor %}
        max(depth) as max_depth
    from ranks_daily
    group by {{ grain | join(', ') }}
),

peaks as (
    select
        {{ grain | join(',\n        ') }},
        best_rank as peak_rank,
        rank_date as peak_date,
        row_number() over (
            partition by {{ grain | join(', ') }}
            order by best_rank asc, rank_date asc
        ) as precedence
    from ranks_daily
    where best_rank is not null
),

latest as (
    select
        {{ grain | join(',\n        ') }},
        state as latest_state,
        rank as latest_rank,
        rank_date as latest_date,
        row_number() over (
            partition by {{ grain | join(', ') }}
            order by rank_date desc
        ) as recency
    from ranks_daily
    where state <> 'not_fetched'
),

final as (
    select
        {% for column in grain %}
        day_counts.{{ column }},
        {% endfor %}
        day_counts.app_id,
        day_counts.app_name,
        peaks.peak_rank,
        peaks.peak_date,
        day_counts.first_ranked_date,
        day_counts.last_ranked_date,
        coalesce(latest.latest_state, 'not_fetched') as latest_state,
        latest.latest_rank,
        latest.latest_date,
        cast(day_counts.days_ranked as {{ dbt.type_bigint() }}) as days_ranked,
        cast(day_counts.days_off_chart as {{ dbt.type_bigint() }}) as days_off_chart,
        cast(day_counts.days_not_fetched as {{ dbt.type_bigint() }}) as days_not_fetched,
        {% for depth in depths %}
        cast(day_counts.days_top_{{ depth }} as {{ dbt.type_bigint() }}) as days_top_{{ depth }},
        {% endfor %}
        day_counts.max_depth
    from day_counts
    left join peaks
        on
            {% for column in grain %}
            day_counts.{{ column }} = peaks.{{ column }}
            and
            {% endfor %}
            peaks.precedence = 1
    left join latest
        on
            {% for column in grain %}
            day_counts.{{ column }} = latest.{{ column }}
            and
            {% endfor %}
            latest.recency = 1
)

select * from final
