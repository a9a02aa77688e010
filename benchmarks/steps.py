"""Where a user's microseconds go on one core, and the floor of each step: what no arrangement of this work can avoid.

A floor is measured, not assumed: the library call alone, or the bare loads, multiplications, comparisons and bytes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
import pyarrow.parquet as pq
import sqlalchemy as sa
from threadpoolctl import threadpool_limits

from benchmarks.crowd import AS_OF, ITEMS, SETTINGS, reopen
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import parse_config
from recsys_tasks.database import create_engine, quoted
from recsys_tasks.lake import Lake
from recsys_tasks.ranking import ranker as ranker_module
from recsys_tasks.ranking import recommender as recommender_module
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.ranker import Ranker
from recsys_tasks.ranking.recommender import Recommender
from recsys_tasks.ranking.trees import Compiled
from recsys_tasks.retrieval import candidates as candidates_module
from recsys_tasks.retrieval.index import REORDER, ScannSearcher
from recsys_tasks.serving import precompute
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publication import CheckLimits, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish
from recsys_tasks.snapshot.dataset import open_snapshot

USERS, REPEATS = 8192, 5
CONFIG = parse_config(SETTINGS)
Steps = list[tuple[str, float, float]]


def measured_steps(crowd: Path, release: tuple[Path, str], url: str, publication: int) -> Steps:
    """(step, µs a user, floor in µs) for some users of a crowd; `publication`: a loaded one, whose rows are read."""
    inputs = reopen(crowd)
    snapshot = open_snapshot(CONFIG, Lake(crowd), AS_OF)
    ranker = Ranker.open(Lake(release[0]).require("release", release[1]), 1)
    recommender = Recommender.of(snapshot, inputs, ranker)
    users = np.load(crowd / "users.npy")[:USERS]
    blocks = [users[at : at + CONFIG.serving.block_users] for at in range(0, len(users), CONFIG.serving.block_users)]
    with threadpool_limits(1, "blas"):
        times = _timed(recommender, blocks)
        floors = _floors(inputs, ranker, blocks[0])
    loading = _loading(url, publication, recommender, blocks)
    times.update({name: measured for name, (measured, _) in loading.items()})
    floors.update({name: floor for name, (_, floor) in loading.items()})
    return [(name, times[name], floors.get(name, 0.0)) for name in times]


# --- the steps -------------------------------------------------------------------------------------


class Stopwatch:
    """Seconds by step; a step inside another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside: list[float] = []

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            self._inside.append(0.0)
            started = time.perf_counter()
            try:
                return function(*args, **named)
            finally:
                took = time.perf_counter() - started
                self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took

        return timed


def _timed(recommender: Recommender, blocks: list[np.ndarray]) -> dict[str, float]:
    size = CONFIG.serving.k + CONFIG.serving.spares
    eligible = np.ones(ITEMS, bool)
    recommender.recommend(blocks[0], size, eligible=eligible)  # compiled by now
    best: dict[str, float] = {}
    for _ in range(REPEATS):
        watch = Stopwatch()
        with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
            for owner, attribute, name in _STEPS:
                stack.enter_context(patch.object(owner, attribute, watch.wrap(name, getattr(owner, attribute))))
            rank = watch.wrap("rules and the rest", recommender.recommend)
            rows = watch.wrap("rows", precompute.lists_table)
            path, kind = Path(folder) / "lists.parquet", precompute.schema.LISTS.schema
            with pq.ParquetWriter(path, kind, **precompute._PLAIN) as file:
                write = watch.wrap("rows", file.write_table)
                for block in blocks:
                    write(rows(rank(block, size, eligible=eligible), CONFIG.serving.k, CONFIG.serving.spares))
        if not best or sum(watch.seconds.values()) < sum(best.values()):
            best = watch.seconds
    return {name: seconds / USERS * 1e6 for name, seconds in best.items()}


_STEPS = (
    (ScannSearcher, "search", "search"),
    (candidates_module.CandidateSource, "block", "other generators"),
    (candidates_module, "fuse_block", "fusion"),
    (recommender_module, "feature_matrix", "columns"),
    (ranker_module, "_predicted", "trees"),
    (recommender_module, "best", "light cut"),
    (recommender_module, "explained", "reasons"),
)


# --- their floors ----------------------------------------------------------------------------------


def _floors(inputs: RankingInputs, ranker: Ranker, users: np.ndarray) -> dict[str, float]:
    candidates = inputs.source.block(users)
    survivors = CONFIG.ranker.light_survivors
    return {
        "search": _least(_search_alone(inputs, users), len(users)),
        "other generators": _least(_neighbours_alone(inputs, users), len(users)),
        "fusion": _least(_sort_alone(candidates.items), len(users)),
        "columns": _least(_columns_alone(inputs, users, candidates.items, survivors), len(users)),
        "trees": _trees_alone(ranker, candidates.items.shape[1], survivors),
        "light cut": _least(_sort_alone(candidates.items), len(users)),
        "reasons": 0.0,
        "rules and the rest": _least(_sort_alone(candidates.items[:, :survivors]), len(users)),
        "rows": _least(_bytes_alone(len(users)), len(users)),
    }


def _least(work: Callable[[], object], users: int, repeats: int = 7) -> float:
    """µs a user of the fastest run."""
    work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken) / users * 1e6


