"""The published site in a real browser: nothing leaves the machine, nothing complains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Place

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(
    ("page_name", "says"),
    [
        ("index.html", "When the hype is gone"),
        ("apps/chat.html", "What to watch next"),
        ("dbt/index.html", "afterhype"),
        ("data_docs/index.html", "Validation Results"),
    ],
)
def test_a_page_opens_without_a_request_outside_or_a_complaint(
    browser: Browser, first_run: Place, page_name: str, says: str
) -> None:
    site = first_run.home / "published" / "site"
    requests, complaints = [], []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto((site / page_name).as_uri())
    page.wait_for_timeout(1500)
    text = page.inner_text("body")
    page.close()
    assert says in text
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_no_published_page_names_a_path_of_this_machine(first_run: Place) -> None:
    site = first_run.home / "published" / "site"
    for path in site.rglob("*.html"):
        assert str(first_run.folder) not in path.read_text(encoding="utf-8"), path
