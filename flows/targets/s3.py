"""Upload a publication to a bucket that speaks S3; the manifest that points to it goes last."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from flows.errors import DeliveryError, TargetUnreachable
from flows.extract.buckets import s3_store
from flows.sources import BucketTarget

MANIFEST = "manifest.json"

FEWEST_KEPT = 2
"""A reader that has the manifest before may still be reading what it points to."""

_GENERATION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")

_RETRIES = 3
"""The store's own, of single requests; the delivery as a whole is tried again by its caller."""

_UNREACHABLE = re.compile(
    r"error sending request|connect|timed? ?out|dns error|reset|broken pipe|\b50[0234]\b|"
    r"SlowDown|after \d+ retries",
    re.IGNORECASE,
)


def deliver(
    target: BucketTarget, generation: Path, publication_id: str, known: Collection[str], keep: int
) -> None:
    """Upload a generation's folder below the target, then its manifest, then prune.

    The layout is PUBLICATION_ID/marts.duckdb, PUBLICATION_ID/parquet/*.parquet and, at a key that
    stays, manifest.json, which names the publication and gives each file's path, bytes and
    SHA-256. Whoever finds a manifest finds its files. ``keep`` publications stay, ``known`` are
    those of this home. Raises TargetUnreachable when the bucket cannot be reached, DeliveryError
    when it refuses, ConfigurationError when there are no credentials.
    """
    bucket, _, prefix = target.uri.removeprefix("s3://").partition("/")
    store, credentials, _ = s3_store(bucket, target.storage, max_retries=_RETRIES)
    root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    try:
        _refuse_to_go_back(store, root, publication_id, known)
        manifest = json.loads((generation / MANIFEST).read_text(encoding="utf-8"))
        for name in manifest["files"]:
            obstore.put(store, f"{root}{publication_id}/{name}", generation / name)
        sizes = {name: (generation / name).stat().st_size for name in manifest["files"]}
        _check(store, f"{root}{publication_id}/", sizes)
        manifest["files"] = {
            name: {"path": f"{publication_id}/{name}", "bytes": sizes[name], "sha256": checksum}
            for name, checksum in manifest["files"].items()
        }
        told = json.dumps(manifest, indent=1).encode()
        obstore.put(store, f"{root}{MANIFEST}", told)
        _prune(store, root, publication_id, max(keep, FEWEST_KEPT))
    except (BaseError, OSError) as error:
        secrets = [credentials.get(k, "") for k in ("secret_access_key", "session_token")]
        raise _explained(error, secrets) from None


def _refuse_to_go_back(
    store: S3Store, root: str, publication_id: str, known: Collection[str]
) -> None:
    try:
        told = bytes(obstore.get(store, f"{root}{MANIFEST}").bytes())
    except FileNotFoundError:
        return
    try:
        there = str(json.loads(told)["publication_id"])
    except (ValueError, KeyError, TypeError):
        raise DeliveryError(
            f"{root}{MANIFEST} is not a manifest of afterhype: name another folder in publish.to"
        ) from None
    if there > publication_id and there not in known:
        raise DeliveryError(
            f"the bucket holds publication {there}, which is newer than {publication_id} and not "
            "of this home; give each home a folder of its own, or delete that manifest"
        )


def _check(store: S3Store, folder: str, sizes: dict[str, int]) -> None:
    there = {path.removeprefix(folder): size for path, size in _objects(store, folder)}
    for name, size in sizes.items():
        if there.get(name) != size:
            raise DeliveryError(
                f"{folder}{name}: {there.get(name, 0)} bytes arrived of {size}; the manifest was "
                "left as it was"
            )


def _prune(store: S3Store, root: str, current: str, keep: int) -> None:
    """Delete all but the newest generations; the one that the manifest names stays in any case."""
    by_generation: dict[str, list[str]] = {}
    for path, _ in _objects(store, root):
        name = path.removeprefix(root).split("/")[0]
        if _GENERATION.fullmatch(name):
            by_generation.setdefault(name, []).append(path)
    for name in sorted(by_generation)[:-keep]:
        if name != current:
            obstore.delete(store, by_generation[name])


def _objects(store: S3Store, folder: str) -> list[tuple[str, int]]:
    return [
        (meta["path"], meta["size"])
        for chunk in obstore.list(store, prefix=folder or None)
        for meta in cast(list[dict[str, Any]], chunk)
    ]


def _explained(error: Exception, secrets: Collection[str]) -> DeliveryError:
    text = str(error)
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    if isinstance(error, PermissionError) or re.search(r"\b(401|403)\b|Forbidden", text):
        return DeliveryError(
            "access denied. Check the credentials (docs/object-stores.md says where they are "
            "looked for), and that they may list, read, write and delete below this folder"
        )
    if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
        return DeliveryError("there is no such bucket")
    line = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    kind = TargetUnreachable if _UNREACHABLE.search(text) else DeliveryError
    return kind(line.strip()[:300])
