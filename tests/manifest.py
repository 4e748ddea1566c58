"""dbt's manifest of the project, for tests that run dbt in their own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.settings import Settings
from flows.sources import Sources
from flows.transform import Dbt


def parsed_project(home: Path) -> Any:
    """What a run parses, from where other tests have left it; ``home`` is for dbt's log."""
    from flows.dbt_commands import parsed  # imports dbt, which takes seconds

    dbt = Dbt(settings=Settings(home=home), sources=Sources(timezone="UTC"))
    result = parsed(dbt.request("parse"), {})
    assert result.success, result.exception
    return result.result
