"""Supplied vectors in every form they are delivered in; what is of no use says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.schema import delivered_vector_type
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.vectors import NOT_FINITE, as_vectors
from tests.sources.files.test_reader import config_for, write

FINE, MISSING = ([1.0, 2.0], None), (None, None)


def read(column: pa.Array) -> list[tuple[list[float] | None, str | None]]:
    found = as_vectors(column, dimensions=2)
    assert found.type == delivered_vector_type(2)
    return [(row["numbers"], row["fault"]) for row in found.to_pylist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", FINE),
        ("  [1.0,2e0] ", FINE),
        ("[+1, 2.]", FINE),
        ("[.5, -25e-2]", ([0.5, -0.25], None)),
        (None, MISSING),
        ("[1, 2, 3]", (None, "3 numbers, not 2")),
        ("[1]", (None, "1 numbers, not 2")),
        ("[1, two]", (None, "'two' is no number")),
        ("[1, 2, three]", (None, "'three' is no number")),
        ("[]", (None, "'' is no number")),
        ("1, 2", (None, "no list of numbers")),
        ("[[1, 2]]", (None, "no list of numbers")),
        ("", (None, "no list of numbers")),
        ("[1, NaN]", (None, NOT_FINITE)),
        ("[1, null]", (None, NOT_FINITE)),
        ("[1, -Infinity]", (None, NOT_FINITE)),
        ("[1, 1e300]", (None, NOT_FINITE)),  # more than a float32 holds
    ],
)
def test_text(text: str | None, expected: tuple[list[float] | None, str | None]) -> None:
    """Alone, and beside a row whose text makes every other one be looked at part by part."""
    assert read(pa.array([text], pa.string())) == [expected]
    assert read(pa.chunked_array([["[1, 2]", text], ["[x]"]], pa.string())) == [
        FINE,
        expected,
        (None, "'x' is no number"),
    ]


@pytest.mark.parametrize("numbers", [pa.float64(), pa.float32(), pa.int16(), pa.string()])
@pytest.mark.parametrize("lists", [pa.list_, pa.large_list])
def test_columns_of_lists(lists: object, numbers: pa.DataType) -> None:
    rows = [[1, 2], None, [1], [1, None], [1, 2]]
    texts = [row and [None if n is None else str(n) for n in row] for row in rows]
    column = pa.array(texts if pa.types.is_string(numbers) else rows, lists(numbers))  # type: ignore[operator]
    assert read(column) == [FINE, MISSING, (None, "1 numbers, not 2"), (None, NOT_FINITE), FINE]


def test_fixed_size_lists_and_slices() -> None:
    column = pa.array([[9, 9], [1, 2], None, [float("nan"), 1]], pa.list_(pa.float32(), 2))
    assert read(column.slice(1)) == [FINE, MISSING, (None, NOT_FINITE)]


@pytest.mark.parametrize("column", [pa.array([1.5, None]), pa.array([[[1, 2]], None])])
def test_what_is_no_list_of_numbers(column: pa.Array) -> None:
    assert read(column) == [(None, "no list of numbers"), MISSING]


def test_no_rows_and_no_values() -> None:
    assert read(pa.array([], pa.string())) == []
    assert read(pa.nulls(2)) == [MISSING, MISSING]


def test_blocks_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys_tasks.sources.vectors.BLOCK", 2)
    assert read(pa.array(["[1, 2]", None, "[1, 2]", "[2]", "[1, 2]"])) == [
        FINE, MISSING, FINE, (None, "1 numbers, not 2"), FINE,
    ]  # fmt: skip


def test_items_may_mix_csv_and_parquet(tmp_path: Path) -> None:
    write(tmp_path, "items.csv/a.csv", 'item_id,image\ni,"[0.5, 1]"\nj,\n')
    rows = {"item_id": ["k", "l"], "image": [np.array([1.0, 2.0]), np.array([3.0])]}
    pq.write_table(pa.table(rows), tmp_path / "items.csv" / "b.parquet")
    table = {"attributes": [{"name": "image", "kind": "vector", "dimensions": 2}]}
    items = open_source(config_for(tmp_path, users=None, items=table), tmp_path).read_items()
    assert items["item_id"].to_pylist() == ["i", "j", "k", "l"]
    found = [(row["numbers"], row["fault"]) for row in items["image"].to_pylist()]
    assert found == [([0.5, 1.0], None), MISSING, FINE, (None, "1 numbers, not 2")]
