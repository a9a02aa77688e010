"""Feedback and drift by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_tasks.gate.evaluate import truth_between
from recsys_tasks.monitoring.lists.drift import drift_alarm, mix_psi, psi, score_psi
from recsys_tasks.monitoring.lists.feedback import (
    churn,
    churn_alarm,
    drop_alarm,
    list_health,
    realised,
)
from recsys_tasks.snapshot.events import Events


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_realised_by_hand() -> None:
    ones = np.ones(3, np.float32)
    happened = Events(
        keys(4, 4, 9), keys(7, 8, 1), np.array([10, 99, 20]), np.zeros(3, np.int8), ones, ones, ones
    )
    lists, popular = np.array([[7, 5], [2, 3]], np.int32), np.array([[5, 7], [5, 7]], np.int32)
    found = realised(lists, popular, truth_between(happened, (0,), 0, 99, keys(4, 6)), of=4)
    # user 4 bought 7 (first place) in the window; 8 came too late; user 6 bought nothing; user 9
    # had no list
    assert found["ndcg@10"] == 1 and found["hr@10"] == 1
    assert found["popular/hr@10"] == 1 and found["popular/mrr@10"] == 0.5  # second place
    assert found["users"] == 1 and found["active_share"] == 0.25
    nothing = realised(lists, None, truth_between(happened, (0,), 200, 300, keys(4, 6)), of=4)
    assert math.isnan(nothing["hr@10"]) and nothing["users"] == 0 and "popular/hr@10" not in nothing


def test_churn_by_hand() -> None:
    before = np.array([[1, 2, 3], [4, 5, -1], [6, 7, 8]], np.int32)
    now = np.array([[3, 2, 9], [4, 5, -1], [-1, -1, -1]], np.int32)
    # users 1 and 2 are in both: user 1 keeps 3 and 2 of three places, user 2 all
    np.testing.assert_allclose(churn(keys(1, 2, 3), before, keys(1, 2, 5), now, k=3), [1 / 3, 0])
    assert len(churn(keys(1), before[:1], keys(2), now[:1], k=3)) == 0
    assert churn(keys(1), before[:1], keys(1), now[2:], k=3).tolist() == [
        1.0
    ]  # a list that vanished


def test_churn_alarm_names_bound_and_value() -> None:
    alarm = churn_alarm(np.array([1.0, 0.9]), 0.9)
    assert alarm is not None and (alarm.bound, alarm.value) == (0.9, 0.95) and "95%" in alarm.words
    assert churn_alarm(np.array([0.9]), 0.9) is None and churn_alarm(np.zeros(0), 0.9) is None


def test_list_health_by_hand() -> None:
    lists = np.array([[0, 1], [0, 1], [2, -1]], np.int32)
    counts, on_offer = (
        np.array([9, 0, 0, 0, 0], np.int64),
        np.array([True, True, True, True, False]),
    )
    found = list_health(lists, np.array([0, 0, 4], np.int8), counts, on_offer, k=2)
    assert found["coverage@2"] == 3 / 5 and found["coverage_on_offer@2"] == 3 / 4
    assert found["popularity_share@2"] == 2 / 5
    assert found["identical_share"] == 2 / 3 and found["short_share"] == 1 / 3
    assert found["rung_share/heavy"] == 2 / 3 and found["rung_share/popularity"] == 1 / 3


def test_drop_alarm_needs_history() -> None:
    earlier = {f"2026-03-0{d}": 0.10 for d in range(1, 5)}
    alarm = drop_alarm("ndcg@10", 0.06, earlier)
    assert alarm is not None and alarm.bound == pytest.approx(0.07) and "0.0600" in alarm.words
    assert drop_alarm("ndcg@10", 0.08, earlier) is None
    assert drop_alarm("ndcg@10", 0.01, {"2026-03-01": 0.1}) is None
    assert drop_alarm("ndcg@10", float("nan"), earlier) is None


def test_psi_by_hand() -> None:
    # shares (.5, .5) to (.9, .1): .4·ln(1.8) − .4·ln(.2)
    expected = 0.4 * math.log(1.8) - 0.4 * math.log(0.2)
    assert psi(np.array([5.0, 5.0]), np.array([9.0, 1.0])) == pytest.approx(expected)
    assert mix_psi({"view": 50, "buy": 50}, {"view": 900, "buy": 100}) == pytest.approx(expected)
    assert psi(np.ones(3), np.ones(3) * 7) == 0
    assert math.isnan(psi(np.zeros(2), np.ones(2)))
    assert mix_psi({"view": 1}, {"view": 1, "buy": 1}) > 1  # a kind never seen before


def test_score_psi_sees_a_shift_and_no_noise() -> None:
    rng = np.random.default_rng(0)
    before = rng.beta(2, 20, 20_000)
    assert score_psi(before, rng.beta(2, 20, 20_000)) < 0.01
    assert score_psi(before, rng.beta(4, 20, 20_000)) > 0.25
    assert score_psi(np.full(5, 0.1), np.full(5, 0.1)) == 0
    assert math.isnan(score_psi(before, np.array([np.nan])))


def test_drift_alarm() -> None:
    alarm = drift_alarm("score distribution", 0.4)
    assert alarm is not None and alarm.bound == 0.25 and "PSI 0.40" in alarm.words
    assert drift_alarm("x", 0.25) is None and drift_alarm("x", float("nan")) is None
