"""A published marts file made by rule: small, exact, and with every awkward case in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pytest

from tests.report.story_marts import STORY_MARTS, VERDICT_COLUMNS

HORIZON = 90
WATERMARK = date(2026, 3, 31)


@dataclass(frozen=True)
class AppRule:
    """`daily_users` start on each day from `first_day`; day n keeps `day_1` × n^-decay of them."""

    app_id: str
    name: str
    first_day: date = date(2026, 2, 10)
    daily_users: int = 100
    day_1: float = 0.1
    decay: float = 0.8
    is_simulated: bool = False
    description: str | None = None
    peak_rank: int | None = None
    verdict: str = "too_early"


SPIKE = AppRule(
    "spike",
    "Spike Video",
    daily_users=200,
    is_simulated=True,
    description="modelled after an AI video app that led the chart for a week",
    peak_rank=1,
    verdict="spike",
)
HABIT = AppRule("habit", "Habit & Co", day_1=0.5, decay=0.15, peak_rank=8, verdict="sticks")
QUIET = AppRule("quiet", "Quiet", first_day=date(2026, 3, 28), daily_users=10)

GATES = [
    {
        "stage": "raw",
        "subject": f"extract-{i}",
        "suite": "app_events",
        "expectation": "event_time is never null",
        "severity": "critical",
        "success": True,
        "unexpected_count": 0,
        "message": "",
    }
    for i in range(3)
] + [
    {
        "stage": "mart",
        "subject": "fct_app_activity_daily",
        "suite": "activity",
        "expectation": "daily users within the usual range",
        "severity": "warning",
        "success": False,
        "unexpected_count": 2,
        "message": "2 days above the range, <b>look</b>",
    }
]

MARTS = """
create table rule (
    app_id varchar, app_name varchar, description varchar, is_simulated boolean,
    first_day date, daily_users bigint, day_1 double, decay double, peak_rank integer,
    verdict varchar
);
"""

DERIVED = (
    f"""
