"""Extracts that landed with another mapping: found, landed again once, and never lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from flows.errors import AfterhypeError
from flows.land import batches, ledger, relanding
from flows.land.relanding import Relanding
from flows.land.source import SourceLanding, land_files
from flows.mapping_text import READ_BY_MODELS, WHERE_AND_WHEN, hash_of, mapping_text
from flows.settings import Settings
from flows.sources import AnyFiles, ChartFeed, ChartFiles, EventSource, InstallFiles, ReviewFiles
from flows.warehouse import connect, create_schemas
from tests.land.conftest import BY_NAME, NOW

LATER = NOW + timedelta(hours=1)


@dataclass
class Street:
    """A folder of exports, and a warehouse into which they land."""

    con: duckdb.DuckDBPyConnection
    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.folder / "home", sources=self.folder / "sources.yml", threads=1)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / "exports" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def land(self, source: AnyFiles, now: datetime = NOW) -> SourceLanding:
        return land_files(self.con, source, self.settings, now)

    def reland(
        self,
        source: AnyFiles,
        *,
        unknown: bool = False,
        advance: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Relanding:
        return relanding.reland(
            self.con, source, self.settings, LATER, unknown=unknown, advance=advance
        )

    def others(self, *sources: AnyFiles | ChartFeed) -> dict[str, int]:
        found = relanding.other_mappings(self.con, sources)
        return {one.source: one.extracts for one in found}

    def all(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    settings = Settings(home=tmp_path / "home", threads=1)
    with connect(settings) as con:
        create_schemas(con)
        yield Street(con, tmp_path)


def chat(name: str = "chat", **given: Any) -> EventSource:
    return EventSource(
        **{
            "name": name,
            "app_id": "chat",
            "uri": f"exports/{name}-*.csv",
            "reader": {"type": "csv"},
            "columns": BY_NAME,
        }
        | given
    )


def events(*ids: int, who: str = "u") -> str:
    rows = "".join(f"{who}{n % 3},2026-01-0{n % 7 + 1}T00:00:{n:02},open,{n},p{n}\n" for n in ids)
    return f"who,at,what,id,other\n{rows}"


OTHER = chat(columns=BY_NAME | {"user_id": "other"})
USERS = "select count(distinct user_key), count(*) from raw.visible_events"

CHART = "store,land,chart,at,place,app,other\n"
INSTALLS = "store,app,day,country,count,other\n"
REVIEWS = "store,app,id,stars,at,who,other\n"

KINDS: dict[str, tuple[AnyFiles, str, dict[str, str], str, Any, Any]] = {
    "mixpanel": (
        EventSource(name="s", app_id="chat", uri="exports/*", format="mixpanel"),
        "".join(
            json.dumps(
                {
                    "event": "open",
                    "properties": {
                        "time": 1767258000 + n,
                        "distinct_id": "same",
                        "$insert_id": f"i{n}",
                        "account": f"a{n}",
                    },
                }
            )
            + "\n"
            for n in range(4)
        ),
        {"user_id": "properties->>'account'"},
        USERS,
        [(1, 4)],
        [(4, 4)],
    ),
    "charts": (
        ChartFiles(
            name="s",
            uri="exports/*",
            format="custom",
            reader={"type": "csv"},
            columns={
                **{"store": "store", "storefront": "land", "chart": "chart", "rank": "place"},
                **{"snapshot_at": "at", "store_app_id": "app"},
            },
        ),
        CHART
        + "apple,us,top-free,2026-01-01T10:00:00,1,7,9\n"
        + "apple,us,top-free,2026-01-01T10:00:00,2,8,7\n",
        {"store_app_id": "other"},
        "select rank, store_app_id from raw.chart_ranks order by all",
        [(1, "7"), (2, "8")],
        [(1, "9"), (2, "7")],
    ),
    "installs": (
        InstallFiles(
            name="s",
            uri="exports/*",
            format="custom",
            reader={"type": "csv"},
            columns={
                **{"store": "store", "store_app_id": "app", "install_date": "day"},
                **{"country": "country", "downloads": "count"},
            },
        ),
        INSTALLS + "apple,7,2026-01-01,us,10,11\napple,7,2026-01-02,us,20,22\n",
        {"downloads": "other"},
        "select units from raw.store_installs order by all",
        [(10,), (20,)],
        [(11,), (22,)],
    ),
    "reviews": (
        ReviewFiles(
            name="s",
            uri="exports/*",
            format="custom",
            reader={"type": "csv"},
            columns={
                **{"store": "store", "store_app_id": "app", "review_id": "id"},
                **{"rating": "stars", "reviewed_at": "at", "author": "who"},
            },
        ),
        REVIEWS + "apple,7,r1,5,2026-01-01T10:00:00,me,1\napple,7,r2,4,2026-01-02T10:00:00,you,2\n",
        {"rating": "other"},
        "select review_id, rating from raw.app_reviews order by all",
        [("r1", 5), ("r2", 4)],
        [("r1", 1), ("r2", 2)],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_lands_again_as_its_mapping_says_now(
    street: Street, kind: str
) -> None:
    source, text, corrected, query, before, after = KINDS[kind]
    street.write("a.txt", text)
    ((extract_id, landed),) = street.land(source).landed.items()
    assert street.all(query) == before
    now = source.model_copy(update={"columns": source.columns | corrected})
    assert street.others(now) == {"s": 1}

    again = street.reland(now)

    assert (list(again.landed), again.left) == ([extract_id], ())
    assert again.landed[extract_id].rows_landed == landed.rows_landed
    assert street.all(query) == after
    assert street.others(now) == {}
    assert street.reland(now) == Relanding(source="s")  # nothing is done twice
    assert street.all("select judged_at, landed_at from raw.extracts") == [(None, LATER)]
    assert dict(street.all("from raw.mappings")) == {
        hash_of(text): text for text in (mapping_text(source), mapping_text(now))
    }


def test_of_two_sources_of_an_app_only_the_changed_one_lands_again(street: Street) -> None:
    street.write("chat-1.csv", events(1, 2, 3))
    street.write("web-1.csv", events(4, 5, 6, who="w"))
    web = chat("web")
    street.land(chat())
    street.land(web)
    assert street.others(OTHER, web) == {"chat": 1}
    assert street.reland(web).landed == {}
    assert len(street.reland(OTHER).landed) == 1
    landed = dict(street.all("select source, landed_at from raw.extracts"))
    assert landed == {"chat": LATER, "web": NOW}


def test_a_mapping_that_is_changed_back_leaves_nothing_to_do(street: Street) -> None:
    street.write("chat-1.csv", events(1, 2, 3))
    street.land(chat())
    assert street.others(OTHER) == {"chat": 1}
    assert street.others(chat()) == {}
    assert street.reland(chat()).landed == {}


def test_a_kill_between_two_batches_loses_nothing_and_the_same_command_goes_on(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        street.write(f"chat-{n}.csv", events(n, n + 1, n + 2))  # they overlap
    street.land(chat())
    before = street.all(USERS)
    monkeypatch.setattr(batches, "MAX_FILES", 1)
    told: list[tuple[int, int]] = []

    def die(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        street.reland(OTHER, advance=die)
    assert told == [(0, 4), (1, 4), (2, 4)]
    assert before == [(3, 6)]
    assert street.all("select count(*) from raw.visible_events") == [(6,)]
    assert street.others(OTHER) == {"chat": 2}

    assert len(street.reland(OTHER).landed) == 2
    assert street.all(USERS) == [(6, 6)]
    assert street.others(OTHER) == {}


def test_a_kill_within_a_batch_leaves_what_was_there(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    street.write("chat-1.csv", events(1, 2, 3))
    street.land(chat())
    ledger_row = street.all("from raw.extracts")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(ledger, "record", die)
        with pytest.raises(KeyboardInterrupt):
            street.reland(OTHER)
    assert street.all("from raw.extracts") == ledger_row
    assert street.all(USERS) == [(3, 3)]


def test_extracts_without_their_file_are_left_as_they_are_and_named(street: Street) -> None:
    gone = street.write("chat-1.csv", events(1, 2, 3))
    changed = street.write("chat-2.csv", events(4, 5))
    street.write("chat-3.csv", events(6))
    ids = {uri: i for i, uri in _addresses(street, chat())}
    gone.unlink()
    changed.write_text(events(4, 5, 9))

    again = street.reland(OTHER)

    assert list(again.landed) == [ids[str(street.folder / "exports" / "chat-3.csv")]]
    assert again.left == (
        f"chat: extract {ids[str(gone)]} is left as it had landed: its file is gone: {gone}",
        f"chat: extract {ids[str(changed)]} is left as it had landed: its file holds something "
        f"else by now: {changed}. Where that holds all of it, `afterhype extracts reland "
        f"{ids[str(changed)]}` takes the old one out",
    )
    assert street.all("select count(*) from raw.visible_events") == [(6,)]
    assert street.others(OTHER) == {"chat": 2}


def _addresses(street: Street, source: AnyFiles) -> list[tuple[str, str]]:
    street.land(source)
    return [(i, uri) for i, uri in street.all("select extract_id, uri from raw.extracts")]


def test_a_copy_of_a_file_that_is_gone_is_as_good(street: Street) -> None:
    gone = street.write("chat-1.csv", events(1, 2, 3))
    street.land(chat())
    street.write("chat-copy.csv", gone.read_text())
    street.land(chat())  # which notes that the copy is known
    gone.unlink()
    again = street.reland(OTHER)
    assert (len(again.landed), again.left) == (1, ())
    assert street.all("select uri from raw.extracts") == [(str(gone),)]
    assert street.land(OTHER).landed == {}


@pytest.mark.parametrize("column", ["user_id", "event_time"])
def test_a_mapping_that_no_file_has_columns_for_takes_nothing_away(
    street: Street, column: str
) -> None:
    street.write("chat-1.csv", events(1, 2, 3))
    street.land(chat())
    misspelt = chat(columns=BY_NAME | {column: "whoo"})
    again = street.reland(misspelt)
    assert again.landed == {}
    (message,) = again.left
    assert "whoo" in message
    assert street.all(USERS) == [(3, 3)]
    assert street.all("select status from raw.extracts") == [("landed",)]


def test_what_was_pruned_stays(street: Street) -> None:
    street.write("chat-1.csv", events(1))
    ((extract_id, _),) = _addresses(street, chat())
    street.con.execute(
        "insert into raw.pruned_extract_days values (?, 'chat', date '2026-01-01', 2)",
        [extract_id],
    )
    again = street.reland(OTHER)
    assert again.landed == {}
    assert "pruned and cannot be taken back" in again.left[0]


def test_a_mapping_from_before_they_were_noted_is_not_known_to_be_another(
    street: Street,
) -> None:
    street.write("chat-1.csv", events(1, 2, 3))
    street.land(chat())
    street.con.execute("update raw.extracts set mapping_hash = null")
    assert street.others(OTHER) == {}
    assert street.reland(OTHER).landed == {}
    assert len(street.reland(OTHER, unknown=True).landed) == 1
    assert street.reland(OTHER, unknown=True).landed == {}


def test_held_back_ones_land_again_and_discarded_ones_do_not(street: Street) -> None:
    street.write("chat-1.csv", events(1, 2))
    street.write("chat-2.csv", events(3, 4))
    held, discarded = (i for i, _ in sorted(_addresses(street, chat()), key=lambda one: one[1]))
    for extract_id in (held, discarded):
        ledger.quarantine(street.con, extract_id, "too many rejects")
    ledger.discard(street.con, discarded)
    assert street.others(OTHER) == {"chat": 1}
    assert list(street.reland(OTHER).landed) == [held]
    statuses = dict(street.all("select extract_id, status from raw.extracts"))
    assert statuses == {held: "landed", discarded: "discarded"}


def test_merged_identities_follow_the_mapping(street: Street) -> None:
    street.con.execute(
        "insert into raw.event_sources (source, app_id, identity) values ('chat', 'chat', 'merged')"
    )
    rows = "u1,2026-01-01T00:00:01,open,1,d1\n,2026-01-02T00:00:02,open,2,d1\n"
    street.write("chat-1.csv", f"who,at,what,id,device\n{rows}")
    plain = BY_NAME | {"user_id": "coalesce(who, device)"}
    merged = chat(identity="merged", columns=plain | {"anonymous_id": "device"})
    users = """
        select count(distinct coalesce(aliases.user_key, events.user_key))
        from raw.visible_events as events
        left join raw.user_aliases as aliases on events.user_key = aliases.alias_key
    """
    apart = chat(columns=plain)
    street.land(apart)
    assert street.all(users) == [(2,)]
    street.reland(merged)
    assert street.all(users) == [(1,)]
    street.con.execute("delete from ops.alias_changes")
    street.reland(merged.model_copy(update={"columns": merged.columns | {"country": "'de'"}}))
    assert street.all(users) == [(1,)]
    assert street.all("from ops.alias_changes") == []  # the same users are one
    street.reland(apart)
    assert street.all(users) == [(2,)]
    assert street.all("from raw.identity_links") == []


def test_an_extract_is_not_forgotten_where_its_file_is_gone(street: Street) -> None:
    gone = street.write("chat-1.csv", events(1))
    ((extract_id, _),) = _addresses(street, chat())
    ledger.refuse_without_file(street.con, extract_id)
    gone.unlink()
    with pytest.raises(AfterhypeError, match=r"its file is gone .*chat-1\.csv.*--drop"):
        ledger.refuse_without_file(street.con, extract_id)


def test_every_setting_of_a_source_is_mapping_or_known_to_be_something_else() -> None:
    """Whoever adds a field decides: does it change the rows of a file, or only what is around?"""
    known = {
        *("app_id", "format", "reader", "columns", "numbers", "feed", "no_ids"),
        *("encoding", "export_timezone", "earliest_event", "extracts_overlap", "newest_by"),
        "future_tolerance_minutes",
        "time_zone",
    }
    models = (EventSource, ChartFiles, InstallFiles, ReviewFiles, ChartFeed)
    fields = {name for model in models for name in model.model_fields}
    assert fields == known | WHERE_AND_WHEN | READ_BY_MODELS


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({"uri": "elsewhere/*.csv"}, False),
        ({"stale_after_hours": 5}, False),
        ({"complete_through": "2026-01-02"}, False),
        ({"rejects": {"warning": 0.2}}, False),
        ({"identity": "merged"}, False),
        ({"columns": dict(reversed(BY_NAME.items()))}, False),
        ({"columns": BY_NAME | {"user_id": " who -- the account"}}, False),
        ({"reader": {"type": "csv", "delimiter": ","}}, False),
        ({"app_id": "talk"}, True),
        ({"columns": BY_NAME | {"user_id": "'who'"}}, True),
        ({"columns": BY_NAME | {"country": "land"}}, True),
        ({"reader": {"type": "csv", "delimiter": ";"}}, True),
        ({"earliest_event": "2020-01-01"}, True),
        ({"no_ids": {"also": ["guest"]}}, True),
        ({"extracts_overlap": False}, True),
    ],
)
def test_another_mapping_is_one_that_makes_other_rows(
    change: dict[str, Any], is_another: bool
) -> None:
    assert (mapping_text(chat(**change)) != mapping_text(chat())) == is_another


files = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), min_size=1, max_size=5)


@given(files=files, per_batch=st.integers(1, 5), broken_off_after=st.integers(0, 5))
@property_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_landed_again_is_as_landed_for_the_first_time(
    files: list[list[int]],
    per_batch: int,
    broken_off_after: int,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the overlap and the batches, and whether the first try was broken off."""
    without_ids = {column: name for column, name in BY_NAME.items() if column != "event_id"}
    first, second = chat(columns=without_ids), chat(columns=without_ids | {"user_id": "other"})
    monkeypatch.setattr(batches, "MAX_FILES", per_batch)
    told = []
    for mappings in ((first, second), (second,)):
        folder = tmp_path_factory.mktemp("street")
        with connect(Settings(home=folder / "home", threads=1)) as con:
            create_schemas(con)
            street = Street(con, folder)
            for number, ids in enumerate(files):
                street.write(f"chat-{number}.csv", events(*ids))
                os.utime(folder / "exports" / f"chat-{number}.csv", (0, 0))
            street.land(mappings[0])
            if len(mappings) > 1:

                def break_off(done: int, _total: int) -> None:
                    if done >= broken_off_after:
                        raise KeyboardInterrupt

                try:
                    street.reland(second, advance=break_off)
                except KeyboardInterrupt:
                    street.reland(second)
            told.append(
                street.all(
                    "select md5(event_id::varchar), event_time, count(*) "
                    "from raw.visible_events group by all order by all"
                )
                + street.all(
                    "select extract_id, rows_seen, rows_landed + rows_duplicate, mapping_hash "
                    "from raw.extracts order by all"
                )
            )
    assert told[0] == told[1]
