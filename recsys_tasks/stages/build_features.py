"""Stage `build_features`: features and generator tables at every cutoff that tonight needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.progress import Progress
from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "build_features",
    minutes=180,
    opens=(SNAPSHOT,),
    reads=("events", "decision"),
    makes=("features", "generators"),
)


def run(night: Night, *, snapshot: Snapshot) -> Outcome:
    """Make the tables of the label windows, the gate and tonight; where no ranker is due tonight,
    of tonight alone.
    """
    from recsys_tasks.features.build import build_features
    from recsys_tasks.retrieval.candidates.tables import build_generators
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.schedule import ranker_due

    wanted = night.needed_cutoffs if ranker_due(night.serving) else (night.tonight,)
    done = Progress("features and generator tables", len(set(wanted)), "cutoffs")
    for cutoffs in dict.fromkeys(wanted):
        features = build_features(snapshot, cutoffs)
        build_generators(snapshot, cutoffs)
        done.advance()
    figures = {"cutoffs": len(set(wanted))}
    figures |= {family: facts["rows"] for family, facts in features.facts.items()}
    return Outcome(features, features.rows, figures)
