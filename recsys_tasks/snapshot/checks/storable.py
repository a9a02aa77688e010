"""What PostgreSQL can keep: text without NUL, ids and segments of a bounded length, numbers of 4
bytes.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.ids import MAX_ID_BYTES

NUL = "\0"
LARGEST = 3.4e38
"""A number beyond it is infinite where 4 bytes keep it."""


def has_nul(column: Any) -> Any:
    """Texts that hold a NUL, which no column of text can; a missing one does not."""
    return pc.fill_null(pc.match_substring(column, NUL), False)


def is_blank(ids: Any) -> Any:
    """Ids that are missing, empty, or blanks alone: what a column of fixed width holds where there
    is none.
    """
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(ids), ""), True)


def is_overlong(column: Any) -> Any:
    """Texts of more bytes than an id or a segment may have."""
    return pc.fill_null(pc.greater(pc.binary_length(column), MAX_ID_BYTES), False)


def storable_ids(ids: pa.Array) -> pa.Array:
    """Ids that can be kept."""
    return pc.invert(pc.or_(pc.or_(has_nul(ids), is_overlong(ids)), is_blank(ids)))


def is_usable(numbers: Any) -> Any:
    """Numbers that can be kept, NaN and infinities not among them; null where missing."""
    return pc.and_(pc.greater_equal(numbers, -LARGEST), pc.less_equal(numbers, LARGEST))
