"""dbt's page: written while something else goes on, from tables without rows, and kept."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from flows import dbt_process, stages, transform
from flows.dbt_process import DbtRequest
from flows.settings import Settings
from flows.transform import Dbt, write_docs
from tests.conftest import Place
from tests.presence import present


def begun() -> DbtRequest | None:
    """What dbt's process is at, or has an answer to that nobody has read."""
    return present(dbt_process._child).begun


def test_homes_share_what_is_parsed(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = stages.begin(place.home, place.sources).sources

    def why_parsed_anew(home: str) -> int:
        dbt = Dbt(settings=Settings(home=tmp_path / home), sources=sources)
        dbt_process.end_dbt()  # whose memory would do
        assert dbt_process.run_dbt(dbt.request("parse")).success
        log = dbt.settings.dbt_dir / "logs" / "dbt.log"
        return log.read_text(encoding="utf-8").count("Unable to do partial parsing")

    why_parsed_anew("one")
    monkeypatch.setenv("AFTERHYPE_THREADS", "3")
    assert why_parsed_anew("other") == 0
    monkeypatch.setenv("AFTERHYPE_PARSED_DIR", str(tmp_path / "there is nothing yet"))
    assert why_parsed_anew("third") == 1


def test_the_page_is_begun_beside_the_warehouse_and_kept(
    after_a_day: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stages.begin(after_a_day.home, after_a_day.sources)
    target = run.settings.dbt_dir / "target"
    before = (target / "static_index.html").read_text(encoding="utf-8")
    (target / "static_index.made_of").write_text("of something else", encoding="utf-8")

    (run.settings.dbt_dir / "docs-of-a-killed-run").mkdir()
    stages.begin_publication(run)
    assert begun() is not None
    with duckdb.connect(str(run.settings.warehouse_path)) as con:  # dbt holds another file
        con.execute("create table written_meanwhile as select 1 as i")
        con.execute("drop table written_meanwhile")
    page = write_docs(run.settings, run.sources)
    assert begun() is None
    after = page.read_text(encoding="utf-8")
    assert len(after) == pytest.approx(len(before), rel=0.01)
    for told in ("fct_cohort_retention_daily", "The app, as named in sources.yml", "day_n"):
        assert told in after
    assert str(run.settings.home) not in after
    assert not list(run.settings.dbt_dir.glob("docs-*"))

    monkeypatch.setattr(transform, "run_dbt", None)  # whoever called it would fail
    assert write_docs(run.settings, run.sources) == page
    stages.begin_publication(run)
    assert begun() is None


def test_the_log_holds_what_dbt_says_but_for_what_it_says_to_its_developers(
    after_a_day: Place,
) -> None:
    log = (after_a_day.home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert re.search(r"^\d\d:\d\d:\d\d\.\d+ \[info \] Concurrency: ", log, re.MULTILINE)
    assert "[debug]" not in log
