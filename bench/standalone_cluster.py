"""A real Spark cluster on loopback: a master, workers, and a server that dbt can build through.

All of it comes from the pyspark wheel. Each program is a process group of its own; a worker's group
holds its executor too, so that killing it is what losing a machine is. Java 17 must be there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import httpx

HOST = "127.0.0.1"

Protocol = Literal["thrift", "connect"]

_SERVERS = {
    "thrift": "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
    "connect": "org.apache.spark.sql.connect.service.SparkConnectServer",
}

_SECONDS_TO_START = 180


class ClusterError(RuntimeError):
    """A program of the cluster did not start, or died; the message ends with its log."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a cluster is. Memory is written as Spark writes it, such as ``1500m``."""

    workers: int = 2
    cores: int = 1
    worker_memory: str = "1500m"
    executor_memory: str = "1g"
    driver_memory: str = "1g"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task that ended, from the event log. ``finished`` is in seconds since 1970, ``busy`` is how
    many seconds the executor worked on it.
    """

    executor: str
    finished: float
    busy: float
    succeeded: bool


@dataclass
class _Program:
    name: str
    log: Path
    process: subprocess.Popen[bytes]

    def end(self) -> None:
        """End the whole group: asked for, then by force, so that nothing is left running."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group at once, as if its machine were gone."""
        self._signal(signal.SIGKILL)
        self.process.wait(30)

    def check(self) -> None:
        if self.process.poll() is not None:
            raise ClusterError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # the group is gone already
            os.killpg(self.process.pid, number)


