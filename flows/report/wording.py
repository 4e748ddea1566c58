"""Says numbers in words: formats and readings, so that no figure stands without its sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from flows.report.queries import App, CohortRow, Curve, GrowthPeriod, Milestone, Moved, RankSeries

# Narrow no-break space: keeps "10.1 %" on one line.
NNBSP = "\u202f"
NBSP = "\u00a0"
STORES = {"apple": "Apple App Store", "google": "Google Play"}


MARTS = {
    "app_scorecard": "scorecard",
    "fct_cohort_retention_daily": "daily cohorts",
    "fct_cohort_retention_weekly": "weekly cohorts",
    "fct_cohort_retention_monthly": "monthly cohorts",
    "fct_growth_accounting": "growth accounting",
    "fct_app_activity_daily": "daily activity",
    "fct_app_ranks_daily": "daily ranks",
    "fct_installs_daily": "daily downloads",
}
CAUSES = {
    "definition": "another definition",
    "mapping": "extracts landed again with another mapping",
    "retraction": "extracts taken back",
    "late_events": "late events",
    "watermark": "the watermark fell back",
    "maturing": "more cohorts are complete",
    "identity": "anonymous users recognised",
    "charts": "chart captures",
    "store_reports": "the stores' reports",
}


def moved_value(moved: Moved, value: float | None) -> str:
    """A number that has moved: a rate of the scorecard, or a sum of counts."""
    if moved.mart == "app_scorecard":
        return percent(value)
    return count(None if value is None else round(value))


def measure_name(moved: Moved) -> str:
    """Where the number stands: "daily cohorts: retained users", "scorecard: D7"."""
    name = moved.measure.removesuffix("_rate").upper()
    if moved.mart != "app_scorecard":
        name = moved.measure.replace("_", " ")
    return f"{MARTS.get(moved.mart, moved.mart)}: {name}"


def count(value: int | None) -> str:
    """12304 as "12,304"; None as a dash."""
    return "–" if value is None else f"{value:,}"


def _percent_digits(rate: float) -> str:
    percent = rate * 100
    # The lower end of an interval around 0 is 0 but for the last bits of its square root.
    if percent < 1e-9:
        return "0"
    if percent < 0.01:
        return "<0.01"
    return f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"


def percent(rate: float | None) -> str:
    """0.1013 as "10.1 %"; below 1 % with two decimals, so that little is not shown as nothing."""
    return "–" if rate is None else f"{_percent_digits(rate)}{NNBSP}%"


def interval(low: float | None, high: float | None) -> str:
    """The two ends as "9.6–10.7 %"."""
    if low is None or high is None:
        return "–"
    return f"{_percent_digits(low)}–{_percent_digits(high)}{NNBSP}%"


def day(value: date | None) -> str:
    """2026-11-03 as "3 Nov 2026", unbroken."""
    return "–" if value is None else f"{value.day}{NBSP}{value:%b}{NBSP}{value.year}"


def moment(value: datetime | None) -> str:
    """A UTC timestamp as "3 Nov 2026, 04:05 UTC"."""
    return "–" if value is None else f"{day(value)}, {value:%H:%M}{NBSP}UTC"


def listed(parts: Sequence[str]) -> str:
    """Three parts as "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def chart_name(key: tuple[str, str, str, str]) -> str:
    """("apple", "us", "top-free", "all") as "Apple App Store, US, top free"."""
    store, storefront, chart, genre = key
    parts = [STORES.get(store, store), storefront.upper(), chart.replace("-", " ")]
    return ", ".join(parts if genre == "all" else [*parts, genre])


def milestone_sentence(milestone: Milestone) -> str:
    """The long reading of one milestone, also for hearing it."""
    if not milestone.is_complete:
        return not_yet(milestone)
    return (
        f"{percent(milestone.rate)} of {count(milestone.eligible_users)} eligible users were "
        f"active on day {milestone.day_n} (95{NNBSP}% interval "
        f"{interval(milestone.ci_low, milestone.ci_high)})"
    )


def not_yet(milestone: Milestone) -> str:
    """Why a milestone has no number: right-censoring, with its end when that is known."""
    if milestone.completes_on is None:
        return "not yet observable: no cohort has started"
    return f"not yet observable, needs events to {day(milestone.completes_on)}"


def lead(app: App) -> str:
    """A few factual sentences on one app, without its name: what share came back, its ranks."""
    return " ".join([_retention_lead(app), *_rank_lead(app)])


def _retention_lead(app: App) -> str:
    if app.first_cohort_date is None:
        return "No users have been observed yet."
    seen = [m for m in app.milestones if m.is_complete and m.rate is not None]
    unseen = [m for m in app.milestones if not m.is_complete]
    said = "No day after the first can be observed yet."
    if seen:
        first, *later = seen
        said = (
            f"Of {count(first.eligible_users)} users, {percent(first.rate)} were back on day "
            f"{first.day_n}"
        )
        if later:
            shares = listed([f"{percent(m.rate)} on day {m.day_n}" for m in later])
            said += f"; of those observed long enough, {shares}"
        said += "."
    if not unseen:
        return said
    waits = listed([f"day {m.day_n} (needs events to {day(m.completes_on)})" for m in unseen])
    return f"{said} Not yet observable: {waits}."


def _rank_lead(app: App) -> Iterable[str]:
    if app.peak_rank is None:
        return
    where = " ".join(
        part
        for part in ((app.peak_storefront or "").upper(), (app.peak_chart or "").replace("-", " "))
        if part
    )
    place = f" ({where})" if where else ""
    yield f"Peaked at rank {app.peak_rank} on {day(app.peak_rank_date)}{place}; {latest_rank(app)}."


