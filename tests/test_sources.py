"""The sources file: what it accepts, and that its errors name file, key and reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.errors import ConfigurationError
from flows.sources import BucketTarget, ChartFeed, ChartFiles, PostgresTarget, load_sources

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


def test_a_complete_file_becomes_typed(tmp_path: Path) -> None:
    sources = load_sources(write(tmp_path, MINIMAL))
    assert sources.timezone == "Europe/Berlin"
    assert sources.apps[0].store_ids == {"apple": "123"}
    assert str(sources.events[0].complete_through) == "2026-01-31"
    assert isinstance(sources.ranks[0], ChartFeed)
    assert sources.ranks[0].limit == 100
    assert isinstance(sources.ranks[1], ChartFiles)


def test_a_source_that_is_given_twice_is_named_with_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "timezone: UTC\ntimezone: Asia/Tokyo\n")
    with pytest.raises(ConfigurationError) as caught:
        load_sources(path)
    assert str(caught.value).startswith(f"{path}: not valid YAML: 'timezone' is given twice")


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
        (
            ("timezone: Europe/Berlin", "publish: {to: {type: postgres, shema: x}}"),
            "publish.to[0].shema: unknown key (did you mean schema?)",
        ),
        (("timezone: Europe/Berlin", "publish: {to: [s3]}"), "publish.to[0].uri: missing"),
        (("timezone: Europe/Berlin", "publish: {to: [mysql]}"), "publish.to[0]: Input tag 'mysql'"),
        (
            ("timezone: Europe/Berlin", "publish: {to: {type: postgres, schema: public}}"),
            "publish.to[0].schema: public is not one to be swapped",
        ),
        (("timezone: Europe/Berlin", "publish: {to: [postgres, postgres]}"), "is given twice"),
    ],
)
def test_an_error_names_file_key_and_reason(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in MINIMAL
    path = write(tmp_path, MINIMAL.replace(*change))
    with pytest.raises(ConfigurationError) as caught:
        load_sources(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_targets_may_be_a_word_an_entry_or_a_list(tmp_path: Path) -> None:
    (target,) = load_sources(write(tmp_path, MINIMAL + "publish: {to: postgres}")).publish.to
    assert isinstance(target, PostgresTarget)
    assert target.address == "postgresql:// schema marts"
    told = "publish:\n  to: [postgres, {type: s3, uri: 's3://b/x/', storage: {region: eu}}]\n"
    _, bucket = load_sources(write(tmp_path, MINIMAL + told)).publish.to
    assert isinstance(bucket, BucketTarget)
    assert bucket.address == "s3://b/x"


@pytest.mark.parametrize(
    "target",
    [
        "{type: postgres, uri: 'postgresql://me:hush@host/db'}",
        "{type: postgres, uri: 'postgresql://me@host/db?password=hush'}",
        "{type: s3, uri: 's3://key:hush@bucket/x'}",
    ],
)
def test_a_secret_in_a_target_is_refused_and_not_repeated(tmp_path: Path, target: str) -> None:
    path = write(tmp_path, MINIMAL + f"publish: {{to: {target}}}\n")
    with pytest.raises(ConfigurationError, match="holds a (password|secret)") as caught:
        load_sources(path)
    assert "hush" not in str(caught.value)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL.replace("name: Chat,", "").replace("uri: exports/*.csv", ""))
    with pytest.raises(ConfigurationError) as caught:
        load_sources(path)
    assert str(caught.value).count(str(path)) == 2


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such sources file. Pass --sources"):
        load_sources(tmp_path / "none.yml")


@pytest.mark.parametrize("text", ["apps: [", "- a\n- b\n", "just words"])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="YAML|mapping"):
        load_sources(write(tmp_path, text))


NOTES = """
- {app_id: chat, date: 2026-01-02, kind: release, title: Two}
- {app_id: chat, date: 2026-01-02, kind: price, title: Cheaper}
"""


def with_notes(folder: Path, notes: str) -> Path:
    (folder / "beside").mkdir()
    (folder / "beside" / "notes.yml").write_text(notes, encoding="utf-8")
    return write(folder, f"launch_notes: beside/notes.yml\n{MINIMAL}")


def test_launch_notes_are_read_from_the_file_beside(tmp_path: Path) -> None:
    notes = load_sources(with_notes(tmp_path, NOTES)).launch_notes
    assert [(n.app_id, str(n.date), n.kind, n.title) for n in notes] == [
        ("chat", "2026-01-02", "release", "Two"),
        ("chat", "2026-01-02", "price", "Cheaper"),
    ]
    assert load_sources(write(tmp_path, MINIMAL)).launch_notes == ()


def test_a_file_of_no_notes_has_none(tmp_path: Path) -> None:
    assert load_sources(with_notes(tmp_path, "# nothing has happened yet")).launch_notes == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("app_id: chat", "app_id: chut"), "[0].app_id: 'chut' is not among the apps of"),
        (("app_id: chat", "app_id: chut"), "(did you mean chat?)"),
        (("kind: release", "kind: relase"), "[0].kind: 'relase' is no kind of note (did you mean"),
        (("kind: release", "kind: x"), "(known: release, open_access, platform, campaign, price,"),
        (("date: 2026-01-02", "date: soon"), "[0].date: "),
        (("title: Two", 'title: ""'), "[0].title: String should have at least 1"),
        (("title: Two", "tittle: Two"), "[0].tittle: unknown key (did you mean title?)"),
        (("kind: price, title: Cheaper", "kind: release, title: Two"), "[1]: this note is given"),
        (("- {app_id", "- [app_id"), "not valid YAML"),
    ],
)
def test_an_error_of_a_note_names_its_file(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_sources(with_notes(tmp_path, NOTES.replace(*change, 1)))
    assert str(caught.value).startswith(f"{tmp_path / 'beside' / 'notes.yml'}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("given", ["[]", "{a: b}", "5"])
def test_launch_notes_are_given_by_their_file(tmp_path: Path, given: str) -> None:
    path = write(tmp_path, f"launch_notes: {given}\n{MINIMAL}")
    with pytest.raises(ConfigurationError, match="launch_notes: give the path of a file"):
        load_sources(path)


def test_a_file_of_notes_is_a_list(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="notes.yml: the top level must be a list of notes"
    ):
        load_sources(with_notes(tmp_path, "app_id: chat"))


def test_a_file_of_notes_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, f"launch_notes: none.yml\n{MINIMAL}")
    with pytest.raises(ConfigurationError, match="none.yml: no such file; launch_notes in"):
        load_sources(path)


def test_a_source_ends_on_a_day_that_is_over_and_after_what_it_declares(
    tmp_path: Path,
) -> None:
    text = MINIMAL.replace("complete_through: 2026-01-31", "ended: 2026-01-31")
    assert str(load_sources(write(tmp_path, text)).events[0].ended) == "2026-01-31"
    later = MINIMAL.replace("complete_through: 2026-01-31", f"ended: {date.today()}")
    with pytest.raises(ConfigurationError, match=r"ended: .* is not over yet"):
        load_sources(write(tmp_path, later))
    both = MINIMAL.replace(
        "complete_through: 2026-01-31", "complete_through: 2026-01-31\n    ended: 2026-01-30"
    )
    with pytest.raises(ConfigurationError, match="2026-01-31 lies after ended: 2026-01-30"):
        load_sources(write(tmp_path, both))
