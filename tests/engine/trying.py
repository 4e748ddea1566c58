"""Draw worlds by the batch, build them, and tell the story of the first that comes out wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.sources import Sources
from tests.engine.recording import Recorder, Recording
from tests.engine.replaying import Batch, Difference
from tests.engine.rules import RULES, app_ids, sources_of
from tests.engine.shrinking import shrink
from tests.engine.worlds import KINDS, World, draw_world
from tests.oracle import Rules

STEPS = 4
"""How often a world is built, each time after something has happened to it."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A set of rules, and what dbt runs under it."""

    name: str
    rules: Rules
    sources: Sources
    recording: Recording


class Settings:
    """The settings by name, each recorded when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._recorder = Recorder(folder)
        self._known: dict[str, Setting] = {}

    def __getitem__(self, name: str) -> Setting:
        if name not in self._known:
            sources = sources_of(RULES[name])
            self._known[name] = Setting(
                name=name,
                rules=RULES[name],
                sources=sources,
                recording=self._recorder.record(sources),
            )
        return self._known[name]


def draw_batch(rules: Rules, seed: int) -> list[World]:
    """As many worlds as a warehouse holds apps, and other ones under other rules."""
    drawn_of = f"{rules.timezone} {seed}"
    chance = random.Random(drawn_of)
    prunings = chance.sample(range(1, STEPS), k=chance.choice([0, 1, 2]))
    names = [app_id for kind in KINDS for app_id in app_ids(kind)]
    return [draw_world(app_id, f"{drawn_of} {app_id}", rules, STEPS, prunings) for app_id in names]


def differences(worlds: Sequence[World], setting: Setting) -> list[Difference]:
    """Where, after the first step at which it is so, the marts are not what they should be.

    After each step they should be what the oracle makes of it, and after the last one what a full
    build makes.
    """
    batch = Batch(worlds, setting.sources, setting.rules, setting.recording)
    try:
        for step in range(max(len(world.steps) for world in worlds)):
            batch.step(step)
            build = batch.build()
            assert build.by_arrival == (step > 0), build.reason
            if found := batch.compare_with_the_oracle():
                return found
        return batch.compare_with_a_full_build()
    finally:
        batch.close()


def story_of_the_first(
    found: Sequence[Difference], worlds: Sequence[World], setting: Setting
) -> str:
    """The world of the first difference, made as small as it still fails, and how it fails."""
    concerned = [world for world in worlds if world.app_id == found[0].app_id]
    if not concerned:
        return f"{setting.name}: {found[0]}"
    (world,) = concerned
    if not differences([world], setting):
        return f"{setting.name}: fails among others only: {found[0]}"
    small = shrink(world, lambda candidate: bool(differences([candidate], setting)))
    return f"{setting.name}: {differences([small], setting)[0]}\nin this world:\n{described(small)}"


def described(world: World) -> str:
    """A world, a line for each event and each step."""
    lines = []
    for extract in world.extracts:
        lines.append(f"  extract {extract.name}")
        for event in extract.events:
            segment = (event.platform, event.country, event.channel, event.app_version)
            lines.append(f"    {event.user} {event.name} {event.time} {segment} {event.event_id}")
        lines += [f"    {link.anonymous} is {link.known} {link.time}" for link in extract.links]
    for number, step in enumerate(world.steps):
        happened = ", ".join(
            " ".join(filter(None, (change.what, change.extract, str(change.day or ""))))
            for change in step
        )
        lines.append(f"  build {number + 1} after: {happened or 'nothing'}")
    return "\n".join(lines)
