"""Events without an id: what a later export fills in makes no second one, in any format."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from flows.land import content_ids
from flows.warehouse import create_schemas
from tests.formats.conftest import Home, home
from tests.land.conftest import Land

__all__ = ["home"]  # a fixture

NAMED = {"user_id": "who", "event_time": "at", "event_name": "what"}
FILLED_IN = {
    "platform": "os",
    "country": "land",
    "app_version": "version",
    "channel": "source",
    "properties": "more",
}
HEADER = "who,at,what,os,land,version,source,more\n"


@pytest.mark.parametrize("column", [*FILLED_IN, "all"])
@pytest.mark.parametrize("reader", ["csv", "ndjson", "parquet"])
def test_what_is_filled_in_later_makes_no_second_event(
    home: Home, reader: str, column: str
) -> None:
    bare = {"who": "ann", "at": "2026-01-05T10:00:00Z", "what": "open"}
    late = {"os": "ios", "land": "DE", "version": "2", "source": "mail", "more": '{"plan": "pro"}'}
    filled = {c: v for c, v in late.items() if column in ("all", _canonical(c))}
    for name, row in (("a", bare), ("b", bare | filled)):
        _write(home, f"{name}.{reader}", reader, [dict.fromkeys(late) | row])
    landed = [
        home.land("custom", f"{name}.{reader}", reader={"type": reader}, columns=NAMED | FILLED_IN)
        for name in "ab"
    ]
    assert [(one.failed, one.rows_landed) for one in landed] == [((), 1), ((), 0)]
    assert home.rows("select rows_duplicate, rows_unlike from raw.extracts order by uri") == [
        (0, 0),
        (1, 0),
    ]


def _canonical(column: str) -> str:
    (name,) = (name for name, mapped in FILLED_IN.items() if mapped == column)
    return name


def _write(home: Home, name: str, reader: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if reader == "ndjson":
        (home.folder / name).write_text(lines)
        return
    (home.folder / "rows.json").write_text(lines)
    columns = dict.fromkeys(rows[0], "varchar")
    duckdb.execute(
        f"copy (from read_json('{home.folder}/rows.json', columns = {columns})) "
        f"to '{home.folder}/{name}' (format {reader})"
    )


AMPLITUDE = {"event_type": "open", "event_time": "2026-01-05 09:00:00", "device_id": "D1"}
MIXPANEL = {"time": 1767603600, "distinct_id": "$device:p", "$device_id": "p"}
POSTHOG = {"event": "open", "distinct_id": "d", "person_id": "P1", "timestamp": "2026-01-05T09:00Z"}
CALL = {
    "type": "track",
    "event": "open",
    "anonymousId": "an",
    "timestamp": "2026-01-05T09:00:00Z",
    "originalTimestamp": "2026-01-05T09:00:00Z",
}
GA4 = {"event_name": "open", "event_timestamp": "1767603600000000", "user_pseudo_id": "p"}

VENDORS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("amplitude", AMPLITUDE, {"country": "Chad", "event_properties": {"a": 1}}),
    ("amplitude", AMPLITUDE, {"user_id": "ann"}),
    ("mixpanel", {"event": "open", "properties": MIXPANEL}, {"mp_country_code": "TD"}),
    ("mixpanel", {"event": "open", "properties": MIXPANEL}, {"distinct_id": "u", "$user_id": "u"}),
    ("posthog", POSTHOG, {"properties": {"utm_source": "mail"}}),
    ("posthog", POSTHOG, {"person_id": "P2"}),
    ("segment", CALL, {"context": {"campaign": {"source": "mail"}}}),
    ("segment", CALL, {"userId": "ann"}),
    ("rudderstack", CALL, {"properties": {"a": 1}}),
    ("ga4", GA4, {"traffic_source": {"source": "mail"}, "geo": {"country": "Chad"}}),
    ("ga4", GA4, {"batch_page_id": 1, "batch_ordering_id": 2, "batch_event_index": 3}),
    ("ga4", GA4, {"user_id": "ann", "event_params": [{"key": "a", "value": {"int_value": "1"}}]}),
]


@pytest.mark.parametrize(("format", "row", "late"), VENDORS)
@pytest.mark.parametrize("copies", [1, 2])
def test_no_vendor_s_enrichment_makes_a_second_event(
    home: Home, format: str, row: dict[str, Any], late: dict[str, Any], copies: int
) -> None:
    later = row | ({"properties": row["properties"] | late} if format == "mixpanel" else late)
    # messageId is required of the format, and null in the row
    given = {"messageId": None} if format in ("segment", "rudderstack") else {}
    for name, one in (("a.ndjson", row), ("b.ndjson", later)):
        (home.folder / name).write_text((json.dumps(given | one) + "\n") * copies)
    # where the batch says its place, the same place twice is one event
    kept = 1 if "batch_event_index" in row else copies
    assert home.land(format, "a.ndjson").rows_landed == kept
    again = home.land(format, "b.ndjson")
    assert (again.failed, again.rows_landed, again.rows_duplicate) == ((), 0, copies)


def test_as_many_equal_rows_are_kept_as_the_fullest_extract_has(land: Land) -> None:
    row = "ann,2026-01-05T10:00:00Z,open,{},,,,\n"
    columns = NAMED | FILLED_IN
    counts = []
    for name, platforms in (("a.csv", ["", "ios"]), ("b.csv", ["ios"]), ("c.csv", ["", "", ""])):
        text = HEADER + "".join(row.format(platform) for platform in platforms)
        counts.append(land(name, text, columns=columns)[1].rows_landed)
    assert counts == [2, 0, 1]


@pytest.mark.parametrize(
    ("other", "unlike"),
    [
        ("ios,DE,2,mail,", 0),
        (",,,,", 0),
        ('ios,DE,2,mail,"{""a"": 1, ""b"": 2}"', 0),
        ("android,DE,2,mail,", 1),
        ("ios,FR,2,mail,", 1),
        ("ios,DE,3,mail,", 1),
        ("ios,DE,2,ads,", 1),
        ('ios,DE,2,mail,"{""a"": 7}"', 1),
    ],
)
def test_a_dropped_row_that_holds_something_else_is_counted(
    land: Land, other: str, unlike: int
) -> None:
    """Two purchases of a day, in two files without a time of day, look like one twice."""
    row = "ann,2026-01-05,buy,"
    columns = NAMED | FILLED_IN
    land("a.csv", f'{HEADER}{row}ios,DE,2,mail,"{{""a"": 1}}"\n', columns=columns)
    _, again = land("b.csv", f"{HEADER}{row}{other}\n", columns=columns)
    assert (again.rows_duplicate, again.rows_unlike) == (1, unlike)
    _, apart = land("c.csv", f"{HEADER}{row}{other}\n\n", columns=columns, overlap=False)
    assert apart.rows_landed == 1


@pytest.mark.parametrize("pruned", [False, True])
def test_events_that_landed_by_all_columns_are_recognised(
    con: duckdb.DuckDBPyConnection, land: Land, pruned: bool
) -> None:
    columns = NAMED | FILLED_IN
    row = "ann,2026-01-05T10:00:00Z,open,{},,,,\n"
    text = HEADER + row.format("ios") * 2 + row.format("web")
    former, _ = land("a.csv", text, columns=columns)
    _give_former_ids(con)
    con.execute("insert into ops.former_content_ids values (?)", [former])
    if pruned:
        con.execute("insert into raw.pruned_event_ids select app_id, event_id from raw.app_events")
        con.execute("delete from raw.app_events")
    _, again = land("b.csv", text + "\n", columns=columns)
    assert (again.rows_landed, again.rows_duplicate) == (0, 3)
    if pruned:
        return
    filled = HEADER + row.format("tv") * 4
    _, filled_in = land("c.csv", filled, columns=columns)
    assert (filled_in.rows_landed, filled_in.rows_duplicate) == (1, 3)
    _, once_more = land("d.csv", filled + "\n", columns=columns)
    assert once_more.rows_landed == 0


def test_events_of_other_sources_are_not_taken_for_former_ones(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    text = HEADER + "ann,2026-01-05T10:00:00Z,open,,,,,\n"
    other, _ = land("a.csv", text, columns=NAMED | {"event_id": "'e1'"}, source="other")
    con.execute("insert into ops.former_content_ids values (?)", [other])
    _, landed = land("b.csv", text, columns=NAMED)
    assert landed.rows_landed == 1


def _give_former_ids(con: duckdb.DuckDBPyConnection) -> None:
    """As landing named events before: of all columns, and the occurrence among equal rows."""
    con.execute(
        """
        update raw.app_events set event_id = former.event_id
        from (
            select event_id as id_of_today, cast(md5(content || chr(31) || row_number() over (
                partition by content order by event_id
            )) as uuid) as event_id
            from (
                select event_id, concat_ws(
                    chr(31), 'ann', event_time, event_name, platform, country, app_version,
                    channel, properties
                ) as content
                from raw.app_events
            )
        ) as former
        where app_events.event_id = former.id_of_today
        """
    )


def test_only_extracts_from_before_are_looked_through_for_former_events() -> None:
    with duckdb.connect() as con:
        create_schemas(con)
        con.execute("drop table ops.former_content_ids")
        con.execute(
            "insert into raw.extracts by name select 'e' as extract_id, 's' as source, "
            "'events' as kind, 'custom' as format, 'a' as uri, 'x' as checksum, 0 as bytes, "
            "now()::timestamp as modified_at, 0 as rows_seen, 0 as rows_landed, "
            "0 as rows_rejected, 0 as rows_duplicate, 'landed' as status, "
            "now()::timestamp as landed_at"
        )
        create_schemas(con)
        con.execute("update raw.extracts set extract_id = 'later'")
        create_schemas(con)
        assert con.execute("from ops.former_content_ids").fetchall() == [("e",)]


Drawn = tuple[str, int, str, int | None]
"""(user, second, name, place in the batch)"""

rows = st.tuples(
    st.sampled_from(["ann", "ben"]),
    st.integers(0, 1),
    st.sampled_from(["open", "close"]),
    st.none() | st.integers(0, 2),
)


@drawn(max_examples=60, deadline=None)
@given(extracts=st.lists(st.lists(rows, max_size=6), min_size=1, max_size=3), data=st.data())
def test_ids_agree_with_a_count_of_equal_rows(
    extracts: list[list[Drawn]], data: st.DataObject
) -> None:
    """Whatever the order of rows, an event is one of the most that any extract has of its kind."""
    most: Counter[tuple[str, int, str]] = Counter()
    for extract in extracts:
        counted = Counter(row[:3] for row in extract if row[3] is None)
        placed = Counter(row[:3] for row in set(extract) if row[3] is not None)
        most |= counted + placed
    ids = set()
    for extract in extracts:
        shuffled = data.draw(st.permutations(extract))
        ids |= _named(shuffled)
    assert len(ids) == sum(most.values())


def _named(extract: Sequence[Drawn]) -> set[object]:
    with duckdb.connect() as con:
        con.execute("set variable extract_ids = ['e']")
        con.execute(
            "create temp table judged (line_number bigint, event_id uuid, content varchar, "
            "content_order varchar, former_content varchar, reason varchar)"
        )
        for number, (user, second, name, place) in zip(itertools.count(1), extract, strict=False):
            con.execute(
                "insert into judged values (?, null, ?, ?, null, null)",
                [number, f"{user}/{second}/{name}", place],
            )
        content_ids.name_events(con)
        return {row[0] for row in con.execute("select event_id from judged").fetchall()}
