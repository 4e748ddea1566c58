"""Events that say whose ids are one user's, by each vendor's rule."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flows.land import ledger
from tests.formats.conftest import Home

Rows = Sequence[dict[str, Any]]


def at(second: int) -> str:
    return f"2026-01-05T09:{second // 60:02}:{second % 60:02}Z"


def posthog(event: str, distinct_id: str, second: int, person: str = "", **more: str) -> Any:
    told = {key.replace("anon", "$anon"): value for key, value in more.items()}
    return {
        "uuid": f"{event}{distinct_id}{second}",
        "event": event,
        "distinct_id": distinct_id,
        "person_id": person or f"P-{distinct_id}",
        "timestamp": at(second),
        "properties": told,
    }


def mixpanel(event: str, second: int, distinct_id: str | None = None, **more: Any) -> Any:
    told = {f"${key}" if key != "alias" else key: value for key, value in more.items()}
    known = {"distinct_id": distinct_id, "$insert_id": f"{event}{second}"} | told
    return {"event": event, "properties": known | {"time": 1767603600 + second}}


def segment(type: str, second: int, **ids: str) -> Any:
    call = {"type": type, "event": "open", "messageId": f"{type}{second}{ids}"}
    return call | ids | {"timestamp": at(second), "originalTimestamp": at(second)}


def amplitude(second: int, device: str, user: str | None = None) -> Any:
    told = {"event_type": "open", "event_time": f"2026-01-05 09:00:{second:02}"}
    return told | {"device_id": device, "user_id": user, "$insert_id": f"{second}"}


def view(who: str) -> Any:
    return posthog("open", who, 0)


def seen(who: str) -> Any:
    return mixpanel("Open", 0, who)


def identify(known: str, anonymous: str, second: int) -> Any:
    return posthog("$identify", known, second, anon_distinct_id=anonymous)


# format, rows, who is one user
CASES: list[tuple[str, Rows, Sequence[set[str]]]] = [
    # PostHog: an anonymous person becomes part of the identified one
    ("posthog", [view("d1"), identify("bob", "d1", 1)], [{"d1", "bob"}]),
    # a second device, of which nothing comes after it was identified
    (
        "posthog",
        [view("d1"), identify("bob", "d1", 1), view("d2"), identify("bob", "d2", 2)],
        [{"d1", "d2", "bob"}],
    ),
    # the device of one user is not merged into the next one's
    (
        "posthog",
        [view("d1"), identify("bob", "d1", 1), identify("eve", "d1", 2)],
        [{"d1", "bob"}, {"eve"}],
    ),
    # a known user is not merged into another one
    (
        "posthog",
        [view("d1"), identify("bob", "d1", 1), identify("eve", "bob", 2)],
        [{"d1", "bob"}, {"eve"}],
    ),
    (
        "posthog",
        [identify("bob", "d1", 1), posthog("$create_alias", "eve", 2, alias="bob"), view("d1")],
        [{"d1", "bob"}, {"eve"}],
    ),
    # but by the event that says so
    (
        "posthog",
        [identify("bob", "d1", 1), posthog("$merge_dangerously", "eve", 2, alias="bob")],
        [{"bob", "eve"}],
    ),
    # an alias of the server's, before and after sign-in
    (
        "posthog",
        [
            view("back"),
            posthog("$create_alias", "d1", 1, alias="back"),
            identify("bob", "d1", 2),
        ],
        [{"back", "d1", "bob"}],
    ),
    (
        "posthog",
        [view("back"), identify("bob", "d1", 1), posthog("$create_alias", "bob", 2, alias="back")],
        [{"back", "bob"}],
    ),
    # words that link nobody
    (
        "posthog",
        [view("d1"), view("d2"), identify("bob", "undefined", 1), identify("eve", "email", 1)],
        [{"d1"}, {"d2"}, {"bob"}, {"eve"}],
    ),
    (
        "posthog",
        [
            posthog("$merge_dangerously", who, n, alias="distinct_id")
            for n, who in enumerate(["a1", "a2"])
        ],
        [{"a1"}, {"a2"}],
    ),
    # Mixpanel, original merge
    (
        "mixpanel",
        [seen("a1"), mixpanel("$identify", 1, "u1", identified_id="u1", anon_id="a1")],
        [{"a1", "u1"}],
    ),
    (
        "mixpanel",
        [seen("a1"), seen("u1"), mixpanel("$identify", 1, "u1", anon_distinct_id="a1")],
        [{"a1", "u1"}],
    ),
    # of an import that names nobody else
    (
        "mixpanel",
        [seen("a1"), mixpanel("$identify", 1, identified_id="u1", anon_id="a1"), seen("u1")],
        [{"a1", "u1"}],
    ),
    # merged to one known user only
    (
        "mixpanel",
        [
            seen("a1"),
            mixpanel("$identify", 1, "u1", identified_id="u1", anon_id="a1"),
            mixpanel("$identify", 2, "u2", identified_id="u2", anon_id="a1"),
        ],
        [{"a1", "u1"}, {"u2"}],
    ),
    # a second device
    (
        "mixpanel",
        [
            seen("a1"),
            mixpanel("$identify", 1, "u1", identified_id="u1", anon_id="a1"),
            seen("a2"),
            mixpanel("$identify", 2, "u1", identified_id="u1", anon_id="a2"),
        ],
        [{"a1", "a2", "u1"}],
    ),
    ("mixpanel", [seen("u1"), seen("u2"), mixpanel("$merge", 1, distinct_ids=["u1", "u2"])],
     [{"u1", "u2"}]),
    # pairs in any order make one user, and so do more than two
    (
        "mixpanel",
        [
            *map(seen, "abcd"),
            mixpanel("$merge", 1, "a", distinct_ids=["b", "c"]),
            mixpanel("$merge", 2, "a", distinct_ids=["c", "d"]),
            mixpanel("$merge", 3, "a", distinct_ids=["a", "c"]),
        ],
        [set("abcd")],
    ),
    (
        "mixpanel",
        [*map(seen, "abcd"), mixpanel("$merge", 1, "a", distinct_ids=["a", "b", "c"])],
        [set("abc"), {"d"}],
    ),
    (
        "mixpanel",
        [*map(seen, "ab"), mixpanel("$merge", 1, "a", distinct_ids=["a", "null"]),
         mixpanel("$merge", 2, "b", distinct_ids=["b", "null"])],
        [{"a"}, {"b"}],
    ),
    (
        "mixpanel",
        [*map(seen, "ab"), mixpanel("$merge", 1, "a", distinct_ids="ab")],
        [{"a"}, {"b"}],
    ),
    # an alias is one user's
    (
        "mixpanel",
        [
            seen("u1"),
            mixpanel("$create_alias", 1, "u1", alias="mail"),
            mixpanel("$create_alias", 2, "u2", alias="mail"),
            mixpanel("Open", 3, "mail"),
        ],
        [{"u1", "mail"}, {"u2"}],
    ),
    # Mixpanel, simplified merge: a device is the first known user's
    (
        "mixpanel",
        [
            mixpanel("Open", 0, "$device:p", device_id="p"),
            mixpanel("Open", 1, "u1", device_id="p", user_id="u1"),
            mixpanel("Open", 2, "u2", device_id="p", user_id="u2"),
            mixpanel("Open", 3, "$device:q", device_id="q"),
            mixpanel("Open", 4, "u1", device_id="q", user_id="u1"),
        ],
        [{"$device:p", "$device:q", "u1"}, {"u2"}],
    ),
    # Amplitude: a device is the first known user's
    (
        "amplitude",
        [
            amplitude(0, "D1"),
            amplitude(1, "D1", "ann"),
            amplitude(2, "D1", "ben"),
            amplitude(3, "D2"),
            amplitude(4, "D2", "ann"),
        ],
        [{"D1", "D2", "ann"}, {"ben"}],
    ),
    *(
        (format, rows, expected)
        for format in ("segment", "rudderstack")
        for rows, expected in (
            (
                [
                    segment("track", 0, anonymousId="a1"),
                    segment("identify", 1, anonymousId="a1", userId="u1"),
                    segment("track", 2, anonymousId="a2"),
                    segment("identify", 3, anonymousId="a2", userId="u1"),
                    segment("identify", 4, anonymousId="a2", userId="u2"),
                ],
                [{"a1", "a2", "u1"}, {"u2"}],
            ),
            # a chain of aliases, the later one first
            (
                [
                    segment("track", 0, userId="u1"),
                    segment("alias", 1, previousId="u2", userId="u3"),
                    segment("alias", 2, previousId="u1", userId="u2"),
                ],
                [{"u1", "u2", "u3"}],
            ),
            # its own device as well as the earlier id
            (
                [
                    segment("track", 0, anonymousId="a1"),
                    segment("track", 1, userId="old"),
                    segment("alias", 2, anonymousId="a1", previousId="old", userId="u1"),
                ],
                [{"a1", "old", "u1"}],
            ),
            # to a device, where no user is known
            (
                [
                    segment("track", 0, anonymousId="a0"),
                    segment("alias", 1, anonymousId="a1", previousId="a0"),
                ],
                [{"a0", "a1"}],
            ),
            (
                [
                    segment("track", 0, userId="u1"),
                    segment("alias", 1, previousId="null", userId="u1"),
                    segment("alias", 2, previousId="null", userId="u2"),
                ],
                [{"u1"}, {"u2"}],
            ),
        )
    ),
]  # fmt: skip


def merged(home: Home, users: Sequence[set[str]], key: Callable[[str], object]) -> list[set[str]]:
    """The users as they are counted: ids that lead to one key."""
    aliases = dict(home.rows("select alias_key, user_key from raw.user_aliases"))
    assert not set(aliases) & set(aliases.values())
    found: dict[object, set[str]] = {}
    for one in sorted(set().union(*users)):
        found.setdefault(aliases.get(key(one), key(one)), set()).add(one)
    return sorted(found.values(), key=sorted)


def key_of(home: Home, format: str, one: str) -> object:
    """The key under which an id counts: of PostHog, where it has a person, that of the person."""
    aliases = dict(home.rows("select alias_key, user_key from raw.user_aliases"))
    return aliases.get(home.user(one), home.user(one)) if format == "posthog" else home.user(one)


@pytest.mark.parametrize(("format", "rows", "users"), CASES)
@pytest.mark.parametrize("landing", ["together", "one by one", "backwards"])
def test_users_are_one_by_their_vendor_s_rule(
    home: Home, format: str, rows: Rows, users: Sequence[set[str]], landing: str
) -> None:
    files = []
    for number, row in enumerate(rows):
        (home.folder / f"{number}.ndjson").write_text(json.dumps(row) + "\n")
        files.append(f"{number}.ndjson")
    batches = {
        "together": [files],
        "one by one": [[file] for file in files],
        "backwards": [[file] for file in reversed(files)],
    }[landing]
    for batch in batches:
        outcome = home.land(format, *batch, identity="merged")
        assert (outcome.failed, outcome.rows_rejected) == ((), 0)
    found = merged(home, users, lambda one: key_of(home, format, one))
    assert found == sorted(users, key=sorted)
    if format == "posthog":  # the persons, whose events these are
        persons = {row["distinct_id"] for row in rows}
        own = [one & persons for one in users if one & persons]
        assert merged(home, own, lambda one: home.user(f"P-{one}")) == sorted(own, key=sorted)


def test_ids_stay_apart_as_sent_and_part_when_the_link_is_taken_back(home: Home) -> None:
    for name, row in (("a", view("d1")), ("b", identify("bob", "d1", 1))):
        (home.folder / f"{name}.ndjson").write_text(json.dumps(row) + "\n")
    home.land("posthog", "a.ndjson", "b.ndjson")
    assert home.rows("from raw.user_aliases") == []
    home.land("posthog", "a.ndjson", "b.ndjson", identity="merged")
    aliases = set(home.rows("from raw.user_aliases"))
    assert len(aliases) == 3
    ((extract_id,),) = home.rows("select extract_id from raw.extracts where uri like '%b.ndjson'")
    ledger.quarantine(home.con, extract_id, "test")
    assert home.rows("select count(*) from raw.user_aliases") == [(1,)]  # d1 and its own person
    ledger.release(home.con, extract_id)
    assert set(home.rows("from raw.user_aliases")) == aliases


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_what_was_built_is_counted_again_for_those_whom_a_late_link_touches(
    home: Home, order: Sequence[int]
) -> None:
    """And for nobody else, however many links there are."""
    rows = [view("d1"), view("d2"), identify("bob", "d1", 1)]
    for number in order:
        home.con.execute(
            "insert or ignore into ops.built_extracts select extract_id from raw.extracts"
        )
        home.con.execute("delete from ops.disturbed_events")
        (home.folder / f"{number}.ndjson").write_text(json.dumps(rows[number]) + "\n")
        home.land("posthog", f"{number}.ndjson", identity="merged")
        disturbed = {row[0] for row in home.rows("select user_key from ops.disturbed_events")}
        assert home.user("P-d2") not in disturbed
    if order[-1] == 2:
        assert disturbed == {home.user("P-d1"), home.user("P-bob")}
