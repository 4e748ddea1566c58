-- What do users write about after the peak that they did not write about before?
--
-- How to read it: the share of reviews that mention a theme, before and after the app's peak. A mention is
-- neither praise nor complaint; the mean rating of those reviews tells. Themes are found by keywords, which
-- lie in the seed review_themes. Only themes whose two intervals do not overlap are shown.

with

themes as (

    select * from {{ ref('fct_review_themes') }}

),

compared as (

    select
        before_peak.app_id,
        before_peak.theme,
        before_peak.reviews as reviews_before,
        after_peak.reviews as reviews_after,
        round(100.0 * before_peak.share, 1) as share_before_pct,
        round(100.0 * after_peak.share, 1) as share_after_pct,
        round(before_peak.mean_rating, 1) as rating_before,
        round(after_peak.mean_rating, 1) as rating_after
    from themes as before_peak
    inner join themes as after_peak
        on before_peak.app_id = after_peak.app_id and before_peak.theme = after_peak.theme
    where
        before_peak.period = 'before_peak'
        and after_peak.period = 'after_peak'
        and (before_peak.ci_high < after_peak.ci_low or after_peak.ci_high < before_peak.ci_low)

)

select * from compared
order by app_id asc, share_after_pct - share_before_pct desc, theme
