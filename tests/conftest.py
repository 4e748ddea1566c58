"""What several test files share: a small home with one app's events, and a Prefect server."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ("tests.circles",)

# before anything imports Prefect or Great Expectations
os.environ.update(
    PREFECT_LOGGING_LEVEL="CRITICAL",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    GX_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
)

SOURCES = """
timezone: UTC
horizon_days: 10
apps:
  - {app_id: chat, name: Chat}
events:
  - name: chat_events
    app_id: chat
    uri: exports/*.csv*
    format: custom
    reader: {type: csv}
    columns: {user_id: who, event_time: at, event_name: what, event_id: id}
    complete_through: 2026-01-12
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker goes on for minutes after the others.

    The engine's proof comes before the files beside this one, so that not two workers wait for the
    run that many begin with; those of schedules wait for minutes, in which others use the core.
    """
    here = Path(__file__).parent
    order = {here / "scheduling": 0, here / "docs": 1, here / "engine": 2, here: 3}
    items.sort(key=lambda item: order.get(item.path.parent, len(order)))


@pytest.hookimpl(optionalhook=True)  # for who runs the tests without pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker for each core, and one more where they wait for servers half of the time."""
    waits = bool(config.option.markexpr == "services")
    return (os.cpu_count() or 1) + waits


@dataclass(frozen=True)
class Place:
    """A folder with a sources file, an exports folder and a home."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def sources(self) -> Path:
        return self.folder / "sources.yml"

    def export(self, name: str, *rows: str) -> Path:
        """Write an export of ``who,at,what,id`` rows."""
        path = self.folder / "exports" / name
        path.write_text("\n".join(["who,at,what,id", *rows]) + "\n", encoding="utf-8")
        return path


def make_place(folder: Path) -> Place:
    """Twenty users who start on 2026-01-01; half of them come back on day 1, five on day 7."""
    place = Place(folder)
    (folder / "exports").mkdir()
    place.sources.write_text(SOURCES, encoding="utf-8")
    starts = [f"u{n:02},2026-01-01T08:00:00Z,open,a{n}" for n in range(20)]
    seconds = [f"u{n:02},2026-01-02T09:00:00Z,open,b{n}" for n in range(10)]
    weeks = [f"u{n:02},2026-01-08T21:00:00Z,open,c{n}" for n in range(5)]
    place.export("2026-01.csv", *starts, *seconds, *weeks)
    return place


@pytest.fixture(scope="session", autouse=True)
def _parsed_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All homes of a test run share what dbt has parsed, whichever process builds them."""
    with pytest.MonkeyPatch.context() as environment:
        folder = shared_by_workers(tmp_path_factory) / "parsed"
        environment.setenv("AFTERHYPE_PARSED_DIR", str(folder))
        yield


def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this test run, whichever worker asks."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which each test's place is made anew.

    Always the same, so that dbt finds the page that it has written for the place before.
    """
    return tmp_path_factory.mktemp("ground") / "place"


def cleared(ground: Path) -> Path:
    """The ground without what the test before left, but for dbt's own folder."""
    written = ground / "home" / "dbt"
    aside = ground.with_name("dbt")
    if written.exists():
        written.rename(aside)
    shutil.rmtree(ground, ignore_errors=True)
    if aside.exists():
        written.parent.mkdir(parents=True)
        aside.rename(written)
    return ground


@pytest.fixture
def place(ground: Path) -> Place:
    """A place in which nothing has run yet."""
    folder = cleared(ground)
    folder.mkdir(exist_ok=True)
    return make_place(folder)


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """A folder that the first worker of a test run to ask makes, for all of them. To be read only.

    Where making it fails, the next one to ask tries again.
    """
    folder = shared_by_workers(tmp_path_factory) / "made_once" / name
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second finds it done
        if not folder.with_suffix(".done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            folder.with_suffix(".done").touch()
    return folder


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place after its first daily run. To be read only: ``after_a_day`` gives a copy."""
    from flows import pipeline

    def run(folder: Path) -> None:
        place = make_place(folder)
        pipeline.daily(home=place.home, sources=place.sources)

    made = made_once(tmp_path_factory, "first_run", run)
    # a copy per worker: two of them cannot have a warehouse open to write it
    folder = tmp_path_factory.mktemp("first_run") / "place"
    return Place(shutil.copytree(made, folder, symlinks=True))


def copy_to(ground: Path, original: Place) -> Place:
    """A copy of a place on the ground."""
    shutil.rmtree(ground, ignore_errors=True)
    return Place(shutil.copytree(original.folder, ground, symlinks=True))


@pytest.fixture
def after_a_day(first_run: Place, ground: Path) -> Place:
    """A copy of the place after its first daily run, to go on from."""
    return copy_to(ground, first_run)


@pytest.fixture
def cut_connections() -> Iterator[str]:
    """The address of a server that promises a body, sends its first byte and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def answer() -> None:
            with contextlib.suppress(OSError):  # closed, as the test has ended
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{")

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One real Prefect server with a database of its own for all tests that run flows."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 API on loopback; it answers whoever asks."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium or Playwright's own, without a window, which asks nobody by itself."""
    from playwright.sync_api import Error, sync_playwright

    from tests.circles import CHROMIUM, system_chromium  # a plugin, not to be imported before

    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(
                executable_path=system_chromium(),
                args=[
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ],
            )
        except Error as error:
            pytest.fail(f"{CHROMIUM.lacks}\n{error}")
        yield running
        running.close()
