"""List and stream objects of S3, Google Cloud Storage, Azure and HTTPS; let DuckDB read them."""

from __future__ import annotations

import email.utils
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, urlsplit

import duckdb
import httpx
import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from flows.errors import ConfigurationError, ExtractError
from flows.extensions import load_extension
from flows.extract import credentials
from flows.extract.found import Found
from flows.sources import Storage
from flows.sql import text_in_sql

_WILD = re.compile(r"[*?\[]")


_Store = S3Store | GCSStore | AzureStore


class Remote(ABC):
    """A place outside this machine. What it says of itself holds no secret."""

    def __init__(self, root: str, secrets: list[str]) -> None:
        self.root = root
        self._secrets = [secret for secret in secrets if secret]

    @abstractmethod
    def find(self, uri: str) -> list[Found]:
        """What matches a URI, sorted. Raises ExtractError saying what is wrong with the place."""

    @abstractmethod
    def stream(self, uri: str) -> Iterator[bytes]:
        """The bytes of an object. Raises ExtractError."""

    @abstractmethod
    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give a connection the extension and the credentials, for as long as it lives."""

    def location(self, uri: str) -> str:
        """What DuckDB reads for an object."""
        return uri

    def without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _first_line(self, error: object) -> str:
        told = str(error).strip() or type(error).__name__
        return self.without_secrets(told.splitlines()[0])[:300]


class _Bucket(Remote):
    """A bucket behind one of obstore's stores."""

    def __init__(self, root: str, store: _Store, secrets: list[str]) -> None:
        super().__init__(root, secrets)
        self._store = store

    def find(self, uri: str) -> list[Found]:
        pattern = uri.removeprefix(self.root)
        fixed = _WILD.split(pattern, maxsplit=1)[0]
        matches = re.compile(_regex(pattern))
        found = []
        try:
            # a prefix is whole folders; what begins a name is left to the pattern
            prefix = pattern if fixed == pattern else fixed.rpartition("/")[0]
            for chunk in obstore.list(self._store, prefix=prefix or None, chunk_size=1000):
                found += [
                    _found(self.root, cast(dict[str, Any], meta))
                    for meta in chunk
                    if matches.fullmatch(meta["path"]) and not _hidden(meta["path"])
                ]
            if not found and fixed == pattern:  # one object, which a listing does not give
                meta = obstore.head(self._store, pattern)
                found = [_found(self.root, cast(dict[str, Any], meta))]
        except FileNotFoundError:
            return []
        except (BaseError, OSError) as error:
            raise ExtractError(f"{uri}: cannot be listed: {self._explained(error)}") from None
        return sorted(found, key=lambda one: one.uri)

    def stream(self, uri: str) -> Iterator[bytes]:
        try:
            for chunk in obstore.get(self._store, uri.removeprefix(self.root)).stream(
                min_chunk_size=1 << 20
            ):
                yield bytes(chunk)
        except (BaseError, OSError) as error:
            raise ExtractError(f"{uri}: cannot be read: {self._explained(error)}") from None

    def _explained(self, error: Exception) -> str:
        text = str(error)
        if re.search(r"\b(401|403)\b|Forbidden|Unauthorized|Permission", text) or isinstance(
            error, PermissionError
        ):
            return (
                "access denied. Check the credentials (docs/object-stores.md says where they are "
                "looked for), and that they may list and read this bucket."
            )
        if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
            return "there is no such bucket or object"
        return self._first_line(error)


def s3_store(
    bucket: str, storage: Storage, max_retries: int = 10
) -> tuple[S3Store, dict[str, str], str | None]:
    """A bucket that speaks S3, with its credentials and its endpoint, if not Amazon's own.

    ``max_retries`` are those of a single request when the network is down. Raises
    ConfigurationError when there are no credentials.
    """
    told: dict[str, Any] = dict(found := credentials.aws(storage))
    endpoint = (
        storage.endpoint
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
    )
    if storage.anonymous:
        told["skip_signature"] = True
    if endpoint:
        told |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    http = endpoint is not None and endpoint.startswith("http://")
    told |= {"client_options": _client(http), "retry_config": {"max_retries": max_retries}}
    return S3Store(bucket, **told), found, endpoint


