"""The kind of artifact that a verdict of the gate is."""

from __future__ import annotations

from recsys_tasks.lake.keys import NightKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

DECISION = Kind(
    name="decision",
    what="a verdict of the gate with its rules, and the evaluations behind it",
    key=NightKey,
    files={"decision.json": Holding.NOTHING, "figures.json": Holding.NOTHING},
    retire=Retire.NEVER,
    made_by=("recsys_tasks.stages.judge",),
)

KINDS = (DECISION,)
