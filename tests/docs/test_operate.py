"""docs/operate.md word for word: a newcomer who follows it has a scheduled, alerting deployment."""

from __future__ import annotations

import configparser
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flows.settings import PROJECT_ROOT
from tests.scheduling.machine import Receiver, free_port, receiving, wait_for

PAGE = PROJECT_ROOT / "docs" / "operate.md"
README = PROJECT_ROOT / "README.md"
EVENT = (
    '{{"event": "{name}", "properties": {{"time": {time}, "distinct_id": "u{user}", '
    '"$insert_id": "i{user}-{time}"}}}}'
)


@dataclass(frozen=True)
class Block:
    """A code block of a page: what it is marked as, and its text."""

    marks: tuple[str, ...]
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines that are typed; what is printed stands without a ``$``."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w[^\n]*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [Block(tuple(marks.split()), text) for marks, text in found]


def write_exports(folder: Path) -> None:
    """Twenty users' first day, and the next day of half of them, as Mixpanel exports it."""
    folder.mkdir()
    first, day = 1767258000, 86400  # 2026-01-01 09:00 UTC
    rows = [EVENT.format(name="open", time=first, user=n) for n in range(20)]
    rows += [EVENT.format(name="open", time=first + day, user=n) for n in range(10)]
    (folder / "2026-01.ndjson").write_text("\n".join(rows) + "\n", encoding="utf-8")


@dataclass
class Shell:
    """One shell in which the page's blocks are typed, with other paths and ports."""

    folder: Path
    port: int
    receiver: str
    exports: dict[str, str]
    background: list[subprocess.Popen[bytes]]

    def here(self, command: str) -> str:
        command = command.replace("/srv", str(self.folder)).replace("4200", str(self.port))
        return command.replace("http://127.0.0.1:9000/alerts", self.receiver)

    def type(self, block: Block) -> str:
        """Run a block's commands; each has to succeed. What they print is returned."""
        printed = ""
        for command in block.commands:
            if command.startswith("export "):
                assignments = re.findall(r"(\w+)=(\S+)", command)
                self.exports |= {name: self.here(value) for name, value in assignments}
                continue
            if "background" in block.marks:
                self.start(command)
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", self.here(command)],
                cwd=PROJECT_ROOT,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
            printed += done.stdout
        return printed

    @property
    def environment(self) -> dict[str, str]:
        ours = ("PREFECT_", "AFTERHYPE_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return kept | self.exports

    def start(self, command: str) -> None:
        with (self.folder / f"background-{len(self.background)}.log").open("w") as log:
            self.background.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {self.here(command)}"],
                    cwd=PROJECT_ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        if "server start" in command:
            wait_for("the server", self.server_is_up)

    def server_is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=5):
                return True
        except OSError:
            return False


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("srv")
    write_exports(folder / "exports")
    shell = Shell(folder, free_port(), receiver.url, {}, [])
    yield shell
    for process in reversed(shell.background):
        os.killpg(process.pid, signal.SIGTERM)
    time.sleep(1)
    for process in shell.background:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_page_word_for_word(shell: Shell, receiver: Receiver) -> None:
    printed = [shell.type(block) for block in blocks(PAGE) if block.marks[0] == "console"]
    everything = "\n".join(printed)
    assert [alert["alert"] for alert in receiver.received] == ["test"]
    assert "answered 204" in everything
    assert "cells compared: every one is what a rebuild gives" in everything
    assert everything.count("Publication ") >= 2  # of the home, and of what was restored
    deployment = f"http://127.0.0.1:{shell.port}/api/deployments/filter"
    request = urllib.request.Request(
        deployment, data=b"{}", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        deployments = json.load(answer)
    assert len(deployments) == 5
    homes = {d["job_variables"]["env"]["AFTERHYPE_HOME"] for d in deployments}
    assert homes == {str(shell.folder / "rekeyed")}  # the page ends with another key's home
    old, new = (shell.folder / home / "user_key.secret" for home in ("afterhype", "rekeyed"))
    assert old.read_text() != new.read_text()
    assert "my_app" in everything
    assert "20" in printed[-2]  # as many users under the new key


def test_what_is_not_run_can_be_read_by_what_it_is_for() -> None:
    others = [block for block in blocks(PAGE) if block.marks[0] != "console"]
    assert {block.marks[0] for block in others} == {"sh", "ini", "yaml", "json"}
    for block in others:
        match block.marks[0]:
            case "ini":
                parser = configparser.ConfigParser()
                parser.read_string(block.text)
                assert {"Unit", "Service", "Install"} == set(parser.sections())
            case "yaml":
                assert yaml.safe_load(block.text)
            case "json":
                assert set(json.loads(block.text)) >= {"alert", "what", "what_to_do", "link"}
            case "sh":
                subprocess.run(["bash", "-n", "-c", block.text], check=True)


def test_the_readme_types_nothing_that_the_page_does_not() -> None:
    """Its commands of the schedule are the page's, but for paths given as options."""
    text = README.read_text(encoding="utf-8")
    section = text[text.index("### Schedule it") : text.index("### Connect a BI tool")]
    page = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```console\n(.*?)^```$", section, re.M | re.S)
    for command in Block(("console",), block).commands:
        start = command.split(" --home")[0].removeprefix("export ")
        assert start in page, command
