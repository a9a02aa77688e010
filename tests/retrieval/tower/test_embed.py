from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import ArtifactError, LeakageError
from recsys_tasks.retrieval.embeddings import Embeddings, embeddings_of, open_embeddings
from recsys_tasks.retrieval.index.build import ExactSearcher
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import TowerVersion, train_two_tower
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import PER_GROUP, group_config, group_snapshot, share_of_own_group

CUTOFFS = Cutoffs(date(2024, 10, 14), date(2024, 10, 16))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return group_snapshot(
        tmp_path_factory.mktemp("lake"), group_config(), "2024-10-18", 14, [("new", 2)]
    )


@pytest.fixture(scope="module")
def tower(snapshot: Snapshot) -> TowerVersion:
    return train_two_tower(snapshot, CUTOFFS.learned_before)


@pytest.fixture(scope="module")
def embeddings(snapshot: Snapshot, tower: TowerVersion) -> Embeddings:
    return embed(snapshot, tower, CUTOFFS)


def test_the_planted_groups_are_found(embeddings: Embeddings) -> None:
    found, _ = ExactSearcher(embeddings).search(embeddings.user_vectors, 8)
    assert share_of_own_group(embeddings.user_keys, found) > 0.95


def test_an_item_without_events_lands_among_its_kind(embeddings: Embeddings) -> None:
    row = embeddings.item_rows(np.array([40], np.int32))  # "new", of kind 2
    found, _ = ExactSearcher(embeddings).search(embeddings.item_vectors[row], 9)
    assert sorted(set(found[0][found[0] != 40] // PER_GROUP)) == [2]


def test_shapes_types_and_unit_vectors(embeddings: Embeddings) -> None:
    assert embeddings.item_keys.tolist() == list(range(41))
    assert embeddings.user_keys.tolist() == list(range(80))
    assert embeddings.item_vectors.dtype == embeddings.user_vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings.user_vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings.item_vectors, axis=1), 1.0, atol=1e-5)


def test_users_are_those_with_a_history_or_the_asked_ones(
    snapshot: Snapshot, tower: TowerVersion
) -> None:
    some = embed(snapshot, tower, CUTOFFS, np.array([7, 3, 7], np.int32))
    assert some.user_keys.tolist() == [3, 7]
    whole = embed(snapshot, tower, CUTOFFS)
    np.testing.assert_allclose(some.user_vectors, whole.user_vectors[[3, 7]], atol=1e-6)


def test_histories_end_at_their_own_cutoff(
    snapshot: Snapshot, tower: TowerVersion, embeddings: Embeddings
) -> None:
    earlier = embed(snapshot, tower, Cutoffs(CUTOFFS.learned_before, CUTOFFS.learned_before))
    assert np.array_equal(earlier.item_vectors, embeddings.item_vectors)
    assert not np.allclose(earlier.user_vectors, embeddings.user_vectors)


def test_a_rerun_is_a_no_op(
    snapshot: Snapshot, tower: TowerVersion, embeddings: Embeddings
) -> None:
    assert embed(snapshot, tower, CUTOFFS).artifact.version == embeddings.artifact.version
    assert embeddings.artifact.key == f"{tower.artifact.key}@2024-10-16"


def test_a_tower_that_knows_too_much_is_refused(snapshot: Snapshot, tower: TowerVersion) -> None:
    early = date(2024, 10, 13)
    with pytest.raises(LeakageError, match="tower_at"):
        embed(snapshot, tower, Cutoffs(early, CUTOFFS.history_before))


def test_rows_of_keys(embeddings: Embeddings) -> None:
    assert embeddings.item_rows(np.array([0, 40, 41], np.int32)).tolist() == [0, 40, -1]
    assert isinstance(open_embeddings(embeddings.artifact).item_vectors, np.memmap)


def test_opening_needs_no_tensorflow() -> None:
    code = (
        "import sys, recsys_tasks.retrieval.embeddings, recsys_tasks.retrieval.tower.versions; "
        "assert not {'tensorflow', 'tf_keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_nights_vectors_are_those_of_its_own_snapshot(tmp_path: Path) -> None:
    config = group_config(epochs=1)
    night = group_snapshot(tmp_path, config, "2024-10-18", 14)
    tower, cutoffs = train_two_tower(night, date(2024, 10, 14)), Cutoffs.at(date(2024, 10, 18))
    mine = embed(night, tower, cutoffs)
    later = group_snapshot(
        tmp_path, config, "2024-10-25", 20
    )  # a later night's window may end at the same cutoff
    theirs = embed(later, tower, cutoffs)
    assert theirs.artifact.reference != mine.artifact.reference
    for snapshot, made in ((night, mine), (later, theirs)):
        found = embeddings_of(snapshot, tower.artifact.key, cutoffs.history_before)
        assert found.artifact.reference == made.artifact.reference
    with pytest.raises(ArtifactError, match="from the snapshot of 2024-10-18"):
        embeddings_of(night, tower.artifact.key, date(2024, 10, 17))
