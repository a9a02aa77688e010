"""Ragged rows and look-ups in sorted arrays, with the empty ones that each caller had to mind."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import PairIndex, Ragged, find_sorted


def test_ragged_rows_say_whose_each_entry_is() -> None:
    ragged = Ragged(np.array([0, 2, 2, 3]), np.array([7, 8, 9], np.int32))
    assert ragged.sizes.tolist() == [2, 0, 1]
    assert ragged.rows.tolist() == [0, 0, 2]


def test_what_is_not_there_is_said_so_also_behind_the_last_and_among_none() -> None:
    place, found = find_sorted(np.array([2, 5, 9]), np.array([[5, 10], [1, 9]]))
    assert found.tolist() == [[True, False], [False, True]]
    assert place[found].tolist() == [1, 2] and place.max() <= 2
    place, found = find_sorted(np.empty(0, np.int64), np.array([3]))
    assert (place.tolist(), found.tolist()) == ([0], [False])


def test_a_pair_that_is_missing_has_the_value_given_for_it() -> None:
    pairs, values = PairIndex(np.array([4, 6])), np.array([3, 5], np.int16)
    looked_up = pairs.look_up(np.array([6, 5]), values, 0)
    assert looked_up.tolist() == [5, 0] and looked_up.dtype == np.int16
    assert pairs.contains(np.array([6, 5])).tolist() == [True, False]
    nobody = PairIndex(np.empty(0, np.int64))
    assert nobody.look_up(np.array([6]), np.empty(0, np.int16), 0).tolist() == [0]
