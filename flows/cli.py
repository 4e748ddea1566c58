"""The command line, ``afterhype``: thin, every command calls a flow or reads the published file."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from flows import terminal
from flows.errors import AfterhypeError, ConfigurationError
from flows.settings import PROJECT_ROOT, Settings, load_settings, prefect_api_url

if TYPE_CHECKING:
    import duckdb

    from flows.answers import Form
    from flows.stages import Summary

app = typer.Typer(
    name="afterhype",
    help="When the hype is gone, do the users stay?\n\n"
    "Lands app-store rank and event extracts, builds audited cohort-retention marts, publishes\n"
    "them. Try `afterhype demo` first, then `afterhype run --sources my-sources.yml`.\n\n"
    "Exit codes: 0 done (also when nothing was new), 1 failed, 2 wrong usage or configuration,\n"
    "3 a gate stopped something.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
apps_app = typer.Typer(help="Rename an app of which events have landed.", no_args_is_help=True)
extracts_app = typer.Typer(
    help="List the extracts in the ledger; release or discard quarantined ones, land some again.",
    rich_markup_mode=None,
)
app.add_typer(extracts_app, name="extracts", invoke_without_command=True)
app.add_typer(apps_app, name="apps")
alerts_app = typer.Typer(
    help="Have Prefect tell when a gate stops something, a run fails, a source is stale, ...",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(alerts_app, name="alerts")

Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated, for other programs.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON list of objects.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="A Markdown table.")]

RUNS_TIMED = 3
"""The runs whose steps `status --timings` shows."""

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of everything afterhype writes [AFTERHYPE_HOME, .afterhype]"
    ),
]
Sources = Annotated[
    Path | None,
    typer.Option("--sources", help="The sources file [AFTERHYPE_SOURCES, the demo's]"),
]


def main() -> None:
    """Run the command line; every expected error becomes one message and its exit code."""
    _silence_third_parties()
    atexit.register(gc.freeze)  # else the interpreter ends by looking for garbage in all modules
    try:
        app()
    except AfterhypeError as error:
        terminal.error(str(error))
        sys.exit(error.exit_code)
    except ValidationError as error:
        terminal.error(
            "\n".join(
                f"AFTERHYPE_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
                for problem in error.errors()
            )
        )
        sys.exit(ConfigurationError.exit_code)
    except KeyboardInterrupt:
        terminal.error("interrupted; what was landed is kept, run again to go on")
        sys.exit(1)


@app.callback()
def _common(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    ctx.obj = {"home": home, "sources": sources}


@app.command()
def run(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Land what is new, judge it, build the marts, judge them, publish."""
    settings = _checked_settings(ctx, home, sources, files=True)
    _finish(settings, _sentences().daily(home=settings.home, sources=settings.sources))


@app.command()
def land(
    ctx: typer.Context,
    home: Home = None,
    sources: Sources = None,
    ranks_only: Annotated[bool, typer.Option("--ranks-only", help="Charts only.")] = False,
) -> None:
    """Land what is new and judge it; nothing is built or published."""
    settings = _checked_settings(ctx, home, sources, files=True)
    flow = _sentences().hourly_ranks if ranks_only else _sentences().land
    _finish(settings, flow(home=settings.home, sources=settings.sources))


@app.command()
def build(
    ctx: typer.Context,
    home: Home = None,
    sources: Sources = None,
    full: Annotated[
        bool, typer.Option("--full", help="Make everything anew, not only what has changed.")
    ] = False,
) -> None:
    """Build the marts from what has arrived since the last build; nothing is published."""
    settings = _checked_settings(ctx, home, sources)
    _sentences().build(home=settings.home, sources=settings.sources, full=full)
    terminal.say("Built. Next: `afterhype check`, then `afterhype publish`.")


