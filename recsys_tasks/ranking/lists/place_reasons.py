"""Which columns moved the score of each place of some lists most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_tasks.arrays import Float32, Float64, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns import Block, FeatureMatrix, feature_matrix
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.contributions import boosters, contributions, strongest


@dataclass(frozen=True)
class PlaceReason:
    """One place of one list: parallel columns, the strongest first."""

    row: int
    """Row of `items` that was asked about."""
    rank: int
    """Place in the list, from 1."""
    item: int
    features: tuple[str, ...]
    values: tuple[float, ...]
    """What the column held; NaN where it was unknown."""
    contributions: tuple[float, ...]
    """By how much it moved the raw score, the objectives mixed by their weights."""


def place_reasons(
    recommender: Recommender, release: Artifact, users: Keys, items: Int32, most: int
) -> list[PlaceReason]:
    """The `most` strongest columns of each place of the lists `items [n, k]`, -1 pads, of
    `users [n] int32`, by the ranker of the release that orders them.

    A place whose item the ranker was not asked about, such as a promoted one, is left out; without
    a ranker all are.
    """
    rung = recommender.rung
    if rung == "retrieval" or recommender.ranker is None or not len(users):
        return []
    block = Block(recommender.inputs, recommender.inputs.retriever.block(users))
    ranker = recommender.ranker
    names = ranker.heavy_names if rung == "heavy" else ranker.light_names
    shown = np.array(
        [np.isin(c, own) for c, own in zip(block.candidates.items, items, strict=True)]
    )
    matrix = feature_matrix(block, names, shown, packages=ranker.column_packages)
    shares = [objective["weight"] for objective in ranker.facts["objectives"]]
    threads = recommender.snapshot.config.resources.threads
    moved = contributions(boosters(release, rung), shares, matrix.X, threads)
    return _places(block, matrix, items, moved, most)


def _places(
    block: Block, matrix: FeatureMatrix, items: Int32, moved: Float64, most: int
) -> list[PlaceReason]:
    found = []
    for at, (row, column) in enumerate(zip(matrix.user_row, matrix.column, strict=True)):
        item = block.candidates.items[row, column]
        (place,) = np.flatnonzero(items[row] == item)
        top = strongest(matrix.names, moved[at], most)
        found.append(
            PlaceReason(
                row=int(row),
                rank=int(place) + 1,
                item=int(item),
                features=tuple(name for name, _ in top),
                values=_values(matrix, matrix.X[at], [name for name, _ in top]),
                contributions=tuple(value for _, value in top),
            )
        )
    return sorted(found, key=lambda one: (one.row, one.rank))


def _values(matrix: FeatureMatrix, row: Float32, names: list[str]) -> tuple[float, ...]:
    return tuple(float(row[matrix.names.index(name)]) for name in names)
