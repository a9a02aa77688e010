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
from recsys_tasks.ranking import _columns
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
    def tower_standing(self) -> tuple[Floats, Floats]:
        """`[n, c]` each: rank by dot of user and item vector, and the dot standardised; NaN where either has none."""
        inputs, users, items = self.inputs, self.candidates.users, self.candidates.items
        vectors, known = inputs.user_vectors(users)
        dots, ranks, standard = (np.empty(items.shape, np.float32) for _ in range(3))
        _columns.dots(vectors, known, items, inputs.item_place, inputs.embeddings.item_vectors, dots)
        _columns.standing(dots, ABSENT_RANK, ranks, standard)
        return ranks, standard


class _Rows:
    """The rows that a matrix is made of."""

    def __init__(self, block: Block, row: Ints, column: Ints) -> None:
        self.block, self.row, self.column = block, row, column
        self.users = block.candidates.users[row]
        self.items = block.candidates.items[row, column]


def feature_matrix(
    block: Block, names: Sequence[str] | None = None, keep: Bools | None = None, known: FeatureMatrix | None = None
) -> FeatureMatrix:
    """Rows for the candidates of a block, user by user, in the order of the candidates.

    `names` picks and orders the columns (default: all); `keep [n, c]` leaves candidates out; pads never have a row.
    `known`: a matrix of all the block's candidates, whose columns are copied instead of computed again.
    Raises ArtifactError when a name is not in the catalogue.
    """
    wanted = tuple(names) if names is not None else column_names(block.inputs)
    row, column = np.nonzero(block.there if keep is None else block.there & keep)
    rows = _Rows(block, row, column)
    place = {name: at for at, name in enumerate(wanted)}
    X = np.empty((len(row), len(wanted)), np.float32)
    found: set[str] = set()
    if known is not None:
        shared = [(at, place[name]) for at, name in enumerate(known.names) if name in place]
        kept = np.flatnonzero(np.ones(len(known.X), bool) if keep is None else keep[block.there])
        _columns.copied(known.X, kept, _runs(shared), X)
        found.update(name for name in known.names if name in place)
    for group in _GROUPS.values():
        offered = [(at, name) for at, name in enumerate(group.names(block.inputs)) if name in place]
        if not found.issuperset(name for _, name in offered):
            _fill(group, rows, [place[name] for _, name in offered], [at for at, _ in offered], X)
            found.update(name for _, name in offered)
    _all_found(wanted, found, block.inputs)
    return FeatureMatrix(wanted, X, row, column)


def _runs(pairs: Sequence[tuple[int, int]]) -> Ints:
    """Neighbouring (from, to) columns as (from, to, width), `[runs, 3]`."""
    runs: list[list[int]] = []
    for source, target in pairs:
        if runs and (source, target) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1][2] += 1
        else:
            runs.append([source, target, 1])
    return np.array(runs, np.int64).reshape(-1, 3)


def _fill(group: _Group, rows: _Rows, target: list[int], chosen: list[int], X: Floats) -> None:
    """Columns `chosen` of a group become columns `target` of X, in place where they stand together."""
    width = len(group.names(rows.block.inputs))
    if chosen == list(range(width)) and target == list(range(target[0], target[0] + width)):
        group.fill(rows, X[:, target[0] : target[0] + width])
        return
    values = np.empty((len(X), width), np.float32)
    group.fill(rows, values)
    X[:, target] = values[:, chosen]


def column_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Every column, in the catalogue's order."""
    return tuple(name for group in _GROUPS.values() for name in group.names(inputs))


def light_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Columns that cost a lookup: what the light ranker sees."""
    return tuple(name for key in ("lists", "item", "pair", "tower") for name in _GROUPS[key].names(inputs))


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


def _user(rows: _Rows, out: Floats) -> None:
    _columns.by_key(rows.block.inputs.tables.user, rows.users, out)


def _item(rows: _Rows, out: Floats) -> None:
    _columns.by_key(rows.block.inputs.tables.item, rows.items, out)


def _pair(rows: _Rows, out: Floats) -> None:
    rows.block.inputs.tables.pair.fill(rows.users, rows.items, out)


def _segment(rows: _Rows, out: Floats) -> None:
    table = rows.block.inputs.tables.segment
    assert table is not None
    table.fill(rows.users, rows.items, out)


def _list_names(inputs: RankingInputs) -> list[str]:
    return [*(f"{s}_rank" for s in SOURCES), *(f"{s}_score" for s in SOURCES), "sources", "fused_rank"]


def _lists(rows: _Rows, out: Floats) -> None:
    candidates = rows.block.candidates
    _columns.lists(rows.row, rows.column, candidates.ranks, candidates.scores, ABSENT_RANK, out)


def _tower(rows: _Rows, out: Floats) -> None:
    _columns.pick(rows.row, rows.column, *rows.block.tower_standing, out)


def _similar(rows: _Rows, out: Floats) -> None:
    inputs = rows.block.inputs
    vectors = inputs.embeddings.item_vectors
    _columns.to_history(rows.row, rows.items, rows.block.history, inputs.item_place, vectors, out)


def _content(rows: _Rows, out: Floats) -> None:
    content = rows.block.inputs.content
    if content is None:
        out[:] = np.nan
        return
    parts = (content.data, content.indices, content.indptr)
    profile = np.zeros((content.shape[1], 2), np.float32)
    _columns.content_to_history(rows.row, rows.items, rows.block.history, *parts, profile, out)


def _price_names(inputs: RankingInputs) -> list[str]:
    both = "price" in inputs.tables.user_names and "price" in inputs.tables.item_names
    return ["relative_price"] if both else []


def _price(rows: _Rows, out: Floats) -> None:
    tables = rows.block.inputs.tables
    item = tables.item[:, tables.item_names.index("price")][rows.items]
    user = tables.user[:, tables.user_names.index("price")][rows.users]
    out[:, 0] = item / (user + np.float32(0.01))


def _context(rows: _Rows, out: Floats) -> None:
    day = rows.block.inputs.cutoffs.history_before
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    out[:] = (day.weekday(), np.sin(angle), np.cos(angle))


@dataclass(frozen=True)
class _Group:
    names: Callable[[RankingInputs], Sequence[str]]
    fill: Callable[[_Rows, Floats], None]


_GROUPS: Mapping[str, _Group] = {
    "user": _Group(lambda inputs: [f"user_{name}" for name in inputs.tables.user_names], _user),
    "item": _Group(lambda inputs: [f"item_{name}" for name in inputs.tables.item_names], _item),
    "pair": _Group(lambda inputs: [f"pair_{name}" for name in inputs.tables.pair_names], _pair),
    "segment": _Group(lambda inputs: [f"segment_{name}" for name in inputs.tables.segment_names], _segment),
    "lists": _Group(_list_names, _lists),
    "tower": _Group(lambda inputs: ["tower_rank", "tower_score"], _tower),
    "similar": _Group(lambda inputs: ["similar_to_last", "similar_most", "similar_mean"], _similar),
    "content": _Group(lambda inputs: ["content_to_last", "content_to_history"], _content),
    "price": _Group(_price_names, _price),
    "context": _Group(lambda inputs: ["weekday", "year_sin", "year_cos"], _context),
}
