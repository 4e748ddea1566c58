"""A publication is whole or not there at all, whatever dies on the way, and can be taken back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import duckdb
import pytest

from flows import gate_history, restatements, scorecard_changes
from flows import publish as publishing
from flows.errors import AfterhypeError
from flows.publish import (
    Publication,
    WriteSite,
    current_publication,
    list_publications,
    publish,
    rollback,
)
from flows.published import query
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import create_schemas
from tests.presence import present

NOW = datetime(2026, 2, 27, 10, 15)
GATE = {"stage": "mart", "suite": "privacy", "severity": "critical", "success": True}

WAREHOUSE = """
create schema intermediate;
create table intermediate.int_extract_days
    (extract_id varchar, app_id varchar, activity_date date, events bigint);
create schema marts;
create table marts.dim_apps as
from (values ('a', date '2026-02-01', true), ('b', null, true), ('c', null, false))
    as apps (app_id, watermark, is_tracked);
create table marts.fct_cohort_retention_daily as
select 'a' as app_id, date '2026-01-01' + (n % 7)::int as cohort_date, (n // 7)::int as day_n
from range(70) as numbers (n)
order by hash(n);
comment on table marts.dim_apps is 'One row per app''s id.';
comment on column marts.dim_apps.watermark is 'Last day that''s "full".';
"""

# counts the changes to the file system and dies just before the nth, as from a power cut
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from flows.publish import publish, rollback
from flows.settings import Settings
from flows.sources import Sources

settings = Settings(home=Path(sys.argv[1]), generations_kept=2)
nth, changes = int(sys.argv[3]), 0

def die_at_the_nth(event, _):
    global changes
    if event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.rmdir", "shutil.rmtree"):
        changes += 1
        if changes == nth:
            os.kill(os.getpid(), signal.SIGKILL)

def write_site(marts, target):
    target.mkdir()
    (target / "index.html").write_text(marts.read_bytes()[:8].hex())

sys.addaudithook(die_at_the_nth)
if sys.argv[2] == "publish":
    now = datetime(2026, 2, 27, 10, 15)
    publish(settings, Sources(), gate_results=[], now=now, write_site=write_site)
else:
    rollback(settings)
"""

READER = """
import duckdb, json, sys
from pathlib import Path
path, stop = sys.argv[1], Path(sys.argv[2])
while True:
    last = stop.exists()
    with duckdb.connect(path, read_only=True) as con:
        name, counts = con.execute("select publication_id, row_counts from publication").fetchone()
        rows = con.execute("select count(*) from marts.fct_cohort_retention_daily").fetchone()[0]
    print(name, rows == json.loads(counts)["fct_cohort_retention_daily"], flush=True)
    if last:
        break
"""

LONG_LIVED = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as con:
    for _ in range(2):
        print(*con.execute(
            "select publication_id, (select count(*) from fct_cohort_retention_daily) "
            "from publication"
        ).fetchone(), flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "o'home", generations_kept=5)
    settings.home.mkdir()
    with duckdb.connect(str(settings.warehouse_path)) as con:
        create_schemas(con)
    change(settings, WAREHOUSE)
    return settings


def change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute(sql)


def grow(settings: Settings) -> None:
    change(settings, "insert into marts.fct_cohort_retention_daily values ('z', '2026-02-01', 0)")


def write_site(marts: Path, target: Path) -> None:
    with duckdb.connect(str(marts), read_only=True) as con:
        row = con.execute("select publication_id from marts.publication").fetchone()
    target.mkdir()
    (target / "index.html").write_text(present(row)[0])


def issue(
    settings: Settings, now: datetime = NOW, write_site: WriteSite | None = write_site
) -> Publication:
    return publish(settings, Sources(), gate_results=[GATE], now=now, write_site=write_site)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def everything_in(folder: Path) -> dict[str, str | None]:
    """Every path below a folder, with its content."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else sha256(path)
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def ids(settings: Settings) -> list[str]:
    return [p.publication_id for p in list_publications(settings)]


def published_id(settings: Settings) -> str:
    publication_id: str = query(settings, "select publication_id from publication")[1][0][0]
    return publication_id


def assert_agrees(settings: Settings, publication: Publication) -> None:
    """All that readers see is this publication, byte for byte, and nothing lies about."""
    published, name = settings.published_dir, publication.publication_id
    assert current_publication(settings) == publication
    assert published_id(settings) == name
    assert sha256(settings.marts_path) == publication.files["marts.duckdb"]
    assert (published / "site" / "index.html").exists()
    for part in ("parquet", "site"):
        assert str((published / part).readlink()) == f"generations/{name}/{part}"
    assert {path.name for path in published.iterdir()} == {"generations", *publishing.SWAPPED}
    assert [path.name for path in (published / "generations").iterdir()] != []
    assert list(published.rglob("*.partial")) == []


def test_what_is_published(settings: Settings) -> None:
    publication = issue(settings)
    assert re.fullmatch(r"20260227T101500Z-[0-9a-f]{6}", publication.publication_id)
    assert publication.row_counts == {"dim_apps": 3, "fct_cohort_retention_daily": 70}
    assert publication.watermarks == {"a": "2026-02-01", "b": None}
    assert publication.gate_results == [GATE]
    assert publication.timezone == "UTC"
    assert_agrees(settings, publication)
    with duckdb.connect(str(settings.marts_path), read_only=True) as con:
        tables = con.execute(
            "select table_name, comment from duckdb_tables() order by 1"
        ).fetchall()
        columns = con.execute(
            "select column_name, comment from duckdb_columns() "
            "where not internal and comment is not null order by table_name, column_index"
        ).fetchall()
        ordered = con.execute(
            "select bool_and(rowid = position - 1) from (select rowid, row_number() over "
            "(order by app_id, cohort_date, day_n) as position from fct_cohort_retention_daily)"
        ).fetchone()
        row = present(con.execute("select * exclude (gate_results) from publication").fetchone())
        gates = present(con.execute("select gate_results from publication").fetchone())
        parquet = con.execute(
            f"from '{str(settings.published_dir).replace(chr(39), chr(39) * 2)}"
            "/parquet/fct_cohort_retention_daily.parquet'"
        ).fetchall()
        assert parquet == con.execute("from fct_cohort_retention_daily").fetchall()
    assert [name for name, _ in tables] == [
        "dim_apps",
        "fct_cohort_retention_daily",
        "gate_history",
        "publication",
        "restatements",
        "scorecard_changes",
    ]
    assert tables[0][1] == "One row per app's id."
    assert columns == [
        ("watermark", 'Last day that\'s "full".'),
        *gate_history.COLUMNS.items(),
        *publishing.PUBLICATION_COLUMNS.items(),
        *restatements.COLUMNS.items(),
        *scorecard_changes.COLUMNS.items(),
    ]
    assert ordered == (True,)
    assert row[:2] == (publication.publication_id, NOW)
    assert json.loads(row[5]) == publication.watermarks
    assert json.loads(row[6]) == publication.row_counts
    assert json.loads(gates[0]) == [GATE]


def test_the_files_of_a_generation_are_read_only_and_as_its_manifest_says(
    settings: Settings,
) -> None:
    publication = issue(settings)
    generation = settings.published_dir / "generations" / publication.publication_id
    files = [path for path in generation.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    assert set(publication.files) == {
        "marts.duckdb",
        "parquet/dim_apps.parquet",
        "parquet/fct_cohort_retention_daily.parquet",
        "parquet/gate_history.parquet",
        "parquet/publication.parquet",
        "parquet/restatements.parquet",
        "parquet/scorecard_changes.parquet",
    }
    assert all(sha256(generation / name) == digest for name, digest in publication.files.items())


def test_the_definition_hash_moves_with_the_definitions(settings: Settings) -> None:
    first = issue(settings)
    again = issue(settings)
    other = publish(settings, Sources(timezone="Europe/Berlin"), gate_results=[], now=NOW)
    assert first.definition_hash == again.definition_hash != other.definition_hash
    assert first.code_version.startswith("0.")


@pytest.mark.parametrize("column", ["user_key", "User_ID", "event_id"])
def test_user_level_columns_are_refused(settings: Settings, column: str) -> None:
    issue(settings)
    before = everything_in(settings.published_dir)
    change(settings, f'create table marts.leak as select 1 as "{column}"')
    with pytest.raises(AfterhypeError, match=rf"may not be published: leak\.{column}"):
        issue(settings)
    assert everything_in(settings.published_dir) == before


def test_what_a_killed_dbt_left_is_not_published(settings: Settings) -> None:
    change(settings, "create table marts.dim_apps__dbt_tmp as from marts.dim_apps limit 1")
    assert "dim_apps__dbt_tmp" not in issue(settings).row_counts


def test_nothing_to_publish_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    issue(settings)
    before = everything_in(settings.published_dir)
    change(settings, "drop schema marts cascade")
    with pytest.raises(AfterhypeError, match=r"no marts to publish\. Run `afterhype build`"):
        issue(settings)
    assert everything_in(settings.published_dir) == before
    with pytest.raises(AfterhypeError, match="database does not exist"):
        issue(Settings(home=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (RuntimeError("no chart today"), RuntimeError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left on device"), AfterhypeError),
    ],
)
def test_a_site_that_fails_leaves_the_last_publication(
    settings: Settings, fault: BaseException, seen: type[BaseException]
) -> None:
    first = issue(settings)
    before = everything_in(settings.published_dir)
    grow(settings)

    def fail(marts: Path, target: Path) -> None:
        write_site(marts, target)
        raise fault

    with pytest.raises(seen, match=str(fault.args[-1]) if fault.args else None):
        issue(settings, write_site=fail)
    assert everything_in(settings.published_dir) == before
    assert_agrees(settings, first)


def test_a_full_disk_leaves_the_last_publication(settings: Settings) -> None:
    first = issue(settings)
    before = everything_in(settings.published_dir)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(AfterhypeError, match="the last publication stands as it was"):
            issue(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert everything_in(settings.published_dir) == before
    assert_agrees(settings, first)
    assert_agrees(settings, issue(settings))


def test_a_copy_that_lacks_rows_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(settings)
    before = everything_in(settings.published_dir)
    copy_comments = publishing._copy_comments

    def lose_a_row(con: duckdb.DuckDBPyConnection) -> None:
        copy_comments(con)
        con.execute("delete from dim_apps where app_id = 'c'")

    monkeypatch.setattr(publishing, "_copy_comments", lose_a_row)
    with pytest.raises(AfterhypeError, match="dim_apps has 2 rows, not 3"):
        issue(settings)
    assert everything_in(settings.published_dir) == before


@pytest.mark.parametrize("call", ["symlink", "rename"])
def test_a_swap_that_cannot_be_prepared_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    issue(settings)
    before = everything_in(settings.published_dir)

    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(AfterhypeError, match="No space left on device"):
            issue(settings)
    assert everything_in(settings.published_dir) == before


def test_a_folder_in_the_way_is_named_before_anything_is_swapped(settings: Settings) -> None:
    issue(settings)
    (settings.published_dir / "site").unlink()
    (settings.published_dir / "site").mkdir()
    before = everything_in(settings.published_dir)
    with pytest.raises(AfterhypeError, match="site: is a folder where a link belongs"):
        issue(settings)
    assert everything_in(settings.published_dir) == before


def test_without_hard_links_the_file_is_a_copy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    publication = issue(settings)
    assert_agrees(settings, publication)
    assert settings.marts_path.stat().st_nlink == 1
    assert settings.marts_path.stat().st_mode & 0o777 == 0o444


def test_a_publication_without_a_site_shows_no_older_one(settings: Settings) -> None:
    issue(settings)
    issue(settings, write_site=None)
    assert not (settings.published_dir / "site").is_symlink()


def test_a_foreign_log_beside_the_file_is_not_replayed(settings: Settings, tmp_path: Path) -> None:
    issue(settings)
    copy = tmp_path / "marts.duckdb"
    copy.write_bytes(settings.marts_path.read_bytes())
    script = (
        "import duckdb, os, sys\ncon = duckdb.connect(sys.argv[1])\n"
        "con.execute('delete from fct_cohort_retention_daily')\nos._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(copy)], check=True)
    log = copy.with_name("marts.duckdb.wal").read_bytes()
    assert log
    settings.marts_path.with_name("marts.duckdb.wal").write_bytes(log)
    grow(settings)
    assert_agrees(settings, issue(settings))
    assert query(settings, "select count(*) from fct_cohort_retention_daily")[1] == [(71,)]


def test_leftovers_of_every_kind_are_cleared(settings: Settings) -> None:
    published = settings.published_dir
    unfinished = published / "generations" / "20260101T000000Z.partial" / "parquet"
    unfinished.mkdir(parents=True)
    (unfinished / "x.parquet").write_text("half")
    (unfinished.parent / "marts.duckdb.wal").write_text("half")
    (published / ".marts.duckdb.new").write_text("half")
    (published / ".site.new").symlink_to("nowhere")
    assert list_publications(settings) == []
    assert_agrees(settings, issue(settings))


def killed_at(settings: Settings, verb: str, nth: int) -> bool:
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.home), verb, str(nth)], check=False
    )
    assert child.returncode in (0, -signal.SIGKILL)
    return child.returncode != 0


def assert_whole(settings: Settings, before: str) -> bool:
    """The published file is the old one or another whole generation; returns whether the old."""
    digest = sha256(settings.marts_path)
    assert digest in {before, *(p.files["marts.duckdb"] for p in list_publications(settings))}
    counts = query(settings, "select row_counts from publication")[1][0][0]
    rows = query(settings, "select count(*) from marts.fct_cohort_retention_daily")[1][0][0]
    assert json.loads(counts)["fct_cohort_retention_daily"] == rows
    return digest == before


def test_a_publication_killed_anywhere_leaves_a_whole_file_and_the_next_one_heals(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"generations_kept": 2})
    issue(settings)
    issue(settings)
    old, nth = [], 1
    while True:
        before = sha256(settings.marts_path)
        grow(settings)
        if not killed_at(settings, "publish", nth):
            break
        old.append(assert_whole(settings, before))
        # whoever sees a manifest finds its file: it is never newer than that
        assert present(current_publication(settings)).publication_id <= published_id(settings)
        assert_agrees(settings, issue(settings))
        assert len(ids(settings)) == 2
        nth += 1
    assert nth > 12
    assert old == sorted(old, reverse=True)  # the old one up to the swap, from then on the new one
    assert set(old) == {True, False}


def test_a_rollback_killed_anywhere_leaves_a_whole_file_and_can_be_repeated(
    settings: Settings,
) -> None:
    first = issue(settings)
    grow(settings)
    second = issue(settings)
    nth = 1
    while killed_at(settings, "rollback", nth):
        assert_whole(settings, second.files["marts.duckdb"])
        assert_agrees(settings, rollback(settings, to=first.publication_id))
        assert_agrees(settings, rollback(settings, to=second.publication_id))
        nth += 1
    assert nth > 6
    assert_agrees(settings, first)


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_readers_see_whole_publications_in_order(settings: Settings, tmp_path: Path) -> None:
    first = issue(settings)
    stop = tmp_path / "stop"
    path = str(settings.marts_path)
    loop = started(READER, path, str(stop))
    held = started(LONG_LIVED, path)
    try:
        seen = [present(loop.stdout).readline().split()]
        assert present(held.stdout).readline().split() == [first.publication_id, "70"]
        for minute in range(15):
            grow(settings)
            last = issue(settings, now=NOW + timedelta(minutes=minute))
        stop.touch()
        seen += [line.split() for line in loop.communicate()[0].splitlines()]
        still = held.communicate("\n\n")[0].split()
    finally:
        for process in (loop, held):
            process.kill()
            process.communicate()
    assert (loop.returncode, held.returncode) == (0, 0)
    assert still == [first.publication_id, "70"]  # its snapshot, though its generation is pruned
    assert {whole for _, whole in seen} == {"True"}
    names = [name for name, _ in seen]
    assert names == sorted(names)
    assert (names[0], names[-1]) == (first.publication_id, last.publication_id)


def test_generations_are_kept_up_to_a_number(settings: Settings) -> None:
    names = [issue(settings, now=NOW + timedelta(days=day)).publication_id for day in range(7)]
    assert ids(settings) == names[2:]


def test_ids_sort_by_publication_whatever_the_clock_says(settings: Settings) -> None:
    names = [issue(settings, now=now).publication_id for now in (NOW, NOW, NOW - timedelta(days=9))]
    assert names == sorted(set(names))
    assert ids(settings) == names
    assert present(current_publication(settings)).built_at == NOW - timedelta(days=9)


def test_rollback_goes_back_byte_for_byte_and_keeps_what_it_left(settings: Settings) -> None:
    first = issue(settings)
    grow(settings)
    second = issue(settings)
    grow(settings)
    third = issue(settings)
    names = ids(settings)
    assert rollback(settings) == second
    assert_agrees(settings, second)
    assert rollback(settings) == first
    assert_agrees(settings, first)
    assert rollback(settings, to=third.publication_id) == third
    assert rollback(settings, to=third.publication_id) == third
    assert_agrees(settings, third)
    assert ids(settings) == names


def test_pruning_spares_what_was_published_anew_after_a_rollback(settings: Settings) -> None:
    settings = settings.model_copy(update={"generations_kept": 2})
    issue(settings)
    issue(settings)
    rollback(settings)
    newest = issue(settings)
    assert len(ids(settings)) == 2
    assert_agrees(settings, newest)


def test_a_rollback_that_cannot_be_says_why(settings: Settings) -> None:
    with pytest.raises(AfterhypeError, match=r"no earlier .*kept: none; run `afterhype run`"):
        rollback(settings)
    only = issue(settings)
    with pytest.raises(AfterhypeError, match=f"no earlier .*kept: {only.publication_id}"):
        rollback(settings)
    with pytest.raises(AfterhypeError, match=f"no publication 1999 .*kept: {only.publication_id}"):
        rollback(settings, to="1999")


@pytest.mark.parametrize("name", ["marts.duckdb", "parquet/dim_apps.parquet"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_rollback_to_a_file_that_was_touched_is_refused(
    settings: Settings, name: str, gone: bool
) -> None:
    first = issue(settings)
    issue(settings)
    path = settings.published_dir / "generations" / first.publication_id / name
    path.chmod(0o644)
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    before = everything_in(settings.published_dir)
    with pytest.raises(AfterhypeError, match=rf"{name}: not the file that was published"):
        rollback(settings)
    assert everything_in(settings.published_dir) == before


def test_a_rollback_on_a_full_disk_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(settings)
    issue(settings)
    before = everything_in(settings.published_dir)

    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", refuse)
        with pytest.raises(AfterhypeError, match="No space left on device"):
            rollback(settings)
    assert everything_in(settings.published_dir) == before


def test_a_damaged_manifest_is_named(settings: Settings) -> None:
    issue(settings)
    path = settings.published_dir / "manifest.json"
    path.unlink()
    path.write_text("{")
    with pytest.raises(AfterhypeError, match=r"manifest\.json: not a readable manifest"):
        current_publication(settings)


def test_nothing_published_yet(settings: Settings) -> None:
    assert current_publication(settings) is None
    assert list_publications(settings) == []
    with pytest.raises(AfterhypeError, match=r"nothing is published yet\. Run `afterhype run`"):
        query(settings, "select 1")


def test_a_query_names_a_mart_with_or_without_its_schema(settings: Settings) -> None:
    issue(settings)
    bare = query(settings, "select * from dim_apps")
    assert bare == query(settings, "select * from marts.dim_apps")
    assert bare[0] == ["app_id", "watermark", "is_tracked"]
    assert len(bare[1]) == 3
    assert len(query(settings, "from dim_apps", limit=2)[1]) == 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select nothing from dim_apps", 'column "nothing" not found'),
        ("selec 1", "syntax error"),
        ("select if(n = 900000, error('late'), 0) from range(1000000) as r (n)", "late"),
        ("delete from dim_apps", "read-only"),
        (" -- only a comment", "the query is empty"),
    ],
)
def test_a_query_that_fails_says_what_duckdb_says(
    settings: Settings, sql: str, message: str
) -> None:
    issue(settings)
    with pytest.raises(AfterhypeError, match=message):
        query(settings, sql)
