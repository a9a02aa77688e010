from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.retrieval.tower.embedding_rows import (
    Dropout,
    HistoryRows,
    Pooled,
    Slots,
    adam,
    add_means,
    add_rows,
    pool,
    pool_gradients,
    spread_means,
)


def _keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def _one_member(*rows: list[float]) -> np.ndarray:
    """Rows as `[n, 1, k] float32`."""
    return np.array(rows, np.float32)[:, None]


class TestSlots:
    def test_different_keys_by_first_appearance(self) -> None:
        slots = Slots(10)
        found, places = slots.number(_keys(7, 3, 7, 0, 3))
        assert found.tolist() == [7, 3, 0]
        assert places.tolist() == [0, 1, 0, 2, 1]

    def test_a_batch_leaves_nothing_behind(self) -> None:
        slots = Slots(10)
        slots.number(_keys(7, 3))
        assert slots.number(_keys(3))[1].tolist() == [0]


def test_means_of_values_and_their_gradient() -> None:
    # Entity 0 has values 1 and 3, entity 1 none, entity 2 value 3 only; 0 pads.
    values = _one_member([9, 9], [1, 2], [8, 8], [3, 6])
    lists = np.array([[1, 3], [0, 0], [3, 0]], np.int32)
    means = _one_member([10, 10], [20, 20], [30, 30])
    add_means(values, lists, _keys(0, 1, 2), means)
    # (1 + 3) / 2 = 2 and (2 + 6) / 2 = 4 on top of 10; nothing; 3 and 6 on top of 30.
    assert means[:, 0].tolist() == [[12, 14], [20, 20], [33, 36]]
    of_values = np.zeros((3, 1, 2), np.float32)
    places = np.array([[1, 2], [0, 0], [2, 0]], np.int32)
    spread_means(_one_member([2, 4], [5, 5], [1, 1]), lists, places, of_values)
    # Value 1 gets half of entity 0's; value 3 that half and all of entity 2's; padding nothing.
    assert of_values[:, 0].tolist() == [[0, 0], [1, 2], [2, 3]]


def test_histories_are_pooled_by_weight_and_their_last_timestamp_evenly() -> None:
    inputs = _one_member([1, 0], [0, 1], [4, 4])
    # Query 0: input 0 (age 1), then inputs 1 and 2 in one basket (age 0); query 1: input 2 alone.
    place, row, age = _keys(0, 1, 2, 2), _keys(0, 0, 0, 1), _keys(1, 0, 0, 0)
    weight = np.array([[1.0], [0.5]], np.float32)
    pooled, last = (np.zeros((2, 1, 2), np.float32) for _ in range(2))
    pool(inputs, HistoryRows(place, row, age), weight, Pooled(pooled, last))
    # (.5 · [1, 0] + [0, 1] + [4, 4]) / 2.5 = [1.8, 2]; last: the mean of [0, 1] and [4, 4].
    np.testing.assert_allclose(pooled[:, 0], [[1.8, 2.0], [4.0, 4.0]], rtol=1e-6)
    np.testing.assert_allclose(last[:, 0], [[2.0, 2.5], [4.0, 4.0]], rtol=1e-6)


def test_gradients_of_pooling_are_the_slopes_of_it() -> None:
    rng = np.random.default_rng(1)
    members, k, length = 2, 3, 3
    inputs = rng.normal(size=(5, members, k)).astype(np.float32)
    decay = rng.normal(size=(length, members)).astype(np.float32)
    events = HistoryRows(_keys(0, 1, 1, 4, 2, 3), _keys(0, 0, 0, 0, 1, 1), _keys(2, 1, 0, 0, 1, 0))
    by_pooled, by_last = (rng.normal(size=(2, members, k)).astype(np.float32) for _ in range(2))

    def loss(inputs: np.ndarray, decay: np.ndarray) -> float:
        pooled, last = (np.zeros((2, members, k), np.float32) for _ in range(2))
        pool(inputs, events, np.exp(decay), Pooled(pooled, last))
        return float((by_pooled * pooled).sum(dtype=float) + (by_last * last).sum(dtype=float))

    pooled = Pooled(*(np.zeros((2, members, k), np.float32) for _ in range(2)))
    pool(inputs, events, np.exp(decay), pooled)
    of_inputs, of_decay = np.zeros_like(inputs), np.zeros_like(decay)
    given = Pooled(by_pooled, by_last)
    pool_gradients(inputs, events, np.exp(decay), pooled, given, of_inputs, of_decay)
    for at in np.ndindex(*inputs.shape):
        step = np.zeros_like(inputs)
        step[at] = 1e-2
        slope = (loss(inputs + step, decay) - loss(inputs - step, decay)) / 2e-2
        assert of_inputs[at] == pytest.approx(slope, abs=2e-3), at
    for at in np.ndindex(*decay.shape):
        step = np.zeros_like(decay)
        step[at] = 1e-2
        slope = (loss(inputs, decay + step) - loss(inputs, decay - step)) / 2e-2
        assert of_decay[at] == pytest.approx(slope, abs=2e-3), at


