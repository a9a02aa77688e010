from __future__ import annotations

import numpy as np

from recsys_tasks.features.pairs import SIEVE
from recsys_tasks.features.tables import PairTable


def test_items_that_share_a_mark_are_told_apart() -> None:
    # 5, TWIN and THIRD have the same low bits. User 0 has 5, 7 and TWIN, user 1 has 7 and THIRD.
    twin, third = 5 + SIEVE, 5 + 2 * SIEVE
    table = PairTable(
        np.array([0, 3, 5], np.int64),
        np.array([5, 7, twin, 7, third], np.int32),
        np.array([[1.0], [2.0], [3.0], [4.0], [5.0]], np.float32),
    )
    wanted = [
        (0, 5, 1.0),
        (0, twin, 3.0),
        (0, third, np.nan),  # marked by two others
        (0, 6, np.nan),  # not marked at all
        (1, 5, np.nan),  # marked by user 0 and by another item of user 1
        (1, third, 5.0),
        (1, 7, 4.0),
        (0, 7, 2.0),  # user 1 has overwritten this mark of user 0 meanwhile
        (2, 7, np.nan),  # newer than the table
    ]
    users, items, values = (np.array(column) for column in zip(*wanted, strict=True))
    found = table.gather(users.astype(np.int32), items.astype(np.int32))
    assert np.array_equal(found[:, 0], values.astype(np.float32), equal_nan=True), found[
        :, 0
    ].tolist()
