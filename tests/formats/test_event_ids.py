"""By what vendors tell events apart, and what becomes of events that landed by less than that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.formats.conftest import Home

MIXPANEL = {
    "event": "Open",
    "properties": {"time": 1767603600, "distinct_id": "ann", "$insert_id": "i"},
}
AMPLITUDE = {
    "event_type": "open",
    "event_time": "2026-01-05 09:00:00",
    "client_event_time": "2026-01-05 09:00:01",
    "device_id": "D1",
    "user_id": "ann",
    "$insert_id": "i",
    "event_id": 7,
}
POSTHOG = {
    "event": "open",
    "uuid": "01940000-0000-7000-8000-000000000001",
    "distinct_id": "a",
    "person_id": "ann",
    "timestamp": "2026-01-05T09:00:00+00:00",
}
SEGMENT: dict[str, Any] = {
    "type": "track",
    "event": "open",
    "messageId": "m",
    "userId": "ann",
    "timestamp": "2026-01-05T09:00:00Z",
    "originalTimestamp": "2026-01-05T09:00:00Z",
}


def properties(**changed: Any) -> dict[str, Any]:
    told = {key.replace("insert_id", "$insert_id"): value for key, value in changed.items()}
    return {"properties": {**MIXPANEL["properties"], **told}}  # type: ignore[dict-item]


def write(home: Home, name: str, *rows: Mapping[str, Any]) -> str:
    (home.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


# format, an event, what is changed in a second row, whether it is an event of its own
CASES = [
    ("mixpanel", MIXPANEL, {}, False),
    ("mixpanel", MIXPANEL, properties(distinct_id="ben"), True),
    ("mixpanel", MIXPANEL, properties(time=1767603601), True),
    ("mixpanel", MIXPANEL, {"event": "Close"}, True),
    ("mixpanel", MIXPANEL, properties(city="Rome"), False),
    ("amplitude", AMPLITUDE, {}, False),
    ("amplitude", AMPLITUDE, {"device_id": "D2"}, True),
    ("amplitude", AMPLITUDE, {"country": "Chad"}, False),
    ("amplitude", AMPLITUDE, {"event_id": 8}, False),
    ("amplitude", AMPLITUDE | {"$insert_id": None}, {}, False),
    ("amplitude", AMPLITUDE | {"$insert_id": None}, {"event_id": 8}, True),
    ("amplitude", AMPLITUDE | {"$insert_id": None}, {"device_id": "D2"}, True),
    (
        "amplitude",
        AMPLITUDE | {"$insert_id": None},
        {"client_event_time": "2026-01-06 09:00:01", "event_time": "2026-01-06 09:00:00"},
        True,
    ),
    ("posthog", POSTHOG, {}, False),
    ("posthog", POSTHOG, {"distinct_id": "b", "person_id": "ben"}, True),
    ("posthog", POSTHOG, {"event": "close"}, True),
    ("posthog", POSTHOG, {"timestamp": "2026-01-06T09:00:00+00:00"}, True),
    ("posthog", POSTHOG, {"properties": {"plan": "free"}}, False),
    ("segment", SEGMENT, {"userId": "ben"}, False),
    ("rudderstack", SEGMENT, {"userId": "ben"}, False),
]


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize(("format", "event", "changed", "is_another"), CASES)
def test_an_event_is_told_by_what_its_vendor_says(
    home: Home,
    format: str,
    event: Mapping[str, Any],
    changed: Mapping[str, Any],
    is_another: bool,
    files: int,
) -> None:
    rows = [event, {**event, **changed}]
    names = (
        [write(home, "a.ndjson", *rows)]
        if files == 1
        else [write(home, "a.ndjson", rows[0]), write(home, "b.ndjson", rows[1], {})]
    )
    home.land(format, *names)
    assert len(home.events()) == 1 + is_another


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize(
    ("changed", "unlike"),
    [
        ({}, 0),
        ({"context": {"os": {"name": "iOS"}}}, 0),
        ({"userId": "ben"}, 1),
        ({"event": "close"}, 1),
        ({"timestamp": "2026-01-05T09:00:01Z"}, 1),
    ],
)
def test_dropped_duplicates_that_differ_are_counted(
    home: Home, changed: dict[str, Any], unlike: int, one_by_one: bool
) -> None:
    within = write(home, "a.ndjson", SEGMENT, SEGMENT | changed)
    across = write(home, "b.ndjson", SEGMENT | changed, SEGMENT | {"messageId": "n"})
    for names in ([within], [across]) if one_by_one else ([within, across],):
        home.land("segment", *names)
    assert home.rows("select rows_duplicate, rows_unlike from raw.extracts order by uri") == [
        (1, unlike),
        (1, unlike),
    ]


FORMER = [
    ("mixpanel", MIXPANEL, "i", properties(distinct_id="ben")),
    ("amplitude", AMPLITUDE, "i", {"device_id": "D2", "user_id": "ben"}),
    ("amplitude", AMPLITUDE | {"$insert_id": None}, "D1:7", None),
    ("posthog", POSTHOG, POSTHOG["uuid"], {"distinct_id": "b", "person_id": "ben"}),
]


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize(("format", "event", "former", "another"), FORMER)
def test_an_event_that_landed_by_its_former_id_is_the_same_when_it_comes_again(
    home: Home,
    format: str,
    event: Mapping[str, Any],
    former: str,
    another: Mapping[str, Any] | None,
    pruned: bool,
) -> None:
    home.land(format, write(home, "a.ndjson", event))
    home.con.execute("update raw.app_events set event_id = md5(?)::uuid", [former])
    if pruned:
        home.con.execute(
            "insert into raw.pruned_event_ids select app_id, event_id from raw.app_events"
        )
        home.con.execute("delete from raw.app_events")
    rows = [event, *([{**event, **another}] if another and not pruned else [])]
    home.land(format, write(home, "b.ndjson", *rows, {}))
    again = home.rows(
        "select rows_landed, rows_duplicate, rows_unlike from raw.extracts order by uri"
    )
    assert again[1] == (len(rows) - 1, 1, 0)
    home.land(format, write(home, "c.ndjson", *rows, {}, {}))
    assert home.rows("select max(rows_landed) from raw.extracts where uri like '%c.ndjson'") == [
        (0,)
    ]


def test_another_user_of_a_former_id_is_another_event(home: Home) -> None:
    """The one that the id alone had hidden lands when its export is delivered again."""
    home.land("mixpanel", write(home, "a.ndjson", MIXPANEL))
    home.con.execute("update raw.app_events set event_id = md5('i')::uuid")
    home.land("mixpanel", write(home, "b.ndjson", MIXPANEL | properties(distinct_id="ben")))
    assert len(home.events()) == 2


def test_merging_users_makes_no_second_event(home: Home) -> None:
    """Mixpanel exports an event under the user that its device has turned out to be."""
    home.land("mixpanel", write(home, "a.ndjson", MIXPANEL))
    merged = properties(distinct_id="cleo", **{"$distinct_id_before_identity": "ann"})
    landing = home.land("mixpanel", write(home, "b.ndjson", MIXPANEL | merged))
    assert (landing.rows_landed, landing.rows_duplicate) == (0, 1)
    assert home.rows("select rows_unlike from raw.extracts order by uri") == [(0,), (1,)]


@pytest.mark.parametrize(
    ("changed", "was"),
    [
        ({"distinct_id": "cleo", "$distinct_id_before_identity": "ann"}, "ann"),
        ({"distinct_id": "undefined", "$device_id": "d"}, "undefined"),
    ],
)
def test_a_former_event_is_recognised_by_the_user_that_it_had(
    home: Home, changed: dict[str, Any], was: str
) -> None:
    home.land("mixpanel", write(home, "a.ndjson", MIXPANEL))
    home.con.execute(
        "update raw.app_events set event_id = md5('i')::uuid, user_key = ?", [home.user(was)]
    )
    landing = home.land("mixpanel", write(home, "b.ndjson", MIXPANEL | properties(**changed)))
    assert (landing.rows_landed, landing.rows_duplicate) == (0, 1)
    assert home.rows("select rows_unlike from raw.extracts order by uri") == [(0,), (1,)]


def test_a_mapped_event_id_is_the_app_s(home: Home) -> None:
    """Who maps it, says what an event is."""
    rows = [MIXPANEL, MIXPANEL | properties(distinct_id="ben")]
    home.land(
        "mixpanel",
        write(home, "a.ndjson", *rows),
        columns={"event_id": """properties->>'$."$insert_id"'"""},
    )
    assert len(home.events()) == 1
    assert home.rows("select rows_unlike from raw.extracts") == [(1,)]
