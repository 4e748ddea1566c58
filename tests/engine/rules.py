"""The sets of rules under which worlds are tried, and the sources file that says each of them."""

from __future__ import annotations

from typing import Any

from flows.sources import Sources
from tests.engine.worlds import KINDS
from tests.oracle import Rules

APPS_PER_KIND = 9
"""How many worlds of each kind a batch holds."""

BRACKETS = {"day": [(1, 3), (2, 6), (7, 7)], "week": [(1, 2)], "month": [(0, 1)]}


def app_ids(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}_{number:02}" for number in range(APPS_PER_KIND))


def _rules(timezone: str, week_start: str, horizon_days: int, segments: tuple[str, ...]) -> Rules:
    return Rules(
        timezone=timezone,
        week_start=week_start,
        horizon_days=horizon_days,
        segments=segments,
        brackets=BRACKETS,
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
        "Europe/Berlin", "sunday", 40, ("platform", "country", "channel", "app_version")
    ),
    "New York, weeks from Saturday": _rules("America/New_York", "saturday", 14, ("channel",)),
    "Lord Howe, whose clocks change by half an hour": _rules(
        "Australia/Lord_Howe", "monday", 30, ("app_version", "platform")
    ),
    "the Azores, where midnight comes twice": _rules(
        "Atlantic/Azores", "sunday", 35, ("country", "channel")
    ),
    "Tokyo, all users in one segment": _rules("Asia/Tokyo", "monday", 7, ()),
}
"""Zones with and without changes of clocks, each week start, from no segment to all of them."""


def sources_of(rules: Rules) -> Sources:
    """The sources file of a batch under these rules: an app, and its source, for each world."""
    return Sources.model_validate(sources_document(rules))


def sources_document(rules: Rules) -> dict[str, Any]:
    """The same as it is written."""
    names = [app_id for kind in KINDS for app_id in app_ids(kind)]
    return {
        "timezone": rules.timezone,
        "week_start": rules.week_start,
        "horizon_days": rules.horizon_days,
        "raw_retention_days": 25,
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
                "name": f"{app_id}_events",
                "app_id": app_id,
                "uri": f"exports/{app_id}/*.csv",
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
        ],
    }
