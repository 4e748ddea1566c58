"""Where a warehouse's lake lies, and how its files are read, listed, written and removed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import duckdb
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from flows.errors import AfterhypeError
from flows.sources import Storage
from flows.sql import text_in_sql

EVENTS = "app_events"
"""The folder of a lake in which the events lie."""

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Lake:
    """A lake. ``root`` is an absolute path or s3://bucket/prefix, without a slash at its end.

    ``holder`` tells whose it is: the warehouse that began it, whose manifest lies in it.
    """

    root: str
    storage: Storage = field(default_factory=Storage)
    holder: str = ""

    @property
    def is_remote(self) -> bool:
        return "://" in self.root

    @property
    def events(self) -> str:
        """The folder of the events, as DuckDB writes to it."""
        return f"{self.root}/{EVENTS}"

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give a connection what it needs to read and write the lake's files."""
        if self.is_remote:
            from flows.extract.buckets import open_remote  # with what it needs, it takes seconds

            open_remote(self.root, self.storage).let_duckdb_read(con)

    def store(self) -> Store:
        """What lists, puts and removes its files."""
        return Store(self)


class Store:
    """The files of a lake, by their paths below its root. Raises AfterhypeError where it fails."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._prefix = ""
        self._secrets: list[str] = []
        self._store: LocalStore | S3Store
        if lake.is_remote:
            from flows.extract.buckets import s3_store  # with what it needs, it takes seconds

            bucket, _, prefix = lake.root.removeprefix("s3://").partition("/")
            self._prefix = f"{prefix}/" if prefix else ""
            self._store, found, _ = s3_store(bucket, lake.storage)
            self._secrets = [found.get(k, "") for k in ("secret_access_key", "session_token")]
        else:
            Path(lake.root).mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(lake.root, automatic_cleanup=True)

    def files(self, folder: str) -> dict[str, int]:
        """The paths below a folder, with their bytes."""
        try:
            chunks = obstore.list(self._store, prefix=f"{self._prefix}{folder}")
            return {
                meta["path"].removeprefix(self._prefix): meta["size"]
                for chunk in chunks
                for meta in cast(list[dict[str, Any]], chunk)
            }
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            raise self._explained("listed", error) from None

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        try:
            return bytes(obstore.get(self._store, f"{self._prefix}{name}").bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._explained("read", error) from None

    def put(self, name: str, content: bytes) -> None:
        """Write a file in one go: whoever reads it sees the one before or this one."""
        try:
            obstore.put(self._store, f"{self._prefix}{name}", content)
        except (BaseError, OSError) as error:
            raise self._explained("written", error) from None

    def make_folder(self, name: str) -> None:
        """See that a folder is there; a bucket needs none."""
        if not self._lake.is_remote:
            (Path(self._lake.root) / name).mkdir(parents=True, exist_ok=True)

    def remove(self, names: Collection[str]) -> None:
        """Remove files; one that is gone already does not matter."""
        try:
            for name in sorted(names):
                obstore.delete(self._store, f"{self._prefix}{name}")
        except FileNotFoundError:
            pass
        except (BaseError, OSError) as error:
            raise self._explained("cleared", error) from None

    def make_durable(self, names: Iterable[str]) -> None:
        """Return when files that were written survive a power cut; those in a bucket do."""
        if self._lake.is_remote:
            return
        paths = [Path(self._lake.root) / name for name in names]
        folders = {folder for path in paths for folder in (path.parent, path.parent.parent)}
        for path in (*paths, *folders):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _explained(self, verb: str, error: Exception) -> AfterhypeError:
        told = str(error).strip() or type(error).__name__
        for secret in filter(None, self._secrets):
            told = told.replace(secret, "***")
        hint = ""
        if isinstance(error, PermissionError) or re.search(r"\b(401|403)\b|Forbidden", told):
            hint = " Check that its credentials may list, read, write and delete below this path."
        return AfterhypeError(
            f"{self._lake.root}: the lake cannot be {verb}: {told.splitlines()[0][:300]}.{hint}"
        )


def lake_of(con: duckdb.DuckDBPyConnection) -> Lake | None:
    """The lake in which a warehouse keeps its events; None where they are in its own file."""
    known = con.execute(
        "select 1 from duckdb_tables() where database_name = current_database() "
        "and schema_name = 'ops' and table_name = 'lakes'"
    ).fetchone()
    if known is None:  # a warehouse from before there were lakes, or a new one
        return None
    row = con.execute("select path, storage, holder from ops.lakes where is_current").fetchone()
    return Lake(row[0], Storage.model_validate_json(row[1]), row[2]) if row else None


def open_lake(con: duckdb.DuckDBPyConnection) -> None:
    """Give a connection to a warehouse what its view of the raw events needs, if they are one."""
    if lake := lake_of(con):
        lake.let_duckdb_read(con)


def listed_in_sql(lake: Lake, paths: Iterable[str]) -> str:
    """SQL for a list of files of a lake, as read_parquet takes it."""
    return "[" + ", ".join(text_in_sql(f"{lake.root}/{path}") for path in paths) + "]"
