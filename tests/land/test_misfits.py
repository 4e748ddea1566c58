"""Values that do not fit: a reject that says why, never a null that means something else."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from flows.errors import ExtractError
from flows.settings import Settings
from tests.land.conftest import Land

TOLD: dict[str, str] = {"user_id": "who", "event_time": "at", "event_name": "'open'"}
ROWS = [(f"u{n}", f"2026-01-05T10:{n:02}:00Z", str(n)) for n in range(1, 41)]


def csv(rows: list[tuple[str, str, str]]) -> str:
    return "who,at,value\n" + "".join(",".join(row) + "\n" for row in rows)


def ndjson(rows: list[tuple[str, str, str]]) -> str:
    return "".join(json.dumps({"who": a, "at": b, "value": c}) + "\n" for a, b, c in rows)


def rejects(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("select line_number, reason from raw.rejects order by 1").fetchall()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        # a column of numbers: the value that is none would choose the branch for null
        (
            {"event_name": "case when value > 20 then 'late' else 'departed' end"},
            "value does not fit as bigint: NA",
        ),
        ({"platform": "if(value > 20, 'a', 'b')"}, "value does not fit as bigint: NA"),
        # a cast of one's own
        ({"platform": "value::int"}, "platform not understood: NA"),
        ({"country": "upper(cast(value as smallint)::varchar)"}, "country not understood: NA"),
        ({"channel": "case when value::int > 3 then value::int end"}, None),
        ({"app_version": "(value::decimal(9, 2))::varchar"}, "app version not understood: NA"),
        ({"event_id": "value::int"}, "event id not understood: NA"),
        ({"event_name": "'n' || value::int"}, "event name not understood: NA"),
        ({"properties": "json_object('n', value::int)"}, "properties not understood: NA"),
    ],
)
@pytest.mark.parametrize("type", ["csv", "ndjson"])
def test_a_value_that_does_not_fit_is_a_reject(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    columns: dict[str, str],
    reason: str | None,
    type: str,
) -> None:
    rows = [*ROWS[:20], ("late", "2026-01-05T11:00:00Z", "NA"), *ROWS[20:]]
    text = csv(rows) if type == "csv" else ndjson(rows)
    _, landed = land(f"a.{type}", text, type=type, columns=TOLD | columns)
    assert (landed.rows_landed, landed.rows_rejected) == (40, 1)
    ((line, told),) = rejects(con)
    assert line == (22 if type == "csv" else 21)
    assert told.endswith(": NA")
    assert reason is None or told in (reason, "value does not fit as bigint: NA")


@pytest.mark.parametrize(
    ("columns", "landed", "rejected"),
    [
        # null is what is asked for
        ({"platform": "try_cast(value as int)::varchar"}, 41, 0),
        ({"platform": "coalesce(try_cast(value as int) > 3, false)::varchar"}, 41, 0),
        ({"platform": "nullif(value, 'NA')"}, 41, 0),
        # text stays text
        ({"platform": "value"}, 41, 0),
    ],
)
def test_a_null_that_was_asked_for_lands(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    columns: dict[str, str],
    landed: int,
    rejected: int,
) -> None:
    rows = [*((a, b, f"v{c}" if "nullif" in str(columns) else c) for a, b, c in ROWS)]
    rows.append(("late", "2026-01-05T11:00:00Z", "NA"))
    _, outcome = land("a.csv", csv(rows), columns=TOLD | columns)
    assert (outcome.rows_landed, outcome.rows_rejected) == (landed, rejected)


@pytest.mark.parametrize("value", ["", '""', '" "'])
def test_nothing_fits_every_type(land: Land, value: str) -> None:
    rows = [*ROWS, ("late", "2026-01-05T11:00:00Z", value)]
    columns = TOLD | {"event_name": "if(value > 20, 'late', 'departed')"}
    _, landed = land("a.csv", csv(rows), columns=columns)
    assert (landed.rows_landed, landed.rows_rejected) == (41, 0)


def test_a_user_s_own_id_is_not_in_the_reason(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    rows = [(str(n), at, value) for n, (_, at, value) in enumerate(ROWS, 1)]
    rows.append(("marie", "2026-01-05T11:00:00Z", "1"))
    land("a.csv", csv(rows), columns=TOLD | {"user_id": "'u' || who::int"})
    assert rejects(con) == [(42, "who does not fit as bigint")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"platform": "value::int"}, "chat: columns.platform: value::int fails on all 2 rows"),
        ({"event_time": "strptime(\"at\", '%d.%m.%Y')"}, "columns.event_time: strptime"),
        ({"event_name": "(value::date)::varchar"}, "columns.event_name: "),
    ],
)
def test_an_expression_that_fails_on_all_rows_is_named(
    con: duckdb.DuckDBPyConnection, land: Land, columns: dict[str, str], message: str
) -> None:
    rows = [("u1", "2026-01-05", "iOS"), ("u2", "2026-01-05", "web")]
    with pytest.raises(ExtractError) as caught:
        land("a.csv", csv(rows), columns=TOLD | columns)
    assert message in str(caught.value)
    assert "such as '" in str(caught.value)
    assert "Error: " in str(caught.value)
    assert con.execute("select status from raw.extracts").fetchall() == [("failed",)]


def test_what_fails_on_all_rows_shows_no_user(land: Land) -> None:
    rows = [("marie", "2026-01-05", "iOS"), ("paul", "2026-01-05", "web")]
    with pytest.raises(ExtractError, match=r"columns.user_id: who::int fails on all 2 rows$"):
        land("a.csv", csv(rows), columns=TOLD | {"user_id": "who::int"})


VALUES = st.lists(st.sampled_from(["1", "2", "33", "NA", "", "x", "-4", "1.5"]), min_size=1)


@drawn(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(values=VALUES)
def test_what_lands_is_what_the_cast_gives_and_the_rest_is_rejected(
    con: duckdb.DuckDBPyConnection, land: Land, settings: Settings, values: list[str]
) -> None:
    for table in ("raw.app_events", "raw.rejects", "raw.extracts", "raw.extract_columns"):
        con.execute(f"delete from {table}")
    rows = [(f"u{n}", "2026-01-05", value) for n, value in enumerate(values, 1)]
    fits = [value for value in values if value.lstrip("-").isdigit() or value in ("", "1.5")]
    columns = TOLD | {"platform": "value::int", "channel": "value"}
    try:
        _, landed = land("a.csv", csv(rows), columns=columns)
    except ExtractError:
        assert len(values) > 1
        assert not fits
        return
    assert (landed.rows_landed, landed.rows_rejected) == (len(fits), len(values) - len(fits))
    told = con.execute(
        "select count(*) from raw.app_events where platform is null and channel is not null"
    ).fetchone()
    assert told == (0,)


@pytest.mark.parametrize(
    "expression",
    ["case when value::int > 1 then value::int end", "value::int + value::int"],
)
def test_a_part_that_is_written_twice_fails_on_its_own_rows_only(
    con: duckdb.DuckDBPyConnection, land: Land, expression: str
) -> None:
    rows = [(f"u{n}", "2026-01-05", value) for n, value in enumerate(["1", "2", "x", "y"], 1)]
    columns = TOLD | {"channel": f"({expression})::varchar", "platform": "(value::int)::varchar"}
    _, landed = land("a.csv", csv(rows), columns=columns)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 2)
    assert [line for line, _ in rejects(con)] == [4, 5]
