"""What the towers read of an item or a user besides its id: rows of a table of attribute values.

Every value becomes a token (`brand=OPI`, `price[3]`, `title#1207`), every token a row of one
table of vectors. A vocabulary only grows: rows of an older version keep their numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.arrays import Float64, Int32
from recsys_tasks.config import Attribute
from recsys_tasks.ids import Keys


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by row (row 0 is "no value", the token at position p has row p + 1), bucket edges,
    vectors' centres.
    """

    tokens: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]]
    centres: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of the table of value vectors, row 0 included."""
        return len(self.tokens) + 1

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        raw = {
            "tokens": list(self.tokens),
            "edges": {name: list(edges) for name, edges in self.edges.items()},
        }
        centres = {name: list(centre) for name, centre in self.centres.items()}
        return (
            {**raw, "centres": centres} if centres else raw
        )  # a shop without vectors keeps its versions' bytes

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Vocabulary:
        """Inverse of `to_json`."""
        edges, centres = (
            {name: tuple(numbers) for name, numbers in raw.get(part, {}).items()}
            for part in ("edges", "centres")
        )
        return cls(tuple(raw["tokens"]), edges, centres)


EMPTY = Vocabulary((), {})


@dataclass(frozen=True)
class ValueSettings:
    """How values become tokens: sizes of `TwoTowerConfig`."""

    numeric_buckets: int
    text_buckets: int
    max_values: int


def extend_vocabulary(
    known: Vocabulary,
    frame: pd.DataFrame,
    existing: Keys,
    attributes: Sequence[Attribute],
    settings: ValueSettings,
) -> tuple[Vocabulary, Int32]:
    """The vocabulary with the values of the rows `existing` added at the end, sorted; known edges
    never move.

    A numeric column that was empty so far has none, and gets them with its first values.

    Besides, what `value_rows` says of all rows of `frame` by the new vocabulary: texts are taken
    apart once. `existing [k] int32`: rows of `frame`; the value rows are `[len(frame), v] int32`.
    """
    edges = dict(known.edges)
    for attribute in attributes:
        if attribute.kind == "numeric" and not edges.get(attribute.name):
            values = frame[attribute.name].to_numpy(float)[existing]
            edges[attribute.name] = _quantile_edges(values, settings.numeric_buckets)
    tokens = _tokens(frame, attributes, edges, settings)
    seen = tokens["token"][np.isin(tokens["entity"].to_numpy(np.int64), existing)]
    fresh = sorted(set(seen.unique()) - set(known.tokens))
    vocabulary = Vocabulary((*known.tokens, *fresh), edges, known.centres)
    return vocabulary, _rows(vocabulary, tokens, len(frame), settings)


def value_rows(
    vocabulary: Vocabulary,
    frame: pd.DataFrame,
    attributes: Sequence[Attribute],
    settings: ValueSettings,
) -> Int32:
    """Rows of each entity's values, `[n, v] int32`, 0 pads; unknown values are left out.

    n is the length of `frame`, v the largest number of values of one entity, at most
    `settings.max_values` and at least 1.
    """
    return _rows(
        vocabulary, _tokens(frame, attributes, vocabulary.edges, settings), len(frame), settings
    )


def _rows(
    vocabulary: Vocabulary, tokens: pd.DataFrame, entities: int, settings: ValueSettings
) -> Int32:
    index = pd.Index(list(vocabulary.tokens), dtype=object)
    found = tokens.assign(row=index.get_indexer(pd.Index(tokens["token"])) + 1)
    found = found[found["row"] > 0].drop_duplicates(["entity", "row"])
    place = found.groupby("entity").cumcount().to_numpy()
    kept = place < settings.max_values
    table: Int32 = np.zeros((entities, int(place[kept].max(initial=0)) + 1), np.int32)
    table[found["entity"].to_numpy()[kept], place[kept]] = found["row"].to_numpy()[kept]
    return table


def _quantile_edges(values: Float64, buckets: int) -> tuple[float, ...]:
    """Inner edges of equally full buckets; fewer where values repeat."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ()
    return tuple(np.unique(np.quantile(finite, np.arange(1, buckets) / buckets)).tolist())


def _tokens(
    frame: pd.DataFrame,
    attributes: Sequence[Attribute],
    edges: Mapping[str, tuple[float, ...]],
    settings: ValueSettings,
) -> pd.DataFrame:
    """One row per (entity = row number of frame, token), entities ascending.

    Where values are too many, the last give way: words come after other values, whatever was
    declared first, for a long text would leave room for nothing else; and pairs of neighbouring
    words come after the words.
    """
    texts = [a for a in attributes if a.kind == "text"]
    parts = [_attribute_tokens(frame, a, edges, settings) for a in attributes if a.kind != "text"]
    parts += [_named(_words(frame, a), a, settings) for a in texts]
    parts += [_named(_words(frame, a).map(_pairs), a, settings) for a in texts]
    if not parts:
        return pd.DataFrame({"entity": np.empty(0, np.int64), "token": np.empty(0, object)})
    return pd.concat(parts, ignore_index=True).sort_values(
        "entity", kind="stable", ignore_index=True
    )


def _attribute_tokens(
    frame: pd.DataFrame,
    attribute: Attribute,
    edges: Mapping[str, tuple[float, ...]],
    settings: ValueSettings,
) -> pd.DataFrame:
    column = frame[attribute.name].reset_index(drop=True)
    column = column[column.notna()]
    if attribute.kind == "numeric":
        bucket = np.searchsorted(
            np.asarray(edges[attribute.name]), column.to_numpy(float), side="right"
        )
        token = pd.Series([f"{attribute.name}[{b}]" for b in range(settings.numeric_buckets + 1)])[
            bucket
        ]
        return pd.DataFrame({"entity": column.index.to_numpy(), "token": token.to_numpy(object)})
    text = column.astype(str)
    return _named(
        _parted(text, attribute.separator) if attribute.kind == "multi" else text,
        attribute,
        settings,
    )


def _parted(text: pd.Series[Any], separator: str) -> pd.Series[Any]:
    """A row of each part of each text. Arrow's lists are two arrays: Python's are an object each,
    and slow to make.
    """
    parts = pc.split_pattern(pa.array(text.to_numpy(object), pa.string()), separator)
    index = text.index[pc.list_parent_indices(parts).to_numpy()]
    return pd.Series(pc.list_flatten(parts).to_numpy(zero_copy_only=False), index, dtype=object)


def _words(frame: pd.DataFrame, attribute: Attribute) -> pd.Series[Any]:
    """Each text's words, in lower case."""
    column = frame[attribute.name].reset_index(drop=True)
    return column[column.notna()].astype(str).str.lower().str.findall(r"\w+")


def _pairs(words: list[str]) -> list[str]:
    return [f"{first} {second}" for first, second in pairwise(words)]


def _named(values: pd.Series[Any], attribute: Attribute, settings: ValueSettings) -> pd.DataFrame:
    """Tokens of one value, or of a list of values, an entity."""
    text = values.explode().dropna().str.strip()
    text = text[text != ""]
    names = {value: _token(attribute, value, settings) for value in text.unique()}
    return pd.DataFrame(
        {"entity": text.index.to_numpy(), "token": text.map(names).to_numpy(object)}
    )


def _token(attribute: Attribute, value: str, settings: ValueSettings) -> str:
    if attribute.kind == "text":
        # crc32 is the same on every machine and in every run; Python's hash() is not.
        return f"{attribute.name}#{zlib.crc32(value.encode()) % settings.text_buckets}"
    return f"{attribute.name}={value}"
