"""Open the warehouse, create the raw contract in it, and let one run write at a time."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from flows.errors import AfterhypeError
from flows.lake.location import lake_of, open_lake
from flows.settings import Settings
from flows.time_limit import interruptible

APP_EVENTS = """
create schema if not exists raw;

-- one row per event; (app_id, event_id) is unique among the extracts whose status is landed
create table if not exists raw.app_events (
    app_id varchar not null,
    event_id uuid not null,
    user_key uuid not null,
    event_name varchar not null,
    event_time timestamp not null,
    platform varchar,
    country varchar,
    app_version varchar,
    channel varchar,
    properties json,
    extract_id varchar not null,
    landed_at timestamp not null,
);
"""
"""Only where the events lie in the warehouse; in a lake, raw.app_events is a view of its files."""

RAW_CONTRACT = """
create schema if not exists raw;
create schema if not exists ops;

-- the ledger: one row per extract; rows_seen = rows_landed + rows_rejected + rows_duplicate
create table if not exists raw.extracts (
    extract_id varchar primary key,
    source varchar not null,
    kind varchar not null check (kind in ('events', 'ranks', 'installs', 'reviews')),
    format varchar not null,
    uri varchar not null,
    checksum varchar not null,
    bytes bigint not null,
    modified_at timestamp not null,
    rows_seen bigint not null,
    rows_landed bigint not null,
    rows_rejected bigint not null,
    rows_duplicate bigint not null,
    min_event_time timestamp,
    max_event_time timestamp,
    status varchar not null check (status in ('landed', 'quarantined', 'discarded', 'failed')),
    landed_at timestamp not null,
    judged_at timestamp, -- by the raw gate; null: landed by a run that did not get there
    error varchar,
    etag varchar, -- of an object in a bucket
    reaches timestamp, -- of events: up to when, whatever the clocks of a few users say
    rows_unlike bigint, -- duplicates that differ from the event that is kept of them
    rows_zoneless bigint, -- with times of which neither they nor their source say the zone
    rows_nameless bigint, -- rejects that say that they are nobody's, by a word that is no id
    mapping_hash varchar, -- of raw.mappings: with which it landed; null: not known
);
alter table raw.extracts add column if not exists etag varchar;
alter table raw.extracts add column if not exists reaches timestamp;
alter table raw.extracts add column if not exists rows_unlike bigint;
alter table raw.extracts add column if not exists rows_nameless bigint;
alter table raw.extracts add column if not exists rows_zoneless bigint;
alter table raw.extracts add column if not exists mapping_hash varchar;

-- the mappings with which extracts landed: the part of the sources file that made their rows, JSON
create table if not exists raw.mappings (
    mapping_hash varchar primary key,
    mapping varchar not null,
);

-- how many users of each landed event extract are seen in an hour (UTC), to find what lacks
create table if not exists raw.extract_hours (
    extract_id varchar not null,
    hour timestamp not null,
    users integer not null,
);
-- stretches of time that a source's history expects and it has not brought: naive UTC
create table if not exists raw.missing_spans (
    source varchar not null,
    starts_at timestamp not null,
    ends_at timestamp not null, -- the first moment after it
    users_expected bigint not null, -- of its first week, counted anew in each hour
);

-- what the columns of each landed extract look like: where that changes, the export has drifted
create table if not exists raw.extract_columns (
    extract_id varchar not null,
    column_name varchar not null,
    column_type varchar, -- null: not mapped, or without any value
);
create table if not exists raw.schema_drift (
    extract_id varchar not null,
    source varchar not null,
    column_name varchar not null,
    change varchar not null check (
        change in ('new column', 'missing column', 'other type', 'type changes within the file')
    ),
    was varchar,
    is_now varchar,
    found_at timestamp not null,
);

