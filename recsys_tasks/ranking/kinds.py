"""Kinds of artifacts of the rankers."""

from __future__ import annotations

from recsys_tasks.lake.keys import NightKey, ReleaseKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

EXAMPLES = Kind(
    name="examples",
    what="candidates with columns and labels, that rankers learn from",
    key=NightKey,
    files={"*.bin": Holding.OTHER, "examples.json": Holding.NOTHING},
    retire=Retire.NIGHT,
    made_by=("recsys_tasks.ranking.examples.build",),
    eraser="recsys_tasks.ranking.erasing:erase_examples",
)
RELEASE = Kind(
    name="release",
    what="light and heavy rankers, their calibration, and what they were trained on",
    key=ReleaseKey,
    files={"*.npz": Holding.NOTHING, "*.txt": Holding.NOTHING},
    retire=Retire.RELEASE,
    made_by=("recsys_tasks.ranking.models.train", "recsys_tasks.ranking.models.ranker"),
)

KINDS = (EXAMPLES, RELEASE)
