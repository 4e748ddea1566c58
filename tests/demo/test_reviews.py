"""The review feeds hold what truth.json says, and the themes their sentences were written for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from flows.dbt_process import run_dbt
from flows.demo.generate import SEED
from flows.demo.reviews import write_reviews
from flows.demo.truth import ReviewTruth
from flows.land.configuration import write_configuration
from flows.land.source import SourceLanding, land_files
from flows.settings import PROJECT_ROOT, Settings
from flows.sources import load_sources
from flows.transform import Dbt
from flows.warehouse import connect, create_schemas

NOW = datetime(2026, 3, 1)
PEAK = date(2025, 10, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "reviews"


@pytest.fixture(scope="module")
def truth(folder: Path) -> ReviewTruth:
    """The feeds of the pinned seed, without the rest of the demo."""
    return write_reviews(folder, SEED)


@pytest.fixture(scope="module")
def landing(truth: ReviewTruth, folder: Path, settings: Settings) -> SourceLanding:
    """The feeds in a warehouse that holds nothing else, with dbt's tables of what they mention."""
    written = load_sources(PROJECT_ROOT / "profiles" / "sources.yml")
    source = written.reviews[0].model_copy(update={"uri": (str(folder / "*.json"),)})
    with connect(settings) as con:
        create_schemas(con)
        write_configuration(con, written)
        landed = land_files(con, source, settings, NOW)
    dbt = Dbt(settings=settings, sources=written)
    for command in (["seed"], ["run", "--select", "+int_review_mentions"]):
        assert run_dbt(dbt.request(*command)).success
    return landed


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture
def con(landing: SourceLanding, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(settings, read_only=True) as connection:
        yield connection


def test_the_feeds_add_up(folder: Path, truth: ReviewTruth, landing: SourceLanding) -> None:
    assert truth.files == len(landing.landed) == sum(1 for _ in folder.iterdir())
    assert truth.files <= 12
    assert landing.rows_landed == sum(truth.reviews.values()) + truth.edits
    assert (landing.rows_duplicate, landing.rows_rejected) == (truth.duplicates, truth.rejects)
    assert truth.rows == landing.rows_landed + truth.duplicates + truth.rejects
    assert min(truth.duplicates, truth.edits, truth.rejects) > 0


def test_reviews_count_once_as_they_were_edited(
    con: duckdb.DuckDBPyConnection, truth: ReviewTruth
) -> None:
    counts = con.execute(
        "select app_id, count(*) from intermediate.int_reviews group by app_id"
    ).fetchall()
    edited = con.execute(
        "select count(*), max(rating) from intermediate.int_reviews "
        "where review_text like 'Edited: %'"
    ).fetchone()

    assert dict(counts) == truth.reviews
    assert edited == (truth.edits, 2)


def test_keywords_find_the_themes_that_were_written_and_no_others(
    con: duckdb.DuckDBPyConnection, truth: ReviewTruth
) -> None:
    found: dict[str, dict[str, int]] = {app_id: {} for app_id in truth.mentions}
    for app_id, theme, mentions in con.execute(
        "select app_id, theme, count(*) from intermediate.int_review_mentions group by all"
    ).fetchall():
        found[app_id][theme] = mentions

    assert found == truth.mentions
    assert {theme for themes in found.values() for theme in themes} == {
        *("sharing", "identity_and_avatars", "watermark", "repetitive_recommendations"),
        *("previews", "price", "crashes", "privacy"),
    }


def test_the_language_is_the_one_that_was_written(con: duckdb.DuckDBPyConnection) -> None:
    # a storefront of one language has no mention in another, whatever loan words are used
    languages = con.execute(
        """
        select storefront, list(distinct language order by language)
        from intermediate.int_review_mentions
        inner join intermediate.int_reviews using (app_id, store, review_id)
        group by storefront order by storefront
        """
    ).fetchall()

    assert languages == [
        ("ca", ["en", "zh"]),
        ("gb", ["en"]),
        ("jp", ["ja"]),
        ("mx", ["es"]),
        ("us", ["en", "es", "zh"]),
    ]


def test_users_are_happy_until_the_peak_and_stay_so_with_the_app_that_sticks(
    con: duckdb.DuckDBPyConnection,
) -> None:
    ratings = dict(
        con.execute(
            """
            select
                app_id || case when app_id = 'spike' then case
                    when reviewed_on <= $peak then ' before'
                    when reviewed_on > $peak + 15 then ' after'
                    else ' around'
                end else '' end as who,
                avg(rating)
            from intermediate.int_reviews
            group by all
            """,
            {"peak": PEAK},
        ).fetchall()
    )

    assert ratings["spike before"] > 4
    assert ratings["spike after"] < 2.5
    assert ratings["habit"] > 4
    assert 2 < ratings["leaky"] < 3


def test_no_name_is_a_real_one(folder: Path, truth: ReviewTruth) -> None:
    feeds = [json.loads(path.read_text()) for path in folder.iterdir()]
    entries = [e for feed in feeds for e in feed["feed"]["entry"] if "im:rating" in e]

    assert len(entries) == truth.rows - 1  # the app itself
    assert all(e["author"]["name"]["label"].startswith("Reviewer ") for e in entries)
