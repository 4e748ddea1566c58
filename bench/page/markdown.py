"""Write docs/benchmarks.md from the measurements, section by section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.page.plot import draw
from bench.page.words import millions, seconds, size, table, times
from bench.place import Place
from bench.results import Group

_FORMATS = {"ndjson": "NDJSON.gz", "csv": "CSV.gz", "parquet": "Parquet"}

Groups = dict[str, Group]


def write_page(place: Place, groups: Groups) -> Path:
    """Write the page and its plot; groups that were not measured are left out."""
    path = place.page
    path.parent.mkdir(parents=True, exist_ok=True)
    plot = path.with_suffix(".svg")
    drawn = draw(groups, plot)
    parts = [_opening(place, groups), f"![The same in pictures]({plot.name})" if drawn else ""]
    parts += [section(groups) for section in _SECTIONS]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return path


def _opening(place: Place, groups: Groups) -> str:
    machines = list({str(g.machine): g.machine for g in groups.values()}.values())
    told = "\n".join(
        "- " + ", ".join(f"{name} {value}" for name, value in machine.items())
        for machine in machines
    )
    days = sorted({f"{group.measured_at:%Y-%m-%d}" for group in groups.values()})
    loads = [group.load for group in groups.values()]
    scale = "" if place.scale == 1 else f"\n\n**A trial at scale {place.scale:g}: no result.**"
    return f"""\
# Benchmarks

Written by `make bench`; do not edit.{scale}

{told}
- measured {", ".join(days)}; load average at the start {min(loads):.1f} to {max(loads):.1f}

Seconds are wall times of whole processes, start-up included; *net* leaves out the start of the
interpreter and its imports. Several runs: the median. What is compared in a table ran in turns, in
one go, on the same files, which the page cache holds. The data are generated without chance: the
same on every machine with this DuckDB."""


def _landing(groups: Groups) -> str:
    found = [(kind, groups[name]) for kind in _FORMATS if (name := f"landing-{kind}") in groups]
    rows = []
    for kind, group in found:
        for case in group.cases:
            bare = next(one for one in group.of(case) if one.subject == "DuckDB, bare")
            for one in group.of(case):
                rows.append(
                    [
                        f"{_FORMATS[kind]}, {case}",
                        one.subject,
                        seconds(one.median_seconds),
                        seconds(one.median_net_seconds),
                        f"{(one.rows or 0) / one.median_net_seconds:,.0f}",
                        times(one.median_seconds / bare.median_seconds),
                        times(one.median_net_seconds / bare.median_net_seconds),
                    ]
                )
    if not rows:
        return ""
    header = ["file", "by", "seconds", "net", "rows/s, net", "of bare", "of bare, net"]
    return f"""\
## Landing one file

Into a database that is not there yet. *Bare* is `create table as select * from read_json(…)` and
its like: no checks, no duplicates, no keyed users, no ledger. dlt's filesystem source
(`read_jsonl`, `read_csv_duckdb` and `read_parquet` by way of PyArrow) appends what it reads without
telling duplicates apart; it lands the smaller file only.

{table(header, rows)}"""


def _profile(groups: Groups) -> str:
    if "profile-of-landing" not in groups:
        return ""
    found = {one.case: one for one in groups["profile-of-landing"].measurements}
    steps = list(dict.fromkeys(s for one in found.values() for s in one.details["steps"]))
    rows = [
        [step, *(seconds(one.details["steps"].get(step, 0)) for one in found.values())]
        for step in sorted(steps, key=lambda s: s == "everything else")
    ]
    header = ["step, seconds", *(_FORMATS[kind] for kind in found)]
    return f"""\
### Where the time of landing goes

One run with {next(iter(found.values())).rows:,} rows. What the bare reader does is the first step
(of a Parquet file, a part of the second) and a part of the last. The rest is what landing is for:
text becomes typed columns, each row has a reason or none, event ids become hashes by which
duplicates are told, user ids become keys.

