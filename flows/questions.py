"""The questions of dbt_project/analyses as SQL for the published file: to read, to ask, to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml

from flows.errors import ConfigurationError
from flows.published import query
from flows.settings import PROJECT_ROOT, Settings

ANALYSES = PROJECT_ROOT / "dbt_project" / "analyses"

SHOWN_ROWS = 12
"""As many rows of an answer are shown on the page of the docs."""


@dataclass(frozen=True)
class Question:
    """One question. ``sql`` names every table as ``marts.…`` and runs on the published file."""

    name: str
    asks: str
    how_to_read: str
    sql: str


def questions() -> list[Question]:
    """Every question, in the order of analyses.yml."""
    listed = yaml.safe_load((ANALYSES / "analyses.yml").read_text(encoding="utf-8"))["analyses"]
    return [_read(entry["name"]) for entry in listed]


def find(name: str) -> Question:
    """One question. Raises ConfigurationError for an unknown name, with those there are."""
    known = {question.name: question for question in questions()}
    if name not in known:
        raise ConfigurationError(
            f"{name}: no such question. `afterhype questions` lists them: {', '.join(known)}"
        )
    return known[name]


def ask(settings: Settings, question: Question) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of the answer, from the published file. Raises as ``query`` does."""
    return query(settings, question.sql)


def page(settings: Settings) -> str:
    """docs/questions.md: every question with its SQL and the answer of this home's publication."""
    parts = [
        "# The questions people ask",
        "Each is a file of `dbt_project/analyses`, written to run as it stands on the published "
        "file: copy it into any BI tool that has `marts.duckdb` open. "
        "`afterhype questions` lists them, `afterhype questions NAME` answers one from your own "
        "publication, `--sql` prints it. The answers here are the demo's, whose apps are "
        "simulated. This page is written by `make questions`, and a test compares it with what "
        "the demo gives.",
        "\n".join(
            f"{n}. [{question.asks}](#{question.name})"
            for n, question in enumerate(questions(), start=1)
        ),
        *(_section(question, *ask(settings, question)) for question in questions()),
    ]
    return "\n\n".join(parts) + "\n"


def _read(name: str) -> Question:
    text = (ANALYSES / f"{name}.sql").read_text(encoding="utf-8")
    comment, _, statement = text.partition("\n\nwith\n")
    lines = [line.removeprefix("--").strip() for line in comment.splitlines()]
    asks, how_to_read = " ".join(lines).split("How to read it: ")
    # the models as the published file has them; dbt's own ref() serves its docs and its checks
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        "with\n" + statement
    )
    sql = template.render(
        ref=lambda table: f"marts.{table}", source=lambda _, table: f"marts.{table}"
    )
    return Question(name=name, asks=asks.strip(), how_to_read=how_to_read, sql=sql.strip())


def _section(question: Question, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    return "\n\n".join(
        [
            f'<a id="{question.name}"></a>\n\n## {question.asks}',
            f"{question.how_to_read[0].upper()}{question.how_to_read[1:]}",
            _table(columns, rows[:SHOWN_ROWS]) if rows else "*The demo's answer has no row.*",
            *([f"*The first {SHOWN_ROWS} of {len(rows)} rows.*"] if len(rows) > SHOWN_ROWS else []),
            f"<details><summary><code>analyses/{question.name}.sql</code></summary>\n\n"
            f"```sql\n{question.sql}\n```\n\n</details>",
        ]
    )


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", r"\|")
