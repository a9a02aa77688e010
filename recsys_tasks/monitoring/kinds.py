"""The kind of artifact that a night's report is."""

from __future__ import annotations

from recsys_tasks.lake.keys import NightKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

REPORT = Kind(
    name="report",
    what="a night's page, and the facts and evidence that it was made from",
    key=NightKey,
    files={
        "report.html": Holding.OTHER,
        "facts.json": Holding.OTHER,
        "evidence.json": Holding.OTHER,
    },
    retire=Retire.NIGHT,
    made_by=("recsys_tasks.stages.run_report",),
    eraser="recsys_tasks.monitoring.run_report.store:erase_report",
)

KINDS = (REPORT,)
