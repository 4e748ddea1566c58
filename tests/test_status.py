"""One screen about a home: before anything ran, after a day, with what is held back or stale."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.land import ledger
from flows.land.source import land_files
from flows.settings import Settings, load_settings
from flows.sources import load_sources
from flows.status import status
from flows.terminal import show_status
from flows.warehouse import connect, create_schemas, writer
from tests.conftest import Place
from tests.presence import present

AFTERHYPE = str(Path(sys.executable).with_name("afterhype"))


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Place], Settings]:
    """The settings of a place, with no Prefect server to ask."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return lambda place: load_settings(place.home, place.sources)


def test_before_the_first_run_it_says_what_to_run(
    place: Place, settings_of: Callable[[Place], Settings]
) -> None:
    found = status(settings_of(place))

    assert found.publication is None
    assert found.unread is None
    assert [(source.source, source.last_landed_at) for source in found.sources] == [
        ("chat_events", None)
    ]
    assert "Nothing is published yet: `afterhype run`." in found.next_steps


def test_after_a_day_it_tells_what_landed_what_was_judged_and_what_is_published(
    after_a_day: Place, settings_of: Callable[[Place], Settings]
) -> None:
    found = status(settings_of(after_a_day))

    (source,) = found.sources
    assert (source.kind, source.landed, source.quarantined, source.failed) == ("events", 1, 0, 0)
    assert source.last_event_time == datetime(2026, 1, 8, 21)
    assert source.hours_since_landed is not None
    assert source.hours_since_landed < 2
    assert {gate.stage for gate in found.gates} == {"raw", "mart"}
    assert all(gate.critical_failures == 0 < gate.checks for gate in found.gates)
    assert found.publication is not None
    assert found.publication.kept == [found.publication.publication_id]
    sizes = {use.part: use.bytes for use in found.disk}
    assert sizes["warehouse.duckdb"] == (after_a_day.home / "warehouse.duckdb").stat().st_size
    assert sizes["published"] > (after_a_day.home / "published" / "marts.duckdb").stat().st_size
    assert found.writer is None


def test_what_is_held_back_or_failed_or_stale_is_what_to_do_next(
    after_a_day: Place, settings_of: Callable[[Place], Settings]
) -> None:
    settings = settings_of(after_a_day)
    text = after_a_day.sources.read_text()
    after_a_day.sources.write_text(
        text.replace("uri: exports", "stale_after_hours: 24\n    uri: exports")
    )
    with writer(settings), connect(settings) as con:
        (extract,) = ledger.list_extracts(con)
        ledger.quarantine(con, extract.extract_id, "too many rows rejected")
        con.execute("update raw.extracts set landed_at = landed_at - interval 30 hours")

    found = status(settings)

    assert [(held.extract_id, held.reason) for held in found.quarantine] == [
        (extract.extract_id, "too many rows rejected")
    ]
    assert found.sources[0].is_stale
    steps = "\n".join(found.next_steps)
    assert "1 in quarantine: `afterhype extracts --status quarantined`" in steps
    assert "chat_events has brought nothing new for too long" in steps


def test_a_writer_is_named_and_what_it_holds_is_said_to_be_unread(
    after_a_day: Place, settings_of: Callable[[Place], Settings]
) -> None:
    settings = settings_of(after_a_day)
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from flows.settings import load_settings\n"
        "from flows.warehouse import connect, create_schemas, writer\n"
        "settings = load_settings(Path(sys.argv[1]))\n"
        "with writer(settings), connect(settings):\n"
        "    print('holding', flush=True)\n"
        "    time.sleep(120)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(after_a_day.home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert present(holder.stdout).readline() == "holding\n"
        found = status(settings)
    finally:
        holder.kill()
        holder.wait()

    assert found.writer is not None
    assert f"process {holder.pid} " in found.writer
    assert found.unread is not None
    assert str(holder.pid) in found.unread
    assert found.publication is not None


def test_the_command_prints_one_screen_and_the_same_as_json(after_a_day: Place) -> None:
    environment = {"AFTERHYPE_HOME": str(after_a_day.home), "PATH": "/usr/bin:/bin"}
    command = [AFTERHYPE, "status", "--sources", str(after_a_day.sources)]

    screen = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=True
    )

    read = json.loads(told.stdout)
    assert read["publication"]["publication_id"] in screen.stdout
    assert "chat_events" in screen.stdout
    assert "Runs: PREFECT_API_URL is not set" in screen.stdout
    assert len(screen.stdout.splitlines()) <= 50
    assert datetime.fromisoformat(read["checked_at"]).date() == datetime.now(UTC).date()


def test_a_server_that_does_not_answer_is_no_reason_to_say_nothing(
    after_a_day: Place, settings_of: Callable[[Place], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        found = status(settings_of(after_a_day))

    assert found.deployments == []
    assert "does not answer" in (found.schedule_unknown or "")
    assert found.sources


def test_a_source_that_the_file_names_no_more_is_retired(
    place: Place, settings_of: Callable[[Place], Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(place)
    (source,) = load_sources(place.sources).events
    with connect(settings) as con:
        create_schemas(con)
        land_files(con, source, settings, datetime(2026, 2, 1))
    renamed = place.sources.read_text().replace("name: chat_events", "name: chat_again")
    place.sources.write_text(renamed)
    found = status(settings)
    assert [(one.source, one.is_retired, one.landed) for one in found.sources] == [
        ("chat_again", False, 0),
        ("chat_events", True, 1),
    ]
    show_status(found)
    assert "retired" in capsys.readouterr().out
