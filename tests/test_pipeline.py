"""The pipeline end to end, by hand: what is published, and what is not, and why."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pytest
import stamina
from pytest_httpserver import HTTPServer

from flows import pipeline, stages, terminal
from flows.artifact import as_markdown
from flows.errors import ConfigurationError, GateStopped
from flows.land.ledger import forget
from flows.published import query
from flows.settings import Settings
from flows.stages import Summary
from flows.steps import Runner
from flows.warehouse import connect, create_schemas
from tests.conftest import Place


class Flow(Protocol):
    def __call__(self, *, home: Path, sources: Path) -> Summary: ...


def run(place: Place, flow: Flow = pipeline.daily) -> Summary:
    return flow(home=place.home, sources=place.sources)


def scorecard(place: Place) -> dict[str, Any]:
    settings = Settings(home=place.home)
    columns, rows = query(settings, "select * from app_scorecard")
    return dict(zip(columns, rows[0], strict=True))


def published_hash(place: Place) -> str:
    return hashlib.sha256((place.home / "published" / "marts.duckdb").read_bytes()).hexdigest()


def test_a_day_from_extract_to_answer(first_run: Place) -> None:
    row = scorecard(first_run)
    assert (row["users"], row["d1_rate"], row["d7_rate"]) == (20, 0.5, 0.25)
    assert row["d30_rate"] is None
    assert (first_run.home / "published" / "site" / "index.html").exists()
    assert (first_run.home / "published" / "site" / "dbt" / "index.html").exists()
    assert (first_run.home / "published" / "site" / "data_docs" / "index.html").exists()


def test_no_user_reaches_the_published_file(first_run: Place) -> None:
    path = str(first_run.home / "published" / "marts.duckdb")
    with duckdb.connect(path, read_only=True) as con:
        columns = con.execute("select column_name from duckdb_columns()").fetchall()
    assert not {row[0] for row in columns} & {"user_key", "user_id", "event_id"}


def test_a_second_run_lands_nothing_and_leaves_the_publication(after_a_day: Place) -> None:
    before = published_hash(after_a_day)
    second = run(after_a_day)
    assert second.nothing_new
    assert (second.landings[0].known, second.landings[0].landed) == (1, {})
    assert published_hash(after_a_day) == before


@pytest.mark.parametrize(
    "change",
    [
        ("timezone: UTC", "timezone: Asia/Tokyo"),
        ("horizon_days: 10", "horizon_days: 11"),
        ("name: Chat}", "name: Chatter}"),
    ],
)
def test_a_changed_definition_is_something_new(after_a_day: Place, change: tuple[str, str]) -> None:
    assert stages.unchanged_publication(stages.begin(after_a_day.home, after_a_day.sources))
    text = after_a_day.sources.read_text(encoding="utf-8")
    after_a_day.sources.write_text(text.replace(*change), encoding="utf-8")
    assert not stages.unchanged_publication(stages.begin(after_a_day.home, after_a_day.sources))


def test_broken_extracts_stop_nothing_else(place: Place) -> None:
    whole = gzip.compress(b"who,at,what,id\n" + b"u1,2026-01-03T00:00:00Z,open,z\n" * 1000)
    exports = place.folder / "exports"
    (exports / "half.csv.gz").write_bytes(whole[: len(whole) // 2])
    (exports / "photo.csv").write_bytes(bytes(range(256)) * 40)
    (exports / "other.csv").write_text("name,amount\nx,1\n", encoding="utf-8")
    (exports / "empty.csv").write_bytes(b"")
    summary = run(place)
    assert scorecard(place)["users"] == 20
    assert len(summary.failures) == 4
    for name in ("half.csv.gz", "photo.csv", "other.csv", "empty.csv"):
        assert sum(name in message for message in summary.failures) == 1


def test_an_extract_that_fails_the_raw_gate_is_held_back(after_a_day: Place) -> None:
    rows = (f"u{n},not a time,open,j{n}" for n in range(50))
    after_a_day.export("junk.csv", *rows, "v,2026-01-02,o,v")
    summary = run(after_a_day, pipeline.land)
    assert len(summary.quarantined) == 1
    with connect(Settings(home=after_a_day.home), read_only=True) as con:
        states = con.execute("select parse_filename(uri), status from raw.extracts").fetchall()
    assert set(states) == {("2026-01.csv", "landed"), ("junk.csv", "quarantined")}


def test_a_run_waits_for_the_pages_of_its_gate_and_says_what_is_wrong_with_them(
    after_a_day: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Told(Runner):
        def report(self, message: str) -> None:
            told.append(message)

    def full(*_: object, **__: object) -> None:
        time.sleep(1)
        raise OSError("no space left")

    monkeypatch.setattr("expectations.engine.write_data_docs", full)
    after_a_day.export("more.csv", "v,2026-01-02T10:00:00Z,open,v")
    assert len(run(after_a_day, partial(pipeline.land, runner=Told())).landings[0].landed) == 1
    assert len(told) == 1
    assert "the Data Docs could not be written: no space left" in told[0]


def test_a_failed_mart_gate_publishes_nothing(after_a_day: Place) -> None:
    before = published_hash(after_a_day)
    with connect(Settings(home=after_a_day.home)) as con:
        con.execute(
            "update marts.fct_cohort_retention_daily set retained_users = cohort_users + 1 "
            "where day_n = 1 and is_complete"
        )
    with pytest.raises(GateStopped, match="retained"):
        run(after_a_day, pipeline.publish)
    assert published_hash(after_a_day) == before


def test_readers_are_never_refused_while_a_run_builds(after_a_day: Place) -> None:
    path = str(after_a_day.home / "published" / "marts.duckdb")
    stop = threading.Event()
    errors: list[str] = []
    answers: list[str] = []
    script = (
        "import duckdb, sys\n"
        "with duckdb.connect(sys.argv[1], read_only=True) as con:\n"
        "    print(con.execute('select users from marts.app_scorecard').fetchone()[0])\n"
    )

    def read() -> None:
        while not stop.wait(0.5):
            done = subprocess.run(
                [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
            )
            (answers if done.returncode == 0 else errors).append(done.stdout + done.stderr)

    reader = threading.Thread(target=read)
    reader.start()
    after_a_day.export("more.csv", "new,2026-01-03T00:00:00Z,open,n1")
    try:
        run(after_a_day)
    finally:
        stop.set()
        reader.join()
    assert errors == []
    assert answers
    assert {answer.strip() for answer in answers} <= {"20", "21"}
    assert scorecard(after_a_day)["users"] == 21


def test_a_killed_run_is_taken_up_by_the_next(place: Place) -> None:
    for number in range(30):
        place.export(f"part-{number}.csv", f"p{number},2026-01-0{number % 9 + 1},open,p{number}")
    script = (
        "import sys\nfrom pathlib import Path\nfrom flows import pipeline\n"
        "pipeline.land(home=Path(sys.argv[1]), sources=Path(sys.argv[2]))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(place.home), str(place.sources)])
    deadline = time.monotonic() + 120
    while not (place.home / "warehouse.duckdb").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    summary = run(place)
    assert scorecard(place)["users"] == 50
    assert summary.landings[0].known + len(summary.landings[0].landed) == 31
    with connect(Settings(home=place.home), read_only=True) as con:
        assert con.execute("select count(*) from raw.app_events").fetchone() == (65,)
        assert con.execute("from raw.extracts where judged_at is null").fetchall() == []


def test_a_backfill_lands_only_its_days(place: Place) -> None:
    place.export("2026-01-05.csv", "x,2026-01-05T01:00:00Z,open,x")
    place.export("2026-01-06.csv", "y,2026-01-06T01:00:00Z,open,y")
    run(place, partial(pipeline.backfill, start=date(2026, 1, 5), end=date(2026, 1, 5)))
    assert scorecard(place)["users"] == 1
    with pytest.raises(ConfigurationError, match="lies before the start"):
        run(place, partial(pipeline.backfill, start=date(2026, 1, 5), end=date(2026, 1, 4)))


def test_a_backfill_goes_month_by_month_and_on_where_it_was_broken_off(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    for month in range(1, 5):
        place.export(
            f"2025-{month:02}-10.csv", f"m{month},2025-{month:02}-10T01:00:00Z,open,m{month}"
        )
    place.export("nameless.csv", "n,2025-02-02T01:00:00Z,open,n")
    with connect(Settings(home=place.home)) as con:
        create_schemas(con)
    broken = stages.between(
        stages.begin(place.home, place.sources), date(2025, 1, 1), date(2025, 1, 31), None
    )
    stages.land_source(broken, broken.sources.events[0], lambda *_: None)  # and then it died
    summary = run(place, partial(pipeline.backfill, start=date(2025, 1, 1), end=date(2025, 3, 31)))
    (landing,) = summary.landings
    assert (len(landing.landed), landing.known, landing.undated) == (2, 1, 2)
    assert scorecard(place)["users"] == 3
    assert "part 3 of 3" in capfd.readouterr().err
    assert stages.slices(date(2025, 1, 1), date(2025, 1, 31)) == [
        (date(2025, 1, 1), date(2025, 1, 30)),
        (date(2025, 1, 31), date(2025, 1, 31)),
    ]


def test_drift_is_told_by_the_run_and_by_the_ledger(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, pipeline.land)
    path = place.folder / "exports" / "z.csv"
    path.write_text("who,at,what,id,plan\nz,2026-01-05T01:00:00Z,open,z,gold\n")
    summary = run(place, pipeline.land)
    told = "chat_events: new column plan"
    assert told in as_markdown(Settings(home=place.home), summary)
    terminal.show_summary(Settings(home=place.home), summary)
    assert told in capsys.readouterr().out


def test_what_a_run_found_is_shown_while_the_next_one_writes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.export("bad.csv", "u1,when?,open,x1", "u1,2026-01-05T01:00:00Z,open,x2")
    summary = run(place, pipeline.land)
    settings = Settings(home=place.home)
    settings.warehouse_path.rename(place.folder / "out of reach")
    terminal.show_summary(settings, summary)
    shown = capsys.readouterr().out
    assert "event time not understood" in shown
    assert "bad.csv line 2" in shown
    ((source, rows),) = [(one.source, one.rows) for one in summary.rejects]
    assert (source, rows) == ("chat_events", 1)


def test_an_extract_landed_again_as_another_mapping_wants_it_is_published(
    after_a_day: Place,
) -> None:
    def users_of_day_0() -> int:
        _, ((users,),) = query(
            Settings(home=after_a_day.home),
            "select sum(cohort_users) from fct_cohort_retention_daily where day_n = 0",
        )
        return int(users)

    before = users_of_day_0()
    text = after_a_day.sources.read_text(encoding="utf-8")
    after_a_day.sources.write_text(text.replace("user_id: who", "user_id: 'left(who, 2)'"))
    assert run(after_a_day).landings[0].rows_landed == 0
    assert users_of_day_0() == before == 20
    with connect(Settings(home=after_a_day.home)) as con:
        ((extract_id, rows),) = con.execute(
            "select extract_id, rows_landed from raw.extracts"
        ).fetchall()
        forget(con, extract_id)
    again = run(after_a_day)
    assert again.landings[0].rows_landed == rows
    assert not again.nothing_new
    assert users_of_day_0() == 2
    assert run(after_a_day).nothing_new


def test_charts_alone_build_nothing(place: Place) -> None:
    summary = run(place, pipeline.hourly_ranks)
    assert summary.landings == ()
    assert not (place.home / "published").exists()


def test_live_charts_land_failed_ones_too_and_standing_still_is_no_observation(
    place: Place, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = {
        "feed": {
            "id": "https://example.com/api/v2/us/apps/top-free/2/apps.json",
            "country": "us",
            "updated": "Tue, 06 Jan 2026 10:00:00 +0000",
            "results": [{"id": "1", "name": "One"}, {"id": "2", "name": "Two"}],
        }
    }
    httpserver.expect_request("/api/v2/us/apps/top-free/2/apps.json").respond_with_json(feed)
    monkeypatch.setenv("AFTERHYPE_APPLE_RSS_BASE_URL", httpserver.url_for("").rstrip("/"))
    with place.sources.open("a", encoding="utf-8") as sources:
        sources.write(
            "ranks:\n  - {name: live, feed: apple_rss, storefronts: [us, jp], "
            "charts: [top-free], limit: 2}\n"
        )
    with stamina.set_testing(True, attempts=2):
        first = run(place, pipeline.hourly_ranks)
        assert first.failures == ("live: jp/top-free: HTTP 500",)
        time.sleep(1)  # the archive names fetches by the second: within one, it is the same fetch
        assert run(place, pipeline.hourly_ranks).landings[0].unchanged == 1
    with connect(Settings(home=place.home), read_only=True) as con:
        statuses = con.execute(
            "select storefront, status, depth from raw.chart_snapshots "
            "order by snapshot_at, storefront"
        ).fetchall()
    assert statuses == [
        ("jp", "failed", 0),
        ("us", "observed", 2),
        ("jp", "failed", 0),
        ("us", "unchanged", 2),
    ]
    # another warehouse, from the archive alone
    (place.home / "warehouse.duckdb").unlink()
    httpserver.clear()
    today = datetime.now(UTC).date()
    summary = run(place, partial(pipeline.backfill, start=today, end=today, source="live"))
    assert (summary.failures, len(summary.landings[0].landed)) == ((), 2)
    with connect(Settings(home=place.home), read_only=True) as con:
        assert con.execute(
            "select status, depth, count(*) from raw.chart_snapshots group by all order by all"
        ).fetchall() == [("observed", 2, 1), ("unchanged", 2, 1)]