{table(header, rows)}"""


def _targets(groups: Groups) -> str:
    """Each target beside what was measured."""
    rows: list[tuple[str, str, float, float]] = []
    for kind, name in _FORMATS.items():
        if group := groups.get(f"landing-{kind}"):
            case = group.cases[0]
            bare, ours = (
                next(one for one in group.of(case) if one.subject == subject).median_net_seconds
                for subject in ("DuckDB, bare", "afterhype")
            )
            rows.append((f"landing {name}, of the bare reader's speed", "0.80", bare / ours, 0.8))
    if group := groups.get("full-build-100m"):
        total = sum(one.median_seconds for one in group.measurements)
        rows.append(("100 M events landed and built, seconds", "360", total, -360))
    if group := groups.get("one-more-day"):
        first, *_, last = (one.median_seconds for one in group.measurements)
        rows.append(("one day on 720 days, of one on 30", "1.30", last / first, -1.3))
    if group := groups.get("nothing-new"):
        rows.append(("nothing new, seconds", "15", group.measurements[-1].median_seconds, -15))
    if group := groups.get("dashboard"):
        slowest = max(one.details["warm_milliseconds"] for one in group.measurements)
        rows.append(("slowest dashboard query, ms", "100", slowest, -100))
    if group := groups.get("large-file"):
        peak = (group.measurements[0].peak_rss_bytes or 0) / 1e9
        rows.append(("peak memory landing 5 GB of NDJSON.gz, GB", "2", peak, -2))
    if not rows:
        return ""
    told = [
        [
            what,
            f"at {'least' if limit > 0 else 'most'} {target}",
            seconds(value),
            "yes" if (value >= limit if limit > 0 else value <= -limit) else "no",
        ]
        for what, target, value, limit in rows
    ]
    return f"## Targets\n\n{table(['what', 'target', 'measured', 'met'], told)}"


def _dirt(groups: Groups) -> str:
    parts = []
    if group := groups.get("large-file"):
        (one,) = group.measurements
        rate = (one.rows or 0) / one.median_net_seconds
        parts.append(
            f"One NDJSON.gz of {size(one.details['file_bytes'])} ({one.rows or 0:,} rows, "
            f"{size(one.details['text_bytes'])} unpacked), DuckDB held to "
            f"{one.details['memory_limit']} by `AFTERHYPE_MEMORY_LIMIT`: "
            f"{seconds(one.median_seconds)} s, {rate:,.0f} rows/s, peak RSS "
            f"{size(one.peak_rss_bytes or 0)}."
        )
    if group := groups.get("many-files"):
        first, again = group.measurements
        parts.append(
            f"{first.case} of NDJSON.gz with {first.rows or 0:,} rows in all: "
            f"{seconds(first.median_seconds)} s; listed again with nothing new: "
            f"{seconds(again.median_seconds)} s."
        )
    if group := groups.get("fuzz"):
        (one,) = group.measurements
        became = one.details["became"]
        parts.append(
            f"{one.case} (vendors' events, charts and reports; bytes or lines changed, cut off, or "
            "noise; plain, gzip or zip), each landed by itself: no crash, and the ledger and the "
            f"rejects account for every line. {became.get('rejects', 0):,} landed with rejects, "
            f"{became.get('landed', 0):,} without, {became.get('failed', 0):,} could not be read "
            f"and say why. {seconds(one.median_seconds)} s."
        )
    return "\n\n".join(["## Dirt", *parts]) if parts else ""


def _full_builds(groups: Groups) -> str:
    rows = []
    for name in ("full-build-10m", "full-build-100m"):
        if name not in groups:
            continue
        landing, build = groups[name].measurements
        total = landing.median_seconds + build.median_seconds
        rows.append(
            [
                landing.case,
                f"{landing.details['users']:,}",
                seconds(landing.median_seconds),
                seconds(build.median_seconds),
                seconds(total),
                f"{(landing.rows or 0) / total:,.0f}",
                size(landing.peak_rss_bytes or 0),
                size(build.peak_rss_bytes or 0),
                size(landing.details["parquet_bytes"]),
                size(landing.details["warehouse_bytes"]),
            ]
        )
    if not rows:
        return ""
    header = ["events", "users", "landing s", "build s", "total s", "events/s"]
    header += ["peak RSS landing", "peak RSS build", "Parquet", "warehouse"]
    return f"""\
