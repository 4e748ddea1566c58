"""A day on a real server, in the order of the day: deploy, fire, queue, be killed, go on, tell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.exclusive import limit_name
from flows.published import query
from flows.settings import Settings
from flows.warehouse import connect
from tests.conftest import Place, make_place
from tests.presence import present
from tests.scheduling.machine import (
    AFTERHYPE,
    Receiver,
    Server,
    kill_all,
    stop,
    wait_for,
)

LATE_AFTER_HOURS = "0.01"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("scheduled"))
    with place.sources.open("a", encoding="utf-8") as sources:
        sources.write("    stale_after_hours: 0.000001\n")
        sources.write("publish: {to: {type: postgres, credentials: secret/forgotten}}\n")
    rows = (f"u{n},not a time,open,j{n}" for n in range(50))
    place.export("junk.csv", *rows, "v,2026-01-02,o,v")
    return place


@pytest.fixture(scope="module", autouse=True)
def deployed(server: Server, receiver: Receiver, place: Place) -> str:
    """Everything set up by the two commands of the handbook; what they printed."""
    options = ("--home", str(place.home), "--sources", str(place.sources))
    printed = server.run(AFTERHYPE, "deploy", *options)
    alerts = ("alerts", "install", "--late-after-hours", LATE_AFTER_HOURS)
    for _ in range(2):
        server.run(AFTERHYPE, *alerts, "--webhook", receiver.url)
    return printed


@pytest.fixture(scope="module")
def worker(server: Server, deployed: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The worker of the day, in a list: one test kills it and starts another."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        stop(process)


def test_deploy_creates_every_deployment_the_pool_and_the_limit(
    server: Server, deployed: str, place: Place
) -> None:
    deployments = server.deployments()
    assert set(deployments) == {"daily", "hourly-ranks", "verify", "compact", "backfill"}
    slugs = {name: [s["slug"] for s in d["schedules"]] for name, d in deployments.items()}
    assert slugs == {
        "daily": ["after-the-exports"],
        "hourly-ranks": ["hourly"],
        "verify": ["weekly"],
        "compact": ["weekly"],
        "backfill": [],
    }
    for deployment in deployments.values():
        assert deployment["tags"] == ["afterhype"]
        assert all(s["schedule"]["timezone"] == "UTC" for s in deployment["schedules"])
        environment = deployment["job_variables"]["env"]
        assert environment["AFTERHYPE_HOME"] == str(place.home)
        assert environment["AFTERHYPE_SOURCES"] == str(place.sources)
    limits = server.call("/v2/concurrency_limits/filter", {})
    ours = (limit_name(Settings(home=place.home)), 1)
    assert ours in {(limit["name"], limit["limit"]) for limit in limits}
    assert server.call("/work_pools/afterhype")["type"] == "process"
    assert "hourly-ranks" in deployed


def test_parameters_are_typed_and_described(server: Server) -> None:
    for name, deployment in server.deployments().items():
        properties = deployment["parameter_openapi_schema"]["properties"]
        assert {"home", "sources"} <= set(properties)
        for parameter, schema in properties.items():
            assert schema.get("description"), f"{name}: {parameter}"
    backfill = server.deployments()["backfill"]["parameter_openapi_schema"]
    assert backfill["required"] == ["start", "end"]
    assert backfill["properties"]["start"]["format"] == "date"


def test_alerts_are_installed_once_and_a_test_arrives(server: Server, receiver: Receiver) -> None:
    names = [a["name"] for a in server.call("/automations/filter", {}) if "afterhype" in a["name"]]
    assert len(names) == len(set(names)) == 8
    assert "answered 204" in server.run(AFTERHYPE, "alerts", "test")
    assert receiver.alert("test")["what"].startswith("This is a test")


def test_runs_that_piled_up_are_done_by_one_that_fires_by_itself(
    server: Server, worker: list[subprocess.Popen[bytes]]
) -> None:
    deployment = server.deployments()["hourly-ranks"]["id"]
    every_twenty_seconds = {"interval": 20, "anchor_date": "2026-01-01T00:00:00Z"}
    (schedule,) = server.call(
        f"/deployments/{deployment}/schedules", [{"active": True, "schedule": every_twenty_seconds}]
    )

    def overdue() -> list[dict[str, Any]] | None:
        now = datetime.now(UTC)
        due = [
            run
            for run in server.flow_runs("hourly-ranks")
            if run["auto_scheduled"]
            and datetime.fromisoformat(run["expected_start_time"]) < now - timedelta(seconds=1)
        ]
        return due if len(due) >= 3 else None

    due = wait_for("three runs that are overdue", overdue)
    worker.append(server.worker("first"))
    try:
        ended = {run["id"]: server.end_of(run["id"]) for run in due}
    finally:
        server.call(f"/deployments/{deployment}/schedules/{schedule['id']}", method="DELETE")
    messages = [r["state"]["message"] for r in ended.values() if r["state_name"] == "Superseded"]
    # one run does the work of all: one of these or, on a slow machine, one that came due since
    (name,) = {
        present(re.search(r"Superseded by the run (\S+),", message))[1] for message in messages
    }
    (by,) = (run for run in server.flow_runs("hourly-ranks") if run["name"] == name)
    ended[by["id"]] = server.end_of(by["id"])
    states = [run["state_name"] for run in ended.values()]
    assert states.count("Superseded") == len(ended) - 1, states
    assert states.count("Completed") == 1


def test_overlapping_triggers_all_run_one_after_the_other(
    server: Server, worker: list[subprocess.Popen[bytes]]
) -> None:
    def quiet() -> bool:
        busy = [r for r in server.flow_runs("hourly-ranks") if r["state_type"] == "RUNNING"]
        return not busy

    wait_for("the scheduled runs' end", quiet)
    if not worker:
        worker.append(server.worker("first"))
    ids = [server.trigger("hourly-ranks"), server.trigger("hourly-ranks")]
    ids.append(server.trigger("compact"))
    ended = [server.end_of(run_id) for run_id in ids]
    assert [run["state_name"] for run in ended] == ["Completed"] * 3, server.logs("first")
    first, second = sorted(ended[:2], key=lambda run: run["start_time"])
    assert first["end_time"] <= second["start_time"]


def test_a_gate_calls_the_webhook_and_a_killed_run_is_followed_cleanly(
    server: Server, worker: list[subprocess.Popen[bytes]], receiver: Receiver, place: Place
) -> None:
    killed = server.trigger("daily")

    def is_building() -> list[dict[str, Any]] | None:
        tasks = server.call(
            "/task_runs/filter",
            {"task_runs": {"flow_run_id": {"any_": [killed]}}, "limit": 200},
        )
        return [t for t in tasks if t["name"] == "build the counts"] or None

    wait_for("models being built", is_building, 300)
    gate = wait_for("the gate's alert", lambda: receiver.alert("gate stopped"))
    assert "in quarantine" in gate["what"]
    assert gate["details"]["stage"] == "raw"
    assert gate["deployment"] == "daily"
    assert gate["link"].endswith(f"/runs/flow-run/{killed}")

    # worker, run and all: as when the machine loses its power
    holder = (place.home / "writer.lock").read_text(encoding="utf-8")
    flow_process = int(present(re.search(r"process (\d+)", holder))[1])
    worker[-1].send_signal(signal.SIGSTOP)  # so that it cannot tell of the death that follows
    with suppress(ProcessLookupError):
        os.kill(flow_process, signal.SIGKILL)
    kill_all(worker.pop())
    assert server.flow_run(killed)["state_name"] == "Running"

    worker.append(server.worker("second"))
    charts, daily = server.trigger("hourly-ranks"), server.trigger("daily")
    assert server.end_of(charts)["state_name"] == "Completed", server.logs("second")
    crashed = server.flow_run(killed)["state"]
    assert crashed["type"] == "CRASHED"
    assert "killed" in crashed["message"] or "heartbeat" in crashed["message"]
    assert server.end_of(daily, 400)["state_name"] == "Completed", server.logs("second")
    assert wait_for("the crash's alert", lambda: receiver.alert("run failed"))["what"]

    settings = Settings(home=place.home)
    assert query(settings, "select users from app_scorecard")[1] == [(20,)]
    with connect(settings, read_only=True) as con:
        builds = con.execute(
            "select is_by_arrival, finished_at is not null from ops.builds order by started_at"
        ).fetchall()
    assert builds == [(False, False), (False, True)]  # the next one made everything anew


def test_what_a_run_leaves_in_prefect(
    server: Server, worker: list[subprocess.Popen[bytes]]
) -> None:
    tasks = server.call("/task_runs/filter", {"limit": 200})
    names = {task["name"].rsplit("-", 1)[0] for task in tasks} | {task["name"] for task in tasks}
    assert {"land chat_events", "judge marts", "publish marts", "build the marts"} <= names
    # of the daily run: at seven minutes past the hour a run of the charts leaves its own
    completed = [run["id"] for run in server.flow_runs("daily") if run["state_name"] == "Completed"]
    of_daily_runs = {"artifacts": {"flow_run_id": {"any_": completed}}, "sort": "UPDATED_DESC"}
    artifacts: dict[str, str] = {}
    for artifact in server.call("/artifacts/filter", of_daily_runs):
        artifacts.setdefault(artifact["key"], artifact["data"])
    keys = {"run", "gates", "scorecard", "restatements", "site"}
    assert {f"afterhype-{key}" for key in keys} <= set(artifacts)
    assert "| Chat | too early | 20 |" in artifacts["afterhype-run"]
    assert '"verdict": "too early"' in artifacts["afterhype-scorecard"]
    assert "index.html" in artifacts["afterhype-site"]


def test_a_stale_source_and_a_late_publication_are_told(
    server: Server, worker: list[subprocess.Popen[bytes]], receiver: Receiver
) -> None:
    stale = wait_for("the stale source's alert", lambda: receiver.alert("source stale"))
    assert stale["details"]["source"] == "chat_events"
    late = wait_for("the late publication's alert", lambda: receiver.alert("publication late"))
    assert "No publication for" in late["what"]


def test_a_target_that_refuses_is_told_and_spoils_no_run(
    server: Server, worker: list[subprocess.Popen[bytes]], receiver: Receiver
) -> None:
    failed = wait_for("the failed delivery's alert", lambda: receiver.alert("delivery failed"))
    assert "secret/forgotten" in failed["what"]
    assert failed["details"]["target"].startswith("postgresql:")


def test_alerts_can_be_removed(server: Server) -> None:
    server.run(AFTERHYPE, "alerts", "remove")
    names = [a["name"] for a in server.call("/automations/filter", {}) if "afterhype" in a["name"]]
    assert names == ["afterhype: end runs without a heartbeat"]
    assert "no alerts" in server.run(AFTERHYPE, "alerts", "test", check=False).lower()
