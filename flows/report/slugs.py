"""Gives each app's page a name that is safe as a file and in an address, and stays with the app."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
HASHED = re.compile(r"-[0-9a-f]{8}$")
RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]")


def slugs(app_ids: Iterable[str]) -> dict[str, str]:
    """The slug of each app_id; no two are equal, not even where file names ignore case."""
    return {app_id: slug(app_id) for app_id in app_ids}


def slug(app_id: str) -> str:
    """The app_id itself where it is safe, else what can be kept of it and a part of its hash.

    It depends on the app_id alone, so that a page keeps its address when other apps come and go.
    """
    if PLAIN.fullmatch(app_id) and not HASHED.search(app_id) and not RESERVED.fullmatch(app_id):
        return app_id
    letters = unicodedata.normalize("NFKD", app_id).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:40].strip("-") or "app"
    return f"{kept}-{hashlib.sha256(app_id.encode()).hexdigest()[:8]}"
