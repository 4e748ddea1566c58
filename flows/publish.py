"""Publish the marts: build aside, swap atomically, keep earlier generations, roll back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.definition import code_version, definition_hash
from flows.errors import AfterhypeError
from flows.gate_history import write_gate_history
from flows.restatements import write_restatements
from flows.scorecard_changes import write_scorecard_changes
from flows.settings import Settings
from flows.sources import Sources
from flows.sql import text_in_sql

USER_LEVEL_COLUMNS = ("user_key", "user_id", "event_id", "review_id", "author", "author_key")
"""Columns that no published table may have, in whatever case."""

SWAPPED = ("marts.duckdb", "parquet", "site", "manifest.json")
"""What readers see, in the order of the swap: whoever sees a manifest finds its files."""

WRITTEN_BESIDE = ("publication", "restatements", "scorecard_changes", "gate_history")
"""What a publication tells of itself, in tables beside the marts that dbt built."""

PUBLICATION_COLUMNS = {
    "publication_id": "Names the publication; a later one sorts after it.",
    "built_at": "When the run that published it began, in UTC.",
    "code_version": "Version of afterhype, with the commit where it ran from a checkout.",
    "definition_hash": "Hash of all that defines the numbers; equal hashes, comparable numbers.",
    "timezone": "IANA time zone in which calendar days are counted.",
    "watermarks": "JSON: tracked app_id to its watermark, the last reporting day fully landed.",
    "row_counts": "JSON: mart to its number of rows.",
    "gate_results": "JSON: every check of the last raw gate and mart gate, with its outcome.",
}
"""The columns of the table ``publication`` and what each says."""

_STAMP = "%Y%m%dT%H%M%SZ"

WriteSite = Callable[[Path, Path], None]
"""Writes the site for a marts file into a folder."""


class Publication(BaseModel):
    """The manifest of one publication. ``built_at`` is naive UTC; ``files`` gives SHA-256 sums."""

    model_config = ConfigDict(frozen=True)

    publication_id: str
    built_at: datetime
    code_version: str
    definition_hash: str
    timezone: str
    watermarks: dict[str, str | None]
    row_counts: dict[str, int]
    gate_results: list[dict[str, Any]]
    files: dict[str, str] = {}


def publish(
    settings: Settings,
    sources: Sources,
    *,
    gate_results: Sequence[Mapping[str, object]],
    now: datetime,
    write_site: WriteSite | None = None,
) -> Publication:
    """Copy the warehouse's marts into a new generation and swap it in.

    Until the swap, and whenever anything before it fails, the last publication stays as it was,
    byte for byte. The caller holds the writer lock; ``now`` is naive UTC. Raises AfterhypeError
    when there is nothing to publish, a mart holds a user-level column, the copy does not equal the
    mart, or the disk or DuckDB fails.
    """
    published = settings.published_dir
    _remove_leftovers(published)
    stamp = _next_stamp(published, now)
    with _generation_aside(published, stamp) as aside:
        marts = aside / "marts.duckdb"
        publication = _write_marts(settings, sources, marts, gate_results, now, stamp)
        _check_copy(marts, publication)
        if write_site:
            write_site(marts, aside / "site")
        publication = publication.model_copy(update={"files": _checksums(aside)})
        (aside / "manifest.json").write_text(publication.model_dump_json(indent=1) + "\n")
        _make_durable(aside)
        _stand_by(published, aside, publication.publication_id)
        aside.rename(aside.with_name(publication.publication_id))
    _sync_folder(published / "generations")
    _swap(published)
    _prune(published, keep=settings.generations_kept)
    return publication


def rollback(settings: Settings, to: str | None = None) -> Publication:
    """Swap an earlier generation back in, by default the one before the current.

    The caller holds the writer lock. Raises AfterhypeError when there is none, or one of its files
    is not what its manifest says.
    """
    published = settings.published_dir
    publication = _choose(settings, to)
    generation = published / "generations" / publication.publication_id
    for name, checksum in publication.files.items():
        path = generation / name
        if not path.is_file() or _checksum(path) != checksum:
            raise AfterhypeError(
                f"{path}: not the file that was published; choose another publication with --to, "
                "or publish anew with `afterhype run`"
            )
    _remove_leftovers(published)
    try:
        _stand_by(published, generation, publication.publication_id)
    except OSError as error:
        _remove_leftovers(published)
        raise AfterhypeError(_failed(published, error)) from error
    _swap(published)
    return publication


def _choose(settings: Settings, to: str | None) -> Publication:
    known = list_publications(settings)
    current = current_publication(settings)
    if to is None:
        fitting = [p for p in known if current and p.publication_id < current.publication_id]
    else:
        fitting = [p for p in known if p.publication_id == to]
    if not fitting:
        what = f"no publication {to}" if to else "no earlier publication"
        ids = ", ".join(p.publication_id for p in known) or "none; run `afterhype run` first"
        raise AfterhypeError(f"{settings.published_dir}: {what} to roll back to (kept: {ids})")
    return fitting[-1]


def list_publications(settings: Settings) -> list[Publication]:
    """The generations that are kept, oldest first."""
    return [_read_manifest(g / "manifest.json") for g in _generations(settings.published_dir)]


def current_publication(settings: Settings) -> Publication | None:
    """The publication that readers see, or None before the first one."""
    path = settings.published_dir / "manifest.json"
    return _read_manifest(path) if path.exists() else None


def _read_manifest(path: Path) -> Publication:
    try:
        return Publication.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise AfterhypeError(
            f"{path}: not a readable manifest: {error}. Remove its folder if it is a kept "
            "generation; otherwise publish anew with `afterhype publish`."
        ) from error


def _generations(published: Path) -> list[Path]:
    """The folders of whole generations, oldest first."""
    return sorted(
        path for path in (published / "generations").glob("*Z-*") if path.suffix != ".partial"
    )


def _next_stamp(published: Path, now: datetime) -> str:
    """The time part of the next id: ``now``, or later if a kept generation is as new as that.

    Ids must sort in the order of publication even when two fall into one second, or the clock was
    set back: rollback and pruning go by it.
    """
    kept = [datetime.strptime(g.name.split("-")[0], _STAMP) for g in _generations(published)]
    return f"{max([now, *(moment + timedelta(seconds=1) for moment in kept)]):{_STAMP}}"


@contextmanager
def _generation_aside(published: Path, name: str) -> Iterator[Path]:
    """A folder for a generation that is being made; nothing is left of it if that fails."""
    aside = published / "generations" / f"{name}.partial"
    try:
        (aside / "parquet").mkdir(parents=True)
        yield aside
    except (duckdb.Error, OSError) as error:
        _remove_leftovers(published)
        raise AfterhypeError(_failed(published, error)) from error
    except BaseException:
        _remove_leftovers(published)
        raise


def _failed(published: Path, error: Exception) -> str:
    return (
        f"{published}: nothing was published, the last publication stands as it was: {error}. "
        "Mend that, then run it again."
    )


def _write_marts(
    settings: Settings,
    sources: Sources,
    target: Path,
    gate_results: Sequence[Mapping[str, object]],
    now: datetime,
    stamp: str,
) -> Publication:
    """Copy every mart as a table of the target's main schema, with its comments, and as Parquet.

    The file's name makes its catalog ``marts``: a table of the main schema is then both
    ``app_scorecard`` and ``marts.app_scorecard``. A schema of that name would be ambiguous.
    """
    with duckdb.connect(str(target), config=_engine_config(settings)) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach {text_in_sql(settings.warehouse_path)} as warehouse (read_only)")
        tables = _marts_to_publish(con)
        if not tables:
            raise AfterhypeError(
                f"{settings.warehouse_path}: has no marts to publish. Run `afterhype build` first."
            )
        _refuse_user_level_columns(con)
        for table in tables:
            con.execute(f'create table "{table}" as from warehouse.marts."{table}" order by all')
        _copy_comments(con)
        publication = _describe(con, sources, tables, gate_results, now, stamp)
        _write_publication_table(con, publication)
        if settings.marts_path.exists():
            con.execute(f"attach {text_in_sql(settings.marts_path)} as previous (read_only)")
        write_restatements(con, publication.publication_id, now, publication.definition_hash)
        write_scorecard_changes(con, publication.publication_id, now)
        write_gate_history(con)
        con.execute("detach database if exists previous")
        for table in (*tables, *WRITTEN_BESIDE):
            parquet = target.parent / "parquet" / f"{table}.parquet"
            con.execute(
                f'copy "{table}" to {text_in_sql(parquet)} (format parquet, compression zstd)'
            )
        con.execute("detach warehouse")
        con.execute("checkpoint")
    return publication


def _engine_config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """The machine's share that the settings allow; what spills does so outside ``published/``."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(settings.home / "tmp"),
    }
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    if settings.threads:
        config["threads"] = settings.threads
    return config


