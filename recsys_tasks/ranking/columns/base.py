"""Column groups: the interface of a group of the rankers' input columns, and the list of all
groups.

A built-in group is a file of `columns/groups` with an attribute `COLUMNS`; one of a user's own
package is an entry point of the group `nightshelf.columns` (docs/extending.md). Its columns are in
the examples of the next training, and so in its releases, which look their columns up by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.features.catalogue import column_packages as feature_packages
from recsys_tasks.ranking.columns.block import CandidateRows
from recsys_tasks.ranking.inputs import RankingInputs


class ColumnGroup(Protocol):
    """Columns of the rankers' input that are computed together."""

    @property
    def name(self) -> str:
        """Unique among the groups."""

    @property
    def order(self) -> int:
        """Where its columns stand in the matrix: ascending, ties by name. A tree's draws of
        features depend on it, so a group's order is never changed. Built-in groups stay below
        1000.
        """

    @property
    def light_order(self) -> int | None:
        """Where they stand among the light ranker's columns; None: only the heavy ranker sees
        them. The light ranker asks for every candidate: its columns should cost a look-up at most.
        """

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields of RankingInputs that may be None (`content`, `sequences`) and without which
        every value is NaN and `fill` is not called.
        """

    def names(self, inputs: RankingInputs) -> Sequence[str]:
        """Column names, in order; none where a shop has nothing to make them of."""

    def fill(self, rows: CandidateRows, out: Float32) -> None:
        """Fill `out [rows, w] float32`, a column a name, NaN where unknown.

        A value depends on the inputs, the user and the user's whole candidate list
        (`rows.block.candidates`) alone: not on which candidates are rows, nor on other users.
        """


@dataclass(frozen=True)
class Columns:
    """A column group made of two functions (see ColumnGroup)."""

    name: str
    order: int
    names: Callable[[RankingInputs], Sequence[str]]
    fill: Callable[[CandidateRows, Float32], None]
    light_order: int | None = None
    needs: tuple[str, ...] = ()


def _check(found: Any) -> None:
    """Raises TypeError for an object that is no ColumnGroup."""
    missing = [name for name in _MEMBERS if not hasattr(found, name)]
    if missing:
        raise TypeError(f"a column group needs {', '.join(_MEMBERS)}; it lacks {missing}")
    unknown = set(found.needs) - {field.name for field in fields(RankingInputs)}
    if unknown:
        raise TypeError(f"needs {sorted(unknown)}, which RankingInputs does not have")


_MEMBERS = ("name", "order", "light_order", "needs", "names", "fill")

COLUMN_GROUPS: ExtensionPoint[ColumnGroup] = ExtensionPoint(
    "column group", "nightshelf.columns", "recsys_tasks.ranking.columns.groups", "COLUMNS", _check
)


def groups_and_names(inputs: RankingInputs) -> list[tuple[ColumnGroup, tuple[str, ...]]]:
    """Every group with its column names at these inputs, in the order of the matrix.

    Raises ConfigError when two groups have a column of the same name.
    """
    groups = sorted(COLUMN_GROUPS, key=lambda group: (group.order, group.name))
    named = [(group, tuple(group.names(inputs))) for group in groups]
    owner: dict[str, str] = {}
    for group, names in named:
        for name in names:
            if owner.setdefault(name, group.name) != group.name:
                raise ConfigError(
                    expected="one column group a column name",
                    found=f"{name!r} of the groups {owner[name]!r} and {group.name!r}",
                    where="entry point group nightshelf.columns",
                    remedy="rename the column in the package that is your own",
                )
    return named


def column_packages(inputs: RankingInputs) -> dict[str, str]:
    """Column → distribution and version of the installed package that its group or its feature
    comes from; built-in columns are left out.
    """
    package = {name: found.package for name, found in COLUMN_GROUPS.found.items()}
    named = groups_and_names(inputs)
    packages = {name: package[group.name] for group, names in named for name in names}
    features = feature_packages()
    return {
        name: features.get(name, own) for name, own in packages.items() if own or name in features
    }


def fill_group(group: ColumnGroup, rows: CandidateRows, out: Float32) -> None:
    """Fill a group's columns `out [rows, w]`, NaN where what it needs is not there."""
    if any(getattr(rows.block.inputs, need) is None for need in group.needs):
        out[:] = np.nan
    else:
        group.fill(rows, out)
