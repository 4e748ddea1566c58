"""A corrected mapping on its way to the published numbers: seen, landed again, restated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows import pipeline, stages
from flows.doctor import home
from flows.errors import AfterhypeError
from flows.published import query
from flows.settings import Settings, load_settings
from flows.sources import load_sources
from flows.status import Status
from flows.status import status as gather
from flows.verify import verify
from flows.warehouse import connect
from tests.conftest import Place

AFTERHYPE = str(Path(sys.executable).with_name("afterhype"))
COMMAND = "`afterhype extracts reland --source chat_events`"


def settings_of(place: Place) -> Settings:
    return load_settings(place.home, place.sources)


def run(place: Place) -> stages.Summary:
    return pipeline.daily(home=place.home, sources=place.sources)


def status(place: Place, monkeypatch: pytest.MonkeyPatch) -> Status:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return gather(settings_of(place))


def correct(place: Place, was: str, is_now: str) -> None:
    text = place.sources.read_text(encoding="utf-8")
    assert was in text
    place.sources.write_text(text.replace(was, is_now), encoding="utf-8")


def asked(place: Place, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in query(settings_of(place), sql)[1]]


def reland(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    here = ["--home", str(place.home), "--sources", str(place.sources)]
    return subprocess.run(
        [AFTERHYPE, "extracts", "reland", *arguments, *here],
        capture_output=True,
        text=True,
        check=False,
    )


USERS = "select users from app_scorecard"


def test_a_corrected_mapping_corrects_the_published_numbers(
    after_a_day: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With as many rows as before: who they are of is what was wrong."""
    place = after_a_day
    correct(place, "user_id: who", "user_id: 'left(who, 2)'")

    old = run(place)
    assert old.nothing_new
    assert [str(other) for other in old.other_mappings] == [
        "chat_events: 1 extract landed with another mapping than the source has now; the numbers "
        f"are still those of that one. {COMMAND} lands it again."
    ]
    found = status(place, monkeypatch)
    assert found.sources[0].other_mapping == 1
    assert found.unpublished is None
    assert [step for step in found.next_steps if COMMAND in step]
    (finding,) = home.other_mappings(settings_of(place), load_sources(place.sources))
    assert (finding.level, finding.mend) == ("warning", f"{COMMAND}, then `afterhype run`")
    assert asked(place, USERS) == [(20,)]

    done = reland(place, "--changed")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        0,
        "chat_events: 1 of 1 landed again",
    )
    assert "chat_events: 1 extract landed again · 35 rows landed, 0 duplicate" in done.stdout
    found = status(place, monkeypatch)
    assert found.sources[0].other_mapping == 0
    assert found.unpublished == "1 extracts have landed since the last build"
    with pytest.raises(AfterhypeError, match="1 extracts have landed since the last build"):
        verify(settings_of(place), load_sources(place.sources))

    published = run(place)
    assert (published.nothing_new, published.other_mappings) == (False, ())
    assert asked(place, USERS) == [(2,)]
    causes = asked(place, "select distinct cause, explanation from restatements")
    assert causes == [("mapping", "1 extract(s) landed again with another mapping")]
    assert pipeline.verify(home=place.home, sources=place.sources).differing_rows == 0
    assert status(place, monkeypatch).unpublished is None
    assert run(place).nothing_new
    assert "Nothing to land again" in reland(place, "--source", "chat_events").stdout


