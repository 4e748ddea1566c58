"""Write the demo's review feeds: what users say while the hype rises, and once it is gone."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from flows.demo.curves import HABIT, LAST_DAY, LEAKY, SPIKE, Floats, SimulatedApp
from flows.demo.review_texts import CONTACTS, SENTENCES, TAILS, TITLES
from flows.demo.simulate import DAY_MS, choose, epoch_ms, uniforms
from flows.demo.truth import ReviewTruth

PEAK_DAY = 3
"""Days from the spike app's launch to its first day at rank 1: until then its users are happy."""

SECOND_LOOK_DAY = 18
"""From this day on most of those who try it have seen it before."""

FIRST_CAPTURE = date(2025, 12, 5)
SECOND_CAPTURE_FROM = date(2025, 11, 15)
"""The spike app's reviews in the us store are fetched twice; the second feed begins before the
first one ends, and what is in both is delivered twice."""

EDITED = 4
"""Happy reviews of the first days that their writers have edited since."""

SECOND_THEME = 0.22
CONTACT = 0.04

LANGUAGES: dict[str, dict[str, float]] = {
    "us": {"en": 0.76, "es": 0.13, "zh": 0.11},
    "ca": {"en": 0.82, "zh": 0.18},
    "gb": {"en": 1.0},
    "mx": {"es": 1.0},
    "jp": {"ja": 1.0},
}
"""storefront -> language -> its share of the reviews"""

STARS: dict[str, dict[int, float]] = {
    "happy": {5: 0.75, 4: 0.25},
    "mixed": {4: 0.6, 3: 0.4},
    "unhappy": {1: 0.45, 2: 0.35, 3: 0.20},
}

Value = TypeVar("Value")

