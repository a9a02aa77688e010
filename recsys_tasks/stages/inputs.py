"""What ranking reads at one pair of cutoffs, made or opened from the lake."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.retrieval.embeddings import Embeddings, embeddings_of
from recsys_tasks.retrieval.tower.versions import TowerVersion, current_lineage, serving_at
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.night import Night


def serving_tower(night: Night, lineage: str, cutoffs: Cutoffs) -> TowerVersion:
    """The version that serves at these cutoffs: the newest that learned nothing later and passed
    its floor.

    Raises ArtifactError when the lineage has none that old.
    """
    version = serving_at(night.lake, lineage, cutoffs.learned_before)
    if version is None:
        raise ArtifactError(
            expected=(
                f"a version of tower lineage {lineage} that learned before {cutoffs.learned_before}"
            ),
            found="none",
            where=str(night.lake.root / "tower"),
            remedy="run train_two_tower for this night first",
        )
    return version


def lineage_tonight(night: Night) -> str:
    """The lineage that tonight's challenger is trained on. Raises ArtifactError before the first
    training.
    """
    lineage = current_lineage(night.lake, night.config, night.as_of)
    if lineage is None:
        raise ArtifactError(
            expected="a tower lineage for these settings",
            found="none",
            where=str(night.lake.root / "tower"),
            remedy="run train_two_tower for this night first",
        )
    return lineage


def embeddings_at(night: Night, lineage: str, cutoffs: Cutoffs) -> Embeddings:
    """Vectors that `embed` made. Raises ArtifactError when it did not run."""
    tower = serving_tower(night, lineage, cutoffs)
    return embeddings_of(night.snapshot, tower.artifact.key, cutoffs.history_before)


@dataclass(frozen=True)
class Tables:
    """Feature and generator artifacts at one pair of cutoffs."""

    features: Artifact
    generators: Artifact


def tables_at(night: Night, cutoffs: Cutoffs) -> Tables:
    """Features and generators at these cutoffs; no-ops when they are there already."""
    from recsys_tasks.features.build import build_features
    from recsys_tasks.retrieval.candidates.tables import build_generators

    return Tables(
        build_features(night.snapshot, cutoffs), build_generators(night.snapshot, cutoffs)
    )


def open_inputs(
    night: Night, lineage: str, cutoffs: Cutoffs, index: Artifact | None = None
) -> RankingInputs:
    """Everything known at these cutoffs; `index` None searches exactly (past cutoffs)."""
    from recsys_tasks.ranking.inputs import open_inputs as open_at
    from recsys_tasks.retrieval.index.build import ExactSearcher, Searcher, open_index

    tables, embeddings = tables_at(night, cutoffs), embeddings_at(night, lineage, cutoffs)
    if index is None:
        searcher: Searcher = ExactSearcher(
            embeddings.findable(eligible_items(night.snapshot, cutoffs.history_before))
        )
    else:
        searcher = open_index(index, embeddings)
    return open_at(
        night.snapshot, cutoffs, tables.generators, tables.features, embeddings, searcher
    )


def open_recommender(night: Night, inputs: RankingInputs, release: Artifact | None) -> Recommender:
    """The composition that the gate judges and that serves."""
    ranker = Ranker.open(release, night.config.resources.threads) if release else None
    return Recommender.of(night.snapshot, inputs, ranker)
