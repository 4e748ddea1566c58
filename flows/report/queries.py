"""Reads the published marts into small typed rows, aggregated in SQL to what the page shows.

Days are reporting days, timestamps are UTC, rates are fractions (0..1); a rate that could not be
observed yet is None, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from flows.errors import AfterhypeError

MILESTONES = (1, 7, 30, 60)

TABLES = (
    "dim_apps",
    "app_scorecard",
    "fct_retention_curves",
    "fct_cohort_retention_daily",
    "fct_growth_accounting",
    "fct_app_activity_daily",
    "fct_app_ranks_daily",
    "fct_rank_summary",
    "data_freshness",
    "late_arrivals",
    "restatements",
    "scorecard_changes",
    "gate_history",
    "publication",
)
RUNS_SHOWN = 30


@dataclass(frozen=True)
class Milestone:
    """Classic retention on one day_n; `completes_on` is the first day on which it can be seen."""

    day_n: int
    rate: float | None
    ci_low: float | None
    ci_high: float | None
    eligible_users: int | None
    completes_on: date | None
    is_complete: bool


@dataclass(frozen=True)
class App:
    """One row per tracked app: the scorecard, and the latest observed day of activity."""

    milestones: tuple[Milestone, ...]
    app_id: str
    name: str
    description: str | None
    is_simulated: bool
    watermark: date | None
    first_cohort_date: date | None
    users: int
    cohorts: int
    peak_rank: int | None
    peak_rank_date: date | None
    peak_storefront: str | None
    peak_chart: str | None
    latest_rank: int | None
    latest_rank_state: str | None
    latest_rank_date: date | None
    activity_date: date | None
    dau: int | None
    stickiness: float | None


@dataclass(frozen=True)
class Curve:
    """One row per app and definition: parallel lists over the complete day_n from 1 on."""

    app_id: str
    definition: str
    days: list[int]
    rates: list[float]
    ci_lows: list[float]
    ci_highs: list[float]
    eligible_users: list[int]
    cohorts: list[int]


@dataclass(frozen=True)
class CohortRow:
    """One row per app and cohort period (a day, week or month of cohort dates).

    `rates` is parallel to `days` (day_n, ascending); None where at least one cohort date of the
    period cannot be observed that long yet. `unobserved_from` is the first such day_n.
    """

    app_id: str
    grain: str
    cohort: date
    cohort_users: int
    days: list[int]
    rates: list[float | None]
    unobserved_from: int | None
    observed_to: int | None
    completes_on: date | None


@dataclass(frozen=True)
class GrowthPeriod:
    """One row per app and complete period; `period_end` is the first day after it."""

    app_id: str
    period: str
    period_start: date
    period_end: date
    active: int
    new: int
    retained: int
    resurrected: int
    churned: int
    quick_ratio: float | None


@dataclass(frozen=True)
class RankSeries:
    """One row per chart and tracked app ever ranked on it: its days, and where it stands now."""

    chart_key: tuple[str, str, str, str]
    app_id: str
    ranked_days: list[date]
    ranks: list[int | None]
    off_days: list[date]
    off_depths: list[int]
    peak_rank: int
    peak_date: date
    latest_state: str
    latest_rank: int | None
    latest_date: date


@dataclass(frozen=True)
class ChartSpan:
    """One row per chart: its first and last day, its depth, and the runs of days not fetched."""

    chart_key: tuple[str, str, str, str]
    first_day: date
    last_day: date
    depth: int
    gaps: list[tuple[date, date]]


@dataclass(frozen=True)
class Freshness:
    """One row per source: what has landed from it, and when last (UTC)."""

    source: str
    kind: str
    app_id: str | None
    last_landed_at: datetime | None
    last_event_time: datetime | None
    extracts_landed: int
    extracts_quarantined: int
    extracts_failed: int
    rows_landed: int
    rows_rejected: int
    rows_duplicate: int


@dataclass(frozen=True)
class LateArrivals:
    """One row per event source: the share of its events that landed within so many days.

    ``shares`` is parallel to ``within_days``; None where the source has landed only once.
    """

    source: str
    events: int
    within_days: list[int]
    shares: list[float | None]


@dataclass(frozen=True)
class Moved:
    """One row per app, mart, measure and cause: numbers that this publication has changed.

    ``old_value`` and ``new_value`` are sums over the cells, rates where ``mart`` is the scorecard.
    """

    app_id: str
    app_name: str
    mart: str
    measure: str
    cause: str
    explanation: str
    cells: int
    old_value: float
    new_value: float | None


@dataclass(frozen=True)
class Change:
    """One row per app of which the scorecard says anything new; pairs are (before, now).

    ``cohorts`` has a pair per day_n of MILESTONES: how many cohorts had completed that day.
    """

    app_id: str
    app_name: str
    compared_with: str
    is_new_app: bool
    verdict: tuple[str | None, str | None]
    confidence: tuple[float | None, float | None]
    watermark: tuple[date | None, date | None]
    users: tuple[int | None, int | None]
    cohorts: dict[int, tuple[int | None, int | None]]
    rates: dict[int, tuple[float | None, float | None]]


@dataclass(frozen=True)
class GateRun:
    """One row per run and gate: how many checks there were, and what failed. Times are UTC."""

    run_id: str
    stage: str
    checked_at: datetime
    checks: int
    warnings: int
    critical_failures: int
    failed: str | None


@dataclass(frozen=True)
class GateResult:
    """One expectation, checked once, at the raw or the mart gate."""

    stage: str
    subject: str
    suite: str
    expectation: str
    severity: str
    success: bool
    unexpected_count: int | None
    message: str


@dataclass(frozen=True)
class Publication:
    """The manifest inside the marts file; `built_at` is UTC."""

    row_counts: dict[str, int]
    gate_results: tuple[GateResult, ...]
    publication_id: str
    built_at: datetime
    code_version: str
    definition_hash: str
    timezone: str


def require_tables(con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Raise AfterhypeError naming every one of these marts that the file misses."""
    present = {
        name
        for (name,) in con.execute(
            """
            select table_name
            from information_schema.tables
            where table_catalog = 'marts' and table_schema = 'main'
            """
        ).fetchall()
    }
    missing = [f"marts.{name}" for name in tables if name not in present]
    if missing:
        raise AfterhypeError(f"tables missing: {', '.join(missing)}")


