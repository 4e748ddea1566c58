"""A run that takes too long is broken off, and nothing of it writes any more."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows import dbt_process
from flows.dbt_process import (
    DbtRequest,
    begin_dbt,
    dbt_cpu_seconds,
    end_dbt,
    prepare_dbt,
    run_dbt,
)
from flows.errors import TimeLimitExceeded
from flows.settings import Settings
from flows.time_limit import time_limit
from flows.warehouse import connect, writer
from tests.presence import present

PROJECT = """
name: slow
version: "1.0"
profile: slow
models: {slow: {+materialized: table}}
"""
PROFILE = """
slow:
  target: dev
  outputs: {{dev: {{type: duckdb, path: "{path}", threads: 2}}}}
"""
# many minutes of work on every core
SLOW = (
    "select sum(hash(a.range, b.range) % 7) as total from range(10000000) as a, range(1000000) as b"
)


@pytest.fixture
def slow_project(tmp_path: Path) -> tuple[Settings, list[str]]:
    """A dbt project of one model that takes minutes; (settings of its home, dbt's arguments)."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(PROJECT, encoding="utf-8")
    profile = PROFILE.format(path=settings.warehouse_path)
    (project / "profiles.yml").write_text(profile, encoding="utf-8")
    (project / "models" / "slow.sql").write_text(SLOW, encoding="utf-8")
    return settings, ["--project-dir", str(project), "--profiles-dir", str(project)]


def request(options: Sequence[str], *command: str) -> DbtRequest:
    return DbtRequest(
        command=command,
        options=tuple(options),
        environment={},
        parsed_as=" ".join(options),
        log_file=f"{options[1]}/logs/dbt.log",
    )


def test_what_is_prepared_is_parsed_once(slow_project: tuple[Settings, list[str]]) -> None:
    _, options = slow_project
    end_dbt()
    prepare_dbt(request(options, "run"))
    prepare_dbt(request(options, "run"))
    assert present(dbt_process._child).unread == 1
    before = dbt_cpu_seconds()
    assert run_dbt(request(options, "parse")).success
    assert present(dbt_process._child).unread == 0
    parsing = dbt_cpu_seconds() - before
    assert run_dbt(request(options, "parse")).success
    assert dbt_cpu_seconds() - before - parsing < parsing / 10  # it was in memory
    end_dbt()


def test_what_has_begun_is_waited_for_and_not_asked_again(
    slow_project: tuple[Settings, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, options = slow_project
    asked: list[DbtRequest] = []
    ask = dbt_process._Child.ask

    def noted(child: dbt_process._Child, what: DbtRequest) -> None:
        asked.append(what)
        ask(child, what)

    monkeypatch.setattr(dbt_process._Child, "ask", noted)
    begin_dbt(request(options, "parse"))
    assert run_dbt(request(options, "parse")).success
    assert len(asked) == 1
    begin_dbt(request(options, "run", "--no-such-option"))
    assert run_dbt(request(options, "parse")).success  # what else has begun is let go
    assert present(dbt_process._child).unread == 0
    assert not run_dbt(request(options, "run", "--no-such-option")).success
    end_dbt()


def test_a_build_over_its_time_is_ended_for_good(slow_project: tuple[Settings, list[str]]) -> None:
    settings, options = slow_project
    assert run_dbt(request(options, "parse")).success  # the limit is not spent on importing dbt
    began = time.monotonic()
    with (
        pytest.raises(TimeLimitExceeded, match="AFTERHYPE_TIME_LIMIT_MINUTES"),
        writer(settings),
        time_limit(3 / 60),
    ):
        run_dbt(request(options, "run"))
    assert time.monotonic() - began < 60
    assert dbt_process._child is None  # killed, and waited for
    with writer(settings.model_copy(update={"writer_wait_seconds": 0})), connect(settings) as con:
        con.execute("create table free as select 1")  # nobody holds the file


def test_a_query_over_its_time_is_interrupted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    began = time.monotonic()
    with pytest.raises(TimeLimitExceeded), time_limit(1 / 60), connect(settings) as con:
        con.execute(SLOW)
    assert time.monotonic() - began < 20


def test_nobody_can_take_the_end_for_a_broken_extract() -> None:
    taken = []

    def go_on_after_a_failure() -> None:
        try:
            time.sleep(20)
        except Exception as error:
            taken.append(error)

    with pytest.raises(TimeLimitExceeded), time_limit(0.5 / 60):
        go_on_after_a_failure()
    assert taken == []


def test_what_ends_in_time_is_left_alone() -> None:
    with time_limit(0.5 / 60):
        pass
    time.sleep(0.7)
    with pytest.raises(RuntimeError, match="its own"), time_limit(1):
        raise RuntimeError("its own")


def test_dbt_dies_with_the_run_that_started_it(slow_project: tuple[Settings, list[str]]) -> None:
    _, options = slow_project
    script = (
        "import os, sys\n"
        "from flows import dbt_process\n"
        "def run(*command):\n"
        "    options = tuple(sys.argv[1:])\n"
        "    request = dbt_process.DbtRequest(\n"
        "        command=command, options=options, environment={}, parsed_as='slow',\n"
        "        log_file=options[1] + '/logs/dbt.log',\n"
        "    )\n"
        "    dbt_process.run_dbt(request)\n"
        "run('parse')\n"
        "print(dbt_process._child.process.pid, flush=True)\n"
        "run('run')\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script, *options], stdout=subprocess.PIPE)
    pid = int(present(run.stdout).readline())
    time.sleep(3)  # it is building
    run.kill()
    run.wait(20)
    deadline = time.monotonic() + 20
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_alive(pid)


def test_a_process_that_dies_says_so(slow_project: tuple[Settings, list[str]]) -> None:
    _, options = slow_project
    assert run_dbt(request(options, "parse")).success
    present(dbt_process._child).process.kill()
    present(dbt_process._child).process.wait()
    assert run_dbt(request(options, "parse")).success  # another one is started
    broken = run_dbt(request(options, "run", "--no-such-option"))
    assert not broken.success
    assert "no-such-option" in present(broken.error)
    end_dbt()


def _is_alive(pid: int) -> bool:
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")
