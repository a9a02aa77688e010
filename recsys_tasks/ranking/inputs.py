"""What ranking reads at one pair of cutoffs: candidates, feature tables and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import config_hash
from recsys_tasks.errors import LeakageError
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import forget_pages
from recsys_tasks.lake import Artifact
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.retrieval.candidates.source import Candidates, Searcher, open_candidate_source
from recsys_tasks.retrieval.candidates.votes import read_votes
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.snapshot.dataset import Snapshot

__all__ = [
    "Candidates",
    "Embeddings",
    "LookupTables",
    "RankingInputs",
    "Retriever",
    "Searcher",
    "Vectors",
    "open_ranking_inputs",
]


class Vectors(Protocol):
    """Vectors of users and items at the cutoffs; keys ascend."""

    @property
    def item_keys(self) -> Keys:
        """`[m]`."""

    @property
    def item_vectors(self) -> Float32:
        """`[m, d]`."""

    @property
    def user_keys(self) -> Keys:
        """`[n]`: users with an event before the history cutoff."""

    @property
    def user_vectors(self) -> Float32:
        """`[n, d]`."""


class Retriever(Protocol):
    """Candidates at the cutoffs and the histories behind them."""

    def block(self, user_keys: Keys) -> Candidates:
        """Candidates of the users `[n]`, in their order."""

    def newest_items(self, user_keys: Keys) -> Keys:
        """`[n, L]`: each user's newest distinct items, newest first, -1 pads."""

    def release(self) -> None:
        """Give back the memory of the users looked up so far."""


@dataclass(frozen=True)
class Sequences:
    """What comes after and before each item in everybody's sequences, best first, `[n_items, t]`
    each, -1 pads.
    """

    after: Keys
    after_strength: Float32
    before: Keys
    before_strength: Float32


class LookupTables(NamedTuple):
    """The feature tables as a kernel takes them: plain read-only arrays, all of one row order.

    A pair is a user and an item of the user's history: user u's are [pair_offsets[u],
    pair_offsets[u + 1]) of `pair_items` and `pair_values`. `segment_positions [segments, m]`: row
    of `segment_values` of a segment and an item, -1 for none. `price_columns`: which column of
    `item` and which of `user` is the price, -1 for none.
    """

    item: Float32
    user: Float32
    pair_offsets: Int64
    pair_items: Int32
    pair_values: Float32
    segment_positions: Int32
    segment_values: Float32
    price_columns: Int64


@dataclass(frozen=True)
class RankingInputs:
    """Everything that is known at one pair of cutoffs.

    `retriever`: the candidates, and the histories behind them; `content`: `[n_items, v]` item
    attributes, rows of unit length; None where there are none. `hash`: what the inputs were opened
    from.
    """

    cutoffs: Cutoffs
    retriever: Retriever
    tables: FeatureTables
    embeddings: Vectors
    content: sparse.csr_matrix | None
    hash: str
    sequences: Sequences | None = None

    @cached_property
    def item_row(self) -> Int32:
        """`[n_items]`: row of each item's vector, -1 where it has none."""
        known = self.embeddings.item_keys
        size = max(len(self.tables.item), int(known[-1]) + 1 if len(known) else 0)
        row: Int32 = np.full(size, -1, np.int32)
        row[known] = np.arange(len(known))
        return row

    @cached_property
    def lookups(self) -> LookupTables:
        """What is looked up by key.

        Read-only views that are mapped files to Python no longer: with a subclass of ndarray, a
        kernel takes longer to find out what it was given than to look up.
        """
        tables = self.tables
        pair, segment = tables.pair, tables.segment
        positions = None if segment is None else segment.places
        nowhere, nothing = np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)
        names = (tables.item_names, tables.user_names)
        prices = np.array([some.index("price") if "price" in some else -1 for some in names])
        return LookupTables(
            item=_read_only(tables.item),
            user=_read_only(tables.user),
            pair_offsets=_read_only(pair.offsets),
            pair_items=_read_only(pair.items),
            pair_values=_read_only(pair.values),
            segment_positions=_read_only(nowhere if positions is None else positions),
            segment_values=_read_only(nothing if segment is None else segment.pairs.values),
            price_columns=_read_only(prices),
        )

    def user_vectors(self, users: Keys) -> tuple[Float32, Bool]:
        """`[n, d]` vectors, and `[n]` whether the user has one (else the row means nothing)."""
        known = self.embeddings.user_keys
        if not len(known):
            return np.zeros(
                (len(users), self.embeddings.user_vectors.shape[1]), np.float32
            ), np.zeros(len(users), bool)
        row = np.minimum(np.searchsorted(known, users), len(known) - 1)
        return np.asarray(self.embeddings.user_vectors[row], np.float32), known[row] == users

    def release(self) -> None:
        """Give back the memory of the users looked up so far: what grows with users is read from
        the disk's cache.
        """
        pair = self.tables.pair
        forget_pages(self.tables.user, pair.offsets, pair.items, pair.values)
        forget_pages(self.embeddings.user_keys, self.embeddings.user_vectors)
        self.retriever.release()


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same memory where it is in order: kernels are compiled for one kind of array."""
    plain = np.ascontiguousarray(values).view()
    plain.flags.writeable = False
    return plain


def open_ranking_inputs(
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    generators: Artifact,
    features: Artifact,
    embeddings: Embeddings,
    searcher: Searcher,
    votes: Artifact | None = None,
) -> RankingInputs:
    """Open what the earlier stages made at these cutoffs. Without `votes` generators' lists count
    as they declare.

    Raises LeakageError when one was made at others, or the vectors know more than the cutoffs
    allow.
    """
    artifacts = (generators, features, embeddings.artifact)
    key = EmbeddingsKey.parse(embeddings.artifact.key)
    late = (
        key.tower.learned_before > cutoffs.learned_before
        or key.history_before != cutoffs.history_before
    )
    if late or any(artifact.key != str(cutoffs) for artifact in artifacts[:2]):
        raise LeakageError(
            expected=(
                f"generators and features at {cutoffs}, vectors learned no later and"
                f" @{cutoffs.history_before}"
            ),
            found=", ".join(artifact.reference for artifact in artifacts),
            where="inputs of the rankers",
            remedy="build every input at the same cutoffs",
        )
    learned = None if votes is None else read_votes(votes)
    retriever = open_candidate_source(snapshot, cutoffs, generators, embeddings, searcher, learned)
    made_of = (*artifacts, votes) if votes is not None else artifacts
    content = retriever.tables.content.items
    return RankingInputs(
        cutoffs=cutoffs,
        retriever=retriever,
        tables=FeatureTables.open(features),
        embeddings=embeddings,
        content=content if content.nnz else None,
        hash=config_hash(str(cutoffs), *(artifact.content for artifact in made_of)),
        sequences=Sequences(
            *(
                _read_only(getattr(retriever.tables, name))
                for name in ("after_items", "after_scores", "before_items", "before_scores")
            )
        ),
    )
