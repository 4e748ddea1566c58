"""Ids that became floats on their way: the same users, or a refusal where digits are lost."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.errors import ExtractError
from flows.formats.no_ids import is_no_id
from tests.formats.conftest import Home, home
from tests.land.conftest import Land

__all__ = ["home"]

TOLD = {"user_id": "who", "event_time": "at", "event_name": "'open'"}


def parquet(tmp_path: Path, select: str) -> bytes:
    path = tmp_path / "made.parquet"
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path.read_bytes()


def users(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("select count(distinct user_key) from raw.app_events").fetchone()
    return int(row[0]) if row else 0


def made(type: str, ids: str) -> str:
    return (
        f"select unnest([{ids}])::{type} as who, timestamp '2026-01-05' as at, "
        "unnest([1, 2])::varchar as id"
    )


@pytest.mark.parametrize("type", ["bigint", "double", "float", "decimal(9, 2)", "varchar", "int"])
def test_a_number_is_one_user_whatever_its_type(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path, type: str
) -> None:
    land("a.parquet", parquet(tmp_path, made("bigint", "101, 102")), type="parquet", columns=TOLD)
    content = parquet(tmp_path, made(type, "101, 103"))
    _, landed = land("b.parquet", content + b"", type="parquet", columns=TOLD | {"event_id": "id"})
    assert landed.rows_rejected == 0
    assert users(con) == 3


@pytest.mark.parametrize("column", ["user_id", "anonymous_id", "event_id"])
@pytest.mark.parametrize("type", ["double", "float"])
def test_a_float_whose_ids_lose_digits_is_refused(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path, column: str, type: str
) -> None:
    content = parquet(tmp_path, made(type, "101, 9007199254740993"))
    columns = {"user_id": "id", "event_time": "at", "event_name": "'open'"} | {column: "who"}
    with pytest.raises(ExtractError, match=f"chat: {column}: 1 ids are too large for a {type}"):
        land("a.parquet", content, type="parquet", columns=columns)
    assert con.execute("select count(*) from raw.app_events").fetchone() == (0,)


def test_large_whole_numbers_keep_their_digits(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path
) -> None:
    content = parquet(tmp_path, made("bigint", "9007199254740992, 9007199254740993"))
    land("a.parquet", content, type="parquet", columns=TOLD)
    assert users(con) == 2


@pytest.mark.parametrize(
    ("ids", "same"),
    [
        (("101.0", "102.0", ""), True),
        (("101.0", "NaN", "102.0"), True),
        (("undefined", "101.0", "102.0"), True),
        (("101.0", "102.0", "00000000-0000-0000-0000-000000000000"), True),
        (("101.0", "nobody", "102.0"), True),  # as the source says
        (("101.0", "Who", "102.0"), True),  # the header again
        (("101.0", "102", "x"), False),
        (("1.0", "1.10", "2.0"), False),  # versions
        (("101.0", "102", "103"), False),
        (("101.00", "102.00", ""), False),
    ],
)
@pytest.mark.parametrize("type", ["csv", "ndjson"])
def test_text_is_a_float_where_every_id_is(
    home: Home, ids: tuple[str, ...], same: bool, type: str
) -> None:
    if type == "csv":
        text = "who,at\n" + "".join(f"{one},2026-01-0{n}\n" for n, one in enumerate(ids, 1))
    else:
        text = "".join(f'{{"who":"{one}","at":"2026-01-0{n}"}}\n' for n, one in enumerate(ids, 1))
    (home.folder / "a").write_text(text)
    no_ids = {"also": ["nobody"]}
    landing = home.land("custom", "a", reader={"type": type}, columns=TOLD, no_ids=no_ids)
    assert landing.failed == ()
    landed = {row[0] for row in home.events()}
    expected = [one.removesuffix(".0") if same else one for one in ids]
    nobody = {one for one in expected if not one or is_no_id(one)} | {"nobody"}
    assert landed == {home.user(one) for one in expected if one not in nobody}


@pytest.mark.parametrize("type", ["csv", "ndjson"])
@pytest.mark.parametrize("rows", [3, 30_000])
def test_a_round_number_in_r_s_writing_is_that_number(home: Home, type: str, rows: int) -> None:
    ids = [*map(str, range(100_001, 100_000 + rows)), "1e+05"]
    line = '{{"who":"{}","at":"2026-01-01"}}\n' if type == "ndjson" else "{},2026-01-01\n"
    text = "" if type == "ndjson" else "who,at\n"
    (home.folder / "a").write_text(text + "".join(map(line.format, ids)))
    home.land("custom", "a", reader={"type": type}, columns=TOLD)
    assert home.rows("select count(distinct user_key) from raw.app_events") == [(rows,)]
    assert home.user("100000") in {row[0] for row in home.events()}


def test_a_word_in_r_s_writing_is_a_word(home: Home) -> None:
    (home.folder / "a.csv").write_text("who,at\n1e+05,2026-01-01\nann,2026-01-01\n")
    home.land("custom", "a.csv", reader={"type": "csv"}, columns=TOLD)
    assert {row[0] for row in home.events()} == {home.user("1e+05"), home.user("ann")}


@pytest.mark.parametrize(
    "one", ["1.2345678901234568e+18", "9007199254740993.0", "1.23457E+15", "1E+05", "2e+17"]
)
def test_text_of_floats_that_lost_digits_is_refused(home: Home, one: str) -> None:
    (home.folder / "a.csv").write_text(f"who,at\n101.0,2026-01-05\n{one},2026-01-05\n")
    (home.folder / "b.csv").write_text("who,at\n101,2026-01-06\n")
    landing = home.land("custom", "a.csv", "b.csv", reader={"type": "csv"}, columns=TOLD)
    assert landing.rows_landed == 1
    assert "1 ids are too large for a number with a decimal point" in landing.failed[0]


def test_json_numbers_within_a_vendor_s_export(home: Home) -> None:
    line = '{{"event":"a","properties":{{"time":176760360{n},"distinct_id":{id}}}}}\n'
    (home.folder / "a").write_text(line.format(n=1, id=101) + line.format(n=2, id=102))
    (home.folder / "b").write_text(line.format(n=3, id="101.0") + line.format(n=4, id="102.0"))
    home.land("mixpanel", "a", "b")
    assert {row[0] for row in home.events()} == {home.user("101"), home.user("102")}


def test_a_vendor_s_parquet_of_floats(home: Home) -> None:
    duckdb.execute(
        "copy (select 101.0::double as user_id, 'd' as user_pseudo_id, "
        "1767603600000000 as event_timestamp, 'open' as event_name) "
        f"to '{home.folder}/a.parquet'"
    )
    home.land("ga4", "a.parquet")
    assert {row[0] for row in home.events()} == {home.user("101")}
