"""A bucket holds whole publications only: whoever finds a manifest finds what it points to."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import boto3
import duckdb
import pytest

from flows.errors import DeliveryError, TargetUnreachable
from flows.extract.buckets import open_remote
from flows.publish import Publication, list_publications
from flows.sources import BucketTarget
from flows.targets.s3 import deliver
from tests.presence import present
from tests.targets.conftest import Publisher

# dies just before the nth object is written, as from a power cut
KILLED = """
import os, signal, sys
from pathlib import Path
import obstore
from flows.sources import BucketTarget
from flows.targets import s3

written, put = 0, obstore.put

def die_at_the_nth(*arguments, **options):
    global written
    written += 1
    if written == int(sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)
    return put(*arguments, **options)

obstore.put = die_at_the_nth
target = BucketTarget(type="s3", uri=sys.argv[1], storage={"endpoint": sys.argv[2]})
s3.deliver(target, Path(sys.argv[3]), sys.argv[4], set(), 3)
print(written)
"""


@pytest.fixture
def client(s3_server: str) -> Any:
    return boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")


def publish_and_deliver(home: Publisher, target: BucketTarget) -> Publication:
    publication = home.publish()
    known = {p.publication_id for p in list_publications(home.settings)}
    deliver(target, home.generation(publication), publication.publication_id, known, keep=3)
    return publication


def manifest_of(client: Any) -> dict[str, Any]:
    body = client.get_object(Bucket="published", Key="bi/marts/manifest.json")["Body"].read()
    manifest: dict[str, Any] = json.loads(body)
    return manifest


def keys(client: Any) -> list[str]:
    listed = client.list_objects_v2(Bucket="published", Prefix="bi/marts/")["Contents"]
    return [item["Key"].removeprefix("bi/marts/") for item in listed]


def assert_whole(client: Any, manifest: Mapping[str, Any]) -> None:
    for file in manifest["files"].values():
        key = f"bi/marts/{file['path']}"
        content = client.get_object(Bucket="published", Key=key)["Body"].read()
        assert len(content) == file["bytes"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_duckdb_reads_what_the_manifest_points_to(
    home: Publisher, bucket: BucketTarget, client: Any
) -> None:
    publication = publish_and_deliver(home, bucket)
    manifest = manifest_of(client)
    assert manifest["publication_id"] == publication.publication_id
    assert set(manifest["files"]) == set(publication.files)
    assert_whole(client, manifest)
    with duckdb.connect() as con:
        open_remote("s3://published/", bucket.storage).let_duckdb_read(con)
        # as docs/bi.md tells it
        con.execute(
            "set variable publication = (select 's3://published/bi/marts/' || publication_id "
            "from 's3://published/bi/marts/manifest.json')"
        )
        assert con.execute(
            "select count(*) from read_parquet(getvariable('publication') || "
            "'/parquet/fct_app_activity_daily.parquet')"
        ).fetchone() == (3000,)
        (path,) = present(
            con.execute("select getvariable('publication') || '/marts.duckdb'").fetchone()
        )
        con.execute(f"attach '{path}' as marts (read_only)")
        assert con.execute("select publication_id from marts.publication").fetchone() == (
            publication.publication_id,
        )


def test_the_newest_are_kept_and_strange_objects_too(
    home: Publisher, bucket: BucketTarget, client: Any
) -> None:
    client.put_object(Bucket="published", Key="bi/marts/notes/20260101.txt", Body=b"mine")
    client.put_object(Bucket="published", Key="bi/marts-of-others/x", Body=b"theirs")
    published = [publish_and_deliver(home, bucket).publication_id for _ in range(5)]
    folders = {key.split("/")[0] for key in keys(client)}
    assert folders == {*published[-3:], "manifest.json", "notes"}
    assert manifest_of(client)["publication_id"] == published[-1]
    assert client.get_object(Bucket="published", Key="bi/marts-of-others/x")


def test_a_kill_at_any_moment_leaves_the_manifest_valid(
    home: Publisher, bucket: BucketTarget, client: Any, s3_server: str
) -> None:
    first = publish_and_deliver(home, bucket)
    second = home.publish()

    def attempt(nth: int) -> subprocess.CompletedProcess[str]:
        place = [home.generation(second), second.publication_id, nth]
        command = [sys.executable, "-c", KILLED, bucket.uri, s3_server, *place]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    last = len(second.files) + 1
    for nth in (2, last):
        assert attempt(nth).returncode == -signal.SIGKILL
        assert manifest_of(client)["publication_id"] == first.publication_id
        assert_whole(client, manifest_of(client))
    done = attempt(0)
    assert (done.returncode, int(done.stdout)) == (0, last), done.stderr
    assert manifest_of(client)["publication_id"] == second.publication_id
    assert_whole(client, manifest_of(client))


def test_only_a_rollback_replaces_a_newer_publication(
    home: Publisher, bucket: BucketTarget, client: Any
) -> None:
    first = publish_and_deliver(home, bucket)
    second = publish_and_deliver(home, bucket)
    older = (bucket, home.generation(first), first.publication_id)
    with pytest.raises(DeliveryError, match="which is newer than .* and not of this home"):
        deliver(*older, {first.publication_id}, 3)
    deliver(*older, {first.publication_id, second.publication_id}, 3)
    assert manifest_of(client)["publication_id"] == first.publication_id


def test_errors_say_what_to_do(home: Publisher, bucket: BucketTarget, client: Any) -> None:
    away = BucketTarget(type="s3", uri=bucket.uri, storage={"endpoint": "http://127.0.0.1:1"})
    with pytest.raises(TargetUnreachable) as raised:
        publish_and_deliver(home, away)
    assert "a-very-secret" not in str(raised.value)
    nowhere = bucket.model_copy(update={"uri": "s3://nowhere-at-all/x"})
    with pytest.raises(DeliveryError, match="there is no such bucket") as refused:
        publish_and_deliver(home, nowhere)
    assert not isinstance(refused.value, TargetUnreachable)
    client.put_object(Bucket="published", Key="bi/marts/manifest.json", Body=b'{"mine": 1}')
    with pytest.raises(DeliveryError, match="is not a manifest of afterhype"):
        publish_and_deliver(home, bucket)
