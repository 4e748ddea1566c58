"""The marts behind an app's page, made by rule: what the verdict of an app would come with.

An app whose verdict is too_early has no notes, effects, behaviours or reviews; its forecasts are
refused. All apps, notes and reviews are invented.
"""

from __future__ import annotations

STORY_MARTS = """
create table marts.fct_forecasts as
with bases as (
    select
        r.*, $watermark - first_day as age, g.cohort_group, d.definition, n.n as day_n,
        case when d.definition = 'classic' then 1 else 1.9 end as lift
    from rule as r,
        (values ('all'), ('2026-02'), ('2026-03')) as g(cohort_group),
        (values ('classic'), ('unbounded')) as d(definition),
        (values (30), (60), (90)) as n(n)
    where r.daily_users > 0
),
rated as (
    select *, least(1, lift * day_1 * power(day_n, -decay)) as rate,
        case when cohort_group = '2026-03' then age - 20 else age end as observed
    from bases
)
select
    app_id, cohort_group, definition, cast(day_n as integer) as day_n, $watermark as as_of,
    cast(daily_users * 40 as bigint) as users, cast(daily_users * 30 as bigint) as observed_users,
    cast(observed as integer) as observed_days,
    case when verdict = 'too_early' then 'refused' when day_n <= observed then 'observed'
         else 'forecast' end as status,
    case when verdict = 'too_early' then 'only 3 complete days, 7 are needed' end as reason,
    case when verdict <> 'too_early' then rate end as forecast_rate,
    case when verdict <> 'too_early' then rate * 0.8 end as ci_low,
    case when verdict <> 'too_early' then rate * 1.25 end as ci_high,
    case when verdict <> 'too_early' then rate * 0.95 end as power_law_rate,
    case when verdict <> 'too_early' then rate * 1.05 end as sbg_rate,
    case when verdict <> 'too_early' then 0.5 end as power_law_weight,
    case when day_n > observed then $watermark + cast(day_n - observed as integer) end
        as completes_on
from rated;

create table marts.fct_forecast_curves as
select
    r.app_id, cast(n.n as integer) as day_n,
    case when first_day + cast(n.n as integer) <= $watermark
        then cast(daily_users // 2 * day_1 * power(n.n, -decay) as bigint) / (daily_users // 2) end
        as observed_rate,
    case when first_day + cast(n.n as integer) <= $watermark then daily_users end::bigint
        as eligible_users,
    case when verdict <> 'too_early' then day_1 * power(n.n, -decay) end as forecast_rate,
    case when verdict <> 'too_early' then day_1 * power(n.n, -decay) * 0.8 end as ci_low,
    case when verdict <> 'too_early' then day_1 * power(n.n, -decay) * 1.25 end as ci_high
from rule as r, generate_series(1, 90) as n(n)
where daily_users > 0;

create table marts.fct_forecast_backtest as
select
    r.app_id, $watermark - cast(k.k * 7 as integer) as as_of, d.definition,
    cast(n.n as integer) as day_n, m.method, cast(500 as bigint) as users,
    cast(14 + k.k as integer) as observed_days, 0.02 + m.off * k.k / 2 as forecast_rate,
    0.01 as ci_low, 0.05 as ci_high, 0.02 as actual_rate, m.off * k.k / 2 as error,
    m.off * k.k / 2 < 0.03 as is_covered
from rule as r, generate_series(1, 3) as k(k),
    (values ('classic'), ('unbounded')) as d(definition), (values (30), (60)) as n(n),
    (values ('blend', 0.004), ('power_law', 0.005), ('sbg', 0.006), ('last_value', 0.011),
        ('other_apps', 0.09)) as m(method, off)
where verdict <> 'too_early' and $watermark - first_day >= n.n;

create table marts.fct_rank_company as
select
    s.store, s.storefront, s.chart, s.genre, s.store_app_id, s.app_id, s.latest_date as rank_date,
    s.latest_rank as rank, 'other-' || o.k as other_store_app_id, 'apple:' || o.k as other_app_id,
    o.name as other_app_name, cast(coalesce(s.latest_rank, 101) + o.k as integer) as other_rank,
    o.at_peak as other_rank_at_peak, s.latest_rank is not null and abs(o.k) <= 2 as is_neighbour,
    o.k < 0 as passed_since_peak
from marts.fct_rank_summary as s,
    (values (-3, 'Rival Assistant', 2), (-2, 'Burger Chain', null), (-1, 'Map & Go', 44),
        (1, 'Weather', 12), (2, 'Parcel Tracker', null)) as o(k, name, at_peak)
where s.app_id in (select app_id from rule);

create table marts.fct_growth_shape as
with days as (
    select r.*, cast(d.day as date) as activity_date, cast(d.day as date) - first_day as k
    from rule as r, generate_series(r.first_day, $watermark, interval 1 day) as d(day)
    where daily_users > 0
),
counted as (
    select *, cast(case verdict
        when 'spike' then daily_users
            * (0.15 + 12 * exp(-pow((k - 5) / 6.0, 2)) + 2 * exp(-k / 25.0))
        when 'leaky' then daily_users * (1 + 0.25 * sin(k / 3.5))
        else daily_users * (1 + k / 40.0) end as bigint) as new_users
    from days
)
select
    app_id, activity_date, cast(k as integer) as launch_day_n, new_users,
    cast(sum(new_users) over so_far as bigint) as cumulative_users,
    case when verdict = 'spike' then cast(sum(new_users) over so_far * 1.6 as bigint) end
        as cumulative_downloads,
    cast(sum(new_users) over week as bigint) as new_users_7d,
    cast(sum(new_users) over week * case verdict when 'sticks' then 4 else 1.2 end as bigint)
        as active_users_7d,
    case verdict when 'sticks' then 0.2 + 0.7 * exp(-k / 12.0)
        else 0.78 + 0.2 * exp(-k / 9.0) end as new_user_share,
    case when k >= 7 then 0.7 + 2 * exp(-k / 8.0) end as quick_ratio_7d,
    case when k >= 62 then 0.9 end as quick_ratio_trend,
    sum(new_users) over week / max(new_users) over so_far / 7 as new_users_vs_peak,
    case when k >= 7 then verdict = 'leaky' or (verdict = 'spike' and k between 9 and 13) end
        as arrives_but_leaves
from counted
window so_far as (partition by app_id order by k),
    week as (partition by app_id order by k rows 6 preceding);

create table marts.fct_launch_velocity as
select
    r.app_id, m.measure, m.milestone, r.first_day as launch_date, r.is_simulated,
    g.reached_on, g.reached_on - r.first_day as days_since_launch
from rule as r,
    (select * from (values ('users'), ('downloads')) as a(measure),
        (values (10000), (100000), (1000000), (10000000)) as b(milestone)) as m,
    lateral (
        select min(activity_date) as reached_on
        from marts.fct_growth_shape as g
        where g.app_id = r.app_id and m.measure = 'users' and cumulative_users >= m.milestone
    ) as g
where daily_users > 0 and (m.measure = 'users' or r.verdict = 'spike');

create table marts.launch_notes as
select app_id, first_day + n.k as note_date, n.kind, n.title
from rule, (values
    (4, 'open_access', 'Invitations end, open to all'),
    (20, 'campaign', 'Holiday <i>templates</i>'),
    (42, 'release', 'Clip editor rebuilt')) as n(k, kind, title)
where verdict <> 'too_early';

create table marts.fct_launch_effects as
select
    n.app_id, n.note_date, n.kind, n.title, d.day_n, 14 as window_days,
    400::bigint as users_before, case when done then 900::bigint end as users_after,
    0.31 / d.day_n as rate_before, case when done then 0.24 / d.day_n end as rate_after,
    case when done then -0.07 / d.day_n end as difference,
    case when done then -0.09 / d.day_n end as ci_low,
    case when done then case d.day_n when 1 then -0.05 else 0.01 end end as ci_high,
    1.7 as noise, case when done then d.day_n = 1 end as is_beyond_noise, done as is_complete,
    completes_on
from marts.launch_notes as n, (values (1), (7), (30)) as d(day_n),
    lateral (select n.note_date + 13 + d.day_n as completes_on, n.note_date + 13 + d.day_n
        <= $watermark as done);

create table marts.fct_retention_by_behaviour as
with observed as (
    select * from (values
        ('event', 'video_created', true, 0.18, 0.44, 2.9),
        ('event', 'video_created', false, 0.82, 0.56, 1),
        ('event', 'video_shared', true, 0.05, 0.2, 4.4),
        ('event', 'video_shared', false, 0.95, 0.8, 1),
        ('event', 'profile_opened', true, 0.4, 0.5, 1.2),
        ('event', 'profile_opened', false, 0.6, 0.5, 1),
        ('distinct_events', '1', true, 0.5, 0.1, 1),
        ('distinct_events', '2-3', true, 0.4, 0.35, 1.9),
        ('distinct_events', '4+', true, 0.1, 0.55, 4.8),
        ('active_days', '1', true, 0.78, 0.25, 1), ('active_days', '2-3', true, 0.15, 0.2, 3.1),
        ('active_days', '4+', true, 0.07, 0.55, 11.0),
        ('event', 'rare', true, 0.001, 0.001, null)
    ) as b(behaviour, value, did, user_share, event_share, ratio)
)
select
    r.app_id, w.observed_in, b.behaviour, b.value, b.did, w.n as outcome_day_n,
    cast(b.user_share * 9800 as bigint) as users,
    cast(b.user_share * 9800 * rate as bigint) as retained_users,
    case when b.ratio is not null then rate end as retention_rate,
    case when b.ratio is not null then greatest(0, rate - 0.01 / sqrt(b.user_share)) end as ci_low,
    case when b.ratio is not null then rate + 0.012 / sqrt(b.user_share) end as ci_high,
    b.user_share, b.event_share, b.ratio as rate_ratio, b.ratio is not null as has_enough_users
from rule as r, observed as b,
    (values ('first_day', 7), ('first_week', 7), ('first_week', 30)) as w(observed_in, n),
    lateral (select least(0.95, r.day_1 * power(w.n, -r.decay) * coalesce(b.ratio, 1)) as rate)
where r.verdict <> 'too_early' and (w.observed_in = 'first_week' or b.behaviour <> 'active_days');

create table marts.fct_reviews_weekly as
select
    r.app_id, s.store, cast(w.day as date) as week_start,
    case when w.day + interval 6 day < $watermark then cast(n as bigint) end as reviews,
    case when w.day + interval 6 day < $watermark and n > 0 then case r.verdict
        when 'sticks' then 4.4 + 0.1 * sin(w.k)
        when 'spike' then 2.3 + 2.2 * exp(-w.k / 3.0) else 3.1 + 0.3 * sin(w.k) end end
        as mean_rating,
    0::bigint as stars_1, 0::bigint as stars_2, 0::bigint as stars_3, 0::bigint as stars_4,
    0::bigint as stars_5, w.day + interval 6 day < $watermark as is_complete
from rule as r, (values ('apple', 1.0), ('google', 0.4)) as s(store, part), lateral (
    select day, row_number() over (order by day) - 1 as k
    from unnest(
        generate_series(date_trunc('week', r.first_day), $watermark, interval 7 day)
    ) as t(day)
) as w, lateral (
    select case when w.k = 3 then 0 else round(part * (8 + 90 * exp(-w.k / 4.0))) end as n
)
where r.verdict <> 'too_early';

create table marts.fct_review_themes as
select
    r.app_id, t.theme, p.period, 400::bigint as reviews, cast(400 * share as bigint) as mentions,
    share, greatest(0, share - 0.03) as ci_low, share + 0.035 as ci_high, t.stars as mean_rating
from rule as r,
    (values ('sharing', 0.22, 0.08, 4.3), ('repetitive_recommendations', 0.04, 0.26, 1.9),
        ('watermark', 0.12, 0.11, 2.4), ('identity_and_avatars', 0.09, 0.03, 4.1),
        ('price', 0.01, 0.09, 1.7), ('crashes', 0.05, 0.04, 1.4), ('privacy', 0, 0, null))
        as t(theme, before_share, after_share, stars),
    (values ('before_peak'), ('after_peak'), ('all')) as p(period),
    lateral (select case p.period when 'before_peak' then before_share
        when 'after_peak' then after_share else (before_share + after_share) / 2 end as share)
where r.verdict <> 'too_early';

create table marts.review_samples as
select r.app_id, q.theme, q.n as sample_n, r.first_day + q.k as reviewed_on, q.rating,
    q.storefront, q.app_version, q.language, q.quote
from rule as r, (values
    ('sharing', 1, 3, 5, 'us', '1.0.2', 'en',
        'Made one with my whole family and sent it to everybody I know. Best thing this week!'),
    ('sharing', 2, 6, 4, 'mx', '1.0.2', 'es', 'Muy divertido para compartir con los amigos.'),
    ('repetitive_recommendations', 1, 30, 2, 'us', '1.2', 'en',
        'Fun for an evening, then it is <b>the same five clips</b> again and again & again.'),
    ('repetitive_recommendations', 2, 35, 1, 'jp', null, 'ja',
        '毎回同じおすすめばかりで、すぐに飽きました。'),
    ('price', 1, 44, 1, 'cn', '1.3', 'zh', '太贵了，用了两天就要付费，还是算了。'))
    as q(theme, n, k, rating, storefront, app_version, language, quote)
where r.verdict <> 'too_early';
"""

