"""Tells one app's story on a page: from its marts to sections, each with its figures and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from flows.report import app_charts, charts, wording
from flows.report import app_wording as tell
from flows.report.app_story import (
    Accuracy,
    Behaviour,
    Company,
    Effect,
    Forecast,
    GrowthDay,
    Quote,
    RankStory,
    Story,
    Theme,
    Verdict,
)
from flows.report.charts import Style
from flows.report.contents import Marts
from flows.report.drawing import Drawings, plot
from flows.report.explore import explorer
from flows.report.queries import App, Curve
from flows.report.rendering import Figure, Links, document

FORECAST_DAYS = (30, 60, 90)
CHARTS_SHOWN = 3
BEHAVIOURS_SHOWN = 12
LAUNCHES_SHOWN = 8
THEMES_SHOWN = 10
PASSED_SHOWN = 10
QUOTED_THEMES = 4
# A first day is held against the week after it, a first week against a month.
OUTCOMES = {"first_day": 7, "first_week": 30}


@dataclass(frozen=True)
class ForecastCell:
    """One forecast as a table shows it: what kind of number it is comes before the number."""

    kind: str
    rate: str
    interval: str
    note: str


@dataclass(frozen=True)
class CurveSection:
    figure: Figure | None = None
    forecasts: list[tuple[int, list[ForecastCell]]] = field(default_factory=list)
    as_of: date | None = None
    months: list[tuple[str, int | None, list[ForecastCell]]] = field(default_factory=list)
    accuracy: list[tuple[str, int, int, list[Accuracy | None]]] = field(default_factory=list)


@dataclass(frozen=True)
class RankPart:
    """One chart on which the app was ranked."""

    name: str
    story: RankStory
    figure: Figure | None
    company: list[str]
    shown: list[Company]
    passed_unshown: int


@dataclass(frozen=True)
class GrowthSection:
    figures: list[Figure] = field(default_factory=list)
    flag: tuple[bool, str] | None = None
    launches: Figure | None = None
    shown: list[str] = field(default_factory=list)
    velocity: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    velocity_columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Level:
    """One level of activity: how many users reach it, how much they do, how many stay."""

    name: str
    user_share: float | None
    event_share: float | None
    outcomes: list[str]


@dataclass(frozen=True)
class BehaviourSection:
    figures: list[Figure] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    level_days: list[int] = field(default_factory=list)
    levels_in: str = ""
    concentration: str | None = None
    rows: list[Behaviour] = field(default_factory=list)


@dataclass(frozen=True)
class VoiceSection:
    figures: list[Figure] = field(default_factory=list)
    themes: Figure | None = None
    theme_rows: list[tuple[str, dict[str, Theme]]] = field(default_factory=list)
    quotes: list[tuple[str, list[Quote]]] = field(default_factory=list)
    more_quotes: list[tuple[str, list[Quote]]] = field(default_factory=list)


@dataclass(frozen=True)
class Watch:
    """Something that can be told later, and on which day."""

    on: date | None
    what: str


def render_app(
    marts: Marts, app: App, links: Links, addresses: Mapping[str, str], drawings: Drawings
) -> str:
    """The page of one app as one HTML document; `addresses` has every app's page."""
    look = charts.styles([(other.app_id, other.name) for other in marts.apps])
    story = marts.stories.get(app.app_id, Story())
    verdict = marts.verdicts.get(app.app_id)
    curve = curve_section(marts, app, story, look)
    ranks = rank_parts(marts, app, story, look)
    growth = growth_section(marts, app, story, look)
    behaviour = behaviour_section(story, look[app.app_id])
    voice = voice_section(app, story, look[app.app_id])
    explored = explorer([s for s in marts.slices if s.app_id == app.app_id], look, by_segment=True)
    figures = [
        curve.figure,
        explored.figure if explored else None,
        *(part.figure for part in ranks),
        *growth.figures,
        growth.launches,
        *behaviour.figures,
        *voice.figures,
        voice.themes,
    ]
    return document(
        "app.html.j2",
        [figure for figure in figures if figure is not None],
        drawings=drawings,
        explore=explored.data if explored else None,
        explored=explored,
        marts=marts,
        app=app,
        links=links,
        look=look,
        others=[(o.name, addresses[o.app_id]) for o in marts.apps if o.app_id != app.app_id],
        verdict=verdict,
        missing=marts.missing.get(app.app_id),
        notes=story.notes,
        curve=curve,
        forecast_days=FORECAST_DAYS,
        ranks=ranks,
        growth=growth,
        behaviour=behaviour,
        moved=[moved for moved in marts.moved if moved.app_id == app.app_id],
        changes=[change for change in marts.changes if change.app_id == app.app_id],
        milestone=next_milestone(marts, app, story),
        effects=effects_by_note(story.effects),
        effect_days=sorted({effect.day_n for effect in story.effects}),
        voice=voice,
        watch=watch_list(app, verdict, story),
    )


