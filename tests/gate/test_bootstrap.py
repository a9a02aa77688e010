"""The bootstrap against theory and against the plain way of resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_tasks.gate.bootstrap import paired_bootstrap


def test_same_seed_same_samples_and_identical_systems_never_differ() -> None:
    values = np.random.default_rng(0).random(50)
    one, two = (paired_bootstrap(values, values * 0.9, 200, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.gains, two.gains)
    same = paired_bootstrap(values, values, 200, seed=3)
    assert same.confidence(0.0) == 0 and same.relative == 0 and same.interval(0.9) == (0, 0)
    assert same.confidence(-0.01) == 1


def test_agrees_with_resampling_every_user() -> None:
    rng = np.random.default_rng(5)
    champion = np.where(rng.random(400) < 0.7, 0, rng.random(400))
    challenger = np.where(rng.random(400) < 0.7, 0, rng.random(400)) + 0.05 * (champion > 0)
    found = paired_bootstrap(challenger, champion, 20_000, seed=1)
    rows = rng.integers(0, 400, (20_000, 400))
    plain = (challenger - champion)[rows].sum(1) / champion[rows].sum(1)
    low, high = found.interval(0.9)
    assert low == pytest.approx(np.quantile(plain, 0.05), abs=0.01)
    assert high == pytest.approx(np.quantile(plain, 0.95), abs=0.01)
    assert found.confidence(0.0) == pytest.approx((plain > 0).mean(), abs=0.015)


def test_pairs_with_a_missing_truth_are_left_out() -> None:
    found = paired_bootstrap(np.array([1, np.nan, 0.5]), np.array([0.5, 1, 0.5]), 10, seed=1)
    # means .75 and .5 over two users: a relative gain of one half
    assert found.users == 2 and found.relative == pytest.approx(0.5)


def test_champion_of_zero_and_nobody() -> None:
    better = paired_bootstrap(np.ones(5), np.zeros(5), 50, seed=1)
    assert (
        math.isinf(better.relative)
        and better.confidence(0.1) == 1
        and better.interval(0.9) == (math.inf, math.inf)
    )
    nobody = paired_bootstrap(np.array([np.nan]), np.array([np.nan]), 50, seed=1)
    assert (
        nobody.users == 0
        and math.isnan(nobody.confidence(0.0))
        and math.isnan(nobody.interval(0.9)[0])
    )


def test_false_alarms_are_as_rare_as_promised() -> None:
    # 300 pairs of equally good systems: confidence 0.95 is reached about one time in twenty
    rng = np.random.default_rng(11)
    trials = [
        paired_bootstrap(rng.random(200), rng.random(200), 400, seed=s).confidence(0.0) > 0.95
        for s in range(300)
    ]
    assert 0.02 < np.mean(trials) < 0.09


def test_two_hundred_thousand_users_take_a_moment() -> None:
    rng = np.random.default_rng(2)
    champion = np.where(rng.random(200_000) < 0.8, 0, rng.random(200_000))
    found = paired_bootstrap(champion * 1.02, champion, 200, seed=1)
    assert found.confidence(0.01) == 1
