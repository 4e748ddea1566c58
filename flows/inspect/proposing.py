"""Tell a file's format, and propose an entry of the sources file for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.errors import ExtractError
from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.heads import letters, same_columns
from flows.formats.mapping import column_references
from flows.formats.numbers import guess_marks
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.vendor_format import VendorFormat
from flows.inspect.guesses import (
    CHART_NAMES,
    EVENT_NAMES,
    INSTALL_NAMES,
    matching,
    other_order_of_days,
    time_expression,
)
from flows.inspect.looking import Column, Look
from flows.inspect.reports import (
    could_be_users,
    holds_app_ids,
    is_a_loaders,
    loaded_analytics,
    names_of_apps,
)
from flows.inspect.telling_apart import chart_columns, from_file_name
from flows.inspect.zones import ask_for_zone
from flows.sources import INSTALL_COUNTS

_SECTIONS = (
    ("events", EVENT_FORMATS),
    ("installs", INSTALL_FORMATS),
    ("reviews", REVIEW_FORMATS),
)


_COUNT = re.compile(r"\d[\d.,]*")
_PACKAGE = re.compile(r"[a-zA-Z]\w*(\.\w+)+")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An entry for a section of the sources file.

    ``title`` says in words what the format is; ``notes`` are what only the reader can know;
    ``weighed`` are other readings that were possible, and why they were not taken.
    """

    section: str
    format: str
    title: str
    options: dict[str, Any]
    notes: tuple[str, ...] = ()
    weighed: tuple[str, ...] = ()

    def entry(self, name: str, app_id: str, uri: str | Sequence[str]) -> dict[str, Any]:
        """The entry as the sources file has it."""
        app = {"app_id": app_id} if self.section == "events" else {}
        return {"name": name, **app, "uri": uri, "format": self.format, **self.options}


def propose(look: Look) -> Proposal:
    """The proposal for a file. Its columns may lack something that nobody can tell from it.

    Raises ExtractError for a store's report that is of no known kind: it has no users.
    """
    proposal = _vendors(look) or _feeds(look) or _of_any_shape(look)
    others = tuple(said for name, said in _near(look) if name != proposal.format)
    notes = (*proposal.notes, *_of_encoding(look, proposal))
    return replace(proposal, notes=notes, weighed=(*proposal.weighed, *others))


def _of_encoding(look: Look, proposal: Proposal) -> Iterator[str]:
    """What is to be checked where the text is not UTF-8."""
    if not look.encoding:
        return
    sample = f", in which it says {look.letters!r}" if look.letters else ""
    if proposal.format == "custom":
        yield (
            f"The text is not UTF-8. It is taken for {look.encoding}{sample}: correct "
            "reader.encoding if other letters are meant."
        )
    else:
        yield (
            f"The text is not UTF-8, but perhaps {look.encoding}{sample}, and {proposal.title} is: "
            "rows with other letters are rejected. Rewrite it as UTF-8, or write an entry with "
            "format: custom and reader.encoding."
        )


