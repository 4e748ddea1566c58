"""What is landed in a lake is, cell for cell, what the warehouse's own table would hold."""

from __future__ import annotations

import duckdb

from flows.compaction import compact
from flows.lake.handover import CONTROL, OUTLOOK, export_control, ready_for_readers
from flows.lake.location import lake_of
from flows.lake.upkeep import merge
from flows.sources import Sources
from flows.warehouse import connect
from tests.lake.conftest import Home, WriteCsv, assert_equal
from tests.land.conftest import NOW
from tests.presence import present

WIDE = "who,at,what,id,platform,country,version,channel,extra"
COLUMNS = {
    "user_id": "who",
    "event_time": "at",
    "event_name": "what",
    "event_id": "id",
    "platform": "platform",
    "country": "country",
    "app_version": "version",
    "channel": "channel",
    "properties": "extra",
}


def test_an_extract_lies_by_app_and_utc_date_and_reads_as_the_table_does(
    homes: tuple[Home, Home], csv: WriteCsv
) -> None:
    path = csv(
        "a.csv",
        'u1,2026-01-01T23:30:00-02:00,open,1,iOS,de,1.10,ads,"{""a"": [1, ""ü""]}"',
        "u2,2026-01-01T23:59:59.123456Z,open,,Android,US,,,",
        "u2,2026-01-01T23:59:59.123456Z,open,,Android,US,,,",
        "u1,2026-01-03T00:00:00Z,it's,3,,,,,plain text",
        ",2026-01-03T00:00:00Z,open,4,,,,,",
        header=WIDE,
    )
    for home in homes:
        (outcome,) = home.land(path, columns=COLUMNS).values()
        assert (outcome.rows_landed, outcome.rows_rejected) == (4, 1)
    assert_equal(*homes)
    _, lake = homes
    assert {file.rpartition("/")[0] for file in lake.files()} == {
        f"app_events/app_id=chat/event_date=2026-01-0{day}" for day in (1, 2, 3)
    }
    told = lake.con.execute(
        "select event_date::varchar, rows, bytes, extract_ids from ops.lake_files order by 1"
    ).fetchall()
    assert [row[:2] for row in told] == [("2026-01-01", 2), ("2026-01-02", 1), ("2026-01-03", 1)]
    (extract_id,) = {tuple(row[3]) for row in told}
    assert lake.con.execute("select extract_id from raw.extracts").fetchall() == [extract_id]
    sizes = {file: (present(lake.lake) / file).stat().st_size for file in lake.files()}
    assert sizes == dict(lake.con.execute("select path, bytes from ops.lake_files").fetchall())


def test_the_files_hold_types_that_spark_reads(homes: tuple[Home, Home], csv: WriteCsv) -> None:
    path = csv("a.csv", 'u1,2026-01-01T00:00:00Z,open,1,ios,DE,1,ads,"{""a"": 1}"', header=WIDE)
    _, lake = homes
    lake.land(path, columns=COLUMNS)
    (file,) = lake.files()
    types = duckdb.execute(
        "select name, type, logical_type from parquet_schema(?)", [str(present(lake.lake) / file)]
    ).fetchall()[1:]
    assert [(name, kind) for name, kind, _ in types] == [
        ("event_id", "BYTE_ARRAY"),
        ("user_key", "BYTE_ARRAY"),
        ("event_name", "BYTE_ARRAY"),
        ("event_time", "INT64"),
        ("platform", "BYTE_ARRAY"),
        ("country", "BYTE_ARRAY"),
        ("app_version", "BYTE_ARRAY"),
        ("channel", "BYTE_ARRAY"),
        ("properties", "BYTE_ARRAY"),
        ("extract_id", "BYTE_ARRAY"),
        ("landed_at", "INT64"),
    ]
    logical = {name: told for name, _, told in types}
    assert logical["event_id"] == logical["properties"] == logical["event_name"]  # plain text
    assert "MICROS" in logical["event_time"]


def test_several_extracts_that_overlap_land_as_in_the_table(
    homes: tuple[Home, Home], csv: WriteCsv
) -> None:
    first = csv("a.csv", *(f"u{n},2026-01-0{1 + n % 3}T00:00:00Z,open,{n}" for n in range(9)))
    second = csv("b.csv", *(f"u{n},2026-01-0{1 + n % 3}T00:00:00Z,open,{n}" for n in range(5, 12)))
    third = csv("c.csv", "u1,2026-01-01T00:00:00Z,open,1", "u1,never,open,2", "x,2026-01-05,go,")
    for home in homes:
        home.land(first, second)
        home.land(third)
        home.land(third, app_id="video")
    assert_equal(*homes)
    assert len(homes[1].rows("raw.app_event_duplicates")) == 5


