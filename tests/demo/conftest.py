"""The demo's extracts, read back with plain SQL instead of the landing, and the demo's home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.demo.generate import generate
from tests.conftest import made_once

READ_BACK = """
set TimeZone = 'UTC';

create table spike_lines as
select column0 as line, filename
from read_csv(
    '{folder}/spike/*.ndjson.gz', header = false, delim = '\x01', quote = '', escape = '',
    columns = {{'column0': 'varchar'}}, filename = true
);

create table habit_lines as
select column0 as line, filename
from read_csv(
    '{folder}/habit/*.csv.gz', header = false, delim = '\x01', quote = '', escape = '',
    columns = {{'column0': 'varchar'}}, filename = true
)
where column0 not like 'Event ID,%';

create table habit_rows as
from read_csv(
    '{folder}/habit/*.csv.gz', header = true, delim = ',', quote = '"', escape = '"',
    all_varchar = true, filename = true, ignore_errors = true, null_padding = false
);

create table leaky_rows as from read_parquet('{folder}/leaky/*.parquet', filename = true);

-- every row that can be read as a row, repeats included
create table readable as
select
    'spike' as app_id,
    line ->> '$.eventId' as event_id,
    line ->> '$.userId' as user_id,
    line ->> '$.ts' as given_time,
    epoch_ms(try_cast(line ->> '$.ts' as bigint)) as event_time,
    line ->> '$.name' as event_name,
    filename,
from spike_lines
where json_valid(line)
union all
select
    'habit',
    "Event ID",
    "User ID",
    "Time",
    if("Time" like '%+27:00', null, try_cast("Time" as timestamptz))::timestamp,
    "Event",
    filename,
from habit_rows
union all
select 'leaky', id::varchar, account::varchar, occurred_at::varchar, occurred_at::timestamp,
    event, filename,
from leaky_rows;

create table valid as
from readable
where user_id is not null and event_time < timestamp '2026-11-01';

create table events as
select distinct on (app_id, event_id) app_id, event_id, user_id, event_time, event_name,
from valid;

create table user_days as
select distinct app_id, user_id, event_time::date as day,
from events;

create table users as
select app_id, user_id, min(day) as cohort_date,
from user_days
group by app_id, user_id;
"""


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extracts of the pinned seed; read them, do not change them."""
    return (
        made_once(tmp_path_factory, "demo_extracts", lambda folder: generate(folder / "demo"))
        / "demo"
    )


@pytest.fixture(scope="session")
def con(demo_folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What lies in the extracts: readable, valid, events, user_days and users of all apps."""
    with duckdb.connect() as con:
        con.execute(READ_BACK.format(folder=demo_folder))
        yield con


def afterhype(home: Path, *arguments: str) -> str:
    """What the command prints, run as a person runs it; it has to end well."""
    done = subprocess.run(
        [Path(sys.executable).with_name("afterhype"), *arguments, "--home", home],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
        env={k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_LEVEL"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after `afterhype demo`. To be read only."""
    made = made_once(tmp_path_factory, "demo", lambda folder: _demo(folder / "home"))
    return made / "home"


def _demo(home: Path) -> None:
    afterhype(home, "demo")