## A full build

400 days, one Parquet file for every 30 of them; DuckDB may use 4 GB (`AFTERHYPE_MEMORY_LIMIT`) and
spills what does not fit. One run; all marts, with their data tests, without gates and publication.

{table(header, rows)}"""


def _one_more_day(groups: Groups) -> str:
    if "one-more-day" not in groups:
        return ""
    found = groups["one-more-day"].measurements
    first = found[0].median_seconds
    rows = [
        [
            one.subject,
            f"{one.details['events']:,}",
            f"{one.details['users']:,}",
            seconds(one.median_seconds),
            f"{seconds(min(one.seconds))} to {seconds(max(one.seconds))}",
            times(one.median_seconds / first),
            seconds(one.details["history_run_seconds"]),
        ]
        for one in found
    ]
    header = ["history", "events then", "users then", "seconds", "least to most"]
    header += [f"of {found[0].subject}", "the first run, s"]
    return f"""\
## One more day

A whole `afterhype run` with one new file of {found[0].rows:,} events: land, judge, build by
arrival, judge, publish. Every day has the same number of events and active users, however long the
history. The first run is the one that landed, built and published the history.

{table(header, rows)}"""


def _nothing_new(groups: Groups) -> str:
    if "nothing-new" not in groups:
        return ""
    found = groups["nothing-new"].measurements
    whole = found[-1].median_seconds
    rows = [
        [one.subject, seconds(one.median_seconds), f"{100 * one.median_seconds / whole:.0f} %"]
        for one in found
    ]
    return f"""\
## Nothing new

`afterhype run` once more, and how much of it is spent on starting up: each line is a process of its
own that does no more than it says.

{table(["process", "seconds", "share"], rows)}"""


def _cube(groups: Groups) -> str:
    if "cube" not in groups:
        return ""
    found = groups["cube"].measurements
    ours = found[0]
    rows = [
        [
            one.subject,
            seconds(one.median_seconds),
            seconds(one.median_net_seconds),
            times(one.median_seconds / ours.median_seconds),
            size(one.peak_rss_bytes or 0),
        ]
        for one in sorted(found, key=lambda one: one.median_seconds)
    ]
    details = ours.details
    return f"""\
## The retention cube

Classic retention by cohort date, days 0 to 90, from {ours.case} in Parquet: {details["cells"]:,}
cells, which were compared and are the same for all.

{table(["by", "seconds", "net", "of afterhype's way", "peak RSS"], rows)}"""


def _dashboard(groups: Groups) -> str:
    if "dashboard" not in groups:
        return ""
    found = groups["dashboard"].measurements
    rows = [
        [
            one.subject,
            f"{one.details['rows']:,}",
            f"{one.details['warm_milliseconds']:.1f}",
            f"{median(one.details['cold_milliseconds']):.1f}",
        ]
        for one in found
    ]
    details = found[0].details
    header = ["query", "rows", "ms, one connection", "ms, new process and connection"]
    return f"""\
## Asking the published file

An app with {details["users"]:,} users and {millions(details["events"])} events, 400 cohort dates
and 12 segments; `marts.duckdb` has {size(details["marts_bytes"])}. All rows fetched into Python.
Warm: the median of 10 in one read-only connection. Cold: open the file and ask once, without the
start of the interpreter, the median of 5.

{table(header, rows)}"""


_SECTIONS: tuple[Callable[[Groups], str], ...] = (
    _targets,
    _landing,
    _profile,
    _dirt,
    _full_builds,
    _one_more_day,
    _nothing_new,
    _cube,
    _dashboard,
)
