"""Stage `prepare_publication`: what all shards share, and the plan that they follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.ids import Keys
    from recsys_tasks.lake import Artifact
    from recsys_tasks.retrieval.embeddings import Embeddings
    from recsys_tasks.serving.publication import Publication, PublicationSpec
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "prepare_publication",
    minutes=60,
    reads=(
        "snapshot",
        "events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "index",
        "release",
        "plan",
    ),
    makes=("plan",),
)


def run(night: Night) -> Outcome:
    """Begin tonight's publication. Raises ServingError."""
    from recsys_tasks.serving.precompute import active_users
    from recsys_tasks.serving.publish import create_publication
    from recsys_tasks.serving.vectors import require_pgvector
    from recsys_tasks.stages import voice
    from recsys_tasks.stages.inputs import embeddings_at, serving_tower, tables_at
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.plan import Plan, list_settings, write_plan
    from recsys_tasks.stages.serving_state import served_lineage, serving_release

    if night.config.embeddings.publish:
        require_pgvector(night.engine)
    lineage = served_lineage(night)
    tower = serving_tower(night.lake, lineage, night.tonight).artifact.key
    index = voice.reads(night.lake.require("index", night.as_of.isoformat()))
    release = serving_release(night)
    tables = tables_at(night.snapshot, night.tonight)
    embeddings = embeddings_at(night.snapshot, lineage, night.tonight)
    contents = {
        "snapshot": night.snapshot.artifact.content,
        "features": tables.features.content,
        "generators": tables.generators.content,
        "embeddings": embeddings.artifact.content,
        "index": index.content,
        "release": release.content if release else "",
    }
    users = active_users(night.snapshot, night.config, night.tonight)
    spec = _spec(night, release, tower, contents, len(users))
    publication = create_publication(night.engine, spec, night.now)
    if publication.needs_rows:
        _load_common(night, publication, users, embeddings, index)
    if night.config.embeddings.publish:
        _publish_vectors(night, tower, embeddings)
    plan = Plan(
        publication.id,
        publication.token,
        lineage,
        tower,
        index.reference,
        release.reference if release else None,
        contents,
    )
    written = write_plan(night.lake, night.as_of, list_settings(night.config), plan, users)
    figures = {"publication": publication.id, "release": spec.release, "tower": spec.tower_version}
    return Outcome(written, len(users), figures)


def _spec(
    night: Night, release: Artifact | None, tower: str, contents: Mapping[str, str], users: int
) -> PublicationSpec:
    """What the publication stands for; the same again where nothing that shapes it has changed."""
    from recsys_tasks.lake import code_of
    from recsys_tasks.ranking.models.ranker import scores_are_chances
    from recsys_tasks.serving.kinds import PLAN
    from recsys_tasks.serving.publication import PublicationSpec
    from recsys_tasks.serving.repeats import policy_words
    from recsys_tasks.stages.plan import list_settings

    parts = json.dumps([contents, list_settings(night.config), code_of(PLAN)], sort_keys=True)
    return PublicationSpec(
        as_of=night.as_of,
        cutoffs=night.tonight,
        fingerprint=hashlib.sha256(parts.encode()).hexdigest()[:32],
        release=release.key if release else None,
        tower_version=tower,
        expected_rows=users,
        k=night.config.serving.k,
        spares=night.config.serving.spares,
        shards=night.config.serving.shards,
        repeats=policy_words(night.config),
        calibrated=release is not None and scores_are_chances(release),
    )


def _load_common(
    night: Night, publication: Publication, users: Keys, embeddings: Embeddings, index: Artifact
) -> None:
    """Load what is no user's own: dimensions, paths of fallback lists, similar items."""
    import numpy as np

    from recsys_tasks.retrieval.index.build import open_index
    from recsys_tasks.serving.fallback import load_paths
    from recsys_tasks.serving.load import load_dimensions, load_similar
    from recsys_tasks.serving.similar import similar_items
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items

    load_dimensions(night.engine, night.snapshot)
    load_paths(night.engine, publication, night.snapshot, night.tonight, users)
    if night.config.serving.similar_items:
        # The index finds the largest inner products; only between unit vectors are these the
        # nearest by cosine.
        unit = night.config.two_tower.metric == "cosine"
        searcher = open_index(index, embeddings, night.config.resources.threads) if unit else None
        rows = similar_items(
            embeddings.item_keys,
            np.asarray(embeddings.item_vectors),
            eligible_items(night.snapshot, night.as_of),
            night.config.serving.similar_items,
            searcher=searcher,
        )
        load_similar(night.engine, publication, rows)


def _publish_vectors(night: Night, tower: str, embeddings: Embeddings) -> None:
    """Tonight's vectors, by night: a hold or a rollback of the lists does not touch them."""
    from recsys_tasks.serving.load import load_dimensions
    from recsys_tasks.serving.vectors import VectorSet, publish_vectors

    arrays = (
        embeddings.item_keys,
        embeddings.item_vectors,
        embeddings.user_keys,
        embeddings.user_vectors,
    )
    load_dimensions(night.engine, night.snapshot)
    vectors = VectorSet(night.as_of, tower, embeddings.artifact.content, *arrays)
    publish_vectors(night.engine, vectors, night.now)
