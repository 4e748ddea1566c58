"""Extracts in buckets: a real S3 API on loopback, from which DuckDB reads by itself."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
import duckdb
import httpx
import pytest
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from prefect.blocks.system import Secret
from pytest_httpserver import HTTPServer

from flows.errors import ConfigurationError, ExtractError
from flows.extensions import load_extension
from flows.extract import credentials
from flows.extract.buckets import open_remote
from flows.extract.places import Places
from flows.land import ledger
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import EventSource, Storage
from flows.warehouse import connect, create_schemas

NOW = datetime(2026, 2, 1)
SECRET = "a-very-secret-access-key"
ROWS = "who,at,what,id\n"


@pytest.fixture
def requests(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The requests since the test began."""
    seen: list[tuple[str, str | None]] = []
    backend = s3_backends["123456789012"]["aws"]
    for name in ("get_object", "head_object", "list_objects"):
        inner = getattr(type(backend), name)

        def counted(
            self: object, *args: Any, _inner: Any = inner, _name: str = name, **kwargs: Any
        ) -> Any:
            seen.append((_name, args[1] if len(args) > 1 else kwargs.get("key_name")))
            return _inner(self, *args, **kwargs)

        monkeypatch.setattr(type(backend), name, counted)
    return seen


@dataclass
class Bucket:
    """``bucket(key, content)``: put an object into a bucket of this name."""

    client: Any
    name: str

    def __call__(self, key: str, content: str | bytes) -> None:
        body = content if isinstance(content, bytes) else content.encode()
        self.client.put_object(Bucket=self.name, Key=key, Body=body)


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    """A fresh bucket, with credentials in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    name = f"exports-{mock_random.get_random_hex(8)}"
    client.create_bucket(Bucket=name)

    return Bucket(client, name)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(Settings(home=tmp_path / "home")) as con:
        create_schemas(con)
        yield con


class Land(Protocol):
    """``land("*.csv")``: land what matches in the bucket."""

    def __call__(self, pattern: str, **options: Any) -> SourceLanding: ...


@pytest.fixture
def land(con: duckdb.DuckDBPyConnection, tmp_path: Path, s3_server: str, bucket: Bucket) -> Land:
    def land_all(pattern: str, **options: Any) -> SourceLanding:
        told = {
            "format": "custom",
            "reader": {"type": "csv"},
            "columns": {
                "user_id": "who",
                "event_time": "at",
                "event_name": "what",
                "event_id": "id",
            },
        } | options
        source = EventSource(
            name="s3",
            app_id="app",
            uri=f"s3://{bucket.name}/{pattern}",
            storage={"endpoint": s3_server},
            **told,
        )
        return land_files(con, source, Settings(home=tmp_path / "home"), NOW)

    return land_all


def row(number: object) -> str:
    return f"u{number},2026-01-01,open,{number}\n"


def test_land_nothing_new_then_one_new_object(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    bucket: Bucket,
    requests: list[tuple[str, str | None]],
) -> None:
    bucket("events/1.csv", ROWS + row(1) + row(2))
    bucket("events/2.csv.gz", gzip.compress((ROWS + row(3)).encode()))
    bucket("other/3.csv", ROWS + row(4))
    first = land("events/*")
    assert (first.failed, len(first.landed), first.rows_landed) == ((), 2, 3)
    assert con.execute(
        "select uri, etag is not null from raw.extracts order by uri"
    ).fetchall() == [
        (f"s3://{bucket.name}/events/1.csv", True),
        (f"s3://{bucket.name}/events/2.csv.gz", True),
    ]

    requests.clear()
    again = land("events/*")
    assert (again.failed, len(again.landed), again.known) == ((), 0, 2)
    assert [name for name, _ in requests if name != "list_objects"] == []

    bucket("events/4.csv", ROWS + row(5))
    requests.clear()
    third = land("events/*")
    assert (third.failed, third.rows_landed, third.known) == ((), 1, 2)
    assert {key for name, key in requests if name != "list_objects"} == {"events/4.csv"}


def test_a_changed_object_is_read_again_and_only_what_is_new_lands(
    land: Land, bucket: Bucket
) -> None:
    bucket("events/1.csv", ROWS + row(1))
    land("events/*")
    bucket("events/1.csv", ROWS + row(1) + row(2))
    changed = land("events/*")
    assert (changed.rows_landed, changed.rows_duplicate) == (1, 1)


def test_duckdb_reads_parquet_in_the_bucket_and_zips_by_way_of_a_copy(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    bucket: Bucket,
    tmp_path: Path,
) -> None:
    duckdb.execute(
        "copy (select 'u' || i as who, timestamp '2026-01-01' as at, 'open' as what, i as id "
        f"from range(1000) t(i)) to '{tmp_path}/a.parquet'"
    )
    bucket("a.parquet", (tmp_path / "a.parquet").read_bytes())
    assert land("*.parquet", reader={"type": "parquet"}).rows_landed == 1000
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("in/1.csv", ROWS + row("z1"))
    bucket("b.zip", buffer.getvalue())
    assert land("*.zip").rows_landed == 1


@pytest.mark.parametrize(
    "key", ["a b.csv", "a+b.csv", "é.csv", "a%20b.csv", "a?b.csv", "a[1].csv", "a#1.csv", "a'b.csv"]
)
def test_any_name_of_an_object_is_read(land: Land, bucket: Bucket, key: str) -> None:
    bucket(f"odd/{key}", ROWS + row(1))
    landing = land("odd/*")
    assert (landing.failed, landing.rows_landed) == ((), 1)


def test_a_vendor_s_format_and_other_encodings(
    con: duckdb.DuckDBPyConnection, land: Land, bucket: Bucket
) -> None:
    event = {"event": "Open", "properties": {"time": 1767603600, "distinct_id": "a"}}
    bucket("mp/1.json.gz", gzip.compress(json.dumps(event).encode()))
    assert land("mp/*", format="mixpanel", reader=None, columns={}).rows_landed == 1
    bucket("utf16/1.csv", (ROWS + row("é")).encode("utf-16"))
    landing = land("utf16/*")
    assert (landing.failed, landing.rows_landed) == ((), 1)


def test_a_gzip_that_is_cut_off_is_named(
    con: duckdb.DuckDBPyConnection, land: Land, bucket: Bucket
) -> None:
    whole = gzip.compress((ROWS + "".join(map(row, range(5000)))).encode())
    bucket("events/cut.csv.gz", whole[: len(whole) // 2])
    bucket("events/good.csv", ROWS + row(1))
    landing = land("events/*")
    assert landing.rows_landed == 1
    (message,) = landing.failed
    assert "events/cut.csv.gz: the gzip file is cut off" in message


@pytest.fixture
def suspicious(s3_server: str, bucket: Bucket) -> Iterator[None]:
    """A server that checks who asks; without this, moto answers everybody."""
    del bucket  # made while anybody might
    httpx.post(f"{s3_server}/moto-api/reset-auth", content="0").raise_for_status()
    yield
    httpx.post(f"{s3_server}/moto-api/reset-auth", content="inf").raise_for_status()


@pytest.mark.usefixtures("suspicious")
def test_wrong_credentials_are_a_clear_error_without_the_secret(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    caplog: pytest.LogCaptureFixture,
) -> None:
    landing = land("*.csv")
    (message,) = landing.failed
    assert "access denied. Check the credentials (docs/object-stores.md" in message
    assert SECRET not in message + caplog.text
    assert con.execute("select count(*) from raw.extracts").fetchone() == (0,)


def test_no_credentials_at_all(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigurationError, match="no AWS credentials were found"):
        open_remote(f"s3://{bucket.name}/*", Storage())


@pytest.mark.usefixtures("prefect_server")
def test_credentials_of_a_prefect_block(
    s3_server: str,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    told = {"access_key_id": "test-key", "secret_access_key": "from-the-block"}
    Secret(value=json.dumps(told)).save("exports", overwrite=True)
    bucket("events/1.csv", ROWS + row(1))
    source = EventSource(
        name="s3",
        app_id="app",
        uri=f"s3://{bucket.name}/events/*",
        reader={"type": "csv"},
        columns={"user_id": "who", "event_time": "at", "event_name": "what"},
        storage={"endpoint": s3_server, "credentials": "secret/exports"},
    )
    landing = land_files(con, source, Settings(home=tmp_path / "home"), NOW)
    assert (landing.failed, landing.rows_landed) == ((), 1)
    Secret(value=json.dumps({"access_key_id": "only"})).save("exports", overwrite=True)
    with pytest.raises(ConfigurationError, match="lacks secret_access_key"):
        credentials.aws(source.storage)
    with pytest.raises(ConfigurationError, match="cannot load the Prefect block secret/nobody"):
        credentials.aws(Storage(credentials="secret/nobody"))


def test_no_such_bucket(s3_server: str, bucket: Bucket, con: duckdb.DuckDBPyConnection) -> None:
    remote = open_remote("s3://not-there-at-all/*", Storage(endpoint=s3_server))
    with pytest.raises(ExtractError, match="no such bucket"):
        remote.find("s3://not-there-at-all/*.csv")


def test_the_secret_is_nowhere_in_what_duckdb_shows(
    s3_server: str, bucket: Bucket, con: duckdb.DuckDBPyConnection
) -> None:
    open_remote(f"s3://{bucket.name}/*", Storage(endpoint=s3_server)).let_duckdb_read(con)
    shown = con.execute("select * from duckdb_secrets()").fetchall()
    assert SECRET not in str(shown)
    assert con.execute("select getvariable('secret_secret')").fetchall() == [(None,)]


def test_twenty_thousand_objects_of_which_ten_are_new_cost_ten_reads(
    con: duckdb.DuckDBPyConnection,
    land: Land,
    bucket: Bucket,
    requests: list[tuple[str, str | None]],
    s3_server: str,
    tmp_path: Path,
) -> None:
    backend = s3_backends["123456789012"]["aws"]
    for number in range(20_000):
        backend.put_object(bucket.name, f"many/{number:05}.csv", f"{ROWS}{row(number)}".encode())
    source = EventSource(
        name="s3",
        app_id="app",
        uri=f"s3://{bucket.name}/many/*",
        reader={"type": "csv"},
        columns={"user_id": "who", "event_time": "at", "event_name": "what"},
        storage={"endpoint": s3_server},
    )
    found = Places(source).find(Settings(home=tmp_path / "home"))
    assert len(found) == 20_000
    # what an earlier run has landed, as the ledger remembers it
    con.execute(
        "insert into ops.seen_files "
        "select 'earlier', 's3', unnest($uris), unnest($sizes), unnest($stamps), unnest($etags), "
        "now()::timestamp",
        {
            "uris": [one.uri for one in found[10:]],
            "sizes": [one.bytes for one in found[10:]],
            "stamps": [one.modified_at for one in found[10:]],
            "etags": [one.etag for one in found[10:]],
        },
    )
    assert len(ledger.seen_files(con, "s3")) == 19_990
    requests.clear()
    landing = land("many/*")
    assert (landing.failed, landing.rows_landed, landing.known) == ((), 10, 19_990)
    read = [key for name, key in requests if name != "list_objects"]
    assert set(read) == {f"many/{number:05}.csv" for number in range(10)}


def test_google_s_buckets_are_listed_and_read_with_a_token(
    con: duckdb.DuckDBPyConnection,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(credentials, "google_token", lambda _: "token-of-the-day")
    content = (ROWS + row(1)).encode()
    listing = f"""<?xml version="1.0"?>
        <ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><Contents>
        <Key>events/1 é.csv</Key><LastModified>2026-01-05T10:00:00.000Z</LastModified>
        <ETag>"e"</ETag><Size>{len(content)}</Size></Contents></ListBucketResult>"""
    token = {"Authorization": "Bearer token-of-the-day"}
    httpserver.expect_request("/bucket", headers=token).respond_with_data(listing)
    httpserver.expect_request("/bucket/events/1 é.csv", headers=token).respond_with_data(
        content, headers={"Last-Modified": "Mon, 05 Jan 2026 10:00:00 GMT", "ETag": '"e"'}
    )
    source = EventSource(
        name="gs",
        app_id="app",
        uri="gs://bucket/events/*",
        reader={"type": "csv"},
        columns={"user_id": "who", "event_time": "at", "event_name": "what"},
        storage={"endpoint": httpserver.url_for("").rstrip("/")},
    )
    settings = Settings(home=tmp_path / "home")
    landing = land_files(con, source, settings, NOW)
    assert (landing.failed, landing.rows_landed) == ((), 1)
    assert land_files(con, source, settings, NOW).known == 1


def test_web_files_are_read_by_their_address(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/a.csv").respond_with_data(
        ROWS + row(1), headers={"ETag": '"1"', "Last-Modified": "Mon, 05 Jan 2026 10:00:00 GMT"}
    )
    source = EventSource(
        name="web",
        app_id="app",
        uri=httpserver.url_for("/a.csv"),
        reader={"type": "csv"},
        columns={"user_id": "who", "event_time": "at", "event_name": "what"},
    )
    settings = Settings(home=tmp_path / "home")
    assert land_files(con, source, settings, NOW).rows_landed == 1
    assert land_files(con, source, settings, NOW).known == 1


def test_a_web_server_is_not_listed() -> None:
    remote = open_remote("https://example.com/a/*.csv", Storage())
    with pytest.raises(ConfigurationError, match="name each file"):
        remote.find("https://example.com/a/*.csv")


def test_a_missing_extension_says_what_to_install() -> None:
    with (
        duckdb.connect() as con,
        pytest.raises(ConfigurationError, match=r"pip install duckdb-extension-spatial==1\.5\.5"),
    ):
        load_extension(con, "spatial")
