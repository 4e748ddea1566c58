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
        ),
    )
