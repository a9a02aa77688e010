"""The judge of `make bench-retrieval`, on scores worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.protocols import DATASETS, Window
from benchmarks.retrieval.curves import Point
from benchmarks.retrieval.recall_by_seconds import rows_of
from benchmarks.retrieval.world import Score, World


def _world(forbid_known: bool) -> World:
    items: Any = SimpleNamespace(items=pd.DataFrame({"item_id": ["a", "b", "c", "d"]}), n_items=4)
    window = Window(
        date(2024, 1, 1), {"u": {"b", "d"}, "v": {"a", "elsewhere"}}, {"u": {"a"}, "v": set()}
    )
    dataset = replace(DATASETS["amazon-beauty"], forbid_known=forbid_known)
    return World(dataset, window, items, pd.DataFrame(), ["u", "v"])


USERS = np.array([[1.0], [0.0]], np.float32)  # v has no vector: all scores are alike


@pytest.mark.parametrize(("forbid", "place"), [(True, 0), (False, 1)])
def test_places_count_ties_and_unknown_items_against_a_system(forbid: bool, place: int) -> None:
    world = _world(forbid)
    items = world.item_vectors(
        ["c", "a", "b"], np.array([[1.0], [3.0], [2.0]], np.float32)
    )  # d is not known
    score = world.judge(USERS, items)
    # u: b comes after a, unless a may not be shown again; d is never found. v: a ties with b and c:
    # third.
    gains = np.array([1.0 / np.log2(place + 2), 1.0 / np.log2(2 + 2)])
    ideal = 1.0 + 1.0 / np.log2(3)  # two of the truth, for both
    assert score.ndcg_10 == pytest.approx(gains.sum() / ideal / 2)
    assert score.recall_100 == pytest.approx(2 / 4)
    assert score.hr_10 == 1.0


def test_seconds_to_anothers_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.retrieval.recall_by_seconds.judged_users", lambda name: 7)

    def points(system: str, *reached: tuple[float, float]) -> list[Point]:
        return [Point(system, seconds, Score(recall, 0.0, 0.0)) for seconds, recall in reached]

    run = {
        "nightshelf/two-tower": points(
            "nightshelf/two-tower", (10, 0.2), (20, 0.299), (30, 0.4), (40, 0.38)
        ),
        "tfrs-stock": points("tfrs-stock", (50, 0.298), (100, 0.3), (150, 0.29)),
    }
    found = {
        (r.system, r.metric): r.value for r in rows_of("amazon-beauty", [run]) if r.window == "mean"
    }
    # Stock's best is .3, of which 99 % are .297.
    assert found["tfrs-stock", "seconds to stock's best"] == 100
    assert found["nightshelf/two-tower", "seconds to stock's best"] == 30
    assert found["nightshelf/two-tower", "seconds to stock's best ÷ stock's"] == pytest.approx(0.3)
    assert found[
        "nightshelf/two-tower", "seconds to 99% of stock's best ÷ stock's"
    ] == pytest.approx(20 / 50)
    # Ours is shown as its training ends, stock at its best.
    assert found["nightshelf/two-tower", "recall@100"] == 0.38
    assert found["tfrs-stock", "recall@100"] == 0.3
