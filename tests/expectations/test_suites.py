"""Each check passes on good data and finds the one thing it is there for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pytest

from expectations.checks import Check
from expectations.suites import mart_suites, raw_suites

SUITES = {suite.name: suite for suite in (*raw_suites(), *mart_suites())}
CHECKS = [(suite.name, check) for suite in SUITES.values() for check in suite.checks]

NEW = {"raw_events": "e1", "raw_charts": "c1", "raw_reports": "i1"}
"""The extract of the fixture that a raw suite judges."""

TRIANGLE = "marts.fct_cohort_retention_daily"
CURVES = "marts.fct_retention_curves"
GROWTH = "marts.fct_growth_accounting"
ACTIVITY = "marts.fct_app_activity_daily"
RANKS = "marts.fct_app_ranks_daily"
BEHAVIOUR = "marts.fct_retention_by_behaviour"
SHAPE = "marts.fct_growth_shape"
VELOCITY = "marts.fct_launch_velocity"
EFFECTS = "marts.fct_launch_effects"
INSTALLS = "marts.fct_installs_daily"
SUMMARY = "marts.fct_rank_summary"
COMPANY = "marts.fct_rank_company"
MOVERS = "marts.fct_chart_movers"
WEEKS = "marts.fct_reviews_weekly"
THEMES = "marts.fct_review_themes"
SAMPLES = "marts.review_samples"
SCORECARD = "marts.app_scorecard"
FIRST_CELL = "cohort_date = '2024-01-01' and day_n = 1"
MANY_EVENTS = """
    delete from raw.app_events;
    insert into raw.app_events by name
    select 'alpha' as app_id, uuid() as event_id, uuid() as user_key, 'open' as event_name,
        timestamp '2024-01-01 00:00:01' + interval (i) second as event_time, 'e1' as extract_id,
        now()::timestamp as landed_at
    from range(2000) as numbers (i);
    update raw.extracts set rows_landed = 2000, rows_seen = 2000 where extract_id = 'e1';
