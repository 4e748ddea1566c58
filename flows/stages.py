"""The stages of a run as plain functions: land, judge, build, judge, publish. No server needed."""

from __future__ import annotations

import difflib
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from flows import builds, preloading, timings
from flows.builds import Build
from flows.compaction import Compaction
from flows.compaction import compact as compact_warehouse
from flows.dbt_process import prepare_dbt
from flows.errors import AfterhypeError, ConfigurationError
from flows.extract.apple_charts import Fetch, archived
from flows.lake import upkeep as lake
from flows.lake.location import lake_of
from flows.land import ledger
from flows.land.configuration import write_configuration
from flows.land.coverage import find_holes
from flows.land.drift import list_drift, sum_up
from flows.land.relanding import OtherMapping, Relanding, other_mappings
from flows.land.relanding import reland as reland_source
from flows.land.source import Advance, SourceLanding, land_fetches, land_files
from flows.outlook.slow_sources import SlowSource, slow_sources
from flows.publish import Publication, current_publication, list_publications
from flows.publish import publish as publish_generation
from flows.quality import GateReport, data_docs_path, mart_gate, raw_gate
from flows.settings import Settings, load_settings
from flows.sources import AnyFiles, AnySource, ChartFeed, Sources, load_sources
from flows.spark.handing_over import export_outlook, forget_built, hand_over
from flows.spark.homecoming import bring_home
from flows.staleness import StaleSource, stale_sources
from flows.targets.deliveries import Delivery
from flows.timings import StepTime
from flows.transform import OUTLOOK_INPUTS, Dbt, Layer, begin_docs, build_layer, write_docs
from flows.verify import Verification
from flows.verify import verify as verify_marts
from flows.warehouse import connect, create_schemas

BACKFILL_SLICE_DAYS = 30
"""How many days a backfill lands before it lets other runs have the warehouse."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what it works on, when it began (naive UTC), and what it is narrowed to."""

    settings: Settings
    sources: Sources
    run_id: str
    now: datetime
    days: tuple[date, date] | None = None
    selected: tuple[AnySource, ...] = ()
    will_build: bool = False


