"""Tell a file's format, and propose an entry of the sources file for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.mapping import column_references
from flows.formats.numbers import guess_marks
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.vendor_format import VendorFormat
from flows.inspect.guesses import CHART_NAMES, EVENT_NAMES, matching, time_expression
from flows.inspect.looking import Column, Look
from flows.sources import INSTALL_COUNTS

_SECTIONS = (
    ("events", EVENT_FORMATS),
    ("installs", INSTALL_FORMATS),
    ("reviews", REVIEW_FORMATS),
)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An entry for a section of the sources file.

    ``title`` says in words what the format is; ``notes`` are what only the reader can know.
    """

    section: str
    format: str
    title: str
    options: dict[str, Any]
    notes: tuple[str, ...] = ()

    def entry(self, name: str, app_id: str, uri: str | Sequence[str]) -> dict[str, Any]:
        """The entry as the sources file has it."""
        app = {"app_id": app_id} if self.section == "events" else {}
        return {"name": name, **app, "uri": uri, "format": self.format, **self.options}


def propose(look: Look) -> Proposal:
    """The proposal for a file. Its columns may lack something that nobody can tell from it."""
    return _vendors(look) or _feeds(look) or _of_any_shape(look)


def _vendors(look: Look) -> Proposal | None:
    """The vendor's format with the most marks of all whose marks the file has."""
    fitting = [
        (len(form.marks), section, form)
        for section, formats in _SECTIONS
        for form in formats.values()
        if _fits(form, look)
    ]
    if not fitting:
        return None
    _, section, form = max(fitting, key=lambda one: one[0])
    notes = []
    if form.name == "mixpanel":
        notes.append(
            "Projects from before 2023 export their own time zone: add export_timezone: ZONE."
        )
    options: dict[str, Any] = {}
    if section == "installs":
        notes.append("Apps are told by store_ids: {apple: …, google: …} of their entry in apps.")
        options, more = number_marks(look, _counts(form))
        notes += more
    return Proposal(
        section=section, format=form.name, title=form.title, options=options, notes=tuple(notes)
    )


def _counts(form: VendorFormat) -> frozenset[str]:
    """The columns of which a report's counts are made."""
    counts = [form.columns[count] for count in INSTALL_COUNTS if count in form.columns]
    return frozenset().union(*(column_references(expression) for expression in counts))


