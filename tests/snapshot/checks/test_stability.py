"""The population stability index by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_tasks.snapshot.checks.stability import mix_psi, psi, score_psi


def test_psi_by_hand() -> None:
    # shares (.5, .5) to (.9, .1): .4·ln(1.8) − .4·ln(.2)
    expected = 0.4 * math.log(1.8) - 0.4 * math.log(0.2)
    assert psi(np.array([5.0, 5.0]), np.array([9.0, 1.0])) == pytest.approx(expected)
    assert mix_psi({"view": 50, "buy": 50}, {"view": 900, "buy": 100}) == pytest.approx(expected)
    assert psi(np.ones(3), np.ones(3) * 7) == 0
    assert math.isnan(psi(np.zeros(2), np.ones(2)))
    assert mix_psi({"view": 1}, {"view": 1, "buy": 1}) > 1  # a kind never seen before


def test_score_psi_sees_a_frequent_value_give_way_to_a_smaller_one() -> None:
    # of "0, 1, more" the shares (.01, .99, 0) become (1, 0, 0), and none counts as 0.0001
    expected = 0.99 * math.log(100) + (0.99 - 1e-4) * math.log(0.99 / 1e-4)
    flags = np.repeat([0.0, 1.0], [10, 990])
    assert score_psi(flags, np.zeros(500)) == pytest.approx(expected)
    assert score_psi(flags, flags) == 0
    assert score_psi(np.full(9, 5.0), np.full(9, 3.0)) > 1


def test_score_psi_sees_a_shift_and_no_noise() -> None:
    rng = np.random.default_rng(0)
    before = rng.beta(2, 20, 20_000)
    assert score_psi(before, rng.beta(2, 20, 20_000)) < 0.01
    assert score_psi(before, rng.beta(4, 20, 20_000)) > 0.25
    assert score_psi(np.full(5, 0.1), np.full(5, 0.1)) == 0
    assert math.isnan(score_psi(before, np.array([np.nan])))
