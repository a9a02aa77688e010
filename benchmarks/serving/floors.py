"""The floor of each step of the shard loop: what no arrangement of this work can avoid.

A floor is measured, not assumed: the library call alone, or the bare loads, multiplications,
comparisons and bytes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from benchmarks.crowd import SETTINGS
from benchmarks.serving.floors_trees import trees_alone
from recsys_tasks.config import parse_config
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.retrieval.candidates.source import Candidates
from recsys_tasks.schema import generator_names

CONFIG = parse_config(SETTINGS)


def floors_of(inputs: RankingInputs, ranker: Ranker, users: np.ndarray) -> dict[str, float]:
    candidates, survivors = inputs.retriever.block(users), CONFIG.ranker.light_survivors
    work = {
        "search": _search_alone(inputs, users),
        "other generators": _neighbours_alone(inputs, users),
        "fusion": _votes_alone(inputs, candidates),
        "columns": _columns_alone(inputs, ranker, users, candidates, survivors),
        "trees": trees_alone(ranker, len(users), candidates.items.shape[1], survivors),
        "light cut": _sort_alone((len(users), candidates.items.shape[1]), np.float32),
        "reasons": _reasons_alone(inputs, users, candidates),
        "rules and the rest": _rules_alone(len(users), survivors),
        "rows": _bytes_alone(len(users)),
    }
    return {name: _least(alone, len(users)) for name, alone in work.items()}


def _least(work: Callable[[], object], users: int, repeats: int = 9) -> float:
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
    searcher: Any = inputs.retriever.searcher  # type: ignore[attr-defined]
    queries, _ = inputs.user_vectors(users)
    k = CONFIG.generators.quota("two_tower")
    return lambda: searcher.near(queries, k)


def _neighbours_alone(inputs: RankingInputs, users: np.ndarray) -> Callable[[], object]:
    """Adding the neighbours of each user's items up, sorting as many sums, and the fresh items'
    content products.
    """
    tables = inputs.retriever.tables  # type: ignore[attr-defined]
    newest = inputs.retriever.newest_items(users)
    sums = np.zeros(tables.n_items, np.float32)
    near = tables.arrays["covisitation"]
    neighbours, strengths = (
        np.asarray(near["neighbour_items"]),
        np.asarray(near["neighbour_scores"]),
    )
    touched = int(np.mean([len(np.unique(neighbours[row[row >= 0]])) for row in newest[:64]]))
    sort = _sort_alone((len(users), touched), np.uint64)
    new = tables.arrays["fresh"]["items"]
    fresh = np.broadcast_to(new, (len(users), len(new)))
    content = _content_alone(inputs, fresh, 1)
    return lambda: (_add_up(newest, neighbours, strengths, sums), sort(), content())


def _content_alone(inputs: RankingInputs, items: np.ndarray, profiles: int) -> Callable[[], object]:
    """The products of each item's content with some profiles of its user."""
    words = inputs.content
    if words is None:
        return lambda: None
    parts = (np.asarray(words.data), np.asarray(words.indices), np.asarray(words.indptr))
    profile, out = (
        np.zeros((words.shape[1], profiles), np.float32),
        np.zeros((*items.shape, profiles), np.float32),
    )
    chosen = np.ascontiguousarray(items)
    return lambda: _along(chosen, *parts, profile, out)


@numba.njit
def _along(
    items: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
    starts: np.ndarray,
    profile: np.ndarray,
    out: np.ndarray,
) -> None:
    for row in range(items.shape[0]):
        for at in range(items.shape[1]):
            for p in range(profile.shape[1]):
                total = np.float32(0.0)
                for place in range(starts[items[row, at]], starts[items[row, at] + 1]):
                    total += values[place] * profile[columns[place], p]
                out[row, at, p] = total


@numba.njit
def _add_up(
    newest: np.ndarray, neighbours: np.ndarray, strengths: np.ndarray, sums: np.ndarray
) -> None:
    for row in newest:
        for item in row:
            if item < 0:
                break
            for at in range(neighbours.shape[1]):
                if neighbours[item, at] >= 0:
                    sums[neighbours[item, at]] += strengths[item, at]


def _votes_alone(inputs: RankingInputs, candidates: Candidates) -> Callable[[], object]:
    """Adding each named item's vote, sorting as many, and writing what is known of those that are
    kept.
    """
    quotas = CONFIG.generators
    named = np.maximum(candidates.items, 0)
    votes = np.zeros(inputs.retriever.tables.n_items, np.float32)  # type: ignore[attr-defined]
    lists = (candidates.ranks >= 0).sum() / named.size  # how many generators name a kept item
    asked = quotas.quota("two_tower") + quotas.quota("covisitation")
    times = max(1, round(lists * asked / quotas.max_candidates))
    sort = _sort_alone((len(named), asked), np.uint64)
    return lambda: (
        _vote(named, votes, times),
        sort(),
        candidates.ranks.copy(),
        candidates.scores.copy(),
    )


