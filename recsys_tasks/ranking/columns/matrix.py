"""The matrix of the rankers' input, for training and serving.

A column group is computed only when one of its columns is asked for; the list-relative columns
(ranks among the user's candidates, standardised scores) always look at the whole list, so they do
not change when rows are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int64
from recsys_tasks.errors import ArtifactError, offenders
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns.base import ColumnGroup, fill_group, groups_and_names
from recsys_tasks.ranking.columns.block import Block, CandidateRows
from recsys_tasks.ranking.columns.lookups import LookedUp, look_up
from recsys_tasks.ranking.inputs import RankingInputs


@dataclass(frozen=True)
class FeatureMatrix:
    """`X [rows, f] float32` (NaN where unknown); row r is candidate (`user_row[r]`, `column[r]`) of
    its block.
    """

    names: tuple[str, ...]
    X: Float32
    user_row: Keys
    column: Keys


def feature_matrix(
    block: Block,
    names: Sequence[str] | None = None,
    keep: Bool | None = None,
    known: FeatureMatrix | None = None,
    packages: Mapping[str, str] | None = None,
) -> FeatureMatrix:
    """Rows for the candidates of a block, user by user, in the order of the candidates.

    `names` picks and orders the columns (default: all); `keep [n, c]` leaves candidates out; pads
    never have a row. `known`: a matrix of all the block's candidates, whose columns are copied
    instead of computed again. `packages`: column → the package that it came from in training.
    Raises ArtifactError when a name is of no column group.
    """
    wanted = tuple(names) if names is not None else column_names(block.inputs)
    rows = CandidateRows.of(block, block.there if keep is None else keep)
    target = {name: at for at, name in enumerate(wanted)}
    X = np.empty((len(rows), len(wanted)), np.float32)
    found = set() if known is None else {name for name in known.names if name in target}
    one_pass: dict[str, int] = {}
    for group, offered in groups_and_names(block.inputs):
        asked = [name for name in offered if name in target]
        if found.issuperset(asked):
            continue
        first = target[asked[0]]
        together = range(first, first + len(offered))
        if [target.get(name) for name in offered] != list(together):
            picked = [at for at, name in enumerate(offered) if name in target]
            X[:, [target[name] for name in asked]] = _apart(group, rows, len(offered))[:, picked]
        elif isinstance(group, LookedUp) and group.in_one_pass(block.inputs):
            one_pass[group.name] = first
        else:
            fill_group(group, rows, X[:, first : first + len(offered)])
        found.update(asked)
    _refuse_missing(wanted, found, block.inputs, packages or {})
    copied = None if known is None else (known.X, _runs(known.names, target))
    look_up(rows, one_pass, X, copied)
    return FeatureMatrix(wanted, X, rows.user_row, rows.column)


def column_names(inputs: RankingInputs) -> tuple[str, ...]:
    """Every column, in the order of the matrix."""
    return tuple(name for _, names in groups_and_names(inputs) for name in names)


def light_names(inputs: RankingInputs) -> tuple[str, ...]:
    """The columns of the light ranker, in its order (ColumnGroup.light_order)."""
    seen = [
        (group.light_order, group.name, names)
        for group, names in groups_and_names(inputs)
        if group.light_order is not None
    ]
    return tuple(name for _, _, names in sorted(seen) for name in names)


def _apart(group: ColumnGroup, rows: CandidateRows, width: int) -> Float32:
    """All columns of a group, of which the matrix has some, or in another order."""
    values = np.empty((len(rows), width), np.float32)
    fill_group(group, rows, values)
    return values


def _runs(names: Sequence[str], target: Mapping[str, int]) -> Int64:
    """Columns `names` of a known matrix that are columns `target` too, as runs (from, to, width) of
    neighbours, `[runs, 3]`.
    """
    runs: list[list[int]] = []
    for here, name in enumerate(names):
        there = target.get(name, -1)
        if (
            there >= 0
            and runs
            and (here, there) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2])
        ):
            runs[-1][2] += 1
        elif there >= 0:
            runs.append([here, there, 1])
    return np.array(runs, np.int64).reshape(-1, 3)


def _refuse_missing(
    wanted: Sequence[str], found: set[str], inputs: RankingInputs, packages: Mapping[str, str]
) -> None:
    """Raises ArtifactError when some wanted column is of no group."""
    missing = [name for name in wanted if name not in found]
    if not missing:
        return
    gone = sorted({packages[name] for name in missing if name in packages})
    raise ArtifactError(
        expected=f"the {len(wanted)} feature columns that the ranker was trained on",
        found=f"{len(missing)} missing: {offenders(missing)}",
        where=f"features at {inputs.cutoffs}",
        remedy=(
            f"install {', '.join(gone)} again, which had them when this release was trained, or"
            " train a release without them"
            if gone
            else "the feature settings changed since this release was trained: train a release with"
            " them"
        ),
    )
