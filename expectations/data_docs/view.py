"""The views that Great Expectations renders its Data Docs with, on templates that load nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

TEMPLATES = Path(__file__).parent / "templates"


def _ours_first(view: Any) -> None:
    """Find a template here before Great Expectations' own of the same name, which needs CDNs."""
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])


class OfflinePageView(DefaultJinjaPageView):  # type: ignore[misc]
    """A suite's or a validation's page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _ours_first(self)


class OfflineIndexPageView(DefaultJinjaIndexPageView):  # type: ignore[misc]
    """The index page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _ours_first(self)
