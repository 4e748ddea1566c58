"""A lake in a bucket: the same events, listed, swept and read through the S3 interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from flows.errors import AfterhypeError
from flows.lake.handover import export_control, ready_for_readers
from flows.lake.location import Lake
from flows.lake.upkeep import settle, sweep
from flows.land import ledger
from flows.sources import Storage
from flows.warehouse import connect
from tests.lake.conftest import Home, WriteCsv, assert_equal, begin
from tests.presence import present

ROWS = [f"u{n},2026-01-0{1 + n % 3}T00:00:00Z,open,{n}" for n in range(9)]


@pytest.fixture
def lake(bucket: Storage) -> Lake:
    return Lake("s3://events/of chat/raw", bucket)


@pytest.fixture
def homes(tmp_path: Path, lake: Lake) -> Iterator[tuple[Home, Home]]:
    """(a home with a table, a home with a lake in a bucket)."""
    with ExitStack() as stack:
        yield begin(tmp_path / "table", stack), begin(tmp_path / "in_lake", stack, lake)


def test_a_bucket_holds_what_the_table_holds(
    homes: tuple[Home, Home], lake: Lake, csv: WriteCsv
) -> None:
    first, second = csv("a.csv", *ROWS), csv("b.csv", *ROWS[5:], "u9,2026-01-01T01:00:00Z,open,9")
    store = lake.store()
    for home in homes:
        home.land(first)
        home.land(second)
    assert_equal(*homes)
    found = homes[1].con.execute("select extract_id from raw.extracts where uri like '%a.csv'")
    (extract_id,) = present(found.fetchone())
    for decide in (lambda con, one: ledger.quarantine(con, one, "test"), ledger.discard):
        for home in homes:
            decide(home.con, extract_id)
        assert_equal(*homes)
    assert homes[1].committed() < set(store.files("app_events"))
    sweep(homes[1].con)
    assert homes[1].committed() == set(store.files("app_events"))
    assert {f["path"] for f in json.loads(present(store.read("manifest.json")))["files"]} == (
        homes[1].committed()
    )
    assert_equal(*homes)


def test_a_warehouse_that_is_opened_anew_reads_its_bucket(
    homes: tuple[Home, Home], csv: WriteCsv
) -> None:
    _, home = homes
    home.land(csv("a.csv", *ROWS))
    rows = home.rows("raw.app_events")
    home.con.close()
    with connect(home.settings, read_only=True) as con:
        assert con.execute("from raw.app_events order by all").fetchall() == rows


def test_what_another_engine_is_given_lies_in_the_bucket(
    homes: tuple[Home, Home], lake: Lake, csv: WriteCsv
) -> None:
    _, home = homes
    home.land(csv("a.csv", *ROWS))
    given = present(ready_for_readers(home.con))
    assert given.root == "s3://events/of chat/raw"
    export_control(home.con, given, "run-1")
    folder = export_control(home.con, given, "run-2")
    assert {path.split("/")[1] for path in lake.store().files("control")} == {"run-2"}
    with duckdb.connect() as con:
        lake.let_duckdb_read(con)
        assert con.execute(f"select count(*) from '{folder}/raw.extracts.parquet'").fetchone() == (
            1,
        )


def test_events_move_from_a_bucket_to_the_warehouse_and_back(
    homes: tuple[Home, Home], lake: Lake, csv: WriteCsv
) -> None:
    path = csv("a.csv", *ROWS)
    for home in homes:
        home.land(path)
    _, home = homes
    assert settle(home.con, None) == f"9 events moved from {lake.root} to the warehouse"
    assert lake.store().files("") == {}
    assert_equal(*homes)
    assert settle(home.con, lake) == f"9 events moved from the warehouse to {lake.root}"
    assert_equal(*homes)


def test_a_bucket_that_is_not_there_is_named_and_nothing_lands(
    homes: tuple[Home, Home], tmp_path: Path, bucket: Storage
) -> None:
    with ExitStack() as stack:
        home = begin(tmp_path / "third", stack)
        with pytest.raises(AfterhypeError, match="s3://nowhere/raw: the lake cannot be") as raised:
            settle(home.con, Lake("s3://nowhere/raw", bucket))
        assert "a-very-secret-access-key" not in str(raised.value)
        assert home.rows("raw.app_events") == []
