"""A real PostgreSQL server on loopback, a home that publishes, and a bucket of moto's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import boto3
import duckdb
import pytest

from flows.publish import Publication, publish
from flows.settings import Settings
from flows.sources import BucketTarget, PostgresTarget, Sources
from flows.warehouse import create_schemas
from tests.postgres import PostgresServer

START = datetime(2026, 2, 27, 10, 15)

WAREHOUSE = """
create schema intermediate;
create table intermediate.int_extract_days
    (extract_id varchar, app_id varchar, activity_date date, events bigint);
create schema marts;
create table marts.dim_apps as
from (values ('a', date '2026-02-01', true), ('b', null, true), ('c', null, false))
    as apps (app_id, watermark, is_tracked);
create table marts.fct_app_activity_daily as
select 'a' as app_id, date '2026-01-01' + n::int as activity_date, n::bigint as dau,
    n / 7.0::double as stickiness
from range(3000) as numbers (n);
comment on table marts.dim_apps is 'One row per app''s id.';
comment on column marts.dim_apps.watermark is 'Last day that''s "full".';
"""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def schema(postgres: PostgresServer) -> Iterator[PostgresTarget]:
    """A target, its schema as yet unknown to the server; everything is dropped afterwards."""
    yield PostgresTarget(type="postgres", uri=postgres.uri, schema="marts")
    with postgres.connect() as con:
        names = con.execute(
            "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema|public)'"
        ).fetchall()
        for (name,) in names:
            con.execute(f'drop schema "{name}" cascade')
        for (name,) in con.execute("select rolname from pg_roles where rolname ~ '^bi'").fetchall():
            con.execute(f'drop owned by "{name}"')
            con.execute(f'drop role "{name}"')


class Publisher:
    """A home whose marts are made by hand, published as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder / "home", generations_kept=3)
        self.settings.home.mkdir()
        self._now = START
        with duckdb.connect(str(self.settings.warehouse_path)) as con:
            create_schemas(con)
        self.change(WAREHOUSE)

    def change(self, sql: str) -> None:
        with duckdb.connect(str(self.settings.warehouse_path)) as con:
            con.execute(sql)

    def publish(self) -> Publication:
        """The next publication, a minute after the last."""
        self._now += timedelta(minutes=1)
        return publish(self.settings, Sources(), gate_results=[], now=self._now)

    def generation(self, publication: Publication) -> Path:
        return self.settings.published_dir / "generations" / publication.publication_id


@pytest.fixture
def home(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path)


@pytest.fixture
def bucket(
    s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[BucketTarget]:
    """A target in a bucket that exists, with credentials in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-access-key")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket="published")
    yield BucketTarget(type="s3", uri="s3://published/bi/marts", storage={"endpoint": s3_server})
    for item in client.list_objects_v2(Bucket="published").get("Contents", []):
        client.delete_object(Bucket="published", Key=item["Key"])
    client.delete_bucket(Bucket="published")
