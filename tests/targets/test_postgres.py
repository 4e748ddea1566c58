"""A PostgreSQL schema holds one whole publication, whoever reads it, whatever dies on the way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import psycopg
import pytest
from prefect.blocks.system import Secret
from psycopg.rows import dict_row

from flows.errors import ConfigurationError, DeliveryError, TargetUnreachable
from flows.extensions import load_extension
from flows.publish import WRITTEN_BESIDE, Publication, list_publications
from flows.sources import PostgresTarget
from flows.targets.postgres import deliver
from tests.postgres import PostgresServer
from tests.presence import present
from tests.targets.conftest import Publisher

# dies just before PostgreSQL is told the nth thing, as from a power cut
KILLED = """
import os, signal, sys
from pathlib import Path
from flows.sources import PostgresTarget
from flows.targets import postgres

told, tell = 0, postgres._do

def die_at_the_nth(con, statements):
    global told
    told += 1
    if told == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    tell(con, statements)

postgres._do = die_at_the_nth
target = PostgresTarget(type="postgres", uri=sys.argv[1], schema="marts")
postgres.deliver(target, Path(sys.argv[2]), sys.argv[3], set())
print(told)
"""

ODD = """
create table marts.odd as select
    170141183460469231731687303715884105::hugeint as huge,
    18446744073709551615::ubigint as unsigned,
    timestamptz '2026-03-01 12:00:00+02' as at,
    [1, null, 3] as list,
    ['a"b', null, 'c,d'] as texts,
    {'a': 1, 'b': [2]} as struct,
    map {'k': 1} as map,
    'x'::enum ('x', 'y') as enum,
    date 'infinity' as never,
    'nan'::double as nan,
    '-inf'::double as minus,
    1.50::decimal(18, 2) as price,
    '{"a": [1, 2]}'::json as document,
    'nul' || chr(0) || 'l' as text,
    '' as empty,
    null::integer as nothing,
"""


def publish_and_deliver(home: Publisher, target: PostgresTarget) -> Publication:
    publication = home.publish()
    known = {p.publication_id for p in list_publications(home.settings)}
    deliver(
        target, home.generation(publication) / "marts.duckdb", publication.publication_id, known
    )
    return publication


def differing_rows(
    home: Publisher, publication: Publication, postgres: PostgresServer
) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of any table that only one of the two has."""
    with duckdb.connect() as con:
        load_extension(con, "postgres_scanner")
        con.execute(f"attach '{home.generation(publication)}/marts.duckdb' as marts (read_only)")
        con.execute(
            f"attach 'host=127.0.0.1 port={postgres.port} user=owner dbname=postgres' "
            "as pg (type postgres, read_only)"
        )
        tables = [
            row[0]
            for row in con.execute(
                "select table_name from duckdb_tables() where database_name = 'marts'"
            ).fetchall()
        ]
        there = [
            row[0]
            for row in con.execute(
                "select table_name from duckdb_tables() where database_name = 'pg' "
                "and schema_name = 'marts'"
            ).fetchall()
        ]
        assert sorted(tables) == sorted(there)
        return {
            table: con.execute(
                f'(from marts."{table}" except all from pg.marts."{table}") union all '
                f'(from pg.marts."{table}" except all from marts."{table}")'
            ).fetchall()
            for table in tables
        }


