"""Which of dbt's parsed manifests its process keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flows import dbt_commands
from flows.dbt_process import DbtRequest


def test_those_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    class Runner:
        def invoke(self, arguments: list[str], **_more: Any) -> SimpleNamespace:
            parsed.append(arguments[2])
            return SimpleNamespace(exception=None, success=True)

    monkeypatch.setattr(dbt_commands, "dbtRunner", Runner)
    manifests: dict[str, Any] = {}
    for variables in ("home", "a", "home", "b", "home", "c", "home", "a"):
        request = DbtRequest(
            command=("build",),
            options=(),
            environment={},
            parsed_as=variables,
            parsed_variables=variables,
        )
        dbt_commands._parsed(request, manifests)
    assert parsed == ["home", "a", "b", "c", "a"]
    assert list(manifests) == ["c", "home", "a"]