# Beside the scorecard's own columns; `r` is the app's rule.
VERDICT_COLUMNS = """
    r.verdict,
    case when r.verdict <> 'too_early' then 0.93 end as verdict_confidence,
    case r.verdict
        when 'spike' then 'the curve keeps falling: 1.0 % on day 30, half of what it was on day 14'
        when 'sticks' then 'the curve flattens at 28 %: day 30 keeps 93 % of day 14'
        when 'leaky' then 'quick ratio 0.9 for 8 weeks: as many leave as come'
        when 'too_early'
            then case when r.daily_users > 0 then 'only 3 days are complete, 7 are needed' end
    end as verdict_reason_1,
    case r.verdict
        when 'spike' then 'new users fell to 3 % of their best week'
        when 'sticks' then '50.0 % came back on day 1 (48.6–51.4 %)'
        when 'leaky' then 'day 30 is 1.9 %, below the 5 % that a habit needs'
    end as verdict_reason_2,
    case r.verdict
        when 'spike' then 'rank fell from 1 to 27 in 49 days, its half-life was 12 days'
        when 'sticks' then 'day 7 of the newest cohorts is no worse than that of the oldest'
        when 'leaky' then 'new users still arrive: 100 a day'
    end as verdict_reason_3,
    case r.verdict
        when 'too_early' then 'any verdict is open'
        else 'a floor of the curve above 5 % on day 30 would change it'
    end as verdict_would_change,
    case when r.daily_users > 0 then date '2026-04-11' end as verdict_next_on,
    case when r.daily_users > 0
        then 'when events up to 2026-04-11 have landed: 400 users then have 60 complete days'
        end as verdict_next
"""
