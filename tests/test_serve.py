"""Serving the published site on this machine."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path

import pytest

from flows.errors import AfterhypeError
from flows.serve import make_server
from flows.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for generation in ("one", "two"):
        folder = tmp_path / "published" / "generations" / generation / "site"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(generation)
    show(tmp_path, "one")
    return Settings(home=tmp_path)


def show(home: Path, generation: str) -> None:
    aside = home / "published" / ".site.new"
    aside.symlink_to(f"generations/{generation}/site")
    aside.replace(home / "published" / "site")


def test_a_new_publication_shows_at_the_next_request(settings: Settings) -> None:
    with make_server(settings, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        assert urllib.request.urlopen(url).read() == b"one"
        show(settings.home, "two")
        assert urllib.request.urlopen(url).read() == b"two"
        server.shutdown()


def test_pages_in_folders_are_served(settings: Settings) -> None:
    apps = settings.published_dir / "generations" / "one" / "site" / "apps"
    apps.mkdir()
    (apps / "spike.html").write_text("a spike")
    with make_server(settings, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/apps/spike.html"
        assert urllib.request.urlopen(url).read() == b"a spike"
        server.shutdown()


def test_a_port_that_is_taken_says_so(settings: Settings) -> None:
    with (
        make_server(settings, 0) as server,
        pytest.raises(AfterhypeError, match="afterhype serve --port 0"),
    ):
        make_server(settings, server.server_address[1])


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AfterhypeError, match="Run `afterhype run` first"):
        make_server(Settings(home=tmp_path), 0)
