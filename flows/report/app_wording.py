"""Says in words what the page of one app tells, so that no figure stands without its sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date

from flows.report.app_story import (
    Accuracy,
    Behaviour,
    CohortWeek,
    Company,
    Effect,
    Forecast,
    ForecastCurve,
    GrowthDay,
    Note,
    RankStory,
    ReviewWeek,
    Theme,
    Velocity,
    Verdict,
)
from flows.report.queries import Change
from flows.report.wording import NBSP, NNBSP, STORES, count, day, interval, listed, percent

UNKNOWN = "–"
# Behaviours of which every user has a level; the first one known is the one to show.
LEVELS = ("active_days", "distinct_events", "events")
PASSERS_SHOWN = 5
ISO_DAY = re.compile(r"\b[12]\d{3}-\d\d-\d\d\b")
VERDICTS = {
    "sticks": "It sticks",
    "spike": "A spike",
    "leaky": "Leaky",
    "too_early": "Too early to tell",
}
VERDICT_MEANINGS = {
    "sticks": "People who come stay, and the curve flattens well above zero.",
    "spike": "Many came at once, and hardly any of them stay.",
    "leaky": "New people keep coming, and leave as fast.",
    "too_early": "Too few complete days or too few users for a judgement.",
}
METHODS = {
    "blend": "afterhype's forecast",
    "last_value": "last value carried forward",
    "other_apps": "average curve of the other apps",
}
DEFINITIONS = {"classic": "Classic", "unbounded": "Unbounded"}
OBSERVED_IN = {"first_day": "first day", "first_week": "first week"}
PERIODS = {"before_peak": "before the peak", "after_peak": "after the peak", "all": "all"}


def verdict_word(verdict: Verdict | None) -> str:
    """ "A spike"; an app without a verdict is too early to tell."""
    word = verdict.word if verdict and verdict.word else "too_early"
    return VERDICTS.get(word, word.replace("_", " "))


def verdict_change(change: Change) -> str:
    """ "Too early to tell → A spike (97 %)"; said once where it stands."""
    verdicts = [
        VERDICTS.get(word or "too_early", word or "") if word or not change.is_new_app else "none"
        for word in change.verdict
    ]
    sure = f" ({change.confidence[1]:.0%})" if change.confidence[1] is not None else ""
    said = verdicts[1] if verdicts[0] == verdicts[1] else f"{verdicts[0]} → {verdicts[1]}"
    return f"{said}{sure}"


def verdict_kind(verdict: Verdict | None) -> str:
    """The verdict as a CSS class: one of the four words, never anything else."""
    word = verdict.word if verdict and verdict.word in VERDICTS else None
    return (word or "too_early").replace("_", "-")


def verdict_meaning(verdict: Verdict | None) -> str:
    """One plain sentence on what the word means."""
    word = verdict.word if verdict and verdict.word else "too_early"
    return VERDICT_MEANINGS.get(word, "")


def confidence(verdict: Verdict | None) -> str | None:
    """ "93 % confidence", never rounded up to certainty; None where there is none to state."""
    if verdict is None or verdict.confidence is None:
        return None
    share = verdict.confidence
    if share > 0.99:
        return f"more than 99{NNBSP}% confidence"
    return f"{share:.0%}".replace("%", f"{NNBSP}%") + " confidence"


def verdict_next(verdict: Verdict | None) -> str:
    """When more can be told, as a sentence."""
    if verdict is None or not (verdict.next or verdict.next_on):
        return "No date can be named yet: no cohort is on its way to the next complete day."
    if verdict.next:
        return sentence(verdict.next)
    return f"When events up to {day(verdict.next_on)} have landed."


def verdict_again(verdict: Verdict) -> str:
    """The same as something to wait for, beside its date."""
    if not verdict.next:
        return "More can be told of the verdict."
    text = phrase(verdict.next)
    return f"The verdict can be taken further: {text[:1].lower()}{text[1:]}"


def sentence(text: str) -> str:
    """A mart's phrase as a sentence: with a capital and a full stop."""
    text = phrase(text)
    return text[:1].upper() + text[1:]


def phrase(text: str) -> str:
    """A mart's phrase with a full stop, and with its days written as everywhere on the page."""
    text = ISO_DAY.sub(lambda found: _day_in_words(found.group()), text.strip())
    return text if not text or text[-1] in ".!?…。！？" else f"{text}."


def _day_in_words(text: str) -> str:
    try:
        return day(date.fromisoformat(text))
    except ValueError:
        return text