def read_publication(con: duckdb.DuckDBPyConnection) -> Publication:
    """The one row of marts.publication; AfterhypeError if it is absent or its JSON unreadable."""
    row = con.execute(
        """
        select
            publication_id,
            cast(built_at as timestamp) as built_at,
            code_version,
            definition_hash,
            timezone,
            cast(row_counts as varchar) as row_counts,
            cast(gate_results as varchar) as gate_results,
        from marts.publication
        """
    ).fetchone()
    if row is None:
        raise AfterhypeError("marts.publication has no row")
    return Publication(
        _parsed(row[5], "row_counts") or {},
        tuple(_gate_result(entry) for entry in _parsed(row[6], "gate_results") or []),
        *row[:5],
    )


def _parsed(text: str | None, column: str) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise AfterhypeError(f"marts.publication.{column} is not JSON: {error}") from error


def _gate_result(entry: dict[str, Any]) -> GateResult:
    try:
        return GateResult(
            stage=str(entry["stage"]),
            subject=str(entry["subject"]),
            suite=str(entry["suite"]),
            expectation=str(entry["expectation"]),
            severity=str(entry["severity"]),
            success=bool(entry["success"]),
            unexpected_count=entry.get("unexpected_count"),
            message=str(entry.get("message") or ""),
        )
    except KeyError as error:
        raise AfterhypeError(
            f"marts.publication.gate_results: an entry has no {error}: {entry}"
        ) from error


