"""Whose lists are looked into to learn votes."""

from __future__ import annotations

import numpy as np

from recsys_tasks.retrieval.candidates.votes import drawn_users


def test_users_are_drawn_by_chance_and_not_by_how_long_they_are_known() -> None:
    users = np.arange(4000, dtype=np.int32)  # keys ascend with the day that a user came
    drawn = drawn_users(users, 500, 7, 3)
    assert len(drawn) == 500 and (np.diff(drawn) > 0).all()
    assert abs(drawn.mean() - 2000) < 3 * 4000 / np.sqrt(12 * 500)
    assert drawn_users(users, 500, 7, 3).tolist() == drawn.tolist()
    assert drawn_users(users, 500, 7, 4).tolist() != drawn.tolist()
    assert drawn_users(users[:20], 500, 7, 3).tolist() == users[:20].tolist()