def number(value: float | None, digits: int = 2) -> str:
    """A plain number with so many decimals, with a real minus sign; None as a dash."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}".replace("-", "−")


def points(difference: float | None) -> str:
    """A difference of two rates in percentage points, with its sign."""
    if difference is None:
        return UNKNOWN
    return f"{difference * 100:+.1f}".replace("-", "−") + f"{NBSP}points"


def points_interval(low: float | None, high: float | None) -> str:
    """The ends of such a difference: "−1.0 to +0.4"."""
    if low is None or high is None:
        return UNKNOWN
    return f"{low * 100:+.1f} to {high * 100:+.1f}".replace("-", "−")


def plural(n: int, one: str, many: str | None = None) -> str:
    """1 as "1 day", 3 as "3 days"."""
    return f"{n:,}{NBSP}{one if n == 1 else many or one + 's'}"


# Forecast


def forecast_reading(curve: ForecastCurve | None, forecasts: Sequence[Forecast]) -> str:
    """Where the forecast leads, or why there is none to draw."""
    refused = [f for f in forecasts if f.status == "refused" and f.definition == "classic"]
    if curve is None:
        if refused:
            return f"No forecast: {phrase(refused[0].reason or 'refused')}"
        return "Every day on this chart is observed, so nothing is left to forecast."
    low, high = curve.ci_lows[-1], curve.ci_highs[-1]
    since = "" if curve.last_observed_day is None else f" after day {curve.last_observed_day}"
    return (
        f"Forecast{since} (dashed, not observed): {percent(curve.rates[-1])} on day "
        f"{curve.days[-1]}, 95{NNBSP}% interval {interval(low, high)}."
    )


def accuracy_reading(rows: Sequence[Accuracy]) -> str:
    """How often the blend beat both baselines, over the horizons that can be compared."""
    cells: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        if row.median_error is not None:
            cells.setdefault((row.definition, row.day_n), {})[row.method] = row.median_error
    compared = [errors for errors in cells.values() if "blend" in errors and len(errors) > 1]
    if not compared:
        return "No past forecast can be compared with a baseline yet."
    better = sum(errors["blend"] <= min(errors.values()) for errors in compared)
    return (
        f"In {better} of {len(compared)} comparisons the forecast's median error is no larger "
        "than that of any baseline."
    )


def cohort_group(name: str) -> str:
    """ "2026-01" as "Jan 2026"."""
    if name == "all":
        return "All cohorts"
    try:
        month = date.fromisoformat(f"{name}-01")
    except ValueError:
        return name
    return f"{month:%b}{NBSP}{month.year}"


# Rank


def rank_facts(story: RankStory) -> list[tuple[str, str]]:
    """Peak, half-life, decay, volatility and days on top, as pairs of a name and its value."""
    peak = f"rank {story.peak_rank} on {day(story.peak_date)}"
    if story.days_to_peak is not None:
        peak += f", {plural(story.days_to_peak, 'day')} after it was first seen"
    facts = [
        ("Peak", peak),
        ("Half-life", half_life(story)),
        ("Decay after the peak", decay(story)),
    ]
    if story.volatility is not None:
        facts.append(("Volatility", f"{number(story.volatility)} (daily change of log rank)"))
    if story.days_top_10 is not None and story.days_top_100 is not None:
        facts.append(
            (
                "Days on top",
                f"{plural(story.days_top_10, 'day')} in the top 10, "
                f"{story.days_top_100:,} in the top 100",
            )
        )
    return facts


def half_life(story: RankStory) -> str:
    """When the rank had become twice as bad for good, or why that cannot be said."""
    if story.half_life_state == "reached":
        after = (
            f", {plural(story.half_life_days, 'day')} after the peak"
            if story.half_life_days is not None
            else ""
        )
        return f"twice as bad by {day(story.half_life_date)}{after}"
    if story.half_life_state == "not_yet":
        return "not reached: the rank has not stayed twice as bad for a week"
    if story.half_life_state == "cannot_tell":
        return "cannot be told: the chart was not fetched often or deep enough"
    return "no peak to count from"


def decay(story: RankStory) -> str:
    """By how much the rank number grows per day after the peak, with its interval."""
    if story.decay_per_day is None:
        return "too few days after the peak"
    said = f"the rank number changes by {_growth(story.decay_per_day)} a day"
    if story.decay_ci_low is not None and story.decay_ci_high is not None:
        said += f" (95{NNBSP}% {_growth(story.decay_ci_low)} to {_growth(story.decay_ci_high)})"
    if story.decay_days is not None:
        said += f", over {plural(story.decay_days, 'observed day')}"
    return said


def _growth(slope: float) -> str:
    """A slope of the rank's logarithm as a percentage."""
    return f"{math.expm1(slope) * 100:+.1f}{NNBSP}%".replace("-", "−")


