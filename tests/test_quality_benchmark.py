"""What `make bench-quality` says of published scores, on a window worked by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from benchmarks.protocols import Window
from benchmarks.quality.lists import score_error


def test_scores_are_held_against_what_everyone_with_a_list_did() -> None:
    rows = pd.DataFrame(
        {
            "user_id": ["u", "u", "idle", "idle"],
            "item_id": ["a", "b", "a", "b"],
            "score": [0.8, 0.6, 0.4, 0.2],
        }
    )
    window = Window(date(2024, 1, 1), {"u": {"a", "elsewhere"}}, {"u": set(), "idle": set()})
    # Every row is a bin of its own; only (u, a) came true: (.2 + .6 + .4 + .2) / 4.
    assert score_error(rows, window) == pytest.approx(0.35)