def curve_section(marts: Marts, app: App, story: Story, look: Mapping[str, Style]) -> CurveSection:
    """What was observed and what is forecast, and how forecasts have done so far."""
    curves = {c.definition: c for c in marts.curves if c.app_id == app.app_id}
    overall = [f for f in story.forecasts if f.cohort_group == "all"]
    months = sorted({f.cohort_group for f in story.forecasts} - {"all"})
    return CurveSection(
        figure=_curve_figure(app, story, curves.get("classic"), overall, look),
        forecasts=[
            (
                day_n,
                [
                    _forecast_cell(_find(overall, definition, day_n), curves.get(definition))
                    for definition in tell.DEFINITIONS
                ],
            )
            for day_n in FORECAST_DAYS
        ]
        if overall
        else [],
        as_of=max((f.as_of for f in overall if f.as_of), default=None),
        months=[
            (
                tell.cohort_group(month),
                max((f.users for f in of_month if f.users is not None), default=None),
                [_forecast_cell(_find(of_month, "classic", n), None) for n in FORECAST_DAYS],
            )
            for month in months
            for of_month in [[f for f in story.forecasts if f.cohort_group == month]]
        ],
        accuracy=_accuracy_rows(story.accuracy),
    )


def _find(forecasts: Sequence[Forecast], definition: str, day_n: int) -> Forecast | None:
    return next((f for f in forecasts if (f.definition, f.day_n) == (definition, day_n)), None)


def _forecast_cell(forecast: Forecast | None, curve: Curve | None) -> ForecastCell:
    """A forecast says that it is one; a day that is observed says so; a refusal says why."""
    if forecast is None:
        return ForecastCell("none", "", "", "not forecast")
    until = (
        f", needs events to {wording.day(forecast.completes_on)}" if forecast.completes_on else ""
    )
    if forecast.status == "refused":
        return ForecastCell("refused", "", "", tell.phrase(forecast.reason or "refused"))
    rate, low, high = forecast.rate, forecast.ci_low, forecast.ci_high
    if forecast.status == "observed":
        if curve is not None and forecast.day_n in curve.days:
            i = curve.days.index(forecast.day_n)
            rate, low, high = curve.rates[i], curve.ci_lows[i], curve.ci_highs[i]
        if rate is None:
            return ForecastCell("none", "", "", f"not observed yet{until}")
        return ForecastCell("observed", wording.percent(rate), wording.interval(low, high), "")
    if rate is None:
        return ForecastCell("none", "", "", f"no forecast{until}")
    return ForecastCell(
        "forecast", wording.percent(rate), wording.interval(low, high), until.removeprefix(", ")
    )


