"""Amplitude: zips of gzipped NDJSON."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime

from tests.formats.conftest import Fixture, Home


def zipped(*members: tuple[str, bytes]) -> bytes:
    """An archive as the Export API gives it: members are gzips in a folder of the project."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(f"77/77_{name}.json.gz", gzip.compress(content))
    return buffer.getvalue()


def test_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    first, *rest = fixture("amplitude/good.ndjson").splitlines(keepends=True)
    (home.folder / "a.zip").write_bytes(
        zipped(("2026-01-05_8#0", first), ("2026-01-05_9#0", b"".join(rest)))
    )
    landing = home.land("amplitude", "a.zip")
    assert landing.failed == ()
    assert home.events() == [
        (
            home.user("D1"),
            "open app",
            datetime(2026, 1, 5, 8, 0, 0, 500_000),
            "ios",
            "Germany",
            "2.10",
            "video",
            '{"screen":"home"}',
        ),
        (
            home.user("ann"),
            "sign in",
            datetime(2026, 1, 5, 8, 3),
            "ios",
            "Germany",
            "2.10",
            None,
            "{}",
        ),
        (
            home.user("ben"),
            "open app",
            datetime(2026, 1, 5, 9),
            "android",
            None,
            None,
            None,
            '{"a":[1,2]}',
        ),
    ]


def test_a_merged_device_is_the_first_user_that_signed_in_on_it(
    home: Home, fixture: Fixture
) -> None:
    (home.folder / "a.ndjson").write_bytes(fixture("amplitude/good.ndjson"))
    home.land("amplitude", "a.ndjson", identity="merged")
    assert home.rows("select alias_key, user_key from raw.user_aliases order by user_key") == [
        (home.user(device), home.user(user))
        for device, user in sorted((("D1", "ann"), ("D2", "ben")), key=lambda p: home.user(p[1]))
    ]


def test_an_event_is_told_by_its_insert_id_else_by_device_and_number(
    home: Home, fixture: Fixture
) -> None:
    content = fixture("amplitude/good.ndjson")
    (home.folder / "a.ndjson").write_bytes(content)
    (home.folder / "b.ndjson").write_bytes(content.replace(b'"server_upload_time"', b'"later"'))
    assert home.land("amplitude", "a.ndjson").rows_landed == 3
    again = home.land("amplitude", "b.ndjson")
    assert (again.rows_landed, again.rows_duplicate) == (0, 3)


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.zip").write_bytes(
        zipped(("2026-01-05_8#0", fixture("amplitude/corrupt.ndjson")))
    )
    landing = home.land("amplitude", "a.zip")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 7)
    assert home.rejects() == [
        (2, "no user id"),
        (3, "event time not understood: 5 o'clock"),
        (4, "no event time"),
        (5, "no event name"),
        (6, "not a JSON object"),
        (7, "not a JSON object"),
        (8, "event time in the future: 2031-01-05 08:00:00"),
    ]
    assert home.rows("select distinct member from raw.rejects") == [
        ("77/77_2026-01-05_8#0.json.gz",)
    ]