"""


def repeat_row(table: str) -> str:
    return f"insert into {table} select * from {table} limit 1"


def damaged_periods(period: str, n: str) -> list[tuple[str, str, str]]:
    """What breaks the triangle of weeks or of months."""
    mart = f"fct_cohort_retention_{period}ly"
    table = f"marts.{mart}"
    return [
        (mart, "one row per", repeat_row(table)),
        (mart, "every app with users", f"truncate {table}"),
        (mart, "the cohorts' users", f"delete from {table} where platform = 'ios'"),
        (mart, "every cohort has", f"delete from {table} where {n} = 0"),
        (mart, "0 <= retained", f"update {table} set retained_users = 4 where is_complete"),
        (mart, "in period 0", f"update {table} set is_complete = true, retained_users = 0"),
        (mart, "unbounded retention never rises", f"update {table} set returned_users = {n}"),
        (mart, "a cell is complete exactly", f"update {table} set completes_on = '2024-01-01'"),
        (mart, "incomplete cells carry NULL", f"update {table} set retained_users = 0"),
        (mart, "24-hour counts", f"update {table} set retained_users_24h = 0"),
        (mart, "no cohort starts after", "update marts.dim_apps set watermark = '2023-12-31'"),
        (mart, "the cohorts have as many", f"delete from {table} where app_id = 'gamma'"),
        (
            "fct_retention_curves",
            "the curves' counts",
            f"update {table} set retained_users_24h = 0 where retained_users_24h > 0",
        ),
        (
            "fct_retention_curves",
            "of the eligible users",
            f"update {CURVES} set users_missing_days = 4 where period = '{period}'",
        ),
        (
            "fct_retention_curves",
            "at equal follow-up",
            f"update {CURVES} set retained_users = 3 where period = '{period}' and period_n = 1",
        ),
        (
            "fct_retention_curves",
            "a bracket of one period",
            f"update {CURVES} set retained_users = 2"
            f" where period = '{period}' and definition = 'bracket'",
        ),
    ]


# (suite, how its check begins, what breaks it)
PROVOCATIONS = [
    (
        "raw_events",
        "an extract brings at least one",
        "update raw.extracts set rows_landed = 0, rows_rejected = 6 where kind = 'events'",
    ),
    (
        "raw_events",
        "no extract reaches beyond",
        "update raw.event_sources set ended = '2024-01-03';"
        " update raw.extracts set reaches = '2024-01-04 12:00:00' where kind = 'events'",
    ),
    (
        "raw_events",
        "times say their zone",
        "update raw.extracts set rows_zoneless = 1 where kind = 'events'",
    ),
    (
        "raw_events",
        "no day lacks",
        "insert into raw.missing_spans values"
        " ('alpha_events', '2024-01-02 00:00:00', '2024-01-03 00:00:00', 20)",
    ),
    (
        "raw_events",
        "an extract holds at least one row",
        "update raw.extracts set rows_landed = 0, rows_seen = 0 where kind = 'events'",
    ),
    (
        "raw_events",
        "the share of an extract's rows that are rejected",
        "update raw.extracts set rows_rejected = 7, rows_seen = 13 where kind = 'events'",
    ),
    (
        "raw_events",
        "the share of an extract's rows that are rejected",
        "update raw.extracts set rows_rejected = 1, rows_seen = 7 where kind = 'events';"
        " insert into raw.reject_shares values ('alpha_events', 0.05, 0.1)",
    ),
    (
        "raw_events",
        "few of an extract's rows are rejected",
        "update raw.extracts set rows_rejected = 1, rows_seen = 7 where kind = 'events'",
    ),
    (
        "raw_events",
        "few of an extract's rows are rejected",
        "update raw.extracts set rows_rejected = 1, rows_seen = 101 where kind = 'events';"
        " insert into raw.reject_shares values ('alpha_events', 0, 0.5)",
    ),
    ("raw_events", "an extract holds exactly", "delete from raw.app_events where platform = 'ios'"),
    (
        "raw_events",
        "an extract of duplicates",
        """
        update raw.extracts set rows_duplicate = 94, rows_seen = 100 where kind = 'events';
        insert into raw.extracts select * replace (
            'e0' as extract_id, timestamp '2024-02-01' as max_event_time
        ) from raw.extracts where extract_id = 'e1'
        """,
    ),
    ("raw_events", "no event id", repeat_row("raw.app_events")),
    ("raw_events", "every event has a name", "update raw.app_events set event_name = ' '"),
    (
        "raw_events",
        "no user has more than half",
        MANY_EVENTS + "update raw.app_events set user_key = md5('0')::uuid"
        " where event_time < '2024-01-01 00:20:00'",
    ),
    (
        "raw_events",
        "no user has an improbable share of an extract's events",
        MANY_EVENTS + "update raw.app_events set user_key = md5('0')::uuid"
        " where event_time < '2024-01-01 00:05:00'",
    ),
    (
        "raw_events",
        "no user has an improbable share of the ids",
        "insert into raw.identity_links select 'alpha', uuid(), md5('0')::uuid, 'first',"
        " timestamp '2024-01-01', 'e1', null from range(10)",
    ),
    (
        "raw_events",
        "dropped duplicates are like",
        "update raw.extracts set rows_unlike = 1, rows_duplicate = 1 where kind = 'events'",
    ),
    (
        "raw_events",
        "at most 1 %",
        "update raw.app_events set event_time = '1970-01-20' where platform = 'android'",
    ),
    (
        "raw_events",
        "no event is dated before",
        MANY_EVENTS + "update raw.app_events set event_time = '1970-01-20'"
        " where event_time < '2024-01-01 00:00:05'",
    ),
    (
        "raw_events",
        "no instant",
        MANY_EVENTS + "update raw.app_events set event_time = '2024-01-01 09:00:00'",
    ),
    (
        "raw_events",
        "at most half of an extract's events",
        MANY_EVENTS + "update raw.app_events set event_time = event_time::date",
    ),
    (
        "raw_charts",
        "an extract brings at least one",
        "update raw.extracts set rows_landed = 0, rows_rejected = 5 where kind = 'ranks'",
    ),
    (
        "raw_charts",
        "an extract holds at least one",
        "delete from raw.chart_snapshots; update raw.extracts set rows_landed = 0, rows_seen = 0",
    ),
    (
        "raw_charts",
        "the share of an extract's",
        "update raw.extracts set rows_rejected = 6, rows_seen = 11 where kind = 'ranks'",
    ),
    (
        "raw_charts",
        "few of an extract's",
        "update raw.extracts set rows_rejected = 1, rows_seen = 6 where kind = 'ranks'",
    ),
    ("raw_charts", "no rank occurs twice", "update raw.chart_ranks set rank = 2 where rank = 1"),
    ("raw_charts", "no app occurs twice", "update raw.chart_ranks set store_app_id = '222'"),
    ("raw_charts", "ranks lie between", "update raw.chart_ranks set rank = rank - 1"),
    ("raw_charts", "an observed snapshot has a depth", "delete from raw.chart_ranks"),
    ("raw_charts", "an observed snapshot has an entry", "delete from raw.chart_ranks where rank=2"),
    ("raw_charts", "a snapshot is at least half", "update raw.chart_snapshots set depth = 1"),
    ("raw_charts", "every chart could", "update raw.chart_snapshots set status = 'failed'"),
    (
        "raw_reports",
        "an extract brings at least one",
        "update raw.extracts set rows_landed = 0, rows_rejected = 20 where kind = 'installs'",
    ),
    (
        "raw_reports",
        "a report holds at least one",
        "update raw.extracts set rows_landed = 0, rows_seen = 0 where kind = 'installs'",
    ),
    (
        "raw_reports",
        "the share of an extract's",
        "update raw.extracts set rows_landed = 9, rows_rejected = 11 where kind = 'installs'",
    ),
    (
        "raw_reports",
        "few of an extract's",
        "update raw.extracts set rows_landed = 18, rows_rejected = 2 where kind = 'installs'",
    ),
    (
        "raw_reports",
        "a report that corrects",
        """
        insert into raw.extracts
        select * replace ('i0' as extract_id, 'another.csv' as uri)
        from raw.extracts where extract_id = 'i1';
        update raw.store_installs set version_at = landed_at, landing_number = 2;
        insert into raw.store_installs
        select * replace ('i0' as extract_id, 1 as landing_number)
        from raw.store_installs where extract_id = 'i1'
        """,
    ),
    ("raw_reports", "no day of a country", "update raw.store_installs set units = 6744034028"),
    ("dim_apps", "one row per", repeat_row("marts.dim_apps")),
    ("dim_apps", "every tracked app", "delete from marts.dim_apps where app_id = 'beta'"),
    ("dim_apps", "every app whose events", "update marts.dim_apps set watermark = null"),
    ("dim_apps", "users and events", "update marts.dim_apps set events = 2"),
    ("dim_apps", "users without", "update marts.dim_apps set users_without_cohort_start = 4"),
    ("dim_apps", "users without", "update marts.dim_apps set users_without_cohort_start = null"),
    ("dim_apps", "users without", "update marts.dim_apps set cohort_events = null"),
    ("fct_cohort_retention_daily", "one row per", repeat_row(TRIANGLE)),
    ("fct_cohort_retention_daily", "every app with users", f"truncate {TRIANGLE}"),
    (
        "fct_cohort_retention_daily",
        "every app with users",
        f"delete from {TRIANGLE} where app_id = 'gamma'",
    ),
    (
        "fct_cohort_retention_daily",
        "the cohorts' users",
        f"delete from {TRIANGLE} where platform = 'ios'",
    ),
    ("fct_cohort_retention_daily", "every cohort has", f"delete from {TRIANGLE} where day_n = 2"),
    (
        "fct_cohort_retention_daily",
        "0 <= retained",
        f"update {TRIANGLE} set retained_users = 3 where {FIRST_CELL}",
    ),
    (
        "fct_cohort_retention_daily",
        "in period 0",
        f"update {TRIANGLE} set retained_users = 1 where day_n = 0",
    ),
    (
        "fct_cohort_retention_daily",
        "unbounded retention never rises",
        f"update {TRIANGLE} set returned_users = 0 where {FIRST_CELL}",
    ),
    (
        "fct_cohort_retention_daily",
        "a cell is complete exactly",
        "update marts.dim_apps set watermark = '2024-01-03'",
    ),
    (
        "fct_cohort_retention_daily",
        "incomplete cells carry NULL",
        f"update {TRIANGLE} set retained_users = 0 where not is_complete",
    ),
    (
        "fct_cohort_retention_daily",
        "24-hour counts",
        f"update {TRIANGLE} set retained_users_24h = 0",
    ),
    (
        "fct_cohort_retention_daily",
        "no cohort starts after",
        "update marts.dim_apps set watermark = '2024-01-01'",
    ),
    (
        "fct_cohort_retention_daily",
        "the cohorts of a day",
        f"update {ACTIVITY} set new_users = 2 where activity_date = '2024-01-02'",
    ),
    (
        "fct_cohort_retention_daily",
        "the retained users of a day",
        f"update {ACTIVITY} set dau = 1 where activity_date = '2024-01-02'",
    ),
    *damaged_periods("week", "week_n"),
    *damaged_periods("month", "month_n"),
    ("fct_retention_curves", "one row per", repeat_row(CURVES)),
    (
        "fct_retention_curves",
        "at equal follow-up",
        f"update {CURVES} set retained_users = 2 where definition = 'unbounded_to_horizon'"
        " and period_n = 3",
    ),
    (
        "fct_retention_curves",
        "a bracket of one period",
        f"update {CURVES} set retained_users = 1 where definition = 'bracket'",
    ),
    ("fct_retention_curves", "rates lie within", f"update {CURVES} set ci_low = 0.99"),
    ("fct_retention_curves", "a rate is", f"update {CURVES} set retention_rate = 0.5"),
    (
        "fct_retention_curves",
        "a point has a rate",
        f"update {CURVES} set retention_rate = 0 where period_n = 4",
    ),
    (
        "fct_retention_curves",
        "the curves' counts",
        f"update {TRIANGLE} set retained_users = 2 where {FIRST_CELL}",
    ),
    ("fct_growth_accounting", "one row per", repeat_row(GROWTH)),
    ("fct_growth_accounting", "active = retained", f"update {GROWTH} set retained = 2"),
    ("fct_growth_accounting", "active = active before", f"update {GROWTH} set churned = 2"),
    (
        "fct_growth_accounting",
        "periods follow",
        f"delete from {GROWTH} where period_start = '2024-01-03'",
    ),
    (
        "fct_growth_accounting",
        "a period carries counts",
        f"update {GROWTH} set active = 0 where period = 'week'",
    ),
    ("fct_growth_accounting", "quick ratio", f"update {GROWTH} set quick_ratio = 9"),
    ("fct_app_activity_daily", "one row per", repeat_row(ACTIVITY)),
    ("fct_app_activity_daily", "0 <= new users", f"update {ACTIVITY} set wau = 4"),
    ("fct_app_activity_daily", "stickiness", f"update {ACTIVITY} set stickiness = 0.9"),
    (
        "fct_app_activity_daily",
        "no activity after",
        "update marts.dim_apps set watermark = '2024-01-03'",
    ),
    ("fct_app_activity_daily", "every app with users", f"truncate {ACTIVITY}"),
    ("fct_app_activity_daily", "the new users", f"update {ACTIVITY} set new_users = 1"),
    ("fct_retention_by_behaviour", "one row per", repeat_row(BEHAVIOUR)),
    ("fct_retention_by_behaviour", "0 <= retained", f"update {BEHAVIOUR} set retained_users = 4"),
    ("fct_retention_by_behaviour", "the rate is", f"update {BEHAVIOUR} set retention_rate = 0.4"),
    ("fct_retention_by_behaviour", "the rate is", f"update {BEHAVIOUR} set ci_high = 0.1"),
    (
        "fct_retention_by_behaviour",
        "each behaviour tells apart",
        f"delete from {BEHAVIOUR} where not did",
    ),
    (
        "fct_retention_by_behaviour",
        "each behaviour tells apart",
        f"update {BEHAVIOUR} set event_share = 0.6",
    ),
    (
        "fct_retention_by_behaviour",
        "its users are no more",
        f"update {TRIANGLE} set retained_users = 0 where {FIRST_CELL}",
    ),
    (
        "fct_retention_by_behaviour",
        "an app has at most 30",
        f"insert into {BEHAVIOUR} by name select rows.* replace ('e' || i as value)"
        f" from {BEHAVIOUR} as rows, range(30) as numbers (i) where behaviour = 'event'",
    ),
    ("fct_growth_shape", "one row per", repeat_row(SHAPE)),
    ("fct_growth_shape", "its days are those", f"delete from {SHAPE} where app_id = 'gamma'"),
    ("fct_growth_shape", "its days are those", f"update {SHAPE} set active_users_7d = 4"),
    ("fct_growth_shape", "new users add up", f"update {SHAPE} set new_users_7d = 1"),
    ("fct_growth_shape", "new users add up", f"update {SHAPE} set cumulative_users = 3"),
    ("fct_growth_shape", "shares lie between", f"update {SHAPE} set new_users_vs_peak = 2"),
    ("fct_growth_shape", "shares lie between", f"update {SHAPE} set new_user_share = 0.5"),
    (
        "fct_growth_shape",
        "on a week's last day",
        f"update {GROWTH} set is_complete = true, completes_on = '2024-01-04', quick_ratio = 5"
        " where period = 'week'",
    ),
    ("fct_growth_shape", "ratios are not negative", f"update {SHAPE} set quick_ratio_7d = -1"),
    (
        "fct_growth_shape",
        "ratios are not negative",
        f"update {SHAPE} set arrives_but_leaves = true",
    ),
    ("fct_launch_velocity", "one row per", repeat_row(VELOCITY)),
    ("fct_launch_velocity", "days since", f"update {VELOCITY} set launch_date = '2024-01-03'"),
    ("fct_launch_velocity", "days since", f"update {VELOCITY} set days_since_launch = 1"),
    (
        "fct_launch_velocity",
        "a larger number",
        f"update {VELOCITY} set reached_on = '2024-01-03' where milestone = 2",
    ),
    (
        "fct_launch_velocity",
        "a larger number",
        f"update {VELOCITY} set reached_on = null where milestone = 2",
    ),
    (
        "fct_launch_velocity",
        "a number of users",
        f"update {VELOCITY} set reached_on = '2024-01-04' where milestone = 4",
    ),
    ("launch_notes", "one row per", repeat_row("marts.launch_notes")),
    ("launch_notes", "every launch note", "delete from marts.launch_notes where kind = 'price'"),
    ("launch_notes", "no launch note lies", "update marts.launch_notes set note_date='2020-01-02'"),
    ("fct_launch_effects", "one row per", repeat_row(EFFECTS)),
    ("fct_launch_effects", "every launch note", f"delete from {EFFECTS} where app_id = 'alpha'"),
    (
        "fct_launch_effects",
        "users and rates",
        f"update {TRIANGLE} set retained_users = 0 where {FIRST_CELL}",
    ),
    ("fct_launch_effects", "users and rates", f"update {EFFECTS} set users_after = 5"),
    ("fct_launch_effects", "the difference", f"update {EFFECTS} set difference = 0.4"),
    ("fct_launch_effects", "the difference", f"update {EFFECTS} set ci_low = 0.6, ci_high = 0.7"),
    ("fct_launch_effects", "beyond noise", f"update {EFFECTS} set is_beyond_noise = true"),
    ("fct_launch_effects", "beyond noise", f"update {EFFECTS} set noise = 0.9"),
    ("fct_launch_effects", "a comparison is complete", f"update {EFFECTS} set is_complete = true"),
    ("fct_installs_daily", "one row per", repeat_row(INSTALLS)),
    (
        "fct_installs_daily",
        "cumulative downloads",
        f"update {INSTALLS} set cumulative_downloads = 60001 where install_date = '2024-01-01'",
    ),
    ("fct_installs_daily", "days to 100,000", f"update {INSTALLS} set days_to_1m = 0"),
    ("fct_installs_daily", "there are installs", f"truncate {INSTALLS}"),
    ("fct_installs_daily", "no day is missing", f"update {INSTALLS} set missing_days = 1"),
    ("fct_installs_daily", "uninstalls are fewer", f"update {INSTALLS} set uninstalls = 9999999"),
    ("fct_reviews_weekly", "one row per", repeat_row(WEEKS)),
    ("fct_reviews_weekly", "the stars add up", f"update {WEEKS} set stars_2 = 1 where is_complete"),
    ("fct_reviews_weekly", "the stars add up", f"update {WEEKS} set mean_rating = 2"),
    ("fct_reviews_weekly", "incomplete weeks", f"update {WEEKS} set is_complete = true"),
    (
        "fct_reviews_weekly",
        "an app's weeks",
        f"update {WEEKS} set week_start = '2024-01-15' where not is_complete",
    ),
    ("fct_reviews_weekly", "there are weeks", f"truncate {WEEKS}"),
    ("fct_review_themes", "one row per", repeat_row(THEMES)),
    ("fct_review_themes", "the share is", f"update {THEMES} set share = 0.5"),
    ("fct_review_themes", "the share is", f"update {THEMES} set ci_low = null"),
    (
        "fct_review_themes",
        "before and after",
        f"update {THEMES} set reviews = 2 where period = 'all'",
    ),
    ("fct_review_themes", "the mean rating", f"update {THEMES} set mean_rating = 0"),
    ("fct_review_themes", "some of an app's", f"update {THEMES} set reviews = 100, mentions = 0"),
    ("review_samples", "one row per", repeat_row(SAMPLES)),
    *(
        ("review_samples", "no quote holds", f"update {SAMPLES} set quote = quote || '{contact}'")
        for contact in (" me@x.example", "@somebody", " 555 010 99 99", " https://x.example")
    ),
    ("review_samples", "a quote has", f"update {SAMPLES} set quote = 'It crashes'"),
    ("review_samples", "a quote has", f"update {SAMPLES} set sample_n = 4"),
    ("review_samples", "there are no more", f"update {SAMPLES} set theme = 'price'"),
    ("fct_app_ranks_daily", "one row per", repeat_row(RANKS)),
    (
        "fct_app_ranks_daily",
        "state is",
        f"update {RANKS} set state = 'off_chart' where state = 'not_fetched'",
    ),
    ("fct_app_ranks_daily", "1 <= best rank", f"update {RANKS} set rank = 9 where rank = 1"),
    (
        "fct_app_ranks_daily",
        "no two apps",
        f"update {RANKS} set rank = 1 where rank is not null",
    ),
    ("fct_app_ranks_daily", "there are ranks when", f"truncate {RANKS}"),
    (
        "fct_app_ranks_daily",
        "every chart was fetched",
        f"insert into {RANKS} select * replace ('de' as storefront) from {RANKS}"
        " where rank_date = '2024-01-01'",
    ),
    ("fct_forecasts", "one row per", repeat_row("marts.fct_forecasts")),
    ("fct_forecasts", "rates lie", "update marts.fct_forecasts set ci_low = 0.6"),
    ("fct_forecasts", "a refused", "update marts.fct_forecasts set reason = 'x'"),
    ("fct_forecasts", "a refused", "update marts.fct_forecasts set forecast_rate = 0.5"),
    (
        "fct_forecasts",
        "a rate is called observed",
        "update marts.fct_forecasts set as_of = as_of - 1",
    ),
    (
        "fct_forecasts",
        "a rate is called observed",
        "update marts.fct_forecasts set observed_users = 4",
    ),
    (
        "fct_forecasts",
        "unbounded retention",
        "update marts.fct_forecasts set forecast_rate = 0.4 where definition = 'unbounded'",
    ),
    ("fct_forecast_curves", "one row per", repeat_row("marts.fct_forecast_curves")),
    ("fct_forecast_curves", "rates lie", "update marts.fct_forecast_curves set ci_high = 1.1"),
    (
        "fct_forecast_curves",
        "what is shown",
        "update marts.fct_forecast_curves set observed_rate = 0",
    ),
    ("fct_forecast_backtest", "one row per", repeat_row("marts.fct_forecast_backtest")),
    ("fct_forecast_backtest", "rates lie", "update marts.fct_forecast_backtest set ci_low = 0.6"),
    ("fct_forecast_backtest", "no outcome", "update marts.fct_forecast_backtest set day_n = 2"),
    (
        "fct_forecast_backtest",
        "no outcome",
        "update marts.fct_forecast_backtest set known_on = known_on + 1",
    ),
    (
        "fct_forecast_backtest",
        "intervals hold",
        "update marts.fct_forecast_backtest set is_covered = false",
    ),
    ("app_scorecard_verdict", "a verdict is", "update marts.app_scorecard set verdict = 'fine'"),
    (
        "app_scorecard_verdict",
        "a verdict is",
        "update marts.app_scorecard set verdict_reason_1 = null",
    ),
    (
        "app_scorecard_verdict",
        "confidence",
        "update marts.app_scorecard set verdict_confidence = 0.9",
    ),
    (
        "app_scorecard_verdict",
        "no app is judged",
        "update marts.app_scorecard set verdict = 'spike'",
    ),
    (
        "fct_app_ranks_daily",
        "worse than the depth",
        f"update {RANKS} set worse_than = 3 where state = 'ranked'",
    ),
    (
        "fct_app_ranks_daily",
        "worse than the depth",
        f"update {RANKS} set worse_than = null",
    ),
    (
        "fct_app_ranks_daily",
        "the previous rank",
        f"update {RANKS} set previous_rank_date = '2024-01-02' where movement = 'up'",
    ),
    (
        "fct_app_ranks_daily",
        "the previous rank",
        f"update {RANKS} set previous_rank = 1 where state = 'not_fetched'",
    ),
    ("fct_app_ranks_daily", "the movement", f"update {RANKS} set movement = 'entered'"),
    ("fct_app_ranks_daily", "the movement", f"update {RANKS} set rank_change = 7"),
    ("fct_rank_summary", "one row per", repeat_row(SUMMARY)),
    ("fct_rank_summary", "the summary's peak", f"update {SUMMARY} set peak_rank = 3"),
    ("fct_rank_summary", "days in the top 10", f"update {SUMMARY} set days_top_10 = 5"),
    ("fct_rank_summary", "the latest rank", f"update {SUMMARY} set latest_rank = 1"),
    ("fct_rank_summary", "first ranked", f"update {SUMMARY} set days_to_peak = 1"),
    ("fct_rank_summary", "a half-life has", f"update {SUMMARY} set half_life_state = 'reached'"),
    (
        "fct_rank_summary",
        "a half-life has",
        f"update {SUMMARY} set half_life_date = peak_date + 1, half_life_days = 1",
    ),
    (
        "fct_rank_summary",
        "in the week of",
        f"update {SUMMARY} set half_life_date = '2023-12-28' where store_app_id = '333'",
    ),
    ("fct_rank_summary", "a decay lies", f"update {SUMMARY} set decay_per_day = 0.1"),
    (
        "fct_rank_summary",
        "a decay lies",
        f"update {SUMMARY} set decay_per_day = 0.1, decay_ci_low = 0, decay_ci_high = 1,"
        " decay_days = 4",
    ),
    ("fct_rank_summary", "every tracked app has", f"update {SUMMARY} set story = null"),
    (
        "fct_rank_summary",
        "the half-lives of",
        f"update {SUMMARY} set half_life_state = 'cannot_tell'",
    ),
    ("fct_rank_company", "one row per", repeat_row(COMPANY)),
    ("fct_rank_company", "both ranks", f"update {COMPANY} set other_rank = 3"),
    ("fct_rank_company", "both ranks", f"update {COMPANY} set rank_date = '2024-01-01'"),
    ("fct_rank_company", "everybody listed", f"update {COMPANY} set is_neighbour = true"),
    (
        "fct_rank_company",
        "everybody listed",
        f"update {COMPANY} set passed_since_peak = false",
    ),
    ("fct_rank_company", "who has passed", f"update {COMPANY} set other_rank_at_peak = 1"),
    ("fct_chart_movers", "one row per", repeat_row(MOVERS)),
    ("fct_chart_movers", "the movers are", f"update {MOVERS} set rank = 9 where rank = 1"),
    ("fct_chart_movers", "every entry", f"delete from {MOVERS} where movement = 'left'"),
    ("fct_chart_movers", "every entry", f"delete from {MOVERS} where place = 2"),
    ("fct_chart_movers", "the places", f"update {MOVERS} set place = 3 - place"),
    ("fct_chart_movers", "the places", f"update {MOVERS} set rank_ratio = 3"),
    (
        "fct_chart_movers",
        "at most half",
        f"update {MOVERS} set movement = 'entered', previous_rank_date = rank_date - 1",
    ),
    ("app_scorecard", "one row per app_id", repeat_row(SCORECARD)),
    ("app_scorecard", "one row per tracked", f"delete from {SCORECARD} where app_id = 'beta'"),
    ("app_scorecard", "D1 is shown", f"update {SCORECARD} set watermark = '2024-01-01'"),
    (
        "app_scorecard",
        "D7 is shown",
        f"update {SCORECARD} set d7_rate = 0, d7_is_complete = true, d7_cohorts = 1",
    ),
    ("app_scorecard", "D30 is shown", f"update {SCORECARD} set d30_rate = 0"),
    (
        "app_scorecard",
        "D60 is shown",
        f"update {SCORECARD} set d60_rate = 0, d60_is_complete = true, d60_cohorts = 1",
    ),
    ("app_scorecard", "rates lie within", f"update {SCORECARD} set d1_ci_high = 0.1"),
    ("app_scorecard", "the milestones", f"update {SCORECARD} set d1_rate = 0.7"),
    ("data_freshness", "one row per", repeat_row("marts.data_freshness")),
    (
        "data_freshness",
        "every source has landed something",
        "update marts.data_freshness set last_landed_at = null",
    ),
    (
        "data_freshness",
        "every source has landed something in",
        "update marts.data_freshness set last_landed_at = '2024-01-01'",
    ),
    (
        "fct_missing_days",
        "one row per",
        "insert into marts.fct_missing_days values ('gamma', 'gamma_events', '2024-01-09');"
        + repeat_row("marts.fct_missing_days"),
    ),
    (
        "fct_missing_days",
        "every cell of a cohort",
        "insert into marts.fct_missing_days values ('alpha', 'alpha_events', '2024-01-02')",
    ),
    (
        "fct_missing_days",
        "every cell of a cohort",
        f"update {TRIANGLE} set has_missing_days = true where {FIRST_CELL}",
    ),
    ("late_arrivals", "one row per", repeat_row("marts.late_arrivals")),
    ("late_arrivals", "a share is", "update marts.late_arrivals set share = 0.5"),
    (
        "late_arrivals",
        "what landed within fewer",
        "update marts.late_arrivals set events_within = 1, share = 0.1 where within_days = 2",
    ),
    ("data_freshness", "no extract failed", "update marts.data_freshness set extracts_failed = 1"),
    (
        "marts_privacy",
        "no mart has a column",
        f"alter table {TRIANGLE} add column user_key varchar",
    ),
]


def check_named(suite_name: str, beginning: str) -> Check:
    named = [c for c in SUITES[suite_name].checks if c.expectation.startswith(beginning)]
    assert named, f"{suite_name} has no check that begins with {beginning!r}"
    return min(named, key=lambda check: len(check.expectation))


def violations(
    con: duckdb.DuckDBPyConnection, suite_name: str, check: Check
) -> list[dict[str, Any]]:
    suite = SUITES[suite_name]
    for query in suite.prepare:
        con.execute(query)
    found = con.execute(suite.violations_query(check))
    columns = [column[0] for column in found.description]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize(("suite_name", "check"), CHECKS, ids=lambda value: str(value)[:60])
def test_a_check_passes_on_good_data_and_on_none(
    warehouse: duckdb.DuckDBPyConnection,
    empty_warehouse: duckdb.DuckDBPyConnection,
    suite_name: str,
    check: Check,
) -> None:
    assert violations(warehouse, suite_name, check) == []
    assert violations(empty_warehouse, suite_name, check) == []


@pytest.mark.parametrize(("suite_name", "beginning", "damage"), PROVOCATIONS)
def test_a_check_finds_what_it_is_there_for(
    warehouse: duckdb.DuckDBPyConnection, suite_name: str, beginning: str, damage: str
) -> None:
    warehouse.execute(damage)
    found = violations(warehouse, suite_name, check_named(suite_name, beginning))
    assert found
    if SUITES[suite_name].stage == "raw":
        assert [row["extract_id"] for row in found] == [NEW[suite_name]]
        assert all(row["unexpected_count"] >= 0 for row in found)


def test_every_check_is_provoked() -> None:
    provoked = {(suite, check_named(suite, name).expectation) for suite, name, _ in PROVOCATIONS}
    assert {(suite, check.expectation) for suite, check in CHECKS} == provoked


def test_no_two_checks_of_a_suite_say_the_same() -> None:
    repeated = Counter((suite, check.expectation) for suite, check in CHECKS)
    assert max(repeated.values()) == 1


@pytest.mark.parametrize(
    "column",
    [
        *("user_id", "USER_ID", "device_id", "event_id", "email", "uuid"),
        *("author", "author_key", "review_id"),
    ],
)
def test_columns_that_identify_users_are_told_from_counts(
    warehouse: duckdb.DuckDBPyConnection, column: str
) -> None:
    check = SUITES["marts_privacy"].checks[0]
    kind = "uuid" if column == "uuid" else "varchar"
    warehouse.execute(
        f'create table marts.leak (total_users int, app_id varchar, "{column}" {kind})'
    )
    assert [row["column_name"] for row in violations(warehouse, "marts_privacy", check)] == [column]


def test_an_event_repeated_in_a_quarantined_extract_is_no_duplicate(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute(
        """
        insert into raw.extracts select * replace ('e0' as extract_id, 'quarantined' as status)
        from raw.extracts where extract_id = 'e1';
        insert into raw.app_events select * replace ('e0' as extract_id) from raw.app_events;
        """
    )
    assert violations(warehouse, "raw_events", check_named("raw_events", "no event id")) == []


def test_a_cumulative_export_is_no_old_file(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(
        """
        update raw.extracts set rows_duplicate = 94, rows_seen = 100 where kind = 'events';
        insert into raw.extracts select * replace (
            'e0' as extract_id, timestamp '2024-01-03' as max_event_time
        ) from raw.extracts where extract_id = 'e1'
        """
    )
    check = check_named("raw_events", "an extract of duplicates")
    assert violations(warehouse, "raw_events", check) == []