-- rows that tell that an anonymous user and a known one are the same, where the source is merged
create table if not exists raw.identity_links (
    app_id varchar not null,
    anonymous_key uuid not null,
    user_key uuid not null,
    merges varchar not null check (merges in ('first', 'last')),
    event_time timestamp not null,
    extract_id varchar not null,
    rule varchar, -- of a row that links two ids by itself; null: the two were seen in one row
);
alter table raw.identity_links add column if not exists rule varchar;
-- what follows from the visible links: whose events these are
create table if not exists raw.user_aliases (
    app_id varchar not null,
    alias_key uuid not null,
    user_key uuid not null,
);

-- how many aliases have changed since the last publication, to explain what that restates
create table if not exists ops.alias_changes (app_id varchar not null, users bigint not null);

-- the extracts of a warehouse from before events without an id were known by their device, name and
-- time alone: made once, by the first run that knows of it, and empty in a new warehouse
create table if not exists ops.former_content_ids as
select extract_id from raw.extracts where kind = 'events';

-- the events that models see; an extract in quarantine is not among them
create or replace view raw.visible_events as
select events.* from raw.app_events as events
semi join (from raw.extracts where status = 'landed') as visible using (extract_id);

-- what is kept of events whose raw rows were pruned: their ids, so that they are still recognised
-- when an export delivers them again, and what the marts need to know of them: by the user as
-- delivered, since whom they turn out to be may be known later; one row per pruning, user and day
create table if not exists raw.pruned_event_ids (app_id varchar not null, event_id uuid not null);
create or replace view raw.visible_event_ids as
select app_id, event_id from raw.visible_events
union all
select app_id, event_id from raw.pruned_event_ids;
create table if not exists raw.pruned_user_days (
    app_id varchar not null,
    user_key uuid not null,
    activity_date date not null,
    first_event_time timestamp,
    last_event_time timestamp,
    events bigint not null,
    event_times timestamp[],
    cohort_event_time timestamp,
    platform varchar,
    country varchar,
    channel varchar,
    app_version varchar,
);
create table if not exists raw.pruned_extract_days (
    extract_id varchar not null,
    app_id varchar not null,
    activity_date date not null,
    events bigint not null,
);

-- events that another extract had delivered already: kept, because that extract may be quarantined
create table if not exists raw.app_event_duplicates as from raw.app_events limit 0;

create table if not exists raw.rejects (
    extract_id varchar not null,
    source varchar not null,
    line_number bigint,
    reason varchar not null,
    line varchar,
    rejected_at timestamp not null,
    member varchar, -- of a zip archive; line_number counts within it
);
alter table raw.rejects add column if not exists member varchar;

-- one row per fetch of a chart, failed ones too
create table if not exists raw.chart_snapshots (
    snapshot_id varchar primary key,
    source varchar not null,
    store varchar not null,
    storefront varchar not null,
    chart varchar not null,
    genre varchar not null,
    snapshot_at timestamp not null,
    requested_limit integer,
    depth integer not null,
    feed_updated_at timestamp,
    status varchar not null check (status in ('observed', 'unchanged', 'failed')),
    content_hash varchar,
    error varchar,
    extract_id varchar,
    landed_at timestamp not null,
    feed_url varchar, -- where the chart was asked for, as the feed says itself
);
alter table raw.chart_snapshots add column if not exists feed_url varchar;

create table if not exists raw.chart_ranks (
    snapshot_id varchar not null,
    rank integer not null,
    store_app_id varchar not null,
    app_name varchar,
    publisher varchar,
    url varchar,
    extract_id varchar,
);

-- what the stores' reports count: one row per extract, app, day, country (null: all) and metric
create table if not exists raw.store_installs (
    source varchar not null,
    store varchar not null,
    store_app_id varchar not null,
    install_date date not null, -- the store's own day
    country varchar, -- null: of all countries; empty: of a country that the report leaves blank
    metric varchar not null,
    units bigint not null,
    extract_id varchar not null,
    landed_at timestamp not null,
    reported_on timestamp, -- the report's own date, else the day in the name of its file
    version_at timestamp, -- which of two reports is newer where neither names its date: when it was
                          -- landed, or, with newest_by: modified, when its file was modified
    landing_number bigint, -- and where that is the same: the order in which they landed
);

