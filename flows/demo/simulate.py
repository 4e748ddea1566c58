"""Simulate an app's users and their events: the truth, before any vendor has touched it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, date, datetime

import duckdb
import numpy as np

from flows.demo.curves import Floats, Integers, SimulatedApp

DAY_MS = 86_400_000
BEFORE_MIDNIGHT_MS = 30_000
MOST_EVENTS_A_DAY = 40
SESSION_MS = 90 * 60 * 1000


def uniforms(seed: int, stream: str, count: int) -> Floats:
    """Draw ``count`` numbers in [0, 1) from the stream of that name.

    Built on the raw words of PCG64, whose sequence numpy guarantees across its versions; the
    methods of numpy's Generator carry no such promise.
    """
    source = np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(stream.encode())]))
    words = np.asarray(source.random_raw(count), dtype=np.uint64)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def epoch_ms(day: date) -> int:
    """Midnight UTC of a day, in milliseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def simulate(con: duckdb.DuckDBPyConnection, app: SimulatedApp, seed: int) -> None:
    """Create the tables ``users`` and ``events`` of one app in ``con``, over those of another.

    ``users``: one row per user (user_no, cohort_day, is_heavy, platform, country, utc_offset_h,
    channel). ``events``: one row per event (event_no, user_no, day, ts_ms, event_name); ``day``
    counts UTC days from the app's first day, ``ts_ms`` is epoch milliseconds. A user's first event
    lies on ``cohort_day``, and users are independent of each other.
    """
    cohort_day = np.repeat(np.arange(app.days, dtype=np.int64), app.installs_by_day())
    users = len(cohort_day)

    def draw(purpose: str, count: int) -> Floats:
        return uniforms(seed, f"{app.app_id}/{purpose}", count)

    is_heavy = draw("heavy", users) < app.heavy_share
    channel = np.where(
        is_heavy,
        choose(draw("channel", users), [heavy for _, heavy in app.channels.values()]),
        choose(draw("channel", users), [light for light, _ in app.channels.values()]),
    )
    columns = {
        "user_no": np.arange(users, dtype=np.int64),
        "cohort_day": cohort_day,
        "is_heavy": is_heavy,
        "platform": choose(draw("platform", users), app.platforms.values()),
        "country": choose(draw("country", users), [w for w, _ in app.countries.values()]),
        "channel": channel,
    }
    con.register("user_arrays", columns)
    con.execute(
        """
        create or replace temp table users as
        select
            user_no,
            cohort_day,
            is_heavy,
            $platforms[platform + 1] as platform,
            $countries[country + 1] as country,
            $offsets[country + 1] as utc_offset_h,
            $channels[channel + 1] as channel,
        from user_arrays
        """,
        {
            "platforms": list(app.platforms),
            "countries": list(app.countries),
            "offsets": [float(hours) for _, hours in app.countries.values()],
            "channels": list(app.channels),
        },
    )
    con.unregister("user_arrays")

    user_no, day_n = _active_days(app, cohort_day, is_heavy, draw("active", users * app.days))
    per_day = _events_per_day(app, draw("events_per_day", len(user_no)))
    first_of_day = np.repeat(np.cumsum(per_day) - per_day, per_day)
    position = np.arange(per_day.sum(), dtype=np.int64) - first_of_day
    # the later of two draws: more people are about in the evening than in the morning
    start = np.maximum(draw("start_a", len(user_no)), draw("start_b", len(user_no)))
    start_ms = np.repeat((start * (DAY_MS - 1)).astype(np.int64), per_day)
    room_ms = np.minimum(DAY_MS - 1 - start_ms, SESSION_MS)
    later_ms = (draw("later", len(position)) * room_ms).astype(np.int64)
    day = np.repeat(cohort_day[user_no] + day_n, per_day)
    ts_ms = epoch_ms(app.first_day) + day * DAY_MS + start_ms
    ts_ms = ts_ms + np.where(position == 0, 0, later_ms)
    # the last day is whole: somebody is there until just before midnight
    last = int(np.argmax(ts_ms))
    almost_midnight = epoch_ms(app.first_day) + app.days * DAY_MS - BEFORE_MIDNIGHT_MS
    ts_ms[last] = max(int(ts_ms[last]), almost_midnight)

    action_draws = draw("action", len(position))
    action = np.where(
        np.repeat(is_heavy[user_no], per_day),
        choose(action_draws, [heavy for _, heavy in app.actions.values()]),
        choose(action_draws, [light for light, _ in app.actions.values()]),
    )
    is_first_ever = np.repeat(day_n == 0, per_day) & (position == 0)
    event_name = np.where(is_first_ever, 0, np.where(position == 0, 1, action + 2))
    columns = {
        "event_no": np.arange(len(position), dtype=np.int64),
        "user_no": np.repeat(user_no, per_day),
        "day": day,
        "ts_ms": ts_ms,
        "event_name": event_name,
    }
    con.register("event_arrays", columns)
    con.execute(
        """
        create or replace temp table events as
        select event_no, user_no, day, ts_ms, $names[event_name + 1] as event_name,
        from event_arrays
        """,
        {"names": ["first_open", "session_start", *app.actions]},
    )
    con.unregister("event_arrays")


def choose(draws: Floats, weights: Iterable[float]) -> Integers:
    """For each draw the position of one of the weights, as likely as it is heavy."""
    bounds = np.cumsum(np.array(list(weights), dtype=np.float64))
    return np.searchsorted(bounds[:-1] / bounds[-1], draws, side="right").astype(np.int64)


def _active_days(
    app: SimulatedApp, cohort_day: Integers, is_heavy: np.ndarray, draws: Floats
) -> tuple[Integers, Integers]:
    """The (user_no, day_n) on which users are active, up to the last day, in that order."""
    day_n = np.arange(app.days, dtype=np.int64)
    average = app.retention(day_n)
    heavy = np.minimum(app.heavy_boost * average, 1.0)
    light = (average - app.heavy_share * heavy) / (1.0 - app.heavy_share)
    heavy[0] = light[0] = 1.0
    chance = np.where(is_heavy[:, None], heavy[None, :], light[None, :])
    has_happened = cohort_day[:, None] + day_n[None, :] < app.days
    found = np.nonzero((draws.reshape(chance.shape) < chance) & has_happened)
    return found[0].astype(np.int64), found[1].astype(np.int64)


def _events_per_day(app: SimulatedApp, draws: Floats) -> Integers:
    """One event, and another one with chance ``more_events`` each time."""
    at_most = 1.0 - np.cumprod(np.full(MOST_EVENTS_A_DAY - 1, app.more_events))
    return 1 + np.searchsorted(at_most, draws, side="right").astype(np.int64)
