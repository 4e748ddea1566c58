{%- set outcomes = var('behaviour_outcome_days') -%}
{%- set levels = {
    'distinct_events': [1, 2, 3, 4, 6],
    'active_days': [1, 2, 3, 5],
    'events': [1, 2, 4, 8, 16, 32],
} -%}
with

starters as (
    select * from {{ ref('int_recent_starters') }}
),

first_week_events as (
    select * from {{ ref('int_first_week_events') }}
),

outcomes as (
    {% for n in outcomes %}
    select
        app_id,
        user_key,
        active_days,
        {{ n }} as outcome_day_n,
        case when is_active_{{ n }} then 1 else 0 end as is_retained
    from starters
    where is_active_{{ n }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

done as (
    {% for span in ['first_day', 'first_week'] %}
    select
        app_id,
        user_key,
        '{{ span }}' as observed_in,
        event_name,
        events_{{ span }} as events
    from first_week_events
    where events_{{ span }} > 0
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Users without any event of their first day or week cannot be: what starts a cohort is one.
totals as (
    select
        app_id,
        user_key,
        observed_in,
        sum(events) as events,
        count(*) as distinct_events,
        max(case when {{ is_creation('app_id', 'event_name') }} then 1 else 0 end) as has_created,
        max(case when {{ is_sharing('app_id', 'event_name') }} then 1 else 0 end) as has_shared
    from done
    group by app_id, user_key, observed_in
),

observed as (
    select
        totals.*,
        outcomes.active_days,
        outcomes.outcome_day_n,
        outcomes.is_retained
    from totals
    inner join outcomes
        on
            totals.app_id = outcomes.app_id
            and totals.user_key = outcomes.user_key
),

everybody as (
    select
        app_id,
        observed_in,
        outcome_day_n,
        count(*) as users,
        sum(is_retained) as retained_users,
        sum(events) as events
    from observed
    group by app_id, observed_in, outcome_day_n
),

event_users as (
    select
        app_id,
        event_name,
        count(*) as users
    from first_week_events
    group by app_id, event_name
),

ranked_names as (
    select
        app_id,
        event_name,
        row_number() over (partition by app_id order by users desc, event_name asc) as value_position
    from event_users
    where users >= {{ var('behaviour_event_users') }}
),

common_names as (
    select * from ranked_names
    where value_position <= {{ var('behaviour_event_names') }}
),

by_event as (
    select
        observed.app_id,
        observed.observed_in,
        'event' as behaviour,
        done.event_name as value,
        common_names.value_position,
        observed.outcome_day_n,
        count(*) as users,
        sum(observed.is_retained) as retained_users,
        sum(observed.events) as events
    from observed
    inner join done
        on
            observed.app_id = done.app_id
            and observed.user_key = done.user_key
            and observed.observed_in = done.observed_in
    inner join common_names
        on
            done.app_id = common_names.app_id
            and done.event_name = common_names.event_name
    group by
        observed.app_id, observed.observed_in, done.event_name, common_names.value_position,
        observed.outcome_day_n
),

by_sharing as (
    select
        app_id,
        observed_in,
        'shared' as behaviour,
        'shared' as value,
        1 as value_position,
        outcome_day_n,
        count(case when has_shared = 1 then 1 end) as users,
        sum(has_shared * is_retained) as retained_users,
        sum(has_shared * events) as events
    from observed
    where {{ has_behaviour_rule('sharing', 'app_id') }}
    group by app_id, observed_in, outcome_day_n
),

did as (
    select * from by_event
    union all
    select * from by_sharing
),

did_or_not as (
    select
        app_id,
        observed_in,
        behaviour,
        value,
        value_position,
        true as did,
        outcome_day_n,
        users,
        retained_users,
        events
    from did
    union all
    select
        did.app_id,
        did.observed_in,
        did.behaviour,
        did.value,
        did.value_position,
        false as did,
        did.outcome_day_n,
        everybody.users - did.users as users,
        everybody.retained_users - did.retained_users as retained_users,
        everybody.events - did.events as events
    from did
    inner join everybody
        on
            did.app_id = everybody.app_id
            and did.observed_in = everybody.observed_in
            and did.outcome_day_n = everybody.outcome_day_n
),

user_levels as (
    {% for behaviour, least_counts in levels.items() %}
    select
        app_id,
        observed_in,
        '{{ behaviour }}' as behaviour,
        {{ level_of(behaviour, least_counts) }} as value,
        {{ level_position(behaviour, least_counts) }} as value_position,
        outcome_day_n,
        is_retained,
        events
    from observed
    {% if behaviour == 'active_days' %}
    where observed_in = 'first_week'
    {% endif %}
    union all
    {% endfor %}
    select
        app_id,
        observed_in,
        'role' as behaviour,
        case when has_created = 1 then 'creator' else 'consumer' end as value,
        1 + has_created as value_position,
        outcome_day_n,
        is_retained,
        events
    from observed
    where {{ has_behaviour_rule('creation', 'app_id') }}
),

by_level as (
    select
        app_id,
        observed_in,
        behaviour,
        value,
        value_position,
        true as did,
        outcome_day_n,
        count(*) as users,
        sum(is_retained) as retained_users,
        sum(events) as events
    from user_levels
    group by app_id, observed_in, behaviour, value, value_position, outcome_day_n
),

groups_of_users as (
    select
        *,
        value as compared_within,
        case when did then 1 else 0 end as compared_by
    from did_or_not
    where users > 0
    union all
    select
        *,
        '' as compared_within,
        value_position as compared_by
    from by_level
),

with_rates as (
    select
        *,
        {{ rate('retained_users', 'users') }} as retention_rate
    from groups_of_users
),

compared as (
    select
        *,
        min(compared_by) over same_behaviour as lowest,
        first_value(retention_rate) over same_behaviour as reference_rate
    from with_rates
    window same_behaviour as (
        partition by app_id, observed_in, behaviour, compared_within, outcome_day_n
        order by compared_by
        rows between unbounded preceding and unbounded following
    )
),

final as (
    select
        compared.app_id,
        compared.observed_in,
        compared.behaviour,
        compared.value,
        cast(compared.value_position as {{ dbt.type_int() }}) as value_position,
        compared.did,
        compared.outcome_day_n,
        cast(compared.users as {{ dbt.type_bigint() }}) as users,
        cast(compared.retained_users as {{ dbt.type_bigint() }}) as retained_users,
        compared.retention_rate,
        {{ wilson_bound('compared.retained_users', 'compared.users', 'low') }} as ci_low,
        {{ wilson_bound('compared.retained_users', 'compared.users', 'high') }} as ci_high,
        {{ rate('compared.users', 'everybody.users') }} as user_share,
        {{ rate('compared.events', 'everybody.events') }} as event_share,
        case
            -- where everybody did, there is nobody to compare with
            when
                compared.reference_rate > 0
                and not (compared.did and compared.compared_within <> '' and compared.lowest = 1)
                then compared.retention_rate / compared.reference_rate
        end as rate_ratio,
        compared.users >= {{ var('behaviour_enough_users') }} as has_enough_users
    from compared
    inner join everybody
        on
            compared.app_id = everybody.app_id
            and compared.observed_in = everybody.observed_in
            and compared.outcome_day_n = everybody.outcome_day_n
)

select * from final