def _curve_figure(
    app: App,
    story: Story,
    curve: Curve | None,
    overall: Sequence[Forecast],
    look: Mapping[str, Style],
) -> Figure | None:
    forecast = story.forecast_curve
    if curve is None:
        return None
    last_day = max(curve.days[-1], forecast.days[-1] if forecast else 0)
    highs = [*curve.rates, *curve.ci_highs[:7], *(forecast.rates if forecast else [])]
    name = look[app.app_id].name
    return Figure(
        id="curve",
        title="Classic retention by days since the first day",
        label=(
            f"Observed retention of {name} with its 95 % band"
            + (", continued by its forecast, dashed." if forecast else ".")
        ),
        captions=[
            wording.curve_reading(name, curve),
            tell.forecast_reading(forecast, overall),
        ],
        plot=plot(
            app_charts.curve_with_forecast,
            curve,
            forecast,
            look,
            last_day,
            min(1.0, max(highs) * 1.05),
        ),
    )


def _accuracy_rows(
    rows: Sequence[Accuracy],
) -> list[tuple[str, int, int, list[Accuracy | None]]]:
    """A row per definition and day_n: the blend and the two baselines side by side."""
    cells = {(row.definition, row.day_n, row.method): row for row in rows}
    keys = sorted({(row.definition, row.day_n) for row in rows})
    return [
        (
            tell.DEFINITIONS.get(definition, definition),
            day_n,
            max(
                row.forecasts for row in rows if (row.definition, row.day_n) == (definition, day_n)
            ),
            [cells.get((definition, day_n, method)) for method in tell.METHODS],
        )
        for definition, day_n in keys
    ]


def rank_parts(marts: Marts, app: App, story: Story, look: Mapping[str, Style]) -> list[RankPart]:
    """A part per chart, the best peak first; charts beyond the first few are told without one."""
    series = {s.chart_key: s for s in marts.rank_series if s.app_id == app.app_id}
    spans = {span.chart_key: span for span in marts.chart_spans}
    parts: list[RankPart] = []
    drawn: set[tuple[str, str, str, str]] = set()
    for ranks in story.ranks:
        key = ranks.chart_key
        figure = None
        if key in series and key not in drawn and len(drawn) < CHARTS_SHOWN:
            drawn.add(key)
            span = spans[key]
            notes = app_charts.notes_within(story.notes, span.first_day, span.last_day)
            figure = Figure(
                id=f"rank-{len(parts)}",
                title=wording.chart_name(key),
                label=f"Daily rank of {app.name} on {wording.chart_name(key)}, rank 1 on top.",
                captions=tell.notes_reading(notes),
                plot=plot(
                    app_charts.with_notes,
                    plot(charts.rank_history, span, [series[key]], look),
                    notes,
                    span.first_day,
                    span.last_day,
                    labels=True,
                ),
            )
        others = [
            other
            for other in story.company
            if (other.chart_key, other.store_app_id) == (key, ranks.store_app_id)
        ]
        near = [other for other in others if other.is_neighbour]
        passed = [other for other in others if other.passed_since_peak and other not in near]
        parts.append(
            RankPart(
                name=wording.chart_name(key),
                story=ranks,
                figure=figure,
                company=tell.company_reading(app.name, others),
                shown=[*near, *passed[:PASSED_SHOWN]],
                passed_unshown=max(len(passed) - PASSED_SHOWN, 0),
            )
        )
    return parts


