"""The ranker's input: one function turns a block of candidates into rows of numbers, for training
and serving.

A column group is computed only when one of its columns is asked for; the list-relative columns
(ranks among the user's candidates, standardised scores) always look at the whole list, so they do
not change when rows are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys_tasks.errors import ArtifactError, offenders
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns import kernels as _columns
from recsys_tasks.ranking.columns.lookups import LOOKUPS, chosen, look_up
from recsys_tasks.ranking.inputs import Candidates, RankingInputs
from recsys_tasks.schema import generator_names

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ABSENT_RANK = 1000
"""Rank given to an item that a generator did not name."""


@dataclass(frozen=True)
class FeatureMatrix:
    """`X [rows, f] float32` (NaN where unknown); row r is candidate (`user_row[r]`, `column[r]`) of
    its block.
    """

    names: tuple[str, ...]
    X: Floats
    user_row: Keys
    column: Keys


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
        """`[n, c]` each: rank by dot of user and item vector, and the dot standardised; NaN where
        either has none.
        """
        inputs, users, items = self.inputs, self.candidates.users, self.candidates.items
        vectors, known = inputs.user_vectors(users)
        dots, ranks, standard = (np.empty(items.shape, np.float32) for _ in range(3))
        _columns.dots(
            vectors, known, items, inputs.item_place, inputs.embeddings.item_vectors, dots
        )
        _columns.standing(dots, ABSENT_RANK, ranks, standard)
        return ranks, standard


class _Rows:
    """The rows that a matrix is made of: which candidate of the block each is, its key, and its
    number among all.
    """

    def __init__(self, block: Block, keep: Bools) -> None:
        self.block, (n, c) = block, keep.shape
        row, column, items, number = (np.empty(n * c + 1, np.int32) for _ in range(4))
        self.bounds: Ints = np.empty(n + 1, np.int64)
        count = chosen(block.candidates.items, keep, row, column, items, number, self.bounds)
        self.row, self.column, self.items, self.number = (
            row[:count],
            column[:count],
            items[:count],
            number[:count],
        )

    @property
    def users(self) -> Keys:
        """`[rows]`: user keys."""
        return self.block.candidates.users[self.row]


def feature_matrix(
    block: Block,
    names: Sequence[str] | None = None,
    keep: Bools | None = None,
    known: FeatureMatrix | None = None,
) -> FeatureMatrix:
    """Rows for the candidates of a block, user by user, in the order of the candidates.

    `names` picks and orders the columns (default: all); `keep [n, c]` leaves candidates out; pads
    never have a row. `known`: a matrix of all the block's candidates, whose columns are copied
    instead of computed again. Raises ArtifactError when a name is not in the catalogue.
    """
    wanted = tuple(names) if names is not None else column_names(block.inputs)
    rows = _Rows(block, block.there if keep is None else keep)
    place = {name: at for at, name in enumerate(wanted)}
    X = np.empty((len(rows.row), len(wanted)), np.float32)
    found = set() if known is None else {name for name in known.names if name in place}
    first: dict[str, int] = {}
    for key, group in _GROUPS.items():
        names_of = group.names(block.inputs)
        width, offered = (
            len(names_of),
            [(at, name) for at, name in enumerate(names_of) if name in place],
        )
        if found.issuperset(name for _, name in offered):
            continue
        picked, target = [at for at, _ in offered], [place[name] for _, name in offered]
        if picked != list(range(width)) or target != list(range(target[0], target[0] + width)):
            X[:, target] = _apart(key, rows, width)[:, picked]
        elif (fill := _filler(key, block.inputs)) is not None:
            fill(rows, X[:, target[0] : target[0] + width])
        else:
            first[key] = target[0]
        found.update(name for _, name in offered)
    _all_found(wanted, found, block.inputs)
    _look_up(rows, first, X, None if known is None else (known.X, _runs(known.names, place)))
    return FeatureMatrix(wanted, X, rows.row, rows.column)


def _apart(key: str, rows: _Rows, width: int) -> Floats:
    """All columns of a group, of which the matrix has some, or in another order."""
    values = np.empty((len(rows.row), width), np.float32)
    fill = _filler(key, rows.block.inputs)
    if fill is not None:
        fill(rows, values)
    else:
        _look_up(rows, {key: 0}, values)
    return values


def _filler(key: str, inputs: RankingInputs) -> Callable[[_Rows, Floats], None] | None:
    """What fills a group; None for those that are looked up together."""
    segment = inputs.tables.segment
    return (
        None
        if key == "segment" and segment is not None and segment.places is not None
        else _GROUPS[key].fill
    )


def _look_up(
    rows: _Rows, first: Mapping[str, int], X: Floats, known: tuple[Floats, Ints] | None = None
) -> None:
    """Fill the groups that begin at columns `first`, and copy runs of columns of a known matrix."""
    block, inputs = rows.block, rows.block.inputs
    candidates, segment = block.candidates, block.inputs.tables.segment
    n, c, g = candidates.ranks.shape
    lists = (
        candidates.ranks.reshape(n, c * g),
        candidates.scores.reshape(n, c * g),
        g,
        ABSENT_RANK,
    )
    none = np.empty((0, 0), np.float32)
    source, runs = known or (none, np.empty((0, 3), np.int64))
    look_up(
        np.array([first.get(key, -1) for key in LOOKUPS]),
        rows.bounds,
        rows.column,
        rows.items,
        (source, rows.number, runs),
        lists,
        block.tower_standing if "tower" in first else (none, none),
        (
            candidates.users,
            np.zeros(n, np.int32) if segment is None else segment.segments(candidates.users),
        ),
        inputs.lookups,
        _context(inputs),
        X,
    )


def _runs(names: Sequence[str], place: Mapping[str, int]) -> Ints:
    """Columns of a known matrix that have a place too, as runs (from, to, width) of neighbours,
    `[runs, 3]`.
    """
    runs: list[list[int]] = []
    for source, name in enumerate(names):
        target = place.get(name, -1)
        if (
            target >= 0
            and runs
            and (source, target) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2])
        ):
            runs[-1][2] += 1
        elif target >= 0:
            runs.append([source, target, 1])
    return np.array(runs, np.int64).reshape(-1, 3)


def column_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Every column, in the catalogue's order."""
    return tuple(name for group in _GROUPS.values() for name in group.names(inputs))


