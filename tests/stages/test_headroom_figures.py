"""Where quality is lost, measured of a whole night."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.stages.judging.headroom_figures import distinct
from tests.stages.shop_nights import SECOND_NIGHT, TwoNights, rows


def test_an_item_that_several_generators_named_counts_once() -> None:
    named = np.array([[5, 3, -1, 3, 5, 7], [2, -1, -1, 2, 2, -1]], np.int32)
    once = [sorted(row[row >= 0].tolist()) for row in distinct(named)]
    assert once == [[3, 5, 7], [2]]


def test_what_each_stage_could_have_reached_on_the_gate_window_is_measured(
    nights: TwoNights,
) -> None:
    query = (
        "SELECT scope, value FROM recsys.metrics WHERE scope LIKE 'gate/headroom=%'"
        " AND name = 'ndcg@10' AND as_of = :day"
    )
    found = rows(nights.second, query, day=SECOND_NIGHT).set_index("scope")["value"]
    stages = ("union", "candidates", "light", "lists")
    reached = [found[f"gate/headroom={stage}"] for stage in stages]
    assert 1 >= reached[0] >= reached[1] >= reached[2] > reached[3] > 0
    bands = {scope.partition("/activity=")[2] for scope in found.index} - {""}
    assert bands and bands <= {"1-4 events", "5-19 events", "20+ events"}
    # The figure of the lists is the gate's own, on the same users but those without a history.
    query = "SELECT value FROM recsys.metrics WHERE scope = 'gate/challenger' AND name = 'ndcg@10'"
    judged = rows(nights.second, query + " AND as_of = :day", day=SECOND_NIGHT)["value"].item()
    assert reached[3] == pytest.approx(judged, rel=0.25)
