"""The peers, run in an environment of their own: `python simple.py TRAIN USERS OUT CUTOFF FORBID`.

TRAIN is a parquet of user_id, item_id, timestamp before CUTOFF (seconds); USERS a parquet of the
judged user ids; OUT receives user_id, items, system, known ("with" or "without" known items).
Settings are those their documentation recommends, or better ones that were found on the tuning
windows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import TFIDFRecommender
from scipy.linalg.lapack import spotrf, spotri
from threadpoolctl import threadpool_limits

DEPTH = 100
DAY = 86_400
NEWEST = (1, 3, 7)
"""Shorter windows of popularity, in days."""


def main() -> None:
    train_path, users_path, out_path, cutoff, forbid = sys.argv[1:]
    events = pd.read_parquet(train_path)
    judged = pd.read_parquet(users_path).user_id
    events["u"], users = pd.factorize(events.user_id)
    events["i"], items = pd.factorize(events.item_id)
    age = (int(cutoff) - events.timestamp.to_numpy()) / DAY
    rows = pd.Index(users).get_indexer(judged)
    world = World(events, age, rows, len(users), len(items))
    modes = ["without"] if forbid == "1" else ["with", "without"]
    out = []
    for name, score in SYSTEMS.items():
        started = time.perf_counter()
        scores = score(world)
        for mode in modes:
            lists = top(scores, world, filter_known=mode == "without")
            out.append(
                pd.DataFrame(
                    {
                        "user_id": judged,
                        "items": [list(items[r[r >= 0]]) for r in lists],
                        "system": name,
                        "known": mode,
                    }
                )
            )
        print(f"  peer {name}: {time.perf_counter() - started:.1f} s", flush=True)
    pd.concat(out).to_parquet(out_path)


class World:
    """What every peer may use: counts, decayed counts and ages of the rows before the cutoff."""

    def __init__(
        self, events: pd.DataFrame, age: np.ndarray, rows: np.ndarray, n: int, m: int
    ) -> None:
        def matrix(weights: np.ndarray) -> sp.csr_matrix:
            return sp.csr_matrix((weights.astype(np.float32), (events.u, events.i)), shape=(n, m))

        self.rows, self.m = rows, m
        self.binary = matrix(np.ones(len(events)))
        self.binary.data[:] = 1
        self.decayed = matrix(np.exp(-age / 60))
        self.slow = matrix(np.exp(-age / 180))
        self.recent = np.bincount(events.i, weights=age < 28, minlength=m)
        self.of_days = {
            days: np.bincount(events.i, weights=age < days, minlength=m) for days in NEWEST
        }
        self.oldest = np.zeros(m)
        np.maximum.at(self.oldest, events.i.to_numpy(), age)
        self.total = np.bincount(events.i, minlength=m)


def popularity(world: World) -> np.ndarray:
    """Events of the last 28 days, ties by all-time counts: one list for all."""
    return np.broadcast_to(world.recent + 1e-6 * world.total, (len(world.rows), world.m)).astype(
        np.float64
    )


def popularity_of(days: int) -> Callable[[World], np.ndarray]:
    """Events of the last few days, ties by those of 28 days: one list for all."""

    def score(world: World) -> np.ndarray:
        return world.of_days[days] + 1e-3 * popularity(world)

    return score


def newest(world: World) -> np.ndarray:
    """Items by their first event, the latest first: one list for all."""
    return np.broadcast_to(-world.oldest, (len(world.rows), world.m))


def own_history(world: World) -> np.ndarray:
    """The user's own items, decayed over 60 days; popularity where the user has none left."""
    return world.decayed[world.rows].toarray() + 1e-9 * popularity(world)


def item_knn(world: World) -> np.ndarray:
    model = TFIDFRecommender(K=100)
    model.fit(world.binary, show_progress=False)
    return (world.binary[world.rows] @ model.similarity).toarray()


def als(world: World) -> np.ndarray:
    model = als_model()
    model.fit(confidence(world.slow), show_progress=False)
    return np.asarray(model.user_factors[world.rows]) @ np.asarray(model.item_factors).T


def als_model(threads: int = 0) -> AlternatingLeastSquares:
    return AlternatingLeastSquares(
        factors=96, alpha=2, regularization=0.1, iterations=12, random_state=0, num_threads=threads
    )


def confidence(decayed: sp.csr_matrix) -> sp.csr_matrix:
    """What ALS takes the decayed counts for."""
    weights = decayed.copy()
    weights.data = np.log1p(weights.data * 3)
    return weights


def ease(world: World) -> np.ndarray:
    """EASE's closed form (Steck 2019), regularisation 500, on the binary matrix."""
    gram = (world.binary.T @ world.binary).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += 500
    # By Cholesky: a third of a general inverse's work, the same matrix.
    with threadpool_limits(2, "blas"):
        inverse, fault = spotri(spotrf(gram, lower=1)[0], lower=1)
    assert fault == 0
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return world.binary[world.rows] @ weights


SYSTEMS = {
    "popularity": popularity,
    **{f"popularity-{days}d": popularity_of(days) for days in NEWEST},
    "newest": newest,
    "own-history": own_history,
    "item-knn": item_knn,
    "als": als,
    "ease": ease,
}


def top(scores: np.ndarray, world: World, filter_known: bool) -> np.ndarray:
    """Best DEPTH items of each row, -1 where a known one was filtered and nothing is left."""
    out = np.full((len(scores), DEPTH), -1)
    for start in range(0, len(scores), 1024):
        block = np.array(scores[start : start + 1024], np.float64)
        if filter_known:
            block[world.binary[world.rows[start : start + 1024]].nonzero()] = -np.inf
        best = np.argpartition(-block, DEPTH, axis=1)[:, :DEPTH]
        order = np.argsort(-np.take_along_axis(block, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        out[start : start + 1024] = np.where(
            np.isfinite(np.take_along_axis(block, best, 1)), best, -1
        )
    return out


if __name__ == "__main__":
    main()
