"""The page in a real browser: drawn, quiet, offline, and fitting, at every width and scheme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from flows.report import write_site
from tests.report.conftest import HABIT, QUIET, SPIKE, AppRule, MakeMarts

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = AppRule("long", "</script><b>" + "Supercalifragilistic" * 6, is_simulated=True, peak_rank=2)


@pytest.fixture
def index(make_marts: MakeMarts) -> Path:
    marts = make_marts(SPIKE, HABIT, QUIET, NAMES)
    return write_site(marts, marts.parent / "site")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_the_page_is_drawn_without_a_word_or_a_request(
    browser: Browser, index: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        timezone_id="America/Los_Angeles",
    )
    page = context.new_page()
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))

    page.goto(index.as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached")

    assert said == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    sizes = page.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => {
            const box = chart.querySelector("svg")?.getBoundingClientRect();
            return [chart.id, box?.width ?? 0, box?.height ?? 0];
        })""",
    )
    # Curves twice, and to choose; a triangle, growth and quick ratio per app; one chart of ranks.
    assert len(sizes) == 3 + 3 * 4 + 1
    assert [size for size in sizes if size[1] < 200 or size[2] < 50] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


@pytest.mark.parametrize(
    ("app_id", "width", "scheme"),
    [
        ("spike", 1280, "light"),
        ("spike", 390, "dark"),
        ("habit", 390, "light"),
        ("habit", 1280, "dark"),
        ("quiet", 390, "light"),
    ],
)
def test_an_apps_page_is_drawn_without_a_word_or_a_request(
    browser: Browser, index: Path, app_id: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        timezone_id="America/Los_Angeles",
    )
    page = context.new_page()
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))

    page.goto((index.parent / "apps" / f"{app_id}.html").as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")

    assert said == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    sizes = page.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => {
            const box = chart.querySelector("svg")?.getBoundingClientRect();
            return [chart.id, box?.width ?? 0, box?.height ?? 0];
        })""",
    )
    # Two curves, four of growth, launches; a rank, two of behaviour, two of reviews, and themes.
    assert len(sizes) == (7 if app_id == "quiet" else 13)
    assert [size for size in sizes if size[1] < 200 or size[2] < 50] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


def test_the_overview_leads_to_an_app_and_back(browser: Browser, index: Path) -> None:
    page = browser.new_page()
    page.goto(index.as_uri())
    page.click(".scorecard a.call.spike >> nth=0")
    page.wait_for_selector("#verdict")
    assert page.inner_text("#verdict .word") == "A spike"
    page.click("nav .up a")
    page.wait_for_selector("#scorecard")
    page.close()


def test_dark_and_light_differ_in_charts_too(browser: Browser, index: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(index.as_uri())
        page.wait_for_selector("html[data-charts=drawn]", state="attached")
        colours.append(
            page.eval_on_selector(
                "#curve-classic .mark-line path", "path => getComputedStyle(path).stroke"
            )
        )
        page.close()

    assert len(set(colours)) == 2
    assert all(colour.startswith("rgb") for colour in colours)


def test_days_stand_where_they_are_in_any_time_zone(browser: Browser, index: Path) -> None:
    labels = []
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        page = browser.new_page(timezone_id=zone)
        page.goto(index.as_uri())
        page.wait_for_selector("html[data-charts=drawn]", state="attached")
        labels.append(page.locator("#ranks-0 .role-axis-label").all_text_contents())
        page.close()

    assert labels[0]
    assert labels[0] == labels[1]


def test_the_keyboard_reaches_the_findings_first(browser: Browser, index: Path) -> None:
    page = browser.new_page()
    page.goto(index.as_uri())
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    page.close()
