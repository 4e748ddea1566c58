"""Say which code and which definitions made a publication's numbers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
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
        "event_rules": {
            app.app_id: {"activity": list(app.activity_events), "cohort": list(app.cohort_events)}
            for app in sources.apps
            if app.activity_events or app.cohort_events
        },
    }


def definition_hash(sources: Sources) -> str:
    """A hash of what defines the numbers: models, macros, seeds, the sources file's definitions."""
    digest = hashlib.sha256()
    project = PROJECT_ROOT / "dbt_project"
    for folder in (project / "models", project / "macros", project / "seeds"):
        paths = (path for kind in ("sql", "yml", "csv") for path in folder.rglob(f"*.{kind}"))
        for path in sorted(paths):
            digest.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes())
    digest.update((project / "dbt_project.yml").read_bytes())
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
