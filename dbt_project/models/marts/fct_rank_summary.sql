{%- set grain = ['store', 'storefront', 'chart', 'genre', 'store_app_id'] -%}
{%- set depths = [10, 25, 50, 100] -%}
{#- Of those that passed an app since its peak, as many are named in its story. -#}
{%- set named = 3 -%}
with

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
),

ranks_daily as (
    select * from {{ ref('fct_app_ranks_daily') }}
),

peaks as (
    select * from {{ ref('int_rank_peaks') }}
),

half_lives as (
    select * from {{ ref('int_rank_half_lives') }}
),

decays as (
    select * from {{ source('outlook', 'rank_decays') }}
),

company as (
    select * from {{ ref('fct_rank_company') }}
),

-- Rounded, as the order in which an engine adds up is not given.
day_counts as (
    select
        {{ grain | join(',\n        ') }},
        sum(case when state = 'ranked' then 1 else 0 end) as days_ranked,
        sum(case when state = 'off_chart' then 1 else 0 end) as days_off_chart,
        sum(case when state = 'not_fetched' then 1 else 0 end) as days_not_fetched,
        {% for depth in depths %}
        sum(case when rank <= {{ depth }} then 1 else 0 end) as days_top_{{ depth }},
        {% endfor %}
        max(depth) as max_depth,
        round(stddev_samp(ln(cast(rank as double) / previous_rank)), 6) as volatility
    from ranks_daily
    group by {{ grain | join(', ') }}
),

latest as (
    select
        {{ grain | join(',\n        ') }},
        state as latest_state,
        rank as latest_rank,
        worse_than as latest_worse_than,
        rank_date as latest_date,
        row_number() over (
            partition by {{ grain | join(', ') }}
            order by rank_date desc
        ) as recency
    from ranks_daily
    where state <> 'not_fetched'
),

-- Where the app is off the chart all the others are ahead of it, and none is near.
ahead as (
    select
        {{ grain | join(',\n        ') }},
        {{ without_slogan('other_app_name') }} as other_app_name,
        row_number() over (
            partition by {{ grain | join(', ') }}
            order by other_rank desc
        ) as nearness
    from company
    where passed_since_peak and rank is not null
),

passed_by as (
    select
        {{ grain | join(',\n        ') }},
        {% for nearness in range(1, named + 1) %}
        max(case when nearness = {{ nearness }} then other_app_name end) as passed_by_{{ nearness }}
        {%- if not loop.last %},{% endif %}

        {% endfor %}
    from ahead
    where nearness <= {{ named }}
    group by {{ grain | join(', ') }}
),

summary as (
    select
        {% for column in grain %}
        chart_apps.{{ column }},
        {% endfor %}
        chart_apps.app_id,
        chart_apps.app_name,
        chart_apps.is_tracked,
        cast(peaks.peak_rank as {{ dbt.type_int() }}) as peak_rank,
        peaks.peak_date,
        peaks.first_ranked_date,
        peaks.last_ranked_date,
        {{ dbt.datediff('peaks.first_ranked_date', 'peaks.peak_date', 'day') }} as days_to_peak,
        coalesce(latest.latest_state, 'not_fetched') as latest_state,
        latest.latest_rank,
        latest.latest_worse_than,
        latest.latest_date,
        day_counts.days_ranked,
        day_counts.days_off_chart,
        day_counts.days_not_fetched,
        {% for depth in depths %}
        day_counts.days_top_{{ depth }},
        {% endfor %}
        day_counts.max_depth,
        half_lives.half_life_state,
        half_lives.half_life_date,
        half_lives.half_life_days,
        day_counts.volatility,
        decays.decay_per_day,
        decays.decay_ci_low,
        decays.decay_ci_high,
        decays.decay_days,
        passed_by.passed_by_1,
        passed_by.passed_by_2,
        passed_by.passed_by_3
    from chart_apps
    inner join day_counts
        on
            chart_apps.store = day_counts.store
            and chart_apps.storefront = day_counts.storefront
            and chart_apps.chart = day_counts.chart
            and chart_apps.genre = day_counts.genre
            and chart_apps.store_app_id = day_counts.store_app_id
    left join peaks
        on
            chart_apps.store = peaks.store
            and chart_apps.storefront = peaks.storefront
            and chart_apps.chart = peaks.chart
            and chart_apps.genre = peaks.genre
            and chart_apps.store_app_id = peaks.store_app_id
    left join latest
        on
            chart_apps.store = latest.store
            and chart_apps.storefront = latest.storefront
            and chart_apps.chart = latest.chart
            and chart_apps.genre = latest.genre
            and chart_apps.store_app_id = latest.store_app_id
            and latest.recency = 1
    left join half_lives
        on
            chart_apps.store = half_lives.store
            and chart_apps.storefront = half_lives.storefront
            and chart_apps.chart = half_lives.chart
            and chart_apps.genre = half_lives.genre
            and chart_apps.store_app_id = half_lives.store_app_id
    left join decays
        on
            chart_apps.store = decays.store
            and chart_apps.storefront = decays.storefront
            and chart_apps.chart = decays.chart
            and chart_apps.genre = decays.genre
            and chart_apps.store_app_id = decays.store_app_id
    left join passed_by
        on
            chart_apps.store = passed_by.store
            and chart_apps.storefront = passed_by.storefront
            and chart_apps.chart = passed_by.chart
            and chart_apps.genre = passed_by.genre
            and chart_apps.store_app_id = passed_by.store_app_id
),