@dataclass(frozen=True, kw_only=True)
class RejectedRows:
    """The rows of a source that a run rejected for one reason, and where the first of them is."""

    source: str
    reason: str
    rows: int
    first_place: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to. ``publication`` is the one that stands at its end, if any."""

    run_id: str
    landings: tuple[SourceLanding, ...] = ()
    rejects: tuple[RejectedRows, ...] = ()
    drift: tuple[str, ...] = ()
    raw_gate: GateReport | None = None
    mart_gate: GateReport | None = None
    publication: Publication | None = None
    nothing_new: bool = False
    deliveries: tuple[Delivery, ...] = ()
    other_mappings: tuple[OtherMapping, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """A message for each extract or chart that could not be had."""
        return tuple(message for landing in self.landings for message in landing.failed)

    @property
    def undelivered(self) -> tuple[str, ...]:
        """A message for each target that did not take the publication."""
        return tuple(delivery.message for delivery in self.deliveries if delivery.error)

    @property
    def quarantined(self) -> tuple[str, ...]:
        """The extracts that the raw gate held back in this run."""
        return tuple(self.raw_gate.failed_subjects) if self.raw_gate else ()


def begin(home: Path | None, sources: Path | None) -> Run:
    """Read the settings and the sources file. Raises ConfigurationError."""
    settings = load_settings(home, sources)
    loaded = load_sources(settings.sources)
    now = datetime.now(UTC).replace(tzinfo=None)
    return Run(
        settings=settings,
        sources=loaded,
        # the prefix keeps Great Expectations from reading a time into it
        run_id=f"run-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        now=now,
        selected=loaded.all,
    )


def to_be_built(run: Run) -> Run:
    """A run that goes on to build what it lands: dbt may get ready while it does."""
    return replace(run, will_build=True)


def only_charts(run: Run) -> Run:
    """Narrow a run to its chart sources."""
    return replace(run, selected=run.sources.ranks)


def between(run: Run, start: date, end: date, source: str | None) -> Run:
    """Narrow a run to extracts of the days ``start`` to ``end``, and to one source if named.

    Of a live feed these are the payloads in the archive: a chart of the past cannot be fetched.
    Raises ConfigurationError.
    """
    if end < start:
        raise ConfigurationError(f"backfill: the end {end} lies before the start {start}")
    chosen = tuple(s for s in run.selected if source in (None, s.name))
    if not chosen:
        raise ConfigurationError(
            f"backfill: no source is named {source!r} in {run.settings.sources} "
            f"(known: {', '.join(s.name for s in run.selected) or 'none'})"
        )
    return replace(run, days=(start, end), selected=chosen)


def slices(start: date, end: date) -> list[tuple[date, date]]:
    """A range of days in slices, between which other runs get their turn."""
    first_days = [
        start + timedelta(days=days)
        for days in range(0, (end - start).days + 1, BACKFILL_SLICE_DAYS)
    ]
    return [(day, min(day + timedelta(days=BACKFILL_SLICE_DAYS - 1), end)) for day in first_days]


def together(parts: Sequence[Summary]) -> Summary:
    """What the parts of a backfill came to as one."""
    by_source: dict[str, SourceLanding] = {}
    for landing in (landing for part in parts for landing in part.landings):
        before = by_source.get(landing.source)
        by_source[landing.source] = landing if before is None else before.plus(landing)
    results = [result for part in parts if part.raw_gate for result in part.raw_gate.results]
    return Summary(
        run_id=parts[-1].run_id,
        landings=tuple(by_source.values()),
        raw_gate=GateReport(stage="raw", results=tuple(results)) if results else None,
    )


def sources_of_files(run: Run, source: str | None) -> list[AnyFiles]:
    """The sources whose extracts are files, or the one of this name. Raises ConfigurationError."""
    files: dict[str, AnyFiles] = {
        one.name: one for one in run.sources.all if not isinstance(one, ChartFeed)
    }
    if source is None:
        return list(files.values())
    if source not in files:
        close = difflib.get_close_matches(source, files, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(files) or 'none'}"
        raise ConfigurationError(
            f"no source of files is named {source!r} in {run.settings.sources} ({hint})"
        )
    return [files[source]]


def archived_fetches(run: Run, feed: ChartFeed) -> list[Fetch]:
    """The archived payloads of a live feed of the days to which a run is narrowed."""
    assert run.days is not None  # a backfill has a range
    return archived(feed, run.settings, *run.days)


def prepare(run: Run) -> str | None:
    """Create the raw contract where it lacks, and write the sources file into it.

    A line to be told where the events were moved, since the sources file wants them elsewhere.
    """
    with connect(run.settings) as con:
        create_schemas(con)
        write_configuration(con, run.sources)
        moved = lake.settle(con, lake.wanted_lake(run.sources.land, run.settings))
        lake.sweep(con)  # what a killed run has left
    return moved


def land_source(run: Run, source: AnyFiles, advance: Advance) -> SourceLanding:
    """Land the new files of one source."""
    with connect(run.settings) as con:
        return land_files(
            con,
            source,
            run.settings,
            run.now,
            days=run.days,
            advance=advance,
            on_new=lambda: _get_ready(run, con),
        )


def _get_ready(run: Run, con: duckdb.DuckDBPyConnection) -> None:
    """Begin with what follows on a landing, since something new has been found. Returns at once."""
    preloading.load("expectations.engine")
    # what is parsed for Spark depends on what is handed over to it
    if run.will_build and run.settings.build_on == "duckdb":
        dbt = Dbt(
            settings=run.settings,
            sources=run.sources,
            events_in_lake=lake_of(con) is not None,
        )
        prepare_dbt(dbt.request("build"))


def reland(run: Run, source: AnyFiles, advance: Advance, *, unknown: bool) -> Relanding:
    """Land those extracts of a source again that had landed with another mapping."""
    with connect(run.settings) as con:
        relanding = reland_source(
            con, source, run.settings, run.now, unknown=unknown, advance=advance
        )
        lake.sweep(con)
    return relanding


def land_feed(run: Run, feed: ChartFeed, fetches: list[Fetch]) -> SourceLanding:
    """Land what a live feed gave."""
    with connect(run.settings) as con:
        return land_fetches(con, feed, fetches, run.now)


def judge_extracts(run: Run) -> GateReport | None:
    """Judge the extracts that no gate has seen, and quarantine those that fail a critical check.

    Also those which a killed run landed. None when there is nothing to judge.
    """
    with connect(run.settings) as con:
        new = ledger.unjudged(con)
        if new:
            find_holes(con, run.sources)
    if not new:
        return None
    report = raw_gate(run.settings, run.run_id, new)
    reasons = {check.subject: check.message for check in report.critical_failures}
    with connect(run.settings) as con:
        for extract_id in report.failed_subjects:
            ledger.quarantine(con, extract_id, reasons[extract_id])
        ledger.mark_judged(con, new, run.now)
        lake.sweep(con)  # lists what has landed, for whoever reads it without the warehouse
    return report


def unchanged_publication(run: Run) -> Publication | None:
    """The current publication, if it was made of exactly what the warehouse holds now."""
    stands = current_publication(run.settings)
    if stands is None:
        return None
    with connect(run.settings) as con:
        return None if builds.unpublished(con, run.sources) else stands


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """A build that has begun: what it has to do, and how dbt is to run for it."""

    build: Build
    dbt: Dbt


@dataclass(frozen=True, kw_only=True)
class LayerBuild:
    """What one layer of a build came to: its models with their seconds, the longest first."""

    layer: str
    models: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        slowest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.models[:5])
        return f"{self.layer}: {len(self.models)} models" + (f", {slowest}" if slowest else "")


def begin_build(run: Run, *, full: bool = False) -> BuildPlan:
    """Note that a build begins: by arrival where the last one left something to go on from.

    From here on until ``finish_build`` the marts are neither old nor new: a build that fails in
    between makes the next one build everything anew.
    """
    on_spark = run.settings.build_on != "duckdb"
    with connect(run.settings) as con:
        find_holes(con, run.sources)  # what is held back or let through since lacks, or fills one
        handed = hand_over(con, run.settings, run.run_id) if on_spark else None
        engine = handed.engine if handed else builds.DUCKDB
        started = builds.begin(con, run.sources, run.run_id, run.now, engine=engine, full=full)
        in_lake = lake_of(con) is not None
    if handed and not started.by_arrival:
        forget_built(handed.lake)
    dbt = Dbt(
        settings=run.settings,
        sources=run.sources,
        by_arrival=started.by_arrival,
        events_in_lake=in_lake,
        spark=handed,
    )
    return BuildPlan(build=started, dbt=dbt)


def build_counts(plan: BuildPlan) -> LayerBuild:
    """Build all that is counted: the layers staging and intermediate. Raises TransformError."""
    return _layer(plan, "counts")


def fit_outlook(plan: BuildPlan) -> LayerBuild:
    """Fit forecasts, verdicts and rank decay to the counts, where one of them may have changed."""
    if not OUTLOOK_INPUTS & set(plan.build.changed):
        return LayerBuild(layer="outlook")
    preloading.wait_for("flows.outlook.fitting")
    from flows.outlook import fitting  # SciPy: only where something is fitted

    settings, sources = plan.dbt.settings, plan.dbt.sources
    began = time.monotonic()
    with connect(settings) as con:
        if plan.dbt.spark:
            bring_home(con, plan.dbt.spark.lake, plan.dbt.manifest, "intermediate")
        fitting.fit_outlook(con, sources.horizon_days, sources.verdict)
        if plan.dbt.spark:
            export_outlook(con, plan.dbt.spark.control)
    return LayerBuild(layer="outlook", models=(("outlook", time.monotonic() - began),))


def build_mart_layer(plan: BuildPlan) -> LayerBuild:
    """Build what is published, from the counts and the outlook. Raises TransformError."""
    return _layer(plan, "marts")


def finish_build(plan: BuildPlan) -> Build:
    """Note that the marts hold all that has landed, and bring them home where Spark built them."""
    with connect(plan.dbt.settings) as con:
        if plan.dbt.spark:
            bring_home(con, plan.dbt.spark.lake, plan.dbt.manifest, "marts")
        builds.finish(con, plan.build)
    return plan.build


def build(run: Run, *, full: bool = False) -> Build:
    """A whole build, its layers one after the other. Raises TransformError."""
    plan = begin_build(run, full=full)
    for layer in (build_counts, fit_outlook, build_mart_layer):
        layer(plan)
    return finish_build(plan)


def _layer(plan: BuildPlan, layer: Layer) -> LayerBuild:
    nodes = build_layer(plan.dbt, layer, plan.build.changed)
    models = sorted(
        ((node.name, node.seconds) for node in nodes if node.resource_type == "model"),
        key=lambda model: -model[1],
    )
    return LayerBuild(layer=layer, models=tuple(models))


def draw_ahead(run: Run) -> None:
    """Make what every site of a home has in common, in a thread, where it is not there yet."""

    def vega() -> str:
        from flows.report.drawing import Drawings  # imports Altair

        return Drawings(_kept_for_sites(run)).vega

    preloading.make(vega)


def _kept_for_sites(run: Run) -> Path:
    return run.settings.home / "site"


def begin_publication(run: Run) -> None:
    """Have dbt write its page, where it must be written anew, while the marts are judged."""
    begin_docs(run.settings, run.sources)


def judge_marts(run: Run) -> GateReport:
    """Judge the freshly built marts. The caller stops when a critical check failed."""
    return mart_gate(run.settings, run.run_id)


def publish(run: Run) -> Publication:
    """Swap the new publication in, with its site, and remember what it was made of."""
    with connect(run.settings) as con:
        fingerprint = builds.built_fingerprint(con)
        gate_results = _latest_gate_results(con)

    def write_publication_site(marts: Path, target: Path) -> None:
        # dbt has gone on with its page until here, while the marts were judged and copied
        dbt_docs = write_docs(run.settings, run.sources)
        preloading.wait()
        from flows.report.site import write_site  # imports Altair: only where a page is written

        write_site(
            marts,
            target,
            kept_in=_kept_for_sites(run),
            dbt_docs=dbt_docs,
            data_docs=data_docs_path(run.settings),
        )

    publication = publish_generation(
        run.settings,
        run.sources,
        gate_results=gate_results,
        now=run.now,
        write_site=write_publication_site,
    )
    with connect(run.settings) as con:
        con.execute("delete from ops.alias_changes")  # they are told now
        con.execute(
            "insert into ops.publications values (?, ?, ?)",
            [publication.publication_id, fingerprint, run.now],
        )
        con.execute(
            "insert into ops.publication_extracts by name "
            "select ? as publication_id, extract_id, mapping_hash, landed_at, app_id "
            "from raw.extracts left join raw.event_sources using (source) "
            "where status = 'landed'",
            [publication.publication_id],
        )
        con.execute(
            "delete from ops.publication_extracts "
            "where publication_id not in (select unnest(?::varchar[]))",
            [[kept.publication_id for kept in list_publications(run.settings)]],
        )
    return publication


def verify(run: Run) -> Verification:
    """Rebuild the marts aside and compare: with the warehouse's, and with what is published of it.

    Raises AfterhypeError when the marts are older than what has landed.
    """
    unchanged = unchanged_publication(run)
    return verify_marts(run.settings, run.sources, run.settings.marts_path if unchanged else None)


def data_docs_problem(run: Run) -> str | None:
    """Wait until the Data Docs of a run's gates are written; why they are not, or None."""
    try:
        data_docs_path(run.settings)
    except AfterhypeError as error:
        return str(error)
    return None


