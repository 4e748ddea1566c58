"""Whose events are whose: the aliases that links come to, against a second opinion in Python."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.land import identities
from flows.warehouse import create_schemas

START = datetime(2026, 1, 1)
USERS = [uuid.UUID(int=number) for number in range(1, 7)]

links = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(USERS), st.integers(0, 5)), max_size=12
)


Link = tuple[uuid.UUID, uuid.UUID, int]
"""(anonymous id, user, hours after the start)"""


def told_by_links(told: Sequence[Link]) -> dict[uuid.UUID, uuid.UUID]:
    """Alias to the user that they were first seen as, read off the definition."""
    aliases = {
        anonymous: min((at, user) for other, user, at in told if other == anonymous)[1]
        for anonymous in {link[0] for link in told}
    }
    return {alias: end for alias in aliases if (end := _end(aliases, alias)) is not None}


def _end(aliases: Mapping[uuid.UUID, uuid.UUID], alias: uuid.UUID) -> uuid.UUID | None:
    seen = {alias}
    while alias in aliases:
        alias = aliases[alias]
        if alias in seen:
            return None
        seen.add(alias)
    return alias


def resolved(told: Sequence[Link], merges: str, order: Iterable[int]) -> dict[uuid.UUID, uuid.UUID]:
    with duckdb.connect() as con:
        create_schemas(con)
        con.execute("insert into raw.event_sources values ('s', 'app', null, 'merged')")
        for number in order:
            anonymous, user, at = told[number]
            if anonymous == user:
                continue
            con.execute(
                "insert into raw.extracts by name select $id as extract_id, 's' as source, "
                "'events' as kind, 'f' as format, $id as uri, $id as checksum, 1 as bytes, "
                "$now as modified_at, 1 as rows_seen, 1 as rows_landed, 0 as rows_rejected, "
                "0 as rows_duplicate, 'landed' as status, $now as landed_at",
                {"id": str(number), "now": START},
            )
            con.execute(
                "insert into raw.identity_links values ('app', ?, ?, ?, ?, ?)",
                [anonymous, user, merges, START + timedelta(hours=at), str(number)],
            )
            identities.resolve(con)
        return dict(con.execute("select alias_key, user_key from raw.user_aliases").fetchall())


@settings(max_examples=40, deadline=None)
@given(told=links, data=st.data())
def test_anonymous_users_are_the_first_known_one_whatever_the_order(
    told: list[Link], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(told))))
    expected = told_by_links([link for link in told if link[0] != link[1]])
    assert resolved(told, "first", order) == expected


@settings(max_examples=20, deadline=None)
@given(told=links, data=st.data())
def test_the_last_known_one_does_not_depend_on_the_order_either(
    told: list[Link], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(told))))
    one = resolved(told, "last", order)
    assert one == resolved(told, "last", sorted(order))
    assert not set(one) & set(one.values())


def test_persons_seen_under_one_id_are_the_last_one() -> None:
    anonymous, first, second, third, *_ = USERS
    told = [(anonymous, first, 0), (anonymous, second, 1), (anonymous, third, 2)]
    assert resolved(told, "last", range(3)) == {anonymous: third, first: third, second: third}
