"""The page of where a run's time goes, from measurements made up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.page.run_time import write_run_time_page
from bench.place import Place
from bench.results import Group, Measurement


def test_what_no_step_accounts_for_is_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    steps = [["land events", "1.25", "2.5"], ["publish marts", "0.5", "0.25"]]
    one = Measurement(
        case="run time",
        subject="nothing new",
        seconds=[4.0],
        rows=1200,
        details={"steps": steps, "cpu_seconds": 3.5},
    )
    group = Group(
        name="run-time",
        measured_at=datetime(2026, 1, 2, tzinfo=UTC),
        machine={"cores": "2"},
        load=0.1,
        measurements=(one,),
    )
    page = write_run_time_page(Place(scale=0.01), group).read_text(encoding="utf-8")
    assert "no result" in page  # a trial
    assert "## Nothing new\n\n1,200 events" in page
    assert "| land events | 1.25 | 2.50 |" in page
    assert "| the rest | 2.25 | 0.75 |" in page
    assert "| **the whole process** | 4.00 | 3.50 |" in page