@dataclass
class StandaloneCluster:
    """The cluster's programs and files. Made by ``running``, which also ends it."""

    folder: Path
    size: Size
    settings: Mapping[str, str]
    port: int = 0
    workers: list[_Program] = field(default_factory=list)
    _programs: list[_Program] = field(default_factory=list)
    _workers_begun: int = 0

    @property
    def warehouse(self) -> Path:
        """Where tables lie that are made without a location."""
        return self.folder / "warehouse"

    def start(self, protocol: Protocol) -> None:
        """Start everything; return once the server answers and every worker has registered."""
        for name in ("logs", "events", "work", "conf", "tmp", "warehouse"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._master_port, self._master_page, self.port = _free_ports(3)
        master = "org.apache.spark.deploy.master.Master"
        at = ["--host", HOST, "--port", str(self._master_port)]
        self._start("master", ["spark-class", master, *at, "--webui-port", str(self._master_page)])
        self._wait("the master", lambda: self._alive_workers() == 0)
        for _ in range(self.size.workers):
            self.add_worker()
        self._wait("the workers", lambda: self._alive_workers() == self.size.workers)
        server = self._start(f"{protocol}-server", self._server_command(protocol))
        self._wait(server.name, lambda: _listens(self.port))

    def add_worker(self) -> None:
        """Start one more worker, as a cluster does when it has lost one."""
        self._workers_begun += 1
        name = f"worker-{self._workers_begun}"
        command = ["spark-class", "org.apache.spark.deploy.worker.Worker", "--host", HOST]
        command += ["--cores", str(self.size.cores), "--memory", self.size.worker_memory]
        command += ["--webui-port", "0", "--work-dir", str(self.folder / "work" / name)]
        self.workers.append(self._start(name, [*command, f"spark://{HOST}:{self._master_port}"]))

    def kill_worker(self) -> str:
        """Kill -9 the oldest worker together with its executor; the name of its program."""
        worker = self.workers.pop(0)
        self._programs.remove(worker)
        worker.check()
        worker.kill()
        return worker.name

    def check(self) -> None:
        """Raise ClusterError, with the log's end, if a program has died that nobody killed."""
        for program in self._programs:
            program.check()

    def stop(self) -> None:
        """End every program, the server first, which then closes its event log."""
        for program in reversed(self._programs):
            program.end()
        self._programs.clear()
        self.workers.clear()

    def tasks(self) -> list[Task]:
        """Every task that ended, from the server's event log. Ask after ``stop``."""
        return [task for log in sorted((self.folder / "events").iterdir()) for task in _tasks(log)]

    def _server_command(self, protocol: Protocol) -> list[str]:
        metastore = f"jdbc:derby:;databaseName={self.folder / 'metastore'};create=true"
        settings = {
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.executor.memory": self.size.executor_memory,
            "spark.ui.enabled": "false",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": (self.folder / "events").as_uri(),
            # one file that can be read as it stands
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.compress": "false",
            "spark.sql.catalogImplementation": "hive",
            "spark.sql.warehouse.dir": self.warehouse.as_uri(),
            "spark.hadoop.javax.jdo.option.ConnectionURL": metastore,
            "spark.hadoop.hive.exec.scratchdir": str(self.folder / "tmp" / "hive"),
            "spark.driver.extraJavaOptions": f"-Dderby.system.home={self.folder / 'tmp'}",
        }
        if protocol == "connect":
            settings |= {
                "spark.connect.grpc.binding.address": HOST,
                "spark.connect.grpc.binding.port": str(self.port),
            }
        command = ["spark-submit", "--class", _SERVERS[protocol], "--name", f"afterhype {protocol}"]
        command += ["--master", f"spark://{HOST}:{self._master_port}"]
        command += ["--driver-memory", self.size.driver_memory]
        for name, value in (settings | dict(self.settings)).items():
            command += ["--conf", f"{name}={value}"]
        command += ["spark-internal"]
        if protocol == "thrift":
            command += ["--hiveconf", f"hive.server2.thrift.bind.host={HOST}"]
            command += ["--hiveconf", f"hive.server2.thrift.port={self.port}"]
        return command

    def _start(self, name: str, command: list[str]) -> _Program:
        home = _spark_home()
        log = self.folder / "logs" / f"{name}.log"
        driver_memory = self.size.driver_memory
        environment = os.environ | {
            "SPARK_HOME": str(home),
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(self.folder / "tmp"),
            # of master and workers; the Thrift server takes it before --driver-memory
            "SPARK_DAEMON_MEMORY": "256m" if command[0] == "spark-class" else driver_memory,
            "PYSPARK_PYTHON": sys.executable,
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                [home / "bin" / command[0], *command[1:]],
                env=environment,
                cwd=self.folder,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        program = _Program(name, log, process)
        self._programs.append(program)
        return program

    def _alive_workers(self) -> int | None:
        try:
            page = httpx.get(f"http://{HOST}:{self._master_page}/json/", timeout=10)
        except httpx.HTTPError:
            return None
        workers: list[dict[str, object]] = page.json()["workers"]
        return sum(worker["state"] == "ALIVE" for worker in workers)

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not holds():
            self.check()
            if time.monotonic() > deadline:
                logs = "\n".join(f"{p.name}:\n{p.tail()}" for p in self._programs)
                raise ClusterError(f"{what}: not there after {_SECONDS_TO_START} s\n{logs}")
            time.sleep(0.3)


@contextmanager
def running(
    folder: Path, protocol: Protocol, size: Size, settings: Mapping[str, str]
) -> Iterator[StandaloneCluster]:
    """A cluster that answers ``protocol`` on ``port``; whatever happens, all of it ends.

    ``folder`` must be an absolute path; ``settings`` are Spark's and go before those made here.
    """
    cluster = StandaloneCluster(folder, size, settings)
    try:
        cluster.start(protocol)
        yield cluster
    finally:
        cluster.stop()


def missing() -> str | None:
    """What this machine lacks to run a cluster, in words; None if nothing."""
    if find_spec("pyspark") is None:
        return "pyspark is not installed: make install-spark"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "there is no java: Spark 4 needs 17 or 21 (apt-get install openjdk-17-jre-headless)"
    return None


def _tasks(log: Path) -> Iterator[Task]:
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith('{"Event":"SparkListenerTaskEnd"'):
                continue
            told: dict[str, Any] = json.loads(line)
            yield Task(
                executor=told["Task Info"]["Executor ID"],
                finished=told["Task Info"]["Finish Time"] / 1000,
                # a task that was lost with its executor has no metrics
                busy=told.get("Task Metrics", {}).get("Executor Run Time", 0) / 1000,
                succeeded=told["Task End Reason"]["Reason"] == "Success",
            )


def _spark_home() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise ClusterError(missing() or "pyspark has no folder")
    return Path(found.origin).parent


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=2):
        return True
    return False
