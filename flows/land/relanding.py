"""Land extracts again whose source has another mapping now than they landed with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.extract.found import Extract, Found, found_file
from flows.extract.places import Places
from flows.land import ledger
from flows.land.batches import batches, land_unbroken
from flows.land.ledger import Landed
from flows.land.names import asks_for_names, by_name
from flows.land.source import land_together
from flows.mapping_text import hash_of, mapping_text
from flows.settings import Settings
from flows.sources import AnyFiles, AnySource
from flows.sql import has_columns

_VISIBLE = "status in ('landed', 'quarantined')"
"""A failed extract is tried again by each run anyway, a discarded one stays away."""


@dataclass(frozen=True, kw_only=True)
class OtherMapping:
    """How many extracts of a source landed with another mapping than it has now."""

    source: str
    extracts: int

    def __str__(self) -> str:
        many = f"{self.extracts:,} extract{'' if self.extracts == 1 else 's'}"
        return (
            f"{self.source}: {many} landed with another mapping than the source has now; the "
            f"numbers are still those of that one. {self.command} lands "
            f"{'it' if self.extracts == 1 else 'them'} again."
        )

    @property
    def command(self) -> str:
        """What to type to land them again."""
        return f"`afterhype extracts reland --source {self.source}`"


@dataclass(frozen=True, kw_only=True)
class Relanding:
    """What landing a source's extracts again came to: ``landed`` by extract id.

    ``left`` are messages, one for each extract that stays as it had landed, with the reason.
    """

    source: str
    landed: dict[str, Landed] = field(default_factory=dict)
    left: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Due:
    """An extract to be landed again, and the addresses at which its file was seen."""

    extract_id: str
    uri: str
    seen_at: tuple[str, ...]
    bytes: int
    modified_at: datetime
    etag: str | None


def other_mappings(
    con: duckdb.DuckDBPyConnection, sources: Iterable[AnySource]
) -> tuple[OtherMapping, ...]:
    """The sources with extracts that landed with another mapping, in the order of the sources.

    Extracts of which the mapping is not known, as they landed before it was noted, do not count.
    """
    if not _notes_mappings(con):
        return ()
    hashes = {source.name: hash_of(mapping_text(source)) for source in sources}
    counts: dict[str, int] = dict(
        con.execute(
            f"""
            select source, count(*)
            from raw.extracts
            inner join (
                select unnest($names::varchar[]) as source, unnest($hashes::varchar[]) as hash
            ) using (source)
            where {_VISIBLE} and mapping_hash <> hash
            group by source
            """,
            {"names": list(hashes), "hashes": list(hashes.values())},
        ).fetchall()
    )
    return tuple(
        OtherMapping(source=name, extracts=counts[name]) for name in hashes if name in counts
    )


def reland(
    con: duckdb.DuckDBPyConnection,
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    *,
    unknown: bool,
    advance: Callable[[int, int], None],
) -> Relanding:
    """Land those extracts of a source again that did not land with the mapping that it has now.

    With ``unknown`` also those of which it is not known. Each batch is one transaction, in which
    its extracts give up what they had landed: broken off, the same call goes on with the others.
    An extract stays as it is where its file is gone, holds something else by now or cannot be read
    with the new mapping, and where raw events of it were pruned.
    """
    due = {one.extract_id: one for one in _due(con, source, unknown)}
    left = dict.fromkeys(
        ledger.pruned(con, due), "raw events of it were pruned and cannot be taken back"
    )
    landed: dict[str, Landed] = {}
    places = Places(source)
    claimed = _claimed([one for one in due.values() if one.extract_id not in left])
    found = _found(places, settings, due, claimed)
    places.let_duckdb_read(con)
    advance(0, len(due))
    for batch in batches(found):
        # a copy of what has landed again by now is not read
        wanted = [one for one in batch if not claimed[one.uri] <= {*landed, *left}]
        extracts: dict[str, Extract] = {}
        for answer in places.identify(wanted):
            if isinstance(answer, tuple):
                error = f"its file cannot be read: {places.scrubbed(answer[1])}"
                left |= dict.fromkeys(claimed[answer[0].uri] - landed.keys(), error)
                continue
            # known by its content, or by its name as well: as its mapping asked when it landed
            for extract in (answer, by_name(answer, source, always=True)):
                if extract.extract_id in due and extract.extract_id not in landed:
                    left.pop(extract.extract_id, None)  # another file with it could not be read
                    extracts[extract.extract_id] = _as_recorded(extract, due[extract.extract_id])
        some, broken = land_unbroken(
            list(extracts.values()),
            lambda these: land_together(con, these, source, settings, now, places, again=True),
        )
        landed |= some
        left |= {extract_id: places.scrubbed(error) for extract_id, error in broken.items()}
        advance(len(landed), len(due))
    if asks_for_names(source):
        _forget_other_names(con, list(landed))
    there = {one.uri for one in found}
    for extract_id in due.keys() - landed.keys() - left.keys():
        left[extract_id] = _why_not_found(due[extract_id], there)
    return Relanding(
        source=source.name,
        landed=landed,
        left=tuple(
            f"{source.name}: extract {extract_id} is left as it had landed: {left[extract_id]}"
            for extract_id in due
            if extract_id in left
        ),
    )


def _notes_mappings(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the warehouse is of a version that notes them: the next run brings it there."""
    row = con.execute("select current_database()").fetchone()
    return row is not None and has_columns(con, row[0], "extracts", ("mapping_hash",))


