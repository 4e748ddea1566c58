"""Landed again with another mapping, a lake holds what the warehouse's own table would hold."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.lake.upkeep import sweep
from flows.land import ledger
from flows.land.relanding import Relanding, reland
from flows.land.source import land_files
from flows.sources import EventSource
from tests.lake.conftest import Home, assert_equal, begin_both
from tests.land.conftest import BY_NAME, NOW

OTHER = BY_NAME | {"user_id": "other"}


def _source(folder: Path, columns: Mapping[str, str]) -> EventSource:
    return EventSource(
        name="chat",
        app_id="chat",
        uri=str(folder / "*.csv"),
        reader={"type": "csv"},
        columns=columns,
    )


def _reland(home: Home, folder: Path) -> Relanding:
    source = _source(folder, OTHER)
    return reland(
        home.con, source, home.settings, NOW, unknown=False, advance=lambda _done, _all: None
    )


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def _land(home: Home, folder: Path) -> None:
    assert len(land_files(home.con, _source(folder, BY_NAME), home.settings, NOW).landed) == 3
    home.con.execute("insert into ops.built_extracts select extract_id from raw.extracts")


@pytest.mark.parametrize("is_broken_off", [False, True])
def test_a_lake_lands_again_as_a_table_does(
    tmp_path: Path, is_broken_off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        rows = (
            f"u{n % 2},2026-01-0{1 + n % 4}T00:00:{n:02},open,{n},p{n}\n"
            for n in range(number, number + 4)
        )
        text = "who,at,what,id,other\n" + "".join(rows)
        (tmp_path / f"{number}.csv").write_text(text, encoding="utf-8")
    with ExitStack() as stack:
        homes = begin_both(tmp_path, stack)
        for home in homes:
            _land(home, tmp_path)
        assert_equal(*homes)
        for home in homes:
            if is_broken_off:
                with monkeypatch.context() as dying:
                    dying.setattr(ledger, "record", _die)
                    with pytest.raises(KeyboardInterrupt):
                        _reland(home, tmp_path)
            again = _reland(home, tmp_path)
            assert (len(again.landed), again.left) == (3, ())
            users = home.con.execute(
                "select count(distinct user_key), count(*) from raw.visible_events"
            )
            assert users.fetchall() == [(6, 6)]
        assert_equal(*homes)
        sweep(homes[1].con)
        assert homes[1].files() == homes[1].committed()
