"""The glossary is the dbt docs' definitions, each with its title and formula."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.errors import AfterhypeError
from flows.report.glossary import DEFINITIONS, read_terms


def test_every_docs_block_is_a_term_with_its_formula() -> None:
    terms = {term.name: term for term in read_terms()}

    assert set(terms) == set(re.findall(r"{% docs (\w+) %}", DEFINITIONS.read_text("utf-8")))
    assert terms["classic_retention"].title == "Classic (N-day) retention"
    assert "retained(n)    = users of the cohort with an event" in terms["classic_retention"].text
    assert "<pre" in terms["stickiness"].text
    assert "###" not in "".join(term.text for term in terms.values())
    assert next(iter(terms)) == "window_24h_retention"


def test_html_in_a_definition_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "definitions.md"
    path.write_text("{% docs x %}\n### X\n\n<script>1</script>\n{% enddocs %}\n", "utf-8")

    (term,) = read_terms(path)

    assert "<script>" not in term.text


def test_a_file_without_definitions_is_named(tmp_path: Path) -> None:
    path = tmp_path / "definitions.md"
    with pytest.raises(AfterhypeError, match=r"definitions\.md: the definitions cannot be read"):
        read_terms(path)
    path.write_text("none", "utf-8")
    with pytest.raises(AfterhypeError, match=r"definitions\.md: holds no docs block"):
        read_terms(path)
