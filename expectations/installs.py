"""What must hold of the daily installs before they are published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain, warning


def installs() -> Suite:
    """One row of the batch is one app in one store on one day of which a report tells."""
    return Suite(
        name="fct_installs_daily",
        stage="mart",
        subject="fct_installs_daily",
        batch="select * from marts.fct_installs_daily",
        checks=(
            grain("app_id, store, install_date"),
            critical(
                "cumulative downloads are the sum of the days so far",
                "Days to a number of downloads are read off this curve.",
                """
                select app_id, store, install_date, cumulative_downloads, expected
                from (
                    select *, sum(downloads) over (
                        partition by app_id, store order by install_date
                    ) as expected
                    from {batch}
                )
                where cumulative_downloads is distinct from expected
                """,
            ),
            critical(
                "days to 100,000 <= to 1,000,000 <= to 10,000,000, and none before its downloads",
                "A launch's velocity must not come before the launch.",
                """
                select app_id, store, install_date, cumulative_downloads, days_to_100k, days_to_1m,
                    days_to_10m
                from {batch}
                where days_to_100k > days_to_1m or days_to_1m > days_to_10m
                    or least(days_to_100k, days_to_1m, days_to_10m) < 0
                    or (days_to_1m is not null and days_to_100k is null)
                    or (days_to_10m is not null and days_to_1m is null)
                """,
            ),
            critical(
                "there are installs when reports of a tracked app have landed",
                "Reports landed but no day came of them: the build lost a store.",
                """
                select ids.app_id, ids.store, count(*) as rows_landed
                from raw.store_installs as landed
                inner join raw.app_store_ids as ids using (store, store_app_id)
                semi join (from raw.extracts where status = 'landed') using (extract_id)
                anti join {batch} as marts using (app_id, store)
                where metric = 'downloads'
                group by all
                """,
            ),
            warning(
                "no day is missing from the stores' reports",
                "Cumulative downloads are too few by the missing days'; download their reports.",
                """
                select app_id, store, max(missing_days) as missing_days
                from {batch} group by all having max(missing_days) > 0
                """,
            ),
            warning(
                "uninstalls are fewer than ten times the downloads of the days so far",
                "More is not impossible, but more likely two columns were mistaken for each other.",
                """
                select app_id, store, sum(uninstalls) as uninstalls, sum(downloads) as downloads
                from {batch} group by all having sum(uninstalls) > 10 * sum(downloads)
                """,
            ),
        ),
    )
