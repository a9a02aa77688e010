"""Supplied vectors from delivery to snapshot: what blocks a night, what is counted as missing, what
is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys_tasks import schema
from recsys_tasks.config import Attribute
from recsys_tasks.errors import DataError
from recsys_tasks.snapshot.dataset import Snapshot
from tests.snapshot.shops import LiteralShop

IMAGE: dict[str, Any] = {"name": "image", "kind": "vector", "dimensions": 2}
QUIET = {"allow_empty_days": True, "volume_ratio": [0.001, 1000]}


def shop(
    folder: Path, images: Sequence[str | None], attribute: dict[str, Any] = IMAGE, **settings: Any
) -> LiteralShop:
    """Items a, b, … with these images; one user took a."""
    items = pd.DataFrame({"item_id": list("abcdefgh")[: len(images)], "image": images})
    validation = {**QUIET, **settings.pop("validation", {})}
    changes = {"items": {"attributes": [attribute]}, "validation": validation, **settings}
    return LiteralShop(folder, [("ann", "a", (1, 1))], None, items, changes)


def vectors(snapshot: Snapshot, dimensions: int = 2) -> list[list[float]]:
    attribute = Attribute(name="image", kind="vector", dimensions=dimensions)
    found: list[list[float]] = snapshot.item_vectors(attribute).tolist()
    return found


def test_a_vector_is_stored_as_its_numbers_and_a_gone_item_keeps_it(tmp_path: Path) -> None:
    given = shop(tmp_path, ["[1, 2]", None, "[0.5, -1]"])
    snapshot = given.night(3).snapshot
    stored = pq.read_table(snapshot.artifact.file("items.parquet"))["image"]
    assert stored.type == schema.vector_type(2)
    assert stored.to_pylist() == [[1, 2], None, [0.5, -1]]
    assert "image" not in snapshot.items
    np.testing.assert_array_equal(vectors(snapshot), [[1, 2], [np.nan] * 2, [0.5, -1]])
    given.items = pd.DataFrame({"item_id": ["a", "b"], "image": [None, "[3, 4]"]})
    np.testing.assert_array_equal(
        vectors(given.night(4).snapshot), [[np.nan] * 2, [3, 4], [0.5, -1]]
    )


def test_a_rerun_is_a_no_op(tmp_path: Path) -> None:
    given = shop(tmp_path, ["[1, 2]", None, "[0.5, -1]"])
    assert given.night(3).snapshot.artifact.reference == given.night(3).snapshot.artifact.reference


def test_many_blocks_of_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = shop(tmp_path, ["[1, 2]", None, None, None, "[5, 6]"]).night(3).snapshot
    monkeypatch.setattr("recsys_tasks.snapshot.supplied_vectors.VECTOR_BLOCK", 2)
    np.testing.assert_array_equal(vectors(snapshot), [[1, 2], *[[np.nan] * 2] * 3, [5, 6]])


def test_another_size_or_name_is_missing_everywhere(tmp_path: Path) -> None:
    """A version that was made under other settings asks for what the snapshot does not hold."""
    snapshot = shop(tmp_path, ["[1, 2]", "[3, 4]"]).night(3).snapshot
    assert np.isnan(vectors(snapshot, dimensions=3)).all()
    assert snapshot.item_vectors(Attribute(name="sound", kind="vector", dimensions=4)).shape == (
        2,
        4,
    )
    items = snapshot.config.items.model_copy(
        update={"attributes": (Attribute(**{**IMAGE, "dimensions": 3}),)}
    )
    assert list(snapshot.under(snapshot.config.model_copy(update={"items": items})).items) == list(
        snapshot.items
    )


def test_vectors_that_cannot_be_read_block_the_night_and_name_their_items(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        shop(tmp_path, ["[1, 2]", "[1, 2, 3]", "[1, x]", None, "[1, NaN]"]).night(3)
    assert "items.image_readable" in caught.value.expected
    assert "2 of 5 rows (40.00%) (allowed: 1.00%)" in caught.value.found
    assert "'b', '3 numbers, not 2', 'c', \"'x' is no number\"" in caught.value.found
    assert "validation" in caught.value.where
    assert "as many numbers as `dimensions` says" in caught.value.remedy


def test_a_few_that_cannot_be_read_are_missing(tmp_path: Path) -> None:
    done = shop(tmp_path, ["[1, 2]", "[1, 2, 3]"], validation={"max_bad_value_share": 0.5}).night(3)
    np.testing.assert_array_equal(vectors(done.snapshot), [[1, 2], [np.nan] * 2])


def test_infinite_numbers_are_counted_in_a_warning_and_missing(tmp_path: Path) -> None:
    done = shop(tmp_path, ["[1, 2]", "[1, NaN]", "[1, inf]", "[3, 4]", "[5, 6]"]).night(3)
    (warning,) = done.report.warnings
    assert (
        warning.sentence()
        == "items.image_finite: 2 of 5 rows (40.00%) (allowed: 0.00%), e.g. 'b', 'c'"
    )
    np.testing.assert_array_equal(
        vectors(done.snapshot), [[1, 2], [np.nan] * 2, [np.nan] * 2, [3, 4], [5, 6]]
    )


def test_without_faults_nothing_is_said(tmp_path: Path) -> None:
    assert shop(tmp_path, ["[1, 2]", "[1, 2]", None]).night(3).report.warnings == ()


def test_a_required_vector_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"items\.has_image: 2 of 3 rows"):
        shop(tmp_path, ["[1, 2]", None, "[1, NaN]"], {**IMAGE, "required": True}).night(3)


def test_an_item_without_its_vector_may_be_kept_from_lists(tmp_path: Path) -> None:
    rerank = {"item_rules": [{"attribute": "image", "required": True}]}
    items = shop(tmp_path, ["[1, 2]", None, "[1, 2]"], rerank=rerank).night(3).snapshot.items
    assert items["available"].tolist() == [True, False, True]
