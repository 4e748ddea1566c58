"""Makes a self-contained HTML document of a template and its figures."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from flows.report import app_wording, charts, wording
from flows.report.drawing import Drawings, Plot

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """A chart, what it shows for those who do not see it, and its reading in words."""

    id: str
    title: str
    label: str
    captions: list[str]
    plot: Plot


@dataclass(frozen=True)
class Links:
    """Pages of the site, relative to the one they stand on; None where it was written without."""

    home: str = "index.html"
    glossary: str = "glossary.html"
    dbt: str | None = None
    data_docs: str | None = None

    def from_below(self) -> Links:
        """The same links as they are from a folder beside the overview."""
        return Links(
            home="../index.html",
            glossary="../glossary.html",
            dbt=f"../{self.dbt}" if self.dbt else None,
            data_docs=f"../{self.data_docs}" if self.data_docs else None,
        )


def document(
    template: str,
    figures: Sequence[Figure],
    *,
    drawings: Drawings | None = None,
    explore: Mapping[str, Any] | None = None,
    **context: Any,
) -> str:
    """The HTML of a template; only scripts of this folder run in it, told by their hashes.

    ``drawings`` has what is drawn of the figures, where there are any.

    ``explore`` is the data of an explorer whose figure is among the ``figures``.
    """
    specs, scripts = {}, []
    if figures:
        drawings = drawings or Drawings()
        specs = {figure.id: drawings.specification(figure.plot) for figure in figures}
        scripts = [drawings.vega, _script("draw.js")]
    if explore:
        scripts.append(_script("explore.js"))
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
            specs=_json_for_html({"config": charts.CONFIG, "charts": specs, "explore": explore}),
            theme=Markup(_script("theme.js")),
            scripts=[Markup(script) for script in scripts],
            script_sources=" ".join(_content_hash(s) for s in [_script("theme.js"), *scripts]),
            **context,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(say=wording, tell=app_wording, zip=zip)
    return environment


def _script(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _content_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json_for_html(value: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in, whatever the names in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
