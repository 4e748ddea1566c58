"""The demo as a person runs it: its verdicts are right, and the docs show what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.demo.curves import APPS
from flows.outlook.replay import replay
from flows.outlook.verdict import Verdict
from flows.published import query
from flows.settings import PROJECT_ROOT, Settings
from flows.sources import load_sources
from tests.demo.conftest import afterhype

RIGHT = {"spike": "spike", "habit": "sticks", "leaky": "leaky"}

DEMO_SOURCES = PROJECT_ROOT / "profiles" / "sources.yml"


@pytest.fixture(scope="module")
def home(demo_home: Path) -> Path:
    """The demo's home, after `afterhype demo`."""
    return demo_home


def replayed(home: Path, app_id: str) -> list[tuple[int, Verdict]]:
    return replay(Settings(home=home), load_sources(DEMO_SOURCES), app_id, every=1)


def test_the_published_verdicts_are_right(home: Path) -> None:
    rows = query(Settings(home=home), "select app_id, verdict from app_scorecard")[1]
    assert dict(rows) == RIGHT


@pytest.mark.parametrize("app_id", RIGHT)
def test_nothing_is_called_in_the_first_days(home: Path, app_id: str) -> None:
    assert {v.word for age, v in replayed(home, app_id) if age < 7} == {"too_early"}


def test_the_spike_is_called_within_14_days_and_stays_called(home: Path) -> None:
    verdicts = replayed(home, "spike")
    called = min(age for age, verdict in verdicts if verdict.word == "spike")
    assert called <= 14
    assert {verdict.word for age, verdict in verdicts if age >= called} == {"spike"}


def test_the_app_that_sticks_is_never_called_a_spike(home: Path) -> None:
    assert {verdict.word for _, verdict in replayed(home, "habit")} == {"too_early", "sticks"}


def test_the_leaking_app_is_never_called_anything_else(home: Path) -> None:
    assert {verdict.word for _, verdict in replayed(home, "leaky")} == {"too_early", "leaky"}


def test_no_day_is_told_as_kept_before_it_was_complete(home: Path) -> None:
    for app_id in RIGHT:
        for age, verdict in replayed(home, app_id):
            for reason in verdict.reasons:
                kept = [int(day) for day in re.findall(r"[Dd]ay (\d+) kept", reason)]
                assert all(day <= age for day in kept), (app_id, verdict.as_of, reason)


def console_blocks(page: str) -> list[tuple[str, str]]:
    """(command, what it prints) of each console block of a page of the docs."""
    text = (PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"```console\n\$ \.venv/bin/afterhype ([^\n]*)\n(.*?)```", text, re.DOTALL)


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip(" ─\n")]


def test_the_docs_show_what_the_replay_prints(home: Path) -> None:
    blocks = console_blocks("verdict.md")
    assert len(blocks) == len(APPS) + 1
    for command, shown in blocks:
        printed = afterhype(home, *command.split())
        assert squeezed(shown) == squeezed(printed), command


def test_every_app_has_a_page_that_says_its_verdict(home: Path) -> None:
    for app_id, word in RIGHT.items():
        (page,) = (home / "published" / "site" / "apps").glob(f"{app_id}*.html")
        assert word in page.read_text(encoding="utf-8")