def growth_section(
    marts: Marts, app: App, story: Story, look: Mapping[str, Style]
) -> GrowthSection:
    """How the app grows, day by day, and how fast it did beside the others."""
    columns, velocity = _velocity_table(marts, app)
    days = story.growth
    if not days:
        return GrowthSection(velocity=velocity, velocity_columns=columns)
    style = look[app.app_id]
    first, last = days[0].activity_date, days[-1].activity_date
    notes = app_charts.notes_within(story.notes, first, last)
    figures = [
        Figure(
            id="new-users",
            title="New users per day",
            label=f"New users of {app.name} per day.",
            captions=[tell.arrivals_reading(days), *tell.notes_reading(notes)],
            plot=plot(
                app_charts.with_notes,
                plot(app_charts.new_users, days),
                notes,
                first,
                last,
                labels=True,
            ),
        ),
        Figure(
            id="cumulative-users",
            title="Users so far",
            label=f"Cumulative users of {app.name} by day.",
            captions=[tell.cumulative_reading(days)],
            plot=plot(
                app_charts.with_notes,
                plot(app_charts.cumulative_users, days, style),
                notes,
                first,
                last,
                labels=False,
            ),
        ),
        *_share_figures(app, days, story, style),
        *_ratio_figures(marts, app, story),
    ]
    growth = _launches(marts, app)
    return GrowthSection(
        figures=figures,
        flag=tell.flag_reading(days),
        launches=Figure(
            id="launches",
            title="Users so far, by days since launch",
            label=f"Cumulative users of {app.name} and the other apps, aligned on launch day.",
            captions=[tell.velocity_reading(app.name, days)],
            plot=plot(app_charts.launches, growth, app.app_id, look),
        )
        if app.app_id in growth
        else None,
        shown=list(growth),
        velocity=velocity,
        velocity_columns=columns,
    )


def _share_figures(app: App, days: Sequence[GrowthDay], story: Story, style: Style) -> list[Figure]:
    if all(day.new_user_share is None for day in days):
        return []
    return [
        Figure(
            id="new-share",
            title="Share of the week’s active users who are new",
            label=f"Share of new users among the active users of {app.name}, 7 days at a time.",
            captions=[tell.share_reading(days)],
            plot=plot(
                app_charts.with_notes,
                plot(app_charts.new_share, days, style),
                story.notes,
                days[0].activity_date,
                days[-1].activity_date,
                labels=False,
            ),
        )
    ]


def _ratio_figures(marts: Marts, app: App, story: Story) -> list[Figure]:
    periods = [period for period in marts.growth if period.app_id == app.app_id]
    if not any(period.quick_ratio is not None for period in periods):
        return []
    return [
        Figure(
            id="quick-ratio",
            title="Quick ratio",
            label=f"Quick ratio of {app.name} by {periods[0].period}, against the line of 1.",
            captions=[
                wording.quick_ratio_reading(periods, charts.QUICK_RATIO_CEILING),
                *tell.trend_reading(story.growth),
            ],
            plot=plot(
                app_charts.with_notes,
                plot(charts.quick_ratio, periods),
                story.notes,
                periods[0].period_start,
                periods[-1].period_end - timedelta(days=1),
                labels=False,
            ),
        )
    ]


def _launches(marts: Marts, app: App) -> dict[str, Sequence[GrowthDay]]:
    """The growth of this app and of the largest others, in the order of the overview."""
    with_users = [
        other.app_id
        for other in marts.apps
        if app_charts.since_launch(marts.stories.get(other.app_id, Story()).growth)
    ]
    if app.app_id not in with_users:
        return {}
    others = [app_id for app_id in with_users if app_id != app.app_id][: LAUNCHES_SHOWN - 1]
    shown = [app_id for app_id in with_users if app_id == app.app_id or app_id in others]
    return {app_id: marts.stories[app_id].growth for app_id in shown}


def _velocity_table(
    marts: Marts, app: App
) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """Milestones that any app has reached, and the next: a row per app, this one first."""
    measures = list(dict.fromkeys(v.measure for v in marts.velocity))
    columns: list[tuple[str, int]] = []
    for measure in measures:
        rows = [v for v in marts.velocity if v.measure == measure]
        milestones = sorted({v.milestone for v in rows})
        reached = {v.milestone for v in rows if v.days_since_launch is not None}
        keep = [m for m in milestones if m in reached]
        ahead = [m for m in milestones if not keep or m > keep[-1]][:1]
        columns += [(measure, m) for m in keep + ahead]
    if not columns:
        return [], []
    by_key = {(v.app_id, v.measure, v.milestone): v for v in marts.velocity}
    apps = [app, *(other for other in marts.apps if other.app_id != app.app_id)]
    names = [f"{tell.milestone_name(milestone)} {measure}" for measure, milestone in columns]
    table = [
        (
            other.name,
            [
                (name, tell.velocity_cell(by_key.get((other.app_id, measure, milestone))))
                for name, (measure, milestone) in zip(names, columns, strict=True)
            ],
        )
        for other in apps
        if any(key[0] == other.app_id for key in by_key)
    ]
    return names, table


