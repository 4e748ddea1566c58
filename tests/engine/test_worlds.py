"""Hundreds of worlds: builds by arrival, full builds and the oracle agree, whatever happens.

What is built is what dbt runs, recorded once for each set of rules; the last tests hold it to that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flows import stages
from flows.sql import text_in_sql
from flows.warehouse import connect
from tests.engine.examples import EXAMPLES
from tests.engine.recording import MARTS, Recording, Statement
from tests.engine.replaying import Batch
from tests.engine.rules import RULES, sources_document
from tests.engine.shrinking import shrink
from tests.engine.trying import (
    STEPS,
    Settings,
    described,
    differences,
    draw_batch,
    story_of_the_first,
)
from tests.engine.worlds import CASES, World, interesting

SEED = 0
"""Of the worlds that are tried each time; `make proof` goes on from there."""


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize("name", RULES)
def test_builds_by_arrival_equal_full_builds_and_the_oracle(name: str, settings: Settings) -> None:
    worlds = draw_batch(RULES[name], SEED)
    found = differences(worlds, settings[name])
    assert not found, story_of_the_first(found, worlds, settings[name])


def test_the_worlds_that_are_tried_hold_what_they_are_drawn_for() -> None:
    drawn: Counter[str] = Counter()
    worlds = 0
    for rules in RULES.values():
        batch = draw_batch(rules, SEED)
        drawn.update(interesting(batch, rules))
        worlds += len(batch)
    assert worlds >= 200
    assert {case: drawn[case] for case in CASES if drawn[case] < 20} == {}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_come_out_as_well(name: str, settings: Settings) -> None:
    for world in EXAMPLES[name]:
        assert [str(difference) for difference in differences([world], settings[name])] == []


def test_a_mistake_in_the_sql_is_noticed(settings: Settings) -> None:
    setting = settings["Coordinated time, weeks from Monday"]
    broken = replace(setting, recording=_without_late_first_events(setting.recording))
    assert differences(draw_batch(setting.rules, SEED)[::6], broken)


def test_a_world_that_fails_comes_out_small() -> None:
    world = draw_batch(RULES["Berlin, weeks from Sunday"], SEED)[0]

    def fails(candidate: World) -> bool:
        seen = {event.user for extract in candidate.extracts for event in extract.events}
        changes = [change.what for step in candidate.steps for change in step]
        return "u1" in seen and "land" in changes

    small = shrink(world, fails)
    assert fails(world)
    assert [event.user for extract in small.extracts for event in extract.events] == ["u1"]
    assert [change.what for step in small.steps for change in step] == ["land"]
    assert [link for extract in small.extracts for link in extract.links] == []
    assert "build 1 after: land part" in described(small)


def _without_late_first_events(recording: Recording) -> Recording:
    """A build by arrival that takes the cohort's start from what has arrived, not from all."""
    old = "min(cohort_moment) as cohort_moment"
    edited = tuple(
        Statement(model=one.model, sql=one.sql.replace(old, old.replace("min", "max")))
        for one in recording.by_arrival
    )
    assert edited != recording.by_arrival
    return replace(recording, by_arrival=edited)


def test_what_is_replayed_is_what_dbt_builds(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the batch says which days lack, not what has landed of it
    monkeypatch.setattr(stages, "find_holes", lambda con, sources: None)
    setting = settings["Berlin, weeks from Sunday"]
    home = tmp_path / "home"
    document = sources_document(setting.rules)
    (tmp_path / "sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    batch = Batch(
        draw_batch(setting.rules, SEED + 1), setting.sources, setting.rules, setting.recording
    )
    try:
        for step in range(STEPS):
            batch.step(step)
            run = stages.begin(home, tmp_path / "sources.yml")
            stages.prepare(run)
            _copy_raw_tables(batch, run)
            by_dbt = stages.build(run)
            replayed = batch.build()
            assert by_dbt.by_arrival == replayed.by_arrival == (step > 0)
            with connect(run.settings, read_only=True) as con:
                for mart in MARTS:
                    built = con.execute(f"from marts.{mart}").fetchall()
                    assert sorted(built, key=repr) == sorted(
                        batch.con.execute(f"from marts.{mart}").fetchall(), key=repr
                    ), mart
                    assert built or step == 0
    finally:
        batch.close()


_COPIED = (
    "raw.app_events",
    "raw.extracts",
    "raw.event_sources",
    "raw.missing_spans",
    "raw.user_aliases",
    "raw.pruned_event_ids",
    "raw.pruned_user_days",
    "raw.pruned_extract_days",
    "ops.disturbed_events",
)
"""What a build is made of."""


def _copy_raw_tables(batch: Batch, run: stages.Run) -> None:
    batch.con.execute(f"attach {text_in_sql(run.settings.warehouse_path)} as real")
    for table in _COPIED:
        batch.con.execute(f"delete from real.{table}")
        batch.con.execute(f"insert into real.{table} by name from {table}")
    batch.con.execute("detach real")