@app.command()
def check(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Judge the marts as they stand; exit 3 when a critical check fails."""
    settings = _checked_settings(ctx, home, sources, files=True)
    terminal.show_gates(_sentences().check(home=settings.home, sources=settings.sources))


@app.command()
def verify(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Rebuild the marts in another file and compare every cell; exit 1 where one differs."""
    settings = _checked_settings(ctx, home, sources)
    terminal.say("Rebuilding every mart in another file, from the raw tables ...")
    verification = _sentences().verify(home=settings.home, sources=settings.sources)
    terminal.show_verification(verification)


@app.command()
def compact(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Prune raw events that raw_retention_days allows to go, and rewrite the warehouse file."""
    settings = _checked_settings(ctx, home, sources)
    terminal.show_compaction(_sentences().compact(home=settings.home, sources=settings.sources))


@app.command()
def publish(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Judge the marts as they stand, then publish them."""
    settings = _checked_settings(ctx, home, sources)
    _finish(settings, _sentences().publish(home=settings.home, sources=settings.sources))


@app.command()
def deliver(
    ctx: typer.Context,
    home: Home = None,
    sources: Sources = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also to targets that have it already.")
    ] = False,
) -> None:
    """Deliver what is published to the targets of publish.to that lack it; exit 1 if one fails."""
    settings = _checked_settings(ctx, home, sources)
    summary = _sentences().deliver(home=settings.home, sources=settings.sources, again=again)
    terminal.show_deliveries(summary)
    if not summary.deliveries:
        terminal.say("Nothing is due: every target of publish.to holds what is published.")
    _exit(summary)


@app.command()
def backfill(
    ctx: typer.Context,
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    source: Annotated[str | None, typer.Option(help="One source; default: every one.")] = None,
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Land extracts of a range of days, then build and publish.

    Files tell their day in their name or a folder; of live feeds the archive is landed. Broken off,
    run it again: it goes on where it was. Other runs get their turn after each month.
    """
    settings = _checked_settings(ctx, home, sources)
    days: tuple[date, date] = (start.date(), end.date())
    summary = _sentences().backfill(*days, source, home=settings.home, sources=settings.sources)
    _finish(settings, summary)


@app.command()
def inspect(
    ctx: typer.Context,
    uri: Annotated[str, typer.Argument(help="A path, a glob, s3://…, gs://…, az://… or https://…")],
    app_id: Annotated[
        str | None, typer.Option(help="The app whose events these are [my_app, or --into's only]")
    ] = None,
    rows: Annotated[int, typer.Option(help="How many canonical rows to show.")] = 5,
    entry: Annotated[
        bool, typer.Option("--entry", help="Print the sources file alone, to redirect it.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Add the entry to this sources file, or make one of it."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The source's name; default: its file's.")
    ] = None,
    credentials: Annotated[
        str | None, typer.Option(help="A Prefect Secret block, as secret/NAME.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Of a store that speaks S3.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region.")] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="A public bucket.")] = False,
) -> None:
    """Tell an export's format, propose an entry for it, and land its beginning on trial.

    Nothing of it stays: the trial has a home of its own, which is thrown away.
    """
    from flows.inspect import trial
    from flows.inspect.into import DEFAULT_APP, add_entry, app_for
    from flows.sources import Storage

    inspection = trial.inspect(
        uri,
        _settings(ctx, None, None),
        app_id=app_for(into, app_id) if into else app_id or DEFAULT_APP,
        name=name,
        storage=Storage(
            credentials=credentials, endpoint=endpoint, region=region, anonymous=anonymous
        ),
        rows=rows,
    )
    if not entry:
        terminal.show_inspection(inspection)
    elif not into:
        terminal.say(inspection.entry.rstrip())
    if inspection.landing.failed:
        raise AfterhypeError("\n".join(inspection.landing.failed))
    if into:
        added = add_entry(into, inspection.entry)
        terminal.say(f"{into}, line {added.line}: {added.name} added to {added.section}.")
        for note in (*added.notes, *inspection.proposal.notes):
            terminal.say(f"- {note}")


@app.command()
def rollback(
    ctx: typer.Context,
    to: Annotated[str | None, typer.Option(help="A publication id; default: the previous.")] = None,
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Swap an earlier publication back in, byte for byte, here and in the targets of publish.to."""
    from flows.publish import rollback as roll_back
    from flows.sources import load_sources
    from flows.warehouse import writer

    settings = _settings(ctx, home, sources)
    with writer(settings, on_wait=terminal.say):
        publication = roll_back(settings, to)
    terminal.say(f"Rolled back: {publication.publication_id} is published again.")
    if load_sources(settings.sources).publish.to:
        summary = _sentences().deliver(home=settings.home, sources=settings.sources)
        terminal.show_deliveries(summary)
        _exit(summary)


@app.command()
def status(
    ctx: typer.Context,
    home: Home = None,
    sources: Sources = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Show where the time of the last runs went instead.")
    ] = False,
) -> None:
    """Show on one screen what is published, fresh, held back, scheduled, and what to do next."""
    if timings:
        from flows.timings import latest_times
        from flows.warehouse import connect

        with connect(_settings(ctx, home, sources), read_only=True) as con:
            terminal.show_times(latest_times(con, runs=RUNS_TIMED), as_json=as_json)
        return
    from flows.status import status as gather

    found = gather(_settings(ctx, home, sources))
    if as_json:
        terminal.say(found.model_dump_json(indent=1))
    else:
        terminal.show_status(found)


@app.command()
def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For other programs.")] = False,
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Check what runs need, and say how to mend what is wrong; exit 1 when there is a problem."""
    from flows.doctor.checkup import examine

    findings = terminal.show_findings(examine(_settings(ctx, home, sources)), as_json=as_json)
    if any(finding.level == "problem" for finding in findings):
        sys.exit(1)


@app.command()
def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help='Such as "select * from app_scorecard".')],
    csv: Csv = False,
    as_json: AsJson = False,
    markdown: Markdown = False,
    home: Home = None,
) -> None:
    """Ask the published file in SQL; never waits for a run.

    On a terminal the answer is a table; elsewhere, as in a pipe, it is every row and column with
    tabs between them.
    """
    from flows.published import query as ask

    form = _form(csv, as_json, markdown)
    columns, rows = ask(_settings(ctx, home, None), sql)
    terminal.show_answer(columns, rows, form)


@app.command()
def questions(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One of them; default: list them.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print its SQL, to copy.")] = False,
    csv: Csv = False,
    as_json: AsJson = False,
    markdown: Markdown = False,
    page: Annotated[
        bool, typer.Option("--page", help="Print all with their answers, as docs/questions.md.")
    ] = False,
    home: Home = None,
) -> None:
    """Answer one of the twenty questions that people ask, from the published file."""
    from flows import questions as asking

    settings, form = _settings(ctx, home, None), _form(csv, as_json, markdown)
    if page:
        typer.echo(asking.page(settings), nl=False)
    elif name is None:
        terminal.show_answer(
            ["name", "question"], [(q.name, q.asks) for q in asking.questions()], form
        )
    elif sql:
        typer.echo(asking.find(name).sql)
    else:
        terminal.show_answer(*asking.ask(settings, asking.find(name)), form)


@app.command()
def replay(
    ctx: typer.Context,
    app_id: Annotated[str, typer.Option("--app", help="The app, as the sources file names it.")],
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="One day, with every reason; default: its life."),
    ] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Show each so-manieth day.")] = None,
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Judge an app day by day, each day with what was complete then: when was it called?

    Reads the warehouse as the last build left it; what has landed late is in it.
    """
    from flows.outlook import replay as replaying
    from flows.sources import load_sources

    settings = _checked_settings(ctx, home, sources)
    day = as_of.date() if as_of else None
    verdicts = replaying.replay(settings, load_sources(settings.sources), app_id, day, every)
    terminal.show_replay(verdicts)


@app.command()
def serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 picks a free one.")] = 8765,
    home: Home = None,
) -> None:
    """Show the published site on this machine until Ctrl-C."""
    from flows.serve import serve_site

    serve_site(_settings(ctx, home, None), port, announce=terminal.say)


