"""Counts to the digit, whatever the marks; what is no whole number is a reject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.formats.numbers import Marks, guess_marks, whole_number_in_sql
from flows.inspect.trial import inspect
from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import ChartFiles, InstallFiles, Numbers, ReviewFiles
from tests.formats.conftest import NOW, Home

GERMAN = {"thousands": ".", "decimal": ","}
INSTALLS = {
    "store": "'google'",
    "store_app_id": "app",
    "install_date": "day",
    "downloads": "new",
    "updates": "updated",
}


def read(values: list[str], marks: Marks) -> list[int | None]:
    with duckdb.connect() as con:
        sql = whole_number_in_sql("told", marks)
        rows = con.execute(f"select {sql} from (select unnest(?::varchar[]) as told)", [values])
        return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize(
    ("marks", "told"),
    [
        (Marks(), {"12": 12, "12.0": 12, "12.": 12, "-3": -3, "+3": 3, "007": 7}),
        (
            Marks(),
            dict.fromkeys(["1.234", "5.000", "1,234", "1.5", "", ".", "1e3", "NaN", "1 234"]),
        ),
        (Marks(thousands=".", decimal=","), {"1.234": 1234, "12.345.678": 12345678, "987": 987}),
        (Marks(thousands=".", decimal=","), {"1.234,00": 1234, "1234": 1234, "-1.234": -1234}),
        (
            Marks(thousands=".", decimal=","),
            dict.fromkeys(
                ["1.2", "1.23", "5,000", "1.234,5", "12345.678", "1.234.5", ".123", "1,234.0"]
            ),
        ),
        (Marks(thousands=","), {"1,234": 1234, "1,234.0": 1234, "12,34,567": 1234567}),
        (Marks(thousands=","), dict.fromkeys(["1,23", "1.234", "1,2345", ",123"])),
        (
            Marks(thousands=" ", decimal=","),
            {"1 234": 1234, "1\u00a0234": 1234, "1\u202f234,0": 1234},
        ),
        (Marks(thousands="'"), {"1'234": 1234, "1\u2019234": 1234}),
        (Marks(decimal=","), {"12,0": 12, "12": 12} | dict.fromkeys(["1,5", "1.0"])),
        (Marks(), {"9223372036854775807": 2**63 - 1, "9223372036854775808": None}),
    ],
)
def test_a_whole_number_is_read_to_the_digit(marks: Marks, told: dict[str, int | None]) -> None:
    assert read(list(told), marks) == list(told.values())


@drawn(deadline=None)
@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1),
    st.sampled_from([Marks(thousands=t, decimal="," if t == "." else ".") for t in ".,' "]),
)
def test_what_is_written_with_marks_is_read_and_guessed(numbers: list[int], marks: Marks) -> None:
    written = [f"{number:,}".replace(",", marks.thousands) for number in numbers]
    assert read(written, marks) == numbers
    guessed = guess_marks(written)
    large = any(abs(number) >= 1000 for number in numbers)
    assert guessed == (marks if large else None)
    # by no other mark is a number of thousands a small one
    for one, other in zip(numbers, read(written, Marks()), strict=True):
        assert other in (one, None)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["1.234", "987"], Marks(thousands=".", decimal=",")),
        (["1,234", "987"], Marks(thousands=",")),
        (["1.234,0"], Marks(thousands=".", decimal=",")),
        (["12,0", "3,0"], Marks(decimal=",")),
        (["12,0", "1.234"], Marks(thousands=".", decimal=",")),
        (["1\u202f234"], Marks(thousands=" ")),
        (["12", "12.0", "1.5", "x", ""], None),
    ],
)
def test_marks_are_guessed(values: list[str], marks: Marks | None) -> None:
    assert guess_marks(values) == marks


def land_installs(home: Home, text: str, **options: Any) -> list[tuple[Any, ...]]:
    (home.folder / "a.csv").write_text(text)
    source = InstallFiles(
        name="own",
        uri=str(home.folder / "a.csv"),
        format="custom",
        reader={"type": "csv", "delimiter": ";"},
        columns=INSTALLS,
        **options,
    )
    assert land_files(home.con, source, home.settings, NOW).failed == ()
    return home.rows("select metric, units from raw.store_installs order by all")


REPORT = "day;app;new;updated\n2026-01-05;com.x;1.234;\n2026-01-06;com.x;12.345;7\n"


def test_a_german_report_lands_by_its_setting(home: Home) -> None:
    assert land_installs(home, REPORT, numbers=GERMAN) == [
        ("downloads", 1234),
        ("downloads", 12345),
        ("updates", 7),
    ]


def test_without_the_setting_it_is_rejected_with_the_reason(home: Home) -> None:
    assert land_installs(home, REPORT) == []
    assert home.rejects() == [
        (2, "count is no whole number: 1.234"),
        (3, "count is no whole number: 12.345"),
    ]


def test_one_count_that_is_understood_does_not_hide_another(home: Home) -> None:
    text = "day;app;new;updated\n2026-01-05;com.x;3;many\n2026-01-06;com.x;3.0;2.5\n"
    assert land_installs(home, text) == []
    assert home.rejects() == [
        (2, "count not understood: many"),
        (3, "count is no whole number: 2.5"),
    ]


@pytest.mark.parametrize(
    ("told", "numbers", "rating"),
    [
        ("4.6", {}, None),
        ("4,0", GERMAN, 4),
        ("5.0", {}, 5),
        ("0.4", {}, None),
        ("4,6", GERMAN, None),
    ],
)
def test_a_rating_is_not_rounded(
    home: Home, told: str, numbers: dict[str, str], rating: int | None
) -> None:
    (home.folder / "r.csv").write_text(f"id;stars;at\n1;{told};2026-01-05\n")
    source = ReviewFiles(
        name="own",
        uri=str(home.folder / "r.csv"),
        format="custom",
        reader={"type": "csv", "delimiter": ";"},
        columns={
            "store": "'google'",
            "store_app_id": "'x'",
            "review_id": "id",
            "rating": "stars",
            "reviewed_at": "at",
        },
        numbers=numbers,
    )
    land_files(home.con, source, home.settings, NOW)
    assert home.rows("select rating from raw.app_reviews") == ([(rating,)] if rating else [])
    assert home.rejects() == ([] if rating else [(2, f"rating not understood: {told}")])


@pytest.mark.parametrize(
    ("told", "numbers", "rank"),
    [("1.5", {}, None), ("2.0", {}, 2), ("1,234", {}, None), ("1,234", {"thousands": ","}, 1234)],
)
def test_a_rank_is_not_rounded(
    home: Home, told: str, numbers: dict[str, str], rank: int | None
) -> None:
    (home.folder / "c.csv").write_text(f"pos;app\n{told};com.x\n")
    source = ChartFiles(
        name="own",
        uri=str(home.folder / "c.csv"),
        format="custom",
        reader={"type": "csv", "delimiter": ";"},
        columns={
            "store": "'google'",
            "storefront": "'us'",
            "chart": "'top-free'",
            "snapshot_at": "'2026-01-05'",
            "rank": "pos",
            "store_app_id": "app",
        },
        numbers=numbers,
    )
    land_files(home.con, source, home.settings, NOW)
    assert home.rows("select rank from raw.chart_ranks") == ([(rank,)] if rank else [])


@pytest.mark.parametrize(
    "numbers", [{"thousands": ".", "decimal": "."}, {"thousands": "x"}, {"thousand": "."}]
)
def test_marks_that_make_no_sense_are_refused(numbers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Numbers.model_validate(numbers)


def test_a_point_for_thousands_leaves_the_comma_for_decimals() -> None:
    assert Numbers.model_validate({"thousands": "."}).marks == Marks(thousands=".", decimal=",")


def test_inspect_guesses_the_marks_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "installs.csv"
    path.write_text(
        "Date,Package Name,Daily User Installs\n"
        '2026-01-05,com.x,"1.234"\n2026-01-06,com.x,"12.345"\n'
    )
    inspection = inspect(str(path), Settings(home=tmp_path / "home"))
    assert inspection.proposal.options == {"numbers": GERMAN}
    assert any("1.234" in note for note in inspection.proposal.notes)
    assert inspection.landing.rows_landed == 2


def test_an_expression_that_fails_on_a_row_of_a_report_is_a_reject(home: Home) -> None:
    """A country that comes to null would be the total of all countries."""
    columns = INSTALLS | {"country": "(land::int)::varchar", "updates": "land::int + land::int"}
    (home.folder / "a.csv").write_text(
        "day;app;new;land\n2026-01-05;com.x;3;1\n2026-01-05;com.x;4;Chad\n2026-01-05;com.x;5;\n"
    )
    source = InstallFiles(
        name="own",
        uri=str(home.folder / "a.csv"),
        format="custom",
        reader={"type": "csv", "delimiter": ";"},
        columns=columns,
    )
    assert land_files(home.con, source, home.settings, NOW).failed == ()
    assert home.rows("select country, metric, units from raw.store_installs order by all") == [
        ("", "downloads", 5),  # a country that the report does not name
        ("1", "downloads", 3),
        ("1", "updates", 2),
    ]
    assert home.rejects() == [(3, "updates not understood: Chad")]


@pytest.mark.parametrize(
    "column", ["genre", "storefront", "app_name", "feed_updated_at", "store_app_id"]
)
def test_an_expression_that_fails_on_an_entry_of_a_chart_is_a_reject(
    home: Home, column: str
) -> None:
    (home.folder / "c.csv").write_text("pos;app;n\n1;com.x;1\n2;com.y;one\n3;com.z;3\n")
    columns = {
        "store": "'google'",
        "storefront": "'us'",
        "chart": "'top-free'",
        "snapshot_at": "'2026-01-05'",
        "rank": "pos",
        "store_app_id": "app",
    }
    failing = "make_date(2026, 1, n::int)" if column == "feed_updated_at" else "('g' || n::int)"
    constant = f"if(n = 'one', {failing}::varchar, 'us')" if column == "storefront" else failing
    source = ChartFiles(
        name="own",
        uri=str(home.folder / "c.csv"),
        format="custom",
        reader={"type": "csv", "delimiter": ";"},
        columns=columns | {column: constant},
    )
    assert land_files(home.con, source, home.settings, NOW).failed == ()
    assert home.rows("select rank from raw.chart_ranks order by 1") == [(1,), (3,)]
    assert home.rejects() == [(3, f"{column.replace('_', ' ')} not understood")]
