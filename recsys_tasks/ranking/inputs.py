"""What ranking reads at one pair of cutoffs: candidates, feature tables and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.clock import Cutoffs, parse_day
from recsys_tasks.config import config_hash
from recsys_tasks.errors import LeakageError
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.candidates import Candidates, Searcher, open_candidate_source
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.snapshot.dataset import Snapshot

__all__ = ["Candidates", "Embeddings", "RankingInputs", "Searcher", "Source", "Vectors", "open_inputs"]


class Vectors(Protocol):
    """Vectors of users and items at the cutoffs; keys ascend."""

    @property
    def item_keys(self) -> Keys:
        """`[m]`."""

    @property
    def item_vectors(self) -> npt.NDArray[np.float32]:
        """`[m, d]`."""

    @property
    def user_keys(self) -> Keys:
        """`[n]`: users with an event before the history cutoff."""

    @property
    def user_vectors(self) -> npt.NDArray[np.float32]:
        """`[n, d]`."""


class Source(Protocol):
    """Candidates at the cutoffs and the histories behind them."""

    def block(self, user_keys: Keys) -> Candidates:
        """Candidates of some users, in their order."""

    def newest_items(self, user_keys: Keys) -> Keys:
        """`[n, L]`: each user's newest distinct items, newest first, -1 pads."""


@dataclass(frozen=True)
class RankingInputs:
    """Everything that is known at one pair of cutoffs.

    `content`: `[n_items, v]` item attributes, rows of unit length; None where there are none. `hash`: what the
    inputs were opened from.
    """

    cutoffs: Cutoffs
    source: Source
    tables: FeatureTables
    embeddings: Vectors
    content: sparse.csr_matrix | None
    hash: str


def open_inputs(
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    generators: Artifact,
    features: Artifact,
    embeddings: Embeddings,
    searcher: Searcher,
) -> RankingInputs:
    """Open what the earlier stages made at these cutoffs.

    Raises LeakageError when one was made at others, or the vectors know more than the cutoffs allow.
    """
    artifacts = (generators, features, embeddings.artifact)
    learned, _, history = embeddings.artifact.key.rpartition(".")[2].partition("@")
    late = parse_day(learned) > cutoffs.learned_before or history != cutoffs.history_before.isoformat()
    if late or any(artifact.key != str(cutoffs) for artifact in artifacts[:2]):
        raise LeakageError(
            expected=f"generators and features at {cutoffs}, vectors learned no later and @{cutoffs.history_before}",
            found=", ".join(artifact.reference for artifact in artifacts),
            where="inputs of the rankers",
            remedy="build every input at the same cutoffs",
        )
    source = open_candidate_source(snapshot, cutoffs, generators, embeddings, searcher)
    content = source.tables.content.items
    return RankingInputs(
        cutoffs=cutoffs,
        source=source,
        tables=FeatureTables.open(features, snapshot.n_users, snapshot.n_items),
        embeddings=embeddings,
        content=content if content.nnz else None,
        hash=config_hash(str(cutoffs), *(artifact.content for artifact in artifacts)),
    )
