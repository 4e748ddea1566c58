"""What a careless exporter writes lands as it was meant, through what ``inspect`` proposes.

Or a reason is given: nothing else lands in silence. `make proof` tries two thousand more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.inspect.careless import CASES, Export, draw_export
from tests.inspect.trying import Outcome, story_of, trial

DRAWS = 30

EXAMPLES = (5030, 5037, 5104, 5118, 110, 10)
"""Numbers of exports that once came out wrong."""


def test_what_is_drawn_lands_as_meant_or_a_reason_is_given(tmp_path: Path) -> None:
    with trial(tmp_path) as tried:
        outcomes = [(export, tried.land(export)) for export in map(tried.draw, range(DRAWS))]
    assert [story_of(*one) for one in outcomes if one[1].became == "wrong"] == []
    assert all(outcome.said for _, outcome in outcomes if outcome.became != "equal")
    became = Counter(outcome.became for _, outcome in outcomes)
    assert became["equal"] >= 0.8 * DRAWS, became


@pytest.mark.parametrize("seed", EXAMPLES)
def test_the_examples_come_out_as_well(tmp_path: Path, seed: int) -> None:
    with trial(tmp_path) as tried:
        export = tried.draw(seed)
        outcome = tried.land(export)
    assert outcome.became == "equal", story_of(export, outcome)


def test_what_the_proof_draws_holds_every_case(tmp_path: Path) -> None:
    drawn = Counter(case for seed in range(400) for case in draw_export(seed, tmp_path).cases)
    assert {case: drawn[case] for case in CASES if drawn[case] < 3} == {}
    assert set(drawn) <= set(CASES)


def landed_but(tmp_path: Path, change: str) -> Outcome:
    with trial(tmp_path) as tried:
        export = tried.draw(5104)
        return tried.land(_meant_otherwise(export, change))


def _meant_otherwise(export: Export, change: str) -> Export:
    first, *others = export.rows
    match change:
        case "another user":
            return replace(export, rows=(("nobody knows", *first[1:]), *others))
        case "another name":
            return replace(export, rows=((first[0], "nothing like it", *first[2:]), *others))
        case "a row more":
            return replace(export, rows=(*export.rows, export.rows[0]))
        case "a row less":
            return replace(export, rows=export.rows[1:])
        case _:
            return replace(export, nobodies=export.nobodies + 1)


@pytest.mark.parametrize(
    "change", ["another user", "another name", "a row more", "a row less", "another count"]
)
def test_a_difference_would_be_seen(tmp_path: Path, change: str) -> None:
    assert landed_but(tmp_path, change).became == "wrong"