def test_the_schema_equals_the_published_file_cell_for_cell(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    for _ in range(2):
        publication = publish_and_deliver(home, schema)
        differing = differing_rows(home, publication, postgres)
        assert set(differing) == {
            "dim_apps",
            "fct_app_activity_daily",
            *WRITTEN_BESIDE,
        }
        assert not any(differing.values())
        home.change("insert into marts.dim_apps values ('d', '2026-02-02', true)")
    with postgres.connect() as con:
        assert con.execute("select publication_id from marts.publication").fetchall() == [
            (publication.publication_id,)
        ]
        schemas = con.execute("select nspname from pg_namespace where nspname ~ 'marts'").fetchall()
        assert schemas == [("marts",)]


def test_every_type_arrives_as_what_it_is(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    home.change(ODD)
    publish_and_deliver(home, schema)
    with postgres.connect() as con, con.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select huge, unsigned, list, texts, struct, map, enum, price, document, text, empty, "
            "nothing, never = 'infinity' as is_never, nan = 'NaN' as is_nan, "
            "minus = '-Infinity' as is_minus, at at time zone 'UTC' as utc from marts.odd"
        ).fetchone()
        types = {
            r["column_name"]: r["data_type"]
            for r in cursor.execute(
                "select column_name, data_type from information_schema.columns "
                "where table_schema = 'marts' and table_name = 'odd'"
            )
        }
    assert row is not None
    assert row["huge"] == 170141183460469231731687303715884105
    assert row["unsigned"] == 18446744073709551615
    assert str(row["utc"]) == "2026-03-01 10:00:00"
    assert (row["list"], row["texts"]) == ([1, None, 3], ['a"b', None, "c,d"])
    assert (row["struct"], row["map"]) == ({"a": 1, "b": [2]}, {"k": 1})
    assert (row["enum"], row["document"]) == ("x", {"a": [1, 2]})
    assert (row["is_never"], row["is_nan"], row["is_minus"]) == (True, True, True)
    assert str(row["price"]) == "1.50"
    assert (row["text"], row["empty"], row["nothing"]) == ("null", "", None)
    assert types["huge"] == types["price"] == "numeric"
    assert types["at"] == "timestamp with time zone"
    assert types["struct"] == types["document"] == "json"


def test_comments_and_an_index_on_the_grain_come_along(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    publish_and_deliver(home, schema)
    with postgres.connect() as con:
        assert con.execute(
            "select obj_description('marts.dim_apps'::regclass), "
            "col_description('marts.dim_apps'::regclass, 2)"
        ).fetchone() == ("One row per app's id.", 'Last day that\'s "full".')
        (definition,) = present(
            con.execute(
                "select indexdef from pg_indexes where tablename = 'fct_app_activity_daily'"
            ).fetchone()
        )
        assert definition.endswith("(app_id, activity_date)")
        (plan,) = present(
            con.execute(
                "explain (format json) select dau from marts.fct_app_activity_daily "
                "where app_id = 'a' and activity_date = '2026-02-03'"
            ).fetchone()
        )
        assert "Index" in plan[0]["Plan"]["Node Type"]


def test_grants_are_kept_and_what_was_revoked_stays_so(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    with postgres.connect() as con:
        con.execute("create role bi login; create role bi_chief login; create schema marts")
        con.execute("grant usage on schema marts to bi, bi_chief with grant option")
        con.execute("alter default privileges in schema marts grant select on tables to bi")
    publish_and_deliver(home, schema)  # into a schema that was made ready for it
    with postgres.connect() as con:
        con.execute("revoke all on marts.restatements from bi")
        con.execute("grant select (app_id) on marts.fct_app_activity_daily to bi_chief")
    home.change("create table marts.new_mart as select 1 as i")
    for _ in range(2):
        publish_and_deliver(home, schema)
    with postgres.connect(user="bi") as con:
        assert con.execute("select count(*) from marts.dim_apps").fetchone() == (3,)
        assert con.execute("select i from marts.new_mart").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute("select * from marts.restatements")
    with postgres.connect(user="bi_chief") as con:
        assert con.execute("select count(app_id) from marts.fct_app_activity_daily").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute("select dau from marts.fct_app_activity_daily")


READ = """
select p.publication_id, (p.row_counts ->> 'fct_app_activity_daily')::bigint as told,
    (select count(*) from marts.fct_app_activity_daily) as there
from marts.publication p
"""


def test_readers_never_fail_nor_go_back_while_deliveries_go_on(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    publish_and_deliver(home, schema)
    stop = threading.Event()
    seen: list[list[Any]] = [[] for _ in range(4)]
    failed = []

    def read(mine: list[Any], reconnects: bool) -> None:
        try:
            con = postgres.connect()
            while not stop.is_set():
                if reconnects:
                    con.close()
                    con = postgres.connect()
                mine.append(con.execute(READ).fetchone())
            con.close()
        except psycopg.Error as error:
            failed.append(error)

    readers = [
        threading.Thread(target=read, args=(mine, number % 2)) for number, mine in enumerate(seen)
    ]
    for reader in readers:
        reader.start()
    for _ in range(8):
        home.change("insert into marts.fct_app_activity_daily select 'b', '2026-01-01', 1, 1")
        last = publish_and_deliver(home, schema)
    with postgres.connect() as con:
        assert present(con.execute(READ).fetchone())[0] == last.publication_id
    stop.set()
    for reader in readers:
        reader.join()
    assert failed == []
    for mine in seen:
        assert len(mine) > 8
        assert [id_ for id_, _, _ in mine] == sorted(id_ for id_, _, _ in mine)
        assert all(told == there for _, told, there in mine)
    assert len({id_ for mine in seen for id_, _, _ in mine}) > 4


def test_a_query_that_has_found_one_of_its_tables_is_let_find_the_others(
    home: Publisher,
    schema: PostgresTarget,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.targets.postgres.READERS_WAITED_FOR", "60s")  # the machine is busy
    publish_and_deliver(home, schema)
    home.change("insert into marts.fct_app_activity_daily select 'b', '2026-01-01', 1, 1")
    with postgres.connect() as gate, ThreadPoolExecutor(2) as both:
        gate.execute("begin; lock table marts.fct_app_activity_daily in access exclusive mode")
        with postgres.connect() as reader:
            read = both.submit(lambda: present(reader.execute(READ).fetchone()))
            _until_somebody_waits(postgres, "AccessShareLock")  # it has found the publication
            delivery = both.submit(publish_and_deliver, home, schema)
            _until_somebody_waits(postgres, "AccessExclusiveLock")
            gate.execute("commit")
            _, told, there = read.result(60)
        last = delivery.result(60)
    assert told == there
    with postgres.connect() as con:
        assert con.execute(READ).fetchone() == (last.publication_id, 3001, 3001)


def _until_somebody_waits(postgres: PostgresServer, mode: str) -> None:
    deadline = time.monotonic() + 60
    with postgres.connect() as con:
        waiting = "select count(*) from pg_locks where not granted and mode = %s"
        while con.execute(waiting, [mode]).fetchone() == (0,):
            assert time.monotonic() < deadline, f"nobody waits for a lock {mode}"
            time.sleep(0.01)


def test_a_long_reader_neither_waits_nor_is_waited_for(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    first = publish_and_deliver(home, schema)
    with postgres.connect() as long_reader:
        long_reader.execute("begin")
        assert present(long_reader.execute(READ).fetchone())[0] == first.publication_id
        cursor = long_reader.cursor("slow")
        cursor.execute("select dau from marts.fct_app_activity_daily")
        assert cursor.fetchone() is not None
        second = publish_and_deliver(home, schema)
        with postgres.connect() as other:
            assert present(other.execute(READ).fetchone())[0] == second.publication_id
            assert len(_replaced(other)) == 1  # it is still being read
        assert len(cursor.fetchall()) == 2999
        long_reader.execute("commit")
    publish_and_deliver(home, schema)
    with postgres.connect() as con:
        assert _replaced(con) == []


def _replaced(con: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return con.execute("select nspname from pg_namespace where nspname ~ '__replaced_'").fetchall()


def test_a_kill_at_any_moment_leaves_the_old_schema_whole(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    first = publish_and_deliver(home, schema)
    home.change("insert into marts.dim_apps values ('d', '2026-02-02', true)")
    second = home.publish()
    marts = home.generation(second) / "marts.duckdb"

    def attempt(nth: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, postgres.uri, marts, second.publication_id, nth]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    for nth in (5, 10):  # among the tables; between the two renames
        assert attempt(nth).returncode == -signal.SIGKILL
        assert not any(differing_rows(home, first, postgres).values())
    done = attempt(0)
    assert (done.returncode, int(done.stdout) > 10) == (0, True), done.stderr
    assert not any(differing_rows(home, second, postgres).values())
    with postgres.connect() as con:
        assert _replaced(con) == []


def test_other_people_s_views_follow(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    publish_and_deliver(home, schema)
    with postgres.connect() as con:
        con.execute("create role bi login; create schema reporting")
        con.execute(
            "create view reporting.latest with (security_barrier = true) as "
            "select publication_id, (select count(*) from marts.dim_apps) as apps "
            "from marts.publication"
        )
        con.execute("create view reporting.upon as select * from reporting.latest")
        con.execute("grant usage on schema reporting to bi; grant select on reporting.upon to bi")
    home.change("insert into marts.dim_apps values ('d', '2026-02-02', true)")
    second = publish_and_deliver(home, schema)
    with postgres.connect(user="bi") as con:
        assert con.execute("select * from reporting.upon").fetchall() == [
            (second.publication_id, 4)
        ]
    with postgres.connect() as con:
        assert _replaced(con) == []
        assert con.execute(
            "select reloptions from pg_class where relname = 'latest'"
        ).fetchone() == (["security_barrier=true"],)
        con.execute(
            "create view reporting.gone as select stickiness from marts.fct_app_activity_daily"
        )
    home.change("alter table marts.fct_app_activity_daily drop column stickiness")
    home.change("alter table marts.fct_app_activity_daily add column stickiness double")
    publish_and_deliver(home, schema)  # the columns' order does not matter
    home.change("alter table marts.fct_app_activity_daily alter stickiness type varchar")
    with pytest.raises(DeliveryError, match=r"view reporting.gone cannot.*stickiness"):
        publish_and_deliver(home, schema)
    with postgres.connect() as con:
        assert con.execute("select count(*) from reporting.gone").fetchone() == (3000,)


@pytest.mark.parametrize(
    ("strange", "message"),
    [
        ("create table marts.mine (i int)", "holds table mine, which is not afterhype's"),
        ("create view marts.mine as select 1 as i", "holds view mine"),
        ("create function marts.f() returns int language sql return 1", "holds function f"),
        ("alter table marts.dim_apps enable row level security", "dim_apps has row security"),
        (
            "create schema other; create materialized view other.m as select * from marts.dim_apps",
            "materialized view other.m is made of schema marts",
        ),
    ],
)
def test_what_a_swap_would_lose_is_refused(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer, strange: str, message: str
) -> None:
    first = publish_and_deliver(home, schema)
    with postgres.connect() as con:
        con.execute(strange)
    with pytest.raises(DeliveryError, match=re.escape(message)):
        publish_and_deliver(home, schema)
    with postgres.connect() as con:
        assert present(con.execute(READ).fetchone())[0] == first.publication_id


def test_a_schema_of_somebody_else_is_refused(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    with postgres.connect() as con:
        con.execute("create schema marts; create table marts.publication (publication_id text)")
    with pytest.raises(DeliveryError, match="holds table publication, which is not afterhype's"):
        publish_and_deliver(home, schema)


def test_only_a_rollback_replaces_a_newer_publication(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    first = publish_and_deliver(home, schema)
    second = publish_and_deliver(home, schema)
    marts = home.generation(first) / "marts.duckdb"
    with pytest.raises(DeliveryError, match="which is newer than .* and not of this home"):
        deliver(schema, marts, first.publication_id, {first.publication_id})
    deliver(schema, marts, first.publication_id, {first.publication_id, second.publication_id})
    assert not any(differing_rows(home, first, postgres).values())


def test_two_deliveries_at_once_do_not_mix(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    publish_and_deliver(home, schema)
    with postgres.connect() as con:
        con.execute("select pg_advisory_lock(hashtext('afterhype'), hashtext('marts'))")
        with pytest.raises(DeliveryError, match="another delivery into schema marts is at work"):
            publish_and_deliver(home, schema)
    publish_and_deliver(home, schema)


def test_names_that_postgres_would_cut_are_refused(home: Publisher, schema: PostgresTarget) -> None:
    home.change(f"create table marts.{'x' * 64} as select 1 as i")
    with pytest.raises(DeliveryError, match="is longer than the 63 bytes"):
        publish_and_deliver(home, schema)


def test_a_role_that_may_not_is_told_what_it_needs(
    home: Publisher, postgres: PostgresServer, schema: PostgresTarget
) -> None:
    with postgres.connect() as con:
        con.execute("create role bi_writer login")
    target = PostgresTarget(
        type="postgres", uri=postgres.uri.replace("owner", "bi_writer"), schema="marts"
    )
    with pytest.raises(DeliveryError, match="grant create on database"):
        publish_and_deliver(home, target)
    with postgres.connect() as con:
        con.execute("grant create on database postgres to bi_writer")
    publish_and_deliver(home, target)


def test_a_server_that_is_down_is_worth_another_try_and_a_wrong_database_is_not(
    home: Publisher, postgres: PostgresServer
) -> None:
    away = PostgresTarget(type="postgres", uri="postgresql://owner@127.0.0.1:1/postgres")
    with pytest.raises(TargetUnreachable, match="Connection refused"):
        publish_and_deliver(home, away)
    with pytest.raises(TargetUnreachable, match="could not translate host name"):
        publish_and_deliver(home, away.model_copy(update={"uri": "postgresql://nowhere.invalid/x"}))
    wrong = PostgresTarget(type="postgres", uri=postgres.uri.replace("/postgres", "/nowhere"))
    with pytest.raises(DeliveryError, match='database "nowhere" does not exist') as raised:
        publish_and_deliver(home, wrong)
    assert not isinstance(raised.value, TargetUnreachable)


@pytest.mark.usefixtures("prefect_server")
def test_the_password_is_of_a_prefect_block_and_is_told_to_nobody(
    home: Publisher, schema: PostgresTarget, postgres: PostgresServer
) -> None:
    with postgres.connect() as con:
        con.execute("create role bi_writer login password 'hush, it''s \\ secret'")
        con.execute("grant create on database postgres to bi_writer")
    told = {"user": "bi_writer", "password": "hush, it's \\ secret"}
    Secret(value=json.dumps(told)).save("bi-postgres", overwrite=True)
    uri = f"postgresql://127.0.0.1:{postgres.port}/postgres"
    target = PostgresTarget(type="postgres", uri=uri, credentials="secret/bi-postgres")
    with postgres.asking_for_passwords():
        publish_and_deliver(home, target)
        Secret(value="wrong, wholly").save("bi-postgres", overwrite=True)
        with pytest.raises(DeliveryError, match="password authentication failed") as raised:
            publish_and_deliver(
                home, target.model_copy(update={"uri": uri.replace("//", "//bi_writer@")})
            )
    assert "wholly" not in str(raised.value)
    with postgres.connect() as con:
        (owner,) = present(
            con.execute(
                "select nspowner::regrole::text from pg_namespace where nspname = 'marts'"
            ).fetchone()
        )
    assert owner == "bi_writer"
    Secret(value=json.dumps({"user": "only"})).save("bi-postgres", overwrite=True)
    with pytest.raises(ConfigurationError, match="lacks password"):
        publish_and_deliver(home, target)
