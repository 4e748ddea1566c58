"""What a command does not use, it does not load: heavy libraries by command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import Place

HEAVY = {
    "altair",
    "boto3",
    "dbt",
    "google.auth",
    "great_expectations",
    "prefect",
    "scipy",
    "scipy.optimize",
    "sqlalchemy",
    "sqlglot",
    "vl_convert",
}
"""Each takes a tenth of a second to several seconds to import. pandas is not among them: DuckDB
loads it by itself with the first parameter of a query."""

REPORTS = """
import sys
from flows import cli
sys.argv = ["afterhype", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sys.modules)
"""


def loaded_by(*command: str) -> set[str]:
    """The heavy libraries that are in memory when a command is done."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", REPORTS, *command],
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"PREFECT_HOME": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.rpartition("LOADED")[2].split())
    assert "flows.cli" in modules
    return HEAVY & modules


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["status"],
        ["query", "select 1"],
        ["extracts"],
        ["questions"],
        ["run"],  # with nothing new
        ["land"],
    ],
    ids=lambda command: command[0],
)
def test_a_command_loads_nothing_that_it_does_not_use(
    after_a_day: Place, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERHYPE_HOME", str(after_a_day.home))
    monkeypatch.setenv("AFTERHYPE_SOURCES", str(after_a_day.sources))
    assert loaded_by(*command) == set()


def test_a_check_loads_what_it_judges_with(
    after_a_day: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERHYPE_HOME", str(after_a_day.home))
    monkeypatch.setenv("AFTERHYPE_SOURCES", str(after_a_day.sources))
    loaded = loaded_by("check")
    assert "great_expectations" in loaded
    assert not {"dbt", "prefect", "vl_convert"} & loaded
    assert "scipy.optimize" not in loaded  # which scipy.stats, of no use here, would bring
