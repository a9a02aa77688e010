"""Generators beside the two-tower: fitted once at two cutoffs, stored as arrays, scored in blocks.

What is counted across users (co-occurrence, popularity, growth) knows rows before
`cutoffs.learned_before`; a user's own history, and which items are eligible, run to
`history_before`. Only eligible items are named, or their places would be lost to items that no list
may show; they may be named because of items that are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import config_hash
from recsys_tasks.features.segments import segments
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.generators import popularity
from recsys_tasks.retrieval.generators.content import ContentSpace, content_space
from recsys_tasks.retrieval.generators.cooccurrence import following, neighbours, together
from recsys_tasks.retrieval.histories import Histories, histories_of
from recsys_tasks.retrieval.select import Floats
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import Bools, eligible_items, hash_of

TOGETHER_SHARE = 2 / 3
"""Weight of shared users against sequences among co-visited items; the two find different ones."""
SPARE_PLACES = 200
"""Places that shared lists keep beyond their quota, for users whose own items are left out."""
_TABLES = (
    "neighbour_items",
    "neighbour_scores",
    "after_items",
    "after_scores",
    "before_items",
    "before_scores",
    "segment",
    "popular_items",
    "popular_scores",
    "trending_items",
    "trending_scores",
    "fresh_items",
    "fresh_newness",
    "eligible",
)


@dataclass(frozen=True)
class GeneratorTables:
    """A `generators` artifact, memory-mapped; all tables are indexed by key.

    `neighbour_*`: `[m, t]` co-visited items, best first; `after_*`, `before_*`: what comes after
    and before them in sequences, for the rankers; `segment [n_users] int32`; `popular_*`:
    `[segments, p]`; `trending_*`: `[1, p]`; `fresh_*`: `[f]`, newest first; `eligible [m] bool`:
    items that may be named as of history_before, which is all that these name. Padding is -1 with
    score 0.
    """

    histories: Histories
    content: ContentSpace
    neighbour_items: Keys
    neighbour_scores: Floats
    after_items: Keys
    after_scores: Floats
    before_items: Keys
    before_scores: Floats
    segment: npt.NDArray[np.int32]
    popular_items: Keys
    popular_scores: Floats
    trending_items: Keys
    trending_scores: Floats
    fresh_items: Keys
    fresh_newness: Floats
    eligible: npt.NDArray[np.bool_]

    @property
    def n_items(self) -> int:
        """Item keys run from 0 to n_items - 1."""
        return len(self.eligible)

    @cached_property
    def fresh_with_content(
        self,
    ) -> tuple[Keys, Floats, tuple[Floats, npt.NDArray[Any], npt.NDArray[Any]]]:
        """Fresh items, their newness, and their content as CSR: few enough to stay at hand."""
        items = np.asarray(self.fresh_items)
        words = self.content.items[items]
        return items, np.asarray(self.fresh_newness), (words.data, words.indices, words.indptr)

    def save(self, folder: Path) -> None:
        """Write one .npy a table."""
        self.histories.save(folder)
        self.content.save(folder)
        for name in _TABLES:
            np.save(folder / f"{name}.npy", getattr(self, name))


def build_generators(snapshot: Snapshot, cutoffs: Cutoffs) -> Artifact:
    """Fit and store the tables; a rerun on the same inputs returns the artifact it finds."""
    config, lake, key = snapshot.config, snapshot.lake, str(cutoffs)
    eligible = eligible_items(snapshot, cutoffs.history_before)
    inputs = {"snapshot": snapshot.artifact.content, "eligible": hash_of(eligible)}
    settings = config_hash(
        config.generators, config.features, config.items, config.users, config.events
    )
    found = lake.find("generators", key, lake.fingerprint("generators", key, inputs, settings))
    if found is not None:
        return found
    tables = fit_generators(snapshot, cutoffs, eligible)
    with lake.writing("generators", key, inputs=inputs, config=settings) as draft:
        tables.save(draft.path)
        draft.rows = len(tables.histories.items)
        draft.facts = {
            "neighbours": int((tables.neighbour_items >= 0).sum()),
            "fresh": len(tables.fresh_items),
            "segments": len(tables.popular_items),
            "items": int(tables.eligible.sum()),
        }
    assert draft.artifact is not None
    return draft.artifact


def fit_generators(snapshot: Snapshot, cutoffs: Cutoffs, eligible: Bools) -> GeneratorTables:
    """The tables at the cutoffs, by value, naming only items of `eligible [m]`."""
    config, quotas = snapshot.config, snapshot.config.generators
    events = snapshot.events(before=cutoffs.history_before)
    learned = events.before(cutoffs.learned)
    available_from = snapshot.items["available_from"].to_numpy()
    half_life = config.features.history_half_life_days
    known = histories_of(learned, snapshot.n_users, cutoffs.learned, half_life)
    company = together(known, snapshot.n_items, cutoffs.learned)
    neighbour_items, neighbour_scores = neighbours(
        [(TOGETHER_SHARE, company), (1.0 - TOGETHER_SHARE, following(learned, snapshot.n_items))],
        eligible,
    )
    onward = following(learned, snapshot.n_items, backward=0.0)
    after_items, after_scores = neighbours([(1.0, onward)], eligible)
    before_items, before_scores = neighbours([(1.0, onward.turned())], eligible)
    segment = segments(snapshot.users, config.users.segment_by)
    popular = popularity.popular(
        learned, segment, cutoffs.learned, eligible, quotas.segment_popular + SPARE_PLACES
    )
    growing = popularity.trending(
        learned, cutoffs.learned, eligible, quotas.trending + SPARE_PLACES
    )
    new = popularity.fresh(available_from, cutoffs.history, eligible)
    return GeneratorTables(
        histories=histories_of(events, snapshot.n_users, cutoffs.history, half_life),
        content=content_space(config, snapshot.items, available_from < cutoffs.history),
        neighbour_items=neighbour_items,
        neighbour_scores=neighbour_scores,
        after_items=after_items,
        after_scores=after_scores,
        before_items=before_items,
        before_scores=before_scores,
        segment=segment,
        popular_items=popular[0],
        popular_scores=popular[1],
        trending_items=growing[0],
        trending_scores=growing[1],
        fresh_items=new[0],
        fresh_newness=new[1],
        eligible=eligible,
    )


def open_generators(artifact: Artifact) -> GeneratorTables:
    """Memory-map a `generators` artifact. Raises ArtifactError when a table is missing."""
    tables = {name: np.load(artifact.file(f"{name}.npy"), mmap_mode="r") for name in _TABLES}
    folder = artifact.folder()
    return GeneratorTables(
        histories=Histories.open(folder), content=ContentSpace.open(folder), **tables
    )
