"""Finding extracts on disk."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from flows.errors import ExtractError
from flows.extract.files import between
from flows.extract.found import Found
from flows.extract.places import Places
from flows.settings import Settings
from flows.sources import ChartFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", ".hidden.csv", "deep/er/c.csv", "2026-01-05.csv", "x [1].csv"):
        path = tmp_path / "exports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(folder: Path, uri: str, home: str = "home") -> list[str]:
    source = ChartFiles(name="s", uri=uri, format="apple_rss")
    settings = Settings(home=folder / home, sources=folder / "sources.yml")
    found = Places(source).find(settings)
    return [str(Path(one.uri).relative_to(folder / "exports")) for one in found]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("exports/a.csv", ["a.csv"]),
        ("exports/x [1].csv", ["x [1].csv"]),
        ("exports/?.csv", ["a.csv", "b.csv"]),
        ("exports", ["2026-01-05.csv", "a.csv", "b.csv", "x [1].csv"]),
        ("exports/**/c.csv", ["deep/er/c.csv"]),
        ("exports/{date}.csv", ["2026-01-05.csv"]),
        (("exports/b.csv", "exports/[ab].csv"), ["a.csv", "b.csv"]),
        ("{home}/b.csv", ["b.csv"]),
    ],
)
def test_paths_globs_folders_and_placeholders(folder: Path, uri: str, expected: list[str]) -> None:
    assert names(folder, uri, home="exports") == expected


def test_an_absolute_path_is_taken_as_it_is(folder: Path) -> None:
    assert names(folder, str(folder / "exports" / "a.csv")) == ["a.csv"]


def test_nothing_found_names_source_and_pattern(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExtractError) as caught:
        names(folder, "nowhere/*.csv")
    assert str(folder / "nowhere" / "*.csv") in str(caught.value)
    assert str(caught.value).startswith("s: no file matches")
    elsewhere = folder / "exports"
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ExtractError, match="relative to the working directory"):
        names(folder, "a.csv")


@pytest.mark.parametrize(
    "uri",
    [
        "a-2026-01-05.csv",
        "b_20260105.csv",
        "events/2026/01/05/part-0.parquet",
        "s3://bucket/dt=2026-01-05/1.gz",
        "segment-logs/source/1767571200000/1.gz",
        "77/77_2026-01-05_8#0.json.gz",
    ],
)
def test_a_day_is_in_the_name_or_in_a_folder(uri: str) -> None:
    found = [Found(uri=uri, bytes=1, modified_at=datetime(2026, 2, 1))]
    assert between(found, date(2026, 1, 5), date(2026, 1, 5)) == (found, 0)
    assert between(found, date(2026, 1, 6), date(2026, 2, 1)) == ([], 0)


def test_a_file_without_a_day_is_counted() -> None:
    found = [
        Found(uri=uri, bytes=1, modified_at=datetime(2026, 2, 1))
        for uri in ("c.csv", "20269999.csv", "1767571200001.gz", "2026-01-05/2026-01-07.csv")
    ]
    assert between(found, date(2026, 1, 5), date(2026, 1, 5)) == ([], 3)