create table marts.fct_cohort_retention_daily as
with grid as (
    select r.*, cast(c.day as date) as cohort_date, n.n as day_n
    from rule as r,
        generate_series(r.first_day, $watermark, interval 1 day) as c(day),
        generate_series(0, {HORIZON}) as n(n)
    where r.daily_users > 0
)
select
    app_id, cohort_date, s.platform, 'unknown' as country, 'unknown' as channel,
    'all' as app_version,
    cast(day_n as integer) as day_n,
    cohort_date + cast(day_n as integer) as activity_date,
    daily_users // 2 as cohort_users,
    case when is_complete then daily_users // 2 end as eligible_users,
    case when is_complete then kept end as retained_users,
    case when is_complete then least(daily_users // 2, kept * 2) end as returned_users,
    case when cohort_date + cast(day_n as integer) < $watermark then kept end as retained_users_24h,
    is_complete,
    cohort_date + cast(day_n as integer) as completes_on,
    app_id = 'habit' and (
        cohort_date = $watermark - 20 or cohort_date + cast(day_n as integer) = $watermark - 20
    ) as has_missing_days
from grid, (values ('ios'), ('android')) as s(platform), lateral (
    select
        cohort_date + cast(day_n as integer) <= $watermark as is_complete,
        case when day_n = 0 then daily_users // 2
             else cast(daily_users // 2 * day_1 * power(day_n, -decay) as bigint) end as kept
);

create table marts.fct_cohort_retention_weekly as
select * rename (day_n as week_n) from marts.fct_cohort_retention_daily where day_n <= 12;

create table marts.fct_cohort_retention_monthly as
select * rename (day_n as month_n) from marts.fct_cohort_retention_daily where day_n <= 3;

create table marts.fct_retention_curves as
with sums as (
    select app_id, definition, day_n as period_n,
        sum(eligible_users)::bigint as n,
        sum(if(definition = 'classic', retained_users, returned_users))::bigint as k,
        count(distinct cohort_date) filter (where is_complete) as cohorts,
        min(completes_on) as completes_on,
        sum(eligible_users) filter (where has_missing_days)::bigint as missing
    from marts.fct_cohort_retention_daily, (values ('classic'), ('unbounded')) as d(definition)
    group by all
)
select
    app_id, definition, 'day' as period, period_n, period_n as period_n_end,
    n as eligible_users, k as retained_users, k / n as retention_rate,
    (k + 1.9208 - 1.96 * sqrt(k * (1 - k / n) + 0.9604)) / (n + 3.8416) as ci_low,
    (k + 1.9208 + 1.96 * sqrt(k * (1 - k / n) + 0.9604)) / (n + 3.8416) as ci_high,
    cohorts, cohorts > 0 as is_complete, completes_on,
    if(cohorts > 0, coalesce(missing, 0), null) as users_missing_days
from sums
union all
select
    app_id, 'bracket', 'day', 1, 3, sum(eligible_users)::bigint, sum(2 * retained_users)::bigint,
    sum(2 * retained_users) / sum(eligible_users), 0.0, 1.0, count(distinct cohort_date), true,
    min(completes_on), 0
from marts.fct_cohort_retention_daily where day_n = 3 and is_complete
group by app_id;

create table marts.fct_missing_days as
select 'habit' as app_id, 'habit_events' as source, $watermark - 20 as missing_date
from rule where app_id = 'habit';

create table marts.dim_apps as
select app_id, app_name, description, true as is_tracked, is_simulated,
    case when daily_users > 0 then first_day end as first_event_date,
    case when daily_users > 0 then $watermark end as watermark,
    case when daily_users > 0 then daily_users * ($watermark - first_day + 1) end as users,
    cast(null as bigint) as events
from rule
union all
select 'apple:1', 'Somebody else', null, false, false, null, null, null, null;

create table marts.fct_growth_accounting as
with periods as (
    select
        r.*, p.period, p.days, cast(w.day as date) as period_start,
        row_number() over (partition by r.app_id, p.period order by w.day) - 1 as k
    from rule as r, (values ('day', 1), ('week', 7)) as p(period, days), lateral (
        select unnest(
            generate_series(date_trunc(p.period, r.first_day), $watermark, to_days(p.days))
        )
    ) as w(day)
    where r.daily_users > 0
),
parts as (
    select
        *,
        cast(round(daily_users * (1 + 6 * exp(-k / 4))) as bigint) as new,
        cast(round(daily_users * (least(k, 6) / 8)) as bigint) as resurrected,
        case when k = 0 then 0 else cast(round(daily_users * (1 + 5 * exp(-k / 6))) as bigint) end
            as churned
    from periods
)
select
    app_id, period, period_start, daily_users * 9 as active, new,
    daily_users * 9 - new - resurrected as retained, resurrected, churned,
    (new + resurrected) / nullif(churned, 0) as quick_ratio,
    period_start + days <= $watermark + 1 as is_complete, period_start + days - 1 as completes_on
from parts;

create table marts.fct_app_activity_daily as
select app_id, cast(d.day as date) as activity_date, daily_users * 2 as dau, daily_users * 9 as wau,
    daily_users * 20 as mau, 0.1 as stickiness, daily_users as new_users, daily_users * 7 as events
from rule, generate_series(first_day, $watermark, interval 1 day) as d(day)
where daily_users > 0;

create table marts.fct_app_ranks_daily as
with days as (
    select r.*, cast(d.day as date) as rank_date,
        cast(r.peak_rank * power(1.08, abs(d.day::date - first_day - 6)) as integer) as position,
        d.day::date between date '2026-02-20' and date '2026-02-22' as is_gap
    from rule as r, generate_series(first_day, $watermark, interval 1 day) as d(day)
    where r.peak_rank is not null
)
select 'apple' as store, 'us' as storefront, 'top-free' as chart, 'all' as genre,
    app_id || '-id' as store_app_id, rank_date, app_id, app_name,
    case when is_gap then 'not_fetched' when position > 100 then 'off_chart' else 'ranked' end
        as state,
    case when not is_gap and position <= 100 then position end as rank,
    case when not is_gap and position <= 100 then position end as best_rank,
    case when not is_gap then 100 end as depth,
    case when is_gap then 0 else 1 end as snapshots
from days;

create table marts.fct_rank_summary as
select store, storefront, chart, genre, store_app_id, any_value(app_id) as app_id,
    any_value(app_name) as app_name, min(rank) as peak_rank,
    arg_min(rank_date, (rank, rank_date)) as peak_date,
    6 as days_to_peak, 'reached' as half_life_state,
    arg_min(rank_date, (rank, rank_date)) + 12 as half_life_date, 12 as half_life_days,
    0.06 as volatility, 0.077 as decay_per_day, 0.071 as decay_ci_low, 0.083 as decay_ci_high,
    40 as decay_days, count(rank) as days_ranked,
    count(*) filter (where rank <= 10) as days_top_10,
    count(*) filter (where rank <= 100) as days_top_100,
    'rose to ' || min(rank) || ', 6 days after it was first seen; twice as bad by 2026-02-28, '
        || 'behind Rival Assistant, Burger Chain and Map & Go' as story,
    arg_max(state, rank_date) as latest_state, arg_max_null(rank, rank_date) as latest_rank,
    max(rank_date) as latest_date
from marts.fct_app_ranks_daily group by all;

create table marts.data_freshness as
select 'events of ' || app_name as source, 'events' as kind, app_id,
    timestamp '2026-04-01 04:05:00' as last_landed_at,
    timestamp '2026-03-31 23:59:00' as last_event_time,
    50::bigint as extracts_landed, 1::bigint as extracts_quarantined, 0::bigint as extracts_failed,
    123456::bigint as rows_landed, 7::bigint as rows_rejected, 89::bigint as rows_duplicate
from rule where daily_users > 0;

create table marts.late_arrivals as
select 'events of ' || app_name as source, app_id, within_days, 1000::bigint as events,
    events_within, events_within / 1000 as share
from rule cross join (values (0, 0), (1, 970), (2, 990), (3, 995), (7, 999), (30, 1000))
    as arrived (within_days, events_within)
where daily_users > 0;

create table marts.restatements as
select publication_id, app_id, mart, measure, cell, cells, old_value, new_value, cause, explanation
from rule cross join (values
    ('20260401T040500-abc123', 'fct_cohort_retention_daily', 'retained_users', '{{"day_n":1}}', 1,
        10.0, 12.0, 'late_events', '1 extract(s) brought 2 events of days already published'),
    ('20260401T040500-abc123', 'fct_cohort_retention_daily', 'retained_users', null, 40,
        1300.0, 1333.0, 'late_events', '1 extract(s) brought 2 events of days already published'),
    ('20260401T040500-abc123', 'app_scorecard', 'd7_rate', '{{"app_id":"x"}}', 1,
        0.0213, 0.0208, 'maturing', 'more cohorts are complete'),
    ('20260331T040500-abc122', 'fct_app_activity_daily', 'dau', '{{}}', 1,
        7.0, 4711.0, 'late_events', 'told yesterday')
) as moved (publication_id, mart, measure, cell, cells, old_value, new_value, cause, explanation)
where daily_users > 0;

create table marts.gate_history as
select 'run-' || n as run_id, stage, suite, timestamp '2026-03-30 04:00:00'
    + to_days(n) as checked_at,
    4::bigint as checks, 4 - (n % 2) - failed as passed, (n % 2)::bigint as warnings,
    failed as critical_failures,
    if(failed > 0, 'event_time is never null (extract-7)', null) as failed
from range(2) as runs (n), (values ('raw', 'app_events'), ('mart', 'activity')) as s(stage, suite),
    lateral (select if(stage = 'raw' and n = 1, 1, 0)::bigint as failed) as f;

create table marts.app_scorecard as
with points as (
    select app_id, period_n as n, retention_rate as rate, ci_low, ci_high, eligible_users, cohorts,
        completes_on, is_complete
    from marts.fct_retention_curves where definition = 'classic' and period_n in (1, 7, 30, 60)
),
wide as (
    select r.app_id, r.app_name, r.is_simulated, min(c.cohort_date) as first_cohort_date,
        any_value(case when r.daily_users > 0 then $watermark end) as watermark,
        any_value(d.users) as users, count(distinct c.cohort_date) as cohorts,
    from rule as r
    left join marts.fct_cohort_retention_daily as c using (app_id)
    left join marts.dim_apps as d using (app_id)
    group by all
)
select w.*,
"""
    + ",\n".join(
        f"""p{n}.rate as d{n}_rate, p{n}.ci_low as d{n}_ci_low, p{n}.ci_high as d{n}_ci_high,
    p{n}.eligible_users as d{n}_eligible_users, p{n}.cohorts as d{n}_cohorts,
    p{n}.completes_on as d{n}_completes_on, p{n}.is_complete as d{n}_is_complete"""
        for n in (1, 7, 30, 60)
    )
    + """,
    s.peak_rank, s.peak_date as peak_rank_date, s.storefront as peak_storefront,
    s.chart as peak_chart, s.latest_rank, s.latest_state as latest_rank_state,
    s.latest_date as latest_rank_date,
"""
    + VERDICT_COLUMNS
    + """
from wide as w
inner join rule as r on w.app_id = r.app_id
left join marts.fct_rank_summary as s on w.app_id = s.app_id
"""
    + "\n".join(
        f"left join points as p{n} on w.app_id = p{n}.app_id and p{n}.n = {n}"
        for n in (1, 7, 30, 60)
    )
    + ";"
)


CHANGES = f"""
create table marts.scorecard_changes as
select
    '20260401T040500-abc123' as publication_id, '20260331T040500-abc122' as compared_with,
    timestamp '2026-04-01 04:05:00' as published_at, app_id, false as is_new_app,
    watermark - 1 as old_watermark, watermark as new_watermark, users - 200 as old_users,
    users as new_users, cohorts - 1 as old_cohorts, cohorts as new_cohorts,
    'too_early' as old_verdict, verdict as new_verdict,
    null::double as old_verdict_confidence, verdict_confidence as new_verdict_confidence,
    {
    ", ".join(
        f"d{n}_cohorts - 1 as old_d{n}_cohorts, d{n}_cohorts as new_d{n}_cohorts"
        for n in (1, 7, 30, 60)
    )
},
    {
    ", ".join(
        f"d{n}_rate + 0.01 as old_d{n}_rate, d{n}_rate as new_d{n}_rate" for n in (1, 7, 30, 60)
    )
},
from marts.app_scorecard where app_id = 'spike'
"""


class MakeMarts(Protocol):
    """``make_marts(SPIKE, HABIT)``: the path of a fresh marts file with these apps."""

    def __call__(self, *apps: AppRule) -> Path: ...


def build_marts(path: Path, apps: Sequence[AppRule]) -> Path:
    """Write a marts file with every table of the contract that the report reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute(MARTS)
        for app in apps:
            con.execute(
                "insert into rule values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    app.app_id,
                    app.name,
                    app.description,
                    app.is_simulated,
                    app.first_day,
                    app.daily_users,
                    app.day_1,
                    app.decay,
                    app.peak_rank,
                    app.verdict,
                ],
            )
        con.execute(f"set variable watermark = date '{WATERMARK}'")
        for made in (DERIVED, STORY_MARTS):
            con.execute(made.replace("$watermark", "getvariable('watermark')"))
        con.execute("drop table rule")
        con.execute(CHANGES)
        con.execute(
            """
            create table marts.publication as
            select
                '20260401T040500-abc123' as publication_id, cast(? as timestamp) as built_at,
                '0.1.0+deadbee' as code_version, 'sha256:0123456789abcdef' as definition_hash,
                'UTC' as timezone, cast('{}' as json) as watermarks,
                cast('{"dim_apps": 3}' as json) as row_counts, cast(? as json) as gate_results
            """,
            [datetime(2026, 4, 1, 4, 5), json.dumps(GATES)],
        )
    return path


def drawn_before(marts: Path) -> Path:
    """Where the drawings of these apps are kept from test to test: they take most of the time."""
    with duckdb.connect(str(marts), read_only=True) as con:
        apps = con.execute("select app_id from marts.dim_apps order by all").fetchall()
    of_all_tests = marts.parent.parent.parent
    return of_all_tests / "drawn" / hashlib.sha256(repr(apps).encode()).hexdigest()[:12]


@pytest.fixture
def make_marts(tmp_path: Path) -> MakeMarts:
    return lambda *apps: build_marts(tmp_path / "published" / "marts.duckdb", apps)
