"""Places counted by segment, rank and reason, of shops with segments, without, and of both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from recsys_tasks.monitoring.lists.outcomes import Shown, count_places
from recsys_tasks.schema import REASONS


@pytest.mark.parametrize("names", [[], ["nl"], ["be", "nl"]])
def test_places_are_those_that_a_slow_count_finds(names: list[str]) -> None:
    rng = np.random.default_rng(len(names))
    codes = rng.integers(-1, len(names), 60).astype(np.int32)  # -1: a user of no segment
    users = np.sort(rng.choice(60, 40, replace=False)).astype(np.int32)
    items = rng.integers(-1, 9, (40, 5)).astype(np.int32)
    reasons = rng.integers(0, len(REASONS), (40, 5)).astype(np.int8)
    shown = Shown.of((users, items, reasons), codes, names)
    slow = Counter(
        ("" if codes[user] < 0 else names[codes[user]], rank + 1, REASONS[reasons[row, rank]])
        for row, user in enumerate(users)
        for rank in range(5)
        if items[row, rank] >= 0
    )
    found = count_places(shown).to_pandas()
    segment = found["segment"].fillna("")
    reason = [REASONS[code] for code in found["reason"]]
    assert (
        dict(zip(zip(segment, found["rank"], reason, strict=True), found["places"], strict=True))
        == slow
    )
