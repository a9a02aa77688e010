from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recsys_tasks.ranking.lists import reasons
from recsys_tasks.schema import REASONS, generator_bits, generator_names

NONE = ([-1, -1, -1, -1], np.empty((0, 2)), ["for_you", "for_you"], [-1, -1], 0)
# Item 2 has the products .6 with item 0 and .8 with item 1; item 3 has no vector.
SOME = (
    [0, 1, 2, -1],
    np.array([[1, 0], [0, 1], [0.6, 0.8]]),
    ["because_of", "for_you"],
    [1, -1],
    1,
)
# What is there has no vector of the history's: nothing to be near to.
OTHERS = ([-1, -1, 0, 1], np.array([[1, 0], [0, 1]]), ["for_you", "for_you"], [-1, -1], 0)


@pytest.mark.parametrize(("place", "vectors", "codes", "anchors", "readings"), [NONE, SOME, OTHERS])
def test_no_vector_is_read_where_the_history_has_none(
    monkeypatch: pytest.MonkeyPatch,
    place: list[int],
    vectors: np.ndarray,
    codes: list[str],
    anchors: list[int],
    readings: int,
) -> None:
    # One user with history items 0 and 1, co-visited items 2 and 3. In Python, so that the readings
    # can be counted: compiled, one beyond an empty table goes unnoticed.
    read = []

    def touch(items: np.ndarray, *_: object) -> int:
        read.append(items.tolist())
        return 0

    monkeypatch.setattr(reasons, "touch_vectors", touch)
    compiled: Any = reasons.explain_lists  # its type is the function's, but Numba wraps it
    monkeypatch.setattr(reasons, "explain_lists", compiled.py_func)
    ranks = np.full((1, 2, len(generator_names())), -1, np.int16)
    ranks[0, :, generator_names().index("covisitation")] = 0
    embeddings = SimpleNamespace(item_vectors=vectors.astype(np.float32))
    inputs: Any = SimpleNamespace(item_row=np.array(place, np.int32), embeddings=embeddings)
    shown = reasons.Shown(np.array([[2, 3]], np.int32), np.array([[0, 1]]), np.zeros((1, 2), bool))
    found = reasons.explained(shown, ranks, np.array([[0, 1]], np.int32), inputs)
    assert found[0].tolist() == [[1 << generator_bits()["covisitation"]] * 2]
    assert [REASONS[code] for code in found[1][0]] == codes and found[2][0].tolist() == anchors
    assert read == [[2, 3]] * readings