def number_marks(look: Look, columns: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """The option ``numbers`` for columns of whole numbers, and a note; neither where none is due.

    Columns are told apart without regard to case.
    """
    asked = {column.lower() for column in columns}
    values = [
        value for column in look.columns if column.name.lower() in asked for value in column.values
    ]
    marks = guess_marks(values)
    if marks is None:
        return {}, []
    sample = next(value for value in values if guess_marks([value]) is not None)
    words = f"{marks.thousands!r} for thousands, " if marks.thousands else ""
    return (
        {"numbers": {"thousands": marks.thousands, "decimal": marks.decimal}},
        [
            f"Numbers such as {sample} are taken to be written with {words}{marks.decimal!r} for "
            "decimals: correct numbers if they are not."
        ],
    )


def _fits(form: VendorFormat, look: Look) -> bool:
    if form.names:  # a table without a header has nothing but its width
        return (
            look.kind == "csv"
            and look.delimiter == form.delimiter
            and not look.has_header
            and len(look.names) == len(form.names)
        )
    if look.is_one_line and "ndjson" in form.types and isinstance(look.document, dict):
        return form.marks <= look.document.keys()
    if look.kind not in form.types:
        return False
    if look.kind == "csv" and look.delimiter != form.delimiter:
        return False
    if look.kind == "json" and look.records not in (form.records or "$", "$"):
        return False
    return form.marks <= look.keys


def _feeds(look: Look) -> Proposal | None:
    feed = look.document.get("feed") if isinstance(look.document, dict) else None
    if not isinstance(feed, dict):
        return None
    entry = feed.get("entry")
    first = entry[0] if isinstance(entry, list) and entry else entry
    entries = entry if isinstance(entry, list) else [entry]
    if "results" in feed:
        return Proposal(section="ranks", format="apple_rss", title="Apple RSS chart", options={})
    if any(isinstance(one, dict) and "im:rating" in one for one in entries):
        form = REVIEW_FORMATS["itunes_reviews"]
        return Proposal(section="reviews", format=form.name, title=form.title, options={})
    if isinstance(first, dict) and "im:name" in first:
        return Proposal(section="ranks", format="itunes_rss", title="iTunes RSS chart", options={})
    return None


def _of_any_shape(look: Look) -> Proposal:
    names = {column.name: column for column in reversed(look.columns)}
    charts = matching(CHART_NAMES, [column.name for column in look.columns])
    if {"rank", "store_app_id"} <= set(charts):
        return _chart(look, {key: names[name] for key, name in charts.items()})
    return _events(look, names)


def _events(look: Look, names: dict[str, Column]) -> Proposal:
    found = {
        key: names[name]
        for key, name in matching(EVENT_NAMES, [column.name for column in look.columns]).items()
    }
    columns: dict[str, str] = {}
    notes = []
    timed = [(c, time_expression(c.values, c.expression)) for c in _likely_times(look, found)]
    moment = next(((column, told) for column, told in timed if told), None)
    if moment:
        columns["event_time"] = moment[1]
        found = {key: c for key, c in found.items() if c is not moment[0]}
    else:
        columns["event_time"] = "event_time"
        notes.append("No column looks like a time: correct columns.event_time.")
    user = found.get("user_id") or next(
        (c for c in look.columns if not moment or c is not moment[0]), None
    )
    if "user_id" not in found:
        notes.append("No column is named as users are: check columns.user_id.")
    columns = {"user_id": user.expression if user else "user_id"} | columns
    if "event_name" in found:
        columns["event_name"] = found["event_name"].expression
    else:
        columns["event_name"] = "'event'"
        notes.append("No column names the event: every row counts as one called 'event'.")
    taken = set(columns.values())
    for key in ("event_id", "platform", "country", "app_version", "channel"):
        if key in found and found[key].expression not in taken:
            columns[key] = found[key].expression
    if "event_id" not in columns:
        notes.append(
            "Rows without an id that are equal in all of this are one event when they come in two "
            "files: say extracts_overlap: false where no row is in two files."
        )
    return Proposal(
        section="events",
        format="custom",
        title=_words(look),
        options={"reader": _reader(look), "columns": columns},
        notes=tuple(notes),
    )


def _likely_times(look: Look, found: dict[str, Column]) -> list[Column]:
    """The column that is named as times are, then all others."""
    named = [found["event_time"]] if "event_time" in found else []
    return [*named, *(column for column in look.columns if column not in named)]


def _chart(look: Look, found: dict[str, Column]) -> Proposal:
    columns = {key: column.expression for key, column in found.items()}
    if "snapshot_at" in found:
        column = found["snapshot_at"]
        columns["snapshot_at"] = time_expression(column.values, column.expression) or (
            column.expression
        )
    ids = found["store_app_id"].values
    options, notes = number_marks(look, [found["rank"].name])
    if "store" not in columns:
        google = sum(bool(re.fullmatch(r"[a-zA-Z]\w*(\.\w+)+", value)) for value in ids)
        columns["store"] = "'google'" if ids and google > len(ids) / 2 else "'apple'"
        notes.append(f"Which store is it? Taken for {columns['store']}.")
    if "chart" not in columns:
        columns["chart"] = "'top-free'"
        notes.append("Which chart is it? Taken for 'top-free'.")
    # an app's category is not the chart's: taken for it, one chart would fall into many
    notes.append("Charts of all genres? If each row names its chart's, map it as columns.genre.")
    for key in ("storefront", "snapshot_at"):
        if key not in columns:
            columns[key] = {"storefront": "'us'", "snapshot_at": "'2000-01-01'"}[key]
            notes.append(f"No column looks like {key}: correct columns.{key}.")
    return Proposal(
        section="ranks",
        format="custom",
        title=_words(look),
        options={"reader": _reader(look), "columns": columns, **options},
        notes=tuple(notes),
    )


def _reader(look: Look) -> dict[str, Any]:
    reader: dict[str, Any] = {"type": look.kind}
    if look.kind == "csv":
        if look.delimiter != ",":
            reader["delimiter"] = look.delimiter
        if not look.has_header:
            reader |= {"header": False, "names": list(look.names)}
    if look.kind == "json" and look.records not in (None, "$"):
        reader["records"] = look.records
    if look.header_lines:
        reader["header_lines"] = look.header_lines
    return reader


def _words(look: Look) -> str:
    kinds = {
        "csv": "a table of text",
        "lines": "lines of columns apart by spaces",
        "ndjson": "one JSON object per line",
        "json": "a JSON document",
        "parquet": "Parquet",
    }
    shown = ", ".join(look.names[:8]) + (", …" if len(look.names) > 8 else "")
    return f"{kinds[look.kind]}, columns {shown}"
