"""A machine as an operator has it: a Prefect server, workers, commands, a receiver of alerts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

BIN = Path(sys.executable).parent
PREFECT, AFTERHYPE = str(BIN / "prefect"), str(BIN / "afterhype")
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


T = TypeVar("T")


def wait_for(what: str, check: Callable[[], T | None], seconds: float = 240) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds} s for {what}")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Server:
    """A Prefect server on loopback, and the environment in which commands use it."""

    folder: Path
    api: str
    environment: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, body: Any = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.api}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=180) as response:
                    text = response.read()
            except urllib.error.HTTPError as error:
                if error.code != 503:  # its database is busy; Prefect's own client waits as well
                    raise
                time.sleep(2)
            else:
                return json.loads(text) if text else None
        raise AssertionError(f"{path}: the server is busy all the time")

    def run(self, *command: str, check: bool = True, **more: str) -> str:
        done = subprocess.run(
            command,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout + done.stderr

    def deployments(self) -> dict[str, Any]:
        return {d["name"]: d for d in self.call("/deployments/filter", {})}

    def trigger(self, deployment: str, **parameters: Any) -> str:
        path = f"/deployments/{self.deployments()[deployment]['id']}/create_flow_run"
        run_id: str = self.call(path, {"parameters": parameters})["id"]
        return run_id

    def flow_run(self, run_id: str) -> Any:
        return self.call(f"/flow_runs/{run_id}")

    def flow_runs(self, deployment: str) -> list[Any]:
        wanted = {"id": {"any_": [self.deployments()[deployment]["id"]]}}
        runs: list[Any] = self.call("/flow_runs/filter", {"deployments": wanted, "limit": 200})
        return runs

    def end_of(self, run_id: str, seconds: float = 300) -> Any:
        def ended() -> Any:
            run = self.flow_run(run_id)
            return run if run["state_type"] in FINAL else None

        return wait_for(f"the end of run {run_id}", ended, seconds)

    def worker(self, name: str, **more: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("w") as log:
            return subprocess.Popen(
                [PREFECT, "worker", "start", "--pool", "afterhype", "--name", name],
                env=self.environment | more,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def logs(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")


@contextmanager
def serving(folder: Path, database: str) -> Iterator[Server]:
    """A Prefect server on a free port, with its state in a database; it looks often."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    ours = ("PREFECT_", "AFTERHYPE_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": api,
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [PREFECT, "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    started = Server(folder, api, environment)

    def is_up() -> bool:
        try:
            return bool(started.call("/health"))
        except (OSError, urllib.error.URLError):
            return False

    try:
        wait_for("the server", is_up)
        yield started
    finally:
        process.terminate()
        process.wait(60)


@dataclass
class Receiver:
    """A webhook on loopback that keeps what it is sent."""

    url: str
    received: list[Any]

    def alert(self, name: str) -> Any:
        found = [alert for alert in list(self.received) if alert["alert"] == name]
        return found[-1] if found else None


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens for the length of a block."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield Receiver(f"http://127.0.0.1:{http.server_address[1]}/alerts", received)
        http.shutdown()


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and what it has started, as when the machine loses its power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a worker as a service manager does."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            kill_all(process)
