"""Stages from a champion to what readers see: prepare, shards, publish; and monitoring after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from recsys_tasks.config import config_hash
from recsys_tasks.errors import ServingError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, code_version
from recsys_tasks.ranking.models.ranker import scores_are_chances
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.serving.fallback import load_paths
from recsys_tasks.serving.load import load_dimensions, load_lists, load_similar
from recsys_tasks.serving.precompute import (
    active_users,
    list_batches,
    precompute_shard,
    shard_users,
)
from recsys_tasks.serving.publication import (
    CheckLimits,
    Publication,
    PublicationSpec,
    read_publication,
)
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.serving.repeats import policy_words
from recsys_tasks.serving.similar import similar_items
from recsys_tasks.serving.vectors import VectorSet, publish_vectors, require_pgvector
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.inputs import (
    embeddings_at,
    open_inputs,
    open_recommender,
    serving_tower,
    tables_at,
)
from recsys_tasks.stages.learning import served_lineage, serving_release
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import Figure, Outcome

PLAN = "plan"


@dataclass(frozen=True)
class Plan:
    """What tonight's shards read: fixed by `prepare_publication`, so that all shards agree."""

    publication_id: int
    token: str
    lineage: str
    tower: str
    index: str
    release: str | None
    contents: Mapping[str, str]


def prepare_publication(night: Night) -> Outcome:
    """Begin tonight's publication: dimensions, fallback lists, similar items, and the plan for the
    shards.
    """
    if night.config.embeddings.publish:
        require_pgvector(night.engine)
    lineage = served_lineage(night)
    tower, index = (
        serving_tower(night, lineage, night.tonight),
        night.lake.require("index", night.as_of.isoformat()),
    )
    release = serving_release(night)
    tables, embeddings = (
        tables_at(night, night.tonight),
        embeddings_at(night, lineage, night.tonight),
    )
    contents = {
        "snapshot": night.snapshot.artifact.content,
        "features": tables.features.content,
        "generators": tables.generators.content,
        "embeddings": embeddings.artifact.content,
        "index": index.content,
        "release": release.content if release else "",
    }
    users = active_users(night.snapshot, night.config, night.tonight)
    spec = PublicationSpec(
        as_of=night.as_of,
        cutoffs=night.tonight,
        fingerprint=_fingerprint(night, contents),
        release=release.key if release else None,
        tower_version=tower.artifact.key,
        expected_rows=len(users),
        k=night.config.serving.k,
        spares=night.config.serving.spares,
        shards=night.config.serving.shards,
        repeats=policy_words(night.config),
        calibrated=release is not None and scores_are_chances(release),
    )
    publication = create_publication(night.engine, spec, night.now)
    if publication.needs_rows:
        _load_common(night, publication, users, embeddings, index)
    if night.config.embeddings.publish:
        _publish_vectors(night, tower.artifact.key, embeddings)
    plan = Plan(
        publication.id,
        publication.token,
        lineage,
        tower.artifact.key,
        index.reference,
        release.reference if release else None,
        contents,
    )
    figures = {"publication": publication.id, "release": spec.release, "tower": spec.tower_version}
    return Outcome(_write_plan(night, plan, users), len(users), figures)


def _publish_vectors(night: Night, tower: str, embeddings: Embeddings) -> None:
    """Tonight's vectors, by night: a hold or a rollback of the lists does not touch them."""
    arrays = (
        embeddings.item_keys,
        embeddings.item_vectors,
        embeddings.user_keys,
        embeddings.user_vectors,
    )
    load_dimensions(night.engine, night.snapshot)
    vectors = VectorSet(night.as_of, tower, embeddings.artifact.content, *arrays)
    publish_vectors(night.engine, vectors, night.now)


def _settings(night: Night) -> str:
    """Hash of the settings that shape lists."""
    config = night.config
    # How the work is divided among tasks does not change a list.
    serving = config.serving.model_copy(
        update={"shards": 1, "parallel_shards": 1, "keep_publications": 1}
    )
    return config_hash(
        config.generators,
        config.ranker,
        config.rerank,
        config.activity,
        serving,
        config.repeat_consumption,
    )


def _fingerprint(night: Night, contents: Mapping[str, str]) -> str:
    parts = json.dumps([contents, _settings(night), code_version()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _load_common(
    night: Night, publication: Publication, users: Keys, embeddings: Embeddings, index: Artifact
) -> None:
    from recsys_tasks.retrieval.index.build import open_index

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


def _write_plan(night: Night, plan: Plan, users: Keys) -> Artifact:
    key, inputs = (
        night.as_of.isoformat(),
        {**plan.contents, "publication": str(plan.publication_id)},
    )
    found = night.lake.find(PLAN, key, night.lake.fingerprint(PLAN, key, inputs, _settings(night)))
    # Equal contents may have other names now: an index that was damaged is made again under a new
    # one.
    if found is not None and night.lake.newest(PLAN, key) == found and _plan_of(found) == plan:
        return found
    with night.lake.writing(PLAN, key, inputs=inputs, config=_settings(night)) as draft:
        (draft.path / "plan.json").write_text(json.dumps(asdict(plan), indent=1))
        np.save(draft.path / "users.npy", users)
        draft.rows = 1
    assert draft.artifact is not None
    return draft.artifact


def read_plan(night: Night) -> Plan:
    """Tonight's plan. Raises ArtifactError when prepare_publication did not run."""
    return _plan_of(night.lake.require(PLAN, night.as_of.isoformat()))


def _plan_of(artifact: Artifact) -> Plan:
    return Plan(**json.loads(artifact.file("plan.json").read_text()))


def planned_users(night: Night) -> Keys:
    """`[n]`: every user of tonight's plan, sorted."""
    users: Keys = np.load(night.lake.require(PLAN, night.as_of.isoformat()).file("users.npy"))
    return users


def precompute_one(night: Night, shard: int) -> Outcome:
    """Compute one shard's lists and load them into the unpublished publication."""
    plan = read_plan(night)
    users = planned_users(night)
    index = night.lake.get(plan.index)
    inputs = open_inputs(night, plan.lineage, night.tonight, index)
    release = night.lake.get(plan.release) if plan.release else None
    artifact = precompute_shard(
        open_recommender(night, inputs, release),
        users,
        lake=night.lake,
        token=plan.token,
        shard=shard,
        serving=night.config.serving,
        eligible=eligible_items(night.snapshot, night.as_of),
        inputs=plan.contents,
        settings=_settings(night),
        threads=max(1, night.config.resources.threads // night.shards_at_once),
    )
    publication = read_publication(night.engine, plan.publication_id)
    loaded = load_lists(night.engine, publication, list_batches(artifact), shard)
    return Outcome(
        artifact, len(shard_users(users, shard, night.config.serving.shards)), {"loaded": loaded}
    )


def publish_lists(night: Night) -> Outcome:
    """Check the publication, seal it, and show it to readers."""
    plan = read_plan(night)
    ready = finish(
        night.engine,
        read_publication(night.engine, plan.publication_id),
        CheckLimits.of(night.config),
    )
    done = publish(night.engine, ready, who="nightly", now=night.now)
    if done.publication.rows is None:
        raise ServingError(
            expected="a checked publication",
            found=f"publication {done.publication.id} has no row count",
            where="recsys.publication",
            remedy="run the night again from prepare_publication",
        )
    figures: dict[str, Figure] = {
        "publication": done.publication.id,
        "shown": done.moved,
        "reason": done.reason,
    }
    return Outcome(None, done.publication.rows, figures, note=f"publication {done.publication.id}")
