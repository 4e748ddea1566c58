"""Make a failing world small: leave out whatever it fails without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.engine.worlds import Extract, World

Part = TypeVar("Part")


def shrink(world: World, fails: Callable[[World], bool]) -> World:
    """The smallest world found that still ``fails``: no single part of it can be left out."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(world):
            if candidate != world and fails(candidate):
                world, smaller = candidate, True
                break
    return world


def _smaller(world: World) -> Iterator[World]:
    """The world without one of its users, steps, changes, events or links; large parts first."""
    users = sorted({event.user for extract in world.extracts for event in extract.events})
    for user in users if len(users) > 1 else ():
        yield replace(world, extracts=tuple(_without_user(e, user) for e in world.extracts))
    for steps in _without_one(world.steps):
        if steps:
            yield replace(world, steps=steps)
    for number, step in enumerate(world.steps):
        for changes in _without_one(step):
            yield replace(world, steps=(*world.steps[:number], changes, *world.steps[number + 1 :]))
    event_ids = sorted({event.event_id for extract in world.extracts for event in extract.events})
    for half in (event_ids[: len(event_ids) // 2], event_ids[len(event_ids) // 2 :]):
        yield _without_events(world, half)
    for event_id in event_ids:
        yield _without_events(world, [event_id])
    for number, extract in enumerate(world.extracts):
        others = world.extracts[:number], world.extracts[number + 1 :]
        for links in _without_one(extract.links):
            yield replace(world, extracts=(*others[0], replace(extract, links=links), *others[1]))
        for events in _without_one(extract.events):
            yield replace(world, extracts=(*others[0], replace(extract, events=events), *others[1]))


def _without_user(extract: Extract, user: str) -> Extract:
    return replace(
        extract,
        events=tuple(event for event in extract.events if event.user != user),
        links=tuple(link for link in extract.links if user not in (link.known, link.anonymous)),
    )


def _without_events(world: World, event_ids: Sequence[str]) -> World:
    extracts = (
        replace(e, events=tuple(event for event in e.events if event.event_id not in event_ids))
        for e in world.extracts
    )
    return replace(world, extracts=tuple(extracts))


def _without_one(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    return (parts[:n] + parts[n + 1 :] for n in range(len(parts)))
