"""The kind of artifact that features are."""

from __future__ import annotations

from recsys_tasks.lake.keys import CutoffsKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

FEATURES = Kind(
    name="features",
    what="features of users, items, segments and pairs at two cutoffs",
    key=CutoffsKey,
    files={
        "user.parquet": Holding.ROWS,
        "pair.parquet": Holding.ROWS,
        "user.f32": Holding.OTHER,
        "user_segment.i32": Holding.OTHER,
        "pair.f32": Holding.OTHER,
        "pair_items.i32": Holding.OTHER,
        "pair_offsets.npy": Holding.OTHER,
        # sums over users
        "item.*": Holding.NOTHING,
        "segment.*": Holding.NOTHING,
        "segment_items.i32": Holding.NOTHING,
        "segment_offsets.npy": Holding.NOTHING,
    },
    retire=Retire.NIGHT_OR_GATE,
    made_by=("recsys_tasks.features.build",),
    eraser="recsys_tasks.features.erasing:erase_features",
)

KINDS = (FEATURES,)
