"""A PostgreSQL server on loopback, for the tests that need one."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.circles import POSTGRES, postgres_binaries


class PostgresServer:
    """A cluster of its own in a temporary folder, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._binaries = _server_binaries()
        self._as_somebody = _not_as_root(folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", folder / "data", "-U", "owner", "-A", "trust", "--no-sync")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    def connect(self, user: str = "owner", **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user={user} dbname=postgres",
            autocommit=True,
            **options,
        )

    def new_database(self, name: str) -> str:
        """The address of another database, ``owner@host:port/name``, which is made."""
        with self.connect() as con:
            con.execute(f'create database "{name}"')
        return f"owner@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        listed = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        command = [*self._as_somebody, self._binaries / "postgres", "-D", self._folder / "data"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*map(str, command), "-p", str(self.port), *listed],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            log_text = (self._folder / "log").read_text()
            assert self._process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process:
            data = self._folder / "data"
            self._run("pg_ctl", "stop", "-D", data, "-m", "immediate", "-w")
            self._process.wait(30)
            self._process = None

    @contextlib.contextmanager
    def asking_for_passwords(self) -> Iterator[None]:
        """Nobody but the owner is let in without a password meanwhile."""
        rules = self._folder / "data" / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text("host all owner all trust\nhost all all all scram-sha-256\n")
        try:
            with self.connect() as con:
                con.execute("select pg_reload_conf()")
            yield
        finally:
            rules.write_text(before)
            with self.connect() as con:
                con.execute("select pg_reload_conf()")

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._as_somebody, self._binaries / program, *arguments]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=self._folder
        )
        assert done.returncode == 0, done.stderr


def _server_binaries() -> Path:
    found = postgres_binaries()
    assert found, POSTGRES.lacks
    return found


def _not_as_root(folder: Path) -> list[str]:
    """What goes before a command of PostgreSQL, which refuses to be run by root."""
    if os.geteuid() != 0:
        return []
    # a user namespace needs no right to any folder above this one, nor to /dev/null
    alias = ["unshare", "--user", "--map-user=1000"]
    if subprocess.run([*alias, "true"], capture_output=True).returncode == 0:
        return alias
    shutil.chown(folder, "postgres")
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o011)
    return ["runuser", "-u", "postgres", "--"]