def behaviour_section(story: Story, style: Style) -> BehaviourSection:
    """Retention by what users did early: a correlation, and drawn as no more than that."""
    figures = []
    for observed_in in tell.OBSERVED_IN:
        rows = _behaviours_to_draw(story.behaviours, observed_in)
        if not rows:
            continue
        outcome = rows[0].outcome_day_n
        window = tell.OBSERVED_IN[observed_in]
        figures.append(
            Figure(
                id=f"behaviour-{observed_in.replace('_', '-')}",
                title=f"Active on day {outcome}, by what they did in their {window}",
                label=(
                    f"Day-{outcome} retention by behaviour in the {window}, with 95 % intervals: "
                    "a dot for users who did, a ring for users who did not."
                ),
                captions=[tell.behaviour_reading(rows)],
                plot=plot(app_charts.behaviour_dots, rows, style),
            )
        )
    levels, days, window = _levels(story.behaviours)
    return BehaviourSection(
        figures=figures,
        levels=levels,
        level_days=days,
        levels_in=window,
        concentration=tell.concentration_reading(_level_rows(story.behaviours)),
        rows=story.behaviours,
    )


def _behaviours_to_draw(rows: Sequence[Behaviour], observed_in: str) -> list[Behaviour]:
    """The comparisons of one window with enough users, by behaviour, the largest ratio first."""
    known = [
        row
        for row in rows
        if row.observed_in == observed_in
        and row.has_enough_users
        and row.retention_rate is not None
    ]
    outcomes = {row.outcome_day_n for row in known}
    if not outcomes:
        return []
    wanted = OUTCOMES.get(observed_in, max(outcomes))
    outcome = wanted if wanted in outcomes else max(outcomes)
    known = [row for row in known if row.outcome_day_n == outcome]
    # One kind of levels is enough; they all say that who does more comes back more.
    levels = [level for level in tell.LEVELS if any(row.behaviour == level for row in known)]
    known = [row for row in known if row.behaviour not in levels[1:]]
    order = list(dict.fromkeys(row.behaviour for row in known if row.behaviour != "event"))
    did = {(row.behaviour, row.value): row for row in known if row.did is not False}

    def place(row: Behaviour) -> tuple[int, float, tuple[int, str], bool]:
        counterpart = did.get((row.behaviour, row.value), row)
        if row.behaviour == "event":
            return (len(order), -(counterpart.rate_ratio or 0.0), (0, row.value), row.did is False)
        return (order.index(row.behaviour), 0.0, _natural(row.value), row.did is False)

    ordered = sorted(known, key=place)
    shown = list(dict.fromkeys((row.behaviour, row.value) for row in ordered))[:BEHAVIOURS_SHOWN]
    return [row for row in ordered if (row.behaviour, row.value) in shown]


def _natural(value: str) -> tuple[int, str]:
    """ "2-3" before "10+"."""
    match = re.match(r"\d+", value)
    return (int(match.group()) if match else 1_000_000, value)


def _level_rows(rows: Sequence[Behaviour]) -> list[Behaviour]:
    """The rows that split all users of a window by how much they did; the week's, if known."""
    known = [
        row
        for row in rows
        if row.behaviour != "event" and row.did is not False and row.event_share is not None
    ]
    behaviours = {row.behaviour for row in known}
    chosen = next((level for level in tell.LEVELS if level in behaviours), None)
    if chosen is None:
        return []
    windows = {row.observed_in for row in known if row.behaviour == chosen}
    window = "first_week" if "first_week" in windows else sorted(windows)[0]
    found = [row for row in known if row.behaviour == chosen and row.observed_in == window]
    return sorted(found, key=lambda row: (_natural(row.value), row.outcome_day_n))


