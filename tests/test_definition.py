"""What the hash of the definitions takes in, and what it leaves out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows import definition
from flows.settings import PROJECT_ROOT
from flows.sources import Sources

SQL = sorted(
    path.relative_to(PROJECT_ROOT)
    for folder in ("models", "macros")
    for path in (PROJECT_ROOT / "dbt_project" / folder).rglob("*.sql")
)
YAML = sorted(
    path.relative_to(PROJECT_ROOT)
    for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.yml")
)
PYTHON = sorted(
    path.relative_to(PROJECT_ROOT)
    for path in (PROJECT_ROOT / "flows" / "outlook").glob("*.py")
    if path.stem != "__init__"
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code's definitions, to be changed."""
    for folder in ("dbt_project", "flows/outlook"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(definition, "PROJECT_ROOT", tmp_path)
    return tmp_path


def the_hash() -> str:
    return definition.definition_hash(Sources())


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a file, whatever the clock's resolution."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, path
    path.write_text(after, encoding="utf-8")
    definition._code_hash.cache_clear()


def test_comments_and_layout_of_every_sql_file_are_left_out(checkout: Path) -> None:
    before = the_hash()
    assert len(SQL) > 90
    for path in SQL:
        edit(
            checkout / path,
            lambda text: (
                "{#- Somebody's note: it's \"quoted\". -#}\n-- don't\n/* what's this? */\n"
                + re.sub(r"\n( *)(from|select)\b", r" -- it's here\n\1    \2", text)
                + "\n\n"
            ),
        )
    assert the_hash() == before


@pytest.mark.parametrize("path", SQL, ids=str)
def test_a_token_more_in_any_sql_file_is_another_definition(path: Path) -> None:
    text = (PROJECT_ROOT / path).read_text(encoding="utf-8")
    before = definition.sql_without_layout(text)
    # after the last word that is no comment: in a string, a number or a name alike
    whole = re.sub(r"\{#.*?#\}|--[^\n]*", lambda m: " " * len(m[0]), text, flags=re.DOTALL)
    for end in [match.end() for match in re.finditer(r"\w+", whole)][:: max(1, len(whole) // 2000)]:
        assert definition.sql_without_layout(text[:end] + "x" + text[end:]) != before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("select a,b", "select\n    a,\n    b\n", True),
        ("select 'a -- b'", "select 'a'", False),
        ("select 'a  b'", "select 'a b'", False),
        ("select 'it''s' -- 'x'", "select 'it''s' -- 'y'", True),
        ("{{ f('--') }} a", "{{ f('--') }} b", False),
        ("{# it's #} a", "a", True),
        ("select a /* 'x' */ + b", "select a + b", True),
        ("select ab", "select a b", False),
        ('select "a b"', 'select "a  b"', False),
        ("select 1.5", "select 1, 5", False),
        ("from fct_{{ period }}", "from fct_ {{ period }}", False),
        ("{{ a }}_b", "{{ a }} _b", False),
        ("select e'a'", "select e 'a'", False),
        ("select $$a -- b$$", "select $$a$$", False),
        ("a -- {{ f(1) }}", "a -- {{ f(2) }}", False),
        ("a /* {% do f(1) %} */", "a /* {% do f(2) %} */", False),
        ("f( 'x' )", "f('x')", True),
        ("a -- it's {{ f(1) }}\nb 'c  d'", "a -- it's {{ f(1) }}\nb 'c d'", False),
    ],
)
def test_what_two_statements_have_in_common(one: str, other: str, same: bool) -> None:
    assert (definition.sql_without_layout(one) == definition.sql_without_layout(other)) is same


def test_descriptions_and_tests_in_yaml_are_left_out(checkout: Path) -> None:
    before = the_hash()
    assert len(YAML) > 70
    for path in YAML:
        edit(
            checkout / path,
            lambda text: "# a note\n" + re.sub(r"(description: [>|]\n +)", r"\1Indeed, ", text),
        )
    assert the_hash() == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("dbt_project/dbt_project.yml", "mau_days: 28", "mau_days: 30"),
        ("dbt_project/dbt_project.yml", "append", "delete+insert"),
        ("dbt_project/models/marts/app_scorecard.yml", "data_type: double", "data_type: float"),
        ("dbt_project/models/marts/app_scorecard.yml", "- name: d1_rate", "- name: d1_share"),
        ("dbt_project/models/staging/sources.yml", "- name: app_events", "- name: events"),
        ("dbt_project/seeds/review_themes.csv", "price", "prices"),
        ("flows/outlook/rules.py", "0.10", "0.11"),
        ("flows/outlook/curves.py", "def ", "def new_"),
    ],
)
def test_the_hash_moves_with_what_defines_the_numbers(
    checkout: Path, path: str, old: str, new: str
) -> None:
    before = the_hash()
    edit(checkout / path, lambda text: text.replace(old, new, 1))
    assert the_hash() != before


def test_comments_and_docstrings_of_the_outlook_are_left_out(checkout: Path) -> None:
    before = the_hash()
    assert len(PYTHON) > 8
    for path in PYTHON:
        edit(checkout / path, lambda text: text.replace('"""', '"""Well. ', 1) + "\n\n# a note\n")
    assert the_hash() == before


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (
            "dbt_project/models/marts/app_scorecard.sql",
            "dbt_project/models/marts/x/app_scorecard.sql",
        ),
        ("dbt_project/models/marts/app_scorecard.yml", "dbt_project/models/app_scorecard.yml"),
        ("dbt_project/macros/engine/moments.sql", "dbt_project/macros/moments.sql"),
        ("flows/outlook/wilson.py", "flows/outlook/intervals/wilson.py"),
    ],
)
def test_a_file_that_is_moved_is_the_same_definition(checkout: Path, path: str, to: str) -> None:
    before = the_hash()
    (checkout / to).parent.mkdir(exist_ok=True)
    (checkout / path).rename(checkout / to)
    assert the_hash() == before


def test_a_model_in_a_folder_with_another_configuration_is_another_one(checkout: Path) -> None:
    before = the_hash()
    models = checkout / "dbt_project" / "models"
    (models / "marts" / "app_scorecard.sql").rename(models / "staging" / "app_scorecard.sql")
    assert the_hash() != before


@pytest.mark.parametrize(
    "path",
    ["dbt_project/models/marts/app_scorecard.sql", "flows/outlook/wilson.py"],
)
def test_a_file_that_is_gone_or_new_is_another_definition(checkout: Path, path: str) -> None:
    before = the_hash()
    shutil.copy(checkout / path, (checkout / path).with_stem("another"))
    more = the_hash()
    (checkout / path).unlink()
    assert len({before, more, the_hash()}) == 3


@pytest.mark.parametrize(
    "path", ["dbt_project/models/docs/new.md", "flows/outlook/__pycache__/x.pyc", "flows/cli.py"]
)
def test_the_hash_stays_whatever_else_changes(checkout: Path, path: str) -> None:
    before = the_hash()
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("")
    assert the_hash() == before
