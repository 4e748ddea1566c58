"""Draws the figures of a site, each once for what it shows: drawings are kept from site to site."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt

from flows.report import charts

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Plot:
    """A function that makes a chart, and what it makes it of; that may be another plot.

    What it is given is told apart by its ``repr``: data, no objects that are known by an address.
    """

    function: Callable[..., alt.LayerChart]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        named = f"{self.function.__module__}.{self.function.__qualname__}"
        return f"{named}({self.arguments!r}, {self.options!r})"

    def chart(self) -> alt.LayerChart:
        """Make the chart."""
        arguments = [a.chart() if isinstance(a, Plot) else a for a in self.arguments]
        return self.function(*arguments, **self.options)


def plot(function: Callable[..., alt.LayerChart], *arguments: Any, **options: Any) -> Plot:
    """A chart that is made when it is drawn, and only if no drawing of it is kept."""
    return Plot(function, arguments, options)


class Drawings:
    """The Vega-Lite JSON of plots, and the script that draws them.

    ``kept_in`` is a folder for what takes seconds to make; without it nothing is kept.
    """

    def __init__(self, kept_in: Path | None = None) -> None:
        self._kept_in = kept_in
        self._before = _read(kept_in / "plots.json") if kept_in else {}
        self._now: dict[str, dict[str, Any]] = {}

    def specification(self, of: Plot) -> dict[str, Any]:
        """The Vega-Lite JSON of a plot, drawn before or now."""
        made_of = hashlib.sha256(f"{_code()}{of!r}".encode()).hexdigest()
        if made_of not in self._now:
            kept = self._before.get(made_of)
            self._now[made_of] = kept or charts.specification(of.chart())
        return self._now[made_of]

    def keep(self) -> None:
        """Keep the drawings that were asked for, and no others."""
        if self._kept_in and self._now.keys() != self._before.keys():
            self._kept_in.mkdir(parents=True, exist_ok=True)
            partial = self._kept_in / "plots.json.partial"
            partial.write_text(json.dumps(self._now, separators=(",", ":")), encoding="utf-8")
            partial.replace(self._kept_in / "plots.json")  # whole, or not there

    @functools.cached_property
    def vega(self) -> str:
        """Vega, Vega-Lite and Vega-Embed as one script that may stand inside a script element.

        Bundling takes seconds and gives the same for the same versions.
        """
        version = "v" + ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
        if self._kept_in is None:
            return _bundled(version)
        bundler = importlib.metadata.version("vl-convert-python")
        kept = self._kept_in / f"vega-{version}-{bundler}.js"
        if kept.exists():
            return kept.read_text(encoding="utf-8")
        self._kept_in.mkdir(parents=True, exist_ok=True)
        for older in self._kept_in.glob("vega-*.js*"):
            older.unlink()
        partial = kept.with_suffix(".js.partial")
        partial.write_text(_bundled(version), encoding="utf-8")
        partial.replace(kept)
        return _bundled(version)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    with suppress(OSError, ValueError):  # not there, or not whole: drawn again
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


@functools.cache
def _code() -> str:
    """A hash of what draws: a chart of other code is another one."""
    digest = hashlib.sha256(alt.__version__.encode())
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _bundled(version: str) -> str:
    import vl_convert  # a whole JavaScript engine: only to bundle

    made: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return made.replace("</script", "<\\/script")