def read_apps(con: duckdb.DuckDBPyConnection) -> list[App]:
    """Every tracked app, the largest first; those without events or ranks carry None."""
    milestone_columns = ",\n            ".join(
        f"s.d{n}_rate, s.d{n}_ci_low, s.d{n}_ci_high, s.d{n}_eligible_users, "
        f"s.d{n}_completes_on, coalesce(s.d{n}_is_complete, false)"
        for n in MILESTONES
    )
    rows = con.execute(
        f"""
        with latest_activity as (
            select
                app_id,
                max(activity_date) as activity_date,
                arg_max(dau, activity_date) as dau,
                arg_max(stickiness, activity_date) as stickiness,
            from marts.fct_app_activity_daily
            group by app_id
        )
        select
            a.app_id,
            coalesce(a.app_name, a.app_id) as app_name,
            a.description,
            coalesce(a.is_simulated, false) as is_simulated,
            a.watermark,
            s.first_cohort_date,
            coalesce(s.users, a.users, 0) as users,
            coalesce(s.cohorts, 0) as cohorts,
            s.peak_rank,
            s.peak_rank_date,
            s.peak_storefront,
            s.peak_chart,
            s.latest_rank,
            s.latest_rank_state,
            s.latest_rank_date,
            l.activity_date,
            l.dau,
            l.stickiness,
            {milestone_columns}
        from marts.dim_apps as a
        left join marts.app_scorecard as s on a.app_id = s.app_id
        left join latest_activity as l on a.app_id = l.app_id
        where a.is_tracked
        order by users desc, app_name, a.app_id
        """
    ).fetchall()
    width = 6
    return [
        App(
            tuple(
                Milestone(n, *row[18 + width * i : 18 + width * (i + 1)])
                for i, n in enumerate(MILESTONES)
            ),
            *row[:18],
        )
        for row in rows
    ]


def read_curves(con: duckdb.DuckDBPyConnection) -> list[Curve]:
    """Daily classic and unbounded curves of tracked apps, complete points from day 1 on."""
    rows = con.execute(
        """
        select
            c.app_id,
            c.definition,
            list(c.period_n order by c.period_n),
            list(round(c.retention_rate, 5) order by c.period_n),
            list(round(c.ci_low, 5) order by c.period_n),
            list(round(c.ci_high, 5) order by c.period_n),
            list(c.eligible_users order by c.period_n),
            list(c.cohorts order by c.period_n),
        from marts.fct_retention_curves as c
        inner join marts.dim_apps as a on c.app_id = a.app_id and a.is_tracked
        where
            c.period = 'day'
            and c.definition in ('classic', 'unbounded')
            and c.is_complete
            and c.retention_rate is not null
            and c.period_n >= 1
        group by c.app_id, c.definition
        order by c.app_id, c.definition
        """
    ).fetchall()
    return [Curve(*row) for row in rows]


def read_triangles(con: duckdb.DuckDBPyConnection) -> list[CohortRow]:
    """Cohort rows of tracked apps: by day up to 31 cohort dates, by week up to a year, else month.

    Segments are summed. A cell of a week or month counts as observed when every cohort date in it
    is, so that all cells of a row speak about the same users.
    """
    rows = con.execute(
        """
        with grains as (
            select
                r.app_id,
                case
                    when count(distinct r.cohort_date) <= 31 then 'day'
                    when max(r.cohort_date) - min(r.cohort_date) <= 371 then 'week'
                    else 'month'
                end as grain,
            from marts.fct_cohort_retention_daily as r
            inner join marts.dim_apps as a on r.app_id = a.app_id and a.is_tracked
            group by r.app_id
        ),
        cells as (
            select
                r.app_id,
                g.grain,
                cast(date_trunc(g.grain, r.cohort_date) as date) as cohort,
                r.day_n,
                cast(sum(r.cohort_users) as bigint) as cohort_users,
                cast(sum(r.eligible_users) as bigint) as eligible_users,
                cast(sum(r.retained_users) as bigint) as retained_users,
                bool_and(r.is_complete) as is_complete,
                max(r.completes_on) as completes_on,
            from marts.fct_cohort_retention_daily as r
            inner join grains as g on r.app_id = g.app_id
            group by all
        ),
        final as (
            select
                app_id,
                grain,
                cohort,
                max(cohort_users) as cohort_users,
                list(day_n order by day_n) as days,
                list(
                    case
                        when is_complete then round(retained_users / nullif(eligible_users, 0), 4)
                    end
                    order by day_n
                ) as rates,
                min(day_n) filter (where not is_complete) as unobserved_from,
                max(day_n) filter (where is_complete) as observed_to,
                min(completes_on) filter (where not is_complete) as completes_on,
            from cells
            group by app_id, grain, cohort
        )
        select * from final
        order by app_id, cohort
        """
    ).fetchall()
    return [CohortRow(*row) for row in rows]


