"""A night in which workers, the broker and the store fail goes on by itself: `make cluster-chaos`;
as root.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.nights import NIGHTS
from tests.cluster.test_cluster import FOLDER, run_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the run saw; its logs stay in `build/cluster-chaos`."""
    return run_cluster("chaos", FOLDER.with_name("cluster-chaos"))


def test_lists_are_those_of_a_night_without_faults(seen: dict[str, Any]) -> None:
    assert list(seen["cluster"]) == [f"{NIGHTS[0]}"] and seen["cluster"] == seen["alone"]


def test_what_was_lost_was_tried_again_and_nobody_was_called(seen: dict[str, Any]) -> None:
    assert {"train_two_tower", "precompute_shard"} <= set(seen["tries"]), seen["tries"]
    assert seen["messages"] == []


def test_the_store_refused_something(seen: dict[str, Any]) -> None:
    refused = next(words for name, words in seen["faults"].items() if name.endswith("refuse"))
    assert int(refused.split()[0]) > 0
