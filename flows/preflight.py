"""Hold a sources file against the files that it names, before a run starts."""

from __future__ import annotations

import difflib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from flows.errors import AfterhypeError, ConfigurationError, ExtractError
from flows.extract.files import list_files
from flows.extract.found import HEAD_BYTES, Found
from flows.extract.unpack import ZSTD, Part, encoding_of
from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.heads import other_delimiter, read_head, same_columns
from flows.formats.mapping import alternatives, column_references, mapping_in_sql
from flows.formats.not_utf8 import likely_encoding
from flows.formats.reading import FILE_NAME
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.sniffing import head_of, reader_of
from flows.settings import Settings
from flows.source_lines import line_of_setting
from flows.sources import AnyFiles, ChartFiles, Reader, Sources
from flows.warehouse import connect

_SECTIONS = ("events", "ranks", "installs", "reviews")

_FILES_LOOKED_AT = 4
"""The first and the last by name, the oldest and the newest: an export may have changed."""

_FROM_ELSEWHERE = frozenset({FILE_NAME})
"""Columns that no file has, and mappings may name."""

_ENOUGH_OBJECTS = 20
"""So many JSON objects without a key say that there is none; keys may be left out where empty."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a setting: where it is given, and why."""

    section: str
    position: int
    keys: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        path = ".".join((f"{self.section}[{self.position}]", *self.keys))
        return f"{path}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the ledger knows: sources that had files, with the columns of these in lower case."""

    columns: Mapping[str, frozenset[str]]
    is_read: bool


def check_against_files(settings: Settings, sources: Sources) -> None:
    """Raise ConfigurationError naming every setting that the files at hand contradict.

    Local files only, and of these the heads of a few. A uri that matches nothing is a fault of a
    source that never had a file; later its files may be gone, which its landing reports. A column
    that earlier files of a source had has left the export: its landing reports that, too.
    """
    known = _ledger(settings)
    faults = [
        fault
        for section in _SECTIONS
        for position, source in enumerate(getattr(sources, section))
        if hasattr(source, "uris")
        for fault in _faults(section, position, source, settings, known)
    ]
    if not faults:
        return
    text = settings.sources.read_text(encoding="utf-8")
    told = []
    for fault in faults:
        line = line_of_setting(text, (fault.section, fault.position, *fault.keys))
        told.append(f"{settings.sources}, line {line}: {fault}")
    raise ConfigurationError("\n".join(told))


def _ledger(settings: Settings) -> _Known:
    """What is known of earlier files; while another run writes the home, nothing is."""
    if not settings.warehouse_path.exists():
        return _Known(columns={}, is_read=True)
    try:
        with connect(settings, read_only=True) as con:
            rows = con.execute(
                """
                select source, list(distinct lower(column_name)) filter (column_name is not null)
                from raw.extracts left join raw.extract_columns using (extract_id)
                group by source
                """
            ).fetchall()
    except (AfterhypeError, duckdb.Error):
        return _Known(columns={}, is_read=False)
    return _Known(columns={name: frozenset(had or ()) for name, had in rows}, is_read=True)


def _faults(
    section: str, position: int, source: AnyFiles, settings: Settings, known: _Known
) -> Iterator[Fault]:
    def fault(keys: tuple[str, ...], reason: str) -> Fault:
        return Fault(
            section=section, position=position, keys=keys, reason=f"{source.name}: {reason}"
        )

    found: list[Found] = []
    for uri in source.uris:
        if "://" in uri:
            return  # a listing of a bucket takes its time, and its credentials
        try:
            found += list_files(source.name, uri, settings.sources, settings.home)
        except ExtractError as error:
            if known.is_read and source.name not in known.columns:
                reason = str(error).removeprefix(f"{source.name}: ")
                yield fault(("uri",), f"{reason}{_nearest_place(uri, settings)}")
    try:
        expressions = tuple(_expressions(source))
    except ExtractError as error:  # not SQL
        yield fault(("columns",), str(error).removeprefix(f"{source.name}: "))
        return
    heads = [head for one in _some(found) if (head := _head(one, source))]
    if heads:
        yield from _column_faults(source, expressions, heads, known, fault)


def _nearest_place(uri: str, settings: Settings) -> str:
    """The names that are there where a path goes astray."""
    place = settings.sources.parent
    for part in Path(uri.replace("{home}", str(settings.home))).expanduser().parts:
        if (place / part).exists():
            place = place / part
            continue
        if not place.is_dir():
            return ""
        names = sorted(p.name for p in place.iterdir() if not p.name.startswith("."))
        near = difflib.get_close_matches(part, names, n=3, cutoff=0.5) or names[:5]
        return f" In {place} there is: {', '.join(near)}." if near else f" {place} is empty."
    return ""


def _some(found: Sequence[Found]) -> list[Found]:
    if len(found) <= _FILES_LOOKED_AT:
        return list(found)
    by_age = sorted(found, key=lambda one: one.modified_at)
    return list({one.uri: one for one in (found[0], found[-1], by_age[0], by_age[-1])}.values())


@dataclass(frozen=True, kw_only=True)
class _Head:
    """The columns of a file, and what else its beginning says: objects read, other delimiter."""

    name: str
    columns: tuple[str, ...]
    reader: Reader
    objects: int = 0
    delimiter: str | None = None
    encoding: str | None = None