def latest_rank(app: App) -> str:
    """Where the app stands on the latest day of the chart of its peak."""
    when = day(app.latest_rank_date)
    if app.latest_rank_state == "ranked":
        return f"rank {app.latest_rank} on {when}"
    if app.latest_rank_state == "off_chart":
        return f"off the chart on {when}"
    return f"chart not fetched on {when}"


def curve_reading(name: str, curve: Curve) -> str:
    """The first and the last complete point of one curve, in words."""
    verb = "were active on day" if curve.definition == "classic" else "came back on or after day"
    first = (
        f"{name}: of {count(curve.eligible_users[0])} users, {percent(curve.rates[0])} {verb} "
        f"{curve.days[0]} (95{NNBSP}% interval "
        f"{interval(curve.ci_lows[0], curve.ci_highs[0])})"
    )
    if len(curve.days) == 1:
        return f"{first}."
    return (
        f"{first}; of the {count(curve.eligible_users[-1])} observed for {curve.days[-1]} days, "
        f"{percent(curve.rates[-1])} {verb} {curve.days[-1]} "
        f"({interval(curve.ci_lows[-1], curve.ci_highs[-1])})."
    )


def cohort_label(row: CohortRow) -> str:
    """A cohort period as it stands on the axis: "5 Oct 2026", or "Oct 2026" for a month."""
    return f"{row.cohort:%b}{NBSP}{row.cohort.year}" if row.grain == "month" else day(row.cohort)


def triangle_reading(rows: Sequence[CohortRow]) -> str:
    """The largest cohort of one app that has been observed for a week, or for as long as any."""
    longest = max(row.observed_to or 0 for row in rows)
    mature = [row for row in rows if (row.observed_to or 0) >= min(7, longest)]
    largest = max(mature, key=lambda row: (row.cohort_users, row.cohort))
    started = {"day": "on", "week": "in the week of", "month": "in"}[largest.grain]
    who = (
        f"Of the {count(largest.cohort_users)} users who started {started} {cohort_label(largest)}"
    )
    wanted = {n for n in (1, 7, 30, largest.observed_to) if n}
    shares = [
        f"{percent(rate)} were active on day {n}" if i == 0 else f"{percent(rate)} on day {n}"
        for i, (n, rate) in enumerate(
            (n, rate)
            for n, rate in zip(largest.days, largest.rates, strict=True)
            if n in wanted and rate is not None
        )
    ]
    said = f"{who}, {listed(shares)}." if shares else f"{who}, no day after day 0 is complete."
    if largest.unobserved_from is None:
        return said
    return (
        f"{said} Day {largest.unobserved_from} is not observed yet; it needs events to "
        f"{day(largest.completes_on)}."
    )


def rank_reading(name: str, series: RankSeries) -> str:
    """Peak and latest standing of one app on one chart."""
    latest = {
        "ranked": f"rank {series.latest_rank} on {day(series.latest_date)}",
        "off_chart": f"off the chart on {day(series.latest_date)}",
        "not_fetched": f"not fetched on {day(series.latest_date)}",
    }[series.latest_state]
    return f"{name} peaked at rank {series.peak_rank} on {day(series.peak_date)}; {latest}."


def growth_reading(period: GrowthPeriod) -> str:
    """The identity of one period, in words."""
    when = "In the week of" if period.period == "week" else "On"
    ratio = (
        f"quick ratio {period.quick_ratio:.2f}"
        if period.quick_ratio is not None
        else "no quick ratio, as nobody churned"
    )
    return (
        f"{when} {day(period.period_start)}, {count(period.active)} users were active: "
        f"{count(period.retained)} retained, {count(period.new)} new and "
        f"{count(period.resurrected)} resurrected; {count(period.churned)} churned ({ratio})."
    )


def stickiness_reading(app: App) -> list[str]:
    """One sentence on the latest complete day of activity; nothing when there is none."""
    if app.activity_date is None:
        return []
    return [
        f"On {day(app.activity_date)}, {count(app.dau)} users were active; "
        f"stickiness (DAU/MAU) {percent(app.stickiness)}."
    ]


def quick_ratio_reading(periods: Sequence[GrowthPeriod], ceiling: int) -> str:
    """In how many periods the app won more users than it lost."""
    ratios = [p.quick_ratio for p in periods if p.quick_ratio is not None]
    if not ratios:
        return "No period in which users churned, so no quick ratio yet."
    above = sum(ratio > 1 for ratio in ratios)
    said = (
        f"More users won than lost (above 1, dashed) in {above} of {len(ratios)} "
        f"{periods[0].period}s."
    )
    if max(ratios) <= ceiling:
        return said
    return (
        f"{said} Values above {ceiling} are drawn at {ceiling}; the highest is {max(ratios):.1f}."
    )


def size(bytes_: int) -> str:
    """1536000 as "1.5 MB"; below a tenth of one in kB."""
    if bytes_ < 100_000:
        return f"{max(1, round(bytes_ / 1000))}{NNBSP}kB"
    return f"{bytes_ / 1e6:.1f}{NNBSP}MB"


def changed(pair: tuple[Any, Any], say: Callable[[Any], str]) -> str:
    """A pair of before and now as "2.1 % → 2.0 %"; said once where both read the same."""
    before, now = say(pair[0]), say(pair[1])
    return now if before == now else f"{before} → {now}"


def more_cohorts(pair: tuple[int | None, int | None]) -> str:
    """How many cohorts have completed a day since the publication before."""
    before, now = pair[0] or 0, pair[1] or 0
    if before == now:
        return f"{count(now)} cohorts, as before"
    return f"{count(now)} cohorts complete, {now - before:+,}"