alter table raw.store_installs add column if not exists reported_on timestamp;
alter table raw.store_installs add column if not exists version_at timestamp;
alter table raw.store_installs add column if not exists landing_number bigint;

-- one row per version of a review that an extract delivered first; authors are keyed as users are
create table if not exists raw.app_reviews (
    source varchar not null,
    store varchar not null,
    store_app_id varchar not null,
    storefront varchar,
    review_id varchar not null,
    rating integer not null,
    app_version varchar,
    title varchar,
    body varchar,
    author_key uuid,
    reviewed_at timestamp not null,
    extract_id varchar not null,
    landed_at timestamp not null,
);

-- by which name the users of a renamed app are keyed: the one under which the first ones landed
create table if not exists raw.app_keys (
    app_id varchar primary key,
    keyed_as varchar not null,
);

-- the sources file as the models see it, rewritten at each run
create table if not exists raw.apps (
    app_id varchar not null,
    name varchar not null,
    description varchar,
    is_simulated boolean not null,
);
alter table raw.apps add column if not exists activity_events varchar;
alter table raw.apps add column if not exists cohort_events varchar;
create table if not exists raw.app_store_ids (
    app_id varchar not null,
    store varchar not null,
    store_app_id varchar not null,
);
create table if not exists raw.event_sources (
    source varchar not null,
    app_id varchar not null,
    complete_through date,
);
alter table raw.event_sources add column if not exists identity varchar;
alter table raw.event_sources add column if not exists ended date; -- of the reporting zone

create table if not exists raw.launch_notes (
    app_id varchar not null,
    note_date date not null, -- of the reporting zone
    kind varchar not null,
    title varchar not null,
);

-- the share of an extract's rows beyond which rejects warn or quarantine it
create table if not exists raw.reject_shares (
    source varchar not null,
    warning double not null,
    critical double not null,
);

-- files whose content the ledger knows under another name: as long as a listing tells the same of
-- them, they are not read again
create table if not exists ops.seen_files (
    extract_id varchar not null,
    source varchar not null,
    uri varchar not null,
    bytes bigint not null,
    modified_at timestamp not null,
    etag varchar,
    seen_at timestamp not null,
);

-- one row per build of the marts; one that was begun and not finished left nothing to go on from
create table if not exists ops.builds (
    build_id varchar primary key,
    definition varchar not null,
    is_by_arrival boolean not null,
    started_at timestamp not null,
    finished_at timestamp,
);
-- JSON: a hash of each input of the build, so that the next one knows what has changed
alter table ops.builds add column if not exists inputs varchar;
-- the extracts whose events the marts hold since the last finished build
create table if not exists ops.built_extracts (extract_id varchar primary key);
-- built events that have since been hidden, deleted or moved to another extract: their user-days
-- are counted anew by the next build
create table if not exists ops.disturbed_events (
    extract_id varchar not null,
    app_id varchar not null,
    user_key uuid not null,
    event_time timestamp not null,
);

-- what the outlook fits to the counts of a build, shown by the marts: dbt_project/models/outlook
create schema if not exists outlook;
create table if not exists outlook.forecast_backtest (
    app_id varchar not null,
    as_of date not null,
    known_on date not null,
    definition varchar not null,
    day_n integer not null,
    method varchar not null,
    users bigint not null,
    observed_days integer not null,
    forecast_rate double,
    actual_rate double,
    ci_low double,
    ci_high double,
    log_miss double,
    log_error double,
);
create table if not exists outlook.forecasts (
    app_id varchar not null,
    cohort_group varchar not null,
    definition varchar not null,
    day_n integer not null,
    as_of date not null,
    users bigint not null,
    observed_users bigint not null,
    observed_days integer not null,
    status varchar not null,
    reason varchar,
    forecast_rate double,
    ci_low double,
    ci_high double,
    power_law_rate double,
    sbg_rate double,
    power_law_weight double,
    completes_on date,
);
create table if not exists outlook.forecast_curves (
    app_id varchar not null,
    day_n integer not null,
    forecast_rate double not null,
    ci_low double not null,
    ci_high double not null,
);
create table if not exists outlook.verdicts (
    app_id varchar not null,
    as_of date not null,
    verdict varchar not null,
    verdict_confidence double,
    verdict_reason_1 varchar,
    verdict_reason_2 varchar,
    verdict_reason_3 varchar,
    verdict_would_change varchar,
    verdict_next_on date,
    verdict_next varchar,
);
create table if not exists outlook.rank_decays (
    store varchar not null,
    storefront varchar not null,
    chart varchar not null,
    genre varchar not null,
    store_app_id varchar not null,
    decay_per_day double not null,
    decay_ci_low double,
    decay_ci_high double,
    decay_days integer not null,
);

