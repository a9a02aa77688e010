"""Parameters as arrays: their start, their growth, and how a version's come back from its file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.errors import ArtifactError
from recsys_tasks.retrieval.tower.files import mapped_rows, read_arrays
from recsys_tasks.retrieval.tower.lineage import train_two_tower
from recsys_tasks.retrieval.tower.versions import WEIGHTS, TowerState, TowerVersion
from recsys_tasks.retrieval.tower.weights import (
    START_BLOCK,
    START_SCALE,
    TABLES,
    any_in_row,
    grow,
    start_arrays,
    start_rows,
)
from tests.retrieval.tower_world import group_config, group_snapshot

DAY_10 = date(2024, 10, 14)


def test_a_rows_start_is_the_same_whatever_others_are_asked_for() -> None:
    rows = np.array([0, 5, START_BLOCK - 1, START_BLOCK, 3 * START_BLOCK + 7])
    everything = start_rows("item", np.arange(3 * START_BLOCK + 8), 4, 1)
    np.testing.assert_array_equal(start_rows("item", rows, 4, 1), everything[rows])
    np.testing.assert_array_equal(start_rows("item", rows[3:], 4, 1), everything[rows[3:]])
    assert len(np.unique(everything[:, 0])) == len(everything)  # no two blocks are alike
    assert (start_rows("value", rows, 4, 1) != everything[rows]).all()
    assert (start_rows("item", rows, 4, 2) != everything[rows]).all()
    # 12,320 draws: a standard deviation is known to one part in sqrt(2 * 12320) = 157, three of
    # which are 2 %.
    assert everything.std() == pytest.approx(START_SCALE, rel=0.02)
    assert start_rows("item", np.empty(0, np.int64), 4, 1).shape == (0, 4)


def test_growth_adds_rows_as_a_larger_start_has_them() -> None:
    config = group_config().two_tower
    arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1}, 1)
    arrays["item/v"][:] = 7.0
    values = arrays["value"]
    grow(arrays, {"item": 5, "value": 2, "user_value": 1}, config.dimensions, 1)
    whole = start_arrays(config, {"item": 5, "value": 2, "user_value": 1}, 1)
    np.testing.assert_array_equal(arrays["item"], whole["item"])
    assert arrays["item/v"][:, 0].tolist() == [7, 7, 7, 0, 0]
    assert arrays["value"] is values  # nothing new: nothing is copied


def test_a_row_has_something_or_nothing() -> None:
    table = np.array([[0, 0, 0], [0, 0, -1], [np.nan, 0, 0], [-0.0, 0, 0]], np.float32)
    assert any_in_row(table).tolist() == [False, True, True, False]
    assert any_in_row(np.zeros((0, 3), np.float32)).tolist() == []


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> TowerVersion:
    return train_two_tower(
        group_snapshot(tmp_path_factory.mktemp("lake"), group_config(), "2024-10-18", 14), DAY_10
    )


def test_a_version_is_read_as_numpy_reads_it(version: TowerVersion) -> None:
    state = TowerState.load(version.artifact)
    with np.load(version.artifact.file(WEIGHTS)) as stored:
        assert {*state.arrays, "last_seen"} == set(stored.files)
        for name, array in state.arrays.items():
            np.testing.assert_array_equal(array, stored[name], err_msg=name)
        np.testing.assert_array_equal(state.last_seen, stored["last_seen"])
        rows = mapped_rows(version.artifact.file(WEIGHTS), "item")
        np.testing.assert_array_equal(rows, stored["item"])
    assert state.arrays["item"].flags.writeable and not rows.flags.writeable


def test_what_only_training_needs_may_stay_in_the_file(version: TowerVersion) -> None:
    whole, part = (TowerState.load(version.artifact, to_train=train) for train in (True, False))
    assert set(whole.arrays) - set(part.arrays) == {f"{name}/m" for name in TABLES}
    assert (whole.known == part.known).all()


class TestDamage:
    @pytest.fixture
    def file(self, version: TowerVersion, tmp_path: Path) -> Path:
        (tmp_path / WEIGHTS).write_bytes(version.artifact.file(WEIGHTS).read_bytes())
        return tmp_path / WEIGHTS

    def test_a_changed_bit_is_found(self, file: Path) -> None:
        raw = bytearray(file.read_bytes())
        raw[2000] ^= 1  # among the numbers of the first table
        file.write_bytes(raw)
        with pytest.raises(
            ArtifactError, match=r"item\.npy has [0-9a-f]{8}: it has changed since it was written"
        ):
            read_arrays(file)

    def test_a_file_that_ends_too_early_is_no_version(self, file: Path) -> None:
        file.write_bytes(file.read_bytes()[:5000])
        with pytest.raises(ArtifactError, match="written to its end"):
            read_arrays(file)

    def test_a_compressed_file_is_refused(self, file: Path) -> None:
        np.savez_compressed(file, item=np.zeros((2, 2), np.float32))
        with pytest.raises(ArtifactError, match=r"item\.npy is compressed"):
            read_arrays(file)
