"""One set of models for every engine: only macros, profiles and the landing know which works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"
ENGINE = re.compile(r"duckdb|spark", re.IGNORECASE)

MODEL_FILES = [
    path
    for folder in ("models", "tests", "seeds")
    for path in sorted((DBT / folder).rglob("*"))
    if path.suffix in (".sql", ".py", ".csv", ".yml") and path.name != "exposures.yml"
]


def test_there_are_model_files() -> None:
    assert len(MODEL_FILES) > 150


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.name)
def test_no_model_file_names_an_engine(path: Path) -> None:
    told = path.read_text(encoding="utf-8")
    assert ENGINE.search(path.name) is None
    assert ENGINE.search(told) is None, ENGINE.search(told)


def test_macros_outside_the_engines_folder_name_none() -> None:
    named = [
        path.name
        for path in sorted((DBT / "macros").rglob("*.sql"))
        if "engine" not in path.parts and ENGINE.search(path.read_text(encoding="utf-8"))
    ]
    assert named == []


def test_every_dispatched_macro_has_a_variant_per_engine() -> None:
    """What dbt itself falls back to is a macro of dbt's; these are all ours."""
    told = "\n".join(
        path.read_text(encoding="utf-8") for path in (DBT / "macros" / "engine").glob("*.sql")
    )
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)', 'afterhype'\)", told))
    assert len(dispatched) > 15
    for engine in ("duckdb", "spark"):
        assert {m for m in dispatched if f"macro {engine}__{m}(" not in told} == set()
