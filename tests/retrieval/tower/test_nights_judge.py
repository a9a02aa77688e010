"""The judges of the warm-start and cold-item benchmarks, on figures worked by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.retrieval.cold_items import recall
from benchmarks.retrieval.nights import Truth, judge
from benchmarks.retrieval.warm_nights import Chain, compare, mean_of
from recsys_tasks.clock import DAY_SECONDS, start_of
from tests.worlds import make_config, make_snapshot

NIGHT = date(2024, 10, 14)


def _truth(pairs: list[tuple[int, int]]) -> Truth:
    user, item = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
    nothing = np.zeros(len(user), bool)
    return Truth(user, item, nothing, nothing, {})


def test_recall_and_ndcg_of_each_user() -> None:
    # User 1 wants 5 and 6: 5 is second (1 / log2 3), 6 is missed; the ideal is 1 + 1 / log2 3. User
    # 2 has no list.
    found = judge({1: [9, 5]}, _truth([(1, 5), (1, 6), (2, 5)]))
    gain = 1 / np.log2(3)
    np.testing.assert_allclose(found, [[1, 0.5, gain / (1 + gain)], [2, 0, 0]])


def test_nobody_to_judge_is_no_row() -> None:
    assert judge({}, _truth([(1, 5)]).slice("new items")).shape == (0, 3)


def test_truth_is_of_known_users_and_knows_who_was_there_and_what_is_new(tmp_path: Path) -> None:
    start = start_of(NIGHT)
    rows = [
        ("u0", "i0", start - 40 * DAY_SECONDS),
        ("u1", "i1", start - 1),
        ("u0", "i1", start),
        ("u1", "i0", start + 6 * DAY_SECONDS),
        ("u1", "i0", start + 6 * DAY_SECONDS + 1),
        ("u0", "i0", start + 7 * DAY_SECONDS),  # after the window
        ("u2", "i0", start + 1),  # a stranger
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    later = make_snapshot(tmp_path, make_config(), date(2024, 10, 25), events)
    truth = Truth.of(NIGHT, later, 7)
    assert list(zip(truth.user.tolist(), truth.item.tolist(), strict=True)) == [(0, 1), (1, 0)]
    assert truth.active.tolist() == [False, True]  # u1 was there on the last day
    assert truth.new.tolist() == [True, False]  # i1's first event is a second old, i0's 40 days


def test_gains_are_of_the_nights_that_have_both() -> None:
    rows = np.array([[1, 0.6, 0.6], [2, 0.6, 0.6]])
    chain = Chain()
    chain.judged[date(2024, 1, 1)] = {("warm", "all"): rows, ("cold", "all"): rows / [1, 1.2, 1.2]}
    chain.judged[date(2024, 1, 2)] = {("warm", "all"): rows * 0}
    assert compare(chain, "warm", "cold", "all", 1, "users").relative == pytest.approx(0.2)


def test_a_users_figure_is_the_mean_of_the_draws_that_have_one() -> None:
    night, warm, cold = date(2024, 1, 1), ("warm", "all"), ("cold", "all")
    first, second = Chain(), Chain()
    first.judged[night] = {
        warm: np.array([[1, 0.6, 0.2], [2, 0.0, 0.0]]),
        cold: np.array([[1, 0.5, 0.1], [2, 0.5, 0.1]]),
    }
    second.judged[night] = {warm: np.array([[1, 0.2, 0.4], [2, 1.0, 1.0]])}
    first.seconds, second.seconds = {"warm": [3.0], "cold": [30.0]}, {"warm": [5.0], "cold": []}
    mean = mean_of([first, second])
    np.testing.assert_allclose(mean.judged[night][warm], [[1, 0.4, 0.3], [2, 0.5, 0.5]])
    np.testing.assert_allclose(
        mean.judged[night][cold], first.judged[night][cold]
    )  # of the first draw alone
    assert mean.seconds == {"warm": [3.0, 5.0], "cold": [30.0]}


def test_recall_of_a_ranking_keeps_ties_in_order() -> None:
    scores, wanted = np.array([[0.1, 0.9, 0.9, 0.2]]), np.array([[False, True, True, False]])
    assert recall(scores, wanted, 1).tolist() == [0.5]
    assert recall(scores, wanted, 2).tolist() == [1.0]
