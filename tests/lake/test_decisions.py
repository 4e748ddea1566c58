"""Whatever is decided about extracts, a lake holds what the warehouse's own table would hold."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows.compaction import _delete_pruned
from flows.errors import AfterhypeError
from flows.lake.upkeep import sweep
from flows.land import ledger
from tests.lake.conftest import Home, assert_equal, begin_both

HEADER = "who,at,what,id\n"
DECISIONS = {
    "quarantine": lambda con, extract_id: ledger.quarantine(con, extract_id, "test"),
    "release": ledger.release,
    "discard": ledger.discard,
    "forget": ledger.forget,
}

contents = st.lists(st.sets(st.integers(0, 11), min_size=1), min_size=1, max_size=5)
steps = st.lists(
    st.tuples(st.sampled_from(["land", "replace", "prune", *DECISIONS]), st.integers(0, 4)),
    max_size=14,
)


@given(contents=contents, steps=steps)
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example takes seconds: shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
def test_a_lake_holds_what_the_table_holds_after_any_decisions(
    contents: list[set[int]], steps: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        homes = begin_both(Path(folder), stack)
        for home in homes:
            # what is built is noted as disturbed when it changes hands
            home.con.execute("insert into ops.built_extracts values ('made up')")
        for action, number in [*(("land", n) for n in range(len(contents))), *steps]:
            if number < len(contents):
                path = _written(Path(folder), number, contents[number], action == "replace")
                told = [_done(home, action, path) for home in homes]
                assert told[0] == told[1]
                assert_equal(*homes)
        sweep(homes[1].con)
        assert_equal(*homes)
        assert homes[1].files() == homes[1].committed()


def _written(folder: Path, number: int, ids: set[int], is_newer: bool) -> Path:
    """An extract; the newer version of it lacks its first event and has another one."""
    if is_newer:
        ids = {*sorted(ids)[1:], 12 + number}
    rows = (f"u{n % 3},2026-01-0{1 + n % 4}T00:00:{n:02},open,{n}\n" for n in sorted(ids))
    path = folder / f"{number}.csv"
    path.write_text(HEADER + "".join(rows) + f"x{number},never,open,\n", encoding="utf-8")
    return path


def _done(home: Home, action: str, path: Path) -> str | None:
    """Do it in one home; what it came to, or why it was not possible."""
    try:
        if action == "land":
            extract_id = _id_at(home, path)
            if extract_id is None:
                home.land(path)
        elif action == "replace":
            home.land(path, replaces="same_path")
        elif action == "prune":
            _prune(home.con)
        elif extract_id := _id_at(home, path):
            DECISIONS[action](home.con, extract_id)
    except AfterhypeError as error:
        return str(error)
    home.con.execute("insert or ignore into ops.built_extracts select extract_id from raw.extracts")
    return None


def _id_at(home: Home, path: Path) -> str | None:
    row = home.con.execute(
        "select extract_id from raw.extracts where uri = ? order by landed_at, rows_seen",
        [str(path)],
    ).fetchone()
    return row[0] if row else None


def _prune(con: duckdb.DuckDBPyConnection) -> None:
    """Delete the first two days, as a compaction does, without the marts that it asks."""
    con.begin()
    con.execute(
        "create or replace temp table cuts as "
        "select 'chat' as app_id, date '2026-01-02' as last_date"
    )
    con.execute(
        "create or replace temp table pruned as select events.app_id, events.event_id "
        "from raw.visible_events as events, cuts where events.event_time::date <= cuts.last_date"
    )
    con.execute("insert into raw.pruned_event_ids from pruned")
    _delete_pruned(con)
    con.commit()
