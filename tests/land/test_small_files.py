"""Charts, reports and reviews in batches: what lands is what lands one by one."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.errors import BrokenExtracts, ExtractError
from flows.extract.found import Extract
from flows.formats.chart_documents import read_documents
from flows.land import charts, ledger
from flows.land.batches import land_unbroken
from flows.land.ledger import Landed
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import AnyFiles, ChartFiles, InstallFiles, ReviewFiles
from flows.warehouse import connect, create_schemas
from tests.land.conftest import NOW

BROKEN = st.sampled_from(
    [
        b"",
        b"<html>busy</html>",
        b"{}",
        b"[]",
        b"null",
        b"\xffnot UTF-8",
        b'{"feed": {"results": []}}',
        b'{"a": "\\ud800"}',
        b"other,columns\n1,2\n",
        gzip.compress(b"{}")[:15],
    ]
)


def apple(day: int, apps: Sequence[str | None], storefront: str = "us") -> bytes:
    feed = {
        "id": f"https://example.com/api/v2/{storefront}/apps/top-free/9/apps.json",
        "country": storefront,
        "updated": f"Thu, 0{day} Jan 2026 10:00:00 +0000",
        "results": [{"id": app, "name": f"App {app}"} for app in apps],
    }
    return json.dumps({"feed": feed}).encode()


def review(number: int, moment: str, rating: str) -> dict[str, object]:
    return {
        "author": {"name": {"label": "Pat"}, "uri": {"label": f"https://example.com/{number}"}},
        "updated": {"label": moment},
        "im:rating": {"label": rating},
        "id": {"label": str(number)},
        "link": {"attributes": {"href": "https://example.com/us/review?id=555"}},
    }


def feed_of(reviews: object) -> bytes:
    return json.dumps({"feed": {"entry": reviews}}).encode()


def table(header: str, *columns: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Files of a CSV with this header, whose rows are made of what the columns may hold."""
    rows = st.lists(st.tuples(*map(st.sampled_from, columns)).map(",".join), max_size=5)
    return rows.map(lambda lines: "\n".join([header, *lines]).encode() + b"\n")


