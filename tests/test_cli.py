"""The command line: exit codes, what it prints, and that it prints nothing of third parties."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.settings import Settings
from flows.warehouse import connect, create_schemas
from tests.conftest import Place

AFTERHYPE = str(Path(sys.executable).with_name("afterhype"))


def afterhype(
    *arguments: object, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AFTERHYPE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_LEVEL"} | environment,
    )


def test_help_teaches() -> None:
    done = afterhype("--help")
    assert done.returncode == 0
    for word in ("run", "extracts", "rollback", "Exit codes", "afterhype demo"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("no-such-command",), 2, "No such command"),
        (("run", "--sources", "nowhere.yml"), 2, "no such sources file"),
        (("query", "select 1"), 1, "nothing is published yet. Run `afterhype run`"),
        (("serve",), 1, "nothing is published yet"),
        (("extracts",), 1, "no warehouse yet"),
        (("rollback",), 1, "no earlier publication"),
        (("extracts", "release", "abc"), 1, "no extract abc"),
    ],
)
def test_errors_say_what_to_do_and_set_the_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    with connect(Settings(home=tmp_path / "made")) as con:
        create_schemas(con)
    home = tmp_path / ("made" if "release" in arguments else "home")
    done = afterhype(*arguments, folder=tmp_path, AFTERHYPE_HOME=str(home))
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_names_its_variable(tmp_path: Path) -> None:
    done = afterhype("status", folder=tmp_path, AFTERHYPE_GENERATIONS_KEPT="none")
    assert (done.returncode, "AFTERHYPE_GENERATIONS_KEPT" in done.stderr) == (2, True)


def test_a_run_by_hand_says_what_happened_and_nothing_else(after_a_day: Place) -> None:
    common = ("--home", after_a_day.home, "--sources", after_a_day.sources)
    done = afterhype("run", *common)
    assert done.returncode == 0
    assert "chat_events: 0 new extracts, 1 known" in done.stdout
    assert "Nothing new since publication" in done.stdout
    assert done.stderr == ""


def test_a_quarantined_extract_exits_3_and_can_be_decided(after_a_day: Place) -> None:
    after_a_day.export("junk.csv", *(f"u{n},not a time,open,j{n}" for n in range(50)))
    common = ("--home", after_a_day.home)
    done = afterhype("land", *common, "--sources", after_a_day.sources)
    assert done.returncode == 3
    listed = afterhype("extracts", "--status", "quarantined", *common)
    assert "junk.csv" in listed.stdout
    extract_id = next(w for w in listed.stdout.split() if len(w) == 16 and w.isalnum())
    assert extract_id in done.stdout
    discarded = afterhype("extracts", "discard", extract_id, *common)
    assert discarded.returncode == 0
    assert "No such extracts" in afterhype("extracts", "--status", "quarantined", *common).stdout


def test_a_failed_mart_gate_exits_3(after_a_day: Place) -> None:
    with connect(Settings(home=after_a_day.home)) as con:
        con.execute(
            "update marts.fct_growth_accounting set churned = churned + 1 where is_complete"
        )
    done = afterhype("check", "--home", after_a_day.home, "--sources", after_a_day.sources)
    assert done.returncode == 3
    assert "growth" in done.stderr


def test_questions_in_sql(first_run: Place) -> None:
    done = afterhype(
        "query", "select app_id, users from marts.app_scorecard", "--csv", "--home", first_run.home
    )
    assert done.stdout == "app_id,users\nchat,20\n"
    failed = afterhype("query", "select * from nothing", "--home", first_run.home)
    assert (failed.returncode, "nothing" in failed.stderr) == (1, True)


def test_verify_names_the_cell_and_exits_1(after_a_day: Place) -> None:
    """Where all agree it exits with 0 and says so: tests/demo/test_readme.py runs it there."""
    common = ("--home", after_a_day.home, "--sources", after_a_day.sources)
    with connect(Settings(home=after_a_day.home)) as con:
        con.execute("update marts.app_scorecard set d7_rate = 0.5")
    differing = afterhype("verify", *common)
    assert differing.returncode == 1
    assert "app_scorecard [app_id=chat]: d7_rate is 0.5, a rebuild gives 0.25" in differing.stderr
    assert "afterhype build --full" in differing.stderr


def test_compact_says_what_it_gave_back(after_a_day: Place) -> None:
    done = afterhype("compact", "--home", after_a_day.home, "--sources", after_a_day.sources)
    assert done.returncode == 0
    assert "Pruned 0 raw events." in done.stdout
    assert "MB now" in done.stdout
