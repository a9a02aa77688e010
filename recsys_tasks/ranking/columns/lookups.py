"""Column groups that cost a look-up by key, and what the kernel that fills them in one pass is
given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys_tasks.arrays import Float32, Int64
from recsys_tasks.ranking.columns.block import ABSENT_RANK, CandidateRows
from recsys_tasks.ranking.columns.lookup_kernels import (
    LOOKUPS,
    BlockValues,
    KnownColumns,
    WantedRows,
    fill_lookups,
)
from recsys_tasks.ranking.inputs import RankingInputs


@dataclass(frozen=True)
class LookedUp:
    """A column group that the kernel knows by its name, one of LOOKUPS (see ColumnGroup).

    Those whose columns stand together are filled in one pass, `look_up`, instead of one by one.
    """

    name: str
    order: int
    names: Callable[[RankingInputs], Sequence[str]]
    light_order: int | None = None
    needs: tuple[str, ...] = ()

    def in_one_pass(self, inputs: RankingInputs) -> bool:
        """Whether the kernel can fill it at these inputs."""
        return True

    def fill(self, rows: CandidateRows, out: Float32) -> None:
        """This group alone, `out [rows, w]`."""
        look_up(rows, {self.name: 0}, out)


def look_up(
    rows: CandidateRows,
    first: Mapping[str, int],
    out: Float32,
    known: tuple[Float32, Int64] | None = None,
) -> None:
    """Fill columns of `out [rows, f]`: the groups of LOOKUPS that begin at the columns `first`, and
    what is copied from a matrix of all the block's candidates, `known` (see KnownColumns).
    """
    block, inputs = rows.block, rows.block.inputs
    candidates, segment = block.candidates, inputs.tables.segment
    n, c, g = candidates.ranks.shape
    none = np.empty((0, 0), np.float32)
    tower = block.tower_standing if "tower" in first else (none, none)
    begins = np.array([first.get(name, -1) for name in LOOKUPS])
    values, runs = known or (none, np.empty((0, 3), np.int64))
    fill_lookups(
        WantedRows(begins, rows.bounds, rows.column, rows.items),
        KnownColumns(values, rows.number, runs),
        BlockValues(
            ranks=candidates.ranks.reshape(n, c * g),
            scores=candidates.scores.reshape(n, c * g),
            generators=g,
            absent=ABSENT_RANK,
            tower_ranks=tower[0],
            tower_scores=tower[1],
            users=candidates.users,
            segments=(
                np.zeros(n, np.int32) if segment is None else segment.segments(candidates.users)
            ),
            context=_context(inputs),
        ),
        inputs.lookups,
        out,
    )


def _context(inputs: RankingInputs) -> Float32:
    """`[3]`: day of the week from Monday, 0, and the time of the year on a circle."""
    day = inputs.cutoffs.history_before
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    return np.array((day.weekday(), np.sin(angle), np.cos(angle)), np.float32)
