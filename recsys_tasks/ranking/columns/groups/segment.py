"""Features of the user's segment with the item, `segment_<name>` (features/definitions/segment.py);
none where the shop declares no segments.
"""

from __future__ import annotations

from dataclasses import dataclass

from recsys_tasks.arrays import Float32
from recsys_tasks.ranking.columns.block import CandidateRows
from recsys_tasks.ranking.columns.lookups import LookedUp
from recsys_tasks.ranking.inputs import RankingInputs


@dataclass(frozen=True)
class _Segment(LookedUp):
    """Looked up where every segment's items fit into one table of positions, else searched for."""

    def in_one_pass(self, inputs: RankingInputs) -> bool:
        segment = inputs.tables.segment
        return segment is not None and segment.places is not None

    def fill(self, rows: CandidateRows, out: Float32) -> None:
        inputs = rows.block.inputs
        if self.in_one_pass(inputs):
            super().fill(rows, out)
        elif inputs.tables.segment is not None:
            inputs.tables.segment.fill(rows.users, rows.items, out)


def _names(inputs: RankingInputs) -> list[str]:
    return [f"segment_{name}" for name in inputs.tables.segment_names]


COLUMNS = _Segment("segment", 40, _names)