def _near(look: Look) -> list[tuple[str, str]]:
    """The vendors' formats of which the file has at least half of the marks, and what it lacks."""
    near = []
    for _, formats in _SECTIONS:
        for form in formats.values():
            found = same_columns(form.marks, look.names)
            if form.names or len(form.marks) < 3 or len(found) < len(form.marks) / 2:
                continue
            lacking = sorted(form.marks - found.keys())
            if lacking:
                said = f"it has no column {', '.join(lacking)}"
            elif look.kind not in form.types:
                said = f"that comes as {' or '.join(form.types)}, this is {look.kind}"
            else:
                said = "it has its columns, but another format has more of them"
            near.append((form.name, f"{form.title} ({form.name}): {said}."))
    return near


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

    Columns are told apart without regard to case, blanks and underscores.
    """
    asked = {letters(column) for column in columns}
    values = [
        value for column in look.columns if letters(column.name) in asked for value in column.values
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
    if look.kind == "json" and look.records not in (form.records or "$", "$"):
        return False
    if look.kind == "csv":
        return len(same_columns(form.marks, look.names)) == len(form.marks)
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
    users = matching(EVENT_NAMES, [column.name for column in look.columns]).get("user_id")
    report = matching(INSTALL_NAMES, [column.name for column in look.columns])
    if letters(report.get("store_app_id", "")) == "app" and not holds_app_ids(
        names[report["store_app_id"]]
    ):
        del report["store_app_id"]  # its name says which app it is, not its id
    if users is None and (loaded := loaded_analytics(look)):
        return _loaded_analytics(look, loaded)
    if users is None and _is_report(look, report):
        return _report(look, {key: names[name] for key, name in report.items()})
    if users is None and (apps := names_of_apps(look)):
        raise _not_known(
            look,
            f"its rows are of apps ({', '.join(apps)}), and no column is named as users are. It "
            "may be a store's report. If they are events, write an entry with format: custom "
            "and say which column is the user's id",
        )
    return _events(look, names)


def _not_known(look: Look, why: str) -> ExtractError:
    """What is said of a file that no entry can be proposed for, with the formats it is near to."""
    near = "".join(f" Weighed: {said}" for _, said in _near(look))
    return ExtractError(f"not known: {_words(look)}: {why}.{near}")


def _loaded_analytics(look: Look, columns: Mapping[str, str]) -> Proposal:
    counts = next(column.name for column in look.columns if letters(column.name) == "counts")
    options, notes = number_marks(look, [counts])
    return Proposal(
        section="installs",
        format="custom",
        title="App Store Connect analytics report in a loader's columns",
        options={"reader": _reader(look), "columns": dict(columns), **options},
        notes=(
            *notes,
            "Apps are told by store_ids: {apple: …, google: …} of their entry in apps.",
        ),
        weighed=("Events: no column is named as users are.",),
    )


def _is_report(look: Look, found: dict[str, str]) -> bool:
    """Whether each row counts something of an app on a day: no row is of a user."""
    if not {"store_app_id", "install_date"} <= found.keys():
        return False
    others = [
        c for c in look.columns if c.name not in (found["store_app_id"], found["install_date"])
    ]
    return any(c.values and all(map(_COUNT.fullmatch, c.values)) for c in others)


def _report(look: Look, found: dict[str, Column]) -> Proposal:
    counts = [name for name in found if name in INSTALL_COUNTS]
    if not counts:
        raise _not_known(
            look,
            "a store's report, which has apps and days but no users, and no count that afterhype "
            "knows. If it counts downloads, installs or sessions, write an entry of installs: with "
            "format: custom, and map that column",
        )
    options, marked = number_marks(look, [found[name].name for name in counts])
    columns = {key: column.expression for key, column in found.items()}
    day = found["install_date"]
    columns["install_date"] = time_expression(day.values, day.expression) or day.expression
    ids = found["store_app_id"].values
    google = sum(bool(_PACKAGE.fullmatch(value)) for value in ids)
    columns["store"] = "'google'" if ids and google > len(ids) / 2 else "'apple'"
    rest = [name for name in look.names if name not in {c.name for c in found.values()}]
    return Proposal(
        section="installs",
        format="custom",
        title=f"a store's report: {_words(look)}",
        options={"reader": _reader(look), "columns": columns, **options},
        notes=(
            *marked,
            f"Which store is it? Taken for {columns['store']}.",
            *_other_order(day, columns["install_date"]),
            "Counts are summed over rows of the same app, day and country: right only if no row is "
            f"the total of others. Columns that are not mapped: {', '.join(rest) or 'none'}.",
            "Apps are told by store_ids: {apple: …, google: …} of their entry in apps.",
        ),
        weighed=("Events: no column is named as users are.",),
    )


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
        notes += _other_order(moment[0], moment[1])
        asked = ask_for_zone(moment[0].values, moment[0].expression, moment[1])
        notes += [asked] if asked else []
        found = {key: c for key, c in found.items() if c is not moment[0]}
    else:
        columns["event_time"] = "event_time"
        notes.append("No column looks like a time: correct columns.event_time.")
    others = [c for c in look.columns if (not moment or c is not moment[0]) and could_be_users(c)]
    user = found.get("user_id") or next(iter(others), None)
    if user is None:
        raise _not_known(
            look,
            "no vendor's format has these columns, and none of them can be a user's id. Write an "
            "entry with format: custom",
        )
    if "user_id" not in found:
        if moment is None or is_a_loaders(moment[0]):
            but = f" but a loader's ({moment[0].name})" if moment else ""
            raise _not_known(
                look,
                f"no column is named as users are, and none{but} holds a time. Write an entry with "
                "format: custom",
            )
        more = f", as {', '.join(c.name for c in others[1:6])} would be" if others[1:] else ""
        notes.append(
            f"No column is named as users are: {user.name} is a guess{more}. Check columns.user_id."
        )
    columns = {"user_id": user.expression} | columns
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
            "Rows without an id that are equal in user, name and time are one event when they come "
            "in two files: say extracts_overlap: false where no row is in two files."
        )
    return Proposal(
        section="events",
        format="custom",
        title=_words(look),
        options={"reader": _reader(look), "columns": columns},
        notes=tuple(notes),
        weighed=tuple(_other_readings(look, user, [column for column, told in timed if told])),
    )


def _other_order(column: Column, expression: str) -> list[str]:
    """A note where days and months of a column could be the other way round."""
    said = other_order_of_days(column.values, expression)
    return [said] if said else []


def _other_readings(look: Look, user: Column, times: Sequence[Column]) -> Iterator[str]:
    """Which other columns are named as users are, or hold times."""
    named = {letters(name) for name in EVENT_NAMES["user_id"]}
    users = [c.name for c in look.columns if letters(c.name) in named and c is not user]
    if users:
        yield f"Other columns named as users are: {', '.join(users)}; taken: {user.name}."
    if len(times) > 1:
        yield (
            f"Other columns that hold times: {', '.join(c.name for c in times[1:])}; "
            f"taken: {times[0].name}."
        )


def _likely_times(look: Look, found: dict[str, Column]) -> list[Column]:
    """The column that is named as times are, then all others, last a loader's."""
    named = [found["event_time"]] if "event_time" in found else []
    others = sorted((c for c in look.columns if c not in named), key=is_a_loaders)
    return [*named, *others]


