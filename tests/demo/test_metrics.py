"""The semantic layer: what docs/semantic-layer.md asks of it, and the marts' own numbers beside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.published import query
from flows.settings import PROJECT_ROOT, Settings

PAGE = (PROJECT_ROOT / "docs" / "semantic-layer.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(
    r"```console\n\$ \.\./\.venv/bin/(mf query .*?--quiet)\n(.*?)```\n\n```sql\n(.*?)```",
    PAGE,
    re.DOTALL,
)
"""(command, what it prints, the SQL that gives the same)"""


@pytest.fixture(scope="module")
def run(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Run one of the page's commands, in a copy of dbt_project that may be written into."""
    project = tmp_path_factory.mktemp("project")
    for part in (PROJECT_ROOT / "dbt_project").iterdir():
        if part.name not in ("target", "logs"):
            (project / part.name).symlink_to(part)
    environment = {
        **os.environ,
        "AFTERHYPE_HOME": str(demo_home),
        "AFTERHYPE_DBT_TARGET": "published",
        "DBT_PROFILES_DIR": str(PROJECT_ROOT / "profiles"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("dbt parse --quiet")
    return run


def as_value(text: object) -> float | str:
    """A number, rounded as mf prints it, a day or a word."""
    try:
        return round(float(str(text)), 4)
    except ValueError:
        return str(text).removesuffix("T00:00:00").removesuffix(" 00:00:00")


def table(printed: str) -> list[tuple[float | str, ...]]:
    """The rows of a table as mf prints it: columns stand at least two blanks apart."""
    _names, _line, *rows = [line for line in printed.splitlines() if line.strip()]
    return [tuple(as_value(cell) for cell in re.split(r"\s{2,}", row.strip())) for row in rows]


def test_the_definitions_hold_and_fit_the_published_file(run: Callable[[str], str]) -> None:
    printed = run("mf validate-configs")
    assert "Successfully validated metrics against data warehouse (ERRORS: 0" in printed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0].split()[3])
def test_metrics_are_the_numbers_of_the_marts(
    example: tuple[str, str, str], run: Callable[[str], str], demo_home: Path
) -> None:
    command, shown, sql = example
    printed = run(command)
    assert [line.rstrip() for line in printed.strip().splitlines()] == shown.strip().splitlines()
    marts = query(Settings(home=demo_home), sql)[1]
    assert table(printed) == [tuple(as_value(value) for value in row) for row in marts]


def test_the_page_asks_for_every_kind_of_metric() -> None:
    asked = " ".join(command for command, _, _ in EXAMPLES)
    for metric in (
        *("retention_d60", "retention_unbounded", "retention_24h", "cohort_size"),
        *("dau", "wau", "mau", "stickiness", "quick_ratio_monthly", "best_rank", "median_rank"),
        *("new_users_monthly", "resurrected_users_monthly", "churned_users_monthly"),
    ):
        assert metric in re.split(r"[ ,]", asked), metric


def test_what_is_not_published_is_not_asked(demo_home: Path) -> None:
    assert query(
        Settings(home=demo_home),
        "select count(*) from duckdb_tables() where table_name = 'time_spine_daily'",
    )[1] == [(0,)]
