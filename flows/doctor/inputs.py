"""Checks of what is to be landed: the sources file, each source's place, where events go."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx

from flows.doctor.finding import Finding, ok, problem
from flows.errors import AfterhypeError, ConfigurationError
from flows.extract.places import Places
from flows.lake.upkeep import wanted_lake
from flows.settings import Settings
from flows.sources import AnySource, ChartFeed, Sources, load_sources


def sources_file(settings: Settings) -> tuple[Finding, Sources | None]:
    """Whether the sources file holds, and what it says."""
    try:
        sources = load_sources(settings.sources)
    except ConfigurationError as error:
        return problem("sources file", str(error), f"Correct {settings.sources}"), None
    count = len(sources.all)
    return ok(
        "sources file", f"{settings.sources}: {count} sources, {len(sources.apps)} apps"
    ), sources


def lake(sources: Sources, settings: Settings) -> Iterator[Finding]:
    """Whether files can be put into the lake that the sources file asks for, and removed."""
    wanted = wanted_lake(sources.land, settings)
    if wanted is None:
        return
    probe = f"{uuid.uuid4()}.doctor"
    try:
        store = wanted.store()
        store.put(probe, b"can be removed")
        store.remove([probe])
    except (AfterhypeError, OSError) as error:
        yield problem(
            "lake", str(error), f"Correct land.path in {settings.sources}, or let it be written"
        )
    else:
        yield ok("lake", f"events lie in {wanted.root}, which can be written")


def place(source: AnySource, settings: Settings) -> Finding:
    """Whether a source's place can be listed and holds anything; of a feed, whether it answers."""
    if isinstance(source, ChartFeed):
        return _feed(source, settings)
    check = f"source {source.name}"
    try:
        found = Places(source).find(settings)
    except AfterhypeError as error:
        return problem(
            check, str(error), f"Correct its uri in {settings.sources}, or put its files there"
        )
    return ok(check, f"{len(found)} {'file' if len(found) == 1 else 'files'} found")


def _feed(source: ChartFeed, settings: Settings) -> Finding:
    check = f"source {source.name}"
    address = settings.apple_rss_base_url
    try:
        httpx.get(address, timeout=10)  # whatever it says: that it answers is enough
    except httpx.HTTPError as error:
        return problem(
            check,
            f"{address} does not answer: {error}",
            "Let this machine reach it: DNS, firewall, HTTPS_PROXY",
        )
    return ok(check, f"{address} answers")
