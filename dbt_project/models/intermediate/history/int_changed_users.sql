with

changes as (
    select * from {{ ref('int_user_day_changes') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
),

moves as (
    select
        app_id,
        coalesce(previous_watermark, date '1900-01-01') as previous_watermark,
        coalesce(watermark, date '1900-01-01') as watermark
    from {{ ref('int_watermark_moves') }}
),

-- A day that the watermark passes is counted from now on, or, where it falls back, no more.
passed as (
    select
        user_days.app_id,
        user_days.user_key
    from user_days
    inner join moves
        on
            user_days.app_id = moves.app_id
            and user_days.activity_date > least(moves.previous_watermark, moves.watermark)
            and user_days.activity_date <= greatest(moves.previous_watermark, moves.watermark)
),

final as (
    select
        app_id,
        user_key
    from changes
    union distinct
    select
        app_id,
        user_key
    from passed
)

select * from final
