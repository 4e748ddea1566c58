"""Finding extracts on disk."""

from datetime import date
from pathlib import Path

import pytest

from flows.errors import ExtractError
from flows.extract.files import between, list_files
from flows.sources import ChartFiles


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.csv", ".hidden.csv", "deep/er/c.csv", "2026-01-05.csv", "x [1].csv"):
        path = tmp_path / "exports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(folder, uri, home="home"):
    source = ChartFiles(name="s", uri=uri, format="apple_rss")
    found = list_files(source, folder / "sources.yml", folder / home)
    return [str(path.relative_to(folder / "exports")) for path in found]


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
def test_paths_globs_folders_and_placeholders(folder, uri, expected):
    assert names(folder, uri, home="exports") == expected


def test_an_absolute_path_is_taken_as_it_is(folder):
    assert names(folder, str(folder / "exports" / "a.csv")) == ["a.csv"]


def test_nothing_found_names_source_and_pattern(folder, monkeypatch):
    with pytest.raises(ExtractError) as caught:
        names(folder, "nowhere/*.csv")
    assert str(folder / "nowhere" / "*.csv") in str(caught.value)
    assert str(caught.value).startswith("s: no file matches")
    elsewhere = folder / "exports"
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ExtractError, match="relative to the working directory"):
        names(folder, "a.csv")


def test_days_are_read_from_names():
    paths = [Path(n) for n in ("a-2026-01-05.csv", "b_20260106.csv", "c.csv", "20269999.csv")]
    days = (date(2026, 1, 5), date(2026, 1, 5))
    assert between(paths, *days) == [paths[0]]
    assert between(paths, date(2026, 1, 1), date(2026, 2, 1)) == paths[:2]