def test_what_is_new_is_the_same_to_a_run_the_status_and_a_verification(
    after_a_day: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = after_a_day
    settings, sources = settings_of(place), load_sources(place.sources)
    assert stages.unchanged_publication(stages.begin(place.home, place.sources))
    changes = {
        "since the last build have changed: charts": """
            insert into raw.chart_snapshots by name
            select 's' as snapshot_id, 'live' as source, 'apple' as store, 'us' as storefront,
                'top-free' as chart, 'all' as genre, now()::timestamp as snapshot_at, 0 as depth,
                'failed' as status, now()::timestamp as landed_at
        """,
        "1 extracts have landed since the last build": "delete from ops.built_extracts",
        "the last build is not published yet": "update ops.publications set fingerprint = 'x'",
    }
    for reason, change in changes.items():
        with connect(settings) as con:
            con.execute(change)
        assert status(place, monkeypatch).unpublished == reason
        assert stages.unchanged_publication(stages.begin(place.home, place.sources)) is None
        if "since the last build" in reason:
            with pytest.raises(AfterhypeError, match=reason):
                verify(settings, sources)
        with connect(settings) as con:
            con.execute("delete from raw.chart_snapshots")
            con.execute(
                "insert or ignore into ops.built_extracts select extract_id from raw.extracts"
            )
    assert "Not published yet: the last build is not published yet." in "\n".join(
        status(place, monkeypatch).next_steps
    )


def test_what_lands_between_a_build_and_its_publication_is_new(after_a_day: Place) -> None:
    """The publication was made of the marts, not of what the warehouse holds by then."""
    place = after_a_day
    place.export("late.csv", "late,2026-01-01T23:00:00Z,open,z1")
    landing = stages.begin(place.home, place.sources)
    stages.land_source(landing, landing.sources.events[0], lambda _done, _all: None)
    stages.publish(landing)
    assert stages.unchanged_publication(stages.begin(place.home, place.sources)) is None


def test_the_command_names_what_is_wrong_with_its_arguments(after_a_day: Place) -> None:
    assert reland(after_a_day).returncode == 2
    assert reland(after_a_day, "--changed", "--source", "chat_events").returncode == 2
    unknown = reland(after_a_day, "--source", "chat_event")
    assert unknown.returncode == 2
    assert "did you mean chat_events?" in unknown.stderr


def test_a_file_that_is_gone_fails_the_command_and_loses_nothing(after_a_day: Place) -> None:
    correct(after_a_day, "user_id: who", "user_id: 'left(who, 2)'")
    gone = after_a_day.folder / "exports" / "2026-01.csv"
    gone.unlink()
    with connect(settings_of(after_a_day)) as con:  # the place is a copy of where it landed
        con.execute("update raw.extracts set uri = ?", [str(gone)])
    done = reland(after_a_day, "--changed")
    assert done.returncode == 1
    assert "is left as it had landed: its file is gone" in done.stderr.replace("\n", " ")
    with connect(settings_of(after_a_day), read_only=True) as con:
        ((extract_id, rows),) = con.execute(
            "select extract_id, count(*) from raw.app_events group by all"
        ).fetchall()
    assert rows == 35
    one = reland(after_a_day, extract_id)
    assert one.returncode == 1
    assert "nothing was changed" in one.stderr.replace("\n", " ")
    assert reland(after_a_day, extract_id, "--drop").returncode == 0
    with connect(settings_of(after_a_day), read_only=True) as con:
        assert con.execute("from raw.extracts").fetchall() == []


CHARTS_AND_REPORTS = """
ranks:
  - name: captures
    uri: charts/*.csv
    format: custom
    reader: {type: csv}
    columns:
      {store: "'apple'", storefront: "'us'", chart: "'top-free'", snapshot_at: at, rank: place,
       store_app_id: app}
installs:
  - name: reports
    uri: reports/*.csv
    format: custom
    reader: {type: csv}
    columns: {store: "'apple'", store_app_id: app, install_date: day, downloads: units}
"""


def test_charts_and_reports_landed_again_are_restated_as_such(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct(place, "name: Chat}", "name: Chat, store_ids: {apple: '42'}}")
    place.sources.write_text(place.sources.read_text() + CHARTS_AND_REPORTS, encoding="utf-8")
    for name, header, rows in (
        (
            "charts",
            "at,place,other,app",
            ("2026-01-06T10:00:00,1,2,42", "2026-01-06T10:00:00,2,1,7"),
        ),
        ("reports", "app,day,units,other", ("42,2026-01-06,100,70",)),
    ):
        (place.folder / name).mkdir()
        (place.folder / name / "a.csv").write_text("\n".join((header, *rows)) + "\n")
    assert run(place).publication
    numbers = (
        "select (select any_value(best_rank) from fct_app_ranks_daily where store_app_id = '42'), "
        "(select sum(downloads) from fct_installs_daily)"
    )
    assert asked(place, numbers) == [(1, 100)]
    correct(place, "rank: place", "rank: other")
    correct(place, "downloads: units", "downloads: other")
    found = {one.source: one.other_mapping for one in status(place, monkeypatch).sources}
    assert found == {"chat_events": 0, "captures": 1, "reports": 1}
    told = json.loads(status(place, monkeypatch).model_dump_json())
    assert [source["other_mapping"] for source in told["sources"]] == [0, 1, 1]

    assert reland(place, "--changed").returncode == 0
    assert not run(place).nothing_new

    assert asked(place, numbers) == [(2, 70)]
    causes = asked(place, "select distinct mart, cause, explanation from restatements order by all")
    words = "1 extract(s) landed again with another mapping"
    assert causes == [
        ("fct_app_ranks_daily", "mapping", words),
        ("fct_installs_daily", "mapping", words),
    ]
    assert pipeline.verify(home=place.home, sources=place.sources).differing_rows == 0
