"""Which columns of users and items are worth declaring, and as what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits, setting_name, words_of

_MOST_VALUES = 1_000
_MOST_SEGMENTS = 50
_TEXT_WORDS = 2.0
_OUTCOMES = frozenset(
    [
        "rating",
        "ratings",
        "score",
        "count",
        "stock",
        "sold",
        "popularity",
        "rank",
        "views",
        "clicks",
        "sales",
        "likes",
    ]
)
"""Words in names of columns that change with what users do: today's value would tell a past night
its future.
"""
RESERVED = (
    *("user_id", "user_key", "item_id", "item_key"),
    *("available", "available_from", "available_until"),
)
"""Names that every snapshot has of its own."""


@dataclass(frozen=True)
class Found:
    """One column as an attribute, or why it is none."""

    column: str
    declared: Mapping[str, Any] | None
    """Its entry under `attributes`; None: left out."""
    evidence: str


def attributes_of(
    columns: Mapping[str, Column], taken: Sequence[str], vectors: bool
) -> Iterator[Found]:
    """What each column that has no role yet can be declared as; `vectors`: whether supplied vectors
    are allowed (of items).
    """
    names = list(RESERVED)
    for name, column in columns.items():
        if name in taken:
            continue
        declared, evidence = _declared(column, vectors)
        if declared is not None:
            setting = setting_name(name, names)
            names.append(setting)
            renamed = {} if setting == name else {"column": name}
            declared = {"name": setting, **renamed, **declared}
        yield Found(name, declared, evidence)


def _declared(column: Column, vectors: bool) -> tuple[dict[str, Any] | None, str]:
    if column.dimensions is not None:
        found = f"lists of {column.dimensions} numbers"
        if vectors and column.dimensions > 1:
            return {"kind": "vector", "dimensions": column.dimensions}, found
        return None, found
    if column.is_nested:
        return {"kind": "multi"}, "lists of values"
    if column.distinct < 2:
        return None, "one value in all rows" if column.distinct else "no value"
    values = f"{column.distinct:,} values, {column.missing:.1%} missing"
    if column.is_numeric and _OUTCOMES & set(words_of(column.name)):
        return None, f"{values}: it seems to change with what users do, so today's knows the future"
    if column.is_numeric:
        return _number(column, values)
    if column.separator is not None:
        sign = {} if column.separator == "|" else {"separator": column.separator}
        return {"kind": "multi", **sign}, f"several values a row, joined by {column.separator!r}"
    unique = column.distinct / max(1, len(column.delivered))
    if column.words >= _TEXT_WORDS and (unique > 0.5 or column.distinct > _MOST_VALUES):
        return {"kind": "text"}, f"{values}, {column.words:.1f} words each"
    if column.distinct <= _MOST_VALUES or unique < 0.2:
        return {"kind": "categorical"}, values
    return None, f"{values}: nearly one of its own for each row"


def _number(column: Column, values: str) -> tuple[dict[str, Any] | None, str]:
    known = column.numbers[np.isfinite(column.numbers)]
    few = column.is_whole and column.distinct <= 30
    if few or (fits_id(column.name) and column.distinct <= _MOST_VALUES):
        return {"kind": "categorical"}, f"{values}, whole numbers"
    if fits_id(column.name) and column.is_whole:
        return None, f"{values}: ids, nearly one of its own for each row"
    spread = f"{known.min():g} to {known.max():g}"
    return {"kind": "numeric"}, f"numbers from {spread}, {column.missing:.1%} missing"


def fits_id(name: str) -> bool:
    """Whether a name says that its numbers are ids and count nothing."""
    return name.lower().endswith(("id", "code", "key", "number", "no", "zip"))


def segment_of(attributes: Sequence[Found], columns: Mapping[str, Column]) -> Found | None:
    """The users' attribute that popularity and fallback lists are made by: one of few values, none
    of which nearly all users have.
    """
    fitting = []
    for place, found in enumerate(attributes):
        if found.declared is None or found.declared["kind"] != "categorical":
            continue
        column = columns[found.column]
        largest = max(column.counts.values()) / max(1, len(column.delivered))
        if 2 <= column.distinct <= _MOST_SEGMENTS and largest <= 0.98 and column.missing < 0.5:
            fitting.append((fits(found.column, "segment"), -place, found))
    return max(fitting, key=lambda entry: entry[:2])[2] if fitting else None
