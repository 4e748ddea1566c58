"""What must hold of the chart ranks before they are published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain, warning

_CHART_APP = "store, storefront, chart, genre, store_app_id"


def app_ranks() -> Suite:
    """One row of the batch is one app in one chart on one day."""
    return Suite(
        name="fct_app_ranks_daily",
        stage="mart",
        subject="fct_app_ranks_daily",
        batch="select * from marts.fct_app_ranks_daily",
        checks=(
            grain(f"{_CHART_APP}, rank_date"),
            critical(
                "state is ranked, off_chart or not_fetched, and the numbers agree with it",
                "'Not fetched' and 'not in the chart' are different facts.",
                f"""
                select {_CHART_APP}, rank_date, state, rank, depth, snapshots from {{batch}}
                where coalesce(state not in ('ranked', 'off_chart', 'not_fetched'), true)
                    or (state = 'ranked') <> (rank is not null)
                    or (state = 'not_fetched') <> (depth is null)
                    or (state = 'not_fetched') <> (coalesce(snapshots, 0) = 0)
                """,
            ),
            critical(
                "1 <= best rank <= rank <= depth",
                "A rank beyond the chart's depth, or better than the day's best, cannot be.",
                f"""
                select {_CHART_APP}, rank_date, state, best_rank, rank, depth from {{batch}}
                where best_rank < 1 or rank < best_rank or best_rank > depth or rank > depth
                    or (rank is not null and best_rank is null)
                """,
            ),
            critical(
                "worse than the depth exactly where off the chart",
                "Of an app off the chart only that is known; of any other it would be wrong.",
                f"""
                select {_CHART_APP}, rank_date, state, rank, depth, worse_than from {{batch}}
                where worse_than is distinct from if(state = 'off_chart', depth, null)
                """,
            ),
            critical(
                "the previous rank is that of the last fetched day before",
                "Days that nobody fetched are not bridged, and never compared with.",
                f"""
                with fetched as (
                    select {_CHART_APP}, rank_date, previous_rank_date, previous_rank,
                        lag(rank_date) over days as date_before, lag(rank) over days as rank_before
                    from {{batch}} where state <> 'not_fetched'
                    window days as (partition by {_CHART_APP} order by rank_date)
                )
                select * from fetched
                where previous_rank_date is distinct from date_before
                    or previous_rank is distinct from rank_before
                union all
                select {_CHART_APP}, rank_date, previous_rank_date, previous_rank, null, null
                from {{batch}}
                where state = 'not_fetched'
                    and (previous_rank_date is not null or previous_rank is not null)
                """,
            ),
            critical(
                "the movement is that of the two ranks",
                "An app that moves without its rank, or a rank without its app, cannot be.",
                f"""
                select {_CHART_APP}, rank_date, state, previous_rank_date, previous_rank, rank,
                    rank_change, movement
                from {{batch}}
                where rank_change is distinct from previous_rank - rank
                    or not coalesce(case movement
                        when 'entered' then previous_rank is null and state = 'ranked'
                        when 'left' then previous_rank is not null and state = 'off_chart'
                        when 'up' then rank_change > 0
                        when 'down' then rank_change < 0
                        when 'same' then rank_change = 0
                        when 'absent' then previous_rank is null and state = 'off_chart'
                        else rank_change is null and movement is null
                    end, false)
                    or (movement is not null and previous_rank_date is null)
                """,
            ),
            critical(
                "no two apps share a rank in a chart on a day",
                "The day's rank is the one of its last snapshot, in which ranks are unique.",
                """
                select store, storefront, chart, genre, rank_date, rank, count(*) as apps
                from {batch} where rank is not null group by all having count(*) > 1
                """,
            ),
            critical(
                "there are ranks when charts have landed",
                "Snapshots landed but no rank came of them: the build lost a chart.",
                """
                with charts as (select distinct store, storefront, chart, genre from {batch}),
                visible as (
                    select extract_id from raw.extracts where status = 'landed'
                )
                select store, storefront, chart, genre, count(*) as snapshots
                from raw.chart_snapshots
                    semi join visible using (extract_id)
                    anti join charts using (store, storefront, chart, genre)
                where status = 'observed' group by all
                """,
            ),
            warning(
                "every chart was fetched on the last day of any chart",
                "The latest rank is older than the rest of the page suggests.",
                """
                select store, storefront, chart, genre,
                    max(rank_date) filter (where state <> 'not_fetched') as last_fetched
                from {batch} group by all
                having last_fetched is distinct from
                    (select max(rank_date) from marts.fct_app_ranks_daily
                    where state <> 'not_fetched')
                """,
            ),
        ),
    )


def rank_summary() -> Suite:
    """One row of the batch is one app in one chart."""
    return Suite(
        name="fct_rank_summary",
        stage="mart",
        subject="fct_rank_summary",
        batch="select * from marts.fct_rank_summary",
        checks=(
            grain(_CHART_APP),
            critical(
                "the summary's peak and day counts are those of the daily ranks",
                "The summary and the days must tell the same story.",
                f"""
                with days as (
                    select {_CHART_APP}, min(best_rank) as peak_rank,
                        count(*) filter (where state = 'ranked') as days_ranked,
                        count(*) filter (where state = 'off_chart') as days_off_chart,
                        count(*) filter (where state = 'not_fetched') as days_not_fetched,
                    from marts.fct_app_ranks_daily group by all
                ),
                summary as (
                    select {_CHART_APP}, peak_rank, days_ranked, days_off_chart, days_not_fetched
                    from {{batch}}
                )
                (from summary except from days) union all (from days except from summary)
                """,
            ),
            critical(
                "days in the top 10 <= top 25 <= top 50 <= top 100 <= days ranked",
                "Whoever is in the top 10 is in the top 25 as well.",
                f"""
                select {_CHART_APP}, days_top_10, days_top_25, days_top_50, days_top_100,
                    days_ranked
                from {{batch}}
                where days_top_10 < 0 or days_top_10 > days_top_25 or days_top_25 > days_top_50
                    or days_top_50 > days_top_100 or days_top_100 > days_ranked
                """,
            ),
            critical(
                "the latest rank is given exactly when the latest state is ranked",
                "An app off the chart has no rank; the last known one would mislead.",
                f"""
                select {_CHART_APP}, latest_state, latest_rank, latest_date from {{batch}}
                where (latest_state = 'ranked') is distinct from (latest_rank is not null)
                """,
            ),
            critical(
                "first ranked <= peak <= last ranked, and the days to the peak are counted",
                "A peak outside the days on which the app was seen is nobody's.",
                f"""
                select {_CHART_APP}, first_ranked_date, peak_date, last_ranked_date, days_to_peak
                from {{batch}}
                where first_ranked_date > peak_date or peak_date > last_ranked_date
                    or days_to_peak is distinct from peak_date - first_ranked_date
                    or (peak_rank is null) <> (peak_date is null)
                """,
            ),
            critical(
                "a half-life has a date exactly where it is reached",
                "A half-life that is not reached, or cannot be told, has no date.",
                f"""
                select {_CHART_APP}, peak_rank, peak_date, half_life_state, half_life_date,
                    half_life_days
                from {{batch}}
                where (half_life_state is null) <> (peak_rank is null)
                    or half_life_state not in ('reached', 'not_yet', 'cannot_tell')
                    or (half_life_state is not distinct from 'reached')
                        <> (half_life_date is not null)
                    or half_life_days is distinct from half_life_date - peak_date
                    or half_life_days < 1
                """,
            ),
            critical(
                "in the week of a half-life no day is better than twice the peak",
                "A rank that came back within the week had not halved.",
                f"""
                select {_CHART_APP}, half_life_date, rank_date, peak_rank, rank
                from {{batch}} as summary
                inner join (
                    select {_CHART_APP}, rank_date, rank from marts.fct_app_ranks_daily
                ) as days using ({_CHART_APP})
                where rank_date between half_life_date and half_life_date + 6
                    and rank < 2 * peak_rank
                """,
            ),
            critical(
                "a decay lies within its interval, and comes of at least 5 days",
                "A slope of fewer days is a guess.",
                f"""
                select {_CHART_APP}, decay_per_day, decay_ci_low, decay_ci_high, decay_days
                from {{batch}}
                where not coalesce(decay_ci_low <= decay_per_day and decay_per_day <= decay_ci_high
                        and decay_days >= 5,
                    decay_per_day is null and decay_ci_low is null and decay_ci_high is null
                        and decay_days is null)
                """,
            ),
            critical(
                "every tracked app has a story in every chart",
                "The page of an app tells it; without one the build lost the app's name or day.",
                f"""
                select {_CHART_APP}, app_id, story from {{batch}}
                inner join marts.dim_apps using (app_id)
                where is_tracked <> coalesce(story <> '', false)
                """,
            ),
            warning(
                "the half-lives of tracked apps can be told",
                "Fetch the chart on more days, or deeper: too little was seen since the peak.",
                f"""
                select {_CHART_APP}, app_id, peak_rank, peak_date, half_life_state from {{batch}}
                inner join marts.dim_apps using (app_id)
                where is_tracked and half_life_state = 'cannot_tell'
                """,
            ),
        ),
    )


def rank_company() -> Suite:
    """One row of the batch is a tracked app and another one in one chart."""
    return Suite(
        name="fct_rank_company",
        stage="mart",
        subject="fct_rank_company",
        batch="select * from marts.fct_rank_company",
        checks=(
            grain(f"{_CHART_APP}, other_store_app_id"),
            critical(
                "both ranks are those of the chart's latest day",
                "An app's company is who is there now.",
                f"""
                with latest as (
                    select {_CHART_APP}, rank_date, rank from marts.fct_app_ranks_daily
                    where state <> 'not_fetched'
                    qualify rank_date
                        = max(rank_date) over (partition by store, storefront, chart, genre)
                )
                select company.* from {{batch}} as company
                left join latest as own using ({_CHART_APP}, rank_date)
                left join latest as other
                    on company.store = other.store and company.storefront = other.storefront
                    and company.chart = other.chart and company.genre = other.genre
                    and company.rank_date = other.rank_date
                    and company.other_store_app_id = other.store_app_id
                where own.store is null
                    or company.rank is distinct from own.rank
                    or company.other_rank is distinct from other.rank
                """,
            ),
            critical(
                "everybody listed is within 3 places, or has passed since the peak",
                "The company of an app is not the whole chart.",
                f"""
                select {_CHART_APP}, other_store_app_id, rank, other_rank, is_neighbour,
                    passed_since_peak
                from {{batch}}
                where is_neighbour <> coalesce(abs(rank - other_rank) <= 3, false)
                    or not (is_neighbour or passed_since_peak)
                """,
            ),
            critical(
                "who has passed was worse at the peak, or absent, and is better now",
                "The story names them: who was ahead at the peak has passed nobody.",
                f"""
                select {_CHART_APP}, other_store_app_id, peak_rank, other_rank_at_peak, rank,
                    other_rank, passed_since_peak
                from {{batch}}
                inner join (
                    select {_CHART_APP}, peak_rank from marts.fct_rank_summary
                ) as summary using ({_CHART_APP})
                where passed_since_peak <> (coalesce(other_rank_at_peak > peak_rank, true)
                    and coalesce(other_rank < rank, true))
                """,
            ),
        ),
    )


def chart_movers() -> Suite:
    """One row of the batch is one app that moved in one chart on one day."""
    return Suite(
        name="fct_chart_movers",
        stage="mart",
        subject="fct_chart_movers",
        batch="select * from marts.fct_chart_movers",
        checks=(
            grain(f"{_CHART_APP}, rank_date"),
            critical(
                "the movers are those of the daily ranks",
                "The movers and the days must tell the same story.",
                f"""
                select {_CHART_APP}, rank_date, movement, previous_rank, rank from {{batch}}
                except
                select {_CHART_APP}, rank_date, movement, previous_rank, rank
                from marts.fct_app_ranks_daily
                """,
            ),
            critical(
                "every entry and exit is listed, and up to 10 climbs and 10 falls",
                "What entered and left a chart on a day is all of it.",
                """
                with days as (
                    select store, storefront, chart, genre, rank_date, movement, count(*) as apps
                    from marts.fct_app_ranks_daily
                    where movement in ('entered', 'left', 'up', 'down') group by all
                ),
                listed as (
                    select store, storefront, chart, genre, rank_date, movement, count(*) as movers
                    from {batch} group by all
                )
                select * from days
                left join listed using (store, storefront, chart, genre, rank_date, movement)
                where coalesce(movers, 0)
                    <> if(movement in ('entered', 'left'), apps, least(apps, 10))
                """,
            ),
            critical(
                "the places of a day count up from 1 as the ratios of the ranks do",
                "The largest climb and the largest fall come first.",
                f"""
                with ordered as (
                    select *, row_number() over (
                        partition by store, storefront, chart, genre, rank_date, movement
                        order by if(movement = 'up', -rank_ratio, rank_ratio), place
                    ) as expected_place
                    from {{batch}}
                )
                select {_CHART_APP}, rank_date, movement, place, rank_ratio from ordered
                where place is distinct from expected_place
                    or abs(rank_ratio - previous_rank / rank) > 1e-9
                    or (rank_ratio is null) <> (movement in ('entered', 'left'))
                """,
            ),
            warning(
                "at most half of a chart is new from one day to the next",
                "A capture may be of another chart than its address says.",
                """
                with entries as (
                    select store, storefront, chart, genre, rank_date, count(*) as entered
                    from {batch}
                    where movement = 'entered' and previous_rank_date = rank_date - 1 group by all
                ),
                depths as (
                    select store, storefront, chart, genre, rank_date, max(depth) as depth
                    from marts.fct_app_ranks_daily group by all
                )
                select * from entries
                inner join depths using (store, storefront, chart, genre, rank_date)
                where 2 * entered > depth
                """,
            ),
        ),
    )
