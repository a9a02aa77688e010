from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs, parse_day, start_of
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Lake
from recsys_tasks.ranking.lists.recommender import RankedLists
from recsys_tasks.serving.precompute import (
    Shard,
    active_users,
    buckets,
    lists_table,
    precompute_shard,
    shard_users,
)
from tests.serving.ranked import ranked, read_lists
from tests.worlds import make_config, make_snapshot

AS_OF = parse_day("2026-03-10")


class Counting:
    """Recommends items 0 … k − 1 to everyone and counts the users it was asked for."""

    def __init__(self) -> None:
        self.blocks: list[int] = []

    def recommend(
        self, users: Keys, k: int, *, eligible: npt.NDArray[np.bool_] | None
    ) -> RankedLists:
        self.blocks.append(len(users))
        return ranked(users, [list(range(k))] * len(users))

    def release(self) -> None:
        pass


def test_active_users_by_the_threshold(tmp_path: Path) -> None:
    """Cutoff 10 March, 5 days: a has 2 events on 5 and 9 March, b one of two on 4 March, c 2 with
    one on the cutoff.
    """
    days = {
        "a": ["2026-03-05", "2026-03-09"],
        "b": ["2026-03-04", "2026-03-06"],
        "c": ["2026-03-09", "2026-03-10"],
    }
    rows = [(user, "x", start_of(parse_day(day))) for user, of in days.items() for day in of]
    config = make_config(activity={"min_events": 2, "within_days": 5})
    snapshot = make_snapshot(
        tmp_path, config, "2026-03-11", pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    )
    assert snapshot.users["user_id"][
        active_users(snapshot, config, Cutoffs.at(AS_OF))
    ].tolist() == ["a"]


def test_every_user_is_in_exactly_one_shard_whatever_the_others_are() -> None:
    users = np.arange(10_000, dtype=np.int32)
    parts = [shard_users(users, shard, 7) for shard in range(7)]
    assert np.array_equal(np.sort(np.concatenate(parts)), users)
    assert max(map(len, parts)) < 1.15 * min(map(len, parts))
    some = shard_users(users[::3], 2, 7)
    assert np.array_equal(some, parts[2][np.isin(parts[2], users[::3])])


def test_buckets_are_those_of_splitmix64() -> None:
    # splitmix64's published first outputs for state 0 and 1 (state += golden gamma first)
    first = {0: 0xE220A8397B1DCDAF, 1: 0x910A2DEC89025CC1}
    assert buckets(np.array(list(first), np.int32)).tolist() == [
        value & 255 for value in first.values()
    ]


@pytest.mark.parametrize(("shard", "shards"), [(2, 2), (-1, 2), (0, 257)])
def test_shards_out_of_range_are_refused(shard: int, shards: int) -> None:
    with pytest.raises(ValueError, match="shard"):
        shard_users(np.arange(3, dtype=np.int32), shard, shards)


def test_rows_are_cut_at_k_and_spares_and_sorted_by_user() -> None:
    lists = ranked(np.array([5, 2], np.int32), [[7, 8, 9, 1], [3, 4, -1, -1]])
    rows = lists_table(lists, k=3, spares=0).to_pylist()
    assert [row["user_key"] for row in rows] == [2, 5]
    assert [row["items"] for row in rows] == [[3, 4], [7, 8, 9]]
    assert rows[1]["scores"] == pytest.approx([0.9, 0.8, 0.7]) and rows[1]["ranks_before"] == [
        1,
        2,
        3,
    ]
    assert [row["short_reason"] for row in rows] == ["too_few_candidates", None]
    assert rows[0]["propensities"] == [1.0, 1.0]


def test_a_user_without_candidates_has_an_empty_row() -> None:
    row = lists_table(ranked(np.array([0], np.int32), [[-1, -1]]), k=2, spares=0).to_pylist()[0]
    assert row["items"] == [] and row["short_reason"] == "too_few_candidates"


def test_propensities_are_kept() -> None:
    lists = replace(
        ranked(np.array([0], np.int32), [[1, 2]]),
        propensities=np.array([[1.0, 0.25]], np.float32),
    )
    assert lists_table(lists, k=2, spares=0).to_pylist()[0]["propensities"] == [1.0, 0.25]


def test_shards_together_hold_every_user_and_a_rerun_computes_nothing(tmp_path: Path) -> None:
    users, recommender = np.arange(30_000, dtype=np.int32), Counting()
    serving = make_config(serving={"k": 2, "spares": 1, "shards": 3, "block_users": 100}).serving

    def run(shard: int, inputs: dict[str, str]) -> list[int]:
        artifact = precompute_shard(
            Lake(tmp_path), Shard("t", shard, serving, inputs), recommender, users, eligible=None
        )
        lists = read_lists(artifact)
        assert artifact.rows == lists.num_rows and lists["items"][0].as_py() == [0, 1, 2]
        keys: list[int] = lists["user_key"].to_pylist()
        return keys

    found = [user for shard in range(3) for user in run(shard, {"release": "r1"})]
    assert (
        sorted(found) == users.tolist() and max(recommender.blocks) == 100
    )  # buckets hold about 117
    calls = len(recommender.blocks)
    run(1, {"release": "r1"})
    assert len(recommender.blocks) == calls
    run(1, {"release": "r2"})
    assert len(recommender.blocks) > calls


def test_a_shard_without_users_is_an_empty_table(tmp_path: Path) -> None:
    artifact = precompute_shard(
        Lake(tmp_path),
        Shard("t", 0, make_config().serving, {}),
        Counting(),
        np.empty(0, np.int32),
        eligible=None,
    )
    assert read_lists(artifact).num_rows == 0
