"""The truth curves pass through what was published and never rise."""

from __future__ import annotations

import numpy as np
import pytest

from flows.demo.curves import APPS, HABIT, LEAKY, SPIKE, SimulatedApp


def test_published_figures_are_the_truth() -> None:
    assert SPIKE.retention_truth() == {1: 0.10, 7: 0.02, 30: 0.01, 60: 0.003}
    assert LEAKY.retention_truth() == {1: 0.18, 7: 0.06, 30: 0.02, 60: 0.01}
    habit = HABIT.retention_truth()
    assert (habit[1], habit[30]) == (0.50, 0.32)


def test_between_two_points_the_curve_is_a_power_law() -> None:
    exponent = np.log(0.32 / 0.50) / np.log(30)

    assert HABIT.retention_truth()[7] == pytest.approx(0.50 * 7**exponent, abs=1e-6)
    assert HABIT.retention_truth()[60] == pytest.approx(0.50 * 60**exponent, abs=1e-6)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.app_id)
def test_everybody_is_there_on_day_0_and_the_curve_falls(app: SimulatedApp) -> None:
    curve = app.retention(np.arange(app.days, dtype=np.int64))

    assert curve[0] == 1.0
    assert np.all(np.diff(curve) < 0)
    assert np.all(curve > 0)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.app_id)
def test_heavy_and_light_users_average_to_the_curve(app: SimulatedApp) -> None:
    curve = app.retention(np.arange(1, app.days, dtype=np.int64))

    # neither kind may need a probability outside 0..1, or the average would be missed
    assert np.all(app.heavy_boost * curve <= 1.0)
    assert app.heavy_share * app.heavy_boost < 1.0


def test_installs_of_the_spike_explode_and_decay() -> None:
    installs = SPIKE.installs_by_day()

    assert int(np.argmax(installs)) == 4
    assert installs[4] > 10 * installs[0]
    assert installs[34] < installs[4] / 10
    assert np.all(np.diff(installs[4:]) <= 0)
