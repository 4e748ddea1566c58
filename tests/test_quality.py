"""The gates as the pipeline calls them: Great Expectations on a real warehouse file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.suites import mart_suites, raw_suites
from flows import quality, warehouse
from flows.errors import AfterhypeError
from flows.quality import data_docs_path, describe, mart_gate, raw_gate
from flows.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FIXTURES = Path(__file__).parent / "fixtures" / "quality"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "a home, 100%20 #1", memory_limit="500MB", threads=2)
    with warehouse.connect(settings) as con:
        warehouse.create_schemas(con)
        con.execute((FIXTURES / "good_raw.sql").read_text())
        con.execute((FIXTURES / "good_marts.sql").read_text())
    return settings


def change(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings) as con:
        return con.execute(sql).fetchall()


def gate_rows(settings: Settings, columns: str = "*") -> list[tuple[Any, ...]]:
    return change(settings, f"select {columns} from ops.gate_results order by all")


def pages(settings: Settings) -> list[Path]:
    return sorted(data_docs_path(settings).rglob("*.html"))


def test_good_data_passes_both_gates_and_the_file_can_be_written_again(settings: Settings) -> None:
    raw = raw_gate(settings, "run-1", ["e1", "c1"])
    marts = mart_gate(settings, "run-1")
    assert raw.passed
    assert marts.passed
    assert (raw.warnings, marts.warnings) == ((), ())
    assert (raw.failed_subjects, marts.failed_subjects) == ((), ())
    assert describe(raw) == f"The raw gate passed: {len(raw.results)} checks."
    assert {result.subject for result in raw.results} == {"every new extract"}
    rows = gate_rows(settings, "run_id, stage, success, unexpected_count, message")
    assert len(rows) == len(raw.results) + len(marts.results)
    assert {row[2:] for row in rows} == {(True, 0, None)}


def test_each_extract_is_judged_on_its_own(settings: Settings) -> None:
    change(
        settings,
        """
        insert into raw.extracts select * replace ('e2' as extract_id, 0 as rows_landed,
            5 as rows_rejected, 5 as rows_seen) from raw.extracts where extract_id = 'e1';
        insert into raw.extracts select * replace ('e3' as extract_id, 0 as rows_landed,
            0 as rows_seen) from raw.extracts where extract_id = 'e1'
        """,
    )
    report = raw_gate(settings, "run-1", ["e1", "e2"])
    assert not report.passed
    assert report.failed_subjects == ("e2",)
    [failure] = report.critical_failures
    assert failure.expectation == "an extract brings at least one readable event"
    assert failure.unexpected_count == 5
    assert failure.sample == ({"rows_seen": 5, "rows_rejected": 5},)
    words = describe(report)
    assert "e2: an extract brings at least one readable event" in words
    assert "5 rows" in words
    assert "`afterhype extracts discard e2`" in words
    assert "`afterhype extracts release e2`" in words
    [row] = change(
        settings,
        "select subject, severity, unexpected_count, sample, suite from ops.gate_results"
        " where not success",
    )
    assert row[:3] == ("e2", "critical", 5)
    assert json.loads(row[3]) == [{"rows_seen": 5, "rows_rejected": 5}]
    assert row[4] == "raw_events"


def test_a_broken_mart_fails_the_gate_and_says_how(settings: Settings) -> None:
    change(settings, "update marts.app_scorecard set d60_rate = 0, d60_is_complete = true")
    report = mart_gate(settings, "run-1")
    assert not report.passed
    assert report.failed_subjects == ("app_scorecard",)
    assert any("D60 is shown only" in failure.expectation for failure in report.critical_failures)
    words = describe(report)
    assert "Nothing was published" in words
    assert "d60_rate=0.0" in words


def test_warnings_do_not_stop(settings: Settings) -> None:
    change(settings, "update raw.extracts set rows_rejected = 1, rows_seen = 7 where source <> ''")
    report = raw_gate(settings, "run-1", ["e1"])
    assert report.passed
    assert [warning.subject for warning in report.warnings] == ["e1"]
    assert report.failed_subjects == ()
    assert "warning: e1: few of an extract's rows are rejected" in describe(report)


def test_a_check_that_cannot_run_is_a_critical_failure(settings: Settings) -> None:
    change(settings, "drop table marts.data_freshness")
    report = mart_gate(settings, "run-1")
    assert report.failed_subjects == ("data_freshness",)
    assert {failure.severity for failure in report.critical_failures} == {"critical"}
    assert {failure.unexpected_count for failure in report.critical_failures} == {None}
    assert all("does not exist" in failure.message for failure in report.critical_failures)


def test_extracts_that_could_not_be_judged_have_not_passed(settings: Settings) -> None:
    change(settings, "drop table raw.chart_ranks")
    report = raw_gate(settings, "run-1", ["e1", "c1"])
    assert report.failed_subjects == ("e1", "c1")
    assert "could not be checked" in report.critical_failures[0].message


def test_every_offender_is_named_however_many_there_are(settings: Settings) -> None:
    change(
        settings,
        """
        insert into raw.extracts select extracts.* replace ('x' || i as extract_id,
            0 as rows_landed, 1 as rows_rejected, 1 as rows_seen)
        from raw.extracts as extracts, range(300) as numbers (i) where extract_id = 'e1'
        """,
    )
    report = raw_gate(settings, "run-1", [f"x{i}" for i in range(300)])
    assert len(report.failed_subjects) == 300
    assert "and 280 more, in ops.gate_results" in describe(report)
    assert change(settings, "select count(*) from ops.gate_results where not success") == [(300,)]


def test_nothing_to_judge_is_no_run(settings: Settings) -> None:
    report = raw_gate(settings, "run-1", [])
    assert report.passed
    assert not data_docs_path(settings).exists()


def test_no_warehouse_is_explained(tmp_path: Path) -> None:
    with pytest.raises(AfterhypeError, match="no warehouse yet"):
        mart_gate(Settings(home=tmp_path), "run-1")


def test_samples_and_pages_hold_no_user(settings: Settings) -> None:
    change(settings, "insert into raw.app_events from raw.app_events")
    raw_gate(settings, "run-1", ["e1", "c1"])
    keys = {str(key) for (key,) in change(settings, "select distinct user_key from raw.app_events")}
    written = str(gate_rows(settings)) + "".join(page.read_text() for page in pages(settings))
    assert not [key for key in keys if key in written]


def test_old_runs_leave_the_data_docs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "RUNS_KEPT", 2)
    for number in range(3):
        raw_gate(settings, f"run-{number}", ["e1"])
    validations = [page for page in pages(settings) if "validations" in page.parts]
    assert {page.parts[-3] for page in validations} == {"run-1", "run-2"}
    index = (data_docs_path(settings) / "index.html").read_text()
    assert "run-0" not in index
    assert "run-2" in index
    mart_gate(settings, "run-3")
    assert "run-1" in (data_docs_path(settings) / "index.html").read_text()
    stored = list((settings.quality_dir / "validations").rglob("*.json"))
    assert {path.parts[-3] for path in stored} == {"run-1", "run-2", "run-3"}
    folders = [path for path in settings.quality_dir.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not any(folder.iterdir())] == []


def test_the_pages_of_suites_are_written_anew_with_other_code_only(settings: Settings) -> None:
    raw_gate(settings, "run-1", ["e1"])
    suites = sorted(page for page in pages(settings) if "expectations" in page.parts)
    assert len(suites) == len(raw_suites()) + len(mart_suites())
    for page in suites:
        page.write_text("kept")
    raw_gate(settings, "run-2", ["e1"])
    assert {page.read_text() for page in suites if page in pages(settings)} == {"kept"}
    settings.quality_dir.joinpath("data_docs.made_of").write_text("other code")
    mart_gate(settings, "run-3")
    assert set(suites) < set(pages(settings))
    assert not [page for page in suites if page.read_text() == "kept"]


def test_pages_that_fail_are_told_to_who_asks_for_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("expectations.engine.write_data_docs", full)
        assert raw_gate(settings, "run-1", ["e1"]).passed
        with pytest.raises(AfterhypeError, match=r"no space left.*the next gate writes them"):
            data_docs_path(settings)
    mart_gate(settings, "run-2")
    assert [page for page in pages(settings) if "run-2" in page.parts]


def test_pages_name_no_outside_address(settings: Settings) -> None:
    raw_gate(settings, "run-1", ["e1", "c1"])
    for page in pages(settings):
        assert not re.findall(
            r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", page.read_text()
        )


def test_pages_open_without_a_network_and_every_link_leads_somewhere(
    browser: Browser, settings: Settings
) -> None:
    change(settings, "update raw.extracts set rows_seen = 7, rows_rejected = 1 where source <> ''")
    raw_gate(settings, "run-1", ["e1", "c1"])
    mart_gate(settings, "run-1")
    page = browser.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in pages(settings):
        page.goto(path.as_uri())
        for link in page.eval_on_selector_all("a[href]", "links => links.map(a => a.href)"):
            if link not in requests:
                page.goto(link)
    assert page.title()
    page.close()
    assert complaints == []
    assert all(url.startswith(("file:", "data:")) for url in requests)
