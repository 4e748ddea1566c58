"""The secret that keys user ids: kept out of the warehouse, generated on first use."""

from __future__ import annotations

import hashlib
import os
import secrets

import duckdb

from flows.errors import ConfigurationError
from flows.settings import Settings


def load_user_key(settings: Settings) -> str:
    """The key from the environment or from HOME/user_key.secret, made there on first use.

    Raises ConfigurationError when the file is empty or may be read by others.
    """
    if settings.user_key is not None:
        if not settings.user_key.get_secret_value():
            raise ConfigurationError("AFTERHYPE_USER_KEY is empty: unset it, or give a secret")
        return settings.user_key.get_secret_value()
    path = settings.key_path
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode & 0o077
        if mode:
            raise ConfigurationError(
                f"{path}: others may read the key (mode {path.stat().st_mode & 0o777:o}). "
                f"Run: chmod 600 {path}"
            ) from None
        if key := path.read_text(encoding="ascii").strip():
            return key
        raise ConfigurationError(
            f"{path}: the key is empty. Restore it from a backup; if nothing has landed yet, "
            "delete the file and a new key is made."
        ) from None
    key = secrets.token_hex(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def fingerprint_of(key: str) -> str:
    """What a warehouse keeps of its key, to know it again."""
    return hashlib.sha256(f"fingerprint\0{key}".encode()).hexdigest()[:16]


def check_key(con: duckdb.DuckDBPyConnection, key: str) -> None:
    """Refuse a key other than the one the warehouse was begun with.

    Raises ConfigurationError: two keys would turn every user into two.
    """
    fingerprint = fingerprint_of(key)
    known = con.execute("select fingerprint from ops.user_key").fetchone()
    if known is None:
        con.execute("insert into ops.user_key values (?)", [fingerprint])
    elif known[0] != fingerprint:
        raise ConfigurationError(
            "the user key is not the one this warehouse was begun with: every user would count "
            "twice. Restore HOME/user_key.secret (or AFTERHYPE_USER_KEY), or begin a new --home."
        )
