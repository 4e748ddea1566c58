with

source_reach as (
    select * from {{ ref('int_source_reach') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
),

extract_days as (
    select * from {{ ref('int_extract_days') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

-- The slowest source that goes on decides; where all have ended, the app's history has, too. A source
-- that has neither declared nor landed anything says nothing about the app and does not hold it back.
declared_or_seen as (
    select
        app_id,
        min(case when not has_ended then last_full_day end) as last_full_day_of_slowest,
        max(last_full_day) as last_full_day_of_all,
        -- an archive that is declared to be complete for ever goes no further than what is in it
        max(least(last_full_day, last_day_seen)) as furthest_full_day
    from source_reach
    group by app_id
),

held_back as (
    select
        source_reach.app_id,
        min(source_reach.source) as held_back_by
    from source_reach
    inner join declared_or_seen
        on
            source_reach.app_id = declared_or_seen.app_id
            and source_reach.last_full_day = declared_or_seen.last_full_day_of_slowest
    where
        not source_reach.has_ended
        and source_reach.last_full_day < {{ add_days('declared_or_seen.furthest_full_day', 0 - var('silent_days')) }}
    group by source_reach.app_id
),

activity_spans as (
    select
        app_id,
        min(activity_date) as first_activity_date,
        max(activity_date) as last_activity_date
    from user_days
    where events > 0
    group by app_id
),

-- How far the extracts of an app reach, whoever delivered them: a fast clock reaches further.
reached as (
    select
        extract_days.app_id,
        {{ reporting_day('max(extracts.reaches)') }} as last_day_reached
    from extract_days
    inner join extracts on extract_days.extract_id = extracts.extract_id
    where extracts.is_visible
    group by extract_days.app_id
),

-- Events outlive the configuration: an app whose sources were renamed or taken out of sources.yml
-- falls back on the last day seen in its own events.
last_full_days as (
    select
        coalesce(activity_spans.app_id, declared_or_seen.app_id) as app_id,
        activity_spans.first_activity_date,
        activity_spans.last_activity_date,
        declared_or_seen.furthest_full_day,
        declared_or_seen.last_full_day_of_all,
        coalesce(
            declared_or_seen.last_full_day_of_slowest,
            case
                when declared_or_seen.app_id is null
                    then {{ add_days(
                        'least(activity_spans.last_activity_date, '
                        ~ 'coalesce(reached.last_day_reached, activity_spans.last_activity_date))',
                        -1
                    ) }}
            end
        ) as last_full_day
    from activity_spans
    full outer join declared_or_seen on activity_spans.app_id = declared_or_seen.app_id
    left join reached on activity_spans.app_id = reached.app_id
),

final as (
    select
        last_full_days.app_id,
        last_full_days.first_activity_date,
        last_full_days.last_activity_date,
        -- what has ended will not deliver late
        coalesce(
            {{ add_days('last_full_days.last_full_day', 0 - var('late_data_allowance_days')) }},
            last_full_days.last_full_day_of_all
        ) as watermark,
        last_full_days.furthest_full_day,
        held_back.held_back_by
    from last_full_days
    left join held_back on last_full_days.app_id = held_back.app_id
    where last_full_days.last_full_day is not null or last_full_days.last_full_day_of_all is not null
)

select * from final
