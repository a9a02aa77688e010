"""Open the artifacts that ranking reads at one pair of cutoffs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.retrieval.embeddings import Embeddings, embeddings_of
from recsys_tasks.retrieval.index.exact import ExactSearcher
from recsys_tasks.retrieval.tower.versions import TowerVersion, current_lineage, serving_at
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages import stage_log
from recsys_tasks.stages.pipeline import STAGES


def serving_tower(lake: Lake, lineage: str, cutoffs: Cutoffs) -> TowerVersion:
    """The version that serves at these cutoffs: the newest that learned nothing later and passed
    its refresh floor.

    Raises ArtifactError when the lineage has no version that old.
    """
    version = serving_at(lake, lineage, cutoffs.learned_before)
    if version is None:
        raise ArtifactError(
            expected=(
                f"a version of tower lineage {lineage} that learned before {cutoffs.learned_before}"
            ),
            found="none",
            where=str(lake.root / "tower"),
            remedy=_first("tower"),
        )
    stage_log.reads(version.artifact)
    return version


def lineage_tonight(lake: Lake, config: Config, as_of: date) -> str:
    """The lineage that tonight's challenger is trained on. Raises ArtifactError before the first
    training.
    """
    lineage = current_lineage(lake, config, as_of)
    if lineage is None:
        raise ArtifactError(
            expected="a tower lineage for these settings",
            found="none",
            where=str(lake.root / "tower"),
            remedy=_first("tower"),
        )
    return lineage


def embeddings_at(snapshot: Snapshot, lineage: str, cutoffs: Cutoffs) -> Embeddings:
    """The vectors that the stage `embed` made. Raises ArtifactError when it did not run."""
    tower = serving_tower(snapshot.lake, lineage, cutoffs)
    found = embeddings_of(snapshot, tower.artifact.key, cutoffs.history_before)
    stage_log.reads(found.artifact)
    return found


@dataclass(frozen=True)
class Tables:
    """Feature and generator artifacts at one pair of cutoffs."""

    features: Artifact
    generators: Artifact


def tables_at(snapshot: Snapshot, cutoffs: Cutoffs) -> Tables:
    """The artifacts that `build_features` made of this snapshot at these cutoffs and settings.

    Raises ArtifactError when it did not run.
    """
    from recsys_tasks.features.build import find_features
    from recsys_tasks.retrieval.candidates.tables import find_generators

    features = find_features(snapshot, cutoffs)
    generators = find_generators(snapshot, cutoffs)
    if features is not None and generators is not None:
        return Tables(stage_log.reads(features), stage_log.reads(generators))
    lacking = "features" if features is None else "generators"
    raise ArtifactError(
        expected=f"{lacking} at {cutoffs} from the snapshot of {snapshot.as_of} and these settings",
        found="none",
        where=str(snapshot.lake.root / lacking / str(cutoffs)),
        remedy=_first(lacking),
    )


def _first(kind: str) -> str:
    """The remedy where an artifact of this kind is missing: run the stage that makes it."""
    makers = [stage.name for stage in STAGES if kind in stage.makes]
    return f"run {' and '.join(makers)} for this night first"


def open_inputs(
    snapshot: Snapshot, lineage: str, cutoffs: Cutoffs, index: Artifact | None = None
) -> RankingInputs:
    """Open all inputs of ranking at these cutoffs; without `index` the search is exact (at past
    cutoffs).
    """
    from recsys_tasks.ranking.inputs import open_ranking_inputs
    from recsys_tasks.retrieval.index.build import Searcher, open_index

    tables, embeddings = tables_at(snapshot, cutoffs), embeddings_at(snapshot, lineage, cutoffs)
    if index is None:
        searcher: Searcher = _exact(snapshot, embeddings, cutoffs)
    else:
        searcher = open_index(stage_log.reads(index), embeddings)
    return open_ranking_inputs(
        snapshot,
        cutoffs,
        tables.generators,
        tables.features,
        embeddings,
        searcher,
        votes_for(snapshot.lake, lineage, cutoffs, tables.generators),
    )


def candidate_source(snapshot: Snapshot, lineage: str, cutoffs: Cutoffs) -> CandidateSource:
    """The generators at past cutoffs, by exact search, whose lists count as they declare. Raises
    ArtifactError.
    """
    from recsys_tasks.retrieval.candidates.source import open_candidate_source

    generators = tables_at(snapshot, cutoffs).generators
    embeddings = embeddings_at(snapshot, lineage, cutoffs)
    searcher = _exact(snapshot, embeddings, cutoffs)
    return open_candidate_source(snapshot, cutoffs, generators, embeddings, searcher)


def _exact(snapshot: Snapshot, embeddings: Embeddings, cutoffs: Cutoffs) -> ExactSearcher:
    eligible = eligible_items(snapshot, cutoffs.history_before)
    return ExactSearcher(embeddings.findable(eligible))


def votes_for(lake: Lake, lineage: str, cutoffs: Cutoffs, generators: Artifact) -> Artifact | None:
    """What each generator's list is worth at these cutoffs; None where nothing was learned yet."""
    from recsys_tasks.retrieval.candidates.votes import votes_at

    found = votes_at(lake, lineage, cutoffs, generators)
    return None if found is None else stage_log.reads(found)


def open_recommender(
    snapshot: Snapshot, inputs: RankingInputs, release: Artifact | None
) -> Recommender:
    """The recommender of a release: the gate judges it, and `precompute_shard` serves it."""
    ranker = (
        Ranker.open(stage_log.reads(release), snapshot.config.resources.threads)
        if release
        else None
    )
    return Recommender.of(snapshot, inputs, ranker)
