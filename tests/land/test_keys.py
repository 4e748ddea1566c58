"""The secret that keys user ids."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.errors import ConfigurationError
from flows.land.keys import check_key, load_user_key
from flows.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_key_is_made_once_and_only_for_its_owner(settings: Settings) -> None:
    key = load_user_key(settings)
    assert len(key) == 64
    assert load_user_key(settings) == key
    assert settings.key_path.stat().st_mode & 0o777 == 0o600


def test_the_environment_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERHYPE_USER_KEY", "from outside")
    assert load_user_key(Settings(home=settings.home)) == "from outside"
    assert not settings.key_path.exists()


def test_a_key_that_others_may_read_is_refused(settings: Settings) -> None:
    load_user_key(settings)
    settings.key_path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_user_key(settings)


def test_an_empty_key_is_refused(settings: Settings) -> None:
    load_user_key(settings)
    settings.key_path.write_text("\n")
    with pytest.raises(ConfigurationError, match="the key is empty"):
        load_user_key(settings)


def test_another_key_than_the_warehouse_was_begun_with_is_refused(
    con: duckdb.DuckDBPyConnection,
) -> None:
    check_key(con, "first")
    check_key(con, "first")
    with pytest.raises(ConfigurationError, match="count twice") as caught:
        check_key(con, "second")
    assert "second" not in str(caught.value)
