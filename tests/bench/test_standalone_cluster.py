"""What the acceptance run and the bench read from a cluster's event log."""

from __future__ import annotations

import json
from pathlib import Path

from bench.standalone_cluster import Size, StandaloneCluster, Task


def test_tasks_are_those_that_ended_whoever_they_ran_on(tmp_path: Path) -> None:
    lost = {"Task Info": {"Executor ID": "0", "Finish Time": 2000}}
    done = {
        "Task Info": {"Executor ID": "1", "Finish Time": 3500},
        "Task Metrics": {"Executor Run Time": 250},
    }
    events = [
        {"Event": "SparkListenerTaskStart", "Task Info": {"Executor ID": "0"}},
        {"Event": "SparkListenerTaskEnd", "Task End Reason": {"Reason": "ExecutorLostFailure"}}
        | lost,
        {"Event": "SparkListenerTaskEnd", "Task End Reason": {"Reason": "Success"}} | done,
    ]
    (tmp_path / "events").mkdir()
    lines = [json.dumps(event, separators=(",", ":")) for event in events]
    (tmp_path / "events" / "app-1").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert StandaloneCluster(tmp_path, Size(), {}).tasks() == [
        Task(executor="0", finished=2.0, busy=0, succeeded=False),
        Task(executor="1", finished=3.5, busy=0.25, succeeded=True),
    ]
