"""Every check, in the order in which to mend what they find."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from datetime import UTC, datetime

from flows.doctor import home, inputs, machine
from flows.doctor.finding import Finding
from flows.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """The findings, one after the other, so that each shows while the next is looked for."""
    from flows.doctor.server import prefect_server  # Prefect takes seconds to import

    metadata = importlib.metadata.metadata("afterhype")
    yield machine.python_version(metadata["Requires-Python"])
    yield from machine.packages(importlib.metadata.requires("afterhype") or [])
    for name in machine.EXTENSIONS:
        yield machine.extension(name)
    yield from machine.file_system(settings.home)
    yield machine.disk_space(settings.home)
    yield home.writer_lock(settings)
    yield home.warehouse_lock(settings)
    yield home.user_key(settings)
    yield from home.leftovers(settings)
    now = datetime.now(UTC).replace(tzinfo=None)
    yield machine.clock(now, home.newest_landing(settings))
    yield machine.file_clock(settings.home)
    finding, sources = inputs.sources_file(settings)
    yield finding
    if sources:
        yield machine.time_zone(sources.timezone)
        yield from inputs.lake(sources, settings)
        for source in sources.all:
            yield inputs.place(source, settings)
        yield from home.other_mappings(settings, sources)
    yield from prefect_server(settings)
