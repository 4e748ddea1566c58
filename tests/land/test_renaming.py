"""An app that the sources file gives another name keeps its events and its users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.builds import user_day_definition
from flows.errors import AfterhypeError, ConfigurationError
from flows.land import relanding
from flows.land.configuration import write_configuration
from flows.land.renaming import rename_app, unlisted_apps
from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import connect, create_schemas

NOW = datetime(2026, 2, 1)
COLUMNS = {"user_id": "who", "event_time": "at", "event_name": "what", "anonymous_id": "device"}


class Home:
    """A warehouse, a folder of exports, and the sources file that names the app."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con, self.folder = con, folder
        self.settings = Settings(home=folder / "home", threads=1)

    def sources(self, app_id: str, **app: Any) -> Sources:
        return Sources.model_validate(
            {
                "apps": [{"app_id": app_id, "name": "Chat", **app}],
                "events": [
                    {
                        "name": "web",
                        "app_id": app_id,
                        "uri": str(self.folder / "*.csv"),
                        "reader": {"type": "csv"},
                        "columns": COLUMNS,
                    }
                ],
            }
        )

    def land(self, app_id: str, name: str, *users: str) -> None:
        lines = "".join(f"{user},2026-01-0{len(name)}T10:00:00Z,open,d{user}\n" for user in users)
        (self.folder / name).write_text("who,at,what,device\n" + lines)
        sources = self.sources(app_id)
        write_configuration(self.con, sources)
        land_files(self.con, sources.events[0], self.settings, NOW + timedelta(hours=len(name)))

    def all(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with connect(Settings(home=tmp_path / "home", threads=1)) as con:
        create_schemas(con)
        yield Home(con, tmp_path)


def test_users_who_come_back_are_the_ones_they_were(home: Home) -> None:
    home.land("chat", "a.csv", "ann", "bob")
    assert rename_app(home.con, home.sources("talk"), "chat", "talk") == 2
    home.land("talk", "bb.csv", "ann", "cid")
    keys = "select count(*), count(distinct user_key) from raw.app_events where app_id = 'talk'"
    assert home.all(keys) == [(4, 3)]
    # and once more: the first name goes on counting
    rename_app(home.con, home.sources("speak"), "talk", "speak")
    home.land("speak", "ccc.csv", "bob")
    assert home.all(keys.replace("talk", "speak")) == [(5, 3)]
    assert home.all("select * from raw.app_keys") == [("speak", "chat")]


def test_an_export_that_is_delivered_again_is_known(home: Home) -> None:
    home.land("chat", "a.csv", "ann", "bob")
    rename_app(home.con, home.sources("talk"), "chat", "talk")
    (home.folder / "b.csv").write_text((home.folder / "a.csv").read_text() + "\n")
    source = home.sources("talk").events[0]
    landing = land_files(home.con, source, home.settings, NOW + timedelta(days=1))
    assert (landing.rows_landed, landing.rows_duplicate) == (0, 2)


def test_the_mapping_is_the_same_one_and_the_next_build_is_full(home: Home) -> None:
    home.land("chat", "a.csv", "ann")
    home.con.execute(
        "insert into ops.builds (build_id, definition, is_by_arrival, started_at) "
        "values ('b', 'd', false, now()::timestamp)"
    )
    renamed = home.sources("talk")
    assert relanding.other_mappings(home.con, renamed.all) != ()
    rename_app(home.con, renamed, "chat", "talk")
    assert relanding.other_mappings(home.con, renamed.all) == ()
    assert home.all("from ops.builds") == []
    (text,) = home.all(
        "select mapping from raw.mappings semi join raw.extracts using (mapping_hash)"
    )
    assert json.loads(text[0])["app_id"] == "talk"


def test_what_is_kept_of_pruned_events_holds_under_the_new_name(home: Home) -> None:
    home.land("chat", "a.csv", "ann")
    before = user_day_definition(home.sources("chat", activity_events=["open"]))
    after = home.sources("talk", activity_events=["open"])
    assert user_day_definition(after) != before
    for definition in (before, "of other settings"):
        home.con.execute("insert into ops.prunings values (?, 1, ?)", [NOW, definition])
    rename_app(home.con, after, "chat", "talk")
    kept = home.all("select definition from ops.prunings")
    assert kept == [(user_day_definition(after),), ("of other settings",)]


@pytest.mark.parametrize(
    ("listed", "old", "new", "error", "message"),
    [
        ("chat", "chat", "talk", ConfigurationError, "must list 'talk' and no longer 'chat'"),
        ("talk", "chat", "speak", ConfigurationError, "must list 'speak'"),
        ("talk", "chut", "talk", AfterhypeError, r"nothing has landed of 'chut' \(.*: chat\)"),
    ],
)
def test_a_rename_that_makes_no_sense_changes_nothing(
    home: Home, listed: str, old: str, new: str, error: type[Exception], message: str
) -> None:
    home.land("chat", "a.csv", "ann")
    with pytest.raises(error, match=message):
        rename_app(home.con, home.sources(listed), old, new)
    assert home.all("select distinct app_id from raw.app_events") == [("chat",)]


def test_two_histories_are_not_made_one(home: Home) -> None:
    home.land("chat", "a.csv", "ann")
    home.land("talk", "bb.csv", "ann")
    with pytest.raises(AfterhypeError, match="1 events have landed as 'talk' already"):
        rename_app(home.con, home.sources("talk"), "chat", "talk")
    assert home.all("select count(distinct app_id) from raw.app_events") == [(2,)]


def test_an_app_that_is_listed_no_more_is_named(home: Home) -> None:
    home.land("chat", "a.csv", "ann")
    assert unlisted_apps(home.con) == []
    home.con.execute("create schema intermediate")
    home.con.execute("create table intermediate.int_app_watermarks as select 'chat' as app_id")
    assert unlisted_apps(home.con) == []
    write_configuration(home.con, home.sources("talk"))
    assert unlisted_apps(home.con) == ["chat"]