def company_reading(name: str, others: Sequence[Company]) -> list[str]:
    """Who stands right above and below on the latest day, and who passed since the peak."""
    said = []
    near = [o for o in others if o.is_neighbour and o.other_rank is not None and o.rank is not None]
    if near:
        above = [_ranked(o) for o in near if o.other_rank < o.rank]  # type: ignore[operator]
        below = [_ranked(o) for o in near if o.other_rank > o.rank]  # type: ignore[operator]
        when, rank = day(near[0].rank_date), near[0].rank
        parts = [
            *([f"behind {listed(above)}"] if above else []),
            *([f"ahead of {listed(below)}"] if below else []),
        ]
        said.append(f"On {when} {name} stands at {rank}, {', '.join(parts)}.")
    passed = [o for o in others if o.passed_since_peak]
    if passed:
        shown = listed([_ranked(o) for o in passed[:PASSERS_SHOWN]])
        said.append(
            f"Passed since its peak by {shown}."
            if len(passed) <= PASSERS_SHOWN
            else f"{count(len(passed))} apps have passed it since its peak; the best placed of "
            f"them are {shown}."
        )
    elif others:
        said.append("No app has passed it since its peak.")
    return said


def _ranked(other: Company) -> str:
    return f"{other.other_name} ({other.other_rank if other.other_rank is not None else UNKNOWN})"


def notes_reading(notes: Sequence[Note]) -> list[str]:
    """The notes drawn on a chart, in words."""
    if not notes:
        return []
    return ["Marked: " + "; ".join(f"{note.title}, {day(note.note_date)}" for note in notes) + "."]


# Growth


def arrivals_reading(rows: Sequence[GrowthDay]) -> str:
    """New users of the last seven days against the best seven."""
    last = rows[-1]
    if last.new_users_7d is None:
        return "A whole week has not been observed yet."
    said = f"{count(last.new_users_7d)} new users in the 7 days to {day(last.activity_date)}"
    if last.new_users_vs_peak is not None:
        if last.new_users_vs_peak >= 0.995:
            return f"{said}, the best 7 days so far."
        return f"{said}, {percent(last.new_users_vs_peak)} of the best 7 days so far."
    return f"{said}."


def cumulative_reading(rows: Sequence[GrowthDay]) -> str:
    """Where the sum of users and downloads stands."""
    last = rows[-1]
    if last.cumulative_users is None:
        return "The number of users so far is not known."
    said = f"{count(last.cumulative_users)} users by {day(last.activity_date)}"
    if last.launch_day_n is not None and last.launch_day_n >= 0:
        said += f", day {last.launch_day_n} after launch"
    if last.cumulative_downloads is not None:
        said += f"; {count(last.cumulative_downloads)} downloads (dashed) by the stores' reports"
    return f"{said}."


def share_reading(rows: Sequence[GrowthDay]) -> str:
    """How much of the latest week's activity is new users."""
    known = [row for row in rows if row.new_user_share is not None]
    if not known:
        return "No week of activity is complete yet."
    last = known[-1]
    return (
        f"Of the {count(last.active_users_7d)} users active in the 7 days to "
        f"{day(last.activity_date)}, {percent(last.new_user_share)} were new."
    )


def trend_reading(rows: Sequence[GrowthDay]) -> list[str]:
    """The quick ratio of the latest seven days and where it is heading."""
    known = [row for row in rows if row.quick_ratio_7d is not None]
    if not known:
        return []
    last = known[-1]
    ratio = last.quick_ratio_7d or 0.0
    verb = "wins more users than it loses" if ratio > 1 else "loses more users than it wins"
    said = (
        f"Over the 7 days to {day(last.activity_date)} the ratio is {number(ratio)}: the app {verb}"
    )
    if last.quick_ratio_trend is None:
        return [f"{said}."]
    way = "better" if last.quick_ratio_trend > 1 else "worse"
    if last.quick_ratio_trend == 1:
        return [f"{said}, as in the 28 days before the last 28."]
    return [
        f"{said}; the last 28 days were {way} than the 28 before "
        f"({number(last.quick_ratio_trend)} times their ratio)."
    ]


