"""A slug is a safe name of a file and of an address, one app's alone, whatever its id is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from flows.report.slugs import slug, slugs


@given(st.sets(st.text(), max_size=20))
def test_slugs_are_safe_and_unique_even_where_case_is_ignored(app_ids: set[str]) -> None:
    named = slugs(app_ids)

    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) for name in named.values())
    assert all(len(name) <= 60 for name in named.values())
    assert len({name.casefold() for name in named.values()}) == len(app_ids)


def test_a_plain_id_is_its_own_slug() -> None:
    assert slug("spike") == "spike"
    assert slug("my_app-2") == "my_app-2"


def test_other_ids_keep_what_can_be_read_of_them() -> None:
    assert re.fullmatch(r"cafe-app-[0-9a-f]{8}", slug("Café/App"))
    assert re.fullmatch(r"app-[0-9a-f]{8}", slug("../.."))
    assert slug("Spike") != slug("spike")


def test_an_id_cannot_take_the_slug_of_another() -> None:
    taken = slug("Spike")

    assert slug(taken) != taken


def test_names_that_windows_keeps_for_itself_are_avoided() -> None:
    assert slug("con") != "con"
