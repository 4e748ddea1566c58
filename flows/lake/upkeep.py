"""Keep a lake to what is committed: begin one, sweep it, move the events in and out."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from flows.errors import AfterhypeError, ConfigurationError
from flows.lake import events
from flows.lake.location import EVENTS, MANIFEST, Lake, Store, lake_of
from flows.settings import Settings
from flows.sources import Land, Storage
from flows.warehouse import APP_EVENTS

_OURS = re.compile(rf"{EVENTS}/app_id=[^/]+/event_date=[^/]+/[^/]+\.parquet|control/.+\.parquet")


SMALL_BYTES = 128 * 1024 * 1024
"""Files of fewer bytes are merged with others of their app and date."""

_PARTITIONS_AT_ONCE = 64
"""DuckDB keeps up to 100 files open that it writes; beyond it begins a second one of a date."""


def wanted_lake(land: Land, settings: Settings) -> Lake | None:
    """The lake that a sources file asks for; a relative path is relative to that file."""
    if land.path is None:
        return None
    if "://" in land.path:
        return Lake(land.path.rstrip("/"), land.storage)
    path = Path(land.path.replace("{home}", str(settings.home))).expanduser()
    return Lake(str((settings.sources.parent / path).resolve()))


def settle(con: duckdb.DuckDBPyConnection, wanted: Lake | None) -> str | None:
    """See that the events lie where they are wanted: in a lake or, for None, in the warehouse.

    Where they do not, all of them are moved in one transaction; the line says so. A lake that was
    copied to the wanted path by hand, with its manifest, is taken as it is. The caller holds the
    writer lock. Raises ConfigurationError for a path that holds something else.
    """
    standing = lake_of(con)
    if wanted is None:
        if standing is None:
            return None
        with _one_transaction(con):
            moved = _move_to_the_warehouse(con)
    else:
        wanted.let_duckdb_read(con)
        if standing and (standing.root, standing.storage) == (wanted.root, wanted.storage):
            return None
        if standing and _holder_at(wanted.store()) == standing.holder:
            return _point_to(con, standing, wanted)
        _begin(con, wanted)
        with _one_transaction(con):
            moved = _move_to(con, wanted, standing)
    sweep(con)
    places = [lake.root if lake else "the warehouse" for lake in (standing, wanted)]
    return f"{moved} events moved from {places[0]} to {places[1]}" if moved else None


def sweep(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the lake's manifest up to date, then remove the events' files that it does not list.

    Killed runs leave such, and deletes, which write anew what they keep. What lies in a lake that
    the warehouse has left goes too, as soon as it can be reached. Not to be called in a
    transaction; the caller holds the writer lock.
    """
    if lake := lake_of(con):
        store = lake.store()
        committed = _committed(con)
        _write_manifest(store, lake.holder, committed)
        listed = {file["path"] for file in committed}
        strays = [path for path in store.files(EVENTS) if _is_ours(path) and path not in listed]
        store.remove(strays)
    rows = con.execute("select path, storage, holder from ops.lakes where not is_current")
    for path, storage, holder in rows.fetchall():
        former = Lake(path, Storage.model_validate_json(storage), holder)
        with suppress(AfterhypeError):
            _clear(former)
            con.execute("delete from ops.lakes where path = ? and not is_current", [path])


def merge(con: duckdb.DuckDBPyConnection) -> int:
    """Merge the small files of each app and date into one; return how many there are fewer.

    Every landing adds a file per date that it brings. Not to be called in a transaction; the caller
    holds the writer lock.
    """
    lake = lake_of(con)
    if lake is None:
        return 0
    before = len(_committed(con))
    partitions = con.execute(
        "select list(path) from ops.lake_files where bytes < ? "
        "group by app_id, event_date having count(*) > 1 order by app_id, event_date",
        [SMALL_BYTES],
    ).fetchall()
    for first in range(0, len(partitions), _PARTITIONS_AT_ONCE):
        batch = partitions[first : first + _PARTITIONS_AT_ONCE]
        with _one_transaction(con):
            events.rewrite(con, lake, [path for (paths,) in batch for path in paths])
    sweep(con)
    return before - len(_committed(con))


