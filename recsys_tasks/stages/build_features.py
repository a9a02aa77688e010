"""Stage `build_features`: features, generator tables and what each generator's list is worth, at
every cutoff that tonight needs.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from recsys_tasks.progress import Progress
from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recsys_tasks.clock import Cutoffs
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.serving_state import Serving

STAGE = Stage(
    "build_features",
    minutes=180,
    opens=(SNAPSHOT,),
    reads=("events", "decision", "tower", "embeddings", "release"),
    makes=("features", "generators", "votes"),
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
    _learn_votes(night.serving, snapshot, wanted, (night.gate, night.tonight))
    figures = {"cutoffs": len(set(wanted))}
    figures |= {family: facts["rows"] for family, facts in features.facts.items()}
    return Outcome(features, features.rows, figures)


def _learn_votes(
    serving: Serving, snapshot: Snapshot, wanted: Sequence[Cutoffs], judged: Sequence[Cutoffs]
) -> None:
    """What the generators' lists are worth at each of the cutoffs, from the windows before it, for
    the lineage in training and, at those where it is `judged` and serves, the one that serves.
    """
    ours = serving.lineage_in_training()
    _learn_at(snapshot, ours, sorted(set(wanted)))
    for lineage in serving.champion_lineage():
        if lineage != ours:  # it has no vectors elsewhere
            _learn_at(snapshot, lineage, [cutoffs for cutoffs in judged if cutoffs in wanted])


def _learn_at(snapshot: Snapshot, lineage: str, chain: Sequence[Cutoffs]) -> None:
    from recsys_tasks.retrieval.candidates.votes import PastWindow, build_votes
    from recsys_tasks.stages.inputs import candidate_source, embeddings_at, tables_at

    span = timedelta(days=snapshot.config.label_window_days)
    past: list[PastWindow] = []
    for cutoffs in chain:
        embeddings = embeddings_at(snapshot, lineage, cutoffs).artifact
        known = [window for window in past if window.end <= cutoffs.learned_before]
        generators = tables_at(snapshot, cutoffs).generators
        if known:
            build_votes(snapshot, embeddings.key, cutoffs, generators, known)
        contents = {"embeddings": embeddings.content, "generators": generators.content}
        opener = partial(candidate_source, snapshot, lineage, cutoffs)
        past.append(PastWindow(snapshot, cutoffs, cutoffs.history_before + span, contents, opener))