-- each pruning of raw events, and by which definitions what is kept of them was made
create table if not exists ops.prunings (
    pruned_at timestamp not null,
    events bigint not null,
    definition varchar not null,
);

-- what each publication was made of: the same fingerprint again means that nothing is new
create table if not exists ops.publications (
    publication_id varchar not null,
    fingerprint varchar not null,
    published_at timestamp not null,
);

-- what each target of publish.to holds, and why the last try failed, if it did
create table if not exists ops.deliveries (
    address varchar primary key,
    publication_id varchar, -- null: nothing was delivered yet
    delivered_at timestamp,
    error varchar,
    failed_at timestamp,
);

-- the lake that holds the events where they are not in raw.app_events itself; those that are not
-- current (they were left, or one was about to be begun) are cleared
create table if not exists ops.lakes (
    path varchar not null,
    storage varchar not null, -- how to get at it, without a secret; JSON
    holder varchar not null, -- stands in the lake's manifest: no two warehouses share a lake
    is_current boolean not null,
);
-- the committed files of the lake, of which raw.app_events is a view
create table if not exists ops.lake_files (
    path varchar not null, -- below the lake's
    app_id varchar not null,
    event_date date not null,
    rows bigint not null,
    bytes bigint not null,
    extract_ids varchar[] not null,
    landed_at timestamp not null,
);

-- recognises another user key, which would turn every user into two
create table if not exists ops.user_key (fingerprint varchar not null);

-- how long the steps of the last runs took, in their order
create table if not exists ops.run_steps (
    run_id varchar not null,
    step_number integer not null,
    step varchar not null,
    started_at timestamp not null,
    seconds double not null,
    cpu_seconds double not null, -- of the run's process and of dbt's
);

-- the extracts that a publication was made of, for those to which a later one may be compared
create table if not exists ops.publication_extracts (
    publication_id varchar not null,
    extract_id varchar not null,
);
-- how they were landed then; landed_at is null where that was not noted yet
alter table ops.publication_extracts add column if not exists mapping_hash varchar;
alter table ops.publication_extracts add column if not exists landed_at timestamp;
alter table ops.publication_extracts add column if not exists app_id varchar; -- of events

