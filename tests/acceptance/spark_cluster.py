"""The daily flow builds on a Spark cluster whose worker is killed meanwhile, and no cell changes.

`make acceptance-spark` runs it: a master, two workers and a Thrift server (``--connect``: a Spark
Connect server) on loopback, from the pyspark wheel. The demo's extracts land in a lake, the Prefect
flow builds on the cluster and publishes; in the middle of its build one worker is killed with -9,
together with its executor. Then `afterhype verify` rebuilds every mart with DuckDB. Exits with 1 if
the flow failed, a cell differs, or the event log does not show that both executors worked.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from bench.standalone_cluster import HOST, Protocol, Size, StandaloneCluster, missing, running
from flows.demo.generate import generate
from flows.settings import PROJECT_ROOT

AFTERHYPE = Path(sys.executable).with_name("afterhype")

TABLES_BEFORE_THE_KILL = 20

# by default Spark cuts every shuffle into 200 parts, each of which is a task
SETTINGS = {"spark.sql.shuffle.partitions": "4", "spark.default.parallelism": "4"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", action="store_true", help="Spark Connect instead of Thrift")
    parser.add_argument("--folder", type=Path, default=None, help="keep everything here")
    parser.add_argument(
        "--no-replacement", action="store_true", help="the worker that is left does the rest"
    )
    options = parser.parse_args()
    if lacks := missing():
        sys.exit(lacks)
    # a time-out ends the script by SIGTERM: the cluster has to end with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with tempfile.TemporaryDirectory() as name:
        folder = (options.folder or Path(name)).absolute()
        return attend(folder, "connect" if options.connect else "thrift", options)


def attend(folder: Path, protocol: Protocol, options: argparse.Namespace) -> int:
    home, sources = folder / "home", write_sources(folder)
    if home.exists():
        sys.exit(f"{home}: is there already; name an empty folder")
    print("generating the demo's extracts ...", flush=True)
    generate(home / "demo")
    size = Size()
    print(f"starting a master, {size.workers} workers and a {protocol} server ...", flush=True)
    with running(folder / "cluster", protocol, size, SETTINGS) as cluster:
        environment = environment_of(folder, protocol, cluster)
        killed_at = run_and_kill(cluster, home, sources, environment, options)
        cluster.check()
    if killed_at is None:
        return 1
    problems = [*differences(home, sources, environment), *idle_executors(cluster, killed_at)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems", flush=True)
    return 1 if problems else 0


def write_sources(folder: Path) -> Path:
    """The demo's sources file, with a lake."""
    folder.mkdir(parents=True, exist_ok=True)
    profiles = PROJECT_ROOT / "profiles"
    text = (profiles / "sources.yml").read_text(encoding="utf-8")
    notes = (profiles / "launch_notes.yml").read_text(encoding="utf-8")
    (folder / "launch_notes.yml").write_text(notes, encoding="utf-8")
    path = folder / "sources.yml"
    path.write_text(f"land: {{to: lake, path: {folder / 'lake'}}}\n{text}", encoding="utf-8")
    return path


def environment_of(folder: Path, protocol: Protocol, cluster: StandaloneCluster) -> dict[str, str]:
    return os.environ | {
        "AFTERHYPE_BUILD_ON": f"spark_{protocol}",
        "AFTERHYPE_SPARK_HOST": HOST,
        "AFTERHYPE_SPARK_PORT": str(cluster.port),
        "PREFECT_HOME": str(folder / "prefect"),
        "DO_NOT_TRACK": "1",
    }


def run_and_kill(
    cluster: StandaloneCluster,
    home: Path,
    sources: Path,
    environment: dict[str, str],
    options: argparse.Namespace,
) -> float | None:
    """Run the daily flow, kill a worker in the middle of its build; when, or None if it failed."""
    log, lake = home / "run.log", sources.with_name("lake")
    command = [str(AFTERHYPE), "run", "--home", str(home), "--sources", str(sources)]
    begun, killed_at, before = time.monotonic(), None, 0
    with log.open("wb") as out:
        flow = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            while flow.poll() is None:
                time.sleep(1)
                cluster.check()
                if killed_at is None and (before := tables_built(lake)) >= TABLES_BEFORE_THE_KILL:
                    print(f"{before} tables built: kill -9 {cluster.kill_worker()}", flush=True)
                    killed_at = time.time()
                    if not options.no_replacement:
                        cluster.add_worker()
        finally:
            if flow.poll() is None:
                flow.terminate()
                with suppress(subprocess.TimeoutExpired):
                    flow.wait(60)
                flow.kill()
    print(log.read_text(errors="replace")[-3000:])
    print(f"the flow took {time.monotonic() - begun:.0f} s, exit code {flow.returncode}")
    if flow.returncode:
        return None
    after = tables_built(lake)
    if killed_at is None or after <= before:
        print(f"no worker was killed while tables were being built ({after})", file=sys.stderr)
        return None
    print(f"{after - before} tables were built after the worker had been killed", flush=True)
    return killed_at


def tables_built(lake: Path) -> int:
    """How many tables Spark has finished in the lake."""
    return sum(1 for _ in lake.glob("build/*/*/_SUCCESS"))


def differences(home: Path, sources: Path, environment: dict[str, str]) -> list[str]:
    """What `afterhype verify` finds: it rebuilds with DuckDB, from the same lake."""
    command = [str(AFTERHYPE), "verify", "--home", str(home), "--sources", str(sources)]
    verified = subprocess.run(command, env=environment, capture_output=True, text=True)
    print(verified.stdout[-3000:], flush=True)
    if verified.returncode:
        return [f"verify: exit code {verified.returncode}\n{verified.stderr[-3000:]}"]
    return []


def idle_executors(cluster: StandaloneCluster, killed_at: float) -> list[str]:
    """What the event log lacks of two executors at work, and of one going on alone."""
    done = [task for task in cluster.tasks() if task.succeeded]
    before = Counter(task.executor for task in done if task.finished < killed_at)
    after = Counter(task.executor for task in done if task.finished >= killed_at)
    for executor in sorted(before | after):
        print(
            f"executor {executor}: {before[executor]:,} tasks before the kill, "
            f"{after[executor]:,} after it"
        )
    gone_on = set(before) & set(after)
    problems = []
    if len(before) != cluster.size.workers:
        problems.append(f"{len(before)} executors worked before the kill")
    if len(gone_on) != cluster.size.workers - 1:
        problems.append(f"{len(gone_on)} executors worked before and after the kill")
    return problems


if __name__ == "__main__":
    sys.exit(main())
