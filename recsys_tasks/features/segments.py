"""Segments of the users: the values of one declared attribute, larger ones first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

MAX_SEGMENTS = 500


def segments(users: pd.DataFrame, segment_by: str | None) -> npt.NDArray[np.int32]:
    """Segment number of every user key, `[n_users] int32`: 0 is everyone else, larger segments
    first.
    """
    if segment_by is None:
        return np.zeros(len(users), np.int32)
    sizes = (
        users[segment_by]
        .value_counts()
        .reset_index()
        .sort_values(["count", segment_by], ascending=[False, True])
    )
    names = sizes[segment_by].to_numpy()[:MAX_SEGMENTS]
    return (pd.Index(names, dtype=object).get_indexer(users[segment_by].astype(object)) + 1).astype(
        np.int32
    )
