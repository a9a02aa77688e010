"""What ranking reads at one pair of cutoffs: candidates, feature tables and vectors, named as it uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.clock import Cutoffs
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.ids import Keys


class Candidates(Protocol):
    """What retrieval hands over for a block of users."""

    @property
    def users(self) -> Keys:
        """`[n] int32`."""

    @property
    def items(self) -> npt.NDArray[np.int32]:
        """`[n, c]`, -1 pads at the end of each row."""

    @property
    def ranks(self) -> npt.NDArray[np.int16]:
        """`[n, c, g]`, 0-based, -1 where absent."""

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """`[n, c, g]`, standardised per user and generator."""


class Embeddings(Protocol):
    """Vectors of users and items at the cutoffs."""

    @property
    def item_keys(self) -> Keys:
        """`[m]`, sorted."""

    @property
    def item_vectors(self) -> npt.NDArray[np.float32]:
        """`[m, d]`."""

    @property
    def user_keys(self) -> Keys:
        """`[n]`, sorted: users with an event before the history cutoff."""

    @property
    def user_vectors(self) -> npt.NDArray[np.float32]:
        """`[n, d]`."""


class CandidateSource(Protocol):
    """Candidates at the cutoffs, and the tables behind them."""

    @property
    def history(self) -> npt.NDArray[np.int32]:
        """`[n_users, L]`: a user's newest items first, -1 pads."""

    @property
    def content(self) -> sparse.csr_matrix | None:
        """`[n_items, v]`, rows of unit length; None where no attribute is declared."""

    def block(self, users: Keys) -> Candidates:
        """Candidates of these users, in their order."""


@dataclass(frozen=True)
class RankingInputs:
    """Everything that is known at one pair of cutoffs. `content`: hash of what it was opened from."""

    cutoffs: Cutoffs
    source: CandidateSource
    tables: FeatureTables
    embeddings: Embeddings
    content: str
