"""PostHog: persons whom distinct ids lead to, in JSON lines or Parquet."""

from __future__ import annotations

import gzip
from datetime import datetime
from typing import Any

import duckdb

from tests.formats.conftest import Fixture, Home


def expected(home: Home) -> list[tuple[Any, ...]]:
    nothing = (None, None, None, None, "{}")
    return [
        (
            home.user("P1"),
            "$screen",
            datetime(2026, 1, 5, 9, 0, 0, 250_000),
            "ios",
            "FR",
            "0.9",
            "blog",
            '{"$os":"iOS","$app_version":"0.9","$geoip_country_code":"FR","utm_source":"blog"}',
        ),
        (home.user("P2"), "$screen", datetime(2026, 1, 6, 9), *nothing),
        (home.user("anon-2"), "$screen", datetime(2026, 1, 6, 10), *nothing),
    ]


def test_json_lines_land_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.jsonl.gz").write_bytes(gzip.compress(fixture("posthog/good.ndjson")))
    assert home.land("posthog", "a.jsonl.gz").failed == ()
    assert home.events() == expected(home)


def test_parquet_with_properties_as_text_lands_the_same_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "good.json").write_bytes(fixture("posthog/good.ndjson"))
    duckdb.execute("set TimeZone = 'UTC'")
    duckdb.execute(
        "copy (select uuid::varchar as uuid, event, distinct_id, person_id, "
        "properties::varchar as properties, timestamp::timestamptz as timestamp "
        f"from read_json('{home.folder}/good.json', columns = {{'uuid': 'varchar', 'event': "
        "'varchar', 'distinct_id': 'varchar', 'person_id': 'varchar', 'properties': 'json', "
        f"'timestamp': 'varchar'}})) to '{home.folder}/a.parquet'"
    )
    assert home.land("posthog", "a.parquet").failed == ()
    assert home.events() == expected(home)


def test_merged_persons_are_the_one_seen_last(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.jsonl").write_bytes(fixture("posthog/good.ndjson"))
    home.land("posthog", "a.jsonl", identity="merged")
    assert set(home.rows("select alias_key, user_key from raw.user_aliases")) == {
        (home.user("anon-1"), home.user("P2")),
        (home.user("P1"), home.user("P2")),
    }


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.jsonl").write_bytes(fixture("posthog/corrupt.ndjson"))
    landing = home.land("posthog", "a.jsonl")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 5)
    assert home.rejects() == [
        (2, "no user id"),
        (3, "event time not understood: 2026-01-05T09:00:00+99:00"),
        (4, "no event name"),
        (5, "event time before 1990: 1970-01-01 00:00:00"),
        (6, "not a JSON object"),
    ]
