-- What cannot be known yet is NULL, what is known is not, and completes_on tells the two apart.
with

cells as (
    select * from {{ ref('fct_cohort_retention_daily') }}
),

growth as (
    select * from {{ ref('fct_growth_accounting') }}
),

curves as (
    select * from {{ ref('fct_retention_curves') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

completeness as (
    select
        cells.app_id,
        'fct_cohort_retention_daily' as mart,
        cells.completes_on,
        cells.is_complete = (cells.completes_on <= watermarks.watermark)
        and cells.is_complete = (cells.eligible_users is not null)
        and cells.is_complete = (cells.retained_users is not null)
        and cells.is_complete = (cells.returned_users is not null)
        and (cells.completes_on_24h <= watermarks.watermark) = (cells.retained_users_24h is not null) as is_right
    from cells
    inner join watermarks on cells.app_id = watermarks.app_id
    union all
    select
        growth.app_id,
        'fct_growth_accounting' as mart,
        growth.completes_on,
        growth.is_complete = (growth.completes_on <= watermarks.watermark)
        and growth.is_complete = (growth.active is not null)
        and growth.is_complete = (growth.new is not null)
        and growth.is_complete = (growth.retained is not null)
        and growth.is_complete = (growth.resurrected is not null)
        and growth.is_complete = (growth.churned is not null) as is_right
    from growth
    inner join watermarks on growth.app_id = watermarks.app_id
    union all
    select
        curves.app_id,
        'fct_retention_curves' as mart,
        curves.completes_on,
        curves.is_complete = (curves.completes_on <= watermarks.watermark)
        and curves.is_complete = (curves.retention_rate is not null)
        and curves.is_complete = (curves.ci_low is not null)
        and curves.is_complete = (curves.ci_high is not null)
        and curves.is_complete = (curves.cohorts > 0) as is_right
    from curves
    inner join watermarks on curves.app_id = watermarks.app_id
)

select * from completeness
where not is_right