@numba.njit
def _vote(named: np.ndarray, votes: np.ndarray, times: int) -> None:
    for row in named:
        for _ in range(times):
            for item in row:
                votes[item] += np.float32(1.0)


def _sort_alone(shape: tuple[int, ...], kind: type) -> Callable[[], object]:
    """Sorting as many numbers, row by row."""
    numbers: npt.NDArray[Any] = (np.random.default_rng(0).random(shape) * 2**30).astype(kind)
    return lambda: np.sort(numbers, axis=1)


def _columns_alone(
    inputs: RankingInputs, ranker: Ranker, users: np.ndarray, candidates: Candidates, survivors: int
) -> Callable[[], object]:
    """Reading what is known of each candidate (its feature row, its vector, its place in each list,
    whether it is one of the user's own), the products with user, history and content, and writing
    both matrices."""
    items = candidates.items
    flat = np.maximum(items, 0)
    table, vectors = np.asarray(inputs.tables.item), np.asarray(inputs.embeddings.item_vectors)
    queries, _ = inputs.user_vectors(users)
    newest = inputs.retriever.newest_items(users)
    known = int(np.median((newest >= 0).sum(axis=1)))
    light = np.ones((flat.size, len(ranker.light_names)), np.float32)
    heavy = np.ones((len(users) * survivors, len(ranker.heavy_names)), np.float32)
    sort = _sort_alone(items.shape, np.float32)
    content = _content_alone(inputs, flat[:, :survivors], 2)
    own = np.zeros(items.shape, bool)

    def work() -> object:
        rows = table.take(flat, axis=0)
        lists = candidates.ranks.astype(np.float32), candidates.scores.copy()
        near = vectors.take(flat, axis=0)
        past = vectors.take(np.maximum(newest[:, :known], 0), axis=0)
        scores = (
            np.matmul(near, queries[:, :, None]),
            np.matmul(near[:, :survivors], past.transpose(0, 2, 1)),
        )
        return (
            rows,
            lists,
            scores,
            _among(items, newest, own),
            content(),
            light.copy(),
            heavy.copy(),
            sort(),
        )

    return work


@numba.njit
def _among(items: np.ndarray, newest: np.ndarray, own: np.ndarray) -> None:
    """Whether each item is one of its row's newest."""
    for row in range(len(items)):
        for past in newest[row]:
            if past < 0:
                break
            for at in range(items.shape[1]):
                own[row, at] |= items[row, at] == past


def _reasons_alone(
    inputs: RankingInputs, users: np.ndarray, candidates: Candidates
) -> Callable[[], object]:
    """Comparing each shown item with the history, and the products that find the nearest of it, for
    those items that co-visitation put highest: no other needs one."""
    newest = inputs.retriever.newest_items(users)
    width = CONFIG.serving.k + CONFIG.serving.spares
    shown, ranks = np.maximum(candidates.items[:, :width], 0), candidates.ranks[:, :width]
    strongest = np.where(ranks >= 0, ranks, np.iinfo(np.int16).max).argmin(axis=2)
    because = shown[
        :, : round((strongest == generator_names().index("covisitation")).sum(axis=1).mean())
    ]
    own, vectors = np.zeros(shown.shape, bool), np.asarray(inputs.embeddings.item_vectors)
    known = int(np.median((newest >= 0).sum(axis=1)))

    def work() -> object:
        past = vectors.take(np.maximum(newest[:, :known], 0), axis=0)
        return _among(shown, newest, own), np.matmul(
            vectors.take(because, axis=0), past.transpose(0, 2, 1)
        ).argmax(2)

    return work


def _rules_alone(users: int, survivors: int) -> Callable[[], object]:
    """Sorting the survivors, and writing every array of the lists once."""
    sort = _sort_alone((users, survivors), np.float32)
    width = CONFIG.serving.k + CONFIG.serving.spares
    lists = [np.zeros((users, width), kind) for kind in ("i4", "f4", "i2", "i1", "i4", "i2", "f4")]
    return lambda: (sort(), [values.copy() for values in lists])


def _bytes_alone(users: int) -> Callable[[], object]:
    """Copying a list's bytes once and writing them once."""
    width = (CONFIG.serving.k + CONFIG.serving.spares) * 21
    source, path = np.zeros((users, width), np.uint8), Path(tempfile.mkdtemp()) / "bytes"
    return lambda: source.copy().tofile(path)
