"""The gate's error rate in small; `make bench-gate` measures it in full."""

from __future__ import annotations

from benchmarks.gate.error_rates import (
    FIRST_CASES,
    Case,
    First,
    kinds,
    levels,
    noise_for,
)
from benchmarks.gate.worlds import OWN_NOISE
from recsys_tasks.config import GateConfig

RULES = GateConfig(bootstrap_samples=200)


def test_the_simulated_rankers_are_as_good_as_planned() -> None:
    assert list(levels()) == sorted(levels(), reverse=True)
    assert noise_for(0.03) < noise_for(0.0) == OWN_NOISE < noise_for(-0.03)


def test_equally_good_challengers_are_seldom_taken_for_better() -> None:
    # 40 nights at 2.5 % each: four or more would happen in 2 % of such runs; the seeds are fixed
    found = kinds(40, 600, Case(), RULES, None)
    assert found["better"] <= 2 and found["refreshed"] == 0 and found["refuse"] == 0


def test_a_large_gain_is_mostly_seen_and_a_loss_never_promoted() -> None:
    assert kinds(15, 600, Case(gain=0.07), RULES, None)["better"] >= 6
    worse = kinds(15, 600, Case(gain=-0.05, age=30), RULES, None)
    assert worse["better"] == worse["refreshed"] == 0


def test_first_releases_are_judged_alike_where_users_are_alike_and_where_they_differ() -> None:
    for users_alike in (
        False,
        True,
    ):  # on one of the nights best sellers are as good for alike users
        assert kinds(6, 500, First(users_alike), RULES, None)["better"] >= 5
    for name, case in FIRST_CASES.items():
        if case.no_better or case.broken or case.noise > OWN_NOISE:
            found = kinds(6, 500, case, RULES, None)
            assert found["better"] == 0, name
            assert not case.broken or found["refuse"] == 6, name