def _due(con: duckdb.DuckDBPyConnection, source: AnyFiles, unknown: bool) -> list[_Due]:
    """The source's extracts to be landed again, in the order in which they had landed."""
    rows = con.execute(
        f"""
        with

        seen as (
            select extract_id, list(distinct uri order by uri) as uris
            from ops.seen_files
            where source = $source
            group by extract_id
        )

        select extract_id, uri, coalesce(seen.uris, []), bytes, modified_at, etag
        from raw.extracts
        left join seen using (extract_id)
        where
            source = $source
            and {_VISIBLE}
            and coalesce(mapping_hash <> $hash, $unknown)
        order by landed_at, uri
        """,
        {"source": source.name, "hash": hash_of(mapping_text(source)), "unknown": unknown},
    ).fetchall()
    return [
        _Due(
            extract_id=extract_id,
            uri=uri,
            seen_at=tuple(dict.fromkeys([uri, *uris])),
            bytes=size,
            modified_at=modified_at,
            etag=etag,
        )
        for extract_id, uri, uris, size, modified_at, etag in rows
    ]


def _claimed(due: Sequence[_Due]) -> dict[str, set[str]]:
    """The addresses to look at, in the order of the extracts: which may lie there, by their ids."""
    claimed: dict[str, set[str]] = {}
    for one in due:
        for uri in one.seen_at:
            claimed.setdefault(uri, set()).add(one.extract_id)
    return claimed


def _found(
    places: Places, settings: Settings, due: Mapping[str, _Due], claimed: Mapping[str, set[str]]
) -> list[Found]:
    """The files at these addresses that are there.

    Objects that the source's uri does not match any more are tried where they lay.
    """
    listed: dict[str, Found] = {}
    if any("://" in uri for uri in claimed):
        with suppress(ExtractError):  # reading them says what is wrong
            listed = {found.uri: found for found in places.find(settings)}
    found = []
    for uri, extract_ids in claimed.items():
        if "://" in uri:
            one = due[min(extract_ids)]
            unlisted = Found(uri=uri, bytes=one.bytes, modified_at=one.modified_at, etag=one.etag)
            found.append(listed.get(uri, unlisted))
        elif (path := Path(uri)).is_file():
            found.append(found_file(path))
    return found


def _forget_other_names(con: duckdb.DuckDBPyConnection, extract_ids: list[str]) -> None:
    """Let the next run read the files that held the same and were passed over for that.

    Their names were nothing then; now they say what tells them apart.
    """
    con.execute(
        """
        delete from ops.seen_files
        using raw.extracts as extracts
        where
            seen_files.extract_id = extracts.extract_id
            and extracts.extract_id in (select unnest($extract_ids::varchar[]))
            and parse_filename(seen_files.uri) <> parse_filename(extracts.uri)
        """,
        {"extract_ids": extract_ids},
    )


def _as_recorded(extract: Extract, due: _Due) -> Extract:
    """The extract under the address that the ledger has, wherever the same bytes lie now."""
    return replace(extract, uri=due.uri) if extract.is_local else extract


def _why_not_found(due: _Due, found: Collection[str]) -> str:
    there = [uri for uri in due.seen_at if uri in found]
    if not there:
        return f"its file is gone: {due.uri}"
    return (
        f"its file holds something else by now: {there[0]}. Where that holds all of it, "
        f"`afterhype extracts reland {due.extract_id}` takes the old one out"
    )
