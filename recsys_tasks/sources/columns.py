"""Columns of any delivered type, read as the types of the contract; what cannot be read stays
visible.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.noticed.lists import lists_of

TRUE_WORDS = (
    *("true", "t", "yes", "y", "1", "1.0", "1,0", "wahr", "ja", "vrai", "oui", "verdadero", "si"),
    *("sí", "vero", "sì", "waar", "in stock", "in_stock", "instock", "available"),
)
FALSE_WORDS = (
    *("false", "f", "no", "n", "0", "0.0", "0,0", "falsch", "nein", "faux", "non", "falso"),
    *("onwaar", "nee", "out of stock", "out_of_stock", "outofstock", "unavailable"),
)
"""Words for yes and no in lower case, as shops, office programs and product feeds write them."""
EXACT_FLOAT = {16: 2.0**11, 32: 2.0**24, 64: 2.0**53}
"""Bits of a float → the whole numbers below are told apart."""
_BETWEEN = {" ": "[ \u00a0\u202f\u2009]", "'": "['\u2019]"}
"""Signs between thousands that are written in several ways."""
_QUOTED = 100  # characters kept of a value that could not be read


class Read(NamedTuple):
    """A column as read, and beside it what was delivered where there is no reading it (null
    elsewhere); of local times, which of them occur twice (None: none can).
    """

    values: Any
    faults: Any
    repeated: npt.NDArray[np.bool_] | None = None


def as_text(column: Any) -> pa.ChunkedArray:
    """Text exactly as written, null where it is empty; whole numbers without a fraction, also where
    nulls made them floats.

    Raises TypeError for a column of lists, structs or maps.
    """
    if pa.types.is_nested(column.type):
        raise TypeError("a list, struct or map is no text")
    if pa.types.is_floating(column.type):
        column = _nan_to_null(column)
        exact = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53))
        whole = pc.if_else(pc.fill_null(exact, False), column, pa.scalar(None, column.type))
        return pc.coalesce(
            pc.cast(pc.cast(whole, pa.int64()), pa.string()), pc.cast(column, pa.string())
        )
    text = pc.cast(column, pa.string())
    empty = pc.fill_null(pc.equal(text, ""), False)
    if not pc.any(empty).as_py():
        return text
    return pc.if_else(empty, pa.scalar(None, pa.string()), text)


def as_ids(column: Any) -> pa.ChunkedArray:
    """Text exactly as written, of ids. Raises ValueError for floats so large that two ids may have
    become one.
    """
    if pa.types.is_floating(column.type):
        largest = pc.max(pc.abs(_nan_to_null(column))).as_py()
        if largest is not None and largest >= EXACT_FLOAT[column.type.bit_width]:
            raise ValueError(
                f"ids as floats, up to {largest:.17g}: ids next to each other are one number there"
            )
    return as_text(column)


def as_values(column: Any, separator: str) -> pa.ChunkedArray:
    """Several values as one text: of lists, and of texts all of which are written as lists are,
    joined by `separator`; of anything else as `as_text`.

    Raises ValueError where a value of a list holds the separator: it would become two.
    """
    kind = column.type
    if is_text(kind) and (lists := lists_of(pc.cast(column, pa.string()))) is not None:
        column, kind = lists, lists.type
    if not (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        return as_text(column)
    joined = []
    for chunk in column.chunks:
        parts, row = (
            as_text(pa.chunked_array([pc.list_flatten(chunk)])).combine_chunks(),
            pc.list_parent_indices(chunk),
        )
        there = pc.fill_null(pc.not_equal(parts, ""), False)
        parts, row = parts.filter(there), row.filter(there)
        if pc.any(pc.match_substring(parts, separator)).as_py():
            raise ValueError(
                f"a value holds {separator!r}, which joins values: choose another `separator`"
            )
        counts = np.bincount(row.to_numpy(), minlength=len(chunk))
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        texts = pc.binary_join(pa.ListArray.from_arrays(offsets, parts), separator)
        joined.append(pc.if_else(pa.array(counts > 0), texts, pa.scalar(None, pa.string())))
    return pa.chunked_array(joined, pa.string())


def as_number(column: Any) -> pa.ChunkedArray:
    """float64; null where missing, NaN where text is no number."""
    if is_text(column.type):
        column = as_text(column)
        numbers = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
        return pa.chunked_array([pa.array(numbers, mask=_mask(pc.is_null(column)))])
    if pa.types.is_decimal(column.type):  # as text: Arrow's own cast gives 8.290000000000001
        column = pc.cast(column, pa.string())
    return _nan_to_null(pc.cast(column, pa.float64(), safe=False))


class NumberSigns(NamedTuple):
    """How numbers are written in text."""

    decimal: str = "."
    """Sign before the fraction."""
    thousands: str = ""
    """Sign between thousands; empty: none."""


POINTS_ALONE = NumberSigns()
"""As numbers are written where nothing is said of them."""


def with_points(column: Any, signs: NumberSigns) -> Any:
    """A column whose texts have a point before the fraction and nothing between thousands, of one
    that has other signs there.

    A text that has a point already is no number: `1.234` may be meant as a thousand and more. Where
    thousands are apart, all of them are or none, by three digits each: `1,5` is no number then.
    """
    if signs == POINTS_ALONE or not is_text(column.type):
        return column
    text = pc.cast(column, pa.string())
    if not signs.thousands:
        doubtful = pc.match_substring(text, ".")
        return pc.if_else(doubtful, "no number", pc.replace_substring(text, signs.decimal, "."))
    between = _BETWEEN.get(signs.thousands, re.escape(signs.thousands))
    text, point = pc.utf8_trim_whitespace(text), re.escape(signs.decimal)
    apart = pc.match_substring_regex(
        text, rf"^[-+]?[0-9]{{1,3}}({between}[0-9]{{3}})+({point}[0-9]*)?$"
    )
    whole = pc.match_substring_regex(
        text, rf"^[-+]?([0-9]+({point}[0-9]*)?|{point}[0-9]+)([eE][-+]?[0-9]+)?$"
    )
    plain = pc.replace_substring_regex(text, between, "")
    plain = pc.replace_substring(plain, signs.decimal, ".")
    missing = pc.equal(text, "")
    return pc.if_else(
        pc.or_(pc.or_(apart, whole), missing), plain, pa.scalar("no number", plain.type)
    )


def read_flags(column: Any) -> Read:
    """Booleans, 0/1, or the usual words; null where missing or unreadable."""
    if pa.types.is_boolean(column.type):
        return with_faults(column, column, np.zeros(len(column), bool))
    text = as_text(column)
    words = pc.utf8_lower(pc.ascii_trim_whitespace(text))
    yes = pc.is_in(words, value_set=pa.array(TRUE_WORDS))
    known = pc.or_(yes, pc.is_in(words, value_set=pa.array(FALSE_WORDS)))
    blank = pc.fill_null(pc.equal(words, ""), True)
    values = pc.if_else(known, yes, pa.scalar(None, pa.bool_()))
    return with_faults(values, text, ~_mask(pc.or_(known, blank)))


def with_faults(values: pa.ChunkedArray, column: Any, faulty: npt.NDArray[np.bool_]) -> Read:
    """The values of a column, and what was delivered where it is `faulty`, `[n] bool`."""
    faults = pa.nulls(len(column), pa.string())
    if faulty.any():
        mask = pa.array(faulty)
        faults = pc.replace_with_mask(
            faults, mask, delivered_text(column.filter(mask)).combine_chunks()
        )
    return Read(values, pa.chunked_array([faults]))


def delivered_text(column: Any) -> pa.ChunkedArray:
    """The first characters of what was delivered, for a message; the type where its values are no
    text.
    """
    try:
        return pc.utf8_slice_codeunits(as_text(column), 0, _QUOTED)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError):
        return pa.chunked_array(
            [pa.repeat(pa.scalar(f"a value of type {column.type}"), len(column))]
        )


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, in any of Arrow's layouts."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _nan_to_null(column: Any) -> Any:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.fill_null(pc.is_nan(column), False), pa.scalar(None, column.type), column)


def _mask(flags: Any) -> Any:
    return np.asarray(
        flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags.to_numpy(),
        bool,
    )
