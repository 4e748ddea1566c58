"""Verdicts: every word, when it is too early, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from flows.outlook.rules import VerdictRules
from flows.outlook.verdict import Arrivals, ChartDay, arrivals_of, judge
from tests.outlook.conftest import Floats, MakeApp, Rate
from tests.presence import present

FIRST = date(2024, 1, 1)
RULES = VerdictRules()

STEADY = [200] * 120
BURST = [100, 200, 400, 800, *(2000 * 0.5 ** (n / 8) for n in range(116))]


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def flat(n: Floats) -> Floats:
    return 0.4 * n**-0.15


def steep(n: Floats) -> Floats:
    return 0.2 * n**-0.9


@pytest.mark.parametrize(
    ("users", "curve", "word"),
    [
        (STEADY, flat, "sticks"),
        (BURST, flat, "sticks"),
        (BURST, steep, "spike"),
        (STEADY, steep, "leaky"),
        # a high day 60 on the way down to nothing does not stick
        (STEADY, lambda n: np.where(n < 20, 0.6, 0.6 * np.exp(-(n - 20) / 25)), "leaky"),
    ],
)
def test_every_word(an_app: MakeApp, users: Sequence[float], curve: Rate, word: str) -> None:
    app = an_app(users, curve, day(119))
    verdict = judge(app, day(119), RULES)
    assert verdict.word == word
    assert present(verdict.confidence) > 0.9
    assert len(verdict.reasons) == 3


@pytest.mark.parametrize("curve", [flat, steep])
@pytest.mark.parametrize("users", [STEADY, BURST])
def test_the_first_days_are_too_early(an_app: MakeApp, users: Sequence[float], curve: Rate) -> None:
    app = an_app(users, curve, day(119))
    for age in range(7):
        verdict = judge(app, day(age), RULES)
        assert (verdict.word, verdict.confidence) == ("too_early", None)
        assert verdict.next_on is None or verdict.next_on > day(age)
    assert judge(app, day(14), RULES).word != "too_early"


def test_a_handful_of_users_is_too_early_at_any_age(an_app: MakeApp) -> None:
    app = an_app([1] * 120, flat, day(119))
    assert judge(app, day(119), RULES).word == "too_early"


def test_what_cannot_be_decided_is_too_early(an_app: MakeApp) -> None:
    app = an_app([40] * 120, lambda n: 0.30 * n**-0.27, day(119))  # heading for 10 % on day 60
    verdict = judge(app, day(14), RULES)
    assert verdict.word == "too_early"
    assert verdict.reasons[0].startswith("Undecided: sticks ")


def test_a_horizon_that_ends_before_day_60_is_said(an_app: MakeApp) -> None:
    verdict = judge(an_app(STEADY, flat, day(119), horizon=30), day(119), RULES)
    assert verdict.word == "too_early"
    assert verdict.reasons == ("Day 60 lies beyond horizon_days, 30.",)


def test_it_says_when_more_can_be_told(an_app: MakeApp) -> None:
    app = an_app([100] * 120, flat, day(119))
    verdict = judge(app, day(20), RULES)
    # 400 users have come by the fourth day; their 28 days are complete 28 days later
    assert verdict.next_on == day(3 + 28)
    assert verdict.next_step == (
        f"when events up to {day(31)} have landed: 400 users then have 28 complete days"
    )
    assert judge(app, day(119), RULES).next_on is None


def test_no_day_is_measured_before_it_is_complete(an_app: MakeApp) -> None:
    app = an_app(STEADY, steep, day(119))
    for age in range(60):
        verdict = judge(app, day(age), RULES)
        for text in (*verdict.reasons, verdict.would_change):
            for measured in re.findall(r"[Dd]ay (\d+) kept", text):
                assert int(measured) <= age, text


def test_the_peak_of_the_ranks_is_told_as_of_the_day(an_app: MakeApp) -> None:
    def rank(chart: str, n: int, best: int | None, last: int | None) -> ChartDay:
        return ChartDay(chart=chart, day=day(n), best_rank=best, rank=last, depth=100)

    ranks = [
        rank("apple us top-free", 3, 1, 2),
        rank("apple us top-free", 30, 40, 45),
        rank("apple us top-free", 60, None, None),
        rank("apple jp top-free", 3, 4, 5),
    ]
    app = an_app(BURST, steep, day(119))
    on_40 = " ".join(judge(app, day(40), RULES, ranks=ranks).reasons)
    assert f"Rank 1 on apple us top-free on {day(3)}, 45 on {day(30)}." in on_40
    on_100 = " ".join(judge(app, day(100), RULES, ranks=ranks).reasons)
    assert f"Rank 1 on apple us top-free on {day(3)}, worse than 100 on {day(60)}." in on_100


def test_arrivals_see_rise_fall_and_evenness(an_app: MakeApp) -> None:
    def of(users: Sequence[float], n: int = 119) -> Arrivals:
        return arrivals_of(an_app(users, steep, day(119)), day(n))

    assert of(STEADY).ratio == pytest.approx(1.0)
    assert of(BURST, 6).ratio > 3
    assert of(BURST, 6).grew
    falling = of([2000 * 0.5 ** (n / 4) for n in range(30)], 29)
    assert falling.ratio > 5
    assert not falling.grew
    assert falling.kept < 0.1
    assert of([100 * 1.01**n for n in range(120)]).ratio < 1.3


def test_rules_are_rules(an_app: MakeApp) -> None:
    app = an_app(STEADY, lambda n: 0.2 * n**-0.15, day(119))  # 10.8 % on day 60
    assert judge(app, day(119), RULES).word == "sticks"
    assert judge(app, day(119), VerdictRules(stay_rate=0.2)).word == "leaky"