@app.command()
def docs(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Write the dbt docs of the warehouse as one page."""
    from flows.sources import load_sources
    from flows.transform import write_docs
    from flows.warehouse import connect, writer

    settings = _settings(ctx, home, sources)
    with writer(settings, on_wait=terminal.say):
        with connect(settings, read_only=True):
            pass  # a clear error when there is no warehouse yet
        page = write_docs(settings, load_sources(settings.sources))
    terminal.say(f"dbt docs: {terminal.shorten(page)}")


@app.command()
def demo(ctx: typer.Context, home: Home = None) -> None:
    """Generate three simulated apps, run the pipeline on them, compare with the known truth."""
    from flows.demo.generate import generate

    settings = _settings(ctx, home, PROJECT_ROOT / "profiles" / "sources.yml")
    terminal.say("Generating the extracts of three simulated apps ...")
    with _prefect_gets_ready():
        from flows.demo.generate import generate

        truth = generate(settings.home / "demo")
    from flows import flow_runs

    terminal.say("Landing, judging, building, judging, publishing ...")
    summary = flow_runs.daily(home=settings.home, sources=settings.sources)
    terminal.show_demo(settings, summary, truth)
    _exit(summary)


@apps_app.command()
def rename(
    ctx: typer.Context,
    old: Annotated[str, typer.Argument(help="The app_id under which events have landed.")],
    new: Annotated[str, typer.Argument(help="The app_id that the sources file gives it now.")],
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Give all that has landed of an app the name that the sources file has for it now.

    Change the app_id in the sources file first, in apps and in its event sources, then rename, then
    `afterhype run`, which builds everything anew. Users stay who they are, also those who come back
    later. Refused where something has landed under the new name already.
    """
    from flows.land.renaming import rename_app
    from flows.sources import load_sources
    from flows.warehouse import connect, create_schemas, writer

    settings = _settings(ctx, home, sources)
    configured = load_sources(settings.sources)
    with writer(settings, on_wait=terminal.say), connect(settings) as con:
        create_schemas(con)
        events = rename_app(con, configured, old, new)
    terminal.say(
        f"Renamed {old} to {new}: {events:,} events. `afterhype run` builds and publishes."
    )


@extracts_app.callback()
def extracts(
    ctx: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="landed, quarantined, discarded or failed.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="One source only.")] = None,
    home: Home = None,
) -> None:
    """List the extracts in the ledger, newest first, and how their columns changed."""
    from flows.land.drift import list_drift
    from flows.land.ledger import list_extracts
    from flows.warehouse import connect

    if ctx.invoked_subcommand:
        ctx.obj["home"] = home or ctx.obj["home"]
        return
    with connect(_settings(ctx, home, None), read_only=True) as con:
        listed = list_extracts(con, status=status, source=source)
        terminal.show_extracts(listed, list_drift(con, [row.extract_id for row in listed]))


@extracts_app.command()
def release(ctx: typer.Context, extract_id: str, home: Home = None) -> None:
    """Let a quarantined extract into the next build."""
    from flows.land import ledger

    _decide(_settings(ctx, home, None), extract_id, ledger.release, "Released")


@extracts_app.command()
def discard(ctx: typer.Context, extract_id: str, home: Home = None) -> None:
    """Delete a quarantined extract's rows; it is not landed again."""
    from flows.land import ledger

    _decide(_settings(ctx, home, None), extract_id, ledger.discard, "Discarded")


@extracts_app.command()
def reland(
    ctx: typer.Context,
    extract_id: Annotated[
        str | None, typer.Argument(help="One extract: the next run lands its file anew.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="All of a source that did not land with the mapping it has now."),
    ] = None,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed", help="All of every source that landed with another mapping than it has."
        ),
    ] = False,
    drop: Annotated[
        bool,
        typer.Option("--drop", help="With an ID: also if its file is gone, and its rows with it."),
    ] = False,
    home: Home = None,
    sources: Sources = None,
) -> None:
    """Land extracts again with the mapping of today, after it was corrected.

    `--source NAME` and `--changed` land them at once, from their files; broken off, the same
    command goes on with what is left. An extract stays as it landed where its file is gone, holds
    something else by now or cannot be read with the new mapping: it is named, and the exit code
    is 1. Then `afterhype run` judges, builds and publishes; `restatements` names the numbers that
    moved. `--source` also takes extracts that landed before mappings were noted. With an ID
    the extract is forgotten, and the next run lands what its file holds.
    """
    if sum([extract_id is not None, source is not None, changed]) != 1:
        raise ConfigurationError("extracts reland: give one of ID, --source NAME and --changed")
    if extract_id is not None:
        from flows.land import ledger

        def forget(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
            if not drop:
                ledger.refuse_without_file(con, extract_id)
            ledger.forget(con, extract_id)

        _decide(_settings(ctx, home, None), extract_id, forget, "Forgot")
        return
    from flows import pipeline

    settings = _checked_settings(ctx, home, sources)
    relandings = pipeline.reland(source, home=settings.home, sources=settings.sources)
    terminal.show_relandings(relandings)
    if any(relanding.left for relanding in relandings):
        sys.exit(1)


@app.command()
def deploy(ctx: typer.Context, home: Home = None, sources: Sources = None) -> None:
    """Set the Prefect server up: concurrency limit, work pool, every deployment; again renews."""
    settings = _checked_settings(ctx, home, sources)
    from flows import deploy as deploying
    from flows.schedule import deployment_runs

    with deploying.server() as client:
        deploying.deploy(client, settings)
        terminal.show_deployments(deployment_runs(client))
    terminal.say(
        f"They run with {settings.home} and {settings.sources}.\n"
        f"Next: `prefect worker start --pool {deploying.WORK_POOL}`, "
        "then `afterhype alerts install --webhook URL`."
    )


@alerts_app.command("install")
def install_alerts(
    webhook: Annotated[
        str | None, typer.Option(help="An address that gets JSON by POST; kept in a Prefect block.")
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(help="A Prefect notification block, such as slack-webhook/NAME."),
    ] = None,
    late_after_hours: Annotated[
        float, typer.Option(help="Without a publication for so long, tell.")
    ] = 26,
) -> None:
    """Create the alerts on the Prefect server, or renew them."""
    from flows import alerts
    from flows.deploy import server

    with server() as client:
        names = alerts.install(
            client, webhook=webhook, block=block, late_after_hours=late_after_hours
        )
    terminal.say("Installed: " + ", ".join(names))
    terminal.say("Next: `afterhype alerts test`.")


@alerts_app.command("list")
def list_alerts() -> None:
    """List the alerts that are installed."""
    from flows import alerts
    from flows.deploy import server

    with server() as client:
        found = alerts.installed(client)
    if not found:
        terminal.say("No alerts yet: `afterhype alerts install --webhook URL`.")
        return
    rows = [(a.name, "on" if a.enabled else "off", a.description) for a in found]
    terminal.show_rows(["alert", "is", "tells when"], rows)


@alerts_app.command("test")
def send_test_alert(ctx: typer.Context, home: Home = None) -> None:
    """Send a test alert and say what the receiver answered; exit 1 when it failed."""
    from flows import alerts
    from flows.deploy import server

    with server() as client:
        terminal.say(f"Test alert: {alerts.send_test(client, _settings(ctx, home, None))}.")


@alerts_app.command("remove")
def remove_alerts() -> None:
    """Remove the alerts and the block with the webhook's address."""
    from flows import alerts
    from flows.deploy import server

    with server() as client:
        names = alerts.remove(client)
    terminal.say("Removed: " + (", ".join(names) or "there were none"))


def _form(csv: bool, as_json: bool, markdown: bool) -> Form | None:
    """The form of an answer that the options name, if any. Raises ConfigurationError for two."""
    given: dict[Form, bool] = {"csv": csv, "json": as_json, "markdown": markdown}
    asked = [form for form, is_asked in given.items() if is_asked]
    if len(asked) > 1:
        raise ConfigurationError(f"--{' and --'.join(asked)}: an answer has one form, name one")
    return asked[0] if asked else None


@contextmanager
def _prefect_gets_ready() -> Iterator[None]:
    """Have Prefect imported, and its server started where none is named, beside a block."""

    def ask_the_server() -> None:
        from prefect.client.orchestration import get_client

        with suppress(Exception), get_client(sync_client=True) as client:
            client.api_healthcheck()  # whatever is wrong, the flow run says it

    beside = threading.Thread(target=ask_the_server)
    beside.start()
    try:
        yield
    finally:
        beside.join()


def _sentences() -> ModuleType:
    """What runs: where a Prefect server is named flow runs, which it shows, else the same here."""
    if prefect_api_url():
        from flows import flow_runs

        return flow_runs
    from flows import pipeline

    return pipeline


def _decide(settings: Settings, extract_id: str, change: Callable[..., None], word: str) -> None:
    from flows.lake.upkeep import sweep
    from flows.warehouse import connect, writer

    with writer(settings, on_wait=terminal.say), connect(settings) as con:
        change(con, extract_id)
        sweep(con)
    terminal.say(f"{word} {extract_id}. `afterhype run` builds and publishes what follows from it.")


def _settings(ctx: typer.Context, home: Path | None, sources: Path | None) -> Settings:
    """The command's own options win over those before it, and these over the environment."""
    return load_settings(home or ctx.obj["home"], sources or ctx.obj["sources"])


def _checked_settings(
    ctx: typer.Context, home: Path | None, sources: Path | None, *, files: bool = False
) -> Settings:
    """Settings with a sources file that holds: a mistake shows before a server is started.

    With ``files`` it is held against the files that it names, too.
    """
    from flows.sources import load_sources

    settings = _settings(ctx, home, sources)
    loaded = load_sources(settings.sources)
    if files:
        from flows.preflight import check_against_files

        check_against_files(settings, loaded)
    return settings


def _finish(settings: Settings, summary: Summary) -> None:
    terminal.show_summary(settings, summary)
    _exit(summary)


def _exit(summary: Summary) -> None:
    if summary.quarantined:
        sys.exit(3)
    if summary.failures or summary.undelivered:
        sys.exit(1)


def _silence_third_parties() -> None:
    """No banners, no usage statistics; a user's own setting of these variables wins."""
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # what fails is told once, by main()
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_SHOW_STARTUP_TIPS": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }.items():
        os.environ.setdefault(name, value)
