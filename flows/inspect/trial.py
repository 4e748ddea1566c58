"""Land a sample of an export in a home that is thrown away, and tell what became of it."""

from __future__ import annotations

import contextlib
import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from flows.errors import ExtractError
from flows.extract.found import Extract
from flows.extract.places import Places
from flows.extract.unpack import Part, unpacked
from flows.inspect.looking import look_at
from flows.inspect.proposing import Proposal, propose
from flows.land.configuration import write_configuration
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import AnyFiles, App, FileSource, Sources, Storage
from flows.sql import text_in_sql
from flows.warehouse import connect, create_schemas

SAMPLE_BYTES = 8 * 1024 * 1024
"""How much of an export is landed on trial; of a larger one its beginning."""

SAMPLE_ROWS = 10_000
"""The same for Parquet."""

_SAMPLES = {
    "events": "select left(user_key::varchar, 8) as user, event_time, event_name, platform, "
    "country, app_version, channel, properties::varchar as properties "
    "from raw.app_events order by event_time limit $n",
    "ranks": "select store, storefront, chart, genre, snapshot_at, depth, rank, store_app_id, "
    "app_name from raw.chart_snapshots inner join raw.chart_ranks using (snapshot_id) "
    "order by store, storefront, chart, snapshot_at, rank limit $n",
    "installs": "select store, store_app_id, install_date, country, metric, units "
    "from raw.store_installs order by all limit $n",
    "reviews": "select store, store_app_id, storefront, reviewed_at, rating, app_version, title "
    "from raw.app_reviews order by reviewed_at limit $n",
}


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What an export is, the entry proposed for it, and what a trial of its beginning came to.

    ``entry`` is YAML. ``columns`` and ``rows`` are some canonical rows; ``rejects`` are reasons
    with their counts and the first line of each; ``duplicates`` says why rows count as repeated.
    """

    uri: str
    files: int
    proposal: Proposal
    entry: str
    landing: SourceLanding
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    rejects: tuple[tuple[str, int, int], ...]
    is_whole: bool
    duplicates: str | None = None


def inspect(
    uri: str,
    settings: Settings,
    *,
    app_id: str = "my_app",
    name: str | None = None,
    storage: Storage | None = None,
    rows: int = 5,
) -> Inspection:
    """Inspect what lies at a path, glob or URI; nothing of it stays.

    Looks at the first file. Raises ExtractError when nothing is there, or it is no data.
    """
    place = uri if "://" in uri else str(Path(uri).expanduser().resolve())
    probe = _Probe(name="inspected", uri=place, format="custom", storage=storage or Storage())
    places = Places(probe)
    found = places.find(settings)
    (extract,) = places.identify(found[:1])
    if not isinstance(extract, Extract):
        raise ExtractError(str(extract[1]))
    with (
        tempfile.TemporaryDirectory(prefix="afterhype-inspect-") as folder,
        unpacked([extract], Path(folder) / "parts", None, places.stream) as parts,
    ):
        part = _local(parts[0], places, extract, Path(folder))
        proposal = propose(look_at(part))
        sample, is_whole = _sample(part, Path(folder))
        landing, columns, landed, rejects = _land(
            proposal, sample, Path(folder) / "home", app_id, rows
        )
    return Inspection(
        uri=uri,
        files=len(found),
        proposal=proposal,
        entry=_yaml(proposal, place, app_id, name or _name(place), storage),
        landing=landing,
        columns=columns,
        rows=landed,
        rejects=rejects,
        duplicates=_why_duplicate(proposal, landing),
        is_whole=len(found) == 1 and len(parts) == 1 and is_whole,
    )


def _why_duplicate(proposal: Proposal, landing: SourceLanding) -> str | None:
    """Why rows of the sample were taken for repetitions of others, if any were."""
    if not landing.rows_duplicate:
        return None
    reason = {
        "events": "their event id is that of an earlier row",
        "ranks": "their chart was captured at the same moment before",
        "reviews": "an earlier row is the same version of the review",
    }.get(proposal.section, "they repeat earlier ones")
    return f"{landing.rows_duplicate:,} rows are duplicates and do not count: {reason}."


class _Probe(FileSource):
    """A source of which nothing is known but where it lies."""

    kind = "events"


def _local(part: Part, places: Places, extract: Extract, folder: Path) -> Part:
    """The part on this machine: of a remote text no more than its beginning."""
    if "://" not in part.location:
        return part
    suffix = "".join(Path(extract.uri.split("?")[0]).suffixes[-2:])
    copy = folder / f"remote{suffix}"
    with copy.open("wb") as file:
        for chunk in places.stream(extract):
            file.write(chunk)
            if file.tell() > SAMPLE_BYTES and not extract.head.startswith(b"PAR1"):
                break
    return Part(number=0, location=str(copy), name=part.name)


def _sample(part: Part, folder: Path) -> tuple[Path, bool]:
    """A file with the part, of its name, or with its beginning where it is large; if it is whole.

    The name may be all that says what the part is of.
    """
    path = Path(part.location)
    (folder / "sample").mkdir()
    sample = folder / "sample" / part.file_name.lstrip(".")  # hidden files are left out
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        duckdb.execute(
            f"copy (from read_parquet(?) limit {SAMPLE_ROWS}) to {text_in_sql(sample)} "
            "(format parquet)",
            [str(path)],
        )
        return sample, False
    if path.stat().st_size <= SAMPLE_BYTES and not part.location.endswith("remote.gz"):
        if path.name == part.file_name:
            return path, True
        shutil.copyfile(path, sample)
        return sample, True
    with gzip.open(path) if magic.startswith(b"\x1f\x8b") else path.open("rb") as file:
        beginning = bytearray()
        with contextlib.suppress(EOFError, zlib.error):  # of a remote gzip the end is missing
            while len(beginning) < SAMPLE_BYTES and (chunk := file.read(1 << 16)):
                beginning += chunk
    sample.write_bytes(beginning.rpartition(b"\n")[0] + b"\n")
    return sample, False


@contextlib.contextmanager
def _trial_home(home: Path) -> Iterator[tuple[Settings, duckdb.DuckDBPyConnection]]:
    settings = Settings(home=home, sources=home / "sources.yml")
    with connect(settings) as con:
        create_schemas(con)
        yield settings, con


def _land(
    proposal: Proposal, sample: Path, home: Path, app_id: str, rows: int
) -> tuple[
    SourceLanding, tuple[str, ...], tuple[tuple[Any, ...], ...], tuple[tuple[str, int, int], ...]
]:
    """What the proposed entry makes of a sample: as a run would, in a home of its own."""
    entry = proposal.entry("inspected", app_id, str(sample))
    told = {"apps": [App(app_id=app_id, name=app_id)], proposal.section: [entry]}
    sources = Sources.model_validate(told)
    source: Sequence[AnyFiles] = getattr(sources, proposal.section)
    with _trial_home(home) as (settings, con):
        write_configuration(con, sources)
        landing = land_files(con, source[0], settings, datetime.now(UTC).replace(tzinfo=None))
        found = con.execute(_SAMPLES[proposal.section], {"n": rows})
        columns = tuple(column[0] for column in found.description or ())
        sampled = tuple(found.fetchall())
        rejects = con.execute(
            "select regexp_replace(reason, ': .*', ''), count(*), min(line_number) "
            "from raw.rejects group by 1 order by 2 desc, 3"
        ).fetchall()
    return landing, columns, sampled, tuple(rejects)


def _yaml(proposal: Proposal, uri: str, app_id: str, name: str, storage: Storage | None) -> str:
    """The sources file that the entry makes, ready to be pasted."""
    entry = proposal.entry(name, app_id, uri)
    if storage and (told := storage.model_dump(exclude_defaults=True)):
        entry["storage"] = told
    document: dict[str, Any] = {
        "apps": [{"app_id": app_id, "name": app_id.replace("_", " ").capitalize()}],
        proposal.section: [entry],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _name(uri: str) -> str:
    """A name for the source: the last part of its address that is no wildcard."""
    for part in reversed(uri.split("?")[0].split("/")):
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", part.split(".")[0]).strip("_-")
        if stem:
            return stem[:60]
    return "source"
