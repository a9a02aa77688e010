"""Turn a tower version into vectors: of the items that exist, and of users by their history."""

from __future__ import annotations

import hashlib

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import LeakageError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Draft
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings
from recsys_tasks.retrieval.kinds import EMBEDDINGS
from recsys_tasks.retrieval.tower.content_means import content_means
from recsys_tasks.retrieval.tower.examples import last_histories, timestamp_numbers
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.runtime import prepare
from recsys_tasks.retrieval.tower.supplied import supplied_vectors
from recsys_tasks.retrieval.tower.training_run import entity_values
from recsys_tasks.retrieval.tower.versions import TowerState, TowerVersion, snapshot_for
from recsys_tasks.retrieval.tower.weights import projection
from recsys_tasks.snapshot.as_known import attribute_inputs, known_at
from recsys_tasks.snapshot.dataset import Snapshot

USER_BLOCK = 4096


def embed(
    snapshot: Snapshot, tower: TowerVersion, cutoffs: Cutoffs, users: Keys | None = None
) -> Embeddings:
    """Vectors of the items that exist and of the users with an event before
    `cutoffs.history_before`.

    They are made under the settings that the version was trained under, also after the settings
    file has changed. `users` limits the users. Items that the version never saw get theirs from
    their content. Raises LeakageError when the version learned from rows at or after
    `cutoffs.learned_before`. `users [k] int32`.
    """
    _check_order(tower, cutoffs)
    key = EmbeddingsKey.of(tower.artifact.key, cutoffs.history_before)
    snapshot = known_at(snapshot, cutoffs.history_before)
    inputs = {"snapshot": snapshot.artifact.content, "tower": tower.artifact.content}
    inputs |= attribute_inputs(snapshot)
    settings = (
        "all" if users is None else hashlib.sha256(np.unique(users).tobytes()).hexdigest()[:16]
    )
    made = snapshot.lake.make(
        EMBEDDINGS,
        key,
        inputs=inputs,
        config=settings,
        write=lambda draft: _write(snapshot, tower, cutoffs, users, draft),
    )
    return open_embeddings(made)


def _write(
    snapshot: Snapshot, tower: TowerVersion, cutoffs: Cutoffs, users: Keys | None, draft: Draft
) -> None:
    prepare(snapshot.config.resources)
    snapshot = snapshot_for(snapshot, tower.artifact)
    model = model_of(snapshot, TowerState.load(tower.artifact, to_train=False))
    item_keys = snapshot.existing_items(cutoffs.history)
    user_keys, user_vectors = users_of(snapshot, model, cutoffs, users)
    np.save(draft.path / "item_keys.npy", item_keys)
    np.save(draft.path / "item_vectors.npy", model.item_vectors(item_keys))
    np.save(draft.path / "user_keys.npy", user_keys)
    np.save(draft.path / "user_vectors.npy", user_vectors)
    draft.rows = len(user_keys)
    draft.facts = {"items": len(item_keys), "users": len(user_keys)}


def model_of(snapshot: Snapshot, state: TowerState) -> Tower:
    """The model over a version's arrays, which it takes over; items that it never saw get their
    vector by content.

    Nothing moves any more, so supplied vectors are projected once, into the id vectors, not with
    every block of users.
    """
    item_values, user_values = entity_values(snapshot, state.items, state.users)
    m, known = snapshot.n_items, state.known_of(snapshot.n_items)
    arrays = dict(state.arrays)
    if m > len(arrays["item"]):
        arrays["item"] = np.pad(arrays["item"], ((0, m - len(arrays["item"])), (0, 0)))
    unknown = np.flatnonzero(~known)
    arrays["item"][unknown] += content_means(item_values, arrays["item"], known, unknown)
    for name, vectors in supplied_vectors(state.items, snapshot).items():
        arrays["item"] += vectors @ arrays[projection(name)]
    return Tower(
        snapshot.config.two_tower, arrays, item_values, user_values, snapshot.config.resources.seed
    )


def users_of(
    snapshot: Snapshot, model: Tower, cutoffs: Cutoffs, users: Keys | None
) -> tuple[Keys, Float32]:
    """Keys and vectors of the users (all, or of these) with an event before
    `cutoffs.history_before`.

    Keys `[n] int32`, ascending; vectors `[n, d] float32`.
    """
    events = snapshot.events(before=cutoffs.history_before)
    events = events.before(cutoffs.history)
    keys = np.unique(events.user)
    keys = keys if users is None else np.intersect1d(keys, users).astype(np.int32)
    histories, timestamps = (
        last_histories(events, keys, snapshot.n_users),
        timestamp_numbers(events),
    )
    length = snapshot.config.two_tower.history_length
    vectors: Float32 = np.zeros((len(keys), snapshot.config.two_tower.dimensions), np.float32)
    for a in range(0, len(keys), USER_BLOCK):
        block = slice(a, a + USER_BLOCK)
        vectors[block] = model.user_vectors(
            histories.take(block).gather(events.item, timestamps, length), keys[block]
        )
    return keys, vectors


def _check_order(tower: TowerVersion, cutoffs: Cutoffs) -> None:
    if tower.learned_before > cutoffs.learned_before:
        raise LeakageError(
            expected=f"a tower that learned before {cutoffs.learned_before}",
            found=f"{tower.artifact.key}, which learned before {tower.learned_before}",
            where=f"embed at {cutoffs}",
            remedy="use tower_at(lake, lineage, cutoffs.learned_before)",
        )
