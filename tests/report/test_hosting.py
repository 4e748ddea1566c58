"""The site as plain files: every link leads somewhere, also below a path of a host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag, urljoin
from urllib.request import urlopen

import duckdb
import pytest

from flows.report import write_site
from tests.report.conftest import HABIT, SPIKE, build_marts
from tests.report.reading import Page


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the tests' output."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's folder with the site two folders below it, as GitHub Pages has it."""
    folder = tmp_path_factory.mktemp("host")
    marts = build_marts(folder / "published" / "marts.duckdb", (SPIKE, HABIT))
    (marts.parent / "parquet").mkdir()
    with duckdb.connect(str(marts), read_only=True) as con:
        con.execute(f"copy dim_apps to '{marts.parent / 'parquet' / 'dim_apps.parquet'}'")
    write_site(marts, folder / "team" / "report")
    return folder


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/team/report/"
        server.shutdown()


def test_every_link_leads_somewhere_within_the_site(address: str) -> None:
    seen: dict[str, Page | None] = {}
    waiting = [urljoin(address, "index.html")]
    fragments = []
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        with urlopen(url) as answer:
            body = answer.read()
        seen[url] = page = Page(body.decode()) if url.endswith(".html") else None
        for link in page.attributes("a", "href") if page else []:
            target, fragment = urldefrag(urljoin(url, link))
            assert target.startswith(address), f"{url} leads to {link}"
            waiting.append(target)
            fragments.append((target, fragment, url))
    anchors = {
        url: {attributes.get("id") for _, attributes in page.tags}
        for url, page in seen.items()
        if page
    }
    assert {url.removeprefix(address) for url in seen} == {
        "index.html",
        "glossary.html",
        "apps/spike.html",
        "apps/habit.html",
        "downloads/marts.duckdb",
        "downloads/dim_apps.parquet",
    }
    dead = [(url, target, f) for target, f, url in fragments if f and f not in anchors[target]]
    assert dead == []


def test_what_can_be_downloaded_is_what_is_published(root: Path) -> None:
    site = root / "team" / "report"
    published = root / "published"

    for path in (site / "downloads").iterdir():
        source = published / (
            "marts.duckdb" if path.suffix == ".duckdb" else f"parquet/{path.name}"
        )
        assert path.samefile(source)


def test_github_pages_leaves_nothing_out(root: Path) -> None:
    assert (root / "team" / "report" / ".nojekyll").is_file()
