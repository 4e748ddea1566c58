"""Renders the definitions of the dbt docs as the site's glossary, so that each is written once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from flows.errors import AfterhypeError
from flows.settings import PROJECT_ROOT

DEFINITIONS = PROJECT_ROOT / "dbt_project" / "models" / "docs" / "definitions.md"
_BLOCK = re.compile(r"{%\s*docs\s+(\w+)\s*%}\n(.*?){%\s*enddocs\s*%}", re.DOTALL)
_TITLE = re.compile(r"\A### (.+)\n+")


@dataclass(frozen=True)
class Term:
    """One definition: the name of its docs block, its title, and its text as HTML."""

    name: str
    title: str
    text: Markup


def read_terms(path: Path = DEFINITIONS) -> list[Term]:
    """Every docs block of the file, by title. Raises AfterhypeError where there is none."""
    try:
        blocks = _BLOCK.findall(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AfterhypeError(f"{path}: the definitions cannot be read: {error}") from error
    if not blocks:
        raise AfterhypeError(f"{path}: holds no docs block, so there is no glossary to write")
    return sorted((_term(name, body) for name, body in blocks), key=lambda term: _order(term.title))


def _term(name: str, body: str) -> Term:
    match = _TITLE.match(body)
    title = match[1] if match else name.replace("_", " ").capitalize()
    rest = body[match.end() :] if match else body
    # No HTML of the text itself, and tables only beyond CommonMark.
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(rest)
    # A formula is wider than a phone: it scrolls by itself, also with the keyboard.
    html = html.replace("<pre>", f'<pre tabindex="0" role="region" aria-label="Formula: {title}">')
    return Term(name, title, Markup(html))


def _order(title: str) -> str:
    return title.lower().removeprefix("the ")