def test_an_extract_without_events_leaves_no_file(homes: tuple[Home, Home], csv: WriteCsv) -> None:
    path = csv("a.csv")
    for home in homes:
        home.land(path)
    assert_equal(*homes)
    assert homes[1].files() == set()


def test_a_compaction_merges_the_small_files_of_a_date(
    homes: tuple[Home, Home], csv: WriteCsv
) -> None:
    for n in range(3):
        path = csv(f"{n}.csv", f"u{n},2026-01-01T00:00:00Z,open,{n}", f"u,2026-01-0{n + 2},go,x{n}")
        for home in homes:
            home.land(path)
    table, lake = homes
    assert len(lake.files()) == 6
    lake.con.close()
    compaction = compact(lake.settings, Sources(), NOW)
    assert compaction.files_fewer == 2
    with connect(lake.settings) as lake.con:
        assert_equal(*homes)
        assert len(lake.files()) == 4
        assert lake.files() == lake.committed()
        (extracts,) = lake.con.execute(
            "select len(extract_ids) from ops.lake_files where event_date = '2026-01-01'"
        ).fetchall()
        assert extracts == (3,)
        assert merge(lake.con) == 0
    assert merge(table.con) == 0


def test_readers_are_given_the_committed_files_and_the_control_tables(
    homes: tuple[Home, Home], csv: WriteCsv
) -> None:
    _, lake = homes
    lake.land(csv("a.csv", "u1,2026-01-01T00:00:00Z,open,1"))
    stray = present(lake.lake) / "app_events/app_id=chat/event_date=2026-01-01/left.parquet"
    stray.write_bytes(b"by a killed run")
    mine = present(lake.lake) / "app_events/notes.txt"
    mine.write_text("not a file of the lake's")
    given = present(ready_for_readers(lake.con))
    assert given.root == str(lake.lake)
    assert lake.files() == lake.committed()
    assert mine.exists()
    old = export_control(lake.con, given, "run-1")
    folder = export_control(lake.con, given, "run-2")
    assert folder == f"{given.root}/control/run-2"
    assert not list((present(lake.lake) / "control").glob("run-1/*")), old
    found = {p.name for p in (present(lake.lake) / "control" / "run-2").iterdir()}
    assert found == {f"{table}.parquet" for table in (*CONTROL, *OUTLOOK)}
    for table in (*CONTROL, *OUTLOOK):
        told = duckdb.execute(f"describe from '{_quoted(folder)}/{table}.parquet'").fetchall()
        kinds = {name: kind for name, kind, *_ in told}
        stands = lake.con.execute(f"describe {table}").fetchall()
        assert list(kinds) == [name for name, *_ in stands]
        assert not {"UUID", "JSON"}.intersection(kinds.values())
    extracts = duckdb.execute(f"from '{_quoted(folder)}/raw.extracts.parquet'").fetchall()
    assert extracts == lake.rows("raw.extracts")


def test_readers_are_given_composed_review_texts(homes: tuple[Home, Home]) -> None:
    _, lake = homes
    lake.con.execute(
        """
        insert into raw.app_reviews by name select
            's' as source, 'apple' as store, '1' as store_app_id, n::varchar as review_id,
            5 as rating, title, body, timestamp '2026-01-01' as reviewed_at, 'x' as extract_id,
            timestamp '2026-01-01' as landed_at
        from (values (1, 'u\u0308ber', 'scho\u0308n'), (2, 'über', null)) as told (n, title, body)
        """
    )
    folder = export_control(lake.con, present(ready_for_readers(lake.con)), "run-1")
    given = f"'{_quoted(folder)}/raw.app_reviews.parquet'"
    assert duckdb.execute(f"select title, body from {given} order by review_id").fetchall() == [
        ("über", "schön"),
        ("über", None),
    ]


def test_there_is_nothing_to_hand_over_where_events_lie_in_the_warehouse(
    homes: tuple[Home, Home],
) -> None:
    assert ready_for_readers(homes[0].con) is None
    assert lake_of(homes[0].con) is None


def _quoted(path: str) -> str:
    return path.replace("'", "''")
