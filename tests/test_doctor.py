"""The doctor: each finding is provoked for real, and what it says to do mends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.doctor import home, inputs, machine, server
from flows.exclusive import limit_name
from flows.land.keys import check_key, load_user_key
from flows.settings import Settings
from flows.sources import load_sources
from flows.warehouse import connect, create_schemas
from tests.conftest import Place
from tests.presence import present

HOLDER = """
import sys, time, duckdb
from pathlib import Path
from flows.settings import Settings
from flows.warehouse import connect, writer

settings = Settings(home=Path(sys.argv[1]))
with {}:
    print("held", flush=True)
    time.sleep(60)
"""

WRITING = "writer(settings), connect(settings)"
READING = "connect(settings, read_only=True)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a warehouse that was begun with its key."""
    settings = Settings(home=tmp_path / "home")
    with connect(settings) as con:
        create_schemas(con)
        check_key(con, load_user_key(settings))
    return settings


@pytest.fixture
def hold(settings: Settings) -> Iterator[Callable[[str], int]]:
    """Let another process hold the home in some way; gives its id."""
    processes = []

    def hold(how: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(how), str(settings.home)],
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert present(process.stdout).readline() == "held\n"
        return process.pid

    yield hold
    for process in processes:
        process.kill()
        process.wait()
        present(process.stdout).close()


def test_a_good_home_has_nothing_to_mend(settings: Settings) -> None:
    findings = [
        machine.python_version(">=3.11,<3.14"),
        *machine.packages(["duckdb==1.5.5", "uvloop>=99; extra == 'never'"]),
        *map(machine.extension, machine.EXTENSIONS),
        *machine.file_system(settings.home),
        machine.disk_space(settings.home),
        machine.file_clock(settings.home),
        machine.time_zone("Asia/Tokyo"),
        home.writer_lock(settings),
        home.warehouse_lock(settings),
        home.user_key(settings),
        *home.leftovers(settings),
    ]
    assert [(f.level, f.mend) for f in findings] == [("ok", "")] * len(findings), findings


def test_a_home_that_is_not_there_yet_is_no_problem(tmp_path: Path) -> None:
    new = Settings(home=tmp_path / "new" / "home")
    findings = [
        *machine.file_system(new.home),
        machine.disk_space(new.home),
        machine.file_clock(new.home),
        home.writer_lock(new),
        home.warehouse_lock(new),
        home.user_key(new),
        *home.leftovers(new),
    ]
    assert {f.level for f in findings} == {"ok"}
    assert not new.home.exists()


def test_other_versions_are_told() -> None:
    assert machine.python_version("<3.11").level == "problem"
    other, missing = machine.packages(["duckdb>=2", "no-such-package-here==1"])
    assert "duckdb is 1.5.5; afterhype needs >=2" in other.found
    assert missing.found == "no-such-package-here is missing"


def test_an_extension_without_a_wheel_is_told() -> None:
    finding = machine.extension("spatial")
    assert finding.level == "problem"
    assert finding.mend == "Run: pip install duckdb-extension-spatial==1.5.5"


def test_a_home_that_cannot_be_written_is_told() -> None:
    (finding,) = machine.file_system(Path("/proc/afterhype"))  # not even root makes files there
    assert finding.level == "problem"
    assert "/proc cannot be written" in finding.found


def test_a_disk_without_room_for_a_copy_is_told(settings: Settings) -> None:
    free = os.statvfs(settings.home).f_bavail * os.statvfs(settings.home).f_frsize
    with settings.warehouse_path.open("r+b") as file:
        file.truncate(int(free * 0.7))  # sparse: it takes no room
    assert machine.disk_space(settings.home).level == "warning"
    with settings.warehouse_path.open("r+b") as file:
        file.truncate(int(free * 1.1))
    assert machine.disk_space(settings.home).level == "problem"


def test_the_writer_is_named_and_is_no_problem(
    settings: Settings, hold: Callable[[str], int]
) -> None:
    pid = hold(WRITING)
    finding = home.writer_lock(settings)
    assert finding.level == "warning"
    assert finding.found.startswith(f"process {pid} since ")
    assert f"kill {pid}" in finding.mend
    assert home.warehouse_lock(settings).level == "ok"
    # what needs the warehouse says that it cannot be asked now
    assert home.user_key(settings).level == "warning"
    assert home.newest_landing(settings) is None
    assert [f.level for f in home.leftovers(settings)] == ["ok"]


def test_a_reader_of_the_warehouse_is_named_and_ending_it_helps(
    settings: Settings, hold: Callable[[str], int]
) -> None:
    pid = hold(READING)
    finding = home.warehouse_lock(settings)
    assert finding.level == "problem"
    assert f"kill {pid}" in finding.mend
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert home.warehouse_lock(settings).level == "ok"


def test_a_key_that_others_may_read_is_told(settings: Settings) -> None:
    settings.key_path.chmod(0o644)
    finding = home.user_key(settings)
    assert finding.level == "problem"
    subprocess.run(finding.mend.split(), check=True)
    assert home.user_key(settings).level == "ok"


def test_another_key_is_told(settings: Settings) -> None:
    settings.key_path.write_text("another\n", encoding="ascii")
    assert "is not the key" in home.user_key(settings).found
    settings.key_path.write_text("", encoding="ascii")
    assert "is empty" in home.user_key(settings).found
    settings.key_path.unlink()
    assert "is missing" in home.user_key(settings).found
    given = Settings(home=settings.home, user_key="another")
    assert "AFTERHYPE_USER_KEY: is not the key" in home.user_key(given).found


