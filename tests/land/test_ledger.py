"""The ledger's states, and the invariant that no event is lost or doubled by any of them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.errors import AfterhypeError
from flows.extract.found import Extract
from flows.land import ledger
from flows.land.events import land_events
from flows.land.ledger import Seen
from flows.settings import Settings
from flows.sources import EventSource
from flows.warehouse import connect, create_schemas
from tests.land.conftest import BY_NAME, NOW, Land
from tests.presence import extracts_of, present

HEADER = "who,at,what,id\n"
VISIBLE = """
    select md5(e.event_id::varchar), count(*) from raw.app_events as e
    inner join raw.extracts as x on e.extract_id = x.extract_id and x.status = 'landed'
    group by all
"""


def events(*ids: int) -> str:
    return HEADER + "".join(f"u{n},2026-01-01T00:00:{n:02},open,{n}\n" for n in ids)


def visible(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(VISIBLE).fetchall()


def status_of(con: duckdb.DuckDBPyConnection, extract_id: str) -> tuple[Any, ...] | None:
    query = "select status, rows_landed, rows_duplicate from raw.extracts where extract_id = ?"
    return con.execute(query, [extract_id]).fetchone()


def test_a_quarantined_extract_gives_its_events_to_who_delivered_them_too(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    first, _ = land("a.csv", events(1, 2, 3))
    second, _ = land("b.csv", events(2, 3, 4))
    assert status_of(con, second) == ("landed", 1, 2)
    ledger.quarantine(con, first, "test")
    assert status_of(con, second) == ("landed", 3, 0)
    assert len(visible(con)) == 3
    ledger.release(con, first)
    assert status_of(con, first) == ("landed", 1, 2)
    assert len(visible(con)) == 4
    assert {count for _, count in visible(con)} == {1}


def test_a_discarded_extract_never_lands_again(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    first, _ = land("a.csv", events(1, 2))
    ledger.quarantine(con, first, "too many rejects")
    ledger.discard(con, first)
    assert present(status_of(con, first))[0] == "discarded"
    assert con.execute("select count(*) from raw.app_events").fetchone() == (0,)
    assert ledger.recorded(con, [first, "another"]) == {first}


def test_a_forgotten_extract_lands_anew_and_others_keep_their_events(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    first, _ = land("a.csv", events(1, 2))
    second, _ = land("b.csv", events(2, 3))
    ledger.forget(con, first)
    assert ledger.recorded(con, [first]) == set()
    assert status_of(con, second) == ("landed", 2, 0)
    again, landed = land("a.csv", events(1, 2))
    assert (again, landed.rows_landed, landed.rows_duplicate) == (first, 1, 1)


def test_wrong_states_and_unknown_extracts_are_refused(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    first, _ = land("a.csv", events(1))
    with pytest.raises(AfterhypeError, match="is landed, not quarantined"):
        ledger.release(con, first)
    with pytest.raises(AfterhypeError, match=f"Did you mean {first}"):
        ledger.discard(con, first[:-1])


def test_an_unknown_extract_is_refused_with_those_of_similar_names(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    with pytest.raises(AfterhypeError) as nothing_like_it:
        ledger.release(con, "e1")
    assert str(nothing_like_it.value) == "no extract e1. `afterhype extracts` lists them."
    con.execute(
        "insert into raw.extracts by name select 'extract-' || i as extract_id, 's' as source, "
        "'events' as kind, 'custom' as format, 'a.csv' as uri, 'x' as checksum, 0 as bytes, "
        "? as modified_at, 0 as rows_seen, 0 as rows_landed, 0 as rows_rejected, "
        "0 as rows_duplicate, 'landed' as status, ? as landed_at from range(1, 5) as numbers (i)",
        [NOW, NOW],
    )
    with pytest.raises(AfterhypeError) as misspelt:
        ledger.release(con, "extract-")
    assert re.fullmatch(
        r"no extract extract-\. Did you mean extract-\d, extract-\d, extract-\d\? "
        r"`afterhype extracts` lists them\.",
        str(misspelt.value),
    )


def test_a_newer_version_takes_the_place_of_those_before_it(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    first, _ = land("a.csv", events(1, 2, 3))
    held, _ = land("a.csv", events(4))
    ledger.quarantine(con, held, "test")
    elsewhere, _ = land("b.csv", events(5))
    other, _ = land("a.csv", events(6), source="other")
    newest, _ = land("a.csv", events(2, 3, 7))
    with ledger.changes(con):
        ledger.supersede(con, _as_found(con, newest))
    statuses = dict(con.execute("select extract_id, status from raw.extracts").fetchall())
    kept = {elsewhere: "landed", other: "landed", newest: "landed"}
    assert statuses == kept | {first: "discarded", held: "discarded"}
    reasons = con.execute("select distinct error from raw.extracts where status = 'discarded'")
    assert reasons.fetchall() == [(f"replaced by a newer version, extract {newest}",)]
    assert status_of(con, newest) == ("landed", 3, 0)
    assert len(visible(con)) == 5
    for table in ("raw.app_events", "raw.app_event_duplicates"):
        gone = con.execute(f"from {table} where extract_id in (?, ?)", [first, held])
        assert gone.fetchall() == []
    with ledger.changes(con):
        ledger.supersede(con, _as_found(con, newest))
    assert len(visible(con)) == 5


def _as_found(con: duckdb.DuckDBPyConnection, extract_id: str) -> Extract:
    query = "select source, uri, checksum from raw.extracts where extract_id = ?"
    source, uri, checksum = present(con.execute(query, [extract_id]).fetchone())
    return Extract(
        source=source,
        kind="events",
        format="custom",
        uri=uri,
        location=uri,
        checksum=checksum,
        bytes=0,
        modified_at=NOW,
    )


def test_what_has_been_pruned_cannot_be_taken_back(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    extract, _ = land("a.csv", events(1, 2))
    con.execute(
        "insert into raw.pruned_extract_days values "
        "($e, 'app', date '2025-12-30', 2), ($e, 'app', date '2025-12-31', 5)",
        {"e": extract},
    )
    with pytest.raises(AfterhypeError) as refused:
        ledger.quarantine(con, extract, "test")
    assert str(refused.value) == (
        f"extract {extract}: 7 of its events, up to 2025-12-31, have been pruned and cannot be "
        "taken back: what the marts count of them stays. A greater raw_retention_days keeps the "
        "raw events of later ones for longer."
    )
    newer, _ = land("a.csv", events(2, 3))
    with pytest.raises(AfterhypeError, match="7 of its events"), ledger.changes(con):
        ledger.supersede(con, _as_found(con, newer))
    assert status_of(con, extract) == ("landed", 2, 0)


def test_a_file_that_was_seen_is_known_with_its_etag(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    extract, _ = land("a.csv", events(1))
    copy = replace(_as_found(con, extract), uri="s3://exports/a.csv", bytes=7, etag="e1")
    ledger.mark_seen(con, [copy])
    seen = ledger.seen_files(con, "chat")
    assert seen[copy.uri] == Seen(bytes=7, modified_at=NOW, etag="e1")
    assert len(seen) == 2


def test_the_list_can_be_narrowed_and_keeps_the_reason(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    first, _ = land("a.csv", events(1))
    land("b.csv", events(2), source="other")
    ledger.quarantine(con, first, "half of it was rejected")
    (row,) = ledger.list_extracts(con, status="quarantined")
    assert (row.extract_id, row.error) == (first, "half of it was rejected")
    assert [r.source for r in ledger.list_extracts(con, source="other")] == ["other"]


def test_what_no_gate_has_seen_is_found_once(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    first, _ = land("a.csv", events(1))
    assert ledger.unjudged(con) == [first]
    ledger.mark_judged(con, [first], NOW)
    assert ledger.unjudged(con) == []


extracts = st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=5)
steps = st.lists(
    st.tuples(
        st.sampled_from(["land", "quarantine", "release", "discard", "forget"]), st.integers(0, 4)
    ),
    max_size=14,
)


@given(contents=extracts, steps=steps)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_visible_events_are_those_of_the_landed_extracts_each_once(
    contents: list[set[int]], steps: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Settings(home=Path(folder) / "home", threads=1)
        with connect(config) as con:
            create_schemas(con)
            landed = {}
            for number, _ in enumerate(contents):
                steps = [*steps, ("land", number)]
            for action, number in steps:
                if number >= len(contents):
                    continue
                if action == "land" and number not in landed:
                    landed[number] = _land(con, config, Path(folder), number, contents[number])
                elif number in landed:
                    try:
                        _decide(con, action, landed[number])
                    except AfterhypeError:
                        continue  # not possible from this state
                    if action == "forget":
                        del landed[number]
                _check(con, contents, landed)


def _land(
    con: duckdb.DuckDBPyConnection, config: Settings, folder: Path, number: int, ids: set[int]
) -> str:
    path = folder / f"{number}.csv"
    path.write_text(events(*sorted(ids)) + f"x{number},never,open,\n", encoding="utf-8")
    source = EventSource(
        name="chat", app_id="chat", uri=str(path), reader={"type": "csv"}, columns=BY_NAME
    )
    (extract,) = extracts_of(source, path)
    land_events(con, [extract], source, config, NOW)
    return extract.extract_id


def _decide(con: duckdb.DuckDBPyConnection, action: str, extract_id: str) -> None:
    if action == "quarantine":
        ledger.quarantine(con, extract_id, "test")
    elif action == "release":
        ledger.release(con, extract_id)
    elif action == "discard":
        ledger.discard(con, extract_id)
    elif action == "forget":
        ledger.forget(con, extract_id)


def _check(
    con: duckdb.DuckDBPyConnection, contents: Sequence[set[int]], landed: Mapping[int, str]
) -> None:
    expected = set()
    for number, extract_id in landed.items():
        if present(status_of(con, extract_id))[0] == "landed":
            expected |= contents[number]
    shown = visible(con)
    assert len(shown) == len(expected)
    assert all(count == 1 for _, count in shown)
    assert (
        con.execute(
            "from raw.extracts where rows_seen <> rows_landed + rows_duplicate + rows_rejected"
        ).fetchall()
        == []
    )
    assert (
        con.execute(
            """
        select extract_id from raw.extracts as x
        where status <> 'discarded' and rows_landed
            <> (select count(*) from raw.app_events as e where e.extract_id = x.extract_id)
        """
        ).fetchall()
        == []
    )
