"""The warehouse: one writer at a time, clear errors, the raw contract created once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.errors import AfterhypeError
from flows.settings import Settings
from flows.warehouse import connect, create_schemas, writer
from tests.presence import present

HOLDER = """
import sys, time
from pathlib import Path
from flows.settings import Settings
from flows.warehouse import writer
with writer(Settings(home=Path(sys.argv[1])), run="the first"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, writer_wait_seconds=20)


@pytest.fixture
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)], stdout=subprocess.PIPE, text=True
    )
    assert present(process.stdout).readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    present(process.stdout).close()


def test_the_raw_contract_is_created_and_left_alone(settings: Settings) -> None:
    with connect(settings) as con:
        create_schemas(con)
        con.execute("insert into raw.apps values ('a', 'A', null, false, null, null)")
    with connect(settings) as con:
        create_schemas(con)
        assert con.execute("select count(*) from raw.apps").fetchone() == (1,)


def test_the_session_is_in_utc(settings: Settings) -> None:
    with connect(settings) as con:
        shown = con.execute("select to_timestamp(0)::timestamp::varchar").fetchone()
    assert shown == ("1970-01-01 00:00:00",)


def test_reading_without_a_warehouse_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(AfterhypeError, match="no warehouse yet. Run `afterhype run`"):
        connect(settings, read_only=True).__enter__()


def test_a_warehouse_held_by_another_process_names_it(settings: Settings) -> None:
    script = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}; time.sleep(60)", str(settings.warehouse_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert present(process.stdout).readline() == "open\n"
        with pytest.raises(AfterhypeError, match=f"process {process.pid} has the warehouse open"):
            connect(settings).__enter__()
    finally:
        process.kill()
        process.wait()
        present(process.stdout).close()


def test_a_second_writer_waits_and_says_for_whom(
    settings: Settings, holder: subprocess.Popen[str]
) -> None:
    told = []

    def end_the_holder(message: str) -> None:
        told.append(message)
        holder.terminate()

    with writer(settings, on_wait=end_the_holder):
        pass
    assert len(told) == 1
    assert f"process {holder.pid}" in told[0]


def test_a_killed_writer_blocks_nobody(settings: Settings, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    began = time.monotonic()
    with writer(settings):
        pass
    assert time.monotonic() - began < 5


def test_waiting_has_an_end(settings: Settings, holder: subprocess.Popen[str]) -> None:
    impatient = settings.model_copy(update={"writer_wait_seconds": 1})
    with (
        pytest.raises(AfterhypeError, match="still being written by process"),
        writer(impatient),
    ):
        pass


def test_who_died_holding_the_lock_is_known_to_the_next_one(
    settings: Settings, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    with writer(settings, run="the second") as died:
        assert died == "the first"
    with writer(settings) as died:
        assert died is None  # the second one ended as it should
