"""A proposed entry goes into a sources file, of which nothing else changes."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.cli import app
from flows.errors import ConfigurationError
from flows.inspect.into import add_entry, app_for
from flows.sources import load_sources

ENTRY = """
apps:
- {app_id: chat, name: Chat}
events:
- name: new
  app_id: chat
  uri: /exports/new.csv
  format: custom
  reader: {type: csv}
  columns: {user_id: who, event_time: at, event_name: "'open'"}
"""

HOUSE = """# ours, since 2024

timezone: Europe/Berlin   # the office's
apps:
    # the old one
    - app_id: chat
      name: "Chat"        # in quotes

events:
    # nightly
    - {name: nightly, app_id: chat, uri: a/*.csv, format: mixpanel}   # short
    - name: folded
      app_id: chat
      format: amplitude
      uri:
        - b/*.json
        - >-
          c/*.json
    # behind the last one

# reports below
installs:
- {name: play, uri: play.csv, format: google_play_installs}
"""


def lines_lost(before: str, after: str) -> list[str]:
    compared = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[2:] for line in compared if line.startswith("- ")]


def test_comments_order_and_style_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    path.write_text(HOUSE)
    added = add_entry(path, ENTRY)
    text = path.read_text()
    assert lines_lost(HOUSE, text) == []
    lines = text.splitlines()
    assert lines[added.line - 1] == "    - name: new"
    assert lines[added.line - 2] == "          c/*.json"
    assert [source.name for source in load_sources(path).events] == ["nightly", "folded", "new"]
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", ["chat"]),
        ("# nothing but a comment\n", ["chat"]),
        ("timezone: UTC", ["chat"]),
        ("apps: []\nevents: []  # none yet\n", ["chat"]),
        ("apps:\n  - {app_id: other, name: Other}\nevents:\n", ["other", "chat"]),
        ("events:\napps:\n- app_id: chat\n  name: Chat", ["chat"]),
        ("apps:\n  - app_id: chat\n    name: |\n      Chat\n\nhorizon_days: 30\n", ["chat"]),
    ],
)
def test_sections_that_are_missing_or_empty(
    tmp_path: Path, before: str, expected: list[str]
) -> None:
    path = tmp_path / "my.yml"
    path.write_text(before)
    added = add_entry(path, ENTRY)
    sources = load_sources(path)
    assert [one.app_id for one in sources.apps] == expected
    assert [one.name for one in sources.events] == ["new"]
    assert path.read_text().splitlines()[added.line - 1].endswith("- name: new")


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert add_entry(tmp_path / "my.yml", ENTRY).notes
    assert load_sources(tmp_path / "my.yml").events[0].name == "new"


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (HOUSE.replace("nightly,", "new,"), r"line 11: events\[0\] is called new already.*--name"),
        (HOUSE.replace("play,", "new,"), r"line 23: installs\[0\] is called new already"),
        ("events: [{name: a, app_id: chat, uri: a, format: mixpanel}]\n"
         "apps: [{app_id: chat, name: C}]\n", r"line 1: events is written within brackets"),
        ("{apps: [], events: []}\n", "within braces"),
        ("timezone: Atlantis\n", "timezone: 'Atlantis' is not an IANA time zone"),
        ("events: {a: b\n", "not valid YAML"),
        ("- a\n", "must be a mapping"),
        ("timezone: UTC\n...\n", "paste the entry|not valid YAML"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    tmp_path: Path, before: str, message: str
) -> None:
    path = tmp_path / "my.yml"
    path.write_text(before)
    with pytest.raises(ConfigurationError) as raised:
        add_entry(path, ENTRY)
    assert re.search(message, str(raised.value))
    assert (path.read_text(), sorted(tmp_path.iterdir())) == (before, [path])


names = st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=4, unique=True)
comments = st.sampled_from(["", "  # why", "\n# a line of its own", "\n"])


@given(names, st.sampled_from([0, 2, 4]), st.lists(comments, min_size=9, max_size=9), st.data())
def test_whatever_a_list_looks_like_it_gets_one_more(
    tmp_path_factory: pytest.TempPathFactory,
    sources: list[str],
    indent: int,
    said: list[str],
    data: st.DataObject,
) -> None:
    text = f"apps:{said[0]}\n- {{app_id: chat, name: Chat}}{said[1]}\n"
    text += f"events:{said[2]}\n" if sources else ""
    for number, name in enumerate(sources):
        fields: dict[str, Any] = {
            "name": name, "app_id": "chat", "format": "mixpanel",
            "uri": data.draw(st.sampled_from(["x.csv", ["x", "y"], "with space # and more"])),
        }  # fmt: skip
        flow = data.draw(st.booleans())
        dumped = yaml.safe_dump([fields], default_flow_style=flow, sort_keys=False, width=1000)
        dumped = f"- {dumped.strip()[1:-1]}\n" if flow else dumped
        text += "".join(f"{' ' * indent}{line}\n" for line in dumped.splitlines())
        text = text.rstrip("\n") + said[3 + number] + "\n"
    text += f"horizon_days: 30{said[8]}\n"
    path = tmp_path_factory.mktemp("into") / "my.yml"
    path.write_text(text)
    add_entry(path, ENTRY)
    assert lines_lost(text, path.read_text()) == []
    assert [one.name for one in load_sources(path).events] == [*sources, "new"]


def test_the_only_app_of_a_file_is_taken_and_one_of_several_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    assert (app_for(path, None), app_for(path, "x")) == ("my_app", "x")
    path.write_text("apps:\n- {app_id: one, name: One}\n")
    assert (app_for(path, None), app_for(path, "x")) == ("one", "x")
    path.write_text("apps:\n- {app_id: one, name: One}\n- {app_id: two, name: Two}\n")
    with pytest.raises(ConfigurationError, match="--app-id one or two"):
        app_for(path, None)


def test_inspect_puts_two_files_into_one(tmp_path: Path) -> None:
    rows = "user_id,event_time,event\nu1,2026-01-01T08:00:00Z,open\n"
    for name in ("web", "phone"):
        (tmp_path / f"{name}.csv").write_text(rows)
    file = tmp_path / "my.yml"
    common = ["--entry", "--into", str(file)]
    for name in ("web", "phone"):
        done = CliRunner().invoke(app, ["inspect", str(tmp_path / f"{name}.csv"), *common])
        assert done.exit_code == 0, done.output
        assert f"{name} added to events." in done.output.replace("\n", " ")
    again = CliRunner().invoke(app, ["inspect", str(tmp_path / "web.csv"), *common])
    assert isinstance(again.exception, ConfigurationError)
    named = CliRunner().invoke(
        app, ["inspect", str(tmp_path / "web.csv"), *common, "--name", "web_again"]
    )
    assert named.exit_code == 0
    sources = load_sources(file)
    assert [one.name for one in sources.events] == ["web", "phone", "web_again"]
    assert [one.app_id for one in sources.apps] == ["my_app"]
