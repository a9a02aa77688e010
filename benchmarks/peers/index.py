"""One peer's index over given vectors, tuned to a recall and timed: run by
benchmarks.retrieval.index in the peers' environment.

    index.py SYSTEM FOLDER K FLOOR THREADS   → one line of JSON

Parameters are the documentation's: hnswlib M 16, ef_construction 200; faiss HNSW32; faiss IVF with
fast-scan PQ and exact refinement ("IVF…,PQ…x4fs,RFlat"), which is its nearest relative of ScaNN.
What is searched (ef, nprobe) grows until recall on users set apart for it reaches the floor.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

EFFORTS = (50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800)
PROBES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
REFINE = 8
RUNS = 3


Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Built = tuple[Sequence[int], Callable[[int], object], Callable[[Vectors], Rows], int]
"""Efforts to try, how one is set, the search, and the index's bytes."""


def faiss_flat(items: Vectors, k: int, threads: int) -> Built:
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    return [0], lambda effort: None, lambda queries: index.search(queries, k)[1], 0


def faiss_hnsw(items: Vectors, k: int, threads: int) -> Built:
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexHNSWFlat(items.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.add(items)

    def at(effort: int) -> None:
        index.hnsw.efSearch = effort

    return (
        EFFORTS,
        at,
        lambda queries: index.search(queries, k)[1],
        items.nbytes + len(items) * 4 * 2 * 32,
    )


def faiss_ivf_pq(items: Vectors, k: int, threads: int) -> Built:
    import faiss

    faiss.omp_set_num_threads(threads)
    leaves = 2 ** int(np.log2(4 * np.sqrt(len(items))))
    index = faiss.index_factory(
        items.shape[1], f"IVF{leaves},PQ{items.shape[1] // 2}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT
    )
    index.train(items[np.random.default_rng(1).permutation(len(items))[:200_000]])
    index.add(items)
    index.k_factor = REFINE

    def at(effort: int) -> None:
        faiss.extract_index_ivf(index.base_index).nprobe = effort

    return (
        PROBES,
        at,
        lambda queries: index.search(queries, k)[1],
        items.nbytes + len(items) * items.shape[1] // 4,
    )


def hnswlib_hnsw(items: Vectors, k: int, threads: int) -> Built:
    import hnswlib

    index = hnswlib.Index(space="ip", dim=items.shape[1])
    index.init_index(max_elements=len(items), ef_construction=200, M=16)
    index.set_num_threads(threads)
    index.add_items(items, np.arange(len(items)))
    efforts = [effort for effort in EFFORTS if effort >= k]
    return (
        efforts,
        index.set_ef,
        lambda queries: index.knn_query(queries, k=k)[0],
        index.index_file_size(),
    )


SYSTEMS: dict[str, Callable[[Vectors, int, int], Built]] = {
    "faiss-flat": faiss_flat,
    "faiss-hnsw": faiss_hnsw,
    "faiss-ivf-pq": faiss_ivf_pq,
    "hnswlib": hnswlib_hnsw,
}


def main() -> None:
    system, folder = sys.argv[1], Path(sys.argv[2])
    k, floor, threads = int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    items = np.load(folder / "items.npy")
    started = time.perf_counter()
    efforts, at, search, size = SYSTEMS[system](items, k, threads)
    built = time.perf_counter() - started
    queries, truth = np.load(folder / "tune.npy"), np.load(folder / "tune_truth.npy")
    for effort in efforts:
        at(effort)
        if recall(truth, search(queries)) >= floor:
            break
    queries, truth = np.load(folder / "test.npy"), np.load(folder / "test_truth.npy")
    asked = queries[:1000] if system == "faiss-flat" else queries
    rates, found = [], np.empty((0, k), np.int64)
    for _ in range(RUNS):
        started = time.perf_counter()
        found = search(asked)
        rates.append(len(asked) / (time.perf_counter() - started))
    print(
        json.dumps(
            {
                "effort": effort,
                "recall": recall(truth[: len(asked)], found[: len(truth)]),
                "rate": float(np.median(rates)),
                "build": built,
                "index_mb": size / 1e6,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            }
        )
    )


def recall(truth: Rows, found: Rows) -> float:
    return float(
        np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(truth, found, strict=False)])
    )


if __name__ == "__main__":
    main()