Voices = dict[tuple[str, str], float]
"""(mood, theme) -> weight"""


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Reviews of one app between two days, as many a day as the root of its installs."""

    app: SimulatedApp
    first_day: int
    last_day: int
    reviews: int
    storefronts: dict[str, float]
    voices: Voices


@dataclass(frozen=True, kw_only=True)
class Review:
    """One version of a review, and the themes that its sentences were written for."""

    app_id: str
    store_id: str
    review_id: int
    storefront: str
    language: str
    written_at: datetime
    rating: int
    version: str
    title: str
    body: str
    author: str
    themes: frozenset[str]


_VIDRA_STORES = {"us": 0.62, "jp": 0.24, "ca": 0.14}

WAVES = (
    Wave(
        app=SPIKE,
        first_day=0,
        last_day=PEAK_DAY,
        reviews=64,
        storefronts=_VIDRA_STORES,
        voices={
            ("happy", ""): 0.44,
            ("happy", "sharing"): 0.24,
            ("happy", "identity_and_avatars"): 0.20,
            ("happy", "previews"): 0.06,
            ("unhappy", "watermark"): 0.06,
        },
    ),
    Wave(
        app=SPIKE,
        first_day=PEAK_DAY + 1,
        last_day=SECOND_LOOK_DAY - 1,
        reviews=96,
        storefronts=_VIDRA_STORES,
        voices={
            ("happy", ""): 0.30,
            ("happy", "sharing"): 0.12,
            ("happy", "identity_and_avatars"): 0.10,
            ("unhappy", "watermark"): 0.20,
            ("unhappy", "repetitive_recommendations"): 0.12,
            ("unhappy", "identity_and_avatars"): 0.10,
            ("unhappy", "sharing"): 0.06,
        },
    ),
    Wave(
        app=SPIKE,
        first_day=SECOND_LOOK_DAY,
        last_day=SPIKE.days - 1,
        reviews=200,
        storefronts=_VIDRA_STORES,
        voices={
            ("happy", ""): 0.05,
            ("happy", "sharing"): 0.03,
            ("unhappy", ""): 0.12,
            ("unhappy", "watermark"): 0.22,
            ("unhappy", "repetitive_recommendations"): 0.22,
            ("unhappy", "identity_and_avatars"): 0.14,
            ("unhappy", "sharing"): 0.10,
            ("unhappy", "previews"): 0.05,
            ("unhappy", "privacy"): 0.05,
            ("unhappy", "price"): 0.02,
        },
    ),
    Wave(
        app=HABIT,
        first_day=0,
        last_day=HABIT.days - 1,
        reviews=170,
        storefronts={"us": 0.7, "jp": 0.3},
        voices={
            ("happy", ""): 0.60,
            ("happy", "sharing"): 0.18,
            ("happy", "identity_and_avatars"): 0.05,
            ("mixed", "repetitive_recommendations"): 0.06,
            ("mixed", "crashes"): 0.06,
            ("mixed", "price"): 0.05,
        },
    ),
    Wave(
        app=LEAKY,
        first_day=0,
        last_day=LEAKY.days - 1,
        reviews=200,
        storefronts={"us": 0.55, "mx": 0.28, "gb": 0.17},
        voices={
            ("happy", ""): 0.17,
            ("unhappy", ""): 0.08,
            ("unhappy", "price"): 0.34,
            ("unhappy", "crashes"): 0.26,
            ("unhappy", "previews"): 0.06,
            ("unhappy", "watermark"): 0.05,
            ("unhappy", "privacy"): 0.04,
        },
    ),
)


def write_reviews(folder: Path, seed: int) -> ReviewTruth:
    """Write one feed per app and storefront, two of the spike app's largest, in iTunes' shape.

    The first feed begins, as older ones do, with the app itself, which has no rating; another holds
    a rating of 0. Neither is a review.
    """
    folder.mkdir(parents=True)
    written = _reviews(seed)
    edits = _edited(written)
    feeds = _feeds(written, edits)
    rejects = 0
    for (app_id, storefront, captured_on), reviews in feeds.items():
        entries = [_entry(review) for review in reversed(reviews)]
        if (app_id, storefront, captured_on) == (SPIKE.app_id, "us", FIRST_CAPTURE):
            entries.insert(0, _app_entry(SPIKE, storefront))
            rejects += 1
        if (app_id, storefront) == (LEAKY.app_id, "us"):
            entries.append(_without_stars(entries[-1]))
            rejects += 1
        _write_feed(folder / f"{captured_on}_{storefront}_{app_id}.json", captured_on, entries)
    delivered = [review for reviews in feeds.values() for review in reviews]
    return _truth(written, edits, delivered, files=len(feeds), rejects=rejects)


def _reviews(seed: int) -> list[Review]:
    """All reviews as they were first written, by app in order of time."""
    reviews: list[Review] = []
    said: Counter[tuple[str, ...]] = Counter()
    for number, wave in enumerate(WAVES):
        reviews += _of_wave(wave, seed, f"reviews/{wave.app.app_id}/{number}", len(reviews), said)
    return reviews


def _of_wave(
    wave: Wave, seed: int, stream: str, so_far: int, said: Counter[tuple[str, ...]]
) -> list[Review]:
    def draw(purpose: str) -> Floats:
        return uniforms(seed, f"{stream}/{purpose}", wave.reviews)

    installs = wave.app.installs_by_day()[wave.first_day : wave.last_day + 1]
    day = wave.first_day + choose(draw("day"), np.sqrt(installs.astype(np.float64)))
    moment = np.sort(day * DAY_MS + (draw("moment") * (DAY_MS - 1)).astype(np.int64))
    store = choose(draw("store"), wave.storefronts.values())
    voice = choose(draw("voice"), wave.voices.values())
    language, stars, second, other, title, tail, contact = (
        draw(purpose)
        for purpose in ("language", "stars", "second", "other", "title", "tail", "contact")
    )
    reviews = []
    for n in range(wave.reviews):
        storefront = list(wave.storefronts)[store[n]]
        mood, theme = list(wave.voices)[voice[n]]
        spoken = _one_of(LANGUAGES[storefront], language[n])
        themes = [theme]
        others = [t for m, t in wave.voices if m == mood and t not in ("", theme)]
        if theme and others and second[n] < SECOND_THEME:
            themes.append(others[int(other[n] * len(others))])
        sentences = [_next(said, wave.app.app_id, mood, t, spoken) for t in themes]
        tails, titles = TAILS[mood][spoken], TITLES[mood][spoken]
        sentences.append(tails[int(tail[n] * len(tails))])
        if contact[n] < CONTACT:
            sentences.append(_next(said, "contact", spoken))
        written_at = datetime.fromtimestamp(
            (epoch_ms(wave.app.first_day) + int(moment[n])) // 1000, UTC
        )
        reviews.append(
            Review(
                app_id=wave.app.app_id,
                store_id=wave.app.store_id,
                review_id=7_000_000_001 + so_far + n,
                storefront=storefront,
                language=spoken,
                written_at=written_at,
                rating=_one_of(STARS[mood], stars[n]),
                version=f"1.{(written_at.date() - wave.app.first_day).days // 21}",
                title=titles[int(title[n] * len(titles))],
                body=("" if spoken in ("ja", "zh") else " ").join(s for s in sentences if s),
                author=f"Reviewer {so_far + n + 1}",
                themes=frozenset(t for t in themes if t),
            )
        )
    return reviews


def _next(said: Counter[tuple[str, ...]], *what: str) -> str:
    """The next sentence on that, so that nobody repeats who has just spoken."""
    if what[0] == "contact":
        pool = CONTACTS[what[1]]
    else:
        app_id, mood, theme, language = what
        pool = SENTENCES[app_id][mood][theme][language]
    said[what] += 1
    return pool[said[what] % len(pool)]


def _edited(reviews: Sequence[Review]) -> dict[int, Review]:
    """review_id -> what an early happy review says since: no longer happy, and of other things."""
    early = [
        review
        for review in reviews
        if review.app_id == SPIKE.app_id
        and (review.storefront, review.language) == ("us", "en")
        and (review.written_at.date() - SPIKE.first_day).days <= PEAK_DAY
        and review.rating == 5
    ]
    sentences = SENTENCES[SPIKE.app_id]["unhappy"]["watermark"]["en"]
    return {
        review.review_id: replace(
            review,
            written_at=review.written_at + timedelta(days=80 + 9 * number),
            rating=2,
            version="1.4",
            title="Edited: no longer",
            body=f"I gave five stars in the first week. {sentences[number % len(sentences)]}",
            themes=frozenset({"watermark"}),
        )
        for number, review in enumerate(early[:EDITED])
    }


def _feeds(
    reviews: Sequence[Review], edits: dict[int, Review]
) -> dict[tuple[str, str, date], list[Review]]:
    """(app, storefront, day of the fetch) -> the versions of reviews that the feed holds."""
    feeds: dict[tuple[str, str, date], list[Review]] = {}
    for review in (*reviews, *edits.values()):
        day = review.written_at.date()
        if (review.app_id, review.storefront) != (SPIKE.app_id, "us"):
            captures = [LAST_DAY]
        else:
            captures = [FIRST_CAPTURE] if day < FIRST_CAPTURE else []
            captures += [LAST_DAY] if day >= SECOND_CAPTURE_FROM else []
        for captured_on in captures:
            feeds.setdefault((review.app_id, review.storefront, captured_on), []).append(review)
    return {
        key: sorted(feed, key=lambda r: (r.written_at, r.review_id)) for key, feed in feeds.items()
    }


def _truth(
    written: Sequence[Review],
    edits: dict[int, Review],
    delivered: Sequence[Review],
    *,
    files: int,
    rejects: int,
) -> ReviewTruth:
    last = [edits.get(review.review_id, review) for review in written]
    mentions: dict[str, dict[str, int]] = {app_id: {} for app_id in SENTENCES}
    for review in last:
        for theme in sorted(review.themes):
            mentions[review.app_id][theme] = mentions[review.app_id].get(theme, 0) + 1
    return ReviewTruth(
        files=files,
        rows=len(delivered) + rejects,
        reviews=dict(Counter(review.app_id for review in written)),
        edits=len(edits),
        duplicates=len(delivered) - len(written) - len(edits),
        rejects=rejects,
        mentions=mentions,
    )


def _entry(review: Review) -> dict[str, Any]:
    # the feed gives the time of the company that runs the store
    local = review.written_at.astimezone(timezone(timedelta(hours=-7)))
    store = f"https://itunes.apple.com/{review.storefront}"
    return {
        "author": {
            "uri": {"label": f"{store}/reviews/id{review.review_id + 1_000}"},
            "name": {"label": review.author},
            "label": "",
        },
        "updated": {"label": local.isoformat(timespec="seconds")},
        "im:rating": {"label": str(review.rating)},
        "im:version": {"label": review.version},
        "id": {"label": str(review.review_id)},
        "title": {"label": review.title},
        "content": {"label": review.body, "attributes": {"type": "text"}},
        "link": {
            "attributes": {
                "rel": "related",
                "href": f"{store}/review?id={review.store_id}&type=Purple%20Software",
            }
        },
        "im:voteSum": {"label": "0"},
        "im:voteCount": {"label": "0"},
    }


def _app_entry(app: SimulatedApp, storefront: str) -> dict[str, Any]:
    """The app itself, with which older feeds begin: it has an id and no rating."""
    return {
        "id": {"label": f"https://itunes.apple.com/{storefront}/app/id{app.store_id}"},
        "title": {"label": app.name},
        "updated": {"label": "2025-12-05T02:00:00-07:00"},
    }


def _without_stars(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"id": {"label": "7000000000"}, "im:rating": {"label": "0"}}


def _write_feed(path: Path, captured_on: date, entries: list[dict[str, Any]]) -> None:
    captured_at = datetime.combine(captured_on + timedelta(days=1), time(0, 5), tzinfo=UTC)
    feed = {
        "feed": {
            "author": {"name": {"label": "afterhype demo"}},
            "entry": entries,
            "updated": {"label": captured_at.isoformat(timespec="seconds")},
            "rights": {"label": "Simulated by afterhype; every review is invented."},
        }
    }
    text = json.dumps(feed, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")
    os.utime(path, (captured_at.timestamp(), captured_at.timestamp()))


def _one_of(weights: dict[Value, float], draw: float) -> Value:
    return list(weights)[int(choose(np.array([draw]), weights.values())[0])]