create table if not exists ops.gate_results (
    run_id varchar not null,
    stage varchar not null check (stage in ('raw', 'mart')),
    checked_at timestamp not null,
    suite varchar not null,
    subject varchar not null,
    expectation varchar not null,
    severity varchar not null check (severity in ('critical', 'warning')),
    success boolean not null,
    unexpected_count bigint,
    sample json,
    message varchar,
);
"""


_RUN = ", run "
"""Between a lock's holder and the run that it is."""


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for the length of a block, in UTC, and close it whatever happens.

    Raises AfterhypeError when there is no warehouse to read, or another process holds it.
    """
    path = settings.warehouse_path
    if read_only and not path.exists():
        raise AfterhypeError(
            f"{path}: no warehouse yet. Run `afterhype run` (or `afterhype demo`) first, "
            "or point --home at an existing one."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(settings.home / "tmp"),
    }
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    if settings.threads:
        config["threads"] = settings.threads
    try:
        con = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.IOException as error:
        raise AfterhypeError(_explain_open_failure(path, str(error))) from error
    try:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        open_lake(con)
        with interruptible(con):
            yield con
    finally:
        con.close()


def create_schemas(con: duckdb.DuckDBPyConnection) -> None:
    """Create what the raw contract needs and the warehouse lacks."""
    if lake_of(con) is None:
        con.execute(APP_EVENTS)
    con.execute(RAW_CONTRACT)
    _renew_the_ledger(con)
    _let_reports_have_a_time(con)


def _renew_the_ledger(con: duckdb.DuckDBPyConnection) -> None:
    """Give a ledger from before there were store reports the kinds that it lacks.

    DuckDB cannot change a check, so that the table is written anew.
    """
    row = con.execute(
        "select sql from duckdb_tables() where schema_name = 'raw' and table_name = 'extracts'"
    ).fetchone()
    if row is None or "installs" in row[0]:
        return
    (create,) = re.findall(
        r"create table if not exists raw\.extracts \(.*?\n\);", RAW_CONTRACT, re.DOTALL
    )
    con.begin()
    try:
        con.execute("create temp table ledger_as_it_was as from raw.extracts")
        con.execute("drop table raw.extracts")
        con.execute(create)
        con.execute("insert into raw.extracts by name from ledger_as_it_was")
        con.execute("drop table ledger_as_it_was")
        con.commit()
    except duckdb.Error:
        con.rollback()
        raise


def _let_reports_have_a_time(con: duckdb.DuckDBPyConnection) -> None:
    """Give a report's own date the time of day that it had no room for in earlier warehouses."""
    if con.execute(
        "select 1 from duckdb_columns() where schema_name = 'raw' and data_type = 'DATE' "
        "and table_name = 'store_installs' and column_name = 'reported_on'"
    ).fetchone():
        con.execute("alter table raw.store_installs alter reported_on type timestamp")


@contextmanager
def writer(
    settings: Settings, on_wait: Callable[[str], None] | None = None, run: str | None = None
) -> Iterator[str | None]:
    """Be the one writer of this home for the length of a block; wait for another one first.

    The kernel frees the lock when its holder dies, so a killed run never blocks the next one.
    ``run`` says who holds it; yields the ``run`` of a holder that died holding it, if any. Raises
    AfterhypeError after ``settings.writer_wait_seconds``.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + settings.writer_wait_seconds
    with settings.lock_path.open("a+", encoding="utf-8") as lock:
        waited = False
        while not _try_lock(lock.fileno()):
            lock.seek(0)
            holder = lock.read().partition(_RUN)[0].strip() or "another process"
            if time.monotonic() >= deadline:
                raise AfterhypeError(
                    f"{settings.home}: still being written by {holder} after "
                    f"{settings.writer_wait_seconds} s. Wait for it, end it, or raise "
                    "AFTERHYPE_WRITER_WAIT_SECONDS."
                )
            if on_wait and not waited:
                on_wait(f"waiting: {settings.home} is being written by {holder}")
            waited = True
            time.sleep(0.2)
        lock.seek(0)
        died = lock.read().partition(_RUN)[2].strip() or None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        lock.write(f"{_RUN}{run}" if run else "")
        lock.flush()
        try:
            yield died
        finally:
            lock.truncate(0)  # what is left in it is a dead holder's


def lock_holder(settings: Settings) -> str | None:
    """What the process that is writing this home says of itself, without waiting; None: nobody."""
    if not settings.lock_path.exists():
        return None
    with settings.lock_path.open("r", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().partition(_RUN)[0].strip() or "another process"
    return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _explain_open_failure(path: Path, message: str) -> str:
    if holder := re.search(r"PID (\d+)", message):
        return (
            f"{path}: process {holder[1]} has the warehouse open. Readers belong on "
            "published/marts.duckdb (`afterhype query`), which is never locked."
        )
    return f"{path}: cannot be opened: {message}"