def flag_reading(rows: Sequence[GrowthDay]) -> tuple[bool, str]:
    """Whether new users still arrive and none stay, and on how many days that was so."""
    known = [row for row in rows if row.arrives_but_leaves is not None]
    if not known:
        return False, "Whether new users still arrive while none stay cannot be told yet."
    flagged = [row for row in known if row.arrives_but_leaves]
    if known[-1].arrives_but_leaves:
        return True, (
            f"New users still arrive, none stay: so it is on {day(known[-1].activity_date)}, and "
            f"was on {len(flagged):,} of {plural(len(known), 'day')}."
        )
    if flagged:
        return False, (
            f"“New users still arrive, none stay” held on {len(flagged):,} of "
            f"{plural(len(known), 'day')}, last on {day(flagged[-1].activity_date)}; it does not "
            f"hold on {day(known[-1].activity_date)}."
        )
    return False, "On no day so far did new users arrive while none stayed."


def velocity_cell(velocity: Velocity | None) -> str:
    """ "day 12" or "not yet"; a dash where the measure is not known of the app."""
    if velocity is None:
        return UNKNOWN
    if velocity.days_since_launch is None:
        return "not yet" if velocity.reached_on is None else day(velocity.reached_on)
    return f"{plural(velocity.days_since_launch, 'day')}"


def milestone_name(milestone: int) -> str:
    """100000 as "100 k", 1000000 as "1 M"."""
    if milestone >= 1_000_000 and milestone % 1_000_000 == 0:
        return f"{milestone // 1_000_000}{NBSP}M"
    if milestone >= 1_000 and milestone % 1_000 == 0:
        return f"{milestone // 1_000}{NBSP}k"
    return count(milestone)


def velocity_reading(name: str, rows: Sequence[GrowthDay]) -> str:
    """How far the app had come after a week and after a month."""
    at = {row.launch_day_n: row.cumulative_users for row in rows}
    known = [(n, at[n]) for n in (7, 30, 90) if at.get(n) is not None]
    if not known:
        return f"{name} is less than a week old."
    parts = [f"{count(users)} users by day {n}" for n, users in known]
    return f"{name} had {listed(parts)} after its launch."


# Behaviour


def behaviour_name(row: Behaviour) -> str:
    """What users did, in words: "did “video_shared”", "2-3 kinds of events"."""
    value = row.value
    if row.behaviour == "event":
        return f"did “{value}”"
    if row.behaviour == "distinct_events":
        return f"{value} kinds of events" if value != "1" else "1 kind of event"
    if row.behaviour == "active_days":
        return f"active on {value} days" if value != "1" else "active on 1 day"
    if row.behaviour == "events":
        return f"{value} events" if value != "1" else "1 event"
    if row.behaviour == "role":
        return f"{value.replace('_', ' ')}"
    if row.behaviour == "shared":
        return "shared something" if row.did is not False else "shared nothing"
    words = row.behaviour.replace("_", " ")
    return words if value == row.behaviour else f"{words}: {value.replace('_', ' ')}"


def behaviour_reading(rows: Sequence[Behaviour]) -> str:
    """The largest difference in one window, in words."""
    told = [r for r in rows if r.did is not False and r.rate_ratio is not None]
    if not told:
        return "No two groups can be compared yet."
    top = max(told, key=lambda row: (row.rate_ratio or 0.0, row.users or 0))
    return (
        f"Users who {_did(top)} in their {OBSERVED_IN.get(top.observed_in, top.observed_in)}: "
        f"{percent(top.retention_rate)} were active on day {top.outcome_day_n} "
        f"({interval(top.ci_low, top.ci_high)}), {number(top.rate_ratio, 1)} times as many as of "
        f"{'the lowest level' if top.behaviour in LEVELS else 'the others'}."
    )


def _did(row: Behaviour) -> str:
    name = behaviour_name(row)
    if row.behaviour in ("event", "shared"):
        return name
    if row.behaviour == "active_days":
        return f"were {name}"
    if row.behaviour in LEVELS:
        return f"made {name}"
    return f"were {name}s" if row.behaviour == "role" else f"were in the group “{name}”"


def concentration_reading(levels: Sequence[Behaviour]) -> str | None:
    """How much of all that is done the most active level does."""
    known = [
        row
        for row in levels
        if row.has_enough_users and row.user_share is not None and row.event_share is not None
    ]
    if not known:
        return None
    top = max(known, key=lambda row: (row.event_share or 0.0) / max(row.user_share or 0.0, 1e-9))
    return (
        f"{percent(top.user_share)} of the users ({behaviour_name(top)}) made "
        f"{percent(top.event_share)} of all events."
    )