def light_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Columns that cost a lookup: what the light ranker sees."""
    return tuple(
        name
        for key in ("lists", "item", "pair", "tower", "sequence")
        for name in _GROUPS[key].names(inputs)
    )


def _all_found(wanted: Sequence[str], found: set[str], inputs: RankingInputs) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ArtifactError(
            expected=f"the {len(wanted)} feature columns that the ranker was trained on",
            found=f"{len(missing)} missing: {offenders(missing)}",
            where=f"features at {inputs.cutoffs}",
            remedy=(
                "the feature settings changed since this release was trained: train a release with"
                " them"
            ),
        )


# --- the column groups ---------------------------------------------------------------------------


def _segment(rows: _Rows, out: Floats) -> None:
    table = rows.block.inputs.tables.segment
    assert table is not None
    table.fill(rows.users, rows.items, out)


def _list_names(_: RankingInputs) -> list[str]:
    return [
        *(f"{name}_rank" for name in generator_names()),
        *(f"{name}_score" for name in generator_names()),
        "sources",
        "fused_rank",
    ]


def _similar(rows: _Rows, out: Floats) -> None:
    inputs = rows.block.inputs
    vectors = inputs.embeddings.item_vectors
    _columns.to_history(rows.row, rows.items, rows.block.history, inputs.item_place, vectors, out)


def _sequence(rows: _Rows, out: Floats) -> None:
    sequences = rows.block.inputs.sequences
    if sequences is None:
        out[:] = np.nan
        return
    size = max(len(sequences.after), int(rows.items.max(initial=-1)) + 1)
    place = np.full(size, -1, np.int32)
    at = (rows.row, rows.items, rows.block.history)
    _columns.beside_history(*at, sequences.after, sequences.after_strength, place, out[:, :3])
    _columns.beside_history(*at, sequences.before, sequences.before_strength, place, out[:, 3:])


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


def _context(inputs: RankingInputs) -> Floats:
    day = inputs.cutoffs.history_before
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    return np.array((day.weekday(), np.sin(angle), np.cos(angle)), np.float32)


@dataclass(frozen=True)
class _Group:
    names: Callable[[RankingInputs], Sequence[str]]
    fill: Callable[[_Rows, Floats], None] | None = None


_GROUPS: Mapping[str, _Group] = {
    "user": _Group(lambda inputs: [f"user_{name}" for name in inputs.tables.user_names]),
    "item": _Group(lambda inputs: [f"item_{name}" for name in inputs.tables.item_names]),
    "pair": _Group(lambda inputs: [f"pair_{name}" for name in inputs.tables.pair_names]),
    "segment": _Group(
        lambda inputs: [f"segment_{name}" for name in inputs.tables.segment_names], _segment
    ),
    "lists": _Group(_list_names),
    "tower": _Group(lambda inputs: ["tower_rank", "tower_score"]),
    "similar": _Group(lambda inputs: ["similar_to_last", "similar_most", "similar_mean"], _similar),
    "sequence": _Group(
        lambda inputs: [
            f"{way}_{of}" for way in ("follows", "precedes") for of in ("last", "most", "sum")
        ],
        _sequence,
    ),
    "content": _Group(lambda inputs: ["content_to_last", "content_to_history"], _content),
    "price": _Group(_price_names),
    "context": _Group(lambda inputs: ["weekday", "year_sin", "year_cos"]),
}
