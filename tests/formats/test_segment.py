"""Segment: calls of several types; identify and alias tell who is who."""

from __future__ import annotations

import gzip
import json
from datetime import datetime

from tests.formats.conftest import Fixture, Home

GOOD = [
    ("old-eve", "Song Played", datetime(2026, 1, 4, 9, 3), None, None, None, None, None),
    (
        "an-1",
        "screen: Home",
        datetime(2026, 1, 5, 9, 0, 0, 300_000),
        "ios",
        "Mexico",
        "5.0",
        "mail",
        '{"tab":1}',
    ),
    ("eve", "Song Played", datetime(2026, 1, 5, 9, 1), "ios", None, None, None, '{"plan":"free"}'),
    ("eve", "identify", datetime(2026, 1, 5, 9, 2), None, None, None, None, '{"plan":"free"}'),
    ("eve", "alias", datetime(2026, 1, 5, 9, 3), None, None, None, None, None),
]


def test_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.gz").write_bytes(gzip.compress(fixture("segment/good.ndjson")))
    assert home.land("segment", "1.gz").failed == ()
    assert home.events() == [(home.user(user), *rest) for user, *rest in GOOD]


def test_a_document_of_one_call_lands_as_well(home: Home, fixture: Fixture) -> None:
    call = json.loads(fixture("segment/good.ndjson").splitlines()[1])
    (home.folder / "call.json").write_text(json.dumps(call, indent=1))
    assert home.land("segment", "call.json").failed == ()
    assert [row[:3] for row in home.events()] == [
        (home.user("eve"), "Song Played", datetime(2026, 1, 5, 9, 1))
    ]


def test_identify_and_alias_merge_users(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.gz").write_bytes(gzip.compress(fixture("segment/good.ndjson")))
    home.land("segment", "1.gz", identity="merged")
    assert set(home.rows("select alias_key, user_key from raw.user_aliases")) == {
        (home.user("an-1"), home.user("eve")),
        (home.user("old-eve"), home.user("eve")),
    }


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.gz").write_bytes(gzip.compress(fixture("segment/corrupt.ndjson")))
    landing = home.land("segment", "1.gz")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 5)
    assert home.rejects() == [
        (2, "no user id"),
        (3, "no event name"),
        (4, "event time not understood: yesterday"),
        (5, "no event time"),
        (6, "not a JSON object"),
    ]
