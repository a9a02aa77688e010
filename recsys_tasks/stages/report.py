"""Stage `report`: the night's page from what is there so far.

It runs after the judge, and again after monitoring, which adds what readers see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "report",
    minutes=60,
    reads=(
        "snapshot",
        "events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "examples",
        "release",
        "decision",
        "report",
    ),
    makes=("report",),
)


def run(night: Night) -> Outcome:
    """Write the night's page, `report/<as_of>`."""
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.run_report import write_page

    page = write_page(night)
    figures = {"page": str(page.path), "without": ", ".join(page.missing) or None}
    return Outcome(page.artifact, page.artifact.rows, figures)
