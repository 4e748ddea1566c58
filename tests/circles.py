"""Three circles of tests: those that need only Python, those of services, and those on Spark.

The fixtures decide. Whatever uses a fixture of FIXTURES, itself or by another fixture, gets that
circle's marker when it is collected; everything else is of the first circle, and is stopped where
it starts a server all the same. `python -m tests.circles services` says what a circle lacks.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

Circle = Literal["services", "spark"]

FIXTURES: dict[str, Circle] = {
    "browser": "services",
    "demo_home": "services",  # a flow run of a Prefect server that the demo starts
    "postgres": "services",
    "prefect_server": "services",
    "s3_server": "services",
    "server": "services",  # of tests/scheduling: Prefect's, with workers
    "shell": "services",  # of tests/docs: in it a server and a worker are started
    "spark_home": "spark",
}

SERVERS = frozenset(
    {
        *("chrome", "chromium", "chromium-browser", "google-chrome", "headless_shell"),
        *("initdb", "pg_ctl", "postgres"),
        *("java", "node"),  # Playwright's driver runs on node
        *("moto_server", "prefect", "uvicorn"),
        "afterhype demo",
    }
)
"""Programs, and commands of ours, that no test of the first circle starts."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that a circle needs and no lock brings, and how to get it."""

    name: str
    circle: Circle
    install: str

    @property
    def lacks(self) -> str:
        """The sentence to say where it is missing."""
        return f"make test-{self.circle} needs {self.name}: {self.install}"


CHROMIUM = Program(
    name="Chromium",
    circle="services",
    install="apt-get install chromium, or playwright install chromium",
)
POSTGRES = Program(
    name="the programs of a PostgreSQL server",
    circle="services",
    install="apt-get install postgresql",
)
JAVA = Program(
    name="Java 17 or later", circle="spark", install="apt-get install default-jre-headless"
)


def system_chromium() -> str | None:
    """The system's own browser; without one, Playwright's is used."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def postgres_binaries() -> Path | None:
    """Where the server's programs are; Debian keeps them off the path, a folder per version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        return None
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


def missing(circle: str) -> Iterator[Program]:
    """The programs that a circle needs and this machine does not have."""
    if circle == "services":
        if system_chromium() is None and not _playwright_has_its_own():
            yield CHROMIUM
        if postgres_binaries() is None:
            yield POSTGRES
    if circle == "spark" and shutil.which("java") is None:
        yield JAVA


def _playwright_has_its_own() -> bool:
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:  # where it keeps a browser differs from version to version: to start it is to know
            playwright.chromium.launch(args=["--no-sandbox"]).close()
        except Error as error:
            if "Executable doesn't exist" in str(error):
                return False
            raise
    return True


_stops_servers = False
"""Whether the test that runs is of the first circle."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for circle in {
            FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES
        }:
            item.add_marker(circle)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    global _stops_servers
    circles = set(FIXTURES.values())
    _stops_servers = not any(item.get_closest_marker(circle) for circle in circles)
    try:
        return (yield)
    finally:
        _stops_servers = False


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Stop a test that gets a service's fixture while it runs, where no collection sees it."""
    if _stops_servers and fixturedef.argname in FIXTURES:
        circle = FIXTURES[fixturedef.argname]
        pytest.fail(
            f"{fixturedef.argname} is a fixture of the circle {circle}: name it among the test's "
            f"arguments, or mark the test with pytest.mark.{circle}"
        )


def _stop_servers(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and _stops_servers:
        _, command, *_ = arguments
        words = [command] if isinstance(command, str | bytes) else command
        assert isinstance(words, Sequence)
        names = [Path(str(word)).name for word in words]
        if started := SERVERS & {*names, " ".join(names[:2])}:
            pytest.fail(
                f"a test of the first circle starts {', '.join(sorted(started))}: let it use a "
                "fixture of tests/circles.py, or mark it with pytest.mark.services"
            )


sys.addaudithook(_stop_servers)


def main(circle: str) -> int:
    """Say what a circle's tests would lack, a sentence each; the exit code."""
    lacking = [program.lacks for program in missing(circle)]
    for sentence in lacking:
        print(sentence, file=sys.stderr)
    return 2 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
