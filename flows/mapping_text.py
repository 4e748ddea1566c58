"""What of a source decides the rows that its extracts become, as a text that can be compared."""

from __future__ import annotations

import hashlib
import json

from flows.definition import sql_without_layout
from flows.sources import ChartFeed, EventSource, FileSource

WHERE_AND_WHEN = frozenset(
    {
        *("name", "uri", "storage", "stale_after_hours", "rejects", "replaces"),
        *("storefronts", "charts", "limit"),  # of a live feed
    }
)
"""Fields of sources that say where extracts lie, when they are due and how they are judged."""

READ_BY_MODELS = frozenset({"complete_through", "ended", "identity", "quiet_days"})
"""Fields that count for every extract at the next build, whenever it landed."""


def mapping_text(source: FileSource | ChartFeed) -> str:
    """The mapping of a source as canonical JSON: two equal ones make the same rows of a file.

    What is left at its default is not in it, so that a setting which comes with a later version
    changes no text. Nor is the layout of SQL expressions. Every field that is not known to say
    something else counts as mapping.
    """
    mapping = source.model_dump(
        mode="json", exclude=set(WHERE_AND_WHEN | READ_BY_MODELS), exclude_defaults=True
    )
    if columns := mapping.get("columns"):
        mapping["columns"] = {c: sql_without_layout(e) for c, e in columns.items()}
    return json.dumps({"kind": source.kind} | mapping, sort_keys=True)


def hash_of(text: str) -> str:
    """A short hash of a mapping's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def said_to_models(source: EventSource) -> str:
    """What the models know of a source whatever its mapping is, as canonical JSON."""
    said = source.model_dump(mode="json", include={"name", "app_id", *READ_BY_MODELS})
    return json.dumps(said, sort_keys=True)
