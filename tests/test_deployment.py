"""prefect.yaml on a real server: it deploys as it stands, and a worker runs a run to its end."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from flows.exclusive import limit_name
from flows.published import query
from flows.settings import PROJECT_ROOT, Settings

PREFECT = str(Path(sys.executable).with_name("prefect"))


def call(api, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{api}{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def wait_for(what, check, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := check()) is not None:
            return found
        time.sleep(1)
    raise AssertionError(f"waited {seconds} s for {what}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server of its own on loopback; yields (its API, the environment that uses it)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("prefect")
    api = f"http://127.0.0.1:{port}/api"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
    }
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [PREFECT, "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        stdout=log,
        stderr=log,
    )

    def is_up():
        try:
            return call(api, "/health")
        except OSError:
            return None

    try:
        wait_for("the server", is_up)
        yield api, environment
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def test_deploys_and_a_worker_runs_a_triggered_run_to_its_end(server, place, tmp_path):
    api, environment = server
    environment = environment | {
        "AFTERHYPE_HOME": str(place.home),
        "AFTERHYPE_SOURCES": str(place.sources),
    }
    subprocess.run(
        [PREFECT, "work-pool", "create", "afterhype", "--type", "process"],
        env=environment,
        check=True,
        capture_output=True,
    )
    deployed = subprocess.run(
        [PREFECT, "--no-prompt", "deploy", "--all"],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    deployments = {d["name"]: d for d in call(api, "/deployments/filter", {})}
    assert set(deployments) == {"daily", "hourly-ranks", "compact", "backfill"}
    assert [s["slug"] for s in deployments["daily"]["schedules"]] == ["after-the-exports"]
    assert deployments["daily"]["schedules"][0]["schedule"]["timezone"] == "UTC"

    run = call(api, f"/deployments/{deployments['daily']['id']}/create_flow_run", {})
    log = (tmp_path / "worker.log").open("w")
    worker = subprocess.Popen(
        [PREFECT, "worker", "start", "--pool", "afterhype"],
        env=environment,
        cwd=tmp_path,
        stdout=log,
        stderr=log,
    )

    def final_state():
        state = call(api, f"/flow_runs/{run['id']}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    try:
        state = wait_for("the run", final_state, seconds=300)
    finally:
        worker.terminate()
        worker.wait(60)
        log.close()
    assert state["type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
    settings = Settings(home=place.home)
    assert query(settings, "select users from app_scorecard")[1] == [(20,)]

    tasks = call(api, "/task_runs/filter", {"limit": 200})
    names = {task["name"].rsplit("-", 1)[0] for task in tasks} | {task["name"] for task in tasks}
    assert {"land chat_events", "judge marts", "publish marts", "model app_scorecard"} <= names
    limits = call(api, "/v2/concurrency_limits/filter", {})
    assert (limit_name(settings), 1) in {(limit["name"], limit["limit"]) for limit in limits}
    artifacts = call(api, "/artifacts/filter", {})
    assert any("| Chat | too early | 20 |" in artifact["data"] for artifact in artifacts)
