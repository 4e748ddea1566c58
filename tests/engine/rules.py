"""The sets of rules under which worlds are tried, and the sources file that says each of them."""

from __future__ import annotations

from typing import Any

from flows.sources import Sources
from tests.engine.worlds import KINDS
from tests.oracle import Rules

APPS_PER_KIND = 9
"""How many worlds of each kind a batch holds."""

BRACKETS = {"day": [(1, 3), (2, 6), (7, 7)], "week": [(1, 3)], "month": [(0, 1)]}
"""One of them is the same in days and in weeks."""


def app_ids(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}_{number:02}" for number in range(APPS_PER_KIND))


def source_name(app_id: str, number: int) -> str:
    """What the first or second source of an app is called in the sources file."""
    return f"{app_id}_{('events', 'more')[number]}"


def _rules(
    timezone: str,
    week_start: str,
    horizon_days: int,
    segments: tuple[str, ...],
    late_data_allowance_days: int = 0,
) -> Rules:
    return Rules(
        timezone=timezone,
        week_start=week_start,
        horizon_days=horizon_days,
        segments=segments,
        brackets=BRACKETS,
        late_data_allowance_days=late_data_allowance_days,
        activity_events=dict.fromkeys(
            (*app_ids("ruled"), *app_ids("strict")), frozenset({"open", "like"})
        ),
        cohort_events=dict.fromkeys(
            (*app_ids("invited"), *app_ids("strict")), frozenset({"signup"})
        ),
    )


RULES = {
    "Coordinated time, weeks from Monday": _rules("UTC", "monday", 21, ("platform", "country")),
    "Berlin, weeks from Sunday": _rules(
        "Europe/Berlin", "sunday", 40, ("platform", "country", "channel", "app_version"), 2
    ),
    "New York, weeks from Saturday": _rules("America/New_York", "saturday", 14, ("channel",), 1),
    "Lord Howe, whose clocks change by half an hour": _rules(
        "Australia/Lord_Howe", "monday", 30, ("app_version", "platform")
    ),
    "Havana, where midnight comes twice, or not at all": _rules(
        "America/Havana", "sunday", 35, ("country", "channel")
    ),
    "Tokyo, all users in one segment": _rules("Asia/Tokyo", "monday", 7, ()),
}
"""Zones with and without changes of clocks, each week start, from no segment to all of them, and
two that wait some days for late data."""


def sources_of(rules: Rules) -> Sources:
    """The sources file of a batch under these rules: for each world an app and its two sources."""
    return Sources.model_validate(sources_document(rules))


def sources_document(rules: Rules) -> dict[str, Any]:
    """The same as it is written."""
    names = [app_id for kind in KINDS for app_id in app_ids(kind)]
    return {
        "timezone": rules.timezone,
        "week_start": rules.week_start,
        "horizon_days": rules.horizon_days,
        "raw_retention_days": 25,
        "late_data_allowance_days": rules.late_data_allowance_days,
        "segments": list(rules.segments),
        "brackets": {p: [list(b) for b in bs] for p, bs in rules.brackets.items()},
        "apps": [
            {
                "app_id": app_id,
                "name": app_id,
                "activity_events": sorted(rules.activity_events.get(app_id, ())),
                "cohort_events": sorted(rules.cohort_events.get(app_id, ())),
            }
            for app_id in names
        ],
        "events": [
            {
                "name": source_name(app_id, number),
                "app_id": app_id,
                "uri": f"exports/{source_name(app_id, number)}/*.csv",
                "format": "custom",
                "reader": {"type": "csv"},
                "identity": "merged",
                "columns": {
                    "user_id": "user_id",
                    "anonymous_id": "anonymous_id",
                    "event_time": "at",
                    "event_name": "name",
                    "event_id": "id",
                },
            }
            for app_id in names
            for number in (0, 1)
        ],
    }
