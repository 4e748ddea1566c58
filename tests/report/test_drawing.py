"""What is drawn once is kept as long as its data, its code and its page are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import pytest

from flows.report import charts, drawing, write_site
from flows.report.drawing import Drawings, plot
from tests.report.conftest import HABIT, SPIKE, MakeMarts

drawn: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_is_drawn_yet() -> None:
    drawn.clear()


def bars(rows: list[dict[str, Any]], name: str) -> alt.LayerChart:
    drawn.append(name)
    return alt.layer(alt.Chart(alt.InlineData(rows)).mark_bar().encode(x="x:Q"))


def titled(chart: alt.LayerChart, *, title: str) -> alt.LayerChart:
    drawn.append(title)
    return chart.properties(title=title)


def of(value: float) -> drawing.Plot:
    return plot(titled, plot(bars, [{"x": value}], f"bars of {value}"), title=f"title of {value}")


def test_a_plot_is_drawn_again_for_other_data_only(tmp_path: Path) -> None:
    first = Drawings(tmp_path)
    one, two = first.specification(of(1)), first.specification(of(2))
    first.keep()
    assert drawn == ["bars of 1", "title of 1", "bars of 2", "title of 2"]
    assert one != two

    drawn.clear()
    second = Drawings(tmp_path)
    assert second.specification(of(1)) == one
    assert drawn == []
    assert second.specification(of(1.5)) not in (one, two)
    assert drawn == ["bars of 1.5", "title of 1.5"]
    second.keep()
    assert len(json.loads((tmp_path / "plots.json").read_text())) == 2  # that of 2 is gone


def test_other_code_draws_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Drawings(tmp_path)
    first.specification(of(1))
    first.keep()
    monkeypatch.setattr(drawing, "_code", lambda: "other code")
    Drawings(tmp_path).specification(of(1))
    assert drawn == ["bars of 1", "title of 1"] * 2


@pytest.mark.parametrize("content", ["", '{"half": {"mark"', "[]"])
def test_a_broken_keepsake_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "plots.json").write_text(content)
    assert Drawings(tmp_path).specification(of(1))["layer"]


def test_a_site_of_the_same_data_draws_nothing_and_is_the_same(
    tmp_path: Path, make_marts: MakeMarts, monkeypatch: pytest.MonkeyPatch
) -> None:
    marts, kept = make_marts(SPIKE, HABIT), tmp_path / "kept"
    first = write_site(marts, tmp_path / "first", kept_in=kept)
    texts = json.loads((kept / "plots.json").read_text())
    assert len(texts) > 20
    assert " at 0x" not in repr(texts)

    draw = charts.specification
    anew: list[alt.LayerChart] = []

    def noted(chart: alt.LayerChart) -> dict[str, Any]:
        anew.append(chart)
        return draw(chart)

    monkeypatch.setattr(charts, "specification", noted)
    second = write_site(marts, tmp_path / "second", kept_in=kept)
    assert anew == []
    pages = [path.relative_to(first.parent) for path in first.parent.rglob("*.html")]
    assert len(pages) == 4  # overview, glossary, two apps
    for page in pages:
        assert (second.parent / page).read_bytes() == (first.parent / page).read_bytes()

    with duckdb.connect(str(marts)) as con:
        con.execute("""update fct_growth_accounting set "new" = 7 where app_id = 'habit'""")
    write_site(marts, tmp_path / "third", kept_in=kept)
    assert 0 < len(anew) < len(texts)  # what shows one app alone is as it was