def test_a_clock_behind_what_has_landed_is_told(settings: Settings) -> None:
    with connect(settings) as con:
        con.execute("""
            insert into raw.extracts by name
            select 'x' as extract_id, 's' as source, 'events' as kind, 'custom' as format,
                'u' as uri, 'c' as checksum, 1 as bytes, timestamp '2031-01-01' as modified_at,
                0 as rows_seen, 0 as rows_landed, 0 as rows_rejected, 0 as rows_duplicate,
                'landed' as status, timestamp '2031-01-01' as landed_at
        """)
    newest = present(home.newest_landing(settings))
    assert machine.clock(datetime(2030, 1, 1), newest).level == "problem"
    assert machine.clock(newest + timedelta(hours=1), newest).level == "ok"


def test_an_unknown_zone_is_told() -> None:
    assert machine.time_zone("Mars/Olympus").level == "problem"


def test_what_a_killed_run_left_is_told(settings: Settings) -> None:
    generation = settings.published_dir / "generations" / "20260101T000000Z-abcdef.partial"
    generation.mkdir(parents=True)
    (settings.published_dir / ".marts.duckdb.new").touch()
    (settings.home / "warehouse.compacting.duckdb").touch()
    (settings.home / "tmp").mkdir(exist_ok=True)
    (settings.home / "tmp" / "spilled").touch()
    with connect(settings) as con:
        con.execute("insert into ops.builds values ('b', 'd', false, '2026-01-01', null, null)")
    findings = home.leftovers(settings)
    assert [f.level for f in findings] == ["warning"] * 5
    assert str(generation) in findings[0].found + findings[1].found


def test_a_sources_file_that_does_not_hold_is_told(tmp_path: Path) -> None:
    (tmp_path / "sources.yml").write_text("apps: []\nevent: []\n", encoding="utf-8")
    finding, sources = inputs.sources_file(Settings(sources=tmp_path / "sources.yml"))
    assert finding.level == "problem"
    assert "event" in finding.found
    assert sources is None


def test_a_source_without_files_is_told(place: Place) -> None:
    settings = Settings(home=place.home, sources=place.sources)
    (source,) = load_sources(place.sources).all
    assert inputs.place(source, settings).found == "1 file found"
    next((place.folder / "exports").iterdir()).unlink()
    finding = inputs.place(source, settings)
    assert finding.level == "problem"
    assert "no file matches" in finding.found


def test_a_feed_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "sources.yml").write_text(
        "apps: [{app_id: a, name: A}]\n"
        "ranks: [{name: live, feed: apple_rss, storefronts: [us], charts: [top-free]}]\n",
        encoding="utf-8",
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    (feed,) = load_sources(tmp_path / "sources.yml").all
    finding = inputs.place(feed, Settings(apple_rss_base_url=address))
    assert finding.level == "problem"
    assert address in finding.found


def test_the_command_tells_all_and_its_exit_code(place: Place) -> None:
    command = [str(Path(sys.executable).with_name("afterhype")), "doctor", "--json"]
    places = ["--home", str(place.home), "--sources", str(place.sources)]
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    good = subprocess.run(
        [*command, *places], capture_output=True, text=True, check=False, env=environment
    )
    assert good.returncode == 0, good.stdout + good.stderr
    told = json.loads(good.stdout)
    assert told["ok"]
    assert {f["level"] for f in told["findings"]} == {"ok"}
    assert {"python", "packages", "disk", "user key", "source chat_events", "prefect"} <= {
        f["check"] for f in told["findings"]
    }
    place.sources.unlink()
    bad = subprocess.run(
        [*command, *places], capture_output=True, text=True, check=False, env=environment
    )
    assert bad.returncode == 1
    (only,) = [f for f in json.loads(bad.stdout)["findings"] if f["level"] == "problem"]
    assert only["check"] == "sources file"


PLAN = """
deployments:
  - {name: daily-of-doctor, work_pool: {name: pool-of-doctor}}
"""


def test_what_a_schedule_lacks_is_told_until_it_is_there(
    tmp_path: Path, settings: Settings, prefect_server: None
) -> None:
    plan = tmp_path / "prefect.yaml"
    plan.write_text(PLAN, encoding="utf-8")

    def levels() -> dict[str, str]:
        return {f.check: f.level for f in server.prefect_server(settings, plan)}

    pool, deployment = "work pool pool-of-doctor", "deployment daily-of-doctor"
    with get_client(sync_client=True) as client:
        assert levels() == {
            "prefect": "ok",
            pool: "problem",
            deployment: "problem",
            "writer's limit": "warning",
        }
        client.create_work_pool(WorkPoolCreate(name="pool-of-doctor", type="process"))
        assert levels()[pool] == "problem"  # nobody works
        client.send_worker_heartbeat("pool-of-doctor", "worker", heartbeat_interval_seconds=30)
        made = client.create_deployment(
            flow_id=client.create_flow_from_name("flow-of-doctor"),
            name="daily-of-doctor",
            work_pool_name="pool-of-doctor",
            paused=True,
        )
        assert levels()[deployment] == "warning"
        client.resume_deployment(made)
        client.upsert_global_concurrency_limit_by_name(limit_name(settings), limit=2)
        assert levels()["writer's limit"] == "problem"
        client.upsert_global_concurrency_limit_by_name(limit_name(settings), limit=1)
        assert set(levels().values()) == {"ok"}


def test_a_server_that_does_not_answer_is_told(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    with temporary_settings({PREFECT_API_URL: address}):
        (finding,) = server.prefect_server(settings)
    assert finding.level == "problem"
    assert address in finding.found
