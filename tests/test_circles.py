"""A test that needs only Python starts no server, and what a circle lacks is one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import circles


@pytest.mark.parametrize(
    "command",
    [
        [str(Path(sys.executable).with_name("prefect")), "server", "start"],
        [sys.executable, "-m", "uvicorn", "prefect.server.api.server:create_app"],
        ["unshare", "--user", "/usr/lib/postgresql/15/bin/initdb", "-D", "data"],
        ["chromium", "--headless"],
        [str(Path(sys.executable).with_name("afterhype")), "demo", "--home", "home"],
    ],
)
def test_a_test_without_a_service_starts_none(command: list[str]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"of the first circle starts"):
        subprocess.run(command, check=False)


@pytest.fixture
def a_service() -> None:
    """It stands for one that is listed: those of a session would have to be set up twice."""


def test_a_test_without_a_service_gets_none_while_it_runs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(circles.FIXTURES, "a_service", "services")
    with pytest.raises(pytest.fail.Exception, match=r"mark the test with pytest\.mark\.services"):
        request.getfixturevalue("a_service")


@pytest.mark.parametrize(
    ("circle", "sentences"),
    [
        (
            "services",
            [
                "make test-services needs Chromium: "
                "apt-get install chromium, or playwright install chromium",
                "make test-services needs the programs of a PostgreSQL server: "
                "apt-get install postgresql",
            ],
        ),
        (
            "spark",
            ["make test-spark needs Java 17 or later: apt-get install default-jre-headless"],
        ),
    ],
)
def test_what_a_circle_lacks_is_a_sentence_each(
    circle: str,
    sentences: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for found in ("system_chromium", "postgres_binaries"):
        monkeypatch.setattr(circles, found, lambda: None)
    monkeypatch.setattr(circles, "_playwright_has_its_own", lambda: False)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert circles.main(circle) == 2
    assert capsys.readouterr().err.splitlines() == sentences


def test_the_first_circle_lacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert circles.main("python") == 0
    assert capsys.readouterr().err == ""
