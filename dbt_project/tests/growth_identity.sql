-- active(t) = new + retained + resurrected = active(t - 1) + new + resurrected - churned, over
-- consecutive complete periods; in the first period nobody can have churned.
with

periods as (
    select
        *,
        coalesce(
            lag(active) over (partition by app_id, period order by period_start), 0
        ) as active_before
    from {{ ref('fct_growth_accounting') }}
    where is_complete
)

select * from periods
where
    active <> new + retained + resurrected
    or active <> active_before + new + resurrected - churned