def read_growth(con: duckdb.DuckDBPyConnection) -> list[GrowthPeriod]:
    """Complete periods of tracked apps: weeks, or days while an app has fewer than two weeks."""
    rows = con.execute(
        """
        with complete as (
            select g.*
            from marts.fct_growth_accounting as g
            inner join marts.dim_apps as a on g.app_id = a.app_id and a.is_tracked
            where g.is_complete and g.period in ('day', 'week')
        ),
        chosen as (
            select
                app_id,
                case
                    when count(*) filter (where period = 'week') >= 2 then 'week' else 'day'
                end as period,
            from complete
            group by app_id
        )
        select
            c.app_id,
            c.period,
            c.period_start,
            c.period_start + case when c.period = 'week' then 7 else 1 end as period_end,
            c.active,
            c.new,
            c.retained,
            c.resurrected,
            c.churned,
            c.quick_ratio,
        from complete as c
        inner join chosen as p on c.app_id = p.app_id and c.period = p.period
        order by c.app_id, c.period_start
        """
    ).fetchall()
    return [GrowthPeriod(*row) for row in rows]


# A tracked app may own several store ids on one chart; its best rank of the day speaks for it.
_TRACKED_RANKS = """
    tracked as (
        select
            r.store,
            r.storefront,
            r.chart,
            r.genre,
            r.app_id,
            r.rank_date,
            min(r.rank) filter (where r.state = 'ranked') as rank,
            max(r.depth) as depth,
            case
                when bool_or(r.state = 'ranked') then 'ranked'
                when bool_or(r.state = 'off_chart') then 'off_chart'
                else 'not_fetched'
            end as state,
        from marts.fct_app_ranks_daily as r
        inner join marts.dim_apps as a on r.app_id = a.app_id and a.is_tracked
        group by all
    )
"""


def read_rank_series(con: duckdb.DuckDBPyConnection) -> list[RankSeries]:
    """One series per chart and tracked app that was ever ranked on it, the best peak first.

    `ranks` is None on every day that is not ranked, so that a line breaks there.
    """
    rows = con.execute(
        f"""
        with {_TRACKED_RANKS}
        select
            store,
            storefront,
            chart,
            genre,
            app_id,
            list(rank_date order by rank_date) as ranked_days,
            list(rank order by rank_date) as ranks,
            coalesce(list(rank_date order by rank_date) filter (where state = 'off_chart'), []),
            coalesce(list(depth order by rank_date) filter (where state = 'off_chart'), []),
            min(rank) as peak_rank,
            arg_min(rank_date, (rank, rank_date)) filter (where state = 'ranked') as peak_date,
            arg_max(state, rank_date) as latest_state,
            arg_max_null(rank, rank_date) as latest_rank,
            max(rank_date) as latest_date,
        from tracked
        group by store, storefront, chart, genre, app_id
        having count(rank) > 0
        order by peak_rank, count(rank) desc, store, storefront, chart, genre, app_id
        """
    ).fetchall()
    return [RankSeries((row[0], row[1], row[2], row[3]), *row[4:]) for row in rows]


def read_chart_spans(con: duckdb.DuckDBPyConnection) -> list[ChartSpan]:
    """One row per chart on which a tracked app was ever ranked; gaps include both their ends."""
    rows = con.execute(
        f"""
        with {_TRACKED_RANKS},
        days as (
            select
                store,
                storefront,
                chart,
                genre,
                rank_date,
                bool_and(state = 'not_fetched') as is_gap,
                max(depth) as depth,
                count(rank) as ranked,
            from tracked
            group by all
        ),
        islands as (
            select
                *,
                rank_date - cast(
                    row_number() over (
                        partition by store, storefront, chart, genre, is_gap order by rank_date
                    ) as integer
                ) as island,
            from days
        ),
        gaps as (
            select
                store,
                storefront,
                chart,
                genre,
                min(rank_date) as gap_start,
                max(rank_date) as gap_end,
            from islands
            where is_gap
            group by store, storefront, chart, genre, island
        ),
        gap_lists as (
            select
                store,
                storefront,
                chart,
                genre,
                list((gap_start, gap_end) order by gap_start) as gaps,
            from gaps
            group by all
        ),
        spans as (
            select
                store,
                storefront,
                chart,
                genre,
                min(rank_date) as first_day,
                max(rank_date) as last_day,
                max(depth) as depth,
            from days
            group by all
            having sum(ranked) > 0
        )
        select spans.*, coalesce(gap_lists.gaps, []) as gaps
        from spans
        left join gap_lists using (store, storefront, chart, genre)
        """
    ).fetchall()
    return [ChartSpan((row[0], row[1], row[2], row[3]), *row[4:]) for row in rows]