def _head(found: Found, source: AnyFiles) -> _Head | None:
    """A file's head; None of one whose columns its beginning does not tell, or that is damaged."""
    if isinstance(source, ChartFiles) and source.format != "custom":
        return None  # a document, whose shape is the format's
    try:
        with tempfile.TemporaryDirectory(prefix="afterhype-head-") as folder:
            return _read(found, source, Path(folder))
    except (AfterhypeError, OSError, duckdb.Error, zipfile.BadZipFile, RuntimeError):
        return None  # its landing says what is wrong with it


def _read(found: Found, source: AnyFiles, folder: Path) -> _Head | None:
    part = Part(number=0, location=found.uri, name=found.uri)
    data = head_of(part)
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(found.uri) as archive:
            names = [i for i in archive.infolist() if i.file_size and "__MACOSX" not in i.filename]
            if not names:
                return None
            first = min(names, key=lambda info: info.filename)
            with archive.open(first) as member:
                data = member.read(HEAD_BYTES)
        part = replace(part, name=f"{found.uri}!{first.filename}", head=data)
    if not data or data.startswith(ZSTD):
        return None
    forms = EVENT_FORMATS | INSTALL_FORMATS | REVIEW_FORMATS
    reader = source.reader or reader_of(forms[source.format], part)
    with duckdb.connect(config={"threads": 1}) as con:
        if reader.type == "parquet":
            if part.head:
                return None
            names_found = con.execute("describe from read_parquet(?)", [found.uri]).fetchall()
            columns = tuple(row[0] for row in names_found)
            return _Head(name=part.name, columns=columns, reader=reader)
        encoding = source.text_encoding or encoding_of(data)
        other = None if encoding else likely_encoding(data)
        text = data.decode(encoding or other or "utf-8-sig", "ignore")
        if reader.type == "ndjson":
            return _keys(part.name, text, reader, other)
        if reader.type != "csv":
            return None
        copy = folder / "head.csv"
        copy.write_text(text, encoding="utf-8", newline="")
        head = read_head(con, Part(number=0, location=str(copy), name=part.name), reader)
    return _Head(
        name=part.name,
        columns=head.columns,
        reader=reader,
        delimiter=other_delimiter(head),
        encoding=other,
    )


def _keys(name: str, text: str, reader: Reader, other: str | None) -> _Head | None:
    objects = []
    for line in text.splitlines():
        with suppress(ValueError):
            if isinstance(parsed := json.loads(line), dict):
                objects.append(parsed)
    if not objects:
        return None
    columns = tuple({key: None for one in objects for key in one})
    return _Head(name=name, columns=columns, reader=reader, objects=len(objects), encoding=other)


def _column_faults(
    source: AnyFiles,
    expressions: Sequence[tuple[tuple[str, ...], str]],
    heads: Sequence[_Head],
    known: _Known,
    fault: Callable[[tuple[str, ...], str], Fault],
) -> Iterator[Fault]:
    head = heads[-1]
    if all(one.encoding for one in heads):
        setting = ("reader", "encoding") if source.reader else ("encoding",)
        yield fault(
            setting,
            f"{head.name} is not UTF-8, most likely {head.encoding}: give it as "
            f"{'.'.join(setting)}, or export in UTF-8",
        )
    had = known.columns.get(source.name, frozenset())
    missing: dict[tuple[str, ...], list[str]] = {}
    for keys, expression in expressions:
        lacking = [_lacking(expression, one) for one in heads]
        names = {name for name in lacking[-1] if name.lower() not in had}
        if all(lacking) and names:
            missing[keys] = sorted(names)
    if not missing:
        return
    if source.reader and all(one.delimiter for one in heads):
        yield fault(
            ("reader", "delimiter"),
            f"{head.name} has {head.delimiter!r} between its columns, not "
            f"{head.reader.delimiter!r}: say delimiter: {json.dumps(head.delimiter)}",
        )
        return
    for keys, absent in missing.items():
        yield fault(keys, f"{head.name} has no column {_with_nearest(absent, head.columns)}")


def _expressions(source: AnyFiles) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is asked of a file's columns: by the sources file, and by the vendor's format."""
    if isinstance(source, ChartFiles) and source.format != "custom":
        return
    mapped = mapping_in_sql(source)
    for column in source.columns:
        yield ("columns", column), mapped.expressions[column]
    if source.format != "custom":
        for name in sorted(mapped.required):
            yield ("format",), '"' + name.replace('"', '""') + '"'


def _lacking(expression: str, head: _Head) -> list[str]:
    """The columns for want of which an expression gives nothing at all; one alternative does."""
    lacking: list[str] = []
    for alternative in alternatives(expression):
        asked = column_references(alternative) - _FROM_ELSEWHERE
        absent = asked - same_columns(asked, head.columns).keys()
        if head.reader.type == "ndjson" and (absent != asked or 0 < head.objects < _ENOUGH_OBJECTS):
            absent = frozenset()  # keys may be left out where they have no value
        if not absent:
            return []
        lacking += absent
    return lacking


def _with_nearest(names: Sequence[str], columns: Sequence[str]) -> str:
    by_case = {column.lower(): column for column in columns}
    told = []
    for name in names:
        close = difflib.get_close_matches(name.lower(), by_case, n=3)
        hint = f" (did you mean {' or '.join(by_case[one] for one in close)}?)" if close else ""
        told.append(f"{name}{hint}")
    return f"{', '.join(told)}. Its columns: {', '.join(columns[:30]) or 'none'}"
