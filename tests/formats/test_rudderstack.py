"""RudderStack: Segment's calls with another clock."""

from __future__ import annotations

import gzip
from datetime import datetime

from tests.formats.conftest import Fixture, Home


def test_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.json.gz").write_bytes(gzip.compress(fixture("rudderstack/good.ndjson")))
    assert home.land("rudderstack", "1.json.gz").failed == ()
    assert home.events() == [
        (
            home.user("an-9"),
            "Level Done",
            datetime(2026, 1, 5, 9, 0, 1),
            "android",
            None,
            "1.0.3",
            None,
            '{"level":3}',
        ),
        (home.user("finn"), "identify", datetime(2026, 1, 5, 9, 5), None, None, None, None, None),
    ]


def test_identify_merges_users(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.json.gz").write_bytes(gzip.compress(fixture("rudderstack/good.ndjson")))
    home.land("rudderstack", "1.json.gz", identity="merged")
    assert home.rows("select alias_key, user_key from raw.user_aliases") == [
        (home.user("an-9"), home.user("finn"))
    ]


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.json.gz").write_bytes(gzip.compress(fixture("rudderstack/corrupt.ndjson")))
    landing = home.land("rudderstack", "1.json.gz")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 4)
    assert home.rejects() == [
        (2, "no user id"),
        (3, "event time before 1990: 0001-01-01 00:00:00"),
        (4, "no event name"),
        (5, "not a JSON object"),
    ]
