"""Whose events are whose: the aliases that links come to, against a second opinion in Python."""

from __future__ import annotations

import itertools
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
        con.execute(
            "insert into raw.event_sources (source, app_id, identity) values ('s', 'app', 'merged')"
        )
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
                "insert into raw.identity_links values ('app', ?, ?, ?, ?, ?, null)",
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


RULES = (None, "identify", "alias", "merge")

ruled_links = st.lists(
    st.tuples(
        st.sampled_from(USERS), st.sampled_from(USERS), st.integers(0, 4), st.sampled_from(RULES)
    ),
    max_size=9,
)

RuledLink = tuple[uuid.UUID, uuid.UUID, int, str | None]
"""(id, the id that it belongs to, hours after the start, rule)"""


def united_by_rules(told: Sequence[RuledLink]) -> set[frozenset[uuid.UUID]]:
    """The users that are one, read off the rules link by link."""
    groups = {user: {user} for user in USERS}
    for alias, user, at, rule in told:
        before = [
            link
            for link in told
            if (link[2] < at and link[3] in ("identify", "alias") and link[0] == alias)
            or (link[2] < at and link[3] == "identify" and link[1] == alias)
            or (
                link[:1] == (alias,)
                and link[2] == at
                and link[3] in ("identify", "alias")
                and link[1] < user
            )
        ]
        if rule in ("identify", "alias") and before:
            continue
        groups[alias] |= groups[user]
        for one in groups[alias]:
            groups[one] = groups[alias]
    return {frozenset(group) for group in groups.values()}


def land_ruled(con: duckdb.DuckDBPyConnection, link: RuledLink, extract_id: str) -> None:
    alias, user, at, rule = link
    con.execute(
        "insert into raw.extracts by name select $id as extract_id, 's' as source, "
        "'events' as kind, 'f' as format, $id as uri, $id as checksum, 1 as bytes, "
        "$now as modified_at, 1 as rows_seen, 1 as rows_landed, 0 as rows_rejected, "
        "0 as rows_duplicate, 'landed' as status, $now as landed_at",
        {"id": extract_id, "now": START},
    )
    con.execute(
        "insert into raw.identity_links values ('app', ?, ?, 'last', ?, ?, ?)",
        [alias, user, START + timedelta(hours=at), extract_id, rule],
    )


def aliases_of(con: duckdb.DuckDBPyConnection) -> dict[uuid.UUID, uuid.UUID]:
    return dict(con.execute("select alias_key, user_key from raw.user_aliases").fetchall())


@settings(max_examples=60, deadline=None)
@given(told=ruled_links, data=st.data())
def test_users_are_united_by_the_rules_in_any_order_and_part_again(
    told: list[RuledLink], data: st.DataObject
) -> None:
    """Looking at the touched users alone comes to what looking at all of them comes to."""
    told = [link for link in told if link[0] != link[1]]
    with duckdb.connect() as con:
        create_schemas(con)
        con.execute(
            "insert into raw.event_sources (source, app_id, identity) values ('s', 'app', 'merged')"
        )
        for number in data.draw(st.permutations(range(len(told)))):
            land_ruled(con, told[number], str(number))
            identities.resolve(con, [str(number)])
        aliases = aliases_of(con)
        groups: dict[uuid.UUID, set[uuid.UUID]] = {}
        for user in USERS:
            groups.setdefault(aliases.get(user, user), set()).add(user)
        assert {frozenset(group) for group in groups.values()} == united_by_rules(told)
        identities.resolve(con)
        assert aliases_of(con) == aliases
        if told:
            hidden = str(data.draw(st.integers(0, len(told) - 1)))
            con.execute("update raw.extracts set status = 'quarantined' where uri = ?", [hidden])
            identities.resolve(con, [hidden])
            parted = aliases_of(con)
            identities.resolve(con)
            assert aliases_of(con) == parted


def test_a_long_chain_of_merges_is_one_user() -> None:
    users = [uuid.UUID(int=number) for number in range(1, 300)]
    with duckdb.connect() as con:
        create_schemas(con)
        con.execute(
            "insert into raw.event_sources (source, app_id, identity) values ('s', 'app', 'merged')"
        )
        for number, pair in enumerate(itertools.pairwise(users)):
            land_ruled(con, (*pair, number % 7, "merge"), str(number))
        identities.resolve(con, ["150"])
        assert len(set(aliases_of(con).values())) == 1
        assert len(aliases_of(con)) == len(users) - 1
