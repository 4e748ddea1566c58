"""The exposures of the dbt project say what the site really reads."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from flows.report import app_story, missing_days, queries, slices
from flows.settings import PROJECT_ROOT
from tests.presence import present

MODELS = PROJECT_ROOT / "dbt_project" / "models"
BESIDE = {"publication", "restatements", "scorecard_changes", "gate_history"}
# The overview's alone: the app's page shows none of it.
OVERVIEW_ONLY = {"data_freshness", "late_arrivals", "fct_app_activity_daily"}


def exposures() -> dict[str, set[str]]:
    listed = yaml.safe_load((MODELS / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    return {
        exposure["name"]: {
            present(re.fullmatch(r"ref\('(\w+)'\)", ref))[1] for ref in exposure["depends_on"]
        }
        for exposure in listed
    }


def read_by(module: ModuleType) -> set[str]:
    """The tables that a module's queries name."""
    source = Path(present(module.__file__)).read_text(encoding="utf-8")
    return set(re.findall(r"\bmarts\.([a-z]\w*)", source)) | set(
        module.PERIODS.values() if module is slices else ()
    )


def test_the_pages_depend_on_the_marts_that_their_queries_name() -> None:
    overview = read_by(queries) | read_by(slices) | read_by(missing_days)

    assert exposures()["report_overview"] == overview - BESIDE
    assert exposures()["report_app_page"] == (
        (overview | read_by(app_story)) - BESIDE - OVERVIEW_ONLY
    )


def test_the_site_asks_for_every_table_before_it_reads_any() -> None:
    modules = (queries, slices, app_story, missing_days)

    assert set().union(*map(read_by, modules)) == {t for m in modules for t in m.TABLES}


@pytest.mark.parametrize("name", ["bi_dashboards", "publishing_targets"])
def test_who_gets_the_whole_publication_depends_on_every_mart(name: str) -> None:
    assert exposures()[name] == {path.stem for path in (MODELS / "marts").glob("*.sql")}
