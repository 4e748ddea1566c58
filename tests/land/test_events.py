"""Landing event extracts: exact canonical rows, exact rejects, everything or nothing."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest

from flows.errors import ExtractError
from flows.land import ledger
from flows.settings import Settings
from flows.warehouse import connect
from tests.land.conftest import Land

HEADER = "who,at,what,id\n"


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


def rejects(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return rows(con, "select line_number, reason from raw.rejects order by line_number, reason")


def test_csv_lands_as_canonical_rows(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    _, landed = land(
        "a.csv",
        "\ufeffwho,at,what,version,os,land,from,id\r\n"
        '00017,2026-01-01T10:00:00+05:30,"said ""hi"",\nthen left",1.10,iOS,de,Ads,e1\r\n',
        columns={
            "user_id": "who",
            "event_time": "at",
            "event_name": "what",
            "event_id": "id",
            "app_version": "version",
            "platform": "os",
            "country": "land",
            "channel": '"from"',
            "properties": "json_object('v', version)",
        },
    )
    assert (landed.rows_seen, landed.rows_landed) == (1, 1)
    assert rows(
        con,
        "select app_id, event_name, event_time, platform, country, app_version, channel, "
        "properties->>'$.v' from raw.app_events",
    ) == [
        (
            "chat",
            'said "hi",\nthen left',
            datetime(2026, 1, 1, 4, 30),
            "ios",
            "DE",
            "1.10",
            "Ads",
            "1.10",
        )
    ]


def test_ndjson_lands_nested_objects_and_missing_keys(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    _, landed = land(
        "a.ndjson.gz",
        gzip.compress(
            b'{"u":"1","ms":1767225600000,"n":"open","p":{"c":"jp","deep":[1]}}\n\n'
            b'{"u":7,"ms":1767225600500,"n":"open"}\n'
        ),
        type="ndjson",
        columns={
            "user_id": "u",
            "event_time": "epoch_ms(ms::bigint)",
            "event_name": "n",
            "country": "p->>'$.c'",
            "properties": "p",
        },
    )
    assert landed.rows_landed == 2
    assert rows(
        con, "select event_time, country, properties::varchar from raw.app_events order by 1"
    ) == [
        (datetime(2026, 1, 1), "JP", '{"c":"jp","deep":[1]}'),
        (datetime(2026, 1, 1, 0, 0, 0, 500_000), None, None),
    ]


def test_parquet_keeps_its_types(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path
) -> None:
    path = tmp_path / "made.parquet"
    duckdb.execute(
        "copy (select 17 as account, timestamptz '2026-01-01 00:00:00+02' as happened, "
        "{'os': 'android'} as device) to '" + str(path) + "' (format parquet)"
    )
    land(
        "a.parquet",
        path.read_bytes(),
        type="parquet",
        columns={
            "user_id": "account",
            "event_time": "happened",
            "event_name": "'open'",
            "platform": "device.os",
        },
    )
    assert rows(con, "select event_time, platform from raw.app_events") == [
        (datetime(2025, 12, 31, 22), "android")
    ]


def test_every_bad_row_is_kept_with_its_line_and_reason(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    lines = [
        "u1,2026-01-01,open,1",  # line 2: good
        ",2026-01-01,open,2",
        "u1,,open,3",
        "u1,31.11.2025 25:61,open,4",
        "u1,2026-01-01T10:11:12+27:00,open,5",
        "u1,2099-01-01,open,6",
        "u1,1989-12-31,open,7",
        "u1,2026-01-01,,8",
        "u1,2026-01-01",
        "u1,2026-01-01,open,10,more",
        "u1,2026-01-02,open,11",  # line 12: good
        ",2026-01-01,open,12",
    ]
    _, landed = land("a.csv", HEADER + "\n".join(lines) + "\n")
    assert rejects(con) == [
        (3, "no user id"),
        (4, "no event time"),
        (5, "event time not understood: 31.11.2025 25:61"),
        (6, "event time not understood: 2026-01-01T10:11:12+27:00"),
        (7, "event time in the future: 2099-01-01 00:00:00"),
        (8, "event time before 1990: 1989-12-31 00:00:00"),
        (9, "no event name"),
        (10, "too few columns"),
        (11, "too many columns"),
        (13, "no user id"),
    ]
    assert (landed.rows_seen, landed.rows_landed, landed.rows_rejected) == (12, 2, 10)


def test_broken_lines_of_ndjson_are_kept(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    _, landed = land(
        "a.ndjson",
        b'{"u":"1","t":"2026-01-01"}\nnot json\n{"u":"\xff","t":"2026-01-01"}\n[1]\n'
        b'{"t":"2026-01-01"}\n',
        type="ndjson",
        columns={"user_id": "u", "event_time": "t", "event_name": "'open'"},
    )
    assert rejects(con) == [
        (2, "not a JSON object"),
        (3, "not UTF-8 (does the source need encoding?)"),
        (4, "not a JSON object"),
        (5, "no user id"),
    ]
    assert landed.rows_landed == 1


def test_the_future_begins_after_the_tolerance(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    now = datetime(2026, 1, 1)
    inside, outside = now + timedelta(hours=24), now + timedelta(hours=24, seconds=1)
    _, landed = land("a.csv", f"{HEADER}u,{inside},open,1\nu,{outside},open,2\n", now=now)
    assert (landed.rows_landed, landed.rows_rejected) == (1, 1)


def test_no_user_id_lands_anywhere(
    con: duckdb.DuckDBPyConnection, land: Land, settings: Settings
) -> None:
    secret_user = "marie.curie.4711"
    land(
        "a.csv",
        f"{HEADER}{secret_user},2026-01-01,open,1\n{secret_user},never,open,2\n"
        f'{secret_user},2026-01-01\n"{secret_user},2026-01-01,open\n',
    )
    con.close()
    assert secret_user.encode() not in settings.warehouse_path.read_bytes()
    with connect(settings) as again:
        assert len(rejects(again)) == 3


def test_duplicates_within_and_across_extracts_are_counted_once(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land("a.csv", HEADER + "u1,2026-01-01,open,1\nu1,2026-01-01,open,1\nu2,2026-01-01,open,2\n")
    _, second = land("b.csv", HEADER + "u2,2026-01-01,open,2\nu3,2026-01-01,open,3\n")
    assert (second.rows_landed, second.rows_duplicate) == (1, 1)
    assert rows(con, "select count(*), count(distinct event_id) from raw.app_events") == [(3, 3)]
    assert rows(con, "select rows_landed, rows_duplicate from raw.extracts order by uri") == [
        (2, 1),
        (1, 1),
    ]
    assert rows(con, "select count(*) from raw.app_event_duplicates") == [(1,)]


def test_without_ids_repetition_inside_a_file_counts_and_redelivery_does_not(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    columns = {"user_id": "who", "event_time": "at", "event_name": "what"}
    row = "u1,2026-01-01T00:00:00,open\n"
    land("a.csv", f"who,at,what\n{row}{row}", columns=columns)
    _, again = land("b.csv", f"who,at,what\n{row}{row}{row}", columns=columns)
    assert (again.rows_landed, again.rows_duplicate) == (1, 2)


def test_a_row_that_lacks_its_id_is_told_apart_by_content(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    text = HEADER + "u1,2026-01-01,open,\nu1,2026-01-01,open,\nu1,2026-01-01,open,7\n"
    land("a.csv", text)
    _, again = land("b.csv", text + "u2,2026-01-01,open,\n")
    assert (again.rows_landed, again.rows_duplicate) == (1, 3)


def test_one_person_is_one_key_per_app_and_key(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land("a.csv", HEADER + "u1,2026-01-01,open,1\n u1 ,2026-01-02,open,2\nu2,2026-01-01,open,3\n")
    assert rows(con, "select count(distinct user_key) from raw.app_events") == [(2,)]


def test_a_type_is_inferred_only_where_values_survive_it(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land(
        "a.csv",
        "who,secs,ver\n007,1767225600,1.10\n008,bad,1.20\n"
        + "".join(f"{n:03},1767225600,1.30\n" for n in range(30)),
        columns={
            "user_id": "'id-' || who",
            "event_time": "to_timestamp(secs)",
            "event_name": "'v' || ver",
        },
    )
    assert rows(con, "select distinct event_name from raw.app_events order by 1") == [
        ("v1.10",),
        ("v1.30",),
    ]
    assert rejects(con) == [(3, "event time not understood: bad")]


@pytest.mark.parametrize(
    ("content", "reader", "message"),
    [
        (b"", {}, "the file is empty"),
        (bytes(range(256)) * 40, {}, "has no column"),
        (b"name,amount\nx,1\n", {}, "has no column at, id, what, who (its columns: name, amount)"),
        (b"PAR1 not really", {"type": "parquet"}, "cannot be read as parquet"),
    ],
)
def test_an_unreadable_file_names_itself_and_is_in_the_ledger(
    con: duckdb.DuckDBPyConnection, land: Land, content: bytes, reader: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExtractError) as caught:
        land("broken.csv", content, **reader)
    assert "broken.csv" in str(caught.value)
    assert message in str(caught.value)
    assert rows(con, "select status, error from raw.extracts") == [("failed", str(caught.value))]
    counted = "select rows_seen, rows_landed, rows_rejected, rows_duplicate from raw.extracts"
    assert rows(con, counted) == [(0, 0, 0, 0)]


def test_half_a_gzip_file_is_not_a_file(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    whole = gzip.compress((HEADER + "u,2026-01-01,open,1\n" * 50_000).encode())
    with pytest.raises(ExtractError, match="the gzip file is cut off"):
        land("half.csv.gz", whole[: len(whole) // 2])
    assert rows(con, "select count(*) from raw.app_events") == [(0,)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"event_time": "to_timestam(at)"}, "chat: columns.event_time"),
        ({"event_time": "to_timestamp("}, "chat: columns.event_time: not an SQL expression"),
        ({"event_time": "1767225600"}, "columns.event_time: gives INTEGER, not a time"),
    ],
)
def test_a_wrong_mapping_names_source_and_column(
    land: Land, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(ExtractError) as caught:
        land("a.csv", HEADER + "u,2026-01-01,open,1\n", columns={**_mapping(), **columns})
    assert message in str(caught.value)


def _mapping() -> dict[str, str]:
    return {"user_id": "who", "event_time": "at", "event_name": "what"}


def test_an_interrupted_landing_leaves_nothing(
    con: duckdb.DuckDBPyConnection, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "record", interrupt)
    with pytest.raises(KeyboardInterrupt):
        land("a.csv", HEADER + "u,2026-01-01,open,1\n,2026-01-01,open,2\n")
    for table in ("raw.app_events", "raw.rejects", "raw.extracts", "ops.user_key"):
        assert rows(con, f"select count(*) from {table}") == [(0,)]


def test_a_header_alone_lands_as_nothing(land: Land) -> None:
    _, landed = land("a.csv", HEADER)
    assert (landed.rows_seen, landed.min_event_time) == (0, None)


@pytest.mark.parametrize(("overlap", "landed"), [(True, [2, 0]), (False, [2, 1])])
def test_rows_without_an_id_are_told_apart_across_extracts_where_these_never_overlap(
    con: duckdb.DuckDBPyConnection, land: Land, overlap: bool, landed: list[int]
) -> None:
    """Twice in one file are two events; once more in another one is a repetition, or a third."""
    columns = {"user_id": "who", "event_time": "at", "event_name": "what"}
    row = "a,2026-01-01T10:00:00Z,open\n"
    outcomes = [
        land(name, "who,at,what\n" + content, columns=columns, overlap=overlap)[1].rows_landed
        for name, content in (("one.csv", row * 2), ("two.csv", row))
    ]
    assert outcomes == landed


def test_an_extract_of_duplicates_tells_how_far_it_reaches(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    """The watermark must not depend on which of two overlapping extracts landed first."""
    land("one.csv", HEADER + "a,2026-01-05T10:00:00Z,open,1\n")
    _, again = land("two.csv", HEADER + "a,2026-01-05T10:00:00Z,open,1\n\n")
    assert (again.rows_landed, again.max_event_time) == (0, datetime(2026, 1, 5, 10))


def test_a_zone_by_name_is_of_its_own_row_only(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land(
        "a.csv",
        HEADER
        + "a,2026-01-01 10:00:00,open,1\n"
        + "b,2026-01-01 10:00:00 Europe/Berlin,open,2\n"
        + "c,2026-01-01 10:00:00,open,3\n"
        + "d,2026-01-01T10:00:00+02:00,open,4\n"
        + "e,2026-01-01 10:00:00-0130,open,5\n"
        + "f,2026-01-01 10:00:00 IST,open,6\n",
    )
    assert rows(con, "select event_time from raw.app_events order by all") == [
        (datetime(2026, 1, 1, 8),),
        (datetime(2026, 1, 1, 9),),
        (datetime(2026, 1, 1, 10),),
        (datetime(2026, 1, 1, 10),),
        (datetime(2026, 1, 1, 11, 30),),
    ]
    assert rejects(con) == [
        (7, "event time not understood: 2026-01-01 10:00:00 IST"),
    ]


def test_lines_of_fixed_width_are_taken_apart_in_sql(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    extract_id, landed = land(
        "orders.txt",
        " customer date     amount\r\n 00001 19970101  11.77\r\n"
        " 00002 19970112  12.00\r\n\r\n 3\r\n",
        type="lines",
        header_lines=1,
        columns={
            "user_id": "substr(line, 2, 5)",
            "event_time": "strptime(substr(line, 8, 8), '%Y%m%d')",
            "event_name": "'order'",
            "properties": "json_object('amount', trim(substr(line, 18)))",
        },
    )
    assert (landed.rows_seen, landed.rows_landed, landed.rows_rejected) == (3, 2, 1)
    assert rows(
        con, "select event_time, properties->>'$.amount' from raw.app_events order by all"
    ) == [(datetime(1997, 1, 1), "11.77"), (datetime(1997, 1, 12), "12.00")]
    assert rows(con, "select line_number, reason, line from raw.rejects") == [
        (5, "event time not understood: 3", '{"line":"(user)"}')
    ]
    assert extract_id


def test_lines_have_one_column(land: Land) -> None:
    with pytest.raises(ExtractError, match="has no column at, id, what, who .its columns: line"):
        land("a.txt", "x\n", type="lines")
