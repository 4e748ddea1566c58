"""What the hash of the definitions takes in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows import definition
from flows.settings import PROJECT_ROOT
from flows.sources import Sources


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code's definitions, to be changed."""
    for folder in ("dbt_project", "flows/outlook"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(definition, "PROJECT_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "dbt_project/dbt_project.yml",
        "dbt_project/models/marts/new.sql",
        "dbt_project/models/marts/new.yml",
        "dbt_project/models/intermediate/charts/new.py",
        "dbt_project/macros/engine/new.sql",
        "flows/outlook/new.py",
    ],
)
def test_the_hash_moves_with_what_defines_the_numbers(checkout: Path, path: str) -> None:
    before = definition.definition_hash(Sources())
    with (checkout / path).open("a") as file:
        file.write("\n")
    assert definition.definition_hash(Sources()) != before


@pytest.mark.parametrize(
    "path", ["dbt_project/models/docs/new.md", "flows/outlook/__pycache__/x.pyc", "flows/cli.py"]
)
def test_the_hash_stays_whatever_else_changes(checkout: Path, path: str) -> None:
    before = definition.definition_hash(Sources())
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("")
    assert definition.definition_hash(Sources()) == before