def _begin(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Put a manifest without files where there is nothing yet; a killed beginning goes on."""
    row = con.execute(
        "select holder from ops.lakes where path = ? and not is_current", [lake.root]
    ).fetchone()
    store = lake.store()
    there = _holder_at(store)
    if there is not None and (row is None or there != row[0]):
        raise ConfigurationError(
            f"land.path: {lake.root} is the lake of another warehouse: name another folder, or "
            "empty this one if nobody needs it any more"
        )
    if there is None and any(map(_is_ours, store.files(EVENTS))):
        raise ConfigurationError(
            f"land.path: {lake.root}/{EVENTS} holds files already: name another folder"
        )
    holder = row[0] if row else str(uuid.uuid4())
    if row is None:
        con.execute(
            "insert into ops.lakes values (?, ?, ?, false)",
            [lake.root, lake.storage.model_dump_json(), holder],
        )
    _write_manifest(store, holder, [])


def _move_to(con: duckdb.DuckDBPyConnection, lake: Lake, standing: Lake | None) -> int:
    written = events.write(con, lake, "from raw.app_events")
    if standing is None:
        con.execute("drop table raw.app_events")
    con.execute("delete from ops.lake_files")
    con.execute(
        "update ops.lakes set is_current = path = ?, storage = if(path = ?, ?, storage)",
        [lake.root, lake.root, lake.storage.model_dump_json()],
    )
    events.register(con, lake, written)
    events.show(con, lake)
    row = con.execute("select coalesce(sum(rows), 0)::bigint from ops.lake_files").fetchone()
    assert row is not None  # an aggregate has one row
    return int(row[0])


def _move_to_the_warehouse(con: duckdb.DuckDBPyConnection) -> int:
    con.execute("alter view raw.app_events rename to app_events_of_the_lake")
    con.execute(APP_EVENTS)
    row = con.execute("insert into raw.app_events from raw.app_events_of_the_lake").fetchone()
    con.execute("drop view raw.app_events_of_the_lake")
    con.execute("delete from ops.lake_files")
    con.execute("update ops.lakes set is_current = false")
    return int(row[0]) if row else 0


def _point_to(con: duckdb.DuckDBPyConnection, standing: Lake, wanted: Lake) -> str | None:
    """Read the lake from where it lies now. Raises ConfigurationError where a file is missing."""
    there = wanted.store().files(EVENTS)
    for file in _committed(con):
        if there.get(file["path"]) != file["bytes"]:
            raise ConfigurationError(
                f"land.path: {wanted.root}: {file['path']} is missing, or not as it was in "
                f"{standing.root}: copy it there, or name another folder"
            )
    with _one_transaction(con):
        con.execute(
            "update ops.lakes set path = ?, storage = ? where is_current",
            [wanted.root, wanted.storage.model_dump_json()],
        )
        events.show(con, wanted)
    return None if standing.root == wanted.root else f"events are read from {wanted.root} now"


def _committed(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = ("path", "app_id", "event_date", "rows", "bytes")
    rows = con.execute(
        "select path, app_id, event_date::varchar, rows, bytes from ops.lake_files order by path"
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _write_manifest(store: Store, holder: str, committed: Iterable[dict[str, Any]]) -> None:
    files = ",\n".join(f"  {json.dumps(file)}" for file in committed)
    told = f'{{\n "holder": {json.dumps(holder)},\n "files": [\n{files}\n ]\n}}\n'.encode()
    if store.read(MANIFEST) != told:
        store.put(MANIFEST, told)


def _holder_at(store: Store) -> str | None:
    """Whose manifest lies there; None where there is none."""
    told = store.read(MANIFEST)
    if told is None:
        return None
    try:
        return str(json.loads(told)["holder"])
    except (ValueError, KeyError, TypeError):
        return ""  # something else's


def _clear(former: Lake) -> None:
    """Remove all that a warehouse wrote to a lake that it has left."""
    if not former.is_remote and not Path(former.root).exists():
        return
    store = former.store()
    if _holder_at(store) == former.holder:
        store.remove([path for path in store.files("") if _is_ours(path)])
        store.remove([MANIFEST])  # last: it tells whose the rest is


def _is_ours(path: str) -> bool:
    return _OURS.fullmatch(path) is not None


@contextmanager
def _one_transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        con.rollback()
        raise