def _search_alone(inputs: RankingInputs, users: np.ndarray) -> Callable[[], object]:
    """The index's own call."""
    searcher: Any = inputs.source.searcher  # type: ignore[attr-defined]
    queries, _ = inputs.user_vectors(users)
    k = CONFIG.generators.two_tower
    return lambda: searcher._searcher.search_batched(queries, k, REORDER * k, searcher._leaves)


def _neighbours_alone(inputs: RankingInputs, users: np.ndarray) -> Callable[[], object]:
    """Reading the neighbours of the users' items, and nothing done with them."""
    tables = inputs.source.tables  # type: ignore[attr-defined]
    items = np.concatenate([row[row >= 0] for row in inputs.source.newest_items(users)])
    names, scores = np.asarray(tables.neighbour_items), np.asarray(tables.neighbour_scores)
    return lambda: (names.take(items, axis=0), scores.take(items, axis=0))


def _sort_alone(items: np.ndarray) -> Callable[[], object]:
    """Sorting as many numbers."""
    numbers = np.random.default_rng(0).random(items.shape, np.float32)
    return lambda: np.sort(numbers, axis=1)


def _columns_alone(inputs: RankingInputs, users: np.ndarray, items: np.ndarray, survivors: int) -> Callable[[], object]:
    """Reading each candidate's feature row and vector, writing both matrices, and the products with the history."""
    flat = np.maximum(items, 0)
    table, vectors = np.asarray(inputs.tables.item), np.asarray(inputs.embeddings.item_vectors)
    history = np.maximum(inputs.source.newest_items(users), 0)
    known = int(np.median((inputs.source.newest_items(users) >= 0).sum(axis=1)))
    light, heavy = len(ranker_names(inputs)[0]), len(ranker_names(inputs)[1])
    matrices = np.empty(flat.size * light + len(users) * survivors * heavy, np.float32)

    def work() -> object:
        table.take(flat, axis=0), table.take(flat[:, :survivors], axis=0)
        near = vectors.take(flat, axis=0)
        matrices.fill(0)
        return np.matmul(near[:, :survivors], vectors.take(history[:, :known], axis=0).transpose(0, 2, 1))

    return work


def ranker_names(inputs: RankingInputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from recsys_tasks.ranking.matrix import column_names, light_names

    return light_names(inputs), column_names(inputs)


def _trees_alone(ranker: Ranker, candidates: int, survivors: int) -> float:
    """The comparisons of every test with every row, at the rate that this processor makes them within its cache."""
    light = sum(len(m.node_column) for m in ranker._light if isinstance(m, Compiled))
    heavy = sum(len(m.node_column) for m in ranker._heavy if isinstance(m, Compiled))
    tests = light * candidates + heavy * survivors
    x, bits = np.random.default_rng(0).random(256, np.float32), np.zeros(256, np.uint32)
    return tests * _least(lambda: _compare(x, bits, 10_000), 256 * 10_000)


@numba.njit
def _compare(x: np.ndarray, bits: np.ndarray, tests: int) -> None:
    for test in range(tests):
        threshold, keep = np.float32(test), np.uint32(test)
        for r in range(256):
            bits[r] &= keep if x[r] > threshold else np.uint32(0xFFFFFFFF)


def _bytes_alone(users: int) -> Callable[[], object]:
    """Copying a list's bytes once and writing them once."""
    width = (CONFIG.serving.k + CONFIG.serving.spares) * 21
    source, folder = np.zeros((users, width), np.uint8), Path(tempfile.mkdtemp())

    def work() -> object:
        source.copy().tofile(folder / "bytes")
        return shutil.rmtree

    return work


# --- the database ----------------------------------------------------------------------------------


def _loading(
    url: str, publication: int, recommender: Recommender, blocks: list[np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Loading and checking some lists; their floors: the server copying the same rows by itself, and reading them."""
    size = CONFIG.serving.k + CONFIG.serving.spares
    serving = CONFIG.serving
    lists = [precompute.lists_table(recommender.recommend(block, size), serving.k, serving.spares) for block in blocks]
    engine = create_engine(url)
    spec = PublicationSpec(
        AS_OF.replace(year=AS_OF.year + 1), Cutoffs.at(AS_OF), f"steps-{time.time_ns()}", None, None, USERS, serving.k,
        serving.spares, 1,
    )  # fmt: skip
    made = create_publication(engine, spec, time_now())
    started = time.perf_counter()
    load_lists(engine, made, iter(lists), 0)
    loaded = time.perf_counter()
    finish(engine, made, CheckLimits(0.0, 1.0, 1.0))
    checked = time.perf_counter()
    source = quoted("recsys", f"list_rows_{publication}")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE TEMP TABLE copied (LIKE {source}) WITH (toast_tuple_target = 8160)"))
        copy = sa.text(f"INSERT INTO copied SELECT * FROM {source} LIMIT {USERS}")
        connection.execute(copy)
        begun = time.perf_counter()
        connection.execute(copy)
        copied = time.perf_counter() - begun
        begun = time.perf_counter()
        connection.execute(sa.text("SELECT count(*), sum(cardinality(items)) FROM copied"))
        read = (time.perf_counter() - begun) / 2
        connection.rollback()
    engine.dispose()
    per_user = 1e6 / USERS
    return {
        "load": ((loaded - started) * per_user, copied * per_user),
        "checks and seal": ((checked - loaded) * per_user, read * per_user),
    }


def time_now() -> Any:
    from benchmarks.precompute import NOW

    return NOW