def archive(members: Sequence[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for number, member in enumerate(members):
            zipped.writestr(f"{number}.json", member)
    return buffer.getvalue()


APPS = st.lists(st.sampled_from(["1", "2", "3", None]), max_size=4)
CAPTURES = st.builds(apple, st.integers(1, 3), APPS, st.sampled_from(["us", "de"]))
ARCHIVES = st.lists(CAPTURES | BROKEN, min_size=1, max_size=3).map(archive)
REVIEWS = st.builds(
    review,
    st.integers(1, 4),
    st.sampled_from(["2026-01-05T00:00:00Z", "2026-01-06T00:00:00-07:00", "never"]),
    st.sampled_from(["1", "5", "six"]),
)

KINDS: dict[str, tuple[AnyFiles, st.SearchStrategy[bytes]]] = {
    "apple": (
        ChartFiles(name="charts", format="apple_rss", uri="exports/*"),
        CAPTURES | ARCHIVES | BROKEN,
    ),
    "tracker": (
        ChartFiles(
            name="charts",
            format="custom",
            uri="exports/*",
            reader={"type": "csv"},
            columns={
                "store": "'google'",
                "storefront": "land",
                "chart": "'top-free'",
                "snapshot_at": "day",
                "rank": "place",
                "store_app_id": "app",
            },
        ),
        table(
            "land,day,place,app",
            ["us", "de", ""],
            ["2026-01-01", "2026-01-02", "never"],
            ["1", "2", "x", "1,more"],
            ["a", "b", ""],
        )
        | BROKEN,
    ),
    "reviews": (
        ReviewFiles(name="reviews", format="itunes_reviews", uri="exports/*"),
        st.lists(REVIEWS | st.just("no object"), max_size=4).map(feed_of)
        | REVIEWS.map(feed_of)
        | BROKEN,
    ),
    "own reviews": (
        ReviewFiles(
            name="reviews",
            format="custom",
            uri="exports/*",
            reader={"type": "csv"},
            columns={
                "store": "shop",
                "store_app_id": "'555'",
                "review_id": "id",
                "rating": "stars",
                "reviewed_at": "day",
            },
        ),
        table(
            "shop,id,stars,day",
            ["apple", "google"],
            ["1", "2", ""],
            ["1", "5", "6"],
            ["2026-01-01", "2026-01-02", "never"],
        )
        | BROKEN,
    ),
    "installs": (
        InstallFiles(
            name="installs",
            format="custom",
            uri="exports/*",
            reader={"type": "csv"},
            columns={
                "store": "'google'",
                "store_app_id": "app",
                "install_date": "day",
                "country": "land",
                "downloads": "new",
                "uninstalls": "gone",
            },
        ),
        table(
            "app,day,land,new,gone",
            ["a", ""],
            ["2026-01-01", "2026-01-02", "2031-01-01"],
            ["us", "de"],
            ["1", "2", "few", "1,more"],
            ["1", ""],
        )
        | BROKEN,
    ),
}
TABLES = (
    "raw.extracts",
    "raw.rejects",
    "raw.chart_snapshots",
    "raw.chart_ranks",
    "raw.app_reviews",
    "raw.store_installs",
)


class Home:
    """One warehouse that is emptied for each landing, and a folder of files."""

    con: duckdb.DuckDBPyConnection

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.exports = self.folder / "exports"
        self.exports.mkdir()
        self.settings = Settings(
            home=self.folder / "home",
            sources=self.folder / "sources.yml",
            user_key="a secret",
            threads=1,  # more of them cost a third more for a few lines
        )

    def write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            (self.exports / name).write_bytes(content)

    def clear(self) -> None:
        for path in self.exports.iterdir():
            path.unlink()

    def land(self, source: AnyFiles) -> tuple[SourceLanding, dict[str, list[tuple[Any, ...]]]]:
        """What landing came to, and all that is in the warehouse then."""
        for name in (*TABLES, "ops.seen_files"):
            self.con.execute(f"delete from {name}")
        landing = land_files(self.con, source, self.settings, NOW)
        return landing, {name: self.rows(f"from {name} order by all") for name in TABLES}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        with connect(home.settings) as home.con:
            create_schemas(home.con)
            yield home


@pytest.fixture(autouse=True)
def _no_files(home: Home) -> None:
    home.clear()


LandThem = Callable[[Sequence[Extract]], dict[str, Landed]]


def one_by_one() -> AbstractContextManager[object]:
    def land_each(
        extracts: Sequence[Extract], land: LandThem
    ) -> tuple[dict[str, Landed], dict[str, Exception]]:
        each = [land_unbroken([extract], land) for extract in extracts]
        return (
            {extract_id: came_to for landed, _ in each for extract_id, came_to in landed.items()},
            {extract_id: error for _, broken in each for extract_id, error in broken.items()},
        )

    return mock.patch("flows.land.source.land_unbroken", land_each)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_batch_lands_what_one_by_one_lands(home: Home, kind: str, data: st.DataObject) -> None:
    source, contents = KINDS[kind]
    files = data.draw(st.lists(contents, min_size=2, max_size=8))
    home.clear()
    home.write({f"{number}.txt": content for number, content in enumerate(files)})
    together = home.land(source)
    with one_by_one():
        assert home.land(source) == together


@given(
    order=st.permutations([(land, day) for land in ("de", "us") for day in (1, 2, 3, 4)]),
    apps=st.lists(st.permutations(["a", "b"]), min_size=8, max_size=8),
    first=st.integers(1, 8),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_unchanged_depends_on_no_order_of_files_and_batches(
    home: Home, order: list[tuple[str, int]], apps: list[list[str]], first: int
) -> None:
    source, _ = KINDS["tracker"]
    content = dict(zip(sorted(order), apps, strict=True))
    files = {}
    for number, (land, day) in enumerate(order):
        rows = [f"{land},2026-01-0{day},{n},{a}\n" for n, a in enumerate(content[land, day], 1)]
        files[f"{number}.csv"] = "".join(["land,day,place,app\n", *rows]).encode()
    home.clear()
    home.write(dict(list(files.items())[:first]))
    home.land(source)
    home.write(files)
    land_files(home.con, source, home.settings, NOW)
    assert home.rows(
        "select storefront, day(snapshot_at), status from raw.chart_snapshots order by all"
    ) == [
        (land, day, "unchanged" if content.get((land, day - 1)) == now else "observed")
        for (land, day), now in content.items()
    ]


def test_of_one_chart_at_one_moment_the_first_file_of_a_batch_counts(home: Home) -> None:
    source, _ = KINDS["apple"]
    home.write(
        {
            "1.json": b"<html>",
            "2.json": apple(1, ["1", "2", "1"]),
            "3.json": apple(1, ["3"]),
            "4.json": apple(2, ["3"]),
        }
    )
    landing, _ = home.land(source)
    assert home.rows("select day(snapshot_at), depth from raw.chart_snapshots order by all") == [
        (1, 2),
        (2, 1),
    ]
    counts = [
        (one.rows_landed, one.rows_rejected, one.rows_duplicate) for one in landing.landed.values()
    ]
    assert counts == [(2, 1, 0), (0, 0, 1), (1, 0, 0)]


def test_of_a_review_s_version_the_first_file_of_a_batch_counts(home: Home) -> None:
    source, _ = KINDS["own reviews"]
    header = "shop,id,stars,day\n"
    home.write(
        {
            "1.csv": f"{header}apple,1,5,2026-01-01\napple,1,4,2026-01-01\n".encode(),
            "2.csv": f"{header}Apple,1,3,2026-01-01\napple,1,2,2026-01-02\n".encode(),
        }
    )
    landing, _ = home.land(source)
    assert home.rows("select rating from raw.app_reviews order by reviewed_at") == [(5,), (2,)]
    assert [(o.rows_landed, o.rows_duplicate) for o in landing.landed.values()] == [(1, 1), (1, 1)]


def test_a_batch_works_states_out_once_and_lands_around_what_is_broken(home: Home) -> None:
    source, _ = KINDS["apple"]
    files = {f"{n:02}.json": apple(1 + n % 9, [str(n)], f"{n:02}") for n in range(30)}
    broken = {f"{n:02}.json": b"<html>%d" % n for n in (3, 17, 29)}
    home.write(files | broken)
    with (
        mock.patch.object(charts, "mark_unchanged") as states,
        mock.patch("flows.land.charts.read_documents", wraps=read_documents) as reading,
    ):
        landing, tables = home.land(source)
    assert (states.call_count, reading.call_count) == (1, 2)
    assert len(landing.landed) == 27
    assert [Path(told.partition(":")[0]).name for told in landing.failed] == list(broken)
    assert len(tables["raw.extracts"]) == 30


def test_a_landing_that_is_cut_off_leaves_nothing_of_its_batch(home: Home) -> None:
    source, _ = KINDS["apple"]
    home.write({f"{n}.json": apple(n, ["1"]) for n in (1, 2)})
    with (
        mock.patch.object(charts, "mark_unchanged", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        home.land(source)
    assert [home.rows(f"from {name}") for name in TABLES] == [[]] * len(TABLES)
    assert len(land_files(home.con, source, home.settings, NOW).landed) == 2


def extract(number: int) -> Extract:
    return Extract(
        source="s",
        kind="ranks",
        format="apple_rss",
        uri=str(number),
        location=str(number),
        checksum=str(number),
        bytes=1,
        modified_at=NOW,
    )


NOTHING = Landed(rows_seen=0, rows_landed=0, rows_rejected=0, rows_duplicate=0)


@pytest.mark.parametrize(("is_named", "most_tries"), [(True, 2), (False, 2 * 3 * 9 + 1)])
def test_a_few_broken_among_many_cost_a_few_tries(is_named: bool, most_tries: int) -> None:
    extracts = [extract(number) for number in range(300)]
    broken = {one.extract_id: f"{one.uri} is broken" for one in extracts[7::100]}
    tries = []

    def land(some: Sequence[Extract]) -> dict[str, Landed]:
        tries.append(len(some))
        found = {one.extract_id: broken[one.extract_id] for one in some if one.extract_id in broken}
        if found:
            raise BrokenExtracts(found) if is_named else ExtractError(next(iter(found.values())))
        return {one.extract_id: NOTHING for one in some}

    landed, failed = land_unbroken(extracts, land)
    assert {extract_id: str(error) for extract_id, error in failed.items()} == broken
    assert list(landed) == [one.extract_id for one in extracts if one.extract_id not in broken]
    assert len(tries) <= most_tries


def test_files_known_by_their_content_are_remembered_together(home: Home) -> None:
    source, _ = KINDS["apple"]
    home.write({"1.json": apple(1, ["1"]), "2.json": apple(2, ["1"])})
    home.land(source)
    home.write({"3.json": apple(1, ["1"]), "4.json": apple(2, ["1"]), "5.json": apple(1, ["1"])})
    landing = land_files(home.con, source, home.settings, NOW)
    assert (landing.known, landing.landed) == (5, {})
    assert len(ledger.seen_files(home.con, source.name)) == 5


def test_a_name_that_claims_another_chart_is_the_only_one_refused(home: Home) -> None:
    files = {f"{day}_us.json": apple(day, ["1"]) for day in (1, 2, 3)}
    home.write(files | {"2_us.json": apple(2, ["1"], "de"), "4_de.json": apple(4, ["1"], "de")})
    source = ChartFiles(name="charts", format="apple_rss", uri="exports/*_{storefront}.json")
    landing, _ = home.land(source)
    (said,) = landing.failed
    assert "2_us.json: its name says us, its content is of de" in said
    assert home.rows("select day(snapshot_at) from raw.chart_snapshots order by all") == [
        (1,),
        (3,),
        (4,),
    ]
