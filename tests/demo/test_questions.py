"""The twenty questions: real dbt analyses, run as they stand on the demo's published file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from flows.errors import ConfigurationError
from flows.published import query
from flows.questions import ANALYSES, find, page, questions
from flows.settings import PROJECT_ROOT, Settings
from tests.demo.conftest import afterhype

QUESTIONS = {question.name: question for question in questions()}

MAY_BE_EMPTY = {"what_moved"}  # nothing has been restated by a first publication


@pytest.fixture(scope="module")
def settings(demo_home: Path) -> Settings:
    return Settings(home=demo_home)


@pytest.fixture(scope="module")
def compiled(
    demo_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, Any]]:
    """What dbt makes of the analyses with the target `published`, and its manifest."""
    target = tmp_path_factory.mktemp("compiled")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            "compile",
            *("--select", "resource_type:analysis"),
            *("--target", "published"),
            *("--project-dir", PROJECT_ROOT / "dbt_project"),
            *("--profiles-dir", PROJECT_ROOT / "profiles"),
            *("--target-path", target),
            *("--log-path", target / "logs"),
        ],
        env={**os.environ, "AFTERHYPE_HOME": str(demo_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    files = (target / "compiled" / "afterhype" / "analyses").glob("*.sql")
    return {path.stem: path.read_text(encoding="utf-8") for path in files}, manifest


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_there_are_twenty_and_each_file_is_one_of_them() -> None:
    assert len(QUESTIONS) == 20
    assert set(QUESTIONS) == {path.stem for path in ANALYSES.glob("*.sql")}


def test_the_dbt_docs_ask_the_same_as_the_file() -> None:
    listed = yaml.safe_load((ANALYSES / "analyses.yml").read_text(encoding="utf-8"))["analyses"]
    for entry in listed:
        question = QUESTIONS[entry["name"]]
        said = f"{question.asks} How to read it: {question.how_to_read}"
        assert squeezed(entry["description"]) == squeezed(said)


def test_dbt_compiles_them_to_the_sql_that_is_shown(
    compiled: tuple[dict[str, str], dict[str, Any]],
) -> None:
    files, manifest = compiled
    assert files.keys() == QUESTIONS.keys()
    for name, text in files.items():
        statement = "with\n" + text.partition("\n\nwith\n")[2]
        assert re.sub(r'"marts"\."main"\."(\w+)"', r"marts.\1", statement) == QUESTIONS[name].sql
    analyses = [n for n in manifest["nodes"].values() if n["resource_type"] == "analysis"]
    assert {node["name"] for node in analyses if node["depends_on"]["nodes"]} == set(QUESTIONS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_it_has_an_answer(
    name: str, settings: Settings, compiled: tuple[dict[str, str], dict[str, Any]]
) -> None:
    columns, rows = query(settings, QUESTIONS[name].sql)
    assert rows or name in MAY_BE_EMPTY
    assert len(set(columns)) == len(columns)
    # as dbt writes it, too: quoted, with the schema
    assert query(settings, compiled[0][name])[1] == rows


def test_an_answer_fits_the_mart(settings: Settings) -> None:
    triangle = query(settings, find("retention_triangle").sql)[1]
    assert sum(row[2] for row in triangle if row[0] == "spike") == 47_731  # as the scorecard says
    passed = query(settings, find("passed_us_this_week").sql)[1]
    assert all(after < ours for _, _, _, _, ours, _, _, after in passed)
    assert all(before is None or before > was for _, _, _, was, _, _, before, _ in passed)


def test_the_intervals_of_channels_are_those_of_the_marts(settings: Settings) -> None:
    """The one formula that a question has of its own, against the curves' Wilson interval."""
    one_channel = find("channels_by_d30").sql.replace(
        "select * from marts.fct_cohort_retention_daily",
        "select * replace ('all' as channel) from marts.fct_cohort_retention_daily",
    )
    of_questions = {row[0]: row[3:] for row in query(settings, one_channel)[1]}
    of_marts = query(
        settings,
        """
        select app_id, eligible_users, round(100 * retention_rate, 1), round(100 * ci_low, 1),
            round(100 * ci_high, 1)
        from fct_retention_curves
        where definition = 'classic' and period = 'day' and period_n = 30
        """,
    )[1]
    assert of_questions == {app_id: tuple(rest) for app_id, *rest in of_marts}


def test_what_a_publication_adds_is_described_as_it_is(demo_home: Path) -> None:
    sources = yaml.safe_load(
        (PROJECT_ROOT / "dbt_project" / "models" / "published.yml").read_text(encoding="utf-8")
    )["sources"]
    with duckdb.connect(str(demo_home / "published" / "marts.duckdb"), read_only=True) as con:
        for table in sources[0]["tables"]:
            described = [(column["name"], column["description"]) for column in table["columns"]]
            assert (
                described
                == con.execute(
                    "select column_name, comment from duckdb_columns() where table_name = ? "
                    "order by column_index",
                    [table["name"]],
                ).fetchall()
            )


def test_the_docs_show_what_the_demo_answers(settings: Settings) -> None:
    shown = (PROJECT_ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    assert shown == page(settings), "run `make questions`"


def test_the_command_lists_answers_and_prints_them(demo_home: Path) -> None:
    assert afterhype(demo_home, "questions", "--csv").count("\n") == 21
    printed = afterhype(demo_home, "questions", "freshness", "--sql")
    assert printed.strip() == QUESTIONS["freshness"].sql
    answer = afterhype(demo_home, "questions", "quick_ratio_by_month", "--csv")
    assert answer.startswith("app_id,month_start,active,")


def test_an_unknown_question_is_told() -> None:
    with pytest.raises(ConfigurationError, match="no such question.*retention_triangle"):
        find("why")
