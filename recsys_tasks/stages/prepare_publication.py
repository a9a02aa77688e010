"""Stage `prepare_publication`: what all shards share, and the plan that they follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, NightArtifact, Stage

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Engine

    from recsys_tasks.arrays import Bool
    from recsys_tasks.clock import Cutoffs
    from recsys_tasks.ids import Keys
    from recsys_tasks.lake import Artifact
    from recsys_tasks.retrieval.embeddings import Embeddings
    from recsys_tasks.serving.forbidden_items import ForbiddenTo
    from recsys_tasks.serving.publication import Publication, PublicationSpec
    from recsys_tasks.serving.vectors import VectorSet
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "prepare_publication",
    minutes=60,
    opens=(SNAPSHOT, NightArtifact("index")),
    reads=(
        "events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "release",
        "plan",
    ),
    makes=("plan",),
)


def run(night: Night, *, snapshot: Snapshot, index: Artifact) -> Outcome:
    """Begin tonight's publication. Raises ServingError."""
    from recsys_tasks.serving.load import load_dimensions
    from recsys_tasks.serving.precompute import active_users
    from recsys_tasks.serving.publish import create_publication
    from recsys_tasks.serving.vectors import publish_vectors, require_pgvector
    from recsys_tasks.stages.inputs import embeddings_at, serving_tower, tables_at
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.plan import Plan, list_settings, write_plan

    if night.config.embeddings.publish:
        require_pgvector(night.engine)
    lineage = night.serving.lineage()
    tower = serving_tower(night.lake, lineage, night.tonight).artifact.key
    release = night.serving.release()
    tables = tables_at(snapshot, night.tonight)
    embeddings = embeddings_at(snapshot, lineage, night.tonight)
    contents = {
        "snapshot": snapshot.artifact.content,
        "features": tables.features.content,
        "generators": tables.generators.content,
        "embeddings": embeddings.artifact.content,
        "index": index.content,
        "release": release.content if release else "",
    }
    users = active_users(snapshot, night.config, night.tonight)
    spec = _spec(snapshot, night.tonight, release, tower, contents, len(users))
    publication = create_publication(night.engine, spec, night.now)
    if publication.needs_rows:
        load_dimensions(night.engine, snapshot)
        _load_paths(night.engine, publication, snapshot, night.tonight, users, embeddings, index)
    if night.config.embeddings.publish:
        load_dimensions(night.engine, snapshot)
        publish_vectors(night.engine, _vectors(night.as_of, tower, embeddings), night.now)
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
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    release: Artifact | None,
    tower: str,
    contents: Mapping[str, str],
    users: int,
) -> PublicationSpec:
    """What the publication stands for; the same again where nothing that shapes it has changed."""
    from recsys_tasks.lake import code_of
    from recsys_tasks.ranking.models.ranker import scores_are_probabilities
    from recsys_tasks.serving.kinds import PLAN
    from recsys_tasks.serving.publication import PublicationSpec
    from recsys_tasks.serving.repeats import policy_words
    from recsys_tasks.stages.plan import list_settings

    config = snapshot.config
    parts = json.dumps([contents, list_settings(config), code_of(PLAN)], sort_keys=True)
    return PublicationSpec(
        as_of=snapshot.as_of,
        cutoffs=cutoffs,
        fingerprint=hashlib.sha256(parts.encode()).hexdigest()[:32],
        release=release.key if release else None,
        tower_version=tower,
        expected_rows=users,
        k=config.serving.k,
        spares=config.serving.spares,
        shards=config.serving.shards,
        repeats=policy_words(config),
        calibrated=release is not None and scores_are_probabilities(release),
    )


