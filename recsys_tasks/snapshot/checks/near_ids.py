"""How ids that no table knows differ from those that one knows: spaces, case, a fraction, leading
zeros, letters that are composed of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_LOOKED_AT = 10_000
_FORMS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("without the spaces around them", pc.utf8_trim_whitespace),
    ("in the same case", pc.utf8_lower),
    (
        "in the same case and without the spaces around them",
        lambda ids: pc.utf8_lower(pc.utf8_trim_whitespace(ids)),
    ),
    ("without '.0' at their end", lambda ids: pc.replace_substring_regex(ids, r"\.0$", "")),
    ("without zeros before them", lambda ids: pc.utf8_ltrim(ids, "0")),
    ("in the same Unicode form", lambda ids: pc.utf8_normalize(ids, "NFC")),
    ("without quotes around them", lambda ids: pc.utf8_trim(ids, "'\"")),
)


def near_words(unknown: pa.ChunkedArray, table: pa.ChunkedArray) -> str:
    """What would make most of these ids known, as the end of a sentence; empty where nothing would
    make a tenth.
    """
    ids, known = pc.unique(unknown).slice(0, _LOOKED_AT), pc.unique(table).drop_null()
    best, words = len(ids) // 10, ""
    for form, change in _FORMS:
        found = pc.sum(pc.is_in(change(ids), value_set=change(known))).as_py() or 0
        if found > best:
            best, words = found, f"; {found:,} of {len(ids):,} such ids are known {form}"
    return words
