"""Supplied vectors in any form they are delivered in: columns of lists, or text such as `[0.1,
-2e-3]`.

They are read once, some rows at a time: from here on a vector is its numbers, 4 bytes each, and no
object of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.schema import delivered_vector_type, vector_type
from recsys_tasks.sources.columns import is_text

NOT_FINITE = "a number that is NaN or infinite"
"""Fault of a vector with values that are not finite, which counts as missing; every other fault
means that the vector cannot be read.
"""
_NO_LIST = "no list of numbers"
BLOCK = 2048  # rows; a number is far larger as text than as itself
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WORDS = pa.array(
    ["null", "nan", "-nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"]
)
_Flags = npt.NDArray[np.bool_]
_Vectors = npt.NDArray[np.float32]


def as_vectors(column: Any, dimensions: int) -> pa.ChunkedArray:
    """`schema.delivered_vector_type` rows: `numbers` are null where missing or faulty, `fault` says
    what is wrong.
    """
    kind = delivered_vector_type(dimensions)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    blocks = [
        chunk.slice(start, BLOCK) for chunk in chunks for start in range(0, len(chunk), BLOCK)
    ]
    return pa.chunked_array([_delivered(block, dimensions) for block in blocks], kind)


def _delivered(block: pa.Array, dimensions: int) -> pa.StructArray:
    lists = _lists(block)
    is_list = _flags(pc.is_valid(lists))
    length = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    parts, row = pc.list_flatten(lists), np.repeat(np.arange(len(block)), length)
    numbers, is_number = _numbers(parts)
    fault = np.full(len(block), None, object)  # of several, the gravest is written last
    fault[row[~np.isfinite(numbers)]] = NOT_FINITE
    odd = is_list & (length != dimensions)
    fault[odd] = [f"{n} numbers, not {dimensions}" for n in length[odd]]
    unreadable, first = np.unique(row[~is_number], return_index=True)
    words = parts.filter(~is_number).take(first).to_pylist()
    fault[unreadable] = [f"{word.strip()[:20]!r} is no number" for word in words]
    fault[_flags(pc.is_valid(block)) & ~is_list] = _NO_LIST
    fine = is_list & pd.isna(fault)
    vectors = np.zeros((len(block), dimensions), np.float32)
    vectors[fine] = numbers[fine[row]].reshape(-1, dimensions)
    flat, missing = pa.array(vectors.ravel()), pa.array(~fine)
    stored = pa.FixedSizeListArray.from_arrays(flat, type=vector_type(dimensions), mask=missing)
    kind = delivered_vector_type(dimensions)
    return pa.StructArray.from_arrays([stored, pa.array(fault, pa.string())], fields=list(kind))


def _lists(block: pa.Array) -> pa.Array:
    """Each row's values as a list; null where a row is no list."""
    kind = block.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        readable = is_text(kind.value_type) or _is_number(kind.value_type)
        return block if readable else pa.nulls(len(block), pa.list_(pa.string()))
    if not is_text(kind):
        return pa.nulls(len(block), pa.list_(pa.string()))
    text = pc.utf8_trim_whitespace(pc.cast(block, pa.string()))
    is_list = pc.match_substring_regex(text, r"^\[[^\[\]]*\]$")
    inner = pc.utf8_slice_codeunits(pc.if_else(is_list, text, None), 1, -1)
    return pc.split_pattern(inner, ",")


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _numbers(parts: pa.Array) -> tuple[_Vectors, _Flags]:
    """`[r]` float32, NaN where null or unreadable; and which are numbers, be they NaN or
    infinite.
    """
    if not is_text(parts.type):
        return _plain(pc.cast(parts, pa.float32(), safe=False)), np.ones(len(parts), np.bool_)
    text = pc.utf8_trim_whitespace(parts)
    try:
        return _plain(pc.cast(text, pa.float32())), np.ones(len(parts), np.bool_)
    except pa.ArrowInvalid:
        written = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
        known = pc.or_(written, pc.is_in(pc.utf8_lower(text), value_set=_WORDS))
        numbers = pd.to_numeric(pc.if_else(written, text, None).to_pandas()).to_numpy(
            np.float64, na_value=np.nan
        )
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
            return numbers.astype(np.float32), _flags(pc.or_(known, pc.is_null(text)))


def _plain(numbers: pa.Array) -> _Vectors:
    return np.asarray(pc.fill_null(numbers, np.nan).to_numpy(zero_copy_only=False), np.float32)


def _flags(values: pa.Array) -> _Flags:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)
