"""Columns of any delivered type, read as the types of the contract; what cannot be read stays visible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


def as_text(column: Any) -> pa.ChunkedArray:
    """Text exactly as written; whole numbers without a fraction, also where nulls made them floats."""
    if pa.types.is_floating(column.type):
        column = _nan_to_null(column)
        exact = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53))
        whole = pc.if_else(pc.fill_null(exact, False), column, pa.scalar(None, column.type))
        return pc.coalesce(pc.cast(pc.cast(whole, pa.int64()), pa.string()), pc.cast(column, pa.string()))
    return pc.cast(column, pa.string())


def as_number(column: Any) -> pa.ChunkedArray:
    """float64; null where missing, NaN where text is no number."""
    if is_text(column.type):
        column = pc.cast(column, pa.string())
        numbers = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(np.float64, na_value=np.nan)
        return pa.chunked_array([pa.array(numbers, mask=_mask(pc.is_null(column)))])
    return _nan_to_null(pc.cast(column, pa.float64(), safe=False))


def as_seconds(column: Any) -> pa.ChunkedArray:
    """UTC seconds of whole seconds, timestamps, dates or ISO-8601 text; null where unreadable."""
    kind = column.type
    if is_text(kind):
        return _text_seconds(pc.cast(column, pa.string()))
    if pa.types.is_temporal(kind):
        micros = pc.cast(pc.cast(column, pa.timestamp("us", getattr(kind, "tz", None)), safe=False), pa.int64())
        values = np.floor_divide(pc.fill_null(micros, 0).to_numpy(), 1_000_000)
        return pa.chunked_array([pa.array(values, mask=_mask(pc.is_null(micros)))])
    if pa.types.is_floating(kind):
        finite = pc.fill_null(pc.is_finite(column), False)
        return pc.cast(pc.floor(pc.if_else(finite, column, pa.scalar(None, kind))), pa.int64(), safe=False)
    return pc.cast(column, pa.int64())


def as_flag(column: Any) -> pa.ChunkedArray:
    """Booleans, 0/1, or the usual words; null where unreadable."""
    if pa.types.is_boolean(column.type):
        return column
    words = pc.utf8_lower(as_text(column))
    yes = pc.is_in(words, value_set=pa.array(_TRUE))
    known = pc.or_(yes, pc.is_in(words, value_set=pa.array(_FALSE)))
    return pc.if_else(known, yes, pa.scalar(None, pa.bool_()))


def _text_seconds(column: Any) -> pa.ChunkedArray:
    numeric = pc.fill_null(pc.match_substring_regex(column, r"^\s*-?\d{1,18}\s*$"), False)
    null = pa.scalar(None, pa.string())
    seconds = pc.cast(pc.utf8_trim_whitespace(pc.if_else(numeric, column, null)), pa.int64())
    if pc.all(pc.or_(numeric, pc.is_null(column))).as_py():
        return seconds
    texts = pc.if_else(numeric, null, column).to_pandas()
    parsed = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601").dt.tz_localize(None)
    whole = parsed.to_numpy("datetime64[ns]").astype("datetime64[s]").astype(np.int64)
    values = pa.array(whole, mask=parsed.isna().to_numpy())
    return pc.coalesce(seconds, pa.chunked_array([values]))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, in any of Arrow's layouts."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _nan_to_null(column: Any) -> Any:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.fill_null(pc.is_nan(column), False), pa.scalar(None, column.type), column)


def _mask(flags: Any) -> Any:
    return np.asarray(flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags.to_numpy(), bool)
