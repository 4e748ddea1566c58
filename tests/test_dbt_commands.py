"""Which of dbt's parsed manifests its process keeps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import dbt_commands
from flows.dbt_process import DbtRequest


def test_those_used_last_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parsed: list[str] = []

    class Runner:
        def __init__(self, **_callbacks: Any) -> None: ...

        def invoke(self, arguments: list[str], **_more: Any) -> SimpleNamespace:
            parsed.append(arguments[1])
            return SimpleNamespace(exception=None, success=True)

    monkeypatch.setattr(dbt_commands, "dbtRunner", Runner)
    manifests: dict[str, Any] = {}
    for engine in ("home", "a", "home", "b", "home", "c", "home", "a"):
        request = DbtRequest(
            command=("build",),
            options=(engine,),
            environment={},
            parsed_as=engine,
            log_file=str(tmp_path / "dbt.log"),
        )
        dbt_commands.parsed(request, manifests)
    assert parsed == ["home", "a", "b", "c", "a"]
    assert list(manifests) == ["c", "home", "a"]
