"""README.md word for word, on the demo's home: what is typed runs, and prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from flows.settings import PROJECT_ROOT
from tests.presence import present

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
SCHEDULE = slice(README.index("### Schedule it"), README.index("### Connect a BI tool"))
BLOCKS = re.findall(
    # what is typed in "Schedule it" is the handbook's, tests/docs/test_operate.py types it
    r"^```(console|python)\n(.*?)^```$",
    README[: SCHEDULE.start] + README[SCHEDULE.stop :],
    re.M | re.S,
)


@pytest.fixture(scope="module")
def checkout(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the checkout after `make demo`, with a zip of exports."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv" / "bin").mkdir(parents=True)
    command = Path(sys.executable).with_name("afterhype")
    (folder / ".venv" / "bin" / "afterhype").symlink_to(command)
    (folder / "tests").symlink_to(PROJECT_ROOT / "tests")
    (folder / ".afterhype").symlink_to(demo_home)
    (folder / "exports").mkdir()
    with zipfile.ZipFile(folder / "exports" / "2026-01.zip", "w") as archive:
        whole = PROJECT_ROOT / "tests" / "fixtures" / "events" / "mixpanel"
        archive.write(whole / "good.ndjson", "2026-01.ndjson")
    return folder


def run(command: str, folder: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_LEVEL"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout


def serve(command: str, folder: Path) -> None:
    """Start it on a free port, read the page where it says that it is, and end it."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command} --port 0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = present(process.stdout).readline().split()[0]
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"do the users stay?" in page.read()
    finally:
        process.terminate()
        process.wait(30)


def test_the_targets_of_make_are_there() -> None:
    for command in ("make demo", "make test"):
        assert f"$ {command} " in README
        planned = run(f"{command} --dry-run", PROJECT_ROOT)
        assert {"make demo": "afterhype demo", "make test": "-m pytest"}[command] in planned


def test_every_block_that_is_typed_does_what_the_readme_says(checkout: Path) -> None:
    for language, block in BLOCKS:
        if language == "python":
            run(f"{sys.executable} - <<'END'\n{block}END", checkout)
            continue
        typed = [
            line[2:].split("  #")[0].strip() for line in block.splitlines() if line[:2] == "$ "
        ]
        shown = [line for line in block.splitlines() if line[:2] != "$ " and line.strip(" …─")]
        printed = ""
        for command in typed:
            if command.startswith("make "):
                continue
            if " serve" in command:
                serve(command, checkout)
            else:
                printed += run(command, checkout)
        for line in shown:
            assert re.sub(r"\s+", " ", line).strip() in re.sub(r"\s+", " ", printed), line
