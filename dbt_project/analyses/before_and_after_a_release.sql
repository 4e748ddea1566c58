-- Did the release, the campaign, the opening change whether users stay?
--
-- How to read it: the cohorts of the two weeks before the note against those of the two weeks from it on.
-- beyond_noise says whether the difference is larger than what this app's cohorts differ by anyway. It is a
-- comparison, not an experiment, and one such comparison in twenty is beyond noise by chance.

with

effects as (

    select * from {{ ref('fct_launch_effects') }}

),

compared as (

    select
        app_id,
        note_date,
        title,
        day_n,
        users_before,
        users_after,
        round(100.0 * rate_before, 1) as before_pct,
        round(100.0 * rate_after, 1) as after_pct,
        is_beyond_noise as beyond_noise,
        completes_on
    from effects

)

select * from compared
order by app_id, note_date, day_n
