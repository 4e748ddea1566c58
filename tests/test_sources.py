"""The sources file: what it accepts, and that its errors name file, key and reason."""

from pathlib import Path

import pytest

from flows.errors import ConfigurationError
from flows.sources import ChartFeed, ChartFiles, load_sources

MINIMAL = """
timezone: Europe/Berlin
apps:
  - {app_id: chat, name: Chat, store_ids: {apple: 123}}
events:
  - name: chat_events
    app_id: chat
    uri: exports/*.csv
    format: custom
    reader: {type: csv, delimiter: ";"}
    columns: {user_id: who, event_time: to_timestamp(at), event_name: "'message'"}
    complete_through: 2026-01-31
ranks:
  - {name: live, feed: apple_rss, storefronts: [us, jp], charts: [top-free]}
  - {name: archive, format: apple_rss, uri: charts/*.json}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "sources.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_complete_file_becomes_typed(tmp_path):
    sources = load_sources(write(tmp_path, MINIMAL))
    assert sources.timezone == "Europe/Berlin"
    assert sources.apps[0].store_ids == {"apple": "123"}
    assert str(sources.events[0].complete_through) == "2026-01-31"
    assert isinstance(sources.ranks[0], ChartFeed)
    assert sources.ranks[0].limit == 100
    assert isinstance(sources.ranks[1], ChartFiles)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("timezone: Europe/Berlin", "timezone: Mars/Base"), "timezone: 'Mars/Base' is not an"),
        (("name: Chat,", "nam: Chat,"), "apps[0].nam: unknown key (did you mean name?)"),
        (("app_id: chat\n", "app_id: chut\n"), "events[0].app_id 'chut' is not among apps"),
        (("user_id: who, ", ""), "events[0]: columns lacks user_id"),
        (("user_id: who", "userid: who"), "columns.userid is not a canonical column (did you mean"),
        (("type: csv", "type: xlsx"), "events[0].reader.type: Input should be 'csv'"),
        (("storefronts: [us, jp]", "storefronts: [USA]"), "ranks[0].storefronts[0]: String should"),
        (("charts: [top-free]", "charts: [top-free], limit: 500"), "ranks[0].limit: Input should"),
        (("uri: charts/*.json", "url: x"), "ranks[1].uri: missing"),
        (("name: archive", "name: live"), "source name 'live' is given twice"),
        (("complete_through: 2026-01-31", "complete_through: soon"), "events[0].complete_through:"),
        (
            ("timezone: Europe/Berlin", "brackets: {day: [[3, 1]]}"),
            "brackets.day[0]: [3, 1] is no bracket: give [first, last]",
        ),
        (
            ("timezone: Europe/Berlin", "brackets: {days: [[1, 3]]}"),
            "brackets.days: unknown key (did you mean day?)",
        ),
        (
            ("timezone: Europe/Berlin", "brackets: {day: [[1, 3], [1, 7]]}"),
            "brackets.day: two brackets begin at 1",
        ),
        (("timezone: Europe/Berlin", "week_start: Funday"), "week_start: Input should be 'monday'"),
        (("timezone: Europe/Berlin", "segments: [os]"), "segments[0]: Input should be 'platform'"),
        (("timezone: Europe/Berlin", "horizon_days: 731"), "horizon_days: Input should be less"),
    ],
)
def test_an_error_names_file_key_and_reason(tmp_path, change, message):
    assert change[0] in MINIMAL
    path = write(tmp_path, MINIMAL.replace(*change))
    with pytest.raises(ConfigurationError) as caught:
        load_sources(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_every_problem_is_told_at_once(tmp_path):
    path = write(tmp_path, MINIMAL.replace("name: Chat,", "").replace("uri: exports/*.csv", ""))
    with pytest.raises(ConfigurationError) as caught:
        load_sources(path)
    assert str(caught.value).count(str(path)) == 2


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match="no such sources file. Pass --sources"):
        load_sources(tmp_path / "none.yml")


@pytest.mark.parametrize("text", ["apps: [", "- a\n- b\n", "just words"])
def test_what_is_not_a_mapping_is_refused(tmp_path, text):
    with pytest.raises(ConfigurationError, match="YAML|mapping"):
        load_sources(write(tmp_path, text))
