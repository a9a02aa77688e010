"""A list is the same to the bit however the work is divided: shards, threads, processes, reruns."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.features.build import build_features
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.ranking.examples.build import Window, build_examples, label_windows
from recsys_tasks.ranking.inputs import open_ranking_inputs
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.index.build import ExactSearcher
from recsys_tasks.serving.precompute import Shard, precompute_shard
from tests.ranking.planted import AS_OF, USERS, World
from tests.ranking.test_inputs import embedded, opened
from tests.serving.ranked import read_lists

SERVING = {"k": 5, "spares": 3, "block_users": 3}
Job = tuple[Path, int, int, int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def release(folder: Path) -> Artifact:
    world = World(folder, serving=SERVING)
    windows = [
        Window(opened(world, start), start, end) for start, end in label_windows(world.timeline)
    ]
    examples = build_examples(world.snapshot, world.timeline, windows)
    return train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")


def lists(job: Job) -> pa.Table:
    """One shard's lists, computed anew in a lake of its own on the world in `folder`."""
    folder, shard, shards, threads = job
    world = World(folder, serving={**SERVING, "shards": shards})
    lake, cutoffs = world.snapshot.lake, Cutoffs.at(AS_OF)
    vectors = embedded(world, AS_OF, AS_OF)
    inputs = open_ranking_inputs(
        world.snapshot,
        cutoffs,
        build_generators(world.snapshot, cutoffs),
        build_features(world.snapshot, cutoffs),
        vectors,
        ExactSearcher(vectors),
    )
    release = lake.require("release", lake.keys("release")[0])
    ranker = Ranker.open(release, world.config.resources.threads)
    recommender = Recommender.of(world.snapshot, inputs, ranker)
    artifact = precompute_shard(
        Lake(folder / f"lists-{shard}-{shards}-{threads}-{mp.current_process().pid}"),
        Shard("t", shard, world.config.serving, {}),
        recommender,
        np.arange(USERS, dtype=np.int32),
        eligible=None,
        threads=threads,
    )
    return read_lists(artifact)


def whole(parts: Iterator[pa.Table]) -> pa.Table:
    return pa.concat_tables(list(parts)).sort_by("user_key")


@pytest.fixture(scope="module")
def expected(folder: Path, release: Artifact) -> pa.Table:
    found = lists((folder, 0, 1, 1))
    assert Ranker.open(release).has_heavy and set(found["rung"].to_pylist()) == {0}
    return found.sort_by("user_key")


@pytest.mark.parametrize("shards", [4, 16])
def test_any_number_of_shards(folder: Path, expected: pa.Table, shards: int) -> None:
    assert whole(lists((folder, shard, shards, 1)) for shard in range(shards)).equals(expected)


def test_threads(folder: Path, expected: pa.Table) -> None:
    assert lists((folder, 0, 1, 3)).sort_by("user_key").equals(expected)


def test_two_processes_and_a_rerun_shard(folder: Path, expected: pa.Table) -> None:
    with mp.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        parts = pool.map(lists, [(folder, shard, 4, 1) for shard in (0, 1, 2, 3, 2)], chunksize=1)
    assert parts[4].equals(parts[2])
    assert whole(iter(parts[:4])).equals(expected)
