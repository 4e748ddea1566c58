"""The examples of sources files are valid, and the docs name every format and none besides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.settings import PROJECT_ROOT
from flows.sources import load_sources

EXAMPLES = sorted((PROJECT_ROOT / "profiles" / "sources").glob("*.yml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid(path: Path) -> None:
    assert load_sources(path).all


def test_every_event_format_has_a_page_that_cites_what_it_relies_on() -> None:
    for name in EVENT_FORMATS:
        page = (PROJECT_ROOT / "docs" / "formats" / f"{name}.md").read_text(encoding="utf-8")
        assert f"format: {name}" in page
        assert "Relied on: " in page


def test_the_page_of_the_stores_reports_names_every_format() -> None:
    page = (PROJECT_ROOT / "docs" / "formats" / "store-reports.md").read_text(encoding="utf-8")
    for name in (*INSTALL_FORMATS, *REVIEW_FORMATS):
        assert name in page


def test_what_the_readme_links_to_is_there() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(((?!http)[^)#]+)", readme)
    assert [link for link in links if not (PROJECT_ROOT / link).exists()] == []
