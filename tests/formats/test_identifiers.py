"""Whose event a row is: words that are no ids, in every format, and the id that counts instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.formats.no_ids import NO_IDS, identifier_in_sql, is_no_id
from flows.formats.snowplow import COLUMNS
from flows.sources import EventSource, NoIds
from tests.formats.conftest import Home

Row = Callable[[str | None, str | None], dict[str, Any]]
"""A row of a vendor with a known user and a device, or without them."""

AT = "2026-01-05T09:00:00Z"


def segment(user: str | None, device: str | None) -> dict[str, Any]:
    call = {"type": "track", "event": "open", "timestamp": AT, "messageId": f"{user}/{device}"}
    return call | {"userId": user, "anonymousId": device}


def rudderstack(user: str | None, device: str | None) -> dict[str, Any]:
    return segment(user, device) | {"originalTimestamp": AT}


def amplitude(user: str | None, device: str | None) -> dict[str, Any]:
    event = {"event_type": "open", "event_time": "2026-01-05 09:00:00", "amplitude_id": 1}
    return event | {"user_id": user, "device_id": device, "$insert_id": f"{user}/{device}"}


def mixpanel(user: str | None, device: str | None) -> dict[str, Any]:
    known = {"$user_id": user, "distinct_id": user or f"$device:{device}", "$device_id": device}
    return {"event": "open", "properties": known | {"time": 1767603600, "$insert_id": "i"}}


def posthog(user: str | None, device: str | None) -> dict[str, Any]:
    event = {"event": "open", "timestamp": AT, "uuid": f"{user}/{device}"}
    return event | {"person_id": user, "distinct_id": device}


def ga4(user: str | None, device: str | None) -> dict[str, Any]:
    event = {"event_name": "open", "event_timestamp": "1767603600000000", "event_params": []}
    return event | {"user_id": user, "user_pseudo_id": device}


FORMATS: dict[str, Row] = {
    "segment": segment,
    "rudderstack": rudderstack,
    "amplitude": amplitude,
    "mixpanel": mixpanel,
    "posthog": posthog,
    "ga4": ga4,
}

WORDS = (
    "undefined",
    "null",
    "NULL",
    r"\N",
    "None",
    "nil",
    "NaN",
    "NA",
    "<NA>",
    "0",
    "[object Object]",
    "Anonymous",
    "UNKNOWN",
    "(null)",
    " undefined ",
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000",
    "00:00:00:00:00:00",
)

IDS = (
    "0-0",
    "0:0",
    "00-000",
    "a1",
    "nullable",
    "Nonesuch",
    "0a",
    "100",
    "00017",
    "ünknown",
    "0000-0001",
    "x" * 300,
)


def user(format: str, device: str) -> str:
    return f"$device:{device}" if format == "mixpanel" else device


def write(home: Home, *rows: dict[str, Any]) -> str:
    (home.folder / "a.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "a.ndjson"


@pytest.mark.parametrize("format", FORMATS)
def test_the_device_counts_where_the_user_is_a_word(home: Home, format: str) -> None:
    rows = [FORMATS[format](word, f"d{n}") for n, word in enumerate(WORDS)]
    landing = home.land(format, write(home, *rows), identity="merged")
    assert (landing.failed, landing.rows_landed) == ((), len(WORDS))
    assert {row[0] for row in home.events()} == {
        home.user(user(format, f"d{n}")) for n in range(len(WORDS))
    }
    assert home.rows("from raw.identity_links") == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_user_counts_where_the_device_is_a_word_and_no_merge_goes_through_it(
    home: Home, format: str
) -> None:
    rows = [FORMATS[format](f"u{n}", word) for n, word in enumerate(WORDS)]
    home.land(format, write(home, *rows), identity="merged")
    assert {row[0] for row in home.events()} == {home.user(f"u{n}") for n in range(len(WORDS))}
    assert home.rows("from raw.identity_links") == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_row_of_words_only_has_no_user(home: Home, format: str) -> None:
    good = FORMATS[format]("ann", "d")
    rows = [FORMATS[format](word, word) for word in WORDS]
    landing = home.land(format, write(home, good, *rows))
    assert (landing.rows_landed, landing.rows_rejected) == (1, len(WORDS))
    assert {reason for _, reason in home.rejects()} == {"no user id"}
    assert home.rows("select rows_nameless from raw.extracts") == [(len(WORDS),)]


@pytest.mark.parametrize("format", FORMATS)
def test_other_ids_are_ids(home: Home, format: str) -> None:
    landing = home.land(format, write(home, *(FORMATS[format](one, one) for one in IDS)))
    assert (landing.rows_landed, landing.rows_rejected) == (len(IDS), 0)
    assert {row[0] for row in home.events()} == {home.user(one) for one in IDS}


def test_snowplow_asks_the_cookie_the_session_and_the_network(home: Home) -> None:
    session = "iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2"
    contexts = json.dumps({"data": [{"schema": session, "data": {"userId": "app-1"}}]})
    rows = [
        {"user_id": "undefined", "domain_userid": "ck"},
        {"domain_userid": "null", "contexts": contexts},
        {"domain_userid": "NULL", "network_userid": "nw"},
        {"domain_userid": "nil", "network_userid": "00000000-0000-0000-0000-000000000000"},
    ]
    common = {"collector_tstamp": "2026-01-05 09:00:00", "event_name": "open"}
    lines = [
        "\t".join((row | common | {"event_id": f"e{n}"}).get(column, "") for column in COLUMNS)
        for n, row in enumerate(rows)
    ]
    (home.folder / "1.tsv").write_text("\n".join(lines) + "\n")
    landing = home.land("snowplow", "1.tsv")
    assert (landing.failed, landing.rows_landed) == ((), 3)
    assert {row[0] for row in home.events()} == {home.user(one) for one in ("ck", "app-1", "nw")}
    assert home.rejects() == [(4, "no user id")]


def test_an_alias_of_a_word_merges_nobody(home: Home) -> None:
    alias = {"type": "alias", "messageId": "m", "timestamp": AT, "receivedAt": AT}
    rows = [alias | {"userId": f"u{n}", "previousId": "undefined"} for n in range(3)]
    home.land("segment", write(home, *rows), identity="merged")
    assert home.rows("from raw.identity_links") == []


def land_custom(home: Home, text: str, reader: dict[str, Any], **columns: str) -> EventSource:
    (home.folder / "c.txt").write_text(text)
    told = {"event_time": "at", "event_name": "'open'"} | columns
    landing = home.land("custom", "c.txt", reader=reader, columns=told)
    assert landing.failed == ()
    return EventSource(
        name="custom", app_id="app", uri="c.txt", format="custom", reader=reader, columns=told
    )


@pytest.mark.parametrize("mapping", ["who", "coalesce(who, device)", "(ifnull(who, device))"])
def test_a_mapping_s_alternatives_are_asked_one_by_one(home: Home, mapping: str) -> None:
    columns = {"user_id": mapping} | ({"anonymous_id": "device"} if mapping == "who" else {})
    text = "at,who,device\n2026-01-05,\\N,d1\n2026-01-05,ann,d2\n2026-01-05,NULL,none\n"
    land_custom(home, text, {"type": "csv"}, **columns)
    assert {row[0] for row in home.events()} == {home.user("d1"), home.user("ann")}
    assert home.rejects() == [(4, "no user id")]


def test_ids_keep_their_zeros_within_coalesce(home: Home) -> None:
    rows = "".join(f"2026-01-05,{n},\n" for n in range(1, 30))
    text = f"at,who,device\n{rows}2026-01-05,00017,\n"
    land_custom(home, text, {"type": "csv"}, user_id="coalesce(who, device)")
    assert home.user("00017") in {row[0] for row in home.events()}


def test_a_word_is_shown_in_its_reject_and_an_id_is_not(home: Home) -> None:
    text = "at,who\n2026-01-05,\\N\nnever,marie\n2026-01-05,ann\n"
    land_custom(home, text, {"type": "csv"}, user_id="who")
    lines = home.rows("select line::json->>'who' from raw.rejects order by line_number")
    assert lines == [(r"\N",), ("(user)",)]


def test_a_source_adds_words_and_takes_others_for_ids(home: Home) -> None:
    rows = [segment(one, None) for one in ("Test-User", "Unknown", "0", "null")]
    landing = home.land(
        "segment",
        write(home, *rows),
        no_ids={"also": ["test-user"], "allow": ["unknown", 0]},
    )
    assert (landing.rows_landed, landing.rows_rejected) == (2, 2)
    assert {row[0] for row in home.events()} == {home.user("Unknown"), home.user("0")}


@pytest.mark.parametrize(
    ("no_ids", "message"),
    [
        ({"allow": ["anna"]}, "'anna' is not on the list"),
        ({"also": ["x"], "allow": ["x"]}, "is in also and in allow"),
        ({"words": ["x"]}, "Extra inputs"),
        ({"also": [""]}, "at least 1 character"),
    ],
)
def test_settings_that_make_no_sense_are_refused(no_ids: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NoIds.model_validate(no_ids)


def test_words_that_yaml_reads_as_something_else_are_taken_as_written() -> None:
    assert NoIds.model_validate({"allow": [None, True, 0]}).allow == ("null", "true", "0")


def test_events_without_a_user_show_how_far_an_export_reaches(home: Home) -> None:
    text = "at,who\n2026-01-05,ann\n2026-01-09,\\N\n2099-01-01,\\N\n"
    land_custom(home, text, {"type": "csv"}, user_id="who")
    assert home.rows("select max_event_time::date::varchar from raw.extracts") == [("2026-01-09",)]


@drawn(deadline=None)
@given(st.text(alphabet="0-:{}aNunlo\\", max_size=40))
def test_sql_and_python_agree_on_what_is_an_id(text: str) -> None:
    told = text.strip()
    with duckdb.connect() as con:
        found = con.execute(f"select {identifier_in_sql('told')} from (select ? as told)", [told])
        row = found.fetchone()
    assert row is not None
    # an empty text is no id either, but landing has made it null before
    assert (row[0] is None) == (is_no_id(told) or told.lower() in NO_IDS)