class _S3(_Bucket):
    def __init__(self, bucket: str, storage: Storage) -> None:
        store, self._credentials, self._endpoint = s3_store(bucket, storage)
        secrets = [self._credentials.get(k, "") for k in ("secret_access_key", "session_token")]
        super().__init__(f"s3://{bucket}/", store, secrets)

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        load_extension(con, "httpfs")
        options = {
            "key_id": self._credentials.get("access_key_id"),
            "secret": self._credentials.get("secret_access_key"),
            "session_token": self._credentials.get("session_token"),
            "region": self._credentials["region"],
        }
        if self._endpoint:
            split = urlsplit(self._endpoint)
            options |= {
                "endpoint": split.netloc,
                "url_style": "path",
                "use_ssl": "false" if split.scheme == "http" else "true",
            }
        _create_secret(con, "s3", self.root, options)


class _Google(_Bucket):
    """DuckDB reads by way of HTTPS with a token: its own GCS secrets know HMAC keys only."""

    _HOST = "https://storage.googleapis.com"

    def __init__(self, bucket: str, storage: Storage) -> None:
        self._token = credentials.google_token(storage)
        self._endpoint = storage.endpoint or self._HOST
        self._bucket = bucket
        told: dict[str, Any] = {"skip_signature": True}
        options = _client(self._endpoint.startswith("http://"))
        if self._token:
            options["default_headers"] = {"Authorization": f"Bearer {self._token}"}
        if storage.endpoint:
            told["base_url"] = storage.endpoint
        store = GCSStore(bucket, client_options=options, **told)
        super().__init__(f"gs://{bucket}/", store, [self._token or ""])

    def location(self, uri: str) -> str:
        return f"{self._endpoint}/{self._bucket}/{quote(uri.removeprefix(self.root))}"

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        load_extension(con, "httpfs")
        if self._token:
            scope = f"{self._endpoint}/{self._bucket}/"
            _create_secret(con, "http", scope, {"bearer_token": self._token})


class _Azure(_Bucket):
    def __init__(self, container: str, storage: Storage) -> None:
        told = credentials.block_of(storage)
        connection = (
            told.get("connection_string")
            or told.get("value")
            or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
        )
        parts = dict(part.split("=", 1) for part in (connection or "").split(";") if "=" in part)
        self._connection = connection
        self._account = (
            parts.get("AccountName")
            or storage.account
            or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        )
        if not self._account:
            raise ConfigurationError(
                f"az://{container}: which storage account? Set storage.account, "
                "AZURE_STORAGE_ACCOUNT_NAME or AZURE_STORAGE_CONNECTION_STRING."
            )
        options: dict[str, Any] = {"account_name": self._account}
        if key := parts.get("AccountKey"):
            options["account_key"] = key
        if signature := parts.get("SharedAccessSignature"):
            options["sas_key"] = signature
        endpoint = parts.get("BlobEndpoint") or storage.endpoint
        if endpoint:
            options["endpoint"] = endpoint
        if storage.anonymous:
            options["skip_signature"] = True
        http = bool(endpoint and endpoint.startswith("http://"))
        store = AzureStore(container, client_options=_client(http), **options)
        secrets = [
            parts.get("AccountKey", ""),
            parts.get("SharedAccessSignature", ""),
            connection or "",
        ]
        super().__init__(f"az://{container}/", store, secrets)

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        load_extension(con, "azure")
        if self._connection:
            _create_secret(con, "azure", self.root, {"connection_string": self._connection})
        else:
            told = {"provider": "credential_chain", "account_name": self._account}
            _create_secret(con, "azure", self.root, told)


