"""YAML with a key that is given twice."""

from __future__ import annotations

import pytest
import yaml

from flows.unique_keys import load_yaml


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("events: []\napps: []\nevents: []\n", 1, 3),
        ("events:\n- name: a\n  uri: x\n  name: b\n", 2, 4),
        ("events: [{columns: {user_id: a, user_id: b}}]\n", 1, 1),
        ("apps:\n- store_ids:\n    apple: 1\n    'apple': 2\n", 3, 4),
        ("? events\n: []\n? events\n: []\n", 1, 3),
    ],
)
def test_both_lines_of_a_key_that_is_given_twice_are_named(
    text: str, first: int, second: int
) -> None:
    with pytest.raises(yaml.YAMLError, match=f"in line {first} and in line {second}: keep one"):
        load_yaml(text)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("base: &base {a: 1, b: 2}\nown:\n  <<: *base\n  b: 3\n", {"a": 1, "b": 3}),
        ("own: {1: x, '1': y}\n", {1: "x", "1": "y"}),
        ("own: [{a: 1}, {a: 2}]\n", [{"a": 1}, {"a": 2}]),
    ],
)
def test_what_is_given_once_is_read_as_ever(text: str, document: object) -> None:
    assert load_yaml(text)["own"] == document