def _marts_to_publish(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables of the schema marts, less what a killed dbt left in the middle of a model."""
    rows = con.execute(
        "select table_name from duckdb_tables() where database_name = 'warehouse' "
        "and schema_name = 'marts' and not contains(table_name, '__dbt_') order by table_name"
    ).fetchall()
    return [row[0] for row in rows]


def _refuse_user_level_columns(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'warehouse' "
        "and schema_name = 'marts' and lower(column_name) in (select unnest(?))",
        [list(USER_LEVEL_COLUMNS)],
    ).fetchall()
    if found:
        named = ", ".join(f"{table}.{column}" for table, column in found)
        raise AfterhypeError(f"user-level columns may not be published: {named}")


def _copy_comments(con: duckdb.DuckDBPyConnection) -> None:
    """Carry dbt's descriptions over, so that BI tools show them."""
    comments = con.execute(
        """
        select 'table "' || table_name || '"' as subject, comment from duckdb_tables()
        where database_name = 'warehouse' and schema_name = 'marts' and comment is not null
        union all
        select 'column "' || table_name || '"."' || column_name || '"', comment
        from duckdb_columns()
        where database_name = 'warehouse' and schema_name = 'marts' and comment is not null
        """
    ).fetchall()
    con.begin()  # else each of the hundreds is a commit to disk
    for subject, comment in comments:
        con.execute(f"comment on {subject} is {text_in_sql(comment)}")
    con.commit()


def _describe(
    con: duckdb.DuckDBPyConnection,
    sources: Sources,
    tables: Sequence[str],
    gate_results: Sequence[Mapping[str, object]],
    now: datetime,
    stamp: str,
) -> Publication:
    # of the warehouse, so that the copy can be checked against them
    counts = {table: _count(con, f'warehouse.marts."{table}"') for table in tables}
    watermarks: dict[str, str | None] = {}
    if "dim_apps" in tables:
        watermarks = dict(
            con.execute(
                "select app_id, watermark::varchar from dim_apps where is_tracked order by app_id"
            ).fetchall()
        )
    content = json.dumps([counts, watermarks, definition_hash(sources), str(now)]).encode()
    return Publication(
        publication_id=f"{stamp}-{hashlib.sha256(content).hexdigest()[:6]}",
        built_at=now,
        code_version=code_version(),
        definition_hash=definition_hash(sources),
        timezone=sources.timezone,
        watermarks=watermarks,
        row_counts=counts,
        gate_results=[dict(result) for result in gate_results],
    )


def _write_publication_table(con: duckdb.DuckDBPyConnection, publication: Publication) -> None:
    row = publication.model_dump(mode="json", exclude={"files"})
    con.execute(
        """
        create table publication as
        select
            $publication_id::varchar as publication_id,
            $built_at::timestamp as built_at,
            $code_version::varchar as code_version,
            $definition_hash::varchar as definition_hash,
            $timezone::varchar as timezone,
            $watermarks::json as watermarks,
            $row_counts::json as row_counts,
            $gate_results::json as gate_results,
        """,
        {key: json.dumps(v) if isinstance(v, dict | list) else v for key, v in row.items()},
    )
    con.execute(
        "comment on table publication is 'One row: which publication this file is, what it was "
        "made of and what the gates said. Times are UTC.'"
    )
    for column, comment in PUBLICATION_COLUMNS.items():
        con.execute(f"comment on column publication.{column} is {text_in_sql(comment)}")


def _check_copy(marts: Path, publication: Publication) -> None:
    with duckdb.connect(str(marts), read_only=True) as con:
        for table, expected in publication.row_counts.items():
            if (copied := _count(con, f'"{table}"')) != expected:
                raise AfterhypeError(f"{marts}: {table} has {copied} rows, not {expected}")
    if marts.with_name("marts.duckdb.wal").exists():
        raise AfterhypeError(f"{marts}: not written whole, its write-ahead log is still there")


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _checksums(folder: Path) -> dict[str, str]:
    paths = [folder / "marts.duckdb", *sorted((folder / "parquet").glob("*.parquet"))]
    return {str(path.relative_to(folder)): _checksum(path) for path in paths}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stand_by(published: Path, generation: Path, name: str) -> None:
    """Lay what readers will see beside what they see, so that the swap itself only renames.

    All that can fail for want of space or rights fails here, with nothing swapped yet.
    """
    for part in ("parquet", "site"):
        path = published / part
        if path.is_dir() and not path.is_symlink():
            raise AfterhypeError(f"{path}: is a folder where a link belongs; move it away")
        if (generation / part).is_dir():
            _aside(path).symlink_to(Path("generations") / name / part)
    for part in ("marts.duckdb", "manifest.json"):
        _link(generation / part, _aside(published / part))


def _swap(published: Path) -> None:
    """Point readers to what stands by: each step is one atomic rename."""
    # DuckDB would replay a log that lies beside the file, whoever left it, into the new file
    (published / "marts.duckdb.wal").unlink(missing_ok=True)
    for part in SWAPPED:
        path = published / part
        if _aside(path).is_symlink() or _aside(path).exists():
            _aside(path).replace(path)
            _aside(path).unlink(missing_ok=True)  # renaming a file over itself leaves both names
        else:
            path.unlink(missing_ok=True)  # a publication without a site
    _sync_folder(published)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
        _sync_file(target)


def _remove_leftovers(published: Path) -> None:
    """Clear away what a killed publication left behind."""
    for unfinished in (published / "generations").glob("*.partial"):
        shutil.rmtree(unfinished)
    for part in SWAPPED:
        _aside(published / part).unlink(missing_ok=True)


def _prune(published: Path, *, keep: int) -> None:
    """Remove all but the newest generations; the one just published is the newest."""
    for generation in _generations(published)[:-keep]:
        # renamed first, so that a kill in between leaves no generation that lacks files
        shutil.rmtree(generation.rename(generation.with_name(f"{generation.name}.partial")))


def _make_durable(folder: Path) -> None:
    """Write a generation through to the disk, and its files read-only."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
            _sync_file(path)
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        _sync_folder(path)


def _sync_file(path: Path) -> None:
    _sync(path, os.O_RDONLY)


def _sync_folder(path: Path) -> None:
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
