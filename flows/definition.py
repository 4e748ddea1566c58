"""Say which code and which definitions made a publication's numbers."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from flows.settings import PROJECT_ROOT
from flows.sources import Sources


def dbt_variables(sources: Sources) -> dict[str, Any]:
    """The sources file's definitions as dbt's variables; dbt_project.yml says what each means."""
    return {
        "reporting_timezone": sources.timezone,
        "week_start": sources.week_start,
        "horizon_days": sources.horizon_days,
        "late_data_allowance_days": sources.late_data_allowance_days,
        "segments": list(sources.segments),
        "brackets": sources.brackets.model_dump(mode="json"),
        "verdict": sources.verdict.model_dump(mode="json"),
        "event_rules": {
            app.app_id: {"activity": list(app.activity_events), "cohort": list(app.cohort_events)}
            for app in sources.apps
            if app.activity_events or app.cohort_events
        },
        "behaviour_rules": {
            app.app_id: {"creation": list(app.creation_events), "sharing": list(app.sharing_events)}
            for app in sources.apps
            if app.creation_events or app.sharing_events
        },
        "behaviour_cohort_days": sources.behaviour_cohort_days,
        "raw_retention_days": sources.raw_retention_days,
    }


def definition_hash(sources: Sources) -> str:
    """A hash of what defines the numbers: models, macros, seeds, outlook, the sources file.

    Comments, layout, descriptions, tests and where a file lies are not in it: they change no
    number.
    """
    digest = hashlib.sha256(_code_hash(_signature(PROJECT_ROOT)).encode())
    digest.update(json.dumps(dbt_variables(sources), sort_keys=True).encode())
    return digest.hexdigest()[:16]


_Signature = tuple[tuple[Path, int, int], ...]
"""The files that define the numbers, each with its modification time and size."""


def _signature(root: Path) -> _Signature:
    project = root / "dbt_project"
    folders = (
        project / "models",
        project / "macros",
        project / "seeds",
        root / "flows" / "outlook",
    )
    files = [
        project / "dbt_project.yml",
        *(
            path
            for folder in folders
            for path in folder.rglob("*")
            if path.suffix in (".csv", ".py", ".sql", ".yml")
        ),
    ]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path in files for stat in [path.stat()])


@functools.cache
def _code_hash(signature: _Signature) -> str:
    """A hash of what the files say, by the names under which dbt and Python know them."""
    said = sorted(line for path, *_ in signature for line in _definitions(path))
    said += [_folder_configs([path for path, *_ in signature])]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _definitions(path: Path) -> Iterator[tuple[str, str, str]]:
    """What a file defines: (kind, name, its text without what changes no number)."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        yield "sql", path.stem, sql_without_layout(text)
    elif path.suffix == ".py":
        yield "python", path.stem, python_without_layout(text)
    elif path.suffix == ".csv":
        yield "seed", path.stem, text
    else:
        for kind, entries in (yaml.load(text, _YamlLoader) or {}).items():
            if kind in _CHANGES_NO_NUMBER:
                continue
            for entry in entries if isinstance(entries, list) else [entries]:
                name = entry.get("name", "") if isinstance(entry, dict) else ""
                yield kind, name, json.dumps(_defining(entry), sort_keys=True, default=str)


def _folder_configs(paths: list[Path]) -> tuple[str, str, str]:
    """The configuration that each model has of its folders, by its name, and not of where it is."""
    (project,) = (path for path in paths if path.name == "dbt_project.yml")
    configured = yaml.load(project.read_text(encoding="utf-8"), _YamlLoader).get("models", {})
    models = project.parent / "models"
    found = {}
    for path in paths:
        if path.suffix == ".sql" and path.is_relative_to(models):
            config: dict[str, Any] = {}
            level = configured.get("afterhype", {})
            for name in (*path.relative_to(models).parent.parts, path.stem):
                config |= {k: v for k, v in level.items() if k.startswith("+")}
                level = level.get(name) or {}
            config |= {k: v for k, v in level.items() if k.startswith("+")}
            found[path.stem] = _defining(config)
    return "folders", "", json.dumps(found, sort_keys=True, default=str)


_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CHANGES_NO_NUMBER = frozenset(
    {
        *("+tags", "data_tests", "description", "docs", "exposures", "label", "tests"),
        *("unit_tests", "version"),
    }
)
"""Keys of dbt's YAML that say something about a number, try it or say when it is made."""


def _defining(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: kept if key == "config" else _defining(kept)
            for key, kept in value.items()
            if key not in _CHANGES_NO_NUMBER
        }
    if isinstance(value, list):
        return [_defining(item) for item in value]
    return value


_TOKEN = re.compile(
    r"""
    (?P<left_out>
        \{\#.*?\#\}
        | --(?:(?!\{[{%])[^\n])*(?=\n|\Z)    # Jinja in a comment is carried out all the same
        | /\*(?:(?!\{[{%]).)*?\*/
        | \s+
    )
    | --[^\n]*
    | /\*.*?\*/
    | \$\$.*?\$\$
    | '(?:[^'\\]|\\.|'')*'
    | "(?:[^"\\]|\\.)*"
    | \w+
    | .
    """,
    re.DOTALL | re.VERBOSE,
)

_GLUED = re.compile(r"[\w'\"$}][\w'\"${]")
"""Two characters between which white space makes another text: fct_{{ period }} is one name."""


def sql_without_layout(text: str) -> str:
    """SQL with Jinja in it, token by token, without comments and without what is between tokens.

    What is in quotes stays as it is.
    """
    # sqlglot's tokenizer knows Jinja as well, but takes a second for this project, in each run
    tokens: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match["left_out"] is not None:
            continue
        beside = match.start() == end and _GLUED.fullmatch(text[end - 1 : end + 1])
        tokens.append("" if beside or not tokens else " ")
        tokens.append(match[0])
        end = match.end()
    return "".join(tokens)


def python_without_layout(text: str) -> str:
    """Python as its syntax tree, without comments, layout and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_only_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_only_text(node: ast.AST) -> bool:
    """A docstring, of whatever: a text that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def code_version() -> str:
    """The package's version, with the commit where it runs from a checkout."""
    version = importlib.metadata.version("afterhype")
    if not (PROJECT_ROOT / ".git").exists():
        return version
    try:
        commit = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version  # a checkout without git, or without a commit
    return f"{version}+{commit}"