def _levels(rows: Sequence[Behaviour]) -> tuple[list[Level], list[int], str]:
    found = _level_rows(rows)
    if not found:
        return [], [], ""
    days = sorted({row.outcome_day_n for row in found})
    levels = []
    for value in dict.fromkeys(row.value for row in found):
        of_value = {row.outcome_day_n: row for row in found if row.value == value}
        any_row = next(iter(of_value.values()))
        levels.append(
            Level(
                name=tell.behaviour_name(any_row),
                user_share=any_row.user_share,
                event_share=any_row.event_share,
                outcomes=[_outcome(of_value.get(n)) for n in days],
            )
        )
    return levels, days, tell.OBSERVED_IN.get(found[0].observed_in, found[0].observed_in)


def effects_by_note(effects: Sequence[Effect]) -> list[tuple[Effect, dict[int, Effect]]]:
    """The effects of each note by day_n; any of them tells what the note is."""
    notes: dict[tuple[date, str | None, str], dict[int, Effect]] = {}
    for effect in effects:
        notes.setdefault((effect.note_date, effect.kind, effect.title), {})[effect.day_n] = effect
    return [(next(iter(by_day.values())), by_day) for by_day in notes.values()]


def _outcome(row: Behaviour | None) -> str:
    """A rate to be read, or why it had better not be."""
    if row is None:
        return tell.UNKNOWN
    return wording.percent(row.retention_rate) if row.has_enough_users else "too few users"


def voice_section(app: App, story: Story, style: Style) -> VoiceSection:
    """What reviews say: stars beside retention, themes before and after the peak, quotes."""
    quotes = _quotes_by_theme(story)
    return VoiceSection(
        figures=_rating_figures(app, story, style),
        themes=_theme_figure(app, story, style),
        theme_rows=[
            (theme, {t.period: t for t in story.themes if t.theme == theme})
            for theme in dict.fromkeys(t.theme for t in story.themes)
        ],
        quotes=quotes[:QUOTED_THEMES],
        more_quotes=quotes[QUOTED_THEMES:],
    )


def _quotes_by_theme(story: Story) -> list[tuple[str, list[Quote]]]:
    """Quotes by theme, the one spoken of most first."""
    mentions = {t.theme: t.mentions or 0 for t in story.themes if t.period == "all"}
    themes = sorted({q.theme for q in story.quotes}, key=lambda t: (-mentions.get(t, 0), t))
    return [(theme, [q for q in story.quotes if q.theme == theme]) for theme in themes]


def _rating_figures(app: App, story: Story, style: Style) -> list[Figure]:
    rated = [w for w in story.reviews if w.is_complete and w.mean_rating is not None]
    if not rated:
        return []
    weeks = [*(w.week_start for w in rated), *(w.week_start for w in story.cohort_weeks)]
    first, last = min(weeks), max(weeks) + timedelta(days=7)
    notes = app_charts.notes_within(story.notes, first, last)
    figures = [
        Figure(
            id="ratings",
            title="Mean stars by week",
            label=f"Mean rating of {app.name} by week, from 1 to 5 stars.",
            captions=[*tell.rating_reading(story.reviews), *tell.stores_reading(story.reviews)],
            plot=plot(
                app_charts.with_notes,
                plot(app_charts.rating_by_week, story.reviews, style, first, last),
                notes,
                first,
                last,
                labels=False,
            ),
        )
    ]
    if story.cohort_weeks:
        figures.append(
            Figure(
                id="cohort-weeks",
                title="Retention of those who started in these weeks",
                label=(
                    f"Day-1 (dashed) and day-7 retention of {app.name} by the week in which users "
                    "started."
                ),
                captions=[tell.cohort_weeks_reading(story.cohort_weeks)],
                plot=plot(
                    app_charts.with_notes,
                    plot(app_charts.cohort_weeks, story.cohort_weeks, style, first, last),
                    notes,
                    first,
                    last,
                    labels=False,
                ),
            )
        )
    return figures