def record_times(run: Run, times: Sequence[StepTime]) -> None:
    """Write how long the steps of a run took, where there is a warehouse that can hold it."""
    if not times or not run.settings.warehouse_path.exists():
        return
    # an older home, or one that broke off in the middle of something: the run's own error counts
    with suppress(duckdb.Error, AfterhypeError), connect(run.settings) as con:
        timings.record_times(con, run.run_id, times)


def compact(run: Run) -> Compaction:
    """Prune raw events older than the sources file keeps them, and rewrite the warehouse."""
    return compact_warehouse(run.settings, run.sources, run.now)


def stale(run: Run) -> list[StaleSource]:
    """The sources that have brought nothing new for longer than the sources file allows."""
    with connect(run.settings, read_only=True) as con:
        return stale_sources(con, run.selected, run.now)


def slow(run: Run) -> list[SlowSource]:
    """The sources for which the others of their app wait, as the last build has them."""
    with connect(run.settings, read_only=True) as con:
        return slow_sources(con)


def with_findings(run: Run, summary: Summary) -> Summary:
    """The summary with what its extracts were rejected for, and how their columns differ.

    Also with the sources whose extracts landed with another mapping than they have now.
    Read while the run holds its home: the next one may write it as soon as this one ends.
    """
    landed = {
        extract_id: outcome
        for landing in summary.landings
        for extract_id, outcome in landing.landed.items()
    }
    with connect(run.settings, read_only=True) as con:
        summary = replace(summary, other_mappings=other_mappings(con, run.selected))
        if not landed:
            return summary
        return replace(
            summary,
            drift=tuple(sum_up(list_drift(con, list(landed)))),
            rejects=_rejects_by_reason(con, [i for i, one in landed.items() if one.rows_rejected]),
        )


