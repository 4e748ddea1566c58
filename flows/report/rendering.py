"""Makes a self-contained HTML document of a template and its figures."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
from markupsafe import Markup

from flows.report import app_wording, charts, wording

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """A chart, what it shows for those who do not see it, and its reading in words."""

    id: str
    title: str
    label: str
    captions: list[str]
    chart: alt.LayerChart


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
    vega: str = "",
    explore: Mapping[str, Any] | None = None,
    **context: Any,
) -> str:
    """The HTML of a template; only scripts of this folder run in it, told by their hashes.

    ``vega`` is the script that draws the figures, where there are any (``vega_bundle``).

    ``explore`` is the data of an explorer whose figure is among the ``figures``.
    """
    specs = {figure.id: charts.specification(figure.chart) for figure in figures}
    scripts = [vega, _script("draw.js")] if specs else []
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


def vega_bundle(kept_in: Path | None) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that may stand inside a script element.

    Bundling takes seconds and gives the same for the same versions: it is kept in a folder.
    """
    version = "v" + ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    if kept_in is None:
        return _bundled(version)
    bundler = importlib.metadata.version("vl-convert-python")
    kept = kept_in / f"vega-{version}-{bundler}.js"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    kept_in.mkdir(parents=True, exist_ok=True)
    for older in kept_in.glob("vega-*.js*"):
        older.unlink()
    partial = kept.with_suffix(".js.partial")
    partial.write_text(_bundled(version), encoding="utf-8")
    partial.replace(kept)  # whole, or not there
    return _bundled(version)


@functools.cache
def _bundled(version: str) -> str:
    import vl_convert  # a whole JavaScript engine: only to bundle

    made: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return made.replace("</script", "<\\/script")


def _content_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json_for_html(value: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in, whatever the names in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