def _theme_figure(app: App, story: Story, style: Style) -> Figure | None:
    compared = [t for t in story.themes if t.period != "all" and t.share is not None]
    drawn = compared or [t for t in story.themes if t.share is not None]
    spoken_of = [
        theme
        for theme in dict.fromkeys(t.theme for t in drawn)
        if any(t.mentions for t in drawn if t.theme == theme)
    ][:THEMES_SHOWN]
    shown = [t for t in drawn if t.theme in spoken_of]
    if not shown:
        return None
    return Figure(
        id="themes",
        title="Share of reviews that speak of each theme",
        label=(
            f"Share of the reviews of {app.name} by theme, before the peak (ring) and after it "
            "(dot), with 95 % intervals."
            if compared
            else f"Share of the reviews of {app.name} by theme, with 95 % intervals."
        ),
        captions=[tell.themes_reading(story.themes)],
        plot=plot(app_charts.theme_shares, shown, style),
    )


def watch_list(app: App, verdict: Verdict | None, story: Story) -> list[Watch]:
    """What can be told later, the nearest day first; what has no day comes last."""
    listed = [
        Watch(m.completes_on, f"Day {m.day_n} can be observed for the first cohort.")
        for m in app.milestones
        if not m.is_complete and m.completes_on is not None
    ]
    if verdict is not None and verdict.next_on is not None:
        listed.append(Watch(verdict.next_on, tell.verdict_again(verdict)))
    listed += _forecasts_to_come(app, story.forecasts)
    listed += _effects_to_come(story.effects)
    dated = [w for w in listed if w.on and (app.watermark is None or w.on > app.watermark)]
    dated.sort(key=lambda watch: (watch.on or date.max, watch.what))
    return dated


def _forecasts_to_come(app: App, forecasts: Sequence[Forecast]) -> list[Watch]:
    """The next few forecasts of cohort months that can be held against what happened."""
    waiting = sorted(
        (
            f
            for f in forecasts
            if f.cohort_group != "all"
            and f.definition == "classic"
            and f.status == "forecast"
            and f.rate is not None
            and f.completes_on is not None
            and (app.watermark is None or f.completes_on > app.watermark)
        ),
        key=lambda f: (f.completes_on or date.max, f.cohort_group, f.day_n),
    )
    return [
        Watch(
            f.completes_on,
            f"Day {f.day_n} of the users of {tell.cohort_group(f.cohort_group)} is complete: the "
            f"forecast says {wording.percent(f.rate)} "
            f"({wording.interval(f.ci_low, f.ci_high)}).",
        )
        for f in waiting[:3]
    ]


def _effects_to_come(effects: Sequence[Effect]) -> list[Watch]:
    return [
        Watch(
            effect.completes_on,
            f"Whether “{effect.title}” changed day {effect.day_n} can be told.",
        )
        for effect in effects
        if not effect.is_complete and effect.completes_on is not None
    ]


def next_milestone(marts: Marts, app: App, story: Story) -> str | None:
    """How far the next round number of users is."""
    ahead = [
        v.milestone
        for v in marts.velocity
        if v.app_id == app.app_id and v.measure == "users" and v.reached_on is None
    ]
    last = story.growth[-1] if story.growth else None
    if not ahead or last is None or last.cumulative_users is None:
        return None
    said = f"{tell.milestone_name(min(ahead))} users: {wording.count(last.cumulative_users)} so far"
    if last.new_users_7d is not None:
        said += f", {wording.count(last.new_users_7d)} of them in the last 7 days"
    return f"{said}."
