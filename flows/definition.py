"""Say which code and which definitions made a publication's numbers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
from pathlib import Path
from typing import Any

from flows.settings import PROJECT_ROOT
from flows.sources import Sources


def dbt_variables(sources: Sources) -> dict[str, Any]:
    """The sources file's definitions as dbt's variables; dbt_project.yml says what each means."""
    return {
        "reporting_timezone": sources.timezone,
        "week_start": sources.week_start,
        "horizon_days": sources.horizon_days,
        "late_data_allowance_days": sources.late_data_allowance_days,
        "segments": list(sources.segments),
        "brackets": sources.brackets.model_dump(mode="json"),
        "verdict": sources.verdict.model_dump(mode="json"),
        "event_rules": {
            app.app_id: {"activity": list(app.activity_events), "cohort": list(app.cohort_events)}
            for app in sources.apps
            if app.activity_events or app.cohort_events
        },
        "behaviour_rules": {
            app.app_id: {"creation": list(app.creation_events), "sharing": list(app.sharing_events)}
            for app in sources.apps
            if app.creation_events or app.sharing_events
        },
        "behaviour_cohort_days": sources.behaviour_cohort_days,
        "raw_retention_days": sources.raw_retention_days,
    }


def defining_files() -> list[Path]:
    """The files of the code that say what the numbers mean, in an order that does not change."""
    project = PROJECT_ROOT / "dbt_project"
    return [
        project / "dbt_project.yml",
        *(
            path
            for folder in (
                project / "models",
                project / "macros",
                project / "seeds",
                PROJECT_ROOT / "flows" / "outlook",
            )
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".csv", ".py", ".sql", ".yml")
        ),
    ]


def definition_hash(sources: Sources) -> str:
    """A hash of what defines the numbers: models, macros, seeds, outlook, the sources file."""
    digest = hashlib.sha256()
    for path in defining_files():
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode() + b"\0" + path.read_bytes())
    digest.update(json.dumps(dbt_variables(sources), sort_keys=True).encode())
    return digest.hexdigest()[:16]


def code_version() -> str:
    """The package's version, with the commit where it runs from a checkout."""
    version = importlib.metadata.version("afterhype")
    if not (PROJECT_ROOT / ".git").exists():
        return version
    try:
        commit = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version  # a checkout without git, or without a commit
    return f"{version}+{commit}"
