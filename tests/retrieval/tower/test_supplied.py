"""Supplied vectors in the tower: how they are read, how their projection learns, and where it puts
an unseen item.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.examples import FlatHistories
from recsys_tasks.retrieval.tower.inputs import EMPTY, Vocabulary
from recsys_tasks.retrieval.tower.lineage import train_two_tower
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.supplied import extend_centres, standardise, supplied_vectors
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import TowerState, lineage_hash
from recsys_tasks.retrieval.tower.warm_start import carry_over
from recsys_tasks.retrieval.tower.weights import Arrays, Batch, start_arrays
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower.pictures import (
    DAY_12,
    DAY_14,
    DIMENSIONS,
    IMAGE,
    image_config,
    image_snapshot,
    images,
)
from tests.retrieval.tower_world import (
    GROUPS,
    group_config,
    share_of_own_group,
)


class TestStandardised:
    def test_less_the_centre_and_of_unit_length(self) -> None:
        vectors = np.array([[4, 6], [np.nan, np.nan], [1, 0], [1, 2]], np.float32)
        # Less (1, 2): (3, 4) of length 5, missing, (0, -2) of length 2, and the centre itself,
        # which says nothing.
        found = standardise(vectors, np.array([1, 2], np.float32))
        np.testing.assert_allclose(
            found, [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0], [0.0, 0.0]], rtol=1e-6
        )

    @pytest.mark.parametrize("scale", [1e-20, 1e25])
    def test_scale_does_not_matter(self, scale: float) -> None:
        vectors = np.array([[4, 6], [1, 0]], np.float32) * np.float32(scale)
        found = standardise(vectors, np.array([1, 2], np.float32) * np.float32(scale))
        np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)

    def test_what_differs_by_rounding_alone_says_nothing(self) -> None:
        vectors = np.full((3, 4), 0.1, np.float32)
        vectors[1, 2] += np.float32(7e-9)
        assert not standardise(vectors, np.full(4, 0.1, np.float32)).any()


class TestCentres:
    def test_the_mean_of_known_items_that_have_a_vector(self, tmp_path: Path) -> None:
        config = image_config(2)
        vectors = np.full((48, 2), np.nan, np.float32)
        vectors[[0, 1, 47]] = [[1, 2], [3, 6], [90, 90]]
        snapshot = image_snapshot(tmp_path, config, vectors)
        vocabulary, supplied = extend_centres(EMPTY, snapshot, np.arange(40, dtype=np.int32))
        assert vocabulary.centres == {"image": (2.0, 4.0)}  # item 47 is not among the known
        np.testing.assert_allclose(
            supplied["image"][:3], [[-(0.2**0.5), -(0.8**0.5)], [0.2**0.5, 0.8**0.5], [0, 0]]
        )
        again, _ = extend_centres(vocabulary, snapshot, np.arange(48, dtype=np.int32))
        assert again == vocabulary  # a centre never moves
        np.testing.assert_array_equal(
            supplied_vectors(vocabulary, snapshot)["image"], supplied["image"]
        )

    def test_the_first_vectors_make_the_centre_whenever_they_come(self, tmp_path: Path) -> None:
        vectors = np.full((48, 2), np.nan, np.float32)
        vectors[47] = [90, 90]
        snapshot = image_snapshot(tmp_path, image_config(2), vectors)
        before, supplied = extend_centres(EMPTY, snapshot, np.arange(40, dtype=np.int32))
        assert before == EMPTY
        assert not supplied["image"][:47].any()
        later, _ = extend_centres(before, snapshot, np.arange(48, dtype=np.int32))
        assert later.centres == {"image": (90.0, 90.0)}

    def test_they_are_stored_with_the_vocabulary(self) -> None:
        made = Vocabulary(("a=1",), {"price": (2.0,)}, {"image": (float(np.float32(0.1)), -3.0)})
        assert Vocabulary.from_json(made.to_json()) == made
        plain = Vocabulary(("a=1",), {"price": (2.0,)})
        assert plain.to_json() == {
            "tokens": ["a=1"],
            "edges": {"price": [2.0]},
        }  # as it was without vectors
        assert Vocabulary.from_json(plain.to_json()) == plain


VECTORS = np.array([[0.6, 0.8, 0], [0, -1, 0], [0, 0, 0]], np.float32)  # the third item has none


def _tower() -> tuple[Tower, Arrays]:
    """Three items, of which the first two share a value; a projection as if trained; dropout
    off.
    """
    config = group_config(dropout=0.0, item_dropout=0.0).two_tower
    arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1, IMAGE: 3}, 1)
    # Drawn so that no hidden unit is near its kink, where a slope is none.
    arrays[IMAGE] = (
        np.random.default_rng(7).normal(scale=0.1, size=arrays[IMAGE].shape).astype(np.float32)
    )
    values = np.array([[1], [1], [0]], np.int32)
    moving = {name: array.copy() for name, array in arrays.items()}
    return Tower(config, moving, values, np.zeros((2, 1), np.int32), 1, {"image": VECTORS}), arrays


def _batch() -> Batch:
    """User 0 had item 0 and takes 1; user 1 had items 1 and 2 and takes 0."""
    history = FlatHistories(*(np.array(v, np.int32) for v in ([0, 1, 2], [0, 1, 1], [0, 1, 0])))
    keys = np.array([0, 1], np.int32), np.array([1, 0], np.int32)
    one = np.ones(2, np.float32)
    return Batch(
        history,
        *keys,
        one,
        np.array([1.0, 0.5], np.float32),
        np.ones((2, 2), np.bool_),
        np.float32(0.002),
    )


class TestModel:
    def test_an_item_is_its_id_its_values_and_its_projected_vector(self) -> None:
        tower, arrays = _tower()
        inputs = arrays["item"] + VECTORS @ arrays[IMAGE]
        inputs[:2] += arrays["value"][1]
        of_members = inputs.reshape(3, 2, -1)
        unit = of_members / np.linalg.norm(of_members, axis=2, keepdims=True)
        np.testing.assert_allclose(
            tower.item_vectors(np.arange(3)), unit.reshape(3, -1) / np.sqrt(2), atol=1e-6
        )

    def test_the_projections_gradient_is_the_losss_slope(self) -> None:
        tower, _ = _tower()
        still = replace(
            _batch(), rate=np.float32(0)
        )  # steps of no length: the loss is looked at, nothing moves
        tower.train(still)
        # Adam's first moment after one step is a tenth of the gradient.
        gradient = tower.arrays()[f"{IMAGE}/m"] / 0.1
        slopes, table, width = np.zeros_like(gradient), tower.arrays()[IMAGE], np.float32(1e-3)
        for at in np.ndindex(*gradient.shape):
            here, losses = table[at], []
            for moved in (here + width, here - width):
                table[at] = moved
                losses.append(tower.train(still))
            table[at] = here
            slopes[at] = (losses[0] - losses[1]) / (2 * width)
        assert np.abs(slopes).max() > 5
        np.testing.assert_allclose(gradient, slopes, atol=0.02)
        assert not gradient[2].any()  # no item's vector points there

    def test_the_projections_gradient_is_that_of_the_inputs_by_the_vectors(self) -> None:
        tower, _ = _tower()
        tower.train(_batch())
        of_inputs = tower.arrays()[
            "item/m"
        ]  # an id is a summand of its item's input, as the projected vector is
        np.testing.assert_allclose(
            tower.arrays()[f"{IMAGE}/m"], VECTORS.T @ of_inputs, rtol=1e-5, atol=1e-7
        )

    def test_a_step_moves_it_by_the_rate(self) -> None:
        tower, arrays = _tower()
        tower.train(_batch())
        moved = np.abs(tower.arrays()[IMAGE] - arrays[IMAGE])
        np.testing.assert_allclose(
            moved[:2], 0.002, rtol=0.02
        )  # Adam's first step, whatever the gradient
        assert not moved[2].any()

    def test_it_starts_at_zero(self) -> None:
        arrays = start_arrays(
            group_config().two_tower, {"item": 3, "value": 2, "user_value": 1, IMAGE: 5}, 1
        )
        assert arrays[IMAGE].shape == arrays[f"{IMAGE}/v"].shape == (5, 16)
        assert not arrays[IMAGE].any()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return image_snapshot(tmp_path_factory.mktemp("lake"), image_config(), images())


class TestTraining:
    def test_vectors_alone_put_unseen_items_before_their_users(self, snapshot: Snapshot) -> None:
        found = embed(snapshot, train_two_tower(snapshot, DAY_14), Cutoffs(DAY_14, DAY_14))
        new = found.item_rows(np.arange(40, 48, dtype=np.int32))
        scores = found.user_vectors @ found.item_vectors[new].T
        first_two = np.argsort(-scores, axis=1)[
            :, :2
        ]  # of eight new items, two are of the user's group
        own = (first_two % GROUPS == found.user_keys[:, None] % GROUPS).mean()
        assert own > 0.95  # by chance: a quarter
        known = np.argsort(-(found.user_vectors @ found.item_vectors[:40].T), axis=1)[:, :8]
        assert share_of_own_group(found.user_keys, known) > 0.95

    def test_without_vectors_unseen_items_are_where_chance_puts_them(self, tmp_path: Path) -> None:
        snapshot = image_snapshot(tmp_path, image_config(None), None)
        found = embed(snapshot, train_two_tower(snapshot, DAY_14), Cutoffs(DAY_14, DAY_14))
        assert not found.item_vectors[40:].any()

    def test_an_item_whose_vector_is_missing_is_placed_by_what_else_it_has(
        self, tmp_path: Path
    ) -> None:
        vectors = images()
        vectors[44] = np.nan
        snapshot = image_snapshot(tmp_path, image_config(epochs=1), vectors)
        found = embed(snapshot, train_two_tower(snapshot, DAY_14), Cutoffs(DAY_14, DAY_14))
        assert not found.item_vectors[44].any()
        assert found.item_vectors[43].any()

    def test_vectors_that_are_all_missing_change_nothing(self, tmp_path: Path) -> None:
        states = []
        for name, config, vectors in (
            ("none", image_config(None, epochs=1), None),
            ("missing", image_config(epochs=1), np.full((48, DIMENSIONS), np.nan, np.float32)),
        ):
            version = train_two_tower(image_snapshot(tmp_path / name, config, vectors), DAY_14)
            states.append(TowerState.load(version.artifact))
        assert set(states[1].arrays) - set(states[0].arrays) == {IMAGE, f"{IMAGE}/m", f"{IMAGE}/v"}
        assert all(
            np.array_equal(array, states[1].arrays[name])
            for name, array in states[0].arrays.items()
        )
        assert not states[1].arrays[IMAGE].any()

    def test_a_retrain_gives_the_same_bytes(self, tmp_path: Path) -> None:
        snapshot = image_snapshot(tmp_path, image_config(epochs=1), images())
        first = train_two_tower(snapshot, DAY_14)
        snapshot.lake.remove(first.artifact)
        assert train_two_tower(snapshot, DAY_14).artifact.content == first.artifact.content

    def test_another_size_is_another_lineage(self) -> None:
        assert (
            lineage_hash(image_config(8))
            != lineage_hash(image_config(16))
            != lineage_hash(image_config(None))
        )


class TestWarmStart:
    def test_projection_moments_and_centre_carry_over(self, tmp_path: Path) -> None:
        settings = {"accumulator_half_life_days": 2, "min_examples": 64}
        snapshot = image_snapshot(tmp_path, image_config(epochs=2, warm_start=settings), images())
        parent = train_two_tower(snapshot, DAY_12)
        old = TowerState.load(parent.artifact)
        assert old.arrays[IMAGE].any() and old.arrays[f"{IMAGE}/v"].any()
        run = TrainingRun.open(snapshot, DAY_14, old.items, old.users)
        carried, _ = carry_over(TowerState.load(parent.artifact), run, snapshot, days=2)
        np.testing.assert_array_equal(carried.arrays[IMAGE], old.arrays[IMAGE])
        for moment in "mv":  # two days at a half-life of two days: half
            np.testing.assert_allclose(
                carried.arrays[f"{IMAGE}/{moment}"], old.arrays[f"{IMAGE}/{moment}"] / 2
            )
        child = train_two_tower(snapshot, DAY_14, parent)
        assert (child.ledger["start"], child.lineage) == ("warm", parent.lineage)
        new = TowerState.load(child.artifact)
        assert new.items.centres == old.items.centres
        moved = np.abs(new.arrays[IMAGE] - old.arrays[IMAGE])
        assert 0 < moved.max() < 0.3  # it goes on from where it was
