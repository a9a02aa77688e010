"""Nearest items to a vector: ScaNN for large catalogues, exact search below and as the fallback.

    build → tune on some users, measure on others → recall below the floor: build a finer tree →
    the finest is below the floor, too: exact search serves

Recall is measured at two depths, `recall_k` and what the tower's generator asks for, and the lower
of both is compared with the floor. Everything that was tried is in the artifact's `recall.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.config import Config, config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.generators import SPARE_PLACES
from recsys_tasks.retrieval.index.exact import ExactSearcher
from recsys_tasks.retrieval.index.scann_tree import (
    LEAST_ITEMS,
    Effort,
    ScannSearcher,
    Tree,
    build_tree,
    load_tree,
)
from recsys_tasks.retrieval.index.tuning import (
    Sample,
    Tried,
    item_sample,
    neighbour_recall,
    samples,
    tune,
)
from recsys_tasks.retrieval.kinds import INDEX
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import Bools, hash_of

__all__ = [
    "ExactSearcher",
    "ScannSearcher",
    "Searcher",
    "build_index",
    "neighbour_recall",
    "open_index",
]

TREE_SETTINGS = ((2.0, 2), (4.0, 2), (4.0, 1))
"""Trees that are built in turn until one reaches the recall floor, as pairs: number of leaves
divided by the square root of the number of items; dimensions that share one code.
"""


class Searcher(Protocol):
    """Finds items by inner product."""

    def search(self, vectors: Float32, k: int) -> tuple[Keys, Float32]:
        """Nearest items of `vectors [n, d]`, best first: keys `[n, k] int32`, scores `[n, k]
        float32`.

        Equal scores are in key order. Where fewer than k are found, -1 and -inf fill the row's end.
        """
        ...


def build_index(
    snapshot: Snapshot, embeddings: Embeddings, key: str, eligible: Bools | None = None
) -> Artifact:
    """Build and measure the index over the embedded items that may be found, see
    `Embeddings.findable`.

    `facts["kind"]` says what serves, `why` in words why, `recall` how well, and `below_floor` is
    True when an index was wanted and none reached `index.recall_floor`: then exact search serves,
    and somebody should know. `eligible [m] bool` by item key; None: all.
    """
    config = snapshot.config

    def write(draft: Draft) -> None:
        started = perf_counter()
        findable = embeddings.findable(eligible)
        facts = _build(config, findable, draft.path)
        np.save(draft.path / "item_keys.npy", findable.item_keys)
        (draft.path / "recall.json").write_text(json.dumps(facts, indent=1, sort_keys=True))
        # Durations differ from run to run: they are facts of the manifest, not content.
        draft.rows, draft.facts = (
            len(findable.item_keys),
            {**facts, "seconds": round(perf_counter() - started, 2)},
        )

    inputs = {
        "embeddings": embeddings.artifact.content,
        "eligible": "" if eligible is None else hash_of(eligible),
    }
    settings = config_hash(config.index, config.resources, *depths(config))
    return snapshot.lake.make(INDEX, key, inputs=inputs, config=settings, write=write)


def open_index(artifact: Artifact, embeddings: Embeddings, threads: int = 1) -> Searcher:
    """The searcher of an `index` artifact, over the embeddings it was built from."""
    facts, keys = (
        json.loads(artifact.file("recall.json").read_text()),
        np.load(artifact.file("item_keys.npy")),
    )
    if facts["kind"] == "exact":
        return ExactSearcher(embeddings.only(keys))
    effort = Effort(facts["leaves_to_search"], facts["reorder"])
    return ScannSearcher(keys, load_tree(artifact.folder("scann")), effort, threads)


def depths(config: Config) -> tuple[int, ...]:
    """Numbers of neighbours that recall is measured among: the reported one, and what serving asks
    for.
    """
    cut = config.repeat_consumption != "allow" or config.bans_or_rules
    spare = SPARE_PLACES if cut else 0
    asked = config.generators.quota("two_tower")
    served = asked + spare if asked else config.index.recall_k
    return tuple(sorted({config.index.recall_k, served}))


def _build(config: Config, embeddings: Embeddings, folder: Path) -> dict[str, Any]:
    index, m = config.index, len(embeddings.item_keys)
    exact = {
        "kind": "exact",
        "items": m,
        "recall": 1.0,
        "recall_k": index.recall_k,
        "below_floor": False,
    }
    exact |= {"recall_floor": index.recall_floor, "depths": list(depths(config))}
    least = max(index.exact_below, LEAST_ITEMS)
    if m < least:
        return {**exact, "why": f"fewer than {least} items"}
    halves = samples(embeddings, index.sample_users, depths(config), config.resources.seed)
    if halves is None:
        return {**exact, "why": "no users to measure an index by"}
    best, tried = _first_good(config, embeddings, halves, folder)
    measured: dict[str, Any] = {"tried": [attempt.as_json(index.recall_k) for attempt in tried]}
    if best is None:
        reached = max(attempt.worst for attempt in tried)
        words = (
            f"the best of {len(TREE_SETTINGS)} indexes has recall {reached:.4f}, below"
            f" {index.recall_floor}"
        )
        return {**exact, **measured, "why": words, "below_floor": True, "best_recall": reached}
    found = {"kind": "scann", "why": "recall floor reached", **best.as_json(index.recall_k)}
    return {
        **exact,
        **measured,
        **found,
        "recall_of_items": _recall_of_items(config, embeddings, best, folder),
    }


def _recall_of_items(config: Config, embeddings: Embeddings, best: Tried, folder: Path) -> float:
    """Recall with items as queries, as for the similar items of a large catalogue: reported only,
    not compared with the floor.
    """
    sample = item_sample(
        embeddings,
        max(1, config.index.sample_users // 2),
        config.index.recall_k,
        config.resources.seed,
    )
    searcher = ScannSearcher(
        embeddings.item_keys, load_tree(folder / "scann"), best.effort, config.resources.threads
    )
    return sample.recalls(searcher)[config.index.recall_k]


def _first_good(
    config: Config, embeddings: Embeddings, halves: tuple[Sample, Sample], folder: Path
) -> tuple[Tried | None, list[Tried]]:
    """The first tree that reaches the floor, kept in `folder`, and all that was tried."""
    m, threads = len(embeddings.item_keys), config.resources.threads
    tried: list[Tried] = []
    for leaves, block in TREE_SETTINGS:
        tree = Tree(max(2, round(leaves * np.sqrt(m))), block)
        searcher = build_tree(embeddings.item_vectors, config.index.recall_k, tree, threads)
        ways, best = tune(
            searcher, tree, embeddings.item_keys, halves, config.index.recall_floor, threads
        )
        tried += ways
        if best is not None:
            (folder / "scann").mkdir()
            searcher.serialize(str(folder / "scann"), relative_path=True)
            return best, tried
    return None, tried
