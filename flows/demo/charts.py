"""Write the demo's chart captures: an app store in which the spike app comes, leads and goes."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from flows.demo.curves import APPS, HABIT, LAST_DAY, LEAKY, SPIKE, Floats, Integers
from flows.demo.simulate import uniforms
from flows.demo.truth import ChartTruth

STOREFRONTS = ("us", "jp")
DEPTH = 100
STAMPED_AT = time(10, 15, tzinfo=UTC)
FETCHED_AFTER = timedelta(minutes=5)
NOT_FETCHED = ("us", date(2025, 12, 12))
UNCHANGED = ("us", date(2026, 1, 8))
FIRST_DAY = SPIKE.first_day

# (days since the launch, rank); the rank runs geometrically in between
RISE_AND_FALL = {
    "us": ((1, 14), (2, 4), (3, 1), (17, 1), (30, 5), (50, 22), (80, 62), (97, 101)),
    "jp": ((7, 40), (9, 9), (11, 4), (20, 4), (35, 14), (60, 48), (84, 101)),
}
RETURN_AFTER = {"us": 128, "jp": 138}

_MAKERS = (
    *("Bralo", "Dovi", "Fennet", "Gluo", "Haskel", "Jorvi", "Kelom"),
    *("Mizzo", "Nuvar", "Pralin", "Quibra", "Ruskin", "Tavolo"),
)
_KINDS = (
    *("Chat", "Maps", "Budget", "Camera", "Fit"),
    *("Mail", "Recipes", "Radio", "Puzzle", "Lessons"),
)
FILLERS = tuple(f"{maker} {kind}" for maker in _MAKERS for kind in _KINDS)


def write_charts(folder: Path, seed: int) -> ChartTruth:
    """Write one capture per storefront and day of the top-free chart, in Apple's RSS v2 shape.

    A day that was not fetched has no file; on another day the feed had not moved on and repeats
    the stamp of the day before.
    """
    folder.mkdir(parents=True)
    spike_ranks = {
        storefront: _write_storefront(folder, storefront, seed) for storefront in STOREFRONTS
    }
    return ChartTruth(
        files=sum(1 for _ in folder.iterdir()),
        unchanged=1,
        missing=[(NOT_FETCHED[0], NOT_FETCHED[1].isoformat())],
        spike_ranks=spike_ranks,
    )


def _write_storefront(folder: Path, storefront: str, seed: int) -> dict[str, int | None]:
    days = (LAST_DAY - FIRST_DAY).days + 1
    order = _filler_order(storefront, days, seed)
    ranks = _tracked_ranks(storefront, days, seed)
    spike_ranks: dict[str, int | None] = {}
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        if (storefront, day) == NOT_FETCHED:
            continue
        is_unchanged = (storefront, day) == UNCHANGED
        shown = number - 1 if is_unchanged else number
        entries = _entries(storefront, order[shown], {a: r[shown] for a, r in ranks.items()})
        stamp = datetime.combine(FIRST_DAY + timedelta(days=shown), STAMPED_AT)
        fetched_at = datetime.combine(day, STAMPED_AT) + FETCHED_AFTER
        feed = _feed(storefront, stamp, entries, mirror=2 if is_unchanged else 1)
        path = folder / f"{fetched_at:%Y-%m-%dT%H%M}Z_{storefront}_top-free.json"
        path.write_text(json.dumps(feed, separators=(",", ":")) + "\n", encoding="utf-8")
        os.utime(path, (fetched_at.timestamp(), fetched_at.timestamp()))
        if not is_unchanged:
            spike_ranks[day.isoformat()] = ranks[SPIKE.app_id][number]
    return spike_ranks


def _filler_order(storefront: str, days: int, seed: int) -> list[Integers]:
    """For each day the fillers from best to worst; a day resembles the one before."""
    base = uniforms(seed, f"charts/{storefront}/base", len(FILLERS)) * 10.0
    noise = uniforms(seed, f"charts/{storefront}/noise", days * len(FILLERS)) - 0.5
    drift = np.zeros(len(FILLERS))
    order = []
    for today in noise.reshape(days, len(FILLERS)):
        drift = 0.93 * drift + 0.9 * today
        order.append(np.argsort(base + drift, kind="stable").astype(np.int64))
    return order


def _tracked_ranks(storefront: str, days: int, seed: int) -> dict[str, list[int | None]]:
    """For each of our apps its rank on each day, None when it is off the chart."""
    day = np.arange(days, dtype=np.float64)

    def wobble(app_id: str, by: float) -> Floats:
        return (uniforms(seed, f"charts/{storefront}/{app_id}", days) - 0.5) * by

    points = RISE_AND_FALL[storefront]
    log_rank = np.interp(day, [d for d, _ in points], np.log([r for _, r in points]))
    spike = np.exp(log_rank)
    spike = spike + np.where(spike > 8, wobble("spike", 0.12) * spike, 0.0)
    spike = np.where((day < points[0][0]) | (day >= points[-1][0]), DEPTH + 1, spike)
    returned = 99.0 - (day - RETURN_AFTER[storefront]) * 0.35 + wobble("return", 3.0)
    spike = np.where(day >= RETURN_AFTER[storefront], np.minimum(returned, DEPTH), spike)
    start, end = (15.0, 5.0) if storefront == "us" else (13.0, 7.0)
    habit = start + (end - start) * day / (days - 1) + wobble("habit", 2.0)
    leaky = 65.0 + 18.0 * np.sin(day / 13.0) + wobble("leaky", 9.0)

    ranks: dict[str, list[int | None]] = {SPIKE.app_id: [], HABIT.app_id: [], LEAKY.app_id: []}
    for today in np.rint(np.stack([spike, habit, leaky], axis=1)).astype(int).tolist():
        taken: set[int] = set()
        for app_id, rank in zip(ranks, today, strict=True):
            while rank in taken:
                rank += 1
            taken.add(rank)
            ranks[app_id].append(rank if rank <= DEPTH else None)
    return ranks


def _entries(
    storefront: str, fillers: Integers, tracked: dict[str, int | None]
) -> list[dict[str, Any]]:
    ours = {app.app_id: app for app in APPS}
    at_rank = {
        rank: (ours[app_id].store_id, ours[app_id].name.removesuffix(" (simulated)"))
        for app_id, rank in tracked.items()
        if rank is not None
    }
    rest = ((str(900000101 + number), FILLERS[number]) for number in fillers.tolist())
    return [_entry(storefront, *(at_rank.get(rank) or next(rest))) for rank in range(1, DEPTH + 1)]


def _entry(storefront: str, store_id: str, name: str) -> dict[str, Any]:
    return {
        "artistName": f"{name.split()[0]} Works (invented)",
        "id": store_id,
        "name": name,
        "releaseDate": "2025-09-30" if store_id == SPIKE.store_id else "2021-03-15",
        "kind": "apps",
        "artworkUrl100": f"https://example.com/artwork/{store_id}.png",
        "genres": [],
        "url": f"https://example.com/{storefront}/app/id{store_id}",
    }


def _feed(
    storefront: str, stamp: datetime, entries: list[dict[str, Any]], mirror: int
) -> dict[str, Any]:
    address = f"https://example.com/api/v2/{storefront}/apps/top-free/{DEPTH}/apps.json"
    return {
        "feed": {
            "title": "Top Free Apps",
            "id": address,
            "author": {"name": "afterhype demo", "url": "https://example.com/"},
            "links": [{"self": address}],
            "copyright": "Simulated by afterhype; every name is invented.",
            "country": storefront,
            "icon": f"https://example.com/mirror{mirror}/favicon.ico",
            "updated": f"{stamp:%a, %d %b %Y %H:%M:%S} +0000",
            "results": entries,
        }
    }
