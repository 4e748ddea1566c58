"""Every page of the site for every reader: axe-core, both themes, phone, print, no JavaScript."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from flows.report import write_site
from tests.presence import present
from tests.report.conftest import HABIT, QUIET, SPIKE, AppRule, build_marts

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EMPTY = AppRule("empty", "Announced", daily_users=0)
PAGES = (
    "index.html",
    "glossary.html",
    "apps/spike.html",
    "apps/habit.html",
    "apps/quiet.html",
    "apps/empty.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    marts = build_marts(
        tmp_path_factory.mktemp("published") / "marts.duckdb", (SPIKE, HABIT, QUIET, EMPTY)
    )
    return write_site(marts, marts.parent / "site").parent


def drawn(page: Page, address: Path) -> Page:
    page.goto(address.as_uri())
    if page.locator("#charts").count():
        page.wait_for_selector("html[data-charts=drawn]", state="attached")
    return page


def test_these_are_all_the_pages(site: Path) -> None:
    assert {str(path.relative_to(site)) for path in site.rglob("*.html")} == set(PAGES)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing_serious_and_nothing_leaves_the_page(
    browser: Browser, site: Path, width: int, theme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    found = []
    for name in PAGES:
        drawn(page, site / name)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        assert said == [], name
        result = Axe().run(page, options={"resultTypes": ["violations"]})
        found += [
            (name, violation["id"], violation["impact"], violation["nodes"][0]["html"])
            for violation in result.response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
    context.close()
    assert found == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []


def test_every_page_stays_below_three_megabytes(site: Path) -> None:
    assert max((site / name).stat().st_size for name in PAGES) < 3_000_000


def test_the_theme_that_is_chosen_is_remembered_and_beats_the_system(
    browser: Browser, site: Path
) -> None:
    context = browser.new_context(color_scheme="light")
    page = drawn(context.new_page(), site / "index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Theme", exact=True).select_option("dark")
    dark = page.evaluate(ground)

    drawn(page, site / "apps" / "spike.html")

    assert page.evaluate(ground) == dark != light
    assert page.get_by_label("Theme", exact=True).input_value() == "dark"
    page.get_by_label("Theme", exact=True).select_option("auto")
    assert page.evaluate(ground) == light
    context.close()


def test_a_reader_chooses_definition_period_and_users_with_the_keyboard(
    browser: Browser, site: Path
) -> None:
    page = drawn(browser.new_page(), site / "apps" / "habit.html")
    rows = "#explore-table tbody tr"
    first = page.locator(rows).all_text_contents()
    summary = page.locator("#explore-summary").inner_text()

    page.get_by_label("Definition", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[data-shown='all:all|day|unbounded']")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[data-shown='all:all|week|unbounded']")
    assert page.locator("#explore-table caption").text_content() == "Unbounded retention by week"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[data-shown='platform:android|week|unbounded']")
    with duckdb.connect(str(site.parent / "marts.duckdb"), read_only=True) as con:
        rate, retained, eligible = present(
            con.execute(
                "select sum(returned_users) / sum(eligible_users) * 100, sum(returned_users), "
                "sum(eligible_users) from fct_cohort_retention_weekly "
                "where app_id = 'habit' and platform = 'android' and week_n = 2"
            ).fetchone()
        )
    second = re.sub(r"\s+", " ", present(page.locator(rows).nth(1).text_content()))
    assert second.startswith(f"2{rate:.1f} %")
    assert f"{retained:,} of {eligible:,}" in second
    assert "Habit & Co, platform android: week 1" in page.locator("#explore-summary").inner_text()

    # What the page works out for itself is what it had been written with.
    page.get_by_label("Definition", exact=True).select_option("classic")
    page.get_by_label("Period", exact=True).select_option("day")
    page.get_by_label("Users", exact=True).select_option("all:all")
    page.wait_for_selector("[data-shown='all:all|day|classic']")
    assert page.locator("#explore-summary").inner_text() == summary
    assert page.locator(rows).all_text_contents() == first
    page.close()


def test_brackets_are_of_all_users_and_unobserved_choices_are_not_zero(
    browser: Browser, site: Path
) -> None:
    page = drawn(browser.new_page(), site / "apps" / "spike.html")
    assert not page.locator("#explore-only").is_visible()
    page.get_by_label("Users", exact=True).select_option("platform:ios")
    page.get_by_label("Definition", exact=True).select_option("bracket")
    page.wait_for_selector("[data-shown='all:all|day|bracket']")
    assert page.get_by_label("Users", exact=True).is_disabled()
    assert page.locator("#explore-only").is_visible()
    assert page.locator("#explore-table tbody th").all_text_contents() == ["1–3"]

    page.get_by_label("Period", exact=True).select_option("month")
    page.wait_for_selector("[data-shown='all:all|month|bracket']")
    assert "which is not zero" in page.locator("#explore-summary").inner_text()
    assert page.locator("#explore-table tbody tr").count() == 0
    page.close()


def test_a_page_says_its_numbers_without_javascript(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "apps" / "habit.html").as_uri())

    assert not page.locator("#explore-form").is_visible()
    assert not page.get_by_label("Theme", exact=True).is_visible()
    assert page.locator("#explore-summary").inner_text().startswith("Habit & Co: day 1 50.0")
    assert page.locator("#explore-table tbody tr").count() == 49
    assert present(page.locator("#explore-table tbody tr").first.text_content()).startswith("150.0")
    context.close()


def test_printed_pages_unfold_and_have_no_controls(browser: Browser, site: Path) -> None:
    page = drawn(browser.new_page(color_scheme="dark"), site / "apps" / "spike.html")
    folded = page.locator("details:not([open])").count()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert folded > 0
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("#explore-form").is_visible()
    assert not page.locator("nav").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 30, 34)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded
    page.close()


def test_headings_go_down_one_step_at_a_time(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    for name in PAGES:
        drawn(page, site / name)
        levels = json.loads(
            page.evaluate(
                "JSON.stringify([...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]"
                ".map(heading => Number(heading.tagName[1])))"
            )
        )
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), name
    page.close()
