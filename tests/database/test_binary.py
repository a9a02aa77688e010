"""Rows that NumPy encodes arrive as PostgreSQL's own input would store them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.database.binary import ROWS_PER_BLOCK, copy_batches, encode
from recsys_tasks.errors import ServingError

COLUMNS = "a int, b bigint, c smallint, d real, t text, n int[], s smallint[], r real[]"
SCHEMA = pa.schema(
    {
        "a": pa.int32(),
        "b": pa.int64(),
        "c": pa.int8(),
        "d": pa.float32(),
        "t": pa.string(),
        "n": pa.list_(pa.int32()),
        "s": pa.list_(pa.int8()),
        "r": pa.list_(pa.float32()),
    }
)


@pytest.fixture
def owner(postgres: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(postgres["recsys_owner"])
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE recsys.copied ({COLUMNS}, CHECK (a < 1000000))"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE recsys.copied"))
    engine.dispose()


def stored(engine: Engine, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the table holds after a COPY of these rows, by `a`."""
    columns = [
        pa.array(values, kind)
        for values, kind in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
    ]
    with engine.begin() as connection:
        batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        assert copy_batches(connection, "copied", [batch]) == len(rows)
        return [
            tuple(row)
            for row in connection.execute(sa.text("SELECT * FROM recsys.copied ORDER BY a"))
        ]


def test_one_row_byte_by_byte() -> None:
    schema = pa.schema(
        {"a": pa.int16(), "t": pa.string(), "n": pa.list_(pa.int32()), "e": pa.list_(pa.int16())}
    )
    block = pa.RecordBatch.from_pylist([{"a": -2, "t": "hé", "n": [1, 258], "e": []}], schema)
    size_of_n = (
        4 + 4 + 4 + 4 + 4 + 2 * (4 + 4)
    )  # dimensions, nulls, oid, length, first subscript, two entries
    expected = (
        "0004"  # four columns
        "00000002 fffe"
        "00000003 68c3a9"
        f"{size_of_n:08x} 00000001 00000000 00000017 00000002 00000001 00000004 00000001 00000004"
        " 00000102"
        "0000000c 00000000 00000000 00000015"  # no dimension, smallint
    )
    assert b"".join(encode(block)) == bytes.fromhex(expected)


def test_rows_of_every_shape_round_trip(owner: Engine) -> None:
    rows: list[tuple[Any, ...]] = [
        (0, 2**40, -128, 0.5, "x", [1, -1, 2**31 - 1], [1, 2, 3], [0.25, -0.0, 1e-40]),
        (1, 0, 127, -1.5, None, [], [], []),
        (2, -1, 0, 0.0, "", [7], [-5, 6], []),
        (3, -(2**40), 1, 0.125, "ü😀", [3, 2, 1], [9, 9, 9], [1.0, 2.0, float("inf")]),
    ]
    found = stored(owner, rows)
    assert [row[:7] for row in found] == [row[:7] for row in rows]
    assert [np.float32(row[7]).tolist() for row in found] == [
        np.float32(row[7]).tolist() for row in rows
    ]


def test_nulls_anywhere_stay_nulls(owner: Engine) -> None:
    rows: list[tuple[Any, ...]] = [
        (0, 1, 1, 1.0, "x", [1, None], [1], [1.0]),
        (1, None, 1, 1.0, "x", [1], None, [None, 0.5]),
        (2, 1, 1, 1.0, "x", [1], [1], [1.0]),
    ]
    assert stored(owner, rows) == rows


def test_a_slice_of_a_batch_and_many_blocks(owner: Engine) -> None:
    size = 2 * ROWS_PER_BLOCK + 3
    rows = [
        (n, n, 0, 0.0, "x" if n % 7 else None, list(range(n % 3)), [n % 100], [float(n)])
        for n in range(size)
    ]
    columns = [
        pa.array(values, kind)
        for values, kind in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    with owner.begin() as connection:
        assert copy_batches(connection, "copied", [batch.slice(1, size - 2)]) == size - 2
        found = connection.execute(sa.text("SELECT * FROM recsys.copied ORDER BY a"))
        assert [tuple(row) for row in found] == rows[1:-1]


def test_a_refused_row_is_a_serving_error_and_leaves_nothing(owner: Engine) -> None:
    good, bad = (5, 1, 1, 1.0, "x", [1], [1], [1.0]), (1_000_000, 1, 1, 1.0, "x", [1], [1], [1.0])
    with pytest.raises(ServingError, match=r"rows that fit recsys\.copied"):
        stored(owner, [good, bad])
    with owner.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM recsys.copied")) == 0
