"""The demo as a person runs it: its verdicts are right, and the docs show what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.demo.curves import APPS
from flows.outlook.replay import replay
from flows.published import query
from flows.settings import PROJECT_ROOT, Settings
from flows.sources import load_sources

RIGHT = {"spike": "spike", "habit": "sticks", "leaky": "leaky"}

DEMO_SOURCES = PROJECT_ROOT / "profiles" / "sources.yml"


def afterhype(home, *arguments):
    done = subprocess.run(
        [Path(sys.executable).with_name("afterhype"), *arguments, "--home", home],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
        env={k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_LEVEL"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The demo's home, after `afterhype demo`."""
    home = tmp_path_factory.mktemp("demo") / "home"
    afterhype(home, "demo")
    return home


def replayed(home, app_id):
    return replay(Settings(home=home), load_sources(DEMO_SOURCES), app_id, every=1)


def test_the_published_verdicts_are_right(home):
    rows = query(Settings(home=home), "select app_id, verdict from app_scorecard")[1]
    assert dict(rows) == RIGHT


@pytest.mark.parametrize("app_id", RIGHT)
def test_nothing_is_called_in_the_first_days(home, app_id):
    assert {v.word for age, v in replayed(home, app_id) if age < 7} == {"too_early"}


def test_the_spike_is_called_within_14_days_and_stays_called(home):
    verdicts = replayed(home, "spike")
    called = min(age for age, verdict in verdicts if verdict.word == "spike")
    assert called <= 14
    assert {verdict.word for age, verdict in verdicts if age >= called} == {"spike"}


def test_the_app_that_sticks_is_never_called_a_spike(home):
    assert {verdict.word for _, verdict in replayed(home, "habit")} == {"too_early", "sticks"}


def test_the_leaking_app_is_never_called_anything_else(home):
    assert {verdict.word for _, verdict in replayed(home, "leaky")} == {"too_early", "leaky"}


def test_no_day_is_told_as_kept_before_it_was_complete(home):
    for app_id in RIGHT:
        for age, verdict in replayed(home, app_id):
            for reason in verdict.reasons:
                kept = [int(day) for day in re.findall(r"[Dd]ay (\d+) kept", reason)]
                assert all(day <= age for day in kept), (app_id, verdict.as_of, reason)


def console_blocks(page):
    """(command, what it prints) of each console block of a page of the docs."""
    text = (PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"```console\n\$ \.venv/bin/afterhype ([^\n]*)\n(.*?)```", text, re.DOTALL)


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip(" ─\n")]


def test_the_docs_show_what_the_replay_prints(home):
    blocks = console_blocks("verdict.md")
    assert len(blocks) == len(APPS) + 1
    for command, shown in blocks:
        printed = afterhype(home, *command.split())
        assert squeezed(shown) == squeezed(printed), command


def test_every_app_has_a_page_that_says_its_verdict(home):
    for app_id, word in RIGHT.items():
        (page,) = (home / "published" / "site" / "apps").glob(f"{app_id}*.html")
        assert word in page.read_text(encoding="utf-8")
