"""Snowplow: 131 tab-separated columns without a header; apps' users are in a context."""

from __future__ import annotations

import gzip
from datetime import datetime

from tests.formats.conftest import Fixture, Home


def test_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.tsv.gz").write_bytes(gzip.compress(fixture("snowplow/good.tsv")))
    assert home.land("snowplow", "1.tsv.gz").failed == ()
    assert home.events() == [
        (
            home.user("mob-1"),
            "level_done",
            datetime(2026, 1, 5, 9, 0, 0, 125_000),
            "mob",
            "SE",
            "4.2",
            "app-ads",
            '{"level":3,"say":"\\"hi\\""}',
        ),
        (home.user("gus"), "shop: add", datetime(2026, 1, 5, 9, 10), "web", None, None, None, None),
        (
            home.user("nw-2"),
            "page_view",
            datetime(2026, 1, 5, 9, 10, 59),
            "web",
            None,
            None,
            None,
            None,
        ),
    ]


def test_a_merged_cookie_is_its_user(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.tsv").write_bytes(fixture("snowplow/good.tsv"))
    home.land("snowplow", "1.tsv", identity="merged")
    assert home.rows("select alias_key, user_key from raw.user_aliases") == [
        (home.user("ck-1"), home.user("gus"))
    ]


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "1.tsv").write_bytes(fixture("snowplow/corrupt.tsv"))
    landing = home.land("snowplow", "1.tsv")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 5)
    assert home.rejects() == [
        (2, "no user id"),
        (3, "event time not understood: collector"),
        (4, "no event name"),
        (5, "too few columns"),
        (6, "too many columns"),
    ]
