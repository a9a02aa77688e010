"""Segments of the users: the values of the declared attribute `users.segment_by`.

Models and generators keep a row of counts for each segment: `segments` numbers the largest, and 0
is everyone else. Fallback lists and figures by segment are of every value: `every_segment`.
"""

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


def every_segment(
    users: pd.DataFrame, segment_by: str | None
) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Code of every user key's segment, `[n_users] int32`, -1 for none, and the names by code."""
    if segment_by is None:
        return np.full(len(users), -1, np.int32), []
    codes, names = pd.factorize(users[segment_by].astype(object), sort=True)
    return codes.astype(np.int32), [str(name) for name in names]
