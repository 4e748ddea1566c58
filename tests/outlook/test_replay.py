"""Replaying an app's verdicts from a warehouse, by the command that does it."""

from __future__ import annotations

import re
from datetime import date

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.errors import AfterhypeError, ConfigurationError
from flows.outlook.replay import replay
from flows.outlook.verdict import Verdict
from flows.settings import Settings
from flows.sources import load_sources
from tests.conftest import Place


def replayed(
    place: Place, as_of: date | None = None, every: int | None = None
) -> list[tuple[int, Verdict]]:
    return replay(Settings(home=place.home), load_sources(place.sources), "chat", as_of, every)


def test_a_life_is_judged_day_by_day(first_run: Place) -> None:
    verdicts = replayed(first_run)
    assert [age for age, _ in verdicts] == list(range(12))
    assert [v.as_of for _, v in verdicts] == [date(2026, 1, 1 + age) for age in range(12)]
    # ten days of horizon tell nothing of day 60
    assert {v.word for _, v in verdicts} == {"too_early"}


def test_some_days_or_one(first_run: Place) -> None:
    assert [age for age, _ in replayed(first_run, every=5)] == [0, 5, 10, 11]
    assert [age for age, _ in replayed(first_run, as_of=date(2026, 1, 8))] == [7]


def test_the_last_day_is_what_the_scorecard_says(first_run: Place) -> None:
    from flows.published import query

    ((word, reason),) = query(
        Settings(home=first_run.home), "select verdict, verdict_reason_1 from app_scorecard"
    )[1]
    _, last = replayed(first_run)[-1]
    assert (last.word, last.reasons[0]) == (word, reason)


def test_what_cannot_be_replayed_says_why(first_run: Place, place: Place) -> None:
    with pytest.raises(ConfigurationError, match="2026-01-01 to 2026-01-12"):
        replayed(first_run, as_of=date(2027, 1, 1))
    with pytest.raises(AfterhypeError, match=r"no app 'chatt'.*known: chat"):
        replay(Settings(home=first_run.home), load_sources(first_run.sources), "chatt")
    with pytest.raises(AfterhypeError, match="afterhype run"):
        replayed(place)


def test_the_command_shows_the_reasons_of_one_day(first_run: Place) -> None:
    common = ["--home", str(first_run.home), "--sources", str(first_run.sources)]
    one = CliRunner().invoke(app, ["replay", "--app", "chat", "--as-of", "2026-01-08", *common])
    assert one.exit_code == 0, one.output
    assert re.search(r"2026-01-08\s+7\s+too early", one.output)
    assert "What would change it: A horizon_days of 60 or more" in one.output
    assert "More can be told when 400 users have come (there are 20)" in one.output