def _rejects_by_reason(
    con: duckdb.DuckDBPyConnection, extract_ids: Sequence[str]
) -> tuple[RejectedRows, ...]:
    """A reason may end in the text it is about, after a colon: rows are counted without it."""
    if not extract_ids:
        return ()
    rows = con.execute(
        """
        select
            rejects.source,
            split_part(rejects.reason, ':', 1) as reason_kind,
            count(*) as row_count,
            arg_min(
                parse_filename(extracts.uri) || coalesce(' line ' || line_number, ''),
                (extracts.uri, line_number)
            ) as first_place,
        from raw.rejects as rejects
        inner join raw.extracts as extracts using (extract_id)
        where extract_id in (select unnest($extract_ids))
        group by all
        order by rejects.source, row_count desc, reason_kind
        """,
        {"extract_ids": list(extract_ids)},
    ).fetchall()
    return tuple(
        RejectedRows(source=source, reason=reason, rows=count, first_place=first_place)
        for source, reason, count, first_place in rows
    )


def _latest_gate_results(con: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """The results of the last raw gate and of the last mart gate, as the publication shows them."""
    rows = con.execute(
        """
        select
            stage, subject, suite, expectation, severity, success, unexpected_count, message,
            strftime(checked_at, '%Y-%m-%dT%H:%M:%SZ') as checked_at,
        from ops.gate_results
        qualify run_id = last_value(run_id) over (
            partition by stage order by checked_at
            rows between unbounded preceding and unbounded following
        )
        order by stage desc, success, severity, suite, subject
        """
    )
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
