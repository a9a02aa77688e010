"""What a candidate generator is: its declaration, what it learns, and how it fills its lists.

A built-in generator is a module of this package with an attribute `GENERATOR`; one of a user's own
package is found by its entry point in the group `nightshelf.generators`. Nothing lists them: the
setting of the quota, the bit that rows of lists store, the rankers' columns, the names in SQL and
what an erasure takes out follow from the object. The settings are made from these modules, so they
load no heavy library until they are asked to work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Float64, Int32
    from recsys_tasks.config import Section
    from recsys_tasks.retrieval.candidates.block import Block
    from recsys_tasks.retrieval.candidates.fitting import Fitting
    from recsys_tasks.retrieval.candidates.tables import GeneratorTables

SPARE_PLACES = 200
"""Places that shared lists keep beyond their quota, for users whose own items are left out."""


@dataclass(frozen=True)
class Vote:
    """What a generator's list says in the fusion, until that is learned from what users did with
    such lists (`candidates.learned_votes`): rank r counts weight / (1 + r / half).

    Reciprocal-rank fusion (Cormack, Clarke and Büttcher 2009) with a weight and an offset for each
    list, because a tower's long list keeps its worth longer than the twenty that grew most.

    Where a score means the same for everyone, it may vote too: `sure * score / (score +
    half_score)` is added. What a user bought once, a year ago, is first among the own items of one
    who bought nothing else.
    """

    weight: float
    half: float
    sure: float = 0.0
    half_score: float = 1.0

    def by_rank(self, places: int) -> Float64:
        """`[places] float64`: the vote of each rank."""
        import numpy as np

        return np.asarray(self.weight / (1.0 + np.arange(places) / self.half), np.float64)


class Generator(Protocol):
    """A source of candidates. Subclass it and override; one object serves all nights."""

    name: str
    """Also the setting of its quota and the prefix of the rankers' columns: `[a-z][a-z0-9_]*`."""
    description: str
    """One sentence for the reference of the settings."""
    bit: int
    """Its bit of the mask that rows of lists store, for ever: never one that another one had."""
    reason: str
    """Reason code of an item that it ranks highest, one of `schema.REASONS`."""
    vote: Vote
    quota: int
    """Candidates asked of it, a user, where the settings say nothing."""
    settings: type[Section] | None = None
    """Model of its block of the section `plugins`, for one of an installed package."""
    arrays: tuple[str, ...] = ()
    """What `fit` returns that is no user's: of items or segments, or counts over many users."""
    user_arrays: tuple[str, ...] = ()
    """What it returns whose row u is of user key u. An erasure sets the row to 0."""
    user_lists: tuple[str, ...] = ()
    """Columns of one table that it returns; the first is `users`, the user key of each row,
    ascending. An erasure removes the user's rows.
    """

    def external_version(self, data: Fitting) -> str:
        """What stands for input outside the snapshot: `fit` runs again when it changes.

        For example the checksum of a file or the newest change of a table; "" without any.
        """
        return ""

    def fit(self, data: Fitting) -> Mapping[str, AnyArray]:
        """What is computed once at a pair of cutoffs and stored: exactly the declared arrays."""
        return {}

    def facts(self, arrays: Mapping[str, AnyArray]) -> Mapping[str, int]:
        """Figures about the fitted arrays, for the artifact's manifest."""
        return {}

    def open(
        self, arrays: Mapping[str, AnyArray], tables: GeneratorTables
    ) -> Mapping[str, AnyArray]:
        """What `fill` is given: the memory-mapped arrays, or what is derived of them just once."""
        return arrays

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """Write the lists of a block's users in place, best first.

        `items [n, quota]` comes filled with -1, `scores [n, quota]` with 0; what is not filled
        stays so, at the end of a row. No item twice in a row; only eligible items, and none that
        the repeat policy keeps from the user (`Block` helps with both). A user's list must not
        depend on who else is in the block.

        Raises NotImplementedError in a generator that does not write its own.
        """
        raise NotImplementedError
