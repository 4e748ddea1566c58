"""What is made ready is there when it is asked for, and holds up no end."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from flows import preloading


def test_what_fails_is_said_by_those_who_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_module_of_a_test.py").write_text("raise ValueError('its own error')")
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[int] = []
    preloading.load("broken_module_of_a_test", "json.tool")
    failed = preloading.make(lambda: 1 / 0)
    preloading.make(lambda: made.append(1))
    preloading.wait_for("broken_module_of_a_test")
    preloading.wait()
    assert "json.tool" in sys.modules
    assert made == [1]
    assert isinstance(failed.exception(), ZeroDivisionError)
    with pytest.raises(ValueError, match="its own error"):
        importlib.import_module("broken_module_of_a_test")


@pytest.mark.parametrize(
    ("before", "exit_code"),
    [
        ("pass", 0),
        ("_imp.acquire_lock()", 1),  # as a signal in the middle of an import leaves it
    ],
)
def test_a_process_ends_also_where_an_import_cannot(before: str, exit_code: int) -> None:
    script = (
        "import _imp, sys\n"
        "from flows import preloading\n"
        "preloading.LONGEST_SECONDS = 2\n"
        f"{before}\n"
        "preloading.load('xml.dom.minidom')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert ended.returncode == exit_code
