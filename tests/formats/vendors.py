"""What happened in an app, and how each of ten formats writes it down.

Written from the vendors' schemas, without the product's readers: what lands is compared with what
happened.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from flows.sql import name_in_sql


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One event. ``user`` is who had signed in, ``device`` where; a ``time`` of text is none."""

    event_id: str
    user: str | None
    device: str | None
    time: datetime | str
    name: str = "open"
    country: str | None = None


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: the entry of the sources file, and how deeds are written.

    ``broken`` are lines that are no rows; ``merges`` says to which of the users of a device its
    anonymous events belong, ``has_ids`` whether events have an id of their own.
    """

    suffix: str
    write: Callable[[Sequence[Deed], Path], bytes]
    broken: Sequence[bytes] = (b'{"cut": "off\n', b"Internal note, no row\n")
    entry: Mapping[str, Any] = field(default_factory=dict)
    merges: Literal["first", "last"] = "first"
    has_ids: bool = True


def _lines(row: Callable[[Deed], dict[str, Any]]) -> Callable[[Sequence[Deed], Path], bytes]:
    def write(deeds: Sequence[Deed], _folder: Path) -> bytes:
        return "".join(json.dumps(row(deed)) + "\n" for deed in deeds).encode()

    return write


def _written(time: datetime | str, form: str) -> str:
    return time if isinstance(time, str) else time.strftime(form)


def _seconds(time: datetime | str) -> Any:
    return time if isinstance(time, str) else int((time - datetime(1970, 1, 1)).total_seconds())


def _amplitude(deed: Deed) -> dict[str, Any]:
    moment = _written(deed.time, "%Y-%m-%d %H:%M:%S.%f")
    return {
        "$insert_id": deed.event_id,
        "amplitude_id": 1,
        "client_event_time": moment,
        "country": deed.country,
        "device_id": deed.device,
        "event_id": 1,
        "event_properties": {},
        "event_time": moment,
        "event_type": deed.name,
        "user_id": deed.user,
        "user_properties": {},
    }


def _mixpanel(deed: Deed) -> dict[str, Any]:
    anonymous = f"$device:{deed.device}" if deed.device else None
    properties = {
        "time": _seconds(deed.time),
        "distinct_id": deed.user or anonymous,
        "$user_id": deed.user,
        "$device_id": deed.device,
        "$insert_id": deed.event_id,
        "mp_country_code": deed.country,
    }
    return {"event": deed.name, "properties": properties}


def _posthog(deed: Deed) -> dict[str, Any]:
    return {
        "uuid": deed.event_id,
        "event": deed.name,
        "distinct_id": deed.device,
        "person_id": deed.user,
        "properties": {"$geoip_country_code": deed.country},
        "timestamp": _written(deed.time, "%Y-%m-%dT%H:%M:%S.%f+00:00"),
    }


def _segment(deed: Deed) -> dict[str, Any]:
    moment = _written(deed.time, "%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "anonymousId": deed.device,
        "context": {"location": {"country": deed.country}},
        "event": deed.name,
        "messageId": deed.event_id,
        "originalTimestamp": moment,
        "receivedAt": moment,
        "properties": {},
        "timestamp": moment,
        "type": "track",
        "userId": deed.user,
    }


def _rudderstack(deed: Deed) -> dict[str, Any]:
    return _segment(deed) | {"rudderId": "r", "channel": "mobile"}


def _ga4(deed: Deed) -> dict[str, Any]:
    seconds = _seconds(deed.time)
    return {
        "event_date": "20260105",
        "event_timestamp": seconds if isinstance(seconds, str) else str(seconds * 1_000_000),
        "event_name": deed.name,
        "event_params": [],
        "user_id": deed.user,
        "user_pseudo_id": deed.device,
        "geo": {"country": deed.country},
    }


_SNOWPLOW = {
    2: "platform", 3: "time", 5: "event", 6: "event_id", 12: "user_id", 15: "domain_userid",
    18: "country", 126: "event_name",
}  # fmt: skip
"""Where in a row of 131 columns (from 0) what is; the others stay empty."""


def _snowplow(deeds: Sequence[Deed], _folder: Path) -> bytes:
    rows = []
    for deed in deeds:
        row = [""] * 131
        values = {
            "platform": "web",
            "time": _written(deed.time, "%Y-%m-%d %H:%M:%S.000"),
            "event": "unstruct",
            "event_id": deed.event_id,
            "user_id": deed.user or "",
            "domain_userid": deed.device or "",
            "country": deed.country or "",
            "event_name": deed.name,
        }
        for place, name in _SNOWPLOW.items():
            row[place] = values[name]
        rows.append("\t".join(row) + "\n")
    return "".join(rows).encode()


def _own(deed: Deed) -> dict[str, str | None]:
    return {
        "id": deed.event_id,
        "who": deed.user,
        "device": deed.device,
        "what": deed.name,
        "at": _written(deed.time, "%Y-%m-%dT%H:%M:%SZ"),
        "land": deed.country,
    }


def _own_table(deeds: Sequence[Deed], _folder: Path) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_own(deeds[0])), delimiter=";")
    writer.writeheader()
    writer.writerows([_own(deed) for deed in deeds])
    return text.getvalue().encode()


def _own_parquet(deeds: Sequence[Deed], folder: Path) -> bytes:
    path = folder / "made.parquet"
    with duckdb.connect() as con:
        names = list(_own(deeds[0]))
        columns = ", ".join(f"{name_in_sql(name)} varchar" for name in names)
        con.execute(f"create table deeds ({columns})")
        con.executemany(
            f"insert into deeds values ({', '.join('?' for _ in names)})",
            [list(_own(deed).values()) for deed in deeds],
        )
        con.execute(f"copy deeds to '{path}' (format parquet)")
    content = path.read_bytes()
    path.unlink()
    return content


_OWN_COLUMNS = {
    "user_id": "who",
    "anonymous_id": "device",
    "event_time": "at",
    "event_name": "what",
    "event_id": "id",
    "country": "land",
}


def _mapped(**reader: str) -> dict[str, Any]:
    return {"format": "custom", "reader": reader, "columns": _OWN_COLUMNS}


FORMATS: Mapping[str, Format] = {
    "amplitude": Format(suffix="json", write=_lines(_amplitude)),
    "mixpanel": Format(suffix="ndjson", write=_lines(_mixpanel)),
    "posthog": Format(suffix="jsonl", write=_lines(_posthog), merges="last"),
    "segment": Format(suffix="json", write=_lines(_segment)),
    "rudderstack": Format(suffix="json", write=_lines(_rudderstack)),
    "snowplow": Format(suffix="tsv", write=_snowplow, broken=(b"a\tb\tc\n", b"no row\n")),
    "ga4": Format(suffix="json", write=_lines(_ga4), has_ids=False),
    "table": Format(
        suffix="csv",
        write=_own_table,
        broken=(b"a;b\n", b"1;2;3;4;5;6;7;8\n"),
        entry=_mapped(type="csv", delimiter=";"),
    ),
    "objects": Format(suffix="ndjson", write=_lines(_own), entry=_mapped(type="ndjson")),
    "parquet": Format(
        suffix="parquet", write=_own_parquet, broken=(), entry=_mapped(type="parquet")
    ),
}
"""Ten formats by name: seven vendors', and tables, objects and Parquet that a source maps."""