-- The story in three parts: how it rose, when it had fallen, where it is.
parts as (
    select
        *,
        case
            when latest_date is null then 'the chart was never observed'
            when peak_rank is null then 'never seen in the chart'
            when days_to_peak = 0
                then {{ in_words(["'best at '", 'peak_rank', "' on '", 'peak_date', "', when it was first seen'"]) }}
            when days_to_peak = 1
                then {{ in_words([
                    "'rose to '", 'peak_rank', "' on '", 'peak_date', "', 1 day after it was first seen'"
                ]) }}
            else {{ in_words([
                "'rose to '", 'peak_rank', "' on '", 'peak_date', "', '", 'days_to_peak', "' days after it was first seen'"
            ]) }}
        end as rise,
        case half_life_state
            when 'reached' then {{ in_words(["'; twice as bad by '", 'half_life_date']) }}
            when 'cannot_tell' then '; since when twice as bad, if at all, cannot be told'
            else ''
        end as fall,
        case
            when latest_state = 'off_chart'
                then {{ in_words(["'; worse than '", 'latest_worse_than', "' on '", 'latest_date']) }}
            when latest_rank = peak_rank and latest_date > peak_date
                then {{ in_words(["'; '", 'latest_rank', "' again on '", 'latest_date']) }}
            when latest_rank <> peak_rank
                then {{ in_words(["'; '", 'latest_rank', "' on '", 'latest_date']) }}
            else ''
        end as latest,
        case
            when passed_by_3 is not null
                then {{ in_words(["', behind '", 'passed_by_1', "', '", 'passed_by_2', "' and '", 'passed_by_3']) }}
            when passed_by_2 is not null
                then {{ in_words(["', behind '", 'passed_by_1', "' and '", 'passed_by_2']) }}
            when passed_by_1 is not null then {{ in_words(["', behind '", 'passed_by_1']) }}
            else ''
        end as behind
    from summary
),

final as (
    select
        {{ grain | join(',\n        ') }},
        app_id,
        app_name,
        peak_rank,
        peak_date,
        first_ranked_date,
        last_ranked_date,
        cast(days_to_peak as {{ dbt.type_int() }}) as days_to_peak,
        latest_state,
        latest_rank,
        latest_date,
        cast(days_ranked as {{ dbt.type_bigint() }}) as days_ranked,
        cast(days_off_chart as {{ dbt.type_bigint() }}) as days_off_chart,
        cast(days_not_fetched as {{ dbt.type_bigint() }}) as days_not_fetched,
        {% for depth in depths %}
        cast(days_top_{{ depth }} as {{ dbt.type_bigint() }}) as days_top_{{ depth }},
        {% endfor %}
        max_depth,
        half_life_state,
        half_life_date,
        cast(half_life_days as {{ dbt.type_int() }}) as half_life_days,
        volatility,
        decay_per_day,
        decay_ci_low,
        decay_ci_high,
        decay_days,
        case when is_tracked then {{ dbt.concat(['rise', 'fall', 'latest', 'behind']) }} end as story
    from parts
)

select * from final
