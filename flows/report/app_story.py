"""Reads what the page of one app tells: verdict, forecast, rank, growth, behaviour, reviews.

The same words hold as in `queries`: rates are fractions, and what is not known is None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

TABLES = (
    "fct_forecasts",
    "fct_forecast_curves",
    "fct_forecast_backtest",
    "fct_rank_company",
    "fct_growth_shape",
    "fct_launch_velocity",
    "fct_launch_effects",
    "launch_notes",
    "fct_retention_by_behaviour",
    "fct_reviews_weekly",
    "fct_review_themes",
    "review_samples",
)


@dataclass(frozen=True)
class Verdict:
    """One row per tracked app: what it is called, why, and when more can be told."""

    app_id: str
    word: str | None
    confidence: float | None
    reasons: tuple[str, ...]
    would_change: str | None
    next_on: date | None
    next: str | None


@dataclass(frozen=True)
class Forecast:
    """One row per app, cohort group, definition and day_n.

    `rate` is what was observed where `status` is `observed`, the forecast where it is `forecast`,
    and None where it is `refused`.
    """

    app_id: str
    cohort_group: str
    definition: str
    day_n: int
    as_of: date | None
    users: int | None
    observed_users: int | None
    observed_days: int | None
    status: str
    reason: str | None
    rate: float | None
    ci_low: float | None
    ci_high: float | None
    completes_on: date | None


@dataclass(frozen=True)
class ForecastCurve:
    """One row per app: the classic forecast after the last day that is observed, and that day."""

    app_id: str
    last_observed_day: int | None
    last_observed_rate: float | None
    days: list[int]
    rates: list[float]
    ci_lows: list[float | None]
    ci_highs: list[float | None]


@dataclass(frozen=True)
class Accuracy:
    """One row per app, definition, day_n and method: how past forecasts did."""

    app_id: str
    definition: str
    day_n: int
    method: str
    forecasts: int
    median_error: float | None
    coverage: float | None


@dataclass(frozen=True)
class RankStory:
    """One row per chart and tracked app that was ever ranked on it."""

    app_id: str
    chart_key: tuple[str, str, str, str]
    store_app_id: str
    story: str | None
    peak_rank: int
    peak_date: date
    days_to_peak: int | None
    half_life_state: str | None
    half_life_date: date | None
    half_life_days: int | None
    volatility: float | None
    decay_per_day: float | None
    decay_ci_low: float | None
    decay_ci_high: float | None
    decay_days: int | None
    days_top_10: int | None
    days_top_100: int | None
    latest_state: str | None
    latest_rank: int | None
    latest_date: date | None


@dataclass(frozen=True)
class Company:
    """One row per chart, tracked app and other app of interest: a neighbour, or one that passed."""

    app_id: str
    chart_key: tuple[str, str, str, str]
    store_app_id: str
    rank_date: date | None
    rank: int | None
    other_name: str
    other_rank: int | None
    other_rank_at_peak: int | None
    is_neighbour: bool
    passed_since_peak: bool


@dataclass(frozen=True)
class GrowthDay:
    """One row per app and day since its launch."""

    app_id: str
    activity_date: date
    launch_day_n: int | None
    new_users: int | None
    cumulative_users: int | None
    cumulative_downloads: int | None
    new_users_7d: int | None
    active_users_7d: int | None
    new_user_share: float | None
    quick_ratio_7d: float | None
    quick_ratio_trend: float | None
    new_users_vs_peak: float | None
    arrives_but_leaves: bool | None


@dataclass(frozen=True)
class Velocity:
    """One row per app, measure and milestone; None where it has not been reached."""

    app_id: str
    measure: str
    milestone: int
    launch_date: date | None
    reached_on: date | None
    days_since_launch: int | None


@dataclass(frozen=True)
class Note:
    """One row per app and launch note."""

    app_id: str
    note_date: date
    kind: str | None
    title: str


@dataclass(frozen=True)
class Effect:
    """One row per app, launch note and day_n: retention of the cohorts before and after it."""

    app_id: str
    note_date: date
    kind: str | None
    title: str
    day_n: int
    window_days: int | None
    users_before: int | None
    users_after: int | None
    rate_before: float | None
    rate_after: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    noise: float | None
    is_beyond_noise: bool | None
    is_complete: bool
    completes_on: date | None


@dataclass(frozen=True)
class Behaviour:
    """One row per app, window, behaviour, value, outcome day and whether users did it."""

    app_id: str
    observed_in: str
    behaviour: str
    value: str
    did: bool | None
    outcome_day_n: int
    users: int | None
    retained_users: int | None
    retention_rate: float | None
    ci_low: float | None
    ci_high: float | None
    user_share: float | None
    event_share: float | None
    rate_ratio: float | None
    has_enough_users: bool


@dataclass(frozen=True)
class ReviewWeek:
    """One row per app, store and week; without a review there is no mean rating."""

    app_id: str
    store: str
    week_start: date
    reviews: int | None
    mean_rating: float | None
    is_complete: bool


@dataclass(frozen=True)
class Theme:
    """One row per app, theme and period of reviews: before the peak, after it, or all."""

    app_id: str
    theme: str
    period: str
    reviews: int | None
    mentions: int | None
    share: float | None
    ci_low: float | None
    ci_high: float | None
    mean_rating: float | None


@dataclass(frozen=True)
class Quote:
    """One row per app, theme and sample; whoever wrote it is not known here."""

    app_id: str
    theme: str
    sample_n: int
    reviewed_on: date | None
    rating: int | None
    storefront: str | None
    app_version: str | None
    language: str | None
    quote: str


@dataclass(frozen=True)
class CohortWeek:
    """One row per app, calendar week of cohorts and day_n; complete weeks only."""

    app_id: str
    day_n: int
    week_start: date
    cohort_users: int
    rate: float | None


@dataclass
class Story:
    """All that is known of one app beyond the overview; an empty list says that nothing is."""

    forecasts: list[Forecast] = field(default_factory=list)
    forecast_curve: ForecastCurve | None = None
    accuracy: list[Accuracy] = field(default_factory=list)
    ranks: list[RankStory] = field(default_factory=list)
    company: list[Company] = field(default_factory=list)
    growth: list[GrowthDay] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    reviews: list[ReviewWeek] = field(default_factory=list)
    themes: list[Theme] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    cohort_weeks: list[CohortWeek] = field(default_factory=list)


def read_stories(con: duckdb.DuckDBPyConnection) -> dict[str, Story]:
    """A story per app_id of which any mart tells anything; absent apps have none."""
    stories: dict[str, Story] = defaultdict(Story)
    _file(stories, "forecasts", read_forecasts(con))
    for curve in read_forecast_curves(con):
        stories[curve.app_id].forecast_curve = curve
    _file(stories, "accuracy", read_accuracy(con))
    _file(stories, "ranks", read_rank_stories(con))
    _file(stories, "company", read_company(con))
    _file(stories, "growth", read_growth_shape(con))
    _file(stories, "notes", read_notes(con))
    _file(stories, "effects", read_effects(con))
    _file(stories, "behaviours", read_behaviours(con))
    _file(stories, "reviews", read_review_weeks(con))
    _file(stories, "themes", read_themes(con))
    _file(stories, "quotes", read_quotes(con))
    _file(stories, "cohort_weeks", read_cohort_weeks(con))
    return dict(stories)


def _file(stories: dict[str, Story], shelf: str, rows: Iterable[Any]) -> None:
    for row in rows:
        getattr(stories[row.app_id], shelf).append(row)


def read_verdicts(con: duckdb.DuckDBPyConnection) -> dict[str, Verdict]:
    """The verdict on every app of the scorecard, by app_id."""
    rows = con.execute(
        """
        select
            app_id,
            verdict,
            case when verdict <> 'too_early' then verdict_confidence end,
            list_filter(
                [verdict_reason_1, verdict_reason_2, verdict_reason_3], lambda r: trim(r) <> ''
            ),
            verdict_would_change,
            verdict_next_on,
            verdict_next,
        from marts.app_scorecard
        """
    ).fetchall()
    return {row[0]: Verdict(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows}


# How many days the oldest cohort of an app has been observed: no rate beyond it can be known.
_AGES = """
    ages as (
        select app_id, watermark - first_cohort_date as days_observed
        from marts.app_scorecard
    )
