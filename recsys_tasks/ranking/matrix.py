"""The ranker's input: one function turns a block of candidates into rows of numbers, for training and serving.

A column group is computed only when one of its columns is asked for; the list-relative columns (ranks among the
user's candidates, standardised scores) always look at the whole list, so they do not change when rows are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys_tasks.errors import ArtifactError, offenders
from recsys_tasks.ranking import _similarity
from recsys_tasks.ranking.inputs import Candidates, RankingInputs
from recsys_tasks.schema import SOURCES

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ABSENT_RANK = 1000
"""Rank given to an item that a generator did not name."""


@dataclass(frozen=True)
class FeatureMatrix:
    """`X [rows, f] float32` (NaN where unknown); row r is candidate (`user_row[r]`, `column[r]`) of its block."""

    names: tuple[str, ...]
    X: Floats
    user_row: Ints
    column: Ints


@dataclass(frozen=True)
class Block:
    """Candidates of some users with what is computed once for all their matrices."""

    inputs: RankingInputs
    candidates: Candidates

    @cached_property
    def there(self) -> Bools:
        """`[n, c]`: false on pads."""
        return np.asarray(self.candidates.items >= 0)

    @cached_property
    def history(self) -> npt.NDArray[np.int32]:
        """`[n, L]`: each user's newest items first, -1 pads."""
        return self.inputs.source.newest_items(self.candidates.users)

    @cached_property
    def tower_scores(self) -> Floats:
        """`[n, c]`: dot of user and item vector; NaN on pads and where either has none."""
        return _similarity.user_scores(self.inputs.embeddings, self.candidates.users, self.candidates.items)


@dataclass(frozen=True)
class _Rows:
    block: Block
    row: Ints
    column: Ints

    @property
    def users(self) -> npt.NDArray[np.int32]:
        return self.block.candidates.users[self.row]

    @property
    def items(self) -> npt.NDArray[np.int32]:
        return self.block.candidates.items[self.row, self.column]

    def take(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """`[rows, …]` of an `[n, c, …]` array."""
        return values[self.row, self.column]


def feature_matrix(block: Block, names: Sequence[str] | None = None, keep: Bools | None = None) -> FeatureMatrix:
    """Rows for the candidates of a block, user by user, in the order of the candidates.

    `names` picks and orders the columns (default: all); `keep [n, c]` leaves candidates out; pads never have a row.
    Raises ArtifactError when a name is not in the catalogue.
    """
    wanted = tuple(names) if names is not None else column_names(block.inputs)
    row, column = np.nonzero(block.there if keep is None else block.there & keep)
    rows = _Rows(block, row, column)
    place = {name: at for at, name in enumerate(wanted)}
    X = np.empty((len(row), len(wanted)), np.float32)
    found: set[str] = set()
    for group in _GROUPS.values():
        offered = [(at, name) for at, name in enumerate(group.names(block.inputs)) if name in place]
        if offered:
            values = group.values(rows)
            X[:, _span([place[name] for _, name in offered])] = values[:, _span([at for at, _ in offered])]
            found.update(name for _, name in offered)
    _all_found(wanted, found, block.inputs)
    return FeatureMatrix(wanted, X, row, column)


def column_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Every column, in the catalogue's order."""
    return tuple(name for group in _GROUPS.values() for name in group.names(inputs))


def light_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Columns that cost a lookup: what the light ranker sees."""
    return tuple(name for key in ("lists", "item", "pair", "tower") for name in _GROUPS[key].names(inputs))


def _span(columns: list[int]) -> slice | list[int]:
    """Neighbouring columns as a slice, which copies several times faster than a list."""
    first, size = columns[0], len(columns)
    return slice(first, first + size) if columns == list(range(first, first + size)) else columns


def _all_found(wanted: Sequence[str], found: set[str], inputs: RankingInputs) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ArtifactError(
            expected=f"the {len(wanted)} feature columns that the ranker was trained on",
            found=f"{len(missing)} missing: {offenders(missing)}",
            where=f"features at {inputs.cutoffs}",
            remedy="the feature settings changed since this release was trained: train a release with them",
        )


# --- the column groups ---------------------------------------------------------------------------


def _user(rows: _Rows) -> Floats:
    return rows.block.inputs.tables.user[rows.users]


def _item(rows: _Rows) -> Floats:
    return rows.block.inputs.tables.item[rows.items]


def _pair(rows: _Rows) -> Floats:
    return rows.block.inputs.tables.pair.gather(rows.users, rows.items)


def _list_names(inputs: RankingInputs) -> list[str]:
    return [*(f"{s}_rank" for s in SOURCES), *(f"{s}_score" for s in SOURCES), "sources", "fused_rank"]


def _lists(rows: _Rows) -> Floats:
    ranks = rows.take(rows.block.candidates.ranks).astype(np.float32)
    absent = ranks < 0
    named = (~absent).sum(axis=1, dtype=np.float32)
    ranks = np.where(absent, ABSENT_RANK, np.minimum(ranks, ABSENT_RANK - 1))
    scores = np.where(absent, np.nan, rows.take(rows.block.candidates.scores))
    return np.column_stack([ranks, scores, named, rows.column]).astype(np.float32)


def _tower(rows: _Rows) -> Floats:
    scores = rows.block.tower_scores
    order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), axis=1, kind="stable")
    ranks = np.empty_like(scores)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1], dtype=np.float32)[None, :], axis=1)
    ranks[np.isnan(scores)] = ABSENT_RANK
    return np.column_stack([rows.take(ranks), rows.take(_similarity.standardised(scores))]).astype(np.float32)


def _similar(rows: _Rows) -> Floats:
    return _similarity.to_history(rows.block.inputs.embeddings, rows.block.history, rows.row, rows.items)


def _content(rows: _Rows) -> Floats:
    return _similarity.content_to_history(rows.block.inputs.content, rows.block.history, rows.row, rows.items)


def _price_names(inputs: RankingInputs) -> list[str]:
    both = "price" in inputs.tables.user_names and "price" in inputs.tables.item_names
    return ["relative_price"] if both else []


def _price(rows: _Rows) -> Floats:
    tables = rows.block.inputs.tables
    item = tables.item[rows.items, tables.item_names.index("price")]
    user = tables.user[rows.users, tables.user_names.index("price")]
    return np.asarray(item / (user + np.float32(0.01)))[:, None]


def _context(rows: _Rows) -> Floats:
    day = rows.block.inputs.cutoffs.history_before
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    return np.tile(np.array([day.weekday(), np.sin(angle), np.cos(angle)], np.float32), (len(rows.row), 1))


@dataclass(frozen=True)
class _Group:
    names: Callable[[RankingInputs], Sequence[str]]
    values: Callable[[_Rows], Floats]


_GROUPS: Mapping[str, _Group] = {
    "user": _Group(lambda inputs: [f"user_{name}" for name in inputs.tables.user_names], _user),
    "item": _Group(lambda inputs: [f"item_{name}" for name in inputs.tables.item_names], _item),
    "pair": _Group(lambda inputs: [f"pair_{name}" for name in inputs.tables.pair_names], _pair),
    "lists": _Group(_list_names, _lists),
    "tower": _Group(lambda inputs: ["tower_rank", "tower_score"], _tower),
    "similar": _Group(lambda inputs: ["similar_to_last", "similar_most", "similar_mean"], _similar),
    "content": _Group(lambda inputs: ["content_to_last", "content_to_history"], _content),
    "price": _Group(_price_names, _price),
    "context": _Group(lambda inputs: ["weekday", "year_sin", "year_cos"], _context),
}