def _load_paths(
    engine: Engine,
    publication: Publication,
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    users: Keys,
    embeddings: Embeddings,
    index: Artifact,
) -> None:
    """Load what is published beside the lists of the `users [n] int32`."""
    from recsys_tasks.serving.fallback import load_paths
    from recsys_tasks.serving.forbidden_items import forbidden_to
    from recsys_tasks.serving.repeats import forbidden_pairs
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items

    eligible = eligible_items(snapshot, snapshot.as_of)
    pairs = forbidden_pairs(snapshot, cutoffs, eligible)
    load_paths(engine, publication, snapshot, cutoffs, users, pairs)
    forbidden = forbidden_to(snapshot, cutoffs, pairs)
    _load_similar(engine, publication, snapshot, embeddings, index)
    _load_bought(engine, publication, snapshot, eligible, forbidden)
    _load_liked(engine, publication, snapshot, embeddings, eligible, forbidden)


def _load_similar(
    engine: Engine,
    publication: Publication,
    snapshot: Snapshot,
    embeddings: Embeddings,
    index: Artifact,
) -> None:
    """Load each item's similar items, where the settings want any."""
    import numpy as np

    from recsys_tasks.retrieval.index.build import open_index
    from recsys_tasks.serving.load import load_similar
    from recsys_tasks.serving.similar import similar_items
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items

    config = snapshot.config
    if not config.serving.similar_items:
        return
    # The index finds the largest inner products; only between unit vectors are these the nearest by
    # cosine.
    unit = config.two_tower.metric == "cosine"
    searcher = open_index(index, embeddings, config.resources.threads) if unit else None
    rows = similar_items(
        embeddings.item_keys,
        np.asarray(embeddings.item_vectors),
        eligible_items(snapshot, snapshot.as_of),
        config.serving.similar_items,
        searcher=searcher,
    )
    load_similar(engine, publication, rows)


def _load_bought(
    engine: Engine,
    publication: Publication,
    snapshot: Snapshot,
    eligible: Bool,
    forbidden: ForbiddenTo,
) -> None:
    """Load what is bought together and what is due to be bought again, where the settings want
    it.
    """
    from datetime import timedelta

    from recsys_tasks.clock import DAY_SECONDS, start_of
    from recsys_tasks.serving import bought

    config, day = snapshot.config, snapshot.as_of
    serving = config.serving
    again = serving.buy_again and config.repeat_consumption != "forbid"
    if not (serving.bought_together or again):
        return
    events = snapshot.events(since=day - timedelta(days=bought.DAYS), before=day)
    events = events.of_kinds(config.bought_codes)
    if serving.bought_together:
        rows = bought.bought_together(
            events, eligible, serving.bought_together, serving.least_baskets
        )
        bought.load_together(engine, publication, rows)
    if again:
        now = start_of(day) // DAY_SECONDS
        rows = bought.buy_again(events, eligible, forbidden, now, serving.buy_again)
        bought.load_again(engine, publication, rows)


def _load_liked(
    engine: Engine,
    publication: Publication,
    snapshot: Snapshot,
    embeddings: Embeddings,
    eligible: Bool,
    forbidden: ForbiddenTo,
) -> None:
    """Load what users of the same taste liked, where the settings want it."""
    from datetime import timedelta

    import numpy as np

    from recsys_tasks.serving import liked

    config, day = snapshot.config, snapshot.as_of
    if not config.serving.also_liked:
        return
    rows = liked.also_liked(
        embeddings.user_keys,
        liked.taste_groups(np.asarray(embeddings.user_vectors)),
        snapshot.events(since=day - timedelta(days=liked.DAYS), before=day),
        eligible,
        forbidden,
        config.serving.also_liked,
    )
    liked.load_liked(engine, publication, rows)


def _vectors(as_of: date, tower: str, embeddings: Embeddings) -> VectorSet:
    """Tonight's vectors, by night: a hold or a rollback of the lists does not touch them."""
    from recsys_tasks.serving.vectors import VectorSet

    arrays = (
        embeddings.item_keys,
        embeddings.item_vectors,
        embeddings.user_keys,
        embeddings.user_vectors,
    )
    return VectorSet(as_of, tower, embeddings.artifact.content, *arrays)