def test_rows_are_added_where_they_belong_twice_too() -> None:
    target = np.zeros((3, 1, 2), np.float32)
    add_rows(_one_member([1, 2], [3, 4], [5, 6]), _keys(2, 0, 2), target)
    assert target[:, 0].tolist() == [[3, 4], [0, 0], [6, 8]]


def test_adam_moves_the_named_rows_as_its_paper_says() -> None:
    parameter, first, second = (np.zeros((3, 2), np.float32) for _ in range(3))
    gradient = np.array([[4.0, -0.5]], np.float32)
    adam(parameter, first, second, _keys(1), gradient, 1, 0.1)
    # The first step moves by the rate against the gradient's sign; moments are a tenth and a
    # thousandth of it.
    np.testing.assert_allclose(parameter[1], [-0.1, 0.1], rtol=1e-4)
    np.testing.assert_allclose(first[1], [0.4, -0.05], rtol=1e-6)
    np.testing.assert_allclose(second[1], [0.016, 0.00025], rtol=1e-4)
    adam(parameter, first, second, _keys(1), -gradient, 2, 0.1)
    # m = .9 · .4 − .1 · 4 = −.04, v = .999 · .016 + .001 · 16 = .031984; corrected by .19 and
    # .001999: −.04 / .19 = −.21053 and √(.031984 / .001999) = 4, so the step is .1 · .21053 / 4 =
    # +.0052632.
    assert parameter[1, 0] == pytest.approx(-0.1 + 0.0052632, abs=1e-6)
    assert not parameter[[0, 2]].any()


def test_dropout_keeps_its_share_and_its_mean() -> None:
    factors = _factors(0.25, [1, 0, 7])
    assert set(np.unique(factors)) == {np.float32(0.0), np.float32(4 / 3)}
    assert factors.mean() == pytest.approx(1.0, abs=0.02)  # 20,000 draws: one deviation is .004
    assert (factors == _factors(0.25, [1, 0, 7])).all()
    assert (factors != _factors(0.25, [1, 0, 8])).any()
    assert (_factors(0.0, [1]) == 1.0).all()


def test_rows_and_their_gradients_lose_the_same_places() -> None:
    dropout, rows, gradients = (
        Dropout(3, 5, 0.5, [1]),
        np.ones((3, 1, 5), np.float32),
        np.full((3, 1, 5), 7, np.float32),
    )
    dropout.apply_mask(rows)
    dropout.apply_mask(gradients)
    assert 0 < np.count_nonzero(rows) < 15
    np.testing.assert_array_equal(gradients, 7 * rows)


@pytest.mark.parametrize(("rate", "share"), [(0.001, 0.0), (0.3, 77 / 256), (1.0, 255 / 256)])
def test_a_share_is_met_to_one_part_in_256(rate: float, share: float) -> None:
    factors = _factors(rate, [1])
    # 20,000 draws: four deviations of the largest, sqrt(.3 * .7 / 20,000), are .013.
    assert (factors == 0.0).mean() == pytest.approx(share, abs=0.013)
    assert factors.max() == pytest.approx(1 / (1 - share))


def _factors(rate: float, seed: list[int]) -> np.ndarray:
    """What becomes of 20,000 ones."""
    rows = np.ones((200, 2, 50), np.float32)
    Dropout(200, 100, rate, seed).apply_mask(rows)
    return rows