def _chart(look: Look, found: dict[str, Column]) -> Proposal:
    columns = {key: column.expression for key, column in found.items()}
    if "snapshot_at" in found:
        column = found["snapshot_at"]
        columns["snapshot_at"] = time_expression(column.values, column.expression) or (
            column.expression
        )
    ids = found["store_app_id"].values
    options, notes = number_marks(look, [found["rank"].name])
    if "snapshot_at" in found:
        notes += _other_order(found["snapshot_at"], columns["snapshot_at"])
    if "store" not in columns:
        google = sum(bool(_PACKAGE.fullmatch(value)) for value in ids)
        columns["store"] = "'google'" if ids and google > len(ids) / 2 else "'apple'"
        notes.append(f"Which store is it? Taken for {columns['store']}.")
    named, told = from_file_name(look, columns)
    columns |= named
    notes += told
    apart, told = chart_columns(look, found, columns)
    columns |= apart
    notes += told
    if "chart" not in columns:
        columns["chart"] = "'top-free'"
        notes.append("Which chart is it? Taken for 'top-free'.")
    # an app's category is not the chart's: taken for it, one chart would fall into many
    if "genre" not in columns:
        notes.append(
            "Charts of all genres? If each row names its chart's, map it as columns.genre."
        )
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
    if look.encoding:
        reader["encoding"] = look.encoding
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
