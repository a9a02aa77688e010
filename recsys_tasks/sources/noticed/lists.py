"""Several values as one text: lists as programs print them, and other signs between values than
the one that is declared.
"""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_LIST: Final = r"(?s)^\s*\[.*\]\s*$"
_BRACES: Final = r"(?s)^\s*\{[^:]*\}\s*$"
_SIGNS: Final = "|;,"
_SHARE, _LONGEST = 0.2, 100_000
_FEWEST, _REPEATED = 3, 0.7


def lists_of(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The lists of a column of texts, each of which is one as JSON, Python or PostgreSQL writes it:
    `["a", "b"]`, `['a', 'b']`, `{a,"b c"}`. None where one of them is not.
    """
    known = pc.unique(column.drop_null())
    known = known.filter(pc.not_equal(pc.utf8_trim_whitespace(known), ""))
    if not len(known):
        return None
    for pattern, read in ((_LIST, _written_list), (_BRACES, _array)):
        if pc.all(pc.match_substring_regex(known, pattern)).as_py():
            found = {text: read(text) for text in known.to_pylist()}
            if any(values is None for values in found.values()):
                return None
            rows = [found.get(text) if text else None for text in column.to_pylist()]
            return pa.chunked_array([pa.array(rows, pa.list_(pa.string()))])
    return None


def separator_words(column: pa.ChunkedArray, name: str, separator: str) -> Iterator[str]:
    """Words on values that seem to be joined by another sign than the declared one, or by another
    one, too.
    """
    values = pc.unique(column.drop_null())
    if not len(values):
        return
    joined = pc.any(pc.match_substring(values, separator)).as_py()
    parts = pc.list_flatten(pc.split_pattern(values, separator))
    for sign in _SIGNS:
        # a comma before a blank is one of a text
        pattern = r",[^\s,]" if sign == "," else f"[{sign}]"
        having = pc.match_substring_regex(parts, pattern)
        if sign == separator or (pc.mean(having).as_py() or 0.0) < _SHARE:
            continue
        example = repr(parts.filter(having)[0].as_py()[:40])
        if joined:
            yield f"{name}: values joined by {separator!r} hold {sign!r}, too, as {example}"
        else:
            yield (
                f"{name}: no value holds {separator!r}, and many hold {sign!r}, as {example}; set"
                f" the attribute's separator: {sign!r}"
            )


def several_words(column: pa.ChunkedArray, name: str) -> Iterator[str]:
    """Words on values of one value each that seem to be several."""
    values = pc.unique(column.drop_null())
    if len(values) < _FEWEST:
        return
    example = repr(values[0].as_py()[:40])
    if pc.all(pc.match_substring_regex(values, _LIST)).as_py():
        yield f"{name}: each value is a list, as {example}; declare kind: multi"
        return
    for sign in "|;":
        parts = pc.list_flatten(pc.split_pattern(values, sign))
        joined = pc.mean(pc.match_substring(values, sign)).as_py() or 0.0
        if joined > _SHARE and len(pc.unique(parts)) <= _REPEATED * len(parts):
            first = values.filter(pc.match_substring(values, sign))[0].as_py()
            yield (
                f"{name}: many values are several, joined by {sign!r}, as {first[:40]!r}; declare"
                f" kind: multi with separator: {sign!r}"
            )
            return


def _written_list(text: str) -> list[str] | None:
    if len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            values = read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(values, list) and not any(isinstance(v, list | dict | tuple) for v in values):
            return [_text(value) for value in values if value is not None]
    return None


def _array(text: str) -> list[str] | None:
    inner = text.strip()[1:-1]
    if not inner.strip():
        return []
    try:
        (row,) = csv.reader([inner], escapechar="\\", skipinitialspace=True)
    except (csv.Error, ValueError):
        return None
    return [value for value in row if value != "NULL"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