"""


def read_forecasts(con: duckdb.DuckDBPyConnection) -> list[Forecast]:
    """Forecasts of tracked apps, all cohorts first.

    What a mart calls observed is shown only where the app is old enough for it to be.
    """
    rows = con.execute(
        f"""
        with {_AGES}
        select
            f.app_id,
            f.cohort_group,
            f.definition,
            f.day_n,
            f.as_of,
            f.users,
            f.observed_users,
            f.observed_days,
            f.status,
            f.reason,
            case
                when f.status = 'forecast' then f.forecast_rate
                when f.status = 'observed' and f.day_n <= a.days_observed then f.forecast_rate
            end as rate,
            f.ci_low,
            f.ci_high,
            f.completes_on,
        from marts.fct_forecasts as f
        inner join ages as a on f.app_id = a.app_id
        order by f.app_id, f.cohort_group <> 'all', f.cohort_group, f.definition, f.day_n
        """
    ).fetchall()
    return [Forecast(*row) for row in rows]


def read_forecast_curves(con: duckdb.DuckDBPyConnection) -> list[ForecastCurve]:
    """What the forecast says after the last observed day, of apps that have such days."""
    rows = con.execute(
        f"""
        with {_AGES},
        points as (
            select
                c.app_id,
                c.day_n,
                case when c.day_n <= a.days_observed then c.observed_rate end as observed_rate,
                c.forecast_rate,
                c.ci_low,
                c.ci_high,
            from marts.fct_forecast_curves as c
            inner join ages as a on c.app_id = a.app_id
        ),
        reach as (
            select
                app_id,
                max(day_n) filter (where observed_rate is not null) as last_day,
                arg_max(observed_rate, day_n) as last_rate,
            from points
            group by app_id
        )
        select
            p.app_id,
            any_value(r.last_day),
            any_value(r.last_rate),
            list(p.day_n order by p.day_n),
            list(round(p.forecast_rate, 5) order by p.day_n),
            list(round(p.ci_low, 5) order by p.day_n),
            list(round(p.ci_high, 5) order by p.day_n),
        from points as p
        inner join reach as r on p.app_id = r.app_id
        where p.forecast_rate is not null and p.day_n > coalesce(r.last_day, 0)
        group by p.app_id
        order by p.app_id
        """
    ).fetchall()
    return [ForecastCurve(*row) for row in rows]


def read_accuracy(con: duckdb.DuckDBPyConnection) -> list[Accuracy]:
    """Median absolute error and interval coverage of past forecasts, the blend before baselines."""
    rows = con.execute(
        """
        select
            app_id,
            definition,
            day_n,
            method,
            count(*),
            median(abs(error)),
            avg(cast(is_covered as integer)),
        from marts.fct_forecast_backtest
        where method in ('blend', 'last_value', 'other_apps') and actual_rate is not null
        group by app_id, definition, day_n, method
        order by app_id, definition, day_n, method
        """
    ).fetchall()
    return [Accuracy(*row) for row in rows]


def read_rank_stories(con: duckdb.DuckDBPyConnection) -> list[RankStory]:
    """The chart stories of tracked apps, the best peak first."""
    rows = con.execute(
        """
        select
            s.app_id,
            s.store,
            s.storefront,
            s.chart,
            s.genre,
            s.store_app_id,
            s.story,
            s.peak_rank,
            s.peak_date,
            s.days_to_peak,
            s.half_life_state,
            s.half_life_date,
            s.half_life_days,
            s.volatility,
            s.decay_per_day,
            s.decay_ci_low,
            s.decay_ci_high,
            s.decay_days,
            s.days_top_10,
            s.days_top_100,
            s.latest_state,
            s.latest_rank,
            s.latest_date,
        from marts.fct_rank_summary as s
        inner join marts.dim_apps as a on s.app_id = a.app_id and a.is_tracked
        where s.peak_rank is not null
        order by
            s.app_id, s.peak_rank, s.days_ranked desc,
            s.store, s.storefront, s.chart, s.genre, s.store_app_id
        """
    ).fetchall()
    return [RankStory(row[0], (row[1], row[2], row[3], row[4]), *row[5:]) for row in rows]


def read_company(con: duckdb.DuckDBPyConnection) -> list[Company]:
    """Neighbours of tracked apps on their charts, and those that passed them since the peak."""
    rows = con.execute(
        """
        select
            app_id,
            store,
            storefront,
            chart,
            genre,
            store_app_id,
            rank_date,
            rank,
            coalesce(other_app_name, other_store_app_id),
            other_rank,
            other_rank_at_peak,
            coalesce(is_neighbour, false),
            coalesce(passed_since_peak, false),
        from marts.fct_rank_company
        where is_neighbour or passed_since_peak
        order by
            app_id, store, storefront, chart, genre, store_app_id,
            other_rank nulls last, other_app_name, other_store_app_id
        """
    ).fetchall()
    return [Company(row[0], (row[1], row[2], row[3], row[4]), *row[5:]) for row in rows]


def read_growth_shape(con: duckdb.DuckDBPyConnection) -> list[GrowthDay]:
    """Every day since the launch, by app and day."""
    rows = con.execute(
        """
        select
            app_id,
            activity_date,
            launch_day_n,
            new_users,
            cumulative_users,
            cumulative_downloads,
            new_users_7d,
            active_users_7d,
            round(new_user_share, 4),
            round(quick_ratio_7d, 4),
            quick_ratio_trend,
            new_users_vs_peak,
            arrives_but_leaves,
        from marts.fct_growth_shape
        order by app_id, activity_date
        """
    ).fetchall()
    return [GrowthDay(*row) for row in rows]


def read_velocity(con: duckdb.DuckDBPyConnection) -> list[Velocity]:
    """Milestones of every app, users before downloads, the smallest first."""
    rows = con.execute(
        """
        select app_id, measure, milestone, launch_date, reached_on, days_since_launch
        from marts.fct_launch_velocity
        order by measure <> 'users', measure, milestone, app_id
        """
    ).fetchall()
    return [Velocity(*row) for row in rows]


def read_notes(con: duckdb.DuckDBPyConnection) -> list[Note]:
    """The launch notes as they were configured, by date."""
    rows = con.execute(
        """
        select app_id, note_date, kind, coalesce(title, kind, 'note')
        from marts.launch_notes
        order by app_id, note_date, kind, title
        """
    ).fetchall()
    return [Note(*row) for row in rows]


def read_effects(con: duckdb.DuckDBPyConnection) -> list[Effect]:
    """Retention before and after each note, by date and day_n."""
    rows = con.execute(
        """
        select
            app_id,
            note_date,
            kind,
            coalesce(title, kind, 'note'),
            day_n,
            window_days,
            users_before,
            users_after,
            rate_before,
            rate_after,
            difference,
            ci_low,
            ci_high,
            noise,
            is_beyond_noise,
            coalesce(is_complete, false),
            completes_on,
        from marts.fct_launch_effects
        order by app_id, note_date, kind, title, day_n
        """
    ).fetchall()
    return [Effect(*row) for row in rows]


def read_behaviours(con: duckdb.DuckDBPyConnection) -> list[Behaviour]:
    """Retention by what users did, by window, behaviour and value."""
    rows = con.execute(
        """
        select
            app_id,
            observed_in,
            behaviour,
            coalesce(value, behaviour),
            did,
            outcome_day_n,
            users,
            retained_users,
            retention_rate,
            ci_low,
            ci_high,
            user_share,
            event_share,
            rate_ratio,
            coalesce(has_enough_users, false),
        from marts.fct_retention_by_behaviour
        order by app_id, observed_in, outcome_day_n, behaviour, value, did desc nulls first
        """
    ).fetchall()
    return [Behaviour(*row) for row in rows]


def read_review_weeks(con: duckdb.DuckDBPyConnection) -> list[ReviewWeek]:
    """Weeks of reviews, by store and week, those without a review included."""
    rows = con.execute(
        """
        select app_id, store, week_start, reviews, mean_rating, coalesce(is_complete, false)
        from marts.fct_reviews_weekly
        order by app_id, store, week_start
        """
    ).fetchall()
    return [ReviewWeek(*row) for row in rows]


def read_themes(con: duckdb.DuckDBPyConnection) -> list[Theme]:
    """Theme shares by period, the theme that is spoken of most first."""
    rows = con.execute(
        """
        with sizes as (
            select app_id, theme, max(mentions) filter (where period = 'all') as mentions
            from marts.fct_review_themes
            group by app_id, theme
        )
        select
            t.app_id,
            t.theme,
            t.period,
            t.reviews,
            t.mentions,
            t.share,
            t.ci_low,
            t.ci_high,
            t.mean_rating,
        from marts.fct_review_themes as t
        inner join sizes as s on t.app_id = s.app_id and t.theme = s.theme
        order by t.app_id, s.mentions desc nulls last, t.theme, t.period
        """
    ).fetchall()
    return [Theme(*row) for row in rows]


def read_quotes(con: duckdb.DuckDBPyConnection) -> list[Quote]:
    """Sample quotes, by theme and their number."""
    rows = con.execute(
        """
        select
            app_id,
            theme,
            sample_n,
            reviewed_on,
            rating,
            storefront,
            app_version,
            language,
            quote,
        from marts.review_samples
        where trim(quote) <> ''
        order by app_id, theme, sample_n
        """
    ).fetchall()
    return [Quote(*row) for row in rows]


def read_cohort_weeks(con: duckdb.DuckDBPyConnection) -> list[CohortWeek]:
    """Day-1 and day-7 retention of the cohorts of each calendar week that are all complete."""
    rows = con.execute(
        """
        select
            r.app_id,
            r.day_n,
            cast(date_trunc('week', r.cohort_date) as date) as week_start,
            cast(sum(r.cohort_users) as bigint),
            round(sum(r.retained_users) / nullif(sum(r.eligible_users), 0), 5),
        from marts.fct_cohort_retention_daily as r
        inner join marts.dim_apps as a on r.app_id = a.app_id and a.is_tracked
        where r.day_n in (1, 7)
        group by r.app_id, r.day_n, week_start
        having bool_and(r.is_complete)
        order by r.app_id, r.day_n, week_start
        """
    ).fetchall()
    return [CohortWeek(*row) for row in rows]
