"""Attributes as they were known on a past night, by key, in a later night's table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from recsys_tasks.config import Attribute
from recsys_tasks.lake import Artifact

UNKNOWN = "unknown.json"
"""File of a snapshot: keys below the highest one that no table until that night has named."""


def with_past_values(
    frame: pd.DataFrame, night: Artifact, entity: str, attributes: Sequence[Attribute]
) -> pd.DataFrame:
    """A copy of `frame` (row number = key) in which each attribute that the `users` or `items` of
    `night`'s snapshot have is as it was there. What that night had not heard of keeps its values of
    now, and so do an attribute that was not declared then, titles and supplied vectors.
    """
    path = night.file(f"{entity}.parquet")
    there = pq.read_schema(path).names
    names = [
        a.name for a in attributes if a.name in there and a.name in frame and a.name != "title"
    ]
    if not names:
        return frame
    then = pq.read_table(path, columns=names).to_pandas().iloc[: len(frame)]
    heard_of = np.zeros(len(frame), bool)
    heard_of[: len(then)] = True
    if UNKNOWN in night.manifest["files"]:
        unknown: list[int] = json.loads(night.file(UNKNOWN).read_text())[entity]
        heard_of[[key for key in unknown if key < len(frame)]] = False
    padded = then.reindex(range(len(frame)))
    changed: dict[str, Any] = {
        name: padded[name].where(heard_of, frame[name])
        for name in names
        if is_numeric_dtype(then[name]) == is_numeric_dtype(frame[name])
    }
    return frame.assign(**changed)