def read_freshness(con: duckdb.DuckDBPyConnection) -> list[Freshness]:
    """Every source, by kind and name."""
    rows = con.execute(
        """
        select
            source,
            kind,
            app_id,
            cast(last_landed_at as timestamp),
            cast(last_event_time as timestamp),
            coalesce(extracts_landed, 0),
            coalesce(extracts_quarantined, 0),
            coalesce(extracts_failed, 0),
            coalesce(rows_landed, 0),
            coalesce(rows_rejected, 0),
            coalesce(rows_duplicate, 0),
        from marts.data_freshness
        order by kind, source, app_id
        """
    ).fetchall()
    return [Freshness(*row) for row in rows]


def read_late_arrivals(con: duckdb.DuckDBPyConnection) -> list[LateArrivals]:
    """Every event source that has landed more than once, by name."""
    rows = con.execute(
        """
        select
            source,
            max(events),
            list(within_days order by within_days),
            list(share order by within_days),
        from marts.late_arrivals
        group by source
        having max(events) > 0
        order by source
        """
    ).fetchall()
    return [LateArrivals(*row) for row in rows]


def read_moved(con: duckdb.DuckDBPyConnection) -> list[Moved]:
    """What this publication restates, the scorecard's rates first, then the most cells."""
    rows = con.execute(
        """
        with moved as (
            select
                m.app_id,
                coalesce(a.app_name, m.app_id) as app_name,
                m.mart,
                m.measure,
                m.cause,
                m.explanation,
                cast(sum(m.cells) as bigint) as cells,
                sum(m.old_value) as old_value,
                sum(m.new_value) as new_value,
            from marts.restatements as m
            inner join marts.publication as p on m.publication_id = p.publication_id
            left join marts.dim_apps as a on m.app_id = a.app_id
            group by all
        )
        select * from moved
        order by mart <> 'app_scorecard', app_name, cells desc, mart, measure
        """
    ).fetchall()
    return [Moved(*row) for row in rows]


def read_changes(con: duckdb.DuckDBPyConnection) -> list[Change]:
    """What this publication's scorecard says anew, by app."""
    pairs = ["verdict", "verdict_confidence", "watermark", "users"]
    pairs += [f"d{n}_{what}" for what in ("cohorts", "rate") for n in MILESTONES]
    rows = con.execute(
        f"""
        select
            c.app_id,
            coalesce(a.app_name, c.app_id),
            c.compared_with,
            c.is_new_app,
            {", ".join(f"c.old_{name}, c.new_{name}" for name in pairs)},
        from marts.scorecard_changes as c
        inner join marts.publication as p on c.publication_id = p.publication_id
        left join marts.dim_apps as a on c.app_id = a.app_id
        order by coalesce(a.app_name, c.app_id), c.app_id
        """
    ).fetchall()
    return [_change(row[:4], list(zip(row[4::2], row[5::2], strict=True))) for row in rows]


def _change(said: tuple[Any, ...], pairs: list[tuple[Any, Any]]) -> Change:
    first, last = len(pairs) - 2 * len(MILESTONES), len(pairs) - len(MILESTONES)
    cohorts = dict(zip(MILESTONES, pairs[first:last], strict=True))
    rates = dict(zip(MILESTONES, pairs[last:], strict=True))
    values: list[Any] = [*said, *pairs[:first], cohorts, rates]
    return Change(*values)


def read_gate_runs(con: duckdb.DuckDBPyConnection) -> list[GateRun]:
    """What each gate said of the last runs, the latest first."""
    rows = con.execute(
        f"""
        with runs as (
            select
                run_id,
                stage,
                max(checked_at) as checked_at,
                cast(sum(checks) as bigint) as checks,
                cast(sum(warnings) as bigint) as warnings,
                cast(sum(critical_failures) as bigint) as critical_failures,
                string_agg(failed, '; ' order by suite) as failed,
            from marts.gate_history
            group by run_id, stage
        )
        select * from runs
        order by checked_at desc, stage
        limit {RUNS_SHOWN}
        """
    ).fetchall()
    return [GateRun(*row) for row in rows]
