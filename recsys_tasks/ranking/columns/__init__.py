"""The rankers' input: one function turns a block of candidates into rows of numbers, for training
and serving alike. One file a column group, in `groups`.
"""

from recsys_tasks.ranking.columns.base import COLUMN_GROUPS, column_packages
from recsys_tasks.ranking.columns.block import Block
from recsys_tasks.ranking.columns.matrix import (
    FeatureMatrix,
    column_names,
    feature_matrix,
    light_names,
)

__all__ = [
    "COLUMN_GROUPS",
    "Block",
    "FeatureMatrix",
    "column_names",
    "column_packages",
    "feature_matrix",
    "light_names",
]
