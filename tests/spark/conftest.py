"""A home whose marts are built on a Spark of two executors, each a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import stages
from flows.builds import Build
from flows.demo.generate import generate
from flows.settings import PROJECT_ROOT
from flows.sources import ChartFeed
from tests.circles import JAVA


@dataclass(frozen=True)
class SparkHome:
    """The demo's home, its sources file, and what is held back of its extracts."""

    home: Path
    sources: Path
    held_back: Path

    @property
    def events(self) -> Path:
        return self.home / "spark_events"

    def begin(self) -> stages.Run:
        """A run, of this home."""
        return stages.begin(self.home, self.sources)

    def land(self) -> None:
        """Land and judge what is new."""
        run = self.begin()
        stages.prepare(run)
        for source in run.sources.all:
            assert not isinstance(source, ChartFeed)  # the demo fetches nothing
            assert not stages.land_source(run, source, lambda _done, _all: None).failed
        stages.judge_extracts(run)

    def build(self) -> Build:
        """Build the marts on Spark."""
        return stages.build(self.begin())

    def tasks_by_executor(self) -> Counter[str]:
        """How many tasks each executor has done so far, as Spark's own event log says."""
        done: Counter[str] = Counter()
        for log in self.events.rglob("events_*"):
            for line in log.read_text(encoding="utf-8").splitlines():
                event = json.loads(line)
                if event["Event"] == "SparkListenerTaskEnd":
                    done[event["Task Info"]["Executor ID"]] += 1
        return done


@contextmanager
def on_spark(home: Path) -> Iterator[None]:
    """Let builds run on two executors of one core, and log what each of them does."""
    settings = {
        "spark.sql.shuffle.partitions": "4",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (home / "spark_events").as_uri(),
    }
    (home / "spark_events").mkdir(parents=True, exist_ok=True)
    ours = {
        "AFTERHYPE_BUILD_ON": "spark_session",
        "AFTERHYPE_SPARK_MASTER": "local-cluster[2,1,1024]",
        "AFTERHYPE_SPARK_SETTINGS": json.dumps(settings),
        # three JVMs on few cores, for one build each: optimizing their code costs too much
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture(scope="session")
def spark_home() -> Iterator[SparkHome]:
    """The demo's extracts in a lake's sources file, of which tests hold some back."""
    if shutil.which("java") is None:
        pytest.fail(JAVA.lacks)
    # not below pytest's folder: executors start in it, and Derby minds long paths
    with tempfile.TemporaryDirectory(prefix="afterhype-spark-") as folder:
        home = Path(folder) / "home"
        generate(home / "demo")
        sources = Path(folder) / "sources.yml"
        demo = (PROJECT_ROOT / "profiles" / "sources.yml").read_text(encoding="utf-8")
        notes = PROJECT_ROOT / "profiles" / "launch_notes.yml"
        shutil.copy(notes, sources.with_name(notes.name))
        lake = json.dumps({"to": "lake", "path": str(Path(folder) / "lake")})
        # where midnight comes twice, in the midst of the demo's months
        assert demo.count("timezone: UTC\n") == 1
        elsewhere = demo.replace("timezone: UTC\n", "timezone: Atlantic/Azores\n")
        sources.write_text(f"{elsewhere}\nland: {lake}\n", encoding="utf-8")
        place = SparkHome(home=home, sources=sources, held_back=Path(folder) / "held_back")
        with on_spark(home):
            yield place