# Launch effects


def effect_reading(effect: Effect) -> str:
    """Whether a note's effect is more than the usual difference between cohorts."""
    if not effect.is_complete:
        return f"needs events to {day(effect.completes_on)}" if effect.completes_on else "not yet"
    if effect.difference is None:
        return "too few users on one side"
    if effect.is_beyond_noise is None:
        return "cannot be told from cohort-to-cohort noise"
    if effect.is_beyond_noise:
        return "more than cohort-to-cohort noise"
    return "within cohort-to-cohort noise"


# Reviews


def rating_reading(weeks: Sequence[ReviewWeek]) -> list[str]:
    """Mean rating of the first and the latest complete month of weeks, per store."""
    said = []
    for store in sorted({week.store for week in weeks}):
        rated = [
            w for w in weeks if w.store == store and w.is_complete and w.mean_rating is not None
        ]
        if not rated:
            said.append(f"{STORES.get(store, store)}: no week with reviews is complete yet.")
            continue
        total = sum(week.reviews or 0 for week in rated)
        first, last = rated[:4], rated[-4:]
        said.append(
            f"{STORES.get(store, store)}: {count(total)} reviews in "
            f"{plural(len(rated), 'week')}; "
            + (
                f"{number(_mean(rated))} stars on average."
                if len(rated) < 8
                else f"{number(_mean(first))} stars in the first four weeks with reviews, "
                f"{number(_mean(last))} in the latest four."
            )
        )
    return said


def stores_reading(weeks: Sequence[ReviewWeek]) -> list[str]:
    """Which line is which store's, where there are several."""
    names = [STORES.get(store, store) for store in sorted({week.store for week in weeks})]
    if len(names) < 2:
        return []
    lines = ("Solid", "dashed", "dotted")
    return ["; ".join(f"{lines[i % 3]}: {name}" for i, name in enumerate(names)) + "."]


def _mean(weeks: Sequence[ReviewWeek]) -> float:
    reviews = sum(week.reviews or 0 for week in weeks)
    starred = sum((week.mean_rating or 0.0) * (week.reviews or 0) for week in weeks)
    return starred / max(reviews, 1)


def cohort_weeks_reading(weeks: Sequence[CohortWeek]) -> str:
    """The first and the latest week of cohorts whose day 7 is complete."""
    known = [week for week in weeks if week.day_n == 7 and week.rate is not None]
    if not known:
        return "Day 7 is not complete for any week of cohorts yet."
    if len(known) == 1:
        return f"Day 7 of the week of {day(known[0].week_start)}: {percent(known[0].rate)}."
    return (
        f"Dashed: day 1; solid: day 7, {percent(known[0].rate)} of those who started in the week "
        f"of {day(known[0].week_start)}, {percent(known[-1].rate)} in that of "
        f"{day(known[-1].week_start)}."
    )


def theme_name(theme: str) -> str:
    """A theme of the seed, as words."""
    return theme.replace("_", " ")


def themes_reading(themes: Sequence[Theme]) -> str:
    """The theme spoken of most, and the one that grew most since the peak."""
    overall = [t for t in themes if t.period == "all" and t.mentions and t.share is not None]
    if not overall:
        return "No theme of the list has been mentioned yet."
    top = max(overall, key=lambda t: (t.mentions or 0, t.theme))
    said = f"Spoken of most: {theme_name(top.theme)}, in {percent(top.share)} of the reviews"
    before = {t.theme: t.share for t in themes if t.period == "before_peak"}
    after = {t.theme: t.share for t in themes if t.period == "after_peak"}
    grown = {
        theme: share - (before.get(theme) or 0.0)
        for theme, share in after.items()
        if share is not None and before.get(theme) is not None
    }
    if not grown:
        return f"{said}."
    most = max(grown, key=lambda theme: (grown[theme], theme))
    if grown[most] <= 0:
        return f"{said}; no theme has grown since the peak."
    return (
        f"{said}. Grown most since the peak: {theme_name(most)}, from {percent(before[most])} to "
        f"{percent(after[most])}."
    )


def stars(rating: int | None) -> str:
    """Four as "4 of 5 stars"."""
    return "no rating" if rating is None else f"{rating} of 5 stars"