class _Web(Remote):
    """Single files by HTTP(S); nothing is listed."""

    def __init__(self, uri: str, storage: Storage) -> None:
        split = urlsplit(uri)
        told = credentials.block_of(storage)
        self._token = told.get("bearer_token") or told.get("value")
        if self._token and split.scheme == "http":
            raise ConfigurationError(f"{uri}: a token is not sent over http; write https")
        super().__init__(f"{split.scheme}://{split.netloc}/", [self._token or ""])
        headers = {"User-Agent": "afterhype"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._client = httpx.Client(
            timeout=httpx.Timeout(60.0, connect=10.0), headers=headers, follow_redirects=True
        )

    def find(self, uri: str) -> list[Found]:
        if _WILD.search(urlsplit(uri).path):
            raise ConfigurationError(f"{uri}: a web server cannot be listed: name each file")
        try:
            answer = self._client.head(uri)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return []
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ExtractError(f"{uri}: cannot be reached: {self._explained(error)}") from None
        stamp = answer.headers.get("Last-Modified")
        modified = email.utils.parsedate_to_datetime(stamp) if stamp else None
        return [
            Found(
                uri=uri,
                bytes=int(answer.headers.get("Content-Length", -1)),
                modified_at=_naive(modified) if modified else datetime(1970, 1, 1),
                etag=answer.headers.get("ETag"),
            )
        ]

    def stream(self, uri: str) -> Iterator[bytes]:
        try:
            with self._client.stream("GET", uri) as answer:
                answer.raise_for_status()
                yield from answer.iter_raw(1 << 20)
        except httpx.HTTPError as error:
            raise ExtractError(f"{uri}: cannot be read: {self._explained(error)}") from None

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        load_extension(con, "httpfs")
        if self._token:
            _create_secret(con, "http", self.root, {"bearer_token": self._token})

    def _explained(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.HTTPStatusError):
            return f"HTTP {error.response.status_code}"
        return self._first_line(f"{type(error).__name__}: {error}")


def open_remote(uri: str, storage: Storage) -> Remote:
    """The place that a URI is of. Raises ConfigurationError for one that nobody knows."""
    scheme, _, rest = uri.partition("://")
    bucket = rest.split("/")[0]
    if scheme in ("http", "https"):
        return _Web(uri, storage)
    if not bucket or _WILD.search(bucket):
        raise ConfigurationError(f"{uri}: names no bucket, as in {scheme}://bucket/folder/*.gz")
    if scheme == "s3":
        return _S3(bucket, storage)
    if scheme == "gs":
        return _Google(bucket, storage)
    if scheme == "az":
        return _Azure(bucket, storage)
    raise ConfigurationError(f"{uri}: {scheme} is not one of s3, gs, az, https or a local path")


def _client(allow_http: bool) -> Any:
    return {"timeout": "120s", "connect_timeout": "10s", "allow_http": allow_http}


def _create_secret(
    con: duckdb.DuckDBPyConnection, kind: str, scope: str, options: dict[str, str | None]
) -> None:
    """A secret in memory only; variables keep its values out of SQL text, errors and profiles."""
    name = re.sub(r"\W", "_", scope)
    told = {key: value for key, value in options.items() if value is not None}
    provider = told.pop("provider", None)
    listed = [f"type {kind}", f"scope {text_in_sql(scope)}"]
    if provider:
        listed.append(f"provider {provider}")
    for key, value in told.items():
        con.execute(f"set variable secret_{key} = ?", [value])
        listed.append(f"{key} getvariable('secret_{key}')")
    try:
        con.execute(f"create or replace temporary secret {name} ({', '.join(listed)})")
    finally:
        for key in told:
            con.execute(f"reset variable secret_{key}")


def _found(root: str, meta: dict[str, Any]) -> Found:
    return Found(
        uri=f"{root}{meta['path']}",
        bytes=meta["size"],
        modified_at=_naive(meta["last_modified"]),
        etag=meta["e_tag"],
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _hidden(path: str) -> bool:
    return path.rpartition("/")[2].startswith(".")


def _regex(pattern: str) -> str:
    """A glob over whole keys: * within a folder, ** across folders; a folder is all it holds."""
    if pattern == "" or pattern.endswith("/"):
        pattern += "**"
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        words.get(token) or (token if token.startswith("[") else re.escape(token))
        for token in tokens
    )
